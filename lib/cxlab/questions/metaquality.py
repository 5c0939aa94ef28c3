"""Does quality hold through all stages, who answers for each, and do words match deeds (``cx.yields``)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.survey import Survey
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import count, listed, number
from cxlab.stats.intervals import normal_quantile, percentile_interval, wilson
from cxlab.stats.resampling import Covariances, correlations, intervals, slopes

_BEARING = (["accountable"], ["accountable", "responsible"])


class RolledYield(NamedTuple):
    """How many customers get through every stage without a fault; each with its interval.

    ``rolled`` is the product of the stage yields, ``joint`` the share seen without any fault (Wilson),
    ``dependence`` joint / rolled: above 1 when the same customers meet the faults. ``clean_minus_worst`` is
    joint less the lowest stage yield; its interval allows for not knowing which stage is the worst
    (Bonferroni). ``n`` are the customers seen at every stage.
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

    ``data`` holds ``customer stage passed``; customers who were not seen at every stage are left out. The
    product of yields (Breyfogle 1999) assumes independent stages; with dependent faults it is too low.
    """
    table = wide(data, stages).dropna()
    n = len(table)
    if n == 0:
        raise NotEnough("no customer was seen at every stage")
    # Resampling counts of the distinct patterns keeps the cost independent of the customers.
    patterns, counts = np.unique(table.to_numpy(dtype=bool), axis=0, return_counts=True)
    clean = patterns.all(axis=1)

    def figures(weights):
        rolled, joint = (weights @ patterns / n).prod(axis=-1), weights @ clean / n
        with np.errstate(invalid="ignore", divide="ignore"):
            return rolled, joint / rolled

    draws = figures(np.random.default_rng(rng).multinomial(n, counts / n, size=max(bootstrap, 2)))
    limits = [map(float, percentile_interval(values, confidence_level)) for values in draws]
    rolled, dependence = ((float(value), *ends) for value, ends in zip(figures(counts), limits, strict=True))
    joint = Number.share(counts[clean].sum(), n, "", "", confidence_level)[:3]
    shares = counts @ patterns / n
    worst = int(np.argmin(shares))
    # Passed here but not everywhere: the least of these shares is what the worst stage hides.
    hidden = counts @ (patterns & ~clean[:, None])
    low, _ = wilson(hidden, n, confidence_level)
    _, high = wilson(hidden, n, 1 - (1 - confidence_level) / hidden.size)
    less = joint[0] - float(shares[worst]), -float(high.min()), -float(low.min())
    name = str(table.columns[worst])
    return RolledYield(*rolled, *joint, *dependence, name, float(shares[worst]), *less, n)


def wide(data: pd.DataFrame, stages: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row a customer, one column a stage: 1.0 passed (each time), 0.0 a fault, NaN not seen."""
    who = "customer" if "customer" in data else "respondent"
    missing = [name for name in (who, "stage", "passed") if name not in data]
    if missing:
        raise InputError(f"the table has no column {missing[0]!r}; it needs customer, stage and passed")
    data = data.dropna(subset=[who, "stage", "passed"])
    if data.empty:
        raise NotEnough("no row says whether a customer passed a stage")
    passed = data["passed"].astype(bool).astype(float).groupby([data[who], data["stage"]], observed=True)
    return passed.min().unstack("stage").reindex(columns=stages or list(dict.fromkeys(data["stage"])))


def frechet_bounds(a: float, b: float) -> tuple[float, float]:
    """Return the least and greatest share that can have both, given the share of each (Frechet 1951).

    >>> [round(bound, 2) for bound in frechet_bounds(0.65, 0.38)]
    [0.03, 0.38]
    """
    for name, share in (("a", a), ("b", b)):
        if not 0 <= share <= 1:
            raise InputError(f"{name}={share!r} must be a share between 0 and 1; write 65 % as 0.65")
    return max(0.0, a + b - 1), min(a, b)


