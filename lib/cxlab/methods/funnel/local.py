"""The fast local path: DuckDB reads only the needed columns and events, the kernel does the rest.

Nothing is kept but two integers an event. When even those do not fit into ``memory`` they are dealt out by customer to
files in a temporary folder, which is gone afterwards, also after an interruption.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cxlab.evidence.errors import InputError

from .kernel import Journeys, Layout, warm_up
from .semantics import Rules, nearest
from .store import Store

__all__ = ["Columns", "Scan", "file_sql", "memory_bytes", "open_files", "quoted", "scan_sql"]

NO_SEGMENT = "(none)"
_EPOCH_1900 = -2_208_988_800_000_000
_TIME_BITS = 53  # microseconds from 1900 to the year 2185
_LONG_SCAN = 20_000_000  # rows from which the compiled pass is loaded while DuckDB reads


class Columns(NamedTuple):
    """The names that the columns have in the log."""

    customer: str = "customer_id"
    event: str = "event"
    timestamp: str = "timestamp"
    segment: str | None = None


class Scan(NamedTuple):
    """What one scan of a log gave."""

    found: Journeys
    labels: list[str] | None  # of the segments, in the order of their codes; None: not asked for
    events: int  # rows of a step (or other event that the rules need) that were used
    no_customer: int  # such rows without a customer: dropped
    no_time: int  # such rows without a time: dropped
    until: int  # the latest of their times, microseconds since 1970


def memory_bytes(text: str | int | None) -> int:
    """Return "2GB", "800MB" or a number as bytes (None: 2 GB).

    Raises
    ------
    InputError
        When it is no size, or less than 500 MB.
    """
    if text is None:
        return 2_000_000_000
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", str(text).lower())
    if not match:
        raise InputError(f"memory={text!r} is no size; write for example 2GB or 800MB")
    size = int(float(match.group(1)) * 1000 ** " kmgt".index(match.group(2) or " "))
    if size < 500_000_000:
        raise InputError(f"memory={text!r} is too little to start in; give at least 500MB")
    return size


def quoted(name: str) -> str:
    """Return a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def file_sql(paths: Sequence[str | Path], *, text_only: bool = False) -> str:
    """Return the SQL table expression of CSV or Parquet files or folders of them.

    Raises
    ------
    InputError
        A file that is missing, a folder without such files, or two kinds at once.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file() and _kind(file)]
            if not inside:
                raise InputError(f"{path} is a folder without .parquet, .csv or .tsv files")
            files += inside
        elif not path.exists():
            raise InputError(f"{path} does not exist; give a CSV, TSV or Parquet file, or a folder of them")
        elif not path.is_file():
            raise InputError(f"{path} is not a regular file")
        else:
            files.append(path)
    kinds = {_kind(file) or "csv" for file in files}
    if len(kinds) != 1:
        raise InputError(
            f"the files are of different kinds ({', '.join(sorted(kinds))}); give one kind at a time"
        )
    listed = "[" + ", ".join(literal(str(file)) for file in files) + "]"
    if kinds == {"parquet"}:
        return f"read_parquet({listed}, union_by_name=true)" if len(files) > 1 else f"read_parquet({listed})"
    return f"read_csv({listed}, union_by_name=true{', all_varchar=true' if text_only else ''})"


def _kind(file: Path) -> str | None:
    name = file.name.lower()
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    return "csv" if name.endswith((".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")) else None


@contextmanager
def open_files(memory: int) -> Iterator[tuple[object, Path]]:
    """Yield a DuckDB connection that is held to ``memory`` and its folder for spilled data, removed at the end."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="cxlab-", ignore_cleanup_errors=True) as folder:
        connection = duckdb.connect()
        try:
            connection.execute(f"SET memory_limit='{max(memory // 3, 250_000_000)}B'")
            connection.execute(f"SET temp_directory={literal(folder)}")
            connection.execute("SET TimeZone='UTC'")
            connection.execute("SET enable_progress_bar=false")
            yield connection, Path(folder)
        finally:
            connection.close()


