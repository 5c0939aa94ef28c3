"""The pass over a sorted log: whom each step reached, and the shortest time that it took.

For each step k keep, at every row, the LATEST start from which a chain of steps reaches k by then:

    start[1] = t at a first step;  start[k] = start[k-1] at a k-th step;  d[k] = min(d[k], t - start[k])

A later start can only shorten what follows, so nothing else has to be remembered, and ``d[k] <= W`` answers
'reached step k within W' for every window W. A step whose name stood before needs a later row: then only rows
strictly before a row may lead to it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.funnel.rules import NEVER, Rules

if TYPE_CHECKING:
    import pyarrow as pa


class Journeys(NamedTuple):
    """One entry a customer who met the first step; times in microseconds."""

    entered: NDArray[np.int64]  # the first first-step event, since 1970
    segment: NDArray[np.uint16]  # code of the segment recorded with it (at equal times the smallest)
    durations: list[NDArray[np.int64]]  # the shortest times to step 2, 3, ...; NEVER where it was not reached


def journeys(batches: Iterable["pa.RecordBatch"], rules: Rules) -> Journeys:
    """Return what every customer reached.

    ``batches`` hold ``person time code segment``, sorted by all of them: microseconds since 1970, the place
    of the event among ``rules.names``, the code of the segment.
    """
    none = np.empty(0, np.int64)
    parts = [Journeys(none, none.astype(np.uint16), [none] * (len(rules.steps) - 1))]
    parts += [_reached(rows, rules) for rows in _whole_customers(batches)]
    entered, segment, durations = zip(*parts, strict=True)
    columns = [np.concatenate(column) for column in zip(*durations, strict=True)]
    return Journeys(np.concatenate(entered), np.concatenate(segment), columns)


def _ends(person: "pa.Array") -> NDArray[np.int32]:
    """Return the place after each customer's last row."""
    import pyarrow.compute as pc

    return np.from_dlpack(pc.run_end_encode(person).run_ends)


def _whole_customers(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
    """Cut the rows anew, so that no customer stands in two batches."""
    import pyarrow as pa

    edge = []
    for batch in batches:
        ends = _ends(batch["person"]).tolist()
        edge.append(batch[: ends[0]])
        if len(ends) > 1:
            yield pa.concat_batches(edge)
            yield batch[ends[0] : ends[-2]]
            edge = [batch[ends[-2] :]]
    if edge:
        yield pa.concat_batches(edge)


def _reached(rows: "pa.RecordBatch", rules: Rules) -> Journeys:
    time, code, segment = (np.from_dlpack(rows[name]) for name in ("time", "code", "segment"))
    ends, n = _ends(rows["person"]), len(time)
    sizes = np.diff(ends, prepend=np.int32(0))
    number = np.repeat(np.arange(ends.size, dtype=np.int32), sizes)  # 0, 1, ... a customer
    first = np.repeat(ends - sizes, sizes)  # a customer's first row

    begun = np.flatnonzero(code == 0).astype(np.int32)
    entry = np.full(ends.size, n, np.int32)  # the row of a customer's first first step
    np.minimum.at(entry, number[begun], begun)
    kept = entry < n

    start = np.where(code == 0, np.arange(n, dtype=np.int32), np.int32(-1))
    durations = []
    for own in rules.codes[1:]:
        alive = np.maximum.accumulate(start)  # the row of the latest start so far that came this far
        if rules.repeats:
            alive = np.append(np.int32(-1), alive[:-1])
        step = np.flatnonzero(code == own).astype(np.int32)
        step = step[alive[step] >= first[step]]
        start = np.full(n, -1, np.int32)
        start[step] = alive[step]
        shortest = np.full(ends.size, NEVER)
        np.minimum.at(shortest, number[step], time[step] - time[start[step]])
        durations.append(shortest[kept])
    return Journeys(time[entry[kept]], segment[entry[kept]], durations)
