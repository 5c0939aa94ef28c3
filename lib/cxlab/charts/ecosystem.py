"""The ecosystem: pareto of issues, rewards, decision rights, capacity, culture, exposure, hours."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .dots import dots, legend_below
from .style import COLOURS, SEQUENCE, finish, rgba

__all__ = ["capacity", "control", "culture", "exposure", "hours", "kpis", "observed", "pareto", "rights"]

_DASHES = ["solid", "dash", "dot", "dashdot"]


def pareto(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the harm of each issue with its interval, and how often it is among the top (``ecosystem.priorities``)."""
    top = table.attrs.get("top", 3)
    shown = table.assign(
        label=[f"{row.issue} (top {top}: {row.inclusion:.0%})" for row in table.itertuples()]
    )
    return dots(
        shown,
        title="Share of all harm: how often times how bad",
        description=(
            f"One row an issue, most harmful first: its share of all harm with a 95 % interval; the label says in how "
            f"many resamples it is among the top {top}."
        ),
        label="label",
        x_title="Share of harm",
        estimate="harm",
        reference=None,
        percent=True,
        simulated=simulated,
    )


def kpis(matrix: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw who rewards what: organisation x measure, share of the organisation's weight."""
    text = [[f"{value:.0%}" if value > 0 else "" for value in row] for row in matrix.to_numpy()]
    figure = go.Figure(
        go.Heatmap(
            z=matrix.round(4).to_numpy().tolist(),
            x=[str(name) for name in matrix.columns],
            y=[str(name) for name in matrix.index],
            text=text,
            texttemplate="%{text}",
            textfont={"size": 10},
            colorscale=[[0, "#f3f6f9"], [1, rgba(SEQUENCE[5], 0.8)]],
            zmin=0,
            showscale=False,
            hovertemplate="%{y} rewards %{x}: %{z:.0%}<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    finish(
        figure,
        title="Who rewards what",
        description=(
            "Heat map: one row an organisation, one column a measure, each cell the share of that organisation's "
            "weight on it; an empty cell is not rewarded. Organisations that agree most with the rest come first."
        ),
        simulated=simulated,
        height=160 + 30 * len(matrix),
    )
    figure.update_xaxes(tickangle=-50, showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def rights(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw who decides, layer by layer, from ``ecosystem.decision_rights``."""
    layers = [name for name in table.columns if name not in ("decision", "deciders", "state")]
    level = {"not involved": 0, "informed": 1, "consulted": 2, "decides": 3}
    letter = {"not involved": "", "informed": "i", "consulted": "c", "decides": "D"}
    marks = table[layers]
    labels = [
        row.decision if row.state == "clear" else f"{row.decision} ({row.state})"
        for row in table.itertuples()
    ]
    figure = go.Figure(
        go.Heatmap(
            z=[[level[value] for value in row] for row in marks.to_numpy()],
            x=["central" if name == "central office" else name for name in layers],
            y=labels,
            text=[[letter[value] for value in row] for row in marks.to_numpy()],
            texttemplate="%{text}",
            colorscale=[[0, "#f3f6f9"], [0.66, rgba(SEQUENCE[5], 0.3)], [1, rgba(SEQUENCE[5], 0.8)]],
            zmin=0,
            zmax=3,
            showscale=False,
            hovertemplate="%{y}, %{x}<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    finish(
        figure,
        title="Who decides (D), is consulted (c), informed (i)",
        description=(
            "Matrix: one row a decision, one column a layer; a gap is a decision that nobody takes, an overlap one "
            "that more than one layer takes."
        ),
        simulated=simulated,
        height=140 + 30 * len(table),
    )
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_layout(margin={"t": figure.layout.margin.t + 20})
    return figure


def capacity(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw closed a finding raised, by layer over the whole period (cycle 0 of ``ecosystem.capacity``)."""
    whole = table[table["cycle"] == 0]
    shown = whole.assign(
        label=[f"{row.layer} ({row.raised} raised, {row.open} open)" for row in whole.itertuples()]
    )
    return dots(
        shown,
        title="Can each layer close what it is given?",
        description=(
            "One row a layer: findings closed for each one raised, with a 95 % interval; left of the dashed line at "
            "one its pile grows."
        ),
        label="label",
        x_title="Closed a finding raised",
        estimate="ratio",
        reference=1.0,
        simulated=simulated,
    )


def culture(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw culture practices: how many organisations chose them, were mandated, or have none."""
    figure = go.Figure()
    for name, colour, pattern in (
        ("voluntary", COLOURS["good"], ""),
        ("mandated", COLOURS["price"], "/"),
        ("absent", "#c9ced3", "."),
    ):
        figure.add_bar(
            x=table[name],
            y=table["practice"],
            orientation="h",
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
            text=table[name].where(table[name] > 0).astype("Int64").astype(str).replace("<NA>", ""),
            hovertemplate="%{y}: %{x} " + name + "<extra></extra>",
        )
    figure.update_layout(barmode="stack")
    finish(
        figure,
        title="Culture practices, chosen or mandated",
        description="Stacked bars: for each practice, how many organisations chose it, have it by mandate, or lack it.",
        simulated=simulated,
        height=380,
    )
    figure.update_xaxes(title={"text": "Organisations"})
    figure.update_yaxes(autorange="reversed")
    return legend_below(figure)


def exposure(table: pd.DataFrame, *, failure: float, simulated: bool = False) -> go.Figure:
    """Draw the chance to have met a failure against years, one line a place.

    Parameters
    ----------
    table : DataFrame
        ``place years chance``.
    failure : float
        The chance at one touchpoint, for the title.
    """
    figure = go.Figure()
    for number, (name, part) in enumerate(table.groupby("place", sort=False)):
        figure.add_scatter(
            x=part["years"],
            y=part["chance"].round(4),
            mode="lines+markers",
            name=str(name),
            line={"color": SEQUENCE[number % len(SEQUENCE)], "dash": _DASHES[number % 4], "width": 2},
            marker={"symbol": ["circle", "diamond", "square", "x"][number % 4], "size": 7},
            hovertemplate="%{x} years: %{y:.0%}<extra>" + str(name) + "</extra>",
        )
    finish(
        figure,
        title=f"Chance to have met a failure, at {failure:.1%} a touchpoint",
        description=(
            "Lines: years across, the chance to have met at least one failure upwards, one line a place from a coffee "
            "shop to a country. The touchpoints a year behind the lines are illustrative."
        ),
        simulated=simulated,
    )
    figure.update_xaxes(title={"text": "Years"})
    figure.update_yaxes(title={"text": "Chance"}, tickformat=".0%", range=[0, 1.03])
    return legend_below(figure)


def observed(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw ``ecosystem.observed_exposure``: people who met a failure by their rated visits, and what chance gives."""
    figure = dots(
        table,
        title="People who met a failure, by how often they rated",
        description=(
            "One row a number of rated visits: the share of people with at least one failure and its 95 % interval; "
            "crosses mark what independent failures would give."
        ),
        label="visits",
        x_title="Share of people",
        estimate="share",
        reference=None,
        percent=True,
        simulated=simulated,
    )
    figure.data[0].update(name="seen, 95 %", showlegend=True)
    figure.add_scatter(
        x=table["independent"].round(4),
        y=figure.data[0].y,
        mode="markers",
        name="if independent",
        marker={"symbol": "x-thin", "size": 10, "line": {"width": 2, "color": COLOURS["bad"]}},
    )
    return legend_below(figure)


def control(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw ``ecosystem.control``: the part of its customers' dissatisfaction that an organisation could act on."""
    return dots(
        table,
        title="How much of its customers' trouble is an organisation's own?",
        description=(
            "One row an organisation: of the dissatisfied visits of its customers anywhere, the share that happened "
            "in the organisation itself, with a 95 % interval."
        ),
        label="organisation",
        x_title="Own share of its customers' dissatisfied visits",
        estimate="control",
        reference=None,
        percent=True,
        simulated=simulated,
    )


def hours(table: pd.DataFrame, *, organisation: str = "all", simulated: bool = False) -> go.Figure:
    """Draw the share of satisfied visits by hour of the day with its interval.

    Parameters
    ----------
    table : DataFrame
        ``hour share low high n``.
    """
    figure = go.Figure()
    for column, shown in (("high", False), ("low", True)):
        figure.add_scatter(
            x=table["hour"],
            y=table[column].astype(float).round(4),
            mode="lines",
            line={"width": 0},
            fill="tonexty" if shown else None,
            fillcolor=rgba(SEQUENCE[0], 0.18),
            name="95 % interval",
            showlegend=shown,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=table["hour"],
        y=table["share"].astype(float).round(4),
        mode="lines+markers",
        name="share satisfied",
        line={"color": SEQUENCE[0]},
        text=table["n"].astype(str),
        hovertemplate="%{x} h: %{y:.1%} of %{text}<extra></extra>",
    )
    finish(
        figure,
        title=f"Feedback by hour: {organisation}",
        description=(
            f"Line of the share of satisfied visits by hour of the day with its 95 % band, for {organisation}; hours "
            "with too few rated visits are left out."
        ),
        simulated=simulated,
    )
    figure.update_xaxes(title={"text": "Hour of the day"}, dtick=3)
    figure.update_yaxes(tickformat=".0%", title={"text": "Share satisfied"})
    return legend_below(figure)
