"""Text to numbers, days and yes/no, column by column, without guessing where two readings are possible.

Every parser takes a Series of text (missing values are missing) and returns a :class:`Parsed`: the values, which
texts could not be read, and what was assumed. Nothing is rounded or repaired in silence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from .plain import show

__all__ = [
    "MISSING_WORDS",
    "Parsed",
    "blank_missing",
    "decimal_evidence",
    "parse_flags",
    "parse_numbers",
    "parse_times",
    "show",
]

MISSING_WORDS = frozenset(
    [
        "",
        "na",
        "n/a",
        "#n/a",
        "#na",
        "nan",
        "null",
        "#null!",
        "\\n",
        "<na>",
        "nat",
        "#div/0!",
        "#value!",
        "#ref!",
        "#name?",
    ]
)

_POINT = re.compile(
    r"[+-]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|[+-]?\.[0-9]+"
)
_COMMA = re.compile(
    r"[+-]?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|[+-]?,[0-9]+"
)
_EITHER = re.compile(r"[+-]?[0-9]+(?:[eE][+-]?[0-9]{1,3})?")
_INFINITE = re.compile(r"[+-]?(?:inf|infinity|∞)", re.IGNORECASE)
_SPACES = re.compile(r"(?<=[0-9])['’\u00a0\u202f\u2009 ](?=[0-9]{3}(?:[^0-9]|$))")
_MONEY = re.compile(r"^(?:[$€£¥]|USD|EUR|GBP|CHF)\s*|\s*(?:[$€£¥%]|USD|EUR|GBP|CHF)$")
_YES = {"yes", "y", "true", "t", "1", "1.0", "ja", "j", "oui", "si", "sí", "wahr", "pass", "passed", "ok"}
_NO = {"no", "n", "false", "f", "0", "0.0", "nein", "non", "falsch", "fail", "failed"}


class Parsed(NamedTuple):
    """What a parser made of a column.

    Attributes
    ----------
    values : the converted column; missing where a text was missing or could not be read.
    bad : boolean array, True where a text stood that could not be read.
    rule : what such a text should have been.
    note : what was assumed or removed, "" when nothing.
    """

    values: pd.Series
    bad: np.ndarray
    rule: str
    note: str = ""


def blank_missing(texts: pd.Series, codes: list[str] | tuple[str, ...] = ()) -> pd.Series:
    """Return stripped texts with missing words (and the given codes, in any case) turned into missing."""
    texts = texts.astype(object)
    uniques = {value: value for value in texts.dropna().unique()}
    drop = MISSING_WORDS | {str(code).strip().casefold() for code in codes}
    cleaned = {}
    for value in uniques:
        text = str(value).strip().strip("\ufeff")
        cleaned[value] = None if text.casefold() in drop else text
    return texts.map(cleaned)


def _uniques(texts: pd.Series) -> list[str]:
    return [str(value) for value in texts.dropna().unique()]


def _tidy_number(text: str) -> tuple[str, str]:
    """Return a number's text without money, percent and spaces as thousands marks, and what was removed."""
    plain = text.replace("\u2212", "-").strip()
    bare = _MONEY.sub("", plain).strip()
    removed = "" if bare == plain else "percent and currency signs were left out"
    return _SPACES.sub("", bare), removed


def decimal_evidence(texts: list[str]) -> tuple[int, int, int]:
    """Count texts that are numbers with a point only, with a comma only, and with either (``1,234``)."""
    point = comma = either = 0
    for text in texts:
        bare, _ = _tidy_number(text)
        as_point, as_comma = bool(_POINT.fullmatch(bare)), bool(_COMMA.fullmatch(bare))
        if as_point and as_comma:
            either += not _EITHER.fullmatch(bare)
        else:
            point += as_point
            comma += as_comma
    return point, comma, either


def parse_numbers(texts: pd.Series, *, decimal: str | None = None, delimiter: str = ",") -> Parsed:
    """Read numbers written with a decimal point or comma and any usual thousands mark.

    Parameters
    ----------
    texts : the column as text.
    decimal : ``"."`` or ``","`` when it is known (from the mapping, or from the file's other columns).
    delimiter : the file's delimiter; decides nothing but how ``1,234`` alone is read.

    Notes
    -----
    A column that holds ``3,5`` is read with a decimal comma, one that holds ``3.5`` with a point. Where all that
    is there could be either (``1.234`` in a file parted by semicolons), the texts are returned as bad: only the
    owner knows. Infinite values are bad. Percent and currency signs are left out and said.
    """
    uniques = _uniques(texts)
    if decimal is None:
        point, comma, either = decimal_evidence(uniques)
        if comma > point:
            decimal = ","
        elif point or not either or delimiter != ";":
            decimal = "."
    note = ""
    table: dict[str, float] = {}
    bad: set[str] = set()
    for text in uniques:
        bare, removed = _tidy_number(text)
        if decimal is None and not _EITHER.fullmatch(bare):
            bad.add(text)
            continue
        pattern = _COMMA if decimal == "," else _POINT
        if not pattern.fullmatch(bare) or _INFINITE.fullmatch(bare):
            bad.add(text)
            continue
        bare = bare.replace(".", "").replace(",", ".") if decimal == "," else bare.replace(",", "")
        number = float(bare)
        if np.isinf(number):
            bad.add(text)
            continue
        note = note or removed
        table[text] = number
    values = texts.map(lambda value: table.get(str(value), np.nan), na_action="ignore").astype("float64")
    rule = "must be a finite number"
    if decimal is None:
        rule = "may be thousands or decimals: say decimal: ',' or decimal: '.' in the mapping file"
    elif decimal == ",":
        rule += " (read with a decimal comma)"
    return Parsed(values, texts.isin(bad).to_numpy(), rule, note)


