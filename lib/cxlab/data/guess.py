"""Guesses about a stranger's file, each with its reason and to be confirmed: which column is what, which codes are none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from cxlab.data import values
from cxlab.data.convert import text_sql
from cxlab.data.read import Raw, connect, texts_relation
from cxlab.data.shapes import META
from cxlab.data.tables import KINDS, Column, Kind

if TYPE_CHECKING:
    import pandas as pd

MARK = "# guess: confirm"
SCALES = (
    (0, 2),
    (0, 3),
    (0, 4),
    (0, 5),
    (0, 6),
    (0, 7),
    (1, 3),
    (1, 4),
    (1, 5),
    (1, 6),
    (1, 7),
    (0, 10),
    (1, 10),
    (1, 9),
    (0, 100),
    (1, 100),
)
CODES = (-9999, -999, -998, -997, -99, -98, -97, -96, -95, -9, -8, -7, -1, 66, 77, 88, 95, 96, 97, 98, 99, 777, 888, 995,
         996, 997, 998, 999, 9999, 8, 9, 11)  # fmt: skip
# Whole words, with the usual endings, in the languages of data/scales.toml.
_ENDING = r"(?:s|es|ed|d|ing|er|ly|e|n|en|r|es|ness|al|ance|ability|ful|fulness|eit)?"
_OUTCOMES = {
    "recommendation": "recommend|recommendation|nps|netpro|promoter|advocacy|empfehl|weiterempfehl|weiterempfehlung|"
    "empfehlung|recommander|recommandation|recomendaría|recomendar|aanbeveling|aanbevelen",
    "loyalty": "loyal|loyalty|loy|cusl|repurchase|rebuy|renew|renewal|retention|retain|stay|remain|intention|treue|wiederkauf|"
    "fidélité|lealtad|loyaliteit|buy again|purchase again|come back|return",
    "churn": "churn|churned|cancelled|leave|left|kündigung|quit",
    "satisfaction": "csat|overall|cusa|zufriedenheit|gesamtzufriedenheit|satisfaction|satisfacción|tevredenheid|insgesamt|"
    "all|rating|gesamt|global",
}
_SIDES = {
    "product": "product|qualit|quality|range|reliab|reliable|reliability|equipment|feature|perform|performance|network|design|"
    "durab|durable|durability|assortment|goods|material|food|menu|taste|works|fault|wifi|store|art|cabin|meal|hardware|software|"
    "funktion|qualität|sortiment|produkt|zuverlässig|zuverlässigkeit|auswahl|produit|qualité|gamme|fiabilité|producto|calidad|"
    "variedad|kwaliteit|aanbod|speed|accuracy",
    "experience": "service|staff|support|help|helpful|friend|friendly|contact|complaint|advice|deliver|delivery|website|app|"
    "onboard|onboarding|inform|information|experience|agent|call|wait|waiting|courte|courtesy|courteous|ease|easy|effort|care|"
    "hotline|communicat|communication|invoice|billing|responsive|response|checkin|check|signs|sign|screens|restroom|boarding|"
    "cleanliness|clean|security|safe|crew|booking|mitarbeiter|beratung|freundlich|freundlichkeit|lieferung|reklamation|"
    "wartezeit|personal|accueil|personnel|livraison|conseil|attente|personal|atención|entrega|amabilidad|medewerkers|levering|"
    "bediening|passthru|find",
    "price": "price|pricing|value|cost|cheap|fee|tariff|terms|discount|money|preis|preise|prix|precio|prijs|kosten",
    "brand": "brand|image|trust|reputation|sympath|known|marke|vertrauen|marque|confiance|marca|confianza|merk|vertrouwen",
}
_GROUPS = "age|gender|sex|region|country|tier|segment|plan|tariff|industry|branch|income|size|type|channel|city|state|department|"
_GROUPS += "alter|geschlecht|land|branche|tarif|abo|âge|sexe|pays|edad|sexo|país|leeftijd|geslacht|method|lang|language|cohort|wave"
_NO_ITEM = "age|year|gender|sex|wave|month|alter|income|zip|plz|count|number|duration|price|amount|hour|day|week|times|visits|id"


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
    reversed: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    single: dict[str, str] = field(default_factory=dict)  # weights, clusters, date
    wide: dict[str, object] = field(default_factory=dict)
    decimal: str = ""
    decide: list[str] = field(default_factory=list)

    @property
    def used(self) -> list[str]:
        """The items on a side and in the outcomes."""
        return [name for names in [*self.blocks.values(), *self.outcomes.values()] for name in names]


def words_of(name: str) -> list[str]:
    """Return the words of a column's name or text: 'onTime_Q1FOOD' is on, time, q1, food."""
    apart = re.sub(r"(?<=[a-zäöü])(?=[A-Z])|(?<=\d)(?=[A-Za-z]{3,})", " ", name)
    return re.findall(r"[^\W_]+", apart.casefold())


