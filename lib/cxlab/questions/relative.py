"""Key drivers of any DataFrame: a table in, a table out, complete cases only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.survey import Survey
from cxlab.questions.importance import (
    FACTORS,
    htmt_ratio,
    parity_shares,
    parts,
    rows_of,
    sample,
    share_table,
    shares,
)
from cxlab.stats.resampling import correlations, intervals


def relative_importance(
    data: pd.DataFrame, *, outcome: str, blocks: Mapping[str, Any], weights=None, bootstrap: int = 1000,
    confidence_level: float = 0.95, rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Split R2 among blocks of items of a DataFrame (LMG of relaimpo; Shapley value of R2; general
    dominance).

    ``blocks`` is ``{"product": ["q1", "q2"], "experience": "q7"}``, ``weights`` a column or one number a row;
    rows with a gap are left out and counted. Returns index ``block`` with ``raw`` (sums to R2), ``share low
    high``, ``slope`` (of the block's mean composite of standardised items in the joint fit) and ``spread``;
    ``attrs``: ``n dropped r2``.

    Examples
    --------
    >>> data = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [2, 1, 4, 3, 6, 5], "y": [1, 2, 3, 5, 4, 6]})
    >>> table = relative_importance(data, outcome="y", blocks={"a": "a", "b": "b"}, bootstrap=0)
    >>> table["share"].round(3).to_dict()
    {'a': 0.744, 'b': 0.256}
    """
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome, weights)
    ready, share, total = shares(survey, per_item=1)
    table = share_table(ready, share, total, confidence_level)
    table.attrs = {"n": ready.n, "dropped": len(data) - len(survey.frame), "r2": float(total[0])}
    return table.rename_axis("block")


def commonality(
    data: pd.DataFrame, *, outcome: str, blocks: Mapping[str, Any], weights=None, bootstrap: int = 1000,
    confidence_level: float = 0.95, rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Split R2 of a DataFrame into what each block explains alone and what only groups of blocks explain
    together.

    Arguments as in ``relative_importance``. Index ``part``; ``raw`` (sums to R2), ``share share_low
    share_high`` (of R2), ``adjusted low high`` (of adjusted R2).
    """
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome, weights)
    return parts(sample(survey, per_item=1), confidence_level)


def htmt(
    data: pd.DataFrame, *, blocks: Mapping[str, Any], bootstrap: int = 1000, confidence_level: float = 0.95,
    rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Return the heterotrait-monotrait ratio (HTMT+) of each pair of blocks: ``first second htmt low high``.

    A block of one item has no inside: NaN. Henseler et al. 2015; Ringle et al. 2023.
    """
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng)
    r = np.abs(correlations(rows_of(survey, survey.items).covariances.matrices))
    groups = dict(zip(survey.blocks, survey.groups(), strict=True))
    found = [
        (a, b, *intervals(htmt_ratio(r, groups[a], groups[b]), ["htmt"], confidence_level).iloc[0])
        for a, b in combinations(groups, 2)
    ]
    return pd.DataFrame(found, columns=["first", "second", "htmt", "low", "high"])


def parity_curve(
    data: pd.DataFrame, *, outcome: str, blocks: Mapping[str, Any], vary: str | None = None,
    factors: Sequence[float] = FACTORS, bootstrap: int = 1000, confidence_level: float = 0.95, rng=None,
) -> pd.DataFrame:  # fmt: skip
    """Return the shares if one block (the first) differed ``factor`` times as much.

    ``factor block share low high``.
    """
    survey = _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome)
    return parity_shares(survey, vary or next(iter(survey.blocks)), factors, per_item=1)[0]


def _survey_of(data, blocks, bootstrap, confidence_level, rng, outcome="", weights=None) -> Survey:
    """Return the complete cases of a DataFrame as a survey."""
    if not isinstance(blocks, Mapping) or not blocks or not all(len(items) for items in blocks.values()):
        raise InputError(
            "blocks must be a mapping of a name to its columns, such as {'product': ['q1', 'q2']}"
        )
    if not 0 < confidence_level < 1:
        raise InputError(f"confidence_level={confidence_level!r} must lie between 0 and 1, for example 0.95")
    tidy = {str(b): [items] if isinstance(items, str) else list(items) for b, items in blocks.items()}
    columns = list(
        dict.fromkeys([*(i for items in tidy.values() for i in items), *([outcome] if outcome else [])])
    )
    absent = [column for column in columns if column not in data]
    if absent:
        raise InputError(f"the data have no column {absent[0]!r}; columns are {', '.join(map(str, data))}")
    text = [column for column in columns if not pd.api.types.is_numeric_dtype(data[column])]
    if text:
        raise InputError(f"column {text[0]!r} holds text, not numbers; recode it first")
    frame = data[columns].replace([np.inf, -np.inf], np.nan)
    if weights is not None:
        frame["(weights)"] = data[weights] if isinstance(weights, str) else np.asarray(weights, float)
        if (frame["(weights)"] < 0).any():
            raise InputError("weights must be 0 or more")
    return Survey(
        frame=frame.dropna(), blocks=tidy, outcome=outcome, weights=None if weights is None else "(weights)",
        bootstrap=bootstrap, confidence_level=confidence_level, seed=rng,
    )  # fmt: skip
