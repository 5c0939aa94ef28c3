"""One report for each value of a column, and an overview that compares them; small segments are not shown."""

import collections
import dataclasses
import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cxlab.data.errors import InputError, nearest, show
from cxlab.data.files import cache_folder
from cxlab.data.mapping import read_mapping, read_yaml
from cxlab.data.privacy import suppress
from cxlab.data.study import Study, open_mapped
from cxlab.data.tables import KINDS, kind_named
from cxlab.workbook import publish
from cxlab.workbook.executed import EXPLORE, PLOTLY, RESULT, to_text
from cxlab.workbook.plan import Build, Part

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
        counts = _sizes(study.tables[kind], by, seen)
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


# ---------------------------------------------------------------- what must not be shown

_FEW = "Not shown: its counts would tell of a few people."
# A whole number counts people unless its column, or its unit's last word, is here: in doubt it is hidden.
_COUNTED = {
    "accounts", "areas", "attackers", "bearing", "claim", "claims", "figures", "groups", "initiatives",
    "items", "links", "lowest", "mixed", "not testable here", "outlets", "owners", "parts", "rank",
    "rank high", "rank low", "refuted", "runs", "segments", "stages", "state", "step", "supported",
    "supporters", "surveys", "testable", "themes", "unanswered", "undecided", "worlds",
}  # fmt: skip
_WHO = "customer|respondent|people|person|answer|contact|visit|guest|complain|promoter|detractor|passive"
_SAID = re.compile(rf"(\d[\d,]*)(?: of (?:the )?(\d[\d,]*))? (?:{_WHO})")
_BARS = re.compile(r"(\d[\d,]*) \(")


@dataclasses.dataclass
class _Shown:
    """One output of a page and the counts of people that it shows.

    ``table`` are counts of its table (row and column -> count), ``stated`` those of its numbers and
    sentences, ``bases`` what its numbers rest on, by the name of the number.
    """

    at: tuple[int, int]
    source: str = ""
    table: dict[tuple, int] = dataclasses.field(default_factory=dict)
    stated: dict[tuple, int] = dataclasses.field(default_factory=dict)
    bases: dict[str, int] = dataclasses.field(default_factory=dict)
    gone: str = ""


def hide_small(parts: list[Part], min_cell: int, hidden: int = 0) -> None:
    """Take out of the segments' pages what tells of fewer than ``min_cell`` people, also by difference.

    Looked at is every count that a page shows: itself, against the others of its segment, and the sum over
    the segments against the whole sample. What goes is the table with its picture, or the whole answer.
    ``hidden`` is how many values have no report.
    """
    main, *segments = [(part, {stem: _read(part, stem) for stem in sorted(part.stated)}) for part in parts]
    for part, pages in segments:
        for stem, reason in part.failed.items():
            told = _Shown((0, 0))
            _sentences(told, 0, [reason])
            if any(0 < n < min_cell for n in told.stated.values()):
                part.failed[stem] = "its counts would tell of a few people"
        for stem, outputs in pages.items():
            for shown, whole in zip(outputs, main[1].get(stem, ()), strict=False):
                _judge(shown, whole, min_cell)
        _apart(pages, _named(main[1], part.label), min_cell)
    for stem, outputs in main[1].items():
        for place, whole in enumerate(outputs):
            same = [pages[stem][place] for _, pages in segments if place < len(pages.get(stem, ()))]
            for kind, level in (("table", "table"), ("stated", "all"), ("bases", "all")):
                for key, total in getattr(whole, kind).items():
                    _sums(same, kind, key, total, level, min_cell, bool(hidden) or len(same) < len(segments))
    for part, pages in segments:
        for stem, outputs in pages.items():
            if any(shown.gone for shown in outputs):
                _withhold(part, stem, outputs)


