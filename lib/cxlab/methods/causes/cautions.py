"""What a reader must know before trusting a slope: sample, gaps and what they could have done, ceiling, collinearity, overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..composites import composites
from ..least_squares import complete_cases
from ..missing import fill_range
from .sensitivity import robustness_value

__all__ = ["cautions", "missing_bounds"]


def cautions(
    data: pd.DataFrame,
    *,
    outcome: str,
    drivers: Sequence[str],
    items: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Return what to beware of in a regression of ``outcome`` on ``drivers``.

    Parameters
    ----------
    data : DataFrame, one row a respondent
    outcome : str
    drivers : list of str
    items : mapping of column to items, optional
        What each composite (outcome or driver) is made of, to find items that stand on both sides.

    Returns
    -------
    DataFrame
        ``check value limit warn note``: complete cases (at least 100 and 10 a driver), share of rows dropped (at
        most 0.10), share of answers at the outcome's maximum (at most 0.15), largest variance inflation of a driver
        (at most 5), and the number of outcome items that also stand among the drivers (0). The limits are habits of
        the field, not laws.
    """
    drivers = list(drivers)
    table = complete_cases(data, [outcome, *drivers], minimum=len(drivers) + 3)
    n, x = len(table), table[drivers].to_numpy()
    dropped = 1 - n / len(data)
    ceiling = float((table[outcome] == table[outcome].max()).mean())
    inflation = 1.0
    if len(drivers) > 1:
        inflation = float(np.diag(np.linalg.pinv(np.corrcoef(x, rowvar=False))).max())
    items = items or {}
    behind = [item for name in drivers for item in items.get(name, [name])]
    overlap = sum(item in behind for item in items.get(outcome, [outcome]))
    enough = max(100, 10 * len(drivers))
    rows = [
        ("complete cases", n, enough, n < enough, "intervals are wide and unsteady in small samples"),
        (
            "share of rows with a gap",
            dropped,
            0.10,
            dropped > 0.10,
            "those who answered everything may differ",
        ),
        (
            "share at the outcome's maximum",
            ceiling,
            0.15,
            ceiling > 0.15,
            "a full scale hides what is better still",
        ),
        ("largest variance inflation", inflation, 5.0, inflation > 5, "the drivers can hardly be told apart"),
        (
            "outcome items among the drivers",
            overlap,
            0,
            overlap > 0,
            "part of the effect is the item with itself",
        ),
    ]
    return pd.DataFrame(rows, columns=["check", "value", "limit", "warn", "note"])


def missing_bounds(
    data: pd.DataFrame, *, outcome: str, sides: Sequence[str], covariates: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the effect of each side, all else held fixed, if the missing answers were low, middling or high.

    Parameters
    ----------
    data : DataFrame, one row a respondent
        With ``attrs["blocks"]``; gaps are filled in the answers, before they become scores.
    outcome : str
    sides, covariates : list of blocks
        The model is the last of ``adjusted_effects``: beside the other sides, with the covariates held fixed.

    Returns
    -------
    DataFrame
        Index ``quantity`` (``effect-SIDE``); ``complete low high filled unit``, ``attrs["sentence"]``. See
        ``cxlab.methods.missing.fill_range``. Each side, the outcome, and all other blocks together are filled
        lowest, middle and highest in all combinations.
    """
    sides, covariates = list(sides), list(covariates)
    blocks = {name: list(items) for name, items in data.attrs["blocks"].items()}
    others = [item for name, items in blocks.items() if name in covariates for item in items]
    idle = [item for name, items in blocks.items() if name not in [*sides, *covariates] for item in items]

    def numbers(table: pd.DataFrame) -> dict[str, float]:
        scores = composites(table, blocks=blocks, outcomes=[outcome], standardised=True)
        held = {side: [*(other for other in sides if other != side), *covariates] for side in sides}
        return {
            f"effect-{side}": robustness_value(
                scores, outcome=outcome, treatment=side, covariates=held[side]
            ).estimate
            for side in sides
        }

    parts = {**{side: blocks[side] for side in sides}, "rest": others, "outcome": [outcome]}
    units = {f"effect-{side}": "standardised slope" for side in sides}
    return fill_range(data, parts=parts, numbers=numbers, units=units, middle=idle)
