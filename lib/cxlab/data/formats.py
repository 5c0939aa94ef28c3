"""Workbooks, Parquet, JSON, statistics packages and databases as relations: bounded, read only."""

from __future__ import annotations

import json
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from cxlab.data import files as of
from cxlab.data.delimited import texts_of
from cxlab.data.errors import InputError
from cxlab.data.places import show
from cxlab.data.raw import (
    LOCKED,
    Raw,
    connect,
    ident,
    literal,
    named,
    parquet_scan,
    refuse_too_many,
    texts_relation,
)
from cxlab.data.shapes import flattened, joined_header
from cxlab.data.values import scale_of_words

_UNPACKED = 400_000_000
_CELL = re.compile(rb"<(?:\w+:)?c\b[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")


def of_frame(frame: Any) -> Raw:
    """Return a DataFrame (or ibis table) as a relation."""
    import pandas as pd

    frame = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    names, repeated, notes = named(list(frame.columns))
    columns = {}
    for place, name in enumerate(names):
        values = frame.iloc[:, place]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(object)
        if pd.api.types.is_object_dtype(values):
            values = values.map(_as_text, na_action="ignore").astype("str")
        columns[name] = values.reset_index(drop=True)
    raw = Raw(connect(), "cells", "data", "frame", repeated=repeated, notes=notes)
    raw.connection.register("cells", pd.DataFrame(columns))
    return raw


def _as_text(value: object) -> str | None:
    """Return a typed cell as text: whole floats lose their ``.0``, booleans become true and false."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def of_parquet(found: list[Path], name: str, options: dict) -> Raw:
    """Scan Parquet files; structures are flattened, lists left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw = Raw(connect(), parquet_scan(found), name, "parquet", scanned=found)
    try:
        schema = pq.read_schema(found[0])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise raw.unreadable(error) from None
    parts, left = list(_leaves(schema, "", "")), []
    if any("." in column or not expression for column, expression in parts):
        left = [column for column, expression in parts if not expression]
        kept = [f"{expression} as {ident(column)}" for column, expression in parts if expression]
        if not kept:
            raise InputError(f"{name} holds no plain column; flatten lists and structures first")
        raw.source = f"(select {', '.join(kept)} from {raw.source})"
    if left:
        raw.notes.append(f"columns that hold lists or bytes were left out: {', '.join(map(show, left[:5]))}")
    return raw


def _leaves(fields: Any, before: str, path: str) -> Iterator[tuple[str, str]]:
    import pyarrow as pa

    for inner in fields:
        column, expression = before + inner.name, path + ident(inner.name)
        if pa.types.is_struct(inner.type):
            yield from _leaves(inner.type, f"{column}.", f"{expression}.")
        else:
            odd = (
                pa.types.is_nested(inner.type)
                or pa.types.is_binary(inner.type)
                or pa.types.is_large_binary(inner.type)
            )
            yield column, "" if odd or pa.types.is_fixed_size_binary(inner.type) else expression


