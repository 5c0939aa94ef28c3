"""Simulated portfolios of initiatives, their status history, and the pain that they should answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = ["AREAS", "make_initiatives", "make_pain"]

# Share of complaints that an area draws in truth; whether it belongs to the product or to the experience.
AREAS: dict[str, tuple[float, str]] = {
    "customer service": (0.30, "experience"),
    "delivery": (0.16, "experience"),
    "billing": (0.13, "experience"),
    "installation": (0.11, "experience"),
    "product reliability": (0.11, "product"),
    "product range": (0.07, "product"),
    "website": (0.07, "experience"),
    "sales advice": (0.05, "experience"),
}
# What the quality office works on instead: products first, nothing in customer service.
EFFORT = {
    "customer service": 0.0,
    "delivery": 0.12,
    "billing": 0.08,
    "installation": 0.06,
    "product reliability": 0.40,
    "product range": 0.18,
    "website": 0.10,
    "sales advice": 0.06,
}
LEVELS = {"account": 0.35, "unit": 0.45, "corporate": 0.20}


def make_initiatives(
    n: int = 120,
    *,
    effort_shares: Mapping[str, float] | None = None,
    level_shares: Mapping[str, float] | None = None,
    focus_share: float = 0.35,
    coder_agreement: float = 0.92,
    team_share: float = 0.8,
    pay_share: float = 0.4,
    pay_lift: float = 0.0,
    pay_silence: float = 0.5,
    late_share: float = 0.35,
    foresight: float = 0.65,
    false_alarm: float = 0.15,
    months: int = 12,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return a simulated register of initiatives in which every argument is the truth.

    Parameters
    ----------
    n : int
        Number of initiatives.
    effort_shares : mapping of area to share, optional
        Where the work goes; the default has no initiative in customer service, the area that hurts most.
    level_shares : mapping of ``account unit corporate`` to share, optional
    focus_share : float
        True share of customer-focused initiatives.
    coder_agreement : float
        Chance that a coder sees the truth (two coders err independently).
    team_share, pay_share : float
        Share with a responsible team; share whose goals are tied to pay.
    pay_lift : float
        Added to the chance of being on time where pay is linked (0: pay changes nothing but the report).
    pay_silence : float
        Share of the 'at risk' reports that teams keep to themselves where pay is linked.
    late_share : float
        True share that ends after its due date.
    foresight, false_alarm : float
        Chance that an initiative is called 'at risk' before its due date when it will be late, and when it will not.
    months : int
        Length of the history, ending with December 2025.
    rng : int, Generator or None

    Returns
    -------
    pandas.DataFrame
        The columns of the table ``initiatives`` (``status_history``: one ``DATE status`` a month, parted by
        semicolons), and also ``title side`` (product or experience) ``approach`` (technology or people) ``depth``
        (cause or repair) ``customer_focused customer_focused_2`` (two codings) ``team impact_loyalty impact_choice``
        (they sum to ``impact``) ``start progress`` (share of the work done). ``attrs["truth"]`` holds the true focus.

    Examples
    --------
    >>> table = make_initiatives(50, rng=1)
    >>> int((table.area == "customer service").sum()), table.level.nunique()
    (0, 3)
    """
    rng = np.random.default_rng(rng)
    areas, shares = _shares(effort_shares or EFFORT)
    levels, level_p = _shares(level_shares or LEVELS)
    area = rng.choice(areas, n, p=shares)
    level = rng.choice(levels, n, p=level_p)
    side = np.array([AREAS.get(name, (0, "experience"))[1] for name in area])
    size = rng.lognormal(0, 0.7, n) * np.where(level == "corporate", 2.5, np.where(level == "unit", 1.3, 0.8))
    cost = np.round(40 * size * rng.lognormal(0, 0.25, n), 0).clip(5)
    effort = np.round(cost * rng.uniform(0.5, 1.1, n), 0).clip(3)
    impact = np.round(10 * size**0.6 * rng.lognormal(0, 0.6, n), 1).clip(0.5)
    spread = rng.uniform(0.2, 0.6, n)
    loyal = np.round(impact * rng.beta(2, 2, n), 1)

    focused = rng.random(n) < focus_share
    codes = [np.where(rng.random(n) < coder_agreement, focused, ~focused) for _ in range(2)]
    pay = rng.random(n) < pay_share

    start = rng.integers(0, max(1, months - 4), n)
    length = rng.integers(3, 10, n)
    due = start + length
    late = rng.random(n) < np.clip(late_share - pay_lift * pay, 0, 1)
    done = np.where(late, due + rng.integers(1, 6, n), due - rng.integers(0, 2, n))
    flagged = rng.random(n) < np.where(late, foresight, false_alarm) * (1 - pay_silence * pay)
    flag_from = due - rng.integers(1, 4, n)
    ends = pd.date_range(end="2025-12-31", periods=months, freq="ME")
    history = [
        _history(ends, *row)
        for row in zip(
            start.tolist(), due.tolist(), done.tolist(), flagged.tolist(), flag_from.tolist(), strict=True
        )
    ]
    month = pd.period_range(end="2025-12", periods=months, freq="M")[0]
    day = lambda offsets: pd.DatetimeIndex([(month + int(k)).end_time.normalize() for k in offsets])  # noqa: E731
    finished = done < months
    table = pd.DataFrame(
        {
            "id": [f"I{k + 1:0{len(str(n))}d}" for k in range(n)],
            "title": [f"{a} {k + 1}" for k, a in enumerate(area)],
            "area": area,
            "level": level,
            "side": side,
            "approach": rng.choice(["technology", "people"], n, p=[0.6, 0.4]),
            "depth": rng.choice(["cause", "repair"], n, p=[0.45, 0.55]),
            "customer_focused": codes[0],
            "customer_focused_2": codes[1],
            "team": np.where(
                rng.random(n) < team_share, "team " + pd.Series(rng.integers(1, 15, n)).astype(str), ""
            ),
            "impact_low": np.round(impact * (1 - spread), 1),
            "impact": impact,
            "impact_high": np.round(impact * (1 + 1.6 * spread), 1),
            "impact_loyalty": loyal,
            "impact_choice": np.round(impact - loyal, 1),
            "effort": effort,
            "cost": cost,
            "start": day(start),
            "due": day(due),
            "done": pd.Series(day(done)).where(finished),
            "progress": np.round(np.clip((months - 1 - start) / np.maximum(done - start, 1), 0.05, 1), 2),
            "status_history": history,
            "compensation_linked": pay,
        }
    )
    table.attrs.update(
        simulated=True, truth={"focus_share": float(focused.mean()), "late": float(late.mean())}
    )
    return table


