"""Where the workbook's own folders are, and a reader's text as one harmless line; imports nothing heavy."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from cxlab.data.errors import InputError


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


def show(value: object, width: int = 40) -> str:
    """Return a value as one short, harmless line: control and direction characters are written out.

    Examples
    --------
    >>> show("a\\x1b[31m")
    "'a\\\\x1b[31m'"
    """
    cut = str(value)[: width + 1]
    safe = "".join(c if c.isprintable() and not "\u200b" <= c <= "\u206f" else _escape(c) for c in cut)
    return f"'{safe[:width]}{'...' if len(safe) > width else ''}'"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def nearest(name: object, known: Iterable[object]) -> str:
    """Return ``"did you mean 'x'? "`` for the nearest known name, or ``""``."""
    names = {str(item).casefold(): str(item) for item in known}
    text = str(name).casefold()
    close = difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    if not close:
        close = [key for key in names if len(text) > 2 and (text in key or (len(key) > 2 and key in text))][
            :1
        ]
    return f"did you mean {show(names[close[0]])}? " if close else ""


def refuse_unknown(found: Iterable[object], known: Iterable[str], where: str) -> None:
    """Raise InputError for the first key that is not known, with the nearest one."""
    known = list(known)
    for key in found:
        if key not in known:
            raise InputError(f"{where}: no key {show(key)}; {nearest(key, known)}keys are {', '.join(known)}")
