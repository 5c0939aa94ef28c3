"""What a column looks like: its words, its numbers, codes that mean 'no answer', the scale of its answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from cxlab.data import values
from cxlab.data.convert import text_sql
from cxlab.data.raw import Raw, connect, texts_relation
from cxlab.data.shapes import META, word_lists
from cxlab.data.tables import Column

if TYPE_CHECKING:
    import pandas as pd

SCALES = [
    *((0, n) for n in range(2, 8)),
    *((1, n) for n in range(3, 8)),
    (0, 10),
    (1, 10),
    (1, 9),
    (0, 100),
    (1, 100),
]
CODES = {8, 9, 11, 66, 77, 88, *range(95, 100), 777, 888, *range(995, 1000), 9999}
CODES |= {-1, *range(-9, -6), *range(-99, -94), *range(-999, -996), -9999}
_ENDING = r"(?:s|es|ed|d|ing|er|ly|e|n|en|r|ness|al|ance|ability|ful|fulness|eit)?"
Cells = Mapping[str, Sequence[str | None]]  # column -> its first cells as texts
Item = tuple[tuple[float, float], dict[str, int]]  # a scale, and the numbers of its answers in words


def words_of(name: str) -> list[str]:
    """Return the words of a column's name or text: 'onTime_Q1FOOD' is on, time, q1, food."""
    apart = re.sub(r"(?<=[a-zäöü])(?=[A-Z])|(?<=\d)(?=[A-Za-z]{3,})", " ", name)
    return re.findall(r"[^\W_]+", apart.casefold())


@cache
def _pattern(group: str, name: str) -> re.Pattern:
    lists = word_lists()[group]
    listed = lists[name] if name else [word for words in lists.values() for word in words]
    return re.compile(rf"(?<= )(?:{'|'.join(listed)}){_ENDING}\d*(?= )")


def hits(words: Sequence[str], group: str, name: str = "") -> int:
    """How many whole words (with the usual endings) are of a list in data/words.toml."""
    return len(_pattern(group, name).findall(f" {' '.join(words)} "))


def plain(name: str) -> str:
    """Return a name as aliases are written."""
    name = re.sub(r"\((utc|gmt)[^)]*\)", "", name.casefold() if name.isupper() else name, flags=re.I)
    return "_".join(words_of(name))


def number_of(text: str | None) -> float | None:
    """Return a plain number, also with a decimal comma; None for anything else."""
    match = re.fullmatch(r"\s*([+-]?\d+)(?:[.,](\d*))?\s*", text or "")
    return float(f"{match[1]}.{match[2] or 0}") if match else None


def sample_of(
    raw: Raw, source: str, names: Sequence[str], rows: int = 5_000
) -> dict[str, Sequence[str | None]]:
    """Return the first cells of columns as texts, blank ones as None."""
    found: dict[str, Sequence[str | None]] = dict.fromkeys(names, ())
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        listed = ", ".join(text_sql(name, raw.types.get(name, "OTHER")) for name in part)
        cells = raw.all(f"select {listed} from {source} limit {rows}")
        found |= dict(zip(part, zip(*cells, strict=True), strict=bool(cells)))
    return found


def missing_codes(texts: Iterable[str | None], bounds: tuple[float, float] | None = None) -> list[str]:
    """Return what of a column probably means 'no answer': words among numbers, codes far from them.

    A code counts when it is one of the usual ones and lies outside the other values by more than their span,
    or is negative where they are not; 8 and 9 count beside scales that end at 5, 11 beside 0 to 10.

    Examples
    --------
    >>> missing_codes(["1", "5", "3", "-99", "don't know"])
    ["don't know", '-99']
    """
    counts = Counter(text for text in texts if text is not None)
    numbers = {text: number for text in counts if (number := number_of(text)) is not None}
    words = [text for text in counts if text not in numbers]
    known = [word for word in words if values.is_no_answer(word) and (numbers or len(word) > 1)]
    mostly = sum(counts[text] for text in numbers) >= 0.5 * counts.total() and len(words) <= 3
    if numbers and mostly and not any(values.code_of(word) is not None for word in words):
        known = words
    low, high = bounds or (1, 0)
    others = [number for number in numbers.values() if number not in CODES or low <= number <= high]
    if not others or len(numbers) > 3_000:
        return known
    least, most, span = min(others), max(others), max(1.0, max(others) - min(others))
    ten = {0, 10} & set(numbers.values())
    for text, code in sorted(numbers.items(), key=lambda pair: pair[1]):
        if code not in CODES or low <= code <= high:
            continue
        suspect = code - most > span
        if code < 0:
            suspect = least >= 0 or least - code > span
        elif code in (8, 9):
            suspect = least >= 1 and most <= 5 and not ten
        elif code == 11:
            suspect = most == 10 and len(others) >= 5
        known += [text] if suspect else []
    return known


