"""Coverage of H's interval, and how often the right scoring rule is chosen, over simulated accounts.

Run ``python tests/bench/bench_horizons.py [--quick]``; prints one line a world.
"""

import argparse
import time

import pandas as pd

import cxlab as cx
from cxlab.data.table import Table
from cxlab.stats.agreement import scalability
from cxlab.worlds.small import make_accounts


def levels(n: int, seed: int, strength: float, cut: float | None) -> pd.DataFrame:
    """One row an account; scores, or passes at a mark."""
    frame = make_accounts(n, strength=strength, hidden_share=0, rng=seed)
    wide = frame.pivot(index="account", columns="level", values="score")[list(dict.fromkeys(frame.level))]
    return wide if cut is None else (wide >= cut).astype(float)


def main() -> None:
    """Print every world."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    runs = 40 if parser.parse_args().quick else 400
    print(f"horizons: {runs} runs a world")
    for accounts, strength, cut in (
        (150, 0.0, 55),
        (200, 1.0, 55),
        (300, 2.0, 55),
        (60, 1.0, 50),
        (200, 1.0, None),
    ):
        truth = scalability(levels(200_000, 0, strength, cut), bootstrap=0).H
        found = [
            scalability(levels(accounts, seed, strength, cut), bootstrap=500, rng=seed)
            for seed in range(1, runs + 1)
        ]
        share = sum(one.low <= truth <= one.high for one in found) / runs
        kind = "scores" if cut is None else f"pass at {cut}"
        print(f"  H {truth:.3f} ({accounts} accounts, {kind}): 95 % interval covers {share:.3f}")
    for rule in ("minimum", "mean"):
        for strength in (1.0, 2.0):
            right = 0
            for seed in range(runs):
                world = {"strength": strength, "rule": rule, "hidden_share": 0, "hostage_share": 0}
                table = Table(frame=make_accounts(300, **world, rng=seed), kind="accounts", seed=seed)
                right += (cx.horizons.all_must_hold(table)["minimum-minus-mean"].value > 0) == (
                    rule == "minimum"
                )
            print(f"  renewal follows the {rule} (strength {strength:g}): right rule {right / runs:.3f}")
    large = levels(100_000, 1, 2.0, 55)
    start = time.perf_counter()
    scalability(large, bootstrap=1000, rng=1)
    print(f"  H with 1,000 draws over 100,000 accounts: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
