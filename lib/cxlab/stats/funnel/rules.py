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
_SIZES = {"w": 7 * DAY, "d": DAY, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}
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
        span = round(sum(float(number) * _SIZES[unit[0]] for number, unit in re.findall(_PART, body[2])))
        span = -span if body[1] == "-" else span
    if span is None or not 0 < span <= NEVER:
        fault = (
            "is not a time span"
            if span is None
            else "is too long"
            if span > 0
            else "must be longer than zero"
        )
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
    unit = next((unit for unit in _WORDS if span >= _SIZES[unit]), "s")
    value = f"{round(span / _SIZES[unit], 1):g}"
    return f"{value} {_WORDS[unit]}{'' if value == '1' else 's'}"


def rounded_up(spans: Sequence[int]) -> list[int]:
    """Return rising spans, each rounded up to two digits of a unit that suits them.

    >>> [span / DAY for span in rounded_up([DAY, 3 * DAY + DAY // 99, 10 * DAY])]
    [1.0, 3.1, 10.0]
    """
    middle = spans[len(spans) // 2]
    size = next((_SIZES[unit] for unit in "dhm" if middle >= 2 * _SIZES[unit]), _SIZES["s"])
    values = set()
    for value in (max(span / size, 1e-3) for span in spans):
        scale = 10.0 ** (1 - math.floor(math.log10(value)))
        values.add(round(math.ceil(round(value * scale, 6)) / scale * size))
    return sorted(values)


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name: the known ones that look most like it."""
    lower = {str(other).lower(): str(other) for other in known}
    close = [lower[found] for found in difflib.get_close_matches(name.lower(), list(lower), cutoff=0.4)]
    some = ", ".join(sorted(lower.values())[:12])
    return f"the nearest are {', '.join(close)}" if close else f"there are {some or 'none'}"
