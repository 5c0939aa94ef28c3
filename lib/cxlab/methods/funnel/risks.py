"""What happens to customers at a stage: they go on, they leave, or nobody knows yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cxlab.evidence.errors import InputError

from ..intervals import normal_quantile
from .frames import times
from .local import Columns
from .semantics import DAY, rules_of

__all__ = ["cumulative_incidence", "stage_risks"]


def cumulative_incidence(
    time: ArrayLike,
    cause: ArrayLike,
    *,
    at: Sequence[float] | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the probability that each cause has happened by a time, with the other causes competing.

    The Aalen-Johansen estimator: unlike one minus Kaplan-Meier it does not pretend that who left could still convert.

    Parameters
    ----------
    time : array
        Until the event or the end of observation; not negative, any unit.
    cause : array of int
        0: still open at ``time`` (censored); 1, 2, ...: what happened.
    at : times, optional
        Where to read the curves; default every time at which something happened.

    Returns
    -------
    DataFrame
        ``cause time at_risk incidence se low high``; the interval is on the log(-log) scale, so it stays in 0..1.

    Notes
    -----
    Aalen & Johansen (1978). At equal times events come before censoring. Variance: the delta method (Gaynor et al.
    1993), as in R's survfit. It assumes that being censored says nothing about what would have happened.
    """
    time, cause = np.asarray(time, dtype=float), np.asarray(cause, dtype=int)
    if time.shape != cause.shape or time.ndim != 1:
        raise InputError(
            f"time has shape {time.shape} and cause {cause.shape}; give one value a customer in each"
        )
    if time.size and (np.isnan(time).any() or time.min() < 0 or cause.min() < 0):
        raise InputError("time must not be negative or missing, and cause must be 0 (open), 1, 2, ...")
    z = normal_quantile(confidence_level)
    moments, place = np.unique(time, return_inverse=True)
    kinds = np.unique(cause[cause > 0])
    per_cause = {k: np.bincount(place[cause == k], minlength=moments.size) for k in kinds}
    every = sum(per_cause.values(), np.zeros(moments.size, dtype=int))
    risk = time.size - np.concatenate(([0], np.cumsum(np.bincount(place, minlength=moments.size))[:-1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - every / risk)
    before = np.concatenate(([1.0], survival[:-1])) if moments.size else survival
    happened = every > 0
    points = moments[happened] if at is None else np.asarray(at, dtype=float)
    index = np.searchsorted(moments, points, "right") - 1
    parts = []
    for kind in kinds:
        own = per_cause[kind]
        incidence = np.cumsum(before * own / risk)
        variance = _variance(incidence, before, own, every, risk)
        value = np.where(index >= 0, incidence[index], 0.0)
        se = np.sqrt(np.where(index >= 0, variance[index], 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = z * se / np.abs(value * np.log(value))
            low, high = value ** np.exp(spread), value ** np.exp(-spread)
        inside = (value > 0) & (value < 1)
        later = np.searchsorted(moments, points, "left").clip(max=max(moments.size - 1, 0))
        left = np.where(points <= (moments[-1] if moments.size else 0), risk[later], 0)
        parts.append(
            pd.DataFrame(
                {
                    "cause": kind,
                    "time": points,
                    "at_risk": left,
                    "incidence": value,
                    "se": se,
                    "low": np.where(inside, low, value),
                    "high": np.where(inside, high, value),
                }
            )
        )
    names = ["cause", "time", "at_risk", "incidence", "se", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def _variance(incidence, before, own, every, risk):
    """The delta-method variance at every moment, from running sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(risk > every, every / (risk * (risk - every)), 0.0)
        b = before**2 * own * (risk - own) / risk**3
        c = before * own / risk**2
    f = incidence
    sum_a, sum_af, sum_aff = np.cumsum(a), np.cumsum(a * f), np.cumsum(a * f**2)
    sum_c, sum_cf = np.cumsum(c), np.cumsum(c * f)
    made = f**2 * sum_a - 2 * f * sum_af + sum_aff + np.cumsum(b) - 2 * (f * sum_c - sum_cf)
    return np.maximum(made, 0.0)


def stage_risks(
    events: pd.DataFrame,
    *,
    steps: Sequence[str],
    leave: str | Iterable[str] = (),
    observed_until: object = None,
    points: int = 40,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return, for each step, how many have gone on and how many have left after so many days.

    The clock of a step starts when the customer first completes it (after the steps before it); it ends at the next
    step, at an event of ``leave``, or at the end of observation: open customers count as open, not as lost.

    Parameters
    ----------
    events : DataFrame
        ``customer_id event timestamp``.
    steps : sequence of str
    leave : event names
        What counts as leaving; none: everybody who did not go on is open.
    observed_until : timestamp, optional
        Default: the latest event.
    points : int
        Times a curve is read at: quantiles of the observed times.

    Returns
    -------
    DataFrame
        ``step outcome days at_risk incidence low high``; outcome is ``next step`` or ``left``. What is missing to 1 is
        still open. One row at ``days`` 0 where nobody reached the step.
    """
    rules = rules_of(steps, None)
    leaving = [leave] if isinstance(leave, str) else list(leave)
    columns = Columns()
    wanted = [*rules.steps, *leaving]
    log = events[events[columns.event].isin(wanted) & events[columns.customer].notna()]
    stamp = times(log[columns.timestamp])
    log, stamp = log[stamp != np.iinfo(np.int64).min], stamp[stamp != np.iinfo(np.int64).min]
    until = int(stamp.max()) if observed_until is None and stamp.size else 0
    if observed_until is not None:
        until = int(times(pd.Series([pd.Timestamp(observed_until)]))[0])
    person = pd.factorize(log[columns.customer])[0]
    code = pd.Index(wanted).get_indexer(pd.Index(log[columns.event])).clip(max=len(steps))
    inside = stamp <= until
    order = np.lexsort((code[inside], stamp[inside], person[inside]))
    person, stamp, code = person[inside][order], stamp[inside][order], code[inside][order]
    never = np.iinfo(np.int64).max
    size = int(person.max()) + 1 if person.size else 0
    row = np.arange(person.size)
    reached = np.full(size, -1)
    parts = []
    for k, step in enumerate(rules.steps):
        reached = _first_after(person, row, code == k, reached, size)
        if k == len(rules.steps) - 1:
            break
        here = reached < never
        following = _first_after(person, row, code == k + 1, np.where(here, reached, never), size)[here]
        gone = _first_after(person, row, code == len(steps), np.where(here, reached, never), size)[here]
        begin = stamp[reached[here]]
        end = np.where(
            np.minimum(following, gone) < never,
            stamp[np.minimum(following, gone).clip(max=max(person.size - 1, 0))],
            until,
        )
        cause = np.where(np.minimum(following, gone) == never, 0, np.where(following < gone, 1, 2))
        days = (end - begin) / DAY
        grid = np.unique(np.quantile(days, np.linspace(0, 1, points))) if days.size else np.array([0.0])
        made = cumulative_incidence(days, cause, at=grid, confidence_level=confidence_level)
        for kind, outcome in ((1, "next step"), (2, "left")):
            own = made[made["cause"] == kind].drop(columns=["cause", "se"])
            if own.empty and (kind == 1 or leaving):
                own = pd.DataFrame(
                    {"time": grid, "at_risk": days.size, "incidence": 0.0, "low": 0.0, "high": 0.0}
                )
            parts.append(own.assign(step=step, outcome=outcome))
    names = ["step", "outcome", "days", "at_risk", "incidence", "low", "high"]
    made = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*names, "time"])
    return made.assign(days=made["time"])[names]


def _first_after(person, row, wanted, after, size):
    """Return each person's first wanted row later than ``after``; the greatest int64 where there is none."""
    never = np.iinfo(np.int64).max
    found = np.full(size, never)
    rows = row[wanted]
    rows = rows[rows > after[person[rows]]] if rows.size else rows
    found[person[rows][::-1]] = rows[::-1]
    found[after == never] = never
    return found
