"""The verdict page: outcomes by topic, a folder for each claim, the specification curve, and what moves a verdict."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from .agreement import patterned
from .dots import legend_below
from .style import COLOURS, SEQUENCE, finish, rgba

__all__ = ["board", "folders", "outcomes", "readings", "specification", "unlocks"]

_LOOK = {
    "supported": (COLOURS["good"], "", "circle", "✔"),
    "refuted": (COLOURS["bad"], "x", "x", "✘"),
    "undecided": (COLOURS["price"], "/", "diamond", "~"),
    "not testable here": ("#9aa5b1", ".", "line-ew-open", "–"),
}


def outcomes(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw how many claims came to each outcome.

    Parameters
    ----------
    table : DataFrame
        One row a group (topic, article), one column an outcome, counts or shares.
    """
    figure = go.Figure()
    for outcome in table:
        colour, pattern, *_ = _LOOK[outcome]
        figure.add_bar(
            x=table[outcome].round(4).tolist(),
            y=table.index.tolist(),
            orientation="h",
            name=outcome,
            marker={"color": colour, "pattern": patterned(pattern)},
            hovertemplate="%{y}: %{x} " + outcome,
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title="claims")
    figure.update_yaxes(autorange="reversed")
    finish(
        figure,
        title=title,
        description="One bar a group of claims, split by outcome: supported, refuted, undecided, not testable here.",
        height=max(280, 170 + 30 * len(table)),
    )
    return legend_below(figure)


def readings(table: pd.DataFrame) -> go.Figure:
    """Draw the share of readings of one survey that give each outcome.

    Parameters
    ----------
    table : DataFrame
        From ``verdict.reading_shares``.
    """
    if table.empty:
        return _empty("Every admissible reading of the survey", "no survey was opened")
    figure = outcomes(table, title="Every admissible reading of the survey")
    figure.update_xaxes(title="share of readings", tickformat=".0%", range=[0, 1])
    for trace in figure.data:
        trace.hovertemplate = "%{y}: %{x:.0%} " + trace.name
    return figure


def specification(table: pd.DataFrame) -> go.Figure:
    """Draw both slopes under every reading, sorted, above what each reading chose.

    Parameters
    ----------
    table : DataFrame
        From ``verdict.read_survey``.
    """
    title = "Both slopes under every admissible reading"
    if table.empty:
        return _empty(title, "no survey was opened")
    from plotly.subplots import make_subplots

    rows = table.sort_values("experience").reset_index(drop=True)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.03, row_heights=[0.5, 0.5])
    places = list(range(1, len(rows) + 1))
    for side, symbol in (("product", "square"), ("experience", "circle")):
        low, high = (rows[f"{side}_{end}"].clip(-2, 2).round(3).tolist() for end in ("low", "high"))
        figure.add_scatter(
            x=places + places[::-1],
            y=high + low[::-1],
            fill="toself",
            fillcolor=rgba(COLOURS[side], 0.18),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=1,
        )
        figure.add_scatter(
            x=places,
            y=rows[side].clip(-2, 2).round(3).tolist(),
            mode="markers",
            name=side,
            marker={"size": 4, "symbol": symbol, "color": COLOURS[side]},
            row=1,
            col=1,
        )
    choices = [
        (choice, (rows[column].astype(str) == choice).to_numpy())
        for column, values in (
            ("assignment", rows["assignment"].unique()),
            ("outcome", rows["outcome"].unique()),
            ("reliability", rows["reliability"].unique()),
        )
        for choice in map(str, values)
    ] + [(f"halo {value:g}", (rows["halo"] == value).to_numpy()) for value in sorted(rows["halo"].unique())]
    for i, (choice, chosen) in enumerate(choices):
        figure.add_scatter(
            x=[place for place, on in zip(places, chosen, strict=True) if on],
            y=[i] * int(chosen.sum()),
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 7, "color": SEQUENCE[0]},
            hovertemplate=html.escape(choice) + "<extra></extra>",
            showlegend=False,
            row=2,
            col=1,
        )
    figure.add_hline(y=0, line_dash="dash", line_width=1, row=1, col=1)
    figure.update_yaxes(title_text="standardised slope", row=1, col=1)
    finish(
        figure,
        title=title,
        description=(
            "Above, the slope of product (squares) and experience (circles) with interval bands, one place a reading, "
            "sorted by experience; slopes beyond 2 are cut. Below, marks show what each reading chose: where disputed "
            "items stand, which outcome, whether corrected for unreliable items, how much general liking is taken out."
        ),
        height=420 + 18 * len(choices),
    )
    figure.update_yaxes(
        tickvals=list(range(len(choices))),
        ticktext=[
            _short(choice.replace("experience", "exp.").replace("product", "prod.")) for choice, _ in choices
        ],
        tickfont={"size": 10},
        zeroline=False,
        row=2,
        col=1,
    )
    figure.update_xaxes(title_text="readings, sorted", row=2, col=1)
    return legend_below(figure)


