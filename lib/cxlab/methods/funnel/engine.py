"""The door: an ordered funnel of a table, a file or a database, by the path that suits it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxlab.evidence.errors import InputError

from .local import Columns, Scan, file_sql, memory_bytes, open_files, quoted, scan_sql
from .result import Funnel
from .semantics import Rules, nearest, rules_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

__all__ = ["funnel_of_files", "ordered_funnel"]

_READY = 3_000_000  # customers up to which every window is made ready at once


def ordered_funnel(
    events: pd.DataFrame | ir.Table | str | Path,
    *,
    steps: Sequence[str],
    conversion_window: object,
    segment: str | None = None,
    step_windows: Sequence[object] | None = None,
    strict: bool = False,
    exclude: Iterable[str] = (),
) -> Funnel:
    """Return how many customers reach each step, for this and for any other window.

    A customer reaches step k within the window W if SOME chain step 1 <= ... <= step k exists whose first-to-k-th time
    is at most W: every start counts, other events may lie between, equal times are taken in step order. That is
    ClickHouse's windowFunnel. The shortest such time is kept for each customer and step, so the result answers every
    window (``.at``), the curve (``.curve``) and the times (``.time_to_convert``) without the events.

    Parameters
    ----------
    events : DataFrame, ibis table, or path of a CSV or Parquet file or folder
        With ``customer_id event timestamp`` (any row order). A log without a customer is dropped and counted.
    steps : sequence of str
        Distinct event names, in order.
    conversion_window : time span or None
        "7d", "12h", a Timedelta; from the first step to the step in question, inclusive. None: no limit.
    segment : str, optional
        A column to split by: the value recorded with the customer's first entry.
    step_windows : sequence of time spans, optional
        Longest time from each step to the next, one fewer than steps; None where there is no limit.
    strict : bool
        No other event of the customer may lie between two steps.
    exclude : event names
        A chain ends at such an event; at equal times it counts as after the steps.

    Returns
    -------
    Funnel
        ``.table``: one row a step (and segment), ``step customers step_conversion overall_conversion low high``.

    Raises
    ------
    InputError
        No such column, a step twice, a window that is not longer than zero, times that cannot be read.

    Warns
    -----
    UserWarning
        A step that never occurs; its row has 0 customers.

    Notes
    -----
    ``step_windows``, ``strict`` and ``exclude`` change which chains exist, so another choice of them needs a scan of
    its own; another ``conversion_window`` never does.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"customer_id": [1, 1, 1, 2], "event": ["visit", "visit", "buy", "visit"],
    ...                     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-09", "2024-01-10", "2024-01-03"])})
    >>> ordered_funnel(log, steps=["visit", "buy"], conversion_window="7d").table.customers.tolist()
    [2, 1]
    """
    rules = rules_of(steps, conversion_window, step_windows=step_windows, strict=strict, exclude=exclude)
    columns = Columns(segment=segment)
    if isinstance(events, str | Path):
        return funnel_of_files([events], rules=rules, columns=columns)
    if type(events).__module__.split(".")[0] == "ibis":
        result = _result(rules, _scan_ibis(events, columns, rules))
    elif hasattr(events, "columns") and hasattr(events, "iloc"):
        from .frames import scan_frame

        result = _result(rules, scan_frame(events, columns, rules))
    else:
        raise InputError(
            f"events is a {type(events).__name__}; give a DataFrame, an ibis table or the path of a CSV or Parquet file"
        )
    missing = _unseen(result)
    if missing:
        present = _events_in(events, columns)
        _warn([step for step in missing if step not in present], present)
    if result._found.entered.size <= _READY:
        _ = result._sorted  # now rather than at the first other window, which then costs nothing
    return result


def _scan_ibis(events: ir.Table, columns: Columns, rules: Rules) -> Scan:
    """Scan an ibis table: the fast path where its engine is a DuckDB of this process, else one expression in place."""
    from .expression import scan_table

    backend = events.get_backend()
    if backend.name == "duckdb" and all(name in events.columns for name in columns if name is not None):
        import duckdb
        import ibis

        with tempfile.TemporaryDirectory(prefix="cxlab-", ignore_cleanup_errors=True) as folder:
            options = {"memory": memory_bytes(None), "folder": Path(folder), "progress": True}
            try:
                return scan_sql(backend.con, f"({ibis.to_sql(events)})", columns, rules, **options)
            except duckdb.Error:  # such as a table in memory that DuckDB has not met yet: ibis knows how
                pass
    return scan_table(events, columns, rules)


def _events_in(events: object, columns: Columns) -> set[str]:
    if hasattr(events, "iloc"):
        return {str(value) for value in events[columns.event].dropna().unique()[:2000]}
    counted = events[columns.event].value_counts().limit(2000).execute()
    return {str(value) for value in counted[columns.event]}


def funnel_of_files(
    files: Sequence[str | Path],
    *,
    rules: Rules,
    columns: Columns,
    memory: str | int | None = None,
    progress: bool = False,
    refuse: bool = False,
) -> Funnel:
    """Return the funnel of local files by the fast path.

    Parameters
    ----------
    files : paths
        CSV or Parquet files or folders of them; or one DuckDB database as ``path.duckdb::table``.
    rules : Rules
    columns : Columns
        What the columns are called in the files.
    memory : str
        For example "2GB": beyond it the log is dealt out to files in a temporary folder.
    progress : bool
        A progress bar, on a terminal.
    refuse : bool
        Raise instead of warn for a step that never occurs.

    Raises
    ------
    InputError
        Files that are missing or cannot be read, and what ``ordered_funnel`` raises.
    """
    import duckdb

    limit = memory_bytes(memory)
    with open_files(limit) as (connection, folder):
        table = _database(connection, files) or file_sql(files)
        options = {"memory": limit, "folder": folder, "progress": progress}
        try:
            try:
                result = _result(rules, scan_sql(connection, table, columns, rules, **options))
            except (duckdb.ConversionException, duckdb.InvalidInputException):
                if not table.startswith("read_csv"):
                    raise
                # A value late in the file is not of the type that its first 20,000 lines suggest: read text.
                table = file_sql(files, text_only=True)
                result = _result(rules, scan_sql(connection, table, columns, rules, **options))
            missing = _unseen(result)
            if missing:
                event = f"CAST({quoted(columns.event)} AS VARCHAR)"
                query = f"SELECT e FROM (SELECT {event} AS e, count(*) AS n FROM {table} GROUP BY 1) ORDER BY n DESC"
                present = {row[0] for row in connection.execute(query).fetchmany(2000) if row[0] is not None}
                _warn([step for step in missing if step not in present], present, refuse=refuse)
        except duckdb.Error as fault:
            raise InputError(f"{', '.join(map(str, files))} cannot be read: {_first_line(fault)}") from fault
    return result


def funnel_in_engine(
    engine: str,
    files: Sequence[str | Path],
    *,
    rules: Rules,
    columns: Columns,
    memory: str | int | None = None,
) -> Funnel:
    """Return the funnel of files by the ibis expression, in DuckDB or on Spark.

    Parameters
    ----------
    engine : "duckdb" or "spark"
        Spark needs Java and the extra ``cxlab[spark]``; ``SPARK_REMOTE`` or ``spark.master`` in its own configuration
        name a cluster, otherwise two local threads are used.

    Raises
    ------
    InputError
        An engine that is not there, and what ``funnel_of_files`` raises.
    """
    import ibis

    limit = memory_bytes(memory)
    names = [str(Path(file)) for file in files]
    if engine == "spark":
        connection = _spark(limit)
        read = (
            connection.read_parquet
            if names[0].lower().endswith((".parquet", ".pq")) or _holds_parquet(names[0])
            else None
        )
        file_sql(files)  # says plainly what is missing
        if read:
            tables = [read(name) for name in names]
        else:
            tables = [connection.read_csv(name, header=True, inferSchema=True) for name in names]
        log = ibis.union(*tables) if len(tables) > 1 else tables[0]
        return _checked(_in_expression(log, columns, rules), log, columns)
    with open_files(limit) as (raw, _):
        table = _database(raw, files) or file_sql(files)
        raw.execute(f"CREATE VIEW cxlab_log AS SELECT * FROM {table}")
        log = ibis.duckdb.from_connection(raw).table("cxlab_log")
        return _checked(_in_expression(log, columns, rules), log, columns)


def _in_expression(log, columns: Columns, rules: Rules) -> Funnel:
    from .expression import scan_table

    return _result(rules, scan_table(log, columns, rules))


def _checked(result: Funnel, log, columns: Columns) -> Funnel:
    missing = _unseen(result)
    if missing:
        present = _events_in(log, columns)
        _warn([step for step in missing if step not in present], present, refuse=True)
    return result


def _holds_parquet(name: str) -> bool:
    return Path(name).is_dir() and any(Path(name).rglob("*.parquet"))


def _spark(memory: int):
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as fault:
        raise InputError(
            "--engine spark needs pyspark: install the extra with pip install 'cxlab[spark]'"
        ) from fault
    import ibis

    builder = SparkSession.builder.appName("cxlab").config("spark.sql.session.timeZone", "UTC")
    builder = builder.config("spark.ui.enabled", "false").config("spark.log.level", "ERROR")
    builder = builder.config("spark.driver.memory", f"{memory // 1_000_000}m")
    import os

    if not os.environ.get("SPARK_REMOTE") and not os.environ.get("MASTER"):
        builder = builder.master("local[2]").config("spark.sql.shuffle.partitions", "8")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # pyspark on pandas 3; no pandas crosses over here
            session = builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as fault:
        raise InputError(
            f"--engine spark could not start ({_first_line(fault)}); it needs Java 17 or later"
        ) from fault
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return ibis.pyspark.connect(session)


def _database(connection, files: Sequence[str | Path]) -> str | None:
    if len(files) != 1 or not str(files[0]).split("::")[0].lower().endswith((".duckdb", ".ddb")):
        return None
    path, _, name = str(files[0]).partition("::")
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist")
    connection.execute(f"ATTACH '{path.replace(chr(39), chr(39) * 2)}' AS log (READ_ONLY)")
    tables = [
        row[0]
        for row in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name='log'"
        ).fetchall()
    ]
    if not name and len(tables) == 1:
        name = tables[0]
    if name not in tables:
        raise InputError(
            f"say which table of {path}: write {path}::NAME, NAME one of {', '.join(tables) or '(none)'}"
        )
    return f"log.{quoted(name)}"


def _result(rules: Rules, scan: Scan) -> Funnel:
    counts = {
        "events": scan.events,
        "no_customer": scan.no_customer,
        "no_time": scan.no_time,
        "until": scan.until,
    }
    return Funnel(rules, scan.found, scan.labels, **counts)


def _unseen(result: Funnel) -> list[str]:
    """Return the steps that nobody reached at all: only those can be misspelt."""
    reached = [
        result._found.entered.size,
        *(int((column < 2**63 - 1).any()) for column in result._found.durations),
    ]
    return [step for step, count in zip(result.steps, reached, strict=True) if not count]


def _warn(missing: list[str], present: Iterable[str], *, refuse: bool = False) -> None:
    for step in missing:
        close = nearest(step, present)
        hint = (
            f"the nearest are {', '.join(close)}"
            if close
            else f"there are {', '.join(sorted(present)[:8]) or 'none'}"
        )
        text = f"the step {step!r} never occurs in this log; {hint}"
        if refuse:
            raise InputError(text)
        warnings.warn(text, UserWarning, stacklevel=3)


def _first_line(fault: Exception) -> str:
    return str(fault).strip().splitlines()[0]
