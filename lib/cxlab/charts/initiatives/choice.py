"""Choosing under a budget: rules, chosen sets, frontier, prices, guesses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ..dots import dots, legend_below
from ..style import COLOURS, SEQUENCE, finish
from .parts import short

__all__ = ["frontier", "inclusion", "portfolio", "quadrants", "rules", "scopes", "shadow"]


def quadrants(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.quadrants` (columns ``impact``, ``effort`` or ``cost``)."""
    effort = "effort" if "effort" in table else "cost"
    figure = go.Figure()
    for k, (name, symbol) in enumerate(
        (
            ("first", "circle"),
            ("if impact is high enough", "diamond"),
            ("easy but small", "square"),
            ("leave", "x"),
        )
    ):
        part = table[table.quadrant == name]
        done = part.order.notna() if name == "if impact is high enough" else pd.Series(True, index=part.index)
        figure.add_scatter(
            x=part[effort],
            y=part.impact,
            mode="markers",
            name=name,
            text=part.id.astype(str),
            marker={
                "size": np.where(done, 10, 6).tolist(),
                "symbol": symbol,
                "color": [SEQUENCE[2], SEQUENCE[0], SEQUENCE[4], SEQUENCE[6]][k],
            },
            hovertemplate="%{text}: impact %{y}, effort %{x}<extra>" + name + "</extra>",
        )
    figure.add_vline(
        x=float(table[effort].median()), line={"dash": "dot", "width": 1, "color": COLOURS["neutral"]}
    )
    figure.add_hline(
        y=float(table.impact.median()), line={"dash": "dot", "width": 1, "color": COLOURS["neutral"]}
    )
    finish(
        figure,
        title="Impact against effort: the quadrant rule",
        description="One point an initiative; dotted lines at the medians part four quadrants. High impact at low effort "
        "comes first; large diamonds are costly and undertaken because their impact is high enough.",
        simulated=simulated,
        height=480,
    )
    figure.update_xaxes(title={"text": "effort (log scale)"}, type="log")
    figure.update_yaxes(title={"text": "impact (log scale)"}, type="log")
    return legend_below(figure)


