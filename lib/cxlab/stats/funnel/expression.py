"""The same numbers as one ibis expression, for DuckDB, Spark and whatever else ibis speaks.

The recurrence of ``kernel`` in SQL: per step one running maximum over a customer's rows in time order. It is
exact because the latest start that is still alive never decreases. The engine returns one row a customer; the
events stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxlab.data.errors import InputError
from cxlab.stats.funnel.kernel import Journeys
from cxlab.stats.funnel.rules import NEVER, Rules
from cxlab.stats.funnel.scan import NO_SEGMENT, NOBODY, Columns, Scan

if TYPE_CHECKING:
    import ibis.expr.types as ir


def scan_table(events: ir.Table, columns: Columns, rules: Rules) -> Scan:
    """Scan an ibis table for a funnel, in its own engine."""
    log = _log(events, columns, rules)
    known, timed = log.person.notnull(), log.moment.notnull()
    counted = log.aggregate(
        events=log.count(where=known & timed),
        no_customer=log.count(where=log.person.isnull()),
        no_time=log.count(where=known & log.moment.isnull()),
        until=log.moment.max(where=known),
    ).to_pyarrow()
    facts = {name: int(counted[name][0].as_py() or 0) for name in counted.column_names}
    made = journey_table(log.filter(known & timed), columns, rules).to_pyarrow()
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
    return Scan(Journeys(entered, segment, durations), labels, **facts)


def _text(column):
    """Return a column as text without blanks around it, null where it says that there is nothing."""
    text = column.cast("string").strip()
    return text.lower().isin(NOBODY).ifelse(None, text)


def _log(events: ir.Table, columns: Columns, rules: Rules) -> ir.Table:
    columns.check(events.columns)
    stamp = events[columns.timestamp]
    if stamp.type().is_string() or stamp.type().is_date():
        stamp = stamp.try_cast("timestamp")
    elif not stamp.type().is_timestamp():
        raise InputError(
            f"the column {columns.timestamp!r} is of type {stamp.type()}, not a time; convert it first"
        )
    code = (
        events[columns.event].cast("string").strip().cases(*((name, k) for k, name in enumerate(rules.names)))
    )
    person = events[columns.customer]
    picked = {
        "person": person if person.type().is_integer() else _text(person),
        "moment": _micros(stamp, events.get_backend().name),
        "code": code.cast("int32"),
    }
    if columns.segment is not None:
        picked["label"] = _text(events[columns.segment]).fill_null(NO_SEGMENT)
    log = events.select(**picked)
    return log.filter(log.code.notnull())


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


def journey_table(log: ir.Table, columns: Columns, rules: Rules) -> ir.Table:
    """Return one row a customer who met the first step, as an expression of the events' own engine.

    ``log`` holds ``person moment code [label]`` without missing values, the result ``person entered [label]
    d1 d2 ...`` in microseconds: ``d1`` is the shortest time from the first to the second step, else null.
    """
    import ibis

    # all rows of the customer up to this one, or before it where a name may lead to itself
    window = ibis.window(
        group_by="person", order_by=["moment", "code"], rows=(None, -1 if rules.repeats else 0)
    )
    log = log.mutate(s0=ibis.ifelse(log.code == 0, log.moment, None))
    for k in range(1, len(rules.steps)):
        start = log[f"s{k - 1}"].max().over(window)
        log = log.mutate(**{f"s{k}": ibis.ifelse(log.code == rules.codes[k], start, None)})
    made = {"entered": log.s0.min()}
    if columns.segment is not None:
        log = log.mutate(first=log.s0.min().over(group_by="person"))
        made["label"] = log.label.min(where=(log.code == 0) & (log.moment == log["first"]))
    made |= {f"d{k}": (log.moment - log[f"s{k}"]).min() for k in range(1, len(rules.steps))}
    table = log.group_by("person").aggregate(**made)
    return table.filter(table.entered.notnull())
