"""Do levels come one after another? Loevinger's H of passes or scores, with intervals by account."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import normal_quantile


class Scalability(NamedTuple):
    """Loevinger's H of the levels, its interval, and the accounts ``n`` with every level known.

    H is 1 when every account climbs in the same order, 0 when the levels have nothing in common. ``items``:
    ``level mean Hi low high``, easiest level first.
    """

    H: float
    low: float
    high: float
    items: pd.DataFrame
    n: int


def scalability(
    levels: pd.DataFrame, *, bootstrap: int = 1000, confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Scalability:  # fmt: skip
    """Return Loevinger's H of levels, one row an account and one column a level: 0/1, or scores on one scale.

    H is the sum of the covariances of all pairs of levels over the sum of the greatest that the margins allow
    (Loevinger 1948; Mokken 1971; for scores Molenaar's weighted form). By convention .3 is a weak scale, .4
    medium, .5 strong. Rows with a gap are left out. The limits are symmetric for log(1 - H) with the
    bootstrap's standard error, since near 1 the percentiles of H fall short.

    >>> ladder = pd.DataFrame({"first": [1, 1, 1, 1, 0], "second": [1, 1, 1, 0, 0], "third": [1, 0, 0, 0, 0]})
    >>> scalability(ladder, bootstrap=0).H
    1.0
    """
    x = levels.dropna().to_numpy(float)
    if x.shape[1] < 2:
        raise InputError("levels must be a table with one row an account and at least two columns")
    if len(x) < 3:
        raise NotEnough(f"only {len(x)} of {len(levels)} accounts have every level; at least 3 are needed")
    if (np.ptp(x, axis=0) > 0).sum() < 2:
        raise NotEnough("fewer than two levels vary between accounts, so no order can be seen")
    random, block = np.random.default_rng(rng), max(1, 2_000_000 // x.size)
    sizes = [min(block, bootstrap - start) for start in range(0, bootstrap, block)]
    found = _coefficients(x[None])[0]
    drawn = [_coefficients(x[random.integers(0, len(x), (size, len(x)))]) for size in sizes]
    low, high = _limits(found, np.vstack(drawn or [np.empty((0, len(found)))]), confidence_level)
    items = {"level": levels.columns.astype(str), "mean": x.mean(axis=0), "Hi": found[1:]}
    table = pd.DataFrame(items | {"low": low[1:], "high": high[1:]})
    table = table.sort_values("mean", ascending=False, kind="stable", ignore_index=True)
    return Scalability(float(found[0]), float(low[0]), float(high[0]), table, len(x))


def _coefficients(x: np.ndarray) -> np.ndarray:
    """Return H of all levels and of each, (tables, 1 + levels), for tables stacked on the first axis."""
    (_, n, k), means, sums = x.shape, x.mean(axis=1), []
    for values in (x, np.sort(x, axis=1)):  # the covariances, and the greatest that the margins allow
        covariance = values.transpose(0, 2, 1) @ values / n - means[:, :, None] * means[:, None, :]
        each = (covariance * ~np.eye(k, dtype=bool)).sum(axis=2)
        sums.append(np.column_stack([each.sum(axis=1), each]))
    found, greatest = sums
    return np.divide(found, greatest, out=np.full_like(found, np.nan), where=greatest > 1e-15)


def _limits(estimates: np.ndarray, draws: np.ndarray, level: float) -> np.ndarray:
    """Return limits that are symmetric for log(1 - H); the interval of a perfect order is itself."""
    gap = 1 - estimates
    spread = np.log(np.maximum(1 - draws, np.maximum(gap, 1e-12) / 10))  # a perfect draw is no infinity
    factor = np.exp(normal_quantile(level) * pd.DataFrame(spread).std(ddof=0).to_numpy())
    return np.where(gap > 1e-12, [1 - gap * factor, 1 - gap / factor], estimates)
