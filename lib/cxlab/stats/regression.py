"""Least squares whose intervals survive unequal spread, straight and with bends, and a full scale.

In numpy because statsmodels costs more than a second to import; checked against it to 1e-9.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cxlab.data.errors import InputError, NotEnough


class Fit(NamedTuple):
    """A least-squares fit: coefficients in the order of the columns, their covariance, what is left over."""

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    classical: NDArray[np.float64]
    residuals: NDArray[np.float64]
    dof: int
    r2: float

    def contrast(
        self, weights: ArrayLike, confidence_level: float = 0.95
    ) -> tuple[float, float, float, float]:
        """Return estimate, low, high and standard error of a weighted sum of coefficients (t interval)."""
        weights = np.asarray(weights, dtype=float)
        estimate = float(weights @ self.coefficients)
        error = float(np.sqrt(max(weights @ self.covariance @ weights, 0.0)))
        half = t_quantile(confidence_level, self.dof) * error
        return estimate, estimate - half, estimate + half, error


def t_quantile(confidence_level: float, dof: float) -> float:
    """Return the two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level={confidence_level!r} must lie between 0 and 1, for example 0.95")
    return float(stdtrit(dof, 0.5 + confidence_level / 2))


def complete_cases(data: pd.DataFrame, columns: Sequence[str], minimum: int = 0) -> pd.DataFrame:
    """Return the named columns as floats, rows with a gap left out.

    ``ValueError`` when a column is missing or text; ``NotEnough`` when one does not vary, or fewer than
    ``minimum`` rows are complete.
    """
    wanted = list(dict.fromkeys(columns))
    absent = [name for name in wanted if name not in data.columns]
    if absent:
        raise ValueError(
            f"column {absent[0]!r} is not in the data; its columns are {', '.join(map(str, data.columns))}"
        )
    try:
        table = data[wanted].astype(float)
    except (TypeError, ValueError):
        text = [name for name in wanted if not pd.api.types.is_numeric_dtype(data[name])]
        raise ValueError(f"column {(text or wanted)[0]!r} holds text; recode it to numbers first") from None
    table = table[np.isfinite(table.to_numpy()).all(axis=1)]
    if len(table) < minimum:
        raise NotEnough(
            f"only {len(table)} rows are complete in {', '.join(wanted)}, at least {minimum} are needed: "
            "use fewer columns, or a larger sample"
        )
    constant = [name for name in wanted if len(table) and np.ptp(table[name].to_numpy()) == 0]
    if constant:
        raise NotEnough(f"column {constant[0]!r} has the same value in every complete row; leave it out")
    return table


