"""``cxlab funnel``: an ordered funnel of an event log, printed as a table, JSON or CSV."""

import argparse
import csv
import itertools
import json
import math
import sys
from pathlib import Path

from cxlab.data.errors import InputError

_OPTIONS = {
    "--window": ("7d", "longest time from the first step to each later one: 12h, 30min, none (default 7d)"),
    "--customer": ("customer_id", "column of the customer (default customer_id)"),
    "--event": ("event", "column of what happened (default event)"),
    "--timestamp": ("timestamp", "column of the time (default timestamp)"),
    "--by": (
        None,
        "one funnel for each value of this column; small cells are hidden in each call by itself, so pass on "
        "one call: another window or list of steps can tell a few people by difference",
    ),
    "--memory": ("2GB", "spill to a temporary folder beyond this (default 2GB)"),
}
_FILE = "a file of events, a folder or pattern of them, a study or its mapping file"


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(prog="cxlab funnel", description=__doc__.split(": ", 1)[1])
    made.add_argument("file", metavar="FILE_OR_STUDY", help=_FILE)
    made.add_argument("--steps", required=True, metavar="a,b,c", help="events in order, separated by commas")
    for name, (usual, text) in _OPTIONS.items():
        made.add_argument(name, default=usual, help=text)
    made.add_argument("--min-cell", type=int, help="with --by, smaller cells are not shown (default 5)")
    made.add_argument("--engine", choices=("local", "duckdb", "spark"), default="local", help="same numbers")
    made.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default table")
    return made


def run(args: list[str]) -> int:
    """Compute and print the funnel."""
    from cxlab.stats.funnel.rules import rules_of

    asked = parser().parse_args(args)
    study = _mapping(asked.file)
    min_cell = asked.min_cell if asked.min_cell is not None else study[1] if study else 5
    if min_cell < 1:
        raise InputError(f"--min-cell {min_cell}: it must be a whole number of 1 or more; 5 is usual")
    unlimited = asked.window.strip().lower() in ("none", "no limit", "")
    steps = [word.strip() for word in next(csv.reader([asked.steps]), []) if word.strip()]
    rules = rules_of(steps, None if unlimited else asked.window)
    result = _study(asked, study[0], rules) if study else _files(asked, rules)
    rows, notes, hidden = _rows(result), result.notes(), 0
    if result.segmented:
        rows, hidden = _suppressed(rows, min_cell)
    if hidden:
        notes.append(
            f"{hidden:,} cells that count fewer than {min_cell}, or would give one away, are not shown."
        )
    _print(result, rows, notes, hidden, asked.format)
    return 0


def _files(asked: argparse.Namespace, rules):
    from cxlab.stats.funnel.files import funnel_of_files
    from cxlab.stats.funnel.scan import Columns

    columns = Columns(asked.customer, asked.event, asked.timestamp, asked.by)
    options = {"engine": asked.engine, "memory": asked.memory, "progress": True}
    return funnel_of_files(asked.file, rules=rules, columns=columns, **options)


def _mapping(name: str) -> tuple[str, int] | None:
    """Return the mapping file of a study's events, and its smallest cell; None for a file of events."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml") and not (path / "params.yaml").is_file():
        return None
    from cxlab.data.study import find_study, read_study

    if path.is_dir() or path.name == "params.yaml":
        study = read_study(path)
        if "events" not in study.tables:
            raise InputError(f"the study {study.name} has no table of events; add one with cxlab init")
        return str(study.tables["events"]), study.min_cell
    study = find_study(path)
    return name, study.min_cell if study else 5


def _study(asked: argparse.Namespace, mapping: str, rules):
    from cxlab.data.sources import open_source
    from cxlab.stats.funnel.files import funnel_of_table
    from cxlab.stats.funnel.scan import Columns

    if asked.engine != "local":
        raise InputError(f"--engine {asked.engine} reads files, not a study; name the file")
    events = open_source(mapping, table="events").frame
    result, unknown = funnel_of_table(events, rules=rules, columns=Columns(segment=asked.by))
    if unknown:
        raise InputError(unknown[0])
    return result


def _rows(result) -> list[dict]:
    def plain(value):
        return value if not isinstance(value, float) else None if math.isnan(value) else round(value, 10)

    rows = []
    for row, closed, median in zip(result.rows(), result.settled(), result.medians(), strict=True):
        row |= {
            "median_seconds": median,
            "open": closed["open"],
            "settled_conversion": closed["overall_conversion"],
        }
        rows.append({name: plain(value) for name, value in row.items()})
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


def _print(result, rows: list[dict], notes: list[str], hidden: int, style: str) -> None:
    if style == "json":
        window = None if result.asked.window == 2**63 - 1 else result.asked.window / 1e6
        document = {"rules": result.rules, "steps": list(result.steps), "window_seconds": window}
        document |= {"events": result.events, "events_without_customer": result.no_customer}
        document |= {"events_without_time": result.no_time, "cells_not_shown": hidden, "table": rows}
        json.dump(document, sys.stdout, indent=2, allow_nan=False)
        print()
    elif style == "csv":
        names = "step customers step_conversion overall_conversion low high median_seconds open"
        names = ["segment"] * result.segmented + [*names.split(), "settled_conversion"]
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    else:
        _print_table(rows, result.segmented)
        print(*notes, sep="\n")


def _safe(value):
    """Return a cell that no spreadsheet takes for a formula."""
    risky = isinstance(value, str) and (value.lstrip()[:1] in tuple("=+-@|") or value[:1] in tuple("\t\r"))
    return f"'{value}" if risky and value.strip() else value


def _print_table(rows: list[dict], split: bool) -> None:
    from cxlab.stats.funnel.rules import in_words

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    lines = [["segment"] * split + ["step", "customers", "of before", "of first", "95 % interval", "median"]]
    for row in rows:
        time = "-" if row["median_seconds"] is None else in_words(round(row["median_seconds"] * 1e6))
        shares = [percent(row["step_conversion"]), percent(row["overall_conversion"])]
        names = [row[name] for name in ("segment", "step") if name in row] + [f"{row['customers']:,}"]
        lines.append([*names, *shares, f"{percent(row['low'])} - {percent(row['high'])}", time])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        cells = [f"{text:{'<' if i <= split else '>'}{widths[i]}}" for i, text in enumerate(line)]
        print(*cells, sep="  ")
