"""The numbers behind key drivers.

Shares, parts, slopes and reliabilities, from one resampled covariance matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.survey import Survey
from cxlab.stats.lmg import shapley_r2, subset_r2
from cxlab.stats.resampling import Covariances, composites, correlations, intervals, slopes

MOST_BLOCKS = 22
ROWS_AN_ITEM = 5  # fewer, and R2 and its parts are mostly chance (the interval misses its own estimate)
MOST_GAPS = 0.05  # more rows with a gap than this, and all rows are used (EM) instead of the complete ones


class Sample(NamedTuple):
    """A survey ready for a question: its covariances, the columns of each side, who was used."""

    covariances: Covariances
    groups: list[list[int]]
    sides: list[str]
    values: np.ndarray
    n: int
    asked: int
    complete: int
    weights: np.ndarray | None

    @property
    def items(self) -> np.ndarray:
        """The number of items of each side."""
        return np.array([len(group) for group in self.groups])


def sample(survey: Survey, *, per_item: float = ROWS_AN_ITEM) -> Sample:
    """Return the covariances of a survey's blocks and outcome, of all rows where answers are missing.

    Raises
    ------
    NotEnough
        For fewer than ``per_item`` rows an item, an answer that never varies, or items that copy each other.
    """
    columns = [*survey.items, survey.outcome]
    if set(survey.items) & {survey.outcome, *survey.outcome_items}:
        raise NotEnough("an item of the outcome is also a driver, so it would explain itself")
    if len(survey.blocks) > MOST_BLOCKS:
        raise InputError(f"{len(survey.blocks)} blocks; at most {MOST_BLOCKS}: put items into blocks")
    table = survey.frame[columns].astype(float)
    complete = table.notna().all(axis=1)
    weights = None if not survey.weights else survey.frame[survey.weights].astype(float)
    if weights is not None:
        table, complete = table[weights > 0], complete[weights > 0]
        weights = weights[weights > 0]
    enough = complete.sum() >= (1 - MOST_GAPS) * len(table)
    used = complete if enough else table.notna().any(axis=1)
    rows, least = table[used], max(10, per_item * len(survey.items))
    if len(rows) < least or (complete.sum() < 10):
        raise NotEnough(
            f"{int(complete.sum())} of {len(survey.frame)} respondents answered all {len(survey.items)} items and the "
            f"outcome; at least {least:.0f} are needed for so many items"
        )
    flat = [column for column in columns if not rows[column].max() > rows[column].min()]
    if flat:
        raise NotEnough(f"everybody gave the same answer to {survey.label(flat[0])!r}")
    clusters = survey.frame.loc[rows.index, survey.clusters].to_numpy() if survey.clusters else None
    weight = None if weights is None else weights[used].to_numpy()
    values = rows.to_numpy()
    found = Covariances(values, draws=survey.bootstrap, weights=weight, clusters=clusters, rng=survey.rng)
    inner = correlations(found.matrices[:1])[0][:-1, :-1]
    if len(inner) > 1 and np.linalg.eigvalsh(inner)[0] < 1e-8:
        raise NotEnough("some items are exact copies or sums of others, so no method can tell them apart")
    return Sample(
        found,
        survey.groups(),
        list(survey.blocks),
        values,
        len(rows),
        len(survey.frame),
        int(complete.sum()),
        weight,
    )


def shares(survey: Survey, *, per_item: float = ROWS_AN_ITEM) -> tuple[Sample, np.ndarray, np.ndarray]:
    """Return the sample, the share of R2 of each side (sides x draws) and R2 itself (draws).

    Column 0 is the sample.
    """
    ready = sample(survey, per_item=per_item)
    raw = shapley_r2(ready.covariances.matrices, ready.groups)
    total = raw.sum(axis=0)
    return ready, np.divide(raw, total, out=np.full_like(raw, np.nan), where=total > 1e-12), total


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
    table = survey.frame[columns].astype(float).dropna()
    if len(table) < 3 * len(columns):
        raise NotEnough(
            f"{len(table)} complete respondents for {len(columns)} items; three times as many are needed"
        )
    clusters = survey.frame.loc[table.index, survey.clusters].to_numpy() if survey.clusters else None
    found = Covariances(table.to_numpy(), draws=survey.bootstrap, clusters=clusters, rng=survey.rng).matrices
    ends = np.cumsum([len(own) for own in [*survey.blocks.values(), outcome]])
    groups = [
        list(range(e - len(g), e)) for e, g in zip(ends, [*survey.blocks.values(), outcome], strict=True)
    ]
    small, reliability = composite_reliability(found, groups)
    for place, side in enumerate([*survey.blocks, "outcome"]):
        if alphas and side in alphas and len(groups[place]) == 1:
            reliability[:, place] = alphas[side]
    true = np.diagonal(small, axis1=1, axis2=2) * reliability
    inner = small[:, :-1, :-1].copy()
    sides = np.arange(inner.shape[1])
    inner[:, sides, sides] = true[:, :-1]
    points = np.linalg.solve(inner, small[:, :-1, -1:])[:, :, 0]
    standard = points * np.sqrt(true[:, :-1] / true[:, -1:])
    parts = []
    for values, names in (
        (standard, ("estimate", "low", "high")),
        (points, ("points", "points_low", "points_high")),
    ):
        both = np.column_stack([values, values[:, 0] - values[:, 1]])
        part = intervals(both.T, [*survey.blocks, "difference"], survey.confidence_level)
        parts.append(part.set_axis(list(names), axis=1))
    return pd.concat(parts, axis=1).rename_axis("block"), len(table)


def composite_reliability(
    matrices: np.ndarray, groups: Sequence[Sequence[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances of the groups' mean items and each one's Cronbach alpha (1 for one item), for every
    draw.
    """
    loadings = np.zeros((len(groups), matrices.shape[-1]))
    alphas = np.ones((len(matrices), len(groups)))
    for g, where in enumerate(groups):
        loadings[g, where] = 1 / len(where)
        if (k := len(where)) > 1:
            part = matrices[:, where][:, :, where]
            alphas[:, g] = np.clip(
                k / (k - 1) * (1 - np.trace(part, axis1=1, axis2=2) / part.sum(axis=(1, 2))), 0.1, 1
            )
    return loadings @ matrices @ loadings.T, alphas


