"""A table as its owner wrote it, as a DuckDB relation, and the few lines of SQL that everything shares."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxlab.data import files as of
from cxlab.data.delimited import CELLS, unique_names
from cxlab.data.errors import InputError, show

if TYPE_CHECKING:
    import duckdb

LINE = "line of the file\x1f"  # the hidden column of line numbers


@dataclass
class Raw:
    """A table as its owner wrote it: ``source`` is its SQL in ``connection``, ``types`` are its columns.

    ``row_word`` is what messages call a row, ``first_line`` how many lines stand before the first, ``labels``
    the texts that the file has for its columns, ``again`` what to do when a large text turns out not to be
    UTF-8.
    """

    connection: duckdb.DuckDBPyConnection
    source: str
    name: str
    kind: str
    types: dict[str, str] = field(default_factory=dict)
    row_word: str = "row"
    first_line: int = 0
    delimiter: str = ","
    encoding: str = ""
    sha256: str = ""
    ragged: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    scanned: list[Path] = field(default_factory=list)
    lined: bool = False
    again: Callable[[], None] | None = None

    def all(self, sql: str) -> list[tuple]:
        """Return the rows of a query; what goes wrong is one plain sentence."""
        import duckdb

        try:
            return self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            if "nicode" not in str(error) or self.again is None:
                raise self.unreadable(error) from None
        again, self.again = self.again, None  # a line that is not UTF-8 came late
        again()
        self.notes.append("some lines are not UTF-8 and were read as cp1252")
        return self.all(sql)

    def unreadable(self, error: BaseException) -> InputError:
        """Return what DuckDB says of a file as a sentence for its owner."""
        text = str(error)
        line = re.search(r"Line: (\d+)", text)
        where = f"{self.name}, line {line[1]}" if line and self.row_word == "line" else self.name
        fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
        if fields:
            return InputError(
                f"{where}: has {fields[2]} fields where the header has {fields[1]}; "
                "put cells that hold the delimiter into quotation marks, or complete the row"
            )
        if "unterminated quote" in text:
            return InputError(f"{where}: a quotation mark opens and is never closed, or text follows one")
        if "Maximum line size" in text:
            return InputError(f"{where}: a line is longer than 10 million characters; is it a table?")
        reason = of.reason_of(error)
        for file in self.scanned:
            reason = reason.replace(str(file), file.name)
        kind = "is not a sound Parquet file" if self.kind == "parquet" else "cannot be read"
        return InputError(f"{where} {kind} ({reason}); write it again")


def ident(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for SQL."""
    return "'" + value.replace("'", "''") + "'"


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection whose spilled data lie in this process's folder, with the clock in UTC."""
    import duckdb

    closed = dict.fromkeys(("autoinstall_known_extensions", "autoload_known_extensions"), "false")
    connection = duckdb.connect(config=closed | {"temp_directory": str(of.temporary_folder())})
    connection.execute("set enable_progress_bar = false; set TimeZone = 'UTC'").fetchall()
    return connection


def refuse_too_many(name: str, rows: int, columns: int) -> None:
    """Refuse a table that claims more cells than are read whole."""
    if rows * max(columns, 1) > CELLS:
        raise InputError(
            f"{name} claims {rows:,} rows x {columns:,} columns, more than {CELLS:,} cells; "
            "it was not read: keep the rows and columns that are needed"
        )


def texts_relation(
    raw: Raw, columns: dict[str, Sequence[str | None]], lines: Sequence[int] | None = None
) -> Raw:
    """Put columns of text in front of DuckDB, with the line of each row."""
    import pyarrow as pa

    arrays = {name: _strings(values) for name, values in columns.items()}
    if lines is not None:
        numbers = pa.py_buffer(np.asarray(lines, np.int64))
        arrays[LINE] = pa.Array.from_buffers(pa.int64(), len(lines), [None, numbers])
        raw.lined = True
    raw.connection.register("cells", pa.Table.from_arrays(list(arrays.values()), names=list(arrays)))
    raw.source, raw.types = "cells", dict.fromkeys(columns, "VARCHAR")
    return raw


def _strings(values: Sequence[str | None]):
    """Return texts as an Arrow array from its buffers: pa.array would import pandas."""
    import pyarrow as pa

    cells = [b"" if value is None else value.encode("utf-8", "replace") for value in values]
    ends = np.zeros(len(cells) + 1, np.int64)
    np.cumsum([len(cell) for cell in cells], out=ends[1:])
    known = np.packbits(np.array([value is not None for value in values], bool), bitorder="little")
    buffers = [pa.py_buffer(known), pa.py_buffer(ends), pa.py_buffer(b"".join(cells))]
    return pa.Array.from_buffers(pa.large_string(), len(cells), buffers)


def literal_names(found: Sequence[Path]) -> str:
    """Return SQL of file names whose signs are no pattern."""
    return ", ".join(literal(re.sub(r"([*?\[])", r"[\1]", str(file))) for file in found)


def parquet_scan(found: Sequence[Path]) -> str:
    """Return the SQL that reads Parquet files by their literal names."""
    return f"read_parquet([{literal_names(found)}]{', union_by_name = true' if len(found) > 1 else ''})"


def named(cells: Sequence[object]) -> tuple[list[str], list[str], list[str]]:
    """Return column names of a workbook or frame as unique texts; see ``unique_names``."""
    plain = [int(cell) if isinstance(cell, float) and cell.is_integer() else cell for cell in cells]
    names, repeated, notes = unique_names(plain)
    return names, repeated, [note for note in notes if show("column") not in note]
