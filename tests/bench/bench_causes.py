"""Coverage of the intervals of ``cx.causes`` in worlds whose truth is known, and what a chart's move costs.

``python tests/bench/bench_causes.py [--quick]``
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from common import Limits, World, print_coverage, print_redraws

import cxlab as cx

SEED = 20150401  # chosen once, before the first run


def adjusted_slope(random: np.random.Generator) -> Limits:
    """Two correlated sides, spread of the outcome growing with the first."""
    n = 250
    p = random.normal(size=n)
    e = 0.6 * p + 0.8 * random.normal(size=n)
    y = 0.3 * p + 0.4 * e + (0.6 + 0.4 * np.abs(p)) * random.normal(size=n)
    world = pd.DataFrame({"p": p, "e": e, "y": y})
    found = cx.causes.robustness_value(world, outcome="y", treatment="p", covariates=["e"])
    return [("adjusted slope, HC3", found.low, 0.3, found.high)]


def within_firms(random: np.random.Generator) -> Limits:
    """Thirty firms with levels of their own that are tied to the treatment."""
    firm = np.repeat(np.arange(30), 8)
    level = random.normal(size=30)[firm]
    p = level + random.normal(size=len(firm))
    y = 0.3 * p + 2 * level + random.normal(size=len(firm))
    world = pd.DataFrame({"firm": firm, "p": p, "y": y})
    found = cx.causes.robustness_value(world, outcome="y", treatment="p", fixed_effects="firm")
    return [("slope within firms, HC3", found.low, 0.3, found.high)]


def hidden_cause(random: np.random.Generator) -> Limits:
    """A cause of known strength is left out; the estimate adjusted for that strength should cover the truth."""
    n = 400
    z = random.normal(size=n)
    p = 0.5 * z + random.normal(size=n)
    y = 0.3 * p + 0.6 * z + random.normal(size=n)
    found = cx.causes.robustness_value(pd.DataFrame({"p": p, "y": y}), outcome="y", treatment="p")
    strength_p = 0.25 / 1.25  # partial R2 of z with p
    rest = 1 / 1.25  # variance of z given p
    strength_y = 0.36 * rest / (0.36 * rest + 1)
    _, low, high = cx.causes.adjusted_estimates(found, r2_treatment=strength_p, r2_outcome=strength_y)
    return [("slope after a hidden cause of known strength", float(low), 0.3, float(high))]


def strengths(random: np.random.Generator) -> Limits:
    """Two sides and a covariate of known covariance: robustness values, the covariate as benchmark, story gaps."""
    mixing = np.array([[1, 0, 0, 0], [0.6, 0.8, 0, 0], [0.68, 0.24, 0.8, 0], [0, 0, 0, 0.8]])
    mixing[3] += np.array([0.3, 0.4, 0.2]) @ mixing[:3]
    columns = ["p", "e", "x", "y"]
    world = pd.DataFrame(random.normal(size=(250, 4)) @ mixing.T, columns=columns)
    truth = pd.DataFrame(mixing @ mixing.T, index=columns, columns=columns)
    partial, before = _partial(truth), _partial(truth.loc[["p", "e", "x"], ["p", "e", "x"]])
    f2 = partial.loc["p", "y"] ** 2 / (1 - partial.loc["p", "y"] ** 2)
    value, at_level = cx.causes.robustness_from_t(np.sqrt(f2 * 246), 246)
    odds = before.loc["p", "x"] ** 2 / (1 - before.loc["p", "x"] ** 2)
    answered = (1 + odds) ** 2 / (1 - odds**2) * partial.loc["x", "y"] ** 2 / (1 - partial.loc["x", "y"] ** 2)
    scale = np.sqrt(np.diag(truth))
    r = truth / np.outer(scale, scale)
    slopes = np.linalg.solve(r.loc[["p", "e"], ["p", "e"]], r.loc[["p", "e"], "y"])
    found = cx.causes.strength_intervals(
        world, outcome="y", sides=["p", "e"], covariates=["x"], bootstrap=400, rng=random
    ).loc["p"]
    gaps = cx.causes.story_gaps(world, product="p", experience="e", outcome="y", bootstrap=400, rng=random)
    known = {"value": value, "value_at_level": at_level, "benchmark": max(odds, answered)}
    limits = [(f"strength: {name}", found.low[name], known[name], found.high[name]) for name in known]
    for side, slope in zip("pe", slopes[::-1], strict=True):
        limits.append((f"story gap of {side}", gaps.low[side], abs(r.loc["p", "e"] * slope), gaps.high[side]))
    return limits


def mediated(random: np.random.Generator) -> Limits:
    n, a, b, c = 250, 0.5, 0.4, 0.2
    t = random.normal(size=n)
    m = a * t + random.normal(size=n)
    y = b * m + c * t + random.normal(size=n)
    world = pd.DataFrame({"t": t, "m": m, "y": y})
    table = cx.causes.mediation(world, treatment="t", mediator="m", outcome="y", bootstrap=400, rng=random)
    truth = {"indirect": a * b, "direct": c, "total": a * b + c, "rho_zero": b / np.sqrt(1 + b**2)}
    return [(f"mediation: {name}", table.low[name], value, table.high[name]) for name, value in truth.items()]


def mediated_with_hidden_cause(random: np.random.Generator) -> Limits:
    """Errors of mediator and outcome correlate .3: the curve at rho = .3 should cover the true indirect effect."""
    n, a, b, c = 300, 0.5, 0.4, 0.2
    errors = random.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], n)
    t = random.normal(size=n)
    m = a * t + errors[:, 0]
    y = b * m + c * t + errors[:, 1]
    world = pd.DataFrame({"t": t, "m": m, "y": y})
    row = cx.causes.rho_curve(
        world, treatment="t", mediator="m", outcome="y", rho=[0.3], bootstrap=400, rng=random
    ).iloc[0]
    return [("indirect effect at the true rho", row.low, a * b, row.high)]


def strata(random: np.random.Generator) -> Limits:
    n, ratio = 400, 1.6
    stratum = random.integers(0, 3, n)
    exposed = random.random(n) < np.array([0.3, 0.5, 0.7])[stratum]
    risk = np.array([0.15, 0.25, 0.4])[stratum] * np.where(exposed, ratio, 1)
    world = pd.DataFrame({"y": random.random(n) < risk, "e": exposed, "s": stratum})
    found = cx.causes.mantel_haenszel(world, outcome="y", exposed="e", strata="s")
    return [("Mantel-Haenszel risk ratio", found.risk_low, ratio, found.risk_high)]


def strata_odds(random: np.random.Generator) -> Limits:
    n, odds = 400, 2.0
    stratum = random.integers(0, 3, n)
    exposed = random.random(n) < np.array([0.3, 0.5, 0.7])[stratum]
    base = np.array([0.2, 0.4, 0.9])[stratum] * np.where(exposed, odds, 1)
    world = pd.DataFrame({"y": random.random(n) < base / (1 + base), "e": exposed, "s": stratum})
    found = cx.causes.mantel_haenszel(world, outcome="y", exposed="e", strata="s")
    return [("Mantel-Haenszel odds ratio", found.odds_low, odds, found.odds_high)]


WORLDS: list[World] = [
    adjusted_slope,
    within_firms,
    hidden_cause,
    strengths,
    mediated,
    mediated_with_hidden_cause,
    strata,
    strata_odds,
]


def _partial(covariance: pd.DataFrame) -> pd.DataFrame:
    """Correlations of each pair given all others."""
    precision = np.linalg.inv(covariance)
    scale = np.sqrt(np.diag(precision))
    return pd.DataFrame(
        -precision / np.outer(scale, scale), index=covariance.index, columns=covariance.columns
    )


def redraw() -> None:
    """What one move of each control of notebook 03 costs, the chart's own work."""
    random = np.random.default_rng(1)
    n = 250
    p = random.normal(size=n)
    e = 0.6 * p + random.normal(size=n)
    world = pd.DataFrame(
        {"product": p, "experience": e, "price": random.normal(size=n), "y": p + e + random.normal(size=n)}
    )
    found = cx.causes.robustness_value(
        world, outcome="y", treatment="product", covariates=["experience", "price"]
    )
    bounds = cx.causes.benchmark_bounds(
        world, outcome="y", treatment="product", covariates=["experience", "price"]
    )
    grid = cx.causes.sensitivity_grid(found)
    curve = cx.causes.rho_curve(
        world, treatment="product", mediator="experience", outcome="y", bootstrap=50, rng=1
    )
    graphs = cx.causes.equivalent_graphs(world, product="product", experience="experience", outcome="y")
    sizes = [20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000]

    def power():
        tables = [cx.causes.power_table(sizes, effect=0.2, design=name) for name in "abcd"]
        return cx.charts.causes.power(tables, needed=cx.causes.size_two_groups(effect=0.2))

    draws = {
        "hidden cause": lambda: cx.charts.causes.contours(
            grid, bounds=bounds, treatment="product", estimate=1.0
        ),
        "rho": lambda: cx.charts.causes.rho(curve, rho_zero=0.1, order="product through experience"),
        "story": lambda: cx.charts.causes.graphs(graphs, graph="one source", outcome="y"),
        "sample size": power,
    }
    print_redraws(draws)


def main() -> None:
    print_coverage("causes", WORLDS, SEED)
    redraw()


if __name__ == "__main__":
    main()
