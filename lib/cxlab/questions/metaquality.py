"""Does quality hold through all stages, who answers for each, and do words match deeds (``cx.yields``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.survey import Survey
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, count, listed, number, with_interval
from cxlab.stats.intervals import generator, normal_quantile, percentile_interval, wilson
from cxlab.stats.resampling import Covariances, correlations, intervals, slopes

_BEARING = ("accountable", "responsible")


class RolledYield(NamedTuple):
    """How many customers get through every stage without a fault.

    Attributes
    ----------
    rolled : float
        Product of the stage yields: right only when faults of different stages have nothing to do with each other.
    rolled_low, rolled_high : float
    joint : float
        Observed share of customers without any fault.
    joint_low, joint_high : float
        Wilson's interval.
    dependence : float
        ``joint / rolled``: above 1 when the same customers meet the faults.
    dependence_low, dependence_high : float
        Bootstrap of customers.
    worst, worst_yield : str, float
        The stage with the lowest yield.
    clean_minus_worst, clean_minus_worst_low, clean_minus_worst_high : float
        Joint clean rate less the lowest stage yield: what the worst stage alone hides. The interval allows for not
        knowing which stage is the worst (Bonferroni on one side).
    n : int
        Customers seen at every stage.
    """

    rolled: float
    rolled_low: float
    rolled_high: float
    joint: float
    joint_low: float
    joint_high: float
    dependence: float
    dependence_low: float
    dependence_high: float
    worst: str
    worst_yield: float
    clean_minus_worst: float
    clean_minus_worst_low: float
    clean_minus_worst_high: float
    n: int


def rolled_throughput_yield(
    data: pd.DataFrame,
    *,
    stages: Sequence[str] | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> RolledYield:
    """Return the rolled throughput yield beside the share of customers who really met no fault.

    Parameters
    ----------
    data : DataFrame
        ``customer stage passed``; customers who were not seen at every stage are left out.
    stages : names in order, optional
        Default: the order in which they first appear.
    bootstrap : int
        Resamples of customers.

    Notes
    -----
    The product of yields (Breyfogle 1999) assumes independent stages. With dependent faults it is too low: the truth
    is the joint clean rate. Resampling counts of the distinct patterns keeps the cost independent of the customers.
    """
    table = wide(data, stages).dropna()
    n = len(table)
    if n == 0:
        raise NotEnough("no customer was seen at every stage")
    patterns, counts = np.unique(table.to_numpy(dtype=bool), axis=0, return_counts=True)
    clean = patterns.all(axis=1)

    def figures(weights):
        rolled, joint = (weights @ patterns / n).prod(axis=-1), weights @ clean / n
        with np.errstate(invalid="ignore", divide="ignore"):
            return rolled, joint, joint / rolled

    rolled, joint, dependence = figures(counts)
    draws = figures(generator(rng).multinomial(n, counts / n, size=max(bootstrap, 2)))
    rolled_limits, _, dependence_limits = (percentile_interval(values, confidence_level) for values in draws)
    shares = counts @ patterns / n
    worst = int(np.argmin(shares))
    # Passed here but not everywhere: the least of these shares is what the worst stage hides.
    hidden = counts @ (patterns & ~clean[:, None])
    low, _ = wilson(hidden, n, confidence_level)
    _, high = wilson(hidden, n, 1 - (1 - confidence_level) / hidden.size)
    joint_limits = wilson(int(counts[clean].sum()), n, confidence_level)
    values = (
        (rolled, *rolled_limits, joint, *joint_limits, dependence, *dependence_limits),
        (shares[worst], joint - shares[worst], -high.min(), -low.min()),
    )
    first, last = ([float(value) for value in part] for part in values)
    return RolledYield(*first, str(table.columns[worst]), *last, n)


def wide(data: pd.DataFrame, stages: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row a customer and one column a stage: 1.0 passed, 0.0 a fault, NaN not seen; twice met counts both."""
    who = "customer" if "customer" in data else "respondent"
    missing = [name for name in (who, "stage", "passed") if name not in data]
    if missing:
        raise InputError(f"the table has no column {missing[0]!r}; it needs customer, stage and passed")
    data = data.dropna(subset=[who, "stage", "passed"])
    if data.empty:
        raise NotEnough("no row says whether a customer passed a stage")
    order = list(dict.fromkeys(data["stage"])) if stages is None else list(stages)
    passed = data["passed"].astype(bool).astype(float)
    return (
        passed.groupby([data[who], data["stage"]], observed=True)
        .min()
        .unstack("stage")
        .reindex(columns=order)
    )


