"""Rates of many outlets, fairly judged.

Pulled together, ranked, held against control limits and held-out visits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import benjamini_hochberg, generator, normal_quantile, percentile_interval


class Common(NamedTuple):
    """What is known of the distribution that all rates come from.

    Points ``a, b`` of Beta(a, b) and their weights.
    """

    a: np.ndarray
    b: np.ndarray
    weight: np.ndarray

    def spread(self, confidence_level: float = 0.95) -> tuple[float, float, float]:
        """Return the standard deviation between outlets (median) and its interval."""
        size = self.a + self.b
        deviation = np.sqrt(self.a * self.b / (size + 1)) / size
        order = np.argsort(deviation)
        tail = (1 - confidence_level) / 2
        place = np.searchsorted(np.cumsum(self.weight[order]), [0.5, tail, 1 - tail]).clip(max=size.size - 1)
        return tuple(float(value) for value in deviation[order][place])


def common_rates(satisfied: np.ndarray, n: np.ndarray) -> Common:
    """Return the posterior of the common Beta distribution on a grid, so that few outlets leave it honestly
    open.

    The prior is flat in the mean and in (a + b) ** -0.5, about the standard deviation (Gelman et al. 2013,
    5.3).
    """
    from scipy.special import betaln, expit

    x, n = np.asarray(satisfied, float), np.asarray(n, float)
    middle = np.log((x.sum() + 0.5) / ((n - x).sum() + 0.5))
    box = np.array([[middle - 6, middle + 6], [np.log(0.2), np.log(1e7)]])
    for points in (13, 13, 13, 13, 21):
        axes = [np.linspace(*side, points) for side in box]
        centre, size = (grid.ravel() for grid in np.meshgrid(expit(axes[0]), np.exp(axes[1]), indexing="ij"))
        a, b = centre * size, (1 - centre) * size
        log = np.array(
            [(betaln(x + one, n - x + two) - betaln(one, two)).sum() for one, two in zip(a, b, strict=True)]
        )
        log += np.log(centre * (1 - centre)) - np.log(size) / 2
        weight = np.exp(log - log.max())
        step = (box[:, 1] - box[:, 0]) / (points - 1)
        kept = np.argwhere(weight.reshape(points, points) > 1e-6)
        edges = [(axis[kept[:, k].min()], axis[kept[:, k].max()]) for k, axis in enumerate(axes)]
        box = np.clip(np.array(edges) + step[:, None] * [-1, 1], box[:, :1], box[:, 1:])
    return Common(a, b, weight / weight.sum())


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
        Draws from the posterior for the ranks.

    Returns
    -------
    DataFrame, rows in the order of the input
        ``outlet``; ``rate low high`` posterior mean and interval; ``rank rank_low rank_high`` posterior mean
        rank in whole places without ties, and its interval, 1 the best.

    Raises
    ------
    InputError
        For missing columns, impossible counts, repeated outlets.

    Notes
    -----
    Beta-binomial with the common distribution itself uncertain (:func:`common_rates`), so that six outlets
    get wide intervals, not wrong ones; intervals are of the Beta with the posterior's mean and variance. Rank
    intervals: Goldstein & Spiegelhalter (1996). A truly outlying small outlet is pulled in, too.

    Examples
    --------
    >>> counts = pd.DataFrame({"outlet": ["A", "B", "C"], "n": [10, 1000, 100], "satisfied": [10, 800, 60]})
    >>> shrink_rates(counts)["rank"].tolist()
    [1, 2, 3]
    """
    from scipy.special import betaincinv

    x, n = _counts(data)
    if data["outlet"].duplicated().any():
        repeated = data.loc[data["outlet"].duplicated(), "outlet"].iloc[0]
        raise InputError(
            f"outlet={repeated!r} has several rows: sum n and satisfied to one row an outlet first"
        )
    if draws < 1:
        raise InputError(f"draws={draws} must be at least 1; 1000 is usual")
    found = common_rates(x, n)
    mean, size = _posterior(x, n, found)
    alpha, beta = mean * size, (1 - mean) * size
    rng = generator(rng)
    ranks = np.empty((draws, len(x)), dtype=np.int32)
    places = np.arange(1, len(x) + 1, dtype=np.int32)
    for draw, point in enumerate(rng.choice(found.a.size, draws, p=found.weight)):
        ranks[draw, np.argsort(-rng.beta(found.a[point] + x, found.b[point] + n - x))] = places
    rank = np.empty(len(x), dtype=np.int64)
    rank[np.lexsort((-mean, ranks.mean(axis=0)))] = places
    tail = (1 - confidence_level) / 2
    normal_quantile(confidence_level)
    low, high = np.quantile(ranks, [tail, 1 - tail], axis=0, method="inverted_cdf").astype(np.int64)
    rates = {"rate": mean, "low": betaincinv(alpha, beta, tail), "high": betaincinv(alpha, beta, 1 - tail)}
    limits = {"rank": rank, "rank_low": np.minimum(low, rank), "rank_high": np.maximum(high, rank)}
    return pd.DataFrame({"outlet": data["outlet"].to_numpy()} | rates | limits)


