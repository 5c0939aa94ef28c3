"""Fill what a register leaves out, weigh the two impacts, and find minima that can be met."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

__all__ = ["complete", "level_minimum", "weigh"]

_TEXT = ("area", "side", "approach", "depth", "team", "status_history")
_DATES = ("due", "done")


def complete(initiatives: pd.DataFrame) -> pd.DataFrame:
    """Return the table with every column that the page reads, missing where the register has none.

    Returns
    -------
    DataFrame
        The input; text columns that were absent are empty (``area`` says 'not stated'), dates and codings missing.
        Where ``impact_low`` or ``impact_high`` is absent or has gaps, half and one and a half times ``impact`` stand
        in. ``attrs["assumed"]`` lists in words what was filled in.
    """
    table, assumed = initiatives.copy(), []
    for name in _TEXT:
        if name not in table:
            table[name] = "not stated" if name == "area" else ""
            assumed.append(f"no column {name}")
    table["area"] = table["area"].fillna("not stated")
    for name in _DATES:
        if name not in table:
            table[name] = pd.NaT
            assumed.append(f"no column {name}")
    for name in ("customer_focused", "compensation_linked"):
        if name not in table:
            table[name] = pd.Series(np.nan, index=table.index, dtype=object)
            assumed.append(f"no column {name}")
    for name, factor in (("impact_low", 0.5), ("impact_high", 1.5)):
        given = (
            pd.to_numeric(table[name], errors="coerce")
            if name in table
            else pd.Series(np.nan, index=table.index)
        )
        if given.isna().any():
            assumed.append(
                f"{name} taken as {factor:g} times impact for {int(given.isna().sum())} initiatives"
            )
        table[name] = given.fillna(factor * table["impact"])
    if "effort" not in table or table["effort"].isna().any():
        table["effort"] = table["effort"].fillna(table["cost"]) if "effort" in table else table["cost"]
        assumed.append("effort taken from cost")
    table.attrs = {**initiatives.attrs, "assumed": assumed}
    return table


def weigh(initiatives: pd.DataFrame, *, loyalty: float = 0.5) -> pd.DataFrame:
    """Weigh the article's two impacts, on loyalty or experience and on the choice of a vendor.

    Parameters
    ----------
    initiatives : DataFrame
        With ``impact_loyalty impact_choice`` (which sum to ``impact``); without them it is returned as it is.
    loyalty : float
        Weight of loyalty, 0 to 1; 0.5 leaves ``impact`` as it is.

    Returns
    -------
    DataFrame
        With new ``impact impact_low impact_high`` (the guess widens and narrows in proportion).
    """
    if not 0 <= loyalty <= 1:
        raise InputError(f"loyalty={loyalty!r} must lie between 0 (vendor choice only) and 1 (loyalty only)")
    if not {"impact_loyalty", "impact_choice"} <= set(initiatives):
        return initiatives
    table = initiatives.copy()
    new = 2 * (loyalty * table["impact_loyalty"] + (1 - loyalty) * table["impact_choice"])
    factor = (new / table["impact"].where(table["impact"] > 0)).fillna(0)
    for name in ("impact_low", "impact_high"):
        if name in table:
            table[name] = table[name] * factor
    table["impact"] = new
    if "impact_high" in table:
        table["impact_high"] = table[["impact", "impact_high"]].max(axis=1)
        table["impact_low"] = table[["impact", "impact_low"]].min(axis=1)
    return table


def level_minimum(initiatives: pd.DataFrame, *, each: int, budget: float) -> dict[str, int]:
    """Return the same minimum for each level, lowered where a level has fewer or the budget cannot pay for all.

    Returns
    -------
    dict
        ``{level: count}`` for the levels that the table has, in the order account, unit, corporate.
    """
    present = [name for name in ("account", "unit", "corporate") if (initiatives["level"] == name).any()]
    for count in range(int(each), 0, -1):
        minimum = {name: min(count, int((initiatives["level"] == name).sum())) for name in present}
        price = sum(
            initiatives.loc[initiatives["level"] == n, "cost"].nsmallest(k).sum() for n, k in minimum.items()
        )
        if price <= budget:
            return minimum
    return {}
