"""Rates of many outlets, fairly judged: shrunk, ranked, held against limits and against held-out visits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import benjamini_hochberg, generator, normal_quantile, percentile_interval


class Common(NamedTuple):
    """What is known of the distribution that all rates come from: points of Beta(a, b) and their weights."""

    a: np.ndarray
    b: np.ndarray
    weight: np.ndarray

    def spread(self, confidence_level: float = 0.95) -> tuple[float, float, float]:
        """Return the standard deviation between outlets (median) and its interval."""
        size, tail = self.a + self.b, (1 - confidence_level) / 2
        deviation = np.sqrt(self.a * self.b / (size + 1)) / size
        order = np.argsort(deviation)
        place = np.searchsorted(np.cumsum(self.weight[order]), [0.5, tail, 1 - tail]).clip(max=size.size - 1)
        return tuple(float(value) for value in deviation[order][place])


def common_rates(satisfied: np.ndarray, n: np.ndarray) -> Common:
    """Return the posterior of the common Beta distribution on a grid: few outlets leave it honestly open.

    The prior is flat in the mean and in (a + b) ** -0.5, about the spread (Gelman et al. 2013, section 5.3).
    """
    from scipy.special import betaln, expit

    x, n = np.asarray(satisfied, float), np.asarray(n, float)
    middle, points, size = np.log((x.sum() + 0.5) / ((n - x).sum() + 0.5)), 9, np.inf
    box = np.array([[middle - 6, middle + 6], [np.log(0.2), np.log(1e7)]])
    while True:  # zoom in on where the weight is, then look closely
        axes = [np.linspace(*side, points) for side in box]
        centre, total = (grid.ravel() for grid in np.meshgrid(expit(axes[0]), np.exp(axes[1]), indexing="ij"))
        a, b = centre * total, (1 - centre) * total
        log = np.log(centre * (1 - centre)) - np.log(total) / 2
        log += [(betaln(x + p, n - x + q) - betaln(p, q)).sum() for p, q in zip(a, b, strict=True)]
        weight = np.exp(log - log.max())
        if points > 9:
            return Common(a, b, weight / weight.sum())
        kept = np.argwhere(weight.reshape(points, points) > 1e-6)
        edges = np.array([(axis[kept[:, k].min()], axis[kept[:, k].max()]) for k, axis in enumerate(axes)])
        step = np.diff(box) / (points - 1)
        box = np.clip(edges + step * [-1, 1], box[:, :1], box[:, 1:])
        before, size = size, np.diff(box).prod()
        points = 21 if size > 0.5 * before else 9


def shrink_rates(
    data: pd.DataFrame,
    *,
    confidence_level: float = 0.95,
    draws: int = 1000,
    rng: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Return each outlet's rate, pulled to what outlets have in common as far as its own count is thin.

    Parameters
    ----------
    data : DataFrame
        One row an outlet: ``outlet``, ``n`` (rated visits, at least 1), ``satisfied`` (0..n).
    draws : int
        From the posterior, for the ranks.

    Returns
    -------
    DataFrame, rows in the order of the input
        ``outlet``; ``rate low high`` posterior mean and interval; ``rank rank_low rank_high`` posterior mean
        rank, without ties, and its interval, 1 the best (Goldstein & Spiegelhalter 1996).

    Notes
    -----
    Beta-binomial, the common distribution itself uncertain: six outlets get wide intervals, not wrong ones.
    Intervals are of the Beta with the posterior's moments. A truly outlying small outlet is pulled in, too.

    Examples
    --------
    >>> counts = pd.DataFrame({"outlet": ["A", "B", "C"], "n": [10, 1000, 100], "satisfied": [10, 800, 60]})
    >>> shrink_rates(counts)["rank"].tolist()
    [1, 2, 3]
    """
    x, n = _counts(data)
    if data["outlet"].duplicated().any():
        repeated = data.loc[data["outlet"].duplicated(), "outlet"].iloc[0]
        raise InputError(
            f"outlet={repeated!r} has several rows: sum n and satisfied to one row an outlet first"
        )
    if draws < 1:
        raise InputError(f"draws={draws} must be at least 1; 1000 is usual")
    found = common_rates(x, n)
    rates, rng = fair_rates(x, n, found, confidence_level), generator(rng)
    ranks = np.empty((draws, len(x)), dtype=np.int32)
    places = np.arange(1, len(x) + 1, dtype=np.int32)
    for draw, point in enumerate(rng.choice(found.a.size, draws, p=found.weight)):
        ranks[draw, np.argsort(-rng.beta(found.a[point] + x, found.b[point] + n - x))] = places
    rank = np.empty(len(x), dtype=np.int64)
    rank[np.lexsort((-rates["rate"], ranks.mean(axis=0)))] = places
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(ranks, [tail, 1 - tail], axis=0, method="inverted_cdf").astype(np.int64)
    limits = {"rank": rank, "rank_low": np.minimum(low, rank), "rank_high": np.maximum(high, rank)}
    return pd.DataFrame({"outlet": data["outlet"].to_numpy()} | rates | limits)