def _hits(words: Sequence[str], listed: str) -> int:
    return len(re.findall(rf"(?<= )(?:{listed}){_ENDING}\d*(?= )", f" {'  '.join(words)} "))


def plain(name: str) -> str:
    """Return a name as aliases are written."""
    return "_".join(words_of(re.sub(r"\((utc|gmt)[^)]*\)", "", name.casefold() if name.isupper() else name)))


def number_of(text: str | None) -> float | None:
    """Return a plain number, also with a decimal comma; None for anything else."""
    match = re.fullmatch(r"\s*([+-]?\d+)(?:[.,](\d*))?\s*", text or "")
    return float(f"{match[1]}.{match[2] or 0}") if match else None


def sample_of(
    raw: Raw, source: str, names: Sequence[str], rows: int = 5_000
) -> dict[str, Sequence[str | None]]:
    """Return the first cells of columns as texts, blank ones as None."""
    found: dict[str, Sequence[str | None]] = {}
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        listed = ", ".join(text_sql(name, raw.types.get(name, "OTHER")) for name in part)
        cells = raw.all(f"select {listed} from {source} limit {rows}")
        found |= dict(zip(part, zip(*cells, strict=True), strict=True)) if cells else dict.fromkeys(part, ())
    return found


def missing_codes(texts: Iterable[str | None], bounds: tuple[float, float] | None = None) -> list[str]:
    """Return what of a column probably means 'no answer': words among numbers, and codes that can be no answer.

    A code counts when it is one of the usual ones and lies outside the other values by more than their span, or is
    negative where they are not; 8 and 9 count beside scales that end at 5, 11 beside 0 to 10.

    Examples
    --------
    >>> missing_codes(["1", "5", "3", "-99", "don't know"])
    ["don't know", '-99']
    """
    counts = Counter(text for text in texts if text is not None)
    numbers = {text: number for text in counts if (number := number_of(text)) is not None}
    words = [text for text in counts if text not in numbers]
    known = [word for word in words if word.casefold() in values.NO_ANSWER and (numbers or len(word) > 1)]
    mostly = sum(counts[text] for text in numbers) >= 0.5 * counts.total() and len(words) <= 3
    if numbers and mostly and not any(values.code_of(word) is not None for word in words):
        known = words
    others = [n for n in numbers.values() if n not in CODES or (bounds and bounds[0] <= n <= bounds[1])]
    if not others or len(numbers) > 3_000:
        return known
    low, high = min(others), max(others)
    ten = {0, 10} & set(numbers.values())
    for text, code in sorted(numbers.items(), key=lambda pair: pair[1]):
        if code not in CODES or (bounds and bounds[0] <= code <= bounds[1]):
            continue
        if code < 0:
            suspect = low >= 0 or low - code > max(1.0, high - low)
        elif code in (8, 9):
            suspect = 1 <= low and high <= 5 and not ten
        elif code == 11:
            suspect = high == 10 and len(others) >= 5
        else:
            suspect = code - high > max(1.0, high - low)
        known += [text] if suspect else []
    return known


def scale_of(numbers: Sequence[float]) -> tuple[float, float] | None:
    """Return the usual rating scale that numbers seem to use, None when they are no ratings."""
    different = set(numbers)
    if len(different) < 2:
        return None
    low, high = min(different), max(different)
    whole = all(number % 1 == 0 for number in different)
    if (
        low < 0
        or high > 100
        or high <= 1
        or (high > 10 and not whole)
        or (whole and len(different) > 15 and high <= 10)
    ):
        return None
    if high > 10 and (high <= 50 or not 4 <= len(different) <= 101 or len(numbers) < 2 * len(different)):
        return None
    fits = [scale for scale in SCALES if scale[0] <= low and high <= scale[1]]
    return min(fits, key=lambda scale: (scale[1] - scale[0], scale[0]), default=None)


