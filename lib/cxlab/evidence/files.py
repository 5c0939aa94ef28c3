"""Read any file that a stranger hands over: CSV, Parquet, Excel, DuckDB or a database by its address.

Everything here is read-only and bounded: what a file claims about itself is checked before it is unpacked, and no
file can make the workbook run anything. The result is a :class:`RawTable`, still in the owner's own words.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .plain import show

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RawTable", "kind_of_file", "read_raw", "sha256_of"]

CELLS = 60_000_000
BYTES = 1_500_000_000
UNPACKED = 400_000_000
READ_KEYS = ("encoding", "delimiter", "header_line", "sheet", "table")


@dataclass
class RawTable:
    """A table as its owner wrote it.

    Attributes
    ----------
    frame : columns as text (CSV) or typed (Parquet, Excel, databases); missing cells are missing.
    lines : line of the file for each row (CSV), the sheet's row (Excel), the row's number otherwise.
    kind : csv, parquet, excel, duckdb or database.
    name : the file's name for messages, never its folder.
    ragged : (line, number of fields) of rows that do not fit the header.
    repeated : names that the header holds more than once.
    notes : what was assumed.
    """

    frame: pd.DataFrame
    lines: list[int] | range
    kind: str
    name: str
    sha256: str = ""
    delimiter: str = ","
    encoding: str = ""
    ragged: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    row_word: str = "row"


def is_address(path: str | Path) -> bool:
    """Whether a text is a database's address such as ``postgres://host/db#table``."""
    return isinstance(path, str) and re.match(r"[a-z][a-z0-9+.-]*://", path) is not None


def safe_address(address: str) -> str:
    """Return a database's address without its password."""
    return re.sub(r"://[^@/]*@", "://***@", address)


def regular_file(path: str | Path) -> Path:
    """Return the path when it is a plain file that may be read; say what it is otherwise.

    Raises
    ------
    InputError
        No such file, a directory, a pipe or device, no permission, or nothing in it.
    """
    path = Path(path)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        near = _neighbours(path)
        raise InputError(f"there is no file {show(str(path), 200)}{near}; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{show(str(path), 200)} cannot be opened ({reason_of(error)}); check the path"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{show(str(path), 200)} is a folder, not a file; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            f"{show(str(path), 200)} is a pipe or device, not a file; save the data as a file first"
        )
    if not os.access(path, os.R_OK):
        raise InputError(f"{show(str(path), 200)} may not be read (no permission); ask its owner")
    if status.st_size == 0:
        raise InputError(f"{path.name} is empty; a table needs a header line and at least one row")
    return path


def _neighbours(path: Path) -> str:
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir()][:2000]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {show(near[0])}?)" if near else ""


def reason_of(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:200]


def kind_of_file(path: Path) -> str:
    """Tell csv, gzip, parquet, excel, oldexcel or duckdb by a file's first bytes, never by its name."""
    with open(path, "rb") as stream:
        head = stream.read(16)
        stream.seek(max(0, path.stat().st_size - 4))
        tail = stream.read(4)
    if head[:4] == b"PAR1" or tail == b"PAR1":
        return "parquet"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "excel"
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "oldexcel"
    if head[8:12] == b"DUCK":
        return "duckdb"
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head[:6] == b"SQLite":
        return "sqlite"
    return "csv"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_raw(path: str | Path, **options: str | int | None) -> RawTable:
    """Read a file or a database's table whole, within bounds.

    Parameters
    ----------
    path : a file, or an address such as ``postgres://user@host/base#table``.
    **options : ``encoding, delimiter, header_line`` for CSV, ``sheet`` for Excel, ``table`` for databases.

    Raises
    ------
    InputError
        One line that says what is wrong with the file and what to do.
    """
    if str(path).startswith("duckdb://"):
        path, _, table = str(path).removeprefix("duckdb://").partition("#")
        options["table"] = table or options.get("table")
    if is_address(path):
        from .databases import read_address

        return read_address(str(path), options.get("table"))
    path = regular_file(path)
    kind = kind_of_file(path)
    if path.stat().st_size > BYTES:
        raise InputError(
            f"{path.name} is larger than {BYTES // 10**6} MB, too large for this table; "
            "keep the columns and rows that are needed (events and visits are streamed at any size)"
        )
    if kind in ("csv", "gzip"):
        raw = _read_text(path, kind, options)
    elif kind == "parquet":
        raw = _read_parquet(path)
    elif kind in ("excel", "oldexcel"):
        from .spreadsheets import read_excel

        raw = read_excel(path, kind, options.get("sheet"))
    elif kind == "duckdb":
        from .databases import read_duckdb

        raw = read_duckdb(path, options.get("table"))
    else:
        raise InputError(
            f"{path.name} is a SQLite database; give its address sqlite:///... #TABLE, or export the table as CSV"
        )
    raw.sha256 = sha256_of(path)
    return raw


