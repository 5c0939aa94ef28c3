"""Polynomial regression of satisfaction on perception and expectation, read as a surface (Edwards 1994, 2002)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..composites import composites
from ..intervals import percentile_interval
from ..least_squares import Fit, bootstrap_moments, complete_cases, fit, leave_one_out_r2, solve_moments

__all__ = [
    "Surface",
    "compare_gap_models",
    "congruence",
    "gap_findings",
    "gap_table",
    "response_surface",
    "surface_grid",
]

# Rows: a1..a4 as sums of b0..b5.
_SHAPES = {
    "a1": (0, 1, 1, 0, 0, 0),
    "a2": (0, 0, 0, 1, 1, 1),
    "a3": (0, 1, -1, 0, 0, 0),
    "a4": (0, 0, 0, 1, -1, 1),
}
_MODELS = {
    "gap alone": None,
    "perceived alone": (0, 1),
    "both, straight": (0, 1, 2),
    "full surface": (0, 1, 2, 3, 4, 5),
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
    table, x, centre = _design(data, perceived, expected, outcome, centre)
    labels = data.loc[table.index, groups] if groups is not None else None
    clustered = labels is not None and labels.duplicated().any()
    result = fit(table[outcome], x, covariance=covariance, groups=labels if clustered else None)
    terms = _table(result, {f"b{i}": np.eye(6)[i] for i in range(6)}, confidence_level, "term")
    shape = shape_of(result, confidence_level)
    points = table[[perceived, expected]].set_axis(["perceived", "expected"], axis=1)
    return Surface(terms, shape, centre, result.r2, len(table), len(data) - len(table), points, result)


def shape_of(result: Fit, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return a1..a4 of a fit on the six columns 1, P, E, P^2, PE, E^2 (see ``response_surface``)."""
    return _table(result, _SHAPES, confidence_level, "shape")


def gap_findings(surface: Surface, *, middle: float | None, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return what the surface says about met and missed expectations, in the terms of the claims.

    Parameters
    ----------
    surface : Surface
    middle : float or None
        The middle of the outcome's scale; without it the lowest level is left out.
    confidence_level : float

    Returns
    -------
    DataFrame
        Index ``incongruence-slope`` (change of the outcome as expectation outgrows reality: -a3),
        ``congruence-slope`` (a1) and ``congruence-lowest`` (lowest prediction where reality equals expectation, over
        the 5th to 95th percentile of the answers, less ``middle``); ``estimate low high unit``.
    """
    a1, a3 = (np.asarray(_SHAPES[name], dtype=float) for name in ("a1", "a3"))
    rows = {
        "incongruence-slope": (*surface.fit.contrast(-a3, confidence_level)[:3], "scale points per point"),
        "congruence-slope": (*surface.fit.contrast(a1, confidence_level)[:3], "scale points per point"),
    }
    if middle is not None:
        met = congruence(surface, confidence_level=confidence_level).query("line == 'met'")
        lowest = met.loc[met.predicted.idxmin(), ["predicted", "low", "high"]] - middle
        rows["congruence-lowest"] = (*lowest, "scale points")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high", "unit"])


def gap_table(survey: pd.DataFrame, fallback: pd.DataFrame) -> pd.DataFrame:
    """Return perceived, expected and satisfaction from a survey that asked for expectations, else from ``fallback``.

    Perceived is the mean of all product and experience items, expected that of the block ``expectation``;
    satisfaction is the outcome of that name, or the survey's default outcome.

    Returns
    -------
    DataFrame
        ``perceived expected satisfaction``, complete cases; ``attrs`` hold ``name`` and ``simulated`` of the source.
    """
    blocks = survey.attrs.get("blocks", {})
    columns = ["perceived", "expected", "satisfaction"]
    if {"product", "experience", "expectation"} <= set(blocks):
        outcome = "satisfaction" if "satisfaction" in survey.columns else survey.attrs["default_outcome"]
        joined = {"perceived": [*blocks["product"], *blocks["experience"]], "expected": blocks["expectation"]}
        table = composites(survey, blocks=joined, outcomes=[outcome]).set_axis(columns, axis=1)
        source = survey
    else:
        # one row a customer, the first: answers of one person are not independent
        once = fallback.drop_duplicates("customer") if "customer" in fallback else fallback
        table, source = once[columns].dropna(), fallback
    table.attrs = {
        "name": source.attrs.get("name", ""),
        "simulated": bool(source.attrs.get("simulated", False)),
    }
    return table


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


def compare_gap_models(
    data: pd.DataFrame,
    *,
    perceived: str,
    expected: str,
    outcome: str,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return how much of the outcome the gap alone explains, against perception alone and the full surface.

    Returns
    -------
    DataFrame
        Index ``model``; ``parameters r2 low high cv_r2 lost lost_low lost_high``: R2 with its percentile-bootstrap
        interval, R2 for left-out rows, and what is lost against the full surface (with interval).
    """
    table, x, _ = _design(data, perceived, expected, outcome, None)
    y = table[outcome].to_numpy()
    z = np.column_stack([x, x[:, 1] - x[:, 2], y - y.mean()])
    moments = bootstrap_moments(z, bootstrap, rng)
    draws, rows = {}, []
    for model, chosen in _MODELS.items():
        index = (0, 6) if chosen is None else chosen
        _, left = solve_moments(moments, index, 7)
        draws[model] = 1 - left / (moments[:, 7, 7] - moments[:, 0, 7] ** 2)
    for model, chosen in _MODELS.items():
        index = (0, 6) if chosen is None else chosen
        result = fit(y, z[:, index])
        low, high = percentile_interval(draws[model], confidence_level)
        lost = percentile_interval(draws["full surface"] - draws[model], confidence_level)
        rows.append(
            (model, len(index) - 1, result.r2, low, high, leave_one_out_r2(y, result), result.r2, *lost)
        )
    columns = ["model", "parameters", "r2", "low", "high", "cv_r2", "lost", "lost_low", "lost_high"]
    found = pd.DataFrame(rows, columns=columns).set_index("model")
    found["lost"] = found.r2["full surface"] - found.r2
    return found


def _terms(p, e) -> np.ndarray:
    p, e = np.atleast_1d(p).astype(float), np.atleast_1d(e).astype(float)
    return np.column_stack([np.ones(len(p)), p, e, p**2, p * e, e**2])


def _design(
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
