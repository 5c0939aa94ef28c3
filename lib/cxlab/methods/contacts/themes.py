"""Themes in short texts, offline: tf-idf and non-negative matrix factorisation, with their stability."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..intervals import generator, percentile_interval, wilson

__all__ = ["Themes", "feedback_themes", "theme_examples"]

_STABILITY = ["stability", "stability_low", "stability_high"]
_MASKS = [
    (re.compile(r"\S+@\S+"), "[mail]"),
    (re.compile(r"https?://\S+|www\.\S+"), "[link]"),
    (re.compile(r"\+?\d[\d\s/().-]{2,}\d|\d+"), "[number]"),
]


class Themes(NamedTuple):
    """``table``: one row a theme; ``assigned``: the theme of every text (-1: none); ``agreement`` over resamples."""

    table: pd.DataFrame
    assigned: np.ndarray
    agreement: float


def feedback_themes(
    texts: Sequence[str],
    *,
    themes: int = 6,
    words: int = 5,
    resamples: int = 10,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Themes:
    """Sort short texts into themes and say how steady each theme is.

    Parameters
    ----------
    texts : list of str
        English, one sentence or a few each; gaps and empty texts get no theme. An empty list has no themes.
    themes : int
        How many; try several and keep a number whose themes are steady.
    words : int
        How many words name a theme.
    resamples : int
        Refits on a random 80 % of the texts.
    confidence_level, rng

    Returns
    -------
    Themes
        ``table``: index ``theme``, columns ``words n share low high stability stability_low stability_high``: Wilson
        intervals given the sorting; ``stability`` is the mean cosine between a theme and its nearest counterpart in
        the resamples (below about 0.7 a theme is an accident), with the percentiles over the resamples.
        ``agreement`` is the mean adjusted Rand index of the sorting.

    Raises
    ------
    ValueError
        When there are too few texts or words.

    Notes
    -----
    Salton & Buckley (1988); Lee & Seung (1999). Themes are named by their words, never renamed after the fact.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import adjusted_rand_score

    texts = ["" if text is None or text != text else str(text) for text in texts]
    filled = np.flatnonzero([bool(text.strip()) for text in texts])
    if not texts:
        empty = pd.DataFrame(columns=["words", "n", "share", "low", "high", *_STABILITY]).rename_axis("theme")
        return Themes(empty, np.array([], dtype=int), float("nan"))
    if themes < 2 or len(filled) < 10 * themes:
        raise ValueError(
            f"{len(filled)} texts cannot carry themes={themes}: at least 2 themes and 10 texts a theme"
        )
    try:
        vectors = TfidfVectorizer(stop_words="english", min_df=2, sublinear_tf=True)
        matrix = vectors.fit_transform([texts[i] for i in filled])
    except ValueError:
        matrix = None
    if matrix is None or matrix.shape[1] < themes:
        raise ValueError(
            f"the texts share too few words for themes={themes}: give more texts, or ask for fewer themes"
        )
    random = generator(rng)
    seed = int(random.integers(2**31))
    weights, topics = _factors(matrix, themes, seed)
    sorted_to = _strongest(weights)
    likeness, agreement = [], []
    for _ in range(resamples):
        part = np.sort(random.choice(matrix.shape[0], int(0.8 * matrix.shape[0]), replace=False))
        again_weights, again = _factors(matrix[part], themes, seed)
        match, cosine = _matched(topics, again)
        likeness.append(cosine)
        agreement.append(adjusted_rand_score(sorted_to[part], _strongest(again_weights[:, match])))
    vocabulary = vectors.get_feature_names_out()
    n = np.bincount(sorted_to[sorted_to >= 0], minlength=themes)
    order = np.argsort(-n, kind="stable")
    low, high = wilson(n[order], len(filled), confidence_level)
    names = [", ".join(vocabulary[np.argsort(-topics[i], kind="stable")[:words]]) for i in order]
    steady = np.full((3, themes), np.nan)
    if likeness:
        steady = np.array([np.mean(likeness, axis=0), *percentile_interval(likeness, confidence_level)])[
            :, order
        ]
    table = pd.DataFrame(
        {
            "words": names,
            "n": n[order],
            "share": n[order] / len(filled),
            "low": low,
            "high": high,
            **dict(zip(_STABILITY, steady, strict=True)),
        },
        index=pd.RangeIndex(1, themes + 1, name="theme"),
    )
    assigned = np.full(len(texts), -1)
    rank = np.append(np.argsort(order) + 1, -1)
    assigned[filled] = rank[sorted_to]
    return Themes(table, assigned, float(np.mean(agreement)) if agreement else float("nan"))


def theme_examples(
    texts: Sequence[str],
    found: Themes,
    *,
    allowed: bool,
    per_theme: int = 1,
    min_cell: int = 5,
    length: int = 90,
) -> pd.DataFrame:
    """Return an example or two of every theme, numbers, links and mail addresses masked.

    Parameters
    ----------
    texts : the texts given to ``feedback_themes``
    found : Themes
    allowed : bool
        Whether texts of these customers may be shown at all; without it, examples are withheld.
    per_theme, min_cell, length : int
        Themes with fewer than ``min_cell`` texts get no example; longer texts are cut.

    Returns
    -------
    DataFrame
        ``theme words example``.
    """
    texts, rows = list(texts), []
    for theme, row in found.table.iterrows():
        members = np.flatnonzero(found.assigned == theme)
        if not allowed or row.n < min_cell:
            rows.append((theme, row.words, "withheld"))
            continue
        shortest = sorted(members, key=lambda i: (len(str(texts[i])), str(texts[i])))
        distinct = list(dict.fromkeys(_masked(str(texts[i]))[:length] for i in shortest))
        rows += [(theme, row.words, example) for example in distinct[len(distinct) // 2 :][:per_theme]]
    return pd.DataFrame(rows, columns=["theme", "words", "example"])


def _factors(matrix, themes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        # a factorisation that still creeps after 400 rounds sorts the texts no differently; where it is perfect, the
        # library takes the root of a rounding error
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = NMF(themes, init="nndsvda", random_state=seed, max_iter=400, tol=1e-3)
        weights = model.fit_transform(matrix)
    size = np.linalg.norm(model.components_, axis=1)
    return weights * size, model.components_ / np.where(size > 0, size, 1)[:, None]


def _strongest(weights: np.ndarray) -> np.ndarray:
    return np.where(weights.max(axis=1) > 1e-9, weights.argmax(axis=1), -1)


def _matched(topics: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import linear_sum_assignment

    cosine = topics @ again.T
    rows, columns = linear_sum_assignment(-cosine)
    return columns, cosine[rows, columns]


def _masked(text: str) -> str:
    for pattern, label in _MASKS:
        text = pattern.sub(label, text)
    return text
