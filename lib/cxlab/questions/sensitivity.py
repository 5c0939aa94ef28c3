"""The numbers behind causes: robustness values, E-values, mediation, power. A table in, plain numbers out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.stats.intervals import absolute_interval
from cxlab.stats.regression import complete_cases, fit, t_quantile
from cxlab.stats.resampling import Covariances, correlations, limits

EFFECTS = ["indirect", "direct", "total", "rho_zero"]


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


class EValue(NamedTuple):
    """How strongly a hidden cause must be tied to both, as risk ratios: the estimate's, the near limit's."""

    estimate: float
    limit: float


def robustness_value(
    data: pd.DataFrame, *, outcome: str, treatment: str, covariates: Sequence[str] = (),
    fixed_effects: str | None = None, confidence_level: float = 0.95,
    weights: str | None = None, clusters: str | None = None,
) -> Robustness:  # fmt: skip
    """Return the slope of ``outcome`` on ``treatment`` given the covariates, with its robustness value.

    ``fixed_effects`` names a column of labels within which alone differences count, ``clusters`` one of who
    gave several rows. Cinelli & Hazlett (2020), JRSS-B 82:39.
    """
    table, x, labels = _design(data, outcome, [treatment, *covariates], fixed_effects)
    at = 0 if labels is not None else 1
    root = np.ones(len(x)) if weights is None else np.sqrt(data.loc[table.index, weights].to_numpy(float))
    groups = None if clusters is None else data.loc[table.index, clusters].to_numpy()
    result = fit(table[outcome] * root, x * root[:, None], absorbed=labels, groups=groups)
    estimate, low, high, _ = result.contrast(np.eye(x.shape[1])[at], confidence_level)
    error, dof = float(np.sqrt(result.classical[at, at])), len(x) - x.shape[1]
    dof -= 0 if labels is None else labels.nunique()
    t = estimate / error
    both = robustness_from_t(t, dof, confidence_level=confidence_level)
    return Robustness(estimate, low, high, error, t, dof, t**2 / (t**2 + dof), *both, len(table))


def robustness_from_t(t: float, dof: int, *, confidence_level: float = 0.95) -> tuple[float, float]:
    """Return the robustness value of an estimate, and of its significance, from a published t and its dof.

    >>> [round(v, 4) for v in robustness_from_t(4.18445, 783)]
    [0.1388, 0.0763]
    """
    f = abs(t) / np.sqrt(dof)
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
    data: pd.DataFrame, *, outcome: str, treatment: str, covariates: Sequence[str],
    multiples: Sequence[float] = (1, 2, 3), fixed_effects: str | None = None, confidence_level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Return the effect that would be left if a cause as strong as each covariate (or k times) were missing.

    Columns ``benchmark multiple r2_treatment r2_outcome estimate low high``, classical intervals; gaps where
    so strong a cause is impossible. Cinelli & Hazlett (2020), section 4.4. A fair yardstick only if what is
    missing resembles the covariate.
    """
    drivers = [treatment, *covariates]
    table, x, labels = _design(data, outcome, drivers, fixed_effects)
    at = 0 if labels is not None else 1
    full = fit(table[outcome], x, absorbed=labels)
    assigned = fit(table[treatment], np.delete(x, at, axis=1), absorbed=labels)
    known = {"outcome": outcome, "treatment": treatment, "covariates": covariates}
    found, rows = robustness_value(data, **known, fixed_effects=fixed_effects), []
    for i, name in enumerate(covariates):
        r2_d, r2_y = _partial_r2(assigned, at + i), _partial_r2(full, at + 1 + i)
        for k in multiples:
            strength = benchmark(r2_d, r2_y, k)
            rows.append((name, k, *map(float, strength), *hidden(found, *strength, confidence_level)))
    columns = ["benchmark", "multiple", "r2_treatment", "r2_outcome", "estimate", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def hidden(
    found: Robustness, r2_treatment: float, r2_outcome: float, level: float = 0.95
) -> tuple[float, ...]:
    """Return estimate, low and high if an unseen cause of these partial R2 worked against the finding."""
    left = 1 - r2_treatment
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = found.standard_error * np.sqrt(found.dof * r2_outcome * r2_treatment / left)
        error = found.standard_error * np.sqrt((1 - r2_outcome) / left * found.dof / (found.dof - 1))
    estimate = float(np.sign(found.estimate) * (abs(found.estimate) - bias))
    half = float(t_quantile(level, found.dof - 1) * error)
    return estimate, estimate - half, estimate + half


def benchmark(r2_treatment, r2_outcome, k: float = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the partial R2 of an unseen cause ``k`` times a known one's; gaps where it cannot be."""
    r2_d, r2_y = np.asarray(r2_treatment, dtype=float), np.asarray(r2_outcome, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        treated = k * r2_d / (1 - r2_d)
        shared = k * r2_d**2 / ((1 - k * r2_d) * (1 - r2_d))
        answered = ((np.sqrt(k) + np.sqrt(shared)) / np.sqrt(1 - shared)) ** 2 * r2_y / (1 - r2_y)
        possible = (treated < 1) & (k * r2_d < 1) & (shared < 1)
    return np.where(possible, treated, np.nan), np.where(possible, np.minimum(answered, 1.0), np.nan)


def strength_intervals(
    covariances: Covariances, *, sides: Sequence[str], covariates: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Return each side's robustness value and strongest known cause with bootstrap intervals.

    The columns of ``covariances`` are sides, covariates, outcome. Index ``side quantity``; the interval of
    the signed partial correlation is carried through the formulas, so that one that holds no effect starts at
    0. The known cause is the strongest in the data; choosing anew in each resample would push it up.
    """
    drivers, rows = [*sides, *covariates], {}
    r = correlations(covariances.matrices)
    with_outcome, without = _partial_correlations(r), _partial_correlations(r[:, :-1, :-1])
    dof = covariances.n - len(drivers) - 1
    for at, side in enumerate(sides):
        partial = with_outcome[:, at, -1]
        ends = partial[0], *absolute_interval(*limits(partial[1:], level))
        t = [np.sqrt(dof * r**2 / (1 - r**2)) for r in ends]
        both = [robustness_from_t(each, dof, confidence_level=level) for each in t]
        rows[side, "value"], rows[side, "value_at_level"] = zip(*both, strict=True)
        known = [drivers.index(name) for name in covariates or [other for other in sides if other != side]]
        bounds = np.array([benchmark(without[:, at, k] ** 2, with_outcome[:, k, -1] ** 2) for k in known])
        rows[side, "benchmark"] = (np.nan,) * 3
        if np.isfinite(bounds[..., 0]).any():
            best = np.unravel_index(np.nanargmax(bounds[..., 0]), bounds.shape[:2])
            rows[side, "benchmark"] = (bounds[best][0], *limits(bounds[best][1:], level))
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])
    return found.set_axis(pd.MultiIndex.from_tuples(rows, names=["side", "quantity"]))


def e_value(risk_ratio: float, *, low: float | None = None, high: float | None = None) -> EValue:
    """Return the E-value of a risk ratio and of the limit of its interval that lies nearer to 1.

    RR + sqrt(RR (RR - 1)), VanderWeele & Ding (2017); a ratio below 1 is turned round. The limit's is 1 when
    the interval holds 1, and a gap when no interval is given.

    >>> [round(v, 2) for v in e_value(3.9, low=1.8)]
    [7.26, 3.0]
    """
    if not risk_ratio > 0:
        raise InputError(f"risk_ratio={risk_ratio!r} must be positive; a difference of risks is not a ratio")
    if (low is not None and low > risk_ratio) or (high is not None and high < risk_ratio):
        raise InputError(f"the interval {low!r} to {high!r} must hold the risk ratio {risk_ratio!r}")

    def single(ratio: float) -> float:
        ratio = ratio if ratio >= 1 else 1 / ratio
        return float(ratio + np.sqrt(ratio * (ratio - 1)))

    near = low if risk_ratio >= 1 else high
    if near is None:
        return EValue(single(risk_ratio), float("nan"))
    return EValue(single(risk_ratio), 1.0 if (near - 1) * (risk_ratio - 1) <= 0 else single(near))


def mediation(
    data: pd.DataFrame, *, treatment: str, mediator: str, outcome: str, covariates: Sequence[str] = (),
    bootstrap: int = 1000, confidence_level: float = 0.95, rng=None, rho: float = 0.0,
    weights: str | None = None, clusters: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return how much of an effect runs through a mediator, if the order is right and no cause is hidden.

    Index ``effect``: ``indirect``, ``direct``, ``total`` and ``rho_zero``, the correlation between the errors
    of mediator and outcome at which the indirect effect would be 0. Columns ``estimate low high n``. ``rho``
    is an assumed correlation of these errors (0: no hidden cause). Two least-squares equations; Imai, Keele &
    Yamamoto (2010), theorem 4.
    """
    names = [treatment, *covariates, mediator, outcome]
    if len(set(names)) < len(names):
        raise InputError(f"treatment, mediator, outcome and covariates must be different columns: {names}")
    if not -1 < rho < 1:
        raise InputError(f"rho={rho!r} is a correlation of errors and lies between -1 and 1")
    table = complete_cases(data, names, minimum=len(names) + 3)
    given = {key: None if column is None else data.loc[table.index, column].to_numpy()
             for key, column in (("weights", weights), ("clusters", clusters))}  # fmt: skip
    found = Covariances(table.to_numpy(), draws=bootstrap, rng=rng, **given)
    effects = _effects(found.matrices, rho)
    low, high = limits(effects[:, 1:], confidence_level)
    made = pd.DataFrame({"estimate": effects[:, 0], "low": low, "high": high, "n": len(table)})
    return made.set_axis(pd.Index(EFFECTS, name="effect"))


def _effects(matrices: np.ndarray, rho: float) -> np.ndarray:
    k = matrices.shape[-1] - 2
    inner, outer = matrices[:, :k, :k], matrices[:, :k, k:]
    both = np.linalg.solve(inner, outer)
    left = matrices[:, k:, k:] - outer.transpose(0, 2, 1) @ both
    variance_m, variance_y, covariance = left[:, 0, 0], left[:, 1, 1], left[:, 0, 1]
    r = covariance / np.sqrt(variance_m * variance_y)
    indirect = both[:, 0, 0] * covariance / variance_m
    total = both[:, 0, 1]
    moved = r - rho * np.sqrt((1 - r**2) / (1 - rho**2))
    hidden_too = both[:, 0, 0] * np.sqrt(variance_y / variance_m) * moved
    return np.array([hidden_too, total - indirect, total, r])


def power_two_groups(n, *, effect, cluster_size=1.0, intraclass=0.0, before_after=0.0) -> np.ndarray:
    """Return the chance that a two-sided 5 % t test of two groups of ``n`` finds ``effect`` (in SD).

    Clusters multiply the variance by ``1 + (cluster_size - 1) * intraclass`` (Kish 1965) and count as the
    cases; a measurement before leaves ``1 - before_after ** 2`` of it.
    """
    from statsmodels.stats.power import TTestIndPower

    n = np.atleast_1d(np.asarray(n, float))
    inflation = (1 - before_after**2) * (1 + (cluster_size - 1) * intraclass)
    dof = np.maximum(2 * n / cluster_size - 2, 1.0)
    power = TTestIndPower().power(abs(effect), n / inflation, 0.05, df=dof)
    return np.nan_to_num(power, nan=1.0)  # far out in the tail the test is sure to find the effect


def size_two_groups(*, effect: float, power: float = 0.8, **design: float) -> int:
    """Return the smallest number of people a group that reaches ``power``, in whole clusters.

    >>> size_two_groups(effect=0.5)
    64
    """
    if effect == 0 or not 0 < power < 1:
        raise InputError(f"effect={effect!r} must not be 0, and power={power!r} must lie between 0 and 1")
    step, low, high = int(design.get("cluster_size", 1)), 1, 2
    while power_two_groups(high * step, effect=effect, **design)[0] < power:
        low, high = high, high * 2
    sizes = np.arange(low, high + 1) * step
    return int(sizes[np.argmax(power_two_groups(sizes, effect=effect, **design) >= power)])


def _design(data: pd.DataFrame, outcome: str, drivers: list[str], fixed_effects: str | None):
    if outcome in drivers:
        raise InputError(f"outcome {outcome!r} also stands among the drivers; leave it out there")
    known = data if fixed_effects is None else data[data[fixed_effects].notna()]
    table = complete_cases(known, [outcome, *drivers], minimum=len(drivers) + 3)
    x = table[drivers].to_numpy()
    if fixed_effects is None:
        return table, np.column_stack([np.ones(len(x)), x]), None
    return table, x, data.loc[table.index, fixed_effects]


def _partial_r2(result, at: int) -> float:
    t2 = result.coefficients[at] ** 2 / result.classical[at, at]
    return float(t2 / (t2 + result.dof))


def _partial_correlations(r: np.ndarray) -> np.ndarray:
    """Return the correlation of each pair given all other columns, (draws, k, k)."""
    # a resample may lack every row that tells two columns apart
    precision = np.linalg.pinv(r, hermitian=True)
    scale = np.sqrt(np.diagonal(precision, axis1=1, axis2=2))
    with np.errstate(invalid="ignore", divide="ignore"):
        partial = -precision / (scale[:, :, None] * scale[:, None, :])
    return np.clip(partial, -1 + 1e-12, 1 - 1e-12)
