"""Where a log may lie: a DataFrame, an ibis table, or files."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError
from cxlab.data.files import files_of, kind_of
from cxlab.data.raw import Raw, connect, ident, parquet_scan
from cxlab.data.read import read_raw
from cxlab.stats.funnel.result import Funnel
from cxlab.stats.funnel.rules import Rules, hint
from cxlab.stats.funnel.scan import Columns, Scan, checked_time_sql, events_of, scan_sql


def funnel_of_table(events: Any, *, rules: Rules, columns: Columns) -> Funnel:
    """Return the funnel of a DataFrame or ibis table."""
    raw = read_raw(events, large=True) if hasattr(events, "iloc") else _of_duckdb(events)
    if raw is not None:
        return _funnel(rules, scan_sql(raw, columns, rules), lambda: events_of(raw, columns))
    from cxlab.stats.funnel.engines import kinds_of, scan_table

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
    raw = _opened(path)
    try:
        raw.connection.execute(f"SET memory_limit='{max(limit // 3, 250_000_000)}B'")
        columns.check([*raw.types, *raw.repeated])
        scan = _scan(raw, str(path), engine, limit, columns, rules)
        return _funnel(rules, scan, lambda: events_of(raw, columns))
    finally:
        raw.connection.close()


def _opened(path: str | Path) -> Raw:
    """Return files as a relation; Parquet is scanned where it lies, without reading it all for its hash."""
    found = files_of(path)
    if {kind_of(file) for file in found} != {"parquet"}:
        return read_raw(path, large=True)
    raw = Raw(connect(), parquet_scan(found), Path(path).name, "parquet", scanned=found)
    raw.types = {row[0]: str(row[1]) for row in raw.all(f"DESCRIBE SELECT * FROM {raw.source}")}
    return raw


def _scan(raw: Raw, path: str, engine: str, memory: int, columns: Columns, rules: Rules) -> Scan:
    if engine == "local":
        return scan_sql(raw, columns, rules)
    from cxlab.stats.funnel import engines

    if engine == "spark":
        return engines.scan_in_spark(path, raw.kind, columns, rules, memory)
    import duckdb
    import ibis

    moment = checked_time_sql(raw, columns.timestamp)
    query = f"SELECT * REPLACE ({moment} AS {ident(columns.timestamp)}) FROM {raw.source}"
    raw.all(f"CREATE TEMP VIEW cxlab_view AS {query}")
    log = ibis.duckdb.from_connection(raw.connection).table("cxlab_view", database=("temp", "main"))
    try:
        return engines.scan_table(log, columns, rules)
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
