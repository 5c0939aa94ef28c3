"""``cxlab drivers``: the share of an outcome that blocks of ratings explain, as a table, JSON or CSV."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

from cxlab.data.errors import InputError

COLUMNS = ["raw", "share", "low", "high", "slope", "spread"]
_OPTIONS = (
    ("--outcome", None, "COL", "the numeric column to explain"),
    ("--weights", None, "COL", "survey weights"),
    ("--clusters", None, "COL", "who gave several rows"),
    ("--missing", "", "-99,98", "codes that mean 'no answer'"),
)


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(prog="cxlab drivers", description=__doc__.split(": ", 1)[1])
    add = made.add_argument
    add(
        "file",
        metavar="FILE_OR_STUDY",
        help="one row a respondent; or a study, its mapping file, or a source",
    )
    add("--block", action="append", default=[], metavar="NAME=a,b",
        help="a block and its columns; repeat it. A column alone is a block of its own")  # fmt: skip
    for name, usual, shape, text in _OPTIONS:
        add(name, default=usual, metavar=shape, help=text)
    add("--bootstrap", type=int, default=1000, metavar="N", help="resamples (default 1000)")
    add("--confidence", type=float, default=0.95, metavar="P", help="of the intervals (default 0.95)")
    add("--seed", type=int, default=1, metavar="N", help="default 1: the same numbers every time")
    add("--min-cell", type=int, default=5, metavar="N", help="fewest respondents (default 5)")
    add("--format", choices=("table", "json", "csv"), default="table", help="default table")
    return made


def run(args: list[str]) -> int:
    """Compute and print the shares."""
    asked = parser().parse_args(args)
    for name, good, rule in (
        ("seed", asked.seed >= 0, "0 or more"),
        ("bootstrap", asked.bootstrap >= 0, "0 or more resamples"),
        ("confidence", 0 < asked.confidence < 1, "between 0 and 1, for example 0.95"),
        ("min-cell", asked.min_cell >= 1, "1 or more"),
    ):
        if not good:
            raise InputError(f"--{name} {getattr(asked, name.replace('-', '_'))} must be {rule}")
    settings = {"bootstrap": asked.bootstrap, "confidence_level": asked.confidence, "seed": asked.seed}
    survey, notes = _open(asked, settings | {"min_cell": asked.min_cell})
    from cxlab.questions.drivers import cautions_of
    from cxlab.questions.importance import adjusted_r2, share_table, shares
    from cxlab.stats.resampling import limits

    ready, share, total = shares(survey)
    if ready.n < asked.min_cell:
        raise InputError(
            f"{ready.n} respondents are fewer than --min-cell {asked.min_cell}; nothing is shown"
        )
    low, high = limits(
        adjusted_r2(total[None].copy(), int(ready.items.sum()), ready.n)[0, 1:], asked.confidence
    )
    table = share_table(ready, share, total, asked.confidence)
    rows = [{"block": str(block)} | {c: _plain(row[c]) for c in COLUMNS} for block, row in table.iterrows()]
    facts = {
        "outcome": survey.outcome, "n": ready.n, "complete": ready.rows.complete, "asked": ready.rows.asked,
        "r2": _plain(total[0]), "adjusted_r2_low": _plain(low), "adjusted_r2_high": _plain(high),
        "confidence": asked.confidence, "bootstrap": asked.bootstrap, "seed": asked.seed, "table": rows,
        "cautions": [*notes, *cautions_of(survey, ready)],
    }  # fmt: skip
    _print(facts, asked.format)
    return 0


def _open(asked: argparse.Namespace, settings: dict):
    """A study or source brings its own blocks and outcome; of a file only the named columns are read."""
    from cxlab.data.items import missing_codes
    from cxlab.data.mapping import Mapping
    from cxlab.data.registry import registry
    from cxlab.data.sources import open_source
    from cxlab.data.study import converted, opened

    path, blocks = Path(asked.file), _blocks(asked.block)
    folder = path.is_dir() and (path / "survey.yaml").is_file()
    if (
        folder
        or asked.file in registry()
        or asked.file.startswith("simulated-")
        or path.suffix in (".yaml", ".yml")
    ):
        name = str(path / "survey.yaml") if folder else asked.file
        survey = open_source(name, table="survey", outcome=asked.outcome or "", **settings)
        return survey.with_(blocks=blocks) if blocks else survey, []
    if not asked.outcome or not blocks:
        example = "--outcome loyalty --block product=q1,q2 --block experience=q3,q4"
        raise InputError(f"name what to explain and by what: {example}")
    codes = tuple(code.strip() for code in asked.missing.split(",") if code.strip())
    rules = Mapping(
        "survey", source=asked.file, blocks=blocks, outcomes={asked.outcome: [asked.outcome]}, missing=codes,
        weights=asked.weights, clusters=asked.clusters,
    )  # fmt: skip
    survey, notes = opened(converted(rules)).with_(**settings), []
    for item in [*survey.items, survey.outcome]:
        likely = missing_codes([f"{value:g}" for value in survey.frame[item].dropna()], None)
        if likely:
            notes.append(
                f"{item}: {' and '.join(likely[:3])} may mean 'no answer'; if so, name it with --missing."
            )
    return replace(survey, title=path.name), notes


def _blocks(words: list[str]) -> dict[str, list[str]]:
    blocks: dict[str, list[str]] = {}
    for word in words:
        name, sign, columns = (part.strip() for part in word.partition("="))
        items = [part.strip() for part in next(csv.reader([columns if sign else name]), []) if part.strip()]
        if not name or not items:
            raise InputError(f"--block {word!r} must read NAME=column,column, such as --block product=q1,q2")
        if name in blocks:
            raise InputError(f"--block: {name!r} is given twice; list all its columns at once")
        blocks[name] = items
    return blocks


def _print(facts: dict, style: str) -> None:
    rows = facts["table"]
    if style == "json":
        json.dump(facts, sys.stdout, indent=2, allow_nan=False)
        print()
    elif style == "csv":
        writer = csv.DictWriter(sys.stdout, ["block", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        width = max(5, *(len(row["block"]) for row in rows))
        print(f"{'block':<{width}}  {'share':>6}  {'interval':>14}  {'raw':>6}  {'slope':>8}  {'spread':>8}")
        for row in rows:
            ends = "" if row["low"] is None else f"{row['low']:.3f} - {row['high']:.3f}"
            share = "-" if row["share"] is None else f"{row['share']:.3f}"
            cells = f"{share:>6}  {ends:>14}  {row['raw']:6.3f}  {row['slope']:8.3f}  {row['spread']:8.3f}"
            print(f"{row['block']:<{width}}  {cells}")
        print(f"R2 of {facts['outcome']}: {facts['r2']:.3f}; {facts['n']} of {facts['asked']} rows used, "
              f"{facts['complete']} complete")  # fmt: skip
        level, draws, seed = facts["confidence"], facts["bootstrap"], facts["seed"]
        print(f"Intervals: {level:.0%} percentile bootstrap, {draws} resamples, seed {seed}. Not causal.")
        print(*(f"Caution: {caution}" for caution in facts["cautions"]), sep="\n")


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.10g}")
