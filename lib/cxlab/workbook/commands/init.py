"""``cxlab init STUDY --table T --from FILE``: a params file and a mapping with guesses, each marked to be confirmed."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cxlab.evidence.errors import InputError

from .diff import write_whole

if TYPE_CHECKING:
    from cxlab.evidence.files import RawTable
    from cxlab.evidence.guess import Guess
    from cxlab.evidence.tables.declarations import Table

__all__ = ["add_arguments", "quote", "run", "start_study", "write_mapping"]

GUESS = "# guess: confirm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("study", metavar="STUDY", help="folder of the study; made when it is not there")
    parser.add_argument(
        "--table",
        required=True,
        metavar="TABLE",
        help="which table the file holds: survey, events, contacts ...",
    )
    parser.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="FILE",
        help="your CSV, Parquet, Excel or DuckDB file, or a database's address",
    )
    parser.add_argument("--sheet", metavar="NAME", help="sheet of an Excel file, or table of a database")
    parser.add_argument(
        "--force",
        action="store_true",
        help="write the mapping anew when there is one (the old one is kept as .bak)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the files and say what to do next."""
    for line in start_study(
        args.study, table=args.table, source=args.source, part=args.sheet, force=args.force
    ):
        print(line)
    return 0


def start_study(
    study: str | Path, *, table: str, source: str, part: str | None = None, force: bool = False
) -> list[str]:
    """Write STUDY/params.yaml (or add to it) and STUDY/TABLE.yaml; return what to tell the reader.

    Raises
    ------
    InputError
        The file cannot be read, the mapping is there already, or STUDY is a file.
    """
    from cxlab.evidence.check import check_file
    from cxlab.evidence.guess import guess_table
    from cxlab.evidence.study import read_study
    from cxlab.evidence.tables.declarations import table_named

    declaration = table_named(table)
    folder = Path(study)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the study")
    raw = _sample(source, part, declaration)
    guess = guess_table(raw.frame, declaration, raw.delimiter)
    target, params = folder / f"{declaration.name}.yaml", folder / "params.yaml"
    if target.exists() and not force:
        raise InputError(
            f"{target} is there already and may hold your corrections; edit it, or add --force to write it anew (the old one is kept)"
        )
    if params.exists():
        read_study(params)
    folder.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.replace(target, target.with_suffix(".yaml.bak"))
    write_whole(target, write_mapping(declaration, raw, guess, folder=folder, source=source, part=part))
    write_whole(params, add_table(params, declaration.name, folder))
    lines = [
        f"{target}: {len(guess.columns)} of {len(declaration.columns)} columns guessed; each guess is marked '{GUESS}'"
    ]
    lines += [
        f"  to do: no column looks like {column.name!r} ({column.description}); map one"
        for column in guess.open
    ]
    try:
        report = check_file(None, mapping=target)
        lines += [f"  {line.strip()}" for line in report.lines()[:1]]
        lines += [f"  to mend: {fault}" for fault in report.faults[:5]]
    except InputError as error:
        lines.append(f"  to mend: {error}")
    lines.append(
        f"next: look through {target}, then cxlab check {target}, then cxlab report --params {params}"
    )
    return lines


def _sample(source: str, part: str | None, table: Table) -> RawTable:
    """Read the file, or the first rows of one that may be large."""
    from cxlab.evidence.files import RawTable, is_address, read_raw

    options = {"sheet": part, "table": part} if part else {}
    if not table.large:
        return read_raw(source, **options)
    from cxlab.evidence.mapping import Mapping
    from cxlab.evidence.tables.large import prepare_large

    large = prepare_large(source, Mapping(table.name, read=options))
    frame = large.connection.raw_sql(f"select * from {large.source} limit 20000").df()
    delimiter = large.found["header"].delimiter if "header" in large.found else ","
    kind = "database" if is_address(source) else large.kind
    return RawTable(frame, range(1, len(frame) + 1), kind, large.name, delimiter=delimiter, notes=large.notes)


