"""The declarations as pandera schemas, and the pass that turns a stranger's columns into validated ones."""

from __future__ import annotations

import difflib
import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..faults import Fault, where_bad
from ..values import Parsed, blank_missing, decimal_evidence, parse_flags, parse_numbers, parse_times, show
from .declarations import Column, Table, table_named

__all__ = ["Conformed", "conform", "convert", "schema"]


class Conformed(NamedTuple):
    """A converted table, what is wrong with it, and what was assumed on the way.

    Attributes
    ----------
    frame : declared columns converted (those that are there, in the file's order), other columns as they were.
    faults : broken rules; empty when the frame is valid.
    notes : remarks that are no faults.
    """

    frame: pd.DataFrame
    faults: list[Fault]
    notes: list[str]


def _pandera():
    with warnings.catch_warnings():  # an installed pyspark makes the import of pandera warn about itself
        warnings.simplefilter("ignore")
        import pandera.backends.pandas.builtin_checks
        import pandera.pandas as pandera
    return pandera


def _is_text(series: pd.Series) -> bool:
    kinds = pd.api.types
    return (
        kinds.is_string_dtype(series)
        or kinds.is_object_dtype(series)
        or isinstance(series.dtype, pd.CategoricalDtype)
    )


def _column_checks(column: Column) -> list:
    pa = _pandera()
    kinds = pd.api.types
    checks = []
    if column.kind in ("number", "whole"):
        checks.append(pa.Check(kinds.is_numeric_dtype, error="must be a number"))
        checks.append(pa.Check(lambda s: ~np.isinf(s.astype("float64")), error="must be finite"))
    if column.kind == "whole":
        checks.append(pa.Check(lambda s: s.astype("float64") % 1 == 0, error="must be a whole number"))
    if column.kind == "flag":
        checks.append(pa.Check(lambda s: s.isin([0, 1]), error="must be yes or no"))
    if column.kind == "time":
        checks.append(pa.Check(kinds.is_datetime64_any_dtype, error="must be a date"))
    if column.kind == "text":
        checks.append(pa.Check(_is_text, error="must be text"))
    if column.allowed:
        words = ", ".join(map(str, column.allowed))
        checks.append(pa.Check(lambda s: s.isin(column.allowed), error=f"must be one of {words}"))
    if column.low is not None:
        checks.append(pa.Check(lambda s: s >= column.low, error=f"must be at least {column.low:g}"))
    if column.high is not None:
        checks.append(pa.Check(lambda s: s <= column.high, error=f"must be at most {column.high:g}"))
    return checks


@functools.cache
def schema(name: str, extra: tuple[Column, ...] = ()):
    """Return a table's declaration as a ``pandera.pandas.DataFrameSchema``; columns beyond it are allowed.

    Parameters
    ----------
    name : one of the seventeen tables.
    extra : columns declared by a study's mapping, such as the items of its survey.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"area": ["bill", "network"], "complaints": [12, 7]})
    >>> bool((schema("pain").validate(frame) == frame).all(axis=None))
    True
    """
    pa = _pandera()
    table = table_named(name)
    columns = {
        column.name: pa.Column(None, _column_checks(column), nullable=column.gaps, required=column.required)
        for column in (*table.columns, *extra)
    }
    checks = []
    for low, high in table.ordered:
        checks.append(
            pa.Check(
                lambda frame, low=low, high=high: (
                    ~(frame[low] > frame[high])
                    if {low, high} <= set(frame)
                    else pd.Series(True, index=frame.index)
                ),
                error=f"{low} must not exceed {high}",
            )
        )
    if table.one_of:
        needed = set(table.one_of)
        checks.append(
            pa.Check(
                lambda frame: bool(needed & set(frame)),
                error=f"one of {' and '.join(table.one_of)} is needed",
            )
        )
    if table.key:
        checks.append(
            pa.Check(
                lambda frame: ~_repeated(frame, table.key),
                error=f"{' and '.join(table.key)} must not occur twice",
            )
        )
    return pa.DataFrameSchema(columns, checks=checks, strict=False, name=name)


