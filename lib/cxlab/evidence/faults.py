"""One thing that is wrong with a file, told so that its owner can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .errors import InputError
from .plain import show

__all__ = ["Fault", "raise_faults", "where_bad"]


@dataclass(frozen=True)
class Fault:
    """A broken rule.

    Attributes
    ----------
    rule : what must hold.
    remedy : what to do.
    column, value : where, as the owner names it; the first offending value as it stands in the file.
    lines : the first lines concerned (at most five).
    count : on how many lines the rule is broken.
    row_word : what a line is called: line (CSV), row (Excel and others).
    """

    rule: str
    remedy: str = ""
    column: str | None = None
    value: object = None
    lines: tuple[int, ...] = field(default=())
    count: int = 1
    row_word: str = "line"

    def __str__(self) -> str:
        parts = []
        if self.lines:
            parts.append(f"{self.row_word} {self.lines[0]}")
        if self.column is not None:
            parts.append(f"column {show(self.column)}")
        if self.value is not None:
            parts.append(f"value {show(self.value)}")
        text = ", ".join(parts) + (": " if parts else "") + self.rule
        if self.count > 1:
            more = ", ".join(map(str, self.lines[1:5]))
            rest = self.count - len(self.lines[:5])
            listed = f": {self.row_word}s {more}" + (" ..." if rest > 0 else "") if more else ""
            text += f" ({self.count:,} {self.row_word}s in all{listed and ', also' + listed[1:]})"
        return text + (f"; {self.remedy}" if self.remedy else "")


def where_bad(bad: Iterable[bool], lines: Iterable[int]) -> tuple[tuple[int, ...], int]:
    """Return the first five lines at which ``bad`` holds, and how many there are."""
    import numpy as np

    places = np.flatnonzero(np.asarray(bad, dtype=bool))
    return tuple(int(lines[i]) for i in places[:5]), len(places)


def raise_faults(name: str, faults: list[Fault]) -> None:
    """Raise the first fault as one line, with the number of the others."""
    if faults:
        more = f" (and {len(faults) - 1} more kinds of fault: see cxlab check)" if len(faults) > 1 else ""
        raise InputError(f"{name}: {faults[0]}{more}")
