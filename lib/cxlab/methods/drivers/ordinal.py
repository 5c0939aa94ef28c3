"""Do the findings survive without treating ratings as numbers? Proportional odds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.drivers.importance import limits
from cxlab.methods.drivers.inputs import check_level, prepare
from cxlab.methods.intervals import normal_quantile
from cxlab.methods.least_squares import bootstrap_means

__all__ = ["OrderedFit", "ordinal_importance", "proportional_odds"]

_MOST_LEVELS = 60


class OrderedFit(NamedTuple):
    """A proportional-odds fit.

    Attributes
    ----------
    table : DataFrame
        Index ``term`` (the columns); ``coefficient, se, odds_ratio, low, high`` (limits of the odds ratio).
    thresholds : DataFrame
        Index ``between`` (levels of the outcome); ``threshold, se``.
    deviance, loglik, null_loglik : float
        Null: thresholds only. McFadden's R2 is 1 - loglik / null_loglik.
    n : int
    """

    table: pd.DataFrame
    thresholds: pd.DataFrame
    deviance: float
    loglik: float
    null_loglik: float
    n: int


def proportional_odds(
    data: pd.DataFrame,
    *,
    outcome: str,
    drivers: Sequence[str],
    weights: str | np.ndarray | None = None,
    confidence_level: float = 0.95,
) -> OrderedFit:
    """Fit logit P(outcome <= level) = threshold(level) - drivers x coefficients, as polr does (McCullagh 1980).

    Parameters
    ----------
    data : DataFrame
        One row a respondent, or a cell with its count as weight.
    outcome : str
        Numbers whose order counts, not their distance; at most 60 different ones.
    drivers : sequence of columns
    weights : str or array, optional
        Counts or survey weights.
    confidence_level : float
        Of the Wald interval (observed information).

    Returns
    -------
    OrderedFit

    Raises
    ------
    InputError
        Too many levels, or a driver separates the levels perfectly (no finite coefficient).
    """
    ready = prepare(data, outcome=outcome, blocks={name: name for name in drivers}, weights=weights)
    levels, code = np.unique(ready.values[:, -1], return_inverse=True)
    if len(levels) > _MOST_LEVELS:
        raise InputError(
            f"outcome: {outcome!r} has {len(levels)} different values; at most {_MOST_LEVELS} levels. Group them, or use the "
            "linear split"
        )
    weight = np.ones(ready.n) if ready.weights is None else ready.weights
    scale = ready.values[:, :-1].std(axis=0)
    centre = ready.values[:, :-1].mean(axis=0)
    x = (ready.values[:, :-1] - centre) / scale
    theta, loglik, information = _fit(x, code, weight, len(levels))
    cut = len(levels) - 1
    jacobian = np.zeros((len(theta), len(theta)))
    jacobian[:cut, :cut] = np.eye(cut)
    jacobian[:cut, cut:] = centre / scale
    jacobian[cut:, cut:] = np.diag(1 / scale)
    theta = jacobian @ theta
    se = np.sqrt(np.diag(jacobian @ np.linalg.inv(information) @ jacobian.T))
    z = normal_quantile(confidence_level)
    beta, error = theta[cut:], se[cut:]
    with np.errstate(over="ignore"):
        table = pd.DataFrame(
            {
                "coefficient": beta,
                "se": error,
                "odds_ratio": np.exp(beta),
                "low": np.exp(beta - z * error),
                "high": np.exp(beta + z * error),
            },
            index=pd.Index(list(drivers), name="term"),
        )
    between = [f"{low:g}|{high:g}" for low, high in zip(levels[:-1], levels[1:], strict=True)]
    thresholds = pd.DataFrame(
        {"threshold": theta[:cut], "se": se[:cut]}, index=pd.Index(between, name="between")
    )
    return OrderedFit(table, thresholds, -2 * loglik, loglik, _null(code, weight), ready.n)


def ordinal_importance(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split McFadden's R2 of the proportional-odds model among blocks, and give each block's odds ratio.

    Parameters
    ----------
    data, outcome, blocks, bootstrap, confidence_level, rng
        As in ``relative_importance``; at most 8 blocks.

    Returns
    -------
    DataFrame
        Index ``block``; ``raw`` (sums to McFadden's R2), ``share, share_low, share_high``, and ``odds_ratio, low,
        high`` for one standard deviation of the block's mean composite of standardised items, the other blocks held
        (joint fit of the composites). ``attrs``: ``n, dropped, r2, levels, outcome``.

    Notes
    -----
    Each resample weighs every respondent's log-likelihood at the estimate instead of fitting anew: to first order the
    maximum moves by just that (envelope theorem), at no cost. Percentile interval.

    References
    ----------
    McCullagh 1980; Azen & Traxel 2009 for dominance in logistic models.
    """
    check_level(bootstrap, confidence_level)
    ready = prepare(data, outcome=outcome, blocks=blocks)
    names = list(ready.blocks)
    if len(names) > 8:
        raise InputError(f"blocks: {len(names)} blocks mean {2 ** len(names)} fits; join some (at most 8)")
    levels, code = np.unique(ready.values[:, -1], return_inverse=True)
    if len(levels) > _MOST_LEVELS:
        raise InputError(
            f"outcome: {outcome!r} has {len(levels)} different values; at most {_MOST_LEVELS} levels"
        )
    z = (ready.values[:, :-1] - ready.values[:, :-1].mean(axis=0)) / ready.values[:, :-1].std(axis=0)
    weight = np.ones(ready.n)
    cut = len(levels) - 1
    null = np.log(np.bincount(code) / ready.n)[code]
    gained = np.zeros(
        (ready.n, 1 << len(names))
    )  # log-likelihood of each respondent, beyond thresholds alone
    for subset in range(1, 1 << len(names)):
        x = z[:, [c for block, group in enumerate(ready.groups) if subset >> block & 1 for c in group]]
        theta = _fit(x, code, weight, len(levels))[0]
        gained[:, subset] = np.log(_probabilities(theta, x, code, cut)[0]) - null
    columns = np.column_stack([gained, -null])
    means = columns.mean(axis=0)[None]
    if bootstrap:
        means = np.concatenate([means, bootstrap_means(columns, bootstrap, rng)])
    r2 = (means[:, :-1] / means[:, -1:]).T  # (subsets, 1 + bootstrap), the data first
    raw = np.zeros((len(names), r2.shape[1]))
    for block in range(len(names)):
        for s in (subset for subset in range(len(r2)) if not subset >> block & 1):
            raw[block] += (r2[s | 1 << block] - r2[s]) / (len(names) * comb(len(names) - 1, s.bit_count()))
    share = raw / np.where(r2[-1] > 1e-12, r2[-1], np.nan)
    composites = pd.DataFrame(
        {name: z[:, group].mean(axis=1) for name, group in zip(names, ready.groups, strict=True)}
    )
    composites = composites / composites.std(ddof=0)
    fit = proportional_odds(
        composites.assign(**{"\0outcome": ready.values[:, -1]}),
        outcome="\0outcome",
        drivers=names,
        confidence_level=confidence_level,
    )
    low, high = limits(share[:, 1:], confidence_level)
    columns = {"raw": raw[:, 0], "share": share[:, 0], "share_low": low, "share_high": high}
    table = pd.DataFrame(columns, index=pd.Index(names, name="block"))
    table[["odds_ratio", "low", "high"]] = fit.table[["odds_ratio", "low", "high"]]
    table.attrs = {
        "n": ready.n,
        "dropped": ready.dropped,
        "r2": float(r2[-1, 0]),
        "levels": len(levels),
        "outcome": outcome,
    }
    return table


