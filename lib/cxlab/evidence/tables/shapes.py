"""From the declared tables to the shapes that methods take: one converter each, nothing dropped in silence."""

from __future__ import annotations

import re

import pandas as pd

from ..errors import InputError
from ..values import show

__all__ = [
    "accounts_by_levels",
    "customers_by_stages",
    "organisations_by_kpis",
    "outlet_counts",
    "raters_by_statements",
    "reason_counts",
    "status_changes",
]


def _spread(data: pd.DataFrame, rows: str, columns: str, values: str) -> pd.DataFrame:
    missing = [name for name in (rows, columns, values) if name not in data]
    if missing:
        raise InputError(
            f"column {show(missing[0])} is missing; the table needs {rows}, {columns} and {values}"
        )
    twice = data.duplicated([rows, columns])
    if twice.any():
        first = data.loc[twice, [rows, columns]].iloc[0]
        raise InputError(
            f"{rows} {show(first[rows])} has {columns} {show(first[columns])} twice; keep one of the rows"
        )
    order = list(dict.fromkeys(data[columns]))
    wide = data.pivot(index=rows, columns=columns, values=values).reindex(columns=order)
    wide = wide.reindex(list(dict.fromkeys(data[rows])))
    wide.columns.name = columns
    return wide


def raters_by_statements(ratings: pd.DataFrame) -> pd.DataFrame:
    """Turn ``ratings`` (rater, statement, label) into one row a rater and one column a statement.

    What ``cx.agreement.krippendorff_alpha`` takes; a label that is missing stays missing.

    Examples
    --------
    >>> long = pd.DataFrame({"rater": ["a", "b"], "statement": ["s", "s"], "label": ["product", "both"]})
    >>> raters_by_statements(long)["s"].tolist()
    ['product', 'both']
    """
    return _spread(ratings, "rater", "statement", "label")


def accounts_by_levels(ladder: pd.DataFrame) -> pd.DataFrame:
    """Turn ``ladder`` (account, level, score) into one row an account and one column a level, in the file's order.

    What ``cx.horizons.scalability`` takes.
    """
    return _spread(ladder, "account", "level", "score")


def customers_by_stages(stage_quality: pd.DataFrame) -> pd.DataFrame:
    """Turn ``stage_quality`` into one row a customer and one column a stage: 1.0 passed, 0.0 not, NaN never there.

    A customer who met a stage with several functions passed it when all of them did.
    """
    frame = stage_quality.assign(passed=stage_quality["passed"].astype("float64"))
    frame = frame.groupby(["customer", "stage"], sort=False, observed=True)["passed"].min().reset_index()
    return _spread(frame, "customer", "stage", "passed")


def organisations_by_kpis(kpis: pd.DataFrame) -> pd.DataFrame:
    """Turn ``kpis`` (organisation, kpi, weight) into one row an organisation and one column a measure.

    Weights are divided by the organisation's sum; a measure that it does not reward has weight 0.
    """
    wide = _spread(kpis, "organisation", "kpi", "weight").fillna(0.0)
    total = wide.sum(axis=1)
    if (total <= 0).any():
        raise InputError(
            f"organisation {show(total.index[total <= 0][0])} rewards nothing: its weights sum to 0"
        )
    return wide.div(total, axis=0)


def outlet_counts(visits, *, satisfied_from: float) -> pd.DataFrame:
    """Count visits with a score and satisfied visits by outlet; one aggregating pass over a large table.

    Parameters
    ----------
    visits : the table ``visits``, a DataFrame or an ibis table.
    satisfied_from : the lowest score that counts as satisfied, such as 4 on a scale of 1 to 5.

    Returns
    -------
    DataFrame
        ``outlet, n, satisfied`` sorted by outlet: what ``cx.outlets.shrink_rates`` takes.
    """
    if not isinstance(visits, pd.DataFrame):
        scored = visits.filter(visits.score.notnull())
        counted = scored.group_by("outlet").aggregate(
            n=scored.count(), satisfied=(scored.score >= satisfied_from).cast("int64").sum()
        )
        return counted.order_by("outlet").execute()
    scored = visits[visits["score"].notna()]
    grouped = (scored["score"] >= satisfied_from).groupby(scored["outlet"], observed=True)
    result = pd.DataFrame({"n": grouped.size(), "satisfied": grouped.sum().astype("int64")})
    return result.sort_index().rename_axis("outlet").reset_index()


def reason_counts(contacts: pd.DataFrame) -> pd.DataFrame:
    """Count first against second codings: rows the first reason, columns the second, both in order of frequency.

    Only contacts that were coded twice count; ``cx.contacts.corrected_shares`` corrects shares with it.
    """
    if "second_coding" not in contacts:
        raise InputError(
            "column 'second_coding' is missing; code a random part of the contacts a second time"
        )
    both = contacts.dropna(subset=["coded_reason", "second_coding"])
    order = list(pd.concat([contacts["coded_reason"], contacts["second_coding"]]).value_counts().index)
    table = pd.crosstab(both["coded_reason"], both["second_coding"])
    return table.reindex(index=order, columns=order, fill_value=0)


_STATUS = re.compile(r"\s*(\d{4}-\d{2}-\d{2})\s*[:=]?\s*(.*\S)\s*")


def status_changes(initiatives: pd.DataFrame) -> pd.DataFrame:
    """Turn ``status_history`` texts into one row a change: ``id, date, status``, by id and date.

    A history is written ``2026-01-31 on schedule; 2026-02-28 late``.

    Raises
    ------
    InputError
        A part that is not DATE STATUS, with the id of its row.

    Examples
    --------
    >>> frame = pd.DataFrame({"id": ["p1"], "status_history": ["2026-01-31 on schedule; 2026-02-28 late"]})
    >>> status_changes(frame).status.tolist()
    ['on schedule', 'late']
    """
    rows = []
    for name, history in zip(initiatives["id"], initiatives["status_history"], strict=True):
        if not isinstance(history, str):
            continue
        for part in filter(str.strip, history.split(";")):
            match = _STATUS.fullmatch(part)
            date = pd.to_datetime(match[1], format="%Y-%m-%d", errors="coerce") if match else pd.NaT
            if pd.isna(date):
                raise InputError(
                    f"initiative {show(name)}: status_history {show(part.strip())} must be DATE STATUS, such as 2026-01-31 late"
                )
            rows.append((name, date, match[2]))
    changes = pd.DataFrame(rows, columns=["id", "date", "status"])
    changes["date"] = pd.to_datetime(changes["date"])
    return changes.sort_values(["id", "date"], kind="stable").reset_index(drop=True)