def joint_slopes(ready: Sample) -> np.ndarray:
    """Return outcome points for one standard deviation of each side's items, the other sides held."""
    bessel = np.sqrt(ready.n / (ready.n - 1))
    return slopes(composites(ready.covariances.matrices[:1], ready.groups, standardise=True))[:, 0] * bessel


def spreads(ready: Sample) -> list[float]:
    """Return the standard deviation of each side's mean item, over the rows that answered all of them."""
    found = []
    for columns in ready.groups:
        mean = ready.values[:, columns].mean(axis=1)
        there = np.isfinite(mean)
        weights = None if ready.weights is None else ready.weights[there]
        found.append(float(np.sqrt(np.cov(mean[there], aweights=weights))))
    return found


def standard_slopes(ready: Sample, survey: Survey) -> np.ndarray:
    """Return slopes in standard deviations of each side's composite and of the outcome, (sides, draws)."""
    r = correlations(ready.covariances.matrices)
    if survey.categorical:  # categories of one question are no scale: their fitted part stands for the side
        beta = slopes(ready.covariances.matrices)[:, 0]
        weights = np.zeros((r.shape[-1], len(ready.groups) + 1))
        sd = np.sqrt(np.diag(ready.covariances.matrices[0]))
        for side, columns in enumerate(ready.groups):
            weights[columns, side] = beta[columns] * sd[columns]
        weights[-1, -1] = 1.0
        return slopes(correlations(weights.T @ r @ weights))
    return slopes(correlations(composites(r, ready.groups, standardise=False)))


