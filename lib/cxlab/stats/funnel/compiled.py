"""The pass of ``kernel`` compiled by numba; imported for long logs only, as loading numba takes long."""

import numba
import numpy as np

_NEVER = np.iinfo(np.int64).max


@numba.njit(cache=True, nogil=True)
def histogram(customer, low, bits, begin, end, counts):
    """Count the rows of each bucket; a bucket holds ``2 ** bits`` neighbouring customers."""
    for i in range(begin, end):
        counts[(np.int64(customer[i]) - low) >> bits] += 1


@numba.njit(cache=True, nogil=True)
def deal(customer, low, bits, payload, begin, end, place, within, dealt):
    """Put rows into their buckets, in the order of the log; advances ``place``."""
    mask = (np.int64(1) << bits) - 1
    for i in range(begin, end):
        who = np.int64(customer[i]) - low
        to = place[who >> bits]
        place[who >> bits] = to + 1
        within[to] = np.uint32(who & mask)
        dealt[to] = payload[i]


@numba.njit(cache=True, nogil=True)
def within(durations, segment, window, codes):
    """Count, by segment, the customers whose duration is at most the window."""
    counts = np.zeros(codes, np.int64)
    for i in range(durations.size):
        counts[segment[i]] += durations[i] <= window
    return counts


@numba.njit(cache=True, nogil=True)
def walk(within, dealt, ends, begin, end, bits, rules, found, offset):
    """Write what the customers of buckets ``begin`` to ``end`` reached, from ``offset`` on; return how many.

    ``rules`` is shift, segment bits, number of steps; ``found`` the arrays entered, segment and durations.
    Only customers who met the first step are written. A bucket is small enough to be regrouped by customer,
    sorted and walked inside the processor's cache.
    """
    start = np.empty(rules[2], np.int64)  # the latest start that reaches step k; -1: none
    latest = (start, np.empty(rules[2], np.int64))  # and the shortest way there
    width = np.int64(1) << bits
    place = np.empty(width, np.int64)
    rows = np.empty(1024, np.int64)
    out = offset
    for bucket in range(begin, end):
        first_row = ends[bucket - 1] if bucket > 0 else 0
        size = ends[bucket] - first_row
        if size > rows.size:
            rows = np.empty(size + size // 4, np.int64)
        place[:] = 0
        for i in range(first_row, first_row + size):
            place[within[i]] += 1
        total = np.int64(0)
        for who in range(width):
            total += place[who]
            place[who] = total - place[who]
        for i in range(first_row, first_row + size):
            who = within[i]
            rows[place[who]] = dealt[i]
            place[who] += 1
        for who in range(width):
            low = place[who - 1] if who > 0 else np.int64(0)
            high = place[who]
            if low == high:
                continue
            out = _customer(rows, low, high, rules, latest, found, out)
    return out - offset


@numba.njit(cache=True, nogil=True)
def _customer(rows, low, high, rules, latest, found, out):
    """Write one customer's line; return where the next one goes."""
    shift, segment_bits, k_steps = rules
    start, shortest = latest
    entered, segment, durations = found
    code_mask = (np.int64(1) << (shift - segment_bits)) - 1
    segment_mask = (np.int64(1) << segment_bits) - 1
    ordered = True
    for j in range(low + 1, high):
        if rows[j] < rows[j - 1]:
            ordered = False
            break
    if not ordered:
        if high - low <= 48:
            for a in range(low + 1, high):
                p = rows[a]
                b = a - 1
                while b >= low and rows[b] > p:
                    rows[b + 1] = rows[b]
                    b -= 1
                rows[b + 1] = p
        else:
            rows[low:high] = np.sort(rows[low:high])
    start[:] = -1
    shortest[:] = _NEVER
    first = np.int64(-1)
    label = np.int64(0)
    for j in range(low, high):
        p = rows[j]
        t = p >> shift
        code = (p >> segment_bits) & code_mask
        if code == 0:
            if first < 0:
                first = t
                label = p & segment_mask
            start[0] = t
        else:
            s = start[code - 1]
            if s >= 0:
                start[code] = s
                if t - s < shortest[code]:
                    shortest[code] = t - s
    if first >= 0:
        entered[out] = first
        segment[out] = label
        for k in range(1, k_steps):
            durations[k - 1, out] = shortest[k]
        out += 1
    return out
