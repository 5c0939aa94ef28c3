"""What one survey cannot decide: graphs that fit alike, and the designs that would tell them apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..intervals import absolute_interval, percentile_interval
from ..least_squares import complete_cases, standardised_moments

__all__ = ["designs", "equivalent_graphs", "story_gaps"]

GRAPHS = {
    "product first": [("product", "experience"), ("product", "outcome"), ("experience", "outcome")],
    "experience first": [("experience", "product"), ("product", "outcome"), ("experience", "outcome")],
    "one source": [
        ("source", "product"),
        ("source", "experience"),
        ("product", "outcome"),
        ("experience", "outcome"),
    ],
}


def equivalent_graphs(data: pd.DataFrame, *, product: str, experience: str, outcome: str) -> pd.DataFrame:
    """Return three causal graphs of the same three columns, their arrows, and how well each fits: exactly.

    Parameters
    ----------
    data : DataFrame, one row a respondent
    product, experience, outcome : str

    Returns
    -------
    DataFrame
        One row an arrow: ``graph start end coefficient misfit total_product total_experience``. Coefficients are of
        standardised columns; the arrows from ``source`` are the square root of the correlation (a cause of equal
        strength for both, with opposite signs where the correlation is negative). ``misfit`` is the largest difference between an observed
        and an implied correlation. ``total_*`` is what changing that side by one spread would do to the outcome in
        this graph.

    Notes
    -----
    All three have as many arrows as correlations, so that every set of three correlations fits each of them (the
    graphs are equivalent, Verma & Pearl 1990; Pearl 2009). What differs is what an action would do.
    """
    table = complete_cases(data, [product, experience, outcome], minimum=5)
    r = np.corrcoef(table[[product, experience, outcome]].to_numpy(), rowvar=False)
    link = r[0, 1]
    to_p, to_e = np.linalg.solve(r[:2, :2], r[:2, 2])
    names = {"product": product, "experience": experience, "outcome": outcome, "source": "source"}
    rows = []
    for graph, arrows in GRAPHS.items():
        weight = {("product", "outcome"): to_p, ("experience", "outcome"): to_e}
        shared = {
            ("source", "product"): np.sqrt(abs(link)),
            ("source", "experience"): np.sign(link) * np.sqrt(abs(link)),
        }
        coefficient = {arrow: {**weight, **shared}.get(arrow, link) for arrow in arrows}
        misfit = float(np.abs(_implied(coefficient) - r).max())
        totals = (
            to_p + to_e * coefficient.get(("product", "experience"), 0.0),
            to_e + to_p * coefficient.get(("experience", "product"), 0.0),
        )
        rows += [(graph, names[a], names[b], float(coefficient[a, b]), misfit, *totals) for a, b in arrows]
    columns = ["graph", "start", "end", "coefficient", "misfit", "total_product", "total_experience"]
    return pd.DataFrame(rows, columns=columns)


def story_gaps(
    data: pd.DataFrame,
    *,
    product: str,
    experience: str,
    outcome: str,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return how far the graphs of ``equivalent_graphs`` disagree about raising each side by one spread.

    Parameters
    ----------
    data, product, experience, outcome
        As in ``equivalent_graphs``.
    bootstrap, confidence_level, rng
        Resamples of the rows.

    Returns
    -------
    DataFrame
        Index the two sides; ``estimate low high n``: the largest minus the smallest total effect, with the percentile
        bootstrap interval of its signed form (what the side would do through the other), which starts at 0 when that
        holds 0.
    """
    table = complete_cases(data, [product, experience, outcome], minimum=5).to_numpy()
    moments = standardised_moments(table, bootstrap, rng)
    covariance = moments[:, 1:, 1:] - moments[:, :1, 1:] * moments[:, 1:, :1]
    rows = []
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        r = covariance / (spread[:, :, None] * spread[:, None, :])
        link = r[:, 0, 1]
        # a tiny resample may not vary, or may not tell the sides apart: no draw
        unlike = np.where(1 - link**2 > 1e-9, 1 - link**2, np.nan)
        for at, other in ((0, 1), (1, 0)):
            detour = link * (r[:, other, 2] - link * r[:, at, 2]) / unlike
            low, high = absolute_interval(*percentile_interval(detour[1:], confidence_level))
            rows.append((abs(detour[0]), low, high, len(table)))
    return pd.DataFrame(
        rows, columns=["estimate", "low", "high", "n"], index=pd.Index([product, experience], name="side")
    )


def designs() -> pd.DataFrame:
    """Return the designs that would decide what one survey cannot, cheapest first.

    Returns
    -------
    DataFrame
        ``design changes decides assumes cost first_step``: what is varied and by whom, which question it settles,
        what must still be believed, an order of magnitude of the effort, and how to begin.
    """
    columns = ["design", "changes", "decides", "assumes", "cost", "first_step"]
    rows = [
        ("randomised vignette", "the story a person reads, by lot", "does courtesy make up for no product, as stated",
         "people do as they say", "days; a few hundred answers", "the form of page 04"),
        ("panel of the same customers", "nothing; the same people, asked again", "which side moves first",
         "no hidden cause that changes along", "months; half of the people are lost", "a customer key in the survey"),
        ("between firms", "nothing; firms differ", "does it hold where moods average out",
         "firms are alike in all else that matters", "months; 30 firms or more", "a syndicated survey"),
        ("instrument", "an accident: a strike, a distance", "the effect among those it moved",
         "it touches loyalty no other way", "weeks; rarely at hand", "list what hit some customers only"),
        ("randomised field test", "real service or product, by lot", "the effect on real renewals",
         "groups do not talk to each other", "a quarter; thousands of customers", "hold out a part of the next roll-out"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _implied(coefficient: dict[tuple[str, str], float]) -> np.ndarray:
    """Correlations of product, experience, outcome that the path model (I - B)^-1 implies, errors free."""
    order = ["source", "product", "experience", "outcome"]
    b = np.zeros((4, 4))
    for (start, end), value in coefficient.items():
        b[order.index(end), order.index(start)] = value
    transfer = np.linalg.inv(np.eye(4) - b)
    # error variances that make every variable's variance 1, found from the causes downwards
    error = np.linalg.solve(transfer**2, np.ones(4))
    sigma = transfer @ np.diag(error) @ transfer.T
    return sigma[1:, 1:]
