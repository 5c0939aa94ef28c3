"""Customers on their way through six stages, the quality they meet there, and what firms say and do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

__all__ = [
    "FUNCTIONS",
    "STAGES",
    "make_journeys",
    "make_plans",
    "make_responsibility",
    "make_say_do",
    "make_stage_quality",
]

STAGES = ("awareness", "exploration", "evaluation", "purchase", "implementation", "after purchase")
FUNCTIONS = ("Product", "Marketing", "Sales", "Service", "Finance")
_DAY = 86_400_000_000


def make_journeys(
    n: int = 2_000,
    *,
    hazards: Sequence[float] = (0.10, 0.12, 0.15, 0.20, 0.10),
    leaving: float = 0.03,
    segments: Mapping[str, float] | None = None,
    hurdle: float = -0.15,
    hurdle_rate: float = 0.3,
    first: Mapping[str, float] | None = None,
    repeat: Mapping[str, float] | None = None,
    breakdown: float = 3.0,
    breakdown_rate: float = 0.004,
    observed: float = 365.0,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Simulate the events of customers who move through six stages or leave.

    The truth: from stage k a customer goes on with hazard ``hazards[k]`` a day (times the segment's factor) and leaves
    with hazard ``leaving``, both constant, so the share that goes on at all is ``h / (h + leaving)``. Before the
    purchase a hurdle may come up; it lowers the chance to go on by ``hurdle`` for every customer, however good the
    product. The first purchase and the repeat purchase depend on the two scores of the customer. After the purchase a
    breakdown (``breakdown_rate`` a day) multiplies the hazard of leaving.

    Parameters
    ----------
    n : int
        Customers; they enter evenly over the first half of the observed time.
    hazards : five numbers
        A day, from each stage to the next.
    leaving : float
        A day; after the purchase a tenth of it.
    segments : mapping of name to factor
        On every hazard of going on. Default: direct 1.0, partner 0.8, online 1.3.
    hurdle : float
        Change of the probability to buy, once at the evaluation.
    hurdle_rate : float
        Share of evaluations with a hurdle.
    first, repeat : mapping of product, experience to slope
        Change of the probability per standard deviation of the score. Defaults: first .12 and .06, repeat .06 and .12.
    breakdown : float
        Hazard ratio of leaving after a breakdown against before.
    breakdown_rate : float
        Breakdowns a day.
    observed : float
        Days; nothing later is seen (right-censoring).
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``customer_id event timestamp segment product_score experience_score``, in order of time; events are the six
        stages, ``hurdle``, ``breakdown``, ``repeat purchase`` and ``left``. ``attrs["simulated"]`` is True.
    """
    rng = np.random.default_rng(rng)
    if len(hazards) != len(STAGES) - 1:
        raise ValueError(
            f"hazards has {len(hazards)} values; give {len(STAGES) - 1}, one between each two stages"
        )
    segments = {"direct": 1.0, "partner": 0.8, "online": 1.3} if segments is None else dict(segments)
    first = {"product": 0.12, "experience": 0.06} if first is None else dict(first)
    repeat = {"product": 0.06, "experience": 0.12} if repeat is None else dict(repeat)
    names = list(segments)
    which = rng.integers(0, len(names), n)
    factor = np.array([segments[name] for name in names])[which]
    scores = {side: rng.standard_normal(n) for side in ("product", "experience")}
    parts: list[tuple[np.ndarray, str, np.ndarray]] = []

    def add(who: np.ndarray, event: str, day: np.ndarray) -> None:
        parts.append((who, event, day))

    time = rng.uniform(0, observed / 2, n)
    who = np.arange(n)
    add(who, STAGES[0], time)
    for k, hazard in enumerate(hazards):
        ahead = rng.exponential(1 / (hazard * factor[who]))
        away = rng.exponential(1 / leaving, who.size)
        goes = ahead < away
        if (
            STAGES[k + 1] == "purchase"
        ):  # who goes on is decided by the scores and the hurdle, not by the race
            met = rng.random(who.size) < hurdle_rate
            add(who[met], "hurdle", time[met] + 0.4 * np.minimum(ahead, away)[met])
            chance = hazard / (hazard + leaving) - 0.15 + hurdle * met
            chance += sum(first.get(side, 0.0) * scores[side][who] for side in scores)
            goes = rng.random(who.size) < np.clip(chance, 0.01, 0.99)
            ahead = away = np.minimum(ahead, away)
        add(who[~goes], "left", time[~goes] + away[~goes])
        who, time = who[goes], time[goes] + ahead[goes]
        add(who, STAGES[k + 1], time)
    bought, day = (
        who,
        time,
    )  # those who came through all stages are at risk of breakdown, leaving and repeating
    fails = day + rng.exponential(1 / breakdown_rate, bought.size)
    late = leaving / 10
    leaves = day + rng.exponential(1 / late, bought.size)
    again = leaves > fails  # after the breakdown the clock of leaving runs faster
    leaves[again] = fails[again] + rng.exponential(1 / (late * breakdown), int(again.sum()))
    add(bought[again], "breakdown", fails[again])
    add(bought, "left", leaves)
    chance = 0.4 + sum(repeat.get(side, 0.0) * scores[side][bought] for side in scores)
    returns = rng.random(bought.size) < np.clip(chance, 0.01, 0.99)
    when = day + rng.exponential(40, bought.size)
    returns &= when < leaves
    add(bought[returns], "repeat purchase", when[returns])

    people = np.concatenate([part[0] for part in parts])
    events = np.repeat([part[1] for part in parts], [part[0].size for part in parts])
    days = np.concatenate([part[2] for part in parts])
    seen = days <= observed
    people, events, days = people[seen], events[seen], days[seen]
    order = np.lexsort((people, days))
    made = pd.DataFrame(
        {
            "customer_id": people[order] + 1,
            "event": events[order],
            "timestamp": pd.Timestamp("2024-01-01")
            + pd.to_timedelta((days[order] * 86_400).round(), unit="s"),
            "segment": np.array(names)[which[people[order]]],
            "product_score": scores["product"][people[order]].round(3),
            "experience_score": scores["experience"][people[order]].round(3),
        }
    )
    made.attrs["simulated"] = True
    return made


