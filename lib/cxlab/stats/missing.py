"""Means and covariances from all rows where answers are missing: EM for a multivariate normal."""

from __future__ import annotations

import numpy as np


class Patterns:
    """The rows of a table with gaps, grouped by which columns are there, so that EM costs one solve a
    pattern.

    Parameters
    ----------
    values : ndarray (n, m)
        NaN where an answer is missing; rows without any answer are left out.
    """

    def __init__(self, values: np.ndarray):
        there = np.isfinite(values)
        self.rows = there.any(axis=1)
        values, there = values[self.rows], there[self.rows]
        self.n, self.m = values.shape
        self.filled = np.where(there, values, 0.0)
        kinds, self.kind = np.unique(there, axis=0, return_inverse=True)
        self.kinds = [np.flatnonzero(kind) for kind in kinds]
        self.members = [np.flatnonzero(self.kind == i) for i in range(len(kinds))]

    def _sums(self, weights: np.ndarray) -> list[tuple[float, np.ndarray, np.ndarray]]:
        """Return for each pattern the weight, the weighted sum and the weighted cross products of its
        answers.
        """
        found = []
        for seen, rows in zip(self.kinds, self.members, strict=True):
            part, weight = self.filled[np.ix_(rows, seen)], weights[rows]
            found.append((float(weight.sum()), weight @ part, (part * weight[:, None]).T @ part))
        return found

    def covariance(
        self, weights: np.ndarray | None = None, start: tuple[np.ndarray, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (m,) and covariance (m, m): the maximum-likelihood estimate by EM (Dempster et al.
        1977).

        It assumes that answers are missing at random given the answers that are there. ``weights`` are counts
        or survey weights of the rows; ``start`` is a first guess, such as the estimate of the whole sample.
        """
        weights = np.ones(self.n) if weights is None else weights
        sums, total = self._sums(weights), float(weights.sum())
        mean, covariance = self._first(weights) if start is None else start
        for _ in range(200):
            first, second = np.zeros(self.m), np.zeros((self.m, self.m))
            for seen, (weight, one, two) in zip(self.kinds, sums, strict=True):
                if not weight:
                    continue
                gone = np.setdiff1d(np.arange(self.m), seen)
                inner = covariance[np.ix_(seen, seen)] + 1e-10 * np.eye(len(seen))
                slope = np.linalg.solve(inner, covariance[np.ix_(seen, gone)])
                fill = np.zeros((self.m, len(seen)))
                fill[seen, np.arange(len(seen))] = 1.0
                fill[gone] = slope.T
                constant = np.zeros(self.m)
                constant[gone] = mean[gone] - mean[seen] @ slope
                full = fill @ one
                first += full + weight * constant
                cross = np.outer(full, constant)
                second += fill @ two @ fill.T + cross + cross.T + weight * np.outer(constant, constant)
                residual = covariance[np.ix_(gone, gone)] - covariance[np.ix_(gone, seen)] @ slope
                second[np.ix_(gone, gone)] += weight * residual
            new_mean = first / total
            new = second / total - np.outer(new_mean, new_mean)
            scale = np.sqrt(np.diag(new).clip(1e-12))
            moved = np.abs((new - covariance) / np.outer(scale, scale)).max()
            mean, covariance = new_mean, new
            if moved < 1e-5:
                break
        return mean, covariance

    def _first(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        there = np.zeros((self.n, self.m))
        for seen, rows in zip(self.kinds, self.members, strict=True):
            there[np.ix_(rows, seen)] = 1.0
        count = (there * weights[:, None]).sum(axis=0)
        mean = (self.filled * weights[:, None]).sum(axis=0) / count
        centred = (self.filled - mean) * there
        return mean, np.diag(((centred**2) * weights[:, None]).sum(axis=0) / count)


def bootstrap_em(
    values: np.ndarray, draws: int, rng: np.random.Generator, weights: np.ndarray | None = None, clusters=None
) -> np.ndarray:
    """Return the EM covariance of a sample with gaps and of ``draws`` resamples, shape (1 + draws, m, m)."""
    patterns = Patterns(values)
    base = np.ones(patterns.n) if weights is None else np.asarray(weights, float)[patterns.rows]
    groups = np.arange(patterns.n) if clusters is None else np.unique(
        np.asarray(clusters).astype(str)[patterns.rows], return_inverse=True
    )[1]  # fmt: skip
    size = int(groups.max()) + 1
    sample = patterns.covariance(base)
    found = [sample[1]]
    for _ in range(draws):
        counts = np.bincount(rng.integers(0, size, size), minlength=size)[groups]
        found.append(patterns.covariance(base * counts, start=sample)[1])
    return np.array(found)