def parse_flags(texts: pd.Series) -> Parsed:
    """Read yes/no, true/false, 1/0, ja/nein, oui/non; bool when complete, else 1.0, 0.0 and NaN."""
    table = {}
    for text in _uniques(texts):
        word = text.casefold()
        table[text] = 1.0 if word in _YES else 0.0 if word in _NO else np.nan
    values = texts.map(lambda value: table[str(value)], na_action="ignore").astype("float64")
    bad = (values.isna() & texts.notna()).to_numpy()
    if len(values) and values.notna().all():
        values = values.astype(bool)
    return Parsed(values, bad, "must be yes or no (also true/false, 1/0)")


_ISO = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?"
)
_SLASH = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:[ ,T]+(\d{1,2}:\d{2}(?::\d{2})?)\s*([AaPp][Mm])?)?"
)
_YEAR_SLASH = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?:[ T]+(\d{1,2}:\d{2}(?::\d{2})?))?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_EPOCH = re.compile(r"1\d{9}|1\d{12}|1\d{9}\.\d+")
_WORDY = re.compile(
    r"(?:\d{1,2}[. -]+[A-Za-z]{3,9}[., -]+\d{4}|[A-Za-z]{3,9} \d{1,2},? \d{4})(?:[ ,]+\d{1,2}:\d{2}(?::\d{2})?)?"
)


def day_first(texts: list[str]) -> bool | None:
    """Whether 03/04/2026 is the third of April: True, False, or None when the column does not tell."""
    first = second = dotted = 0
    for text in texts:
        match = _SLASH.fullmatch(text)
        if match:
            dotted += match[2] == "."
            first += int(match[1]) > 12 >= int(match[3])
            second += int(match[3]) > 12 >= int(match[1])
    if first or second:
        return first >= second
    return True if dotted else None


def parse_times(texts: pd.Series, *, day_is_first: bool | None = None) -> Parsed:
    """Read days and times: ISO 8601, 31.12.2026, 12/31/2026, 20261231, 31 Dec 2026, seconds since 1970.

    Texts that all carry a time zone become UTC (and the note says so); a mixture is bad, and so is a column whose
    days could be months, until ``day_is_first`` says which. Years must lie between 1900 and 2200.
    """
    uniques = _uniques(texts)
    if day_is_first is None:
        day_is_first = day_first(uniques)
    table: dict[str, pd.Timestamp] = {}
    zoned: set[str] = set()
    unclear = False
    for text in uniques:
        moment, has_zone, ambiguous = _moment(text, day_is_first)
        unclear |= ambiguous
        if moment is not None and 1900 <= moment.year <= 2200:
            table[text] = moment
            if has_zone:
                zoned.add(text)
    rule, note = "must be a real day (best written 2026-12-31 or 2026-12-31 23:59:00)", ""
    if unclear:
        rule = "may be day or month first: say day_first: true or false in the mapping file"
    if zoned and len(zoned) < len(table):
        fewer = zoned if len(zoned) <= len(table) / 2 else set(table) - zoned
        table = {text: moment for text, moment in table.items() if text not in fewer}
        rule = "must carry a time zone in all lines or in none"
    elif zoned:
        note = "time zones were turned into UTC"
    values = pd.to_datetime(texts.map(lambda value: table.get(str(value), pd.NaT), na_action="ignore"))
    if not len(table):
        values = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    values = values.astype("datetime64[us]")
    return Parsed(values, (values.isna() & texts.notna()).to_numpy(), rule, note)


def _moment(text: str, day_is_first: bool | None) -> tuple[pd.Timestamp | None, bool, bool]:
    """Return (time, whether it had a zone, whether it can be read in two ways)."""
    try:
        match = _ISO.fullmatch(text)
        if match:
            moment = pd.Timestamp(text.replace(",", "."))
            return (
                (moment.tz_convert("UTC").tz_localize(None), True, False)
                if moment.tzinfo
                else (moment, False, False)
            )
        match = _YEAR_SLASH.fullmatch(text)
        if match:
            return pd.Timestamp(f"{match[1]}-{match[2]:0>2}-{match[3]:0>2} {_clock(match[4])}"), False, False
        match = _SLASH.fullmatch(text)
        if match:
            if day_is_first is None:
                return None, False, int(match[1]) <= 12 and int(match[3]) <= 12
            day, month = (match[1], match[3]) if day_is_first else (match[3], match[1])
            year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
            return (
                pd.Timestamp(f"{year}-{month:0>2}-{day:0>2} {_clock(match[5])}{match[6] or ''}"),
                False,
                False,
            )
        match = _COMPACT.fullmatch(text)
        if match and 1900 <= int(match[1]) <= 2200:
            return pd.Timestamp(f"{match[1]}-{match[2]}-{match[3]}"), False, False
        if _EPOCH.fullmatch(text):
            seconds = float(text) / (1000 if len(text) == 13 and "." not in text else 1)
            return pd.Timestamp(seconds, unit="s"), False, False
        if _WORDY.fullmatch(text):
            return pd.Timestamp(text), False, False
    except (ValueError, OverflowError):
        pass
    return None, False, False


def _clock(text: str | None) -> str:
    if not text:
        return "00:00"
    hours, rest = text.split(":", 1)
    return f"{hours:0>2}:{rest}"
