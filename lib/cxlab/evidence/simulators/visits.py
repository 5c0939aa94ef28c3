"""A simulated mall: outlets of many organisations, people in changing roles, visits with ratings and comments.

The role chain (visitor, hotel guest, investor, resident) comes from a housing development and the size from a mall;
that one simulated place has both is our choice, and every page that uses it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from .outlets import ORGANISATIONS, make_outlets
from .phrases import PHRASES, PRAISE

__all__ = ["ORGANISATIONS", "ROLES", "make_outlets", "make_visits", "write_visits"]

ROLES = ["visitor", "guest", "investor", "resident"]
_ROLE_VISITS = np.array([0.62, 0.10, 0.03, 0.25])  # who makes the visits
_VISITS_A_PERSON = np.array([4.0, 9.0, 12.0, 60.0])  # a year
_ROLE_LOGIT = np.array([0.0, 0.15, -0.1, -0.25])
_PERSON_BASE = 7_000_000_000  # ids are ten digits that start with 7, so that a search for one is unmistakable
_SLOTS = 1 << 18
_CHUNK = 1 << 20


def make_visits(
    visits: int = 400_000,
    *,
    outlets: pd.DataFrame | int = 1500,
    months: int = 12,
    start: str = "2025-01-01",
    rated: float = 0.25,
    commented: float = 0.2,
    person_spread: float = 0.5,
    thin_drop: float = 0.35,
    thin_month: int = 7,
    fall: float = 1.8,
    fall_month: int = 9,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Return simulated visits of a year in memory; the arguments are the truth.

    Parameters
    ----------
    visits : int
        Rows.
    outlets : DataFrame of :func:`make_outlets`, or how many to make with the same ``rng``
        Their ``rate`` is the chance that an average visitor, off peak, is satisfied (score 4 or 5).
    months, start : int, str
        The period; every month is equally busy.
    rated, commented : float
        Share of visits with a score; share of those with a comment.
    person_spread : float
        Standard deviation of a person's leniency, in logits.
    thin_drop, thin_month : float, int
        The thinly spread fault: from month ``thin_month`` on (1 is the first) every outlet's logit is lowered by
        ``thin_drop`` / 4, and complaints about signs come about ``1 + 6 x thin_drop`` times as often. 0 plants nothing.
    fall, fall_month : float, int
        From month ``fall_month`` on the outlets marked ``changed`` are lowered by ``fall`` logits.

    Returns
    -------
    DataFrame
        ``outlet organisation person role timestamp score comment``: role one of visitor, guest, investor, resident
        (residents' logit is 0.25 lower, 17-20 h 0.2 lower); score 1..5 or missing; comment text or missing.
        ``attrs["simulated"]`` is True.

    Examples
    --------
    >>> make_visits(1000, outlets=20).columns.tolist()
    ['outlet', 'organisation', 'person', 'role', 'timestamp', 'score', 'comment']
    """
    world = _world(
        visits, outlets, months, start, rated, commented, person_spread, thin_drop, thin_month, fall, fall_month, rng
    )  # fmt: skip
    codes = _draw(world, np.random.default_rng(world.seed), visits, 0, world.months)
    frame = pd.DataFrame(
        {
            "outlet": pd.Categorical.from_codes(codes["outlet"], world.outlet_names).astype(str),
            "organisation": pd.Categorical.from_codes(codes["organisation"], list(ORGANISATIONS)).astype(str),
            "person": codes["person"],
            "role": pd.Categorical.from_codes(codes["role"], ROLES).astype(str),
            "timestamp": codes["timestamp"].astype("datetime64[s]"),
            "score": pd.array(codes["score"], dtype="Int8"),
            "comment": pd.Categorical.from_codes(codes["comment"], world.texts).astype("str"),
        }
    )
    frame.loc[frame["score"] == 0, "score"] = pd.NA
    frame.loc[codes["comment"] < 0, "comment"] = None
    frame = frame.sort_values(["timestamp", "person"], kind="stable", ignore_index=True)
    frame.attrs.update(simulated=True, name="simulated-visits", table="visits", title="A simulated mall")
    return frame


