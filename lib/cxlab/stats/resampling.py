"""One bootstrap for every statistic of a covariance matrix, gaps or not; and estimates pooled."""

from collections.abc import Iterable
from copy import copy
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.stats.lmg import bootstrap_covariances


class Covariances:
    """The covariance matrix of a sample (first) and of its bootstrap resamples, shape (1 + draws, m, m).

    ``values`` (n, m) may have gaps: then the covariances come from all rows by EM. A resample repeats rows
    with their ``weights``; rows of one of the ``clusters`` are drawn together (Field & Welsh 2007).
    """

    def __init__(self, values, *, draws: int = 1000, weights=None, clusters=None, rng=None):
        generator = np.random.default_rng(rng)
        if np.isnan(values).any():
            self.n = int(np.isfinite(values).any(axis=1).sum())
            self.matrices = bootstrap_em(values, draws, generator, weights, clusters)
            return
        if clusters is None:
            sample, resamples = bootstrap_covariances(values, weights, draws, generator)
        else:
            sample, resamples = _cluster_covariances(values, weights, clusters, draws, generator)
        self.n, self.matrices = len(values), np.concatenate([sample[None], resamples])

    def part(self, columns: list[int]) -> "Covariances":
        """Return the covariances of some of the columns, in this order."""
        found = copy(self)
        found.matrices = np.ascontiguousarray(self.matrices[:, columns][:, :, columns])
        return found

    def with_mean_last(self, k: int) -> "Covariances":
        """Return the covariances with the last ``k`` columns replaced by their mean."""
        if k == 1:
            return self
        m = self.matrices.shape[-1]
        weights = np.zeros((m, m - k + 1))
        weights[range(m - k), range(m - k)] = 1.0
        weights[m - k :, -1] = 1 / k
        found = copy(self)
        found.matrices = weights.T @ self.matrices @ weights
        return found


def _cluster_covariances(values, weights, clusters, draws, rng):
    codes, labels = pd.factorize(np.asarray(clusters))
    weights = np.ones(len(values)) if weights is None else weights
    n, m = values.shape
    centred = values - np.average(values, axis=0, weights=weights)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(n, -1)
    moments = np.hstack([products, centred, np.ones((n, 1))]) * weights[:, None]
    sums = np.zeros((len(labels), moments.shape[1]))
    np.add.at(sums, codes, moments)
    counts = rng.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=draws)
    totals = np.vstack([sums.sum(axis=0)[None], counts @ sums])
    means = totals[:, m * m : -1] / totals[:, -1:]
    full = (totals[:, : m * m] / totals[:, -1:]).reshape(-1, m, m) - means[:, :, None] * means[:, None, :]
    return full[0], full[1:]


def resampled_means(
    values: np.ndarray, *, draws: int = 1000, weights=None, clusters=None, rng=None
) -> np.ndarray:
    """Return each column's mean over the answers that are there, (columns, 1 + draws): sample, resamples."""
    there = np.isfinite(values) * (
        1.0 if weights is None else np.nan_to_num(np.asarray(weights, float))[:, None]
    )
    codes = np.arange(len(values)) if clusters is None else pd.factorize(np.asarray(clusters))[0]
    size = int(codes.max()) + 1
    sums = np.zeros((size, 2 * values.shape[1]))
    np.add.at(sums, codes, np.hstack([np.nan_to_num(values) * there, there]))
    counts = np.random.default_rng(rng).multinomial(size, np.full(size, 1 / size), size=draws)
    totals = np.vstack([sums.sum(axis=0), counts @ sums])
    top, bottom = np.split(totals, 2, axis=1)
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0).T


