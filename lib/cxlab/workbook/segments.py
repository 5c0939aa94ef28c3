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
from cxlab.workbook.executed import EXPLORE, PLOTLY, RESULT, to_json
from cxlab.workbook.plan import Build, Part

MOST = 2000


def add_parts(build: Build) -> None:
    """Add a report for each value of ``--by`` that enough people share: what a table holds, as text, case
    kept. A column that no table of the study has is refused, and one with too many values.
    """
    by, study, main = build.options.by, build.study, build.parts[0]
    shown: dict[str, list[str]] = {}  # value -> the kinds of table that have it
    hidden: set[str] = set()
    seen: set[str] = set()
    read = {kind for page in main.pages for kind in page.tables.values()} & set(study.tables)
    for kind in sorted(read):
        counts = _sizes(study.tables[kind], by, seen)
        kept, _ = suppress(counts, count="n", min_cell=build.min_cell)
        hidden |= set(counts["value"].dropna()) - set(kept["value"])
        for value in kept["value"].dropna():
            shown.setdefault(value, []).append(kind)
    if not shown and not hidden:
        words = f"--by {show(by)}: no table of the study has that column; {nearest(by, seen)}"
        raise InputError(words.strip("; "))
    if len(shown) > MOST:
        raise InputError(f"--by {by}: {len(shown)} values, and at most {MOST} can be segments; group them")
    build.hidden = len(hidden - set(shown))
    for value, kinds in sorted(shown.items()):
        mappings = _filtered(study, kinds, by, value, build.min_cell)
        pages = []
        for page in (page for page in main.asked if set(page.tables.values()) & set(kinds)):
            tables = {name: mappings.get(kind, "") for name, kind in page.tables.items()}
            pages.append(dataclasses.replace(page, given=page.given | tables))
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
    """One output of a page, the counts of people that it shows, their keys beginning with "table" where the
    table alone shows them, and what is ``gone``, as it must not be shown: "table" or "all".
    """

    at: tuple[int, int]
    source: str
    counts: dict[tuple, int]
    gone: str = ""


_Pages = dict[str, list[_Shown]]


def hide_small(parts: list[Part], min_cell: int, hidden: int = 0) -> None:
    """Take out of the segments' pages what tells of fewer than ``min_cell`` people: a count itself, against
    others of its segment, or summed over the segments against the whole; ``hidden`` values have no report.
    """
    main, *segments = [{stem: _read(part, stem) for stem in sorted(part.stated)} for part in parts]
    for part, pages in zip(parts[1:], segments, strict=True):
        for stem, reason in part.failed.items():
            if any(0 < n < min_cell for n in _said(reason).values()):
                part.failed[stem] = "its counts would tell of a few people"
        for stem, outputs in pages.items():
            for shown, whole in zip(outputs, main.get(stem, ()), strict=False):
                _judge(shown, whole, min_cell)
        _apart(pages, _named(main, part.label), min_cell)
    for stem, outputs in main.items():
        for place, whole in enumerate(outputs):
            same = [pages[stem][place] for pages in segments if place < len(pages.get(stem, ()))]
            for key, total in whole.counts.items():
                _sums(same, key, total, min_cell, all_there=not hidden and len(same) == len(segments))
    for part, pages in zip(parts[1:], segments, strict=True):
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
                found.append(_Shown((i, k), data[RESULT]["source"], _counts(data[RESULT])))
            elif EXPLORE in data:
                found.append(_Shown((i, k), "", _counts_of_states(data[EXPLORE]["figures"])))
    return found


