"""Case mix: what would each outlet's customers have said at an average outlet?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from ._checks import require

__all__ = ["CaseMix", "case_mix"]


class CaseMix(NamedTuple):
    """What was expected of each outlet.

    Attributes
    ----------
    table : DataFrame
        ``outlet n observed expected satisfied``; for rates ``satisfied`` is the adjusted count (observed minus
        expected plus n times the overall rate, kept within 0..n), ready for ``shrink_rates`` and ``funnel_limits``.
    dispersion : float
        Pearson chi-square over residual degrees of freedom of the rows given: 1 where chance alone is at work.
    coefficients : Series
        Log odds (rates) or log ratios (counts) of each level against the first.
    """

    table: pd.DataFrame
    dispersion: float
    coefficients: pd.Series


def case_mix(
    data: pd.DataFrame,
    *,
    factors: Sequence[str],
    outlet: str = "outlet",
    observed: str = "satisfied",
    n: str | None = "n",
) -> CaseMix:
    """Fit what each row should give from its ``factors`` alone, and sum it up by outlet.

    Parameters
    ----------
    data : DataFrame
        Visits, or cells of visits (outlet x role x hour ...): much smaller and as exact.
    factors : list of str
        Columns known before the visit: role, hour, age. Text columns are categories (first level in sorted order is
        the reference), others numeric.
    observed : str
        Column of the count: satisfied visits, or any count such as days.
    n : str or None
        Column of the visits behind it: logistic regression. None: ``observed`` is a count, Poisson regression.

    Returns
    -------
    CaseMix

    Notes
    -----
    Maximum likelihood by iteratively reweighted least squares (the same numbers as R's ``glm``). Indirect
    standardisation: it compares each outlet with the average outlet given the same customers, not outlets with each
    other. Never adjust for what the outlet itself causes (waiting time, say).

    Examples
    --------
    >>> cells = pd.DataFrame({"outlet": list("AABB"), "role": ["guest", "resident"] * 2,
    ...                       "n": [90, 10, 10, 90], "satisfied": [81, 6, 9, 54]})
    >>> case_mix(cells, factors=["role"]).table.expected.round(1).tolist()
    [87.0, 63.0]
    """
    require(data, [outlet, observed, *factors, *([n] if n else [])])
    if not len(data):
        raise InputError("data has no rows: nothing to judge")
    names, design = _design(data, list(factors))
    y = data[observed].to_numpy(float)
    size = data[n].to_numpy(float) if n else np.ones(len(data))
    if (y < 0).any() or (n and ((y > size) | (size <= 0)).any()):
        raise InputError(
            f"{observed} must lie between 0 and {n or 'infinity'} in every row, and {n or 'it'} above 0"
        )
    beta, mean = _fit(design, y, size, binomial=bool(n))
    variance = mean * (1 - mean / size) if n else mean
    free = len(y) - np.linalg.matrix_rank(design)
    dispersion = (
        float(((y - mean) ** 2 / np.maximum(variance, 1e-12)).sum() / free) if free > 0 else float("nan")
    )
    sums = (
        pd.DataFrame({"outlet": data[outlet].to_numpy(), "n": size, "observed": y, "expected": mean})
        .groupby("outlet", sort=True, observed=True)
        .sum()
        .reset_index()
    )
    if n:
        overall = y.sum() / size.sum()
        sums["satisfied"] = (sums["observed"] - sums["expected"] + sums["n"] * overall).clip(0, sums["n"])
    return CaseMix(sums, dispersion, pd.Series(beta, index=names, name="coefficient"))


def _design(data: pd.DataFrame, factors: list[str]) -> tuple[list[str], np.ndarray]:
    names, columns = ["intercept"], [np.ones(len(data))]
    for factor in factors:
        column = data[factor]
        if column.isna().any():
            raise InputError(f"factor {factor!r} has missing values: drop those rows or name them 'unknown'")
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            names.append(factor)
            columns.append(column.to_numpy(float))
            continue
        for level in sorted(column.unique(), key=str)[1:]:
            names.append(f"{factor}={level}")
            columns.append((column == level).to_numpy(float))
    return names, np.column_stack(columns)


def _fit(
    design: np.ndarray, y: np.ndarray, size: np.ndarray, *, binomial: bool
) -> tuple[np.ndarray, np.ndarray]:
    mean = size * (y + 0.5) / (size + 1) if binomial else y + 0.1
    eta = np.log(mean / (size - mean)) if binomial else np.log(mean)
    beta = np.zeros(design.shape[1])
    for _ in range(100):
        weight = np.maximum(mean * (1 - mean / size) if binomial else mean, 1e-10)
        working = eta + (y - mean) / weight
        root = np.sqrt(weight)
        update = np.linalg.lstsq(design * root[:, None], working * root, rcond=None)[0]
        eta = np.clip(design @ update, -30, 30)
        mean = size / (1 + np.exp(-eta)) if binomial else np.exp(eta)
        done = np.abs(update - beta).max() < 1e-10
        beta = update
        if done:
            break
    return beta, mean
