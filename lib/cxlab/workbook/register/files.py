"""CSV and Excel files as tables of text, written back without touching what nobody edited."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxlab.evidence.errors import InputError, OutOfReach

__all__ = ["Content", "decode", "encode", "put", "read_bytes"]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Content:
    """A file's table and what is needed to write it back as it was.

    Attributes
    ----------
    table : DataFrame of text, one row an initiative
    digest : sha256 of the file
    raw : the file's bytes
    lines : the file's line of each row
    delimiter, newline, encoding : how a CSV file is written
    """

    table: pd.DataFrame
    digest: str
    raw: bytes
    lines: list[int]
    delimiter: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"


def read_bytes(path: Path) -> bytes:
    """Return the file's bytes, or say in one line why not."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path.name}: there is no such file; write_template makes one to start from"
        ) from None
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror})") from None


def decode(raw: bytes, path: Path) -> Content:
    """Read bytes as a table of text; nothing is converted, so nothing can be changed by reading it."""
    digest = hashlib.sha256(raw).hexdigest()
    if path.suffix.lower() == ".xlsx":
        rows, lines = _sheet(raw, path)
        return Content(_table(rows, path, lines), digest, raw, lines[1:])
    encoding = "utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text, encoding = raw.decode("cp1252", errors="replace"), "cp1252"
        if "�" in text:
            raise InputError(
                f"{path.name}: is neither UTF-8 nor Windows text; save it as CSV UTF-8"
            ) from None
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    newline = "\r\n" if head.endswith("\r") else "\n"
    rows, lines, reader = [], [], csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    start = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path.name}: line {start} cannot be read ({error})") from None
    return Content(_table(rows, path, lines), digest, raw, lines[1:], delimiter, newline, encoding)


def encode(table: pd.DataFrame, like: Content, path: Path) -> bytes:
    """Return the table as the bytes of a file like the one it came from."""
    if path.suffix.lower() == ".xlsx":
        return _workbook(table, like)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=like.delimiter, lineterminator=like.newline)
    writer.writerow(table.columns)
    writer.writerows(table.to_numpy().tolist())
    text = out.getvalue()
    try:
        return text.encode(like.encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8-sig")


def put(raw: bytes, target: Path, part: Path) -> None:
    """Write a file so that a reader sees the old one or the new one, never a piece: write aside, flush, rename.

    Raises
    ------
    OutOfReach
        When the disk is full; the target is as it was.
    """
    try:
        with part.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(part, target.stat().st_mode & 0o777)
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in FULL:
            raise OutOfReach(
                f"{target.name}: the disk is full, nothing was written and the file is as it was; your edits are still "
                "here: free some space and save again"
            ) from None
        raise InputError(
            f"{target.name}: cannot be written ({error.strerror}); your edits are still here"
        ) from None
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _table(rows: list[list[str]], path: Path, lines: list[int]) -> pd.DataFrame:
    if not rows:
        raise InputError(f"{path.name}: is empty; write_template makes a register to start from")
    header = [name.strip() for name in rows[0]]
    if "id" not in header:
        raise InputError(f"{path.name}: there is no column 'id'; its columns are {', '.join(header)}")
    twice = [name for name in header if header.count(name) > 1]
    if twice or "" in header:
        raise InputError(
            f"{path.name}: the column {twice[0] if twice else 'without a name'!r} must occur once, with a name"
        )
    for line, row in zip(lines[1:], rows[1:], strict=True):
        if len(row) > len(header):
            raise InputError(
                f"{path.name}: line {line} has {len(row)} cells, the header {len(header)}; mend it before editing here"
            )
    body = [row + [""] * (len(header) - len(row)) for row in rows[1:]]
    return pd.DataFrame(body, columns=header, dtype=object)


def _sheet(raw: bytes, path: Path) -> tuple[list[list[str]], list[int]]:
    from openpyxl import load_workbook

    try:
        sheet = load_workbook(io.BytesIO(raw), data_only=False).worksheets[0]
    except Exception:  # openpyxl raises a dozen kinds for a file that is no workbook
        raise InputError(
            f"{path.name}: is not an Excel workbook that can be read; save it as .xlsx or as CSV"
        ) from None
    rows, lines = [], []
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        row = [_text(cell.value) for cell in cells]
        if any(cell.strip() for cell in row):
            rows.append(row)
            lines.append(number)
    if rows:
        width = max(len(rows[0]) - next((k for k, v in enumerate(reversed(rows[0])) if v), 0), 1)
        rows = [row[:width] if not any(row[width:]) else row for row in rows]
    return rows, lines


def _text(value: object) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return value.isoformat()[:10] if not getattr(value, "hour", 0) else value.isoformat(sep=" ")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _workbook(table: pd.DataFrame, like: Content) -> bytes:
    """Write changed cells only into the workbook as it was: formats, other sheets and rules stay."""
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(like.raw))
    sheet = book.worksheets[0]
    top = next(
        k for k, cells in enumerate(sheet.iter_rows(), start=1) if any(_text(c.value).strip() for c in cells)
    )
    last = max([top, *like.lines])
    for row in range(last, top + len(table), -1):
        sheet.delete_rows(row)
    for k, values in enumerate([list(table.columns), *table.to_numpy().tolist()]):
        for column, value in enumerate(values, start=1):
            cell = sheet.cell(row=top + k, column=column)
            if _text(cell.value) != value:
                _set(cell, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _set(cell, value: str) -> None:
    if value == "":
        cell.value = None
        return
    if re.fullmatch(r"-?[0-9]{1,15}([.][0-9]{1,10})?", value):
        number = float(value) if "." in value else int(value)
        if _text(number) == value:  # 007 and 1.50 stay the text that somebody typed
            cell.value = number
            return
    cell.value = value
    cell.data_type = "s"  # text that begins with = stays text
