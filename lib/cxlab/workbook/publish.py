"""A staging folder, exchanged for the old report in one step: a reader never sees half a report."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from cxlab.data.errors import InputError, OutOfReach

MANIFEST = "manifest.json"
SCHEMA = 2  # of manifest.json and results.json


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
