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

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.survey import SIDES, Survey
from cxlab.questions.importance import composite_reliability
from cxlab.questions.result import Number
from cxlab.stats.lmg import shapley_r2
from cxlab.stats.resampling import Covariances, correlations, limits, slopes

STEPS = 5  # likings between none and the bound
SINGLE = (0.6, 0.8)  # assumed reliabilities of a side or outcome with one item, which cannot show its own
MOST = 0.98  # a corrected correlation beyond this has no plain meaning

Statistic = Callable[[np.ndarray], np.ndarray]  # correlations (draws, k + 1, k + 1) -> names x draws


def fair(
    survey: Survey,
    statistic: Statistic,
    names: Sequence[str],
    *,
    blocks: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Return ``estimate low high`` of a statistic of the correlations among the sides' composites and the
    outcome.

    ``estimate`` is the one with items corrected and no liking; ``low`` and ``high`` are the widest limits
    over all admissible likings; the lower one also over items as measured. ``attrs["n"]`` counts respondents.
    """
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
    lows, highs, first = [], [], None
    treatments = _reliabilities(alphas, [len(group) for group in groups])
    for reliability in treatments:
        scale = np.sqrt(reliability)
        corrected = np.clip(measured / scale[:, :, None] / scale[:, None, :], -MOST, MOST)
        for liking in _likings(corrected):
            cleared = (corrected - liking[:, None, None]) / (1 - liking[:, None, None])
            diagonal = np.arange(cleared.shape[-1])
            cleared[:, diagonal, diagonal] = 1.0
            values = np.atleast_2d(statistic(cleared))
            first = values[:, 0] if first is None else first
            low, high = limits(values[:, 1:], survey.confidence_level)
            lows.append(low)
            # as measured, a side is lent what the errors of the other side hide: that is no upper limit
            highs += [high] if reliability is not treatments[-1] else []
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
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


def _likings(corrected: np.ndarray) -> list[np.ndarray]:
    rows, columns = np.triu_indices(corrected.shape[-1], 1)
    bound = corrected[:, rows, columns].min(axis=1).clip(0, 0.95)
    return [part * bound for part in np.linspace(0, 1, STEPS)]


def fair_slopes(survey: Survey, blocks: Mapping[str, Sequence[str]] | None = None) -> dict[str, Number]:
    """Return ``slope-SIDE-fair`` of each side.

    Its standardised slope beside the others, whatever liking and errors did.
    """
    blocks = dict(blocks or survey.only(*SIDES).blocks)
    table = fair(survey, slopes, list(blocks), blocks=blocks)
    return {
        f"slope-{side}-fair": Number(*table.loc[side], "standardised slope", table.attrs["n"],
                                     f"what a step of {side} adds, any admissible liking and item error taken out")
        for side in blocks
    }  # fmt: skip


def fair_shares(survey: Survey) -> dict[str, Number]:
    """Return ``share-difference-fair``.

    Product's share minus experience's, whatever liking and errors did.
    """

    def difference(r: np.ndarray) -> np.ndarray:
        raw = shapley_r2(r, [[0], [1]])
        total = np.where(raw.sum(axis=0) > 1e-12, raw.sum(axis=0), np.nan)
        return ((raw[0] - raw[1]) / total)[None]

    table = fair(survey, difference, ["difference"])
    return {"share-difference-fair": Number(*table.iloc[0], "share of R2", table.attrs["n"],
                                            "product's share minus experience's, any admissible liking taken out")}  # fmt: skip


def fair_path(survey: Survey, side: str, through: str, items: Sequence[str]) -> dict[str, Number]:
    """Return ``indirect-SIDE-through-NAME-fair``.

    The product of the two steps of a path, the other side held.
    """
    other = next(name for name in SIDES if name != side)
    given = {side: survey.blocks[side], other: survey.blocks[other]}
    if through not in given:
        given[through] = list(items)
    order = [name for name in given if name != through] + [through]

    def indirect(r: np.ndarray) -> np.ndarray:
        place, middle, last = 0, len(order) - 1, r.shape[-1] - 1
        held = [i for i in range(middle)]
        first = np.linalg.solve(r[:, held][:, :, held], r[:, held, middle][..., None])[:, place, 0]
        inner = [*held, middle]
        second = np.linalg.solve(r[:, inner][:, :, inner], r[:, inner, last][..., None])[:, -1, 0]
        return (first * second)[None]

    blocks = {
        name: [item for item in given[name] if item not in given[through] or name == through]
        for name in order
    }
    if not all(blocks.values()):
        raise NotEnough(f"no item is left for a side beside {through}")
    table = fair(
        survey, indirect, ["path"], blocks={side: blocks[side], **{n: blocks[n] for n in order if n != side}}
    )
    return {f"indirect-{side}-through-{through}-fair": Number(*table.iloc[0], "standardised slope", table.attrs["n"],
                                                              f"{side} through {through}, any admissible liking taken out")}  # fmt: skip
