"""From a stranger's columns to a validated table: the mapping and the declaration as SQL, every broken rule as a fault.

Two layers are put over the raw relation: the cells under our names with 'no answer' taken out and codes turned round,
and the cells as the kind that is declared. A cell that has a text in the first and nothing in the second is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cxlab.data import values
from cxlab.data.errors import InputError
from cxlab.data.mapping import Mapping
from cxlab.data.places import nearest, show
from cxlab.data.privacy import personal_columns, plain_text
from cxlab.data.read import LINE, Raw, ident, literal
from cxlab.data.tables import Column, Kind

if TYPE_CHECKING:
    import pandas as pd

_SAMPLE = 100_000
# One pattern, not a list: DuckDB joins with long lists, also where a query does not need the column.
_BLANK = r"(?i)\s*(?:" + "|".join(map(re.escape, values.BLANK)) + r")\s*"

_USUAL = "'NULL', 'null', 'NA', 'N/A', 'na', 'n/a', 'NaN', 'nan'"


@dataclass(frozen=True)
class Fault:
    """A broken rule: what must hold, what to do, where, the first value and lines, on how many lines."""

    rule: str
    remedy: str = ""
    column: str | None = None
    value: object = None
    lines: tuple[int, ...] = ()
    count: int = 1
    row_word: str = "line"

    def __str__(self) -> str:
        parts = [f"{self.row_word} {self.lines[0]}"] if self.lines else []
        parts += [f"column {show(self.column)}"] if self.column is not None else []
        parts += [f"value {show(self.value)}"] if self.value is not None else []
        text = ", ".join(parts) + (": " if parts else "") + self.rule
        if self.count > 1:
            also = ", ".join(map(str, self.lines[1:5])) + (" ..." if self.count > 5 else "")
            listed = f", also {self.row_word}s {also}" if self.lines[1:] else ""
            text += f" ({self.count:,} {self.row_word}s in all{listed})"
        return text + (f"; {self.remedy}" if self.remedy else "")


def raise_faults(name: str, faults: list[Fault]) -> None:
    """Raise the first fault as one line, with the number of the others."""
    if faults:
        more = f" (and {len(faults) - 1} more kinds of fault: see cxlab check)" if len(faults) > 1 else ""
        raise InputError(f"{name}: {faults[0]}{more}")


@dataclass
class Field:
    """One column on its way: theirs, ours, what is declared, its cell (SQL over the file) and its value (SQL over that)."""

    theirs: str
    column: Column
    cell: str
    value: str
    rule: str = ""
    zone: str = ""
    text: bool = True
    probe: str = ""
    full: tuple[str, str, str] = ("", "", "")

    @property
    def ours(self) -> str:
        return self.column.name


@dataclass
class Conversion:
    """A table after the mapping: its fields, what is wrong with it and what was assumed."""

    raw: Raw
    kind: Kind
    mapping: Mapping
    fields: list[Field] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    source: str = ""
    types: dict[str, str] = field(default_factory=dict)
    rows: int = 0

    def theirs(self, name: str) -> list[str]:
        """The file's columns that a name in the mapping means: theirs, ours, or a pattern such as ``Q7*``."""
        back = {ours: theirs for theirs, ours in self.mapping.columns.items()}
        if name in self.types:
            return [name]
        if back.get(name) in self.types:
            return [back[name]]
        return [column for column in self.types if any(s in name for s in "*?") and fnmatchcase(column, name)]

    @property
    def cells(self) -> str:
        """SQL of the first layer."""
        listed = ", ".join(f"{field.cell} as {ident(field.ours)}" for field in self.fields)
        line = f", {ident(LINE)}" if self.raw.lined else ""
        return f"(select {listed}{line} from {self.source})"

    def sql(self) -> str:
        """The query whose rows are the table under our names."""
        listed = ", ".join(f"{field.value} as {ident(plain_text(field.ours))}" for field in self.fields)
        chosen = []
        for name, value in self.mapping.where.items():
            found = next((f for f in self.fields if f.ours == self.mapping.ours(name)), None)
            if found is None:
                hint = nearest(name, [f.ours for f in self.fields])
                raise InputError(
                    f"{self.raw.name}: where names column {show(name)}, which the table has not; {hint}"
                )
            wanted = literal(plain_text(value))
            number = found.column.holds in ("number", "whole", "flag")
            chosen.append(f"({found.value}) = " + (f"try_cast({wanted} as double)" if number else wanted))
        where = f" where {' and '.join(chosen)}" if chosen else ""
        order = f" order by {ident(LINE)}" if self.raw.lined else ""
        return f"select {listed} from {self.cells}{where}{order}"


