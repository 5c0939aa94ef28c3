"""The 0-1 choice behind a portfolio, solved to proven optimality: a budget, and minima of disjoint groups.

How it works: the linear relaxation (HiGHS) prices every initiative. Deviating from the relaxed choice costs at least an
initiative's reduced cost, so only few can matter; sets are grown over those in the order of that cost, dropping every
set that another one dominates or whose bound cannot beat the best set known (dynamic programming over an expanding
core, Pisinger 1997). HiGHS' own branch and bound stands by for inputs on which the sets grow too many.
"""

from __future__ import annotations

import numpy as np

__all__ = ["solve"]

MOST_SETS = 400_000
SECONDS = 8.0  # for the fallback; beyond it the best set so far is returned, with its bound

Groups = list[tuple[str, int, np.ndarray]]


def solve(impact: np.ndarray, cost: np.ndarray, budget: float, groups: Groups) -> tuple[np.ndarray, float]:
    """Return the best choice (boolean) and an upper bound of the impact; they agree when it is proven.

    ``groups`` lists ``(name, minimum, members)`` of disjoint groups; the minima must be affordable.
    """
    budget = _floor(budget, _grid(cost))
    room = budget + 1e-9 * max(1.0, abs(budget))
    step = _grid(impact)
    reduced, relaxed, bound = _by_ratio(impact, cost, budget, groups) or _relax(impact, cost, budget, groups)
    known = _start(reduced, relaxed, impact, cost, room, groups)
    value = float(impact[known].sum())
    slack = 1e-9 * max(1.0, abs(bound))
    least = step - slack if step else slack  # a better set must gain at least this much
    if bound - value < least:
        return known, value

    # One row of these arrays is one set: its impact, cost and numbers per group; it deviates from `base`.
    base = np.where(np.abs(reduced) > slack, reduced > 0, relaxed > 0.5)
    numbers = np.array([member for *_, member in groups], dtype=int).reshape(len(groups), len(impact))
    need = np.array([count for _, count, _ in groups], dtype=int)
    gain = np.array([impact[base].sum()])
    spent = np.array([cost[base].sum()])
    held = (numbers @ base)[None, :]
    lost = np.zeros(1)
    order = np.argsort(np.abs(reduced), kind="stable")
    removable = numbers @ base
    history: list[tuple[int, np.ndarray]] = []
    best: tuple[int, int] | None = None
    for k in order:
        if bound - np.abs(reduced[k]) < value + least:
            break
        sign = -1.0 if base[k] else 1.0
        removable = removable - numbers[:, k] * base[k]
        count = len(gain)
        gain = np.concatenate([gain, gain + sign * impact[k]])
        spent = np.concatenate([spent, spent + sign * cost[k]])
        held = np.concatenate([held, held + (int(sign) * numbers[:, k])[None, :]])
        lost = np.concatenate([lost, lost + abs(reduced[k])])
        parent = np.concatenate([np.arange(count), -np.arange(count) - 1])
        met = (spent <= room) & (held >= need).all(axis=1)
        if met.any():
            top = np.flatnonzero(met)[np.argmax(gain[met])]
            if gain[top] > value + slack / 2:
                value = float(gain[top])
                best = (len(history), int(parent[top]))
        keep = np.flatnonzero(bound - lost >= value + least)
        # More members of a group than it can still lose above its minimum make no difference.
        capped = np.minimum(held[keep], need + removable)
        keep = keep[_undominated(gain[keep], spent[keep], capped)]
        history.append((int(k), parent[keep]))
        gain, spent, held, lost = gain[keep], spent[keep], held[keep], lost[keep]
        if not len(gain):
            break
        if len(gain) > MOST_SETS:
            current = _trace(best, history, base) if best else known
            return _fallback(impact, cost, budget, groups, current, bound)
    return (_trace(best, history, base) if best else known), value


