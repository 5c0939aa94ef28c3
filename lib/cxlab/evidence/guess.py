"""Guesses about a stranger's file, each to be confirmed: which column is what, which codes mean 'no answer'."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

import pandas as pd

from .codes import WORDS, suspected_missing
from .items import reversed_items, scale_of, short_names
from .tables.declarations import Column, Table
from .tables.schemas import _as_text
from .values import blank_missing, decimal_evidence, parse_flags, parse_numbers, parse_times

__all__ = [
    "Guess",
    "guess_columns",
    "guess_survey",
    "guess_table",
    "guess_wide",
    "reversed_items",
    "scale_of",
    "short_names",
    "suspected_missing",
]

SIDE_WORDS = {
    "outcome": "loyal|recommend|nps|repurchas|rebuy|renew|likelihood|likely|stay|intent|retention|overall_?sat|cusl|advocacy|leave|churn",
    "product": "product|qualit|range|reliab|equipment|feature|perform|network|design|durab|assortment|goods|perq|fit|material|food|menu",
    "experience": "service|staff|support|help|friend|contact|complaint|advice|deliver|website|app_|onboard|inform|experience|agent|"
    "call|wait|courte|ease|easy|effort|care|hotline|sales|communicat|invoice|responsive",
    "price": "price|value|cost|cheap|fee|tariff|terms|perv|discount|money",
    "brand": "brand|image|trust|reputation|imag|sympath|known",
}
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|januar|februar|märz|mai|juni|juli|okt|dez"
PERIOD = re.compile(
    rf"(?P<stem>.*?)[\s_.-]*(?P<label>(?:19|20)\d\d(?:[-_./]?(?:0[1-9]|1[0-2]|q[1-4]))?|(?:{MONTHS})[a-z]*[\s_.-]*(?:\d\d|\d{{4}})?|"
    r"q[1-4](?:[\s_.-]*(?:19|20)\d\d)?|w(?:ave)?[\s_.-]*\d{1,2}|t\d{1,2}|kw[\s_.-]?\d{1,2})",
    re.IGNORECASE,
)
WIDE = {
    "ratings": ("rater", "statement", "label"),
    "ladder": ("account", "level", "score"),
    "stage_quality": ("customer", "stage", "passed"),
    "kpis": ("organisation", "kpi", "weight"),
}


@dataclass
class Guess:
    """All guesses about one file; each list is in the file's order.

    Attributes
    ----------
    columns : their name -> ours.
    why : our name -> why that column was chosen.
    open : declared, required columns that nothing in the file resembles.
    missing : codes that probably mean 'no answer', everywhere; ``missing_in`` in single columns.
    """

    columns: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    open: list[Column] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    missing_in: dict[str, list[str]] = field(default_factory=dict)
    wide: dict[str, object] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    reversed: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    decimal: str | None = None
    day_first: bool | None = None


def _plain(name: str) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name))
    return re.sub(r"[^0-9a-zäöüß]+", "_", name.casefold()).strip("_")


def guess_columns(frame: pd.DataFrame, table: Table, missing: list[str] | None = None) -> Guess:
    """Match the file's columns to a table's by name, by what others call them, and by what they hold."""
    guess = Guess()
    free = {str(name): _plain(name) for name in frame.columns}
    for level in ("same", "alias", "near"):
        for column in table.columns:
            if column.name in guess.columns.values():
                continue
            match = _match(column, free, frame, level)
            if match:
                guess.columns[match] = column.name
                guess.why[column.name] = {
                    "same": "the same name",
                    "alias": "a usual name for it",
                    "near": "a similar name",
                }[level]
                del free[match]
    for column in table.columns:
        if column.required and column.name not in guess.columns.values():
            fits = [name for name in free if _holds(frame[name], column) and column.kind == "time"]
            if len(fits) == 1:
                guess.columns[fits[0]] = column.name
                guess.why[column.name] = "the only column of dates"
                del free[fits[0]]
            else:
                guess.open.append(column)
    order = {str(name): place for place, name in enumerate(frame.columns)}
    guess.columns = dict(sorted(guess.columns.items(), key=lambda pair: order[pair[0]]))
    return guess


def _match(column: Column, free: dict[str, str], frame: pd.DataFrame, level: str) -> str | None:
    if level == "same":
        found = [name for name, plain in free.items() if plain == column.name]
    elif level == "alias":
        found = [name for alias in column.aliases for name, plain in free.items() if plain == _plain(alias)]
    else:
        close = difflib.get_close_matches(column.name, list(free.values()), n=3, cutoff=0.82)
        found = [name for plain in close for name, other in free.items() if other == plain]
    return next((name for name in found if _holds(frame[name], column)), None)


def _holds(values: pd.Series, column: Column) -> bool:
    """Whether most cells of a column can be read as the kind that is declared."""
    if column.kind in ("id", "text"):
        return not (column.kind == "text" and pd.api.types.is_datetime64_any_dtype(values))
    if column.kind == "time" and pd.api.types.is_datetime64_any_dtype(values):
        return True
    texts = blank_missing(_as_text(values.head(2000)), tuple(WORDS))
    filled = texts.notna().sum()
    if not filled:
        return column.gaps
    if column.kind == "time":
        read = max(
            parse_times(texts).values.notna().sum(),
            parse_times(texts, day_is_first=True).values.notna().sum(),
        )
    elif column.kind == "flag":
        read = filled - parse_flags(texts).bad.sum()
    else:
        read = max(parse_numbers(texts, decimal=mark).values.notna().sum() for mark in ",.")
    return read >= 0.7 * filled


def guess_table(frame: pd.DataFrame, table: Table, delimiter: str = ",") -> Guess:
    """Make all guesses about a file that is to become a table."""
    head = frame.head(50_000)
    guess = guess_survey(head, table) if table.name == "survey" else guess_columns(head, table)
    _guess_missing(head, guess, table)
    if not guess.wide:
        guess.wide = guess_wide(head, table, guess)
        made = {*guess.wide.get("values", {}), guess.wide.get("name")}
        guess.open = [column for column in guess.open if column.name not in made]
    _guess_format(head, guess, table, delimiter)
    return guess


def _guess_missing(frame: pd.DataFrame, guess: Guess, table: Table) -> None:
    kinds = {theirs: table[ours].kind for theirs, ours in guess.columns.items()}
    items = {item for items in [*guess.blocks.values(), *guess.outcomes.values()] for item in items}
    found: dict[str, list[str]] = {}
    for name in frame.columns:
        kind = "number" if name in items else kinds.get(name)
        if kind not in ("number", "whole", "flag", "text"):
            continue
        codes = suspected_missing(frame[name])
        if kind in ("text", "flag"):
            codes = [code for code in codes if code.casefold() in WORDS and len(code) > 1]
        found[name] = codes
    shared = {
        code
        for codes in found.values()
        for code in codes
        if code.casefold() in WORDS
        or abs(float(code.replace(",", "."))) >= 90
        or float(code.replace(",", ".")) < 0
    }
    guess.missing = sorted(shared)
    guess.missing_in = {
        name: rest for name, codes in found.items() if (rest := [c for c in codes if c not in shared])
    }


def _guess_format(frame: pd.DataFrame, guess: Guess, table: Table, delimiter: str) -> None:
    point = comma = either = 0
    for theirs, ours in guess.columns.items():
        if table[ours].kind in ("number", "whole") and not pd.api.types.is_numeric_dtype(frame[theirs]):
            found = decimal_evidence([str(v) for v in blank_missing(frame[theirs]).dropna().unique()[:5000]])
            point, comma, either = point + found[0], comma + found[1], either + found[2]
        if table[ours].kind == "time" and not pd.api.types.is_datetime64_any_dtype(frame[theirs]):
            texts = blank_missing(_as_text(frame[theirs]))
            if "day_first" in parse_times(texts).rule:
                guess.day_first = delimiter == ";"
    if either and not point and not comma and delimiter == ";":
        guess.decimal = ","


def guess_wide(frame: pd.DataFrame, table: Table, guess: Guess) -> dict[str, object]:
    """Guess whether columns such as sat_2025, sat_2026 are rows laid side by side; ``{}`` when they are not."""
    free = [str(name) for name in frame.columns if name not in guess.columns]
    names = table.names
    if "wave" in names and "wave" not in guess.columns.values():
        values: dict[str, dict[str, str]] = {}
        for name in free:
            match = PERIOD.fullmatch(name)
            if match:
                ours = _value_column(match["stem"], table)
                if ours:
                    values.setdefault(ours, {})[match["label"]] = name
        values = {ours: labels for ours, labels in values.items() if len(labels) > 1}
        if values:
            return {"name": "wave", "values": values}
    if table.name in WIDE:
        owner, name, value = WIDE[table.name]
        taken = guess.columns.values()
        columns = [
            c
            for c in free
            if _holds(frame[c], table[value])
            and not PERIOD.fullmatch(c)
            and frame[c].nunique() <= max(20, len(frame) / 2)
        ]
        if owner in taken and name not in taken and value not in taken and len(columns) > 1:
            return {"name": name, "values": {value: {column: column for column in columns}}}
    return {}


def _value_column(stem: str, table: Table) -> str | None:
    plain = _plain(stem)
    for column in table.columns:
        if column.kind == "number" and (
            plain == column.name
            or plain in map(_plain, column.aliases)
            or (len(plain) > 2 and column.name.startswith(plain))
        ):
            return column.name
    return None


def guess_survey(frame: pd.DataFrame, table: Table) -> Guess:
    """Guess a survey: which columns are items, on which side they stand, their scale, which are reversed."""
    guess = guess_columns(frame, table)
    items: dict[str, tuple[float, float]] = {}
    for name in frame.columns:
        if name in guess.columns and guess.columns[name] != "segment":
            continue
        scale = scale_of(frame[name], suspected_missing(frame[name]))
        if (
            scale is not None
            and scale != (0, 1)
            and not re.search(r"(^|_)(age|year|gender|sex|wave|month|alter)($|_)", _plain(name))
        ):
            items[str(name)] = scale
            if guess.columns.get(name) == "segment":
                del guess.columns[name]
    scales = list(items.values())
    if scales:
        covering = max(set(scales), key=lambda scale: (scales.count(scale), scale[1]))
        guess.range = covering
        guess.ranges = {n: s for n, s in items.items() if not (covering[0] <= s[0] and s[1] <= covering[1])}
    blocks: dict[str, list[str]] = {"product": [], "experience": [], "price": [], "brand": [], "other": []}
    for name in items:
        side = next((side for side, words in SIDE_WORDS.items() if re.search(words, _plain(name))), "other")
        if side == "outcome":
            guess.outcomes.setdefault("loyalty", []).append(name)
        else:
            blocks[side].append(name)
    if not guess.outcomes:
        satisfied = [name for name in items if re.search(r"satisf|csat|cusa|zufrieden", _plain(name))]
        if satisfied:
            guess.outcomes["satisfaction"] = satisfied
            blocks = {side: [n for n in names if n not in satisfied] for side, names in blocks.items()}
    guess.blocks = blocks
    guess.reversed = reversed_items(frame, list(items))
    for name in frame.columns:
        if re.search(r"comment|remark|text|note|verbatim|kommentar|bemerkung", _plain(name)):
            continue
        if (
            name not in items
            and name not in guess.columns
            and 2 <= frame[name].nunique() <= 12
            and len(frame) >= 4 * frame[name].nunique()
        ):
            guess.segments.append(str(name))
    if "segment" in guess.columns.values():
        guess.segments.insert(0, next(theirs for theirs, ours in guess.columns.items() if ours == "segment"))
    return guess
