"""An adjusted effect, and how strong an unmeasured cause must be to explain it away (Cinelli & Hazlett 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..least_squares import complete_cases, fit, t_quantile

__all__ = [
    "Robustness",
    "adjusted_effects",
    "adjusted_estimates",
    "benchmark_bounds",
    "robustness_from_t",
    "robustness_value",
    "sensitivity_grid",
]


class Robustness(NamedTuple):
    """An adjusted slope and its robustness to an unmeasured cause.

    ``low`` and ``high`` are the HC3 interval; ``standard_error``, ``t``, ``partial_r2`` and what follows from them
    are classical, as in the paper. ``value`` is the share of the left-over variance of both treatment and outcome
    that an unseen cause must explain to bring the estimate to zero; ``value_at_level`` to make it not significant.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    t: float
    dof: int
    partial_r2: float
    value: float
    value_at_level: float
    n: int
    dropped: int


def robustness_value(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    covariates: Sequence[str] = (),
    fixed_effects: str | None = None,
    share: float = 1.0,
    confidence_level: float = 0.95,
) -> Robustness:
    """Return the slope of ``outcome`` on ``treatment`` given the covariates, with its robustness value.

    Parameters
    ----------
    data : DataFrame, one row a respondent
        Rows with a gap in a used column are left out and counted in ``dropped``.
    outcome, treatment : str
    covariates : list of str
    fixed_effects : str, optional
        A column of labels (firm, village); only differences within a label then count.
    share : float
        The part of the estimate that the unseen cause must take away; 1 is all of it (q in the paper).
    confidence_level : float

    Returns
    -------
    Robustness

    Raises
    ------
    ValueError
        For a missing or constant column, or too few rows.

    Notes
    -----
    With f = share * abs(t) / sqrt(dof), the value is ``(sqrt(f^4 + 4 f^2) - f^2) / 2``. It says nothing about
    reverse direction, and a high value does not make a cause. Cinelli & Hazlett (2020), JRSS-B 82:39.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> product = rng.normal(size=300)
    >>> survey = pd.DataFrame({"product": product, "loyalty": 0.5 * product + rng.normal(size=300)})
    >>> found = robustness_value(survey, outcome="loyalty", treatment="product")
    >>> found.low < 0.5 < found.high, 0.3 < found.value < 0.5
    (True, True)
    """
    table, x, labels = _design(data, outcome, [treatment, *covariates], fixed_effects)
    result = fit(table[outcome], x, absorbed=labels)
    at = 0 if labels is not None else 1
    estimate, low, high, _ = result.contrast(np.eye(x.shape[1])[at], confidence_level)
    error = float(np.sqrt(result.classical[at, at]))
    t = estimate / error
    value, value_at_level = robustness_from_t(t, result.dof, share=share, confidence_level=confidence_level)
    partial = t**2 / (t**2 + result.dof)
    dropped = len(data) - len(table)
    return Robustness(
        estimate, low, high, error, t, result.dof, partial, value, value_at_level, len(table), dropped
    )


