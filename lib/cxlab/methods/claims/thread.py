"""The thread as data: who stands where, how far two readers agree, which figures hold, what a list of winners proves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.methods.agreement import krippendorff_alpha
from cxlab.methods.intervals import generator

__all__ = ["choose", "coding_agreement", "fact_lines", "league_table", "stance_over_thread"]


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


def fact_lines(
    facts: pd.DataFrame, *, without: tuple[str, ...] = ("holds", "anecdote", "remark")
) -> pd.DataFrame:
    """Return the checked figures in four columns for reading: ``figure where verdict found``.

    Parameters
    ----------
    facts : DataFrame
        ``facts.csv``.
    without : tuple of str
        Verdicts that are left out.
    """
    part = facts[~facts["status"].isin(without)].sort_values("status", kind="stable")
    texts = [". ".join(filter(None, pair)) for pair in zip(part["check"], part["note"], strict=True)]
    where = part["article"] + ", " + part["location"]
    columns = {"figure": part["fact"], "where": where, "verdict": part["status"], "found": texts}
    return pd.DataFrame(columns).reset_index(drop=True)


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