def convert(raw: Raw, mapping: Mapping, kind: Kind) -> Conversion:
    """Bring a raw table under our names and look at every cell once; what is wrong is listed, not raised."""
    this = Conversion(raw, kind, mapping, source=raw.source, types=dict(raw.types), notes=list(raw.notes))
    width = len(this.types)
    if raw.ragged:
        line, count = raw.ragged[0]
        remedy = (
            "put cells that hold the delimiter into quotation marks" if count > width else "complete the row"
        )
        lines = tuple(line for line, _ in raw.ragged[:5])
        rule = f"has {count} fields where the header has {width}"
        this.faults.append(Fault(rule, remedy, None, None, lines, len(raw.ragged), raw.row_word))
    _join(this)
    _lengthen(this)
    _names(this)
    _fields(this)
    _check(this)
    return this


def _names(this: Conversion) -> None:
    mapping, made = this.mapping, {*this.mapping.wide_to_long.get("values", {}), *this.mapping.outcomes}
    named = [*mapping.columns, *mapping.missing_in, *mapping.recode, *mapping.ranges, *mapping.items, *mapping.segments,
             *mapping.reversed, *(i for items, _ in mapping.scales for i in items),
             *filter(None, [mapping.weights, mapping.clusters, mapping.date])]  # fmt: skip
    for name in dict.fromkeys(named):
        if not this.theirs(name) and name not in made and name != mapping.wide_to_long.get("name"):
            listed = ", ".join(map(show, list(this.types)[:8]))
            hint = nearest(name, this.types) or f"the file has {listed}; "
            said = f"the mapping names column {show(name)}, which the file has not"
            this.faults.append(Fault(said, f"{hint}correct the mapping file"))
    used = {column for name in [*named, *this.kind.names] for column in this.theirs(name)}
    for column in this.raw.repeated:
        if column in used:
            this.faults.append(
                Fault("the header holds this column more than once", "rename one of them", column)
            )
    for theirs, ours in mapping.columns.items():
        if ours in this.types and theirs != ours and ours not in mapping.columns and theirs in this.types:
            del this.types[ours]
            this.notes.append(
                f"your own column {show(ours)} is not used: {show(theirs)} was mapped to that name"
            )


def _join(this: Conversion) -> None:
    """Make the columns that the mapping names as two, such as ``Date + Time``."""
    for name in this.mapping.columns:
        parts = name.split(" + ")
        if name not in this.types and len(parts) > 1 and set(parts) <= set(this.types):
            texts = ", ".join(f"cast({ident(part)} as varchar)" for part in parts)
            this.source = f"(select *, concat_ws(' ', {texts}) as {ident(name)} from {this.source})"
            this.types[name] = "VARCHAR"


