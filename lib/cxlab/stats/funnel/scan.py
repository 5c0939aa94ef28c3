"""What a funnel is asked, a log sorted by customer and time, and the one pass over it.

Customers that are whole numbers are sorted in memory by numpy, some at a time. DuckDB sorts customers that
are words, and a log that needs more memory: it spills what is large.

Customers, events and segments are text: '1.10' and '1.1' are two customers; '', NULL, N/A and the like are
nobody. Only the needed columns and events are read.

The pass tells whom each step reached, and the shortest time that it took. For each step k it keeps, at every
row, the LATEST start from which a chain of steps reaches k by then:

    start[1] = t at a first step;  start[k] = start[k-1] at a k-th step;  d[k] = min(d[k], t - start[k])

A later start can only shorten what follows, so nothing else has to be remembered, and ``d[k] <= W`` answers
'reached step k within W' for every window W. A step whose name stood before needs a later row: then only rows
strictly before a row may lead to it.
"""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxlab.data import values
from cxlab.data.errors import InputError
from cxlab.data.raw import Raw, ident, literals

if TYPE_CHECKING:
    import pyarrow as pa
DAY = 86_400_000_000
NEVER = np.iinfo(np.int64).max  # a step that was not reached; also 'no window'
_BITS, _MOST_STEPS = 5, 31
_SHARES, _FEW = 256, 20_000  # shares of a log whose first batch is larger
SIZES = {"w": 7 * DAY, "d": DAY, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}
_WORDS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
_PART = r"\s*(\d+(?:\.\d+)?)\s*(w(?:eeks?)?|d(?:ays?)?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)\s*"


@dataclass(frozen=True)
class Rules:
    """One funnel: what counts as reaching a step; the window in microseconds, inclusive."""

    steps: tuple[str, ...]
    window: int = NEVER

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The distinct event names; the place is the code of an event."""
        return tuple(dict.fromkeys(self.steps))

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """The code of each step's event."""
        return tuple(self.names.index(step) for step in self.steps)

    @property
    def repeats(self) -> bool:
        """Whether a name stands twice."""
        return len(self.names) < len(self.steps)

    def describe(self) -> str:
        """Return the rules as one sentence for the foot of a table."""
        limit = f"at most {in_words(self.window)} from first to that step"
        limit = "no time limit" if self.window == NEVER else limit
        return f"ordered, {limit}, best of all starts; other events may lie between"


def rules_of(steps: Sequence[str], conversion_window: object) -> Rules:
    """Check what was asked and return it as :class:`Rules`."""
    if isinstance(steps, str):
        raise InputError(f'steps={steps!r} is one text; give a list of events, such as ["visit", "buy"]')
    names = tuple(steps)
    if not names:
        raise InputError("steps is empty; name at least one event, in the order to be met")
    wrong = [name for name in names if not isinstance(name, str) or not name.strip()]
    if wrong:
        raise InputError(f"steps holds {wrong[0]!r}; every step is the name of an event, as text")
    if len(names) > _MOST_STEPS:
        raise InputError(f"steps has {len(names)} names; at most {_MOST_STEPS} are supported")
    return Rules(names, microseconds(conversion_window))


def microseconds(value: object, *, argument: str = "conversion_window") -> int:
    """Return a time span in microseconds: text such as "7d", "1d12h", a timedelta; None is ``NEVER``.

    >>> microseconds("1d12h") / DAY
    1.5
    """
    if value is None:
        return int(NEVER)
    span = None
    if isinstance(value, timedelta | np.timedelta64):
        span = int(np.timedelta64(value, "us").astype(np.int64))
    elif isinstance(value, str) and (body := re.fullmatch(rf"([+-]?)((?:{_PART})+)", value.strip().lower())):
        span = round(sum(float(number) * SIZES[unit[0]] for number, unit in re.findall(_PART, body[2])))
        span = -span if body[1] == "-" else span
    if span is None or not 0 < span <= NEVER:
        fault = "is not a time span"
        if span is not None:
            fault = "is too long" if span > 0 else "must be longer than zero"
        advice = f'write for example {argument}="7d", "12h" or "30min", or None for no limit'
        raise InputError(f"{argument}={str(value)!r} {fault}; {advice}")
    return span


