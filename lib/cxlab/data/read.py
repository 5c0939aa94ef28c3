"""Read any file a stranger hands over as one DuckDB relation, still in the owner's words: bounded, read only.

Small texts are parsed strictly with the line of each record; large ones are scanned where they lie.
What a file claims about itself is checked before it is unpacked.
"""

import gzip
import json
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from cxlab.data import files as of
from cxlab.data.delimited import Delimited, decode, joined_header, read_delimited, texts_of
from cxlab.data.errors import InputError, show
from cxlab.data.raw import (
    LINE,
    Raw,
    connect,
    ident,
    literal,
    literal_names,
    named,
    parquet_scan,
    refuse_too_many,
    texts_relation,
)
from cxlab.data.values import scale_of_words

_PARSED = 8_000_000  # bytes of text up to which every record is parsed here, with its line
_HEAD = 1 << 18
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
        found = of.files_of(path, glob=True) if large else [of.regular_file(path)]
        kinds = {"text" if kind == "gzip" else kind for kind in map(of.kind_of, found[:200])}
        if len(kinds) > 1:
            raise InputError(f"{Path(path).name} mixes {' and '.join(sorted(kinds))} files; keep one kind")
        kind, name = kinds.pop(), Path(path).name
        if kind not in ("text", "parquet") and len(found) > 1:
            raise InputError(f"{name} holds several {kind} files; name one of them")
        reader = {"text": _of_text, "parquet": _of_parquet, "excel": _of_workbook}.get(kind, _of_statistics)
        raw = reader(found, name, options)
        if len(found) == 1 and found[0].stat().st_size < 1_000_000_000:
            raw.sha256 = of.sha256_of(found[0])
    if not raw.types:
        raw.types = {str(row[0]): str(row[1]) for row in raw.all(f"describe select * from {raw.source}")}
        raw.types.pop(LINE, None)
    if not large:
        refuse_too_many(raw.name, raw.all(f"select count(*) from {raw.source}")[0][0], len(raw.types))
    return raw


def _of_frame(frame: Any) -> Raw:
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


def _of_parquet(found: list[Path], name: str, options: dict) -> Raw:
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
            odd = pa.types.is_nested(inner.type) or "binary" in str(inner.type)
            yield column, "" if odd else expression


