"""Who stays because leaving is hard, and who recommends? Questions about a survey, part of horizons."""

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.survey import Survey
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.shares import direction, points, shares
from cxlab.questions.words import count, number, with_interval
from cxlab.stats.intervals import normal_quantile, wilson
from cxlab.stats.regression import Fit, fit

LEAST = 20  # complete answers
SATISFIED, TIED, RECOMMENDS = 2 / 3, 1 / 2, 5 / 6  # parts of the scale from which somebody counts as such
CELLS = {
    (True, False): "satisfied and free",
    (True, True): "satisfied and tied",
    (False, True): "not satisfied but tied",
    (False, False): "not satisfied and free",
}
TOLD = {
    "hostage-share": ("not satisfied but tied", "not satisfied but find leaving hard"),
    "satisfied-and-free": ("satisfied and free", "satisfied and find leaving easy"),
}


@question("survey", needs="a survey about satisfaction, one more outcome and how hard leaving is")
def hostages(survey: Survey) -> Result:
    """Does satisfaction matter less for staying where leaving is hard (Dick & Basu 1994)?

    The outcome is fitted on satisfaction, on how hard leaving is (block or role ``switching``) and on their
    product, all standardised, with HC3 limits. Satisfied are those in the upper third of the scale, tied
    those in its upper half. Columns of the table: group, respondents, share, low, high, and the mean of the
    outcome with its limits.
    """
    items = survey.blocks.get("switching") or survey.roles.get("switching")
    if not items:
        raise NotEnough("the survey does not ask how hard leaving would be")
    happy, outcome = _pair(survey)
    named = {"satisfaction": survey.outcomes[happy], "outcome": survey.outcomes[outcome], "tied": items}
    data = _columns(survey, named)
    z, model = standard_fit(data, "outcome", ["satisfaction", "tied"], product=True)
    gap, low, high, _ = model.contrast([0, 0, 0, 1], survey.confidence_level)
    said, word = survey.label(happy), survey.label(outcome)
    cells = _cells(data, survey)
    shown, hidden = suppress(cells, count="respondents", min_cell=survey.min_cell)
    label = f"change in what {said} does for {word} as leaving gets harder"
    slope = Number(gap, low, high, "standardised slope", len(z), label)
    numbers = {"hostage-loyalty-gap": slope}
    cell, level = cells.set_index("group").respondents, survey.confidence_level
    for name, (group, meaning) in TOLD.items():
        if group in set(shown.group):
            numbers[name] = Number.share(cell[group], len(data), "share of customers", meaning, level)
    first = ""
    if "hostage-share" in numbers:
        first = f"{numbers['hostage-share']} of customers are not satisfied but find leaving hard. "
    verdict = direction(slope, f"counts less for {word}", f"counts more for {word}")
    second = f"No difference was found in what {said} does for {word} where leaving is hard."
    title = f"Leaving hard or easy: no difference found in what {said} does"
    if verdict:
        by = with_interval(abs(gap), *sorted(abs(end) for end in (low, high)))
        second = f"Where leaving is hard, {said} {verdict}, by {by}."
        title = f"Where leaving is hard, {said} {verdict}: slope {number(gap)}"
    cautions = ["The survey reaches people who are still customers; those who left are missing."]
    if survey.weights:
        cautions.append("Survey weights are not used here.")
    elif hidden:
        cautions.append(f"{count(hidden, 'small group')} not shown.")
    curve = _two_lines(z, model, data, survey)
    names = {"x": "satisfaction", "y": "estimate", "group": "leaving", "x_title": said, "y_title": word}
    return Result(
        first + second, numbers, shown, lambda: general.lines(curve, title=title, **names), cautions, survey
    )


@question("survey", needs="a survey about satisfaction and recommending")
def advocates(survey: Survey) -> Result:
    """Do satisfied customers recommend more often, and does trust add to satisfaction beside the product?

    Recommending is the outcome, or else the first item, whose label says so; who recommends answers in the
    upper sixth of the scale, the satisfied in its upper third. Trust is the role or block ``trust``; its
    slope on satisfaction is standardised, beside the mean of the product's items, with HC3 limits. Columns of
    the table: group, respondents, estimate, low, high.
    """
    happy, _ = _pair(survey, two=False)
    named = survey.outcomes | {item: [item] for item in survey.frame if item in survey.labels}
    found = [own for name, own in named.items() if "recommend" in f"{name} {survey.label(name)}".lower()]
    if not found:
        raise NotEnough("the survey does not ask whether customers would recommend")
    data = _columns(survey, {"satisfaction": survey.outcomes[happy], "recommend": found[0]})
    pleased = data.satisfaction >= _mark(survey, SATISFIED, data)
    tells = data.recommend >= _mark(survey, RECOMMENDS, data)
    groups = {"satisfied": tells[pleased], "not satisfied": tells[~pleased]}
    rows = [(name, part.sum(), len(part)) for name, part in groups.items()]
    if min(len(part) for part in groups.values()) < survey.min_cell:
        raise NotEnough("too few customers stand on one side of satisfied and not satisfied")
    table = shares(rows, survey.confidence_level, ("group", "recommend", "respondents")).drop(
        columns="recommend"
    )
    counts = [*rows[0][1:], *rows[1][1:]]
    label = "recommend: satisfied minus not satisfied"
    gap = Number.difference(*counts, "share of customers", label, survey.confidence_level)
    numbers = {"satisfied-recommend": gap}
    verdict = direction(gap, "less often", "more often")
    finding = "No difference in recommending was found between satisfied customers and others"
    title = "Satisfied or not: no difference found in recommending"
    if verdict:
        finding = f"Satisfied customers would recommend {verdict} than others, by {points(gap)}"
        one, other = (number(value, "share") for value in table.estimate)
        title = f"Satisfied customers recommend {verdict}: {one} against {other}"
    finding += _trust(survey, happy, numbers)
    names = {"label": "group", "x_title": "would recommend", "reference": None, "percent": True}
    return Result(
        finding, numbers, table, lambda: general.dots(table, title=title, **names),
        ["Answers of one person in one sitting move together for many reasons."], survey,
    )  # fmt: skip


