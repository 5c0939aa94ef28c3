"""Made-up registers of initiatives, their status reports, and the pain that they should answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.table import Table

# Area: share of complaints, share of initiatives, side. The quality office works on products, and not at all
# on customer service, where it hurts most.
AREAS: dict[str, tuple[float, float, str]] = {
    "customer service": (0.30, 0.00, "experience"),
    "delivery": (0.16, 0.12, "experience"),
    "billing": (0.13, 0.08, "experience"),
    "installation": (0.11, 0.06, "experience"),
    "product reliability": (0.11, 0.40, "product"),
    "product range": (0.07, 0.18, "product"),
    "website": (0.07, 0.10, "experience"),
    "sales advice": (0.05, 0.06, "experience"),
}
LEVELS = {"account": 0.35, "unit": 0.45, "corporate": 0.20}


def sample_initiatives() -> Table:
    """Return the default made-up register, with the complaints by area beside it."""
    return Table(
        frame=make_initiatives(rng=1), kind="initiatives", name="simulated-initiatives",
        title="Simulated register of initiatives", licence="BSD-3-Clause (this project)", simulated=True,
        related={"pain": make_pain(rng=1)},
    )  # fmt: skip


def make_initiatives(
    n: int = 120,
    *,
    effort_shares: Mapping[str, float] | None = None,
    focus_shares: Mapping[str, float] | float = 0.35,
    coder_agreement: float = 0.92,
    team_share: float = 0.8,
    pay_share: float = 0.4,
    pay_lift: float = 0.0,
    pay_silence: float = 0.5,
    late_share: float = 0.35,
    foresight: float = 0.65,
    false_alarm: float = 0.15,
    months: int = 12,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate a register of initiatives.

    The truth: work is spread over areas by ``effort_shares``; a share ``focus_shares`` (of all, or by level)
    is customer-focused, and each of two readers sees that with chance ``coder_agreement``; a share
    ``late_share`` ends after its due date (less ``pay_lift`` where pay is linked) and is called 'at risk'
    before with chance ``foresight``, others with ``false_alarm``; where pay is linked a share ``pay_silence``
    of these reports is kept back.

    Parameters
    ----------
    effort_shares : mapping of area to share, optional
        Default: none in customer service, the area that hurts most.
    team_share, pay_share : float
        Share with a responsible team; share whose goals are tied to pay.
    months : int
        Length of the history, ending with December 2025.

    Returns
    -------
    DataFrame
        The columns of the table ``initiatives``; ``status_history`` has one ``DATE STATUS`` a month, parted
        by semicolons.
    """
    rng = np.random.default_rng(rng)
    areas, shares = _shares(effort_shares or {name: effort for name, (_, effort, _) in AREAS.items()})
    levels, level_shares = _shares(LEVELS)
    area, level = rng.choice(areas, n, p=shares), rng.choice(levels, n, p=level_shares)
    size = (
        rng.lognormal(0, 0.7, n)
        * pd.Series(level).map({"account": 0.8, "unit": 1.3, "corporate": 2.5}).to_numpy()
    )
    impact, spread = (
        np.round(10 * size**0.6 * rng.lognormal(0, 0.6, n), 1).clip(0.5),
        rng.uniform(0.2, 0.6, n),
    )
    by_level = dict.fromkeys(LEVELS, focus_shares) if isinstance(focus_shares, float) else focus_shares
    focused = rng.random(n) < pd.Series(level).map(by_level).to_numpy(float)
    codes = [np.where(rng.random(n) < coder_agreement, focused, ~focused) for _ in range(2)]
    pay = rng.random(n) < pay_share
    start = rng.integers(0, max(1, months - 4), n)
    due = start + rng.integers(3, 10, n)
    late = rng.random(n) < np.clip(late_share - pay_lift * pay, 0, 1)
    done = np.where(late, due + rng.integers(1, 6, n), due - rng.integers(0, 2, n))
    warned = rng.random(n) < np.where(late, foresight, false_alarm) * (1 - pay_silence * pay)
    warned_from = np.where(warned, due - rng.integers(1, 4, n), 10**6)
    ends = pd.date_range(end="2025-12-31", periods=months, freq="ME")
    later = pd.date_range(start=ends[0], periods=months + 20, freq="ME")
    return pd.DataFrame(
        {
            "id": [f"I{k + 1:0{len(str(n))}d}" for k in range(n)],
            "title": [f"{name} {k + 1}" for k, name in enumerate(area)],
            "area": area,
            "level": level,
            "side": [AREAS.get(name, (0, 0, "experience"))[2] for name in area],
            "customer_focused": codes[0],
            "customer_focused_2": codes[1],
            "team": np.where(
                rng.random(n) < team_share, "team " + pd.Series(rng.integers(1, 15, n)).astype(str), ""
            ),
            "impact_low": np.round(impact * (1 - spread), 1),
            "impact": impact,
            "impact_high": np.round(impact * (1 + 1.6 * spread), 1),
            "cost": np.round(40 * size * rng.lognormal(0, 0.25, n)).clip(5),
            "due": later[due],
            "done": pd.Series(later[done]).where(done < months),
            "status_history": [
                _history(ends, *row) for row in zip(start, due, done, warned_from, strict=True)
            ],
            "compensation_linked": pay,
        }
    )


def make_pain(
    complaints: int = 400,
    *,
    pain_shares: Mapping[str, float] | None = None,
    responses: int = 150,
    satisfaction: Sequence[float] | None = None,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate complaints by area (multinomial over ``pain_shares``) and how many are satisfied there.

    ``satisfaction`` is the true share of satisfied customers by area; by default it falls with the area's
    pain. Columns: area contacts complaints responses satisfied.
    """
    rng = np.random.default_rng(rng)
    areas, shares = _shares(pain_shares or {name: pain for name, (pain, _, _) in AREAS.items()})
    rates = 0.9 - 0.9 * shares if satisfaction is None else np.asarray(satisfaction, dtype=float)
    counts = rng.multinomial(complaints, shares)
    contacts = counts + rng.poisson(4 * complaints * shares)
    satisfied = rng.binomial(responses, np.clip(rates, 0, 1))
    columns = {"contacts": contacts, "complaints": counts, "responses": responses, "satisfied": satisfied}
    return pd.DataFrame({"area": areas, **columns})


def _shares(shares: Mapping[str, float]) -> tuple[list[str], np.ndarray]:
    p = np.array(list(shares.values()), dtype=float)
    if not len(p) or (p < 0).any() or p.sum() <= 0:
        raise InputError(f"shares={dict(shares)!r} must be at least 0 and not all 0, one for each area")
    return list(shares), p / p.sum()


def _history(ends: pd.DatetimeIndex, start: int, due: int, done: int, warned_from: int) -> str:
    entries = []
    for k in range(start, min(done, len(ends) - 1) + 1):
        status = (
            "done" if k >= done else "late" if k >= due else "at risk" if k >= warned_from else "on schedule"
        )
        entries.append(f"{ends[k].date()} {status}")
    return "; ".join(entries)
