"""One report for each value of a column, and an overview that compares them; small segments are not shown."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.places import cache_folder, nearest, show
from cxlab.data.privacy import suppress
from cxlab.data.study import open_mapped, read_yaml
from cxlab.data.tables import kind_named
from cxlab.workbook import keys
from cxlab.workbook.parts import Build, Part

MOST = 2000


def add_parts(build: Build) -> None:
    """Add a report for each value of ``--by`` that enough customers or respondents share.

    A value is one identity from start to end: what the table holds, as text, case kept. Its folder is named by its
    letters and a hash, so that two values never share one.

    Raises
    ------
    InputError
        When no table of the study has the column, or it has too many values to be a segment.
    """
    by, main = build.options.by, build.parts[0]
    shown: dict[str, dict[str, Any]] = {}  # label -> table parameter -> the value as the table holds it
    hidden: set[str] = set()
    seen: set[str] = set()
    sources = {name for page in main.pages for name in page.tables} & set(build.study.parameters)
    for name in sorted(sources):
        counts = _counts(build.study.parameters[name], by, seen)
        if counts is None:
            continue
        kept, _ = suppress(counts, count="n", min_cell=build.min_cell)
        hidden |= set(counts["label"]) - set(kept["label"])
        for label, value in zip(kept["label"], kept["value"], strict=True):
            shown.setdefault(label, {})[name] = value
    if not shown and not hidden:
        raise InputError(
            f"--by {show(by)}: no table of the study has that column; {nearest(by, seen)}".strip("; ")
        )
    if len(shown) > MOST:
        raise InputError(
            f"--by {by}: {len(shown)} values; a segment column has at most {MOST}, so group them by recode"
        )
    build.hidden = len(hidden - set(shown))
    for label in sorted(shown):
        mappings = {
            name: _filtered(build.study.parameters[name], by, value) for name, value in shown[label].items()
        }
        pages = [
            dataclasses.replace(
                page,
                given={**page.given, **{n: str(mappings[n]) if n in mappings else "" for n in page.tables}},
            )
            for page in main.pages
            if not page.missing and set(page.tables) & set(mappings)
        ]
        words = {
            str(path): f"{Path(build.study.parameters[name]).parent.name}/{name}.yaml"
            for name, path in mappings.items()
        }
        files = {**main.files, "segment": [by, label]}
        build.parts.append(
            Part(f"segments/{slug(label)}", f"{by}: {label}", pages, {**main.paths, **words}, files)
        )


def slug(label: str) -> str:
    """Return a folder's name for a value, another one for each value on every file system.

    Examples
    --------
    >>> slug("!a-3"), slug("a"), slug("A")
    ('a-3-a3b5a1a1', 'a-ca978112', 'a-559aead0')
    """
    letters = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40].strip("-")
    return f"{letters or 'value'}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def text_of(value: Any) -> str:
    """Return the words of a segment's value: ``2`` for 2.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _counts(mapping: str, by: str, seen: set[str]) -> pd.DataFrame | None:
    """Return ``label value n`` for each value of a column: how many people (or rows) share it; None without the column."""
    table = open_mapped(mapping)
    columns = list(table.frame.columns)
    theirs = (read_yaml(Path(mapping)).get("columns") or {}).items()
    column = (
        by if by in columns else next((ours for ours, name in theirs if name == by and ours in columns), None)
    )
    seen |= {*columns, *(str(name) for _, name in theirs)}
    if column is None:
        return None
    person = kind_named(table.kind).counts if kind_named(table.kind).counts in columns else None
    if not hasattr(table.frame, "groupby"):  # ibis: counted where the data are
        n = table.frame[person].nunique() if person else table.frame.count()
        counts = table.frame.group_by(column).aggregate(n=n).to_pandas().dropna(subset=[column])
    else:
        groups = table.frame.dropna(subset=[column]).groupby(column, observed=True)
        counts = (groups[person].nunique() if person else groups.size()).rename("n").reset_index()
    counts = counts.rename(columns={column: "value"})
    counts["label"] = [text_of(value) for value in counts["value"]]
    return counts.sort_values("label")[["label", "value", "n"]]


def _filtered(mapping: str, by: str, value: Any) -> Path:
    """Write a copy of a mapping that keeps one segment's rows."""
    import yaml

    path = Path(mapping)
    content = read_yaml(path)
    column = next((ours for ours, theirs in (content.get("columns") or {}).items() if theirs == by), by)
    file = content.get("file")
    name = file if isinstance(file, str) else (file or {}).get("path", "")
    absolute = name if "://" in name or not name else str((path.parent / name).resolve())
    content["file"] = absolute if isinstance(file, str) else {**(file or {}), "path": absolute}
    content["where"] = {
        **(content.get("where") or {}),
        column: value.item() if hasattr(value, "item") else value,
    }
    text = yaml.safe_dump(content, sort_keys=True, allow_unicode=True)
    target = cache_folder() / "segments" / f"{keys.key_of(text)[:24]}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    keys.write_whole(target, text)
    return target
