"""What is right and wrong with a file: every rule that is broken, remarks, and the good news."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import InputError
from .faults import Fault
from .mapping import Mapping, from_dict, read_mapping
from .prepare import prepare
from .values import show

__all__ = ["CheckReport", "check_file"]


@dataclass
class CheckReport:
    """The result of a check.

    Attributes
    ----------
    name, table, rows, columns : what was looked at.
    faults : broken rules; a file with none opens.
    remarks : what was assumed, and what deserves a look.
    good : what is right.
    """

    name: str
    table: str
    rows: int | None = None
    columns: int | None = None
    form: str = ""
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    good: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the file opens as the table."""
        return not self.faults

    def lines(self) -> list[str]:
        """Return the report as plain lines, the faults first."""
        size = f"{self.rows:,} rows" if self.rows is not None else "rows not counted"
        size += f", {self.columns:,} columns" if self.columns is not None else ""
        verdict = "good: it opens" if self.ok else f"{len(self.faults)} fault(s) to mend"
        lines = [f"{show(self.name, 80)} as table {self.table}: {size}{self.form}: {verdict}"]
        lines += [f"  fault   {fault}" for fault in self.faults]
        lines += [f"  remark  {remark}" for remark in self.remarks]
        lines += [f"  good    {line}" for line in self.good]
        return lines

    def summary(self) -> str:
        """One line for stderr when there are faults."""
        return f"{self.name}: {len(self.faults)} fault(s), first: {self.faults[0]}"


def check_file(
    path: str | Path | None, *, table: str | None = None, mapping: str | Path | Dict[str, Any] | None = None
) -> CheckReport:
    """Check a file against a table's declaration, through a mapping when one is given.

    Parameters
    ----------
    path : the file; None takes the one that the mapping file names.
    table : the table's name; None takes the mapping's.
    mapping : a mapping file, or a dictionary ``{their column: our column}``.

    Raises
    ------
    InputError
        When the file cannot be read as a table at all, or the mapping file is wrong.
    """
    from .tables.declarations import table_named

    rules = _rules(table, mapping)
    source = path if path is not None else rules.source
    if source is None:
        raise InputError("no file to check: name one, or a mapping file that has file: {path: ...}")
    declaration = table_named(rules.table)
    report = (
        _check_large(source, rules, declaration)
        if declaration.large
        else _check_small(source, rules, declaration)
    )
    if rules.where is not None:
        guesses = rules.where.read_text(encoding="utf-8-sig").count("# guess: confirm")
        if guesses:
            report.remarks.append(f"{guesses} guess(es) in {rules.where.name} are still to be confirmed")
    return report


def _rules(table: str | None, mapping: str | Path | Dict[str, Any] | None) -> Mapping:
    from dataclasses import replace

    from .study import find_study
    from .tables.declarations import table_named

    if mapping is None or isinstance(mapping, dict):
        if table is None:
            raise InputError("say which table the file is to be: --table survey, events, contacts ...")
        name = table_named(table).name
        return Mapping(name) if mapping is None else from_dict(mapping, name)
    rules = read_mapping(mapping)
    if table is not None and table_named(table).name != rules.table:
        raise InputError(f"{Path(mapping).name} maps the table {rules.table}, not {table}; choose one")
    study = find_study(mapping)
    return replace(rules, personal=(*rules.personal, *study.personal)) if study else rules


def _check_small(path: str | Path, rules: Mapping, declaration) -> CheckReport:
    from .files import read_raw
    from .tables.opening import _finish, file_faults
    from .tables.schemas import conform

    raw = read_raw(path, **dict(rules.read))
    report = CheckReport(raw.name, declaration.name, len(raw.frame), len(raw.frame.columns))
    if raw.kind == "csv":
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        report.form = f" ({names.get(raw.delimiter, show(raw.delimiter))}, {raw.encoding})"
    prepared = prepare(raw, rules)
    report.faults = file_faults(raw) + prepared.faults
    done = conform(
        prepared.frame, declaration, lines=prepared.lines, extra=prepared.extra, names=prepared.names,
        missing=prepared.missing, decimal=rules.decimal, day_first=rules.day_first, delimiter=raw.delimiter, row_word=raw.row_word,
    )  # fmt: skip
    mapped_gone = {fault.rule for fault in prepared.faults}
    report.faults += [
        fault
        for fault in done.faults
        if not (
            mapped_gone and fault.rule.startswith("column") and "is missing" in fault.rule and not fault.lines
        )
    ]
    if not len(raw.frame):
        report.faults = [
            fault
            for fault in report.faults
            if fault.lines or "missing" in fault.rule or "no row" in fault.rule or "fields" in fault.rule
        ]
    report.remarks = [*prepared.notes, *done.notes]
    if report.ok:
        try:
            opened = _finish(raw, prepared, rules, declaration)
        except InputError as error:
            report.faults.append(
                Fault(str(error).removeprefix(f"{raw.name}, ").removeprefix(f"{raw.name}: "))
            )
        else:
            report.remarks = list(dict.fromkeys(opened.attrs["remarks"]))
    _remark(report, raw, prepared, done.frame, rules, declaration)
    _praise(report, raw, done.frame, declaration, prepared)
    return report


