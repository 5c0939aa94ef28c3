"""The funnel of a log wherever it lies: a DataFrame, files, or an ibis table in any engine, also Spark."""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cxlab.data.errors import InputError
from cxlab.data.files import reason_of
from cxlab.data.raw import Raw
from cxlab.data.read import read_raw
from cxlab.stats.funnel.result import Funnel
from cxlab.stats.funnel.scan import (
    NEVER,
    NO_SEGMENT,
    NOBODY,
    Columns,
    Journeys,
    Rules,
    Scan,
    checked_times,
    events_of,
    hint,
    scan_sql,
)


def scan_table(events: Any, columns: Columns, rules: Rules) -> Scan:
    """Scan an ibis table for a funnel in its own engine, which returns one row a customer."""
    columns.check(events.columns)
    log = _log(events, columns, rules)
    known, timed = log.person.notnull(), log.moment.notnull()
    counted = log.aggregate(
        events=log.count(where=known & timed),
        no_customer=log.count(where=log.person.isnull()),
        no_time=log.count(where=known & log.moment.isnull()),
        until=log.moment.max(where=known),
    ).to_pyarrow()
    facts = {name: int(counted[name][0].as_py() or 0) for name in counted.column_names}
    made = _journeys(log.filter(known & timed), rules).to_pyarrow()
    later = [f"d{k}" for k in range(1, len(rules.steps))]
    entered, *durations = (
        made[name].fill_null(NEVER).to_numpy().astype(np.int64) for name in ("entered", *later)
    )
    labels, segment = np.unique(made["label"].to_numpy().astype(str), return_inverse=True)
    found = [Journeys(entered, segment.astype(np.uint16), durations)]
    return Scan(found, labels.tolist() if columns.segment else None, **facts)


def kinds_of(events: Any, columns: Columns) -> list[str]:
    """Return the names of up to 2,000 kinds of events."""
    kinds = events.select(event=events[columns.event].cast("string").strip()).distinct().limit(2000)
    return [name for name in kinds.to_pyarrow()["event"].to_pylist() if name is not None]


def _text(column):
    """Return a column as text without blanks around it, null where it says that there is nothing."""
    text = column.cast("string").strip()
    return text.lower().isin(NOBODY).ifelse(None, text)


def _log(events: Any, columns: Columns, rules: Rules) -> Any:
    """Return ``person moment code label`` of the rows of the steps, moments in microseconds."""
    import ibis

    stamp, person = events[columns.timestamp], events[columns.customer]
    if stamp.type().is_string() or stamp.type().is_date():
        stamp = stamp.try_cast("timestamp")
    elif not stamp.type().is_timestamp():
        raise InputError(f"the column {columns.timestamp!r} is {stamp.type()}, not a time; convert it first")
    event = events[columns.event].cast("string").strip()
    log = events.select(
        person=person if person.type().is_integer() else _text(person),
        moment=_micros(stamp, events.get_backend().name),
        code=event.cases(*((name, k) for k, name in enumerate(rules.names))).cast("int32"),
        label=_text(events[columns.segment]).fill_null(NO_SEGMENT) if columns.segment else ibis.literal(""),
    )
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


