"""How fast a portfolio of thousands is chosen and proven, against HiGHS' own branch and bound.

Run ``python tests/bench/bench_initiatives.py [--quick]``; prints seconds and ratios.
"""

import argparse
import time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

import cxlab as cx
from cxlab.questions.portfolio import solve

LIMIT = 30.0


def instance(kind: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return impacts and costs of a kind known from the literature, or as a register has them."""
    cost = (
        np.round(rng.lognormal(4, 0.7, n)) if kind == "register" else rng.integers(1, 1000, n).astype(float)
    )
    impact = {
        "register": np.round(rng.lognormal(2, 0.6, n), 1),
        "unrelated": rng.integers(1, 1000, n).astype(float),
        "weakly correlated": np.maximum(1, cost + rng.integers(-100, 101, n)),
        "strongly correlated": cost + 100,
    }[kind]
    return impact, cost


def plain(impact, cost, budget, groups) -> float:
    """Solve with scipy's milp alone; return seconds."""
    start = time.perf_counter()
    rows = [cost / budget, *(-member.astype(float) for _, member in groups)]
    limits = LinearConstraint(np.vstack(rows), -np.inf, [1.0, *(-float(least) for least, _ in groups)])
    options = {"mip_rel_gap": 0.0, "time_limit": LIMIT}
    milp(
        -impact / impact.max(),
        constraints=limits,
        integrality=np.ones(len(cost)),
        bounds=Bounds(0, 1),
        options=options,
    )
    return time.perf_counter() - start


def main() -> None:
    """Print every instance."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    n = 500 if parser.parse_args().quick else 5000
    rng = np.random.default_rng(1)
    print(f"initiatives: {n} of them, minima on three levels")
    for kind in ("register", "unrelated", "weakly correlated", "strongly correlated"):
        impact, cost = instance(kind, n, rng)
        level, budget = rng.integers(0, 3, n), 0.3 * cost.sum()
        groups = [(n // 10, level == 0), (n // 10, level == 1), (n // 4, level == 2)]
        start = time.perf_counter()
        _, proven = solve(impact, cost, budget, groups)
        ours, other = time.perf_counter() - start, plain(impact, cost, budget, groups)
        more = "at least " if other >= LIMIT else ""
        print(f"  {kind}: {ours:.2f} s, proven {proven}; HiGHS alone {more}{other / ours:.1f} times that")
    register = cx.open_source("simulated-initiatives", table="initiatives")
    start = time.perf_counter()
    cx.initiatives.safe_choices(register)
    print(f"  100 guessed worlds of 120 initiatives: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
