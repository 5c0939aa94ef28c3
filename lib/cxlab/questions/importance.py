"""The numbers behind key drivers, of a survey or any DataFrame: shares, parts and slopes, all from one
resampled covariance matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Survey, kept
from cxlab.questions.result import Number
from cxlab.stats.intervals import percentile_interval
from cxlab.stats.regression import complete_cases, shapley_r2, subset_r2
from cxlab.stats.resampling import composites, correlations, covariances, intervals, slopes

MOST_BLOCKS = 22
FACTORS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)  # multiples of today's spread
ROWS_AN_ITEM = 10  # with fewer the interval of a share covers too rarely (.86 at 5, .95 at 10; bench_drivers)
MOST_GAPS = 0.05  # more rows with a gap than this, and all rows are used instead of the complete ones


@dataclass(frozen=True)
class Sample:
    """Columns of a survey, with the covariance matrix of the sample and of its resamples: of all rows where
    many have a gap, else of the complete ones.
    """

    survey: Survey
    matrices: np.ndarray
    values: pd.DataFrame
    complete: int

    @cached_property
    def raw(self) -> np.ndarray:
        """What each side explains (parts of R2, sides x draws, the sample first)."""
        return shapley_r2(self.matrices, self.survey.groups())

    @property
    def share(self) -> np.ndarray:
        """The same as shares of R2."""
        return of_total(self.raw)

    @property
    def n(self) -> int:
        """How many respondents are used."""
        return len(self.values)

    def number(self, draws: np.ndarray, unit: str, label: str) -> Number:
        """Return a number from its value in the sample and in the resamples."""
        return estimate(draws, self.survey, unit, self.n, label)


def estimate(draws: np.ndarray, survey: Survey, unit: str, n: int, label: str) -> Number:
    """Return a number from its value in the sample (first) and in the resamples, percentile limits."""
    low, high = percentile_interval(draws[1:], survey.confidence_level)
    return Number(float(draws[0]), float(low), float(high), unit, n, label)


def drawn(survey: Survey, rows: pd.Index) -> dict[str, Any]:
    """Return how rows of a survey are resampled: how often, by which generator, weights and clusters."""
    columns = {"weights": survey.weights, "clusters": survey.clusters}
    given = {name: survey.frame.loc[rows, column].to_numpy() for name, column in columns.items() if column}
    return {"draws": survey.bootstrap, "rng": survey.rng} | given


def rows_of(survey: Survey, columns: Sequence[str], *, least: float = 10) -> Sample:
    """Return the covariances of columns of a survey, from all rows where more than one in twenty has a
    gap. NotEnough for two columns that fewer than ``least`` rows answered together, or an answer that never
    varies.
    """
    table = survey.frame[list(columns)].astype(float)
    if survey.weights:
        table = table[survey.frame[survey.weights].astype(float) > 0]
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
    flat = [column for column in table if not table[column].max() > table[column].min()]
    if flat:
        raise NotEnough(f"everybody gave the same answer to {survey.label(flat[0])!r}")
    key = (*columns, survey.bootstrap, str(survey.seed), survey.weights, survey.clusters)
    found = kept(survey.frame, key, lambda: covariances(table.to_numpy(), **drawn(survey, table.index)))
    return Sample(survey, found, table, complete)


def sample(survey: Survey, *, per_item: float = ROWS_AN_ITEM) -> Sample:
    """Return the covariances of a survey's items and, last, its outcome. NotEnough as in ``rows_of``, for
    fewer than ``per_item`` rows an item, and for items that copy each other.
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
    k, matrices = len(drivers), rows.matrices
    if len(columns) > k + 1:
        matrices = composites(matrices, [*([i] for i in range(k)), range(k, len(columns))])
    inner = correlations(matrices[:1])[0][:-1, :-1]
    if np.linalg.eigvalsh(inner)[0] < 1e-8:
        raise NotEnough("some items are exact copies or sums of others, so no method can tell them apart")
    return replace(rows, matrices=matrices)


def of_total(raw: np.ndarray) -> np.ndarray:
    """Return parts of R2 (groups x draws) as shares of their sum, gaps where nothing is explained."""
    total = raw.sum(axis=0)
    return np.divide(raw, total, out=np.full_like(raw, np.nan), where=total > 1e-12)


