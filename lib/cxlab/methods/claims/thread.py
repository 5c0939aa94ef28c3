"""The thread as data: who stands where, how far two readers agree, which figures hold, what a list of winners proves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.methods.agreement import krippendorff_alpha
from cxlab.methods.intervals import generator

__all__ = ["choose", "coding_agreement", "fact_groups", "fact_lines", "league_table", "stance_over_thread"]


def stance_over_thread(claims: pd.DataFrame) -> pd.DataFrame:
    """Return each speaker's mean stance at each place of the thread.

    Returns
    -------
    DataFrame
        ``speaker location x drivers scope claims``; ``x`` is 0 for the post and N for comment N, a stance is
        not-a-number where nothing was said about it.
    """
    order = pd.to_numeric(claims["location"].str.extract(r"(\d+)")[0]).fillna(0).astype(int)
    table = claims.assign(x=order).astype({"stance_drivers": float, "stance_scope": float})
    table = table.groupby(["x", "speaker", "location"], sort=True).agg(
        drivers=("stance_drivers", "mean"), scope=("stance_scope", "mean"), claims=("claim_id", "size")
    )
    return table.reset_index()


def choose(
    claims: pd.DataFrame, *, speaker: str = "everyone", stance: str = "any stance", topic: str = ""
) -> list[str]:
    """Return the ids of some claims: by speaker, by the side they take (product, experience, neither side), by topic."""
    value = claims["stance_drivers"].astype(float).fillna(0)
    side = np.select([value < 0, value > 0], ["product", "experience"], "neither side")
    keep = (claims["speaker"] == speaker) | (speaker == "everyone")
    keep &= (side == stance) | (stance == "any stance")
    keep &= (claims["topic"] == topic) | (topic == "")
    return list(claims.loc[keep, "claim_id"])


def fact_lines(facts: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Return the figures of some groups in three columns for reading: ``figure where found``.

    Parameters
    ----------
    facts : DataFrame
        With the column ``verdict`` from ``fact_groups``.
    groups : list of str
    """
    part = facts[facts["verdict"].isin(groups)]
    found = part["check"] + part["note"].where(part["note"] != "-", "").map(
        lambda note: f". {note}" if note else ""
    )
    where = part["article"] + ", " + part["location"]
    return pd.DataFrame({"figure": part["fact"], "where": where, "found": found}).reset_index(drop=True)


def coding_agreement(
    codings: pd.DataFrame,
    link_codings: pd.DataFrame,
    claims: pd.DataFrame,
    *,
    bootstrap: int = 500,
    rng: int = 1,
) -> pd.DataFrame:
    """Return how far the two readers of the thread agree.

    Returns
    -------
    DataFrame
        One row a question (whether a claim addresses a scale, its place on the scale where both see one, links of all
        ordered pairs of claims), columns ``question level alpha low high raw n``.
    """
    rows = []

    def put(question: str, level: str, table: pd.DataFrame) -> None:
        alpha = krippendorff_alpha(table.T.to_numpy(), level=level, bootstrap=bootstrap, rng=rng)
        rows.append((question, level, alpha.estimate, alpha.low, alpha.high, alpha.raw, alpha.statements))

    for scale, name in (("stance_drivers", "what drives loyalty"), ("stance_scope", "width of the word")):
        pair = codings.loc[codings["scale"] == scale, ["first", "second"]]
        put(f"{name}: addressed?", "nominal", (pair != "").astype(int))
        put(f"{name}: where?", "interval", pair[(pair != "").all(axis=1)].astype(float))
    count = len(claims)
    seen = link_codings[["first", "second"]].replace("", "none")
    silent = pd.DataFrame("none", index=range(count * (count - 1) - len(seen)), columns=seen.columns)
    put("links: attack, support or none", "nominal", pd.concat([seen, silent], ignore_index=True))
    return pd.DataFrame(rows, columns=["question", "level", "alpha", "low", "high", "raw", "n"])


_FACTS = {
    "holds": (
        "ok",
        "ok for 2014",
        "qualify",
        "slightly high",
        "ok, weak source",
        "ok, anecdote",
        "OLD",
        "n missing",
    ),
    "wrong as quoted": ("ERROR (year)", "ERROR (year), list-dependent", "inconsistent", "typo"),
    "not comparable": ("MIXED UNITS", "list-dependent", "NOT IDENTIFIED", "ambiguous"),
    "no source": ("UNSUPPORTED", "unsupported", "unverified"),
}


def fact_groups(facts: pd.DataFrame) -> pd.Series:
    """Return what became of each checked figure: holds, holds with a remark, wrong as quoted, not comparable and so on."""
    groups = {status: name for name, statuses in _FACTS.items() for status in statuses}
    found = facts["status"].map(groups).fillna("anecdote or remark")
    remark = (found == "holds") & ~facts["status"].isin(["ok"])
    return found.mask(remark, "holds with a remark")


def league_table(
    firms: int = 300,
    *,
    product: float = 0.5,
    experience: float = 0.5,
    top: int = 5,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate why a list of winners proves nothing: who is looked at because of the outcome.

    Parameters
    ----------
    firms : int
    product, experience : numbers
        TRUTH: what one standard deviation of each adds to success.
    top : int
        How many winners are listed.

    Returns
    -------
    DataFrame
        One row a firm, ``product experience success winner``, all standard normal but the last.
    """
    random = generator(rng)
    scores = random.normal(size=(firms, 3))
    success = product * scores[:, 0] + experience * scores[:, 1] + 0.7 * scores[:, 2]
    order = np.argsort(np.argsort(-success))
    table = pd.DataFrame(scores[:, :2], columns=["product", "experience"])
    return table.assign(success=success, winner=order < top)