def _undominated(gain: np.ndarray, spent: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the positions of sets that no other one with the same numbers beats in impact and in cost."""
    key = np.zeros(len(gain), dtype=np.int64)
    for column in held.T:
        low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
        key = key * (high - low + 1) + (column - low)
    order = np.lexsort((-gain, spent, key))
    if not len(order):
        return order
    fresh = np.concatenate([[True], np.diff(key[order]) != 0])
    lifted = gain[order] - gain.min() + np.cumsum(fresh) * (2 * (np.ptp(gain) + 1.0))
    before = np.concatenate([[-np.inf], np.maximum.accumulate(lifted)[:-1]])
    return order[lifted > before]


def _trace(best: tuple[int, int], history: list[tuple[int, np.ndarray]], base: np.ndarray) -> np.ndarray:
    """Walk back from the best set to the base; ``best`` names its step and its parent there."""
    solution, (step, parent) = base.copy(), best
    items = [item for item, _ in history]
    while True:
        if parent < 0:
            solution[items[step]] ^= True
            parent = -parent - 1
        if step == 0:
            return solution
        step -= 1
        parent = int(history[step][1][parent])


def _start(reduced, relaxed, impact, cost, room, groups) -> np.ndarray:
    """Return a choice that meets every limit: cheapest minima first, then the best priced that fit, then swaps."""
    chosen = np.zeros(len(cost), dtype=bool)
    order = np.lexsort((-impact, -reduced, relaxed < 1 - 1e-9))
    for _, count, member in groups:
        index = np.flatnonzero(member)
        chosen[index[np.argsort(cost[index], kind="stable")[:count]]] = True
    # Replace the cheapest by better priced ones of their group where the money allows.
    left = room - cost[chosen].sum()
    for _, _, member in groups:
        weak = [k for k in order[::-1] if chosen[k] and member[k]]
        for k in (k for k in order if member[k] and not chosen[k]):
            if not weak or reduced[k] <= reduced[weak[0]]:
                break
            if cost[k] - cost[weak[0]] <= left:
                left -= cost[k] - cost[weak[0]]
                chosen[k], chosen[weak.pop(0)] = True, False
    for k in order:
        if not chosen[k] and impact[k] > 0 and cost[k] <= left:
            chosen[k], left = True, left - cost[k]
    return chosen


def _by_ratio(impact, cost, budget, groups: Groups) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Solve the relaxation by sorting, where that works: few initiatives, and minima that it meets by itself."""
    if len(impact) > 1000 or np.any(cost == 0):
        return None
    order = np.argsort(-impact / cost, kind="stable")
    order = order[impact[order] > 0]
    before = np.cumsum(cost[order]) - cost[order]
    relaxed = np.zeros(len(impact))
    relaxed[order] = np.clip((budget - before) / cost[order], 0, 1)
    if any(relaxed[member].sum() < count for _, count, member in groups):
        return None
    part = order[relaxed[order] < 1]
    price = impact[part[0]] / cost[part[0]] if len(part) else 0.0
    reduced = impact - price * cost
    return reduced, relaxed, float(price * budget + np.maximum(reduced, 0).sum())


def _relax(impact, cost, budget, groups: Groups) -> tuple[np.ndarray, np.ndarray, float]:
    """Solve the linear relaxation: reduced profits, its solution, its value rounded down to the impacts' grid."""
    from scipy.optimize import linprog

    top, scale = max(float(np.abs(impact).max()), 1e-12), max(budget, 1e-12)
    rows = [cost / scale, np.ones(len(cost)), *(-member.astype(float) for *_, member in groups)]
    limits = [budget / scale, float(_most(cost, budget, groups)), *(-float(count) for _, count, _ in groups)]
    matrix = np.vstack(rows)
    answer = linprog(-impact / top, A_ub=matrix, b_ub=limits, bounds=(0, 1), method="highs")
    prices = np.maximum(0.0, -answer.ineqlin.marginals)
    reduced = (impact / top - prices @ matrix) * top
    # Any prices of at least 0 give a valid bound, so rounding in the solver cannot cut off the best set.
    value = float(prices @ np.asarray(limits) * top + np.maximum(reduced, 0).sum())
    return reduced, answer.x, value


def _most(cost: np.ndarray, budget: float, groups: Groups) -> int:
    """Return the greatest number of initiatives that fit; the relaxation does not know that it is whole."""
    first = np.zeros(len(cost), dtype=bool)
    for _, count, member in groups:
        index = np.flatnonzero(member)
        first[index[np.argsort(cost[index], kind="stable")[:count]]] = True
    rest = np.cumsum(np.sort(cost[~first])) + cost[first].sum()
    return int(first.sum() + np.searchsorted(rest, budget + 1e-9 * max(1.0, budget), side="right"))


def _fallback(
    impact, cost, budget, groups: Groups, known: np.ndarray, bound: float
) -> tuple[np.ndarray, float]:
    """Let HiGHS branch and bound for a few seconds; keep the better set."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    scale, top = max(budget, 1e-12), max(float(np.abs(impact).max()), 1e-12)
    rows = [cost / scale, *(-member.astype(float) for *_, member in groups)]
    limits = [budget / scale, *(-float(count) for _, count, _ in groups)]
    answer = milp(
        -impact / top,
        constraints=LinearConstraint(np.vstack(rows), -np.inf, limits),
        integrality=np.ones(len(impact)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": SECONDS},
    )
    value = float(impact[known].sum())
    if answer.x is not None:
        found = answer.x > 0.5
        if cost[found].sum() <= budget + 1e-9 * max(1.0, budget) and impact[found].sum() >= value:
            known, value = found, float(impact[found].sum())
        bound = min(bound, float(-answer.mip_dual_bound * top))
    return known, max(bound, value)


def _grid(values: np.ndarray) -> float:
    """Return the step (1, 0.1, 0.01) on which all values lie, or 0."""
    largest = max(1.0, float(np.abs(values).max()))
    for scale in (1, 10, 100):
        if np.allclose(values * scale, np.round(values * scale), rtol=0, atol=1e-9 * largest):
            return 1 / scale
    return 0.0


def _floor(value: float, step: float) -> float:
    """Round down to the grid: no sum of values on it can lie between."""
    return value if not step or not np.isfinite(value) else float(np.floor(value / step + 1e-7) * step)
