"""Opens visits of any size as a table that is read only where a question needs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "is_simulated", "open_lives", "open_visits", "role_spells", "visits_name"]

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


def is_simulated(source: str) -> bool:
    """Tell whether a source of visits was simulated: by its name, or by the truth that lies beside it."""
    return source.startswith("simulated") or (Path(source) / "truth" / "outlets.parquet").is_file()


def visits_name(source: str, visits: Any) -> str:
    """Return the name under which a page records its visits; it begins with ``simulated`` where they are."""
    if is_simulated(source):
        return "simulated-visits"
    from .provenance import provenance

    return str(provenance(visits).get("name") or "own visits")


def open_lives(source: str, visits: pd.DataFrame, *, seed: int = 1) -> pd.DataFrame:
    """Open role spells: twelve simulated years beside simulated visits, else the spells that real visits show.

    Parameters
    ----------
    source : str
        The source of the visits.
    visits : DataFrame
        Visits of whole people: ``person role organisation timestamp``.
    seed : int

    Returns
    -------
    DataFrame
        ``person role organisation timestamp end``.
    """
    if is_simulated(source):
        from .simulators.roles import make_roles

        return make_roles(rng=seed)
    return role_spells(visits)


def role_spells(visits: pd.DataFrame) -> pd.DataFrame:
    """Join a person's visits in the same role to one spell, for what needs spells and has only visits.

    Parameters
    ----------
    visits : DataFrame
        ``person role organisation timestamp``.

    Returns
    -------
    DataFrame
        ``person role organisation timestamp end``: organisation of the first visit; end is the start of the next
        spell, missing for the last one. Roles held at once look like changes to and fro.
    """
    missing = [name for name in ("person", "role", "organisation", "timestamp") if name not in visits.columns]
    if missing:
        raise InputError(f"visits lack the column(s) {', '.join(missing)}")
    rows = visits[["person", "role", "organisation", "timestamp"]].dropna()
    rows = rows.sort_values(["person", "timestamp"], kind="stable", ignore_index=True)
    new = (rows["person"] != rows["person"].shift()) | (rows["role"] != rows["role"].shift())
    spells = rows[new].reset_index(drop=True)
    following = spells["timestamp"].shift(-1)
    spells["end"] = following.where(spells["person"] == spells["person"].shift(-1))
    return spells


def _open_parquet(path: Path) -> Any:
    import ibis

    if path.is_dir():
        files = sorted(str(file) for file in path.rglob("*.parquet") if file.parent.name != "truth")
    else:
        files = [str(path)] if path.is_file() else []
    if not files:
        raise InputError(f"there is no Parquet file in {path}")
    return ibis.duckdb.connect().read_parquet(files, table_name="visits")
