"""Made-up customers on their way through six stages, and what firms do about the quality of each stage."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.table import Table

STAGES = ("awareness", "exploration", "evaluation", "purchase", "implementation", "use")
FUNCTIONS = ("Product", "Marketing", "Sales", "Service", "Finance")
HAZARDS = (0.10, 0.12, 0.15, 0.20, 0.10)  # a day, from each stage to the next
REPEAT = 0.4  # chance to buy again
_LEADS = (1, 1, 2, 2, 3, 3)  # the function that usually does each stage


def sample_events() -> Table:
    """Return the default made-up journeys."""
    return _sample(make_events(rng=1), "events", "Simulated customer journeys")


def sample_stages() -> Table:
    """Return the default made-up table of stages."""
    return _sample(make_stages(rng=1), "stages", "Simulated stages of the lifecycle")


def _sample(frame: pd.DataFrame, kind: str, title: str) -> Table:
    licence = "BSD-3-Clause (this project)"
    return Table(
        frame=frame, kind=kind, name=f"simulated-{kind}", title=title, licence=licence, simulated=True
    )


def make_events(
    n: int = 2_000,
    *,
    leaving: float = 0.03,
    segments: Mapping[str, float] | None = None,
    observed: float = 365.0,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate the events of customers who move through six stages or leave.

    The truth: ``n`` customers enter evenly over the first half of ``observed`` days, after which nothing is
    seen. From stage k a customer goes on with hazard ``HAZARDS[k]`` a day (times the segment's factor, by
    default direct 1.0, partner 0.8, online 1.3) and leaves with hazard ``leaving``, after the last stage with
    a tenth of it; both are constant, so the share that goes on at all is ``h / (h + leaving)``. Who came
    through buys again with probability ``REPEAT``, unless they leave first.

    Columns: ``customer_id event timestamp segment``; events are the stages, ``repeat purchase`` and ``left``.
    """
    rng = np.random.default_rng(rng)
    segments = dict(segments or {"direct": 1.0, "partner": 0.8, "online": 1.3})
    which = rng.integers(0, len(segments), n)
    factor = np.array(list(segments.values()))[which]
    who, time = np.arange(n), rng.uniform(0, observed / 2, n)
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
    people, days = (np.concatenate([part[i] for part in parts]) for i in (0, 2))
    made = {
        "customer_id": people + 1,
        "event": np.repeat([part[1] for part in parts], [part[0].size for part in parts]),
        "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta((days * 86_400).round(), unit="s"),
        "segment": np.array(list(segments))[which[people]],
    }
    order = np.lexsort((people, days))
    return pd.DataFrame(made).iloc[order[days[order] <= observed]].reset_index(drop=True)


def make_stages(
    n: int = 2_000,
    *,
    yields: Sequence[float] = (0.97, 0.95, 0.93, 0.96, 0.94, 0.92),
    correlation: float = 0.4,
    without_owner: int = 1,
    two_owners: int = 1,
    respondents: int = 120,
    says: float = 0.65,
    gap: float = 0.25,
    rng: int | np.random.Generator | None = 1,
) -> pd.DataFrame:
    """Simulate each stage: faults of customers, who owns it, and words and deeds of employees.

    The truth: stage k goes right for a share ``yields[k]`` of customers; faults of one customer are
    dependent, by one latent normal factor that correlates any two stages by ``correlation``. With the
    defaults the product of the yields is .7115 and the share of customers without any fault .778.
    ``without_owner`` stages have no accountable function, ``two_owners`` have two. A share ``says`` of the
    respondents calls quality a priority at a stage, a share ``says - gap`` reviews it, twice as likely where
    it is called a priority.

    Columns: ``respondent stage function passed role says_priority does_review``; rows of customers fill
    ``passed``, rows of responsibility ``role``, rows of employees the last two.
    """
    rng, does = np.random.default_rng(rng), says - gap
    if not 0 <= correlation < 1:
        raise InputError(f"correlation={correlation!r} must lie between 0 and below 1")
    if not 0 < does < 1 or not 0 < says < 1:
        raise InputError(f"says={says!r} and says - gap={does!r} must both lie between 0 and 1")
    if without_owner + two_owners > len(STAGES) - 1:
        raise InputError("without_owner and two_owners together must leave the first stage alone: at most 5")
    factor, own = rng.standard_normal((n, 1)), rng.standard_normal((n, len(STAGES)))
    latent = np.sqrt(correlation) * factor + np.sqrt(1 - correlation) * own
    passed = latent > [NormalDist().inv_cdf(1 - share) for share in yields]
    quality = pd.DataFrame({"respondent": np.repeat([f"C{i + 1}" for i in range(n)], len(STAGES))})
    quality = quality.assign(
        stage=STAGES * n, function=[FUNCTIONS[i] for i in _LEADS] * n, passed=passed.ravel()
    )
    cells = [(stage, function) for stage in STAGES for function in FUNCTIONS]
    says_so = rng.random(respondents * len(cells)) < says
    base = does / (1 + says)  # reviewed with base where not a priority, twice as often where it is
    answers = pd.DataFrame(cells * respondents, columns=["stage", "function"])
    answers["respondent"] = np.repeat([f"R{i + 1}" for i in range(respondents)], len(cells))
    answers["says_priority"] = says_so
    answers["does_review"] = rng.random(says_so.size) < np.minimum(np.where(says_so, 2 * base, base), 1.0)
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
