"""Initiatives and their promises: on time or late, what a link to pay does, and the executives' scorecard."""

import re

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.questions.portfolio import LEVELS
from cxlab.questions.result import Number, Result, question
from cxlab.questions.shares import direction, dotted, points, shares
from cxlab.questions.words import count, number
from cxlab.stats.intervals import normal_quantile, wilson

FEW = 10  # below this many a share says less than a list
GROUPS = ("group", "count", "initiatives")
STATUSES = ("on schedule", "at risk", "late")


@question("initiatives", "due", "done", needs="a register with the days of promise and of finish")
def delivery(initiatives: Table) -> Result:
    """Do we deliver what we promised, and does 'at risk' foretell late?

    Counted are initiatives whose due month lies before the last month of the register; on time are those done
    in their due month or before. Called at risk means at least once before the due month. Columns of the
    table: group, count, initiatives, estimate (on time), low, high.
    """
    past, level = _past_due(initiatives.frame), initiatives.confidence_level
    if len(past) < FEW:
        raise NotEnough(f"{count(len(past), 'initiative')} past the due date; {FEW} are needed")
    told, late = past[past.reported], ~past.on_time[past.reported]
    rows = [("all that were due", past.on_time)]
    rows += [(f"level {name}", past.on_time[past["level"] == name]) for name in LEVELS]
    rows += [("never called at risk", ~late[~told.warned]), ("called at risk before", ~late[told.warned])]
    unit = "share of initiatives"
    share = Number.share(past.on_time.sum(), len(past), unit, "delivered on time", level)
    numbers, said = {"on-time-share": share}, f"{share} of the initiatives that were due came on time"
    warned, calm = late[told.warned], late[~told.warned]
    if min(len(warned), len(calm)):
        counts = warned.sum(), len(warned), calm.sum(), len(calm)
        gap = Number.difference(*counts, unit, "late: called at risk minus never called so", level)
        numbers["at-risk-late-difference"] = gap
        said += "; " + (
            direction(gap, "a warning foretells punctuality", "a warning foretells delay")
            or "no link between warning and delay was found"
        )
        if late.any():
            label = "late ones that had been called at risk"
            caught = Number.share(counts[0], int(late.sum()), "share of late initiatives", label, level)
            numbers["late-ones-announced"] = caught
    title = f"{number(share.value, 'share')} of {len(past)} promised initiatives came on time"
    caution = "What was never promised for a day is not counted."
    table = shares(counted(rows), level, GROUPS)
    return dotted(said + ".", title, numbers, table, initiatives, caution, x_title="came on time")


@question(
    "initiatives", "due", "done", "status_history", "compensation_linked",
    needs="a register with dates, status reports and links to pay",
)  # fmt: skip
def pay_link(initiatives: Table) -> Result:
    """What does a link to pay do to the metric? Reports and outcomes with and without it (Campbell 1979).

    Among initiatives whose due month has passed: the share that was never called at risk (the report) and the
    share on time (the outcome). The gap is how much further the two part where pay is linked, normal limits
    with unequal variances; for rules also in standard deviations of being on time. Columns of the table:
    group, count, initiatives, estimate, low, high.
    """
    past = _past_due(initiatives.frame)
    past = past[past.reported]
    paid, fine = yes(past["compensation_linked"]), ~past.warned
    scale = float(past.on_time.std(ddof=0)) if len(past) else 0.0
    if min(paid.sum(), (~paid).sum()) < 5 or not scale:
        raise NotEnough(
            "five initiatives past due with a link to pay and five without are needed, some of them late"
        )
    excess = fine.astype(float) - past.on_time.astype(float)
    a, b = excess[paid], excess[~paid]
    half = normal_quantile(initiatives.confidence_level) * np.sqrt(a.var() / len(a) + b.var() / len(b))
    gap, n = float(a.mean() - b.mean()), len(past)
    ends = np.array([gap, gap - half, gap + half])
    label = "report above outcome: with a link to pay minus without"
    wider = Number(*ends.tolist(), "share of initiatives", n, label)
    sized = Number(*(ends / scale).tolist(), "outcome SD", n, f"{label}, in SD")
    groups = {"pay linked": paid, "no link": ~paid}
    measures = {"never at risk": fine, "on time": past.on_time}
    rows = [(f"{g}: {m}", part[mask]) for g, mask in groups.items() for m, part in measures.items()]
    said = "no difference was found between reports of initiatives with and without a link to pay"
    title = "With or without a link to pay: no difference in reports found"
    if word := direction(wider, "gloomier", "rosier"):
        size, spread = points(wider).split(" (")
        said = f"where pay is linked, reports are {word} than outcomes by {size} more ({spread}"
        title = f"Where pay is linked, reports are {size} {word}"
    return dotted(
        said + ".", title, {"pay-link-gap": wider, "paid-metric-minus-outcome": sized},
        shares(counted(rows), initiatives.confidence_level, GROUPS), initiatives,
        "Pay was not assigned by lot: a gap is a reason to look, not a proof.",
        x_title="share of initiatives past due",
    )  # fmt: skip


