"""Coverage of corrected contact shares and of customers' measures, and the recovery of planted themes.

``python tests/bench/bench_contacts.py [--quick]``
"""

import numpy as np
import pandas as pd
from common import Limits, World, print_coverage

from cxlab.data.table import Survey
from cxlab.questions.contacts import corrected_shares, reason_groups
from cxlab.questions.customers import by_segment, estimate, measures
from cxlab.stats.themes import fit_themes
from cxlab.worlds.small import make_contacts

SEED = 20150403  # chosen once, before the first run
SHARES = {
    "product_broken": 0.35,
    "product_use": 0.2,
    "service_waiting": 0.25,
    "bill_error": 0.15,
    "no_human_reached": 0.05,
}


def corrected(random: np.random.Generator) -> Limits:
    world = make_contacts(2000, shares=SHARES, checked=0.2, texts=False, rng=random)
    truth = {**SHARES, "product": 0.55, "experience": 0.3, "failure demand": 0.8}
    table = corrected_shares(world, groups=reason_groups(list(SHARES)))
    return [(f"share of {name}", table.low[name], share, table.high[name]) for name, share in truth.items()]


def clustered_survey(random: np.random.Generator, branches: int = 60, each: int = 8) -> Survey:
    """Answers 0 to 10 in branches with a level of their own, weights unrelated to the answers."""
    branch = np.repeat(np.arange(branches), each)
    answer = 7.5 + random.normal(size=branches)[branch] + 1.6 * random.normal(size=len(branch))
    frame = pd.DataFrame({"likely": np.clip(np.round(answer), 0, 10), "branch": branch})
    frame["w"] = random.uniform(0.5, 2, len(branch))
    roles = {"weights": "w", "clusters": "branch", "scale": (0, 10)}
    return Survey(frame=frame, outcome="likely", outcomes={"likely": ["likely"]}, **roles)


_HUGE = clustered_survey(np.random.default_rng(SEED), 40_000)
TRUTH = {measure.name: estimate(_HUGE, measure).value for measure in measures(_HUGE)}


def clustered_measures(random: np.random.Generator) -> Limits:
    survey = clustered_survey(random)
    found = {measure.name: estimate(survey, measure) for measure in measures(survey)}
    return [
        (f"{name}, weighted and clustered", one.low, TRUTH[name], one.high) for name, one in found.items()
    ]


WORLDS: list[World] = [corrected, clustered_measures]


def alarms_of_equal_groups(runs: int, seed: int = SEED) -> float:
    """Share of samples in which any of ten equal groups is said to stand apart."""
    seen = []
    for run in range(runs):
        random = np.random.default_rng([seed, run])
        frame = pd.DataFrame(
            {"csat": random.integers(1, 6, 600), "group": random.integers(0, 10, 600).astype(str)}
        )
        survey = Survey(
            frame=frame, outcome="csat", outcomes={"csat": ["csat"]}, segments=["group"], scale=(1, 5)
        )
        seen.append(by_segment(survey)["groups-that-differ"].value > 0)
    return float(np.mean(seen))


def naive_coverage(runs: int, seed: int = SEED) -> float:
    """How often the uncorrected interval of breakdowns holds the truth."""
    held = []
    for run in range(runs):
        world = make_contacts(2000, shares=SHARES, texts=False, rng=np.random.default_rng([seed, run]))
        row = corrected_shares(world).loc["product_broken"]
        held.append(row.naive_low <= SHARES["product_broken"] <= row.naive_high)
    return float(np.mean(held))


def planted_themes(seed: int = SEED) -> float:
    """Adjusted Rand index between the reasons behind made-up texts and the themes found in them."""
    from sklearn.metrics import adjusted_rand_score

    world = make_contacts(1000, shares=SHARES, accuracy=1.0, slips={}, checked=1.0, rng=seed)
    assigned = fit_themes(world.text, themes=len(SHARES), join=False, rng=seed).assign(world.text)
    return float(adjusted_rand_score(world.coded_reason, assigned))


def main() -> None:
    runs = print_coverage("contacts and customers", WORLDS, SEED)
    print(f"  (uncorrected, breakdowns: {naive_coverage(runs):.3f})")
    print(
        f"  any of ten equal groups said to differ: {alarms_of_equal_groups(runs):.3f} (wanted at most .05)"
    )
    print(f"  planted themes, adjusted Rand index: {planted_themes():.3f} (wanted .7)")


if __name__ == "__main__":
    main()
