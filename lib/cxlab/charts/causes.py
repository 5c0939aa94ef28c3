"""Adjusted effects, hidden causes, both orders of mediation, and graphs that fit alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .dots import dots, legend_below
from .style import COLOURS, finish, rgba

__all__ = ["contours", "effects", "graphs", "orders", "power", "rho"]


def effects(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Crude and adjusted slopes of both sides; columns ``side model estimate low high``."""
    return dots(
        table, label="side", group="model", title="Slope of each side, alone and adjusted",
        description="Dots are standardised slopes with 95 percent intervals, for each side: alone, beside the other side, and with the "
        "rest held fixed. The further a dot falls when more is held fixed, the more of it belonged to something else.",
        x_title="standardised slope", simulated=simulated,
        colours=[COLOURS["neutral"], COLOURS["expectation"], COLOURS["highlight"]],
    )  # fmt: skip


def contours(
    grid: pd.DataFrame, *, bounds: pd.DataFrame, treatment: str, estimate: float, simulated: bool = False
) -> go.Figure:
    """Effect left by an unseen cause of any strength; benchmarks as points.

    ``grid`` has ``r2_treatment r2_outcome estimate``, ``bounds`` as from ``benchmark_bounds``.
    """
    wide = grid.pivot(index="r2_outcome", columns="r2_treatment", values="estimate")
    colour = COLOURS.get(treatment, COLOURS["highlight"])
    figure = go.Figure()
    figure.add_contour(
        x=wide.columns, y=wide.index, z=wide.to_numpy(), showscale=False,
        contours={"coloring": "lines", "showlabels": True, "labelfont": {"size": 11}},
        colorscale=[[0, COLOURS["neutral"]], [1, colour]], ncontours=10, line={"width": 1},
        hovertemplate="treatment %{x:.0%}, outcome %{y:.0%}: effect left %{z:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_contour(
        x=wide.columns, y=wide.index, z=wide.to_numpy(), showscale=False, hoverinfo="skip",
        contours={"type": "constraint", "operation": "=", "value": 0}, line={"width": 3, "color": "#1f2933", "dash": "dash"},
        showlegend=True, name="nothing is left",
    )  # fmt: skip
    known = bounds.dropna(subset=["r2_treatment"])
    figure.add_scatter(
        x=known.r2_treatment, y=known.r2_outcome, mode="markers+text", name="as strong as a known one",
        marker={"size": 9, "symbol": "diamond", "color": colour}, cliponaxis=False,
        text=[f"{row.multiple:g}x {row.benchmark}" for row in known.itertuples()], textposition="middle right", textfont={"size": 11},
        customdata=known[["estimate", "low", "high"]].to_numpy(),
        hovertemplate="%{text}: %{customdata[0]:.2f} [%{customdata[1]:.2f}, %{customdata[2]:.2f}]<extra></extra>",
    )  # fmt: skip
    finish(
        figure, title=f"What is left of the effect of {treatment} ({estimate:.2f})", simulated=simulated, height=480,
        description=f"Lines of equal effect of {treatment} if a hidden cause explained the given share of what is left over of {treatment} "
        "(across) and of the outcome (up). On the dashed line nothing is left. Diamonds mark a hidden cause as strong as a known one.",
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": f"hidden share of {treatment}"}, tickformat=".0%", range=[0, wide.columns.max()]
    )
    figure.update_yaxes(
        title={"text": "hidden share of the outcome"}, tickformat=".0%", range=[0, wide.index.max()]
    )
    return legend_below(figure)


