"""Whose score is it: the variance of a score, parted among groupings that may be nested or crossed."""

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
    """Split the variance of a score (one row a rated visit) between grouping columns and the rest.

    Columns: ``component`` (the factors, ``residual``, and last the sum of those named in ``together``);
    ``variance low high`` (cut at 0); ``share`` of the total with ``share_low share_high``; ``groups``. No
    ``bootstrap`` draws, no limits.

    Henderson's method 1 from sums of squares, unbiased for any balance, REML where the design is balanced
    (Searle, Casella & McCulloch 1992). Intervals invert what sampling does to each sum of squares
    (generalised intervals, Weerahandi 1993): each sum, freed of the factors before it, is divided by its
    ratio to expectation in worlds drawn with the estimated components, which for four balanced groups is a
    chi-square with three degrees of freedom. So four organisations get a wide interval that holds the truth.

    >>> yields = pd.DataFrame({"batch": list("AABBCC"), "score": [1.0, 3, 5, 7, 9, 11]})
    >>> variance_components(yields, factors=["batch"], bootstrap=0).variance.tolist()
    [15.0, 2.0]
    """
    factors = list(factors)
    data = data.dropna(subset=[score, *factors])
    if len(data) < 3:
        raise NotEnough(f"only {len(data)} rated visits have every grouping known")
    y, codes = data[score].to_numpy(float), [pd.factorize(data[factor])[0] for factor in factors]
    codes.append(np.arange(len(y)))  # what is left: each visit is a group of its own
    sizes = [np.bincount(code).astype(float) for code in codes]
    system = _expectations(codes, sizes)
    largest = system.max(axis=1, keepdims=True)
    if not (largest > 0).all() or np.linalg.cond(system / largest) > 1e9:
        raise InputError(
            f"factors={factors} cannot be told apart: each needs several groups of several rows that "
            "differ in the other factors; drop the one that repeats another"
        )
    sums = _between(y, codes, sizes)
    kept = np.linalg.solve(system, sums).clip(min=0)
    sets, names = np.eye(len(kept)), [*factors, "residual"]
    if together:
        sets = np.vstack([sets, [name in together for name in names]])
        names.append(" and ".join(together))
    share = sets @ kept / kept.sum() if kept.sum() > 0 else np.nan
    table = pd.DataFrame({"component": names, "variance": sets @ kept, "low": np.nan, "high": np.nan})
    table = table.assign(share=share, share_low=np.nan, share_high=np.nan)
    table["groups"] = [*map(len, sizes), *([0] if together else [])]
    if bootstrap and kept.sum() > 0:
        rng, lower = generator(rng), _lower(system)
        pieces, expected = lower @ sums, lower @ system @ kept
        draws = np.empty((bootstrap, len(kept)))
        for draw in range(bootstrap):
            made = np.zeros(len(y))
            for place in range(-1, len(factors)):
                made += (rng.standard_normal(len(sizes[place])) * np.sqrt(kept[place]))[codes[place]]
            ratio = lower @ _between(made, codes, sizes) / expected
            draws[draw] = np.linalg.solve(lower @ system, pieces / np.maximum(ratio, 1e-9))
        total = draws.clip(min=0).sum(axis=1, keepdims=True)
        limits = percentile_interval(draws @ sets.T, confidence_level)
        table["low"], table["high"] = (edge.clip(min=0) for edge in limits)
        limits = percentile_interval(draws @ sets.T / total, confidence_level)
        table["share_low"], table["share_high"] = (edge.clip(0, 1) for edge in limits)
    return table


def _between(y: np.ndarray, codes: list[np.ndarray], sizes: list[np.ndarray]) -> np.ndarray:
    """Return the sum of squares between the groups of each factor and, last, the total."""
    y = y - y.mean()
    return np.array([(np.bincount(code, y) ** 2 / n).sum() for code, n in zip(codes, sizes, strict=True)])


def _lower(system: np.ndarray) -> np.ndarray:
    """Return the matrix that takes out of each sum what the components of the rows before it add."""
    k = len(system)
    both = np.hstack([system, np.eye(k)])
    for column in range(k - 1):
        both[column + 1 :] -= np.outer(both[column + 1 :, column] / both[column, column], both[column])
    return both[:, k:]


def _expectations(codes: list[np.ndarray], sizes: list[np.ndarray]) -> np.ndarray:
    """Return what each component (column) adds to the expectation of each sum of squares (row)."""
    system = np.empty((len(codes), len(codes)))
    for row, (code, n) in enumerate(zip(codes, sizes, strict=True)):
        for column, (other, m) in enumerate(zip(codes, sizes, strict=True)):
            keys, both = np.unique(code.astype(np.int64) * len(m) + other, return_counts=True)
            inside = np.bincount(keys // len(m), both.astype(float) ** 2, len(n)) / n
            system[row, column] = inside.sum() - (m**2).sum() / len(code)
    return system
