"""What the choice rests on: the price of each minimum, impacts that are only guessed, and portfolios of one kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, percentile_interval, wilson

from .exact import solve
from .portfolio import _checked, _fill, _ratio, select_portfolio

__all__ = ["compare_scopes", "inclusion_probability", "rule_losses", "shadow_prices"]


def shadow_prices(initiatives: pd.DataFrame, *, budget: float, minimum: Mapping[str, int]) -> pd.DataFrame:
    """Return what each minimum costs in impact, and what one more of it would cost.

    Returns
    -------
    DataFrame
        ``level minimum selected impact_lost next_lost``, one row a level: impact gained if this minimum alone were
        dropped, and impact lost if it were one higher (missing where that cannot be met). A minimum that the best
        set exceeds anyway costs nothing. In an integer problem these are differences, not derivatives.
    """
    best = select_portfolio(initiatives, budget=budget, minimum=minimum)
    chosen = best.table.loc[best.table.selected, "level"]
    rows = []
    for level, count in minimum.items():
        without = {name: value for name, value in minimum.items() if name != level}
        free = select_portfolio(initiatives, budget=budget, minimum=without).impact
        try:
            more = select_portfolio(initiatives, budget=budget, minimum={**minimum, level: count + 1}).impact
        except InputError:
            more = np.nan
        held = int((chosen == level).sum())
        rows.append((level, int(count), held, max(0.0, free - best.impact), max(0.0, best.impact - more)))
    table = pd.DataFrame(rows, columns=["level", "minimum", "selected", "impact_lost", "next_lost"])
    return table.round({"impact_lost": 9, "next_lost": 9})


def inclusion_probability(
    initiatives: pd.DataFrame,
    *,
    budget: float,
    minimum: Mapping[str, int] | None = None,
    draws: int = 200,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return how often each initiative belongs to the best set when impacts are only guessed.

    Parameters
    ----------
    initiatives : DataFrame
        As for :func:`select_portfolio`, with ``impact_low impact_high``; impact is drawn from a triangular
        distribution between them with its mode at ``impact``, each initiative by itself.
    budget, minimum : as for :func:`select_portfolio`
    draws : int
        Solved portfolios.
    confidence_level : float
        Of the Wilson interval of the simulation itself.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        In the order of the input: its ``id``, ``probability low high selected choice``; choice is 'safe' (in at least
        95 % of the draws), 'never' (at most 5 %) or 'depends on the guess'. ``attrs``: ``regret`` (mean share of
        impact that the set chosen at the middle values loses against the best set of each draw).
    """
    missing = [name for name in ("impact_low", "impact_high") if name not in initiatives]
    if missing:
        raise InputError(
            f"initiatives: there is no column {missing[0]!r}; guessed impacts need impact_low and impact_high"
        )
    middle = select_portfolio(initiatives, budget=budget, minimum=minimum)
    low, mode, high = (initiatives[name].to_numpy(float) for name in ("impact_low", "impact", "impact_high"))
    wrong = np.flatnonzero((low > mode) | (mode > high))
    if len(wrong):
        raise InputError(
            f"initiatives: {initiatives['id'].iloc[wrong[0]]!r} has impact {low[wrong[0]]:g}, {mode[wrong[0]]:g}, "
            f"{high[wrong[0]]:g}; low, middle and high must rise"
        )
    samples = _triangular(low, mode, high, draws, generator(rng))
    _, _, cost, groups = _checked(initiatives, budget, minimum)
    counts, lost = np.zeros(len(initiatives)), []
    fixed = middle.table.selected.to_numpy()
    for sample in samples:
        best, _ = solve(sample, cost, float(budget), groups)
        counts += best
        top = sample[best].sum()
        lost.append(1 - sample[fixed].sum() / top if top > 0 else 0.0)
    share = counts / draws
    limits = wilson(counts, draws, confidence_level)
    table = pd.DataFrame(
        {
            "id": initiatives["id"].to_numpy(),
            "probability": share,
            "low": limits[0],
            "high": limits[1],
            "selected": fixed,
            "choice": np.select([share >= 0.95, share <= 0.05], ["safe", "never"], "depends on the guess"),
        }
    )
    table.attrs["regret"] = float(np.mean(lost))
    return table


