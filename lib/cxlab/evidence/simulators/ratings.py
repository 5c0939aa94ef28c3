"""Raters who label statements: how far they agree, and how often each label is given, is the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

__all__ = ["FORMS", "make_ratings"]

# form letter -> (statements, labels, truth: share of each label)
FORMS: dict[str, tuple[int, tuple[str, ...], tuple[float, ...]]] = {
    "s": (36, ("product", "experience", "both"), (0.40, 0.35, 0.25)),
    "m": (12, ("interaction", "bought thing", "capability", "brand"), (0.55, 0.20, 0.10, 0.15)),
    "t": (20, ("interactions only", "product included", "unclear"), (0.60, 0.30, 0.10)),
    "d": (12, ("alternative to product", "product included", "unclear"), (0.65, 0.25, 0.10)),
}


def make_ratings(
    raters: int = 10,
    *,
    agreement: float = 0.4,
    shares: Mapping[str, Sequence[float]] | None = None,
    statements: Mapping[str, int] | int | None = None,
    wording: float = 0.15,
    missing: float = 0.0,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate the 'ask ten people' forms with a known agreement.

    Every statement has one true label, drawn with ``shares``. A rater gives it with probability
    ``sqrt(agreement)`` and otherwise draws from ``shares`` again, so that Krippendorff's alpha (nominal) is
    ``agreement`` in expectation and every label keeps its share.

    Parameters
    ----------
    raters : int
    agreement : number, 0..1
        TRUTH: alpha of every form.
    shares : mapping form letter -> shares of its labels, optional
        TRUTH: how often each label is given; see ``FORMS`` for the labels and the defaults.
    statements : int or mapping form letter -> int, optional
        Statements of each form; a form set to 0 is left out. An int keeps the form ``s`` alone.
    wording : number, -1..1
        TRUTH: what the second wording (statements ``s01b`` ...) adds to the share of 'experience', taken from
        'product'. 0 leaves the second wording out.
    missing : number, 0..1
        Share of labels left empty at random.
    rng : int, Generator or None

    Returns
    -------
    pandas.DataFrame
        The table ``ratings``: ``rater statement label``; ``attrs["simulated"]`` is True.

    Examples
    --------
    >>> make_ratings(2, statements=2, wording=0, rng=0).statement.tolist()
    ['s01', 's02', 's01', 's02']
    """
    if not 0 <= agreement <= 1 or not 0 <= missing < 1 or raters < 1:
        raise InputError(
            f"make_ratings: agreement={agreement} must lie in 0..1, missing={missing} in 0..1 and raters={raters} "
            "must be 1 or more"
        )
    random = np.random.default_rng(rng)
    sizes = {"s": statements} if isinstance(statements, int) else dict(statements or {})
    parts = []
    for letter, (usual, labels, usual_shares) in FORMS.items():
        size = sizes.get(letter, 0 if isinstance(statements, int) else usual)
        share = np.asarray((shares or {}).get(letter, usual_shares), float)
        if len(share) != len(labels) or (share < 0).any() or not np.isclose(share.sum(), 1):
            raise InputError(f"make_ratings: shares[{letter!r}] must be {len(labels)} shares that sum to 1")
        names = [f"{letter}{i + 1:02d}" for i in range(size)]
        place = random.random(size)
        parts.append(_form(random, raters, names, labels, share, agreement, place))
        if letter == "s" and wording and size:
            moved = share + np.array([-wording, wording, 0.0])
            if (moved < 0).any():
                raise InputError(
                    f"make_ratings: wording={wording} takes more from a label than its share; use less"
                )
            # The same events told again: each statement keeps its place, so only the wording moves its true label.
            parts.append(
                _form(random, raters, [f"{name}b" for name in names], labels, moved, agreement, place)
            )
    table = pd.concat(parts, ignore_index=True)
    if missing:
        table.loc[random.random(len(table)) < missing, "label"] = None
    table.attrs.update(name="simulated-ratings", table="ratings", simulated=True)
    return table


def _form(
    random: np.random.Generator,
    raters: int,
    names: list[str],
    labels: Sequence[str],
    share: np.ndarray,
    agreement: float,
    place: np.ndarray,
) -> pd.DataFrame:
    size = (raters, len(names))
    true = np.minimum(np.searchsorted(np.cumsum(share), place, side="right"), len(labels) - 1)
    own = random.choice(len(labels), size, p=share)
    given = np.where(random.random(size) < np.sqrt(agreement), true, own)
    return pd.DataFrame(
        {
            "rater": np.repeat([f"r{i + 1:02d}" for i in range(raters)], len(names)),
            "statement": np.tile(names, raters),
            "label": np.asarray(labels, dtype=object)[given].ravel(),
        }
    )
