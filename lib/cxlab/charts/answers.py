"""How customers answered one question."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .style import COLOURS, finish

__all__ = ["answer_counts"]


def answer_counts(survey: pd.DataFrame, *, column: str, side: str) -> go.Figure:
    """Draw how often each answer to an item was given.

    Parameters
    ----------
    survey : pandas.DataFrame
        Its ``attrs`` name the item's label, and whether the data are simulated.
    column : str
        The item.
    side : str
        Its side, which gives the colour.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar an answer.
    """
    counts = survey[column].round().value_counts().sort_index()
    label = survey.attrs.get("labels", {}).get(column, column)
    figure = go.Figure(
        go.Bar(x=counts.index.tolist(), y=counts.tolist(), marker_color=COLOURS.get(side, COLOURS["other"]))
    )
    figure.update_xaxes(title="answer", dtick=1)
    figure.update_yaxes(title="respondents")
    return finish(
        figure,
        title=f"{side}: {label}",
        description=f"Bars count the answers to '{label}', from the lowest score on the left to the highest.",
        simulated=survey.attrs.get("simulated", False),
    )