def _null(code: np.ndarray, weight: np.ndarray) -> float:
    count = np.bincount(code, weights=weight)
    return float((count * np.log(count / count.sum())).sum())


def _fit(
    x: np.ndarray, code: np.ndarray, weight: np.ndarray, levels: int
) -> tuple[np.ndarray, float, np.ndarray]:
    """Newton's method with step halving; the likelihood is concave, so it cannot stop in a wrong place."""
    cut = levels - 1
    share = np.cumsum(np.bincount(code, weights=weight, minlength=levels))[:-1] / weight.sum()
    theta = np.concatenate([np.log(share / (1 - share)), np.zeros(x.shape[1])])
    loglik, slope, information = _derivatives(theta, x, code, weight, cut)
    for _ in range(100):
        step = np.linalg.solve(information + 1e-10 * np.eye(len(theta)), slope)
        for _ in range(40):
            new = theta + step
            if (np.diff(new[:cut]) > 0).all():
                trial = _derivatives(new, x, code, weight, cut)
                if trial[0] >= loglik - 1e-12:
                    break
            step = step / 2
        moved = np.abs(step).max()
        theta, (loglik, slope, information) = new, trial
        if np.abs(theta[cut:]).max(initial=0) > 25:
            raise InputError(
                "outcome: a driver separates its levels perfectly, so no finite odds ratio fits; drop that driver or join levels"
            )
        if moved < 1e-9:
            break
    return theta, loglik, information


def _derivatives(theta, x, code, weight, cut):
    """Log-likelihood, gradient and observed information."""
    p, f_upper, f_lower = _probabilities(theta, x, code, cut)
    d_upper, d_lower = f_upper * (1 - f_upper), f_lower * (1 - f_lower)
    u, low = d_upper / p, d_lower / p
    curve_u = d_upper * (1 - 2 * f_upper) / p - u**2
    curve_l = -d_lower * (1 - 2 * f_lower) / p - low**2
    n, k = len(code), x.shape[1]
    rows = np.arange(n)
    a, b = np.zeros((n, cut + k)), np.zeros((n, cut + k))
    inside = code < cut
    a[rows[inside], code[inside]] = 1.0
    b[rows[code > 0], code[code > 0] - 1] = 1.0
    a[:, cut:] = -x
    b[:, cut:] = -x
    slope = ((u * weight)[:, None] * a - (low * weight)[:, None] * b).sum(axis=0)
    cross = a.T @ ((u * low * weight)[:, None] * b)
    hessian = (
        a.T @ ((curve_u * weight)[:, None] * a) + b.T @ ((curve_l * weight)[:, None] * b) + cross + cross.T
    )
    return float((weight * np.log(p)).sum()), slope, -hessian


def _probabilities(theta, x, code, cut):
    """Probability of each row's own level, and of lying at or below it, and below it."""
    eta = x @ theta[cut:]
    upper = np.concatenate([theta[:cut], [np.inf]])[code] - eta
    lower = np.concatenate([[-np.inf], theta[:cut]])[code] - eta
    f_upper, f_lower = _logistic(upper), _logistic(lower)
    return np.maximum(f_upper - f_lower, 1e-300), f_upper, f_lower


def _logistic(value: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(value / 2))
