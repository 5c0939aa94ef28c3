"""Guesses about a stranger's file, each to be confirmed: which column is what, which codes mean 'no answer'."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

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

WORDS = frozenset(
    [
        "don't know",
        "dont know",
        "do not know",
        "dk",
        "d/k",
        "don’t know",
        "refused",
        "refusal",
        "no answer",
        "not answered",
        "no opinion",
        "not applicable",
        "not asked",
        "n.a.",
        "n. a.",
        "unknown",
        "prefer not to say",
        "weiß nicht",
        "weiss nicht",
        "keine angabe",
        "k.a.",
        "k. a.",
        "ne sait pas",
        "nsp",
        "no sabe",
        "ns/nc",
        "missing",
        "none given",
        "skipped",
        "-",
        "--",
        ".",
        "?",
        "*",
        "not sure",
        "can't say",
    ]
)
CODES = (
    -9999,
    -999,
    -998,
    -997,
    -99,
    -98,
    -97,
    -96,
    -95,
    -9,
    -8,
    -7,
    -1,
    66,
    77,
    88,
    95,
    96,
    97,
    98,
    99,
    777,
    888,
    995,
    996,
    997,
    998,
    999,
    9999,
    8,
    9,
)
SCALES = ((0, 1), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (0, 10), (1, 10), (1, 9), (0, 100), (1, 100))
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


def suspected_missing(values: pd.Series) -> list[str]:
    """Return texts of a column that probably mean 'no answer': far-off codes such as -99, and words.

    A code counts when it is one of the usual ones and lies outside the other values by more than their span, or is
    negative where they are not; 8 and 9 count beside scales that end at 7 or before.

    Examples
    --------
    >>> suspected_missing(pd.Series(["1", "5", "3", "-99", "don't know"]))
    ["don't know", '-99']
    """
    texts = blank_missing(_as_text(values))
    counts = texts.dropna().value_counts()
    words = [text for text in counts.index if str(text).casefold() in WORDS]
    rest = [text for text in counts.index if text not in words]
    numbers = parse_numbers(pd.Series(rest, dtype=object))
    good = numbers.values.notna().to_numpy()
    if (
        not good.any()
        or counts[[t for t, ok in zip(rest, good, strict=True) if ok]].sum() < 0.8 * counts[rest].sum()
    ):
        return words if words and good.any() else [word for word in words if len(word) > 1]
    found = []
    values_of = {
        float(number): text for number, text, ok in zip(numbers.values, rest, good, strict=True) if ok
    }
    if len(values_of) > 3000:
        return words
    plain = np.array([value for value in values_of if value not in CODES])
    if not len(plain):
        return words
    low, high = plain.min(), plain.max()
    for code in sorted(set(values_of) & set(CODES)):
        if code < 0:
            suspect = low >= 0 or low - code > max(1.0, high - low)
        elif code in (8, 9):
            suspect = high <= 7 and code - high >= 2
        else:
            suspect = code - high > max(1.0, high - low)
        if suspect:
            found.append(values_of[code])
    return words + sorted(found, key=lambda text: float(text.replace(",", ".")))


def scale_of(values: pd.Series, missing: list[str]) -> tuple[float, float] | None:
    """Return the usual rating scale that a column seems to use, None when it is no rating."""
    texts = blank_missing(_as_text(values), missing)
    if not texts.notna().any():
        return None
    parsed = parse_numbers(texts)
    numbers = parsed.values.dropna()
    if parsed.bad.any() or numbers.empty:
        return None
    low, high, distinct = numbers.min(), numbers.max(), numbers.nunique()
    if (numbers % 1 != 0).any() or distinct < 2 or low < 0 or high > 100 or (distinct > 15 and high <= 10):
        return None
    if high > 10 and (distinct < 4 or distinct > 101 or len(numbers) < 2 * distinct or not high > 50):
        return None
    fits = [scale for scale in SCALES if scale[0] <= low and high <= scale[1]]
    usual = [scale for scale in fits if scale != (0, 1)] if high > 1 else fits
    return min(usual, key=lambda scale: (scale[1] - scale[0], scale[0])) if usual else None


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
    guess.reversed = reversed_items(frame, list(items), guess)
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


def short_names(items: list[str], taken: set[str]) -> dict[str, str]:
    """Return short names for items that are whole questions: their number (Q7) or their first telling words.

    Examples
    --------
    >>> short_names(["Q7 How helpful was our staff?", "The price of the service is fair", "Q8"], set())
    {'Q7 How helpful was our staff?': 'Q7', 'The price of the service is fair': 'price service'}
    """
    dull = {
        *[
            "how",
            "what",
            "which",
            "the",
            "a",
            "an",
            "of",
            "is",
            "are",
            "was",
            "were",
            "our",
            "your",
            "you",
            "we",
            "us",
            "to",
            "do",
            "does",
            "did",
            "with",
            "in",
            "on",
            "at",
            "i",
            "my",
            "it",
            "and",
            "that",
            "this",
            "please",
            "rate",
        ]
    }
    used, found = {*taken, *items}, {}
    for item in items:
        if len(item) <= 24:
            continue
        number = re.match(r"\s*([A-Za-z]{0,3}\d{1,3}[a-z]?)\b", item)
        words = [word for word in re.findall(r"[^\W\d_]+", item) if word.casefold() not in dull]
        short = number[1] if number else " ".join(words[:2])[:20].strip() or "item"
        base, place = short, 2
        while short in used:
            short, place = f"{base} {place}", place + 1
        used.add(short)
        found[item] = short
    return found


def reversed_items(frame: pd.DataFrame, items: list[str], guess: Guess | None = None) -> list[str]:
    """Return the items that run against the others: correlation with the mean of the others below -0.2."""
    if len(items) < 3 or len(items) > 400:
        return []
    numbers = pd.DataFrame(
        {
            name: parse_numbers(blank_missing(_as_text(frame[name]), suspected_missing(frame[name]))).values
            for name in items
        }
    )
    spread = numbers.std()
    numbers = numbers.loc[:, spread > 0]
    if numbers.shape[1] < 3 or len(numbers.dropna(how="all")) < 10:
        return []
    standard = (numbers - numbers.mean()) / numbers.std()
    # Turned round by the sign of the first principal direction, so that the majority decides what is up.
    correlation = standard.corr().fillna(0).to_numpy()
    direction = np.linalg.eigh(correlation)[1][:, -1]
    if (direction < 0).sum() > len(direction) / 2:
        direction = -direction
    found = []
    for place, name in enumerate(numbers.columns):
        others = np.sign(direction).copy()
        others[place] = 0
        rest = standard.fillna(0).to_numpy() @ others
        with np.errstate(invalid="ignore"):
            r = np.corrcoef(standard[name].fillna(0), rest)[0, 1]
        if direction[place] < 0 and r < -0.2:
            found.append(str(name))
    return found