def _remark(report: CheckReport, raw, prepared, frame, rules: Mapping, declaration) -> None:
    """Say what no rule forbids but an analyst would want to know."""
    import pandas as pd

    from .guess import reversed_items, suspected_missing

    numeric = [
        c.name
        for c in (*declaration.columns, *prepared.extra)
        if c.kind in ("number", "whole") and c.name in frame
    ]
    for name in numeric[:300]:
        theirs = prepared.names.get(name, name)
        known = {str(code).casefold() for code in prepared.missing.get(name, ())}
        codes = [code for code in suspected_missing(prepared.frame[name]) if code.casefold() not in known]
        if codes:
            report.remarks.append(
                f"column {show(theirs)}: {' and '.join(map(show, codes[:3]))} may mean 'no answer'; if so, name it under missing:"
            )
        values = pd.to_numeric(frame[name], errors="coerce").dropna()
        if len(values) > 1 and values.nunique() == 1:
            report.remarks.append(
                f"column {show(theirs)} is {values.iloc[0]:g} on every row: it can explain nothing"
            )
        top = (values == values.max()).mean() if len(values) else 0
        if len(values) >= 20 and top > 0.5 and 2 < values.nunique() <= 11:
            report.remarks.append(
                f"column {show(theirs)}: {top:.0%} of the answers are the highest one (ceiling)"
            )
    items = [item for item in rules.items if item in frame]
    turned = {rules.ours(item) for item in rules.reversed}
    if report.ok and 2 < len(items) <= 400:
        for item in reversed_items(frame, items):
            if item not in turned:
                report.remarks.append(
                    f"item {show(item)} runs against the others; if high means bad, name it under reversed:"
                )
        drivers = [rules.ours(i) for side in rules.blocks.values() for i in side if rules.ours(i) in frame]
        report.remarks += _collinear(frame, drivers)
    if declaration.name == "survey" and not rules.blocks:
        report.remarks.append(
            "no item stands on a side yet: name items under blocks: and outcomes: in a mapping file (cxlab init writes one)"
        )
    segments = [rules.ours(name) for name in rules.segments] or (["segment"] if "segment" in frame else [])
    for name in segments:
        if name in frame:
            counts = frame[name].value_counts()
            small = counts[counts < 5]
            if len(small):
                report.remarks.append(
                    f"segment {show(prepared.names.get(name, name))}: {len(small)} of {len(counts)} count fewer than 5 rows and will be suppressed"
                )
    if declaration.counts is not None and 0 < len(frame) < 30:
        report.remarks.append(
            f"{len(frame)} row(s) are few: intervals will be wide, and nothing is shown for fewer than 5 people"
        )


def _collinear(frame, drivers: list[str]) -> list[str]:
    import numpy as np

    if len(drivers) < 2 or len(drivers) > 400:
        return []
    correlation = frame[drivers].corr().to_numpy()
    found = []
    for i, j in zip(*np.where(np.triu(np.abs(correlation) > 0.999, 1)), strict=True):
        found.append(
            f"items {show(drivers[i])} and {show(drivers[j])} say the same (correlation {correlation[i, j]:.3f}): keep one"
        )
    return found[:5]


def _praise(report: CheckReport, raw, frame, declaration, prepared) -> None:
    if not raw.ragged and len(raw.frame):
        report.good.append(f"all {len(raw.frame):,} rows fit the header")
    declared = [c for c in (*declaration.columns, *prepared.extra) if c.name in frame]
    bad = {fault.column for fault in report.faults}
    fine = [c.name for c in declared if prepared.names.get(c.name, c.name) not in bad]
    if fine and len(frame):
        shown = ", ".join(map(show, fine[:12])) + (f" and {len(fine) - 12} more" if len(fine) > 12 else "")
        report.good.append(f"{len(fine)} of {len(declared)} declared columns are right: {shown}")
    if declaration.counts and declaration.counts in frame and len(frame):
        report.good.append(
            f"{frame[declaration.counts].nunique():,} distinct values of {show(declaration.counts)}"
        )
    if report.ok and len(frame):
        gaps = sum(int(frame[c.name].isna().sum()) for c in declared)
        report.good.append(
            "no cell of a declared column is missing"
            if not gaps
            else f"{gaps:,} missing cells, all where gaps are allowed"
        )


def _check_large(path: str | Path, rules: Mapping, declaration) -> CheckReport:
    from .tables.large import prepare_large
    from .tables.streaming import check_large

    large = prepare_large(path, rules)
    large.connection.raw_sql("set memory_limit = '1200MB'")
    report = CheckReport(
        large.name, declaration.name, None, len(large.select), faults=large.faults, remarks=large.notes
    )
    found = check_large(large, declaration, distinct=True)
    report.rows = found["rows"]
    report.faults, report.remarks = large.faults, list(dict.fromkeys(large.notes))
    if not report.rows:
        return report
    bad = {fault.column for fault in report.faults}
    for name, facts in found["columns"].items():
        theirs = large.names[name]
        if theirs in bad:
            continue
        line = f"column {show(theirs)}: {facts['filled']:,} of {report.rows:,} rows have a value"
        if facts.get("low") is not None:
            line += f", from {facts['low']} to {facts['high']}"
        if "distinct" in facts:
            line += f", about {facts['distinct']:,} different ones"
        report.good.append(line)
    return report
