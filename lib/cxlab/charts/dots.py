"""Estimates with their intervals, one row each: the commonest figure of the workbook."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import pandas as pd
import plotly.graph_objects as go

from .style import COLOURS, SEQUENCE, finish

__all__ = ["dots"]

_SYMBOLS = ["circle", "diamond", "square", "triangle-up", "x", "star"]


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
            marker={"color": colour, "size": 10, "symbol": _SYMBOLS[i % len(_SYMBOLS)]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (part[high] - part[estimate]).tolist(),
                "arrayminus": (part[estimate] - part[low]).tolist(),
                "color": colour,
                "thickness": 2,
                "width": 5,
            },
            customdata=part[[low, high]].to_numpy(),
            text=[str(value) for value in part[label]],
            hovertemplate=_hover(percent),
        )
    if reference is not None:
        figure.add_vline(x=reference, line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]})
    finish(figure, title=title, description=description, simulated=simulated, height=170 + 34 * len(labels) * max(1, 0.6 * len(groups)))
    figure.update_xaxes(title={"text": x_title}, tickformat=".0%" if percent else None, zeroline=False)
    figure.update_yaxes(
        tickvals=list(places.values()),
        ticktext=["<br>".join(wrap(str(name), 20)) for name in places],
        range=[0.4, len(labels) + 0.6],
        zeroline=False,
        showgrid=False,
    )
    figure.update_layout(legend={"y": -0.3 if len(labels) < 5 else -0.18})
    return figure


def _hover(percent: bool) -> str:
    shape = ":.1%" if percent else ":.3g"
    return f"%{{text}}: %{{x{shape}}} [%{{customdata[0]{shape}}}, %{{customdata[1]{shape}}}]"
