"""Every cell of a table looked at in one pass; only where something is wrong, another one finds the lines."""

from dataclasses import replace

from cxlab.data import values
from cxlab.data.convert import Conversion, Field, bring
from cxlab.data.errors import Fault, show
from cxlab.data.mapping import Mapping
from cxlab.data.raw import LINE, Raw, ident, literal
from cxlab.data.tables import Kind


def convert(raw: Raw, mapping: Mapping, kind: Kind) -> Conversion:
    """Bring a raw table under our names and look at every cell; what is wrong is listed, not raised."""
    this = bring(raw, mapping, kind)
    if raw.ragged:
        count, width = raw.ragged[0][1], len(raw.types)
        remedy = "put cells with the delimiter into quotation marks" if count > width else "complete the row"
        lines = tuple(line for line, _ in raw.ragged[:5])
        rule = f"has {count} fields where the header has {width}"
        this.faults.insert(0, Fault(rule, remedy, None, None, lines, len(raw.ragged), raw.row_word))
    _absent(this)
    if this.fields:
        _look(this)
    else:
        this.rows = raw.all(f"select count(*) from {this.source}")[0][0]
    if not this.rows and not raw.ragged:
        this.faults.append(Fault("there is a header but no row", "add rows"))
    return this


def _absent(this: Conversion) -> None:
    """List columns that the table needs and the file lacks, unless the mapping misnames some."""
    there = {one.ours for one in this.fields}
    free = [name for name in this.types if name not in this.mapping.columns]
    mistaken = any("which the file has not" in fault.rule for fault in this.faults)
    for column in this.kind.columns:
        if column.required and column.name not in there and not mistaken:
            near = [name for alias in column.aliases.split() for name in free if name.casefold() == alias]
            listed = ", ".join(map(show, free[:8])) + (f" and {len(free) - 8} more" if len(free) > 8 else "")
            hint = f"is it your {show(near[0])}? map it" if near else f"the file has {listed}; map one"
            said = f"column {show(column.name)} is missing ({column.description})"
            this.faults.append(Fault(said, f"{hint} under columns: in the mapping file"))
    if this.kind.one_of and not set(this.kind.one_of) & there:
        said = f"one of the columns {' and '.join(this.kind.one_of)} is needed"
        this.faults.append(Fault(said, "add one, or map one of yours to it"))


def _tests(one: Field) -> list[tuple[str, str]]:
    """Return (rule, SQL of the rows that break it) for the values of a column."""
    column, value, found = one.column, f"({one.value})", []
    if column.holds == "whole":
        found.append(("must be a whole number", f"{value} % 1 <> 0"))
    if column.allowed:
        words = ", ".join(literal(word) if isinstance(word, str) else str(word) for word in column.allowed)
        listed = ", ".join(map(str, column.allowed))
        found.append((f"must be one of {listed}", f"{value} not in ({words})"))
    for bound, sign, word in ((column.low, "<", "at least"), (column.high, ">", "at most")):
        if bound is not None and not one.lenient:
            found.append((f"must be {word} {bound:g}", f"{value} {sign} {bound}"))
    return found


