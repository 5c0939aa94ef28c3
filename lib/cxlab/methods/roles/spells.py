"""Role spells: how long they last, which overlap, and how far one life reaches across organisations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.evidence.visits import role_spells
from cxlab.methods.intervals import normal_quantile, wilson

__all__ = ["lifetime", "overlap", "paths_to", "role_spells", "sojourn", "touched"]

YEAR = 365.2425 * 86400


def sojourn(
    data: pd.DataFrame,
    *,
    by: str = "role",
    start: str = "timestamp",
    end: str = "end",
    until: str | pd.Timestamp | None = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return how long spells last, counting those still open for what they are.

    Parameters
    ----------
    data : DataFrame
        One row a spell: ``role timestamp end`` (end missing while it lasts).
    until : date, optional
        Last day of observation; default the latest date in the data.

    Returns
    -------
    DataFrame, longest first
        The column ``by``; ``spells``, ``ended``; ``years low high`` the Kaplan-Meier median with its interval
        (missing where the curve does not fall to one half); ``naive`` the mean of ended spells, which is too short.

    Notes
    -----
    Kaplan & Meier (1958); interval of the median from the log-log interval of the curve (Brookmeyer & Crowley 1982).
    Spells of one person count as independent.
    """
    _need(data, [by, start, end])
    begin, stop = pd.to_datetime(data[start]), pd.to_datetime(data[end])
    last = pd.Timestamp(until) if until is not None else max(begin.max(), stop.max())
    if pd.isna(last):
        raise InputError(f"{start} and {end} hold no dates")
    ended = (stop.notna() & (stop <= last)).to_numpy()
    years = ((stop.where(ended, last) - begin).dt.total_seconds() / YEAR).to_numpy()
    keep = years >= 0
    rows = []
    for name, places in data[by][keep].groupby(data[by][keep], observed=True).indices.items():
        t, d = years[keep][places], ended[keep][places]
        median, low, high = _median(t, d, confidence_level)
        naive = float(t[d].mean()) if d.any() else np.nan
        rows.append((name, len(t), int(d.sum()), median, low, high, naive))
    table = pd.DataFrame(rows, columns=[by, "spells", "ended", "years", "low", "high", "naive"])
    return table.sort_values("years", ascending=False, kind="stable", ignore_index=True)


def overlap(
    data: pd.DataFrame,
    *,
    person: str = "person",
    role: str = "role",
    start: str = "timestamp",
    end: str = "end",
) -> pd.DataFrame:
    """Return who holds a second role while holding the first.

    Returns
    -------
    DataFrame, one row an ordered pair of different roles
        ``role also people both share low high``: of the people who ever hold ``role``, how many hold ``also`` at the
        same time for at least a moment (Wilson interval).

    Examples
    --------
    >>> spells = pd.DataFrame({"person": [1, 1], "role": ["investor", "resident"],
    ...                        "timestamp": pd.to_datetime(["2020-01-01", "2021-01-01"]), "end": pd.NaT})
    >>> overlap(spells).share.tolist()
    [1.0, 1.0]
    """
    _need(data, [person, role, start, end])
    spells = data[[person, role, start, end]].copy()
    spells[end] = pd.to_datetime(spells[end]).fillna(pd.Timestamp.max.floor("D"))
    pairs = spells.merge(spells, on=person, suffixes=("", "_2"))
    together = (
        (pairs[role] != pairs[f"{role}_2"])
        & (pairs[start] < pairs[f"{end}_2"])
        & (pairs[f"{start}_2"] < pairs[end])
    )
    both = pairs[together].groupby([role, f"{role}_2"], observed=True)[person].nunique()
    people = spells.groupby(role, observed=True)[person].nunique()
    index = pd.MultiIndex.from_tuples([(a, b) for a in people.index for b in people.index if a != b])
    both = both.reindex(index, fill_value=0) if len(index) else both
    total = both.index.get_level_values(0).map(people).to_numpy(float)
    low, high = wilson(both.to_numpy(float), total)
    return pd.DataFrame(
        {
            "role": both.index.get_level_values(0),
            "also": both.index.get_level_values(1),
            "people": total.astype(np.int64),
            "both": both.to_numpy(),
            "share": both.to_numpy() / total,
            "low": low,
            "high": high,
        }
    )


