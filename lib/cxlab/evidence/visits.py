"""Opens visits of any size as a table that is read only where a question needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import InputError

__all__ = ["COLUMNS", "open_visits"]

COLUMNS = ["outlet", "organisation", "person", "role", "timestamp", "score", "comment"]


def open_visits(source: str = "simulated-visits", *, seed: int = 1) -> Any:
    """Open visits: a simulated mall in memory, Parquet of any size through DuckDB, or a study's own table.

    Parameters
    ----------
    source : str
        ``"simulated-visits"`` (400,000 visits, made on the spot), the path of a Parquet file or of a folder of them
        (such as ``write_visits`` makes), or the path of a study's mapping file.
    seed : int
        Of the simulated mall.

    Returns
    -------
    DataFrame or ibis table
        ``outlet organisation person role timestamp score comment``. An ibis table reads nothing yet; its provenance
        is known to ``aggregate``.

    Raises
    ------
    InputError
        When nothing is there, or columns are missing.
    """
    if source == "simulated-visits":
        from .simulators.visits import make_visits

        return make_visits(rng=seed)
    path = Path(source)
    if source.endswith((".yaml", ".yml")):
        from .sources import open_source

        table = open_source(source)
    elif path.is_dir() or path.suffix == ".parquet":
        table = _open_parquet(path)
    else:
        raise InputError(
            f"source={source!r} is neither 'simulated-visits', a Parquet file or folder, nor a mapping file (.yaml)"
        )
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"{source} lacks the column(s) {', '.join(missing)}: this page needs {', '.join(COLUMNS)}"
        )
    return table


def _open_parquet(path: Path) -> Any:
    import ibis

    if path.is_dir():
        files = sorted(str(file) for file in path.rglob("*.parquet") if file.parent.name != "truth")
    else:
        files = [str(path)] if path.is_file() else []
    if not files:
        raise InputError(f"there is no Parquet file in {path}")
    return ibis.duckdb.connect().read_parquet(files, table_name="visits")
