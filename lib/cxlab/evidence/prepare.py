"""A raw table under our names: renamed, recoded, lengthened, with what each column must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .faults import Fault
from .files import RawTable
from .mapping import Mapping
from .plain import show
from .tables.declarations import Column, table_named
from .yamls import nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prepared", "prepare"]


@dataclass
class Prepared:
    """A raw table after a mapping, before validation, under our column names."""

    frame: pd.DataFrame
    lines: list[int] | range
    extra: tuple[Column, ...]
    names: dict[str, str]
    missing: dict[str, tuple[str, ...]]
    notes: list[str]
    faults: list[Fault]


def prepare(raw: RawTable, mapping: Mapping) -> Prepared:
    """Rename, recode, lengthen and trim a raw table; what cannot be done is a fault, not an exception."""
    table = table_named(mapping.table)
    frame, faults, notes = raw.frame, [], list(raw.notes)
    theirs_of = {ours: theirs for theirs, ours in mapping.columns.items()}
    wide_columns = [
        column for labels in mapping.wide.get("values", {}).values() for column in labels.values()
    ]
    named = [
        *mapping.columns, *mapping.missing_in, *mapping.recode, *wide_columns,
        *[theirs_of.get(item, item) for item in (*mapping.items, *mapping.segments, *mapping.reversed, *filter(None, [mapping.weights]))],
    ]  # fmt: skip
    made = {*mapping.wide.get("values", {}), mapping.wide.get("name")} | set(mapping.outcomes)
    for column in dict.fromkeys(named):
        if column not in frame and column not in made and theirs_of.get(column) not in frame:
            hint = (
                nearest(column, frame.columns)
                or f"the file has {', '.join(show(c) for c in list(frame.columns)[:8])}; "
            )
            faults.append(
                Fault(
                    f"the mapping names column {show(column)}, which the file has not",
                    f"{hint}correct the mapping file",
                )
            )
    repeated = set(raw.repeated)
    for column in dict.fromkeys([*named, *table.names]):
        if column in repeated and column in frame:
            faults.append(
                Fault("the header holds this column more than once", "rename one of them in the file", column)
            )
    clash = [
        ours
        for theirs, ours in mapping.columns.items()
        if ours in frame and theirs != ours and ours not in mapping.columns
    ]
    frame = frame.drop(columns=clash)
    notes += [
        f"your own column {show(ours)} is not used: {show(theirs_of[ours])} was mapped to that name"
        for ours in clash
    ]
    columns = {theirs: ours for theirs, ours in mapping.columns.items() if theirs in frame}
    missing = {mapping.ours(c): (*mapping.missing, *codes) for c, codes in mapping.missing_in.items()}
    frame = frame.rename(columns=columns)
    for column, codes in mapping.recode.items():
        ours = mapping.ours(column)
        if ours in frame:
            from .tables.schemas import _as_text

            texts = _as_text(frame[ours])
            frame = frame.assign(
                **{
                    ours: texts.map(
                        lambda value, codes=codes: codes.get(str(value).strip(), value), na_action="ignore"
                    )
                }
            )
    lines = raw.lines
    if mapping.wide and not faults:
        frame, lines = _lengthen(frame, lines, mapping)
    items = [item for item in mapping.items if item in frame]
    declared = set(table.names)
    extra = [
        Column(item, "number", "an item of the survey", required=True, gaps=True, **_bounds(mapping, item))
        for item in items
    ]
    listed = {column.name for column in extra}
    segments = [mapping.ours(name) for name in mapping.segments]
    extra += [
        Column(name, "text", "a segment", gaps=True)
        for name in dict.fromkeys(segments)
        if name not in declared | listed and name in frame
    ]
    weights = mapping.ours(mapping.weights) if mapping.weights else None
    if weights and weights not in declared | listed:
        extra.append(Column(weights, "number", "survey weight", low=0))
    for column in (*table.columns, *extra):
        missing.setdefault(column.name, mapping.missing)
    return Prepared(frame, lines, tuple(extra), theirs_of, missing, notes, faults)


def _bounds(mapping: Mapping, item: str) -> dict[str, float]:
    found = mapping.range_of(item)
    return {"low": found[0], "high": found[1]} if found else {}


def _lengthen(frame: pd.DataFrame, lines: Any, mapping: Mapping) -> tuple[pd.DataFrame, list[int]]:
    """Stack columns such as sat_jan, sat_feb into rows; a label is kept as it is written in the mapping."""
    import pandas as pd

    values, name = mapping.wide["values"], mapping.wide["name"]
    labels = list(dict.fromkeys(label for labels in values.values() for label in labels))
    used = [mapping.ours(column) for each in values.values() for column in each.values()]
    fixed = frame.drop(columns=[column for column in used if column in frame])
    parts, places = [], []
    for label in labels:
        part = fixed.copy()
        part[name] = label
        for ours, of in values.items():
            part[ours] = frame[mapping.ours(of[label])] if label in of else None
        parts.append(part)
        places.extend(range(len(frame)))
    long = pd.concat(parts, ignore_index=True)
    order = pd.Series(places).argsort(kind="stable").to_numpy()
    return long.iloc[order].reset_index(drop=True), [lines[places[i]] for i in order]
