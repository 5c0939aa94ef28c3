"""One survey under every admissible reading: whose item is it, which outcome, how reliable, how much general liking?

All numbers come from the covariance matrix of the items, resampled once, so that a hundred readings cost little more
than one. Blocks enter as the mean of their items, which keeps a reading comparable with the next; shares are those of
two composites and may differ a little from the item-level split of ``relative_importance``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxlab.evidence.rules import Atom, Rule, RuleSet
from cxlab.methods.intervals import generator, percentile_interval

__all__ = ["core_numbers", "corrected_slopes", "multiverse"]

_SIDES = ("product", "experience")
_STEM = "02-product-or-experience"


def corrected_slopes(
    data: pd.DataFrame,
    *,
    outcome_items: Sequence[str],
    blocks: Mapping[str, Sequence[str]],
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return joint slopes of the blocks, corrected for unreliable items.

    Parameters
    ----------
    data : DataFrame
        One row a respondent; complete cases of the items used.
    outcome_items : sequence of str
        The outcome is their mean.
    blocks : mapping side -> item columns
        Two or more sides.
    bootstrap, confidence_level, rng
        Percentile bootstrap of respondents; the reliabilities are computed anew in each draw.

    Returns
    -------
    DataFrame
        Index: each block, then ``difference`` (first minus second). Columns ``estimate low high`` (standardised slope)
        and ``points points_low points_high`` (points of the outcome per scale point).

    Raises
    ------
    ValueError
        For an item in two places, or fewer complete respondents than three times the items.

    Notes
    -----
    Spearman (1904): covariances of composites are free of independent item error, their variances are multiplied by
    Cronbach's alpha (1 for a single item, at least 0.1). Where the corrected correlation of two blocks comes near 1
    the slopes run away and so does the interval: the survey cannot tell the two apart.
    """
    items, covariances = _covariances(data, outcome_items, blocks, bootstrap, rng)
    slopes, points = _slopes(*_composites(covariances, items, outcome_items, blocks))
    table = {}
    for name, values in (("estimate", slopes), ("points", points)):
        both = np.column_stack([values, values[:, 0] - values[:, 1]])
        low, high = percentile_interval(both[1:], confidence_level)
        prefix = "" if name == "estimate" else "points_"
        table |= {name: both[0], f"{prefix}low": low, f"{prefix}high": high}
    return pd.DataFrame(table, index=pd.Index([*blocks, "difference"], name="block"))


