"""CSV and Excel files as tables of text, written back without touching what nobody edited."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from cxlab.data.delimited import decode
from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import regular_file
from cxlab.data.formats import _check_workbook

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Content:
    """A file as it was read: table of text, fingerprint, bytes, lines of rows and head, form of a CSV."""

    table: pd.DataFrame
    digest: str
    raw: bytes
    lines: list[int]
    head: int
    delimiter: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"


def read(path: Path) -> Content:
    """Read a file as a table of text; nothing is converted, so nothing can be changed by reading it."""
    regular_file(path)
    if path.suffix.lower() == ".xlsx":
        _check_workbook(path)
    return _parsed(path.read_bytes(), path.name)


def _parsed(raw: bytes, name: str) -> Content:
    how: dict[str, str] = {}
    if name.lower().endswith(".xlsx"):
        cells = enumerate(_sheet(raw, name)[1].iter_rows(), start=1)
        rows = [(line, [_text(cell.value) for cell in row]) for line, row in cells]
        head = next((row for _, row in rows if any(row)), [])
        width = max((k for k, cell in enumerate(head, start=1) if cell), default=0)
        rows = [(line, row if any(row[width:]) else row[:width]) for line, row in rows]
    else:
        text, encoding, _ = decode(raw, name=name)
        mark = raw.startswith(b"\xef\xbb\xbf")
        if "\ufffd" in text or " and " in encoding:
            raise InputError(
                f"{name}: has letters that are neither UTF-8 nor one old encoding; save it as CSV UTF-8"
            )
        head = text.split("\n", 1)[0]
        how = {"delimiter": max(",;\t", key=head.count), "encoding": "utf-8-sig" if mark else encoding}
        how["newline"] = "\r\n" if head.endswith("\r") else "\n"
        reader, rows, start = csv.reader(io.StringIO(text, newline=""), delimiter=how["delimiter"]), [], 1
        try:
            for row in reader:
                rows.append((start, row))
                start = reader.line_num + 1
        except csv.Error as error:
            raise InputError(f"{name}: line {start} cannot be read ({error})") from None
    rows = [(line, row) for line, row in rows if any(cell.strip() for cell in row)]
    lines = [line for line, _ in rows]
    return Content(_table(rows, name), hashlib.sha256(raw).hexdigest(), raw, lines[1:], lines[0], **how)


def _table(rows: list[tuple[int, list[str]]], name: str) -> pd.DataFrame:
    if not rows:
        raise InputError(f"{name}: is empty; write_template makes a register to start from")
    header = [cell.strip() for cell in rows[0][1]]
    twice = [one for one in header if header.count(one) > 1 or not one]
    if "id" not in header or twice:
        what = (
            f"the column {twice[0] or 'without a name'!r} must occur once, with a name"
            if twice
            else "there is no column 'id'"
        )
        raise InputError(f"{name}: {what}; its columns are {', '.join(header)}")
    for line, row in rows[1:]:
        if len(row) > len(header):
            raise InputError(
                f"{name}: line {line} has {len(row)} cells, the header {len(header)}; mend it first"
            )
    body = [row + [""] * (len(header) - len(row)) for _, row in rows[1:]]
    return pd.DataFrame(body, columns=header, dtype=object)


def _sheet(raw: bytes, name: str) -> tuple[Any, Any]:
    """Return a workbook and its first sheet, unless it holds what a save from here would change or drop."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(raw))
    except Exception:  # openpyxl raises a dozen kinds for a file that is no workbook
        raise InputError(
            f"{name}: is not an Excel workbook that can be read; save it as .xlsx or as CSV"
        ) from None
    sheet = book.worksheets[0]
    if sheet.merged_cells.ranges:
        raise InputError(
            f"{name}: the cells {next(iter(sheet.merged_cells.ranges))} are merged; part them in Excel first"
        )
    if any(one._charts or one._images for one in book.worksheets):
        raise InputError(
            f"{name}: holds charts or pictures, which a save would drop; keep them in another workbook"
        )
    for cells in sheet.iter_rows():
        for cell in cells:
            if not isinstance(cell.value, str | int | float | datetime | date | time | None):
                raise InputError(
                    f"{name}: cell {cell.coordinate} holds an array formula; put its value there"
                )
    return book, sheet


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != time() else value.date().isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def write(table: pd.DataFrame, now: Content, name: str) -> bytes:
    """Return the table as the bytes of a file like the one it came from; refuse what that could not hold."""
    raw = _workbook(table, now, name) if name.lower().endswith(".xlsx") else _delimited(table, now)
    try:
        again = _parsed(raw, name).table
    except InputError as error:
        raise InputError(f"it could not be read again ({error})") from None
    again = again.drop_duplicates("id").set_index("id", drop=False)
    again = again.reindex(table["id"]).reset_index(drop=True)
    if not again.equals(table):
        differs = again != table
        column = differs.columns[differs.any().to_numpy().argmax()]
        one = table["id"][differs[column].to_numpy().argmax()]
        raise InputError(
            f"{one}, column {column!r} would not be read again as it stands (a workbook's cell holds 32,767 "
            "characters, and no cell control characters)"
        )
    return raw


