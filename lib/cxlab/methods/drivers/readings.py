"""Which items stand for what: the sides of a survey, its special items, and other people's ways to sort them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.drivers.importance import Decomposition, decompose
from cxlab.methods.drivers.inputs import complete, runs_against, tidy_blocks
from cxlab.methods.drivers.segments import disputed_items, segment_shares

__all__ = [
    "emotional_tie",
    "segment_sides",
    "separate_outcomes",
    "advocacy_outcome",
    "can_average",
    "facets",
    "main_sides",
    "move",
    "readings",
    "split_readings",
]

Blocks = Mapping[str, Iterable[str] | str]
_FACETS = ("useful", "usable", "sensuous")


def main_sides(survey: pd.DataFrame) -> dict[str, list[str]]:
    """Return the items of product and of experience, in that order (``attrs["blocks"]``).

    Raises
    ------
    InputError
        When the survey lacks a side.
    """
    blocks = survey.attrs.get("blocks", {})
    lacking = [side for side in ("product", "experience") if not blocks.get(side)]
    if lacking:
        raise InputError(
            f"the survey has no items on the side {' or '.join(lacking)}; say which columns stand there under 'blocks' in "
            "the mapping file"
        )
    return {side: list(blocks[side]) for side in ("product", "experience")}


def move(blocks: Blocks, items: Iterable[str], *, to: str | None) -> dict[str, list[str]]:
    """Return the blocks with items moved into one block (a new one, if it does not exist), or out of all (None).

    Blocks that lose their last item disappear.

    Examples
    --------
    >>> move({"product": ["a", "b"], "experience": ["c"]}, ["b"], to="in use")
    {'product': ['a'], 'experience': ['c'], 'in use': ['b']}
    """
    chosen = list(items)
    moved = {
        block: [item for item in columns if item not in chosen or block == to]
        for block, columns in tidy_blocks(blocks).items()
    }
    if to is not None and chosen:
        moved[to] = [*moved.get(to, []), *(item for item in chosen if item not in moved.get(to, []))]
    return {block: columns for block, columns in moved.items() if columns}


def facets(survey: pd.DataFrame) -> dict[str, list[str]]:
    """Return the product's facets that the survey asks about: useful, usable, sensuous (``attrs["roles"]``)."""
    roles = survey.attrs.get("roles", {})
    return {facet: list(roles[facet]) for facet in _FACETS if roles.get(facet)}


def advocacy_outcome(survey: pd.DataFrame) -> str:
    """Return the outcome nearest to speaking well of the firm: by name, then by an item's label, else the default."""
    for name in survey.attrs.get("outcomes", {}):
        if name.startswith(("advoc", "recommend")):
            return name
    items = [item for items in survey.attrs.get("outcomes", {}).values() for item in items]
    labels = survey.attrs.get("labels", {})
    named = [item for item in items if "recommend" in labels.get(item, "").lower()]
    return named[0] if named else survey.attrs["default_outcome"]


def separate_outcomes(survey: pd.DataFrame) -> dict[str, list[str]]:
    """Return the outcomes with at least two items of which none belongs to an outcome named before."""
    found: dict[str, list[str]] = {}
    for name, items in survey.attrs.get("outcomes", {}).items():
        taken = {item for others in found.values() for item in others}
        if len(items) > 1 and not taken & set(items):
            found[name] = list(items)
    return found


def emotional_tie(
    survey: pd.DataFrame, *, bootstrap: int = 1000, rng: int | np.random.Generator | None = None
) -> Decomposition:
    """Split the feelings that a survey asks about (``roles["emotion"]``) between product and experience.

    The items on feelings become the outcome (their mean, column ``feelings``) and leave the drivers.
    """
    items = (survey.attrs.get("roles") or {}).get("emotion")
    if not items:
        raise InputError(
            "the survey names no items on feelings; list them under roles: emotion in the mapping file"
        )
    tied = survey.assign(feelings=survey[items].mean(axis=1, skipna=False))
    blocks = move(main_sides(survey), items, to=None)
    return decompose(tied, outcome="feelings", blocks=blocks, bootstrap=bootstrap, rng=rng)