def fit(
    outcome: ArrayLike,
    design: ArrayLike,
    *,
    covariance: str = "HC3",
    groups: ArrayLike | None = None,
    absorbed: ArrayLike | None = None,
) -> Fit:
    """Fit ``outcome`` (n,) on the columns of ``design`` (n, k); an intercept is a column of ones.

    ``covariance`` is "HC3", "HC2" (MacKinnon & White 1985) or "classical". ``groups`` are labels of clusters:
    cluster-robust (CR1), with clusters - 1 degrees of freedom. ``absorbed`` are labels of fixed effects:
    outcome and design are centred within them (then no intercept), and ``r2`` is within them, too.
    ``NotEnough`` where there are too few rows, or columns depend on each other.
    """
    y = np.asarray(outcome, dtype=float)
    x = np.asarray(design, dtype=float)
    used, share = x.shape[1], 0.0
    if absorbed is not None:
        codes, labels = pd.factorize(np.asarray(absorbed))
        size = np.bincount(codes)
        share = 1.0 / size[codes]
        y = y - (np.bincount(codes, y) / size)[codes]
        x = x - np.column_stack([np.bincount(codes, column) / size for column in x.T])[codes]
        used += len(labels)
    dof = len(y) - used
    if dof < 1:
        raise NotEnough(f"{len(y)} rows cannot carry {used} coefficients: use fewer columns or more rows")
    scale = np.sqrt((x**2).sum(axis=0))
    q, r = np.linalg.qr(x / np.where(scale == 0, 1, scale))
    if np.abs(np.diag(r)).min() < 1e-9:
        worst = int(np.abs(np.diag(r)).argmin())
        raise NotEnough(
            f"column {worst} of the design follows from the others (collinear): leave one of them out"
        )
    inverse = np.linalg.inv(r) / scale[:, None]
    beta = inverse @ (q.T @ y)
    residuals = y - x @ beta
    leverage = np.minimum((q**2).sum(axis=1) + share, 1.0)
    bread = inverse @ inverse.T
    classical = bread * (residuals @ residuals / dof)
    if groups is not None:
        codes, labels = pd.factorize(np.asarray(groups))
        if len(labels) < 2:
            raise NotEnough("groups holds a single cluster; a cluster-robust interval needs at least two")
        scores = np.column_stack([np.bincount(codes, column) for column in (x * residuals[:, None]).T])
        # fixed effects that lie within the clusters cost the clusters nothing (Cameron & Miller 2015)
        nested = (
            absorbed is not None
            and len(pd.DataFrame({"c": codes, "a": absorbed}).drop_duplicates()) == used - x.shape[1]
        )
        free = len(y) - x.shape[1] - 1 if nested else dof
        factor = len(labels) / (len(labels) - 1) * (len(y) - 1) / free
        robust = bread @ (scores.T @ scores * factor) @ bread
        dof = len(labels) - 1
    elif covariance == "classical":
        robust = classical
    else:
        power = {"HC2": 0.5, "HC3": 1.0}[covariance]
        free = 1 - leverage
        adjusted = np.where(free > 1e-10, residuals / np.where(free > 1e-10, free, 1) ** power, 0.0)
        scores = x * adjusted[:, None]
        robust = bread @ (scores.T @ scores) @ bread
    total = float(((y - y.mean()) ** 2).sum())
    r2 = 1 - float(residuals @ residuals) / total if total > 0 else float("nan")
    return Fit(beta, robust, classical, residuals, dof, r2)


SHAPES = {  # as sums of b0..b5
    "a1": (0, 1, 1, 0, 0, 0),
    "a2": (0, 0, 0, 1, 1, 1),
    "a3": (0, 1, -1, 0, 0, 0),
    "a4": (0, 0, 0, 1, -1, 1),
}


class Surface(NamedTuple):
    """A fitted surface: ``terms`` (b0..b5) and ``shape`` (a1..a4), both with ``estimate low high error``."""

    terms: pd.DataFrame
    shape: pd.DataFrame
    centre: float
    r2: float
    n: int
    fit: Fit


def response_surface(
    data: pd.DataFrame,
    *,
    perceived: str,
    expected: str,
    outcome: str,
    centre: float | None = None,
    groups: str | None = None,
    confidence_level: float = 0.95,
) -> Surface:
    """Fit ``b0 + b1 P + b2 E + b3 P^2 + b4 P E + b5 E^2`` and read it along two lines (Edwards 1994).

    ``shape`` has slope (a1 = b1 + b2) and bend (a2 = b3 + b4 + b5) where perception meets expectation, slope
    (a3 = b1 - b2) and bend (a4 = b3 - b4 + b5) from "worse than expected" to "better", at ``centre`` (the
    pooled mean by default). A gap score is the special case b1 = -b2, b3 = b4 = b5 = 0.
    """
    if len({perceived, expected, outcome}) < 3:
        raise InputError(f"this needs three columns, got {[perceived, expected, outcome]}")
    table = complete_cases(data, [perceived, expected, outcome], minimum=12)
    pair = table[[perceived, expected]].to_numpy()
    centre = float(pair.mean()) if centre is None else centre
    design = surface_terms(*(pair - centre).T)
    result = fit(table[outcome], design, groups=_clusters(data, table.index, groups))
    terms = read_contrasts(result, {f"b{i}": row for i, row in enumerate(np.eye(6))}, confidence_level)
    shape = read_contrasts(result, SHAPES, confidence_level)
    return Surface(terms, shape, centre, result.r2, len(table), result)


