"""Small interval functions that several methods share; numpy and the standard library only.

Proportions get closed forms (no resampling), so that a funnel on a local file needs neither scipy nor
statsmodels.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray


def normal_quantile(confidence_level: float) -> float:
    """Return z such that a standard normal lies in -z..z with this probability (1.96 for 0.95)."""
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level={confidence_level!r} must lie between 0 and 1, for example 0.95")
    return NormalDist().inv_cdf(0.5 + confidence_level / 2)


def wilson(successes: ArrayLike, n: ArrayLike, confidence_level: float = 0.95) -> tuple[NDArray, NDArray]:
    """Return Wilson's score interval of a proportion, elementwise; n = 0 gives 0..1.

    Method 3 of Newcombe (1998), for all n (Brown, Cai & DasGupta 2001); counts may be fractional.
    """
    z = normal_quantile(confidence_level)
    x, n = (np.asarray(counts, dtype=float) for counts in (successes, n))
    if not np.all((x >= 0) & (x <= n)):
        raise ValueError("successes must lie between 0 and n everywhere, and neither may be missing")
    with np.errstate(invalid="ignore", divide="ignore"):
        p = x / n
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = np.where(x == 0, 0.0, np.clip(centre - half, 0, 1))
    high = np.where(x == n, 1.0, np.clip(centre + half, 0, 1))
    return low[()], high[()]


def newcombe(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence_level: float = 0.95
) -> tuple[NDArray, NDArray, NDArray]:
    """Return the difference of two independent proportions, x1/n1 - x2/n2, with its interval.

    Method 10 of Newcombe (1998, Statistics in Medicine 17:873): square-and-add of the two Wilson intervals.
    """
    if np.any(np.equal(n1, 0)) or np.any(np.equal(n2, 0)):
        raise ValueError("n1 and n2 must be at least 1 everywhere: a group without cases has no proportion")
    low1, high1 = wilson(x1, n1, confidence_level)
    low2, high2 = wilson(x2, n2, confidence_level)
    p1, p2 = np.divide(x1, n1), np.divide(x2, n2)
    difference = p1 - p2
    low = difference - np.hypot(p1 - low1, high2 - p2)
    high = difference + np.hypot(high1 - p1, p2 - low2)
    return difference, low, high


def rule_of_three(n: int, confidence_level: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a rate of which 0 of ``n`` cases (at least 1) were seen.

    About 3 / n at 95 % (Hanley & Lippman-Hand 1983).
    """
    return float(1 - (1 - confidence_level) ** (1 / n))


def benjamini_hochberg(p_values: ArrayLike, level: float = 0.05) -> tuple[NDArray[np.bool_], NDArray]:
    """Return which p-values survive a false-discovery rate of ``level``, and the adjusted p-values.

    NaN (a test that could not be made) stays out of the family. Benjamini & Hochberg (1995); valid for
    independent and for positively dependent tests.
    """
    p = np.atleast_1d(np.asarray(p_values, dtype=float))
    order, adjusted = np.argsort(p, kind="stable"), np.empty(p.shape)  # NaN goes last
    scaled = p[order] * np.isfinite(p).sum() / np.arange(1, p.size + 1)
    adjusted[order] = np.fmin.accumulate(scaled[::-1])[::-1].clip(max=1.0)
    return adjusted <= level, adjusted


def percentile_interval(draws: ArrayLike, confidence_level: float = 0.95) -> tuple[NDArray, NDArray]:
    """Return the percentile interval of bootstrap draws along the first axis; missing draws are left out.

    Where no draw is finite both limits are missing.
    """
    draws = np.asarray(draws, dtype=float)
    tail = (1 - confidence_level) / 2
    some = np.isfinite(draws).any(axis=0)
    ends = np.full((2, *draws.shape[1:]), np.nan)
    if some.any():
        quantile = np.nanquantile if np.isnan(draws).any() else np.quantile  # the former is slow
        ends[:, some] = quantile(draws[:, some], [tail, 1 - tail], axis=0)
    return ends[0][()], ends[1][()]
