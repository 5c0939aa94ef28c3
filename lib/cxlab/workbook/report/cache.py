"""What need not be run again: keys made of everything an executed notebook depends on."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cxlab.evidence.places import cache_folder, data_folder, project_folder

__all__ = ["file_hash", "key_of", "read", "render_key", "run_key", "store", "store_folder", "write_atomic"]

_KEPT = 400
_BIG = 32 * 2**20


def key_of(value: Any) -> str:
    """Return the sha256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Return a file's sha256; that of a big file is remembered with its size and time of change."""
    path = Path(path)
    state = path.stat()
    if state.st_size < _BIG:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    name = "hash-" + key_of([str(path.resolve()), state.st_size, state.st_mtime_ns, state.st_ino])
    known = read(name)
    if known is None:
        with path.open("rb") as file:
            known = hashlib.file_digest(file, "sha256").hexdigest()
        store(name, known)
    return known


def run_key(path: Path, parameters: Mapping[str, Any], *, extra: Any = None) -> str:
    """Return the key of an executed notebook: notebook, package, parameters, data, lock and Python."""
    return key_of(
        {
            "notebook": file_hash(path),
            "package": _package_hash(),
            "parameters": dict(parameters),
            "files": {name: _hash_of_given(value) for name, value in parameters.items()},
            "data": _data_hash(),
            "lock": _lock_hash(),
            "python": sys.version,
            "extra": extra,
        }
    )


def render_key(run: str, context: Mapping[str, Any]) -> str:
    """Return the key of a page: the executed notebook, what stands around it, and our templates."""
    return key_of({"run": run, "context": dict(context), "templates": templates_hash()})


@cache
def templates_hash() -> str:
    """Return the hash of what turns an executed notebook into a page."""
    here = Path(__file__).resolve().parents[1]
    return key_of(_tree(here, [*here.glob("report/*.py"), *here.glob("templates/**/*")]))


@cache
def _package_hash() -> str:
    here = Path(__file__).resolve().parents[2]
    aside = [here / "workbook" / name for name in ("report", "templates", "commands", "cli.py", "diff.py")]
    files = [
        path
        for path in here.rglob("*")
        if path.suffix != ".pyc" and not any(path == other or other in path.parents for other in aside)
    ]
    return key_of(_tree(here, files))


@cache
def _data_hash() -> str:
    folder = data_folder()
    return key_of(_tree(folder, (path for path in folder.rglob("*") if path.name != "README.md")))


@cache
def _lock_hash() -> str:
    lock = project_folder() / "lib" / "requirements.lock"
    return file_hash(lock) if lock.is_file() else ""


def _tree(root: Path, files: Iterable[Path]) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): file_hash(path) for path in sorted(files) if path.is_file()}


def _hash_of_given(value: Any) -> Any:
    """Return the hashes of the file that a parameter names and of the files that a mapping names in turn."""
    if not isinstance(value, str) or len(value) > 4000 or "\0" in value or not Path(value).is_file():
        return None
    path = Path(value)
    hashes = {"": file_hash(path)}
    if path.suffix in (".yaml", ".yml"):
        import yaml

        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            return hashes
        for text in _strings(content):
            if "://" in text:
                hashes[text] = os.urandom(16).hex()  # a database may have changed: never taken from the cache
            elif 0 < len(text) < 1000 and "\0" not in text and (path.parent / text).is_file():
                hashes[text] = file_hash(path.parent / text)
    return hashes


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def store_folder() -> Path:
    """Return the folder of kept results, made when it is missing."""
    folder = cache_folder() / "report"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read(name: str) -> str | None:
    """Return a kept text, or None; one that was damaged counts as missing."""
    try:
        text = (store_folder() / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    digest, _, content = text.partition("\n")
    if hashlib.sha256(content.encode()).hexdigest() != digest:
        return None
    os.utime(store_folder() / name)
    return content


def store(name: str, content: str) -> None:
    """Keep a text with its own hash, and forget the oldest beyond a few hundred."""
    write_atomic(store_folder() / name, f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}")


def prune() -> None:
    """Forget the oldest kept texts beyond a few hundred."""
    files = sorted(
        (path for path in store_folder().iterdir() if path.is_file()),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in files[_KEPT:]:
        path.unlink(missing_ok=True)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never a half."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
