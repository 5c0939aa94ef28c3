"""Visits of any number in two passes: all visits of a random sample of people, and counts of everything."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.table import Table

COLUMNS = dict.fromkeys(("outlet", "organisation", "person", "role"), "string")
COLUMNS |= {"timestamp": "timestamp", "score": "float64", "comment": "string"}


class Heard(NamedTuple):
    """What the questions are answered from; nobody can be found in it by an id.

    ``cells`` are all visits, counted: ``outlet organisation role month visits rated satisfied``. ``sample``
    are all visits of a random sample of people: the columns of visits, ``satisfied`` and ``failed`` (1, 0 or
    missing); person is a running number without meaning elsewhere. ``visits`` and ``rated`` count all of
    them, ``share`` is the chance of a person to be in the sample. ``low`` and ``high`` are the ends of the
    scale, as seen: satisfied is a score in its upper quarter, failed one in its lower (4, 5 and 1, 2 of 5).
    """

    cells: pd.DataFrame
    sample: pd.DataFrame
    visits: int
    rated: int
    share: float
    low: float
    high: float


_last: list[Any] = [None, 0, None]  # heard last: several questions of a page ask about the same visits


def hear(visits: Table, *, sample_visits: int = 500_000) -> Heard:
    """Take the visits of a random sample of people in one pass and count all visits in a second one.

    ``visits.frame`` is a DataFrame or an ibis table (DuckDB, Spark ...); absent columns count as unknown. The
    sample brings about ``sample_visits`` visits: people are drawn by a hash of their id, all visits of a
    person or none, so that journeys stay whole and a bootstrap over people is right. Other columns are read
    only where the id is drawn. Rows are sorted afterwards: parallel engines return them in any order.
    """
    import ibis

    frame = visits.frame
    if _last[0] is frame and _last[1] == sample_visits:
        return _last[2]
    table = ibis.memtable(frame) if isinstance(frame, pd.DataFrame) else frame
    absent = {name: ibis.null(kind) for name, kind in COLUMNS.items() if name not in table.columns}
    table = table.mutate(**absent) if absent else table
    total, alone = int(table.count().to_pandas()), "person" in absent
    if not total:
        raise NotEnough("there is no visit")
    every = max(1, round(total / sample_visits))
    rows = drawn(table, every, alone).to_pandas()
    keys = [pd.factorize(rows[name], sort=True)[0] for name in ("outlet", "person", "timestamp")]
    rows = rows.iloc[np.lexsort(keys)].reset_index(drop=True)
    person = np.arange(len(rows)) if alone else pd.factorize(rows["person"])[0]
    score = pd.to_numeric(rows["score"]).astype("float64")
    low, high, known = score.min(), score.max(), score.notna()
    quarter = (high - low) / 4
    rows = rows.assign(
        person=person, score=score, timestamp=pd.to_datetime(rows["timestamp"]),
        satisfied=(score >= high - quarter).astype(float).where(known),
        failed=(score <= low + quarter).astype(float).where(known),
    )  # fmt: skip
    cells = counted(table, float(high - quarter)).to_pandas()
    shared = cells.groupby("outlet")["organisation"].nunique()
    if (shared > 1).any():
        raise NotEnough(f"outlet {shared.idxmax()} is of several organisations; give each its own name")
    keys, counts = ["outlet", "organisation", "role", "month"], ["visits", "rated", "satisfied"]
    cells = cells.assign(month=pd.to_datetime(cells["month"]))[[*keys, *counts]]
    cells = cells.sort_values(keys, ignore_index=True)
    cells[counts] = cells[counts].fillna(0).astype(np.int64)
    heard = Heard(cells, rows, total, int(cells["rated"].sum()), 1 / every, float(low), float(high))
    _last[:] = [frame, sample_visits, heard]
    return heard


def counted(table: Any, satisfied: float) -> Any:
    """Return the counts as an expression."""
    month = table.timestamp.truncate("M")
    return table.group_by(outlet=table.outlet, role=table.role, month=month).aggregate(
        organisation=table.organisation.arbitrary(),
        visits=table.count(),
        rated=table.score.count(),
        satisfied=(table.score >= satisfied).sum(),
    )


def drawn(table: Any, every: int, alone: bool = False) -> Any:
    """Return the sample as an expression: one in ``every`` people, or visits where people are unknown."""
    key, rows = table.person, table
    if alone:
        parts = (table[name].cast("string").fill_null("") for name in ("outlet", "timestamp", "comment"))
        key = next(parts).concat(*parts)
    else:
        rows = rows.filter(table.person.notnull())
    return (rows if every == 1 else rows.filter(key.hash() % every == 0)).select(*COLUMNS)
