"""What a survey of customers can add: switching costs, recommendation and trust, read through the survey's own blocks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.methods.intervals import newcombe
from cxlab.methods.least_squares import complete_cases, fit

from .hostages import Difference

__all__ = ["Slope", "from_survey", "recommend_gap", "slope_beside"]


class Slope(NamedTuple):
    """A standardised slope with its HC3 interval; missing below 20 complete rows."""

    value: float
    low: float
    high: float
    n: int


def from_survey(survey: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that the hostage question needs, missing where the survey does not ask.

    Parameters
    ----------
    survey : DataFrame
        As :func:`cx.open_source` gives it, with ``attrs`` blocks, outcomes, roles and labels.

    Returns
    -------
    DataFrame
        ``satisfaction loyalty`` (composites), ``dependence`` (mean of the block switching), ``recommend`` (the item
        whose label speaks of recommending), ``trust`` (items in that role), ``quality`` (mean of the block product).
    """
    blocks, roles = survey.attrs.get("blocks", {}), survey.attrs.get("roles", {})
    labels = survey.attrs.get("labels", {})
    items = {
        "satisfaction": survey.attrs.get("outcomes", {}).get("satisfaction", []),
        "loyalty": survey.attrs.get("outcomes", {}).get("loyalty", []),
        "dependence": blocks.get("switching", []),
        "recommend": [name for name, text in labels.items() if "recommend" in str(text)][:1],
        "trust": roles.get("trust", blocks.get("trust", [])),
        "quality": blocks.get("product", []),
    }
    table = pd.DataFrame(index=survey.index)
    for name, columns in items.items():
        known = [column for column in columns if column in survey]
        values = survey[known].mean(axis=1, skipna=False) if known else np.nan
        table[name] = values if known else pd.Series(np.nan, index=survey.index)
    return table


def recommend_gap(
    table: pd.DataFrame, *, satisfied: float, recommends: float, confidence_level: float = 0.95
) -> Difference:
    """Return the share that recommends among the satisfied minus that among the others (Newcombe)."""
    known = table[["satisfaction", "recommend"]].dropna()
    yes, happy = known["recommend"] >= recommends, known["satisfaction"] >= satisfied
    if not happy.any() or happy.all():
        return Difference(*[float("nan")] * 3, int(happy.sum()), int((~happy).sum()))
    counts = (yes[happy].sum(), happy.sum(), yes[~happy].sum(), (~happy).sum())
    value, low, high = newcombe(*counts, confidence_level)
    return Difference(float(value), float(low), float(high), int(happy.sum()), int((~happy).sum()))


def slope_beside(
    table: pd.DataFrame, *, outcome: str, cause: str, beside: str, confidence_level: float = 0.95
) -> Slope:
    """Return the standardised slope of ``outcome`` on ``cause`` in a joint fit with ``beside``."""
    columns = [outcome, cause, beside]
    if len(table[columns].dropna()) < 20:
        return Slope(*[float("nan")] * 3, n=0)
    known = complete_cases(table, columns)
    z = (known - known.mean()) / known.std(ddof=0)
    result = fit(z[outcome], np.column_stack([np.ones(len(z)), z[cause], z[beside]]))
    value, low, high, _ = result.contrast([0, 1, 0], confidence_level)
    return Slope(value, low, high, len(z))
