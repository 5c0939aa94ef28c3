"""Agreement of raters (Krippendorff's alpha, shares of labels) and order of levels (Loevinger's H).

Alpha takes out the agreement that guessing with the same label frequencies would give. With one label far
more frequent than the others it is low though people mostly agree: the raw agreement stands beside it. The
bootstrap over statements is too narrow with few of them (it covers 83 to 89 % at 12, 93 % at 30).

H tells whether levels come one after another, from passes or scores, with intervals by account.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import normal_quantile, percentile_interval, wilson


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
    bootstrap's standard error, since near 1 the percentiles of H fall short; a perfect order has H alone.

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
    gap, drawn = 1 - found, np.vstack([np.empty((0, len(found))), *drawn])
    spread = np.log(np.maximum(1 - drawn, np.maximum(gap, 1e-12) / 10))  # a perfect draw is no infinity
    factor = np.exp(normal_quantile(confidence_level) * pd.DataFrame(spread).std(ddof=0).to_numpy())
    low, high = np.where(gap > 1e-12, [1 - gap * factor, 1 - gap / factor], found)
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


class Alpha(NamedTuple):
    """Agreement: ``estimate`` (1 perfect, 0 chance), limits, the ``raw`` share of equal pairs, counts."""

    estimate: float
    low: float
    high: float
    raw: float
    raters: int
    statements: int


def krippendorff_alpha(
    ratings: Any, *, level: str = "nominal", bootstrap: int = 1000, confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 1,
) -> Alpha:  # fmt: skip
    """Measure how far raters agree beyond chance (Krippendorff 2004, ch. 11; Hayes & Krippendorff 2007).

    ``ratings`` has one row a rater, one column a statement; gaps are left out, words are allowed for the
    nominal level. ``level`` says how a disagreement counts: any the same, by the ranks between ("ordinal"),
    by the squared distance ("interval"). The interval resamples statements. The estimate is not-a-number
    where one label only was ever given: nothing shows whether the raters can tell two things apart.

    >>> round(krippendorff_alpha([[1, 2, 3, 1], [1, 2, 3, 2]]).estimate, 3)
    0.667
    """
    if level not in ("nominal", "ordinal", "interval"):
        raise InputError(f"level={level!r} must be one of nominal, ordinal, interval")
    table = pd.DataFrame(ratings)
    if level != "nominal":
        try:
            table = table.astype(float)
        except (TypeError, ValueError) as fault:
            raise InputError(f"ratings hold words; level={level!r} needs numbers") from fault
    codes, values = pd.factorize(table.to_numpy().ravel(), sort=level != "nominal")
    codes = codes.reshape(table.shape)
    codes = codes[:, (codes >= 0).sum(axis=0) >= 2]
    if not codes.size:
        raise InputError("ratings hold no statement with two labels: agreement needs two raters on one")
    # One matrix a statement: ordered pairs of labels, weighted by 1 / (labels given - 1).
    k, n = len(values), codes.shape[1]
    counts = (codes[:, :, None] == np.arange(k)).sum(axis=0).astype(float)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(k)
    units = pairs / (counts.sum(axis=1) - 1)[:, None, None]
    total = units.sum(axis=0)
    kinds, counted = np.unique(units.reshape(n, -1), axis=0, return_counts=True)
    times = np.random.default_rng(rng).multinomial(n, counted / n, size=bootstrap)
    draws = _alpha((times @ kinds).reshape(bootstrap, k, k), values, level)
    estimate, ends = _alpha(total[None], values, level)[0], percentile_interval(draws, confidence_level)
    raw, raters = np.trace(total) / total.sum(), (codes >= 0).any(axis=1).sum()
    return Alpha(float(estimate), *map(float, ends), float(raw), int(raters), n)


def _alpha(sums: np.ndarray, values: np.ndarray, level: str) -> np.ndarray:
    """Alpha of each coincidence matrix of a stack; the expected disagreement is computed anew for each."""
    totals = sums.sum(axis=2)
    n = totals.sum(axis=1)
    if level == "nominal":
        distance = 1 - np.eye(len(values))
    else:
        places = values if level == "interval" else np.cumsum(totals, axis=1) - totals / 2
        distance = (places[..., :, None] - places[..., None, :]) ** 2
    observed = (sums * distance).sum(axis=(1, 2)) / n
    expected = (totals[:, :, None] * totals[:, None, :] * distance).sum(axis=(1, 2)) / (n * (n - 1))
    return 1 - np.divide(observed, expected, out=np.full_like(expected, np.nan), where=expected > 0)


def label_share(
    ratings: pd.DataFrame, labels: Collection[Any], confidence_level: float = 0.95
) -> tuple[float, float, float, int]:
    """Return the share of some labels, its limits, and how many labels were given.

    One row a rater, one column a statement. One rater's labels hang together: the interval is Wilson's on the
    number of labels whose binomial variance equals the observed variance between raters, at least the number
    of raters and at most the number of labels.
    """
    ratings = ratings[ratings.notna().any(axis=1)]
    given, hits = ratings.notna().sum(axis=1), ratings.isin(list(labels)).sum(axis=1)
    n, raters = int(given.sum()), len(given)
    if not n:
        raise InputError("ratings hold no label for these statements: has the form been filled in?")
    share = float(hits.sum() / n)
    effective = n if 0 < share < 1 and raters > 1 else raters
    between = float((hits / given).var()) if raters > 1 else 0.0
    if between > 0:
        effective = min(max(share * (1 - share) / (between / raters), raters), n)
    low, high = wilson(share * effective, effective, confidence_level)
    return share, float(low), float(high), n


def wide(ratings: pd.DataFrame, form: str = "") -> pd.DataFrame:
    """Turn ``rater statement label`` into one row a rater and one column a statement.

    ``form`` keeps statements whose name is this letter and a number, such as ``"s"`` for ``s01``.
    """
    rows = ratings[ratings["statement"].astype(str).str.fullmatch(rf"{form}\d+")] if form else ratings
    if rows.empty or rows["label"].isna().all():
        raise InputError(f"ratings hold no label for the form {form!r}: has it been filled in?")
    return rows.pivot(index="rater", columns="statement", values="label")
