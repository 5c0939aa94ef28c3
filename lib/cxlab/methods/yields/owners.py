"""Who answers for each stage: stages with no owner, with several, and those that one function leads alone."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cxlab.evidence.errors import InputError

__all__ = ["coverage", "ownership"]

_BEARS = ("accountable", "responsible")


def ownership(
    responsibility: pd.DataFrame, *, stages: Sequence[str] | None = None, flag: str = "marketing"
) -> pd.DataFrame:
    """Return who is accountable for each stage.

    Parameters
    ----------
    responsibility : DataFrame
        ``stage function role`` with role accountable, responsible, consulted or informed.
    stages : names in order, optional
        A stage that the table does not name is a stage without an owner.
    flag : str
        Part of the name of a function (any case): stages that it leads with nobody else responsible are flagged.

    Returns
    -------
    DataFrame
        ``stage accountable owners bearing verdict led_alone``: names of the accountable functions, how many there are,
        how many functions are accountable or responsible; verdict is one owner, no owner or several owners;
        ``led_alone`` is True where ``flag`` is the only function that bears on the stage.
    """
    data = _checked(responsibility)
    order = list(dict.fromkeys(data["stage"])) if stages is None else list(stages)
    rows = []
    for stage in order:
        own = data[data["stage"] == stage]
        owners = list(dict.fromkeys(own.loc[own["role"] == "accountable", "function"]))
        bearing = list(dict.fromkeys(own.loc[own["role"].isin(_BEARS), "function"]))
        verdict = "no owner" if not owners else ("one owner" if len(owners) == 1 else "several owners")
        alone = len(bearing) == 1 and flag.lower() in str(bearing[0]).lower()
        rows.append((stage, ", ".join(map(str, owners)), len(owners), len(bearing), verdict, alone))
    return pd.DataFrame(rows, columns=["stage", "accountable", "owners", "bearing", "verdict", "led_alone"])


def coverage(responsibility: pd.DataFrame, *, stages: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the stage x function table of roles.

    Returns
    -------
    DataFrame
        Index stage, one column a function; the weightiest role of the function there, "" for none.
    """
    data = _checked(responsibility)
    weight = {"accountable": 0, "responsible": 1, "consulted": 2, "informed": 3}
    data = data.assign(weight=data["role"].map(weight).fillna(4)).sort_values("weight", kind="stable")
    first = data.drop_duplicates(["stage", "function"])
    order = list(dict.fromkeys(_checked(responsibility)["stage"])) if stages is None else list(stages)
    functions = sorted(set(first["function"]))
    made = first.pivot(index="stage", columns="function", values="role")
    return made.reindex(index=order, columns=functions).fillna("").rename_axis(columns=None)


def _checked(responsibility: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("stage", "function", "role") if name not in responsibility]
    if missing:
        raise InputError(f"responsibility has no column {missing[0]!r}; it needs stage, function and role")
    data = responsibility.dropna(subset=["stage", "function", "role"])
    return data.assign(role=data["role"].astype("str").str.strip().str.lower())
