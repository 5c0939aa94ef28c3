"""Where customers fall out, who goes on, leaves or is still open, and who comes back (``cx.funnel``)."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, count, listed, number, with_interval
from cxlab.stats.funnel.expression import scan_table
from cxlab.stats.funnel.result import Funnel
from cxlab.stats.funnel.rules import DAY, NEVER, hint, microseconds, rules_of
from cxlab.stats.funnel.scan import Columns, memory_bytes, people, scan_frame, scan_sql, times
from cxlab.stats.intervals import benjamini_hochberg, newcombe, wilson
from cxlab.stats.survival import cumulative_incidence

_LEAVING = re.compile(
    r"^left\b|leav|churn|cancel|quit|unsubscri|closed|kuendig|kündig|storn|abgemeldet|abgewandert"
)
_LARGE = 3_000_000  # rows that the questions other than the funnel read; beyond, every k-th customer
_KEPT: dict[tuple, tuple[Any, Any]] = {}


# ---------------------------------------------------------------- the funnel itself


def ordered_funnel(
    events: Any,
    *,
    steps: Sequence[str],
    conversion_window: object,
    segment: str | None = None,
    step_windows: Sequence[object] | None = None,
    strict: bool = False,
    exclude: Iterable[str] = (),
) -> Funnel:
    """Return how many customers reach each step, for this and for any other window.

    A customer reaches step k within the window W if SOME chain step 1 <= ... <= step k exists whose first-to-k-th time
    is at most W: every start counts, other events may lie between, equal times are taken in step order. That is
    ClickHouse's windowFunnel. The shortest such time is kept for each customer and step, so the result answers every
    window (``.at``), the curve (``.curve``) and the times (``.time_to_convert``) without the events.

    Parameters
    ----------
    events : DataFrame or ibis table
        With ``customer_id event timestamp`` (any row order). An event without a customer is dropped and counted.
    steps : sequence of str
        Event names, in order; a name that stands again is a later event of that name.
    conversion_window : time span or None
        "7d", "12h", a Timedelta; from the first step to the step in question, inclusive. None: no limit.
    segment : str, optional
        A column to split by: the value recorded with the customer's first entry.
    step_windows : sequence of time spans, optional
        Longest time from each step to the next, one fewer than steps; None where there is no limit.
    strict : bool
        No other event of the customer may lie between two steps.
    exclude : event names
        A chain ends at such an event; at equal times it counts as after the steps.

    Returns
    -------
    Funnel
        ``.table``: one row a step (and segment), ``step customers step_conversion overall_conversion low high``. A step
        that never occurs is a row with 0 customers and a warning.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 1, 2], "event": ["visit", "visit", "buy", "visit"],
    ...                     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-09", "2024-01-10", "2024-01-03"])})
    >>> ordered_funnel(log, steps=["visit", "buy"], conversion_window="7d").table.customers.tolist()
    [2, 1]
    """
    rules = rules_of(steps, conversion_window, step_windows=step_windows, strict=strict, exclude=exclude)
    columns = Columns(segment=segment)
    events = events.frame if isinstance(events, Table) else events
    if not hasattr(events, "columns"):
        raise InputError(f"events is a {type(events).__name__}; give a DataFrame or an ibis table of events")
    result = Funnel(rules, _scan(events, columns, rules)).ready()
    if missing := result.unreached():
        present = _kinds(events)
        for step in missing:
            if step not in present:
                text = f"the step {step!r} never occurs in this log; {hint(step, present)}"
                warnings.warn(text, UserWarning, stacklevel=2)
    return result


def _scan(events: Any, columns: Columns, rules):
    """Scan by the way that suits: a frame, a DuckDB table of this process, else one expression in its own engine."""
    if hasattr(events, "iloc"):
        return scan_frame(events, columns, rules)
    backend = events.get_backend()
    columns.check(events.columns)
    if backend.name == "duckdb":
        import duckdb
        import ibis

        with tempfile.TemporaryDirectory(prefix="cxlab-", ignore_cleanup_errors=True) as folder:
            options = {"memory": memory_bytes(None), "folder": Path(folder), "progress": True}
            try:
                return scan_sql(backend.con, f"({ibis.to_sql(events)})", columns, rules, **options)
            except duckdb.Error:  # such as a table in memory that DuckDB has not met yet: ibis knows how
                pass
    return scan_table(events, columns, rules)


def _kinds(events: Any) -> set[str]:
    if hasattr(events, "iloc"):
        return {str(value).strip() for value in events["event"].dropna().unique()[:2000]}
    counted = events["event"].value_counts().limit(2000).execute()
    return {str(value).strip() for value in counted["event"].dropna()}


# ---------------------------------------------------------------- what the questions share


def _kept(frame: Any, key: tuple, make) -> Any:
    """Return what was made of this very frame before, so that a slider does not read the log again."""
    held = _KEPT.get((id(frame), *key))
    if held is None or held[0] is not frame:
        if len(_KEPT) > 32:
            _KEPT.clear()
        held = _KEPT[(id(frame), *key)] = (frame, make())
    return held[1]


def _log(events: Table) -> pd.DataFrame:
    """Return ``person event time`` (whole customers, integers, text, microseconds) by person and time."""
    return _kept(events.frame, ("log",), lambda: _read(events.frame))


def _read(frame: Any) -> pd.DataFrame:
    if not hasattr(frame, "iloc"):
        parts = -(-int(frame.count().execute()) // _LARGE)
        if parts > 1:
            frame = frame.filter(frame.customer_id.cast("string").hash() % parts == 0)
        frame = frame.select("customer_id", "event", "timestamp").execute()
    ids, known = people(frame["customer_id"])
    time = times(frame["timestamp"])
    event = frame["event"].astype("str").str.strip()
    good = (known >= 0) & (time != np.iinfo(np.int64).min) & frame["event"].notna().to_numpy()
    log = pd.DataFrame({"person": ids, "event": event.to_numpy(), "time": time})[good]
    return log.sort_values(["person", "time"], kind="stable", ignore_index=True)


def _enough(events: Table, log: pd.DataFrame, least: int = 5) -> None:
    people_seen = log["person"].nunique()
    if people_seen < max(least, events.min_cell):
        raise NotEnough(
            f"the log holds {count(people_seen, 'customer')}; at least {max(least, events.min_cell)} are needed"
        )


def propose_steps(events: Table, most: int = 6) -> list[str]:
    """Return steps for a log without any: what many customers meet, in the order in which most of them meet it.

    Events of leaving are no steps. A log with one kind of event gives its first, second and third time.
    """
    log = _log(events)
    first = log.groupby(["event", "person"], sort=False)["time"].min().reset_index()
    holders = first["event"].value_counts()
    holders = holders[[not _LEAVING.search(name.lower()) for name in holders.index]]
    names = list(holders.index[holders >= 0.05 * log["person"].nunique()][:most])
    if len(names) < 2:
        return (names or list(log["event"].unique()[:1])) * 3
    wide = (
        first[first["event"].isin(names)]
        .pivot(index="person", columns="event", values="time")[names]
        .to_numpy()
    )
    ahead = np.zeros(len(names))
    for i in range(len(names)):
        sign = np.sign(wide - wide[:, [i]])  # 1 where the other one came later
        both = np.maximum((~np.isnan(sign)).sum(axis=0), 1)
        ahead[i] = (np.nansum(sign, axis=0) / both).sum()
    return [names[i] for i in np.argsort(-ahead, kind="stable")]


def in_order(log: pd.DataFrame, steps: Sequence[str]) -> bool:
    """Tell whether going from a step to the next is commoner than going back: where steps were shuffled it is not."""
    code = log["event"].map({step: k for k, step in enumerate(dict.fromkeys(steps))})
    own = log[code.notna()].assign(code=code)
    before = own.groupby("person")[["code", "time"]].shift()
    change = (own["code"] - before["code"])[own["time"] > before["time"]]
    forward, back = int((change == 1).sum()), int((change == -1).sum())
    return forward + back < 30 or bool(wilson(forward, forward + back)[1] >= 0.6)


def windows(
    events: Table, *, steps: Sequence[str] = (), first: str | None = "30d", most: int = 8
) -> dict[str, str]:
    """Return windows for a slider, words -> time span: the given one first, then what these data span."""
    given = {} if not first else {in_words(microseconds(first)): first}
    try:
        found = _funnel(events, list(steps)).ladder(most)
    except (NotEnough, AttributeError):
        return given or {"30 days": "30d"}
    return given | {words: span for words, span in found.items() if words not in given}


def in_words(span: int) -> str:
    """Return a time span in words.

    >>> in_words(30 * DAY), in_words(DAY), in_words(5_400_000_000), in_words(NEVER)
    ('30 days', '1 day', '1.5 hours', 'any time')
    """
    if span >= NEVER:
        return "any time"
    sizes = (("day", DAY), ("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000))
    word, size = next(((word, size) for word, size in sizes if span >= size), sizes[-1])
    return f"{round(span / size, 1):g} {word}{'' if span == size else 's'}"


def _funnel(events: Table, steps: list[str], segment: str | None = None) -> Funnel:
    if events.missing:
        raise NotEnough("there is no log")
    log = _log(events)
    _enough(events, log)
    steps = steps or propose_steps(events)
    lost = [step for step in steps if step not in set(log["event"])]
    if lost and len(steps) - len(lost) < 2:
        raise NotEnough(
            f"the step {lost[0]!r} never occurs in this log; {hint(lost[0], log['event'].unique())}"
        )

    def make() -> Funnel:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a step that never occurs is a row of zeros
            return ordered_funnel(events.frame, steps=steps, conversion_window=None, segment=segment)

    return _kept(events.frame, ("funnel", *steps, segment), make)


def _where(events: Table) -> str:
    return "in made-up data, " if events.simulated else ""


def _labels(events: Table, steps: Sequence[str]) -> list[str]:
    """Return the steps in words; one that stands again gets its turn: ``purchase``, ``purchase (2)``."""
    seen = [list(steps[: i + 1]).count(step) for i, step in enumerate(steps)]
    return [events.label(step) + (f" ({n})" if n > 1 else "") for step, n in zip(steps, seen, strict=True)]


# ---------------------------------------------------------------- questions


@question("events")
def who_comes_back(events: Table, *, event: str = "") -> Result:
    """Who comes back after a first time, by the time since? Kaplan & Meier (1958): who was watched too short is open.

    ``event`` is what is repeated; default: the commonest event that sounds like a purchase, else the commonest of all.
    Several events of one customer at one time count once. Columns of the table: ``days at_risk share low high``.
    """
    log = _log(events)
    names = log["event"].value_counts().index
    bought = [name for name in names if re.search(r"purchase|order|buy|kauf|bestell", name.lower())]
    event = event or next(iter([*bought, *names]), "")
    again = "buy again" if event in bought else f"have {events.label(event)} again"
    own = log[log["event"] == event].drop_duplicates(["person", "time"])
    _enough(events, own)
    turn = own.groupby("person").cumcount()
    first, second = (own[turn == k].set_index("person")["time"] for k in (0, 1))
    second = second.reindex(first.index)
    back = second.notna().to_numpy()
    days = (second.fillna(log["time"].max()) - first).to_numpy() / DAY
    followed = np.sort((log["time"].max() - first.to_numpy()) / DAY)
    enough = [d for d in (182.0, 91.0, 28.0, 7.0, 1.0) if (followed >= d).sum() >= max(10, 0.1 * len(first))]
    limit = enough[0] if enough else float(followed.max())
    span = {182.0: "6 months", 91.0: "3 months", 28.0: "4 weeks"}.get(limit, in_words(round(limit * DAY)))
    grid = np.unique(np.append(np.linspace(0, followed.max(), 120), limit))
    level = events.confidence_level
    curve = cumulative_incidence(days, back.astype(int), at=grid, confidence_level=level)
    if curve.empty:
        raise NotEnough(f"none of {count(len(first), 'customer')} came back in the time that the log covers")
    curve = curve.rename(columns={"time": "days", "incidence": "share"})[
        ["days", "at_risk", "share", "low", "high"]
    ]
    here, last = curve[curve["days"] == limit].iloc[0], curve.iloc[-1]
    n, unit = len(first), "share of customers"
    came = Number(here["share"], here["low"], here["high"], unit, n, f"{capital(again)} within {span}")
    whole = f"Came back within {number(float(last['days']))} days, all that the log covers"
    numbers = {
        "came-back": came,
        "came-back-in-all": Number(last["share"], last["low"], last["high"], unit, n, whole),
        "days-to-return": Number(float(np.median(days[back])), None, None, "days", int(back.sum()),
                                 "Half of those who came back did so within, in days"),
    }  # fmt: skip
    finding = f"{_where(events)}{came} of customers {again} within {span} of their first time."
    waiting = int((~back & (days < limit)).sum())
    cautions = [
        f"{count(waiting, 'customer')} did not have {span} yet; they count as open, not as lost."
    ] * bool(waiting)
    title = f"{number(came.value, unit)} {again} within {span}"
    draw = lambda: general.lines(  # noqa: E731
        curve, x="days", y="share", title=title, x_title="days since the first time", y_title="came back",
        percent=True, steps=True, mark=limit, mark_label=span,
    )  # fmt: skip
    return Result(capital(finding), numbers, curve, draw, cautions, events)


@question("events")
def drop_off(events: Table, *, steps: Sequence[str] = (), window: object = None) -> Result:
    """Where do customers fall out on the way through the steps, for the time that ``window`` gives them?

    Ordered funnel over every start (see :func:`ordered_funnel`). Customers who entered less than a window before the
    log ends are left out, not counted as lost. ``steps`` empty: proposed from the data. A log whose steps come in no
    order gets the answer of :func:`reach`. Columns of the table: ``step customers of_step_before of_first lost low
    high median_days``, the interval that of the share lost since the step before.
    """
    funnel = _funnel(events, list(steps))
    if len(set(funnel.steps)) > 1 and not in_order(_log(events), funnel.steps):
        return reach(events, steps=funnel.steps)
    span = microseconds(window, argument="window")
    rows = pd.DataFrame(funnel.settled(window))
    left_out = int(rows["open"].iloc[0])
    settled = rows["customers"].iloc[0] >= max(events.min_cell, 0.2 * left_out)
    table = rows if settled else funnel.at(window)
    middle = funnel.time_to_convert((0.5,), window=window)["time"]
    table = table.assign(
        step=_labels(events, funnel.steps), median_days=[0.0, *(middle / pd.Timedelta("1D"))]
    )
    came = table["customers"].shift()
    lost = pd.Series(np.where(came > 0, 1 - table["customers"] / came.where(came > 0), np.nan))
    known = came.fillna(0) > 0
    low, high = wilson(
        (came - table["customers"]).where(known, 0), came.where(known, 1), events.confidence_level
    )
    table["lost"], table["low_lost"], table["high_lost"] = (
        lost,
        np.where(known, low, np.nan),
        np.where(known, high, np.nan),
    )
    last, n = table.iloc[-1], int(table["customers"].iloc[0])
    names, limit = table["step"].tolist(), in_words(span)
    numbers = {"funnel-conversion": Number(last["overall_conversion"], last["low"], last["high"], "share of first step", n,
                                           f"From {names[0]} to {names[-1]} in order")}  # fmt: skip
    finding = f"{_where(events)}{numbers['funnel-conversion']} of customers get from {names[0]} to {names[-1]} in order"
    finding += "" if span == NEVER else f" within {limit}"
    if lost.notna().sum() > 1:
        order = lost.sort_values(ascending=False, na_position="last").index
        most, next_most = table.loc[order[0]], table.loc[order[1]]
        alike = next_most["high_lost"] >= most["low_lost"]
        worst = Number(most["lost"], most["low_lost"], most["high_lost"], "share of those who came", int(came[order[0]]),
                       f"Lost before {most['step']}")  # fmt: skip
        numbers["funnel-largest-drop"] = worst
        more = f"; losses before {most['step']} and {next_most['step']} are about alike"
        finding += more if alike else f"; most fall out before {most['step']}: {worst}"
    early = f"{count(left_out, 'customer')} came too late to have had {limit}"
    cautions = [
        f"{early}; they are left out, not counted as lost." if settled else f"{early}: some may still come."
    ]
    shown = table.rename(columns={"step_conversion": "of_step_before", "overall_conversion": "of_first"})
    shown = shown.drop(columns=["low", "high", "open"], errors="ignore")
    shown = shown.rename(columns={"low_lost": "low", "high_lost": "high"})
    title = f"{number(last['overall_conversion'], 'share')} get from {names[0]} to {names[-1]}"
    title += "" if span == NEVER else f" within {limit}"
    draw = lambda: general.funnel(table, title=title)  # noqa: E731
    return Result(capital(finding) + ".", numbers, shown, draw, cautions if left_out else [], events)


@question("events")
def reach(events: Table, *, steps: Sequence[str] = ()) -> Result:
    """How many customers meet each step at all, in whatever order? What a log without a reliable order can show.

    Columns of the table: ``step customers share low high``.
    """
    log = _log(events)
    _enough(events, log)
    steps = list(dict.fromkeys(steps or propose_steps(events)))
    holders = log.groupby("event")["person"].nunique().reindex(steps, fill_value=0)
    n = log["person"].nunique()
    low, high = wilson(holders, np.full(len(steps), n), events.confidence_level)
    table = pd.DataFrame({"step": _labels(events, steps), "customers": holders.to_numpy(), "share": holders.to_numpy() / n,
                          "low": low, "high": high})  # fmt: skip
    last = table.iloc[-1]
    name = f"met {last['step']}, in whatever order"
    met = Number(last["share"], last["low"], last["high"], "share of customers", n, capital(name))
    ordered = in_order(log, steps)
    start = "" if ordered else "the steps of this log come in no fixed order, so only this counts: "
    finding = f"{_where(events)}{start}{met} of customers {name}."
    cautions = (
        [] if ordered else ["An ordered funnel of this log would measure the shuffling, not the customers."]
    )
    title = f"{number(met.value, met.unit)} meet {last['step']}, in any order"
    draw = lambda: general.bars(
        table, label="step", value="share", title=title, x_title="customers", percent=True
    )  # noqa: E731
    return Result(capital(finding), {"reached-any-order": met}, table, draw, cautions, events)


@question("events", "segment")
def segments(events: Table, *, steps: Sequence[str] = (), window: object = None) -> Result:
    """Do segments differ in how many get through all the steps? Each against all others, Newcombe (1998).

    False-discovery rate of 5 % over the segments (Benjamini & Hochberg 1995). Columns of the table: ``segment customers
    through conversion low high difference differs``.
    """
    from cxlab.data.privacy import suppress

    funnel = _funnel(events, list(steps), "segment")
    ends = funnel.at(window).groupby("segment", sort=False)["customers"].agg(["first", "last"])
    table = ends[ends["first"] > 0].reset_index().set_axis(["segment", "customers", "through"], axis=1)
    cells = [table["customers"], table["through"], table["customers"] - table["through"]]
    least = pd.concat([cell.where(cell > 0) for cell in cells], axis=1).min(axis=1)
    table, hidden = suppress(table.assign(least=least), count="least", min_cell=events.min_cell)
    table = table.drop(columns="least")
    if len(table) < 2:
        raise NotEnough("fewer than two segments have enough customers to compare")
    n, x = table["customers"].to_numpy(), table["through"].to_numpy()
    low, high = wilson(x, n, events.confidence_level)
    gap, _, _ = newcombe(x, n, x.sum() - x, n.sum() - n, events.confidence_level)
    pooled = x.sum() / n.sum()
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / (n.sum() - n)))
    from scipy.stats import norm

    differs, _ = benjamini_hochberg(
        2 * norm.sf(np.abs(gap) / spread) if pooled not in (0, 1) else np.ones(len(n))
    )
    table = table.assign(conversion=x / n, low=low, high=high, difference=gap, differs=differs)
    table = table.sort_values("conversion", ascending=False, ignore_index=True)
    apart = table.loc[table["differs"], "segment"].map(events.label).tolist()
    best, worst = table.iloc[0], table.iloc[-1]
    unit = "share of first step"
    numbers = {
        "segments-apart": Number(len(apart), None, None, "segments", len(table), "Segments unlike the others"),
        "segment-best": Number(best["conversion"], best["low"], best["high"], unit, int(best["customers"]),
                               f"All the way, {events.label(best['segment'])}"),
        "segment-worst": Number(worst["conversion"], worst["low"], worst["high"], unit, int(worst["customers"]),
                                f"All the way, {events.label(worst['segment'])}"),
    }  # fmt: skip
    if apart:
        finding = f"{events.label(best['segment'])} gets {numbers['segment-best']} of customers through, "
        finding += f"{events.label(worst['segment'])} {numbers['segment-worst']}; {listed(apart[:3])} differ beyond chance."
        title = f"{listed(apart[:3])} differ{'s' if len(apart) == 1 else ''} from the other segments"
    else:
        finding = f"no difference was found: how many get through is alike in {count(len(table), 'segment')}, within chance."
        title = "No segment differs beyond chance"
    cautions = (
        [f"{count(hidden, 'segment')} with fewer than {events.min_cell} customers not shown."]
        if hidden
        else []
    )
    shown = table.assign(segment=table["segment"].map(events.label))
    draw = lambda: general.dots(  # noqa: E731
        shown,
        label="segment",
        value="conversion",
        title=title,
        x_title="get all the way",
        percent=True,
        reference=pooled,
    )
    return Result(capital(_where(events) + finding), numbers, shown, draw, cautions, events)


@question("events")
def go_on_or_leave(
    events: Table, *, steps: Sequence[str] = (), leave: Sequence[str] = (), window: object = "30d"
) -> Result:
    """After each step, who has gone on, who has left, and who is still open? Aalen & Johansen (1978).

    The clock of a step starts when a customer first completes it after the steps before it, and ends at the next step,
    at an event of leaving, or with the log: open customers are open, not lost. ``leave``: events of leaving; default
    those whose name says so. Columns of the table: ``step customers went_on low high left left_low left_high open``.
    """
    log = _log(events)
    _enough(events, log)
    kinds = list(log["event"].unique())
    steps = list(steps or propose_steps(events))
    leaving = [
        name
        for name in ([leave] if isinstance(leave, str) else leave) or kinds
        if leave or _LEAVING.search(name.lower())
    ]
    leaving = [name for name in leaving if name not in steps]
    days = microseconds(window, argument="window") / DAY
    rows = [_risk(events, own, days) for own in _spells(log, steps, leaving)]
    table = pd.DataFrame(rows).assign(step=_labels(events, steps)[:-1])
    table = table[table["customers"] >= events.min_cell].reset_index(drop=True)
    if table.empty:
        raise NotEnough(f"fewer than {events.min_cell} customers reach any step but the last")
    limit = in_words(microseconds(window))
    worst = table.loc[table["left"].idxmax() if leaving else table["went_on"].idxmin()]
    unit, n = "share of customers", int(worst["customers"])
    numbers = {
        "went-on": Number(
            worst["went_on"], worst["low"], worst["high"], unit, n, f"Went on after {worst['step']}"
        )
    }
    finding = f"{_where(events)}{numbers['went-on']} of customers go on within {limit} of {worst['step']}"
    title = f"{number(worst['went_on'], unit)} go on within {limit} of {worst['step']}, {number(worst['open'], unit)} are still open"
    if leaving:
        left = Number(
            worst["left"], worst["left_low"], worst["left_high"], unit, n, f"Left after {worst['step']}"
        )
        numbers["left"] = left
        finding += f", {left} leave; the rest are still open."
        title = f"{number(left.value, unit)} leave within {limit} of {worst['step']}"
    else:
        finding += "; the log names no leaving, so the others are open, not lost."
    numbers["still-open"] = Number(worst["open"], None, None, unit, n, f"Neither, after {limit}")
    parts = {"went_on": "go on", "left": "leave", "open": "still open"}
    draw = lambda: general.bars(  # noqa: E731
        table, label="step", value=list(parts), names=parts, title=title, x_title=f"customers, {limit} after the step",
        percent=True, stacked=True, low="", high="",
    )  # fmt: skip
    short = table["at_risk"] < 10
    cautions = (
        [f"Few customers were watched for {limit} after {listed(table.loc[short, 'step'])}."]
        if short.any()
        else []
    )
    return Result(capital(finding), numbers, table.drop(columns="at_risk"), draw, cautions, events)


def _spells(log: pd.DataFrame, steps: Sequence[str], leaving: Sequence[str]) -> list[pd.DataFrame]:
    """Return ``days cause`` of the customers of each step but the last; cause 1 gone on, 2 left, 0 still open."""
    person, time, row = log["person"].to_numpy(), log["time"].to_numpy(), np.arange(len(log))
    event, until = log["event"].to_numpy(), log["time"].max()
    size = int(person.max()) + 1
    gone = np.isin(event, leaving)

    def first_after(wanted: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Each person's first wanted row later than ``after``; NEVER where there is none."""
        rows = row[wanted]
        rows = rows[rows > after[person[rows]]]
        found = np.full(size, NEVER)
        found[person[rows][::-1]] = rows[::-1]
        return found

    reached, made = np.full(size, -1), []
    for step, following in zip(steps[:-1], steps[1:], strict=True):
        reached = first_after(event == step, reached)
        here = reached < NEVER
        on, off = (first_after(wanted, reached)[here] for wanted in (event == following, gone))
        end = np.minimum(on, off)
        stop = np.where(end < NEVER, time[np.minimum(end, len(log) - 1)], until)
        cause = np.where(end == NEVER, 0, np.where(on < off, 1, 2))
        made.append(pd.DataFrame({"days": (stop - time[reached[here]]) / DAY, "cause": cause}))
    return made


def _risk(events: Table, spells: pd.DataFrame, days: float) -> dict[str, float]:
    curve = cumulative_incidence(
        spells["days"],
        spells["cause"],
        at=[min(days, spells["days"].max())],
        confidence_level=events.confidence_level,
    ).set_index("cause")
    none = pd.Series({"incidence": 0.0, "low": 0.0, "high": 0.0})
    on, off = (curve.loc[k] if k in curve.index else none for k in (1, 2))
    at_risk = int((spells["days"] >= days).sum()) + int((spells["cause"] > 0).sum())
    return {
        "customers": len(spells), "went_on": on["incidence"], "low": on["low"], "high": on["high"],
        "left": off["incidence"], "left_low": off["low"], "left_high": off["high"],
        "open": max(round(1 - on["incidence"] - off["incidence"], 12), 0.0), "at_risk": at_risk,
    }  # fmt: skip
