"""Segments against each other, with intervals and an eye on how many comparisons were made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..intervals import benjamini_hochberg, newcombe

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pairs"]


def pairs(
    segments: Sequence[str], reached: NDArray, came: NDArray, confidence_level: float, level: float
) -> pd.DataFrame:
    """Return every pair of segments compared.

    Parameters
    ----------
    segments : sequence of str
    reached, came : arrays of counts, one entry a segment
    confidence_level : float
    level : float
        False-discovery rate over all the pairs.

    Returns
    -------
    DataFrame
        ``segment other difference low high p_value adjusted differs``: conversion of ``segment`` less that of
        ``other``, Newcombe's interval (of one pair, not of all of them), the two-sided p-value of the pooled z-test,
        its Benjamini-Hochberg adjustment, and whether the pair survives. Segments that nobody entered are left out.
    """
    import pandas as pd

    names = ["segment", "other", "difference", "low", "high", "p_value", "adjusted", "differs"]
    present = [i for i in range(len(segments)) if came[i] > 0]
    both = list(combinations(present, 2))
    if not both:
        return pd.DataFrame(columns=names)
    a, b = (np.array(side) for side in zip(*both, strict=True))
    gap, low, high = newcombe(reached[a], came[a], reached[b], came[b], confidence_level)
    pooled = (reached[a] + reached[b]) / (came[a] + came[b])
    spread = np.sqrt(pooled * (1 - pooled) * (1 / came[a] + 1 / came[b]))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(spread > 0, np.abs(gap) / spread, 0.0)
    p = np.array([math.erfc(value / math.sqrt(2)) for value in z])
    differs, adjusted = benjamini_hochberg(p, level)
    labels = np.array(segments, dtype=object)
    values = (labels[a], labels[b], gap, low, high, p, adjusted, differs)
    return pd.DataFrame(dict(zip(names, values, strict=True)))
