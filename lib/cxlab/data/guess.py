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
from cxlab.data.raw import Raw, connect
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
_CLOCK = re.compile(r"\s*\d{1,2}:\d\d(:\d\d(\.\d+)?)?(\s*[AaPp][Mm])?\s*")
_CLOCK_NAMES = ("time", "hour", "uhrzeit", "zeit", "heure", "hora", "tijd", "event_time", "time_of_day")
_ASKED = re.compile("satisf|zufrieden|tevreden", re.I)

Texts = Sequence[str | None]
Cells = Mapping[str, Texts]  # column -> its first cells as texts
Item = tuple[tuple[float, float], dict[str, int]]  # a scale, and the numbers of its answers in words


def sample_of(raw: Raw, source: str, names: Sequence[str], rows: int = 5_000) -> dict[str, Texts]:
    """Return the first cells of columns as texts, blank ones as None."""
    listed = ", ".join(text_sql(name, raw.types.get(name, "OTHER")) for name in names)
    cells = raw.all(f"select {listed} from {source} limit {rows}") if names else []
    return dict.fromkeys(names, ()) | dict(zip(names, zip(*cells, strict=True), strict=bool(cells)))


def fits(texts: Texts, column: Column) -> bool:
    """Whether most cells can be read as what is declared."""
    filled = [text for text in texts if text is not None and not values.is_no_answer(text)][:100]
    if column.holds in ("id", "text"):
        return True
    if not filled:
        return column.gaps or not len(texts)
    return _readable(tuple(filled), column.holds) >= 0.7 * len(filled)


@lru_cache(maxsize=4096)
def _readable(texts: tuple[str, ...], holds: str) -> int:
    """Return how many texts can be read as what a column holds; plain small numbers are no times."""
    reads = [values.number_sql("x"), values.number_sql("x", ",")]
    if holds == "flag":
        reads = [values.flag_sql("x")]
    elif holds == "time":
        reads = [values.time_sql("x", first) for first in (True, False)]
        likely = [text for text in texts if len(text) >= 6 and re.search(r"\d.*\d|\d{8}", text)]
        likely = [text for text in likely if not re.fullmatch(r"[\d.,]{1,7}|\d{1,7}[.,]\d+", text)]
        if 2 * len(likely) < len(texts):
            return 0
        texts = likely
    read = " or ".join(f"({sql}) is not null" for sql in reads)
    query = f"select count_if({read}) from (select trim(unnest(?::varchar[])) as x)"
    return connect().execute(query, [texts]).fetchall()[0][0]


def item_of(name: str, texts: Texts) -> Item | None:
    """Return an item's scale and the numbers of its answers in words; None when a column is no rating."""
    gone = {None, *missing_codes(texts)}
    answers = [text for text in texts if text not in gone and not values.is_no_answer(text)]
    different = list(dict.fromkeys(answers))
    dull = hits(name, "columns", "no_rating") and not hits(name, "outcomes", "satisfaction")
    if dull or META.fullmatch(plain(name)) or not 0 < len(different) <= 200:
        return None
    numbers = {text: number_of(text) for text in different}
    if None not in numbers.values():
        scale, codes = scale_of([numbers[text] for text in answers]), {}
    else:
        codes = {text: values.code_of(text) for text in different if numbers[text] is None}
        ends = [codes.get(text, number) for text, number in numbers.items()]
        scale = None
        if None not in ends and len(set(map(int, ends))) == len(ends):
            scale = scale_of([float(int(code)) for code in ends] * 2)
        elif codes := values.scale_of_words(different):
            scale = (1, 7 if max(codes.values()) > 5 else 5)
    return (scale, codes) if scale else None


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
    cells, scores = sample_of(raw, raw.source, list(raw.types), 300), {"survey": 0.0}
    items = sum(item_of(name, texts) is not None for name, texts in cells.items())
    for kind in KINDS.values():
        columns = _matched(kind, cells)[0]
        there = set(columns.values())
        needed = {column.name for column in kind.columns if column.required}
        enough = needed <= there and len(there) >= min(3, len(kind.columns))
        if enough and kind.name != "survey" and not kind.beside and there & set(kind.one_of or there):
            same = sum(plain(theirs) == ours for theirs, ours in columns.items())
            answers = items if kind.name in ("contacts", "visits") else 0
            scores[kind.name] = len(columns) + same / 10 - answers
    return max(scores, key=scores.get)


def guess_table(raw: Raw, kind: Kind) -> Guess:
    """Make all guesses about a file that is to become a table."""
    cells, guess = sample_of(raw, raw.source, list(raw.types)), Guess(kind)
    guess.columns, guess.why = _matched(kind, cells)
    if kind.name == "survey":
        _people(guess, cells)
        _survey(guess, cells, raw.labels)
    _times(guess, cells)
    guess.open = [c for c in kind.columns if c.required and c.name not in guess.columns.values()]
    holds = {theirs: kind[ours].holds for theirs, ours in guess.columns.items()}
    holds |= dict.fromkeys(guess.used, "number")
    _missing(guess, cells, holds | dict.fromkeys(guess.other, "number"))
    numbers = [name for name, what in holds.items() if what in ("number", "whole")]
    marks = [values.decimal_of(filter(None, cells[name]), raw.delimiter) for name in numbers]
    guess.decimal = "," if None in marks and "," not in marks else ""
    _decide(guess)
    return guess


