"""Cause or coincidence? Adjusted slopes, hidden causes, both orders of mediation, and designs that decide."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import SIDES, Survey
from cxlab.figures import general
from cxlab.questions.result import Number, Result, capital, count, listed, number, question
from cxlab.stats.regression import complete_cases, fit, t_quantile
from cxlab.stats.resampling import covariances, intervals

HELD = ("price", "image", "expectation")  # blocks held fixed where a survey asks about them
STEP = "standardised slope"
DESIGNS = {
    "stories drawn by lot": {},
    "the same customers asked twice": {"before_after": 0.6},
    "whole branches of 25 compared": {"cluster_size": 25, "intraclass": 0.1},
}


def scores(survey: Survey) -> pd.DataFrame:
    """Return mean composites of the sides and of the blocks held fixed, and the outcome, standardised, of
    those who answered all; ``attrs`` are the level and the columns of weights and clusters.
    """
    if survey.categorical:
        raise NotEnough("the items of a side are categories, whose mean is no scale")
    items = {side: survey.blocks[side] for side in (*SIDES, *HELD) if survey.blocks.get(side)}
    items["outcome"] = [survey.outcome]
    answers = survey.complete([item for own in items.values() for item in own])
    table = pd.DataFrame({name: answers[own].mean(axis=1) for name, own in items.items()})
    table = (table - table.mean()) / table.std(ddof=0)
    table.attrs["confidence_level"] = survey.confidence_level
    for name in ("weights", "clusters"):
        if column := getattr(survey, name):
            table[f"({name})"] = answers[column]
            table.attrs[name] = f"({name})"
    return table


@question("survey", *SIDES)
def adjusted(survey: Survey) -> Result:
    """What is left of each side when the rest is held fixed? Slopes alone, beside the other side, and with
    price, image and expectation held fixed as well; HC3 intervals (MacKinnon & White 1985), clustered where
    the survey has clusters.

    Table: ``row estimate low high n``.
    """
    table = scores(survey)
    rest = [name for name in HELD if name in table]
    rows, numbers, what = [], {}, survey.label(survey.outcome)
    for side, other in (SIDES, SIDES[::-1]):
        for held in ([], [other], [other, *rest])[: 3 if rest else 2]:
            found = robustness_value(table, outcome="outcome", treatment=side, covariates=held, **table.attrs)
            model = f"{listed(held)} held fixed" if held else "alone"
            rows.append((f"{capital(side)}, {model}", *found[:3], found.n))
        label = f"what a step of {side} adds, {listed(['the other side', *rest])} held fixed"
        numbers[f"effect-{side}"] = Number(*found[:3], STEP, found.n, label)
    sure = [side for side in SIDES if numbers[f"effect-{side}"].direction("falls", "adds")]
    finding = f"with the rest held fixed, no effect on {what} was found for either side."
    if sure:
        adds = listed(f"{side} adds {numbers[f'effect-{side}']}" for side in sure)
        finding = f"with the rest held fixed, a step of {adds} to {what}"
        finding += "." if len(sure) == 2 else f"; of {SIDES[sure == ['product']]} no effect was found."
    shown = pd.DataFrame(rows, columns=["row", "estimate", "low", "high", "n"])
    draw = partial(general.dots, shown, x_title="effect, in standard deviations", label="row")
    caution = f"A slope is no cause: something that was not asked may move both ratings and {what}."
    return Result(finding, numbers, shown, draw, [caution], survey)


@question("survey", *SIDES)
def hidden_cause(survey: Survey) -> Result:
    """How strong must a hidden cause be? Robustness values (Cinelli & Hazlett 2020), and what a cause as
    strong as each known one would leave; limits of a value are those of the slope, carried through.

    Table: ``row side estimate low high``: the adjusted effect as it is, and with such a cause missing.
    """
    table, level = scores(survey), survey.confidence_level
    rest = [name for name in HELD if name in table]
    numbers, rows, firm, unit = {}, [], [], "share of residual variance"

    def slope(outcome: str, treatment: str, *held: str) -> Robustness:
        ask = {"outcome": outcome, "treatment": treatment}
        return robustness_value(table, covariates=[h for h in held if h != treatment], **ask, **table.attrs)

    for side, other in (SIDES, SIDES[::-1]):
        base = slope("outcome", side, other, *rest)
        nearest = 0.0 if base.low * base.high <= 0 else min(base.low, base.high, key=abs)
        ends = [robustness_from_t(end / base.standard_error, base.dof, confidence_level=level)[1]
                for end in (nearest, max(base.low, base.high, key=abs))]  # fmt: skip
        label = f"strength of a hidden cause that would undo the effect of {side}"
        value = Number(base.value_at_level, *ends, unit, base.n, label)
        rows.append((f"{capital(side)}, as it is", side, *base[:3]))
        strongest = np.nan
        for name in rest or [other]:
            before = slope(side, name, other, *rest).partial_r2
            strength = benchmark(before, slope("outcome", name, side, other, *rest).partial_r2)
            strongest = np.fmax(strongest, np.fmax(*strength))
            if np.isfinite(strength).all():
                left = hidden(base, *strength, level)
                rows.append((f"{capital(side)}, a cause like {name} missing", side, *left))
        label = f"strength of the strongest known cause, for {side}"
        numbers[f"robustness-value-{side}"] = value
        numbers[f"benchmark-{side}"] = Number(float(strongest), unit=unit, n=base.n, label=label)
        firm += [side] * bool(value.value > strongest)
    most = max(SIDES, key=lambda side: numbers[f"robustness-value-{side}"].value)
    strength = numbers[f"robustness-value-{most}"].value
    finding = "no effect of either side is sure, so a hidden cause would have nothing to undo."
    if strength:
        finding = f"a hidden cause explaining {number(strength, unit)} of the rest would undo {most}; "
        finding += f"{listed(firm)} would withstand" if firm else "neither side would withstand"
        finding += " one as strong as the strongest known one."
    shown = pd.DataFrame(rows, columns=["row", "side", "estimate", "low", "high"])
    draw = partial(general.dots, shown, x_title="effect left, in standard deviations", label="row")
    caution = "This is about hidden causes only. It says nothing about which of the two came first."
    return Result(finding, numbers, shown, draw, [caution], survey)


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
        found = mediation(table, treatment=side, mediator=other, outcome="outcome", covariates=before,
                          rng=survey.seed, bootstrap=survey.bootstrap, **table.attrs)  # fmt: skip
        row, label = found.loc["indirect", ["estimate", "low", "high"]], f"effect of {side} through {other}"
        numbers[f"indirect-{side}-through-{other}"] = Number(*row, STEP, len(table), label)
        rows.append((f"{capital(side)} through {other}", *row, len(table)))
    sure = [f"{way.lower()}, {Number(*ends)}" for way, *ends, _ in rows if ends[1] > 0 or ends[2] < 0]
    finding = "no effect of one side through the other was found, in either order."
    if sure:
        only = "only " if len(sure) == 1 else ""
        finding = f"an effect shows {only}for {listed(sure)}; the data fit both orders alike."
    shown = pd.DataFrame(rows, columns=["path", "estimate", "low", "high", "n"])
    draw = partial(general.dots, shown, x_title="indirect effect, standardised", label="path")
    caution = "One survey cannot tell the order. Whoever prints one of the two stories has chosen it."
    return Result(finding, numbers, shown, draw, [caution], survey)


@question("survey")
def design(survey: Survey, *, smallest: float = 0.2) -> Result:
    """Which design would decide, at what size? People in each of two groups for 80 % power (Cohen 1988; Kish
    1965).

    ``smallest`` is the smallest effect that would matter, in standard deviations. Table: ``design n power``.
    """
    sizes, curves, needed, numbers = np.unique(np.geomspace(20, 5000, 40).astype(int)), [], {}, {}
    for i, (name, facts) in enumerate(DESIGNS.items(), start=1):
        power = power_two_groups(sizes, effect=smallest, **facts)
        curves.append(pd.DataFrame({"design": capital(name), "n": sizes, "power": power}))
        needed[name] = size_two_groups(effect=smallest, **facts)
        numbers[f"people-{i}"] = Number(needed[name], unit="people", label=f"people a group: {name}")
    table = pd.concat(curves, ignore_index=True)
    best = min(needed, key=needed.get)
    finding = f"An effect of {number(smallest)} standard deviations needs "
    finding += f"{count(needed[best], 'person', 'people')} in each group, with {best}."
    draw = partial(
        general.lines, table, x="n", y="power", group="design", percent=True, x_title="people a group",
        y_title="chance to find it", reference=0.8, mark=needed[best], mark_label=f"{needed[best]:,}",
    )  # fmt: skip
    caution = "Stories drawn by lot and a second round of questions need no new product and no new service."
    return Result(finding, numbers, table, draw, [caution], survey.with_(simulated=False))


class Robustness(NamedTuple):
    """An adjusted slope (HC3 interval), and the share of the left-over variance of treatment and outcome that
    an unseen cause must explain to bring it to zero (``value``) or make it not significant.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    dof: int
    partial_r2: float
    value: float
    value_at_level: float
    n: int


