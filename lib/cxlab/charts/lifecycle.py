"""Charts around the funnel: who comes back, what a hurdle costs, which events stand for which stage."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .style import COLOURS, SEQUENCE, finish

__all__ = ["hurdle", "repeats", "stages"]


def _done(figure: go.Figure, **options) -> go.Figure:
    """Finish, with room between the axis title and the legend on a narrow screen."""
    finish(figure, **options)
    figure.update_xaxes(title_font={"size": 12})
    figure.update_layout(legend={"y": -0.3})
    return figure


def repeats(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw who came back within each window.

    Parameters
    ----------
    table : DataFrame
        ``first_and_repeat(...)``: ``window customers repeated naive share low high open``.
    """
    weeks = table["window"].dt.total_seconds() / (7 * 86_400)
    label = [f"{week:g} weeks" for week in weeks]
    figure = go.Figure()
    figure.add_scatter(
        x=table["share"],
        y=label,
        mode="markers",
        name="allowing for open windows",
        marker={"color": SEQUENCE[0], "size": 11},
        error_x={
            "type": "data",
            "array": table["high"] - table["share"],
            "arrayminus": table["share"] - table["low"],
        },
    )
    figure.add_scatter(
        x=table["naive"], y=label, mode="markers", name="open counted as lost",
        marker={"color": COLOURS["bad"], "size": 7, "symbol": "x"},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", title="")
    figure.update_xaxes(title="share that came back", tickformat=".0%", rangemode="tozero")
    return _done(
        figure,
        title="Who buys again, within how many weeks",
        description="One row a window: the share of first-time customers who came back in time, with its interval, "
        "beside the naive share that counts open windows as lost.",
        simulated=simulated,
        height=400,
    )


def hurdle(table: pd.DataFrame, *, score: str, simulated: bool = False) -> go.Figure:
    """Draw what a hurdle does to conversion in each group of a score.

    Parameters
    ----------
    table : DataFrame
        ``hurdle_effect(...)``: ``group difference low high``.
    """
    label = [f"group {number}" for number in table["group"]]
    label[0], label[-1] = f"{label[0]} (lowest)", f"{label[-1]} (highest)"
    figure = go.Figure(
        go.Scatter(
            x=table["difference"],
            y=label,
            mode="markers",
            marker={"size": 11, "color": SEQUENCE[0]},
            error_x={
                "type": "data",
                "array": table["high"] - table["difference"],
                "arrayminus": table["difference"] - table["low"],
            },
        )
    )
    figure.add_vline(x=0, line={"color": "#1f2933", "width": 1})
    figure.update_yaxes(title="")
    figure.update_xaxes(title="conversion, with less without", tickformat=".0%")
    return _done(
        figure,
        title=f"What a hurdle costs, by {score}",
        description=f"One row a group of {score}: conversion with a hurdle less without, with its interval; left of "
        "zero the hurdle goes with fewer conversions.",
        simulated=simulated,
        height=360,
    )


def stages(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw which events stand for which stage.

    Parameters
    ----------
    table : DataFrame
        ``stage_map(...)``: ``stage event events customers origin``.
    """
    named = table.assign(stage=table["stage"].where(table["stage"] != "", "(no stage)"))
    order = list(dict.fromkeys(named["stage"]))
    figure = go.Figure()
    for i, event in enumerate(named.loc[named["event"] != "", "event"]):
        row = named[named["event"] == event].iloc[0]
        inner = event if row["events"] >= 0.16 * named["events"].max() else ""
        colour = COLOURS["neutral"] if row["stage"] == "(no stage)" else SEQUENCE[i % len(SEQUENCE)]
        figure.add_bar(
            y=[row["stage"]], x=[row["events"]], orientation="h", name=event, text=inner, textposition="inside", textangle=0,
            marker={"color": colour, "line": {"color": "white", "width": 1}},
        )  # fmt: skip
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], title="")
    figure.update_xaxes(title="events")
    figure.update_layout(barmode="stack", showlegend=False, uniformtext={"minsize": 9, "mode": "hide"})
    figure.add_scatter(y=order, x=[0] * len(order), mode="markers", marker={"opacity": 0}, hoverinfo="skip")
    return _done(
        figure,
        title="Which events stand for which stage",
        description="One bar a stage of the lifecycle, made of its events; a stage without a bar has no event in this "
        "log, and events without a stage stand last.",
        simulated=simulated,
    )
