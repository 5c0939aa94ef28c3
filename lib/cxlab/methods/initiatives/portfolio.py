"""Choosing initiatives under a budget: exactly, greedily and by the quadrants of impact and effort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from .exact import solve

__all__ = ["Portfolio", "compare_rules", "frontier", "greedy_portfolio", "quadrants", "select_portfolio"]


@dataclass(frozen=True)
class Portfolio:
    """A chosen set of initiatives.

    Attributes
    ----------
    table : DataFrame, the input with a boolean column ``selected``
    impact, cost : float, sums over what is selected
    bound : float, no set within budget and minima can have more impact than this
    proven : bool, whether ``impact`` reaches ``bound``: the set is then one of the best
    """

    table: pd.DataFrame
    impact: float
    cost: float
    bound: float
    proven: bool


def select_portfolio(
    initiatives: pd.DataFrame, *, budget: float, minimum: Mapping[str, int] | None = None
) -> Portfolio:
    """Choose the set of initiatives with the greatest total impact that a budget can pay.

    Parameters
    ----------
    initiatives : DataFrame
        Columns ``id impact cost``, and ``level`` (account, unit, corporate) where there are minima. Impacts add up;
        costs are at least 0.
    budget : float
        In the unit of ``cost``.
    minimum : mapping of level to count, optional
        How many initiatives of each level must be in the set.

    Returns
    -------
    Portfolio
        ``.table`` (the input and ``selected``), ``.impact``, ``.cost``, ``.bound``, ``.proven``.

    Raises
    ------
    InputError
        For a missing column or value, a repeated id, a negative cost or budget, and for minima that cannot be met:
        the message names the levels that clash.

    Notes
    -----
    0-1 knapsack with cardinality minima (Martello & Toth 1990; Kellerer, Pferschy & Pisinger 2004), solved exactly;
    see :mod:`cxlab.methods.initiatives.exact`.

    Examples
    --------
    >>> table = pd.DataFrame({"id": list("abc"), "impact": [6, 5, 5], "cost": [6, 5, 5], "level": "unit"})
    >>> select_portfolio(table, budget=10).impact
    10.0
    """
    table, impact, cost, groups = _checked(initiatives, budget, minimum)
    solution, bound = solve(impact, cost, float(budget), groups)
    total = float(impact[solution].sum())
    return Portfolio(
        table.assign(selected=solution),
        total,
        float(cost[solution].sum()),
        float(max(bound, total)),
        bool(bound <= total + 1e-9 * max(1.0, abs(total))),
    )


def greedy_portfolio(
    initiatives: pd.DataFrame, *, budget: float, minimum: Mapping[str, int] | None = None
) -> Portfolio:
    """Choose by impact per cost, best first, whatever still fits: the naive answer.

    Minima are served first, each level by its cheapest initiatives only where the best ratios do not fit. Takes and
    returns what :func:`select_portfolio` does (``bound`` is the impact itself, ``proven`` False).
    """
    table, impact, cost, groups = _checked(initiatives, budget, minimum)
    order = np.argsort(-_ratio(impact, cost), kind="stable")
    chosen = _fill(order, cost, float(budget), groups, impact > 0)
    total = float(impact[chosen].sum())
    return Portfolio(table.assign(selected=chosen), total, float(cost[chosen].sum()), total, False)


def quadrants(
    initiatives: pd.DataFrame,
    *,
    impact: str = "impact",
    effort: str = "cost",
    impact_cut: float | None = None,
    effort_cut: float | None = None,
    high_enough: float = 0.8,
) -> pd.DataFrame:
    """Sort initiatives by the article's own rule: high impact at low effort first, high effort if impact is high enough.

    Parameters
    ----------
    initiatives : DataFrame
    impact, effort : str
        Columns.
    impact_cut, effort_cut : float, optional
        Where 'high' begins; the medians by default (a convention, not a finding).
    high_enough : float
        Quantile of impact from which a costly initiative is undertaken.

    Returns
    -------
    DataFrame
        The input with ``quadrant`` ('first', 'if impact is high enough', 'easy but small', 'leave') and ``order``
        (1, 2, ...; missing where the rule would not do it).
    """
    missing = [name for name in (impact, effort) if name not in initiatives]
    if missing:
        raise InputError(
            f"quadrants: there is no column {missing[0]!r}; the table has {', '.join(initiatives)}"
        )
    value, work = initiatives[impact].to_numpy(float), initiatives[effort].to_numpy(float)
    high = value >= (np.median(value) if impact_cut is None else impact_cut)
    hard = work > (np.median(work) if effort_cut is None else effort_cut)
    enough = value >= np.quantile(value, high_enough)
    label = np.select(
        [high & ~hard, high & hard, ~high & ~hard],
        ["first", "if impact is high enough", "easy but small"],
        "leave",
    )
    rank = np.select([high & ~hard, high & hard & enough], [1.0, 2.0], np.nan)
    order = pd.Series(np.nan, index=initiatives.index)
    doing = np.flatnonzero(~np.isnan(rank))
    order.iloc[doing[np.lexsort((-value[doing], rank[doing]))]] = np.arange(1, len(doing) + 1)
    return initiatives.assign(quadrant=label, order=order)


def compare_rules(
    initiatives: pd.DataFrame, *, budget: float, minimum: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Set four rules side by side: impact alone, the quadrants, impact per cost (greedy), and the exact choice.

    Returns
    -------
    DataFrame
        ``rule impact cost chosen share_of_best meets_minimum``, one row a rule. The first two know no minima.
    """
    exact = select_portfolio(initiatives, budget=budget, minimum=minimum)
    greedy = greedy_portfolio(initiatives, budget=budget, minimum=minimum)
    ranked = quadrants(initiatives, effort="effort" if "effort" in initiatives else "cost")
    doing = ranked.reset_index(drop=True).order.dropna().sort_values()
    cost = initiatives.cost.to_numpy(float)
    largest = np.argsort(-initiatives.impact.to_numpy(float), kind="stable")
    rows = []
    for rule, chosen in (
        ("impact alone", _fill(largest, cost, float(budget), [], None)),
        ("quadrants", _fill(doing.index.to_numpy(), cost, float(budget), [], None)),
        ("greedy", greedy.table.selected.to_numpy()),
        ("exact", exact.table.selected.to_numpy()),
    ):
        part = initiatives[chosen]
        meets = all((part.level == level).sum() >= count for level, count in (minimum or {}).items())
        rows.append((rule, float(part.impact.sum()), float(part.cost.sum()), int(chosen.sum()), meets))
    table = pd.DataFrame(rows, columns=["rule", "impact", "cost", "chosen", "meets_minimum"])
    best = exact.impact
    table.insert(4, "share_of_best", table.impact / best if best else np.nan)
    return table