@question("stages", "stage", "passed")
def hold(stages: Table) -> Result:
    """Does quality hold through all stages? Rolled throughput yield (Breyfogle 1999) beside what was seen.

    Columns of the table: ``stage customers share low high``; the last two rows are the stages multiplied and
    the customers who met no fault at any stage.
    """
    table, level = wide(stages.frame), stages.confidence_level
    settings = {"bootstrap": stages.bootstrap, "confidence_level": level, "rng": stages.rng}
    made = rolled_throughput_yield(stages.frame, **settings)
    if made.n < stages.min_cell:
        raise NotEnough(f"only {count(made.n, 'customer')} seen at every stage")
    seen, passed = table.notna().sum().to_numpy(), table.sum().to_numpy()
    low, high = wilson(passed, seen, level)
    rows = pd.DataFrame({"stage": [stages.label(name) for name in table.columns], "customers": seen})
    rows = rows.assign(share=passed / seen, low=low, high=high)
    rolled, clean, less = made[:3], made[3:6], made[11:14]
    rows.loc[len(rows)] = ["all stages, multiplied", made.n, *rolled]
    rows.loc[len(rows)] = ["all stages, as seen", made.n, *clean]
    values = {
        "joint-clean-rate": ("No fault at any stage", clean),
        "rolled-throughput-yield": ("Stages multiplied", rolled),
        "clean-minus-worst-stage": ("No fault at any stage, less the worst stage alone", less),
    }
    unit = "share of customers"
    numbers = {name: Number(*value, unit, made.n, label) for name, (label, value) in values.items()}
    first = numbers["joint-clean-rate"]
    finding = f"{first} of customers meet no fault at any of {len(table.columns)} stages; "
    finding += f"at {stages.label(made.worst)}, the weakest, it is {number(made.worst_yield, unit)}."
    several = "The same customers meet several faults, so multiplying the stages paints too dark a picture."
    apart = "Faults seldom meet in one customer, so multiplying the stages paints too bright a picture."
    cautions = [several] * (made.dependence_low > 1) + [apart] * (made.dependence_high < 1)
    axes = {"label": "stage", "value": "share", "x_title": "customers without a fault"}
    return Result(
        finding, numbers, rows, lambda: general.dots(rows, **axes, percent=True, reference=None), cautions,
        stages,
    )  # fmt: skip


@question("stages", "stage", "function", "role", needs="a table of stages with each function's role")
def owners(stages: Table) -> Result:
    """Who answers for each stage? One accountable function is right; none or several is where faults stay.

    ``role`` is accountable, responsible, consulted or informed. Columns of the table: ``stage accountable
    owners bearing``, the last how many functions are accountable or responsible. These are all stages, not a
    sample.
    """
    data = stages.frame.dropna(subset=["stage", "function", "role"])
    if data.empty:
        raise NotEnough("no row says which function has which role at a stage")
    role, rows = data["role"].astype("str").str.strip().str.lower(), []
    for stage in stages.frame["stage"].dropna().unique():
        accountable, bearing = (
            data.loc[(data["stage"] == stage) & role.isin(roles), "function"].unique() for roles in _BEARING
        )
        rows.append((stages.label(stage), listed(accountable), len(accountable), len(bearing)))
    table = pd.DataFrame(rows, columns=["stage", "accountable", "owners", "bearing"])
    shares = {  # of all stages, so without sampling error
        "stages-without-owner": ("Stages with no or several accountable functions", table["owners"] != 1),
        "stages-shared": ("Stages on which two or more functions bear", table["bearing"] >= 2),
    }
    numbers = {
        name: Number(*[float(which.mean())] * 3, "share of stages", len(table), label)
        for name, (label, which) in shares.items()
    }
    parts = []
    for which, words in ((table["owners"] == 0, "no owner"), (table["owners"] > 1, "several owners")):
        names = table.loc[which, "stage"].tolist()
        parts += [f"{listed(names)} {'have' if len(names) > 1 else 'has'} {words}"] * bool(names)
    finding = listed(parts) if parts else f"each of {len(table)} stages has exactly one owner"
    return Result(f"{finding}.", numbers, table, None, (), stages)


