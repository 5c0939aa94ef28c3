"""The numbers behind key drivers.

Shares, parts, slopes and reliabilities, all from one resampled covariance matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.survey import Survey
from cxlab.questions.result import Number
from cxlab.stats.lmg import shapley_r2, subset_r2
from cxlab.stats.resampling import Covariances, composites, correlations, intervals, limits, slopes

MOST_BLOCKS = 22
FACTORS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)  # multiples of today's spread
ROWS_AN_ITEM = 10  # with fewer the interval of a share covers too rarely (.86 at 5, .95 at 10; bench_drivers)
MOST_GAPS = 0.05  # more rows with a gap than this, and all rows are used (EM) instead of the complete ones
_KEPT: dict[tuple, tuple[pd.DataFrame, Rows]] = {}


class Rows(NamedTuple):
    """Columns of a survey with their resampled covariances.

    All rows where many have a gap, else the complete ones.
    """

    covariances: Covariances
    values: pd.DataFrame
    complete: int
    asked: int
    weights: np.ndarray | None

    @property
    def filled(self) -> bool:
        """Whether rows with a gap are used as well."""
        return len(self.values) > self.complete


class Sample(NamedTuple):
    """A survey ready for a question.

    Covariances with the outcome last, the columns of each side, who was used.
    """

    covariances: Covariances
    groups: list[list[int]]
    sides: list[str]
    rows: Rows

    @property
    def matrices(self) -> np.ndarray:
        """The covariance matrix of the sample and of its resamples."""
        return self.covariances.matrices

    @property
    def n(self) -> int:
        """How many respondents are used."""
        return len(self.rows.values)

    @property
    def items(self) -> np.ndarray:
        """The number of items of each side."""
        return np.array([len(group) for group in self.groups])


def estimate(draws: np.ndarray, survey: Survey, unit: str, n: int, label: str) -> Number:
    """Return a number from its value in the sample (first) and in the resamples, percentile limits."""
    low, high = limits(draws[1:], survey.confidence_level)
    return Number(float(draws[0]), float(low), float(high), unit, n, label)


def rows_of(survey: Survey, columns: Sequence[str], *, least: float = 10) -> Rows:
    """Return the covariances of columns of a survey, from all rows (EM) where more than one in twenty has a
    gap.

    Raises
    ------
    NotEnough
        For two columns that fewer than ``least`` rows answered together, or an answer that never varies.
    """
    columns = list(dict.fromkeys(columns))
    table = survey.frame[columns].astype(float)
    weights = survey.frame[survey.weights].astype(float) if survey.weights else None
    if weights is not None:
        table, weights = table[weights > 0], weights[weights > 0]
    there = table.notna()
    whole = there.all(axis=1)
    used = whole if whole.sum() >= (1 - MOST_GAPS) * len(table) else there.any(axis=1)
    table, complete = table[used], int(whole.sum())
    seen = there[used].to_numpy(float)
    together = int((seen.T @ seen).min())
    if together < least:
        every = f"all {len(columns)} items that this needs"
        what = every if together == complete else "some of the items together"
        raise NotEnough(
            f"only {together} of {len(survey.frame)} respondents answered {what}; {least:.0f} are needed"
        )
    flat = [column for column in columns if not table[column].max() > table[column].min()]
    if flat:
        raise NotEnough(f"everybody gave the same answer to {survey.label(flat[0])!r}")
    weight = None if weights is None else weights[used].to_numpy()
    clusters = survey.frame.loc[table.index, survey.clusters].to_numpy() if survey.clusters else None
    settings = {"draws": survey.bootstrap, "weights": weight, "clusters": clusters}
    if len(table) == complete:
        found = Covariances(table.to_numpy(), **settings, rng=survey.rng)
        return Rows(found, table, complete, len(survey.frame), weight)
    # EM costs a second: the same columns in another order, as other sortings of the items, are not done again
    order = sorted(columns)
    key = (id(survey.frame), *order, survey.bootstrap, str(survey.seed), survey.weights, survey.clusters)
    if key not in _KEPT:
        while len(_KEPT) > 8:
            _KEPT.pop(next(iter(_KEPT)))
        found = Covariances(table[order].to_numpy(), **settings, rng=survey.rng)
        _KEPT[key] = survey.frame, Rows(found, table[order], complete, len(survey.frame), weight)
    kept = _KEPT[key][1]
    return kept._replace(
        covariances=kept.covariances.part([order.index(column) for column in columns]), values=table
    )


def sample(survey: Survey, *, per_item: float = ROWS_AN_ITEM) -> Sample:
    """Return the covariances of a survey's blocks and outcome, from all rows where answers are missing.

    Raises
    ------
    NotEnough
        For fewer than ``per_item`` rows an item, an answer that never varies, or items that copy each other.
    """
    if set(survey.items) & {survey.outcome, *survey.outcome_items}:
        raise NotEnough("an item of the outcome is also a driver, so it would explain itself")
    if len(survey.blocks) > MOST_BLOCKS:
        raise InputError(f"{len(survey.blocks)} blocks; at most {MOST_BLOCKS}: put items into blocks")
    drivers = survey.items
    least = max(10, per_item * len(drivers)) if per_item > 1 else len(drivers) + 2
    behind, columns = survey.outcome_items, [*drivers, survey.outcome]
    gaps = survey.frame[columns].isna().any(axis=1).mean() > MOST_GAPS
    if gaps and len(behind) > 1 and set(behind) <= set(survey.frame):
        columns = [*drivers, *behind]  # the gaps lie in the items, not in their mean
    rows = rows_of(survey, columns, least=least)
    covariances = rows.covariances.with_mean_last(len(columns) - len(drivers))
    inner = correlations(covariances.matrices[:1])[0][:-1, :-1]
    if len(inner) > 1 and np.linalg.eigvalsh(inner)[0] < 1e-8:
        raise NotEnough("some items are exact copies or sums of others, so no method can tell them apart")
    return Sample(covariances, survey.groups(), list(survey.blocks), rows)


def split_matrices(matrices: np.ndarray, groups: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of R2 of each group (groups x draws) and R2 itself (draws).

    The outcome is the last column.
    """
    raw = shapley_r2(matrices, groups)
    total = raw.sum(axis=0)
    return np.divide(raw, total, out=np.full_like(raw, np.nan), where=total > 1e-12), total


