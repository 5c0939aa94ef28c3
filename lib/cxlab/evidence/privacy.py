"""What must not reach a page: columns that tell who somebody is, and cells that count too few people."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from .errors import InputError
from .values import show

__all__ = ["hide_personal", "personal_columns", "plain_text", "pseudonyms", "spreadsheet_safe", "suppress"]

_NAMES = re.compile(
    r"(^|_)(e_?mail|mail|phone|telephone|tel|mobile_(no|number)|handy|fax|first_?name|last_?name|full_?name|sur_?name|"
    r"given_?name|family_?name|vorname|nachname|contact_?(name|person)|name|address|street|strasse|adresse|postcode|zip(_?code)?|"
    r"plz|ssn|passport|iban|bic|credit_?card|card_?(no|number)|birth(_?da(te|y))?|dob|geburtsdatum|ip(_?address)?|"
    r"login|user_?name|twitter|linkedin|gps|latitude|longitude)($|_)"
)
_IDS = re.compile(
    r"(^|_)(id|uuid|guid|customer|client|user|person|respondent|member|account|kunde\w*|nr|no|number)($|_)"
)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+?\(?\d[\d\s()/.-]{6,}\d")
_ISOLIKE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*|\d+[.,]\d+")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){3,7}[A-Z0-9]{0,4}")
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_TWO_WORDS = re.compile(r"[^\W\d_][\w'’-]+,? (?:[^\W\d_]\.? )?[^\W\d_][\w'’-]+")
_CODE = re.compile(r"[A-Za-z0-9-]*\d[A-Za-z0-9-]*")


def personal_columns(data: pd.DataFrame, *, sample: int = 2000) -> dict[str, str]:
    """Return the columns that look as if they told who somebody is, each with the reason.

    Names are looked at (e-mail, phone, name, address, birth ...) and values: e-mail addresses, phone numbers, bank
    and network addresses, first and last names that hardly repeat, identifiers that are new on nearly every row,
    and long free text.

    Parameters
    ----------
    data : any table.
    sample : how many rows are looked at.

    Examples
    --------
    >>> personal_columns(pd.DataFrame({"who": ["ann@example.org", "bob@example.org"], "score": [3, 4]}))
    {'who': 'holds e-mail addresses'}
    """
    found = {}
    for name in data.columns:
        reason = _reason(str(name), data[name], sample)
        if reason:
            found[name] = reason
    return found


def _reason(name: str, values: pd.Series, sample: int) -> str:
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()
    plain = re.sub(r"[^a-z0-9ß]+", "_", plain).strip("_")
    if _NAMES.search(plain) and not re.search(
        r"(file|product|brand|firm|company|event|outlet|shop|store|host|item)_?name", plain
    ):
        return "is named like personal data"
    values = values.dropna()
    identifier = bool(_IDS.search(plain))
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        if identifier and len(values) > 20 and values.nunique() > 0.9 * len(values):
            whole = pd.api.types.is_integer_dtype(values) or (
                pd.api.types.is_float_dtype(values) and (values % 1 == 0).all()
            )
            return "is an identifier of nearly every row" if whole else ""
        return ""
    texts = values.astype(str).drop_duplicates()
    if len(texts) > sample:
        texts = texts.iloc[:: len(texts) // sample]
    texts = texts.str.strip().str.slice(0, 300)
    texts = texts[texts != ""]
    if texts.empty:
        return ""
    share = {
        "e-mail addresses": texts.map(lambda t: bool(_MAIL.search(t))).mean(),
        "bank accounts": texts.map(lambda t: bool(_IBAN.fullmatch(t))).mean(),
        "network addresses": texts.map(lambda t: bool(_IP.fullmatch(t))).mean(),
        "phone numbers": texts.map(
            lambda t: bool(_PHONE.fullmatch(t)) and not _ISOLIKE.fullmatch(t) and not t.isdigit()
        ).mean(),
    }
    for what, part in share.items():
        if part > (0.02 if what == "e-mail addresses" else 0.3):
            return f"holds {what}"
    distinct = values.nunique() / len(values)
    if len(values) >= 10 and distinct > 0.8:
        if texts.map(lambda t: bool(_TWO_WORDS.fullmatch(t)) and t[0].isupper()).mean() > 0.7:
            return "holds what look like first and last names"
        if texts.str.len().mean() > 60:
            return "is free text"
    coded = texts.map(lambda t: bool(_CODE.fullmatch(t)) and not _ISOLIKE.fullmatch(t))
    if (
        len(values) > 20
        and distinct > 0.9
        and coded.mean() > 0.9
        and (identifier or texts.str.len().median() >= 6)
    ):
        return "is an identifier of nearly every row"
    return ""


def hide_personal(
    data: pd.DataFrame, *, allowed: Sequence[str] = (), keep: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Return the table without columns that look personal, and one note for each that was left out.

    ``allowed`` are those that the study's owner names; ``keep`` those that a method needs (declared columns).
    """
    found = personal_columns(data.drop(columns=[name for name in data if name in {*allowed, *keep}]))
    notes = [
        f"column {show(name)} {reason} and was left out; name it under personal: in params.yaml to keep it"
        for name, reason in found.items()
    ]
    return data.drop(columns=list(found)), notes


