"""``cxlab check``: what is right and wrong with a file or study; ``cxlab init``: a study from a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import pandas as pd

from cxlab.data import guess as guesses
from cxlab.data.convert import Conversion
from cxlab.data.errors import Fault, InputError, show
from cxlab.data.guess import MARK, ODD_SCALES, Guess, sample_of, short_names
from cxlab.data.mapping import Mapping, read_yaml
from cxlab.data.raw import Raw
from cxlab.data.read import read_raw
from cxlab.data.study import converted, mapping_of, opened, read_study
from cxlab.data.table import SIDES
from cxlab.data.tables import KINDS, kind_named
from cxlab.data.values import missing_codes, number_of


def check_path(
    path: str | Path, table: str | None = None, mapping: str | Path | None = None
) -> tuple[list[str], bool]:
    """Check a file, a mapping file or a study (folder or params file); return lines, and whether it is good.

    Without ``table`` and ``mapping`` the kind of table is guessed. The last line of a check that is not good
    sums up.
    """
    path = Path(path)
    settings = path.suffix in (".yaml", ".yml")
    if mapping is not None:
        rules = replace(mapping_of(mapping)[0], source=str(path))
    elif (path / "params.yaml").is_file() or (settings and "tables" in read_yaml(path)):
        return _check_study(path)
    elif settings:
        rules = mapping_of(path)[0]
    else:
        rules = Mapping(table or guesses.kind_of_table(read_raw(path, large=True)), source=str(path))
    if table not in (None, rules.table):
        raise InputError(f"{rules.path.name} maps the table {rules.table}, not {table}; choose one")
    return _check_table(rules)


def _check_study(path: Path) -> tuple[list[str], bool]:
    study, lines, faults = read_study(path), [], []
    for kind, mapping in study.tables.items():
        try:
            more, good = _check_table(mapping_of(mapping)[0])
        except InputError as error:
            more, good = [str(error)], False
        if not good:
            faults.append(f"table {kind}: {more.pop()}")
        lines += more
    if faults:
        return [*lines, *faults[1:], faults[0]], False
    absent = [kind for kind in KINDS if kind not in study.tables and not KINDS[kind].beside]
    said = [f"not in this study: {', '.join(absent)}; pages say what they would need"] if absent else []
    return [*lines, *said], True


def _check_table(rules: Mapping) -> tuple[list[str], bool]:
    this = converted(rules)
    kind, raw, faults, remarks = this.kind, this.raw, list(this.faults), list(this.notes)
    frame = None
    if kind.name == "survey" and rules.path is None:  # it names no outcome yet, which is no fault of the file
        remarks.append("no item stands on a side yet: cxlab init writes a mapping file that says which do")
    elif not faults:
        try:
            frame = opened(this).frame
        except InputError as error:
            faults.append(Fault(str(error).removeprefix(f"{raw.name}, ").removeprefix(f"{raw.name}: ")))
    remarks += _remarks(this, frame if hasattr(frame, "iloc") else None)
    form = f" (delimiter {show(raw.delimiter)}, {raw.encoding})" if raw.encoding else ""
    verdict = f"{len(faults)} fault(s) to mend" if faults else "good: it opens"
    size = f"{this.rows:,} rows, {len(raw.types):,} columns{form}"
    lines = [
        f"{show(raw.name, 80)} as table {kind.name}: {size}: {verdict}",
        *(f"  fault   {fault}" for fault in faults),
        *(f"  remark  {remark}" for remark in dict.fromkeys(remarks)),
    ]
    if faults:
        return [*lines, f"{raw.name}: {len(faults)} fault(s), first: {faults[0]}"], False
    if not this.fields:
        return lines, True
    names = ", ".join(show(one.theirs) for one in this.fields[:12])
    more = f" and {len(this.fields) - 12} more" if len(this.fields) > 12 else ""
    return [*lines, f"  good    {len(this.fields)} column(s) are right: {names}{more}"], True


def _remarks(this: Conversion, frame: pd.DataFrame | None) -> Iterator[str]:
    """Say what no rule forbids but an analyst would want to know, and what a report would say of it."""
    rules = this.mapping
    guessed = rules.path.read_text(encoding="utf-8-sig").count(MARK) if rules.path else 0
    if guessed:
        yield f"{guessed} guess(es) in {rules.path.name} are still to be confirmed"
    numbers = [one for one in this.fields if one.column.holds == "number"]
    cells = sample_of(this.raw, this.cells, [one.ours for one in numbers])
    for one in numbers:
        column, texts, ends = f"column {show(one.theirs)}", cells[one.ours], (one.column.low, one.column.high)
        if codes := missing_codes(texts, None if None in ends else ends):
            listed = " and ".join(map(show, codes[:3]))
            yield f"{column}: {listed} may mean 'no answer'; if so, name it under missing_in:"
        different = {number_of(text) for text in texts} - {None}
        if len(different) == 1 and sum(text is not None for text in texts) > 1:
            yield f"{column} is {different.pop():g} on every row: it can explain nothing"
    if frame is None:
        return
    for name in [name for name in this.ours(rules.segments) or ["segment"] if name in frame]:
        sizes = frame[name].value_counts()
        if small := sum(sizes < 5):
            yield f"segment {show(name)}: {small} of {len(sizes)} count under 5 and will not be shown"
    if this.kind.name != "survey":
        return
    codes = {*rules.missing, *(code for own in rules.missing_in.values() for code in own)}
    for low, high in dict.fromkeys(filter(None, [rules.range, *rules.ranges.values()])):
        if (low, high) in ODD_SCALES and not {f"{low:g}", f"{high:g}"} & codes:
            yield (
                f"the scale {low:g} to {high:g} is rare: {low:g} and {high:g} count as answers; if they mean "
                "'not used', name them under missing_in: and correct range:"
            )
    for side in SIDES:
        if not rules.blocks.get(side):
            yield f"no item stands on the side {side}: pages that compare the sides will say so"


def init_study(
    folder: str | Path, from_file: str | Path, table: str | None = None, *, force: bool = False
) -> list[str]:
    """Write FOLDER/TABLE.yaml and FOLDER/params.yaml (or add to it) from a file; return the lines to print.

    ``table`` is guessed when not given; ``force`` writes a mapping anew and keeps the old one as ``.bak``.
    """
    folder, lines = Path(folder), []
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the study")
    raw = read_raw(str(from_file), large=True)
    if len(raw.types) > 5_000:
        raise InputError(f"{raw.name} has {len(raw.types):,} columns; keep the 5,000 that matter")
    if table is None:
        table = guesses.kind_of_table(raw)
        lines.append(f"taken for the table {table} ({kind_named(table).title}); --table NAME says otherwise")
    target, params = folder / f"{table}.yaml", folder / "params.yaml"
    if target.exists() and not force:
        raise InputError(f"{target} is there already; edit it, or start anew with --force (the old is kept)")
    guess = guesses.guess_table(raw, kind_named(table))
    text = mapping_text(raw, guess, os.path.relpath(Path(from_file).resolve(), folder.resolve()))
    written = {target: text, params: _with_table(params, table)}
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.replace(target, target.with_suffix(".yaml.bak"))
    for path, content in written.items():
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_text(content, encoding="utf-8")
        os.replace(part, path)
    try:
        said = [line.strip() for line in check_path(target)[0]]
        checked = [said[0], *(line for line in said if line.startswith("fault"))][:6]
    except InputError as error:
        checked = [f"to mend: {error}"]
    return [
        *lines,
        f"{target}: {text.count(MARK)} guess(es), each with its reason, marked '{MARK}'",
        *(f"  {line}" for line in checked),
        *(f"  still to decide: {line}" for line in guess.decide),
        f"next: look through {target}, then cxlab check {folder}, then cxlab report --params {params}",
    ]


def quote(text: object) -> str:
    """Return a text as a YAML scalar that reads back as the same text.

    >>> print(quote("Q1"), quote("don't know"), quote("-99"))
    Q1 "don't know" -99
    """
    text = str(text)
    if re.fullmatch(r"[A-Za-z_][\w.-]*(?: [\w.-]+)*|-?\d+(?:\.\d+)?", text, re.ASCII):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() and c != "\ufeff" else f"\\U{ord(c):08x}" for c in text) + '"'


def _list(names: Iterable[object]) -> str:
    return "[" + ", ".join(map(quote, names)) + "]"


def mapping_text(raw: Raw, guess: Guess, path: str) -> str:
    """Return the text of a mapping file: only what is used, each guess with its reason."""
    kind = guess.kind
    named = dict.fromkeys([*guess.used, *guess.segments, *guess.texts, *guess.single.values()])
    own = [name for name in named if name not in guess.columns]
    short = short_names(own, {*raw.types, *kind.names, *guess.outcomes})

    def ours(name: str) -> str:
        return quote(short.get(name, name))

    def listed(names: Iterable[str]) -> str:
        return _list(short.get(name, name) for name in names)

    def block(key: str, why: str, lines: Iterable[str]) -> list[str]:
        lines = [f"  {line}" for line in lines]
        return [f"{key}:   {MARK} ({why})", *lines] if lines else []

    lines = [
        f"# How {quote(raw.name)} becomes the table {kind.name} ({kind.title}): one row is {kind.row}.",
        f"# Lines with '{MARK}' were guessed: correct them, then take the mark away (see data/README.md).",
        f"table: {kind.name}",
        f"title: {quote('own data: ' + raw.name)}   # the heading that pages show",
        f"file:\n  path: {quote(path)}",
    ]
    if guess.decimal:
        lines.append(f'  decimal: "{guess.decimal}"   {MARK} (1.234 may be read either way)')
    lines.append(f"columns:{'' if guess.columns or short else ' {}'}   # theirs: ours")
    for theirs, to in guess.columns.items():
        mark = "" if theirs == to else f"   {MARK} ({guess.why.get(to, '')})"
        lines.append(f"  {quote(theirs)}: {to}{mark}")
    lines += [f"  {quote(theirs)}: {quote(to)}" for theirs, to in short.items()]
    lines += [f"  # YOUR_COLUMN: {column.name}   # needed: {column.description}" for column in guess.open]
    if guess.missing:
        lines.append(f"missing: {_list(guess.missing)}   {MARK} (mean 'no answer')")
    rows = (f"{ours(name)}: {_list(codes)}" for name, codes in guess.missing_in.items())
    lines += block("missing_in", "stand among answers and can be none", rows)
    rows = []
    for names, codes in guess.scales:
        coded = ", ".join(f"{quote(word)}: {code}" for word, code in sorted(codes.items(), key=itemgetter(1)))
        rows += [f"- items: {listed(names)}", f"  codes: {{{coded}}}"]
    lines += block("scales", "answers in words, from low to high", rows)
    if kind.name == "survey":
        low, high = guess.range or (1, 5)
        lines.append(f"range: [{low:g}, {high:g}]   {MARK} (lowest and highest answer)")
        rows = (f"{ours(name)}: [{low:g}, {high:g}]" for name, (low, high) in guess.ranges.items())
        lines += block("ranges", "items on another scale", rows)
        sides = {side: items for side, items in guess.blocks.items() if items or side in SIDES}
        rows = (f"{side}: {listed(items)}" for side, items in sides.items())
        lines += block("blocks", "by words in names and texts; items that stand nowhere are not used", rows)
        rows = (f"{quote(name)}: {listed(items)}" for name, items in guess.outcomes.items())
        needed = ["outcomes: {}   # needed: what is to be explained, such as  loyalty: [Q10, Q11]"]
        lines += block("outcomes", "by their names; each is the mean of its items", rows) or needed
    if guess.segments:
        lines.append(f"segments: {listed(guess.segments)}   {MARK} (few different words)")
    if guess.texts:
        lines.append(f"roles: {{text: {listed(guess.texts)}}}   {MARK} (open answers: only themes are shown)")
    for key, name in guess.single.items():
        lines.append(f"{key}: {ours(name)}   {MARK} ({guess.why.get(key, 'by its name')})")
    joined = {part for theirs in guess.columns for part in theirs.split(" + ")}
    rest = [name for name in raw.types if name not in {*guess.columns, *joined, *named, *guess.other}]
    for said, names in (("items on no side", guess.other), ("not used", rest)):
        more = f" and {len(names) - 60} more" if len(names) > 60 else ""
        lines += [f"# {said}: {', '.join(quote(name[:40]) for name in names[:60])}{more}"] if names else []
    return "\n".join([*lines, "personal: []   # columns that may be shown all the same"]) + "\n"


def _with_table(params: Path, table: str) -> str:
    """Return the text of params.yaml with one more table; what stands there is left as it is."""
    line = f"{table}: {table}.yaml"
    if not params.exists():
        name = quote(params.parent.resolve().name)
        return (
            f"# A study: cxlab report --params {params.name}\nstudy: {name}\n\n"
            f"tables:           # table: its mapping file, beside this one\n  {line}\n\n"
            "parameters: {}    # for every notebook that has such a parameter, such as  bootstrap: 1000\n"
            "notebooks: {}     # for one notebook, such as  02-product-or-experience: {bootstrap: 2000}\n"
            "personal: []      # columns that may be shown although they look personal\n"
            "min_cell: 5       # cells that count fewer customers or respondents are not shown\n"
        )
    text = params.read_text(encoding="utf-8-sig")
    if table in read_study(params).tables:
        return text
    more, there = re.subn(r"^(tables:[^\n{]*\n)( +)", rf"\1\2{line}\n\2", text, count=1, flags=re.MULTILINE)
    if not there:
        raise InputError(f"{params} has its tables on one line; write {line} among them yourself")
    return more
