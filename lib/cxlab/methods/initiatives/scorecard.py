"""The executive scorecard: one page, monthly or quarterly, with the change since the last one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import wilson

from .metric import FEW, count_focused
from .mismatch import coverage
from .status import STATUSES, _month, current_status, status_table

__all__ = ["paste", "scorecard"]


def scorecard(
    initiatives: pd.DataFrame,
    *,
    pain: pd.DataFrame | None = None,
    period: str = "month",
    minimum: Mapping[str, int] | None = None,
    as_of: str | pd.Period | None = None,
) -> pd.DataFrame:
    """Return the one-page scorecard of the initiatives, with its change since the last review.

    Parameters
    ----------
    initiatives : DataFrame
        The register, with ``status_history``; ``customer_focused`` is counted where it exists.
    pain : DataFrame, optional
        ``area`` and ``complaints`` or ``contacts``: adds the coverage rows.
    period : {"month", "quarter"}
        Distance to the review before.
    minimum : mapping of level to count, optional
        How many open initiatives each level should have.
    as_of : month, optional
        The last one reported by default.

    Returns
    -------
    DataFrame
        ``section measure now before change low high n note``. Shares in 0..1 with Wilson limits; below ten open
        projects shares are left out and the counts stand alone. ``attrs``: ``as_of before period``.
    """
    if period not in ("month", "quarter"):
        raise InputError(f"period={period!r} must be 'month' or 'quarter'")
    history = status_table(initiatives)
    now = _month(history, as_of)
    if now is None:
        # No status was ever reported: what is not done is open, and there is nothing to compare with.
        finished = (
            initiatives["done"].notna()
            if "done" in initiatives
            else pd.Series(False, index=initiatives.index)
        )
        states = [np.where(finished, "done", "on schedule")] * 2
        then = None
    else:
        then = now - (1 if period == "month" else 3)
        states = [current_status(initiatives, as_of=month)["status"].to_numpy() for month in (now, then)]
    open_now, open_then = (np.isin(state, STATUSES) for state in states)
    rows: list[tuple] = []

    def count(section, measure, mask_now, mask_then, base_now=None, base_then=None, note=""):
        a, b = int(mask_now.sum()), int(mask_then.sum())
        rows.append((section, measure, float(a), float(b), float(a - b), np.nan, np.nan, None, note))
        if base_now is None:
            return
        n, m = int(base_now.sum()), int(base_then.sum())
        if n < FEW:
            return
        low, high = wilson(a, n)
        before = b / m if m else np.nan
        rows.append(
            (section, f"{measure}, share", a / n, before, a / n - before, float(low), float(high), n, note)
        )

    count("portfolio", "open initiatives", open_now, open_then)
    if "customer_focused" in initiatives and initiatives["customer_focused"].notna().any():
        focused = initiatives["customer_focused"].eq(True).to_numpy()
        if "customer_focused_2" in initiatives and initiatives["customer_focused_2"].notna().any():
            focused = focused & initiatives["customer_focused_2"].eq(True).to_numpy()
        count("portfolio", "customer-focused", open_now & focused, open_then & focused, open_now, open_then)
        people = count_focused(initiatives[open_now]).set_index("measure")
        for name in ("with a responsible team", "with a link to pay"):
            if name in people.index and people.loc[name, "n"] >= FEW:
                one = people.loc[name]
                rows.append(
                    (
                        "portfolio",
                        f"{name}, share",
                        one.share,
                        np.nan,
                        np.nan,
                        one.low,
                        one.high,
                        int(one.n),
                        "of the customer-focused",
                    )
                )
    for status in STATUSES:
        count("delivery", status, states[0] == status, states[1] == status, open_now, open_then)
    count("delivery", "finished so far", states[0] == "done", states[1] == "done")
    if "level" in initiatives:
        level = initiatives["level"].to_numpy()
        for name in [
            one for one in ("account", "unit", "corporate") if one in set(level) or (minimum or {}).get(one)
        ]:
            wanted = (minimum or {}).get(name)
            running = int((open_now & (level == name)).sum())
            note = (
                ""
                if wanted is None
                else ("minimum met" if running >= wanted else f"below the minimum of {wanted}")
            )
            count(
                "levels", f"level {name}", open_now & (level == name), open_then & (level == name), note=note
            )
    if pain is not None and open_now.any() and open_then.any():
        views = [coverage(initiatives[mask], pain=pain) for mask in (open_now, open_then)]
        alarms = [view.loc[view.alarm, "area"].tolist() for view in views]
        rows.append(
            (
                "coverage",
                "areas that hurt and have none",
                float(len(alarms[0])),
                float(len(alarms[1])),
                float(len(alarms[0]) - len(alarms[1])),
                np.nan,
                np.nan,
                None,
                ", ".join(alarms[0]),
            )
        )
        worst, before = views[0].iloc[0], views[1].set_index("area")
        earlier = before.loc[worst.area, "initiative_share"]
        rows.append(
            (
                "coverage",
                "initiatives in the worst area, share",
                worst.initiative_share,
                earlier,
                worst.initiative_share - earlier,
                worst.initiative_low,
                worst.initiative_high,
                int(open_now.sum()),
                f"{worst.area}, {worst.pain_share:.0%} of the pain",
            )
        )
    table = pd.DataFrame(
        rows, columns=["section", "measure", "now", "before", "change", "low", "high", "n", "note"]
    )
    table["n"] = table["n"].astype("Int64")
    if now is None:
        table = table[table.section != "delivery"].assign(before=np.nan, change=np.nan).reset_index(drop=True)
    table.attrs.update(
        as_of="" if now is None else str(now), before="" if then is None else str(then), period=period
    )
    return table


def paste(table: pd.DataFrame) -> str:
    """Return a scorecard as tab-separated text that a spreadsheet or a slide takes as a table.

    Numbers are written as people read them: counts whole, shares in percent, changes with their sign.
    """
    lines = ["measure\tnow\tbefore\tchange\tinterval\tnote"]
    for row in table.itertuples():
        share = row.measure.endswith("share")
        interval = f"{row.low:.0%} to {row.high:.0%}" if share and pd.notna(row.low) else ""
        lines.append(
            "\t".join(
                [
                    row.measure,
                    _show(row.now, share),
                    _show(row.before, share),
                    _show(row.change, share, True),
                    interval,
                    row.note,
                ]
            )
        )
    return "\n".join(lines)


def _show(value: float, share: bool, signed: bool = False) -> str:
    if pd.isna(value):
        return ""
    if share:
        return f"{100 * value:+.0f} points" if signed else f"{value:.0%}"
    return f"{value:+.0f}" if signed else f"{value:.0f}"
