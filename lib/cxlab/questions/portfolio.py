"""Which initiatives to choose under a budget, exactly, and which choices are safe whatever the guesses."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import count, number
from cxlab.stats.knapsack import Groups, by_ratio, fill, solve
from cxlab.stats.resampling import limits

LEVELS = ("account", "unit", "corporate")
WORLDS = 100  # guessed ones at most
SAFE = 0.95


@dataclass(frozen=True)
class Portfolio:
    """A chosen set: the input with a boolean ``selected``, its impact and cost, whether it is proven best."""

    table: pd.DataFrame
    impact: float
    cost: float
    proven: bool


def select_portfolio(
    initiatives: pd.DataFrame, *, budget: float, minimum: Mapping[str, int] | None = None
) -> Portfolio:
    """Choose the set of initiatives with the greatest total impact that a budget can pay.

    ``initiatives`` has ``id impact cost``, and ``level`` where ``minimum`` says how many of a level must
    be in it. An InputError names what is missing, repeated or negative, and the levels whose minima clash. A
    0-1 knapsack with minima (Martello & Toth 1990), by dynamic programming over an expanding core (Pisinger
    1997).

    >>> table = pd.DataFrame({"id": list("abc"), "impact": [6, 5, 5], "cost": [6, 5, 5], "level": "unit"})
    >>> select_portfolio(table, budget=10).impact
    10.0
    """
    impact, cost, groups = _checked(initiatives, budget, minimum or {})
    chosen, proven = solve(impact, cost, float(budget), groups)
    table = initiatives.assign(selected=chosen)
    return Portfolio(table, float(impact[chosen].sum()), float(cost[chosen].sum()), proven)


@question("initiatives")
def choose(initiatives: Table, *, budget_share: float = 0.2, each_level: int = 8) -> Result:
    """Which set has the greatest impact for a budget, and how much less do simpler rules get?

    The budget is a part of what all initiatives cost together; ``each_level`` initiatives are wanted at each
    level (fewer where the budget or the table has not so many). Rules: impact alone takes the largest impacts
    that still fit, impact per cost (greedy) the best ratios; 'best, every level' and 'best' are exact.
    Columns of the table: rule, impact, share (of the best), cost, chosen.
    """
    frame, budget, minimum = _task(initiatives, budget_share, each_level)
    best = select_portfolio(frame, budget=budget)
    held = select_portfolio(frame, budget=budget, minimum=minimum)
    impact, cost = frame["impact"].to_numpy(float), frame["cost"].to_numpy(float)
    sets = {
        "best": best.table.selected.to_numpy(),
        "best, every level": held.table.selected.to_numpy(),
        "impact per cost": fill(by_ratio(impact, cost), cost, budget),
        "impact alone": fill(np.argsort(-impact, kind="stable"), cost, budget),
    }
    rows = [(rule, impact[one].sum(), cost[one].sum(), int(one.sum())) for rule, one in sets.items()]
    table = pd.DataFrame(rows, columns=["rule", "impact", "cost", "chosen"])
    table.insert(2, "share", table.impact / max(best.impact, 1e-12))
    naive, size = float(table["share"].iloc[-1]), count(int(sets["best"].sum()), "initiative")
    said = f"choosing by impact alone does as well as the best set of {size}."
    if naive < 0.995:
        said = f"choosing by impact alone loses {number(1 - naive, 'share')} of the impact of the best set, "
        said += f"which holds {size}."
    names = {"label": "rule", "value": "share", "x_title": "impact, best set = 100 %", "percent": True}
    return Result(
        said, {}, table, lambda: general.bars(table, **names),
        ["The search was stopped before the best set was proven."] * (not (best.proven and held.proven)),
        initiatives,
    )  # fmt: skip


@question("initiatives")
def safe_choices(initiatives: Table, *, budget_share: float = 0.2, each_level: int = 8) -> Result:
    """Which choices are right whatever the guesses? The best set is found in many guessed worlds.

    Each impact is drawn from a triangle between ``impact_low`` and ``impact_high`` (half and one and a half
    times ``impact`` where they are not known). Safe is what the best set holds in 95 % of the worlds, never
    what it holds in 5 % at most. Columns of the table: id, title, level, share (of worlds in which it is
    chosen), choice.
    """
    frame, budget, minimum = _task(initiatives, budget_share, each_level)
    impact, cost, groups = _checked(frame, budget, minimum)
    worlds = _worlds(frame, impact, initiatives)
    sides = frame["side"].to_numpy() if "side" in frame else np.full(len(frame), "")
    answers = [_world(world, cost, budget, groups, sides) for world in worlds]
    chosen, losses = np.array([held for held, _ in answers]), np.array([lost for _, lost in answers])
    share = chosen[1:].mean(axis=0)
    choice = np.select([share >= SAFE, share <= 1 - SAFE], ["safe", "never"], "hangs on the guess")
    drawn = worlds[1:]
    regret = 1 - (drawn * chosen[0]).sum(axis=1) / np.maximum((drawn * chosen[1:]).sum(axis=1), 1e-12)
    safe, open_, n = int((choice == "safe").sum()), int((choice == "hangs on the guess").sum()), len(frame)
    unit, label = "share of impact", "lost by the middle guesses"
    numbers = {
        "choices-that-hang-on-the-guess": Number(open_, unit="initiatives", n=n, label="hang on the guess"),
        "regret-of-the-middle-guess": Number(float(regret.mean()), unit=unit, n=len(drawn), label=label),
    }
    low, high = limits(losses[1:].T, initiatives.confidence_level)
    for (name, label), value, start, end in zip(LOSSES.items(), losses[0], low, high, strict=True):
        if np.isfinite(value):
            ends = min(float(start), float(value)), max(float(end), float(value))
            numbers[name] = Number(float(value), *ends, unit, n, label)
    shown = {name: frame[name].to_numpy() for name in ("id", "title", "level") if name in frame}
    table = pd.DataFrame(shown | {"share": share, "choice": choice})
    table = table.sort_values("share", ascending=False, kind="stable", ignore_index=True)
    kinds = table.choice.value_counts().reindex(["safe", "hangs on the guess", "never"], fill_value=0)
    picture = kinds.rename_axis("choice").reset_index(name="initiatives")
    return Result(
        f"{safe} of {n} initiatives belong to the best set whatever the guess, {open_} hang on the guess.",
        numbers, table,
        lambda: general.bars(picture, label="choice", value="initiatives", x_title="initiatives"),
        ["Better estimates are worth their effort only where the choice hangs on the guess."], initiatives,
    )  # fmt: skip


# Names that rules read -> what it is; the order is that of ``_world``.
LOSSES = {
    "exact-minus-impact-only": "lost by choosing by impact alone",
    "greedy-loss": "lost by choosing by impact per cost",
    "three-level-loss": "lost by wanting every level",
    "product-only-loss": "lost by product initiatives alone",
    "experience-only-loss": "lost by experience initiatives alone",
}


def _world(impact, cost, budget: float, groups: Groups, sides) -> tuple[np.ndarray, list[float]]:
    """Return the best set that serves every level, and the shares of the best impact that others lose."""
    held, _ = solve(impact, cost, budget, groups)
    free, _ = solve(impact, cost, budget, [])
    naive = np.argsort(-impact, kind="stable"), by_ratio(impact, cost)
    sets = [*(fill(one, cost, budget) for one in naive), held]
    lost = [1 - impact[one].sum() / max(impact[free].sum(), 1e-12) for one in sets]
    for side in ("product", "experience"):
        own = np.flatnonzero(sides == side)
        alone = impact[own][solve(impact[own], cost[own], budget, [])[0]].sum() if len(own) else np.nan
        lost.append(1 - alone / max(impact[free].sum(), 1e-12))
    return held, [float(value) for value in lost]


def _worlds(frame: pd.DataFrame, impact: np.ndarray, initiatives: Table) -> np.ndarray:
    """Return the stated impacts (first) and guessed ones, one world a row."""
    ends = []
    for name, factor in (("impact_low", 0.5), ("impact_high", 1.5)):
        given = pd.to_numeric(frame[name]).to_numpy(float) if name in frame else np.full(len(frame), np.nan)
        ends.append(np.where(np.isnan(given), factor * impact, given))
    low, high = ends
    if ((low > impact) | (impact > high)).any():
        raise InputError("initiatives: impact_low, impact and impact_high must rise in every row")
    size, wide = (min(initiatives.bootstrap, WORLDS), len(frame)), np.where(high > low, high, low + 1)
    drawn = initiatives.rng.triangular(low, np.minimum(impact, wide), wide, size)
    return np.vstack([impact, np.where(high > low, drawn, impact)])


def _task(initiatives: Table, budget_share: float, each_level: int) -> tuple[pd.DataFrame, float, dict]:
    """Return the initiatives that are not done, the budget, and minima by level that it can pay."""
    frame = initiatives.frame
    if not 0 < budget_share <= 1 or each_level < 0:
        raise InputError(f"{budget_share=} must lie in (0, 1], {each_level=} at 0 or above")
    if len(frame) < 2:
        raise NotEnough("a choice needs at least two initiatives")
    budget = round(budget_share * float(frame["cost"].sum()))
    costs = {name: np.sort(frame.loc[frame["level"] == name, "cost"]) for name in LEVELS}
    for least in range(each_level, -1, -1):
        if sum(cost[:least].sum() for cost in costs.values()) <= budget:
            break
    return frame, budget, {name: min(least, len(cost)) for name, cost in costs.items()}


def _checked(
    initiatives: pd.DataFrame, budget: float, minimum: Mapping[str, int]
) -> tuple[np.ndarray, np.ndarray, Groups]:
    needed = ["id", "impact", "cost", *(["level"] if minimum else [])]
    if lost := [name for name in needed if name not in initiatives]:
        raise InputError(f"initiatives: there is no column {lost[0]!r}; needed: {', '.join(needed)}")
    ids = initiatives["id"].astype("string").str.strip().replace("", pd.NA)
    if not len(ids) or ids.isna().any() or ids.duplicated().any():
        raise InputError("initiatives: there must be rows, and every row needs an id of its own")
    given = initiatives[["impact", "cost"]].apply(pd.to_numeric, errors="coerce").astype(float)
    impact, cost = given["impact"].to_numpy(), given["cost"].to_numpy()
    bad = np.flatnonzero(~np.isfinite(impact) | ~np.isfinite(cost) | (cost < 0))
    if len(bad):
        row = initiatives[["impact", "cost"]].iloc[bad[0]].to_dict()
        raise InputError(f"initiatives: {ids.iloc[bad[0]]!r} has {row}; both are numbers, cost at least 0")
    if not 0 <= budget < np.inf:
        raise InputError(f"budget={budget!r} must be a number of at least 0, in the unit of cost")
    groups, prices = [], {}
    for level, least in minimum.items():
        member = (initiatives["level"] == level).to_numpy()
        if least != int(least) or not 0 <= least <= member.sum():
            rule = f"it must be a whole number of at least 0, and the table has {int(member.sum())}"
            raise InputError(f"minimum: {least!r} of level {level!r} are wanted; {rule}")
        groups.append((int(least), member))
        prices[f"{level} {least}"] = float(np.sort(cost[member])[: int(least)].sum())
    if sum(prices.values()) > budget * (1 + 1e-12):
        words = " and ".join(f"{wanted} (at least {price:g})" for wanted, price in prices.items())
        raise InputError(f"minimum: {words} clash with the budget {budget:g}; raise it or lower a minimum")
    return impact, cost, groups