def robustness_value(
    data: pd.DataFrame, *, outcome: str, treatment: str, covariates: Sequence[str] = (),
    confidence_level: float = 0.95, weights: str | None = None, clusters: str | None = None,
) -> Robustness:  # fmt: skip
    """Return the slope of ``outcome`` on ``treatment`` given the covariates, with its robustness value
    (Cinelli & Hazlett 2020); ``weights`` and ``clusters`` (who gave several rows) name columns.
    """
    drivers = [treatment, *covariates]
    if outcome in drivers:
        raise InputError(f"outcome {outcome!r} also stands among the drivers; leave it out there")
    table = complete_cases(data, [outcome, *drivers], minimum=len(drivers) + 3)
    weight = np.ones(len(table)) if weights is None else data.loc[table.index, weights].to_numpy(float)
    x = np.column_stack([np.ones(len(table)), table[drivers]]) * np.sqrt(weight)[:, None]
    groups = None if clusters is None else data.loc[table.index, clusters].to_numpy()
    result = fit(table[outcome] * np.sqrt(weight), x, groups=groups)
    estimate, low, high, _ = result.contrast(np.eye(x.shape[1])[1], confidence_level)
    error, dof = float(np.sqrt(result.classical[1, 1])), len(x) - x.shape[1]
    t = estimate / error
    both = robustness_from_t(t, dof, confidence_level=confidence_level)
    return Robustness(estimate, low, high, error, dof, t**2 / (t**2 + dof), *both, len(table))


