"""The choice under a budget: brute force, hard instances, and limits of the search."""

import numpy as np
import pytest

from cxlab.stats import knapsack
from cxlab.stats.knapsack import by_ratio, fill, solve


def best_by_force(impact, cost, budget, groups):
    sets = ((np.arange(2 ** len(cost))[:, None] >> np.arange(len(cost))) & 1).astype(bool)
    fits = sets @ cost <= budget
    for least, member in groups:
        fits &= sets[:, member].sum(axis=1) >= least
    return (sets @ impact)[fits].max() if fits.any() else None


def test_equal_to_brute_force_on_200_instances_with_minima():
    rng, solved = np.random.default_rng(5), 0
    for k in range(200):
        n = int(rng.integers(3, 12))
        level = rng.integers(0, 3, n)
        impact = [rng.integers(1, 30, n).astype(float), rng.lognormal(2, 1, n), rng.normal(5, 5, n)][k % 3]
        cost = [rng.integers(0, 30, n).astype(float), rng.lognormal(2, 1, n)][k % 2]
        budget = cost.sum() * rng.uniform(0.2, 0.9)
        groups = [(int(rng.integers(0, 2)), level == one) for one in range(3)]
        best = best_by_force(impact, cost, budget, groups)
        if best is None:
            continue
        solved += 1
        chosen, proven = solve(impact, cost, budget, groups)
        assert proven and impact[chosen].sum() == pytest.approx(best, abs=1e-9)
        assert cost[chosen].sum() <= budget + 1e-9
        assert all(chosen[member].sum() >= least for least, member in groups)
        greedy = fill(by_ratio(impact, cost), cost, budget)
        assert cost[greedy].sum() <= budget + 1e-9
    assert solved > 120


@pytest.mark.parametrize("kind", ["unrelated", "weakly correlated", "measured", "coarse"])
def test_five_thousand_candidates_are_proven(kind):
    rng, n = np.random.default_rng(0), 5000
    cost = rng.integers(1, 1000, n).astype(float)
    impact = {
        "unrelated": rng.integers(1, 1000, n).astype(float),
        "weakly correlated": np.maximum(1, cost + rng.integers(-100, 101, n)),
        "measured": rng.lognormal(0, 1, n),
        "coarse": rng.integers(1, 11, n).astype(float),
    }[kind]
    level = rng.integers(0, 3, n)
    chosen, proven = solve(impact, cost, cost.sum() * 0.3, [(500, level == 0), (1250, level == 2)])
    assert proven and cost[chosen].sum() <= cost.sum() * 0.3 and chosen[level == 2].sum() >= 1250


def test_a_search_that_grows_too_large_gives_a_good_set_and_says_so(monkeypatch):
    rng = np.random.default_rng(3)
    cost = rng.integers(1, 1000, 60).astype(float)
    impact = cost + 100
    best, proven = solve(impact, cost, 9000.0, [])
    assert proven
    monkeypatch.setattr(knapsack, "MOST_SETS", 5)
    some, proven = solve(impact, cost, 9000.0, [])
    assert cost[some].sum() <= 9000 and impact[some].sum() >= 0.98 * impact[best].sum()
    monkeypatch.setattr(knapsack, "MOST_WORK", 3)
    some, proven = solve(impact, cost, 9000.0, [])
    assert not proven and cost[some].sum() <= 9000
