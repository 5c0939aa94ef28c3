"""Least squares whose intervals survive unequal spread, with bends and a full scale; R2 split among blocks.

In numpy because statsmodels costs more than a second to import; checked against it to 1e-9.

R2 of every subset of blocks is found for many covariance matrices at once: the engine under the shares. A
Schur complement removes one variable from a covariance matrix. Walking through the blocks once, keeping the
matrices both without and with each, doubles their number while they shrink, so all 2^k subsets cost O(2^k) in
total instead of 2^k fits. Draws share the long axis, in pieces that stay in the processor's cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cxlab.data.errors import InputError, NotEnough

_LONG_AXIS = 1 << 17
_PIVOT = 1e-10


def subset_r2(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return R2 of the last column on every subset of the groups of columns, (2**k, draws).

    Every column but the last stands in exactly one of the k groups. Row s holds the subset whose members are
    the set bits of s (bit 0 = first group).
    """
    result = np.empty((1 << len(groups), len(covariances)))
    for piece, r2 in _pieces(covariances, groups):
        result[:, piece] = r2
    return result


def shapley_r2(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the Shapley value (LMG) of each group for R2: the mean gain over all orders of entry.

    Parameters are those of ``subset_r2``; the result is an ndarray (k, draws) whose columns sum to R2.
    """
    k = len(groups)
    chance = np.array([1.0 / (k * comb(k - 1, size)) for size in range(k)])  # to enter after so many others
    size = np.array([subset.bit_count() for subset in range(1 << k)])
    outside, inside = np.append(chance, 0.0)[size], np.append(0.0, chance)[size]
    result = np.empty((k, len(covariances)))
    for piece, r2 in _pieces(covariances, groups):
        result[:, piece] = -(outside @ r2)
        r2 *= (outside + inside)[:, None]
        for group in reversed(range(k)):
            without, within = np.split(r2, 2)
            result[group, piece] += within.sum(axis=0)
            r2 = without + within
    return result


def relative_weights(correlations: np.ndarray) -> np.ndarray:
    """Return the part of R2 of each column but the last, (draws, k): close to LMG, for any number of columns.

    Correlated columns are replaced by the nearest uncorrelated ones (Johnson 2000).
    """
    values, vectors = np.linalg.eigh(correlations[:, :-1, :-1])
    root = (vectors * np.sqrt(values.clip(1e-12))[:, None]) @ vectors.transpose(0, 2, 1)
    beta = np.linalg.solve(root, correlations[:, :-1, -1:])
    return (root**2 @ beta**2)[..., 0]


def _pieces(covariances: np.ndarray, groups: Sequence[Sequence[int]]) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield some of the draws and R2 of every subset in them."""
    order = [column for group in groups for column in group] + [covariances.shape[1] - 1]
    sd = np.sqrt(np.maximum(np.einsum("bii->bi", covariances), 0.0))
    sd[sd == 0] = np.inf
    step = max(1, _LONG_AXIS >> len(groups))
    for start in range(0, len(covariances), step):
        piece = slice(start, start + step)
        scaled = covariances[piece] / sd[piece, :, None] / sd[piece, None, :]
        scaled = np.ascontiguousarray(scaled[:, order][:, :, order].transpose(1, 2, 0))
        triangle = [scaled[row, row:] for row in range(len(order))]
        for group in groups:
            within = triangle
            for _ in group:
                within = _without_first(within)
            pairs = zip(triangle[len(group) :], within, strict=True)
            triangle = [np.concatenate(pair, axis=1) for pair in pairs]
        yield piece, 1.0 - triangle[0][0].reshape(1 << len(groups), -1)


def _without_first(triangle: list[np.ndarray]) -> list[np.ndarray]:
    """Return the upper rows that are left once the first variable is held constant."""
    pivot = triangle[0][0]
    usable = pivot > _PIVOT
    factor = triangle[0][1:] * np.where(usable, 1.0 / np.where(usable, pivot, 1.0), 0.0)
    return [row - triangle[0][1 + r] * factor[r:] for r, row in enumerate(triangle[1:])]


class Fit(NamedTuple):
    """Fitted coefficients in the order of the columns, their covariance (robust), and degrees of freedom.

    ``classical`` is the covariance for equal spread; missing, as ``r2``, for a censored fit.
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    dof: int
    classical: NDArray[np.float64] | None = None
    r2: float = np.nan

    def contrast(self, weights: ArrayLike, confidence_level: float = 0.95) -> tuple[float, ...]:
        """Return estimate, low, high and standard error of a weighted sum of coefficients (t interval)."""
        weights = np.asarray(weights, dtype=float)
        estimate = float(weights @ self.coefficients)
        error = float(np.sqrt(max(weights @ self.covariance @ weights, 0.0)))
        half = t_quantile(confidence_level, self.dof) * error
        return estimate, estimate - half, estimate + half, error


def read_contrasts(fitted: Fit, weights: Mapping, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return weighted sums of a fit's coefficients: ``estimate low high error``, one row a sum."""
    rows = {name: fitted.contrast(value, confidence_level) for name, value in weights.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high", "error"])


def t_quantile(confidence_level: float, dof: float) -> float:
    """Return the two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, 0.5 + confidence_level / 2))


def complete_cases(data: pd.DataFrame, columns: Sequence[str], minimum: int = 0) -> pd.DataFrame:
    """Return the named columns as floats, rows with a gap left out.

    ``InputError`` when a column is missing or text; ``NotEnough`` when one does not vary, or fewer than
    ``minimum`` rows are complete.
    """
    wanted = list(dict.fromkeys(columns))
    if absent := [name for name in wanted if name not in data]:
        raise InputError(f"column {absent[0]!r} is not in the data")
    values = data[wanted].apply(pd.to_numeric, errors="coerce").to_numpy(float, na_value=np.nan)
    text = (np.isnan(values) & data[wanted].notna().to_numpy()).any(axis=0)
    if text.any():
        raise InputError(f"column {wanted[text.argmax()]!r} holds text; recode it to numbers first")
    rows = np.isfinite(values).all(axis=1)
    if rows.sum() < minimum:
        raise NotEnough(f"only {rows.sum()} rows have all of {', '.join(wanted)}; {minimum} are needed")
    if rows.any() and (same := np.ptp(values[rows], axis=0) == 0).any():
        said = "has the same value in every complete row; leave it out"
        raise NotEnough(f"column {wanted[same.argmax()]!r} {said}")
    return pd.DataFrame(values[rows], data.index[rows], wanted)


def fit(
    outcome: ArrayLike, design: ArrayLike, *, covariance: str = "HC3", groups: ArrayLike | None = None
) -> Fit:
    """Fit ``outcome`` (n,) on the columns of ``design`` (n, k); an intercept is a column of ones.

    ``covariance`` is "HC3" or "HC2" (MacKinnon & White 1985). Where labels of ``groups`` stand twice, it is
    cluster-robust instead (CR1), with clusters - 1 degrees of freedom. ``NotEnough`` where there are too few
    rows, or columns depend on each other.
    """
    y, x = np.asarray(outcome, dtype=float), np.asarray(design, dtype=float)
    n, k = x.shape
    if n <= k:
        raise NotEnough(f"{n} rows cannot carry {k} coefficients: use fewer columns or more rows")
    scale = np.sqrt((x**2).sum(axis=0))
    q, r = np.linalg.qr(x / np.where(scale == 0, 1, scale))
    if np.abs(np.diag(r)).min() < 1e-9:
        raise NotEnough("one column of the design follows from the others (collinear): leave one of them out")
    inverse = np.linalg.inv(r) / scale[:, None]
    beta = inverse @ (q.T @ y)
    residuals = y - x @ beta
    bread, left, dof = inverse @ inverse.T, float(residuals @ residuals), n - k
    classical = bread * left / dof
    sums = _sums_within(x * residuals[:, None], groups)
    if sums is None:
        free = np.maximum(1 - (q**2).sum(axis=1), 1e-10) ** {"HC2": 0.5, "HC3": 1.0}[covariance]
        scores, factor = x * (residuals / free)[:, None], 1.0
    else:
        scores, factor, dof = sums, len(sums) / (len(sums) - 1) * (n - 1) / dof, len(sums) - 1
    robust = bread @ (scores.T @ scores * factor) @ bread
    total = float(((y - y.mean()) ** 2).sum())
    return Fit(beta, robust, dof, classical, 1 - left / total if total > 0 else np.nan)


def _sums_within(scores: np.ndarray, groups: ArrayLike | None) -> np.ndarray | None:
    """Return the sums of the rows of each cluster, None where no label stands twice."""
    sums = None if groups is None else pd.DataFrame(scores).groupby(np.asarray(groups)).sum().to_numpy()
    if sums is not None and len(sums) < 2:
        raise NotEnough("all rows are of a single cluster; a cluster-robust interval needs at least two")
    return None if sums is None or len(sums) == len(scores) else sums


SHAPES = {  # as sums of b0..b5
    "a1": (0, 1, 1, 0, 0, 0),
    "a2": (0, 0, 0, 1, 1, 1),
    "a3": (0, 1, -1, 0, 0, 0),
    "a4": (0, 0, 0, 1, -1, 1),
}


class Surface(NamedTuple):
    """A surface's ``shape`` (a1..a4: ``estimate low high error``), where it is centred, and its fit."""

    shape: pd.DataFrame
    centre: float
    n: int
    fit: Fit


def response_surface(
    data: pd.DataFrame, *, perceived: str, expected: str, outcome: str, centre: float | None = None,
    groups: str | None = None, confidence_level: float = 0.95,
) -> Surface:  # fmt: skip
    """Fit ``b0 + b1 P + b2 E + b3 P^2 + b4 P E + b5 E^2`` and read it along two lines (Edwards 1994).

    ``shape`` has slope (a1 = b1 + b2) and bend (a2 = b3 + b4 + b5) where perception meets expectation, slope
    (a3 = b1 - b2) and bend (a4 = b3 - b4 + b5) from "worse than expected" to "better", at ``centre`` (the
    pooled mean by default). A gap score is the special case b1 = -b2, b3 = b4 = b5 = 0.
    """
    table = complete_cases(data, [perceived, expected, outcome], minimum=12)
    pair = table[[perceived, expected]].to_numpy()
    centre = float(pair.mean()) if centre is None else centre
    labels = data.loc[table.index, groups] if groups else None
    fitted = fit(table[outcome], surface_terms(*(pair - centre).T), groups=labels)
    return Surface(read_contrasts(fitted, SHAPES, confidence_level), centre, len(table), fitted)


def surface_terms(p, e) -> np.ndarray:
    """Return the columns 1, P, E, P^2, PE, E^2."""
    p, e = np.atleast_1d(p).astype(float), np.atleast_1d(e).astype(float)
    return np.column_stack([np.ones(len(p)), p, e, p**2, p * e, e**2])


def kinked_slopes(
    data: pd.DataFrame, *, outcome: str, drivers: Sequence[str], knot: float | None = None,
    groups: str | None = None, confidence_level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Return the slope of the outcome below and above a knot of each driver (its median by default).

    One joint model. Where more than 5 % gave the highest answer, that means "this much or more" (censored
    regression; Tobin 1958). A driver's own crowded ends get a level of their own.

    Index ``driver``; ``knot below below_low below_high above above_low above_high difference low high
    at_ceiling model``. ``difference`` is below - above: positive means that losses weigh more than gains
    (Mittal, Ross & Baldasare 1998). ``model`` is "least squares" or "censored".
    """
    table = complete_cases(data, [outcome, *drivers], minimum=2 * len(drivers) + 10)
    knots = table[list(drivers)].median() if knot is None else pd.Series(float(knot), index=list(drivers))
    slopes, ends = [], []
    for name, at in knots.items():
        x = table[name].to_numpy()
        if min((x < at).sum(), (x > at).sum()) < 10:
            raise NotEnough(f"too few respondents about the point where {name} may bend; both sides need 10")
        slopes += [np.minimum(x - at, 0), np.maximum(x - at, 0)]
        for end, side in ((x.max(), x[x > at]), (x.min(), x[x < at])):
            if (x == end).mean() > 0.05 and len(np.unique(side)) >= 3:  # two other values make a line
                ends.append((x == end).astype(float))
    y, design = table[outcome].to_numpy(), np.column_stack([np.ones(len(table)), *slopes, *ends])
    labels, full = data.loc[table.index, groups] if groups else None, float((y == y.max()).mean())
    if full > 0.8:
        raise NotEnough(f"{full:.0%} gave the top answer, so nothing is left to explain")
    if full > 0.05:
        # on a scale in steps the top answer begins half a step earlier
        top = y.max() - float(np.median(np.diff(np.unique(y.round(9))))) / 2
        fitted, model = censored_fit(y, design, top, labels), "censored"
    else:
        fitted, model = fit(y, design, groups=labels), "least squares"
    each, rows = np.eye(design.shape[1]), {}
    for i, (name, at) in enumerate(knots.items()):
        below, above = each[1 + 2 * i], each[2 + 2 * i]
        row = {"knot": at}
        for word, weights in (("below_", below), ("above_", above), ("", below - above)):
            names = word[:-1] or "difference", f"{word}low", f"{word}high"
            row |= zip(names, fitted.contrast(weights, confidence_level)[:3], strict=True)
        rows[name] = row | {"at_ceiling": full, "model": model}
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
    labels = data.loc[table.index, groups] if groups else None

    def terms(p, e) -> np.ndarray:
        return np.stack([np.ones_like(p), p, e, p * e], axis=-1)

    p, e = ((table[sides] - table[sides].mean()) / table[sides].std()).to_numpy().T
    x = terms(p, e)
    (bad_p, great_p), (bad_e, great_e) = np.quantile([p, e], [0.1, 0.9], axis=1).T
    great, average = terms(great_p, great_e), x.mean(axis=0)
    weights = {
        "interaction": (0, 0, 0, 1),
        "great product, bad experience": terms(great_p, bad_e) - great,
        "bad product, great experience": terms(bad_p, great_e) - great,
        "average product, great experience": terms(0.0, great_e) - average,
        "great product, average experience": terms(great_p, 0.0) - average,
    }
    rows = read_contrasts(fit(table["outcome"], x, groups=labels), weights, confidence_level)
    rows = rows.drop(columns="error").assign(n=len(table))
    for top, slope in (sides, sides[::-1]):
        part = table[table[top] >= table[top].quantile(0.75)]
        estimate = (np.nan, np.nan, np.nan)
        if len(part) >= 12 and part[slope].nunique() >= 3:
            columns = [column for column in (slope, top) if part[column].nunique() > 1]
            inner = np.column_stack([part[columns], np.ones(len(part))])
            own = None if labels is None else labels[part.index]
            first = np.eye(inner.shape[1])[0]
            estimate = fit(part["outcome"], inner, groups=own).contrast(first, confidence_level)[:3]
        rows.loc[f"{slope} in the top {top} quarter"] = [*estimate, len(part)]
    return rows


def censored_fit(y: np.ndarray, x: np.ndarray, top: float, groups=None) -> Fit:
    """Fit a regression in which answers above ``top`` mean "top or more"; some must lie above it, some below.

    Maximum likelihood by Newton steps in the parameters of Olsen (1978), gamma = beta / sigma and theta =
    1 / sigma, in which it has one peak. ``x`` holds an intercept; the covariance is a sandwich.
    """
    from scipy.special import log_ndtr

    (n, k), full = x.shape, y > top
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
    dof, factor = n - k - 1, n / (n - k - 1)
    if (sums := _sums_within(scores, groups)) is not None:
        scores, dof, factor = sums, len(sums) - 1, len(sums) / (len(sums) - 1)
    gamma, theta = parameters[:k], parameters[k]
    turned = np.column_stack([np.eye(k) / theta, -gamma / theta**2]) @ np.linalg.inv(hessian)
    return Fit(gamma / theta, turned @ (scores.T @ scores) @ turned.T * factor, dof)
