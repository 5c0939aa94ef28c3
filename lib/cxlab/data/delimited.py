"""Delimited text of any origin: which letters, which delimiter, which lines are the header."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from cxlab.data.errors import InputError, show
from cxlab.data.raw import Raw, refuse_too_many

PIECE = 1 << 18  # characters that are read at once: the head of a large text
_CELL = 10_000_000  # characters
_COLUMNS = 20_000
_NAME = 80  # characters of a column's name
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_OLD = ("cp1252", "cp1250", "cp1251", "cp1253", "shift_jis", "gb18030", "big5", "cp949")
csv.field_size_limit(_CELL)


def decoded(stream: BinaryIO, name: str, encoding: str | None = None) -> tuple[Iterator[str], str, list[str]]:
    """Return a text in pieces, its encoding and what had to be assumed.

    A byte order mark decides, then UTF-16 by its pattern of zero bytes, then UTF-8. "utf-8 and cp1252" means
    that lines which are not UTF-8 are cp1252, as their letters suggest.
    """
    coding, notes = (encoding, []) if encoding else _encoding_of(stream, name)
    stream.seek(0)
    return _pieces(stream, name, coding), coding, notes


def _pieces(stream: BinaryIO, name: str, coding: str) -> Iterator[str]:
    base, _, old = coding.partition(" and ")
    try:
        if old:
            while lines := stream.readlines(PIECE):
                yield "".join(_as_utf8(line) or line.decode(old, errors="replace") for line in lines)
        else:
            text = io.TextIOWrapper(stream, base, newline="")
            yield text.read(PIECE).removeprefix("\ufeff")
            while piece := text.read(PIECE):
                yield piece
    except (LookupError, UnicodeError) as error:
        raise InputError(f"{name} cannot be read as {coding!r} ({error}); correct encoding:") from None


def _encoding_of(stream: BinaryIO, name: str) -> tuple[str, list[str]]:
    head = stream.read(4000)
    for mark, coding in _MARKS.items():
        if head.startswith(mark):
            return coding, ["a byte order mark was skipped"]
    for coding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) > len(head) / 4 and head.count(0) < len(head) * 0.75:
            return coding, []
    stream.seek(0)
    if _is_utf8(stream, name):
        return "utf-8", []
    stream.seek(0)
    odd = [(number, line) for number, line in enumerate(stream, start=1) if _as_utf8(line) is None][:20_000]
    old, first = _old_encoding(b"\n".join(line for _, line in odd)[:100_000]), odd[0][0]
    note = f"lines that are not UTF-8 (the first is {first}) were read as {old}"
    return f"utf-8 and {old}", [f"{note}; say encoding: in the mapping if letters look wrong"]


def _is_utf8(stream: BinaryIO, name: str) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := stream.read(1 << 20):
            if b"\0" in block:
                stream.seek(0)
                line = next(i for i, line in enumerate(stream, start=1) if b"\0" in line)
                raise InputError(f"{name} is not plain text: line {line} holds a NUL byte; export it anew")
            if decoder.getstate()[0] or not block.isascii():
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _as_utf8(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _old_encoding(odd: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = from_bytes(odd, cp_isolation=list(_OLD), threshold=0.3)
    found = {match.encoding: match.chaos - match.coherence for match in matches}
    best = min(found, key=found.get, default="cp1252")
    return "cp1252" if best not in found or found.get("cp1252", 9) <= found[best] else best


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that parts the first lines most evenly into most fields."""

    def score(delimiter: str) -> float:
        counts: list[int] = []
        rows = csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=delimiter)
        with suppress(csv.Error):  # what was read before it counts
            for row in islice((row for row in rows if "".join(row).strip()), 100):
                counts.append(len(row))
        modal = max(counts, key=lambda n: (counts.count(n), n), default=1)
        even = counts.count(modal) / len(counts) if modal > 1 else 0
        return even and even * (1 + min(modal, 50) / 100) + (counts[0] == modal) * 0.1

    return max(",;\t|", key=score)


def read_records(
    raw: Raw, text: str, delimiter: str | None = None, *, whole: bool = True
) -> tuple[list[list[str]], list[int]]:
    """Return the records of a text that are not blank, and the line on which each begins.

    Parsing is strict; the end of a text that is not ``whole`` may stand inside a quoted cell.
    """
    name = raw.name
    if not text.strip():
        raise InputError(f"{name} is empty; a table needs a header line and at least one row")
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise InputError(f"{name} is a web page or XML, not a table; export it as CSV, Excel or Parquet")
    separator, start = re.match(r"(?i)\s*sep=(.)\s*\n", text), 1
    if separator:
        delimiter, text, start = delimiter or separator[1], text[separator.end() :], 2
    raw.delimiter = delimiter or sniff_delimiter(text)
    if len(raw.delimiter) != 1:
        raise InputError(f"delimiter must be one character, such as ';', got {delimiter!r}")
    rows, lines, line = [], [], start
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=raw.delimiter, strict=True)
    try:
        for row in reader:
            if "".join(row).strip():
                rows.append(row)
                lines.append(line)
                refuse_too_many(name, len(rows), len(row))
            line = start + reader.line_num
    except csv.Error as error:
        message = str(error)
        if "unexpected end" in message:
            if not whole:
                return rows, lines
            message = "a quotation mark opens here and is never closed"
        elif "field larger" in message:
            message = f"a cell is longer than {_CELL} characters"
        elif "expected after" in message:
            message = f"text follows a quotation mark near line {reader.line_num + start - 1}; double it"
        raise InputError(f"{name}, line {line}: {message}") from None
    return rows, lines


