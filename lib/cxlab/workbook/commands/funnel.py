"""``cxlab funnel``: an ordered funnel of an event log, printed as a table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys

from cxlab.evidence.errors import InputError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="CSV, TSV or Parquet files, a folder of them, or data.duckdb::table",
    )
    parser.add_argument(
        "--steps", required=True, metavar="a,b,c", help="event names in order, separated by commas"
    )
    parser.add_argument(
        "--window",
        default="7d",
        metavar="7d",
        help="longest time from the first step to each later one, such as 7d, 12h, 30min, or none (default 7d)",
    )
    parser.add_argument("--customer", default="customer_id", metavar="COL", help="default customer_id")
    parser.add_argument("--event", default="event", metavar="COL", help="default event")
    parser.add_argument("--timestamp", default="timestamp", metavar="COL", help="default timestamp")
    parser.add_argument("--by", metavar="COLUMN", help="one funnel for each value of this column")
    parser.add_argument(
        "--step-windows",
        metavar="1d,2h",
        help="longest time from each step to the next (none where there is no limit)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="no other event of the customer between two steps"
    )
    parser.add_argument(
        "--exclude", default="", metavar="x,y", help="events that end a chain that is under way"
    )
    parser.add_argument(
        "--engine",
        choices=("local", "duckdb", "spark"),
        default="local",
        help="local: the fast path; duckdb, spark: one SQL expression in that engine (the same numbers)",
    )
    parser.add_argument(
        "--memory", default="2GB", metavar="2GB", help="spill to a temporary folder beyond this"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default table")


def run(arguments: argparse.Namespace) -> int:
    """Compute and print the funnel."""
    from cxlab.methods.funnel import Columns, rules_of

    rules = rules_of(
        _words(arguments.steps),
        _span(arguments.window),
        step_windows=[_span(word) for word in _words(arguments.step_windows)]
        if arguments.step_windows
        else None,
        strict=arguments.strict,
        exclude=_words(arguments.exclude),
    )
    columns = Columns(arguments.customer, arguments.event, arguments.timestamp, arguments.by)
    if arguments.engine == "local":
        from cxlab.methods.funnel import funnel_of_files

        result = funnel_of_files(
            arguments.files, rules=rules, columns=columns, memory=arguments.memory, progress=True, refuse=True
        )
    else:
        from cxlab.methods.funnel.engine import funnel_in_engine

        result = funnel_in_engine(
            arguments.engine, arguments.files, rules=rules, columns=columns, memory=arguments.memory
        )
    _print(result, rules, arguments.format)
    return 0


def _words(text: str) -> list[str]:
    return [word.strip() for word in next(csv.reader([text])) if word.strip()] if text else []


def _span(text: str) -> str | None:
    return None if text.strip().lower() in ("none", "no limit", "") else text


def _print(result, rules, style: str) -> None:
    rows = _rows(result)
    if style == "json":
        document = {
            "rules": result.rules,
            "steps": list(result.steps),
            "window_seconds": None if rules.window == 2**63 - 1 else rules.window / 1e6,
            "events": result.events,
            "events_without_customer": result.no_customer,
            "events_without_time": result.no_time,
            "table": rows,
        }
        json.dump(document, sys.stdout, indent=2, allow_nan=False)
        print()
    elif style == "csv":
        if rows:
            writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    else:
        _print_table(rows)
        for note in result.notes():
            print(note)


def _rows(result) -> list[dict]:
    rows = []
    settled = result.open_rows()
    times = result.medians()
    for row, closed, median in zip(result.rows(), settled, times, strict=True):
        wanted = dict(row)
        wanted["median_seconds"] = median
        wanted["open"] = closed["open"]
        wanted["settled_conversion"] = closed["overall_conversion"]
        rows.append({name: _plain(value) for name, value in wanted.items()})
    return rows


def _plain(value):
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 10)
    return value


def _print_table(rows: list[dict]) -> None:
    from cxlab.methods.funnel import duration_text

    if not rows:
        raise InputError("there is no customer in any segment: nothing to show")
    percent = lambda value: "-" if value is None else f"{value:.1%}"  # noqa: E731
    head = ["segment"] * ("segment" in rows[0]) + [
        "step",
        "customers",
        "of before",
        "of first",
        "95 % interval",
        "median",
    ]
    lines = [head]
    for row in rows:
        time = "-" if row["median_seconds"] is None else duration_text(round(row["median_seconds"] * 1e6))
        lines.append(
            ([row["segment"]] if "segment" in row else [])
            + [
                row["step"],
                f"{row['customers']:,}",
                percent(row["step_conversion"]),
                percent(row["overall_conversion"]),
            ]
            + [f"{percent(row['low'])} - {percent(row['high'])}", time]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    words = 2 if "segment" in rows[0] else 1
    for line in lines:
        cells = [
            text.ljust(w) if i < words else text.rjust(w)
            for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
