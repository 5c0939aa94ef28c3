"""A log as rows that the kernel reads, sorted by customer and time in DuckDB, which spills what is large.

Customers, events and segments are text: '1.10' and '1.1' are two customers; '', NULL, N/A and the like are
nobody. Only the needed columns and events are read.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from cxlab.data import values
from cxlab.data.errors import InputError
from cxlab.data.raw import Raw, ident, literal
from cxlab.stats.funnel.kernel import Journeys, journeys
from cxlab.stats.funnel.rules import Rules, hint

NO_SEGMENT = "(none)"
NOBODY = values.BLANK
_MOST_SEGMENTS = 4096
_YEARS = -2_208_988_800_000_000, 7_289_654_400_000_000  # 1900 to 2200
_ZONED, _UNREADABLE = 2, 8  # flags of a time in words; 4: without a zone


class Columns(NamedTuple):
    """The names that the columns have in the log."""

    customer: str = "customer_id"
    event: str = "event"
    timestamp: str = "timestamp"
    segment: str | None = None

    def check(self, present: Iterable[str]) -> None:
        """Refuse a log that lacks one of them, or holds one twice."""
        present = [str(name) for name in present]
        for role, name in self._asdict().items():
            if name is not None and name not in present:
                raise InputError(f"the log has no column {name!r} for {role}; {hint(name, present)}")
            if name is not None and present.count(name) > 1:
                raise InputError(f"the log has two columns named {name!r}")


class Scan(NamedTuple):
    """What one scan of a log gave."""

    found: Journeys
    labels: list[str] | None  # of the segments, in the order of their codes; None: not asked for
    events: int  # rows of a step that were used
    no_customer: int  # such rows without a customer: dropped
    no_time: int  # such rows without a time: dropped
    until: int  # the latest of their times, microseconds since 1970


def scan_sql(raw: Raw, columns: Columns, rules: Rules) -> Scan:
    """Scan a relation for a funnel."""
    import duckdb

    columns.check([*raw.types, *raw.repeated])
    labels, segment = _segments(raw, columns.segment)
    moment, flags = time_sql(raw, columns.timestamp)
    code = f"list_position({listed(rules.names)}, {text_sql(columns.event)})"
    query = (  # every column is a sort key: DuckDB is fastest without others
        f"SELECT {person_sql(raw, columns.customer)} AS person, epoch_us({moment}) AS time, "
        f"({code} - 1)::UTINYINT AS code, ({segment})::USMALLINT AS segment{flags and f', {flags} AS flags'} "
        f"FROM {raw.source} WHERE {code} IS NOT NULL ORDER BY ALL"
    )
    facts = dict.fromkeys(("events", "no_customer", "no_time", "until", "flags"), 0)
    try:
        batches = raw.connection.sql(query).to_arrow_reader(262_144)
        found = journeys(_known(batches, facts), rules)
    except duckdb.Error as fault:
        raise raw.unreadable(fault) from None
    refuse_times(raw, columns.timestamp, flags, facts.pop("flags"))
    return Scan(found, labels, **facts)


def _known(batches: Iterable, facts: dict[str, int]) -> Iterator:
    """Pass on the rows with a customer and a time, and count."""
    for batch in batches:
        rows, nobody = batch.drop_null(), batch["person"].null_count
        facts["events"] += len(rows)
        facts["no_customer"] += nobody
        facts["no_time"] += len(batch) - len(rows) - nobody
        if "flags" in batch.schema.names:
            facts["flags"] |= int(np.bitwise_or.reduce(np.from_dlpack(batch["flags"])))
        if len(rows):
            time = np.from_dlpack(rows["time"])
            if time.min() < _YEARS[0] or time.max() > _YEARS[1]:
                raise InputError("the log holds times before 1900, after 2200 or not finite; leave them out")
            facts["until"] = max(facts["until"], int(time.max()))
            yield rows


def events_of(raw: Raw, columns: Columns) -> list[str]:
    """Return the names of up to 2,000 kinds of events, the commonest first."""
    query = f"SELECT {text_sql(columns.event)} FROM {raw.source} GROUP BY 1 ORDER BY count(*) DESC, 1"
    return [row[0] for row in raw.all(f"{query} LIMIT 2000") if row[0] is not None]


def listed(names: Iterable[str]) -> str:
    """Return texts as an SQL list."""
    return "[" + ", ".join(literal(name) for name in names) + "]"


def text_sql(name: str) -> str:
    """Return the SQL of a column as text without blanks around it."""
    return f"trim(CAST({ident(name)} AS VARCHAR))"


def person_sql(raw: Raw, name: str) -> str:
    """Return the SQL of a column of customers: whole numbers or text; NULL for nobody."""
    if raw.types[name] in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT"):
        number = f"CAST({ident(name)} AS BIGINT)"
        low, high = raw.all(f"SELECT min({number}), max({number}) FROM {raw.source}")[0]
        narrow = low is not None and high - low < 2**32  # sorted faster
        return f"({number} - ({low}))::UINTEGER" if narrow else number
    text = text_sql(name)
    return f"CASE WHEN list_position({listed(NOBODY)}, lower({text})) IS NULL THEN {text} END"


def _segments(raw: Raw, name: str | None) -> tuple[list[str] | None, str]:
    """Return the labels and the SQL of their codes; texts are tidied once each, not row by row."""
    if name is None:
        return None, "0"
    text = f"coalesce(CAST({ident(name)} AS VARCHAR), '')"
    found = [
        row[0] for row in raw.all(f"SELECT DISTINCT {text} FROM {raw.source} LIMIT {_MOST_SEGMENTS + 1}")
    ]
    if len(found) > _MOST_SEGMENTS:
        raise InputError(f"the segment column {name!r} has more than {_MOST_SEGMENTS:,} values; take fewer")
    tidy = [NO_SEGMENT if one.strip().lower() in NOBODY else one.strip() for one in found]
    labels = sorted(set(tidy))
    codes = [labels.index(label) for label in tidy]
    return labels, f"MAP({listed(found)}, {codes})[{text}]"


def time_sql(raw: Raw, name: str) -> tuple[str, str]:
    """Return the SQL of a column as a time, and of its flag where it holds text or numbers, else ''."""
    column, kind = ident(name), raw.types[name]
    if kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        return column, ""
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"CAST({column} AS TIMESTAMP)", ""
    if kind == "VARCHAR":
        text = f"trim({column})"
        day = f"regexp_extract({text}, '^[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-][0-9]{{2,4}}')"
        some = f"SELECT day FROM (SELECT {day} AS day FROM {raw.source} LIMIT 5000) WHERE day <> '' LIMIT 1"
        days = raw.all(some) and raw.all(f"SELECT DISTINCT {day} FROM {raw.source} WHERE {day} <> ''")
        moment = values.time_sql(text, values.day_first_of([row[0] for row in days]))
        empty = f"{column} IS NULL OR list_position({listed(NOBODY)}, lower({text})) IS NOT NULL"
        zone = f"CASE WHEN ({values.zone_sql(text)}) IS NULL THEN 4 ELSE {_ZONED} END"
    else:
        number = f"CAST({column} AS BIGINT)" if "INT" in kind else f"try_cast({column} AS DOUBLE)"
        moment, empty, zone = values.epoch_sql(number), f"{column} IS NULL", "0"
    wrong = f"CASE WHEN {empty} THEN 0 ELSE {_UNREADABLE} END"
    return moment, f"(CASE WHEN ({moment}) IS NULL THEN {wrong} ELSE {zone} END)::UTINYINT"


def checked_time_sql(raw: Raw, name: str) -> str:
    """Return the SQL of a column as a time; a column that cannot be read is refused first."""
    moment, flags = time_sql(raw, name)
    if flags:
        refuse_times(raw, name, flags, raw.all(f"SELECT bit_or({flags}) FROM {raw.source}")[0][0] or 0)
    return moment


def refuse_times(raw: Raw, name: str, flags: str, found: int) -> None:
    """Refuse a column that mixes times with and without a zone, or holds what is no time, with an example."""
    if found & 6 == 6:
        raise InputError(f"the column {name!r} {values.ZONED}")
    if found & _UNREADABLE:
        where = f"({flags}) = {_UNREADABLE}"
        count, example = raw.all(f"SELECT count(*), min({ident(name)}) FROM {raw.source} WHERE {where}")[0]
        rule = values.DAY
        if values.is_slashed(str(example).split()[0]):
            rule = "may be day or month first: write the year first, or say day_first in a mapping file"
        raise InputError(f"the column {name!r} holds {count:,} values such as {str(example)[:40]!r}: {rule}")
