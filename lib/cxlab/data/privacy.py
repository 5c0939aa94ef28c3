"""What must not reach a page: columns that tell who somebody is, and cells that count too few people."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

_NAMES = re.compile(
    r"(^|_)(e_?mail|mail|phone|telephone|tel|mobile_(no|number)|handy|fax|name|vorname|nachname|address|street|"
    r"(first|last|full|sur|given|family|user)_?name|contact_?(name|person)|strasse|adresse|postcode|zip(_?code)?|"
    r"plz|ssn|passport|iban|bic|credit_?card|card_?(no|number)|birth(_?da(te|y))?|dob|geburtsdatum|login|twitter|"
    r"ip(_?address)?|linkedin|gps|latitude|longitude)($|_)"
)
_NO_PERSON = re.compile(r"(file|product|brand|firm|company|event|outlet|shop|store|host|item)_?name")
_IDS = re.compile(
    r"(^|_)(id|uuid|guid|customer|client|user|person|respondent|member|account|kunde\w*|nr|no|number)($|_)"
)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_DATED = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*|\d+[.,]\d+")
_TWO_WORDS = re.compile(r"[^\W\d_][\w'’-]+,? (?:[^\W\d_]\.? )?[^\W\d_][\w'’-]+")
_CODE = re.compile(r"[A-Za-z0-9-]*\d[A-Za-z0-9-]*")
# What more than three in ten of the texts are, but for what is a number or a day.
_HELD = (
    (re.compile(r"[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){3,7}[A-Z0-9]{0,4}"), None, "bank accounts"),
    (re.compile(r"\d{1,3}(?:\.\d{1,3}){3}"), None, "network addresses"),
    (re.compile(r"\+?\(?\d[\d\s()/.-]{6,}\d"), re.compile(rf"\d+|{_DATED.pattern}"), "phone numbers"),
)
_SAMPLE = 2000


def suppress(
    table: pd.DataFrame, *, count: str, min_cell: int, within: Sequence[str] = (), gone: object = False
) -> tuple[pd.DataFrame, int]:
    """Return what may be shown, in the order of the input, and how many rows went; never say their names.

    Rows go that count fewer than ``min_cell`` people (column ``count``), and those that are ``gone`` for
    another reason. The rows that go from a group must be at least two and count at least ``min_cell``
    together, or the group's total minus what is shown would tell too much; the smallest shown rows go as well
    until both hold. The columns ``within`` part the rows into groups of known totals (default: one group).

    >>> cells = pd.DataFrame({"segment": ["a", "b", "c"], "n": [90, 7, 3]})
    >>> shown, hidden = suppress(cells, count="n", min_cell=5)
    >>> shown.segment.tolist(), hidden
    (['a'], 2)
    """
    numbers = pd.to_numeric(table[count], errors="coerce").fillna(0).to_numpy(float)
    hidden = (numbers < min_cell) | gone
    keys = list(within) or np.zeros(len(table))
    for members in table.groupby(keys, dropna=False).indices.values():
        for place in members[np.argsort(numbers[members], kind="stable")]:
            out = members[hidden[members]]
            if not len(out) or (len(out) >= 2 and numbers[out].sum() >= min_cell):
                break
            hidden[place] = True
    return table[~hidden], int(hidden.sum())


def settled(frame: pd.DataFrame, *, min_cell: int, within: str | None = None) -> pd.DataFrame:
    """Return the rows whose gaps at least ``min_cell`` people share, ``within`` each value of a column.

    Counts of a segment that rest on other questions then differ by nobody or by enough people. A value of
    which no row would be left keeps its rows: ``suppress`` is to see it.

    >>> gaps = pd.DataFrame({"a": [1, None, 3, 4], "b": [1, 2, 3, 4]})
    >>> settled(gaps, min_cell=3).a.tolist()
    [1.0, 3.0, 4.0]
    """
    gaps = pd.Series(list(map(bytes, np.packbits(frame.isna(), axis=1))), index=frame.index)
    if within is None:
        return frame[gaps.groupby(gaps).transform("size") >= min_cell]
    values = frame[within].astype(str)
    common = gaps.groupby([gaps, values], dropna=False).transform("size") >= min_cell
    return frame[common | ~common.groupby(values, dropna=False).transform("any")]


def personal_columns(data: pd.DataFrame) -> dict[str, str]:
    """Return the columns that by name or values seem to tell who somebody is, each with the reason.

    >>> personal_columns(pd.DataFrame({"who": ["ann@example.org", "bob@example.org"], "score": [3, 4]}))
    {'who': 'holds e-mail addresses'}
    """
    found = {name: _reason(str(name), data[name].dropna()) for name in data.columns}
    return {name: reason for name, reason in found.items() if reason}


def _reason(name: str, values: pd.Series) -> str:
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()
    plain = re.sub(r"[^a-z0-9ß]+", "_", plain).strip("_")
    if _NAMES.search(plain) and not _NO_PERSON.search(plain):
        return "is named like personal data"
    called_id = bool(_IDS.search(plain))
    new = values.nunique() / max(1, len(values))
    nearly_every = "is an identifier of nearly every row" if len(values) > 20 and new > 0.9 else ""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        whole = not pd.api.types.is_float_dtype(values) or (values % 1 == 0).all()
        return nearly_every if called_id and whole else ""
    texts = values.astype(str).drop_duplicates()
    texts = texts.iloc[:: max(1, len(texts) // _SAMPLE)].str.strip().str.slice(0, 300)
    texts = texts[texts != ""]
    if texts.empty:
        return ""

    def share(pattern: re.Pattern, but: re.Pattern | None = None) -> float:
        return sum(bool(pattern.fullmatch(t)) and not (but and but.fullmatch(t)) for t in texts) / len(texts)

    if texts.str.contains(_MAIL).mean() > 0.02:
        return "holds e-mail addresses"
    for pattern, but, what in _HELD:
        if share(pattern, but) > 0.3:
            return f"holds {what}"
    if len(values) >= 10 and new > 0.8:
        if sum(bool(_TWO_WORDS.fullmatch(t)) and t[0].isupper() for t in texts) > 0.7 * len(texts):
            return "holds what look like first and last names"
        if texts.str.len().mean() > 60:
            return "is free text"
    coded = share(_CODE, _DATED) > 0.9
    return nearly_every if coded and (called_id or texts.str.len().median() >= 6) else ""


def pseudonyms(values: pd.Series) -> pd.Series:
    """Return ``"1", "2", ...`` in the order of first occurrence; what was missing stays missing."""
    codes, _ = pd.factorize(values)
    return pd.Series(np.where(codes < 0, None, (codes + 1).astype(str)), index=values.index, dtype="str")


def plain_text(value: str) -> str:
    """Return a text that no page takes for markup: ``<`` becomes ``‹``, ``>`` ``›``, controls go."""
    value = value.replace("<", "‹").replace(">", "›")
    return value if value.isprintable() else "".join(c for c in value if c.isprintable() or c in "\n\t")