def _look(this: Conversion) -> None:
    """Count in one query what is there, what can be read, what is marked, and what breaks a rule."""
    fields = {one.ours: one for one in this.fields}
    tests = [(rule, bad, one) for one in this.fields for rule, bad in _tests(one)]
    for low, high in this.kind.ordered:
        if low in fields and high in fields:
            bad = f"({fields[low].value}) > ({fields[high].value})"
            tests.append((f"{low} must not exceed {high}", bad, None))
    asked = {"rows": "count(*)"}
    for name, one in fields.items():
        cell = ident(name)
        asked[name, "filled"] = f"count({cell})"
        if one.rule and not one.lenient:
            asked[name, "read"] = f"count({one.value})"
        if one.zone:
            asked[name, "zoned"] = f"count({one.zone})"
        if one.text and (one.column.holds == "text" or (one.column.holds == "id" and not this.kind.large)):
            asked[name, "marked"] = f"count_if(contains({cell}, '<'))"
    asked |= {place: f"count_if({bad})" for place, (_, bad, _) in enumerate(tests)}
    row = this.raw.all(f"select {', '.join(asked.values())} from {this.cells}")[0]
    counts = dict(zip(asked, row, strict=True))
    this.rows = counts["rows"]
    if not this.rows:
        return
    for name, one in fields.items():
        _zones(this, one, counts.get((name, "zoned"), 0), counts[name, "filled"])
        if counts.get((name, "marked")):
            one.value = f"translate({one.value}, '<>', '‹›')"
            this.notes.append(f"column {show(one.theirs)}: angle brackets were replaced")
        unread = counts[name, "filled"] - counts.get((name, "read"), counts[name, "filled"])
        if unread:
            remedy = "" if "mapping" in one.rule else "correct it, or name it under missing: in the mapping"
            bad = f"{ident(name)} is not null and ({one.value}) is null"
            this.faults.append(_located(this, one.rule, remedy, bad, one, unread))
    for place, (rule, bad, one) in enumerate(tests):
        if counts[place]:
            this.faults.append(_located(this, rule, "correct it", bad, one, counts[place]))
    for name, one in fields.items():
        _gaps(this, one, this.rows - counts[name, "filled"])
    if this.kind.key and not this.kind.large:
        _keys(this)


def _zones(this: Conversion, one: Field, zoned: int, filled: int) -> None:
    if zoned and zoned == filled:
        this.notes.append(f"column {show(one.theirs)}: time zones were turned into UTC")
    elif zoned:
        rare = "not null" if zoned <= filled / 2 else "null"
        bad = f"{ident(one.ours)} is not null and ({one.zone}) is {rare}"
        fault = _located(this, values.ZONED, "write all in UTC", bad, one, min(zoned, filled - zoned))
        this.faults.append(fault)


def _gaps(this: Conversion, one: Field, empty: int) -> None:
    column, declared = one.column, one.column.required and one.ours in this.kind.names
    if empty and not column.gaps:
        bad, remedy = f"{ident(one.ours)} is null", "fill it, or leave the row out"
        this.faults.append(_located(this, "must not be missing", remedy, bad, one, empty))
    elif declared and empty == this.rows:
        this.faults.append(Fault("is missing on every row", "fill it in", one.theirs))
    elif declared and empty and this.kind.large:
        this.notes.append(f"column {show(one.theirs)}: {empty:,} rows have none and are dropped and counted")


def _keys(this: Conversion) -> None:
    """List rows whose key stands on an earlier row."""
    names = [name for name in this.kind.key if any(one.ours == name for one in this.fields)]
    if not names:
        return
    listed = ", ".join(map(ident, names))
    again = f"row_number() over (partition by {listed} order by line) > 1 and {ident(names[0])} is not null"
    rows = f"(select line, concat_ws(' / ', {listed}) as value, {again} as bad from {_numbered(this, '*')})"
    count = this.raw.all(f"select count_if(bad) from {rows}")[0][0]
    if count:
        rule = f"{' and '.join(this.kind.key)} must not occur twice"
        this.faults.append(_first(this, Fault(rule, "keep one of the rows", count=count), rows))


def _numbered(this: Conversion, columns: str) -> str:
    line = ident(LINE) if this.raw.lined else f"row_number() over () + {this.raw.first_line}"
    return f"(select {columns}, {line} as line from {this.cells})"


def _located(this: Conversion, rule: str, remedy: str, bad: str, one: Field | None, count: int) -> Fault:
    """Return a fault with the first lines on which a condition holds."""
    value = ident(one.ours) if one else "null"
    rows = _numbered(this, f"cast({value} as varchar) as value, ({bad}) as bad")
    return _first(this, Fault(rule, remedy, one.theirs if one else None, count=count), rows)


def _first(this: Conversion, fault: Fault, rows: str) -> Fault:
    found = this.raw.all(f"select line, value from {rows} where bad order by line limit 5")
    lines = tuple(int(line) for line, _ in found) if len(this.raw.scanned) < 2 else ()
    return replace(fault, value=found[0][1] if found else None, lines=lines, row_word=this.raw.row_word)