def take_header(
    raw: Raw, rows: list[list[str]], lines: list[int], header_line: int | None = None
) -> tuple[list[list[str]], list[int]]:
    """Name the columns of ``raw`` by the header among records; return the records below and their lines.

    What does not fit the header is listed as ragged, never bent into shape.
    """
    start = _header_at(rows)
    if header_line is not None:
        start = next((i for i, line in enumerate(lines) if line >= header_line), None)
        if start is None:
            raise InputError(f"{raw.name} ends before line {header_line}; correct header_line")
    elif start:
        word = raw.row_word
        raw.notes.append(f"{start} {word}(s) before the header ({word} {lines[start]}) were skipped")
    header, rows = [cell.strip().strip("\ufeff") for cell in rows[start]], rows[start + 1 :]
    full = len(header)
    while len(header) > 1 and not header[-1]:
        header.pop()
    if any(len(row) <= full and "".join(row[len(header) :]).strip() for row in rows):
        header += [""] * (full - len(header))
    if len(header) > _COLUMNS:
        raise InputError(f"{raw.name} has {len(header)} columns, more than {_COLUMNS}; keep those needed")
    if not any(header):
        raise InputError(f"{raw.name} has no header: {raw.row_word} {lines[start]} holds no column name")
    header, texts, more, shape = joined_header(header, rows)
    raw.notes += [shape] if shape else []
    names = name_columns(raw, header)
    cut = {place: name for place, name in enumerate(header) if len(name) > _NAME}
    raw.labels = {names[place]: text for place, text in (cut | texts).items() if place < len(names)}
    kept, at, width = [], [], len(names)
    raw.first_line = lines[start] if len(lines) < start + more + 2 else lines[start + more + 1] - 1
    for row, line in zip(rows[more:], lines[start + more + 1 :], strict=True):
        if len(row) >= width and not "".join(row[width:]).strip():
            kept.append(row[:width])
            at.append(line)
        else:
            raw.ragged.append((line, len(row)))
    return kept, at


def _header_at(rows: list[list[str]]) -> int:
    """Return where the header is: after title lines of one cell in a table of several columns."""
    counts = [len(row) for row in rows[:500]]
    modal = max(counts, key=lambda n: (counts.count(n), n))
    for index, row in enumerate(rows[:20] if modal > 1 else ()):
        title = sum(bool(cell.strip()) for cell in row) <= 1 and (len(row) == 1 or len(row) == modal > 2)
        if not title:
            return index if len(row) >= modal - 1 else 0
    return 0


def joined_header(
    header: list[str], body: Sequence[Sequence[str]]
) -> tuple[list[str], dict[int, str], int, str]:
    """Return names, labels by position, how many rows of the body are header, and what was recognised.

    Qualtrics writes names, texts and a row of import ids; SurveyMonkey writes a question over its items, with
    empty cells where a question spans several columns.
    """
    for count in (2, 1):
        filled = [cell for cell in body[count - 1] if cell.strip()] if len(body) >= count else []
        if sum("ImportId" in cell and cell[:1] == "{" for cell in filled) > 0.5 * len(filled):
            texts = map(_tidy, body[0] if count == 2 else header)
            labels = {place: text for place, text in enumerate(texts) if text != header[place]}
            return header, labels, count, f"{count + 1} header rows of Qualtrics were recognised"
    second = body[0] if body else []
    answers = [cell.strip() in ("Response", "Open-Ended Response") for cell in second]
    if not any(answers) or (all(header) and not re.fullmatch(r"(?i)respondent[ _]?id", header[0])):
        return header, {}, 0, ""
    names, question = [], ""
    for name, cell, answer in zip(header, second, answers, strict=False):
        question, item = name or question, cell.strip()
        names.append(question if answer or not item else f"{question}: {item}")
    labels = dict(enumerate(map(_tidy, names)))
    return names + header[len(second) :], labels, 1, "2 header rows of SurveyMonkey were recognised"


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip(" -:")


def name_columns(raw: Raw, header: Sequence[object]) -> list[str]:
    """Give ``raw`` columns of text under short unique names; note what has no name or stood twice."""
    for position, cell in enumerate(header, start=1):
        cell = int(cell) if isinstance(cell, float) and cell.is_integer() else cell
        name = "" if cell is None else str(cell).strip()
        if not name:
            name = f"column {position}"
            raw.notes.append(f"column {position} has no name in the header")
        name = f"{name[: _NAME - 3]}..." if len(name) > _NAME else name
        base, count = name, 1
        while name in raw.types:
            count += 1
            name = f"{base} ({count})"
        if count > 1 and base not in raw.repeated:
            raw.repeated.append(base)
            raw.notes.append(f"the header holds {show(base)} more than once; rename one of them")
        raw.types[name] = "VARCHAR"
    return list(raw.types)
