"""How often four known worlds get the right verdict on the core claims.

Run as ``.venv/bin/python tests/bench/bench_verdict.py [--quick]``; prints one line a world and claim.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np

import cxlab as cx

# world -> (arguments of make_survey: the truth, what the rules should say)
WORLDS = {
    "product-led": (
        {"slopes": {"product": 0.6, "experience": 0.0}},
        {"P3": "supported", "C4a": "refuted", "C2c": "refuted"},
    ),
    "experience-led": (
        {"slopes": {"product": 0.0, "experience": 0.6}},
        {"P3": "refuted", "C4a": "supported", "C2c": "refuted"},
    ),
    "halo only": (
        {"slopes": {"product": 0.0, "experience": 0.0}, "spreads": 0.3, "halo": 1.0},
        {"P3": "undecided", "C4a": "undecided", "C2c": "undecided"},
    ),
    "parity": (
        {
            "slopes": {"product": 0.45, "experience": 0.45},
            "spreads": {"product": 0.5, "experience": 1.0},
            "respondents": 20_000,
        },
        {"P3": "refuted", "C4a": "supported", "C2c": "supported"},
    ),
}

# No rule on one survey can see this one: a general liking does everything, but the sides also differ by themselves.
BLIND = {
    "half halo": (
        {"slopes": {"product": 0.0, "experience": 0.0}, "spreads": 1.0, "halo": 1.0},
        {"P3": "undecided", "C4a": "undecided"},
    ),
}


def outcomes(world: str, runs: int, bootstrap: int = 200) -> dict[str, float]:
    """Return the share of runs with the right verdict, for each core claim."""
    truth, right = {**WORLDS, **BLIND}[world]
    rules = cx.verdict.load_rules()
    hits = dict.fromkeys(right, 0)
    for seed in range(runs):
        data = cx.simulators.make_survey(**{"respondents": 4000, **truth}, rng=1000 + seed)
        # A rehearsal would be no verdict: here the simulated survey stands for the reader's own.
        data.attrs["name"] = "own"
        results = cx.verdict.core_numbers(data, outcome="loyalty", bootstrap=bootstrap, rng=seed)
        verdicts = cx.verdict.judge(rules, results).set_index("claim")["outcome"]
        for claim, wanted in right.items():
            hits[claim] += verdicts[claim] == wanted
    return {claim: count / runs for claim, count in hits.items()}


def main() -> None:
    runs = 20 if "--quick" in sys.argv else 200
    print(f"cxlab {cx.__version__}, numpy {np.__version__}; {runs} runs a world")
    for world, (_, right) in {**WORLDS, **BLIND}.items():
        start = time.process_time()
        for claim, share in outcomes(world, runs).items():
            print(f"{world:15s} {claim:4s} {right[claim]:10s} {share:6.1%}")
        print(f"{world:15s} {(time.process_time() - start) / runs:.2f} CPU s a run")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
