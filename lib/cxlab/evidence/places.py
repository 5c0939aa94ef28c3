"""Where the workbook's own folders are."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError

__all__ = ["cache_folder", "data_folder", "project_folder"]


def project_folder() -> Path:
    """Return the folder that holds ``notebooks``, ``data`` and ``lib``.

    Taken from the environment variable ``CXLAB_HOME`` when it is set, otherwise from where the package lies.

    Raises
    ------
    InputError
        When neither holds a ``data/sources.toml``.
    """
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
    """Return the git-ignored cache folder, made when it is missing.

    ``CXLAB_CACHE`` overrides it, for a read-only checkout or a cache shared between runs.
    """
    folder = Path(os.environ.get("CXLAB_CACHE") or project_folder() / ".cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
