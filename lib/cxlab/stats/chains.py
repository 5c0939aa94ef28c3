"""Chains of states: how often one follows another, and what paths would lose without a touchpoint."""

import numpy as np
import pandas as pd
from scipy.special import betaincinv, stdtrit

from cxlab.data.errors import InputError
from cxlab.stats.intervals import normal_quantile, percentile_interval

PRIOR = 0.5  # added to each count for the interval only (Jeffreys)


def transition_matrix(data: pd.DataFrame, *, confidence_level: float = 0.95) -> pd.DataFrame:
    """Return how often each role is followed by each other one, from ``person role timestamp``.

    Columns, one row a pair of roles in the order of appearance along people's paths: ``from to count
    probability low high n people`` (all moves from there; how many people made that move).

    Row shares (Anderson & Goodman 1957). People differ, so moves of one person are a cluster: the interval is
    that of the Dirichlet posterior's margin with n divided by the design effect (Korn & Graubard 1998) and a
    t quantile for few people.

    >>> paths = pd.DataFrame({"person": [1, 1, 2, 2], "role": list("vgvv"), "timestamp": [1, 2, 1, 2]})
    >>> transition_matrix(paths).probability.head(2).tolist()
    [0.5, 0.5]
    """
    paths = _paths(data, ["person", "timestamp", "role"]).astype({"role": "str"})
    names = paths.groupby("person").cumcount().groupby(paths["role"], sort=False).mean()
    names = names.sort_values(kind="stable").index
    moves = paths.assign(to=paths.groupby("person")["role"].shift(-1)).dropna(subset="to")
    own = moves.groupby(["role", "person", "to"]).size().unstack(fill_value=0)  # what each person did
    own = own.reindex(columns=names, fill_value=0)

    def by_role(counts: pd.DataFrame) -> np.ndarray:
        return counts.groupby("role").sum().reindex(names, fill_value=0).to_numpy()

    table, starters = by_role(own), by_role(own.any(axis=1))
    n = table.sum(axis=1, keepdims=True)
    share = np.divide(table, n, out=np.full(table.shape, np.nan), where=n > 0)
    # by how much people's likeness, and their small number, takes from the moves of each pair
    usual = share[names.get_indexer(own.index.get_level_values("role"))]
    off = own - usual * own.sum(axis=1).to_numpy()[:, None]
    spread = by_role(off**2) * (starters / np.maximum(starters - 1, 1))[:, None]
    chance = n * share * (1 - share)
    effect = np.divide(spread, chance, out=np.ones(table.shape), where=chance > 0)
    few = stdtrit(np.maximum(starters - 1, 1), 0.5 + confidence_level / 2) / normal_quantile(confidence_level)
    effect = np.maximum(effect, 1) * few[:, None] ** 2
    a, b = table / effect + PRIOR, np.maximum((n - table) / effect + PRIOR * (len(names) - 1), 1e-9)
    low, high = (betaincinv(a, b, 0.5 + way * confidence_level / 2) for way in (-1, 1))
    pairs = pd.MultiIndex.from_product([names, names], names=["from", "to"]).to_frame(index=False)
    columns = {"count": table, "probability": share, "low": np.fmin(low, share), "high": np.fmax(high, share)}
    columns |= {"n": np.repeat(n, len(names), axis=1), "people": by_role(own > 0)}
    return pairs.assign(**{name: cells.ravel() for name, cells in columns.items()})


def removal_effect(
    data: pd.DataFrame, *, bootstrap: int = 500, confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the share of conversions that would be lost if every path that reaches a touchpoint ended there.

    ``data`` has ``person touchpoint timestamp converted``, one row a visit, ``converted`` the same on all
    rows of a person. Columns, largest effect first: ``touchpoint effect low high``; whole people are
    resampled. Anderl et al. (2016), first order, by a linear solve of the absorbing chain. A property of the
    paths, NOT what would happen if the touchpoint were closed: people would go elsewhere.

    >>> paths = {"person": [1, 1, 2], "touchpoint": ["shop", "app", "shop"], "timestamp": [1, 2, 1]}
    >>> removal_effect(pd.DataFrame(paths | {"converted": [1, 1, 0]}), bootstrap=0).effect.tolist()
    [1.0, 1.0]
    """
    paths = _paths(data, ["person", "timestamp", "touchpoint", "converted"])
    who, won = paths["person"].to_numpy(), paths["converted"].astype(bool).to_numpy()
    if not won.any() or (pd.Series(won).groupby(who).nunique() > 1).any():
        raise InputError("converted must be the same on all rows of a person, and true for some")
    at, names = pd.factorize(paths["touchpoint"].astype(str))
    k, first, last = len(names), np.diff(who, prepend=-1) > 0, np.diff(who, append=who[-1] + 1) > 0
    ends = np.where(last, np.where(won, k, k + 1), np.append(at[1:], 0))
    cell = np.r_[k * (k + 2) + at[first], at * (k + 2) + ends]  # the start is the last row of the table
    person = np.r_[who[first], who]

    def effects(times: np.ndarray) -> np.ndarray:
        counts = np.bincount(cell, times[person], minlength=(k + 1) * (k + 2))
        return removal(counts.reshape(k + 1, k + 2))[0]

    size, rng = who[-1] + 1, np.random.default_rng(rng)
    draws = [effects(np.bincount(rng.integers(0, size, size), minlength=size)) for _ in range(bootstrap)]
    low, high = percentile_interval(np.reshape(draws, (bootstrap, k)), confidence_level)
    found = pd.DataFrame({"touchpoint": names, "effect": effects(np.ones(size)), "low": low, "high": high})
    return found.sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def removal(steps: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the removal effect of each touchpoint, and the share of paths that convert.

    ``steps`` (k + 1, k + 2) counts moves from the touchpoints and, last, the start, to the touchpoints,
    conversion and nothing.
    """
    k = steps.shape[1] - 2
    share = steps / np.maximum(steps.sum(axis=1, keepdims=True), 1)
    inverse, start = np.linalg.inv(np.eye(k) - share[:k, :k]), share[k, :k]
    base = inverse @ share[:k, k]
    conversion = float(start @ base)
    if conversion <= 0:
        return np.full(k, np.nan), 0.0
    reach = (start @ inverse) / np.diag(inverse)  # probability that a path ever reaches each
    return reach * base / conversion, conversion


def _paths(data: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the complete rows in the order of person and time, persons counted from 0."""
    if missing := [name for name in columns if name not in data]:
        raise InputError(f"the paths have no column {missing[0]}")
    data = data[columns].dropna()
    if data.empty:
        raise InputError(f"no row is complete: {', '.join(columns)} are needed")
    data = data.assign(person=pd.factorize(data["person"])[0])
    return data.sort_values(["person", "timestamp"], kind="stable", ignore_index=True)
