"""``cxlab init``: a study from a file, as a short mapping of guesses to confirm."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cxlab.data import guess as guesses
from cxlab.data.check import check_path
from cxlab.data.errors import InputError
from cxlab.data.files import safe_address
from cxlab.data.guess import MARK, Guess
from cxlab.data.raw import Raw
from cxlab.data.read import is_address, read_raw
from cxlab.data.shapes import short_names
from cxlab.data.study import read_study
from cxlab.data.tables import kind_named

_COLUMNS = 5_000


def init_study(
    folder: str | Path,
    from_file: str | Path,
    table: str | None = None,
    *,
    sheet: str = "",
    force: bool = False,
) -> list[str]:
    """Write FOLDER/TABLE.yaml and FOLDER/params.yaml (or add to it) from a file; return the lines to print.

    ``table`` is guessed, and said, when not given; ``sheet`` is that of a workbook, or a database's table.
    ``force`` writes a mapping that is there anew and keeps the old one as ``.bak``.
    """
    folder, lines = Path(folder), []
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the study")
    source = str(from_file)
    raw = read_raw(source, large=True, **({"sheet": sheet, "table": sheet} if sheet else {}))
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
    if is_address(source):
        url, _, fragment = source.partition("#")
        lines = ["file:", f"  url: {quote(url)}"]
        if safe_address(url) != url:
            lines.append("  # write ${NAME} for user or password, and set the environment variable NAME")
        sheet = sheet or fragment
    else:
        lines = ["file:", f"  path: {quote(os.path.relpath(Path(source).resolve(), folder.resolve()))}"]
    if sheet:
        lines.append(f"  {'sheet' if raw.kind == 'excel' else 'table'}: {quote(sheet)}")
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
    inline = re.search(r"^tables:[ ]*\{(.*)\}(.*)$", text, re.MULTILINE)
    block = re.search(r"^tables:[^\n]*\n([ ]+)?", text, re.MULTILINE)
    if inline:
        inner = inline[1].strip().rstrip(",")
        joined = f"tables: {{{inner + ', ' if inner else ''}{table}: {table}.yaml}}{inline[2]}"
        return text[: inline.start()] + joined + text[inline.end() :]
    if block:
        start = block.end() - len(block[1] or "")
        return text[:start] + (block[1] or "  ") + line.strip() + "\n" + text[start:]
    return text.rstrip("\n") + f"\ntables:\n{line}\n"
