"""Rates of many outlets, fairly judged, and whose a score is: outlet, organisation or visitor."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv, betaln, chdtri, expit, gammaincc, ndtr
from scipy.stats import binom

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import benjamini_hochberg, normal_quantile, percentile_interval

EXTREMES = 0.1  # this share at each end is pulled in or dropped before the spread of outlets is estimated
_SPLITS = 4  # random halves of each outlet's visits that predict the other half


class Common(NamedTuple):
    """What is known of the distribution that all rates come from: points of Beta(a, b) and their weights."""

    a: np.ndarray
    b: np.ndarray
    weight: np.ndarray

    def spread(self, confidence_level: float = 0.95) -> list[float]:
        """Return the standard deviation between outlets (median) and its interval."""
        size, tail = self.a + self.b, (1 - confidence_level) / 2
        deviation = np.sqrt(self.a * self.b / (size + 1)) / size
        order = np.argsort(deviation)
        place = np.searchsorted(np.cumsum(self.weight[order]), [0.5, tail, 1 - tail]).clip(max=size.size - 1)
        return deviation[order][place].tolist()


def common_rates(satisfied: np.ndarray, n: np.ndarray) -> Common:
    """Return the posterior of the common Beta distribution on a grid: few outlets leave it honestly open.

    The prior is flat in the mean and in (a + b) ** -0.5, about the spread (Gelman et al. 2013, section 5.3).
    """
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

    One row an outlet in (``outlet n satisfied``) and out, in the same order: ``rate low high`` posterior mean
    and interval; ``rank rank_low rank_high`` posterior mean rank, without ties, and its interval, 1 the best
    (Goldstein & Spiegelhalter 1996), from ``draws``. Beta-binomial, the common distribution itself uncertain:
    six outlets get wide intervals, not wrong ones. Intervals are of the Beta with the posterior's moments. A
    truly outlying small outlet is pulled in, too.

    >>> counts = pd.DataFrame({"outlet": ["A", "B", "C"], "n": [10, 1000, 100], "satisfied": [10, 800, 60]})
    >>> shrink_rates(counts)["rank"].tolist()
    [1, 2, 3]
    """
    x, n = _counts(data)
    if data["outlet"].duplicated().any():
        repeated = data.loc[data["outlet"].duplicated(), "outlet"].iloc[0]
        raise InputError(f"outlet={repeated!r} has several rows: sum n and satisfied to one row an outlet")
    if draws < 1:
        raise InputError(f"draws={draws} must be at least 1; 1000 is usual")
    found = common_rates(x, n)
    rates, rng = fair_rates(x, n, found, confidence_level), np.random.default_rng(rng)
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
    mean, square = np.zeros(len(x)), np.zeros(len(x))
    for a, b, weight in zip(*found, strict=True):
        own = (a + x) / (a + b + n)
        mean += weight * own
        square += weight * (own * (1 - own) / (a + b + n + 1) + own**2)
    size = np.maximum(mean * (1 - mean) / np.maximum(square - mean**2, 1e-15) - 1, 1e-6)
    tail = (1 - confidence_level) / 2
    low, high = (betaincinv(mean * size, (1 - mean) * size, part) for part in (tail, 1 - tail))
    return {"rate": mean, "low": low, "high": high}