def rule_losses(
    initiatives: pd.DataFrame,
    *,
    budget: float,
    minimum: Mapping[str, int],
    draws: int = 100,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the share of the best impact that simpler choices lose, over guessed impacts.

    Returns
    -------
    DataFrame
        Index ``loss``, columns ``share low high``: 'impact alone' (largest impacts first, no minima), 'greedy' (impact
        per cost, no minima), both against the best free set, and 'minima' (the best set with the minima against the
        best without). Share is at the middle impacts, the interval covers the draws (see
        :func:`inclusion_probability`); it is missing without ``impact_low`` and ``impact_high``.
    """

    _, impact, cost, groups = _checked(initiatives, budget, minimum)
    money = float(budget)

    def losses(values: np.ndarray) -> list[float]:
        largest = _fill(np.argsort(-values, kind="stable"), cost, money, [], None)
        ratio = _fill(np.argsort(-_ratio(values, cost), kind="stable"), cost, money, [], values > 0)
        free, held = solve(values, cost, money, [])[0], solve(values, cost, money, groups)[0]
        best = max(values[free].sum(), 1e-12)
        return [float(1 - values[chosen].sum() / best) for chosen in (largest, ratio, held)]

    middle = losses(impact)
    if {"impact_low", "impact_high"} <= set(initiatives) and draws:
        bounds = [initiatives[name].to_numpy(float) for name in ("impact_low", "impact", "impact_high")]
        drawn = np.array([losses(sample) for sample in _triangular(*bounds, draws, generator(rng))])
        low, high = percentile_interval(drawn, confidence_level)
    else:
        low = high = np.full(3, np.nan)
    index = pd.Index(["impact alone", "greedy", "minima"], name="loss")
    return pd.DataFrame(
        {"share": middle, "low": np.minimum(low, middle), "high": np.maximum(high, middle)}, index=index
    )


def compare_scopes(
    initiatives: pd.DataFrame,
    *,
    budget: float,
    column: str = "side",
    draws: int = 200,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Compare the best portfolio of one kind only with the best mixed one, under the same budget.

    Parameters
    ----------
    initiatives : DataFrame
        As for :func:`select_portfolio`, with ``column`` (such as side: product or experience; depth: cause or repair).
    budget : float
    column : str
    draws, confidence_level, rng
        Impacts are drawn as in :func:`inclusion_probability` where ``impact_low`` and ``impact_high`` exist; the
        interval is that of the share over draws, with every portfolio chosen anew.

    Returns
    -------
    DataFrame
        ``scope impact cost chosen share low high``, one row a kind (``"<kind> only"``) and one ``mixed``; share is
        impact over the mixed portfolio's. Each kind is limited to what the table offers of it, so a small share can
        mean few ideas of that kind rather than poor ones.
    """
    if column not in initiatives:
        raise InputError(
            f"initiatives: there is no column {column!r}; the table has {', '.join(initiatives)}"
        )
    kinds = sorted(initiatives[column].dropna().unique())
    masks = {f"{kind} only": (initiatives[column] == kind).to_numpy() for kind in kinds}
    masks["mixed"] = np.ones(len(initiatives), dtype=bool)

    for mask in masks.values():
        _checked(initiatives[mask], budget, None)
    cost = initiatives["cost"].to_numpy(float)

    def gained(values: np.ndarray, mask: np.ndarray) -> float:
        return float(values[mask][solve(values[mask], cost[mask], float(budget), [])[0]].sum())

    middle = {name: select_portfolio(initiatives[mask], budget=budget) for name, mask in masks.items()}
    if {"impact_low", "impact_high"} <= set(initiatives) and draws:
        bounds = [initiatives[name].to_numpy(float) for name in ("impact_low", "impact", "impact_high")]
        samples = _triangular(*bounds, draws, generator(rng))
        found = np.array([[gained(sample, mask) for mask in masks.values()] for sample in samples])
        shares = found / np.maximum(found[:, -1:], 1e-12)
        low, high = percentile_interval(shares, confidence_level)
    else:
        low = high = np.full(len(masks), np.nan)
    rows = [
        (
            name,
            best.impact,
            best.cost,
            int(best.table.selected.sum()),
            best.impact / middle["mixed"].impact,
            lo,
            hi,
        )
        for (name, best), lo, hi in zip(middle.items(), low, high, strict=True)
    ]
    return pd.DataFrame(rows, columns=["scope", "impact", "cost", "chosen", "share", "low", "high"])


def _triangular(low, mode, high, draws: int, rng: np.random.Generator) -> np.ndarray:
    wide = np.where(high > low, high, low + 1.0)
    sample = rng.triangular(low, np.minimum(mode, wide), wide, (draws, len(low)))
    return np.where(high > low, sample, mode)