def _lengthen(this: Conversion) -> None:
    """Put columns such as sat_jan, sat_feb under one another, row by row."""
    wide = this.mapping.wide_to_long
    if not wide:
        return
    used = {column for labels in wide["values"].values() for column in labels.values()}
    absent = [column for column in used if not this.theirs(column)]
    if absent:
        hint = nearest(absent[0], this.types)
        said = f"the mapping names column {show(absent[0])}, which the file has not"
        this.faults.append(Fault(said, f"{hint}correct the mapping file"))
        return
    labels = dict.fromkeys(label for of in wide["values"].values() for label in of)
    rows = []
    for label in labels:
        cells = [f"{literal(wide['name'])}: {literal(label)}"]
        for ours, of in wide["values"].items():
            cell = (
                f"cast({ident(this.theirs(of[label])[0])} as varchar)"
                if label in of
                else "cast(null as varchar)"
            )
            cells.append(f"{literal(ours)}: {cell}")
        rows.append("{" + ", ".join(cells) + "}")
    gone = {this.theirs(column)[0] for column in used}
    kept = [
        ident(column) for column in [*this.types, *([LINE] if this.raw.lined else [])] if column not in gone
    ]
    this.types = {c: t for c, t in this.types.items() if c not in gone}
    this.types |= dict.fromkeys([wide["name"], *wide["values"]], "VARCHAR")
    stacked = f"unnest([{', '.join(rows)}], recursive := true)"
    this.source = f"(select {', '.join([*kept, stacked])} from {this.source})"
    # A row in which a customer never did anything is no event.
    if this.kind.large and "timestamp" in wide["values"]:
        this.source = (
            f"(select * from {this.source} where nullif(trim({ident('timestamp')}), '') is not null)"
        )


def _fields(this: Conversion) -> None:
    mapping, kind = this.mapping, this.kind
    declared = {column.name: column for column in kind.columns}
    extra: dict[str, Column] = {}
    for item in mapping.items:
        low, high = mapping.range_of(item) or (None, None)
        extra[item] = Column(item, "number", "an item of the survey", gaps=True, low=low, high=high)
    for holds, names in (("text", mapping.segments), ("id", [mapping.clusters]), ("time", [mapping.date])):
        extra |= {
            mapping.ours(n): Column(mapping.ours(n), holds, "", gaps=True)
            for n in names
            if n and n not in extra
        }
    if mapping.weights:
        extra[mapping.ours(mapping.weights)] = Column(
            mapping.ours(mapping.weights), "number", "survey weight", low=0
        )
    allowed = {*mapping.personal, *map(mapping.ours, mapping.personal)}
    wanted = declared | {
        name: column for name, column in extra.items() if name not in declared or name in mapping.items
    }
    left = []
    for theirs, type_ in this.types.items():
        ours = mapping.ours(theirs)
        column = wanted.get(ours)
        if column is None and (
            theirs in mapping.columns or ours in allowed or theirs in allowed or kind.large
        ):
            column = Column(ours, "number" if _numeric(type_) else "text", "", required=False, gaps=True)
            if kind.large and not {ours, theirs} & (allowed | set(mapping.columns)):
                left.append(theirs)
        if column is not None and not _odd(type_):
            this.fields.append(Field(theirs, column, "", "", text=type_ == "VARCHAR"))
        elif mapping.path is not None:
            left.append(theirs)
    if kind.large:
        gone = _hidden(this, left)
        this.fields = [one for one in this.fields if one.theirs not in gone]
    elif left:
        listed = ", ".join(map(show, left[:8]))
        this.notes.append(f"{len(left)} column(s) that the mapping does not name were left out: {listed}")
    for one in this.fields:
        one.cell = _cell(this, one)
    _absent(this)
    if this.fields:
        samples = _samples(this)
        proven = [
            values.decimal_of(samples[f.ours]) for f in this.fields if f.column.holds == "number" and f.text
        ]
        for one in this.fields:
            _typed(this, one, samples.get(one.ours, []), "," if "," in proven else ".")
            _lean(this, one)


def _numeric(type_: str) -> bool:
    return type_.split("(")[0] in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT",
                                   "UTINYINT", "DOUBLE", "FLOAT", "DECIMAL")  # fmt: skip


def _odd(type_: str) -> bool:
    return type_.startswith(("STRUCT", "MAP", "UNION", "BLOB", "BIT")) or type_.endswith("]")


def _hidden(this: Conversion, names: list[str]) -> set[str]:
    """The undeclared columns of a large table that may tell who somebody is."""
    plain = [name for name in names if not _odd(this.types[name])]
    if not plain:
        return set()
    sample = _frame(this.raw, f"select {', '.join(map(ident, plain))} from {this.source} limit 10000")
    found = personal_columns(sample)
    this.notes += [
        f"column {show(name)} {reason} and was left out; name it under personal: in params.yaml to keep it"
        for name, reason in found.items()
    ]
    return set(found)


