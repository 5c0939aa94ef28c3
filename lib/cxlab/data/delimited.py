"""Delimited text of any origin: which bytes, which delimiter, which lines are the header."""

import codecs
import csv
import io
import re
from dataclasses import dataclass, field

from cxlab.data.errors import InputError, show

CELL_LIMIT = 10_000_000
COLUMN_LIMIT = 20_000
CELLS = 60_000_000
_NAME = 80  # characters of a column's name
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OLD = ("cp1252", "cp1250", "cp1251", "cp1253", "shift_jis", "gb18030", "big5", "cp949")


@dataclass
class Delimited:
    """A delimited text as read.

    Rows are as long as the header, whose names are unique; ``ragged`` lists (line, number of fields) of
    records that do not fit, ``repeated`` names that stood twice; ``first_line`` lines stand before the first
    record.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    encoding: str
    first_line: int
    labels: dict[str, str] = field(default_factory=dict)
    ragged: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decode(data: bytes, *, name: str, encoding: str | None = None) -> tuple[str, str, list[str]]:
    """Return the text of a file, its encoding and what had to be assumed.

    A byte order mark decides, then UTF-16 by its pattern of zero bytes, then UTF-8; what is none of these is
    guessed from its letters, line by line where a file mixes encodings, and that is said.
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
    for coding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) > len(head) / 4 and head.count(0) < len(head) * 0.75:
            try:
                return data.decode(coding), coding, []
            except UnicodeDecodeError:
                pass
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(f"{name} is not plain text: line {line} holds a NUL byte; export it again as UTF-8")
    try:
        return data.decode("utf-8"), "utf-8", []
    except UnicodeDecodeError as error:
        first = data.count(b"\n", 0, error.start) + 1
    old = _old_encoding(data)
    texts, odd, wide = [], 0, 0
    for raw in data.split(b"\n"):
        try:
            texts.append(raw.decode("utf-8"))
            wide += not raw.isascii()
        except UnicodeDecodeError:
            texts.append(raw.decode(old, errors="replace"))
            odd += 1
    if wide:
        note = f"mixes encodings: {odd} lines, first line {first}, are not UTF-8 and were read as {old}"
        return "\n".join(texts), f"utf-8 and {old}", [note]
    note = f"read as {old} (line {first} is not UTF-8); say encoding: in the mapping if letters look wrong"
    return "\n".join(texts), old, [note]