def board(
    state: pd.DataFrame, *, before: Mapping[str, str], levels: Sequence[str], bar: str, title: str
) -> go.Figure:
    """Draw the outcomes of one state of the explorer, those that moved and those below the evidence bar marked.

    Parameters
    ----------
    state : DataFrame
        ``claim outcome evidence``.
    before : mapping claim -> outcome
        As the rules were frozen.
    levels : sequence of str
        Evidence levels from weak to strong.
    bar : str
        The level that you ask for.
    """
    columns = list(_LOOK)
    figure = go.Figure()
    if state.empty:
        return _empty(title, "no claim has a verdict yet")
    claims = state["claim"].tolist()
    for outcome, (colour, _, symbol, _) in _LOOK.items():
        part = state[state["outcome"] == outcome]
        enough = [level in levels and levels.index(level) >= levels.index(bar) for level in part["evidence"]]
        moved = [before.get(row.claim, row.outcome) != row.outcome for row in part.itertuples()]
        figure.add_scatter(
            x=[columns.index(outcome)] * len(part),
            y=part["claim"].tolist(),
            mode="markers+text",
            marker={
                "size": 13,
                "symbol": symbol,
                "color": [colour if good else "rgba(150,150,150,0.35)" for good in enough],
                "line": {
                    "width": [3 if m else 1 for m in moved],
                    "color": ["#1f2933" if m else colour for m in moved],
                },
            },
            text=[" moved" if m else "" for m in moved],
            textposition="middle right",
            hovertext=[
                f"{row.claim}: {row.outcome} ({row.evidence or 'no evidence'})" for row in part.itertuples()
            ],
            hoverinfo="text",
            showlegend=False,
        )
    figure.update_xaxes(
        tickvals=[0, 1, 2, 3],
        ticktext=["supported", "refuted", "undecided", "not<br>testable"],
        range=[-0.5, 3.7],
        side="top",
        zeroline=False,
    )
    figure.update_yaxes(categoryorder="array", categoryarray=claims[::-1], type="category", dtick=1)
    finish(
        figure,
        title=title,
        description="One row a claim, one column an outcome. A dark rim and the word 'moved' mark a changed verdict; grey marks lie below the evidence bar.",
        height=200 + 26 * len(claims),
    )
    figure.update_layout(margin={"t": figure.layout.margin.t + 34})
    return figure


def unlocks(table: pd.DataFrame) -> go.Figure:
    """Draw how many closed claims each table of your own would open."""
    figure = go.Figure(
        go.Bar(
            x=table["claims"].tolist(),
            y=table["table"].tolist(),
            orientation="h",
            marker_color=COLOURS["highlight"],
            hovertemplate="%{y}: %{x} claims",
        )
    )
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(title="claims that are not testable here")
    return finish(
        figure,
        title="Which data would open most claims",
        description="One bar a table: how many claims without a verdict read it.",
        height=max(260, 150 + 22 * len(table)),
    )


class folders:
    """One fold-out a claim, with everything about it; plain HTML, no script.

    Parameters
    ----------
    files : DataFrame
        From ``verdict.dossier``.
    """

    def __init__(self, files: pd.DataFrame) -> None:
        self.files = files

    def __repr__(self) -> str:
        return "\n".join(f"{row.claim}: {row.outcome}" for row in self.files.itertuples())

    def _repr_html_(self) -> str:
        parts = []
        for topic, rows in self.files.groupby("topic", sort=False):
            body = "".join(_folder(row._asdict()) for row in rows.itertuples(index=False))
            parts.append(f"<p><strong>{_say(topic)}</strong></p>{body}")
        return f"<div class='cx-folders'>{''.join(parts)}</div>"


_TOLD = (
    ("numbers", "Numbers"),
    ("reason", "Why"),
    ("reads", "The rule"),
    ("supported_when", "Supported when"),
    ("refuted_when", "Refuted when"),
    ("opposite", "With product and experience exchanged"),
    ("rehearsal", "Rehearsal on simulated data, no verdict"),
    ("meaning", "What the speaker means"),
    ("case_for", "Strongest case for"),
    ("case_against", "Strongest case against"),
    ("flips", "What would flip it"),
    ("needed", "Data that would change it"),
)


def _folder(row: dict) -> str:
    mark = _LOOK[row["outcome"]][3]
    level = ", ".join(part for part in (row["evidence"], row["status"]) if part)
    place = "" if row["location"] == "article" else f" ({row['speaker']}, {row['location']})"
    lines = "".join(f"<dt>{label}</dt><dd>{_say(row[key])}</dd>" for key, label in _TOLD if row[key])
    if row["sesoi"] == row["sesoi"]:
        lines += f"<dt>Smallest effect of interest</dt><dd>{row['sesoi']:g}, the same for both sides</dd>"
    if row["survives"] is False:
        lines += "<dt>Many claims</dt><dd>does not survive the false discovery rate of 5 % over all decided claims</dd>"
    return (
        f"<details id='claim-{_say(row['claim'])}'><summary>{mark} <strong>{_say(row['claim'])}</strong> {row['outcome']}"
        f"{f' ({_say(level)})' if level else ''}: {_say(row['text'])}{_say(place)}</summary><dl>{lines}</dl></details>"
    )


def _say(text: object) -> str:
    return html.escape(str(text))


def _short(text: str, width: int = 28) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _empty(title: str, why: str) -> go.Figure:
    figure = go.Figure()
    figure.add_annotation(text=why, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return finish(figure, title=title, description=f"Nothing is drawn: {why}.", height=260)
