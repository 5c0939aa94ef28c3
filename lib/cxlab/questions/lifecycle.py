"""Where customers fall out, who goes on, leaves or is still open, and who comes back (``cx.funnel``)."""

import contextlib
import re
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table, kept
from cxlab.figures import general
from cxlab.questions.result import Number, Result, capital, count, listed, number, question
from cxlab.stats.funnel.files import funnel_of_table
from cxlab.stats.funnel.result import Funnel
from cxlab.stats.funnel.scan import DAY, NEVER, Columns, hint, in_words, microseconds, rules_of
from cxlab.stats.intervals import benjamini_hochberg, wilson
from cxlab.stats.survival import LEAVING, cumulative_incidence, customer_log, in_order, propose_steps, spells

_BUYING = re.compile(r"purchase|order|buy|bought|kauf|bestell|achat|compra")


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
    result = funnel_of_table(events, rules=rules, columns=Columns(segment=segment))
    for sentence in result.unknown:
        warnings.warn(sentence, UserWarning, stacklevel=2)
    return result


# ---------------------------------------------------------------- what the questions share


def _log(events: Table) -> pd.DataFrame:
    log = kept(events.frame, ("log",), lambda: customer_log(events.frame))
    seen = log["person"].nunique()
    if seen < events.min_cell:
        raise NotEnough(f"the log holds {count(seen, 'customer')}; at least {events.min_cell} are needed")
    return log


def windows(events: Table, *, steps: Sequence[str] = (), first: str | float = "30d") -> dict[str, float]:
    """Return windows for a slider, words -> days: the given one first, then what these data span."""
    spans = [_span(first)]
    if not events.missing:
        with contextlib.suppress(NotEnough):  # the question itself says so
            spans += _funnel(events, steps).ladder(8)
    return {in_words(span): round(span / DAY, 6) for span in spans}  # as exact as a window is read


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
    return kept(events.frame, ("funnel", *steps, segment), lambda: funnel_of_table(events.frame, **asked))


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
    second, n = second.reindex(first.index), len(first)
    back, watched = second.notna().to_numpy(), (until - first.to_numpy()) / DAY
    days = (second.fillna(until) - first).to_numpy() / DAY
    if back.sum() < events.min_cell:
        raise NotEnough(f"fewer than {events.min_cell} of {count(n, 'customer')} came back while it runs")
    usual = {182.0: "6 months", 91.0: "3 months", 28.0: "4 weeks", 7.0: "7 days", 1.0: "1 day"}
    most = float(watched.max())
    limit = next((d for d in usual if (watched >= d).sum() >= max(10, 0.1 * n)), most)
    span = usual.get(limit) or in_words(round(limit * DAY))
    grid = np.unique(np.append(np.linspace(0, most, 120), limit))
    curve = cumulative_incidence(days, back.astype(int), grid, events.confidence_level)
    curve = curve.drop(columns="cause").rename(columns={"time": "days", "incidence": "share"})
    at_limit, label = curve[curve["days"] == limit].iloc[0], capital(f"{again} within {span}")
    came = _share(at_limit, "share low high", n, label)
    label = f"Came back within {number(most)} days, all that the log covers"
    ever = _share(curve.iloc[-1], "share low high", n, label)
    label = "Days until half of those who came back had done so"
    half = Number(float(np.median(days[back])), unit="days", n=int(back.sum()), label=label)
    numbers = {"came-back": came, "came-back-in-all": ever, "days-to-return": half}
    waiting = int((~back & (days < limit)).sum())
    cautions = [f"{count(waiting, 'customer')} did not have {span} yet; they count as open, not as lost."]
    axes = {"x": "days", "y": "share", "x_title": "days since the first time", "y_title": "came back"}
    draw = partial(general.lines, curve, **axes, percent=True, steps=True, mark=limit, mark_label=span)
    finding = f"{came} of customers {again} within {span} of their first time."
    return Result(finding, numbers, curve, draw, cautions * (waiting > 0), events)


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
    window = np.timedelta64(span, "us")
    table = pd.DataFrame(funnel.settled(window))
    left_out = int(table["open"].iloc[0])
    settled = table["customers"].iloc[0] >= max(events.min_cell, 0.2 * left_out)
    table = table if settled else funnel.at(window)
    ends, entered, names = table.iloc[-1], table["customers"].iloc[0], _labels(events, funnel.steps)
    came = table["customers"].shift().where(lambda n: n > 0)
    gone = came - table["customers"]
    low, high = wilson(gone.fillna(0), came.fillna(1), events.confidence_level)
    times = [0.0, *funnel.time_to_convert((0.5,), window=window)["time"] / pd.Timedelta("1D")]
    of = {"step_conversion": "of_step_before", "overall_conversion": "of_first"}
    table = table[["step", "customers", *of]].rename(columns=of).assign(step=names, lost=gone / came)
    table = table.assign(low=low, high=high, median_days=times)
    table.loc[came.isna(), ["low", "high"]] = np.nan
    limit = "" if span == NEVER else f" within {in_words(span)}"
    way, unit = f"get from {names[0]} to {names[-1]}", "share of first step"
    through = _share(ends, "overall_conversion low high", entered, capital(way), unit)
    finding, numbers = f"{through} of customers {way} in order{limit}", {"funnel-conversion": through}
    losses = table.assign(came=came).dropna(subset="came").sort_values("lost", ascending=False, kind="stable")
    if len(losses) > 1:
        worst, unit = losses.iloc[0], "share of those who came"
        most = _share(worst, "lost low high", worst["came"], f"Lost before {worst['step']}", unit)
        numbers["funnel-largest-drop"] = most
        alone = (losses["high"] >= worst["low"]).sum() == 1
        place = f"most fall out before {worst['step']}: {most}" if alone else "no single step stands out"
        finding += f"; {place}"
    caution = f"{count(left_out, 'customer')} came too late to have had {in_words(span)}"
    caution += "; they are left out, not counted as lost." if settled else ": some may still come."
    proposed = "No steps were given: these are what most customers meet, in the order in which they meet it."
    cautions = [caution] * (left_out > 0) + [proposed] * (not steps)
    return Result(f"{finding}.", numbers, table, partial(general.funnel, table), cautions, events)


