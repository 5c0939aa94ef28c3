"""What tying pay to the metric does to the metric: a simulation of it, and what a register itself can show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, normal_quantile, percentile_interval

from .status import delivered

__all__ = ["pay_gap", "simulate_gaming"]


def simulate_gaming(
    projects: int = 120,
    *,
    incentive: float | list[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    audit: float = 0.0,
    real_response: float = 0.15,
    focus_share: float = 0.35,
    late_share: float = 0.35,
    runs: int = 400,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Simulate a portfolio whose teams are paid for being customer-focused and on schedule.

    Parameters
    ----------
    projects : int
        Size of the portfolio.
    incentive : float or list of float
        Strength of the pay link, 0 (none) to 1 (all pay hangs on it).
    audit : float
        Chance that a relabelled project or a hidden delay is found and corrected (a second coder, a dated history).
    real_response : float
        At full incentive, the chance that a project really changes: an unfocused one becomes customer-focused, a late
        one comes in on time.
    focus_share, late_share : float
        Truth without any incentive.
    runs : int
    confidence_level : float
        Of the range over runs.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``incentive measure reported reported_low reported_high true true_low true_high``; measure is 'customer-focused'
        or 'on schedule', all as shares of projects. At full incentive without audit every team that did not change
        really reports as if it had.

    Notes
    -----
    No data are behind this: it shows how far report and truth part under assumptions that a reader can move
    (Goodhart's law; Campbell 1979).

    Examples
    --------
    >>> table = simulate_gaming(100, incentive=[0.0], rng=1)
    >>> bool((table.reported == table.true).all())
    True
    """
    strengths = np.atleast_1d(np.asarray(incentive, dtype=float))
    for name, value in (
        ("audit", audit),
        ("real_response", real_response),
        ("focus_share", focus_share),
        ("late_share", late_share),
    ):
        if not 0 <= value <= 1:
            raise InputError(f"{name}={value!r} must lie between 0 and 1")
    if np.any((strengths < 0) | (strengths > 1)):
        raise InputError(f"incentive={incentive!r} must lie between 0 and 1")
    rng = generator(rng)
    rows = []
    for strength in strengths:
        for measure, base in (("customer-focused", focus_share), ("on schedule", 1 - late_share)):
            good = rng.random((runs, projects)) < base
            true = good | (rng.random((runs, projects)) < real_response * strength)
            reported = true | (rng.random((runs, projects)) < strength * (1 - audit))
            values = [one.mean(axis=1) for one in (reported, true)]
            limits = [percentile_interval(one, confidence_level) for one in values]
            rows.append((strength, measure, values[0].mean(), *limits[0], values[1].mean(), *limits[1]))
    columns = [
        "incentive",
        "measure",
        "reported",
        "reported_low",
        "reported_high",
        "true",
        "true_low",
        "true_high",
    ]
    return pd.DataFrame(rows, columns=columns)


def pay_gap(initiatives: pd.DataFrame, *, confidence_level: float = 0.95) -> pd.DataFrame:
    """Compare report and outcome of initiatives with and without a link to pay.

    Parameters
    ----------
    initiatives : DataFrame
        ``id due done status_history compensation_linked``; only those whose due month has passed count.

    Returns
    -------
    DataFrame
        One row for pay linked (True, False): ``compensation_linked n said_fine on_time`` (shares never called at risk
        before the due month, and finished in time). ``attrs``: ``gap low high`` in SDs of being on time: how much
        further report and outcome part where pay is linked (positive: the metric is more flattering there); missing
        when a group has fewer than two.

    Notes
    -----
    Mean of (said fine - on time) where pay is linked minus elsewhere, over the SD of being on time; normal interval
    with unequal variances. Teams were not assigned pay by lot: a gap is a reason to look, not a proof.
    """
    table = delivered(initiatives)
    if "compensation_linked" not in initiatives:
        raise InputError("initiatives: there is no column 'compensation_linked'")
    linked = table["id"].map(initiatives.set_index("id")["compensation_linked"]).fillna(False).astype(bool)
    fine, on_time = ~table.warned, ~table.late
    excess = fine.astype(float) - on_time.astype(float)
    rows = [
        (flag, int((linked == flag).sum()), fine[linked == flag].mean(), on_time[linked == flag].mean())
        for flag in (True, False)
    ]
    result = pd.DataFrame(rows, columns=["compensation_linked", "n", "said_fine", "on_time"])
    gap = low = high = float("nan")
    scale = float(on_time.std(ddof=0))
    if result.n.min() >= 2 and scale > 0:
        gap = float(excess[linked].mean() - excess[~linked].mean()) / scale
        error = np.sqrt(excess[linked].var() / linked.sum() + excess[~linked].var() / (~linked).sum()) / scale
        half = normal_quantile(confidence_level) * float(error)
        low, high = gap - half, gap + half
    result.attrs.update(gap=gap, low=low, high=high)
    return result