def _frame(raw: Raw, sql: str) -> pd.DataFrame:
    import duckdb

    try:
        return raw.connection.execute(sql).df()
    except duckdb.Error as error:
        raise raw.unreadable(error) from None


def _text(name: str, type_: str) -> str:
    x = ident(name)
    if type_ == "VARCHAR":
        return f"case when regexp_full_match({x}, {literal(_BLANK)}) then null else trim({x}) end"
    if type_ in ("DOUBLE", "FLOAT"):
        whole = f"cast(cast({x} as hugeint) as varchar)"
        return f"case when isnan({x}) then null when abs({x}) < 1e15 and {x} = floor({x}) then {whole} else cast({x} as varchar) end"
    return f"cast({x} as varchar)"


def _cell(this: Conversion, one: Field) -> str:
    """The cell as it stands in the file, without what means 'no answer', recoded."""
    mapping, holds, type_ = this.mapping, one.column.holds, this.types[one.theirs]
    own = [
        code
        for name, codes in mapping.missing_in.items()
        if one.theirs in this.theirs(name)
        for code in codes
    ]
    general = [
        code
        for code in mapping.missing
        if holds in ("number", "whole", "flag", "text") or _number(code) is None
    ]
    recode = {
        k: v
        for name, codes in mapping.recode.items()
        if one.theirs in this.theirs(name)
        for k, v in codes.items()
    }
    for items, codes in mapping.scales:
        if any(one.theirs in this.theirs(item) for item in items):
            recode |= codes
    plain = holds in ("number", "whole", "time", "flag") or (holds == "id" and this.kind.large)
    if not one.text and not own and not general and not recode and plain:
        return ident(one.theirs) if "DOUBLE" not in type_ else f"nullif({ident(one.theirs)}, 'nan'::double)"
    cell, one.text = _text(one.theirs, type_), True
    codes = [*own, *general]
    if not codes and not recode:
        return cell
    gone = f" when {_matches('x', codes)} then null" if codes else ""
    cases = "".join(
        f" when {_matches('x', [code], exact=True)} then {literal(value)}" for code, value in recode.items()
    )
    return f"list_transform([{cell}], lambda x: case when x is null then null{gone}{cases} else x end)[1]"


def _matches(x: str, codes: Iterable[str], *, exact: bool = False) -> str:
    """SQL whether a text is one of the codes: numbers match as numbers (11.0 is 11), words in any case."""
    words = [code.strip() for code in codes]
    numbers = [number for word in words if (number := _number(word)) is not None]
    text = f"{x} in ({', '.join(map(literal, words))})"
    if not exact:
        text = f"lower({x}) in ({', '.join(literal(word.casefold()) for word in words)})"
    return f"({text} or try_cast({x} as double) in ({', '.join(map(repr, numbers))}))" if numbers else text


def _number(code: str) -> float | None:
    return float(code) if re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", code) else None


def _samples(this: Conversion) -> dict[str, list[str]]:
    names = [f.ours for f in this.fields if f.text and f.column.holds in ("number", "whole", "time")]
    if not names:
        return {}
    parts = ", ".join(f"list_slice(list(distinct {ident(name)}), 1, 5000)" for name in names)
    row = this.raw.all(f"select {parts} from (select * from {this.cells} limit {_SAMPLE})")[0]
    return {
        name: [str(v) for v in found or () if v is not None] for name, found in zip(names, row, strict=True)
    }


