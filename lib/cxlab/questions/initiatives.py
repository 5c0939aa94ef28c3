"""Initiatives: for customers or not, where it hurts or not, on time or late, paid for or not; the scorecard.

A register has one row an initiative; the table ``pain`` beside it counts complaints or contacts by area.
"""

import re

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.portfolio import LEVELS, choose, safe_choices, select_portfolio  # noqa: F401
from cxlab.questions.result import Number, Result, question, shares
from cxlab.questions.words import count, number
from cxlab.stats.agreement import krippendorff_alpha
from cxlab.stats.intervals import newcombe, normal_quantile, rule_of_three, wilson

DRAWS = 2_000
FEW = 10  # below this many a share says less than a list
STATUSES = ("on schedule", "at risk", "late")
SHARES = {"label": "group", "reference": None, "percent": True}


@question("initiatives", "customer_focused", needs="a register that says which initiatives are for customers")
def metric(initiatives: Table) -> Result:
    """How many initiatives are customer-focused, at which level, and do two readers agree?

    With a second reading (``customer_focused_2``) only what both call customer-focused counts; agreement is
    Krippendorff's alpha. A level is named only when the levels differ beyond chance (chi-square). Columns of
    the table: group (all, levels, then the customer-focused with a team and with a link to pay), count, n,
    estimate, low, high.
    """
    from scipy.stats import chi2_contingency

    both, coded = focused(initiatives.frame)
    n, level = int(coded.sum()), initiatives.confidence_level
    if n < FEW:
        raise NotEnough(f"{count(n, 'initiative')} coded as customer-focused or not; {FEW} are needed")
    frame, hits = initiatives.frame[coded], both[coded]
    groups = {"all initiatives": hits} | {f"level {name}": hits[frame["level"] == name] for name in LEVELS}
    for name, words in (("team", "a responsible team"), ("compensation_linked", "a link to pay")):
        if name in frame:
            groups[f"of these with {words}"] = yes(frame.loc[hits, name])
    table = shares(groups, level)
    share = Number.share(hits.sum(), n, "share of initiatives", "customer-focused initiatives", level)
    number_of = Number(int(hits.sum()), unit="initiatives", n=n, label="customer-focused, as a count")
    numbers = {"customer-focused-share": share, "customer-focused-count": number_of}
    said, cautions = f"{share} of the initiatives are customer-focused", ["This is one person's reading."]
    levels = table[table.group.str.startswith("level ")]
    cells = np.array([levels["count"], levels.n - levels["count"]])
    if (
        len(levels) > 1
        and cells.any(axis=1).all()
        and chi2_contingency(cells, correction=False).pvalue < 0.05
    ):
        said += f", most at {levels.loc[levels.estimate.idxmax(), 'group']}"
    readings = frame.filter(["customer_focused", "customer_focused_2"]).dropna(axis=1, how="all")
    if readings.shape[1] == 2:
        settings = {"bootstrap": initiatives.bootstrap, "confidence_level": level, "rng": initiatives.seed}
        alpha = krippendorff_alpha(readings.astype(float).T, **settings)
        numbers["customer-focused-alpha"] = Number(*alpha[:3], "alpha", n, "agreement of the two readers")
        said += f"; two readers agree {'well' if alpha.estimate >= 0.8 else 'only partly'} on which"
        cautions = []
    return Result(
        f"{said}.", numbers, table, lambda: general.dots(table, x_title="share", **SHARES), cautions,
        initiatives,
    )  # fmt: skip


