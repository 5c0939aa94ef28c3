"""Cause or coincidence? Hidden causes, both orders of mediation, and which design would decide."""

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
from cxlab.questions.words import capital, count, listed, number
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


def scores(survey: Survey) -> pd.DataFrame:
    """Return mean composites of the sides and of the blocks held fixed, and the outcome, standardised, of
    those who answered all; ``attrs`` names the columns of weights and clusters.
    """
    if survey.categorical:
        raise NotEnough("the items of a side are categories, whose mean is no scale")
    frame = survey.frame
    items = {side: survey.blocks[side] for side in (*SIDES, *HELD) if survey.blocks.get(side)}
    items["outcome"] = [survey.outcome]
    table = pd.DataFrame({name: frame[own].astype(float).mean(axis=1, skipna=False)
                          for name, own in items.items()}).dropna()  # fmt: skip
    least = 10 + 3 * len(items)
    if len(table) < least:
        raise NotEnough(f"only {len(table)} of {len(frame)} people answered everything; {least} are needed")
    flat = [name for name in table if np.ptp(table[name]) == 0]
    if flat:
        raise NotEnough(f"everybody has the same score of {flat[0]}")
    given = {"weights": survey.weights, "clusters": survey.clusters}
    kept = {f"({key})": frame.loc[table.index, column] for key, column in given.items() if column}
    made = ((table - table.mean()) / table.std(ddof=0)).assign(**kept)
    made.attrs = {name.strip("()"): name for name in kept}
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
        for held in ([], [other], [other, *rest])[: 3 if rest else 2]:
            found = robustness_value(table, outcome="outcome", treatment=side, covariates=held,
                                     confidence_level=survey.confidence_level, **table.attrs)  # fmt: skip
            model = f"{listed(held)} held fixed" if held else "alone"
            rows.append((f"{capital(side)}, {model}", *found[:3], found.n))
        last[side] = found
    held = listed(["the other side", *rest])
    numbers = {
        f"effect-{side}": Number(*one[:3], STEP, one.n, f"what a step of {side} adds, {held} held fixed")
        for side, one in last.items()
    }
    sure = [side for side in SIDES if last[side].low > 0 or last[side].high < 0]
    finding = f"with the rest held fixed, no effect on {what} was found for either side."
    if sure:
        adds = listed(f"{side} adds {numbers[f'effect-{side}']}" for side in sure)
        finding = f"with the rest held fixed, a step of {adds} to {what}"
        finding += "." if len(sure) == 2 else f"; of {SIDES[sure == ['product']]} no effect was found."
    shown = pd.DataFrame(rows, columns=["row", "estimate", "low", "high", "n"])
    return Result(
        finding, numbers, shown,
        lambda: general.dots(shown, x_title="effect, in standard deviations", label="row"),
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
    given = {key: table[name].to_numpy() for key, name in table.attrs.items()}
    answers = table[[*SIDES, *rest, "outcome"]].to_numpy()
    made = Covariances(answers, draws=survey.bootstrap, rng=survey.rng, **given)
    found = strength_intervals(made, sides=SIDES, covariates=rest, level=level)
    n, numbers, rows, unit = len(table), {}, [], "share of residual variance"
    for side, other in (SIDES, SIDES[::-1]):
        ask = {"outcome": "outcome", "treatment": side, "covariates": [other, *rest]}
        base = robustness_value(table, **ask, confidence_level=level, **table.attrs)
        label = f"strength of a hidden cause that would undo the effect of {side}"
        numbers[f"robustness-value-{side}"] = Number(*found.loc[(side, "value_at_level")], unit, n, label)
        label = f"strength of the strongest known cause, for {side}"
        numbers[f"benchmark-{side}"] = Number(*found.loc[(side, "benchmark")], unit, n, label)
        ratios = np.exp(0.91 * np.array(base[:3]))
        needed = e_value(ratios[0], low=ratios[1], high=ratios[2])
        far = max(e_value(ratio).estimate for ratio in ratios)
        label = f"E-value of {side}: how much likelier a hidden cause must make both"
        numbers[f"e-value-{side}"] = Number(needed.estimate, needed.limit, far, "risk ratio", n, label)
        rows.append((f"{capital(side)}, as it is", side, *base[:3]))
        bounds = benchmark_bounds(table, **ask, multiples=[1], confidence_level=level)
        for row in bounds[bounds["benchmark"].isin(rest or [other])].dropna().itertuples():
            words = f"{capital(side)}, a cause like {row.benchmark} missing"
            rows.append((words, side, row.estimate, row.low, row.high))
    strength = {side: numbers[f"robustness-value-{side}"].value for side in SIDES}
    firm = [side for side in SIDES if strength[side] > numbers[f"benchmark-{side}"].value]
    most = max(SIDES, key=strength.get)
    finding = "no effect of either side is sure, so a hidden cause would have nothing to undo."
    if strength[most]:
        finding = f"a hidden cause explaining {number(strength[most], unit)} of the rest would undo {most}; "
        finding += f"{listed(firm)} would withstand" if firm else "neither side would withstand"
        finding += " one as strong as the strongest known one."
    shown = pd.DataFrame(rows, columns=["row", "side", "estimate", "low", "high"])
    return Result(
        finding, numbers, shown,
        lambda: general.dots(shown, x_title="effect left, in standard deviations", label="row"),
        ["This is about hidden causes only. It says nothing about which of the two came first."], survey,
    )  # fmt: skip


@question("survey", *SIDES)
def both_orders(survey: Survey) -> Result:
    """Does product work through experience, or experience through product? Indirect effects in both orders
    (Imai et al. 2010 for what it assumes).

    Table: ``path estimate low high n``.
    """
    table = scores(survey)
    before = ["expectation"] if "expectation" in table else []
    rows, numbers = [], {}
    for side, other in (SIDES, SIDES[::-1]):
        found = mediation(
            table, treatment=side, mediator=other, outcome="outcome", covariates=before, rng=survey.seed,
            bootstrap=survey.bootstrap, confidence_level=survey.confidence_level, **table.attrs,
        )  # fmt: skip
        row, label = found.loc["indirect", ["estimate", "low", "high"]], f"effect of {side} through {other}"
        numbers[f"indirect-{side}-through-{other}"] = Number(*row, STEP, len(table), label)
        rows.append((f"{capital(side)} through {other}", *row, len(table)))
    sure = [f"{way.lower()}, {Number(*ends)}" for way, *ends, _ in rows if ends[1] > 0 or ends[2] < 0]
    finding = "no effect of one side through the other was found, in either order."
    if sure:
        only = "only " if len(sure) == 1 else ""
        finding = f"an effect shows {only}for {listed(sure)}; the data fit both orders alike."
    shown = pd.DataFrame(rows, columns=["path", "estimate", "low", "high", "n"])
    return Result(
        finding, numbers, shown,
        lambda: general.dots(shown, x_title="indirect effect, standardised", label="path"),
        ["One survey cannot tell the order. Whoever prints one of the two stories has chosen it."], survey,
    )  # fmt: skip


@question("survey")
def design(survey: Survey, *, smallest: float = 0.2) -> Result:
    """Which design would decide, at what size? People in each of two groups for 80 % power (Cohen 1988; Kish
    1965).

    ``smallest`` is the smallest effect that would matter, in standard deviations. Table: ``design n power``.
    """
    sizes, curves, needed = np.unique(np.geomspace(20, 5000, 40).astype(int)), [], {}
    for name, facts in DESIGNS.items():
        power = power_two_groups(sizes, effect=smallest, **facts)
        curves.append(pd.DataFrame({"design": capital(name), "n": sizes, "power": power}))
        needed[name] = size_two_groups(effect=smallest, **facts)
    table = pd.concat(curves, ignore_index=True)
    numbers = {
        f"people-{i}": Number(size, unit="people", label=f"people a group: {name}")
        for i, (name, size) in enumerate(needed.items(), start=1)
    }
    best = min(needed, key=needed.get)
    finding = f"An effect of {number(smallest)} standard deviations needs "
    finding += f"{count(needed[best], 'person', 'people')} in each group, with {best}."
    return Result(
        finding, numbers, table,
        lambda: general.lines(
            table, x="n", y="power", group="design", percent=True, x_title="people a group",
            y_title="chance to find it", reference=0.8, mark=needed[best], mark_label=f"{needed[best]:,}"
        ),
        ["Stories drawn by lot and a second round of questions need no new product and no new service."],
        survey.with_(simulated=False),
    )  # fmt: skip
