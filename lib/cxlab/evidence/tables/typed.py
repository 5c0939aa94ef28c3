"""Which SQL turns a large file's columns into ours, told from their types and a sample."""

from __future__ import annotations

import re

from ..errors import InputError
from ..faults import Fault
from ..mapping import Mapping
from ..plain import show
from ..privacy import personal_columns, plain_text
from ..values import blank_missing, day_first, decimal_evidence, parse_times
from ..yamls import nearest
from .columns import Column, Table
from .scan import Large, ident, literal

__all__ = ["map_columns"]


def map_columns(large: Large, table: Table, mapping: Mapping, types: dict[str, str], sample) -> None:
    rename = dict(mapping.columns)
    for theirs in [*rename, *mapping.recode, *mapping.missing_in]:
        if theirs not in types:
            large.faults.append(
                Fault(
                    f"the mapping names column {show(theirs)}, which the file has not",
                    f"{nearest(theirs, types)}correct the mapping file",
                )
            )
    if mapping.wide:
        raise InputError(f"wide_to_long is not offered for the table {table.name}; bring one row per event")
    ours_of = {theirs: rename.get(theirs, theirs) for theirs in types}
    taken = set(rename.values())
    allowed = {*mapping.personal, *(mapping.ours(name) for name in mapping.personal)}
    declared = {column.name: column for column in table.columns}
    extras = []
    for theirs, type_ in types.items():
        ours = ours_of[theirs]
        if theirs not in rename and ours in taken:
            continue
        large.names[ours] = theirs
        raw = ident(theirs)
        codes = [*(() if large.text else mapping.missing), *mapping.missing_in.get(theirs, ())]
        if codes:
            raw = f"case when cast({raw} as varchar) in ({', '.join(map(literal, codes))}) then null else {raw} end"
        if theirs in mapping.recode:
            cases = " ".join(
                f"when {literal(a)} then {literal(b)}" for a, b in mapping.recode[theirs].items()
            )
            raw = f"case cast({raw} as varchar) {cases} else cast({raw} as varchar) end"
            type_ = "VARCHAR"
        if ours in declared:
            large.raw[ours] = raw
            large.select[ours] = _typed(large, declared[ours], raw, type_, sample, theirs, mapping)
        elif type_.upper().startswith(("STRUCT", "MAP", "UNION", "BLOB")) or type_.endswith("]"):
            large.notes.append(f"column {show(theirs)} holds lists or structures and was left out")
        else:
            extras.append((ours, theirs, raw))
    for ours, theirs, raw in extras:
        reason = personal_columns(sample[[theirs]]) if theirs in sample and ours not in allowed else {}
        if reason:
            large.notes.append(
                f"column {show(theirs)} {reason[theirs]} and was left out; name it under personal: in params.yaml to keep it"
            )
        else:
            large.select[ours] = raw
    for column in table.columns:
        if column.required and column.name not in large.select:
            import pandas as pd

            from .schemas import _absent

            frame = pd.DataFrame(columns=[ours_of[name] for name in types])
            large.faults += [f for f in _absent(frame, table, (), large.names) if show(column.name) in f.rule]
    for name, value in mapping.only.items():
        if name not in large.select:
            raise InputError(
                f"{large.name}: where names column {show(name)}, which the table has not; {nearest(name, large.select)}"
            )
        large.only[name] = plain_text(value)
    shown = [c for c in table.columns if c.name in large.select and c.kind == "text" and not c.personal]
    for column in shown:
        theirs = large.names[column.name]
        if theirs in sample and column.name not in allowed and theirs not in allowed:
            reason = personal_columns(sample[[theirs]].rename(columns={theirs: column.name})).get(
                column.name, ""
            )
            if reason.startswith("holds"):
                large.faults.append(
                    Fault(
                        f"{reason}, and it would be shown",
                        "take it out of the mapping, or name it under personal:",
                        theirs,
                    )
                )
        large.labels.append(column.name)


