"""Codes and words that probably mean 'no answer'."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .tables.schemas import _as_text
from .values import blank_missing, parse_numbers

__all__ = ["WORDS", "suspected_missing"]

WORDS = frozenset(
    [
        "don't know",
        "dont know",
        "do not know",
        "dk",
        "d/k",
        "don’t know",
        "refused",
        "refusal",
        "no answer",
        "not answered",
        "no opinion",
        "not applicable",
        "not asked",
        "n.a.",
        "n. a.",
        "unknown",
        "prefer not to say",
        "weiß nicht",
        "weiss nicht",
        "keine angabe",
        "k.a.",
        "k. a.",
        "ne sait pas",
        "nsp",
        "no sabe",
        "ns/nc",
        "missing",
        "none given",
        "skipped",
        "-",
        "--",
        ".",
        "?",
        "*",
        "not sure",
        "can't say",
    ]
)
CODES = (
    -9999,
    -999,
    -998,
    -997,
    -99,
    -98,
    -97,
    -96,
    -95,
    -9,
    -8,
    -7,
    -1,
    66,
    77,
    88,
    95,
    96,
    97,
    98,
    99,
    777,
    888,
    995,
    996,
    997,
    998,
    999,
    9999,
    8,
    9,
)


def suspected_missing(values: pd.Series) -> list[str]:
    """Return texts of a column that probably mean 'no answer': far-off codes such as -99, and words.

    A code counts when it is one of the usual ones and lies outside the other values by more than their span, or is
    negative where they are not; 8 and 9 count beside scales that end at 7 or before.

    Examples
    --------
    >>> suspected_missing(pd.Series(["1", "5", "3", "-99", "don't know"]))
    ["don't know", '-99']
    """
    texts = blank_missing(_as_text(values))
    counts = texts.dropna().value_counts()
    words = [text for text in counts.index if str(text).casefold() in WORDS]
    rest = [text for text in counts.index if text not in words]
    numbers = parse_numbers(pd.Series(rest, dtype=object))
    good = numbers.values.notna().to_numpy()
    if (
        not good.any()
        or counts[[t for t, ok in zip(rest, good, strict=True) if ok]].sum() < 0.8 * counts[rest].sum()
    ):
        return words if words and good.any() else [word for word in words if len(word) > 1]
    found = []
    values_of = {
        float(number): text for number, text, ok in zip(numbers.values, rest, good, strict=True) if ok
    }
    if len(values_of) > 3000:
        return words
    plain = np.array([value for value in values_of if value not in CODES])
    if not len(plain):
        return words
    low, high = plain.min(), plain.max()
    for code in sorted(set(values_of) & set(CODES)):
        if code < 0:
            suspect = low >= 0 or low - code > max(1.0, high - low)
        elif code in (8, 9):
            suspect = high <= 7 and code - high >= 2
        else:
            suspect = code - high > max(1.0, high - low)
        if suspect:
            found.append(values_of[code])
    return words + sorted(found, key=lambda text: float(text.replace(",", ".")))