def _read_text(path: Path, kind: str, options: dict) -> RawTable:
    import pandas as pd

    from .delimited import read_delimited

    data = _gunzip(path) if kind == "gzip" else path.read_bytes()
    if data.lstrip()[:1] in (b"{", b"["):
        raise InputError(f"{path.name} looks like JSON; export the table as CSV, Excel or Parquet")
    if data.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(f"{path.name} is a web page or XML, not a table; export it as CSV, Excel or Parquet")
    picked = {
        key: options[key] for key in ("encoding", "delimiter", "header_line") if options.get(key) is not None
    }
    parsed = read_delimited(data, name=path.name, cells=CELLS, **picked)
    del data
    columns = list(zip(*parsed.rows, strict=True)) if parsed.rows else [()] * len(parsed.header)
    frame = pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=object)
            for name, column in zip(parsed.header, columns, strict=True)
        }
    )
    return RawTable(
        frame, parsed.lines, "csv", path.name, delimiter=parsed.delimiter, encoding=parsed.encoding,
        ragged=parsed.ragged, repeated=parsed.repeated, notes=parsed.notes, row_word="line",
    )  # fmt: skip


def _gunzip(path: Path) -> bytes:
    parts, total = [], 0
    try:
        with gzip.open(path) as stream:
            while block := stream.read(1 << 20):
                parts.append(block)
                total += len(block)
                if total > BYTES:
                    raise InputError(f"{path.name} unpacks to more than {BYTES // 10**6} MB; it was not read")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} is damaged ({reason_of(error)}); pack it again") from None
    return b"".join(parts)


def refuse_too_many(name: str, rows: int, columns: int) -> None:
    if rows * max(columns, 1) > CELLS:
        raise InputError(
            f"{name} claims {rows:,} rows x {columns:,} columns, more than {CELLS:,} cells; "
            "it was not read: keep the rows and columns that are needed"
        )


def unique_names(raw: RawTable) -> RawTable:
    names, seen = [], set()
    for position, name in enumerate(raw.frame.columns, start=1):
        text = str(name).strip() if name is not None and str(name).strip() else f"column {position}"
        if text in seen:
            raw.repeated.append(text)
            raw.notes.append(f"the header holds {show(text)} more than once; rename one of them")
            while text in seen:
                text += " (2)"
        seen.add(text)
        names.append(text)
    raw.frame.columns = names
    return raw


def _read_parquet(path: Path) -> RawTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            width = len(file.schema_arrow.names)
            refuse_too_many(path.name, file.metadata.num_rows, width)
            nested = [f.name for f in file.schema_arrow if pa.types.is_nested(f.type)]
            keep = [name for name in file.schema_arrow.names if name not in nested]
            parts, size, rows = [], 0, 0
            for batch in file.iter_batches(batch_size=4096, columns=keep, use_threads=False):
                size, rows = size + batch.nbytes, rows + batch.num_rows
                refuse_too_many(path.name, rows, width)
                if size > BYTES:
                    raise InputError(
                        f"{path.name} unpacks to more than {BYTES // 10**6} MB; it was not read whole"
                    )
                parts.append(batch)
            if not keep:
                raise InputError(f"{path.name} holds no plain column; flatten lists and structures first")
            table = pa.Table.from_batches(parts, schema=parts[0].schema if parts else file.schema_arrow)
            frame = table.to_pandas(ignore_metadata=True)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        raise InputError(
            f"{path.name} is not a sound Parquet file ({reason_of(error)}); write it again"
        ) from None
    raw = RawTable(frame, range(1, len(frame) + 1), "parquet", path.name)
    if nested:
        raw.notes.append(
            f"columns that hold lists or structures were left out: {', '.join(map(show, nested[:5]))}"
        )
    return unique_names(raw)
