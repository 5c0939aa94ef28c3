"""One look for every figure: colours that colour-blind readers tell apart, and the finishing touches."""

from __future__ import annotations

import plotly.graph_objects as go

__all__ = ["COLOURS", "SEQUENCE", "finish", "rgba"]

# Okabe & Ito (2008), darkened where a thin line on white needs a contrast of 3:1.
SEQUENCE = ["#0072B2", "#C4500A", "#00805E", "#A8528F", "#8A6A00", "#2F86B7", "#6B6B6B", "#5D3A9B"]
COLOURS = {
    "product": "#0072B2",
    "experience": "#C4500A",
    "shared": "#6B6B6B",
    "price": "#8A6A00",
    "image": "#A8528F",
    "brand": "#A8528F",
    "value": "#8A6A00",
    "trust": "#5D3A9B",
    "expectation": "#2F86B7",
    "other": "#6B6B6B",
    "good": "#00805E",
    "bad": "#C4500A",
    "neutral": "#6B6B6B",
    "highlight": "#5D3A9B",
}

_LAYOUT = {
    "font": {
        "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
        "size": 13,
        "color": "#1f2933",
    },
    "colorway": SEQUENCE,
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "hoverlabel": {"font": {"size": 13}},
    "legend": {"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0, "title": {"text": ""}},
    "margin": {"l": 8, "r": 12, "t": 64, "b": 8},
}
_AXIS = {"automargin": True, "gridcolor": "rgba(128,128,128,0.22)", "zerolinecolor": "rgba(128,128,128,0.55)"}


def rgba(colour: str, alpha: float) -> str:
    """Return a ``#rrggbb`` colour as ``rgba(...)`` with ``alpha`` in 0..1."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def finish(
    figure: go.Figure, *, title: str, description: str, simulated: bool = False, height: int | None = None
) -> go.Figure:
    """Give a figure the workbook's look, its title and the text that a screen reader speaks.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        Changed in place and returned.
    title : str
        What the chart shows, in a few words; wrapped at about 60 characters.
    description : str
        One or two sentences for readers who cannot see it: what is drawn and how to read it.
    simulated : bool
        Stamps 'simulated data' on the figure.
    height : int, optional
        Pixels; the default grows with nothing (420).

    Returns
    -------
    plotly.graph_objects.Figure
        With ``layout.meta["description"]`` set.
    """
    text = _wrap(title)
    if simulated:
        text += "<br><span style='font-size:12px'>simulated data</span>"
    house = _LAYOUT | {
        "title": {
            "text": text,
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "pad": {"l": 8},
            "font": {"size": 16},
        },
        "margin": _LAYOUT["margin"] | {"t": 44 + 20 * (text.count("<br>") + 1)},
        "height": height or 420,
        "meta": {"description": description, "simulated": simulated},
    }
    figure.update_layout(template=None)
    layout = figure.layout.to_plotly_json()
    axes = {name: _AXIS for name in ["xaxis", "yaxis", *layout] if name[1:5] == "axis"}
    # Set as a whole: plotly checks an update piece by piece, which took most of the time of a small chart.
    figure.layout = _merged(layout, house | axes)
    return figure


def _merged(old: dict, new: dict) -> dict:
    return old | {
        key: _merged(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }


def _wrap(text: str, width: int = 46) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)
