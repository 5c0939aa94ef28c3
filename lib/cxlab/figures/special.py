"""Figures that no general chart can draw."""

from __future__ import annotations

from collections.abc import Collection
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from cxlab.figures.style import COLOURS, finish, rgba

_SIDES = {  # sign of the stance -> words, symbol, colour
    -1: ("for the product", "square", "product"),
    1: ("for the experience", "circle", "experience"),
    0: ("neither", "diamond", "neutral"),
}
_LINKS = {"support": ("solid", "good"), "attack": ("dash", "bad")}


def claims_map(
    claims: pd.DataFrame, links: pd.DataFrame, *, title: str, chosen: Collection[str] = ()
) -> go.Figure:
    """A debate as a map: claims along the thread, a lane a speaker, and who supports or attacks whom.

    ``claims`` has ``claim_id speaker location paraphrase stance_drivers`` in the order of the thread (a
    location is "post" or "comment N"), ``links`` ``from_claim to_claim relation`` (support or attack).
    ``chosen`` claims are drawn large, with their links and what those lead to, all others faint; by default
    everything.
    """
    place = pd.to_numeric(claims["location"].str.extract(r"(\d+)")[0]).fillna(0)
    within = claims.groupby("location", sort=False).cumcount()
    size = claims.groupby("location")["claim_id"].transform("size")
    lanes = {speaker: -i for i, speaker in enumerate(dict.fromkeys(claims["speaker"]))}
    height = claims["speaker"].map(lanes) + 0.22 * (within % 3 - 1)
    side = np.sign(claims["stance_drivers"].astype(float).fillna(0))
    table = claims.assign(x=(place + 0.85 * within / size).round(3), y=height, side=side).set_index(
        "claim_id"
    )
    chosen = set(chosen) or set(table.index)
    shown = links[links["from_claim"].isin(chosen) | links["to_claim"].isin(chosen)]
    near = table.index.isin(chosen | set(shown["from_claim"]) | set(shown["to_claim"]))
    figure = go.Figure()
    faint = {"size": 5, "color": rgba(COLOURS["neutral"], 0.35)}
    figure.add_scatter(
        x=table.x[~near].tolist(), y=table.y[~near].tolist(), mode="markers", marker=faint, showlegend=False,
        hoverinfo="skip",
    )  # fmt: skip
    for relation, (dash, shade) in _LINKS.items():
        rows = shown[shown["relation"] == relation]
        ends = [[*table.loc[[a, b], axis], None] for axis in "xy"
                for a, b in zip(rows["from_claim"], rows["to_claim"], strict=True)]  # fmt: skip
        figure.add_scatter(
            x=sum(ends[: len(rows)], []), y=sum(ends[len(rows) :], []), mode="lines", name=relation,
            line={"width": 1.2, "dash": dash, "color": COLOURS[shade]}, opacity=0.5, hoverinfo="skip",
        )  # fmt: skip
    for sign, (side, symbol, shade) in _SIDES.items():
        part = table[near & (table["side"] == sign).to_numpy()]
        sizes = [11 if claim in chosen else 7 for claim in part.index]
        line = {"width": 1, "color": "white"}
        figure.add_scatter(
            x=part["x"].tolist(), y=part["y"].tolist(), mode="markers", name=side, text=_hovers(part),
            marker={"symbol": symbol, "size": sizes, "color": COLOURS[shade], "line": line},
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    names = [name.replace("commenter ", "reader ").replace("(", "").replace(")", "") for name in lanes]
    figure.update_yaxes(tickvals=list(lanes.values()), ticktext=names, zeroline=False)
    last = int(place.max())
    ticks = sorted({0, *range(5, last + 1, 5), last})
    words = ["post", *(f"comment {tick}" if tick == last else str(tick) for tick in ticks[1:])]
    figure.update_xaxes(title={"text": "place in the thread"}, tickvals=ticks, ticktext=words, zeroline=False)
    return finish(figure, title=title, height=520)


def _hovers(part: pd.DataFrame) -> list[str]:
    places = part["speaker"] + ", " + part["location"]
    return [
        f"{place}:<br>{'<br>'.join(wrap(said, 46))}"
        for place, said in zip(places, part["paraphrase"], strict=True)
    ]
