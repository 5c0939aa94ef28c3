"""Do the levels come one after another? Mokken's scale analysis (Loevinger's H) with intervals by account.

Coverage of the 95 % interval of H in 400 simulated ladders each (tests/bench/bench_horizons.py):

    true H  accounts  covered
    .000    150       .955
    .525    200       .945
    .792    300       .917
    .501    200       .943 (scores instead of passes)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, percentile_interval

__all__ = [
    "Scalability",
    "independence",
    "order_claim",
    "scalability",
    "transposed",
]


class Scalability(NamedTuple):
    """Loevinger's H of the levels.

    Attributes
    ----------
    H : 1 when every account climbs in the same order, 0 when the levels have nothing in common.
    low, high : bootstrap interval, accounts drawn with replacement.
    items : DataFrame, easiest level first: ``level mean Hi low high``.
    pairs : DataFrame of H for each pair of levels.
    n : accounts with all levels known.
    dropped : accounts left out because a level is missing.
    """

    H: float
    low: float
    high: float
    items: pd.DataFrame
    pairs: pd.DataFrame
    n: int
    dropped: int


def scalability(
    levels: pd.DataFrame,
    *,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    clusters: pd.Series | None = None,
    rng: int | np.random.Generator | None = None,
) -> Scalability:
    """Return Loevinger's H of the levels, for each level and for all, with bootstrap intervals.

    Parameters
    ----------
    levels : DataFrame
        One row an account, one column a level: 0/1 or scores on one scale. Rows with a missing level are left out
        and counted.
    bootstrap : int
        Draws of accounts (of clusters when given); 0 leaves the interval missing.
    confidence_level : float
    clusters : Series, optional
        Group of each row, when several rows belong together (accounts of one client).
    rng : int, Generator or None

    Returns
    -------
    Scalability

    Raises
    ------
    InputError
        For fewer than two levels that vary, or fewer than three complete accounts.

    Notes
    -----
    H = sum of covariances over the sum of the greatest covariances that the margins allow (Loevinger 1948; Mokken
    1971; for scores Molenaar's weighted form), over all pairs of levels. By convention .3 is a weak scale, .4 medium,
    .5 strong. Percentile bootstrap; Kuijpers, Van der Ark & Croon (2013) give the same standard error in large
    samples. H says how much the levels share one ladder, not that one causes the next.

    Examples
    --------
    >>> ladder = pd.DataFrame({"first": [1, 1, 1, 1, 0], "second": [1, 1, 1, 0, 0], "third": [1, 0, 0, 0, 0]})
    >>> scalability(ladder, bootstrap=0).H
    1.0
    """
    x, names, keep = _complete(levels)
    covariance, greatest = _covariances(x[None])
    h, hi, hij = _coefficients(covariance, greatest)
    if bootstrap:
        rng = generator(rng)
        groups = None if clusters is None else np.asarray(clusters)[keep]
        draws_h, draws_hi = _bootstrap(x, groups, int(bootstrap), rng)
        low, high = percentile_interval(draws_h, confidence_level)
        lows, highs = np.full((2, len(names)), np.nan)
        varies = np.isfinite(draws_hi).any(axis=0)  # a level that all pass has no H of its own
        lows[varies], highs[varies] = percentile_interval(draws_hi[:, varies], confidence_level)
    else:
        low = high = np.nan
        lows = highs = np.full(len(names), np.nan)
    items = pd.DataFrame({"level": names, "mean": x.mean(axis=0), "Hi": hi[0], "low": lows, "high": highs})
    items = items.sort_values("mean", ascending=False, kind="stable", ignore_index=True)
    pairs = pd.DataFrame(hij[0], index=names, columns=names)
    return Scalability(float(h[0]), float(low), float(high), items, pairs, len(x), int((~keep).sum()))


def order_claim(result: Scalability) -> str:
    """Say what H and its interval allow to claim: 'an order', 'a common ladder, no clear order' or 'no order'.

    'An order' needs the whole interval at .3 or above and no level with H below .3; 'no order' means that the interval
    reaches 0 (independent levels are not ruled out).
    """
    if not result.low > 0:
        return "no order"
    return (
        "an order"
        if result.low >= 0.3 and (result.items.Hi >= 0.3).all()
        else "a common ladder, no clear order"
    )


def transposed(levels: pd.DataFrame) -> float:
    """Return H^T, H of the transposed table: do accounts agree on which levels are harder (invariant order)?

    Parameters
    ----------
    levels : DataFrame of 0/1, one row an account

    Notes
    -----
    Sijtsma & Meijer (1992): with H of .3 or more, H^T of .3 or more supports an order that is the same for all
    accounts. Accounts that pass all or none say nothing and drop out of both sums.
    """
    x, _, _ = _complete(levels)
    _binary(x)
    k = x.shape[1]
    totals = x.sum(axis=1).astype(int)
    # Sum of all covariances between accounts = variance of the level sums minus the accounts' own variances.
    centred = x - x.mean(axis=1, keepdims=True)
    covariance = (centred.sum(axis=0) ** 2).sum() - (centred**2).sum()
    counts = np.bincount(totals, minlength=k + 1)
    a, b = np.meshgrid(np.arange(k + 1), np.arange(k + 1))
    greatest = np.minimum(a, b) - a * b / k
    both = np.outer(counts, counts) - np.diag(counts)
    top = float((greatest * both).sum())
    return float(covariance / top) if top > 0 else float("nan")


def independence(
    levels: pd.DataFrame, *, draws: int = 500, rng: int | np.random.Generator | None = None
) -> pd.DataFrame:
    """Return H beside what it would be if the levels had nothing to do with each other.

    Returns
    -------
    DataFrame
        One row: ``H chance_low chance_high p_value``; levels permuted independently, 95 % range of the permuted H.
    """
    x, _, _ = _complete(levels)
    rng = generator(rng)
    h = _coefficients(*_covariances(x[None]))[0][0]
    null = np.concatenate(
        [
            _coefficients(*_covariances(rng.permuted(np.repeat(x[None], 50, axis=0), axis=1)))[0]
            for _ in range(-(-draws // 50))
        ]
    )
    low, high = percentile_interval(null)
    p = (1 + (null >= h - 1e-12).sum()) / (len(null) + 1)
    return pd.DataFrame({"H": [h], "chance_low": [low], "chance_high": [high], "p_value": [p]})


def _complete(levels: pd.DataFrame) -> tuple[np.ndarray, list[str], np.ndarray]:
    if not isinstance(levels, pd.DataFrame) or levels.shape[1] < 2:
        raise InputError(
            "levels must be a table with one row an account and at least two columns, one a level"
        )
    values = levels.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    keep = np.isfinite(values).all(axis=1)
    x = values[keep]
    if len(x) < 3:
        raise InputError(
            f"levels: {len(x)} accounts have every level; at least 3 are needed (missing scores: fill or drop a level)"
        )
    if (np.ptp(x, axis=0) > 0).sum() < 2:
        raise InputError(
            "levels: fewer than two levels vary between accounts; an order cannot be seen (lower or raise the threshold)"
        )
    return x, [str(name) for name in levels.columns], keep


def _binary(x: np.ndarray) -> None:
    if not np.isin(x, (0, 1)).all():
        raise InputError(
            "levels must be 0 or 1 here: compare the scores with a threshold first, such as (levels >= 60)"
        )


def _covariances(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances and their greatest values for tables stacked along the first axis (draws, n, k)."""
    n = x.shape[1]
    means = x.mean(axis=1)
    centre = means[:, :, None] * means[:, None, :]
    covariance = np.einsum("bni,bnj->bij", x, x, optimize=True) / n - centre
    ranked = np.sort(x, axis=1)
    greatest = np.einsum("bni,bnj->bij", ranked, ranked, optimize=True) / n - centre
    return covariance, greatest


def _coefficients(covariance: np.ndarray, greatest: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    k = covariance.shape[-1]
    off = ~np.eye(k, dtype=bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        hij = np.where(off & (greatest > 1e-15), covariance / greatest, np.nan)
        c, g = covariance * off, greatest * off
        hi = np.where(g.sum(-1) > 1e-15, c.sum(-1) / g.sum(-1), np.nan)
        h = np.where(g.sum((-1, -2)) > 1e-15, c.sum((-1, -2)) / g.sum((-1, -2)), np.nan)
    return h, hi, hij


def _bootstrap(x, clusters, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if clusters is not None:
        names, codes = np.unique(clusters, return_inverse=True)
        members = [np.flatnonzero(codes == c) for c in range(len(names))]
        parts = [
            x[np.concatenate([members[c] for c in rng.integers(0, len(names), len(names))])][None]
            for _ in range(draws)
        ]
        solved = [_coefficients(*_covariances(part)) for part in parts]
        return np.concatenate([s[0] for s in solved]), np.concatenate([s[1] for s in solved])
    if np.isin(x, (0, 1)).all():
        patterns, counts = np.unique(x, axis=0, return_counts=True)
        weights = rng.multinomial(len(x), counts / len(x), draws) / len(x)
        p = weights @ patterns
        k = x.shape[1]
        joint = (weights @ (patterns[:, :, None] * patterns[:, None, :]).reshape(len(patterns), -1)).reshape(
            draws, k, k
        )
        outer = p[:, :, None] * p[:, None, :]
        return _coefficients(joint - outer, np.minimum(p[:, :, None], p[:, None, :]) - outer)[:2]
    h, hi, block = [], [], max(1, 2_000_000 // x.size)
    for start in range(0, draws, block):
        index = rng.integers(0, len(x), (min(block, draws - start), len(x)))
        solved = _coefficients(*_covariances(x[index]))
        h.append(solved[0])
        hi.append(solved[1])
    return np.concatenate(h), np.concatenate(hi)