class ProcessYield(NamedTuple):
    """Yields of a process: ``yield_`` at the end, right first time, the product over the stages, defects a million."""

    yield_: float
    first_time_yield: float
    rolled_throughput_yield: float
    dpmo: float


def process_yield(defects: Sequence[float], rework: Sequence[float], units: int) -> ProcessYield:
    """Return the yields of a process from counts of defects and rework, one a stage, all related to ``units``.

    The convention of the R package SixSigma (Cano, Moguerza & Redchuk 2012).

    Examples
    --------
    >>> round(process_yield([3, 5, 12], [1, 2, 4], 1915).rolled_throughput_yield, 7)
    0.9859563
    """
    defects, rework = np.asarray(defects, dtype=float), np.asarray(rework, dtype=float)
    if defects.shape != rework.shape or defects.size == 0:
        raise InputError("defects and rework must have one count a stage, for the same stages")
    if units <= 0 or (defects < 0).any() or (rework < 0).any() or (defects + rework > units).any():
        raise InputError(
            f"units={units!r} must be at least the defects and rework of every stage, none negative"
        )
    right, first_time = 1 - defects.sum() / units, 1 - (defects.sum() + rework.sum()) / units
    rolled = np.prod(1 - (defects + rework) / units)
    return ProcessYield(*map(float, (right, first_time, rolled, defects.sum() / units * 1e6)))


def frechet_bounds(a: float, b: float) -> tuple[float, float]:
    """Return the least and the greatest share that can have both, given only the share of each (Frechet 1951).

    Examples
    --------
    >>> [round(bound, 2) for bound in frechet_bounds(0.65, 0.38)]
    [0.03, 0.38]
    """
    for name, share in (("a", a), ("b", b)):
        if not 0 <= share <= 1:
            raise InputError(f"{name}={share!r} must be a share between 0 and 1; write 65 % as 0.65")
    return max(0.0, a + b - 1), min(a, b)


def _where(data: Table) -> str:
    return "in made-up data, " if data.simulated else ""


def _risk_ratio(up: pd.Series, down: pd.Series, level: float) -> tuple[float, float, float]:
    """Risk of ``down`` with ``up`` against without, log-normal interval of Katz et al. (1978); NaN where one is empty."""
    a, n1, b, n0 = (float(count) for count in ((up & down).sum(), up.sum(), (~up & down).sum(), (~up).sum()))
    if not n1 or not n0:
        return (np.nan,) * 3
    if a == 0 or b == 0:
        a, n1, b, n0 = a + 0.5, n1 + 0.5, b + 0.5, n0 + 0.5
    spread = normal_quantile(level) * np.sqrt(max(1 / a - 1 / n1 + 1 / b - 1 / n0, 0))
    ratio = (a / n1) / (b / n0)
    return ratio, ratio * np.exp(-spread), ratio * np.exp(spread)