def rules(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.compare_rules`."""
    back = table.iloc[::-1]
    figure = go.Figure(
        go.Bar(
            x=back.impact,
            y=[short(rule) for rule in back.rule],
            orientation="h",
            marker={
                "color": [COLOURS["good"] if rule == "exact" else COLOURS["neutral"] for rule in back.rule]
            },
            text=[
                f"{share:.1%} of the best, {n} chosen"
                for share, n in zip(back.share_of_best, back.chosen, strict=True)
            ],
            textposition="inside",
            insidetextanchor="start",
            textfont={"color": "white"},
            hovertemplate="%{y}: impact %{x:.4g}<extra></extra>",
        )
    )
    finish(
        figure,
        title="What each rule gets for the same money",
        description="One bar a rule: the total impact of the initiatives that it chooses under one budget.",
        simulated=simulated,
        height=170 + 46 * len(table),
    )
    return figure.update_xaxes(title={"text": "total impact"})


def portfolio(table: pd.DataFrame, *, budget: float, impact: float, simulated: bool = False) -> go.Figure:
    """Draw which initiatives a budget buys: columns ``id impact cost selected``, optionally ``level``."""
    figure = go.Figure()
    symbols = {"account": "circle", "unit": "square", "corporate": "diamond"}
    level = table["level"] if "level" in table else pd.Series("all", index=table.index)
    for name in list(dict.fromkeys(level)):
        for chosen in (True, False):
            part = table[(level == name) & (table.selected == chosen)]
            symbol = symbols.get(name, "circle")
            figure.add_scatter(
                x=part.cost,
                y=part.impact,
                mode="markers",
                name=f"{name}, {'chosen' if chosen else 'left'}",
                marker={
                    "symbol": symbol if chosen else f"{symbol}-open",
                    "size": 11 if chosen else 8,
                    "color": COLOURS["good"] if chosen else COLOURS["neutral"],
                },
                text=part.id.astype(str),
                hovertemplate="%{text}: impact %{y}, cost %{x}<extra></extra>",
            )
    finish(
        figure,
        title=f"A budget of {budget:,.0f} buys {int(table.selected.sum())} initiatives, impact {impact:,.0f}",
        description="One point an initiative by cost and impact, its shape the level it is for; filled ones are in the best set.",
        simulated=simulated,
        height=500,
    )
    figure.update_xaxes(title={"text": "cost (log scale)"}, type="log")
    figure.update_yaxes(title={"text": "impact (log scale)"}, type="log")
    return legend_below(figure)


def frontier(table: pd.DataFrame, *, budget: float | None = None, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.frontier`."""
    figure = go.Figure()
    figure.add_scatter(
        x=table.budget,
        y=table.impact,
        mode="lines+markers",
        name="best set",
        line={"color": COLOURS["good"], "width": 3},
    )
    figure.add_scatter(
        x=table.budget,
        y=table.greedy_impact,
        mode="lines+markers",
        name="greedy",
        line={"color": COLOURS["bad"], "dash": "dash"},
        marker={"symbol": "x"},
    )
    if budget is not None:
        figure.add_vline(x=budget, line={"dash": "dot", "color": COLOURS["neutral"]})
    finish(
        figure,
        title="What more money would buy",
        description="Greatest total impact for each budget, and what the greedy rule reaches; each next unit of money buys less.",
        simulated=simulated,
    )
    figure.update_xaxes(title={"text": "budget"})
    figure.update_yaxes(title={"text": "total impact"}, rangemode="tozero")
    return legend_below(figure)


def shadow(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.shadow_prices`."""
    names = [f"{level} (at least {count})" for level, count in zip(table.level, table.minimum, strict=True)]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=table.impact_lost,
        orientation="h",
        name="impact lost by this minimum",
        marker={"color": SEQUENCE[0]},
    )
    figure.add_bar(
        y=names,
        x=table.next_lost,
        orientation="h",
        name="lost by asking for one more",
        marker={"color": SEQUENCE[1], "pattern": {"shape": "/"}},
    )
    finish(
        figure,
        title="What each minimum costs",
        description="Two bars a level: the impact that its minimum costs, and what one more of that level would cost.",
        simulated=simulated,
        height=200 + 60 * len(table),
    )
    figure.update_xaxes(title={"text": "impact"}, rangemode="tozero")
    return legend_below(figure)


def inclusion(table: pd.DataFrame, *, most: int = 20, simulated: bool = False) -> go.Figure:
    """Draw the initiatives of :func:`cxlab.methods.initiatives.inclusion_probability` that hang on the guess."""
    open_ = table[table.choice == "depends on the guess"].sort_values(
        "probability", ascending=False, kind="stable"
    )
    ranked = open_ if len(open_) else table.sort_values("probability", ascending=False, kind="stable")
    shown = ranked.iloc[np.unique(np.linspace(0, len(ranked) - 1, min(most, len(ranked))).astype(int))]
    counts = table.choice.value_counts()
    return dots(
        shown.assign(label=shown.id.astype(str)),
        label="label",
        estimate="probability",
        x_title="share of guessed worlds",
        percent=True,
        reference=0.5,
        title=f"{counts.get('safe', 0)} safe whatever the guess, {counts.get('never', 0)} never; {len(open_)} depend on it",
        description=f"Of the initiatives whose place depends on the guessed impact, {len(shown)} are drawn: how often each is "
        "in the best set, with the interval of the simulation.",
        simulated=simulated,
    ).update_xaxes(range=[0, 1])


def scopes(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.compare_scopes`."""
    return dots(
        table,
        label="scope",
        estimate="share",
        x_title="share of the mixed impact",
        percent=True,
        reference=1.0,
        title="One kind only, for the same money",
        description="One row a scope: the impact of its best portfolio as a share of the best mixed one, with the 95 % range "
        "over guessed impacts.",
        simulated=simulated,
    )