def frontier(
    initiatives: pd.DataFrame, *, budgets: list[float] | np.ndarray, minimum: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Return the greatest impact for each budget (the efficient frontier), with greedy's beside it.

    Returns
    -------
    DataFrame
        ``budget impact cost chosen greedy_impact selected`` (a tuple of ids); budgets that cannot pay the minima have
        missing numbers and an empty tuple.
    """
    rows = []
    for budget in budgets:
        try:
            best = select_portfolio(initiatives, budget=budget, minimum=minimum)
        except InputError:
            if not minimum:
                raise
            rows.append((float(budget), np.nan, np.nan, 0, np.nan, ()))
            continue
        chosen = best.table.loc[best.table.selected, "id"]
        naive = greedy_portfolio(initiatives, budget=budget, minimum=minimum).impact
        rows.append((float(budget), best.impact, best.cost, len(chosen), naive, tuple(chosen)))
    return pd.DataFrame(rows, columns=["budget", "impact", "cost", "chosen", "greedy_impact", "selected"])


def _checked(initiatives: pd.DataFrame, budget: float, minimum: Mapping[str, int] | None):
    needed = ["id", "impact", "cost"] + (["level"] if minimum else [])
    missing = [name for name in needed if name not in initiatives]
    if missing:
        raise InputError(f"initiatives: there is no column {missing[0]!r}; needed are {', '.join(needed)}")
    if not len(initiatives):
        raise InputError("initiatives: the table is empty; there is nothing to choose from")
    ids = initiatives["id"]
    if ids.isna().any() or (ids.astype(str).str.strip() == "").any():
        raise InputError("initiatives: a row has no id; give every initiative its own id")
    if ids.duplicated().any():
        raise InputError(
            f"initiatives: the id {ids[ids.duplicated()].iloc[0]!r} occurs twice; ids must differ"
        )
    impact, cost = (_numbers(initiatives, name) for name in ("impact", "cost"))
    if (cost < 0).any():
        raise InputError(f"initiatives: cost {cost.min():g} is below 0; costs must be at least 0")
    if not np.isfinite(budget) or budget < 0:
        raise InputError(f"budget={budget!r} must be a number of at least 0, in the unit of cost")
    groups = []
    for level, count in (minimum or {}).items():
        if count != int(count) or count < 0:
            raise InputError(f"minimum={count!r} for {level!r} must be a whole number of at least 0")
        groups.append((level, int(count), (initiatives["level"] == level).to_numpy()))
    _feasible(cost, float(budget), groups)
    return initiatives, impact, cost, groups


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        given = table[name].iloc[bad[0]]
        raise InputError(
            f"initiatives: {name} of {table['id'].iloc[bad[0]]!r} is {given!r}; it must be a number"
        )
    return values


def _feasible(cost: np.ndarray, budget: float, groups: list) -> None:
    """Refuse minima that clash: levels share no initiative, so the cheapest ones decide exactly."""
    cheapest = {}
    for level, count, member in groups:
        if count > member.sum():
            raise InputError(
                f"minimum: {count} of level {level!r} are asked for, but the table has {int(member.sum())}; "
                "lower that minimum or add initiatives"
            )
        cheapest[level] = (count, float(np.sort(cost[member])[:count].sum()))
    if sum(price for _, price in cheapest.values()) <= budget * (1 + 1e-12):
        return
    # The smallest set of minima that cannot be paid: the dearest first until they exceed the budget.
    clash, total = [], 0.0
    for level, (count, price) in sorted(cheapest.items(), key=lambda item: -item[1][1]):
        clash.append(f"{level} {count} (at least {price:g})")
        total += price
        if total > budget:
            break
    raise InputError(
        f"minimum: {' and '.join(clash)} clash with the budget {budget:g}: the cheapest set costs {total:g}; "
        "raise the budget or lower a minimum"
    )


def _ratio(impact: np.ndarray, cost: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(cost > 0, impact / cost, np.where(impact > 0, np.inf, -np.inf))


def _fill(order, cost, budget, groups, allowed) -> np.ndarray:
    """Take in order what fits, keeping enough money for the cheapest ways to meet the minima."""
    chosen = np.zeros(len(cost), dtype=bool)
    left = budget
    for _, count, member in groups:
        others = sum(
            np.sort(cost[m & ~chosen])[: max(0, c - int((m & chosen).sum()))].sum()
            for _, c, m in groups
            if m is not member
        )
        need = count
        for k in order:
            if need == 0:
                break
            if not member[k] or chosen[k]:
                continue
            rest = np.sort(cost[member & ~chosen & (np.arange(len(cost)) != k)])[: need - 1].sum()
            if cost[k] + rest + others <= left * (1 + 1e-12):
                chosen[k], left, need = True, left - cost[k], need - 1
    for k in order:
        if not chosen[k] and (allowed is None or allowed[k]) and cost[k] <= left:
            chosen[k], left = True, left - cost[k]
    return chosen