@question("stages", "stage", "passed")
def hold(stages: Table) -> Result:
    """Does quality hold through all stages? Rolled throughput yield (Breyfogle 1999) beside the share without a fault.

    Columns of the table: ``stage customers share low high``; the last two rows are the product and the whole journey.
    """
    table, level = wide(stages.frame), stages.confidence_level
    made = rolled_throughput_yield(
        stages.frame, bootstrap=stages.bootstrap, confidence_level=level, rng=stages.rng
    )
    if made.n < stages.min_cell:
        raise NotEnough(f"only {count(made.n, 'customer')} seen at every stage")
    seen, passed = table.notna().sum(), table.sum()
    low, high = wilson(passed, seen, level)
    rows = pd.DataFrame({"stage": [stages.label(name) for name in table.columns], "customers": seen.to_numpy(),
                         "share": (passed / seen).to_numpy(), "low": low, "high": high})  # fmt: skip
    rows.loc[len(rows)] = ["all stages, multiplied", made.n, made.rolled, made.rolled_low, made.rolled_high]
    rows.loc[len(rows)] = ["all stages, as seen", made.n, made.joint, made.joint_low, made.joint_high]
    unit, n, worst = "share of customers", made.n, stages.label(made.worst)
    numbers = {
        "joint-clean-rate": Number(made.joint, made.joint_low, made.joint_high, unit, n, "No fault at any stage"),
        "rolled-throughput-yield": Number(made.rolled, made.rolled_low, made.rolled_high, unit, n, "Stages multiplied"),
        "clean-minus-worst-stage": Number(
            made.clean_minus_worst, made.clean_minus_worst_low, made.clean_minus_worst_high, unit, n,
            "No fault at any stage, less the worst stage alone",
        ),
    }  # fmt: skip
    joint = with_interval(made.joint, made.joint_low, made.joint_high, unit)
    finding = f"{_where(stages)}{joint} of customers meet no fault at any of {len(table.columns)} stages; "
    finding += f"at {worst}, the weakest, it is {number(made.worst_yield, unit)}."
    cautions = []
    if made.dependence_low > 1:
        cautions = [
            "The same customers meet several faults, so multiplying the stages paints too dark a picture."
        ]
    elif made.dependence_high < 1:
        cautions = [
            "Faults rarely meet in the same customer, so multiplying the stages paints too bright a picture."
        ]
    title = f"{number(made.joint, unit)} of customers meet no fault at any stage"
    draw = lambda: general.dots(  # noqa: E731
        rows,
        label="stage",
        value="share",
        title=title,
        x_title="customers without a fault",
        percent=True,
        reference=None,
    )
    return Result(capital(finding), numbers, rows, draw, cautions, stages)


@question("stages", "stage", "passed")
def faults(stages: Table) -> Result:
    """Do faults in the earlier half of the stages go with faults later, and where does the first fault lie?

    Risk ratio of Katz et al. (1978). Columns of the table: ``stage first_faults share low high``.
    """
    table, level = wide(stages.frame).dropna(), stages.confidence_level
    half, bad = table.shape[1] // 2, table == 0
    faulty = bad[bad.any(axis=1)]
    if half == 0 or len(faulty) < max(10, stages.min_cell):
        raise NotEnough(f"{count(len(faulty), 'customer')} with a fault at {count(table.shape[1], 'stage')}")
    ratio = _risk_ratio(bad.iloc[:, :half].any(axis=1), bad.iloc[:, half:].any(axis=1), level)
    firsts = np.bincount(faulty.to_numpy().argmax(axis=1), minlength=table.shape[1])
    low, high = wilson(firsts, np.full(firsts.size, len(faulty)), level)
    names = [stages.label(name) for name in table.columns]
    rows = pd.DataFrame(
        {"stage": names, "first_faults": firsts, "share": firsts / len(faulty), "low": low, "high": high}
    )
    early = int(firsts[:half].sum())
    upstream = Number(early / len(faulty), *map(float, wilson(early, len(faulty), level)), "share of faulty journeys",
                      len(faulty), "First fault in the earlier half of the stages")  # fmt: skip
    numbers = {"first-fault-upstream": upstream}
    text = "faults came on one side of the stages only, so nothing can be compared."
    if np.isfinite(ratio).all():
        ratio = numbers["upstream-risk-ratio"] = Number(*map(float, ratio), "risk ratio", len(table),
                                                        "Risk of a late fault after an early one, against without")  # fmt: skip
        text = f"after a fault in the earlier stages, a later fault is {ratio} times as likely."
        if ratio.low <= 1 <= ratio.high:
            text = f"no difference was found: after an early fault, a later one is {ratio} times as likely."
    title = f"{number(upstream.value, upstream.unit)} of faulty journeys go wrong first in the earlier half"
    draw = lambda: general.bars(
        rows, label="stage", value="share", title=title, x_title="first faults", percent=True
    )  # noqa: E731
    cautions = ["A customer who is hard to serve meets faults early and late without one causing the other."]
    return Result(capital(_where(stages) + text), numbers, rows, draw, cautions, stages)


