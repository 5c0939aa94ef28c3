"""What a funnel is asked: the steps, the window, and the optional rules. No data here."""

from __future__ import annotations

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
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """One funnel: what counts as reaching a step.

    Attributes
    ----------
    steps : tuple of str
        Event names in order; a name that stands again is a later event of that name.
    window : int
        The longest time from the first to the step in question, in microseconds, inclusive; ``NEVER`` is no
        limit.
    gaps : tuple of int
        The longest time from the step before, one a step (the first is not used); ``NEVER`` is no limit.
    strict : bool
        No other event of the customer may lie between two steps.
    exclude : tuple of str
        Events that end a chain that is under way.
    """

    steps: tuple[str, ...]
    window: int = NEVER
    gaps: tuple[int, ...] = ()
    strict: bool = False
    exclude: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The distinct event names; the place is the code of an event, the one after the last any other."""
        return tuple(dict.fromkeys(self.steps))

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """The code of each step's event."""
        return tuple(self.names.index(step) for step in self.steps)

    @property
    def repeats(self) -> bool:
        """Whether a name stands twice."""
        return len(self.names) < len(self.steps)

    def describe(self, window: int | None = None) -> str:
        """Return the rules as one sentence for the foot of a table."""
        window = self.window if window is None else window
        limit = (
            "no time limit" if window == NEVER else f"at most {duration_text(window)} from first to that step"
        )
        words = [f"ordered, {limit}, best of all starts"]
        words.append("no other event between steps" if self.strict else "other events may lie between")
        for step, gap in list(zip(self.steps, self.gaps, strict=False))[1:]:
            if gap != NEVER:
                words.append(f"{step} at most {duration_text(gap)} after the step before")
        if self.exclude:
            words.append("a chain ends at " + ", ".join(self.exclude))
        return "; ".join(words)


def microseconds(value: object, *, argument: str = "conversion_window") -> int:
    """Return a time span in microseconds; None is ``NEVER``.

    Parameters
    ----------
    value : str, timedelta, Timedelta, timedelta64 or None
        Text such as "7d", "12h", "30 min", "1d12h", "2 weeks".
    argument : str
        The name to use in the message.

    Examples
    --------
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


def duration_text(span: int) -> str:
    """Return microseconds as short text.

    Examples
    --------
    >>> duration_text(7 * DAY), duration_text(5_400_000_000), duration_text(1_500_000)
    ('7 d', '1.5 h', '1.5 s')
    """
    if span >= NEVER:
        return "no limit"
    for unit in ("d", "h", "min", "s"):
        if span >= _SIZES[unit]:
            return f"{round(span / _SIZES[unit], 2):g} {unit}"
    return f"{round(span / 1_000_000, 6):g} s"


def round_spans(spans: Sequence[int]) -> dict[str, str]:
    """Return rising spans rounded up to two digits, as words and as text that :func:`microseconds` reads.

    Examples
    --------
    >>> round_spans([DAY, 3 * DAY + DAY // 99, 10 * DAY])
    {'1 day': '1d', '3.1 days': '3.1d', '10 days': '10d'}
    """
    middle = spans[len(spans) // 2]
    unit = next((unit for unit in ("d", "h", "min") if middle >= 2 * _SIZES[unit]), "s")
    word = {"d": "day", "h": "hour", "min": "minute", "s": "second"}[unit]
    values = set()
    for span in spans:
        value = max(span / _SIZES[unit], 1e-3)
        digits = 1 - math.floor(math.log10(value))
        values.add(round(math.ceil(round(value * 10.0**digits, 6)) / 10.0**digits, 6))
    return {f"{value:g} {word}{'' if value == 1 else 's'}": f"{value:g}{unit}" for value in sorted(values)}


def rules_of(
    steps: Sequence[str],
    conversion_window: object,
    *,
    step_windows: Sequence[object] | None = None,
    strict: bool = False,
    exclude: Iterable[str] = (),
) -> Rules:
    """Check what was asked and return it as :class:`Rules`."""
    if isinstance(steps, str):
        raise InputError(
            f'steps={steps!r} is one text; give a list of event names, for example ["visit", "buy"]'
        )
    names = tuple(steps)
    if not names:
        raise InputError(
            "steps is empty; name at least one event, in the order in which customers should meet them"
        )
    wrong = [name for name in names if not isinstance(name, str) or not name.strip()]
    if wrong:
        raise InputError(f"steps holds {wrong[0]!r}; every step is the name of an event, as text")
    if len(names) > _MOST_STEPS:
        raise InputError(f"steps has {len(names)} names; at most {_MOST_STEPS} are supported")
    gaps = tuple(microseconds(gap, argument="step_windows") for gap in step_windows or ())
    if len(gaps) == len(names) - 1 and gaps:
        gaps = (int(NEVER), *gaps)
    if gaps and len(gaps) != len(names):
        raise InputError(
            f"step_windows has {len(gaps)} entries for {len(names)} steps; "
            f"give {len(names) - 1}: the longest time from each step to the next (None for no limit)"
        )
    excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    both = [name for name in excluded if name in names]
    if both:
        raise InputError(f"exclude names {both[0]!r}, which is a step; an event cannot be both")
    return Rules(names, microseconds(conversion_window), gaps, bool(strict), excluded)


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return the known names that look most like ``name``."""
    lower = {str(other).lower(): str(other) for other in known}
    return [
        lower[found] for found in difflib.get_close_matches(name.lower(), list(lower), n=count, cutoff=0.4)
    ]


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name."""
    known = [str(other) for other in known]
    close = nearest(name, known)
    return (
        f"the nearest are {', '.join(close)}"
        if close
        else f"there are {', '.join(sorted(known)[:12]) or 'none'}"
    )
