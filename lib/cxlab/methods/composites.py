"""Mean scores of a survey's blocks, ready for a regression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

__all__ = ["composites"]


def composites(
    data: pd.DataFrame,
    *,
    blocks: Mapping[str, Iterable[str]] | None = None,
    outcomes: Iterable[str] | None = None,
    standardised: bool = False,
    needed: Iterable[str] = (),
) -> pd.DataFrame:
    """Return one column a block (the mean of its items) and one an outcome.

    Parameters
    ----------
    data : DataFrame, one row a respondent
    blocks : mapping of name to items, optional
        ``data.attrs["blocks"]`` when left out.
    outcomes : list of columns, optional
        ``data.attrs["outcomes"]`` when left out.
    standardised : bool
        Mean 0 and spread 1 over the respondents who answered everything that is used, so that a slope compares sides.

    needed : list of str
        Blocks without which there is nothing to compare; a plain error names the first that is missing.

    Returns
    -------
    DataFrame
        Complete cases only: a composite with a gap in an item is a gap, and its row is left out.

    Examples
    --------
    >>> survey = pd.DataFrame({"a": [1, 2], "b": [3, 4], "loyalty": [5, None]})
    >>> composites(survey, blocks={"product": ["a", "b"]}, outcomes=["loyalty"]).to_dict("list")
    {'product': [2.0], 'loyalty': [5.0]}
    """
    blocks = dict(data.attrs.get("blocks", {}) if blocks is None else blocks)
    outcomes = list(data.attrs.get("outcomes", {}) if outcomes is None else outcomes)
    lacking = [name for name in needed if not blocks.get(name)]
    if lacking:
        raise ValueError(f"the survey has no items of the side {lacking[0]!r}: name them in its mapping file")
    missing = [item for items in blocks.values() for item in items if item not in data.columns]
    missing += [name for name in outcomes if name not in data.columns]
    if missing:
        raise ValueError(
            f"column {missing[0]!r} is not in the data; its columns are {', '.join(map(str, data.columns))}"
        )
    columns = {name: data[list(items)].mean(axis=1, skipna=False) for name, items in blocks.items()}
    columns |= {name: data[name] for name in outcomes}
    table = pd.DataFrame(columns).astype(float).dropna()
    if standardised:
        flat = [name for name in table if table[name].nunique() < 2]
        if flat:
            raise ValueError(f"{flat[0]!r} has the same value for everybody who answered; leave it out")
        table = (table - table.mean()) / table.std(ddof=1)
    return table
