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

import pandas as pd

from .delimited import read_delimited
from .errors import InputError
from .values import show

__all__ = ["RawTable", "kind_of_file", "read_raw", "sha256_of"]

CELLS = 60_000_000
BYTES = 1_500_000_000
UNPACKED = 600_000_000
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
        raise InputError(f"{show(str(path), 200)} cannot be opened ({_reason(error)}); check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{show(str(path), 200)} is a folder, not a file; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{show(str(path), 200)} is a pipe or device, not a file; save the data as a file first")
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


def _reason(error: BaseException) -> str:
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
    if is_address(path):
        return _read_address(str(path), options.get("table"))
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
        raw = _read_excel(path, kind, options.get("sheet"))
    elif kind == "duckdb":
        raw = _read_duckdb(path, options.get("table"))
    else:
        raise InputError(f"{path.name} is a SQLite database; give its address sqlite:///... #TABLE, or export the table as CSV")
    raw.sha256 = sha256_of(path)
    return raw


def _read_text(path: Path, kind: str, options: dict) -> RawTable:
    data = _gunzip(path) if kind == "gzip" else path.read_bytes()
    if data.lstrip()[:1] in (b"{", b"["):
        raise InputError(f"{path.name} looks like JSON; export the table as CSV, Excel or Parquet")
    if data.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(f"{path.name} is a web page or XML, not a table; export it as CSV, Excel or Parquet")
    picked = {key: options[key] for key in ("encoding", "delimiter", "header_line") if options.get(key) is not None}
    parsed = read_delimited(data, name=path.name, cells=CELLS, **picked)
    del data
    columns = list(zip(*parsed.rows, strict=True)) if parsed.rows else [()] * len(parsed.header)
    frame = pd.DataFrame(
        {name: pd.Series(list(column), dtype=object) for name, column in zip(parsed.header, columns, strict=True)}
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
        raise InputError(f"{path.name} is damaged ({_reason(error)}); pack it again") from None
    return b"".join(parts)


def _too_many(name: str, rows: int, columns: int) -> None:
    if rows * max(columns, 1) > CELLS:
        raise InputError(
            f"{name} claims {rows:,} rows x {columns:,} columns, more than {CELLS:,} cells; "
            "it was not read: keep the rows and columns that are needed"
        )


def _unique_names(raw: RawTable) -> RawTable:
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
            _too_many(path.name, file.metadata.num_rows, width)
            nested = [f.name for f in file.schema_arrow if pa.types.is_nested(f.type)]
            keep = [name for name in file.schema_arrow.names if name not in nested]
            parts, size, rows = [], 0, 0
            for batch in file.iter_batches(batch_size=4096, columns=keep, use_threads=False):
                size, rows = size + batch.nbytes, rows + batch.num_rows
                _too_many(path.name, rows, width)
                if size > BYTES:
                    raise InputError(f"{path.name} unpacks to more than {BYTES // 10**6} MB; it was not read whole")
                parts.append(batch)
            if not keep:
                raise InputError(f"{path.name} holds no plain column; flatten lists and structures first")
            table = pa.Table.from_batches(parts, schema=parts[0].schema if parts else file.schema_arrow)
            frame = table.to_pandas(ignore_metadata=True)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
        raise InputError(f"{path.name} is not a sound Parquet file ({_reason(error)}); write it again") from None
    raw = RawTable(frame, range(1, len(frame) + 1), "parquet", path.name)
    if nested:
        raw.notes.append(f"columns that hold lists or structures were left out: {', '.join(map(show, nested[:5]))}")
    return _unique_names(raw)


_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})([0-9]{1,7})"')


