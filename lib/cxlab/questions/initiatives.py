"""Initiatives: for customers or not, where it hurts or not, on time or late, paid for or not; the scorecard.

A register has one row an initiative; the table ``pain`` beside it counts complaints or contacts by area.
"""

import re
from functools import partial

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, pearsonr

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.portfolio import LEVELS, choose, safe_choices, select_portfolio  # noqa: F401
from cxlab.questions.result import SHARES, Number, Result, count, number, question, shares
from cxlab.stats.agreement import krippendorff_alpha
from cxlab.stats.intervals import newcombe, normal_quantile, percentile_interval, rule_of_three, wilson

DRAWS = 2_000
FEW = 10  # below this many a share says less than a list
STATUSES = ("on schedule", "at risk", "late")


@question("initiatives", "customer_focused", needs="a register that says which initiatives are for customers")
def metric(initiatives: Table) -> Result:
    """How many initiatives are customer-focused, at which level, and do two readers agree?

    With a second reading (``customer_focused_2``) only what both call customer-focused counts; agreement is
    Krippendorff's alpha. A level is named only when the levels differ beyond chance (chi-square). Columns of
    the table: group (all, then the levels), count, n, estimate, low, high.
    """
    both, readings = focused(initiatives.frame)
    hits, frame, n = both[readings.index], initiatives.frame.loc[readings.index], len(readings)
    if n < FEW:
        raise NotEnough(f"{count(n, 'initiative')} coded as customer-focused or not; {FEW} are needed")
    groups = {"all initiatives": hits} | {f"level {name}": hits[frame["level"] == name] for name in LEVELS}
    table, level = shares(groups, initiatives.confidence_level), initiatives.confidence_level
    share = Number.share(hits.sum(), n, "share of initiatives", "customer-focused initiatives", level)
    number_of = Number(int(hits.sum()), unit="initiatives", n=n, label="customer-focused, as a count")
    numbers = {"customer-focused-share": share, "customer-focused-count": number_of}
    said, cautions = f"{share} of the initiatives are customer-focused", ["This is one person's reading."]
    levels = table.iloc[1:]
    cells = np.array([levels["count"], levels.n - levels["count"]])
    if len(levels) > 1 and cells.any(axis=1).all() and chi2_contingency(cells, correction=False)[1] < 0.05:
        said += f", most at {levels.loc[levels.estimate.idxmax(), 'group']}"
    if readings.shape[1] == 2:
        settings = {"bootstrap": initiatives.bootstrap, "confidence_level": level, "rng": initiatives.seed}
        alpha = krippendorff_alpha(readings.astype(float).T, **settings)
        numbers["customer-focused-alpha"] = Number(*alpha[:3], "alpha", n, "agreement of the two readers")
        said += f"; two readers agree {'well' if alpha.estimate >= 0.8 else 'only partly'} on which"
        cautions = []
    draw = partial(general.dots, table, x_title="share", **SHARES)
    return Result(f"{said}.", numbers, table, draw, cautions, initiatives)


