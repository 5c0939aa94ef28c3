"""What need not be run again, by keys of all that it depends on; and a report exchanged in one step."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import cache_folder, data_folder, project_folder

MANIFEST = "manifest.json"
SCHEMA = 2  # of manifest.json and results.json

_KEPT = 4000
_IN_USE = 3600.0  # seconds
_BIG = 32 * 2**20


def key_of(value: Any) -> str:
    """Return the sha256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Return a file's sha256; that of a big file is remembered with its size and time of change."""
    state = path.stat()
    if state.st_size < _BIG:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    name = "hash-" + key_of(
        [str(path.resolve()), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    )
    known = read(name)
    if known is None:
        with path.open("rb") as file:
            known = hashlib.file_digest(file, "sha256").hexdigest()
        store(name, known)
    return known


def tree_hash(path: Path) -> Any:
    """Return the hash of a file, or names and hashes of a folder's files; None where there is nothing."""
    if path.is_dir():
        return _tree(path, path.rglob("*"))
    return file_hash(path) if path.is_file() else None


def run_key(path: Path, parameters: Mapping[str, Any], files: Mapping[str, Any], **extra: Any) -> str:
    """Return the key of an executed notebook: itself, package, parameters, every file that it reads, lock."""
    lock = tree_hash(project_folder() / "lib" / "requirements.lock")
    around = [_package_hash(), _data_hash(), lock, sys.version, _fetched()]
    return key_of([file_hash(path), dict(parameters), dict(files), around, extra])


@cache
def _fetched() -> list[str]:
    """Return the files of public sources that were fetched: they join the surveys of two pages."""
    entries = tomllib.loads((data_folder() / "sources.toml").read_text(encoding="utf-8"))
    public = tuple(name for name, entry in entries.items() if "repository" in entry)
    folder = cache_folder() / "sources"
    return sorted(path.name for path in folder.glob("*") if path.name.startswith(public))


# What of this room a cell can call; all else only makes pages.
_CALLED = (
    "explore.py",
    "exercises.py",
    "executed.py",
    "install.py",
    "picture.py",
    "register.py",
    "plan.py",
    "runner.py",
)


@cache
def templates_hash() -> str:
    """Return the hash of what turns executed notebooks into a report."""
    here = Path(__file__).resolve().parent
    return key_of(_tree(here, [*here.glob("*.py"), *here.glob("templates/**/*")]))


@cache
def _package_hash() -> str:
    here = Path(__file__).resolve().parents[1]
    files = [path for path in here.rglob("*.*") if path.parts[len(here.parts)] != "workbook"]
    return key_of(_tree(here, [*files, *(here / "workbook" / name for name in _CALLED)]))


@cache
def _data_hash() -> str:
    return key_of(_tree(data_folder(), (p for p in data_folder().rglob("*") if p.name != "README.md")))


def _tree(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return names and hashes; what Python and tools keep for themselves is left out."""
    named = {path.relative_to(root).as_posix(): path for path in sorted(files) if path.is_file()}
    return {
        name: file_hash(path)
        for name, path in named.items()
        if not re.search(r"(^|/)(\.|__pycache__/)", name)
    }


def _folder() -> Path:
    folder = cache_folder() / "report"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read(name: str) -> str | None:
    """Return a kept text, or None; one that was damaged counts as missing."""
    try:
        text = (_folder() / name).read_text(encoding="utf-8")
        os.utime(_folder() / name)
    except (OSError, UnicodeDecodeError):
        return None
    digest, _, content = text.partition("\n")
    return content if hashlib.sha256(content.encode()).hexdigest() == digest else None


def store(name: str, content: str) -> None:
    """Keep a text with its own hash."""
    write_whole(_folder() / name, f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}")


def prune() -> None:
    """Forget the oldest kept texts beyond some thousand; those of the last hour may be in use."""
    files = sorted((p for p in _folder().iterdir() if p.is_file()), key=lambda p: -p.stat().st_mtime)
    for path in files[_KEPT:]:
        if path.stat().st_mtime < time.time() - _IN_USE:
            path.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new one, never a half."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


# ---------------------------------------------------------------- the published folder


def check_target(out: Path) -> None:
    """Refuse a folder that holds files but is no report of ours; nothing of a reader's is overwritten."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: a file of that name is in the way; name a folder")
    if out.is_dir() and any(out.iterdir()) and manifest_of(out) is None:
        raise InputError(
            f"--out {out}: the folder holds files but no report of ours (no {MANIFEST}); name a new folder"
        )
    here = Path.cwd().resolve()
    if out == here or out in here.parents:
        raise InputError(
            f"--out {out}: the report cannot replace the folder you are in; name a folder inside it"
        )


def manifest_of(out: Path) -> dict | None:
    """Return the manifest of a published report, None when there is none of ours."""
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) and "cxlab" in manifest else None


def is_intact(out: Path) -> bool:
    """Tell whether every file of a published report is there as it was written."""
    files = (manifest_of(out) or {}).get("files")
    try:
        return bool(files) and all(
            hashlib.sha256((out / name).read_bytes()).hexdigest() == digest for name, digest in files.items()
        )
    except OSError:
        return False


def _beside(out: Path, word: str) -> Path:
    return out.with_name(f".{out.name}.{word}")


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Let one process at a time write a report to a folder; the lock lies beside it, whoever builds."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        file = _beside(out, "lock").open("w")
    except (PermissionError, NotADirectoryError, FileExistsError):
        raise InputError(f"--out {out}: no permission to write beside it ({out.parent})") from None
    with file:  # flock itself: importing filelock would take a third of an unchanged report's time
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(f"another report is being written to {out.name}; waiting", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Give an empty folder beside ``out``, on the same disk; gone afterwards unless it was published."""
    folder = _beside(out, "next")
    _remove(folder)
    try:
        folder.mkdir()
        yield folder
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfReach(
                f"the disk is full ({out.parent}); nothing was published, the last report stands"
            ) from None
        raise
    finally:
        _remove(folder)


def recover(out: Path) -> None:
    """Put the last report back where an earlier run was cut off between its two renames."""
    previous = _beside(out, "previous")
    if previous.is_dir() and not out.exists():
        os.rename(previous, out)
    _remove(previous)


def publish(folder: Path, out: Path) -> None:
    """Put the staged report in the place of the old one, which is then removed.

    One exchange where the operating system has it (Linux: renameat2), otherwise two renames with ``recover``
    at the next start. Files in the old folder that no manifest of ours names are carried over.
    """
    if not out.exists():
        os.rename(folder, out)
        return
    _carry_over(out, folder)
    if exchange(folder, out):
        _remove(folder)  # now the old report
        return
    previous = _beside(out, "previous")
    try:
        os.rename(out, previous)
    except OSError as fault:
        if fault.errno == errno.EBUSY:
            raise InputError(f"--out {out}: it is a mount point; name a folder inside it") from None
        raise
    try:
        os.rename(folder, out)
    except OSError:
        os.rename(previous, out)
        raise
    _remove(previous)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the operating system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return call(-100, os.fsencode(one), -100, os.fsencode(other), 2) == 0  # AT_FDCWD, RENAME_EXCHANGE


def _carry_over(out: Path, folder: Path) -> None:
    ours = {*(manifest_of(out) or {}).get("files", {}), MANIFEST}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_file() and name not in ours and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / name)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
