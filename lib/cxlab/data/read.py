"""Read any file or database a stranger hands over as one DuckDB relation, still in the owner's words.

Nothing here writes, and what a file claims about itself is checked before it is unpacked. Small texts are
parsed strictly with the line of each record; large ones, Parquet and databases are scanned where they lie.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxlab.data import files as of
from cxlab.data import formats
from cxlab.data.delimited import Delimited, decode, read_delimited
from cxlab.data.errors import InputError
from cxlab.data.raw import LINE, Raw, connect, literal, refuse_too_many, texts_relation

_PARSED = 8_000_000  # bytes of text up to which every record is parsed here, with its line
_HEAD = 1 << 18
_NULLS = ("", "NULL", "null", "NA", "N/A", "NaN", "nan", "\\N")  # each costs time on every cell


def is_address(path: object) -> bool:
    """Whether a text is a database's address such as ``postgres://host/db#table``."""
    return isinstance(path, str) and re.match(r"[a-z][a-z0-9+.-]*://", path) is not None


def read_raw(path: Any, *, large: bool = False, **options: Any) -> Raw:
    """Return a file, a folder of files, a database's table or a DataFrame as a relation.

    ``large`` takes any number of rows (events, visits), folders and patterns. ``options`` are ``encoding,
    delimiter, header_line`` of a text, ``sheet`` of a workbook, ``table`` of a database.
    """

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


def _text(found: list[Path], name: str, options: dict) -> Raw:
    picked = {key: options[key] for key in of.OPTIONS[:3] if options.get(key) is not None}
    heads = [_head(file) for file in found]
    first = heads[0].lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    raw = Raw(connect(), "", name, "text", row_word="line", scanned=found)
    if first == b"{" or re.match(rb"\s*\[\s*\{", heads[0].removeprefix(b"\xef\xbb\xbf")):
        return formats.of_json(found, raw)
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


def _utf8(file: Path, encoding: str) -> Path:
    """Write a UTF-8 copy, line by line, so that DuckDB reads any encoding."""
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
