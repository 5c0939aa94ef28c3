"""The small-cell rule: a number about fewer than so many people is not shown, nor left to be worked out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ._checks import require

__all__ = ["suppress"]


def suppress(
    data: pd.DataFrame,
    *,
    count: str = "n",
    values: Sequence[str] | None = None,
    within: Sequence[str] = (),
    min_cell: int = 5,
) -> pd.DataFrame:
    """Blank the rows of a table that count between 1 and ``min_cell - 1`` people, and one more where needed.

    Parameters
    ----------
    data : DataFrame
        One row a cell.
    count : str
        Column with the number of people (or rated visits) in the cell.
    values : list of str, optional
        Columns to blank beside ``count``; default every numeric column that is not in ``within``.
    within : list of str
        Columns within which a total may be known (rows of a matrix, say): where exactly one cell is blanked there,
        the next smallest is blanked too, so that no difference tells.
    min_cell : int
        The smallest count that may be shown.

    Returns
    -------
    DataFrame
        A copy with missing values in blanked cells and a boolean column ``suppressed``.

    Examples
    --------
    >>> suppress(pd.DataFrame({"outlet": ["A", "B"], "n": [3, 40], "rate": [0.7, 0.8]}))["suppressed"].tolist()
    [True, False]
    """
    require(data, [count, *within])
    if min_cell < 1:
        raise ValueError(f"min_cell={min_cell} must be at least 1; 5 is usual")
    numeric = [
        name for name in data.columns if pd.api.types.is_numeric_dtype(data[name]) and name not in within
    ]
    blank = [count, *(values if values is not None else numeric)]
    hide = (data[count] > 0) & (data[count] < min_cell)
    if len(within) and hide.any():
        group = data.groupby(list(within), sort=False, observed=True).ngroup().to_numpy()
        number = data[count].to_numpy(dtype=float, na_value=0.0)
        mask = hide.to_numpy(dtype=bool, na_value=False).copy()
        for cell in np.unique(group[mask]):
            inside = np.flatnonzero((group == cell) & (number > 0))
            rest = inside[~mask[inside]]
            if mask[inside].sum() == 1 and rest.size:
                mask[rest[np.argmin(number[rest])]] = True
        hide = pd.Series(mask, index=data.index)
    result = data.copy()
    for name in dict.fromkeys(blank):
        if hide.any():
            result[name] = result[name].astype(_nullable(result[name]))
            result.loc[hide, name] = pd.NA
    result["suppressed"] = hide
    return result


def _nullable(column: pd.Series) -> object:
    if pd.api.types.is_integer_dtype(column):
        return "Int64"
    return "Float64" if pd.api.types.is_numeric_dtype(column) else object
