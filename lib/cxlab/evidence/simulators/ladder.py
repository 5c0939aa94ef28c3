"""Simulated accounts on the five levels of satisfaction: order, dependence, hidden wins and renewal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["LEVELS", "make_ladder"]

LEVELS = ["company", "business users", "technology organisation", "technology team", "key individuals"]


def make_ladder(
    accounts: int = 200,
    *,
    strength: float = 2.0,
    difficulty: Sequence[float] = (72, 66, 60, 56, 50),
    rule: str = "minimum",
    slope: float = 0.18,
    hidden_share: float = 0.35,
    hidden_penalty: float = 8.0,
    hostage_share: float = 0.25,
    dependence_falls: float = 0.3,
    hostage_renewal: float = 0.92,
    metrics_missing: float = 0.2,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return simulated ladder scores in which every argument is the truth.

    Parameters
    ----------
    accounts : int
        Number of accounts.
    strength : float
        How strongly the account's general state drives all levels, against each level's own noise: the latent SD is
        ``8 * strength`` points and the noise SD 8; each level is first reached about ``45 * strength`` days after
        the one before. At 0 the levels are independent and come in no order.
    difficulty : sequence of float
        Mean score (0..100) of each level, easiest first; its length is the number of levels.
    rule : {"minimum", "mean"}
        Whether renewal follows the lowest level or the average.
    slope : float
        Log-odds of renewal per point of that rule's score (about its median).
    hidden_share : float
        Share of accounts whose last level nobody has seen (its score is missing, yet it acts on renewal).
    hidden_penalty : float
        How many points lower the last level lies where it is hidden.
    hostage_share : float
        Share of accounts with high dependence.
    dependence_falls : float
        Share of the highly dependent accounts that are freed before the renewal.
    hostage_renewal : float
        Chance that an account renews while it depends, whatever its satisfaction.
    metrics_missing : float
        Share of accounts without agreed metrics.
    rng : int, Generator or None

    Returns
    -------
    pandas.DataFrame
        One row an account and level: ``account level score dependence renewed first_attained``, and also
        ``spread`` (SD of the answers behind the score), ``dependence_later`` (0..100 at renewal), ``metrics_agreed``
        (of five), ``not_replaced dependable not_held`` (0..100, the technology organisation's conditions, whose
        lowest is its score), ``trust recommend`` (0..10) and ``extra`` (something special was done), the last seven
        equal on all rows of an account. ``attrs["truth"]`` holds the complete scores' mean pass-all share at 50.

    Examples
    --------
    >>> table = make_ladder(40, rng=1)
    >>> table.shape[0], table.level.unique().tolist()[0]
    (200, 'company')
    """
    if rule not in ("minimum", "mean"):
        raise ValueError(f"rule={rule!r} must be 'minimum' or 'mean'")
    rng = np.random.default_rng(rng)
    hard = np.asarray(difficulty, dtype=float)
    names = (
        LEVELS[: len(hard)] if len(hard) <= 5 else [*LEVELS, *(f"level {k}" for k in range(6, len(hard) + 1))]
    )
    general = rng.normal(0, 1, accounts)
    score = hard + 8 * strength * general[:, None] + rng.normal(0, 8, (accounts, len(hard)))
    hidden = rng.random(accounts) < hidden_share
    score[:, -1] -= hidden_penalty * hidden
    score = np.round(np.clip(score, 0, 100), 1)

    state = score.min(axis=1) if rule == "minimum" else score.mean(axis=1)
    chance = 1 / (1 + np.exp(-slope * (state - np.median(state))))
    tied = rng.random(accounts) < hostage_share
    before = np.round(np.where(tied, rng.uniform(70, 100, accounts), rng.uniform(0, 55, accounts)), 0)
    freed = tied & (rng.random(accounts) < dependence_falls)
    later = np.where(freed, np.round(before * rng.uniform(0.2, 0.5, accounts)), before)
    renewed = rng.random(accounts) < np.where(tied & ~freed, np.maximum(chance, hostage_renewal), chance)

    days = np.exp(-general / 4)[:, None] * (
        rng.gamma(3, 60, score.shape) + 45 * strength * np.arange(len(hard))
    )
    day = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.round(days).astype(int).ravel(), unit="D")
    attained = pd.Series(day).where((score >= 50).ravel() & (day <= pd.Timestamp("2025-12-31")))

    third = score[:, min(2, len(hard) - 1)]
    conditions = np.clip(third[:, None] + rng.exponential(12, (accounts, 3)), 0, 100)
    conditions[np.arange(accounts), rng.integers(0, 3, accounts)] = third
    trust = np.round(np.clip(score.mean(axis=1) / 10 + rng.normal(0, 1, accounts), 0, 10))
    extra = rng.random(accounts) < 0.4
    recommend = np.round(np.clip(trust * 0.8 + 2.6 + 0.8 * extra + rng.normal(0, 1, accounts), 0, 10))
    agreed = np.where(rng.random(accounts) < metrics_missing, 0, rng.integers(2, 6, accounts))

    shown = score.copy()
    shown[hidden, -1] = np.nan
    each = len(hard)
    table = pd.DataFrame(
        {
            "account": np.repeat([f"A{k + 1:0{len(str(accounts))}d}" for k in range(accounts)], each),
            "level": np.tile(names, accounts),
            "score": shown.ravel(),
            "dependence": np.repeat(before, each),
            "renewed": np.repeat(renewed, each),
            "first_attained": attained,
            "spread": np.round(rng.gamma(4, 3, accounts * each), 1),
            "dependence_later": np.repeat(later, each),
            "metrics_agreed": np.repeat(agreed, each),
            "not_replaced": np.repeat(np.round(conditions[:, 0], 1), each),
            "dependable": np.repeat(np.round(conditions[:, 1], 1), each),
            "not_held": np.repeat(np.round(conditions[:, 2], 1), each),
            "trust": np.repeat(trust, each),
            "recommend": np.repeat(recommend, each),
            "extra": np.repeat(extra, each),
        }
    )
    table.attrs.update(simulated=True, truth={"pass_all": float((score >= 50).all(axis=1).mean())})
    return table