def write_visits(
    path: str | Path,
    *,
    visits: int = 80_000_000,
    outlets: pd.DataFrame | int = 1500,
    months: int = 12,
    start: str = "2025-01-01",
    rated: float = 0.25,
    commented: float = 0.2,
    person_spread: float = 0.5,
    thin_drop: float = 0.35,
    thin_month: int = 7,
    fall: float = 1.8,
    fall_month: int = 9,
    rng: int | np.random.Generator | None = 1,
) -> Path:
    """Write simulated visits as Parquet, one folder a month, in a stream of a million rows at a time.

    Memory stays the same whatever ``visits`` is. Arguments and truth as in :func:`make_visits`; the rows differ.

    Returns
    -------
    Path
        The folder, with ``month=01/visits.parquet`` and so on, and ``outlets.parquet`` (the truth) beside it in
        ``truth/``. The folder must be empty or absent.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"path={str(path)!r} is not an empty folder; name a new one")
    world = _world(
        visits, outlets, months, start, rated, commented, person_spread, thin_drop, thin_month, fall, fall_month, rng
    )  # fmt: skip
    dictionaries = {
        "outlet": pa.array(world.outlet_names),
        "organisation": pa.array(list(ORGANISATIONS)),
        "role": pa.array(ROLES),
        "comment": pa.array(world.texts),
    }
    rng = np.random.default_rng(world.seed)
    for month in range(months):
        rows = visits * (month + 1) // months - visits * month // months
        target = folder / f"month={month + 1:02d}"
        target.mkdir(parents=True)
        writer = None
        done = 0
        while done < rows or writer is None:
            size = min(_CHUNK, rows - done)
            low, high = month + done / max(rows, 1), month + (done + size) / max(rows, 1)
            codes = _draw(world, rng, size, low, high)
            order = np.argsort(codes["timestamp"], kind="stable")
            table = _arrow(pa, {name: values[order] for name, values in codes.items()}, dictionaries)
            writer = writer or pq.ParquetWriter(
                target / "visits.parquet",
                table.schema,
                compression="zstd",
                use_dictionary=["outlet", "organisation", "role", "comment", "score"],
                column_encoding={"timestamp": "DELTA_BINARY_PACKED"},
            )
            writer.write_table(table, row_group_size=_CHUNK)
            done += size
        writer.close()
    (folder / "truth").mkdir()
    pq.write_table(
        pa.Table.from_pandas(world.outlets, preserve_index=False), folder / "truth" / "outlets.parquet"
    )
    return folder


@dataclass
class _World:
    outlets: pd.DataFrame
    outlet_names: list[str]
    organisation: np.ndarray  # of each outlet
    table: np.ndarray  # role x slot -> outlet
    logit: np.ndarray  # of each outlet
    pools: np.ndarray  # people of each starting role
    next_role: np.ndarray  # role after the change
    change: np.ndarray  # probability of a change in a month, by role
    month_starts: np.ndarray  # seconds
    months: int
    rated: float
    commented: float
    person_spread: float
    thin_drop: float
    thin_month: int
    fall: np.ndarray  # of each outlet, in logits
    fall_month: int
    texts: list[str]
    bounds: np.ndarray  # first text of each theme, and the end
    theme_cdf: np.ndarray  # organisation -> cumulative chance of each issue theme
    own_theme: np.ndarray  # of each outlet: the theme of most of its complaints, -1 for none
    seed: int


def _world(
    visits, outlets, months, start, rated, commented, person_spread, thin_drop, thin_month, fall, fall_month, rng
) -> _World:  # fmt: skip
    for name, value in {"visits": visits, "months": months}.items():
        if value < 1:
            raise ValueError(f"{name}={value} must be at least 1")
    for name, value in {"rated": rated, "commented": commented}.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}={value} is a share: it must lie between 0 and 1")
    rng = np.random.default_rng(rng)
    if not isinstance(outlets, pd.DataFrame):
        outlets = make_outlets(outlets, rng=rng)
    names = list(ORGANISATIONS)
    organisation = pd.Index(names).get_indexer(outlets["organisation"])
    if (organisation < 0).any():
        raise ValueError(f"outlets: organisation must be one of {', '.join(names)}")
    pull = np.array([ORGANISATIONS[name][1] for name in names])[organisation].T  # role x outlet
    weight = pull * outlets["size"].to_numpy()
    cumulative = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    grid = (np.arange(_SLOTS) + 0.5) / _SLOTS
    table = (
        np.stack([np.searchsorted(row, grid) for row in cumulative])
        .clip(max=len(outlets) - 1)
        .astype(np.int16)
    )
    rate = outlets["rate"].to_numpy()
    themes = list(PHRASES)
    texts = [text for theme in themes for text in PHRASES[theme]] + PRAISE
    bounds = np.cumsum([0, *(len(PHRASES[theme]) for theme in themes), len(PRAISE)])
    mix = np.exp(0.6 * rng.standard_normal((len(names), len(themes)))) * np.linspace(1.6, 0.7, len(themes))
    mix[names.index("Mobility"), themes.index("parking")] *= 8
    mix[names.index("Food hall"), themes.index("waiting")] *= 2
    planted = outlets["planted"].to_numpy(bool) if "planted" in outlets else np.zeros(len(outlets), bool)
    first = np.datetime64(start, "M")
    edges = (first + np.arange(months + 1)).astype("datetime64[s]").astype(np.int64)
    return _World(
        outlets=outlets,
        outlet_names=outlets["outlet"].astype(str).tolist(),
        organisation=organisation.astype(np.int8),
        table=table,
        logit=np.log(rate / (1 - rate)).astype(np.float32),
        pools=np.maximum(1, visits * _ROLE_VISITS * months / 12 / _VISITS_A_PERSON).astype(np.int64),
        next_role=np.array([1, 2, 3, 3]),
        change=np.array([0.01, 0.02, 0.05, 0.0]),
        month_starts=edges,
        months=months,
        rated=rated,
        commented=commented,
        person_spread=person_spread,
        thin_drop=thin_drop,
        thin_month=thin_month,
        fall=fall * (outlets["changed"].to_numpy(bool) if "changed" in outlets else np.zeros(len(outlets))),
        fall_month=fall_month,
        texts=texts,
        bounds=bounds,
        theme_cdf=np.cumsum(mix / mix.sum(axis=1, keepdims=True), axis=1),
        own_theme=np.where(planted, rng.integers(0, len(themes), len(outlets)), -1).astype(np.int8),
        seed=int(rng.integers(1 << 62)),
    )


def _mix_bits(values: np.ndarray, salt: int) -> np.ndarray:
    """Return a fixed pseudo-random number in 0..1 for each integer (splitmix64), so that people need no table."""
    z = values.astype(np.uint64) + np.uint64((0x9E3779B97F4A7C15 * (salt + 1)) % (1 << 64))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64)) * 2.0**-53


def _draw(
    world: _World, rng: np.random.Generator, rows: int, low: float, high: float
) -> dict[str, np.ndarray]:
    """Draw ``rows`` visits between months ``low`` and ``high`` (fractions allowed) as integer codes."""
    role = np.searchsorted(np.cumsum(_ROLE_VISITS)[:-1], rng.random(rows)).astype(np.int8)
    number = (rng.random(rows) * world.pools[role]).astype(np.int64) + np.r_[0, np.cumsum(world.pools)[:-1]][
        role
    ]
    when = low + rng.random(rows) * (high - low)
    month = np.minimum(when.astype(np.int64), world.months - 1)
    # each person changes role at most once, at a month fixed by the person's number
    chance = world.change[role]
    month_of_change = np.floor(np.log(_mix_bits(number, 1)) / np.log1p(-np.maximum(chance, 1e-9)))
    role = np.where(month >= month_of_change, world.next_role[role], role).astype(np.int8)
    people = int(world.pools.sum())
    person = _PERSON_BASE + (number * _coprime(people) + 12_345) % people
    outlet = world.table[role, rng.integers(0, _SLOTS, rows)]
    organisation = world.organisation[outlet]

    span = np.diff(world.month_starts)[month]
    day = np.floor((when - month) * (span // 86400))
    hour = np.clip(rng.normal(16.0, 3.6, rows), 8.0, 23.99)
    timestamp = world.month_starts[month] + (day * 86400 + hour * 3600).astype(np.int64)

    score = np.zeros(rows, np.int8)
    comment = np.full(rows, -1, np.int32)
    rated = np.flatnonzero(rng.random(rows) < world.rated)
    thin = (month[rated] + 1 >= world.thin_month) * world.thin_drop
    leniency = world.person_spread * _normal(_mix_bits(number[rated], 2))
    logit = world.logit[outlet[rated]] + _ROLE_LOGIT[role[rated]] + leniency - thin / 4
    logit -= world.fall[outlet[rated]] * (month[rated] + 1 >= world.fall_month)
    logit -= 0.2 * ((hour[rated] >= 17) & (hour[rated] < 20))
    satisfied = 1 / (1 + np.exp(-logit))
    draw = rng.random(rated.size)
    rest = (draw - satisfied) / (1 - satisfied)
    score[rated] = np.where(
        draw < satisfied,
        np.where(draw < 0.55 * satisfied, 5, 4),
        np.where(rest < 0.5, 3, np.where(rest < 0.8, 2, 1)),
    )
    spoke = np.flatnonzero(rng.random(rated.size) < world.commented)
    comment[rated[spoke]] = _comments(world, rng, outlet[rated[spoke]], score[rated[spoke]], thin[spoke])
    return {
        "outlet": outlet,
        "organisation": organisation,
        "person": person,
        "role": role,
        "timestamp": timestamp,
        "score": score,
        "comment": comment,
    }


def _comments(world: _World, rng: np.random.Generator, outlet, score, thin) -> np.ndarray:
    themes = list(PHRASES)
    organisation = world.organisation[outlet]
    draw = rng.random(organisation.size)
    theme = (draw[:, None] > world.theme_cdf[organisation]).sum(axis=1)
    own = world.own_theme[outlet]
    theme = np.where((own >= 0) & (rng.random(organisation.size) < 0.6), own, theme)
    signs = themes.index("signs")
    base = np.diff(world.theme_cdf[:, : signs + 1], axis=1, prepend=0)[organisation, signs]
    theme = np.where(rng.random(organisation.size) < 6 * thin * base, signs, theme)
    theme = np.where(score >= 4, len(themes), np.minimum(theme, len(themes) - 1))
    low, high = world.bounds[theme], world.bounds[theme + 1]
    return (low + rng.random(theme.size) * (high - low)).astype(np.int32)


def _normal(uniform: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))


def _coprime(people: int) -> int:
    step = 2_654_435_761 % people or 1
    while np.gcd(step, people) != 1:
        step += 1
    return int(step)


def _arrow(pa, codes: dict[str, np.ndarray], dictionaries: dict):
    columns = {}
    for name, values in codes.items():
        if name in dictionaries:
            indices = pa.array(values.astype(np.int32), mask=values < 0)
            columns[name] = pa.DictionaryArray.from_arrays(indices, dictionaries[name])
        elif name == "timestamp":
            columns[name] = pa.array(values.astype("datetime64[s]").astype("datetime64[us]"))
        elif name == "score":
            columns[name] = pa.array(values, mask=values == 0)
        else:
            columns[name] = pa.array(values)
    return pa.table(columns)
