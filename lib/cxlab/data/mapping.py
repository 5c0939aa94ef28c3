"""The mapping file: from the names, codes and shapes of a stranger's file to ours; and the one YAML reader.

data/README.md lists the keys; all but ``table`` and ``file`` are optional.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError, nearest, refuse_unknown, show
from cxlab.data.files import OPTIONS, regular_file
from cxlab.data.tables import kind_named

_FILE = ("path", *OPTIONS, "decimal", "day_first")
_LIMIT = 2_000_000


def read_yaml(path: str | Path, *, typed: bool = False) -> dict[str, Any]:
    """Read a mapping or params file; anchors, repeated keys and deep nesting are refused.

    ``typed`` keeps numbers, true/false and null (params); otherwise every scalar is text, so that a column
    called ``no`` or a code ``007`` stays what it is.
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
                raise InputError(f"{name}, line {mark.line + 1}: anchors (*name) are not used: write it out")
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
        raise InputError(f"{name}{where}: this is not valid YAML ({problem}); mind the indents") from None
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
    missing: Sequence[str] = ()
    missing_in: dict[str, list[str]] = field(default_factory=dict)
    scales: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)
    recode: dict[str, dict[str, str]] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    out_of_range: str = ""
    reversed: Sequence[str] = ()
    wide_to_long: dict[str, Any] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    default_outcome: str = ""
    segments: Sequence[str] = ()
    weights: str = ""
    clusters: str = ""
    date: str = ""
    personal: Sequence[str] = ()
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


_KEYS = {*Mapping.__dataclass_fields__, "file"} - {"source", "path", "read", "decimal", "day_first"}


def read_mapping(path: str | Path) -> Mapping:
    """Read and check a mapping file."""
    path = Path(path)
    content, name = read_yaml(path), path.name
    refuse_unknown(content, sorted(_KEYS), name)
    table = content.get("table")
    if not isinstance(table, str) or not table:
        raise InputError(f"{name}: the key table is missing; it says which this is, as table: survey")
    file = content.get("file") or {}
    file = {"path": file} if isinstance(file, str) else file
    if not isinstance(file, dict) or any(isinstance(value, dict | list) for value in file.values()):
        raise InputError(f"{name}: file must be a path, or lines such as path: their.csv")
    refuse_unknown(file, _FILE, f"{name}, file")
    source = str((path.parent / file["path"]).resolve()) if file.get("path") else None
    read: dict[str, Any] = {key: file[key] for key in OPTIONS if file.get(key)}
    if read.get("delimiter") in ("tab", "\\t"):
        read["delimiter"] = "\t"
    checks = {
        "header_line": ("[1-9][0-9]{0,8}", "a whole number of 1 or more"),
        "decimal": ("[.,]", "',' or '.'"),
        "day_first": ("(?i)true|false", "true or false"),
    }
    for key, (pattern, rule) in checks.items():
        if file.get(key) and not re.fullmatch(pattern, file[key]):
            raise InputError(f"{name}: {key} must be {rule}, got {show(file[key])}")
    if "header_line" in read:
        read["header_line"] = int(read["header_line"])
    first = file["day_first"].casefold() == "true" if file.get("day_first") else None
    facts = {"decimal": file.get("decimal") or None, "day_first": first, "read": read, "path": path.resolve()}
    return replace(from_dict(content, table, name), source=source, **facts)


def from_dict(content: dict[str, Any], table: str, name: str = "mapping") -> Mapping:
    """Build a mapping from the content of a mapping file."""
    known: dict[str, Any] = {"table": kind_named(table).name}
    for key, value in content.items():
        if value not in (None, "", [], {}, ()) and key not in ("table", "file"):
            known[key] = _SHAPES.get(key, _text)(value, f"{name}: {key}")
    if known.get("out_of_range", "missing") != "missing":
        raise InputError(f"{name}: out_of_range must be missing or away, got {show(known['out_of_range'])}")
    columns, outcomes, blocks = (known.get(key, {}) for key in ("columns", "outcomes", "blocks"))
    ours = list(columns.values())
    for twice in [to for to in ours if ours.count(to) > 1][:1]:
        theirs = " and ".join(show(key) for key, to in columns.items() if to == twice)
        raise InputError(f"{name}: columns {theirs} both become {show(twice)}; keep one")
    default = known.get("default_outcome")
    if default and default not in outcomes:
        hint = nearest(default, outcomes).strip()
        raise InputError(f"{name}: default_outcome {show(default)} is not among outcomes; {hint}")
    owner = {item: "the outcomes" for items in outcomes.values() for item in items}
    for side, items in blocks.items():
        for item in items:
            if owner.setdefault(item, side) != side or items.count(item) > 1:
                raise InputError(f"{name}: {show(item)} stands in {owner[item]} and in {side}: keep one")
    if known["table"] != "survey" and (any(blocks.values()) or outcomes):
        raise InputError(f"{name}: blocks and outcomes belong to a survey only; this is {known['table']}")
    for outcome, items in outcomes.items():
        if not items:
            raise InputError(f"{name}: the outcome {show(outcome)} has no items; list them")
    known["blocks"] = {side: items for side, items in blocks.items() if items}
    return Mapping(**known)


def _dict(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} must hold 'name: value' lines, got {show(value)}")
    return {str(key): inner for key, inner in value.items()}


def _each(shape: Callable[[Any, str], Any]) -> Callable[[Any, str], dict[str, Any]]:
    return lambda value, where: {k: shape(v, f"{where}, {k}") for k, v in _dict(value, where).items()}


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str | int | float) or value == "":
        raise InputError(f"{where} must be one text, got {show(value)}")
    return str(value)


def _list(value: Any, where: str) -> list[str]:
    value = [value] if isinstance(value, str) and value else value or []
    if not isinstance(value, list | tuple) or any(isinstance(item, dict | list) for item in value):
        raise InputError(f"{where} must be a list such as [a, b], got {show(value)}")
    return [str(item) for item in value]


def _range(value: Any, where: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in value)
        if low < high:
            return low, high
    except (TypeError, ValueError):
        pass
    raise InputError(f"{where} must be [lowest, highest], such as [1, 5]; got {show(value)}")


def _scales(value: Any, where: str) -> list[tuple[list[str], dict[str, str]]]:
    found = []
    for part in value if isinstance(value, list) else [value]:
        refuse_unknown(_dict(part, where), ("items", "codes"), where)
        found.append((_list(part.get("items"), where), _each(_text)(part.get("codes") or {}, where)))
    return found


def _wide(value: Any, where: str) -> dict[str, Any]:
    refuse_unknown(_dict(value, where), ("name", "values"), where)
    values = value.get("values")
    if not isinstance(value.get("name"), str) or not isinstance(values, dict) or not values:
        raise InputError(f"{where} needs name (our column) and values (our column: {{label: their column}})")
    return {"name": value["name"], "values": _each(_each(_text))(values, where)}


_SHAPES = {
    **dict.fromkeys(("columns", "labels", "where"), _each(_text)),
    **dict.fromkeys(("missing_in", "blocks", "outcomes", "roles"), _each(_list)),
    **dict.fromkeys(("missing", "reversed", "segments", "personal"), _list),
    **{
        "recode": _each(_each(_text)),
        "range": _range,
        "ranges": _each(_range),
        "scales": _scales,
        "wide_to_long": _wide,
    },
}