def in_words(span: float) -> str:
    """Return microseconds in words.

    >>> in_words(30 * DAY), in_words(DAY), in_words(5_400_000_000), in_words(NEVER)
    ('30 days', '1 day', '1.5 hours', 'any time')
    """
    if span >= NEVER:
        return "any time"
    unit = next((unit for unit in _WORDS if span >= SIZES[unit]), "s")
    value = f"{round(span / SIZES[unit], 1):g}"
    return f"{value} {_WORDS[unit]}{'' if value == '1' else 's'}"


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name: the known ones that look most like it."""
    lower = {str(other).lower(): str(other) for other in known}
    close = [lower[found] for found in difflib.get_close_matches(name.lower(), list(lower), cutoff=0.4)]
    some = ", ".join(sorted(lower.values())[:12])
    return f"the nearest are {', '.join(close)}" if close else f"there are {some or 'none'}"


class Journeys(NamedTuple):
    """One entry a customer who met the first step; times in microseconds."""

    entered: NDArray[np.int64]  # the first first-step event, since 1970
    segment: NDArray[np.uint16]  # code of the segment recorded with it (at equal times the smallest)
    durations: list[NDArray[np.int64]]  # the shortest times to step 2, 3, ...; NEVER where it was not reached


def journeys(batches: Iterable["pa.RecordBatch"], rules: Rules, room: int = 0) -> list[Journeys]:
    """Return what every customer reached, each customer in one of the parts.

    ``batches`` hold ``person moment`` and perhaps ``segment``: microseconds since 1970 times 32 plus the
    place of the event among ``rules.names``, and the code of the segment. They are sorted by customer and
    moment; with ``room`` they may lie in any order where persons are whole numbers, and need at most so many
    bytes, else MemoryError.
    """
    if not room:
        return [_reached(*columns, rules=rules) for columns in _whole_customers(batches)]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        return list(pool.map(lambda share: _reached(*_sorted(share), rules=rules), _shares(batches, room)))


def _whole_customers(batches: Iterable["pa.RecordBatch"]) -> Iterator[Sequence[NDArray]]:
    """Cut sorted rows anew, each customer in one part: where the rows of each end, and the columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def columns(rows: pa.RecordBatch) -> list[NDArray]:
        ends = np.from_dlpack(pc.run_end_encode(rows["person"]).run_ends)
        return [ends, *map(np.from_dlpack, rows.columns[1:])]

    edge = []
    for batch in batches:
        ends = pc.run_end_encode(batch["person"]).run_ends.to_pylist()
        edge.append(batch[: ends[0]])
        if len(ends) > 1:
            yield columns(pa.concat_batches(edge))
            yield columns(batch[ends[0] : ends[-2]])
            edge = [batch[ends[-2] :]]
    if edge:
        yield columns(pa.concat_batches(edge))


def _shares(batches: Iterator["pa.RecordBatch"], room: int) -> Iterator[list[tuple[NDArray, ...]]]:
    """Divide the rows of a long log into shares of the customers, which fit in the processor's cache."""
    import pyarrow as pa

    shares: list[list[list[NDArray]]] = []
    while some := list(islice(batches, 8)):  # a batch ends with each row group: join some
        batch = pa.concat_batches(some)
        room -= batch.nbytes
        if room < 0:
            raise MemoryError
        person, *more = map(np.from_dlpack, batch.columns)
        shares = shares or [[] for _ in range(_SHARES if person.size > _FEW else 1)]
        number = (person & (len(shares) - 1)).astype(np.uint8)
        rows = [person >> (len(shares).bit_length() - 1), *more]
        order, begin = np.argsort(number, kind="stable"), 0
        for share, end in zip(
            shares, np.bincount(number, minlength=len(shares)).cumsum().tolist(), strict=True
        ):
            share.append([column.take(order[begin:end]) for column in rows])
            begin = end
    while shares:
        parts = list(zip(*shares.pop(), strict=True))
        if any(person.size for person in parts[0]):
            yield parts