def scan_sql(
    connection,
    table: str,
    columns: Columns,
    rules: Rules,
    *,
    memory: int,
    folder: Path,
    progress: bool = False,
) -> Scan:
    """Scan one SQL table expression for a funnel.

    Parameters
    ----------
    connection : duckdb connection
    table : str
        What stands after FROM.
    columns : Columns
    rules : Rules
    memory : int
        Bytes.
    folder : Path
        Where to spill.
    progress : bool
        Shows a progress bar when stderr is a terminal.

    Raises
    ------
    InputError
        A missing column, or times that cannot be understood.
    """
    types = {row[0]: str(row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}
    for role, name in columns._asdict().items():
        if name is not None and name not in types:
            close = nearest(name, types)
            hint = (
                f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(list(types)[:12])}"
            )
            raise InputError(f"the log has no column {name!r} for {role}; {hint}")
    moment = _moment(connection, table, columns.timestamp, types[columns.timestamp])
    labels, segment = _segments(connection, table, columns.segment)
    layout = _layout(connection, table, moment, rules, len(labels or []))
    person, kind, source = _person(connection, table, columns, types[columns.customer], rules)
    code = _code(columns.event, rules)
    everything = "" if rules.strict else f"WHERE {_wanted(columns.event, rules)}"
    query = (
        f"SELECT {person} AS c, ((epoch_us({moment}) - ({layout.origin})) * {1 << layout.shift}"
        f" + ({code}) * {1 << layout.segment_bits} + ({segment}))::BIGINT AS p FROM {source} {everything}"
    )
    size = None
    if table.startswith("read_parquet"):
        size = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        if size >= _LONG_SCAN:
            warm_up()
    store = Store(memory, folder, size, kind)
    no_customer = no_time = 0
    for batch in _batches(connection, query, progress):
        c, p = batch.column(0), batch.column(1)
        if c.null_count or p.null_count:
            has_customer, has_time = _present(c), _present(p)
            no_customer += c.null_count
            no_time += int(np.count_nonzero(has_customer & ~has_time))
            keep = has_customer & has_time
            store.add(_integers(c)[keep], _integers(p)[keep])
        else:
            store.add(_integers(c), _integers(p))
    found = store.finish(layout, rules)
    until = (store.highest >> layout.shift) + layout.origin if store.rows else layout.origin
    return Scan(found, labels, store.rows, no_customer, no_time, until)


def _batches(connection, query: str, progress: bool) -> Iterable:
    reader = connection.sql(query).to_arrow_reader(1_000_000)
    if not (progress and sys.stderr.isatty()):
        yield from reader
        return
    from tqdm import tqdm

    with tqdm(unit=" events", unit_scale=True, desc="reading", delay=1, leave=False) as bar:
        for batch in reader:
            yield batch
            bar.update(batch.num_rows)


def _integers(array) -> np.ndarray:
    """Return an Arrow integer array's values without pyarrow's to_numpy, which imports pandas."""
    kind = np.dtype(str(array.type))
    return np.frombuffer(array.buffers()[1], kind)[array.offset : array.offset + len(array)]


def _present(array) -> np.ndarray:
    bits = array.buffers()[0]
    if bits is None:
        return np.ones(len(array), bool)
    unpacked = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
    return unpacked[array.offset : array.offset + len(array)].astype(bool)


def _code(event: str, rules: Rules) -> str:
    text = f"CAST({quoted(event)} AS VARCHAR)"
    # list_position keeps DuckDB's rows in file order where IN does not, and is faster (the order only helps the cache)
    position = f"list_position({_names(rules.steps)}, {text})"
    return (
        f"coalesce({position} - 1, {len(rules.steps)})"
        if rules.strict or rules.exclude
        else f"{position} - 1"
    )


def _wanted(event: str, rules: Rules) -> str:
    return f"list_position({_names((*rules.steps, *rules.exclude))}, CAST({quoted(event)} AS VARCHAR)) IS NOT NULL"


def _names(names: Iterable[str]) -> str:
    return "[" + ", ".join(literal(name) for name in names) + "]"


