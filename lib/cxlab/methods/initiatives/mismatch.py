"""Do we work where it hurts? Pain against effort by area, the zero-coverage alarm, and divergence beside chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, newcombe, normal_quantile, rule_of_three, wilson

__all__ = ["Divergence", "coverage", "divergence", "outcome_by_area", "ratio_interval"]


class Divergence(NamedTuple):
    """How far two distributions over areas lie apart.

    Attributes
    ----------
    value : Jensen-Shannon divergence, 0 (the same) to 1 in bits (nothing in common), ln 2 in nats.
    chance : its mean when both are drawn from one distribution, at these sample sizes.
    chance_low, chance_high : chance falls below the one, and above the other, in (1 - confidence_level) of the draws.
    p_value : share of draws by chance that reach ``value``.
    n1, n2 : the two totals; with one of them 0 everything else is missing.
    """

    value: float
    chance: float
    chance_low: float
    chance_high: float
    p_value: float
    n1: int
    n2: int


def coverage(
    initiatives: pd.DataFrame,
    *,
    pain: pd.DataFrame,
    by: str | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Set each area's share of the pain beside its share of the initiatives.

    Parameters
    ----------
    initiatives : DataFrame
        Column ``area``, one row an initiative; those without an area are left out.
    pain : DataFrame
        ``area`` and ``complaints`` or ``contacts``, one row an area.
    by : str, optional
        Which of the two; complaints where they exist.
    confidence_level : float

    Returns
    -------
    DataFrame
        Most pain first, one row an area of either table: ``area pain pain_share pain_low pain_high initiatives
        initiative_share initiative_low initiative_high difference difference_low difference_high ratio ratio_low
        ratio_high upper chance_of_none alarm``. Differences and ratios are initiative share against pain share
        (1 = parity), Newcombe's interval and its counterpart for ratios. ``upper`` is the one-sided upper bound of
        the initiative share where there is no initiative (rule of three); ``chance_of_none`` the chance of that if
        work went by pain; ``alarm`` is True where there is no initiative and that chance is below 5 %.

    Raises
    ------
    InputError
        For missing columns, an empty table, or pain that sums to 0.

    Notes
    -----
    Counts are taken as independent. Initiatives are rarely a sample; the interval says how precisely a portfolio of
    this size can mirror the pain at all. Hanley & Lippman-Hand (1983) for zero counts, Donner & Zou (2012) for ratios.

    Examples
    --------
    >>> work = pd.DataFrame({"area": ["product"] * 100})
    >>> hurt = pd.DataFrame({"area": ["product", "service"], "complaints": [300, 100]})
    >>> table = coverage(work, pain=hurt).set_index("area")
    >>> round(float(table.loc["service", "upper"]), 4), bool(table.loc["service", "alarm"])
    (0.0295, True)
    """
    weights = _pain(pain, by)
    if "area" not in initiatives or not len(initiatives):
        raise InputError("initiatives: an 'area' for each of at least one initiative is needed")
    stated = initiatives["area"].dropna()
    work = stated[~stated.isin(["", "not stated"])].value_counts()
    areas = [*weights.index, *(area for area in work.index if area not in weights.index)]
    hurt = weights.reindex(areas, fill_value=0).to_numpy(float)
    done = work.reindex(areas, fill_value=0).to_numpy(float)
    total_pain, total_work = hurt.sum(), done.sum()
    p_low, p_high = wilson(hurt, total_pain, confidence_level)
    w_low, w_high = wilson(done, total_work, confidence_level)
    if total_work:
        difference, d_low, d_high = newcombe(done, total_work, hurt, total_pain, confidence_level)
    else:
        difference = d_low = d_high = w_low = w_high = np.full(len(areas), np.nan)
    ratio, r_low, r_high = ratio_interval(done, max(1.0, total_work), hurt, total_pain, confidence_level)
    none = done == 0
    chance = (1 - hurt / total_pain) ** total_work
    table = pd.DataFrame(
        {
            "area": areas,
            "pain": hurt.astype(int),
            "pain_share": hurt / total_pain,
            "pain_low": p_low,
            "pain_high": p_high,
            "initiatives": done.astype(int),
            "initiative_share": done / total_work if total_work else np.full(len(areas), np.nan),
            "initiative_low": w_low,
            "initiative_high": w_high,
            "difference": difference,
            "difference_low": d_low,
            "difference_high": d_high,
            "ratio": ratio if total_work else np.full(len(areas), np.nan),
            "ratio_low": r_low,
            "ratio_high": r_high,
            "upper": np.where(
                none & (total_work > 0), rule_of_three(int(max(1, total_work)), confidence_level), np.nan
            ),
            "chance_of_none": chance,
            "alarm": none & (chance < 0.05),
        }
    )
    return table.sort_values(["pain", "area"], ascending=[False, True], ignore_index=True)


