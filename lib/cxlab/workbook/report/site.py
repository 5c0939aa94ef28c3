"""What stands around the pages: index.html, which answers first, results.json and manifest.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .numbers import is_share, show_interval, show_number

__all__ = ["comparison", "environment", "index_html", "picture", "results_of"]

_ROWS = 6
_WORDS = ("supported", "refuted", "undecided", "not testable here")


def environment() -> Any:
    """Return the templates, with escaping on."""
    from jinja2 import Environment, FileSystemLoader

    from .pages import TEMPLATES, inline

    env = Environment(
        loader=FileSystemLoader([TEMPLATES / "cxlab", TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(inline=inline, number=show_number, interval=show_interval)
    return env


def index_html(context: Mapping[str, Any]) -> str:
    """Return the index: each question, its answer in a sentence, a small picture, reading minutes."""
    return environment().get_template("site.html.j2").render(context).strip() + "\n"


def results_of(stated: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what results.json holds: ``{notebook: {name: {value, low, high, unit, n}}}``."""
    return {
        stem: {
            record["name"]: {key: record.get(key) for key in ("value", "low", "high", "unit", "n")}
            for record in page["records"]
        }
        for stem, page in stated.items()
    }


def to_json(value: Any) -> str:
    """Return JSON in the one form in which we publish it."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def picture(records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the small picture of a page: its headline numbers of one unit, or how many verdicts fell which way."""
    headlines = [record for record in records if record.get("headline")]
    verdicts = [
        record for record in records if record["unit"] == "verdict" and isinstance(record["value"], str)
    ]
    if len(verdicts) > 2:
        return _bar(Counter(record["value"] for record in verdicts))
    numbers = [
        r for r in headlines if isinstance(r["value"], int | float) and not isinstance(r["value"], bool)
    ]
    if not numbers:
        return None
    unit = Counter(record["unit"] for record in numbers).most_common(1)[0][0]
    return _forest([record for record in numbers if record["unit"] == unit][:_ROWS], unit)


def comparison(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return one number of several segments as a small picture."""
    numbers = [r for r in rows if isinstance(r["value"], int | float) and not isinstance(r["value"], bool)]
    return _forest(numbers, numbers[0]["unit"]) if numbers else None


def _forest(records: Sequence[Mapping[str, Any]], unit: str) -> dict[str, Any]:
    if not is_share(unit) and all(record.get("low") is None for record in records):
        rows = [{"name": _words(r["name"]), "value": show_number(r["value"], unit)} for r in records]
        return {"kind": "numbers", "rows": rows, "unit": unit}
    ends = [r[key] for r in records for key in ("value", "low", "high") if r.get(key) is not None]
    left, right = min(ends), max(ends)
    if is_share(unit) and left >= 0 and right <= 1:
        left, right = 0.0, max(right, 0.5) if right <= 0.5 else 1.0
    else:
        left, right = min(left, 0), max(right, 0)
    span = (right - left) or 1.0

    def at(value: float) -> float:
        return round(8 + 224 * (value - left) / span, 1)

    rows = []
    for number, record in enumerate(records):
        low, high = record.get("low"), record.get("high")
        rows.append(
            {
                "name": _short(_words(record["name"])),
                "value": show_number(record["value"], unit),
                "text": f"{_words(record['name'])} {show_number(record['value'], unit)}"
                + (f" (interval {show_interval(record)})" if show_interval(record) else ""),
                "x": at(record["value"]),
                "low": None if low is None else at(low),
                "high": None if high is None else at(high),
                "y": 40 * number + 30,
                "side": next((side for side in ("product", "experience") if side in record["name"]), ""),
            }
        )
    return {
        "kind": "forest",
        "unit": unit,
        "rows": rows,
        "zero": at(0) if left < 0 < right else None,
        "height": 40 * len(rows) + 6,
        "title": f"{unit}: " + "; ".join(row["text"] for row in rows),
    }


def _bar(counts: Counter) -> dict[str, Any]:
    words = [word for word in _WORDS if counts[word]] + sorted(set(counts) - set(_WORDS))
    total, start, parts = sum(counts.values()), 0.0, []
    for word in words:
        width = 240 * counts[word] / total
        kind = word.split()[0]
        parts.append(
            {
                "word": word,
                "count": counts[word],
                "x": round(start, 1),
                "width": round(width, 1),
                "kind": kind,
            }
        )
        start += width
    title = "Verdicts: " + ", ".join(f"{part['count']} {part['word']}" for part in parts)
    return {"kind": "bar", "parts": parts, "title": title}


def _short(words: str, most: int = 27) -> str:
    """Cut at a word, so that a label does not run into its value."""
    if len(words) <= most:
        return words
    return words[: most - 1].rsplit(" ", 1)[0] + "…"


def _words(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")
