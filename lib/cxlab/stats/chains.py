"""Chains of states: how often one follows another, and what paths would lose without a touchpoint."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import betaincinv, stdtrit

from cxlab.data.errors import InputError
from cxlab.stats.intervals import normal_quantile, percentile_interval

START, CONVERSION, NONE = "(start)", "(conversion)", "(none)"
PRIOR = 0.5  # added to each count for the interval only (Jeffreys)


def transition_matrix(
    data: pd.DataFrame,
    *,
    person: str = "person",
    role: str = "role",
    timestamp: str = "timestamp",
    states: Sequence[str] | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return how often each role is followed by each other one, from one row a person and time.

    A square table of counts, from (index) to (columns), is taken as well. Columns, one row a pair of roles in
    the order of ``states`` or of appearance along people's paths: ``from to count probability low high n
    people`` (all moves from there; how many people made that move).

    Row shares (Anderson & Goodman 1957). People differ, so moves of one person are a cluster: the interval is
    that of the Dirichlet posterior's margin with n divided by the design effect (Korn & Graubard 1998) and a
    t quantile for few people. The moves of a table of counts count as independent.

    >>> paths = pd.DataFrame({"person": [1, 1, 2, 2], "role": list("vgvv"), "timestamp": [1, 2, 1, 2]})
    >>> transition_matrix(paths).probability.head(2).tolist()
    [0.5, 0.5]
    """
    if role not in data.columns and len(data) and list(data.columns) == list(data.index):
        names, table = [str(name) for name in data.columns], data.to_numpy(float)
        if not (table >= 0).all():
            raise InputError("the table of counts has negative or missing entries")
        size, effect, people = len(names), np.ones_like(table), np.full_like(table, np.nan)
    else:
        paths, who = _paths(data, person, timestamp, role)
        roles = paths[role].astype(str)
        step = paths.groupby(who).cumcount().groupby(roles, sort=False).mean().sort_values(kind="stable")
        names = list(map(str, step.index if states is None else states))
        codes, size = pd.Index(names).get_indexer(roles).astype(np.int64), len(names)
        if (codes < 0).any():
            raise InputError(f"role {roles.iloc[np.argmin(codes)]!r} is not among states={names}")
        keep = np.flatnonzero(who[1:] == who[:-1])
        start, end, who = codes[keep], codes[keep + 1], who[keep].astype(np.int64)
        pair = start * size + end
        table = np.bincount(pair, minlength=size**2).reshape(size, size).astype(float)
        effect = _design_effects(start, end, who, table, confidence_level)
        people = np.bincount(np.unique(who * size**2 + pair) % size**2, minlength=size**2)
    n = table.sum(axis=1, keepdims=True)
    share = np.divide(table, n, out=np.full_like(table, np.nan), where=n > 0)
    a, b = table / effect + PRIOR, np.maximum((n - table) / effect + PRIOR * (size - 1), 1e-9)
    tail = (1 - confidence_level) / 2
    columns = {
        "from": np.repeat(names, size),
        "to": np.tile(names, size),
        "count": table.astype(np.int64) if (table % 1 == 0).all() else table,
        "probability": share,
        "low": np.fmin(betaincinv(a, b, tail), share),
        "high": np.fmax(betaincinv(a, b, 1 - tail), share),
        "n": np.repeat(n, size).astype(np.int64),
        "people": people,
    }
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def _design_effects(start, end, who, table, level) -> np.ndarray:
    """Return by how much people's likeness, and their small number, takes from the moves of each pair."""
    size = len(table)
    row, place = np.unique(who * size + start, return_inverse=True)
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
    few = (stdtrit(np.maximum(people - 1, 1), 0.5 + level / 2) / normal_quantile(level)) ** 2
    return np.maximum(effect, 1) * few[:, None]


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

    One row a person and touchpoint, ``converted`` the same on all rows of a person; or counted steps, ``from
    to count`` with ``(start)``, ``(conversion)`` and ``(none)``, then without intervals. Columns, largest
    effect first: ``touchpoint effect low high credit people`` (effects scaled to sum to 1; people whose path
    holds it); ``attrs["conversion"]`` is the model's conversion rate. Whole people are resampled.

    Anderl et al. (2016), first order, by a linear solve of the absorbing chain. A property of the paths, NOT
    what would happen if the touchpoint were closed: people would go elsewhere.

    >>> steps = pd.DataFrame({"from": ["(start)", "shop", "shop"], "to": ["shop", "(conversion)", "(none)"],
    ...                       "count": [10, 4, 6]})
    >>> removal_effect(steps).effect.tolist()
    [1.0]
    """
    steps, draws = data, []
    if not {"from", "to", "count"} <= set(data.columns):
        paths, who = _paths(data, person, timestamp, touchpoint, converted)
        won, name = paths[converted].astype(bool), paths[touchpoint].astype(str)
        if (won.groupby(who).nunique() > 1).any():
            raise InputError(
                f"{converted} must be the same on all rows of a person; cut paths at the conversion"
            )
        then = name.groupby(who).shift(-1).fillna(won.map({True: CONVERSION, False: NONE}))
        onward = pd.DataFrame({"who": who, "from": name, "to": then, "count": 1})
        first = onward[~onward["who"].duplicated()]
        steps = pd.concat([first.assign(**{"from": START, "to": first["from"]}), onward])
    names = pd.Index(pd.unique(pd.concat([steps["from"], steps["to"]]).astype(str)))
    names = names.difference([START, CONVERSION, NONE], sort=False)
    shape = len(names) + 1, len(names) + 2
    origin = names.insert(len(names), START).get_indexer(steps["from"].astype(str))
    target = names.append(pd.Index([CONVERSION, NONE])).get_indexer(steps["to"].astype(str))
    if (origin < 0).any() or (target < 0).any() or (steps["count"] < 0).any():
        raise InputError(
            f"steps must run from {START} over touchpoints to {CONVERSION} or {NONE}, counts 0 or more"
        )

    def effects(times: np.ndarray) -> tuple[np.ndarray, float]:
        cell = origin * shape[1] + target
        return _effects(np.bincount(cell, times, minlength=shape[0] * shape[1]).reshape(shape))

    effect, conversion = effects(steps["count"].to_numpy(float))
    if not conversion > 0:
        raise InputError(
            f"{converted}: no path ends in a conversion, so that nothing can be lost; check the column"
        )
    result = pd.DataFrame({"touchpoint": names, "effect": effect, "low": np.nan, "high": np.nan})
    result = result.assign(credit=effect / effect.sum(), people=np.nan)
    if "who" in steps:
        result["people"] = steps.groupby("from")["who"].nunique().reindex(names).to_numpy()
        who, persons, rng = steps["who"].to_numpy(), steps["who"].nunique(), np.random.default_rng(rng)
        for _ in range(bootstrap):
            times = np.bincount(rng.integers(0, persons, persons), minlength=persons)
            draws.append(effects(times[who])[0])
    if draws:
        result["low"], result["high"] = percentile_interval(draws, confidence_level)
    result = result.sort_values("effect", ascending=False, kind="stable", ignore_index=True)
    result.attrs["conversion"] = conversion
    return result


def _effects(table: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the removal effects and the conversion rate of a (k + 1) x (k + 2) table, start last."""
    k = table.shape[1] - 2
    total = table.sum(axis=1, keepdims=True)
    share = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    inverse, start = np.linalg.inv(np.eye(k) - share[:k, :k]), share[k, :k]
    base = inverse @ share[:k, k]
    conversion = float(start @ base)
    if conversion <= 0:
        return np.full(k, np.nan), 0.0
    reach = (start @ inverse) / np.diag(inverse)  # probability that a path ever reaches each
    return reach * base / conversion, conversion


def _paths(data: pd.DataFrame, person: str, timestamp: str, *columns: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the complete rows in the order of people and time, and whose each is."""
    wanted = [person, timestamp, *columns]
    if missing := [name for name in wanted if name not in data.columns]:
        raise InputError(f"data lacks the column(s) {', '.join(missing)}")
    data = data[wanted].dropna()
    if data.empty:
        raise InputError(f"data has no complete row: {', '.join(wanted)} are needed")
    who = pd.factorize(data[person])[0]
    order = np.lexsort((np.arange(len(data)), data[timestamp].to_numpy(), who))
    return data.iloc[order].reset_index(drop=True), who[order]
