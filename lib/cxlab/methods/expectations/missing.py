"""What missing answers could have done to the bends, the losses and the surface."""

from __future__ import annotations

import pandas as pd

from ..composites import composites
from ..missing import fill_range
from .corners import product_experience
from .gaps import gap_table
from .kinks import kinked_slopes
from .surface import response_surface

__all__ = ["missing_bounds"]

_SIDES = ["product", "experience"]
_LOSSES = {
    "loss-great-product-bad-experience": "great product, bad experience",
    "loss-great-experience-bad-product": "bad product, great experience",
}


def missing_bounds(data: pd.DataFrame, *, felt: str, outcome: str, knot: float | None = None) -> pd.DataFrame:
    """Return the slopes that decide about table stakes and losses if the missing answers were low, middling or high.

    Parameters
    ----------
    data : DataFrame, one row a respondent
        With ``attrs["blocks"]`` (product, experience) and ``attrs["outcomes"]``; gaps are filled in the answers,
        before they become scores.
    felt : str
        The outcome of ``kinked_slopes``, with this ``knot``.
    outcome : str
        The outcome of ``product_experience``.
    knot : float, optional

    Returns
    -------
    DataFrame
        Index ``quantity``: ``kink-SIDE`` and ``slope-above-SIDE``, the two losses counted as positive, and, where the
        survey asked for expectations, ``recalled-congruence-slope`` (a1); ``complete low high filled unit``,
        ``attrs["sentence"]``. See ``cxlab.methods.missing.fill_range``. The sides, the outcomes and expectation are
        filled lowest, middle and highest in all combinations, other blocks in the middle.
    """
    blocks = {name: list(items) for name, items in data.attrs["blocks"].items()}
    parts = {side: blocks[side] for side in _SIDES}
    asked = "expectation" in blocks
    if asked:
        parts["expectation"] = blocks["expectation"]
    outcomes = list(data.attrs["outcomes"])

    def numbers(table: pd.DataFrame) -> dict[str, float]:
        scores = composites(table, standardised=True)
        bends = kinked_slopes(scores, outcome=felt, drivers=_SIDES, knot=knot)
        pair = product_experience(scores, product="product", experience="experience", outcome=outcome)
        found = {f"kink-{side}": bends.difference[side] for side in _SIDES}
        found |= {f"slope-above-{side}": bends.above[side] for side in _SIDES}
        found |= {name: -pair.estimate[quantity] for name, quantity in _LOSSES.items()}
        if asked:
            gap = gap_table(table, table)
            surface = response_surface(
                gap, perceived="perceived", expected="expected", outcome="satisfaction"
            )
            found["recalled-congruence-slope"] = surface.shape.estimate["a1"]
        return found

    units = dict.fromkeys(
        [f"{name}-{side}" for name in ("kink", "slope-above") for side in _SIDES], "standardised slope"
    )
    units |= dict.fromkeys(_LOSSES, "outcome SD")
    if asked:
        units["recalled-congruence-slope"] = "scale points per point"
    rest = [item for name, items in blocks.items() if name not in parts for item in items]
    return fill_range(data, parts={**parts, "outcomes": outcomes}, numbers=numbers, units=units, middle=rest)