def standard_slopes(ready: Sample) -> np.ndarray:
    """Return slopes in standard deviations of each side's composite and of the outcome, (sides, draws)."""
    return slopes(correlations(composites(correlations(ready.matrices), [*ready.survey.groups(), [-1]])))


def adjusted_r2(r2: np.ndarray, items: np.ndarray | int, n: int) -> np.ndarray:
    """Take out what even useless items explain (Ezekiel 1930); from resamples (column 1 on) twice, since
    resampling adds it again.
    """
    gain = (np.asarray(items, float) / np.maximum(n - np.asarray(items, float) - 1, 1))[..., None]
    fair = r2 - (1 - r2) * gain
    fair[..., 1:] -= (1 - r2[..., 1:]) * gain
    return fair


def _shared_by(r2: np.ndarray, part: tuple[int, ...], k: int) -> np.ndarray:
    """Return what exactly these sides share: an alternating sum of R2 over the subsets of the part."""
    mask = sum(1 << side for side in part)
    others = ((1 << k) - 1) & ~mask
    inside = [subset for subset in range(mask + 1) if subset & ~mask == 0]
    return sum((-1) ** (subset.bit_count() + 1) * r2[others | subset] for subset in inside)


def _or_frame(ask: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Let a function of a sample also take a DataFrame, of which the complete rows count.

    ``blocks`` is ``{"product": ["q1", "q2"], "experience": "q7"}``, ``weights`` a column or one number a row.
    """

    def call(
        data: pd.DataFrame | Sample, *, blocks: Mapping[str, Any] | None = None, outcome: str = "",
        weights=None, bootstrap: int = 1000, confidence_level: float = 0.95, rng=None, **more: Any,
    ) -> pd.DataFrame:  # fmt: skip
        if isinstance(data, Sample):
            return ask(data, **more)
        if not isinstance(blocks, Mapping) or not blocks or not all(len(items) for items in blocks.values()):
            raise InputError("blocks must be a mapping of a name to its columns: {'product': ['q1', 'q2']}")
        if not 0 < confidence_level < 1:
            raise InputError(f"confidence_level={confidence_level!r} must lie between 0 and 1, such as 0.95")
        tidy = {str(b): [items] if isinstance(items, str) else list(items) for b, items in blocks.items()}
        survey = Survey(frame=data, blocks=tidy, outcome=outcome, bootstrap=bootstrap, seed=rng,
                        confidence_level=confidence_level)  # fmt: skip
        frame = complete_cases(data.reset_index(drop=True), [*survey.items, *filter(None, [outcome])])
        if weights is not None:
            given = np.asarray(data[weights] if isinstance(weights, str) else weights, float)
            frame["(weights)"] = given[frame.index]
            if (frame["(weights)"] < 0).any():
                raise InputError("weights must be 0 or more")
        used = survey.with_(frame=frame.dropna(), weights=None if weights is None else "(weights)")
        table = ask(sample(used, per_item=1) if outcome else rows_of(used, used.items), **more)
        table.attrs |= {"n": len(used.frame), "dropped": len(data) - len(used.frame)}
        return table

    call.__doc__, call.__name__ = ask.__doc__, ask.__name__
    return call


@_or_frame
def relative_importance(ready: Sample) -> pd.DataFrame:
    """Split R2 among blocks of items (LMG of relaimpo; Shapley value of R2).

    Returns index ``block`` with ``raw`` (sums to R2), ``share low high``, ``slope`` (outcome points for one
    standard deviation of the mean of the block's standardised items, the other blocks held) and ``spread``
    (standard deviation of the block's mean item): a share is never shown alone. ``attrs``: ``n dropped r2``.

    >>> data = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [2, 1, 4, 3, 6, 5], "y": [1, 2, 3, 5, 4, 6]})
    >>> table = relative_importance(data, outcome="y", blocks={"a": "a", "b": "b"}, bootstrap=0)
    >>> table["share"].round(3).to_dict()
    {'a': 0.744, 'b': 0.256}
    """
    survey, own, raw = ready.survey, ready.matrices[:1], ready.raw[:, 0]
    table = intervals(ready.share, survey.blocks, survey.confidence_level, "share").rename_axis("block")
    table.insert(0, "raw", raw)
    steps = slopes(composites(correlations(own), [*survey.groups(), [-1]]))[:, 0]
    table["slope"] = steps * np.sqrt(own[0, -1, -1] * ready.n / (ready.n - 1))
    for side, items in survey.blocks.items():
        mean = ready.values[items].mean(axis=1, skipna=False).dropna()
        weights = survey.frame.loc[mean.index, survey.weights] if survey.weights else None
        table.loc[side, "spread"] = np.sqrt(np.cov(mean, aweights=weights))
    table.attrs["r2"] = float(raw.sum())
    return table


@_or_frame
def commonality(ready: Sample) -> pd.DataFrame:
    """Split R2 into what each block explains alone and what only several explain together.

    Index ``part``; ``raw`` (sums to R2), ``share share_low share_high`` (of R2), ``adjusted low high`` (of
    adjusted R2).
    """
    survey, level = ready.survey, ready.survey.confidence_level
    sides, k = list(survey.blocks), len(survey.blocks)
    r2 = subset_r2(ready.matrices, survey.groups())
    sizes = [len(items) for items in survey.blocks.values()]
    used = np.array([sum(sizes[b] for b in range(k) if s >> b & 1) for s in range(len(r2))])
    fair = adjusted_r2(r2, used, ready.n)
    chosen = [part for size in range(1, k + 1) for part in combinations(range(k), size)]
    names = pd.Index([" & ".join(sides[side] for side in part) for part in chosen], name="part")
    raw, own = (np.array([_shared_by(each, part, k) for part in chosen]) for each in (r2, fair))
    of, adjusted = intervals(own / fair[-1], names, level), intervals(own, names, level)
    table = pd.DataFrame({"raw": raw[:, 0], "share": raw[:, 0] / r2[-1, 0]}, index=names)
    table[["share_low", "share_high"]] = of[["low", "high"]].to_numpy()
    table[["adjusted", "low", "high"]] = adjusted.to_numpy()
    return table


@_or_frame
def htmt(ready: Sample) -> pd.DataFrame:
    """Return the heterotrait-monotrait ratio (HTMT+, Ringle et al. 2023) of each pair of blocks: ``first
    second htmt low high``; NaN for a block of one item.
    """
    survey, r = ready.survey, np.abs(correlations(ready.matrices))
    pairs = pd.DataFrame(combinations(survey.blocks, 2), columns=["first", "second"])

    def inside(own: list[int]) -> np.ndarray:
        one, other = np.triu_indices(len(own), 1)
        return r[:, own][:, :, own][:, one, other].mean(axis=1) if len(own) > 1 else np.full(len(r), np.nan)

    ratios = [r[:, one][:, :, other].mean(axis=(1, 2)) / np.sqrt(inside(one) * inside(other))
              for one, other in combinations(survey.groups(), 2)]  # fmt: skip
    table = intervals(ratios, pairs.index, survey.confidence_level, "htmt")
    return pd.concat([pairs, table], axis=1)


@_or_frame
def parity_curve(ready: Sample, vary: str = "", factors: Sequence[float] = FACTORS) -> pd.DataFrame:
    """Return ``factor block share low high``: shares if the block ``vary`` (the first) differed by each of
    the ``factors``. Slopes and residual stay, the other items change as under selection on that block
    (Lawley 1943).
    """
    survey, groups, tables, level = ready.survey, ready.survey.groups(), [], ready.survey.confidence_level
    own = groups[list(survey.blocks).index(vary) if vary else 0]
    beside = ready.matrices[:, own]
    owed = beside.transpose(0, 2, 1) @ np.linalg.solve(beside[:, :, own], beside)
    for factor in factors:
        share = of_total(shapley_r2(ready.matrices + (factor**2 - 1) * owed, groups))
        tables.append(intervals(share, survey.blocks, level, "share").assign(factor=float(factor)))
    table = pd.concat(tables).rename_axis("block").reset_index()
    return table[["factor", "block", "share", "low", "high"]]
