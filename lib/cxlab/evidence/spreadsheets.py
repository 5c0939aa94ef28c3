"""Excel workbooks: what is inside is measured before it is unpacked; formulas are read as their last values."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipInfo

import pandas as pd

from .errors import InputError
from .files import UNPACKED, RawTable, reason_of, refuse_too_many, unique_names
from .plain import show

__all__ = ["read_excel"]

_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"')


def _check_workbook(path: Path) -> None:
    """Unpack a workbook's parts in a stream, and refuse one that is a bomb or a sheet that is nearly all empty.

    The archive's own word on sizes is not believed: each part is unpacked to its real end.
    """
    import zipfile

    total = 0
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as stream:
            if len(archive.infolist()) > 20_000:
                raise InputError(f"{path.name} holds too many parts for a workbook; it was not read")
            if "xl/workbook.xml" not in archive.namelist():
                raise InputError(
                    f"{path.name} is a zip archive but no .xlsx workbook; unpack it and name the file inside"
                )
            for info in archive.infolist():
                if info.flag_bits & 1:
                    raise InputError(f"{path.name} is protected by a password; save it without one")
                sheet, rest, rows, columns = info.filename.startswith("xl/worksheets/"), b"", 0, 0
                for block in _blocks(stream, info):
                    total += len(block)
                    if total > UNPACKED:
                        raise InputError(
                            f"{path.name} unpacks to more than {UNPACKED // 10**6} MB; it was not read"
                        )
                    if sheet:
                        block = rest + block
                        for letters, row in _CELL.findall(block):
                            rows, columns = max(rows, int(row)), max(columns, _column_number(letters))
                        rest = block[-200:]
                refuse_too_many(f"{path.name} ({Path(info.filename).stem})", rows, columns)
    except InputError:
        raise
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise InputError(
            f"{path.name} is not a sound workbook ({reason_of(error)}); save it again as .xlsx or CSV"
        ) from None


def _blocks(stream: BinaryIO, info: ZipInfo) -> Iterator[bytes]:
    """Yield what a part of the archive really unpacks to, a megabyte at a time."""
    stream.seek(info.header_offset)
    head = stream.read(30)
    if head[:4] != b"PK\x03\x04":
        raise ValueError("a part is not where the archive says")
    name, extra = struct.unpack("<HH", head[26:30])
    stream.seek(name + extra, 1)
    left = info.compress_size
    if info.compress_type == 0:
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


def read_excel(path: Path, kind: str, sheet: str | None) -> RawTable:
    import python_calamine

    if kind == "excel":
        _check_workbook(path)
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                raise InputError(
                    f"{path.name} has no sheet {show(sheet)}; its sheets are {', '.join(map(show, names[:20]))}"
                )
            sheets = {name: book.get_sheet_by_name(name) for name in ([sheet] if sheet else names)}
            for name, part in sheets.items():
                refuse_too_many(f"{path.name} ({name})", part.total_height, part.total_width)
            rows_of = {name: part.to_python(skip_empty_area=False) for name, part in sheets.items()}
    except InputError:
        raise
    except Exception as error:  # calamine raises its own classes, all of them 'cannot read'
        raise InputError(
            f"{path.name} is not a sound workbook ({reason_of(error)}); save it again as .xlsx or CSV"
        ) from None
    filled = {name: rows for name, rows in rows_of.items() if any(cell != "" for row in rows for cell in row)}
    if not filled:
        raise InputError(f"{path.name} is empty; a table needs a header line and at least one row")
    if len(filled) > 1:
        raise InputError(
            f"{path.name} has {len(filled)} sheets with data ({', '.join(map(show, list(filled)[:8]))}); "
            "say which: sheet: NAME in the mapping file"
        )
    name, rows = next(iter(filled.items()))
    start = next(
        i
        for i, row in enumerate(rows)
        if sum(cell != "" for cell in row) > (1 if len(row) > 1 else 0) or i == len(rows) - 1
    )
    header = rows[start]
    keep = [
        i for i in range(len(header)) if header[i] != "" or any(row[i] != "" for row in rows[start + 1 :])
    ]
    body = [(i + 1, row) for i, row in enumerate(rows) if i > start and any(cell != "" for cell in row)]
    frame = pd.DataFrame(
        {
            position: pd.Series([_cell(row[i]) for _, row in body], dtype=object)
            for position, i in enumerate(keep)
        }
    )
    frame.columns = [header[i] if header[i] != "" else None for i in keep]
    raw = RawTable(frame, [line for line, _ in body], "excel", path.name, notes=[f"sheet {show(name)}"])
    if start:
        raw.notes.append(f"{start} row(s) before the header (row {start + 1}) were skipped")
    return unique_names(raw)


def _cell(value: object) -> object:
    if value == "":
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value
