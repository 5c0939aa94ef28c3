"""What one step of one side adds: beside the others, and among customers who rate the other side alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.methods.drivers.importance import limits
from cxlab.methods.drivers.inputs import check_level, composite_weights, prepare, tidy_blocks
from cxlab.methods.drivers.subsets import bootstrap_covariances
from cxlab.methods.intervals import normal_quantile

__all__ = ["item_correlations", "slopes_by_level", "standardised_slopes"]


def item_correlations(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return each item's plain correlation with the outcome: the naive answer, kept to show why it fails.

    Parameters
    ----------
    data, outcome, blocks, confidence_level
        As in ``relative_importance``.

    Returns
    -------
    DataFrame
        One row an item, strongest first: ``block, item, correlation, low, high`` (Fisher's z). ``attrs``: ``n, dropped``.
    """
    check_level(0, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks)
    matrix = np.corrcoef(ready.values, rowvar=False)[-1, :-1]
    half = normal_quantile(confidence_level) / np.sqrt(max(ready.n - 3, 1))
    z = np.arctanh(np.clip(matrix, -0.999999, 0.999999))
    rows = [(block, item) for block, items in ready.blocks.items() for item in items]
    table = pd.DataFrame(rows, columns=["block", "item"]).assign(
        correlation=matrix, low=np.tanh(z - half), high=np.tanh(z + half)
    )
    table = table.sort_values("correlation", ascending=False, kind="stable", ignore_index=True)
    table.attrs = {"n": ready.n, "dropped": ready.dropped, "outcome": outcome}
    return table


def standardised_slopes(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    weights: str | np.ndarray | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return each block's slope beside the others in standard deviations: of its composite and of the outcome.

    The composite is the mean of the block's standardised items (categories of one question: their fitted part). In this scale slopes can be compared with a
    smallest effect of interest; ``relative_importance`` gives them in units of the outcome.

    Parameters
    ----------
    data, outcome, blocks, weights, bootstrap, confidence_level, rng
        As in ``relative_importance``.

    Returns
    -------
    DataFrame
        Index ``block``; ``slope, low, high`` (percentile limits; composites standardised anew in each resample).
        ``attrs``: ``n, dropped``.
    """
    check_level(bootstrap, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks, weights=weights)
    observed, resampled = bootstrap_covariances(
        ready.values, ready.weights, bootstrap, np.random.default_rng(rng)
    )
    covariances = np.concatenate([observed[None], resampled])
    sd = np.sqrt(np.einsum("bii->bi", covariances))
    correlations = (
        covariances / np.where(sd > 0, sd, np.inf)[:, :, None] / np.where(sd > 0, sd, np.inf)[:, None, :]
    )
    transform = np.zeros((covariances.shape[1], len(ready.groups) + 1))
    scale = ready.values[:, :-1].std(axis=0)
    for block, (group, weight) in enumerate(zip(ready.groups, composite_weights(ready), strict=True)):
        plain = np.allclose(weight, weight[0])
        transform[group, block] = weight if plain else weight * scale[group]
    transform[-1, -1] = 1.0
    small = transform.T @ correlations @ transform
    sd = np.sqrt(np.einsum("bii->bi", small))
    small = small / sd[:, :, None] / sd[:, None, :]
    slopes = np.linalg.solve(small[:, :-1, :-1], small[:, :-1, -1:])[..., 0].T
    low, high = limits(slopes[:, 1:], confidence_level)
    table = pd.DataFrame(
        {"slope": slopes[:, 0], "low": low, "high": high}, index=pd.Index(ready.blocks, name="block")
    )
    table.attrs = {"n": ready.n, "dropped": ready.dropped, "outcome": outcome}
    return table


def slopes_by_level(
    data: pd.DataFrame,
    *,
    outcome: str,
    of: str | Sequence[str],
    given: str | Sequence[str],
    levels: int = 4,
    strata: int = 10,
    standardise: bool = False,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Ask what one point of one side adds among customers who rate the other side alike.

    Parameters
    ----------
    data, outcome, bootstrap, confidence_level, rng
        As in ``relative_importance``.
    of, given : column or columns
        The side whose slope is asked for, and the side that is held alike; each the mean of its items.
    levels : int
        Groups of ``given`` by its quantiles (4: quartiles).
    strata : int
        Finer groups inside which everyone is compared for the last row.
    standardise : bool
        Slopes in standard deviations (of everyone) instead of points.

    Returns
    -------
    DataFrame
        Index ``level``: ``1 (lowest)`` .. ``4 (highest)`` and ``alike`` (inside fine strata, pooled; what is left of ``given`` there is held by a line); ``n, slope, low,
        high`` (units of the outcome per point of ``of``, or standardised), ``given`` (mean of the group). Ties can merge groups.
    """
    check_level(bootstrap, confidence_level)
    sides = tidy_blocks({"of": of, "given": given})
    ready = prepare(data, outcome=outcome, blocks=sides)
    x, held = (ready.values[:, g] @ w for g, w in zip(ready.groups, composite_weights(ready), strict=True))
    y = ready.values[:, -1]
    coarse, fine = (_levels(held, parts) for parts in (levels, strata))
    generator = np.random.default_rng(rng)
    counts = np.vstack(
        [np.ones(ready.n), generator.multinomial(ready.n, np.full(ready.n, 1 / ready.n), size=bootstrap)]
    )
    xy, xx = (_within(counts, x, other, coarse) for other in (y, x))
    slopes = xy / np.where(xx > 1e-12, xx, np.nan)
    xx, xg, gg, xy, gy = (
        _within(counts, one, two, fine).sum(axis=0)
        for one, two in ((x, x), (x, held), (held, held), (x, y), (held, y))
    )
    gg = np.where(gg > 1e-9, gg, np.inf)
    slopes = np.vstack([slopes, (xy - xg * gy / gg) / (xx - xg**2 / gg)])
    if standardise:
        slopes *= x.std() / y.std()
    low, high = limits(slopes[:, 1:], confidence_level)
    groups = int(coarse.max()) + 1
    names = [str(group + 1) for group in range(groups)]
    names[0], names[-1] = f"{names[0]} (lowest)", f"{names[-1]} (highest)"
    table = pd.DataFrame(
        {
            "n": [*np.bincount(coarse), ready.n],
            "slope": slopes[:, 0],
            "low": low,
            "high": high,
            "given": [*(held[coarse == group].mean() for group in range(groups)), held.mean()],
        },
        index=pd.Index([*names, "alike"], name="level"),
    )
    table.attrs = {"n": ready.n, "dropped": ready.dropped, "strata": int(fine.max()) + 1}
    return table


def _levels(values: np.ndarray, parts: int) -> np.ndarray:
    """Quantile groups 0, 1, ...; ties can merge groups, and no group is empty."""
    return np.unique(pd.qcut(values, parts, labels=False, duplicates="drop"), return_inverse=True)[1]


def _within(counts: np.ndarray, x: np.ndarray, y: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Weighted sums of cross products around each group's own means, (groups, draws)."""
    sums = []
    for number in range(int(group.max()) + 1):
        inside = group == number
        a, b, weight = x[inside] - x[inside].mean(), y[inside] - y[inside].mean(), counts[:, inside]
        sums.append(weight @ (a * b) - (weight @ a) * (weight @ b) / np.maximum(weight.sum(axis=1), 1e-12))
    return np.array(sums)
