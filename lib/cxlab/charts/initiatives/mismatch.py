"""Where it hurts beside where the work goes."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ..dots import legend_below
from ..style import COLOURS, SEQUENCE, finish
from .parts import error, short

__all__ = ["coverage", "divergence", "outcome"]


def coverage(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.coverage` as a dumbbell an area; areas without any initiative are marked."""
    names = [
        short(area) + (" (none)" if alarm else "")
        for area, alarm in zip(table.area, table.alarm, strict=True)
    ]
    places = list(range(len(table), 0, -1))
    figure = go.Figure()
    for place, row in zip(places, table.itertuples(), strict=True):
        figure.add_scatter(
            x=[row.pain_share, row.initiative_share],
            y=[place, place],
            mode="lines",
            line={
                "color": COLOURS["bad"] if row.alarm else "rgba(107,107,107,.55)",
                "width": 5 if row.alarm else 3,
            },
            showlegend=False,
            hoverinfo="skip",
        )
    for name, share, low, high, colour, symbol, shift in (
        ("share of the complaints", "pain_share", "pain_low", "pain_high", SEQUENCE[7], "diamond", 0.14),
        (
            "share of the initiatives",
            "initiative_share",
            "initiative_low",
            "initiative_high",
            SEQUENCE[0],
            "circle",
            -0.14,
        ),
    ):
        figure.add_scatter(
            x=table[share],
            y=[place + shift for place in places],
            mode="markers",
            name=name,
            marker={"size": 11, "color": colour, "symbol": symbol},
            error_x=error(table, share, low, high, colour),
            text=table.area,
            hovertemplate="%{text}: %{x:.1%}<extra>" + name + "</extra>",
        )
    finish(
        figure,
        title="Where it hurts, and where we work",
        description="One row an area: a diamond for its share of the complaints, a circle for its share of the initiatives, "
        "both with 95 % intervals; a thick bar marks an area that hurts and has no initiative.",
        simulated=simulated,
        height=200 + 44 * len(table),
    )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", title={"text": "share"})
    figure.update_yaxes(
        tickvals=places, ticktext=names, range=[0.4, len(table) + 0.6], showgrid=False, zeroline=False
    )
    return legend_below(figure)


def divergence(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw divergences beside chance: one row a name, columns ``name value chance chance_high``."""
    figure = go.Figure()
    names = [short(name) for name in table["name"]][::-1]
    back = table.iloc[::-1]
    figure.add_bar(
        x=back.chance_high,
        y=names,
        orientation="h",
        name="chance alone (95 % of draws)",
        marker={"color": "rgba(107,107,107,.35)"},
        hovertemplate="chance stays below %{x:.3f}<extra></extra>",
    )
    figure.add_scatter(
        x=back.chance,
        y=names,
        mode="markers",
        name="chance alone (mean)",
        marker={"symbol": "line-ns", "size": 16, "line": {"width": 3, "color": COLOURS["neutral"]}},
    )
    figure.add_scatter(
        x=back.value,
        y=names,
        mode="markers",
        name="found",
        marker={"size": 13, "symbol": "diamond", "color": COLOURS["bad"]},
    )
    finish(
        figure,
        title="How far effort lies from pain, beside chance",
        description="Jensen-Shannon divergence in bits, 0 the same and 1 nothing in common: a diamond for what was found, a "
        "grey bar for what chance alone reaches at these numbers.",
        simulated=simulated,
        height=220 + 46 * len(table),
    )
    figure.update_xaxes(rangemode="tozero", title={"text": "bits, from 0 to 1"})
    return legend_below(figure)


def outcome(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.outcome_by_area`: points without a line."""
    extremes = (
        table.satisfied.idxmin,
        table.satisfied.idxmax,
        table.initiatives.idxmin,
        table.initiatives.idxmax,
    )
    named = {find() for find in extremes} if len(table) else set()
    figure = go.Figure(
        go.Scatter(
            x=table.initiatives,
            y=table.satisfied,
            mode="markers+text",
            text=[
                short(area) if key in named else "" for key, area in zip(table.index, table.area, strict=True)
            ],
            textposition="middle right",
            textfont={"size": 11},
            marker={"size": 10, "color": SEQUENCE[0]},
            error_y=error(table, "satisfied", "low", "high", "rgba(0,114,178,.45)"),
            customdata=table.area,
            hovertemplate="%{customdata}: %{x} initiatives, %{y:.0%} satisfied<extra></extra>",
            cliponaxis=False,
        )
    )
    finish(
        figure,
        title="Does more work go with happier customers?",
        description="One point an area: how many initiatives it has and the share of its customers who are satisfied, with "
        "95 % interval; the extremes are named. No line is drawn: no slope is assumed.",
        simulated=simulated,
        height=460,
    )
    top = max(1, int(table.initiatives.max())) if len(table) else 1
    figure.update_xaxes(title={"text": "initiatives in the area"}, range=[-0.08 * top, 1.4 * top])
    return figure.update_yaxes(tickformat=".0%", title={"text": "satisfied"})
