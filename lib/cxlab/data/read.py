"""Read any file or database a stranger hands over as one DuckDB relation, still in the owner's words.

Nothing here writes, and what a file claims about itself is checked before it is unpacked. Small texts are
parsed strictly with the line of each record; large ones, Parquet and databases are scanned where they lie.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxlab.data import files as of
from cxlab.data.delimited import CELLS, Delimited, decode, read_delimited, unique_names
from cxlab.data.errors import InputError
from cxlab.data.places import show

if TYPE_CHECKING:
    import duckdb

LINE = "line of the file\x1f"  # the hidden column of line numbers
_PARSED = 8_000_000  # bytes of text up to which every record is parsed here, with its line
_HEAD = 1 << 18
_NULLS = ("", "NULL", "null", "NA", "N/A", "NaN", "nan", "\\N")  # each costs time on every cell
LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@dataclass
class Raw:
    """A table as its owner wrote it: ``source`` is its SQL in ``connection``, ``types`` are its columns.

    ``row_word`` is what messages call a row, ``first_line`` how many lines stand before the first, ``labels``
    the texts that the file has for its columns, ``again`` what to do when a large text turns out not to be
    UTF-8.
    """

    connection: duckdb.DuckDBPyConnection
    source: str
    name: str
    kind: str
    types: dict[str, str] = field(default_factory=dict)
    row_word: str = "row"
    first_line: int = 0
    delimiter: str = ","
    encoding: str = ""
    sha256: str = ""
    ragged: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    scanned: list[Path] = field(default_factory=list)
    lined: bool = False
    again: Callable[[], None] | None = None

    def all(self, sql: str) -> list[tuple]:
        """Return the rows of a query; what goes wrong is one plain sentence."""
        import duckdb

        try:
            return self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            if "nicode" not in str(error) or self.again is None:
                raise self.unreadable(error) from None
        again, self.again = self.again, None  # a line that is not UTF-8 came late
        again()
        self.notes.append("some lines are not UTF-8 and were read as cp1252")
        return self.all(sql)

    def unreadable(self, error: BaseException) -> InputError:
        """Return what DuckDB says of a file as a sentence for its owner."""
        text = str(error)
        line = re.search(r"Line: (\d+)", text)
        where = f"{self.name}, line {line[1]}" if line and self.row_word == "line" else self.name
        fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
        if fields:
            return InputError(
                f"{where}: has {fields[2]} fields where the header has {fields[1]}; "
                "put cells that hold the delimiter into quotation marks, or complete the row"
            )
        if "unterminated quote" in text:
            return InputError(f"{where}: a quotation mark opens and is never closed, or text follows one")
        if "Maximum line size" in text:
            return InputError(f"{where}: a line is longer than 10 million characters; is it a table?")
        reason = of.reason_of(error)
        for file in self.scanned:
            reason = reason.replace(str(file), file.name)
        kind = {"parquet": "is not a sound Parquet file", "text": "cannot be read"}.get(
            self.kind, "cannot be read"
        )
        return InputError(f"{where} {kind} ({reason}); write it again")


def ident(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for SQL."""
    return "'" + value.replace("'", "''") + "'"


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection whose spilled data lie in this process's folder, with the clock in UTC."""
    import duckdb

    plain = {key: value for key, value in LOCKED.items() if key != "enable_external_access"}
    connection = duckdb.connect(config=plain)
    for line in (
        f"set temp_directory = {literal(str(of.temporary_folder()))}",
        "set enable_progress_bar = false",
        "set TimeZone = 'UTC'",
    ):
        connection.execute(line).fetchall()
    return connection


def is_address(path: object) -> bool:
    """Whether a text is a database's address such as ``postgres://host/db#table``."""
    return isinstance(path, str) and re.match(r"[a-z][a-z0-9+.-]*://", path) is not None


def refuse_too_many(name: str, rows: int, columns: int) -> None:
    """Refuse a table that claims more cells than are read whole."""
    if rows * max(columns, 1) > CELLS:
        raise InputError(
            f"{name} claims {rows:,} rows x {columns:,} columns, more than {CELLS:,} cells; "
            "it was not read: keep the rows and columns that are needed"
        )


def read_raw(path: Any, *, large: bool = False, **options: Any) -> Raw:
    """Return a file, a folder of files, a database's table or a DataFrame as a relation.

    ``large`` takes any number of rows (events, visits), folders and patterns. ``options`` are ``encoding,
    delimiter, header_line`` of a text, ``sheet`` of a workbook, ``table`` of a database.
    """
    from cxlab.data import formats

    if hasattr(path, "columns"):
        raw = formats.of_frame(path)
    elif is_address(path):
        raw = formats.of_address(str(path), options.get("table"), large=large)
    else:
        found = of.files_of(path, glob=True) if large else [of.regular_file(path)]
        kinds = {"text" if kind == "gzip" else kind for kind in map(of.kind_of, found[:200])}
        if len(kinds) > 1:
            raise InputError(f"{Path(path).name} mixes {' and '.join(sorted(kinds))} files; keep one kind")
        kind, name = kinds.pop(), Path(path).name
        if kind != "text" and kind != "parquet" and len(found) > 1:
            raise InputError(f"{name} holds several {kind} files; name one of them")
        reader = {"text": _text, "parquet": formats.of_parquet, "excel": formats.of_workbook}.get(kind)
        if reader is None and kind in ("duckdb", "sqlite"):
            reader = formats.of_base
        raw = (reader or formats.of_statistics)(found, name, options)
        if len(found) == 1 and found[0].stat().st_size < 1_000_000_000:
            raw.sha256 = of.sha256_of(found[0])
    if not raw.types:
        raw.types = {str(row[0]): str(row[1]) for row in raw.all(f"describe select * from {raw.source}")}
        raw.types.pop(LINE, None)
    if not large:
        refuse_too_many(raw.name, raw.all(f"select count(*) from {raw.source}")[0][0], len(raw.types))
    return raw


