"""DuckDB files and databases by their address: read only, no way out, no password in a message."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import InputError
from .files import RawTable, reason_of, refuse_too_many, safe_address, unique_names
from .plain import show

__all__ = ["connect_address", "open_duckdb", "pick_table", "read_address", "read_duckdb"]

# One configuration for every opening: DuckDB refuses a second one of the same file that differs.
LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def open_duckdb(path: Path):
    """Open a DuckDB file for reading only, with no way out to other files or the network."""
    import duckdb

    try:
        return duckdb.connect(str(path), read_only=True, config=dict(LOCKED))
    except duckdb.Error as error:
        raise InputError(f"{path.name} cannot be opened as a DuckDB file ({reason_of(error)})") from None


def pick_table(names: list[str], wanted: str | None, source: str) -> str:
    """Return the table that is meant, or say which there are."""
    if wanted:
        if wanted in names:
            return wanted
        raise InputError(
            f"{source} has no table {show(wanted)}; it has {', '.join(map(show, names[:20])) or 'none'}"
        )
    if len(names) != 1:
        listed = ", ".join(map(show, names[:20])) or "none"
        raise InputError(
            f"{source} has {len(names)} tables ({listed}); say which: table: NAME in the mapping file"
        )
    return names[0]


def read_duckdb(path: Path, table: str | None) -> RawTable:
    import duckdb

    with open_duckdb(path) as connection:
        try:
            names = [
                row[0]
                for row in connection.execute("select table_name from information_schema.tables").fetchall()
            ]
            chosen = pick_table(names, table, path.name).replace('"', '""')
            width = len(connection.execute(f'select * from "{chosen}" limit 0').description)
            rows = connection.execute(f'select count(*) from "{chosen}"').fetchone()[0]
            refuse_too_many(path.name, rows, width)
            frame = connection.execute(f'select * from "{chosen}"').df()
        except duckdb.Error as error:
            raise InputError(f"{path.name} cannot be read ({reason_of(error)})") from None
    return unique_names(RawTable(frame, range(1, len(frame) + 1), "duckdb", path.name))


def connect_address(address: str, table: str | None):
    """Return (ibis connection, table name) for ``scheme://...#table``.

    Raises
    ------
    InputError
        The driver is not installed, the database does not answer, or the table is not there; passwords are not shown.
    """
    import ibis

    url, _, fragment = address.partition("#")
    shown = safe_address(url)
    url = re.sub(r"\$\{(\w+)\}", lambda match: _secret(match[1], shown), url)
    if url.startswith(("http://", "https://", "ftp://", "s3://", "gs://", "file://")):
        raise InputError(
            f"{shown} is a file's address, not a database's; fetch the file and name it by its path"
        )
    try:
        connection = ibis.connect(url)
        names = list(connection.list_tables())
    except Exception as error:  # every driver has its own classes
        reason = reason_of(error).replace(url, shown)
        raise InputError(
            f"{shown} cannot be opened ({type(error).__name__}: {safe_address(reason).replace(url, shown)}); check address and driver"
        ) from None
    return connection, pick_table(names, table or fragment or None, shown)


def _secret(name: str, shown: str) -> str:
    """The value of ``${NAME}`` in an address, so that a mapping file need not hold a password."""
    if name not in os.environ:
        raise InputError(
            f"{shown} asks for the environment variable {name}, which is not set; set it and try again"
        )
    return os.environ[name]


def read_address(address: str, table: str | None) -> RawTable:
    connection, name = connect_address(address, table)
    try:
        found = connection.table(name)
        rows = int(found.count().execute())
        refuse_too_many(name, rows, len(found.columns))
        frame = found.execute()
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"table {show(name)} cannot be read ({type(error).__name__}: {safe_address(reason_of(error))})"
        ) from None
    return unique_names(RawTable(frame, range(1, len(frame) + 1), "database", name))