def _journeys(log: Any, rules: Rules) -> Any:
    """Return one row a customer who met the first step, ``person entered label d1 d2 ...``, in microseconds.

    The recurrence of ``scan``: per step one running maximum over a customer's rows in time order, exact
    because the latest start that is still alive never decreases. ``d1`` is the shortest time from the first
    to the second step, else null.
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
    log = log.mutate(first=log.s0.min().over(group_by="person"))
    table = log.group_by("person").aggregate(
        entered=log.s0.min(),
        label=log.label.min(where=(log.code == 0) & (log.moment == log["first"])),
        **{f"d{k}": (log.moment - log[f"s{k}"]).min() for k in range(1, len(rules.steps))},
    )
    return table.filter(table.entered.notnull())


def spark_connection(memory: int):
    """Return an ibis connection to Spark: a cluster where one is named, else two local threads."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as fault:
        raise InputError("--engine spark needs pyspark: pip install 'cxlab[spark]'") from fault
    import ibis

    settings = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false", "spark.log.level": "ERROR"}
    settings["spark.driver.memory"] = f"{memory // 1_000_000}m"
    if not os.environ.get("SPARK_REMOTE") and not os.environ.get("MASTER"):
        settings |= {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "8"}
    builder = SparkSession.builder.appName("cxlab").config(map=settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # pyspark on pandas 3; no pandas crosses over here
            session = builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as fault:
        message = f"--engine spark could not start ({reason_of(fault)}); it needs Java 17 or later"
        raise InputError(message) from fault
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return ibis.pyspark.connect(session)


def scan_in_spark(path: str, kind: str, columns: Columns, rules: Rules, memory: int) -> Scan:
    """Scan Parquet or CSV files in Spark."""
    if kind not in ("parquet", "text"):
        raise InputError(f"Spark reads Parquet and CSV, not {kind}; take --engine local")
    spark = spark_connection(memory)
    from pyspark.errors import PySparkException

    try:
        log = spark.read_parquet(path) if kind == "parquet" else spark.read_csv(path, header=True)
        return scan_table(log, columns, rules)
    except PySparkException as fault:
        raise InputError(f"Spark cannot read {path}: {reason_of(fault)}") from fault


def funnel_of_table(events: Any, *, rules: Rules, columns: Columns) -> Funnel:
    """Return the funnel of a DataFrame or ibis table."""
    raw = read_raw(events, large=True) if hasattr(events, "iloc") else _of_duckdb(events)
    if raw is not None:
        return _funnel(rules, scan_sql(raw, columns, rules), lambda: events_of(raw, columns))
    return _funnel(rules, scan_table(events, columns, rules), lambda: kinds_of(events, columns))


def _of_duckdb(events: Any) -> Raw | None:
    """Return an ibis table that DuckDB knows in this process; None for other engines and tables in memory."""
    backend = events.get_backend()
    if backend.name != "duckdb":
        return None
    import duckdb
    import ibis

    raw = Raw(backend.con, f"({ibis.to_sql(events)})", "the table", "duckdb")
    try:
        described = backend.con.execute(f"DESCRIBE SELECT * FROM {raw.source}").fetchall()
    except duckdb.Error:
        return None
    raw.types = {row[0]: str(row[1]) for row in described}
    return raw


def funnel_of_files(
    path: str | Path, *, rules: Rules, columns: Columns, engine: str = "local", memory: str | None = None
) -> Funnel:
    """Return the funnel of a file, or of a folder or pattern of them.

    The engine "local" is the fast path; "duckdb" and "spark" take one SQL expression in that engine (the same
    numbers). Beyond ``memory`` ("2GB") DuckDB spills to files in a temporary folder.
    """
    limit = memory_bytes(memory)
    raw = read_raw(path, large=True)
    try:
        raw.connection.execute(f"SET memory_limit='{max(limit // 3, 250_000_000)}B'")
        columns.check([*raw.types, *raw.repeated])
        scan = _scan(raw, str(path), engine, limit, columns, rules)
        return _funnel(rules, scan, lambda: events_of(raw, columns))
    finally:
        raw.connection.close()


def _scan(raw: Raw, path: str, engine: str, memory: int, columns: Columns, rules: Rules) -> Scan:
    if engine == "local":
        return scan_sql(raw, columns, rules, room=memory // 2)
    if engine == "spark":
        return scan_in_spark(path, raw.kind, columns, rules, memory)
    import duckdb
    import ibis

    raw.all(f"CREATE TEMP VIEW cxlab_view AS {checked_times(raw, columns.timestamp)}")
    log = ibis.duckdb.from_connection(raw.connection).table("cxlab_view", database=("temp", "main"))
    try:
        return scan_table(log, columns, rules)
    except duckdb.Error as fault:
        raise raw.unreadable(fault) from None


def _funnel(rules: Rules, scan: Scan, kinds: Callable[[], list[str]]) -> Funnel:
    """Return the funnel; ``kinds`` are asked for only when a step may be misspelt."""
    result = Funnel(rules, scan)
    unreached = result.unreached()
    known = kinds() if unreached else []
    said = "the step {!r} never occurs in this log; {}"
    result.unknown = [said.format(step, hint(step, known)) for step in unreached if step not in known]
    return result


def memory_bytes(text: str | None) -> int:
    """Return "2GB" or "800MB" as bytes (None: 2 GB), at least 500 MB."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([mgt])i?b?\s*", (text or "2GB").lower())
    if not match:
        raise InputError(f"memory={text!r} is no size; write for example 2GB or 800MB")
    size = int(float(match[1]) * {"m": 1e6, "g": 1e9, "t": 1e12}[match[2]])
    if size < 500_000_000:
        raise InputError(f"memory={text!r} is too little to start in; give at least 500MB")
    return size
