"""What share gets through without a fault: at each stage, by the product of the stages, and in truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cxlab.evidence.errors import InputError

from ..intervals import generator, percentile_interval, wilson

__all__ = [
    "ProcessYield",
    "RolledYield",
    "bottleneck_gain",
    "process_yield",
    "rolled_throughput_yield",
    "stage_yields",
    "wide",
]


class ProcessYield(NamedTuple):
    """Yields of a process from counts of defects and rework.

    Attributes
    ----------
    yield_ : float
        Share of units without a defect at the end (rework repaired).
    first_time_yield : float
        Share right the first time: no defect and no rework.
    rolled_throughput_yield : float
        Product over the stages of the share right the first time.
    dpmo : float
        Defects per million opportunities.
    """

    yield_: float
    first_time_yield: float
    rolled_throughput_yield: float
    dpmo: float


class RolledYield(NamedTuple):
    """How many customers get through every stage without a fault.

    Attributes
    ----------
    rolled : float
        Product of the stage yields: right only when faults of different stages have nothing to do with each other.
    rolled_low, rolled_high : float
    joint : float
        Observed share of customers without any fault.
    joint_low, joint_high : float
        Wilson's interval.
    dependence : float
        ``joint / rolled``: above 1 when the same customers meet the faults.
    dependence_low, dependence_high : float
        Bootstrap of customers.
    worst, worst_yield : str, float
        The stage with the lowest yield.
    clean_minus_worst, clean_minus_worst_low, clean_minus_worst_high : float
        Joint clean rate less the lowest stage yield: what the worst stage alone hides.
    n : int
        Customers seen at every stage.
    """

    rolled: float
    rolled_low: float
    rolled_high: float
    joint: float
    joint_low: float
    joint_high: float
    dependence: float
    dependence_low: float
    dependence_high: float
    worst: str
    worst_yield: float
    clean_minus_worst: float
    clean_minus_worst_low: float
    clean_minus_worst_high: float
    n: int


def process_yield(defects: ArrayLike, rework: ArrayLike, units: int) -> ProcessYield:
    """Return yield, first-time yield, rolled throughput yield and DPMO.

    Parameters
    ----------
    defects, rework : counts, one a stage
    units : int
        Opportunities: units that entered, one opportunity each.

    Notes
    -----
    The convention of the R package SixSigma (Cano, Moguerza & Redchuk 2012): every stage is related to the units that
    entered the process.

    Examples
    --------
    >>> round(process_yield([3, 5, 12], [1, 2, 4], 1915).rolled_throughput_yield, 7)
    0.9859563
    """
    defects, rework = np.asarray(defects, dtype=float), np.asarray(rework, dtype=float)
    if defects.shape != rework.shape or defects.size == 0:
        raise InputError("defects and rework must have one count a stage, for the same stages")
    if units <= 0 or (defects < 0).any() or (rework < 0).any() or (defects + rework > units).any():
        raise InputError(
            f"units={units!r} must be at least the defects and rework of every stage, none negative"
        )
    return ProcessYield(
        float(1 - defects.sum() / units),
        float(1 - (defects.sum() + rework.sum()) / units),
        float(np.prod(1 - (defects + rework) / units)),
        float(defects.sum() / units * 1e6),
    )


def wide(data: pd.DataFrame, stages: Sequence[str] | None = None) -> pd.DataFrame:
    """Return ``stage_quality`` rows as one row a customer and one column a stage: 1 passed, 0 not, NaN not seen.

    A customer who met a stage more than once, or through several functions, passed it when all of them went right.
    """
    missing = [name for name in ("customer", "stage", "passed") if name not in data]
    if missing:
        raise InputError(f"stage_quality has no column {missing[0]!r}; it needs customer, stage and passed")
    data = data.dropna(subset=["customer", "stage", "passed"])
    if data.empty:
        raise InputError("stage_quality has no complete row; it needs customer, stage and passed")
    order = list(dict.fromkeys(data["stage"])) if stages is None else list(stages)
    flag = data["passed"].astype(bool).astype(float)
    table = flag.groupby([data["customer"], data["stage"]], observed=True).min().unstack("stage")
    return table.reindex(columns=order)


def stage_yields(data: pd.DataFrame, *, stages: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the first-time yield of each stage.

    Parameters
    ----------
    data : DataFrame
        ``customer stage passed``.
    stages : names in order, optional
        Default: the order in which they first appear.

    Returns
    -------
    DataFrame
        ``stage customers passed first_time_yield low high rolled``: Wilson's interval; ``rolled`` is the running
        product.
    """
    table = wide(data, stages)
    seen, passed = table.notna().sum(), table.sum()
    low, high = wilson(passed, seen)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(seen > 0, passed / seen, np.nan)
    made = pd.DataFrame(
        {"stage": table.columns, "customers": seen.to_numpy(), "passed": passed.astype(int).to_numpy()}
    )
    return made.assign(first_time_yield=share, low=low, high=high, rolled=np.cumprod(share))


