"""Roles: matrix, Sankey, stays, organisations touched, removal effects."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .dots import dots
from .style import SEQUENCE, finish, rgba

__all__ = ["matrix", "removal", "sankey", "stays", "touched"]


def matrix(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw ``roles.transition_matrix`` as a heat map with its numbers and intervals written in.

    Parameters
    ----------
    table : DataFrame
        Suppressed cells (missing probability) stay blank.
    """
    names = list(dict.fromkeys(table["from"]))
    wide = table.pivot(index="from", columns="to", values="probability").reindex(index=names, columns=names)
    low = table.pivot(index="from", columns="to", values="low").reindex(index=names, columns=names)
    high = table.pivot(index="from", columns="to", values="high").reindex(index=names, columns=names)
    text = [
        [
            ""
            if pd.isna(wide.loc[a, b])
            else f"{wide.loc[a, b]:.0%}<br>{low.loc[a, b]:.0%} to {high.loc[a, b]:.0%}"
            for b in names
        ]
        for a in names
    ]
    figure = go.Figure(
        go.Heatmap(
            z=[
                [None if pd.isna(value) else round(float(value), 4) for value in row]
                for row in wide.to_numpy()
            ],
            x=names,
            y=names,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 11},
            colorscale=[[0, "#f3f6f9"], [1, rgba(SEQUENCE[5], 0.75)]],
            zmin=0,
            zmax=1,
            showscale=False,
            hovertemplate="from %{y} to %{x}: %{text}<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    finish(
        figure,
        title="The next role, given the current one",
        description=(
            "Heat map of role changes: rows the current role, columns the next one, each cell the share of moves and "
            "its 95 % interval; rows sum to one, blank cells count too few moves."
        ),
        simulated=simulated,
    )
    figure.update_xaxes(title={"text": "next role"}, showgrid=False)
    figure.update_yaxes(title={"text": "current role"}, autorange="reversed", showgrid=False)
    return figure


def sankey(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the moves of ``roles.transition_matrix`` as flows from role to role; cells without a count are left out."""
    names = list(dict.fromkeys(table["from"]))
    part = table[table["count"].fillna(0) > 0]
    colours = [SEQUENCE[place % len(SEQUENCE)] for place in range(len(names))]
    place = {name: number for number, name in enumerate(names)}
    figure = go.Figure(
        go.Sankey(
            node={"label": names + names, "color": colours * 2, "pad": 18, "thickness": 14},
            link={
                "source": [place[name] for name in part["from"]],
                "target": [place[name] + len(names) for name in part["to"]],
                "value": part["count"].astype(float).tolist(),
                "color": [rgba(colours[place[name]], 0.35) for name in part["from"]],
            },
        )
    )
    return finish(
        figure,
        title="Moves from role to role",
        description=(
            "Flow diagram: current roles at the left, next roles at the right, the width of a band is the number of "
            "moves. The matrix gives the same numbers with intervals."
        ),
        simulated=simulated,
    )


def stays(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the median stays of ``roles.sojourn``."""
    known = table.dropna(subset=["years"])
    return dots(
        known.assign(low=known["low"].fillna(known["years"]), high=known["high"].fillna(known["years"])),
        title="How long a role lasts",
        description="One row a role: the median years it lasts, stays still open counted as such, with a 95 % interval.",
        label="role",
        x_title="Median years",
        estimate="years",
        reference=None,
        simulated=simulated,
    )


def touched(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw how many organisations people's journeys touch, from ``roles.touched``."""
    last = table["organisations"].max()
    shown = table.dropna(subset=["share"]).assign(
        label=[
            f"{number} or more" if number == last else str(number)
            for number in table.dropna(subset=["share"])["organisations"]
        ]
    )
    return dots(
        shown,
        title="How many organisations one person's journey touches",
        description="One row a number of organisations: the share of people whose visits touched so many, with a 95 % interval.",
        label="label",
        x_title="Share of people",
        estimate="share",
        reference=None,
        percent=True,
        simulated=simulated,
    )


def removal(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the effects of ``roles.removal_effect``."""
    return dots(
        table,
        title="Conversions whose path runs through a touchpoint",
        description=(
            "One row a touchpoint: the share of conversions that would be lost if every path that reaches it ended "
            "there, with a 95 % interval. Not what closing it would cause."
        ),
        label="touchpoint",
        x_title="Removal effect (not causal)",
        estimate="effect",
        reference=None,
        percent=True,
        simulated=simulated,
    )