def _repeated(frame: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    present = [name for name in key if name in frame]
    if not present:
        return pd.Series(False, index=frame.index)
    return frame.duplicated(present) & frame[present[0]].notna()


def convert(
    values: pd.Series,
    kind: str,
    *,
    missing: Sequence[str] = (),
    decimal: str | None = None,
    day_first: bool | None = None,
    delimiter: str = ",",
) -> Parsed:
    """Turn one column, text or typed, into the kind that is declared."""
    if kind in ("number", "whole") and pd.api.types.is_numeric_dtype(values) and not missing:
        numbers = values.astype("float64")
        return Parsed(numbers, np.isinf(numbers.to_numpy(na_value=np.nan)), "must be a finite number")
    if kind == "time" and pd.api.types.is_datetime64_any_dtype(values):
        return _plain_time(values)
    if kind == "flag" and values.dtype == bool:
        return Parsed(values, np.zeros(len(values), dtype=bool), "")
    texts = blank_missing(_as_text(values), missing)
    if kind in ("number", "whole"):
        return parse_numbers(texts, decimal=decimal, delimiter=delimiter)
    if kind == "flag":
        return parse_flags(texts)
    if kind == "time":
        return parse_times(texts, day_is_first=day_first)
    return Parsed(texts.astype("str"), np.zeros(len(texts), dtype=bool), "")


def _plain_time(values: pd.Series) -> Parsed:
    note = ""
    if values.dt.tz is not None:
        values, note = values.dt.tz_convert("UTC").dt.tz_localize(None), "time zones were turned into UTC"
    return Parsed(values, np.zeros(len(values), dtype=bool), "", note)


def _as_text(values: pd.Series) -> pd.Series:
    """Text of typed cells: whole floats lose their ``.0``, booleans become true and false."""
    if pd.api.types.is_float_dtype(values):
        whole = values.dropna() % 1 == 0
        if whole.all():
            return values.map(lambda v: f"{v:.0f}", na_action="ignore").astype(object)
    return values.astype(object).map(_cell_text, na_action="ignore").astype(object)


def _cell_text(value: object) -> object:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)


def conform(
    frame: pd.DataFrame,
    table: Table | str,
    *,
    lines: Sequence[int] | None = None,
    extra: tuple[Column, ...] = (),
    names: Mapping[str, str] | None = None,
    missing: Mapping[str, Sequence[str]] | None = None,
    decimal: str | None = None,
    day_first: bool | None = None,
    delimiter: str = ",",
    row_word: str = "line",
) -> Conformed:
    """Convert the declared columns of a table and validate it against its schema, collecting every fault.

    Parameters
    ----------
    frame : the table under our column names; columns that are not declared pass through.
    table : the declaration or its name.
    lines : the file's line for each row; default 1, 2, ...
    extra : more declared columns (a survey's items and outcomes).
    names : our column name -> the owner's, for messages.
    missing : our column name -> texts that mean missing there.
    decimal, day_first, delimiter : see :func:`convert`.
    """
    table = table_named(table) if isinstance(table, str) else table
    lines = range(1, len(frame) + 1) if lines is None else lines
    names, missing = names or {}, missing or {}
    declared = (*table.columns, *extra)
    faults = _absent(frame, table, extra, names)
    notes: list[str] = []
    frame = frame.reset_index(drop=True).copy()
    original = frame.copy(deep=False)
    said = decimal
    if decimal is None and row_word == "line":
        decimal = _file_decimal(
            [
                blank_missing(frame[c.name])
                for c in declared
                if c.kind in ("number", "whole") and c.name in frame
            ]
        )
    unreadable: dict[str, np.ndarray] = {}
    for column in declared:
        if column.name not in frame:
            continue
        parsed = convert(
            frame[column.name],
            column.kind,
            missing=missing.get(column.name, ()),
            decimal=said
            or (_own_decimal(frame[column.name], decimal) if column.kind in ("number", "whole") else None),
            day_first=day_first,
            delimiter=delimiter,
        )
        frame[column.name] = parsed.values
        theirs = names.get(column.name, column.name)
        if parsed.note:
            notes.append(f"column {show(theirs)}: {parsed.note}")
        unreadable[column.name] = parsed.bad
        if parsed.bad.any():
            places, count = where_bad(parsed.bad, lines)
            value = original[column.name][int(np.flatnonzero(parsed.bad)[0])]
            remedy = (
                ""
                if "mapping file" in parsed.rule
                else "correct it, or name it under missing: in the mapping file"
            )
            faults.append(Fault(parsed.rule, remedy, theirs, value, places, count, row_word))
    for column in declared:
        there = (
            column.required
            and column.gaps
            and column.name in table.names
            and column.name in frame
            and len(frame)
        )
        if there and frame[column.name].isna().all() and not unreadable[column.name].any():
            faults.append(
                Fault(
                    "is missing on every row",
                    "fill it in",
                    names.get(column.name, column.name),
                    row_word=row_word,
                )
            )
    faults += _broken_rules(frame, original, table, extra, names, unreadable, lines, row_word)
    for column in declared:
        if (
            column.name in frame
            and column.kind == "whole"
            and not faults
            and frame[column.name].notna().all()
        ):
            frame[column.name] = frame[column.name].astype("int64")
        if column.usual and column.name in frame:
            odd = sorted(set(frame[column.name].dropna()) - set(column.usual), key=str)
            if odd:
                usual = ", ".join(map(str, column.usual))
                notes.append(
                    f"column {show(names.get(column.name, column.name))}: {show(odd[0])} is not one of the usual {usual}"
                )
    return Conformed(frame, faults, notes)


