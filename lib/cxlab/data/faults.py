"""One thing that is wrong with a file, told so that its owner can mend it."""

from __future__ import annotations

from dataclasses import dataclass

from cxlab.data.errors import InputError
from cxlab.data.places import show


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


def raise_faults(name: str, faults: list[Fault]) -> None:
    """Raise the first fault as one line, with the number of the others."""
    if faults:
        more = f" (and {len(faults) - 1} more kinds of fault: see cxlab check)" if len(faults) > 1 else ""
        raise InputError(f"{name}: {faults[0]}{more}")
