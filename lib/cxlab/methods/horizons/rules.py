"""All five, or the average? Which score predicts renewal, and what an average hides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, normal_quantile, wilson

__all__ = ["averaging_hides", "score_rules", "scoring_rules"]


def score_rules(levels: pd.DataFrame) -> pd.DataFrame:
    """Return each account's lowest and mean score (missing where a level is missing).

    Returns
    -------
    DataFrame
        ``minimum mean lowest``, index of the input; lowest names the lowest level (the earliest among equals).
    """
    complete = levels.notna().all(axis=1)
    lowest = levels.fillna(np.inf).idxmin(axis=1)
    return pd.DataFrame(
        {
            "minimum": levels.min(axis=1).where(complete),
            "mean": levels.mean(axis=1).where(complete),
            "lowest": lowest.where(levels.notna().any(axis=1)),
        }
    )


def scoring_rules(
    levels: pd.DataFrame,
    *,
    outcome: pd.Series,
    folds: int = 5,
    repeats: int = 20,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Compare rules for one score by how well they predict an outcome they were not fitted to.

    Parameters
    ----------
    levels : DataFrame
        One row an account, one column a level, scores on one scale.
    outcome : Series
        Same index: True/False (renewed) or a number.
    folds, repeats : int
        Repeated cross-validation; accounts are split at random each time.
    confidence_level : float
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``rule r2 r2_low r2_high parameters``: 'minimum' (the lowest level), 'mean', and 'each level' (all of them,
        each with its weight); r2 is 1 - squared error / variance on accounts left out, r2_low and r2_high its spread
        over the repeats (not an interval for other accounts). ``attrs``: ``best`` (minimum or mean), ``difference low
        high`` (r2 of minimum minus r2 of mean, interval over accounts), ``n``, ``correlation`` (of the two scores:
        near 1 the rules can hardly be told apart). With fewer than four accounts a fold, or an outcome that does not
        vary, everything is missing and ``best`` empty.

    Notes
    -----
    Logistic regression for yes/no outcomes, least squares for numbers. Both single-score rules have two
    parameters, so neither can win by flexibility.
    """
    if not levels.index.equals(outcome.index):
        raise InputError(
            "outcome must have the same index as levels: one value an account, in the same order"
        )
    keep = levels.notna().all(axis=1) & outcome.notna()
    x, y = levels[keep].to_numpy(float), outcome[keep].to_numpy(float)
    n = len(y)
    if n < 4 * folds or np.ptp(y) == 0:
        nothing = pd.DataFrame(
            {
                "rule": ["minimum", "mean", "each level"],
                "r2": np.nan,
                "r2_low": np.nan,
                "r2_high": np.nan,
                "parameters": 0,
            }
        )
        nothing.attrs.update(best="", difference=np.nan, low=np.nan, high=np.nan, n=n, correlation=np.nan)
        return nothing
    binary = bool(np.isin(y, (0, 1)).all())
    designs = {"minimum": x.min(axis=1)[:, None], "mean": x.mean(axis=1)[:, None], "each level": x}
    rng = generator(rng)
    fold = np.array([rng.permutation(np.arange(n) % folds) for _ in range(repeats)])
    train = (fold[:, None, :] != np.arange(folds)[None, :, None]).reshape(-1, n)
    baseline = _held_out(np.ones((n, 1)), y, train, False, folds)
    spread = ((y - baseline) ** 2).sum(axis=1)
    errors, rows = {}, []
    for rule, design in designs.items():
        z = (design - design.mean(axis=0)) / np.where(design.std(axis=0) > 0, design.std(axis=0), 1)
        predicted = _held_out(np.column_stack([np.ones(n), z]), y, train, binary, folds)
        errors[rule] = (y - predicted) ** 2
        r2 = 1 - errors[rule].sum(axis=1) / spread
        rows.append((rule, r2.mean(), r2.min(), r2.max(), z.shape[1] + 1))
    table = pd.DataFrame(rows, columns=["rule", "r2", "r2_low", "r2_high", "parameters"])
    gain = (errors["mean"] - errors["minimum"]).mean(axis=0) / (spread.mean() / n)
    half = normal_quantile(confidence_level) * gain.std(ddof=1) / np.sqrt(n)
    table.attrs.update(
        best="minimum" if gain.mean() > 0 else "mean",
        difference=float(gain.mean()),
        low=float(gain.mean() - half),
        high=float(gain.mean() + half),
        n=n,
        correlation=float(np.corrcoef(x.min(axis=1), x.mean(axis=1))[0, 1]),
    )
    return table


def averaging_hides(levels: pd.DataFrame, *, cut: float, confidence_level: float = 0.95) -> pd.DataFrame:
    """Count the accounts whose average passes while a level fails.

    Parameters
    ----------
    levels : DataFrame of scores
    cut : float
        A level passes at this score or above; so does the average.
    confidence_level : float

    Returns
    -------
    DataFrame
        ``what count n share low high``: 'all levels pass', 'average passes', 'average passes, a level fails', then one
        row a level: how often it is the failing one under a passing average. Complete accounts only.

    Examples
    --------
    >>> averaging_hides(pd.DataFrame({"a": [90, 90], "b": [80, 40]}), cut=60)["count"].tolist()
    [1, 2, 1, 0, 1]
    """
    known = levels[levels.notna().all(axis=1)]
    passes, average = known >= cut, known.mean(axis=1) >= cut
    hidden = average & ~passes.all(axis=1)
    rows = [
        ("all levels pass", passes.all(axis=1).sum()),
        ("average passes", average.sum()),
        ("average passes, a level fails", hidden.sum()),
        *((f"{name} fails under a passing average", (average & ~passes[name]).sum()) for name in known),
    ]
    table = pd.DataFrame(
        [(what, int(count), len(known)) for what, count in rows], columns=["what", "count", "n"]
    )
    low, high = wilson(table["count"], table["n"], confidence_level)
    return table.assign(share=table["count"] / table.n.where(table.n > 0), low=low, high=high)


def _held_out(design: np.ndarray, y: np.ndarray, train: np.ndarray, binary: bool, folds: int) -> np.ndarray:
    """Fit every training set at once; return (repeats, n) predictions for the accounts left out."""
    weights = train.astype(float)
    k = design.shape[1]
    beta = np.zeros((len(train), k))
    ridge = 1e-6 * np.eye(k)  # keeps a separated fold finite
    for _ in range(25 if binary else 1):
        linear = beta @ design.T
        p = 1 / (1 + np.exp(-np.clip(linear, -30, 30))) if binary else linear
        w = weights * (np.maximum(p * (1 - p), 1e-9) if binary else 1.0)
        outer = (design[:, :, None] * design[:, None, :]).reshape(len(y), -1)
        hessian = (w @ outer).reshape(-1, k, k) + ridge
        gradient = (weights * (y - p)) @ design - beta @ ridge
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        beta = beta + np.clip(step, -5, 5) if binary else beta + step
        if np.abs(step).max() < 1e-8:
            break
    linear = beta @ design.T
    p = 1 / (1 + np.exp(-np.clip(linear, -30, 30))) if binary else linear
    return np.where(train, 0.0, p).reshape(-1, folds, len(y)).sum(axis=1)