def reversed_items(frame: pd.DataFrame, items: Sequence[str]) -> list[str]:
    """Return the items that run against the others: correlation with the mean of the others below -0.2."""
    import numpy as np

    numbers = frame[list(items)]
    numbers = numbers.loc[:, numbers.std() > 0]
    if not 3 <= numbers.shape[1] <= 400 or len(numbers.dropna(how="all")) < 10:
        return []
    standard = ((numbers - numbers.mean()) / numbers.std()).fillna(0).to_numpy()
    # Turned round by the sign of the first principal direction, so that the majority decides what is up.
    direction = np.linalg.eigh(numbers.corr().fillna(0).to_numpy())[1][:, -1]
    direction = -direction if (direction < 0).sum() > len(direction) / 2 else direction
    against = []
    for place, name in enumerate(numbers.columns):
        others = np.sign(direction)
        others[place] = 0
        with np.errstate(invalid="ignore"):
            r = np.corrcoef(standard[:, place], standard @ others)[0, 1]
        if direction[place] < 0 and r < -0.2:
            against.append(str(name))
    return against


def kind_of_table(raw: Raw) -> str:
    """Return the kind of table that a file most looks like."""
    cells = sample_of(raw, raw.source, list(raw.types), 300)
    best, most = "survey", 0.0
    items = sum(_item(name, texts) is not None for name, texts in cells.items())
    for kind in KINDS.values():
        if kind.name == "survey" or kind.beside:
            continue
        columns = _matched(kind, cells)[0]
        score = len(columns) + sum(plain(theirs) == ours for theirs, ours in columns.items()) / 10
        score -= items if kind.name in ("contacts", "visits") else 0
        enough = set(kind.required) <= set(columns.values()) and len(columns) >= min(3, len(kind.columns))
        if enough and (not kind.one_of or set(kind.one_of) & set(columns.values())) and score > most:
            best, most = kind.name, score
    return best


def guess_table(raw: Raw, kind: Kind) -> Guess:
    """Make all guesses about a file that is to become a table."""
    cells = sample_of(raw, raw.source, list(raw.types))
    guess = Guess(kind)
    guess.columns, guess.why = _matched(kind, cells)
    if kind.name == "survey":
        _survey(guess, cells, raw.labels)
    _times(guess, cells)
    _wide(guess, cells)
    made = {*guess.columns.values(), *guess.wide.get("values", {}), guess.wide.get("name")}
    guess.open = [column for column in kind.columns if column.required and column.name not in made]
    _missing(guess, cells)
    holds = {theirs: kind[ours].holds for theirs, ours in guess.columns.items()} | dict.fromkeys(
        guess.used, "number"
    )
    numbers = [name for name, what in holds.items() if what in ("number", "whole")]
    marks = [values.decimal_of(filter(None, cells[name]), raw.delimiter) for name in numbers]
    if None in marks and "," not in marks:
        guess.decimal = ","
    _decide(guess)
    return guess


def _missing(guess: Guess, cells: dict[str, Sequence[str | None]]) -> None:
    coded = {item for items, _ in guess.scales for item in items}
    found = {}
    for name, texts in cells.items():
        item = name in guess.used or name in guess.other
        holds = "number" if item else guess.kind[guess.columns[name]].holds if name in guess.columns else ""
        if holds in ("number", "whole", "flag", "text") or name in guess.segments:
            codes = missing_codes(texts, guess.ranges.get(name, guess.range) if name in guess.used else None)
            if holds not in ("number", "whole") or name in coded:
                codes = [code for code in codes if code.casefold() in values.NO_ANSWER and len(code) > 1]
            found |= {name: codes} if codes else {}
    shared = Counter(code for codes in found.values() for code in codes if number_of(code) is None)
    guess.missing = sorted(code for code, count in shared.items() if count > 1)
    rest = {name: [code for code in codes if code not in guess.missing] for name, codes in found.items()}
    rest = {name: codes for name, codes in rest.items() if codes}
    for name, codes in rest.items():
        stem = re.sub(r"(?<=\D)\d+$|(?<=\d)[A-Za-z]+$", "", name)
        alike = [other for other in cells if other.startswith(stem)]
        same = len(alike) > 2 and all(rest.get(other, codes) == codes for other in alike)
        guess.missing_in[f"{stem}*" if stem and same and not re.search(r"[*?\[]", stem) else name] = codes