def shares(survey: Survey, *, per_item: float = ROWS_AN_ITEM) -> tuple[Sample, np.ndarray, np.ndarray]:
    """Return the sample, the share of R2 of each side (sides x draws) and R2 itself.

    Column 0 is the sample.
    """
    ready = sample(survey, per_item=per_item)
    return ready, *split_matrices(ready.matrices, ready.groups)


def complete_share(survey: Survey, side: str) -> tuple[Sample, np.ndarray]:
    """Return the sample of those who answered everything and a side's share of R2, whatever the others left
    out.
    """
    whole = survey.frame[[*survey.items, survey.outcome]].notna().all(axis=1)
    ready, share, _ = shares(survey.with_(frame=survey.frame[whole]))
    return ready, share[ready.sides.index(side)]


def filled_range(survey: Survey, side: str) -> tuple[float, float, float]:
    """Return a side's share with every gap filled by the middle of the scale, and its range when the gaps of
    each side and of the outcome are filled with the lowest or the highest answer; no chance is in it.
    """
    behind = [item for item in survey.outcome_items if item in survey.frame] or [survey.outcome]
    parts, place = [*survey.blocks.values(), behind], list(survey.blocks).index(side)
    table, found = survey.frame[[item for part in parts for item in part]].astype(float), []
    bottom, top = table.min(), table.max()
    for choice in [(0.5,) * len(parts), *product((0.0, 1.0), repeat=len(parts))]:
        end = {item: at for part, at in zip(parts, choice, strict=True) for item in part}
        filled = table.fillna({item: bottom[item] + end[item] * (top[item] - bottom[item]) for item in table})
        values = np.column_stack([filled[survey.items], filled[behind].mean(axis=1)])
        share, _ = split_matrices(np.cov(values, rowvar=False, ddof=0)[None], survey.groups())
        found.append(float(share[place, 0]))
    return found[0], min(found), max(found)


def adjusted_r2(r2: np.ndarray, items: np.ndarray | int, n: int) -> np.ndarray:
    """Take out what even useless items explain (Ezekiel 1930).

    Draws (column 1 on) twice, since resampling adds it again.
    """
    gain = np.asarray(items, float) / np.maximum(n - np.asarray(items, float) - 1, 1)
    gain = gain[..., None] if np.ndim(items) else gain
    fair = r2 - (1 - r2) * gain
    fair[..., 1:] -= (1 - r2[..., 1:]) * gain
    return fair


