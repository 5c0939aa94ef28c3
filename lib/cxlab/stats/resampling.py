"""One bootstrap for every statistic of a covariance matrix: resample once, compute anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy

import numpy as np
import pandas as pd

from cxlab.stats.lmg import bootstrap_covariances
from cxlab.stats.missing import bootstrap_em


class Covariances:
    """The covariance matrix of a sample (first) and of its bootstrap resamples, shape (1 + draws, m, m).

    Parameters
    ----------
    values : ndarray (n, m)
        Rows; where answers are missing (NaN) the covariances come from all rows by EM.
    draws : int
        Resamples of the rows, or of whole clusters where ``clusters`` names them.
    weights : ndarray (n,), optional
        Survey weights; a resample repeats rows and keeps their weights.
    clusters : array (n,), optional
        Who gave each row; rows of one cluster are drawn together (Field & Welsh 2007).
    rng : int, Generator or None
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

    def of(
        self, statistic: Callable[[np.ndarray], np.ndarray], names: Iterable, level: float = 0.95
    ) -> pd.DataFrame:
        """Return ``estimate low high`` of a statistic (stack of matrices -> names x draws)."""
        return intervals(statistic(self.matrices), names, level)

    def part(self, columns: list[int]) -> Covariances:
        """Return the covariances of some of the columns, in this order."""
        found = copy(self)
        found.matrices = np.ascontiguousarray(self.matrices[:, columns][:, :, columns])
        return found

    def with_mean_last(self, k: int) -> Covariances:
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
    """Return the mean of each column over the answers that are there, (columns, 1 + draws).

    Sample, then resamples.
    """
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
    """Return ``estimate low high``, one row a name.

    Column 0 of ``values`` is the sample, the others its resamples.
    """
    values = np.atleast_2d(np.asarray(values, dtype=float))
    low, high = limits(values[:, 1:], level)
    return pd.DataFrame(
        {"estimate": values[:, 0], "low": low, "high": high}, index=pd.Index(list(names), dtype=object)
    )


def composites(matrices: np.ndarray, groups: list[list[int]], *, standardise: bool) -> np.ndarray:
    """Return the covariances of the groups' mean items and, last, of the last column.

    Shape (draws, k + 1, k + 1).
    """
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
