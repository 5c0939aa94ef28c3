"""Touchpoint paths as an absorbing chain: what would be lost if all who reach a touchpoint stopped there?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, percentile_interval

__all__ = ["path_counts", "removal_effect"]

START, CONVERSION, NONE = "(start)", "(conversion)", "(none)"


def path_counts(
    data: pd.DataFrame,
    *,
    person: str = "person",
    touchpoint: str = "touchpoint",
    timestamp: str = "timestamp",
    converted: str = "converted",
) -> pd.DataFrame:
    """Count the steps of people's paths.

    Returns
    -------
    DataFrame
        ``from to count``, with ``(start)`` before the first touchpoint and ``(conversion)`` or ``(none)`` after the
        last; ready for :func:`removal_effect` and small enough to publish after suppression.
    """
    pair, _, names, _ = _steps(data, person, touchpoint, timestamp, converted)
    size = len(names) + 2
    count = np.bincount(pair, minlength=(len(names) + 1) * size)
    origin, target = np.divmod(np.flatnonzero(count), size)
    return pd.DataFrame(
        {
            "from": np.array([*names, START], dtype=object)[origin],
            "to": np.array([*names, CONVERSION, NONE], dtype=object)[target],
            "count": count[count > 0],
        }
    )


def removal_effect(
    data: pd.DataFrame,
    *,
    person: str = "person",
    touchpoint: str = "touchpoint",
    timestamp: str = "timestamp",
    converted: str = "converted",
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the share of conversions that would be lost if every path that reaches a touchpoint ended there.

    Parameters
    ----------
    data : DataFrame
        One row a person and touchpoint: ``person touchpoint timestamp`` and ``converted`` (true or false, the same
        on all rows of a person). Or steps already counted, ``from to count`` (:func:`path_counts`): then without
        intervals.
    bootstrap : int
        Resamples of whole people (a person's steps belong together); 0 for none.

    Returns
    -------
    DataFrame, largest effect first
        ``touchpoint effect low high credit people``: effect in 0..1; credit the effects scaled to sum to 1; people
        whose path holds it (missing for counted steps). ``attrs["conversion"]`` is the model's conversion rate.

    Raises
    ------
    InputError
        When nobody converts, or a column is missing.

    Notes
    -----
    Anderl et al. (2016), first order, by an exact linear solve of the absorbing chain instead of simulated paths. It
    is a property of the paths, NOT what would happen if the touchpoint were closed: people would go elsewhere.

    Examples
    --------
    >>> steps = pd.DataFrame({"from": ["(start)", "shop", "shop"], "to": ["shop", "(conversion)", "(none)"],
    ...                       "count": [10, 4, 6]})
    >>> removal_effect(steps).effect.tolist()
    [1.0]
    """
    if {"from", "to", "count"} <= set(data.columns):
        table, names = _table(data)
        draws, people = None, np.full(len(names), np.nan)
    else:
        pair, who, names, people = _steps(data, person, touchpoint, timestamp, converted)
        shape = (len(names) + 1, len(names) + 2)
        table = np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
        draws = _resampled(pair, who, shape, bootstrap, generator(rng)) if bootstrap else None
    effect, conversion = _effects(table)
    if not conversion > 0:
        raise InputError(
            f"{converted}: no path ends in a conversion, so that nothing can be lost; check the column"
        )
    result = pd.DataFrame({"touchpoint": names, "effect": effect, "low": np.nan, "high": np.nan})
    if draws is not None:
        result["low"], result["high"] = percentile_interval(draws, confidence_level)
    result["credit"] = effect / effect.sum()
    result["people"] = people
    result = result.sort_values("effect", ascending=False, kind="stable", ignore_index=True)
    result.attrs["conversion"] = conversion
    return result


