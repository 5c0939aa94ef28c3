"""Customers who rate a product, its service and the rest, and firms whose averages mislead: known worlds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

__all__ = ["make_firms", "make_survey", "survey_truth"]

_SLOPES = {"product": 0.25, "experience": 0.45}
_ITEMS = {"product": 4, "experience": 3}
_CENTRE = 6.5


def make_survey(
    respondents: int = 250,
    *,
    slopes: Mapping[str, float] = _SLOPES,
    spreads: Mapping[str, float] | float = 1.0,
    items: Mapping[str, int] | int | None = None,
    loading: Mapping[str, float] | float = 0.75,
    correlation: float = 0.6,
    halo: float = 0.0,
    noise: float = 0.7,
    outcomes: tuple[str, ...] = ("satisfaction", "loyalty", "advocacy"),
    outcome_items: int = 3,
    outcome_loading: float = 0.9,
    outcome_slopes: Mapping[str, Mapping[str, float]] | None = None,
    segments: Mapping[str, Mapping[str, float]] | None = None,
    firms: int = 0,
    firm_spread: Mapping[str, float] | float = 0.5,
    points: int | None = None,
    missing: float = 0.0,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate one survey in which you know what drives the outcomes.

    Every side (block) is a latent opinion with standard deviation ``spreads[side]`` around 6.5; its items are
    that opinion plus their own error. The outcomes are ``sum(slopes * opinion)`` plus noise, each measured by
    ``outcome_items`` items. Slopes are per point of opinion, so a slope does not change when the spread does.

    Parameters
    ----------
    respondents : int
    slopes : mapping side -> number
        TRUTH: what one point more of each side adds to an outcome, the others held. The sides are its keys.
    spreads : mapping or number
        TRUTH: standard deviation of each side's opinion between customers. A small spread is parity.
    items : mapping or number, optional
        Items a side; four for product, three for any other side when left out.
    loading : mapping or number, 0..1
        TRUTH: correlation of an item with its side's opinion (reliability of one item = loading squared).
    correlation : number
        TRUTH: correlation between the opinions of any two sides.
    halo : number
        TRUTH: standard deviation of a general liking that is added to every rating and to every outcome item.
    noise : number
        Standard deviation of what drives an outcome besides the sides.
    outcomes, outcome_items, outcome_loading
        Names of the outcomes, items of each, and the correlation of an item with its outcome.
    outcome_slopes : mapping outcome -> mapping side -> number, optional
        TRUTH for outcomes that differ from ``slopes``.
    segments : mapping segment -> mapping side -> number, optional
        TRUTH: slopes of each segment, in equal shares of respondents; others take ``slopes``.
    firms : int
        Number of firms; 0 leaves the column ``firm`` out.
    firm_spread : mapping or number, 0..1
        TRUTH: share of each side's variance that lies between firms.
    points : int, optional
        Answers become whole numbers 1..points; None keeps them continuous (then the truth is exact).
    missing : number, 0..1
        Share of item answers lost at random.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``respondent``, ``<side>_1..``, ``<outcome>_1..``, a composite column for each outcome, and ``segment`` and
        ``firm`` when asked for. ``attrs`` as a source has them, and ``truth``; ``roles`` names the
        product's facets (items 1-2 useful, 3 usable, 4 sensuous), and trust and emotion when they are sides or
        outcomes. For the truth of the shares see ``survey_truth``.

    Examples
    --------
    >>> survey = make_survey(100, rng=1)
    >>> list(survey.attrs["blocks"])
    ['product', 'experience']
    """
    generator = np.random.default_rng(rng)
    sides = list(slopes)
    if not sides:
        raise InputError(
            "slopes is empty: name at least one side, such as {'product': 0.25, 'experience': 0.45}"
        )
    if not -1 / max(len(sides) - 1, 1) <= correlation <= 1:
        raise InputError(f"correlation={correlation!r} is impossible between {len(sides)} sides; try 0.6")
    spread = np.array([_of(spreads, side) for side in sides])
    opinion = _opinions(generator, respondents, sides, correlation, firms, firm_spread)
    centred = opinion["values"] * spread
    liking = generator.normal(scale=halo, size=respondents) if halo else np.zeros(respondents)
    columns: dict[str, object] = {"respondent": np.arange(1, respondents + 1)}
    blocks: dict[str, list[str]] = {}
    for place, side in enumerate(sides):
        load = _of(loading, side)
        error = spread[place] * np.sqrt(1 / load**2 - 1)
        count = _count(items, side)
        ratings = (centred[:, place] + liking)[:, None] + generator.normal(
            scale=error, size=(respondents, count)
        )
        blocks[side] = [f"{side}_{number}" for number in range(1, count + 1)]
        columns.update(zip(blocks[side], _answers(ratings, points, missing, generator).T, strict=True))
    segment = generator.permutation(np.arange(respondents) % len(segments)) if segments else None
    measured: dict[str, list[str]] = {}
    for outcome in outcomes:
        own = (outcome_slopes or {}).get(outcome, slopes)
        slope = np.array([own.get(side, 0.0) for side in sides])
        if segment is None:
            signal = centred @ slope
        else:
            table = np.array(
                [[own_segment.get(side, 0.0) for side in sides] for own_segment in segments.values()]
            )
            signal = (centred * table[segment]).sum(axis=1)
        latent = signal + generator.normal(scale=noise, size=respondents)
        sd = np.sqrt(slope @ _covariance(spread, correlation) @ slope + noise**2)
        error = sd * np.sqrt(1 / outcome_loading**2 - 1)
        ratings = (latent + liking)[:, None] + generator.normal(
            scale=error, size=(respondents, outcome_items)
        )
        measured[outcome] = [f"{outcome}_{number}" for number in range(1, outcome_items + 1)]
        columns.update(zip(measured[outcome], _answers(ratings, points, missing, generator).T, strict=True))
    survey = pd.DataFrame(columns)
    for outcome, parts in measured.items():
        survey[outcome] = survey[parts].mean(axis=1, skipna=False)
    if segments:
        survey["segment"] = np.array(list(segments))[segment]
    if firms:
        survey["firm"] = [f"firm {number + 1}" for number in opinion["firm"]]
    survey.attrs = {
        "name": "simulated-survey",
        "title": "A simulated survey",
        "table": "survey",
        "simulated": True,
        "blocks": blocks,
        "outcomes": measured,
        "default_outcome": "loyalty" if "loyalty" in measured else outcomes[0],
        "segments": [name for name in ("segment",) if name in survey],
        "weights": None,
        "labels": {},
        "range": None if points is None else [1, points],
        "roles": _roles(blocks, measured),
        "truth": {"slopes": dict(slopes), "spreads": dict(zip(sides, map(float, spread), strict=True))},
    }
    return survey


