"""Cause or coincidence?

How strong a hidden cause must be, both orders of mediation, and which design would decide.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.survey import SIDES, Survey
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.sensitivity import (
    benchmark_bounds,
    e_value,
    mediation,
    power_two_groups,
    robustness_from_t,
    robustness_value,
    size_two_groups,
    strength_intervals,
)
from cxlab.questions.words import capital, count, listed, number, stated
from cxlab.stats.intervals import absolute_interval
from cxlab.stats.resampling import Covariances

__all__ = [
    "adjusted", "benchmark_bounds", "both_orders", "design", "e_value", "hidden_cause", "mediation",
    "power_two_groups", "robustness_from_t", "robustness_value", "size_two_groups",
]  # fmt: skip

HELD = ("price", "image", "expectation")  # blocks held fixed where a survey asks about them
STEP = "standardised slope"
DESIGNS = {
    "stories drawn by lot": {},
    "the same customers asked twice": {"before_after": 0.6},
    "whole branches of 25 compared": {"cluster_size": 25, "intraclass": 0.1},
}


def scores(survey: Survey, **more: list[str]) -> pd.DataFrame:
    """Return mean composites of the sides, of the blocks held fixed and of ``more``, and the outcome,
    standardised; ``attrs`` names the columns of weights and clusters.

    Rows with a gap in any of them are left out.
    """
    if survey.categorical:
        raise NotEnough("the items of a side are categories, whose mean is no scale")
    blocks = {side: survey.blocks[side] for side in (*SIDES, *HELD) if survey.blocks.get(side)} | more
    columns = {
        name: survey.frame[items].astype(float).mean(axis=1, skipna=False) for name, items in blocks.items()
    }
    table = pd.DataFrame(columns | {"outcome": survey.frame[survey.outcome].astype(float)}).dropna()
    least = 10 + 3 * len(table.columns)
    if len(table) < least:
        raise NotEnough(
            f"only {len(table)} of {len(survey.frame)} respondents answered everything; {least} are needed"
        )
    flat = [name for name in table if np.ptp(table[name]) == 0]
    if flat:
        raise NotEnough(f"everybody has the same score of {flat[0]}")
    table = (table - table.mean()) / table.std(ddof=0)
    given = {"weights": survey.weights, "clusters": survey.clusters}
    table.attrs = {f"({key})": key for key, column in given.items() if column}
    kept = {name: survey.frame.loc[table.index, given[key]] for name, key in table.attrs.items()}
    made = table.assign(**kept)
    made.attrs = {key: name for name, key in table.attrs.items()}
    return made


@question("survey", *SIDES)
def adjusted(survey: Survey) -> Result:
    """What is left of each side when the rest is held fixed? Slopes alone, beside the other side, and with
    price, image and expectation held fixed as well; HC3 intervals (MacKinnon & White 1985), clustered where
    the survey has clusters.

    Table: ``row estimate low high n``.
    """
    table = scores(survey)
    rest = [name for name in HELD if name in table]
    rows, last, what = [], {}, survey.label(survey.outcome)
    for side, other in (SIDES, SIDES[::-1]):
        models = {"alone": [], f"{other} held fixed": [other]}
        if rest:
            models[f"{listed([other, *rest])} held fixed"] = [other, *rest]
        for model, held in models.items():
            found = robustness_value(table, outcome="outcome", treatment=side, covariates=held,
                                     confidence_level=survey.confidence_level, **table.attrs)  # fmt: skip
            rows.append((f"{capital(side)}, {model}", *found[:3], found.n))
        last[side] = found
    held = listed(["the other side", *rest])
    numbers = {
        f"effect-{side}": Number(*one[:3], STEP, one.n, f"what a step of {side} adds, {held} held fixed")
        for side, one in last.items()
    }
    sure = [side for side in SIDES if last[side].low > 0 or last[side].high < 0]
    values = {side: number(last[side].estimate) for side in SIDES}
    if len(sure) == 1:
        lost = next(side for side in SIDES if side not in sure)
        finding = (
            f"with the rest held fixed, {sure[0]} still goes with {what}; of {lost} no effect was found."
        )
        title = f"With the rest held fixed, only {sure[0]} still counts: {values[sure[0]]}"
    elif sure:
        finding = f"with the rest held fixed, both product and experience still go with {what}."
        title = f"Both sides still count: product {values['product']}, experience {values['experience']}"
    else:
        finding = f"with the rest held fixed, no effect on {what} was found for either side."
        title = "With the rest held fixed, no effect was found"
    shown = pd.DataFrame(rows, columns=["row", "estimate", "low", "high", "n"])
    return Result(
        stated(finding, survey.simulated, "answers"), numbers, shown,
        lambda: general.dots(shown, title=title, x_title="effect, in standard deviations", label="row"),
        [f"A slope is no cause: something that was not asked may move both ratings and {what}."], survey,
    )  # fmt: skip


@question("survey", *SIDES)
def hidden_cause(survey: Survey) -> Result:
    """How strong must a hidden cause be? Robustness values (Cinelli & Hazlett 2020), what a cause as strong
    as each known one would leave, and E-values (VanderWeele & Ding 2017).

    Table: ``row side estimate low high``: the adjusted effect as it is, and with such a cause missing.
    """
    table, level = scores(survey), survey.confidence_level
    rest = [name for name in HELD if name in table]
    columns, given = (
        [*SIDES, *rest, "outcome"],
        {key: table[name].to_numpy() for key, name in table.attrs.items()},
    )
    made = Covariances(table[columns].to_numpy(), draws=survey.bootstrap, rng=survey.rng, **given)
    found = strength_intervals(made, sides=SIDES, covariates=rest, level=level)
    n, numbers, rows = len(table), {}, []
    for side, other in (SIDES, SIDES[::-1]):
        ask = {"outcome": "outcome", "treatment": side, "covariates": [other, *rest]}
        base = robustness_value(table, **ask, confidence_level=level, **table.attrs)
        unit = "share of residual variance"
        label = f"strength of a hidden cause that would undo the effect of {side}"
        numbers[f"robustness-value-{side}"] = Number(*found.loc[(side, "value_at_level")], unit, n, label)
        label = f"strength of the strongest known cause, for {side}"
        numbers[f"benchmark-{side}"] = Number(*found.loc[(side, "benchmark")], unit, n, label)
        ratios = np.exp(0.91 * np.array(base[:3]))
        needed = e_value(ratios[0], low=ratios[1], high=ratios[2])
        far = max(needed.estimate, *(e_value(ratio).estimate for ratio in ratios[1:]))
        label = f"E-value of {side}: how much likelier a hidden cause must make both"
        numbers[f"e-value-{side}"] = Number(needed.estimate, needed.limit, far, "risk ratio", n, label)
        rows.append((f"{capital(side)}, as it is", side, *base[:3]))
        bounds = benchmark_bounds(table, **ask, multiples=[1], confidence_level=level)
        for row in bounds[bounds["benchmark"].isin(rest or [other])].dropna().itertuples():
            words = f"{capital(side)}, a cause like {row.benchmark} missing"
            rows.append((words, side, row.estimate, row.low, row.high))
    strength = {side: numbers[f"robustness-value-{side}"] for side in SIDES}
    firm = [side for side in SIDES if strength[side].value > numbers[f"benchmark-{side}"].value]
    most = max(SIDES, key=lambda side: strength[side].value)
    enough, known = number(strength[most].value, "share"), "the strongest one that was asked about"
    if not strength[most].value:
        finding = (
            "no effect of either side is sure, so there is nothing that a hidden cause would have to undo."
        )
        title = "No sure effect was found that a hidden cause would have to undo"
    elif firm:
        finding = f"{listed(firm)} would withstand a hidden cause as strong as {known}."
        title = f"Only a hidden cause explaining {enough} of the rest would undo {most}"
    else:
        finding = f"a hidden cause as strong as {known} would undo the effect of either side."
        title = f"A hidden cause explaining {enough} of the rest would undo {most}"
    shown = pd.DataFrame(rows, columns=["row", "side", "estimate", "low", "high"])
    return Result(
        stated(finding, survey.simulated, "answers"), numbers, shown,
        lambda: general.dots(shown, title=title, x_title="effect left, in standard deviations", label="row"),
        ["This is about hidden causes only. It says nothing about which of the two came first."], survey,
    )  # fmt: skip


@question("survey", *SIDES)
def both_orders(survey: Survey) -> Result:
    """Does product work through experience, or experience through product? Indirect effects in both orders,
    and through value and trust where the survey asks (Imai et al. 2010 for what it assumes).

    Table: ``path estimate low high n``.
    """
    trust = survey.roles.get("trust") or survey.blocks.get("trust") or []
    extra = {"value": survey.blocks.get("price") or [], "trust": trust}
    extra = {name: items for name, items in extra.items() if items}
    table = scores(survey, **extra)
    before = ["expectation"] if "expectation" in table else []
    rows, numbers, n = [], {}, len(table)
    for side, other in (SIDES, SIDES[::-1]):
        for through in (other, *extra):
            held = [name for name in (other, *before) if name != through]
            found = mediation(
                table, treatment=side, mediator=through, outcome="outcome", covariates=held, rng=survey.seed,
                bootstrap=survey.bootstrap, confidence_level=survey.confidence_level, **table.attrs,
            )  # fmt: skip
            row = found.loc["indirect", ["estimate", "low", "high"]]
            label = f"effect of {side} that would run through {through}"
            numbers[f"indirect-{side}-through-{through}"] = Number(*row, STEP, n, label)
            rows.append((f"{capital(side)} through {through}", *row, n))
            if through == "trust":
                rho = found.loc["rho_zero"]
                name = "rho-zero-trust" if side == "product" else "rho-zero-trust-experience"
                label = f"hidden correlation that would undo {side} through trust"
                ends = absolute_interval(rho["low"], rho["high"])
                numbers[name] = Number(abs(rho["estimate"]), *ends, "correlation", n, label)
    ways = {f"{a} through {b}": numbers[f"indirect-{a}-through-{b}"] for a, b in (SIDES, SIDES[::-1])}
    sure = [way for way, one in ways.items() if one.low > 0 or one.high < 0]
    if len(sure) == 1:
        finding = f"only {sure[0]} shows an effect, {ways[sure[0]]}; but both orders fit the data alike."
        title = f"Only {sure[0]} shows an effect: {number(ways[sure[0]].value)}"
    elif sure:
        finding = "either side could work through the other; the data fit both orders alike."
        title = f"Both orders show an effect: {' and '.join(number(one.value) for one in ways.values())}"
    else:
        finding = "no effect of one side through the other was found, in either order."
        title = "No effect of one side through the other was found"
    shown = pd.DataFrame(rows, columns=["path", "estimate", "low", "high", "n"])
    return Result(
        stated(finding, survey.simulated, "answers"), numbers, shown,
        lambda: general.dots(shown, title=title, x_title="indirect effect, standardised", label="path"),
        ["One survey cannot tell the order. Whoever prints one of the two stories has chosen it."], survey,
    )  # fmt: skip


@question("survey")
def design(survey: Survey, *, smallest: float = 0.2) -> Result:
    """Which design would decide, at what size? People in each of two groups for 80 % power (Cohen 1988; Kish
    1965).

    ``smallest`` is the smallest effect that would matter, in standard deviations. Table: ``design n power``.
    """
    sizes = np.unique(np.geomspace(20, 5000, 40).astype(int))
    parts = [
        pd.DataFrame({"n": sizes, "power": power_two_groups(sizes, effect=smallest, **facts)})
        for facts in DESIGNS.values()
    ]
    table = pd.concat(dict(zip(map(capital, DESIGNS), parts, strict=True)), names=["design"]).reset_index(
        "design"
    )
    needed = {name: size_two_groups(effect=smallest, **facts) for name, facts in DESIGNS.items()}
    numbers = {
        f"people-{i + 1}": Number(size, unit="people", label=f"people a group: {name}")
        for i, (name, size) in enumerate(needed.items())
    }
    best = min(needed, key=needed.get)
    people = count(needed[best], "person", "people")
    finding = (
        f"An effect of {number(smallest)} standard deviations needs {people} in each group, with {best}."
    )
    title = f"{capital(best)}: {people} a group for an effect of {number(smallest)}"
    return Result(
        finding, numbers, table,
        lambda: general.lines(
            table, x="n", y="power", group="design", title=title, percent=True, x_title="people a group",
            y_title="chance to find it", reference=0.8, mark=needed[best], mark_label=f"{needed[best]:,}",
        ),
        ["Stories drawn by lot and a second round of questions need no new product and no new service."],
        survey.with_(simulated=False),
    )  # fmt: skip
