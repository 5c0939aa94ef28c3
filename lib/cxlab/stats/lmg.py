"""R2 of every subset of blocks, for many covariance matrices at once: the engine under the shares.

A Schur complement removes one variable from a covariance matrix. Walking through the blocks once, keeping
the matrices both without and with each, doubles their number while they shrink, so all 2^k subsets cost
O(2^k) in total instead of 2^k fits. Draws share the long axis, in pieces that stay in the processor's cache.
"""

from collections.abc import Iterator, Sequence
from math import comb

import numpy as np

_LONG_AXIS = 1 << 17
_PIVOT = 1e-10


def subset_r2(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return R2 of the last column on every subset of the groups of columns, (2**k, draws).

    Every column but the last stands in exactly one of the k groups. Row s holds the subset whose members are
    the set bits of s (bit 0 = first group).
    """
    result = np.empty((1 << len(groups), len(covariances)))
    for piece, r2 in _pieces(covariances, groups):
        result[:, piece] = r2
    return result


def shapley_r2(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the Shapley value (LMG) of each group for R2: the mean gain over all orders of entry.

    Parameters are those of ``subset_r2``; the result is an ndarray (k, draws) whose columns sum to R2.
    """
    k = len(groups)
    chance = np.array([1.0 / (k * comb(k - 1, size)) for size in range(k)])  # to enter after so many others
    size = np.array([subset.bit_count() for subset in range(1 << k)])
    outside, inside = np.append(chance, 0.0)[size], np.append(0.0, chance)[size]
    result = np.empty((k, len(covariances)))
    for piece, r2 in _pieces(covariances, groups):
        result[:, piece] = -(outside @ r2)
        r2 *= (outside + inside)[:, None]
        for group in reversed(range(k)):
            without, within = np.split(r2, 2)
            result[group, piece] += within.sum(axis=0)
            r2 = without + within
    return result


def relative_weights(correlations: np.ndarray) -> np.ndarray:
    """Return the part of R2 of each column but the last, (draws, k): close to LMG, for any number of columns.

    Correlated columns are replaced by the nearest uncorrelated ones (Johnson 2000).
    """
    values, vectors = np.linalg.eigh(correlations[:, :-1, :-1])
    root = (vectors * np.sqrt(values.clip(1e-12))[:, None]) @ vectors.transpose(0, 2, 1)
    beta = np.linalg.solve(root, correlations[:, :-1, -1:])
    return (root**2 @ beta**2)[..., 0]


def _pieces(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield some of the draws and R2 of every subset in them."""
    order = [column for group in groups for column in group] + [covariances.shape[1] - 1]
    sd = np.sqrt(np.maximum(np.einsum("bii->bi", covariances), 0.0))
    sd[sd == 0] = np.inf
    step = max(1, _LONG_AXIS >> len(groups))
    for start in range(0, len(covariances), step):
        piece = slice(start, start + step)
        scaled = covariances[piece] / sd[piece, :, None] / sd[piece, None, :]
        scaled = np.ascontiguousarray(scaled[:, order][:, :, order].transpose(1, 2, 0))
        triangle = [scaled[row, row:] for row in range(len(order))]
        for group in groups:
            within = triangle
            for _ in group:
                within = _without_first(within)
            pairs = zip(triangle[len(group) :], within, strict=True)
            triangle = [np.concatenate(pair, axis=1) for pair in pairs]
        yield piece, 1.0 - triangle[0][0].reshape(1 << len(groups), -1)


def _without_first(triangle: list[np.ndarray]) -> list[np.ndarray]:
    """Return the upper rows that are left once the first variable is held constant."""
    pivot = triangle[0][0]
    usable = pivot > _PIVOT
    factor = triangle[0][1:] * np.where(usable, 1.0 / np.where(usable, pivot, 1.0), 0.0)
    return [row - triangle[0][1 + r] * factor[r:] for r, row in enumerate(triangle[1:])]
