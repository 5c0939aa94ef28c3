"""One row a customer out of a log with scores: what moves the first purchase, what moves the next one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from ..intervals import generator, percentile_interval
from .after import breakdown_to_churn, hurdle_effect
from .frames import times
from .semantics import DAY

__all__ = ["journey_findings", "purchase_table", "score_effects"]

_SIDES = ("product", "experience")


def purchase_table(
    events: pd.DataFrame,
    *,
    before: str = "evaluation",
    first: str = "purchase",
    repeat: str = "repeat purchase",
    hurdle: str = "hurdle",
    follow: float = 90.0,
) -> pd.DataFrame:
    """Return one row a customer who came to the step before the purchase.

    Parameters
    ----------
    events : DataFrame
        ``customer_id event timestamp`` and the columns ``product_score`` and ``experience_score`` where there are any.
    follow : float
        Days: a customer counts as repeating or not only when seen that long after the purchase.

    Returns
    -------
    DataFrame
        Index customer; ``hurdle converted repeated`` (missing where it cannot be known) and the scores.
    """
    stamp = pd.Series(times(events["timestamp"]) / DAY, index=events.index)
    found = {}
    for name in (before, first, repeat, hurdle):
        own = events["event"] == name
        found[name] = stamp[own].groupby(events.loc[own, "customer_id"]).min()
    base = found[before]
    if base.empty:
        raise InputError(f"before={before!r} never occurs; name the event that stands before the purchase")
    bought = found[first].reindex(base.index)
    again = found[repeat].reindex(base.index)
    made = pd.DataFrame({"hurdle": found[hurdle].reindex(base.index).notna(), "converted": bought.notna()})
    known = bought.notna() & (bought + follow <= stamp.max())
    made["repeated"] = ((again - bought) <= follow).astype(float).where(known)
    for side in _SIDES:
        if f"{side}_score" in events:
            made[f"{side}_score"] = events.groupby("customer_id")[f"{side}_score"].first().reindex(base.index)
    return made


def score_effects(
    customers: pd.DataFrame,
    *,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return how the two scores move the first and the repeat purchase.

    Parameters
    ----------
    customers : DataFrame
        From :func:`purchase_table`, with both scores.

    Returns
    -------
    DataFrame
        Index side; ``first repeat difference low high``: standardised least-squares slopes of the two outcomes on both
        scores together, and first less repeat with its bootstrap interval (customers resampled).
    """
    names = [f"{side}_score" for side in _SIDES]
    missing = [name for name in names if name not in customers]
    if missing:
        raise InputError(f"customers has no column {missing[0]!r}; scores of both sides are needed")
    data = customers.dropna(subset=names)
    x = data[names].to_numpy(float)
    y = np.column_stack([data["converted"].astype(float), data["repeated"].astype(float)])
    random = generator(rng)

    def slopes(rows):
        return np.array([_standard(x[rows], y[rows, k]) for k in (0, 1)])

    observed = slopes(np.arange(len(x)))
    draws = np.array(
        [np.subtract(*slopes(random.integers(0, len(x), len(x)))) for _ in range(max(bootstrap, 2))]
    )
    low, high = percentile_interval(draws, confidence_level)
    columns = {
        "first": observed[0],
        "repeat": observed[1],
        "difference": observed[0] - observed[1],
        "low": low,
        "high": high,
    }
    return pd.DataFrame(columns, index=pd.Index(_SIDES, name="side"))


def _standard(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    keep = ~np.isnan(y)
    x, y = x[keep], y[keep]
    if len(y) < 5 or y.std() == 0 or (x.std(axis=0) == 0).any():
        return np.full(x.shape[1], np.nan)
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    return np.linalg.lstsq(x, y, rcond=None)[0]


def journey_findings(
    events: pd.DataFrame, *, bootstrap: int = 500, rng: int | np.random.Generator | None = None
) -> list[dict]:
    """Return what a log with scores says about hurdles, first and repeat purchase, and breakdowns, ready to record.

    Returns
    -------
    list of dict
        ``name value low high unit n``; what the log cannot give is left out.
    """
    made: list[dict] = []
    names = set(events["event"])
    if {"evaluation", "purchase"} <= names:
        customers = purchase_table(events)
        for side in _SIDES:
            if f"{side}_score" in customers and {"hurdle"} <= names:
                top = hurdle_effect(customers, score=f"{side}_score").iloc[-1]
                made.append(
                    _finding(
                        f"hurdle-effect-top-{side}", top, "difference", "share of customers", top["customers"]
                    )
                )
        if "repeat purchase" in names and {f"{side}_score" for side in _SIDES} <= set(customers):
            effects = score_effects(customers, bootstrap=bootstrap, rng=rng)
            for side in _SIDES:
                row = effects.loc[side]
                made.append(
                    _finding(
                        f"first-minus-repeat-{side}", row, "difference", "standardised slope", len(customers)
                    )
                )
    if {"breakdown", "left", "purchase"} <= names:
        start = "after purchase" if "after purchase" in names else "purchase"
        ratio = breakdown_to_churn(events, start=start, breakdown="breakdown", leave="left")
        row = pd.Series(ratio._asdict())
        made.append(
            _finding(
                "breakdown-churn-ratio", row, "ratio", "hazard ratio", ratio.left_after + ratio.left_before
            )
        )
    return [
        finding for finding in made if np.isfinite([finding["value"], finding["low"], finding["high"]]).all()
    ]


def _finding(name: str, row: pd.Series, value: str, unit: str, n: float) -> dict:
    return {
        "name": name,
        "value": float(row[value]),
        "low": float(row["low"]),
        "high": float(row["high"]),
        "unit": unit,
        "n": int(n),
    }