def columns_of(frame: object, kind: str) -> dict[str, str]:
    """Return theirs -> ours for the columns of a DataFrame or ibis table, by name alone."""
    return _matched(KINDS[kind], {str(name): () for name in frame.columns})[0]


def answers_in_words(frame: pd.DataFrame, items: Sequence[str]) -> list[dict[str, object]]:
    """Return the ``scales`` of a mapping for the items of a DataFrame whose answers are words."""
    found = []
    for item in dict.fromkeys(items):
        number = frame[item].dtype.kind in "iufb"
        scale = None if number else _item("", [str(value).strip() for value in frame[item].dropna().unique()])
        found += [{"items": [item], "codes": scale[1]}] if scale and scale[1] else []
    return found


def _matched(kind: Kind, cells: dict[str, Sequence[str | None]]) -> tuple[dict[str, str], dict[str, str]]:
    """Match columns to declared ones by name, by what others call them, and by what they hold."""
    columns: dict[str, str] = {}
    why: dict[str, str] = {}
    free = {name: [plain(name), plain(name.rsplit(".", 1)[-1])] for name in cells}
    for said in ("the same name", "a usual name for it"):
        for column in kind.columns:
            if column.name in columns.values():
                continue
            wanted = [column.name] if said == "the same name" else [plain(alias) for alias in column.aliases]
            found = (name for alias in wanted for at in (0, 1) for name in free if free[name][at] == alias)
            match = next((name for name in found if _holds(cells[name], column)), None)
            if match is not None:
                columns[match], why[column.name] = column.name, said
                del free[match]
    for column in kind.columns:
        if column.required and column.holds == "time" and column.name not in columns.values():
            fits = [name for name in free if cells[name] and _holds(cells[name], column)]
            if len(fits) == 1:
                columns[fits[0]], why[column.name] = column.name, "the only column of times"
    order = list(cells)
    return dict(sorted(columns.items(), key=lambda pair: order.index(pair[0]))), why


def _holds(texts: Sequence[str | None], column: Column) -> bool:
    """Whether most cells can be read as what is declared."""
    filled = [text for text in texts if text is not None and text.casefold() not in values.NO_ANSWER][:100]
    if column.holds in ("id", "text"):
        return True
    if not filled:
        return column.gaps or not len(texts)
    if column.holds == "time":
        return readable_times(tuple(filled)) >= 0.7 * len(filled)
    if column.holds == "flag":
        return sum(text.casefold() in (*values.YES, *values.NO) for text in filled) >= 0.7 * len(filled)
    return sum(number_of(text.replace(" ", "").strip("%$€£")) is not None for text in filled) >= 0.7 * len(
        filled
    )


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


def _times(guess: Guess, cells: dict[str, Sequence[str | None]]) -> None:
    """Guess whether a date and a time of day stand apart, and say where day and month could be changed round."""
    clock = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?(\s*[AaPp][Mm])?")
    called = ("time", "hour", "uhrzeit", "zeit", "heure", "hora", "tijd", "event_time", "time_of_day")
    for theirs, ours in list(guess.columns.items()):
        if guess.kind[ours].holds != "time":
            continue
        texts = [text for text in cells[theirs] if text]
        clocks = [name for name in cells if name not in guess.columns and plain(name) in called]
        clocks = [
            name for name in clocks if all(clock.fullmatch(text.strip()) for text in cells[name] if text)
        ]
        if clocks and not any(":" in text for text in texts[:200]):
            joined = f"{theirs} + {clocks[0]}"
            guess.columns = {(joined if name == theirs else name): to for name, to in guess.columns.items()}
            guess.why[ours] = "a date beside a time of day"
        odd = next((text for text in texts if values.is_slashed(text)), None)
        if odd and values.day_first_of(texts) is None:
            guess.decide.append(
                f"column {theirs!r}: {odd!r} may be day or month first: say day_first under file:"
            )


