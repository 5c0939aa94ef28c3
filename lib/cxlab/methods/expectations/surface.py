"""Polynomial regression of satisfaction on perception and expectation, read as a surface (Edwards 1994, 2002)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..least_squares import Fit, complete_cases, fit

__all__ = ["SHAPES", "Surface", "congruence", "design", "response_surface", "shape_of", "surface_grid"]

# Rows: a1..a4 as sums of b0..b5.
SHAPES = {
    "a1": (0, 1, 1, 0, 0, 0),
    "a2": (0, 0, 0, 1, 1, 1),
    "a3": (0, 1, -1, 0, 0, 0),
    "a4": (0, 0, 0, 1, -1, 1),
}


class Surface(NamedTuple):
    """A fitted surface: ``terms`` (b0..b5), ``shape`` (a1..a4), both with ``estimate low high error``, and the fit."""

    terms: pd.DataFrame
    shape: pd.DataFrame
    centre: float
    r2: float
    n: int
    dropped: int
    points: pd.DataFrame
    fit: Fit


def response_surface(
    data: pd.DataFrame,
    *,
    perceived: str,
    expected: str,
    outcome: str,
    centre: float | None = None,
    covariance: str = "HC3",
    groups: str | None = None,
    confidence_level: float = 0.95,
) -> Surface:
    """Fit ``outcome = b0 + b1 P + b2 E + b3 P^2 + b4 P E + b5 E^2`` and read the surface along two lines.

    Parameters
    ----------
    data : DataFrame, one row a customer
        Complete cases; those left out are counted in ``dropped``.
    perceived, expected : str
        P and E, on one and the same scale.
    outcome : str
    centre : float, optional
        Subtracted from both P and E; their pooled mean when left out. The shape is read there.
    covariance : {"HC3", "HC2", "classical"}
    groups : str, optional
        Column of labels, such as the customer: where labels repeat, errors are cluster-robust instead.
    confidence_level : float

    Returns
    -------
    Surface
        ``shape`` has the index ``a1 a2 a3 a4``: slope (a1 = b1 + b2) and bend (a2 = b3 + b4 + b5) where perception
        meets expectation, slope (a3 = b1 - b2) and bend (a4 = b3 - b4 + b5) from "worse than expected" to "better".
        Their errors are exact for the linear sums (the delta method has nothing to add).

    Raises
    ------
    ValueError
        For missing, constant, collinear or too few data.

    Notes
    -----
    A gap score ``P - E`` is the special case b1 = -b2, b3 = b4 = b5 = 0, which can be tested instead of assumed.
    Expectations recalled afterwards are coloured by what happened; ask them beforehand.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> world = pd.DataFrame(rng.normal(size=(400, 2)), columns=["p", "e"])
    >>> world["s"] = 0.6 * world.p - 0.2 * world.e + rng.normal(size=400)
    >>> shape = response_surface(world, perceived="p", expected="e", outcome="s").shape
    >>> bool(shape.low["a3"] < 0.8 < shape.high["a3"])
    True
    """
    table, x, centre = design(data, perceived, expected, outcome, centre)
    labels = data.loc[table.index, groups] if groups is not None else None
    clustered = labels is not None and labels.duplicated().any()
    result = fit(table[outcome], x, covariance=covariance, groups=labels if clustered else None)
    terms = _table(result, {f"b{i}": np.eye(6)[i] for i in range(6)}, confidence_level, "term")
    shape = shape_of(result, confidence_level)
    points = table[[perceived, expected]].set_axis(["perceived", "expected"], axis=1)
    return Surface(terms, shape, centre, result.r2, len(table), len(data) - len(table), points, result)


def shape_of(result: Fit, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return a1..a4 of a fit on the six columns 1, P, E, P^2, PE, E^2 (see ``response_surface``)."""
    return _table(result, SHAPES, confidence_level, "shape")


def surface_grid(surface: Surface, *, points: int = 25) -> pd.DataFrame:
    """Return predictions on a grid, with gaps where no customer answered anything like it.

    Returns
    -------
    DataFrame
        ``perceived expected predicted``; ``predicted`` is a gap outside the convex hull of the answers.
    """
    from scipy.spatial import Delaunay

    seen = surface.points.drop_duplicates().to_numpy()
    axis = np.linspace(seen.min(), seen.max(), points)
    p, e = (values.ravel() for values in np.meshgrid(axis, axis))
    predicted = _terms(p - surface.centre, e - surface.centre) @ surface.fit.coefficients
    inside = Delaunay(seen, qhull_options="QJ Pp").find_simplex(np.column_stack([p, e])) >= 0
    return pd.DataFrame({"perceived": p, "expected": e, "predicted": np.where(inside, predicted, np.nan)})


def congruence(surface: Surface, *, points: int = 21, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return predicted satisfaction where perception equals expectation, and across that line.

    Returns
    -------
    DataFrame
        ``line position predicted low high``. ``met``: P = E, position is their common value, from the 5th to the 95th
        percentile of both. ``missed or exceeded``: position is P - E at the centre, over the 5th to 95th percentile
        of the gaps.
    """
    seen = surface.points
    both = np.quantile(seen.to_numpy(), [0.05, 0.95])
    gaps = np.quantile(seen.perceived - seen.expected, [0.05, 0.95])
    rows = []
    for position in np.linspace(*both, points):
        at = position - surface.centre
        rows.append(("met", position, *surface.fit.contrast(_terms(at, at)[0], confidence_level)[:3]))
    for position in np.linspace(*gaps, points):
        weights = _terms(position / 2, -position / 2)[0]
        rows.append(("missed or exceeded", position, *surface.fit.contrast(weights, confidence_level)[:3]))
    return pd.DataFrame(rows, columns=["line", "position", "predicted", "low", "high"])


def _terms(p, e) -> np.ndarray:
    p, e = np.atleast_1d(p).astype(float), np.atleast_1d(e).astype(float)
    return np.column_stack([np.ones(len(p)), p, e, p**2, p * e, e**2])


def design(
    data: pd.DataFrame, perceived: str, expected: str, outcome: str, centre: float | None
) -> tuple[pd.DataFrame, np.ndarray, float]:
    if len({perceived, expected, outcome}) < 3:
        raise ValueError(
            f"perceived, expected and outcome must be three columns, got {[perceived, expected, outcome]}"
        )
    table = complete_cases(data, [perceived, expected, outcome], minimum=12)
    if centre is None:
        centre = float(table[[perceived, expected]].to_numpy().mean())
    x = _terms(table[perceived].to_numpy() - centre, table[expected].to_numpy() - centre)
    return table, x, centre


def _table(result: Fit, weights: dict, confidence_level: float, name: str) -> pd.DataFrame:
    rows = [result.contrast(value, confidence_level) for value in weights.values()]
    return pd.DataFrame(
        rows, columns=["estimate", "low", "high", "error"], index=pd.Index(list(weights), name=name)
    )
