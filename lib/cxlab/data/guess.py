"""Guesses about a stranger's file, with their reasons: what each column is, and what means 'no answer'."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from cxlab.data import values
from cxlab.data.convert import text_sql
from cxlab.data.raw import Raw, connect, texts_relation
from cxlab.data.tables import KINDS, Column, Kind
from cxlab.data.values import hits, missing_codes, number_of, plain, scale_of, word_lists, words_of

if TYPE_CHECKING:
    import pandas as pd

MARK = "# guess: confirm"
ODD_SCALES = ((0, 5), (0, 6), (0, 7))  # the ends may be codes beside a scale from 1
# Columns that tools add about the sending of a form; they are neither answers nor groups of customers.
META = re.compile(
    r"(status|ip_?address|progress|duration(_\w+)?|finished|external_(data_)?reference|distribution_channel|"
    r"user_language|start_?language|last_?page|seed|refurl|collector_id|network_id|stage_date\w*|lang|name|"
    r"time_started|start_?(date|time)\w*|email_?address|custom_data_\d|recipient_\w+|channel|sid|token|q_\w+|"
    r"completion_code|legacy_comments|comments|tags|points\w*|feedback\w*|quiz_\w+|last_modified_time|"
    r"screener|e_?mail|contact_id|response_type|date_modified|\w*interview_time|\w*(group|question)_time\w*)"
)


Cells = Mapping[str, Sequence[str | None]]  # column -> its first cells as texts
Item = tuple[tuple[float, float], dict[str, int]]  # a scale, and the numbers of its answers in words


def sample_of(
    raw: Raw, source: str, names: Sequence[str], rows: int = 5_000
) -> dict[str, Sequence[str | None]]:
    """Return the first cells of columns as texts, blank ones as None."""
    found: dict[str, Sequence[str | None]] = dict.fromkeys(names, ())
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        listed = ", ".join(text_sql(name, raw.types.get(name, "OTHER")) for name in part)
        cells = raw.all(f"select {listed} from {source} limit {rows}")
        found |= dict(zip(part, zip(*cells, strict=True), strict=bool(cells)))
    return found


def fits(texts: Sequence[str | None], column: Column) -> bool:
    """Whether most cells can be read as what is declared."""
    filled = [text for text in texts if text is not None and not values.is_no_answer(text)][:100]
    if column.holds in ("id", "text") or not filled:
        return column.holds in ("id", "text") or column.gaps or not len(texts)
    if column.holds == "time":
        good = readable_times(tuple(filled))
    elif column.holds == "flag":
        good = sum(text.casefold() in (*values.YES, *values.NO) for text in filled)
    else:
        good = sum(number_of(text.replace(" ", "").strip("%$€£")) is not None for text in filled)
    return good >= 0.7 * len(filled)


@lru_cache(maxsize=4096)
def readable_times(texts: tuple[str, ...]) -> int:
    """Return how many texts are times; plain small numbers are none."""
    likely = [text for text in texts if len(text) >= 6 and re.search(r"\d.*\d|\d{8}", text)]
    likely = [text for text in likely if not re.fullmatch(r"[\d.,]{1,7}|\d{1,7}[.,]\d+", text)]
    if 2 * len(likely) < len(texts):
        return 0
    raw = texts_relation(Raw(connect(), "", "", "text"), {"x": likely})
    read = " or ".join(f"({values.time_sql('trim(x)', first)}) is not null" for first in (True, False))
    return raw.all(f"select count_if({read}) from {raw.source}")[0][0]


def item_of(name: str, texts: Sequence[str | None]) -> Item | None:
    """Return an item's scale and the numbers of its answers in words; None when a column is no rating."""
    words = words_of(name)
    dull = hits(words, "columns", "no_rating") and not hits(words, "outcomes", "satisfaction")
    gone = set(missing_codes(texts))
    answers = [
        text for text in texts if text is not None and text not in gone and not values.is_no_answer(text)
    ]
    different = list(dict.fromkeys(answers))
    if dull or META.fullmatch(plain(name)) or not different or len(different) > 200:
        return None
    numbers = [number_of(text) for text in answers]
    if None not in numbers:
        scale = scale_of(numbers)
        return (scale, {}) if scale else None
    ends = {
        text: values.code_of(text) if number_of(text) is None else int(number_of(text)) for text in different
    }
    if None not in ends.values() and len(set(ends.values())) == len(ends):
        scale = scale_of([float(code) for code in ends.values()] * 2)
        codes = {text: code for text, code in ends.items() if number_of(text) is None}
        return (scale, codes) if scale else None
    codes = values.scale_of_words(different)
    return ((1, 7 if max(codes.values()) > 5 else 5), codes) if codes else None


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