def coverage(
    initiatives: pd.DataFrame, *, pain: pd.DataFrame, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Set each area's share of the pain beside its share of the initiatives (both by ``area``).

    ``pain`` counts ``complaints`` (else ``contacts``), one row an area. Columns, most pain first: ``area pain
    pain_share pain_low pain_high initiatives initiative_share initiative_low initiative_high difference
    difference_low difference_high upper chance_of_none alarm``. The difference is the share of initiatives
    minus that of pain (Newcombe). ``upper`` bounds the share of an area without initiative (rule of three,
    one-sided; Hanley & Lippman-Hand 1983), ``chance_of_none`` is the chance of that if work went by pain,
    ``alarm`` is set where that is below 5 %.

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
    areas = [*hurt.index, *(area for area in work.index if area not in hurt.index)]
    pained, done = (part.reindex(areas, fill_value=0).to_numpy(float) for part in (hurt, work))
    n, total = done.sum(), pained.sum()
    if not n:
        raise NotEnough("no initiative says which area it works on")
    table = pd.DataFrame({"area": areas, "pain": pained.astype(int), "pain_share": pained / total})
    table["pain_low"], table["pain_high"] = wilson(pained, total, confidence_level)
    table["initiatives"], table["initiative_share"] = done.astype(int), done / n
    table["initiative_low"], table["initiative_high"] = wilson(done, n, confidence_level)
    gaps = newcombe(done, n, pained, total, confidence_level)
    table["difference"], table["difference_low"], table["difference_high"] = gaps
    table["upper"] = np.where(done == 0, rule_of_three(int(n), confidence_level), np.nan)
    table["chance_of_none"] = (1 - pained / total) ** n
    table["alarm"] = (done == 0) & (table.chance_of_none < 0.05)
    return table.sort_values(["pain", "area"], ascending=[False, True], ignore_index=True)


@question("initiatives", "area", needs="a register with areas, and complaints or contacts by area beside it")
def pain(initiatives: Table) -> Result:
    """Do we work where it hurts? Shares of initiatives beside shares of complaints, and chance.

    An area is named only when the whole mismatch (Jensen-Shannon divergence; Lin 1991) exceeds what 95 % of
    random mixtures of the two tables reach; the limits of the lowest difference allow for its having been
    picked (Bonferroni). Columns of the table: those of :func:`coverage`.
    """
    hurt, level = initiatives.related.get("pain"), initiatives.confidence_level
    if hurt is None:
        raise NotEnough("there is no table of complaints or contacts by area beside the initiatives")
    table = coverage(initiatives.frame, pain=hurt, confidence_level=level)
    picked = coverage(initiatives.frame, pain=hurt, confidence_level=1 - (1 - level) / len(table))
    worst = picked.loc[picked.difference.idxmin()]
    excess, beyond = _divergence(table, initiatives)
    label = f"{worst.area}: share of initiatives minus share of complaints"
    ends = worst[["difference", "difference_low", "difference_high"]].astype(float)
    gap = Number(*ends, "share of initiatives", int(table.initiatives.sum()), label)
    none = Number(int(table.alarm.sum()), unit="areas", n=len(table), label="areas that hurt and have none")
    numbers = {"effort-minus-pain-lowest": gap, "areas-without-initiative": none, "divergence-excess": excess}
    numbers |= _outcome_slope(table, hurt, initiatives)
    said = "no mismatch between work and complaints was found beyond chance."
    if beyond and gap.high < 0:
        draws = Number(*table.loc[table.area == worst.area, ["pain_share", "pain_low", "pain_high"]].iloc[0],
                       "share")  # fmt: skip
        got = (
            f"{number(worst.initiative_share, 'share')} of initiatives"
            if worst.initiatives
            else "no initiative"
        )
        said = f"{worst.area} draws {draws} of the complaints and gets {got}."
    elif beyond:
        said = "work is spread unlike complaints, but no single area stands out."
    drawn = pd.concat([
        table[["area", f"{part}_share", f"{part}_low", f"{part}_high"]]
        .set_axis(["area", "estimate", "low", "high"], axis=1).assign(of=word)
        for word, part in (("complaints", "pain"), ("initiatives", "initiative"))
    ])  # fmt: skip
    return Result(
        said, numbers, table,
        lambda: general.dots(drawn, group="of", x_title="share", **SHARES | {"label": "area"}),
        ["An area without complaints may be one where customers have given up."], initiatives,
    )  # fmt: skip


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
    warned, calm = ~told.on_time[told.warned], ~told.on_time[~told.warned]
    groups = {"all that were due": past.on_time}
    groups |= {f"level {name}": past.on_time[past["level"] == name] for name in LEVELS}
    groups |= {"never called at risk": ~calm, "called at risk before": ~warned}
    unit = "share of initiatives"
    share = Number.share(past.on_time.sum(), len(past), unit, "delivered on time", level)
    numbers, said = {"on-time-share": share}, f"{share} of {len(past)} promised initiatives came on time"
    if len(warned) and len(calm):
        counts = warned.sum(), len(warned), calm.sum(), len(calm)
        gap = Number.difference(*counts, unit, "late: called at risk minus never called so", level)
        numbers["at-risk-late-difference"] = gap
        seen = gap.direction("a warning foretells punctuality", "a warning foretells delay")
        said += f"; {seen or 'no link between warning and delay was found'}"
    if late := int(warned.sum() + calm.sum()):
        label = "late ones that had been called at risk"
        caught = Number.share(warned.sum(), late, "share of late initiatives", label, level)
        numbers["late-ones-announced"] = caught
    table = shares(groups, level)
    return Result(
        f"{said}.", numbers, table, lambda: general.dots(table, x_title="came on time", **SHARES),
        ["What was never promised for a day is not counted."], initiatives,
    )  # fmt: skip


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
    past = _past_due(initiatives.frame)
    past = past[past.reported]
    paid, fine = yes(past["compensation_linked"]), ~past.warned
    scale = float(past.on_time.std(ddof=0)) if len(past) else 0.0
    if min(paid.sum(), (~paid).sum()) < 5 or not scale:
        raise NotEnough("five initiatives past due with a link to pay and five without are needed, some late")
    excess = fine.astype(float) - past.on_time
    a, b = excess[paid], excess[~paid]
    half = normal_quantile(initiatives.confidence_level) * np.sqrt(a.var() / len(a) + b.var() / len(b))
    ends = a.mean() - b.mean() + np.array([0, -half, half])
    label = "report above outcome: with a link to pay minus without"
    wider = Number(*ends.tolist(), "share of initiatives", len(past), label)
    sized = Number(*(ends / scale).tolist(), "outcome SD", len(past), f"{label}, in SD")
    groups, measures = (
        {"pay linked": paid, "no link": ~paid},
        {"never at risk": fine, "on time": past.on_time},
    )
    parts = {f"{g}: {m}": part[mask] for g, mask in groups.items() for m, part in measures.items()}
    table = shares(parts, initiatives.confidence_level)
    said = "no difference was found between reports of initiatives with and without a link to pay"
    if word := wider.direction("gloomier", "rosier"):
        said = f"where pay is linked, reports are {word} than outcomes by {wider.points()} more"
    return Result(
        f"{said}.", {"pay-link-gap": wider, "paid-metric-minus-outcome": sized}, table,
        lambda: general.dots(table, x_title="share of initiatives past due", **SHARES),
        ["Pay was not assigned by lot: a gap is a reason to look, not a proof."], initiatives,
    )  # fmt: skip


@question("initiatives", "status_history", needs="a register with status reports")
def scorecard(initiatives: Table, *, period: str = "quarter") -> Result:
    """What goes to the executives: one page, each number with its change since the last month or quarter.

    Columns of the table: measure, now, before, change, low, high (of a share now, Wilson), n; shares of fewer
    than ten open initiatives are left out.
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
    change = Number(sizes[0] - sizes[1], unit="initiatives", label=f"change since the last {period}")
    numbers = {
        "open-initiatives": Number(sizes[0], unit="initiatives", label="open now"),
        "open-change": change,
    }
    if min(sizes) < FEW:
        said = f"{sizes[0]} initiatives are open, {sizes[1]} were a {period} before."
        return Result(said, numbers, table.assign(change=table.now - table.before), data=initiatives)
    parts = {status: [state == status for state in states] for status in STATUSES}
    if "customer_focused" in frame:
        parts = {"customer-focused": [mask & focused(frame)[0] for mask in open_]} | parts
    rows = [(name, *(part.sum() for part in two)) for name, two in parts.items()]
    drawn = pd.DataFrame(rows, columns=columns)
    low, high = wilson(drawn.now, sizes[0], initiatives.confidence_level)
    drawn = drawn.assign(now=drawn.now / sizes[0], before=drawn.before / sizes[1], low=low, high=high)
    drawn["n"] = sizes[0]
    table = pd.concat([table, drawn.assign(measure=drawn.measure + ", share of open")], ignore_index=True)
    table.insert(3, "change", table.now - table.before)
    late = drawn.iloc[-1]
    share = Number(late.now, late.low, late.high, "share of open initiatives", sizes[0], "late ones")
    before = drawn.assign(now=drawn.before, low=np.nan, high=np.nan, when=f"a {period} before")
    both = pd.concat([drawn.assign(when="now"), before], ignore_index=True)
    names = {"label": "measure", "value": "now", "group": "when", "x_title": "share of open initiatives"}
    return Result(
        f"{share} of {sizes[0]} open initiatives are late, {number(late.before, 'share')} a {period} before.",
        numbers | {"open-late-share": share}, table, lambda: general.dots(both, **SHARES | names),
        ["Closed initiatives leave the count, so late ones can vanish by being closed."], initiatives,
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


def _divergence(table: pd.DataFrame, initiatives: Table) -> tuple[Number, bool]:
    """Return the Jensen-Shannon divergence minus its chance level (nats), and whether it is beyond chance.

    Chance splits the pooled counts at random into two tables of the same sizes; the measure is biased
    upwards, so that it means nothing without that. The limits cover 95 % of what chance could have
    subtracted.
    """
    work, hurt = table.initiatives.to_numpy(), table.pain.to_numpy()
    drawn = initiatives.rng.multivariate_hypergeometric(
        work + hurt, int(work.sum()), size=DRAWS, method="marginals"
    )
    value, chance = _js(work, hurt), _js(drawn, work + hurt - drawn)
    tail = (1 - initiatives.confidence_level) / 2
    low, high = value - np.quantile(chance, [1 - tail, tail])
    label = "divergence of work from complaints beyond chance"
    excess = Number(float(value - chance.mean()), float(low), float(high), "nats", int(work.sum()), label)
    return excess, bool((1 + (chance >= value - 1e-12).sum()) / (DRAWS + 1) < 0.05)


def _js(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.special import rel_entr

    p, q = a / a.sum(-1, keepdims=True), b / b.sum(-1, keepdims=True)
    return (rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2)).sum(-1) / 2


def _outcome_slope(table: pd.DataFrame, hurt: pd.DataFrame, initiatives: Table) -> dict[str, Number]:
    """Return the correlation over areas of the number of initiatives with satisfaction (Fisher's limits)."""
    if not {"responses", "satisfied"} <= set(hurt):
        return {}
    known = hurt[hurt["responses"].gt(0) & hurt["satisfied"].notna()]
    x = table.set_index("area").initiatives.reindex(known["area"]).to_numpy(float)
    y = (known["satisfied"] / known["responses"]).to_numpy(float)
    if len(known) < 4 or not np.ptp(x) or not np.ptp(y):
        return {}
    r = float(np.corrcoef(x, y)[0, 1])
    half = normal_quantile(initiatives.confidence_level) / np.sqrt(len(x) - 3)
    low, high = np.tanh(np.arctanh(np.clip(r, -0.999999, 0.999999)) + np.array([-half, half]))
    label = "satisfaction by area on the number of initiatives"
    return {"count-outcome-slope": Number(r, float(low), float(high), "standardised slope", len(x), label)}


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
