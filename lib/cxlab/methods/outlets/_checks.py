"""Checks that the modules of this package share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError


def require(data: pd.DataFrame, columns: Sequence[str], name: str = "data") -> None:
    """Raise an InputError that names the missing columns and those that are there."""
    missing = [column for column in columns if column not in data.columns]
    if missing:
        raise InputError(
            f"{name} lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, data.columns)) or 'none'}: "
            "rename yours or map them"
        )


def counts(data: pd.DataFrame, n: str = "n", x: str = "satisfied") -> tuple[np.ndarray, np.ndarray]:
    """Return (x, n) as floats after checking 0 <= x <= n and that nothing is missing."""
    require(data, [n, x])
    if not len(data):
        raise InputError("data has no rows: nothing to judge")
    xs, ns = (pd.to_numeric(data[column]).to_numpy(dtype=float, na_value=np.nan) for column in (x, n))
    bad = ~((xs >= 0) & (xs <= ns) & (ns >= 1))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{x}={xs[row]:g} and {n}={ns[row]:g} in row {row}: {n} must be at least 1 and {x} between 0 and {n}; "
            "drop empty outlets"
        )
    return xs, ns
