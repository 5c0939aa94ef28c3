"""Is everything in place? Each part answers with its version and the one command that mends it."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from cxlab import __version__
from cxlab.data.errors import InputError
from cxlab.data.places import project_folder

_PARTS = (
    "jupyterlab",
    "ipywidgets",
    "anywidget",
    "pandas",
    "plotly",
    "papermill",
    "duckdb",
    "statsmodels",
    "numba",
)


def check() -> pd.DataFrame:
    """Return one row a part of the install.

    Returns
    -------
    pandas.DataFrame
        Columns ``part version state fix``: state is ``ok``, ``missing`` or ``old``; fix is a command for a terminal,
        empty where nothing is to be done.
    """
    python = ".".join(map(str, sys.version_info[:2]))
    old = sys.version_info < (3, 11)
    rows = [
        ("python", python, "old" if old else "ok", "make clean && make lab PYTHON=python3.11" if old else "")
    ]
    for part in _PARTS:
        try:
            rows.append((part, version(part), "ok", ""))
        except PackageNotFoundError:
            rows.append((part, "-", "missing", "rm .venv/.ready && make lab"))
    try:
        project_folder()
        rows.append(("workbook folder", __version__, "ok", ""))
    except InputError:
        fix = "export CXLAB_HOME=<folder that holds README.md>"
        rows.append(("workbook folder", __version__, "missing", fix))
    return pd.DataFrame(rows, columns=["part", "version", "state", "fix"])


def verdict(check: pd.DataFrame) -> str:
    """Say in a sentence what ``check`` found."""
    wrong = check.loc[check["state"].ne("ok"), "part"].tolist()
    if not wrong:
        return f"Everything is in place: all {len(check)} parts answer."
    return f"{len(wrong)} of {len(check)} parts need mending: {', '.join(wrong)}; the table says how."
