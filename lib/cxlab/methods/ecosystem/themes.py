"""Themes in comments, learned on a sample and assigned in a stream; what weighs most; what only the whole sees."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import benjamini_hochberg, generator, percentile_interval, wilson
from cxlab.methods.outlets import pooled_detection

__all__ = ["ThemeModel", "fit_themes", "priorities", "spread_issues", "theme_counts"]


@dataclass(frozen=True)
class ThemeModel:
    """Themes that new texts can be sorted into, in batches of any number.

    Attributes
    ----------
    names : list of str
        The three heaviest words of each theme, largest theme first.
    words : DataFrame
        ``theme word weight``: the heaviest words of each theme.
    """

    names: list[str]
    words: pd.DataFrame
    vectors: Any
    topics: np.ndarray
    joined: np.ndarray

    def assign(self, texts: Sequence[str]) -> np.ndarray:
        """Return the theme's number of each text (-1: missing, or no known word)."""
        series = pd.Series(list(texts), dtype=object)
        codes, distinct = pd.factorize(series)
        if not len(distinct):
            return np.full(len(series), -1)
        matrix = self.vectors.transform([str(text) for text in distinct])
        weight = np.asarray(matrix @ self.topics.T)
        theme = np.where(weight.max(axis=1) > 1e-12, self.joined[weight.argmax(axis=1)], -1)
        return np.where(codes >= 0, theme[codes], -1)


