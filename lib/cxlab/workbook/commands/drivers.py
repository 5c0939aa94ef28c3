"""``cxlab drivers``: the share of an outcome that blocks of ratings explain, printed as a table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys

from cxlab.evidence.errors import InputError

__all__ = ["add_arguments", "run"]

_COLUMNS = ["raw", "share", "low", "high", "slope", "spread"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="CSV, Parquet, Excel or DuckDB file, one row a respondent; or a registered source or mapping file",
    )
    parser.add_argument("--outcome", metavar="COL", help="the numeric column to explain")
    parser.add_argument(
        "--block",
        action="append",
        default=[],
        metavar="NAME=a,b",
        help="a block and its columns; repeat it. A column alone (--block price) is a block of its own",
    )
    parser.add_argument("--weights", metavar="COL", help="survey weights")
    parser.add_argument("--missing", default="", metavar="-99,98", help="codes that mean 'no answer'")
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples (default 1000)")
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="P", help="of the intervals (default 0.95)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="default 1: the same numbers every time"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default table")


def run(args: argparse.Namespace) -> int:
    """Compute and print the shares."""
    blocks = _blocks(args.block)
    data, outcome, blocks = _open(args, blocks)
    from cxlab.methods.drivers import decompose

    if args.seed < 0:
        raise InputError(f"--seed {args.seed} must be 0 or more")
    result = decompose(
        data,
        outcome=outcome,
        blocks=blocks,
        weights=args.weights,
        bootstrap=args.bootstrap,
        confidence_level=args.confidence,
        rng=args.seed,
    )
    _print(result, outcome, args)
    return 0


def _blocks(words: list[str]) -> dict[str, list[str]]:
    blocks: dict[str, list[str]] = {}
    for word in words:
        name, sign, columns = word.partition("=")
        items = [part.strip() for part in next(csv.reader([columns if sign else name]), []) if part.strip()]
        if not name.strip() or not items:
            raise InputError(f"--block {word!r} must read NAME=column,column, such as --block product=q1,q2")
        if name.strip() in blocks:
            raise InputError(f"--block: {name.strip()!r} is given twice; list all its columns at once")
        blocks[name.strip()] = items
    return blocks


def _open(args: argparse.Namespace, blocks: dict[str, list[str]]):
    """A source brings its own blocks and outcome; of a file only the named columns are read as numbers."""
    from cxlab.evidence.sources import open_source, registry

    if args.file in registry() or args.file.startswith("simulated-") or args.file.endswith((".yaml", ".yml")):
        data = open_source(args.file)
        facts = data.attrs
        if facts.get("table") != "survey":
            raise InputError(f"{args.file} is no survey but {facts.get('table')}; name one row a respondent")
        outcome = args.outcome or facts.get("default_outcome") or next(iter(facts.get("outcomes", {})), None)
        return data, outcome, blocks or {side: facts["blocks"][side] for side in facts["blocks"]}
    if not args.outcome or not blocks:
        raise InputError(
            "name what to explain and by what: --outcome loyalty --block product=q1,q2 --block experience=q3,q4"
        )
    return _read(args, blocks), args.outcome, blocks


def _read(args: argparse.Namespace, blocks: dict[str, list[str]]):
    import difflib

    import pandas as pd

    from cxlab.evidence.files import read_raw
    from cxlab.evidence.values import blank_missing, parse_numbers, show

    raw = read_raw(args.file)
    if raw.ragged:
        line, fields = raw.ragged[0]
        raise InputError(
            f"{raw.name}, line {line} has {fields} fields where the header has {len(raw.frame.columns)}; mend it first"
        )
    codes = [code.strip() for code in args.missing.split(",") if code.strip()]
    names = [*(column for columns in blocks.values() for column in columns), args.outcome]
    numbers = {}
    for name in dict.fromkeys([*names, *([args.weights] if args.weights else [])]):
        if name not in raw.frame.columns:
            near = difflib.get_close_matches(name, [str(column) for column in raw.frame.columns], n=3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise InputError(f"{raw.name} has no column {name!r}{hint}")
        column = raw.frame[name]
        if isinstance(column, pd.DataFrame):
            raise InputError(f"{raw.name}: the header holds {name!r} more than once; rename one")
        if pd.api.types.is_numeric_dtype(column):
            numbers[name] = column.astype(float)
            continue
        parsed = parse_numbers(blank_missing(column, codes), delimiter=raw.delimiter)
        if parsed.bad.any():
            row = int(parsed.bad.argmax())
            raise InputError(
                f"{raw.name}, {raw.row_word} {raw.lines[row]}, column {name!r}: {show(column.iloc[row])} "
                f"{parsed.rule or 'must be a number'} ({int(parsed.bad.sum())} such cells). Recode them, or name codes for 'no "
                "answer' with --missing"
            )
        numbers[name] = parsed.values.astype(float)
    table = pd.DataFrame(numbers)
    return table.mask(table.isin([_number(code) for code in codes]))


def _number(code: str) -> float:
    try:
        return float(code)
    except ValueError:
        return math.nan


def _print(result, outcome: str, args: argparse.Namespace) -> None:
    rows = [
        {"block": str(block), **{column: _plain(row[column]) for column in _COLUMNS}}
        for block, row in result.table.iterrows()
    ]
    cautions = [caution.sentence for caution in result.cautions]
    if args.format == "json":
        document = {
            "outcome": outcome,
            "n": result.n,
            "dropped": result.dropped,
            "r2": _plain(result.r2),
            "r2_low": _plain(result.r2_low),
            "r2_high": _plain(result.r2_high),
            "confidence": args.confidence,
            "bootstrap": args.bootstrap,
            "seed": args.seed,
            "table": rows,
            "cautions": cautions,
        }
        json.dump(document, sys.stdout, indent=2, allow_nan=False)
        print()
    elif args.format == "csv":
        writer = csv.DictWriter(sys.stdout, ["block", *_COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        _print_table(rows, result, outcome, cautions, args)


def _print_table(
    rows: list[dict], result, outcome: str, cautions: list[str], args: argparse.Namespace
) -> None:
    width = max(5, *(len(row["block"]) for row in rows))
    print(f"{'block':<{width}}  {'share':>6}  {'interval':>14}  {'raw':>6}  {'slope':>8}  {'spread':>8}")
    for row in rows:
        limits = "" if row["low"] is None else f"{row['low']:.3f} - {row['high']:.3f}"
        cells = [
            f"{row['share']:6.3f}" if row["share"] is not None else "     -",
            f"{limits:>14}",
            f"{row['raw']:6.3f}",
        ]
        print(f"{row['block']:<{width}}  {'  '.join(cells)}  {row['slope']:8.3f}  {row['spread']:8.3f}")
    interval = "" if math.isnan(result.r2_low) else f" [{result.r2_low:.3f}, {result.r2_high:.3f}]"
    print(f"R2 of {outcome}: {result.r2:.3f}{interval}; n = {result.n}, {result.dropped} rows incomplete")
    print(
        f"Intervals: {args.confidence:.0%} percentile bootstrap, {args.bootstrap} resamples, seed {args.seed}. Not causal."
    )
    for caution in cautions:
        print(f"Caution: {caution}")


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.10g}")