def of_json(found: list[Path], raw: Raw) -> Raw:
    """Read JSON or JSON lines, nested fields flattened; rows go through Parquet in the temporary folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw.kind, raw.row_word, raw.types, parts = "parquet", "row", {}, []
    folder = of.temporary_folder()
    for file in found:
        rows = _records(file)
        while batch := list(islice(rows, 100_000)):
            names = dict.fromkeys(key for row in batch for key in row)
            if len(names) > 2_000:
                raise InputError(f"{file.name} has more than 2,000 different fields; keep those needed")
            cells = {
                name: pa.array([_as_text(row.get(name)) for row in batch], pa.string()) for name in names
            }
            parts.append(folder / f"{len(list(folder.iterdir()))}.parquet")
            pq.write_table(pa.table(cells), parts[-1])
    if not parts:
        raise InputError(f"{raw.name} is empty; a table needs at least one row")
    raw.source = parquet_scan(parts)
    return raw


def _records(file: Path) -> Iterator[dict[str, Any]]:
    text = of.content_of(file).decode("utf-8-sig", errors="replace").strip()
    try:
        whole = json.loads(text) if text.startswith("[") else None
        if whole is None:
            for line, part in enumerate(text.split("\n"), start=1):
                if part.strip():
                    try:
                        yield flattened(json.loads(part))
                    except json.JSONDecodeError as error:
                        if line > 1:
                            raise InputError(f"{file.name}, line {line}: not JSON ({error.msg})") from None
                        whole = json.loads(text)  # one record over several lines
                        break
        if isinstance(whole, dict):
            lists = [value for value in whole.values() if isinstance(value, list)]
            whole = lists[0] if len(lists) == 1 and len(whole) < 10 else [whole]
        for row in whole or ():
            yield flattened(row)
    except json.JSONDecodeError as error:
        raise InputError(f"{file.name}, line {error.lineno}: this is not JSON ({error.msg})") from None
    except RecursionError:
        raise InputError(f"{file.name} is nested too deeply; export a plain table") from None


def of_statistics(found: list[Path], name: str, options: dict) -> Raw:
    """Read SPSS, Stata or SAS with labels; user-missing codes are missing, groups carry their words."""
    import pandas as pd
    import pyreadstat

    reader = getattr(pyreadstat, f"read_{of.kind_of(found[0])}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame, meta = reader(str(found[0]))
    except Exception as error:  # pyreadstat raises its own classes
        raise InputError(f"{name} cannot be read ({of.reason_of(error)}); export it as CSV") from None
    refuse_too_many(name, *frame.shape)
    for column, words in (meta.variable_value_labels or {}).items():
        values = frame[column].dropna().unique() if column in frame else []
        codes = [code for code in words if isinstance(code, int | float)]
        # A scale keeps its numbers; a group such as sex becomes its words.
        if len(values) and set(values) <= set(words) and (len(codes) < 4 or not _is_scale(words)):
            frame[column] = frame[column].map(words)
    raw = of_frame(frame)
    raw.name, raw.kind = name, "statistics"
    raw.labels = {str(c): text for c, text in (meta.column_names_to_labels or {}).items() if text}
    dates = [
        c for c in frame if pd.api.types.is_object_dtype(frame[c]) and frame[c].map(type).eq(object).all()
    ]
    raw.notes += [f"column {show(column)} could not be read" for column in dates]
    return raw


def _is_scale(words: dict[float, str]) -> bool:

    codes = sorted(words)
    ordered = all(b - a == 1 for a, b in zip(codes, codes[1:], strict=False))
    return ordered and scale_of_words(list(words.values())) is not None


def of_workbook(found: list[Path], name: str, options: dict) -> Raw:
    """Read one sheet of an Excel or OpenDocument workbook; formulas are read as their last values."""
    import python_calamine

    path, sheet = found[0], options.get("sheet")
    if of.regular_file(path).open("rb").read(2) == b"PK":
        _check_workbook(path)
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                raise InputError(
                    f"{name} has no sheet {show(sheet)}; it has {', '.join(map(show, names[:20]))}"
                )
            sheets = {part: book.get_sheet_by_name(part) for part in ([sheet] if sheet else names)}
            for part, content in sheets.items():
                refuse_too_many(f"{name} ({part})", content.total_height, content.total_width)
            rows_of = {part: content.to_python(skip_empty_area=False) for part, content in sheets.items()}
    except InputError:
        raise
    except BaseException as error:  # calamine raises its own classes, and panics on some broken sheets
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise InputError(f"{name} is not a sound workbook ({of.reason_of(error)}); save it anew") from None
    filled = {part: rows for part, rows in rows_of.items() if any(cell != "" for row in rows for cell in row)}
    if not filled:
        raise InputError(f"{name} is empty; a table needs a header line and at least one row")
    if len(filled) > 1:
        listed = ", ".join(map(show, list(filled)[:8]))
        raise InputError(f"{name} has {len(filled)} sheets with data ({listed}); say which by sheet: NAME")
    part, rows = next(iter(filled.items()))
    full = [sum(cell != "" for cell in row) > (1 if len(row) > 1 else 0) for row in rows]
    start = full.index(True) if True in full else len(rows) - 1
    keep = [i for i in range(len(rows[start])) if any(row[i] != "" for row in rows[start:])]
    body = [
        (i + 1, [_as_text(row[k]) for k in keep])
        for i, row in enumerate(rows)
        if i > start and any(c != "" for c in row)
    ]
    header = [_as_text(rows[start][k]) or "" for k in keep]
    header, texts, more, shape = joined_header(header, [[cell or "" for cell in row] for _, row in body[:3]])
    columns, repeated, notes = named(header)
    labels = texts_of(header, columns, texts)
    raw = Raw(connect(), "", name, "excel", repeated=repeated, labels=labels)
    raw.notes = [f"sheet {show(part)}", *([shape] if shape else []), *notes]
    if start:
        raw.notes.append(f"{start} row(s) before the header (row {start + 1}) were skipped")
    body = body[more:]
    cells = {column: [row[place] for _, row in body] for place, column in enumerate(columns)}
    return texts_relation(raw, cells, [line for line, _ in body])


def _check_workbook(path: Path) -> None:
    """Unpack a workbook's parts in a stream, and refuse a bomb or a sheet that is nearly all empty.

    The archive's own word on sizes is not believed: each part is unpacked to its real end.
    """
    bad = (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, ValueError, struct.error)
    total = 0
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as stream:
            names = archive.namelist()
            if not {"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & set(names) or len(names) > 20_000:
                raise InputError(f"{path.name} is a zip archive but no workbook; name the file inside")
            for info in archive.infolist():
                if info.flag_bits & 1:
                    raise InputError(f"{path.name} is protected by a password; save it without one")
                sheet, rest, rows, columns = info.filename.startswith("xl/worksheets/"), b"", 0, 0
                for block in _blocks(stream, info):
                    total += len(block)
                    if total > _UNPACKED:
                        raise InputError(
                            f"{path.name} unpacks to more than {_UNPACKED // 10**6} MB: not read"
                        )
                    for letters, row in _CELL.findall(rest + block) if sheet else ():
                        rows, columns = max(rows, int(row)), max(columns, _column_number(letters))
                    rest = (rest + block)[-200:]
                refuse_too_many(f"{path.name} ({Path(info.filename).stem})", rows, columns)
    except InputError:
        raise
    except bad as error:
        raise InputError(
            f"{path.name} is not a sound workbook ({of.reason_of(error)}); save it anew"
        ) from None


def _blocks(stream: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield what a part of the archive really unpacks to, a megabyte at a time."""
    stream.seek(info.header_offset)
    head = stream.read(30)
    if head[:4] != b"PK\x03\x04":
        raise ValueError("a part is not where the archive says")
    stream.seek(sum(struct.unpack("<HH", head[26:30])), 1)
    if info.compress_type == 0:
        left = info.compress_size
        while left > 0 and (block := stream.read(min(left, 1 << 20))):
            left -= len(block)
            yield block
        return
    if info.compress_type != 8:
        raise NotImplementedError("an unusual compression")
    unpack = zlib.decompressobj(-15)
    while not unpack.eof:
        packed = unpack.unconsumed_tail or stream.read(1 << 16)
        if not packed:
            raise EOFError("a part ends too early")
        yield unpack.decompress(packed, 1 << 20)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def of_base(found: list[Path], name: str, options: dict) -> Raw:
    """Open a table of a DuckDB or SQLite file, read only, with no way out to other files or the network."""
    import duckdb

    if of.kind_of(found[0]) == "sqlite":
        return _of_sqlite(found[0], name, options.get("table"))
    try:
        connection = duckdb.connect(str(found[0]), read_only=True, config=dict(LOCKED))
    except duckdb.Error as error:
        raise InputError(f"{name} cannot be opened as a DuckDB file ({of.reason_of(error)})") from None
    raw = Raw(connection, "", name, "duckdb")
    raw.all("set TimeZone = 'UTC'")
    raw.all("set enable_progress_bar = false")
    names = [row[0] for row in raw.all("select table_name from information_schema.tables")]
    raw.source = ident(_pick(names, options.get("table"), name))
    return raw


