"""Effects that hold whatever a general liking and the errors of the items may have done.

Ratings from one sitting share a liking of the firm, which alone makes them go together. How strong it is, a
survey of one moment cannot say; but if it lifts all ratings alike, it can be at most the smallest correlation
among the sides and the outcome (Lindell & Whitney 2001, with that smallest correlation in place of a marker).
Nor is it known how much of a side the errors of its items hide. So every number here is computed for each
admissible liking, from none to that bound, and with items as measured and corrected (Spearman 1904); its
interval is the union of all these intervals.

It assumes that the liking adds to product, experience and outcome alike. A liking that colours the outcome
and one side much more than the other side is not ruled out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.survey import SIDES, Survey
from cxlab.figures import general
from cxlab.questions.importance import composite_reliability
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, listed, number
from cxlab.stats.lmg import shapley_r2
from cxlab.stats.resampling import Covariances, correlations, limits, slopes

STEPS = 5  # likings between none and the bound
SINGLE = (0.6, 0.8)  # assumed reliabilities of a side or outcome with one item, which cannot show its own
SMALL = 0.1  # the smallest effect of interest of the rules
STEP = "standardised slope"
MOST = 0.98  # a corrected correlation beyond this has no plain meaning

Statistic = Callable[[np.ndarray], np.ndarray]  # correlations (draws, k + 1, k + 1) -> names x draws


def fair(
    survey: Survey,
    statistic: Statistic,
    names: Sequence[str],
    *,
    blocks: Mapping[str, Sequence[str]] | None = None,
    difference: bool = False,
) -> pd.DataFrame:
    """Return ``estimate low high`` of a statistic of the correlations among the sides' composites and the
    outcome.

    ``estimate`` is the one with items corrected and no liking; ``low`` and ``high`` are the widest limits
    over all admissible likings; the lower one also over items as measured, and so does the upper one of a
    ``difference``. ``attrs["n"]`` counts respondents.
    """
    if survey.categorical:
        raise NotEnough("the items of a side are categories, so they have no scale and no reliability")
    blocks = dict(blocks or survey.only(*SIDES).blocks)
    outcome = [item for item in survey.outcome_items if item in survey.frame] or [survey.outcome]
    groups = [*blocks.values(), outcome]
    columns = [item for group in groups for item in group]
    if len(set(columns)) < len(columns):
        raise NotEnough("an item of the outcome is also a driver, so it would explain itself")
    used = survey.frame[columns].astype(float).dropna()
    if len(used) < 5 * len(columns):
        raise NotEnough(
            f"{len(used)} complete respondents for {len(columns)} items; {5 * len(columns)} are needed"
        )
    weights = survey.frame.loc[used.index, survey.weights].to_numpy(float) if survey.weights else None
    clusters = survey.frame.loc[used.index, survey.clusters].to_numpy() if survey.clusters else None
    found = Covariances(
        used.to_numpy(), draws=survey.bootstrap, weights=weights, clusters=clusters, rng=survey.rng
    )
    composites, alphas = composite_reliability(found.matrices, groups, columns)
    measured = correlations(composites)
    tries = []
    for reliability in _reliabilities(alphas, [len(group) for group in groups]):
        scale = np.sqrt(reliability)
        corrected = np.clip(measured / scale[:, :, None] / scale[:, None, :], -MOST, MOST)
        spread = np.sqrt(np.diagonal(composites, axis1=1, axis2=2)) * scale
        tries += _cleared(corrected, spread)
    values = np.atleast_2d(statistic(np.concatenate(tries))).reshape(len(names), len(tries), -1)
    first = values[:, 0, 0]
    lows, highs = limits(values[..., 1:], survey.confidence_level)
    # as measured, a side is lent what the errors of the other side hide: that is no upper limit
    low, high = lows.min(axis=1), highs[:, : None if difference else -2 * STEPS].max(axis=1)
    table = pd.DataFrame(
        {"estimate": first, "low": np.minimum(low, first), "high": np.maximum(high, first)}, index=list(names)
    )
    table.attrs = {"n": len(used)}
    return table


def _reliabilities(alphas: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Return the reliabilities to try: corrected (each assumption for single items), then as measured."""
    single = np.array(sizes) == 1
    tries = [np.where(single, assumed, alphas) for assumed in SINGLE] if single.any() else [alphas]
    return [*tries[::-1], np.ones_like(alphas)]


