"""What a funnel is asked: the steps, the window, and the optional rules. No data here."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from cxlab.evidence.errors import InputError

__all__ = ["DAY", "NEVER", "Rules", "duration_text", "microseconds", "nearest", "round_spans", "rules_of"]

DAY = 86_400_000_000
NEVER = np.iinfo(np.int64).max  # a step that was not reached; also 'no window'
_MOST_STEPS = 31
_UNITS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "sec": 1_000_000,
    "second": 1_000_000,
    "m": 60_000_000,
    "min": 60_000_000,
    "minute": 60_000_000,
    "h": 3_600_000_000,
    "hour": 3_600_000_000,
    "d": DAY,
    "day": DAY,
    "w": 7 * DAY,
    "week": 7 * DAY,
}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """One funnel: what counts as reaching a step.

    Attributes
    ----------
    steps : tuple of str
        Distinct event names, in order.
    window : int
        The longest time from the first to the step in question, in microseconds, inclusive; ``NEVER`` is no limit.
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

    @property
    def plain(self) -> bool:
        """Whether any window can be read from one scan: no per-step windows, strict order or exclusions."""
        return not (self.strict or self.exclude or any(gap != NEVER for gap in self.gaps))

    def describe(self, window: int | None = None) -> str:
        """Return the rules as one sentence for the foot of a table or a chart."""
        window = self.window if window is None else window
        limit = (
            "no time limit" if window == NEVER else f"at most {duration_text(window)} from first to that step"
        )
        words = [f"ordered, {limit}, best of all starts"]
        words.append("no other event between steps" if self.strict else "other events may lie between")
        limited = [
            f"{step} at most {duration_text(gap)} after the step before"
            for step, gap in zip(self.steps[1:], self.gaps[1:], strict=False)
            if gap != NEVER
        ]
        words += limited
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

    Raises
    ------
    InputError
        When it is not a time span, or not longer than zero.

    Examples
    --------
    >>> microseconds("1d12h") / DAY
    1.5
    """
    help_text = f'write for example {argument}="7d", "12h" or "30min", or None for no limit'
    if value is None:
        return int(NEVER)
    if isinstance(value, np.timedelta64):
        span = int(value.astype("timedelta64[us]").astype(np.int64)) if not np.isnat(value) else 0
    elif isinstance(value, timedelta):  # a pandas Timedelta is one
        if value != value:
            raise InputError(f"{argument}={value!r} is not a time; {help_text}")
        span = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    elif isinstance(value, str):
        span = _parse(value, argument, help_text)
    else:
        raise InputError(f"{argument}={value!r} has no unit; {help_text}")
    if span <= 0:
        raise InputError(f"{argument}={str(value)!r} must be longer than zero; {help_text}")
    return span


def _parse(text: str, argument: str, help_text: str) -> int:
    total, position = 0.0, 0
    sign = -1 if text.strip().startswith("-") else 1
    body = text.strip().lstrip("+-")
    while position < len(body):
        part = _PART.match(body, position)
        unit = part and part.group(2).lower()
        if part and unit not in _UNITS and unit.endswith("s"):
            unit = unit[:-1]
        if not part or unit not in _UNITS:
            raise InputError(f"{argument}={text!r} is not a time span; {help_text}")
        total += float(part.group(1)) * _UNITS[unit]
        position = part.end()
    if total > 9e18 or math.isnan(total):
        raise InputError(f"{argument}={text!r} is too long; {help_text}")
    return sign * round(total)


def duration_text(span: int) -> str:
    """Return microseconds as short text.

    Examples
    --------
    >>> duration_text(7 * DAY), duration_text(5_400_000_000), duration_text(1_500_000)
    ('7 d', '1.5 h', '1.5 s')
    """
    if span >= NEVER:
        return "no limit"
    for unit, size in (("d", DAY), ("h", _UNITS["h"]), ("min", _UNITS["min"]), ("s", 1_000_000)):
        if span >= size:
            return f"{round(span / size, 2):g} {unit}"
    return f"{round(span / 1_000_000, 6):g} s"


def round_spans(spans: Sequence[int]) -> tuple[str, list[float]]:
    """Return rising spans in a unit that suits them, rounded up to two digits.

    Examples
    --------
    >>> round_spans([DAY, 3 * DAY + DAY // 99, 10 * DAY])
    ('d', [1.0, 3.1, 10.0])
    """
    middle = spans[len(spans) // 2]
    unit, size = next(
        ((unit, _UNITS[unit]) for unit in ("d", "h", "min") if middle >= 2 * _UNITS[unit]), ("s", 1_000_000)
    )
    values = set()
    for span in spans:
        value = max(span / size, 1e-3)
        digits = 1 - math.floor(math.log10(value))
        values.add(round(math.ceil(round(value * 10.0**digits, 6)) / 10.0**digits, 6))
    return unit, sorted(values)


def rules_of(
    steps: Sequence[str],
    conversion_window: object,
    *,
    step_windows: Sequence[object] | None = None,
    strict: bool = False,
    exclude: Iterable[str] = (),
) -> Rules:
    """Check what was asked and return it as :class:`Rules`.

    Raises
    ------
    InputError
        No step, an empty name, a step twice, more than 31 steps, a window that is not longer than zero, a list of
        per-step windows of the wrong length, an excluded event that is also a step.
    """
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
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"steps names {twice[0]!r} twice; each step is another event. "
            "For first against repeat purchase use cx.funnel.first_and_repeat"
        )
    if len(names) > _MOST_STEPS:
        raise InputError(f"steps has {len(names)} names; at most {_MOST_STEPS} are supported")
    gaps: tuple[int, ...] = ()
    if step_windows is not None:
        gaps = tuple(microseconds(gap, argument="step_windows") for gap in step_windows)
        if len(gaps) == len(names) - 1:
            gaps = (int(NEVER), *gaps)
        if len(gaps) != len(names):
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
    known = [str(other) for other in known]
    lower = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), list(lower), n=count, cutoff=0.4)
    return [lower[other] for other in found]
