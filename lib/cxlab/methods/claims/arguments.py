"""Which claims stand, and how much their strength depends on who talks most (Dung 1995, Potyka 2018)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from cxlab.methods.intervals import generator

__all__ = [
    "argument_strength",
    "compare_strengths",
    "grounded_extension",
    "map_layout",
    "standing",
    "strongest_cases",
]


def grounded_extension(
    claims: Iterable[str] | pd.DataFrame, links: pd.DataFrame | Iterable[tuple[str, str]]
) -> set[str]:
    """Return the claims that any sceptical reader must accept, given who attacks whom.

    Parameters
    ----------
    claims : DataFrame with ``claim_id``, or the ids
    links : DataFrame with ``from_claim to_claim relation``, or pairs (attacker, attacked)
        Only attacks count.

    Returns
    -------
    set of str

    Notes
    -----
    Dung (1995): the least fixed point of 'acceptable with respect to'. Claims that nobody attacks are in; what they
    attack is out; what is then free of attackers is in, and so on. A claim can be in because nobody answered it.

    Examples
    --------
    >>> sorted(grounded_extension("abc", [("a", "b"), ("b", "c")]))
    ['a', 'c']
    """
    ids = _ids(claims)
    attackers: dict[str, set[str]] = {claim: set() for claim in ids}
    for start, end in _attacks(links):
        if start not in attackers or end not in attackers:
            raise ValueError(
                f"the attack from {start!r} to {end!r} names a claim that is not among the claims"
            )
        attackers[end].add(start)
    accepted: set[str] = set()
    while True:
        out = {claim for claim in ids if attackers[claim] & accepted}
        grown = {claim for claim in ids if attackers[claim] <= out}
        if grown == accepted:
            return accepted
        accepted = grown


def standing(claims: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Return how each claim fares in the thread.

    Returns
    -------
    DataFrame
        Index claim, columns ``speaker location state attackers supporters unanswered``; ``state`` in (accepted), out
        (an accepted claim attacks it) or open; ``unanswered`` counts attackers that nobody attacks.
    """
    accepted = grounded_extension(claims, links)
    attacks = links[links["relation"] == "attack"]
    out = set(attacks.loc[attacks["from_claim"].isin(accepted), "to_claim"])
    free = ~attacks["from_claim"].isin(attacks["to_claim"])
    ids = claims["claim_id"]

    def count(rows: pd.DataFrame) -> np.ndarray:
        return ids.map(rows["to_claim"].value_counts()).fillna(0).astype(int).to_numpy()

    return pd.DataFrame(
        {
            "speaker": claims["speaker"].to_numpy(),
            "location": claims["location"].to_numpy(),
            "state": ["in" if c in accepted else "out" if c in out else "open" for c in ids],
            "attackers": count(attacks),
            "supporters": count(links[links["relation"] == "support"]),
            "unanswered": count(attacks[free]),
        },
        index=pd.Index(ids, name="claim"),
    )


