"""Covariances from all rows where answers are missing: EM for a multivariate normal (Dempster et al. 1977).

It assumes that whether an answer is missing depends only on the answers that are there. Rows with the same
gaps are summed up once, and all resamples take each step together.
"""

from __future__ import annotations

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
    m = values.shape[1]
    start = np.zeros((1, m)), np.eye(m)[None]
    sample = _converge(_patterns(values, base[None]), *start, tolerance=1e-6)
    found = [sample[1]]
    step = max(1, 200_000 // len(values))
    for begin in range(0, draws, step):
        some = counts[begin : begin + step] * base
        first = (np.repeat(part, len(some), axis=0) for part in sample)
        found.append(_converge(_patterns(values, some), *first, tolerance=1e-3)[1])
    return np.concatenate(found) * np.outer(scale, scale)


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


def _converge(patterns, mean, covariance, *, tolerance):
    """Repeat both steps of EM until no entry moves by more than ``tolerance`` standard deviations."""
    total = sum(pattern.weight for pattern in patterns)[:, None]
    for _ in range(200):
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
        mean = first / total
        new = second / total[:, :, None] - mean[:, :, None] * mean[:, None]
        scale = np.sqrt(np.einsum("bii->bi", new).clip(1e-12))
        moved = (np.abs(new - covariance) / scale[:, :, None] / scale[:, None]).max()
        covariance = new
        if moved < tolerance:
            break
    return mean, covariance
