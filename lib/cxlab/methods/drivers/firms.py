"""Between firms and within firms: two questions that one pooled number mixes up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.drivers.importance import limits
from cxlab.methods.drivers.inputs import check_level, prepare
from cxlab.methods.drivers.subsets import shapley_r2

__all__ = ["Simpson", "between_within", "simpson_check"]


class Simpson(NamedTuple):
    """A pooled correlation beside the one inside groups.

    Attributes
    ----------
    pooled, pooled_low, pooled_high : float
    within, within_low, within_high : float
        After each group's mean is taken out.
    reversed : bool
        The two have opposite signs and both intervals exclude 0.
    units, groups : int
    """

    pooled: float
    pooled_low: float
    pooled_high: float
    within: float
    within_low: float
    within_high: float
    reversed: bool
    units: int
    groups: int


def between_within(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    firm: str,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split an outcome between firms, within firms, and pooled, with firms as the units of the bootstrap.

    *Between* compares the firms' means (one vote a firm): do firms that are better at it do better? *Within*
    takes each firm's mean out: do customers or waves that rate it higher than usual for that firm? Only between
    speaks to what differentiates firms, and it takes many firms.

    Parameters
    ----------
    data : DataFrame
        One row a respondent, or a firm in a wave.
    outcome, blocks, bootstrap, confidence_level, rng
        As in ``relative_importance``; a block is the mean of its columns in their own units.
    firm : str
        The column that names the firm; at least 5 firms.

    Returns
    -------
    DataFrame
        One row a view and block: ``view`` (pooled, between, within), ``block, slope, slope_low, slope_high, share, low,
        high, spread``. The within view is NaN where every firm has one row. ``attrs``: ``firms, n, dropped`` and ``icc``
        (block -> estimate, low, high): the part of a block's variance that lies between firms, with
        Searle's limits from the F distribution.

    References
    ----------
    Raudenbush & Bryk 2002 (ch. 5) on between and within; ICC(1) from one-way analysis of variance.
    """
    check_level(bootstrap, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks)
    if firm not in data.columns:
        raise InputError(f"firm: the data have no column {firm!r}")
    code, firms = pd.factorize(data.loc[ready.index, firm], sort=True)
    named = code >= 0
    if len(firms) < 5:
        raise InputError(f"firm: {len(firms)} firms are too few to compare firms; at least 5, better 30")
    values = np.column_stack([ready.values[:, g].mean(axis=1) for g in ready.groups] + [ready.values[:, -1]])[
        named
    ]
    values, code = values - values.mean(axis=0), code[named]
    size = np.bincount(code).astype(float)
    m = values.shape[1]
    total = np.stack([np.bincount(code, weights=column) for column in values.T], axis=1)
    means = total / size[:, None]
    products = np.zeros((len(firms), m, m))
    np.add.at(products, code, values[:, :, None] * values[:, None, :])
    generator = np.random.default_rng(rng)
    k = len(firms)
    draws = generator.multinomial(k, np.full(k, 1 / k), size=bootstrap)
    counts = np.vstack([np.ones(k), draws]).astype(float)
    rows_drawn = (counts @ size)[:, None, None]
    scatter = np.einsum("bk,kij->bij", counts, products)
    within = np.einsum(
        "bk,kij->bij", counts, products - size[:, None, None] * means[:, :, None] * means[:, None, :]
    )
    grand = (counts @ total) / rows_drawn[..., 0]
    pooled = scatter / rows_drawn - grand[:, :, None] * grand[:, None, :]
    centre = counts @ means / k
    between = np.einsum("bk,ki,kj->bij", counts, means, means) / k - centre[:, :, None] * centre[:, None, :]
    names, rows = list(ready.blocks), []
    freedom = {"pooled": len(values) - 1, "between": k - 1, "within": len(values) - k}
    for view, matrices, scale in (
        ("pooled", pooled, len(values)),
        ("between", between, k),
        ("within", within, 1),
    ):
        spread = np.sqrt(np.maximum(np.diag(matrices[0])[:-1] * scale / max(freedom[view], 1), 0))
        rows += _rows(view, names, matrices, spread, confidence_level, usable=freedom[view] > m)
    columns = ["view", "block", "slope", "slope_low", "slope_high", "share", "low", "high", "spread"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs = {
        "firms": k,
        "n": len(values),
        "dropped": len(data) - len(values),
        "icc": _intraclass(names, products, size, means, confidence_level),
    }
    return table


def simpson_check(
    data: pd.DataFrame,
    *,
    first: str,
    second: str,
    group: str,
    unit: str | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Simpson:
    """Ask whether a correlation over everything turns round inside groups (Simpson 1951).

    Parameters
    ----------
    data : DataFrame
    first, second : str
        Two numeric columns.
    group : str
        For instance the industry.
    unit : str, optional
        What is resampled, and averaged first: for instance the firm. Rows when left out.
    bootstrap, confidence_level, rng
        As in ``relative_importance``.

    Returns
    -------
    Simpson
    """
    check_level(bootstrap, confidence_level)
    for name, value in (("first", first), ("second", second), ("group", group), ("unit", unit)):
        if value is not None and value not in data.columns:
            raise InputError(f"{name}: the data have no column {value!r}")
    table = data[[column for column in dict.fromkeys([first, second, group, unit]) if column]].dropna()
    if unit is not None:
        table = table.groupby([unit, group], as_index=False)[[first, second]].mean()
    code, groups = pd.factorize(table[group], sort=True)
    if len(table) < 5:
        raise InputError(f"data: {len(table)} units are too few for a correlation; at least 5")
    values = table[[first, second]].to_numpy(dtype=float)
    values = values - values.mean(axis=0)
    k, g = len(values), len(groups)
    generator = np.random.default_rng(rng)
    counts = np.vstack([np.ones(k), generator.multinomial(k, np.full(k, 1 / k), size=bootstrap)])
    three = np.stack([values[:, 0] ** 2, values[:, 1] ** 2, values[:, 0] * values[:, 1]], axis=1)
    sums, linear = counts @ three, counts @ values
    pooled = _correlation(sums, linear, counts.sum(axis=1))
    inside = np.zeros_like(sums)
    for number in range(g):
        mine = code == number
        weight, part = counts[:, mine].sum(axis=1), counts[:, mine] @ values[mine]
        weight = np.maximum(weight, 1e-12)
        minus = (
            np.stack([part[:, 0] ** 2, part[:, 1] ** 2, part[:, 0] * part[:, 1]], axis=1) / weight[:, None]
        )
        inside += counts[:, mine] @ three[mine] - minus
    within = inside[:, 2] / np.sqrt(
        np.where(inside[:, 0] * inside[:, 1] > 0, inside[:, 0] * inside[:, 1], np.nan)
    )
    (pooled_low, within_low), (pooled_high, within_high) = limits(
        np.stack([pooled[1:], within[1:]]), confidence_level
    )
    turned = bool(pooled_low > 0 > within_high or pooled_high < 0 < within_low)
    ends = (
        float(pooled[0]),
        float(pooled_low),
        float(pooled_high),
        float(within[0]),
        float(within_low),
        float(within_high),
    )
    return Simpson(*ends, turned, k, g)


def _correlation(sums: np.ndarray, linear: np.ndarray, total: np.ndarray) -> np.ndarray:
    a = sums[:, 0] - linear[:, 0] ** 2 / total
    b = sums[:, 1] - linear[:, 1] ** 2 / total
    return (sums[:, 2] - linear[:, 0] * linear[:, 1] / total) / np.sqrt(np.where(a * b > 0, a * b, np.nan))


def _rows(view, names, matrices, spread, confidence_level, usable):
    if not usable or not (np.diag(matrices[0]) > 1e-12).all():
        return [(view, name, *[np.nan] * 7) for name in names]
    raw = shapley_r2(matrices, [[i] for i in range(len(names))])
    total = raw.sum(axis=0)
    share = raw / np.where(total > 1e-12, total, np.nan)
    square = matrices[:, :-1, :-1]
    steady = square + 1e-12 * np.trace(square, axis1=1, axis2=2)[:, None, None] * np.eye(len(names))
    slope = np.linalg.solve(steady, matrices[:, :-1, -1:])[..., 0].T
    (slope_low, slope_high), (low, high) = (limits(part[:, 1:], confidence_level) for part in (slope, share))
    return [
        (view, name, slope[i, 0], slope_low[i], slope_high[i], share[i, 0], low[i], high[i], spread[i])
        for i, name in enumerate(names)
    ]


def _intraclass(names, products, size, means, confidence_level):
    """ICC(1) of each block, (MSB - MSW) / (MSB + (n0 - 1) MSW), with Searle's F limits."""
    from scipy import stats

    k, n = len(size), size.sum()
    n0 = (n - (size**2).sum() / n) / (k - 1)
    tail = (1 - confidence_level) / 2
    found = {}
    for place, name in enumerate(names):
        within = (products[:, place, place] - size * means[:, place] ** 2).sum()
        between = (size * means[:, place] ** 2).sum() - (size * means[:, place]).sum() ** 2 / n
        if n <= k or within <= 0:
            found[name] = (float("nan"), float("nan"), float("nan"))
            continue
        ratio = (between / (k - 1)) / (within / (n - k))
        ratios = [ratio, *(ratio / stats.f.ppf(level, k - 1, n - k) for level in (1 - tail, tail))]
        found[name] = tuple(float((value - 1) / (value + n0 - 1)) for value in ratios)
    return found