def standard_fit(
    data: pd.DataFrame, outcome: str, causes: list[str], *, product: bool = False
) -> tuple[pd.DataFrame, Fit]:
    """Return the standardised columns and the fit of one on others (and on the product of the first two)."""
    z = (data - data.mean()) / data.std(ddof=0)
    columns = [np.ones(len(z)), *(z[name] for name in causes)]
    if product:
        columns.append(z[causes[0]] * z[causes[1]])
    return z, fit(z[outcome], np.column_stack(columns))


def _pair(survey: Survey, *, two: bool = True) -> tuple[str, str]:
    """Return the outcome that means satisfaction, and the one that it should lead to."""
    happy = [name for name in survey.outcomes if "satisf" in f"{name} {survey.label(name)}".lower()]
    asked = sorted(survey.outcomes, key=lambda name: name != survey.outcome)
    others = [name for name in asked if name not in happy]
    if not happy or (two and not others):
        raise NotEnough("the survey does not ask both how satisfied customers are and whether they stay")
    return happy[0], others[0] if others else ""


def _columns(survey: Survey, items: dict[str, list[str]]) -> pd.DataFrame:
    """Return the mean of each list of items, rows without a gap."""
    answers = {
        name: survey.frame[own].astype(float).mean(axis=1, skipna=False) for name, own in items.items()
    }
    data = pd.DataFrame(answers)
    known = data.dropna()
    if len(known) < LEAST:
        have = f"only {len(known)} of {len(data)} respondents answered all of this"
        raise NotEnough(f"{have}; {LEAST} are needed")
    if (np.ptp(known.to_numpy(), axis=0) == 0).any():
        raise NotEnough("everybody gave the same answer, so nothing can be compared")
    return known


def _mark(survey: Survey, part: float, data: pd.DataFrame) -> float:
    low, high = survey.scale or (data.min().min(), data.max().max())
    return low + part * (high - low) - 1e-9


def _cells(data: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    happy = data.satisfaction >= _mark(survey, SATISFIED, data)
    tied = data.tied >= _mark(survey, TIED, data)
    z, rows = normal_quantile(survey.confidence_level), []
    for (a, b), name in CELLS.items():
        part = data.outcome[(happy == a) & (tied == b)]
        half = z * part.std() / np.sqrt(len(part)) if len(part) > 1 else np.nan
        rows.append((name, len(part), part.mean(), part.mean() - half, part.mean() + half))
    table = pd.DataFrame(rows, columns=["group", "respondents", "outcome", "outcome_low", "outcome_high"])
    low, high = wilson(table.respondents, len(data), survey.confidence_level)
    return table.assign(share=table.respondents / len(data), low=low, high=high)


def _two_lines(z: pd.DataFrame, model: Fit, data: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Return the fitted outcome over satisfaction, one standard deviation below and above average tie."""
    rows, mean, spread = [], data.mean(), data.std(ddof=0)
    for word, tied in (("leaving is easy", -1.0), ("leaving is hard", 1.0)):
        for at in np.linspace(*np.quantile(z.satisfaction, [0.02, 0.98]), 9):
            fitted = np.array(model.contrast([1, at, tied, at * tied], survey.confidence_level)[:3])
            back = mean.outcome + spread.outcome * fitted
            rows.append((word, mean.satisfaction + spread.satisfaction * at, *back))
    return pd.DataFrame(rows, columns=["leaving", "satisfaction", "estimate", "low", "high"])


def _trust(survey: Survey, happy: str, numbers: dict[str, Number]) -> str:
    """Add the slope of satisfaction on trust beside the product, and return the end of the sentence."""
    trust = survey.roles.get("trust") or survey.blocks.get("trust")
    if not trust or not survey.blocks.get("product"):
        return "."
    items = {"satisfaction": survey.outcomes[happy], "trust": trust, "quality": survey.blocks["product"]}
    z, model = standard_fit(_columns(survey, items), "satisfaction", ["trust", "quality"])
    value, low, high, _ = model.contrast([0, 1, 0], survey.confidence_level)
    label = f"what trust adds to {survey.label(happy)} beside the product"
    slope = Number(value, low, high, "standardised slope", len(z), label)
    numbers["trust-beside-quality"] = slope
    effect = direction(slope, "goes with less satisfaction", "adds to satisfaction")
    if effect:
        return f"; trust {effect} beside the product's quality."
    return "; no effect of trust beside the product's quality was found."
