"""What every method of this question checks before it counts: columns, blocks, complete cases, cautions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

__all__ = [
    "Caution",
    "DataWarning",
    "Prepared",
    "check_level",
    "complete",
    "composite_weights",
    "prepare",
    "runs_against",
    "tidy_blocks",
]


class DataWarning(UserWarning):
    """The data can be used, but the result needs care (collinearity, a ceiling, few cases)."""


class Caution(NamedTuple):
    """One thing to be careful about: the rule, the columns, and the sentence a reader sees."""

    rule: str
    columns: tuple[str, ...]
    sentence: str


class Prepared(NamedTuple):
    """Complete cases as numbers: ``values`` holds the items in the order of the blocks, then the outcome."""

    values: np.ndarray
    weights: np.ndarray | None
    blocks: dict[str, list[str]]
    groups: list[list[int]]
    n: int
    dropped: int
    cautions: list[Caution]
    index: pd.Index


def tidy_blocks(blocks: Mapping[str, Iterable[str] | str]) -> dict[str, list[str]]:
    """Return ``{block: [columns]}``; a single column may stand without brackets. Raises on overlap or emptiness."""
    if not isinstance(blocks, Mapping) or not blocks:
        raise InputError(
            f"blocks must be a mapping such as {{'product': ['q1', 'q2'], 'experience': 'q3'}}, not {blocks!r}"
        )
    tidy: dict[str, list[str]] = {}
    home: dict[str, str] = {}
    for block, columns in blocks.items():
        tidy[str(block)] = [columns] if isinstance(columns, str) else list(columns)
        if not tidy[str(block)]:
            raise InputError(f"blocks[{str(block)!r}] is empty: give it at least one column or leave it out")
        for column in tidy[str(block)]:
            if column in home:
                raise InputError(
                    f"blocks: column {column!r} stands in {home[column]!r} and in {str(block)!r}; an item counts "
                    "once, so choose one side"
                )
            home[column] = str(block)
    return tidy


def check_level(bootstrap: int, confidence_level: float) -> None:
    """Raise unless ``bootstrap`` is a whole number from 0 and ``confidence_level`` lies strictly inside 0..1."""
    if isinstance(bootstrap, bool) or not isinstance(bootstrap, int | np.integer) or bootstrap < 0:
        raise InputError(f"bootstrap={bootstrap!r} must be a whole number, 0 or more; try 1000")
    if not 0 < confidence_level < 1:
        raise InputError(f"confidence_level={confidence_level!r} must lie between 0 and 1; try 0.95")


def _column(data: pd.DataFrame, name: str, role: str) -> pd.Series:
    if name not in data.columns:
        near = difflib.get_close_matches(str(name), [str(column) for column in data.columns], n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise InputError(f"{role}: the data have no column {name!r}{hint}")
    column = data[name]
    if isinstance(column, pd.DataFrame):
        raise InputError(f"{role}: column {name!r} stands twice in the data; rename or drop one")
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        raise InputError(
            f"{role}: column {name!r} holds {column.dtype}, not numbers; recode it (for instance 1..5) in the mapping"
        )
    return column.astype(float)


def complete(data: pd.DataFrame, columns: Iterable[str], role: str) -> np.ndarray:
    """Return the complete cases of numeric columns, at least three and none of them constant."""
    names = list(columns)
    values = pd.DataFrame({name: _column(data, name, role) for name in names}).dropna().to_numpy()
    if len(values) < 3:
        raise InputError(
            f"{role}: only {len(values)} of {len(data)} rows are complete; at least 3 are needed"
        )
    flat = [name for name, width in zip(names, np.ptp(values, axis=0), strict=True) if not width > 0]
    if flat:
        raise InputError(
            f"{role}: {', '.join(map(repr, flat))} never varies among the complete cases; leave it out"
        )
    return values


def prepare(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Mapping[str, Iterable[str] | str],
    weights: str | np.ndarray | pd.Series | None = None,
    minimum: int | None = None,
) -> Prepared:
    """Check the arguments and return the complete cases with what to be careful about.

    Raises
    ------
    InputError
        A column is missing, text, constant or infinite; the outcome or one of its items (``data.attrs["outcomes"]``)
        stands among the drivers; items are copies of each other; too few complete cases; weights below zero.
    """
    if not isinstance(data, pd.DataFrame):
        raise InputError(f"data must be a pandas DataFrame, not {type(data).__name__}")
    tidy = tidy_blocks(blocks)
    items = [column for columns in tidy.values() for column in columns]
    parts = data.attrs.get("outcomes", {})
    forbidden = {outcome, *(parts.get(outcome, []) if isinstance(parts, Mapping) else [])}
    tautology = [item for item in items if item in forbidden]
    if tautology:
        raise InputError(
            f"blocks: {', '.join(map(repr, tautology))} belongs to the outcome {outcome!r}, so it would explain itself; "
            "take it out of the drivers"
        )
    frame = pd.DataFrame(
        {
            **{item: _column(data, item, "blocks") for item in items},
            "\0outcome": _column(data, outcome, "outcome"),
        }
    )
    weight = _weights(data, weights)
    complete = frame.notna().all(axis=1).to_numpy()
    if weight is not None:
        complete = complete & np.isfinite(weight) & (weight > 0)
    values = frame.to_numpy()[complete]
    names = [*items, outcome]
    n, needed = len(values), minimum or len(items) + 2
    if n < needed:
        raise InputError(
            f"data: only {n} of {len(data)} rows are complete on {len(items)} items and the outcome; at least {needed} are "
            "needed. Use fewer items, or treat missing codes in the mapping"
        )
    if not np.isfinite(values).all():
        bad = [name for name, ok in zip(names, np.isfinite(values).all(axis=0), strict=True) if not ok]
        raise InputError(f"data: infinite values in {', '.join(map(repr, bad))}; declare them as missing")
    spread = np.ptp(values, axis=0)
    if (spread == 0).any():
        bad = [name for name, width in zip(names, spread, strict=True) if width == 0]
        raise InputError(
            f"data: {', '.join(map(repr, bad))} never varies among the {n} complete cases, so it can explain nothing; "
            "leave it out"
        )
    ends = np.cumsum([len(columns) for columns in tidy.values()])
    groups = [list(range(end - len(c), end)) for end, c in zip(ends, tidy.values(), strict=True)]
    cautions = _cautions(values, names, weight is not None)
    for block, group in zip(tidy, groups, strict=True):
        if runs_against(values[:, group]):
            cautions.append(
                Caution(
                    "categories",
                    tuple(tidy[block]),
                    f"the items of {block} run against each other, as categories of one question do: its share holds, the "
                    "slope and spread of their mean say nothing",
                )
            )
    kept = None if weight is None else weight[complete]
    return Prepared(values, kept, tidy, groups, n, len(data) - n, cautions, data.index[complete])


def composite_weights(ready: Prepared) -> list[np.ndarray]:
    """Return how a block's items make up its composite: their plain mean, in their own units.

    Items that on average run against each other are categories of one question, whose mean is no scale. They make
    up the block's fitted part in the joint least-squares fit instead (then its slope is 1, in units of the outcome).
    """
    fitted = None
    weights = []
    for group in ready.groups:
        if not runs_against(ready.values[:, group]):
            weights.append(np.full(len(group), 1 / len(group)))
            continue
        if fitted is None:
            centred = ready.values - ready.values.mean(axis=0)
            fitted = np.linalg.lstsq(centred[:, :-1], centred[:, -1], rcond=None)[0]
        weights.append(fitted[group])
    return weights


def runs_against(items: np.ndarray) -> bool:
    """Tell whether the items (columns) of a block are correlated below zero on average."""
    size = items.shape[1]
    return size > 1 and float(np.corrcoef(items, rowvar=False)[np.triu_indices(size, 1)].mean()) <= 0


def _weights(data: pd.DataFrame, weights) -> np.ndarray | None:
    if weights is None:
        return None
    if isinstance(weights, str):
        weight = _column(data, weights, "weights").to_numpy()
    else:
        weight = np.asarray(weights, dtype=float)
        if weight.shape != (len(data),):
            raise InputError(f"weights must have one number a row ({len(data)}), not shape {weight.shape}")
    if np.nanmin(weight, initial=0.0) < 0:
        raise InputError("weights must be 0 or more; a negative survey weight is a mistake in the file")
    return weight


def _cautions(values: np.ndarray, names: list[str], weighted: bool) -> list[Caution]:
    found: list[Caution] = []
    n, items = len(values), values.shape[1] - 1
    correlation = np.atleast_2d(np.corrcoef(values[:, :-1], rowvar=False))
    lowest, direction = (value[..., 0] for value in np.linalg.eigh(correlation))
    if items > 1 and lowest < 1e-8:
        copies = [name for name, part in zip(names, np.abs(direction), strict=False) if part > 0.05]
        raise InputError(
            f"blocks: {', '.join(map(repr, copies))} are exact combinations of each other (collinear), so no method can "
            "share out what they explain; drop one of them or their total"
        )
    if items > 1:
        inflation = np.diag(np.linalg.inv(correlation))
        high = [name for name, factor in zip(names, inflation, strict=False) if factor > 10]
        if high:
            found.append(
                Caution(
                    "collinearity",
                    tuple(high),
                    f"{', '.join(high)} can be predicted almost wholly from the other items (variance inflation above 10): "
                    "their separate shares are not stable; put them into one block",
                )
            )
    if n < max(30, 10 * items):
        found.append(
            Caution(
                "few cases",
                (),
                f"{n} complete cases for {items} items (fewer than 10 an item, or than 30): wide intervals",
            )
        )
    outcome = values[:, -1]
    top = float((outcome == outcome.max()).mean())
    bottom = float((outcome == outcome.min()).mean())
    if len(np.unique(outcome)) > 2 and max(top, bottom) >= 0.4:
        end, share = ("top", top) if top >= bottom else ("bottom", bottom)
        found.append(
            Caution(
                "ceiling" if end == "top" else "floor",
                (names[-1],),
                f"{share:.0%} of the answers on {names[-1]} stand at the {end} of its scale: slopes are flattened; compare "
                "with the ordinal model",
            )
        )
    if weighted:
        found.append(
            Caution("weights", (), "survey weights are used; intervals resample rows with their weights")
        )
    return found