def fit_themes(
    texts: Sequence[str], *, themes: int = 14, words: int = 6, rng: int | np.random.Generator | None = 0
) -> ThemeModel:
    """Learn themes from a sample of comments.

    Parameters
    ----------
    texts : list of str
        English; some thousands are enough. Missing ones are left out.
    themes : int
        How many to look for; those that share one of the three words that name them are joined, so that a large theme is
        not split while a rare one is lost.
    words : int
        How many words of each theme to keep for showing.

    Returns
    -------
    ThemeModel

    Notes
    -----
    tf-idf and non-negative matrix factorisation (Lee & Seung 1999), as in ``cx.contacts.feedback_themes``, which
    also says how stable the themes are; here the fitted words are kept, and a text goes to the theme with the
    largest projection on its (unit length) words, so that 4 million comments need no second fit.
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [str(text) for text in texts if isinstance(text, str) and text.strip()]
    if themes < 2 or len(texts) < 10 * themes:
        raise InputError(
            f"{len(texts)} comments cannot carry themes={themes}: at least 2 themes and 10 comments each"
        )
    seed = int(generator(rng).integers(2**31))
    vectors = TfidfVectorizer(stop_words="english", min_df=2, sublinear_tf=True)
    try:
        matrix = vectors.fit_transform(texts)
    except ValueError:
        matrix = np.zeros((1, 0))
    if matrix.shape[1] < themes:
        raise InputError(
            f"the comments share too few words for themes={themes}: give more, or ask for fewer themes"
        )
    model = NMF(themes, init="nndsvda", random_state=seed, max_iter=200, tol=5e-3)
    with warnings.catch_warnings():
        # a factorisation that still creeps after 200 rounds sorts the comments no differently
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights = model.fit_transform(matrix)
    size = np.linalg.norm(model.components_, axis=1)
    topics = model.components_ / np.where(size > 0, size, 1)[:, None]
    used = np.bincount((weights * size).argmax(axis=1), minlength=themes) > 0
    weights, size, topics = weights[:, used], size[used], topics[used]
    themes = len(topics)
    joined = _join(np.argsort(-topics, axis=1, kind="stable")[:, :3])
    groups = int(joined.max()) + 1
    volume = np.bincount((weights * size).argmax(axis=1), minlength=themes).astype(float)
    order = np.argsort(-np.bincount(joined, volume, groups), kind="stable")
    joined = np.argsort(order)[joined]
    together = np.zeros((groups, topics.shape[1]))
    np.add.at(together, joined, topics * volume[:, None])
    together /= np.maximum(np.linalg.norm(together, axis=1, keepdims=True), 1e-12)
    vocabulary = vectors.get_feature_names_out()
    heaviest = np.argsort(-together, axis=1, kind="stable")[:, :words]
    shown = pd.DataFrame(
        {
            "theme": np.repeat(np.arange(groups), heaviest.shape[1]),
            "word": vocabulary[heaviest.ravel()],
            "weight": np.take_along_axis(together, heaviest, axis=1).ravel(),
        }
    )
    return ThemeModel([", ".join(vocabulary[row[:3]]) for row in heaviest], shown, vectors, topics, joined)


def _join(heaviest: np.ndarray) -> np.ndarray:
    """Number the groups of rows that share an entry, also through others."""
    group = np.arange(len(heaviest))
    for row, words in enumerate(heaviest):
        for other in range(row):
            if set(words) & set(heaviest[other]):
                group[group == group[row]] = group[other]
    return np.unique(group, return_inverse=True)[1]


def theme_counts(
    batches: Iterable[pd.DataFrame],
    model: ThemeModel,
    *,
    by: Sequence[str] = ("outlet", "organisation", "role"),
) -> pd.DataFrame:
    """Count themes by outlet, organisation and role in a stream of batches (memory stays that of one batch).

    Parameters
    ----------
    batches : iterable of DataFrames
        With ``comment`` and the columns ``by``; one DataFrame will do too.

    Returns
    -------
    DataFrame
        The columns ``by``, ``theme`` (number), ``name`` and ``n``; comments without a theme are not counted.
    """
    batches = [batches] if isinstance(batches, pd.DataFrame) else batches
    by = list(by)
    total = None
    for batch in batches:
        batch = batch[batch["comment"].notna()]
        theme = model.assign(batch["comment"])
        part = batch[by].assign(theme=theme)[theme >= 0].groupby([*by, "theme"], observed=True).size()
        total = part if total is None else total.add(part, fill_value=0)
    if total is None or not len(total):
        return pd.DataFrame(columns=[*by, "theme", "name", "n"])
    table = total.astype(np.int64).rename("n").reset_index().sort_values([*by, "theme"], ignore_index=True)
    table.insert(len(by) + 1, "name", np.array(model.names, dtype=object)[table["theme"]])
    return table


def priorities(
    data: pd.DataFrame,
    *,
    issue: str = "issue",
    severity: str = "severity",
    person: str | None = "person",
    top: int = 3,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Rank issues by the harm they do, and say how steadily each is among the top.

    Parameters
    ----------
    data : DataFrame
        One row a complaint: ``issue``, ``severity`` (0 harmless .. 1 worst) and ``person`` (whose complaints are
        resampled together; None: each complaint on its own).
    top : int
        How many issues can be worked on.

    Returns
    -------
    DataFrame, most harmful first
        ``issue n share severity``; ``harm low high``: its share of all harm (share x severity, scaled to sum to 1);
        ``rank rank_low rank_high``; ``inclusion``: in how many resamples it is among the ``top``.
        ``attrs``: ``carried carried_low carried_high`` the harm of the ``top`` issues together, ``stability`` the
        lowest inclusion among them, ``stability_low stability_high`` for what the number of resamples leaves open.

    Notes
    -----
    Percentile bootstrap over people. ``carried`` picks the top anew in each resample, as a reader of a new sample
    would.

    Examples
    --------
    >>> heard = pd.DataFrame({"issue": ["queue"] * 6 + ["signs"] * 2, "severity": 0.5})
    >>> priorities(heard, person=None, top=1, bootstrap=50).harm.tolist()
    [0.75, 0.25]
    """
    data = data.dropna(subset=[issue, severity])
    if data.empty:
        raise InputError(f"no complaint has both {issue} and {severity}")
    if not data[severity].between(0, 1).all():
        raise InputError(f"{severity} must lie between 0 (harmless) and 1 (worst)")
    code, names = pd.factorize(data[issue], sort=True)
    weight, k = data[severity].to_numpy(float), len(names)
    top = min(top, k)
    who = np.arange(len(data)) if person is None else pd.factorize(data[person])[0]
    n, harm = np.bincount(code, minlength=k), np.bincount(code, weight, k)
    if not harm.sum() > 0:
        raise InputError(f"{severity} is 0 everywhere: there is no harm to rank")
    if bootstrap < 20:
        raise ValueError(
            f"bootstrap={bootstrap} must be at least 20: the stability of the top is what is asked"
        )
    rng, people = generator(rng), int(who.max()) + 1
    draws = np.empty((bootstrap, k))
    for draw in range(bootstrap):
        times = np.bincount(rng.integers(0, people, people), minlength=people)
        again = np.bincount(code, weight * times[who], k)
        draws[draw] = again / max(again.sum(), 1e-300)
    rank = np.argsort(np.argsort(-harm, kind="stable")) + 1
    ranks = np.argsort(np.argsort(-draws, axis=1, kind="stable"), axis=1) + 1
    low, high = percentile_interval(draws, confidence_level)
    rank_low, rank_high = percentile_interval(ranks, confidence_level)
    table = pd.DataFrame(
        {
            "issue": names,
            "n": n,
            "share": n / n.sum(),
            "severity": harm / np.maximum(n, 1),
            "harm": harm / harm.sum(),
            "low": low,
            "high": high,
            "rank": rank,
            "rank_low": np.floor(rank_low).astype(int),
            "rank_high": np.ceil(rank_high).astype(int),
            "inclusion": (ranks <= top).mean(axis=0),
        }
    ).sort_values("rank", ignore_index=True)
    carried = np.sort(draws, axis=1)[:, ::-1][:, :top].sum(axis=1)
    carried_low, carried_high = percentile_interval(carried, confidence_level)
    inside = (ranks <= top)[:, np.argsort(rank)[:top]]
    stability = float(inside.mean(axis=0).min())
    edge = wilson(round(stability * bootstrap), bootstrap, confidence_level)
    table.attrs.update(
        top=top,
        carried=float(table["harm"].head(top).sum()),
        carried_low=float(carried_low),
        carried_high=float(carried_high),
        stability=stability,
        stability_low=float(edge[0]),
        stability_high=float(edge[1]),
    )
    return table


