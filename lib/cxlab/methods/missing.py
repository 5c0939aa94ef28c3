"""What missing answers could have done, without a model for them: every gap filled low, in the middle, and high."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd

__all__ = ["fill_range", "fills"]

_ENDS = {"lowest": 0.0, "middle": 0.5, "highest": 1.0}


def fills(
    data: pd.DataFrame, *, parts: Mapping[str, Iterable[str]], middle: Iterable[str] = ()
) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Yield the data with gaps filled, once for every combination of the lowest, the middle and the highest answer.

    Parameters
    ----------
    data : DataFrame
    parts : mapping of name to numeric columns
        Columns of a part are filled alike, each by its own answers; a part without a gap is not varied.
    middle : columns that always take their middle answer (the median)

    Yields
    ------
    how, filled
        ``how`` names "lowest", "middle", "highest" or "complete" (no gap) for each part. Nothing is yielded when no
        part has a gap.
    """
    columns = {name: list(items) for name, items in parts.items()}
    values = data[list(dict.fromkeys(item for items in columns.values() for item in items))].astype(float)
    holed = [name for name, items in columns.items() if values[items].isna().any(axis=None)]
    if not holed:
        return
    base = data.assign(**values)
    at_middle = data[list(middle)].astype(float)
    base = base.assign(**at_middle.fillna(at_middle.median()))
    base.attrs = {}
    answers = {end: values.quantile(at) for end, at in _ENDS.items()}
    for ends in product(_ENDS, repeat=len(holed)):
        gaps: dict[str, float] = {}
        for name, end in zip(holed, ends, strict=True):
            gaps |= answers[end][columns[name]].to_dict()
        filled = base.fillna(gaps)
        filled.attrs = dict(data.attrs)
        yield {**dict.fromkeys(columns, "complete"), **dict(zip(holed, ends, strict=True))}, filled


def fill_range(
    data: pd.DataFrame,
    *,
    parts: Mapping[str, Iterable[str]],
    numbers: Callable[[pd.DataFrame], Mapping[str, float]],
    units: Mapping[str, str],
    middle: Iterable[str] = (),
) -> pd.DataFrame:
    """Return numbers on the complete cases, and their range if the missing answers were low, middling or high.

    Parameters
    ----------
    data, parts, middle
        As in ``fills``.
    numbers : function of the data
        It leaves incomplete rows out by itself. A fill for which it raises ``ValueError`` gives no number.
    units : mapping of quantity to unit
        Its order is that of the rows.

    Returns
    -------
    DataFrame
        Index ``quantity``; ``complete low high filled unit``: the number on the complete cases, the range over them
        and all fills, and how many rows were filled (0: low and high are the complete cases). ``attrs["sentence"]``
        says in words what was missing and whether a sign hangs on it.

    Notes
    -----
    A range of plain assumptions, wider the more is missing; neither an interval nor a proof.
    """
    complete = pd.Series(numbers(data), dtype=float).reindex(list(units))
    used = list(dict.fromkeys([*(item for items in parts.values() for item in items), *middle]))
    holes = int(data[used].isna().any(axis=1).sum())
    draws, ways = [complete], 0
    for _, filled in fills(data, parts=parts, middle=middle):
        ways += 1
        try:
            draws.append(pd.Series(numbers(filled), dtype=float).reindex(list(units)))
        except ValueError:
            continue
    every = pd.concat(draws, axis=1)
    low, high = every.min(axis=1), every.max(axis=1)
    table = pd.DataFrame({"complete": complete, "low": low, "high": high, "filled": holes if ways else 0})
    table["unit"] = pd.Series(dict(units))
    turned = list(table.index[np.sign(low) * np.sign(high) < 0])
    if not ways:
        sentence = f"No answer used here is missing: all {len(data)} respondents are complete cases."
        if holes:
            sentence = (
                f"Only answers that no number here rests on are missing, in {holes} of {len(data)} rows."
            )
    else:
        verdict = f"the sign of {', '.join(turned)} hangs on them" if turned else "no sign hangs on them"
        lost = f" ({ways + 1 - len(draws)} of these could not be computed)" if len(draws) <= ways else ""
        how = f"Filled in {ways} ways, lowest, middle or highest{lost}"
        sentence = f"{holes} of {len(data)} rows miss an answer. {how}: {verdict}."
    table.attrs = {"sentence": sentence, "ways": ways}
    return table.rename_axis("quantity")
