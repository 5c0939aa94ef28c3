"""The mapping file: from the names, codes and shapes of a stranger's file to ours.

A mapping file is YAML; every key but ``table`` and ``file`` is optional::

    table: survey
    title: Customers of 2026, second wave
    file: {path: ../their.csv}        # or {url: postgres://host/base, table: answers}
                                      # also: encoding, delimiter, header_line, sheet, decimal, day_first
    columns: {Kundennummer: respondent, Gebiet: segment}      # theirs: ours
    missing: [-99, "don't know"]      # mean 'no answer' everywhere
    missing_in: {Q7: [9]}             # ... or in one column only
    recode: {Gebiet: {1: north, 2: south}}
    range: [1, 10]                    # of all items
    ranges: {Q9: [0, 100]}            # ... of single ones
    reversed: [Q7]                    # high means bad: turned round within the range
    wide_to_long: {name: wave, values: {satisfaction: {Jan: sat_jan, Feb: sat_feb}}}
    blocks: {product: [Q1, Q2], experience: [Q3, Q4], price: [], brand: [], other: []}
    outcomes: {loyalty: [Q10, Q11]}   # each becomes a column, the mean of its items where all were answered
    default_outcome: loyalty
    segments: [segment]
    weights: weight
    where: {segment: north}           # keep only these rows (our column: value, after recoding)
    personal: [email]                 # columns that may stay although they look personal
    labels: {Q1: works without fault}
    roles: {}                         # further lists of items that a page asks for
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .plain import show
from .yamls import nearest, read_yaml, refuse_unknown

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["Mapping", "open_mapped", "read_mapping"]

KEYS = (
    "table", "title", "file", "columns", "missing", "missing_in", "recode", "range", "ranges", "reversed",
    "wide_to_long", "where", "blocks", "outcomes", "default_outcome", "segments", "weights", "personal", "labels", "roles",
    "licence", "citation", "notes",
)  # fmt: skip
FILE_KEYS = ("path", "url", "table", "encoding", "delimiter", "header_line", "sheet", "decimal", "day_first")
SIDES = ("product", "experience", "price", "brand", "other", "image", "value", "network")


@dataclass(frozen=True)
class Mapping:
    """A mapping file as read and checked; see the module's text for its keys."""

    table: str
    source: str | None = None
    where: Path | None = None
    title: str = ""
    read: Dict[str, Any] = field(default_factory=dict)
    decimal: str | None = None
    day_first: bool | None = None
    columns: Dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    missing_in: Dict[str, tuple[str, ...]] = field(default_factory=dict)
    recode: Dict[str, dict[str, str]] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    ranges: Dict[str, tuple[float, float]] = field(default_factory=dict)
    reversed: tuple[str, ...] = ()
    wide: Dict[str, Any] = field(default_factory=dict)
    only: Dict[str, str] = field(default_factory=dict)
    blocks: Dict[str, list[str]] = field(default_factory=dict)
    outcomes: Dict[str, list[str]] = field(default_factory=dict)
    default_outcome: str | None = None
    segments: tuple[str, ...] = ()
    weights: str | None = None
    personal: tuple[str, ...] = ()
    labels: Dict[str, str] = field(default_factory=dict)
    roles: Dict[str, list[str]] = field(default_factory=dict)
    facts: Dict[str, str] = field(default_factory=dict)

    @property
    def items(self) -> list[str]:
        """All item columns, in the order of the blocks and outcomes, under our names."""
        groups = [*self.blocks.values(), *self.outcomes.values(), *self.roles.values()]
        return list(dict.fromkeys(self.ours(item) for items in groups for item in items))

    def ours(self, name: str) -> str:
        """Our name of a column of theirs."""
        return self.columns.get(name, name)

    def range_of(self, name: str) -> tuple[float, float] | None:
        """The range of an item, under its or our name."""
        theirs = {ours: theirs for theirs, ours in self.columns.items()}.get(name, name)
        return self.ranges.get(name) or self.ranges.get(theirs) or self.range