def segment_sides(
    survey: pd.DataFrame,
    *,
    outcome: str,
    segment: str | None = None,
    bootstrap: int = 500,
    rng: int | np.random.Generator | None = None,
) -> dict[str, pd.DataFrame]:
    """Return ``segment_shares`` of product and of experience, by the survey's first segment column.

    ``attrs["note"]`` of each table says in words what was compared and what was left out. A survey without
    segments gives empty tables.
    """
    column = segment or next(iter(survey.attrs.get("segments") or []), None)
    seed = int(np.random.default_rng(rng).integers(2**31))
    tables = {}
    for side in main_sides(survey):
        if column is None:
            tables[side] = pd.DataFrame(columns=["n", "share", "low", "high", "shrunk"])
            tables[side].attrs = {"of": side, "note": "It has no column that tells segments apart."}
            continue
        table = segment_shares(
            survey,
            outcome=outcome,
            blocks=main_sides(survey),
            segment=column,
            of=side,
            bootstrap=bootstrap,
            rng=seed,
        )
        small = ", ".join(
            f"{name} ({n if n >= 5 else 'fewer than 5'})" for name, n in table.attrs["left_out"].items()
        )
        table.attrs["note"] = f"Segments by {column}; too small and left out: {small or 'none'}."
        tables[side] = table
    return tables


def can_average(survey: pd.DataFrame, blocks: Blocks) -> bool:
    """Tell whether a mean of each block's items makes sense: they must not, on average, run against each other.

    Yes/no columns of one question (its categories) fail this: their mean is no scale.
    """
    return not any(
        runs_against(complete(survey, items, f"blocks[{block!r}]"))
        for block, items in tidy_blocks(blocks).items()
    )


def readings(survey: pd.DataFrame, *, most: int = 4) -> dict[str, dict[str, list[str]]]:
    """Return ways to sort the items of product and experience, by name.

    *As registered*; *the author's own* (comment 8: where the product is a service, the product is the service in
    the fullest sense); *comment 2's* (the product is the core that has to work); and one for each disputed item
    that is moved to the other side; ways that change nothing are left out. Where a source does not say what the two people would call product, every
    disputed item stands on product for the author and on experience for comment 2.

    Parameters
    ----------
    survey : DataFrame
        With ``attrs["blocks"]`` and, if known, ``attrs["roles"]``.
    most : int
        At most so many single moves.
    """
    sides = main_sides(survey)
    items = [item for columns in sides.values() for item in columns]
    roles = survey.attrs.get("roles", {})
    doubtful = disputed_items(survey, blocks=sides, most=most) if can_average(survey, sides) else []
    disputed = [item for item in roles.get("disputed") or doubtful if item in items]
    product = {
        "the author's own": roles.get("product_by_author") or [*sides["product"], *disputed],
        "comment 2's": roles.get("product_by_comment_2")
        or [i for i in sides["product"] if i not in disputed],
    }
    found = {"as registered": sides}
    for name, chosen in product.items():
        found[name] = {
            "product": [item for item in items if item in chosen],
            "experience": [item for item in items if item not in chosen],
        }
    labels = survey.attrs.get("labels", {})
    for item in disputed[:most]:
        other = "experience" if item in sides["product"] else "product"
        found[f"{labels.get(item, item)} to {other}"] = move(sides, [item], to=other)
    fair = {name: blocks for name, blocks in found.items() if all(blocks.get(side) for side in sides)}
    same = {side: set(columns) for side, columns in sides.items()}
    return {
        name: blocks
        for name, blocks in fair.items()
        if name == "as registered" or {side: set(blocks[side]) for side in sides} != same
    }


def split_readings(
    data: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    readings: Mapping[str, Blocks],
    of: str = "experience",
    bootstrap: int = 200,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split each outcome under each reading.

    Parameters
    ----------
    data, bootstrap, confidence_level, rng
        As in ``relative_importance``; the same resamples for every reading.
    outcomes : sequence of columns
    readings : mapping name -> blocks
    of : str
        The block whose share is returned.

    Returns
    -------
    DataFrame
        One row an outcome and reading: ``outcome, reading, share, low, high, items`` (items of ``of``, as text).
    """
    seed = int(np.random.default_rng(rng).integers(2**31))
    rows = []
    for outcome in outcomes:
        for name, blocks in readings.items():
            table = decompose(
                data,
                outcome=outcome,
                blocks=blocks,
                bootstrap=bootstrap,
                confidence_level=confidence_level,
                rng=seed,
            ).table
            rows.append((outcome, name, *table.loc[of, ["share", "low", "high"]], ", ".join(blocks[of])))
    return pd.DataFrame(rows, columns=["outcome", "reading", "share", "low", "high", "items"])