def _missing(guess: Guess, cells: Cells, holds: Mapping[str, str]) -> None:
    """Find what means 'no answer': words of several columns for all, other codes where they stand."""
    coded, found = {item for items, _ in guess.scales for item in items}, {}
    for name, texts in cells.items():
        what = holds.get(name, "text" if name in guess.segments else "")
        if what in ("number", "whole", "flag", "text"):
            codes = missing_codes(texts, guess.ranges.get(name, guess.range) if name in guess.used else None)
            if what not in ("number", "whole") or name in coded:
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
    cells = {item: frame[item].dropna() for item in items if frame[item].dtype.kind not in "iufb"}
    found = {item: item_of("", [*texts.astype(str).str.strip().unique()]) for item, texts in cells.items()}
    return [{"items": [item], "codes": scale[1]} for item, scale in found.items() if scale and scale[1]]


def _matched(kind: Kind, cells: Cells) -> tuple[dict[str, str], dict[str, str]]:
    """Match columns to declared ones by name, by what others call them, and by what they hold."""
    columns: dict[str, str] = {}
    why: dict[str, str] = {}
    free = {n: (plain(n), plain(n.rsplit(".", 1)[-1]), plain(n.partition(". ")[0])) for n in cells}
    for said in ("the same name", "a usual name for it"):
        for column in kind.columns:
            if column.name in why:
                continue
            wanted = [column.name] if said == "the same name" else map(plain, column.aliases.split())
            found = (name for alias in wanted for at in (0, 1, 2) for name in free if free[name][at] == alias)
            match = next((name for name in found if fits(cells[name], column)), None)
            if match is not None:
                columns[match], why[column.name] = column.name, said
                del free[match]
    for column in kind.columns:
        if column.required and column.holds == "time" and column.name not in why:
            alone = [name for name in free if cells[name] and fits(cells[name], column)]
            if len(alone) == 1:
                columns[alone[0]], why[column.name] = column.name, "the only column of times"
    return {name: columns[name] for name in cells if name in columns}, why


def _times(guess: Guess, cells: Cells) -> None:
    """Guess whether a date and a time of day stand apart, and where day and month could change places."""
    clocks = [name for name in cells if name not in guess.columns and plain(name) in _CLOCK_NAMES]
    clocks = [name for name in clocks if all(_CLOCK.fullmatch(text or "0:00") for text in cells[name])]
    for theirs, ours in list(guess.columns.items()):
        texts = [text for text in cells[theirs] if text] if guess.kind[ours].holds == "time" else []
        if texts and clocks and not any(":" in text for text in texts[:200]):
            joined = f"{theirs} + {clocks[0]}"
            guess.columns = {(joined if name == theirs else name): to for name, to in guess.columns.items()}
            guess.why[ours] = "a date beside a time of day"
        odd = next(filter(values.is_slashed, texts), None)
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
        outcome = _outcome(name, label)
        found = item_of(name, texts) or (outcome and _yes_or_no(texts))
        if not found or name in taken:
            continue
        items[name], codes = found
        guess.columns.pop(name, None)
        if codes:
            _same_words(guess, name, codes)
        # An outcome is the mean of items on one scale only, or the column of its name: others become outcomes
        # of their own.
        other = outcome in guess.outcomes and items[guess.outcomes[outcome][0]] != items[name]
        if other or (outcome in cells and outcome != name):
            outcome = f"{outcome} {name}"[:40]
        if outcome:
            guess.outcomes.setdefault(outcome, []).append(name)
        else:
            guess.blocks.get(_side(name, label), guess.other).append(name)
    asked = [name for name in items if _ASKED.search(name) and len(words_of(name)) < 3]
    if not guess.outcomes and asked:
        guess.outcomes = {"satisfaction": asked[:1]}
        guess.blocks = {side: [n for n in names if n != asked[0]] for side, names in guess.blocks.items()}
    counted = Counter(items[name] for name in guess.used or guess.other)
    guess.range = max(counted, key=lambda scale: (counted[scale], scale[1]), default=None)
    guess.ranges = {name: items[name] for name in guess.used if items[name] != guess.range}
    mapped = [theirs for theirs, ours in guess.columns.items() if ours == "segment"]
    rest = [name for name in cells if name not in {*items, *taken, *mapped}]
    rest = [name for name in rest if not META.fullmatch(plain(name))]
    guess.segments = [*mapped, *(name for name in rest if _is_group(name, cells[name]))][:12]
    guess.texts = [name for name in rest if _is_open(cells[name])][:5]