@question(
    "stages", "stage", "function", "role", needs="a table of stages that says which function has which role"
)
def owners(stages: Table) -> Result:
    """Who answers for each stage? One accountable function is right; none or several is where faults stay.

    ``role`` is accountable, responsible, consulted or informed. Columns of the table: ``stage accountable owners
    bearing``, ``bearing`` how many functions are accountable or responsible. These are all stages, not a sample.
    """
    data = stages.frame.dropna(subset=["stage", "function", "role"])
    if data.empty:
        raise NotEnough("no row says which function has which role at a stage")
    data = data.assign(role=data["role"].astype("str").str.strip().str.lower())
    rows = []
    for stage in dict.fromkeys(stages.frame["stage"].dropna()):
        own = data[data["stage"] == stage].drop_duplicates(["function", "role"])
        who = own.loc[own["role"] == "accountable", "function"].tolist()
        rows.append(
            (
                stages.label(stage),
                listed(who),
                len(who),
                own.loc[own["role"].isin(_BEARING), "function"].nunique(),
            )
        )
    table = pd.DataFrame(rows, columns=["stage", "accountable", "owners", "bearing"])
    n, shared, wrong = len(table), int((table["bearing"] >= 2).sum()), table[table["owners"] != 1]
    unit = "share of stages"
    numbers = {  # a count of all stages has no sampling error
        "stages-without-owner": Number(
            *[len(wrong) / n] * 3, unit, n, "Stages with no or several accountable functions"
        ),
        "stages-shared": Number(*[shared / n] * 3, unit, n, "Stages on which two or more functions bear"),
    }
    none, several = (
        table.loc[mask, "stage"].tolist() for mask in (table["owners"] == 0, table["owners"] > 1)
    )
    parts = [f"{listed(none)} {'have' if len(none) > 1 else 'has'} no owner"] * bool(none)
    parts += [f"{listed(several)} {'have' if len(several) > 1 else 'has'} several"] * bool(several)
    finding = (
        f"{_where(stages)}" + (listed(parts) if parts else f"each of {n} stages has exactly one owner") + "."
    )
    return Result(capital(finding), numbers, table, None, (), stages)


@question("survey", needs="a survey whose items are functional areas (role 'functions')")
def functions(survey: Survey, *, least: float = 0.10) -> Result:
    """Which functional areas move with the outcome when the others are held fixed? Standardised slopes.

    ``least`` is the smallest slope of interest. Index of the table: the area; columns ``estimate low high``.
    """
    areas = survey.roles.get("functions", [])
    if not areas:
        return Result(
            "Not answered here: this needs a survey whose items are functional areas.",
            data=survey,
            missing=True,
        )
    rows = survey.complete([*areas, survey.outcome])
    fit = slopes(correlations(Covariances(rows[[*areas, survey.outcome]].to_numpy(), draws=survey.bootstrap,
                                          rng=survey.rng).matrices))  # fmt: skip
    table = intervals(fit, [survey.label(area) for area in areas], survey.confidence_level)
    table = table.sort_values("estimate", ascending=False)
    share = (fit > least).mean(axis=0)
    low, high = percentile_interval(share[1:], survey.confidence_level)
    bearing = Number(float(share[0]), float(low), float(high), "share of functions", len(rows),
                     "Functions whose slope is above the smallest that matters")  # fmt: skip
    clear = table.index[table["low"] > 0].tolist()
    outcome = survey.label(survey.outcome)
    text = f"{count(len(clear), 'functional area')} of {len(areas)} clearly {'move' if len(clear) != 1 else 'moves'} with "
    text += f"{outcome} when the others are held fixed" + (f": {listed(clear)}." if clear else ".")
    title = f"{len(clear)} of {len(areas)} functions move with {outcome}"
    draw = lambda: general.dots(table, title=title, x_title=f"slope on {outcome}", band=(-least, least))  # noqa: E731
    cautions = ["All answers come from one questionnaire, so a general liking moves them together."]
    return Result(
        capital(_where(survey) + text), {"functions-bearing": bearing}, table, draw, cautions, survey
    )


