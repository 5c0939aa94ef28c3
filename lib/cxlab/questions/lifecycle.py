"""Where customers fall out, who goes on, leaves or is still open, and who comes back (``cx.funnel``)."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, count, listed, number
from cxlab.stats.funnel.customers import LEAVING, customer_log, in_order, propose_steps, spells
from cxlab.stats.funnel.files import funnel_of_table
from cxlab.stats.funnel.result import Funnel
from cxlab.stats.funnel.rules import DAY, NEVER, hint, in_words, microseconds, rules_of
from cxlab.stats.funnel.scan import Columns
from cxlab.stats.intervals import benjamini_hochberg, newcombe, wilson
from cxlab.stats.survival import cumulative_incidence

_BUYING = re.compile(r"purchase|order|buy|bought|kauf|bestell|achat|compra")
_KEPT: dict[tuple, tuple[Any, Any]] = {}


def ordered_funnel(
    events: Any, *, steps: Sequence[str], conversion_window: object, segment: str | None = None
) -> Funnel:
    """Return how many customers reach each step, for this and for any other window.

    A customer reaches step k within the window W if SOME chain step 1 <= ... <= step k exists whose
    first-to-k-th time is at most W: every start counts, other events may lie between, equal times are taken
    in step order. That is ClickHouse's windowFunnel. The shortest such time is kept for each customer and
    step, so ``.at(window)``, ``.curve()`` and ``.time_to_convert()`` need the events no more.

    ``events`` is a DataFrame or an ibis table of ``customer_id event timestamp``; a step that stands again is
    a later event of that name, one that never occurs a row of 0 customers and a warning. The window ("7d", a
    Timedelta) is inclusive, None is no limit. ``segment`` is a column; the value at a customer's first entry
    counts. The result's ``.table`` has one row a step (and segment), ``step customers step_conversion
    overall_conversion low high``.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": [1, 1, 2], "event": ["visit", "buy", "visit"],
    ...                     "timestamp": pd.to_datetime(["2024-01-09", "2024-01-10", "2024-01-03"])})
    >>> ordered_funnel(log, steps=["visit", "buy"], conversion_window="7d").table.customers.tolist()
    [2, 1]
    """
    rules = rules_of(steps, conversion_window)
    events = events.frame if isinstance(events, Table) else events
    if not hasattr(events, "columns"):
        raise InputError(f"events is a {type(events).__name__}; give a DataFrame or an ibis table of events")
    result, unknown = funnel_of_table(events, rules=rules, columns=Columns(segment=segment))
    for sentence in unknown:
        warnings.warn(sentence, UserWarning, stacklevel=2)
    return result.ready()


# ---------------------------------------------------------------- what the questions share


def _kept(frame: Any, key: tuple, make) -> Any:
    """Return what was made of this very frame before, so that a slider does not read the log again."""
    held = _KEPT.get((id(frame), *key))
    if held is None or held[0] is not frame:
        if len(_KEPT) > 32:
            _KEPT.clear()
        held = _KEPT[(id(frame), *key)] = (frame, make())
    return held[1]


def _log(events: Table, least: int = 0) -> pd.DataFrame:
    """Return ``person event time`` (whole customers; integers, text, microseconds) by person and time."""
    log = _kept(events.frame, ("log",), lambda: customer_log(events.frame))
    seen, least = log["person"].nunique(), max(least, events.min_cell)
    if seen < least:
        raise NotEnough(f"the log holds {count(seen, 'customer')}; at least {least} are needed")
    return log


def windows(events: Table, *, steps: Sequence[str] = (), first: str = "30d") -> dict[str, float]:
    """Return windows for a slider, words -> days: the given one first, then what these data span."""
    spans = [microseconds(first)]
    if not events.missing:
        with contextlib.suppress(NotEnough):  # the question itself says so
            spans += _funnel(events, steps).ladder(8)
    return {in_words(span): span / DAY for span in spans}


def _span(window: object) -> int:
    """Return a window in microseconds; a number is days."""
    days = isinstance(window, int | float) and not isinstance(window, bool)
    return microseconds(f"{window:f}d" if days else window, argument="window")


def _funnel(events: Table, steps: Sequence[str], segment: str | None = None) -> Funnel:
    log = _log(events)
    steps = list(steps) or propose_steps(log)
    lost = [step for step in steps if step not in set(log["event"])]
    if lost and len(steps) - len(lost) < 2:
        raise NotEnough(f"the step {lost[0]!r} never occurs; {hint(lost[0], log['event'].unique())}")
    asked = {"rules": rules_of(steps, None), "columns": Columns(segment=segment)}
    make = lambda: funnel_of_table(events.frame, **asked)[0].ready()  # noqa: E731
    return _kept(events.frame, ("funnel", *steps, segment), make)


def _where(events: Table) -> str:
    return "in made-up data, " if events.simulated else ""


def _labels(events: Table, steps: Sequence[str]) -> list[str]:
    """Return the steps in words; one that stands again gets its turn: ``purchase``, ``purchase (2)``."""
    seen = [list(steps[: i + 1]).count(step) for i, step in enumerate(steps)]
    return [events.label(step) + (f" ({n})" if n > 1 else "") for step, n in zip(steps, seen, strict=True)]


def _share(row: pd.Series, names: str, n: float, label: str, unit: str = "share of customers") -> Number:
    """Return a number from the columns named ``value low high`` of a row."""
    return Number(*(float(row[name]) for name in names.split()), unit, int(n), label)


# ---------------------------------------------------------------- questions


@question("events")
def who_comes_back(events: Table, *, event: str = "") -> Result:
    """Who comes back after a first time, by the time since? Who was watched too short is open, not lost.

    Kaplan & Meier (1958). ``event`` is what is repeated; default: the commonest event that sounds like a
    purchase, else the commonest of all. Several events of one customer at one time count once. Columns of the
    table: ``days at_risk share low high``.
    """
    log = _log(events)
    names = log["event"].value_counts().index
    bought = [name for name in names if _BUYING.search(name.lower())]
    event = event or [*bought, *names][0]
    again = "buy again" if event in bought else f"have {events.label(event)} again"
    own = log[log["event"] == event].drop_duplicates(["person", "time"])
    turn, until = own.groupby("person").cumcount(), log["time"].max()
    first, second = (own[turn == k].set_index("person")["time"] for k in (0, 1))
    second = second.reindex(first.index)
    back, watched = second.notna().to_numpy(), np.sort((until - first.to_numpy()) / DAY)
    days = (second.fillna(until) - first).to_numpy() / DAY
    if back.sum() < events.min_cell:
        raise NotEnough(
            f"fewer than {events.min_cell} of {count(len(first), 'customer')} came back while the log runs"
        )
    usual = {182.0: "6 months", 91.0: "3 months", 28.0: "4 weeks", 7.0: "7 days", 1.0: "1 day"}
    enough = [d for d in usual if (watched >= d).sum() >= max(10, 0.1 * len(first))]
    limit = enough[0] if enough else float(watched.max())
    span = usual.get(limit) or in_words(round(limit * DAY))
    grid = np.unique(np.append(np.linspace(0, watched.max(), 120), limit))
    curve = cumulative_incidence(days, back.astype(int), at=grid, confidence_level=events.confidence_level)
    curve = curve.rename(columns={"time": "days", "incidence": "share"})[
        ["days", "at_risk", "share", "low", "high"]
    ]
    came = _share(
        curve[curve["days"] == limit].iloc[0], "share low high", len(first), capital(f"{again} within {span}")
    )
    all_days = f"Came back within {number(float(watched.max()))} days, all that the log covers"
    numbers = {
        "came-back": came,
        "came-back-in-all": _share(curve.iloc[-1], "share low high", len(first), all_days),
        "days-to-return": Number(float(np.median(days[back])), unit="days", n=int(back.sum()),
                                 label="Days until half of those who came back had done so"),
    }  # fmt: skip
    waiting = int((~back & (days < limit)).sum())
    caution = f"{count(waiting, 'customer')} did not have {span} yet; they count as open, not as lost."
    finding = capital(f"{_where(events)}{came} of customers {again} within {span} of their first time.")
    title = f"{number(came.value, came.unit)} {again} within {span}"

    def draw():
        axes = {"x": "days", "y": "share", "x_title": "days since the first time", "y_title": "came back"}
        return general.lines(
            curve, **axes, title=title, percent=True, steps=True, mark=limit, mark_label=span
        )

    return Result(finding, numbers, curve, draw, [caution] * (waiting > 0), events)


@question("events")
def drop_off(events: Table, *, steps: Sequence[str] = (), window: object = None) -> Result:
    """Where do customers fall out on the way through the steps, for the time that ``window`` gives them?

    Ordered funnel over every start (see :func:`ordered_funnel`); ``window`` is a time span, or a number of
    days. Customers who entered less than a window before the log ends are left out, not counted as lost.
    ``steps`` empty: proposed from the data. A log whose steps come in no order gets the answer of
    :func:`reach`. Columns of the table: ``step customers of_step_before of_first lost low high median_days``;
    the interval is that of the share ``lost``.
    """
    funnel, span = _funnel(events, steps), _span(window)
    if len(set(funnel.steps)) > 1 and not in_order(_log(events), funnel.steps):
        return reach(events, steps=funnel.steps)
    window = None if span == NEVER else pd.Timedelta(microseconds=span)
    table = pd.DataFrame(funnel.settled(window))
    left_out = int(table.pop("open").iloc[0])
    settled = table["customers"].iloc[0] >= max(events.min_cell, 0.2 * left_out)
    table = table if settled else funnel.at(window)
    ends = table.iloc[-1]
    middle = funnel.time_to_convert((0.5,), window=window)["time"] / pd.Timedelta("1D")
    came = table["customers"].shift().fillna(0).to_numpy()
    some = came > 0
    gone = np.where(some, came - table["customers"], 0)
    limits = wilson(gone, np.where(some, came, 1), events.confidence_level)
    shares = [np.where(some, value, np.nan) for value in (gone / np.where(some, came, 1), *limits)]
    table = table.drop(columns=["low", "high"]).set_axis(
        ["step", "customers", "of_step_before", "of_first"], axis=1
    )
    table = table.assign(
        **dict(zip(("lost", "low", "high"), shares, strict=True)), median_days=[0.0, *middle]
    )
    names = table["step"] = _labels(events, funnel.steps)
    limit = "" if span == NEVER else f" within {in_words(span)}"
    way = f"get from {names[0]} to {names[-1]}"
    through = _share(
        ends, "overall_conversion low high", table["customers"].iloc[0], capital(way), "share of first step"
    )
    finding, numbers = (
        f"{_where(events)}{through} of customers {way} in order{limit}",
        {"funnel-conversion": through},
    )
    losses = table.assign(came=came)[some].sort_values("lost", ascending=False, kind="stable")
    if len(losses) > 1:
        worst = losses.iloc[0]
        most = _share(
            worst, "lost low high", worst["came"], f"Lost before {worst['step']}", "share of those who came"
        )
        numbers["funnel-largest-drop"] = most
        rivals = [
            step for step, high in zip(losses["step"], losses["high"], strict=True) if high >= worst["low"]
        ]
        finding += f"; most fall out before {worst['step']}: {most}"
        if len(rivals) > 1:
            finding = finding.replace(
                f"; most fall out before {worst['step']}: {most}", "; no single step stands out"
            )
    early = f"{count(left_out, 'customer')} came too late to have had {in_words(span)}"
    caution = (
        f"{early}; they are left out, not counted as lost." if settled else f"{early}: some may still come."
    )
    title = f"{number(through.value, through.unit)} {way}{limit}"
    draw = lambda: general.funnel(table, title=title)  # noqa: E731
    proposed = "No steps were given: these are what most customers meet, in the order in which they meet it."
    cautions = [caution] * (left_out > 0) + [proposed] * (not steps)
    return Result(capital(finding) + ".", numbers, table, draw, cautions, events)


@question("events")
def reach(events: Table, *, steps: Sequence[str] = ()) -> Result:
    """How many customers meet each step at all? What a log without a reliable order can show.

    Columns of the table: ``step customers share low high``.
    """
    log = _log(events)
    steps = list(dict.fromkeys(steps or propose_steps(log)))
    holders, n = (
        log.groupby("event")["person"].nunique().reindex(steps, fill_value=0),
        log["person"].nunique(),
    )
    low, high = wilson(holders, np.full(len(steps), n), events.confidence_level)
    table = pd.DataFrame({"step": _labels(events, steps), "customers": holders.to_numpy()})
    table = table.assign(share=table["customers"] / n, low=low, high=high)
    last, ordered = table.iloc[-1], in_order(log, steps)
    met = _share(last, "share low high", n, f"Met {last['step']}, in whatever order")
    start = "" if ordered else "the steps of this log come in no fixed order; "
    finding = capital(f"{_where(events)}{start}{met} of customers met {last['step']} at all.")
    caution = "An ordered funnel of this log would measure the shuffling, not the customers."
    title = f"{number(met.value, met.unit)} meet {last['step']}, in any order"

    def draw():
        return general.bars(
            table, label="step", value="share", title=title, x_title="customers", percent=True
        )

    return Result(finding, {"reached-any-order": met}, table, draw, [] if ordered else [caution], events)


@question("events", "segment")
def segments(events: Table, *, steps: Sequence[str] = (), window: object = None) -> Result:
    """Do segments differ in how many get through all the steps? Each against all others together.

    False-discovery rate of 5 % over the segments (Benjamini & Hochberg 1995). Columns of the table: ``segment
    customers through conversion low high difference differs``.
    """
    from scipy.stats import norm

    span = _span(window)
    window = None if span == NEVER else pd.Timedelta(microseconds=span)
    ends = _funnel(events, steps, "segment").at(window).groupby("segment", sort=False)["customers"]
    table = ends.agg(customers="first", through="last").query("customers > 0").reset_index()
    cells = [table["customers"], table["through"], table["customers"] - table["through"]]
    least = pd.concat([cell.where(cell > 0) for cell in cells], axis=1).min(axis=1)
    least = table["customers"].where(least >= events.min_cell, least)
    table, hidden = suppress(table.assign(least=least), count="least", min_cell=events.min_cell)
    if len(table) < 2:
        raise NotEnough("fewer than two segments have enough customers to compare")
    n, x = table["customers"].to_numpy(), table["through"].to_numpy()
    low, high = wilson(x, n, events.confidence_level)
    gap, _, _ = newcombe(x, n, x.sum() - x, n.sum() - n, events.confidence_level)
    pooled = x.sum() / n.sum()
    spread = np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n + 1 / (n.sum() - n)))
    differs, _ = benjamini_hochberg(2 * norm.sf(np.abs(gap) / spread))
    table = table.drop(columns="least").assign(
        conversion=x / n, low=low, high=high, difference=gap, differs=differs
    )
    table = table.sort_values("conversion", ascending=False, ignore_index=True)
    table["segment"] = table["segment"].map(events.label)
    apart, best, worst = table.loc[table["differs"], "segment"].tolist(), table.iloc[0], table.iloc[-1]
    numbers = {
        "segments-apart": Number(
            len(apart), unit="segments", n=len(table), label="Segments unlike the others"
        )
    }
    for name, row in (("segment-best", best), ("segment-worst", worst)):
        numbers[name] = _share(row, "conversion low high", row["customers"], f"All the way, {row['segment']}")
    if apart:
        finding = (
            f"{best['segment']} gets {numbers['segment-best']} of customers all the way, {worst['segment']} "
        )
        finding += f"{numbers['segment-worst']}."
        title = f"{best['segment']} gets {number(best['conversion'], 'share')} through, {worst['segment']} "
        title += number(worst["conversion"], "share")
    else:
        finding = (
            f"no difference was found: {len(table)} segments get customers through alike, within chance."
        )
        title = "No segment differs beyond chance"
    caution = f"{count(hidden, 'segment')} with too few customers not shown."

    def draw():
        axes = {"label": "segment", "value": "conversion", "x_title": "get all the way"}
        return general.dots(table, **axes, title=title, percent=True, reference=pooled)

    return Result(capital(_where(events) + finding), numbers, table, draw, [caution] * (hidden > 0), events)


@question("events")
def go_on_or_leave(events: Table, *, steps: Sequence[str] = (), window: object = "30d") -> Result:
    """After each step, who has gone on, who has left, and who is still open? Aalen & Johansen (1978).

    The clock of a step starts when a customer first completes it after the steps before it, and ends at the
    next step, at an event of leaving (its name says so), or with the log: open customers are open, not lost.
    Columns of the table: ``step customers went_on low high left left_low left_high open``.
    """
    log, span = _log(events), _span(window)
    steps = list(steps or propose_steps(log))
    leaving = [name for name in log["event"].unique() if LEAVING.search(name.lower()) and name not in steps]
    rows = [_risk(own, span / DAY, events.confidence_level) for own in spells(log, steps, leaving)]
    table = pd.DataFrame(rows)
    table.insert(0, "step", _labels(events, steps)[:-1])
    table = table[table["customers"] >= events.min_cell].reset_index(drop=True)
    if table.empty:
        raise NotEnough(f"fewer than {events.min_cell} customers reach any step but the last")
    limit, row = in_words(span), table.loc[table["left"].idxmax() if leaving else table["went_on"].idxmin()]
    step, n = row["step"], row["customers"]
    on, left = _share(row, "went_on low high", n, f"Went on after {step}"), None
    numbers = {"went-on": on}
    finding = f"{on} of customers go on within {limit} of {step}"
    if leaving:
        left = numbers["left"] = _share(row, "left left_low left_high", n, f"Left after {step}")
        finding += f", {left} leave; the rest are still open."
        title = f"{number(left.value, left.unit)} leave within {limit} of {step}"
    else:
        finding += "; the log names no leaving, so the others are open, not lost."
        title = f"{number(on.value, on.unit)} go on within {limit} of {step}; the others are open"
    numbers["still-open"] = Number(
        row["open"], unit=on.unit, n=int(n), label=f"Neither, {limit} after {step}"
    )
    short = table.loc[table.pop("watched") < 10, "step"]
    caution = f"Fewer than 10 customers were watched for {limit} after {listed(short)}."
    parts = {"went_on": "go on", "left": "leave", "open": "still open"}

    def draw():
        axes = {"label": "step", "value": list(parts), "names": parts, "x_title": f"{limit} after the step"}
        return general.bars(table, **axes, title=title, percent=True, stacked=True)

    return Result(
        capital(_where(events) + finding), numbers, table, draw, [caution] * (len(short) > 0), events
    )


def _risk(spells: pd.DataFrame, days: float, level: float) -> dict[str, float]:
    at = [min(days, spells["days"].max())] if len(spells) else [days]
    curve = cumulative_incidence(spells["days"], spells["cause"], at=at, confidence_level=level).set_index(
        "cause"
    )
    row: dict[str, float] = {"customers": len(spells)}
    for kind, names in ((1, ("went_on", "low", "high")), (2, ("left", "left_low", "left_high"))):
        values = curve.loc[kind, ["incidence", "low", "high"]] if kind in curve.index else (0.0,) * 3
        row |= dict(zip(names, map(float, values), strict=True))
    still = max(round(1 - row["went_on"] - row["left"], 12), 0.0)
    return row | {"open": still, "watched": int((spells["watched"] >= days).sum())}
