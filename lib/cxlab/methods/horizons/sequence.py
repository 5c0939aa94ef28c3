"""Which level is reached first? Dates of first attainment, pair by pair."""

from __future__ import annotations

from math import comb

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import benjamini_hochberg, wilson

__all__ = ["attainment_pairs", "first_attainment"]


def first_attainment(
    ladder: pd.DataFrame, *, first: str | None = None, last: str | None = None, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return how often an account reaches one level before another.

    Parameters
    ----------
    ladder : DataFrame
        ``account level first_attained`` (a date, missing while the level was never reached).
    first, last : str, optional
        Levels to compare; the first and the last of the file by default.
    confidence_level : float

    Returns
    -------
    DataFrame
        One row of :func:`attainment_pairs`, with ``skipped``: accounts that reached ``last`` but never ``first``.

    Notes
    -----
    An account that reached one of the two only counts as having reached that one first: the other is still to come.
    Dates are often known to the month or the meeting only; ties are left out and counted.
    """
    names = list(dict.fromkeys(ladder["level"])) if "level" in ladder else []
    first, last = first or (names[0] if names else ""), last or (names[-1] if names else "")
    table = attainment_pairs(ladder, confidence_level=confidence_level)
    row = table[(table["first"] == first) & (table["second"] == last)]
    if row.empty:
        raise InputError(
            f"levels {first!r} and {last!r} must be two different levels of the table: {', '.join(names)}"
        )
    wide = _dates(ladder)
    skipped = int((wide[last].notna() & wide[first].isna()).sum())
    return row.assign(skipped=skipped).reset_index(drop=True)


def attainment_pairs(ladder: pd.DataFrame, *, confidence_level: float = 0.95) -> pd.DataFrame:
    """Compare every pair of levels by the date on which they were first reached.

    Returns
    -------
    DataFrame
        One row an ordered pair: ``first second before after tied n share low high p_value adjusted``; share of the
        accounts that reached ``first`` before ``second`` among those that reached either (Wilson), the two-sided sign
        test against one half, and its Benjamini-Hochberg value over the pairs of levels.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-02-01", "2025-01-05", None])
    >>> ladder = pd.DataFrame({"account": list("aabb"), "level": ["x", "y"] * 2, "first_attained": days})
    >>> attainment_pairs(ladder)[["first", "second", "before", "n"]].values.tolist()[0]
    ['x', 'y', 2, 2]
    """
    wide = _dates(ladder)
    names = list(wide.columns)
    number = wide.apply(lambda column: column.astype("int64").where(column.notna(), np.iinfo("int64").max))
    rows = []
    for a in names:
        for b in names:
            if a == b:
                continue
            either = wide[a].notna() | wide[b].notna()
            before = int((either & (number[a] < number[b])).sum())
            after = int((either & (number[a] > number[b])).sum())
            rows.append((a, b, before, after, int(either.sum()) - before - after))
    table = pd.DataFrame(rows, columns=["first", "second", "before", "after", "tied"])
    table["n"] = table.before + table.after
    low, high = wilson(table.before, table.n, confidence_level)
    p = [_sign_test(x, n) for x, n in zip(table.before, table.n, strict=True)]
    table = table.assign(share=table.before / table.n.where(table.n > 0), low=low, high=high, p_value=p)
    rank = {name: k for k, name in enumerate(names)}
    once = table["first"].map(rank) < table["second"].map(rank)
    adjusted = pd.Series(benjamini_hochberg(table.loc[once, "p_value"])[1], index=table.index[once])
    pairs = {frozenset(table.loc[k, ["first", "second"]]): value for k, value in adjusted.items()}
    table["adjusted"] = [
        pairs[frozenset((a, b))] for a, b in zip(table["first"], table["second"], strict=True)
    ]
    return table


def _dates(ladder: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("account", "level", "first_attained") if name not in ladder]
    if missing:
        raise InputError(
            f"ladder: there is no column {missing[0]!r}; needed are account, level and first_attained"
        )
    names = list(dict.fromkeys(ladder["level"]))
    if len(names) < 2:
        raise InputError("ladder: at least two levels are needed to tell which comes first")
    table = ladder.assign(first_attained=pd.to_datetime(ladder["first_attained"]))
    if table.duplicated(["account", "level"]).any():
        twice = table[table.duplicated(["account", "level"])].iloc[0]
        raise InputError(
            f"ladder: account {twice.account!r} has level {twice.level!r} twice; one row each is needed"
        )
    return table.pivot(index="account", columns="level", values="first_attained")[names].rename_axis(
        columns=None
    )


def _sign_test(successes: int, n: int) -> float:
    if n == 0:
        return float("nan")
    if n > 1000:
        from math import erfc, sqrt

        return erfc(max(0.0, abs(successes - n / 2) - 0.5) / sqrt(n / 4) / sqrt(2))
    tail = sum(comb(n, k) for k in range(min(successes, n - successes) + 1)) / 2**n
    return min(1.0, 2 * tail)
