"""The mapping file: from the names, codes and shapes of a stranger's file to ours; and the one YAML reader.

Every key but ``table`` and ``file`` is optional::

    table: survey
    title: Customers of 2026, second wave
    file: {path: ../their.csv}        # or {url: postgres://host/base, table: answers}
                                      # also: encoding, delimiter, header_line, sheet, decimal, day_first
    columns: {Kundennummer: respondent, Gebiet: segment}      # theirs: ours
    missing: [-99, "don't know"]      # mean 'no answer' in every answer, as the file holds them
    missing_in: {Q7: [9], "Q9*": [0, 6]}                      # ... or in some columns only
    scales: [{items: [Q1, Q2], codes: {bad: 1, good: 2}}]     # answers in words
    recode: {Gebiet: {1: north, 2: south}}                    # codes match as numbers
    range: [1, 10]                    # of all items; ranges: {Q9: [0, 100]} of single ones
    out_of_range: missing             # counts cells outside as missing; without it they are faults
    reversed: [Q7]                    # high means bad: turned round within the range
    wide_to_long: {name: event, values: {timestamp: {ordered: day_1, paid: day_2}}}
    blocks: {product: [Q1, Q2], experience: [Q3, Q4], price: []}
    outcomes: {loyalty: [Q10, Q11]}   # each becomes a column, the mean of its items where all were answered
    default_outcome: loyalty
    segments: [segment]
    weights: weight                   # survey weights; clusters: who gave several rows; date: day of the answer
    where: {segment: north}           # keep only these rows (our column: value, after recoding)
    personal: [email]                 # columns that may stay although they look personal
    labels: {Q1: works without fault}
    roles: {}                         # further lists of items that a page asks for
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError
from cxlab.data.files import regular_file
from cxlab.data.places import nearest, refuse_unknown, show
from cxlab.data.tables import kind_named

_FILE = ("path", "url", "table", "encoding", "delimiter", "header_line", "sheet", "decimal", "day_first")
_LIMIT = 2_000_000


def read_yaml(path: str | Path, *, typed: bool = False) -> dict[str, Any]:
    """Read a mapping or params file; anchors, repeated keys and deep nesting are refused.

    ``typed`` keeps numbers, true/false and null (params); otherwise every scalar is text, so that a column called
    ``no`` or a code ``007`` stays what it is.
    """
    import yaml

    path = regular_file(path)
    name = path.name
    if path.stat().st_size > _LIMIT:
        raise InputError(f"{name} is larger than a settings file can be; is it the right file?")

    class Loader(yaml.SafeLoader if typed else yaml.BaseLoader):
        depth = 0

        def compose_node(self, parent, index):
            mark = self.peek_event().start_mark
            if self.check_event(yaml.AliasEvent):
                raise InputError(
                    f"{name}, line {mark.line + 1}: anchors (*name) are not used here; write it out"
                )
            self.depth += 1
            if self.depth > 20:
                raise InputError(f"{name}, line {mark.line + 1}: nested too deeply; write it more simply")
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key, _ in node.value:
                line = key.start_mark.line + 1
                if not isinstance(key, yaml.ScalarNode):
                    raise InputError(f"{name}, line {line}: a key must be plain text")
                if key.value in seen:
                    raise InputError(f"{name}, line {line}: the key {show(key.value)} stands twice; keep one")
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader)
    except InputError:
        raise
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8 text; save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(
            f"{name}{where}: this is not valid YAML ({problem}); mind colons, quotes, indents"
        ) from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"{name} cannot be read ({type(error).__name__}); write it more simply") from None
    if not content or not isinstance(content, dict):
        what = "must hold 'key: value' lines at its top" if content else "is empty"
        raise InputError(f"{name} {what}; cxlab init writes one to start from")
    return content


@dataclass(frozen=True)
class Mapping:
    """A mapping file as read and checked; see the module's text for its keys."""

    table: str
    title: str = ""
    source: Any = None
    path: Path | None = None
    read: dict[str, Any] = field(default_factory=dict)
    decimal: str | None = None
    day_first: bool | None = None
    columns: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    missing_in: dict[str, tuple[str, ...]] = field(default_factory=dict)
    scales: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = ()
    recode: dict[str, dict[str, str]] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    out_of_range: str = ""
    reversed: tuple[str, ...] = ()
    wide_to_long: dict[str, Any] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    default_outcome: str = ""
    segments: tuple[str, ...] = ()
    weights: str = ""
    clusters: str = ""
    date: str = ""
    personal: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    licence: str = "own data"
    citation: str = "own data"
    notes: str = ""

    @property
    def items(self) -> list[str]:
        """All item columns, in the order of the blocks and outcomes, under our names."""
        roles = [items for role, items in self.roles.items() if role != "text"]  # open answers stay text
        groups = [*self.blocks.values(), *self.outcomes.values(), *roles]
        return list(dict.fromkeys(self.ours(item) for items in groups for item in items))

    def ours(self, name: str) -> str:
        """Our name of a column of theirs."""
        return self.columns.get(name, name)


