"""The numbers behind key drivers, and the same for any DataFrame: shares, parts and slopes, all from one
resampled covariance matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

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
_KEPT: dict[tuple, tuple[pd.DataFrame, Sample]] = {}


class Sample(NamedTuple):
    """Columns of a survey with their resampled covariances: all rows where many have a gap, else the complete
    ones; for a question the outcome last, and the columns of each side.
    """

    covariances: Covariances
    values: pd.DataFrame
    complete: int
    asked: int
    weights: np.ndarray | None
    groups: list[list[int]] = []
    sides: list[str] = []

    @property
    def matrices(self) -> np.ndarray:
        """The covariance matrix of the sample and of its resamples."""
        return self.covariances.matrices

    @property
    def n(self) -> int:
        """How many respondents are used."""
        return len(self.values)

    @property
    def filled(self) -> bool:
        """Whether rows with a gap are used as well."""
        return self.n > self.complete

    @property
    def items(self) -> np.ndarray:
        """The number of items of each side."""
        return np.array([len(group) for group in self.groups])


def estimate(draws: np.ndarray, survey: Survey, unit: str, n: int, label: str) -> Number:
    """Return a number from its value in the sample (first) and in the resamples, percentile limits."""
    low, high = limits(draws[1:], survey.confidence_level)
    return Number(float(draws[0]), float(low), float(high), unit, n, label)


def rows_of(survey: Survey, columns: Sequence[str], *, least: float = 10) -> Sample:
    """Return the covariances of columns of a survey, from all rows (EM) where more than one in twenty has a
    gap. NotEnough for two columns that fewer than ``least`` rows answered together, or an answer that never
    varies.
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

    def resampled(names: list[str]) -> Sample:
        values = table[names]
        found = Covariances(values.to_numpy(), draws=survey.bootstrap, weights=weight, clusters=clusters,
                            rng=survey.rng)  # fmt: skip
        return Sample(found, values, complete, len(survey.frame), weight)

    if len(table) == complete:
        return resampled(columns)
    # EM costs a second: the same columns in another order, as other sortings of the items, are not done again
    order = sorted(columns)
    key = (id(survey.frame), *order, survey.bootstrap, str(survey.seed), survey.weights, survey.clusters)
    if key not in _KEPT:
        while len(_KEPT) > 8:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[key] = survey.frame, resampled(order)
    kept = _KEPT[key][1]
    places = [order.index(column) for column in columns]
    return kept._replace(covariances=kept.covariances.part(places), values=table)


def sample(survey: Survey, *, per_item: float = ROWS_AN_ITEM) -> Sample:
    """Return the covariances of a survey's blocks and outcome. NotEnough as in ``rows_of``, for fewer than
    ``per_item`` rows an item, and for items that copy each other.
    """
    drivers, behind = survey.items, survey.outcome_items
    if set(drivers) & {survey.outcome, *behind}:
        raise NotEnough("an item of the outcome is also a driver, so it would explain itself")
    if len(survey.blocks) > MOST_BLOCKS:
        raise InputError(f"{len(survey.blocks)} blocks; at most {MOST_BLOCKS}: put items into blocks")
    least = max(10, per_item * len(drivers)) if per_item > 1 else len(drivers) + 2
    columns = [*drivers, survey.outcome]
    gaps = survey.frame[columns].isna().any(axis=1).mean() > MOST_GAPS
    if gaps and len(behind) > 1 and set(behind) <= set(survey.frame):
        columns = [*drivers, *behind]  # the gaps lie in the items, not in their mean
    rows = rows_of(survey, columns, least=least)
    covariances = rows.covariances.with_mean_last(len(columns) - len(drivers))
    inner = correlations(covariances.matrices[:1])[0][:-1, :-1]
    if len(inner) > 1 and np.linalg.eigvalsh(inner)[0] < 1e-8:
        raise NotEnough("some items are exact copies or sums of others, so no method can tell them apart")
    return rows._replace(covariances=covariances, groups=survey.groups(), sides=list(survey.blocks))


