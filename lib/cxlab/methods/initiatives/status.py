"""On schedule, at risk, late: shares per level and over time, ageing, and whether 'at risk' foretells late."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import newcombe, wilson

__all__ = [
    "STATUSES",
    "ageing",
    "calibration",
    "current_status",
    "delivered",
    "status_shares",
    "status_table",
]

STATUSES = ["on schedule", "at risk", "late"]


def status_table(initiatives: pd.DataFrame) -> pd.DataFrame:
    """Unfold ``status_history`` (``2026-01-31 on schedule; 2026-02-28 late``) into one row a report.

    Returns
    -------
    DataFrame
        ``id month status``, in the order of the table and of time; month is a Period. Status is lower case; ``done``
        closes an initiative. The last report of a month counts.

    Raises
    ------
    InputError
        For an entry that is not a date followed by on schedule, at risk, late or done.
    """
    if "status_history" not in initiatives:
        raise InputError(
            "initiatives: there is no column 'status_history' (DATE STATUS pairs parted by semicolons)"
        )
    rows = []
    for key, text in zip(initiatives["id"], initiatives["status_history"], strict=True):
        if not isinstance(text, str):
            continue
        for entry in filter(None, (part.strip() for part in text.split(";"))):
            day, _, status = entry.partition(" ")
            status = status.strip().lower()
            if status not in (*STATUSES, "done"):
                raise InputError(
                    f"initiatives: status_history of {key!r} holds {entry!r}; write a date and one of "
                    f"{', '.join(STATUSES)} or done, parted by semicolons"
                )
            rows.append((key, day, status))
    table = pd.DataFrame(rows, columns=["id", "day", "status"])
    days = pd.to_datetime(table.day, errors="coerce", format="ISO8601")
    if days.isna().any():
        bad = table[days.isna()].iloc[0]
        raise InputError(
            f"initiatives: status_history of {bad.id!r} has the date {bad.day!r}; write it as 2026-01-31"
        )
    table["day"] = days
    order = {key: k for k, key in enumerate(initiatives["id"])}
    table = table.sort_values("day", kind="stable").sort_values(
        "id", key=lambda s: s.map(order), kind="stable"
    )
    table.insert(1, "month", table.pop("day").dt.to_period("M"))
    return table.drop_duplicates(["id", "month"], keep="last").reset_index(drop=True)


def current_status(initiatives: pd.DataFrame, *, as_of: str | pd.Period | None = None) -> pd.DataFrame:
    """Return each initiative's status in one month (the last one reported by default).

    Returns
    -------
    DataFrame
        In the order of the table: ``id status`` ('not started' before its first report; a report stays valid until
        the next one). ``attrs["as_of"]`` is the month as text.
    """
    history = status_table(initiatives)
    month = _month(history, as_of)
    last = (
        history[history.month <= month].groupby("id", sort=False).status.last()
        if month is not None
        else pd.Series(dtype=str)
    )
    table = pd.DataFrame({"id": initiatives["id"].to_numpy()})
    table["status"] = table["id"].map(last.astype(object)).astype(object).fillna("not started")
    table.attrs["as_of"] = str(month)
    return table


def status_shares(
    initiatives: pd.DataFrame,
    *,
    by: str | None = "level",
    months: int | None = None,
    merge: bool = False,
    as_of: str | pd.Period | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the shares of open initiatives on schedule, at risk and late.

    Parameters
    ----------
    initiatives : DataFrame
        ``id status_history`` and the column ``by``.
    by : str or None
        Split by this column (an 'all' row set comes first).
    months : int, optional
        Give each of the last ``months`` months instead of the last one only.
    merge : bool
        Count at risk and late together: the article writes them with a slash, so two classes are possible.
    as_of : month, optional
        The last one reported by default.
    confidence_level : float
        Of each class's Wilson interval.

    Returns
    -------
    DataFrame
        ``month group status count n share low high``; n counts the initiatives open in that month.

    Examples
    --------
    >>> t = pd.DataFrame({"id": [1, 2], "status_history": ["2026-01-31 late", "2026-01-31 on schedule"]})
    >>> status_shares(t, by=None)["share"].tolist()
    [0.5, 0.0, 0.5]
    """
    history = status_table(initiatives)
    last = _month(history, as_of)
    if last is None:
        return pd.DataFrame(columns=["month", "group", "status", "count", "n", "share", "low", "high"])
    if by is not None and by not in initiatives:
        raise InputError(f"initiatives: there is no column {by!r}; the table has {', '.join(initiatives)}")
    classes = ["on schedule", "at risk or late"] if merge else STATUSES
    groups = [("all", np.ones(len(initiatives), dtype=bool))]
    if by is not None:
        names = (
            [n for n in ("account", "unit", "corporate") if n in set(initiatives[by])]
            if by == "level"
            else []
        )
        names += [name for name in sorted(initiatives[by].dropna().unique()) if name not in names]
        groups += [(name, (initiatives[by] == name).to_numpy()) for name in names]
    rows = []
    for month in pd.period_range(end=last, periods=months or 1, freq="M"):
        status = current_status(initiatives, as_of=month)["status"]
        if merge:
            status = status.replace({"at risk": "at risk or late", "late": "at risk or late"})
        for name, mask in groups:
            counts = [int((status[mask] == one).sum()) for one in classes]
            rows += [
                (month, name, one, count, sum(counts)) for one, count in zip(classes, counts, strict=True)
            ]
    table = pd.DataFrame(rows, columns=["month", "group", "status", "count", "n"])
    low, high = wilson(table["count"], table["n"], confidence_level)
    return table.assign(share=table["count"] / table.n.where(table.n > 0), low=low, high=high)


