"""Shares, slopes and what could make them: the figures of key driver analysis."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ._driver_rows import PATTERNS, SYMBOLS, bars, colour_of, dots, legend_below, pattern, rows_of, wrapped
from .style import COLOURS, finish, rgba

__all__ = [
    "assignments",
    "commonality",
    "compare",
    "correlations",
    "halo",
    "htmt",
    "parity",
    "reliability",
    "segments",
    "importance",
    "slopes",
]


def correlations(
    table: pd.DataFrame, *, outcome: str, labels: dict[str, str] | None = None, simulated: bool = False
) -> go.Figure:
    """Draw each item's correlation with the outcome, coloured by side (``drivers.item_correlations``)."""
    figure = go.Figure()
    words = labels or {}
    for place, (block, part) in enumerate(table.groupby("block", sort=False)):
        names = [wrapped(words.get(item, item)) for item in part["item"]]
        trace = dots(part, names, "correlation", "low", "high", color=colour_of(block, place))
        trace.update(name=block, showlegend=True, marker_symbol=SYMBOLS[place % len(SYMBOLS)])
        figure.add_trace(trace)
    figure.update_xaxes(title=f"correlation with {outcome}", rangemode="tozero")
    return rows_of(
        figure,
        len(table),
        title=f"The naive answer: what goes with {outcome}?",
        description=f"Each row is an item; the dot is its correlation with {outcome}, the line its 95 % interval. "
        "Almost everything correlates, because satisfied customers rate everything higher.",
        simulated=simulated,
    )


def importance(
    table: pd.DataFrame, *, outcome: str, title: str | None = None, simulated: bool = False
) -> go.Figure:
    """Draw each block's share with its interval; slope and spread stand beside it (``relative_importance``)."""
    figure = go.Figure()
    notes = [f"slope {row.slope:.2f}, spread {row.spread:.2f}" for row in table.itertuples()]
    for place, (block, row) in enumerate(table.iterrows()):
        figure.add_trace(
            go.Bar(
                x=[row["share"]],
                y=[f"{block}<br><span style='font-size:11px'>{notes[place]}</span>"],
                orientation="h",
                marker={
                    "color": colour_of(block, place),
                    "pattern": pattern(PATTERNS.get(block, "")),
                },
                error_x=bars(
                    row[["share"]], row[["low"]].set_axis(["share"]), row[["high"]].set_axis(["share"])
                ),
                text=f"{row['share']:.0%}",
                textposition="inside",
                insidetextanchor="start",
                textangle=0,
                textfont={"color": "white", "size": 14},
                showlegend=False,
            )
        )
    figure.update_xaxes(title="share of what is explained", tickformat=".0%", range=[0, 1])
    return rows_of(
        figure,
        len(table) + 1,
        title=title or f"What is explained of {outcome}, shared out",
        description="Bars are each block's share of the variation that all blocks explain together, lines the 95 % "
        "interval. The slope says what a step adds, the spread how much customers differ: a share mixes both.",
        simulated=simulated,
    )


def commonality(
    shared_out: pd.DataFrame, parts: pd.DataFrame, *, outcome: str, simulated: bool = False
) -> go.Figure:
    """Draw the LMG shares of two blocks above their commonality parts (one bar each, same length)."""
    first, second = shared_out.index
    figure = go.Figure()
    both = f"{first} & {second}"
    pieces = [
        (first, shared_out.loc[first, "share"], parts.loc[first, "share"]),
        ("shared", None, parts.loc[both, "share"]),
        (second, shared_out.loc[second, "share"], parts.loc[second, "share"]),
    ]
    for name, halved, apart in pieces:
        values = [halved, apart]
        figure.add_trace(
            go.Bar(
                name=name,
                y=["shared part<br>halved", "shared part<br>kept apart"],
                x=values,
                orientation="h",
                marker={"color": colour_of(name), "pattern": pattern(PATTERNS.get(name, ""))},
                text=["" if value is None else f"{value:.0%}" for value in values],
                textposition="inside",
                textangle=0,
                textfont={"color": "white", "size": 14},
            )
        )
    figure.update_layout(barmode="relative", legend={"traceorder": "normal"})
    figure.update_xaxes(title="share of what is explained", tickformat=".0%")
    return rows_of(
        figure,
        6,
        title=f"How much of the split of {outcome} is a convention?",
        description=f"The upper bar gives each side half of what only both explain together. The lower bar keeps that "
        f"part apart: only {first}, shared, only {second}.",
        simulated=simulated,
    )


