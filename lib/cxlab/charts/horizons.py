"""The staircase of levels, what scores predict, hostages and what nobody has seen: the figures of the five horizons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .dots import dots, legend_below, wrapped
from .style import COLOURS, SEQUENCE, finish

__all__ = [
    "advocacy",
    "attainment",
    "averaging",
    "cells",
    "checks",
    "curve",
    "pass_rates",
    "release",
    "reproducibility",
    "rules",
    "scalability",
    "staircase",
]


def staircase(passes: pd.DataFrame, *, cut: float | None = None, simulated: bool = False) -> go.Figure:
    """Draw who passes which level: accounts sorted by how many they pass, levels from easiest to hardest.

    ``passes`` has one row an account and one column a level: 1, 0 or missing (unseen).
    """
    columns = passes.mean().sort_values(ascending=False, kind="stable").index
    order = passes[columns].fillna(0.5).sum(axis=1).sort_values(ascending=False, kind="stable").index
    z = passes.loc[order, columns].astype(float)
    figure = go.Figure()
    seen = ((0, COLOURS["bad"], "fails"), (0.5, "#B5B5B5", "unseen"), (1, COLOURS["good"], "passes"))
    figure.add_heatmap(
        z=z.fillna(0.5).to_numpy().round(1).tolist(),
        x=[wrapped(name, 12) for name in columns],
        zmin=0,
        zmax=1,
        colorscale=[
            (0, seen[0][1]),
            (0.33, seen[0][1]),
            (0.34, seen[1][1]),
            (0.66, seen[1][1]),
            (0.67, seen[2][1]),
            (1, seen[2][1]),
        ],
        showscale=False,
        hovertemplate="%{x}: %{z} (1 passes, 0 fails, 0.5 unseen)<extra></extra>",
    )
    for _, colour, name in seen:
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": "square", "size": 12},
        )
    finish(
        figure,
        title="Is it a staircase?" if cut is None else f"Is it a staircase? A level passes at {cut:g}",
        description="One thin row an account, one column a level from easiest to hardest: green where it passes, orange where "
        "it fails, grey where nobody has looked. A clean order shows as stairs.",
        simulated=simulated,
        height=480,
    )
    figure.update_yaxes(
        showticklabels=False, title={"text": f"{len(z)} accounts"}, showgrid=False, autorange="reversed"
    )
    figure.update_xaxes(showgrid=False, tickangle=0, tickfont={"size": 10})
    return legend_below(figure)


def scalability(result, *, simulated: bool = False) -> go.Figure:
    """Draw a Scalability: H of all levels and of each, with the customary .3 and with 0."""
    whole = pd.DataFrame(
        {"level": ["all levels"], "Hi": [result.H], "low": [result.low], "high": [result.high]}
    )
    table = pd.concat([whole, result.items[["level", "Hi", "low", "high"]]], ignore_index=True)
    figure = dots(
        table,
        label="level",
        estimate="Hi",
        x_title="Loevinger's H",
        title="How much of an order is there?",
        description="One row for all levels together and one for each: H with its 95 % interval; the dashed line is 0, the "
        "dotted one .3, the custom below which levels make no scale.",
        simulated=simulated,
    )
    return figure.add_vline(x=0.3, line={"dash": "dot", "width": 1, "color": COLOURS["good"]})


def reproducibility(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw reproducibility beside its chance value: columns ``name value chance``."""
    figure = go.Figure()
    names = [wrapped(name, 18) for name in table["name"]][::-1]
    back = table.iloc[::-1]
    figure.add_bar(
        y=names,
        x=back.chance,
        orientation="h",
        name="with no order at all",
        marker={"color": "rgba(107,107,107,.45)"},
    )
    figure.add_scatter(
        y=names,
        x=back.value,
        mode="markers",
        name="found",
        marker={"symbol": "diamond", "size": 13, "color": COLOURS["bad"]},
    )
    figure.add_vline(x=0.9, line={"dash": "dot", "color": COLOURS["neutral"]})
    finish(
        figure,
        title="Reproducibility is high without any order",
        description="One row a table: a diamond for Guttman's reproducibility, a grey bar for what independent levels with the "
        "same pass rates give; the dotted line is the customary .90.",
        simulated=simulated,
        height=210 + 48 * len(table),
    )
    figure.update_xaxes(range=[0, 1], title={"text": "reproducibility"})
    return legend_below(figure)