def spread_issues(
    complaints: pd.DataFrame,
    rated: pd.DataFrame,
    *,
    discovery: float = 0.01,
    min_cell: int = 5,
) -> pd.DataFrame:
    """Ask of each issue whether it became more frequent, outlet by outlet and over all outlets together.

    Parameters
    ----------
    complaints : DataFrame
        One row a complaint: ``issue outlet after`` (boolean: in the second period).
    rated : DataFrame
        How many rated visits it could have come from: ``outlet after n``.

    Returns
    -------
    DataFrame, strongest pooled evidence first
        ``issue n`` (complaints); ``before after`` complaints a thousand rated visits; ``change low high`` of that,
        pooled (Mantel-Haenszel); ``p``; ``pooled`` boolean (Benjamini-Hochberg over issues); ``outlets`` how many
        outlets find it on their own; ``only_whole`` boolean: more frequent, pooled, while no outlet alone shows it.
    """
    rows = []
    base = rated.groupby(["outlet", "after"], as_index=False)["n"].sum()
    for name, part in complaints.groupby("issue", sort=True):
        count = part.groupby(["outlet", "after"]).size().rename("satisfied").reset_index()
        cells = base.merge(count, on=["outlet", "after"], how="left").fillna({"satisfied": 0})
        cells = cells[cells["n"] > 0]
        cells["satisfied"] = np.minimum(cells["satisfied"], cells["n"])
        found = pooled_detection(cells, discovery=discovery, min_cell=min_cell)
        sums = cells.groupby("after")[["n", "satisfied"]].sum()
        rate = 1000 * sums["satisfied"] / sums["n"]
        rows.append(
            (name, len(part), rate[False], rate[True], 1000 * found.change, 1000 * found.low, 1000 * found.high, found.p,
             found.detected)
        )  # fmt: skip
    columns = ["issue", "n", "before", "after", "change", "low", "high", "p", "outlets"]
    table = pd.DataFrame(rows, columns=columns)
    table["pooled"] = benjamini_hochberg(table["p"], discovery)[0]
    table["only_whole"] = table["pooled"] & (table["change"] > 0) & (table["outlets"] == 0)
    return table.sort_values("p", kind="stable", ignore_index=True)
