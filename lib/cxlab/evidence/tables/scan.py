"""A large table while it is being looked at: how it is read, and which SQL makes its columns ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from ..faults import Fault

__all__ = ["Large", "ident", "line_of", "literal", "unreadable"]


@dataclass
class Large:
    """A large table before it is handed over.

    Attributes
    ----------
    connection : the ibis connection that reads it.
    source : SQL that reads the file as it is.
    select : our column -> SQL over the file's columns.
    raw : our column -> SQL of the cell as it stands (text), to tell missing from unreadable.
    rules : our column -> what its cells must be.
    """

    connection: Any
    name: str
    kind: str
    source: str
    select: dict[str, str] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_line: int = 1
    row_word: str = "row"
    sha256: str = ""
    rows: int | None = None
    text: bool = False
    labels: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    only: dict[str, str] = field(default_factory=dict)

    def sql(self) -> str:
        """The query whose rows are the table under our names."""
        return (
            "select "
            + ", ".join(f"{part} as {ident(name)}" for name, part in self.select.items())
            + f" from {self.source}"
            + self._where()
        )

    def _where(self) -> str:
        parts = [
            f"cast({self.select[name]} as varchar) = {literal(value)}" for name, value in self.only.items()
        ]
        return " where " + " and ".join(parts) if parts else ""


def ident(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for SQL."""
    return "'" + value.replace("'", "''") + "'"


def line_of(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def unreadable(large: Large, error: BaseException) -> InputError:
    text = str(error)
    line = re.search(r"Line: (\d+)", text)
    fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    where = f", line {line[1]}" if line and large.row_word == "line" else ""
    if fields:
        return InputError(
            f"{large.name}{where}: has {fields[2]} fields where the header has {fields[1]}; "
            "put cells that hold the delimiter into quotation marks, or complete the row"
        )
    if "unterminated quote" in text or "Value with unterminated" in text:
        return InputError(
            f"{large.name}{where}: a quotation mark is opened and never closed, or text follows one; double the marks inside a cell"
        )
    if "Maximum line size" in text:
        return InputError(f"{large.name}{where}: a line is longer than 12 million characters; is it a table?")
    reason = line_of(error)
    for file in large.found.get("files", []):
        reason = reason.replace(str(file), file.name)
    return InputError(f"{large.name}{where} cannot be read ({reason}); export it again")