def _wide(guess: Guess, cells: dict[str, Sequence[str | None]]) -> None:
    """Guess whether columns are rows laid side by side: one column a statement, a level or a stage."""
    shapes = {"ratings": ("rater", "statement", "label"), "accounts": ("account", "level", "score"),
              "stages": ("respondent", "stage", "passed"), "kpis": ("organisation", "kpi", "weight")}  # fmt: skip
    owner, name, value = shapes.get(guess.kind.name, ("", "", ""))
    if owner in guess.columns.values() and not {name, value} & set(guess.columns.values()):
        free = [
            column
            for column in cells
            if column not in guess.columns and _holds(cells[column], guess.kind[value])
        ]
        if len(free) > 1:
            guess.wide = {"name": name, "values": {value: {column: column for column in free}}}


def _item(name: str, texts: Sequence[str | None]) -> tuple[tuple[float, float], dict[str, int]] | None:
    """Return an item's scale and the numbers of its answers in words; None when a column is no rating."""
    words = words_of(name)
    if META.fullmatch(plain(name)) or (
        _hits(words, _NO_ITEM) and not _hits(words, _OUTCOMES["satisfaction"])
    ):
        return None
    filled = [text for text in texts if text is not None]
    gone = {code.casefold() for code in missing_codes(filled)} | values.NO_ANSWER | set(values.BLANK)
    answers = [text for text in filled if text.casefold() not in gone]
    different = list(dict.fromkeys(answers))
    if not different or len(different) > 200:
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
        return (
            (scale, {text: code for text, code in ends.items() if number_of(text) is None}) if scale else None
        )
    codes = values.scale_of_words(different)
    return ((1, max(7 if max(codes.values()) > 5 else 5, *codes.values())), codes) if codes else None


def _survey(guess: Guess, cells: dict[str, Sequence[str | None]], labels: dict[str, str]) -> None:
    """Guess which columns are items, on which side they stand, what is the outcome, and which groups there are."""
    _people(guess, cells)
    taken = {name for name, ours in guess.columns.items() if ours not in ("segment", "firm")} | set(
        guess.single.values()
    )
    items: dict[str, tuple[float, float]] = {}
    guess.blocks = {side: [] for side in _SIDES}
    for name, texts in cells.items():
        if name in taken:
            continue
        found, outcome = _item(name, texts), _outcome(name, labels.get(name, ""))
        different = {text.casefold(): text for text in texts if text}
        if found is None and outcome and len(different) == 2 and set(different) <= {*values.YES, *values.NO}:
            codes = {text: int(word in values.YES) for word, text in different.items()}
            found = ((0, 1), {} if {"0", "1"} >= set(different) else codes)
        if found is None:
            continue
        items[name], codes = found
        guess.columns.pop(name, None)
        if codes:
            same = next((part for part in guess.scales if part[1].items() & codes.items()), None)
            if same and all(same[1].get(text, code) == code for text, code in codes.items()):
                same[0].append(name)
                same[1].update(codes)
            else:
                guess.scales.append(([name], dict(codes)))
        # An outcome is the mean of items on one scale only: others become outcomes of their own.
        if outcome in guess.outcomes and items[guess.outcomes[outcome][0]] != items[name]:
            outcome = f"{outcome} {name}"[:40]
        if outcome:
            guess.outcomes.setdefault(outcome, []).append(name)
        else:
            guess.blocks.get(_side(name, labels.get(name, "")), guess.other).append(name)
    if not guess.outcomes:
        asked = [
            n for n in items if re.search("satisf|zufrieden|tevreden", n.casefold()) and len(words_of(n)) < 3
        ]
        guess.outcomes = {"satisfaction": asked[:1]} if asked else {}
        guess.blocks = {
            side: [n for n in names if n not in asked[:1]] for side, names in guess.blocks.items()
        }
    counted = Counter(items[name] for name in guess.used or guess.other)
    guess.range = max(counted, key=lambda scale: (counted[scale], scale[1]), default=None)
    guess.ranges = {name: items[name] for name in guess.used if items[name] != guess.range}
    mapped = [theirs for theirs, ours in guess.columns.items() if ours == "segment"]
    others = [name for name in cells if name not in items and name not in taken and name not in mapped]
    guess.segments = [*mapped, *(name for name in others if _group(name, cells[name]))][:12]


