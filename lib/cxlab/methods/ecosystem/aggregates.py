"""Two passes over the visits, whatever their number: counts of everything, and all visits of a sample of people."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import wilson

__all__ = ["Aggregates", "aggregate", "by_hour"]

COLUMNS = ["outlet", "organisation", "person", "role", "timestamp", "score", "comment"]


class Aggregates(NamedTuple):
    """What the page is made of; no person can be found in it by an id.

    Attributes
    ----------
    cells : DataFrame
        ``outlet organisation role month visits rated satisfied``: all visits, counted; month is a date (its first).
    sample : DataFrame
        All visits of a random sample of people: ``outlet organisation person role timestamp score comment satisfied
        failed`` (1, 0 or missing) where person is a running number without meaning outside this table.
    visits, rated : int
        Of all visits.
    share : float
        Chance of a person to be in the sample (1: everybody is).
    """

    cells: pd.DataFrame
    sample: pd.DataFrame
    visits: int
    rated: int
    share: float


def aggregate(
    visits: Any, *, satisfied: float = 4, failed: float = 2, sample_visits: int = 500_000
) -> Aggregates:
    """Count all visits in one pass and take the visits of a random sample of people in a second one.

    Parameters
    ----------
    visits : DataFrame or ibis table (DuckDB, Spark ...)
        ``outlet organisation person role timestamp score comment``; score and comment may be missing.
    satisfied, failed : float
        A score of at least ``satisfied`` counts as satisfied, of at most ``failed`` as a failure.
    sample_visits : int
        About how many visits the sample of people should bring; all are taken where there are fewer.

    Returns
    -------
    Aggregates

    Notes
    -----
    People are drawn by a hash of their id, all visits of a person or none, so that journeys stay whole and a
    bootstrap over people is right (cluster sampling). The second pass reads the other columns only where the id is
    drawn. Rows are sorted after the passes: parallel engines return them in any order.
    """
    import ibis

    table = ibis.memtable(visits) if isinstance(visits, pd.DataFrame) else visits
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"visits lack the column(s) {', '.join(missing)}; they have {', '.join(table.columns)}"
        )
    if failed >= satisfied:
        raise ValueError(f"failed={failed} must be below satisfied={satisfied}")
    cells = _counted(table, satisfied).to_pandas()
    if cells.empty:
        raise InputError("visits has no rows")
    cells["month"] = pd.to_datetime(cells["month"])
    shared = cells.groupby("outlet")["organisation"].nunique()
    if (shared > 1).any():
        raise InputError(
            f"outlet {shared.idxmax()!r} belongs to more than one organisation: give such outlets names of their own, "
            "for example organisation and outlet joined"
        )
    keys = ["outlet", "organisation", "role", "month"]
    cells = cells[[*keys, "visits", "rated", "satisfied"]].sort_values(keys, ignore_index=True)
    counted = ["visits", "rated", "satisfied"]
    cells[counted] = cells[counted].fillna(0).astype(np.int64)
    total = int(cells["visits"].sum())
    every = max(1, round(total / sample_visits))
    rows = _drawn(table, every).to_pandas()
    rows = rows.sort_values(["timestamp", "person", "outlet"], kind="stable", ignore_index=True)
    rows["person"] = pd.factorize(rows["person"])[0]
    rows["score"] = pd.to_numeric(rows["score"]).astype("float64")
    known = rows["score"].notna()
    rows["satisfied"] = (rows["score"] >= satisfied).astype(float).where(known)
    rows["failed"] = (rows["score"] <= failed).astype(float).where(known)
    return Aggregates(cells, rows, total, int(cells["rated"].sum()), 1 / every)


def _counted(table: Any, satisfied: float) -> Any:
    """The first pass as an expression."""
    return table.group_by(
        outlet=table.outlet, role=table.role, month=table.timestamp.truncate("M")
    ).aggregate(
        organisation=table.organisation.arbitrary(),
        visits=table.count(),
        rated=table.score.count(),
        satisfied=(table.score >= satisfied).sum(),
    )


def _drawn(table: Any, every: int) -> Any:
    """The second pass as an expression: one in ``every`` people, by a hash of their id."""
    drawn = table if every == 1 else table.filter(table.person.hash() % every == 0)
    return drawn.filter(drawn.person.notnull()).select(*COLUMNS)


def by_hour(sample: pd.DataFrame, *, min_cell: int = 5) -> pd.DataFrame:
    """Return the share of satisfied visits by organisation and hour of the day.

    Parameters
    ----------
    sample : DataFrame
        ``organisation timestamp satisfied`` (missing where not rated).
    min_cell : int
        Cells with fewer rated visits are left out.

    Returns
    -------
    DataFrame
        ``organisation`` ("all" first), ``hour`` 0..23, ``n share low high`` (Wilson).
    """
    rated = sample.dropna(subset=["satisfied"])
    hour = rated["timestamp"].dt.hour.rename("hour")
    parts = [rated.assign(organisation="all"), rated]
    table = pd.concat(
        [part.groupby(["organisation", hour])["satisfied"].agg(n="size", x="sum") for part in parts]
    )
    table = table[table["n"] >= min_cell].reset_index()
    table["share"] = table["x"] / table["n"]
    table["low"], table["high"] = wilson(table["x"], table["n"])
    return table.drop(columns="x")
