"""From a stranger's columns to ours: the mapping and the declaration written as SQL over the raw relation.

Two layers are put over it: cells under our names, without what means 'no answer' and recoded, and cells as
the kind that is declared. A cell with a text in the first and nothing in the second is wrong (``look.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from cxlab.data import values
from cxlab.data.errors import Fault, InputError, nearest, show
from cxlab.data.mapping import Mapping
from cxlab.data.privacy import personal_columns, plain_text
from cxlab.data.raw import LINE, Raw, ident, literal, literals
from cxlab.data.tables import Column, Kind, may

_WHOLE = (
    "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT",
)  # fmt: skip


@dataclass
class Field:
    """One column on its way: its cell (SQL over the file), its value (SQL over the cells), what must hold.

    ``text`` says whether the cell is a text; ``shape`` names the column that tells how a time is written. A
    value that breaks the ``rule`` is NULL, and no fault when ``lenient``.
    """

    theirs: str
    column: Column
    cell: str = ""
    value: str = ""
    rule: str = ""
    zone: str = ""
    shape: str = ""
    text: bool = True
    lenient: bool = False

    @property
    def ours(self) -> str:
        """The column's name in our table."""
        return self.column.name


@dataclass
class Conversion:
    """A table after the mapping: its fields, what is wrong with it and what was assumed."""

    raw: Raw
    kind: Kind
    mapping: Mapping
    source: str
    types: dict[str, str]
    notes: list[str]
    fields: list[Field] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rows: int = 0

    def theirs(self, name: str) -> list[str]:
        """The file's columns that a name in the mapping means: theirs, ours, or a pattern such as ``Q7*``."""
        back = {ours: theirs for theirs, ours in self.mapping.columns.items()}
        for one in (name, back.get(name)):
            if one in self.types:
                return [one]
        return [column for column in self.types if re.search("[*?]", name) and fnmatchcase(column, name)]

    def ours(self, names: Iterable[str]) -> list[str]:
        """Our names of the columns that names in the mapping mean."""
        found = (self.mapping.ours(column) for name in names for column in self.theirs(name) or [name])
        return list(dict.fromkeys(found))

    def among(self, column: str, rules: dict[str, Any]) -> list[Any]:
        """The rules of a mapping whose names mean a column of theirs."""
        return [rule for name, rule in rules.items() if column in self.theirs(name)]

    @property
    def cells(self) -> str:
        """SQL of the first layer."""
        listed = ", ".join(f"{one.cell} as {ident(one.ours)}" for one in self.fields)
        cells = f"(select {listed}{f', {ident(LINE)}' if self.raw.lined else ''} from {self.source})"
        times = [one for one in self.fields if one.shape]
        shapes = "".join(f", {values.shape_sql(ident(one.ours))} as {one.shape}" for one in times)
        return f"(select *{shapes} from {cells})"

    def sql(self) -> str:
        """The query whose rows are the table under our names."""
        chosen = []
        for name, value in self.mapping.where.items():
            one = next((one for one in self.fields if one.ours == self.mapping.ours(name)), None)
            if one is None:
                hint = nearest(name, [one.ours for one in self.fields])
                raise InputError(f"{self.raw.name}: where names no column {show(name)}; {hint}correct it")
            wanted = literal(plain_text(value))
            number = one.column.holds in ("number", "whole", "flag")
            chosen.append(f"({one.value}) = {f'try_cast({wanted} as double)' if number else wanted}")
        listed = ", ".join(f"{one.value} as {ident(plain_text(one.ours))}" for one in self.fields)
        where = f" where {' and '.join(chosen)}" if chosen else ""
        order = f" order by {ident(LINE)}" if self.raw.lined else ""
        return f"select {listed} from {self.cells}{where}{order}"