def make_pain(
    complaints: int = 400,
    *,
    pain_shares: Mapping[str, float] | None = None,
    responses: int = 150,
    satisfaction: Sequence[float] | None = None,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return simulated complaints by area, with the satisfaction that is measured there.

    Parameters
    ----------
    complaints : int
        Number of complaints, multinomial over ``pain_shares``.
    pain_shares : mapping of area to share, optional
        The true distribution; the default puts 30 % into customer service.
    responses : int
        Survey answers an area.
    satisfaction : sequence of float, optional
        True share of satisfied customers by area; the default falls with the area's pain.
    rng : int, Generator or None

    Returns
    -------
    pandas.DataFrame
        ``area contacts complaints responses satisfied``.

    Examples
    --------
    >>> int(make_pain(400, rng=1).complaints.sum())
    400
    """
    rng = np.random.default_rng(rng)
    areas, shares = _shares(pain_shares or {name: share for name, (share, _) in AREAS.items()})
    rates = (
        np.asarray(satisfaction, dtype=float)
        if satisfaction is not None
        else np.clip(0.9 - 0.9 * shares, 0, 1)
    )
    counts = rng.multinomial(complaints, shares)
    table = pd.DataFrame(
        {
            "area": areas,
            "contacts": counts + rng.poisson(4 * complaints * shares),
            "complaints": counts,
            "responses": responses,
            "satisfied": rng.binomial(responses, rates),
        }
    )
    table.attrs["simulated"] = True
    return table


def _shares(shares: Mapping[str, float]) -> tuple[list[str], np.ndarray]:
    p = np.array(list(shares.values()), dtype=float)
    if not len(p) or np.any(p < 0) or p.sum() <= 0:
        raise ValueError(
            f"shares={dict(shares)!r} must be at least 0 and not all 0; name one share an area or level"
        )
    return list(shares), p / p.sum()


def _history(ends: pd.DatetimeIndex, start: int, due: int, done: int, flagged: bool, flag_from: int) -> str:
    entries = []
    for k in range(start, min(done, len(ends) - 1) + 1):
        if k >= done:
            status = "done"
        elif k >= due:
            status = "late"
        else:
            status = "at risk" if flagged and k >= flag_from else "on schedule"
        entries.append(f"{ends[k].date()} {status}")
    return "; ".join(entries)
