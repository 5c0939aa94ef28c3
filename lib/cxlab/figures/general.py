"""The general charts: a tidy table in, a plotly figure out. Titles are sentences that state the finding.

Shared arguments: ``table`` is a DataFrame, one mark a row; ``label`` the column whose words stand at an axis
(None: the index); ``group`` the column that colours marks; ``percent`` shows a part of one as per cent; axis
titles are a few words. Nothing here knows what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cxlab.figures.style import COLOURS, SYMBOLS, colour, finish, rgba, wrapped


def dots(
    table: pd.DataFrame,
    *,
    title: str,
    x_title: str,
    label: str | None = None,
    group: str | None = None,
    value: str = "estimate",
    low: str = "low",
    high: str = "high",
    reference: float | None = 0.0,
    band: tuple[float, float] | None = None,
    percent: bool = False,
) -> go.Figure:
    """Rows of dots with intervals, from top to bottom; groups side by side, told apart by shape and colour.

    ``reference`` is a dashed line (no effect), ``band`` a grey zone (too small to matter). Rows without
    limits have a dot alone.
    """
    names = _names(table, label)
    labels = list(dict.fromkeys(names))
    groups = list(dict.fromkeys(table[group])) if group else [None]
    places = {name: len(labels) - i for i, name in enumerate(labels)}
    figure = go.Figure()
    for i, one in enumerate(groups):
        mine = np.ones(len(table), bool) if one is None else (table[group] == one).to_numpy()
        part, rows = table[mine], [name for name, keep in zip(names, mine, strict=True) if keep]
        shift = 0.0 if len(groups) == 1 else 0.36 * (0.5 - i / (len(groups) - 1))
        shade = colour(one, i)
        marks = [colour(name, 0) for name in rows] if one is None else shade
        figure.add_scatter(
            x=part[value].tolist(),
            y=[places[name] + shift for name in rows],
            mode="markers",
            name=str(one) if one is not None else "",
            showlegend=len(groups) > 1,
            marker={"color": marks, "size": 11, "symbol": SYMBOLS[i % len(SYMBOLS)]},
            error_x=_whiskers(part, value, low, high, shade if one is not None else COLOURS["neutral"]),
            text=[f"{name}: {_show(v, percent)}" for name, v in zip(rows, part[value], strict=True)],
            hovertemplate="%{text}<extra></extra>",
        )
    if band:
        figure.add_vrect(
            x0=band[0], x1=band[1], fillcolor=rgba(COLOURS["neutral"], 0.16), line_width=0, layer="below"
        )
    if reference is not None:
        figure.add_vline(x=reference, line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]})
    written = [wrapped(name, 26) for name in labels]
    row = max(36 * max(1, 0.6 * len(groups)), 17 * max((t.count("<br>") + 1 for t in written), default=1) + 8)
    figure.update_xaxes(title={"text": x_title}, tickformat=".0%" if percent else None, zeroline=False)
    figure.update_yaxes(
        tickvals=list(places.values()),
        ticktext=written,
        range=[0.4, len(labels) + 0.6],
        zeroline=False,
        showgrid=False,
    )
    return finish(figure, title=title, height=int(150 + row * len(labels)))


def bars(
    table: pd.DataFrame,
    *,
    title: str,
    x_title: str,
    label: str | None = None,
    value: str | Sequence[str] = "estimate",
    low: str = "low",
    high: str = "high",
    names: Mapping[str, str] | None = None,
    percent: bool = False,
    stacked: bool = False,
) -> go.Figure:
    """Horizontal bars, from top to bottom; several ``value`` columns are grouped, or stacked.

    ``names`` gives the words of the columns in the legend. Whiskers where ``low`` and ``high`` are columns
    and one value is drawn.
    """
    labels = _names(table, label)
    columns = [value] if isinstance(value, str) else list(value)
    written = [wrapped(name, 26) for name in labels]
    figure = go.Figure()
    for i, column in enumerate(columns):
        word = (names or {}).get(column, str(column))
        single = len(columns) == 1
        figure.add_bar(
            y=written,
            x=table[column].tolist(),
            orientation="h",
            name=word,
            showlegend=not single,
            marker={"color": [colour(name, 0) for name in labels] if single else colour(column, i)},
            error_x=_whiskers(table, column, low, high, "#1f2933") if single else None,
            text=[_show(v, percent) for v in table[column]],
            textposition="none" if single and low in table else "auto",
            hovertemplate="%{y}: %{text}<extra>" + ("" if single else word) + "</extra>",
        )
    figure.update_layout(barmode="stack" if stacked else "group", bargap=0.3)
    figure.update_xaxes(title={"text": x_title}, tickformat=".0%" if percent else None)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    lines = max((text.count("<br>") + 1 for text in written), default=1)
    each = max(38 if stacked else 20 * len(columns) + 16, 17 * lines + 8)
    return finish(figure, title=title, height=int(150 + each * len(table)))


def lines(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    title: str,
    x_title: str,
    y_title: str,
    group: str | None = None,
    low: str = "low",
    high: str = "high",
    mark: float | None = None,
    mark_label: str = "",
    reference: float | None = None,
    percent: bool = False,
    percent_x: bool = False,
    steps: bool = False,
) -> go.Figure:
    """Lines with bands where ``low`` and ``high`` are columns: a curve over time or over a parameter.

    ``mark`` is a vertical line (where these data stand) with its ``mark_label``; ``reference`` a horizontal
    one; ``steps`` draws a step function.
    """
    figure = go.Figure()
    groups = list(dict.fromkeys(table[group])) if group else [None]
    shape = "hv" if steps else "linear"
    for i, one in enumerate(groups):
        part = (table if one is None else table[table[group] == one]).sort_values(x, kind="stable")
        shade, word = colour(one, i), "" if one is None else str(one)
        if low in part and part[low].notna().any():
            for side, fill in ((low, None), (high, "tonexty")):
                figure.add_scatter(
                    x=part[x].tolist(), y=part[side].tolist(), mode="lines", fill=fill, showlegend=False,
                    line={"width": 0, "shape": shape}, fillcolor=rgba(shade, 0.16), hoverinfo="skip",
                    legendgroup=word,
                )  # fmt: skip
        figure.add_scatter(
            x=part[x].tolist(),
            y=part[y].tolist(),
            mode="lines" if len(part) > 40 else "lines+markers",
            name=word,
            legendgroup=word,
            showlegend=len(groups) > 1,
            line={
                "color": shade,
                "width": 2.5,
                "shape": shape,
                "dash": ["solid", "dash", "dot", "dashdot"][i % 4],
            },
            marker={"size": 6},
            text=[_show(v, percent) for v in part[y]],
            hovertemplate="%{x}: %{text}<extra>" + word + "</extra>",
        )
    if mark is not None:
        figure.add_vline(
            x=mark, line={"dash": "dot", "width": 1.5, "color": COLOURS["highlight"]},
            annotation_text=mark_label, annotation_position="top",
        )  # fmt: skip
    if reference is not None:
        figure.add_hline(y=reference, line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]})
    figure.update_xaxes(title={"text": x_title}, tickformat=".0%" if percent_x else None)
    figure.update_yaxes(title={"text": y_title}, tickformat=".0%" if percent else None)
    return finish(figure, title=title)


def heat(
    table: pd.DataFrame,
    *,
    title: str,
    x_title: str = "",
    y_title: str = "",
    percent: bool = False,
    middle: float | None = None,
    text: bool = True,
    words: Sequence[Sequence[str]] | None = None,
) -> go.Figure:
    """A heat map of a wide table: one cell a row (index) and column, its value written in it.

    ``middle`` makes the scale diverge there (blue below, orange above); ``words`` are written instead of
    values.
    """
    values = table.to_numpy(dtype=float)
    blues, oranges = ("#0072B2", "#E8F1F8"), ("#FBE9DD", "#C4500A")
    scale = [[0, blues[1]], [1, blues[0]]]
    limits = {}
    if middle is not None:
        reach = float(np.nanmax(np.abs(values - middle))) if np.isfinite(values).any() else 1.0
        scale = [[0, blues[0]], [0.5, "#ffffff"], [1, oranges[1]]]
        limits = {"zmin": middle - (reach or 1.0), "zmax": middle + (reach or 1.0)}
    written = words or [[_show(v, percent) if np.isfinite(v) else "" for v in row] for row in values]
    rows = [wrapped(name, 40) for name in table.index]
    figure = go.Figure(
        go.Heatmap(
            z=[[v if np.isfinite(v) else None for v in row] for row in values.tolist()],
            x=[wrapped(name, 14) for name in table.columns],
            y=rows,
            text=written,
            texttemplate="%{text}" if text else None,
            hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
            colorscale=scale,
            showscale=not text,
            colorbar={"tickformat": ".0%" if percent else None, "thickness": 14},
            xgap=2,
            ygap=2,
            **limits,
        )
    )
    figure.update_xaxes(title={"text": x_title}, side="bottom", showgrid=False)
    figure.update_yaxes(title={"text": y_title}, autorange="reversed", showgrid=False)
    each = max(40, 18 * max((row.count("<br>") + 1 for row in rows), default=1) + 8)
    return finish(figure, title=title, height=170 + each * len(table))


def scatter(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    title: str,
    x_title: str,
    y_title: str,
    label: str | None = None,
    group: str | None = None,
    size: str | None = None,
    named: bool = False,
    bands: pd.DataFrame | None = None,
    cross: tuple[float, float] | None = None,
    corners: Sequence[str] = (),
    percent: bool = False,
    percent_x: bool = False,
    log_x: bool = False,
) -> go.Figure:
    """Points in a plane: importance against performance, a funnel plot, a staircase.

    Parameters
    ----------
    named : bool
        Writes each point's label beside it (up to 30 points).
    bands : DataFrame, optional
        Control limits: column ``x`` and further columns, a dashed line each, named by the column.
    cross, corners
        Splits the plane at a point; four words: top left, top right, bottom left, bottom right.
    size : str, optional
        Column whose value sets a point's area.
    """
    names = _names(table, label)
    figure = go.Figure()
    groups = list(dict.fromkeys(table[group])) if group else [None]
    biggest = float(table[size].max()) if size and len(table) else 1.0
    for i, one in enumerate(groups):
        mine = np.ones(len(table), bool) if one is None else (table[group] == one).to_numpy()
        part, rows = table[mine], [name for name, keep in zip(names, mine, strict=True) if keep]
        kind = go.Scattergl if len(table) > 2000 else go.Scatter
        sizes = [6 + 24 * (v / biggest) ** 0.5 for v in part[size]] if size else 9 if len(table) < 200 else 5
        figure.add_trace(
            kind(
                x=part[x].tolist(),
                y=part[y].tolist(),
                mode="markers+text" if named and len(table) <= 30 else "markers",
                text=[wrapped(name, 22) for name in rows],
                textposition=["top center", "bottom center"][i % 2] if named else None,
                textfont={"size": 12},
                name="" if one is None else str(one),
                showlegend=len(groups) > 1,
                cliponaxis=False,
                marker={
                    "color": colour(one, i),
                    "size": sizes,
                    "symbol": SYMBOLS[i % len(SYMBOLS)],
                    "opacity": 0.85,
                },
                customdata=[
                    [_show(a, percent_x), _show(b, percent)] for a, b in zip(part[x], part[y], strict=True)
                ],
                hovertemplate="%{text}: %{customdata[0]}, %{customdata[1]}<extra></extra>",
            )
        )
    for column in [] if bands is None else bands.columns.drop(x):
        figure.add_scatter(
            x=bands[x].tolist(), y=bands[column].tolist(), mode="lines", name=str(column), hoverinfo="skip",
            line={"dash": "dash", "width": 1.2, "color": COLOURS["neutral"]}, showlegend=False,
        )  # fmt: skip
    if named and len(table) and not log_x:  # room for the words beside the outermost points
        reach = 0.14 * (float(table[x].max() - table[x].min()) or 1.0)
        figure.update_xaxes(range=[float(table[x].min()) - reach, float(table[x].max()) + reach])
    if cross:
        figure.add_vline(x=cross[0], line={"width": 1, "color": COLOURS["neutral"]})
        figure.add_hline(y=cross[1], line={"width": 1, "color": COLOURS["neutral"]})
    for words, (left, top) in zip(corners, ((0, 1), (1, 1), (0, 0), (1, 0)), strict=False):
        figure.add_annotation(
            text=words, xref="paper", yref="paper", x=left, y=top, showarrow=False,
            font={"size": 12, "color": "#52606d"},
            xanchor=["left", "right"][left], yanchor=["bottom", "top"][top],
        )  # fmt: skip
    figure.update_xaxes(
        title={"text": x_title}, tickformat=".0%" if percent_x else None, type="log" if log_x else None
    )
    figure.update_yaxes(title={"text": y_title}, tickformat=".0%" if percent else None)
    return finish(figure, title=title, height=460)


def funnel(
    table: pd.DataFrame,
    *,
    title: str,
    label: str = "step",
    value: str = "customers",
    group: str | None = None,
) -> go.Figure:
    """Customers left at each step, as bars from top to bottom with their part of the first step.

    Groups side by side.
    """
    figure = go.Figure()
    groups = list(dict.fromkeys(table[group])) if group else [None]
    for i, one in enumerate(groups):
        part = table if one is None else table[table[group] == one]
        first = max(float(part[value].iloc[0]), 1.0) if len(part) else 1.0
        figure.add_bar(
            y=[wrapped(name, 22) for name in part[label]],
            x=part[value].tolist() if one is None else (part[value] / first).tolist(),
            orientation="h",
            name="" if one is None else str(one),
            showlegend=len(groups) > 1,
            marker={"color": colour(one, i)},
            text=[f"{v:,.0f} ({_show(v / first, True)})" for v in part[value]],
            textposition="auto",
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    figure.update_layout(bargap=0.25)
    figure.update_xaxes(title={"text": "customers" if group is None else "part of the first step"},
                        tickformat=None if group is None else ".0%")  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    steps = len(dict.fromkeys(table[label]))
    return finish(figure, title=title, height=int(140 + steps * max(40, 22 * len(groups) + 12)))


def flow(
    table: pd.DataFrame, *, title: str, start: str = "from", end: str = "to", value: str = "customers"
) -> go.Figure:
    """A flow (Sankey) of ``value`` from one column of names to the next.

    At least two bands, else write a sentence.
    """
    left, right = list(dict.fromkeys(table[start])), list(dict.fromkeys(table[end]))
    figure = go.Figure(
        go.Sankey(
            node={
                "label": [wrapped(name, 22) for name in [*left, *right]],
                "color": [colour(name, i) for i, name in enumerate([*left, *right])],
                "pad": 18,
            },
            link={
                "source": [left.index(name) for name in table[start]],
                "target": [len(left) + right.index(name) for name in table[end]],
                "value": table[value].tolist(),
                "color": [rgba(colour(name, left.index(name)), 0.35) for name in table[start]],
            },
        )
    )
    return finish(figure, title=title, height=180 + 36 * max(len(left), len(right)))


def _names(table: pd.DataFrame, label: str | None) -> list[str]:
    return [str(name) for name in (table.index if label is None else table[label])]


def _whiskers(table: pd.DataFrame, value: str, low: str, high: str, shade: str) -> dict | None:
    if low not in table or high not in table or table[low].isna().all():
        return None
    above, below = (table[high] - table[value]).clip(lower=0), (table[value] - table[low]).clip(lower=0)
    return {
        "type": "data", "symmetric": False, "array": above.fillna(0).tolist(),
        "arrayminus": below.fillna(0).tolist(),
        "thickness": 2, "width": 5, "color": shade,
    }  # fmt: skip


def _show(value: float, percent: bool) -> str:
    if not np.isfinite(value):
        return "not known"
    if percent:
        return f"{100 * value:.0f} %" if abs(value) >= 0.0195 or value == 0 else f"{100 * value:.1f} %"
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.2f}"
