"""Is the split real? What the two sides share, and what error, general liking, parity and coding do to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.drivers.importance import limits
from cxlab.methods.drivers.inputs import check_level, complete, composite_weights, prepare, tidy_blocks
from cxlab.methods.drivers.subsets import bootstrap_covariances, shapley_r2, subset_r2

__all__ = ["commonality", "halo_curve", "htmt", "parity_curve", "reliability_grid"]

Blocks = Mapping[str, Iterable[str] | str]


def commonality(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Blocks,
    weights: str | np.ndarray | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split R2 into what each block explains alone and what only groups of blocks explain together.

    With two blocks: R2 = only A + only B + shared, and LMG gives each block its own part and half of the shared
    one. A negative shared part signals suppression: the blocks explain more together than the sum of each alone.

    Even useless items raise R2, so a part is never below 0 in a sample or a resample and a plain percentile limit
    could not tell 'nothing' from 'little'. ``adjusted`` takes that gain out of every subset's R2 (Ezekiel 1930), and
    the limits take it out of every resample twice, because resampling adds it once more.

    Parameters
    ----------
    data, outcome, blocks, weights, bootstrap, confidence_level, rng
        As in ``relative_importance``; at most 6 blocks (63 parts).

    Returns
    -------
    DataFrame
        Index ``part`` (block names joined by " & "); ``blocks`` (how many share it), ``raw`` (sums to R2), ``share``
        (sums to 1) with ``share_low, share_high``, ``adjusted`` (sums to adjusted R2) with its limits ``low, high``:
        R2 units; 0 inside them means that nothing may be there. ``attrs``: ``n, dropped, r2, r2_adjusted``.

    References
    ----------
    Newton & Spurrell 1967; Nimon et al. 2008.
    """
    check_level(bootstrap, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks, weights=weights)
    names = list(ready.blocks)
    if len(names) > 6:
        raise InputError(
            f"blocks: {len(names)} blocks make {2 ** len(names) - 1} parts; join some (at most 6)"
        )
    observed, resampled = bootstrap_covariances(
        ready.values, ready.weights, bootstrap, np.random.default_rng(rng)
    )
    r2 = subset_r2(np.concatenate([observed[None], resampled]), ready.groups)
    gain = np.array([sum(len(g) for b, g in enumerate(ready.groups) if s >> b & 1) for s in range(len(r2))])
    gain = (gain / np.maximum(ready.n - gain - 1, 1))[:, None]
    adjusted = r2 - (1 - r2) * gain
    adjusted[:, 1:] -= (1 - r2[:, 1:]) * gain
    parts = [part for size in range(1, len(names) + 1) for part in combinations(range(len(names)), size)]
    raw = np.array([_common(r2, part, len(names)) for part in parts])
    fair = np.array([_common(adjusted, part, len(names)) for part in parts])
    low, high = limits(fair[:, 1:], confidence_level)
    part_low, part_high = limits(fair[:, 1:] / adjusted[-1, 1:], confidence_level)
    table = pd.DataFrame(
        {
            "blocks": [len(part) for part in parts],
            "raw": raw[:, 0],
            "share": raw[:, 0] / r2[-1, 0],
            "share_low": part_low,
            "share_high": part_high,
            "adjusted": fair[:, 0],
            "low": low,
            "high": high,
        },
        index=pd.Index([" & ".join(names[member] for member in part) for part in parts], name="part"),
    )
    table.attrs = {
        "n": ready.n,
        "dropped": ready.dropped,
        "r2": float(r2[-1, 0]),
        "r2_adjusted": float(adjusted[-1, 0]),
        "outcome": outcome,
    }
    return table


def _common(r2: np.ndarray, members: tuple[int, ...], k: int) -> np.ndarray:
    """What exactly these blocks share: an alternating sum of R2 over the subsets of the part."""
    part = sum(1 << member for member in members)
    others = ((1 << k) - 1) & ~part
    inside = [subset for subset in range(part + 1) if subset & ~part == 0]
    return sum((-1) ** (subset.bit_count() + 1) * r2[others | subset] for subset in inside)