def _check_workbook(path: Path) -> None:
    """Unpack a workbook's parts in a stream, and refuse one that is a bomb or a sheet that is nearly all empty."""
    import zipfile

    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > 20_000:
                raise InputError(f"{path.name} holds too many parts for a workbook; it was not read")
            names = archive.namelist()
            if "xl/workbook.xml" not in names:
                raise InputError(f"{path.name} is a zip archive but no .xlsx workbook; unpack it and name the file inside")
            for info in archive.infolist():
                sheet = info.filename.startswith("xl/worksheets/")
                rows = columns = 0
                rest = b""
                if info.flag_bits & 1:
                    raise InputError(f"{path.name} is protected by a password; save it without one")
                with archive.open(info) as stream:
                    while block := stream.read(1 << 20):
                        total += len(block)
                        if total > UNPACKED:
                            raise InputError(f"{path.name} unpacks to more than {UNPACKED // 10**6} MB; it was not read")
                        if sheet:
                            block = rest + block
                            for letters, row in _CELL.findall(block):
                                rows = max(rows, int(row))
                                columns = max(columns, _column_number(letters))
                            rest = block[-200:]
                    if stream.read(1):
                        raise InputError(f"{path.name} is damaged; save it again")
                _too_many(f"{path.name} ({Path(info.filename).stem})", rows, columns)
    except InputError:
        raise
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"{path.name} is not a sound workbook ({_reason(error)}); save it again as .xlsx or CSV") from None


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _read_excel(path: Path, kind: str, sheet: str | None) -> RawTable:
    import python_calamine

    if kind == "excel":
        _check_workbook(path)
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                raise InputError(f"{path.name} has no sheet {show(sheet)}; its sheets are {', '.join(map(show, names[:20]))}")
            sheets = {name: book.get_sheet_by_name(name) for name in ([sheet] if sheet else names)}
            for name, part in sheets.items():
                _too_many(f"{path.name} ({name})", part.total_height, part.total_width)
            rows_of = {name: part.to_python(skip_empty_area=False) for name, part in sheets.items()}
    except InputError:
        raise
    except Exception as error:  # calamine raises its own classes, all of them 'cannot read'
        raise InputError(f"{path.name} is not a sound workbook ({_reason(error)}); save it again as .xlsx or CSV") from None
    filled = {name: rows for name, rows in rows_of.items() if any(cell != "" for row in rows for cell in row)}
    if not filled:
        raise InputError(f"{path.name} is empty; a table needs a header line and at least one row")
    if len(filled) > 1:
        raise InputError(
            f"{path.name} has {len(filled)} sheets with data ({', '.join(map(show, list(filled)[:8]))}); "
            "say which: sheet: NAME in the mapping file"
        )
    name, rows = next(iter(filled.items()))
    start = next(i for i, row in enumerate(rows) if sum(cell != "" for cell in row) > (1 if len(row) > 1 else 0) or i == len(rows) - 1)
    header = rows[start]
    keep = [i for i in range(len(header)) if header[i] != "" or any(row[i] != "" for row in rows[start + 1 :])]
    body = [(i + 1, row) for i, row in enumerate(rows) if i > start and any(cell != "" for cell in row)]
    frame = pd.DataFrame(
        {position: pd.Series([_cell(row[i]) for _, row in body], dtype=object) for position, i in enumerate(keep)}
    )
    frame.columns = [header[i] if header[i] != "" else None for i in keep]
    raw = RawTable(frame, [line for line, _ in body], "excel", path.name, notes=[f"sheet {show(name)}"])
    if start:
        raw.notes.append(f"{start} row(s) before the header (row {start + 1}) were skipped")
    return _unique_names(raw)


def _cell(value: object) -> object:
    if value == "":
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def open_duckdb(path: Path):
    """Open a DuckDB file for reading only, with no way out to other files or the network."""
    import duckdb

    try:
        return duckdb.connect(
            str(path),
            read_only=True,
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "lock_configuration": "true",
            },
        )
    except duckdb.Error as error:
        raise InputError(f"{path.name} cannot be opened as a DuckDB file ({_reason(error)})") from None


def pick_table(names: list[str], wanted: str | None, source: str) -> str:
    """Return the table that is meant, or say which there are."""
    if wanted:
        if wanted in names:
            return wanted
        raise InputError(f"{source} has no table {show(wanted)}; it has {', '.join(map(show, names[:20])) or 'none'}")
    if len(names) != 1:
        listed = ", ".join(map(show, names[:20])) or "none"
        raise InputError(f"{source} has {len(names)} tables ({listed}); say which: table: NAME in the mapping file")
    return names[0]


def _read_duckdb(path: Path, table: str | None) -> RawTable:
    import duckdb

    with open_duckdb(path) as connection:
        try:
            names = [row[0] for row in connection.execute("select table_name from information_schema.tables").fetchall()]
            chosen = pick_table(names, table, path.name).replace('"', '""')
            width = len(connection.execute(f'select * from "{chosen}" limit 0').description)
            rows = connection.execute(f'select count(*) from "{chosen}"').fetchone()[0]
            _too_many(path.name, rows, width)
            frame = connection.execute(f'select * from "{chosen}"').df()
        except duckdb.Error as error:
            raise InputError(f"{path.name} cannot be read ({_reason(error)})") from None
    return _unique_names(RawTable(frame, range(1, len(frame) + 1), "duckdb", path.name))


def connect_address(address: str, table: str | None):
    """Return (ibis connection, table name) for ``scheme://...#table``.

    Raises
    ------
    InputError
        The driver is not installed, the database does not answer, or the table is not there; passwords are not shown.
    """
    import ibis

    url, _, fragment = address.partition("#")
    shown = safe_address(url)
    if url.startswith(("http://", "https://", "ftp://", "s3://", "gs://", "file://")):
        raise InputError(f"{shown} is a file's address, not a database's; fetch the file and name it by its path")
    try:
        connection = ibis.connect(url)
        names = list(connection.list_tables())
    except Exception as error:  # every driver has its own classes
        reason = _reason(error).replace(url, shown)
        raise InputError(f"{shown} cannot be opened ({type(error).__name__}: {safe_address(reason)}); check address and driver") from None
    return connection, pick_table(names, table or fragment or None, shown)


def _read_address(address: str, table: str | None) -> RawTable:
    connection, name = connect_address(address, table)
    try:
        found = connection.table(name)
        rows = int(found.count().execute())
        _too_many(name, rows, len(found.columns))
        frame = found.execute()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"table {show(name)} cannot be read ({type(error).__name__}: {safe_address(_reason(error))})") from None
    return _unique_names(RawTable(frame, range(1, len(frame) + 1), "database", name))
