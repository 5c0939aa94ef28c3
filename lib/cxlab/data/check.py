"""``cxlab check``: what is right and wrong with a file or study; ``cxlab init``: a study from a file."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cxlab.data import guess as guesses
from cxlab.data.convert import Conversion
from cxlab.data.errors import Fault, InputError, show
from cxlab.data.guess import MARK, ODD_SCALES, Guess, sample_of, short_names
from cxlab.data.mapping import Mapping, read_yaml
from cxlab.data.raw import Raw, ident
from cxlab.data.read import read_raw
from cxlab.data.study import converted, mapping_of, opened, read_study
from cxlab.data.tables import KINDS, kind_named
from cxlab.data.values import missing_codes, number_of

if TYPE_CHECKING:
    import pandas as pd

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_COLUMNS = 5_000


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
        rules = Mapping(guesses.kind_of_table(read_raw(path, large=True)), source=str(path))
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
            # An exact count of millions would take longer than the whole check.
            many_rows = this.rows > 1_000_000
            count, about = ("approx_count_distinct(", "about ") if many_rows else ("count(distinct ", "")
            many = raw.all(f"select {count}{ident(people.ours)}) from {this.cells}")[0][0]
            lines.append(f"  good    {about}{many:,} distinct values of {show(people.theirs)}")
    if faults:
        lines.append(f"{raw.name}: {len(faults)} fault(s), first: {faults[0]}")
    return lines, not faults


def _remarks(this: Conversion, frame: pd.DataFrame | None) -> list[str]:
    """Say what no rule forbids but an analyst would want to know, and what a report would say of it."""
    rules, found = this.mapping, []
    if rules.path is not None:
        count = rules.path.read_text(encoding="utf-8-sig").count(MARK)
        if count:
            found.append(f"{count} guess(es) in {rules.path.name} are still to be confirmed")
    numbers = [one for one in this.fields if one.column.holds == "number"]
    cells = sample_of(this.raw, this.cells, [one.ours for one in numbers])
    for one in numbers:
        found += _of_number(one.theirs, cells[one.ours], (one.column.low, one.column.high))
    if frame is None:
        return found
    for name in this.ours(rules.segments) or (["segment"] if "segment" in frame else []):
        sizes = frame[name].value_counts() if name in frame else ()
        small = sum(size < 5 for size in sizes)
        if small:
            found.append(f"segment {show(name)}: {small} of {len(sizes)} count under 5 and will not be shown")
    if this.kind.counts is not None and len(frame) < 30:
        found.append(f"{len(frame)} row(s) are few: intervals will be wide, below 5 nothing is shown")
    if this.kind.name == "survey":
        codes = set(map(str, [*rules.missing, *(code for own in rules.missing_in.values() for code in own)]))
        for low, high in dict.fromkeys([rules.range, *rules.ranges.values()]):
            if (low, high) in ODD_SCALES and not {f"{low:g}", f"{high:g}"} & codes:
                found.append(
                    f"the scale {low:g} to {high:g} is rare: {low:g} and {high:g} count as answers; if they "
                    "mean 'not used', name them under missing_in: and correct range:"
                )
        for side in ("product", "experience"):
            if not rules.blocks.get(side):
                found.append(f"no item stands on the side {side}: pages that compare the sides will say so")
        drivers = [item for items in rules.blocks.values() for item in this.ours(items) if item in frame]
        complete = frame[drivers].notna().all(axis=1).mean() if drivers else 1.0
        if complete < 0.7:
            found.append(f"{complete:.0%} of the rows answer every item; complete-case figures rest on them")
    return found


def _of_number(name: str, texts: list[str | None], bounds: tuple) -> list[str]:
    found, codes = [], missing_codes(texts, None if None in bounds else bounds)
    if codes:
        listed = " and ".join(map(show, codes[:3]))
        found.append(f"column {show(name)}: {listed} may mean 'no answer'; if so, name it under missing_in:")
    different = {number_of(text) for text in texts} - {None}
    if len(different) == 1 and sum(text is not None for text in texts) > 1:
        found.append(f"column {show(name)} is {different.pop():g} on every row: it can explain nothing")
    return found


def init_study(
    folder: str | Path,
    from_file: str | Path,
    table: str | None = None,
    *,
    sheet: str = "",
    force: bool = False,
) -> list[str]:
    """Write FOLDER/TABLE.yaml and FOLDER/params.yaml (or add to it) from a file; return the lines to print.

    ``table`` is guessed, and said, when not given; ``sheet`` is that of a workbook.
    ``force`` writes a mapping that is there anew and keeps the old one as ``.bak``.
    """
    folder, lines = Path(folder), []
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the study")
    source = str(from_file)
    raw = read_raw(source, large=True, **({"sheet": sheet} if sheet else {}))
    if len(raw.types) > _COLUMNS:
        raise InputError(f"{raw.name} has {len(raw.types):,} columns; keep the {_COLUMNS:,} that matter")
    if table is None:
        table = guesses.kind_of_table(raw)
        lines.append(f"taken for the table {table} ({kind_named(table).title}); --table NAME says otherwise")
    kind = kind_named(table)
    target, params = folder / f"{kind.name}.yaml", folder / "params.yaml"
    if target.exists() and not force:
        raise InputError(
            f"{target} is there already and may hold your corrections; edit it, or write it anew with "
            "--force (the old one is kept)"
        )
    if params.exists():
        read_study(params)
    guess = guesses.guess_table(raw, kind)
    text = mapping_text(raw, guess, folder=folder, source=source, sheet=sheet)
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.replace(target, target.with_suffix(".yaml.bak"))
    for path, content in ((target, text), (params, _with_table(params, kind.name, folder))):
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_text(content, encoding="utf-8")
        os.replace(part, path)
    lines.append(f"{target}: {text.count(MARK)} guess(es), each with its reason, marked '{MARK}'")
    try:
        said, good = check_path(target)
        lines += [
            f"  {line.strip()}"
            for line in [*said[:1], *(part for part in said if part.startswith("  fault"))][:6]
        ]
    except InputError as error:
        lines.append(f"  to mend: {error}")
    lines += [f"  still to decide: {line}" for line in guess.decide]
    return [
        *lines,
        f"next: look through {target}, then cxlab check {folder}, then cxlab report --params {params}",
    ]


def quote(text: object) -> str:
    """Return a text as a YAML scalar that reads back as the same text.

    Examples
    --------
    >>> print(quote("Q1"), quote("don't know"), quote("-99"))
    Q1 "don't know" -99
    """
    text = str(text)
    if re.fullmatch(r"[A-Za-z_][\w.-]*(?: [\w.-]+)*|-?\d+(?:\.\d+)?", text, re.ASCII):
        return text
    body = (
        f"\\{c}" if c in '"\\' else c if c.isprintable() and c != "\ufeff" else f"\\U{ord(c):08x}"
        for c in text
    )
    return f'"{"".join(body)}"'


def _list(names) -> str:
    return "[" + ", ".join(map(quote, names)) + "]"


def _dict(pairs) -> str:
    return "{" + ", ".join(f"{quote(key)}: {quote(value)}" for key, value in pairs.items()) + "}"


def mapping_text(raw: Raw, guess: Guess, *, folder: Path, source: str, sheet: str = "") -> str:
    """Return the text of a mapping file: only what is used, each guess with its reason."""
    kind = guess.kind
    lines = [
        f"# How {quote(raw.name)} becomes the table {kind.name} ({kind.title}): one row is {kind.row}.",
        f"# Lines with '{MARK}' were guessed: correct them, then take the mark away (see data/README.md).",
        f"table: {kind.name}",
        f"title: {quote('own data: ' + raw.name)}   # the heading that pages show",
        *_file_lines(raw, guess, folder, source, sheet),
    ]
    items = [item for names in [*guess.blocks.values(), *guess.outcomes.values()] for item in names]
    named = [*items, *guess.segments, *guess.texts, *guess.single.values()]
    named = [name for name in dict.fromkeys(named) if name not in guess.columns]
    short = short_names(named, {*raw.types, *kind.names, *guess.outcomes})
    lines += ["columns:   # theirs: ours"] if guess.columns or short else ["columns: {}   # theirs: ours"]
    for theirs, ours in guess.columns.items():
        mark = "" if theirs == ours else f"   {MARK} ({guess.why.get(ours, '')})"
        lines.append(f"  {quote(theirs)}: {ours}{mark}")
    lines += [f"  {quote(theirs)}: {quote(ours)}" for theirs, ours in short.items()]
    lines += [f"  # YOUR_COLUMN: {column.name}   # needed: {column.description}" for column in guess.open]
    if guess.missing:
        lines.append(f"missing: {_list(guess.missing)}   {MARK} (mean 'no answer')")
    if guess.missing_in:
        same: dict[tuple[str, ...], list[str]] = {}
        for name, codes in guess.missing_in.items():
            same.setdefault(tuple(codes), []).append(name)
        lines.append(f"missing_in:   {MARK} (stand among answers and can be none)")
        lines += [
            f"  {quote(short.get(name, name))}: {_list(codes)}"
            for codes, names in same.items()
            for name in names
        ]
    if guess.scales:
        lines.append(f"scales:   {MARK} (answers in words, from low to high)")
        for names, codes in guess.scales:
            ordered = dict(sorted(codes.items(), key=lambda pair: pair[1]))
            lines.append(f"  - items: {_list(short.get(name, name) for name in names)}")
            lines.append(f"    codes: {_dict(ordered)}")
    if kind.name == "survey":
        lines += _survey_lines(guess, short)
    used = {*guess.columns, *named, *(part for theirs in guess.columns for part in theirs.split(" + "))}
    if guess.other:
        shown = ", ".join(quote(name[:40]) for name in guess.other[:60])
        lines.append(f"# items on no side: {shown}{' ...' if len(guess.other) > 60 else ''}")
    used |= set(guess.other)
    rest = [quote(name[:40]) for name in raw.types if name not in used]
    if rest:
        lines.append(
            f"# not used: {', '.join(rest[:30])}{f' and {len(rest) - 30} more' if len(rest) > 30 else ''}"
        )
    return "\n".join([*lines, "personal: []   # columns that may be shown all the same"]) + "\n"


def _file_lines(raw: Raw, guess: Guess, folder: Path, source: str, sheet: str) -> list[str]:
    lines = ["file:", f"  path: {quote(os.path.relpath(Path(source).resolve(), folder.resolve()))}"]
    lines += [f"  sheet: {quote(sheet)}"] if sheet else []
    if guess.decimal:
        lines.append(f'  decimal: "{guess.decimal}"   {MARK} (1.234 may be read either way)')
    return lines


def _survey_lines(guess: Guess, short: dict[str, str]) -> list[str]:
    def listed(names) -> str:
        return _list(short.get(name, name) for name in names)

    low, high = guess.range or (1, 5)
    lines = [f"range: [{low:g}, {high:g}]   {MARK} (lowest and highest answer)"]
    if guess.ranges:
        lines.append(f"ranges:   {MARK} (items on another scale)")
        lines += [
            f"  {quote(short.get(name, name))}: [{a:g}, {b:g}]" for name, (a, b) in guess.ranges.items()
        ]
    lines.append(f"blocks:   {MARK} (by words in names and texts); an item that stands nowhere is not used")
    lines += [
        f"  {side}: {listed(items)}"
        for side, items in guess.blocks.items()
        if items or side in ("product", "experience")
    ]
    lines += [f"outcomes:   {MARK} (by their names); each is the mean of its items"] if guess.outcomes else []
    lines += [f"  {quote(name)}: {listed(names)}" for name, names in guess.outcomes.items()]
    if not guess.outcomes:
        lines.append("outcomes: {}   # needed: what is to be explained, such as  loyalty: [Q10, Q11]")
    lines.append(
        f"segments: {listed(guess.segments)}" + (f"   {MARK} (few different words)" if guess.segments else "")
    )
    if guess.texts:
        lines.append(f"roles: {{text: {listed(guess.texts)}}}   {MARK} (open answers: only themes are shown)")
    for key, name in guess.single.items():
        lines.append(f"{key}: {quote(short.get(name, name))}   {MARK} ({guess.why.get(key, 'by its name')})")
    return lines


def _with_table(params: Path, table: str, folder: Path) -> str:
    """Return the text of params.yaml with one more table; what stands there is left as it is."""
    line = f"  {table}: {table}.yaml"
    if not params.exists():
        return (
            f"# A study: cxlab report --params {params.name}\nstudy: {quote(folder.resolve().name)}\n\n"
            f"tables:           # table: its mapping file, beside this one\n{line}\n\n"
            "parameters: {}    # for every notebook that has such a parameter, such as  bootstrap: 1000\n"
            "notebooks: {}     # for one notebook, such as  02-product-or-experience: {bootstrap: 2000}\n"
            "personal: []      # columns that may be shown although they look personal\n"
            "min_cell: 5       # cells that count fewer customers or respondents are not shown\n"
        )
    text = params.read_text(encoding="utf-8-sig")
    if re.search(rf"^(?:\s+|tables:.*\b){table}:", text, re.MULTILINE):
        return text
    block = re.search(r"^tables:[^\n{]*\n([ ]+)", text, re.MULTILINE)
    if not block:
        raise InputError(f"{params} has its tables on one line; write {line.strip()} among them yourself")
    return text[: block.end()] + line.strip() + "\n" + block[1] + text[block.end() :]
