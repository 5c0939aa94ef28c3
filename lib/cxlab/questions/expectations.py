"""Is the gap to expectation what satisfies? Surfaces, kinks, great beside bad, and stories drawn by lot."""

from functools import partial

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import SIDES, Survey, Table
from cxlab.figures import general
from cxlab.questions.importance import estimate
from cxlab.questions.result import Number, Result, capital, number, question
from cxlab.stats import regression
from cxlab.stats.regression import kinked_slopes, product_experience, response_surface, surface_terms
from cxlab.stats.resampling import covariances, intervals, slopes

_READINGS = {  # words -> columns of P, E, P^2, P E, E^2, P - E
    "the gap alone": [5],
    "what they got alone": [0],
    "both, with bends": [0, 1, 2, 3, 4],
}
_GREAT = {  # number -> (row of product_experience, sign)
    "loss-great-product-bad-experience": ("great product, bad experience", -1),
    "loss-great-experience-bad-product": ("bad product, great experience", -1),
    "gain-average-product-great-experience": ("average product, great experience", 1),
    "gain-average-experience-great-product": ("great product, average experience", 1),
    "slope-experience-top-product": ("experience in the top product quarter", 1),
    "slope-product-top-experience": ("product in the top experience quarter", 1),
}
_STORIES = ("out of stock, plain", "out of stock, courteous", "in stock, plain", "in stock, courteous")
_CONTRASTS = {  # weights on the means of the stories
    "plain with stock minus courteous without": (0, -1, 1, 0),
    "courtesy when in stock": (0, 0, -1, 1),
    "courtesy when out of stock": (-1, 1, 0, 0),
    "stock when staff are plain": (-1, 0, 1, 0),
    "stock when staff are courteous": (0, -1, 0, 1),
}


@question("survey", needs="a survey that asked what customers expected and what they got")
def gap(survey: Survey) -> Result:
    """Is the gap between reality and expectation what satisfies? Polynomial regression, not a gap score
    (Edwards 1994).

    Expected and perceived are the roles of these names (asked beforehand), else the block ``expectation``
    (recalled) and the mean of all product and experience items. Table: index reading; ``r2 low high`` (share
    explained).
    """
    told = {role: survey.roles.get(role) for role in ("perceived", "expected")}
    recalled = not all(told.values())
    if recalled:
        items = [item for side in SIDES for item in survey.blocks.get(side, [])]
        told = {"perceived": items, "expected": survey.blocks.get("expectation", [])}
    if not all(told.values()) or survey.categorical:
        raise NotEnough("this survey did not ask, on a scale, what customers expected and what they got")
    felt = "satisfaction" if "satisfaction" in survey.outcomes else survey.outcome
    data, what = _scores(survey, told, felt), survey.label(felt)
    pair = data[["perceived", "expected"]].to_numpy(float)
    p, e = (pair - pair.mean()).T
    terms = np.column_stack([surface_terms(p, e)[:, 1:], p - e, data["outcome"]])
    drawn, seen = covariances(terms, draws=survey.bootstrap, rng=survey.seed), {}
    for name, columns in _READINGS.items():
        used = [*columns, 6]
        matrices = drawn[:, used][:, :, used]
        seen[name] = (slopes(matrices) * matrices[:, :-1, -1].T).sum(axis=0) / matrices[:, -1, -1]
    alone, got, both = seen.values()
    unit, n = "share of variance", len(data)
    by_gap = estimate(alone, survey, unit, n, f"of {what} explained by the gap")
    by_got = estimate(got, survey, unit, n, f"of {what} explained by what they got")
    lost = estimate(both - alone, survey, unit, n, "explained less by the gap than by both with bends")
    numbers = {"explained-by-the-gap": by_gap, "explained-by-what-they-got": by_got, "gap-r2-lost": lost}
    numbers |= {} if recalled else _beforehand(survey, data)
    clear = estimate(got - alone, survey, unit, n, "").direction("less", "more")
    parts = [("what customers got", by_got), ("the gap to expectation", by_gap)]
    (least, x), (most, y) = sorted(parts, key=lambda part: part[1].value)
    finding = f"{most} explains {y} of {what}, {least} {'only ' if clear else ''}{x}."
    finding = finding if clear else f"no clear difference: {finding}"
    table = intervals(list(seen.values()), seen, survey.confidence_level).rename(columns={"estimate": "r2"})
    late = ["Expectations recalled afterwards are coloured by what happened, which hides gaps."] * recalled
    axes = {"value": "r2", "x_title": f"part of {what} explained", "percent": True, "reference": None}
    draw = partial(general.dots, table, **axes)
    return Result(finding, numbers, table, draw, late + _cautions(survey, n), survey)