def multiverse(
    data: pd.DataFrame,
    *,
    rules: RuleSet,
    blocks: Mapping[str, Sequence[str]],
    disputed: Sequence[str] = (),
    presets: Mapping[str, Sequence[str]] | None = None,
    outcomes: Mapping[str, Sequence[str]],
    reliabilities: Sequence[str] = ("as measured", "corrected"),
    halos: Sequence[float] = (0.0, 0.1, 0.2),
    bootstrap: int = 200,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Judge the core claims under every admissible reading of one survey (Steegen et al. 2016).

    Parameters
    ----------
    data : DataFrame
        One row a respondent.
    rules : RuleSet
        Those whose numbers a reading can give are judged: P1, P3, C1h, C2c, C4a and their like.
    blocks : mapping with ``product`` and ``experience``
        Items that stand firmly on a side, disputed ones included on the side where they stand by default.
    disputed : sequence of str
        Each goes to product, to experience, or out.
    presets : mapping name -> items of the product side, optional
        Whole assignments by somebody's own definition; all other items of the two sides count as experience.
    outcomes : mapping name -> items
    reliabilities : of "as measured", "corrected"
    halos : sequence of numbers in 0..1
        Correlation that a general liking alone gives to any two ratings; it is taken out (Lindell & Whitney 2001).
    bootstrap, confidence_level, rng
        Respondents, drawn once for all readings.

    Returns
    -------
    DataFrame
        One row a reading: ``assignment outcome reliability halo``, for ``product`` and ``experience`` the slope with
        ``_low`` and ``_high``, then one column a claim with its outcome.
    """
    everything = [item for items in outcomes.values() for item in items]
    items, covariances = _covariances(data, everything, blocks, bootstrap, rng)
    judged = _readable(rules)
    rows = []
    for assignment, sides in _assignments(blocks, disputed, presets or {}):
        for outcome, outcome_items in outcomes.items():
            if set(outcome_items) & {item for side in sides.values() for item in side}:
                continue
            parts = _composites(covariances, items, outcome_items, sides)
            htmt = _htmt(covariances, items, sides)
            for reliability, halo in itertools.product(reliabilities, halos):
                numbers = _reading(*parts, htmt, corrected=reliability == "corrected", halo=halo)
                limits = {name: _limits(draws, confidence_level) for name, draws in numbers.items()}
                row: dict[str, Any] = {
                    "assignment": assignment,
                    "outcome": outcome,
                    "reliability": reliability,
                    "halo": halo,
                }
                for side in _SIDES:
                    low, value, high = limits[f"slope-{side}-corrected"]
                    row |= {side: value, f"{side}_low": low, f"{side}_high": high}
                row |= {rule.claim: _decide(rule, limits) for rule in judged}
                rows.append(row)
    return pd.DataFrame(rows)


def core_numbers(
    data: pd.DataFrame, *, outcome: str, bootstrap: int = 200, rng: int | np.random.Generator | None = 1
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what page 02 would record of a survey's two sides, ready for ``judge``.

    Parameters
    ----------
    data : DataFrame
        A survey with ``attrs`` ``blocks``, ``outcomes`` and ``name``.
    outcome : str
        A key of ``attrs["outcomes"]``.
    bootstrap, rng
        Resamples of respondents.

    Returns
    -------
    dict
        ``{notebook: {record: {value, low, high, unit}}}``.
    """
    from cxlab.methods.drivers import commonality, decompose, htmt, share_difference

    sides = {side: list(data.attrs["blocks"][side]) for side in _SIDES}
    options = {"bootstrap": bootstrap, "rng": rng}
    slopes = corrected_slopes(data, outcome_items=data.attrs["outcomes"][outcome], blocks=sides, **options)
    split = decompose(data, outcome=outcome, blocks=sides, **options)
    gap = share_difference(split, *_SIDES)
    common = commonality(data, outcome=outcome, blocks=sides, **options).loc["product & experience"]
    apart = htmt(data, blocks=sides, **options).iloc[0]
    found = {
        f"slope-{side}-corrected": tuple(slopes.loc[side, ["estimate", "low", "high"]]) for side in _SIDES
    }
    found["slope-difference-points"] = tuple(
        slopes.loc["difference", ["points", "points_low", "points_high"]]
    )
    found["share-difference"] = (gap.estimate, gap.low, gap.high)
    found["share-shared"] = tuple(common[["share", "share_low", "share_high"]])
    found["htmt-product-experience"] = tuple(apart[["htmt", "low", "high"]])
    numbers = {
        name: {"value": float(v), "low": float(low), "high": float(high), "unit": ""}
        for name, (v, low, high) in found.items()
    }
    numbers["source-survey"] = {"value": str(data.attrs["name"]), "unit": "source"}
    return {_STEM: numbers}


_KNOWN = {
    "slope-product-corrected", "slope-experience-corrected", "slope-difference-points", "slope-difference-corrected",
    "share-product", "share-experience", "share-shared", "share-difference", "htmt-product-experience",
}  # fmt: skip


def _readable(rules: RuleSet) -> list[Rule]:
    """Return the rules of claims for which one survey's two sides are all that is needed."""

    def reads(rule: Rule) -> bool:
        return {atom.record for condition in rule.conditions() for atom in condition.atoms()} <= _KNOWN

    beyond = {rule.claim for rule in rules.rules if not reads(rule)}
    return [rule for rule in rules.rules if reads(rule) and rule.claim not in beyond]


def _decide(rule: Rule, limits: Mapping[str, tuple[float, float, float]]) -> str:
    place = {"low": 0, "value": 1, "high": 2}

    def look(atom: Atom) -> float | None:
        number = limits[atom.record][place[atom.kind]]
        return float(number) if np.isfinite(number) else None

    if rule.decidable_when is not None and rule.decidable_when.holds(look, rule.sesoi) is not True:
        return "undecided"
    if rule.supported_when.holds(look, rule.sesoi) is True:
        return "supported"
    return "refuted" if rule.refuted_when.holds(look, rule.sesoi) is True else "undecided"


def _limits(draws: np.ndarray, confidence_level: float) -> tuple[float, float, float]:
    if not np.isfinite(draws[0]):
        return (np.nan, np.nan, np.nan)
    low, high = percentile_interval(draws[1:], confidence_level)
    return (min(float(low), float(draws[0])), float(draws[0]), max(float(high), float(draws[0])))


def _assignments(
    blocks: Mapping[str, Sequence[str]], disputed: Sequence[str], presets: Mapping[str, Sequence[str]]
) -> list[tuple[str, dict[str, list[str]]]]:
    every = [item for side in _SIDES for item in blocks[side]]
    fixed = {side: [item for item in blocks[side] if item not in disputed] for side in _SIDES}
    found = [("as given", {side: list(blocks[side]) for side in _SIDES})]
    for name, items in presets.items():
        own = [item for item in every if item in items]
        if own and len(own) < len(every):
            found.append((name, {"product": own, "experience": [item for item in every if item not in own]}))
    for places in itertools.product((*_SIDES, "out"), repeat=len(disputed)):
        sides = {
            side: fixed[side] + [i for i, p in zip(disputed, places, strict=True) if p == side]
            for side in _SIDES
        }
        if all(sides.values()) and sides not in [known for _, known in found]:
            name = ", ".join(f"{item} {place}" for item, place in zip(disputed, places, strict=True))
            found.append((name, sides))
    return found


def _covariances(
    data: pd.DataFrame,
    outcome_items: Sequence[str],
    blocks: Mapping[str, Sequence[str]],
    bootstrap: int,
    rng: Any,
) -> tuple[dict[str, int], np.ndarray]:
    """Return item positions and covariance matrices: the sample's first, then one a draw."""
    names = list(dict.fromkeys([*outcome_items, *(item for items in blocks.values() for item in items)]))
    lost = [name for name in names if name not in data]
    if lost:
        raise ValueError(f"items {', '.join(lost)} are not among the columns of data")
    shared = set(outcome_items) & {item for items in blocks.values() for item in items}
    if shared:
        raise ValueError(
            f"items {', '.join(sorted(shared))} are in a block and in the outcome: an item explains itself"
        )
    values = data[names].dropna().to_numpy(float)
    n = len(values)
    if n < 3 * len(names):
        raise ValueError(
            f"{n} complete respondents for {len(names)} items: at least three times as many are needed"
        )
    values = values - values.mean(axis=0)
    draws = generator(rng).multinomial(n, np.full(n, 1 / n), size=bootstrap)
    weights = np.vstack([np.ones((1, n)), draws]).astype(float)
    means = weights @ values / n
    products = (values[:, :, None] * values[:, None, :]).reshape(n, -1)
    second = (weights @ products).reshape(len(weights), len(names), len(names)) / n
    return {name: i for i, name in enumerate(names)}, second - means[:, :, None] * means[:, None, :]


def _composites(
    covariances: np.ndarray,
    items: Mapping[str, int],
    outcome_items: Sequence[str],
    blocks: Mapping[str, Sequence[str]],
) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances of the block means (the outcome last) and each one's alpha, for every draw."""
    groups = [*blocks.values(), outcome_items]
    loadings = np.zeros((len(groups), len(items)))
    alphas = np.ones((len(covariances), len(groups)))
    for g, group in enumerate(groups):
        where = [items[item] for item in group]
        loadings[g, where] = 1 / len(group)
        k = len(group)
        if k > 1:
            part = covariances[:, where][:, :, where]
            trace = np.trace(part, axis1=1, axis2=2)
            alphas[:, g] = np.clip(k / (k - 1) * (1 - trace / part.sum(axis=(1, 2))), 0.1, 1)
    return loadings @ covariances @ loadings.T, alphas


def _slopes(composites: np.ndarray, alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return corrected slopes, standardised and in points."""
    true = np.diagonal(composites, axis1=1, axis2=2) * alphas
    inner = composites[:, :-1, :-1].copy()
    side = np.arange(inner.shape[1])
    inner[:, side, side] = true[:, :-1]
    points = np.linalg.solve(inner, composites[:, :-1, -1:])[:, :, 0]
    return points * np.sqrt(true[:, :-1] / true[:, -1:]), points


def _reading(
    composites: np.ndarray, alphas: np.ndarray, htmt: np.ndarray, *, corrected: bool, halo: float
) -> dict[str, np.ndarray]:
    """Return the numbers of one reading of two sides, the sample's first, then one a draw."""
    variances = np.diagonal(composites, axis1=1, axis2=2) * (alphas if corrected else 1)
    scale = np.sqrt(variances)
    r = composites / (scale[:, :, None] * scale[:, None, :])
    p, e, pe = ((r[:, i, j] - halo) / (1 - halo) for i, j in ((0, 2), (1, 2), (0, 1)))
    room = 1 - pe**2
    slope_p, slope_e = (p - pe * e) / room, (e - pe * p) / room
    both = slope_p * p + slope_e * e
    only_p = both - e**2
    with np.errstate(divide="ignore", invalid="ignore"):
        share_p, shared = (p**2 + only_p) / 2 / both, (p**2 + e**2 - both) / both
    points = slope_p / scale[:, 0] - slope_e / scale[:, 1]
    return {
        "slope-product-corrected": slope_p,
        "slope-experience-corrected": slope_e,
        "slope-difference-corrected": slope_p - slope_e,
        "slope-difference-points": points * scale[:, 2],
        "share-product": share_p,
        "share-experience": 1 - share_p,
        "share-difference": 2 * share_p - 1,
        "share-shared": shared,
        "htmt-product-experience": htmt,
    }


def _htmt(
    covariances: np.ndarray, items: Mapping[str, int], sides: Mapping[str, Sequence[str]]
) -> np.ndarray:
    if min(len(sides[side]) for side in _SIDES) < 2:
        return np.full(len(covariances), np.nan)
    scale = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    r = covariances / (scale[:, :, None] * scale[:, None, :])
    a, b = ([items[item] for item in sides[side]] for side in _SIDES)

    def inside(where: list[int]) -> np.ndarray:
        k = len(where)
        return (r[:, where][:, :, where].sum(axis=(1, 2)) - k) / (k * (k - 1))

    between = r[:, a][:, :, b].mean(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        return between / np.sqrt(inside(a) * inside(b))
