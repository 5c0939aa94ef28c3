"""The one pass: sorted events of each customer in, the shortest first-to-step times out.

Two formulations of the same recurrence. Walk a customer's events in time order (equal times in step order)
and keep, for each step k, the LATEST start from which a chain of steps reaches k:

    c[1] = t at a first step;  c[k] = c[k-1] at a k-th step;  d[k] = min(d[k], t - c[k-1])

A later start can only shorten what follows, so nothing else has to be remembered, and ``d[k] <= W`` answers
'reached step k within W' for every window W. Rows carry ``payload = time << bits | code << bits | segment``,
so sorting a customer's payloads sorts by time, then by step. A step whose name stood before needs a later
row: then only rows strictly before a row may lead to it.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.funnel.rules import NEVER, Rules

_COUNTED_FROM = 3_000_000  # customers from which a compiled count repays loading numba
_COMPILED_FROM = 12_000_000  # rows from which the compiled pass repays numba's import (measured: about 0.7 s)
_BLOCK = 1 << 17  # rows a numpy block: its arrays stay in the processor's cache


class Layout(NamedTuple):
    """How a row's time, step and segment share 63 bits."""

    origin: int  # microseconds since 1970 that count as time 0
    code_bits: int
    segment_bits: int

    @property
    def shift(self) -> int:
        return self.code_bits + self.segment_bits


class Journeys(NamedTuple):
    """One entry a customer who met the first step; times in microseconds."""

    entered: NDArray[np.int64]  # the first first-step event, since 1970
    segment: NDArray[np.int32]  # code of the segment recorded with it (at equal times the smallest)
    durations: list[NDArray[np.int64]]  # the shortest times to step 2, 3, ...; NEVER where it was not reached


def journeys(log: list[NDArray], layout: Layout, rules: Rules) -> Journeys:
    """Return what every customer reached.

    ``log`` are the arrays customer (int64 or uint32) and payload, one entry a row, in any order. It is
    **emptied**, so that their memory can go as soon as they are regrouped.
    """
    n = log[0].size
    if n == 0:
        return together([], len(rules.steps))
    low, high = int(log[0].min()), int(log[0].max())
    if n >= _COMPILED_FROM and not rules.repeats and _numba_pass() is not None:
        return _compiled(log, low, high, layout, rules)
    payload, customer = log.pop(), log.pop()
    if n < 2 * _BLOCK or _threads() == 1:
        return _vectorised(customer, payload, layout, rules)
    # Half of the customers a thread: numpy lets go of the interpreter while it sorts and gathers.
    early = customer < low + (high - low + 1) // 2

    def half(chosen: NDArray[np.bool_]) -> Journeys:
        return _vectorised(customer[chosen], payload[chosen], layout, rules)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return together(list(pool.map(half, (early, ~early))))


def _numbered(ids: NDArray) -> NDArray[np.int64]:
    """Return 0, 1, 2, ... for sorted ids."""
    number = np.zeros(ids.size, np.int64)
    np.cumsum(ids[1:] != ids[:-1], out=number[1:])
    return number


# ---------------------------------------------------------------- numpy


def _vectorised(customer: NDArray, payload: NDArray, layout: Layout, rules: Rules) -> Journeys:
    n = customer.size
    low, high = (int(customer.min()), int(customer.max())) if n else (0, 0)
    row_bits = max(1, int(n - 1).bit_length())
    if (high - low).bit_length() + row_bits > 62:  # 64-bit ids such as hashes: number them first
        order = np.argsort(customer)
        keys = _numbered(customer[order])
        keys <<= row_bits
        keys |= order
    else:
        keys = customer.astype(np.int64)
        keys -= low
        keys <<= row_bits
        keys |= np.arange(n, dtype=np.int64)
        keys.sort()
    parts = []
    start = 0
    while start < n:
        stop = min(start + _BLOCK, n)
        if stop < n:  # up to the end of the customer at the cut
            stop = int(np.searchsorted(keys, ((keys[stop - 1] >> row_bits) + 1) << row_bits))
        parts.append(_block(keys[start:stop], row_bits, payload, layout, rules))
        start = stop
    return together(parts, len(rules.steps))