def robustness_from_t(t: float, dof: int, *, confidence_level: float = 0.95) -> tuple[float, float]:
    """Return the robustness value of an estimate, and of its significance, from a published t and its dof.

    >>> [round(v, 4) for v in robustness_from_t(4.18445, 783)]
    [0.1388, 0.0763]
    """
    f = abs(t) / np.sqrt(dof)
    critical = t_quantile(confidence_level, dof - 1) / np.sqrt(dof - 1)

    def undone(f: float) -> float:
        return float(0.5 * (np.sqrt(f**4 + 4 * f**2) - f**2))

    at_level = undone(max(f - critical, 0.0))
    return undone(f), at_level if f <= 1 / critical else float((f**2 - critical**2) / (1 + f**2))


def benchmark(r2_treatment: float, r2_outcome: float, k: float = 1) -> tuple[float, float]:
    """Return the partial R2 (with treatment, with outcome) of an unseen cause ``k`` times as strong as a
    known one; gaps where there can be none (Cinelli & Hazlett 2020, section 4.4).
    """
    left = 1 - r2_treatment
    treated = k * r2_treatment / left
    shared = k * r2_treatment**2 / ((1 - k * r2_treatment) * left) if k * r2_treatment < 1 else 1.0
    if treated >= 1 or shared >= 1:
        return np.nan, np.nan
    answered = (np.sqrt(k) + np.sqrt(shared)) ** 2 / (1 - shared) * r2_outcome / (1 - r2_outcome)
    return treated, min(float(answered), 1.0)


def hidden(
    found: Robustness, r2_treatment: float, r2_outcome: float, level: float = 0.95
) -> tuple[float, float, float]:
    """Return estimate, low and high if an unseen cause of these partial R2 worked against the finding."""
    left = 1 - r2_treatment
    bias = found.standard_error * np.sqrt(found.dof * r2_outcome * r2_treatment / left)
    error = found.standard_error * np.sqrt((1 - r2_outcome) / left * found.dof / (found.dof - 1))
    estimate = float(np.sign(found.estimate) * (abs(found.estimate) - bias))
    half = float(t_quantile(level, found.dof - 1) * error)
    return estimate, estimate - half, estimate + half