def bring(raw: Raw, mapping: Mapping, kind: Kind) -> Conversion:
    """Bring a raw table under our names; nothing but a sample is looked at yet."""
    this = Conversion(raw, kind, mapping, raw.source, dict(raw.types), list(raw.notes))
    _join(this)
    _lengthen(this)
    _refuse_names(this)
    for theirs, column in _columns(this).items():
        this.fields.append(_cell(this, Field(theirs, column, value=ident(column.name))))
    samples = _samples(this)
    numbers = [samples[one.ours] for one in this.fields if one.text and one.column.holds == "number"]
    comma = any(values.decimal_of(texts) == "," for texts in numbers)
    for one in this.fields:
        if one.column.holds == "flag":
            one.value = values.flag_sql(f"cast({one.value} as varchar)")
            one.rule = "must be yes or no (or 1, 0)"
        elif one.column.holds == "time":
            _time(this, one, samples.get(one.ours, []))
        elif one.column.holds in ("number", "whole"):
            _measure(this, one, samples.get(one.ours, []), comma)
    return this


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
    absent = [column for column in sorted(used) if not this.theirs(column)]
    if absent:
        return _unknown(this, absent[0])
    rows = []
    for label in dict.fromkeys(label for of in wide["values"].values() for label in of):
        cells = [f"{literal(wide['name'])}: {literal(label)}"]
        for ours, of in wide["values"].items():
            cell = ident(this.theirs(of[label])[0]) if label in of else "null"
            cells.append(f"{literal(ours)}: cast({cell} as varchar)")
        rows.append("{" + ", ".join(cells) + "}")
    gone = {this.theirs(column)[0] for column in used}
    this.types = {column: type_ for column, type_ in this.types.items() if column not in gone}
    kept = ", ".join(map(ident, [*this.types, *([LINE] if this.raw.lined else [])]))
    stacked = f"unnest([{', '.join(rows)}], recursive := true)"
    this.source = f"(select {f'{kept}, ' if kept else ''}{stacked} from {this.source})"
    this.types |= dict.fromkeys([wide["name"], *wide["values"]], "VARCHAR")
    if this.kind.large and "timestamp" in wide["values"]:  # what a customer never did is no event
        known = f"nullif(trim({ident('timestamp')}), '') is not null"
        this.source = f"(select * from {this.source} where {known})"


def _unknown(this: Conversion, name: str) -> None:
    hint = nearest(name, this.types) or f"the file has {', '.join(map(show, list(this.types)[:8]))}; "
    said = f"the mapping names column {show(name)}, which the file has not"
    this.faults.append(Fault(said, f"{hint}correct the mapping file"))


def _refuse_names(this: Conversion) -> None:
    """List names of the mapping that mean nothing, and used columns that stand twice."""
    mapping, wide = this.mapping, this.mapping.wide_to_long
    named = [*mapping.columns, *mapping.missing_in, *mapping.recode, *mapping.ranges, *mapping.items]
    named += [item for items, _ in mapping.scales for item in items]
    named += [*mapping.segments, *mapping.reversed]
    named += filter(None, [mapping.weights, mapping.clusters, mapping.date])
    made = {*wide.get("values", {}), wide.get("name"), *mapping.outcomes}
    for name in dict.fromkeys(named):
        if not this.theirs(name) and name not in made and len(this.faults) < 6:
            _unknown(this, name)
    used = {column for name in [*named, *this.kind.names] for column in this.theirs(name)}
    for column in this.raw.repeated:
        if column in used:
            this.faults.append(Fault("the header holds this column more than once", "rename one", column))
    for theirs, ours in mapping.columns.items():
        if ours in this.types and theirs != ours and ours not in mapping.columns and theirs in this.types:
            del this.types[ours]
            this.notes.append(f"your own column {show(ours)} is not used: {show(theirs)} is mapped to it")


def _declared(this: Conversion) -> dict[str, Column]:
    """Return our name -> what a column must hold, by the table's declaration and the mapping's roles."""
    mapping, wanted = this.mapping, {column.name: column for column in this.kind.columns}
    for names, column in (
        (mapping.segments, may("", "text", "")),
        ([mapping.clusters], may("", "id", "")),
        ([mapping.date], may("", "time", "")),
        ([mapping.weights], Column("", "number", "survey weight", low=0)),
        (mapping.roles.get("text", ()), may("", "text", "", personal=True)),  # open answers: never shown
    ):
        for name in this.ours(filter(None, names)):
            wanted.setdefault(name, replace(column, name=name))
    for name in this.ours(mapping.items):
        theirs = (this.theirs(name) or [name])[0]
        low, high = next(iter(this.among(theirs, mapping.ranges)), mapping.range) or (None, None)
        wanted[name] = Column(name, "number", "an item of the survey", gaps=True, low=low, high=high)
    return wanted


