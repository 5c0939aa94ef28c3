"""Words against deeds: what two percentages allow, what paired answers show, and whether functions agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError

from ..intervals import generator, newcombe, percentile_interval, wilson

__all__ = [
    "Alignment",
    "Gap",
    "PlanDifference",
    "alignment",
    "assessment_form",
    "frechet_bounds",
    "plan_difference",
    "say_do_bounds",
    "say_do_gap",
    "say_do_gaps",
]


class Gap(NamedTuple):
    """Say less do, the same respondents.

    Attributes
    ----------
    says, does : float
        Shares of the paired answers.
    gap, low, high : float
        ``says - does`` with an interval that allows for several answers of one respondent.
    says_only, does_only : int
        Pairs that say and do not do, that do and do not say.
    p_value : float
        McNemar's exact test, pairs taken as independent.
    n, respondents : int
        Pairs, and respondents behind them.
    """

    says: float
    does: float
    gap: float
    low: float
    high: float
    says_only: int
    does_only: int
    p_value: float
    n: int
    respondents: int


class Alignment(NamedTuple):
    """Do functions rank the stages alike?

    Attributes
    ----------
    concordance, low, high : float
        Kendall's W, 0 (no agreement) to 1 (the same order); bootstrap of respondents.
    functions, stages : int
    """

    concordance: float
    low: float
    high: float
    functions: int
    stages: int


class PlanDifference(NamedTuple):
    """Hand-over failures with an incomplete plan less with a complete one.

    Attributes
    ----------
    difference, low, high : float
        Newcombe's interval; hand-overs of one strategy are taken as independent.
    incomplete, complete : float
        The two shares of failed hand-overs.
    strategies_incomplete, strategies_complete : int
    """

    difference: float
    low: float
    high: float
    incomplete: float
    complete: float
    strategies_incomplete: int
    strategies_complete: int


def frechet_bounds(a: float, b: float) -> tuple[float, float]:
    """Return the least and the greatest share that can have both, given only the share of each.

    Notes
    -----
    Frechet (1951): ``max(0, a + b - 1) .. min(a, b)``.

    Examples
    --------
    >>> low, high = frechet_bounds(0.65, 0.38)
    >>> round(low, 2), round(high, 2)
    (0.03, 0.38)
    """
    for name, share in (("a", a), ("b", b)):
        if not 0 <= share <= 1:
            raise InputError(f"{name}={share!r} must be a share between 0 and 1; write 65 % as 0.65")
    return max(0.0, a + b - 1), min(a, b)


def say_do_bounds(
    says: float, does_not: Mapping[str, float], *, n: int | None = None, n_does_not: int | None = None
) -> pd.DataFrame:
    """Return how large the share of those who say and do not do can be, when the two come from different surveys.

    Parameters
    ----------
    says : float
        Share that calls it a priority.
    does_not : mapping of name to share
        Shares that admit to lacking something.
    n, n_does_not : int, optional
        Respondents of the two surveys; widens the bounds by the limits of each share (Wilson).

    Returns
    -------
    DataFrame
        ``lacks share least greatest least_sampled greatest_sampled``: the share of all who say it and lack it lies
        between ``least`` and ``greatest`` (Frechet), if both surveys asked the same kind of firm; nothing narrower
        follows from two percentages. The sampled bounds also allow for the sizes of the surveys.
    """
    rows = []
    say_low, say_high = wilson(says * n, n) if n else (says, says)
    for name, share in does_not.items():
        least, greatest = frechet_bounds(says, share)
        low, high = wilson(share * n_does_not, n_does_not) if n_does_not else (share, share)
        sampled = (
            frechet_bounds(float(say_low), float(low))[0],
            frechet_bounds(float(say_high), float(high))[1],
        )
        rows.append((name, share, least, greatest, *sampled))
    names = ["lacks", "share", "least", "greatest", "least_sampled", "greatest_sampled"]
    return pd.DataFrame(rows, columns=names)


def say_do_gap(
    data: pd.DataFrame,
    *,
    says: str = "says_priority",
    does: str = "does_review",
    respondent: str = "respondent",
    confidence_level: float = 0.95,
) -> Gap:
    """Return the paired gap between words and deeds.

    Parameters
    ----------
    data : DataFrame
        One row an answer; ``says`` and ``does`` are flags, several rows of one respondent are allowed. Rows with one
        of them missing are left out.

    Notes
    -----
    McNemar (1947), exact binomial. The interval is of the mean difference with respondents as clusters.
    """
    for name in (says, does):
        if name not in data:
            raise InputError(
                f"the table has no column {name!r}; there are {', '.join(map(str, data.columns))}"
            )
    rows = data.dropna(subset=[says, does])
    if rows.empty:
        raise InputError(f"no row answers both {says!r} and {does!r}")
    say, do = rows[says].astype(bool).to_numpy(), rows[does].astype(bool).to_numpy()
    b, c = int((say & ~do).sum()), int((~say & do).sum())
    difference = say.astype(float) - do
    who = pd.factorize(rows[respondent])[0] if respondent in rows else np.arange(len(rows))
    gap = float(difference.mean())
    totals = np.bincount(who, weights=difference - gap)
    clusters = totals.size
    from ..intervals import normal_quantile

    se = math.sqrt(float((totals**2).sum()) * clusters / max(clusters - 1, 1)) / len(rows)
    half = normal_quantile(confidence_level) * se
    return Gap(
        float(say.mean()), float(do.mean()), gap, max(gap - half, -1.0), min(gap + half, 1.0),
        b, c, _mcnemar(b, c), len(rows), clusters,
    )  # fmt: skip


def say_do_gaps(data: pd.DataFrame, *, by: str, **options: object) -> pd.DataFrame:
    """Return :func:`say_do_gap` for each value of a column, such as the stage or the function.

    Returns
    -------
    DataFrame
        Index the values in the order of the table; the fields of :class:`Gap`.
    """
    if by not in data:
        raise InputError(f"the table has no column {by!r}; there are {', '.join(map(str, data.columns))}")
    gaps = {name: say_do_gap(own, **options)._asdict() for name, own in data.groupby(by, sort=False)}
    return pd.DataFrame.from_dict(gaps, orient="index").rename_axis(by)


def _mcnemar(b: int, c: int) -> float:
    """Two-sided exact binomial test of b against c."""
    n, k = b + c, min(b, c)
    if n == 0 or b == c:
        return 1.0
    log = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2)
        for i in range(k + 1)
    ]
    return min(1.0, 2 * math.fsum(math.exp(value) for value in log))


def alignment(
    say_do: pd.DataFrame,
    *,
    value: str = "says_priority",
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> Alignment:
    """Return how far functions agree which stages come first.

    Parameters
    ----------
    say_do : DataFrame
        ``respondent stage function`` and ``value`` (a flag or a number).

    Notes
    -----
    Kendall's W of the functions' mean values per stage, with ties. It is about 1 / functions when they have nothing to
    do with each other, not 0.
    """
    rows = say_do.dropna(subset=["respondent", "stage", "function", value])
    if rows["function"].nunique() < 2 or rows["stage"].nunique() < 2:
        raise InputError("alignment needs answers about at least two functions and two stages")
    person, people = pd.factorize(rows["respondent"])
    stage, stages = pd.factorize(rows["stage"])
    function, functions = pd.factorize(rows["function"])
    cell = function * len(stages) + stage
    size = len(stages) * len(functions)
    total = np.zeros((len(people), size))
    count = np.zeros((len(people), size))
    np.add.at(total, (person, cell), rows[value].astype(float).to_numpy())
    np.add.at(count, (person, cell), 1.0)

    def concordance(weights):
        with np.errstate(invalid="ignore", divide="ignore"):
            means = ((weights @ total) / (weights @ count)).reshape(len(functions), len(stages))
        return _kendall_w(means) if np.isfinite(means).all() else np.nan

    observed = concordance(np.ones(len(people)))
    draws = generator(rng).multinomial(
        len(people), np.full(len(people), 1 / len(people)), size=max(bootstrap, 2)
    )
    low, high = percentile_interval([concordance(draw.astype(float)) for draw in draws], confidence_level)
    return Alignment(float(observed), float(low), float(high), len(functions), len(stages))


def _kendall_w(means: np.ndarray) -> float:
    ranks = pd.DataFrame(means).rank(axis=1).to_numpy()
    judges, items = ranks.shape
    spread = ((ranks.sum(axis=0) - judges * (items + 1) / 2) ** 2).sum()
    ties = sum(
        (counts**3 - counts).sum() for counts in (np.unique(row, return_counts=True)[1] for row in ranks)
    )
    bottom = judges**2 * (items**3 - items) - judges * ties
    return 12 * spread / bottom if bottom > 0 else np.nan


def plan_difference(
    plans: pd.DataFrame, *, complete: float = 1.0, confidence_level: float = 0.95
) -> PlanDifference:
    """Return how hand-over failures differ between strategies with incomplete and with complete written plans.

    Parameters
    ----------
    plans : DataFrame
        ``strategy function question answered`` and, for each strategy, the counts ``handovers`` and ``failed``.
    complete : float
        Share of the questions that must be answered, over all functions.

    Raises
    ------
    InputError
        Without the two counts, or when all strategies stand on one side.
    """
    for name in ("strategy", "answered", "handovers", "failed"):
        if name not in plans:
            raise InputError(
                f"plans has no column {name!r}; it needs strategy, answered, handovers and failed"
            )
    each = plans.groupby("strategy").agg(
        answered=("answered", "mean"), handovers=("handovers", "first"), failed=("failed", "first")
    )
    full = each["answered"] >= complete
    if full.all() or not full.any():
        raise InputError("all strategies stand on one side of complete=; there is nothing to compare")
    a, b = each[~full].sum(), each[full].sum()
    gap, low, high = newcombe(a["failed"], a["handovers"], b["failed"], b["handovers"], confidence_level)
    shares = a["failed"] / a["handovers"], b["failed"] / b["handovers"]
    return PlanDifference(
        float(gap), float(low), float(high), *map(float, shares), int((~full).sum()), int(full.sum())
    )


def assessment_form(stages: Sequence[str], functions: Sequence[str]) -> pd.DataFrame:
    """Return the one-page paired self-assessment: the same person answers all three for a stage and function.

    Returns
    -------
    DataFrame
        One row a stage and function with the columns of the table say_do, the answers empty: print it, or save it as
        CSV, fill it in, and open it as that table.
    """
    rows = [(stage, function) for stage in stages for function in functions]
    made = pd.DataFrame(rows, columns=["stage", "function"])
    made.insert(0, "organisation", "")
    made.insert(0, "respondent", "")
    return made.assign(says_priority="", does_review="", has_programme="")
