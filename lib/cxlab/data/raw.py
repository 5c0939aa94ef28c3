"""A table as its owner wrote it, as a DuckDB relation, and the few lines of SQL that everything shares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxlab.data import files as of
from cxlab.data.errors import InputError

if TYPE_CHECKING:
    import duckdb

LINE = "line of the file\x1f"  # the hidden column of line numbers
_CELLS = 60_000_000


@dataclass
class Raw:
    """A table as its owner wrote it: ``source`` is its SQL in ``connection``, ``types`` are its columns.

    ``labels`` are the texts that the file has for its columns, ``repeated`` names that stood twice,
    ``ragged`` (line, fields) of records that do not fit the header. ``lined`` relations have a column of line
    numbers; before the first record of others stand ``first_line`` lines. ``scanned`` are the files that
    DuckDB reads.
    """

    connection: duckdb.DuckDBPyConnection
    source: str
    name: str
    kind: str
    types: dict[str, str] = field(default_factory=dict)
    first_line: int = 0
    delimiter: str = ","
    encoding: str = ""
    ragged: list[tuple[int, int]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    scanned: list[Path] = field(default_factory=list)
    lined: bool = False

    @property
    def row_word(self) -> str:
        """What messages call a row."""
        return "line" if self.kind == "text" else "row"

    def all(self, sql: str, form: str = "fetchall") -> Any:
        """Return the rows of a query, as a DataFrame for ``form="df"``; what goes wrong is one sentence."""
        import duckdb

        try:
            return getattr(self.connection.execute(sql), form)()
        except duckdb.Error as error:
            raise self.unreadable(error) from None

    def unreadable(self, error: BaseException) -> InputError:
        """Return what DuckDB says of a file as a sentence for its owner."""
        text, reason = str(error), of.reason_of(error)
        line = re.search(r"Line: (\d+)", text)
        where = f"{self.name}, line {line[1]}" if line else self.name
        fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
        if fields:
            said = f"has {fields[2]} fields where the header has {fields[1]}; quote cells with the delimiter"
            return InputError(f"{where}: {said}, or complete the row")
        if "unterminated quote" in text:
            return InputError(f"{where}: a quotation mark opens and is never closed, or text follows one")
        if "Maximum line size" in text:
            return InputError(f"{where}: a line is longer than 10 million characters; is it a table?")
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


def literals(values: Iterable[str]) -> str:
    """Quote texts for SQL, with commas between."""
    return ", ".join(map(literal, values))


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection whose spilled data lie in this process's folder, with the clock in UTC."""
    import duckdb

    closed = dict.fromkeys(("autoinstall_known_extensions", "autoload_known_extensions"), "false")
    connection = duckdb.connect(config=closed | {"temp_directory": str(of.temporary_folder())})
    connection.execute("set enable_progress_bar = false; set TimeZone = 'UTC'").fetchall()
    return connection


def refuse_too_many(name: str, rows: int, columns: int) -> None:
    """Refuse a table that claims more cells than are read whole."""
    if rows * max(columns, 1) > _CELLS:
        claim = f"{name} claims {rows:,} rows x {columns:,} columns, more than {_CELLS:,} cells"
        raise InputError(f"{claim}; it was not read: keep the rows and columns that are needed")


def texts_relation(raw: Raw, rows: Sequence[Sequence[str]], lines: Sequence[int]) -> Raw:
    """Put rows of text, in the order of ``raw.types``, in front of DuckDB, with the line of each."""
    import numpy as np
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) if rows else [()] * len(raw.types)
    arrays = {}
    for name, cells in zip(raw.types, columns, strict=True):
        builder = pa.lib.StringBuilder()  # pa.array would import pandas
        builder.append_values([cell.encode("utf-8", "replace").decode() for cell in cells])
        arrays[name] = builder.finish()
    numbers = pa.py_buffer(np.asarray(lines, np.int64))
    arrays[LINE] = pa.Array.from_buffers(pa.int64(), len(lines), [None, numbers])
    raw.connection.register("cells", pa.Table.from_arrays(list(arrays.values()), names=list(arrays)))
    raw.source, raw.lined = "cells", True
    return raw


def literal_names(found: Sequence[Path]) -> str:
    """Return SQL of file names whose signs are no pattern."""
    return literals(re.sub(r"([*?\[])", r"[\1]", str(file)) for file in found)


def parquet_scan(found: Sequence[Path]) -> str:
    """Return the SQL that reads Parquet files by their literal names."""
    return f"read_parquet([{literal_names(found)}]{', union_by_name = true' if len(found) > 1 else ''})"
