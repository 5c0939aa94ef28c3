"""What the gap between reality and expectation explains, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..composites import composites
from ..intervals import percentile_interval
from ..least_squares import bootstrap_moments, fit, leave_one_out_r2, solve_moments
from .surface import SHAPES, Surface, congruence, design

__all__ = ["compare_gap_models", "gap_findings", "gap_table"]

_MODELS = {
    "gap alone": None,
    "perceived alone": (0, 1),
    "both, straight": (0, 1, 2),
    "full surface": (0, 1, 2, 3, 4, 5),
}


def compare_gap_models(
    data: pd.DataFrame,
    *,
    perceived: str,
    expected: str,
    outcome: str,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return how much of the outcome the gap alone explains, against perception alone and the full surface.

    Returns
    -------
    DataFrame
        Index ``model``; ``parameters r2 low high cv_r2 lost lost_low lost_high``: R2 with its percentile-bootstrap
        interval, R2 for left-out rows, and what is lost against the full surface (with interval).
    """
    table, x, _ = design(data, perceived, expected, outcome, None)
    y = table[outcome].to_numpy()
    z = np.column_stack([x, x[:, 1] - x[:, 2], y - y.mean()])
    moments = bootstrap_moments(z, bootstrap, rng)
    draws, rows = {}, []
    for model, chosen in _MODELS.items():
        index = (0, 6) if chosen is None else chosen
        _, left = solve_moments(moments, index, 7)
        draws[model] = 1 - left / (moments[:, 7, 7] - moments[:, 0, 7] ** 2)
    for model, chosen in _MODELS.items():
        index = (0, 6) if chosen is None else chosen
        result = fit(y, z[:, index])
        low, high = percentile_interval(draws[model], confidence_level)
        lost = percentile_interval(draws["full surface"] - draws[model], confidence_level)
        rows.append(
            (model, len(index) - 1, result.r2, low, high, leave_one_out_r2(y, result), result.r2, *lost)
        )
    columns = ["model", "parameters", "r2", "low", "high", "cv_r2", "lost", "lost_low", "lost_high"]
    found = pd.DataFrame(rows, columns=columns).set_index("model")
    found["lost"] = found.r2["full surface"] - found.r2
    return found


def gap_findings(surface: Surface, *, middle: float | None, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return what the surface says about met and missed expectations, in the terms of the claims.

    Parameters
    ----------
    surface : Surface
    middle : float or None
        The middle of the outcome's scale; without it the lowest level is left out.
    confidence_level : float

    Returns
    -------
    DataFrame
        Index ``incongruence-slope`` (change of the outcome as expectation outgrows reality: -a3),
        ``congruence-slope`` (a1) and ``congruence-lowest`` (lowest prediction where reality equals expectation, over
        the 5th to 95th percentile of the answers, less ``middle``); ``estimate low high unit``.
    """
    a1, a3 = (np.asarray(SHAPES[name], dtype=float) for name in ("a1", "a3"))
    rows = {
        "incongruence-slope": (*surface.fit.contrast(-a3, confidence_level)[:3], "scale points per point"),
        "congruence-slope": (*surface.fit.contrast(a1, confidence_level)[:3], "scale points per point"),
    }
    if middle is not None:
        met = congruence(surface, confidence_level=confidence_level).query("line == 'met'")
        lowest = met.loc[met.predicted.idxmin(), ["predicted", "low", "high"]] - middle
        rows["congruence-lowest"] = (*lowest, "scale points")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high", "unit"])


def gap_table(survey: pd.DataFrame, fallback: pd.DataFrame) -> pd.DataFrame:
    """Return perceived, expected and satisfaction from a survey that asked for expectations, else from ``fallback``.

    Perceived is the mean of all product and experience items, expected that of the block ``expectation``;
    satisfaction is the outcome of that name, or the survey's default outcome.

    Returns
    -------
    DataFrame
        ``perceived expected satisfaction``, complete cases; ``attrs`` hold ``name`` and ``simulated`` of the source.
    """
    blocks = survey.attrs.get("blocks", {})
    columns = ["perceived", "expected", "satisfaction"]
    if {"product", "experience", "expectation"} <= set(blocks):
        outcome = "satisfaction" if "satisfaction" in survey.columns else survey.attrs["default_outcome"]
        joined = {"perceived": [*blocks["product"], *blocks["experience"]], "expected": blocks["expectation"]}
        table = composites(survey, blocks=joined, outcomes=[outcome]).set_axis(columns, axis=1)
        source = survey
    else:
        # one row a customer, the first: answers of one person are not independent
        once = fallback.drop_duplicates("customer") if "customer" in fallback else fallback
        table, source = once[columns].dropna(), fallback
    table.attrs = {
        "name": source.attrs.get("name", ""),
        "simulated": bool(source.attrs.get("simulated", False)),
    }
    return table