def read_mapping(path: str | Path) -> Mapping:
    """Read and check a mapping file.

    Raises
    ------
    InputError
        Unknown keys (with the nearest), a missing ``table`` or ``file``, values of the wrong shape.
    """
    from .tables.declarations import table_named

    path = Path(path)
    content = read_yaml(path)
    name = path.name
    refuse_unknown(content, KEYS, name)
    if not isinstance(content.get("table"), str) or not content["table"]:
        raise InputError(
            f"{name}: the key table is missing; it says which table this is, such as table: survey"
        )
    table = table_named(content["table"]).name
    file = content.get("file") or {}
    file = {"path": file} if isinstance(file, str) else file
    if not isinstance(file, dict):
        raise InputError(f"{name}: file must be a path, or lines such as path: their.csv")
    refuse_unknown(file, FILE_KEYS, f"{name}, file")
    mapping = from_dict(content, table, name)
    source = file.get("url") or None
    if file.get("path"):
        source = str((path.parent / file["path"]).resolve()) if "://" not in file["path"] else file["path"]
    read = {key: file[key] for key in ("encoding", "delimiter", "sheet", "table") if file.get(key)}
    if read.get("delimiter") in ("tab", "\\t"):
        read["delimiter"] = "\t"
    if file.get("header_line"):
        read["header_line"] = _whole(file["header_line"], f"{name}: header_line")
    decimal = file.get("decimal") or None
    if decimal not in (None, ",", "."):
        raise InputError(f"{name}: decimal must be ',' or '.', got {show(decimal)}")
    day_first = None
    if file.get("day_first"):
        if file["day_first"].casefold() not in ("true", "false"):
            raise InputError(f"{name}: day_first must be true or false, got {show(file['day_first'])}")
        day_first = file["day_first"].casefold() == "true"
    return replace(
        mapping, source=source, where=path.resolve(), read=read, decimal=decimal, day_first=day_first
    )


def from_dict(content: Dict[str, Any], table: str, name: str = "mapping") -> Mapping:
    """Build a mapping from a dictionary: the content of a file, or ``{their column: our column}`` alone."""
    if not set(content) & (set(KEYS) - {"weights", "notes", "title", "range", "missing"}):
        content = {"columns": dict(content)}
    columns = _texts(content, "columns", name)
    twice = [ours for ours in columns.values() if list(columns.values()).count(ours) > 1]
    if twice:
        theirs = [key for key, ours in columns.items() if ours == twice[0]]
        raise InputError(
            f"{name}: columns {' and '.join(map(show, theirs))} both become {show(twice[0])}; keep one"
        )
    recode = {}
    for column, codes in _dict(content, "recode", name).items():
        if not isinstance(codes, dict):
            raise InputError(f"{name}: recode, {column} must hold 'their code: our value' lines")
        recode[str(column)] = {str(code): str(value) for code, value in codes.items()}
    known_outcomes = _lists(content, "outcomes", name)
    default = content.get("default_outcome") or next(iter(known_outcomes), None)
    if default is not None and default not in known_outcomes:
        raise InputError(
            f"{name}: default_outcome {show(default)} is not among outcomes; {nearest(default, known_outcomes)}".strip()
        )
    blocks = {side: items for side, items in _lists(content, "blocks", name).items() if items}
    both = set(sum(blocks.values(), [])) & set(sum(known_outcomes.values(), []))
    if both:
        raise InputError(
            f"{name}: {show(sorted(both)[0])} stands among the blocks and among the outcomes; keep it in one"
        )
    owner: dict[str, str] = {}
    for side, items in blocks.items():
        for item in items:
            if item in owner:
                raise InputError(
                    f"{name}: {show(item)} stands in {owner[item]} and in {side}; keep it on one side"
                )
            owner[item] = side
    if table != "survey" and (blocks or known_outcomes):
        raise InputError(
            f"{name}: blocks and outcomes belong to the table survey only; this is table {table}"
        )
    return Mapping(
        table=table,
        title=str(content.get("title") or ""),
        columns=columns,
        missing=_list(content, "missing", name),
        missing_in={key: tuple(items) for key, items in _lists(content, "missing_in", name).items()},
        recode=recode,
        range=_range(content["range"], f"{name}: range") if content.get("range") else None,
        ranges={
            str(key): _range(value, f"{name}: ranges, {key}")
            for key, value in _dict(content, "ranges", name).items()
        },
        reversed=_list(content, "reversed", name),
        wide=_wide(content, name),
        only=_texts(content, "where", name),
        blocks=blocks,
        outcomes=known_outcomes,
        default_outcome=default,
        segments=_list(content, "segments", name),
        weights=content.get("weights") or None,
        personal=_list(content, "personal", name),
        labels=_texts(content, "labels", name),
        roles=_lists(content, "roles", name),
        facts={key: str(content[key]) for key in ("licence", "citation", "notes") if content.get(key)},
    )


