"""Coverage of H's interval, and how often the right scoring rule is chosen, over simulated accounts.

Run ``python tests/bench/bench_horizons.py [--quick]``; prints one line a world.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import pandas as pd

from cxlab.evidence.simulators.ladder import make_ladder
from cxlab.methods.horizons import scalability, scoring_rules


def wide(ladder: pd.DataFrame) -> pd.DataFrame:
    """One row an account, levels in the file's order."""
    return ladder.pivot(index="account", columns="level", values="score")[list(dict.fromkeys(ladder.level))]


def coverage(runs: int, accounts: int, strength: float, cut: float | None) -> tuple[float, float]:
    """Return the true H and the share of runs whose 95 % interval holds it."""

    def levels(n: int, seed: int) -> pd.DataFrame:
        scores = wide(make_ladder(n, strength=strength, hidden_share=0, rng=seed))
        return scores if cut is None else scores >= cut

    truth = scalability(levels(200_000, 0), bootstrap=0).H
    hits = 0
    for seed in range(1, runs + 1):
        result = scalability(levels(accounts, seed), bootstrap=500, rng=seed)
        hits += result.low <= truth <= result.high
    return truth, hits / runs


def right_rule(runs: int, accounts: int, rule: str, strength: float) -> float:
    """Return the share of runs in which the rule that made the renewals is the one chosen."""
    right = 0
    for seed in range(runs):
        ladder = make_ladder(
            accounts, strength=strength, rule=rule, hidden_share=0, hostage_share=0, rng=seed
        )
        levels = wide(ladder)
        renewed = ladder.groupby("account").renewed.first().reindex(levels.index)
        right += scoring_rules(levels, outcome=renewed, repeats=10, rng=seed).attrs["best"] == rule
    return right / runs


def main() -> None:
    """Print every world."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    runs = 40 if parser.parse_args().quick else 400
    print(f"horizons: {runs} runs a world; python {platform.python_version()}, numpy {np.__version__}")
    for accounts, strength, cut in ((150, 0.0, 55), (200, 1.0, 55), (300, 2.0, 55), (200, 1.0, None)):
        truth, share = coverage(runs, accounts, strength, cut)
        kind = "scores" if cut is None else f"pass at {cut}"
        print(f"  H {truth:.3f} ({accounts} accounts, {kind}): 95 % interval covers {share:.3f}")
    for rule in ("minimum", "mean"):
        for strength in (1.0, 2.0):
            share = right_rule(runs, 300, rule, strength)
            print(
                f"  renewal follows the {rule} (n = 300, strength {strength:g}): right rule chosen {share:.3f}"
            )
    levels = wide(make_ladder(100_000, hidden_share=0, rng=1)) >= 55
    start = time.perf_counter()
    scalability(levels, bootstrap=1000, rng=1)
    print(f"  H with 1,000 draws over 100,000 accounts: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