def _columns(this: Conversion) -> dict[str, Column]:
    """Return the columns that are kept: theirs -> what it must hold."""
    mapping, kind, wanted = this.mapping, this.kind, _declared(this)
    named = {*mapping.columns, *mapping.personal, *map(mapping.ours, mapping.personal)}
    found, left = {}, []
    for theirs, type_ in this.types.items():
        ours = mapping.ours(theirs)
        odd = type_.startswith(("STRUCT", "MAP", "UNION", "BLOB", "BIT")) or type_.endswith("]")
        plain = may(ours, "number" if _is_number(type_) else "text", "")
        if not odd and (ours in wanted or {ours, theirs} & named):
            found[theirs] = wanted.get(ours, plain)
        elif kind.large and not odd:
            found[theirs] = plain
            left.append(theirs)
        elif mapping.path is not None:
            left.append(theirs)
    if kind.large and left:  # a large table keeps what does not look personal
        sample = this.raw.all(f"select {', '.join(map(ident, left))} from {this.source} limit 10000", "df")
        for name, reason in personal_columns(sample).items():
            del found[name]
            advice = "name it under personal: in params.yaml to keep it"
            this.notes.append(f"column {show(name)} {reason} and was left out; {advice}")
    elif left:
        listed = ", ".join(map(show, left[:8]))
        this.notes.append(f"{len(left)} column(s) that the mapping does not name were left out: {listed}")
    if not found and mapping.path is not None:
        advice = "name some under columns, blocks or outcomes"
        raise InputError(f"{this.raw.name}: no column is one of the table {kind.name}; {advice}")
    return found


def _is_number(type_: str) -> bool:
    return type_.split("(")[0] in (*_WHOLE, "DOUBLE", "FLOAT", "DECIMAL")


def text_sql(name: str, type_: str) -> str:
    """Return SQL of a column as trimmed text without words that are no value; whole floats lose ``.0``."""
    x = ident(name)
    if type_ == "VARCHAR":
        blank = f"list_position([{literals(values.BLANK)}], lower(trim({x})))"
        return f"case when {blank} is null then trim({x}) end"
    if type_ in ("DOUBLE", "FLOAT"):
        whole = f"abs({x}) < 1e15 and {x} = floor({x}) then cast(cast({x} as hugeint) as varchar)"
        return f"case when isnan({x}) then null when {whole} else cast({x} as varchar) end"
    return f"cast({x} as varchar)"


def _cell(this: Conversion, one: Field) -> Field:
    """Write the cell as it stands in the file, without what means 'no answer', recoded."""
    mapping, kind, holds = this.mapping, this.kind, one.column.holds
    type_, x = this.types[one.theirs], ident(one.theirs)
    answer = holds in ("number", "whole", "flag", "text")
    codes = [code for found in this.among(one.theirs, mapping.missing_in) for code in found]
    codes += [code for code in mapping.missing if answer or values.number_of(code) is None]
    recode = {code: to for found in this.among(one.theirs, mapping.recode) for code, to in found.items()}
    for items, words in mapping.scales:
        recode |= words if this.among(one.theirs, dict.fromkeys(items)) else {}
    typed = holds in ("number", "whole", "time", "flag") or (holds == "id" and kind.large and type_ in _WHOLE)
    one.text = type_ == "VARCHAR" or not typed or bool(codes or recode)
    if not one.text:
        one.cell = f"nullif({x}, 'nan'::double)" if type_ == "DOUBLE" else x
        return one
    # DuckDB has made the usual blank words of a scanned text NULL
    scanned = kind.large and this.raw.kind == "text" and not this.raw.lined
    if scanned and type_ == "VARCHAR" and holds == "time" and not codes and not recode:
        one.cell = (
            f"case when strlen({x}) > 12 or trim({x}) <> '' then {x} end"  # long texts are slow to trim
        )
    elif scanned and type_ == "VARCHAR":
        one.cell = f"case when contains({x}, ' ') then nullif(trim({x}), '') else nullif({x}, '') end"
    else:
        one.cell = text_sql(one.theirs, type_)
    if codes or recode:
        cases = [f" when {_matches('x', codes)} then null"] if codes else []
        cases += [f" when {_matches('x', [c], exact=True)} then {literal(to)}" for c, to in recode.items()]
        case = f"case when x is null then null{''.join(cases)} else x end"
        one.cell = f"list_transform([{one.cell}], lambda x: {case})[1]"
    return one


