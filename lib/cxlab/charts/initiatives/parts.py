"""What the figures of the initiatives share."""

from __future__ import annotations

import pandas as pd

from ..dots import bars, wrapped
from ..style import COLOURS

__all__ = ["STATUS", "error", "short"]

STATUS = {
    "on schedule": (COLOURS["good"], ""),
    "at risk": ("#8A6A00", "/"),
    "at risk or late": (COLOURS["bad"], "x"),
    "late": (COLOURS["bad"], "x"),
}


def error(table: pd.DataFrame, value: str, low: str, high: str, colour: str) -> dict:
    return bars(table[value], table[low], table[high], color=colour, width=4)


def short(text: str) -> str:
    return wrapped(text, 16)
