"""A log of whole customers: which steps it suggests, whether it has an order, who goes on and who leaves."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxlab.stats.funnel.rules import DAY, NEVER
from cxlab.stats.funnel.scan import people, times

LEAVING = re.compile(
    r"^left\b|leav|churn|cancel|quit|unsubscri|closed|kuendig|kündig|storn|abgemeldet|abgewandert"
)
_LARGE = 3_000_000  # rows that are read; beyond, every k-th customer


def customer_log(frame: Any) -> pd.DataFrame:
    """Return ``person event time`` (integers, text, microseconds) by person and time; whole customers.

    ``frame`` is a DataFrame or an ibis table of ``customer_id event timestamp``.
    """
    if not hasattr(frame, "iloc"):
        parts = -(-int(frame.count().execute()) // _LARGE)
        if parts > 1:
            frame = frame.filter(frame.customer_id.cast("string").hash() % parts == 0)
        frame = frame.select("customer_id", "event", "timestamp").execute()
    ids, known = people(frame["customer_id"])
    log = pd.DataFrame({"person": ids, "event": frame["event"].to_numpy(), "time": times(frame["timestamp"])})
    log = log[(known >= 0) & (log["time"] != np.iinfo(np.int64).min) & log["event"].notna()]
    log["event"] = log["event"].astype("str").str.strip()
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
        rows = row[wanted]
        rows = rows[rows > after[person[rows]]]
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
        days = {"days": (stop - begin) / DAY, "cause": cause, "watched": (until - begin) / DAY}
        made.append(pd.DataFrame(days))
    return made