def together(parts: list[Journeys], k_steps: int = 0) -> Journeys:
    """Return the customers of several parts as one."""
    if not parts:
        empty = np.empty(0, np.int64)
        return Journeys(empty, np.empty(0, np.int32), [empty.copy() for _ in range(k_steps - 1)])
    if len(parts) == 1:
        return parts[0]
    return Journeys(
        np.concatenate([part.entered for part in parts]),
        np.concatenate([part.segment for part in parts]),
        [np.concatenate(column) for column in zip(*(part.durations for part in parts), strict=True)],
    )


def _block(keys: NDArray, row_bits: int, payload: NDArray, layout: Layout, rules: Rules) -> Journeys:
    k_steps = len(rules.steps)
    n = keys.size
    p = payload[keys & ((1 << row_bits) - 1)]
    person = keys >> row_bits
    same = np.empty(n, bool)  # same customer as the row before
    same[0] = False
    np.equal(person[1:], person[:-1], out=same[1:])
    if np.any(same[1:] & (p[1:] < p[:-1])):
        p = p[np.lexsort((p, person))]
    begin = np.flatnonzero(~same)
    number = np.cumsum(~same, dtype=np.int32) - 1  # 0, 1, ... a customer
    first_row = begin.astype(np.int32)[number]
    code = (p >> layout.segment_bits).astype(np.int32) & ((1 << layout.code_bits) - 1)
    time = p >> layout.shift
    row = np.arange(n, dtype=np.int32)

    entry = np.full(begin.size, -1, np.int32)  # the row of a customer's first first step
    rows = np.flatnonzero(code == 0).astype(np.int32)
    entry[number[rows[::-1]]] = rows[::-1]
    kept = np.flatnonzero(entry >= 0)
    entered = time[entry[kept]] + layout.origin
    segment = (p[entry[kept]] & ((1 << layout.segment_bits) - 1)).astype(np.int32)

    latest = np.full(n, -1, np.int32)  # latest valid (k-1)-th step at or before each row
    latest[rows] = rows
    np.maximum.accumulate(latest, out=latest)
    start = row.copy()  # the start that a valid step row carries
    durations = []
    for k in range(1, k_steps):
        rows = np.flatnonzero(code == rules.codes[k]).astype(np.int32)
        before = latest[rows - 1] if rules.repeats else latest[rows]
        valid = before >= first_row[rows]
        if rules.repeats:
            valid &= rows > 0
        rows, before = rows[valid], before[valid]
        start[rows] = start[before]
        column = np.full(begin.size, NEVER, np.int64)
        if rows.size:
            who = number[rows]
            cut = np.flatnonzero(np.r_[True, who[1:] != who[:-1]])
            column[who[cut]] = np.minimum.reduceat(time[rows] - time[start[rows]], cut)
        durations.append(column[kept])
        latest[:] = -1
        latest[rows] = rows
        np.maximum.accumulate(latest, out=latest)
    return Journeys(entered, segment, durations)


# ---------------------------------------------------------------- numba


