"""Role transitions as a Markov chain: probabilities with intervals, and whether one step of memory is enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import normal_quantile

__all__ = ["OrderTest", "order_test", "transition_matrix"]


def transition_matrix(
    data: pd.DataFrame,
    *,
    person: str = "person",
    role: str = "role",
    timestamp: str = "timestamp",
    states: Sequence[str] | None = None,
    prior: float = 0.5,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return how often each role is followed by each other one.

    Parameters
    ----------
    data : DataFrame
        One row a person and time: ``person role timestamp`` (visits, or the starts of role spells). Or a square
        table of counts, from (index) to (columns), which needs none of them.
    states : list of str, optional
        Roles in the order to show; default in order of first appearance along people's paths.
    prior : float
        Added to each count for the interval only (0.5: Jeffreys).

    Returns
    -------
    DataFrame, one row a pair of roles, also those never seen
        ``from to count probability low high n``: probability is count over all moves from there (n; missing where n
        is 0); the interval is that of the Dirichlet posterior's margin.

    Notes
    -----
    Estimator of Anderson & Goodman (1957): row shares. A role followed by itself counts as a move wherever the data
    hold it (visits do, spells do not). Moves of one person count as independent given the role: see
    :func:`order_test`.

    Examples
    --------
    >>> paths = pd.DataFrame({"person": [1, 1, 2, 2], "role": ["visitor", "guest", "visitor", "visitor"],
    ...                       "timestamp": [1, 2, 1, 2]})
    >>> transition_matrix(paths).probability.head(2).tolist()
    [0.5, 0.5]
    """
    from scipy.special import betaincinv

    normal_quantile(confidence_level)
    if prior <= 0:
        raise ValueError(f"prior={prior} must be above 0; 0.5 is Jeffreys' choice")
    if (
        role not in data.columns
        and len(data.columns) == len(data) > 0
        and list(data.columns) == list(data.index)
    ):
        names, table = [str(name) for name in data.columns], data.to_numpy(float)
        if (table < 0).any() or np.isnan(table).any():
            raise InputError("the table of counts has negative or missing entries")
    else:
        codes, names, starts = _sequences(data, person, role, timestamp, states)
        keep = np.flatnonzero(~starts[1:])
        pairs = codes[keep] * len(names) + codes[keep + 1]
        table = np.bincount(pairs, minlength=len(names) ** 2).reshape(len(names), -1).astype(float)
    n = table.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = np.where(n > 0, table / n, np.nan)
    a, b = table + prior, (n - table) + prior * (len(names) - 1)
    tail = (1 - confidence_level) / 2
    size = len(names)
    b = np.maximum(b, 1e-9)
    return pd.DataFrame(
        {
            "from": np.repeat(names, size),
            "to": np.tile(names, size),
            "count": table.astype(np.int64).ravel() if (table % 1 == 0).all() else table.ravel(),
            "probability": share.ravel(),
            "low": np.minimum(betaincinv(a, b, tail), np.nan_to_num(share, nan=1)).ravel(),
            "high": np.maximum(betaincinv(a, b, 1 - tail), np.nan_to_num(share, nan=0)).ravel(),
            "n": np.repeat(n.ravel(), size).astype(np.int64),
        }
    )


class OrderTest(NamedTuple):
    """Whether the role before the current one still matters.

    Attributes
    ----------
    statistic, df, p : float, int, float
        Likelihood-ratio statistic, its degrees of freedom (cells that can occur), upper-tail probability.
    bits : float
        What knowing the longer past saves, per move (bits): 0 nothing, 1 one yes-or-no question.
    moves : int
        Moves with a long enough past; where there are none, the numbers above are missing.
    order : int
        The order tested; the alternative is one more.
    """

    statistic: float
    df: int
    p: float
    bits: float
    moves: int
    order: int


def order_test(
    data: pd.DataFrame,
    *,
    order: int = 1,
    person: str = "person",
    role: str = "role",
    timestamp: str = "timestamp",
) -> OrderTest:
    """Test whether a chain of ``order`` is enough against one that remembers one role more.

    Returns
    -------
    OrderTest

    Notes
    -----
    Anderson & Goodman (1957); degrees of freedom count only roles that follow each past at all, so that roles that
    cannot follow themselves take none. The chi-square law needs some five moves expected a cell; pooling unlike
    people makes a chain look as if it remembered.

    Examples
    --------
    >>> to_and_fro = pd.DataFrame({"person": 1, "timestamp": range(9), "role": list("abcbabcba")})
    >>> order_test(to_and_fro).bits > 0.5
    True
    """
    from scipy.special import chdtrc

    if order < 0:
        raise ValueError(
            f"order={order} must be 0 or more; 1 asks whether the role before the current one matters"
        )
    codes, names, starts = _sequences(data, person, role, timestamp, None)
    size = len(names)
    age = np.arange(len(codes)) - np.maximum.accumulate(np.where(starts, np.arange(len(codes)), 0))
    at = np.flatnonzero(age >= order + 1)
    if not at.size:
        return OrderTest(float("nan"), 0, float("nan"), float("nan"), 0, order)
    past = np.zeros(at.size, dtype=np.int64)
    for back in range(order, 0, -1):
        past = past * size + codes[at - back]
    older, current = codes[at - order - 1], codes[at]
    table = np.zeros((size**order, size, size))
    np.add.at(table, (past, older, current), 1)
    rows, columns, total = (
        table.sum(2, keepdims=True),
        table.sum(1, keepdims=True),
        table.sum((1, 2), keepdims=True),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(table > 0, table * np.log(table * total / (rows * columns)), 0.0)
    statistic = float(max(0.0, 2 * part.sum()))
    used = ((rows[:, :, 0] > 0).sum(1) - 1).clip(0) * ((columns[:, 0, :] > 0).sum(1) - 1).clip(0)
    df = int(used.sum())
    p = float(chdtrc(df, statistic)) if df else 1.0
    return OrderTest(statistic, df, p, float(statistic / 2 / np.log(2) / at.size), int(at.size), order)


def _sequences(data, person, role, timestamp, states) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return role codes sorted by person and time, the roles' names, and where a person's path starts."""
    missing = [column for column in (person, role, timestamp) if column not in data.columns]
    if missing:
        raise InputError(
            f"data lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, data.columns))}"
        )
    data = data[[person, role, timestamp]].dropna()
    if data.empty:
        raise InputError("data has no row with person, role and timestamp all known")
    who = pd.factorize(data[person])[0]
    order = np.lexsort((np.arange(len(data)), data[timestamp].to_numpy(), who))
    who = who[order]
    starts = np.r_[True, who[1:] != who[:-1]]
    labels = data[role].astype(str).to_numpy(dtype=object)[order]
    if states is None:
        codes, names = pd.factorize(labels)
        place = np.arange(len(codes)) - np.maximum.accumulate(np.where(starts, np.arange(len(codes)), 0))
        typical = np.bincount(codes, place) / np.bincount(codes)
        rank = np.argsort(np.argsort(typical, kind="stable"))
        codes = rank[codes]
        return codes.astype(np.int64), [str(names[i]) for i in np.argsort(rank)], starts
    names = [str(state) for state in states]
    codes = pd.Index(names).get_indexer(labels)
    if (codes < 0).any():
        raise InputError(
            f"role {labels[np.argmin(codes)]!r} is not among states={names}: add it or drop those rows"
        )
    return codes.astype(np.int64), names, starts