def _typed(this: Conversion, one: Field, sample: list[str], mark: str) -> None:
    """Write the SQL of the value, and what its texts must be."""
    column, x, mapping, raw = one.column, ident(one.ours), this.mapping, this.raw
    type_ = this.types[one.theirs] if not one.text else "VARCHAR"
    if column.holds in ("number", "whole"):
        decimal = mapping.decimal or values.decimal_of(sample, raw.delimiter)
        if decimal == "." and mark == "," and not mapping.decimal and not any("." in text for text in sample):
            decimal = ","
        one.rule = "must be a finite number" + (" (read with a decimal comma)" if decimal == "," else "")
        if decimal is None:
            decimal = mark if mark == "," else None
        if decimal is None:
            one.rule = "may be thousands or decimals: say decimal: ',' or decimal: '.' in the mapping file"
            one.value = f"case when regexp_full_match({x}, '[+-]?[0-9]+') then try_cast({x} as double) end"
        else:
            one.value = (
                values.number_sql(x, decimal)
                if one.text
                else f"case when isfinite({x}::double) then {x}::double end"
            )
        _within(this, one)
    elif column.holds == "flag":
        one.value, one.rule = (
            values.flag_sql(x if one.text else f"cast({x} as varchar)"),
            "must be yes or no (or 1, 0)",
        )
    elif column.holds == "time":
        _time(this, one, type_, sample)
    else:
        one.value = x if one.text or this.kind.large and column.holds == "id" else f"cast({x} as varchar)"


def _within(this: Conversion, one: Field) -> None:
    column, mapping = one.column, this.mapping
    bounds = (
        (mapping.range_of(one.ours) or (None, None))
        if one.ours in mapping.items
        else (column.low, column.high)
    )
    if mapping.out_of_range and None not in bounds:
        one.value = f"case when {one.value} between {bounds[0]} and {bounds[1]} then {one.value} end"
    if any(one.theirs in this.theirs(name) for name in mapping.reversed):
        if None in bounds:
            said = f"item {show(one.theirs)} is reversed, but its range is not known"
            this.faults.append(Fault(said, "say range: [lowest, highest]"))
        else:
            one.value = f"{bounds[0] + bounds[1]} - ({one.value})"


def _time(this: Conversion, one: Field, type_: str, sample: list[str]) -> None:
    x, plain = ident(one.ours), type_.split("(")[0]
    one.rule = values.DAY
    if not one.text:
        if plain == "TIMESTAMP WITH TIME ZONE":
            this.notes.append(f"column {show(one.theirs)}: time zones were turned into UTC")
            one.value = f"timezone('UTC', {x})"
        elif plain == "DATE" or plain.startswith("TIMESTAMP"):
            one.value = x if plain == "TIMESTAMP" else f"cast({x} as timestamp)"
        elif _numeric(type_):
            one.value = values.epoch_sql(x)
            this.notes.append(
                f"column {show(one.theirs)}: numbers were read as a time since 1970, the unit from their size"
            )
        else:
            this.faults.append(
                Fault(f"must be dates or times, the file holds {plain.lower()}", "convert it", one.theirs)
            )
            one.value = "null::timestamp"
        one.value = values.within_years(one.value)
        return
    first = this.mapping.day_first if this.mapping.day_first is not None else values.day_first_of(sample)
    if first is None and any(map(values.is_slashed, sample)):
        one.rule = "may be day or month first: say day_first: true or false under file: in the mapping file"
    if sample and all(text.replace(".", "", 1).isdecimal() and len(text) > 8 for text in sample[:1000]):
        this.notes.append(
            f"column {show(one.theirs)}: numbers were read as a time since 1970, the unit from their size"
        )
    one.value, one.zone = values.time_sql(x, first), values.zone_sql(x)


def _lean(this: Conversion, one: Field) -> None:
    """Read a large file's cells as they stand, until the first pass finds one that needs more (``probe``)."""
    x, type_, holds = ident(one.ours), this.types[one.theirs], one.column.holds
    plain = (ident(one.theirs), _text(one.theirs, type_))
    if not (this.raw.scanned and this.kind.large and one.cell in plain) or holds not in (
        "id",
        "text",
        "time",
    ):
        return
    if type_ != "VARCHAR" and (holds != "time" or _numeric(type_)):
        return
    full = (one.cell, one.value, one.zone)
    if holds == "time":
        read = (
            f"try_cast({x} as timestamp)"
            if one.text
            else one.value.rpartition(" then ")[2].removesuffix(" end")
        )
        bounds = f"min({read}) < timestamp '1900-01-01' or max({read}) >= timestamp '2201-01-01'"
        one.probe = f"cast(coalesce({bounds}, false) as int)"
        one.probe += f" + count_if(not {values.is_iso_sql(x)})" if one.text else ""
        one.value, one.zone = read, ""
    else:
        # A scanned text has no blank words left; what begins with a space or sorts before letters is looked at.
        first = f"(select {ident(one.theirs)} as {x} from {this.source} limit 200000)"
        words = f" + (select count_if({x} in ({_USUAL})) from {first})" if this.raw.kind != "text" else ""
        marks = f" + count_if(contains({x}, '<'))" if holds == "text" else ""
        one.probe, one.value = f"cast(coalesce(min({x}) < '$', false) as int){words}{marks}", f"trim({x})"
    one.full, one.cell = full, ident(one.theirs)


