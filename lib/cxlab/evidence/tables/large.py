"""Events and visits of any size: an ibis table over DuckDB, checked in one streaming pass, never read whole."""

from __future__ import annotations

import atexit
import gzip
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..delimited import decode, read_delimited
from ..errors import InputError
from ..faults import Fault, raise_faults
from ..files import is_address, kind_of_file, regular_file, safe_address, sha256_of
from ..mapping import Mapping
from ..privacy import personal_columns, plain_text
from ..values import blank_missing, day_first, decimal_evidence, parse_times, show
from ..yamls import nearest
from .declarations import Column, Table, table_named

__all__ = ["Large", "check_large", "open_large", "prepare_large"]

SAMPLE = 10_000
HEAD = 1 << 18
NULLS = ("NULL", "null", "NA", "N/A", "NaN", "nan", "\\N")  # each costs time on every cell
HASHED = 1_000_000_000


@dataclass
class Large:
    """A large table before it is handed over.

    Attributes
    ----------
    connection : the ibis connection that reads it.
    source : SQL that reads the file as it is.
    select : our column -> SQL over the file's columns.
    raw : our column -> SQL of the cell as it stands (text), to tell missing from unreadable.
    rules : our column -> what its cells must be.
    """

    connection: Any
    name: str
    kind: str
    source: str
    select: dict[str, str] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_line: int = 1
    row_word: str = "row"
    sha256: str = ""
    rows: int | None = None
    text: bool = False
    labels: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    only: dict[str, str] = field(default_factory=dict)

    def sql(self) -> str:
        """The query whose rows are the table under our names."""
        return "select " + ", ".join(f"{part} as {ident(name)}" for name, part in self.select.items()) + f" from {self.source}" + self._where()

    def _where(self) -> str:
        parts = [f"cast({self.select[name]} as varchar) = {literal(value)}" for name, value in self.only.items()]
        return " where " + " and ".join(parts) if parts else ""