def _sorted(parts: Iterable[Sequence[NDArray]]) -> Iterator[NDArray]:
    """Sort rows by customer and moment; return where the rows of each customer end, and the columns."""
    person, moment, *more = map(np.concatenate, parts)
    order = np.argsort(moment)
    person = (person - person.min()).view(f"u{person.itemsize}")
    for bits in range(0, int(person.max()).bit_length(), 16):
        # numpy sorts 16 bits at a time by counting, in the order that the rows already have
        order = order[np.argsort((person >> bits).astype(np.uint16)[order], kind="stable")]
    person = person[order]
    yield np.append(np.flatnonzero(person[1:] != person[:-1]) + 1, person.size).astype(np.int32)
    yield from (column[order] for column in (moment, *more))


def _reached(
    ends: NDArray[np.int32], moment: NDArray[np.int64], segment: NDArray | None = None, *, rules: Rules
) -> Journeys:
    time, code, n = moment >> _BITS, moment.astype(np.uint8) & _MOST_STEPS, len(moment)
    sizes = np.diff(ends, prepend=np.int32(0))
    number = np.repeat(np.arange(ends.size, dtype=np.int32), sizes)  # 0, 1, ... a customer

    begun = np.flatnonzero(code == 0)
    entered = np.full(ends.size, NEVER)
    np.minimum.at(entered, number[begun], time[begun])
    kept = entered < NEVER
    label = np.zeros(ends.size, np.uint16)
    if segment is not None:
        label += np.iinfo(np.uint16).max
        same = begun[time[begun] == entered[number[begun]]]
        np.minimum.at(label, number[same], segment[same])

    done = start = begun  # the rows that end a chain up to this step; the row of the latest start of each
    durations = []
    for own in rules.codes[1:]:
        mark = np.zeros(n, np.int32)
        mark[done] = 1
        step = np.flatnonzero(code == own)
        itself = mark[step] if rules.repeats else 0
        place = mark.cumsum(out=mark)[step] - 1 - itself  # the last of those rows up to each row of the step
        step, place = step[place >= 0], place[place >= 0]
        start = start[place]
        same = number[start] == number[step]
        done, start = step[same], start[same]
        shortest = np.full(ends.size, NEVER)
        np.minimum.at(shortest, number[done], time[done] - time[start])
        durations.append(shortest[kept])
    return Journeys(entered[kept], label[kept], durations)


NO_SEGMENT = "(none)"
NOBODY = values.BLANK
_MOST_SEGMENTS = 4096
_TIME, _SHAPE = ident("time of the row\x1f"), ident("shape of the time\x1f")  # columns that no log has
_WHOLE = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT")
_ODD = NEVER  # a moment outside the years
_YEARS = -2_208_988_800_000_000, 7_289_654_400_000_000  # 1900 to 2200
_ZONED, _UNREADABLE, _WORD = 2, 8, 16  # flags of a time in words (4: without a zone), of a customer in words


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

    found: list[Journeys]  # each customer in one of them
    labels: list[str] | None  # of the segments, in the order of their codes; None: not asked for
    events: int  # rows of a step that were used
    no_customer: int  # such rows without a customer: dropped
    no_time: int  # such rows without a time: dropped
    until: int  # the latest of their times, microseconds since 1970


