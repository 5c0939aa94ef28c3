"""The numbers behind causes: robustness values, E-values, mediation, power. DataFrames in, plain numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.survey import Survey
from cxlab.stats.intervals import absolute_interval
from cxlab.stats.regression import (
    bootstrap_moments,
    complete_cases,
    fit,
    solve_moments,
    standardised_moments,
    t_quantile,
)
from cxlab.stats.resampling import limits

EFFECTS = ["indirect", "direct", "total", "share_mediated", "rho_zero"]


class Robustness(NamedTuple):
    """An adjusted slope (HC3 interval) and how strong an unmeasured cause must be (Cinelli & Hazlett 2020).

    ``value`` is the share of the left-over variance of both treatment and outcome that an unseen cause must
    explain to bring the estimate to zero, ``value_at_level`` to make it not significant; both and
    ``partial_r2`` are classical.
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


class EValue(NamedTuple):
    """How strongly a hidden cause must be tied to both, as risk ratios.

    For the estimate, and for the near limit.
    """

    estimate: float
    limit: float


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

    ``fixed_effects`` names a column of labels within which alone differences count; ``share`` is the part of
    the estimate that the unseen cause must take away (1: all). Cinelli & Hazlett (2020), JRSS-B 82:39.
    """
    drivers = [treatment, *covariates]
    if outcome in drivers:
        raise InputError(f"outcome {outcome!r} also stands among the drivers; leave it out there")
    known = data if fixed_effects is None else data[data[fixed_effects].notna()]
    table = complete_cases(known, [outcome, *drivers], minimum=len(drivers) + 3)
    x, labels, at = table[drivers].to_numpy(), None, 0
    if fixed_effects is None:
        x, at = np.column_stack([np.ones(len(x)), x]), 1
    else:
        labels = data.loc[table.index, fixed_effects]
    result = fit(table[outcome], x, absorbed=labels)
    estimate, low, high, _ = result.contrast(np.eye(x.shape[1])[at], confidence_level)
    error = float(np.sqrt(result.classical[at, at]))
    t = estimate / error
    value, at_level = robustness_from_t(t, result.dof, share=share, confidence_level=confidence_level)
    partial = t**2 / (t**2 + result.dof)
    return Robustness(
        estimate,
        low,
        high,
        error,
        t,
        result.dof,
        partial,
        value,
        at_level,
        len(table),
        len(data) - len(table),
    )


def robustness_from_t(
    t: float, dof: int, *, share: float = 1.0, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Return the robustness value of an estimate, and of its significance, from a published t and its dof.

    >>> [round(v, 4) for v in robustness_from_t(4.18445, 783)]
    [0.1388, 0.0763]
    """
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


