"""A study: the params file that says which tables a reader has, and with which parameters notebooks run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import InputError
from .plain import show
from .yamls import nearest, read_yaml, refuse_unknown

__all__ = ["Study", "find_study", "read_study"]

KEYS = ("study", "tables", "parameters", "notebooks", "personal", "min_cell")


@dataclass(frozen=True)
class Study:
    """What a params file says.

    Attributes
    ----------
    path : the params file.
    name : the study's name, for headings.
    tables : table -> the absolute path of its mapping file.
    parameters : values for every notebook that has such a parameter.
    notebooks : notebook stem (``02-product-or-experience``, or just ``02``) -> its parameters.
    personal : the owner's or our names of columns that may appear although they look personal.
    min_cell : cells that count fewer customers or respondents are suppressed.
    """

    path: Path
    name: str
    tables: dict[str, Path] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    notebooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    personal: tuple[str, ...] = ()
    min_cell: int = 5

    def missing(self, tables: list[str]) -> list[str]:
        """Return which of the named tables the study lacks: what a page shows as 'needs this table'."""
        return [table for table in tables if table not in self.tables]

    def source_of(self, table: str) -> str | None:
        """Return what a notebook's ``source`` parameter gets for a table: the path of its mapping file, or None."""
        return str(self.tables[table]) if table in self.tables else None


def read_study(path: str | Path) -> Study:
    """Read and check a params file.

    Parameters
    ----------
    path : the params file, or the folder that ``cxlab init`` made (its params.yaml is read).

    Raises
    ------
    InputError
        Unknown keys or tables (with the nearest), a mapping file that is not there, values of the wrong type.
    """
    from .tables.declarations import TABLES

    path = Path(path)
    if path.is_dir():
        path = path / "params.yaml"
    content = read_yaml(path, typed=True)
    name = path.name
    refuse_unknown(content, KEYS, name)
    tables = {}
    for table, mapping in _mapping(content, "tables", name).items():
        refuse_unknown([table], TABLES, f"{name}, tables")
        if not isinstance(mapping, str) or not mapping:
            raise InputError(
                f"{name}: tables, {table} must name its mapping file, such as {table}.yaml; got {show(mapping)}"
            )
        target = (path.parent / mapping).resolve()
        if not target.is_file():
            raise InputError(
                f"{name}: the mapping file {show(mapping)} of table {table} is not there; "
                f"make it with cxlab init {path.parent} --table {table} --from FILE, or take the line out"
            )
        tables[table] = target
    if not tables:
        raise InputError(
            f"{name}: tables is empty; add one with cxlab init {path.parent} --table survey --from FILE"
        )
    parameters = {
        key: _plain(value, key, name) for key, value in _mapping(content, "parameters", name).items()
    }
    notebooks = {}
    for stem, values in _mapping(content, "notebooks", name).items():
        if not isinstance(values, dict):
            raise InputError(f"{name}: notebooks, {stem} must hold 'name: value' lines; got {show(values)}")
        notebooks[str(stem).removesuffix(".ipynb")] = {
            key: _plain(value, key, name) for key, value in values.items()
        }
    personal = content.get("personal") or []
    if not isinstance(personal, list):
        raise InputError(
            f"{name}: personal must be a list of column names, such as [email]; got {show(personal)}"
        )
    minimum = content.get("min_cell", 5)
    if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
        raise InputError(f"{name}: min_cell must be a whole number of 1 or more; got {show(minimum)}")
    title = content.get("study") or path.parent.resolve().name
    if isinstance(title, dict | list):
        raise InputError(f"{name}: study must be one line, the study's name; got {show(title)}")
    return Study(
        path.resolve(), str(title), tables, parameters, notebooks, tuple(map(str, personal)), minimum
    )


def _mapping(content: dict, key: str, name: str) -> dict:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise InputError(
            f"{name}: {key} must hold 'name: value' lines; got {show(value)}. {nearest(key, KEYS)}".strip()
        )
    return {str(inner): item for inner, item in value.items()}


def _plain(value: Any, key: str, name: str) -> Any:
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float | bool) for item in value):
        return value
    raise InputError(
        f"{name}: parameter {show(key)} must be a number, a text, true/false or a list of them; got {show(value)}"
    )


def find_study(mapping: str | Path) -> Study | None:
    """Return the study whose params.yaml stands beside a mapping file and names it, None otherwise."""
    mapping = Path(mapping).resolve()
    params = mapping.parent / "params.yaml"
    if not params.is_file():
        return None
    study = read_study(params)
    return study if mapping in study.tables.values() else None
