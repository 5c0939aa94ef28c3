"""Made-up journeys through six stages, what firms do about each stage, and registers of initiatives."""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import NormalDist

import numpy as np
import pandas as pd

STAGES = ("awareness", "exploration", "evaluation", "purchase", "implementation", "use")
FUNCTIONS = ("Product", "Marketing", "Sales", "Service", "Finance")
HAZARDS = (0.10, 0.12, 0.15, 0.20, 0.10)  # a day, from each stage to the next
OBSERVED = 365.0  # days
REPEAT = 0.4  # chance to buy again
SAYS = 0.65  # share of employees that call quality a priority
_LEADS = (1, 1, 2, 2, 3, 3)  # the function that usually does each stage

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
LEVELS = {"account": (0.35, 0.8), "unit": (0.45, 1.3), "corporate": (0.20, 2.5)}  # share, usual size
PAY = 0.4  # share of initiatives with linked pay


def make_events(
    n: int = 2_000, *, leaving: float = 0.03, segments: Mapping[str, float] | None = None,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate the events of customers who move through six stages or leave.

    The truth: ``n`` customers enter evenly over the first half of a year, after which nothing is seen. From
    stage k a customer goes on with hazard ``HAZARDS[k]`` a day (times the segment's factor, by default direct
    1.0, partner 0.8, online 1.3) and leaves with hazard ``leaving``, after the last stage with a tenth of it;
    both are constant, so the share that goes on at all is ``h / (h + leaving)``. Who came through buys again
    with probability ``REPEAT``, unless they leave first.

    Columns: ``customer_id event timestamp segment``; events are the stages, ``repeat purchase`` and ``left``.
    """
    rng = np.random.default_rng(rng)
    segments = dict(segments or {"direct": 1.0, "partner": 0.8, "online": 1.3})
    which = rng.integers(0, len(segments), n)
    factor = np.array(list(segments.values()))[which]
    who, time = np.arange(n), rng.uniform(0, OBSERVED / 2, n)
    parts = [(who, STAGES[0], time)]
    for stage, hazard in zip(STAGES[1:], HAZARDS, strict=True):
        ahead = rng.exponential(1 / (hazard * factor[who]))
        away = rng.exponential(1 / leaving, who.size)
        goes = ahead < away
        parts.append((who[~goes], "left", (time + away)[~goes]))
        who, time = who[goes], (time + ahead)[goes]
        parts.append((who, stage, time))
    leaves, again = (time + rng.exponential(days, who.size) for days in (10 / leaving, 40))
    returns = (rng.random(who.size) < REPEAT) & (again < leaves)
    parts += [(who, "left", leaves), (who[returns], "repeat purchase", again[returns])]
    made = pd.concat([pd.DataFrame({"who": who, "event": event, "days": time}) for who, event, time in parts])
    made = made[made["days"] <= OBSERVED].sort_values(["days", "who"], kind="stable", ignore_index=True)
    after = pd.to_timedelta((made["days"] * 86_400).round(), unit="s")
    names = np.array(list(segments))[which[made["who"]]]
    made = made.assign(
        customer_id=made["who"] + 1, timestamp=pd.Timestamp("2024-01-01") + after, segment=names
    )
    return made[["customer_id", "event", "timestamp", "segment"]]


def make_stages(
    n: int = 2_000, *, yields: Sequence[float] = (0.97, 0.95, 0.93, 0.96, 0.94, 0.92),
    correlation: float = 0.4, without_owner: int = 1, two_owners: int = 1, respondents: int = 120,
    gap: float = 0.25, rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate each stage: faults of customers, who owns it, and words and deeds of employees.

    The truth: stage k goes right for a share ``yields[k]`` of customers; faults of one customer are
    dependent, by one latent normal factor that correlates any two stages by ``correlation``. With the
    defaults the product of the yields is .7115 and the share of customers without any fault .778.
    ``without_owner`` stages have no accountable function, ``two_owners`` have two, never the first stage. A
    share ``SAYS`` of the respondents calls quality a priority at a stage, a share ``SAYS - gap`` reviews it,
    twice as likely where it is called a priority.

    Columns: ``respondent stage function passed role says_priority does_review``; rows of customers fill
    ``passed``, rows of responsibility ``role``, rows of employees the last two.
    """
    rng = np.random.default_rng(rng)
    factor, own = rng.standard_normal((n, 1)), rng.standard_normal((n, len(STAGES)))
    latent = np.sqrt(correlation) * factor + np.sqrt(1 - correlation) * own
    passed = latent > [NormalDist().inv_cdf(1 - share) for share in yields]
    quality = pd.DataFrame({
        "respondent": np.repeat([f"C{i + 1}" for i in range(n)], len(STAGES)),
        "stage": STAGES * n, "function": [FUNCTIONS[i] for i in _LEADS] * n, "passed": passed.ravel(),
    })  # fmt: skip
    cells = [(stage, function) for stage in STAGES for function in FUNCTIONS]
    answers = pd.DataFrame(cells * respondents, columns=["stage", "function"])
    answers["respondent"] = np.repeat([f"R{i + 1}" for i in range(respondents)], len(cells))
    answers["says_priority"] = says = rng.random(len(answers)) < SAYS
    base = (SAYS - gap) / (1 + SAYS)  # reviewed with base where not a priority, twice as often where it is
    answers["does_review"] = rng.random(len(answers)) < np.minimum(np.where(says, 2 * base, base), 1.0)
    owners = _owners(rng, without_owner, two_owners)
    return pd.concat([quality, owners, answers], ignore_index=True)


def _owners(rng: np.random.Generator, none: int, two: int) -> pd.DataFrame:
    picked = rng.permutation(np.arange(1, len(STAGES)))
    rows = []
    for k, stage in enumerate(STAGES):
        others = [i for i in rng.permutation(len(FUNCTIONS)) if i != _LEADS[k]]
        roles = dict.fromkeys(others, "informed")
        if k > 0:
            roles |= {others[0]: "responsible", others[1]: "consulted"}
        roles[_LEADS[k]] = "responsible" if k in picked[:none] else "accountable"
        if k in picked[none : none + two]:
            roles[others[0]] = "accountable"
        rows += [(stage, FUNCTIONS[i], roles[i]) for i in sorted(roles)]
    return pd.DataFrame(rows, columns=["stage", "function", "role"])


def make_initiatives(
    n: int = 120, *, effort_shares: Mapping[str, float] | None = None,
    focus_shares: Mapping[str, float] | float = 0.35, coder_agreement: float = 0.92, pay_silence: float = 0.5,
    late_share: float = 0.35, foresight: float = 0.65, false_alarm: float = 0.15, months: int = 12,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:  # fmt: skip
    """Simulate a register of initiatives.

    The truth: work is spread over areas by ``effort_shares``; a share ``focus_shares`` (of all, or by level)
    is customer-focused, and each of two readers sees that with chance ``coder_agreement``; a share
    ``late_share`` ends after its due date and is called 'at risk' before with chance ``foresight``, others
    with ``false_alarm``; where pay is linked (``PAY``) a share ``pay_silence`` of these reports is kept back.
    The history has ``months``, ending with December 2025.
    """
    rng = np.random.default_rng(rng)
    area = _drawn(rng, n, effort_shares or {name: effort for name, (_, effort, _) in AREAS.items()})
    level = _drawn(rng, n, {name: share for name, (share, _) in LEVELS.items()})
    size = rng.lognormal(0, 0.7, n) * [LEVELS[name][1] for name in level]
    impact = np.round(10 * size**0.6 * rng.lognormal(0, 0.6, n), 1).clip(0.5)
    spread = rng.uniform(0.2, 0.6, n)
    by_level = dict.fromkeys(LEVELS, focus_shares) if isinstance(focus_shares, float) else focus_shares
    focused = rng.random(n) < [by_level[name] for name in level]
    codes = [np.where(rng.random(n) < coder_agreement, focused, ~focused) for _ in range(2)]
    pay = rng.random(n) < PAY
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
            "side": [AREAS[name][2] if name in AREAS else "experience" for name in area],
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


def make_pain(complaints: int = 400, *, rng: int | np.random.Generator | None = 1) -> pd.DataFrame:
    """Simulate complaints by area (multinomial) and satisfaction, low where it hurts.

    Columns: area contacts complaints responses satisfied.
    """
    rng = np.random.default_rng(rng)
    shares = np.array([pain for pain, _, _ in AREAS.values()])
    shares = shares / shares.sum()
    counts = rng.multinomial(complaints, shares)
    contacts = counts + rng.poisson(4 * complaints * shares)
    satisfied = rng.binomial(150, np.clip(0.9 - 0.9 * shares, 0, 1))
    columns = {"contacts": contacts, "complaints": counts, "responses": 150, "satisfied": satisfied}
    return pd.DataFrame({"area": list(AREAS)} | columns)


def _drawn(rng: np.random.Generator, n: int, shares: Mapping[str, float]) -> np.ndarray:
    p = np.array(list(shares.values()), dtype=float)
    return rng.choice(list(shares), n, p=p / p.sum())


def _history(ends: pd.DatetimeIndex, start: int, due: int, done: int, warned_from: int) -> str:
    stages = ((done, "done"), (due, "late"), (warned_from, "at risk"), (0, "on schedule"))
    months = range(start, min(done, len(ends) - 1) + 1)
    return "; ".join(f"{ends[k].date()} {next(word for since, word in stages if k >= since)}" for k in months)
