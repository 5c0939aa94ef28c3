"""Four small made-up tables: levels of accounts, contacts, labels of raters and stories drawn by lot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.table import Table

LEVELS = ("company", "business users", "technology organisation", "technology team", "key individuals")
_HERE = "BSD-3-Clause (this project)"


def sample_accounts() -> Table:
    """Return the default made-up accounts."""
    return _sample("accounts", "Simulated accounts on five levels", make_accounts(rng=1))


def _sample(kind: str, title: str, frame: pd.DataFrame) -> Table:
    return Table(frame=frame, kind=kind, name=f"simulated-{kind}", title=title, licence=_HERE, simulated=True)


def make_accounts(
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
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate accounts on the levels of satisfaction: order, dependence, hidden levels and renewal.

    The truth: an account's general state moves all levels by ``8 * strength`` points (SD) against a noise of 8 in each,
    so at ``strength`` 0 the levels are independent and come in no order. ``difficulty`` is each level's mean score,
    easiest first. Renewal follows the lowest level (``rule="minimum"``) or the ``"mean"``, with ``slope`` log-odds a
    point. The last level of a share ``hidden_share`` was never asked, and lies ``hidden_penalty`` points lower. A share
    ``hostage_share`` depends on the vendor and renews with chance ``hostage_renewal`` whatever its satisfaction;
    ``dependence_falls`` of those are freed before they renew. ``metrics_missing`` have no agreed metrics.

    Returns
    -------
    DataFrame
        One row an account and level: ``account level score dependence renewed first_attained``, and ``spread
        dependence_later metrics_agreed not_replaced dependable not_held trust recommend extra``, all but ``spread``
        the same on each row of an account. ``attrs["truth"]["pass_all"]``: the share with every level at 50 or more.
    """
    if rule not in ("minimum", "mean"):
        raise InputError(f"rule={rule!r} must be 'minimum' or 'mean'")
    rng = np.random.default_rng(rng)
    hard, each = np.asarray(difficulty, dtype=float), len(difficulty)
    names = [*LEVELS, *(f"level {k}" for k in range(6, each + 1))][:each]
    general = rng.normal(0, 1, accounts)
    score = hard + 8 * strength * general[:, None] + rng.normal(0, 8, (accounts, each))
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

    waits = rng.gamma(3, 60, score.shape) + 45 * strength * np.arange(each)
    days = np.round(np.exp(-general / 4)[:, None] * waits).astype(int).ravel()
    day = pd.Series(pd.Timestamp("2023-01-01") + pd.to_timedelta(days, unit="D"))
    attained = day.where((score >= 50).ravel() & (day <= pd.Timestamp("2025-12-31")).to_numpy())

    third = score[:, min(2, each - 1)]  # the lowest of three conditions is the third level's score
    conditions = np.clip(third[:, None] + rng.exponential(12, (accounts, 3)), 0, 100)
    conditions[np.arange(accounts), rng.integers(0, 3, accounts)] = third
    trust = np.round(np.clip(score.mean(axis=1) / 10 + rng.normal(0, 1, accounts), 0, 10))
    extra = rng.random(accounts) < 0.4
    recommend = np.round(np.clip(trust * 0.8 + 2.6 + 0.8 * extra + rng.normal(0, 1, accounts), 0, 10))
    agreed = np.where(rng.random(accounts) < metrics_missing, 0, rng.integers(2, 6, accounts))

    shown = score.copy()
    shown[hidden, -1] = np.nan
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
    table.attrs["truth"] = {"pass_all": float((score >= 50).all(axis=1).mean())}
    return table
