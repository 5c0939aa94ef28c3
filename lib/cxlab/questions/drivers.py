"""Product or experience: what explains the outcome? All answers are functions of one covariance matrix,
resampled once.

The headline is experience's share of what product and experience explain together (LMG). A slope is what a
step adds; the unique part what only one side explains.
"""

from contextlib import suppress
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.table import SIDES, Survey
from cxlab.figures import general
from cxlab.questions import importance, surveys
from cxlab.questions.importance import commonality, htmt, parity_curve, relative_importance
from cxlab.questions.liking import beyond_liking  # noqa: F401
from cxlab.questions.result import Number, Result, capital, listed, number, question, spread
from cxlab.questions.surveys import by_segment, outcome_by_outcome, sorted_otherwise, survey_by_survey  # noqa: F401
from cxlab.stats.regression import relative_weights, shapley_r2
from cxlab.stats.resampling import alphas, composites, correlations, intervals, resampled_means

SHARE, VARIANCE = "share of R2", "share of variance"
MOST_EXACT = 14  # more items than this, and each one's part comes from relative weights instead of LMG
QUADRANTS = ("fix first", "keep up", "can wait", "do not overdo")
OVERLAP = "overlap of the two ratings (1 = one thing)"


@question("survey")
def split(survey: Survey) -> Result:
    """How is the explained outcome split between the sides? LMG, exact over all orders of entry (Lindeman et
    al. 1980).

    Table: index side; ``raw`` (sums to R2), ``share low high`` (sum to 1), ``slope`` (outcome points for one
    standard deviation of the side's items), ``spread`` (standard deviation of the side's mean item).
    """
    survey = survey.only(*survey.sides)
    ready = importance.sample(survey)
    sides, n, what, share = list(survey.blocks), ready.n, survey.label(survey.outcome), ready.share
    table = relative_importance(ready).rename_axis("side")
    numbers = {
        f"share-{side}": ready.number(part, SHARE, f"{capital(side)}'s share")
        for side, part in zip(sides, share, strict=True)
    }
    for side, steps in zip(sides, importance.standard_slopes(ready), strict=True):
        if not survey.categorical:
            label = f"what a step of {side} adds (slope, in standard deviations)"
            numbers[f"slope-{side}"] = ready.number(steps, "standardised slope", label)
        label = f"how much customers differ on {side} (standard deviation, points of the scale)"
        numbers[f"spread-{side}"] = Number(float(table.loc[side, "spread"]), unit="points", n=n, label=label)
    fair = ready.number(importance.adjusted_r2(ready.raw.sum(axis=0), len(survey.items), n), VARIANCE, "")
    label = f"part of the differences in {what} that the items explain"
    numbers["explained"] = Number(*(max(0.0, end) for end in fair[:3]), VARIANCE, n, label)
    cautions = cautions_of(ready)
    if set(SIDES) <= set(sides):
        gap = share[sides.index("product")] - share[sides.index("experience")]
        numbers["share-difference"] = ready.number(gap, SHARE, "product's share minus experience's")
        numbers |= surveys.ends(surveys.by_sorting(ready))
        low, high = (numbers[f"share-experience-{end}-reading"].value for end in ("lowest", "highest"))
        if low < 0.5 < high:
            moved = spread(low, high, "share")
            cautions.insert(0, f"Who sorts the items decides: experience's share runs from {moved}.")
        if ready.n > ready.complete:
            numbers |= share_with_gaps(survey, "experience")
    top, *rest = (sides[at] for at in np.argsort(-share[:, 0], kind="stable"))
    lead = share[sides.index(top)] - (share[sides.index(rest[0])] if rest else 0)
    both = listed(sides) if len(sides) < 4 else "the sides"
    finding = f"{top} carries {numbers[f'share-{top}']} of what {both} together explain of {what}."
    finding = finding if ready.number(lead, SHARE, "").low > 0 else f"no clear difference: {finding}"
    shown = table.reset_index().assign(side=[capital(side) for side in sides])
    axes = {"x_title": f"share of what is explained of {what}", "label": "side", "value": "share"}
    draw = partial(general.dots, shown, **axes, reference=1 / len(sides), percent=True)
    return Result(finding, numbers, table, draw, cautions[:2], survey)