def _counts(result: dict[str, Any]) -> dict[tuple, int]:
    """Return every count of people that a result shows, and what counts beside each other differ by."""
    counts = _said(" ".join([result["finding"], *result["cautions"]]))
    for number in result["numbers"]:
        if number["unit"].rpartition(" ")[2] not in _COUNTED:
            told = {("base", number["name"]): number["n"], ("value", number["name"]): number["value"]}
            counts |= {key: n for key, n in told.items() if type(n) is int}
    table, before = result["table"] or {"columns": [], "rows": []}, {}
    for place, row in enumerate(table["rows"]):
        name = tuple(cell for cell in row if isinstance(cell, str)) or (place,)
        own = {
            column: int(row[i])
            for i, column in enumerate(table["columns"])
            if row[i] is not None and column not in _COUNTED and _whole([each[i] for each in table["rows"]])
        }
        counts |= {("table", *name, column): n for column, n in own.items()}
        for one, two in itertools.combinations(own, 2):
            counts["table", "within", *name, one, two] = abs(own[one] - own[two])
        if table["columns"][0] == "step":
            counts |= {("table", "step", *name, c): before[c] - n for c, n in own.items() if c in before}
            before = own
    return counts


def _whole(column: list[Any]) -> bool:
    """Return whether a column holds whole numbers (floats where one is missing), not flags or shares."""
    known = [cell for cell in column if cell is not None]
    whole = not any(isinstance(cell, bool | str) or cell != int(cell) for cell in known)
    return whole and any(isinstance(cell, int) or cell > 1 for cell in known)


def _said(text: str) -> dict[tuple, int]:
    """Return the numbers of people that a text tells, with the rest where it says "3 of 10 customers"."""
    counts = {}
    for match in _SAID.finditer(text):
        one, of = (int(number.replace(",", "")) if number else None for number in match.groups())
        counts["said", match.start()] = one
        if of is not None:
            counts |= {("of", match.start()): of, ("rest", match.start()): of - one}
    return counts


def _counts_of_states(figures: list[dict[str, Any]]) -> dict[tuple, int]:
    """Return the counts in an explorer's words and bars, and how they differ between bars and states."""
    counts, before = {}, {}
    for state, figure in enumerate(figures):
        now = _said(figure.get("finding", ""))
        for t, trace in enumerate(figure["data"]):
            labels = filter(None, map(_BARS.match, map(str, trace.get("text") or ())))
            now |= {("bar", t, i): int(label[1].replace(",", "")) for i, label in enumerate(labels)}
        for key, n in now.items():
            *trace, i = key
            more = {("less", *key): n - now.get((*trace, i + 1), n), ("moved", *key): n - before.get(key, n)}
            counts |= {(state, *name): number for name, number in {key: n, **more}.items()}
        before = now
    return counts


def _judge(shown: _Shown, whole: _Shown, min_cell: int) -> None:
    """Mark what shows a small count; what the whole sample shows as well is about other data."""
    shown.counts = {key: n for key, n in shown.counts.items() if whole.counts.get(key) != n}
    small = {key[0] for key, n in shown.counts.items() if 0 < n < min_cell}
    shown.gone = "table" if small == {"table"} else "all" if small else ""


def _named(pages: _Pages, label: str) -> dict[str, set[int]]:
    """Return source -> the counts that the whole sample's tables give for a segment."""
    names, found = {label, label.partition(": ")[2]}, collections.defaultdict(set)
    for shown in itertools.chain(*pages.values()):
        found[shown.source] |= {n for key, n in shown.counts.items() if key[0] == "table" and names & {*key}}
    return found


def _apart(pages: _Pages, named: dict[str, set[int]], min_cell: int) -> None:
    """Mark answers that rest on a few people more or less than another answer about the same segment."""
    told = collections.defaultdict(lambda: collections.defaultdict(list))
    for first in (True, False):  # what numbers rest on comes first: most answers share it
        for shown in itertools.chain(*pages.values()):
            for n in {n for k, n in shown.counts.items() if k[0] != "table" and (k[0] == "base") == first}:
                told[shown.source][n].append(shown)
    for source, telling in told.items():
        kept = set(named.get(source, ()))
        for n in sorted(telling, key=lambda n: -len(telling[n])):
            if any(0 < abs(n - other) < min_cell for other in kept):
                for shown in telling[n]:
                    shown.gone = "all"
            else:
                kept.add(n)


