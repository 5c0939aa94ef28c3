"""Numbers and lists as people say them, for findings, titles and tables."""

import math
import re
from collections.abc import Iterable
from typing import Any

MADE_UP = "In made-up data, "
PARTS = ("share", "rate", "probability", "part")


def is_share(unit: str) -> bool:
    """Tell whether a unit is a part of one, which people read in per cent."""
    return unit.split(" ")[0] in PARTS


def number(value: Any, unit: str = "") -> str:
    """Return a value as people read it: shares in whole per cent, else three significant digits.

    >>> number(0.7083, "share of R2"), number(0.0042, "share"), number(-1234.56), number(0.856), number(None)
    ('71 %', '0.4 %', '−1,235', '0.86', 'not known')
    """
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "not known"
    if is_share(unit):
        size = abs(100 * value)
        digits = 0 if size >= 1.95 or size == 0 else 1 if size >= 0.095 else 2
        return f"{round(100 * value, digits) + 0:.{digits}f} %".replace("-", "−")
    if isinstance(value, int) or abs(value) >= 100:
        return f"{round(value):,}".replace("-", "−")
    digits = 1 if abs(value) >= 10 else 2
    text = f"{round(value, digits) + 0:.{digits}f}"
    return (f"{value:.0f}" if float(value).is_integer() else text).replace("-", "−")


def spread(low: Any, high: Any, unit: str = "") -> str:
    """Return two limits, such as ``62 to 79 %``."""
    first, last = number(low, unit), number(high, unit)
    return f"{first.removesuffix(' %')} to {last}" if last.endswith(" %") else f"{first} to {last}"


def with_interval(value: Any, low: Any = None, high: Any = None, unit: str = "") -> str:
    """Return an estimate with its interval, such as ``71 % (62 to 79 %)``.

    >>> with_interval(0.7083, 0.62, 0.79, "share of R2"), with_interval(3, unit="outlets")
    ('71 % (62 to 79 %)', '3')
    """
    known = low is not None and high is not None and math.isfinite(low) and math.isfinite(high)
    known = known and not low == value == high  # a count of everything has no interval
    return f"{number(value, unit)} ({spread(low, high, unit)})" if known else number(value, unit)


def listed(words: Iterable[str], last: str = "and") -> str:
    """Join words as in a sentence: ``a, b and c``."""
    words = [str(word) for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else "none"


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 outlet``, ``1,500 outlets``, ``no outlets``."""
    noun = one if n == 1 else many or f"{one}s"
    return f"{n:,} {noun}" if n else f"no {noun}"


def capital(sentence: str) -> str:
    """Return the sentence with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]


def headline(finding: str) -> str:
    """Return a finding as the title of its chart: its first clause, without intervals.

    >>> headline("product carries 71 % (62 to 79 %) of it; the rest is open.")
    'Product carries 71 % of it'
    """
    said = re.sub(r" \([−\d][^()]* to [^()]*\)", "", finding.removeprefix(MADE_UP))
    return capital(re.split(r"; |\. ", said)[0].removesuffix("."))


def stated(sentence: str, simulated: bool = False) -> str:
    """Return a finding with a capital letter, or, once, as one about made-up data.

    >>> stated("courtesy wins", True), stated("courtesy wins")
    ('In made-up data, courtesy wins', 'Courtesy wins')
    """
    if not simulated or sentence.startswith(MADE_UP):
        return capital(sentence)
    name = sentence[:2].isupper()  # such as NPS
    return MADE_UP + (sentence if name else sentence[:1].lower() + sentence[1:])
