"""Variance components and random-effects pooling from sums, so that their cost does not depend on the visits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, normal_quantile, percentile_interval

from ._checks import require

__all__ = ["MetaAnalysis", "meta_analysis", "variance_components"]


def variance_components(
    data: pd.DataFrame,
    *,
    score: str = "score",
    factors: Sequence[str] = ("organisation", "outlet", "person"),
    bootstrap: int = 200,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Split the variance of a score between grouping factors (nested or crossed) and the rest.

    Parameters
    ----------
    data : DataFrame
        One row a rated visit: ``score`` and one column a factor.
    factors : list of str
        Grouping columns, coarse first where they are nested; each needs repeated and differing groups.
    bootstrap : int
        Parametric draws for the intervals (0: none, columns are missing values).

    Returns
    -------
    DataFrame
        ``component`` (the factors, then ``residual``), ``variance low high`` (score squared; the estimate is cut at
        0), ``share`` of the total, ``share_low share_high``, ``groups`` (how many).

    Raises
    ------
    InputError
        When a factor cannot be told from the others (each group has one row, say).

    Notes
    -----
    Henderson's method 1 in its difference form: the sum of squares within each grouping has as its expectation a
    known count times each component, so that one linear system gives them all. Unbiased for any balance; equal to
    REML where the design is balanced and no component is negative (Searle, Casella & McCulloch 1992). Intervals:
    the model drawn anew with the estimated components on the same design; normal effects assumed. With few
    organisations the organisation's interval is wide, and honestly so.

    Examples
    --------
    >>> yields = pd.DataFrame({"batch": list("AABBCC"), "score": [1.0, 3, 5, 7, 9, 11]})
    >>> variance_components(yields, factors=["batch"], bootstrap=0).variance.tolist()
    [15.0, 2.0]
    """
    factors = list(factors)
    require(data, [score, *factors])
    data = data.dropna(subset=[score, *factors])
    if len(data) < 3:
        raise InputError(f"{score} has {len(data)} rated rows with every factor known: at least 3 are needed")
    codes = [pd.factorize(data[factor])[0] for factor in factors]
    y = data[score].to_numpy(float)
    groups = [int(code.max()) + 1 for code in codes]
    system = _expectations(codes, groups)
    if not (system.max(axis=1) > 0).all() or np.linalg.cond(system / system.max(axis=1, keepdims=True)) > 1e9:
        raise InputError(
            f"factors={factors} cannot be told apart: each needs several groups with several rows that differ in the "
            "other factors; drop the one that repeats another"
        )
    estimate = np.linalg.solve(system, _within(y, codes, groups))
    kept = estimate.clip(min=0)
    table = pd.DataFrame({"component": [*factors, "residual"], "variance": kept})
    table["low"], table["high"] = np.nan, np.nan
    table["share"] = kept / kept.sum() if kept.sum() > 0 else np.nan
    table["share_low"], table["share_high"] = np.nan, np.nan
    table["groups"] = [*groups, len(y)]
    if bootstrap:
        rng = generator(rng)
        draws = np.empty((bootstrap, len(kept)))
        for draw in range(bootstrap):
            simulated = rng.standard_normal(len(y)) * np.sqrt(kept[-1])
            for code, size, variance in zip(codes, groups, kept[:-1], strict=True):
                simulated += (rng.standard_normal(size) * np.sqrt(variance))[code]
            draws[draw] = np.linalg.solve(system, _within(simulated, codes, groups)).clip(min=0)
        table["low"], table["high"] = percentile_interval(draws, confidence_level)
        shares = draws / draws.sum(axis=1, keepdims=True)
        table["share_low"], table["share_high"] = percentile_interval(shares, confidence_level)
    return table


def _within(y: np.ndarray, codes: list[np.ndarray], groups: list[int]) -> np.ndarray:
    """Return the sum of squares within each grouping; the last is about the grand mean."""
    y = y - y.mean()
    total = (y**2).sum()
    inside = []
    for code, size in zip(codes, groups, strict=True):
        n = np.bincount(code, minlength=size)
        inside.append(total - (np.bincount(code, y, size) ** 2 / n).sum())
    return np.array([*inside, total])


def _expectations(codes: list[np.ndarray], groups: list[int]) -> np.ndarray:
    """Return what each component contributes to each sum of squares: rows groupings (and all), columns components."""
    rows = len(codes[0])
    everything = np.zeros(rows, dtype=np.int64)
    system = []
    for code, size in [*zip(codes, groups, strict=True), (everything, 1)]:
        n = np.bincount(code, minlength=size)
        line = []
        for other, other_size in zip(codes, groups, strict=True):
            pair = code.astype(np.int64) * other_size + other
            keys, count = np.unique(pair, return_counts=True)
            together = np.bincount(keys // other_size, count.astype(float) ** 2, size)
            line.append(float((n - together / n).sum()))
        system.append([*line, float(rows - size)])
    return np.array(system)


class MetaAnalysis(NamedTuple):
    """A pooled mean.

    Attributes
    ----------
    estimate, low, high : float
        Random-effects mean with its normal interval.
    tau2 : float
        Between-unit variance (DerSimonian-Laird, cut at 0).
    q : float
        Cochran's Q about the fixed-effect mean.
    i2 : float
        Share of the spread that is not chance, 0..1.
    """

    estimate: float
    low: float
    high: float
    tau2: float
    q: float
    i2: float


def meta_analysis(estimates, variances, *, confidence_level: float = 0.95) -> MetaAnalysis:
    """Pool estimates with known variances (DerSimonian & Laird 1986).

    Examples
    --------
    >>> round(meta_analysis([0.1, 0.5, 0.3], [0.01, 0.02, 0.01]).estimate, 3)
    0.283
    """
    y, v = np.asarray(estimates, float), np.asarray(variances, float)
    if y.shape != v.shape or y.size < 2 or not (v > 0).all() or not np.isfinite(y).all():
        raise ValueError(
            "estimates and variances must be two or more numbers each, variances above 0; drop the rest"
        )
    w = 1 / v
    q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    tau2 = max(0.0, (q - (y.size - 1)) / (w.sum() - (w**2).sum() / w.sum()))
    w = 1 / (v + tau2)
    mean, error = float((w * y).sum() / w.sum()), float(np.sqrt(1 / w.sum()))
    half = normal_quantile(confidence_level) * error
    return MetaAnalysis(
        mean, mean - half, mean + half, float(tau2), q, max(0.0, 1 - (y.size - 1) / q) if q else 0.0
    )
