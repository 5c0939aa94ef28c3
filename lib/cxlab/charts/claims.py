"""The thread as a picture: who says what, who answers whom, and what a list of winners hides."""

from __future__ import annotations

import html
from collections.abc import Collection
from textwrap import wrap

import pandas as pd
import plotly.graph_objects as go

from .dots import legend_below
from .style import COLOURS, SEQUENCE, finish

__all__ = ["argument_map", "league_table", "stance", "strength", "text_table"]

_SIDES = {
    "product": ("square", COLOURS["product"]),
    "experience": ("circle", COLOURS["experience"]),
    "neither side": ("diamond", COLOURS["neutral"]),
}
_LINKS = {"support": ("solid", COLOURS["good"]), "attack": ("dash", COLOURS["bad"])}


def argument_map(
    placed: pd.DataFrame, links: pd.DataFrame, *, chosen: Collection[str], title: str
) -> go.Figure:
    """Draw the claims along the thread, one lane a speaker, with the links of the chosen ones.

    Parameters
    ----------
    placed : DataFrame
        From ``claims.map_layout``.
    links : DataFrame
        ``from_claim to_claim relation``.
    chosen : collection of claim ids
        Drawn large, with their links and what those lead to; all others are faint.

    Returns
    -------
    plotly.graph_objects.Figure
        Hover shows the paraphrase and its location.
    """
    table = placed.set_index("claim_id")
    chosen = set(chosen)
    shown = links[links["from_claim"].isin(chosen) | links["to_claim"].isin(chosen)]
    near = chosen | set(shown["from_claim"]) | set(shown["to_claim"])
    figure = go.Figure()
    far = table[~table.index.isin(near)]
    figure.add_scatter(
        x=far["x"].round(3).tolist(),
        y=far["y"].tolist(),
        mode="markers",
        marker={"size": 4, "color": "rgba(128,128,128,0.35)"},
        hoverinfo="skip",
        showlegend=False,
    )
    for relation, (dash, colour) in _LINKS.items():
        xs: list = []
        ys: list = []
        for row in shown[shown["relation"] == relation].itertuples():
            ends = table.loc[[row.from_claim, row.to_claim]]
            xs += [*ends["x"].round(3), None]
            ys += [*ends["y"], None]
        figure.add_scatter(
            x=xs, y=ys, mode="lines", name=relation, line={"width": 1.2, "dash": dash, "color": colour},
            opacity=0.6, hoverinfo="skip",
        )  # fmt: skip
    side = _side_of(table)
    for name, (symbol, colour) in _SIDES.items():
        part = table[table.index.isin(near) & (side == name)]
        figure.add_scatter(
            x=part["x"].round(3).tolist(),
            y=part["y"].tolist(),
            mode="markers",
            name=name,
            marker={
                "symbol": symbol,
                "size": [11 if claim in chosen else 7 for claim in part.index],
                "color": colour,
                "line": {"width": 1, "color": "white"},
            },
            text=[_hover(claim, row) for claim, row in part.iterrows()],
            hoverinfo="text",
        )
    lanes = table.groupby("speaker")["y"].mean().round().astype(int)
    figure.update_yaxes(
        tickvals=lanes.tolist(),
        ticktext=[name.replace("commenter ", "") for name in lanes.index],
        zeroline=False,
    )
    figure.update_xaxes(title="post, then comments 1 to 19", tickvals=[0, 5, 10, 15, 19], zeroline=False)
    finish(
        figure,
        title=title,
        description=(
            "Each mark is a claim, from the post on the left to comment 19, one lane a speaker; squares speak for the "
            "product, circles for the experience. Solid lines support, dashed lines attack."
        ),
        height=560,
    )
    return legend_below(figure)