def htmt(
    data: pd.DataFrame,
    *,
    blocks: Blocks,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Ask whether blocks are different things: the heterotrait-monotrait ratio of each pair.

    The mean absolute correlation between items of two blocks, divided by the geometric mean of the mean absolute
    correlations inside each (HTMT+, equal to HTMT when all correlations are positive). Near 1: one thing measured
    twice. The customary bounds .85 and .90 are conventions. A block of one item has no inside: NaN.

    Parameters
    ----------
    data, blocks, bootstrap, confidence_level, rng
        As in ``relative_importance``; blocks may be outcomes. Complete cases on all items.

    Returns
    -------
    DataFrame
        One row a pair: ``first, second, htmt, low, high, between, within_first, within_second`` (mean correlations).
        ``attrs``: ``n, dropped``.

    References
    ----------
    Henseler, Ringle & Sarstedt 2015, J. Acad. Mark. Sci. 43; Ringle et al. 2023 for HTMT+.
    """
    check_level(bootstrap, confidence_level)
    tidy = tidy_blocks(blocks)
    items = [item for columns in tidy.values() for item in columns]
    values = complete(data, items, "blocks")
    observed, resampled = bootstrap_covariances(values, None, bootstrap, np.random.default_rng(rng))
    covariances = np.concatenate([observed[None], resampled])
    sd = np.sqrt(np.einsum("bii->bi", covariances))
    scale = sd[:, :, None] * sd[:, None, :]
    correlation = np.abs(covariances / np.where(scale > 0, scale, np.nan))
    ends = np.cumsum([len(columns) for columns in tidy.values()])
    place = {block: np.arange(end - len(tidy[block]), end) for block, end in zip(tidy, ends, strict=True)}
    rows = []
    for first, second in combinations(tidy, 2):
        between = correlation[:, place[first][:, None], place[second]].mean(axis=(1, 2))
        inside = [_mean_inside(correlation[:, place[b][:, None], place[b]]) for b in (first, second)]
        ratio = between / np.sqrt(inside[0] * inside[1])
        low, high = (
            limits(ratio[None, 1:], confidence_level) if np.isfinite(ratio[0]) else ([np.nan], [np.nan])
        )
        rows.append((first, second, ratio[0], low[0], high[0], between[0], inside[0][0], inside[1][0]))
    columns = ["first", "second", "htmt", "low", "high", "between", "within_first", "within_second"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs = {"n": len(values), "dropped": len(data) - len(values)}
    return table


def _mean_inside(square: np.ndarray) -> np.ndarray:
    size = square.shape[-1]
    if size < 2:
        return np.full(len(square), np.nan)
    rows, columns = np.triu_indices(size, 1)
    return square[:, rows, columns].mean(axis=1)


def reliability_grid(
    data: pd.DataFrame, *, outcome: str, blocks: Blocks, levels: Sequence[float] | None = None
) -> pd.DataFrame:
    """Ask whether unequal measurement error alone could make this split: shares over a grid of reliabilities.

    For each pair of assumed reliabilities of the two composites the correlations are corrected for attenuation
    (Spearman 1904) and split again. The reliability of the outcome cancels. A grid of assumptions, not an interval.

    Parameters
    ----------
    data, outcome
        As in ``relative_importance``.
    blocks : mapping with two sides
    levels : sequence of numbers in 0..1, optional
        Reliabilities to try; .5 to 1 in steps of .05 when left out.

    Returns
    -------
    DataFrame
        ``first_reliability, second_reliability, share`` (of the SECOND side), ``possible`` (False where the corrected
        correlations cannot exist together; share is NaN there). ``attrs``: ``first, second, observed`` (share as
        measured), ``alpha`` (Cronbach's alpha of each side, NaN for one item), ``n``.
    """
    ready, correlation = _composites(data, outcome, blocks)
    names = list(ready.blocks)
    tries = np.asarray(levels if levels is not None else np.linspace(0.5, 1, 11), dtype=float).round(10)
    if len(tries) == 0 or tries.min() <= 0 or tries.max() > 1:
        raise InputError(
            f"levels={levels!r} must be reliabilities above 0 and up to 1, such as [0.6, 0.8, 1.0]"
        )
    first, second = (grid.ravel() for grid in np.meshgrid(tries, tries, indexing="ij"))
    scale = np.stack([np.sqrt(first), np.sqrt(second), np.ones_like(first)], axis=1)
    corrected = correlation / scale[:, :, None] / scale[:, None, :]
    corrected[:, range(3), range(3)] = 1.0
    share, possible = _second_share(corrected)
    table = pd.DataFrame(
        {
            "first_reliability": first,
            "second_reliability": second,
            "share": share,
            "possible": possible,
        }
    )
    table.attrs = {
        "first": names[0],
        "second": names[1],
        "observed": float(_second_share(correlation[None])[0][0]),
        "alpha": {
            name: _alpha(ready.values[:, group]) for name, group in zip(names, ready.groups, strict=True)
        },
        "n": ready.n,
    }
    return table


def halo_curve(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Blocks,
    marker: str | Sequence[str] | None = None,
    levels: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Ask whether a general liking alone could make this split: shares after a halo is taken out.

    A halo of h lifts every correlation; taking it out gives (r - h) / (1 - h) (Lindell & Whitney 2001). A marker
    (items that should have nothing to do with either side, but carry the liking) is partialled out instead.

    Parameters
    ----------
    data, outcome
        As in ``relative_importance``.
    blocks : mapping with two sides
    marker : column or columns, optional
    levels : sequence of numbers, optional
        Halos to try, each below the smallest correlation; ten steps up to 90 % of it when left out.

    Returns
    -------
    DataFrame
        ``halo, share`` (of the SECOND side), ``r2``. ``attrs``: ``first, second, observed, marker_share`` (share after
        the marker is held constant, or None), ``smallest`` (smallest correlation of the three), ``n``.
    """
    ready, correlation = _composites(data, outcome, blocks)
    smallest = float(correlation[np.triu_indices(3, 1)].min())
    tries = np.asarray(
        levels if levels is not None else np.linspace(0, 0.9 * max(smallest, 0.0), 11), dtype=float
    )
    if len(tries) == 0 or tries.min() < 0 or (tries.max() > 0 and tries.max() >= smallest):
        raise InputError(
            f"levels={levels!r} must lie from 0 to below the smallest correlation, {smallest:.3f}"
        )
    cleared = (correlation - tries[:, None, None]) / (1 - tries[:, None, None])
    cleared[:, range(3), range(3)] = 1.0
    share, _ = _second_share(cleared)
    names = list(ready.blocks)
    table = pd.DataFrame({"halo": tries, "share": share, "r2": subset_r2(cleared, [[0], [1]])[-1]})
    marked = None
    if marker is not None:
        with_marker, matrix = _composites(data, outcome, {**ready.blocks, "\0marker": marker})
        partial = matrix - np.outer(matrix[2], matrix[2])
        partial = partial[np.ix_([0, 1, 3], [0, 1, 3])]
        marked = float(_second_share(partial[None])[0][0])
    table.attrs = {
        "first": names[0],
        "second": names[1],
        "observed": float(_second_share(correlation[None])[0][0]),
        "marker_share": marked,
        "smallest": smallest,
        "n": ready.n,
    }
    return table


def parity_curve(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Blocks,
    vary: str | None = None,
    factors: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0),
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Ask what the shares would be if one side differed less (or more) between customers, its slope unchanged.

    A share mixes slope and spread, so a side on which all offers are equally good has no share however much it
    matters. The curve changes the variance of one side as a selection of customers on that side would (Thorndike's
    case 2): the joint slopes, what the other sides have beyond it and the residual stay as they are; what the other
    sides owe to it shrinks along.

    Parameters
    ----------
    data, outcome, blocks, bootstrap, confidence_level, rng
        As in ``relative_importance``. Each block is the mean of its items in their own units
        (categories of one question: their fitted part).
    vary : str, optional
        The block whose spread changes; the first one when left out.
    factors : sequence of numbers, 0 or more
        Multiples of the observed spread; 1 is what was observed, 0 is perfect parity.

    Returns
    -------
    DataFrame
        One row a factor and block: ``factor, spread`` (of the varied block), ``block, share, low, high, observed``.
        ``attrs``: ``vary, slopes`` and ``spreads`` (raw, by block), ``slope_limits`` (by block: low, high), ``n``.

    References
    ----------
    Thorndike 1949; Darlington 1968, Psych. Bull. 69; Kruskal 1987, Am. Stat. 41.
    """
    check_level(bootstrap, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks)
    names = list(ready.blocks)
    varied = names[0] if vary is None else vary
    if varied not in names:
        raise InputError(f"vary={vary!r} is no block; there are {', '.join(names)}")
    multiples = np.asarray(factors, dtype=float)
    if len(multiples) == 0 or multiples.min() < 0:
        raise InputError(f"factors={factors!r} must be 0 or more, such as (0, 0.5, 1, 2)")
    scores = [ready.values[:, g] @ w for g, w in zip(ready.groups, composite_weights(ready), strict=True)]
    values = np.column_stack([*scores, ready.values[:, -1]])
    observed, resampled = bootstrap_covariances(values, None, bootstrap, np.random.default_rng(rng))
    covariances = np.concatenate([observed[None], resampled])
    slopes = np.linalg.solve(covariances[:, :-1, :-1], covariances[:, :-1, -1:])[..., 0]
    place, rows = names.index(varied), []
    spreads = np.sqrt(np.diag(observed)[:-1] * ready.n / (ready.n - 1))
    column = covariances[:, :, place]
    owed = column[:, :, None] * column[:, None, :] / column[:, place, None, None]
    for multiple in multiples:
        moved = covariances + (multiple**2 - 1) * owed
        raw = shapley_r2(moved, [[i] for i in range(len(names))])
        share = raw / raw.sum(axis=0)
        low, high = limits(share[:, 1:], confidence_level)
        for block, name in enumerate(names):
            rows.append(
                (
                    multiple,
                    multiple * spreads[place],
                    name,
                    share[block, 0],
                    low[block],
                    high[block],
                    multiple == 1,
                )
            )
    table = pd.DataFrame(rows, columns=["factor", "spread", "block", "share", "low", "high", "observed"])
    low, high = limits(slopes[1:].T, confidence_level)
    table.attrs = {
        "vary": varied,
        "slopes": {name: float(slope) for name, slope in zip(names, slopes[0], strict=True)},
        "slope_limits": {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)},
        "spreads": {name: float(spread) for name, spread in zip(names, spreads, strict=True)},
        "n": ready.n,
    }
    return table


def _composites(data: pd.DataFrame, outcome: str, blocks: Blocks):
    """Correlations of the mean composites of standardised items and the outcome; two sides (and a marker)."""
    ready = prepare(data, outcome=outcome, blocks=blocks)
    if len(ready.blocks) - ("\0marker" in ready.blocks) != 2:
        raise InputError(
            f"blocks: this asks about two sides, not {len(ready.blocks)}: {', '.join(ready.blocks)}"
        )
    z = (ready.values - ready.values.mean(axis=0)) / ready.values.std(axis=0)
    composites = np.column_stack([z[:, group].mean(axis=1) for group in ready.groups] + [z[:, -1]])
    return ready, np.corrcoef(composites, rowvar=False)


def _second_share(correlations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    possible = np.linalg.eigvalsh(correlations)[:, 0] > 1e-9
    share = np.full(len(correlations), np.nan)
    if possible.any():
        raw = shapley_r2(correlations[possible], [[0], [1]])
        total = raw.sum(axis=0)
        share[possible] = np.where(total > 1e-12, raw[1] / np.where(total > 1e-12, total, 1.0), np.nan)
    return share, possible


def _alpha(items: np.ndarray) -> float:
    """Cronbach's alpha of standardised items."""
    k = items.shape[1]
    if k < 2:
        return float("nan")
    mean = _mean_inside(np.corrcoef(items, rowvar=False)[None])[0]
    return float(k * mean / (1 + (k - 1) * mean))
