"""``open_table``: any file or database as one of the declared tables, validated, with nothing personal in it."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import InputError
from ..faults import Fault, raise_faults
from ..files import RawTable, read_raw
from ..mapping import Mapping, from_dict, read_mapping
from ..prepare import Prepared, prepare
from ..privacy import hide_personal, personal_columns, plain_text, pseudonyms
from ..values import show
from ..yamls import nearest
from .declarations import Table, table_named
from .schemas import _as_text, conform, convert

__all__ = ["file_faults", "open_table", "open_with"]


def open_table(
    path: str | Path,
    *,
    kind: str,
    mapping: str | Path | Dict[str, Any] | None = None,
    validate: bool = True,
):
    """Open a file or a database's table as one of the seventeen declared tables.

    Parameters
    ----------
    path : CSV of any delimiter and encoding, Parquet, Excel, a DuckDB file, or ``scheme://host/base#table``. For
        events and visits also a folder or a pattern (``logs/*.parquet``).
    kind : the table's name, such as ``"events"``.
    mapping : a mapping file, a dictionary with its keys, or simply ``{their column: our column}``.
    validate : for events and visits, whether a streaming pass checks every row before the table is returned.

    Returns
    -------
    pandas.DataFrame or ibis.Table
        An ibis table for events and visits, which may be of any size; a DataFrame otherwise, with ``.attrs`` as
        :func:`cxlab.evidence.mapping.open_mapped` describes.

    Raises
    ------
    InputError
        The first thing that is wrong, in one line.
    """
    table = table_named(kind)
    if mapping is None:
        rules = Mapping(table.name)
    elif isinstance(mapping, dict):
        rules = from_dict(mapping, table.name)
    else:
        rules = read_mapping(mapping)
        if rules.table != table.name:
            raise InputError(
                f"{Path(mapping).name} maps the table {rules.table}, not {table.name}; choose one"
            )
    return open_with(path, rules, validate=validate)


def open_with(path: str | Path, mapping: Mapping, *, validate: bool = True):
    """Open a source by a mapping that was read already."""
    table = table_named(mapping.table)
    if table.large:
        from .large import open_large

        return open_large(path, mapping, validate=validate)
    options = dict(mapping.read)
    raw = read_raw(path, **options)
    prepared = prepare(raw, mapping)
    raise_faults(raw.name, file_faults(raw) + prepared.faults)
    return _finish(raw, prepared, mapping, table)


def file_faults(raw: RawTable) -> list[Fault]:
    """What is wrong with a file as such: rows that do not fit the header, no rows at all."""
    faults = []
    width = len(raw.frame.columns)
    if raw.ragged:
        line, fields = raw.ragged[0]
        remedy = (
            "put cells that hold the delimiter into quotation marks" if fields > width else "complete the row"
        )
        faults.append(
            Fault(f"has {fields} fields where the header has {width}", remedy, None, None,
                  tuple(line for line, _ in raw.ragged[:5]), len(raw.ragged), raw.row_word)
        )  # fmt: skip
    if not len(raw.frame) and not raw.ragged:
        faults.append(Fault("there is a header but no row", "add rows"))
    return faults


def _finish(raw: RawTable, prepared: Prepared, mapping: Mapping, table: Table) -> pd.DataFrame:
    done = conform(
        prepared.frame, table, lines=prepared.lines, extra=prepared.extra, names=prepared.names,
        missing=prepared.missing, decimal=mapping.decimal, day_first=mapping.day_first, delimiter=raw.delimiter,
        row_word=raw.row_word,
    )  # fmt: skip
    raise_faults(raw.name, done.faults)
    frame, notes = done.frame, [*prepared.notes, *done.notes]
    declared = {column.name for column in (*table.columns, *prepared.extra)}
    allowed = {*mapping.personal, *(mapping.ours(name) for name in mapping.personal)}
    if mapping.where is None and not mapping.blocks:
        frame = _numbers_among(frame, declared, mapping, raw)
        frame, hidden = hide_personal(frame, allowed=sorted(allowed), keep=sorted(declared))
        notes += hidden
    else:
        kept = declared | set(mapping.columns.values()) | allowed
        left = [name for name in frame if name not in kept]
        frame = frame.drop(columns=left)
        if left:
            notes.append(
                f"{len(left)} column(s) that the mapping does not name were left out: {', '.join(map(show, left[:8]))}"
            )
    frame = _guard(frame, table, prepared, allowed, raw.name)
    frame, markup = _plain(frame)
    notes += markup
    frame = _keep_only(frame, mapping, raw.name)
    frame = _turn_round(frame, mapping, raw.name)
    if table.name == "survey":
        frame = _compose(frame, mapping, raw.name)
    frame.attrs.update(_facts(raw, mapping, table, notes))
    return frame


def _numbers_among(frame: pd.DataFrame, declared: set[str], mapping: Mapping, raw: RawTable) -> pd.DataFrame:
    """Turn undeclared text columns into numbers where every text is one."""
    changed = {}
    for name in frame.columns:
        if (
            name in declared
            or pd.api.types.is_numeric_dtype(frame[name])
            or pd.api.types.is_datetime64_any_dtype(frame[name])
        ):
            continue
        missing = (*mapping.missing, *mapping.missing_in.get(name, ()))
        plain = (
            None
            if missing or mapping.decimal or raw.delimiter == ";"
            else _plain_floats(frame[name].tolist())
        )
        if plain is not None:
            changed[name] = plain
            continue
        parsed = convert(
            frame[name], "number", missing=missing, decimal=mapping.decimal, delimiter=raw.delimiter
        )
        if not parsed.bad.any() and parsed.values.notna().any():
            changed[name] = parsed.values
        else:
            changed[name] = convert(frame[name], "text", missing=missing).values
    kept = frame.drop(columns=list(changed))
    return (
        pd.concat([kept, pd.DataFrame(changed, index=frame.index)], axis=1)[list(frame.columns)]
        if changed
        else frame
    )


def _plain_floats(cells: list) -> list[float] | None:
    """Numbers of cells that are all written as Python writes them; None when one is not (ten times as fast)."""
    try:
        numbers = [float("nan") if cell is None or cell == "" else float(cell) for cell in cells]
    except (ValueError, TypeError):
        return None
    ordinary = all(
        cell is None or not isinstance(cell, str) or cell == "" or cell.strip("0123456789.+- ") == ""
        for cell in cells
    )
    return numbers if ordinary and any(number == number for number in numbers) else None


def _guard(
    frame: pd.DataFrame, table: Table, prepared: Prepared, allowed: set[str], name: str
) -> pd.DataFrame:
    """Give people's identifiers numbers, and refuse segments that look personal."""
    for column in table.columns:
        if column.personal and column.kind == "id" and column.name in frame and column.name not in allowed:
            frame = frame.assign(**{column.name: pseudonyms(frame[column.name])})
    shown = [
        c.name
        for c in (*table.columns, *prepared.extra)
        if c.kind == "text" and not c.personal and c.name in frame
    ]
    personal = personal_columns(frame[[column for column in shown if column not in allowed]])
    for column, reason in personal.items():
        if reason.startswith("holds") or reason.startswith("is named"):
            theirs = prepared.names.get(column, column)
            raise InputError(
                f"{name}, column {show(theirs)} {reason}, and it would be shown; "
                "take it out of the mapping, or name it under personal: in params.yaml"
            )
    return frame


def _plain(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Take markup out of column names and texts, so that no page can be made to run it."""
    names = {name: plain_text(str(name)) for name in frame.columns}
    notes = []
    if any(name != plain for name, plain in names.items()) and len(set(names.values())) == len(names):
        frame = frame.rename(columns=names)
        notes.append("angle brackets in column names were replaced")
    changed = {}
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_datetime64_any_dtype(frame[name]):
            continue
        texts = {
            value: plain_text(value) for value in frame[name].dropna().unique() if isinstance(value, str)
        }
        if any(value != plain for value, plain in texts.items()):
            changed[name] = frame[name].map(
                lambda value, texts=texts: texts.get(value, value), na_action="ignore"
            )
            notes.append(f"column {show(name)}: angle brackets and control characters were replaced")
    return frame.assign(**changed), notes


def _keep_only(frame: pd.DataFrame, mapping: Mapping, name: str) -> pd.DataFrame:
    """Keep the rows that the mapping's ``where`` asks for."""
    for column, value in mapping.only.items():
        if column not in frame:
            raise InputError(
                f"{name}: where names column {show(column)}, which the table has not; {nearest(column, frame.columns)}"
            )
        frame = frame[_as_text(frame[column]).astype("str").str.casefold() == plain_text(value).casefold()]
    if mapping.only and frame.empty:
        asked = " and ".join(f"{column} = {value}" for column, value in mapping.only.items())
        raise InputError(f"{name}: no row has {show(asked, 80)}; correct where: in the mapping file")
    return frame.reset_index(drop=True)


def _turn_round(frame: pd.DataFrame, mapping: Mapping, name: str) -> pd.DataFrame:
    """Turn reversed items round within their range."""
    for item in mapping.reversed:
        ours, bounds = mapping.ours(item), mapping.range_of(mapping.ours(item))
        if bounds is None:
            raise InputError(
                f"{name}: item {show(item)} is reversed, but its range is not known; say range: [lowest, highest]"
            )
        if ours in frame:
            frame = frame.assign(**{ours: bounds[0] + bounds[1] - frame[ours]})
    return frame


def _compose(frame: pd.DataFrame, mapping: Mapping, name: str) -> pd.DataFrame:
    """Add each outcome as the mean of its items, and a respondent's number where there is none."""
    added = {}
    for outcome, items in mapping.outcomes.items():
        columns = [plain_text(mapping.ours(item)) for item in items]
        if not columns:
            raise InputError(
                f"{name}: the outcome {show(outcome)} has no items; list them in the mapping file"
            )
        if outcome in frame and columns != [outcome]:
            raise InputError(
                f"{name}: the outcome {show(outcome)} is also the name of a column; call the outcome something else"
            )
        added[plain_text(outcome)] = frame[columns].mean(axis=1, skipna=False)
    frame = frame.assign(**added)
    if "respondent" not in frame:
        frame.insert(
            0,
            "respondent",
            pd.Series([str(i) for i in range(1, len(frame) + 1)], index=frame.index, dtype="str"),
        )
    return frame


def _facts(raw: RawTable, mapping: Mapping, table: Table, notes: list[str]) -> dict[str, Any]:
    def ours(names):
        return [plain_text(mapping.ours(name)) for name in names]

    facts: dict[str, Any] = {
        "name": mapping.where.stem if mapping.where else Path(raw.name).stem,
        "title": plain_text(mapping.title) or f"own data: {plain_text(raw.name)}",
        "table": table.name,
        "licence": mapping.facts.get("licence", "own data"),
        "citation": mapping.facts.get("citation", "own data"),
        "sha256": raw.sha256,
        "simulated": False,
        "notes": plain_text("; ".join(filter(None, [mapping.facts.get("notes", ""), *notes]))),
        "remarks": [plain_text(note) for note in notes],
        "private": [c.name for c in table.columns if c.personal and c.kind == "text"],
    }
    if table.name == "survey":
        weights = mapping.ours(mapping.weights) if mapping.weights else None
        facts |= {
            "blocks": {plain_text(side): ours(items) for side, items in mapping.blocks.items()},
            "outcomes": {plain_text(outcome): ours(items) for outcome, items in mapping.outcomes.items()},
            "default_outcome": mapping.default_outcome,
            "segments": ours(mapping.segments),
            "weights": weights,
            "labels": {
                plain_text(mapping.ours(item)): plain_text(label) for item, label in mapping.labels.items()
            },
            "range": list(mapping.range) if mapping.range else None,
            "roles": {role: ours(items) for role, items in mapping.roles.items()},
        }
    return facts