def _beforehand(survey: Survey, data: pd.DataFrame) -> dict[str, Number]:
    """Return what the fitted surface says about met and missed expectations, in the terms of the claims."""
    level, n = survey.confidence_level, len(data)
    surface = response_surface(data, perceived="perceived", expected="expected", outcome="outcome",
                               groups="groups", confidence_level=level)  # fmt: skip
    slope, low, high = surface.shape.loc["a3", ["estimate", "low", "high"]]
    label = "as expectation outgrows reality"
    numbers = {"incongruence-slope": Number(-slope, -high, -low, "scale points per point", n, label)}
    if survey.scale:
        ends = np.quantile(data[["perceived", "expected"]].to_numpy(), [0.05, 0.95])
        places = np.linspace(*ends, 41) - surface.centre
        lowest = min(surface.fit.contrast(surface_terms(at, at)[0], level)[:3] for at in places)
        above = np.array(lowest) - sum(survey.scale) / 2
        label = "lowest where met, above the scale's middle"
        numbers["congruence-lowest"] = Number(*above, "scale points", n, label)
    return numbers


def _cautions(survey: Survey, n: int) -> list[str]:
    gaps = f"{n} of {len(survey.frame)} respondents answered all that this needs; only they count here."
    return [gaps] * (n < len(survey.frame)) + ["Survey weights are not used here."] * bool(survey.weights)


def _scores(survey: Survey, parts: dict[str, list[str]], outcome: str) -> pd.DataFrame:
    """Return the mean of the items of each part, the outcome and the clusters, for complete respondents."""
    answers = survey.complete([*(item for items in parts.values() for item in items), outcome])
    scores = pd.DataFrame({name: answers[items].mean(axis=1) for name, items in parts.items()})
    groups = answers[survey.clusters] if survey.clusters else answers.index
    return scores.assign(outcome=answers[outcome], groups=groups)


def _in_spreads(survey: Survey, outcome: str) -> pd.DataFrame:
    """Return the scores of the two sides and the outcome, in spreads from their means."""
    if survey.categorical:
        raise NotEnough("the items of a side are categories, which have no middle and no top")
    scores = _scores(survey, {side: survey.blocks[side] for side in SIDES}, outcome)
    columns = [*SIDES, "outcome"]
    scores[columns] = (scores[columns] - scores[columns].mean()) / scores[columns].std()
    return scores


