"""Read any file a stranger hands over as one DuckDB relation, still in the owner's words: bounded, read only.

Small texts are parsed strictly with the line of each record; large ones are scanned where they lie.
What a file claims about itself is checked before it is unpacked.
"""

import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Any

from cxlab.data import files as of
from cxlab.data.delimited import decoded, name_columns, read_records, take_header
from cxlab.data.errors import InputError, show
from cxlab.data.raw import (
    Raw,
    connect,
    ident,
    literal,
    literal_names,
    literals,
    parquet_scan,
    refuse_too_many,
    texts_relation,
)
from cxlab.data.values import scale_of_words

_PARSED = 8_000_000  # bytes of text up to which every record is parsed here, with its line
_JSON = 1_500_000_000  # bytes
_NULLS = ("", "NULL", "null", "NA", "N/A", "NaN", "nan", "\\N")  # each costs time on every cell
_UNPACKED = 400_000_000
_CELL = re.compile(rb"<(?:\w+:)?c\b[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")


def read_raw(path: Any, *, large: bool = False, **options: Any) -> Raw:
    """Return a file, a folder of files or a DataFrame as a relation.

    ``large`` takes any number of rows (events, visits), folders and patterns. ``options`` are ``encoding,
    delimiter, header_line`` of a text, ``sheet`` of a workbook.
    """
    if hasattr(path, "columns"):
        raw = _of_frame(path)
    elif re.match(r"[a-z][a-z0-9+.-]*://", str(path)):
        raise InputError("an address is not read; save what it holds as CSV or Parquet, and name that file")
    else:
        given = of.files_of(path) if large else [of.regular_file(path)]
        found, name = [of.unpacked(file) for file in given], Path(path).name
        kinds = sorted(set(map(of.kind_of, found)))
        if len(kinds) > 1:
            raise InputError(f"{name} mixes {' and '.join(kinds)} files; keep one kind")
        readers = {"text": _of_text, "parquet": _of_parquet, "excel": _of_workbook}
        if kinds[0] not in ("text", "parquet") and len(found) > 1:
            raise InputError(f"{name} holds several {kinds[0]} files; name one of them")
        raw = readers.get(kinds[0], _of_statistics)(found, name, options)
    if not raw.types:
        raw.types = {str(row[0]): str(row[1]) for row in raw.all(f"describe select * from {raw.source}")}
    if not large:
        refuse_too_many(raw.name, raw.all(f"select count(*) from {raw.source}")[0][0], len(raw.types))
    return raw


def _of_frame(frame: Any) -> Raw:
    """Return a DataFrame (or ibis table) as a relation."""
    import pandas as pd

    frame = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    raw, columns = Raw(connect(), "cells", "data", "frame"), {}
    for place, name in enumerate(name_columns(raw, frame.columns)):
        values = frame.iloc[:, place]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(object)
        if pd.api.types.is_object_dtype(values):
            values = values.map(_as_text, na_action="ignore").astype("str")
        columns[name] = values.reset_index(drop=True)
    raw.connection.register("cells", pd.DataFrame(columns))
    raw.types = {}  # as DuckDB will say
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


def _of_parquet(found: list[Path], name: str, options: dict) -> Raw:
    """Scan Parquet files; structures are flattened, lists left out."""
    import pyarrow.parquet as pq

    raw = Raw(connect(), parquet_scan(found), name, "parquet", scanned=found)
    with _sound(name, "Parquet file"):
        columns = dict(_leaves(pq.read_schema(found[0])))
    kept = [f"{path} as {ident(column)}" for column, path in columns.items() if path]
    left = [column for column, path in columns.items() if not path]
    if not kept:
        raise InputError(f"{name} holds no plain column; flatten lists and structures first")
    if left:
        raw.notes.append(f"columns that hold lists or bytes were left out: {', '.join(map(show, left[:5]))}")
    if left or any("." in column for column in columns):
        raw.source = f"(select {', '.join(kept)} from {raw.source})"
    return raw


