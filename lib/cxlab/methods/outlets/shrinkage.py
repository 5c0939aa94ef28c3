"""Beta-binomial empirical Bayes: each outlet's rate with the strength of all the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, normal_quantile, percentile_interval

from ._checks import counts, require

__all__ = ["HoldoutError", "beta_binomial", "holdout_error", "shrink_rates"]


def beta_binomial(satisfied: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """Return the maximum-likelihood (a, b) of a beta distribution of rates from binomial counts.

    Counts that are no more spread than chance allows would send a + b to infinity; it stops at 1,000,000.

    Examples
    --------
    >>> a, b = beta_binomial(np.array([2, 9, 5, 7]), np.array([10, 10, 10, 10]))
    >>> 0.5 < a / (a + b) < 0.65
    True
    """
    from scipy.optimize import minimize
    from scipy.special import betaln, expit, psi

    x, n = np.asarray(satisfied, float), np.asarray(n, float)
    mean = np.clip(x.sum() / n.sum(), 1e-4, 1 - 1e-4)

    def loss(parameters):
        centre, size = expit(parameters[0]), np.exp(parameters[1])
        a, b = centre * size, (1 - centre) * size
        value = (betaln(x + a, n - x + b) - betaln(a, b)).mean()
        common = psi(size) - psi(n + size)
        by_a = (psi(x + a) - psi(a) + common).mean()
        by_b = (psi(n - x + b) - psi(b) + common).mean()
        slope = np.array([(by_a - by_b) * size * centre * (1 - centre), by_a * a + by_b * b])
        return -value, -slope

    best = None
    for size in (5.0, 100.0):
        start = np.array([np.log(mean / (1 - mean)), np.log(size)])
        bounds = [(-12, 12), (np.log(0.05), np.log(1e6))]
        options = {"ftol": 1e-13, "gtol": 1e-9}
        found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
        best = found if best is None or found.fun < best.fun else best
    centre, size = float(expit(best.x[0])), float(np.exp(best.x[1]))
    return centre * size, (1 - centre) * size


def shrink_rates(
    data: pd.DataFrame,
    *,
    confidence_level: float = 0.95,
    draws: int = 1000,
    rng: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Return each outlet's rate, pulled to the common distribution as far as its own count is thin.

    Parameters
    ----------
    data : DataFrame
        One row an outlet: ``outlet``, ``n`` (rated visits, at least 1), ``satisfied`` (0..n; fractions are allowed,
        such as counts adjusted for case mix).
    confidence_level : float
        Of the interval of the rate and of the rank.
    draws : int
        Draws from the posterior for the ranks.
    rng : int, Generator or None
        Seed of those draws (0, so that the same data give the same ranks).

    Returns
    -------
    DataFrame, rows in the order of the input
        ``outlet``; ``rate low high`` posterior mean and interval, 0..1; ``rank rank_low rank_high`` posterior mean
        rank, rounded to whole places without ties, and its interval, 1 the best.

    Raises
    ------
    InputError
        For missing columns, impossible counts, duplicate outlets.

    Notes
    -----
    Rates are Beta(a, b) with a, b by maximum likelihood (Efron & Morris 1975 in spirit); the posterior is
    Beta(a + satisfied, b + n - satisfied). Intervals treat a and b as known, which is fair from some 30 outlets on.
    Rank intervals: Goldstein & Spiegelhalter (1996). It shrinks truly outlying small outlets too.

    Examples
    --------
    >>> counts = pd.DataFrame({"outlet": ["A", "B", "C"], "n": [10, 1000, 100], "satisfied": [10, 800, 60]})
    >>> shrink_rates(counts)["rank"].tolist()
    [1, 2, 3]
    """
    from scipy.special import betaincinv

    require(data, ["outlet"])
    x, n = counts(data)
    if data["outlet"].duplicated().any():
        repeated = data.loc[data["outlet"].duplicated(), "outlet"].iloc[0]
        raise InputError(
            f"outlet={repeated!r} has several rows: sum n and satisfied to one row an outlet first"
        )
    normal_quantile(confidence_level)
    if draws < 1:
        raise ValueError(f"draws={draws} must be at least 1; 1000 is usual")
    a, b = beta_binomial(x, n)
    tail = (1 - confidence_level) / 2
    alpha, beta = a + x, b + n - x
    ranks = np.empty((draws, len(x)), dtype=np.int32)
    rng = generator(rng)
    places = np.arange(1, len(x) + 1, dtype=np.int32)
    for draw in range(draws):
        ranks[draw, np.argsort(-rng.beta(alpha, beta))] = places
    expected = ranks.mean(axis=0)
    rank = np.empty(len(x), dtype=np.int64)
    rank[np.lexsort((-alpha / (alpha + beta), expected))] = places
    rank_low, rank_high = np.quantile(ranks, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return pd.DataFrame(
        {
            "outlet": data["outlet"].to_numpy(),
            "rate": alpha / (alpha + beta),
            "low": betaincinv(alpha, beta, tail),
            "high": betaincinv(alpha, beta, 1 - tail),
            "rank": rank,
            "rank_low": np.minimum(rank_low.astype(np.int64), rank),
            "rank_high": np.maximum(rank_high.astype(np.int64), rank),
        }
    )


class HoldoutError(NamedTuple):
    """How well each outlet's rate on one half of its visits predicts the other half.

    Attributes
    ----------
    ratio, low, high : float
        Squared error of shrunk rates over that of raw ones; below 1 shrinking helps.
    shrunk, raw : float
        Mean squared errors, the chance of the other half taken out.
    outlets : int
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
    splits: int = 10,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> HoldoutError:
    """Compare shrunk and raw rates on visits that were held out.

    Parameters
    ----------
    data : DataFrame
        ``outlet n satisfied`` in whole visits; outlets with fewer than 4 are left out.
    splits : int
        Random halves over which the errors are averaged.
    bootstrap : int
        Resamples of outlets for the interval.

    Returns
    -------
    HoldoutError

    Notes
    -----
    Given its counts, a random half of an outlet's visits has a hypergeometric number of satisfied ones: no visit has
    to be read again. What the held-out half owes to chance, its unbiased binomial variance, is taken off both errors.
    """
    x, n = counts(data)
    x, n = x[n >= 4].astype(np.int64), n[n >= 4].astype(np.int64)
    if len(n) < 10:
        raise InputError(f"{len(n)} outlets have 4 or more rated visits: at least 10 are needed")
    rng = generator(rng)
    shrunk_error, raw_error = np.zeros(len(n)), np.zeros(len(n))
    half = n // 2
    for _ in range(splits):
        known = rng.hypergeometric(x, n - x, half)
        held, size = (x - known) / (n - half), n - half
        noise = held * (1 - held) / (size - 1)
        a, b = beta_binomial(known, half)
        shrunk_error += ((known + a) / (half + a + b) - held) ** 2 - noise
        raw_error += (known / half - held) ** 2 - noise
    pick = rng.integers(0, len(n), (bootstrap, len(n)))
    draws = shrunk_error[pick].sum(axis=1) / raw_error[pick].sum(axis=1)
    low, high = percentile_interval(draws, confidence_level)
    scale = len(n) * splits
    return HoldoutError(
        float(shrunk_error.sum() / raw_error.sum()),
        float(low),
        float(high),
        float(shrunk_error.sum() / scale),
        float(raw_error.sum() / scale),
        len(n),
    )
