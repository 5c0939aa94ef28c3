"""The mapping file: from the names, codes and shapes of a stranger's file to ours; and the one YAML reader.

data/README.md lists the keys; all but ``table`` and ``file`` are optional.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from cxlab.data.errors import InputError, nearest, refuse_unknown, show
from cxlab.data.files import OPTIONS, regular_file
from cxlab.data.tables import kind_named

Shape = Callable[[Any, str], Any]  # a value as it is written and where -> as it is used; refuses others


def read_yaml(path: str | Path, *, typed: bool = False) -> dict[str, Any]:
    """Read a mapping or params file; anchors, repeated keys and deep nesting are refused.

    ``typed`` keeps numbers, true/false and null (params); otherwise every scalar is text, so that a column
    called ``no`` or a code ``007`` stays what it is.
    """
    path = regular_file(path)
    if path.stat().st_size > 2_000_000:
        raise InputError(f"{path.name} is larger than a settings file can be; is it the right file?")
    try:
        loader = (yaml.SafeLoader if typed else yaml.BaseLoader)(path.read_text(encoding="utf-8-sig"))
        node = loader.get_single_node()
        _refuse_twice(node, set())
        content = loader.construct_document(node) if node else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark, problem = (getattr(error, key, None) for key in ("problem_mark", "problem"))
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = problem or type(error).__name__
        raise InputError(f"{path.name}{where}: not valid YAML in UTF-8 ({said}); mind the indents") from None
    if not content or not isinstance(content, dict):
        what = "must hold 'key: value' lines at its top" if content else "is empty"
        raise InputError(f"{path.name} {what}; cxlab init writes one to start from")
    return content


def _refuse_twice(node: yaml.Node | None, seen: set[int]) -> None:
    """Refuse anchors, which make one node stand twice, and keys that stand twice."""
    if id(node) in seen:
        raise yaml.MarkedYAMLError(problem="anchors (*name) are not used", problem_mark=node.start_mark)
    seen.add(id(node))
    keys: set[str] = set()
    for part in node.value if isinstance(node, yaml.CollectionNode) else ():
        if isinstance(node, yaml.MappingNode):
            key, part = part
            if not isinstance(key, yaml.ScalarNode) or key.value in keys:
                said = "a key stands twice or is no text"
                raise yaml.MarkedYAMLError(problem=said, problem_mark=key.start_mark)
            keys.add(key.value)
        _refuse_twice(part, seen)


def shaped(content: dict[str, Any], shapes: dict[str, Shape], name: str) -> dict[str, Any]:
    """Return what is filled in, each value in the shape of its key; refuse unknown keys."""
    refuse_unknown(content, shapes, name)
    empty = (None, "", [], {}, ())
    filled = {key: content[key] for key in shapes if key in content and content[key] not in empty}
    return {key: shapes[key](value, f"{name}: {key}") for key, value in filled.items()}


def each(shape: Shape) -> Shape:
    """'name: value' lines, every value of one shape."""
    return lambda value, where: {k: shape(v, f"{where}, {k}") for k, v in _lines(value, where).items()}


def text(value: Any, where: str) -> str:
    """One text or number, as text."""
    if not isinstance(value, str | int | float) or value == "":
        raise InputError(f"{where} must be one text, got {show(value)}")
    return str(value)


def texts(value: Any, where: str) -> list[str]:
    """A list of texts, or one."""
    value = [value] if isinstance(value, str) and value else value or []
    if not isinstance(value, list | tuple) or any(isinstance(item, dict | list) for item in value):
        raise InputError(f"{where} must be a list such as [a, b], got {show(value)}")
    return [str(item) for item in value]


def _lines(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise InputError(f"{where} must hold 'name: value' lines, got {show(value)}")
    return {str(key): inner for key, inner in value.items()}


def _record(**shapes: Shape) -> Shape:
    def read(value: Any, where: str) -> dict[str, Any]:
        found = shaped(_lines(value, where), shapes, where)
        if lacking := [key for key in shapes if key not in found]:
            raise InputError(f"{where} needs {lacking[0]}")
        return found

    return read


def _scales(value: Any, where: str) -> list[tuple[list[str], dict[str, str]]]:
    scale = _record(items=texts, codes=each(text))
    return [tuple(scale(part, where).values()) for part in (value if isinstance(value, list) else [value])]


def _range(value: Any, where: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in value)
        if low < high:
            return low, high
    except (TypeError, ValueError):
        pass
    raise InputError(f"{where} must be [lowest, highest], such as [1, 5]; got {show(value)}")


def _one_of(known: dict[str, Any]) -> Shape:
    def read(value: Any, where: str) -> Any:
        if str(value).casefold() not in known:
            raise InputError(f"{where} must be {' or '.join(known)}, got {show(value)}")
        return known[str(value).casefold()]

    return read


def whole(value: Any, where: str) -> int:
    """A whole number of 1 or more."""
    if not re.fullmatch("[1-9][0-9]{0,8}", str(value)):
        raise InputError(f"{where} must be a whole number of 1 or more, got {show(value)}")
    return int(value)


def _file(value: Any, where: str) -> dict[str, Any]:
    return shaped(_lines({"path": value} if isinstance(value, str) else value, where), _FILE, where)


def _key(shape: Shape, absent: Callable[[], Any]) -> Any:
    """A key of the mapping file: the shape of its value, and what makes the value where none is given."""
    return field(default_factory=absent, metadata={"shape": shape})


@dataclass(frozen=True)
class Mapping:
    """A mapping file as read and checked; data/README.md says what each key means.

    ``source`` are the data (a path or a DataFrame), ``path`` is the mapping file; ``read``, ``decimal`` and
    ``day_first`` say how the data are to be read.
    """

    table: str = _key(lambda value, where: kind_named(text(value, where)).name, str)
    title: str = _key(text, str)
    source: Any = None
    path: Path | None = None
    read: dict[str, Any] = field(default_factory=dict)
    decimal: str | None = None
    day_first: bool | None = None
    columns: dict[str, str] = _key(each(text), dict)
    missing: list[str] = _key(texts, tuple)
    missing_in: dict[str, list[str]] = _key(each(texts), dict)
    scales: list[tuple[list[str], dict[str, str]]] = _key(_scales, list)
    recode: dict[str, dict[str, str]] = _key(each(each(text)), dict)
    range: tuple[float, float] | None = _key(_range, lambda: None)
    ranges: dict[str, tuple[float, float]] = _key(each(_range), dict)
    out_of_range: str = _key(_one_of({"missing": "missing"}), str)
    reversed: list[str] = _key(texts, tuple)
    wide_to_long: dict[str, Any] = _key(_record(name=text, values=each(each(text))), dict)
    where: dict[str, str] = _key(each(text), dict)
    blocks: dict[str, list[str]] = _key(each(texts), dict)
    outcomes: dict[str, list[str]] = _key(each(texts), dict)
    default_outcome: str = _key(text, str)
    segments: list[str] = _key(texts, tuple)
    weights: str = _key(text, str)
    clusters: str = _key(text, str)
    date: str = _key(text, str)
    personal: list[str] = _key(texts, tuple)
    labels: dict[str, str] = _key(each(text), dict)
    roles: dict[str, list[str]] = _key(each(texts), dict)
    licence: str = _key(text, lambda: "own data")
    citation: str = _key(text, lambda: "own data")
    notes: str = _key(text, str)

    @property
    def items(self) -> list[str]:
        """All item columns, in the order of the blocks and outcomes, under our names."""
        roles = [items for role, items in self.roles.items() if role != "text"]  # open answers stay text
        groups = [*self.blocks.values(), *self.outcomes.values(), *roles]
        return list(dict.fromkeys(self.ours(item) for items in groups for item in items))

    def ours(self, name: str) -> str:
        """Our name of a column of theirs."""
        return self.columns.get(name, name)


_KEYS: dict[str, Shape] = {"file": _file}
_KEYS |= {one.name: one.metadata["shape"] for one in fields(Mapping) if one.metadata}
_FILE: dict[str, Shape] = {
    **dict.fromkeys(("path", *OPTIONS), text),
    "header_line": whole,
    "delimiter": lambda value, where: "\t" if value in ("tab", "\\t") else text(value, where),
    "decimal": _one_of({",": ",", ".": "."}),
    "day_first": _one_of({"true": True, "false": False}),
}


def read_mapping(path: str | Path) -> Mapping:
    """Read and check a mapping file."""
    path = Path(path)
    mapping = from_dict(read_yaml(path), path.name)
    source = mapping.source and str((path.parent / mapping.source).resolve())
    return replace(mapping, source=source, path=path.resolve())


def from_dict(content: dict[str, Any], name: str = "mapping") -> Mapping:
    """Build a mapping from the content of a mapping file."""
    found = shaped(content, _KEYS, name)
    if "table" not in found:
        raise InputError(f"{name}: the key table is missing; it says which this is, as table: survey")
    how = found.pop("file", {})
    read = {key: how.pop(key) for key in OPTIONS if key in how}
    mapping = Mapping(source=how.pop("path", None), read=read, **how, **found)
    blocks = {side: items for side, items in mapping.blocks.items() if items}
    ours, outcomes, default = list(mapping.columns.values()), mapping.outcomes, mapping.default_outcome
    owner = {item: "the outcomes" for items in outcomes.values() for item in items}
    if twice := [to for to in ours if ours.count(to) > 1]:
        raise InputError(f"{name}: two columns both become {show(twice[0])}; keep one")
    if default and default not in outcomes:
        hint = nearest(default, outcomes)
        raise InputError(f"{name}: default_outcome {show(default)} is not among outcomes; {hint}")
    for side, items in blocks.items():
        for item in items:
            if owner.setdefault(item, side) != side or items.count(item) > 1:
                raise InputError(f"{name}: {show(item)} stands in {owner[item]} and in {side}: keep one")
    if mapping.table != "survey" and (blocks or outcomes):
        raise InputError(f"{name}: blocks and outcomes belong to a survey only; this is {mapping.table}")
    if empty := [outcome for outcome, items in outcomes.items() if not items]:
        raise InputError(f"{name}: the outcome {show(empty[0])} has no items; list them")
    return replace(mapping, blocks=blocks)
