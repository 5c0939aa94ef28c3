"""One look for every figure: colours that colour-blind readers tell apart, and the finishing touches."""

from textwrap import wrap

import plotly.graph_objects as go

# Okabe & Ito (2008), darkened where a thin line on white needs a contrast of 3:1.
SEQUENCE = ["#0072B2", "#C4500A", "#00805E", "#A8528F", "#8A6A00", "#2F86B7", "#6B6B6B", "#5D3A9B"]
_NAMED = {
    "#0072B2": "product",
    "#C4500A": "experience bad refuted",
    "#00805E": "good supported",
    "#A8528F": "image brand",
    "#8A6A00": "price value mixed",
    "#2F86B7": "expectation undecided",
    "#6B6B6B": "shared other neutral",
    "#5D3A9B": "trust highlight",
}
COLOURS = {name: shade for shade, names in _NAMED.items() for name in names.split()}
COLOURS["not testable here"] = COLOURS["neutral"]
SYMBOLS = ["circle", "diamond", "square", "triangle-up"]
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_LAYOUT = {
    "font": {"family": _SANS, "size": 14, "color": "#1f2933"},
    "colorway": SEQUENCE,
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "hoverlabel": {"font": {"size": 13}},
    "legend": {"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0, "title": {"text": ""}},
}
_TITLE = {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 8}, "font": {"size": 16}}
_AXIS = {
    "automargin": True,
    "title": {"font": {"size": 14}},
    "gridcolor": "rgba(128,128,128,0.22)",
    "zerolinecolor": "rgba(128,128,128,0.55)",
}


def colour(name: object, at: int = 0) -> str:
    """Return the colour of a side or verdict, else the next of the sequence."""
    return COLOURS.get(str(name).lower(), SEQUENCE[at % len(SEQUENCE)])


def rgba(colour: str, alpha: float) -> str:
    """Return a ``#rrggbb`` colour as ``rgba(...)`` with ``alpha`` in 0..1."""
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red},{green},{blue},{alpha:g})"


def wrapped(text: object, width: int = 24) -> str:
    """Return a text in lines of at most ``width`` characters where words allow; its markup is escaped."""
    safe = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    kept = safe.replace(" %", "\0%")  # a number stays with its sign
    return "<br>".join(wrap(kept, width)).replace("\0", " ") or safe


def titled(figure: go.Figure, title: str) -> go.Figure:
    """Give a finished figure its title, and the room that it needs; changed in place and returned."""
    text = wrapped(title, 62)
    return figure.update_layout(title_text=text, margin_t=58 + 22 * text.count("<br>"))


def finish(figure: go.Figure, *, title: str = "", height: int = 420) -> go.Figure:
    """Give a figure the house's look and its title, which states the finding; changed in place and returned.

    ``height`` is in pixels, at least 300. A legend with two or more names goes below the axis titles.
    """
    house = _LAYOUT | {"title": _TITLE, "margin": {"l": 8, "r": 12, "b": 8}, "height": max(height, 300)}
    figure.update_layout(template=None)
    layout = figure.layout.to_plotly_json()
    axes = {name: _AXIS for name in ["xaxis", "yaxis", *layout] if name[1:5] == "axis"}
    # Set as a whole: plotly checks an update piece by piece, which took most of the time of a small chart.
    figure.layout = _merged(layout, house | axes)
    names = [trace.name for trace in figure.data if trace.showlegend is not False and trace.name]
    if len(names) > 1:  # the legend at the foot, clear of the axis title also where it wraps on a phone
        rows = -(-sum(7 * len(name) + 50 for name in names) // 360)
        figure.update_layout(
            showlegend=True, legend={"yref": "container", "y": 0.01, "yanchor": "bottom"},
            margin={"b": 56 + 22 * rows}, height=figure.layout.height + 22 * rows,
        )  # fmt: skip
    return titled(figure, title[:1].upper() + title[1:])


def _merged(old: dict, new: dict) -> dict:
    return old | {
        key: _merged(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }
