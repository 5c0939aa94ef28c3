"""Do partners pull the same way? What they reward, who decides, and which culture practices they chose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, normal_quantile, wilson
from cxlab.methods.outlets._checks import require

__all__ = ["Alignment", "culture", "decision_rights", "kpi_alignment"]


class Alignment(NamedTuple):
    """How far organisations agree on what to reward.

    Attributes
    ----------
    w, low, high : float
        Kendall's coefficient of concordance, 0 (none) to 1 (all the same), tie-corrected, with its interval.
    p : float
        Permutation probability that organisations that rank at random agree so much.
    matrix : DataFrame
        Organisation x measure, share of each organisation's weight (0: not rewarded).
    partners : DataFrame
        ``organisation agreement low high rewarded``: rank correlation of each organisation's weights with the mean
        of the others', its Fisher interval, and how many measures it rewards.
    organisations, measures : int
    """

    w: float
    low: float
    high: float
    p: float
    matrix: pd.DataFrame
    partners: pd.DataFrame
    organisations: int
    measures: int


def kpi_alignment(
    kpis: pd.DataFrame,
    *,
    permutations: int = 2000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> Alignment:
    """Measure whether organisations reward the same things.

    Parameters
    ----------
    kpis : DataFrame
        ``organisation kpi weight``; a measure without a row is not rewarded (weight 0).
    permutations : int
        For the probability.

    Returns
    -------
    Alignment

    Notes
    -----
    Kendall & Babington Smith (1939), corrected for ties. The interval is a jackknife over organisations of the mean
    rank correlation r, to which W = ((m - 1) r + 1) / m is equivalent (without ties); a bootstrap would draw an
    organisation twice and agree with itself.

    Examples
    --------
    >>> same = pd.DataFrame({"organisation": list("aabb"), "kpi": ["sales", "smiles"] * 2, "weight": [60, 40, 70, 30]})
    >>> kpi_alignment(same, permutations=99).w
    1.0
    """
    require(kpis, ["organisation", "kpi", "weight"], "kpis")
    if (kpis["weight"] < 0).any() or kpis["weight"].isna().any():
        raise InputError("weight must be 0 or more in every row: a missing weight is an absent row")
    table = kpis.pivot_table(
        index="organisation", columns="kpi", values="weight", aggfunc="sum", fill_value=0
    )
    table = table[table.sum(axis=1) > 0]
    m, k = table.shape
    if m < 2 or k < 2:
        raise InputError(
            f"kpis has {m} organisation(s) that reward anything and {k} measure(s): two of each are needed"
        )
    matrix = table.div(table.sum(axis=1), axis=0)
    ranks = matrix.rank(axis=1).to_numpy()
    w = _concordance(ranks)
    rng = generator(rng)
    chance = np.array([_concordance(rng.permuted(ranks, axis=1)) for _ in range(permutations)])
    p = (1 + (chance >= w - 1e-12).sum()) / (permutations + 1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = np.linalg.norm(centred, axis=1, keepdims=True)
    pairs = np.nan_to_num(
        (centred / np.where(size > 0, size, np.nan)) @ (centred / np.where(size > 0, size, np.nan)).T
    )
    low, high = _jackknife(pairs, w, confidence_level) if m > 2 else (np.nan, np.nan)
    partners = []
    for row, name in enumerate(matrix.index):
        others = np.delete(ranks, row, axis=0).mean(axis=0)
        r = _correlation(ranks[row], pd.Series(others).rank().to_numpy())
        half = normal_quantile(confidence_level) * 1.03 / np.sqrt(k - 3) if k > 3 and abs(r) < 1 else np.nan
        edges = np.tanh(np.arctanh(r) + np.array([-half, half])) if np.isfinite(half) else (np.nan, np.nan)
        partners.append((name, r, *edges, int((matrix.iloc[row] > 0).sum())))
    partners = pd.DataFrame(partners, columns=["organisation", "agreement", "low", "high", "rewarded"])
    partners = partners.sort_values("agreement", ascending=False, kind="stable", ignore_index=True)
    matrix = matrix.loc[
        partners["organisation"], matrix.mean().sort_values(ascending=False, kind="stable").index
    ]
    return Alignment(w, float(low), float(high), float(p), matrix, partners, m, k)


def _concordance(ranks: np.ndarray) -> float:
    m, k = ranks.shape
    spread = ((ranks.sum(axis=0) - m * (k + 1) / 2) ** 2).sum()
    ties = 0.0
    for row in ranks:
        count = np.unique(row, return_counts=True)[1].astype(float)
        ties += (count**3 - count).sum()
    most = m * m * (k**3 - k) - m * ties
    return float(min(1.0, 12 * spread / most)) if most > 0 else 0.0


def _jackknife(pairs: np.ndarray, w: float, confidence_level: float) -> tuple[float, float]:
    m = len(pairs)
    total = (pairs.sum() - np.trace(pairs)) / 2
    left = (total - (pairs.sum(axis=1) - np.diag(pairs))) / ((m - 1) * (m - 2) / 2)
    error = np.sqrt((m - 1) / m * ((left - left.mean()) ** 2).sum()) * (m - 1) / m
    half = normal_quantile(confidence_level) * error
    return max(0.0, w - half), min(1.0, w + half)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / size) if size > 0 else 0.0


def decision_rights(rights: pd.DataFrame, *, layers: list[str] | None = None) -> pd.DataFrame:
    """Lay out who decides, and where nobody or more than one does.

    Parameters
    ----------
    rights : DataFrame
        ``decision layer right``: right one of decides, consulted, informed; no row: not involved.
    layers : list of str, optional
        Columns, in this order.

    Returns
    -------
    DataFrame, gaps and overlaps first
        ``decision``, one column a layer, ``deciders`` (how many), ``state``: gap, overlap or clear.

    Examples
    --------
    >>> rights = pd.DataFrame({"decision": ["signs", "signs"], "layer": ["outlet", "central office"], "right": "decides"})
    >>> decision_rights(rights).state.tolist()
    ['overlap']
    """
    require(rights, ["decision", "layer", "right"], "rights")
    wrong = sorted(set(rights["right"].dropna()) - {"decides", "consulted", "informed"})
    if wrong:
        raise InputError(f"right {wrong[0]!r} is not one of decides, consulted, informed")
    if rights.duplicated(["decision", "layer"]).any():
        raise InputError("a decision has two rights in one layer: keep the stronger")
    known = ["outlet", "organisation", "central office"]
    there = list(dict.fromkeys(rights["layer"]))
    order = layers or [layer for layer in known if layer in there] + [
        layer for layer in there if layer not in known
    ]
    table = (
        rights.pivot(index="decision", columns="layer", values="right")
        .reindex(columns=order)
        .fillna("not involved")
    )
    deciders = (table == "decides").sum(axis=1)
    table = table.reset_index().rename_axis(columns=None)
    table["deciders"] = deciders.to_numpy()
    table["state"] = np.where(deciders == 0, "gap", np.where(deciders > 1, "overlap", "clear"))
    rank = table["state"].map({"gap": 0, "overlap": 1, "clear": 2})
    return table.iloc[np.lexsort((table["decision"], rank))].reset_index(drop=True)


def culture(practices: pd.DataFrame, *, by: str = "practice") -> pd.DataFrame:
    """Count which culture practices organisations have, chosen or mandated.

    Parameters
    ----------
    practices : DataFrame
        ``organisation practice mode``: voluntary, mandated or absent.
    by : {"practice", "organisation"}
        One row a practice (how many organisations), or one row an organisation (how many practices).

    Returns
    -------
    DataFrame
        ``practice organisations voluntary mandated absent`` (or ``organisation practices ...``), and ``share low high``: voluntary among those that have
        it (Wilson).
    """
    require(practices, ["organisation", "practice", "mode"], "practices")
    wrong = sorted(set(practices["mode"].dropna()) - {"voluntary", "mandated", "absent"})
    if wrong:
        raise InputError(f"mode {wrong[0]!r} is not one of voluntary, mandated, absent")
    if by not in ("practice", "organisation"):
        raise ValueError(f"by={by!r} must be practice or organisation")
    count = practices.groupby([by, "mode"], sort=False, observed=True).size().unstack(fill_value=0)
    count = count.reindex(columns=["voluntary", "mandated", "absent"], fill_value=0)
    table = count.reset_index().rename_axis(columns=None)
    table.insert(1, "organisations" if by == "practice" else "practices", count.sum(axis=1).to_numpy())
    have = table["voluntary"] + table["mandated"]
    table["share"] = np.where(have > 0, table["voluntary"] / have.replace(0, np.nan), np.nan)
    table["low"], table["high"] = wilson(table["voluntary"], have)
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)
