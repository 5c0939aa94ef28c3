"""Names of events, and the stages of the lifecycle that they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .local import Columns

__all__ = [
    "LIFECYCLE",
    "choose_steps",
    "customer_frame",
    "event_counts",
    "stage_map",
    "to_stages",
    "with_unit",
]

LIFECYCLE = ("awareness", "exploration", "evaluation", "purchase", "implementation", "after purchase")
_HINTS = {
    "after purchase": r"repeat|again|return|review|rat(e|ing)|renew|survey|adopt|after",
    "implementation": r"deliver|shipped|implement|install|onboard|activat|first_use|setup",
    "purchase": r"purchase|order|pay|checkout|buy|bought|contract|sign|shipping",
    "evaluation": r"cart|compar|trial|demo|quote|evaluat|wish|basket",
    "exploration": r"view|product|search|catalog|browse|explor|detail|filter",
    "awareness": r"visit|land|main|home|campaign|ad_|click|open|aware|session",
}
_LARGE = 3_000_000


def event_counts(events: Any, *, unit: str = "customer_id") -> pd.DataFrame:
    """Return how often each event occurs, in a DataFrame or an ibis table.

    Returns
    -------
    DataFrame
        ``event events customers``, the most frequent first; ``customers`` counts distinct values of ``unit``.
    """
    columns = Columns()
    if hasattr(events, "iloc"):
        grouped = events.groupby(columns.event)[unit]
        made = pd.DataFrame({"events": grouped.size(), "customers": grouped.nunique()}).reset_index()
    else:
        made = (
            events.group_by(columns.event)
            .aggregate(events=events.count(), customers=events[unit].nunique())
            .execute()
        )
        made = made[made[columns.event].notna()]
    made = made.rename(columns={columns.event: "event"}).astype({"event": "str"})
    return made.sort_values(["events", "event"], ascending=[False, True], ignore_index=True)


def stage_map(
    events: Any, stages: Mapping[str, str] | None = None, *, unit: str = "customer_id"
) -> pd.DataFrame:
    """Return which stage of the lifecycle each event stands for.

    Parameters
    ----------
    events : DataFrame or ibis table
    stages : mapping of event to stage, optional
        What is not named is guessed from the event's name; map an event to "" to leave it out.

    Returns
    -------
    DataFrame
        ``stage event events customers origin``: one row an event, in the order of the stages; ``stage`` is "" for an
        event without one; one row with 0 events for a stage without an event; origin is ``given``, ``guess`` or "".
    """
    stages = dict(stages or {})
    counts = event_counts(events, unit=unit)
    named = {name: stages.get(name, _guess(name)) for name in counts["event"]}
    counts["stage"] = counts["event"].map(named)
    counts["origin"] = [
        "given" if name in stages else ("guess" if named[name] else "") for name in counts["event"]
    ]
    order = [*dict.fromkeys([*LIFECYCLE, *(stage for stage in stages.values() if stage)])]
    empty = [stage for stage in order if stage not in set(counts["stage"])]
    rows = pd.DataFrame({"stage": empty, "event": "", "events": 0, "customers": 0, "origin": ""})
    made = pd.concat([counts, rows], ignore_index=True) if empty else counts
    rank = made["stage"].map({stage: i for i, stage in enumerate(order)}).fillna(len(order))
    made = made.assign(rank=rank).sort_values(["rank", "events", "event"], ascending=[True, False, True])
    return made[["stage", "event", "events", "customers", "origin"]].reset_index(drop=True)


def _guess(name: str) -> str:
    text = re.sub(r"[\s\-]+", "_", name.lower())
    if text in {stage.replace(" ", "_") for stage in LIFECYCLE}:
        return text.replace("_", " ")
    return next((stage for stage, hint in _HINTS.items() if re.search(hint, text)), "")


def to_stages(events: Any, mapping: pd.DataFrame) -> Any:
    """Return the events with their stage as ``event``; those without a stage are left out.

    Parameters
    ----------
    events : DataFrame or ibis table
    mapping : DataFrame
        From :func:`stage_map`.
    """
    named = mapping[(mapping["stage"] != "") & (mapping["event"] != "")]
    pairs = dict(zip(named["event"], named["stage"], strict=True))
    if hasattr(events, "iloc"):
        stage = events["event"].astype("str").map(pairs)
        return events.assign(event=stage)[stage.notna()]
    stage = (
        events.event.cast("string").cases(*pairs.items(), else_=None)
        if pairs
        else events.event.nullif(events.event)
    )
    renamed = events.mutate(event=stage)
    return renamed.filter(renamed.event.notnull())


def choose_steps(events: Any, steps: Sequence[str], mapping: pd.DataFrame) -> list[str]:
    """Return the steps that occur, or where fewer than two do the most frequent event of each stage in order."""
    present = set(mapping["event"]) - {""}
    chosen = [step for step in steps if step in present]
    if len(chosen) >= 2:
        return chosen
    named = mapping[(mapping["stage"] != "") & (mapping["event"] != "")]
    best = named.drop_duplicates("stage")["event"].tolist()
    if len(best) >= 2:
        return best
    return mapping[mapping["event"] != ""].sort_values("events", ascending=False)["event"].head(6).tolist()


def with_unit(events: Any, unit: str) -> Any:
    """Return the events with ``unit`` (such as a session) as ``customer_id``; unchanged where there is no such column."""
    if unit == "customer_id" or unit not in events.columns:
        return events
    if hasattr(events, "iloc"):
        return events.assign(customer_id=events[unit])
    return events.mutate(customer_id=events[unit])


def customer_frame(events: Any, *, unit: str = "customer_id", most: int = _LARGE) -> pd.DataFrame:
    """Return a DataFrame whose ``customer_id`` is ``unit``, for the methods that read one.

    A table with more than ``most`` rows is cut to whole customers: every k-th by a hash of the customer.

    Returns
    -------
    DataFrame
        ``attrs["part"]`` is the share of customers kept.
    """
    if hasattr(events, "iloc"):
        made = events if unit == "customer_id" else events.assign(customer_id=events[unit])
        made.attrs["part"] = 1.0
        return made
    events = events if unit == "customer_id" else events.mutate(customer_id=events[unit])
    size = int(events.count().execute())
    parts = max(-(-size // most), 1)
    if parts > 1:
        events = events.filter(events.customer_id.cast("string").hash() % parts == 0)
    made = events.execute()
    made.attrs["part"] = 1 / parts
    return made
