"""The charts: a tidy table in, a plotly figure out. Titles are sentences that state the finding.

Shared arguments: ``table`` is a DataFrame, one mark a row; ``label`` the column whose words stand at an axis
(None: the index); ``group`` the column that colours marks; ``percent`` shows a part of one as per cent; axis
titles are a few words. Nothing here knows what the numbers mean.

All have one look, with colours that colour-blind readers tell apart.
"""

from collections.abc import Collection, Iterator, Sequence
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

# Okabe & Ito (2008), darkened where a thin line on white needs a contrast of 3:1.
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
SEQUENCE = list(_NAMED)
COLOURS = {name: shade for shade, names in _NAMED.items() for name in names.split()}
COLOURS["not testable here"] = COLOURS["neutral"]
SYMBOLS = ["circle", "diamond", "square", "triangle-up"]
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_AXIS = {
    "automargin": True,
    "title": {"font": {"size": 14}},
    "gridcolor": "rgba(128,128,128,0.22)",
    "zerolinecolor": "rgba(128,128,128,0.55)",
}
_LAYOUT = {
    "font": {"family": _SANS, "size": 14, "color": "#1f2933"},
    "colorway": SEQUENCE,
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "hoverlabel": {"font": {"size": 13}},
    "legend": {"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0, "title": {"text": ""}},
    "title": {"x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 8}, "font": {"size": 16}},
    "margin": {"l": 8, "r": 12, "b": 8},
    "xaxis": _AXIS,
    "yaxis": _AXIS,
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


def _empty() -> go.Figure:
    """Return a figure with the house's look and nothing in it."""
    return go.Figure(layout=_LAYOUT).update_layout(template=None)


def _finish(figure, title, x_title, y_title="", *, percent_x=False, percent_y=False, height=420) -> go.Figure:
    """Give a figure its height (pixels, at least 300), axis titles, and its title, which states the finding;
    a legend with two or more names goes below the axis titles.
    """
    figure.update_xaxes(title_text=x_title, tickformat=".0%" if percent_x else None)
    figure.update_yaxes(title_text=y_title, tickformat=".0%" if percent_y else None)
    figure.update_layout(height=max(int(height), 300))
    names = [trace.name for trace in figure.data if trace.showlegend is not False and trace.name]
    if len(names) > 1:  # the legend at the foot, clear of the axis title also where it wraps on a phone
        rows = -(-sum(7 * len(name) + 50 for name in names) // 360)
        figure.update_layout(
            showlegend=True, legend={"yref": "container", "y": 0.01, "yanchor": "bottom"},
            margin={"b": 56 + 22 * rows}, height=figure.layout.height + 22 * rows,
        )  # fmt: skip
    return titled(figure, title[:1].upper() + title[1:])


_GREY = COLOURS["neutral"]
_DASHED = {"dash": "dash", "width": 1, "color": _GREY}
_SIDES = {  # sign of the stance -> words, symbol, colour
    -1: ("for the product", "square", "product"),
    1: ("for the experience", "circle", "experience"),
    0: ("neither", "diamond", "neutral"),
}
_LINKS = {"support": ("solid", "good"), "attack": ("dash", "bad")}


def dots(
    table: pd.DataFrame, *, x_title: str, title: str = "", label: str | None = None, group: str | None = None,
    value: str = "estimate", low: str = "low", high: str = "high", reference: float | None = 0.0,
    band: tuple[float, float] | None = None, percent: bool = False,
) -> go.Figure:  # fmt: skip
    """Rows of dots with intervals, from top to bottom; groups side by side, told apart by shape and colour.

    ``reference`` is a dashed line (no effect), ``band`` a grey zone (too small to matter). Rows without
    limits have a dot alone.
    """
    labels = list(dict.fromkeys(_names(table, label)))
    places = {name: len(labels) - i for i, name in enumerate(labels)}
    written = [wrapped(name, 26) for name in labels]
    figure, groups = _empty(), list(_groups(table, group))
    for i, word, part in groups:
        rows, shade = _names(part, label), colour(word, i)
        shift = 0.36 * (0.5 - i / (len(groups) - 1)) if len(groups) > 1 else 0.0
        marks = shade if group else [colour(name) for name in rows]
        figure.add_scatter(
            x=part[value].tolist(), y=[places[name] + shift for name in rows], mode="markers", name=word,
            showlegend=len(groups) > 1, marker={"color": marks, "size": 11, "symbol": SYMBOLS[i % 4]},
            error_x=_whiskers(part, value, low, high, shade if group else _GREY),
            text=[f"{name}: {_show(v, percent)}" for name, v in zip(rows, part[value], strict=True)],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    if band:
        figure.add_vrect(x0=band[0], x1=band[1], fillcolor=rgba(_GREY, 0.16), line_width=0, layer="below")
    if reference is not None:
        figure.add_vline(x=reference, line=_DASHED)
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(
        tickvals=list(places.values()), ticktext=written, range=[0.4, len(labels) + 0.6], zeroline=False,
        showgrid=False,
    )  # fmt: skip
    row = max(36 * max(1, 0.6 * len(groups)), 17 * _lines(written) + 8)
    return _finish(figure, title, x_title, percent_x=percent, height=150 + row * len(labels))


def bars(
    table: pd.DataFrame, *, x_title: str, title: str = "", label: str | None = None,
    value: str | Sequence[str] = "estimate", percent: bool = False, stacked: bool = False,
) -> go.Figure:  # fmt: skip
    """Horizontal bars, from top to bottom; several ``value`` columns are grouped, or stacked.

    Whiskers where one value is drawn and ``low`` and ``high`` are columns; a column of nothing is left out.
    """
    labels, single = _names(table, label), isinstance(value, str)
    columns = [value] if single else [c for c in value if table[c].any()] or list(value)[:1]
    figure, written = _empty(), [wrapped(name, 26) for name in labels]
    for i, column in enumerate(columns):
        figure.add_bar(
            y=written, x=table[column].tolist(), orientation="h", name=str(column), showlegend=not single,
            marker={"color": [colour(name) for name in labels] if single else colour(column, i)},
            error_x=_whiskers(table, column, "low", "high", "#1f2933") if single else None,
            text=[_show(v, percent) for v in table[column]],
            textposition="none" if single and "low" in table else "auto",
            hovertemplate="%{y}: %{text}<extra>" + ("" if single else str(column)) + "</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack" if stacked else "group", bargap=0.3)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    each = max(38 if stacked else 20 * len(columns) + 16, 17 * _lines(written) + 8)
    return _finish(figure, title, x_title, percent_x=percent, height=150 + each * len(table))


def funnel(table: pd.DataFrame, *, title: str = "") -> go.Figure:
    """``customers`` left at each ``step``, as bars from top to bottom with their part of the first step."""
    left = table[["step", "customers"]]
    parts = left["customers"] / left["customers"].head(1).clip(lower=1).sum()
    text = [f"{n:,.0f} ({_show(part, True)})" for n, part in zip(left["customers"], parts, strict=True)]
    figure = bars(left, title=title, x_title="customers", label="step", value="customers")
    return figure.update_traces(text=text, marker_color=colour(""))


def lines(
    table: pd.DataFrame, *, x: str, y: str, x_title: str, y_title: str, title: str = "",
    group: str | None = None, mark: float | None = None, mark_label: str = "",
    reference: float | None = None, percent: bool = False, steps: bool = False,
) -> go.Figure:  # fmt: skip
    """Lines with bands where ``low`` and ``high`` are columns: a curve over time or over a parameter.

    ``mark`` is a vertical line (where these data stand) with its ``mark_label``; ``reference`` a horizontal
    one; ``steps`` draws a step function.
    """
    figure, shape = _empty(), "hv" if steps else "linear"
    for i, word, rows in _groups(table, group):
        part, shade = rows.sort_values(x, kind="stable"), colour(word, i)
        if "low" in part and part["low"].notna().any():
            for side, fill in (("low", None), ("high", "tonexty")):
                figure.add_scatter(
                    x=part[x].tolist(), y=part[side].tolist(), mode="lines", fill=fill, showlegend=False,
                    line={"width": 0, "shape": shape}, fillcolor=rgba(shade, 0.16), hoverinfo="skip",
                    legendgroup=word,
                )  # fmt: skip
        dash = ["solid", "dash", "dot", "dashdot"][i % 4]
        figure.add_scatter(
            x=part[x].tolist(), y=part[y].tolist(), mode="lines" if len(part) > 40 else "lines+markers",
            name=word, legendgroup=word, showlegend=bool(group) and table[group].nunique() > 1,
            line={"color": shade, "width": 2.5, "shape": shape, "dash": dash}, marker={"size": 6},
            text=[_show(v, percent) for v in part[y]],
            hovertemplate="%{x}: %{text}<extra>" + word + "</extra>",
        )  # fmt: skip
    if mark is not None:
        line = {"dash": "dot", "width": 1.5, "color": COLOURS["highlight"]}
        figure.add_vline(x=mark, line=line, annotation_text=mark_label, annotation_position="top")
    if reference is not None:
        figure.add_hline(y=reference, line=_DASHED)
    return _finish(figure, title, x_title, y_title, percent_y=percent)


def heat(
    table: pd.DataFrame, *, title: str = "", x_title: str = "", y_title: str = "", percent: bool = False,
    middle: float | None = None, words: Sequence[Sequence[str]] | None = None,
) -> go.Figure:  # fmt: skip
    """A heat map of a wide table: one cell a row (index) and column, its value written in it.

    ``middle`` makes the scale diverge there (blue below, orange above); ``words`` are written instead of
    values.
    """
    values = table.to_numpy(dtype=float)
    scale, limits = [[0, "#E8F1F8"], [1, "#0072B2"]], {}
    if middle is not None:
        reach = (float(np.nanmax(np.abs(values - middle))) if np.isfinite(values).any() else 0.0) or 1.0
        scale = [[0, "#0072B2"], [0.5, "#ffffff"], [1, "#C4500A"]]
        limits = {"zmin": middle - reach, "zmax": middle + reach}
    written = words or [[_show(v, percent) if np.isfinite(v) else "" for v in row] for row in values]
    rows = [wrapped(name, 40) for name in table.index]
    figure = _empty().add_heatmap(
        z=[[v if np.isfinite(v) else None for v in row] for row in values.tolist()],
        x=[wrapped(name, 14) for name in table.columns], y=rows, text=written, texttemplate="%{text}",
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>", colorscale=scale, showscale=False, xgap=2, ygap=2,
        **limits,
    )  # fmt: skip
    figure.update_xaxes(side="bottom", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return _finish(figure, title, x_title, y_title, height=170 + max(40, 18 * _lines(rows) + 8) * len(table))


def scatter(
    table: pd.DataFrame, *, x: str, y: str, x_title: str, y_title: str, title: str = "",
    label: str | None = None, group: str | None = None, named: bool = False,
    bands: pd.DataFrame | None = None, cross: tuple[float, float] | None = None,
    corners: Sequence[str] = (), percent: bool = False, percent_x: bool = False, log_x: bool = False,
) -> go.Figure:  # fmt: skip
    """Points in a plane: importance against performance, or a funnel plot.

    ``named`` writes each point's label beside it (up to 30 points); ``bands`` are control limits, column
    ``x`` and a column a dashed line; ``cross`` splits the plane at a point, and ``corners`` are its four
    words: top left, top right, bottom left, bottom right.
    """
    figure = _empty()
    for i, word, part in _groups(table, group):
        figure.add_scatter(
            x=part[x].tolist(), y=part[y].tolist(), name=word, cliponaxis=False, textfont={"size": 12},
            mode="markers+text" if named and len(table) <= 30 else "markers",
            text=[wrapped(name, 22) for name in _names(part, label)],
            textposition=["top center", "bottom center"][i % 2] if named else None,
            showlegend=bool(group) and table[group].nunique() > 1,
            marker={"color": colour(word, i), "size": 9 if len(table) < 200 else 5, "symbol": SYMBOLS[i % 4],
                    "opacity": 0.85},
            customdata=[[_show(a, percent_x), _show(b, percent)] for a, b in part[[x, y]].to_numpy()],
            hovertemplate="%{text}: %{customdata[0]}, %{customdata[1]}<extra></extra>",
        )  # fmt: skip
    for column in [] if bands is None else bands.columns.drop(x):
        figure.add_scatter(
            x=bands[x].tolist(), y=bands[column].tolist(), mode="lines", name=str(column), hoverinfo="skip",
            line=_DASHED | {"width": 1.2}, showlegend=False,
        )  # fmt: skip
    if named and len(table):  # room for the words beside the outermost points
        for axis, column in (("xaxis", x), ("yaxis", y)):
            low, high = float(table[column].min()), float(table[column].max())
            reach = 0.16 * (high - low or 1.0)
            figure.update_layout({f"{axis}_range": [low - reach, high + reach]})
    if cross:
        figure.add_vline(x=cross[0], line={"width": 1, "color": _GREY})
        figure.add_hline(y=cross[1], line={"width": 1, "color": _GREY})
    for words, (left, top) in zip(corners, ((0, 1), (1, 1), (0, 0), (1, 0)), strict=False):
        figure.add_annotation(
            text=words, xref="paper", yref="paper", x=left, y=top, showarrow=False,
            font={"size": 12},
            xanchor=["left", "right"][left], yanchor=["bottom", "top"][top],
        )  # fmt: skip
    figure.update_xaxes(type="log" if log_x else None)
    return _finish(figure, title, x_title, y_title, percent_x=percent_x, percent_y=percent, height=460)


def claims_map(
    claims: pd.DataFrame, links: pd.DataFrame, *, title: str = "", chosen: Collection[str] = ()
) -> go.Figure:
    """A debate as a map: claims along the thread, a lane a speaker, and who supports or attacks whom.

    ``claims`` has ``claim_id speaker location paraphrase stance_drivers`` in the order of the thread (a
    location is "post" or "comment N"), ``links`` ``from_claim to_claim relation`` (support or attack).
    ``chosen`` claims are drawn large, with their links and what those lead to, all others faint; by default
    everything.
    """
    place = pd.to_numeric(claims["location"].str.extract(r"(\d+)")[0]).fillna(0)
    within = claims.groupby("location", sort=False).cumcount()
    size = claims.groupby("location")["claim_id"].transform("size")
    lanes = {speaker: -i for i, speaker in enumerate(dict.fromkeys(claims["speaker"]))}
    table = claims.assign(
        x=(place + 0.85 * within / size).round(3),
        y=claims["speaker"].map(lanes) + 0.22 * (within % 3 - 1),
        side=np.sign(claims["stance_drivers"].astype(float).fillna(0)),
    ).set_index("claim_id")
    chosen = set(chosen) or set(table.index)
    shown = links[links["from_claim"].isin(chosen) | links["to_claim"].isin(chosen)]
    near = table.index.isin(chosen | set(shown["from_claim"]) | set(shown["to_claim"]))
    figure = _empty()
    figure.add_scatter(
        x=table.x[~near].tolist(), y=table.y[~near].tolist(), mode="markers", showlegend=False,
        hoverinfo="skip", marker={"size": 5, "color": rgba(_GREY, 0.35)},
    )  # fmt: skip
    for relation, (dash, shade) in _LINKS.items():
        rows = shown[shown["relation"] == relation]
        pairs = list(zip(rows["from_claim"], rows["to_claim"], strict=True))
        x, y = ([at for a, b in pairs for at in (*table.loc[[a, b], axis], None)] for axis in "xy")
        line = {"width": 1.2, "dash": dash, "color": COLOURS[shade]}
        figure.add_scatter(x=x, y=y, mode="lines", name=relation, opacity=0.5, hoverinfo="skip", line=line)
    for sign, (side, symbol, shade) in _SIDES.items():
        part = table[near & (table["side"] == sign).to_numpy()]
        sizes = [11 if claim in chosen else 7 for claim in part.index]
        said = zip(part["speaker"], part["location"], part["paraphrase"], strict=True)
        figure.add_scatter(
            x=part["x"].tolist(), y=part["y"].tolist(), mode="markers", name=side,
            text=[f"{who}, {where}:<br>{'<br>'.join(wrap(words, 46))}" for who, where, words in said],
            marker={"symbol": symbol, "size": sizes, "color": COLOURS[shade],
                    "line": {"width": 1, "color": "white"}},
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_yaxes(tickvals=list(lanes.values()), ticktext=list(lanes), zeroline=False)
    last = int(place.max())
    ticks = sorted({0, *range(5, last + 1, 5), last})
    words = ["post", *(f"comment {tick}" if tick == last else str(tick) for tick in ticks[1:])]
    figure.update_xaxes(tickvals=ticks, ticktext=words, zeroline=False)
    return _finish(figure, title, "place in the thread", height=520)


def _names(table: pd.DataFrame, label: str | None) -> list[str]:
    return [str(name) for name in (table.index if label is None else table[label])]


def _groups(table: pd.DataFrame, group: str | None) -> Iterator[tuple[int, str, pd.DataFrame]]:
    """Yield number, name and rows of each group, or all rows under no name."""
    for i, one in enumerate(dict.fromkeys(table[group]) if group else [""]):
        yield i, str(one), table[table[group] == one] if group else table


def _lines(written: Sequence[str]) -> int:
    return max((text.count("<br>") + 1 for text in written), default=1)


def _whiskers(table: pd.DataFrame, value: str, low: str, high: str, shade: str) -> dict | None:
    if low not in table or high not in table or table[low].isna().all():
        return None
    above, below = (table[high] - table[value]).clip(lower=0), (table[value] - table[low]).clip(lower=0)
    return {
        "type": "data", "symmetric": False, "array": above.fillna(0).tolist(),
        "arrayminus": below.fillna(0).tolist(), "thickness": 2, "width": 5, "color": shade,
    }  # fmt: skip


def _show(value: float, percent: bool) -> str:
    if not np.isfinite(value):
        return "not known"
    if percent:
        return f"{100 * value:.0f} %" if abs(value) >= 0.0195 or value == 0 else f"{100 * value:.1f} %"
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.2f}"