def split_matrices(matrices: np.ndarray, groups: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return each group's share of the last column's R2 (groups x draws) and R2 itself (draws)."""
    raw = shapley_r2(matrices, groups)
    total = raw.sum(axis=0)
    return np.divide(raw, total, out=np.full_like(raw, np.nan), where=total > 1e-12), total


def shares(survey: Survey, *, per_item: float = ROWS_AN_ITEM) -> tuple[Sample, np.ndarray, np.ndarray]:
    """Return the sample, the share of R2 of each side (sides x draws, the sample first) and R2 itself."""
    ready = sample(survey, per_item=per_item)
    return ready, *split_matrices(ready.matrices, ready.groups)


def share_with_gaps(survey: Survey, side: str) -> dict[str, Number]:
    """Return a side's share among those who answered everything, and its range over fills of the gaps: the
    middle of the scale, then the lowest or highest answer for each side and the outcome; no chance in it.
    """
    found = {}
    try:
        whole = survey.frame[[*survey.items, survey.outcome]].notna().all(axis=1)
        ready, share, _ = shares(survey.with_(frame=survey.frame[whole]))
        label, draws = f"{side}'s share among those who answered everything", share[ready.sides.index(side)]
        found[f"share-{side}-complete"] = estimate(draws, survey, "share of R2", ready.n, label)
    except NotEnough:
        pass
    behind = [item for item in survey.outcome_items if item in survey.frame] or [survey.outcome]
    parts, filled = [*survey.blocks.values(), behind], []
    table = survey.frame[[item for part in parts for item in part]].astype(float)
    bottom, top = table.min(), table.max()
    for choice in [(0.5,) * len(parts), *product((0.0, 1.0), repeat=len(parts))]:
        end = pd.Series({item: at for part, at in zip(parts, choice, strict=True) for item in part})
        full = table.fillna(bottom + end * (top - bottom))
        values = np.column_stack([full[survey.items], full[behind].mean(axis=1)])
        share, _ = split_matrices(np.cov(values, rowvar=False, ddof=0)[None], survey.groups())
        filled.append(float(share[list(survey.blocks).index(side), 0]))
    label = f"{side}'s share with every gap at the middle, and at either end of the scale"
    ends = filled[0], min(filled), max(filled)
    return found | {f"share-{side}-filled": Number(*ends, "share of R2", len(table), label)}


def adjusted_r2(r2: np.ndarray, items: np.ndarray | int, n: int) -> np.ndarray:
    """Take out what even useless items explain (Ezekiel 1930); from resamples (column 1 on) twice, since
    resampling adds it again.
    """
    gain = np.asarray(items, float) / np.maximum(n - np.asarray(items, float) - 1, 1)
    gain = gain[..., None] if np.ndim(items) else gain
    fair = r2 - (1 - r2) * gain
    fair[..., 1:] -= (1 - r2[..., 1:]) * gain
    return fair


def composite_reliability(
    matrices: np.ndarray, groups: Sequence[Sequence[str]], columns: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for every draw, covariances of the groups' mean items and their alphas (1 for one item)."""
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
    """Return the parity curve and n: one side's items differ less, slopes and residual stay, the other items
    change as under selection on that side (Lawley 1943).
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
    """Return ``raw share low high slope spread`` of every side: a share is never shown alone.

    ``slope`` is in outcome points for one standard deviation of the side's items, the other sides held;
    ``spread`` the standard deviation of the side's mean item, over the rows that answered all of them.
    """
    table = intervals(share, ready.sides, level).rename(columns={"estimate": "share"})
    table.insert(0, "raw", share[:, 0] * total[0])
    steps = slopes(composites(ready.matrices[:1], ready.groups, standardise=True))[:, 0]
    spreads = []
    for columns in ready.groups:
        mean = ready.values.iloc[:, columns].mean(axis=1, skipna=False)
        there = mean.notna().to_numpy()
        weights = None if ready.weights is None else ready.weights[there]
        spreads.append(float(np.sqrt(np.cov(mean[there], aweights=weights))))
    return table.assign(slope=steps * np.sqrt(ready.n / (ready.n - 1)), spread=spreads)


def relative_importance(
    data: pd.DataFrame, *, outcome: str, blocks: Mapping[str, Any], weights=None, bootstrap: int = 1000,
    confidence_level: float = 0.95, rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Split R2 among blocks of items of a DataFrame (LMG of relaimpo; Shapley value of R2).

    ``blocks`` is ``{"product": ["q1", "q2"], "experience": "q7"}``, ``weights`` a column or one number a row;
    rows with a gap are left out and counted. Returns index ``block`` with ``raw`` (sums to R2), ``share low
    high``, ``slope`` (of the block's mean composite of standardised items in the joint fit) and ``spread``;
    ``attrs``: ``n dropped r2``.

    >>> data = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [2, 1, 4, 3, 6, 5], "y": [1, 2, 3, 5, 4, 6]})
    >>> table = relative_importance(data, outcome="y", blocks={"a": "a", "b": "b"}, bootstrap=0)
    >>> table["share"].round(3).to_dict()
    {'a': 0.744, 'b': 0.256}
    """
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome, weights)
    ready, share, total = shares(survey, per_item=1)
    table = share_table(ready, share, total, confidence_level)
    table.attrs = {"n": ready.n, "dropped": len(data) - len(survey.frame), "r2": float(total[0])}
    return table.rename_axis("block")