def scan_sql(
    raw: Raw, columns: Columns, rules: Rules, *, numbers: bool = True, room: int = 1_000_000_000
) -> Scan:
    """Scan a relation for a funnel.

    Customers in a column of text are sorted as ``numbers``, which is much faster, unless one is a word.
    Numbers are sorted in memory up to ``room`` bytes; else DuckDB sorts.
    """
    import duckdb

    columns.check([*raw.types, *raw.repeated])
    labels, segment = _segments(raw, columns.segment)
    source, time_flags = _times(raw, columns.timestamp)
    person, word = person_sql(raw, columns.customer), ""
    if numbers and raw.types[columns.customer] not in _WHOLE:
        text, tidy, person = ident(columns.customer), person, f"try_cast({ident(columns.customer)} AS BIGINT)"
        same = f"{person}::VARCHAR = {text} OR {person}::VARCHAR = {tidy} OR {tidy} IS NULL"
        word = f"(CASE WHEN {same} THEN 0 ELSE {_WORD} END)::UTINYINT"
    flags = " | ".join(filter(None, (time_flags, word)))
    code = f"list_position({listed(rules.names)}, {text_sql(columns.event)})"
    time = f"epoch_us({_TIME})"
    odd = f"WHEN {time} NOT BETWEEN {_YEARS[0]} AND {_YEARS[1]} THEN {_ODD}"
    query = (  # time and event are one number: fewer columns to sort
        f"SELECT {person} AS person, CASE {odd} ELSE {time} * {1 << _BITS} + {code} - 1 END AS moment"
        f"{segment and f', ({segment})::USMALLINT AS segment'}{flags and f', {flags} AS flags'} "
        f"FROM {source} WHERE {code} IS NOT NULL{'' if room else ' ORDER BY 1, 2'}"
    )
    facts = dict.fromkeys(("events", "no_customer", "no_time", "until", "flags"), 0)
    try:
        with raw.connection.sql(query).to_arrow_reader(262_144) as batches:
            found = journeys(_known(batches, facts), rules, room)
    except (duckdb.Error, OSError) as fault:  # a fault met while batches are read comes as OSError
        raise raw.unreadable(fault) from None
    except MemoryError:
        if not room:
            raise
        return scan_sql(raw, columns, rules, numbers=numbers, room=0)
    if (met := facts.pop("flags")) & _WORD:
        return scan_sql(raw, columns, rules, numbers=False, room=0)
    _refuse_times(raw, columns.timestamp, source, time_flags, met)
    return Scan(found, labels, **facts)


def _known(batches: Iterable, facts: dict[str, int]) -> Iterator:
    """Pass on the rows with a customer and a time, and count."""
    for batch in batches:
        gaps, nobody = any(column.null_count for column in batch.columns), batch["person"].null_count
        rows = batch.drop_null() if gaps else batch
        facts["events"] += len(rows)
        facts["no_customer"] += nobody
        facts["no_time"] += len(batch) - len(rows) - nobody
        if "flags" in batch.schema.names:
            facts["flags"] |= int(np.bitwise_or.reduce(np.from_dlpack(batch["flags"])))
            if facts["flags"] & _WORD:
                return
            rows = rows.drop_columns("flags")
        if len(rows):
            last = int(np.from_dlpack(rows["moment"]).max())
            if last == _ODD:
                raise InputError("the log holds times before 1900, after 2200 or not finite; leave them out")
            facts["until"] = max(facts["until"], last >> _BITS)
            yield rows


def events_of(raw: Raw, columns: Columns) -> list[str]:
    """Return the names of up to 2,000 kinds of events, the commonest first."""
    query = f"SELECT {text_sql(columns.event)} FROM {raw.source} GROUP BY 1 ORDER BY count(*) DESC, 1"
    return [row[0] for row in raw.all(f"{query} LIMIT 2000") if row[0] is not None]


def listed(names: Iterable[str]) -> str:
    """Return texts as an SQL list."""
    return f"[{literals(names)}]"


def text_sql(name: str) -> str:
    """Return the SQL of a column as text without blanks around it; trimming is slow, and seldom needed."""
    text = f"CAST({ident(name)} AS VARCHAR)"
    return f"CASE WHEN contains({text}, ' ') THEN trim({text}) ELSE {text} END"


