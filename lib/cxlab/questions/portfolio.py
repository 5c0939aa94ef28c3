"""Which initiatives to choose under a budget, exactly, and which choices are safe whatever the guesses."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, count, number, question
from cxlab.stats.intervals import percentile_interval

LEVELS = ("account", "unit", "corporate")
WORLDS = 100  # guessed ones at most
SAFE = 0.95
MOST_SETS = 1_000_000  # looked at; beyond them nothing is proven
LOSSES = {  # a simpler rule -> the number that says what it loses
    "impact alone": "exact-minus-impact-only",
    "impact per cost": "greedy-loss",
    "best, every level": "three-level-loss",
    "best, product alone": "product-only-loss",
    "best, experience alone": "experience-only-loss",
}

Groups = list[tuple[int, np.ndarray]]  # least number, members


class Portfolio(NamedTuple):
    """A chosen set: the input with a boolean ``selected``, its impact and cost, whether it is proven best."""

    table: pd.DataFrame
    impact: float
    cost: float
    proven: bool


def select_portfolio(
    initiatives: pd.DataFrame, *, budget: float, minimum: Mapping[str, int] | None = None
) -> Portfolio:
    """Choose the set of initiatives with the greatest total impact that a budget can pay, exactly.

    ``initiatives`` has ``id impact cost``, and ``level`` where ``minimum`` says how many of a level must
    be in it: a 0-1 knapsack with minima (Martello & Toth 1990). An InputError names what is missing, repeated
    or negative, and minima that clash with the budget.

    >>> table = pd.DataFrame({"id": list("abc"), "impact": [6, 5, 5], "cost": [6, 5, 5], "level": "unit"})
    >>> select_portfolio(table, budget=10).impact
    10.0
    """
    impact, cost, groups = _checked(initiatives, budget, minimum or {})
    chosen, proven = solve(impact, cost, float(budget), groups)
    table = initiatives.assign(selected=chosen)
    return Portfolio(table, float(impact[chosen].sum()), float(cost[chosen].sum()), proven)


@question("initiatives")
def choose(initiatives: Table, *, budget_share: float = 0.2, each_level: int = 8) -> Result:
    """Which set has the greatest impact for a budget, and how much less do simpler rules get?

    The budget is a part of what all initiatives cost together; ``each_level`` initiatives are wanted at each
    level (fewer where the budget or the table has not so many). Impact alone takes the largest impacts that
    still fit, impact per cost the best ratios. Columns of the table: rule, impact, share (of the best), cost,
    chosen.
    """
    impact, cost, groups, budget = _task(initiatives, budget_share, each_level)
    sets, proven = _rules(impact, cost, budget, groups)
    rows = [(rule, impact[one].sum(), cost[one].sum(), int(one.sum())) for rule, one in sets.items()]
    table = pd.DataFrame(rows, columns=["rule", "impact", "cost", "chosen"])
    table.insert(2, "share", table.impact / max(table.impact[0], 1e-12))
    lost, size = 1 - float(table["share"].iloc[-1]), count(int(table.chosen[0]), "initiative")
    said = f"does as well as the best set of {size}"
    if lost > 0.005:
        said = f"loses {number(lost, 'share')} of the impact of the best set, which holds {size}"
    finding = f"choosing by impact alone {said}."
    names = {"label": "rule", "value": "share", "x_title": "impact, best set = 100 %", "percent": True}
    cautions = ["The search was stopped before the best set was proven."] * (not proven)
    return Result(finding, {}, table, partial(general.bars, table, **names), cautions, initiatives)


@question("initiatives")
def safe_choices(initiatives: Table, *, budget_share: float = 0.2, each_level: int = 8) -> Result:
    """Which choices are right whatever the guesses? The best set is found in many guessed worlds.

    Each impact is drawn from a triangle between ``impact_low`` and ``impact_high`` (half and one and a half
    times ``impact`` where they are not known). Safe is what the best set holds in 95 % of the worlds, never
    what it holds in 5 % at most. Columns of the table: id, title, level, share (of worlds in which it is
    chosen), choice.
    """
    impact, cost, groups, budget = _task(initiatives, budget_share, each_level)
    frame = initiatives.frame
    given = frame.reindex(columns=["impact_low", "impact_high"]).apply(pd.to_numeric).astype(float)
    low, high = np.where(given.isna(), np.outer(impact, [0.5, 1.5]), given).T
    if ((low > impact) | (impact > high)).any():
        raise InputError("initiatives: impact_low, impact and impact_high must rise in every row")
    size, wide = (min(initiatives.bootstrap, WORLDS), len(frame)), np.where(high > low, high, low + 1)
    drawn = initiatives.rng.triangular(low, np.minimum(impact, wide), wide, size)
    worlds = np.vstack([impact, np.where(high > low, drawn, impact)])
    answers = [_rules(world, cost, budget, groups, frame.get("side"))[0] for world in worlds]
    held = np.array([sets["best, every level"] for sets in answers])
    share = held[1:].mean(axis=0)
    choice = np.select([share >= SAFE, share <= 1 - SAFE], ["safe", "never"], "hangs on the guess")
    regret = 1 - (worlds @ held[0])[1:] / np.maximum((worlds * held).sum(axis=1)[1:], 1e-12)
    unit, n = "share of impact", len(frame)
    lost = Number(float(regret.mean()), unit=unit, n=len(regret), label="lost by the middle guesses")
    numbers = {"regret-of-the-middle-guess": lost}
    for rule in [rule for rule in answers[0] if rule in LOSSES]:
        loss = [1 - w[sets[rule]].sum() / max(w[sets["best"]].sum(), 1e-12)
                for w, sets in zip(worlds, answers, strict=True)]  # fmt: skip
        low, high = percentile_interval(loss[1:], initiatives.confidence_level)
        numbers[LOSSES[rule]] = Number(loss[0], min(low, loss[0]), max(high, loss[0]), unit, n,
                                       f"lost by the rule '{rule}'")  # fmt: skip
    table = frame[[name for name in ("id", "title", "level") if name in frame]].assign(share=share)
    table = table.assign(choice=choice).sort_values("share", ascending=False, kind="stable")
    kinds = pd.Series(choice).value_counts().reindex(["safe", "hangs on the guess", "never"], fill_value=0)
    safe, open_ = kinds["safe"], kinds["hangs on the guess"]
    said = f"{safe} of {n} initiatives belong to the best set whatever the guess, {open_} hang on the guess."
    caution = "Better estimates are worth their effort only where the choice hangs on the guess."
    draw = partial(general.bars, kinds.to_frame("initiatives"), value="initiatives", x_title="initiatives")
    return Result(said, numbers, table.reset_index(drop=True), draw, [caution], initiatives)


def solve(impact: np.ndarray, cost: np.ndarray, budget: float, groups: Groups) -> tuple[np.ndarray, bool]:
    """Return the best choice, and whether it is proven to be one of the best.

    The linear relaxation prices the budget and the minima, so that each departure from its choice costs a
    known part of the bound. Sets of departures are grown, the cheapest first; those that another one
    dominates, or that cannot beat the best known, are dropped (an expanding core; Pisinger 1997). The milp of
    scipy 1.17 takes nine times as long, and writes its own words to the page.
    """
    wanted = np.array([need for need, _ in groups], dtype=int)
    members = np.array([member for _, member in groups], dtype=int).reshape(len(groups), len(cost))
    top, most = max(float(np.abs(impact).max()), 1e-12), max(float(cost.max()), 1e-12)
    rows, ends = np.vstack([cost / most, -members]), np.array([budget / most, *-wanted])
    relaxed = linprog(-impact / top, A_ub=rows, b_ub=ends, bounds=(0, 1))
    prices = -top * np.minimum(relaxed.ineqlin.marginals, 0)  # any prices of at least 0 give a valid bound
    reduced = impact - prices @ rows
    bound = float(prices @ ends + np.maximum(reduced, 0).sum())
    slack = 1e-9 * max(1.0, abs(bound))
    least = 1 - slack if (impact % 1 == 0).all() else slack  # by which a better set is better
    base = np.where(np.abs(reduced) > slack, reduced > 0, relaxed.x > 0.5)
    best = np.zeros(len(cost), dtype=bool)
    for need, member in groups:  # the cheapest that serve the minima are within every limit
        best[np.argsort(np.where(member, cost, np.inf), kind="stable")[:need]] = True
    value, work = float(impact[best].sum()), 0
    # One row of ``sets`` is one set: its impact, cost, distance from the bound, and members of each group;
    # the same row of ``flips`` holds which initiatives of ``order`` it changes in ``base``.
    sets = np.array([[impact[base].sum(), cost[base].sum(), 0.0, *(members @ base)]])
    flips, order, spare = np.zeros((1, 0), dtype=bool), np.argsort(np.abs(reduced)), members @ base
    for step in range(len(order) + 1):
        met = (sets[:, 1] <= budget * (1 + 1e-12)) & (sets[:, 3:] >= wanted).all(axis=1)
        first = int(np.argmax(np.where(met, sets[:, 0], -np.inf)))
        if met[first] and sets[first, 0] > value + slack / 2:
            value, best = float(sets[first, 0]), base.copy()
            best[order[:step]] ^= flips[first]
        keep = np.flatnonzero(bound - sets[:, 2] > value + least)
        if step == len(order) or not len(keep) or bound - abs(reduced[order[step]]) <= value + least:
            break
        # More members of a group than it can still lose above its minimum make no difference.
        keep = keep[_undominated(sets[keep], np.minimum(sets[keep, 3:], wanted + spare))]
        work += len(keep)
        if work > MOST_SETS:
            return best, False
        k = order[step]
        sign, spare = (-1.0 if base[k] else 1.0), spare - members[:, k] * base[k]
        change = np.array([sign * impact[k], sign * cost[k], abs(reduced[k]), *(sign * members[:, k])])
        sets = np.concatenate([sets[keep], sets[keep] + change])
        flips = np.column_stack([np.tile(flips[keep], (2, 1)), np.repeat([False, True], len(keep))])
    return best, True


def _undominated(sets: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the positions of sets that no other one with the same members beats in impact and in cost."""
    impact, cost = sets[:, 0], sets[:, 1]
    _, kind = np.unique(held @ (1.0 + held.max(initial=0)) ** np.arange(held.shape[1]), return_inverse=True)
    order = np.lexsort((-impact, cost, kind))
    gain = impact[order] + kind[order] * (1 + 2 * np.ptp(impact))  # above all kinds before
    return order[gain > np.concatenate([[-np.inf], np.maximum.accumulate(gain)[:-1]])]


