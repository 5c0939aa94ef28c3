"""What cells mean: one reader of numbers, times and yes/no for every door, as SQL; answers in words.

Nothing is guessed where two readings are possible: 1.234 alone in a file with semicolons, or 03/04/2026, is
asked.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

from cxlab.data.files import data_folder
from cxlab.data.raw import literal, literals

# Words that are no value anywhere; those that mean 'no answer' in an answer stand in data/words.toml.
BLANK = (
    "", "na", "n/a", "#n/a", "#na", "nan", "null", "#null!", "\\n", "<na>", "nat", "#div/0!", "#value!",
    "#ref!",
)  # fmt: skip
YES = (
    "yes", "y", "true", "t", "1", "1.0", "ja", "j", "oui", "si", "sí", "wahr", "pass", "passed", "ok", "x",
    "checked",
)  # fmt: skip
NO = ("no", "n", "false", "f", "0", "0.0", "nein", "non", "nee", "falsch", "fail", "failed", "unchecked")

_POINT = r"[+-]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|[+-]?\.[0-9]+"
_COMMA = r"[+-]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|[+-]?,[0-9]+"
_MONEY = r"^(?:[$€£¥]|USD|EUR|GBP|CHF)\s*|\s*(?:[$€£¥%]|USD|EUR|GBP|CHF)$"
_MARK = "['’\u00a0\u202f\u2009 ]"
_SPACED = rf"[+-]?[0-9]{{1,3}}(?:{_MARK}[0-9]{{3}})+(?:[.,][0-9]*)?"
_ENDS = re.compile(
    r"\s*([+-]?\d{1,3})(?:\s*[-–—=:.)]\s*|\s+\(?|\s*\()\D.*|\D+[(\[]([+-]?\d{1,3})[)\]]\s*", re.DOTALL
)
_ZONES = {
    "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
    "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180, "WET": 0, "WEST": 60, "BST": 60,
    "MSK": 180, "JST": 540, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780, "UTC": 0, "GMT": 0, "Z": 0,
}  # fmt: skip
_ZONE = (
    r"((?::|T[0-9]{2,4})[0-9]{2}(?:[.,][0-9]+)?(?:\s*[AaPp]\.?[Mm]\.?)?)\s*"
    r"([Zz]|[A-Z]{3,4}|(?:UTC|GMT)?\s?[+-][0-9]{1,2}(?::?[0-9]{2})?)(?:\s*\[[\w/]+\])?$"
)
_SLASH = r"([0-9]{1,2})([/.-])([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})(?:[ ,T].*)?"
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_JOINED = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M")
DAY = "must be a real day between 1900 and 2200 (best written 2026-12-31 or 2026-12-31 23:59:00)"
IN_UTC = "time zones were turned into UTC"
ZONED = "must carry a time zone in all lines or in none"

SCALES = [(0, 10), (1, 10), (1, 9), (0, 100), (1, 100)]
SCALES += [(low, high) for low in (0, 1) for high in range(2 + low, 8)]
CODES = {8, 9, 11, 66, 77, 88, *range(95, 100), 777, 888, *range(995, 1000), 9999}
CODES |= {-1, *range(-9, -6), *range(-99, -94), *range(-999, -996), -9999}
_ENDING = r"(?:s|es|ed|d|ing|er|ly|e|n|en|r|ness|al|ance|ability|ful|fulness|eit)?"


@cache
def word_lists() -> dict[str, dict[str, list[str]]]:
    """Return the words of ``data/words.toml`` by which columns, answers and months are told."""
    return tomllib.loads((data_folder() / "words.toml").read_text(encoding="utf-8"))


def number_sql(x: str, decimal: str = ".") -> str:
    """Return SQL that reads a trimmed text as a finite number; NULL where it is none.

    Percent and currency signs and any usual thousands mark are left out.
    """
    bare = f"regexp_replace(replace({x}, '−', '-'), {literal(_MONEY)}, '', 'g')"
    joined = f"regexp_replace({bare}, {literal(_MARK)}, '', 'g')"
    bare = f"case when {_full(x, _SPACED)} then {joined} else {bare} end"
    shape, thousands = (_COMMA, ".") if decimal == "," else (_POINT, ",")
    plain = f"replace(replace({bare}, '{thousands}', ''), ',', '.')"
    number = f"case when {_full(bare, shape)} then try_cast({plain} as double) end"
    if decimal == ".":  # most cells are plain, and are read fast
        plain = _full(x, "[+-]?[0-9]+(?:[.][0-9]+)?")
        number = f"case when {plain} then try_cast({x} as double) else {number} end"
    return f"case when isfinite({number}) then {number} end"


def _full(x: str, pattern: str) -> str:
    return f"regexp_full_match({x}, {literal(pattern)})"


def shape_sql(x: str) -> str:
    """Return SQL that tells the usual shapes of a time, all that most logs need, from others (NULL).

    1 is 2026-12-31 or 2026-12-31 23:59:00.5, 2 the latter with Z, 3 with +02:00. LIKE is several times faster
    than a regular expression. What fits a pattern is such a time or none. Long texts are slow to trim, so
    blanks are allowed around them.
    """
    clock, day, time = "____-__-_____:__:__", r"\d{4}-\d\d-\d\d", r"[ T]\d\d:\d\d:\d\d(?:\.\d+)?"
    digits = "try_cast({} as double) is not null".format
    shapes = [  # an OR of two would be evaluated whole
        (1, f"strlen({x}) = 19 and {x} like '{clock}'"),
        (1, f"{x} like '{clock}.%' and {digits(f'substr({x}, 20)')}"),
        (2, f"{x} like '{clock}Z'"),
        (2, f"{x} like '{clock}.%Z' and {digits(f'substr({x}, 20, strlen({x}) - 20)')}"),
        (1, _full(x, rf"{day}|\s*{day}{time}\s*")),
        (3, _full(x, rf"\s*{day}{time}(?:Z|[+-]\d\d:\d\d)\s*")),
    ]
    return f"(case {' '.join(f'when {fits} then {shape}' for shape, fits in shapes)} end)"


def zone_sql(x: str, shape: str) -> str:
    """Return SQL of the time zone that a time carries, NULL where it carries none; ``shape`` as above."""
    named = f"nullif(regexp_extract(trim({x}), {literal(_ZONE)}, 2), '')"
    return f"case when {shape} = 1 then null when {shape} > 1 then 'UTC' else {named} end"


def time_sql(x: str, day_first: bool | None, shape: str = "null") -> str:
    """Return SQL that reads a text as a time in UTC; NULL where it is none or could be two.

    Read are ISO 8601, 31.12.2026, 12/31/2026 1:30 PM, 2026/12/31, 31 Dec 2026, Dec 31, 2026, 20261231, and
    seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size; zones as Z, +05,
    -0500, GMT-5, EDT. ``shape`` (as above) is a shorter way for many texts.
    """
    usual = (
        f"when {shape} < 3 then try_cast({x} as timestamp) "
        f"when {shape} = 3 then timezone('UTC', try_cast({x} as timestamptz))"
    )
    x = f"trim({x})"
    zone = f"upper(replace(regexp_extract({x}, {literal(_ZONE)}, 2), ' ', ''))"
    names = "map {" + ", ".join(f"'{name}': {minutes}" for name, minutes in _ZONES.items()) + "}"
    parts = f"regexp_extract({zone}, '([+-])([0-9]{{1,2}}):?([0-9]{{2}})?$', ['s', 'h', 'm'])"
    minutes = f"60 * try_cast({parts}.h as int) + coalesce(try_cast({parts}.m as int), 0)"
    away = (
        f"case when {zone} = '' then 0 when {parts}.s = '-' then -({minutes}) "
        f"when {parts}.s = '+' then {minutes} else {names}[{zone}] end"
    )
    moment = _moment(f"regexp_replace({x}, {literal(_ZONE)}, '\\1')", day_first)
    return within_years(f"case {usual} else {moment} - to_minutes({away}) end")


def within_years(read: str) -> str:
    """Return SQL of a time that is NULL outside the years 1900 to 2200."""
    years = "timestamp '1900-01-01' and timestamp '2200-12-31 23:59:59'"
    return f"case when {read} between {years} then {read} end"


def epoch_sql(x: str) -> str:
    """Return SQL that reads whole or decimal numbers as a time since 1970, its unit told from the size."""
    size = f"abs({x})"
    rounded = f"{x} * case when {size} < 1e11 then 1e6 when {size} < 1e14 then 1e3 else 1e-3 end"
    micro = f"case when {size} between 1e14 and 1e17 then try_cast({x} as bigint)"
    return within_years(f"make_timestamp({micro} else try_cast(round({rounded}) as bigint) end)")


def _moment(x: str, day_first: bool | None) -> str:
    """SQL of the time that a text without a zone tells: the first shape that fits decides how it is read."""
    tidy = x  # 8/3/2026T6:30 a.m. becomes 8-3-2026 6:30 am
    for pattern, to in (
        ("^([0-9]{1,4})[./-]([0-9]{1,2})[./-]([0-9]{1,4})", r"\1-\2-\3"),
        ("^([0-9-]+)(?:T|, ?| +)", r"\1 "),
        (r"\s*([AaPp])\.?([Mm])\.?$", r" \1\2"),
    ):
        tidy = f"regexp_replace({tidy}, {literal(pattern)}, '{to}')"
    weekday = "^(?:[A-Za-z]{2,10},\\s*|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]* )"
    words = f"lower(regexp_replace({x}, {literal(weekday)}, ''))"
    words = f"trim(regexp_replace({words}, '(?:[.,]\\s*|\\s+| (?:de|at|um|uhr)\\b|\\bde )+', ' ', 'g'))"
    words = f"regexp_replace({words}, '^([0-9]{{1,2}})-([^0-9 -]{{3,}})-', '\\1 \\2 ')"
    for english, others in word_lists()["months"].items():
        listed = "|".join([english, *others])
        words = f"regexp_replace({words}, '(^|[0-9] )(?:{listed})( |$)', '\\1{english}\\2')"
    words = f"regexp_replace({words}, '([0-9])\\s*([ap]m)$', '\\1 \\2')"
    day = None if day_first is None else "%d-%m-" if day_first else "%m-%d-"
    clock = "[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
    shapes = [
        (x, "[0-9]{8}(?:[0-9]{6}|T[0-9]{4,6})?", f"try_strptime({x}, [{literals(_JOINED)}])"),
        (x, "[0-9]{19}", f"make_timestamp(try_cast({x} as bigint) // 1000)"),
        (x, "[0-9]{10}(?:[.][0-9]+)?|[0-9]{13}|[0-9]{16}", epoch_sql(f"try_cast({x} as double)")),
        (x, f"[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}(?:[T ]{clock})?",
         f"try_cast(replace({x}, ',', '.') as timestamp)"),
        (tidy, "[0-9]{4}-.*", _formats(tidy, "%Y-%m-%d")),
        (tidy, "[0-9]+-[0-9]+-[0-9]{4}.*", _formats(tidy, day and day + "%Y")),
        (tidy, "[0-9]+-[0-9]+-[0-9]{2}(?: .*)?", _formats(tidy, day and day + "%y")),
        (words, "[0-9]+ [a-z]+ [0-9]{2}(?: .*)?", _formats(words, "%d %b %y")),
    ]  # fmt: skip
    cases = " ".join(f"when {_full(text, pattern)} then {read}" for text, pattern, read in shapes)
    return f"case {cases} else {_formats(words, '%d %b %Y', '%b %d %Y')} end"


def _formats(x: str, *days: str | None) -> str:
    listed = literals(day + clock for day in days if day for clock in _CLOCKS)
    return f"try_strptime({x}, [{listed}])" if listed else "null::timestamp"


def flag_sql(x: str) -> str:
    """Return SQL that reads yes/no, true/false, 1/0, ja/nein, oui/non as 1 and 0."""
    word = f"lower({x})"
    return f"case when {word} in ({literals(YES)}) then 1.0 when {word} in ({literals(NO)}) then 0.0 end"


def decimal_of(texts: Iterable[str], delimiter: str = ",") -> str | None:
    """Return the decimal mark that texts prove; None where they could be either and only the owner knows."""
    point = comma = either = 0
    for text in texts:
        bare = re.sub(_MONEY, "", text.replace("−", "-").strip())
        bare = re.sub(_MARK, "", bare) if re.fullmatch(_SPACED, bare) else bare
        as_point, as_comma = bool(re.fullmatch(_POINT, bare)), bool(re.fullmatch(_COMMA, bare))
        either += as_point and as_comma and bool(re.search("[.,]", bare))
        point, comma = point + (as_point and not as_comma), comma + (as_comma and not as_point)
    if comma > point:
        return ","
    return None if either and not point and delimiter == ";" else "."


def day_first_of(texts: Iterable[str]) -> bool | None:
    """Return whether 03/04/2026 is the third of April: True, False, or None when the texts do not tell.

    Dates with dots are read day first where nothing else is said.
    """
    first = second = dotted = 0
    for text in texts:
        match = re.fullmatch(_SLASH, text.strip())
        if match:
            dotted += match[2] == "."
            first += int(match[1]) > 12 >= int(match[3])
            second += int(match[3]) > 12 >= int(match[1])
    return first >= second if first or second else True if dotted else None


def is_slashed(text: str) -> bool:
    """Whether a text is a date whose day and month could be changed round."""
    return re.fullmatch(_SLASH, text.strip()) is not None


def code_of(text: str) -> int | None:
    """Return the number of an answer with words, such as ``10 - Extremely likely`` or ``very good (5)``."""
    match = _ENDS.fullmatch(text)
    return int(match[1] or match[2]) if match else None


def is_no_answer(text: str) -> bool:
    """Whether a text usually means 'no answer', such as ``prefer not to say``."""
    return text.strip().casefold() in (*word_lists()["columns"]["no_answer"], *BLANK)


@cache
def scales() -> list[list[list[str]]]:
    """Return the scales of ``data/scales.toml``: answers from low to high, each as its different words."""
    families = tomllib.loads((data_folder() / "scales.toml").read_text(encoding="utf-8"))
    texts = [text for languages in families.values() for family in languages.values() for text in family]
    return [[[word.strip() for word in step.split("/")] for step in text.split(", ")] for text in texts]


def scale_of_words(answers: Sequence[str]) -> dict[str, int] | None:
    """Return answer -> 1, 2, 3 ... when all of them stand in one scale; None otherwise."""
    plain = [re.sub(r"[\s/]+", " ", str(text).replace("’", "'")).strip(" .").casefold() for text in answers]
    for scale in sorted(scales(), key=lambda scale: len(scale) != 5):
        codes = {word: code for code, words in enumerate(scale, start=1) for word in words}
        if set(plain) <= set(codes) and len(set(plain)) > 1:
            return {answer: codes[word] for answer, word in zip(answers, plain, strict=True)}
    return None


def words_of(name: str) -> list[str]:
    """Return the words of a column's name or text: 'onTime_Q1FOOD' is on, time, q1, food."""
    apart = re.sub(r"(?<=[a-zäöü])(?=[A-Z])|(?<=\d)(?=[A-Za-z]{3,})", " ", name)
    return re.findall(r"[^\W_]+", apart.casefold())