def person_sql(raw: Raw, name: str) -> str:
    """Return the SQL of a column of customers: whole numbers or text; NULL for nobody."""
    if raw.types[name] in _WHOLE:
        number = f"CAST({ident(name)} AS BIGINT)"
        low, high = raw.all(f"SELECT min({number}), max({number}) FROM {raw.source}")[0]
        narrow = low is not None and high - low < 2**32  # sorted faster
        return f"({number} - ({low}))::UINTEGER" if narrow else number
    text = text_sql(name)
    return f"CASE WHEN list_position({listed(NOBODY)}, lower({text})) IS NULL THEN {text} END"


def _segments(raw: Raw, name: str | None) -> tuple[list[str] | None, str]:
    """Return the labels and the SQL of their codes; texts are tidied once each, not row by row."""
    if name is None:
        return None, ""
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


def _times(raw: Raw, name: str) -> tuple[str, str]:
    """Return the relation with the times of a column, and SQL of their flags: '' where they are typed."""
    column, kind, shape, empty, zone = ident(name), raw.types[name], "NULL", "", ""
    if kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        moment = column
    elif kind.startswith("TIMESTAMP") or kind == "DATE":
        moment = f"CAST({column} AS TIMESTAMP)"
    elif kind == "VARCHAR":
        text = f"trim({column})"
        day = f"regexp_extract({text}, '^[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-][0-9]{{2,4}}')"
        some = f"SELECT day FROM (SELECT {day} AS day FROM {raw.source} LIMIT 5000) WHERE day <> '' LIMIT 1"
        days = raw.all(some) and raw.all(f"SELECT DISTINCT {day} FROM {raw.source} WHERE {day} <> ''")
        moment = values.time_sql(column, values.day_first_of([row[0] for row in days]), _SHAPE)
        shape = values.shape_sql(column)
        empty = f"{column} IS NULL OR list_position({listed(NOBODY)}, lower({text})) IS NOT NULL"
        zone = f"CASE WHEN ({values.zone_sql(column, _SHAPE)}) IS NULL THEN 4 ELSE {_ZONED} END"
    else:
        number = f"CAST({column} AS BIGINT)" if "INT" in kind else f"try_cast({column} AS DOUBLE)"
        moment, empty, zone = values.epoch_sql(number), f"{column} IS NULL", "0"
    source = f"(SELECT *, {moment} AS {_TIME} FROM (SELECT *, {shape} AS {_SHAPE} FROM {raw.source}))"
    flags = empty and f"WHEN {_TIME} IS NOT NULL THEN {zone} WHEN {empty} THEN 0 ELSE {_UNREADABLE}"
    return source, flags and f"(CASE {flags} END)::UTINYINT"


def checked_times(raw: Raw, name: str) -> str:
    """Return SQL of the relation with a column read as times; what cannot be read is refused first."""
    source, flags = _times(raw, name)
    if flags:
        found = raw.all(f"SELECT bit_or({flags}) FROM {source}")[0][0] or 0
        _refuse_times(raw, name, source, flags, found)
    return f"SELECT * EXCLUDE ({_TIME}, {_SHAPE}) REPLACE ({_TIME} AS {ident(name)}) FROM {source}"


def _refuse_times(raw: Raw, name: str, source: str, flags: str, found: int) -> None:
    """Refuse a column that mixes times with and without a zone, or holds what is no time, with an example."""
    if found & 6 == 6:
        raise InputError(f"the column {name!r} {values.ZONED}")
    if found & _UNREADABLE:
        where = f"({flags}) = {_UNREADABLE}"
        count, example = raw.all(f"SELECT count(*), min({ident(name)}) FROM {source} WHERE {where}")[0]
        rule = values.DAY
        if values.is_slashed(str(example).split()[0]):
            rule = "may be day or month first: write the year first, or say day_first in a mapping file"
        raise InputError(f"the column {name!r} holds {count:,} values such as {str(example)[:40]!r}: {rule}")
