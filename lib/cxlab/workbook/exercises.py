"""Exercises: a check that is computed from the page's own data, hints one at a time, and an answer in words."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from IPython.display import Markdown, display

from cxlab.evidence.errors import InputError

__all__ = ["answer", "exercise"]


@dataclass
class _Exercise:
    expected: Any
    tolerance: float
    hints: Sequence[str]
    why: str
    tries: int = field(default=0)


_REGISTERED: dict[str, _Exercise] = {}


def exercise(
    name: str, *, expected: Any, tolerance: float = 0.01, hints: Sequence[str] = (), why: str = ""
) -> None:
    """Register the check of an exercise, computed from the page's own data.

    Parameters
    ----------
    name : str
        Such as ``"02.1"``.
    expected : number, str, bool or collection of str
        The right answer; words are compared without case and surrounding blanks, collections as sets.
    tolerance : float
        The largest absolute difference of a number that still counts as right.
    hints : sequence of str
        Shown one more after every wrong try.
    why : str
        Shown after a right answer.
    """
    _REGISTERED[name] = _Exercise(expected, tolerance, tuple(hints), why)


def answer(exercise: str, value: Any) -> None:
    """Say whether an answer is right, and why or what to look at next.

    Parameters
    ----------
    exercise : str
        Its name, such as ``"02.1"``.
    value : object
        The answer; ``...`` asks for the first hint.

    Raises
    ------
    InputError
        When no exercise of that name was registered: run the page's cells from the top.
    """
    if exercise not in _REGISTERED:
        known = ", ".join(sorted(_REGISTERED)) or "none yet"
        raise InputError(
            f"there is no exercise {exercise!r} (registered: {known}); run the cells above it first"
        )
    entry = _REGISTERED[exercise]
    if value is ...:
        hint = f" Hint: {entry.hints[0]}" if entry.hints else ""
        _say(f"Exercise {exercise}: replace the three dots by your answer.{hint}")
        return
    right, reason = _judge(value, entry)
    if right:
        _say(f"Exercise {exercise}: **right.** {entry.why}".rstrip())
        return
    entry.tries += 1
    hints = "".join(f"\n\n* Hint {i}: {hint}" for i, hint in enumerate(entry.hints[: entry.tries], start=1))
    _say(f"Exercise {exercise}: **not yet.** {reason}{hints}")


def _judge(value: Any, entry: _Exercise) -> tuple[bool, str]:
    expected = entry.expected.item() if hasattr(entry.expected, "item") else entry.expected
    value = value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value
    if isinstance(expected, bool):
        return value is expected, "Answer with True or False." if not isinstance(
            value, bool
        ) else "The opposite holds."
    if isinstance(expected, Real):
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            return False, f"A number is asked for, not {type(value).__name__}."
        return abs(value - expected) <= entry.tolerance, "It is " + (
            "too high." if value > expected else "too low."
        )
    if isinstance(expected, str):
        if not isinstance(value, str):
            return False, f"A word is asked for, not {type(value).__name__}."
        return value.strip().casefold() == expected.strip().casefold(), "That is another one."
    if isinstance(expected, Collection):
        if isinstance(value, str) or not isinstance(value, Collection):
            return False, "Several are asked for: give a list or a set."
        missing, extra = len(set(expected) - set(value)), len(set(value) - set(expected))
        return not missing and not extra, f"{missing} missing, {extra} too many."
    raise InputError(f"exercise: cannot check an answer of type {type(expected).__name__}")


def _say(text: str) -> None:
    display(Markdown(text))
