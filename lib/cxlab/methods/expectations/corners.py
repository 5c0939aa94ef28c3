"""Great product with a bad experience, average product with an excellent one, and corners that stay empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..intervals import generator, wilson
from ..least_squares import complete_cases, fit, leave_one_out_r2, t_quantile

__all__ = ["Necessity", "corner_means", "necessary_condition", "necessity_table", "product_experience"]


def product_experience(
    data: pd.DataFrame,
    *,
    product: str,
    experience: str,
    outcome: str,
    covariates: Sequence[str] = (),
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return whether product and experience make up for each other, and what is left where one is great.

    Parameters
    ----------
    data : DataFrame, one row a respondent
        Complete cases.
    product, experience, outcome : str
    covariates : list of str

    Returns
    -------
    DataFrame
        Index ``quantity``; ``estimate low high n``. "Great" is the 90th percentile, "bad" the 10th, "average" the
        mean; spreads are sample standard deviations.
        ``interaction`` (per spread of each; positive: they reinforce each other),
        ``great product, bad experience`` against both great, ``bad product, great experience`` against both great,
        ``average product, great experience`` against the mean of all, ``great product, average experience`` likewise,
        ``experience slope in the top product quarter`` and ``product slope in the top experience quarter`` (points of
        the outcome per point),
        ``gain of the interaction`` and ``gain of the weaker side`` in predicted R2 (leave one out) over the sum of
        both, without interval.

    Raises
    ------
    ValueError
        When a top quarter has too few or constant rows.

    Notes
    -----
    Least squares with an interaction, HC3. The contrasts read the fitted surface; see ``corner_means`` for how many
    customers really stand there.
    """
    covariates = list(covariates)
    table = complete_cases(data, [product, experience, outcome, *covariates], minimum=30)
    y, n = table[outcome].to_numpy(), len(table)
    p, e = (_standard(table[name].to_numpy()) for name in (product, experience))
    others = [_standard(table[name].to_numpy()) for name in covariates]
    x = np.column_stack([np.ones(n), p, e, p * e, *others])
    result = fit(y, x)

    def at(a: float, b: float) -> np.ndarray:
        return np.array([1.0, a, b, a * b, *[0.0] * len(others)])

    (bad_p, great_p), (bad_e, great_e) = np.quantile(p, [0.1, 0.9]), np.quantile(e, [0.1, 0.9])
    mean = x.mean(axis=0)
    weights = {
        "interaction": np.eye(x.shape[1])[3],
        "great product, bad experience": at(great_p, bad_e) - at(great_p, great_e),
        "bad product, great experience": at(bad_p, great_e) - at(great_p, great_e),
        "average product, great experience": at(0, great_e) - mean,
        "great product, average experience": at(great_p, 0) - mean,
    }
    rows = {name: (*result.contrast(w, confidence_level)[:3], n) for name, w in weights.items()}
    for label, top, slope in (
        ("experience slope in the top product quarter", product, experience),
        ("product slope in the top experience quarter", experience, product),
    ):
        part = table[table[top] >= table[top].quantile(0.75)]
        if len(part) < 12 or part[slope].nunique() < 3:
            rows[label] = (np.nan, np.nan, np.nan, len(part))
            continue
        columns = [name for name in [slope, top, *covariates] if part[name].nunique() > 1]
        inner = fit(part[outcome], np.column_stack([np.ones(len(part)), part[columns].to_numpy()]))
        rows[label] = (*inner.contrast(np.eye(len(columns) + 1)[1], confidence_level)[:3], len(part))
    plain = leave_one_out_r2(y, fit(y, np.delete(x, 3, axis=1)))
    weaker = np.column_stack([np.delete(x, 3, axis=1), np.minimum(p, e)])
    rows["gain of the interaction"] = (leave_one_out_r2(y, result) - plain, np.nan, np.nan, n)
    rows["gain of the weaker side"] = (leave_one_out_r2(y, fit(y, weaker)) - plain, np.nan, np.nan, n)
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high", "n"])
    return found.rename_axis("quantity")


