"""Covariances from all rows where answers are missing: EM for a multivariate normal (Dempster et al. 1977).

It assumes that whether an answer is missing depends only on the answers that are there. Rows with the same
gaps are summed up once, and all resamples take each step together: a step of EM, lengthened by how fast EM
converges on the whole sample (a quasi-Newton step; Jamshidian & Jennrich 1997), so that few are needed.
"""

from typing import NamedTuple

import numpy as np


class _Pattern(NamedTuple):
    """Rows with the same gaps: which columns are there and not, and weighted sums, a row a resample."""

    seen: np.ndarray
    gone: np.ndarray
    weight: np.ndarray
    one: np.ndarray
    two: np.ndarray


def em_covariance(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the maximum-likelihood covariance (m, m) of columns with gaps (NaN).

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, np.nan], [4.0, 5.0]])
    >>> em_covariance(x).round(2).tolist()
    [[1.25, 1.43], [1.43, 2.49]]
    """
    return bootstrap_em(values, 0, np.random.default_rng(0), weights)[0]


def bootstrap_em(
    values: np.ndarray, draws: int, rng: np.random.Generator, weights: np.ndarray | None = None, clusters=None
) -> np.ndarray:
    """Return the EM covariance of a sample with gaps and of ``draws`` resamples, shape (1 + draws, m, m)."""
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