def _absent(this: Conversion) -> None:
    there = {field.ours for field in this.fields}
    free = [name for name in this.types if name not in this.mapping.columns]
    missing_named = any("which the file has not" in fault.rule for fault in this.faults)
    for column in this.kind.columns:
        if column.required and column.name not in there and not missing_named:
            lower = {name.casefold(): name for name in free}
            near = next((lower[alias] for alias in column.aliases if alias in lower), None)
            listed = ", ".join(map(show, free[:8])) + (f" and {len(free) - 8} more" if len(free) > 8 else "")
            hint = f"is it your {show(near)}? map it" if near else f"the file has {listed}; map one of them"
            said = f"column {show(column.name)} is missing ({column.description})"
            this.faults.append(Fault(said, f"{hint} under columns: in the mapping file"))
    if this.kind.one_of and not set(this.kind.one_of) & there:
        said = f"one of the columns {' and '.join(this.kind.one_of)} is needed"
        this.faults.append(Fault(said, "add one, or map one of yours to it"))


def _check(this: Conversion) -> None:
    """Look at every cell in one pass; only where something is wrong, a second one finds the lines."""
    tests: list[
        tuple[str, str, str, str | None, Field | None]
    ] = []  # rule, remedy, SQL of bad rows, value, field
    counts = ["count(*)"]
    read = []
    for one in this.fields:
        x, column = ident(one.ours), one.column
        counts.append(f"count({x})")
        if one.value != x and not (one.probe and one.column.holds != "time"):
            remedy = (
                ""
                if "mapping file" in one.rule
                else "correct it, or name it under missing: in the mapping file"
            )
            if not (this.mapping.out_of_range and one.ours in this.mapping.items):
                tests.append((one.rule, remedy, f"{x} is not null and ({one.value}) is null", x, one))
        if column.holds == "whole":
            tests.append(("must be a whole number", "correct it", f"({one.value}) % 1 <> 0", x, one))
        if column.allowed:
            words = ", ".join(literal(a) if isinstance(a, str) else str(a) for a in column.allowed)
            rule = f"must be one of {', '.join(map(str, column.allowed))}"
            tests.append((rule, "correct it", f"({one.value}) not in ({words})", x, one))
        for bound, sign, word in ((column.low, "<", "at least"), (column.high, ">", "at most")):
            if bound is not None and not (this.mapping.out_of_range and one.ours in this.mapping.items):
                tests.append(
                    (f"must be {word} {bound:g}", "correct it", f"({one.value}) {sign} {bound}", x, one)
                )
        read.append(one)
    values_of = {one.ours: one.value for one in this.fields}
    for low, high in this.kind.ordered:
        if {low, high} <= set(values_of):
            bad = f"({values_of[low]}) > ({values_of[high]})"
            tests.append((f"{low} must not exceed {high}", "correct it", bad, None, None))
    zones = [f"count_if({one.zone} <> '')" for one in read if one.zone]
    marks = [one for one in read if one.column.holds in ("text", "id") and one.text and not one.probe]
    probed = [one for one in read if one.probe]
    parts = [*counts, *zones, *(f"count_if(regexp_matches({ident(one.ours)}, '[<>]'))" for one in marks),
             *(f"count_if({bad})" for _, _, bad, _, _ in tests), *(one.probe for one in probed)]  # fmt: skip
    row = list(this.raw.all(f"select {', '.join(parts)} from {this.cells}")[0]) if read else [0]
    needing = [one for one, count in zip(probed, row[len(row) - len(probed) :], strict=True) if count]
    for one in needing:
        (one.cell, one.value, one.zone), one.probe = one.full, ""
    if needing:
        return _check(this)
    row = row[: len(row) - len(probed)]
    this.rows = row[0]
    if not this.rows:
        if not this.raw.ragged:
            this.faults.append(Fault("there is a header but no row", "add rows"))
        return
    filled = dict(zip([one.ours for one in read], row[1:], strict=False))
    at = len(counts)
    for one, zoned in zip([o for o in read if o.zone], row[at:], strict=False):
        _zoned(this, one, zoned, filled[one.ours])
    at += len(zones)
    for one, marked in zip(marks, row[at:], strict=False):
        if marked:
            one.value = f"translate({one.value}, '<>', '‹›')"
            this.notes.append(f"column {show(one.theirs)}: angle brackets were replaced")
    at += len(marks)
    for (rule, remedy, bad, value, one), count in zip(tests, row[at:], strict=True):
        if count:
            this.faults.append(_located(this, rule, remedy, bad, value, one, count))
    for one in read:
        _gaps(this, one, filled[one.ours])
    if this.kind.key and not this.kind.large:
        _keys(this)


