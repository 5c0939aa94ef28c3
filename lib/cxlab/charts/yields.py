"""Charts of metaquality: yields, bottlenecks, spreading faults, owners, words against deeds."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .style import COLOURS, SEQUENCE, finish

__all__ = ["bounds", "coverage", "functions", "gain", "gap", "spread", "steps"]


def _done(figure: go.Figure, *, x: dict, from_top: bool = True, **options) -> go.Figure:
    """Finish rows over an axis ``x``, with room between the axis title and the legend on a narrow screen."""
    finish(figure, **options)
    figure.update_xaxes(**x, title_font={"size": 12})
    figure.update_yaxes(title="", autorange="reversed" if from_top else None)
    return figure.update_layout(legend={"y": -0.3})


def _grey_line(figure: go.Figure, begin: float, end: float, row: str) -> None:
    figure.add_scatter(
        x=[begin, end], y=[row] * 2, mode="lines", showlegend=False,
        line={"color": COLOURS["neutral"], "width": 3}, hoverinfo="skip",
    )  # fmt: skip


def _error(table: pd.DataFrame, value: str) -> dict:
    return {"type": "data", "array": table["high"] - table[value], "arrayminus": table[value] - table["low"]}


def steps(
    table: pd.DataFrame, *, joint: float, joint_low: float, joint_high: float, simulated: bool = False
) -> go.Figure:
    """Draw the yield of each stage, the running product, and the share that truly met no fault.

    Parameters
    ----------
    table : DataFrame
        ``stage_yields(...)``: ``stage first_time_yield low high rolled``.
    joint, joint_low, joint_high : float
        From ``rolled_throughput_yield``.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=table["first_time_yield"], y=table["stage"], mode="markers", name="this stage alone",
        marker={"size": 11, "color": SEQUENCE[0]}, error_x=_error(table, "first_time_yield"),
    )  # fmt: skip
    figure.add_scatter(
        x=table["rolled"], y=table["stage"], mode="lines+markers", name="product so far",
        line={"color": COLOURS["bad"], "dash": "dot", "shape": "vh"}, marker={"symbol": "square"},
    )  # fmt: skip
    figure.add_vrect(x0=joint_low, x1=joint_high, fillcolor=COLOURS["good"], opacity=0.15, line_width=0)
    figure.add_vline(x=joint, line={"color": COLOURS["good"], "dash": "dash"})
    figure.add_scatter(
        x=[None], y=[None], mode="lines", name="no fault anywhere (observed)",
        line={"color": COLOURS["good"], "dash": "dash"},
    )  # fmt: skip
    return _done(
        figure,
        x={"title": "share of customers", "tickformat": ".0%"},
        title="Each stage looks good; all of them together?",
        description="One row a stage: its yield with interval and the running product of yields; the dashed line is "
        "the observed share of customers without any fault.",
        simulated=simulated,
        height=460,
    )


