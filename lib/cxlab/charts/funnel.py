"""Charts of the lifecycle: steps, windows, segments, competing risks, paths, repeats and hurdles."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .lifecycle import hurdle, repeats, stages
from .style import COLOURS, SEQUENCE, finish, rgba

__all__ = ["curve", "differences", "hurdle", "paths", "repeats", "risks", "stages", "steps", "times"]

_SHAPES = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon"]
_DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]


def steps(table: pd.DataFrame, *, rules: str, title: str = "", simulated: bool = False) -> go.Figure:
    """Draw customers step by step.

    Parameters
    ----------
    table : DataFrame
        ``Funnel.table``: ``[segment] step customers step_conversion overall_conversion low high``.
    rules : str
        ``Funnel.rules``: what counts as reaching a step; stands under the chart.
    """
    figure = go.Figure()
    names = list(dict.fromkeys(table["segment"])) if "segment" in table else [None]
    for i, name in enumerate(names):
        own = table if name is None else table[table["segment"] == name]
        share = own["overall_conversion"]
        figure.add_bar(
            y=own["step"],
            x=share,
            orientation="h",
            name="customers" if name is None else str(name),
            marker={
                "color": SEQUENCE[i % len(SEQUENCE)],
                "pattern": {"shape": ["", "/", ".", "x", "-"][i % 5]},
            },
            error_x={
                "type": "data",
                "array": own["high"] - share,
                "arrayminus": share - own["low"],
                "color": "#1f2933",
                "thickness": 1.2,
            },
            customdata=own[["customers", "step_conversion"]],
            hovertemplate="%{y}: %{x:.1%} of the first step<br>%{customdata[0]:,} customers, "
            "%{customdata[1]:.1%} of the step before<extra></extra>",
        )
    if len(names) == 1:
        figure.add_scatter(
            x=table["high"].fillna(0),
            y=table["step"],
            mode="text",
            text=[" too few" if pd.isna(count) else f" {count:,.0f}" for count in table["customers"]],
            textposition="middle right",
            hoverinfo="skip",
            cliponaxis=False,
        )
    figure.update_yaxes(autorange="reversed", title="")
    figure.update_xaxes(
        title="share of first step", tickformat=".0%", range=[0, 1.18], tickvals=[0, 0.25, 0.5, 0.75, 1]
    )
    figure.update_layout(showlegend=len(names) > 1, barmode="group")
    _done(
        figure,
        title=title or "Customers, step by step",
        description="Horizontal bars, one a step in order: the share of the customers of the first step who reach it, "
        f"with its interval. {rules}.",
        simulated=simulated,
        height=max(400, 140 + 46 * table["step"].nunique() * max(1, len(names) // 2)) + 70,
    )
    _foot(figure, rules)
    return figure


def _done(figure: go.Figure, **options) -> go.Figure:
    """Finish, with room between the axis title and the legend on a narrow screen."""
    finish(figure, **options)
    figure.update_xaxes(title_font={"size": 12})
    figure.update_layout(legend={"y": -0.3})
    return figure


def _foot(figure: go.Figure, text: str, width: int = 40) -> None:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    figure.add_annotation(
        text="<br>".join([*lines, line]),
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        xanchor="left",
        yanchor="top",
        yshift=-50,
        showarrow=False,
        align="left",
        font={"size": 11},
    )
    figure.update_layout(margin={"b": 62 + 15 * (len(lines) + 1)})


def curve(table: pd.DataFrame, *, step: str, rules: str = "", simulated: bool = False) -> go.Figure:
    """Draw conversion to one step against the window.

    Parameters
    ----------
    table : DataFrame
        ``Funnel.curve()``: ``[segment] window step customers overall_conversion low high``.
    """
    own = table[table["step"] == step]
    unit, size = _unit(own["window"].max())
    figure = go.Figure()
    names = list(dict.fromkeys(own["segment"])) if "segment" in own else [None]
    for i, name in enumerate(names):
        part = own if name is None else own[own["segment"] == name]
        x = part["window"].dt.total_seconds() / size
        colour = SEQUENCE[i % len(SEQUENCE)]
        _band(figure, x, part["low"], part["high"], colour)
        figure.add_scatter(
            x=x,
            y=part["overall_conversion"],
            mode="lines",
            line={"color": colour, "dash": _DASHES[i % len(_DASHES)]},
            name=step if name is None else str(name),
        )
    figure.update_xaxes(title=f"{unit} from first step", rangemode="tozero")
    figure.update_yaxes(title="", tickformat=".0%", rangemode="tozero")
    figure.update_layout(showlegend=len(names) > 1)
    return _done(
        figure,
        title=f"Share that reaches {step}, by the time allowed",
        description=f"Lines with bands: the share of the first step that reaches {step} within each window. {rules}",
        simulated=simulated,
    )


def _unit(longest: pd.Timedelta) -> tuple[str, float]:
    seconds = longest.total_seconds() if pd.notna(longest) else 0
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return unit, size
    return "seconds", 1


def _band(figure: go.Figure, x, low, high, colour: str) -> None:
    figure.add_scatter(x=x, y=high, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip")
    figure.add_scatter(
        x=x, y=low, mode="lines", line={"width": 0}, fill="tonexty", fillcolor=rgba(colour, 0.16),
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip


def times(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Draw how long each step takes from the first.

    Parameters
    ----------
    table : DataFrame
        ``Funnel.time_to_convert((.1, .25, .5, .75, .9))``: ``step customers quantile time``.
    """
    unit, size = _unit(table["time"].max())
    wide = table.assign(value=table["time"].dt.total_seconds() / size)
    wide = wide.pivot_table(index="step", columns="quantile", values="value", sort=False)
    figure = go.Figure()
    if wide.shape[1]:
        first, last = wide.columns[0], wide.columns[-1]
        middle = wide.columns[len(wide.columns) // 2]
        for step in wide.index:
            figure.add_scatter(
                x=[wide.loc[step, first], wide.loc[step, last]], y=[step, step], mode="lines",
                line={"color": COLOURS["neutral"], "width": 6}, showlegend=False, hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=wide[middle], y=wide.index, mode="markers", name="median",
            marker={"color": SEQUENCE[0], "size": 12, "symbol": "diamond"},
        )  # fmt: skip
        range_text = f"; bar: {first:.0%} to {last:.0%}"
    else:
        range_text = ""
    figure.update_yaxes(autorange="reversed", title="")
    figure.update_xaxes(title=f"{unit} from first step", rangemode="tozero")
    figure.update_layout(showlegend=False)
    return _done(
        figure,
        title=f"How long it takes to get there (diamond: median{range_text})",
        description="One row a step: the median time from the first step and the range of most customers.",
        simulated=simulated,
    )


def differences(table: pd.DataFrame, *, step: str, simulated: bool = False) -> go.Figure:
    """Draw every pair of segments compared.

    Parameters
    ----------
    table : DataFrame
        ``Funnel.differences()``: ``segment other difference low high differs``.
    """
    label = table["segment"].astype(str) + " - " + table["other"].astype(str)
    figure = go.Figure()
    for differs, name, symbol in ((True, "differs", "circle"), (False, "could be chance", "circle-open")):
        own = table["differs"].astype(bool) == differs
        part = table[own]
        if part.empty:
            continue
        figure.add_scatter(
            x=part["difference"],
            y=label[own],
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 10, "color": COLOURS["product" if differs else "neutral"]},
            error_x={
                "type": "data",
                "array": part["high"] - part["difference"],
                "arrayminus": part["difference"] - part["low"],
            },
        )
    figure.add_vline(x=0, line={"color": "#1f2933", "width": 1})
    figure.update_xaxes(title="difference in conversion", tickformat=".0%")
    figure.update_yaxes(title="", autorange="reversed")
    return _done(
        figure,
        title=f"Segments compared at {step}",
        description="One row a pair of segments: difference in conversion with its interval; filled points survive a "
        "false-discovery rate of 5 % over all pairs.",
        simulated=simulated,
        height=max(380, 190 + 30 * len(table)),
    )


