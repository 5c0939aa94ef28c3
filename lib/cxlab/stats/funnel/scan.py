"""A log as the two integers an event that the kernel reads: from SQL (DuckDB) or from a DataFrame.

Customers, events and segments are text: '1.10' and '1.1' are two customers; '', NULL, N/A and the like are
nobody. From SQL only the needed columns and events are read, and when even two integers an event do not fit
into ``memory`` DuckDB deals them out by customer to files in this process's temporary folder.
"""

import re
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cxlab.data import files, values
from cxlab.data.errors import InputError
from cxlab.data.raw import connect, ident, literal
from cxlab.stats.funnel.kernel import Journeys, Layout, journeys, together, warm_up
from cxlab.stats.funnel.rules import Rules, hint

NO_SEGMENT = "(none)"
NOBODY = values.BLANK
_ZONED = "TIMESTAMP WITH TIME ZONE"
_EPOCH_1900 = -2_208_988_800_000_000
_TIME_BITS = 53  # microseconds from 1900 to the year 2185
_LONG_SCAN = 20_000_000  # rows from which the compiled pass is loaded while DuckDB reads
_BASE = 350_000_000  # bytes of interpreter, libraries and DuckDB's own buffers
_LEAST_ROWS = 2_000_000  # held whatever the memory
_BYTES_A_ROW = 25  # two integers, and what the customers of an average log leave behind


class Columns(NamedTuple):
    """The names that the columns have in the log."""

    customer: str = "customer_id"
    event: str = "event"
    timestamp: str = "timestamp"
    segment: str | None = None

    def check(self, present: Iterable[str]) -> None:
        """Refuse a log that lacks one of them, or holds one twice."""
        present = [str(name) for name in present]
        for role, name in self._asdict().items():
            if name is not None and present.count(name) != 1:
                fault = f"no column {name!r} for {role}; {hint(name, present)}"
                raise InputError(
                    f"the log has {fault if name not in present else f'two columns named {name!r}'}"
                )


class Scan(NamedTuple):
    """What one scan of a log gave."""

    found: Journeys
    labels: list[str] | None  # of the segments, in the order of their codes; None: not asked for
    events: int  # rows of a step that were used
    no_customer: int  # such rows without a customer: dropped
    no_time: int  # such rows without a time: dropped
    until: int  # the latest of their times, microseconds since 1970


# ---------------------------------------------------------------- a DataFrame


def scan_frame(events, columns: Columns, rules: Rules) -> Scan:
    """Scan a DataFrame for a funnel."""
    import pandas as pd

    columns.check(events.columns)
    number, kinds = pd.factorize(events[columns.event])
    code = np.append(pd.Index(rules.names).get_indexer(_texts(kinds)), -1)[number]
    kept = code >= 0
    stamp = times(events[columns.timestamp], columns.timestamp)[kept]
    ids, known = people(events[columns.customer][kept])
    has_customer, has_time = known >= 0, stamp != np.iinfo(np.int64).min
    good = has_customer & has_time
    ids, stamp, code = ids[good], stamp[good], code[kept][good].astype(np.int64)
    labels, segment = None, 0
    if columns.segment is not None:
        number, kinds = pd.factorize(events[columns.segment][kept][good])
        texts = [NO_SEGMENT if text.lower() in NOBODY else text for text in [*_texts(kinds), ""]]
        labels = sorted({texts[i] for i in np.unique(number)})
        segment = np.array([labels.index(text) if text in labels else 0 for text in texts])[number]
    origin, until = (int(stamp.min()), int(stamp.max())) if stamp.size else (0, 0)
    layout = Layout(origin, len(rules.names).bit_length(), max(len(labels or []) - 1, 0).bit_length())
    if (until - origin).bit_length() + layout.shift > 62:
        raise InputError("the times and segments of this log are too many to hold; take fewer segments")
    payload = ((stamp - origin) << layout.shift) | (code << layout.segment_bits) | segment
    lost = int((~has_customer).sum()), int((has_customer & ~has_time).sum())
    return Scan(journeys([ids, payload], layout, rules), labels, int(stamp.size), *lost, until)


def _texts(values):
    import pandas as pd

    return pd.Index(values).astype(str).str.strip()


def people(column) -> tuple[np.ndarray, np.ndarray]:
    """Return an integer a row for its customer, and the same with -1 where there is none."""
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "i":
        ids = column.to_numpy().astype(np.int64)
        return ids, np.zeros(len(ids), np.int8)
    number, found = pd.factorize(column)
    texts = _texts(found)
    who = np.where(texts.str.lower().isin(NOBODY), -1, pd.factorize(texts)[0]) if len(texts) else []
    ids = np.append(who, -1)[number].astype(np.int64)
    return ids, ids