def pseudonyms(values: pd.Series) -> pd.Series:
    """Return ``"1", "2", ...`` in the order of first occurrence; what was missing stays missing."""
    codes, _ = pd.factorize(values)
    return pd.Series(np.where(codes < 0, None, (codes + 1).astype(str)), index=values.index, dtype="str")


def plain_text(value: str) -> str:
    """Return a text that no page can take for markup: ``<`` and ``>`` become ``‹`` and ``›``, NULs and controls go."""
    if value.isalnum():
        return value
    value = value.replace("<", "‹").replace(">", "›")
    return "".join(c for c in value if c.isprintable() or c in "\n\t") if not value.isprintable() else value


def spreadsheet_safe(data: pd.DataFrame) -> pd.DataFrame:
    """Return a copy whose texts no spreadsheet takes for a formula: a leading ``= + - @`` gets an apostrophe."""

    def safe(value: object) -> object:
        if not isinstance(value, str) or not value.lstrip()[:1] or value.lstrip()[0] not in "=+-@\t\r|":
            return value
        return value if re.fullmatch(r"\s*[+-]?[\d.,]+\s*", value) else "'" + value

    copy = data.copy()
    for name in copy.columns:
        if not pd.api.types.is_numeric_dtype(copy[name]) and not pd.api.types.is_datetime64_any_dtype(
            copy[name]
        ):
            copy[name] = copy[name].map(safe)
    return copy


def suppress(
    table: pd.DataFrame,
    *,
    counts: str,
    minimum: int = 5,
    within: Sequence[str | Sequence[str]] = ((),),
    values: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Blank the cells that count fewer than ``minimum`` people, and those that would give them away by difference.

    Parameters
    ----------
    table : one row a cell, such as a segment; columns that are no numbers name the cell.
    counts : the column that counts customers or respondents.
    minimum : the smallest count that is shown.
    within : margins that a reader knows or can find elsewhere, each a list of columns: ``[()]`` (default) is the
        total over all rows; ``[["region"], ["month"]]`` are row and column totals of a two-way table.
    values : the columns to blank beside ``counts``; default every numeric column that is not in ``within``.

    Returns
    -------
    DataFrame
        In the order of the input, with a boolean column ``suppressed``; blanked cells hold NaN.

    Notes
    -----
    In each margin that has a blanked cell, the blanked cells together must count at least ``minimum`` and be at
    least two, otherwise their sum (margin minus what is shown) tells too much; the smallest shown cells are blanked
    as well until both hold. With several margins this is repeated until nothing changes.

    Raises
    ------
    InputError
        ``counts`` is not a column of counts, or ``minimum`` is below 1.

    Examples
    --------
    >>> cells = pd.DataFrame({"segment": ["a", "b", "c"], "n": [90, 7, 3], "rate": [0.5, 0.6, 0.7]})
    >>> suppress(cells, counts="n").suppressed.tolist()
    [False, True, True]
    """
    if minimum < 1:
        raise InputError(f"minimum must be 1 or more, got {minimum}; 5 is usual")
    if counts not in table:
        raise InputError(
            f"counts {show(counts)} is not a column; the columns are {', '.join(map(show, table.columns))}"
        )
    numbers = pd.to_numeric(table[counts], errors="coerce").fillna(0).to_numpy(float)
    if (numbers < 0).any():
        raise InputError(f"counts {show(counts)} holds negative numbers; it must count people")
    margins = [[margin] if isinstance(margin, str) else list(margin) for margin in within] or [[]]
    hidden = numbers < minimum
    groups = [
        np.zeros(len(table), dtype=int)
        if not margin
        else table.groupby(margin, dropna=False, sort=False).ngroup().to_numpy()
        for margin in margins
    ]
    changed = True
    while changed:
        changed = False
        for codes in groups:
            for code in np.unique(codes):
                members = np.flatnonzero(codes == code)
                changed |= _protect(members, hidden, numbers, minimum)
    result = table.copy()
    named = {name for margin in margins for name in margin}
    if values is None:
        values = [
            name
            for name in table
            if pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool and name not in named
        ]
    for name in dict.fromkeys([counts, *values]):
        result[name] = result[name].astype("float64").mask(hidden) if hidden.any() else result[name]
    result["suppressed"] = hidden
    return result


def _protect(members: np.ndarray, hidden: np.ndarray, numbers: np.ndarray, minimum: int) -> bool:
    """Hide the smallest shown cells of a margin until its hidden cells are safe; True when something changed."""
    inside = hidden[members]
    if not inside.any():
        return False
    changed = False
    for place in members[np.argsort(numbers[members], kind="stable")]:
        chosen = hidden[members]
        if chosen.sum() >= 2 and numbers[members][chosen].sum() >= minimum:
            break
        if not hidden[place]:
            hidden[place] = changed = True
    return changed
