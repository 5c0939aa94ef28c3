"""Cause or coincidence? How strong a hidden cause must be, both orders of mediation, and which design would decide."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.survey import SIDES, Survey
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.sensitivity import (
    benchmark,
    e_value,
    mediation,
    power_two_groups,
    robustness_from_t,
    robustness_value,
    size_two_groups,
    strength_intervals,
)
from cxlab.questions.words import capital, count, listed, number
from cxlab.stats.intervals import absolute_interval

__all__ = [
    "adjusted", "benchmark", "both_orders", "design", "e_value", "hidden_cause", "mediation", "power_two_groups",
    "robustness_from_t", "robustness_value", "size_two_groups",
]  # fmt: skip

HELD = ("price", "image", "expectation")  # blocks held fixed where a survey asks about them
STEP = "standardised slope"


def scores(survey: Survey, **more: list[str]) -> pd.DataFrame:
    """Return mean composites of the sides, of the blocks held fixed and of ``more``, and the outcome,
    standardised.

    Rows with a gap in any of them are left out.
    """
    blocks = {side: survey.blocks[side] for side in (*SIDES, *HELD) if survey.blocks.get(side)} | more
    columns = {
        name: survey.frame[items].astype(float).mean(axis=1, skipna=False) for name, items in blocks.items()
    }
    table = pd.DataFrame(columns | {"outcome": survey.frame[survey.outcome].astype(float)}).dropna()
    if len(table) < 10 + 3 * len(table.columns):
        raise NotEnough(f"only {len(table)} respondents answered everything that this needs")
    if survey.categorical:
        raise NotEnough("the items of a side are categories, whose mean is no scale")
    return (table - table.mean()) / table.std(ddof=0)


@question("survey", *SIDES)
def adjusted(survey: Survey) -> Result:
    """What is left of each side when the rest is held fixed? Slopes alone, beside the other side, and with
    price, image and expectation held fixed as well; HC3 intervals (MacKinnon & White 1985).

    Table: ``side model estimate low high n``.
    """
    table = scores(survey)
    rest = [name for name in HELD if name in table]
    rows = []
    for side in SIDES:
        other = next(name for name in SIDES if name != side)
        models = {"alone": [], f"with {other} held fixed": [other]}
        if rest:
            models[f"with {listed([other, *rest])} held fixed"] = [other, *rest]
        for model, held in models.items():
            found = robustness_value(
                table,
                outcome="outcome",
                treatment=side,
                covariates=held,
                confidence_level=survey.confidence_level,
            )
            rows.append((capital(side), model, found.estimate, found.low, found.high, found.n))
    shown = pd.DataFrame(rows, columns=["side", "model", "estimate", "low", "high", "n"])
    last = shown.groupby("side", sort=False).tail(1).set_index("side")
    held = listed(rest) if rest else "nothing else"
    numbers = {
        f"effect-{side}": Number(*last.loc[capital(side), ["estimate", "low", "high"]], STEP, len(table),
                                 f"what a step of {side} adds with {held} held fixed")
        for side in SIDES
    }  # fmt: skip
    sure = [side for side in SIDES if numbers[f"effect-{side}"].low > 0]
    what = survey.label(survey.outcome)
    if len(sure) == 1:
        lost = next(side for side in SIDES if side not in sure)
        finding = f"With the rest held fixed, {sure[0]} still goes with {what}; of {lost} no effect is left that this survey can see."
        title = f"With the rest held fixed, only {sure[0]} still counts: {number(numbers[f'effect-{sure[0]}'].value)}"
    elif sure:
        finding = f"With the rest held fixed, both product and experience still go with {what}."
        values = [number(numbers[f"effect-{side}"].value) for side in SIDES]
        title = f"Both sides still count: product {values[0]}, experience {values[1]}"
    else:
        finding = f"With the rest held fixed, no effect on {what} was found for either side."
        title = "With the rest held fixed, no effect was found"
    shown = shown.assign(row=shown["side"] + ", " + shown["model"])
    return Result(
        finding,
        numbers,
        shown,
        lambda: general.dots(
            shown,
            title=title,
            x_title="change per step, both in standard deviations",
            label="row",
            percent=False,
        ),
        [f"A slope is no cause: something that was not asked may move both ratings and {what}."],
        survey,
    )


@question("survey", *SIDES)
def hidden_cause(survey: Survey) -> Result:
    """How strong must a hidden cause be? Robustness values with intervals, beside the strongest known cause;
    E-values.

    Table: ``side quantity estimate low high``.
    """
    table = scores(survey)
    rest = [name for name in HELD if name in table]
    found = strength_intervals(table, sides=SIDES, covariates=rest, survey=survey)
    n, numbers = len(table), {}
    unit = "share of residual variance"
    for side in SIDES:
        numbers[f"robustness-value-{side}"] = Number(*found.loc[(side, "value_at_level")], unit, n,
                                                     f"strength of a hidden cause that would undo {side}")  # fmt: skip
        numbers[f"benchmark-{side}"] = Number(*found.loc[(side, "benchmark")], unit, n,
                                              f"strength of the strongest known cause, for {side}")  # fmt: skip
        base = robustness_value(table, outcome="outcome", treatment=side,
                                covariates=[*(s for s in SIDES if s != side), *rest])  # fmt: skip
        ratios = np.exp(0.91 * np.array([base.estimate, base.low, base.high]))
        needed = e_value(ratios[0], low=ratios[1], high=ratios[2])
        far = max(e_value(ratio).estimate for ratio in ratios[1:])
        numbers[f"e-value-{side}"] = Number(needed.estimate, needed.limit, max(far, needed.estimate), "risk ratio", n,
                                            f"E-value of {side}: tie of a hidden cause to both")  # fmt: skip
    firm = [
        side
        for side in SIDES
        if numbers[f"robustness-value-{side}"].value > numbers[f"benchmark-{side}"].value
    ]
    if firm:
        finding = f"{capital(listed(firm))} would withstand a hidden cause as strong as the strongest one that was asked about."
        title = f"{capital(listed(firm))} withstands a hidden cause as strong as the strongest known"
    else:
        finding = (
            "A hidden cause as strong as the strongest one that was asked about would undo either effect."
        )
        title = "A hidden cause as strong as the strongest known would undo both"
    words = {"robustness-value": "would undo it", "benchmark": "strongest known cause"}
    rows = [
        (f"{capital(side)}: {word}", *numbers[f"{name}-{side}"][:3])
        for side in SIDES
        for name, word in words.items()
    ]
    shown = pd.DataFrame(rows, columns=["row", "estimate", "low", "high"])
    return Result(
        finding,
        numbers,
        found.reset_index(),
        lambda: general.dots(
            shown,
            title=title,
            x_title="share of what is left over that it must explain",
            label="row",
            percent=True,
        ),
        ["This is about hidden causes only. It says nothing about which of the two came first."],
        survey,
    )


@question("survey", *SIDES)
def both_orders(survey: Survey) -> Result:
    """Does product work through experience, or experience through product? Indirect effects in both orders,
    and through value and trust where the survey asks (least squares, bootstrap; Imai et al. 2010 for what it
    assumes).

    Table: ``path estimate low high n``.
    """
    extra = {
        "value": survey.blocks.get("price") or [],
        "trust": survey.roles.get("trust") or survey.blocks.get("trust") or [],
    }
    table = scores(survey, **{name: items for name, items in extra.items() if items})
    between = [*SIDES, *(name for name in extra if extra[name])]
    before = ["expectation"] if "expectation" in table else []
    rows, numbers = [], {}
    for side in SIDES:
        for through in between:
            if through == side:
                continue
            held = [name for name in (*SIDES, *before) if name not in (side, through)]
            found = mediation(
                table, treatment=side, mediator=through, outcome="outcome", covariates=held, bootstrap=survey.bootstrap,
                confidence_level=survey.confidence_level, rng=survey.seed,
            )  # fmt: skip
            row = found.loc["indirect"]
            rows.append((f"{side} through {through}", row["estimate"], row["low"], row["high"], len(table)))
            numbers[f"indirect-{side}-through-{through}"] = Number(
                row["estimate"],
                row["low"],
                row["high"],
                STEP,
                len(table),
                f"effect of {side} that would run through {through}",
            )
            if through == "trust":
                rho = found.loc["rho_zero"]
                name = "rho-zero-trust" if side == "product" else "rho-zero-trust-experience"
                ends = absolute_interval(rho["low"], rho["high"])
                numbers[name] = Number(abs(rho["estimate"]), *ends, "correlation", len(table),
                                       f"hidden correlation that would undo {side} through trust")  # fmt: skip
    shown = pd.DataFrame(rows, columns=["path", "estimate", "low", "high", "n"])
    one, two = (numbers[f"indirect-{a}-through-{b}"] for a, b in (SIDES, SIDES[::-1]))
    sure = [
        word
        for word, value in (("product through experience", one), ("experience through product", two))
        if value.low > 0
    ]
    if len(sure) == 1:
        finding = f"If one side works through the other, then {sure[0]}; but the data fit the other order just as well."
        title = f"Only '{sure[0]}' shows an effect: {number((one if one.low > 0 else two).value)}"
    elif sure:
        finding = "Either side could work through the other; the data fit both orders alike."
        title = f"Both orders show an effect: {number(one.value)} and {number(two.value)}"
    else:
        finding = "No effect of one side through the other was found, in either order."
        title = "No effect of one side through the other was found"
    return Result(
        finding,
        numbers,
        shown,
        lambda: general.dots(
            shown, title=title, x_title="indirect effect, in standard deviations", label="path"
        ),
        ["One survey cannot tell the order. Whoever prints only one of the two stories has chosen it."],
        survey,
    )


@question("survey")
def design(survey: Survey, *, smallest: float = 0.2) -> Result:
    """Which design would decide, at what size? People in each of two groups for 80 % power (Cohen 1988; Kish
    1965).

    ``smallest`` is the smallest effect that would matter, in standard deviations. Table: ``design n power``.
    """
    designs = {
        "stories drawn by lot": {},
        "the same customers asked twice": {"before_after": 0.6},
        "whole branches of 25 compared": {"cluster_size": 25, "intraclass": 0.1},
    }
    sizes = np.unique(np.geomspace(20, 5000, 40).astype(int))
    table = pd.concat(
        pd.DataFrame({"design": name, "n": sizes, "power": power_two_groups(sizes, effect=smallest, **facts)})
        for name, facts in designs.items()
    )
    needed = {name: size_two_groups(effect=smallest, **facts) for name, facts in designs.items()}
    best = min(needed, key=needed.get)
    numbers = {
        f"people-{i + 1}": Number(size, unit="people a group", label=f"people a group: {name}")
        for i, (name, size) in enumerate(needed.items())
    }
    finding = (
        f"To find an effect of {number(smallest)} standard deviations with 80 % power, the cheapest design is "
        f"'{best}': {count(needed[best], 'person', 'people')} in each of two groups."
    )
    title = f"'{capital(best)}' needs {needed[best]:,} people a group for an effect of {number(smallest)}"
    return Result(
        finding,
        numbers,
        table,
        lambda: general.lines(
            table, x="n", y="power", group="design", title=title, x_title="people in each group", y_title="power",
            percent=True, reference=0.8, mark=needed[best], mark_label="80 %",
        ),
        ["The two cheapest need no new product and no new service."],
        survey.with_(simulated=False),
    )  # fmt: skip