def _resampled(pair, who, shape, bootstrap: int, rng: np.random.Generator) -> np.ndarray:
    """Return the effects in resamples of people: steps of resamples = steps of people times how often each is drawn."""
    from scipy.sparse import csr_matrix

    persons, cells = int(who.max()) + 1, shape[0] * shape[1]
    steps = csr_matrix((np.ones(len(pair), np.float32), (pair, who)), shape=(cells, persons))
    draws = np.empty((bootstrap, shape[0] - 1))
    for first in range(0, bootstrap, 25):
        block = range(first, min(first + 25, bootstrap))
        times = [np.bincount(rng.integers(0, persons, persons), minlength=persons) for _ in block]
        tables = steps @ np.column_stack(times).astype(np.float32)
        for place, draw in enumerate(block):
            draws[draw] = _effects(tables[:, place].reshape(shape).astype(float))[0]
    return draws


def _effects(table: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the removal effects and the conversion rate of a (k + 1) x (k + 2) table of steps, start last."""
    k = table.shape[1] - 2
    total = table.sum(axis=1, keepdims=True)
    share = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    moves, wins, start = share[:k, :k], share[:k, k], share[k, :k]
    if not total[k] > 0:
        return np.full(k, np.nan), 0.0
    base = np.linalg.solve(np.eye(k) - moves, wins)
    conversion = float(start @ base)
    if conversion <= 0:
        return np.full(k, np.nan), 0.0
    # visits to j from the start before absorption, times what remains when j stops paths: one inverse serves all
    inverse = np.linalg.inv(np.eye(k) - moves)
    reach = (start @ inverse) / np.diag(inverse)  # probability that a path ever reaches j
    return reach * base / conversion, conversion


def _table(data: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    if (data["count"] < 0).any():
        raise InputError("count has negative entries")
    seen = pd.unique(pd.concat([data["from"], data["to"]]).astype(str))
    names = [name for name in seen if name not in (START, CONVERSION, NONE)]
    origin = pd.Index([*names, START]).get_indexer(data["from"].astype(str))
    target = pd.Index([*names, CONVERSION, NONE]).get_indexer(data["to"].astype(str))
    if (origin < 0).any() or (target < 0).any():
        raise InputError(f"steps must run from {START} over touchpoints to {CONVERSION} or {NONE}")
    table = np.zeros((len(names) + 1, len(names) + 2))
    np.add.at(table, (origin, target), data["count"].to_numpy(float))
    return table, names


def _steps(data, person, touchpoint, timestamp, converted):
    """Return each step's code, whose step it is, the touchpoints' names and how many people reach each."""
    missing = [name for name in (person, touchpoint, timestamp, converted) if name not in data.columns]
    if missing:
        raise InputError(
            f"data lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, data.columns))}"
        )
    data = data[[person, touchpoint, timestamp, converted]].dropna()
    if data.empty:
        raise InputError("data has no complete row: person, touchpoint, timestamp and converted are needed")
    who = pd.factorize(data[person])[0]
    won = data[converted].to_numpy(dtype=bool)
    if np.any(np.bincount(who, won) * np.bincount(who, ~won) > 0):
        raise InputError(
            f"{converted} must be the same on all rows of a person; cut paths at the conversion first"
        )
    order = np.lexsort((np.arange(len(who)), data[timestamp].to_numpy(), who))
    code, names = pd.factorize(data[touchpoint].astype(str), sort=True)
    who, code, won = who[order], code[order], won[order]
    k, size = len(names), len(names) + 2
    first = np.r_[True, who[1:] != who[:-1]]
    last = np.r_[first[1:], True]
    pair = np.r_[
        k * size + code[first],
        code[:-1][~last[:-1]] * size + code[1:][~first[1:]],
        code[last] * size + np.where(won[last], k, k + 1),
    ]
    owner = np.r_[who[first], who[:-1][~last[:-1]], who[last]]
    people = np.bincount(np.unique(who.astype(np.int64) * k + code) % k, minlength=k)
    return pair, owner, [str(name) for name in names], people
