"""Every cell of a table looked at in one pass; only where something is wrong, another one finds the lines."""

from collections.abc import Iterator

from cxlab.data import values
from cxlab.data.convert import Conversion, Field, bring
from cxlab.data.errors import Fault, show
from cxlab.data.mapping import Mapping
from cxlab.data.raw import LINE, Raw, ident, literals
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


def _tests(this: Conversion) -> Iterator[tuple[str, tuple[str, str, str, Field | None]]]:
    """Yield SQL that counts what is wrong, and (rule, remedy, SQL of the rows that break it, column)."""
    rules: list[tuple[str, str, Field | None]] = []
    for one in this.fields:
        column, cell, value = one.column, ident(one.ours), f"({one.value})"
        if one.rule and not one.lenient:
            remedy = "" if "mapping" in one.rule else "correct it, or name it under missing: in the mapping"
            bad = f"{cell} is not null and {value} is null"
            yield f"count({cell}) - count({value})", (one.rule, remedy, bad, one)
        if column.holds == "whole":
            rules.append(("must be a whole number", f"{value} % 1 <> 0", one))
        if column.allowed:
            words = list(map(str, column.allowed))  # beside a number, a text in quotes is a number too
            said = f"must be one of {', '.join(words)}"
            rules.append((said, f"{value} not in ({literals(words)})", one))
        for bound, sign, word in ((column.low, "<", "at least"), (column.high, ">", "at most")):
            if bound is not None and not one.lenient:
                rules.append((f"must be {word} {bound:g}", f"{value} {sign} {bound}", one))
        if not column.gaps:
            gap = ("must not be missing", "fill it, or leave the row out", f"{cell} is null", one)
            yield f"count(*) - count({cell})", gap
    fields = {one.ours: f"({one.value})" for one in this.fields}
    for low, high in this.kind.ordered:
        if low in fields and high in fields:
            rules.append((f"{low} must not exceed {high}", f"{fields[low]} > {fields[high]}", None))
    for rule, bad, one in rules:
        yield f"count_if({bad})", (rule, "correct it", bad, one)


def _look(this: Conversion) -> None:
    """Count in one query what is there, what carries a time zone, what is marked, and what breaks a rule."""
    asked, tests = {"rows": "count(*)"}, list(_tests(this))
    for one in this.fields:
        cell, holds = ident(one.ours), one.column.holds
        asked[one.ours, "filled"] = f"count({cell})"
        if one.zone:
            asked[one.ours, "zoned"] = f"count({one.zone})"
        if one.text and (holds == "text" or (holds == "id" and not this.kind.large)):
            asked[one.ours, "marked"] = f"count_if(contains({cell}, '<'))"
    asked |= {place: count for place, (count, _) in enumerate(tests)}
    row = this.raw.all(f"select {', '.join(asked.values())} from {this.cells}")[0]
    counts = dict(zip(asked, row, strict=True))
    this.rows = counts["rows"]
    if not this.rows:
        return
    for one in this.fields:
        filled, zoned = counts[one.ours, "filled"], counts.get((one.ours, "zoned"), 0)
        said, needed = f"column {show(one.theirs)}", one.column.required and one.ours in this.kind.names
        needed = needed and one.column.gaps  # else a test says so
        if zoned and zoned == filled:
            this.notes.append(f"{said}: {values.IN_UTC}")
        elif zoned:
            rare = "not null" if zoned <= filled / 2 else "null"
            bad = f"{ident(one.ours)} is not null and ({one.zone}) is {rare}"
            _list_fault(this, values.ZONED, "write all in UTC", bad, one)
        if counts.get((one.ours, "marked")):
            one.value = f"translate({one.value}, '<>', '‹›')"
            this.notes.append(f"{said}: angle brackets were replaced")
        if needed and not filled:
            this.faults.append(Fault("is missing on every row", "fill it in", one.theirs))
        elif needed and filled < this.rows and this.kind.large:
            this.notes.append(f"{said}: {this.rows - filled:,} rows have none and are dropped and counted")
    for place, (_, test) in enumerate(tests):
        if counts[place]:
            _list_fault(this, *test)
    keys = [name for name in this.kind.key if any(one.ours == name for one in this.fields)]
    if keys and not this.kind.large:
        listed, rule = ", ".join(map(ident, keys)), f"{' and '.join(this.kind.key)} must not occur twice"
        again = f"row_number() over (partition by {listed} order by {ident(LINE)}) > 1"
        bad, value = f"{again} and {ident(keys[0])} is not null", f"concat_ws(' / ', {listed})"
        _list_fault(this, rule, "keep one of the rows", bad, None, value)


def _list_fault(
    this: Conversion, rule: str, remedy: str, bad: str, one: Field | None, value: str = "null"
) -> None:
    """List a fault with the first lines on which a condition holds, if there are any."""
    rows, line = this.cells, ident(LINE)
    if not this.raw.lined:
        rows = f"(select *, row_number() over () + {this.raw.first_line} as {line} from {rows})"
    value = f"cast({ident(one.ours)} as varchar)" if one else value
    rows = f"(select {line} as line, {value} as value, ({bad}) as bad from {rows})"
    sql = f"select line, value, count(*) over () from {rows} where bad order by line limit 5"
    if found := this.raw.all(sql):
        lines = tuple(line for line, _, _ in found) if len(this.raw.scanned) < 2 else ()
        theirs, word = one.theirs if one else None, this.raw.row_word
        this.faults.append(Fault(rule, remedy, theirs, found[0][1], lines, found[0][2], word))
