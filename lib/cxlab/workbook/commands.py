"""``cxlab funnel``, ``drivers`` and ``verdict``: one answer from a file, printed as a table, JSON or CSV."""

import csv
import io
import itertools
import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError


def table_of(name: str, kind: str) -> str:
    """Return a study's own table: a mapping file or a source's name; the name itself where it is no study."""
    path = Path(name)
    if path.name != "params.yaml" and not (path / "params.yaml").is_file():
        return name
    from cxlab.data.study import read_study

    study = read_study(path)
    if kind not in study.tables:
        raise InputError(f"the study {study.name} has no table of {kind}; add one with cxlab init")
    return str(study.tables[kind])


def _lines(
    style: str, facts: dict[str, Any], rows: list[dict], shown: list[dict], notes: list[str]
) -> list[str]:
    """Return an answer in one of three styles: JSON holds ``facts`` and ``rows``, CSV the rows, a table
    ``shown`` (the rows as people read them, all text) with ``notes`` below.
    """
    if style == "json":
        return [json.dumps(facts | {"table": rows}, indent=2, allow_nan=False)]
    if style == "csv":
        out = io.StringIO()
        lines = [list(row) for row in rows[:1]] + [list(map(safe_cell, row.values())) for row in rows]
        csv.writer(out, lineterminator="\n").writerows(lines)
        return [out.getvalue().removesuffix("\n")]
    lines = [list(row) for row in shown[:1]] + [list(row.values()) for row in shown]
    signs = ["<" if isinstance(rows[0].get(name), str) else ">" for name in shown[0]] if shown else []
    ways = [f"{sign}{max(map(len, column))}" for sign, *column in zip(signs, *lines, strict=True)]
    return ["  ".join(map(format, line, ways)) for line in lines] + notes


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    risky = isinstance(value, str) and (value.lstrip()[:1] in tuple("=+-@|") or value[:1] in tuple("\t\r"))
    return f"'{value}" if risky and value.strip() else value


def drivers(**options: Any) -> list[str]:
    """Compute the shares and return them as lines."""
    asked = Namespace(**options)
    survey, notes = _open(asked)
    from cxlab.questions.drivers import cautions_of
    from cxlab.questions.importance import relative_importance, sample
    from cxlab.questions.result import plain

    ready = sample(survey)
    if ready.n < asked.min_cell:
        raise InputError(f"only {ready.n} respondents, fewer than --min-cell {asked.min_cell}")
    table = relative_importance(ready)
    r2, records = table.attrs["r2"], table.reset_index().to_dict("records")
    rows = [{name: plain(value) for name, value in row.items()} for row in records]
    shown = [{k: v if k == "block" else "-" if v is None else f"{v:.3f}" for k, v in r.items()} for r in rows]
    facts = {
        "outcome": survey.outcome, "n": ready.n, "complete": ready.complete, "asked": len(survey.frame),
        "r2": plain(r2), "confidence": asked.confidence, "bootstrap": asked.bootstrap,
        "seed": asked.seed, "cautions": [*notes, *cautions_of(ready)],
    }  # fmt: skip
    lines = [
        f"R2 of {survey.outcome}: {r2:.3f}; {ready.n} of {len(survey.frame)} rows used, "
        f"{ready.complete} complete",
        f"Intervals: {asked.confidence:.0%} percentile bootstrap, {asked.bootstrap} resamples, "
        f"seed {asked.seed}. Not causal.",
        *(f"Caution: {caution}" for caution in facts["cautions"]),
    ]
    return _lines(asked.format, facts, rows, shown, lines)


def _open(asked: Namespace):
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


def verdict(source: str, format: str, bootstrap: int, seed: int, all: bool) -> list[str]:
    """Judge one survey and return what it decides, as lines."""
    from cxlab.data.sources import open_source
    from cxlab.questions.judging import QUESTIONS, UNTESTED, judge_survey

    survey = open_source(table_of(source, "survey"), seed=seed)
    if survey.kind not in QUESTIONS:
        raise InputError(f"{source} is the table {survey.kind}; rules judge {' and '.join(QUESTIONS)}")
    table = judge_survey(survey, bootstrap=bootstrap)
    shown = table if all else table[table["outcome"] != UNTESTED]
    if format == "json":
        columns = ["claim", "outcome", "reason", "evidence", "reads", "numbers", "status"]
        rows = shown.reset_index()[columns].to_dict("records")
        found = {"survey": survey.title or survey.name, "claims": rows}
        return [json.dumps(found, indent=2, ensure_ascii=False)]
    counts = ", ".join(f"{n} {name}" for name, n in table["outcome"].value_counts().items())
    lines = [f"{survey.title or survey.name}: {counts}"]
    for claim, row in shown.sort_values("outcome", kind="stable").iterrows():
        remark = row["reason"] or row["status"]
        lines.append(f"{claim:6} {row['outcome']}: {row['reads']}" + (f" ({remark})" if remark else ""))
    return lines


def funnel(**options: Any) -> list[str]:
    """Compute the funnel and return it as lines."""
    from cxlab.stats.funnel.scan import NEVER, rules_of

    asked = Namespace(**options)
    unlimited = asked.window.strip().lower() in ("none", "no limit", "")
    steps = [word.strip() for word in next(csv.reader([asked.steps]), []) if word.strip()]
    result, least = _funnel(asked, rules_of(steps, None if unlimited else asked.window))
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
    return _lines(asked.format, facts, rows, [_shown(row) for row in rows], notes)


def _funnel(asked: Namespace, rules):
    """Return the funnel of a file, or of a study's events, and the smallest cell that is shown."""
    from cxlab.stats.funnel.files import funnel_of_files, funnel_of_table
    from cxlab.stats.funnel.scan import Columns

    name = table_of(asked.file, "events")
    if Path(name).suffix not in (".yaml", ".yml"):
        columns = Columns(asked.customer, asked.event, asked.timestamp, asked.by)
        options = {"engine": asked.engine, "memory": asked.memory}
        return funnel_of_files(name, rules=rules, columns=columns, **options), asked.min_cell or 5
    if asked.engine != "local":
        raise InputError(f"--engine {asked.engine} reads files, not a study; name the file")
    from cxlab.data.sources import open_source

    events = open_source(name, table="events")
    found = funnel_of_table(events.frame, rules=rules, columns=Columns(segment=asked.by))
    return found, asked.min_cell or events.min_cell


def _rows(result) -> list[dict]:
    """Return the table's rows with the median time and the share among those whose window has closed."""
    steps, medians = len(result.steps), iter(result.quantiles((0.5,)))
    rows = []
    for i, (row, closed) in enumerate(zip(result.rows(), result.settled(), strict=True)):
        median = next(medians)["time"] if i % steps else None
        row["median_seconds"] = None if median is None else median / 1e6
        row |= {"open": closed["open"], "settled_conversion": closed["overall_conversion"]}
        rows.append({name: None if value != value else value for name, value in row.items()})  # nan
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
    from cxlab.stats.funnel.scan import in_words

    names, median = ("step_conversion", "overall_conversion", "low", "high"), row["median_seconds"]
    before, first, low, high = ("-" if row[name] is None else f"{row[name]:.1%}" for name in names)
    return {name: row[name] for name in ("segment", "step") if name in row} | {
        "customers": f"{row['customers']:,}",
        "of before": before,
        "of first": first,
        "95 % interval": f"{low} - {high}",
        "median": "-" if median is None else in_words(round(median * 1e6)),
    }