def _sums(same: list[_Shown], key: tuple, total: int, min_cell: int, *, all_there: bool) -> None:
    """Mark the smallest segments until what the others leave of a total is nobody or enough people."""
    level = "table" if key[0] == "table" else "all"
    stating = [s for s in same if key in s.counts and (not s.gone or (s.gone, level) == ("table", "all"))]
    if all_there and len(stating) == len(same):
        return  # what nobody's segment holds is missing in the whole sample
    stating.sort(key=lambda shown: -shown.counts[key])
    while stating and 0 < total - sum(shown.counts[key] for shown in stating) < min_cell:
        stating.pop().gone = level


def _withhold(part: Part, stem: str, outputs: list[_Shown]) -> None:
    """Write a page's notebook anew without what must not be shown."""
    notebook = json.loads(publish.read(part.executed[stem]))
    for shown in reversed(outputs):
        i, k = shown.at
        cell = notebook["cells"][i]["outputs"]
        data = cell[k]["data"]
        if shown.gone == "table":  # and the picture that is drawn from it
            data[RESULT]["table"] = None
            if any(PLOTLY in output.get("data", {}) for output in cell[k + 1 : k + 2]):
                del cell[k + 1]
        elif shown.gone:
            known = data.get(RESULT, {"id": "", "lead": None, "source": "", "simulated": False})
            told = {"finding": _FEW, "numbers": [], "cautions": [], "missing": True, "table": None}
            data = {RESULT: known | told | {"open": False}, "text/plain": _FEW}
            cell[k:] = [{"output_type": "display_data", "metadata": {}, "data": data}]
    text = to_json(notebook)
    name = f"shown-{publish.key_of(text)}"
    publish.store(name, text)
    part.keep(stem, name, text)


def slug(label: str) -> str:
    """Return a folder's name for a value, another one for each value on every file system."""
    letters = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40].strip("-")
    return f"{letters or 'value'}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _sizes(mapping: Path, by: str, seen: set[str]) -> pd.DataFrame:
    """Return ``value n``: how many people (or rows) share each value of a column; nothing without it."""
    table, names = open_mapped(mapping), read_mapping(mapping)
    column, columns = names.ours(by), list(table.frame.columns)
    seen |= {*columns, *names.columns}
    if column not in columns:
        return pd.DataFrame({"value": [], "n": []})
    counts = kind_named(table.kind).counts
    person = counts if counts in columns and counts != column else None
    if hasattr(table.frame, "groupby"):
        groups = table.frame.groupby(column, observed=True, dropna=False)
        found = (groups[person].nunique() if person else groups.size()).rename("n").reset_index()
    else:  # ibis: counted where the data are
        n = table.frame[person].nunique() if person else table.frame.count()
        found = table.frame.group_by(column).aggregate(n=n).to_pandas().dropna(subset=[column])
    whole = (int(v) if isinstance(v, float) and v.is_integer() else v for v in found[column])
    found["value"] = [value if pd.isna(value) else str(value) for value in whole]
    return found.sort_values("value")[["value", "n"]]


def _filtered(study: Study, kinds: list[str], by: str, value: str, min_cell: int) -> dict[str, str]:
    """Write a study with one segment's rows into the cache; return the mapping files of its tables."""
    contents = {}
    for kind in kinds:
        content, mapping = read_yaml(study.tables[kind]), read_mapping(study.tables[kind])
        file = content.get("file")
        content["file"] = {**(file if isinstance(file, dict) else {}), "path": mapping.source}
        content["file"].pop("url", None)
        content["where"] = {**(content.get("where") or {}), mapping.ours(by): value}
        contents[f"{kind}.yaml"] = content
    beside = {kind: str(path) for kind, path in study.tables.items() if KINDS[kind].beside in kinds}
    contents["params.yaml"] = {
        "study": study.name, "personal": list(study.personal), "min_cell": min_cell, "segment": value,
        "tables": {**{kind: f"{kind}.yaml" for kind in kinds}, **beside},
    }  # fmt: skip
    texts = {name: yaml.safe_dump(content, allow_unicode=True) for name, content in contents.items()}
    folder = cache_folder() / "segments" / publish.key_of([str(study.path), texts])[:24]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        publish.write_whole(folder / name, text)
    return {kind: str(folder / f"{kind}.yaml") for kind in kinds}
