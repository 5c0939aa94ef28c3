"""Themes in short texts, on this machine alone: words weighted by rarity (tf-idf), parted by NMF."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.stats.intervals import wilson


@dataclass(frozen=True)
class Themes:
    """Themes that texts can be sorted into, also new ones; ``names`` are heaviest words, largest first."""

    names: list[str]
    vectors: Any
    topics: np.ndarray
    joined: np.ndarray

    def assign(self, texts: Sequence[str]) -> np.ndarray:
        """Return the number of each text's theme, counted from 0 (-1: no known word)."""
        codes, distinct = pd.factorize(np.asarray(texts, dtype=object))
        weight = np.asarray(self.vectors.transform(distinct) @ self.topics.T)
        return np.where(weight.max(axis=1) > 1e-12, self.joined[weight.argmax(axis=1)], -1)[codes]


def fit_themes(
    texts: Sequence[str], *, themes: int = 8, join: bool = True, rng: int | np.random.Generator | None = 0
) -> Themes:
    """Learn themes from texts; some thousands are enough (Salton & Buckley 1988; Lee & Seung 1999).

    With ``join``, themes that share one of their three heaviest words become one, so that a large theme is
    not split while a rare one is lost. Raises ``NotEnough`` for fewer than ten texts a theme, or too few
    words in common.
    """
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import TfidfVectorizer

    if themes < 2 or len(texts) < 10 * themes:
        raise NotEnough(f"{len(texts)} texts are too few for {themes} themes; a theme needs ten texts")
    vectors = TfidfVectorizer(stop_words="english", min_df=2, sublinear_tf=True)
    try:
        matrix = vectors.fit_transform(texts)
    except ValueError:  # no word that counts stands in two texts
        matrix = np.empty((0, 0))
    if matrix.shape[1] < 2:
        raise NotEnough("the texts share too few words to be sorted into themes")
    themes = min(themes, matrix.shape[1])
    weights, topics = _factors(matrix, themes, int(np.random.default_rng(rng).integers(2**31)))
    volume = np.bincount(weights.argmax(axis=1), minlength=themes).astype(float)
    topics, volume = topics[volume > 0], volume[volume > 0]
    heaviest = [set(_naming(topic)) for topic in topics]
    alike = [[one is other or bool(join and one & other) for other in heaviest] for one in heaviest]
    joined = connected_components(np.array(alike))[1]  # also through others
    order = np.argsort(-np.bincount(joined, volume), kind="stable")
    joined = np.argsort(order)[joined]
    together = pd.DataFrame(topics * volume[:, None]).groupby(joined).sum().to_numpy()
    words = vectors.get_feature_names_out()
    return Themes([", ".join(words[_naming(row)]) for row in together], vectors, topics, joined)


def theme_table(
    texts: Sequence[str], *, themes: int = 8, resamples: int = 20, confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> pd.DataFrame:  # fmt: skip
    """Sort texts into themes; return how large and how steady each theme is.

    One row a theme, largest first: ``theme`` (its words), ``n share low high`` (Wilson, given the sorting),
    ``stability``: mean likeness (cosine) of the theme and its nearest counterpart when a fifth of the texts
    is left out, over ``resamples``. Below about 0.7 a theme is an accident of the sample.
    """
    from scipy.optimize import linear_sum_assignment

    random = np.random.default_rng(rng)
    seed = int(random.integers(2**31))
    found = fit_themes(texts, themes=themes, join=False, rng=seed)
    assigned, matrix = found.assign(texts), found.vectors.transform(texts)
    own, total = found.topics[np.argsort(found.joined)], len(texts)
    likeness = []
    for _ in range(resamples):
        part = np.sort(random.choice(total, int(0.8 * total), replace=False))
        cosine = own @ _factors(matrix[part], len(own), seed)[1].T
        likeness.append(cosine[linear_sum_assignment(-cosine)])
    n = np.bincount(assigned[assigned >= 0], minlength=len(own))
    low, high = wilson(n, total, confidence_level)
    table = pd.DataFrame({"theme": found.names, "n": n, "share": n / total, "low": low, "high": high})
    table["stability"] = np.mean(likeness, axis=0)
    return table.sort_values("n", ascending=False, kind="stable", ignore_index=True)


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


def _naming(topic: np.ndarray) -> np.ndarray:
    """Return the three heaviest words of a theme, without those that hardly belong to it."""
    heaviest = np.argsort(-topic, kind="stable")[:3]
    return heaviest[topic[heaviest] > 0.05 * topic.max()]
