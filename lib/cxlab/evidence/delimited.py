"""Delimited text of any origin: which bytes, which delimiter, which line is the header; nothing is guessed twice."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, field

from .errors import InputError
from .plain import show

__all__ = ["Delimited", "decode", "read_delimited", "sniff_delimiter"]

CELL_LIMIT = 10_000_000
COLUMN_LIMIT = 20_000
DELIMITERS = (",", ";", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass
class Delimited:
    """A delimited text as read.

    Attributes
    ----------
    header : column names, made unique; an empty one becomes ``column 5``.
    rows : the fields of each record, all as long as the header.
    lines : the line on which each record starts, counted from 1.
    ragged : (line, number of fields) of records that do not fit the header; they are not among the rows.
    repeated : names that the header holds more than once.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    encoding: str
    header_line: int
    ragged: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decode(data: bytes, *, name: str, encoding: str | None = None) -> tuple[str, str, list[str]]:
    """Return the text of a file, its encoding and what had to be assumed.

    A byte order mark decides; then UTF-16 by its pattern of zero bytes, then UTF-8. What is none of these is read
    as Windows-1252, line by line where a file mixes encodings, and that is said.
    """
    if encoding:
        try:
            return data.decode(encoding).removeprefix("\ufeff"), encoding, []
        except (LookupError, UnicodeDecodeError) as error:
            raise InputError(
                f"{name} cannot be read as {encoding!r} ({error}); change encoding in the mapping file"
            ) from None
    for mark, coding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(coding), coding, ["a byte order mark was skipped"]
            except UnicodeDecodeError:
                break
    head = data[:4000]
    if head.count(0) > len(head) / 5:
        for coding, zeros in (("utf-16-le", head[1::2].count(0)), ("utf-16-be", head[::2].count(0))):
            if zeros > len(head) / 4:
                try:
                    return data.decode(coding), coding, []
                except UnicodeDecodeError:
                    pass
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(
            f"{name} is not plain text: line {line} holds a NUL byte; export it again as CSV in UTF-8"
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-8"), "utf-8", []
    except UnicodeDecodeError as error:
        first = data.count(b"\n", 0, error.start) + 1
    lines, odd = data.split(b"\n"), 0
    if data.isascii():
        return data.decode("ascii"), "utf-8", []
    texts = []
    several = 0
    for raw in lines:
        try:
            texts.append(raw.decode("utf-8"))
            several += not raw.isascii()
        except UnicodeDecodeError:
            texts.append(raw.decode("cp1252", errors="replace"))
            odd += 1
    note = f"read as Windows-1252 (line {first} is not UTF-8); say encoding: in the mapping file if letters look wrong"
    if several:
        note = f"mixes encodings: {odd} lines, the first is line {first}, are not UTF-8 and were read as Windows-1252"
    return "\n".join(texts), "utf-8 and cp1252" if several else "cp1252", [note]


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that parts the first lines most evenly into most fields."""
    head = text[:200_000]
    sample = head if len(text) <= len(head) else head[: head.rfind("\n") + 1] or head
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            counts = [
                len(row) for row, _ in zip(_records(sample, delimiter), range(200), strict=False) if row
            ]
        except csv.Error:
            continue
        if not counts:
            continue
        modal = max(set(counts), key=lambda n: (counts.count(n), n))
        if modal < 2:
            continue
        score = counts.count(modal) / len(counts) * (1 + min(modal, 50) / 100) + (counts[0] == modal) * 0.1
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _records(text: str, delimiter: str, strict: bool = False):
    before = csv.field_size_limit(CELL_LIMIT)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    finally:
        csv.field_size_limit(before)


def read_delimited(
    data: bytes,
    *,
    name: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    header_line: int | None = None,
    cells: int = 60_000_000,
) -> Delimited:
    """Parse a delimited text completely; what does not fit the header is listed, never bent into shape.

    Raises
    ------
    InputError
        Empty file, no header, a quote that is never closed, a cell beyond ten million characters, too many cells.
    """
    text, coding, notes = decode(data, name=name, encoding=encoding)
    if not text.strip():
        raise InputError(f"{name} is empty; a table needs a header line and at least one row")
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip().casefold().startswith("sep=") and len(first.strip()) == 5:
        delimiter, text, skipped = delimiter or first.strip()[4], rest, 1
    delimiter = delimiter or sniff_delimiter(text)
    if len(delimiter) != 1:
        raise InputError(
            f"delimiter must be one character, got {delimiter!r}; write delimiter: ';' or similar"
        )
    reader_rows, lines = _parse(text, delimiter, name, skipped, cells)
    if header_line is not None:
        start = next((i for i, line in enumerate(lines) if line >= header_line), None)
        if start is None:
            raise InputError(
                f"{name} ends before line {header_line}, which header_line names; correct header_line"
            )
    else:
        start = _find_header(reader_rows)
        if start:
            notes.append(f"{start} line(s) before the header (line {lines[start]}) were skipped")
    header = [field_.strip().strip("\ufeff") for field_ in reader_rows[start]]
    full, body = len(header), reader_rows[start + 1 :]
    while len(header) > 1 and not header[-1]:
        header.pop()
    if any(
        len(header) < len(row) <= full and any(cell.strip() for cell in row[len(header) :]) for row in body
    ):
        header += [""] * (full - len(header))
    if len(header) > COLUMN_LIMIT:
        raise InputError(
            f"{name} has {len(header)} columns, more than {COLUMN_LIMIT}; keep those that are needed"
        )
    if not any(header):
        raise InputError(f"{name} has no header: line {lines[start]} holds no column name")
    result = Delimited([], [], [], delimiter, coding, lines[start], notes=notes)
    _name_columns(result, header)
    width = len(header)
    for line, row in zip(lines[start + 1 :], body, strict=True):
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            row = row[:width]
        if len(row) == width:
            result.rows.append(row)
            result.lines.append(line)
        else:
            result.ragged.append((line, len(row)))
    return result


def _parse(
    text: str, delimiter: str, name: str, skipped: int, cells: int
) -> tuple[list[list[str]], list[int]]:
    rows, lines, total = [], [], 0
    before = csv.field_size_limit(CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in reader:
            if any(cell and not cell.isspace() for cell in row):
                rows.append(row)
                lines.append(start + skipped)
                total += len(row)
                if total > cells:
                    raise InputError(
                        f"{name} has more than {cells} cells, too many for this table; keep the columns needed, "
                        "or give it as Parquet, or as the table events or visits, which are streamed"
                    )
            start = reader.line_num + 1
    except csv.Error as error:
        message = str(error)
        if "field larger" in message:
            message = f"a cell is longer than {CELL_LIMIT} characters"
        elif "unexpected end" in message:
            message = "a quotation mark opens here and is never closed"
        elif "expected after" in message:
            message = f"text follows a closing quotation mark near line {reader.line_num + skipped}; double the marks inside a cell"
        raise InputError(f"{name}, line {start + skipped}: {message}") from None
    finally:
        csv.field_size_limit(before)
    if not rows:
        raise InputError(f"{name} is empty; a table needs a header line and at least one row")
    return rows, lines


def _find_header(rows: list[list[str]]) -> int:
    """Index of the header: after title lines of one field in a table of several columns."""
    counts = [len(row) for row in rows[:500]]
    modal = max(set(counts), key=lambda n: (counts.count(n), n))
    if modal < 2:
        return 0
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:20]]
    for index, (count, full) in enumerate(zip(counts, filled, strict=False)):
        if full > 1 or count == 1 and index > 10:
            return index if count >= modal - 1 or index == 0 else 0
        if count > 1 and full <= 1 and modal == count and modal > 2:
            continue
        if count > 1:
            return 0
    return 0


def _name_columns(result: Delimited, header: list[str]) -> None:
    seen: dict[str, int] = {}
    for position, name in enumerate(header, start=1):
        if not name:
            name = f"column {position}"
            result.notes.append(f"column {position} has no name in the header")
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            if seen[name] == 2:
                result.repeated.append(name)
                result.notes.append(f"the header holds {show(name)} more than once; rename one of them")
            name = f"{name} ({seen[name]})"
            while name in seen:
                name += "'"
            seen[name] = 1
        result.header.append(name)