def _clusters(data: pd.DataFrame, rows: pd.Index, groups: str | None) -> pd.Series | None:
    """Return the labels of the rows that are used, None where no label stands twice."""
    labels = None if groups is None else data.loc[rows, groups]
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
    knot: float | None = None,
    groups: str | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the slope of the outcome below and above a knot of each driver (its median by default).

    One joint model. Where more than 5 % gave the highest answer, that means "this much or more" (censored
    regression; Tobin 1958). A driver's own crowded ends get a level of their own.

    Index ``driver``; ``knot below below_low below_high above above_low above_high difference low high n_below
    n_above at_ceiling model``. ``difference`` is below - above: positive means that losses weigh more than
    gains (Mittal, Ross & Baldasare 1998). ``model`` is "least squares" or "censored".

    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=600)
    >>> world = pd.DataFrame({"x": x, "y": np.where(x < 0, 0.8, 0.2) * x + rng.normal(size=600)})
    >>> row = kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0).loc["x"]
    >>> bool(row.low > 0), row.model
    (True, 'least squares')
    """
    table = complete_cases(data, [outcome, *drivers], minimum=2 * len(drivers) + 10)
    slopes, ends, sides, rows = [], [], {}, {}
    for name in drivers:
        x = table[name].to_numpy()
        at = float(np.median(x) if knot is None else knot)
        sides[name] = at, below, above = at, int((x < at).sum()), int((x > at).sum())
        if min(below, above) < 10:
            found = f"{below} respondents lie below and {above} above"
            raise NotEnough(f"{found} the point where {name} may bend; both sides need 10")
        slopes += [np.minimum(x - at, 0), np.maximum(x - at, 0)]
        for end, side in ((x.max(), x[x > at]), (x.min(), x[x < at])):
            if (x == end).mean() > 0.05 and len(np.unique(side)) >= 3:  # two other values make a line
                ends.append((x == end).astype(float))
    y, design = table[outcome].to_numpy(), np.column_stack([np.ones(len(table)), *slopes, *ends])
    labels, full = _clusters(data, table.index, groups), float((y == y.max()).mean())
    if full > 0.8:
        raise NotEnough(f"{full:.0%} gave the top answer, so nothing is left to explain")
    if full > 0.05:
        # on a scale in steps the top answer begins half a step earlier
        top = y.max() - float(np.median(np.diff(np.unique(y.round(9))))) / 2
        beta, spread = censored_fit(y, design, top, labels)
        dof = len(y) - design.shape[1] - 1 if labels is None else labels.nunique() - 1
    else:
        result = fit(y, design, groups=labels)
        beta, spread, dof = result.coefficients, result.covariance, result.dof
    quantile = t_quantile(confidence_level, dof)
    for i, (name, (at, below, above)) in enumerate(sides.items()):
        row = {"knot": at}
        for part, weights in {"below_": (1, 0), "above_": (0, 1), "": (1, -1)}.items():
            w = np.zeros(len(beta))
            w[1 + 2 * i : 3 + 2 * i] = weights
            estimate, half = float(w @ beta), quantile * float(np.sqrt(w @ spread @ w))
            row |= {part[:-1] or "difference": estimate, f"{part}low": estimate - half}
            row[f"{part}high"] = estimate + half
        row |= {"n_below": below, "n_above": above, "at_ceiling": full}
        rows[name] = row | {"model": "censored" if full > 0.05 else "least squares"}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("driver")


def product_experience(
    data: pd.DataFrame, *, groups: str | None = None, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return whether product and experience make up for each other: least squares with an interaction.

    ``data`` has ``product experience outcome``. "Great" is the 90th percentile, "bad" the 10th, "average" the
    mean. Index ``interaction``, ``great product, bad experience`` and ``bad product, great experience`` (each
    against both great), ``average product, great experience`` and ``great product, average experience``
    (against the mean), ``experience in the top product quarter`` and ``product in the top experience
    quarter`` (slopes, a gap for fewer than 12); columns ``estimate low high n``.
    """
    sides = ["product", "experience"]
    table = complete_cases(data, [*sides, "outcome"], minimum=30)
    labels = _clusters(data, table.index, groups)
    p, e = ((table[sides] - table[sides].mean()) / table[sides].std()).to_numpy().T
    x = np.column_stack([np.ones(len(table)), p, e, p * e])
    result = fit(table["outcome"].to_numpy(), x, groups=labels)

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
    for top, slope in (sides, sides[::-1]):
        part = table[table[top] >= table[top].quantile(0.75)]
        estimate = (np.nan, np.nan, np.nan)
        if len(part) >= 12 and part[slope].nunique() >= 3:
            columns = [column for column in (slope, top) if part[column].nunique() > 1]
            inner = fit(
                part["outcome"].to_numpy(),
                np.column_stack([np.ones(len(part)), part[columns].to_numpy()]),
                groups=None if labels is None else labels[part.index],
            )
            estimate = inner.contrast(np.eye(len(columns) + 1)[1], confidence_level)[:3]
        rows[f"{slope} in the top {top} quarter"] = (*estimate, len(part))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high", "n"])


