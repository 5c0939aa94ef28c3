"""Contact reasons as coded and corrected, how coders err, and themes."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .dots import dots
from .style import COLOURS, finish

__all__ = ["confusion", "shares", "themes"]


def shares(table: pd.DataFrame, *, kind: str = "reason", simulated: bool = False) -> go.Figure:
    """Shares as coded and corrected; ``table`` as from ``corrected_shares``, ``kind`` "reason" or "group"."""
    part = table[table.kind == kind].sort_values("share", ascending=False).reset_index()
    part["reason"] = part.reason.astype(str).str.replace("_", " ")
    coded = part[["reason", "naive", "naive_low", "naive_high"]].set_axis(
        ["reason", "share", "low", "high"], axis=1
    )
    both = pd.concat(
        [coded.assign(how="as coded"), part[["reason", "share", "low", "high"]].assign(how="corrected")]
    )
    return dots(
        both, label="reason", group="how", estimate="share", reference=0.5 if kind == "group" else None, percent=True,
        title="What contacts are about" if kind == "reason" else "Product, experience, failure: shares of contacts",
        description="Dots are shares of contacts with 95 percent intervals: as the first coder filed them, and corrected with the contacts "
        "that were coded twice.", x_title="share of contacts", simulated=simulated, colours=[COLOURS["neutral"], COLOURS["highlight"]],
    )  # fmt: skip


def confusion(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """How true reasons are coded; ``table`` as from ``contacts.confusion``."""
    wide = table.pivot(index="true", columns="coded", values="share").fillna(0)
    names = {name: str(name).replace("_", " ") for name in [*wide.index, *wide.columns]}
    figure = go.Figure(
        go.Heatmap(
            x=[names[c] for c in wide.columns],
            y=[names[r] for r in wide.index],
            z=wide.to_numpy(),
            colorscale="Blues",
            zmin=0,
            zmax=1,
            text=[[f"{value:.0%}" if value >= 0.1 else "" for value in row] for row in wide.to_numpy()],
            texttemplate="%{text}",
            textfont={"size": 10},
            showscale=False,
            hovertemplate="truly %{y}, coded %{x}: %{z:.0%}<extra></extra>",
        )  # fmt: skip
    )
    finish(
        figure, title="How each true reason was filed", simulated=simulated, height=520,
        description="Rows are reasons after careful coding, columns the reason first filed; each cell is the share of the row. What lies off "
        "the diagonal is miscoded.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": "as first coded"}, tickangle=-60)
    figure.update_yaxes(autorange="reversed")
    return figure


def themes(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Shares of themes; ``table`` as from ``feedback_themes``."""
    part = table.reset_index()
    part["label"] = [f"{row.words} (stability {row.stability:.2f})" for row in part.itertuples()]
    return dots(
        part, label="label", estimate="share", title="Themes in what customers write", reference=None, percent=True,
        description="Dots are shares of texts with 95 percent intervals, one row a theme, named by its words, with its stability over "
        "resamples.", x_title="share of texts", simulated=simulated,
    )  # fmt: skip