@dataclass
class Guess:
    """All guesses about one file, each list in the file's order; ``why`` says how a column was recognised."""

    kind: Kind
    columns: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    open: list[Column] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    missing_in: dict[str, list[str]] = field(default_factory=dict)
    scales: list[tuple[list[str], dict[str, int]]] = field(default_factory=list)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    segments: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    single: dict[str, str] = field(default_factory=dict)  # weights, clusters, date
    decimal: str = ""
    decide: list[str] = field(default_factory=list)

    @property
    def used(self) -> list[str]:
        """The items on a side and in the outcomes."""
        return [name for names in [*self.blocks.values(), *self.outcomes.values()] for name in names]


def kind_of_table(raw: Raw) -> str:
    """Return the kind of table that a file most looks like."""
    cells = sample_of(raw, raw.source, list(raw.types), 300)
    best, most = "survey", 0.0
    items = sum(item_of(name, texts) is not None for name, texts in cells.items())
    for kind in KINDS.values():
        if kind.name == "survey" or kind.beside:
            continue
        columns = _matched(kind, cells)[0]
        score = len(columns) + sum(plain(theirs) == ours for theirs, ours in columns.items()) / 10
        score -= items if kind.name in ("contacts", "visits") else 0
        there, needed = set(columns.values()), not kind.one_of or set(kind.one_of) & set(columns.values())
        if (
            set(kind.required) <= there
            and len(there) >= min(3, len(kind.columns))
            and needed
            and score > most
        ):
            best, most = kind.name, score
    return best


def guess_table(raw: Raw, kind: Kind) -> Guess:
    """Make all guesses about a file that is to become a table."""
    cells = sample_of(raw, raw.source, list(raw.types))
    guess = Guess(kind)
    guess.columns, guess.why = _matched(kind, cells)
    if kind.name == "survey":
        _people(guess, cells)
        _survey(guess, cells, raw.labels)
    _times(guess, cells)
    guess.open = [c for c in kind.columns if c.required and c.name not in guess.columns.values()]
    _missing(guess, cells)
    holds = {theirs: kind[ours].holds for theirs, ours in guess.columns.items()} | dict.fromkeys(
        guess.used, "number"
    )
    numbers = [cells[name] for name, what in holds.items() if what in ("number", "whole")]
    marks = [values.decimal_of(filter(None, texts), raw.delimiter) for texts in numbers]
    guess.decimal = "," if None in marks and "," not in marks else ""
    _decide(guess)
    return guess


def _missing(guess: Guess, cells: Cells) -> None:
    coded, found = {item for items, _ in guess.scales for item in items}, {}
    for name, texts in cells.items():
        item = name in guess.used or name in guess.other
        holds = "number" if item else guess.kind[guess.columns[name]].holds if name in guess.columns else ""
        if holds not in ("number", "whole", "flag", "text") and name not in guess.segments:
            continue
        codes = missing_codes(texts, guess.ranges.get(name, guess.range) if name in guess.used else None)
        if holds not in ("number", "whole") or name in coded:
            codes = [code for code in codes if values.is_no_answer(code) and len(code) > 1]
        found[name] = codes
    shared = Counter(code for codes in found.values() for code in codes if number_of(code) is None)
    guess.missing = sorted(code for code, count in shared.items() if count > 1)
    rest = {name: [code for code in codes if code not in guess.missing] for name, codes in found.items()}
    for name, codes in rest.items():
        stem = re.sub(r"(?<=\D)\d+$|(?<=\d)[A-Za-z]+$", "", name)
        alike = [other for other in cells if other.startswith(stem)]
        same = len(alike) > 2 and all(rest.get(other, codes) in (codes, []) for other in alike)
        if codes:
            guess.missing_in[f"{stem}*" if stem and same and not re.search(r"[*?\[]", stem) else name] = codes


def columns_of(frame: object, kind: str) -> dict[str, str]:
    """Return theirs -> ours for the columns of a DataFrame or ibis table, by name alone."""
    return _matched(KINDS[kind], {str(name): () for name in frame.columns})[0]


def answers_in_words(frame: pd.DataFrame, items: Sequence[str]) -> list[dict[str, object]]:
    """Return the ``scales`` of a mapping for the items of a DataFrame whose answers are words."""
    found = []
    for item in dict.fromkeys(items):
        texts = (
            [] if frame[item].dtype.kind in "iufb" else frame[item].dropna().astype(str).str.strip().unique()
        )
        scale = item_of("", list(texts))
        found += [{"items": [item], "codes": scale[1]}] if scale and scale[1] else []
    return found