def _leaves(fields: Any, before: str = "", path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the plain columns of a schema with their SQL, ``""`` for lists and bytes."""
    import pyarrow as pa

    for inner in fields:
        column, sql = before + inner.name, path + ident(inner.name)
        if pa.types.is_struct(inner.type):
            yield from _leaves(inner.type, f"{column}.", f"{sql}.")
        else:
            odd = pa.types.is_nested(inner.type) or "binary" in str(inner.type)
            yield column, "" if odd else sql


def _of_json(found: list[Path], name: str) -> Raw:
    """Read JSON or JSON lines, nested fields flattened."""
    import pyarrow as pa

    raw, parts = Raw(connect(), "cells", name, "json"), []
    for file in found:
        rows = _records(file)
        while batch := list(islice(rows, 100_000)):
            fields = dict.fromkeys(key for row in batch for key in row)
            if len(fields) > 2_000:
                raise InputError(f"{file.name} has more than 2,000 different fields; keep those needed")
            cells = {field: [_as_text(row.get(field)) for row in batch] for field in fields}
            parts.append(pa.table({field: pa.array(texts, pa.string()) for field, texts in cells.items()}))
    if not parts:
        raise InputError(f"{name} is empty; a table needs at least one row")
    raw.connection.register("cells", pa.concat_tables(parts, promote_options="default"))
    return raw


def _records(file: Path) -> Iterator[dict[str, object]]:
    """Yield the records of one JSON list, of an object that holds one, or of objects one after another."""
    if file.stat().st_size > _JSON:
        raise InputError(f"{file.name} holds more than {_JSON // 10**6} MB; it was not read")
    text = file.read_text(encoding="utf-8-sig", errors="replace").strip()
    decoder, space, at = json.JSONDecoder(), re.compile(r"\s*"), 0
    try:
        while at < len(text):
            value, end = decoder.raw_decode(text, at)
            rows = value if isinstance(value, list) else [value]
            if at == 0 and end == len(text) and isinstance(value, dict) and "\n" in text:
                lists = [inner for inner in value.values() if isinstance(inner, list)]
                rows = lists[0] if len(lists) == 1 and len(value) < 10 else rows
            for row in rows:
                yield flattened(row)
            at = space.match(text, end).end()
    except json.JSONDecodeError as error:
        raise InputError(f"{file.name}, line {error.lineno}: this is not JSON ({error.msg})") from None
    except RecursionError:
        raise InputError(f"{file.name} is nested too deeply; export a plain table") from None


def flattened(row: object, before: str = "", depth: int = 0) -> dict[str, object]:
    """Return a nested record flat: ``{"properties": {"time": 1}}`` becomes ``{"properties.time": 1}``.

    A list of ``{"key": ..., "value": {...}}`` (Google Analytics) becomes a column a key; a list of plain
    values one text.
    """
    if isinstance(row, list):
        if row and all(isinstance(part, dict) and {"key", "value"} <= set(part) for part in row):
            row = {str(part["key"]): _first(part["value"]) for part in row}
        else:
            row = "; ".join(str(part) for part in row if not isinstance(part, dict | list)) or None
    if not isinstance(row, dict) or depth > 20:
        return {before or "value": row}
    flat: dict[str, object] = {}
    for key, value in row.items():
        flat |= flattened(value, f"{before}.{key}" if before else str(key), depth + 1)
    return flat


def _first(value: object) -> object:
    parts = value.values() if isinstance(value, dict) else [value]
    return next((part for part in parts if part is not None), None)


def _of_statistics(found: list[Path], name: str, options: dict) -> Raw:
    """Read SPSS, Stata or SAS with labels; user-missing codes are missing, groups carry their words."""
    import pyreadstat

    with _sound(name, "SPSS, Stata or SAS file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame, meta = getattr(pyreadstat, f"read_{of.kind_of(found[0])}")(str(found[0]))
    refuse_too_many(name, *frame.shape)
    for column, words in (meta.variable_value_labels or {}).items():
        codes = set(frame[column].dropna()) if column in frame else set()
        # A scale keeps its numbers; a group such as sex becomes its words.
        scale = len(words) > 3 and scale_of_words(list(words.values()))
        if codes and codes <= set(words) and not scale:
            frame[column] = frame[column].map(words)
    raw = _of_frame(frame)
    raw.name, raw.kind = name, "statistics"
    raw.labels = {str(c): text for c, text in (meta.column_names_to_labels or {}).items() if text}
    return raw


def _of_workbook(found: list[Path], name: str, options: dict) -> Raw:
    """Read one sheet of an Excel or OpenDocument workbook; formulas are read as their last values."""
    import python_calamine

    with open(found[0], "rb") as stream:
        zipped = stream.read(2) == b"PK"
    if zipped:
        check_workbook(found[0])
    sheet, filled = options.get("sheet"), {}
    with _sound(name, "workbook"), python_calamine.CalamineWorkbook.from_path(str(found[0])) as book:
        if sheet is not None and sheet not in book.sheet_names:
            listed = ", ".join(map(show, book.sheet_names[:20]))
            raise InputError(f"{name} has no sheet {show(sheet)}; it has {listed}")
        for part in [sheet] if sheet else book.sheet_names:
            content = book.get_sheet_by_name(part)
            refuse_too_many(f"{name} ({part})", content.total_height, content.total_width)
            cells = content.to_python(skip_empty_area=False)
            texts = [[_as_text(cell) or "" for cell in row] for row in cells]
            if any(map("".join, texts)):
                filled[part] = texts
    if not filled:
        raise InputError(f"{name} is empty; a table needs a header line and at least one row")
    if len(filled) > 1:
        listed = ", ".join(map(show, list(filled)[:8]))
        raise InputError(f"{name} has {len(filled)} sheets with data ({listed}); say which by sheet: NAME")
    part, rows = filled.popitem()
    raw = Raw(connect(), "", name, "excel", notes=[f"sheet {show(part)}"])
    used = [place for place, column in enumerate(zip(*rows, strict=True)) if any(column)]
    lines = [line for line, row in enumerate(rows, start=1) if any(row)]
    rows = [[row[place] for place in used] for row in rows if any(row)]
    return texts_relation(raw, *take_header(raw, rows, lines))


def check_workbook(path: Path) -> None:
    """Unpack a workbook's parts in a stream, and refuse a bomb or a sheet that is nearly all empty."""
    name, total = path.name, 0
    with _sound(name, "workbook"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if not {"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & set(names) or len(names) > 20_000:
            raise InputError(f"{name} is a zip archive but no workbook; name the file inside")
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise InputError(f"{name} is protected by a password; save it without one")
            sheet, rest, rows, columns = info.filename.startswith("xl/worksheets/"), b"", 0, 0
            with archive.open(info) as part:  # more than the archive claims fails its check sum
                while block := part.read(1 << 20):
                    total += len(block)
                    if total > _UNPACKED:
                        raise InputError(f"{name} unpacks to more than {_UNPACKED // 10**6} MB: not read")
                    for letters, row in _CELL.findall(rest + block) if sheet else ():
                        column = reduce(lambda number, letter: number * 26 + letter - 64, letters, 0)
                        rows, columns = max(rows, int(row)), max(columns, column)
                    rest = (rest + block)[-200:]
            refuse_too_many(f"{name} ({Path(info.filename).stem})", rows, columns)


@contextmanager
def _sound(name: str, what: str) -> Iterator[None]:
    """Make one sentence of whatever a library raises, or panics with, on a broken file."""
    try:
        yield
    except (InputError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        said = f"{name} cannot be read: it is not a sound {what} ({of.reason_of(error)})"
        raise InputError(f"{said}; save or export it anew") from None


def _of_text(found: list[Path], name: str, options: dict) -> Raw:
    """Parse a small text; scan large ones and folders, of which only the first records are parsed here."""
    with open(found[0], "rb") as stream:
        start = stream.read(1_000).removeprefix(b"\xef\xbb\xbf")
    if re.match(rb"\s*(\{|\[\s*\{)", start):
        return _of_json(found, name)
    small = len(found) == 1 and found[0].stat().st_size <= _PARSED
    encoding, connection, raws, plain = options.get("encoding"), connect(), [], []
    for file in found:
        raw = Raw(connection, "file", file.name, "text")
        raws.append(raw)
        with open(file, "rb") as stream:
            pieces, raw.encoding, raw.notes = decoded(stream, file.name, encoding)
            text = "".join(pieces) if small else next(pieces, "")
            plain.append(file)
            if not small and raw.encoding not in ("utf-8", "utf-8-sig"):  # DuckDB reads a copy
                plain[-1] = of.new_file(file.name)
                with open(plain[-1], "w", encoding="utf-8", newline="") as out:
                    out.write(text)
                    out.writelines(pieces)
        records = read_records(raw, text, options.get("delimiter"), whole=small)
        records = take_header(raw, *records, options.get("header_line"))
        if (raw.types, raw.delimiter) != (raws[0].types, raws[0].delimiter):
            raise InputError(f"{file.name} has another header than {raws[0].name}; all need the same columns")
    raw = raws[0]
    raw.name, raw.scanned = name, found
    raw.notes = list(dict.fromkeys(note for one in raws for note in one.notes))
    if small:
        return texts_relation(raw, *records)
    raw.ragged = []  # DuckDB will say so
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in raw.types)
    connection.execute(
        f"create temp view file as select * from read_csv([{literal_names(plain)}], auto_detect = false, "
        f"header = false, skip = {raw.first_line}, delim = {literal(raw.delimiter)}, quote = '\"', "
        f"escape = '\"', columns = {{{columns}}}, nullstr = [{literals(_NULLS)}], "
        "max_line_size = 10000000, buffer_size = 20000000, compression = 'none')"
    ).fetchall()
    return raw
