"""Is everything in place? Each part answers with its version and the one command that mends it."""

import sys
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from cxlab import __version__
from cxlab.data.errors import InputError
from cxlab.data.files import project_folder
from cxlab.questions.result import Number, Result

_PARTS = ("jupyterlab", "ipywidgets", "pandas", "plotly", "papermill", "duckdb", "statsmodels", "numba")
_AGAIN = "rm .venv/.ready && make lab"


def check() -> pd.DataFrame:
    """Return one row a part of the install: ``part version state fix``.

    State is ``ok``, ``missing`` or ``old``; fix is a command for a terminal, empty where nothing is to be
    done.
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
            rows.append((part, "-", "missing", _AGAIN))
    try:
        project_folder()
        rows.append(("workbook folder", __version__, "ok", ""))
    except InputError:
        rows.append(
            ("workbook folder", __version__, "missing", "export CXLAB_HOME=<folder that holds README.md>")
        )
    return pd.DataFrame(rows, columns=["part", "version", "state", "fix"])


def in_place() -> Result:
    """Is everything in place? One sentence, and for each part that is not the command that mends it."""
    found = check()
    wrong = found[found["state"] != "ok"]
    if wrong.empty:
        finding = f"Everything is in place: all {len(found)} parts answer."
    else:
        finding = (
            f"{len(wrong)} of {len(found)} parts need mending. Type in a terminal: {wrong['fix'].iloc[0]}"
        )
    numbers = {
        "parts-in-place": Number(len(found) - len(wrong), unit="parts", n=len(found), label="parts in place")
    }
    return Result(finding, numbers, found)