def argument_strength(
    claims: Iterable[str] | pd.DataFrame,
    links: pd.DataFrame,
    *,
    base: float | Mapping[str, float] | None = None,
    draws: int = 200,
    self_support: bool = True,
    speakers: Mapping[str, str] | None = None,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return quadratic-energy strengths, by default over random base scores.

    Parameters
    ----------
    claims : DataFrame with ``claim_id`` (and ``speaker``), or the ids
    links : DataFrame with ``from_claim to_claim relation``
    base : number or mapping, optional
        Base scores in 0..1. None draws each uniformly, ``draws`` times.
    self_support : bool
        False leaves out a speaker's support of own claims.
    speakers : mapping claim -> speaker, optional
        Taken from ``claims`` when that is a table.

    Returns
    -------
    DataFrame
        Index claim, columns ``strength low high`` (mean and percentiles over the draws; all equal for a given base).

    Notes
    -----
    Potyka (2018): with energy E the summed strength of supporters minus attackers and h(x) = max(x, 0)^2 / (1 +
    max(x, 0)^2), the strength is the fixed point of base - base * h(-E) + (1 - base) * h(E), reached by following the
    continuous model from the base scores.
    """
    ids = _ids(claims)
    if speakers is None and isinstance(claims, pd.DataFrame) and "speaker" in claims:
        speakers = dict(zip(claims["claim_id"], claims["speaker"], strict=True))
    if not self_support:
        if speakers is None:
            raise ValueError(
                "self_support=False needs speakers: give the claims as a table or speakers={claim: name}"
            )
        own = links["from_claim"].map(speakers) == links["to_claim"].map(speakers)
        links = links[~(own & (links["relation"] == "support"))]
    position = {claim: i for i, claim in enumerate(ids)}
    unknown = sorted((set(links["from_claim"]) | set(links["to_claim"])) - set(ids))
    if unknown:
        raise ValueError(f"links name {', '.join(unknown)}, which are not among the claims")
    weights = np.zeros((len(ids), len(ids)))
    sign = links["relation"].map({"support": 1.0, "attack": -1.0}).to_numpy()
    weights[links["to_claim"].map(position), links["from_claim"].map(position)] = sign
    if base is None:
        scores = generator(rng).random((draws, len(ids)))
    elif isinstance(base, Mapping):
        scores = np.array([[base[claim] for claim in ids]], float)
    else:
        scores = np.full((1, len(ids)), float(base))
    if ((scores < 0) | (scores > 1)).any():
        raise ValueError("base scores must lie between 0 and 1")
    strength = _settle(weights, scores)
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(strength, [tail, 1 - tail], axis=0)
    return pd.DataFrame(
        {"strength": strength.mean(axis=0), "low": low, "high": high}, index=pd.Index(ids, name="claim")
    )


def compare_strengths(
    claims: pd.DataFrame, strengths: Mapping[str, pd.DataFrame], *, most: int = 8
) -> pd.DataFrame:
    """Return the claims whose strength differs most between two ways of counting support.

    Returns
    -------
    DataFrame
        ``claim paraphrase counted strength low high``, the largest difference first.
    """
    first, second = strengths.values()
    fall = (first["strength"] - second["strength"]).abs()
    top = list(fall.sort_values(ascending=False, kind="stable").index[:most])
    text = claims.set_index("claim_id")["paraphrase"]
    parts = [table.loc[top].assign(counted=name) for name, table in strengths.items()]
    table = pd.concat(parts).rename_axis("claim").reset_index()
    return table.assign(paraphrase=table["claim"].map(text))


def strongest_cases(claims: pd.DataFrame, links: pd.DataFrame, **options) -> pd.DataFrame:
    """Return, for each claim, the strongest supporter and the strongest attacker by somebody else.

    Parameters
    ----------
    claims, links : DataFrame
        As loaded.
    **options
        Passed to ``argument_strength``; a speaker's own support never counts.

    Returns
    -------
    DataFrame
        Index claim, columns ``case_for case_against``: claim ids, empty where there is none. A speaker's own claim is
        the case for when nobody else supports it.
    """
    strength = argument_strength(claims, links, **{**options, "self_support": False})["strength"]
    speaker = dict(zip(claims["claim_id"], claims["speaker"], strict=True))
    rows = links.assign(strength=links["from_claim"].map(strength))
    rows["other"] = rows["from_claim"].map(speaker) != rows["to_claim"].map(speaker)
    rows = rows.sort_values(["other", "strength", "from_claim"], ascending=[False, False, True])
    best = rows.drop_duplicates(["to_claim", "relation"]).pivot(
        index="to_claim", columns="relation", values="from_claim"
    )
    best = best.reindex(index=claims["claim_id"], columns=["support", "attack"]).fillna("")
    return best.rename(columns={"support": "case_for", "attack": "case_against"}).rename_axis(
        index="claim", columns=None
    )


def map_layout(claims: pd.DataFrame) -> pd.DataFrame:
    """Place the claims for the argument map: along the thread, one lane a speaker.

    Returns
    -------
    DataFrame
        The claims with ``x`` (0 the post, N comment N, a claim's place within it as the decimals) and ``y`` (the lane).
    """
    order = pd.to_numeric(claims["location"].str.extract(r"(\d+)")[0]).fillna(0).astype(int)
    within = claims.groupby("location", sort=False).cumcount()
    size = claims.groupby("location")["claim_id"].transform("size")
    lanes = {speaker: -i for i, speaker in enumerate(dict.fromkeys(claims["speaker"]))}
    ripple = within % 3 - 1
    return claims.assign(x=order + 0.85 * within / size, y=claims["speaker"].map(lanes) + 0.22 * ripple)


def _settle(weights: np.ndarray, base: np.ndarray, step: float = 0.2, tolerance: float = 1e-9) -> np.ndarray:
    strength = base.copy()
    for _ in range(20_000):
        energy = strength @ weights.T
        up, down = (np.maximum(side, 0) ** 2 for side in (energy, -energy))
        goal = base - base * down / (1 + down) + (1 - base) * up / (1 + up)
        if np.abs(goal - strength).max() < tolerance:
            return goal
        strength = strength + step * (goal - strength)
    raise ValueError(
        "the strengths did not settle: the links hold a cycle for which the model does not converge"
    )


def _ids(claims: Iterable[str] | pd.DataFrame) -> list[str]:
    return list(claims["claim_id"] if isinstance(claims, pd.DataFrame) else claims)


def _attacks(links: pd.DataFrame | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    if isinstance(links, pd.DataFrame):
        rows = links[links["relation"] == "attack"] if "relation" in links else links
        return list(zip(rows["from_claim"], rows["to_claim"], strict=True))
    return list(links)