@cache
def _pattern(group: str, name: str) -> re.Pattern:
    lists = word_lists()[group]
    listed = lists[name] if name else [word for words in lists.values() for word in words]
    return re.compile(rf"(?<= )(?:{'|'.join(listed)}){_ENDING}\d*(?= )")


def hits(text: str, group: str, name: str = "") -> int:
    """How many whole words of a text (with the usual endings) are of a list in data/words.toml."""
    return len(_pattern(group, name).findall(f" {' '.join(words_of(text))} "))


def plain(name: str) -> str:
    """Return a name as aliases are written."""
    name = re.sub(r"\((utc|gmt)[^)]*\)", "", name.casefold() if name.isupper() else name, flags=re.I)
    return "_".join(words_of(name))


def number_of(text: str | None) -> float | None:
    """Return a plain number, also with a decimal comma; None for anything else."""
    match = re.fullmatch(r"\s*([+-]?\d+)(?:[.,](\d*))?\s*", text or "")
    return float(f"{match[1]}.{match[2] or 0}") if match else None


def missing_codes(texts: Iterable[str | None], bounds: tuple[float, float] | None = None) -> list[str]:
    """Return what of a column probably means 'no answer': words among numbers, codes far from them.

    A code counts when it is one of the usual ones and lies outside the other values by more than their span,
    or is negative where they are not; 8 and 9 count beside scales that end at 5, 11 beside 0 to 10.
    """
    counts = Counter(text for text in texts if text is not None)
    numbers = {text: number for text in counts if (number := number_of(text)) is not None}
    large = re.compile(f"{_POINT}|{_COMMA}|{_SPACED}")  # 1.234,5 is no word
    words = [text for text in counts if text not in numbers and not large.fullmatch(text)]
    known = [word for word in words if is_no_answer(word) and (numbers or len(word) > 1)]
    mostly = sum(counts[text] for text in numbers) >= 0.5 * counts.total() and len(words) <= 3
    if numbers and mostly and not any(code_of(word) is not None for word in words):
        known = words
    low, high = bounds or (1, 0)
    others = [number for number in numbers.values() if number not in CODES or low <= number <= high]
    if not others or len(numbers) > 3_000:
        return known
    least, most, span = min(others), max(others), max(1.0, max(others) - min(others))

    def suspect(code: float) -> bool:
        if code < 0:
            return least >= 0 or least - code > span
        if code in (8, 9):
            return least >= 1 and most <= 5 and not {0, 10} & set(numbers.values())
        if code == 11:
            return most == 10 and len(others) >= 5
        return code - most > span

    codes = {text: code for text, code in numbers.items() if code in CODES and not low <= code <= high}
    return known + [text for text in sorted(codes, key=codes.get) if suspect(codes[text])]


def scale_of(numbers: Sequence[float]) -> tuple[float, float] | None:
    """Return the usual rating scale that numbers seem to use, None when they are no ratings."""
    different = set(numbers)
    low, high = min(different), max(different)
    whole = all(number % 1 == 0 for number in different)
    wide = whole and 50 < high <= 100 and len(different) >= 4 and len(numbers) >= 2 * len(different)
    if len(different) < 2 or low < 0 or not (1 < high <= 10 or wide):
        return None
    fits = [scale for scale in SCALES if scale[0] <= low and high <= scale[1]]
    return min(fits, key=lambda scale: (scale[1] - scale[0], scale[0]), default=None)