def survey_truth(
    *,
    slopes: Mapping[str, float] = _SLOPES,
    spreads: Mapping[str, float] | float = 1.0,
    items: Mapping[str, int] | int | None = None,
    loading: Mapping[str, float] | float = 0.75,
    correlation: float = 0.6,
    halo: float = 0.0,
    noise: float = 0.7,
    outcome_items: int = 3,
    outcome_loading: float = 0.9,
) -> tuple[np.ndarray, list[list[int]]]:
    """Return the exact covariance matrix of the items and an outcome's composite in ``make_survey``.

    The arguments mean what they mean there. The matrix (outcome last) and the groups of columns are what
    ``drivers.subsets.shapley_r2`` takes, so a test can compare an interval with the true share.

    Returns
    -------
    covariance : ndarray (items + 1, items + 1)
    groups : list of lists of column numbers, one a side
    """
    sides = list(slopes)
    spread = np.array([_of(spreads, side) for side in sides])
    counts = [_count(items, side) for side in sides]
    home = np.repeat(np.arange(len(sides)), counts)
    latent = _covariance(spread, correlation)
    load = np.array([_of(loading, side) for side in sides])
    error = spread**2 * (1 / load**2 - 1)
    slope = np.array(list(slopes.values()))
    size = len(home) + 1
    covariance = np.full((size, size), halo**2)
    covariance[:-1, :-1] += latent[np.ix_(home, home)] + np.diag(error[home])
    covariance[-1, :-1] += (latent @ slope)[home]
    covariance[:-1, -1] = covariance[-1, :-1]
    signal = slope @ latent @ slope + noise**2
    covariance[-1, -1] += signal * (1 + (1 / outcome_loading**2 - 1) / outcome_items)
    ends = np.cumsum(counts)
    return covariance, [list(range(end - count, end)) for end, count in zip(ends, counts, strict=True)]