def fair_rates(x: np.ndarray, n: np.ndarray, found: Common, confidence_level: float) -> dict[str, np.ndarray]:
    """Return ``rate low high`` of each outlet, given what is known of all."""
    from scipy.special import betaincinv

    mean, size = _posterior(x, n, found)
    tail = 0.5 - np.array([1, -1]) * (0.5 - (1 - confidence_level) / 2)
    low, high = (betaincinv(mean * size, (1 - mean) * size, part) for part in tail)
    return {"rate": mean, "low": low, "high": high}


def _posterior(x: np.ndarray, n: np.ndarray, found: Common) -> tuple[np.ndarray, np.ndarray]:
    """Return each rate's posterior mean and the size of the Beta with the posterior's mean and variance."""
    mean, square = np.zeros(len(x)), np.zeros(len(x))
    for a, b, weight in zip(*found, strict=True):
        own = (a + x) / (a + b + n)
        mean += weight * own
        square += weight * (own * (1 - own) / (a + b + n + 1) + own**2)
    return mean, np.maximum(mean * (1 - mean) / np.maximum(square - mean**2, 1e-15) - 1, 1e-6)


def funnel_limits(
    data: pd.DataFrame,
    *,
    kind: str = "rate",
    target: float | None = None,
    levels: Sequence[float] = (0.95, 0.998),
    overdispersion: str = "additive",
    extremes: str = "consistent",
    share: float = 0.1,
    discovery: float = 0.05,
) -> pd.DataFrame:
    """Return each outlet's value against its funnel, before and after allowing for how outlets differ anyway.

    Parameters
    ----------
    data : DataFrame
        ``kind="rate"``: ``outlet n satisfied``; ``kind="ratio"``: ``outlet observed expected``.
    target : float, optional
        Centre of the funnel; default the pooled rate, or 1 for ratios.
    levels : two floats
        The inner and the outer limits.
    overdispersion : {"additive", "none"}
        Whether a variance between outlets is added.
    extremes, share : {"consistent", "trim"}, float
        What is done with the most extreme ``share`` at each end before that variance is estimated, so that
        true outliers do not hide themselves: pulled in and corrected for it, or dropped.
    discovery : float
        False-discovery rate of the last column.

    Returns
    -------
    DataFrame, rows in the order of the input
        ``outlet n value target z``; chance limits ``low high low_outer high_outer`` and ``naive`` (-1/0/1
        beyond the outer ones); ``od_low od_high od_low_outer od_high_outer`` and ``flag`` the same with
        over-dispersion; ``p`` two-sided, with over-dispersion; ``discovery`` boolean (Benjamini-Hochberg).
        ``n`` is ``expected`` for ratios. ``attrs``: ``tau`` (spread between outlets) and the arguments.

    Notes
    -----
    Spiegelhalter (2005): interpolated exact binomial or exact Poisson limits, z of ratios on the log scale.
    "trim" is the published moment estimate of ``tau``; it understates an ordinary spread. "consistent" makes
    the winsorised z, given ``tau``, as wide as a normal's. ``p`` of rates is the tail of a Beta with the
    funnel's mean and variance, right for small outlets, too.

    Examples
    --------
    >>> data = pd.DataFrame({"outlet": list("AB"), "n": [50, 400], "satisfied": [40, 240]})
    >>> funnel_limits(data, target=0.8, overdispersion="none")["flag"].tolist()
    [0, -1]
    """
    for name, value, allowed in (
        ("kind", kind, ("rate", "ratio")),
        ("overdispersion", overdispersion, ("additive", "none")),
        ("extremes", extremes, ("consistent", "trim")),
    ):
        if value not in allowed:
            raise InputError(f"{name}={value!r} must be one of {', '.join(allowed)}")
    if not 0 <= share < 0.5:
        raise InputError(f"share={share} must lie between 0 and 0.5: it is cut at each end")
    x, n = _counts(data) if kind == "rate" else _ratio_counts(data)
    target = float((x.sum() / n.sum() if kind == "rate" else 1.0) if target is None else target)
    if target <= 0 or (kind == "rate" and target >= 1):
        raise InputError(f"target={target:g}: a funnel needs a target above 0, for rates below 1")
    value, variance = x / n, _variance(kind, n, target)
    away = value - target if kind == "rate" else np.log(np.maximum(value, 0.5 / n) / target)
    tau2 = 0.0 if overdispersion == "none" else _between(away, variance, extremes, share)
    settings = {"kind": kind, "target": target, "tau": tau2**0.5, "levels": tuple(sorted(levels))}
    limits, z, wide = _limits(n, settings), away / np.sqrt(variance), away / np.sqrt(variance + tau2)
    columns = {"outlet": data["outlet"].to_numpy(), "n": n, "value": value, "target": target, "z": z}
    table = pd.DataFrame(columns | limits)
    naive = (value > limits["high_outer"]).astype(int) - (value < limits["low_outer"]).astype(int)
    beyond = np.where(np.abs(wide) > normal_quantile(settings["levels"][1]), np.sign(wide), 0).astype(int)
    table.insert(9, "naive", naive)
    table["flag"] = naive if overdispersion == "none" else beyond
    table["p"] = _tails(x, n, target, variance + tau2) if kind == "rate" else 2 * _normal_tail(np.abs(wide))
    table["discovery"] = benjamini_hochberg(table["p"], discovery)[0]
    table.attrs.update(settings)
    return table


