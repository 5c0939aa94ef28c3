"""One bootstrap for every statistic of a covariance matrix, gaps or not; and estimates pooled."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.stats.intervals import percentile_interval


def covariances(values, *, draws: int = 1000, weights=None, clusters=None, rng=None) -> np.ndarray:
    """Return the covariance matrix of a sample (first) and of its bootstrap resamples, (1 + draws, m, m).

    A resample repeats rows with their ``weights``; rows of one of the ``clusters`` are drawn together (Field
    & Welsh 2007). ``values`` (n, m) may have gaps: then all ``n`` rows with an answer count, by maximum
    likelihood for a multivariate normal (EM; Dempster et al. 1977), where whether an answer is missing
    depends only on the answers that are there. Covariances are divided by the sum of the weights, not n - 1.
    """
    values = np.asarray(values, dtype=float)
    rows = np.isfinite(values).any(axis=1)
    values, n = values[rows], int(rows.sum())
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=float)[rows]
    units = None if clusters is None else pd.factorize(np.asarray(clusters)[rows])[0]
    if units is None and np.isnan(values).any():
        units = np.arange(n)
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    scale[scale == 0] = 1.0
    values = np.column_stack([np.ones(n), (values - centre) / scale])
    patterns, start = _patterns(values, weights), np.eye(values.shape[1])[None]
    found = [_mean_products(patterns, np.ones((1, n)), start, tolerance=1e-9)]
    for times in _resamples(n, units, draws, np.random.default_rng(rng)):
        start = np.repeat(found[0], len(times), axis=0)
        found.append(_mean_products(patterns, times, start, tolerance=3e-3))
    products = np.concatenate(found)
    means = products[:, 0, 1:]
    return (products[:, 1:, 1:] - means[:, :, None] * means[:, None]) * np.outer(scale, scale)


def _resamples(n: int, units, draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each of ``n`` rows is drawn, one row a resample, in blocks that memory can hold.

    ``units`` says which rows are drawn together, counted from 0.
    """
    step = max(1, (1 << 20) // n)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        if units is None:
            picks = rng.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
            yield np.bincount(picks.ravel(), minlength=size * n).reshape(size, n).astype(float)
        else:
            k = int(units.max()) + 1
            yield rng.multinomial(k, np.full(k, 1 / k), size=size)[:, units]


def _patterns(values: np.ndarray, weights: np.ndarray) -> list[tuple]:
    """Return for each pattern of gaps its rows, the columns that are there and not, and the weighted products
    of the former (the upper triangle, one row a row).
    """
    here = np.isfinite(values)
    kinds, kind = (here[:1], None) if here.all() else np.unique(here, axis=0, return_inverse=True)
    found = []
    for i, there in enumerate(kinds):
        rows = np.flatnonzero(kind.ravel() == i) if len(kinds) > 1 else slice(None)
        seen = np.flatnonzero(there)
        part, (one, other) = values[rows][:, seen], np.triu_indices(len(seen))
        products = part[:, one] * part[:, other] * weights[rows, None]
        found.append((rows, seen, np.flatnonzero(~there), products))
    return found


def _mean_products(patterns, times, products, *, tolerance: float) -> np.ndarray:
    """Return the mean products of the columns (a column of ones first), one matrix a resample.

    ``times`` says how often a resample holds each row. Steps of EM from ``products`` on, for all resamples
    together, until none moves by more than ``tolerance``; where nothing is missing there is nothing to step.
    """
    summed = []
    for rows, seen, gone, each in patterns:
        sums, (one, other) = np.empty((len(times), len(seen), len(seen))), np.triu_indices(len(seen))
        sums[:, one, other] = sums[:, other, one] = times[:, rows] @ each
        summed.append((seen, gone, sums))
    if len(patterns) == 1 and not len(gone):
        return sums / sums[:, :1, :1]
    for _ in range(1000):
        before, products = products, _step(summed, products)
        if np.abs(products - before).max() < tolerance:
            break
    return products


def _step(patterns, products: np.ndarray) -> np.ndarray:
    """Return the mean products after one step of EM: what is missing follows from what is there."""
    total = np.zeros_like(products)
    for seen, gone, sums in patterns:
        total[:, seen[:, None], seen] += sums
        if len(gone):
            inner = products[:, seen[:, None], seen] + 1e-9 * np.diag(seen > 0)
            outer = products[:, seen[:, None], gone]
            slope = np.linalg.solve(inner, outer)
            left = products[:, gone[:, None], gone] - outer.transpose(0, 2, 1) @ slope
            across = sums @ slope
            total[:, seen[:, None], gone] += across
            total[:, gone[:, None], seen] += across.transpose(0, 2, 1)
            total[:, gone[:, None], gone] += slope.transpose(0, 2, 1) @ across + sums[:, :1, :1] * left
    return total / total[:, :1, :1]


def resampled_means(
    values: np.ndarray, *, draws: int = 1000, weights=None, clusters=None, rng=None
) -> np.ndarray:
    """Return each column's mean over the answers that are there, (columns, 1 + draws): sample, resamples."""
    weight = np.ones(len(values)) if weights is None else np.nan_to_num(np.asarray(weights, float))
    there = np.isfinite(values) * weight[:, None]
    sums = np.hstack([np.nan_to_num(values) * there, there])
    units = np.arange(len(sums)) if clusters is None else pd.factorize(np.asarray(clusters))[0]
    top, bottom = np.split(resampled_sums(sums, draws, np.random.default_rng(rng), units), 2, axis=1)
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0).T