@question("initiatives", "status_history", needs="a register with status reports")
def scorecard(initiatives: Table, *, period: str = "quarter") -> Result:
    """What goes to the executives: one page, each number with its change since the last month or quarter.

    Columns of the table: measure, now, before, change, low, high (of a share now, Wilson), initiatives;
    shares of fewer than ten open initiatives are left out.
    """
    if period not in ("month", "quarter"):
        raise InputError(f"period={period!r} must be 'month' or 'quarter'")
    frame, history = initiatives.frame, status_table(initiatives.frame)
    if history.empty:
        raise NotEnough("no initiative has reported a status yet")
    now = history.month.max()
    states = [_status(frame, history, month) for month in (now, now - (1 if period == "month" else 3))]
    open_ = [np.isin(state, STATUSES) for state in states]
    sizes = [int(mask.sum()) for mask in open_]
    rows = [("open initiatives", *sizes)]
    for level in LEVELS:
        rows.append((f"open at level {level}", *((mask & (frame["level"] == level)).sum() for mask in open_)))
    if "pain" in initiatives.related and "area" in frame and min(sizes):
        hurt = set(initiatives.related["pain"]["area"])
        idle = (len(hurt - set(frame.loc[mask, "area"])) for mask in open_)
        rows.append(("areas of complaints without any", *idle))
    columns = ["measure", "now", "before"]
    table = pd.DataFrame(rows, columns=columns).astype({"now": float, "before": float})
    drawn = pd.DataFrame(columns=columns)
    if min(sizes) >= FEW:
        parts = {status: [state == status for state in states] for status in STATUSES}
        if "customer_focused" in frame:
            parts = {"customer-focused": [mask & focused(frame)[0] for mask in open_]} | parts
        rows = [(name, *(part.sum() for part in two)) for name, two in parts.items()]
        drawn = pd.DataFrame(rows, columns=columns)
        low, high = wilson(drawn.now, sizes[0], initiatives.confidence_level)
        drawn = drawn.assign(now=drawn.now / sizes[0], before=drawn.before / sizes[1], low=low, high=high)
        drawn["initiatives"] = sizes[0]
        table = pd.concat([table, drawn.assign(measure=drawn.measure + ", share of open")], ignore_index=True)
    table.insert(3, "change", table.now - table.before)
    numbers = {
        "open-initiatives": Number(sizes[0], unit="initiatives", label="open now"),
        "open-change": Number(
            sizes[0] - sizes[1], unit="initiatives", label=f"change since the last {period}"
        ),
    }
    if drawn.empty:
        said = f"{sizes[0]} initiatives are open, {sizes[1]} were a {period} before."
        return Result(said, numbers, table, data=initiatives)
    late = drawn.iloc[-1]
    share = Number(late.now, late.low, late.high, "share of open initiatives", sizes[0], "late ones")
    shown = number(late.now, "share"), number(late.before, "share")
    before = drawn.assign(now=drawn.before, low=np.nan, high=np.nan, when=f"a {period} before")
    return dotted(
        f"{share} of the {sizes[0]} open initiatives are late.",
        f"{shown[0]} of {sizes[0]} open initiatives are late, {shown[1]} a {period} before",
        numbers | {"open-late-share": share}, table, initiatives,
        "Closed initiatives leave the count, so late ones can vanish by being closed.",
        drawn=pd.concat([drawn.assign(when="now"), before], ignore_index=True),
        label="measure", value="now", group="when", x_title="share of open initiatives",
    )  # fmt: skip


