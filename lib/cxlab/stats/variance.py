"""Whose score is it: the variance of a score, parted among groupings that may be nested or crossed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import generator, percentile_interval


def variance_components(
    data: pd.DataFrame,
    *,
    score: str = "score",
    factors: Sequence[str] = ("organisation", "outlet", "person"),
    bootstrap: int = 200,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
    together: Sequence[str] = (),
) -> pd.DataFrame:
    """Split the variance of a score between grouping factors and the rest.

    Parameters
    ----------
    data : DataFrame
        One row a rated visit: ``score`` and one column a factor.
    factors : list of str
        Grouping columns, coarse first where they are nested; each needs groups of several rows.
    bootstrap : int
        Draws for the intervals (0: none, the limits are missing values).
    together : list of str
        Factors whose sum is wanted as well; its row comes last.

    Returns
    -------
    DataFrame
        ``component`` (the factors, ``residual``, and ``together``); ``variance low high`` (estimates cut at
        0); ``share`` of the total with ``share_low share_high``; ``groups``.

    Raises
    ------
    InputError
        When a factor cannot be told from the others.

    Notes
    -----
    Henderson's method 1 from sums of squares, unbiased for any balance, REML where the design is balanced
    (Searle, Casella & McCulloch 1992). Intervals invert what sampling does to each sum of squares
    (generalised intervals, Weerahandi 1993): each sum, freed of the factors before it, is divided by its
    ratio to expectation in worlds drawn with the estimated components, which for four balanced groups is a
    chi-square with three degrees of freedom. So four organisations get a wide interval that holds the truth.

    Examples
    --------
    >>> yields = pd.DataFrame({"batch": list("AABBCC"), "score": [1.0, 3, 5, 7, 9, 11]})
    >>> variance_components(yields, factors=["batch"], bootstrap=0).variance.tolist()
    [15.0, 2.0]
    """
    factors = list(factors)
    data = data.dropna(subset=[score, *factors])
    if len(data) < 3:
        raise NotEnough(f"only {len(data)} rated visits have every grouping known")
    codes = [pd.factorize(data[factor])[0] for factor in factors]
    y, groups = data[score].to_numpy(float), [int(code.max()) + 1 for code in codes]
    system = _expectations(codes, groups)
    if not (system.max(axis=1) > 0).all() or np.linalg.cond(system / system.max(axis=1, keepdims=True)) > 1e9:
        raise InputError(
            f"factors={factors} cannot be told apart: each needs several groups of several rows that "
            "differ in the other factors; drop the one that repeats another"
        )
    sums = _between(y, codes, groups)
    estimate = np.linalg.solve(system, sums)
    kept = estimate.clip(min=0)
    sets = np.eye(len(kept))
    if together:
        sets = np.vstack([sets, [name in together for name in [*factors, "residual"]]])
    share = sets @ kept / kept.sum() if kept.sum() > 0 else np.full(len(sets), np.nan)
    names = [*factors, "residual", *([" and ".join(together)] if together else [])]
    table = pd.DataFrame(
        {"component": names, "variance": sets @ kept, "low": np.nan, "high": np.nan, "share": share}
    )
    table["share_low"], table["share_high"] = np.nan, np.nan
    table["groups"] = [*groups, len(y), *([0] if together else [])]
    if bootstrap and kept.sum() > 0:
        rng, lower = generator(rng), _lower(system)
        pieces, expected = lower @ sums, lower @ system @ kept
        draws = np.empty((bootstrap, len(kept)))
        for draw in range(bootstrap):
            made = rng.standard_normal(len(y)) * np.sqrt(kept[-1])
            for code, size, variance in zip(codes, groups, kept[:-1], strict=True):
                made += (rng.standard_normal(size) * np.sqrt(variance))[code]
            ratio = lower @ _between(made, codes, groups) / expected
            draws[draw] = np.linalg.solve(lower @ system, pieces / np.maximum(ratio, 1e-9))
        limits = percentile_interval(draws @ sets.T, confidence_level)
        table["low"], table["high"] = (edge.clip(min=0) for edge in limits)
        total = draws.clip(min=0).sum(axis=1, keepdims=True)
        limits = percentile_interval(draws @ sets.T / total, confidence_level)
        table["share_low"], table["share_high"] = (edge.clip(0, 1) for edge in limits)
    return table


def _between(y: np.ndarray, codes: list[np.ndarray], groups: list[int]) -> np.ndarray:
    """Return the sum of squares between the groups of each factor and, last, the total."""
    y = y - y.mean()
    between = [
        (np.bincount(code, y, size) ** 2 / np.bincount(code, minlength=size)).sum()
        for code, size in zip(codes, groups, strict=True)
    ]
    return np.array([*between, (y**2).sum()])


def _lower(system: np.ndarray) -> np.ndarray:
    """Return the matrix that takes out of each sum what the components of the rows before it add (no
    pivoting).
    """
    lower, upper = np.eye(len(system)), system.copy()
    for column in range(len(system) - 1):
        for row in range(column + 1, len(system)):
            step = upper[row, column] / upper[column, column]
            upper[row] -= step * upper[column]
            lower[row] -= step * lower[column]
    return lower


def _expectations(codes: list[np.ndarray], groups: list[int]) -> np.ndarray:
    """Return what each component adds to the expectation of each sum of squares.

    Rows sums, columns components.
    """
    rows = len(codes[0])
    all_of_it = [np.bincount(code, minlength=size) for code, size in zip(codes, groups, strict=True)]
    about_mean = [(count.astype(float) ** 2).sum() / rows for count in all_of_it]
    system = []
    for code, size, count in zip(codes, groups, all_of_it, strict=True):
        line = []
        for other, other_size, mean in zip(codes, groups, about_mean, strict=True):
            keys, both = np.unique(code.astype(np.int64) * other_size + other, return_counts=True)
            inside = np.bincount(keys // other_size, both.astype(float) ** 2, size) / count
            line.append(float(inside.sum() - mean))
        system.append([*line, float(size - 1)])
    return np.array([*system, [*(rows - mean for mean in about_mean), float(rows - 1)]])