@question("events")
def reach(events: Table, *, steps: Sequence[str] = ()) -> Result:
    """How many customers meet each step at all? What a log without a reliable order can show.

    Columns of the table: ``step customers share low high``.
    """
    log = _log(events)
    steps, n = list(dict.fromkeys(steps or propose_steps(log))), log["person"].nunique()
    holders = log.groupby("event")["person"].nunique().reindex(steps, fill_value=0).to_numpy()
    low, high = wilson(holders, np.full(len(steps), n), events.confidence_level)
    table = pd.DataFrame({"step": _labels(events, steps), "customers": holders, "share": holders / n})
    table = table.assign(low=low, high=high)
    last, ordered = table.iloc[-1], in_order(log, steps)
    met = _share(last, "share low high", n, f"Met {last['step']}, in whatever order")
    finding = f"{met} of customers met {last['step']}, in any order"
    finding += "." if ordered else "; the steps of this log come in no fixed order."
    cautions = ["An ordered funnel of this log would measure the shuffling, not the customers."]
    draw = partial(general.bars, table, label="step", value="share", x_title="customers", percent=True)
    return Result(finding, {"reached-any-order": met}, table, draw, cautions * (not ordered), events)


@question("events", "segment")
def segments(events: Table, *, steps: Sequence[str] = (), window: object = None) -> Result:
    """Do segments differ in how many get through all the steps? Each against all others together.

    False-discovery rate of 5 % over the segments (Benjamini & Hochberg 1995). Columns of the table: ``segment
    customers through conversion low high difference differs``.
    """
    window = np.timedelta64(_span(window), "us")
    ends = _funnel(events, steps, "segment").at(window).groupby("segment", sort=False)["customers"]
    table = ends.agg(customers="first", through="last").query("customers > 0").reset_index()
    cells = table[["customers", "through"]].assign(lost=table["customers"] - table["through"])
    least = cells.where(cells > 0).min(axis=1)
    least = least.where(least < events.min_cell, table["customers"])
    table, hidden = suppress(table.assign(least=least), count="least", min_cell=events.min_cell)
    if len(table) < 2:
        raise NotEnough("fewer than two segments have enough customers to compare")
    n, x = table["customers"].to_numpy(), table["through"].to_numpy()
    low, high = wilson(x, n, events.confidence_level)
    gap, pooled = x / n - (x.sum() - x) / (n.sum() - n), x.sum() / n.sum()
    spread = np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n + 1 / (n.sum() - n)))
    differs, _ = benjamini_hochberg(2 * norm.sf(np.abs(gap) / spread))
    table = table.drop(columns="least").assign(conversion=x / n, low=low, high=high, difference=gap)
    table = table.assign(segment=table["segment"].map(events.label), differs=differs)
    table = table.sort_values("conversion", ascending=False, ignore_index=True)
    apart = Number(int(differs.sum()), unit="segments", n=len(table), label="Segments unlike the others")
    finding = f"no difference was found: {len(table)} segments get customers through alike, within chance."
    if apart.value:
        best, worst = table.iloc[0], table.iloc[-1]
        first, last = (_share(row, "conversion low high", row["customers"], "") for row in (best, worst))
        finding = f"{best['segment']} gets {first} of customers all the way, {worst['segment']} {last}."
    cautions = [f"{count(hidden, 'segment')} with too few customers not shown."]
    axes = {"label": "segment", "value": "conversion", "x_title": "get all the way", "percent": True}
    draw = partial(general.dots, table, **axes, reference=pooled)
    return Result(finding, {"segments-apart": apart}, table, draw, cautions * (hidden > 0), events)


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
    days, rows, ends = span / DAY, [], ["incidence", "low", "high"]
    for label, own in zip(_labels(events, steps), spells(log, steps, leaving), strict=False):
        if len(own) >= events.min_cell:
            at = [min(days, own["days"].max())]
            curve = cumulative_incidence(own["days"], own["cause"], at, events.confidence_level)
            shares = curve.set_index("cause").reindex([1, 2], fill_value=0.0)[ends]  # gone on, left
            still = max(round(1 - shares["incidence"].sum(), 12), 0.0)
            watched = int((own["watched"] >= days).sum())
            rows.append((label, len(own), *shares.to_numpy(float).ravel(), still, watched))
    if not rows:
        raise NotEnough(f"fewer than {events.min_cell} customers reach any step but the last")
    names = ["step", "customers", "went_on", "low", "high", "left", "left_low", "left_high"]
    table = pd.DataFrame(rows, columns=[*names, "open", "watched"])
    limit, row = in_words(span), table.loc[table["left"].idxmax() if leaving else table["went_on"].idxmin()]
    step, n = row["step"], row["customers"]
    numbers = {"went-on": _share(row, "went_on low high", n, f"Went on after {step}")}
    finding = f"{numbers['went-on']} of customers go on within {limit} of {step}"
    if leaving:
        left = numbers["left"] = _share(row, "left left_low left_high", n, f"Left after {step}")
        finding += f", {left} leave; the rest are still open."
    else:
        finding += "; the log names no leaving, so the others are open, not lost."
    short = table.loc[table.pop("watched") < 10, "step"]
    caution = f"Fewer than 10 customers were watched for {limit} after {listed(short)}."
    parts = {"went_on": "go on", "left": "leave", "open": "still open"}
    axes = {"label": "step", "value": list(parts.values()), "x_title": f"{limit} after the step"}
    draw = partial(general.bars, table.rename(columns=parts), **axes, percent=True, stacked=True)
    return Result(finding, numbers, table, draw, [caution] * (len(short) > 0), events)