def make_stage_quality(
    n: int = 2_000,
    *,
    yields: Sequence[float] = (0.97, 0.95, 0.93, 0.96, 0.94, 0.92),
    correlation: float = 0.4,
    handover: float = 1.0,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Simulate whether each customer met each stage without a fault.

    The truth: stage k goes right for a share ``yields[k]``; faults of one customer are dependent, by one latent normal
    factor that correlates any two stages by ``correlation``. With the defaults the product of the yields is .7115 and
    the share of customers without any fault .778.

    Parameters
    ----------
    n : int
        Customers; each meets all six stages.
    yields : six shares
    correlation : float
        Of the latent normal variables, 0 to below 1.
    handover : float
        Odds ratio of a fault where the function differs from that of the stage before; 1 leaves ``yields`` exact.
    rng : int, Generator or None

    Returns
    -------
    DataFrame
        ``customer stage function passed``.
    """
    rng = np.random.default_rng(rng)
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation={correlation!r} must lie between 0 and below 1")
    size = len(yields)
    stages = list(STAGES[:size]) if size <= len(STAGES) else [f"stage {k + 1}" for k in range(size)]
    usual = np.array([1, 1, 2, 2, 3, 3])[np.arange(size) % 6]
    function = np.where(rng.random((n, size)) < 0.7, usual, rng.integers(0, len(FUNCTIONS), (n, size)))
    factor = rng.standard_normal((n, 1))
    latent = np.sqrt(correlation) * factor + np.sqrt(1 - correlation) * rng.standard_normal((n, size))
    changed = np.zeros((n, size), bool)
    changed[:, 1:] = function[:, 1:] != function[:, :-1]
    odds = (1 - np.asarray(yields)) / np.asarray(yields) * np.where(changed, handover, 1.0)
    limit = np.vectorize(NormalDist().inv_cdf)(np.round(odds / (1 + odds), 12))
    passed = latent > limit
    made = pd.DataFrame(
        {
            "customer": np.repeat(np.arange(1, n + 1), size),
            "stage": np.tile(stages, n),
            "function": np.array(FUNCTIONS)[function.ravel()],
            "passed": passed.ravel(),
        }
    )
    made.attrs["simulated"] = True
    return made


def make_say_do(
    n: int = 120,
    *,
    says: float = 0.65,
    gap: float = 0.25,
    programme: float = 0.6,
    organisations: int = 12,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Simulate a paired self-assessment: the same respondent says and does, for every stage and function.

    The truth: a share ``says`` calls quality a priority there, a share ``says - gap`` reviews it regularly, and a
    review is twice as likely where it is called a priority; a share ``programme`` has a programme.

    Returns
    -------
    DataFrame
        ``respondent organisation stage function says_priority does_review has_programme``.
    """
    rng = np.random.default_rng(rng)
    does = says - gap
    if not 0 < does < 1 or not 0 < says < 1:
        raise ValueError(f"says={says!r} and says - gap={does!r} must both lie between 0 and 1")
    cells = [(stage, function) for stage in STAGES for function in FUNCTIONS]
    size = n * len(cells)
    owner = rng.integers(0, organisations, n)
    says_so = rng.random(size) < says
    base = does / (1 + says)  # reviewed with base where not a priority, twice as often where it is
    doing = rng.random(size) < np.minimum(np.where(says_so, 2 * base, base), 1.0)
    made = pd.DataFrame(
        {
            "respondent": np.repeat([f"R{i + 1:03d}" for i in range(n)], len(cells)),
            "organisation": np.repeat([f"organisation {i + 1}" for i in owner], len(cells)),
            "stage": np.tile([stage for stage, _ in cells], n),
            "function": np.tile([function for _, function in cells], n),
            "says_priority": says_so,
            "does_review": doing,
            "has_programme": rng.random(size) < programme,
        }
    )
    made.attrs["simulated"] = True
    return made


def make_responsibility(
    *, without_owner: int = 1, two_owners: int = 1, rng: int | np.random.Generator | None = None
) -> pd.DataFrame:
    """Simulate who owns which stage: six stages by five functions.

    The truth: ``without_owner`` stages have no accountable function, ``two_owners`` have two, the others one; the
    first stage is led by Marketing with nobody else responsible.

    Returns
    -------
    DataFrame
        ``stage function role`` with role accountable, responsible, consulted or informed.
    """
    rng = np.random.default_rng(rng)
    if without_owner + two_owners > len(STAGES) - 1:
        raise ValueError("without_owner and two_owners together must leave the first stage alone: at most 5")
    picked = rng.permutation(np.arange(1, len(STAGES)))
    none, two = set(picked[:without_owner]), set(picked[without_owner : without_owner + two_owners])
    lead = [1, 1, 2, 2, 3, 3]
    rows = []
    for k, stage in enumerate(STAGES):
        others = [i for i in rng.permutation(len(FUNCTIONS)) if i != lead[k]]
        roles = dict.fromkeys(others, "informed")
        if k > 0:
            roles |= {others[0]: "responsible", others[1]: "consulted"}
        if k not in none:
            roles[lead[k]] = "accountable"
        else:
            roles[lead[k]] = "responsible"
        if k in two:
            roles[others[0]] = "accountable"
        rows += [(stage, FUNCTIONS[i], role) for i, role in roles.items()]
    made = pd.DataFrame(rows, columns=["stage", "function", "role"])
    made["function"] = pd.Categorical(made["function"], FUNCTIONS)
    made = made.sort_values(
        ["stage", "function"],
        key=lambda column: column if column.name == "function" else column.map(STAGES.index),
    )
    made = made.astype({"function": "str"}).reset_index(drop=True)
    made.attrs["simulated"] = True
    return made


def make_plans(
    strategies: int = 24,
    *,
    questions: int = 8,
    answered: float = 0.7,
    difference: float = 0.25,
    failure: float = 0.15,
    handovers: int = 12,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Simulate written plans and what happened at the hand-overs between functions.

    The truth: every strategy's plans answer a share around ``answered`` of the questions; hand-overs of strategies
    whose plans leave something open fail with probability ``failure + difference``, of complete ones with ``failure``.
    A third of the strategies has complete plans.

    Returns
    -------
    DataFrame
        ``strategy function question answered handovers failed``: one row a question; the last two columns hold, on
        every row, the strategy's count of hand-overs and how many failed.
    """
    rng = np.random.default_rng(rng)
    topics = (
        "goal",
        "customer",
        "promise",
        "owner",
        "hand-over",
        "measure",
        "budget",
        "date",
        "risk",
        "review",
    )
    asked = [
        topics[i % len(topics)] + ("" if i < len(topics) else f" {i // len(topics) + 1}")
        for i in range(questions)
    ]
    rows = []
    for s in range(strategies):
        complete = s % 3 == 0
        yes = rng.random((len(FUNCTIONS), questions)) < (1.0 if complete else answered)
        if not complete and yes.all():
            yes[0, 0] = False
        failed = int(rng.binomial(handovers, failure + (0 if complete else difference)))
        for f, function in enumerate(FUNCTIONS):
            rows += [
                (f"strategy {s + 1}", function, asked[q], bool(yes[f, q]), handovers, failed)
                for q in range(questions)
            ]
    made = pd.DataFrame(rows, columns=["strategy", "function", "question", "answered", "handovers", "failed"])
    made.attrs["simulated"] = True
    return made
