"""An adjusted effect, and how strong an unmeasured cause must be to explain it away (Cinelli & Hazlett 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..intervals import absolute_interval, percentile_interval
from ..least_squares import complete_cases, fit, standardised_moments, t_quantile

__all__ = [
    "Robustness",
    "adjusted_effects",
    "adjusted_estimates",
    "benchmark_bounds",
    "robustness_from_t",
    "robustness_value",
    "sensitivity_grid",
    "strength_intervals",
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
            rows.append((name, k, *map(float, (treated, answered, estimate, low, high))))
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


def strength_intervals(
    data: pd.DataFrame,
    *,
    outcome: str,
    sides: Sequence[str],
    covariates: Sequence[str] = (),
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return each side's robustness value and strongest benchmark with intervals: would another sample agree?

    Parameters
    ----------
    data, outcome, confidence_level
        As in ``robustness_value``.
    sides, covariates : lists of str
        Each side is taken beside the other sides with the covariates held fixed, as in the last row of
        ``adjusted_effects``. The covariates are the benchmarks; without any, the other sides are.
    bootstrap, rng
        Resamples of the rows; the same for all sides.

    Returns
    -------
    DataFrame
        Index ``side, quantity``: ``value`` and ``value_at_level`` as in ``robustness_value``, and ``benchmark``, the
        larger strength (with treatment or with outcome) of the strongest benchmark at multiple 1. Columns
        ``estimate low high n``; gaps for a benchmark when only impossibly strong ones are there.

    Notes
    -----
    The percentile interval of the signed partial correlation is carried through the formulas, which grow with its
    size, so that an interval that holds no effect starts at 0. The benchmark is the one that is strongest in the
    data, resampled; choosing anew in each resample would push it up.
    """
    drivers = [*sides, *covariates]
    table, x, _ = _design(data, outcome, drivers, None)
    moments = standardised_moments(table[[*drivers, outcome]].to_numpy(), bootstrap, rng)
    with_outcome, without = _partial_correlations(moments), _partial_correlations(moments[:, :-1, :-1])
    dof, rows = len(table) - x.shape[1], {}
    for at, side in enumerate(sides, start=1):
        partial = with_outcome[:, at, -1]
        ends = partial[0], *absolute_interval(*percentile_interval(partial[1:], confidence_level))
        t = [np.sqrt(dof * r**2 / (1 - r**2)) for r in ends]
        values = [robustness_from_t(each, dof, confidence_level=confidence_level) for each in t]
        rows[side, "value"], rows[side, "value_at_level"] = zip(*values, strict=True)
        known = [
            1 + drivers.index(name) for name in covariates or [other for other in sides if other != side]
        ]
        bounds = np.array([_scaled(without[:, at, k] ** 2, with_outcome[:, k, -1] ** 2, 1) for k in known])
        rows[side, "benchmark"] = (np.nan,) * 3
        if len(known) and np.isfinite(bounds[..., 0]).any():
            strongest = np.unravel_index(np.nanargmax(bounds[..., 0]), bounds.shape[:2])
            rows[side, "benchmark"] = (
                bounds[strongest][0],
                *percentile_interval(bounds[strongest][1:], confidence_level),
            )
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])
    found.index = pd.MultiIndex.from_tuples(rows, names=["side", "quantity"])
    return found.assign(n=len(table))


def _scaled(r2_d: ArrayLike, r2_y: ArrayLike, k: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on the partial R2 of a cause k times as strong; gaps where it cannot exist."""
    r2_d, r2_y = np.asarray(r2_d, dtype=float), np.asarray(r2_y, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        treated = k * r2_d / (1 - r2_d)
        shared = k * r2_d**2 / ((1 - k * r2_d) * (1 - r2_d))
        answered = ((np.sqrt(k) + np.sqrt(shared)) / np.sqrt(1 - shared)) ** 2 * r2_y / (1 - r2_y)
        possible = (treated < 1) & (k * r2_d < 1) & (shared < 1)
    return np.where(possible, treated, np.nan), np.where(possible, np.minimum(answered, 1.0), np.nan)


def _partial_correlations(moments: np.ndarray) -> np.ndarray:
    """Correlation of each pair given all other columns, (draws, k, k); the first column is the constant."""
    # hermitian pinv: a resample may lack every row that tells two columns apart
    precision = np.linalg.pinv(moments, hermitian=True)
    scale = np.sqrt(np.diagonal(precision, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        partial = -precision / (scale[:, :, None] * scale[:, None, :])
    return np.clip(partial, -1 + 1e-12, 1 - 1e-12)


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