def scale_of(numbers: Sequence[float]) -> tuple[float, float] | None:
    """Return the usual rating scale that numbers seem to use, None when they are no ratings."""
    different = set(numbers)
    low, high = min(different), max(different)
    whole = all(number % 1 == 0 for number in different)
    if len(different) < 2 or low < 0 or not 1 < high <= 100 or (whole and len(different) > 15 and high <= 10):
        return None
    wide = whole and high > 50 and 4 <= len(different) <= 101 and len(numbers) >= 2 * len(different)
    if high > 10 and not wide:
        return None
    fits = [scale for scale in SCALES if scale[0] <= low and high <= scale[1]]
    return min(fits, key=lambda scale: (scale[1] - scale[0], scale[0]), default=None)


def reversed_items(frame: pd.DataFrame, items: Sequence[str]) -> list[str]:
    """Return the items that run against the others: correlation with the mean of the others below -0.2."""
    import numpy as np

    numbers = frame[list(items)]
    numbers = numbers.loc[:, numbers.std() > 0]
    if not 3 <= numbers.shape[1] <= 400 or len(numbers.dropna(how="all")) < 10:
        return []
    standard = ((numbers - numbers.mean()) / numbers.std()).fillna(0).to_numpy()
    # Turned round by the sign of the first principal direction, so that the majority decides what is up.
    direction = np.linalg.eigh(numbers.corr().fillna(0).to_numpy())[1][:, -1]
    direction = -direction if (direction < 0).sum() > len(direction) / 2 else direction
    against = []
    for place, name in enumerate(numbers.columns):
        others = np.sign(direction)
        others[place] = 0
        with np.errstate(invalid="ignore"):
            r = np.corrcoef(standard[:, place], standard @ others)[0, 1]
        if direction[place] < 0 and r < -0.2:
            against.append(str(name))
    return against


def fits(texts: Sequence[str | None], column: Column) -> bool:
    """Whether most cells can be read as what is declared."""
    filled = [text for text in texts if text is not None and not values.is_no_answer(text)][:100]
    if column.holds in ("id", "text") or not filled:
        return column.holds in ("id", "text") or column.gaps or not len(texts)
    if column.holds == "time":
        good = readable_times(tuple(filled))
    elif column.holds == "flag":
        good = sum(text.casefold() in (*values.YES, *values.NO) for text in filled)
    else:
        good = sum(number_of(text.replace(" ", "").strip("%$€£")) is not None for text in filled)
    return good >= 0.7 * len(filled)


@lru_cache(maxsize=4096)
def readable_times(texts: tuple[str, ...]) -> int:
    """Return how many texts are times; plain small numbers are none."""
    likely = [text for text in texts if len(text) >= 6 and re.search(r"\d.*\d|\d{8}", text)]
    likely = [text for text in likely if not re.fullmatch(r"[\d.,]{1,7}|\d{1,7}[.,]\d+", text)]
    if 2 * len(likely) < len(texts):
        return 0
    raw = texts_relation(Raw(connect(), "", "", "text"), {"x": likely})
    read = " or ".join(f"({values.time_sql('trim(x)', first)}) is not null" for first in (True, False))
    return raw.all(f"select count_if({read}) from {raw.source}")[0][0]


def item_of(name: str, texts: Sequence[str | None]) -> Item | None:
    """Return an item's scale and the numbers of its answers in words; None when a column is no rating."""
    words = words_of(name)
    dull = hits(words, "columns", "no_rating") and not hits(words, "outcomes", "satisfaction")
    gone = set(missing_codes(texts))
    answers = [
        text for text in texts if text is not None and text not in gone and not values.is_no_answer(text)
    ]
    different = list(dict.fromkeys(answers))
    if dull or META.fullmatch(plain(name)) or not different or len(different) > 200:
        return None
    numbers = [number_of(text) for text in answers]
    if None not in numbers:
        scale = scale_of(numbers)
        return (scale, {}) if scale else None
    ends = {
        text: values.code_of(text) if number_of(text) is None else int(number_of(text)) for text in different
    }
    if None not in ends.values() and len(set(ends.values())) == len(ends):
        scale = scale_of([float(code) for code in ends.values()] * 2)
        codes = {text: code for text, code in ends.items() if number_of(text) is None}
        return (scale, codes) if scale else None
    codes = values.scale_of_words(different)
    return ((1, 7 if max(codes.values()) > 5 else 5), codes) if codes else None
