"""Chains of states: how often one follows another, and what paths would lose without a touchpoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.stats.intervals import generator, normal_quantile, percentile_interval

START, CONVERSION, NONE = "(start)", "(conversion)", "(none)"


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
        One row a person and time, or a square table of counts, from (index) to (columns).
    states : list of str, optional
        Roles in the order to show; default in order of first appearance along people's paths.
    prior : float
        Added to each count for the interval only (0.5: Jeffreys).

    Returns
    -------
    DataFrame, one row a pair of roles, also those never seen
        ``from to count probability low high n people``: count over all moves from there (n; missing where n
        is 0), and how many people made that move.

    Notes
    -----
    Row shares (Anderson & Goodman 1957). People differ, so moves of one person are a cluster: the interval is
    that of the Dirichlet posterior's margin with n divided by the design effect (Korn & Graubard 1998) and a
    t quantile for few people. The moves of a table of counts count as independent.

    Examples
    --------
    >>> paths = pd.DataFrame({"person": [1, 1, 2, 2], "role": list("vgvv"), "timestamp": [1, 2, 1, 2]})
    >>> transition_matrix(paths).probability.head(2).tolist()
    [0.5, 0.5]
    """
    from scipy.special import betaincinv

    z = normal_quantile(confidence_level)
    if prior <= 0:
        raise InputError(f"prior={prior} must be above 0; 0.5 is Jeffreys' choice")
    if role not in data.columns and len(data) and list(data.columns) == list(data.index):
        names, table = [str(name) for name in data.columns], data.to_numpy(float)
        if not (table >= 0).all():
            raise InputError("the table of counts has negative or missing entries")
        size, effect, people = len(names), np.ones_like(table), np.full_like(table, np.nan)
    else:
        codes, names, who = _sequences(data, person, role, timestamp, states)
        keep = np.flatnonzero(who[1:] == who[:-1])
        size = len(names)
        pair = codes[keep] * size + codes[keep + 1]
        table = np.bincount(pair, minlength=size**2).reshape(size, size).astype(float)
        effect = _design_effects(codes[keep], codes[keep + 1], who[keep], table, z, confidence_level)
        once = np.unique(who[keep].astype(np.int64) * size**2 + pair) % size**2
        people = np.bincount(once, minlength=size**2)
    n = table.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = np.where(n > 0, table / n, np.nan)
    a, b = table / effect + prior, np.maximum((n - table) / effect + prior * (size - 1), 1e-9)
    tail = (1 - confidence_level) / 2
    return pd.DataFrame(
        {
            "from": np.repeat(names, size),
            "to": np.tile(names, size),
            "count": (table.astype(np.int64) if (table % 1 == 0).all() else table).ravel(),
            "probability": share.ravel(),
            "low": np.minimum(betaincinv(a, b, tail), np.nan_to_num(share, nan=1)).ravel(),
            "high": np.maximum(betaincinv(a, b, 1 - tail), np.nan_to_num(share, nan=0)).ravel(),
            "n": np.repeat(n.ravel(), size).astype(np.int64),
            "people": people.ravel(),
        }
    )


def _design_effects(start, end, who, table, z, level) -> np.ndarray:
    """Return by how much people's likeness, and their small number, takes from the moves of each pair, at
    least 1.
    """
    from scipy.special import stdtrit

    size = len(table)
    row, place = np.unique(who.astype(np.int64) * size + start, return_inverse=True)
    own = np.bincount(place, minlength=len(row)).astype(float)
    begin = row % size
    people, n = np.bincount(begin, minlength=size), table.sum(axis=1)
    effect = np.ones((size, size))
    for to in range(size):
        share = np.divide(table[:, to], n, out=np.zeros(size), where=n > 0)
        off = np.bincount(place, end == to, len(row)) - share[begin] * own
        spread = np.bincount(begin, off**2, size) * people / np.maximum(people - 1, 1)
        chance = n * share * (1 - share)
        effect[:, to] = np.divide(spread, chance, out=np.ones(size), where=chance > 0)
    few = (stdtrit(np.maximum(people - 1, 1), 0.5 + level / 2) / z) ** 2
    return np.maximum(effect, 1) * few[:, None]


