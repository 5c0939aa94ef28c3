"""What a declared column and a declared table are."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Column", "Table"]

KINDS = {
    "id": "text that tells one from another",
    "text": "text",
    "number": "number",
    "whole": "whole number",
    "flag": "yes or no",
    "time": "date or date and time",
}


@dataclass(frozen=True)
class Column:
    """One declared column.

    Attributes
    ----------
    name : the column's name in our tables.
    kind : ``id``, ``text``, ``number``, ``whole``, ``flag`` (True/False; with gaps 1, 0 and missing) or ``time``.
    description : one line for the dictionary.
    required : whether a table without the column is refused.
    gaps : whether single values may be missing.
    allowed : the only values that are accepted (compared after conversion).
    usual : values that the pages expect; others are told, not refused.
    low, high : the smallest and the greatest value that is accepted.
    personal : whether the column may tell who somebody is; it is never shown unless a study's file names it.
    aliases : what others call it, for guesses.
    """

    name: str
    kind: str
    description: str
    required: bool = True
    gaps: bool = False
    allowed: tuple = ()
    usual: tuple = ()
    low: float | None = None
    high: float | None = None
    personal: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One declared table.

    Attributes
    ----------
    name, title : the name on the command line, and what a reader calls it.
    row : what one row is.
    columns : the declared columns.
    counts : the column whose distinct values are people (customers, respondents) to be protected in small cells,
        ``""`` when each row is one, None when the table is about projects, outlets, accounts or raters who agreed.
    key : columns that together may occur once only.
    one_of : of these columns at least one is needed.
    ordered : pairs (a, b) of columns with a <= b in each row.
    large : whether the table stays in DuckDB (an ibis table) and is never read whole.
    """

    name: str
    title: str
    row: str
    columns: tuple[Column, ...]
    counts: str | None = None
    key: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    large: bool = False

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> list[str]:
        """Names of the declared columns, in order."""
        return [column.name for column in self.columns]

    @property
    def required(self) -> list[str]:
        """Names of the columns that must be there."""
        return [column.name for column in self.columns if column.required]
