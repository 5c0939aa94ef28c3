"""Random effects: one estimate from several, and several estimates pulled towards it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough


class Pooled(NamedTuple):
    """A random-effects estimate with its interval, the spread between groups, and where a new group would
    lie.
    """

    estimate: float
    low: float
    high: float
    predicted_low: float
    predicted_high: float
    tau: float
    tau_low: float
    tau_high: float
    p: float


def pool(estimates, variances, level: float = 0.95) -> tuple[Pooled, pd.DataFrame]:
    """Pool estimates of several groups (DerSimonian & Laird 1986), and shrink each towards the mean (Efron &
    Morris 1975).

    Parameters
    ----------
    estimates, variances : sequences of numbers
        At least two groups, sampling variances above 0.
    level : float
        Of the intervals: Hartung-Knapp for the mean, t with k - 2 degrees for a new group (Higgins et al.
        2009; unknown for two groups), Q-profile for the standard deviation between groups (Viechtbauer 2007).

    Returns
    -------
    Pooled, DataFrame
        The table has ``estimate shrunk low high weight`` in the order of the input.
    """
    from scipy import stats

    y, v = np.asarray(estimates, float), np.asarray(variances, float)
    if len(y) < 2 or not (np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all()):
        raise NotEnough("at least two groups with an estimate and its error are needed")
    w, df = 1 / v, len(y) - 1

    def heterogeneity(tau2: float) -> float:
        weight = 1 / (v + tau2)
        return float((weight * (y - (weight * y).sum() / weight.sum()) ** 2).sum())

    q = heterogeneity(0.0)
    tau2 = max(0.0, (q - df) / (w.sum() - (w**2).sum() / w.sum()))
    weight = 1 / (v + tau2)
    mean = float((weight * y).sum() / weight.sum())
    se = float(np.sqrt(max(heterogeneity(tau2) / df, 1.0) / weight.sum()))
    t = stats.t.ppf(0.5 + level / 2, df)
    reach = stats.t.ppf(0.5 + level / 2, df - 1) * np.sqrt(tau2 + se**2) if df > 1 else np.nan
    tail = (1 - level) / 2
    ends = [_solve(heterogeneity, stats.chi2.ppf(part, df)) ** 0.5 for part in (1 - tail, tail)]
    own = tau2 / (tau2 + v)
    shrunk = mean + own * (y - mean)
    half = stats.norm.ppf(0.5 + level / 2) * np.sqrt(own * v + (1 - own) ** 2 * se**2)
    table = pd.DataFrame(
        {"estimate": y, "shrunk": shrunk, "low": shrunk - half, "high": shrunk + half, "weight": own}
    )
    found = Pooled(mean, mean - t * se, mean + t * se, mean - reach, mean + reach, tau2**0.5, *ends,
                   float(stats.chi2.sf(q, df)))  # fmt: skip
    return found, table


def _solve(heterogeneity, target: float) -> float:
    """Return the variance at which the (falling) heterogeneity equals the target.

    0 where it is below already.
    """
    from scipy.optimize import brentq

    if heterogeneity(0.0) <= target:
        return 0.0
    top = 1.0
    while heterogeneity(top) > target:
        top *= 4
    return float(brentq(lambda tau2: heterogeneity(tau2) - target, 0.0, top, xtol=1e-12))
