"""Coverage of the intervals of ``cx.expectations``, and false alarms of two readings of a kink.

``python tests/bench/bench_expectations.py [--quick]``
"""

from collections import defaultdict

import numpy as np
import pandas as pd
from common import Limits, World, print_coverage

from cxlab.questions.expectations import (
    kinked_slopes,
    product_experience,
    response_surface,
    vignette_contrasts,
)
from cxlab.stats.regression import fit
from cxlab.worlds.small import make_vignette

SEED = 20150402  # chosen once, before the first run
SURFACE = (7.0, 0.6, -0.3, -0.05, 0.08, 0.02)
FIRST = "plain with stock minus courteous without"


def surface_world(random: np.random.Generator, n: int = 250, b=SURFACE, noise: float = 1.0, waves: int = 1):
    """Perceived and expected (correlated, centred at 7), and satisfaction on a surface of known terms."""
    pairs = random.multivariate_normal([0, 0], [[1.4, 0.6], [0.6, 1.4]], n * waves)
    p, e = pairs.T
    terms = np.column_stack([np.ones(n * waves), p, e, p**2, p * e, e**2])
    person = np.repeat(np.arange(n), waves)
    felt = terms @ b + noise * random.normal(size=n * waves)
    felt += 0.6 * random.normal(size=n)[person] if waves > 1 else 0
    return pd.DataFrame({"customer": person, "perceived": p + 7, "expected": e + 7, "satisfaction": felt})


def surface(random: np.random.Generator) -> Limits:
    found = response_surface(
        surface_world(random), perceived="perceived", expected="expected", outcome="satisfaction", centre=7.0
    ).shape
    _, b1, b2, b3, b4, b5 = SURFACE
    truth = {"a1": b1 + b2, "a2": b3 + b4 + b5, "a3": b1 - b2, "a4": b3 - b4 + b5}
    return [
        (f"surface {name}, HC3", found.low[name], value, found.high[name]) for name, value in truth.items()
    ]


def repeated_surface(random: np.random.Generator) -> Limits:
    shape = response_surface(
        surface_world(random, 150, waves=4),
        perceived="perceived",
        expected="expected",
        outcome="satisfaction",
        centre=7.0,
        groups="customer",
    ).shape
    return [
        (
            "surface a3 of people asked again, clustered",
            shape.low["a3"],
            SURFACE[1] - SURFACE[2],
            shape.high["a3"],
        )
    ]


def stories(random: np.random.Generator) -> Limits:
    table = vignette_contrasts(make_vignette(80, interaction=0.5, rng=random))[1]
    return [("story contrast, HC2", table.low[FIRST], 2.0, table.high[FIRST])]


def repeated_stories(random: np.random.Generator) -> Limits:
    table = vignette_contrasts(make_vignette(60, stories=3, person_sd=1.5, rng=random))[1]
    return [("repeated stories, clustered", table.low[FIRST], 2.0, table.high[FIRST])]


def kink(random: np.random.Generator) -> Limits:
    x = random.normal(size=400)
    y = np.where(x < 0, 0.8, 0.3) * x + (0.7 + 0.3 * np.abs(x)) * random.normal(size=400)
    row = kinked_slopes(pd.DataFrame({"x": x, "y": y}), outcome="y", drivers=["x"], knot=0.0).iloc[0]
    return [("kink, HC3", row.low, 0.5, row.high)]


def kink_full_scale(random: np.random.Generator) -> Limits:
    x = random.normal(size=400)
    y = np.minimum(np.where(x < 0, 0.8, 0.3) * x + 0.8 * random.normal(size=400), 0.7)
    row = kinked_slopes(pd.DataFrame({"x": x, "y": y}), outcome="y", drivers=["x"], knot=0.0).iloc[0]
    return [("kink under a full scale, censored", row.low, 0.5, row.high)]


