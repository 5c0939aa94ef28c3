"""How much can an unseen level hide? Bounds that assume nothing about what nobody has seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import wilson

__all__ = ["HiddenBounds", "hidden_bounds", "hidden_curve"]


class HiddenBounds(NamedTuple):
    """What is known about the share of accounts that pass every level when one of them is partly unseen.

    Attributes
    ----------
    low, high : if every unseen account fails the hidden level, or passes it.
    outer_low, outer_high : the same with sampling added (Wilson limits of the two bounds).
    width, width_low, width_high : share of accounts that the unseen level leaves open (Wilson).
    naive : the share that is reported when unseen is treated as a pass (= high).
    seen : share of the accounts whose hidden level was seen.
    n : accounts.
    """

    low: float
    high: float
    outer_low: float
    outer_high: float
    width: float
    width_low: float
    width_high: float
    naive: float
    seen: float
    n: int


def hidden_bounds(
    passes: pd.DataFrame, *, hidden: str | None = None, confidence_level: float = 0.95
) -> HiddenBounds:
    """Bound the share of accounts that pass all levels when one level is not always seen.

    Parameters
    ----------
    passes : DataFrame
        One row an account, one column a level: 1 passed, 0 failed, missing unseen. Rows with another level missing
        are left out.
    hidden : str, optional
        The level that may be unseen; the last column by default.
    confidence_level : float

    Returns
    -------
    HiddenBounds

    Notes
    -----
    Manski (2003): nothing is assumed about the unseen. Collecting more accounts narrows the outer limits only; to
    narrow the bounds themselves somebody has to look.

    Examples
    --------
    >>> bounds = hidden_bounds(pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, None, None]}))
    >>> bounds.low, bounds.high, bounds.width
    (0.25, 0.5, 0.25)
    """
    hidden = hidden if hidden is not None else str(passes.columns[-1])
    if hidden not in passes or passes.shape[1] < 2:
        raise InputError(
            f"passes: {hidden!r} must be one of at least two levels: {', '.join(map(str, passes.columns))}"
        )
    others = passes.drop(columns=hidden)
    known = others.notna().all(axis=1)
    base = others[known].astype(float).eq(1).all(axis=1)
    last = passes.loc[known, hidden].astype(float)
    n = int(known.sum())
    if n == 0:
        raise InputError("passes: no account has all the other levels; nothing can be bounded")
    sure, open_ = int((base & last.eq(1)).sum()), int((base & last.isna()).sum())
    outer_low, _ = wilson(sure, n, confidence_level)
    _, outer_high = wilson(sure + open_, n, confidence_level)
    width_low, width_high = wilson(open_, n, confidence_level)
    return HiddenBounds(
        sure / n,
        (sure + open_) / n,
        float(outer_low),
        float(outer_high),
        open_ / n,
        float(width_low),
        float(width_high),
        (sure + open_) / n,
        float(last.notna().mean()),
        n,
    )


def hidden_curve(pass_others: float, *, pass_hidden: np.ndarray | list[float] | None = None) -> pd.DataFrame:
    """Bound the pass-all share for every pass rate that a never-seen level could have.

    Parameters
    ----------
    pass_others : float
        Share of accounts that pass all the visible levels.
    pass_hidden : list of float, optional
        Assumed pass rates of the hidden level; 0, .05, ... 1 by default.

    Returns
    -------
    DataFrame
        ``pass_hidden low high``: Frechet's bounds max(0, a + b - 1) and min(a, b).
    """
    if not 0 <= pass_others <= 1:
        raise InputError(f"pass_others={pass_others!r} must lie between 0 and 1")
    rate = np.round(np.linspace(0, 1, 21), 4) if pass_hidden is None else np.asarray(pass_hidden, dtype=float)
    if np.any((rate < 0) | (rate > 1)):
        raise InputError(f"pass_hidden={pass_hidden!r} must lie between 0 and 1")
    return pd.DataFrame(
        {
            "pass_hidden": rate,
            "low": np.maximum(0, np.round(pass_others + rate - 1, 12)),
            "high": np.minimum(pass_others, rate),
        }
    )
