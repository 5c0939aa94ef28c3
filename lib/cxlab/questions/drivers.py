"""Product or experience: what explains the outcome? All answers are functions of one covariance matrix,
resampled once.

The headline is experience's share of what product and experience explain together (LMG). Other quantities
have names of their own: a slope (what a step adds), the unique part (what only one side explains), a
corrected slope.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.survey import SIDES, Survey
from cxlab.figures import general
from cxlab.questions.importance import (
    FACTORS,
    Sample,
    adjusted_r2,
    complete_share,
    composite_reliability,
    corrected_slopes,
    estimate,
    filled_range,
    htmt_ratio,
    parity_shares,
    parts,
    rows_of,
    sample,
    second_share,
    share_table,
    shares,
    standard_slopes,
)  # fmt: skip
from cxlab.questions.readings import readings
from cxlab.questions.relative import commonality, htmt, parity_curve, relative_importance
from cxlab.questions.result import Number, Result, question
from cxlab.questions.surveys import (
    by_segment,
    outcome_by_outcome,
    sorted_otherwise,
    sorting_range,
    survey_by_survey,
)
from cxlab.questions.words import capital, listed, number, spread, stated
from cxlab.stats.lmg import relative_weights
from cxlab.stats.resampling import composites, correlations, intervals, resampled_means

__all__ = [
    "by_segment", "commonality", "corrected", "htmt", "items", "outcome_by_outcome", "overlap", "parity",
    "parity_curve", "readings", "relative_importance", "sorted_otherwise", "split", "survey_by_survey",
    "unique",
]  # fmt: skip

MOST_EXACT = 14  # more items than this, and each one's part comes from relative weights instead of LMG


@question("survey")
def split(survey: Survey) -> Result:
    """How is the explained outcome split between the sides? LMG, exact over all orders of entry (Lindeman et
    al. 1980).

    Table: index side; ``raw`` (sums to R2), ``share low high`` (sum to 1), ``slope`` (outcome points for one
    standard deviation of the side's items), ``spread`` (standard deviation of the side's mean item).
    """
    survey = survey.only(*survey.sides)
    ready, share, total = shares(survey)
    sides, n, what = ready.sides, ready.n, survey.label(survey.outcome)
    table = share_table(ready, share, total, survey.confidence_level).rename_axis("side")
    steps = standard_slopes(ready, survey)
    numbers = {}
    for i, side in enumerate(sides):
        numbers[f"share-{side}"] = estimate(share[i], survey, "share of R2", n, f"{capital(side)}'s share")
    for i, side in enumerate(sides):
        label = f"what a step of {side} adds (slope, in standard deviations)"
        numbers[f"slope-{side}"] = estimate(steps[i], survey, "standardised slope", n, label)
        label = f"how much customers differ on {side} (standard deviation, points of the scale)"
        numbers[f"spread-{side}"] = Number(float(table.loc[side, "spread"]), unit="points", n=n, label=label)
    fair = estimate(
        adjusted_r2(total[None], int(ready.items.sum()), n)[0], survey, "share of variance", n, ""
    )
    value, low, high = (max(0.0, part) for part in fair[:3])
    label = f"part of the differences in {what} that the items explain"
    numbers["explained"] = Number(value, low, high, "share of variance", n, label)
    order = np.argsort(-share[:, 0], kind="stable")
    top, part = sides[order[0]], number(share[order[0], 0], "share")
    clear = len(sides) == 1 or estimate(share[order[0]] - share[order[1]], survey, "", n, "").low > 0
    cautions = cautions_of(survey, ready)
    if set(SIDES) <= set(sides):
        product, experience = (share[sides.index(side)] for side in SIDES)
        label = "product's share minus experience's"
        numbers["share-difference"] = estimate(product - experience, survey, "share of R2", n, label)
        low, high = sorting_range(survey)
        numbers |= {"share-experience-lowest-reading": low, "share-experience-highest-reading": high}
        if low.value < 0.5 < high.value:
            moved = spread(low.value, high.value, "share")
            cautions.insert(0, f"Who sorts the items decides: experience's share runs from {moved}.")
        if ready.rows.filled:
            numbers |= _with_gaps(survey)
    both = listed(sides) if len(sides) < 4 else "the sides"
    carries = f"{top} carries {numbers[f'share-{top}']} of what {both} together explain of {what}."
    if clear:
        title = f"{capital(top)} has the larger share of {what}: {part}"
    else:
        carries = f"no clear difference: {carries}"
        title = f"No clear difference was found: {top} has {part} of {what}"
    shown = table.reset_index().assign(side=[capital(side) for side in sides])
    return Result(
        stated(carries, survey.simulated, "answers"), numbers, table,
        lambda: general.dots(
            shown, title=title, x_title=f"share of what is explained of {what}", label="side", value="share",
            reference=1 / len(sides), percent=True,
        ),
        cautions[:2], survey, {"sample": ready, "shares": share, "r2": total},
    )  # fmt: skip


@question("survey", *SIDES)
def unique(survey: Survey) -> Result:
    """What is only product, only experience, and what can be given to neither? Commonality (Newton & Spurrell
    1967).

    Table: index part; ``raw`` (sums to R2), ``share share_low share_high`` (of R2), ``adjusted low high`` (of
    adjusted R2, so that 0 can lie inside the interval).
    """
    survey = survey.only(*SIDES)
    ready = sample(survey)
    table = parts(ready, survey.confidence_level)
    n, both = ready.n, table.loc["product & experience", ["share", "share_low", "share_high"]]
    numbers = {}
    for side in SIDES:
        row = table.loc[side, ["adjusted", "low", "high"]]
        numbers[f"unique-{side}"] = Number(*row, "share of variance", n, f"explained by {side} alone")
    shared = Number(*both, "share of R2", n, "part of what is explained that either side could explain")
    numbers["share-shared"] = shared
    alone = [side for side in SIDES if numbers[f"unique-{side}"].low > 0]
    rest = f"{shared} of what both explain belongs to neither alone."
    if len(alone) == 1:
        finding = f"{alone[0]} explains something that the other side cannot; {rest}"
    elif alone:
        finding = f"each side explains something that the other cannot; {rest}"
    else:
        finding = f"neither side surely explains anything alone; {rest}"
    title = f"{number(shared.value, 'share')} of what is explained belongs to neither side alone"
    if shared.value < 0:
        finding, title = (
            "the two sides explain more together than apart.",
            "Together the sides explain more than apart",
        )
        title += f": by {number(-shared.value, 'share')}"
    words = {
        "product": "only product",
        "experience": "only experience",
        "product & experience": "either of them",
    }
    shown = table.assign(part=[words[name] for name in table.index])
    return Result(
        stated(finding, survey.simulated, "answers"), numbers, table,
        lambda: general.dots(
            shown, title=title, x_title="part of all differences between customers", label="part",
            value="adjusted", percent=True,
        ),
        ["The split gives each side half of what belongs to both. That half is a convention."], survey,
    )  # fmt: skip


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
    ready = sample(survey)
    level, n = survey.confidence_level, ready.n
    r = correlations(ready.matrices)
    small = correlations(composites(r, ready.groups, standardise=False))
    most = 0.9 * max(0.0, float(small[0][np.triu_indices(3, 1)].min()))
    likings = np.linspace(0, most, 10)
    curve = pd.concat([intervals(second_share(small, liking)[None], [liking], level) for liking in likings])
    curve = curve.rename(columns={"estimate": "share"}).rename_axis("liking").reset_index()
    now, last = curve.iloc[0], curve.iloc[-1]
    numbers = {}
    ratio = htmt_ratio(np.abs(r), *ready.groups)
    if np.isfinite(ratio[0]):
        one = estimate(ratio, survey, "ratio", n, "overlap of the two ratings (1 = one thing)")
        numbers["htmt-product-experience"] = one
        alike = "almost alike" if one.value >= 0.85 else "differently"
        if one.high >= 1:
            said = "so they may be one thing to them"
        else:
            said = "though not as one thing" if one.value >= 0.85 else "so they do tell the two apart"
        finding = (
            f"customers rate product and experience {alike} (overlap {one}, where 1 is one thing), {said}."
        )
    else:
        finding = "this survey cannot say whether customers tell the sides apart: a side has a single item."
    label = "experience's share once the strongest possible general liking is taken out"
    numbers["share-experience-without-liking"] = Number(
        *last[["share", "low", "high"]], "share of R2", n, label
    )
    end = number(last["share"], "share")
    if last["low"] <= 0.5 <= last["high"]:
        title = f"With a strong general liking taken out the split is open: experience {end}"
    elif (now["share"] - 0.5) * (last["share"] - 0.5) < 0:
        title = f"A strong general liking would turn the answer: experience {end}"
    else:
        title = f"No general liking would turn the answer: experience {end} at the most"
    return Result(
        stated(finding, survey.simulated, "answers"), numbers, curve,
        lambda: general.lines(
            curve, x="liking", y="share", title=title, percent=True, reference=0.5,
            y_title="experience's share",
            x_title="correlation that a general liking alone would give",
        ),
        ["Who likes a firm may rate everything higher. One survey at one time cannot rule it out."],
        survey,
    )  # fmt: skip


@question("survey", *SIDES)
def corrected(survey: Survey) -> Result:
    """What would a step add if items were free of error? Slopes corrected for unreliability (Spearman 1904).

    Where the two sides are nearly one thing the correction runs away, and so does its interval. Table: index
    side and ``difference``; ``estimate low high`` (standardised) and ``points points_low points_high``
    (outcome points a scale point).
    """
    survey = survey.only(*SIDES)
    if survey.categorical:
        raise NotEnough("the items of a side are categories, which have no reliability")
    table, n = corrected_slopes(survey)
    words = {side: f"what a step of {side} adds, item errors taken out" for side in SIDES}
    words["difference"] = "product's step minus experience's, item errors taken out"
    numbers = {}
    for name, label in words.items():
        key = "slope-difference-corrected" if name == "difference" else f"slope-{name}-corrected"
        row = table.loc[name, ["estimate", "low", "high"]]
        numbers[key] = Number(*row, "standardised slope", n, label)
    row, label = table.loc["difference"], "the same difference in points of the scales"
    row = row[["points", "points_low", "points_high"]]
    numbers["slope-difference-points"] = Number(*row, "outcome points per scale point", n, label)
    sure = [side for side in SIDES if numbers[f"slope-{side}-corrected"].low > 0]
    what = survey.label(survey.outcome)
    says = {
        0: "neither side surely adds",
        1: f"only {sure[0] if sure else ''} surely adds",
        2: "both sides add",
    }
    finding = f"with the errors of single items taken out, {says[len(sure)]} something to {what}."
    caution = [
        "Where customers hardly tell the sides apart, these slopes run away and their intervals are wide."
    ]
    return Result(stated(finding, survey.simulated, "answers"), numbers, table, None, caution, survey)


@question("survey", *SIDES)
def parity(survey: Survey, *, side: str = "product", spread: float = 1.0) -> Result:
    """Would equal offers change the split? The share of every side if ``side`` differed less, its slope
    unchanged.

    ``spread`` is the multiple of the observed spread to point at (0: all offers are alike). Table: ``factor
    block share low high``.
    """
    survey = survey.only(*SIDES)
    curve, n = parity_shares(survey, side, FACTORS)
    other = next(name for name in SIDES if name != side)
    of = curve[curve["block"] == other].set_index("factor")[["share", "low", "high"]]
    half = Number(*of.loc[0.5], "share of R2", n, f"{other}'s share if {side} differed half as much")
    there = Number(*(np.interp(spread, of.index, of[name]) for name in of), "share of R2", n)
    if spread == 1:
        finding = (
            f"if offers differed half as much on the {side}, {other}'s share would go from {there} to {half}."
        )
    else:
        part = number(spread, "share")
        finding = f"with {part} of today's spread of the {side}, {other}'s share would be {there}."
    title = f"With {side} differing half as much, {other} would carry {number(half.value, 'share')}"
    if spread not in (0.5, 1):
        title = f"At {part} of the spread of {side}, {other} would carry {number(there.value, 'share')}"
    shown = curve.assign(block=[capital(block) for block in curve["block"]])
    return Result(
        stated(finding, survey.simulated, "answers"), {f"share-{other}-at-half-{side}-spread": half}, curve,
        lambda: general.lines(
            shown, x="factor", y="share", group="block", title=title, percent=True, mark=spread,
            mark_label="here", x_title=f"spread of {side} (1 = as in this survey)",
            y_title="share of what is explained",
        ),
        [f"No step adds more, only differences shrink. A small share does not make {side} unimportant."],
        survey,
    )  # fmt: skip


@question("survey")
def items(survey: Survey) -> Result:
    """Which items matter, and how are we doing on them? Importance (LMG of each item; relative weights beyond
    14 items, Johnson 2000) against performance (mean answer).

    An item is to be fixed first when its importance is above the average item's and its mean below the
    average mean; ``certain`` where both intervals clear the averages. Table: ``item side importance low high
    performance performance_low performance_high quadrant certain``.
    """
    survey = survey.only(*survey.sides)
    asked = survey.items
    if survey.categorical:
        raise NotEnough("the items of a side are categories, which have no mean answer")
    if len(asked) <= MOST_EXACT:
        ready, share, _ = shares(survey.with_(blocks={item: [item] for item in asked}))
    else:
        ready = sample(survey)
        raw = relative_weights(correlations(ready.matrices))
        share = (raw / raw.sum(axis=1, keepdims=True)).T
    answers = survey.frame[asked].astype(float)
    low, high = survey.scale or (float(answers.min().min()), float(answers.max().max()))
    used = {name: survey.frame[column].to_numpy() if column else None
            for name, column in (("weights", survey.weights), ("clusters", survey.clusters))}  # fmt: skip
    means = resampled_means(answers.to_numpy(), draws=survey.bootstrap, rng=survey.rng, **used)
    home = {item: side for side, own in survey.blocks.items() for item in own}
    table = pd.DataFrame(
        {"item": [survey.label(item) for item in asked], "side": [home[item] for item in asked]}
    )
    table[["importance", "low", "high"]] = intervals(share, asked, survey.confidence_level).to_numpy()
    names = ["performance", "performance_low", "performance_high"]
    table[names] = intervals((means - low) / (high - low), asked, survey.confidence_level).to_numpy()
    average, middle = 1 / len(asked), float(table["performance"].mean())
    heavy, weak = table["importance"] >= average, table["performance"] < middle
    kinds = [heavy & weak, heavy & ~weak, ~heavy & weak]
    table["quadrant"] = np.select(kinds, ["fix first", "keep up", "can wait"], "do not overdo")
    table["certain"] = ((table["low"] > average) | (table["high"] < average)) & (
        (table["performance_low"] > middle) | (table["performance_high"] < middle)
    )
    ranked = table.sort_values("importance", ascending=False, kind="stable")
    numbers = {}
    for i, row in enumerate(ranked.head(3).itertuples()):
        values = row.importance, row.low, row.high
        numbers[f"importance-{i + 1}"] = Number(*values, "share of R2", ready.n, f"weight of '{row.item}'")
    first = ranked[ranked["quadrant"] == "fix first"]
    if len(first):
        doubt = "" if first["certain"].iloc[0] else ", though this sample is not sure of it"
        top, weight = first["item"].iloc[0], number(first["importance"].iloc[0], "share")
        finding = f"look first at '{top}': it matters more than most and is rated lower than most{doubt}."
        title = f"Look first at '{top}': weight {weight}, rated lower than most"
    else:
        finding = "no item both matters more than most and is rated lower than most."
        title = f"None of {len(asked)} items both matters more than most and is rated lower"
    shown = table.assign(side=[capital(side) for side in table["side"]])
    return Result(
        stated(finding, survey.simulated, "answers"), numbers, table,
        lambda: general.scatter(
            shown, x="performance", y="importance", label="item", group="side", title=title, named=True,
            x_title="mean answer, as a part of the scale", y_title="share of what the items explain",
            cross=(middle, average), corners=("fix first", "keep up", "can wait", "do not overdo"),
            percent=True, percent_x=True,
        ),
        ["Importance means that an item goes with the outcome, not that raising the item would raise it."],
        survey,
    )  # fmt: skip


def _with_gaps(survey: Survey) -> dict[str, Number]:
    """Return experience's share among those who answered everything, and its range over fills of the gaps."""
    found = {}
    try:
        whole, draws = complete_share(survey, "experience")
        label = "experience's share among those who answered everything"
        found["share-experience-complete"] = estimate(draws, survey, "share of R2", whole.n, label)
    except NotEnough:
        pass
    value, low, high = filled_range(survey, "experience")
    label = "experience's share with every gap at the middle, and at either end of the scale"
    found["share-experience-filled"] = Number(value, low, high, "share of R2", len(survey.frame), label)
    return found