def funnel_curve(limits: pd.DataFrame, *, points: int = 80) -> pd.DataFrame:
    """Return the limits on a grid of ``n`` from the smallest to the largest outlet, for the chart."""
    low, high = float(limits["n"].min()), float(limits["n"].max())
    n = np.geomspace(low, max(high, low * 1.01), points)
    n = np.unique(np.round(n)) if limits.attrs["kind"] == "rate" else n
    return pd.DataFrame({"n": n, **_limits(n, limits.attrs)})


def alike(data: pd.DataFrame) -> float:
    """Return the probability that outlets with one common rate would differ as much as these.

    A scaled chi-square with the exact mean and variance of the sum, so that small outlets count for what they
    are.
    """
    from scipy.special import gammaincc

    x, n = _counts(data)
    mean = x.sum() / n.sum()
    if not 0 < mean < 1 or len(x) < 2:
        return 1.0
    spread, free = mean * (1 - mean), len(x) - 1
    total = ((x - n * mean) ** 2 / (n * spread)).sum()
    half = free**2 / (2 + (1 / spread - 6) / n).sum()
    return float(gammaincc(half, total * half / free))


class HoldoutError(NamedTuple):
    """Squared error of shrunk rates over that of raw ones on held-out visits (below 1 shrinking helps)."""

    ratio: float
    low: float
    high: float
    outlets: int