def times(stamp, name: str = "timestamp") -> np.ndarray:
    """Return times as microseconds since 1970 in UTC; a missing time is the least int64."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(stamp.dtype):
        if stamp.dt.tz is not None:
            stamp = stamp.dt.tz_convert("UTC").dt.tz_localize(None)
        return stamp.astype("datetime64[us]").to_numpy().astype(np.int64)
    number = pd.api.types.is_numeric_dtype(stamp.dtype)
    cells = stamp if number else stamp.astype("str").where(stamp.notna())
    with connect() as connection:
        connection.register("cells", pd.DataFrame({name: cells.array}))
        kind = "DOUBLE" if number else "VARCHAR"
        moment, flags = time_sql(connection, "cells", name, kind)
        refuse_times(connection, "cells", name, moment, flags)
        query = f"SELECT coalesce(epoch_us({moment}), {np.iinfo(np.int64).min}) AS t FROM cells"
        return connection.execute(query).fetchnumpy()["t"].astype(np.int64)


# ---------------------------------------------------------------- SQL


def listed(names: Iterable[str]) -> str:
    """Return texts as an SQL list."""
    return "[" + ", ".join(literal(name) for name in names) + "]"


def time_sql(connection, table: str, name: str, kind: str) -> tuple[str, str]:
    """Return the SQL of a column as a time, and of a flag: 2 with a zone, 4 without, 8 no time at all."""
    column = ident(name)
    if kind.startswith("TIMESTAMP"):
        return (column if kind in ("TIMESTAMP", _ZONED) else f"CAST({column} AS TIMESTAMP)"), "0"
    if kind == "DATE":
        return f"CAST({column} AS TIMESTAMP)", "0"
    if kind != "VARCHAR":
        number = f"CAST({column} AS BIGINT)" if "INT" in kind else f"try_cast({column} AS DOUBLE)"
        moment = values.epoch_sql(number)
        return moment, f"CASE WHEN {column} IS NOT NULL AND ({moment}) IS NULL THEN 8 ELSE 0 END"
    text = f"trim({column})"
    day = f"regexp_extract({text}, '^[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-][0-9]{{2,4}}')"
    head = f"SELECT {day} AS day FROM (SELECT {column} FROM {table} LIMIT 5000) WHERE day <> '' LIMIT 1"
    days = (
        connection.execute(head).fetchall()
        and connection.execute(f"SELECT DISTINCT {day} FROM {table}").fetchall()
    )
    moment = values.time_sql(text, values.day_first_of([row[0] for row in days if row[0]]))
    blank = f"list_position({listed(NOBODY)}, lower({text})) IS NOT NULL"
    zone = f"CASE WHEN ({values.zone_sql(text)}) = '' THEN 4 ELSE 2 END"
    wrong = f"CASE WHEN {column} IS NULL OR {blank} THEN 0 ELSE 8 END"
    return moment, f"CASE WHEN ({moment}) IS NULL THEN {wrong} ELSE {zone} END"


def refuse_times(
    connection, table: str, name: str, moment: str, flags: str, found: int | None = None
) -> None:
    """Refuse a column that mixes times with and without a zone, or holds what is no time, with an example."""
    if flags == "0":
        return
    if found is None:
        found = connection.execute(f"SELECT bit_or({flags}) FROM {table}").fetchall()[0][0] or 0
    if found & 6 == 6:
        raise InputError(f"the column {name!r} {values.ZONED}")
    if found & 8:
        query = f"SELECT count(*), min({ident(name)}) FROM {table} WHERE ({flags}) = 8"
        count, example = connection.execute(query).fetchall()[0]
        rule = values.DAY
        if values.is_slashed(str(example).split()[0]):
            rule = "may be day or month first: write the year first, or say day_first in a mapping file"
        raise InputError(f"the column {name!r} holds {count:,} values such as {str(example)[:40]!r}: {rule}")


def scan_sql(
    connection, table: str, columns: Columns, rules: Rules, *, memory: int, progress: bool = False
) -> Scan:
    """Scan what stands after FROM for a funnel, in about ``memory`` bytes."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    columns.check(row[0] for row in described)
    types = {row[0]: str(row[1]) for row in described}
    moment, wrong = time_sql(connection, table, columns.timestamp, types[columns.timestamp])
    labels, segment = _segments(connection, table, columns.segment)
    layout = _layout(connection, table, moment, rules, len(labels or []))
    # list_position keeps DuckDB's rows in file order where IN does not, and is faster
    code = f"list_position({listed(rules.names)}, trim(CAST({ident(columns.event)} AS VARCHAR)))"
    payload = f"(epoch_us({moment}) - ({layout.origin})) * {1 << layout.shift}"
    payload += f" + ({code} - 1) * {1 << layout.segment_bits} + ({segment})"
    most = max((memory - _BASE) // _BYTES_A_ROW, _LEAST_ROWS)
    if table.startswith("read_parquet"):
        size = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        most = min(most, size)
        if size >= _LONG_SCAN:
            warm_up()
    for hopeful in (True, False):
        person = _person(connection, table, columns, types[columns.customer], f"{code} IS NOT NULL", hopeful)
        query = (
            f"SELECT {person.sql} AS c, ({payload})::BIGINT AS p, ({person.wrong} + {wrong})::UTINYINT AS f"
        )
        query += f" FROM {person.source} WHERE {code} IS NOT NULL"
        with tempfile.TemporaryDirectory(dir=files.temporary_folder()) as folder:
            seen = Seen()
            log = _taken(_batches(connection, query, progress), most, Path(folder), seen)
            if not seen.flags & 1:
                made = together([journeys(part, layout, rules) for part in _parts(log, Path(folder))])
                break
    refuse_times(connection, table, columns.timestamp, moment, wrong, seen.flags)
    until = (seen.highest >> layout.shift) + layout.origin
    return Scan(made, labels, seen.rows, seen.no_customer, seen.no_time, until)


@dataclass
class Seen:
    """What was met while reading: rows used and dropped, flags (of ``time_sql``), the greatest payload."""

    rows: int = 0
    no_customer: int = 0
    no_time: int = 0
    flags: int = 0
    highest: int = 0


def _taken(batches: Iterable, most: int, folder: Path, seen: Seen) -> list[np.ndarray]:
    """Return customers and payloads; beyond ``most`` those before went to files in the folder."""
    kept, size = None, 0
    for batch in batches:
        c, p, flags = batch.columns
        seen.flags |= int(np.bitwise_or.reduce(_integers(flags), initial=0))
        if seen.flags & 1:
            break
        rows = [_integers(c), _integers(p)]
        if c.null_count or p.null_count:
            has_customer, has_time = _present(c), _present(p)
            seen.no_customer += c.null_count
            seen.no_time += np.count_nonzero(has_customer & ~has_time)
            rows = [column[has_customer & has_time] for column in rows]
        if rows[1].min(initial=0) < 0:
            raise InputError("the log holds times before 1900 or not finite; leave them out")
        seen.highest = max(seen.highest, int(rows[1].max(initial=0)))
        seen.rows += rows[1].size
        # room for all that may come: pages that are never written to take no memory
        kept = kept or [np.empty(max(most, rows[1].size), column.dtype) for column in rows]
        if size + rows[1].size > kept[1].size:
            _deal([column[:size] for column in kept], folder)
            size = 0
        for column, new in zip(kept, rows, strict=True):
            column[size : size + new.size] = new
        size += rows[1].size
    return [column[:size] for column in kept or [np.empty(0, np.int64)] * 2]


def _deal(log: list[np.ndarray], folder: Path) -> None:
    """Append rows to 32 pairs of files by customer."""
    for begin in range(0, log[1].size, 4_000_000):
        rows = [column[begin : begin + 4_000_000] for column in log]
        bucket = (rows[0].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(59)).astype(np.uint8)
        order = np.argsort(bucket, kind="stable")
        for number, chosen in enumerate(np.split(order, np.searchsorted(bucket[order], range(1, 32)))):
            for column, ending in zip(rows, "cp", strict=True):
                with (folder / f"{number}.{ending}").open("ab") as file:
                    column[chosen].tofile(file)


def _parts(log: list[np.ndarray], folder: Path) -> Iterable[list[np.ndarray]]:
    """Yield the log, or its parts where it went to files."""
    names, kind = list(folder.glob("*.c")), log[0].dtype
    if not names:
        yield log
        return
    _deal(log, folder)
    log.clear()
    for name in names:
        yield [np.fromfile(name, kind), np.fromfile(name.with_suffix(".p"), np.int64)]


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


def _segments(connection, table: str, name: str | None) -> tuple[list[str] | None, str]:
    """Return the labels and the SQL of their codes; texts are tidied once each, not row by row."""
    if name is None:
        return None, "0"
    text = f"coalesce(CAST({ident(name)} AS VARCHAR), '')"
    raw = sorted(row[0] for row in connection.execute(f"SELECT DISTINCT {text} FROM {table}").fetchall())
    tidy = [NO_SEGMENT if one.strip().lower() in NOBODY else one.strip() for one in raw]
    labels = sorted(set(tidy))
    if len(labels) > 4096:
        raise InputError(f"the segment column {name!r} has {len(labels):,} values; at most 4,096 are taken")
    if raw == labels and len(raw) <= 64:
        return labels, f"list_position({listed(labels)}, {text}) - 1"
    pairs = [(one, labels.index(label)) for one, label in zip(raw, tidy, strict=True)]
    connection.execute("CREATE OR REPLACE TEMP TABLE cxlab_labels (label VARCHAR, code BIGINT)")
    connection.executemany("INSERT INTO cxlab_labels VALUES (?, ?)", pairs)
    made = "SELECT map(list(label), list(code)) AS m FROM cxlab_labels"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE cxlab_map AS {made}")
    return labels, f"(SELECT m FROM cxlab_map)[{text}]"


def _layout(connection, table: str, moment: str, rules: Rules, segments: int) -> Layout:
    bits = len(rules.names).bit_length(), max(segments - 1, 0).bit_length()
    if _TIME_BITS + sum(bits) <= 62:
        return Layout(_EPOCH_1900, *bits)
    first, last = connection.execute(
        f"SELECT epoch_us(min(t)), epoch_us(max(t)) FROM (SELECT {moment} AS t FROM {table}) AS log"
        " WHERE isfinite(t)"
    ).fetchall()[0]
    if first is not None and int(last - first).bit_length() + sum(bits) > 62:
        raise InputError("the times and segments of this log are too many to hold; take fewer segments")
    return Layout(int(first or 0), *bits)


class _Person(NamedTuple):
    """SQL of an integer for each customer, where to read from, SQL of 1 where it fails."""

    sql: str
    source: str
    wrong: str = "0"


def _person(connection, table: str, columns: Columns, kind: str, wanted: str, hopeful: bool) -> _Person:
    column = ident(columns.customer)
    if kind in ("UINTEGER", "USMALLINT", "UTINYINT"):
        return _Person(f"CAST({column} AS UINTEGER)", table)
    if kind in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"):
        if table.startswith("read_parquet"):  # the least and the greatest stand in the footer
            low, high = connection.execute(f"SELECT min({column}), max({column}) FROM {table}").fetchall()[0]
            if low is not None and high - low < 2**32:
                return _Person(f"CAST(CAST({column} AS BIGINT) - ({low}) AS UINTEGER)", table)
        return _Person(f"CAST({column} AS BIGINT)", table)
    text = f"trim(CAST(log.{column} AS VARCHAR))"
    somebody = f"list_position({listed(NOBODY)}, lower({text})) IS NULL"
    if hopeful:  # texts that all are whole numbers as a number is written need no numbering
        number = f"try_cast({text} AS BIGINT)"
        plain = f"CAST({number} AS VARCHAR) IS NOT DISTINCT FROM {text}"
        fails = f"CASE WHEN {plain} OR {text} IS NULL THEN 0 WHEN {somebody} THEN 1 ELSE 0 END"
        return _Person(number, f"{table} AS log", fails)
    # Other ids: one integer each, exact (no hashes), made by DuckDB, which spills when they are many.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE cxlab_people AS SELECT who, row_number() OVER () - 1 AS id FROM "
        f"(SELECT DISTINCT {text} AS who FROM {table} AS log WHERE {wanted} AND {somebody})"
    )
    joined = f"{table} AS log LEFT JOIN cxlab_people ON {text} = cxlab_people.who"
    return _Person("CAST(cxlab_people.id AS UINTEGER)", joined)


def memory_bytes(text: str | int | None) -> int:
    """Return "2GB", "800MB" or a number as bytes (None: 2 GB), at least 500 MB."""
    if text is None:
        return 2_000_000_000
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", str(text).lower())
    if not match:
        raise InputError(f"memory={text!r} is no size; write for example 2GB or 800MB")
    size = int(float(match.group(1)) * 1000 ** " kmgt".index(match.group(2) or " "))
    if size < 500_000_000:
        raise InputError(f"memory={text!r} is too little to start in; give at least 500MB")
    return size
