"""Two results.json side by side: which numbers changed, by how much, and which verdicts moved.

A number changed *beyond its interval* when the new value lies outside the old interval or, where only the new
one has an interval, the old value outside that. This, a verdict that moved and a number that is gone are
alarms; a new number is none, nor a change without any interval. Intervals that do not even touch are told:
with equal data behind both, a new value leaves the old 95 % interval by chance about one time in six, two
intervals part about one time in two hundred.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cxlab.data.errors import InputError

SAME = 1e-9
ALARMS = ("moved", "beyond", "gone")  # of the kinds below
TITLES = {
    "moved": "Verdicts that moved",
    "beyond": "Changed beyond their intervals",
    "gone": "No longer reported",
    "changed": "Changed, but inside their intervals or without one",
    "new": "New",
}
HEAD = ["Notebook", "Number", "Before", "Now", "Change", "Unit"]


class Change(NamedTuple):
    """A recorded number in both runs: the words under ``HEAD``, and a key of ``TITLES`` or ``same``."""

    notebook: str
    name: str
    before: str
    now: str
    difference: str
    unit: str
    kind: str


class Comparison(NamedTuple):
    """All numbers of two runs, alarms first, then by notebook and name."""

    changes: list[Change]

    def of(self, *kinds: str) -> list[Change]:
        """The changes of some kinds."""
        return [change for change in self.changes if change.kind in kinds]

    def headline(self) -> str:
        """One sentence that says it all."""
        n = {kind: len(self.of(kind)) for kind in (*TITLES, "same")}
        return (
            f"{len(self.changes)} recorded numbers: {n['moved']} verdict{'s' * (n['moved'] != 1)} moved; "
            f"{n['beyond']} changed beyond their intervals; {n['changed']} changed otherwise; "
            f"{n['new']} new, {n['gone']} gone; {n['same']} the same."
        )


def run(old: Path, new: Path) -> int:
    """Print what changed between two reports, a line a change; return the command's exit code."""
    found = compare(read_results(old), read_results(new))
    print(found.headline())
    for change in found.of(*TITLES):
        word = "verdict" if change.kind == "moved" else change.kind
        line = f"  {word:8} {change[0]} {change[1]}: {change[2] or '-'} -> {change[3] or '-'}"
        print("".join(sign if sign.isprintable() else "?" for sign in line))
    return 3 if found.of(*ALARMS) else 0


def read_results(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Read a results.json, or the one in a report's folder; anything else is an InputError."""
    path = path / "results.json" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"there is no file {path}; name the results.json that cxlab report wrote")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_int=float)
        whole = all(record.keys() >= {"value"} for page in content.values() for record in page.values())
    except (ValueError, RecursionError, AttributeError):
        whole = False
    if not whole:
        raise InputError(f"{path} is no results.json; name the one that cxlab report wrote")
    return content


def compare(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> Comparison:
    """Compare two results as read."""
    names = {(page, name) for results in (old, new) for page, records in results.items() for name in records}
    order = [*TITLES, "same"]
    changes = []
    for page, name in names:
        a, b = old.get(page, {}).get(name, {}), new.get(page, {}).get(name, {})
        kind, difference = _changed(a, b)
        unit = str(b.get("unit") or a.get("unit") or "")
        changes.append(Change(page, name, _shown(a), _shown(b), difference, unit, kind))
    return Comparison(sorted(changes, key=lambda change: (order.index(change.kind), change)))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kind of a change and, between numbers, the difference in words."""
    if not old or not new:
        return "gone" if old else "new", ""
    a, b = old["value"], new["value"]
    if not _is_number(a) or not _is_number(b):
        return "same" if a == b else "moved", ""
    if abs(a - b) <= SAME * max(abs(a), abs(b)):
        return "same", ""
    before, after = _interval(old), _interval(new)
    words = f"{b - a:+.4g}"
    if before and after and (after[0] > before[1] or after[1] < before[0]):
        words += ", intervals apart"
    limits, value = (before, b) if before else (after, a)
    inside = not limits or limits[0] <= value <= limits[1]
    return "changed" if inside else "beyond", words


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _interval(record: Mapping[str, Any]) -> tuple[float, float] | None:
    limits = record.get("low"), record.get("high")
    return limits if all(map(_is_number, limits)) else None


def _shown(record: Mapping[str, Any]) -> str:
    interval = _interval(record)
    limits = f" ({_format(interval[0])} to {_format(interval[1])})" if interval else ""
    return _format(record.get("value")) + limits


def _format(value: Any) -> str:
    if not _is_number(value):
        return "" if value is None else str(value)
    return f"{value:,.0f}" if value % 1 == 0 and abs(value) < 1e15 else f"{value:.4g}"