def censored_fit(y: np.ndarray, x: np.ndarray, top: float, groups=None) -> tuple[np.ndarray, np.ndarray]:
    """Fit a regression in which answers above ``top`` mean "top or more"; some must lie above it, some below.

    Maximum likelihood by Newton steps in the parameters of Olsen (1978), gamma = beta / sigma and theta =
    1 / sigma, in which it has one peak. ``x`` holds an intercept. Returns coefficients and their sandwich
    covariance.
    """
    from scipy.special import log_ndtr

    k, full = x.shape[1], y > top
    w = np.column_stack([-x, np.where(full, top, y)])  # standardised residual = theta * y - x gamma

    def likelihood(p: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Value, one score a row, and Hessian."""
        u = w @ p
        mills = np.exp(-0.5 * u**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-u))
        scores = w * np.where(full, -mills, -u)[:, None]
        scores[~full, k] += 1 / p[k]
        hessian = -(w * np.where(full, mills * (mills - u), 1.0)[:, None]).T @ w
        hessian[k, k] -= (~full).sum() / p[k] ** 2
        value = np.where(full, log_ndtr(-u), np.log(p[k]) - 0.5 * u**2).sum()
        return value, scores, hessian

    start = np.linalg.lstsq(x, y, rcond=None)[0]
    parameters = np.append(start, 1.0) / max(float((y - x @ start).std()), 1e-6)
    value, scores, hessian = likelihood(parameters)
    for _ in range(50):
        step = np.linalg.solve(hessian, scores.sum(axis=0))
        with np.errstate(all="ignore"):  # a step too far leaves theta below 0
            found = likelihood(parameters - step)
            while not found[0] >= value - 1e-9 and np.abs(step).max() > 1e-12:
                step = step / 2
                found = likelihood(parameters - step)
        parameters, (value, scores, hessian) = parameters - step, found
        if np.abs(step).max() < 1e-9 * (1 + np.abs(parameters).max()):
            break
    free = len(y) / (len(y) - k - 1)
    if groups is not None:
        scores = pd.DataFrame(scores).groupby(np.asarray(groups)).sum().to_numpy()
        free = len(scores) / (len(scores) - 1)
    bread = np.linalg.inv(hessian)
    gamma, theta = parameters[:k], parameters[k]
    jacobian = np.column_stack([np.eye(k) / theta, -gamma / theta**2])
    return gamma / theta, jacobian @ bread @ (scores.T @ scores) @ bread @ jacobian.T * free