def _file_decimal(columns: list[pd.Series]) -> str | None:
    """The decimal mark that the file's numbers prove, None when they prove nothing or both."""
    point = comma = 0
    for texts in columns:
        if pd.api.types.is_numeric_dtype(texts):
            continue
        found = decimal_evidence([str(value) for value in texts.dropna().unique()[:5000]])
        point, comma = point + found[0], comma + found[1]
    return "," if comma and not point else "." if point and not comma else None


def _own_decimal(values: pd.Series, of_file: str | None) -> str | None:
    if of_file is None or pd.api.types.is_numeric_dtype(values):
        return of_file
    point, comma, _ = decimal_evidence([str(value) for value in blank_missing(values).dropna().unique()])
    return None if point or comma else of_file


def _absent(
    frame: pd.DataFrame, table: Table, extra: tuple[Column, ...], names: Mapping[str, str]
) -> list[Fault]:
    faults = []
    for column in (*table.columns, *extra):
        if column.required and column.name not in frame:
            theirs = [names.get(name, name) for name in frame.columns]
            lower = {str(name).casefold(): name for name in theirs}
            near = next((lower[alias] for alias in column.aliases if alias in lower), None)
            close = difflib.get_close_matches(column.name.casefold(), lower, n=1)
            near = near or (lower[close[0]] if close else None)
            hint = (
                f"is it your {show(near)}? map it"
                if near
                else f"the file has {_listed(theirs)}; map one of them"
            )
            faults.append(
                Fault(
                    f"column {show(column.name)} is missing ({column.description})",
                    f"{hint} under columns: in the mapping file",
                )
            )
    if table.one_of and not set(table.one_of) & set(frame):
        faults.append(
            Fault(
                f"one of the columns {' and '.join(table.one_of)} is needed",
                "add one, or map one of yours to it",
            )
        )
    return faults


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(show(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _broken_rules(frame, original, table, extra, names, unreadable, lines, row_word) -> list[Fault]:
    pa = _pandera()
    try:
        schema(table.name, extra).validate(frame, lazy=True)
        return []
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    faults = []
    ignore = {"column_in_dataframe"}
    cases = cases[~cases["check"].isin(ignore) & ~cases["check"].astype(str).str.startswith("TypeError")]
    columns = cases["column"].fillna("").astype(str).where(cases["schema_context"] == "Column", "")
    for (column, rule), group in cases.groupby([columns, cases["check"].astype(str)], sort=False):
        if rule.startswith("one of ") or "column_in_dataframe" in rule:
            continue
        index = np.unique(group["index"].dropna().astype(int).to_numpy())
        if rule == "not_nullable":
            rule = "must not be missing"
        bad = np.zeros(len(frame), dtype=bool)
        bad[index] = True
        if column in unreadable:
            bad &= ~unreadable[column]
            if len(index) and not bad.any():
                continue
        places, count = where_bad(bad, lines)
        value = None
        if column and len(places) and rule != "must not be missing":
            value = original[column][int(np.flatnonzero(bad)[0])]
        shown = names.get(column, column) if column else None
        if not column and table.key and "twice" in rule and places:
            row = frame.loc[int(np.flatnonzero(bad)[0]), [name for name in table.key if name in frame]]
            value = " / ".join(map(str, row))
        remedy = "correct it" if rule != "must not be missing" else "fill it, or leave the row out"
        if "twice" in rule:
            remedy = "keep one of the rows"
        faults.append(Fault(rule, remedy, shown, value, places, max(count, 1), row_word))
    return faults
