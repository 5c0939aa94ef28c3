"""``cxlab funnel``: an ordered funnel of an event log, printed as a table, JSON or CSV."""

import argparse
import csv
import itertools
import math
from pathlib import Path

from cxlab.data.errors import InputError
from cxlab.workbook.answers import FORMATS, print_answer, table_of

_BY = """one funnel for each value of this column; small cells are hidden in each call by itself, so pass on
one call: another window or list of steps can tell a few people by difference"""


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(prog="cxlab funnel", description=__doc__.split(": ", 1)[1])
    add = made.add_argument
    add("file", metavar="FILE_OR_STUDY",
        help="a file of events, a folder or pattern of them, a study or its mapping file")  # fmt: skip
    add("--steps", required=True, metavar="a,b,c", help="events in order, separated by commas")
    add("--window", default="7d", help="longest time from the first step: 12h, 30min, none (default 7d)")
    add("--customer", default="customer_id", help="column of the customer (default customer_id)")
    add("--event", default="event", help="column of what happened (default event)")
    add("--timestamp", default="timestamp", help="column of the time (default timestamp)")
    add("--by", help=_BY)
    add("--memory", default="2GB", help="spill to a temporary folder beyond this (default 2GB)")
    add("--min-cell", type=int, help="with --by, smaller cells are not shown (default 5)")
    add("--engine", choices=("local", "duckdb", "spark"), default="local", help="same numbers")
    add("--format", choices=FORMATS, default="table", help="default table")
    return made


def run(args: list[str]) -> int:
    """Compute and print the funnel."""
    from cxlab.stats.funnel.rules import NEVER, rules_of

    asked = parser().parse_args(args)
    if asked.min_cell is not None and asked.min_cell < 1:
        raise InputError(f"--min-cell {asked.min_cell}: it must be a whole number of 1 or more; 5 is usual")
    unlimited = asked.window.strip().lower() in ("none", "no limit", "")
    steps = [word.strip() for word in next(csv.reader([asked.steps]), []) if word.strip()]
    result, least = _funnel(asked, rules_of(steps, None if unlimited else asked.window))
    least = asked.min_cell or least
    if result.unknown:
        raise InputError(result.unknown[0])
    rows, notes, hidden = _rows(result), result.notes(), 0
    if result.segmented:
        rows, hidden = _suppressed(rows, least)
    if hidden:
        notes.append(f"{hidden:,} cells that count fewer than {least}, or tell such a one, are not shown.")
    window = None if result.asked.window == NEVER else result.asked.window / 1e6
    facts = {
        "rules": result.rules, "steps": steps, "window_seconds": window, "events": result.events,
        "events_without_customer": result.no_customer, "events_without_time": result.no_time,
        "cells_not_shown": hidden,
    }  # fmt: skip
    print_answer(asked.format, facts, rows, [_shown(row) for row in rows], notes)
    return 0


def _funnel(asked: argparse.Namespace, rules):
    """Return the funnel of a file, or of a study's events, and the smallest cell that is shown."""
    from cxlab.stats.funnel.files import funnel_of_files, funnel_of_table
    from cxlab.stats.funnel.scan import Columns

    name = table_of(asked.file, "events")
    if Path(name).suffix not in (".yaml", ".yml"):
        columns = Columns(asked.customer, asked.event, asked.timestamp, asked.by)
        options = {"engine": asked.engine, "memory": asked.memory}
        return funnel_of_files(name, rules=rules, columns=columns, **options), 5
    if asked.engine != "local":
        raise InputError(f"--engine {asked.engine} reads files, not a study; name the file")
    from cxlab.data.sources import open_source

    events = open_source(name, table="events")
    return funnel_of_table(events.frame, rules=rules, columns=Columns(segment=asked.by)), events.min_cell


def _rows(result) -> list[dict]:
    """Return the table's rows with the median time and the share among those whose window has closed."""
    steps, medians = len(result.steps), iter(result.quantiles((0.5,)))
    rows = []
    for i, (row, closed) in enumerate(zip(result.rows(), result.settled(), strict=True)):
        median = next(medians)["time"] if i % steps else None
        row["median_seconds"] = None if median is None else median / 1e6
        row |= {"open": closed["open"], "settled_conversion": closed["overall_conversion"]}
        rows.append({
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
        })  # fmt: skip
    return rows


def _suppressed(rows: list[dict], min_cell: int) -> tuple[list[dict], int]:
    """Take out cells of a segment that tell about too few, themselves or by difference to the step before."""
    import numpy as np
    import pandas as pd

    from cxlab.data.privacy import suppress

    entered = {row["segment"]: row["customers"] for row in reversed(rows)}
    for row in rows:
        if 0 < row["open"] < min_cell or 0 < entered[row["segment"]] - row["open"] < min_cell:
            row |= {"open": None, "settled_conversion": None}
    cells, gone = pd.DataFrame(rows)[["segment", "step", "customers"]], np.zeros(len(rows), bool)
    cells["turn"] = cells.groupby("segment", dropna=False).cumcount()  # a step may stand twice
    while True:
        last: dict = {}
        for i, (segment, customers) in enumerate(zip(cells["segment"], cells["customers"], strict=True)):
            lost = last.get(segment, customers) - customers
            gone[i] |= 0 < customers < min_cell or 0 < lost < min_cell
            if not gone[i]:
                last[segment] = customers
        shown, hidden = suppress(cells, count="customers", min_cell=min_cell, within=["turn"], gone=gone)
        if hidden == gone.sum():
            for before, i in itertools.pairwise(range(len(rows))):
                if gone[before] and rows[i]["segment"] == rows[before]["segment"]:
                    rows[i]["step_conversion"] = None  # it would tell the step before
            return [rows[i] for i in shown.index], hidden
        gone = ~cells.index.isin(shown.index)


def _shown(row: dict) -> dict[str, str]:
    """Return a row as people read it."""
    from cxlab.stats.funnel.rules import in_words

    def percent(name: str) -> str:
        return "-" if row[name] is None else f"{row[name]:.1%}"

    median = row["median_seconds"]
    return {name: row[name] for name in ("segment", "step") if name in row} | {
        "customers": f"{row['customers']:,}",
        "of before": percent("step_conversion"),
        "of first": percent("overall_conversion"),
        "95 % interval": f"{percent('low')} - {percent('high')}",
        "median": "-" if median is None else in_words(round(median * 1e6)),
    }