def _of_json(found: list[Path], raw: Raw) -> Raw:
    """Read JSON or JSON lines, nested fields flattened; rows go through Parquet in the temporary folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw.kind, raw.row_word, raw.types, parts = "parquet", "row", {}, []
    for file in found:
        rows = _records(file)
        while batch := list(islice(rows, 100_000)):
            names = dict.fromkeys(key for row in batch for key in row)
            if len(names) > 2_000:
                raise InputError(f"{file.name} has more than 2,000 different fields; keep those needed")
            cells = {
                name: pa.array([_as_text(row.get(name)) for row in batch], pa.string()) for name in names
            }
            parts.append(of.new_file(".parquet"))
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


def flattened(row: object, before: str = "", depth: int = 0) -> dict[str, object]:
    """Return a nested record flat: ``{"properties": {"time": 1}}`` becomes ``{"properties.time": 1}``.

    A list of ``{"key": ..., "value": {...}}`` (Google Analytics) becomes a column a key; a list of plain
    values one text.
    """
    if isinstance(row, list):
        if row and all(isinstance(part, dict) and {"key", "value"} <= set(part) for part in row):
            pairs = ((str(part["key"]), part["value"]) for part in row)
            row = {key: _first(value) for key, value in pairs}
        else:
            plain = [str(part) for part in row if not isinstance(part, dict | list)]
            return {before: "; ".join(plain) if plain else None}
    if not isinstance(row, dict) or depth > 20:
        return {before or "value": row}
    flat: dict[str, object] = {}
    for key, value in row.items():
        name = f"{before}.{key}" if before else str(key)
        flat |= flattened(value, name, depth + 1) if isinstance(value, dict | list) else {name: value}
    return flat


def _first(value: object) -> object:
    if isinstance(value, dict):
        return next((part for part in value.values() if part is not None), None)
    return value


def _of_statistics(found: list[Path], name: str, options: dict) -> Raw:
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
    raw = _of_frame(frame)
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


def _of_workbook(found: list[Path], name: str, options: dict) -> Raw:
    """Read one sheet of an Excel or OpenDocument workbook; formulas are read as their last values."""
    import python_calamine

    path, sheet = found[0], options.get("sheet")
    if of.regular_file(path).open("rb").read(2) == b"PK":
        check_workbook(path)
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


def check_workbook(path: Path) -> None:
    """Unpack a workbook's parts in a stream, and refuse a bomb or a sheet that is nearly all empty."""
    bad = (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, ValueError)
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if not {"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & set(names) or len(names) > 20_000:
                raise InputError(f"{path.name} is a zip archive but no workbook; name the file inside")
            for info in archive.infolist():
                if info.flag_bits & 1:
                    raise InputError(f"{path.name} is protected by a password; save it without one")
                sheet, rest, rows, columns = info.filename.startswith("xl/worksheets/"), b"", 0, 0
                with archive.open(info) as part:  # more than the archive claims fails its check sum
                    while block := part.read(1 << 20):
                        total += len(block)
                        if total > _UNPACKED:
                            most = _UNPACKED // 10**6
                            raise InputError(f"{path.name} unpacks to more than {most} MB: not read")
                        for letters, row in _CELL.findall(rest + block) if sheet else ():
                            rows, columns = max(rows, int(row)), max(columns, _column_number(letters))
                        rest = (rest + block)[-200:]
                refuse_too_many(f"{path.name} ({Path(info.filename).stem})", rows, columns)
    except InputError:
        raise
    except bad as error:
        reason = of.reason_of(error)
        raise InputError(f"{path.name} is not a sound workbook ({reason}); save it anew") from None


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _of_text(found: list[Path], name: str, options: dict) -> Raw:
    picked = {key: options[key] for key in of.OPTIONS[:3] if options.get(key) is not None}
    heads = [_head(file) for file in found]
    first = heads[0].lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    raw = Raw(connect(), "", name, "text", row_word="line", scanned=found)
    if first == b"{" or re.match(rb"\s*\[\s*\{", heads[0].removeprefix(b"\xef\xbb\xbf")):
        return _of_json(found, raw)
    if len(found) == 1 and of.kind_of(found[0]) != "gzip" and found[0].stat().st_size <= _PARSED:
        return _parsed(raw, read_delimited(found[0].read_bytes(), name=name, **picked))
    if len(found) == 1 and len(heads[0]) < _HEAD:
        return _parsed(raw, read_delimited(of.content_of(found[0]), name=name, **picked))
    parsed = None
    plain = []
    for file, head in zip(found, heads, strict=True):
        whole = _whole_lines(head) if len(head) >= _HEAD else head
        _, coding, notes = decode(whole, name=file.name, encoding=options.get("encoding"))
        this = read_delimited(_cut(whole, picked), name=file.name, **picked)
        parsed = parsed or this
        if (this.header, this.delimiter) != (parsed.header, parsed.delimiter):
            raise InputError(
                f"{file.name} has another header than {found[0].name}; all need the same columns"
            )
        raw.notes = list(dict.fromkeys([*raw.notes, *notes, *this.notes]))
        plain.append(file if coding in ("utf-8", "ascii") else _utf8(file, coding))
    _describe(raw, parsed)
    raw.first_line, raw.types = parsed.first_line, dict.fromkeys(parsed.header, "VARCHAR")
    raw.source = "file"
    _view(raw, plain, parsed)
    if plain == found:
        raw.again = lambda: _view(raw, [_utf8(file, "utf-8 and cp1252") for file in found], parsed)
    return raw


def _view(raw: Raw, plain: Sequence[Path], parsed: Delimited) -> None:
    raw.connection.execute(
        f"create or replace temp view file as select * from {_scan(raw, plain, parsed)}"
    ).fetchall()


def _describe(raw: Raw, parsed: Delimited) -> None:
    raw.delimiter, raw.encoding, raw.repeated = parsed.delimiter, parsed.encoding, parsed.repeated
    raw.labels = parsed.labels
    raw.notes = list(dict.fromkeys([*raw.notes, *parsed.notes]))


def _parsed(raw: Raw, parsed: Delimited) -> Raw:
    _describe(raw, parsed)
    raw.ragged = parsed.ragged
    columns = list(zip(*parsed.rows, strict=True)) if parsed.rows else [()] * len(parsed.header)
    return texts_relation(raw, dict(zip(parsed.header, columns, strict=True)), parsed.lines)


def _head(file: Path) -> bytes:
    try:
        with (gzip.open if of.kind_of(file) == "gzip" else open)(file, "rb") as stream:
            return stream.read(_HEAD)
    except (OSError, EOFError) as error:
        raise InputError(f"{file.name} is damaged ({of.reason_of(error)}); pack it again") from None


def _whole_lines(head: bytes) -> bytes:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head[: len(head) // 2 * 2]
    return head[: head.rfind(b"\n") + 1] or head


def _cut(head: bytes, picked: dict) -> bytes:
    """Cut a head that ends in the middle of a quoted cell at an earlier line, until it parses."""
    for _ in range(50):
        try:
            read_delimited(head, name="", **picked)
            return head
        except InputError as error:
            cut = head[:-1].rfind(b"\n")
            if "never closed" not in str(error) or cut < 0:
                return head
            head = head[: cut + 1]
    return head


def _utf8(file: Path, coding: str) -> Path:
    """Write a UTF-8 copy, line by line, so that DuckDB reads any encoding."""
    target, old = of.new_file(".csv"), coding.removeprefix("utf-8 and ")
    opener = gzip.open if of.kind_of(file) == "gzip" else open
    wide = old.startswith("utf-")
    with (
        open(target, "wb") as out,
        opener(file, "rt" if wide else "rb", **({"encoding": old, "newline": ""} if wide else {})) as lines,
    ):
        try:
            for line in lines:
                out.write(line.removeprefix("\ufeff").encode("utf-8") if wide else _line(line, old))
        except UnicodeDecodeError as error:
            raise InputError(f"{file.name} cannot be read as {old} ({error.reason})") from None
    return target


def _line(line: bytes, old: str) -> bytes:
    try:
        line.decode("utf-8")
        return line
    except UnicodeDecodeError:
        return line.decode(old, errors="replace").encode("utf-8")


def _scan(raw: Raw, plain: Sequence[Path], parsed: Delimited) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in parsed.header)
    packed = "gzip" if of.kind_of(plain[0]) == "gzip" else "none"
    return (
        f"read_csv([{literal_names(plain)}], auto_detect = false, header = false, skip = {raw.first_line}, "
        f"delim = {literal(parsed.delimiter)}, quote = '\"', escape = '\"', columns = {{{columns}}}, "
        f"nullstr = [{', '.join(map(literal, _NULLS))}], max_line_size = 10000000, compression = '{packed}')"
    )
