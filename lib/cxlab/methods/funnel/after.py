"""Around the funnel: where people go when they drop, who comes back, what a hurdle and a breakdown do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from ..intervals import newcombe, normal_quantile
from .frames import times
from .local import Columns
from .risks import cumulative_incidence
from .semantics import DAY, NEVER, microseconds, rules_of

__all__ = ["RateRatio", "breakdown_to_churn", "first_and_repeat", "hurdle_effect", "paths_after_drop"]


class RateRatio(NamedTuple):
    """Leaving after a breakdown against before it.

    Attributes
    ----------
    ratio, low, high : float
        Hazard after divided by hazard before, with its log-normal interval.
    left_after, left_before : int
        Customers who left.
    days_after, days_before : float
        Days at risk.
    """

    ratio: float
    low: float
    high: float
    left_after: int
    left_before: int
    days_after: float
    days_before: float


def paths_after_drop(
    events: pd.DataFrame, *, steps: Sequence[str], at: str, depth: int = 3, most: int = 6
) -> pd.DataFrame:
    """Return what customers did after ``at`` who never went on from there in order.

    Parameters
    ----------
    events : DataFrame
        ``customer_id event timestamp``.
    steps : sequence of str
    at : str
        The last step that they reached (in order, without a time limit).
    depth : int
        Events to follow after the last ``at`` of a customer.
    most : int
        Names kept at each position; the rest is called ``(other)``.

    Returns
    -------
    DataFrame
        ``position source target customers share``: customers who went from ``source`` (their event at that position;
        position 0 is ``at``) to ``target``; ``(end)`` is the end of their log. ``share`` is of all who dropped.
    """
    rules = rules_of(steps, None)
    if at not in rules.steps[:-1]:
        raise InputError(f"at={at!r} must be a step before the last: {', '.join(rules.steps[:-1])}")
    log = _ordered(events)
    level = _level(log, rules.steps)
    dropped = level.index[level == rules.steps.index(at) + 1]
    log = log[log["person"].isin(dropped)]
    last = log["row"].where(log["event"] == at).groupby(log["person"]).transform("max")
    following = log[log["row"] > last]
    following = following.assign(position=following.groupby("person").cumcount() + 1)
    wide = following[following["position"] <= depth].pivot(index="person", columns="position", values="event")
    wide = wide.reindex(index=dropped, columns=range(1, depth + 1)).astype(object)
    wide = wide.where(wide.notna(), "(end)")
    for position in wide.columns:
        common = wide[position][wide[position] != "(end)"].value_counts().index[:most]
        wide[position] = wide[position].where(wide[position].isin([*common, "(end)"]), "(other)")
    wide.insert(0, 0, at)
    parts = []
    for position in range(depth):
        pair = wide[[position, position + 1]].set_axis(["source", "target"], axis=1)
        pair = pair[pair["source"] != "(end)"]
        counted = pair.value_counts(sort=False).rename("customers").reset_index()
        parts.append(counted.assign(position=position))
    made = pd.concat(parts, ignore_index=True)
    made["share"] = made["customers"] / max(len(dropped), 1)
    made = made.sort_values(
        ["position", "customers", "source", "target"], ascending=[True, False, True, True]
    )
    return made[["position", "source", "target", "customers", "share"]].reset_index(drop=True)


def _ordered(events: pd.DataFrame) -> pd.DataFrame:
    columns = Columns()
    log = pd.DataFrame(
        {
            "person": events[columns.customer].to_numpy(),
            "event": events[columns.event].astype("str").to_numpy(),
            "time": times(events[columns.timestamp]),
        }
    )
    log = log[log["person"].notna() & (log["time"] != np.iinfo(np.int64).min)]
    log = log.sort_values(["person", "time"], kind="stable", ignore_index=True)
    return log.assign(row=np.arange(len(log)))


def _level(log: pd.DataFrame, steps: Sequence[str]) -> pd.Series:
    """Return the last step that each customer reached in order."""
    reached = pd.Series(-1, index=pd.unique(log["person"]))
    level = pd.Series(0, index=reached.index)
    for k, step in enumerate(steps):
        rows = log[log["event"] == step]
        # equal times count in step order, whatever the order of the rows
        since = rows["person"].map(reached)
        first = rows[rows["time"] >= since].groupby("person")["time"].min()
        reached = first.reindex(reached.index).astype("float64").fillna(np.inf)
        level[reached < np.inf] = k + 1
    return level


def first_and_repeat(
    events: pd.DataFrame,
    *,
    event: str,
    windows: Iterable[object] = ("4w", "8w", "12w", "26w", "52w"),
    observed_until: object = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the share of first-time customers who come back within each window.

    Parameters
    ----------
    events : DataFrame
        ``customer_id event timestamp``; several events of one customer at one time count once.
    event : str
        For example "purchase".
    windows : time spans
    observed_until : timestamp, optional
        Default: the latest event of the table.

    Returns
    -------
    DataFrame
        ``window customers repeated naive share low high open``: ``repeated`` of ``customers`` came back in time;
        ``naive`` divides the two, ``share`` also allows for those whose window is still ``open`` (Kaplan-Meier).
    """
    log = _ordered(events)
    until = int(log["time"].max()) if len(log) else 0
    if observed_until is not None:
        until = int(times(pd.Series([pd.Timestamp(observed_until)]))[0])
    log = log[(log["event"] == event) & (log["time"] <= until)].drop_duplicates(["person", "time"])
    if log.empty:
        raise InputError(f"event={event!r} never occurs; choose one of the events in the table")
    grouped = log.groupby("person")["time"]
    first, second = grouped.min(), grouped.apply(lambda own: own.iloc[1] if len(own) > 1 else NEVER)
    back = (second < NEVER).to_numpy()
    days = np.where(back, second - first, until - first) / DAY
    rows = []
    for window in windows:
        span = microseconds(window, argument="windows")
        inside = int(np.count_nonzero(back & (days <= span / DAY)))
        curve = cumulative_incidence(
            days, back.astype(int), at=[span / DAY], confidence_level=confidence_level
        )
        share, low, high = curve.loc[0, ["incidence", "low", "high"]] if len(curve) else (0.0, 0.0, 0.0)
        still = int(np.count_nonzero(~back & (days < span / DAY)))
        rows.append(
            (
                pd.Timedelta(microseconds=span),
                len(first),
                inside,
                inside / len(first),
                share,
                low,
                high,
                still,
            )
        )
    return pd.DataFrame(
        rows, columns=["window", "customers", "repeated", "naive", "share", "low", "high", "open"]
    )


