"""Where a log may lie: a DataFrame, an ibis table, files; here, or as one ibis expression in any engine."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cxlab.data.errors import InputError
from cxlab.data.files import files_of, kind_of, reason_of
from cxlab.data.raw import Raw, connect, ident, parquet_scan
from cxlab.data.read import read_raw
from cxlab.stats.funnel.kernel import Journeys
from cxlab.stats.funnel.result import Funnel
from cxlab.stats.funnel.rules import NEVER, Rules, hint
from cxlab.stats.funnel.scan import (
    NO_SEGMENT,
    NOBODY,
    Columns,
    Scan,
    memory_bytes,
    refuse_times,
    scan_frame,
    scan_sql,
    time_sql,
)


def funnel_of_table(events: Any, *, rules: Rules, columns: Columns) -> tuple[Funnel, list[str]]:
    """Return the funnel of a DataFrame or ibis table, and what to say of steps that never occur."""
    result, present = Funnel(rules, _scan(events, columns, rules)), ()
    if result.unreached() and hasattr(events, "iloc"):
        present = events[columns.event].dropna().unique()[:2000]
    elif result.unreached():
        present = events[columns.event].value_counts().limit(2000).execute()[columns.event].dropna()
    return result, _unknown(result, present)


def _unknown(result: Funnel, present: Iterable) -> list[str]:
    """Return a sentence for each step that is no event of the log at all."""
    known, said = {str(name).strip() for name in present}, "the step {0!r} never occurs in this log; {1}"
    return [said.format(step, hint(step, known)) for step in result.unreached() if step not in known]


def _scan(events: Any, columns: Columns, rules: Rules) -> Scan:
    """Scan by the way that suits: a frame, a DuckDB table of this process, or an expression in its engine."""
    if hasattr(events, "iloc"):
        return scan_frame(events, columns, rules)
    backend = events.get_backend()
    columns.check(events.columns)
    if backend.name == "duckdb":
        import duckdb
        import ibis

        try:
            options = {"memory": memory_bytes(None), "progress": True}
            return scan_sql(backend.con, f"({ibis.to_sql(events)})", columns, rules, **options)
        except duckdb.Error:  # such as a table in memory that DuckDB has not met yet: ibis knows how
            pass
    return scan_table(events, columns, rules)


def funnel_of_files(
    path: str | Path,
    *,
    rules: Rules,
    columns: Columns,
    engine: str = "local",
    memory: str | int | None = None,
    progress: bool = False,
) -> Funnel:
    """Return the funnel of a file; a step that never occurs is refused, with the nearest names.

    ``path`` is a file that the workbook reads, or a folder or pattern of them. The engine
    "local" is the fast path; "duckdb" and "spark" take one SQL expression in that engine (the same
    numbers). Beyond ``memory`` ("2GB") the log is dealt out to files in a temporary folder.
    """
    import duckdb

    limit = memory_bytes(memory)
    raw = _opened(path)
    raw.connection.execute(f"SET memory_limit='{max(limit // 3, 250_000_000)}B'")
    columns.check([*raw.types, *raw.repeated])
    try:
        if engine == "local":
            scan = scan_sql(raw.connection, raw.source, columns, rules, memory=limit, progress=progress)
        else:
            scan = _in_engine(engine, raw, path, columns, rules, limit)
        result = Funnel(rules, scan)
        if result.unreached():
            event = f"CAST({ident(columns.event)} AS VARCHAR)"
            query = f"SELECT {event}, count(*) AS n FROM {raw.source} GROUP BY 1 ORDER BY n DESC LIMIT 2000"
            for sentence in _unknown(result, [row[0] for row in raw.all(query) if row[0] is not None]):
                raise InputError(sentence)
    except duckdb.Error as fault:
        raise raw.unreadable(fault) from None
    finally:
        raw.connection.close()
    return result


def _opened(path: str | Path) -> Raw:
    found = files_of(path, glob=True)
    if {kind_of(file) for file in found} != {"parquet"}:
        return read_raw(path, large=True)
    raw = Raw(connect(), parquet_scan(found), Path(path).name, "parquet", scanned=found)
    raw.types = {row[0]: str(row[1]) for row in raw.all(f"DESCRIBE SELECT * FROM {raw.source}")}
    return raw


def _in_engine(engine: str, raw: Raw, path: str | Path, columns: Columns, rules: Rules, memory: int) -> Scan:
    import ibis

    if engine == "duckdb":
        asked = raw.connection, raw.source, columns.timestamp
        moment, wrong = time_sql(*asked, raw.types[columns.timestamp])
        refuse_times(*asked, moment, wrong)
        query = f"SELECT * REPLACE ({moment} AS {ident(columns.timestamp)}) FROM {raw.source}"
        raw.connection.execute(f"CREATE TEMP VIEW cxlab_log AS {query}")
        log = ibis.duckdb.from_connection(raw.connection).table("cxlab_log", database=("temp", "main"))
        return scan_table(log, columns, rules)
    if raw.kind not in ("parquet", "text"):
        raise InputError(f"Spark reads Parquet and CSV, not {raw.kind}; take --engine local")
    spark = spark_connection(memory)
    from pyspark.errors import PySparkException

    try:
        parquet = raw.kind == "parquet"
        log = spark.read_parquet(str(path)) if parquet else spark.read_csv(str(path), header=True)
        return scan_table(log, columns, rules)
    except PySparkException as fault:
        raise InputError(f"Spark cannot read {path}: {reason_of(fault)}") from fault


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


def scan_table(events: Any, columns: Columns, rules: Rules) -> Scan:
    """Scan an ibis table for a funnel in its own engine, which returns one row a customer.

    The recurrence of ``kernel`` in SQL: per step one running maximum over a customer's rows in time order,
    exact because the latest start that is still alive never decreases.
    """
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


def _log(events: Any, columns: Columns, rules: Rules) -> Any:
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


def journey_table(log: Any, columns: Columns, rules: Rules) -> Any:
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