def commonality(
    data: pd.DataFrame, *, outcome: str, blocks: Mapping[str, Any], weights=None, bootstrap: int = 1000,
    confidence_level: float = 0.95, rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Split R2 into what each block explains alone and what only several explain together; arguments as in
    ``relative_importance``.

    Index ``part``; ``raw`` (sums to R2), ``share share_low share_high`` (of R2), ``adjusted low high`` (of
    adjusted R2).
    """
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome, weights)
    return parts(sample(survey, per_item=1), confidence_level)


def htmt(
    data: pd.DataFrame, *, blocks: Mapping[str, Any], bootstrap: int = 1000, confidence_level: float = 0.95,
    rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Return the heterotrait-monotrait ratio (HTMT+, Ringle et al. 2023) of each pair of blocks: ``first
    second htmt low high``; NaN for a block of one item.
    """
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng)
    r = np.abs(correlations(rows_of(survey, survey.items).matrices))
    groups = dict(zip(survey.blocks, survey.groups(), strict=True))
    found = [
        (a, b, *intervals(htmt_ratio(r, groups[a], groups[b]), ["htmt"], confidence_level).iloc[0])
        for a, b in combinations(groups, 2)
    ]
    return pd.DataFrame(found, columns=["first", "second", "htmt", "low", "high"])


def parity_curve(
    data: pd.DataFrame, *, outcome: str, blocks: Mapping[str, Any], vary: str | None = None,
    factors: Sequence[float] = FACTORS, bootstrap: int = 1000, confidence_level: float = 0.95, rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Return ``factor block share low high``: the shares if one block (the first) differed so much more."""
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome)
    return parity_shares(survey, vary or next(iter(blocks)), factors, per_item=1)[0]


def _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome="", weights=None) -> Survey:
    """Return the complete cases of a DataFrame as a survey."""
    if not isinstance(blocks, Mapping) or not blocks or not all(len(items) for items in blocks.values()):
        raise InputError(
            "blocks must be a mapping of a name to its columns, such as {'product': ['q1', 'q2']}"
        )
    if not 0 < confidence_level < 1:
        raise InputError(f"confidence_level={confidence_level!r} must lie between 0 and 1, for example 0.95")
    tidy = {str(b): [items] if isinstance(items, str) else list(items) for b, items in blocks.items()}
    columns = list(dict.fromkeys([*sum(tidy.values(), []), *([outcome] if outcome else [])]))
    absent = [column for column in columns if column not in data]
    if absent:
        raise InputError(f"the data have no column {absent[0]!r}; columns are {', '.join(map(str, data))}")
    frame = data[columns].replace([np.inf, -np.inf], np.nan)
    text = list(frame.select_dtypes(exclude=["number", "bool"]))
    if text:
        raise InputError(f"column {text[0]!r} holds text, not numbers; recode it first")
    if weights is not None:
        frame["(weights)"] = data[weights] if isinstance(weights, str) else np.asarray(weights, float)
        if (frame["(weights)"] < 0).any():
            raise InputError("weights must be 0 or more")
    return Survey(
        frame=frame.dropna(), blocks=tidy, outcome=outcome, weights=None if weights is None else "(weights)",
        bootstrap=bootstrap, confidence_level=confidence_level, seed=rng,
    )  # fmt: skip