def quote(text: str) -> str:
    """Return a text as a YAML scalar that reads back as the same text.

    Examples
    --------
    >>> print(quote("Q1"), quote("don't know"), quote("-99"))
    Q1 "don't know" -99
    """
    text = str(text)
    if re.fullmatch(r"[A-Za-z_][\w.-]*(?: [\w.-]+)*|-?\d+(?:\.\d+)?", text, re.ASCII):
        return text
    body = "".join(
        "\\" + c if c in '"\\' else c if c.isprintable() and c != "\ufeff" else f"\\U{ord(c):08x}"
        for c in text
    )
    return f'"{body}"'


def _listed(names: list[str]) -> str:
    return "[" + ", ".join(quote(name) for name in names) + "]"


def write_mapping(
    table: Table, raw: RawTable, guess: Guess, *, folder: Path, source: str, part: str | None = None
) -> str:
    """Return the text of a mapping file with the guesses as comments say."""
    from cxlab.evidence.files import is_address, safe_address
    from cxlab.evidence.guess import short_names

    lines = [
        f"# How {quote(raw.name)} becomes the table {table.name} ({table.title}): one row is {table.row}.",
        f"# What ends in '{GUESS.removeprefix('# ')}' was guessed: correct it, then take the mark away. data/README.md explains each column.",
        f"table: {table.name}",
        f"title: {quote('own data: ' + raw.name)}   # the heading that pages show",
        "file:",
    ]
    if is_address(source):
        url, _, fragment = source.partition("#")
        lines += [f"  url: {quote(url)}"] + (
            [f"  table: {quote(part or fragment)}"] if part or fragment else []
        )
        if safe_address(url) != url:
            lines.insert(
                -1,
                "  # the address holds a user or password: write ${NAME} for it, and set the environment variable NAME",
            )
    else:
        lines.append(f"  path: {quote(os.path.relpath(Path(source).resolve(), folder.resolve()))}")
        if part:
            lines.append(f"  {'table' if raw.kind == 'duckdb' else 'sheet'}: {quote(part)}")
    if raw.kind == "csv":
        lines.append(f"  delimiter: {quote('tab' if raw.delimiter == chr(9) else raw.delimiter)}   {GUESS}")
    if guess.decimal:
        lines.append(f'  decimal: "{guess.decimal}"   {GUESS} (1.234 may be read either way)')
    if guess.day_first is not None:
        lines.append(
            f"  day_first: {str(guess.day_first).lower()}   {GUESS} (03/04/2026 may be read either way)"
        )
    items = [item for names in [*guess.blocks.values(), *guess.outcomes.values()] for item in names]
    short = short_names(items, {*map(str, raw.frame.columns), *table.names, *guess.outcomes})
    lines += _column_lines(table, guess, raw, short)
    if guess.missing:
        lines += ["", f"missing: {_listed(guess.missing)}   {GUESS} (mean 'no answer')"]
    if guess.missing_in:
        lines += [
            "missing_in:",
            *[f"  {quote(name)}: {_listed(codes)}   {GUESS}" for name, codes in guess.missing_in.items()],
        ]
    if guess.wide:
        lines += [
            "",
            "wide_to_long:   # columns that stand side by side become rows",
            f"  name: {guess.wide['name']}   {GUESS}",
            "  values:",
        ]
        for ours, labels in guess.wide["values"].items():
            lines += [
                f"    {ours}:   {GUESS}",
                *[f"      {quote(label)}: {quote(name)}" for label, name in labels.items()],
            ]
    if table.name == "survey":
        lines += _survey_lines(guess, short)
    lines += [
        "",
        "recode: {}      # for example  Region: {1: north, 2: south}",
        "personal: []    # columns that may be shown although they look personal",
    ]
    return "\n".join(lines) + "\n"