@question("survey", needs="a survey whose items are functional areas (role 'functions')")
def functions(survey: Survey, *, least: float = 0.10) -> Result:
    """Which functional areas move with the outcome when the others are held fixed? Standardised slopes.

    ``least`` is the smallest slope of interest. Index of the table: the area; columns ``estimate low high``.
    """
    areas = survey.roles.get("functions", [])
    if len(areas) < 2:
        raise NotEnough("this needs a survey whose items are functional areas")
    rows = survey.complete([*areas, survey.outcome])[[*areas, survey.outcome]]
    made = Covariances(rows.to_numpy(), draws=survey.bootstrap, rng=survey.rng)
    fit = slopes(correlations(made.matrices))
    table = intervals(fit, [survey.label(area) for area in areas], survey.confidence_level)
    table = table.sort_values("estimate", ascending=False)
    share = (fit > least).mean(axis=0)
    limits = percentile_interval(share[1:], survey.confidence_level)
    label = "Functions whose slope is above the smallest that matters"
    bearing = Number(float(share[0]), *map(float, limits), "share of functions", len(rows), label)
    clear, outcome = table.index[table["low"] > 0].tolist(), survey.label(survey.outcome)
    text = f"{len(clear)} of {len(areas)} areas move with {outcome} on their own"
    finding = f"{text}: {listed(clear)}." if clear else f"No area was found to move with {outcome} by itself."
    return Result(
        finding, {"functions-bearing": bearing}, table,
        lambda: general.dots(table, x_title=f"slope on {outcome}", band=(-least, least)),
        ["All answers come from one questionnaire, so a general liking moves them together."], survey,
    )  # fmt: skip


@question("stages", "says_priority", "does_review", needs="a table of stages with what people say and do")
def words_and_deeds(stages: Table) -> Result:
    """Do words match deeds? The same respondents say that it is a priority, and do review it.

    McNemar (1947), exact; the interval of the gap takes respondents as clusters. The caution says what two
    separate percentages would have shown (Frechet 1951). Columns of the table: ``stage says does gap low high
    p_value n``.
    """
    rows = stages.frame.dropna(subset=["says_priority", "does_review"])
    if len(rows) < stages.min_cell:
        raise NotEnough(f"only {count(len(rows), 'answer')} to both questions")
    parts = [("all stages", rows), *(rows.groupby("stage", sort=False) if "stage" in rows else ())]
    gaps = [{"stage": stages.label(name)} | _gap(part, stages.confidence_level) for name, part in parts]
    table = pd.DataFrame(gaps)
    total, people = table.iloc[0], table.pop("respondents")
    values = [float(total[name]) for name in ("gap", "low", "high")]
    label = "Says it is a priority, less does review it"
    gap = Number(*values, "share of respondents", int(people[0]), label)
    least, most = (number(bound, "share") for bound in frechet_bounds(total["says"], 1 - total["does"]))
    both = (rows["says_priority"].astype(bool) & ~rows["does_review"].astype(bool)).mean()
    label = "Says it is a priority, but does not review it"
    only = Number(float(both), unit="share of answers", n=len(rows), label=label)
    words, deeds = number(total["says"], "share"), number(total["does"], "share")
    text = f"{words} call it a priority and {deeds} do it, a gap of {gap}."
    if gap.low <= 0 <= gap.high:
        text = f"no difference was found: {text}"
    allowed = f"between {least} and {most} say it without doing it"
    caution = f"Two separate percentages would only show that {allowed}; the pairs show {only}."
    axes = {"label": "stage", "value": "gap", "x_title": "say it, less do it"}
    return Result(
        text, {"say-do-gap": gap, "says-only": only}, table,
        lambda: general.dots(table, **axes, percent=True), [caution], stages,
    )  # fmt: skip


def _gap(rows: pd.DataFrame, level: float) -> dict[str, float]:
    from scipy.stats import binomtest

    say, do = (rows[name].astype(bool).to_numpy() for name in ("says_priority", "does_review"))
    only_say, only_do = int((say & ~do).sum()), int((~say & do).sum())
    difference = say.astype(float) - do
    who = np.arange(len(rows))
    if "respondent" in rows and rows["respondent"].notna().all():
        who = pd.factorize(rows["respondent"])[0]
    gap, size = float(difference.mean()), int(who.max()) + 1
    totals = np.bincount(who, weights=difference - gap)
    half = normal_quantile(level) * np.sqrt((totals**2).sum() * size / max(size - 1, 1)) / len(rows)
    p = binomtest(only_say, only_say + only_do).pvalue if only_say + only_do else 1.0
    made = {"says": float(say.mean()), "does": float(do.mean()), "gap": gap}
    made |= {"low": max(gap - half, -1.0), "high": min(gap + half, 1.0), "p_value": float(p)}
    return made | {"n": len(rows), "respondents": size}