def parts(ready: Sample, level: float) -> pd.DataFrame:
    """Return the commonality table of the sides of a sample."""
    sides, k = ready.sides, len(ready.sides)
    r2 = subset_r2(ready.covariances.matrices, ready.groups)
    used = np.array([sum(ready.items[b] for b in range(k) if s >> b & 1) for s in range(len(r2))])
    fair = adjusted_r2(r2.copy(), used, ready.n)
    parts = [part for size in range(1, k + 1) for part in combinations(range(k), size)]
    names = [" & ".join(sides[side] for side in part) for part in parts]
    raw = np.array([_shared_by(r2, part, k) for part in parts])
    own = np.array([_shared_by(fair, part, k) for part in parts])
    table = intervals(own, names, level).rename(columns={"estimate": "adjusted"})
    of = intervals(own / fair[-1], names, level)
    table.insert(0, "raw", raw[:, 0])
    table.insert(1, "share", raw[:, 0] / r2[-1, 0])
    table.insert(2, "share_low", of["low"])
    table.insert(3, "share_high", of["high"])
    return table.rename_axis("part")


def _shared_by(r2: np.ndarray, part: tuple[int, ...], k: int) -> np.ndarray:
    """Return what exactly these sides share: an alternating sum of R2 over the subsets of the part."""
    mask = sum(1 << side for side in part)
    others = ((1 << k) - 1) & ~mask
    inside = [subset for subset in range(mask + 1) if subset & ~mask == 0]
    return sum((-1) ** (subset.bit_count() + 1) * r2[others | subset] for subset in inside)


def htmt_ratio(r: np.ndarray, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
    """Return the heterotrait-monotrait ratio of two groups of items for absolute correlations (draws, m, m).
    """
    if min(len(first), len(second)) < 2:
        return np.full(len(r), np.nan)

    def inside(columns: Sequence[int]) -> np.ndarray:
        rows, cols = np.triu_indices(len(columns), 1)
        return r[:, columns][:, :, columns][:, rows, cols].mean(axis=1)

    return r[:, first][:, :, second].mean(axis=(1, 2)) / np.sqrt(inside(first) * inside(second))


def second_share(r: np.ndarray, liking: float = 0.0) -> np.ndarray:
    """Return the second of two sides' share from (draws, 3, 3) correlations, a general liking taken out."""
    cleared = (r - liking) / (1 - liking)
    cleared[:, range(3), range(3)] = 1.0
    possible = np.linalg.eigvalsh(cleared)[:, 0] > 1e-9
    raw = shapley_r2(np.where(possible[:, None, None], cleared, np.eye(3)), [[0], [1]])
    total = raw.sum(axis=0)
    return np.where(possible & (total > 1e-12), raw[1] / np.where(total > 1e-12, total, 1.0), np.nan)


def parity_shares(
    survey: Survey,
    side: str,
    factors: Sequence[float] = (0, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2),
    *,
    per_item: float = ROWS_AN_ITEM,
) -> tuple[pd.DataFrame, int]:
    """Return the parity curve (Thorndike's case 2.

    Slopes and residual stay, one side's spread changes) and n.
    """
    ready = sample(survey, per_item=per_item)
    matrices = ready.covariances.matrices
    weights = np.zeros((matrices.shape[-1], len(ready.groups) + 1))
    beta = slopes(matrices)[:, 0] if survey.categorical else None
    for block, columns in enumerate(ready.groups):
        weights[columns, block] = 1 / len(columns) if beta is None else beta[columns]
    weights[-1, -1] = 1.0
    small, place = weights.T @ matrices @ weights, ready.sides.index(side)
    column = small[:, :, place]
    owed = column[:, :, None] * column[:, None, :] / column[:, place, None, None]
    tables = []
    for factor in factors:
        raw = shapley_r2(small + (factor**2 - 1) * owed, [[b] for b in range(len(ready.groups))])
        part = intervals(raw / raw.sum(axis=0), ready.sides, survey.confidence_level)
        tables.append(part.assign(factor=float(factor)).rename_axis("block").reset_index())
    curve = pd.concat(tables, ignore_index=True).rename(columns={"estimate": "share"})
    return curve[["factor", "block", "share", "low", "high"]], ready.n


def relative_importance(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Any],
    weights: str | np.ndarray | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split R2 among blocks of items of a DataFrame (LMG of relaimpo; Shapley value of R2; general
    dominance).

    ``blocks`` is ``{"product": ["q1", "q2"], "experience": "q7"}``; rows with a gap are left out and counted.
    Returns index ``block`` with ``raw`` (sums to R2), ``share low high``, ``slope`` (of the block's mean
    composite of standardised items in the joint fit) and ``spread``; ``attrs``: ``n dropped r2``.

    Examples
    --------
    >>> data = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [2, 1, 4, 3, 6, 5], "y": [1, 2, 3, 5, 4, 6]})
    >>> table = relative_importance(data, outcome="y", blocks={"a": "a", "b": "b"}, bootstrap=0)
    >>> table["share"].round(3).to_dict()
    {'a': 0.744, 'b': 0.256}
    """
    survey, dropped = _survey_of(
        data, blocks, bootstrap, confidence_level, rng, outcome=outcome, weights=weights
    )
    ready, share, total = shares(survey, per_item=1)
    table = intervals(share, ready.sides, confidence_level).rename(columns={"estimate": "share"})
    table.insert(0, "raw", share[:, 0] * total[0])
    table["slope"] = joint_slopes(ready)
    table["spread"] = spreads(ready)
    table.attrs = {"n": ready.n, "dropped": dropped, "r2": float(total[0])}
    return table.rename_axis("block")


def commonality(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Any],
    weights: str | np.ndarray | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split R2 of a DataFrame into what each block explains alone and what only groups of blocks explain
    together.

    Index ``part``; ``raw`` (sums to R2), ``share share_low share_high``, ``adjusted low high`` (of adjusted
    R2).
    """
    survey, _ = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome=outcome, weights=weights)
    return parts(sample(survey, per_item=1), confidence_level)