def _dict(content: Dict[str, Any], key: str, name: str) -> dict:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise InputError(f"{name}: {key} must hold 'name: value' lines, got {show(value)}")
    return value


def _texts(content: Dict[str, Any], key: str, name: str) -> dict[str, str]:
    for column, value in _dict(content, key, name).items():
        if not isinstance(value, str | int | float) or value == "":
            raise InputError(f"{name}: {key}, {column} must be one name, got {show(value)}")
    return {str(column): str(value) for column, value in _dict(content, key, name).items()}


def _list(content: Dict[str, Any], key: str, name: str) -> tuple[str, ...]:
    value = content.get(key) or []
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list | tuple) or any(isinstance(item, dict | list) for item in value):
        raise InputError(f"{name}: {key} must be a list such as [a, b], got {show(value)}")
    return tuple(str(item) for item in value)


def _lists(content: Dict[str, Any], key: str, name: str) -> dict[str, list[str]]:
    return {
        str(inner): list(_list({inner: value}, inner, f"{name}: {key}"))
        for inner, value in _dict(content, key, name).items()
    }


def _range(value: Any, where: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in value)
        if low < high:
            return low, high
    except (TypeError, ValueError):
        pass
    raise InputError(f"{where} must be [lowest, highest], such as [1, 5]; got {show(value)}")


def _whole(value: Any, where: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", str(value)) and int(value) > 0:
        return int(value)
    raise InputError(f"{where} must be a whole number of 1 or more, got {show(value)}")


def _wide(content: Dict[str, Any], name: str) -> dict[str, Any]:
    wide = _dict(content, "wide_to_long", name)
    if not wide:
        return {}
    refuse_unknown(wide, ("name", "values"), f"{name}, wide_to_long")
    values = wide.get("values")
    if not wide.get("name") or not isinstance(values, dict) or not values:
        raise InputError(
            f"{name}: wide_to_long needs name (our column) and values (our column: {{label: their column}})"
        )
    for ours, labels in values.items():
        if not isinstance(labels, dict) or not labels:
            raise InputError(f"{name}: wide_to_long, values, {ours} must hold 'label: their column' lines")
    return {
        "name": str(wide["name"]),
        "values": {str(k): {str(a): str(b) for a, b in v.items()} for k, v in values.items()},
    }


def open_mapped(path: str | Path) -> pd.DataFrame:
    """Open a study's own data by the path of its mapping file: validated, under our names, nothing personal.

    Parameters
    ----------
    path : a mapping file (``.yaml``) such as ``cxlab init`` writes.

    Returns
    -------
    pandas.DataFrame
        Only columns that the table declares or the mapping names. ``.attrs`` holds ``name title table licence
        citation sha256 simulated notes`` and, for a survey, ``blocks outcomes default_outcome segments weights
        labels range roles``; each outcome is also a column. Identifiers of people are numbers in the order of
        their first row, unless the study's params file names them under ``personal``. For the tables events and
        visits it is an ibis table whose facts :func:`cxlab.evidence.provenance.provenance` returns.

    Raises
    ------
    InputError
        The first thing that is wrong, in one line; ``cxlab check`` lists all of them.
    """
    from .study import find_study
    from .tables.opening import open_with

    mapping = read_mapping(path)
    if mapping.source is None:
        raise InputError(
            f"{Path(path).name}: the key file is missing; it names the data, such as file: {{path: their.csv}}"
        )
    study = find_study(path)
    if study is not None:
        mapping = replace(mapping, personal=(*mapping.personal, *study.personal))
    return open_with(mapping.source, mapping)