def corrected_slopes(
    survey: Survey, *, alphas: Mapping[str, float] | None = None
) -> tuple[pd.DataFrame, int]:
    """Return joint slopes corrected for unreliable items, and the number of respondents.

    ``alphas`` states the reliability of a side or of ``"outcome"`` that a single item cannot show (otherwise
    1). Columns as in ``corrected``. Covariances of composites are free of independent item error; their
    variances are multiplied by Cronbach's alpha, computed anew in each resample and kept at .1 or more.
    """
    outcome = [item for item in survey.outcome_items if item in survey.frame] or [survey.outcome]
    columns = [*survey.items, *outcome]
    rows = rows_of(survey, columns, least=3 * len(columns))
    small, reliability = composite_reliability(
        rows.covariances.matrices, [*survey.blocks.values(), outcome], columns
    )
    for place, (side, items) in enumerate([*survey.blocks.items(), ("outcome", outcome)]):
        if alphas and side in alphas and len(items) == 1:
            reliability[:, place] = alphas[side]
    true = np.diagonal(small, axis1=1, axis2=2) * reliability
    inner = small[:, :-1, :-1].copy()
    sides = np.arange(inner.shape[1])
    inner[:, sides, sides] = true[:, :-1]
    points = np.linalg.solve(inner, small[:, :-1, -1:])[:, :, 0]
    standard = points * np.sqrt(true[:, :-1] / true[:, -1:])
    found = []
    for values, prefix in ((standard, ""), (points, "points_")):
        both = np.column_stack([values, values[:, 0] - values[:, 1]])
        names = ["points" if prefix else "estimate", f"{prefix}low", f"{prefix}high"]
        found.append(
            intervals(both.T, [*survey.blocks, "difference"], survey.confidence_level).set_axis(names, axis=1)
        )
    return pd.concat(found, axis=1).rename_axis("block"), len(rows.values)


