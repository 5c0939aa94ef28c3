"""A made-up survey on a product, its service and the rest, in which you know what drives the outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.survey import Survey

SLOPES = {"product": 0.25, "experience": 0.45}
ITEMS = {"product": 4, "experience": 3}
CENTRE = 6.5
Each = Mapping[str, float] | float  # one number for all sides, or one a side


def make_survey(
    respondents: int = 250,
    *,
    slopes: Mapping[str, float] = SLOPES,
    spreads: Each = 1.0,
    items: Mapping[str, int] | int | None = None,
    reliability: Each = 0.5625,
    correlation: float = 0.6,
    halo: float = 0.0,
    noise: float = 0.7,
    outcomes: tuple[str, ...] = ("satisfaction", "loyalty", "advocacy"),
    outcome_items: int = 3,
    outcome_reliability: float = 0.81,
    outcome_slopes: Mapping[str, Mapping[str, float]] | None = None,
    segments: Mapping[str, Mapping[str, float]] | None = None,
    clusters: int = 0,
    cluster_share: float = 0.5,
    points: int | None = None,
    missing: float = 0.0,
    rng: int | np.random.Generator | None = 1,
    **settings: Any,
) -> Survey:
    """Make a survey; its arguments are the truth.

    Every side is an opinion with standard deviation ``spreads[side]`` around 6.5; its items are that opinion
    plus their own error. Each outcome is ``sum(slopes * opinion)`` plus noise, measured by items of its own.
    Slopes are per point of opinion, so a slope stays when the spread changes.

    Parameters
    ----------
    slopes : mapping side -> number
        What one point more of each side adds to an outcome, the others held. The sides are its keys.
    spreads : mapping or number
        Standard deviation of each side's opinion between customers. A small spread is parity.
    items : mapping or number, optional
        Items a side; four for product and three for any other side when left out.
    reliability, outcome_reliability : mapping or number, 0..1
        Of a single item: the part of its variance that is the opinion.
    correlation : number
        Between the opinions of any two sides.
    halo : number
        Standard deviation of a general liking that is added to every answer.
    noise : number
        Standard deviation of what drives an outcome besides the sides.
    outcome_slopes : mapping outcome -> mapping side -> number, optional
        For outcomes that differ from ``slopes``.
    segments : mapping segment -> mapping side -> number, optional
        Slopes of each segment, in equal parts of the respondents (column ``segment``).
    clusters : int
        Persons who gave the rows (column ``person``); ``cluster_share`` of every opinion and of the noise is
        the person's. 0: one row a person.
    points : int, optional
        Answers become whole numbers 1..points; None keeps them continuous (then the truth is exact).
    missing : number, 0..1
        Share of answers lost at random.
    **settings
        Of the survey: ``outcome, bootstrap, seed ...``

    Notes
    -----
    Roles name the product's facets (items 1 and 2 useful, 3 usable and in use, 4 sensuous), and trust and
    emotion where they are a side or an outcome.

    Examples
    --------
    >>> make_survey(100).sides["experience"]
    ['experience_1', 'experience_2', 'experience_3']
    """
    random = np.random.default_rng(rng)
    sides = list(slopes)
    if not sides:
        raise InputError(
            "slopes is empty: name at least one side, such as {'product': 0.25, 'experience': 0.45}"
        )
    if not -1 / max(len(sides) - 1, 1) <= correlation <= 1:
        raise InputError(f"correlation={correlation!r} is impossible between {len(sides)} sides; try 0.6")
    person = random.integers(0, clusters, respondents) if clusters else None

    def drawn(columns: int = 1) -> np.ndarray:
        own = random.normal(size=(respondents, columns))
        if person is None:
            return own
        shared = random.normal(size=(clusters, columns))[person]
        return np.sqrt(1 - cluster_share) * own + np.sqrt(cluster_share) * shared

    spread = np.array([_of(spreads, side) for side in sides])
    values, vectors = np.linalg.eigh(_covariance(np.ones(len(sides)), correlation))
    opinion = drawn(len(sides)) @ (vectors * np.sqrt(np.maximum(values, 0))).T * spread
    liking = random.normal(scale=halo, size=(respondents, 1)) if halo else 0.0
    kind = random.permutation(np.arange(respondents) % len(segments)) if segments else None
    frame: dict[str, Any] = {"respondent": np.arange(1, respondents + 1)}

    def ask(name: str, latent: np.ndarray, error: float, count: int) -> list[str]:
        ratings = latent[:, None] + liking + random.normal(scale=error, size=(respondents, count))
        names = [f"{name}_{i + 1}" for i in range(count)]
        frame.update(zip(names, _answers(ratings, points, missing, random).T, strict=True))
        return names

    blocks, asked = {}, {}
    for i, side in enumerate(sides):
        error = spread[i] * np.sqrt(1 / _of(reliability, side) - 1)
        blocks[side] = ask(side, opinion[:, i], error, _count(items, side))
    for outcome in outcomes:
        own = (outcome_slopes or {}).get(outcome, slopes)
        slope = np.array([own.get(side, 0.0) for side in sides])
        each = slope
        if segments:
            each = np.array([[part.get(side, 0.0) for side in sides] for part in segments.values()])[kind]
        latent = (opinion * each).sum(axis=1) + noise * drawn()[:, 0]
        sd = np.sqrt(slope @ _covariance(spread, correlation) @ slope + noise**2)
        asked[outcome] = ask(outcome, latent, sd * np.sqrt(1 / outcome_reliability - 1), outcome_items)
    if segments:
        frame["segment"] = np.array(list(segments))[kind]
    if clusters:
        frame["person"] = person
    facets = blocks.get("product", [])
    roles = {"useful": facets[:2], "usable": facets[2:3], "in_use": facets[2:3], "sensuous": facets[3:]}
    roles = roles if len(facets) > 3 else {}
    roles |= {"trust": blocks["trust"]} if "trust" in blocks else {}
    roles |= {"emotion": asked["emotion"]} if "emotion" in asked else {}
    known = {
        "outcome": "loyalty" if "loyalty" in asked else next(iter(asked)),
        "segments": ["segment"] if segments else [],
        "clusters": "person" if clusters else None,
        "scale": (1, points) if points else None,
        "name": "simulated-survey",
        "title": "A made-up survey",
        "licence": "BSD-3-Clause (this project)",
        "simulated": True,
    }
    return Survey(frame=pd.DataFrame(frame), blocks=blocks, outcomes=asked, roles=roles, **known | settings)


def sample_survey() -> Survey:
    """Return the default made-up survey: experience matters more, and there is no general liking."""
    kinds = dict.fromkeys(("new", "regular", "returning"), SLOPES)
    return make_survey(400, points=10, segments=kinds, rng=1)


def _covariance(spread: np.ndarray, correlation: float) -> np.ndarray:
    matrix = np.full((len(spread), len(spread)), float(correlation))
    np.fill_diagonal(matrix, 1.0)
    return matrix * np.outer(spread, spread)


def _answers(ratings: np.ndarray, points: int | None, missing: float, random) -> np.ndarray:
    answers = ratings + CENTRE
    if points is not None:
        answers = np.clip(np.rint(ratings * points / 10 + points * 0.65), 1, points)
    return np.where(random.random(answers.shape) < missing, np.nan, answers) if missing else answers


def _of(value: Each, side: str) -> float:
    return float(value[side] if isinstance(value, Mapping) else value)


def _count(items: Mapping[str, int] | int | None, side: str) -> int:
    if items is None:
        return ITEMS.get(side, 3)
    return int(items[side] if isinstance(items, Mapping) else items)
