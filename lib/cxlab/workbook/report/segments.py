"""One report for each value of a column, and an overview that compares them; small segments are not shown."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlab.evidence.errors import InputError
from cxlab.evidence.places import cache_folder

from . import cache, own

if TYPE_CHECKING:
    from .build import Part

__all__ = ["overview", "parts", "suppressed"]

_MOST = 40
_PEOPLE = ("respondent", "customer_id", "customer", "person")


def parts(main: Part, study: Any, by: str, min_cell: int) -> list[Part]:
    """Return a report for each value of ``by`` that enough customers or respondents share.

    Raises
    ------
    InputError
        When no table of the study has the column, or it has too many values to be a segment.
    """
    from .build import Part

    counts = _counts(study, by)
    made: list[Part] = []
    labels = sorted({label for values in counts.values() for label in values})
    if len(labels) > _MOST:
        raise InputError(
            f"--by {by}: {len(labels)} values; a segment column has at most {_MOST}, so group them by recode"
        )
    hidden = {table: suppressed(values, min_cell) for table, values in counts.items()}
    slugs: set[str] = set()
    for number, label in enumerate(labels, start=1):
        tables = [t for t, values in counts.items() if label in values and label not in hidden[t]]
        if not tables:
            continue
        mappings = {table: _filtered(study, table, by, label) for table in tables}
        paths = {**main.paths, **{str(m): f"{study.path.parent.name}/{t}.yaml" for t, m in mappings.items()}}
        pages = []
        for page in main.pages:
            if page.missing or not set(page.tables) <= set(tables) or not page.tables:
                continue
            given = {
                name: str(mappings[table])
                for name, table in own.sources_of(page).items()
                if table in mappings
            }
            if given:
                pages.append(dataclasses.replace(page, given={**page.given, **given}))
        if pages:
            made.append(Part(f"segments/{_slug(label, number, slugs)}", f"{by}: {label}", pages, paths))
    main.hidden = sorted(
        {label for labels in hidden.values() for label in labels} - {_label(part, by) for part in made}
    )
    return made


def _label(part: Part, by: str) -> str:
    return part.label.removeprefix(f"{by}: ")


def suppressed(counts: Mapping[str, int], min_cell: int) -> set[str]:
    """Return the values to hide: those counting fewer than ``min_cell``, and enough others that none follows by difference.

    >>> sorted(suppressed({"a": 40, "b": 3, "c": 9}, 5)), suppressed({"a": 40, "c": 9}, 5)
    (['b', 'c'], set())
    """
    order = sorted(counts, key=lambda label: (counts[label], label))
    hidden = [label for label in order if counts[label] < min_cell]
    if not hidden:
        return set()
    for label in order[len(hidden) :]:
        if len(hidden) > 1 and sum(counts[each] for each in hidden) >= min_cell:
            break
        hidden.append(label)
    return set(hidden)


def _counts(study: Any, by: str) -> dict[str, dict[str, int]]:
    """Return for each table that has the column how many people (or rows) each value counts."""
    from cxlab.evidence.mapping import open_mapped, read_mapping

    found: dict[str, dict[str, int]] = {}
    seen: set[str] = set()
    for name, path in study.tables.items():
        mapping = read_mapping(path)
        column = mapping.ours(by)
        table = open_mapped(path)
        seen |= {*table.columns, *mapping.columns}
        if column not in table.columns:
            continue
        person = next((each for each in _PEOPLE if each in table.columns and each != column), None)
        if not hasattr(table, "groupby"):  # ibis: counted where the data are
            count = table[person].nunique() if person else table.count()
            table = table.group_by(column).aggregate(n=count).to_pandas().dropna(subset=[column])
            values = dict(zip(table[column], table["n"], strict=True))
        else:
            groups = table.dropna(subset=[column]).groupby(column, observed=True)
            values = (groups[person].nunique() if person else groups.size()).to_dict()
        found[name] = {_text(value): int(count) for value, count in values.items()}
    if not found:
        near = get_close_matches(by, sorted(seen), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"--by {by}: no table of {study.path.name} has that column{hint}")
    return found


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _filtered(study: Any, table: str, by: str, label: str) -> Path:
    """Write a copy of a mapping that keeps one segment's rows."""
    import yaml

    from cxlab.evidence.mapping import read_mapping
    from cxlab.evidence.yamls import read_yaml

    path = study.tables[table]
    content = read_yaml(path)
    mapping = read_mapping(path)
    file = content.get("file") or {}
    file = {"path": file} if isinstance(file, str) else dict(file)
    if file.get("path"):
        file["path"] = mapping.source
    title = content.get("title") or study.name
    content.update(
        file=file,
        where={**(content.get("where") or {}), mapping.ours(by): label},
        title=f"{title} ({by}: {label})",
        personal=sorted({*mapping.personal, *study.personal}),
    )
    text = yaml.safe_dump(content, sort_keys=True, allow_unicode=True)
    folder = cache_folder() / "segments" / cache.key_of([str(path), by, label])[:16]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{table}.yaml"
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        cache.write_atomic(target, text)
    return target


def _slug(label: str, number: int, used: set[str]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40] or f"value-{number}"
    if slug in used or slug == "index":
        slug = f"{slug}-{number}"
    used.add(slug)
    return slug


def overview(parts: Sequence[Part], by: str) -> str:
    """Return the page that sets the headline numbers of the segments side by side."""
    from . import site
    from .write import links, versions

    main, segments = parts[0], parts[1:]
    questions = []
    for page in main.pages:
        having = [part for part in segments if page.stem in part.stated]
        if not having:
            continue
        everyone = [(main, "everyone"), *[(part, _label(part, by)) for part in having]]
        names = [
            r["name"] for r in main.stated.get(page.stem, {"records": []})["records"] if r.get("headline")
        ]
        numbers = []
        for name in names:
            rows = []
            for part, label in everyone:
                record = next((r for r in part.stated[page.stem]["records"] if r["name"] == name), None)
                if record is not None:
                    rows.append({**record, "name": label, "headline": True})
            numbers.append(
                {
                    "name": name.replace("-", " ").replace("_", " "),
                    "rows": rows,
                    "picture": site.comparison(rows),
                }
            )
        answers = [
            {"label": label, "sentence": (part.stated[page.stem]["conclusions"] or [""])[0],
             "href": f"../{part.folder}/{page.stem}.html" if part.folder else f"../{page.stem}.html"}
            for part, label in everyone
        ]  # fmt: skip
        questions.append({"question": page.question, "numbers": numbers, "answers": answers})
    context = {
        "root": "../",
        "home": "../index.html",
        "pages": [{**link, "href": f"../{link['href']}"} for link in links(main)],
        "by": by,
        "questions": questions,
        "segments": [
            {"label": _label(part, by), "href": f"../{part.folder}/index.html"} for part in segments
        ],
        "hidden": main.hidden,
        "versions": versions()[:3],
    }
    return site.environment().get_template("segments.html.j2").render(context).strip() + "\n"