def gain(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw what one point of yield adds at each stage.

    Parameters
    ----------
    table : DataFrame
        ``bottleneck_gain(...)``: ``stage rolled_gain joint_gain``.
    """
    figure = go.Figure()
    for column, name, colour, pattern in (
        ("joint_gain", "more customers without a fault", SEQUENCE[0], ""),
        ("rolled_gain", "if faults were independent", COLOURS["neutral"], "/"),
    ):
        figure.add_bar(
            x=table[column], y=table["stage"], orientation="h", name=name,
            marker={"color": colour, "pattern": {"shape": pattern}},
        )  # fmt: skip
    figure.update_layout(barmode="group")
    return _done(
        figure,
        x={"title": "points gained for one point"},
        title="Where one point of improvement helps most",
        description="Two bars a stage: points gained in the share of customers without a fault when one point of "
        "faults goes away there, as observed, and if faults were independent.",
        simulated=simulated,
        height=470,
    )


def spread(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw the risk ratios of faults downstream after faults upstream.

    Parameters
    ----------
    table : DataFrame
        ``failure_spread(...)``: ``upstream downstream ratio low high spreads``.
    """
    label = table["upstream"].astype(str) + " > " + table["downstream"].astype(str)
    figure = go.Figure()
    for flag, name, symbol in ((True, "spreads", "circle"), (False, "could be chance", "circle-open")):
        own = table["spreads"].astype(bool) == flag
        if own.any():
            figure.add_scatter(
                x=table.loc[own, "ratio"], y=label[own], mode="markers", name=name,
                marker={"symbol": symbol, "size": 9, "color": COLOURS["bad" if flag else "neutral"]},
                error_x=_error(table[own], "ratio"),
            )  # fmt: skip
    figure.add_vline(x=1, line={"color": "#1f2933", "width": 1})
    figure.update_yaxes(tickfont={"size": 11})
    return _done(
        figure,
        x={"title": "risk ratio (log scale)", "type": "log"},
        title="A fault upstream and faults downstream",
        description="One row a pair of stages: how many times likelier a fault downstream is after a fault upstream; "
        "filled points survive a false-discovery rate of 5 % over all pairs.",
        simulated=simulated,
        height=max(420, 190 + 26 * len(table)),
    )


_ROLES = ["", "informed", "consulted", "responsible", "accountable"]


def coverage(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw which function has which part in which stage.

    Parameters
    ----------
    table : DataFrame
        ``coverage(...)``: index stage, one column a function, cells a role.
    """
    level = table.apply(lambda column: column.map({role: i for i, role in enumerate(_ROLES)}).fillna(1))
    letters = table.apply(lambda column: column.str[:1].str.upper())
    shades = ["#f4f4f4", "#dbe9f4", "#a9cce6", "#5b9fd0", "#00568a"]
    figure = go.Figure(
        go.Heatmap(
            z=level,
            x=list(table.columns),
            y=list(table.index),
            customdata=table,
            zmin=0,
            zmax=4,
            showscale=False,
            colorscale=[[i / 4, shade] for i, shade in enumerate(shades)],
            hovertemplate="%{y}, %{x}: %{customdata}<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    for i, stage in enumerate(table.index):
        for j, function in enumerate(table.columns):
            colour = "white" if level.iat[i, j] >= 3 else "#1f2933"
            figure.add_annotation(
                x=function,
                y=stage,
                text=letters.iat[i, j],
                showarrow=False,
                font={"color": colour, "size": 13},
            )
    return _done(
        figure,
        x={"title": "Accountable, Responsible, Consulted, Informed"},
        title="Who answers for which stage",
        description="A grid of stages by functions; the letter is the function's part: accountable, responsible, "
        "consulted or informed.",
        simulated=simulated,
    )


def functions(table: pd.DataFrame, *, outcome: str, simulated: bool = False) -> go.Figure:
    """Draw how much each functional area moves with an outcome.

    Parameters
    ----------
    table : DataFrame
        ``cx.drivers.relative_importance``, index the functional area: ``share low high slope``.
    """
    own = table.sort_values("share")
    figure = go.Figure(
        go.Bar(
            x=own["share"], y=list(own.index), orientation="h", error_x=_error(own, "share"),
            marker={"color": SEQUENCE[0]}, customdata=own[["slope", "spread"]],
            hovertemplate="%{y}: %{x:.1%} of explained " + outcome + "<br>slope %{customdata[0]:.2f}, "
            "spread %{customdata[1]:.2f}<extra></extra>",
        )
    )  # fmt: skip
    return _done(
        figure,
        x={"title": f"share of explained {outcome}", "tickformat": ".0%", "rangemode": "tozero"},
        from_top=False,
        title=f"Which functions move with {outcome}",
        description="One bar a functional area: its share of what the areas explain together, with its interval.",
        simulated=simulated,
    )


def bounds(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw what two percentages from different surveys allow.

    Parameters
    ----------
    table : DataFrame
        ``say_do_bounds(...)``: ``lacks least greatest least_sampled greatest_sampled``.
    """
    figure = go.Figure()
    for row in table.itertuples():
        _grey_line(figure, row.least_sampled, row.greatest_sampled, row.lacks)
        figure.add_scatter(
            x=[row.least, row.greatest], y=[row.lacks] * 2, mode="lines+markers", showlegend=False,
            line={"color": SEQUENCE[0], "width": 10}, marker={"symbol": "line-ns-open", "size": 14},
        )  # fmt: skip
    return _done(
        figure,
        x={"title": "share that says it and lacks it", "tickformat": ".0%"},
        title="What two percentages can prove",
        description="One bar a statement: the least and greatest share of firms that can call quality a priority and "
        "still lack this; the thin line also allows for the size of the survey.",
        simulated=simulated,
        height=360,
    )


def gap(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw say and do side by side.

    Parameters
    ----------
    table : DataFrame
        Index stage or function: ``says does gap low high``.
    """
    figure = go.Figure()
    for row in table.itertuples():
        _grey_line(figure, row.does, row.says, row.Index)
    for column, name, symbol, colour in (
        ("says", "says priority", "circle", SEQUENCE[0]),
        ("does", "does review", "square", SEQUENCE[1]),
    ):
        figure.add_scatter(
            x=table[column], y=list(table.index), mode="markers", name=name,
            marker={"symbol": symbol, "size": 11, "color": colour},
            customdata=table[["gap", "low", "high"]],
            hovertemplate="%{y}: %{x:.0%}<br>gap %{customdata[0]:.0%} [%{customdata[1]:.0%}, %{customdata[2]:.0%}]"
            "<extra></extra>",
        )  # fmt: skip
    return _done(
        figure,
        x={"title": "share of answers", "tickformat": ".0%", "range": [0, 1]},
        title="Said and done, by the same respondents",
        description="One row a stage: the share that calls it a priority and the share that reviews it; the line "
        "between them is the gap.",
        simulated=simulated,
    )