def divergence(
    first: ArrayLike,
    second: ArrayLike,
    *,
    base: float = 2.0,
    draws: int = 2000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Divergence:
    """Return the Jensen-Shannon divergence of two lists of counts, beside what chance alone would give.

    Parameters
    ----------
    first, second : counts over the same areas
    base : float
        Of the logarithm: 2 gives bits (0..1), ``math.e`` nats.
    draws : int
        Permutations: each splits the pooled counts at random into two lists of the same sizes.
    confidence_level : float
        ``chance_high`` is this quantile of the permutations.
    rng : int, Generator or None

    Returns
    -------
    Divergence

    Notes
    -----
    Lin (1991). The measure is biased upwards: with 8 equal areas and no mismatch at all it averages about .055 bits
    (.038 nats) at 30 projects and 200 complaints, .016 bits at 100 and 400, .004 bits at 400 and 2,000.

    Examples
    --------
    >>> divergence([10, 0], [0, 10], rng=1).value
    1.0
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or (a < 0).any() or (b < 0).any():
        raise InputError("first and second must be counts over the same areas, none below 0")
    if not a.sum() or not b.sum():
        return Divergence(*[float("nan")] * 5, n1=int(a.sum()), n2=int(b.sum()))
    value = float(_js(a, b) / np.log(base))
    rng = generator(rng)
    pooled = np.round(a + b).astype(int)
    drawn = rng.multivariate_hypergeometric(pooled, int(round(a.sum())), size=draws, method="marginals")
    chance = _js(drawn, pooled - drawn) / np.log(base)
    return Divergence(
        value,
        float(chance.mean()),
        float(np.quantile(chance, 1 - confidence_level)),
        float(np.quantile(chance, confidence_level)),
        float((1 + (chance >= value - 1e-12).sum()) / (draws + 1)),
        int(a.sum()),
        int(b.sum()),
    )


def outcome_by_area(
    initiatives: pd.DataFrame, *, pain: pd.DataFrame, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Set the number of initiatives beside the outcome of each area, with no slope assumed.

    Returns
    -------
    DataFrame
        ``area initiatives satisfied low high n`` (Wilson), one row an area of ``pain`` with ``responses satisfied``
        (none without them). ``attrs``: ``kendall`` (tau-b), and ``slope slope_low
        slope_high``, the standardised slope (the correlation, Fisher's interval; missing below 4 areas). With few areas
        neither can be told from 0, and neither speaks of cause: work goes where it hurts.
    """
    if "area" not in pain:
        raise InputError("pain: there is no column 'area'")
    pain = pain.assign(**{name: np.nan for name in ("responses", "satisfied") if name not in pain})
    pain = pain[pain["responses"].gt(0) & pain["satisfied"].notna()]
    count = initiatives["area"].value_counts().reindex(pain["area"], fill_value=0).to_numpy()
    low, high = wilson(pain.satisfied, pain.responses, confidence_level)
    table = pd.DataFrame(
        {
            "area": pain["area"].to_numpy(),
            "initiatives": count,
            "satisfied": (pain.satisfied / pain.responses).to_numpy(),
            "low": low,
            "high": high,
            "n": pain.responses.to_numpy(),
        }
    )
    if len(table) < 2:
        table.attrs.update(dict.fromkeys(("kendall", "slope", "slope_low", "slope_high"), float("nan")))
        return table
    a, b = (
        np.sign(np.subtract.outer(v, v))
        for v in (table.initiatives.to_numpy(float), table.satisfied.to_numpy(float))
    )
    ties = np.sqrt((a**2).sum() * (b**2).sum())
    kendall = float((a * b).sum() / ties) if ties > 0 else float("nan")
    slope = low = high = float("nan")
    if len(table) > 3 and table.initiatives.nunique() > 1 and table.satisfied.nunique() > 1:
        slope = float(np.corrcoef(table.initiatives, table.satisfied)[0, 1])
        half = normal_quantile(confidence_level) / np.sqrt(len(table) - 3)
        low, high = (
            float(v) for v in np.tanh(np.arctanh(np.clip(slope, -0.999999, 0.999999)) + [-half, half])
        )
    table.attrs.update(kendall=kendall, slope=slope, slope_low=low, slope_high=high)
    return table


def ratio_interval(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence_level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ratio of two independent proportions with limits recovered from their Wilson intervals.

    The method of variance estimates recovery (Donner & Zou 2012); it works with zero counts in ``x1``. Where ``x2``
    is 0 the ratio is missing and its upper limit infinite.

    Examples
    --------
    >>> [round(float(v), 3) for v in ratio_interval(0, 100, 30, 100)]
    [0.0, 0.0, 0.128]
    """
    x1, n1, x2, n2 = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (x1, n1, x2, n2)))
    p1, p2 = x1 / n1, x2 / n2
    l1, u1 = wilson(x1, n1, confidence_level)
    l2, u2 = wilson(x2, n2, confidence_level)
    with np.errstate(divide="ignore", invalid="ignore"):
        product = p1 * p2
        low_root = np.sqrt(np.maximum(0, product**2 - l1 * u2 * (2 * p1 - l1) * (2 * p2 - u2)))
        high_root = np.sqrt(np.maximum(0, product**2 - u1 * l2 * (2 * p1 - u1) * (2 * p2 - l2)))
        low = (product - low_root) / (u2 * (2 * p2 - u2))
        high = (product + high_root) / (l2 * (2 * p2 - l2))
        ratio = np.where(x2 > 0, p1 / p2, np.nan)
    # Where 2 p - u <= 0 the formula has no finite limit of the usual sign: fall back to the limits' own quotient.
    low = np.where(np.isfinite(low) & (2 * p2 - u2 > 0), low, l1 / np.maximum(u2, 1e-300))
    high = np.where(x2 > 0, np.where(np.isfinite(high), high, np.inf), np.inf)
    return ratio[()], np.maximum(low, 0)[()], high[()]


def _js(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    p, q = a / a.sum(-1, keepdims=True), b / b.sum(-1, keepdims=True)
    middle = (p + q) / 2

    def relative(x: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(x > 0, x * np.log(x / middle), 0.0).sum(-1)

    return np.maximum(0.0, (relative(p) + relative(q)) / 2)


def _pain(pain: pd.DataFrame, by: str | None) -> pd.Series:
    column = by or next((name for name in ("complaints", "contacts") if name in pain), None)
    if column is None or column not in pain or "area" not in pain:
        raise InputError("pain: the columns area and complaints (or contacts) are needed, one row an area")
    weights = pain.set_index("area")[column].fillna(0).astype(float)
    if weights.index.duplicated().any() or (weights < 0).any() or weights.sum() <= 0:
        raise InputError(
            f"pain: each area may occur once, with {column} of at least 0 that do not all vanish"
        )
    return weights
