"""The tables that the workbook reads, each declared once: validation, dictionary and guesses come from here.

A table may always carry more columns than are declared. Names are those of the methods' arguments, in lower case
with underscores. Nothing heavy is imported here. The tables themselves stand in :mod:`.catalogue`.
"""

from __future__ import annotations

import difflib

from ..errors import InputError
from .catalogue import TABLES
from .columns import KINDS, Column, Table

__all__ = ["KINDS", "TABLES", "Column", "Table", "table_named"]


def table_named(name: str) -> Table:
    """Return the declaration of a table.

    Raises
    ------
    InputError
        When there is no such table; the message holds the nearest name and all of them.

    Examples
    --------
    >>> table_named("pain").required
    ['area']
    """
    if name in TABLES:
        return TABLES[name]
    near = difflib.get_close_matches(str(name), TABLES, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"there is no table {name!r}; {hint}the tables are: {', '.join(TABLES)}")