def adjusted_effects(
    data: pd.DataFrame,
    *,
    outcome: str,
    sides: Sequence[str],
    covariates: Sequence[str] = (),
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the slope of each side alone, beside the other sides, and with the covariates held fixed as well.

    Returns
    -------
    DataFrame
        Columns ``side model estimate low high value value_at_level n``; ``model`` is "alone", "beside the other" or
        "rest held fixed" (left out without covariates), ``value`` and ``value_at_level`` are robustness values.
    """
    sides, rows = list(sides), []
    for side in sides:
        others = [name for name in sides if name != side]
        models = {"alone": [], "beside the other": others, "rest held fixed": [*others, *covariates]}
        for model, held in models.items():
            if model == "rest held fixed" and not len(covariates):
                continue
            found = robustness_value(
                data, outcome=outcome, treatment=side, covariates=held, confidence_level=confidence_level
            )
            numbers = (found.estimate, found.low, found.high, found.value, found.value_at_level, found.n)
            rows.append((side, model, *numbers))
    return pd.DataFrame(
        rows, columns=["side", "model", "estimate", "low", "high", "value", "value_at_level", "n"]
    )


def robustness_from_t(
    t: float, dof: int, *, share: float = 1.0, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Return the robustness value of an estimate, and of its significance, from a published t and its dof.

    Examples
    --------
    >>> [round(v, 4) for v in robustness_from_t(4.18445, 783)]
    [0.1388, 0.0763]
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share!r} must lie in 0..1: the part of the estimate to take away")
    f = share * abs(t) / np.sqrt(dof)
    critical = t_quantile(confidence_level, dof - 1) / np.sqrt(dof - 1)
    beyond = f - critical
    value = 0.5 * (np.sqrt(f**4 + 4 * f**2) - f**2)
    if beyond <= 0:
        at_level = 0.0
    elif f > 1 / critical:
        at_level = (f**2 - critical**2) / (1 + f**2)
    else:
        at_level = 0.5 * (np.sqrt(beyond**4 + 4 * beyond**2) - beyond**2)
    return float(value), float(at_level)


def benchmark_bounds(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    covariates: Sequence[str],
    benchmarks: Sequence[str] | None = None,
    multiples: Sequence[float] = (1, 2, 3),
    fixed_effects: str | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the effect that would be left if a cause as strong as a known covariate (or k times) were missing.

    Parameters
    ----------
    data, outcome, treatment, covariates, fixed_effects, confidence_level
        As in ``robustness_value``.
    benchmarks : list of str, optional
        The covariates to compare with; all when left out.
    multiples : list of numbers
        k: how many times as strong, for treatment and outcome alike.

    Returns
    -------
    DataFrame
        One row a benchmark and multiple: ``benchmark, multiple, r2_treatment, r2_outcome, estimate, low, high``.
        ``r2_treatment`` and ``r2_outcome`` are the unseen cause's partial R2 (bounds); gaps where so strong a cause
        is impossible.

    Notes
    -----
    Cinelli & Hazlett (2020), section 4.4. A fair yardstick only if what is missing resembles the benchmark.
    """
    covariates = list(covariates)
    chosen = list(benchmarks if benchmarks is not None else covariates)
    strange = [name for name in chosen if name not in covariates]
    if strange:
        raise ValueError(f"benchmarks names {strange[0]!r}, which is not among the covariates {covariates}")
    table, x, labels = _design(data, outcome, [treatment, *covariates], fixed_effects)
    at = 0 if labels is not None else 1
    full = fit(table[outcome], x, absorbed=labels)
    assigned = fit(table[treatment], np.delete(x, at, axis=1), absorbed=labels)
    base = robustness_value(
        data, outcome=outcome, treatment=treatment, covariates=covariates, fixed_effects=fixed_effects,
        confidence_level=confidence_level,
    )  # fmt: skip
    rows = []
    for name in chosen:
        place = covariates.index(name)
        r2_d, r2_y = _partial_r2(assigned, at + place), _partial_r2(full, at + 1 + place)
        for k in multiples:
            treated, answered = _scaled(r2_d, r2_y, k)
            estimate, low, high = adjusted_estimates(
                base, r2_treatment=treated, r2_outcome=answered, confidence_level=confidence_level
            )
            rows.append((name, k, treated, answered, float(estimate), float(low), float(high)))
    columns = ["benchmark", "multiple", "r2_treatment", "r2_outcome", "estimate", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def adjusted_estimates(
    found: Robustness, *, r2_treatment: ArrayLike, r2_outcome: ArrayLike, confidence_level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return estimate, low and high if an unseen cause of the given strength worked against the finding.

    Parameters
    ----------
    found : Robustness
    r2_treatment, r2_outcome : arrays in 0..1
        Share of the left-over variance of the treatment, and of the outcome, that it explains; broadcast.

    Returns
    -------
    estimate, low, high : arrays (classical intervals, as in the paper)
    """
    r2_d, r2_y = np.asarray(r2_treatment, dtype=float), np.asarray(r2_outcome, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = found.standard_error * np.sqrt(found.dof * r2_y * r2_d / (1 - r2_d))
        error = found.standard_error * np.sqrt((1 - r2_y) / (1 - r2_d) * found.dof / (found.dof - 1))
    estimate = np.sign(found.estimate) * (abs(found.estimate) - bias)
    half = t_quantile(confidence_level, found.dof - 1) * error
    return estimate, estimate - half, estimate + half


def sensitivity_grid(found: Robustness, *, largest: float = 0.4, points: int = 21) -> pd.DataFrame:
    """Return the estimate that is left for every pair of strengths up to ``largest``.

    Returns
    -------
    DataFrame
        ``r2_treatment r2_outcome estimate``.
    """
    axis = np.linspace(0, largest, points)
    r2_d, r2_y = (grid.ravel() for grid in np.meshgrid(axis, axis))
    estimate, _, _ = adjusted_estimates(found, r2_treatment=r2_d, r2_outcome=r2_y)
    return pd.DataFrame({"r2_treatment": r2_d, "r2_outcome": r2_y, "estimate": estimate})


def _scaled(r2_d: float, r2_y: float, k: float) -> tuple[float, float]:
    treated = k * r2_d / (1 - r2_d)
    if treated >= 1 or k * r2_d >= 1:
        return float("nan"), float("nan")
    shared = k * r2_d**2 / ((1 - k * r2_d) * (1 - r2_d))
    if shared >= 1:
        return float("nan"), float("nan")
    answered = ((np.sqrt(k) + np.sqrt(shared)) / np.sqrt(1 - shared)) ** 2 * r2_y / (1 - r2_y)
    return treated, min(float(answered), 1.0)


def _partial_r2(result, at: int) -> float:
    t2 = result.coefficients[at] ** 2 / result.classical[at, at]
    return float(t2 / (t2 + result.dof))


def _design(data: pd.DataFrame, outcome: str, drivers: list[str], fixed_effects: str | None):
    if outcome in drivers:
        raise ValueError(f"outcome {outcome!r} also stands among the drivers; leave it out there")
    known = data if fixed_effects is None else data[data[fixed_effects].notna()]
    table = complete_cases(known, [outcome, *drivers], minimum=len(drivers) + 3)
    x = table[drivers].to_numpy()
    if fixed_effects is None:
        return table, np.column_stack([np.ones(len(x)), x]), None
    return table, x, data.loc[table.index, fixed_effects]