def _zoned(this: Conversion, one: Field, zoned: int, filled: int) -> None:
    if zoned == filled and zoned:
        this.notes.append(f"column {show(one.theirs)}: time zones were turned into UTC")
    elif zoned:
        bad = f"({one.zone}) " + ("<> ''" if zoned <= filled / 2 else "= ''")
        count = min(zoned, filled - zoned)
        this.faults.append(_located(this, values.ZONED, "write all in UTC", bad, ident(one.ours), one, count))


def _gaps(this: Conversion, one: Field, filled: int) -> None:
    column, declared = one.column, one.ours in this.kind.names
    if filled == this.rows:
        return
    if not column.gaps:
        bad = f"{ident(one.ours)} is null"
        remedy = "fill it, or leave the row out"
        this.faults.append(_located(this, "must not be missing", remedy, bad, None, one, this.rows - filled))
    elif column.required and declared and not filled:
        this.faults.append(
            Fault("is missing on every row", "fill it in", one.theirs, row_word=this.raw.row_word)
        )
    elif column.required and declared and this.kind.large:
        gone = this.rows - filled
        this.notes.append(f"column {show(one.theirs)}: {gone:,} rows have none and are dropped and counted")


def _keys(this: Conversion) -> None:
    names = [name for name in this.kind.key if any(one.ours == name for one in this.fields)]
    if not names:
        return
    listed = ", ".join(map(ident, names))
    numbered = f"(select *, row_number() over (partition by {listed} order by line) as again from {_numbered(this, '*')})"
    where = f"again > 1 and {ident(names[0])} is not null"
    rows = this.raw.all(
        f"select line, concat_ws(' / ', {listed}) from {numbered} where {where} order by line limit 5"
    )
    if rows:
        count = this.raw.all(f"select count(*) from {numbered} where {where}")[0][0]
        lines = tuple(int(line) for line, _ in rows)
        rule = f"{' and '.join(this.kind.key)} must not occur twice"
        this.faults.append(
            Fault(rule, "keep one of the rows", None, rows[0][1], lines, count, this.raw.row_word)
        )


def _numbered(this: Conversion, columns: str) -> str:
    line = ident(LINE) if this.raw.lined else f"row_number() over () + {this.raw.first_line}"
    return f"(select {columns}, {line} as line from {this.cells})"


def _located(
    this: Conversion, rule: str, remedy: str, bad: str, value: str | None, one: Field | None, count: int
) -> Fault:
    """Return a fault with the first lines on which a condition holds."""
    numbered = _numbered(this, f"{value or 'null'} as value, ({bad}) as bad")
    rows = this.raw.all(
        f"select line, cast(value as varchar) from {numbered} where bad order by line limit 5"
    )
    lines = tuple(int(line) for line, _ in rows) if len(this.raw.scanned) < 2 else ()
    first = rows[0][1] if rows and value else None
    return Fault(rule, remedy, one.theirs if one else None, first, lines, count, this.raw.row_word)