def _compiled(log: list[NDArray], low: int, high: int, layout: Layout, rules: Rules) -> Journeys:
    """Walk every bucket of neighbouring customers inside the processor's cache; empties ``log``."""
    _, _, walk, _ = _numba_pass()
    within, dealt, ends, bits = _dealt(log, low, high)
    k_steps, buckets = len(rules.steps), ends.size
    total = buckets << bits
    entered, segment = np.empty(total, np.int64), np.empty(total, np.int32)
    durations = np.empty((k_steps - 1, total), np.int64)
    asked = (layout.shift, layout.segment_bits, k_steps), (entered, segment, durations)
    edges = sorted({int(np.searchsorted(ends, dealt.size * part / 8)) for part in range(8)} | {0, buckets})
    spans = list(zip(edges[:-1], edges[1:], strict=True))

    def work(span: tuple[int, int]) -> int:
        return walk(within, dealt, ends, *span, bits, *asked, span[0] << bits)

    with ThreadPoolExecutor(max_workers=_threads()) as pool:
        made = list(pool.map(work, spans))
    spans = [(begin << bits, end << bits) for begin, end in spans]
    # Customers who never met the first step leave room at the end of each part: close the ranks in place.
    filled = 0
    for (begin, _), size in zip(spans, made, strict=True):
        if begin != filled:
            for column in (entered, segment, *durations):
                column[filled : filled + size] = column[begin : begin + size]
        filled += size
    entered[:filled] += layout.origin
    return Journeys(entered[:filled], segment[:filled], [column[:filled] for column in durations])


def _dealt(log: list[NDArray], low: int, high: int) -> tuple[NDArray, NDArray, NDArray, int]:
    """Return the rows dealt into about 256 buckets of neighbours: number within, payload, where each ends."""
    histogram, deal, *_ = _numba_pass()
    payload, customer = log.pop(), log.pop()
    n, threads = customer.size, _threads()
    if high - low > 2 * n + 1_000_000:  # sparse ids: number them, in sorted order
        order = np.argsort(customer)
        customer, payload = _numbered(customer[order]), payload[order]
        low, high = 0, int(customer[-1])
    bits = max((high - low).bit_length() - 8, 0)
    cuts = [n * part // threads for part in range(threads + 1)]
    counts = np.zeros((threads, ((high - low) >> bits) + 1), np.int64)
    within, dealt = np.empty(n, np.uint32), np.empty(n, np.int64)
    with ThreadPoolExecutor(max_workers=threads) as pool:

        def count(part: int) -> None:
            histogram(customer, low, bits, cuts[part], cuts[part + 1], counts[part])

        list(pool.map(count, range(threads)))
        ends = np.cumsum(counts.sum(axis=0))
        place = ends - counts.sum(axis=0) + np.cumsum(counts, axis=0) - counts

        def put(part: int) -> None:
            deal(customer, low, bits, payload, cuts[part], cuts[part + 1], place[part], within, dealt)

        list(pool.map(put, range(threads)))
    return within, dealt, ends, bits


def count_within(found: Journeys, window: int, codes: int) -> list[NDArray[np.int64]]:
    """Return, for each later step, who reached it within a window, by segment: one pass, nothing sorted."""
    compiled = _numba_pass() if found.entered.size >= _COUNTED_FROM else None
    if compiled is not None:
        return [compiled[3](column, found.segment, window, codes) for column in found.durations]
    return [np.bincount(found.segment[column <= window], minlength=codes) for column in found.durations]


def _threads() -> int:
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, own))


def warm_up() -> None:
    """Load the compiled pass in the background, while a long scan runs."""
    threading.Thread(target=_numba_pass, daemon=True).start()


_LOCK = threading.Lock()


def _numba_pass():
    with _LOCK:
        return _load()


@cache
def _load():
    try:
        from .compiled import deal, histogram, walk, within
    except (ImportError, RuntimeError, OSError):
        # No numba here, or nowhere to keep what it compiles: the numpy pass gives the same numbers.
        return None
    one, eight = np.zeros(1, np.uint32), np.zeros(1, np.int64)
    for customer in (one, eight):  # compiled once for each kind of id, then read from numba's cache
        histogram(customer, 0, 0, 0, 0, eight)
        deal(customer, 0, 0, eight, 0, 0, eight, one, eight)
    few = np.zeros((1, 1), np.int64)
    walk(one, eight, eight, 0, 0, 0, (1, 0, 2), (eight, one.view(np.int32), few), 0)
    within(eight, one.view(np.int32), 0, 1)
    return histogram, deal, walk, within