def _matches(x: str, codes: Iterable[str], *, exact: bool = False) -> str:
    """SQL whether a text is one of the codes: numbers match as numbers (11.0 is 11), words in any case."""
    words = [code.strip() for code in codes]
    numbers = [repr(number) for word in words if (number := values.number_of(word)) is not None]
    listed = literals(words if exact else map(str.casefold, words))
    text = f"{x if exact else f'lower({x})'} in ({listed})"
    return f"({text} or try_cast({x} as double) in ({', '.join(numbers)}))" if numbers else text


def _samples(this: Conversion) -> dict[str, list[str]]:
    """Return up to 5,000 different texts of each column that must be read."""
    names = [one.ours for one in this.fields if one.text and one.column.holds in ("number", "whole", "time")]
    if not names:
        return {}
    parts = ", ".join(f"list_slice(list(distinct {ident(name)}), 1, 5000)" for name in names)
    row = this.raw.all(f"select {parts} from (select * from {this.cells} limit 100000)")[0]
    return {name: [text for text in found or () if text] for name, found in zip(names, row, strict=True)}


def _measure(this: Conversion, one: Field, sample: list[str], comma: bool) -> None:
    """Write the SQL of a number; ``comma`` says whether another column of the file has decimal commas."""
    column, x, mapping = one.column, ident(one.ours), this.mapping
    decimal = mapping.decimal or values.decimal_of(sample, this.raw.delimiter)
    if comma and not mapping.decimal and (decimal is None or not any("." in text for text in sample)):
        decimal = ","
    one.rule = "must be a finite number" + (" (read with a decimal comma)" if decimal == "," else "")
    if not one.text:
        one.value = f"case when isfinite({x}::double) then {x}::double end"
    elif decimal is None:
        one.rule = "may be thousands or decimals: say decimal: ',' or decimal: '.' in the mapping file"
        one.value = f"case when regexp_full_match({x}, '[+-]?[0-9]+') then try_cast({x} as double) end"
    else:
        one.value = values.number_sql(x, decimal)
    bounded = None not in (column.low, column.high)
    if mapping.out_of_range and bounded:
        one.lenient = True
        one.value = f"case when {one.value} between {column.low} and {column.high} then {one.value} end"
    if this.among(one.theirs, dict.fromkeys(mapping.reversed)):
        if bounded:
            one.value = f"{column.low + column.high} - ({one.value})"
        else:
            said = f"item {show(one.theirs)} is reversed, but its range is not known"
            this.faults.append(Fault(said, "say range: [lowest, highest]"))


def _time(this: Conversion, one: Field, sample: list[str]) -> None:
    x, type_, said = ident(one.ours), this.types[one.theirs].split("(")[0], ""
    one.rule, since = values.DAY, "numbers were read as a time since 1970, the unit from their size"
    if one.text:
        first = this.mapping.day_first
        first = values.day_first_of(sample) if first is None else first
        if first is None and any(map(values.is_slashed, sample)):
            one.rule = "may be day or month first: say day_first: true or false in the mapping file"
        long = [text.replace(".", "", 1).isdecimal() and len(text) > 8 for text in sample[:1000]]
        said = since if long and all(long) else ""
        one.shape = ident(f"shape of {one.ours}\x1f")
        one.value, one.zone = values.time_sql(x, first, one.shape), values.zone_sql(x, one.shape)
    elif type_ == "TIMESTAMP WITH TIME ZONE":
        said, one.value = values.IN_UTC, values.within_years(f"timezone('UTC', {x})")
    elif _is_number(type_):
        said, one.value = since, values.epoch_sql(x)
    elif type_ == "DATE" or type_.startswith("TIMESTAMP"):
        one.value = values.within_years(f"cast({x} as timestamp)")
    else:
        this.faults.append(Fault(f"must be dates or times, not {type_.lower()}", "convert it", one.theirs))
        one.value = "null::timestamp"
    this.notes += [f"column {show(one.theirs)}: {said}"] if said else []
