"""What the figures of the drivers share: rows of dots with intervals, colours, patterns, a legend that keeps clear."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from .dots import SYMBOLS, bars, wrapped
from .style import COLOURS, SEQUENCE, finish

__all__ = [
    "PATTERNS",
    "SYMBOLS",
    "bars",
    "colour_of",
    "dots",
    "legend_below",
    "pattern",
    "rows_of",
    "wrapped",
]

PATTERNS = {"product": "", "experience": "/", "shared": "x"}


def colour_of(name: str, place: int = 0) -> str:
    return COLOURS.get(name, SEQUENCE[(place + 2) % len(SEQUENCE)])


def pattern(shape: str) -> dict:
    """Thin white lines over the full colour: told apart in grey print, with the number still legible."""
    return {
        "shape": shape,
        "fillmode": "overlay",
        "fgcolor": "white",
        "fgopacity": 0.35,
        "size": 10,
        "solidity": 0.15,
    }


def dots(table: pd.DataFrame, names: Sequence[str], value: str, low: str, high: str, **marker) -> go.Scatter:
    return go.Scatter(
        x=table[value].tolist(),
        y=list(names),
        error_x=bars(table[value], table[low], table[high]),
        mode="markers",
        marker={"size": 11, **marker},
        showlegend=False,
    )


def rows_of(figure: go.Figure, count: int, **finishing) -> go.Figure:
    """Rows read from the top; the height grows with their number."""
    figure.update_yaxes(autorange="reversed", type=figure.layout.yaxis.type or "category")
    return legend_below(finish(figure, height=max(260, 170 + 34 * count), **finishing))


def legend_below(figure: go.Figure) -> go.Figure:
    """The legend keeps clear of the axis title however low the figure is."""
    figure.update_layout(legend={"yref": "container", "y": 0.01, "yanchor": "bottom"})
    if (
        any(trace.showlegend for trace in figure.data)
        or sum(trace.showlegend is None for trace in figure.data) > 1
    ):
        figure.update_layout(margin={"b": 76})
    return figure
