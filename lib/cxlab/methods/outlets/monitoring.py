"""Change over time: per outlet with control limits, and pooled, where a thinly spread fault shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import benjamini_hochberg, newcombe, normal_quantile

from ._checks import counts, require
from .limits import winsorised_variance

__all__ = ["PooledDetection", "month_changes", "pooled_detection"]


def month_changes(
    data: pd.DataFrame,
    *,
    confidence_level: float = 0.998,
    discovery: float = 0.05,
    min_cell: int = 5,
) -> pd.DataFrame:
    """Return each outlet's month against the month before, with limits for what chance and common swings allow.

    Parameters
    ----------
    data : DataFrame
        One row an outlet and month: ``outlet month n satisfied``; months that sort in time order.
    confidence_level : float
        Of the control limits.
    discovery : float
        False-discovery rate over all outlets and months.
    min_cell : int
        Outlet-months with fewer rated visits are left out (and the change across such a gap).

    Returns
    -------
    DataFrame, sorted by outlet and month
        ``outlet month n rate previous_n previous change``; ``limit`` the change that chance allows (plus or minus,
        widened by the spread seen over all changes); ``low high`` Newcombe interval of the change at 95 %; ``z``
        (after widening), ``p``, ``flag`` -1/0/1 beyond the limit, ``discovery`` boolean.
        ``attrs["phi"]``: the spread factor, at least 1; ``attrs["left_out"]`` how many outlet-months were too small.

    Notes
    -----
    The p' chart of Laney (2002) on differences: z of each change under equal rates, widened by the winsorised
    root mean square of all z. What moves every outlet alike (season, a central fault) is taken out first by month,
    where there are ten outlets or more: see :func:`pooled_detection` for that.

    Examples
    --------
    >>> year = pd.DataFrame({"outlet": ["A"] * 4, "month": [1, 2, 3, 4], "n": [400] * 4, "satisfied": [320, 322, 318, 200]})
    >>> month_changes(year)["flag"].tolist()
    [0, 0, -1]
    """
    require(data, ["outlet", "month"])
    x, n = counts(data)
    frame = pd.DataFrame(
        {"outlet": data["outlet"].to_numpy(), "month": data["month"].to_numpy(), "n": n, "x": x}
    )
    months = {month: place for place, month in enumerate(sorted(frame["month"].unique()))}
    if len(months) < 2:
        raise InputError(f"month has {len(months)} value(s): a change needs two months; give a longer period")
    small = frame["n"] < min_cell
    frame = frame[~small].copy()
    frame["place"] = frame["month"].map(months)
    frame = frame.sort_values(["outlet", "place"], kind="stable")
    before = frame.groupby("outlet", sort=False, observed=True)[["n", "x", "place"]].shift()
    follows = (frame["place"] - before["place"]) == 1
    frame, before = frame[follows], before[follows]
    if frame.empty:
        raise InputError(
            f"no outlet has two months in a row with {min_cell} rated visits: lower min_cell or pool months"
        )
    n1, x1, n0, x0 = (values.to_numpy(float) for values in (frame["n"], frame["x"], before["n"], before["x"]))
    pooled = (x1 + x0) / (n1 + n0)
    pooled = (pooled * (n1 + n0) + 1) / (n1 + n0 + 2)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    change, low, high = newcombe(x1, n1, x0, n0)
    weight = 1 / error**2
    place = frame["place"].to_numpy()
    common = np.bincount(place, weight * change, len(months)) / np.maximum(
        np.bincount(place, weight, len(months)), 1e-12
    )
    common = np.where(
        np.bincount(place, minlength=len(months)) >= 10, common, 0.0
    )  # of a few, it would be themselves
    z = (change - common[place]) / error
    bounds = np.quantile(z, [0.1, 0.9])
    core = (z.clip(*bounds) ** 2).mean() / winsorised_variance(0.1) if len(z) >= 20 else 1.0
    phi = float(np.sqrt(max(1.0, core)))
    from scipy.special import ndtr

    widened = z / phi
    p = 2 * ndtr(-np.abs(widened))
    edge = normal_quantile(confidence_level)
    table = frame[["outlet", "month"]].reset_index(drop=True)
    table["n"] = data["n"].to_numpy()[frame.index]  # as it came: a count stays a whole number
    table["rate"], table["previous_n"], table["previous"] = x1 / n1, n0, x0 / n0
    table["change"], table["limit"] = change, edge * phi * error
    table["low"], table["high"], table["z"], table["p"] = low, high, widened, p
    table["flag"] = np.where(np.abs(widened) > edge, np.sign(widened), 0).astype(int)
    table["discovery"] = benjamini_hochberg(p, discovery)[0]
    table.attrs.update(phi=phi, left_out=int(small.sum()))
    return table


class PooledDetection(NamedTuple):
    """What only the whole sees.

    Attributes
    ----------
    table : DataFrame
        ``outlet before_n before after_n after change p discovery``.
    detected : int
        Outlets whose own change survives the false-discovery control.
    outlets : int
        Outlets tested.
    change, low, high : float
        Pooled change in the rate: Mantel-Haenszel risk difference over outlets.
    p : float
        Two-sided, of the pooled change.
    """

    table: pd.DataFrame
    detected: int
    outlets: int
    change: float
    low: float
    high: float
    p: float


def pooled_detection(
    data: pd.DataFrame, *, confidence_level: float = 0.95, discovery: float = 0.05, min_cell: int = 5
) -> PooledDetection:
    """Test a before-after change in each outlet alone and in all outlets together.

    Parameters
    ----------
    data : DataFrame
        One row an outlet and period: ``outlet after n satisfied`` with ``after`` boolean; any event may stand for
        satisfied (comments that name signs, say).
    min_cell : int
        Outlets with fewer cases before or after are left out.

    Returns
    -------
    PooledDetection

    Notes
    -----
    Per outlet: score test of two proportions, Benjamini-Hochberg over outlets. Pooled: the Mantel-Haenszel risk
    difference with the variance of Sato (1989), which stays right with many small outlets. A before-after change is
    not a cause: season and other changes are in it.

    Examples
    --------
    >>> spread = pd.DataFrame({"outlet": [o for o in range(400) for _ in (0, 1)], "after": [False, True] * 400,
    ...                        "n": 40, "satisfied": [33, 31] * 400})
    >>> found = pooled_detection(spread)
    >>> found.detected, found.p < 1e-6
    (0, True)
    """
    require(data, ["outlet", "after"])
    x, n = counts(data)
    frame = pd.DataFrame(
        {"outlet": data["outlet"].to_numpy(), "after": data["after"].to_numpy(bool), "n": n, "x": x}
    )
    wide = frame.pivot_table(index="outlet", columns="after", values=["n", "x"], aggfunc="sum", observed=True)
    if True not in wide["n"].columns or False not in wide["n"].columns:
        raise InputError("after has one value only: both a period before and one after are needed")
    wide = wide[(wide["n"].min(axis=1, skipna=False) >= min_cell)]
    if wide.empty:
        raise InputError(
            f"no outlet has {min_cell} cases both before and after: lower min_cell or widen the periods"
        )
    from scipy.special import ndtr

    n0, n1, x0, x1 = (wide[kind][side].to_numpy(float) for kind in "nx" for side in (False, True))
    total = n0 + n1
    pooled = (x0 + x1) / total
    error = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    change = x1 / n1 - x0 / n0
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(error > 0, 2 * ndtr(-np.abs(change / error)), 1.0)
    found = benjamini_hochberg(p, discovery)[0]
    weight = n0 * n1 / total
    difference = float((weight * change).sum() / weight.sum())
    part = (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * total)
    skew = (n1**2 * x0 - n0**2 * x1 + n0 * n1 * (n0 - n1) / 2) / total**2
    variance = float((difference * skew.sum() + part.sum()) / weight.sum() ** 2)
    half = normal_quantile(confidence_level) * np.sqrt(variance)
    table = pd.DataFrame(
        {
            "outlet": wide.index.to_numpy(),
            "before_n": n0,
            "before": x0 / n0,
            "after_n": n1,
            "after": x1 / n1,
            "change": change,
            "p": p,
            "discovery": found,
        }
    )
    z = abs(difference) / np.sqrt(variance) if variance > 0 else 0.0
    return PooledDetection(
        table,
        int(found.sum()),
        len(table),
        difference,
        float(difference - half),
        float(difference + half),
        float(2 * ndtr(-z)),
    )