def _posterior(x: np.ndarray, n: np.ndarray, found: Common) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior mean of each rate and the size of the Beta with the posterior's mean and variance."""
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
    overdispersion : {"additive", "multiplicative", "none"}
        Add a variance between outlets, or widen every limit by one factor.
    extremes, share : {"consistent", "winsorise", "trim"}, float
        What is done with the most extreme ``share`` of z scores at each end before the spread is estimated,
        so that true outliers do not hide themselves: pulled in, dropped, or pulled in and corrected for what
        that takes from a normal distribution ("consistent").
    discovery : float
        False-discovery rate of the last column.

    Returns
    -------
    DataFrame, rows in the order of the input
        ``outlet n value target z``; chance limits ``low high low_outer high_outer`` and ``naive`` (-1/0/1
        beyond the outer ones); ``od_low od_high od_low_outer od_high_outer`` and ``flag`` the same with
        over-dispersion; ``p`` two-sided, with over-dispersion; ``discovery`` boolean (Benjamini-Hochberg).
        ``n`` is ``expected`` for ratios. ``attrs``: ``phi`` (mean squared z), ``tau`` (standard deviation
        between outlets), ``target``, the arguments.

    Notes
    -----
    Spiegelhalter (2005), Statistics in Medicine 24:1185: interpolated exact binomial or exact Poisson limits,
    z of rates on their own scale and of ratios on the log scale; ``tau`` squared is the moment estimate of
    DerSimonian and Laird on the z scores kept. Published winsorising and trimming understate an ordinary
    normal spread. ``p`` of rates is the tail of a Beta with the funnel's mean and variance: right for small
    outlets, too, where z is not normal.

    Examples
    --------
    >>> counts = pd.DataFrame({"outlet": list("ABCD"), "n": [50, 50, 80, 400], "satisfied": [40, 41, 62,
    240]})
    >>> funnel_limits(counts, target=0.8, overdispersion="none")["flag"].tolist()
    [0, 0, 0, -1]
    """
    _one_of("kind", kind, ("rate", "ratio"))
    _one_of("overdispersion", overdispersion, ("additive", "multiplicative", "none"))
    _one_of("extremes", extremes, ("consistent", "winsorise", "trim"))
    if not 0 <= share < 0.5:
        raise InputError(f"share={share} must lie between 0 and 0.5: it is cut at each end")
    x, n = _counts(data) if kind == "rate" else _ratio_counts(data)
    target = float((x.sum() / n.sum() if kind == "rate" else 1.0) if target is None else target)
    if not target > 0 or (kind == "rate" and target >= 1):
        raise InputError(f"target={target:g}: a funnel needs a target above 0, for rates below 1")
    value, variance = x / n, _variance(kind, n, target)
    away = value - target if kind == "rate" else np.log(np.maximum(value, 0.5 / n) / target)
    z, (phi, tau2) = away / np.sqrt(variance), _spread(away, variance, extremes, share)
    settings = {"kind": kind, "target": target, "phi": phi, "tau": tau2**0.5, "levels": tuple(sorted(levels)),
                "overdispersion": overdispersion}  # fmt: skip
    limits = _limits(n, settings)
    wide = _widened(variance, settings)
    table = pd.DataFrame(
        {"outlet": data["outlet"].to_numpy(), "n": n, "value": value, "target": target, "z": z}
    )
    table = table.assign(**{name: limits[name] for name in ("low", "high", "low_outer", "high_outer")})
    table["naive"] = (value > limits["high_outer"]).astype(int) - (value < limits["low_outer"]).astype(int)
    table = table.assign(**{name: edge for name, edge in limits.items() if name.startswith("od_")})
    z_wide = z * np.sqrt(variance / wide)
    beyond = np.abs(z_wide) > normal_quantile(settings["levels"][1])
    table["flag"] = (
        table["naive"] if overdispersion == "none" else np.where(beyond, np.sign(z_wide), 0).astype(int)
    )
    table["p"] = _tails(x, n, target, wide) if kind == "rate" else 2 * _normal_tail(np.abs(z_wide))
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
    """Return the probability that outlets with one common rate would differ as much as these (a chi-square).

    The exact variance of each outlet's squared deviation stands in for degrees of freedom, so that small ones
    count for what they are.
    """
    x, n = _counts(data)
    mean = x.sum() / n.sum()
    if not 0 < mean < 1:
        return 1.0
    from scipy.special import gammaincc

    spread = mean * (1 - mean)
    total = ((x - n * mean) ** 2 / (n * spread)).sum()
    variance = (2 + (1 / spread - 6) / n).sum()
    freedom = (
        2 * (len(x) - 1) ** 2 / variance if len(x) > 1 else 1.0
    )  # a scaled chi-square with the same two moments
    return float(gammaincc(freedom / 2, total * freedom / max(len(x) - 1, 1) / 2))


class HoldoutError(NamedTuple):
    """How well outlets' rates on one half of their visits predict the other half.

    ``ratio low high``: squared error of shrunk rates over that of raw ones, below 1 shrinking helps; ``shrunk
    raw`` mean squared errors without the chance of the other half; ``outlets`` how many.
    """

    ratio: float
    low: float
    high: float
    shrunk: float
    raw: float
    outlets: int


def holdout_error(
    data: pd.DataFrame,
    *,
    splits: int = 4,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> HoldoutError:
    """Compare shrunk and raw rates on visits that were held out, averaged over ``splits`` random halves.

    Outlets with fewer than 4 rated visits are left out. Given its counts, a random half of an outlet's visits
    has a hypergeometric number of satisfied ones, so no visit is read again; the interval resamples outlets.
    """
    x, n = _counts(data)
    x, n = x[n >= 4].astype(np.int64), n[n >= 4].astype(np.int64)
    if len(n) < 10:
        raise NotEnough(f"only {len(n)} outlets have 4 or more rated visits; 10 are needed")
    rng = generator(rng)
    shrunk_error, raw_error, half = np.zeros(len(n)), np.zeros(len(n)), n // 2
    for _ in range(splits):
        known = rng.hypergeometric(x, n - x, half)
        held, size = (x - known) / (n - half), n - half
        noise = held * (1 - held) / (size - 1)
        shrunk_error += (_posterior(known, half, common_rates(known, half))[0] - held) ** 2 - noise
        raw_error += (known / half - held) ** 2 - noise
    pick = rng.integers(0, len(n), (bootstrap, len(n)))
    low, high = percentile_interval(
        shrunk_error[pick].sum(axis=1) / raw_error[pick].sum(axis=1), confidence_level
    )
    scale, sums = len(n) * splits, (float(shrunk_error.sum()), float(raw_error.sum()))
    return HoldoutError(sums[0] / sums[1], float(low), float(high), sums[0] / scale, sums[1] / scale, len(n))


def _limits(n: np.ndarray, settings: dict) -> dict[str, np.ndarray]:
    kind, target = settings["kind"], settings["target"]
    width = np.sqrt(_widened(_variance(kind, n, target), settings))
    found = {}
    for suffix, level in zip(("", "_outer"), settings["levels"], strict=True):
        exact = (_binomial_limit if kind == "rate" else _poisson_limit)(n, target, level)
        found[f"low{suffix}"], found[f"high{suffix}"] = exact
        step = normal_quantile(level) * width
        rate = np.clip(target - step, 0, 1), np.clip(target + step, 0, 1)
        wide = rate if kind == "rate" else (target * np.exp(-step), target * np.exp(step))
        chosen = exact if settings["overdispersion"] == "none" else wide
        found[f"od_low{suffix}"], found[f"od_high{suffix}"] = chosen
    return found


def _binomial_limit(n: np.ndarray, target: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Spiegelhalter (2005), appendix A.1.1: the binomial quantile, interpolated to the exact probability."""
    from scipy.stats import binom

    n = np.round(n)
    edges = []
    for probability in ((1 - level) / 2, (1 + level) / 2):
        r = binom.ppf(probability, n, target)
        part = (binom.cdf(r, n, target) - probability) / np.maximum(binom.pmf(r, n, target), 1e-300)
        edges.append(np.clip((r - part) / n, 0, 1))
    return edges[0], edges[1]