def share_with_gaps(survey: Survey, side: str) -> dict[str, Number]:
    """Return a side's share among those who answered everything, and its range over fills of the gaps: the
    middle of the scale, then the lowest or highest answer for each side and the outcome; no chance in it.
    """
    found, at = {}, list(survey.blocks).index(side)
    with suppress(NotEnough):
        whole = survey.frame[[*survey.items, survey.outcome]].notna().all(axis=1)
        ready = importance.sample(survey.with_(frame=survey.frame[whole]))
        label = f"{side}'s share among those who answered everything"
        found[f"share-{side}-complete"] = ready.number(ready.share[at], SHARE, label)
    behind = [item for item in survey.outcome_items if item in survey.frame] or [survey.outcome]
    groups, filled = [*survey.blocks.values(), behind], []
    table = survey.frame[[item for group in groups for item in group]].astype(float)
    bottom, top = table.min(), table.max()
    for choice in [(0.5,) * len(groups), *product((0.0, 1.0), repeat=len(groups))]:
        end = pd.Series({item: part for group, part in zip(groups, choice, strict=True) for item in group})
        full = table.fillna(bottom + end * (top - bottom))
        values = np.column_stack([full[survey.items], full[behind].mean(axis=1)])
        raw = shapley_r2(np.cov(values, rowvar=False, ddof=0)[None], survey.groups())
        filled.append(float(importance.of_total(raw)[at, 0]))
    label = f"{side}'s share with every gap at the middle, and at either end of the scale"
    limits = filled[0], min(filled), max(filled)
    return found | {f"share-{side}-filled": Number(*limits, SHARE, len(table), label)}


def cautions_of(ready: importance.Sample) -> list[str]:
    """Return what to be careful about, most important first."""
    survey, found, behind = ready.survey, [], ready.survey.outcome_items
    asked, rows = len(survey.items), len(survey.frame)
    if ready.n > ready.complete:
        found.append(
            f"Only {number(ready.complete / rows, 'share')} of {rows:,} respondents answered everything. All "
            f"{ready.n:,} are used, which assumes that gaps depend only on the answers that are there."
        )
    if len(behind) > 1 and set(behind) <= set(survey.frame):
        whole = importance.rows_of(survey.with_(bootstrap=0), behind)
        alpha = float(alphas(whole.matrices, [range(len(behind))])[0, 0])
        if alpha < 0.6:
            found.append(
                f"The questions behind {survey.label(survey.outcome)} hardly agree (alpha {number(alpha)}), "
                "which hides part of every effect."
            )
    answers = ready.values.iloc[:, asked:].mean(axis=1, skipna=False).dropna()
    part, end = max((float((answers == at).mean()), name) for at, name in
                    ((answers.min(), "bottom"), (answers.max(), "top")))  # fmt: skip
    if answers.nunique() > 2 and part >= 0.4:
        found.append(f"{number(part, 'share')} gave the {end} answer, which flattens every effect.")
    if ready.n < 20 * asked:
        found.append(f"{ready.n} respondents are few for {asked} items, so the intervals are wide.")
    return found


@question("survey", *SIDES)
def unique(survey: Survey) -> Result:
    """What is only product, only experience, and what can be given to neither? Commonality (Newton & Spurrell
    1967).

    Table: index part; ``raw`` (sums to R2), ``share share_low share_high`` (of R2), ``adjusted low high`` (of
    adjusted R2, so that 0 can lie inside the interval).
    """
    ready = importance.sample(survey.only(*SIDES))
    table, n = commonality(ready), ready.n
    numbers = {
        f"unique-{side}": Number(*table.loc[side, ["adjusted", "low", "high"]], VARIANCE, n,
                                 f"explained by {side} alone")
        for side in SIDES
    }  # fmt: skip
    shared = Number(*table.loc["product & experience", ["share", "share_low", "share_high"]], SHARE, n,
                    "part of what is explained that either side could explain")  # fmt: skip
    numbers["share-shared"] = shared
    alone = [side for side in SIDES if numbers[f"unique-{side}"].low > 0]
    says = [
        "neither side surely explains anything alone",
        f"{listed(alone)} explains something that the other side cannot",
        "each side explains something that the other cannot",
    ]
    finding = f"{shared} of what both explain belongs to neither alone; {says[len(alone)]}."
    if shared.value < 0:
        finding = f"together the sides explain {number(-shared.value, 'share')} more than apart."
    shown = table.assign(part=["only product", "only experience", "either of them"])
    axes = {"x_title": "part of all differences between customers", "label": "part", "value": "adjusted"}
    draw = partial(general.dots, shown, **axes, percent=True)
    caution = "The split gives each side half of what belongs to both. That half is a convention."
    return Result(finding, numbers, table, draw, [caution], survey)


