"""Where the workbook's folders are, what a reader's file is by its first bytes, where copies of it lie."""

import atexit
import difflib
import fcntl
import gzip
import hashlib
import os
import shutil
import stat
import tempfile
import zlib
from functools import cache
from pathlib import Path

from cxlab.data.errors import InputError, show

BYTES = 1_500_000_000
OPTIONS = ("encoding", "delimiter", "header_line", "sheet")  # how a file is to be read
_PREFIX = "cxlab-data-"
_ENDINGS = (".parquet", ".csv", ".csv.gz", ".tsv", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")
# first bytes of what is read
_KINDS = {
    b"PAR1": "parquet", b"PK\x03\x04": "excel", b"PK\x05\x06": "excel", b"\xd0\xcf\x11\xe0": "excel",
    b"\x1f\x8b": "gzip", b"$FL2": "sav", b"$FL3": "sav", b"<stata_dta>": "dta",
    b"\0" * 12 + b"\xc2\xea\x81\x60\xb3\x14\x11\xcf": "sas7bdat", b"HEADER RECORD*******LIB": "xport",
}  # fmt: skip
# and of known kinds that are not
_NOT_READ = {
    b"%PDF": "PDF document", b"\x89PNG": "PNG picture", b"\xff\xd8\xff": "JPEG picture",
    b"Rar!": "RAR archive", b"GIF8": "GIF picture", b"7z\xbc\xaf": "7-Zip archive", b"BZh": "bzip2 archive",
    b"ORC": "ORC file", b"\xfd7zXZ": "xz archive", b"\x28\xb5\x2f\xfd": "Zstandard archive",
    b"ARROW1": "Arrow (Feather) file", b"Obj\x01": "Avro file", b"\x89HDF": "HDF5 file",
    b"RDX": "R data file", b"X\n\0\0\0": "R data file",
    b"\0\1\0\0Standard": "Access database", b"SQLite format 3": "SQLite database",
    b"\x80\x04\x95": "Python pickle",
}  # fmt: skip


def project_folder() -> Path:
    """Return the folder of ``notebooks``, ``data`` and ``lib``: ``CXLAB_HOME``, or where the package lies."""
    candidates = [Path(os.environ["CXLAB_HOME"])] if os.environ.get("CXLAB_HOME") else []
    candidates += [Path(__file__).resolve().parents[3], Path.cwd(), *Path.cwd().parents]
    for folder in candidates:
        if (folder / "data" / "sources.toml").is_file():
            return folder.resolve()
    raise InputError(
        "the workbook's folder was not found (no data/sources.toml near the package or the current folder); "
        "set CXLAB_HOME to the folder that holds README.md and data/"
    )


def data_folder() -> Path:
    """Return the ``data`` folder of the workbook."""
    return project_folder() / "data"


def cache_folder() -> Path:
    """Return the git-ignored cache folder (``CXLAB_CACHE`` overrides it), made when it is missing."""
    folder = Path(os.environ.get("CXLAB_CACHE") or project_folder() / ".cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def regular_file(path: str | Path) -> Path:
    """Return the path when it is a plain file that may be read; say what it is otherwise."""
    path = Path(path)
    shown = show(str(path), 200)
    try:
        status = os.stat(path)
    except FileNotFoundError:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names[:2000], n=1)
        hint = f" (did you mean {show(near[0])}?)" if near else ""
        raise InputError(f"there is no file {shown}{hint}; check the path") from None
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


def reason_of(error: BaseException) -> str:
    """Return the first line of what an error says."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:200]


def kind_of(path: Path) -> str:
    """Tell how a file is read by its first bytes: text, gzip, parquet, excel, sav ...

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
    if b"SPSS PORT FILE" in head:
        return "por"
    if head[:1] in b"\x6e\x6f\x71\x72\x73" and head[1:2] in (b"\1", b"\2") and head[2:4] == b"\1\0":
        return "dta"
    odd = "DuckDB database" if head[8:12] == b"DUCK" else ""
    odd = odd or next((word for magic, word in _NOT_READ.items() if head.startswith(magic)), "")
    if odd:
        raise InputError(f"{name} is a {odd}, not a table; export it as CSV, Excel or Parquet")
    return next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), "text")


def files_of(path: str | Path, *, glob: bool = False) -> list[Path]:
    """Return the files of a path: itself (whatever signs are in its name), or the data files of a folder.

    With ``glob`` a name that is no file may be a pattern such as ``logs/2026-*.parquet``.
    """
    path = Path(path)
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file() and file.parent.name != "truth")
        found = [file for file in inside if file.name.lower().endswith(_ENDINGS)]
        found = [file for file in found if file.suffix == ".parquet"] or found
        if not found:
            raise InputError(f"{show(str(path), 200)} is a folder without .parquet, .csv or .json files")
    elif glob and not path.exists() and any(sign in path.name for sign in "*?["):
        found = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        if not found:
            raise InputError(f"no file fits the pattern {show(str(path), 200)}; check the path")
    else:
        found = [path]
    return [regular_file(file) for file in found]


def content_of(path: Path) -> bytes:
    """Return the bytes of a text file, unpacked when it is packed by gzip, within bounds."""
    packed = kind_of(path) == "gzip"
    try:
        with gzip.open(path) if packed else open(path, "rb") as stream:
            content = stream.read(BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} is damaged ({reason_of(error)}); pack it again") from None
    if len(content) > BYTES:
        raise InputError(f"{path.name} holds more than {BYTES // 10**6} MB; it was not read")
    if packed:
        _kind(content[:240], path.name)
    return content


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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


def new_file(ending: str) -> Path:
    """Return the path of one more file in this process's folder."""
    return temporary_folder() / f"{len(list(temporary_folder().iterdir()))}{ending}"


def sweep() -> None:
    """Remove the folders that ended processes left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            with open(folder / "lock", "a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