def resampled_sums(values: np.ndarray, draws: int, rng: np.random.Generator, units=None) -> np.ndarray:
    """Return the column sums of ``values`` and, below, those of resamples of the rows or of their units."""
    blocks = _resamples(len(values), units, draws, rng)
    return np.vstack([values.sum(axis=0), *(times @ values for times in blocks)])


def intervals(values, names: Iterable, level: float = 0.95, column: str = "estimate") -> pd.DataFrame:
    """Return ``estimate low high``, one row a name, from values of the sample (column 0) and resamples."""
    values = np.atleast_2d(values)
    low, high = percentile_interval(values[:, 1:].T, level)
    index = pd.Index(list(names), dtype=object)
    return pd.DataFrame({column: values[:, 0], "low": low, "high": high}, index=index)


def composites(matrices: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the covariances of the means of groups of columns, (draws, groups, groups)."""
    weights = np.zeros((matrices.shape[-1], len(groups)))
    for at, columns in enumerate(groups):
        weights[columns, at] = 1 / len(columns)
    return weights.T @ matrices @ weights


def alphas(matrices: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return Cronbach's alpha of each group's mean, (draws, groups): 0.1 at the least, 1 for one column."""
    found = np.ones((len(matrices), len(groups)))
    for at, columns in enumerate(groups):
        if (k := len(columns)) > 1:
            part = matrices[:, columns][:, :, columns]
            alpha = k / (k - 1) * (1 - np.trace(part, axis1=1, axis2=2) / part.sum(axis=(1, 2)))
            found[:, at] = np.clip(alpha, 0.1, 1)
    return found


def slopes(matrices: np.ndarray) -> np.ndarray:
    """Return the joint least-squares slopes of the last column on the others, (columns, draws)."""
    inner = matrices[:, :-1, :-1]
    singular = np.linalg.cond(inner) > 1e12  # a rare resample must not stop the others
    inner = inner + singular[:, None, None] * 1e-9 * np.eye(inner.shape[-1])
    return np.linalg.solve(inner, matrices[:, :-1, -1:])[..., 0].T


def correlations(matrices: np.ndarray) -> np.ndarray:
    """Return the correlation matrices of covariance matrices."""
    scale = np.sqrt(np.einsum("bii->bi", matrices))
    return matrices / scale[:, :, None] / scale[:, None, :]


class Pooled(NamedTuple):
    """A random-effects estimate with its interval, and the standard deviation between groups with its own."""

    estimate: float
    low: float
    high: float
    tau: float
    tau_low: float
    tau_high: float


def pool(estimates, variances, level: float = 0.95) -> tuple[Pooled, pd.DataFrame]:
    """Pool estimates of two or more groups by random effects (DerSimonian & Laird 1986), and shrink each.

    Intervals: Hartung-Knapp for the mean, Q-profile for the standard deviation (Viechtbauer 2007). The table
    has ``shrunk low high`` in the order of the input (Efron & Morris 1975).
    """
    from scipy import stats
    from scipy.optimize import brentq

    y, v = np.asarray(estimates, float), np.asarray(variances, float)
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all()):
        raise NotEnough("at least two groups with an estimate and its error are needed")
    df, tail = len(y) - 1, (1 - level) / 2

    def pooled(tau2: float) -> tuple[np.ndarray, float, float]:
        weight = 1 / (v + tau2)
        mean = float((weight * y).sum() / weight.sum())
        return weight, mean, float((weight * (y - mean) ** 2).sum())

    def spread(part: float) -> float:
        """The spread at which the heterogeneity is this quantile of its distribution, 0 where none is."""
        target = stats.chi2.ppf(part, df)
        if pooled(0.0)[2] <= target:
            return 0.0
        most = ((y - y.mean()) ** 2).sum() / target
        return float(brentq(lambda tau2: pooled(tau2)[2] - target, 0.0, most, xtol=1e-12)) ** 0.5

    weight, _, q = pooled(0.0)
    tau2 = max(0.0, (q - df) / (weight.sum() - (weight**2).sum() / weight.sum()))
    weight, mean, q = pooled(tau2)
    se = float(np.sqrt(max(q / df, 1.0) / weight.sum()))
    half = stats.t.ppf(1 - tail, df) * se
    own = tau2 / (tau2 + v)
    shrunk = mean + own * (y - mean)
    error = stats.norm.ppf(1 - tail) * np.sqrt(own * v + (1 - own) ** 2 * se**2)
    found = Pooled(mean, mean - half, mean + half, tau2**0.5, spread(1 - tail), spread(tail))
    return found, pd.DataFrame({"shrunk": shrunk, "low": shrunk - error, "high": shrunk + error})
