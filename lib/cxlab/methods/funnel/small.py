"""Cells that count too few people are blanked before a table reaches a page."""

from __future__ import annotations

import pandas as pd

__all__ = ["at_least"]

_COUNTS = ("customers", "came", "reached", "lost", "open", "repeated")


def at_least(table: pd.DataFrame, least: int = 5) -> pd.DataFrame:
    """Return a table of the funnel without what could tell about fewer than ``least`` people.

    A row is blanked (its counts, shares and limits become missing) where one of its counts lies between 1 and
    ``least - 1``, or where it differs from the row of the step before by so few, which would tell them by subtraction.

    Parameters
    ----------
    table : DataFrame
        From ``Funnel.table``, ``.at``, ``.drop_off``, ``.curve``, ``.settled``, or of paths.
    least : int
        Zeros stay: nobody is not somebody.

    Returns
    -------
    DataFrame
        The same rows and columns.
    """
    counts = [name for name in _COUNTS if name in table and name != "open"]
    few = ((table[counts] > 0) & (table[counts] < least)).any(axis=1)
    if "step" in table and "customers" in table:
        groups = [name for name in ("segment", "window") if name in table]
        before = (
            table.groupby(groups, sort=False, dropna=False)["customers"].shift()
            if groups
            else table["customers"].shift()
        )
        lost = before - table["customers"]
        few |= (lost > 0) & (lost < least)
    kept = ("position", "quantile", "open")
    numbers = [
        name for name in table.select_dtypes("number", exclude="timedelta").columns if name not in kept
    ]
    made = table.copy()
    if few.any():
        made[numbers] = made[numbers].mask(few)
    if "open" in made:
        hidden = (made["open"] > 0) & (made["open"] < least)
        made["open"] = made["open"].mask(hidden) if hidden.any() else made["open"]
    return made
