"""What changed since an older report: a page beside the others, a summary for a job's log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .numbers import show_interval, show_value

__all__ = ["read_old", "write_pages"]

_KINDS = {
    "moved": "Verdicts that moved",
    "beyond": "Changed beyond their intervals",
    "gone": "No longer reported",
    "changed": "Changed, but inside their intervals or without one",
    "new": "New",
}


def read_old(path: Path) -> dict[str, Any]:
    """Return an older results.json, read before anything is written: it may be the one that is replaced."""
    from cxlab.workbook import diff

    return diff.read_results(path)


def write_pages(old: Mapping[str, Any], folder: Path, links: Sequence[Mapping[str, Any]]) -> bool:
    """Write ``changes.html`` and ``changes.md`` into a staged report.

    Returns
    -------
    bool
        Whether a verdict moved, a number changed beyond its interval or is gone.
    """
    from cxlab.workbook import diff

    from . import site

    found = diff.compare(old, json.loads((folder / "results.json").read_text(encoding="utf-8")))
    groups = []
    for kind, title in _KINDS.items():
        rows = [
            {
                "notebook": change.notebook,
                "name": change.name.replace("-", " ").replace("_", " "),
                "old": _shown(change.old),
                "new": _shown(change.new),
                "unit": change.unit,
                "apart": change.apart,
            }
            for change in found.of(kind)
        ]
        if rows:
            groups.append({"title": title, "rows": rows, "alarm": kind in ("moved", "beyond", "gone")})
    context = {
        "root": "",
        "home": "index.html",
        "pages": links,
        "groups": groups,
        "headline": found.headline(),
    }
    html = site.environment().get_template("changes.html.j2").render(context)
    (folder / "changes.html").write_text(html.strip() + "\n", encoding="utf-8")
    (folder / "changes.md").write_text(diff.summary(found), encoding="utf-8")
    return found.alarm


def _shown(record: Mapping[str, Any]) -> str:
    if not record:
        return ""
    record = {"unit": "", **record}
    interval = show_interval(record)
    return show_value(record) + (f" ({interval})" if interval else "")
