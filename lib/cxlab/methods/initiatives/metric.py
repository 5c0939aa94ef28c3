"""The metric itself: how many initiatives are customer-focused, who is responsible, and is pay tied to them?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import wilson

__all__ = ["FEW", "CoderAgreement", "coder_agreement", "count_focused", "progress"]

FEW = 10  # below this many projects a share says less than a list


def count_focused(initiatives: pd.DataFrame, *, confidence_level: float = 0.95) -> pd.DataFrame:
    """Count the customer-focused initiatives, and how many have a team and a link to pay.

    Parameters
    ----------
    initiatives : DataFrame
        ``customer_focused`` (True, False or missing), optionally ``customer_focused_2`` (a second coder's), ``team``
        (text, empty where nobody is responsible), ``compensation_linked`` and ``level``.
    confidence_level : float

    Returns
    -------
    DataFrame
        ``measure count n share low high``: 'customer-focused' (both coders say so where there are two), 'said by one
        coder only', and among the customer-focused 'with a responsible team', 'with a link to pay', 'with both'.
        Only what was coded counts; shares of 0 initiatives are missing.

    Notes
    -----
    Wilson intervals. They speak of a portfolio as a draw from what this organisation starts; for a plain description
    of today's portfolio the count alone is exact.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_focused": [True, True, False, False]})
    >>> count_focused(table).loc[0, ["count", "n"]].tolist()
    [2, 4]
    """
    if "customer_focused" not in initiatives:
        raise InputError(
            "initiatives: there is no column 'customer_focused'; code each project yes or no (better: two people, the "
            "second in customer_focused_2) before counting"
        )
    coded = initiatives["customer_focused"].notna()
    first = initiatives["customer_focused"].eq(True)
    rows = []
    if "customer_focused_2" in initiatives and initiatives["customer_focused_2"].notna().any():
        coded &= initiatives["customer_focused_2"].notna()
        second = initiatives["customer_focused_2"].eq(True)
        focused = first & second & coded
        rows += [
            ("customer-focused", focused, coded.sum()),
            ("said by one coder only", (first ^ second) & coded, coded.sum()),
        ]
    else:
        focused = first
        rows += [("customer-focused", focused, coded.sum())]
    team = initiatives["team"].fillna("").astype(str).str.strip() != "" if "team" in initiatives else None
    pay = (
        initiatives["compensation_linked"].fillna(False).astype(bool)
        if "compensation_linked" in initiatives
        else None
    )
    if team is not None:
        rows.append(("with a responsible team", focused & team, focused.sum()))
    if pay is not None:
        rows.append(("with a link to pay", focused & pay, focused.sum()))
    if team is not None and pay is not None:
        rows.append(("with both", focused & team & pay, focused.sum()))
    table = pd.DataFrame(
        [(name, int(mask.sum()), int(n)) for name, mask, n in rows], columns=["measure", "count", "n"]
    )
    low, high = wilson(table["count"], table["n"], confidence_level)
    some = table.n > 0
    with np.errstate(invalid="ignore"):
        share = table["count"] / table.n
    return table.assign(share=share, low=np.where(some, low, np.nan), high=np.where(some, high, np.nan))


class CoderAgreement(NamedTuple):
    """Krippendorff's alpha of two codings with its interval, raw agreement, and how many were coded twice."""

    estimate: float
    low: float
    high: float
    agreement: float
    n: int


def coder_agreement(
    initiatives: pd.DataFrame, *, rng: int | np.random.Generator | None = None
) -> CoderAgreement:
    """Return how far two coders agree on which initiatives are customer-focused (missing below 10 coded twice)."""
    names = ["customer_focused", "customer_focused_2"]
    if not set(names) <= set(initiatives):
        return CoderAgreement(np.nan, np.nan, np.nan, np.nan, 0)
    both = initiatives[names].dropna().astype(bool)
    if len(both) < 10:
        return CoderAgreement(np.nan, np.nan, np.nan, np.nan, len(both))
    from cxlab.methods.agreement import krippendorff_alpha

    alpha = krippendorff_alpha(both.astype(float).T, level="nominal", rng=rng)
    same = float((both[names[0]] == both[names[1]]).mean())
    return CoderAgreement(float(alpha.estimate), float(alpha.low), float(alpha.high), same, len(both))


def progress(initiatives: pd.DataFrame) -> pd.DataFrame:
    """Return progress project by project, for portfolios that are too small for shares.

    Returns
    -------
    DataFrame
        ``id title progress status``, least progress first; ``progress`` is the share of work done (column
        ``progress``, else 1 where ``done`` is set and missing otherwise). ``attrs["few"]`` tells whether there are
        fewer than ten projects.
    """
    from .status import current_status

    done = initiatives["done"].notna() if "done" in initiatives else pd.Series(False, index=initiatives.index)
    if "progress" in initiatives:
        share = pd.to_numeric(initiatives["progress"], errors="coerce").where(~done, 1.0)
    else:
        share = pd.Series(np.where(done, 1.0, np.nan), index=initiatives.index)
    table = pd.DataFrame(
        {
            "id": initiatives["id"],
            "title": initiatives["title"] if "title" in initiatives else initiatives["id"].astype(str),
            "progress": share,
            "status": current_status(initiatives)["status"].to_numpy()
            if "status_history" in initiatives
            else "",
        }
    )
    table = table.sort_values("progress", kind="stable", na_position="first", ignore_index=True)
    table.attrs["few"] = len(initiatives) < FEW
    return table
