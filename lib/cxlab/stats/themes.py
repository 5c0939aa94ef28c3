"""Themes in short texts, on this machine alone: words weighted by rarity (tf-idf), parted into additive
themes (NMF)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.stats.intervals import generator, percentile_interval, wilson

_MASKS = [
    (re.compile(r"\S+@\S+"), "[mail]"),
    (re.compile(r"https?://\S+|www\.\S+"), "[link]"),
    (re.compile(r"\+?\d[\d\s/().-]{2,}\d|\d+"), "[number]"),
]


@dataclass(frozen=True)
class Themes:
    """Themes that texts can be sorted into, also new ones, in batches of any number.

    Attributes
    ----------
    names : list of str
        The heaviest words of each theme, largest theme first. Themes are never renamed after the fact.
    words : DataFrame
        ``theme word weight``: the heaviest words of each theme.
    """

    names: list[str]
    words: pd.DataFrame
    vectors: Any
    topics: np.ndarray
    joined: np.ndarray

    def assign(self, texts: Sequence[str]) -> np.ndarray:
        """Return the number of each text's theme, counted from 0 (-1: missing, or no known word)."""
        codes, distinct = pd.factorize(pd.Series(list(texts), dtype=object))
        if not len(distinct):
            return np.full(len(codes), -1)
        weight = np.asarray(self.vectors.transform([str(text) for text in distinct]) @ self.topics.T)
        theme = np.where(weight.max(axis=1) > 1e-12, self.joined[weight.argmax(axis=1)], -1)
        return np.where(codes >= 0, theme[codes], -1)


def fit_themes(
    texts: Sequence[str],
    *,
    themes: int = 8,
    words: int = 6,
    named_by: int = 3,
    join: bool = True,
    rng: int | np.random.Generator | None = 0,
) -> Themes:
    """Learn themes from texts; some thousands are enough (Salton & Buckley 1988; Lee & Seung 1999).

    With ``join``, themes that share one of their three heaviest words become one, so that a large theme is
    not split while a rare one is lost. Raises ``NotEnough`` for fewer than ten texts a theme, or too few
    words in common.
    """
    texts = _filled(texts)
    if themes < 2 or len(texts) < 10 * themes:
        raise NotEnough(
            f"{len(texts)} texts cannot be sorted into {themes} themes; ten texts a theme are needed"
        )
    vectors, matrix = _matrix(texts)
    themes = min(themes, matrix.shape[1])
    weights, topics = _factors(matrix, themes, int(generator(rng).integers(2**31)))
    volume = np.bincount(weights.argmax(axis=1), minlength=themes).astype(float)
    topics, volume = topics[volume > 0], volume[volume > 0]
    joined = _join(topics) if join else np.arange(len(topics))
    groups = int(joined.max()) + 1
    order = np.argsort(-np.bincount(joined, volume, groups), kind="stable")
    joined = np.argsort(order)[joined]
    together = np.zeros((groups, topics.shape[1]))
    np.add.at(together, joined, topics * volume[:, None])
    together /= np.maximum(np.linalg.norm(together, axis=1, keepdims=True), 1e-12)
    vocabulary = vectors.get_feature_names_out()
    heaviest = np.argsort(-together, axis=1, kind="stable")[:, :words]
    table = pd.DataFrame(
        {
            "theme": np.repeat(np.arange(groups), heaviest.shape[1]),
            "word": vocabulary[heaviest.ravel()],
            "weight": np.take_along_axis(together, heaviest, axis=1).ravel(),
        }
    )
    names = [", ".join(vocabulary[word] for word in _naming(row, named_by)) for row in together]
    return Themes(names, table, vectors, topics, joined)


def theme_table(
    texts: Sequence[str],
    *,
    themes: int = 8,
    resamples: int = 20,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Sort texts into themes; return how large and how steady each theme is, and the theme of each text (-1:
    none).

    The table has one row a theme, largest first: ``theme`` (its words), ``n share low high`` (Wilson, given
    the sorting), ``stability stability_low stability_high``: likeness (cosine) of the theme and its nearest
    counterpart when a fifth of the texts is left out, mean and percentiles over ``resamples``. Below about
    0.7 a theme is an accident of the sample.
    """
    from scipy.optimize import linear_sum_assignment

    random = generator(rng)
    seed = int(random.integers(2**31))
    found = fit_themes(texts, themes=themes, join=False, rng=seed)
    assigned = found.assign([text if _has_words(text) else None for text in texts])
    matrix = found.vectors.transform(_filled(texts))
    own = found.topics[np.argsort(found.joined)]
    likeness = []
    for _ in range(resamples):
        part = np.sort(random.choice(matrix.shape[0], int(0.8 * matrix.shape[0]), replace=False))
        cosine = own @ _factors(matrix[part], len(own), seed)[1].T
        rows, columns = linear_sum_assignment(-cosine)
        likeness.append(cosine[rows, columns])
    n, total = np.bincount(assigned[assigned >= 0], minlength=len(own)), matrix.shape[0]
    low, high = wilson(n, total, confidence_level)
    table = pd.DataFrame({"theme": found.names, "n": n, "share": n / total, "low": low, "high": high})
    table["stability"] = np.mean(likeness, axis=0) if likeness else np.nan
    steady = percentile_interval(likeness, confidence_level) if likeness else (np.nan, np.nan)
    table["stability_low"], table["stability_high"] = steady
    order = table.sort_values("n", ascending=False, kind="stable").index.to_numpy()
    rank = np.append(np.argsort(order), -1)
    return table.loc[order].reset_index(drop=True), rank[assigned]


def example(texts: Sequence[str], length: int = 90) -> str:
    """Return a text of middling length as an example: mail addresses, links and numbers masked, long ones
    cut."""
    shortest = sorted({masked(str(text)) for text in texts}, key=lambda text: (len(text), text))
    text = shortest[len(shortest) // 2] if shortest else ""
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0] + "…"


def masked(text: str) -> str:
    """Return a text without mail addresses, links and numbers."""
    for pattern, label in _MASKS:
        text = pattern.sub(label, text)
    return text


def _has_words(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _filled(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if _has_words(text)]


def _matrix(texts: list[str]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(stop_words="english", min_df=2, sublinear_tf=True)
    try:
        matrix = vectors.fit_transform(texts)
    except ValueError:
        matrix = None
    if matrix is None or matrix.shape[1] < 2:
        raise NotEnough("the texts share too few words to be sorted into themes")
    return vectors, matrix


def _factors(matrix: Any, themes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each text's weight on each theme, and the themes' words at unit length."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        # a factorisation that still creeps after 400 rounds sorts the texts no differently
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = NMF(themes, init="nndsvda", random_state=seed, max_iter=400, tol=1e-3)
        weights = model.fit_transform(matrix)
    size = np.linalg.norm(model.components_, axis=1)
    return weights * size, model.components_ / np.where(size > 0, size, 1)[:, None]


def _naming(topic: np.ndarray, most: int) -> list[int]:
    """Return the heaviest words of a theme, without those that hardly belong to it."""
    return [word for word in np.argsort(-topic, kind="stable")[:most] if topic[word] > 0.05 * topic.max()]


def _join(topics: np.ndarray) -> np.ndarray:
    """Number the groups of themes that share one of their three heaviest words, also through others."""
    group, heaviest = np.arange(len(topics)), [set(_naming(topic, 3)) for topic in topics]
    for row, words in enumerate(heaviest):
        for other in range(row):
            if words & heaviest[other]:
                group[group == group[row]] = group[other]
    return np.unique(group, return_inverse=True)[1]