def _matched(kind: Kind, cells: Cells) -> tuple[dict[str, str], dict[str, str]]:
    """Match columns to declared ones by name, by what others call them, and by what they hold."""
    columns: dict[str, str] = {}
    why: dict[str, str] = {}
    free = {n: (plain(n), plain(n.rsplit(".", 1)[-1]), plain(n.partition(". ")[0])) for n in cells}
    for said in ("the same name", "a usual name for it"):
        for column in kind.columns:
            if column.name in columns.values():
                continue
            wanted = [column.name] if said == "the same name" else [plain(alias) for alias in column.aliases]
            found = (name for alias in wanted for at in (0, 1, 2) for name in free if free[name][at] == alias)
            match = next((name for name in found if fits(cells[name], column)), None)
            if match is not None:
                columns[match], why[column.name] = column.name, said
                del free[match]
    for column in kind.columns:
        if column.required and column.holds == "time" and column.name not in columns.values():
            alone = [name for name in free if cells[name] and fits(cells[name], column)]
            if len(alone) == 1:
                columns[alone[0]], why[column.name] = column.name, "the only column of times"
    return {name: columns[name] for name in cells if name in columns}, why


def _times(guess: Guess, cells: Cells) -> None:
    """Guess whether a date and a time of day stand apart, and where day and month could change places."""
    clock = re.compile(r"\s*\d{1,2}:\d\d(:\d\d(\.\d+)?)?(\s*[AaPp][Mm])?\s*")
    called = ("time", "hour", "uhrzeit", "zeit", "heure", "hora", "tijd", "event_time", "time_of_day")
    for theirs, ours in list(guess.columns.items()):
        if guess.kind[ours].holds != "time":
            continue
        texts = [text for text in cells[theirs] if text]
        clocks = [name for name in cells if name not in guess.columns and plain(name) in called]
        clocks = [name for name in clocks if all(clock.fullmatch(text or "0:00") for text in cells[name])]
        if clocks and not any(":" in text for text in texts[:200]):
            joined = f"{theirs} + {clocks[0]}"
            guess.columns = {(joined if name == theirs else name): to for name, to in guess.columns.items()}
            guess.why[ours] = "a date beside a time of day"
        odd = next((text for text in texts if values.is_slashed(text)), None)
        if odd and values.day_first_of(texts) is None:
            guess.decide.append(f"column {theirs!r}: {odd!r} may be day or month first: see day_first:")


def _survey(guess: Guess, cells: Cells, labels: Mapping[str, str]) -> None:
    """Guess which columns are items, their sides, what is the outcome, and which groups there are."""
    taken = {name for name, ours in guess.columns.items() if ours != "segment"}
    taken |= set(guess.single.values())
    items: dict[str, tuple[float, float]] = {}
    guess.blocks = {side: [] for side in word_lists()["sides"]}
    for name, texts in cells.items():
        label = labels.get(name, "")
        found, outcome = item_of(name, texts), _outcome(name, label)
        different = {text.casefold(): text for text in texts if text}
        if found is None and outcome and len(different) == 2 and set(different) <= {*values.YES, *values.NO}:
            codes = {text: int(word in values.YES) for word, text in different.items()}
            found = ((0, 1), {} if {"0", "1"} >= set(different) else codes)
        if found is None or name in taken:
            continue
        items[name], codes = found
        guess.columns.pop(name, None)
        if codes:
            _same_words(guess, name, codes)
        # An outcome is the mean of items on one scale only: others become outcomes of their own.
        if outcome in guess.outcomes and items[guess.outcomes[outcome][0]] != items[name]:
            outcome = f"{outcome} {name}"[:40]
        if outcome:
            guess.outcomes.setdefault(outcome, []).append(name)
        else:
            guess.blocks.get(_side(name, label), guess.other).append(name)
    asked = [
        n for n in items if re.search("satisf|zufrieden|tevreden", n.casefold()) and len(words_of(n)) < 3
    ]
    if not guess.outcomes and asked:
        guess.outcomes = {"satisfaction": asked[:1]}
        guess.blocks = {side: [n for n in names if n != asked[0]] for side, names in guess.blocks.items()}
    counted = Counter(items[name] for name in guess.used or guess.other)
    guess.range = max(counted, key=lambda scale: (counted[scale], scale[1]), default=None)
    guess.ranges = {name: items[name] for name in guess.used if items[name] != guess.range}
    mapped = [theirs for theirs, ours in guess.columns.items() if ours == "segment"]
    rest = [name for name in cells if name not in items and name not in taken and name not in mapped]
    guess.segments = [*mapped, *(name for name in rest if _group(name, cells[name]))][:12]
    guess.texts = [name for name in rest if not META.fullmatch(plain(name)) and _is_open(cells[name])][:5]


