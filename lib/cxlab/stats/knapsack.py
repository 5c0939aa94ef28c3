"""The 0-1 choice under a budget with minima of disjoint groups, solved exactly; and the two naive rules.

Dynamic programming over an expanding core (Pisinger 1997): the linear relaxation (HiGHS) prices every
candidate, and only those whose price leaves a doubt are searched. HiGHS' own branch and bound takes 30 to 60
times as long on thousands of candidates and ends by the clock, so that two machines could differ.
"""

import numpy as np

MOST_SETS, MOST_WORK = 100_000, 2_000_000  # looked at together and in all; beyond them nothing is proven

Groups = list[tuple[int, np.ndarray]]  # least number, members


def by_ratio(impact: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return the order of impact per cost, best first; what has no impact is left out."""
    ratio = np.where(cost > 0, impact / np.where(cost > 0, cost, 1), np.inf)
    order = np.argsort(-ratio, kind="stable")
    return order[impact[order] > 0]


def fill(order: np.ndarray, cost: np.ndarray, budget: float) -> np.ndarray:
    """Take in this order whatever still fits."""
    chosen, left = np.zeros(len(cost), dtype=bool), budget
    for k in order:
        if cost[k] <= left:
            chosen[k], left = True, left - cost[k]
    return chosen


def solve(impact: np.ndarray, cost: np.ndarray, budget: float, groups: Groups) -> tuple[np.ndarray, bool]:
    """Return the best choice, and whether it is proven to be one of the best.

    Departing from the relaxed choice costs at least a candidate's reduced impact, so sets are grown in the
    order of that cost; those that another one dominates, or whose bound cannot beat the best known, are
    dropped.
    """
    scale = _grid(cost)
    if scale:  # whole costs: no sum lies between the budget and the next whole number
        cost, budget = np.round(cost * scale), np.floor(budget * scale + 1e-6)
    reduced, relaxed, bound = _relax(impact, cost, budget, groups)
    slack = 1e-9 * max(1.0, abs(bound))
    least = 1 / _grid(impact) - slack if _grid(impact) else slack  # a better set gains at least this much
    base = np.where(np.abs(reduced) > slack, reduced > 0, relaxed > 0.5)
    best, proven = _start(reduced, impact, cost, budget, groups), True
    value = float(impact[best].sum())
    members = np.array([member for _, member in groups], dtype=int).reshape(len(groups), len(impact))
    wanted, spare = np.array([need for need, _ in groups], dtype=int), members @ base
    # One row of ``sets`` is one set: its impact, cost, distance from the bound, and members of each group.
    sets = np.array([[impact[base].sum(), cost[base].sum(), 0.0, *(members @ base)]])
    flips, work = np.zeros((1, 0), dtype=bool), 0  # what each set changes in ``base``, in this order:
    order = np.argsort(np.abs(reduced), kind="stable")
    for step, k in enumerate(order):
        if bound - np.abs(reduced[k]) < value + least or not len(sets):
            break
        sign = -1.0 if base[k] else 1.0
        spare = spare - members[:, k] * base[k]
        change = np.array([sign * impact[k], sign * cost[k], abs(reduced[k]), *(sign * members[:, k])])
        flips = np.column_stack([np.vstack([flips, flips]), np.repeat([False, True], len(sets))])
        sets = np.concatenate([sets, sets + change])
        met = (sets[:, 1] <= budget * (1 + 1e-12)) & (sets[:, 3:] >= wanted).all(axis=1)
        top = int(np.argmax(np.where(met, sets[:, 0], -np.inf)))
        if met[top] and sets[top, 0] > value + slack / 2:
            value, best = float(sets[top, 0]), base.copy()
            best[order[: step + 1]] ^= flips[top]
        keep = np.flatnonzero(bound - sets[:, 2] >= value + least)
        # More members of a group than it can still lose above its minimum make no difference.
        keep = keep[_undominated(sets[keep, :2], np.minimum(sets[keep, 3:], wanted + spare))]
        if len(keep) > MOST_SETS:
            near = np.lexsort((np.abs(sets[keep, 1] - budget), sets[keep, 2]))
            keep, proven = keep[near[:MOST_SETS]], False
        sets, flips, work = sets[keep], flips[keep], work + len(keep)
        if work > MOST_WORK:
            return best, False
    return best, proven


def _undominated(worth: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the positions of sets that no other one with the same numbers beats in impact and in cost."""
    if not len(worth):
        return np.arange(0)
    low = held.min(axis=0)
    key = np.zeros(len(worth))
    for column, start, width in zip(held.T, low, np.ptp(held, axis=0) + 1, strict=True):
        key = key * width + column - start
    order = np.lexsort((-worth[:, 0], worth[:, 1], key))
    fresh = np.concatenate([[True], np.diff(key[order]) != 0])
    gain = worth[order, 0] - worth[:, 0].min() + np.cumsum(fresh) * 2 * (np.ptp(worth[:, 0]) + 1)
    return order[gain > np.concatenate([[-np.inf], np.maximum.accumulate(gain)[:-1]])]


def _start(reduced, impact, cost, budget: float, groups: Groups) -> np.ndarray:
    """Return a choice within every limit: the cheapest for the minima, then the best priced that fit."""
    chosen = np.zeros(len(cost), dtype=bool)
    for least, member in groups:
        own = np.flatnonzero(member)
        chosen[own[np.argsort(cost[own], kind="stable")[:least]]] = True
    order = [k for k in np.lexsort((-impact, -reduced)) if not chosen[k] and impact[k] > 0]
    return chosen | fill(np.array(order, dtype=int), cost, budget - cost[chosen].sum())


def _relax(impact, cost, budget: float, groups: Groups) -> tuple[np.ndarray, np.ndarray, float]:
    """Return what each candidate adds beyond its price, the relaxed choice, and a bound of the impact."""
    from scipy.optimize import linprog

    top, most = max(float(np.abs(impact).max()), 1e-12), max(float(cost.max()), 1e-12)
    matrix = np.vstack([cost / most, *(-member.astype(float) for _, member in groups)])
    ends = np.array([budget / most, *(-float(least) for least, _ in groups)])
    answer = linprog(-impact / top, A_ub=matrix, b_ub=ends, bounds=(0, 1), method="highs")
    prices = np.maximum(0.0, -answer.ineqlin.marginals)  # any prices of at least 0 give a valid bound
    reduced = (impact / top - prices @ matrix) * top
    return reduced, answer.x, float(prices @ ends * top + np.maximum(reduced, 0).sum())


def _grid(values: np.ndarray) -> int:
    """Return the factor (1, 10, 100) that makes all values whole, or 0."""
    near = 1e-9 * max(1.0, float(np.abs(values).max()))
    return next((f for f in (1, 10, 100) if np.abs(values * f - np.round(values * f)).max() < near), 0)
