"""Outlets: funnel plot, caterpillar, variance shares, months of one outlet, per-outlet against pooled change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .dots import dots, legend_below
from .style import COLOURS, SEQUENCE, finish, rgba

__all__ = ["caterpillar", "components", "funnel", "months", "pooled"]

_GROUPS = [
    (0, "within the limits", "circle", "neutral"),
    (1, "above", "triangle-up", "good"),
    (-1, "below", "triangle-down", "bad"),
]


def funnel(
    limits: pd.DataFrame,
    curve: pd.DataFrame,
    *,
    over_dispersion: bool = True,
    chance: bool = True,
    unit: str = "Rated visits",
    value: str = "Share satisfied",
    simulated: bool = False,
) -> go.Figure:
    """Draw every outlet by size and value within its control limits.

    Parameters
    ----------
    limits : DataFrame of ``outlets.funnel_limits``
    curve : DataFrame of ``outlets.funnel_curve``
    over_dispersion : bool
        Colour by the flag that allows for the spread between outlets; else by the flag of chance alone.
    chance : bool
        Also draw the limits of chance alone.
    """
    figure = go.Figure()
    flag = limits["flag"] if over_dispersion else limits["naive"]
    for side, name, symbol, colour in _GROUPS:
        part = limits[flag == side]
        figure.add_scatter(
            x=part["n"],
            y=part["value"].round(4),
            mode="markers",
            name=f"{name} ({len(part)})",
            marker={
                "color": rgba(COLOURS[colour], 0.45 if side == 0 else 0.95),
                "symbol": symbol,
                "size": 5 if side == 0 else 8,
            },
            text=part["outlet"].astype(str),
            hovertemplate="%{text}: %{y:.1%} of %{x}<extra></extra>",
        )
    lines = []
    if chance:
        lines.append(("chance alone, 99.8 %", "low_outer", "high_outer", "dash", COLOURS["neutral"]))
    if over_dispersion:
        lines.append(("with spread, 99.8 %", "od_low_outer", "od_high_outer", "solid", SEQUENCE[0]))
    for name, low, high, dash, colour in lines:
        for column, shown in ((low, True), (high, False)):
            figure.add_scatter(
                x=curve["n"],
                y=curve[column].round(4),
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=shown,
                line={"dash": dash, "color": colour, "width": 1.5},
                hoverinfo="skip",
            )
    flagged = int((flag != 0).sum())
    title = f"{flagged} of {len(limits)} outlets lie beyond the limits"
    description = (
        f"Funnel plot: each mark is an outlet, {unit.lower()} across on a logarithmic scale, {value.lower()} upwards. "
        f"The limits narrow with size; {flagged} outlets lie outside and are drawn as triangles."
    )
    figure.add_hline(y=float(limits["target"].iloc[0]), line={"width": 1, "color": COLOURS["neutral"]})
    finish(figure, title=title, description=description, simulated=simulated, height=520)
    figure.update_xaxes(type="log", title={"text": unit}, dtick=1)
    figure.update_yaxes(
        title={"text": value}, tickformat=".0%" if limits.attrs.get("kind") == "rate" else None
    )
    return legend_below(figure)


def caterpillar(
    rates: pd.DataFrame, raw: pd.Series, *, worst: int = 15, best: int = 5, simulated: bool = False
) -> go.Figure:
    """Draw the outlets with the worst and the best shrunk rates, with intervals, and where their raw rates lay.

    Parameters
    ----------
    rates : DataFrame of ``outlets.shrink_rates``
    raw : Series
        Raw rates in the same order.
    """
    table = rates.assign(raw=np.asarray(raw, float)).sort_values("rank")
    table = pd.concat([table.head(best), table.tail(worst)])
    table["label"] = [
        f"{row.outlet}: rank {row.rank} ({row.rank_low} to {row.rank_high})" for row in table.itertuples()
    ]
    figure = dots(
        table,
        title=f"The best {best} and the worst {worst} outlets, fairly judged",
        description=(
            "Caterpillar plot: one row an outlet with its shrunk share of satisfied visits and 95 % interval; a cross "
            "marks the raw share. The label gives the rank and its interval."
        ),
        label="label",
        x_title="Share satisfied",
        estimate="rate",
        reference=None,
        percent=True,
        colours=[SEQUENCE[0]],
        simulated=simulated,
    )
    figure.data[0].update(name="shrunk, 95 %", showlegend=True)
    figure.add_scatter(
        x=table["raw"],
        y=figure.data[0].y,
        mode="markers",
        name="raw",
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": COLOURS["bad"]}},
        hovertemplate="raw %{x:.1%}<extra></extra>",
    )
    figure.update_layout(height=figure.layout.height - 10 * len(table))
    return legend_below(figure)


def components(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the shares of ``outlets.variance_components`` with their intervals."""
    names = {"person": "visitor", "residual": "the single visit"}
    shown = table.assign(label=[names.get(name, name) for name in table["component"]])
    return dots(
        shown,
        title="Whose experience is it? Shares of the variance of a score",
        description=(
            "One row a source of variation (organisation, outlet, visitor, single visit): its share of the variance "
            "of scores with a 95 % interval."
        ),
        label="label",
        x_title="Share of variance",
        estimate="share",
        low="share_low",
        high="share_high",
        reference=None,
        percent=True,
        simulated=simulated,
    )


