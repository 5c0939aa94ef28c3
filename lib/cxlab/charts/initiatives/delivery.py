"""The metric, progress, status, ageing, calibration and what pay does to reports."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ..dots import dots, legend_below
from ..style import COLOURS, finish
from .parts import STATUS, error, short

__all__ = ["ageing", "calibration", "gaming", "metric", "progress", "status", "status_over_time"]


def metric(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.count_focused`."""
    shown = table.assign(
        label=[f"{m} ({c} of {n})" for m, c, n in zip(table.measure, table["count"], table.n, strict=True)]
    )
    return dots(
        shown,
        label="label",
        estimate="share",
        x_title="share of initiatives",
        percent=True,
        reference=None,
        title="Which initiatives are customer-focused?",
        description="One row a measure: the share of initiatives with its 95 % interval, the count in brackets.",
        simulated=simulated,
    ).update_xaxes(range=[0, 1])


def progress(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.progress`: one bar a project."""
    colour = [STATUS.get(status, (COLOURS["neutral"], ""))[0] for status in table.status]
    figure = go.Figure(
        go.Bar(
            x=table.progress.tolist()[::-1],
            y=[short(text) for text in table.title][::-1],
            orientation="h",
            marker={"color": colour[::-1]},
            text=table.status.tolist()[::-1],
            textposition="auto",
            hovertemplate="%{y}: %{x:.0%}, %{text}<extra></extra>",
        )
    )
    finish(
        figure,
        title="Progress, project by project",
        description="One bar a project: the share of its work that is done; its status is written on the bar.",
        simulated=simulated,
        height=150 + 34 * len(table),
    )
    return figure.update_xaxes(range=[0, 1], tickformat=".0%", title={"text": "share of the work done"})


def status(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw one month of :func:`cxlab.methods.initiatives.status_shares` as stacked bars a group."""
    groups = list(dict.fromkeys(table.group))[::-1]
    totals = table.drop_duplicates("group").set_index("group").n
    figure = go.Figure()
    for name in dict.fromkeys(table.status):
        part = table[table.status == name].set_index("group").reindex(groups)
        colour, shape = STATUS.get(name, (COLOURS["neutral"], ""))
        figure.add_bar(
            y=[f"{group} ({totals[group]})" for group in groups],
            x=part["share"],
            orientation="h",
            name=name,
            marker={
                "color": colour,
                "pattern": {
                    "shape": shape,
                    "fillmode": "overlay",
                    "fgcolor": "white",
                    "fgopacity": 0.5,
                    "size": 8,
                    "solidity": 0.25,
                },
            },
            customdata=part[["low", "high", "count"]].to_numpy(),
            hovertemplate="%{customdata[2]} "
            + name
            + ": %{x:.0%} [%{customdata[0]:.0%}, %{customdata[1]:.0%}]<extra></extra>",
        )
    finish(
        figure,
        title="On schedule, at risk, late",
        description="One bar a level, the number of open initiatives in brackets, split into on schedule, at risk and late; "
        "intervals stand in the table.",
        simulated=simulated,
        height=190 + 50 * len(groups),
    )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(tickformat=".0%", range=[0, 1], title={"text": "share of open initiatives"})
    return legend_below(figure)


def status_over_time(table: pd.DataFrame, *, group: str = "all", simulated: bool = False) -> go.Figure:
    """Draw several months of :func:`cxlab.methods.initiatives.status_shares` for one group, with intervals."""
    part = table[table.group == group]
    figure = go.Figure()
    for k, name in enumerate(dict.fromkeys(part.status)):
        one = part[part.status == name]
        figure.add_scatter(
            x=[str(month) for month in one.month],
            y=one["share"],
            mode="lines+markers",
            name=name,
            line={
                "color": STATUS.get(name, (COLOURS["neutral"], ""))[0],
                "dash": ["solid", "dash", "dot"][k % 3],
            },
            marker={"symbol": ["circle", "diamond", "x"][k % 3], "size": 9},
            error_y=error(one, "share", "low", "high", "rgba(107,107,107,.5)"),
        )
    finish(
        figure,
        title=f"Delivery over time, level: {group}",
        description="One line a status: its share of the initiatives open in that month, with 95 % intervals.",
        simulated=simulated,
    )
    figure.update_xaxes(type="category", nticks=6)
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return legend_below(figure)


def ageing(table: pd.DataFrame, *, most: int = 15, simulated: bool = False) -> go.Figure:
    """Draw the longest overdue of :func:`cxlab.methods.initiatives.ageing`."""
    shown = table[table.months_overdue > 0].head(most).iloc[::-1]
    figure = go.Figure(
        go.Bar(
            y=[f"{key} ({level})" for key, level in zip(shown.id, shown.level, strict=True)],
            x=shown.months_overdue,
            orientation="h",
            marker={"color": COLOURS["bad"]},
            hovertemplate="%{y}: %{x} months overdue<extra></extra>",
        )
    )
    finish(
        figure,
        title="Longest overdue",
        description="One bar an open initiative: months since it was due.",
        simulated=simulated,
        height=150 + 26 * max(3, len(shown)),
    )
    return figure.update_xaxes(title={"text": "months overdue"}, dtick=1)


def calibration(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.initiatives.calibration`."""
    return dots(
        table.assign(label=[f"said {said} ({n})" for said, n in zip(table.said, table.n, strict=True)]),
        label="label",
        estimate="share",
        x_title="finished late",
        percent=True,
        reference=None,
        title="Does 'at risk' foretell late?",
        description="Two rows: of the initiatives once called at risk, and of the others, the share that was finished after "
        "its due date, with 95 % intervals.",
        simulated=simulated,
    ).update_xaxes(range=[0, 1])


def gaming(table: pd.DataFrame, *, measure: str = "on schedule", simulated: bool = True) -> go.Figure:
    """Draw one measure of :func:`cxlab.methods.initiatives.simulate_gaming`: report against truth."""
    part = table[table.measure == measure]
    figure = go.Figure()
    for name, colour, symbol, dash in (
        ("reported", COLOURS["bad"], "diamond", "dash"),
        ("true", COLOURS["good"], "circle", "solid"),
    ):
        figure.add_scatter(
            x=part.incentive,
            y=part[name],
            mode="lines+markers",
            name="what is reported" if name == "reported" else "what is true",
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 10},
            error_y=error(part, name, f"{name}_low", f"{name}_high", colour),
        )
    finish(
        figure,
        title=f"Pay tied to '{measure}': report and truth part",
        description="Two lines over the strength of the pay link: the share that teams report and the true share, with the "
        "95 % range over simulated portfolios.",
        simulated=simulated,
    )
    figure.update_xaxes(tickformat=".0%", title={"text": "strength of the pay link"})
    figure.update_yaxes(tickformat=".0%", range=[0, 1.04], title={"text": "share of projects"})
    return legend_below(figure)
