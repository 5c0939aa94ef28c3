"""Does a fault upstream bring more faults downstream, and do faults come where functions hand over?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from ..intervals import benjamini_hochberg, normal_quantile, wilson
from .throughput import wide

__all__ = ["RiskRatio", "failure_spread", "first_fault", "handover_risk", "upstream_risk"]


class RiskRatio(NamedTuple):
    """The risk of a fault in one group against another.

    Attributes
    ----------
    ratio, low, high : float
    exposed, unexposed : float
        The two risks.
    n : int
        Customers (or pairs of stages) compared.
    """

    ratio: float
    low: float
    high: float
    exposed: float
    unexposed: float
    n: int


def _katz(a: float, n1: float, b: float, n0: float, confidence_level: float) -> RiskRatio:
    """Risk ratio with the log-normal interval of Katz et al. (1978); half a case is added where one count is 0."""
    if n1 == 0 or n0 == 0:
        return RiskRatio(np.nan, np.nan, np.nan, np.nan, np.nan, int(n1 + n0))
    exposed, unexposed = a / n1, b / n0
    if a == 0 or b == 0:
        a, b, n1, n0 = a + 0.5, b + 0.5, n1 + 0.5, n0 + 0.5
    ratio = (a / n1) / (b / n0)
    spread = normal_quantile(confidence_level) * np.sqrt(max(1 / a - 1 / n1 + 1 / b - 1 / n0, 0))
    return RiskRatio(
        float(ratio),
        float(ratio * np.exp(-spread)),
        float(ratio * np.exp(spread)),
        exposed,
        unexposed,
        int(n1 + n0),
    )


def upstream_risk(
    data: pd.DataFrame, *, stages: Sequence[str] | None = None, confidence_level: float = 0.95
) -> RiskRatio:
    """Return the risk of a fault in the later half of the stages, given a fault in the earlier half, against without.

    Parameters
    ----------
    data : DataFrame
        ``customer stage passed``.

    Returns
    -------
    RiskRatio
        An association: a customer who is hard to serve meets faults on both sides without one causing the other.
    """
    table = wide(data, stages).dropna()
    half = table.shape[1] // 2
    if half == 0:
        raise InputError("upstream and downstream need at least two stages")
    up = (table.iloc[:, :half] == 0).any(axis=1)
    down = (table.iloc[:, half:] == 0).any(axis=1)
    return _katz(
        int((up & down).sum()), int(up.sum()), int((~up & down).sum()), int((~up).sum()), confidence_level
    )


def failure_spread(
    data: pd.DataFrame,
    *,
    stages: Sequence[str] | None = None,
    confidence_level: float = 0.95,
    level: float = 0.05,
) -> pd.DataFrame:
    """Return, for every earlier and later stage, how a fault at the one goes with a fault at the other.

    Returns
    -------
    DataFrame
        ``upstream downstream ratio low high exposed unexposed n adjusted spreads``: ``exposed`` is the risk downstream
        after a fault upstream; ``adjusted`` the Benjamini-Hochberg p-value over all pairs.
    """
    table = wide(data, stages)
    z = normal_quantile(confidence_level)
    rows, p_values = [], []
    for first, second in combinations(table.columns, 2):
        both = table[[first, second]].dropna()
        up, down = both[first] == 0, both[second] == 0
        risk = _katz(
            int((up & down).sum()), int(up.sum()), int((~up & down).sum()), int((~up).sum()), confidence_level
        )
        rows.append((first, second, *risk))
        width = np.log(risk.high / risk.low) / (2 * z) if risk.low and np.isfinite(risk.ratio) else np.nan
        p_values.append(_two_sided(np.log(risk.ratio) / width) if width and np.isfinite(width) else np.nan)
    names = ["upstream", "downstream", *RiskRatio._fields]
    made = pd.DataFrame(rows, columns=names)
    if made.empty:
        return made.assign(adjusted=[], spreads=[])
    spreads, adjusted = benjamini_hochberg(p_values, level)
    return made.assign(adjusted=adjusted, spreads=spreads)


def _two_sided(z: float) -> float:
    from math import erfc, sqrt

    return erfc(abs(z) / sqrt(2))


def first_fault(data: pd.DataFrame, *, stages: Sequence[str] | None = None) -> pd.DataFrame:
    """Return where the first fault of a faulty journey lies.

    Returns
    -------
    DataFrame
        ``stage first_faults share low high upstream``: of the customers with any fault, the share whose first one lies
        at this stage; ``upstream`` marks the earlier half. Remedies downstream can only repair the rest.
    """
    table = wide(data, stages).dropna()
    faulty = table[(table == 0).any(axis=1)]
    position = (faulty == 0).to_numpy().argmax(axis=1) if len(faulty) else np.array([], dtype=int)
    counts = np.bincount(position, minlength=table.shape[1])
    low, high = wilson(counts, np.full(counts.size, len(faulty)))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / len(faulty) if len(faulty) else np.full(counts.size, np.nan)
    upstream = np.arange(counts.size) < table.shape[1] // 2
    return pd.DataFrame(
        {
            "stage": table.columns,
            "first_faults": counts,
            "share": share,
            "low": low,
            "high": high,
            "upstream": upstream,
        }
    )


def handover_risk(
    data: pd.DataFrame, *, stages: Sequence[str] | None = None, confidence_level: float = 0.95
) -> RiskRatio:
    """Return the risk of a fault at a stage whose function differs from that of the stage before, against the same.

    Parameters
    ----------
    data : DataFrame
        ``customer stage function passed``.

    Returns
    -------
    RiskRatio
        Over all pairs of neighbouring stages of all customers, standardised over the stages (Mantel-Haenszel), so that
        a stage which is both difficult and usually handed over does not count as a hand-over effect. The interval
        allows for several pairs of one customer only through the stages, not within a customer.
    """
    if "function" not in data:
        raise InputError("handover_risk needs the column 'function': who did the stage")
    order = list(dict.fromkeys(data["stage"])) if stages is None else list(stages)
    rows = data.dropna(subset=["customer", "stage", "function", "passed"]).drop_duplicates(
        ["customer", "stage"]
    )
    rows = rows.assign(place=rows["stage"].map({stage: i for i, stage in enumerate(order)})).dropna(
        subset="place"
    )
    rows = rows.sort_values(["customer", "place"])
    before = rows.groupby("customer")[["place", "function"]].shift()
    pair = rows[(rows["place"] - before["place"]) == 1]
    changed = (pair["function"] != before.loc[pair.index, "function"]).to_numpy()
    fault = ~pair["passed"].astype(bool).to_numpy()
    top = bottom = variance = 0.0
    for place in np.unique(pair["place"]):
        here = (pair["place"] == place).to_numpy()
        a, n1 = (fault & changed & here).sum(), (changed & here).sum()
        b, n0 = (fault & ~changed & here).sum(), (~changed & here).sum()
        total = n1 + n0
        if n1 == 0 or n0 == 0:
            continue
        top += a * n0 / total
        bottom += b * n1 / total
        variance += (n1 * n0 * (a + b) - a * b * total) / total**2
    risks = (
        fault[changed].mean() if changed.any() else np.nan,
        fault[~changed].mean() if (~changed).any() else np.nan,
    )
    if top <= 0 or bottom <= 0:
        return RiskRatio(np.nan, np.nan, np.nan, float(risks[0]), float(risks[1]), int(fault.size))
    ratio = top / bottom
    spread = normal_quantile(confidence_level) * np.sqrt(variance / (top * bottom))
    limits = ratio * np.exp(-spread), ratio * np.exp(spread)
    return RiskRatio(float(ratio), *map(float, limits), float(risks[0]), float(risks[1]), int(fault.size))