def ident(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for SQL."""
    return "'" + value.replace("'", "''") + "'"


def open_large(path: str | Path, mapping: Mapping, *, validate: bool = True):
    """Return an ibis table for events or visits; see :func:`cxlab.evidence.tables.open_table`."""
    from ..provenance import set_provenance

    table = table_named(mapping.table)
    large = prepare_large(path, mapping)
    if validate and not large.faults:
        check_large(large, table)
    raise_faults(large.name, large.faults)
    try:
        large.connection.raw_sql(f"create or replace temp view {ident(table.name)} as {large.sql()}")
        expression = large.connection.table(table.name)
    except Exception as error:
        raise InputError(f"{large.name} cannot be read ({_line_of(error)})") from None
    facts = {
        "name": mapping.where.stem if mapping.where else Path(large.name).stem,
        "title": plain_text(mapping.title) or f"own data: {plain_text(large.name)}",
        "table": table.name,
        "licence": mapping.facts.get("licence", "own data"),
        "citation": mapping.facts.get("citation", "own data"),
        "sha256": large.sha256,
        "simulated": False,
        "notes": plain_text("; ".join(large.notes)),
        "private": [column.name for column in table.columns if column.personal],
    }
    set_provenance(expression, facts)
    return expression


def plain_duckdb(path: str | Path, mapping: Mapping) -> tuple[str | Path, Mapping]:
    """Turn ``duckdb:///file#table`` into the file and a mapping that names the table."""
    if not str(path).startswith("duckdb://"):
        return path, mapping
    file, _, name = str(path).removeprefix("duckdb://").partition("#")
    return file, replace(mapping, read={**mapping.read, **({"table": name} if name else {})})


def _connect():
    import ibis

    folder = tempfile.mkdtemp(prefix="cxlab-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    safe = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "temp_directory": folder}
    connection = ibis.duckdb.connect(**safe)
    connection.raw_sql("set enable_progress_bar = false; set TimeZone = 'UTC'")
    return connection, Path(folder)


def prepare_large(path: str | Path, mapping: Mapping) -> Large:
    """Find out how a large file is read and which SQL turns its columns into ours; nothing is scanned but a sample."""
    table = table_named(mapping.table)
    path, mapping = plain_duckdb(path, mapping)
    large = _from_address(str(path), mapping) if is_address(path) else _from_files(path, mapping)
    try:
        described = large.connection.raw_sql(f"describe select * from {large.source}").fetchall()
        sample = large.connection.raw_sql(f"select * from {large.source} limit {SAMPLE}").df()
    except InputError:
        raise
    except Exception as error:
        raise _unreadable(large, error) from None
    types = {str(row[0]): str(row[1]) for row in described}
    _map_columns(large, table, mapping, types, sample)
    return large


def _from_address(address: str, mapping: Mapping) -> Large:
    from ..databases import connect_address

    source, name = connect_address(address, mapping.read.get("table"))
    # Another engine keeps its rows; they come over in batches, and DuckDB reads those.
    connection, folder = _connect()
    target = folder / "table.parquet"
    source.table(name).to_parquet(target)
    return Large(connection, safe_address(address), "database", f"read_parquet({literal(str(target))})")


def _from_files(path: str | Path, mapping: Mapping) -> Large:
    import ibis

    from ..databases import LOCKED, open_duckdb, pick_table
    from ..files import read_raw

    files = _files(path)
    name = Path(path).name
    kinds = {kind_of_file(file) for file in files[:200]}
    kinds = {"csv" if kind == "gzip" else kind for kind in kinds}
    if len(kinds) > 1:
        raise InputError(f"{name} mixes {' and '.join(sorted(kinds))} files; keep one kind in a folder")
    kind = kinds.pop()
    sha256 = sha256_of(files[0]) if len(files) == 1 and files[0].stat().st_size <= HASHED else ""
    if kind == "duckdb":
        open_duckdb(files[0]).close()
        connection = ibis.duckdb.connect(database=str(files[0]), read_only=True, **LOCKED)
        connection.raw_sql("set enable_progress_bar = false")
        names = [row[0] for row in connection.raw_sql("select table_name from information_schema.tables").fetchall()]
        large = Large(connection, name, kind, ident(pick_table(names, mapping.read.get("table"), name)))
    elif kind == "parquet":
        connection, _ = _connect()
        listed = ", ".join(literal(str(file)) for file in files)
        union = ", union_by_name = true" if len(files) > 1 else ""
        large = Large(connection, name, kind, f"read_parquet([{listed}]{union})")
    elif kind == "csv":
        large = _from_text(files, name, mapping)
    else:
        raw = read_raw(files[0], **mapping.read)
        connection, folder = _connect()
        target = folder / "sheet.parquet"
        raw.frame.astype(object).map(lambda v: None if v is None else str(v)).astype("str").to_parquet(target)
        large = Large(connection, name, kind, f"read_parquet({literal(str(target))})", notes=list(raw.notes), text=True)
        large.first_line = (raw.lines[0] if len(raw.lines) else 2) - 1
    large.sha256 = sha256
    return large


def _files(path: str | Path) -> list[Path]:
    path = Path(path)
    if path.is_dir():
        found = sorted(path.rglob("*.parquet")) or sorted([*path.rglob("*.csv"), *path.rglob("*.csv.gz")])
        if not found:
            raise InputError(f"{show(str(path), 200)} is a folder without .parquet or .csv files; name a file, or a folder that has some")
        return [regular_file(file) for file in found]
    if any(sign in path.name for sign in "*?[") and not path.exists():
        found = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        if not found:
            raise InputError(f"no file fits the pattern {show(str(path), 200)}; check the path")
        return [regular_file(file) for file in found]
    return [regular_file(path)]


def _head(file: Path, size: int = HEAD) -> bytes:
    try:
        if kind_of_file(file) == "gzip":
            with gzip.open(file) as stream:
                return stream.read(size)
        with open(file, "rb") as stream:
            return stream.read(size)
    except (OSError, EOFError) as error:
        raise InputError(f"{file.name} is damaged ({_line_of(error)}); pack it again") from None


def _from_text(files: Sequence[Path], name: str, mapping: Mapping) -> Large:
    connection, folder = _connect()
    options = {key: mapping.read.get(key) for key in ("encoding", "delimiter", "header_line")}
    first = None
    for file in files:
        head = _head(file)
        whole = len(head) < HEAD
        if not whole:
            head = _whole_lines(head)
        text, encoding, notes = decode(head, name=file.name, encoding=options["encoding"])
        del text
        parsed = read_delimited(head if whole else _last_record_off(head, options), name=file.name, **options)
        if first is None:
            first, first_notes = parsed, notes
            ours = encoding
        elif parsed.header != first.header or parsed.delimiter != first.delimiter:
            raise InputError(f"{file.name} has another header than {files[0].name}; all files must have the same columns")
    plain = list(files) if ours in ("utf-8", "ascii") else [_transcode(file, folder, ours) for file in files]
    large = Large(connection, name, "csv", "", notes=[*first_notes, *[n for n in first.notes if n not in first_notes]], text=True)
    large.first_line, large.row_word = first.header_line, "line"
    large.found.update(files=list(files), folder=folder, header=first, mapping=mapping, transcoded=ours not in ("utf-8", "ascii"))
    large.source = _csv_source(plain, first, mapping)
    return large


def _whole_lines(head: bytes) -> bytes:
    for mark, width in ((b"\xff\xfe", 2), (b"\xfe\xff", 2)):
        if head.startswith(mark):
            return head[: len(head) // width * width]
    return head[: head.rfind(b"\n") + 1] or head


def _last_record_off(head: bytes, options: dict) -> bytes:
    """A head cut in the middle of a quoted cell would never close: cut at an earlier line until it parses."""
    for _ in range(50):
        try:
            read_delimited(head, name="", **options)
            return head
        except InputError as error:
            cut = head[:-1].rfind(b"\n")
            if "never closed" not in str(error) or cut < 0:
                return head
            head = head[: cut + 1]
    return head


def _transcode(file: Path, folder: Path, encoding: str) -> Path:
    """Write a UTF-8 copy, line by line, so that DuckDB reads any encoding."""
    target = folder / f"{len(list(folder.iterdir()))}.csv"
    opener = gzip.open if kind_of_file(file) == "gzip" else open
    with open(target, "wb") as out:
        if encoding.startswith("utf-") and " " not in encoding:
            with opener(file, "rt", encoding=encoding, errors="strict", newline="") as text:
                try:
                    while block := text.read(1 << 20):
                        out.write(block.removeprefix("\ufeff").encode("utf-8"))
                except UnicodeDecodeError as error:
                    raise InputError(f"{file.name} cannot be read as {encoding} ({error.reason})") from None
            return target
        with opener(file, "rb") as stream:
            for line in stream:
                try:
                    line.decode("utf-8")
                    out.write(line)
                except UnicodeDecodeError:
                    coding = "cp1252" if " and " in encoding else encoding
                    out.write(line.decode(coding, errors="replace").encode("utf-8"))
    return target


def _csv_source(files: Sequence[Path], header, mapping: Mapping) -> str:
    words = sorted({*NULLS, *mapping.missing})
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header.header)
    listed = ", ".join(literal(str(file)) for file in files)
    packed = "gzip" if kind_of_file(files[0]) == "gzip" else "none"
    nulls = ", ".join(literal(word) for word in ["", *words])
    return (
        f"read_csv([{listed}], auto_detect = false, header = false, skip = {header.header_line}, delim = {literal(header.delimiter)}, "
        f"quote = '\"', escape = '\"', columns = {{{columns}}}, nullstr = [{nulls}], max_line_size = 12000000"
        f", compression = '{packed}')"
    )


def _map_columns(large: Large, table: Table, mapping: Mapping, types: dict[str, str], sample) -> None:
    rename = dict(mapping.columns)
    for theirs in [*rename, *mapping.recode, *mapping.missing_in]:
        if theirs not in types:
            large.faults.append(
                Fault(f"the mapping names column {show(theirs)}, which the file has not", f"{nearest(theirs, types)}correct the mapping file")
            )
    if mapping.wide:
        raise InputError(f"wide_to_long is not offered for the table {table.name}; bring one row per event")
    ours_of = {theirs: rename.get(theirs, theirs) for theirs in types}
    taken = set(rename.values())
    allowed = {*mapping.personal, *(mapping.ours(name) for name in mapping.personal)}
    declared = {column.name: column for column in table.columns}
    extras = []
    for theirs, type_ in types.items():
        ours = ours_of[theirs]
        if theirs not in rename and ours in taken:
            continue
        large.names[ours] = theirs
        raw = ident(theirs)
        codes = [*(() if large.text else mapping.missing), *mapping.missing_in.get(theirs, ())]
        if codes:
            raw = f"case when cast({raw} as varchar) in ({', '.join(map(literal, codes))}) then null else {raw} end"
        if theirs in mapping.recode:
            cases = " ".join(f"when {literal(a)} then {literal(b)}" for a, b in mapping.recode[theirs].items())
            raw = f"case cast({raw} as varchar) {cases} else cast({raw} as varchar) end"
            type_ = "VARCHAR"
        if ours in declared:
            large.raw[ours] = raw
            large.select[ours] = _typed(large, declared[ours], raw, type_, sample, theirs, mapping)
        elif type_.upper().startswith(("STRUCT", "MAP", "UNION", "BLOB")) or type_.endswith("]"):
            large.notes.append(f"column {show(theirs)} holds lists or structures and was left out")
        else:
            extras.append((ours, theirs, raw))
    for ours, theirs, raw in extras:
        reason = personal_columns(sample[[theirs]]) if theirs in sample and ours not in allowed else {}
        if reason:
            large.notes.append(f"column {show(theirs)} {reason[theirs]} and was left out; name it under personal: in params.yaml to keep it")
        else:
            large.select[ours] = raw
    for column in table.columns:
        if column.required and column.name not in large.select:
            import pandas as pd

            from .schemas import _absent

            frame = pd.DataFrame(columns=[ours_of[name] for name in types])
            large.faults += [f for f in _absent(frame, table, (), large.names) if show(column.name) in f.rule]
    for name, value in mapping.only.items():
        if name not in large.select:
            raise InputError(f"{large.name}: where names column {show(name)}, which the table has not; {nearest(name, large.select)}")
        large.only[name] = plain_text(value)
    shown = [c for c in table.columns if c.name in large.select and c.kind == "text" and not c.personal]
    for column in shown:
        theirs = large.names[column.name]
        if theirs in sample and column.name not in allowed and theirs not in allowed:
            reason = personal_columns(sample[[theirs]].rename(columns={theirs: column.name})).get(column.name, "")
            if reason.startswith("holds"):
                large.faults.append(Fault(f"{reason}, and it would be shown", "take it out of the mapping, or name it under personal:", theirs))
        large.labels.append(column.name)


def _typed(large: Large, column: Column, raw: str, type_: str, sample, theirs: str, mapping: Mapping) -> str:
    is_text = type_ == "VARCHAR"
    plain = type_.split("(")[0]
    if column.kind == "time":
        if is_text:
            return _time_sql(large, column, raw, sample[theirs], mapping)
        if plain == "TIMESTAMP WITH TIME ZONE":
            large.notes.append(f"column {show(theirs)}: time zones were turned into UTC")
            return f"timezone('UTC', {raw})"
        if plain in ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"):
            return raw if plain == "TIMESTAMP" else f"cast({raw} as timestamp)"
        if plain in ("BIGINT", "INTEGER", "UBIGINT", "UINTEGER", "DOUBLE"):
            values = sample[theirs].dropna()
            if len(values) and 1e9 <= values.abs().median() < 2e9:
                return f"make_timestamp(cast({raw} * 1000000 as bigint))"
            if len(values) and 1e12 <= values.abs().median() < 2e12:
                return f"make_timestamp(cast({raw} * 1000 as bigint))"
        large.faults.append(Fault(f"must be dates or times, the file holds {plain.lower()}", "convert the column", theirs))
        return raw
    if column.kind in ("number", "whole"):
        if not is_text:
            return f"cast({raw} as double)"
        texts = [str(v) for v in blank_missing(sample[theirs]).dropna().unique()[:5000]]
        point, comma, either = decimal_evidence(texts)
        mark = mapping.decimal or ("," if comma > point else ".")
        large.rules[column.name] = "must be a finite number" + (" (read with a decimal comma)" if mark == "," else "")
        number = f"replace(replace(trim({raw}), '.', ''), ',', '.')" if mark == "," else f"trim({raw})"
        cast = f"try_cast({number} as double)"
        return f"case when isfinite({cast}) then {cast} end"
    if is_text:
        return f"trim({raw})"
    if column.kind == "id" and plain in ("BIGINT", "INTEGER", "SMALLINT", "UBIGINT", "UINTEGER", "HUGEINT"):
        return raw
    return f"cast({raw} as varchar)"


def _time_sql(large: Large, column: Column, raw: str, values, mapping: Mapping) -> str:
    texts = blank_missing(values)
    uniques = [str(value) for value in texts.dropna().unique()]
    large.rules[column.name] = "must be a real day (best written 2026-12-31 or 2026-12-31 23:59:00)"
    first = mapping.day_first if mapping.day_first is not None else day_first(uniques)
    slashed = [t for t in uniques[:2000] if re.match(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}", t)]
    trimmed = f"trim({raw})"
    if uniques and all(re.fullmatch(r"1\d{9}", t) for t in uniques[:2000]):
        return f"make_timestamp(try_cast({trimmed} as bigint) * 1000000)"
    if uniques and all(re.fullmatch(r"1\d{12}", t) for t in uniques[:2000]):
        return f"make_timestamp(try_cast({trimmed} as bigint) * 1000)"
    zoned = f"(contains({raw}, '+') or contains({raw}, 'Z') or (strlen({raw}) > 19 and substr({trimmed}, -6, 1) = '-'))"
    large.found["zones"] = (column.name, f"count_if({zoned})")
    found = parse_times(texts, day_is_first=first)
    iso = f"try_cast({raw} as timestamp)"
    if "time zone" in found.rule or "time zones" in found.note:
        # A plain timestamp would drop the offset; with the session in UTC this one counts it.
        iso = f"timezone('UTC', try_cast({raw} as timestamptz))"
        large.notes.append(f"column {show(large.names[column.name])}: time zones were turned into UTC")
    if not slashed:
        return iso
    if first is None:
        large.faults.append(
            Fault("may be day or month first", "say day_first: true or false under file: in the mapping file", large.names[column.name], slashed[0])
        )
        return iso
    order = ("%d", "%m") if first else ("%m", "%d")
    formats = [f"{order[0]}{sign}{order[1]}{sign}%Y{clock}" for sign in "./-" for clock in (" %H:%M:%S", " %H:%M", "")]
    listed = ", ".join(literal(part) for part in formats)
    return f"coalesce(try_strptime({trimmed}, [{listed}]), {iso})"


def check_large(large: Large, table: Table) -> dict[str, Any]:
    """Look at every row in one streaming pass; faults are added to ``large``, and what was found is returned.

    Returns
    -------
    dict
        ``rows``; per column ``filled`` (rows with a value), and for events ``first`` and ``last`` time.
    """
    parts = ["count(*)"]
    keys: list[tuple[str, str]] = []
    for column in table.columns:
        name = column.name
        if name not in large.select:
            continue
        typed = large.select[name]
        same = typed == large.raw[name] or typed == f"trim({large.raw[name]})" or typed.startswith("cast(")
        keys.append((name, "filled"))
        parts.append(f"count({large.raw[name]})")
        if not same:
            keys.append((name, "read"))
            parts.append(f"count({typed})")
        if column.kind == "time" or column.low is not None or column.high is not None:
            keys += [(name, "low"), (name, "high")]
            parts += [f"min({typed})", f"max({typed})"]
        if name in large.labels and column.kind == "text":
            keys.append((name, "markup"))
            parts.append(f"count_if(contains({large.raw[name]}, '<'))")
    zones = large.found.get("zones")
    if zones:
        keys.append((zones[0], "zoned"))
        parts.append(zones[1])
    row = _aggregate(large, parts)
    rows = large.rows = int(row[0])
    found: dict[str, Any] = {"rows": rows, "columns": {}}
    for (name, what), value in zip(keys, row[1:], strict=True):
        found["columns"].setdefault(name, {})[what] = value
    if not rows:
        large.faults.append(Fault("there is a header but no row", "add rows"))
        return found
    for column in table.columns:
        facts = found["columns"].get(column.name)
        if facts is not None:
            _judge(large, column, facts, rows)
    return found


def _judge(large: Large, column: Column, facts: dict[str, Any], rows: int) -> None:
    name, theirs = column.name, large.names[column.name]
    typed, raw = large.select[name], large.raw[name]
    unreadable = facts["filled"] - facts.get("read", facts["filled"])
    if unreadable:
        rule = large.rules.get(name, f"must be a {column.kind}")
        large.faults.append(_located(large, theirs, rule, "correct it, or name it under missing: in the mapping file", f"{raw} is not null and {typed} is null", raw, unreadable))
    empty = rows - facts["filled"]
    if empty and not column.gaps:
        large.faults.append(_located(large, theirs, "must not be missing", "fill it, or leave the row out", f"{raw} is null", "null", empty))
    elif empty and column.required:
        large.notes.append(f"column {show(theirs)}: {empty:,} rows have none and are dropped and counted")
    if empty == rows and column.required and column.gaps:
        large.faults.append(Fault("is missing on every row", "fill it", theirs))
    if facts.get("zoned") and (facts["zoned"] < facts["filled"] or "timestamptz" not in typed):
        large.faults.append(Fault("must carry a time zone in all lines or in none", "write all in UTC", theirs, None, (), max(1, min(facts["zoned"], facts["filled"] - facts["zoned"])), large.row_word))
    if column.kind == "time" and facts.get("low") is not None:
        low, high = facts["low"], facts["high"]
        if low.year < 1900 or high.year > 2200:
            condition = f"{typed} < timestamp '1900-01-01' or {typed} >= timestamp '2201-01-01'"
            large.faults.append(_located(large, theirs, "must lie between the years 1900 and 2200", "correct it", condition, raw, None))
    if facts.get("markup"):
        large.select[name] = f"translate({typed}, '<>', '‹›')"
        large.notes.append(f"column {show(theirs)}: angle brackets were replaced")


def _located(large: Large, column: str, rule: str, remedy: str, condition: str, value: str, count: int | None) -> Fault:
    """Find the first lines on which a condition holds, in a second streaming pass."""
    query = (
        f"select line, value from (select row_number() over () as line, cast({value} as varchar) as value, ({condition}) as bad "
        f"from {large.source}) where bad limit 5"
    )
    try:
        rows = sorted(large.connection.raw_sql(query).fetchall())
        if count is None:
            count = large.connection.raw_sql(f"select count_if({condition}) from {large.source}").fetchone()[0]
    except Exception:
        rows = []
    lines = tuple(int(line) + (large.first_line if large.row_word == "line" else 0) for line, _ in rows)
    if len(large.found.get("files", [1])) > 1:
        lines = ()
    first = rows[0][1] if rows else None
    return Fault(rule, remedy, column, first, lines, int(count or 1), large.row_word)


def _aggregate(large: Large, parts: list[str]) -> tuple:
    query = f"select {', '.join(parts)} from {large.source}"
    try:
        return large.connection.raw_sql(query).fetchone()
    except Exception as error:
        if "nicode" in str(error) and "files" in large.found and not large.found["transcoded"]:
            plain = [_transcode(file, large.found["folder"], "utf-8 and cp1252") for file in large.found["files"]]
            large.found["transcoded"] = True
            large.source = _csv_source(plain, large.found["header"], large.found["mapping"])
            large.notes.append("some lines are not UTF-8 and were read as Windows-1252")
            return _aggregate(large, parts)
        raise _unreadable(large, error) from None


def _line_of(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _unreadable(large: Large, error: BaseException) -> InputError:
    text = str(error)
    line = re.search(r"Line: (\d+)", text)
    fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    where = f", line {line[1]}" if line and large.row_word == "line" else ""
    if fields:
        return InputError(
            f"{large.name}{where}: has {fields[2]} fields where the header has {fields[1]}; "
            "put cells that hold the delimiter into quotation marks, or complete the row"
        )
    if "unterminated quote" in text or "Value with unterminated" in text:
        return InputError(f"{large.name}{where}: a quotation mark is opened and never closed, or text follows one; double the marks inside a cell")
    if "Maximum line size" in text:
        return InputError(f"{large.name}{where}: a line is longer than 12 million characters; is it a table?")
    reason = _line_of(error)
    for file in large.found.get("files", []):
        reason = reason.replace(str(file), file.name)
    return InputError(f"{large.name}{where} cannot be read ({reason}); export it again")
