"""Coverage of corrected contact shares, the recovery of planted themes, and redraw times.

``python tests/bench/bench_contacts.py [--quick]``
"""

from __future__ import annotations

import numpy as np
from common import Limits, World, print_coverage, print_redraws

import cxlab as cx
from cxlab.methods.intervals import newcombe, wilson

SEED = 20150403  # chosen once, before the first run
SHARES = {
    "product_broken": 0.35,
    "product_use": 0.2,
    "service_waiting": 0.25,
    "bill_error": 0.15,
    "no_human_reached": 0.05,
}


def corrected(random: np.random.Generator) -> Limits:
    world = cx.simulators.make_contacts(2000, shares=SHARES, checked=0.2, texts=False, rng=random)
    groups = cx.contacts.reason_groups(list(SHARES))
    truth = {**SHARES, "product": 0.55, "experience": 0.3, "failure demand": 0.8}
    found = []
    for method in ("inverted", "calibrated"):
        table = cx.contacts.corrected_shares(world, groups=groups, method=method)
        found += [
            (f"{name}, {method}", table.low[name], share, table.high[name]) for name, share in truth.items()
        ]
    return found


def proportions(random: np.random.Generator) -> Limits:
    a, b = random.binomial(120, 0.3), random.binomial(90, 0.2)
    difference = newcombe(a, 120, b, 90)
    return [
        ("Wilson, 30 % of 120", *_around(wilson(a, 120), 0.3)),
        ("Newcombe, 30 % of 120 less 20 % of 90", difference[1], 0.1, difference[2]),
    ]


def _around(limits: tuple, truth: float) -> tuple[float, float, float]:
    return float(limits[0]), truth, float(limits[1])


WORLDS: list[World] = [corrected, proportions]


def naive_coverage(runs: int, seed: int = SEED) -> float:
    """How often the uncorrected interval of breakdowns holds the truth."""
    held = []
    for run in range(runs):
        world = cx.simulators.make_contacts(
            2000, shares=SHARES, texts=False, rng=np.random.default_rng([seed, run])
        )
        row = cx.contacts.corrected_shares(world).loc["product_broken"]
        held.append(row.naive_low <= SHARES["product_broken"] <= row.naive_high)
    return float(np.mean(held))


def planted_themes(seed: int = SEED) -> float:
    """Adjusted Rand index between the reasons behind made-up texts and the themes found in them."""
    from sklearn.metrics import adjusted_rand_score

    world = cx.simulators.make_contacts(1000, shares=SHARES, accuracy=1.0, slips={}, checked=1.0, rng=seed)
    found = cx.contacts.feedback_themes(world.text, themes=len(SHARES), resamples=0, rng=seed)
    return float(adjusted_rand_score(world.coded_reason, found.assigned))


def redraw() -> None:
    world = cx.simulators.make_contacts(2000, texts=False, rng=1)
    table = cx.contacts.corrected_shares(world, groups=cx.contacts.reason_groups(world.coded_reason.unique()))
    print_redraws(
        {
            f"shares by {kind}": lambda kind=kind: cx.charts.contacts.shares(table, kind=kind)
            for kind in ("reason", "group")
        }
    )


def main() -> None:
    runs = print_coverage("contacts", WORLDS, SEED)
    print(f"  (uncorrected, breakdowns: {naive_coverage(runs):.3f})")
    print(f"  planted themes, adjusted Rand index: {planted_themes():.3f} (wanted .7)")
    redraw()


if __name__ == "__main__":
    main()
