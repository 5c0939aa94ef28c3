"""Two results.json side by side: which numbers changed, by how much, and which verdicts moved.

A number counts as changed *beyond its interval* when the new value lies outside the old interval, or, where
only the new one has an interval, when the old value lies outside that. A number without any interval can only
be said to have changed; it raises no alarm, and neither does a new number. A number that is gone does, and so
does a verdict that moved. Where both intervals exist and do not even touch, that is said as well (``apart``):
with equal data behind both, a new value leaves the old 95 % interval by chance about one time in six, two
intervals part about one time in two hundred.
"""

import html
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxlab.data.errors import InputError

SAME = 1e-9
LIMIT = 200_000_000
TITLES = {
    "moved": "Verdicts that moved",
    "beyond": "Changed beyond their intervals",
    "gone": "No longer reported",
    "changed": "Changed, but inside their intervals or without one",
    "new": "New",
}
HEAD = ["Notebook", "Number", "Before", "Now", "Change", "Unit"]


@dataclass(frozen=True)
class Change:
    """One record in both runs.

    Attributes
    ----------
    kind : same, changed (inside its interval, or it has none), beyond, moved (a verdict or text), new, gone.
    old, new : the records as read (``value low high unit n``); empty where there is none.
    difference : new value minus old, None for texts.
    apart : both intervals exist and do not touch.
    """

    notebook: str
    name: str
    kind: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    difference: float | None = None
    apart: bool = False

    @property
    def unit(self) -> str:
        """The record's unit."""
        return str(self.new.get("unit") or self.old.get("unit") or "")


@dataclass(frozen=True)
class Comparison:
    """All records of two runs, alarms first, then by notebook and name."""

    changes: list[Change]

    @property
    def alarm(self) -> bool:
        """Whether anything changed beyond its interval, a verdict moved, or a number is gone."""
        return bool(self.of("beyond", "moved", "gone"))

    def of(self, *kinds: str) -> list[Change]:
        """The changes of some kinds."""
        return [change for change in self.changes if change.kind in kinds]

    def headline(self) -> str:
        """One sentence that says it all."""
        moved, beyond, other, new, gone, same = (
            len(self.of(kind)) for kind in ("moved", "beyond", "changed", "new", "gone", "same")
        )
        verdicts = f"{moved} verdict{'' if moved == 1 else 's'} moved"
        counts = f"{beyond} changed beyond their intervals; {other} changed otherwise; {new} new, {gone} gone"
        return f"{len(self.changes)} recorded numbers: {verdicts}; {counts}; {same} the same."


def read_results(path: str | Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Read and check a results.json, or the one in a report's folder.

    Raises
    ------
    InputError
        Not there, not JSON, or not of the form ``{notebook: {name: {value, low, high, unit, n}}}``.
    """
    path = Path(path)
    path = path / "results.json" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"there is no file {path}; name the results.json that cxlab report wrote")
    if path.stat().st_size > LIMIT:
        raise InputError(
            f"{path.name} is larger than a results.json can be; name the file that cxlab report wrote"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        known = isinstance(error, json.JSONDecodeError)
        where = f" (line {error.lineno}, column {error.colno})" if known else ""
        raise InputError(
            f"{path} is not JSON{where}; name the results.json that cxlab report wrote"
        ) from None
    records = content.items() if isinstance(content, dict) else [("", None)]
    for notebook, numbers in records:
        if not isinstance(numbers, dict):
            raise InputError(
                f"{path} does not look like a results.json: it must hold notebooks, each with named records"
            )
        for name, record in numbers.items():
            if not isinstance(record, dict) or "value" not in record:
                raise InputError(
                    f"{path}: {notebook} / {name} has no value; name the results.json that cxlab report wrote"
                )
    return content


def compare(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> Comparison:
    """Compare two results as read.

    Examples
    --------
    >>> before = {"02": {"share": {"value": 0.4, "low": 0.3, "high": 0.5, "unit": "share"}}}
    >>> after = {"02": {"share": {"value": 0.6, "low": 0.5, "high": 0.7, "unit": "share"}}}
    >>> compare(before, after).changes[0].kind
    'beyond'
    """
    changes = []
    for notebook in sorted({*old, *new}):
        before, after = old.get(notebook, {}), new.get(notebook, {})
        changes += [
            _change(notebook, name, before.get(name), after.get(name)) for name in sorted({*before, *after})
        ]
    order = [*TITLES, "same"]
    return Comparison(
        sorted(changes, key=lambda change: (order.index(change.kind), change.notebook, change.name))
    )


def _change(notebook: str, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Change:
    if old is None or new is None:
        return Change(notebook, name, "new" if old is None else "gone", old or {}, new or {})
    a, b = _number(old["value"]), _number(new["value"])
    if a is None or b is None or "verdict" in (old.get("unit"), new.get("unit")):
        return Change(notebook, name, "same" if old["value"] == new["value"] else "moved", old, new)
    if a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= SAME * max(abs(a), abs(b)):
        return Change(notebook, name, "same", old, new, 0.0)
    first, second = _interval(old), _interval(new)
    beyond = not first[0] <= b <= first[1] if first else not second[0] <= a <= second[1] if second else False
    apart = bool(first and second) and (second[0] > first[1] or second[1] < first[0])
    beyond |= math.isnan(a) != math.isnan(b)
    return Change(notebook, name, "beyond" if beyond else "changed", old, new, b - a, apart)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _interval(record: Mapping[str, Any]) -> tuple[float, float] | None:
    low, high = _number(record.get("low")), _number(record.get("high"))
    return None if low is None or high is None or math.isnan(low) or math.isnan(high) else (low, high)


def _format(value: Any) -> str:
    number = _number(value)
    if number is None:
        return "" if value is None else str(value)
    return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.4g}"


def _shown(record: Mapping[str, Any]) -> str:
    interval = _interval(record)
    limits = f" ({_format(interval[0])} to {_format(interval[1])})" if interval else ""
    return _format(record.get("value")) + limits


def row(change: Change) -> list[str]:
    """Return a change as the cells under ``HEAD``."""
    by = (
        ""
        if change.difference is None
        else f"{change.difference:+.4g}" + (", intervals apart" if change.apart else "")
    )
    return [change.notebook, change.name, _shown(change.old), _shown(change.new), by, change.unit]


def lines(comparison: Comparison) -> list[str]:
    """Return the comparison for a terminal, a line a change."""
    words = {kind: "verdict" if kind == "moved" else kind for kind in TITLES}
    rows = [(words[change.kind], row(change)) for change in comparison.of(*TITLES)]
    texts = [
        f"  {word:8} {cells[0]} {cells[1]}: {cells[2] or '-'} -> {cells[3] or '-'}" for word, cells in rows
    ]
    return [comparison.headline(), *("".join(c if c.isprintable() else "?" for c in text) for text in texts)]


def summary(comparison: Comparison, *, most: int = 40) -> str:
    """Return the comparison as Markdown for a CI job's summary; the first ``most`` rows of each kind."""
    out = ["# What changed", "", comparison.headline(), ""]
    for kind, title in TITLES.items():
        found = comparison.of(kind)
        if found:
            out += [f"## {title} ({len(found)})", "", f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
            out += ["| " + " | ".join(_cell(text) for text in row(change)) + " |" for change in found[:most]]
            out += [f"and {len(found) - most} more" if len(found) > most else "", ""]
    return "\n".join(out).rstrip() + "\n"


def _cell(text: str) -> str:
    plain = html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")
    return "".join("\\" + c if c in "`*[]!" else c for c in plain)
