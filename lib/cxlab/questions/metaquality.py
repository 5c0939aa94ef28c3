"""Does quality hold through all stages, who answers for each, and do words match deeds (``cx.yields``)."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Survey, Table
from cxlab.figures import general
from cxlab.questions.result import SHARES, Number, Result, count, listed, number, question, shares
from cxlab.stats.intervals import normal_quantile, percentile_interval, wilson
from cxlab.stats.resampling import correlations, covariances, intervals, slopes


class RolledYield(NamedTuple):
    """How many customers get through every stage without a fault; each with its interval."""

    rolled: float  # the product of the stage yields
    rolled_low: float
    rolled_high: float
    joint: float  # the share seen without any fault (Wilson)
    joint_low: float
    joint_high: float
    dependence: float  # joint / rolled: above 1 when the same customers meet the faults
    dependence_low: float
    dependence_high: float
    worst: str  # the stage with the lowest yield
    worst_yield: float
    clean_minus_worst: float  # joint less the lowest yield; allows for not knowing the worst (Bonferroni)
    clean_minus_worst_low: float
    clean_minus_worst_high: float
    n: int  # customers seen at every stage


def rolled_throughput_yield(
    data: pd.DataFrame, *, stages: Sequence[str] | None = None, bootstrap: int = 1000,
    confidence_level: float = 0.95, rng: int | np.random.Generator | None = None,
) -> RolledYield:  # fmt: skip
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
    draws = np.random.default_rng(rng).multinomial(n, counts / n, size=max(bootstrap, 2))
    weights = np.vstack([counts, draws]) / n
    rolled, joint = (weights @ patterns).prod(axis=1), weights @ clean
    with np.errstate(invalid="ignore", divide="ignore"):
        spans = [(v[0], *percentile_interval(v[1:], confidence_level)) for v in (rolled, joint / rolled)]
    low, high = wilson(counts @ clean, n, confidence_level)
    yields = pd.Series(weights[0] @ patterns, table.columns)
    # Passed here but not everywhere: the least of these shares is what the worst stage hides.
    hidden = counts @ (patterns & ~clean[:, None])
    least, _ = wilson(hidden, n, confidence_level)
    _, most = wilson(hidden, n, 1 - (1 - confidence_level) / hidden.size)
    less = joint[0] - yields.min(), -most.min(), -least.min()
    worst = str(yields.idxmin()), yields.min()
    return RolledYield(*spans[0], joint[0], low, high, *spans[1], *worst, *less, n)


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
    if not (0 <= a <= 1 and 0 <= b <= 1):
        raise InputError(f"{a=} and {b=} must be shares between 0 and 1; write 65 % as 0.65")
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
    seen = {stages.label(name): passed.dropna() for name, passed in table.items()}
    rows = shares(seen, level).drop(columns="count")
    rows.columns = ["stage", "customers", "share", "low", "high"]
    rows.loc[len(rows)] = ["all stages, multiplied", made.n, *made[:3]]
    rows.loc[len(rows)] = ["all stages, as seen", made.n, *made[3:6]]
    unit, label = "share of customers", "No fault at any stage"
    clean = Number(*made[3:6], unit, made.n, label)
    product = Number(*made[:3], unit, made.n, "Stages multiplied")
    less = Number(*made[11:14], unit, made.n, f"{label}, less the worst stage alone")
    numbers = {"joint-clean-rate": clean, "rolled-throughput-yield": product, "clean-minus-worst-stage": less}
    finding = f"{clean} of customers meet no fault at any of {len(table.columns)} stages; "
    finding += f"at {stages.label(made.worst)}, the weakest, it is {number(made.worst_yield, unit)}."
    dark = ["The same customers meet several faults, so multiplying paints too dark a picture."]
    bright = ["Faults seldom meet in one customer, so multiplying paints too bright a picture."]
    cautions = dark if made.dependence_low > 1 else bright if made.dependence_high < 1 else []
    axes = SHARES | {"label": "stage", "value": "share", "x_title": "customers without a fault"}
    draw = partial(general.dots, rows, **axes)
    return Result(finding, numbers, rows, draw, cautions, stages)


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
        own = data["stage"] == stage
        accountable = data.loc[own & (role == "accountable"), "function"].unique()
        bearing = data.loc[own & role.isin(["accountable", "responsible"]), "function"].nunique()
        rows.append((stages.label(stage), listed(accountable), len(accountable), bearing))
    table = pd.DataFrame(rows, columns=["stage", "accountable", "owners", "bearing"])
    unit, parts = "share of stages", []  # all stages, so without sampling error
    alone, several = (table["owners"] != 1).mean(), (table["bearing"] >= 2).mean()
    label, other = "Stages with no or several accountable functions", "Stages that several functions bear on"
    numbers = {"stages-without-owner": Number(alone, alone, alone, unit, len(table), label)}
    numbers["stages-shared"] = Number(several, several, several, unit, len(table), other)
    for which, words in ((table["owners"] == 0, "no owner"), (table["owners"] > 1, "several owners")):
        if names := table.loc[which, "stage"].tolist():
            parts.append(f"{listed(names)} {'have' if len(names) > 1 else 'has'} {words}")
    finding = listed(parts) if parts else f"each of {len(table)} stages has exactly one owner"
    return Result(f"{finding}.", numbers, table, data=stages)


@question("survey", needs="a survey whose items are functional areas (role 'functions')")
def functions(survey: Survey) -> Result:
    """Which functional areas move with the outcome when the others are held fixed? Standardised slopes.

    Index of the table: the area; columns ``estimate low high``.
    """
    areas = survey.roles.get("functions", [])
    if len(areas) < 2:
        raise NotEnough("this needs a survey whose items are functional areas")
    rows = survey.complete([*areas, survey.outcome])[[*areas, survey.outcome]]
    matrices = covariances(rows.to_numpy(), draws=survey.bootstrap, rng=survey.rng)
    names = [survey.label(area) for area in areas]
    table = intervals(slopes(correlations(matrices)), names, survey.confidence_level)
    table = table.sort_values("estimate", ascending=False)
    clear, outcome = table.index[table["low"] > 0].tolist(), survey.label(survey.outcome)
    finding = f"{len(clear)} of {len(areas)} areas move with {outcome} on their own: {listed(clear)}."
    finding = finding if clear else f"no area was found to move with {outcome} by itself."
    caution = "All answers come from one questionnaire, so a general liking moves them together."
    draw = partial(general.dots, table, x_title=f"slope on {outcome}", band=(-0.1, 0.1))
    return Result(finding, {}, table, draw, [caution], survey)


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
    label = "Says it is a priority, less does review it"
    gap = Number(*total[["gap", "low", "high"]], "share of respondents", int(people[0]), label)
    both = (rows["says_priority"].astype(bool) & ~rows["does_review"].astype(bool)).mean()
    label = "Says it is a priority, but does not review it"
    only = Number(both, unit="share of answers", n=len(rows), label=label)
    words, deeds = number(total["says"], "share"), number(total["does"], "share")
    finding = f"{words} call it a priority and {deeds} do it, a gap of {gap.points()}."
    if gap.low <= 0 <= gap.high:
        finding = f"no difference was found: {finding}"
    least, most = (number(bound, "share") for bound in frechet_bounds(total["says"], 1 - total["does"]))
    caution = f"Two separate percentages would only show that between {least} and {most} say it without "
    caution += f"doing it; the pairs show {only}."
    axes = {"label": "stage", "value": "gap", "x_title": "say it, less do it", "percent": True}
    draw = partial(general.dots, table, **axes)
    return Result(finding, {"say-do-gap": gap, "says-only": only}, table, draw, [caution], stages)


def _gap(rows: pd.DataFrame, level: float) -> dict[str, float]:
    """Return the row of a stage, and how many respondents it rests on."""
    say, do = (rows[name].astype(bool).to_numpy() for name in ("says_priority", "does_review"))
    only_say, only_do = int((say & ~do).sum()), int((~say & do).sum())
    p = binomtest(only_say, only_say + only_do).pvalue if only_say + only_do else 1.0
    known = "respondent" in rows and rows["respondent"].notna().all()
    who = pd.factorize(rows["respondent"])[0] if known else np.arange(len(rows))
    difference, size = say.astype(float) - do, int(who.max()) + 1
    gap = difference.mean()
    totals = np.bincount(who, weights=difference - gap)
    half = normal_quantile(level) * np.sqrt((totals**2).sum() * size / max(size - 1, 1)) / len(rows)
    made = {"says": say.mean(), "does": do.mean(), "gap": gap, "low": max(gap - half, -1.0)}
    return made | {"high": min(gap + half, 1.0), "p_value": p, "n": len(rows), "respondents": size}