def _cleared(corrected: np.ndarray, spread: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the correlations cleared of every admissible liking: the same part of every rating, then the same
    points on every rating (``spread``: standard deviations without the errors of items).

    Admissible is a liking that leaves no covariance below 0 and a possible covariance matrix: its variance is
    at most ``1 / sum(inverse)``.
    """
    size = corrected.shape[-1]
    rows, columns, one = *np.triu_indices(size, 1), np.eye(size)
    corrected = corrected * (1 - one) + one
    for spreads in (np.ones_like(spread), spread):
        covariances = corrected * spreads[:, :, None] * spreads[:, None, :]
        total = np.linalg.pinv(covariances, hermitian=True).sum(axis=(1, 2))
        alone = 0.95 * np.diagonal(covariances, axis1=1, axis2=2).min(axis=1)
        most = np.where(total > 0, np.minimum(0.999 / np.where(total > 0, total, 1), alone), alone)
        bound = np.minimum(covariances[:, rows, columns].min(axis=1), most).clip(0)
        for part in np.linspace(0, 1, STEPS):
            left = correlations(covariances - (part * bound)[:, None, None])
            yield np.clip(left, -MOST, MOST) * (1 - one) + one


@question("survey", *SIDES)
def beyond_liking(survey: Survey) -> Result:
    """What holds whatever a general liking of the firm did? The numbers that the verdict's rules about
    ratings read.

    Table: ``quantity answer n``; every number has the widest limits over all admissible likings.
    """
    numbers = _sides(survey)
    for part in (_beside, _paths, _feelings, _facets, _functions, _recommending):
        with suppress(NotEnough):
            numbers |= part(survey)
    sure = [side for side in SIDES if numbers[f"slope-{side}-fair"].low > 0]
    little = [side for side in SIDES if numbers[f"slope-{side}-fair"].high < SMALL]
    what = survey.label(survey.outcome)
    if sure:
        least = [f"{side} adds at least {number(numbers[f'slope-{side}-fair'].low, STEP)}" for side in sure]
        finding = f"whatever a general liking did, {listed(least)} to {what}."
    elif len(little) == 2:
        finding = f"neither side adds more than {SMALL} to {what}, whatever a general liking did."
    else:
        finding = f"no effect is sure: a general liking could explain all that both sides add to {what}."
    rows = [(capital(value.label), str(value), value.n) for value in numbers.values()]
    shown = [(capital(side), *numbers[f"slope-{side}-fair"][:3]) for side in SIDES]
    shown = pd.DataFrame(shown, columns=["side", "estimate", "low", "high"])
    axes = {"x_title": "change per step, every admissible liking tried", "label": "side"}
    return Result(
        finding, numbers, pd.DataFrame(rows, columns=["quantity", "answer", "n"]),
        lambda: general.dots(shown, **axes, band=(-SMALL, SMALL)),
        ["It assumes that a liking lifts all ratings alike. "
         "One that colours a single side more is not ruled out."],
        survey,
    )  # fmt: skip


def _number(survey, statistic, label: str, unit: str = STEP, blocks=None, difference=False) -> Number:
    table = fair(survey, statistic, ["one"], blocks=blocks, difference=difference)
    return Number(*table.iloc[0], unit, table.attrs["n"], f"{label}, any liking")


def _slopes(
    survey: Survey, blocks: Mapping[str, Sequence[str]], wanted: Mapping[str, str], to: str = ""
) -> dict[str, Number]:
    """Return the fair slopes of some blocks: ``wanted`` maps a block to the name of its number."""
    table = fair(survey, slopes, list(blocks), blocks=blocks)
    return {
        f"slope-{name}-fair": Number(
            *table.loc[block], STEP, table.attrs["n"], f"what a step of {block} adds{to}, any liking"
        )
        for block, name in wanted.items()
    }


def _shares(r: np.ndarray) -> np.ndarray:
    """Return product's share minus experience's, and the part that either could explain."""
    raw = shapley_r2(r, [[0], [1]])
    total = np.where(raw.sum(axis=0) > 1e-12, raw.sum(axis=0), np.nan)
    return np.stack([(raw[0] - raw[1]) / total, (r[:, 0, 2] ** 2 + r[:, 1, 2] ** 2 - total) / total])


def _sides(survey: Survey) -> dict[str, Number]:
    blocks = survey.only(*SIDES).blocks
    spreads = [survey.frame[items].astype(float).mean(axis=1).std() for items in blocks.values()]
    scale = survey.frame[survey.outcome].astype(float).std() / np.array(spreads)
    gap = lambda r: np.diff((slopes(r) * scale[:, None])[1::-1], axis=0)  # noqa: E731
    unit = "outcome points per scale point"
    points = _number(survey, gap, "product's slope minus experience's", unit, difference=True)
    shared = _number(survey, lambda r: _shares(r)[1:], "explained by either side alike", "share of R2",
                     difference=True)  # fmt: skip
    return _slopes(survey, blocks, {side: side for side in SIDES}) | {
        "share-difference-fair": _lead(survey, "product's share minus experience's"),
        "share-shared-fair": shared,
        "slope-difference-points-fair": points,
    }


def _lead(survey: Survey, label: str) -> Number:
    return _number(survey, lambda r: _shares(r)[:1], label, "difference of shares", difference=True)


def _without(blocks: Mapping[str, Sequence[str]], items: Sequence[str]) -> dict[str, list[str]]:
    kept = {name: [item for item in own if item not in items] for name, own in blocks.items()}
    return {name: own for name, own in kept.items() if own}


def _asked(survey: Survey) -> dict[str, Sequence[str]]:
    """Return the items of what may stand beside the two sides."""
    roles, blocks = survey.roles, survey.blocks
    return {
        "trust": roles.get("trust") or blocks.get("trust") or [],
        "price": blocks.get("price") or [],
        "image": blocks.get("image") or blocks.get("brand") or [],
        "product in use": roles.get("in_use") or [],
    }


def _explaining(survey: Survey, items: Sequence[str], **settings) -> Survey:
    """Return the survey with the mean of some items as its outcome."""
    frame = survey.frame.assign(**{"(mean)": survey.frame[items].mean(axis=1, skipna=False)})
    return survey.with_(frame=frame, outcome="(mean)", outcomes={"(mean)": list(items)}, **settings)


def _beside(survey: Survey) -> dict[str, Number]:
    """Return what trust, price, image and using the product add beside the two sides."""
    sides, extra, found = survey.only(*SIDES).blocks, _asked(survey), {}
    for name, items in extra.items():
        beside = _without(sides, items)
        if items and len(beside) == len(sides):
            found |= _slopes(survey, beside | {name: list(items)}, {name: name.replace(" ", "-")})
    if trust := extra["trust"]:
        builders = _without(sides | {"image": extra["image"]}, trust)
        wanted = {block: f"{block}-on-trust" for block in ("experience", "image") if block in builders}
        found |= _slopes(_explaining(survey, trust), builders, wanted, " to trust")
    return found


def _paths(survey: Survey) -> dict[str, Number]:
    """Return how much of each side reaches the outcome through the other, through value, through trust."""
    found, extra = {}, _asked(survey)
    for side, other in (SIDES, SIDES[::-1]):
        for name, items in (("value", extra["price"]), ("trust", extra["trust"])):
            blocks = _without({side: survey.blocks[side], other: survey.blocks[other]}, items)
            if items and len(blocks) == 2:
                found[f"indirect-{side}-through-{name}-fair"] = _number(
                    survey, _indirect, f"{side} through {name}", blocks=blocks | {name: list(items)}
                )
    return found


def _indirect(r: np.ndarray) -> np.ndarray:
    """Return the way of the first column through the last but one to the last, the others held."""
    middle, last = r.shape[-1] - 2, r.shape[-1] - 1
    held, inner = list(range(middle)), list(range(last))
    first = np.linalg.solve(r[:, held][:, :, held], r[:, held, middle][..., None])[:, 0, 0]
    second = np.linalg.solve(r[:, inner][:, :, inner], r[:, inner, last][..., None])[:, -1, 0]
    return (first * second)[None]


def _feelings(survey: Survey) -> dict[str, Number]:
    items = survey.roles.get("emotion") or []
    blocks = _without(survey.only(*SIDES).blocks, items)
    if not items or len(blocks) < 2:
        return {}
    felt = _lead(_explaining(survey, items, blocks=blocks), "product's share of feelings minus experience's")
    return {"emotion-share-difference-fair": felt}


def _facets(survey: Survey) -> dict[str, Number]:
    asked = {name: survey.roles[name] for name in ("useful", "usable", "sensuous") if survey.roles.get(name)}
    return _slopes(survey, asked, {facet: f"facet-{facet}" for facet in asked}) if len(asked) > 1 else {}


def _functions(survey: Survey) -> dict[str, Number]:
    """Return the part of functional areas that add more than the smallest effect beside the others."""
    areas = survey.roles.get("functions", [])
    if len(areas) < 2:
        return {}
    table = fair(survey, slopes, areas, blocks={area: [area] for area in areas})
    parts = [float((table[end] > SMALL).mean()) for end in ("estimate", "low", "high")]
    label = "functions that add more than the smallest that matters, any liking"
    return {"functions-bearing-fair": Number(*parts, "share of functions", table.attrs["n"], label)}


def _recommending(survey: Survey) -> dict[str, Number]:
    """Return how satisfaction and recommendation go together, where both are asked and share no item."""
    satisfied = survey.outcomes.get("satisfaction") or []
    asked = [item for items in survey.outcomes.values() for item in items if item not in satisfied]
    recommend = [item for item in asked if "recommend" in survey.labels.get(item, item).lower()]
    if not satisfied or not recommend or not {*satisfied, *recommend} <= set(survey.frame):
        return {}
    voice = survey.with_(outcome=recommend[0], outcomes={recommend[0]: recommend[:1]})
    blocks = survey.only(*SIDES).blocks | {"satisfaction": list(satisfied)}
    label = "satisfaction and recommendation go together"
    together = _number(voice, lambda r: r[:, -2, -1][None], label, "correlation", blocks=blocks)
    return {"satisfied-recommend-fair": together}
