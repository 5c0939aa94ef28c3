"""Simulated lives of people in changing roles, and paths of touchpoints that end in a conversion or not."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["JUMPS", "PATHS", "make_paths", "make_roles"]

JUMPS = pd.DataFrame(
    [[0.0, 0.50, 0.15, 0.15, 0.20], [0.45, 0.0, 0.25, 0.10, 0.20], [0.10, 0.10, 0.0, 0.50, 0.30], [0.20, 0.05, 0.15, 0.0, 0.60]],
    index=["visitor", "guest", "investor", "resident"],
    columns=["visitor", "guest", "investor", "resident", "(left)"],
)  # fmt: skip
_YEARS = {"visitor": 1.5, "guest": 0.5, "investor": 4.0, "resident": 7.0}
_ORGANISATIONS = {
    "visitor": ["Retail group A", "Retail group B", "Food hall", "Leisure"],
    "guest": ["Hotel"],
    "investor": ["Authority", "Housing"],
    "resident": ["Housing", "Mobility"],
}
PATHS = pd.DataFrame(
    [
        [0.00, 0.35, 0.20, 0.10, 0.05, 0.30, 0.00, 0.00],
        [0.25, 0.00, 0.20, 0.15, 0.05, 0.10, 0.02, 0.23],
        [0.20, 0.25, 0.00, 0.20, 0.10, 0.05, 0.03, 0.17],
        [0.10, 0.10, 0.15, 0.00, 0.30, 0.05, 0.10, 0.20],
        [0.05, 0.05, 0.10, 0.20, 0.00, 0.05, 0.35, 0.20],
        [0.15, 0.15, 0.10, 0.05, 0.02, 0.00, 0.01, 0.52],
        [0.25, 0.15, 0.15, 0.05, 0.02, 0.38, 0.00, 0.00],
    ],
    index=["website", "mall", "hotel", "show flat", "adviser", "advert", "(start)"],
    columns=["website", "mall", "hotel", "show flat", "adviser", "advert", "(conversion)", "(none)"],
)  # fmt: skip


def make_roles(
    people: int = 4000,
    *,
    jumps: pd.DataFrame | None = None,
    years: float = 12.0,
    overlap: float = 0.3,
    memory: float = 0.0,
    start: str = "2013-01-01",
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return role spells of simulated people; the arguments are the truth.

    Parameters
    ----------
    people : int
        Everybody starts as the first role of ``jumps``, at a random day of the first half of the period.
    jumps : DataFrame, optional
        Chance of the next role when a spell ends: from (index) to (columns, the last is ``(left)``), rows sum to 1,
        the diagonal is 0. Default :data:`JUMPS`.
    years : float
        Length of the period; what lasts beyond it has no end yet.
    overlap : float
        Chance that a role goes on, for half as long again, after the next one has begun.
    memory : float
        Chance that the next role is instead the one before the current one (0: the current role is all that counts).

    Returns
    -------
    DataFrame
        ``person role organisation timestamp end`` (end missing while it lasts), one row a spell, sorted by person and
        start. Mean spell: 1.5, 0.5, 4 and 7 years for the default roles, exponential.

    Examples
    --------
    >>> make_roles(10, rng=1).columns.tolist()
    ['person', 'role', 'organisation', 'timestamp', 'end']
    """
    jumps = JUMPS if jumps is None else jumps
    chance = jumps.to_numpy(float)
    if not np.allclose(chance.sum(axis=1), 1) or chance.shape != (len(jumps), len(jumps) + 1):
        raise ValueError(
            "jumps must have one column more than rows (the last is leaving) and rows that sum to 1"
        )
    for name, value in {"overlap": overlap, "memory": memory}.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}={value} is a chance: it must lie between 0 and 1")
    rng = np.random.default_rng(rng)
    mean = np.array([_YEARS.get(str(name), 2.0) for name in jumps.index])
    left = len(jumps)
    who, role, before = np.arange(people), np.zeros(people, int), np.full(people, -1)
    when = rng.random(people) * years / 2
    spells = []
    while who.size:
        length = rng.exponential(mean[role])
        stop = when + length
        stays = stop + np.where(rng.random(who.size) < overlap, length / 2, 0)
        draw = (rng.random(who.size)[:, None] > np.cumsum(chance[role], axis=1)).sum(axis=1).clip(max=left)
        back = (rng.random(who.size) < memory) & (before >= 0)
        following = np.where(back, before, draw)
        spells.append((who, role, when, np.where(following == left, stop, stays)))
        alive = (following != left) & (stop < years)
        who, before, role, when = who[alive], role[alive], following[alive], stop[alive]
    who, role, when, stop = (np.concatenate(parts) for parts in zip(*spells, strict=True))
    names = jumps.index.to_numpy(dtype=object)[role]
    pick = rng.random(len(who))
    homes = [_ORGANISATIONS.get(name, ["Organisation"]) for name in names]
    begin, end = (
        pd.Timestamp(start) + pd.to_timedelta(pd.Series(np.floor(value * 365.2425)), unit="D")
        for value in (when, stop)
    )
    frame = pd.DataFrame(
        {
            "person": 7_000_000_000 + who,
            "role": names,
            "organisation": [home[int(p * len(home))] for home, p in zip(homes, pick, strict=True)],
            "timestamp": begin,
            "end": end.where(stop < years),
        }
    )
    frame = frame.sort_values(["person", "timestamp"], kind="stable", ignore_index=True)
    frame.attrs.update(
        simulated=True, name="simulated-roles", table="roles", title="Simulated lives in changing roles"
    )
    return frame


def make_paths(
    people: int = 4000, *, steps: pd.DataFrame | None = None, rng: int | np.random.Generator | None = 1
) -> pd.DataFrame:
    """Return simulated touchpoint paths, from a first-order chain that is the truth.

    Parameters
    ----------
    steps : DataFrame, optional
        Chance of the next step: from (index, the last row is ``(start)``) to (columns, the last two are
        ``(conversion)`` and ``(none)``). Default :data:`PATHS`.

    Returns
    -------
    DataFrame
        ``person touchpoint timestamp converted``; timestamp counts the steps of a person from 1.
    """
    steps = PATHS if steps is None else steps
    cumulative = np.cumsum(steps.to_numpy(float), axis=1)
    if not np.allclose(cumulative[:, -1], 1) or steps.shape[1] != len(steps) + 1:
        raise ValueError(
            "steps must have touchpoints and (start) as rows, touchpoints and two ends as columns, rows sum to 1"
        )
    rng = np.random.default_rng(rng)
    k = len(steps) - 1
    who, at, number = np.arange(people), np.full(people, k), 0
    won = np.zeros(people, bool)
    parts = []
    while who.size:
        number += 1
        at = (rng.random(who.size)[:, None] > cumulative[at]).sum(axis=1).clip(max=k + 1)
        won[who[at == k]] = True
        who, at = who[at < k], at[at < k]
        parts.append(np.column_stack([who, at, np.full(who.size, number)]))
    person, place, order = np.concatenate(parts).T
    frame = pd.DataFrame(
        {
            "person": 7_000_000_000 + person,
            "touchpoint": steps.index.to_numpy(dtype=object)[place],
            "timestamp": order,
            "converted": won[person],
        }
    )
    frame = frame.sort_values(["person", "timestamp"], kind="stable", ignore_index=True)
    frame.attrs.update(
        simulated=True, name="simulated-paths", table="paths", title="Simulated paths of touchpoints"
    )
    return frame