def risks(table: pd.DataFrame, *, step: str, simulated: bool = False) -> go.Figure:
    """Draw who has gone on, who has left and who is still open, by time since a step.

    Parameters
    ----------
    table : DataFrame
        ``stage_risks(...)``: ``step outcome days at_risk incidence low high``.
    """
    own = table[table["step"] == step]
    figure = go.Figure()
    for outcome, colour, dash in (("next step", COLOURS["good"], "solid"), ("left", COLOURS["bad"], "dash")):
        part = own[own["outcome"] == outcome]
        if part.empty:
            continue
        _band(figure, part["days"], part["low"], part["high"], colour)
        figure.add_scatter(
            x=part["days"], y=part["incidence"], mode="lines", name=outcome,
            line={"color": colour, "dash": dash, "shape": "hv"},
        )  # fmt: skip
    figure.update_xaxes(title=f"days since {step}", rangemode="tozero")
    figure.update_yaxes(title="", tickformat=".0%", range=[0, 1])
    return _done(
        figure,
        title=f"After {step}: gone on, left, or still open",
        description="Two curves with bands: the share of customers who have reached the next step, and who have left, "
        "by days since this step. What is missing to 100 percent is still open.",
        simulated=simulated,
    )


def paths(table: pd.DataFrame, *, at: str, simulated: bool = False) -> go.Figure:
    """Draw where customers go who drop at a step, as a Sankey.

    Parameters
    ----------
    table : DataFrame
        ``paths_after_drop(...)``: ``position source target customers share``.
    """
    nodes: dict[tuple[int, str], int] = {}
    for position, source, target in table[["position", "source", "target"]].itertuples(index=False):
        nodes.setdefault((position, source), len(nodes))
        nodes.setdefault((position + 1, target), len(nodes))
    names = list(dict.fromkeys(name for _, name in nodes))
    colour = {name: SEQUENCE[i % len(SEQUENCE)] for i, name in enumerate(names)} | {
        "(end)": COLOURS["neutral"]
    }
    links = {
        "source": [nodes[p, s] for p, s in zip(table["position"], table["source"], strict=True)],
        "target": [nodes[p + 1, t] for p, t in zip(table["position"], table["target"], strict=True)],
        "value": table["customers"],
        "color": [rgba(colour[target], 0.35) for target in table["target"]],
    }
    figure = go.Figure(
        go.Sankey(
            node={
                "label": [name for _, name in nodes],
                "color": [colour[name] for _, name in nodes],
                "pad": 12,
                "thickness": 12,
            },
            link=links,
        )
    )
    return _done(
        figure,
        title=f"What people do after they drop at {at}",
        description=f"A flow from left to right: from {at} to the next events of the customers who never went on in "
        "order; the width is the number of customers.",
        simulated=simulated,
        height=460,
    )