def _same_words(guess: Guess, name: str, codes: dict[str, int]) -> None:
    for items, known in guess.scales:
        if known.keys() & codes.keys() and all(known.get(text, code) == code for text, code in codes.items()):
            items.append(name)
            known.update(codes)
            return
    guess.scales.append(([name], dict(codes)))


def _people(guess: Guess, cells: Cells) -> None:
    """Find weights, the day of the answer, and who gave several rows."""
    repeats = {
        name: len(set(texts) - {None}) < len([text for text in texts if text])
        for name, texts in cells.items()
    }
    for theirs, ours in list(guess.columns.items()):
        if ours == "cluster" or (ours == "respondent" and repeats[theirs]):
            del guess.columns[theirs]
            guess.single["clusters"] = theirs
        elif ours in ("weight", "date"):
            guess.single["weights" if ours == "weight" else "date"] = theirs
    known = {plain(alias) for alias in KINDS["events"]["customer_id"].aliases}
    for name in [name for name in cells if name not in guess.columns and plain(name) in known][:1]:
        if len(set(cells[name])) > 1 and repeats[name] and not item_of(name, cells[name]):
            guess.single.setdefault("clusters", name)
    guess.why["clusters"] = "who answers stands on several rows"


def _outcome(name: str, label: str) -> str:
    words, said = words_of(name), words_of(label or name)
    for outcome in word_lists()["outcomes"]:
        weak = outcome == "satisfaction"
        if hits(words, "outcomes", outcome) and not (weak and (len(words) > 4 or hits(words, "sides"))):
            return outcome
        if not weak and hits(said, "outcomes", outcome):
            return outcome
    asked = re.search("satisf|zufrieden|tevreden|experience|rate", label or name, re.I)
    return "satisfaction" if asked and hits(said, "columns", "overall") else ""


def _side(name: str, label: str) -> str:
    words = [*words_of(name), *words_of(label)]
    count = {side: hits(words, "sides", side) for side in word_lists()["sides"]}
    if count["expectation"]:  # whatever was expected, it is not what was got
        return "expectation"
    best = max(count, key=count.get)
    return best if count[best] and list(count.values()).count(count[best]) == 1 else ""


def _is_open(texts: Sequence[str | None]) -> bool:
    filled = [text for text in texts if text]
    return (
        len(filled) >= 10
        and len(set(filled)) > 0.5 * len(filled)
        and sum(map(len, filled)) > 25 * len(filled)
    )


def _group(name: str, texts: Sequence[str | None]) -> bool:
    """Whether a column parts respondents into a few groups; multiple answers and remarks do not."""
    filled = [text for text in texts if text is not None]
    different = set(filled)
    if META.fullmatch(plain(name)) or hits(words_of(name), "columns", "remarks"):
        return False
    if not 2 <= len(different) <= 12 or len(filled) < 4 * len(different) or max(map(len, different)) > 60:
        return False
    pieces = {piece.strip() for text in different for piece in re.split(r"[;|]|, ", text)}
    several = sum(bool(re.search(r"[;|]|, ", text)) for text in filled) > 0.1 * len(filled)
    numeric = sum(number_of(text) is not None for text in filled) > 0.5 * len(filled)
    if several and len(pieces) < 2 * len(different):
        return False
    return not numeric or bool(hits(words_of(name), "columns", "groups"))


def _decide(guess: Guess) -> None:
    """Say what only the owner can decide, the most important first, in at most five lines."""
    say = [f"no column looks like {column.name!r} ({column.description}); map one" for column in guess.open]
    survey = guess.kind.name == "survey"
    empty = [side for side in ("product", "experience") if survey and not guess.blocks.get(side)]
    codes = dict.fromkeys(code for codes in [guess.missing, *guess.missing_in.values()] for code in codes)
    if survey and not guess.outcomes:
        say.append("which column is the outcome? name it under outcomes:")
    if empty:
        say.append(f"which items speak of the {' and of the '.join(empty)}? name them in blocks:")
    if guess.other:
        say.append(f"{len(guess.other)} more column(s) look like items: name them in blocks: or leave them")
    if guess.scales:
        say.append("answers in words became numbers: look at scales:")
    if guess.range in ODD_SCALES:
        say.append(f"are 0 and {guess.range[1]} answers, or 'not used'? see range: and missing_in:")
    if codes:
        say.append(f"do {', '.join(repr(code) for code in list(codes)[:4])} mean 'no answer'?")
    if guess.decimal:
        say.append("1.234 may be thousands or a decimal point; decimal: ',' is assumed")
    guess.decide = [*guess.decide, *say][:5]