def _read(part: Part, stem: str) -> list[_Shown]:
    """Return the results and explorers of a page, in order."""
    found = []
    for i, cell in enumerate(json.loads(publish.read(part.executed[stem]))["cells"]):
        for k, output in enumerate(cell.get("outputs", ())):
            data = output.get("data", {})
            if RESULT in data:
                found.append(_counts(_Shown((i, k)), data[RESULT]))
            elif EXPLORE in data:
                shown = _Shown((i, k))
                for state, figure in enumerate(data[EXPLORE]["figures"]):
                    _sentences(shown, state, [figure.get("finding", "")])
                    for t, trace in enumerate(figure["data"]):
                        labels = map(_BARS.match, map(str, trace.get("text") or ()))
                        counts = [int(match[1].replace(",", "")) for match in labels if match]
                        shown.stated |= {(state, t, bar): n for bar, n in enumerate(counts)}
                        shown.stated |= {
                            ("less", state, t, bar): a - b
                            for bar, (a, b) in enumerate(itertools.pairwise(counts))
                        }
                for (state, *rest), n in list(shown.stated.items()):  # one window against the next
                    before = shown.stated.get((state - 1, *rest)) if isinstance(state, int) else None
                    if before is not None:
                        shown.stated["windows", state, *rest] = n - before
                found.append(shown)
    return found


def _counts(shown: _Shown, result: dict[str, Any]) -> _Shown:
    """Note every count of people that a result shows."""
    shown.source = result["source"]
    for number in result["numbers"]:
        if number["unit"].rpartition(" ")[2] in _COUNTED:
            continue
        if number["n"] is not None:
            shown.bases[number["name"]] = number["n"]
        if type(number["value"]) is int:
            shown.stated[number["name"]] = number["value"]
    _sentences(shown, 0, [result["finding"], *result["cautions"]])
    table = result["table"] or {"columns": [], "rows": []}
    columns = [
        i for i, name in enumerate(table["columns"])
        if name not in _COUNTED and _whole([row[i] for row in table["rows"]])
    ]  # fmt: skip
    before: dict[int, int] = {}
    for place, row in enumerate(table["rows"]):
        name = tuple(cell for cell in row if isinstance(cell, str)) or (place,)
        counts = {i: int(row[i]) for i in columns if row[i] is not None}
        shown.table |= {(*name, table["columns"][i]): n for i, n in counts.items()}
        for i, j in itertools.combinations(counts, 2):
            shown.table["within", *name, i, j] = abs(counts[i] - counts[j])
        if table["columns"][0] == "step":
            shown.table |= {("step", *name, i): before[i] - n for i, n in counts.items() if i in before}
            before = counts
    return shown


def _whole(column: list[Any]) -> bool:
    """Return whether a column holds whole numbers (floats where one is missing), not flags or shares."""
    known = [cell for cell in column if cell is not None]
    if any(isinstance(cell, bool | str) or cell != int(cell) for cell in known):
        return False
    return any(isinstance(cell, int) or cell > 1 for cell in known)


def _sentences(shown: _Shown, state: int, texts: list[str]) -> None:
    for match in _SAID.finditer(" ".join(texts)):
        one, of = (int(text.replace(",", "")) if text else None for text in match.groups())
        shown.stated[state, "said", match.start()] = one
        if of is not None:
            shown.stated |= {(state, "of", match.start()): of, (state, "rest", match.start()): of - one}


def _judge(shown: _Shown, whole: _Shown, min_cell: int) -> None:
    """Mark what shows a small count; what the whole sample shows as well is about other data."""
    for kind in ("table", "stated", "bases"):
        found, same = getattr(shown, kind), getattr(whole, kind)
        for key in [key for key, n in found.items() if same.get(key) == n]:
            del found[key]
    if any(0 < n < min_cell for n in (*shown.stated.values(), *shown.bases.values())):
        shown.gone = "all"
    elif any(0 < n < min_cell for n in shown.table.values()):
        shown.gone = "table"


