"""The shapes in which survey tools export: header rows, questions as names, columns about the sending."""

from __future__ import annotations

import re
import tomllib
from functools import cache

from cxlab.data.places import data_folder

# Columns that tools add about the sending of a form; they are neither answers nor groups of customers.
META = re.compile(
    r"(status|ip_?address|progress|duration(_\w+)?|finished|external_(data_)?reference|distribution_channel|"
    r"user_language|start_?language|last_?page|seed|refurl|collector_id|network_id|stage_date\w*|lang|name|"
    r"time_started|start_?(date|time)\w*|email_?address|custom_data_\d|recipient_\w+|channel|sid|token|q_\w+|"
    r"completion_code|legacy_comments|comments|tags|points\w*|feedback\w*|quiz_\w+|last_modified_time|"
    r"screener|e_?mail|contact_id|response_type|date_modified|\w*interview_time|\w*(group|question)_time\w*)"
)


@cache
def word_lists() -> dict[str, dict[str, list[str]]]:
    """Return the words of ``data/words.toml`` by which columns, answers and months are told."""
    return tomllib.loads((data_folder() / "words.toml").read_text(encoding="utf-8"))


def joined_header(header: list[str], body: list[list[str]]) -> tuple[list[str], dict[int, str], int, str]:
    """Return names, labels by position, how many rows of the body are header, and what was recognised.

    Qualtrics writes names, texts and a row of import ids; SurveyMonkey writes a question over its items, with
    empty cells where a question spans several columns.
    """
    for count in (2, 1):
        if (
            len(body) >= count
            and _share(body[count - 1], lambda cell: "ImportId" in cell and cell[:1] == "{") > 0.5
        ):
            texts = body[0] if count == 2 else header
            labels = {place: _tidy(text) for place, text in enumerate(texts) if _tidy(text) != header[place]}
            return header, labels, count, f"{count + 1} header rows of Qualtrics were recognised"
    second = body[0] if body else []
    answers = [cell.strip() in ("Response", "Open-Ended Response") for cell in second]
    blank = sum(not name for name in header)
    if any(answers) and (blank or re.fullmatch(r"respondent[ _]?id", header[0].casefold())):
        names, labels, question = [], {}, ""
        for place, (name, cell) in enumerate(zip(header, second, strict=False)):
            question, item = name or question, cell.strip()
            joined = question if answers[place] or not item else f"{question}: {item}"
            labels[place] = _tidy(joined)
            names.append(joined)
        return names + header[len(second) :], labels, 1, "2 header rows of SurveyMonkey were recognised"
    return header, {}, 0, ""


def _share(row: list[str], test) -> float:
    filled = [cell for cell in row if cell.strip()]
    return sum(map(test, filled)) / len(filled) if filled else 0.0


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip(" -:")


def flattened(row: object, before: str = "", depth: int = 0) -> dict[str, object]:
    """Return a nested record flat: ``{"properties": {"time": 1}}`` becomes ``{"properties.time": 1}``.

    A list of ``{"key": ..., "value": {...}}`` (Google Analytics) becomes a column a key; a list of plain
    values one text.
    """
    if isinstance(row, list):
        if row and all(isinstance(part, dict) and {"key", "value"} <= set(part) for part in row):
            pairs = ((str(part["key"]), part["value"]) for part in row)
            row = {key: _first(value) for key, value in pairs}
        else:
            plain = [str(part) for part in row if not isinstance(part, dict | list)]
            return {before: "; ".join(plain) if plain else None}
    if not isinstance(row, dict) or depth > 20:
        return {before or "value": row}
    flat: dict[str, object] = {}
    for key, value in row.items():
        name = f"{before}.{key}" if before else str(key)
        flat |= flattened(value, name, depth + 1) if isinstance(value, dict | list) else {name: value}
    return flat


def _first(value: object) -> object:
    if isinstance(value, dict):
        return next((part for part in value.values() if part is not None), None)
    return value


def short_names(items: list[str], taken: set[str]) -> dict[str, str]:
    """Return short names for items that are whole questions: their number (Q7) or their first telling words.

    Examples
    --------
    >>> short_names(["Q7 How helpful was our staff?", "The price of the service is fair", "Q8"], set())
    {'Q7 How helpful was our staff?': 'Q7', 'The price of the service is fair': 'price service'}
    """
    dull = word_lists()["columns"]["dull"]
    used, found = {*taken, *items}, {}
    for item in items:
        if len(item) <= 24:
            continue
        number = re.match(r"\s*([A-Za-z]{0,3}\d{1,3}[a-z]?)\b", item)
        tail = item.rsplit("[", 1)[-1] if item.endswith("]") else item.rsplit(": ", 1)[-1]
        words = [word for word in re.findall(r"[^\W\d_]+", tail) if word.casefold() not in dull]
        short = number[1] if number and tail == item else " ".join(words[:2])[:20].strip() or "item"
        base, place = short, 2
        while short in used:
            short, place = f"{base} {place}", place + 1
        used.add(short)
        found[item] = short
    return found