def _of_sqlite(path: Path, name: str, table: str | None) -> Raw:
    import sqlite3

    base = None
    try:
        base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        base.text_factory = lambda value: value.decode("utf-8", errors="replace")
        names = [
            row[0] for row in base.execute("select name from sqlite_master where type in ('table', 'view')")
        ]
        cursor = base.execute(f"select * from {ident(_pick(names, table, name))}")
        columns, repeated, notes = named([part[0] for part in cursor.description])
        raw = Raw(connect(), "", name, "database", repeated=repeated, notes=notes)
        rows = cursor.fetchmany(60_000_000 // max(len(columns), 1) + 1)
    except sqlite3.Error as error:
        raise InputError(f"{name} cannot be opened as a SQLite file ({of.reason_of(error)})") from None
    finally:
        if base is not None:
            base.close()
    refuse_too_many(name, len(rows), len(columns))
    cells = {column: [_as_text(row[place]) for row in rows] for place, column in enumerate(columns)}
    return texts_relation(raw, cells)


def _pick(names: list[str], wanted: str | None, source: str) -> str:
    listed = ", ".join(map(show, names[:20])) or "none"
    if wanted and wanted not in names:
        raise InputError(f"{source} has no table {show(wanted)}; it has {listed}")
    if not wanted and len(names) != 1:
        raise InputError(
            f"{source} has {len(names)} tables ({listed}); say which: table: NAME in the mapping"
        )
    return wanted or names[0]


def base_file(url: str) -> Path:
    """Return the file of ``duckdb:///...`` or ``sqlite:///...``, from the root or else from here."""
    rest = Path(url.partition("#")[0].split("://", 1)[-1].lstrip("/"))
    return Path("/") / rest if (Path("/") / rest).exists() or not rest.exists() else rest


def of_address(address: str, table: str | None, *, large: bool) -> Raw:
    """Open a table by ``scheme://...#table``; ``${NAME}`` is of the environment, passwords are not shown."""
    url, _, fragment = address.partition("#")
    wanted, shown = table or fragment or None, of.safe_address(url)
    if url.startswith(("duckdb:", "sqlite:")):
        path = of.regular_file(base_file(url))
        if of.kind_of(path) not in ("duckdb", "sqlite"):
            raise InputError(f"{path.name} is neither a DuckDB nor a SQLite file; name it by its path")
        return of_base([path], path.name, {"table": wanted})
    if url.startswith(("http://", "https://", "ftp://", "s3://", "gs://", "file://")):
        raise InputError(f"{shown} is a file's address, not a database's; fetch the file first")

    def secret(match: re.Match) -> str:
        if match[1] not in os.environ:
            raise InputError(f"{shown} asks for the environment variable {match[1]}: set it")
        return os.environ[match[1]]

    import ibis

    url = re.sub(r"\$\{(\w+)\}", secret, url)
    try:
        base = ibis.connect(url)
        rows = base.table(_pick(list(base.list_tables()), wanted, shown))
        if not large:
            refuse_too_many(shown, int(rows.count().execute()), len(rows.columns))
        # Another engine keeps its rows; they come over in batches, and DuckDB reads those.
        target = of.temporary_folder() / f"{len(list(of.temporary_folder().iterdir()))}.parquet"
        rows.to_parquet(target)
    except InputError:
        raise
    except Exception as error:  # every driver has its own classes
        reason = of.safe_address(of.reason_of(error).replace(url, shown))
        raise InputError(
            f"{shown} cannot be opened ({type(error).__name__}: {reason}); check address and driver"
        ) from None
    return Raw(connect(), f"read_parquet({literal(str(target))})", shown, "database")