_KEYS = (*(key for key in Mapping.__dataclass_fields__ if key not in ("source", "path", "read", "decimal", "day_first")),
         "file")  # fmt: skip


def read_mapping(path: str | Path) -> Mapping:
    """Read and check a mapping file."""
    path = Path(path)
    content = read_yaml(path)
    name = path.name
    refuse_unknown(content, _KEYS, name)
    if not isinstance(content.get("table"), str) or not content["table"]:
        raise InputError(
            f"{name}: the key table is missing; it says which table this is, such as table: survey"
        )
    mapping = from_dict(content, content["table"], name)
    file = content.get("file") or {}
    file = {"path": file} if isinstance(file, str) else file
    if not isinstance(file, dict) or any(isinstance(value, dict | list) for value in file.values()):
        raise InputError(f"{name}: file must be a path, or lines such as path: their.csv")
    refuse_unknown(file, _FILE, f"{name}, file")
    source = file.get("url") or None
    if file.get("path"):
        source = file["path"] if "://" in file["path"] else str((path.parent / file["path"]).resolve())
    read = {key: file[key] for key in ("encoding", "delimiter", "sheet", "table") if file.get(key)}
    if read.get("delimiter") in ("tab", "\\t"):
        read["delimiter"] = "\t"
    if file.get("header_line"):
        if not file["header_line"].isdecimal() or not 0 < int(file["header_line"]) < 1e9:
            raise InputError(
                f"{name}: header_line must be a whole number of 1 or more, got {show(file['header_line'])}"
            )
        read["header_line"] = int(file["header_line"])
    decimal, day_first = file.get("decimal") or None, (file.get("day_first") or "").casefold()
    if decimal not in (None, ",", "."):
        raise InputError(f"{name}: decimal must be ',' or '.', got {show(decimal)}")
    if day_first not in ("", "true", "false"):
        raise InputError(f"{name}: day_first must be true or false, got {show(day_first)}")
    first = day_first == "true" if day_first else None
    return replace(mapping, source=source, path=path.resolve(), read=read, decimal=decimal, day_first=first)


def from_dict(content: dict[str, Any], table: str, name: str = "mapping") -> Mapping:
    """Build a mapping from the content of a mapping file."""
    kind = kind_named(table)
    known: dict[str, Any] = {"table": kind.name}
    for key, value in content.items():
        where = f"{name}: {key}"
        if value in (None, "", [], {}, ()) or key in ("table", "file"):
            continue
        if key in ("columns", "labels", "where"):
            known[key] = _texts(value, where)
        elif key in ("missing_in", "blocks", "outcomes", "roles"):
            known[key] = {str(k): list(_list(v, f"{where}, {k}")) for k, v in _dict(value, where).items()}
        elif key in ("missing", "reversed", "segments", "personal"):
            known[key] = _list(value, where)
        elif key == "recode":
            known[key] = {str(k): _texts(v, f"{where}, {k}") for k, v in _dict(value, where).items()}
        elif key == "range":
            known[key] = _range(value, where)
        elif key == "ranges":
            known[key] = {str(k): _range(v, f"{where}, {k}") for k, v in _dict(value, where).items()}
        elif key == "scales":
            known[key] = tuple(
                _scale(part, where) for part in (value if isinstance(value, list) else [value])
            )
        elif key == "wide_to_long":
            known[key] = _wide(value, where)
        elif isinstance(value, dict | list):
            raise InputError(f"{where} must be one line, got {show(value)}")
        else:
            known[key] = str(value)
    if known.get("out_of_range", "missing") != "missing":
        raise InputError(
            f"{name}: out_of_range must be missing or stay away, got {show(known['out_of_range'])}"
        )
    _consistent(known, name)
    known["blocks"] = {side: items for side, items in known.get("blocks", {}).items() if items}
    return Mapping(**known)


