"""Time until something happens, with cases still open: one cause or several that compete."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cxlab.data.errors import InputError
from cxlab.stats.intervals import normal_quantile


def cumulative_incidence(
    time: ArrayLike, cause: ArrayLike, *, at: Sequence[float] | None = None, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return the probability that each cause has happened by a time, with the other causes competing.

    The Aalen-Johansen estimator (1978): unlike one minus Kaplan-Meier it does not pretend that who left could
    still convert; with a single cause it is one minus Kaplan-Meier. ``time`` is until the event or the end of
    observation, ``cause`` 0 where it was still open then (censored), else 1, 2, ... ``at`` are the times to
    read, by default all at which something happened; events come before censoring at equal times.

    Columns: ``cause time at_risk incidence se low high``; the variance is the delta method's (Gaynor et al.
    1993) as in R's survfit, the interval on the log(-log) scale. Being censored must say nothing about what
    would have happened.
    """
    time, cause = np.asarray(time, dtype=float), np.asarray(cause, dtype=int)
    if time.shape != cause.shape or time.ndim != 1:
        raise InputError(f"time {time.shape} and cause {cause.shape} must hold one value a customer each")
    if time.size and (np.isnan(time).any() or time.min() < 0 or cause.min() < 0):
        raise InputError("time must not be negative or missing, and cause must be 0 (open), 1, 2, ...")
    moments, place, ended = np.unique(time, return_inverse=True, return_counts=True)
    kinds = np.unique(cause[cause > 0]).tolist()
    counts = [np.bincount(place[cause == kind], minlength=moments.size) for kind in kinds]
    every = sum(counts, np.zeros(moments.size, dtype=int))
    risk = ended[::-1].cumsum()[::-1]
    before = np.append(1.0, np.cumprod(1 - every / risk))[: moments.size]
    points = moments[every > 0] if at is None else np.asarray(at, dtype=float)
    index = np.searchsorted(moments, points, "right") - 1
    later = np.append(risk, 0)[np.searchsorted(moments, points, "left")]
    parts = []
    for kind, own in zip(kinds, counts, strict=True):
        incidence = np.cumsum(before * own / risk)
        se = np.sqrt(_variance(incidence, before, own, every, risk))
        value, se = (np.where(index >= 0, curve[index], 0.0) for curve in (incidence, se))
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = normal_quantile(confidence_level) * se / np.abs(value * np.log(value))
            low, high = value ** np.exp(spread), value ** np.exp(-spread)
        inside = (value > 0) & (value < 1)
        limits = {"low": np.where(inside, low, value), "high": np.where(inside, high, value)}
        curve = {"cause": kind, "time": points, "at_risk": later, "incidence": value, "se": se} | limits
        parts.append(pd.DataFrame(curve))
    names = ["cause", "time", "at_risk", "incidence", "se", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def _variance(incidence, before, own, every, risk):
    """The delta-method variance at every moment, from running sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(risk > every, every / (risk * (risk - every)), 0.0)
        b = before**2 * own * (risk - own) / risk**3
        c = before * own / risk**2
    f = incidence
    made = f**2 * np.cumsum(a) - 2 * f * np.cumsum(a * f) + np.cumsum(a * f**2)
    return np.maximum(made + np.cumsum(b) - 2 * (f * np.cumsum(c) - np.cumsum(c * f)), 0.0)
