"""What the items of a survey look like: their scale, whether they are turned round, a short name."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from .codes import suspected_missing
from .tables.schemas import _as_text
from .values import blank_missing, parse_numbers

__all__ = ["reversed_items", "scale_of", "short_names"]

SCALES = ((0, 1), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (0, 10), (1, 10), (1, 9), (0, 100), (1, 100))


def scale_of(values: pd.Series, missing: list[str]) -> tuple[float, float] | None:
    """Return the usual rating scale that a column seems to use, None when it is no rating."""
    texts = blank_missing(_as_text(values), missing)
    if not texts.notna().any():
        return None
    parsed = parse_numbers(texts)
    numbers = parsed.values.dropna()
    if parsed.bad.any() or numbers.empty:
        return None
    low, high, distinct = numbers.min(), numbers.max(), numbers.nunique()
    if (numbers % 1 != 0).any() or distinct < 2 or low < 0 or high > 100 or (distinct > 15 and high <= 10):
        return None
    if high > 10 and (distinct < 4 or distinct > 101 or len(numbers) < 2 * distinct or not high > 50):
        return None
    fits = [scale for scale in SCALES if scale[0] <= low and high <= scale[1]]
    usual = [scale for scale in fits if scale != (0, 1)] if high > 1 else fits
    return min(usual, key=lambda scale: (scale[1] - scale[0], scale[0])) if usual else None


def short_names(items: list[str], taken: set[str]) -> dict[str, str]:
    """Return short names for items that are whole questions: their number (Q7) or their first telling words.

    Examples
    --------
    >>> short_names(["Q7 How helpful was our staff?", "The price of the service is fair", "Q8"], set())
    {'Q7 How helpful was our staff?': 'Q7', 'The price of the service is fair': 'price service'}
    """
    dull = {
        *[
            "how",
            "what",
            "which",
            "the",
            "a",
            "an",
            "of",
            "is",
            "are",
            "was",
            "were",
            "our",
            "your",
            "you",
            "we",
            "us",
            "to",
            "do",
            "does",
            "did",
            "with",
            "in",
            "on",
            "at",
            "i",
            "my",
            "it",
            "and",
            "that",
            "this",
            "please",
            "rate",
        ]
    }
    used, found = {*taken, *items}, {}
    for item in items:
        if len(item) <= 24:
            continue
        number = re.match(r"\s*([A-Za-z]{0,3}\d{1,3}[a-z]?)\b", item)
        words = [word for word in re.findall(r"[^\W\d_]+", item) if word.casefold() not in dull]
        short = number[1] if number else " ".join(words[:2])[:20].strip() or "item"
        base, place = short, 2
        while short in used:
            short, place = f"{base} {place}", place + 1
        used.add(short)
        found[item] = short
    return found


def reversed_items(frame: pd.DataFrame, items: list[str]) -> list[str]:
    """Return the items that run against the others: correlation with the mean of the others below -0.2."""
    if len(items) < 3 or len(items) > 400:
        return []
    numbers = pd.DataFrame(
        {
            name: parse_numbers(blank_missing(_as_text(frame[name]), suspected_missing(frame[name]))).values
            for name in items
        }
    )
    spread = numbers.std()
    numbers = numbers.loc[:, spread > 0]
    if numbers.shape[1] < 3 or len(numbers.dropna(how="all")) < 10:
        return []
    standard = (numbers - numbers.mean()) / numbers.std()
    # Turned round by the sign of the first principal direction, so that the majority decides what is up.
    correlation = standard.corr().fillna(0).to_numpy()
    direction = np.linalg.eigh(correlation)[1][:, -1]
    if (direction < 0).sum() > len(direction) / 2:
        direction = -direction
    found = []
    for place, name in enumerate(numbers.columns):
        others = np.sign(direction).copy()
        others[place] = 0
        rest = standard.fillna(0).to_numpy() @ others
        with np.errstate(invalid="ignore"):
            r = np.corrcoef(standard[name].fillna(0), rest)[0, 1]
        if direction[place] < 0 and r < -0.2:
            found.append(str(name))
    return found
