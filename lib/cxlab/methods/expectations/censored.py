"""Regression where the top of an answer scale hides how much better it could have been."""

from __future__ import annotations

import numpy as np

__all__ = ["censored_fit"]


def censored_fit(y: np.ndarray, x: np.ndarray, top: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit a regression in which answers above ``top`` mean "top or more" (Tobin 1958), errors robust.

    Parameters
    ----------
    y : array (n,)
    x : array (n, k), with an intercept
    top : float
        Some answers must lie above it and some below.

    Returns
    -------
    coefficients (k,), covariance (k, k)
        Maximum likelihood by Newton steps in the parametrisation of Olsen (1978), in which it has one peak; sandwich
        covariance.
    """
    from scipy.special import log_ndtr

    full = y > top
    # Olsen (1978): in gamma = beta / sigma and theta = 1 / sigma the likelihood is concave.
    start = np.linalg.lstsq(x, y, rcond=None)[0]
    theta = 1 / max(float((y - x @ start).std()), 1e-6)
    parameters = np.append(start * theta, theta)
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
    bread = np.linalg.inv(hessian)
    robust = bread @ (scores.T @ scores) @ bread * len(y) / (len(y) - k - 1)
    gamma, theta = parameters[:k], parameters[k]
    jacobian = np.column_stack([np.eye(k) / theta, -gamma / theta**2])
    return gamma / theta, jacobian @ robust @ jacobian.T