def _column_lines(table: Table, guess: Guess, raw: RawTable, short: dict[str, str]) -> list[str]:
    lines = ["", "columns:        # theirs: ours"]
    for theirs, ours in guess.columns.items():
        mark = "" if theirs == ours else f"   {GUESS} ({guess.why.get(ours, '')})"
        lines.append(f"  {quote(theirs)}: {ours}{mark}")
    lines += [f"  {quote(theirs)}: {quote(ours)}   {GUESS} (a short name)" for theirs, ours in short.items()]
    if not guess.columns and not short:
        lines[-1] = "columns: {}     # theirs: ours"
    wide = set(guess.wide.get("values", {})) | {guess.wide.get("name")}
    for column in table.columns:
        if column.name not in guess.columns.values() and column.name not in wide:
            word = "needed" if column.required else "optional"
            lines.append(f"  # {'YOUR_COLUMN'}: {column.name}   # {word}: {column.description}")
    used = {*guess.columns, *[c for labels in guess.wide.get("values", {}).values() for c in labels.values()]}
    used |= {item for items in [*guess.blocks.values(), *guess.outcomes.values()] for item in items} | set(
        guess.segments
    )
    rest = [str(name) for name in raw.frame.columns if name not in used]
    if rest:
        lines.append(
            f"  # not used: {', '.join(quote(name) for name in rest[:30])}{' ...' if len(rest) > 30 else ''}"
        )
    return lines


def _survey_lines(guess: Guess, short: dict[str, str]) -> list[str]:
    def listed(names: list[str]) -> str:
        return _listed([short.get(name, name) for name in names])

    low, high = guess.range or (1, 5)
    lines = ["", f"range: [{low:g}, {high:g}]   {GUESS} (lowest and highest answer)"]
    if guess.ranges:
        lines += [
            "ranges:",
            *[
                f"  {quote(short.get(name, name))}: [{a:g}, {b:g}]   {GUESS}"
                for name, (a, b) in guess.ranges.items()
            ],
        ]
    lines += [
        f"reversed: {listed(guess.reversed)}   {GUESS} (high means bad)"
        if guess.reversed
        else "reversed: []   # items on which high means bad"
    ]
    lines += ["", "blocks:         # which items stand on which side; move them until it is right"]
    lines += [
        f"  {side}: {listed(items)}   {GUESS if items else ''}".rstrip()
        for side, items in guess.blocks.items()
    ]
    lines += ["outcomes:       # what the customer does or intends; each is the mean of its items"]
    lines += [f"  {name}: {listed(items)}   {GUESS}" for name, items in guess.outcomes.items()]
    if not guess.outcomes:
        lines[-1] = "outcomes: {}    # needed: such as  loyalty: [Q10, Q11]"
    weights = "weight" if "weight" in guess.columns.values() else ""
    lines += [
        f"segments: {_listed(guess.segments)}   {GUESS if guess.segments else ''}".rstrip(),
        f"weights: {weights}".rstrip(),
    ]
    if short:
        lines += [
            "labels:         # what pages call an item",
            *[f"  {quote(ours)}: {quote(theirs)}" for theirs, ours in short.items()],
        ]
    return lines


def add_table(params: Path, table: str, folder: Path) -> str:
    """Return the text of params.yaml with one more table; what stands there is left as it is."""
    line = f"  {table}: {table}.yaml"
    if not params.exists():
        name = folder.resolve().name
        return (
            f"# A study: cxlab report --params {params.name}\nstudy: {quote(name)}\n\n"
            f"tables:           # table: its mapping file, beside this one\n{line}\n\n"
            "parameters: {}    # for every notebook that has such a parameter, such as  bootstrap: 1000\n"
            "notebooks: {}     # for one notebook, such as  02-product-or-experience: {bootstrap: 2000}\n"
            "personal: []      # columns that may be shown although they look personal\n"
            "min_cell: 5       # cells that count fewer customers or respondents are not shown\n"
        )
    text = params.read_text(encoding="utf-8-sig")
    if re.search(rf"^\s+{table}:", text, re.MULTILINE) or re.search(
        rf"^tables:.*\b{table}:", text, re.MULTILINE
    ):
        return text
    inline = re.search(r"^tables:[ ]*\{(.*)\}(.*)$", text, re.MULTILINE)
    if inline:
        inner = inline[1].strip().rstrip(",")
        joined = f"tables: {{{inner + ', ' if inner else ''}{table}: {table}.yaml}}{inline[2]}"
        return text[: inline.start()] + joined + text[inline.end() :]
    block = re.search(r"^tables:[^\n]*\n", text, re.MULTILINE)
    if block:
        indent = re.match(r"[ ]+", text[block.end() :])
        return (
            text[: block.end()] + (indent[0] if indent else "  ") + line.strip() + "\n" + text[block.end() :]
        )
    return text.rstrip("\n") + f"\ntables:\n{line}\n"