def htmt(
    data: pd.DataFrame,
    *,
    blocks: Mapping[str, Any],
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the heterotrait-monotrait ratio (HTMT+) of each pair of blocks: ``first second htmt low high``.

    A block of one item has no inside: NaN. Henseler et al. 2015; Ringle et al. 2023.
    """
    survey, _ = _survey_of(data, blocks, bootstrap, confidence_level, rng)
    values = survey.frame[survey.items].to_numpy(float)
    r = np.abs(correlations(Covariances(values, draws=bootstrap, rng=rng).matrices))
    groups = dict(zip(survey.blocks, survey.groups(), strict=True))
    rows = []
    for first, second in combinations(groups, 2):
        ratio = htmt_ratio(r, groups[first], groups[second])
        rows.append((first, second, *intervals(ratio, ["htmt"], confidence_level).iloc[0]))
    return pd.DataFrame(rows, columns=["first", "second", "htmt", "low", "high"])


def parity_curve(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Any],
    vary: str | None = None,
    factors: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0),
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the shares if one block (the first) differed ``factor`` times as much.

    ``factor block share low high``.
    """
    survey, _ = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome=outcome)
    return parity_shares(survey, vary or next(iter(survey.blocks)), factors, per_item=1)[0]


def _survey_of(
    data, blocks, bootstrap, confidence_level, rng, *, outcome="", weights=None
) -> tuple[Survey, int]:
    """Return complete cases of a DataFrame as a survey, and how many rows had a gap."""
    tidy = {str(b): [items] if isinstance(items, str) else list(items) for b, items in blocks.items()}
    columns = [*(item for items in tidy.values() for item in items), *([outcome] if outcome else [])]
    absent = [column for column in columns if column not in data]
    if absent:
        raise InputError(f"the data have no column {absent[0]!r}; columns are {', '.join(map(str, data))}")
    frame = data[list(dict.fromkeys(columns))].copy()
    if weights is not None:
        frame["(weights)"] = data[weights] if isinstance(weights, str) else np.asarray(weights, float)
    used = frame.dropna()
    survey = Survey(
        frame=used, kind="survey", blocks=tidy, outcome=outcome, weights=None if weights is None else "(weights)",
        bootstrap=bootstrap, confidence_level=confidence_level, seed=rng,
    )  # fmt: skip
    return survey, len(data) - len(used)