class EValue(NamedTuple):
    """How strongly a hidden cause must be tied to both, as risk ratios: the estimate's, the near limit's."""

    estimate: float
    limit: float


def e_value(risk_ratio: float, *, low: float | None = None, high: float | None = None) -> EValue:
    """Return the E-value of a risk ratio, RR + sqrt(RR (RR - 1)), and of the nearer limit of its interval
    (VanderWeele & Ding 2017); a ratio below 1 is turned round. The limit's is 1 when the interval holds 1.

    >>> [round(v, 2) for v in e_value(3.9, low=1.8)]
    [7.26, 3.0]
    """
    if not 0 < (low or risk_ratio) <= risk_ratio <= (high or risk_ratio):
        raise InputError(f"risk_ratio={risk_ratio!r} must be above 0 and lie within {low!r} to {high!r}")
    ratio, near = (risk_ratio, low) if risk_ratio >= 1 else (1 / risk_ratio, high and 1 / high)
    near = np.nan if near is None else max(near, 1.0)
    return EValue(*(float(rr + np.sqrt(rr * (rr - 1))) for rr in (ratio, near)))


def mediation(
    data: pd.DataFrame, *, treatment: str, mediator: str, outcome: str, covariates: Sequence[str] = (),
    bootstrap: int = 1000, confidence_level: float = 0.95, rng=None,
    weights: str | None = None, clusters: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return how much of an effect runs through a mediator, if the order is right and no cause is hidden.

    Index ``effect``: ``indirect``, ``direct``, ``total`` and ``rho_zero``, the correlation between the errors
    of mediator and outcome at which the indirect effect would be 0. Columns ``estimate low high n``. Two
    least-squares equations; Imai, Keele & Yamamoto (2010), theorem 4.
    """
    names = [treatment, *covariates, mediator, outcome]
    if len(set(names)) < len(names):
        raise InputError(f"treatment, mediator, outcome and covariates must be different columns: {names}")
    table = complete_cases(data, names, minimum=len(names) + 3)
    given = {key: None if column is None else data.loc[table.index, column].to_numpy()
             for key, column in (("weights", weights), ("clusters", clusters))}  # fmt: skip
    found = covariances(table.to_numpy(), draws=bootstrap, rng=rng, **given)
    k = len(names) - 2
    inner, outer = found[:, :k, :k], found[:, :k, k:]
    both = np.linalg.solve(inner, outer)
    left = found[:, k:, k:] - outer.transpose(0, 2, 1) @ both
    total, indirect = both[:, 0, 1], both[:, 0, 0] * left[:, 0, 1] / left[:, 0, 0]
    rho_zero = left[:, 0, 1] / np.sqrt(left[:, 0, 0] * left[:, 1, 1])
    effects = {"indirect": indirect, "direct": total - indirect, "total": total, "rho_zero": rho_zero}
    made = intervals(np.array(list(effects.values())), effects, confidence_level)
    return made.rename_axis("effect").assign(n=len(table))


def power_two_groups(n, *, effect: float, cluster_size=1, intraclass=0.0, before_after=0.0) -> np.ndarray:
    """Return the chance that a two-sided 5 % t test of two groups of ``n`` finds ``effect`` (in SD), for
    people drawn in clusters (Kish 1965), or measured before and after (correlation ``before_after``).
    """
    from statsmodels.stats.power import TTestIndPower

    n = np.atleast_1d(np.asarray(n, float))
    inflation = (1 - before_after**2) * (1 + (cluster_size - 1) * intraclass)
    dof = np.maximum(2 * n / cluster_size - 2, 1.0)
    power = TTestIndPower().power(abs(effect), n / inflation, 0.05, df=dof)
    return np.nan_to_num(power, nan=1.0)  # far out in the tail the test is sure to find the effect


def size_two_groups(*, effect: float, **design: float) -> int:
    """Return the smallest number of people a group that has a chance of 80 %, in whole clusters.

    >>> size_two_groups(effect=0.5)
    64
    """
    if effect == 0:
        raise InputError(f"effect={effect!r} must not be 0")
    step = int(design.get("cluster_size", 1))
    sizes = range(2 * step, 10**12, step)
    return sizes[bisect_left(sizes, 0.8, key=lambda n: power_two_groups(n, effect=effect, **design)[0])]
