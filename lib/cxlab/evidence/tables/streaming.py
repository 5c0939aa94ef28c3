"""Every row of a large table looked at in one streaming pass; a second one only to find the lines of faults."""

from __future__ import annotations

from typing import Any

from ..faults import Fault
from ..plain import show
from .columns import Column, Table
from .large import csv_source, transcode
from .scan import Large, unreadable

__all__ = ["check_large"]


def check_large(large: Large, table: Table, *, distinct: bool = False) -> dict[str, Any]:
    """Look at every row in one streaming pass; faults are added to ``large``, and what was found is returned.

    Returns
    -------
    dict
        ``rows``; per column ``filled`` (rows with a value), ``low`` and ``high`` where they are looked at, and with
        ``distinct`` about how many people there are.
    """
    parts = ["count(*)"]
    keys: list[tuple[str, str]] = []
    for column in table.columns:
        name = column.name
        if name not in large.select:
            continue
        typed = large.select[name]
        same = typed == large.raw[name] or typed == f"trim({large.raw[name]})" or typed.startswith("cast(")
        keys.append((name, "filled"))
        parts.append(f"count({large.raw[name]})")
        if not same:
            keys.append((name, "read"))
            parts.append(f"count({typed})")
        if column.kind == "time" or column.low is not None or column.high is not None:
            keys += [(name, "low"), (name, "high")]
            parts += [f"min({typed})", f"max({typed})"]
        if name in large.labels and column.kind == "text":
            keys.append((name, "markup"))
            parts.append(f"count_if(contains({large.raw[name]}, '<'))")
    if distinct and table.counts in large.select:
        keys.append((table.counts, "distinct"))
        parts.append(f"approx_count_distinct({large.raw[table.counts]})")
    zones = large.found.get("zones")
    if zones:
        keys.append((zones[0], "zoned"))
        parts.append(zones[1])
    row = _aggregate(large, parts)
    rows = large.rows = int(row[0])
    found: dict[str, Any] = {"rows": rows, "columns": {}}
    for (name, what), value in zip(keys, row[1:], strict=True):
        found["columns"].setdefault(name, {})[what] = value
    if not rows:
        large.faults.append(Fault("there is a header but no row", "add rows"))
        return found
    for column in table.columns:
        facts = found["columns"].get(column.name)
        if facts is not None:
            _judge(large, column, facts, rows)
    return found


def _judge(large: Large, column: Column, facts: dict[str, Any], rows: int) -> None:
    name, theirs = column.name, large.names[column.name]
    typed, raw = large.select[name], large.raw[name]
    unreadable = facts["filled"] - facts.get("read", facts["filled"])
    if unreadable:
        rule = large.rules.get(name, f"must be a {column.kind}")
        large.faults.append(
            _located(
                large,
                theirs,
                rule,
                "correct it, or name it under missing: in the mapping file",
                f"{raw} is not null and {typed} is null",
                raw,
                unreadable,
            )
        )
    empty = rows - facts["filled"]
    if empty and not column.gaps:
        large.faults.append(
            _located(
                large,
                theirs,
                "must not be missing",
                "fill it, or leave the row out",
                f"{raw} is null",
                "null",
                empty,
            )
        )
    elif empty and column.required:
        large.notes.append(f"column {show(theirs)}: {empty:,} rows have none and are dropped and counted")
    if empty == rows and column.required and column.gaps:
        large.faults.append(Fault("is missing on every row", "fill it", theirs))
    if facts.get("zoned") and (facts["zoned"] < facts["filled"] or "timestamptz" not in typed):
        large.faults.append(
            Fault(
                "must carry a time zone in all lines or in none",
                "write all in UTC",
                theirs,
                None,
                (),
                max(1, min(facts["zoned"], facts["filled"] - facts["zoned"])),
                large.row_word,
            )
        )
    if column.kind == "time" and facts.get("low") is not None:
        low, high = facts["low"], facts["high"]
        if low.year < 1900 or high.year > 2200:
            condition = f"{typed} < timestamp '1900-01-01' or {typed} >= timestamp '2201-01-01'"
            large.faults.append(
                _located(
                    large,
                    theirs,
                    "must lie between the years 1900 and 2200",
                    "correct it",
                    condition,
                    raw,
                    None,
                )
            )
    if facts.get("markup"):
        large.select[name] = f"translate({typed}, '<>', '‹›')"
        large.notes.append(f"column {show(theirs)}: angle brackets were replaced")


def _located(
    large: Large, column: str, rule: str, remedy: str, condition: str, value: str, count: int | None
) -> Fault:
    """Find the first lines on which a condition holds, in a second streaming pass."""
    query = (
        f"select line, value from (select row_number() over () as line, cast({value} as varchar) as value, ({condition}) as bad "
        f"from {large.source}) where bad limit 5"
    )
    try:
        rows = sorted(large.connection.raw_sql(query).fetchall())
        if count is None:
            count = large.connection.raw_sql(f"select count_if({condition}) from {large.source}").fetchone()[
                0
            ]
    except Exception:
        rows = []
    lines = tuple(int(line) + (large.first_line if large.row_word == "line" else 0) for line, _ in rows)
    if len(large.found.get("files", [1])) > 1:
        lines = ()
    first = rows[0][1] if rows else None
    return Fault(rule, remedy, column, first, lines, int(count or 1), large.row_word)


def _aggregate(large: Large, parts: list[str]) -> tuple:
    query = f"select {', '.join(parts)} from {large.source}"
    try:
        return large.connection.raw_sql(query).fetchone()
    except Exception as error:
        if "nicode" in str(error) and "files" in large.found and not large.found["transcoded"]:
            plain = [
                transcode(file, large.found["folder"], "utf-8 and cp1252") for file in large.found["files"]
            ]
            large.found["transcoded"] = True
            large.source = csv_source(plain, large.found["header"], large.found["mapping"])
            large.notes.append("some lines are not UTF-8 and were read as Windows-1252")
            return _aggregate(large, parts)
        raise unreadable(large, error) from None
