"""The seventeen tables of the workbook: declared once, opened safely, turned into the shapes that methods take.

Contents
    declarations    what each table and column is (the data dictionary is written from it)
    schemas         the same as pandera schemas, and the pass that converts and validates
    opening         ``open_table``: any file or database as one of the tables
    shapes          raters x statements, accounts x levels, outlets with n and satisfied ...
"""

from __future__ import annotations

import importlib

_HOMES = {
    "Column": "declarations",
    "Table": "declarations",
    "TABLES": "declarations",
    "table_named": "declarations",
    "schema": "schemas",
    "conform": "schemas",
    "open_table": "opening",
    "accounts_by_levels": "shapes",
    "customers_by_stages": "shapes",
    "organisations_by_kpis": "shapes",
    "outlet_counts": "shapes",
    "raters_by_statements": "shapes",
    "reason_counts": "shapes",
    "status_changes": "shapes",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'cxlab.evidence.tables' has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