def _people(guess: Guess, cells: dict[str, Sequence[str | None]]) -> None:
    """Find weights, the day of the answer, and who gave several rows."""
    for theirs, ours in list(guess.columns.items()):
        filled = [text for text in cells[theirs] if text]
        if ours == "cluster" or (ours == "respondent" and len(set(filled)) < len(filled)):
            del guess.columns[theirs]
            guess.single["clusters"] = theirs
        elif ours in ("weight", "date"):
            guess.single["weights" if ours == "weight" else "date"] = theirs
    known = {plain(alias) for alias in KINDS["events"]["customer_id"].aliases}
    for name in [name for name in cells if name not in guess.columns and plain(name) in known][:1]:
        filled = [text for text in cells[name] if text]
        if 1 < len(set(filled)) < 0.9 * len(filled) and not _item(name, filled):
            guess.single.setdefault("clusters", name)
    guess.why["clusters"] = "who answers stands on several rows"


def _outcome(name: str, label: str) -> str:
    words, said = words_of(name), words_of(label or name)
    for outcome, listed in _OUTCOMES.items():
        weak = outcome == "satisfaction"
        if _hits(words, listed) and not (
            weak and (len(words) > 4 or _hits(words, "|".join(_SIDES.values())))
        ):
            return outcome
        if not weak and _hits(said, listed):
            return outcome
    overall = _hits(
        said, "overall|insgesamt|generally|all in all|alles in allem|globalement|en general|general"
    )
    return (
        "satisfaction"
        if overall and re.search("satisf|zufrieden|tevreden|experience|rate", label or name, re.I)
        else ""
    )


def _side(name: str, label: str) -> str:
    hits = {side: _hits([*words_of(name), *words_of(label)], listed) for side, listed in _SIDES.items()}
    best = max(hits, key=hits.get)
    return best if hits[best] and list(hits.values()).count(hits[best]) == 1 else ""


def _group(name: str, texts: Sequence[str | None]) -> bool:
    """Whether a column parts respondents into a few groups; multiple answers and remarks do not."""
    dull = "comment|remark|text|note|verbatim|reason|why|kommentar|bemerkung|id"
    if META.fullmatch(plain(name)) or _hits(words_of(name), dull):
        return False
    filled = [text for text in texts if text is not None]
    different = set(filled)
    if not 2 <= len(different) <= 12 or len(filled) < 4 * len(different) or max(map(len, different)) > 60:
        return False
    pieces = {piece.strip() for text in different for piece in re.split(r"[;|]|, ", text)}
    several = sum(bool(re.search(r"[;|]|, ", text)) for text in filled) > 0.1 * len(filled)
    numeric = sum(number_of(text) is not None for text in filled) > 0.5 * len(filled)
    if several and len(pieces) < 2 * len(different):
        return False
    return not numeric or bool(_hits(words_of(name), _GROUPS))


def _decide(guess: Guess) -> None:
    """Say what only the owner can decide, the most important first, in at most five lines."""
    say = [f"no column looks like {column.name!r} ({column.description}); map one" for column in guess.open]
    if guess.kind.name == "survey":
        if not guess.outcomes:
            say.append("which column is the outcome? name it under outcomes:")
        empty = [side for side in ("product", "experience") if not guess.blocks.get(side)]
        if empty:
            say.append(f"which items speak of the {' and of the '.join(empty)}? name them in blocks:")
        if guess.other:
            say.append(
                f"{len(guess.other)} more column(s) look like items: name them in blocks: or leave them"
            )
        if guess.scales:
            say.append("answers in words became numbers: look at scales:")
    codes = dict.fromkeys(code for codes in [guess.missing, *guess.missing_in.values()] for code in codes)
    if codes:
        say.append(f"do {', '.join(repr(code) for code in list(codes)[:4])} mean 'no answer'?")
    if guess.decimal:
        say.append("1.234 may be thousands or a decimal point; decimal: ',' is assumed")
    guess.decide = [*guess.decide, *say][:5]
