"""Does a constant performance satisfy less from wave to wave?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..least_squares import complete_cases, fit, t_quantile

__all__ = ["expectation_drift", "wave_means"]

_TRENDS = [
    "expected",
    "perceived",
    "gap at constant performance",
    "satisfaction at constant performance",
    "satisfaction at constant performance and expectation",
]


def expectation_drift(
    data: pd.DataFrame,
    *,
    customer: str = "customer",
    wave: str = "wave",
    expected: str = "expected",
    perceived: str = "perceived",
    satisfaction: str = "satisfaction",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return how expectation, performance and satisfaction move per wave, performance held constant.

    Parameters
    ----------
    data : DataFrame, one row a customer and wave
        Waves are numbered in their sorted order, 0, 1, 2 ... Complete cases.
    customer, wave, expected, perceived, satisfaction : str

    Returns
    -------
    DataFrame
        Index ``trend``; ``estimate low high n customers``, all per wave: ``expected`` and ``perceived`` (plain
        trends), ``gap at constant performance`` (perceived - expected given perceived), ``satisfaction at constant
        performance``, and ``satisfaction at constant performance and expectation`` (what rising expectations do not
        account for). Cluster-robust by customer. With a single wave there is no trend: all are gaps.

    Notes
    -----
    Where the same people answer again the fits compare them with themselves (customer fixed effects); where
    everybody answered once they compare waves, and people may have changed instead of expectations.
    """
    columns = [expected, perceived, satisfaction]
    data = data if wave in data.columns else data.assign(**{wave: "1"})
    known = data[data[customer].notna() & data[wave].notna()]
    order = {label: i for i, label in enumerate(sorted(known[wave].unique(), key=_natural))}
    if len(order) < 2:
        table = pd.DataFrame(
            np.nan, index=pd.Index(_TRENDS, name="trend"), columns=["estimate", "low", "high"]
        )
        return table.assign(n=len(known), customers=known[customer].nunique())
    table = complete_cases(known, columns, minimum=12)
    time = known.loc[table.index, wave].map(order).to_numpy(float)
    people = known.loc[table.index, customer]
    again = people.map(people.value_counts()) > 1
    within = bool(again.mean() > 0.5)
    if within:
        table, time, people = table[again], time[again.to_numpy()], people[again]
    e, p, s = (table[name].to_numpy() for name in columns)
    models = [(e, [time]), (p, [time]), (p - e, [time, p]), (s, [time, p]), (s, [time, p, e])]
    rows = []
    for outcome, drivers in models:
        x = np.column_stack(drivers if within else [*drivers, np.ones(len(time))])
        result = fit(outcome, x, groups=people, absorbed=people if within else None)
        rows.append(result.contrast(np.eye(x.shape[1])[0], confidence_level)[:3])
    found = pd.DataFrame(rows, columns=["estimate", "low", "high"], index=pd.Index(_TRENDS, name="trend"))
    found["n"], found["customers"] = len(table), people.nunique()
    return found


def wave_means(
    data: pd.DataFrame,
    *,
    wave: str = "wave",
    columns: tuple[str, ...] = ("expected", "perceived", "satisfaction"),
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the plain mean of each column in each wave.

    Returns
    -------
    DataFrame
        ``wave quantity mean low high n``, t intervals.
    """
    rows = []
    data = data if wave in data.columns else data.assign(**{wave: "1"})
    known = data[data[wave].notna()]
    for label in sorted(known[wave].unique(), key=_natural):
        for name in columns:
            values = known.loc[known[wave] == label, name].dropna().astype(float)
            half = (
                t_quantile(confidence_level, max(len(values) - 1, 1))
                * values.std(ddof=1)
                / np.sqrt(len(values))
            )
            rows.append(
                (str(label), name, values.mean(), values.mean() - half, values.mean() + half, len(values))
            )
    return pd.DataFrame(rows, columns=["wave", "quantity", "mean", "low", "high", "n"])


def _natural(label) -> tuple:
    try:
        return (0, float(label), "")
    except (TypeError, ValueError):
        return (1, 0.0, str(label))
