"""Staircase patterns: Guttman errors, why reproducibility misleads, and whether passing rises with the other levels."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from .scaling import _binary, _complete

__all__ = ["Reproducibility", "guttman_errors", "monotonicity", "reproducibility"]


class Reproducibility(NamedTuple):
    """Guttman's coefficient of reproducibility, and what it would be without any order (``chance``)."""

    value: float
    chance: float


def guttman_errors(levels: pd.DataFrame) -> pd.Series:
    """Count, per account, the pairs in which a harder level is passed and an easier one is not.

    Parameters
    ----------
    levels : DataFrame of 0/1

    Returns
    -------
    Series
        Whole numbers, index of the complete accounts.

    Examples
    --------
    >>> guttman_errors(pd.DataFrame({"easy": [1, 0, 1], "hard": [0, 1, 1]})).tolist()
    [0, 1, 0]
    """
    x, _, keep = _complete(levels)
    _binary(x)
    sorted_ = x[:, np.argsort(-x.mean(axis=0), kind="stable")]
    failed = np.cumsum(1 - sorted_, axis=1)
    return pd.Series(
        (sorted_ * failed).sum(axis=1).astype(int), index=levels.index[keep], name="guttman_errors"
    )


def reproducibility(levels: pd.DataFrame) -> Reproducibility:
    """Return Guttman's reproducibility beside its value for independent levels with the same pass rates.

    Notes
    -----
    1 - errors / cells, an error being a cell that differs from the perfect pattern with the same number of passes
    (Goodenough-Edwards). Levels of unequal difficulty reproduce well with no order at all: the customary .90 proves
    nothing. The chance value is exact (all patterns) up to 16 levels.
    """
    x, _, _ = _complete(levels)
    _binary(x)
    x = x[:, np.argsort(-x.mean(axis=0), kind="stable")]
    k = x.shape[1]
    if k > 16:
        raise InputError(
            f"levels: {k} columns; the chance value of reproducibility is computed for at most 16 levels"
        )

    def errors(patterns: np.ndarray) -> np.ndarray:
        ideal = np.arange(k) < patterns.sum(axis=1, keepdims=True)
        return (patterns != ideal).mean(axis=1)

    p = x.mean(axis=0)
    patterns = np.array(list(product([0, 1], repeat=k)))
    weight = np.where(patterns == 1, p, 1 - p).prod(axis=1)
    return Reproducibility(float(1 - errors(x).mean()), float(1 - weight @ errors(patterns)))


def monotonicity(levels: pd.DataFrame, *, least: float = 0.03, group_size: int | None = None) -> pd.DataFrame:
    """Check that passing a level becomes more likely the better the other levels stand.

    Parameters
    ----------
    levels : DataFrame
    least : float
        Falls smaller than this are noise (.03 by convention).
    group_size : int, optional
        Smallest rest-score group; by default a tenth of the accounts above 500, a fifth above 250, else a third and
        at least 50 (the rules of the R package mokken).

    Returns
    -------
    DataFrame
        ``level groups falls largest_fall`` for each level; falls counts pairs of groups in which the group with the
        higher rest score passes less often by more than ``least``.
    """
    x, names, _ = _complete(levels)
    n = len(x)
    size = group_size or max(1, n // 10 if n > 500 else n // 5 if n > 250 else max(n // 3, min(50, n)))
    rows = []
    for j, name in enumerate(names):
        rest = np.delete(x, j, axis=1).sum(axis=1)
        means = [x[part, j].mean() for part in _rest_groups(rest, size)]
        falls = [
            means[a] - means[b]
            for a in range(len(means))
            for b in range(a + 1, len(means))
            if means[a] - means[b] > least
        ]
        rows.append((name, len(means), len(falls), max(falls, default=0.0)))
    return pd.DataFrame(rows, columns=["level", "groups", "falls", "largest_fall"])


def _rest_groups(rest: np.ndarray, size: int) -> list[np.ndarray]:
    ranked = np.sort(rest)
    ends: list[int] = []
    while len(ranked) - (ends[-1] if ends else 0) >= size:
        at = (ends[-1] if ends else 0) + size - 1
        if at >= len(ranked):
            break
        ends.append(int(np.searchsorted(ranked, ranked[at], side="right")))
    # The last boundary would leave too small a group behind it: merge.
    if len(ends) > 1 or (ends and ends[-1] < len(ranked)):
        ends = [e for e in ends if len(ranked) - e >= size]
    tops = [ranked[e - 1] for e in ends if e < len(ranked)]
    edges = [-np.inf, *tops, np.inf]
    return [np.flatnonzero((rest > a) & (rest <= b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
