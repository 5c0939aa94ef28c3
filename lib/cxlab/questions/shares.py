"""Shares of groups with Wilson's limits, and the answer that draws them: the form of many questions."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result
from cxlab.stats.intervals import wilson


def shares(rows: Iterable[tuple[str, float, int]], level: float, names: tuple[str, str, str]) -> pd.DataFrame:
    """Return name, hits and size of each group as ``names``, and ``estimate low high``; no empty groups."""
    table = pd.DataFrame([row for row in rows if row[2]], columns=list(names)).astype(
        dict.fromkeys(names[1:], int)
    )
    hits, n = table[names[1]], table[names[2]]
    low, high = wilson(hits, n, level)
    return table.assign(estimate=hits / n, low=low, high=high)


def dotted(
    said: str, title: str, numbers: dict[str, Number], table: pd.DataFrame, data: Table, *cautions: str,
    x_title: str, drawn: pd.DataFrame | None = None, reference: float | None = None,
    **names: Any,
) -> Result:  # fmt: skip
    """Return a result whose shares are drawn as dots, one row of the table a dot, named by ``group``."""
    rows, how = table if drawn is None else drawn, {"label": "group", "percent": True, **names}
    return Result(
        said, numbers, table,
        lambda: general.dots(rows, title=title, x_title=x_title, reference=reference, **how), cautions, data,
    )  # fmt: skip


def direction(value: Number, below: str, above: str) -> str:
    """Return the word for an interval that lies on one side of zero, else nothing."""
    return above if value.low > 0 else below if value.high < 0 else ""


def points(gap: Number) -> str:
    """Return the size of a difference of shares in points, such as ``20 points (5 to 33)``."""
    near, far = sorted(abs(100 * end) for end in (gap.low, gap.high))
    return f"{abs(100 * gap.value):.0f} points ({near:.0f} to {far:.0f})"
