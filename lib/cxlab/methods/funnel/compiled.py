"""The pass of ``kernel`` compiled by numba; imported only for long logs (loading numba takes one to two seconds)."""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["scatter", "tally", "walk"]

_NEVER = np.iinfo(np.int64).max


@numba.njit(["(uint32[::1], int64, int64[::1])", "(int64[::1], int64, int64[::1])"], cache=True, nogil=True)
def tally(customer, low, counts):
    """Count the rows of each customer."""
    for i in range(customer.size):
        counts[customer[i] - low] += 1


@numba.njit(
    [
        "(uint32[::1], int64, int64[::1], int64[::1], int64[::1], int64, int64)",
        "(int64[::1], int64, int64[::1], int64[::1], int64[::1], int64, int64)",
    ],
    cache=True,
    nogil=True,
)
def scatter(customer, low, payload, place, target, begin, end):
    """Put the rows of customers ``begin`` to ``end`` together, in the order of the log; advances ``place``."""
    for i in range(customer.size):
        who = customer[i] - low
        if begin <= who < end:
            target[place[who]] = payload[i]
            place[who] += 1


@numba.njit(
    "int64(int64[::1], int64[::1], int64, int64, int64, int64, int64, int64[::1], boolean, int64[::1], int32[::1],"
    " int64[:, ::1], int64)",
    cache=True,
    nogil=True,
)
def walk(
    rows, ends, begin, end, shift, segment_bits, k_steps, gaps, strict, entered, segment, durations, offset
):
    """Write what customers ``begin`` to ``end`` reached, from ``offset`` on; return how many met the first step.

    ``rows`` holds the payloads, customer by customer; those of customer i end at ``ends[i]``. Sorts in place.
    """
    code_mask = (np.int64(1) << (shift - segment_bits)) - 1
    segment_mask = (np.int64(1) << segment_bits) - 1
    start = np.empty(k_steps + 1, np.int64)  # the latest start that reaches step k; -1: none
    last = np.empty(k_steps + 1, np.int64)  # when it did
    shortest = np.empty(k_steps, np.int64)
    out = offset
    for who in range(begin, end):
        low = ends[who - 1] if who > 0 else 0
        high = ends[who]
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
        previous = np.int64(-1)
        for j in range(low, high):
            p = rows[j]
            t = p >> shift
            code = (p >> segment_bits) & code_mask
            if code == 0:
                if first < 0:
                    first = t
                    label = p & segment_mask
                start[0] = t
                last[0] = t
            elif code < k_steps:
                s = start[code - 1]
                if s >= 0 and t - last[code - 1] <= gaps[code] and not (strict and previous != code - 1):
                    start[code] = s
                    last[code] = t
                    if t - s < shortest[code]:
                        shortest[code] = t - s
                elif strict:
                    code = np.int64(k_steps)  # a step out of place breaks the chain
            else:
                start[:] = -1
            previous = code
        if first >= 0:
            entered[out] = first
            segment[out] = label
            for k in range(1, k_steps):
                durations[k - 1, out] = shortest[k]
            out += 1
    return out - offset
