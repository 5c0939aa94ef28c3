"""What need not be run again: keys of all that an executed notebook depends on, and the store of texts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cxlab.data.places import cache_folder, data_folder, project_folder

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


VOLATILE = "not kept"  # a report that read it is made anew each time


def run_key(path: Path, parameters: Mapping[str, Any], files: Mapping[str, Any], **extra: Any) -> str:
    """Return the key of an executed notebook: itself, package, parameters, every file that it reads, lock."""
    if VOLATILE in files.values():
        return os.urandom(16).hex()
    lock = tree_hash(project_folder() / "lib" / "requirements.lock")
    around = [_package_hash(), _data_hash(), lock, sys.version]
    return key_of([file_hash(path), dict(parameters), dict(files), around, extra])


# What of this room a cell can call; all else only makes pages.
_CALLED = (
    "explore.py",
    "exercises.py",
    "executed.py",
    "install.py",
    "picture.py",
    "register.py",
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