def kink_of_clusters(random: np.random.Generator) -> Limits:
    """Forty branches with their own level: errors clustered, under a full scale."""
    branch = np.repeat(np.arange(40), 12)
    x = 0.7 * random.normal(size=40)[branch] + 0.7 * random.normal(size=480)
    y = 0.5 * x + 0.5 * random.normal(size=40)[branch] + 0.7 * random.normal(size=480)
    world = pd.DataFrame({"x": x, "y": np.minimum(y, 1.0), "branch": branch})
    row = kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0, groups="branch").iloc[0]
    return [("straight line of clusters, censored", row.low, 0.0, row.high)]


def corners(random: np.random.Generator) -> Limits:
    n = 300
    p = random.normal(size=n)
    e = 0.6 * p + 0.8 * random.normal(size=n)
    y = 0.3 * p + 0.5 * e + 0.2 * p * e + random.normal(size=n)
    table = product_experience(pd.DataFrame({"product": p, "experience": e, "outcome": y}))
    # the slope in the quarter is .5 + .2 E(p | p in quarter), since p times e has a slope of its own there
    top, row = table.loc["experience in the top product quarter"], table.loc["interaction"]
    return [
        ("interaction, HC3", row.low, 0.2 * p.std(ddof=1) * e.std(ddof=1), row.high),
        ("experience slope in the top quarter, HC3", top.low, 0.5 + 0.2 * 1.2711, top.high),
    ]


WORLDS: list[World] = [
    *(surface, repeated_surface, stories, repeated_stories, kink, kink_full_scale, kink_of_clusters, corners)
]


def straight(random: np.random.Generator, kind: str, level: float, n: int = 400) -> pd.DataFrame:
    """A straight world: the kind of answers, and how near their middle is to the end of the scale at 10."""
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


def penalty_minus_reward(world: pd.DataFrame) -> tuple[float, float]:
    """Limits of the popular dummies: the worst fifth's loss less the best fifth's gain."""
    low, high = np.quantile(world.x, [0.2, 0.8])
    x = np.column_stack([np.ones(len(world)), world.x <= low, world.x >= high]).astype(float)
    return fit(world.y, x).contrast((0, -1, -1))[1:3]


def false_alarms(kind: str, level: float, runs: int, seed: int = SEED) -> dict[str, float]:
    """How often each reading sees a kink in straight worlds, and the share of answers at the top."""
    seen = defaultdict(list)
    for run in range(runs):
        world = straight(np.random.default_rng([seed, run]), kind, level)
        seen["at the top"].append((world.y >= 10).mean())
        row = kinked_slopes(world, outcome="y", drivers=["x"]).iloc[0]
        seen["kink test"].append(row.low > 0 or row.high < 0)
        low, high = penalty_minus_reward(world)
        seen["penalty-reward dummies"].append(low > 0 or high < 0)
    return {name: float(np.mean(values)) for name, values in seen.items()}


def power_of_kink(runs: int, seed: int = SEED) -> float:
    """Chance to see a difference of half a spread per spread at n = 400."""
    hits = []
    for run in range(runs):
        random = np.random.default_rng([seed, run])
        x = random.normal(size=400)
        world = pd.DataFrame({"x": x, "y": np.where(x < 0, 0.8, 0.3) * x + 0.8 * random.normal(size=400)})
        hits.append(kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0).iloc[0].low > 0)
    return float(np.mean(hits))


def main() -> None:
    runs = print_coverage("expectations", WORLDS, SEED)
    print(f"  power to see a kink of .5 at n = 400: {power_of_kink(runs):.3f}")
    print("false alarms in straight worlds (kink test wanted at most .08)")
    for kind in ("continuous", "one item", "three items"):
        for level in (6.0, 7.5, 8.5, 9.3):
            shares = false_alarms(kind, level, runs)
            said = ", ".join(f"{name} {value:.3f}" for name, value in shares.items() if name != "at the top")
            print(f"  {kind}, {shares['at the top']:.0%} at the top: {said}")


if __name__ == "__main__":
    main()
