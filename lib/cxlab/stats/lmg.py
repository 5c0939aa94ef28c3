"""R2 of every subset of blocks, for many covariance matrices at once: the engine under the shares.

A Schur complement removes one variable from a covariance matrix. Walking through the variables once and
keeping both the matrix 'without' and the matrix 'with' each block doubles the number of matrices at every
block while they shrink, so all 2^k subsets cost O(2^k) in total instead of 2^k fits. Subset and bootstrap
draw share the long axis, in pieces that stay in the processor's cache.
"""

from collections.abc import Sequence
from math import comb

import numpy as np

_LONG_AXIS = 1 << 17
_PIVOT = 1e-10


def bootstrap_covariances(
    values: np.ndarray, weights: np.ndarray | None, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance matrix (m, m) of the columns, and those of ``draws`` resamples of the rows.

    One matrix product (resampling counts times the products of the columns) replaces ``draws`` passes over
    the rows. A resample keeps the weights of the rows that it repeats; covariances are divided by the sum of
    the weights, not by n - 1 (R2 does not care).
    """
    n, m = values.shape
    rows, columns = np.triu_indices(m)
    centred = values - np.average(values, axis=0, weights=weights)
    scale = np.sqrt(np.average(centred**2, axis=0, weights=weights))
    scale[scale == 0] = 1.0
    centred = centred / scale
    moments = np.hstack([centred[:, rows] * centred[:, columns], centred, np.ones((n, 1))])
    if weights is not None:
        moments *= weights[:, None]
    totals = np.empty((draws + 1, moments.shape[1]))
    totals[0] = moments.sum(axis=0)
    step = max(1, (1 << 22) // n)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        picks = rng.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
        counts = np.bincount(picks.ravel(), minlength=size * n).reshape(size, n)
        totals[1 + start : 1 + start + size] = counts.astype(float) @ moments
    total = totals[:, -1:]
    means = totals[:, len(rows) : -1] / total
    upper = totals[:, : len(rows)] / total - means[:, rows] * means[:, columns]
    full = np.empty((draws + 1, m, m))
    full[:, rows, columns] = upper * (scale[rows] * scale[columns])
    full[:, columns, rows] = full[:, rows, columns]
    return full[0], full[1:]


def subset_r2(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return R2 of the last column on every subset of the groups of columns, (2**k, draws).

    Every column but the last stands in exactly one of the k groups. Row s holds the subset whose members are
    the set bits of s (bit 0 = first group).
    """
    draws = len(covariances)
    step = max(1, _LONG_AXIS >> len(groups))
    result = np.empty((1 << len(groups), draws))
    for start in range(0, draws, step):
        piece = covariances[start : start + step]
        result[:, start : start + step] = _leaf(
            _triangle(piece, groups), [len(g) for g in groups], len(piece)
        )
    return result


def shapley_r2(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the Shapley value (LMG) of each group for R2: the mean gain over all orders of entry.

    Parameters are those of ``subset_r2``; the result is an ndarray (k, draws) whose columns sum to R2.
    """
    k, draws = len(groups), len(covariances)
    gain = np.array([1.0 / (k * comb(k - 1, size)) for size in range(k)] + [0.0])
    step = max(1, _LONG_AXIS >> k)
    result = np.empty((k, draws))
    for start in range(0, draws, step):
        piece = covariances[start : start + step]
        sizes = [len(group) for group in groups]
        inside, _, outside = _fold(_triangle(piece, groups), sizes, len(piece), gain, 0)
        result[:, start : start + step] = inside - outside
    return result


def relative_weights(correlations: np.ndarray) -> np.ndarray:
    """Return the part of R2 of each column but the last, (draws, k): close to LMG, for any number of columns.

    Correlated columns are replaced by the nearest uncorrelated ones (Johnson 2000).
    """
    values, vectors = np.linalg.eigh(correlations[:, :-1, :-1])
    root = (vectors * np.sqrt(values.clip(1e-12))[:, None]) @ vectors.transpose(0, 2, 1)
    beta = np.linalg.solve(root, correlations[:, :-1, -1:])
    return (root**2 @ beta**2)[..., 0]


def _triangle(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Upper rows of the correlation matrices in the order of the groups, draw on the long (last) axis."""
    order = [column for group in groups for column in group] + [covariances.shape[1] - 1]
    sd = np.sqrt(np.maximum(np.einsum("bii->bi", covariances), 0.0))
    sd[sd == 0] = np.inf
    scaled = covariances / sd[:, :, None] / sd[:, None, :]
    scaled = np.ascontiguousarray(scaled[:, order][:, :, order].transpose(1, 2, 0))
    return [scaled[row, row:] for row in range(len(order))]


def _sweep(triangle: list[np.ndarray]) -> list[np.ndarray]:
    """Remove the first variable: what the others keep once it is held constant."""
    pivot = triangle[0][0]
    usable = pivot > _PIVOT
    factor = triangle[0][1:] * np.where(usable, 1.0 / np.where(usable, pivot, 1.0), 0.0)
    return [row - triangle[0][1 + r] * factor[r:] for r, row in enumerate(triangle[1:])]


def _split(triangle: list[np.ndarray], size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    inside = triangle
    for _ in range(size):
        inside = _sweep(inside)
    return triangle[size:], inside


def _leaf(triangle: list[np.ndarray], sizes: Sequence[int], draws: int) -> np.ndarray:
    for size in sizes:
        without, inside = _split(triangle, size)
        triangle = [np.concatenate(pair, axis=1) for pair in zip(without, inside, strict=True)]
    return 1.0 - triangle[0][0].reshape(1 << len(sizes), draws)


def _fold(triangle, sizes, draws, gain, entered):
    """Sums over subsets: of the blocks inside (one row a block), of all, and of all as 'not yet inside'."""
    if len(sizes) > 17:
        without, inside = _split(triangle, sizes[0])
        sums_out, all_out, outside_out = _fold(without, sizes[1:], draws, gain, entered)
        sums_in, all_in, outside_in = _fold(inside, sizes[1:], draws, gain, entered + 1)
        return np.vstack([all_in[None], sums_out + sums_in]), all_out + all_in, outside_out + outside_in
    r2 = _leaf(triangle, sizes, draws)
    members = np.zeros(1, dtype=np.int64)
    for _ in sizes:
        members = np.concatenate([members, members + 1])
    members += entered
    outside = gain[members] @ r2
    both = gain[members] + np.where(members > 0, gain[members - 1], 0.0)
    r2 *= both[:, None]
    inside = np.empty((len(sizes), draws))
    for block in reversed(range(len(sizes))):
        half = len(r2) // 2
        inside[block] = r2[half:].sum(axis=0)
        r2 = r2[:half] + r2[half:]
    return inside, r2[0], outside
