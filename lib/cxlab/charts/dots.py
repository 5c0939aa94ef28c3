"""Estimates with their intervals, one row each: the commonest figure of the workbook."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import pandas as pd
import plotly.graph_objects as go

from .style import COLOURS, SEQUENCE, finish

__all__ = ["SYMBOLS", "bars", "dots", "legend_below", "wrapped"]

SYMBOLS = ["circle", "diamond", "square", "triangle-up", "x", "star"]


def dots(
    table: pd.DataFrame,
    *,
    title: str,
    description: str,
    label: str,
    x_title: str,
    group: str | None = None,
    estimate: str = "estimate",
    low: str = "low",
    high: str = "high",
    reference: float | None = 0.0,
    percent: bool = False,
    colours: Sequence[str] | None = None,
    simulated: bool = False,
) -> go.Figure:
    """Draw a dot and its interval for every row of ``table``; groups side by side, told apart by shape and colour.

    Parameters
    ----------
    table : DataFrame
        With the named columns; rows are drawn from top to bottom.
    label, group : str
        Columns: what stands at the left, and what is compared within it.
    reference : float, optional
        A dashed vertical line, such as no effect.
    percent : bool
        Shows the axis as percentages.
    """
    labels = list(dict.fromkeys(table[label]))
    groups = list(dict.fromkeys(table[group])) if group else [None]
    places = {name: len(labels) - i for i, name in enumerate(labels)}
    figure = go.Figure()
    for i, name in enumerate(groups):
        part = table if name is None else table[table[group] == name]
        shift = 0.0 if len(groups) == 1 else 0.36 * (0.5 - i / (len(groups) - 1))
        colour = colours[i] if colours else COLOURS.get(str(name), SEQUENCE[i % len(SEQUENCE)])
        figure.add_scatter(
            x=part[estimate],
            y=[places[value] + shift for value in part[label]],
            mode="markers",
            name=str(name) if name is not None else "",
            showlegend=len(groups) > 1,
            marker={"color": colour, "size": 10, "symbol": SYMBOLS[i % len(SYMBOLS)]},
            error_x=bars(part[estimate], part[low], part[high], color=colour, thickness=2),
            customdata=part[[low, high]].to_numpy(),
            text=[str(value) for value in part[label]],
            hovertemplate=_hover(percent),
        )
    if reference is not None:
        figure.add_vline(x=reference, line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]})
    written = [wrapped(name, 20) for name in labels]
    row = max(
        34 * max(1, 0.6 * len(groups)), 17 * max((text.count("<br>") + 1 for text in written), default=1) + 8
    )
    finish(
        figure, title=title, description=description, simulated=simulated, height=int(180 + row * len(labels))
    )
    figure.update_xaxes(title={"text": x_title}, tickformat=".0%" if percent else None, zeroline=False)
    figure.update_yaxes(
        tickvals=list(places.values()),
        ticktext=written,
        range=[0.4, len(labels) + 0.6],
        zeroline=False,
        showgrid=False,
    )
    return legend_below(figure)


def bars(
    values: pd.Series, low: pd.Series, high: pd.Series, *, thickness: float = 1.6, width: float = 5, **look
) -> dict:
    """Return plotly's error bars of ``values`` from ``low`` to ``high`` (three columns of one table).

    Parameters
    ----------
    thickness, width : float
        Of the line and of its ends, in pixels.
    **look
        More of plotly's, such as ``color``.
    """
    return {
        "type": "data",
        "symmetric": False,
        "array": (high - values).tolist(),
        "arrayminus": (values - low).tolist(),
        "thickness": thickness,
        "width": width,
        **look,
    }


def wrapped(text: object, width: int = 22) -> str:
    """Return a text broken into lines of at most ``width`` characters where words allow."""
    return "<br>".join(wrap(str(text), width)) or str(text)


def legend_below(figure: go.Figure) -> go.Figure:
    """Put the legend at the foot of the figure, clear of the axis title also where it wraps on a phone."""
    names = [trace.name for trace in figure.data if trace.showlegend is not False and trace.name]
    if len(names) < 2 and not any(trace.showlegend for trace in figure.data):
        return figure
    rows = -(-sum(7 * len(name) + 50 for name in names) // 360)
    figure.update_layout(
        legend={"yref": "container", "y": 0.01, "yanchor": "bottom"},
        margin={"b": 56 + 22 * rows},
        height=figure.layout.height + 22 * rows,
    )
    return figure


def _hover(percent: bool) -> str:
    shape = ":.1%" if percent else ":.3g"
    return f"%{{text}}: %{{x{shape}}} [%{{customdata[0]{shape}}}, %{{customdata[1]{shape}}}]"
