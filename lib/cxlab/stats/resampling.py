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
    likelihood for a multivariate normal, where whether an answer is missing depends only on the answers that
    are there. A resample is then one Newton step away from the sample (Andrews 2002); without gaps that is
    exact. Covariances are divided by the sum of the weights, not n - 1.
    """
    values = np.asarray(values, dtype=float)
    rows = np.isfinite(values).any(axis=1)
    values, n = values[rows], int(rows.sum())
    weights = np.ones(n) if weights is None else np.asarray(weights, dtype=float)[rows]
    units = None if clusters is None else pd.factorize(np.asarray(clusters)[rows])[0]
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    scale[scale == 0] = 1.0
    values, gaps = (values - centre) / scale, np.isnan(values).any()
    if gaps and values.shape[1] > 100:  # gigabytes, and minutes
        raise NotEnough(f"some of {values.shape[1]} items have missing answers; then at most 100 are taken")
    try:
        found, steps = _influence(values, weights)
    except np.linalg.LinAlgError:
        said = "some items are copies of others, or too few people answered them together"
        raise NotEnough(said) from None
    moves, blocks = np.column_stack([steps, np.ones(n)]) * weights[:, None], [np.zeros((1, steps.shape[1]))]
    for times in _resamples(n, units, draws, np.random.default_rng(rng)):
        sums = times @ moves
        blocks.append(sums[:, :-1] / sums[:, -1:])
    means, upper = np.split(np.concatenate(blocks), [values.shape[1]], axis=1)
    found = found + _symmetric(upper, values.shape[1]) - means[:, :, None] * means[:, None]
    if gaps:  # a step may lead too far where rows are few
        found = _definite(found)
    return found * np.outer(scale, scale)


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


def _influence(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance matrix of a sample, gaps or not, and how much one more of each row would move the
    means and the upper triangle of that matrix, (n, m + m (m + 1) / 2), times the sum of the weights.
    """
    m, total, change = values.shape[1], weights.sum(), np.inf
    one, other = np.triu_indices(m)
    if np.isfinite(values).all():
        values = values - weights @ values / total
        products = values[:, one] * values[:, other]
        upper = weights @ products / total
        return _symmetric(upper[None], m)[0], np.hstack([values, products - upper])
    mean, cov = np.zeros(m), np.eye(m)
    for _ in range(300):
        scores, information = _scores(values, weights, mean, cov)
        score = weights @ scores / total
        shift = cov @ score[:m]  # a step of EM (Dempster et al. 1977): slow, but always uphill
        bend = cov @ _symmetric(score[None, m:] * np.where(one == other, 2, 1), m)[0] @ cov
        bend -= np.outer(shift, shift)
        if change < 0.05:
            step = np.linalg.solve(information / total, score)
            if step @ score > 0:  # uphill, too
                shift, bend = step[:m], _symmetric(step[None, m:], m)[0]
            while np.linalg.eigvalsh(cov + bend)[0] < np.linalg.eigvalsh(cov)[0] / 10:
                shift, bend = shift / 2, bend / 2
        change = max(np.abs(shift).max(), np.abs(bend).max())
        mean, cov = mean + shift, _definite(cov + bend)
        if change < 1e-9:
            break
    else:
        raise np.linalg.LinAlgError("no maximum")
    return cov, np.linalg.solve(information / total, scores.T).T


def _scores(values, weights, mean: np.ndarray, cov: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's score of a multivariate normal for the mean and the upper triangle of the covariance
    matrix; and their observed information, summed over the rows with their weights.
    """
    (n, m), here, (one, other) = values.shape, np.isfinite(values), np.triu_indices(values.shape[1])
    half, q = np.where(one == other, 0.5, 1.0), one.size
    place = _symmetric(np.arange(q)[None], m)[0].astype(int)
    scores, level, slope, both, curve = (np.zeros(shape) for shape in ((n, m + q), q, (q, m), (q, q), (q, q)))
    order = np.lexsort(here.T)  # rows with the same gaps lie together
    for rows in np.array_split(order, n * m * m // (1 << 22) + 1):
        there, weight = here[rows], weights[rows, None]
        begin = np.flatnonzero(np.append(True, (there[1:] != there[:-1]).any(axis=1)))
        seen, sizes = there[begin, :, None] & there[begin, None], np.diff(begin, append=len(rows))
        inverse = np.linalg.inv(np.where(seen, cov, 0) + (1 - there[begin, None]) * np.eye(m)) * seen
        pull = np.where(there, values[rows] - mean, 0.0)[..., None]
        pull = (np.repeat(inverse, sizes, axis=0) @ pull)[..., 0]
        inverse, squares = inverse[:, one, other], pull[:, one] * pull[:, other]
        scores[rows] = np.hstack([pull, half * (squares - np.repeat(inverse, sizes, axis=0))])
        amount = np.add.reduceat(weight, begin) * inverse
        level += amount.sum(axis=0)
        slope += inverse.T @ np.add.reduceat(weight * pull, begin)
        both += inverse.T @ amount
        curve += inverse.T @ np.add.reduceat(weight * squares, begin)
    a, b, c, d, k = one, other, one[:, None], other[:, None], np.arange(m)[:, None]
    cross = half * (slope[place[k, a], b] + slope[place[k, b], a])
    inner = -both[place[c, a], place[b, d]] - both[place[c, b], place[a, d]]
    for x, y, z, v in ((c, a, b, d), (c, b, a, d), (d, a, b, c), (d, b, a, c)):
        inner += curve[place[x, y], place[z, v]]
    return scores, np.block([[level[place], cross], [cross.T, half[:, None] * half * inner]])


def _definite(matrices: np.ndarray) -> np.ndarray:
    """Return covariance matrices of standardised columns with no eigenvalue below 1e-7."""
    sizes, ways = np.linalg.eigh(matrices)
    return (ways * sizes.clip(1e-7)[..., None, :]) @ np.swapaxes(ways, -1, -2)


def _symmetric(upper: np.ndarray, m: int) -> np.ndarray:
    """Return symmetric matrices from their upper triangles, one row a matrix."""
    (one, other), full = np.triu_indices(m), np.empty((len(upper), m, m))
    full[:, one, other] = full[:, other, one] = upper
    return full


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
