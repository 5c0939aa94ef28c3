"""Made-up registers of initiatives, their status reports, and the pain that they should answer."""

from collections.abc import Mapping
from functools import partial

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
SIZES = {"account": 0.8, "unit": 1.3, "corporate": 2.5}


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
    pay_share: float = 0.4,
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
    ``late_share`` ends after its due date and is called 'at risk'
    before with chance ``foresight``, others with ``false_alarm``; where pay is linked a share ``pay_silence``
    of these reports is kept back.

    The history has ``months``, ending with December 2025. Columns: those of the table ``initiatives``.
    """
    rng = np.random.default_rng(rng)
    areas, shares = _shares(effort_shares or {name: effort for name, (_, effort, _) in AREAS.items()})
    levels, level_shares = _shares(LEVELS)
    area, level = rng.choice(areas, n, p=shares), rng.choice(levels, n, p=level_shares)
    size = rng.lognormal(0, 0.7, n) * pd.Series(level).map(SIZES).to_numpy()
    impact = np.round(10 * size**0.6 * rng.lognormal(0, 0.6, n), 1).clip(0.5)
    spread = rng.uniform(0.2, 0.6, n)
    by_level = dict.fromkeys(LEVELS, focus_shares) if isinstance(focus_shares, float) else focus_shares
    focused = rng.random(n) < pd.Series(level).map(by_level).to_numpy(float)
    codes = [np.where(rng.random(n) < coder_agreement, focused, ~focused) for _ in range(2)]
    pay = rng.random(n) < pay_share
    start = rng.integers(0, max(1, months - 4), n)
    due = start + rng.integers(3, 10, n)
    late = rng.random(n) < late_share
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
            "team": np.where(rng.random(n) < 0.8, [f"team {k}" for k in rng.integers(1, 15, n)], ""),
            "impact_low": np.round(impact * (1 - spread), 1),
            "impact": impact,
            "impact_high": np.round(impact * (1 + 1.6 * spread), 1),
            "cost": np.round(40 * size * rng.lognormal(0, 0.25, n)).clip(5),
            "due": later[due],
            "done": pd.Series(later[done]).where(done < months),
            "status_history": list(map(partial(_history, ends), start, due, done, warned_from)),
            "compensation_linked": pay,
        }
    )


def make_pain(
    complaints: int = 400,
    *,
    pain_shares: Mapping[str, float] | None = None,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate complaints by area (multinomial over ``pain_shares``) and satisfaction, low where it hurts.

    Columns: area contacts complaints responses satisfied.
    """
    rng = np.random.default_rng(rng)
    areas, shares = _shares(pain_shares or {name: pain for name, (pain, _, _) in AREAS.items()})
    counts = rng.multinomial(complaints, shares)
    contacts = counts + rng.poisson(4 * complaints * shares)
    satisfied = rng.binomial(150, np.clip(0.9 - 0.9 * shares, 0, 1))
    columns = {"contacts": contacts, "complaints": counts, "responses": 150, "satisfied": satisfied}
    return pd.DataFrame({"area": areas, **columns})


def _shares(shares: Mapping[str, float]) -> tuple[list[str], np.ndarray]:
    p = np.array(list(shares.values()), dtype=float)
    if not len(p) or (p < 0).any() or p.sum() <= 0:
        raise InputError(f"shares={dict(shares)!r} must be at least 0 and not all 0, one for each area")
    return list(shares), p / p.sum()


def _history(ends: pd.DatetimeIndex, start: int, due: int, done: int, warned_from: int) -> str:
    stages = ((done, "done"), (due, "late"), (warned_from, "at risk"), (0, "on schedule"))
    months = range(start, min(done, len(ends) - 1) + 1)
    return "; ".join(f"{ends[k].date()} {next(word for since, word in stages if k >= since)}" for k in months)
