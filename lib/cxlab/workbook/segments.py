"""One report for each value of a column, and an overview that compares them; small segments are not shown."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cxlab.data.errors import InputError
from cxlab.data.mapping import read_mapping, read_yaml
from cxlab.data.places import cache_folder, nearest, show
from cxlab.data.privacy import suppress
from cxlab.data.study import Study, open_mapped
from cxlab.data.tables import KINDS, kind_named
from cxlab.workbook import keys
from cxlab.workbook.parts import Build, Part

MOST = 2000


def add_parts(build: Build) -> None:
    """Add a report for each value of ``--by`` that enough customers or respondents share.

    A value is one identity from start to end: what the table holds, as text, case kept. Its folder is named
    by its letters and a hash, so that two values never share one.

    Raises
    ------
    InputError
        When no table of the study has the column, or it has too many values to be a segment.
    """
    by, study, main = build.options.by, build.study, build.parts[0]
    shown: dict[str, list[str]] = {}  # value -> the kinds of table that have it
    hidden: set[str] = set()
    seen: set[str] = set()
    read = {kind for page in main.pages for kind in page.tables.values()} & set(study.tables)
    for kind in sorted(read):
        counts = _counts(study.tables[kind], by, seen)
        if counts is not None:
            kept, _ = suppress(counts, count="n", min_cell=build.min_cell)
            hidden |= set(counts["value"].dropna()) - set(kept["value"])
            for value in kept["value"].dropna():
                shown.setdefault(value, []).append(kind)
    if not shown and not hidden:
        raise InputError(
            f"--by {show(by)}: no table of the study has that column; {nearest(by, seen)}".strip("; ")
        )
    if len(shown) > MOST:
        raise InputError(
            f"--by {by}: {len(shown)} values; a segment column has at most {MOST}, so group them"
        )
    build.hidden = len(hidden - set(shown))
    for value, kinds in sorted(shown.items()):
        mappings = _filtered(study, kinds, by, value, build.min_cell)
        pages = [
            dataclasses.replace(
                page, given=page.given | {n: mappings.get(k, "") for n, k in page.tables.items()}
            )
            for page in main.pages
            if not page.missing and set(page.tables.values()) & set(kinds)
        ]
        words = {path: f"{study.path.parent.name}/{kind}.yaml" for kind, path in mappings.items()}
        files = {**main.files, "segment": [by, value]}
        part = Part(f"segments/{slug(value)}", f"{by}: {value}", pages, {**main.paths, **words}, files)
        build.parts.append(part)


def hide_small(parts: list[Part], min_cell: int) -> None:
    """Take out the pages of segments whose counts would give few people away, also by difference.

    The counts are those that the numbers rest on: each number's ``n`` in the whole sample and in every
    segment.
    """
    main, *segments = parts
    before = None
    while before != (before := sum(len(part.stated) for part in segments)):
        for stem, page in sorted(main.stated.items()):
            for name, whole in page["numbers"].items():
                _hide(segments, stem, name, whole["n"], min_cell)


def _hide(segments: list[Part], stem: str, name: str, total: int | None, min_cell: int) -> None:
    found = [
        (part, part.stated.get(stem, {"numbers": {}})["numbers"].get(name, {}).get("n")) for part in segments
    ]
    counted = [(part, n) for part, n in found if n is not None]
    rest = (total or 0) - sum(n for _, n in counted)
    cells = pd.DataFrame({"part": range(len(counted)), "n": [n for _, n in counted]})
    if total is not None and 0 < rest < min_cell:
        cells = pd.concat([cells, pd.DataFrame({"part": [-1], "n": [rest]})])
    shown, hidden = suppress(cells, count="n", min_cell=min_cell) if len(cells) else (cells, 0)
    for place in set(cells["part"]) - set(shown["part"]) - {-1} if hidden else ():
        part = counted[place][0]
        del part.stated[stem]
        part.failed[stem] = "not shown: its counts would tell of a few people"


def slug(label: str) -> str:
    """Return a folder's name for a value, another one for each value on every file system.

    Examples
    --------
    >>> slug("!a-3"), slug("a"), slug("A")
    ('a-3-a3b5a1a1', 'a-ca978112', 'a-559aead0')
    """
    letters = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40].strip("-")
    return f"{letters or 'value'}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _counts(mapping: Path, by: str, seen: set[str]) -> pd.DataFrame | None:
    """Return ``value n``: how many people (or rows) share each value of a column; None without the column."""
    table, names = open_mapped(mapping), read_mapping(mapping)
    column, columns = names.ours(by), list(table.frame.columns)
    seen |= {*columns, *names.columns}
    if column not in columns:
        return None
    counts = kind_named(table.kind).counts
    person = counts if counts in columns and counts != column else None
    if hasattr(table.frame, "groupby"):
        groups = table.frame.groupby(column, observed=True, dropna=False)
        found = (groups[person].nunique() if person else groups.size()).rename("n").reset_index()
    else:  # ibis: counted where the data are
        n = table.frame[person].nunique() if person else table.frame.count()
        found = table.frame.group_by(column).aggregate(n=n).to_pandas().dropna(subset=[column])
    found["value"] = [
        str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in found[column]
    ]
    return found.sort_values("value")[["value", "n"]]


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _filtered(study: Study, kinds: list[str], by: str, value: str, min_cell: int) -> dict[str, str]:
    """Write a study with one segment's rows into the cache; return the mapping files of its tables."""
    texts = {}
    for kind in kinds:
        content, mapping = read_yaml(study.tables[kind]), read_mapping(study.tables[kind])
        file = content.get("file")
        content["file"] = {**(file if isinstance(file, dict) else {}), "path": mapping.source}
        content["file"].pop("url", None)
        content["where"] = {**(content.get("where") or {}), mapping.ours(by): value}
        texts[f"{kind}.yaml"] = yaml.safe_dump(content, sort_keys=True, allow_unicode=True)
    beside = {kind: str(path) for kind, path in study.tables.items() if KINDS[kind].beside in kinds}
    params = {
        "study": study.name, "personal": list(study.personal), "min_cell": min_cell,
        "tables": {**{kind: f"{kind}.yaml" for kind in kinds}, **beside},
    }  # fmt: skip
    texts["params.yaml"] = yaml.safe_dump(params, sort_keys=True, allow_unicode=True)
    folder = cache_folder() / "segments" / keys.key_of([str(study.path), texts])[:24]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        keys.write_whole(folder / name, text)
    return {kind: str(folder / f"{kind}.yaml") for kind in kinds}