def _moment(connection, table: str, name: str, kind: str) -> str:
    column = quoted(name)
    if kind == "TIMESTAMP WITH TIME ZONE" or kind == "TIMESTAMP":
        return column
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"CAST({column} AS TIMESTAMP)"
    if kind != "VARCHAR":
        raise InputError(
            f"the column {name!r} is of type {kind}, not a time; convert it first, "
            "for example epoch seconds with make_timestamp, or write ISO times such as 2024-05-31 14:02:00"
        )
    total, unread, zoned, example = connection.execute(
        f"SELECT count({column}), count({column}) FILTER (try_cast({column} AS TIMESTAMPTZ) IS NULL),"
        f" count({column}) FILTER (regexp_matches({column}, '\\d\\d:\\d\\d.*(Z|UTC|[+-]\\d\\d(:?\\d\\d)?)\\s*$')),"
        f" min({column}) FILTER (try_cast({column} AS TIMESTAMPTZ) IS NULL) FROM {table}"
    ).fetchall()[0]
    if unread:
        raise InputError(
            f"the column {name!r} holds {unread:,} of {total:,} values that are no time, such as {example!r}; "
            "write ISO times such as 2024-05-31 14:02:00 or 2024-05-31T14:02:00+02:00"
        )
    if 0 < zoned < total:
        raise InputError(
            f"the column {name!r} mixes {zoned:,} times with a time zone and {total - zoned:,} without; "
            "write all of them with their zone, or all in one zone"
        )
    return f"CAST({column} AS TIMESTAMPTZ)"


def _segments(connection, table: str, name: str | None) -> tuple[list[str] | None, str]:
    if name is None:
        return None, "0"
    text = f"coalesce(CAST({quoted(name)} AS VARCHAR), {literal(NO_SEGMENT)})"
    labels = sorted(row[0] for row in connection.execute(f"SELECT DISTINCT {text} FROM {table}").fetchall())
    if len(labels) > 4096:
        raise InputError(
            f"the segment column {name!r} has {len(labels):,} values; a funnel is drawn for at most 4,096"
        )
    if len(labels) <= 64:
        return labels, f"list_position({_names(labels)}, {text}) - 1"
    connection.execute("CREATE OR REPLACE TEMP TABLE cxlab_labels (label VARCHAR, code BIGINT)")
    connection.executemany(
        "INSERT INTO cxlab_labels VALUES (?, ?)", list(zip(labels, range(len(labels)), strict=True))
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE cxlab_map AS SELECT map(list(label), list(code)) AS m FROM cxlab_labels"
    )
    return labels, f"(SELECT m FROM cxlab_map)[{text}]"


def _layout(connection, table: str, moment: str, rules: Rules, segments: int) -> Layout:
    code_bits = len(rules.steps).bit_length()
    segment_bits = max(segments - 1, 0).bit_length()
    if _TIME_BITS + code_bits + segment_bits <= 62:
        return Layout(_EPOCH_1900, code_bits, segment_bits)
    first, last = connection.execute(
        f"SELECT epoch_us(min(t)), epoch_us(max(t)) FROM (SELECT {moment} AS t FROM {table}) WHERE isfinite(t)"
    ).fetchall()[0]
    if first is None:
        return Layout(0, code_bits, segment_bits)
    if int(last - first).bit_length() + code_bits + segment_bits > 62:
        raise InputError(
            "the times, steps and segments of this log are too many to hold together "
            f"({segments:,} segments over {(last - first) / 3.15576e13:.0f} years); take fewer segments"
        )
    return Layout(int(first), code_bits, segment_bits)


def _person(connection, table: str, columns: Columns, kind: str, rules: Rules) -> tuple[str, type, str]:
    """Return the SQL of an integer for each customer, its numpy type, and where to read from."""
    column = quoted(columns.customer)
    if kind in ("UINTEGER", "USMALLINT", "UTINYINT"):
        return f"CAST({column} AS UINTEGER)", np.uint32, table
    if kind in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"):
        if table.startswith("read_parquet"):  # the least and the greatest stand in the footer
            low, high = connection.execute(f"SELECT min({column}), max({column}) FROM {table}").fetchall()[0]
            if low is not None and high - low < 2**32:
                return f"CAST(CAST({column} AS BIGINT) - ({low}) AS UINTEGER)", np.uint32, table
        return f"CAST({column} AS BIGINT)", np.int64, table
    # Text and other ids: one integer each, exact (no hashes), made by DuckDB, which spills when they are many.
    wanted = "" if rules.strict else f" AND {_wanted(columns.event, rules)}"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE cxlab_people AS SELECT who, row_number() OVER () - 1 AS id FROM "
        f"(SELECT DISTINCT {column} AS who FROM {table} WHERE {column} IS NOT NULL{wanted})"
    )
    joined = f"{table} AS log LEFT JOIN cxlab_people ON log.{column} = cxlab_people.who"
    return "CAST(cxlab_people.id AS UINTEGER)", np.uint32, joined