@question("survey", *SIDES)
def overlap(survey: Survey) -> Result:
    """Can customers tell the two sides apart? HTMT (Henseler et al. 2015) and what a general liking would do
    to the split.

    A liking of strength h lifts every correlation; taking it out gives (r - h) / (1 - h) (Lindell & Whitney
    2001). It can be at most the smallest correlation among the sides and the outcome. Table: ``liking share
    low high``.
    """
    survey = survey.only(*SIDES)
    if survey.categorical:
        raise NotEnough("the items of a side are categories, which are not rated")
    ready = importance.sample(survey)
    small = correlations(composites(correlations(ready.matrices), [*survey.groups(), [-1]]))
    likings = np.linspace(0, 0.9 * max(0.0, float(small[0][np.triu_indices(3, 1)].min())), 10)
    draws = np.empty((len(likings), len(small)))
    for at, liking in enumerate(likings):
        cleared = (small - liking) / (1 - liking)
        cleared[:, range(3), range(3)] = 1.0
        possible = np.linalg.eigvalsh(cleared)[:, 0] > 1e-9
        raw = shapley_r2(np.where(possible[:, None, None], cleared, np.eye(3)), [[0], [1]])
        draws[at] = np.where(possible, importance.of_total(raw)[1], np.nan)
    curve = intervals(draws, likings, survey.confidence_level, "share").rename_axis("liking").reset_index()
    label = "experience's share once the strongest possible general liking is taken out"
    without = ready.number(draws[-1], SHARE, label)
    numbers = {"share-experience-without-liking": without}
    finding = "this survey cannot say whether customers tell the sides apart: a side has a single item."
    one = Number(*htmt(ready).loc[0, ["htmt", "low", "high"]], "ratio", ready.n, OVERLAP)
    if np.isfinite(one.value):
        numbers["htmt-product-experience"] = one
        alike = "almost alike" if one.value >= 0.85 else "differently"
        said = "though not as one thing" if one.value >= 0.85 else "so they do tell the two apart"
        said = "so they may be one thing to them" if one.high >= 1 else said
        finding = f"customers rate product and experience {alike} (overlap {one}, "
        finding += f"where 1 is one thing), {said}."
    title = "No general liking would turn the answer: experience {} at the most"
    if without.low <= 0.5 <= without.high:
        title = "With a strong general liking taken out the split is open: experience "
        title += spread(without.low, without.high, "share")
    elif (draws[0, 0] - 0.5) * (without.value - 0.5) < 0:
        title = "A strong general liking would turn the answer: experience {}"
    axes = {"x": "liking", "x_title": "correlation that a general liking alone would give"}
    axes |= {"y": "share", "y_title": "experience's share", "percent": True, "reference": 0.5}
    draw = partial(general.lines, curve, **axes, title=title.format(number(without.value, SHARE)))
    caution = "Who likes a firm may rate everything higher. One survey at one time cannot rule it out."
    return Result(finding, numbers, curve, draw, [caution], survey)