def corner_means(
    data: pd.DataFrame,
    *,
    product: str,
    experience: str,
    outcome: str,
    min_cell: int = 5,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the mean outcome of the nine groups low / middle / high product by low / middle / high experience.

    Groups are thirds of the sample. Those with fewer than ``min_cell`` respondents keep their place but lose their
    numbers (``n`` is then a gap, too).

    Returns
    -------
    DataFrame
        ``product experience mean low high n``, nine rows, t intervals.
    """
    table = complete_cases(data, [product, experience, outcome], minimum=9)
    thirds = []
    for name in (product, experience):
        cuts = np.quantile(table[name], [1 / 3, 2 / 3])
        thirds.append((table[name].to_numpy()[:, None] > cuts).sum(axis=1))
    labels, rows = ["low", "middle", "high"], []
    for i in range(3):
        for j in range(3):
            values = table[outcome].to_numpy()[(thirds[0] == i) & (thirds[1] == j)]
            n = len(values)
            if n < max(min_cell, 2):
                rows.append((labels[i], labels[j], np.nan, np.nan, np.nan, np.nan))
                continue
            half = t_quantile(confidence_level, n - 1) * values.std(ddof=1) / np.sqrt(n)
            mean = values.mean()
            rows.append((labels[i], labels[j], mean, mean - half, mean + half, n))
    return pd.DataFrame(rows, columns=["product", "experience", "mean", "low", "high", "n"])


class Necessity(NamedTuple):
    """The empty-corner check of one condition; see ``necessary_condition``."""

    share: float
    low: float
    high: float
    share_elsewhere: float
    in_corner: int
    without_condition: int
    effect_size: float
    p_value: float
    n: int


def necessary_condition(
    data: pd.DataFrame,
    *,
    condition: str,
    outcome: str,
    lacking: float | None = None,
    success: float | None = None,
    permutations: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Necessity:
    """Return whether success ever comes without the condition: is the corner empty?

    Parameters
    ----------
    data : DataFrame, one row a case
    condition, outcome : str
    lacking, success : float, optional
        At most ``lacking`` counts as without the condition (its lower third when left out), at least ``success`` as
        success (its upper third).
    permutations, rng
        For the p-value of the effect size.
    confidence_level : float

    Returns
    -------
    Necessity
        ``share`` of success among those without the condition, Wilson interval (with 0 successes ``high`` is what a
        sample this small cannot exclude); ``share_elsewhere`` among the rest; ``effect_size`` d of the empty upper
        left area in 0..1 (step ceiling, CE-FDH) and ``p_value``: how often shuffled data leave as large an area.

    Notes
    -----
    Dul (2016), Organizational Research Methods 19:10. Necessary is not sufficient; one miscoded case fills a corner.
    """
    table = complete_cases(data, [condition, outcome], minimum=9)
    x, y = table[condition].to_numpy(), table[outcome].to_numpy()
    lacking = float(np.quantile(x, 1 / 3) if lacking is None else lacking)
    success = float(np.quantile(y, 2 / 3) if success is None else success)
    without, good = x <= lacking, y >= success
    count, inside = int(without.sum()), int((without & good).sum())
    low, high = wilson(inside, count, confidence_level)
    random = generator(rng)
    order = np.argsort(x, kind="stable")
    steps = np.diff(np.append(x[order], x.max()))
    shuffled = np.stack([y, *(random.permutation(y) for _ in range(permutations))])
    # a step ceiling: the highest outcome seen at this value of the condition or below
    ceiling = np.maximum.accumulate(shuffled[:, order], axis=1)
    areas = ((y.max() - ceiling) * steps).sum(axis=1) / (np.ptp(x) * np.ptp(y))
    p_value = float(((areas[1:] >= areas[0] - 1e-12).sum() + 1) / (permutations + 1))
    return Necessity(
        inside / count if count else float("nan"), float(low), float(high),
        float(good[~without].mean()) if count < len(x) else float("nan"),
        inside, count, float(areas[0]), p_value, len(x),
    )  # fmt: skip


def necessity_table(found: Mapping[str, Necessity]) -> pd.DataFrame:
    """Return several ``necessary_condition`` results as rows, index ``condition``.

    Examples
    --------
    >>> world = pd.DataFrame({"x": range(9), "y": range(9)})
    >>> float(necessity_table({"x": necessary_condition(world, condition="x", outcome="y", rng=1)}).share["x"])
    0.0
    """
    table = pd.DataFrame([result._asdict() for result in found.values()])
    return table.set_index(pd.Index(list(found), name="condition"))


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std(ddof=1)
