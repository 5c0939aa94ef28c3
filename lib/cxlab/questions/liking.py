"""Effects that hold whatever a general liking and the errors of the items may have done.

Ratings from one sitting share a liking of the firm, which alone makes them go together. How strong it is, a
survey of one moment cannot say; but if it lifts all ratings alike (which is assumed), it can be at most the
smallest correlation among the sides and the outcome (Lindell & Whitney 2001, that correlation in place of a
marker). Nor is it known how much of a side the errors of its items hide. So every number is computed for each
admissible liking, from none to that bound, and with items as measured and corrected (Spearman 1904); its
interval is the union of all these intervals.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.table import SIDES, Survey
from cxlab.figures import general
from cxlab.questions.importance import drawn
from cxlab.questions.result import Number, Result, capital, listed, number, question
from cxlab.stats.intervals import percentile_interval
from cxlab.stats.regression import shapley_r2
from cxlab.stats.resampling import alphas, composites, correlations, covariances, slopes

STEPS = 5  # likings between none and the bound
SINGLE = (0.6, 0.8)  # assumed reliabilities of a side or outcome with one item, which cannot show its own
SMALL = 0.1  # the smallest effect of interest of the rules
STEP = "standardised slope"
MOST = 0.98  # a corrected correlation beyond this has no plain meaning


class Reading(NamedTuple):
    """A statistic of the correlations (draws, k + 1, k + 1) of some blocks and, last, an outcome.

    ``numbers`` maps the names of its rows to their labels; of a ``difference`` neither limit may rest on
    corrected items alone; ``summary`` turns the rows ``estimate low high`` into those of the numbers.
    """

    numbers: dict[str, str]
    blocks: Mapping[str, Sequence[str]]
    outcome: Sequence[str]
    statistic: Callable[[np.ndarray], np.ndarray]
    unit: str = STEP
    difference: bool = False
    summary: Callable[[np.ndarray], np.ndarray] = np.asarray


@question("survey", *SIDES)
def beyond_liking(survey: Survey) -> Result:
    """What holds whatever a general liking of the firm did? The numbers that the verdict's rules about
    ratings read.

    Table: ``quantity answer n``; every number has the widest limits over all admissible likings.
    """
    numbers: dict[str, Number] = {}
    for reading in _readings(survey):
        try:
            rows, n = fair(survey, reading)
        except NotEnough:
            if not numbers:  # the two sides come first
                raise
            continue
        for (name, label), row in zip(reading.numbers.items(), reading.summary(rows), strict=False):
            numbers[name] = Number(*map(float, row), reading.unit, n, f"{label}, any liking")
    adds = {side: numbers[f"slope-{side}-fair"] for side in SIDES}
    sure = [f"{side} adds at least {number(one.low, STEP)}" for side, one in adds.items() if one.low > 0]
    what = survey.label(survey.outcome)
    finding = f"no effect is sure: a general liking could explain all that both sides add to {what}."
    if sure:
        finding = f"whatever a general liking did, {listed(sure)} to {what}."
    elif all(one.high < SMALL for one in adds.values()):
        finding = f"neither side adds more than {SMALL} to {what}, whatever a general liking did."
    table = pd.DataFrame([(capital(one.label), str(one), one.n) for one in numbers.values()],
                         columns=["quantity", "answer", "n"])  # fmt: skip
    shown = pd.DataFrame([(capital(side), *one[:3]) for side, one in adds.items()],
                         columns=["side", "estimate", "low", "high"])  # fmt: skip
    axes = {"x_title": "change per step, every admissible liking tried", "label": "side"}
    draw = partial(general.dots, shown, **axes, band=(-SMALL, SMALL))
    caution = "It assumes that a liking lifts all ratings alike. "
    caution += "One that colours a single side more is not ruled out."
    return Result(finding, numbers, table, draw, [caution], survey)


def _readings(survey: Survey) -> Iterator[Reading]:
    """Yield what the rules ask of the sides, of what stands beside them, and of other outcomes."""
    blocks, roles, sides = survey.blocks, survey.roles, survey.only(*SIDES).blocks
    outcome = [item for item in survey.outcome_items if item in survey.frame] or [survey.outcome]
    trust = roles.get("trust") or blocks.get("trust") or []
    price = blocks.get("price") or []
    image = blocks.get("image") or blocks.get("brand") or []

    def steps(blocks, names: Mapping[str, str], onto: Sequence[str] = outcome, to: str = "") -> Reading:
        """Ask for the slopes of some blocks, ``names`` in the numbers, all blocks in one fit."""
        rows = [list(blocks).index(block) for block in names]
        numbers = {f"slope-{name}-fair": f"what a step of {block} adds{to}" for block, name in names.items()}
        return Reading(numbers, blocks, onto, lambda r: slopes(r)[rows])

    yield steps(sides, {side: side for side in SIDES})
    lead = {"share-difference-fair": "product's share minus experience's"}
    shared = {"share-shared-fair": "explained by either side alike"}
    yield Reading(lead, sides, outcome, _shares, "difference of shares", True)
    yield Reading(shared, sides, outcome, lambda r: _shares(r)[1:], "share of R2", True)
    spreads = [survey.frame[items].astype(float).mean(axis=1).std() for items in sides.values()]
    scale = survey.frame[survey.outcome].astype(float).std() / np.array(spreads)[:, None]
    gap = lambda r: np.diff((slopes(r) * scale)[::-1], axis=0)  # noqa: E731
    points = {"slope-difference-points-fair": "product's slope minus experience's"}
    yield Reading(points, sides, outcome, gap, "outcome points per scale point", True)
    others = {"trust": trust, "price": price, "image": image, "product in use": roles.get("in_use") or []}
    for name, items in others.items():
        beside = _without(sides, items)
        if items and len(beside) == 2:
            yield steps(beside | {name: items}, {name: name.replace(" ", "-")})
    if trust:
        builders = _without(sides | {"image": image}, trust)
        wanted = {block: f"{block}-on-trust" for block in ("experience", "image") if block in builders}
        yield steps(builders, wanted, trust, " to trust")
    for side, other in (SIDES, SIDES[::-1]):
        for name, items in (("value", price), ("trust", trust)):
            both = _without({side: blocks[side], other: blocks[other]}, items)
            if items and len(both) == 2:
                way = {f"indirect-{side}-through-{name}-fair": f"{side} through {name}"}
                yield Reading(way, both | {name: items}, outcome, _indirect)
    feelings = roles.get("emotion") or []
    if feelings and len(both := _without(sides, feelings)) == 2:
        felt = {"emotion-share-difference-fair": "product's share of feelings minus experience's"}
        yield Reading(felt, both, feelings, _shares, "difference of shares", True)
    facets = {name: roles[name] for name in ("useful", "usable", "sensuous") if roles.get(name)}
    if len(facets) > 1:
        yield steps(facets, {facet: f"facet-{facet}" for facet in facets})
    areas = {area: [area] for area in roles.get("functions", [])}
    if len(areas) > 1:
        part = {"functions-bearing-fair": "functions that add more than the smallest that matters"}
        count = lambda rows: (rows > SMALL).mean(axis=0)[None]  # noqa: E731
        yield Reading(part, areas, outcome, slopes, "share of functions", summary=count)
    satisfied = survey.outcomes.get("satisfaction") or []
    asked = [item for items in survey.outcomes.values() for item in items if item not in satisfied]
    recommend = [item for item in asked if "recommend" in survey.labels.get(item, item).lower()][:1]
    if satisfied and recommend and {*satisfied, *recommend} <= set(survey.frame):
        together = {"satisfied-recommend-fair": "satisfaction and recommendation go together"}
        pair = lambda r: r[:, -2, -1][None]  # noqa: E731
        yield Reading(together, sides | {"satisfaction": satisfied}, recommend, pair, "correlation")


def _without(blocks: Mapping[str, Sequence[str]], items: Sequence[str]) -> dict[str, list[str]]:
    kept = {name: [item for item in own if item not in items] for name, own in blocks.items()}
    return {name: own for name, own in kept.items() if own}


def _shares(r: np.ndarray) -> np.ndarray:
    """Return product's share minus experience's, and the part that either could explain."""
    raw = shapley_r2(r, [[0], [1]])
    total = np.where(raw.sum(axis=0) > 1e-12, raw.sum(axis=0), np.nan)
    return np.stack([(raw[0] - raw[1]) / total, (r[:, 0, 2] ** 2 + r[:, 1, 2] ** 2 - total) / total])


def _indirect(r: np.ndarray) -> np.ndarray:
    """Return the way of the first column through the last but one to the last, the others held."""
    return (slopes(r[:, :-1, :-1])[0] * slopes(r)[-1])[None]


def fair(survey: Survey, reading: Reading) -> tuple[np.ndarray, int]:
    """Return the rows ``estimate low high`` of a reading, and how many respondents they rest on.

    ``estimate`` is the one with items corrected and no liking; ``low`` and ``high`` are the widest limits
    over all admissible likings; the lower one also over items as measured, and so does the upper one of a
    ``difference``.
    """
    if survey.categorical:
        raise NotEnough("the items of a side are categories, so they have no scale and no reliability")
    groups = [*reading.blocks.values(), reading.outcome]
    columns = [item for group in groups for item in group]
    if len(set(columns)) < len(columns):
        raise NotEnough("an item of the outcome is also a driver, so it would explain itself")
    used, least = survey.frame[columns].astype(float).dropna(), 5 * len(columns)
    if len(used) < least:
        raise NotEnough(f"{len(used)} complete respondents for {len(columns)} items; {least} are needed")
    matrices = covariances(used.to_numpy(), **drawn(survey, used.index))
    places = [[columns.index(item) for item in group] for group in groups]
    means = composites(matrices, places)
    measured, tries = correlations(means), []
    # corrected, with each assumption for what has a single item; last, as measured
    found, single = alphas(matrices, places), np.array([len(group) == 1 for group in groups])
    assumed = [np.where(single, one, found) for one in SINGLE[::-1]] if single.any() else [found]
    for reliability in [*assumed, np.ones_like(found)]:
        scale = np.sqrt(reliability)
        corrected = np.clip(measured / scale[:, :, None] / scale[:, None, :], -MOST, MOST)
        spread = np.sqrt(np.diagonal(means, axis1=1, axis2=2)) * scale
        tries += _cleared(corrected, spread)
    values = reading.statistic(np.concatenate(tries))
    values = values.reshape(len(values), len(tries), -1)
    first = values[:, 0, 0]
    lows, highs = percentile_interval(np.moveaxis(values[..., 1:], -1, 0), survey.confidence_level)
    # as measured, a side is lent what the errors of the other side hide: that is no upper limit
    high = highs[:, : None if reading.difference else -2 * STEPS].max(axis=1)
    return np.column_stack([first, np.minimum(lows.min(axis=1), first), np.maximum(high, first)]), len(used)


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
