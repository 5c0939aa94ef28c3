"""What goes wrong, as one plain sentence: the faults, and a reader's text as one harmless line."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class InputError(ValueError):
    """A file, table, parameter or argument is wrong (exit 2); the message says what, where and what to do."""


class NotEnough(InputError):
    """The data are right but too few for this question; the page says so and goes on."""


class NotebookError(RuntimeError):
    """A notebook raised or ran out of time (exit 1)."""


class OutOfReach(OSError):
    """A registry cannot be reached, or the disk is full (exit 4)."""


def show(value: object, width: int = 40) -> str:
    """Return a value as one short, harmless line: control and direction characters are written out.

    >>> show("a\\x1b[31m")
    "'a\\\\x1b[31m'"
    """
    cut = str(value)[: width + 1]
    harmless = (c.isprintable() and not "\u200b" <= c <= "\u206f" for c in cut)
    pairs = zip(cut, harmless, strict=True)
    safe = "".join(c if good else c.encode("unicode_escape").decode("ascii") for c, good in pairs)
    return f"'{safe[:width]}{'...' if len(safe) > width else ''}'"


def nearest(name: object, known: Iterable[object]) -> str:
    """Return ``"did you mean 'x'? "`` for the nearest known name, or ``""``."""
    names = {str(item).casefold(): str(item) for item in known}
    text = str(name).casefold()
    close = difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    close += [key for key in names if len(text) > 2 and (text in key or (len(key) > 2 and key in text))]
    return f"did you mean {show(names[close[0]])}? " if close else ""


def refuse_unknown(found: Iterable[object], known: Iterable[str], where: str) -> None:
    """Raise InputError for the first key that is not known, with the nearest one."""
    known = list(known)
    for key in found:
        if key not in known:
            raise InputError(f"{where}: no key {show(key)}; {nearest(key, known)}keys are {', '.join(known)}")


@dataclass(frozen=True)
class Fault:
    """A broken rule: what must hold, what to do, where, the first value and lines, on how many lines."""

    rule: str
    remedy: str = ""
    column: str | None = None
    value: object = None
    lines: tuple[int, ...] = ()
    count: int = 1
    row_word: str = "line"

    def __str__(self) -> str:
        parts = [f"{self.row_word} {self.lines[0]}"] if self.lines else []
        parts += [f"column {show(self.column)}"] if self.column is not None else []
        parts += [f"value {show(self.value)}"] if self.value is not None else []
        text = ", ".join(parts) + (": " if parts else "") + self.rule
        if self.count > 1:
            also = ", ".join(map(str, self.lines[1:5])) + (" ..." if self.count > 5 else "")
            listed = f", also {self.row_word}s {also}" if self.lines[1:] else ""
            text += f" ({self.count:,} {self.row_word}s in all{listed})"
        return text + (f"; {self.remedy}" if self.remedy else "")
