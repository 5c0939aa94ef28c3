"""Long exposure: whoever stays longer and touches more meets a failure more surely."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, percentile_interval, wilson
from cxlab.methods.outlets._checks import require

__all__ = ["PRESETS", "YEARS", "ExposureGap", "control", "exposure", "exposure_gap", "observed_exposure"]

# Illustrative orders of magnitude, ours: touchpoints a year, and the share of them that one organisation controls.
PRESETS = pd.DataFrame(
    {
        "place": ["coffee shop", "mall", "city", "country"],
        "touchpoints": [12, 60, 700, 1500],
        "control": [0.95, 0.30, 0.10, 0.03],
    }
)
YEARS = pd.DataFrame({"years": [0.1, 0.25, 0.5, 1, 2, 3, 5, 7, 10, 15, 20]})


def exposure(
    touchpoints: float | np.ndarray,
    *,
    failure: float,
    years: float | np.ndarray = 1.0,
    likeness: float = 0.0,
) -> np.ndarray:
    """Return the chance to have met at least one failure.

    Parameters
    ----------
    touchpoints : number or array
        A year.
    failure : float
        Chance of a failure at a touchpoint, 0..1.
    years : number or array
        How long.
    likeness : float
        Correlation of two of one person's touchpoints (0: independent; above: some people meet them all the time,
        others never), 0 up to below 1.

    Returns
    -------
    array
        ``1 - (1 - failure) ** n`` with n = touchpoints x years, or its beta-binomial form when likeness is above 0.

    Examples
    --------
    >>> exposure([1, 100], failure=0.02).round(3).tolist()
    [0.02, 0.867]
    """
    from scipy.special import betaln

    if not 0 <= failure <= 1:
        raise ValueError(f"failure={failure} is a chance: it must lie between 0 and 1")
    if not 0 <= likeness < 1:
        raise ValueError(f"likeness={likeness} is a correlation: it must lie between 0 and below 1")
    n = np.asarray(touchpoints, float) * np.asarray(years, float)
    if (n < 0).any():
        raise ValueError("touchpoints and years must be 0 or more")
    if failure in (0.0, 1.0) or likeness < 1e-7:  # the limit; below it the beta functions lose their digits
        return 1 - (1 - failure) ** n
    size = 1 / likeness - 1
    a, b = failure * size, (1 - failure) * size
    return 1 - np.exp(betaln(a, b + n) - betaln(a, b))


def observed_exposure(
    sample: pd.DataFrame, *, edges: tuple[int, ...] = (1, 2, 3, 5, 9, 17, 33), min_cell: int = 5
) -> pd.DataFrame:
    """Return how many people met at least one failure, by how many of their visits were rated.

    Parameters
    ----------
    sample : DataFrame
        Visits of whole people: ``person failed`` (missing where the visit was not rated).
    edges : tuple of int
        Lower ends of the groups of rated visits.

    Returns
    -------
    DataFrame
        ``visits`` (label), ``mean_visits people share low high`` (Wilson), ``independent``: the share if each visit
        failed by chance alone at the common rate. Groups below ``min_cell`` people are left out.
    """
    require(sample, ["person", "failed"], "sample")
    rated = sample.dropna(subset=["failed"])
    if rated.empty:
        raise InputError("failed is missing everywhere: no visit was rated")
    people = (
        rated.assign(failed=rated["failed"].astype(float))
        .groupby("person")["failed"]
        .agg(n="size", failures="sum")
    )
    rate = people["failures"].sum() / people["n"].sum()
    place = np.searchsorted(edges, people["n"].to_numpy(), side="right") - 1
    rows = []
    for number, low_edge in enumerate(edges):
        inside = people[place == number]
        if len(inside) < min_cell:
            continue
        top = edges[number + 1] - 1 if number + 1 < len(edges) else None
        label = (
            f"{low_edge} or more"
            if top is None
            else str(low_edge)
            if top == low_edge
            else f"{low_edge} to {top}"
        )
        met = int((inside["failures"] > 0).sum())
        low, high = wilson(met, len(inside))
        chance = float((1 - (1 - rate) ** inside["n"]).mean())
        rows.append(
            (label, inside["n"].mean(), len(inside), met / len(inside), float(low), float(high), chance)
        )
    table = pd.DataFrame(
        rows, columns=["visits", "mean_visits", "people", "share", "low", "high", "independent"]
    )
    table.attrs["failure"] = float(rate)
    return table


class ExposureGap(NamedTuple):
    """The long-staying role against a customer of one visit.

    Attributes
    ----------
    difference, low, high : float
        Chance to have met a failure in a year: role minus one visit.
    role_chance, one_visit : float
    visits : float
        Mean visits a year of the role.
    failure, likeness : float
        Chance of a failure at one visit of the role; correlation within its people.
    people : int
        Of the role, with a rated visit.
    """

    difference: float
    low: float
    high: float
    role_chance: float
    one_visit: float
    visits: float
    failure: float
    likeness: float
    people: int


def exposure_gap(
    sample: pd.DataFrame,
    *,
    role: str = "resident",
    years: float = 1.0,
    bootstrap: int = 300,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> ExposureGap:
    """Compare the chance to have met a failure of one role's people over a year with that of a single visit.

    Parameters
    ----------
    sample : DataFrame
        Visits of whole people: ``person role failed``.
    role : str
        The role that stays; visits of a person in other roles are left out.
    years : float
        What the data span, to turn visits into visits a year.

    Returns
    -------
    ExposureGap

    Notes
    -----
    Failures are seen on rated visits only; the chance for all visits assumes that unrated ones fail as often.
    Likeness by the moment estimator of the intraclass correlation of binary data (Fleiss & Cuzick 1979), cut to
    0..0.5; interval by a bootstrap over people; one visit has the failure rate of all visits.
    """
    require(sample, ["person", "role", "failed"], "sample")
    if role not in set(sample["role"]):
        raise InputError(
            f"role={role!r} does not occur; there are {', '.join(sorted(map(str, set(sample['role']))))}"
        )
    part = sample[sample["role"] == role]
    everyone = (
        sample.dropna(subset=["failed"]).groupby("person")["failed"].agg(["size", "sum"]).to_numpy(float)
    )
    seen = part.groupby("person")["failed"].agg(visits="size", n="count", failures="sum").to_numpy(float)
    if (seen[:, 1] > 0).sum() < 10:
        raise InputError(
            f"role={role!r} has {(seen[:, 1] > 0).sum():.0f} people with a rated visit: at least 10 are needed"
        )
    rng = generator(rng)

    def value(rows: np.ndarray, others: np.ndarray) -> tuple[float, ...]:
        visits = rows[:, 0].mean() / years
        n, x = rows[rows[:, 1] > 0, 1], rows[rows[:, 1] > 0, 2]
        p = x.sum() / n.sum()
        likeness = 0.0
        if 0 < p < 1 and n.sum() > len(n):
            likeness = 1 - (x * (n - x) / n).sum() / ((n.sum() - len(n)) * p * (1 - p))
        likeness = min(max(likeness, 0.0), 0.5)
        one = others[:, 1].sum() / others[:, 0].sum()
        chance = float(exposure(visits, failure=p, likeness=likeness))
        return chance - one, chance, one, visits, p, likeness

    found = value(seen, everyone)
    draws = [
        value(
            seen[rng.integers(0, len(seen), len(seen))],
            everyone[rng.integers(0, len(everyone), len(everyone))],
        )[0]
        for _ in range(bootstrap)
    ]
    low, high = percentile_interval(draws, confidence_level)
    return ExposureGap(found[0], float(low), float(high), *map(float, found[1:]), int((seen[:, 1] > 0).sum()))


def control(cells: pd.DataFrame, *, min_cell: int = 5) -> pd.DataFrame:
    """Return what part of the dissatisfaction of its customers each organisation could act on itself.

    Parameters
    ----------
    cells : DataFrame
        Visits of whole people: ``person organisation satisfied`` (missing where not rated).

    Returns
    -------
    DataFrame, least control first
        ``organisation people`` (with a rated visit there), ``own`` and ``elsewhere``: rated dissatisfied visits of
        these people in the organisation and outside it; ``control low high``: own over both (Wilson). Rows below
        ``min_cell`` people are left out.
    """
    require(cells, ["person", "organisation", "satisfied"], "cells")
    rated = cells.dropna(subset=["satisfied"])
    bad = (
        rated.assign(bad=~rated["satisfied"].astype(bool))
        .groupby(["person", "organisation"])["bad"]
        .sum()
        .reset_index()
    )
    bad["all"] = bad.groupby("person")["bad"].transform("sum")
    table = (
        bad.groupby("organisation")
        .agg(people=("person", "size"), own=("bad", "sum"), total=("all", "sum"))
        .reset_index()
    )
    table["elsewhere"] = table["total"] - table["own"]
    table = table[(table["people"] >= min_cell) & (table["total"] >= min_cell)]
    table["control"] = table["own"] / table["total"]
    table["low"], table["high"] = wilson(table["own"], table["total"])
    columns = ["organisation", "people", "own", "elsewhere", "control", "low", "high"]
    return table[columns].sort_values("control", kind="stable", ignore_index=True)
