"""How is explained variation split between blocks of items? Exact LMG with bootstrap intervals."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.drivers.inputs import Caution, DataWarning, Prepared, check_level, prepare
from cxlab.methods.drivers.subsets import bootstrap_covariances, shapley_r2

__all__ = [
    "Decomposition",
    "Difference",
    "decompose",
    "joint_share",
    "relative_importance",
    "relative_weights",
    "share_difference",
]

_MOST_PLAYERS = 22


class Decomposition(NamedTuple):
    """A split of R2 with everything needed to say more about it.

    Attributes
    ----------
    table : DataFrame
        As ``relative_importance`` returns it.
    draws : DataFrame
        One row a bootstrap draw, one column a block: shares.
    r2, r2_low, r2_high : float
        Variation explained by all blocks together; percentile limits.
    n, dropped : int
        Complete cases used; rows left out because something was missing.
    cautions : list of Caution
    slope_draws : DataFrame
        One row a draw, one column a block: slopes in the joint fit, as in the table.
    """

    table: pd.DataFrame
    draws: pd.DataFrame
    r2: float
    r2_low: float
    r2_high: float
    n: int
    dropped: int
    cautions: list[Caution]
    slope_draws: pd.DataFrame


def relative_importance(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    weights: str | np.ndarray | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split R2 among blocks of items: LMG, the mean gain in R2 over all orders in which blocks can enter.

    With one item a block it is the LMG of relaimpo (= Shapley value of R2 = general dominance). It describes
    variation that goes together; it is no effect, and it depends on how much the customers' ratings differ, so
    slope and spread stand beside every share.

    Parameters
    ----------
    data : DataFrame
        One row a respondent. Rows with a missing item or outcome are left out and counted.
    outcome : str
        A numeric column.
    blocks : mapping
        ``{"product": ["q1", "q2"], "experience": "q7"}``; at most 22 blocks.
    weights : str or array, optional
        Survey weights (a column, or one number a row).
    bootstrap : int
        Resamples of respondents; 0 leaves the interval empty.
    confidence_level : float
        Of the percentile interval.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        Index ``block``; ``raw`` (sums to R2), ``share`` (sums to 1), ``low``, ``high`` (limits of the share),
        ``slope`` (of the block's mean composite of standardised items in the joint least-squares fit, in units of
        the outcome), ``spread`` (standard deviation of the mean of the block's items in their own units).
        ``attrs``: ``n, dropped, r2, r2_low, r2_high, outcome, blocks, cautions`` (plain values).
        ``decompose`` also gives the draws, ``share_difference`` the interval of a difference.

    Raises
    ------
    InputError
        See ``inputs.prepare``. Warns with ``DataWarning`` on collinearity, a ceiling and few cases.

    References
    ----------
    Lindeman, Merenda & Gold 1980; Gromping 2006, J. Stat. Softw. 17(1).

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [2, 1, 4, 3, 6, 5], "y": [1, 2, 3, 5, 4, 6]})
    >>> with warnings.catch_warnings(action="ignore"):
    ...     table = relative_importance(data, outcome="y", blocks={"a": "a", "b": "b"}, bootstrap=0)
    >>> table["share"].round(3).to_dict()
    {'a': 0.744, 'b': 0.256}
    """
    result = decompose(
        data,
        outcome=outcome,
        blocks=blocks,
        weights=weights,
        bootstrap=bootstrap,
        confidence_level=confidence_level,
        rng=rng,
    )
    for caution in result.cautions:
        if caution.rule != "weights":
            warnings.warn(caution.sentence, DataWarning, stacklevel=2)
    return result.table