def _old_encoding(data: bytes) -> str:
    from charset_normalizer import from_bytes

    odd = b"\n".join(line for line in data[:2_000_000].split(b"\n") if not line.isascii())[:100_000]
    found = {
        m.encoding: m.chaos - m.coherence for m in from_bytes(odd, cp_isolation=list(_OLD), threshold=0.3)
    }
    best = min(found, key=found.get, default="cp1252")
    return "cp1252" if best not in found or found.get("cp1252", 9) <= found[best] else best


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that parts the first lines most evenly into most fields."""
    head = text[:200_000]
    best, best_score = ",", 0.0
    for delimiter in (",", ";", "\t", "|"):
        counts = []
        try:
            for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter):
                if row and any(cell.strip() for cell in row):
                    counts.append(len(row))
                if len(counts) == 100:
                    break
        except csv.Error:
            pass
        modal = max(set(counts), key=lambda n: (counts.count(n), n), default=1)
        if modal > 1:
            score = (
                counts.count(modal) / len(counts) * (1 + min(modal, 50) / 100) + (counts[0] == modal) * 0.1
            )
            if score > best_score:
                best, best_score = delimiter, score
    return best


def read_delimited(
    data: bytes,
    *,
    name: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    header_line: int | None = None,
) -> Delimited:
    """Parse a delimited text completely; what does not fit the header is listed, never bent into shape.

    Raises
    ------
    InputError
        Empty file, no header, a quote that is never closed, a cell beyond ten million characters, too many
        cells.
    """
    text, coding, notes = decode(data, name=name, encoding=encoding)
    if not text.strip():
        raise InputError(f"{name} is empty; a table needs a header line and at least one row")
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise InputError(f"{name} is a web page or XML, not a table; export it as CSV, Excel or Parquet")
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip().casefold().startswith("sep=") and len(first.strip()) == 5:
        delimiter, text, skipped = delimiter or first.strip()[4], rest, 1
    delimiter = delimiter or sniff_delimiter(text)
    if len(delimiter) != 1:
        raise InputError(f"delimiter must be one character, such as ';', got {delimiter!r}")
    rows, lines = _parse(text, delimiter, name, skipped)
    if header_line is None:
        start = _header_at(rows)
    else:
        start = next((i for i, line in enumerate(lines) if line >= header_line), None)
    if start is None:
        raise InputError(f"{name} ends before line {header_line}; correct header_line")
    if start and header_line is None:
        notes.append(f"{start} line(s) before the header (line {lines[start]}) were skipped")
    header = [cell.strip().strip("\ufeff") for cell in rows[start]]
    full, body = len(header), rows[start + 1 :]
    while len(header) > 1 and not header[-1]:
        header.pop()
    if any(len(header) < len(row) <= full and "".join(row[len(header) :]).strip() for row in body):
        header += [""] * (full - len(header))
    if len(header) > COLUMN_LIMIT:
        raise InputError(f"{name} has {len(header)} columns, more than {COLUMN_LIMIT}; keep those needed")
    if not any(header):
        raise InputError(f"{name} has no header: line {lines[start]} holds no column name")
    header, texts, more, shape = joined_header(header, body)
    names, repeated, said = unique_names(header)
    body, at = body[more:], lines[start + 1 + more :]
    notes += [shape, *said] if shape else said
    before = at[0] - 1 if at else lines[start]
    labels = texts_of(header, names, texts)
    result = Delimited(names, [], [], delimiter, coding, before, labels, [], repeated, notes)
    width = len(header)
    for line, row in zip(at, body, strict=True):
        if len(row) > width and not "".join(row[width:]).strip():
            row = row[:width]
        if len(row) == width:
            result.rows.append(row)
            result.lines.append(line)
        else:
            result.ragged.append((line, len(row)))
    return result


def _parse(text: str, delimiter: str, name: str, skipped: int) -> tuple[list[list[str]], list[int]]:
    rows, lines, total, start = [], [], 0, 1
    before = csv.field_size_limit(CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if "".join(row).strip():
                rows.append(row)
                lines.append(start + skipped)
                total += len(row)
            if total > CELLS:
                raise InputError(f"{name} has more than {CELLS} cells; keep the columns and rows needed")
            start = reader.line_num + 1
    except csv.Error as error:
        message = str(error)
        if "field larger" in message:
            message = f"a cell is longer than {CELL_LIMIT} characters"
        elif "unexpected end" in message:
            message = "a quotation mark opens here and is never closed"
        elif "expected after" in message:
            near = reader.line_num + skipped
            message = f"text follows a quotation mark near line {near}; double marks inside a cell"
        raise InputError(f"{name}, line {start + skipped}: {message}") from None
    finally:
        csv.field_size_limit(before)
    if not rows:
        raise InputError(f"{name} is empty; a table needs a header line and at least one row")
    return rows, lines


def _header_at(rows: list[list[str]]) -> int:
    """Return where the header is: after title lines of one field in a table of several columns."""
    counts = [len(row) for row in rows[:500]]
    modal = max(set(counts), key=lambda n: (counts.count(n), n))
    if modal < 2:
        return 0
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:20]]
    for index, (count, full) in enumerate(zip(counts, filled, strict=False)):
        if full > 1 or (count == 1 and index > 10):
            return index if count >= modal - 1 else 0
        if count > 1 and not (full <= 1 and modal == count and modal > 2):
            return 0
    return 0


def joined_header(header: list[str], body: list[list[str]]) -> tuple[list[str], dict[int, str], int, str]:
    """Return names, labels by position, how many rows of the body are header, and what was recognised.

    Qualtrics writes names, texts and a row of import ids; SurveyMonkey writes a question over its items, with
    empty cells where a question spans several columns.
    """
    for count in (2, 1):
        if (
            len(body) >= count
            and _share(body[count - 1], lambda cell: "ImportId" in cell and cell[:1] == "{") > 0.5
        ):
            texts = body[0] if count == 2 else header
            labels = {place: _tidy(text) for place, text in enumerate(texts) if _tidy(text) != header[place]}
            return header, labels, count, f"{count + 1} header rows of Qualtrics were recognised"
    second = body[0] if body else []
    answers = [cell.strip() in ("Response", "Open-Ended Response") for cell in second]
    blank = sum(not name for name in header)
    if any(answers) and (blank or re.fullmatch(r"respondent[ _]?id", header[0].casefold())):
        names, labels, question = [], {}, ""
        for place, (name, cell) in enumerate(zip(header, second, strict=False)):
            question, item = name or question, cell.strip()
            joined = question if answers[place] or not item else f"{question}: {item}"
            labels[place] = _tidy(joined)
            names.append(joined)
        return names + header[len(second) :], labels, 1, "2 header rows of SurveyMonkey were recognised"
    return header, {}, 0, ""


def _share(row: list[str], test) -> float:
    filled = [cell for cell in row if cell.strip()]
    return sum(map(test, filled)) / len(filled) if filled else 0.0


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip(" -:")


def unique_names(header: list[object]) -> tuple[list[str], list[str], list[str]]:
    """Return column names as unique texts, those that stood twice, and what to say about it."""
    names, repeated, notes = [], [], []
    seen: set[str] = set()
    for position, cell in enumerate(header, start=1):
        name = "" if cell is None else str(cell).strip()
        if len(name) > _NAME:
            name = f"{name[: _NAME - 3]}..."
        if not name:
            name = f"column {position}"
            notes.append(f"column {position} has no name in the header")
        if name in seen:
            if name not in repeated:
                repeated.append(name)
                notes.append(f"the header holds {show(name)} more than once; rename one of them")
            count = 2
            while f"{name} ({count})" in seen:
                count += 1
            name = f"{name} ({count})"
        seen.add(name)
        names.append(name)
    return names, repeated, notes


def texts_of(header: list[str], names: list[str], texts: dict[int, str]) -> dict[str, str]:
    """Return the text of each column that has one: from the header rows, or a name that had to be cut."""
    cut = {place: name for place, name in enumerate(header) if len(name) > _NAME}
    return {names[place]: text for place, text in (cut | texts).items() if place < len(names)}