def rolled_throughput_yield(
    data: pd.DataFrame,
    *,
    stages: Sequence[str] | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> RolledYield:
    """Return the rolled throughput yield beside the share of customers who really met no fault.

    Parameters
    ----------
    data : DataFrame
        ``customer stage passed``; customers who were not seen at every stage are left out.
    bootstrap : int
        Resamples of customers.

    Returns
    -------
    RolledYield

    Notes
    -----
    The product of yields (Breyfogle 1999) assumes independent stages. With dependent faults it is too low: the truth
    is the joint clean rate. Resampling counts of the distinct patterns keeps the cost independent of the customers.
    """
    table = wide(data, stages).dropna()
    n = len(table)
    if n == 0:
        raise InputError(
            "no customer was seen at every stage; pass stages= to choose those that customers share"
        )
    patterns, counts = np.unique(table.to_numpy(dtype=bool), axis=0, return_counts=True)
    clean = patterns.all(axis=1)

    def figures(weights):
        shares = weights @ patterns / n
        rolled, joint = shares.prod(axis=-1), weights @ clean / n
        with np.errstate(invalid="ignore", divide="ignore"):
            return rolled, joint, joint / rolled, joint - shares.min(axis=-1)

    rolled, joint, dependence, less = figures(counts)
    draws = generator(rng).multinomial(n, counts / n, size=max(bootstrap, 2))
    limits = [percentile_interval(values, confidence_level) for values in figures(draws)]
    joint_low, joint_high = wilson(int(counts[clean].sum()), n, confidence_level)
    shares = counts @ patterns / n
    worst = int(np.argmin(shares))
    return RolledYield(
        float(rolled), *map(float, limits[0]),
        float(joint), float(joint_low), float(joint_high),
        float(dependence), *map(float, limits[2]),
        str(table.columns[worst]), float(shares[worst]),
        float(less), *map(float, limits[3]),
        n,
    )  # fmt: skip


def bottleneck_gain(
    data: pd.DataFrame, *, stages: Sequence[str] | None = None, cost: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return how much one percentage point at each stage would add to the rolled and to the joint clean rate.

    Parameters
    ----------
    data : DataFrame
        ``customer stage passed``.
    cost : mapping of stage to number, optional
        What one point costs there.

    Returns
    -------
    DataFrame
        ``stage first_time_yield rolled_gain joint_gain [cost gain_per_cost]``, the best joint gain first.
        ``rolled_gain`` takes faults as independent: the lowest yield always wins. ``joint_gain`` removes one point of
        customers' faults at the stage at random: only those who had no other fault become clean. Both in points.
    """
    table = wide(data, stages).dropna()
    yields = table.mean()
    rolled = float(yields.prod())
    faults = 1 - table
    only_here = (faults.sum(axis=1) == 1).to_numpy()[:, None] & (faults == 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        alone = np.where(faults.sum() > 0, only_here.sum() / faults.sum(), 0.0)
    made = pd.DataFrame(
        {
            "stage": yields.index,
            "first_time_yield": yields.to_numpy(),
            "rolled_gain": rolled / yields.to_numpy(),
            "joint_gain": alone * (faults.mean().to_numpy() > 0),
        }
    )
    if cost is not None:
        unknown = [stage for stage in made["stage"] if stage not in cost]
        if unknown:
            raise InputError(
                f"cost lacks the stage {unknown[0]!r}; give one number for each of {', '.join(made['stage'])}"
            )
        made["cost"] = [float(cost[stage]) for stage in made["stage"]]
        if (made["cost"] <= 0).any():
            raise InputError("every cost must be above 0: it is what one point of yield costs at that stage")
        made["gain_per_cost"] = made["joint_gain"] / made["cost"]
    by = "gain_per_cost" if cost is not None else "joint_gain"
    return made.sort_values(by, ascending=False, kind="stable", ignore_index=True)