def months(changes: pd.DataFrame, *, outlet: str, simulated: bool = False) -> go.Figure:
    """Draw one outlet's monthly rates with the band that its month before allows.

    Parameters
    ----------
    changes : DataFrame of ``outlets.month_changes``
    outlet : str
        Which one.
    """
    part = changes[changes["outlet"] == outlet].sort_values("month")
    month = part["month"].astype(str).str.slice(0, 7)
    centre = part["rate"] - part["change"]
    figure = go.Figure()
    for values, shown in ((centre + part["limit"], False), (centre - part["limit"], True)):
        figure.add_scatter(
            x=month,
            y=values.clip(0, 1).round(4),
            mode="lines",
            line={"width": 0},
            fill="tonexty" if shown else None,
            fillcolor=rgba(SEQUENCE[0], 0.15),
            name="what the month before allows",
            showlegend=shown,
            hoverinfo="skip",
        )
    flag = (part["flag"] != 0).to_numpy()
    figure.add_scatter(
        x=month,
        y=part["rate"].round(4),
        mode="lines+markers",
        name="share satisfied",
        line={"color": SEQUENCE[0]},
        marker={
            "size": np.where(flag, 13, 8).tolist(),
            "symbol": np.where(flag, "diamond", "circle").tolist(),
            "color": np.where(flag, COLOURS["bad"], SEQUENCE[0]).tolist(),
        },
        text=part["n"].astype(str),
        hovertemplate="%{x}: %{y:.0%} of %{text}<extra></extra>",
    )
    figure.update_yaxes(range=[0, 1.02])
    finish(
        figure,
        title=f"Outlet {outlet}, month by month",
        description=(
            f"Line of the monthly share of satisfied visits of outlet {outlet}, with the band in which it would lie "
            "by chance given the month before; diamonds lie outside."
        ),
        simulated=simulated,
    )
    figure.update_xaxes(type="category", nticks=6)
    figure.update_yaxes(tickformat=".0%", title={"text": "Share satisfied"})
    return legend_below(figure)


def pooled(issues: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the pooled change of each issue of ``ecosystem.spread_issues``."""
    shown = issues.sort_values("change", ascending=False)
    shown = shown.assign(
        label=[
            f"{row.issue} ({row.outlets} outlet{'' if row.outlets == 1 else 's'} alone)"
            for row in shown.itertuples()
        ]
    )
    return dots(
        shown,
        title="Change in complaints, all outlets pooled",
        description=(
            "One row an issue: by how many a thousand rated visits its complaints changed from the first to the "
            "second period, pooled over outlets, with a 95 % interval; the label says how many outlets find it alone."
        ),
        label="label",
        x_title="Change, complaints a thousand rated visits",
        estimate="change",
        simulated=simulated,
    )
