"""Two people's edits of one register: merged cell by cell, or named as a clash."""

from __future__ import annotations

from collections import Counter

import pandas as pd

__all__ = ["lost_rows", "merge"]


def lost_rows(base: pd.DataFrame, mine: pd.DataFrame, allowed: set[str]) -> list[str]:
    """Return the ids (or a word for rows without their own) that a save of ``mine`` would lose."""
    had, has = Counter(base["id"].str.strip()), Counter(mine["id"].str.strip())
    lost = [one for one in had if one and one not in has and one not in allowed]
    # Rows with an empty or repeated id may come back under a new one; there must be as many new ones.
    unnamed = sum(
        had[one] - min(had[one], has[one] if one else 0)
        for one in had
        if not one or (had[one] > 1 and one in has)
    )
    new = sum(1 for one in has if one not in had)
    if unnamed > new:
        lost += [f"{unnamed - new} row{'s' * (unnamed - new > 1)} without an own id"]
    return lost


def merge(
    base: pd.DataFrame, mine: pd.DataFrame, theirs: pd.DataFrame, allowed: set[str]
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Merge two edits of ``base``; all three tables have an own id in every row.

    Returns
    -------
    (DataFrame, list of str, list of str)
        The merged table (rows in their order, mine that are new at the end), the ids that they had touched, and the
        clashes in words: one cell changed by both, or a row removed by one and edited by the other.
    """
    columns = [*theirs.columns, *(name for name in mine if name not in theirs)]
    old, b, a = ({row["id"]: row for row in table.to_dict("records")} for table in (base, theirs, mine))
    rows, touched, clashes = [], [], []
    for one in [*b, *(key for key in a if key not in b)]:
        was = old.get(one, {})
        if one in a and one in b:
            row = _cells(one, columns, was, a[one], b[one], clashes)
            if any(b[one].get(name, "") != was.get(name, "") for name in columns):
                touched.append(one)
            rows.append(row)
        elif one in b:
            if was and one in allowed:  # I removed it
                if _differ(b[one], was):
                    clashes.append(f"{one} (you removed it, somebody else edited it)")
            else:  # they added it
                touched.append(one)
                rows.append(b[one])
        elif not was:  # I added it
            rows.append(a[one])
        else:  # they removed it
            touched.append(one)
            if _differ(a[one], was):
                clashes.append(f"{one} (you edited it, somebody else removed it)")
    return pd.DataFrame(rows, columns=columns, dtype=object).fillna(""), touched, clashes


def _cells(one: str, columns: list[str], was: dict, mine: dict, theirs: dict, clashes: list[str]) -> dict:
    row = {}
    for name in columns:
        before, a, b = (cells.get(name, "") for cells in (was, mine, theirs))
        if a != before and b != before and a != b:
            clashes.append(f"{one}, column {name!r} (yours {a!r}, theirs {b!r})")
        row[name] = a if a != before else b
    return row


def _differ(row: dict, was: dict) -> bool:
    return any(row.get(name, "") != was.get(name, "") for name in {*row, *was})