def _typed(large: Large, column: Column, raw: str, type_: str, sample, theirs: str, mapping: Mapping) -> str:
    is_text = type_ == "VARCHAR"
    plain = type_.split("(")[0]
    if column.kind == "time":
        if is_text:
            return _time_sql(large, column, raw, sample[theirs], mapping)
        if plain == "TIMESTAMP WITH TIME ZONE":
            large.notes.append(f"column {show(theirs)}: time zones were turned into UTC")
            return f"timezone('UTC', {raw})"
        if plain in ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"):
            return raw if plain == "TIMESTAMP" else f"cast({raw} as timestamp)"
        if plain in ("BIGINT", "INTEGER", "UBIGINT", "UINTEGER", "DOUBLE"):
            values = sample[theirs].dropna()
            if len(values) and 1e9 <= values.abs().median() < 2e9:
                return f"make_timestamp(cast({raw} * 1000000 as bigint))"
            if len(values) and 1e12 <= values.abs().median() < 2e12:
                return f"make_timestamp(cast({raw} * 1000 as bigint))"
        large.faults.append(
            Fault(f"must be dates or times, the file holds {plain.lower()}", "convert the column", theirs)
        )
        return raw
    if column.kind in ("number", "whole"):
        if not is_text:
            return f"cast({raw} as double)"
        texts = [str(v) for v in blank_missing(sample[theirs]).dropna().unique()[:5000]]
        point, comma, either = decimal_evidence(texts)
        mark = mapping.decimal or ("," if comma > point else ".")
        large.rules[column.name] = "must be a finite number" + (
            " (read with a decimal comma)" if mark == "," else ""
        )
        number = f"replace(replace(trim({raw}), '.', ''), ',', '.')" if mark == "," else f"trim({raw})"
        cast = f"try_cast({number} as double)"
        return f"case when isfinite({cast}) then {cast} end"
    if is_text:
        return f"trim({raw})"
    if column.kind == "id" and plain in ("BIGINT", "INTEGER", "SMALLINT", "UBIGINT", "UINTEGER", "HUGEINT"):
        return raw
    return f"cast({raw} as varchar)"


def _time_sql(large: Large, column: Column, raw: str, values, mapping: Mapping) -> str:
    texts = blank_missing(values)
    uniques = [str(value) for value in texts.dropna().unique()]
    large.rules[column.name] = "must be a real day (best written 2026-12-31 or 2026-12-31 23:59:00)"
    first = mapping.day_first if mapping.day_first is not None else day_first(uniques)
    slashed = [t for t in uniques[:2000] if re.match(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}", t)]
    trimmed = f"trim({raw})"
    if uniques and all(re.fullmatch(r"1\d{9}", t) for t in uniques[:2000]):
        return f"make_timestamp(try_cast({trimmed} as bigint) * 1000000)"
    if uniques and all(re.fullmatch(r"1\d{12}", t) for t in uniques[:2000]):
        return f"make_timestamp(try_cast({trimmed} as bigint) * 1000)"
    zoned = f"(contains({raw}, '+') or contains({raw}, 'Z') or (strlen({raw}) > 19 and substr({trimmed}, -6, 1) = '-'))"
    large.found["zones"] = (column.name, f"count_if({zoned})")
    found = parse_times(texts, day_is_first=first)
    iso = f"try_cast({raw} as timestamp)"
    if "time zone" in found.rule or "time zones" in found.note:
        # A plain timestamp would drop the offset; with the session in UTC this one counts it.
        iso = f"timezone('UTC', try_cast({raw} as timestamptz))"
        large.notes.append(f"column {show(large.names[column.name])}: time zones were turned into UTC")
    if not slashed:
        return iso
    if first is None:
        large.faults.append(
            Fault(
                "may be day or month first",
                "say day_first: true or false under file: in the mapping file",
                large.names[column.name],
                slashed[0],
            )
        )
        return iso
    order = ("%d", "%m") if first else ("%m", "%d")
    formats = [
        f"{order[0]}{sign}{order[1]}{sign}%Y{clock}"
        for sign in "./-"
        for clock in (" %H:%M:%S", " %H:%M", "")
    ]
    listed = ", ".join(literal(part) for part in formats)
    return f"coalesce(try_strptime({trimmed}, [{listed}]), {iso})"
