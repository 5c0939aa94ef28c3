"""``cxlab drivers``: the share of an outcome that blocks of ratings explain, as a table, JSON or CSV."""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

from cxlab.data.errors import InputError
from cxlab.workbook.answers import FORMATS, print_answer, table_of


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    made = argparse.ArgumentParser(prog="cxlab drivers", description=__doc__.split(": ", 1)[1])
    add = made.add_argument
    add("file", metavar="FILE_OR_STUDY", help="one row a respondent; or a study, its mapping, or a source")
    add("--block", action="append", default=[], metavar="NAME=a,b",
        help="a block and its columns; repeat it. A column alone is a block of its own")  # fmt: skip
    add("--outcome", metavar="COL", help="the numeric column to explain")
    add("--weights", metavar="COL", help="survey weights")
    add("--clusters", metavar="COL", help="who gave several rows")
    add("--missing", default="", metavar="-99,98", help="codes that mean 'no answer'")
    add("--bootstrap", type=int, default=1000, metavar="N", help="resamples (default 1000)")
    add("--confidence", type=float, default=0.95, metavar="P", help="of the intervals (default 0.95)")
    add("--seed", type=int, default=1, metavar="N", help="default 1: the same numbers every time")
    add("--min-cell", type=int, default=5, metavar="N", help="fewest respondents (default 5)")
    add("--format", choices=FORMATS, default="table", help="default table")
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
    survey, notes = _open(asked)
    from cxlab.questions.drivers import cautions_of
    from cxlab.questions.importance import share_table, shares
    from cxlab.questions.result import plain

    ready, share, total = shares(survey)
    if ready.n < asked.min_cell:
        raise InputError(f"only {ready.n} respondents, fewer than --min-cell {asked.min_cell}")
    table = share_table(ready, share, total).rename_axis("block").reset_index()
    rows = [{name: plain(value) for name, value in row.items()} for row in table.to_dict("records")]
    shown = [{k: v if k == "block" else "-" if v is None else f"{v:.3f}" for k, v in r.items()} for r in rows]
    facts = {
        "outcome": survey.outcome, "n": ready.n, "complete": ready.complete, "asked": len(survey.frame),
        "r2": plain(total[0]), "confidence": asked.confidence, "bootstrap": asked.bootstrap,
        "seed": asked.seed, "cautions": [*notes, *cautions_of(ready)],
    }  # fmt: skip
    lines = [
        f"R2 of {survey.outcome}: {total[0]:.3f}; {ready.n} of {len(survey.frame)} rows used, "
        f"{ready.complete} complete",
        f"Intervals: {asked.confidence:.0%} percentile bootstrap, {asked.bootstrap} resamples, "
        f"seed {asked.seed}. Not causal.",
        *(f"Caution: {caution}" for caution in facts["cautions"]),
    ]
    print_answer(asked.format, facts, rows, shown, lines)
    return 0


def _open(asked: argparse.Namespace):
    """Return the survey and cautions: a study or source brings its own blocks and outcome; of a file only the
    named columns are read.
    """
    from cxlab.data.mapping import Mapping
    from cxlab.data.sources import open_source, registry
    from cxlab.data.study import converted, opened
    from cxlab.data.values import missing_codes

    settings = {"bootstrap": asked.bootstrap, "confidence_level": asked.confidence, "seed": asked.seed,
                "min_cell": asked.min_cell}  # fmt: skip
    name, blocks = table_of(asked.file, "survey"), _blocks(asked.block)
    if name in registry() or name.startswith("simulated-") or name.endswith((".yaml", ".yml")):
        survey = open_source(name, table="survey", outcome=asked.outcome or "", **settings)
        return survey.with_(blocks=blocks) if blocks else survey, []
    if not asked.outcome or not blocks:
        example = "--outcome loyalty --block product=q1,q2 --block experience=q3,q4"
        raise InputError(f"name what to explain and by what: {example}")
    codes = tuple(code.strip() for code in asked.missing.split(",") if code.strip())
    rules = Mapping(
        "survey", source=name, blocks=blocks, outcomes={asked.outcome: [asked.outcome]}, missing=codes,
        weights=asked.weights, clusters=asked.clusters,
    )  # fmt: skip
    survey, notes = opened(converted(rules)).with_(**settings), []
    for item in [*survey.items, survey.outcome]:
        if likely := missing_codes([f"{value:g}" for value in survey.frame[item].dropna()], None):
            codes = " and ".join(likely[:3])
            notes.append(f"{item}: {codes} may mean 'no answer'; if so, name it with --missing.")
    return replace(survey, title=Path(name).name), notes


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
