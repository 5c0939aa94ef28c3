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
    commonality,
    composite_reliability,
    corrected_slopes,
    htmt,
    htmt_ratio,
    parity_curve,
    parity_shares,
    parts,
    relative_importance,
    sample,
    second_share,
    share_table,
    shares,
    standard_slopes,
)
from cxlab.questions.result import Number, Result, question
from cxlab.questions.surveys import (
    by_segment,
    outcome_by_outcome,
    readings,
    sorted_otherwise,
    survey_by_survey,
)
from cxlab.questions.words import capital, listed, number
from cxlab.stats.resampling import composites, correlations, intervals

__all__ = [
    "by_segment", "commonality", "corrected", "htmt", "items", "outcome_by_outcome", "overlap", "parity", "parity_curve",
    "readings", "relative_importance", "sorted_otherwise", "split", "survey_by_survey", "unique",
]  # fmt: skip


@question("survey")
def split(survey: Survey) -> Result:
    """How is the explained outcome split between the sides? LMG, exact over all orders of entry (Lindeman et
    al. 1980).

    Table: index side; ``raw`` (sums to R2), ``share low high`` (sum to 1), ``slope`` (outcome points for one
    standard deviation of the side's items), ``spread`` (standard deviation of the side's mean item).
    """
    survey = survey.only(*survey.sides)
    ready, share, total = shares(survey)
    level, sides = survey.confidence_level, ready.sides
    table = share_table(ready, share, total, level).rename_axis("side")
    steps = standard_slopes(ready, survey)
    fair = adjusted_r2(total[None], int(ready.items.sum()), ready.n)
    numbers = {
        f"share-{side}": Number(
            *table.loc[side, ["share", "low", "high"]], "share of R2", ready.n, f"{capital(side)}'s share"
        )
        for side in sides
    }
    for i, side in enumerate(sides):
        row = intervals(steps[i], [side], level).iloc[0]
        label = f"what a step of {side} adds (standardised slope)"
        numbers[f"slope-{side}"] = Number(*row, "standardised slope", ready.n, label)
    explained = intervals(fair, ["r2"], level).iloc[0].clip(lower=0)
    what = survey.label(survey.outcome)
    label = f"part of the differences in {what} that the items explain"
    numbers["explained"] = Number(*explained, "share of variance", ready.n, label)
    order = np.argsort(-share[:, 0], kind="stable")
    top, next_ = sides[order[0]], sides[order[1]] if len(sides) > 1 else ""
    if set(SIDES) <= set(sides):
        gap = intervals(
            share[sides.index("product")] - share[sides.index("experience")], ["gap"], level
        ).iloc[0]
        numbers["share-difference"] = Number(
            *gap, "share of R2", ready.n, "product's share minus experience's"
        )
    lead = intervals(share[order[0]] - share[order[1]], ["lead"], level).iloc[0] if next_ else None
    clear = lead is None or lead["low"] > 0
    both = listed(sides) if len(sides) < 4 else "the sides"
    if clear:
        finding = (
            f"{capital(top)} carries {numbers[f'share-{top}']} of what {both} together explain of {what}."
        )
        title = f"{capital(top)} has the larger share of {what}: {number(share[order[0], 0], 'share')}"
    else:
        finding = f"No clear difference: {top} carries {numbers[f'share-{top}']} of what {both} together explain of {what}."
        title = f"No clear difference found: {top} has {number(share[order[0], 0], 'share')}, {next_} less"
    shown = table.reset_index().assign(side=[capital(side) for side in sides])
    return Result(
        finding,
        numbers,
        table,
        lambda: general.dots(
            shown, title=title, x_title=f"share of what is explained of {what}", label="side", value="share",
            reference=1 / len(sides), percent=True,
        ),
        _cautions(survey, ready),
        survey,
        {"sample": ready, "shares": share, "r2": total},
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
    shared = table.loc["product & experience"]
    numbers = {
        f"unique-{side}": Number(*table.loc[side, ["adjusted", "low", "high"]], "share of variance", ready.n,
                                 f"explained by {side} alone")
        for side in SIDES
    }  # fmt: skip
    numbers["share-shared"] = Number(
        *shared[["share", "share_low", "share_high"]],
        "share of R2",
        ready.n,
        "explained by either side alike",
    )
    alone = [side for side in SIDES if table.loc[side, "low"] > 0]
    part = number(shared["share"], "share")
    if alone:
        finding = (
            f"{capital(listed(alone))} {'explains' if len(alone) == 1 else 'explain'} something that the other cannot; "
            f"{numbers['share-shared']} of what both explain belongs to neither alone."
        )
    else:
        finding = f"Neither side explains anything for certain alone; {numbers['share-shared']} belongs to both alike."
    title = f"{part} of what is explained belongs to neither side alone"
    shown = pd.DataFrame(
        {"part": ["only product", "only experience", "either of them"], "estimate": table["adjusted"].to_numpy(),
         "low": table["low"].to_numpy(), "high": table["high"].to_numpy()}
    )  # fmt: skip
    caution = ["The split above gives each side half of what belongs to both. That half is a convention."]
    return Result(
        finding, numbers, table,
        lambda: general.dots(shown, title=title, x_title="part of all differences between customers", label="part", percent=True),
        caution, survey,
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
    ready = sample(survey)
    level, what = survey.confidence_level, survey.label(survey.outcome)
    small = correlations(
        composites(correlations(ready.matrices), ready.groups, standardise=False)
    )
    rows = np.triu_indices(3, 1)
    bound = float(small[0][rows].min())
    likings = np.linspace(0, 0.9 * max(bound, 0.0), 10)
    curve = pd.DataFrame([intervals(second_share(small, h)[None], ["s"], level).iloc[0] for h in likings])
    curve.insert(0, "liking", likings)
    curve = curve.rename(columns={"estimate": "share"}).reset_index(drop=True)
    numbers = {}
    ratio = (
        None
        if survey.categorical
        else htmt_ratio(np.abs(correlations(ready.matrices)), *ready.groups)
    )
    if ratio is not None and np.isfinite(ratio[0]):
        row = intervals(ratio, ["htmt"], level).iloc[0]
        numbers["htmt-product-experience"] = Number(
            *row, "ratio", ready.n, "overlap of the two ratings (1 = one thing)"
        )
    last = curve.iloc[-1]
    numbers["share-experience-without-liking"] = Number(
        *last[["share", "low", "high"]],
        "share of R2",
        ready.n,
        "experience's share, the strongest liking taken out",
    )
    if not numbers.get("htmt-product-experience"):
        finding = "This survey cannot say whether customers tell the sides apart: a side has a single item or categories."
    else:
        one = numbers["htmt-product-experience"]
        if one.high >= 1:
            said = "so they may be one and the same thing to them"
        elif one.value >= 0.85:
            said = "though they are not quite one thing to them"
        else:
            said = "so they do tell the two apart"
        alike = "almost alike" if one.value >= 0.85 else "differently"
        finding = (
            f"Customers rate product and experience {alike} (overlap {one}, where 1 is one thing), {said}."
        )
    turned = (curve["share"].iloc[0] - 0.5) * (last["share"] - 0.5) < 0
    end = number(last["share"], "share")
    title = (
        f"A strong general liking would turn the answer: experience {end}" if turned
        else f"No general liking turns the answer: experience stays at {end} or beyond" if abs(last["share"] - 0.5) >= abs(curve["share"].iloc[0] - 0.5)
        else f"A strong general liking moves experience's share to {end}"
    )  # fmt: skip
    return Result(
        finding, numbers, curve,
        lambda: general.lines(
            curve, x="liking", y="share", title=title, x_title="correlation that a general liking alone would give",
            y_title=f"experience's share of {what}", percent=True, reference=0.5,
        ),
        ["Customers who like a firm may rate everything higher. Asked at one time, a survey cannot fully rule that out."],
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
    numbers = {
        f"slope-{side}-corrected": Number(*table.loc[side, ["estimate", "low", "high"]], "standardised slope", n,
                                          f"what a step of {side} adds, item error taken out")
        for side in SIDES
    }  # fmt: skip
    row = table.loc["difference"]
    numbers["slope-difference-corrected"] = Number(*row[["estimate", "low", "high"]], "standardised slope", n,
                                                   "product minus experience, item error taken out")  # fmt: skip
    numbers["slope-difference-points"] = Number(*row[["points", "points_low", "points_high"]],
                                                "outcome points per scale point", n, "the same in points")  # fmt: skip
    sure = [side for side in SIDES if numbers[f"slope-{side}-corrected"].low > 0]
    verb = "adds" if len(sure) == 1 else "add"
    says = (
        f"{capital(listed(sure))} for certain {verb} something"
        if sure
        else "Neither side for certain adds anything"
    )
    finding = f"{says} to {survey.label(survey.outcome)} once errors of the items are taken out."
    title = f"{says} when item errors are taken out"
    return Result(
        finding, numbers, table,
        lambda: general.dots(table.loc[list(SIDES)], title=title, x_title="standardised slope, item error taken out"),
        [], survey,
    )  # fmt: skip


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
    half = curve[(curve["block"] == other) & (curve["factor"] == 0.5)].iloc[0]
    numbers = {
        f"share-{other}-at-half-{side}-spread": Number(
            *half[["share", "low", "high"]],
            "share of R2",
            n,
            f"{other}'s share if {side} differed half as much",
        )
    }
    now, then = (
        curve[(curve["block"] == other) & (curve["factor"] == f)].iloc[0]["share"] for f in (1.0, 0.5)
    )
    what = survey.label(survey.outcome)
    finding = (
        f"If customers differed half as much on the {side}, the share of {other} would go from {number(now, 'share')} to "
        f"{numbers[f'share-{other}-at-half-{side}-spread']}, although no step would add more."
    )
    title = f"With {side} differing half as much, {other} carries {number(then, 'share')}"
    shown = curve.assign(block=[capital(block) for block in curve["block"]])
    shown.attrs = {}
    return Result(
        finding, numbers, curve,
        lambda: general.lines(
            shown, x="factor", y="share", group="block", title=title, x_title=f"spread of {side} (1 = as in this survey)",
            y_title=f"share of {what}", mark=spread, mark_label="here", percent=True,
        ),
        ["A share mixes what a step adds with how much customers differ. A small share never shows that a side is unimportant."],
        survey,
    )  # fmt: skip


@question("survey")
def items(survey: Survey) -> Result:
    """Which items matter, and how are we doing on them? Importance (LMG of each item) against performance
    (mean answer).

    An item is to be fixed first when its importance is above the average item's and its mean below the
    average mean; 'for certain' when both intervals clear the averages. Table: ``item side importance low high
    performance quadrant``.
    """
    survey = survey.only(*survey.sides)
    asked = survey.items
    if len(asked) > 18:
        raise NotEnough(f"{len(asked)} items on the sides; at most 18 can be weighed one by one")
    single = survey.with_(blocks={item: [item] for item in asked})
    ready, share, _ = shares(single)
    level = survey.confidence_level
    low, high = survey.scale or (
        float(survey.frame[asked].min().min()),
        float(survey.frame[asked].max().max()),
    )
    means = survey.frame[asked].astype(float).mean().to_numpy()
    errors = survey.frame[asked].astype(float).sem().to_numpy()
    weight = intervals(share, asked, level)
    table = pd.DataFrame({"item": [survey.label(item) for item in asked]})
    home = {item: side for side, own in survey.blocks.items() for item in own}
    table["side"] = [home[item] for item in asked]
    table[["importance", "low", "high"]] = weight.to_numpy()
    table["performance"] = (means - low) / (high - low)
    reach = 1.96 * errors / (high - low)
    average, middle = 1 / len(asked), float(table["performance"].mean())
    heavy, weak = table["importance"] >= average, table["performance"] < middle
    table["quadrant"] = np.select(
        [heavy & weak, heavy & ~weak, ~heavy & weak], ["fix first", "keep up", "can wait"], "do not overdo"
    )
    table["certain"] = ((table["low"] > average) | (table["high"] < average)) & (
        (table["performance"] - reach > middle) | (table["performance"] + reach < middle)
    )
    first = table[table["quadrant"] == "fix first"].sort_values("importance", ascending=False)
    sure = first[first["certain"]]
    numbers = {
        f"importance-{i + 1}": Number(
            row.importance, row.low, row.high, "share of R2", ready.n, f"importance of {row.item}"
        )
        for i, row in enumerate(table.sort_values("importance", ascending=False).head(3).itertuples())
    }
    if len(first):
        top = first.iloc[0]
        doubt = (
            "" if len(sure) and sure.index[0] == first.index[0] else ", though this sample is not sure of it"
        )
        finding = (
            f"Look first at {top['item']}: it matters more than most and is rated lower than most{doubt}."
        )
        title = f"{len(first)} of {len(asked)} items matter more than most and are rated lower"
    else:
        finding = "No item both matters more than most and is rated lower than most."
        title = "No item both matters most and is rated low"
    shown = table.assign(side=[capital(side) for side in table["side"]])
    return Result(
        finding, numbers, table,
        lambda: general.scatter(
            shown, x="performance", y="importance", label="item", group="side", title=title, named=True,
            x_title="mean answer, as a part of the scale", y_title="share of what the items explain",
            cross=(middle, average), corners=("fix first", "keep up", "can wait", "do not overdo"),
            percent=True, percent_x=True,
        ),
        ["Importance here means that an item goes with the outcome. It does not promise that raising the item raises it."],
        survey,
    )  # fmt: skip


def _cautions(survey: Survey, ready: Sample) -> list[str]:
    """Return what to be careful about, most important first."""
    found = []
    if ready.rows.filled:
        found.append(
            f"{ready.rows.complete} of {ready.rows.asked} respondents answered everything; all {ready.n} are used, which "
            "assumes that gaps depend only on the answers that are there."
        )
    behind = survey.outcome_items
    if len(behind) > 1 and set(behind) <= set(survey.frame):
        part = np.cov(survey.frame[behind].astype(float).dropna().to_numpy(), rowvar=False)[None]
        alpha = float(composite_reliability(part, [behind], behind)[1][0, 0])
        if alpha < 0.6:
            found.append(
                f"The questions behind {survey.label(survey.outcome)} hardly agree with each other (alpha {number(alpha)}), "
                "which hides part of every effect."
            )
    answers = ready.rows.values.iloc[:, sum(map(len, ready.groups)) :].mean(axis=1, skipna=False).dropna()
    top, bottom = (float((answers == end).mean()) for end in (answers.max(), answers.min()))
    if answers.nunique() > 2 and max(top, bottom) >= 0.4:
        end = "top" if top >= bottom else "bottom"
        found.append(f"{number(max(top, bottom), 'share')} gave the {end} answer, which flattens every effect.")
    if ready.n < 10 * ready.items.sum():
        found.append(f"{ready.n} respondents are few for {int(ready.items.sum())} items, so the intervals are wide.")
    return found