def ageing(initiatives: pd.DataFrame, *, as_of: str | pd.Period | None = None) -> pd.DataFrame:
    """Return how long open initiatives have kept their status, and how long they are overdue.

    Returns
    -------
    DataFrame
        Longest overdue first: ``id level status months_in_status months_overdue`` (negative: still to come; missing
        without a due date).
    """
    history = status_table(initiatives)
    month = _month(history, as_of)
    now = current_status(initiatives, as_of=as_of)
    open_ = now[now.status.isin(STATUSES)]
    upto = history[history.month <= month] if month is not None else history
    changed = upto.status.ne(upto.groupby("id").status.shift())
    since = upto[changed].groupby("id").month.last()
    columns = ["id", "level", "status", "months_in_status", "months_overdue"]
    if month is None or open_.empty:
        return pd.DataFrame({name: [] for name in columns})
    indexed = initiatives.set_index("id")
    due = pd.to_datetime(indexed["due"]) if "due" in indexed else pd.Series(pd.NaT, index=indexed.index)
    level = indexed["level"] if "level" in indexed else pd.Series("", index=indexed.index)
    rows = []
    for key, status in zip(open_["id"], open_["status"], strict=True):
        overdue = np.nan if pd.isna(due[key]) else month.ordinal - pd.Period(due[key], "M").ordinal
        rows.append((key, level[key], status, month.ordinal - since[key].ordinal + 1, overdue))
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(
        ["months_overdue", "months_in_status"], ascending=False, kind="stable", ignore_index=True
    )


def calibration(
    initiatives: pd.DataFrame, *, as_of: str | pd.Period | None = None, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Compare what was said before the due date with what happened: does 'at risk' foretell late?

    Parameters
    ----------
    initiatives : DataFrame
        ``id due done status_history``; only those whose due month has passed are used.

    Returns
    -------
    DataFrame
        ``said late n share low high``, one row for 'at risk' (at least once before the due month) and one for 'on
        schedule' (always). ``attrs``: ``difference difference_low difference_high`` (Newcombe; missing when a group
        is empty), ``caught`` (share of the late ones that had been called at risk), ``brier`` (of the two shares as
        forecasts) and ``brier_base`` (of one common share).
    """
    known = delivered(initiatives, as_of=as_of)
    late, warned = known.late, known.warned
    rows = []
    for said, mask in (("at risk", warned), ("on schedule", ~warned)):
        rows.append((said, int((late & mask).sum()), int(mask.sum())))
    table = pd.DataFrame(rows, columns=["said", "late", "n"])
    low, high = wilson(table.late, table.n, confidence_level)
    table = table.assign(share=table.late / table.n.where(table.n > 0), low=low, high=high)
    total, count = int(table.late.sum()), int(table.n.sum())
    gap = (
        newcombe(*(table.late[0], table.n[0], table.late[1], table.n[1]), confidence_level)
        if table.n.min()
        else [np.nan] * 3
    )
    forecast = table.share * (1 - table.share) * table.n
    table.attrs.update(
        difference=float(gap[0]),
        difference_low=float(gap[1]),
        difference_high=float(gap[2]),
        caught=table.late[0] / total if total else np.nan,
        brier=float(forecast.sum() / count) if count else np.nan,
        brier_base=total / count * (1 - total / count) if count else np.nan,
    )
    return table


def delivered(initiatives: pd.DataFrame, *, as_of: str | pd.Period | None = None) -> pd.DataFrame:
    """Return the initiatives whose due month has passed and that had reported before it.

    Returns
    -------
    DataFrame
        ``id warned late``: warned when called at risk at least once before the due month, late when finished after
        it or not yet.
    """
    missing = [name for name in ("id", "due", "done") if name not in initiatives]
    if missing:
        raise InputError(
            f"initiatives: there is no column {missing[0]!r}; needed are id, due, done and status_history"
        )
    history = status_table(initiatives)
    month = _month(history, as_of)
    due = pd.to_datetime(initiatives["due"]).dt.to_period("M")
    done = pd.to_datetime(initiatives["done"]).dt.to_period("M")
    passed = due.notna() & (due < month) if month is not None else due.notna() & False
    late = done.isna() | (done > due)
    limit = dict(zip(initiatives["id"], due, strict=True))
    early = [
        not pd.isna(limit[key]) and day < limit[key]
        for key, day in zip(history["id"], history["month"], strict=True)
    ]
    before = history[np.array(early, dtype=bool)]
    warned = initiatives["id"].isin(before.loc[before.status == "at risk", "id"])
    table = pd.DataFrame({"id": initiatives["id"], "warned": warned, "late": late})
    return table[passed & initiatives["id"].isin(before["id"])].reset_index(drop=True)


def _month(history: pd.DataFrame, as_of: str | pd.Period | None) -> pd.Period | None:
    if as_of is not None:
        return pd.Period(as_of, "M")
    return history.month.max() if len(history) else None
