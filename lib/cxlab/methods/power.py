"""Power and sample size of a comparison of two groups, with clusters and with a measurement beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = ["power_table", "power_two_groups", "size_two_groups"]


def power_two_groups(
    n_per_group: ArrayLike,
    *,
    effect: ArrayLike,
    sd: float = 1.0,
    cluster_size: float = 1.0,
    intraclass: float = 0.0,
    before_after: float = 0.0,
    confidence_level: float = 0.95,
) -> NDArray[np.float64]:
    """Return the chance that a comparison of two groups finds a true difference.

    Parameters
    ----------
    n_per_group, effect : arrays
        People in each group, and the true difference of the means in the outcome's own unit; broadcast.
    sd : float
        Spread of the outcome between people.
    cluster_size, intraclass : float
        People per firm, branch or day, and the correlation among them (0 = none). Randomising or comparing whole
        clusters multiplies the variance by ``1 + (cluster_size - 1) * intraclass`` (Kish 1965).
    before_after : float
        Correlation with the same measure taken beforehand; adjusting for it leaves ``1 - r^2`` of the variance.
    confidence_level : float
        One minus the two-sided level of the test.

    Returns
    -------
    array of chances in 0..1 (noncentral t, as in Cohen 1988); degrees of freedom count clusters.

    Examples
    --------
    >>> round(float(power_two_groups(64, effect=0.5)), 2)
    0.8
    """
    from scipy.stats import nct, t

    _check(sd, cluster_size, intraclass, before_after, confidence_level)
    n, effect = np.broadcast_arrays(np.asarray(n_per_group, dtype=float), np.asarray(effect, dtype=float))
    variance = 2 * sd**2 * (1 - before_after**2) * (1 + (cluster_size - 1) * intraclass) / n
    dof = np.maximum(2 * n / cluster_size - 2, 1e-9)
    noncentral = np.abs(effect) / np.sqrt(variance)
    critical = t.ppf(0.5 + confidence_level / 2, dof)
    with np.errstate(all="ignore"):
        power = nct.sf(critical, dof, noncentral) + nct.cdf(-critical, dof, noncentral)
    # far out in the tail the noncentral t is numerically empty: the test is then sure to find the effect
    return np.where(
        dof < 0.5, 1 - confidence_level, np.where(noncentral > 35, 1.0, np.nan_to_num(power, nan=1.0))
    )[()]


def power_table(
    n_per_group: Sequence[int], *, effect: float, design: str = "", **facts: float
) -> pd.DataFrame:
    """Return power by sample size as a table to draw: ``design n power``; ``facts`` as in ``power_two_groups``."""
    power = power_two_groups(n_per_group, effect=effect, **facts)
    return pd.DataFrame({"design": design, "n": list(n_per_group), "power": power})


def size_two_groups(*, effect: float, power: float = 0.8, **design: float) -> int:
    """Return the smallest number of people per group that reaches ``power``, in whole clusters.

    ``design`` takes the keywords of ``power_two_groups``.

    Examples
    --------
    >>> size_two_groups(effect=0.5)
    64
    """
    if effect == 0:
        raise ValueError("effect=0 cannot be found by any sample; give the smallest effect that would matter")
    if not 0 < power < 1:
        raise ValueError(f"power={power!r} must lie between 0 and 1, for example 0.8")
    step = design.get("cluster_size", 1.0)
    low, high = 1, 2
    while power_two_groups(high * step, effect=effect, **design) < power:
        low, high = high, high * 2
        if high > 2**40:
            raise ValueError(
                f"effect={effect!r} is too small: no sample of a sensible size reaches a power of {power}"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle)
            if power_two_groups(middle * step, effect=effect, **design) >= power
            else (middle, high)
        )
    return int(np.ceil(high * step))


def _check(
    sd: float, cluster_size: float, intraclass: float, before_after: float, confidence_level: float
) -> None:
    if sd <= 0:
        raise ValueError(f"sd={sd!r} must be positive: the spread of the outcome between people")
    if cluster_size < 1:
        raise ValueError(f"cluster_size={cluster_size!r} must be at least 1")
    if not 0 <= intraclass < 1:
        raise ValueError(
            f"intraclass={intraclass!r} must lie in 0..1; 0.05 to 0.15 is usual for customers of a firm"
        )
    if not -1 < before_after < 1:
        raise ValueError(f"before_after={before_after!r} is a correlation and must lie between -1 and 1")
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level={confidence_level!r} must lie between 0 and 1, for example 0.95")