def holdout_error(
    data: pd.DataFrame,
    *,
    splits: int = 4,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> HoldoutError:
    """Compare how shrunk and raw rates of a random half of each outlet's visits predict the other half.

    Outlets with fewer than 4 rated visits are left out. Given its counts, a random half has a hypergeometric
    number of satisfied visits, so none is read again; what the held-out half owes to chance is taken off both
    errors. The interval resamples outlets.
    """
    x, n = (values[_counts(data)[1] >= 4].astype(np.int64) for values in _counts(data))
    if len(n) < 10:
        raise NotEnough(f"only {len(n)} outlets have 4 or more rated visits; 10 are needed")
    rng = generator(rng)
    errors, half = np.zeros((2, len(n))), n // 2
    for _ in range(splits):
        known = rng.hypergeometric(x, n - x, half)
        held, size = (x - known) / (n - half), n - half
        fair = _posterior(known, half, common_rates(known, half))[0]
        errors += (np.array([fair, known / half]) - held) ** 2 - held * (1 - held) / (size - 1)
    shrunk, raw = errors[:, rng.integers(0, len(n), (bootstrap, len(n)))].sum(axis=2)
    low, high = percentile_interval(shrunk / raw, confidence_level)
    return HoldoutError(float(errors[0].sum() / errors[1].sum()), float(low), float(high), len(n))


def _limits(n: np.ndarray, settings: dict) -> dict[str, np.ndarray]:
    rate, target = settings["kind"] == "rate", settings["target"]
    width = np.sqrt(_variance(settings["kind"], n, target) + settings["tau"] ** 2)
    found, wide = {}, {}
    for suffix, level in zip(("", "_outer"), settings["levels"], strict=True):
        step = normal_quantile(level) * width
        for side, way in (("low", -1), ("high", 1)):
            exact = (_binomial_limit if rate else _poisson_limit)(n, target, level, way)
            found[f"{side}{suffix}"] = exact
            od = np.clip(target + way * step, 0, 1) if rate else target * np.exp(way * step)
            wide[f"od_{side}{suffix}"] = od if settings["tau"] else exact
    return found | wide


def _binomial_limit(n: np.ndarray, target: float, level: float, way: int) -> np.ndarray:
    """Spiegelhalter (2005), appendix A.1.1: the binomial quantile, interpolated to the exact probability."""
    from scipy.stats import binom

    n, probability = np.round(n), (1 + way * level) / 2
    r = binom.ppf(probability, n, target)
    part = (binom.cdf(r, n, target) - probability) / np.maximum(binom.pmf(r, n, target), 1e-300)
    return np.clip((r - part) / n, 0, 1)


def _poisson_limit(expected: np.ndarray, target: float, level: float, way: int) -> np.ndarray:
    from scipy.special import chdtri

    return chdtri(2 * (expected * target + (way > 0)), (1 - way * level) / 2) / 2 / expected


def _variance(kind: str, n: np.ndarray, target: float) -> np.ndarray:
    return target * (1 - target) / n if kind == "rate" else 1 / (n * target)


def _tails(x: np.ndarray, n: np.ndarray, target: float, variance: np.ndarray) -> np.ndarray:
    """Return twice the smaller tail of a Beta with this mean and variance; 1 where there is no such Beta."""
    from scipy.special import betainc

    size = target * (1 - target) / variance - 1
    a, b = (np.maximum(part * size, 1e-9) for part in (target, 1 - target))
    below, above = (
        betainc(*ends, np.minimum((k + 0.5) / n, 1)) for ends, k in (((a, b), x), ((b, a), n - x))
    )
    return np.where(size > 1e-9, np.minimum(2 * np.minimum(below, above), 1), 1.0)


def _normal_tail(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(-z)


def _between(away: np.ndarray, variance: np.ndarray, extremes: str, share: float) -> float:
    """Return the variance between outlets."""
    z = away / np.sqrt(variance)
    if extremes == "trim":
        low, high = np.quantile(z, [share, 1 - share])
        weight, z = 1 / variance[(z >= low) & (z <= high)], z[(z >= low) & (z <= high)]
        room = weight.sum() - (weight**2).sum() / weight.sum()
        return max(0.0, float(((z**2).sum() - (len(z) - 1)) / room)) if len(z) > 1 else 0.0
    edge = normal_quantile(1 - 2 * share) if share else np.inf  # what a normal keeps when it is winsorised:
    kept = 1.0 - 2 * share * (1 - edge**2) if share else 1.0
    kept -= 2 * edge * np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi) if share else 0.0
    low, high = 0.0, float(away.max() - away.min()) ** 2
    for _ in range(60):
        middle = (low + high) / 2
        z = away / np.sqrt(variance + middle)
        wide = (z.clip(*np.quantile(z, [share, 1 - share])) ** 2).mean() > kept
        low, high = (middle, high) if wide else (low, middle)
    return low if low > 1e-12 else 0.0


def _counts(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    x, n = _columns(data, "satisfied", "n")
    bad = ~((x >= 0) & (x <= n) & (n >= 1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"satisfied={x[row]:g} and n={n[row]:g} in row {row}: n must be at least 1 and satisfied "
            "between 0 and n; drop empty outlets"
        )
    return x, n


def _ratio_counts(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    observed, expected = _columns(data, "observed", "expected")
    if not ((observed >= 0) & (expected > 0)).all():
        raise InputError("observed must be 0 or more and expected above 0 in every row; drop empty outlets")
    return observed, expected


def _columns(data: pd.DataFrame, *names: str) -> list[np.ndarray]:
    missing = [name for name in ("outlet", *names) if name not in data.columns]
    if missing:
        raise InputError(
            f"data lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, data.columns))}"
        )
    if not len(data):
        raise InputError("data has no rows: nothing to judge")
    return [pd.to_numeric(data[name]).to_numpy(dtype=float, na_value=np.nan) for name in names]