def hurdle_effect(
    customers: pd.DataFrame,
    *,
    score: str,
    hurdle: str = "hurdle",
    converted: str = "converted",
    groups: int = 4,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return what a hurdle does to conversion, by how good the score is.

    Parameters
    ----------
    customers : DataFrame
        One row a customer who stood before the step: ``hurdle`` and ``converted`` are flags, ``score`` a number.
    groups : int
        Equal groups of the score, 1 the lowest; the top quarter by default decides.

    Returns
    -------
    DataFrame
        ``group customers with_hurdle without_hurdle difference low high``: conversion with the hurdle less without
        (Newcombe's interval). NaN where a group has none of one kind. A difference is a comparison of customers who
        met the hurdle with others, not the effect of removing it, unless hurdles came by chance.
    """
    for name in (score, hurdle, converted):
        if name not in customers:
            raise InputError(
                f"customers has no column {name!r}; there are {', '.join(map(str, customers.columns))}"
            )
    data = customers.dropna(subset=[score, hurdle, converted])
    rank = data[score].rank(method="first")
    group = np.ceil(rank / max(len(data), 1) * groups).astype(int)
    rows = []
    for number in range(1, groups + 1):
        own = data[group == number]
        met, missed = own[own[hurdle].astype(bool)][converted], own[~own[hurdle].astype(bool)][converted]
        values = (np.nan,) * 3
        if len(met) and len(missed):
            values = newcombe(int(met.sum()), len(met), int(missed.sum()), len(missed), confidence_level)
        rows.append((number, len(own), met.mean(), missed.mean(), *values))
    names = ["group", "customers", "with_hurdle", "without_hurdle", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def breakdown_to_churn(
    events: pd.DataFrame,
    *,
    start: str,
    breakdown: str,
    leave: str,
    observed_until: object = None,
    confidence_level: float = 0.95,
) -> RateRatio:
    """Return how much faster customers leave after a breakdown than before one.

    Days at risk run from ``start`` to leaving or the end of observation and change sides at the first breakdown, so a
    customer who stayed long enough to see a breakdown is not counted as one who stayed in spite of it.

    Returns
    -------
    RateRatio
        NaN limits where one side has nobody who left.

    Notes
    -----
    Person-time rates with a log-normal interval (constant hazard on each side; Rothman, Greenland & Lash 2008).
    """
    log = _ordered(events)
    until = int(log["time"].max()) if observed_until is None and len(log) else 0
    if observed_until is not None:
        until = int(times(pd.Series([pd.Timestamp(observed_until)]))[0])
    begin = log[log["event"] == start].groupby("person")["time"].min()
    log = log[log["person"].isin(begin.index)]
    log = log[log["time"] >= log["person"].map(begin)]
    gone = log[log["event"] == leave].groupby("person")["time"].min().reindex(begin.index)
    broke = log[log["event"] == breakdown].groupby("person")["time"].min().reindex(begin.index)
    end = gone.fillna(until).clip(upper=until)
    change = broke.where(broke < end, end)
    before, after = ((change - begin) / DAY).sum(), ((end - change) / DAY).sum()
    left = gone.notna() & (gone <= until)
    left_after = int((left & (broke < end)).sum())
    left_before = int(left.sum()) - left_after
    if not left_after or not left_before or before <= 0 or after <= 0:
        return RateRatio(np.nan, np.nan, np.nan, left_after, left_before, float(after), float(before))
    ratio = (left_after / after) / (left_before / before)
    spread = normal_quantile(confidence_level) * np.sqrt(1 / left_after + 1 / left_before)
    limits = ratio * np.exp(-spread), ratio * np.exp(spread)
    return RateRatio(float(ratio), *map(float, limits), left_after, left_before, float(after), float(before))