def _yes_or_no(texts: Texts) -> Item | None:
    different = {text.casefold(): text for text in texts if text}
    if len(different) != 2 or not set(different) <= {*values.YES, *values.NO}:
        return None
    codes = {text: int(word in values.YES) for word, text in different.items()}
    return (0, 1), {} if set(different) == {"0", "1"} else codes


def _same_words(guess: Guess, name: str, codes: dict[str, int]) -> None:
    """Add an item to a scale whose words do not contradict its own, or begin a new one."""
    for items, known in guess.scales:
        if known.keys() & codes.keys() and all(known.get(text, code) == code for text, code in codes.items()):
            items.append(name)
            known.update(codes)
            return
    guess.scales.append(([name], dict(codes)))


def _people(guess: Guess, cells: Cells) -> None:
    """Find weights, the day of the answer, and who gave several rows."""

    def repeats(name: str) -> bool:
        filled = [text for text in cells[name] if text]
        return len(set(filled)) < len(filled)

    for theirs, ours in list(guess.columns.items()):
        if ours == "cluster" or (ours == "respondent" and repeats(theirs)):
            del guess.columns[theirs]
            guess.single["clusters"] = theirs
        elif ours in ("weight", "date"):
            guess.single["weights" if ours == "weight" else "date"] = theirs
    known = {plain(alias) for alias in KINDS["events"]["customer_id"].aliases.split()}
    for name in [name for name in cells if name not in guess.columns and plain(name) in known][:1]:
        if len(set(cells[name])) > 1 and repeats(name) and not item_of(name, cells[name]):
            guess.single.setdefault("clusters", name)
    guess.why["clusters"] = "who answers stands on several rows"


def _outcome(name: str, label: str) -> str:
    """Return the outcome that a column's name or text speaks of; satisfaction only in a short name."""
    short = len(words_of(name)) <= 4 and not hits(name, "sides")
    for outcome in word_lists()["outcomes"]:
        text = f"{name} {label}" if outcome != "satisfaction" else name if short else ""
        if hits(text, "outcomes", outcome):
            return outcome
    asked = re.search(f"{_ASKED.pattern}|experience|rate", label or name, re.I)
    return "satisfaction" if asked and hits(label or name, "columns", "overall") else ""


def _side(name: str, label: str) -> str:
    count = {side: hits(f"{name} {label}", "sides", side) for side in word_lists()["sides"]}
    if count["expectation"]:  # whatever was expected, it is not what was got
        return "expectation"
    best = max(count, key=count.get)
    return best if count[best] and list(count.values()).count(count[best]) == 1 else ""


def _is_open(texts: Texts) -> bool:
    """Whether a column holds open answers: many, different and long."""
    filled = [text for text in texts if text]
    many, different = len(filled) >= 10, len(set(filled)) > 0.5 * len(filled)
    return many and different and sum(map(len, filled)) > 25 * len(filled)


def _is_group(name: str, texts: Texts) -> bool:
    """Whether a column parts respondents into a few groups; multiple answers and remarks do not."""
    filled = [text for text in texts if text is not None]
    different, parts = set(filled), [re.split(r"[;|]|, ", text) for text in filled]
    few = 2 <= len(different) <= 12 and len(filled) >= 4 * len(different)
    if not few or max(map(len, different)) > 60 or hits(name, "columns", "remarks"):
        return False
    pieces = {piece.strip() for part in parts for piece in part}
    several = sum(len(part) > 1 for part in parts) > 0.1 * len(filled) and len(pieces) < 2 * len(different)
    numeric = sum(number_of(text) is not None for text in filled) > 0.5 * len(filled)
    return not several and (not numeric or hits(name, "columns", "groups") > 0)


def _decide(guess: Guess) -> None:
    """Say what only the owner can decide, the most important first, in at most five lines."""
    survey = guess.kind.name == "survey"
    empty = [side for side in ("product", "experience") if survey and not guess.blocks.get(side)]
    codes = [code for codes in [guess.missing, *guess.missing_in.values()] for code in codes]
    shown = ", ".join(map(repr, list(dict.fromkeys(codes))[:4]))
    questions = {
        "which column is the outcome? name it under outcomes:": survey and not guess.outcomes,
        f"which items speak of the {' and of the '.join(empty)}? name them in blocks:": empty,
        f"{len(guess.other)} more column(s) look like items: name them in blocks: or leave them": guess.other,
        "answers in words became numbers: look at scales:": guess.scales,
        f"are 0 and {(guess.range or [0])[-1]} answers, or 'not used'? see range: and missing_in:":
            guess.range in ODD_SCALES,
        f"do {shown} mean 'no answer'?": codes,
        "1.234 may be thousands or a decimal point; decimal: ',' is assumed": guess.decimal,
    }  # fmt: skip
    lines = [f"no column looks like {column.name!r} ({column.description}); map one" for column in guess.open]
    guess.decide = [*guess.decide, *lines, *(line for line, asked in questions.items() if asked)][:5]
