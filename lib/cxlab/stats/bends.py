"""Regressions with a bend: response surfaces, kinked slopes under a full scale, one side great and the other
bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.regression import Fit, complete_cases, fit, t_quantile

# a1..a4 as sums of b0..b5.
SHAPES = {
    "a1": (0, 1, 1, 0, 0, 0),
    "a2": (0, 0, 0, 1, 1, 1),
    "a3": (0, 1, -1, 0, 0, 0),
    "a4": (0, 0, 0, 1, -1, 1),
}


class Surface(NamedTuple):
    """A fitted surface: ``terms`` (b0..b5), ``shape`` (a1..a4), both with ``estimate low high error``, and
    the fit."""

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
    """Fit ``outcome = b0 + b1 P + b2 E + b3 P^2 + b4 P E + b5 E^2`` and read the surface along two lines
    (Edwards).

    ``shape`` has slope (a1 = b1 + b2) and bend (a2 = b3 + b4 + b5) where perception meets expectation, slope
    (a3 = b1 - b2) and bend (a4 = b3 - b4 + b5) from "worse than expected" to "better". A gap score is the
    special case b1 = -b2, b3 = b4 = b5 = 0, which can be tested instead of assumed.

    Parameters
    ----------
    data : DataFrame, one row a customer
        Complete cases; those left out are counted in ``dropped``.
    centre : float, optional
        Subtracted from both P and E, their pooled mean by default; the shape is read there.
    covariance : {"HC3", "HC2", "classical"}
    groups : str, optional
        Column of labels, such as the customer: where labels repeat, errors are cluster-robust.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> world = pd.DataFrame(rng.normal(size=(400, 2)), columns=["p", "e"])
    >>> world["s"] = 0.6 * world.p - 0.2 * world.e + rng.normal(size=400)
    >>> shape = response_surface(world, perceived="p", expected="e", outcome="s").shape
    >>> bool(shape.low["a3"] < 0.8 < shape.high["a3"])
    True
    """
    if len({perceived, expected, outcome}) < 3:
        raise InputError(
            f"perceived, expected and outcome must be three columns, got {[perceived, expected, outcome]}"
        )
    table = complete_cases(data, [perceived, expected, outcome], minimum=12)
    if centre is None:
        centre = float(table[[perceived, expected]].to_numpy().mean())
    x = surface_terms(table[perceived].to_numpy() - centre, table[expected].to_numpy() - centre)
    result = fit(table[outcome], x, covariance=covariance, groups=_clusters(data, table, groups))
    terms = read_contrasts(result, {f"b{i}": np.eye(6)[i] for i in range(6)}, confidence_level)
    points = table[[perceived, expected]].set_axis(["perceived", "expected"], axis=1)
    shape = read_contrasts(result, SHAPES, confidence_level)
    return Surface(terms, shape, centre, result.r2, len(table), len(data) - len(table), points, result)


def _clusters(data: pd.DataFrame, table: pd.DataFrame, groups: str | None) -> pd.Series | None:
    """Return the labels of the rows that are used, None where no label stands twice."""
    labels = None if groups is None else data.loc[table.index, groups]
    return labels if labels is not None and labels.duplicated().any() else None


def surface_terms(p, e) -> np.ndarray:
    """Return the columns 1, P, E, P^2, PE, E^2."""
    p, e = np.atleast_1d(p).astype(float), np.atleast_1d(e).astype(float)
    return np.column_stack([np.ones(len(p)), p, e, p**2, p * e, e**2])


def read_contrasts(result: Fit, weights: Mapping, confidence_level: float) -> pd.DataFrame:
    """Return weighted sums of a fit's coefficients: ``estimate low high error``, one row a sum."""
    rows = [result.contrast(value, confidence_level) for value in weights.values()]
    return pd.DataFrame(rows, columns=["estimate", "low", "high", "error"], index=list(weights))