def benchmark(r2_treatment, r2_outcome, k: float = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the partial R2 of an unseen cause ``k`` times as strong as a known one; gaps where it cannot
    exist.

    The arguments are the known cause's partial R2 with the treatment and with the outcome. Cinelli & Hazlett,
    section 4.4.
    """
    r2_d, r2_y = np.asarray(r2_treatment, dtype=float), np.asarray(r2_outcome, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        treated = k * r2_d / (1 - r2_d)
        shared = k * r2_d**2 / ((1 - k * r2_d) * (1 - r2_d))
        answered = ((np.sqrt(k) + np.sqrt(shared)) / np.sqrt(1 - shared)) ** 2 * r2_y / (1 - r2_y)
        possible = (treated < 1) & (k * r2_d < 1) & (shared < 1)
    return np.where(possible, treated, np.nan), np.where(possible, np.minimum(answered, 1.0), np.nan)


def strength_intervals(
    table: pd.DataFrame, *, sides: Sequence[str], covariates: Sequence[str], survey: Survey
) -> pd.DataFrame:
    """Return each side's robustness value and strongest known cause with bootstrap intervals.

    Index ``side quantity``; the interval of the signed partial correlation is carried through the formulas,
    so that one that holds no effect starts at 0. The known cause is the strongest in the data; choosing anew
    would push it up.
    """
    drivers = [*sides, *covariates]
    values = table[[*drivers, "outcome"]].to_numpy()
    moments = standardised_moments(values, survey.bootstrap, survey.rng)
    with_outcome, without = _partial_correlations(moments), _partial_correlations(moments[:, :-1, :-1])
    dof, level, rows = len(table) - len(drivers) - 1, survey.confidence_level, {}
    for at, side in enumerate(sides, start=1):
        partial = with_outcome[:, at, -1]
        low, high = limits(partial[None, 1:], level)
        ends = partial[0], *absolute_interval(low[0], high[0])
        t = [np.sqrt(dof * r**2 / (1 - r**2)) for r in ends]
        both = [robustness_from_t(each, dof, confidence_level=level) for each in t]
        rows[side, "value"], rows[side, "value_at_level"] = zip(*both, strict=True)
        known = [
            1 + drivers.index(name) for name in covariates or [other for other in sides if other != side]
        ]
        bounds = np.array([benchmark(without[:, at, k] ** 2, with_outcome[:, k, -1] ** 2) for k in known])
        rows[side, "benchmark"] = (np.nan,) * 3
        if np.isfinite(bounds[..., 0]).any():
            best = np.unravel_index(np.nanargmax(bounds[..., 0]), bounds.shape[:2])
            low, high = limits(bounds[best][None, 1:], level)
            rows[side, "benchmark"] = (bounds[best][0], low[0], high[0])
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])
    found.index = pd.MultiIndex.from_tuples(rows, names=["side", "quantity"])
    return found


def _partial_correlations(moments: np.ndarray) -> np.ndarray:
    """Return the correlation of each pair given all other columns, (draws, k, k).

    The first column is the constant.
    """
    precision = np.linalg.pinv(
        moments, hermitian=True
    )  # a resample may lack every row that tells two columns apart
    scale = np.sqrt(np.diagonal(precision, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        partial = -precision / (scale[:, :, None] * scale[:, None, :])
    return np.clip(partial, -1 + 1e-12, 1 - 1e-12)


def e_value(risk_ratio: float, *, low: float | None = None, high: float | None = None) -> EValue:
    """Return the E-value of a risk ratio and of the limit of its interval that lies nearer to 1.

    RR + sqrt(RR (RR - 1)), VanderWeele & Ding (2017); a ratio below 1 is turned round. The limit's is 1 when
    the interval holds 1, and a gap when no interval is given.

    >>> [round(v, 2) for v in e_value(3.9, low=1.8)]
    [7.26, 3.0]
    """
    if not risk_ratio > 0:
        raise InputError(f"risk_ratio={risk_ratio!r} must be positive; a difference of risks is not a ratio")

    def single(ratio: float) -> float:
        ratio = ratio if ratio >= 1 else 1 / ratio
        return float(ratio + np.sqrt(ratio * (ratio - 1)))

    near = low if risk_ratio >= 1 else high
    if near is None:
        return EValue(single(risk_ratio), float("nan"))
    return EValue(single(risk_ratio), 1.0 if (near - 1) * (risk_ratio - 1) <= 0 else single(near))


def mediation(
    data: pd.DataFrame,
    *,
    treatment: str,
    mediator: str,
    outcome: str,
    covariates: Sequence[str] = (),
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return how much of an effect runs through a mediator, if the order and the absence of hidden causes
    hold.

    Index ``effect``: ``indirect`` (a * b), ``direct``, ``total``, ``share_mediated`` (unsteady near a total
    of 0) and ``rho_zero``, the correlation between the errors of mediator and outcome at which the indirect
    effect would be 0. Columns ``estimate low high n``. Two least-squares equations; Imai, Keele & Yamamoto
    (2010).
    """
    names = [treatment, *covariates, mediator, outcome]
    if len(set(names)) < len(names):
        raise InputError(
            f"treatment, mediator, outcome and covariates must be different columns, got {names}"
        )
    table = complete_cases(data, names, minimum=len(names) + 3).to_numpy()
    z = np.column_stack([np.ones(len(table)), table - table.mean(axis=0)])
    draws = _effects(bootstrap_moments(z, bootstrap, rng))
    low, high = limits(draws.T, confidence_level)
    found = pd.DataFrame({"estimate": _effects(z.T @ z / len(z)), "low": low, "high": high, "n": len(z)})
    return found.set_axis(pd.Index(EFFECTS, name="effect"))


def _effects(moments: np.ndarray) -> np.ndarray:
    k = moments.shape[-1]
    m, y, drivers = k - 2, k - 1, list(range(k - 2))
    to_mediator, variance_m = solve_moments(moments, drivers, m)
    _, variance_y = solve_moments(moments, drivers, y)
    left = moments[..., m, y] - (to_mediator * moments[..., drivers, y]).sum(axis=-1)
    joint, _ = solve_moments(moments, list(range(k - 1)), y)
    indirect, direct = to_mediator[..., 1] * joint[..., -1], joint[..., 1]
    total = indirect + direct
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = indirect, direct, total, indirect / total, left / np.sqrt(variance_m * variance_y)
    return np.stack(parts, axis=-1)


def power_two_groups(n, *, effect, cluster_size=1.0, intraclass=0.0, before_after=0.0) -> np.ndarray:
    """Return the chance that a two-sided 5 % t test of two groups of ``n`` finds ``effect`` (in standard
    deviations).

    Clusters multiply the variance by ``1 + (cluster_size - 1) * intraclass`` (Kish 1965), a measurement
    before leaves ``1 - before_after ** 2`` of it.
    """
    from statsmodels.stats.power import TTestIndPower

    inflation = (1 - before_after**2) * (1 + (cluster_size - 1) * intraclass)
    n = np.atleast_1d(np.asarray(n, float)) / inflation
    power = TTestIndPower()
    return np.array([power.power(effect, max(size, 2.0), 0.05) for size in n])


def size_two_groups(*, effect: float, power: float = 0.8, **design: float) -> int:
    """Return the smallest number of people a group that reaches ``power``, in whole clusters.

    >>> size_two_groups(effect=0.5)
    64
    """
    step = int(design.get("cluster_size", 1))
    low, high = 1, 2
    while power_two_groups(high * step, effect=effect, **design)[0] < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle)
            if power_two_groups(middle * step, effect=effect, **design)[0] >= power
            else (middle, high)
        )
    return high * step
