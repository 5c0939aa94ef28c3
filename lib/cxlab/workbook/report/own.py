"""Pages on a study's own tables; what the study lacks is said, never filled with sample data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxlab.evidence.errors import InputError

from . import plan
from .plan import Page

__all__ = ["give", "leave_out", "read", "sources_of"]


def read(params: Path) -> Any:
    """Return the study of a params file."""
    if not params.exists():
        raise InputError(f"--params {params}: there is no such file; `cxlab init` makes one")
    from cxlab.evidence.study import read_study

    return read_study(params)


def leave_out(pages: Sequence[Page]) -> list[Page]:
    """Return the pages that make sense on own data: a page that shows a sample but reads no table of a study does not."""
    return [page for page in pages if page.tables or "source" not in page.parameters]


def sources_of(page: Page) -> dict[str, str]:
    """Return which table each source parameter of a page reads: ``{"source": "survey", "pain_source": "pain"}``."""
    wanted: dict[str, str] = {}
    for name, parameter in page.parameters.items():
        head = name.removesuffix("_source")
        if name == "source" and page.tables:
            wanted[name] = page.tables[0]
        elif name.endswith("_source"):
            table = head if head in (*page.tables, *page.optional) else _table_of_default(parameter.default)
            if table is not None:
                wanted[name] = table
    return wanted


def _table_of_default(default: Any) -> str | None:
    try:
        return plan.table_of(default, "") if isinstance(default, str) and default else None
    except InputError:
        return None


def give(every: Sequence[Page], pages: Sequence[Page], study: Any, paths: dict[str, str]) -> None:
    """Give each page the study's mapping files and parameters; note the tables that are missing.

    Parameters
    ----------
    every : sequence of Page
        All pages of the workbook: a study's parameter must be known to one of them.
    pages : sequence of Page
        The pages of this report.
    study : Study
        From ``read``.
    paths : dict
        Paths of this machine and the words that stand for them; added to.
    """
    paths[str(study.path.parent)] = study.path.parent.name
    for page in pages:
        wanted = sources_of(page)
        # A parameter that is empty by default may stay empty; one that names a sample may not.
        spare = {
            n: t
            for n, t in wanted.items()
            if t in page.optional and t not in page.tables and not page.parameters[n].default
        }
        needed = [*page.tables, *[table for name, table in wanted.items() if name not in spare]]
        page.missing = study.missing(list(dict.fromkeys(needed)))
        if not page.missing:
            found = {name: study.source_of(table) for name, table in wanted.items()}
            page.given.update({name: source for name, source in found.items() if source is not None})
    for name, value in study.parameters.items():
        plan.give(every, name, value, origin=f"{study.path.name}, parameters")
    for stem, values in study.notebooks.items():
        for name, value in values.items():
            plan.give(every, f"{stem}.{name}", value, origin=f"{study.path.name}, notebooks")
