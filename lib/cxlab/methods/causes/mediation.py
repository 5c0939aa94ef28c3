"""Indirect and direct effects, in either order, and what a hidden common cause does to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..intervals import generator, percentile_interval
from ..least_squares import bootstrap_moments, complete_cases, solve_moments

__all__ = ["both_orders", "indirect_paths", "mediation", "rho_curve"]

_EFFECTS = ["indirect", "direct", "total", "share_mediated", "rho_zero"]


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
    """Return how much of an effect runs through a mediator, if the order and the absence of hidden causes hold.

    Parameters
    ----------
    data : DataFrame, one row a respondent
        Complete cases are used.
    treatment, mediator, outcome : str
    covariates : list of str
        Adjusted for in both equations.
    bootstrap, confidence_level, rng
        Percentile bootstrap over rows.

    Returns
    -------
    DataFrame
        Index ``effect``: ``indirect`` (a * b), ``direct``, ``total`` (their sum), ``share_mediated`` (indirect /
        total; unsteady when the total is near 0) and ``rho_zero``, the correlation between the errors of mediator
        and outcome at which the indirect effect would be 0. Columns ``estimate low high n``.

    Raises
    ------
    ValueError
        For missing, constant or too few data.

    Notes
    -----
    Two least-squares equations (Baron & Kenny 1986 as history; Imai, Keele & Yamamoto 2010 for what it assumes: no
    unmeasured cause of mediator and outcome). The order is not identified in one survey: see ``both_orders``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> t = rng.normal(size=500)
    >>> m = 0.6 * t + rng.normal(size=500)
    >>> survey = pd.DataFrame({"t": t, "m": m, "y": 0.5 * m + 0.2 * t + rng.normal(size=500)})
    >>> found = mediation(survey, treatment="t", mediator="m", outcome="y", bootstrap=200, rng=1)
    >>> bool(found.low["indirect"] < 0.3 < found.high["indirect"])
    True
    """
    z = _columns(data, treatment, mediator, outcome, covariates)
    point = _effects(z.T @ z / len(z))
    draws = _effects(bootstrap_moments(z, bootstrap, rng))
    low, high = percentile_interval(draws, confidence_level)
    table = pd.DataFrame({"estimate": point, "low": low, "high": high, "n": len(z)})
    table.index = pd.Index(_EFFECTS, name="effect")
    return table


def both_orders(
    data: pd.DataFrame,
    *,
    first: str,
    second: str,
    outcome: str,
    covariates: Sequence[str] = (),
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the mediation table twice: ``first`` acting through ``second``, and the other way round.

    Both fit one survey exactly alike. The same resamples serve both orders.

    Returns
    -------
    DataFrame
        Columns ``order effect estimate low high n``; ``order`` reads "first through second".
    """
    parts = []
    seed = rng if isinstance(rng, int) else int(generator(rng).integers(2**63))
    for treatment, mediator in ((first, second), (second, first)):
        part = mediation(
            data, treatment=treatment, mediator=mediator, outcome=outcome, covariates=covariates,
            bootstrap=bootstrap, confidence_level=confidence_level, rng=seed,
        ).reset_index()  # fmt: skip
        part.insert(0, "order", f"{treatment} through {mediator}")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def indirect_paths(
    data: pd.DataFrame,
    *,
    sides: Sequence[str],
    mediators: Sequence[str],
    outcome: str,
    covariates: Sequence[str] = (),
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return indirect effect and ``rho_zero`` of each side through each mediator, the other sides held fixed.

    A side may be a mediator too; it is then not held fixed on that path. The same resamples serve all paths.

    Returns
    -------
    DataFrame
        Columns ``side mediator effect estimate low high n``; ``effect`` is "indirect" or "rho_zero".
    """
    seed = rng if isinstance(rng, int) else int(generator(rng).integers(2**63))
    parts = []
    for side in sides:
        for mediator in mediators:
            if mediator == side:
                continue
            held = [name for name in [*sides, *covariates] if name not in (side, mediator)]
            found = mediation(
                data, treatment=side, mediator=mediator, outcome=outcome, covariates=held,
                bootstrap=bootstrap, confidence_level=confidence_level, rng=seed,
            )  # fmt: skip
            part = found.loc[["indirect", "rho_zero"]].reset_index()
            parts.append(part.assign(side=side, mediator=mediator))
    columns = ["side", "mediator", "effect", "estimate", "low", "high", "n"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def rho_curve(
    data: pd.DataFrame,
    *,
    treatment: str,
    mediator: str,
    outcome: str,
    covariates: Sequence[str] = (),
    rho: Sequence[float] | None = None,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the indirect effect for each assumed correlation between the errors of mediator and outcome.

    Parameters
    ----------
    data, treatment, mediator, outcome, covariates, bootstrap, confidence_level, rng
        As in ``mediation``.
    rho : list of numbers between -1 and 1, optional
        -0.9 to 0.9 in steps of 0.05 when left out. A hidden cause that moves mediator and outcome the same way
        makes rho positive; 0 is the usual assumption.

    Returns
    -------
    DataFrame
        ``rho indirect low high``.

    Notes
    -----
    Imai, Keele & Yamamoto (2010), theorem 4, with the residuals of the two equations without the mediator:
    ``a * s_y / s_m * (r - rho * sqrt((1 - r^2) / (1 - rho^2)))``, r the correlation of those residuals.
    """
    grid = np.round(np.arange(-0.9, 0.901, 0.05), 2) if rho is None else np.asarray(rho, dtype=float)
    if np.any(np.abs(grid) >= 1):
        raise ValueError("rho holds a value outside -1..1; a correlation of errors lies strictly between")
    z = _columns(data, treatment, mediator, outcome, covariates)
    draws = _along(bootstrap_moments(z, bootstrap, rng), grid)
    low, high = percentile_interval(draws, confidence_level)
    return pd.DataFrame({"rho": grid, "indirect": _along(z.T @ z / len(z), grid), "low": low, "high": high})


def _columns(
    data: pd.DataFrame, treatment: str, mediator: str, outcome: str, covariates: Sequence[str]
) -> np.ndarray:
    names = [treatment, *covariates, mediator, outcome]
    if len(set(names)) < len(names):
        raise ValueError(
            f"treatment, mediator, outcome and covariates must be different columns, got {names}"
        )
    table = complete_cases(data, names, minimum=len(names) + 3)
    centred = table.to_numpy() - table.to_numpy().mean(axis=0)
    return np.column_stack([np.ones(len(table)), centred])


def _residual(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slope of the mediator on the treatment, the spreads of both errors, and their correlation."""
    k = moments.shape[-1]
    m, y = k - 2, k - 1
    drivers = list(range(k - 2))
    to_mediator, variance_m = solve_moments(moments, drivers, m)
    to_outcome, variance_y = solve_moments(moments, drivers, y)
    covariance = moments[..., m, y] - (to_mediator * moments[..., drivers, y]).sum(axis=-1)
    return to_mediator[..., 1], variance_m, variance_y, covariance / np.sqrt(variance_m * variance_y)


def _effects(moments: np.ndarray) -> np.ndarray:
    k = moments.shape[-1]
    a, _, _, correlation = _residual(moments)
    joint, _ = solve_moments(moments, list(range(k - 1)), k - 1)
    indirect, direct = a * joint[..., -1], joint[..., 1]
    total = indirect + direct
    with np.errstate(divide="ignore", invalid="ignore"):
        share = indirect / total
    return np.stack([indirect, direct, total, share, correlation], axis=-1)


def _along(moments: np.ndarray, grid: np.ndarray) -> np.ndarray:
    a, variance_m, variance_y, r = (value[..., None] for value in _residual(moments))
    return a * np.sqrt(variance_y / variance_m) * (r - grid * np.sqrt((1 - r**2) / (1 - grid**2)))
