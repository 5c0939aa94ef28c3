"""Rates of many outlets, fairly judged, and whose a score is: outlet, organisation or visitor."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.special import betainc, betaincinv, betaln, expit, gammaincc
from scipy.stats import binom

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.intervals import benjamini_hochberg, normal_quantile, percentile_interval

EXTREMES = 0.1  # this share at each end is pulled in before the spread of outlets is estimated
LEVEL = 0.998  # of the limits in a funnel plot
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
        parts = [0.5, tail, 1 - tail]
        return np.quantile(deviation, parts, weights=self.weight, method="inverted_cdf").tolist()


def common_rates(x: np.ndarray, n: np.ndarray) -> Common:
    """Return the posterior of the common Beta distribution of rates x / n; few outlets leave it open.

    The prior is flat in the mean and in (a + b) ** -0.5, about the spread (Gelman et al. 2013, section 5.3).
    """
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
    data: pd.DataFrame, *, confidence_level: float = 0.95, draws: int = 1000,
    rng: int | np.random.Generator | None = 0,
) -> pd.DataFrame:  # fmt: skip
    """Return each outlet's rate, pulled to what outlets have in common as far as its own count is thin.

    One row an outlet in (``outlet n satisfied``) and out, in the same order: ``rate low high`` posterior mean
    and interval; ``rank rank_low rank_high`` posterior mean rank, without ties, and its interval, 1 the best
    (Goldstein & Spiegelhalter 1996), from ``draws``. Beta-binomial, the common distribution itself uncertain:
    six outlets get wide intervals, not wrong ones. A truly outlying small outlet is pulled in, too.

    >>> counts = pd.DataFrame({"outlet": ["A", "B", "C"], "n": [10, 1000, 100], "satisfied": [10, 800, 60]})
    >>> shrink_rates(counts)["rank"].tolist()
    [1, 2, 3]
    """
    x, n = _counts(data)
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
    """Return ``rate low high`` of each outlet, given what is known of all: a Beta of those moments."""
    mean, square = np.zeros(len(x)), np.zeros(len(x))
    for a, b, weight in zip(*found, strict=True):
        own = (a + x) / (a + b + n)
        mean += weight * own
        square += weight * (own * (1 - own) / (a + b + n + 1) + own**2)
    size = np.maximum(mean * (1 - mean) / np.maximum(square - mean**2, 1e-15) - 1, 1e-6)
    tail = (1 - confidence_level) / 2
    low, high = (betaincinv(mean * size, (1 - mean) * size, part) for part in (tail, 1 - tail))
    return {"rate": mean, "low": low, "high": high}


def funnel_limits(data: pd.DataFrame) -> pd.DataFrame:
    """Return each outlet's rate against its funnel, before and after allowing for how outlets differ anyway.

    Spiegelhalter (2005), 99.8 % limits about the pooled rate. ``data`` has ``outlet n satisfied``. Columns,
    rows in the order of the input: ``outlet n value``; ``low high``, limits of chance alone (exact binomial),
    and ``naive``, -1 or 1 beyond them; ``od_low od_high``, limits with a variance between outlets added;
    ``p``, two-sided, from a Beta with the wider funnel's mean and variance, right for small outlets, too;
    ``discovery`` (Benjamini-Hochberg, 5 %). ``attrs``: ``target`` and ``tau``, the spread between outlets.

    >>> data = pd.DataFrame({"outlet": list("AB"), "n": [50, 400], "satisfied": [45, 240]})
    >>> funnel_limits(data)["naive"].tolist()
    [1, 0]
    """
    x, n = _counts(data)
    target, value = float(x.sum() / n.sum()), x / n
    if not 0 < target < 1:
        raise NotEnough("every visit was rated alike, so outlets cannot differ")
    spread = target * (1 - target)
    tau = _between(value - target, spread / n) ** 0.5
    limits = _limits(n, target, tau)
    naive = (value > limits["high"]).astype(int) - (value < limits["low"]).astype(int)
    size = spread / (spread / n + tau**2) - 1  # of the Beta, which there is not for a single visit
    a, b = (np.maximum(part * size, 1e-9) for part in (target, 1 - target))
    below = betainc(a, b, np.minimum((x + 0.5) / n, 1))
    above = betainc(b, a, np.minimum((n - x + 0.5) / n, 1))
    p = np.where(size > 1e-9, np.minimum(2 * np.minimum(below, above), 1), 1.0)
    table = pd.DataFrame({"outlet": data["outlet"].to_numpy(), "n": n, "value": value})
    table = table.assign(**limits, naive=naive, p=p, discovery=benjamini_hochberg(p)[0])
    table.attrs.update(target=target, tau=tau)
    return table


def funnel_curve(limits: pd.DataFrame, *, points: int = 80) -> pd.DataFrame:
    """Return the limits on a grid of ``n`` from the smallest to the largest outlet, for the chart."""
    low, high = float(limits["n"].min()), float(limits["n"].max())
    n = np.unique(np.round(np.geomspace(low, max(high, low * 1.01), points)))
    return pd.DataFrame({"n": n, **_limits(n, limits.attrs["target"], limits.attrs["tau"])})


def _limits(n: np.ndarray, target: float, tau: float) -> dict[str, np.ndarray]:
    """Spiegelhalter (2005), appendix A.1: binomial quantiles, interpolated to the exact probability."""
    edges = np.array([[1 - LEVEL], [1 + LEVEL]]) / 2
    r = binom.ppf(edges, n, target)
    part = (binom.cdf(r, n, target) - edges) / np.maximum(binom.pmf(r, n, target), 1e-300)
    low, high = np.clip((r - part) / n, 0, 1)
    reach = normal_quantile(LEVEL) * np.sqrt(target * (1 - target) / n + tau**2)
    wide = (np.maximum(target - reach, 0), np.minimum(target + reach, 1)) if tau else (low, high)
    return {"low": low, "high": high, "od_low": wide[0], "od_high": wide[1]}


def _between(away: np.ndarray, variance: np.ndarray) -> float:
    """Return the variance between outlets that makes the winsorised z as wide as a normal's.

    The published moment estimate after trimming understates an ordinary spread; here true outliers do not
    hide themselves either.
    """
    edge = normal_quantile(1 - 2 * EXTREMES)  # what a normal keeps when it is winsorised:
    kept = 1 - 2 * EXTREMES * (1 - edge**2) - 2 * edge * np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)

    def too_wide(tau2: float) -> float:
        z = away / np.sqrt(variance + tau2)
        return (z.clip(*np.quantile(z, [EXTREMES, 1 - EXTREMES])) ** 2).mean() - kept

    return float(brentq(too_wide, 0.0, 4 * (away**2).max(), xtol=1e-15)) if too_wide(0.0) > 0 else 0.0


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
    data = data[data["n"] >= 4]
    if len(data) < 10:
        raise NotEnough(f"only {len(data)} outlets have 4 or more rated visits; 10 are needed")
    x, n = (counts.astype(np.int64) for counts in _counts(data))
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


def _counts(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the satisfied and all rated visits of outlets, one row an outlet."""
    missing = [name for name in ("outlet", "n", "satisfied") if name not in data]
    if missing or not len(data):
        raise InputError(f"the outlets have no {missing[0] if missing else 'rows'}")
    if data["outlet"].duplicated().any():
        raise InputError("an outlet has several rows: sum n and satisfied to one row an outlet")
    x, n = data["satisfied"].to_numpy(float), data["n"].to_numpy(float)
    if not ((x >= 0) & (x <= n) & (n >= 1)).all():
        raise InputError("n must be at least 1 and satisfied between 0 and n in every row")
    return x, n


