"""Do levels come one after another? Loevinger's H of passes or scores, with intervals by account."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import normal_quantile


class Scalability(NamedTuple):
    """Loevinger's H of the levels, its interval, and the accounts ``n`` with every level known.

    H is 1 when every account climbs in the same order, 0 when the levels have nothing in common. ``items``:
    ``level mean Hi low high``, easiest level first; ``pairs``: H of each pair of levels.
    """

    H: float
    low: float
    high: float
    items: pd.DataFrame
    pairs: pd.DataFrame
    n: int


def scalability(
    levels: pd.DataFrame,
    *,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Scalability:
    """Return Loevinger's H of levels, one row an account and one column a level: 0/1, or scores on one scale.

    H is the sum of the covariances of all pairs of levels over the sum of the greatest that the margins allow
    (Loevinger 1948; Mokken 1971; for scores Molenaar's weighted form). By convention .3 is a weak scale, .4
    medium, .5 strong. Rows with a gap are left out. The limits are symmetric for log(1 - H) with the
    bootstrap's standard error, since near 1 the percentiles of H fall short.

    >>> ladder = pd.DataFrame({"first": [1, 1, 1, 1, 0], "second": [1, 1, 1, 0, 0], "third": [1, 0, 0, 0, 0]})
    >>> scalability(ladder, bootstrap=0).H
    1.0
    """
    x, names = _complete(levels)
    h, hi, hij = _coefficients(*_covariances(x[None]))
    limits = np.full((2, 1 + len(names)), np.nan)
    if bootstrap:
        draws = _resampled(x, int(bootstrap), np.random.default_rng(rng))
        limits = _limits(np.r_[h, hi[0]], np.column_stack(draws), confidence_level)
    items = {"level": names, "mean": x.mean(axis=0), "Hi": hi[0], "low": limits[0, 1:], "high": limits[1, 1:]}
    table = pd.DataFrame(items).sort_values("mean", ascending=False, kind="stable", ignore_index=True)
    pairs = pd.DataFrame(hij[0], index=names, columns=names)
    return Scalability(float(h[0]), float(limits[0, 0]), float(limits[1, 0]), table, pairs, len(x))


def _complete(levels: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    if not isinstance(levels, pd.DataFrame) or levels.shape[1] < 2:
        raise InputError("levels must be a table with one row an account and at least two columns")
    x = levels.dropna().to_numpy(float)
    if len(x) < 3:
        raise NotEnough(f"only {len(x)} of {len(levels)} accounts have every level; at least 3 are needed")
    if (np.ptp(x, axis=0) > 0).sum() < 2:
        raise NotEnough("fewer than two levels vary between accounts, so no order can be seen")
    return x, [str(name) for name in levels.columns]


def _covariances(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances and the greatest that the margins allow, for tables stacked on the first axis."""
    n, means = x.shape[1], x.mean(axis=1)
    centre = means[:, :, None] * means[:, None, :]
    ranked = np.sort(x, axis=1)
    return tuple(np.einsum("bni,bnj->bij", v, v, optimize=True) / n - centre for v in (x, ranked))


def _coefficients(covariance: np.ndarray, greatest: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return H, H of each level, and H of each pair; missing where nothing varies."""
    off = ~np.eye(covariance.shape[-1], dtype=bool)
    c, g = covariance * off, greatest * off
    sums = [(c.sum((-1, -2)), g.sum((-1, -2))), (c.sum(-1), g.sum(-1)), (c, g)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return tuple(np.where(below > 1e-15, above / below, np.nan) for above, below in sums)


def _resampled(x: np.ndarray, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if np.isin(x, (0, 1)).all():  # few patterns: resample their counts
        patterns, counts = np.unique(x, axis=0, return_counts=True)
        weights = rng.multinomial(len(x), counts / len(x), draws) / len(x)
        p, k = weights @ patterns, x.shape[1]
        joint = weights @ (patterns[:, :, None] * patterns[:, None, :]).reshape(len(patterns), -1)
        outer = p[:, :, None] * p[:, None, :]
        greatest = np.minimum(p[:, :, None], p[:, None, :]) - outer
        return _coefficients(joint.reshape(draws, k, k) - outer, greatest)[:2]
    block = max(1, 2_000_000 // x.size)
    sizes = [min(block, draws - start) for start in range(0, draws, block)]
    solved = [_coefficients(*_covariances(x[rng.integers(0, len(x), (size, len(x)))])) for size in sizes]
    return np.concatenate([s[0] for s in solved]), np.concatenate([s[1] for s in solved])


def _limits(estimates: np.ndarray, draws: np.ndarray, level: float) -> np.ndarray:
    """Return limits that are symmetric for log(1 - H); the interval of a perfect order is itself."""
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.maximum(1 - estimates, 1e-12) / 10  # a perfect draw is no infinity
        spread = np.log(np.maximum(1 - draws, least))
        error = np.array([np.nanstd(one) if np.isfinite(one).any() else np.nan for one in spread.T])
        factor = np.exp(normal_quantile(level) * error)
        gap = 1 - estimates
        return np.where(gap > 1e-12, [1 - gap * factor, 1 - gap / factor], estimates)