@question(
    "stages", "says_priority", "does_review", needs="a table of stages with what people say and what they do"
)
def words_and_deeds(stages: Table) -> Result:
    """Do words match deeds? The same respondents say that it is a priority, and do review it (McNemar 1947, exact).

    The interval is of the mean difference with respondents as clusters. Columns of the table: ``stage says does gap low
    high p_value n``; the caution says what two separate percentages would have allowed (Frechet 1951).
    """
    rows = stages.frame.dropna(subset=["says_priority", "does_review"])
    if len(rows) < stages.min_cell:
        raise NotEnough(f"only {count(len(rows), 'answer')} to both questions")
    parts = [("all stages", rows), *rows.groupby("stage", sort=False)]
    level = stages.confidence_level
    table = pd.DataFrame([{"stage": stages.label(name)} | _gap(part, level) for name, part in parts])
    total = table.iloc[0]
    gap = Number(total["gap"], total["low"], total["high"], "share of respondents", int(total["respondents"]),
                 "Says it is a priority, less does review it")  # fmt: skip
    least, most = frechet_bounds(total["says"], 1 - total["does"])
    both = float((rows["says_priority"].astype(bool) & ~rows["does_review"].astype(bool)).mean())
    only = Number(
        both, None, None, "share of answers", len(rows), "Says it is a priority, but does not review it"
    )
    numbers = {"say-do-gap": gap, "says-only": only}
    allowed = f"{number(least, 'share')} and {number(most, 'share')} say it without doing it"
    cautions = [f"Two separate percentages would only show that between {allowed}; the pairs show {only}."]
    words, deeds = number(total["says"], "share"), number(total["does"], "share")
    text = f"{words} call quality a priority and {deeds} review it: a gap of {gap}."
    title = f"{words} say it, {deeds} do it"
    if gap.low <= 0 <= gap.high:
        text = (
            f"no difference was found between words and deeds: {words} say it, {deeds} do it, a gap of {gap}."
        )
        title = "Words and deeds do not differ"
    draw = lambda: general.dots(
        table, label="stage", value="gap", title=title, x_title="say it, less do it", percent=True
    )  # noqa: E731
    return Result(
        capital(_where(stages) + text), numbers, table.drop(columns="respondents"), draw, cautions, stages
    )


def _gap(rows: pd.DataFrame, level: float) -> dict[str, float]:
    from scipy.stats import binomtest

    say, do = (rows[name].astype(bool).to_numpy() for name in ("says_priority", "does_review"))
    only_say, only_do = int((say & ~do).sum()), int((~say & do).sum())
    difference = say.astype(float) - do
    who = pd.factorize(rows["respondent"])[0] if "respondent" in rows else np.arange(len(rows))
    gap = float(difference.mean())
    totals = np.bincount(np.where(who < 0, who.max() + 1, who), weights=difference - gap)
    half = (
        normal_quantile(level)
        * np.sqrt((totals**2).sum() * totals.size / max(totals.size - 1, 1))
        / len(rows)
    )
    p = binomtest(only_say, only_say + only_do).pvalue if only_say + only_do else 1.0
    return {
        "says": float(say.mean()), "does": float(do.mean()), "gap": gap, "low": max(gap - half, -1.0),
        "high": min(gap + half, 1.0), "p_value": float(p), "n": len(rows), "respondents": totals.size,
    }  # fmt: skip


def bounds(says: float, lacks: Mapping[str, float]) -> Result:
    """What do two published percentages about words and deeds prove? Frechet (1951).

    ``says`` is the share that calls it a priority, ``lacks`` what shares of another survey admit to lacking. Columns of
    the table: ``lacks estimate low high``: the share that says it and lacks it lies between ``low`` and ``high``.
    """
    rows = [(name, share, *frechet_bounds(says, share)) for name, share in lacks.items()]
    table = pd.DataFrame(rows, columns=["lacks", "estimate", "low", "high"])
    most = table.loc[table["low"].idxmax()]
    least, greatest = number(float(most["low"]), "share"), number(float(most["high"]), "share")
    finding = f"These percentages allow that anything from {least} to {greatest} of firms say it and have {most['lacks']}."
    title = f"Two surveys prove an overlap of {least} at least, {greatest} at most"
    draw = lambda: general.dots(table, label="lacks", title=title, x_title="say it and lack it", percent=True)  # noqa: E731
    unit = "share of firms"
    numbers = {"proved-overlap": Number(float(most["low"]), None, None, unit, None, "Must say it and lack it, at least"),
               "possible-overlap": Number(float(most["high"]), None, None, unit, None, "Can say it and lack it, at most")}  # fmt: skip
    return Result(finding, numbers, table, draw)
