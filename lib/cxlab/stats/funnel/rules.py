"""What a funnel is asked: the steps and the window. No data here."""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np

from cxlab.data.errors import InputError

DAY = 86_400_000_000
NEVER = np.iinfo(np.int64).max  # a step that was not reached; also 'no window'
_MOST_STEPS = 31
_SIZES = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": DAY, "w": 7 * DAY}
_SHORT = {"m": "min", "sec": "s", "second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w"}
_UNITS = (("day", "d"), ("hour", "h"), ("minute", "min"), ("second", "s"))
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


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


def microseconds(value: object, *, argument: str = "conversion_window") -> int:
    """Return a time span in microseconds: text such as "7d", "1d12h", a timedelta; None is ``NEVER``.

    >>> microseconds("1d12h") / DAY
    1.5
    """
    advice = f'write for example {argument}="7d", "12h" or "30min", or None for no limit'
    if value is None:
        return int(NEVER)
    if isinstance(value, np.timedelta64):
        span = 0 if np.isnat(value) else int(value.astype("timedelta64[us]").astype(np.int64))
    elif isinstance(value, timedelta):  # a pandas Timedelta is one
        if value != value:
            raise InputError(f"{argument}={value!r} is not a time; {advice}")
        span = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    elif isinstance(value, str):
        span = _parse(value, argument, advice)
    else:
        raise InputError(f"{argument}={value!r} has no unit; {advice}")
    if span <= 0:
        raise InputError(f"{argument}={str(value)!r} must be longer than zero; {advice}")
    return span


def _parse(text: str, argument: str, advice: str) -> int:
    total, position, body = 0.0, 0, text.strip().lstrip("+-")
    while position < len(body):
        part = _PART.match(body, position)
        unit = part.group(2).lower() if part else ""
        unit = unit if unit in _SIZES or unit in _SHORT else unit.removesuffix("s")
        unit = _SHORT.get(unit, unit)
        if unit not in _SIZES:
            raise InputError(f"{argument}={text!r} is not a time span; {advice}")
        total += float(part.group(1)) * _SIZES[unit]
        position = part.end()
    if total > 9e18:
        raise InputError(f"{argument}={text!r} is too long; {advice}")
    return -round(total) if text.strip().startswith("-") else round(total)


def in_words(span: float) -> str:
    """Return microseconds in words.

    >>> in_words(30 * DAY), in_words(DAY), in_words(5_400_000_000), in_words(NEVER)
    ('30 days', '1 day', '1.5 hours', 'any time')
    """
    if span >= NEVER:
        return "any time"
    word, unit = next((pair for pair in _UNITS if span >= _SIZES[pair[1]]), _UNITS[-1])
    value = f"{round(span / _SIZES[unit], 1):g}"
    return f"{value} {word}{'' if value == '1' else 's'}"


def rounded_up(spans: Sequence[int]) -> list[int]:
    """Return rising spans, each rounded up to two digits of a unit that suits them.

    >>> [span / DAY for span in rounded_up([DAY, 3 * DAY + DAY // 99, 10 * DAY])]
    [1.0, 3.1, 10.0]
    """
    middle = spans[len(spans) // 2]
    size = next((_SIZES[unit] for _, unit in _UNITS[:3] if middle >= 2 * _SIZES[unit]), 1_000_000)
    values = set()
    for value in (max(span / size, 1e-3) for span in spans):
        scale = 10.0 ** (1 - math.floor(math.log10(value)))
        values.add(round(math.ceil(round(value * scale, 6)) / scale * size))
    return sorted(values)


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


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name: the known ones that look most like it."""
    lower = {str(other).lower(): str(other) for other in known}
    close = [lower[found] for found in difflib.get_close_matches(name.lower(), list(lower), cutoff=0.4)]
    some = ", ".join(sorted(lower.values())[:12])
    return f"the nearest are {', '.join(close)}" if close else f"there are {some or 'none'}"