def _rules(
    impact: np.ndarray, cost: np.ndarray, budget: float, groups: Groups, sides: pd.Series | None = None
) -> tuple[dict[str, np.ndarray], bool]:
    """Return the best set and those of simpler rules, and whether the exact ones are proven."""
    ratio = np.divide(impact, cost, out=np.full(len(cost), np.inf), where=cost > 0)
    (best, sure), (held, proven) = (solve(impact, cost, budget, own) for own in ([], groups))
    sets = {"best": best, "best, every level": held}
    for side in ("product", "experience"):
        if sides is not None and (own := (sides == side).to_numpy()).any():
            sets[f"best, {side} alone"] = own & solve(np.where(own, impact, 0), cost, budget, [])[0]
    sets["impact per cost"] = fill(np.argsort(-ratio, kind="stable"), impact, cost, budget)
    sets["impact alone"] = fill(np.argsort(-impact, kind="stable"), impact, cost, budget)
    return sets, sure and proven


def fill(order: np.ndarray, impact: np.ndarray, cost: np.ndarray, budget: float) -> np.ndarray:
    """Take in this order whatever has an impact and still fits."""
    chosen, left = np.zeros(len(cost), dtype=bool), budget
    for k in order[impact[order] > 0]:
        if cost[k] <= left:
            chosen[k], left = True, left - cost[k]
    return chosen