def orders(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Indirect and direct effects, both ways round; ``table`` as from ``both_orders``."""
    shown = table[table.effect.isin(["indirect", "direct", "total"])]
    return dots(
        shown, label="effect", group="order", title="Through the other side, or not: both orders",
        description="Dots are indirect, direct and total effects with 95 percent intervals, once for each order of the two sides. Both "
        "orders fit the same survey equally well.",
        x_title="standardised effect on the outcome", simulated=simulated, colours=[COLOURS["product"], COLOURS["experience"]],
    )  # fmt: skip


def rho(curve: pd.DataFrame, *, rho_zero: float, order: str, simulated: bool = False) -> go.Figure:
    """Indirect effect along the assumed correlation of errors; ``curve`` as from ``rho_curve``."""
    colour = COLOURS["highlight"]
    figure = go.Figure()
    figure.add_scatter(
        x=[*curve.rho, *curve.rho[::-1]], y=[*curve.high, *curve.low[::-1]], fill="toself", mode="lines",
        line={"width": 0}, fillcolor=rgba(colour, 0.18), name="95 % interval", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=curve.rho, y=curve.indirect, mode="lines", line={"color": colour, "width": 3}, name="indirect effect",
        hovertemplate="rho %{x:.2f}: %{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=0, line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]})
    figure.add_vline(x=0, line={"dash": "dot", "width": 1, "color": COLOURS["neutral"]})
    figure.add_scatter(
        x=[rho_zero], y=[0], mode="markers", name="effect gone", showlegend=True,
        marker={"size": 12, "symbol": "x", "color": "#1f2933"}, hovertemplate="gone at rho %{x:.2f}<extra></extra>",
    )  # fmt: skip
    finish(
        figure, title=f"{order[:1].upper()}{order[1:]}: what a hidden cause does", simulated=simulated,
        description="The line is the indirect effect for each assumed correlation between what is unexplained in mediator and outcome, "
        "with a 95 percent band; the cross marks where it vanishes. At zero stands the usual assumption of no hidden cause.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": "correlation of the unexplained parts (rho)"}, range=[-0.95, 0.95])
    figure.update_yaxes(title={"text": "indirect effect"})
    return legend_below(figure)


_PLACES = {"product": (0.0, 1.0), "experience": (0.0, 0.0), "outcome": (1.0, 0.5), "source": (-0.55, 0.5)}


def graphs(table: pd.DataFrame, *, graph: str, outcome: str, simulated: bool = False) -> go.Figure:
    """One of the causal graphs with its coefficients; ``table`` as from ``equivalent_graphs``."""
    part = table[table.graph == graph]
    totals = part.iloc[0]
    names = {"product": "product", "experience": "experience", outcome: "outcome", "source": "source"}
    figure = go.Figure()
    for row in part.itertuples():
        start, end = (np.array(_PLACES[names[name]]) for name in (row.start, row.end))
        a, b = start + 0.2 * (end - start), end - 0.24 * (end - start)
        figure.add_annotation(
            x=b[0], y=b[1], ax=a[0], ay=a[1], xref="x", yref="y", axref="x", ayref="y", showarrow=True,
            arrowhead=3, arrowsize=1.2, arrowwidth=1.5 + 3 * min(abs(row.coefficient), 1), arrowcolor="#5b6570", text="",
        )  # fmt: skip
        middle = (a + b) / 2
        figure.add_annotation(
            x=middle[0], y=middle[1], text=f"{row.coefficient:.2f}", showarrow=False, bgcolor="rgba(255,255,255,0.9)",
            font={"size": 13, "color": "#1f2933"},
        )  # fmt: skip
    shown = list(dict.fromkeys([*part.start, *part.end]))
    figure.add_scatter(
        x=[_PLACES[names[name]][0] for name in shown], y=[_PLACES[names[name]][1] for name in shown],
        mode="markers+text", text=[f"<b>{'hidden<br>source' if name == 'source' else name.replace('_', '<br>')}</b>" for name in shown],
        textposition=["top center" if names[name] in ("product", "outcome") else "bottom center" for name in shown],
        marker={"size": 22, "color": [COLOURS.get(names[name], COLOURS["highlight"]) for name in shown],
                "symbol": ["diamond" if name == "source" else "circle" for name in shown]},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    text = f"raising product: {totals.total_product:.2f}, raising experience: {totals.total_experience:.2f}"
    figure.add_annotation(
        x=0.5, y=-0.14, xref="paper", yref="paper", text=text, showarrow=False, font={"size": 13}
    )
    finish(
        figure, title=f"{graph[:1].upper()}{graph[1:]}: misfit {totals.misfit:.3f}", simulated=simulated, height=400,
        description=f"A causal graph of product, experience and {outcome} with its standardised coefficients. It reproduces the observed "
        f"correlations with a misfit of {totals.misfit:.3f}, like the other two; raising product by one spread would move the outcome by "
        f"{totals.total_product:.2f}, raising experience by {totals.total_experience:.2f}.",
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[-0.85, 1.4])
    figure.update_yaxes(visible=False, range=[-0.35, 1.35])
    figure.update_layout(margin={"b": 50})
    return figure


def power(tables: list[pd.DataFrame], *, needed: int | None, unit: str = "people in each group") -> go.Figure:
    """Chance to find an effect by sample size, one table a design (``power_table``); ``needed``: 80 % of the first."""
    figure = go.Figure()
    dashes = ["solid", "dash", "dot", "dashdot"]
    for i, part in enumerate(tables):
        design = part.design.iloc[0]
        figure.add_scatter(
            x=part.n, y=part.power, mode="lines", name=design, line={"width": 3, "dash": dashes[i % len(dashes)]},
            hovertemplate=f"{design}<br>%{{x:,}} {unit}: %{{y:.0%}}<extra></extra>",
        )  # fmt: skip
    figure.add_hline(y=0.8, line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]})
    note = "not within reach here" if needed is None else f"{needed:,} {unit} for 80 %"
    finish(
        figure, title=f"{tables[0].design.iloc[0]}: {note}",
        description="Each line is the chance to find the chosen effect as the sample grows, one line a design; the dashed level is 80 percent.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": unit}, type="log")
    figure.update_yaxes(title={"text": "chance to find it"}, tickformat=".0%", range=[0, 1.02])
    return legend_below(figure)
