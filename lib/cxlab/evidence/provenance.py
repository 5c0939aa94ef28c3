"""What is known of a table: its source, licence and hash, whatever kind of table it is."""

from __future__ import annotations

from typing import Any

__all__ = ["provenance", "set_provenance"]

# ibis tables have no attrs. The table is kept beside its facts, so that its id cannot be given to another one.
_OF_IBIS: dict[int, tuple[Any, dict[str, Any]]] = {}


def provenance(table: Any) -> dict[str, Any]:
    """Return the facts of a table: ``DataFrame.attrs``, or those kept for an ibis table."""
    attrs = getattr(table, "attrs", None)
    return attrs if isinstance(attrs, dict) else _OF_IBIS.get(id(table), (None, {}))[1]


def set_provenance(table: Any, facts: dict[str, Any]) -> None:
    """Keep the facts of a table that has no ``attrs``."""
    _OF_IBIS[id(table)] = (table, facts)