def _consistent(known: dict[str, Any], name: str) -> None:
    columns, outcomes, blocks = (known.get(key, {}) for key in ("columns", "outcomes", "blocks"))
    ours = list(columns.values())
    twice = [to for to in ours if ours.count(to) > 1]
    if twice:
        theirs = [key for key, to in columns.items() if to == twice[0]]
        raise InputError(
            f"{name}: columns {' and '.join(map(show, theirs))} both become {show(twice[0])}; keep one"
        )
    default = known.get("default_outcome")
    if default and default not in outcomes:
        raise InputError(
            f"{name}: default_outcome {show(default)} is not among outcomes; {nearest(default, outcomes)}".strip()
        )
    both = {item for items in blocks.values() for item in items} & {
        i for items in outcomes.values() for i in items
    }
    if both:
        raise InputError(
            f"{name}: {show(min(both))} stands among the blocks and among the outcomes; keep it in one"
        )
    owner: dict[str, str] = {}
    for side, items in blocks.items():
        for item in items:
            if item in owner:
                raise InputError(
                    f"{name}: {show(item)} stands in {owner[item]} and in {side}; keep it on one side"
                )
            owner[item] = side
    if known["table"] != "survey" and (any(blocks.values()) or outcomes):
        raise InputError(
            f"{name}: blocks and outcomes belong to the table survey only; this is {known['table']}"
        )
    empty = [outcome for outcome, items in outcomes.items() if not items]
    if empty:
        raise InputError(f"{name}: the outcome {show(empty[0])} has no items; list them in the mapping file")


def _dict(value: Any, where: str) -> dict:
    if not isinstance(value, dict):
        raise InputError(f"{where} must hold 'name: value' lines, got {show(value)}")
    return value


def _texts(value: Any, where: str) -> dict[str, str]:
    for key, inner in _dict(value, where).items():
        if not isinstance(inner, str | int | float) or inner == "":
            raise InputError(f"{where}, {key} must be one text, got {show(inner)}")
    return {str(key): str(inner) for key, inner in value.items()}


def _list(value: Any, where: str) -> tuple[str, ...]:
    value = [value] if isinstance(value, str) and value else value or []
    if not isinstance(value, list | tuple) or any(isinstance(item, dict | list) for item in value):
        raise InputError(f"{where} must be a list such as [a, b], got {show(value)}")
    return tuple(str(item) for item in value)


def _range(value: Any, where: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in value)
        if low < high:
            return low, high
    except (TypeError, ValueError):
        pass
    raise InputError(f"{where} must be [lowest, highest], such as [1, 5]; got {show(value)}")


def _scale(value: Any, where: str) -> tuple[tuple[str, ...], dict[str, str]]:
    refuse_unknown(_dict(value, where), ("items", "codes"), where)
    return _list(value.get("items"), f"{where}, items"), _texts(value.get("codes") or {}, f"{where}, codes")


def _wide(value: Any, where: str) -> dict[str, Any]:
    refuse_unknown(_dict(value, where), ("name", "values"), where)
    values = value.get("values")
    if not isinstance(value.get("name"), str) or not isinstance(values, dict) or not values:
        raise InputError(f"{where} needs name (our column) and values (our column: {{label: their column}})")
    return {"name": value["name"], "values": {str(k): _texts(v, f"{where}, {k}") for k, v in values.items()}}
