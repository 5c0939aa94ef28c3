"""Coverage of the intervals of ``cx.causes`` in worlds of known truth, and what a move of page 03 costs.

``python tests/bench/bench_causes.py [--quick]``
"""

import numpy as np
import pandas as pd
from common import Limits, World, print_coverage, print_redraws

import cxlab as cx
from cxlab.questions.causes import hidden
from cxlab.worlds.survey import make_survey

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


def persons(random: np.random.Generator) -> Limits:
    """Forty persons give several rows each and keep their moods."""
    person = np.repeat(np.arange(40), 8)
    p = random.normal(size=40)[person] + random.normal(size=320)
    y = 0.3 * p + random.normal(size=40)[person] + random.normal(size=320)
    world = pd.DataFrame({"person": person, "p": p, "y": y})
    found = cx.causes.robustness_value(world, outcome="y", treatment="p", clusters="person")
    return [("slope, persons with several rows", found.low, 0.3, found.high)]


def hidden_cause(random: np.random.Generator) -> Limits:
    """A cause of known strength is left out; adjusted for that strength, the truth is covered."""
    z = random.normal(size=400)
    p = 0.5 * z + random.normal(size=400)
    y = 0.3 * p + 0.6 * z + random.normal(size=400)
    found = cx.causes.robustness_value(pd.DataFrame({"p": p, "y": y}), outcome="y", treatment="p")
    rest = 1 / 1.25  # variance of z given p
    _, low, high = hidden(found, 0.25 / 1.25, 0.36 * rest / (0.36 * rest + 1))
    return [("slope after a hidden cause of known strength", low, 0.3, high)]


def mediated(random: np.random.Generator) -> Limits:
    n, a, b, c = 250, 0.5, 0.4, 0.2
    t = random.normal(size=n)
    m = a * t + random.normal(size=n)
    world = pd.DataFrame({"t": t, "m": m, "y": b * m + c * t + random.normal(size=n)})
    table = cx.causes.mediation(world, treatment="t", mediator="m", outcome="y", bootstrap=400, rng=random)
    truth = {"indirect": a * b, "direct": c, "total": a * b + c, "rho_zero": b / np.sqrt(1 + b**2)}
    return [(f"mediation: {name}", table.low[name], value, table.high[name]) for name, value in truth.items()]


WORLDS: list[World] = [adjusted_slope, persons, hidden_cause, mediated]


def main() -> None:
    print_coverage("causes", WORLDS, SEED)
    survey = make_survey(250)
    print_redraws({"design": lambda: cx.causes.design(survey, smallest=0.3).figure()})


if __name__ == "__main__":
    main()
