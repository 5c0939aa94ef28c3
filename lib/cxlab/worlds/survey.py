"""A made-up survey on a product, its service and the rest, in which you know what drives the outcomes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.table import Survey

SLOPES = {"product": 0.25, "experience": 0.45}
ITEMS = {"product": 4, "experience": 3}
CENTRE, OUTCOME_ITEMS, OUTCOME_RELIABILITY = 6.5, 3, 0.81
Each = Mapping[str, float] | float  # one number for all sides, or one a side


def make_survey(
    respondents: int = 250, *, slopes: Mapping[str, float] = SLOPES, spreads: Each = 1.0,
    items: Mapping[str, int] | int = ITEMS, reliability: Each = 0.5625, correlation: float = 0.6,
    halo: float = 0.0, noise: float = 0.7,
    outcomes: tuple[str, ...] = ("satisfaction", "loyalty", "advocacy"),
    outcome_slopes: Mapping[str, Mapping[str, float]] | None = None,
    segments: Mapping[str, Mapping[str, float]] | None = None, clusters: int = 0, cluster_share: float = 0.5,
    points: int | None = None, missing: float = 0.0, rng: int | np.random.Generator | None = 1,
    **settings: Any,
) -> Survey:  # fmt: skip
    """Make a survey; its arguments are the truth.

    Every side is an opinion with standard deviation ``spreads[side]`` around 6.5, any two correlated by
    ``correlation``; its ``items`` (one number, or one a side; four for product, else three) are that opinion
    plus their own error, ``reliability`` being the part of an item's variance that is the opinion. Each
    outcome is ``sum(slopes * opinion)`` plus ``noise`` (SD), measured by three items; ``outcome_slopes``
    names outcomes with slopes of their own, ``segments`` gives slopes of equal parts of the respondents.
    ``halo`` is the SD of a general liking in every answer. ``clusters`` persons (column ``person``) gave the
    rows, with ``cluster_share`` of every opinion and noise. Answers are continuous (then the truth is exact)
    or whole numbers 1..``points``; a share ``missing`` is lost. ``settings`` are those of the survey.
    """
    random, sides = np.random.default_rng(rng), list(slopes)
    person = random.integers(0, clusters, respondents) if clusters else None

    def drawn(columns: int = 1) -> np.ndarray:
        own = random.normal(size=(respondents, columns))
        if person is None:
            return own
        shared = random.normal(size=(clusters, columns))[person]
        return np.sqrt(1 - cluster_share) * own + np.sqrt(cluster_share) * shared

    def of(value: Any, side: str) -> float:
        return value.get(side, 3) if isinstance(value, Mapping) else value

    spread = np.array([of(spreads, side) for side in sides], float)
    alike = np.full((len(sides), len(sides)), float(correlation)) + (1 - correlation) * np.eye(len(sides))
    values, vectors = np.linalg.eigh(alike)
    opinion = drawn(len(sides)) @ (vectors * np.sqrt(np.maximum(values, 0))).T * spread
    liking = random.normal(scale=halo, size=(respondents, 1)) if halo else 0.0
    kind = random.permutation(np.arange(respondents) % len(segments)) if segments else None
    frame: dict[str, Any] = {"respondent": np.arange(1, respondents + 1)}

    def ask(name: str, latent: np.ndarray, reliable: float, sd: float, count: int) -> list[str]:
        error = sd * np.sqrt(1 / reliable - 1)
        answers = CENTRE + latent[:, None] + liking + random.normal(scale=error, size=(respondents, count))
        if points:
            answers = np.clip(np.rint((answers - CENTRE) * points / 10 + points * 0.65), 1, points)
        if missing:
            answers = np.where(random.random(answers.shape) < missing, np.nan, answers)
        names = [f"{name}_{i + 1}" for i in range(count)]
        frame.update(zip(names, answers.T, strict=True))
        return names

    blocks, asked = {}, {}
    for side, latent, sd in zip(sides, opinion.T, spread, strict=True):
        blocks[side] = ask(side, latent, of(reliability, side), sd, int(of(items, side)))
    for outcome in outcomes:
        own = (outcome_slopes or {}).get(outcome, slopes)
        each = slope = np.array([own.get(side, 0.0) for side in sides])
        if segments:
            each = np.array([[part.get(side, 0.0) for side in sides] for part in segments.values()])[kind]
        latent = (opinion * each).sum(axis=1) + noise * drawn()[:, 0]
        sd = np.sqrt(slope @ (alike * np.outer(spread, spread)) @ slope + noise**2)
        asked[outcome] = ask(outcome, latent, OUTCOME_RELIABILITY, sd, OUTCOME_ITEMS)
    if segments:
        frame["segment"] = np.array(list(segments))[kind]
    if clusters:
        frame["person"] = person
    roles = {"trust": blocks.get("trust"), "emotion": asked.get("emotion")}
    if len(facets := blocks.get("product", [])) > 3:
        roles |= {"useful": facets[:2], "usable": facets[2:3], "in_use": facets[2:3], "sensuous": facets[3:]}
    known = {
        "outcome": "loyalty" if "loyalty" in asked else next(iter(asked)),
        "segments": ["segment"] if segments else [], "clusters": "person" if clusters else None,
        "scale": (1, points) if points else None, "name": "simulated-survey", "title": "A made-up survey",
        "licence": "BSD-3-Clause (this project)", "simulated": True,
        "roles": {role: own for role, own in roles.items() if own},
    }  # fmt: skip
    return Survey(frame=pd.DataFrame(frame), blocks=blocks, outcomes=asked, **known | settings)
