"""The same numbers as one ibis expression, for DuckDB, Spark and whatever else ibis speaks.

The recurrence of ``kernel`` in SQL: per step one running maximum over a customer's rows in time order. It is exact
because the latest start that is still alive never decreases. The engine returns one row a customer; the events stay
where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxlab.evidence.errors import InputError

from .kernel import Journeys
from .local import NO_SEGMENT, Columns, Scan
from .semantics import NEVER, Rules, nearest

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["journey_table", "scan_table"]


def scan_table(events: ir.Table, columns: Columns, rules: Rules) -> Scan:
    """Scan an ibis table for a funnel, in its own engine; see ``local.scan_sql``."""
    log = _log(events, columns, rules)
    counted = log.aggregate(
        events=log.count(where=log.person.notnull() & log.moment.notnull()),
        no_customer=log.count(where=log.person.isnull()),
        no_time=log.count(where=log.person.notnull() & log.moment.isnull()),
        until=log.moment.max(where=log.person.notnull()),
    ).to_pyarrow()
    facts = {name: counted[name][0].as_py() or 0 for name in counted.column_names}
    made = journey_table(events, columns, rules, log=log).to_pyarrow()
    entered = made["entered"].to_numpy().astype(np.int64)
    durations = [
        made[f"d{k}"].fill_null(NEVER).to_numpy().astype(np.int64) for k in range(1, len(rules.steps))
    ]
    labels, segment = None, np.zeros(entered.size, np.int32)
    if columns.segment is not None:
        coded = made["label"].combine_chunks().dictionary_encode()
        found = [str(label) for label in coded.dictionary.to_pylist()]
        labels = sorted(found)
        place = np.array([labels.index(label) for label in found], np.int32)
        segment = place[coded.indices.to_numpy(False)] if found else segment
    lost = (int(facts["no_customer"]), int(facts["no_time"]))
    return Scan(
        Journeys(entered, segment, durations), labels, int(facts["events"]), *lost, int(facts["until"])
    )


def _log(events: ir.Table, columns: Columns, rules: Rules) -> ir.Table:
    import ibis

    for role, name in columns._asdict().items():
        if name is not None and name not in events.columns:
            close = nearest(name, events.columns)
            hint = f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(events.columns)}"
            raise InputError(f"events has no column {name!r} for {role}; {hint}")
    stamp = events[columns.timestamp]
    if stamp.type().is_string() or stamp.type().is_date():
        stamp = stamp.cast("timestamp")
    elif not stamp.type().is_timestamp():
        raise InputError(
            f"the column {columns.timestamp!r} is of type {stamp.type()}, not a time; convert it first"
        )
    event = events[columns.event].cast("string")
    k_steps = len(rules.steps)
    code = event.cases(
        *((step, k) for k, step in enumerate(rules.steps)),
        *((name, k_steps) for name in rules.exclude),
        else_=k_steps if rules.strict else None,
    )
    picked = {
        "person": events[columns.customer],
        "moment": _micros(stamp, events.get_backend().name),
        "code": code.cast("int32"),
    }
    if columns.segment is not None:
        picked["label"] = events[columns.segment].cast("string").fill_null(NO_SEGMENT)
    log = events.select(**picked)
    return log.filter(log.code.notnull() | ibis.literal(rules.strict))


def _micros(stamp, engine: str):
    """Return microseconds since 1970; ibis has no common name for them."""
    import ibis

    names = {"pyspark": "unix_micros", "duckdb": "epoch_us"}
    if engine in names:
        zoned = "timestamp('UTC')" if engine == "pyspark" else stamp.type()

        def micros(moment): ...

        count = ibis.udf.scalar.builtin(micros, name=names[engine], signature=((zoned,), "int64"))
        return count(stamp.cast(zoned))
    # the whole second first: some engines round where others cut
    return stamp.truncate("s").epoch_seconds().cast("int64") * 1_000_000 + stamp.microsecond().cast("int64")


def journey_table(
    events: ir.Table, columns: Columns, rules: Rules, *, log: ir.Table | None = None
) -> ir.Table:
    """Return one row a customer who met the first step, as an expression of the events' own engine.

    Parameters
    ----------
    events : ibis table
    columns : Columns
    rules : Rules

    Returns
    -------
    ibis table
        ``person entered [label] d1 d2 ...``: microseconds; ``d1`` is the shortest time from the first to the second
        step, null where it was not reached.
    """
    import ibis

    log = _log(events, columns, rules) if log is None else log
    log = log.filter(log.person.notnull() & log.moment.notnull())
    k_steps = len(rules.steps)
    groups = ["person"]
    order = [log.moment, log.code]
    if rules.strict:  # a run is a stretch of steps one right after the other
        before = log.code.lag().over(group_by="person", order_by=order)
        log = log.mutate(cut=ibis.ifelse((before + 1 == log.code) & (log.code < k_steps), 0, 1))
        log = _running(log, "run", log.cut.sum(), ["person"])
        groups.append("run")
    elif rules.exclude:
        log = log.mutate(cut=ibis.ifelse(log.code == k_steps, 1, 0))
        log = _running(log, "run", log.cut.sum(), ["person"])
        # the excluded event itself opens the next stretch; steps at the same time come before it in the order
        groups.append("run")
    gaps = rules.gaps or (NEVER,) * k_steps
    log = log.mutate(
        s0=ibis.ifelse(log.code == 0, log.moment, None), l0=ibis.ifelse(log.code == 0, log.moment, None)
    )
    for k in range(1, k_steps):
        log = _running(log, "start", log[f"s{k - 1}"].max(), groups)
        log = _running(log, "last", log[f"l{k - 1}"].max(), groups)
        valid = (log.code == k) & log.start.notnull()
        if gaps[k] != NEVER:
            valid &= log.moment - log["last"] <= gaps[k]
        log = log.mutate(
            **{f"s{k}": ibis.ifelse(valid, log.start, None), f"l{k}": ibis.ifelse(valid, log.moment, None)}
        ).drop("start", "last")
    if columns.segment is not None:
        log = log.mutate(first=log.s0.min().over(group_by="person"))
    made = {"entered": log.s0.min()}
    if columns.segment is not None:
        made["label"] = log.label.min(where=(log.code == 0) & (log.moment == log["first"]))
    made |= {f"d{k}": (log.moment - log[f"s{k}"]).min() for k in range(1, k_steps)}
    table = log.group_by("person").aggregate(**made)
    return table.filter(table.entered.notnull())


def _running(log: ir.Table, name: str, value, groups: list[str]) -> ir.Table:
    import ibis

    window = ibis.window(group_by=groups, order_by=["moment", "code"], preceding=None, following=0)
    return log.mutate(**{name: value.over(window)})