@question("survey", *SIDES)
def parity(survey: Survey, *, spread: float = 1.0) -> Result:
    """Would equal offers change the split? Every side's share if products differed less, slopes unchanged.

    ``spread`` is the multiple of the observed spread to point at (0: all offers are alike; 1: as observed,
    with half of it beside). Table: ``factor block share low high``.
    """
    ready = importance.sample(survey.only(*SIDES))
    curve = parity_curve(ready, vary="product")
    of = curve[curve["block"] == "experience"].set_index("factor")[["share", "low", "high"]]
    half = Number(*of.loc[0.5], SHARE, ready.n, "experience's share if product differed half as much")
    now, there = (Number(*(np.interp(at, of.index, of[name]) for name in of), SHARE) for at in (1.0, spread))
    finding = f"with products as different as now, experience's share is {now}; with half of that, {half}."
    if spread != 1:
        finding = f"if products differed {number(spread, 'share')} as much as now, experience's share "
        finding += f"would go from {now} to {there}."
    shown = curve.assign(block=[capital(block) for block in curve["block"]])
    axes = {"x": "factor", "x_title": "spread of product (1 = as in this survey)", "y": "share"}
    axes |= {"y_title": "share of what is explained", "group": "block", "percent": True}
    draw = partial(general.lines, shown, **axes, mark=spread, mark_label="here")
    caution = "No step adds more, only differences shrink. A small share does not make product unimportant."
    numbers = {"share-experience-at-half-product-spread": half}
    return Result(finding, numbers, curve, draw, [caution], survey)


@question("survey")
def items(survey: Survey) -> Result:
    """Which items matter, and how are we doing on them? Importance (LMG of each item; relative weights beyond
    14 items, Johnson 2000) against performance (mean answer).

    An item is to be fixed first when its importance is above the average item's and its mean below the
    average mean; ``certain`` where both intervals clear the averages. Table: ``item side importance low high
    performance performance_low performance_high quadrant certain``.
    """
    survey = survey.only(*survey.sides)
    asked, level = survey.items, survey.confidence_level
    if survey.categorical:
        raise NotEnough("the items of a side are categories, which have no mean answer")
    if len(asked) <= MOST_EXACT:
        ready = importance.sample(survey.with_(blocks={item: [item] for item in asked}))
        share = ready.share
    else:
        ready = importance.sample(survey)
        share = importance.of_total(relative_weights(correlations(ready.matrices)).T)
    answers = survey.frame[asked].astype(float)
    low, high = survey.scale or (float(answers.min().min()), float(answers.max().max()))
    means = resampled_means(answers.to_numpy(), **importance.drawn(survey, answers.index))
    home = {item: side for side, own in survey.blocks.items() for item in own}
    table = pd.DataFrame({"item": map(survey.label, asked), "side": [home[item] for item in asked]})
    table[["importance", "low", "high"]] = intervals(share, asked, level).to_numpy()
    names = ["performance", "performance_low", "performance_high"]
    table[names] = intervals((means - low) / (high - low), asked, level).to_numpy()
    average, middle = 1 / len(asked), float(table["performance"].mean())
    heavy, weak = table["importance"] >= average, table["performance"] < middle
    table["quadrant"] = np.select([heavy & weak, heavy & ~weak, ~heavy & weak], QUADRANTS[:3], QUADRANTS[3])
    table["certain"] = ((table["low"] > average) | (table["high"] < average)) & (
        (table["performance_low"] > middle) | (table["performance_high"] < middle)
    )
    ranked = table.sort_values("importance", ascending=False, kind="stable")
    numbers = {
        f"importance-{i}": Number(*row[2:5], SHARE, ready.n, f"weight of '{row[0]}'")
        for i, row in enumerate(ranked.head(3).itertuples(index=False), start=1)
    }
    finding = f"no item of {len(asked)} both matters more than most and is rated lower than most."
    first = next(ranked[ranked["quadrant"] == QUADRANTS[0]].itertuples(), None)
    if first:
        doubt = "" if first.certain else "; this sample is not sure of it"
        finding = f"look first at '{first.item}': it carries {number(first.importance, SHARE)} of the weight "
        finding += f"and is rated lower than most{doubt}."
    shown = table.assign(side=[capital(side) for side in table["side"]])
    axes = {"x": "performance", "x_title": "mean answer, as a part of the scale", "y": "importance"}
    axes |= {"y_title": "share of what the items explain", "percent": True, "percent_x": True}
    draw = partial(general.scatter, shown, **axes, label="item", group="side", named=True,
                   cross=(middle, average), corners=QUADRANTS)  # fmt: skip
    caution = "Importance means that an item goes with the outcome, not that raising the item would raise it."
    return Result(finding, numbers, table, draw, [caution], survey)