def resampled_sums(values: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return the column sums of ``values`` (one row a person) and, below, those of resamples of the rows."""
    n = len(values)
    again = (np.bincount(rng.integers(0, n, n), minlength=n) @ values for _ in range(draws))
    return np.array([values.sum(axis=0), *again])


def limits(draws: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return percentile limits along the last axis; a row without any finite draw gives NaN."""
    draws = np.asarray(draws, dtype=float)
    rows = draws.reshape(int(np.prod(draws.shape[:-1])), draws.shape[-1])
    usable = np.isfinite(rows).any(axis=1)
    ends = np.full((2, len(rows)), np.nan)
    if usable.any():
        tail = (1 - level) / 2
        quantile = np.quantile if np.isfinite(rows).all() else np.nanquantile  # the latter is slow
        ends[:, usable] = quantile(rows[usable], [tail, 1 - tail], axis=1)
    low, high = ends.reshape(2, *draws.shape[:-1])
    return low, high


def intervals(values: np.ndarray, names: Iterable, level: float = 0.95) -> pd.DataFrame:
    """Return ``estimate low high``, one row a name, from values of the sample (column 0) and resamples."""
    values = np.atleast_2d(np.asarray(values, dtype=float))
    low, high = limits(values[:, 1:], level)
    return pd.DataFrame(
        {"estimate": values[:, 0], "low": low, "high": high}, index=pd.Index(list(names), dtype=object)
    )


def composites(matrices: np.ndarray, groups: list[list[int]], *, standardise: bool) -> np.ndarray:
    """Covariances of the groups' mean items and, last, of the last column: (draws, k + 1, k + 1)."""
    weights = np.zeros((matrices.shape[-1], len(groups) + 1))
    for side, columns in enumerate(groups):
        scale = np.sqrt(np.diag(matrices[0])[columns]) if standardise else 1.0
        weights[columns, side] = 1 / (len(columns) * scale)
    weights[-1, -1] = 1.0
    return weights.T @ matrices @ weights


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


class _Pattern(NamedTuple):
    """Rows with the same gaps: which columns are there and not, and weighted sums, a row a resample."""

    seen: np.ndarray
    gone: np.ndarray
    weight: np.ndarray
    one: np.ndarray
    two: np.ndarray


def bootstrap_em(
    values: np.ndarray, draws: int, rng: np.random.Generator, weights: np.ndarray | None = None, clusters=None
) -> np.ndarray:
    """Return the EM covariance of a sample with gaps and of ``draws`` resamples, shape (1 + draws, m, m).

    Maximum likelihood for a multivariate normal (Dempster et al. 1977), where whether an answer is missing
    depends only on the answers that are there. Rows with the same gaps are summed up once, and all resamples
    take each step together, lengthened by how fast EM converges on the whole sample (a quasi-Newton step;
    Jamshidian & Jennrich 1997), so that few are needed.
    """
    rows = np.isfinite(values).any(axis=1)
    values = values[rows]
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    scale[scale == 0] = 1.0
    values = (values - centre) / scale
    base = np.ones(len(values)) if weights is None else np.asarray(weights, float)[rows]
    units = np.arange(len(values))
    if clusters is not None:
        units = np.unique(np.asarray(clusters).astype(str)[rows], return_inverse=True)[1]
    size = int(units.max()) + 1
    counts = rng.multinomial(size, np.full(size, 1 / size), size=draws)[:, units]
    patterns, m = _patterns(values, base[None]), values.shape[1]
    point = _vector(np.zeros((1, m)), np.eye(m)[None])
    for _ in range(8):
        point = _step(patterns, point, m)
    near, small = _step(patterns, point, m), 1e-4
    moved = _step(patterns, point + small * np.eye(point.shape[1]), m) - near
    longer = np.linalg.pinv(np.eye(point.shape[1]) - moved / small)
    found = [_converge(patterns, near, longer, m, tolerance=1e-7)]
    block = max(1, 200_000 // len(values))
    for begin in range(0, draws, block):
        some = _patterns(values, counts[begin : begin + block] * base)
        start = np.repeat(found[0], len(some[0].weight), axis=0)
        found.append(_converge(some, start, longer, m, tolerance=5e-3))
    return _matrices(np.concatenate(found), m)[1] * np.outer(scale, scale)


def _converge(patterns: list[_Pattern], point: np.ndarray, longer: np.ndarray, m: int, *, tolerance: float):
    """Take lengthened steps until none moves by more than ``tolerance`` standard deviations."""
    for _ in range(200):
        plain = _step(patterns, point, m)
        step = (plain - point) @ longer
        point = point + step
        wrong = ~(np.linalg.eigvalsh(_matrices(point, m)[1])[:, 0] > 1e-9)
        point[wrong] = plain[wrong]  # a step too far, which is no covariance
        if np.abs(step[~wrong]).max(initial=0.0) < tolerance:
            break
    return _step(patterns, point, m)


def _patterns(values: np.ndarray, weights: np.ndarray) -> list[_Pattern]:
    kinds, kind = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    found = []
    for i, there in enumerate(kinds):
        rows, seen = np.flatnonzero(kind.ravel() == i), np.flatnonzero(there)
        part, weight = values[np.ix_(rows, seen)], weights[:, rows]
        products = (part[:, :, None] * part[:, None, :]).reshape(len(rows), -1)
        two = (weight @ products).reshape(-1, len(seen), len(seen))
        found.append(_Pattern(seen, np.flatnonzero(~there), weight.sum(axis=1), weight @ part, two))
    return found


def _step(patterns: list[_Pattern], point: np.ndarray, m: int) -> np.ndarray:
    """Return means and covariances after one step of EM, a row a resample."""
    mean, covariance = _matrices(point, m)
    first, second = np.zeros_like(mean), np.zeros_like(covariance)
    for seen, gone, weight, one, two in patterns:
        inner = covariance[:, seen[:, None], seen] + 1e-9 * np.eye(len(seen))
        slope = np.linalg.solve(inner, covariance[:, seen[:, None], gone])
        constant = mean[:, gone] - (mean[:, None, seen] @ slope)[:, 0]
        fitted = (one[:, None] @ slope)[:, 0]
        across = two @ slope + one[:, :, None] * constant[:, None]
        left = covariance[:, gone[:, None], gone] - covariance[:, gone[:, None], seen] @ slope
        left += constant[:, :, None] * constant[:, None]
        mixed = fitted[:, :, None] * constant[:, None]
        first[:, seen] += one
        first[:, gone] += fitted + weight[:, None] * constant
        second[:, seen[:, None], seen] += two
        second[:, seen[:, None], gone] += across
        second[:, gone[:, None], seen] += across.transpose(0, 2, 1)
        inside = slope.transpose(0, 2, 1) @ two @ slope + mixed + mixed.transpose(0, 2, 1)
        second[:, gone[:, None], gone] += inside + weight[:, None, None] * left
    total = sum(pattern.weight for pattern in patterns)[:, None]
    mean = first / total
    return _vector(mean, second / total[:, :, None] - mean[:, :, None] * mean[:, None])


def _vector(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    rows, columns = np.triu_indices(mean.shape[1])
    return np.hstack([mean, covariance[:, rows, columns]])


def _matrices(point: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.triu_indices(m)
    covariance = np.empty((len(point), m, m))
    covariance[:, rows, columns] = covariance[:, columns, rows] = point[:, m:]
    return point[:, :m], covariance


class Pooled(NamedTuple):
    """A random-effects estimate, its interval, the spread between groups, and where a new one would lie."""

    estimate: float
    low: float
    high: float
    predicted_low: float
    predicted_high: float
    tau: float
    tau_low: float
    tau_high: float
    p: float


def pool(estimates, variances, level: float = 0.95) -> tuple[Pooled, pd.DataFrame]:
    """Pool estimates of two or more groups by random effects (DerSimonian & Laird 1986), and shrink each.

    Intervals: Hartung-Knapp for the mean, t with k - 2 degrees for a new group (Higgins et al. 2009; unknown
    for two groups), Q-profile for the standard deviation between groups (Viechtbauer 2007). The table has
    ``estimate shrunk low high weight`` in the order of the input (Efron & Morris 1975).
    """
    from scipy import stats

    y, v = np.asarray(estimates, float), np.asarray(variances, float)
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all()):
        raise NotEnough("at least two groups with an estimate and its error are needed")
    w, df = 1 / v, len(y) - 1

    def heterogeneity(tau2: float) -> float:
        weight = 1 / (v + tau2)
        return float((weight * (y - (weight * y).sum() / weight.sum()) ** 2).sum())

    q = heterogeneity(0.0)
    tau2 = max(0.0, (q - df) / (w.sum() - (w**2).sum() / w.sum()))
    weight = 1 / (v + tau2)
    mean = float((weight * y).sum() / weight.sum())
    se = float(np.sqrt(max(heterogeneity(tau2) / df, 1.0) / weight.sum()))
    t = stats.t.ppf(0.5 + level / 2, df)
    reach = stats.t.ppf(0.5 + level / 2, df - 1) * np.sqrt(tau2 + se**2) if df > 1 else np.nan
    tail = (1 - level) / 2
    ends = [_solve(heterogeneity, stats.chi2.ppf(part, df)) ** 0.5 for part in (1 - tail, tail)]
    own = tau2 / (tau2 + v)
    shrunk = mean + own * (y - mean)
    half = stats.norm.ppf(0.5 + level / 2) * np.sqrt(own * v + (1 - own) ** 2 * se**2)
    table = pd.DataFrame(
        {"estimate": y, "shrunk": shrunk, "low": shrunk - half, "high": shrunk + half, "weight": own}
    )
    found = Pooled(mean, mean - t * se, mean + t * se, mean - reach, mean + reach, tau2**0.5, *ends,
                   float(stats.chi2.sf(q, df)))  # fmt: skip
    return found, table


def _solve(heterogeneity, target: float) -> float:
    """Return the variance at which the (falling) heterogeneity equals the target, 0 where it is below."""
    from scipy.optimize import brentq

    if heterogeneity(0.0) <= target:
        return 0.0
    top = 1.0
    while heterogeneity(top) > target:
        top *= 4
    return float(brentq(lambda tau2: heterogeneity(tau2) - target, 0.0, top, xtol=1e-12))