def kinked_slopes(
    data: pd.DataFrame,
    *,
    outcome: str,
    drivers: Sequence[str],
    covariates: Sequence[str] = (),
    knot: float | Mapping[str, float] | None = None,
    ceiling: str | float | None = "auto",
    groups: str | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the slope of the outcome below and above a knot of each driver, and their difference.

    Parameters
    ----------
    data : DataFrame, one row a respondent
        Complete cases.
    drivers, covariates : lists of str
        Each driver gets its own kink in one joint model; covariates a straight line.
    knot : float or mapping of driver to float, optional
        Where the slope may change; set it before looking at the outcome. The driver's median by default.
    ceiling : "auto", a number or None
        The top of the outcome's scale, where answers mean "at least so much" (censored regression; Tobin
        1958). "auto": the observed maximum when more than 5 % stand there. Unless None, the driver's own
        crowded ends get a level of their own.
    groups : str, optional
        Column of clusters.

    Returns
    -------
    DataFrame
        Index ``driver``; ``knot below below_low below_high above above_low above_high difference low high
        n_below n_above at_ceiling model``. ``difference`` is below - above: positive means that losses weigh
        more than gains (Mittal, Ross & Baldasare 1998). ``model`` is "least squares" (HC3) or "censored"
        (robust).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=600)
    >>> world = pd.DataFrame({"x": x, "y": np.where(x < 0, 0.8, 0.2) * x + rng.normal(size=600)})
    >>> row = kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0).loc["x"]
    >>> bool(row.low > 0), row.model
    (True, 'least squares')
    """
    drivers, covariates = list(drivers), list(covariates)
    given = knot if isinstance(knot, Mapping) else dict.fromkeys(drivers, knot)
    if strange := [name for name in given if name not in drivers]:
        raise InputError(f"knot names {strange[0]!r}, which is not among the drivers {drivers}")
    least = 2 * len(drivers) + len(covariates) + 10
    table = complete_cases(data, [outcome, *drivers, *covariates], minimum=least)
    y, columns, knots = table[outcome].to_numpy(), [np.ones(len(table))], {}
    for name in drivers:
        knots[name] = float(table[name].median() if given.get(name) is None else given[name])
        away = table[name].to_numpy() - knots[name]
        sides = int((away < 0).sum()), int((away > 0).sum())
        if min(sides) < 10:
            raise NotEnough(
                f"{sides[0]} respondents lie below and {sides[1]} above the point where {name} may bend; "
                "both sides need 10"
            )
        columns += [np.minimum(away, 0), np.maximum(away, 0)]
    columns += [table[name].to_numpy() for name in covariates]
    if ceiling is not None:
        columns += [end for name in drivers for end in _ends(table[name].to_numpy(), knots[name])]
    x, (top, at_top) = np.column_stack(columns), _top(y, ceiling)
    labels = _clusters(data, table, groups)
    if top is None:
        result = fit(y, x, groups=labels)
        beta, spread, dof = result.coefficients, result.covariance, result.dof
    else:
        beta, spread = censored_fit(y, x, top, labels)
        dof = len(y) - x.shape[1] - 1 if labels is None else labels.nunique() - 1
    quantile, rows = t_quantile(confidence_level, dof), {}
    for i, name in enumerate(drivers):
        row = {"knot": knots[name]}
        for part, weights in {"below": (1, 0), "above": (0, 1), "difference": (1, -1)}.items():
            at = np.zeros(x.shape[1])
            at[1 + 2 * i : 3 + 2 * i] = weights
            estimate, half = float(at @ beta), quantile * float(np.sqrt(at @ spread @ at))
            ends = ("low", "high") if part == "difference" else (f"{part}_low", f"{part}_high")
            row |= {part: estimate, ends[0]: estimate - half, ends[1]: estimate + half}
        away = table[name] - knots[name]
        row |= {"n_below": int((away < 0).sum()), "n_above": int((away > 0).sum()), "at_ceiling": at_top}
        rows[name] = row | {"model": "least squares" if top is None else "censored"}
    return pd.DataFrame(list(rows.values()), index=pd.Index(drivers, name="driver"))


def _ends(x: np.ndarray, knot: float) -> list[np.ndarray]:
    """Indicators of a driver's crowded lowest and highest answer, where its side keeps two other values for a
    line."""
    found = []
    for end, side in ((x.max(), x[x > knot]), (x.min(), x[x < knot])):
        at_end = x == end
        if at_end.mean() > 0.05 and len(np.unique(side)) >= 3:
            found.append(at_end.astype(float))
    return found


def _top(y: np.ndarray, ceiling: str | float | None) -> tuple[float | None, float]:
    top = float(y.max()) if ceiling in ("auto", None) else float(ceiling)
    share = float((y >= top).mean())
    if ceiling is None or (ceiling == "auto" and share <= 0.05) or share == 0:
        return None, share
    if share > 0.8:
        raise NotEnough(f"{share:.0%} gave the top answer, so nothing is left to explain")
    # on a scale in steps the top answer begins half a step earlier
    step = float(np.median(np.diff(np.unique(y.round(9)))))
    return top - step / 2, share


def product_experience(
    data: pd.DataFrame,
    *,
    product: str,
    experience: str,
    outcome: str,
    groups: str | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return whether product and experience make up for each other: least squares with an interaction, HC3.

    "Great" is the 90th percentile, "bad" the 10th, "average" the mean. Index ``interaction``, ``great
    product, bad experience`` and ``bad product, great experience`` (each against both great), ``average
    product, great experience`` and ``great product, average experience`` (against the mean), ``experience in
    the top product quarter`` and ``product in the top experience quarter`` (slopes, a gap for fewer than 12);
    columns ``estimate low high n``.
    """
    table = complete_cases(data, [product, experience, outcome], minimum=30)
    labels = _clusters(data, table, groups)
    p, e = (
        (table[name] - table[name].mean()).to_numpy() / table[name].std() for name in (product, experience)
    )
    x = np.column_stack([np.ones(len(table)), p, e, p * e])
    result = fit(table[outcome].to_numpy(), x, groups=labels)

    def at(a: float, b: float) -> np.ndarray:
        return np.array([1.0, a, b, a * b])

    (bad_p, great_p), (bad_e, great_e) = np.quantile(p, [0.1, 0.9]), np.quantile(e, [0.1, 0.9])
    weights = {
        "interaction": np.eye(4)[3],
        "great product, bad experience": at(great_p, bad_e) - at(great_p, great_e),
        "bad product, great experience": at(bad_p, great_e) - at(great_p, great_e),
        "average product, great experience": at(0, great_e) - x.mean(axis=0),
        "great product, average experience": at(great_p, 0) - x.mean(axis=0),
    }
    rows = {name: (*result.contrast(w, confidence_level)[:3], len(table)) for name, w in weights.items()}
    for top, slope in ((product, experience), (experience, product)):
        part = table[table[top] >= table[top].quantile(0.75)]
        sides = ("experience", "product") if slope == experience else ("product", "experience")
        name = "{} in the top {} quarter".format(*sides)
        rows[name] = (np.nan, np.nan, np.nan, len(part))
        if len(part) >= 12 and part[slope].nunique() >= 3:
            columns = [column for column in (slope, top) if part[column].nunique() > 1]
            inner_x = np.column_stack([np.ones(len(part)), part[columns].to_numpy()])
            own = None if labels is None else labels[part.index]
            inner = fit(part[outcome].to_numpy(), inner_x, groups=own)
            rows[name] = (*inner.contrast(np.eye(len(columns) + 1)[1], confidence_level)[:3], len(part))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high", "n"])