def funnel_limits(
    data: pd.DataFrame,
    *,
    kind: str = "rate",
    target: float | None = None,
    levels: Sequence[float] = (0.95, 0.998),
    overdispersion: str = "additive",
    extremes: str = "consistent",
) -> pd.DataFrame:
    """Return each outlet's value against its funnel, before and after allowing for how outlets differ anyway.

    Spiegelhalter (2005): interpolated exact binomial or exact Poisson limits, z of ratios on the log scale.
    ``kind="rate"`` reads ``outlet n satisfied``, ``kind="ratio"`` ``outlet observed expected``. ``target`` is
    the centre (the pooled rate, or 1), ``levels`` are those of the inner and the outer limits.
    ``overdispersion`` ("additive" or "none") adds a variance between outlets; ``extremes="trim"`` is the
    published moment estimate of it, which understates an ordinary spread, ``"consistent"`` makes the
    winsorised z as wide as a normal's, so that true outliers do not hide themselves.

    Columns, rows in the order of the input: ``outlet n value target z`` (``n`` is ``expected`` for ratios);
    chance limits ``low high low_outer high_outer`` and ``naive`` (-1/0/1 beyond the outer ones); ``od_low
    od_high od_low_outer od_high_outer`` and ``flag`` the same with over-dispersion; ``p`` two-sided, for
    rates from a Beta with the funnel's mean and variance, right for small outlets, too; ``discovery``
    (Benjamini-Hochberg, 5 %). ``attrs``: ``tau`` (spread between outlets) and the arguments.

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
    rate = kind == "rate"
    x, n = _counts(data) if rate else _counts(data, "observed", "expected")
    target = float((x.sum() / n.sum() if rate else 1.0) if target is None else target)
    if target <= 0 or (rate and target >= 1):
        raise InputError(f"target={target:g}: a funnel needs a target above 0, for rates below 1")
    value, variance = x / n, _variance(kind, n, target)
    away = value - target if rate else np.log(np.maximum(value, 0.5 / n) / target)
    tau2 = 0.0 if overdispersion == "none" else _between(away, variance, extremes)
    settings = {"kind": kind, "target": target, "tau": tau2**0.5, "levels": tuple(sorted(levels))}
    limits, wide = _limits(n, settings), away / np.sqrt(variance + tau2)
    naive = (value > limits["high_outer"]).astype(int) - (value < limits["low_outer"]).astype(int)
    chance = {name: limits.pop(name) for name in ("low", "high", "low_outer", "high_outer")}
    beyond = np.where(np.abs(wide) > normal_quantile(settings["levels"][1]), np.sign(wide), 0).astype(int)
    p = _tails(x, n, target, variance + tau2) if rate else 2 * ndtr(-np.abs(wide))
    columns = {"outlet": data["outlet"].to_numpy(), "n": n, "value": value, "target": target}
    columns |= {"z": away / np.sqrt(variance)} | chance | {"naive": naive} | limits
    columns |= {"flag": naive if overdispersion == "none" else beyond, "p": p}
    table = pd.DataFrame(columns | {"discovery": benjamini_hochberg(p)[0]})
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

    A scaled chi-square with the exact mean and variance of the sum: small outlets count for what they are.
    """
    x, n = _counts(data)
    mean = x.sum() / n.sum()
    if not 0 < mean < 1 or len(x) < 2:
        return 1.0
    spread, free = mean * (1 - mean), len(x) - 1
    total = ((x - n * mean) ** 2 / (n * spread)).sum()
    half = free**2 / (2 + (1 / spread - 6) / n).sum()
    return float(gammaincc(half, total * half / free))


def holdout_error(
    data: pd.DataFrame, *, bootstrap: int = 500, confidence_level: float = 0.95, rng=0
) -> tuple[float, float, float, int]:
    """Return the squared error of shrunk over raw rates on held-out visits, its interval, and the outlets.

    Below 1 shrinking helps. A random half of each outlet's visits predicts the other half; outlets with fewer
    than 4 rated visits are left out. Given its counts, a random half has a hypergeometric number of satisfied
    visits, so none is read again; what the held-out half owes to chance is taken off both errors. The
    interval resamples outlets.
    """
    x, n = (values[_counts(data)[1] >= 4].astype(np.int64) for values in _counts(data))
    if len(n) < 10:
        raise NotEnough(f"only {len(n)} outlets have 4 or more rated visits; 10 are needed")
    rng = np.random.default_rng(rng)
    errors, half = np.zeros((2, len(n))), n // 2
    for _ in range(_SPLITS):
        known = rng.hypergeometric(x, n - x, half)
        held, size = (x - known) / (n - half), n - half
        fair = fair_rates(known, half, common_rates(known, half), confidence_level)["rate"]
        errors += (np.array([fair, known / half]) - held) ** 2 - held * (1 - held) / (size - 1)
    shrunk, raw = errors[:, rng.integers(0, len(n), (bootstrap, len(n)))].sum(axis=2)
    low, high = percentile_interval(shrunk / raw, confidence_level)
    return float(errors[0].sum() / errors[1].sum()), float(low), float(high), len(n)


def _limits(n: np.ndarray, settings: dict) -> dict[str, np.ndarray]:
    rate, target = settings["kind"] == "rate", settings["target"]
    width = np.sqrt(_variance(settings["kind"], n, target) + settings["tau"] ** 2)
    found, wide = {}, {}
    for suffix, level in zip(("", "_outer"), settings["levels"], strict=True):
        for side, way in (("low", -1), ("high", 1)):
            exact = (_binomial_limit if rate else _poisson_limit)(n, target, level, way)
            step = way * normal_quantile(level) * width
            od = np.clip(target + step, 0, 1) if rate else target * np.exp(step)
            found[f"{side}{suffix}"], wide[f"od_{side}{suffix}"] = exact, od if settings["tau"] else exact
    return found | wide