def texts_relation(
    raw: Raw, columns: dict[str, Sequence[str | None]], lines: Sequence[int] | None = None
) -> Raw:
    """Put columns of text in front of DuckDB, with the line of each row."""
    import pyarrow as pa

    arrays = {name: _strings(values) for name, values in columns.items()}
    if lines is not None:
        numbers = pa.py_buffer(np.asarray(lines, np.int64))
        arrays[LINE] = pa.Array.from_buffers(pa.int64(), len(lines), [None, numbers])
        raw.lined = True
    raw.connection.register("cells", pa.Table.from_arrays(list(arrays.values()), names=list(arrays)))
    raw.source, raw.types = "cells", dict.fromkeys(columns, "VARCHAR")
    return raw


def _strings(values: Sequence[str | None]):
    """Return texts as an Arrow array from its buffers: pa.array would import pandas."""
    import pyarrow as pa

    cells = [b"" if value is None else value.encode("utf-8", "replace") for value in values]
    ends = np.zeros(len(cells) + 1, np.int64)
    np.cumsum([len(cell) for cell in cells], out=ends[1:])
    known = np.packbits(np.array([value is not None for value in values], bool), bitorder="little")
    buffers = [pa.py_buffer(known), pa.py_buffer(ends), pa.py_buffer(b"".join(cells))]
    return pa.Array.from_buffers(pa.large_string(), len(cells), buffers)


def _text(found: list[Path], name: str, options: dict) -> Raw:
    picked = {key: options[key] for key in of.OPTIONS[:3] if options.get(key) is not None}
    heads = [_head(file) for file in found]
    first = heads[0].lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    raw = Raw(connect(), "", name, "text", row_word="line", scanned=found)
    if first == b"{" or re.match(rb"\s*\[\s*\{", heads[0].removeprefix(b"\xef\xbb\xbf")):
        from cxlab.data.formats import of_json

        return of_json(found, raw)
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
    import gzip

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


def _utf8(file: Path, encoding: str) -> Path:
    """Write a UTF-8 copy, line by line, so that DuckDB reads any encoding."""
    import gzip

    folder = of.temporary_folder()
    target = folder / f"{len(list(folder.iterdir()))}.csv"
    opener = gzip.open if of.kind_of(file) == "gzip" else open
    old = encoding.removeprefix("utf-8 and ")
    with open(target, "wb") as out:
        if old.startswith("utf-"):
            with opener(file, "rt", encoding=old, errors="strict", newline="") as text:
                try:
                    while block := text.read(1 << 20):
                        out.write(block.removeprefix("\ufeff").encode("utf-8"))
                except UnicodeDecodeError as error:
                    raise InputError(f"{file.name} cannot be read as {old} ({error.reason})") from None
            return target
        with opener(file, "rb") as stream:
            for line in stream:
                try:
                    line.decode("utf-8")
                    out.write(line)
                except UnicodeDecodeError:
                    out.write(line.decode(old, errors="replace").encode("utf-8"))
    return target


def _scan(raw: Raw, plain: Sequence[Path], parsed: Delimited) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in parsed.header)
    # DuckDB takes a name in a list for a pattern as well: its signs are put in brackets.
    listed = ", ".join(literal(re.sub(r"([*?\[])", r"[\1]", str(file))) for file in plain)
    packed = "gzip" if of.kind_of(plain[0]) == "gzip" else "none"
    return (
        f"read_csv([{listed}], auto_detect = false, header = false, skip = {raw.first_line}, "
        f"delim = {literal(parsed.delimiter)}, quote = '\"', escape = '\"', columns = {{{columns}}}, "
        f"nullstr = [{', '.join(map(literal, _NULLS))}], max_line_size = 10000000, compression = '{packed}')"
    )


def parquet_scan(found: Sequence[Path]) -> str:
    """Return the SQL that reads Parquet files by their literal names."""
    listed = ", ".join(literal(re.sub(r"([*?\[])", r"[\1]", str(file))) for file in found)
    return f"read_parquet([{listed}]{', union_by_name = true' if len(found) > 1 else ''})"


def named(cells: Sequence[object]) -> tuple[list[str], list[str], list[str]]:
    """Return column names of a workbook or database as unique texts; see ``unique_names``."""
    plain = [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in cells]
    names, repeated, notes = unique_names(plain)
    return names, repeated, [note for note in notes if show("column") not in note]
