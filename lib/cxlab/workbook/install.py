"""Is everything in place? Each part answers with its version, or with the command that mends it."""

import sys
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from cxlab import __version__
from cxlab.questions.result import Number, Result

_PARTS = ("jupyterlab", "ipywidgets", "pandas", "plotly", "papermill", "duckdb", "statsmodels", "numba")
_AGAIN = "rm .venv/.ready && make lab"


def in_place() -> Result:
    """Is everything in place? The table has a row a part: ``part version fix`` (empty, or a command)."""
    parts = {"python": ".".join(map(str, sys.version_info[:3])), "cxlab": __version__}
    for part in _PARTS:
        try:
            parts[part] = version(part)
        except PackageNotFoundError:
            parts[part] = ""
    table = pd.DataFrame(parts.items(), columns=["part", "version"])
    table["fix"] = table["version"].map(lambda found: "" if found else _AGAIN)
    sound = int((table["fix"] == "").sum())
    finding = f"Everything is in place: all {sound} parts answer."
    if sound < len(table):
        finding = f"{len(table) - sound} of {len(table)} parts need mending. Type in a terminal: {_AGAIN}"
    number = Number(sound, unit="parts", n=len(table), label="parts in place")
    return Result(finding, {"parts-in-place": number}, table)
