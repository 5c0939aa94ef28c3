"""Does the answer travel?

Other surveys, other outcomes, other ways to sort the items, other readings of the same survey.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.sources import open_source
from cxlab.data.survey import SIDES, Survey
from cxlab.figures import general
from cxlab.questions.importance import htmt_ratio, sample, shares, standard_slopes
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, count, listed, number, spread
from cxlab.stats.pooling import pool
from cxlab.stats.resampling import Covariances, correlations, intervals, limits

FACETS = ("useful", "usable", "sensuous")
SMALLEST_SEGMENT = 20


def sortings(survey: Survey, *, most: int = 4) -> dict[str, Survey]:
    """Return ways to sort the items of product and experience: as registered, as somebody defines it, item by
    item.

    Definitions by somebody (roles ``product_by_author`` and the like) only where the survey declares them;
    items to move are its ``disputed`` ones, else those that go with the other side at least as much as with
    their own.
    """
    survey = survey.only(*SIDES)
    found = {"as registered": survey}
    asked = survey.items
    for role, items in survey.roles.items():
        if role.startswith("product_by_"):
            own = [item for item in asked if item in items]
            rest = [item for item in asked if item not in own]
            if own and rest and set(own) != set(survey.blocks["product"]):
                name = f"as {role.removeprefix('product_by_').replace('_', ' ')} would sort them"
                found[name] = survey.with_(blocks={"product": own, "experience": rest})
    doubtful = [] if survey.categorical else survey.roles.get("disputed") or _doubtful(survey, most)
    for item in [item for item in doubtful if item in asked][:most]:
        other = "experience" if item in survey.blocks["product"] else "product"
        moved = survey.move(item, to=other)
        if len(moved.blocks) == 2:
            found[f"'{survey.label(item)}' counted as {other}"] = moved
    return found


def _doubtful(survey: Survey, most: int) -> list[str]:
    matrix = survey.frame[survey.items].astype(float).dropna().corr()
    doubt = {}
    for side, other in (SIDES, SIDES[::-1]):
        for item in survey.blocks[side]:
            own = [mate for mate in survey.blocks[side] if mate != item]
            if own:
                across = matrix.loc[item, survey.blocks[other]].mean()
                doubt[item] = float(across - matrix.loc[item, own].mean())
    return sorted((item for item, value in doubt.items() if value >= 0), key=lambda item: -doubt[item])[:most]


def share_of(survey: Survey, side: str = "experience") -> tuple[float, float, float, float, int]:
    """Return a side's share of the two sides' R2: value, low, high, variance over resamples, respondents."""
    ready, share, _ = shares(survey.only(*SIDES))
    draws = share[ready.sides.index(side)]
    low, high = limits(draws[None, 1:], survey.confidence_level)
    return float(draws[0]), float(low[0]), float(high[0]), float(np.nanvar(draws[1:])), ready.n


@question("survey", *SIDES)
def sorted_otherwise(survey: Survey) -> Result:
    """Does the answer depend on who sorts the items?

    Experience's share under every sorting; table ``sorting share low high``.
    """
    ways = sortings(survey)
    rows = [(name, *share_of(way)[:3], share_of(way)[4]) for name, way in ways.items()]
    table = pd.DataFrame(rows, columns=["sorting", "share", "low", "high", "n"])
    ends = table.sort_values("share", kind="stable").iloc[[0, -1]]
    numbers = {
        f"share-experience-{name}-reading": Number(row.share, row.low, row.high, "share of R2", row.n,
                                                   f"experience's share, {name} of all sortings ({row.sorting})")
        for name, row in zip(("lowest", "highest"), ends.itertuples(), strict=True)
    }  # fmt: skip
    reach = spread(ends["share"].iloc[0], ends["share"].iloc[1], "share")
    if len(ways) == 1:
        finding = title = "No item of this survey could as well stand on the other side"
    elif ends["share"].iloc[0] < 0.5 < ends["share"].iloc[1]:
        finding = f"The answer turns with who sorts the items: experience's share runs from {reach}."
        title = f"Sorting the same items differently moves experience from {reach}"
    else:
        finding = f"However the disputed items are sorted, the same side leads: experience's share runs from {reach}."
        title = f"However the items are sorted, experience has {reach}"
    draw = lambda: general.dots(  # noqa: E731
        table,
        title=title,
        x_title="experience's share",
        label="sorting",
        value="share",
        reference=0.5,
        percent=True,
    )
    return Result(f"{finding.rstrip('.')}.", numbers, table, draw if len(ways) > 1 else None, [], survey)


@question("survey", *SIDES)
def survey_by_survey(survey: Survey, others: Sequence[str] = ()) -> Result:
    """Do other surveys say the same? Experience's share in each, pooled by random effects, with the range
    over sortings.

    ``others`` are registered sources; those that lack a side or cannot be split are left out and counted.
    Table: ``survey share low high lowest highest n outcome``; the last row is the pooled share.
    """
    surveys, skipped = [survey], 0
    for name in others:
        if name == survey.name:
            continue
        try:
            surveys.append(open_source(name, table="survey", bootstrap=survey.bootstrap, seed=survey.seed))
        except (InputError, OSError):
            skipped += 1
    rows, variances = [], []
    for each in surveys:
        try:
            if len(each.only(*SIDES).blocks) < 2:
                raise NotEnough("a side is not asked")
            share, low, high, variance, n = share_of(each)
        except NotEnough:
            skipped += 1
            continue
        ways = [share_of(way)[0] for way in sortings(each).values()]
        rows.append(
            (each.title or each.name, share, low, high, min(ways), max(ways), n, each.label(each.outcome))
        )
        variances.append(max(variance, 1e-8))
    table = pd.DataFrame(
        rows, columns=["survey", "share", "low", "high", "lowest", "highest", "n", "outcome"]
    )
    if not len(table):
        raise NotEnough("no survey here has enough answers on both sides")
    leads = int((table["share"] > 0.5).sum())
    total = len(table)
    numbers = {
        "surveys-with-experience-ahead": Number(
            leads, unit="surveys", n=total, label=f"of {total} surveys, experience is ahead in"
        )
    }
    turned = int(((table["lowest"] < 0.5) & (table["highest"] > 0.5)).sum())
    numbers["surveys-that-turn"] = Number(
        turned, unit="surveys", n=total, label="surveys in which sorting the items turns the answer"
    )
    pooled_words = ""
    if total > 1:
        found, _ = pool(table["share"], variances, survey.confidence_level)
        keep = (max(found.low, 0.0), min(found.high, 1.0))
        numbers["share-experience-pooled"] = Number(found.estimate, *keep, "share of R2", int(table["n"].sum()),
                                                    "experience's share, all surveys pooled")  # fmt: skip
        pooled_words = f"; pooled {numbers['share-experience-pooled']}"
        low, high = max(found.predicted_low, 0.0), min(found.predicted_high, 1.0)
        table.loc[total] = [
            "all pooled (random effects)",
            found.estimate,
            *keep,
            low,
            high,
            table["n"].sum(),
            "",
        ]
        numbers["share-experience-predicted"] = Number(found.estimate, low, high, "share of R2", total,
                                                       "where a new survey would probably lie")  # fmt: skip
    ahead = "experience" if leads * 2 >= total else "product"
    many = leads if ahead == "experience" else total - leads
    title = f"{capital(ahead)} has the larger share in {many} of {count(total, 'survey')}"
    finding = f"{title}{pooled_words}."
    cautions = []
    if turned:
        cautions.append(
            f"In {turned} of {total} the answer turns when disputed items are sorted differently."
        )
    if skipped:
        cautions.append(f"{count(skipped, 'survey')} left out: a side is not asked or answers are too few.")
    return Result(
        finding, numbers, table,
        lambda: general.dots(
            table, title=title, x_title="experience's share of what both sides explain", label="survey", value="share",
            reference=0.5, percent=True,
        ),
        cautions, survey,
    )  # fmt: skip


@question("survey", *SIDES)
def outcome_by_outcome(survey: Survey) -> Result:
    """Is it one outcome or several? Experience's share for each outcome on the same respondents, and how
    alike they are.

    Table: index outcome, ``share low high`` and ``difference difference_low difference_high`` from the first.
    """
    names = [survey.outcome, *(name for name in survey.outcomes if name != survey.outcome)]
    base = survey.only(*SIDES)
    columns = [*base.items, *names]
    used = base.frame[columns].astype(float).dropna()
    draws = []
    for name in names:
        draws.append(shares(base.with_(outcome=name, frame=base.frame.loc[used.index]))[1][1])
    values = np.array(draws)
    table = intervals(values, [survey.label(name) for name in names], survey.confidence_level)
    gap = intervals(values - values[0], names, survey.confidence_level)
    table[["difference", "difference_low", "difference_high"]] = gap.to_numpy()
    table = table.rename(columns={"estimate": "share"}).rename_axis("outcome")
    differ = [
        survey.label(name)
        for name, row in zip(names, gap.itertuples(), strict=True)
        if row.low > 0 or row.high < 0
    ]
    numbers = {
        f"share-experience-for-{name}".replace("_", "-"): Number(*table.iloc[i][["share", "low", "high"]], "share of R2",
                                                                 len(used), f"experience's share of {survey.label(name)}")
        for i, name in enumerate(names)
    }  # fmt: skip
    numbers |= _alike_outcomes(survey)
    if len(names) == 1:
        return Result("This survey asks about one outcome only.", numbers, table, None, [], survey)
    first = survey.label(survey.outcome)
    if differ:
        finding = f"The split differs between outcomes: experience's share of {listed(differ)} is not the one of {first}."
        title = f"Experience's share differs between outcomes: {spread(table['share'].min(), table['share'].max(), 'share')}"
    else:
        finding = f"No difference between outcomes was found: experience has {number(table['share'].iloc[0], 'share')} of {first}."
        title = f"No difference between {count(len(names), 'outcome')} was found"
    return Result(
        finding, numbers, table,
        lambda: general.dots(table, title=title, x_title="experience's share", value="share", reference=0.5, percent=True),
        [], survey,
    )  # fmt: skip


@question("survey", *SIDES)
def by_segment(survey: Survey) -> Result:
    """Is the answer the same for every kind of customer? Shares by the first segment column, small segments
    pulled in.

    Table: ``segment n share low high shrunk shrunk_low shrunk_high`` of experience.
    """
    column = next(iter(survey.segments), None)
    if column is None:
        return Result(
            "Not answered here: this needs a column that tells customers apart.", data=survey, missing=True
        )
    base = survey.only(*SIDES)
    least = max(SMALLEST_SEGMENT, survey.min_cell, 5 * (len(base.items) + 1))
    rows, left_out, generator = {side: [] for side in SIDES}, 0, survey.rng
    for name, part in base.frame.groupby(column, sort=True):
        complete = part[[*base.items, base.outcome]].notna().all(axis=1).sum()
        if complete < least:
            left_out += 1
            continue
        try:
            ready, share, _ = shares(base.with_(frame=part, seed=generator))
        except NotEnough:
            left_out += 1
            continue
        for i, side in enumerate(SIDES):
            low, high = limits(share[i][None, 1:], base.confidence_level)
            rows[side].append(
                (base.label(name), ready.n, share[i, 0], low[0], high[0], float(np.nanvar(share[i, 1:])))
            )
    columns = ["segment", "n", "share", "low", "high", "variance"]
    tables = {side: pd.DataFrame(found, columns=columns) for side, found in rows.items()}
    if len(tables["experience"]) < 2:
        raise NotEnough(f"fewer than two segments have {least} complete answers")
    numbers = {}
    for side, table in tables.items():
        found, pulled = pool(table["share"], table["variance"].clip(lower=1e-8), base.confidence_level)
        table[["shrunk", "shrunk_low", "shrunk_high"]] = pulled[["shrunk", "low", "high"]].to_numpy()
        lowest = table.sort_values("shrunk").iloc[0]
        numbers[f"segment-lowest-share-{side}"] = Number(
            *lowest[["shrunk", "shrunk_low", "shrunk_high"]], "share of R2", int(table["n"].min()),
            f"{side}'s share in the segment where it is lowest",
        )  # fmt: skip
    numbers["segment-spread"] = Number(found.tau, found.tau_low, found.tau_high, "share of R2", int(table["n"].sum()),
                                       "spread of the share between segments")  # fmt: skip
    table = tables["experience"].drop(columns="variance")
    if found.tau_low > 0:
        finding = f"Segments differ: experience's share varies by {numbers['segment-spread']} between them."
        title = f"Experience's share runs from {spread(table['shrunk'].min(), table['shrunk'].max(), 'share')} between segments"
    else:
        finding = "No difference between segments was found beyond what chance would give."
        title = f"No difference between {len(table)} segments was found"
    caution = [f"{count(left_out, 'segment')} left out: too few answers."] if left_out else []
    return Result(
        finding, numbers, table,
        lambda: general.dots(
            table, title=title, x_title="experience's share, small segments pulled to the mean", label="segment",
            value="shrunk", low="shrunk_low", high="shrunk_high", reference=0.5, percent=True,
        ),
        caution, survey,
    )  # fmt: skip


@question("survey", *SIDES)
def readings(survey: Survey) -> Result:
    """What else does this survey say of the debate? Trust, product in use, price and image, feelings, facets,
    advocacy.

    Table: ``question answer n``; a row for each reading that the survey's items allow.
    """
    numbers: dict[str, Number] = {}
    for part in (_price_and_image, _trust, _in_use, _feelings, _alike, _facets):
        try:
            numbers |= part(survey)
        except NotEnough:
            continue
    if not numbers:
        return Result("This survey has no items for further readings of the debate.", data=survey)
    table = pd.DataFrame(
        [(capital(value.label), str(value), value.n) for value in numbers.values()],
        columns=["question", "answer", "n"],
    )
    clear = [
        value for name, value in numbers.items() if name.startswith(("slope", "matched")) and value.low > 0
    ]
    finding = (
        f"{count(len(numbers), 'further reading')} of this survey: {count(len(clear), 'step')} for certain "
        f"{'adds' if len(clear) == 1 else 'add'} something beside the rest."
    )
    return Result(capital(finding), numbers, table, None, [], survey)


def _price_and_image(survey: Survey) -> dict[str, Number]:
    beside = [side for side in ("price", "image", "brand") if survey.blocks.get(side)]
    if not beside:
        return {}
    ready, share, _ = shares(survey.only(*SIDES, *beside))
    row = intervals(
        share[[ready.sides.index(side) for side in beside]].sum(axis=0), ["s"], survey.confidence_level
    )
    label = f"share of {listed(beside)} when all are weighed together"
    return {"share-price-image": Number(*row.iloc[0], "share of R2", ready.n, label)}


def _trust(survey: Survey) -> dict[str, Number]:
    trust = survey.roles.get("trust") or survey.blocks.get("trust") or []
    if not trust:
        return {}
    beside = survey.only(*SIDES).move(*trust, to="trust")
    ready = sample(beside)
    row = intervals(standard_slopes(ready, beside), ready.sides, survey.confidence_level).loc["trust"]
    found = {
        "slope-trust": Number(
            *row, "standardised slope", ready.n, "what a step of trust adds beside both sides"
        )
    }
    kept = [side for side in (*SIDES, "price", "image", "brand") if survey.blocks.get(side)]
    builders = survey.only(*kept).move(*trust, to=None)
    trusted = builders.with_(
        frame=builders.frame.assign(**{"(trust)": builders.frame[trust].mean(axis=1, skipna=False)}), outcome="(trust)",
        outcomes={"(trust)": trust},
    )  # fmt: skip
    ready, share, _ = shares(trusted)
    soft = [i for i, side in enumerate(ready.sides) if side not in ("product", "price")]
    row = intervals(share[soft].sum(axis=0), ["s"], survey.confidence_level).iloc[0]
    label = "share of everything but product and price in what explains trust"
    return found | {"share-non-product-trust": Number(*row, "share of R2", ready.n, label)}


def _in_use(survey: Survey) -> dict[str, Number]:
    items = survey.roles.get("in_use")
    if not items:
        return {}
    third = survey.only(*SIDES).move(*items, to="product in use")
    ready, share, _ = shares(third)
    row = intervals(share[ready.sides.index("product in use")], ["s"], survey.confidence_level).iloc[0]
    return {
        "share-product-in-use": Number(
            *row, "share of R2", ready.n, "share of using the product, as a third block"
        )
    }


def _feelings(survey: Survey) -> dict[str, Number]:
    items = survey.roles.get("emotion")
    if not items:
        return {}
    blocks = survey.only(*SIDES).move(*items, to=None)
    felt = blocks.with_(
        frame=blocks.frame.assign(**{"(feelings)": blocks.frame[items].mean(axis=1, skipna=False)}), outcome="(feelings)",
        outcomes={"(feelings)": items},
    )  # fmt: skip
    ready, share, _ = shares(felt)
    gap = share[ready.sides.index("product")] - share[ready.sides.index("experience")]
    row = intervals(gap, ["gap"], survey.confidence_level).iloc[0]
    return {
        "emotion-share-difference": Number(
            *row, "share of R2", ready.n, "product's share of feelings minus experience's"
        )
    }


def _facets(survey: Survey) -> dict[str, Number]:
    asked = {facet: survey.roles[facet] for facet in FACETS if survey.roles.get(facet)}
    if len(asked) < 2:
        return {}
    facets = survey.with_(blocks=asked)
    ready, share, _ = shares(facets)
    steps = intervals(standard_slopes(ready, facets), ready.sides, survey.confidence_level)
    found = {
        f"slope-facet-{facet}": Number(
            *steps.loc[facet], "standardised slope", ready.n, f"what a step of '{facet}' adds"
        )
        for facet in asked
    }
    if "sensuous" in asked:
        mine = ready.sides.index("sensuous")
        rest = max((i for i in range(len(ready.sides)) if i != mine), key=lambda i: share[i, 0])
        row = intervals(share[mine] - share[rest], ["lead"], survey.confidence_level).iloc[0]
        label = "share of pleasing the senses minus the next facet"
        found["share-facet-sensuous-lead"] = Number(*row, "share of R2", ready.n, label)
    return found


def _alike_outcomes(survey: Survey) -> dict[str, Number]:
    apart: dict[str, list[str]] = {}
    for name, items in survey.outcomes.items():
        taken = {item for others in apart.values() for item in others}
        if len(items) > 1 and not taken & set(items) and set(items) <= set(survey.frame):
            apart[name] = list(items)
    if len(apart) < 2:
        return {}
    columns = [item for items in apart.values() for item in items]
    values = survey.frame[columns].astype(float).dropna().to_numpy()
    if len(values) < 10:
        return {}
    r = np.abs(correlations(Covariances(values, draws=survey.bootstrap, rng=survey.rng).matrices))
    ends = np.cumsum([len(items) for items in apart.values()])
    groups = [list(range(end - len(items), end)) for end, items in zip(ends, apart.values(), strict=True)]
    ratios = [
        htmt_ratio(r, groups[a], groups[b]) for a in range(len(groups)) for b in range(a + 1, len(groups))
    ]
    row = intervals(max(ratios, key=lambda ratio: ratio[0]), ["htmt"], survey.confidence_level).iloc[0]
    return {
        "htmt-outcomes": Number(
            *row, "ratio", len(values), "overlap of the most similar outcomes (1 = one thing)"
        )
    }


def _advocacy(survey: Survey) -> str:
    """Return the outcome, or outcome item, that is nearest to speaking well of the firm."""
    named = [name for name in survey.outcomes if name.startswith(("advoc", "recommend"))]
    items = [item for items in survey.outcomes.values() for item in items]
    named += [item for item in items if "recommend" in survey.labels.get(item, "").lower()]
    return (named or [survey.outcome])[0]


def _alike(survey: Survey) -> dict[str, Number]:
    """Return what each side adds among customers who rate the other alike (ten groups, the rest held by a
    line).
    """
    if survey.categorical:
        return {}
    voice = _advocacy(survey)
    base = survey.only(*SIDES)
    table = base.frame[list(dict.fromkeys([*base.items, voice]))].astype(float).dropna()
    if len(table) < 5 * len(base.items) + 10:
        return {}
    found = {}
    for of, given in (("experience", "product"), ("product", "experience")):
        # rounded, so that equal ratings stay tied
        x, held = (table[base.blocks[side]].mean(axis=1).round(9).to_numpy() for side in (of, given))
        draws = _slope_within(x, held, table[voice].to_numpy(), survey)
        row = intervals(draws, ["s"], survey.confidence_level).iloc[0]
        label = f"what {of} adds to {survey.label(voice)} where {given} is rated alike"
        found[f"matched-{of}"] = Number(*row, "standardised slope", len(table), label)
    return found


def _slope_within(
    x: np.ndarray, held: np.ndarray, y: np.ndarray, survey: Survey, strata: int = 10
) -> np.ndarray:
    group = np.unique(pd.qcut(held, strata, labels=False, duplicates="drop"), return_inverse=True)[1]
    n, draws = len(x), survey.rng.multinomial(len(x), np.full(len(x), 1 / len(x)), size=survey.bootstrap)
    counts = np.vstack([np.ones(n), draws])
    sums = np.zeros((5, len(counts)))
    for number_ in range(int(group.max()) + 1):
        inside = group == number_
        weight = counts[:, inside]
        total = np.maximum(weight.sum(axis=1), 1e-12)
        a, g, b = (part[inside] - part[inside].mean() for part in (x, held, y))
        for i, (one, two) in enumerate(((a, a), (a, g), (g, g), (a, b), (g, b))):
            sums[i] += weight @ (one * two) - (weight @ one) * (weight @ two) / total
    xx, xg, gg, xy, gy = sums
    gg = np.where(gg > 1e-9, gg, np.inf)
    return (xy - xg * gy / gg) / (xx - xg**2 / gg) * x.std() / y.std()