def _binomial_limit(n: np.ndarray, target: float, level: float, way: int) -> np.ndarray:
    """Spiegelhalter (2005), appendix A.1.1: the binomial quantile, interpolated to the exact probability."""
    n, probability = np.round(n), (1 + way * level) / 2
    r = binom.ppf(probability, n, target)
    part = (binom.cdf(r, n, target) - probability) / np.maximum(binom.pmf(r, n, target), 1e-300)
    return np.clip((r - part) / n, 0, 1)


def _poisson_limit(expected: np.ndarray, target: float, level: float, way: int) -> np.ndarray:
    return chdtri(2 * (expected * target + (way > 0)), (1 - way * level) / 2) / 2 / expected


def _variance(kind: str, n: np.ndarray, target: float) -> np.ndarray:
    return target * (1 - target) / n if kind == "rate" else 1 / (n * target)


def _tails(x: np.ndarray, n: np.ndarray, target: float, variance: np.ndarray) -> np.ndarray:
    """Return twice the smaller tail of a Beta with this mean and variance; 1 where there is no such Beta."""
    size = target * (1 - target) / variance - 1
    a, b = (np.maximum(part * size, 1e-9) for part in (target, 1 - target))
    below, above = (
        betainc(a, b, np.minimum((x + 0.5) / n, 1)),
        betainc(b, a, np.minimum((n - x + 0.5) / n, 1)),
    )
    return np.where(size > 1e-9, np.minimum(2 * np.minimum(below, above), 1), 1.0)


def _between(away: np.ndarray, variance: np.ndarray, extremes: str) -> float:
    """Return the variance between outlets."""
    ends = [EXTREMES, 1 - EXTREMES]
    if extremes == "trim":
        z = away / np.sqrt(variance)
        inside = (z >= np.quantile(z, ends[0])) & (z <= np.quantile(z, ends[1]))
        weight, z = 1 / variance[inside], z[inside]
        room = weight.sum() - (weight**2).sum() / weight.sum()
        return max(0.0, float(((z**2).sum() - (len(z) - 1)) / room)) if len(z) > 1 else 0.0
    edge = normal_quantile(1 - 2 * EXTREMES)  # what a normal keeps when it is winsorised:
    kept = 1 - 2 * EXTREMES * (1 - edge**2) - 2 * edge * np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)

    def too_wide(tau2: float) -> float:
        z = away / np.sqrt(variance + tau2)
        return (z.clip(*np.quantile(z, ends)) ** 2).mean() - kept

    return float(brentq(too_wide, 0.0, 4 * (away**2).max(), xtol=1e-15)) if too_wide(0.0) > 0 else 0.0


def _counts(data: pd.DataFrame, hits: str = "satisfied", size: str = "n") -> tuple[np.ndarray, np.ndarray]:
    missing = [name for name in ("outlet", hits, size) if name not in data.columns]
    if missing or not len(data):
        raise InputError(f"data lacks the column(s) {', '.join(missing)}" if missing else "data has no rows")
    x, n = (pd.to_numeric(data[name]).to_numpy(dtype=float, na_value=np.nan) for name in (hits, size))
    right = (x >= 0) & ((x <= n) & (n >= 1) if size == "n" else n > 0)
    if not right.all():
        row, rule = (
            int(np.argmin(right)),
            "at least 1 and satisfied between 0 and n" if size == "n" else "above 0",
        )
        raise InputError(
            f"{hits}={x[row]:g} and {size}={n[row]:g} in row {row}: {size} must be {rule}; drop empty outlets"
        )
    return x, n


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
    sums = _sums(y, codes, sizes)
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
        rng, lower = np.random.default_rng(rng), _lower(system)
        pieces, expected = lower @ sums, lower @ system @ kept
        draws = np.empty((bootstrap, len(kept)))
        for draw in range(bootstrap):
            made = np.zeros(len(y))
            for place in range(-1, len(factors)):
                made += (rng.standard_normal(len(sizes[place])) * np.sqrt(kept[place]))[codes[place]]
            ratio = lower @ _sums(made, codes, sizes) / expected
            draws[draw] = np.linalg.solve(lower @ system, pieces / np.maximum(ratio, 1e-9))
        total = draws.clip(min=0).sum(axis=1, keepdims=True)
        limits = percentile_interval(draws @ sets.T, confidence_level)
        table["low"], table["high"] = (edge.clip(min=0) for edge in limits)
        limits = percentile_interval(draws @ sets.T / total, confidence_level)
        table["share_low"], table["share_high"] = (edge.clip(0, 1) for edge in limits)
    return table


def _sums(y: np.ndarray, codes: list[np.ndarray], sizes: list[np.ndarray]) -> np.ndarray:
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
