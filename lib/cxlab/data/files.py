"""Where the workbook's folders are, what a reader's file is by its first bytes, where copies of it lie."""

import atexit
import contextlib
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
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cxlab.data.errors import InputError, show

OPTIONS = ("encoding", "delimiter", "header_line", "sheet")  # how a file is to be read
_UNPACKED = 20_000_000_000  # bytes of a packed text
_PREFIX = "cxlab-data-"
_ENDINGS = (".parquet", ".csv", ".csv.gz", ".tsv", ".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")
# kind -> its first bytes
_READ = {
    "parquet": rb"PAR1", "excel": rb"PK\x03\x04|PK\x05\x06|\xd0\xcf\x11\xe0", "gzip": rb"\x1f\x8b",
    "sav": rb"\$FL[23]", "dta": rb"<stata_dta>|[\x6e\x6f\x71-\x73][\x01\x02]\x01\x00",
    "sas7bdat": rb"\x00{12}\xc2\xea\x81\x60\xb3\x14\x11\xcf", "xport": rb"HEADER RECORD\*{7}LIB",
    "por": rb"(?s:.*)SPSS PORT FILE",
}  # fmt: skip
_NOT_READ = {
    "PDF document": rb"%PDF", "PNG picture": rb"\x89PNG", "JPEG picture": rb"\xff\xd8\xff",
    "GIF picture": rb"GIF8", "RAR archive": rb"Rar!", "7-Zip archive": rb"7z\xbc\xaf",
    "bzip2 archive": rb"BZh", "xz archive": rb"\xfd7zXZ", "Zstandard archive": rb"\x28\xb5\x2f\xfd",
    "ORC file": rb"ORC", "Arrow (Feather) file": rb"ARROW1", "Avro file": rb"Obj\x01",
    "HDF5 file": rb"\x89HDF", "R data file": rb"RDX|X\n\x00\x00\x00", "Python pickle": rb"\x80\x04\x95",
    "Access database": rb"\x00\x01\x00\x00Standard", "SQLite database": rb"SQLite format 3",
    "DuckDB database": rb"(?s:.{8})DUCK",
}  # fmt: skip


def project_folder() -> Path:
    """Return the folder of ``notebooks``, ``data`` and ``lib``: ``CXLAB_HOME``, or where the package lies."""
    candidates = [Path(os.environ["CXLAB_HOME"])] if os.environ.get("CXLAB_HOME") else []
    candidates += [Path(__file__).resolve().parents[3], Path.cwd(), *Path.cwd().parents]
    for folder in candidates:
        if (folder / "data" / "sources.toml").is_file():
            return folder.resolve()
    raise InputError(
        "the workbook's folder was not found; set CXLAB_HOME to the folder that holds README.md and data/"
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
        status = path.stat()
    except FileNotFoundError:
        names = os.listdir(path.parent)[:2000] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        hint = f" (did you mean {show(near[0])}?)" if near else ""
        raise InputError(f"there is no file {shown}{hint}; check the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{shown} cannot be opened ({reason_of(error)}); check the path") from None
    if not stat.S_ISREG(status.st_mode):
        what = "folder" if stat.S_ISDIR(status.st_mode) else "pipe or device"
        raise InputError(f"{shown} is a {what}, not a file; name a file")
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
    """Tell how a file is read by its bytes: text, gzip, parquet, excel, sav ...; refuse what is not read."""
    with open(path, "rb") as stream:
        head = stream.read(240)
        stream.seek(max(0, path.stat().st_size - 4))
        if stream.read(4) == b"PAR1":
            return "parquet"
    for what, start in _NOT_READ.items():
        if re.match(start, head):
            raise InputError(f"{path.name} is a {what}, not a table; export it as CSV, Excel or Parquet")
    return next((kind for kind, start in _READ.items() if re.match(start, head)), "text")


def files_of(path: str | Path) -> list[Path]:
    """Return the files of a path: itself, the data files of a folder, or what fits ``logs/2026-*.csv``."""
    path = Path(path)
    shown = show(str(path), 200)
    found = [path]
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file() and file.parent.name != "truth")
        found = [file for file in inside if file.name.lower().endswith(_ENDINGS)]
        found = [file for file in found if file.suffix == ".parquet"] or found
        if not found:
            raise InputError(f"{shown} is a folder without .parquet, .csv or .json files")
    elif not path.exists() and any(sign in path.name for sign in "*?["):
        found = sorted(file for file in path.parent.glob(path.name) if file.is_file())
        if not found:
            raise InputError(f"no file fits the pattern {shown}; check the path")
    return [regular_file(file) for file in found]


def unpacked(path: Path) -> Path:
    """Return a file itself, or a plain copy of one that is packed by gzip."""
    if kind_of(path) != "gzip":
        return path
    target = new_file(path.name)
    try:
        with gzip.open(path) as packed, open(target, "wb") as out:
            while block := packed.read(1 << 20):
                out.write(block)
                if out.tell() > _UNPACKED:
                    raise InputError(f"{path.name} unpacks to more than {_UNPACKED // 10**9} GB: not read")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} is damaged ({reason_of(error)}); pack it again") from None
    return target


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def held_folder(where: str | Path, prefix: str) -> Iterator[Path]:
    """Give a new folder that goes at the end; those that killed processes left in ``where`` go first.

    A lock beside each says that its process lives: it comes first and goes last, and ends with the process.
    """
    for lock in Path(where).glob(f"{prefix}*.lock"):
        with contextlib.suppress(OSError), open(lock, "r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(lock)
    while True:
        number, name = tempfile.mkstemp(".lock", prefix, where)
        with open(number, "r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            lock = Path(name)
            if not lock.exists():
                continue  # before it was held, another process took it for one left behind
            try:
                lock.with_suffix("").mkdir(0o700)
                yield lock.with_suffix("")
            finally:
                _remove(lock)
            return


def _remove(lock: Path) -> None:
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    lock.unlink(missing_ok=True)


_AT_THE_END = contextlib.ExitStack()
atexit.register(_AT_THE_END.close)


@cache
def temporary_folder() -> Path:
    """Return this process's folder for copies."""
    return _AT_THE_END.enter_context(held_folder(tempfile.gettempdir(), _PREFIX))


def new_file(name: str) -> Path:
    """Return the path of a new file of a name in this process's folder."""
    return Path(tempfile.mkdtemp(dir=temporary_folder())) / name
