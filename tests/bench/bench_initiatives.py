"""How fast a portfolio of thousands is chosen and proven, against HiGHS' own branch and bound.

Run ``python tests/bench/bench_initiatives.py [--quick]``; prints seconds and ratios.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import pandas as pd
import scipy
from scipy.optimize import Bounds, LinearConstraint, milp

from cxlab.methods.initiatives import greedy_portfolio, inclusion_probability, select_portfolio

LEVELS = np.array(["account", "unit", "corporate"])
LIMIT = 30.0


def instance(kind: str, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return initiatives of a kind known from the literature on knapsacks, or as a register has them."""
    cost = rng.integers(1, 1000, n).astype(float)
    if kind == "register":
        cost = np.round(rng.lognormal(4, 0.7, n))
    impact = {
        "register": lambda: np.round(rng.lognormal(2, 0.6, n), 1),
        "unrelated": lambda: rng.integers(1, 1000, n).astype(float),
        "weakly correlated": lambda: np.maximum(1, cost + rng.integers(-100, 101, n)),
        "strongly correlated": lambda: cost + 100,
        "impact equals cost": lambda: cost.copy(),
    }[kind]()
    return pd.DataFrame(
        {"id": range(n), "impact": impact, "cost": cost, "level": LEVELS[rng.integers(0, 3, n)]}
    )


def plain(table: pd.DataFrame, budget: float, minimum: dict[str, int]) -> float:
    """Solve with scipy's milp alone; return seconds."""
    start = time.perf_counter()
    rows = [table.cost / budget, *(-(table.level == level).astype(float) for level in minimum)]
    milp(
        -table.impact / table.impact.max(),
        constraints=LinearConstraint(
            np.vstack(rows), -np.inf, [1.0, *(-float(count) for count in minimum.values())]
        ),
        integrality=np.ones(len(table)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": LIMIT},
    )
    return time.perf_counter() - start


def main() -> None:
    """Print every instance."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    n = 500 if parser.parse_args().quick else 5000
    minimum = {"account": n // 10, "unit": n // 10, "corporate": n // 4}
    print(
        f"initiatives: {n} of them, minima on three levels; python {platform.python_version()}, scipy {scipy.__version__}"
    )
    rng = np.random.default_rng(1)
    for kind in ("register", "unrelated", "weakly correlated", "impact equals cost", "strongly correlated"):
        table = instance(kind, n, rng)
        budget = 0.3 * table.cost.sum()
        start = time.perf_counter()
        best = select_portfolio(table, budget=budget, minimum=minimum)
        ours = time.perf_counter() - start
        other = plain(table, budget, minimum)
        loss = 1 - greedy_portfolio(table, budget=budget, minimum=minimum).impact / best.impact
        more = "at least " if other >= LIMIT else ""
        print(
            f"  {kind}: {ours:.2f} s, proven {best.proven}; HiGHS alone takes {more}{other / ours:.1f} times that; "
            f"greedy loses {loss:.2%}"
        )
    table = instance("register", 120, rng).assign(
        impact_low=lambda t: 0.6 * t.impact, impact_high=lambda t: 1.6 * t.impact
    )
    start = time.perf_counter()
    inclusion_probability(table, budget=0.2 * table.cost.sum(), draws=200, rng=1)
    print(f"  200 guessed worlds of 120 initiatives: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