def _poisson_limit(expected: np.ndarray, target: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import chdtri

    centre, tail = expected * target, (1 - level) / 2
    return chdtri(2 * centre, 1 - tail) / 2 / expected, chdtri(2 * (centre + 1), tail) / 2 / expected


def _variance(kind: str, n: np.ndarray, target: float) -> np.ndarray:
    return target * (1 - target) / n if kind == "rate" else 1 / (n * target)


def _widened(variance: np.ndarray, settings: dict) -> np.ndarray:
    if settings["overdispersion"] == "additive":
        return variance + settings["tau"] ** 2
    return variance * (max(1.0, settings["phi"]) if settings["overdispersion"] == "multiplicative" else 1.0)


def _tails(x: np.ndarray, n: np.ndarray, target: float, variance: np.ndarray) -> np.ndarray:
    """Return twice the smaller tail of a Beta with this mean and variance; 1 where there is no such Beta."""
    from scipy.special import betainc

    size = target * (1 - target) / variance - 1
    a, b = (np.maximum(part * size, 1e-9) for part in (target, 1 - target))
    below, above = (
        betainc(a, b, np.minimum((x + 0.5) / n, 1)),
        betainc(b, a, np.minimum((n - x + 0.5) / n, 1)),
    )
    return np.where(size > 1e-9, np.minimum(2 * np.minimum(below, above), 1), 1.0)


def _normal_tail(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(-z)


def _spread(away: np.ndarray, variance: np.ndarray, extremes: str, share: float) -> tuple[float, float]:
    """Return the mean squared z and the variance between outlets."""

    def phi_of(tau2: float) -> float:
        z = away / np.sqrt(variance + tau2)
        return float((z.clip(*np.quantile(z, [share, 1 - share])) ** 2).mean()) / kept

    kept, phi = _normal_variance(share) if extremes == "consistent" else 1.0, 1.0
    if extremes == "consistent":
        low, high = 0.0, float(away.max() - away.min()) ** 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if phi_of(middle) > 1 else (low, middle)
        return phi_of(0.0), low
    z = away / np.sqrt(variance)
    edges = np.quantile(z, [share, 1 - share])
    if extremes == "trim":
        variance, z = variance[(z >= edges[0]) & (z <= edges[1])], z[(z >= edges[0]) & (z <= edges[1])]
    weight, phi = 1 / variance, float((z.clip(*edges) ** 2).mean()) if len(z) else 1.0
    room = weight.sum() - (weight**2).sum() / weight.sum()
    return phi, max(0.0, float((len(z) * phi - (len(z) - 1)) / room)) if len(z) > 1 else 0.0


def _normal_variance(share: float) -> float:
    """Return the variance that a standard normal keeps when ``share`` is pulled in at each end."""
    if not share:
        return 1.0
    edge = normal_quantile(1 - 2 * share)
    density = np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
    return float(1 - 2 * share - 2 * edge * density + 2 * share * edge**2)


def _counts(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    x, n = _columns(data, "satisfied", "n")
    bad = ~((x >= 0) & (x <= n) & (n >= 1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"satisfied={x[row]:g} and n={n[row]:g} in row {row}: n must be at least 1 and satisfied between 0 and n; "
            "drop empty outlets"
        )
    return x, n


def _ratio_counts(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    observed, expected = _columns(data, "observed", "expected")
    if not ((observed >= 0) & (expected > 0)).all():
        raise InputError(
            "observed must be 0 or more and expected above 0 in every row; drop outlets without visits"
        )
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


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{name}={value!r} must be one of {', '.join(allowed)}")
