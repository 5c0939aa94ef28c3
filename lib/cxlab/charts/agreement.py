"""How raters label statements, and how sure an agreement is."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .dots import legend_below
from .style import COLOURS, SEQUENCE, finish

__all__ = ["labels", "patterned", "widths"]

_PATTERNS = ["", "/", "x", "."]


def patterned(shape: str) -> dict:
    """Return a pattern over the full colour, so that colour is not the only sign; empty for none."""
    return {
        "shape": shape,
        "fillmode": "overlay",
        "fgcolor": "white",
        "fgopacity": 0.45,
        "size": 9,
        "solidity": 0.2,
    }


def labels(
    ratings: pd.DataFrame, *, title: str, texts: pd.Series | None = None, simulated: bool = False
) -> go.Figure:
    """Draw, for each statement, how many raters gave each label.

    Parameters
    ----------
    ratings : DataFrame
        One row a rater, one column a statement.
    texts : Series, optional
        Statement -> its text, shown on hover.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar a statement.
    """
    counts = ratings.apply(lambda column: column.value_counts()).T.fillna(0)
    counts = counts[counts.sum().sort_values(ascending=False).index]
    hover = [(texts.get(name, "") if texts is not None else "") for name in counts.index]
    figure = go.Figure()
    for i, label in enumerate(counts):
        colour = (
            COLOURS["shared"] if label == "both" else COLOURS.get(label, SEQUENCE[(i + 3) % len(SEQUENCE)])
        )
        figure.add_bar(
            x=counts[label].tolist(),
            y=counts.index.tolist(),
            orientation="h",
            name=str(label),
            marker={"color": colour, "pattern": patterned(_PATTERNS[i % 4])},
            customdata=hover,
            hovertemplate="%{y}: %{x} of the raters<br>%{customdata}",
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title="raters")
    figure.update_yaxes(autorange="reversed", dtick=1, tickfont={"size": 10})
    finish(
        figure,
        title=title,
        description="One bar a statement, split by the label that raters gave; a bar of one colour means that all agree.",
        simulated=simulated,
        height=max(300, 170 + 16 * len(counts)),
    )
    return legend_below(figure)


def widths(table: pd.DataFrame, *, simulated: bool = True) -> go.Figure:
    """Draw how wide the interval of alpha is for different numbers of raters and statements.

    Parameters
    ----------
    table : DataFrame
        From ``agreement.alpha_widths``.
    """
    figure = go.Figure()
    for i, (raters, part) in enumerate(table.groupby("raters")):
        figure.add_scatter(
            x=part["statements"].tolist(),
            y=part["width"].tolist(),
            mode="lines+markers",
            name=f"{raters} raters",
            line={"dash": ["solid", "dash", "dot", "dashdot"][i % 4], "color": SEQUENCE[i % len(SEQUENCE)]},
            marker={"symbol": ["circle", "diamond", "square", "x"][i % 4], "size": 8},
        )
    figure.update_xaxes(title="statements", tickvals=sorted(set(table["statements"])))
    figure.update_yaxes(title="width of the interval of alpha", rangemode="tozero")
    finish(
        figure,
        title="How sure ten raters can be",
        description="Width of the 95 % interval of alpha, falling with the number of statements; one line for each number of raters.",
        simulated=simulated,
    )
    return legend_below(figure)
