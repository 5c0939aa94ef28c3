"""Coverage of the intervals of ``cx.expectations``, false alarms of three readings of a kink, and redraw times.

``python tests/bench/bench_expectations.py [--quick]``
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
from common import Limits, World, print_coverage, print_redraws

import cxlab as cx

SEED = 20150402  # chosen once, before the first run
SURFACE = (7.0, 0.6, -0.3, -0.05, 0.08, 0.02)


def surface(random: np.random.Generator) -> Limits:
    world = cx.simulators.make_expectations(250, 1, surface=SURFACE, rng=random)
    found = cx.expectations.response_surface(
        world, perceived="perceived", expected="expected", outcome="satisfaction", centre=7.0
    )
    _, b1, b2, b3, b4, b5 = SURFACE
    truth = {"a1": b1 + b2, "a2": b3 + b4 + b5, "a3": b1 - b2, "a4": b3 - b4 + b5}
    shape = found.shape
    return [
        (f"surface {name}, HC3", shape.low[name], value, shape.high[name]) for name, value in truth.items()
    ]


def surface_of_waves(random: np.random.Generator) -> Limits:
    """The same people four times: errors clustered by customer."""
    world = cx.simulators.make_expectations(150, 4, drift=0.0, surface=SURFACE, rng=random)
    shape = cx.expectations.response_surface(
        world,
        perceived="perceived",
        expected="expected",
        outcome="satisfaction",
        centre=7.0,
        groups="customer",
    ).shape
    return [("surface a3 of waves, clustered", shape.low["a3"], SURFACE[1] - SURFACE[2], shape.high["a3"])]


def drift(random: np.random.Generator) -> Limits:
    world = cx.simulators.make_expectations(120, 4, drift=0.3, surface=(7, 0.6, -0.3, 0, 0, 0), rng=random)
    table = cx.expectations.expectation_drift(world)
    last = "satisfaction at constant performance and expectation"
    rows = table.loc[["expected", last]]
    return [
        ("drift of expectation, clustered", rows.low["expected"], 0.3, rows.high["expected"]),
        ("drift that expectation leaves, clustered", rows.low[last], 0.0, rows.high[last]),
    ]


def stories(random: np.random.Generator) -> Limits:
    table = cx.expectations.vignette_contrasts(
        cx.simulators.make_vignettes(80, interaction=0.5, rng=random), permutations=1, rng=random
    ).contrasts
    first = "out of stock and courteous, against in stock and plain"
    return [
        ("story contrast, HC2", table.low[first], -2.0, table.high[first]),
        ("story interaction, HC2", table.low["interaction"], 0.5, table.high["interaction"]),
    ]


def repeated_stories(random: np.random.Generator) -> Limits:
    world = cx.simulators.make_vignettes(60, stories=3, person_sd=1.5, rng=random)
    table = cx.expectations.vignette_contrasts(world).contrasts
    first = "out of stock and courteous, against in stock and plain"
    return [("repeated stories, clustered", table.low[first], -2.0, table.high[first])]


def kink(random: np.random.Generator) -> Limits:
    n = 400
    x = random.normal(size=n)
    y = np.where(x < 0, 0.8, 0.3) * x + (0.7 + 0.3 * np.abs(x)) * random.normal(size=n)
    world = pd.DataFrame({"x": x, "y": y})
    row = cx.expectations.kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0).iloc[0]
    return [("kink, HC3", row.low, 0.5, row.high)]


def kink_full_scale(random: np.random.Generator) -> Limits:
    n = 400
    x = random.normal(size=n)
    y = np.minimum(np.where(x < 0, 0.8, 0.3) * x + 0.8 * random.normal(size=n), 0.7)
    world = pd.DataFrame({"x": x, "y": y})
    row = cx.expectations.kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0).iloc[0]
    return [("kink under a full scale, censored", row.low, 0.5, row.high)]


def corners(random: np.random.Generator) -> Limits:
    n = 300
    p = random.normal(size=n)
    e = 0.6 * p + 0.8 * random.normal(size=n)
    y = 0.3 * p + 0.5 * e + 0.2 * p * e + random.normal(size=n)
    table = cx.expectations.product_experience(
        pd.DataFrame({"p": p, "e": e, "y": y}), product="p", experience="e", outcome="y"
    )
    top = table.loc["experience slope in the top product quarter"]
    # p times e has a slope of its own in the quarter; the truth is the mean slope there, .5 + .2 E(p | p in quarter)
    truth_top = 0.5 + 0.2 * 1.2711
    row = table.loc["interaction"]
    scale = p.std(ddof=1) * e.std(ddof=1)
    return [
        ("interaction, HC3", row.low, 0.2 * scale, row.high),
        ("experience slope in the top quarter, HC3", top.low, truth_top, top.high),
    ]


WORLDS: list[World] = [
    surface,
    surface_of_waves,
    drift,
    stories,
    repeated_stories,
    kink,
    kink_full_scale,
    corners,
]


def straight(random: np.random.Generator, kind: str, level: float, n: int = 400) -> pd.DataFrame:
    """A straight world: ``kind`` of the answers, and how near their middle is to the top of a scale that ends at 10."""
    x = 1.5 * random.normal(size=n)
    y = level + 0.6 * x
    if kind == "continuous":
        return pd.DataFrame({"x": x, "y": np.minimum(y + 1.3 * random.normal(size=n), 10)})
    items = 1 if kind == "one item" else 3

    def rated(mean: np.ndarray, spread: float) -> np.ndarray:
        answers = mean[:, None] + spread * random.normal(size=(n, items))
        return np.clip(np.round(answers), 1, 10).mean(axis=1)

    if items == 1:
        return pd.DataFrame({"x": rated(x + 7.5, 0.0), "y": rated(y, 1.3)})
    return pd.DataFrame({"x": rated(x + 7.5, 1.0), "y": rated(y + random.normal(size=n), 1.0)})


def false_alarms(kind: str, level: float, runs: int, seed: int = SEED) -> dict[str, float]:
    """Share of straight worlds in which each reading sees a kink (either way), and the share of answers at the top."""
    seen = defaultdict(list)
    for run in range(runs):
        world = straight(np.random.default_rng([seed, run]), kind, level)
        seen["at the top"].append((world.y >= 10).mean())
        for name, ceiling in (("kink test", "auto"), ("two slopes, scale ignored", None)):
            row = cx.expectations.kinked_slopes(world, outcome="y", drivers=["x"], ceiling=ceiling).iloc[0]
            seen[name].append(row.low > 0 or row.high < 0)
        dummies = cx.expectations.penalty_reward(world, outcome="y", driver="x").loc["difference"]
        seen["penalty-reward dummies"].append(dummies.low > 0 or dummies.high < 0)
    return {name: float(np.mean(values)) for name, values in seen.items()}


def power_of_kink(runs: int, seed: int = SEED) -> float:
    """Chance to see a difference of half a spread per spread at n = 400."""
    hits = []
    for run in range(runs):
        random = np.random.default_rng([seed, run])
        x = random.normal(size=400)
        y = np.where(x < 0, 0.8, 0.3) * x + 0.8 * random.normal(size=400)
        row = cx.expectations.kinked_slopes(
            pd.DataFrame({"x": x, "y": y}), outcome="y", drivers=["x"], knot=0.0
        ).iloc[0]
        hits.append(row.low > 0)
    return float(np.mean(hits))


def redraw() -> None:
    """What one move of each control of notebook 04 costs, the chart's own work."""
    world = cx.simulators.make_expectations(250, 1, surface=SURFACE, rng=1)
    fitted = cx.expectations.response_surface(
        world, perceived="perceived", expected="expected", outcome="satisfaction"
    )
    lines = cx.expectations.congruence(fitted)
    straight_worlds = cx.expectations.kinks_in_a_straight_world(n=300, rng=1)
    people = cx.expectations.vignette_power(
        effects=[0.5, 1.0], per_cell=[10, 20, 30, 40, 60, 80, 100, 150, 200, 300]
    )
    draws = {
        "line over the surface": lambda: cx.charts.expectations.congruence(
            lines, line="met", outcome="satisfaction"
        ),
        "straight world": lambda: cx.charts.expectations.false_kinks(
            straight_worlds[straight_worlds.top_share == 0.2], share=0.2
        ),
        "people needed": lambda: cx.charts.expectations.power(people, effect=1.0),
    }
    print_redraws(draws)


def main() -> None:
    runs = print_coverage("expectations", WORLDS, SEED)
    print(f"  power to see a kink of .5 at n = 400: {power_of_kink(runs):.3f}")
    print("false alarms in straight worlds (kink test wanted at most .08)")
    for kind in ("continuous", "one item", "three items"):
        for level in (6.0, 7.5, 8.5, 9.3):
            shares = false_alarms(kind, level, runs)
            print(
                f"  {kind}, {shares.pop('at the top'):.0%} at the top: "
                + ", ".join(f"{k} {v:.3f}" for k, v in shares.items())
            )
    redraw()


if __name__ == "__main__":
    main()