def cautions_of(survey: Survey, ready: Sample) -> list[str]:
    """Return what to be careful about, most important first."""
    found, rows = [], ready.rows
    if rows.filled:
        part = number(rows.complete / rows.asked, "share")
        found.append(
            f"Only {part} of {rows.asked:,} respondents answered everything. All {ready.n:,} are used, which "
            "assumes that gaps depend only on the answers that are there."
        )
    behind = survey.outcome_items
    if len(behind) > 1 and set(behind) <= set(survey.frame):
        whole = rows_of(survey.with_(bootstrap=0), behind)
        alpha = float(composite_reliability(whole.covariances.matrices, [behind], behind)[1][0, 0])
        if alpha < 0.6:
            found.append(
                f"The questions behind {survey.label(survey.outcome)} hardly agree (alpha {number(alpha)}), "
                "which hides part of every effect."
            )
    answers = rows.values.iloc[:, sum(map(len, ready.groups)) :].mean(axis=1, skipna=False).dropna()
    top, bottom = (float((answers == end).mean()) for end in (answers.max(), answers.min()))
    if answers.nunique() > 2 and max(top, bottom) >= 0.4:
        end = "top" if top >= bottom else "bottom"
        found.append(
            f"{number(max(top, bottom), 'share')} gave the {end} answer, which flattens every effect."
        )
    if ready.n < 20 * ready.items.sum():
        found.append(
            f"{ready.n} respondents are few for {int(ready.items.sum())} items, so the intervals are wide."
        )
    return found