def reliability(grid: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the second side's share over assumed reliabilities, with the even split as a line."""
    first, second = grid.attrs["first"], grid.attrs["second"]
    table = grid.pivot(index="second_reliability", columns="first_reliability", values="share")
    z = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    x, y = table.columns.tolist(), table.index.tolist()
    scale = [[0, rgba(colour_of(first), 0.9)], [0.5, "rgb(245,245,245)"], [1, rgba(colour_of(second), 0.9)]]
    bar = {"title": {"text": f"share of<br>{second}"}, "tickformat": ".0%", "thickness": 12}
    figure = go.Figure(
        go.Heatmap(x=x, y=y, z=z, zmin=0, zmax=1, colorscale=scale, colorbar=bar, hoverongaps=False)
    )
    lines = {"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"}
    figure.add_trace(
        go.Contour(
            x=x,
            y=y,
            z=z,
            contours=lines,
            line={"color": "black", "width": 2},
            showscale=False,
            hoverinfo="skip",
            showlegend=False,
        )
    )
    alpha = grid.attrs["alpha"]
    if all(value == value for value in alpha.values()):
        figure.add_trace(
            go.Scatter(
                x=[alpha[first]],
                y=[alpha[second]],
                mode="markers",
                marker={
                    "symbol": "star",
                    "size": 16,
                    "color": "black",
                    "line": {"color": "white", "width": 1},
                },
                name="Cronbach's alpha",
                showlegend=False,
            )
        )
    figure.update_xaxes(title=f"reliability of {first}")
    figure.update_yaxes(title=f"reliability of {second}")
    return finish(
        figure,
        title="Could unequal measurement error make this split?",
        description=f"Colour is the share of {second} after correcting for the assumed reliabilities; the black line is "
        "an even split, the star the reliabilities seen in the items. Empty cells cannot occur.",
        simulated=simulated,
    )


def halo(curve: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw both sides' shares while a general liking is taken out of every correlation."""
    first, second = curve.attrs["first"], curve.attrs["second"]
    figure = go.Figure()
    for name, values, dash in ((second, curve["share"], "solid"), (first, 1 - curve["share"], "dash")):
        figure.add_trace(
            go.Scatter(
                x=curve["halo"],
                y=values,
                mode="lines",
                name=name,
                line={"color": colour_of(name), "width": 3, "dash": dash},
            )
        )
    marked = curve.attrs.get("marker_share")
    if marked is not None:
        figure.add_hline(
            y=marked,
            line={"dash": "dot", "color": COLOURS["neutral"]},
            annotation_text=f"{second}, marker held",
        )
    figure.update_xaxes(title="halo taken out (correlation)")
    figure.update_yaxes(title="share", tickformat=".0%", range=[0, 1])
    return legend_below(
        finish(
            figure,
            title="Could a general liking make this split?",
            description="Lines are the shares of both sides after taking a halo of growing size out of every correlation; "
            "on the left nothing is taken out.",
            simulated=simulated,
        )
    )


def htmt(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the heterotrait-monotrait ratio of each pair against its customary bounds."""
    rows = table[table["htmt"].notna()]
    names = [f"{row.first} /<br>{row.second}" for row in rows.itertuples()]
    figure = go.Figure(dots(rows, names, "htmt", "low", "high", color=COLOURS["highlight"]))
    figure.add_vrect(x0=0.85, x1=0.9, fillcolor=rgba(COLOURS["neutral"], 0.2), line_width=0)
    figure.add_vline(x=1, line={"dash": "dash", "color": COLOURS["neutral"]}, annotation_text="one thing")
    figure.update_xaxes(title="HTMT (grey: .85 to .90)")
    return rows_of(
        figure,
        len(rows) + 1,
        title="Two things or one?",
        description="Each row is a pair; at 1 the two are one thing measured twice. Dots are estimates, lines 95 % "
        "intervals, the grey band the customary bounds.",
        simulated=simulated,
    )


def parity(curve: pd.DataFrame, *, at: float | None = None, simulated: bool = False) -> go.Figure:
    """Draw the shares against the spread of one side, the observed spread marked; ``at`` picks a factor of the curve."""
    varied = curve.attrs["vary"]
    figure = go.Figure()
    for place, (block, part) in enumerate(curve.groupby("block", sort=False)):
        colour = colour_of(block, place)
        figure.add_trace(
            go.Scatter(
                x=[*part["spread"], *part["spread"][::-1]],
                y=[*part["high"], *part["low"][::-1]],
                mode="lines",
                fill="toself",
                fillcolor=rgba(colour, 0.16),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        )
        figure.add_trace(
            go.Scatter(
                x=part["spread"],
                y=part["share"],
                name=f"{block} (slope {curve.attrs['slopes'][block]:.2f} throughout)",
                mode="lines+markers",
                marker={"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 7},
                line={"color": colour, "width": 3},
            )
        )
    seen = curve.loc[curve["observed"], "spread"].iloc[0]
    figure.add_vline(x=seen, line={"color": COLOURS["neutral"], "width": 2}, annotation_text="observed")
    title = f"If the {varied} differed less, would it stop mattering?"
    chosen = curve[curve["factor"] == at]
    if len(chosen):
        marks = go.Scatter(x=chosen["spread"], y=chosen["share"], mode="markers+text", showlegend=False)
        marks.update(text=[f"{share:.0%}" for share in chosen["share"]], textposition="top right")
        figure.add_trace(
            marks.update(marker={"size": 15, "symbol": "circle-open", "color": COLOURS["highlight"]})
        )
        mine = chosen.loc[chosen["block"] == varied, "share"].iloc[0]
        title = f"At {at:.0%} of its spread, {varied} has {mine:.0%}"
    figure.update_xaxes(title=f"spread of {varied} (points)")
    figure.update_yaxes(title="share", tickformat=".0%", range=[0, 1.05])
    return legend_below(
        finish(
            figure,
            title=title,
            description=f"Lines are shares, bands 95 % intervals, while the spread of {varied} changes and every slope stays "
            "as it is. On the left all offers are alike: the share vanishes though the slope does not.",
            simulated=simulated,
            height=460,
        )
    )


def segments(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw each segment's share, raw and pulled towards the mean (``drivers.segment_shares``)."""
    of = table.attrs["of"]
    order = table.sort_values("share")
    names = [f"{name} (n {row.n})" for name, row in zip(order.index, order.itertuples(), strict=True)]
    figure = go.Figure()
    rows = list(range(len(order)))
    raw = dots(
        order,
        [row - 0.13 for row in rows],
        "share",
        "low",
        "high",
        color=COLOURS["neutral"],
        symbol="circle-open",
    )
    figure.add_trace(raw.update(name="alone", showlegend=True))
    if order["shrunk"].notna().any():
        pulled = dots(
            order,
            [row + 0.13 for row in rows],
            "shrunk",
            "shrunk_low",
            "shrunk_high",
            color=colour_of(of),
            symbol="diamond",
        )
        figure.add_trace(pulled.update(name="pulled towards the mean", showlegend=True))
        figure.add_vline(x=table.attrs["mean"], line={"dash": "dot", "color": colour_of(of)})
    figure.update_xaxes(title=f"share of {of}", tickformat=".0%")
    figure.update_yaxes(type="linear", tickvals=rows, ticktext=names)
    return rows_of(
        figure,
        len(order) + 2,
        title="Is the answer the same for every kind of customer?",
        description=f"Each row is a segment: the open circle its own share of {of}, the diamond the share pulled towards "
        "the mean (dotted), the more the fewer customers it has. Lines are 95 % intervals.",
        simulated=simulated,
    )


def compare(table: pd.DataFrame, *, of: str, title: str, simulated: bool = False) -> go.Figure:
    """Draw one block's share in several splits (rows: outcomes, models, surveys, views), even split marked."""
    shown = table[table["share"].notna()]
    names = [str(name) for name in shown.index]
    filled = shown.assign(low=shown["low"].fillna(shown["share"]), high=shown["high"].fillna(shown["share"]))
    figure = go.Figure(dots(filled, names, "share", "low", "high", color=colour_of(of)))
    figure.add_vline(x=0.5, line={"dash": "dash", "color": COLOURS["neutral"]})
    figure.update_xaxes(title=f"share of {of}", tickformat=".0%", range=[0, 1])
    return rows_of(
        figure,
        len(shown) + 1,
        title=title,
        description=f"Each row is one split; the dot is the share of {of}, the line its 95 % interval where there is one, "
        "the dashed line an even split.",
        simulated=simulated,
    )


def assignments(table: pd.DataFrame, *, chosen: str, of: str, simulated: bool = False) -> go.Figure:
    """Draw the share of one side under every reading of the items, the chosen one in front.

    ``table`` has one row a reading: ``reading, share, low, high`` (``drivers.split_readings``, one outcome).
    """
    names = [wrapped(name) for name in table["reading"]]
    figure = go.Figure(
        dots(table, names, "share", "low", "high", color=COLOURS["neutral"], symbol="circle-open")
    )
    row = table[table["reading"] == chosen]
    mark = dots(row, [wrapped(chosen)], "share", "low", "high", color=colour_of(of), symbol="diamond")
    words = [f"{share:.0%}" for share in row["share"]]
    figure.add_trace(mark.update(mode="markers+text", text=words, textposition="top center", marker_size=15))
    figure.add_vline(x=0.5, line={"dash": "dash", "color": COLOURS["neutral"]})
    figure.update_xaxes(title=f"share of {of}", tickformat=".0%", range=[0, 1])
    return rows_of(
        figure,
        len(table) + 2,
        title=f"{chosen[0].upper()}{chosen[1:]}: {of} has {', '.join(words)}",
        description=f"Each row is a way of putting items on sides; the dot is the share of {of}, the line its 95 % "
        "interval, the diamond the way that you chose, the dashed line an even split.",
        simulated=simulated,
    )


def slopes(
    table: pd.DataFrame,
    *,
    title: str,
    unit: str = "standardised slope",
    smallest: float | None = None,
    simulated: bool = False,
) -> go.Figure:
    """Draw slopes with their intervals against zero (and the smallest effect of interest)."""
    figure = go.Figure()
    for place, (name, _) in enumerate(table.iterrows()):
        part = table.loc[[name]]
        symbol = SYMBOLS[place % len(SYMBOLS)]
        figure.add_trace(
            dots(part, [str(name)], "slope", "low", "high", color=colour_of(str(name), place), symbol=symbol)
        )
    figure.add_vline(x=0, line={"color": COLOURS["neutral"]})
    if smallest is not None:
        figure.add_vrect(x0=-smallest, x1=smallest, fillcolor=rgba(COLOURS["neutral"], 0.15), line_width=0)
    figure.update_xaxes(title=unit)
    return rows_of(
        figure,
        len(table) + 1,
        title=title,
        description="Each row is a slope with the others held; lines are 95 % intervals, the upright line no effect"
        + (", the grey band effects too small to matter." if smallest is not None else "."),
        simulated=simulated,
    )