def pass_rates(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.pass_rates`."""
    return dots(
        table,
        label="level",
        estimate="share",
        x_title="share of accounts that pass",
        percent=True,
        reference=None,
        title="Which level is the easiest?",
        description="One row a level in the order of the ladder: the share of accounts that pass it, with 95 % interval.",
        simulated=simulated,
    ).update_xaxes(range=[0, 1])


def attainment(pairs: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.attainment_pairs` as a matrix: row before column."""
    names = list(dict.fromkeys(pairs["first"]))
    matrix = pairs.pivot(index="first", columns="second", values="share").reindex(index=names, columns=names)
    short = [wrapped(name, 12) for name in names]
    text = [["" if pd.isna(v) else f"{v:.0%}" for v in row] for row in matrix.to_numpy()]
    figure = go.Figure(
        go.Heatmap(
            z=matrix.round(4).to_numpy(),
            x=short,
            y=short,
            zmin=0,
            zmax=1,
            colorscale=[(0, "#F3D9C8"), (0.5, "#F7F7F7"), (1, "#BFDCEC")],
            showscale=False,
            text=text,
            texttemplate="%{text}",
            textfont={"color": "#1f2933"},
            hoverongaps=False,
            hovertemplate="%{y} before %{x}: %{z:.0%}<extra></extra>",
        )
    )
    finish(
        figure,
        title="Reached first: the row before the column",
        description="A matrix of levels: the share of accounts that reached the row's level before the column's. Half means no "
        "order between the two.",
        simulated=simulated,
        height=460,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure.update_xaxes(showgrid=False, tickangle=0, tickfont={"size": 10})


def rules(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.scoring_rules`."""
    return dots(
        table,
        label="rule",
        estimate="r2",
        low="r2_low",
        high="r2_high",
        x_title="variance foretold",
        percent=True,
        title="Which score foretells renewal?",
        description="One row a rule: cross-validated R2, with its range over repeated splits of the accounts.",
        simulated=simulated,
    )


def averaging(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.averaging_hides`."""
    return dots(
        table,
        label="what",
        estimate="share",
        x_title="share of accounts",
        percent=True,
        reference=None,
        title="What an average hides",
        description="One row a count: accounts whose levels all pass, whose average passes, and whose average passes although "
        "a level fails, in all and by level, with 95 % intervals.",
        simulated=simulated,
    )


def cells(table: pd.DataFrame, *, outcome: str, percent: bool = True, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.hostage_cells`: the outcome of each cell; its share of all in its name."""
    named = [
        f"{cell} ({share:.0%}, n={n})"
        for cell, share, n in zip(table.cell, table["share"], table.n, strict=True)
    ]
    return dots(
        table.assign(label=named),
        label="label",
        estimate="outcome",
        low="outcome_low",
        high="outcome_high",
        x_title=outcome,
        percent=percent,
        reference=None,
        title="Who stays, and why?",
        description=f"One row for each cell of satisfaction and dependence: {outcome} with its 95 % interval; the cell's share "
        "of all stands in brackets. Hostages are dissatisfied and dependent.",
        simulated=simulated,
    )


def release(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.release`: renewal where dependence stayed and where it fell."""
    rows = []
    for row in table.itertuples():
        who = "satisfied" if row.satisfied else "not satisfied"
        rows.append((who, f"{who} (n={row.n_held}, {row.n_freed})", row.difference, row.low, row.high))
    shown = pd.DataFrame(rows, columns=["who", "label", "estimate", "low", "high"])
    return dots(
        shown,
        label="label",
        x_title="renewal: held minus freed",
        percent=True,
        title="What happens when they can leave",
        description="Two rows, satisfied and not satisfied dependent accounts: renewal where dependence stayed minus renewal "
        "where it fell, with 95 % interval; the numbers of accounts in brackets.",
        simulated=simulated,
    )


def curve(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.hidden_curve`: the band that an unseen level leaves open."""
    figure = go.Figure()
    figure.add_scatter(
        x=table.pass_hidden,
        y=table.high,
        mode="lines",
        name="at most",
        line={"color": SEQUENCE[0], "width": 2},
    )
    figure.add_scatter(
        x=table.pass_hidden,
        y=table.low,
        mode="lines",
        name="at least",
        line={"color": SEQUENCE[1], "width": 2, "dash": "dash"},
        fill="tonexty",
        fillcolor="rgba(0,114,178,.15)",
    )
    finish(
        figure,
        title="What a never-seen level leaves open",
        description="For each pass rate that the unseen level could have, the smallest and the greatest share of accounts that "
        "pass all levels; the band between cannot be narrowed without looking.",
        simulated=simulated,
    )
    figure.update_xaxes(tickformat=".0%", title={"text": "assumed pass rate of the unseen level"})
    figure.update_yaxes(tickformat=".0%", range=[0, 1], title={"text": "accounts that pass all levels"})
    return legend_below(figure)


def checks(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.level_checks`."""
    return dots(
        table,
        label="finding",
        estimate="share",
        x_title="share of accounts",
        percent=True,
        reference=None,
        title="Warnings, level by level",
        description="One row a finding, from the company's level to the key individuals': the share of accounts, with 95 % "
        "interval.",
        simulated=simulated,
    ).update_xaxes(range=[0, float(min(1.0, np.nanmax(table.high) + 0.05))])


def advocacy(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw :func:`cxlab.methods.horizons.advocacy`."""
    return dots(
        table.assign(label=[f"{group} ({n})" for group, n in zip(table.group, table.n, strict=True)]),
        label="label",
        estimate="recommend",
        x_title="share that recommends",
        percent=True,
        reference=None,
        title="Who recommends?",
        description="Pairs of rows: accounts that are satisfied or not, that got something extra or not, that trust or not; the "
        "share that recommends, with 95 % interval and the number of accounts.",
        simulated=simulated,
    )
