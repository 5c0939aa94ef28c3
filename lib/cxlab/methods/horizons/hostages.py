"""Who stays only because leaving is hard? Satisfaction by dependence, and renewal when dependence falls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import newcombe, normal_quantile, wilson
from cxlab.methods.least_squares import complete_cases, fit

__all__ = ["Difference", "Interaction", "dependence_drop", "hostage_cells", "hostage_interaction", "release"]

CELLS = {
    (True, False): "loyal by choice",
    (True, True): "content and tied",
    (False, True): "hostage",
    (False, False): "free to go",
}


class Difference(NamedTuple):
    """A difference of two shares with its interval and the two counts."""

    value: float
    low: float
    high: float
    n1: int
    n2: int


class Interaction(NamedTuple):
    """Standardised slopes of an outcome on satisfaction, dependence and their product.

    Attributes
    ----------
    value, low, high : slope of the product; negative: dependence stands in for satisfaction.
    satisfaction, dependence : the two slopes at the means.
    n : complete rows; below 20 everything is missing.
    """

    value: float
    low: float
    high: float
    satisfaction: float
    dependence: float
    n: int


def hostage_cells(
    data: pd.DataFrame,
    *,
    satisfaction: str,
    dependence: str,
    outcome: str,
    satisfied: float,
    dependent: float,
    min_cell: int = 0,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Split accounts or customers into four cells of satisfaction and dependence.

    Parameters
    ----------
    data : DataFrame
    satisfaction, dependence, outcome : str
        Columns; outcome is renewed (yes/no) or a loyalty score.
    satisfied, dependent : float
        Cuts: at this value or above. Where to cut is a choice; the page lets readers move it.
    min_cell : int
        For people (not accounts): a cell that counts fewer is left out, and with a single such cell the next smallest
        too, so that it cannot be had by difference.
    confidence_level : float

    Returns
    -------
    DataFrame
        ``cell satisfied dependent n share low high outcome outcome_low outcome_high``, one row a cell: its share of
        all (Wilson) and its mean outcome (Wilson for yes/no, t otherwise; missing for fewer than 2).
    """
    table = _complete(data, [satisfaction, dependence, outcome])
    happy, tied = table[satisfaction] >= satisfied, table[dependence] >= dependent
    rows = []
    for (is_happy, is_tied), name in CELLS.items():
        part = table.loc[(happy == is_happy) & (tied == is_tied), outcome].to_numpy(float)
        rows.append((name, is_happy, is_tied, len(part), *_mean(part, table[outcome], confidence_level)))
    columns = ["cell", "satisfied", "dependent", "n", "outcome", "outcome_low", "outcome_high"]
    result = pd.DataFrame(rows, columns=columns)
    low, high = wilson(result.n, len(table), confidence_level)
    result = result.assign(share=result.n / max(1, len(table)), low=low, high=high)
    small = (result.n > 0) & (result.n < min_cell)
    if small.sum() == 1 and (~small & (result.n > 0)).any():
        small[result.n[~small & (result.n > 0)].idxmin()] = True
    columns = [
        "cell",
        "satisfied",
        "dependent",
        "n",
        "share",
        "low",
        "high",
        "outcome",
        "outcome_low",
        "outcome_high",
    ]
    return result.loc[~small, columns]


def dependence_drop(
    data: pd.DataFrame,
    *,
    satisfaction: str,
    dependence: str,
    outcome: str,
    satisfied: float,
    dependent: float,
    confidence_level: float = 0.95,
) -> Difference:
    """Return renewal of the dissatisfied who are dependent minus that of the dissatisfied who are not (Newcombe)."""
    table = _complete(data, [satisfaction, dependence, outcome])
    if not np.isin(table[outcome].astype(float), (0, 1)).all():
        raise InputError(f"outcome={outcome!r} must be yes or no (renewed) for a difference of shares")
    table = table[table[satisfaction] < satisfied]
    tied = table[dependence] >= dependent
    return _difference(table.loc[tied, outcome], table.loc[~tied, outcome], confidence_level)


def release(
    data: pd.DataFrame,
    *,
    satisfaction: str,
    before: str,
    later: str,
    outcome: str,
    satisfied: float,
    dependent: float,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Compare renewal of dependent accounts that were freed with that of those still held.

    Parameters
    ----------
    data : DataFrame, one row an account
    before, later : str
        Dependence at the survey and at the renewal; freed means ``before >= dependent > later``.

    Returns
    -------
    DataFrame
        ``satisfied held n_held freed n_freed difference low high``, one row for the satisfied and one for the others:
        renewal where dependence stayed, where it fell, and held minus freed (Newcombe; missing with an empty group).
        A drop among the dissatisfied only is what hostages leave behind. Who was freed was not drawn by lot.
    """
    table = _complete(data, [satisfaction, before, later, outcome])
    table = table[table[before] >= dependent]
    rows = []
    for happy in (True, False):
        part = table[(table[satisfaction] >= satisfied) == happy]
        freed = part[later] < dependent
        held, gone = part.loc[~freed, outcome].astype(float), part.loc[freed, outcome].astype(float)
        gap = _difference(held, gone, confidence_level)
        rows.append((happy, held.mean(), len(held), gone.mean(), len(gone), gap.value, gap.low, gap.high))
    return pd.DataFrame(
        rows, columns=["satisfied", "held", "n_held", "freed", "n_freed", "difference", "low", "high"]
    )


def hostage_interaction(
    data: pd.DataFrame, *, satisfaction: str, dependence: str, outcome: str, confidence_level: float = 0.95
) -> Interaction:
    """Fit the outcome on satisfaction, dependence and their product, all standardised, with HC3 intervals.

    Notes
    -----
    A negative product says that the outcome depends less on satisfaction where leaving is hard. A survey of people
    who are still customers cannot show those who left.
    """
    if len(_complete(data, [satisfaction, dependence, outcome])) < 20:
        return Interaction(*[float("nan")] * 5, n=0)
    table = complete_cases(data, [satisfaction, dependence, outcome])
    z = (table - table.mean()) / table.std(ddof=0)
    design = np.column_stack(
        [np.ones(len(z)), z[satisfaction], z[dependence], z[satisfaction] * z[dependence]]
    )
    result = fit(z[outcome], design)
    value, low, high, _ = result.contrast([0, 0, 0, 1], confidence_level)
    return Interaction(value, low, high, float(result.coefficients[1]), float(result.coefficients[2]), len(z))


def _difference(first: pd.Series, second: pd.Series, confidence_level: float) -> Difference:
    a, b = first.astype(float), second.astype(float)
    if not len(a) or not len(b):
        return Difference(float("nan"), float("nan"), float("nan"), len(a), len(b))
    value, low, high = newcombe(a.sum(), len(a), b.sum(), len(b), confidence_level)
    return Difference(float(value), float(low), float(high), len(a), len(b))


def _mean(part: np.ndarray, everyone: pd.Series, confidence_level: float) -> tuple[float, float, float]:
    if len(part) < 2:
        return (float(part.mean()) if len(part) else np.nan), np.nan, np.nan
    if np.isin(everyone.astype(float), (0, 1)).all():
        low, high = wilson(part.sum(), len(part), confidence_level)
        return float(part.mean()), float(low), float(high)
    half = normal_quantile(confidence_level) * part.std(ddof=1) / np.sqrt(len(part))
    return float(part.mean()), float(part.mean() - half), float(part.mean() + half)


def _complete(data: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    missing = [name for name in columns if name not in data]
    if missing:
        raise InputError(
            f"data: there is no column {missing[0]!r}; the table has {', '.join(map(str, data.columns))}"
        )
    return data[columns].dropna()