def variance_components(
    data: pd.DataFrame, *, factors: Sequence[str] = ("organisation", "outlet", "person"),
    together: Sequence[str] = (), bootstrap: int = 200, confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> pd.DataFrame:  # fmt: skip
    """Split the variance of ``score`` (one row a rated visit) between grouping columns and the rest.

    Columns: ``component`` (the factors, ``residual``, and last the sum of those named in ``together``);
    ``variance`` (cut at 0); ``share`` of the total with ``low high``; ``groups``.

    Henderson's method 1 from sums of squares, unbiased for any balance (Searle, Casella & McCulloch 1992).
    Generalised intervals (Weerahandi 1993): each sum of squares, freed of the factors before it, is divided
    by its ratio to expectation in worlds drawn with the estimated components, for four balanced groups a
    chi-square with three degrees of freedom. So four organisations get a wide interval that holds the truth.
    """
    factors = list(factors)
    data = data.dropna(subset=["score", *factors])
    if len(data) < 3:
        raise NotEnough(f"only {len(data)} rated visits have every grouping known")
    y, n = data["score"].to_numpy(float), len(data)
    # What is left comes last: each visit is a group of its own.
    codes = [*(pd.factorize(data[name])[0] for name in factors), np.arange(n)]
    homes = [csr_array((np.ones(n), (np.arange(n), code))) for code in codes]
    sizes = [np.bincount(code) for code in codes]

    def squares(y: np.ndarray) -> np.ndarray:
        """Return the sum of squares between the groups of each factor and, last, the total."""
        y = y - y.mean()
        return np.array([((home.T @ y) ** 2 / size).sum() for home, size in zip(homes, sizes, strict=True)])

    # What each component (column) adds to the expectation of each sum of squares (row).
    system = np.array([
        [((home.T @ other).power(2).sum(axis=1) / size).sum() - (own**2).sum() / n
         for other, own in zip(homes, sizes, strict=True)]
        for home, size in zip(homes, sizes, strict=True)
    ])  # fmt: skip
    largest = system.max(axis=1, keepdims=True)
    if not (largest > 0).all() or np.linalg.cond(system / largest) > 1e9:
        raise InputError(f"{', '.join(factors)} cannot be told apart: drop the one that repeats another")
    kept = np.linalg.solve(system, squares(y)).clip(min=0)

    lower = np.eye(len(system))  # takes out of each sum what the components of the rows before it add
    for row in range(1, len(system)):
        lower[row, :row] = -np.linalg.solve(system[:row, :row].T, system[row, :row])
    pieces, expected = lower @ squares(y), lower @ system @ kept
    rng, draws = np.random.default_rng(rng), np.empty((bootstrap, len(kept)))
    for draw in draws:
        made = np.zeros(n)
        for place in range(-1, len(factors)):
            made += homes[place] @ (rng.standard_normal(len(sizes[place])) * np.sqrt(kept[place]))
        ratio = lower @ squares(made) / expected
        draw[:] = np.linalg.solve(lower @ system, pieces / np.maximum(ratio, 1e-9))
    total = draws.clip(min=0).sum(axis=1, keepdims=True)

    sets, names, groups = np.eye(len(kept)), [*factors, "residual"], [*map(len, sizes)]
    if together:
        sets = np.vstack([sets, [name in together for name in names]])
        names, groups = [*names, " and ".join(together)], [*groups, 0]
    low, high = percentile_interval((draws / total) @ sets.T, confidence_level)
    columns = {"component": names, "variance": sets @ kept, "share": sets @ kept / kept.sum()}
    return pd.DataFrame(columns | {"low": low.clip(0, 1), "high": high.clip(0, 1), "groups": groups})
