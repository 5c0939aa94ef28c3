"""A log of whole customers: the steps it suggests, whether it has an order, who goes on or leaves, when."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cxlab.stats.funnel.scan import DAY, NEVER
from cxlab.stats.intervals import normal_quantile

LEAVING = re.compile(
    r"^left\b|leav|churn|cancel|quit|unsubscri|closed|kuendig|kündig|storn|abgemeldet|abgewandert"
)
_LARGE = 3_000_000  # rows that are read; beyond, every k-th customer


def customer_log(frame: Any) -> pd.DataFrame:
    """Return ``person event time`` (0, 1, ...; text; microseconds) by person and time; whole customers.

    ``frame`` is a DataFrame or an ibis table of ``customer_id event timestamp``.
    """
    if not hasattr(frame, "iloc"):
        parts = -(-int(frame.count().execute()) // _LARGE)
        if parts > 1:
            frame = frame.filter(frame.customer_id.cast("string").hash() % parts == 0)
        frame = frame.select("customer_id", "event", "timestamp").execute()
    frame = frame[["customer_id", "event", "timestamp"]].dropna()
    person, event = pd.factorize(frame["customer_id"])[0], frame["event"].astype("str").str.strip()
    time = pd.to_datetime(frame["timestamp"], utc=True).dt.as_unit("us").astype("int64")
    log = pd.DataFrame({"person": person, "event": event, "time": time})
    return log.sort_values(["person", "time"], kind="stable", ignore_index=True)


def propose_steps(log: pd.DataFrame, most: int = 6) -> list[str]:
    """Return steps for a log: what many customers meet, in the order in which most of them meet it.

    Events of leaving are no steps, nor is what most of those who came further went without. A log with one
    kind of event gives its first, second and third time.
    """
    first = log.groupby(["event", "person"], sort=False)["time"].min().reset_index()
    holders = first["event"].value_counts()
    holders = holders[[not LEAVING.search(name.lower()) for name in holders.index]]
    names = list(holders.index[holders >= 0.05 * log["person"].nunique()][:most])
    if len(names) < 2:
        return (names or list(log["event"].unique()[:1])) * 3
    chosen = first[first["event"].isin(names)]
    wide = chosen.pivot(index="person", columns="event", values="time")[names].to_numpy()
    ahead = np.zeros(len(names))
    for i in range(len(names)):
        sign = np.sign(wide - wide[:, [i]])  # 1 where the other one came later
        both = np.maximum((~np.isnan(sign)).sum(axis=0), 1)
        ahead[i] = (np.nansum(sign, axis=0) / both).sum()
    order = np.argsort(-ahead, kind="stable")
    held = ~np.isnan(wide[:, order])
    later = [held[:, k + 1 :].any(axis=1) for k in range(len(names))]
    passed = [held[own, k].mean() >= 0.5 if own.any() else True for k, own in enumerate(later)]
    kept = [names[i] for i, stays in zip(order, passed, strict=True) if stays]
    return kept if len(kept) > 1 else [names[i] for i in order]


def in_order(log: pd.DataFrame, steps: Sequence[str]) -> bool:
    """Tell whether going from a step to the next is commoner than going back; not so in shuffled steps."""
    code = log["event"].map({step: k for k, step in enumerate(dict.fromkeys(steps))})
    own = log[code.notna()].assign(code=code)
    before = own.groupby("person")[["code", "time"]].shift()
    change = (own["code"] - before["code"])[own["time"] > before["time"]]
    forward, back = int((change == 1).sum()), int((change == -1).sum())
    return forward + back < 30 or forward >= 0.6 * (forward + back)


def spells(log: pd.DataFrame, steps: Sequence[str], leaving: Sequence[str]) -> list[pd.DataFrame]:
    """Return what followed each step but the last, one row a customer: ``days cause watched``.

    The clock starts when a customer first completes the step after the steps before it; cause 1 is the next
    step, 2 an event of leaving, 0 still open when the log ends; ``watched`` are the days until then.
    """
    person, time, event = (log[name].to_numpy() for name in ("person", "time", "event"))
    row, until, size = np.arange(len(log)), time.max(), int(person.max()) + 1

    def first_after(wanted: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Each person's first wanted row later than ``after``; NEVER where there is none."""
        rows = row[wanted & (row > after[person])]
        found = np.full(size, NEVER)
        found[person[rows][::-1]] = rows[::-1]
        return found

    reached, made = np.full(size, -1), []
    for step, following in zip(steps[:-1], steps[1:], strict=True):
        reached = first_after(event == step, reached)
        here = reached < NEVER
        on, off = (first_after(own, reached)[here] for own in (event == following, np.isin(event, leaving)))
        end, begin = np.minimum(on, off), time[reached[here]]
        stop = np.where(end < NEVER, time[np.minimum(end, len(log) - 1)], until)
        cause = np.where(end == NEVER, 0, np.where(on < off, 1, 2))
        days, watched = (stop - begin) / DAY, (until - begin) / DAY
        made.append(pd.DataFrame({"days": days, "cause": cause, "watched": watched}))
    return made


def cumulative_incidence(
    time: ArrayLike, cause: ArrayLike, at: ArrayLike, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return the probability that each cause has happened by the times ``at``, the other causes competing.

    The Aalen-Johansen estimator (1978): unlike one minus Kaplan-Meier it does not pretend that who left could
    still convert; with a single cause it is one minus Kaplan-Meier. ``time`` is until the event or the end of
    observation, ``cause`` 0 where it was still open then (censored), else 1, 2, ... Being censored must say
    nothing about what would have happened.

    Columns: ``cause time at_risk incidence low high``; the interval is on the log(-log) scale, its variance
    the delta method's (Gaynor et al. 1993) as in R's survfit.
    """
    time, cause = np.asarray(time, dtype=float), np.asarray(cause, dtype=int)
    moments, place, ended = np.unique(time, return_inverse=True, return_counts=True)
    every, risk = np.bincount(place[cause > 0], minlength=moments.size), ended[::-1].cumsum()[::-1]
    before = np.append(1.0, np.cumprod(1 - every / risk))[:-1]
    gone = np.where(risk > every, every / (risk * np.maximum(risk - every, 1)), 0.0)
    reached = np.searchsorted(moments, at, "right")
    at_risk = np.append(risk, 0)[np.searchsorted(moments, at, "left")]
    parts = [pd.DataFrame(columns=["cause", "time", "at_risk", "incidence", "low", "high"])]
    for kind in range(1, cause.max() + 1):
        own = np.bincount(place[cause == kind], minlength=moments.size)
        curve, part = np.cumsum(before * own / risk), before * own / risk**2
        variance = curve**2 * np.cumsum(gone) - 2 * curve * np.cumsum(gone * curve + part)
        variance += np.cumsum((gone * curve + 2 * part) * curve + before**2 * own * (risk - own) / risk**3)
        value, error = (np.append(0.0, line)[reached] for line in (curve, np.sqrt(variance.clip(0))))
        inside = (value > 0) & (value < 1)
        safe = np.where(inside, value, 0.5)
        spread = normal_quantile(confidence_level) * error / np.abs(safe * np.log(safe))
        low, high = (np.where(inside, safe ** np.exp(way * spread), value) for way in (1, -1))
        columns = {"cause": kind, "time": at, "at_risk": at_risk, "incidence": value}
        parts.append(pd.DataFrame(columns | {"low": low, "high": high}))
    return pd.concat(parts[1:] or parts, ignore_index=True)
