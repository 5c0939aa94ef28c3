"""What a reader's file is, told by its first bytes; and where copies made while reading lie."""

from __future__ import annotations

import atexit
import difflib
import fcntl
import gzip
import hashlib
import os
import re
import shutil
import stat
import tempfile
import zlib
from functools import cache
from pathlib import Path

from cxlab.data.errors import InputError
from cxlab.data.places import show

BYTES = 1_500_000_000
OPTIONS = ("encoding", "delimiter", "header_line", "sheet", "table")  # how a file is to be read
_PREFIX = "cxlab-data-"
# (first bytes, what it is, how it is read: "" for kinds that are not read)
_KINDS = (
    (b"PAR1", "Parquet", "parquet"),
    (b"PK\x03\x04", "workbook", "excel"),
    (b"PK\x05\x06", "workbook", "excel"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook", "excel"),
    (b"\x1f\x8b", "gzip", "gzip"),
    (b"SQLite format 3", "SQLite", "sqlite"),
    (b"$FL2", "SPSS", "sav"),
    (b"$FL3", "SPSS", "sav"),
    (b"<stata_dta>", "Stata", "dta"),
    (b"\0" * 12 + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92", "SAS", "sas7bdat"),
    (b"HEADER RECORD*******LIB", "SAS", "xport"),
    (b"%PDF", "PDF document", ""),
    (b"\x89PNG", "PNG picture", ""),
    (b"\xff\xd8\xff", "JPEG picture", ""),
    (b"GIF8", "GIF picture", ""),
    (b"Rar!", "RAR archive", ""),
    (b"7z\xbc\xaf", "7-Zip archive", ""),
    (b"BZh", "bzip2 archive", ""),
    (b"\xfd7zXZ", "xz archive", ""),
    (b"\x28\xb5\x2f\xfd", "Zstandard archive", ""),
    (b"ARROW1", "Arrow (Feather) file", ""),
    (b"ORC", "ORC file", ""),
    (b"Obj\x01", "Avro file", ""),
    (b"\x89HDF", "HDF5 file", ""),
    (b"RDX", "R data file", ""),
    (b"X\n\0\0\0", "R data file", ""),
    (b"\0\1\0\0Standard", "Access database", ""),
    (b"\x80\x04\x95", "Python pickle", ""),
)


def regular_file(path: str | Path) -> Path:
    """Return the path when it is a plain file that may be read; say what it is otherwise."""
    path = Path(path)
    shown = show(str(path), 200)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        near = _neighbours(path)
        raise InputError(f"there is no file {shown}{near}; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{shown} cannot be opened ({reason_of(error)}); check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{shown} is a folder, not a file; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{shown} is a pipe or device, not a file; save the data as a file first")
    if not os.access(path, os.R_OK):
        raise InputError(f"{shown} may not be read (no permission); ask its owner")
    if status.st_size == 0:
        raise InputError(f"{path.name} is empty; a table needs a header line and at least one row")
    return path


def _neighbours(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()][:2000]
    except OSError:
        return ""
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {show(near[0])}?)" if near else ""


def reason_of(error: BaseException) -> str:
    """Return the first line of what an error says."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:200]


def kind_of(path: Path) -> str:
    """Tell how a file is read by its first bytes: text, gzip, parquet, excel, duckdb, sav ...

    Raises
    ------
    InputError
        For a known binary kind that is not read, by its name.
    """
    with open(path, "rb") as stream:
        head = stream.read(240)
        stream.seek(max(0, path.stat().st_size - 4))
        tail = stream.read(4)
    return "parquet" if tail == b"PAR1" else _kind(head, path.name)


def _kind(head: bytes, name: str) -> str:
    if head[8:12] == b"DUCK":
        return "duckdb"
    if b"SPSS PORT FILE" in head:
        return "por"
    if head[:1] in b"\x6e\x6f\x71\x72\x73" and head[1:2] in (b"\1", b"\2") and head[2:4] == b"\1\0":
        return "dta"
    for magic, word, kind in _KINDS:
        if head.startswith(magic):
            if kind:
                return kind
            raise InputError(f"{name} is a {word}, not a table; export it as CSV, Excel or Parquet")
    return "text"


def files_of(path: str | Path, *, glob: bool = False) -> list[Path]:
    """Return the files of a path: itself (whatever signs are in its name), or the data files of a folder.

    With ``glob`` a name that is no file may be a pattern such as ``logs/2026-*.parquet``.
    """
    path = Path(path)
    endings = (".parquet", ".csv", ".csv.gz", ".tsv", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file() and file.parent.name != "truth")
        found = [file for file in inside if file.name.lower().endswith(endings)]
        found = [file for file in found if file.suffix == ".parquet"] or found
        if not found:
            raise InputError(f"{show(str(path), 200)} is a folder without .parquet, .csv or .json files")
        return [regular_file(file) for file in found]
    if glob and not path.exists() and any(sign in path.name for sign in "*?["):
        found = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        if not found:
            raise InputError(f"no file fits the pattern {show(str(path), 200)}; check the path")
        return [regular_file(file) for file in found]
    return [regular_file(path)]


def content_of(path: Path) -> bytes:
    """Return the bytes of a text file, unpacked when it is packed by gzip, within bounds."""
    too_big = f"{path.name} unpacks to more than {BYTES // 10**6} MB; it was not read"
    if kind_of(path) != "gzip":
        if path.stat().st_size > BYTES:
            raise InputError(too_big.replace("unpacks to", "is larger than").replace(" more than", ""))
        return path.read_bytes()
    parts, total = [], 0
    try:
        with gzip.open(path) as stream:
            while block := stream.read(1 << 20):
                parts.append(block)
                total += len(block)
                if total > BYTES:
                    raise InputError(too_big)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} is damaged ({reason_of(error)}); pack it again") from None
    content = b"".join(parts)
    _kind(content[:240], path.name)
    return content


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def safe_address(address: str) -> str:
    """Return a database's address without user and password: everything before its last @."""
    return re.sub(r"://\S*@", "://***@", address)


@cache
def temporary_folder() -> Path:
    """Return this process's folder for copies; it is removed at the end, or by the next start."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    handle = open(folder / "lock", "w")  # noqa: SIM115  the lock ends with the process, however it ends
    fcntl.flock(handle, fcntl.LOCK_EX)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _HELD.append(handle)
    return folder


_HELD: list = []


def sweep() -> int:
    """Remove the folders that ended processes left behind; return how many there were."""
    gone = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            with open(folder / "lock", "a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
        except OSError:
            continue
    return gone