def status_table(initiatives: pd.DataFrame) -> pd.DataFrame:
    """Unfold ``status_history`` (``2026-01-31 on schedule; 2026-02-28 late``) into ``id month status``.

    One row an initiative and month (its last report), in the order of time; other entries are an InputError.
    """
    text = initiatives["status_history"].dropna().astype(str)
    entries = text.str.split(";").explode().str.strip()
    entries = entries[entries != ""]
    names = initiatives["id"].loc[entries.index].to_numpy()
    pattern = r"^(\d{4}-\d{2}-\d{2})\s+(on schedule|at risk|late|done)$"
    parts = entries.reset_index(drop=True).str.extract(pattern, flags=re.IGNORECASE)
    month = pd.to_datetime(parts[0], errors="coerce", format="%Y-%m-%d").dt.to_period("M")
    if month.isna().any():
        at = int(month.isna().to_numpy().argmax())
        raise InputError(
            f"initiatives: status_history of {names[at]!r} holds {entries.iloc[at]!r}; write a date as "
            f"2026-01-31 and one of {', '.join(STATUSES)} or done, parted by semicolons"
        )
    table = pd.DataFrame({"id": names, "day": parts[0], "month": month, "status": parts[1].str.lower()})
    table = table.sort_values("day", kind="stable").drop_duplicates(["id", "month"], keep="last")
    return table.drop(columns="day").reset_index(drop=True)


def focused(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return what is customer-focused (for both readers, where there are two), and what was coded."""
    names = ("customer_focused", "customer_focused_2")
    readings = frame[[name for name in names if name in frame and frame[name].notna().any()]]
    coded = readings.notna().all(axis=1) & bool(readings.shape[1])
    return readings.apply(yes).all(axis=1) & coded, coded


def yes(values: pd.Series) -> pd.Series:
    """Return which values are yes: true, not 0, not an empty text, not missing."""
    return values.map(lambda value: bool(value.strip() if isinstance(value, str) else value)) & values.notna()


def counted(rows: list[tuple[str, pd.Series]]) -> list[tuple[str, int, int]]:
    """Return name, hits and size of each group."""
    return [(name, int(part.sum()), len(part)) for name, part in rows]


def _status(frame: pd.DataFrame, history: pd.DataFrame, month: pd.Period) -> np.ndarray:
    """Return each initiative's status in a month: its last report until then, else 'not started'."""
    last = history[history.month <= month].groupby("id").status.last()
    return frame["id"].map(last).astype(object).fillna("not started").to_numpy()


def _past_due(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the initiatives whose due month has passed, with ``on_time reported warned``."""
    due, done = (pd.to_datetime(frame[name]).dt.to_period("M") for name in ("due", "done"))
    told = pd.DataFrame(columns=["id", "month", "status"])
    if "status_history" in frame:
        told = status_table(frame)
    last = told.month.max() if len(told) else done.max()
    early = told[told.month < told["id"].map(due.set_axis(frame["id"]))] if len(told) else told
    warned = early.loc[early.status == "at risk", "id"]
    table = frame.assign(
        on_time=done.notna() & (done <= due),
        reported=frame["id"].isin(early["id"]),
        warned=frame["id"].isin(warned),
    )
    return table[(due < last) if pd.notna(last) else due.isna() & False]
