"""Does courtesy make up for an empty shelf? A 2 x 2 story drawn by lot: the form, the contrasts, the sample."""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..intervals import generator
from ..least_squares import complete_cases, fit
from ..power import power_two_groups

__all__ = ["Vignettes", "vignette_contrasts", "vignette_form", "vignette_power", "vignette_sheet"]

# Weights on the cell means, in the order (out, plain), (out, courteous), (in, plain), (in, courteous).
_CONTRASTS = {
    "out of stock and courteous, against in stock and plain": (0, 1, -1, 0),
    "courtesy when in stock": (0, 0, -1, 1),
    "courtesy when out of stock": (-1, 1, 0, 0),
    "stock when staff are plain": (-1, 0, 1, 0),
    "stock when staff are courteous": (0, -1, 0, 1),
    "interaction": (1, -1, -1, 1),
}
_CELLS = [(0, 0), (0, 1), (1, 0), (1, 1)]


class Vignettes(NamedTuple):
    """Cell means (``stock courtesy mean low high n``), contrasts (``estimate low high``) and a permutation p-value.

    ``p_value`` belongs to the first contrast and is a gap when one person answered several stories.
    """

    cells: pd.DataFrame
    contrasts: pd.DataFrame
    p_value: float
    n: int
    persons: int


def vignette_contrasts(
    data: pd.DataFrame,
    *,
    outcome: str = "satisfaction",
    stock: str = "stock",
    courtesy: str = "courtesy",
    person: str | None = "person",
    permutations: int = 2000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Vignettes:
    """Return the four means of the story experiment and what stock and courtesy are worth.

    Parameters
    ----------
    data : DataFrame, one row an answer
        ``stock`` and ``courtesy`` hold 0 and 1, drawn by lot.
    outcome, stock, courtesy : str
    person : str, optional
        When somebody answered more than one story the intervals are cluster-robust by person; otherwise HC2.
    permutations : int
        Draws of the permutation test where the exact one has more than 20,000 arrangements.
    confidence_level, rng

    Returns
    -------
    Vignettes
        The first contrast is the claim: a courteous welcome at an empty shelf against a plain one at a full shelf.

    Raises
    ------
    ValueError
        When a cell of the four is empty or a column is not 0/1.

    Notes
    -----
    Saturated least squares; HC2 is exactly unbiased for the contrast of randomised groups (Neyman 1923; Samii &
    Aronow 2012). Stories are stated, not lived: what people say they would feel.

    Examples
    --------
    >>> answers = pd.DataFrame({"stock": [0, 0, 0, 0, 1, 1, 1, 1], "courtesy": [0, 0, 1, 1] * 2,
    ...                         "satisfaction": [1, 2, 3, 4, 6, 7, 8, 10]})
    >>> round(float(vignette_contrasts(answers, person=None).contrasts.estimate.iloc[0]), 1)
    -3.0
    """
    used = data if person is None or person not in data.columns else data[data[person].notna()]
    table = complete_cases(used, [outcome, stock, courtesy], minimum=8)
    for name in (stock, courtesy):
        if not set(table[name].unique()) <= {0.0, 1.0}:
            raise ValueError(f"column {name!r} must hold only 0 and 1; recode it first")
    cell = (2 * table[stock] + table[courtesy]).astype(int).to_numpy()
    sizes = np.bincount(cell, minlength=4)
    if sizes.min() < 2:
        raise ValueError(
            f"the four cells hold {sizes.tolist()} answers; each needs at least 2 for an interval"
        )
    x = np.eye(4)[cell]
    y = table[outcome].to_numpy()
    persons = used.loc[table.index, person] if person is not None and person in used.columns else None
    repeated = persons is not None and bool(persons.duplicated().any())
    result = fit(y, x, covariance="HC2", groups=persons if repeated else None)
    rows = [result.contrast(np.eye(4)[i], confidence_level)[:3] for i in range(4)]
    cells = pd.DataFrame(rows, columns=["mean", "low", "high"])
    cells.insert(0, "stock", [c[0] for c in _CELLS])
    cells.insert(1, "courtesy", [c[1] for c in _CELLS])
    cells["n"] = sizes
    found = [result.contrast(weights, confidence_level)[:3] for weights in _CONTRASTS.values()]
    contrasts = pd.DataFrame(
        found, columns=["estimate", "low", "high"], index=pd.Index(list(_CONTRASTS), name="contrast")
    )
    p_value = float("nan") if repeated else _permutation(y[cell == 1], y[cell == 2], permutations, rng)
    number = int(persons.nunique()) if persons is not None else len(table)
    return Vignettes(cells, contrasts, p_value, len(table), number)


def vignette_power(
    *, effects: list[float], per_cell: list[int], sd: float = 2.0, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return the chance to find each true contrast of two cells, for each number of answers per cell.

    Returns
    -------
    DataFrame
        ``effect per_cell persons power``; ``persons`` is four times ``per_cell`` (one story a person).
    """
    effect, n = (grid.ravel() for grid in np.meshgrid(effects, per_cell, indexing="ij"))
    power = power_two_groups(n, effect=effect, sd=sd, confidence_level=confidence_level)
    return pd.DataFrame({"effect": effect, "per_cell": n, "persons": 4 * n, "power": power})


def vignette_form(
    persons: int, *, rng: int | np.random.Generator | None, goods: str = "the shoes that you came for"
) -> pd.DataFrame:
    """Return a ready form: who reads which story, drawn by lot in blocks of four, with the question and a blank.

    Parameters
    ----------
    persons : int
        How many people will be asked; every block of four gets each story once.
    rng : int, Generator or None
    goods : str
        What the customer in the story wants.

    Returns
    -------
    DataFrame
        ``person stock courtesy story question satisfaction``; ``satisfaction`` is empty, to be filled in. Show people
        only story and question. The filled file is a table ``vignette``.

    Examples
    --------
    >>> form = vignette_form(8, rng=1)
    >>> form.groupby(["stock", "courtesy"]).size().tolist()
    [2, 2, 2, 2]
    """
    if persons < 1:
        raise ValueError(f"persons={persons!r} must be at least 1")
    random = generator(rng)
    blocks = np.concatenate([random.permutation(4) for _ in range(-(-persons // 4))])[:persons]
    stock, courtesy = blocks // 2, blocks % 2
    shelf = np.where(
        stock == 1,
        f"They have {goods}, and you buy them.",
        f"They do not have {goods}, and you leave without.",
    )
    staff = np.where(
        courtesy == 1,
        "The staff greet you, look after you at once and speak to you warmly.",
        "The staff serve you correctly, without a friendly word.",
    )
    story = np.char.add(np.char.add("You take thirty minutes to go to a shop. ", staff.astype(str)), " ")
    return pd.DataFrame(
        {
            "person": np.arange(1, persons + 1),
            "stock": stock,
            "courtesy": courtesy,
            "story": np.char.add(story, shelf.astype(str)),
            "question": "How satisfied are you with this visit, from 0 (not at all) to 10 (completely)?",
            "satisfaction": "",
        }
    )


def vignette_sheet(form: pd.DataFrame) -> str:
    """Return the form as plain text to print and cut: one sheet a person, without saying which story it is.

    Examples
    --------
    >>> print(vignette_sheet(vignette_form(1, rng=1)).splitlines()[0])
    Sheet 1
    """
    from textwrap import fill

    scale = "  ".join(str(point) for point in range(11))
    sheets = [
        f"Sheet {row.person}\n{fill(row.story, 78)}\n{fill(row.question, 78)}\n  {scale}"
        for row in form.itertuples()
    ]
    return ("\n" + "- " * 39 + "\n").join(sheets)


def _permutation(a: np.ndarray, b: np.ndarray, draws: int, rng: int | np.random.Generator | None) -> float:
    """Two-sided p-value of the difference in means when the labels of the two cells are shuffled."""
    both, size = np.concatenate([a, b]), len(a)
    seen = abs(a.mean() - b.mean())
    total = both.sum()
    if math.comb(len(both), size) <= 20_000:
        sums = np.array([both[list(chosen)].sum() for chosen in combinations(range(len(both)), size)])
        more = 0
    else:
        order = generator(rng).random((draws, len(both))).argpartition(size - 1, axis=1)[:, :size]
        sums, more = both[order].sum(axis=1), 1
    differences = np.abs(sums / size - (total - sums) / len(b))
    return float(((differences >= seen - 1e-12).sum() + more) / (len(sums) + more))