def lifetime(
    data: pd.DataFrame,
    *,
    person: str = "person",
    role: str = "role",
    organisation: str = "organisation",
    start: str = "timestamp",
    end: str = "end",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return how long people stay with the whole, by how many organisations their life there touches.

    Returns
    -------
    DataFrame
        ``organisations`` (1, 2, 3 and "4 or more"), ``people``, ``share low high`` (Wilson), ``roles`` (mean number),
        ``years`` (Kaplan-Meier median from the first start to the last end; people who still hold a role count as
        staying) with ``years_low years_high``.
    """
    _need(data, [person, role, organisation, start, end])
    begin, stop = pd.to_datetime(data[start]), pd.to_datetime(data[end])
    last = max(begin.max(), stop.max())
    frame = pd.DataFrame(
        {
            "person": pd.factorize(data[person])[0],
            "role": data[role],
            "organisation": data[organisation],
            "begin": begin,
            "open": stop.isna(),
            "stop": stop.fillna(last),
        }
    )
    grouped = frame.groupby("person")
    people = grouped.agg(
        begin=("begin", "min"), stop=("stop", "max"), open=("open", "any"),
        roles=("role", "nunique"), organisations=("organisation", "nunique"),
    )  # fmt: skip
    years = (people["stop"] - people["begin"]).dt.total_seconds().to_numpy() / YEAR
    level = people["organisations"].clip(upper=4).to_numpy()
    rows = []
    for number in np.unique(level):
        inside = level == number
        low, high = wilson(inside.sum(), len(level), confidence_level)
        median = _median(years[inside], ~people["open"].to_numpy()[inside], confidence_level)
        name = str(number) if number < 4 else "4 or more"
        rows.append(
            (
                name,
                int(inside.sum()),
                inside.mean(),
                low,
                high,
                people["roles"].to_numpy()[inside].mean(),
                *median,
            )
        )
    names = ["organisations", "people", "share", "low", "high", "roles", "years", "years_low", "years_high"]
    return pd.DataFrame(rows, columns=names)


def touched(
    data: pd.DataFrame, *, person: str = "person", organisation: str = "organisation", most: int = 6
) -> pd.DataFrame:
    """Return how many organisations people's journeys touch.

    Returns
    -------
    DataFrame
        ``organisations`` 1..most (the last is 'that many or more'), ``people``, ``share low high`` (Wilson), and
        ``at_least at_least_low at_least_high``: the share that touches so many or more.
    """
    _need(data, [person, organisation])
    known = data[[person, organisation]].dropna()
    if known.empty:
        raise InputError("no row has both a person and an organisation")
    number = known.drop_duplicates().groupby(person)[organisation].size().clip(upper=most).to_numpy()
    count = np.bincount(number, minlength=most + 1)[1:]
    tail = count[::-1].cumsum()[::-1]
    low, high = wilson(count, len(number))
    tail_low, tail_high = wilson(tail, len(number))
    return pd.DataFrame(
        {
            "organisations": np.arange(1, most + 1),
            "people": count,
            "share": count / len(number),
            "low": low,
            "high": high,
            "at_least": tail / len(number),
            "at_least_low": tail_low,
            "at_least_high": tail_high,
        }
    )


def paths_to(visits: pd.DataFrame, *, goal: str) -> pd.DataFrame:
    """Return the organisations that people visited before they first appeared in the role ``goal``.

    Parameters
    ----------
    visits : DataFrame
        ``person role organisation timestamp``.
    goal : str
        The role that counts as a conversion; people who start in it are left out.

    Returns
    -------
    DataFrame
        ``person touchpoint timestamp converted``, ready for :func:`removal_effect`; whoever never reaches the role
        keeps the whole path.
    """
    _need(visits, ["person", "role", "organisation", "timestamp"])
    rows = visits.dropna(subset=["person", "role", "organisation", "timestamp"])
    rows = rows.sort_values(["person", "timestamp"], kind="stable")
    reached = (rows["role"] == goal).groupby(rows["person"]).cummax()
    converted = reached.groupby(rows["person"]).transform("max")
    before = rows[~reached].assign(converted=converted[~reached].astype(bool))
    if not before["converted"].any():
        raise InputError(
            f"goal={goal!r}: nobody is seen before and in that role; name a role that people come to"
        )
    before = before.assign(timestamp=before.groupby("person").cumcount() + 1)
    columns = {
        "person": "person",
        "organisation": "touchpoint",
        "timestamp": "timestamp",
        "converted": "converted",
    }
    return before[list(columns)].rename(columns=columns).reset_index(drop=True)


def _median(t: np.ndarray, d: np.ndarray, confidence_level: float) -> tuple[float, float, float]:
    times, place = np.unique(t, return_inverse=True)
    events = np.bincount(place, d)
    at_risk = len(t) - np.r_[0, np.cumsum(np.bincount(place))[:-1]]
    curve = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * np.maximum(at_risk - events, 1e-12)))
        width = normal_quantile(confidence_level) * np.sqrt(variance) / np.abs(np.log(curve))
        lower, upper = curve ** np.exp(width), curve ** np.exp(-width)

    def first(values: np.ndarray) -> float:
        below = np.flatnonzero(np.nan_to_num(values, nan=1.0) <= 0.5)
        return float(times[below[0]]) if below.size else np.nan

    return first(curve), first(lower), first(upper)


def _need(data: pd.DataFrame, columns: list[str]) -> None:
    missing = [name for name in columns if name not in data.columns]
    if missing:
        raise InputError(
            f"data lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, data.columns))}"
        )
    if not len(data):
        raise InputError("data has no rows")