def _task(initiatives: Table, budget_share: float, each_level: int) -> tuple:
    """Return impact, cost, minima by level that the budget can pay, and the budget."""
    frame = initiatives.frame
    if not 0 < budget_share <= 1 or each_level < 0:
        raise InputError(f"{budget_share=} must lie in (0, 1], {each_level=} at 0 or above")
    if len(frame) < 2:
        raise NotEnough("a choice needs at least two initiatives")
    budget = round(budget_share * float(frame["cost"].sum()))
    costs = {name: np.sort(frame.loc[frame["level"] == name, "cost"]) for name in LEVELS}
    least = each_level
    while sum(cost[:least].sum() for cost in costs.values()) > budget:
        least -= 1
    return *_checked(frame, budget, {name: min(least, len(cost)) for name, cost in costs.items()}), budget


def _checked(
    initiatives: pd.DataFrame, budget: float, minimum: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray, Groups]:
    needed = ["id", "impact", "cost", *(["level"] if minimum else [])]
    if lost := [name for name in needed if name not in initiatives]:
        raise InputError(f"initiatives: there is no column {lost[0]!r}; needed: {', '.join(needed)}")
    ids = initiatives["id"].astype("string").str.strip().replace("", pd.NA)
    if not len(ids) or ids.isna().any() or ids.duplicated().any():
        raise InputError("initiatives: there must be rows, and every row needs an id of its own")
    given = initiatives[["impact", "cost"]].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    impact, cost = given.T
    bad = np.flatnonzero(~np.isfinite(given).all(axis=1) | (cost < 0))
    if len(bad):
        raise InputError(f"initiatives: {ids.iloc[bad[0]]!r} needs numbers for impact and cost, "
                         "cost at least 0")  # fmt: skip
    if not 0 <= budget < np.inf:
        raise InputError(f"budget={budget!r} must be a number of at least 0, in the unit of cost")
    members = {level: (initiatives["level"] == level).to_numpy() for level in minimum}
    for level, least in minimum.items():
        if least != int(least) or not 0 <= least <= members[level].sum():
            rule = f"a whole number of at least 0, and the table has {members[level].sum()}"
            raise InputError(f"minimum: {least!r} of level {level!r} are wanted; it must be {rule}")
    prices = {level: np.sort(cost[members[level]])[: int(least)].sum() for level, least in minimum.items()}
    if sum(prices.values()) > budget * (1 + 1e-12):
        words = " and ".join(f"{level} {minimum[level]} (at least {p:g})" for level, p in prices.items())
        raise InputError(f"minimum: {words} clash with the budget {budget:g}; raise it or lower a minimum")
    return impact, cost, [(int(minimum[level]), members[level]) for level in minimum]
