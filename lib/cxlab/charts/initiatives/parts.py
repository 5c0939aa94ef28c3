"""What the figures of the initiatives share."""

from __future__ import annotations

from textwrap import wrap

import pandas as pd

from ..style import COLOURS

__all__ = ["STATUS", "error", "short"]

STATUS = {
    "on schedule": (COLOURS["good"], ""),
    "at risk": ("#8A6A00", "/"),
    "at risk or late": (COLOURS["bad"], "x"),
    "late": (COLOURS["bad"], "x"),
}


def error(table: pd.DataFrame, value: str, low: str, high: str, colour: str) -> dict:
    return {
        "type": "data",
        "symmetric": False,
        "array": (table[high] - table[value]).tolist(),
        "arrayminus": (table[value] - table[low]).tolist(),
        "color": colour,
        "thickness": 1.6,
        "width": 4,
    }


def short(text: str, width: int = 16) -> str:
    return "<br>".join(wrap(str(text), width)) or str(text)