def _named(pages: dict[str, list[_Shown]], label: str) -> dict[str, set[int]]:
    """Return source -> the counts that the whole sample's tables give for a segment."""
    found: dict[str, set[int]] = {}
    for outputs in pages.values():
        for shown in outputs:
            own = {n for key, n in shown.table.items() if {label, label.partition(": ")[2]} & {*key[:-1]}}
            found.setdefault(shown.source, set()).update(own)
    return found


def _apart(pages: dict[str, list[_Shown]], named: dict[str, set[int]], min_cell: int) -> None:
    """Mark answers that rest on a few people more or less than another answer about the same segment."""
    outputs = [shown for page in pages.values() for shown in page]
    for source in {shown.source for shown in outputs}:
        own = [(shown, n) for shown in outputs if shown.source == source for n in {*shown.bases.values()}]
        own += [(shown, n) for shown in outputs if shown.source == source for n in {*shown.stated.values()}]
        often = collections.Counter(n for _, n in own)
        kept = set(named.get(source, ()))
        for n, _ in often.most_common():
            if any(0 < abs(n - other) < min_cell for other in kept):
                for shown in (shown for shown, m in own if m == n):
                    shown.gone = "all"
            else:
                kept.add(n)


def _sums(
    same: list[_Shown], kind: str, key: Any, total: int, level: str, min_cell: int, absent: bool
) -> None:
    """Mark the smallest segments until what the others leave of a total is nobody or enough people."""
    stating = [shown for shown in same if key in getattr(shown, kind)]
    stating = [shown for shown in stating if shown.gone != "all" and (level == "all" or not shown.gone)]
    if not stating or (not absent and len(stating) == len(same)):
        return  # what nobody's segment holds is missing in the whole sample
    stating.sort(key=lambda shown: -getattr(shown, kind)[key])
    while stating and 0 < total - sum(getattr(shown, kind)[key] for shown in stating) < min_cell:
        stating.pop().gone = level


def _withhold(part: Part, stem: str, outputs: list[_Shown]) -> None:
    """Write a page's notebook anew without what must not be shown."""
    notebook = json.loads(publish.read(part.executed[stem]))
    for shown in reversed(outputs):
        if not shown.gone:
            continue
        i, k = shown.at
        cell = notebook["cells"][i]
        data = cell["outputs"][k]["data"]
        if shown.gone == "table":
            data[RESULT]["table"] = None
            after = cell["outputs"][k + 1 : k + 2]
            if after and PLOTLY in after[0].get("data", {}):
                del cell["outputs"][k + 1]
            continue
        known = data.get(RESULT, {"id": "", "lead": None, "source": "", "simulated": False})
        told = known | {"finding": _FEW, "numbers": [], "cautions": [], "missing": True, "table": None}
        told["open"] = False
        cell["outputs"] = [
            *cell["outputs"][:k],
            {"output_type": "display_data", "metadata": {}, "data": {RESULT: told, "text/plain": _FEW}},
        ]
    text = to_text(notebook)
    name = f"shown-{publish.key_of(text)}"
    publish.store(name, text)
    part.keep(stem, name, text)


def slug(label: str) -> str:
    """Return a folder's name for a value, another one for each value on every file system.

    Examples
    --------
    >>> slug("!a-3"), slug("a"), slug("A")
    ('a-3-a3b5a1a1', 'a-ca978112', 'a-559aead0')
    """
    letters = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40].strip("-")
    return f"{letters or 'value'}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _sizes(mapping: Path, by: str, seen: set[str]) -> pd.DataFrame | None:
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
        "study": study.name, "personal": list(study.personal), "min_cell": min_cell, "segment": value,
        "tables": {**{kind: f"{kind}.yaml" for kind in kinds}, **beside},
    }  # fmt: skip
    texts["params.yaml"] = yaml.safe_dump(params, sort_keys=True, allow_unicode=True)
    folder = cache_folder() / "segments" / publish.key_of([str(study.path), texts])[:24]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        publish.write_whole(folder / name, text)
    return {kind: str(folder / f"{kind}.yaml") for kind in kinds}
