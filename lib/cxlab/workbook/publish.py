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
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import cache_folder, data_folder, project_folder, sha256_of

MANIFEST = "manifest.json"
SCHEMA = 2  # of manifest.json and results.json

_KEPT = 4000
_IN_USE = 3600.0  # seconds


def key_of(value: Any) -> str:
    """Return the sha256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def hashes_of(folder: Path) -> dict[str, str]:
    """Return name -> sha256 of a folder's files, without what Python and tools keep for themselves."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: sha256_of(files[name]) for name in sorted(files) if not re.search(r"(^|/)(\.|__py)", name)}


@cache
def surroundings() -> str:
    """Return the hash of what every page depends on: package, data, lock, Python, fetched public files."""
    package, lock = Path(__file__).resolve().parents[1], project_folder() / "lib" / "requirements.lock"
    registered = tomllib.loads((data_folder() / "sources.toml").read_text(encoding="utf-8"))
    public = tuple(name for name, entry in registered.items() if "repository" in entry)
    fetched = sorted(p.name for p in (cache_folder() / "sources").glob("*") if p.name.startswith(public))
    locked = sha256_of(lock) if lock.is_file() else ""
    return key_of([hashes_of(package), hashes_of(data_folder()), locked, sys.version, fetched])


def _kept(name: str = "") -> Path:
    folder = cache_folder() / "report"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def read(name: str) -> str | None:
    """Return a kept text, or None; one that was damaged counts as missing."""
    try:
        digest, _, content = _kept(name).read_text(encoding="utf-8").partition("\n")
        os.utime(_kept(name))
    except (OSError, UnicodeDecodeError):
        return None
    return content if hashlib.sha256(content.encode()).hexdigest() == digest else None


def store(name: str, content: str) -> None:
    """Keep a text with its own hash."""
    write_whole(_kept(name), f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}")


def prune() -> None:
    """Forget the oldest kept texts beyond some thousand; those of the last hour may be in use."""
    for path in sorted(_kept().iterdir(), key=lambda path: -path.stat().st_mtime)[_KEPT:]:
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
        raise InputError(f"--out {out}: the folder holds files but no report of ours; name a new folder")
    here = Path.cwd().resolve()
    if out == here or out in here.parents:
        raise InputError(f"--out {out}: you are in that folder; name a folder inside it")


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
        return bool(files) and all(sha256_of(out / name) == digest for name, digest in files.items())
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
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir()
        yield folder
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfReach(f"the disk is full ({out.parent}); the last report stands") from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def recover(out: Path) -> None:
    """Put the last report back where an earlier run was cut off between its two renames."""
    previous = _beside(out, "previous")
    if previous.is_dir() and not out.exists():
        os.rename(previous, out)
    shutil.rmtree(previous, ignore_errors=True)


def publish(folder: Path, out: Path) -> None:
    """Put the staged report in the place of the old one, which is then removed.

    One exchange where the operating system has it (Linux: renameat2), otherwise two renames with ``recover``
    at the next start. Files in the old folder that no manifest of ours names are carried over.
    """
    if not out.exists():
        os.rename(folder, out)
        return
    ours = {*(manifest_of(out) or {}).get("files", {}), MANIFEST}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out)
        if path.is_file() and name.as_posix() not in ours and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / name)
    if exchange(folder, out):
        return  # the staged folder is now the old report
    previous = _beside(out, "previous")
    os.rename(out, previous)
    try:
        os.rename(folder, out)
    finally:
        recover(out)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the operating system or the file system cannot."""
    call = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform.startswith("linux") else None
    if call is None:
        return False
    return call(-100, os.fsencode(one), -100, os.fsencode(other), 2) == 0  # AT_FDCWD, RENAME_EXCHANGE