def decompose(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    weights: str | np.ndarray | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Decomposition:
    """Do what ``relative_importance`` does, and hand back the draws, R2 and the cautions as well.

    Warns of nothing: the cautions are in the result.
    """
    check_level(bootstrap, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks, weights=weights)
    if len(ready.blocks) > _MOST_PLAYERS:
        raise InputError(
            f"blocks: {len(ready.blocks)} blocks mean 2^{len(ready.blocks)} subsets; at most {_MOST_PLAYERS}. Put items "
            "into blocks, or use relative_weights"
        )
    generator = np.random.default_rng(rng)
    observed, resampled = bootstrap_covariances(ready.values, ready.weights, bootstrap, generator)
    covariances = np.concatenate([observed[None], resampled])
    raw = shapley_r2(covariances, ready.groups)
    total = raw.sum(axis=0)
    share = np.divide(raw, total, out=np.full_like(raw, np.nan), where=total > 1e-12)
    slopes = _slopes(covariances, observed, ready.groups) * np.sqrt(ready.n / (ready.n - 1))
    low, high = limits(share[:, 1:], confidence_level)
    r2_low, r2_high = limits(total[None, 1:], confidence_level)
    table = pd.DataFrame(
        {
            "raw": raw[:, 0],
            "share": share[:, 0],
            "low": low,
            "high": high,
            "slope": slopes[:, 0],
            "spread": _spreads(ready),
        },
        index=pd.Index(ready.blocks, name="block"),
    )
    table.attrs = {
        "n": ready.n,
        "dropped": ready.dropped,
        "r2": float(total[0]),
        "r2_low": float(r2_low[0]),
        "r2_high": float(r2_high[0]),
        "outcome": outcome,
        "blocks": ready.blocks,
        "cautions": [caution.sentence for caution in ready.cautions],
    }
    names = list(ready.blocks)
    return Decomposition(
        table,
        pd.DataFrame(share[:, 1:].T, columns=names),
        float(total[0]),
        float(r2_low[0]),
        float(r2_high[0]),
        ready.n,
        ready.dropped,
        ready.cautions,
        pd.DataFrame(slopes[:, 1:].T, columns=names),
    )


class Difference(NamedTuple):
    """A difference, or a sum, of shares with its percentile limits."""

    estimate: float
    low: float
    high: float


def share_difference(
    result: Decomposition, first: str, second: str, *, confidence_level: float = 0.95
) -> Difference:
    """Return share of ``first`` minus share of ``second``, with the interval of the DIFFERENCE.

    Two intervals that overlap say little: the shares sum to 1, so they move against each other. The draws of
    the same resamples are subtracted.
    """
    for name in (first, second):
        if name not in result.table.index:
            raise InputError(
                f"share_difference: no block {name!r}; there are {', '.join(result.table.index)}"
            )
    gap = (result.draws[first] - result.draws[second]).to_numpy()
    low, high = limits(gap[None], confidence_level)
    estimate = result.table.loc[first, "share"] - result.table.loc[second, "share"]
    return Difference(float(estimate), float(low[0]), float(high[0]))


def joint_share(
    result: Decomposition, blocks: Iterable[str], *, confidence_level: float = 0.95
) -> Difference:
    """Return the share of several blocks together, with its interval (``estimate, low, high``)."""
    names = list(blocks)
    unknown = [name for name in names if name not in result.table.index]
    if unknown or not names:
        raise InputError(f"joint_share: no block {unknown}; there are {', '.join(result.table.index)}")
    low, high = limits(result.draws[names].sum(axis=1).to_numpy()[None], confidence_level)
    return Difference(float(result.table.loc[names, "share"].sum()), float(low[0]), float(high[0]))


def relative_weights(correlation: np.ndarray) -> np.ndarray:
    """Return Johnson's relative weights: near to LMG, for more items than 2^k subsets allow.

    Parameters
    ----------
    correlation : ndarray (p + 1, p + 1)
        Correlation matrix of the drivers and, last, the outcome.

    Returns
    -------
    ndarray (p,)
        Sum to R2 (Johnson 2000).
    """
    values, vectors = np.linalg.eigh(correlation[:-1, :-1])
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return (root**2) @ (np.linalg.solve(root, correlation[:-1, -1]) ** 2)


def limits(draws: np.ndarray, confidence_level: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile limits along the last axis; a row without any finite draw gives NaN."""
    rows = draws.reshape(int(np.prod(draws.shape[:-1])), draws.shape[-1])
    usable = np.isfinite(rows).any(axis=1)
    ends = np.full((2, len(rows)), np.nan)
    if usable.any():
        tail = 50 * (1 - confidence_level)
        ends[:, usable] = np.nanpercentile(rows[usable], [tail, 100 - tail], axis=1)
    low, high = ends.reshape(2, *draws.shape[:-1])
    return low, high


def _slopes(covariances: np.ndarray, observed: np.ndarray, groups: list[list[int]]) -> np.ndarray:
    """Joint slopes of the blocks' composites of standardised items, (k, draws); standardised on the sample."""
    m = observed.shape[0]
    transform = np.zeros((m, len(groups) + 1))
    for block, columns in enumerate(groups):
        transform[columns, block] = 1 / (len(columns) * np.sqrt(np.diag(observed)[columns]))
    transform[-1, -1] = 1.0
    small = transform.T @ covariances @ transform
    return np.linalg.solve(_steady(small[:, :-1, :-1]), small[:, :-1, -1:])[..., 0].T


def _steady(matrices: np.ndarray) -> np.ndarray:
    """Add a trace to the diagonal of the (rare) singular resample, so that one draw cannot stop the others."""
    singular = np.linalg.cond(matrices) > 1e12
    return matrices + singular[:, None, None] * 1e-9 * np.eye(matrices.shape[-1])


def _spreads(ready: Prepared) -> list[float]:
    composites = [ready.values[:, columns].mean(axis=1) for columns in ready.groups]
    if ready.weights is None:
        return [float(np.std(composite, ddof=1)) for composite in composites]
    return [float(np.sqrt(np.cov(composite, aweights=ready.weights))) for composite in composites]
