"""Every cell of a table looked at in one pass; only where something is wrong, another one finds the lines."""

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
    there = {one.ours for one in this.fields}
    free = [name for name in this.types if name not in this.mapping.columns]
    mistaken = any("which the file has not" in fault.rule for fault in this.faults)
    for column in this.kind.columns:
        if column.required and column.name not in there and not mistaken:
            lower = {name.casefold(): name for name in free}
            near = next((lower[alias] for alias in column.aliases if alias in lower), None)
            listed = ", ".join(map(show, free[:8])) + (f" and {len(free) - 8} more" if len(free) > 8 else "")
            hint = f"is it your {show(near)}? map it" if near else f"the file has {listed}; map one of them"
            said = f"column {show(column.name)} is missing ({column.description})"
            this.faults.append(Fault(said, f"{hint} under columns: in the mapping file"))
    if this.kind.one_of and not set(this.kind.one_of) & there:
        said = f"one of the columns {' and '.join(this.kind.one_of)} is needed"
        this.faults.append(Fault(said, "add one, or map one of yours to it"))


def _tests(one: Field) -> list[tuple[str, str, str]]:
    """Return (rule, remedy, SQL of the rows that break it) for a column."""
    column, x, found = one.column, ident(one.ours), []
    if one.rule and not one.lenient:
        remedy = "" if "mapping" in one.rule else "correct it, or name it under missing: in the mapping"
        found.append((one.rule, remedy, f"{x} is not null and ({one.value}) is null"))
    if column.holds == "whole":
        found.append(("must be a whole number", "correct it", f"({one.value}) % 1 <> 0"))
    if column.allowed:
        words = ", ".join(literal(word) if isinstance(word, str) else str(word) for word in column.allowed)
        listed = ", ".join(map(str, column.allowed))
        found.append((f"must be one of {listed}", "correct it", f"({one.value}) not in ({words})"))
    for bound, sign, word in ((column.low, "<", "at least"), (column.high, ">", "at most")):
        if bound is not None and not one.lenient:
            found.append((f"must be {word} {bound:g}", "correct it", f"({one.value}) {sign} {bound}"))
    return found


def _look(this: Conversion) -> None:
    fields = this.fields
    tests = [(*test, one) for one in fields for test in _tests(one)]
    value = {one.ours: one.value for one in fields}
    for low, high in this.kind.ordered:
        if {low, high} <= set(value):
            tests.append(
                (f"{low} must not exceed {high}", "correct it", f"({value[low]}) > ({value[high]})", None)
            )
    zoned, probed = [one for one in fields if one.zone], [one for one in fields if one.probe]
    marked = [one for one in fields if one.column.holds in ("text", "id") and one.text and not one.probe]
    groups = [
        [f"count({ident(one.ours)})" for one in fields],
        [one.probe for one in probed],
        [f"count_if({one.zone} <> '')" for one in zoned],
        [f"count_if(regexp_matches({ident(one.ours)}, '[<>]'))" for one in marked],
        [f"count_if({test[2]})" for test in tests],
    ]
    listed = ", ".join(["count(*)", *(part for group in groups for part in group)])
    this.rows, *row = this.raw.all(f"select {listed} from {this.cells}")[0]
    if not this.rows:
        return
    found = iter(row)
    filled, probes, zones, marks, broken = ([next(found) for _ in group] for group in groups)
    needing = [one for one, count in zip(probed, probes, strict=True) if count]
    for one in needing:
        (one.cell, one.value, one.zone), one.probe = one.full, ""
    if needing:
        return _look(this)
    for one, count in zip(zoned, zones, strict=True):
        _zones(this, one, count, filled[fields.index(one)])
    for one, count in zip(marked, marks, strict=True):
        if count:
            one.value = f"translate({one.value}, '<>', '‹›')"
            this.notes.append(f"column {show(one.theirs)}: angle brackets were replaced")
    for (rule, remedy, bad, one), count in zip(tests, broken, strict=True):
        if count:
            this.faults.append(_located(this, rule, remedy, bad, one, count))
    for one, count in zip(fields, filled, strict=True):
        _gaps(this, one, this.rows - count)
    if this.kind.key and not this.kind.large:
        _keys(this)


def _zones(this: Conversion, one: Field, zoned: int, filled: int) -> None:
    if zoned == filled and zoned:
        this.notes.append(f"column {show(one.theirs)}: time zones were turned into UTC")
    elif zoned:
        bad = f"({one.zone}) " + ("<> ''" if zoned <= filled / 2 else "= ''")
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
    names = [name for name in this.kind.key if any(one.ours == name for one in this.fields)]
    if not names:
        return
    listed = ", ".join(map(ident, names))
    again = f"row_number() over (partition by {listed} order by line) > 1 and {ident(names[0])} is not null"
    rows = f"(select line, concat_ws(' / ', {listed}) as value, {again} as bad from {_numbered(this, '*')})"
    found = this.raw.all(f"select line, value from {rows} where bad order by line limit 5")
    if found:
        count = this.raw.all(f"select count_if(bad) from {rows}")[0][0]
        rule = f"{' and '.join(this.kind.key)} must not occur twice"
        lines = tuple(int(line) for line, _ in found)
        word = this.raw.row_word
        this.faults.append(Fault(rule, "keep one of the rows", None, found[0][1], lines, count, word))


def _numbered(this: Conversion, columns: str) -> str:
    line = ident(LINE) if this.raw.lined else f"row_number() over () + {this.raw.first_line}"
    return f"(select {columns}, {line} as line from {this.cells})"


def _located(this: Conversion, rule: str, remedy: str, bad: str, one: Field | None, count: int) -> Fault:
    """Return a fault with the first lines on which a condition holds."""
    value = ident(one.ours) if one else "null"
    numbered = _numbered(this, f"cast({value} as varchar) as value, ({bad}) as bad")
    rows = this.raw.all(f"select line, value from {numbered} where bad order by line limit 5")
    lines = tuple(int(line) for line, _ in rows) if len(this.raw.scanned) < 2 else ()
    first = rows[0][1] if rows else None
    return Fault(rule, remedy, one.theirs if one else None, first, lines, count, this.raw.row_word)
