"""What is right and wrong with a file or a whole study, line by line: what the report would refuse, and why.

For the command line: ``check_path(path, table=None, mapping=None) -> (lines, good)``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cxlab.data import guess, items
from cxlab.data.convert import Conversion
from cxlab.data.errors import InputError
from cxlab.data.faults import Fault
from cxlab.data.mapping import Mapping, read_yaml
from cxlab.data.places import show
from cxlab.data.raw import ident
from cxlab.data.read import read_raw
from cxlab.data.study import converted, mapping_of, opened, read_study
from cxlab.data.tables import KINDS, Column, kind_named

if TYPE_CHECKING:
    import pandas as pd

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def check_path(
    path: str | Path | None, table: str | None = None, mapping: str | Path | None = None
) -> tuple[list[str], bool]:
    """Check a file, a mapping file or a study (folder or params file); return lines, and whether it is good.

    Without ``table`` and ``mapping`` the kind of table is guessed; without ``path`` the mapping's file is
    checked. The last line of a check that is not good sums up.
    """
    here = Path(path) if path is not None else None
    if mapping is None and here is not None:
        if here.is_dir() and (here / "params.yaml").is_file():
            return _check_study(here)
        if here.suffix in (".yaml", ".yml"):
            if "tables" in read_yaml(here):
                return _check_study(here)
            path, mapping = None, here
    if mapping is not None:
        rules, _ = (
            mapping_of(mapping) if path is None else (replace(mapping_of(mapping)[0], source=str(path)), None)
        )
        if table is not None and kind_named(table).name != rules.table:
            raise InputError(f"{Path(mapping).name} maps the table {rules.table}, not {table}; choose one")
    elif path is None:
        raise InputError("name the file to check, such as: cxlab check their.csv")
    elif table is None:
        rules = Mapping(guess.kind_of_table(read_raw(path, large=True)), source=str(path))
    else:
        rules = Mapping(kind_named(table).name, source=str(path))
    return _check_table(rules)


def _check_study(path: Path) -> tuple[list[str], bool]:
    study = read_study(path)
    lines, good, last = [], True, ""
    for kind, mapping in study.tables.items():
        try:
            more, fine = _check_table(mapping_of(mapping)[0])
        except InputError as error:
            more, fine = [f"table {kind}: {error}"], False
        last = last or ("" if fine else f"table {kind}: {more[-1].removeprefix(f'table {kind}: ')}")
        lines, good = [*lines, *(more if fine else more[:-1])], good and fine
    if not good:
        return [*lines, last], False
    absent = [kind for kind in KINDS if kind not in study.tables and not KINDS[kind].beside]
    if absent:
        lines.append(f"not in this study: {', '.join(absent)}; pages say what they would need")
    return lines, good


def _check_table(rules: Mapping) -> tuple[list[str], bool]:
    this = converted(rules)
    kind, raw, faults = this.kind, this.raw, list(this.faults)
    frame = None
    # A bare survey file names no outcome yet; that is a remark, not a fault of the file.
    bare = kind.name == "survey" and rules.path is None
    if not faults and not bare:
        try:
            frame = opened(this).frame
        except InputError as error:
            faults.append(Fault(str(error).removeprefix(f"{raw.name}, ").removeprefix(f"{raw.name}: ")))
    form = f" ({_DELIMITERS.get(raw.delimiter, show(raw.delimiter))}, {raw.encoding})" if raw.encoding else ""
    verdict = f"{len(faults)} fault(s) to mend" if faults else "good: it opens"
    size = f"{this.rows:,} rows, {len(raw.types):,} columns{form}"
    lines = [f"{show(raw.name, 80)} as table {kind.name}: {size}: {verdict}"]
    lines += [f"  fault   {fault}" for fault in faults]
    remarks = [*this.notes, *_remarks(this, frame if hasattr(frame, "iloc") else None)]
    if bare:
        remarks.append("no item stands on a side yet: cxlab init writes a mapping file that says which do")
    lines += [f"  remark  {remark}" for remark in dict.fromkeys(remarks)]
    if not faults and this.fields:
        names = [show(one.theirs) for one in this.fields]
        shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        lines.append(f"  good    {len(names)} column(s) are right: {shown}")
        people = next((one for one in this.fields if one.ours == kind.counts), None)
        if people is not None:
            many = raw.all(f"select count(distinct {ident(people.ours)}) from {this.cells}")[0][0]
            lines.append(f"  good    {many:,} distinct values of {show(people.theirs)}")
    if faults:
        lines.append(f"{raw.name}: {len(faults)} fault(s), first: {faults[0]}")
    return lines, not faults


def _remarks(this: Conversion, frame: pd.DataFrame | None) -> list[str]:
    """Say what no rule forbids but an analyst would want to know, and what a report would say of it."""
    rules, found = this.mapping, []
    if rules.path is not None:
        count = rules.path.read_text(encoding="utf-8-sig").count(guess.MARK)
        if count:
            found.append(f"{count} guess(es) in {rules.path.name} are still to be confirmed")
    cells = items.sample_of(
        this.raw, this.cells, [one.ours for one in this.fields if one.column.holds == "number"]
    )
    for one in this.fields:
        if one.column.holds == "number" and one.ours in cells:
            found += _of_number(one.theirs, cells[one.ours], _bounds(one.column))
    if frame is None:
        return found
    counts = this.kind.counts
    for name in this.ours(rules.segments) or (["segment"] if "segment" in frame else []):
        if name in frame:
            sizes = frame[name].value_counts()
            small = int((sizes < 5).sum())
            if small:
                found.append(
                    f"segment {show(name)}: {small} of {len(sizes)} count under 5 and will not be shown"
                )
    if counts is not None and len(frame) < 30:
        found.append(f"{len(frame)} row(s) are few: intervals will be wide, below 5 nothing is shown")
    if this.kind.name == "survey":
        found += _of_survey(this, frame)
    return found


def _bounds(column: Column) -> tuple[float, float] | None:
    return None if None in (column.low, column.high) else (column.low, column.high)


def _of_number(name: str, texts: list[str | None], bounds: tuple[float, float] | None) -> list[str]:
    found = []
    codes = items.missing_codes(texts, bounds)
    if codes:
        listed = " and ".join(map(show, codes[:3]))
        found.append(f"column {show(name)}: {listed} may mean 'no answer'; if so, name it under missing_in:")
    numbers = [number for text in texts if (number := items.number_of(text)) is not None]
    if len(numbers) > 1 and len(set(numbers)) == 1:
        found.append(f"column {show(name)} is {numbers[0]:g} on every row: it can explain nothing")
    elif (
        len(numbers) >= 20 and 2 < len(set(numbers)) <= 11 and numbers.count(max(numbers)) > len(numbers) / 2
    ):
        share = numbers.count(max(numbers)) / len(numbers)
        found.append(f"column {show(name)}: {share:.0%} of the answers are the highest one (ceiling)")
    return found


def _of_survey(this: Conversion, frame: pd.DataFrame) -> list[str]:
    import numpy as np

    rules, found = this.mapping, []
    sides = [side for side, items in rules.blocks.items() if items]
    for side in ("product", "experience"):
        if side not in sides:
            found.append(f"no item stands on the side {side}: pages that compare the sides will say so")
    drivers = [item for items in rules.blocks.values() for item in this.ours(items) if item in frame]
    complete = frame[drivers].notna().all(axis=1).mean() if drivers else 1.0
    if complete < 0.7:
        found.append(f"{complete:.0%} of the rows answer every item; complete-case figures rest on them")
    turned = this.ours(rules.reversed)
    for item in items.reversed_items(frame, [i for i in this.ours(rules.items) if i in frame]):
        if item not in turned:
            found.append(f"item {show(item)} runs against the others; where high means bad, see reversed:")
    if 2 <= len(drivers) <= 400:
        correlation = frame[drivers].corr().to_numpy()
        for i, j in list(zip(*np.where(np.triu(np.abs(correlation) > 0.999, 1)), strict=True))[:5]:
            found.append(f"items {show(drivers[i])} and {show(drivers[j])} say the same: keep one")
    return found