def stance(table: pd.DataFrame, *, column: str = "drivers") -> go.Figure:
    """Draw each speaker's mean stance along the thread.

    Parameters
    ----------
    table : DataFrame
        From ``claims.stance_over_thread``.
    column : {"drivers", "scope"}
    """
    ends = {
        "drivers": ("product decides", "experience decides"),
        "scope": ("narrow meaning", "broad meaning"),
    }[column]
    figure = go.Figure()
    part = table.dropna(subset=column)
    for i, (speaker, rows) in enumerate(part.groupby("speaker", sort=False)):
        figure.add_scatter(
            x=rows["x"].tolist(),
            y=rows[column].round(3).tolist(),
            mode="lines+markers",
            name=speaker.replace("commenter ", ""),
            line={
                "color": SEQUENCE[i % len(SEQUENCE)],
                "width": 1.5,
                "dash": ["solid", "dash", "dot"][i % 3],
            },
            marker={"symbol": ["circle", "square", "diamond", "x", "triangle-up"][i % 5], "size": 9},
            text=[f"{r.speaker}, {r.location}: {int(r.claims)} claims" for r in rows.itertuples()],
            hovertemplate="%{text}<br>mean stance %{y:.2f}",
        )
    figure.add_hline(y=0, line_dash="dash", line_color=COLOURS["neutral"], line_width=1)
    figure.update_yaxes(
        tickvals=[-2, -1, 0, 1, 2],
        ticktext=[ends[0].replace(" ", "<br>"), "-1", "0", "1", ends[1].replace(" ", "<br>")],
        range=[-2.3, 2.3],
    )
    figure.update_xaxes(title="post, then comments 1 to 19", tickvals=[0, 5, 10, 15, 19])
    finish(
        figure,
        title=f"Where each speaker stands: {ends[0]} or {ends[1]}?",
        description=f"Mean stance of each speaker at each place of the thread, from {ends[0]} (-2) to {ends[1]} (+2).",
        height=480,
    )
    return legend_below(figure)


def strength(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw the strength of some claims with and without their speakers' own support.

    Parameters
    ----------
    table : DataFrame
        ``claim paraphrase counted strength low high``.
    """
    figure = go.Figure()
    claims = list(dict.fromkeys(table["claim"]))
    place = {claim: len(claims) - i for i, claim in enumerate(claims)}
    for i, (name, part) in enumerate(table.groupby("counted", sort=False)):
        figure.add_scatter(
            x=part["strength"].round(4).tolist(),
            y=[place[claim] + (0.15 if i == 0 else -0.15) for claim in part["claim"]],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (part["high"] - part["strength"]).round(4).tolist(),
                "arrayminus": (part["strength"] - part["low"]).round(4).tolist(),
                "thickness": 1.5,
            },
            mode="markers",
            name=name,
            marker={"symbol": ["circle", "diamond-open"][i % 2], "size": 10, "color": SEQUENCE[i]},
            text=["<br>".join(wrap(text, 40)) for text in part["paraphrase"]],
            hovertemplate="%{text}<br>strength %{x:.2f}",
        )
    figure.update_yaxes(tickvals=list(place.values()), ticktext=claims)
    figure.update_xaxes(title="strength, 0 to 1, over random base scores", range=[0, 1])
    finish(
        figure,
        title=title,
        description="A dot for each claim's mean strength with the range over random base scores, with and without support by the same speaker.",
        height=max(320, 190 + 34 * len(claims)),
    )
    return legend_below(figure)


def league_table(firms: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw all firms by product and experience, the listed winners marked.

    Parameters
    ----------
    firms : DataFrame
        From ``claims.league_table``.
    """
    figure = go.Figure()
    for winner, name, marker in (
        (False, "not listed", {"size": 5, "color": "rgba(107,107,107,0.45)"}),
        (True, "listed winners", {"size": 12, "symbol": "star", "color": COLOURS["highlight"]}),
    ):
        part = firms[firms["winner"] == winner]
        figure.add_scatter(
            x=part["product"].round(3).tolist(),
            y=part["experience"].round(3).tolist(),
            mode="markers",
            name=name,
            marker=marker,
        )
    figure.update_xaxes(title="product (standard scores)", range=[-3.5, 3.5])
    figure.update_yaxes(title="experience", range=[-3.5, 3.5])
    finish(
        figure,
        title=title,
        description="Each dot is a simulated firm by product and experience; stars are the few most successful ones, the only firms that a league table shows.",
        simulated=True,
        height=440,
    )
    return legend_below(figure)


class text_table:
    """A table whose texts are shown whole, escaped, without an index."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def __repr__(self) -> str:
        return f"{len(self.table)} rows: {', '.join(map(str, self.table.columns))}"

    def _repr_html_(self) -> str:
        if self.table.empty:
            return "<p>None.</p>"
        left = "style='text-align:left;vertical-align:top'"
        head = "".join(f"<th {left}>{_words(name)}</th>" for name in self.table.columns)
        rows = [
            "".join(f"<td {left}>{html.escape(str(value))}</td>" for value in row)
            for row in self.table.itertuples(index=False, name=None)
        ]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table class='dataframe'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _words(name: object) -> str:
    return html.escape(str(name).replace("_", " "))


def _side_of(table: pd.DataFrame) -> pd.Series:
    stance = table["stance_drivers"].astype(float).fillna(0)
    return stance.map(lambda value: "product" if value < 0 else "experience" if value > 0 else "neither side")


def _hover(claim: str, row: pd.Series) -> str:
    text = "<br>".join(wrap(row["paraphrase"], 46))
    return f"<b>{claim}</b>, {row['speaker']}, {row['location']}<br>{text}"
