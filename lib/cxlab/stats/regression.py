"""Least squares with intervals that survive unequal spread: HC2, HC3 and clusters, in numpy.

Written here because statsmodels costs more than a second to import; checked against it to 1e-9.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cxlab.data.errors import NotEnough
from cxlab.stats.intervals import generator


class Fit(NamedTuple):
    """A least-squares fit: coefficients in the order of the columns, their covariance, what is left over."""

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    classical: NDArray[np.float64]
    residuals: NDArray[np.float64]
    leverage: NDArray[np.float64]
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
    """Return the named columns as floats, rows with a gap left out; refuse what no regression can use.

    Raises
    ------
    ValueError
        When a column is missing or is not numeric; ``NotEnough`` when it does not vary, or fewer than
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
    """Fit ``outcome`` on the columns of ``design`` (give the intercept as a column of ones).

    Parameters
    ----------
    outcome : array (n,)
    design : array (n, k)
    covariance : {"HC3", "HC2", "classical"}
        HC3 and HC2 as in MacKinnon & White (1985).
    groups : array (n,), optional
        Cluster labels; the covariance is then cluster-robust (CR1) and the degrees of freedom are clusters -
        1.
    absorbed : array (n,), optional
        Labels of fixed effects; outcome and design are then centred within them (no intercept in ``design``).

    Returns
    -------
    Fit
        ``r2`` is about the mean (within the fixed effects, when there are any).

    Raises
    ------
    NotEnough
        When there are too few rows, or the columns of ``design`` depend on each other.
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
    return Fit(beta, robust, classical, residuals, leverage, dof, r2)


def bootstrap_moments(
    columns: NDArray[np.float64], bootstrap: int, rng: int | np.random.Generator | None
) -> NDArray[np.float64]:
    """Return the second-moment matrices ``Z'Z / n`` of ``bootstrap`` resamples of the rows, (bootstrap, k,
    k).

    Every regression on the columns of ``Z`` follows from them (see ``solve_moments``), so that 1,000 refits
    cost one matrix product; in bounded memory.
    """
    if bootstrap < 1:
        raise ValueError(f"bootstrap={bootstrap!r} must be a positive number of draws, for example 500")
    random, (n, k) = generator(rng), columns.shape
    upper = np.triu_indices(k)
    products = columns[:, upper[0]] * columns[:, upper[1]]
    moments, block = np.empty((bootstrap, k, k)), max(1, int(4e6 // n))
    for start in range(0, bootstrap, block):
        rows = min(block, bootstrap - start)
        drawn = random.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        moments[start : start + rows, upper[0], upper[1]] = counts @ products / n
    moments[:, upper[1], upper[0]] = moments[:, upper[0], upper[1]]
    return moments


def solve_moments(
    moments: NDArray[np.float64], drivers: Sequence[int], outcome: int
) -> tuple[NDArray, NDArray]:
    """Return coefficients (..., k) and residual variance (...) of ``outcome`` on ``drivers`` from moment
    matrices.
    """
    index = np.asarray(drivers)
    left = moments[..., index[:, None], index]
    right = moments[..., index, outcome]
    beta = np.linalg.solve(left, right[..., None])[..., 0]
    return beta, moments[..., outcome, outcome] - (beta * right).sum(axis=-1)
