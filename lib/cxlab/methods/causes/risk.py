"""Yes/no outcomes: E-values and comparisons within strata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..intervals import normal_quantile

__all__ = ["EValue", "MantelHaenszel", "e_value", "mantel_haenszel", "risk_by_side"]


class EValue(NamedTuple):
    """How strongly a hidden cause must be tied to both, as risk ratios: for the estimate, and for the near limit."""

    estimate: float
    limit: float


def e_value(risk_ratio: float, *, low: float | None = None, high: float | None = None) -> EValue:
    """Return the E-value of a risk ratio and of the limit of its interval that lies nearer to 1.

    Parameters
    ----------
    risk_ratio : float, positive
        Below 1 it is turned round first.
    low, high : float, optional
        Its interval. The limit's E-value is 1 when the interval holds 1, and a gap when no interval is given.

    Returns
    -------
    EValue
        An unseen cause must raise the chance of the exposure and of the outcome by this factor each, beyond what
        was adjusted for, to explain the finding away.

    Notes
    -----
    RR + sqrt(RR (RR - 1)), VanderWeele & Ding (2017). Where the outcome is common an odds ratio is not a risk ratio.

    Examples
    --------
    >>> [round(v, 2) for v in e_value(3.9, low=1.8)]
    [7.26, 3.0]
    """
    if not risk_ratio > 0:
        raise ValueError(f"risk_ratio={risk_ratio!r} must be positive; a difference of risks is not a ratio")
    if (low is not None and low > risk_ratio) or (high is not None and high < risk_ratio):
        raise ValueError(f"the interval {low!r} to {high!r} must hold the risk ratio {risk_ratio!r}")
    near = low if risk_ratio >= 1 else high
    if near is None:
        limit = float("nan")
    elif (near - 1) * (risk_ratio - 1) <= 0:
        limit = 1.0
    else:
        limit = _single(near)
    return EValue(_single(risk_ratio), limit)


class MantelHaenszel(NamedTuple):
    """Ratios pooled over strata, with intervals, beside the crude odds ratio that ignores the strata."""

    odds_ratio: float
    odds_low: float
    odds_high: float
    crude_odds_ratio: float
    risk_ratio: float
    risk_low: float
    risk_high: float
    n: int
    strata: int


def mantel_haenszel(
    data: pd.DataFrame,
    *,
    outcome: str,
    exposed: str,
    strata: str,
    counts: str | None = None,
    confidence_level: float = 0.95,
) -> MantelHaenszel:
    """Return odds and risk ratio of a yes/no outcome for exposed against not exposed, within strata.

    Parameters
    ----------
    data : DataFrame
        One row a case, or one row a cell with its number in ``counts``. Rows with a gap are left out.
    outcome, exposed : str
        Columns of True/False or 1/0.
    strata : str
        A column of labels; cases are compared only within one.
    counts : str, optional
    confidence_level : float

    Returns
    -------
    MantelHaenszel

    Raises
    ------
    ValueError
        When a column is not yes/no, or no stratum holds both exposed and not exposed with some outcome.

    Notes
    -----
    Mantel & Haenszel (1959); variances of Robins, Breslow & Greenland (1986) for the odds ratio and of Greenland &
    Robins (1985) for the risk ratio. A common ratio in all strata is assumed.
    """
    used = [outcome, exposed, strata, *([counts] if counts else [])]
    table = data[used].dropna()
    for name in (outcome, exposed):
        if not set(pd.unique(table[name])) <= {0, 1}:
            raise ValueError(f"column {name!r} must hold only 0 and 1 (or False and True); recode it first")
    weight = table[counts].to_numpy(float) if counts else np.ones(len(table))
    y, e = table[outcome].to_numpy(float), table[exposed].to_numpy(float)
    codes, labels = pd.factorize(table[strata])

    def cell(mask: np.ndarray) -> np.ndarray:
        return np.bincount(codes, weight * mask, minlength=len(labels))

    a, b, c, d = cell(e * y), cell(e * (1 - y)), cell((1 - e) * y), cell((1 - e) * (1 - y))
    n, n1, n0, m1 = a + b + c + d, a + b, c + d, a + c
    keep = n > 0
    a, b, c, d, n, n1, n0, m1 = (v[keep] for v in (a, b, c, d, n, n1, n0, m1))
    r, s = a * d / n, b * c / n
    top, bottom = (a * n0 / n).sum(), (c * n1 / n).sum()
    if min(r.sum(), s.sum(), top, bottom) <= 0:
        raise ValueError(f"the strata of {strata!r} leave a cell empty everywhere: use fewer or wider strata")
    z = normal_quantile(confidence_level)
    odds = r.sum() / s.sum()
    p, q = (a + d) / n, (b + c) / n
    variance = (
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    spread = np.exp(z * np.sqrt(variance))
    crude = a.sum() * d.sum() / (b.sum() * c.sum())
    ratio = top / bottom
    risk_variance = ((m1 * n1 * n0 - a * c * n) / n**2).sum() / (top * bottom)
    risk_spread = np.exp(z * np.sqrt(risk_variance))
    numbers = (odds, odds / spread, odds * spread, crude, ratio, ratio / risk_spread, ratio * risk_spread)
    return MantelHaenszel(*map(float, numbers), n=int(n.sum()), strata=len(n))


def risk_by_side(
    data: pd.DataFrame, *, outcome: str, sides: Sequence[str], confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return how much likelier the best third of each side is to be in the best third of the outcome.

    Parameters
    ----------
    data : DataFrame, one row a respondent, scores (complete cases are used)
    outcome : str
    sides : two columns; each is compared within thirds of the other

    Returns
    -------
    DataFrame
        Index ``side``; ``risk_ratio low high`` (Mantel-Haenszel), ``odds_ratio``, ``e_value`` with the E-values of the
        near and the far limit (``e_value_limit e_value_far``: its interval), ``n``. The cut at a third throws
        information away; it is here because renewal is a yes or a no. Gaps where too few respondents leave a cell
        empty.
    """
    first, second = sides
    table = data[[outcome, first, second]].dropna()
    rows = []
    for side, other in ((first, second), (second, first)):
        cuts = np.unique(np.quantile(table[other], [1 / 3, 2 / 3]))
        cells = pd.DataFrame(
            {
                "good": (table[outcome] >= table[outcome].quantile(2 / 3)).astype(int),
                "high": (table[side] >= table[side].quantile(2 / 3)).astype(int),
                "stratum": (table[other].to_numpy()[:, None] > cuts).sum(axis=1),
            }
        )
        try:
            found = mantel_haenszel(
                cells, outcome="good", exposed="high", strata="stratum", confidence_level=confidence_level
            )
        except ValueError:  # too few respondents: no third holds all four kinds of them
            rows.append((*[float("nan")] * 7, len(table)))
            continue
        needed = e_value(found.risk_ratio, low=found.risk_low, high=found.risk_high)
        far = max(_single(found.risk_low), _single(found.risk_high))
        rows.append(
            (found.risk_ratio, found.risk_low, found.risk_high, found.odds_ratio, *needed, far, found.n)
        )
    columns = ["risk_ratio", "low", "high", "odds_ratio", "e_value", "e_value_limit", "e_value_far", "n"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index([first, second], name="side"))


def _single(ratio: float) -> float:
    ratio = max(ratio, 1 / ratio)
    return float(ratio + np.sqrt(ratio * (ratio - 1)))