def coverage(
    initiatives: pd.DataFrame, *, pain: pd.DataFrame, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Set each area's share of the pain beside its share of the initiatives (both by ``area``).

    ``pain`` counts ``complaints`` (else ``contacts``), one row an area. Columns, most pain first: ``area pain
    pain_share pain_low pain_high initiatives initiative_share initiative_low initiative_high difference
    difference_low difference_high upper alarm``. The difference is the share of initiatives minus that of
    pain (Newcombe). ``upper`` bounds the share of an area without initiative (rule of three, one-sided;
    Hanley & Lippman-Hand 1983); ``alarm`` says that if work went by pain the chance of none is below 5 %.

    >>> work = pd.DataFrame({"area": ["product"] * 100})
    >>> hurt = pd.DataFrame({"area": ["product", "service"], "complaints": [300, 100]})
    >>> table = coverage(work, pain=hurt).set_index("area")
    >>> round(float(table.loc["service", "upper"]), 4), bool(table.loc["service", "alarm"])
    (0.0295, True)
    """
    column = next((name for name in ("complaints", "contacts") if name in pain), None)
    if column is None or "area" not in pain or "area" not in initiatives:
        raise InputError("initiatives need a column area, pain the columns area and complaints (or contacts)")
    hurt = pain.set_index("area")[column].fillna(0).astype(float)
    if hurt.index.duplicated().any() or (hurt < 0).any() or hurt.sum() <= 0:
        raise InputError(f"pain: each area once, with {column} of at least 0 that do not all vanish")
    work = initiatives["area"].dropna()[lambda area: ~area.isin(["", "not stated"])].value_counts()
    if work.empty:
        raise NotEnough("no initiative says which area it works on")
    table = pd.concat([hurt.rename("pain"), work.rename("initiatives")], axis=1).fillna(0).astype(int)
    pained, done = table["pain"], table["initiatives"]
    n, total = int(done.sum()), int(pained.sum())
    for name, part in (("pain", pained), ("initiative", done)):
        table[f"{name}_share"] = part / part.sum()
        table[f"{name}_low"], table[f"{name}_high"] = wilson(part, part.sum(), confidence_level)
    gaps = newcombe(done, n, pained, total, confidence_level)
    table["difference"], table["difference_low"], table["difference_high"] = gaps
    table["upper"] = np.where(done == 0, rule_of_three(n, confidence_level), np.nan)
    table["alarm"] = (done == 0) & ((1 - pained / total) ** n < 0.05)
    table = table.rename_axis("area").reset_index()
    return table.sort_values(["pain", "area"], ascending=[False, True], ignore_index=True)


@question("initiatives", "area", needs="a register with areas, and complaints or contacts by area beside it")
def pain(initiatives: Table) -> Result:
    """Do we work where it hurts? Shares of initiatives beside shares of complaints, and chance.

    An area is named only when the whole mismatch (Jensen-Shannon divergence; Lin 1991) exceeds what 95 % of
    random mixtures of the two tables reach: it is biased upwards, and means nothing without its chance level.
    The limits of the lowest difference allow for its having been picked (Bonferroni). Columns of the table:
    those of :func:`coverage`.
    """
    hurt, level = initiatives.related.get("pain"), initiatives.confidence_level
    if hurt is None:
        raise NotEnough("there is no table of complaints or contacts by area beside the initiatives")
    table = coverage(initiatives.frame, pain=hurt, confidence_level=level)
    picked = coverage(initiatives.frame, pain=hurt, confidence_level=1 - (1 - level) / len(table))
    worst = picked.loc[picked.difference.idxmin()]
    work, felt = table.initiatives.to_numpy(), table.pain.to_numpy()
    both, n = work + felt, int(work.sum())  # chance splits them at random into two tables of the same sizes
    drawn = initiatives.rng.multivariate_hypergeometric(both, n, size=DRAWS, method="marginals")
    value, chance = jensenshannon(work, felt) ** 2, jensenshannon(drawn, both - drawn, axis=1) ** 2
    beyond = (1 + (chance >= value - 1e-12).sum()) / (DRAWS + 1) < 0.05
    ends, label = (
        percentile_interval(value - chance, level),
        "divergence of work from complaints beyond chance",
    )
    excess = Number(value - chance.mean(), *ends, "nats", n, label)
    ends = worst[["difference", "difference_low", "difference_high"]]
    label = f"{worst.area}: share of initiatives minus share of complaints"
    gap = Number(*ends, "share of initiatives", n, label)
    none = Number(int(table.alarm.sum()), unit="areas", n=len(table), label="areas that hurt and have none")
    numbers = {"effort-minus-pain-lowest": gap, "areas-without-initiative": none, "divergence-excess": excess}
    if {"responses", "satisfied"} <= set(hurt):
        known = hurt[hurt["responses"].gt(0) & hurt["satisfied"].notna()]
        x, y = table.set_index("area").initiatives[known["area"]], known["satisfied"] / known["responses"]
        if len(known) >= 4 and min(x.nunique(), y.nunique()) >= 2:
            slope, label = pearsonr(x, y), "satisfaction by area on the number of initiatives"
            ends = slope.statistic, *slope.confidence_interval(level)  # Fisher's
            numbers["count-outcome-slope"] = Number(*ends, "standardised slope", len(x), label)
    said = "no mismatch between work and complaints was found beyond chance."
    if beyond:
        said = "work is spread unlike complaints, but no single area stands out."
    if beyond and gap.high < 0:
        of_pain = table.loc[table.area == worst.area, ["pain_share", "pain_low", "pain_high"]].iloc[0]
        got = f"{number(worst.initiative_share, 'share')} of initiatives"
        said = f"{worst.area} draws {Number(*of_pain, 'share')} of the complaints and gets "
        said += f"{got if worst.initiatives else 'no initiative'}."
    shown = table[["area"]].assign(complaints=table.pain_share, initiatives=table.initiative_share)
    caution = "An area without complaints may be one where customers have given up."
    axes = {"label": "area", "value": ["complaints", "initiatives"], "x_title": "share", "percent": True}
    draw = partial(general.bars, shown, **axes)
    return Result(said, numbers, table, draw, [caution], initiatives)


@question("initiatives", "due", "done", needs="a register with the days of promise and of finish")
def delivery(initiatives: Table) -> Result:
    """Do we deliver what we promised, and does 'at risk' foretell late?

    Counted are initiatives whose due month lies before the last month of the register; on time are those done
    in their due month or before. Called at risk means at least once before the due month. Columns of the
    table: group, count, n, estimate (on time), low, high.
    """
    past, level = _past_due(initiatives.frame), initiatives.confidence_level
    if len(past) < FEW:
        raise NotEnough(f"{count(len(past), 'initiative')} past the due date; {FEW} are needed")
    told = past[past.reported]
    warned, calm = told[told.warned].on_time, told[~told.warned].on_time
    groups = {"all that were due": past.on_time}
    groups |= {f"level {name}": past.on_time[past["level"] == name] for name in LEVELS}
    groups |= {"never called at risk": calm, "called at risk before": warned}
    unit = "share of initiatives"
    share = Number.share(past.on_time.sum(), len(past), unit, "delivered on time", level)
    numbers, said = {"on-time-share": share}, f"{share} of {len(past)} promised initiatives came on time"
    if len(warned) and len(calm):
        gap = Number.difference(~warned, ~calm, unit, "late: called at risk minus never called so", level)
        numbers["at-risk-late-difference"] = gap
        seen = gap.direction("a warning foretells punctuality", "a warning foretells delay")
        said += f"; {seen or 'no link between warning and delay was found'}"
    if late := int((~told.on_time).sum()):
        label = "late ones that had been called at risk"
        caught = Number.share((~warned).sum(), late, "share of late initiatives", label, level)
        numbers["late-ones-announced"] = caught
    table = shares(groups, level)
    draw = partial(general.dots, table, x_title="came on time", **SHARES)
    caution = "What was never promised for a day is not counted."
    return Result(f"{said}.", numbers, table, draw, [caution], initiatives)


@question(
    "initiatives", "due", "done", "status_history", "compensation_linked",
    needs="a register with dates, status reports and links to pay",
)  # fmt: skip
def pay_link(initiatives: Table) -> Result:
    """What does a link to pay do to the metric? Reports and outcomes with and without it (Campbell 1979).

    Among initiatives whose due month has passed: the share that was never called at risk (the report) and the
    share on time (the outcome). The gap is how much further the two part where pay is linked, normal limits
    with unequal variances; for rules also in standard deviations of being on time. Columns of the table:
    group, count, n, estimate, low, high.
    """
    past, level = _past_due(initiatives.frame), initiatives.confidence_level
    past = past[past.reported]
    paid, fine, on_time = yes(past["compensation_linked"]), ~past.warned, past.on_time
    if min(paid.sum(), (~paid).sum()) < 5 or on_time.nunique() < 2:
        raise NotEnough("five initiatives past due with a link to pay and five without are needed, some late")
    excess = fine.astype(float) - on_time
    a, b = excess[paid], excess[~paid]
    half = normal_quantile(level) * np.sqrt(a.var() / len(a) + b.var() / len(b))
    ends = a.mean() - b.mean() + np.array([0, -half, half])
    label = "report above outcome: with a link to pay minus without"
    wider = Number(*ends, "share of initiatives", len(past), label)
    sized = Number(*ends / on_time.std(ddof=0), "outcome SD", len(past), f"{label}, in SD")
    parts = {}
    for group, mask in (("pay linked", paid), ("no link", ~paid)):
        parts |= {f"{group}: never at risk": fine[mask], f"{group}: on time": on_time[mask]}
    table = shares(parts, level)
    said = "no difference was found between reports of initiatives with and without a link to pay"
    if word := wider.direction("gloomier", "rosier"):
        said = f"where pay is linked, reports are {word} than outcomes by {wider.points()} more"
    numbers = {"pay-link-gap": wider, "paid-metric-minus-outcome": sized}
    caution = "Pay was not assigned by lot: a gap is a reason to look, not a proof."
    draw = partial(general.dots, table, x_title="share of initiatives past due", **SHARES)
    return Result(f"{said}.", numbers, table, draw, [caution], initiatives)


@question("initiatives", "status_history", needs="a register with status reports")
def scorecard(initiatives: Table, *, period: str = "quarter") -> Result:
    """What goes to the executives: the open initiatives now, and a month or quarter before.

    Columns of the table: group (all open ones, by level, for customers, by status), before, change, then
    count (now), n (open now), estimate (count of n), low, high.
    """
    if period not in ("month", "quarter"):
        raise InputError(f"period={period!r} must be 'month' or 'quarter'")
    frame, history = initiatives.frame, status_table(initiatives.frame)
    if history.empty:
        raise NotEnough("no initiative has reported a status yet")
    now = history.month.max()
    months = (now, now - (1 if period == "month" else 3))
    after, before = (_groups_of_open(frame, history, month) for month in months)
    n, earlier = (len(groups["open initiatives"]) for groups in (after, before))
    if min(n, earlier) < FEW:
        said = f"{n} initiatives are open, {earlier} were a {period} before."
        return Result(said, {}, pd.DataFrame({"now": [n], "before": [earlier]}), data=initiatives)
    table, old = (shares(groups, initiatives.confidence_level) for groups in (after, before))
    table.insert(1, "before", old["count"])
    table.insert(2, "change", table["count"] - table["before"])
    late, past = table.iloc[-1], old.iloc[-1]
    share = Number(*late[["estimate", "low", "high"]], "share of open initiatives", n, "late ones")
    old = old.assign(when=f"a {period} before", low=np.nan, high=np.nan)
    both = pd.concat([table.assign(when="now"), old]).query("group != 'open initiatives'")
    said = f"{share} of {n} open initiatives are late, {number(past.estimate, 'share')} a {period} before."
    caution = "Closed initiatives leave the count, so late ones can vanish by being closed."
    draw = partial(general.dots, both, group="when", x_title="share of open initiatives", **SHARES)
    return Result(said, {"open-late-share": share}, table, draw, [caution], initiatives)


def status_table(initiatives: pd.DataFrame) -> pd.DataFrame:
    """Unfold ``status_history`` (``2026-01-31 on schedule; 2026-02-28 late``) into ``id month status``.

    One row an initiative and month (its last report), in the order of time; other entries are an InputError.
    """
    entries = initiatives.get("status_history", pd.Series(dtype="str")).dropna().astype(str)
    entries = entries.str.split(";").explode().str.strip()[lambda entry: entry != ""]
    names = initiatives["id"].loc[entries.index].to_numpy()
    pattern = r"^(\d{4}-\d{2}-\d{2})\s+(on schedule|at risk|late|done)$"
    parts = entries.reset_index(drop=True).str.extract(pattern, flags=re.IGNORECASE)
    month = pd.to_datetime(parts[0], errors="coerce", format="%Y-%m-%d").dt.to_period("M")
    if month.isna().any():
        at = int(month.isna().to_numpy().argmax())
        where = f"initiatives: status_history of {names[at]!r} holds {entries.iloc[at]!r}"
        kinds = f"{', '.join(STATUSES)} or done"
        raise InputError(f"{where}; write a date as 2026-01-31 and one of {kinds}, parted by semicolons")
    table = pd.DataFrame({"id": names, "day": parts[0], "month": month, "status": parts[1].str.lower()})
    table = table.sort_values("day", kind="stable").drop_duplicates(["id", "month"], keep="last")
    return table.drop(columns="day").reset_index(drop=True)


def focused(frame: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Return what is customer-focused (for both readers, where there are two), and complete readings."""
    readings = frame.filter(["customer_focused", "customer_focused_2"]).dropna(axis=1, how="all")
    coded = readings.notna().all(axis=1) & bool(readings.shape[1])
    return readings.apply(yes).all(axis=1) & coded, readings[coded]


def yes(values: pd.Series) -> pd.Series:
    """Return which values are yes: true, not 0, not an empty text, not missing."""
    return values.map(lambda value: bool(value.strip() if isinstance(value, str) else value)) & values.notna()


def _groups_of_open(frame: pd.DataFrame, history: pd.DataFrame, month: pd.Period) -> dict[str, pd.Series]:
    """Return what the initiatives that are open in a month belong to, by their last report until then."""
    status = frame["id"].map(history[history.month <= month].groupby("id").status.last())
    frame, status = frame[status.isin(STATUSES)], status[status.isin(STATUSES)]
    groups = {"open initiatives": status.notna()}
    groups |= {f"level {name}": frame["level"] == name for name in LEVELS}
    if "customer_focused" in frame:
        groups["customer-focused"] = focused(frame)[0]
    return groups | {name: status == name for name in STATUSES}


def _past_due(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the initiatives whose due month has passed, with ``on_time reported warned``."""
    due, done = (pd.to_datetime(frame[name]).dt.to_period("M") for name in ("due", "done"))
    told = status_table(frame)
    last = told.month.max() if len(told) else done.max()
    told = told[told.month < told["id"].map(due.set_axis(frame["id"]))]
    table = frame.assign(
        on_time=done.notna() & (done <= due),
        reported=frame["id"].isin(told["id"]),
        warned=frame["id"].isin(told.loc[told.status == "at risk", "id"]),
    )
    return table[due < last]