@question("survey", *SIDES)
def kinks(survey: Survey, *, knot: float = 0.0) -> Result:
    """Does a side only prevent anger, or does it also win? Two slopes each, a full scale allowed for.

    A side that only prevents anger (table stakes) is steep below the knot and flat above it. ``knot`` is
    where slopes may change, in spreads from a side's mean. Table: as ``kinked_slopes``.
    """
    felt = "satisfaction" if "satisfaction" in survey.outcomes else survey.outcome
    scores, what = _in_spreads(survey, felt), survey.label(felt)
    table = kinked_slopes(scores, outcome="outcome", drivers=SIDES, knot=knot, groups="groups",
                          confidence_level=survey.confidence_level)  # fmt: skip
    unit, n, numbers, rows, bent = "standardised slope", len(scores), {}, [], {}
    for side, row in table.iterrows():
        kink = Number(row.difference, row.low, row.high, unit, n, f"loss minus gain, {side}")
        numbers[f"kink-{side}"] = kink
        for part, rated in (("below", "bad"), ("above", "good")):
            step = row[[part, f"{part}_low", f"{part}_high"]]
            label = f"step of {side} among {rated} ratings"
            numbers[f"slope-{part}-{side}"] = Number(*step, unit, n, label)
            rows.append((capital(side), f"where ratings are {rated}", *step))
        if more := kink.direction("less", "more"):
            bent[side] = more
    finding = "no sign that a side only prevents anger: loss minus gain is "
    finding += f"{numbers['kink-product']} for product and {numbers['kink-experience']} for experience."
    if bent:
        side = max(bent, key=lambda name: abs(table.difference[name]))
        below, above = (numbers[f"slope-{part}-{side}"] for part in ("below", "above"))
        finding = f"a bad {side} costs {bent[side]} than a good one wins: {below} a step against {above}."
    shown = pd.DataFrame(rows, columns=["side", "where", "estimate", "low", "high"])
    full = table.at_ceiling.iloc[0]
    cautions = [f"{number(full, 'share')} gave the top answer; it counts as 'this much or more'."]
    cautions = cautions * bool(full > 0.05) + _cautions(survey, n)
    draw = partial(general.dots, shown, label="side", group="where", x_title=f"what a step adds to {what}")
    return Result(finding, numbers, table, draw, cautions, survey)


@question("survey", *SIDES)
def forgiveness(survey: Survey) -> Result:
    """Does a great product forgive a bad experience, and the reverse? A model with an interaction.

    Table: as ``product_experience`` in spreads of the outcome.
    """
    scores, what = _in_spreads(survey, survey.outcome), survey.label(survey.outcome)
    table = product_experience(scores, groups="groups", confidence_level=survey.confidence_level)
    numbers = {}
    for name, (row, sign) in _GREAT.items():
        estimate, low, high, n = table.loc[row]
        limits = sorted((sign * low, sign * high)) if np.isfinite(low) else (None, None)
        unit = "standardised slope" if name.startswith("slope") else "outcome SD"
        label = f"{name.split('-')[0]}: {row}".replace("slope", "what a step adds")
        numbers[name] = Number(sign * estimate, *limits, unit, int(n), label)
    bad = dict(zip(SIDES[::-1], numbers.values(), strict=False))  # what a bad side costs beside a great other
    costs, unit = [side for side, loss in bad.items() if loss.low > 0], f"standard deviations of {what}"
    said, more = "whether a great side makes up for a bad one is open", ""
    if len(costs) == 2:
        said, more = "neither side makes up for the other", f" and bad product {bad['product']}"
    finding = f"{said}: bad experience costs {bad['experience']}{more} {unit}."
    if len(costs) == 1:
        side, other = costs[0], SIDES[1 - SIDES.index(costs[0])]
        finding = f"a great {other} does not make up for a bad {side}: it costs {bad[side]} {unit}."
    shown = pd.DataFrame([*numbers.values()][:4])
    few = "Few customers find one side great and the other bad, so the model fills in for them."
    draw = partial(general.dots, shown, x_title=unit, label="label", value="value")
    return Result(finding, numbers, table, draw, [few, *_cautions(survey, len(scores))], survey)