def _sequences(data, person, role, timestamp, states) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return role codes sorted by person and time, the roles' names, and whose each is."""
    _need(data, person, role, timestamp)
    data = data[[person, role, timestamp]].dropna()
    if data.empty:
        raise InputError("data has no row with person, role and timestamp all known")
    who = pd.factorize(data[person])[0]
    order = np.lexsort((np.arange(len(data)), data[timestamp].to_numpy(), who))
    who, labels = who[order], data[role].astype(str).to_numpy(dtype=object)[order]
    if states is None:
        codes, names = pd.factorize(labels)
        first = np.flatnonzero(np.r_[True, who[1:] != who[:-1]])
        step = np.arange(len(codes)) - np.repeat(first, np.diff(np.r_[first, len(codes)]))
        order = np.argsort(np.bincount(codes, step) / np.bincount(codes), kind="stable")
        return np.argsort(order)[codes].astype(np.int64), [str(names[i]) for i in order], who
    names = [str(state) for state in states]
    codes = pd.Index(names).get_indexer(labels)
    if (codes < 0).any():
        raise InputError(
            f"role {labels[np.argmin(codes)]!r} is not among states={names}: add it or drop those rows"
        )
    return codes.astype(np.int64), names, who


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
        One row a person and touchpoint; ``converted`` is the same on all rows of a person. Or counted steps,
        ``from to count`` with ``(start)``, ``(conversion)`` and ``(none)``: then without intervals.
    bootstrap : int
        Resamples of whole people; 0 for none.

    Returns
    -------
    DataFrame, largest effect first
        ``touchpoint effect low high credit people``: credit is the effects scaled to sum to 1; people whose
        path holds it. ``attrs["conversion"]`` is the model's conversion rate.

    Notes
    -----
    Anderl et al. (2016), first order, by a linear solve of the absorbing chain. A property of the paths, NOT
    what would happen if the touchpoint were closed: people would go elsewhere.

    Examples
    --------
    >>> steps = pd.DataFrame({"from": ["(start)", "shop", "shop"], "to": ["shop", "(conversion)", "(none)"],
    ...                       "count": [10, 4, 6]})
    >>> removal_effect(steps).effect.tolist()
    [1.0]
    """
    draws = None
    if {"from", "to", "count"} <= set(data.columns):
        table, names = _counted(data)
        people = np.full(len(names), np.nan)
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
    low, high = (np.nan, np.nan) if draws is None else percentile_interval(draws, confidence_level)
    columns = {
        "touchpoint": names,
        "effect": effect,
        "low": low,
        "high": high,
        "credit": effect / effect.sum(),
    }
    result = pd.DataFrame(columns | {"people": people})
    result = result.sort_values("effect", ascending=False, kind="stable", ignore_index=True)
    result.attrs["conversion"] = conversion
    return result


def _resampled(pair, who, shape, bootstrap: int, rng: np.random.Generator) -> np.ndarray:
    """Return the effects in resamples of people: their steps times how often each person is drawn."""
    from scipy.sparse import csr_matrix

    persons, cells = int(who.max()) + 1, shape[0] * shape[1]
    steps = csr_matrix((np.ones(len(pair), np.float32), (pair, who)), shape=(cells, persons))
    draws = []
    for first in range(0, bootstrap, 25):
        times = [np.bincount(rng.integers(0, persons, persons), minlength=persons)
                 for _ in range(first, min(first + 25, bootstrap))]  # fmt: skip
        tables = steps @ np.column_stack(times).astype(np.float32)
        draws += [_effects(tables[:, place].reshape(shape).astype(float))[0] for place in range(len(times))]
    return np.array(draws)


def _effects(table: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the removal effects and the conversion rate of a (k + 1) x (k + 2) table, start last."""
    k = table.shape[1] - 2
    total = table.sum(axis=1, keepdims=True)
    share = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    moves, wins, start = share[:k, :k], share[:k, k], share[k, :k]
    inverse = np.linalg.inv(np.eye(k) - moves) if total[k] > 0 else np.eye(k)
    base = inverse @ wins
    conversion = float(start @ base)
    if not total[k] > 0 or conversion <= 0:
        return np.full(k, np.nan), 0.0
    reach = (start @ inverse) / np.diag(inverse)  # probability that a path ever reaches each
    return reach * base / conversion, conversion


def _counted(data: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    seen = pd.unique(pd.concat([data["from"], data["to"]]).astype(str))
    names = [name for name in seen if name not in (START, CONVERSION, NONE)]
    origin = pd.Index([*names, START]).get_indexer(data["from"].astype(str))
    target = pd.Index([*names, CONVERSION, NONE]).get_indexer(data["to"].astype(str))
    if (origin < 0).any() or (target < 0).any() or (data["count"] < 0).any():
        raise InputError(
            f"steps must run from {START} over touchpoints to {CONVERSION} or {NONE}, counts 0 or more"
        )
    table = np.zeros((len(names) + 1, len(names) + 2))
    np.add.at(table, (origin, target), data["count"].to_numpy(float))
    return table, names


def _steps(data, person, touchpoint, timestamp, converted):
    """Return each step's code, whose step it is, the touchpoints' names and how many people reach each."""
    _need(data, person, touchpoint, timestamp, converted)
    data = data[[person, touchpoint, timestamp, converted]].dropna()
    if data.empty:
        raise InputError("data has no complete row: person, touchpoint, timestamp and converted are needed")
    who, won = pd.factorize(data[person])[0], data[converted].to_numpy(dtype=bool)
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
    between = code[:-1][~last[:-1]] * size + code[1:][~first[1:]]
    pair = np.r_[k * size + code[first], between, code[last] * size + np.where(won[last], k, k + 1)]
    people = np.bincount(np.unique(who.astype(np.int64) * k + code) % k, minlength=k)
    return pair, np.r_[who[first], who[:-1][~last[:-1]], who[last]], [str(name) for name in names], people


def _need(data: pd.DataFrame, *columns: str) -> None:
    missing = [name for name in columns if name not in data.columns]
    if missing:
        raise InputError(
            f"data lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, data.columns))}"
        )