def censored_fit(y: np.ndarray, x: np.ndarray, top: float, groups=None) -> tuple[np.ndarray, np.ndarray]:
    """Fit a regression in which answers above ``top`` mean "top or more"; some must lie above it, some below.

    Maximum likelihood by Newton steps in the parameters of Olsen (1978), in which it has one peak. ``x``
    holds an intercept. Returns coefficients and their sandwich covariance, by cluster where ``groups`` names
    them.
    """
    from scipy.special import log_ndtr

    full = y > top
    start = np.linalg.lstsq(x, y, rcond=None)[0]
    theta = 1 / max(float((y - x @ start).std()), 1e-6)
    parameters = np.append(start * theta, theta)  # gamma = beta / sigma and theta = 1 / sigma
    w = np.column_stack([-x, np.where(full, top, y)])  # standardised residual = theta * y - x gamma
    k = x.shape[1]

    def value(p: np.ndarray) -> float:
        if p[k] <= 0:
            return -np.inf
        u = w @ p
        return float(np.log(p[k]) * (~full).sum() - 0.5 * (u[~full] ** 2).sum() + log_ndtr(-u[full]).sum())

    def scores_and_hessian(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = w @ p
        mills = np.exp(-0.5 * u**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-u))
        scores = w * np.where(full, -mills, -u)[:, None]
        scores[~full, k] += 1 / p[k]
        curve = np.where(full, mills * (mills - u), 1.0)
        hessian = -(w * curve[:, None]).T @ w
        hessian[k, k] -= (~full).sum() / p[k] ** 2
        return scores, hessian

    for _ in range(50):
        scores, hessian = scores_and_hessian(parameters)
        step = np.linalg.solve(hessian, scores.sum(axis=0))
        size, now = 1.0, value(parameters)
        while value(parameters - size * step) < now - 1e-9 and size > 1e-6:
            size /= 2
        parameters = parameters - size * step
        if np.abs(step).max() < 1e-9 * (1 + np.abs(parameters).max()):
            break
    scores, hessian = scores_and_hessian(parameters)
    free = len(y) / (len(y) - k - 1)
    if groups is not None:
        codes, labels = pd.factorize(np.asarray(groups))
        scores = np.column_stack([np.bincount(codes, column) for column in scores.T])
        free = len(labels) / (len(labels) - 1)
    bread = np.linalg.inv(hessian)
    robust = bread @ (scores.T @ scores) @ bread * free
    gamma, theta = parameters[:k], parameters[k]
    jacobian = np.column_stack([np.eye(k) / theta, -gamma / theta**2])
    return gamma / theta, jacobian @ robust @ jacobian.T