def vignette_contrasts(
    data: pd.DataFrame, *, confidence_level: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the means of the four stories (``story mean low high n``), and what stock and courtesy are worth
    (contrasts, ``estimate low high``).

    ``data`` has ``stock courtesy`` (0 and 1, drawn by lot), ``satisfaction`` and, optionally, ``person``:
    when somebody answered more than one story the intervals are clustered by person, otherwise HC2, which is
    unbiased for randomised groups (Neyman 1923; Samii & Aronow 2012).
    """
    data = data[data["person"].notna()] if "person" in data else data.assign(person=range(len(data)))
    table = regression.complete_cases(data, ["satisfaction", "stock", "courtesy"], minimum=8)
    if not table[["stock", "courtesy"]].isin([0, 1]).all(axis=None):
        raise InputError("stock and courtesy must hold only 0 and 1; recode them first")
    cell = (2 * table["stock"] + table["courtesy"]).astype(int).to_numpy()
    sizes = np.bincount(cell, minlength=4)
    if sizes.min() < 2:
        raise NotEnough(f"the stories have {sizes.tolist()} answers; each needs at least 2 for an interval")
    persons = data.loc[table.index, "person"]
    groups = persons if persons.duplicated().any() else None
    result = regression.fit(table["satisfaction"], np.eye(4)[cell], covariance="HC2", groups=groups)
    weights = dict(zip(_STORIES, np.eye(4), strict=True)) | _CONTRASTS
    table = regression.read_contrasts(result, weights, confidence_level).drop(columns="error")
    cells = table.head(4).rename(columns={"estimate": "mean"}).rename_axis("story").reset_index()
    return cells.assign(n=sizes), table.iloc[4:]


@question("vignette", needs="answers to the four stories (cx.expectations.vignette_form makes the form)")
def stockout(vignette: Table) -> Result:
    """Does courtesy make up for an empty shelf? A 2 x 2 story by lot; the claim compares two of its means.

    Table: ``story mean low high n``, one row a story.
    """
    cells, contrasts = vignette_contrasts(vignette.frame, confidence_level=vignette.confidence_level)
    n = int(cells["n"].sum())
    more, *rest = (Number(*row, "scale points", n, name) for name, row in contrasts.iterrows())
    numbers = {"stockout-contrast": more} | {one.label.replace(" ", "-"): one for one in rest}
    said = "no clear difference between the goods with plain service and courtesy without the goods"
    finding = f"{said}: {more} points."
    if more.low > 0:
        said = "courtesy does not make up for an empty shelf: the goods with plain service score"
        finding = f"{said} {more} points more."
    elif more.high < 0:
        less = Number(-more.value, -more.high, -more.low)
        said = f"courtesy more than makes up for an empty shelf: it scores {less} points more"
        finding = f"{said} than the goods with plain service."
    axes = {"label": "story", "value": "mean", "x_title": "mean satisfaction", "reference": None}
    caution = "Stories measure what people say that they would feel."
    return Result(finding, numbers, cells, partial(general.dots, cells, **axes), [caution], vignette)


def vignette_form(persons: int, *, rng: int | np.random.Generator | None = 1) -> pd.DataFrame:
    """Return a ready form: who reads which story, drawn by lot in blocks of four.

    Columns ``person stock courtesy story question satisfaction``; ``satisfaction`` is empty, to be filled in.
    Show people only story and question. The filled file is a table ``vignette``.

    >>> vignette_form(8).groupby(["stock", "courtesy"]).size().tolist()
    [2, 2, 2, 2]
    """
    if persons < 1:
        raise InputError(f"persons={persons!r} must be at least 1")
    random = np.random.default_rng(rng)
    blocks = np.concatenate([random.permutation(4) for _ in range(-(-persons // 4))])[:persons]
    goods = "the shoes that you came for"
    shelf = (f"They do not have {goods}, and you leave without.", f"They have {goods}, and you buy them.")
    staff = ("The staff serve you correctly, without a friendly word.",
             "The staff greet you, look after you at once and speak to you warmly.")  # fmt: skip
    form = pd.DataFrame({"person": range(1, persons + 1), "stock": blocks // 2, "courtesy": blocks % 2})
    return form.assign(
        story=[f"You take thirty minutes to go to a shop. {staff[b % 2]} {shelf[b // 2]}" for b in blocks],
        question="How satisfied are you with this visit, from 0 (not at all) to 10 (completely)?",
        satisfaction="",
    )
