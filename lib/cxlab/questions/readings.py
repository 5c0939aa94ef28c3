"""Other readings of one survey that the debate asks for: trust, product in use, price, feelings, facets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.survey import SIDES, Survey
from cxlab.questions.importance import estimate, sample, shares, standard_slopes
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, count, listed, stated

FACETS = ("useful", "usable", "sensuous")
SHARE, SLOPE = "share of R2", "standardised slope"


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
    rows = [(capital(value.label), str(value), value.n) for value in numbers.values()]
    table = pd.DataFrame(rows, columns=["question", "answer", "n"])
    one, what = numbers.get("matched-experience"), survey.label(_advocacy(survey))
    if one is None:
        finding = f"these answers allow {count(len(numbers), 'further reading')}; the table has them."
    elif one.low > 0:
        finding = (
            f"among customers who rate the product alike, experience still adds to '{what}' (slope {one})."
        )
    else:
        finding = (
            f"among customers who rate the product alike, no effect of experience on '{what}' was found."
        )
    return Result(stated(finding, survey.simulated, "answers"), numbers, table, None, [], survey)


def _joint(survey: Survey, sides: Sequence[str] | Callable[[str], bool], label: str) -> Number:
    """Return the share of several sides together."""
    ready, share, _ = shares(survey)
    chosen = [i for i, side in enumerate(ready.sides) if (sides(side) if callable(sides) else side in sides)]
    return estimate(share[chosen].sum(axis=0), survey, SHARE, ready.n, label)


def _mean_as_outcome(survey: Survey, items: list[str], name: str) -> Survey:
    """Return the survey with the mean of some items as what is to be explained; they leave the sides."""
    frame = survey.frame.assign(**{name: survey.frame[items].mean(axis=1, skipna=False)})
    return survey.move(*items, to=None).with_(frame=frame, outcome=name, outcomes={name: items})


def _price_and_image(survey: Survey) -> dict[str, Number]:
    beside = [side for side in ("price", "image", "brand") if survey.blocks.get(side)]
    label = f"share of {listed(beside)} when all are weighed together"
    return {"share-price-image": _joint(survey.only(*SIDES, *beside), beside, label)} if beside else {}


def _trust(survey: Survey) -> dict[str, Number]:
    items = survey.roles.get("trust") or survey.blocks.get("trust") or []
    if not items:
        return {}
    beside = survey.only(*SIDES).move(*items, to="trust")
    ready = sample(beside)
    draws = standard_slopes(ready, beside)[ready.sides.index("trust")]
    label = "what a step of trust adds beside both sides"
    found = {"slope-trust": estimate(draws, survey, SLOPE, ready.n, label)}
    builders = _mean_as_outcome(survey.only(*SIDES, "price", "image", "brand"), items, "trust")
    label = "share of everything but product and price in what explains trust"
    return found | {
        "share-non-product-trust": _joint(builders, lambda side: side not in ("product", "price"), label)
    }


def _in_use(survey: Survey) -> dict[str, Number]:
    if not (items := survey.roles.get("in_use")):
        return {}
    third = survey.only(*SIDES).move(*items, to="product in use")
    return {
        "share-product-in-use": _joint(
            third, ["product in use"], "share of using the product, as a third side"
        )
    }


def _feelings(survey: Survey) -> dict[str, Number]:
    if not (items := survey.roles.get("emotion")):
        return {}
    ready, share, _ = shares(_mean_as_outcome(survey.only(*SIDES), items, "feelings"))
    gap = share[ready.sides.index("product")] - share[ready.sides.index("experience")]
    label = "product's share of feelings minus experience's"
    return {"emotion-share-difference": estimate(gap, survey, SHARE, ready.n, label)}


def _facets(survey: Survey) -> dict[str, Number]:
    asked = {facet: survey.roles[facet] for facet in FACETS if survey.roles.get(facet)}
    if len(asked) < 2:
        return {}
    facets = survey.with_(blocks=asked)
    ready, share, _ = shares(facets)
    steps = standard_slopes(ready, facets)
    found = {
        f"slope-facet-{facet}": estimate(steps[i], survey, SLOPE, ready.n, f"what a step of '{facet}' adds")
        for i, facet in enumerate(ready.sides)
    }
    if "sensuous" in asked:
        mine = ready.sides.index("sensuous")
        rest = max((i for i in range(len(ready.sides)) if i != mine), key=lambda i: share[i, 0])
        label = "share of pleasing the senses minus that of the next facet"
        found["share-facet-sensuous-lead"] = estimate(
            share[mine] - share[rest], survey, SHARE, ready.n, label
        )
    return found


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
    base, voice = survey.only(*SIDES), _advocacy(survey)
    table = base.frame[list(dict.fromkeys([*base.items, voice]))].astype(float).dropna()
    if survey.categorical or len(table) < 5 * len(base.items) + 10:
        return {}
    found = {}
    for of, given in (SIDES[::-1], SIDES):
        # rounded, so that equal ratings stay tied
        x, held = (table[base.blocks[side]].mean(axis=1).round(9).to_numpy() for side in (of, given))
        label = f"what {of} adds to {survey.label(voice)} where {given} is rated alike"
        draws = _slope_within(x, held, table[voice].to_numpy(), survey)
        found[f"matched-{of}"] = estimate(draws, survey, SLOPE, len(table), label)
    return found


def _slope_within(x, held, y, survey: Survey, strata: int = 10) -> np.ndarray:
    group = np.unique(pd.qcut(held, strata, labels=False, duplicates="drop"), return_inverse=True)[1]
    n = len(x)
    counts = np.vstack([np.ones(n), survey.rng.multinomial(n, np.full(n, 1 / n), size=survey.bootstrap)])
    sums = np.zeros((5, len(counts)))
    for one in range(int(group.max()) + 1):
        inside = group == one
        weight = counts[:, inside]
        total = np.maximum(weight.sum(axis=1), 1e-12)
        a, g, b = (part[inside] - part[inside].mean() for part in (x, held, y))
        for i, (left, right) in enumerate(((a, a), (a, g), (g, g), (a, b), (g, b))):
            sums[i] += weight @ (left * right) - (weight @ left) * (weight @ right) / total
    xx, xg, gg, xy, gy = sums
    gg = np.where(gg > 1e-9, gg, np.inf)
    return (xy - xg * gy / gg) / (xx - xg**2 / gg) * x.std() / y.std()
