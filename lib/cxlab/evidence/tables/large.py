"""Events and visits of any size: an ibis table over DuckDB, checked in one streaming pass, never read whole."""

from __future__ import annotations

import atexit
import gzip
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..delimited import decode, read_delimited
from ..errors import InputError
from ..faults import raise_faults
from ..files import is_address, kind_of_file, regular_file, safe_address, sha256_of
from ..mapping import Mapping
from ..plain import show
from ..privacy import plain_text
from .declarations import table_named
from .scan import Large, ident, line_of, literal, unreadable
from .typed import map_columns

__all__ = ["csv_source", "open_large", "prepare_large", "transcode"]

SAMPLE = 10_000
HEAD = 1 << 18
NULLS = ("NULL", "null", "NA", "N/A", "NaN", "nan", "\\N")  # each costs time on every cell
HASHED = 1_000_000_000


def open_large(path: str | Path, mapping: Mapping, *, validate: bool = True):
    """Return an ibis table for events or visits; see :func:`cxlab.evidence.tables.open_table`."""
    from ..provenance import set_provenance
    from .streaming import check_large

    table = table_named(mapping.table)
    large = prepare_large(path, mapping)
    if validate and not large.faults:
        check_large(large, table)
    raise_faults(large.name, large.faults)
    try:
        large.connection.raw_sql(f"create or replace temp view {ident(table.name)} as {large.sql()}")
        expression = large.connection.table(table.name)
    except Exception as error:
        raise InputError(f"{large.name} cannot be read ({line_of(error)})") from None
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
    safe = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "temp_directory": folder,
    }
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
        raise unreadable(large, error) from None
    types = {str(row[0]): str(row[1]) for row in described}
    map_columns(large, table, mapping, types, sample)
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
        names = [
            row[0]
            for row in connection.raw_sql("select table_name from information_schema.tables").fetchall()
        ]
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
        large = Large(
            connection, name, kind, f"read_parquet({literal(str(target))})", notes=list(raw.notes), text=True
        )
        large.first_line = (raw.lines[0] if len(raw.lines) else 2) - 1
    large.sha256 = sha256
    return large


def _files(path: str | Path) -> list[Path]:
    path = Path(path)
    if path.is_dir():
        found = sorted(path.rglob("*.parquet")) or sorted([*path.rglob("*.csv"), *path.rglob("*.csv.gz")])
        if not found:
            raise InputError(
                f"{show(str(path), 200)} is a folder without .parquet or .csv files; name a file, or a folder that has some"
            )
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
        raise InputError(f"{file.name} is damaged ({line_of(error)}); pack it again") from None


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
            raise InputError(
                f"{file.name} has another header than {files[0].name}; all files must have the same columns"
            )
    plain = list(files) if ours in ("utf-8", "ascii") else [transcode(file, folder, ours) for file in files]
    large = Large(
        connection,
        name,
        "csv",
        "",
        notes=[*first_notes, *[n for n in first.notes if n not in first_notes]],
        text=True,
    )
    large.first_line, large.row_word = first.header_line, "line"
    large.found.update(
        files=list(files),
        folder=folder,
        header=first,
        mapping=mapping,
        transcoded=ours not in ("utf-8", "ascii"),
    )
    large.source = csv_source(plain, first, mapping)
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


def transcode(file: Path, folder: Path, encoding: str) -> Path:
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


def csv_source(files: Sequence[Path], header, mapping: Mapping) -> str:
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