def make_firms(
    firms: int = 40,
    waves: int = 4,
    *,
    between: Mapping[str, float] | None = None,
    within: Mapping[str, float] | None = None,
    product_spread: float = 0.6,
    experience_spread: float = 0.6,
    wave_spread: float = 0.3,
    correlation: float = -0.3,
    industries: int = 4,
    industry_shift: float = 1.0,
    noise: float = 0.3,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate firms over waves whose averages can tell another story than their changes.

    A firm has a lasting level of product and of experience inside its industry; a wave moves both around it. An
    industry lifts product, experience and outcome together (``industry_shift``), which can turn the sign of a
    pooled correlation (Simpson's paradox).

    Parameters
    ----------
    firms, waves, industries : int
    between : mapping, optional
        TRUTH: what one point of lasting product or experience adds to the outcome inside an industry;
        ``{"product": 0.5, "experience": 0.5}`` when left out.
    within : mapping, optional
        TRUTH: what one point of change between waves adds; ``{"product": 0.2, "experience": 0.5}`` when left out.
    product_spread, experience_spread, wave_spread : number
        TRUTH: standard deviation between firms of an industry, and between waves of a firm.
    correlation : number
        TRUTH: correlation of product and experience between firms of one industry.
    industry_shift : number
        TRUTH: standard deviation of what an industry adds to all three.
    noise : number
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``firm, industry, wave, product, experience, outcome``; ``attrs``: ``simulated, table, truth``.

    Examples
    --------
    >>> len(make_firms(10, 3))
    30
    """
    generator = np.random.default_rng(rng)
    lasting = np.array(
        [(between or {"product": 0.5, "experience": 0.5})[side] for side in ("product", "experience")]
    )
    moving = np.array(
        [(within or {"product": 0.2, "experience": 0.5})[side] for side in ("product", "experience")]
    )
    industry = np.arange(firms) % industries
    shift = generator.normal(size=industries)
    shift = industry_shift * (shift - shift.mean()) / (shift.std() or 1.0)
    level = _correlated(generator, firms, correlation) * [product_spread, experience_spread]
    change = generator.normal(scale=wave_spread, size=(firms, waves, 2))
    outcome = (
        shift[industry, None]
        + (level @ lasting)[:, None]
        + change @ moving
        + generator.normal(scale=noise, size=(firms, waves))
    )
    ratings = _CENTRE + shift[industry, None, None] + level[:, None] + change
    table = pd.DataFrame(
        {
            "firm": np.repeat([f"firm {number + 1}" for number in range(firms)], waves),
            "industry": np.repeat([f"industry {number + 1}" for number in industry], waves),
            "wave": np.tile(np.arange(1, waves + 1), firms),
            "product": ratings[..., 0].ravel(),
            "experience": ratings[..., 1].ravel(),
            "outcome": (_CENTRE + outcome).ravel(),
        }
    )
    table.attrs = {
        "name": "simulated-firms",
        "title": "Simulated firms",
        "table": "firms",
        "simulated": True,
        "truth": {
            "between": dict(zip(("product", "experience"), map(float, lasting), strict=True)),
            "within": dict(zip(("product", "experience"), map(float, moving), strict=True)),
            "correlation": float(correlation),
        },
    }
    return table


def _roles(blocks: dict[str, list[str]], measured: dict[str, list[str]]) -> dict[str, list[str]]:
    roles = {}
    product = blocks.get("product", [])
    if len(product) >= 4:
        roles |= {
            "useful": product[:2],
            "usable": product[2:3],
            "sensuous": product[3:],
            "in_use": product[2:3],
        }
    if "trust" in blocks:
        roles["trust"] = blocks["trust"]
    if "emotion" in measured:
        roles["emotion"] = measured["emotion"]
    return roles


def _opinions(generator, respondents, sides, correlation, firms, firm_spread):
    """Standard-normal opinions; with firms, part of each side's variance is shared by a firm's customers."""
    person = _correlated(generator, respondents, correlation, len(sides))
    if not firms:
        return {"values": person, "firm": None}
    firm = generator.permutation(np.arange(respondents) % firms)
    share = np.array([_of(firm_spread, side) for side in sides])
    common = _correlated(generator, firms, correlation, len(sides))
    return {"values": np.sqrt(1 - share) * person + np.sqrt(share) * common[firm], "firm": firm}


def _correlated(
    generator: np.random.Generator, rows: int, correlation: float, columns: int = 2
) -> np.ndarray:
    values, vectors = np.linalg.eigh(_covariance(np.ones(columns), correlation))
    return generator.normal(size=(rows, columns)) @ (vectors * np.sqrt(np.maximum(values, 0))).T


def _covariance(spread: np.ndarray, correlation: float) -> np.ndarray:
    matrix = np.full((len(spread), len(spread)), float(correlation))
    np.fill_diagonal(matrix, 1.0)
    return matrix * np.outer(spread, spread)


def _answers(ratings: np.ndarray, points: int | None, missing: float, generator) -> np.ndarray:
    answers = ratings + _CENTRE
    if points is not None:
        answers = np.clip(np.rint((answers - _CENTRE) * points / 10 + points * 0.65), 1, points)
    if missing:
        answers[generator.random(answers.shape) < missing] = np.nan
    return answers


def _of(value: Mapping[str, float] | float, side: str) -> float:
    return float(value[side] if isinstance(value, Mapping) else value)


def _count(items: Mapping[str, int] | int | None, side: str) -> int:
    if items is None:
        return _ITEMS.get(side, 3)
    return int(items[side] if isinstance(items, Mapping) else items)