def composite_reliability(
    matrices: np.ndarray, groups: Sequence[Sequence[str]], columns: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances of the groups' mean items and each one's Cronbach alpha (1 for one item), for every
    draw.
    """
    loadings = np.zeros((len(groups), matrices.shape[-1]))
    alphas = np.ones((len(matrices), len(groups)))
    for g, items in enumerate(groups):
        where = [columns.index(item) for item in items]
        loadings[g, where] = 1 / len(where)
        if (k := len(where)) > 1:
            part = matrices[:, where][:, :, where]
            alpha = k / (k - 1) * (1 - np.trace(part, axis1=1, axis2=2) / part.sum(axis=(1, 2)))
            alphas[:, g] = np.clip(alpha, 0.1, 1)
    return loadings @ matrices @ loadings.T, alphas


def joint_slopes(ready: Sample) -> np.ndarray:
    """Return outcome points for one standard deviation of each side's items, the other sides held."""
    bessel = np.sqrt(ready.n / (ready.n - 1))
    return slopes(composites(ready.matrices[:1], ready.groups, standardise=True))[:, 0] * bessel


def spreads(ready: Sample) -> list[float]:
    """Return the standard deviation of each side's mean item, over the rows that answered all of them."""
    found = []
    for columns in ready.groups:
        mean = ready.rows.values.iloc[:, columns].mean(axis=1, skipna=False)
        there = mean.notna().to_numpy()
        weights = None if ready.rows.weights is None else ready.rows.weights[there]
        found.append(float(np.sqrt(np.cov(mean[there], aweights=weights))))
    return found


def standard_slopes(ready: Sample, survey: Survey) -> np.ndarray:
    """Return slopes in standard deviations of each side's composite and of the outcome, (sides, draws)."""
    r = correlations(ready.matrices)
    if survey.categorical:  # categories of one question are no scale: their fitted part stands for the side
        beta = slopes(ready.matrices)[:, 0]
        weights = np.zeros((r.shape[-1], len(ready.groups) + 1))
        sd = np.sqrt(np.diag(ready.matrices[0]))
        for side, columns in enumerate(ready.groups):
            weights[columns, side] = beta[columns] * sd[columns]
        weights[-1, -1] = 1.0
        return slopes(correlations(weights.T @ r @ weights))
    return slopes(correlations(composites(r, ready.groups, standardise=False)))


def parts(ready: Sample, level: float) -> pd.DataFrame:
    """Return the commonality table of the sides of a sample."""
    sides, k = ready.sides, len(ready.sides)
    r2 = subset_r2(ready.matrices, ready.groups)
    used = np.array([sum(ready.items[b] for b in range(k) if s >> b & 1) for s in range(len(r2))])
    fair = adjusted_r2(r2.copy(), used, ready.n)
    chosen = [part for size in range(1, k + 1) for part in combinations(range(k), size)]
    names = pd.Index([" & ".join(sides[side] for side in part) for part in chosen], name="part")
    raw = np.array([_shared_by(r2, part, k) for part in chosen])
    own = np.array([_shared_by(fair, part, k) for part in chosen])
    of, adjusted = intervals(own / fair[-1], names, level), intervals(own, names, level)
    table = pd.DataFrame({"raw": raw[:, 0], "share": raw[:, 0] / r2[-1, 0]}, index=names)
    table[["share_low", "share_high"]] = of[["low", "high"]].to_numpy()
    table[["adjusted", "low", "high"]] = adjusted.to_numpy()
    return table


def _shared_by(r2: np.ndarray, part: tuple[int, ...], k: int) -> np.ndarray:
    """Return what exactly these sides share: an alternating sum of R2 over the subsets of the part."""
    mask = sum(1 << side for side in part)
    others = ((1 << k) - 1) & ~mask
    inside = [subset for subset in range(mask + 1) if subset & ~mask == 0]
    return sum((-1) ** (subset.bit_count() + 1) * r2[others | subset] for subset in inside)


def htmt_ratio(r: np.ndarray, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
    """Return the heterotrait-monotrait ratio of two groups of items, from absolute correlations."""
    if min(len(first), len(second)) < 2:
        return np.full(len(r), np.nan)
    pairs = [np.triu_indices(len(columns), 1) for columns in (first, second)]
    inside = [
        r[:, columns][:, :, columns][:, rows, others].mean(axis=1)
        for columns, (rows, others) in zip((first, second), pairs, strict=True)
    ]
    return r[:, first][:, :, second].mean(axis=(1, 2)) / np.sqrt(inside[0] * inside[1])


def second_share(r: np.ndarray, liking: float = 0.0) -> np.ndarray:
    """Return the second of two sides' share from (draws, 3, 3) correlations, a general liking taken out."""
    cleared = (r - liking) / (1 - liking)
    cleared[:, range(3), range(3)] = 1.0
    possible = np.linalg.eigvalsh(cleared)[:, 0] > 1e-9
    share, _ = split_matrices(np.where(possible[:, None, None], cleared, np.eye(3)), [[0], [1]])
    return np.where(possible, share[1], np.nan)


def parity_shares(survey: Survey, side: str, factors: Sequence[float], *, per_item: float = ROWS_AN_ITEM):
    """Return the parity curve and n: one side's items differ less, slopes and residual stay.

    The other items change as under selection on that side (Lawley 1943; Thorndike's case 2 for several
    items).
    """
    ready = sample(survey, per_item=per_item)
    own = ready.groups[ready.sides.index(side)]
    beside = ready.matrices[:, own]
    owed = beside.transpose(0, 2, 1) @ np.linalg.solve(beside[:, :, own], beside)
    tables = []
    for factor in factors:
        share, _ = split_matrices(ready.matrices + (factor**2 - 1) * owed, ready.groups)
        part = intervals(share, ready.sides, survey.confidence_level).rename(columns={"estimate": "share"})
        tables.append(part.assign(factor=float(factor)).rename_axis("block").reset_index())
    return pd.concat(tables, ignore_index=True)[["factor", "block", "share", "low", "high"]], ready.n


def share_table(ready: Sample, share: np.ndarray, total: np.ndarray, level: float) -> pd.DataFrame:
    """Return ``raw share low high slope spread`` of every side: a share is never shown alone."""
    table = intervals(share, ready.sides, level).rename(columns={"estimate": "share"})
    table.insert(0, "raw", share[:, 0] * total[0])
    return table.assign(slope=joint_slopes(ready), spread=spreads(ready))