def _delimited(table: pd.DataFrame, now: Content) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=now.delimiter, lineterminator=now.newline)
    writer.writerows([list(table.columns), *table.to_numpy().tolist()])
    try:
        return out.getvalue().encode(now.encoding)
    except UnicodeEncodeError:
        return out.getvalue().encode("utf-8-sig", "replace")


def _workbook(table: pd.DataFrame, now: Content, name: str) -> bytes:
    """Write changed cells only into the workbook as it was: formats, other sheets and rules stay."""
    from openpyxl.utils.exceptions import IllegalCharacterError

    book, sheet = _sheet(now.raw, name)
    places: dict[str, int] = {}
    for one, line in zip(now.table["id"], now.lines, strict=True):
        places.setdefault(one, line)
    free, lines = count(max([now.head, *now.lines]) + 1), []
    taken = {places[one] for one in table["id"] if one in places}
    for k, one in enumerate(table["id"]):  # a row with a new id takes over its place when that is left
        line = now.lines[k] if k < len(now.lines) and now.lines[k] not in taken else None
        lines.append(places.get(one) or line or next(free))
        taken.add(lines[-1])
    gone = set(now.lines) - taken
    if gone and any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row):
        raise InputError("the sheet has formulas, which a removed row would bend; remove the row in Excel")
    wanted = [(now.head, list(table.columns)), *zip(lines, table.to_numpy().tolist(), strict=True)]
    for line, values in wanted:
        for column, value in enumerate(values, start=1):
            cell = sheet.cell(line, column)
            try:
                if _text(cell.value) != value:
                    set_cell(cell, value)
            except IllegalCharacterError:
                raise InputError(
                    f"{values[0]}, column {table.columns[column - 1]!r}: holds a control character"
                ) from None
    for line in sorted(gone, reverse=True):
        sheet.delete_rows(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def set_cell(cell: Any, value: str) -> None:
    if re.fullmatch(r"-?[0-9]{1,15}([.][0-9]{1,10})?", value):
        number = float(value) if "." in value else int(value)
        if _text(number) == value:  # 007 and 1.50 stay the text that somebody typed
            cell.value = number
            return
    if (
        cell.is_date
        and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)
        and not pd.isna(day := pd.to_datetime(value, errors="coerce"))
    ):
        cell.value = day.to_pydatetime()
        return
    cell.value = value or None
    if value:
        cell.data_type = "s"  # text that begins with = stays text


def put(raw: bytes, target: Path, part: Path | None = None) -> Path:
    """Write a file and return it: with ``part`` aside and renamed, so that nobody sees half of it.

    Without ``part`` the file must be new (FileExistsError).

    Raises
    ------
    OutOfReach
        When the disk is full; the target is as it was.
    """
    aside = part or target
    try:
        with aside.open("wb" if part else "xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if part:
            os.chmod(part, target.stat().st_mode & 0o777)
            os.replace(part, target)
    except FileExistsError:
        raise
    except OSError as error:
        aside.unlink(missing_ok=True)
        if error.errno in FULL:
            raise OutOfReach(
                f"{target.name}: the disk is full, nothing was written, the register is as it was; your "
                "edits are still here: free some space and save again"
            ) from None
        raise InputError(
            f"{target.name}: cannot be written ({error.strerror}); your edits are still here"
        ) from None
    return target
