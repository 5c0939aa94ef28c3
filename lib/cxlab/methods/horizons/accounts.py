"""Account by account, level by level: what to work on next, and the article's own checks of each level."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import generator, newcombe, percentile_interval, wilson
from cxlab.methods.least_squares import complete_cases, fit

__all__ = ["METRICS", "advocacy", "complete", "health_card", "level_checks", "pass_rates"]

# The template of five: what a vendor proposes where the company has not set its own metrics.
METRICS = pd.DataFrame(
    [
        ("cost", "spend against the agreed budget", "percent of budget", "monthly"),
        ("time", "milestones met on the agreed day", "share of milestones", "monthly"),
        (
            "quality",
            "faults after delivery, against own teams",
            "faults per delivery",
            "monthly",
        ),
        ("productivity", "work for the same money, against last year", "ratio", "quarterly"),
        ("result", "the objective that the work was bought for", "its own unit", "quarterly"),
    ],
    columns=["metric", "what is measured", "unit", "review"],
)
CONDITIONS = {
    "not_replaced": "fears to be replaced",
    "dependable": "cannot count on us",
    "not_held": "feels held",
}


def health_card(ladder: pd.DataFrame, *, cut: float, dependent: float | None = None) -> pd.DataFrame:
    """Return one line an account: where it stands and which level to work on next.

    Parameters
    ----------
    ladder : DataFrame
        ``account level score``, optionally ``dependence renewed``; levels in their order in the file.
    cut : float
        A level passes at this score or above.
    dependent : float, optional
        An account is tied when its dependence is this or more.

    Returns
    -------
    DataFrame
        ``account``, one column a level (its score), ``minimum mean next next_score unseen hostage``. ``next`` is the
        earliest level in the file's order that fails, 'keep all' when none does, and 'look at <level>' when the only
        open one is unseen. ``hostage`` (with ``dependent``): a level fails and the account is tied.
        Accounts that fail earliest come first, lowest score first.
    """
    wide = _wide(ladder)
    passes = wide >= cut
    fails = wide.notna() & ~passes
    names = np.array(wide.columns)
    first = np.where(fails.any(axis=1), fails.to_numpy().argmax(axis=1), len(names))
    unseen = wide.isna().any(axis=1)
    blind = wide.isna().to_numpy().argmax(axis=1)
    label = np.where(first < len(names), names[np.minimum(first, len(names) - 1)], "keep all")
    label = np.where((first == len(names)) & unseen, np.char.add("look at ", names[blind].astype(str)), label)
    score = wide.to_numpy()[np.arange(len(wide)), np.minimum(first, len(names) - 1)]
    card = wide.copy()
    card["minimum"], card["mean"] = wide.min(axis=1), wide.mean(axis=1).round(1)
    card["next"] = label
    card["next_score"] = np.where(first < len(names), score, np.nan)
    card["unseen"] = unseen
    if dependent is not None and "dependence" in ladder:
        dependence = ladder.groupby("account", sort=False)["dependence"].first()
        card["hostage"] = fails.any(axis=1) & (dependence.reindex(card.index) >= dependent)
    order = np.lexsort((card["next_score"].fillna(np.inf), first))
    return card.iloc[order].reset_index()


def complete(ladder: pd.DataFrame) -> pd.DataFrame:
    """Return the ladder with every column that the page reads, missing where the study has none.

    ``attrs["absent"]`` names what was added.
    """
    optional = ["dependence", "renewed", "dependence_later", "recommend", "trust"]
    absent = [name for name in optional if name not in ladder]
    table = ladder.assign(**dict.fromkeys(absent, np.nan))
    if "first_attained" not in table:
        absent.append("first_attained")
        table["first_attained"] = pd.NaT
    table.attrs = {**ladder.attrs, "absent": absent}
    return table


def pass_rates(
    levels: pd.DataFrame,
    *,
    cut: float,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the share of accounts that pass each level, and how far the first one leads.

    Returns
    -------
    DataFrame
        ``level passed n share low high`` (Wilson, each level by the accounts that have it). ``attrs``: ``lead lead_low
        lead_high``, pass rate of the first level minus the highest other one, bootstrap of complete accounts.
    """
    known = levels.notna()
    table = pd.DataFrame(
        {
            "level": list(levels.columns),
            "passed": ((levels >= cut) & known).sum().to_numpy(),
            "n": known.sum().to_numpy(),
        }
    )
    low, high = wilson(table.passed, table.n, confidence_level)
    table = table.assign(share=table.passed / table.n.where(table.n > 0), low=low, high=high)
    x = (levels[known.all(axis=1)] >= cut).to_numpy(float)
    if not len(x):
        raise InputError("levels: no account has every level")
    weights = generator(rng).multinomial(len(x), np.full(len(x), 1 / len(x)), max(bootstrap, 1)) / len(x)
    rates = np.vstack([x.mean(axis=0), weights @ x])
    lead = rates[:, 0] - rates[:, 1:].max(axis=1)
    lo, hi = percentile_interval(lead[1:], confidence_level) if bootstrap else (np.nan, np.nan)
    table.attrs.update(lead=float(lead[0]), lead_low=float(lo), lead_high=float(hi), lead_n=len(x))
    return table


def level_checks(
    ladder: pd.DataFrame, *, cut: float, spread: float = 15.0, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Count the article's own warnings, level by level.

    Parameters
    ----------
    ladder : DataFrame
        ``account level score``; what else is there is used: ``metrics_agreed`` (0..5), ``not_replaced dependable
        not_held`` (scores of the technology organisation's three conditions), ``spread`` (SD of the answers behind a
        score).
    cut : float
    spread : float
        A team whose members' scores have a larger SD disagrees; its mean then speaks for nobody.

    Returns
    -------
    DataFrame
        ``level finding count n share low high`` (Wilson).
    """
    wide = _wide(ladder)
    names = list(wide.columns)
    once = ladder.groupby("account", sort=False).first().reindex(wide.index)
    rows = []

    def add(level: str, finding: str, mask: pd.Series, among: pd.Series) -> None:
        rows.append((level, finding, int((mask & among).sum()), int(among.sum())))

    everyone = pd.Series(True, index=wide.index)
    if "metrics_agreed" in once:
        known = once.metrics_agreed.notna()
        add(names[0], "no metrics agreed", once.metrics_agreed == 0, known)
        add(
            names[0],
            "fewer than five metrics agreed",
            (once.metrics_agreed > 0) & (once.metrics_agreed < 5),
            known,
        )
    both = wide[names[0]].notna() & wide[names[1]].notna()
    add(names[1], "metrics green, users red", (wide[names[0]] >= cut) & (wide[names[1]] < cut), both)
    third = names[min(2, len(names) - 1)]
    for column, finding in CONDITIONS.items():
        if column in once:
            add(third, finding, once[column] < cut, once[column].notna())
    if set(CONDITIONS) <= set(once):
        met = (once[list(CONDITIONS)] >= cut).all(axis=1)
        add(third, "all three conditions met", met, once[list(CONDITIONS)].notna().all(axis=1))
    if "spread" in ladder:
        team = names[min(3, len(names) - 1)]
        rows_of = ladder[ladder.level == team].set_index("account").reindex(wide.index)
        add(team, "the team disagrees", rows_of.spread > spread, rows_of.spread.notna())
        add(
            team,
            "mean passes, the team disagrees",
            (rows_of.spread > spread) & (rows_of.score >= cut),
            rows_of.spread.notna(),
        )
    add(names[-1], "nobody has looked", wide[names[-1]].isna(), everyone)
    table = pd.DataFrame(rows, columns=["level", "finding", "count", "n"])
    low, high = wilson(table["count"], table["n"], confidence_level)
    return table.assign(share=table["count"] / table.n.where(table.n > 0), low=low, high=high)


def advocacy(
    ladder: pd.DataFrame, *, cut: float, recommends: float = 9.0, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Set recommendation and trust beside the ladder, as two readers of the article proposed.

    Parameters
    ----------
    ladder : DataFrame
        ``account level score recommend``, optionally ``extra`` (something special was done) and ``trust``.
    cut : float
        An account is satisfied when its mean score is at least this.
    recommends : float
        From this answer on an account counts as recommending.

    Returns
    -------
    DataFrame
        ``group recommend n low high difference difference_low difference_high``: satisfied and not, with and without
        something extra, trusting (7 or more) and not; the difference to the other half (Newcombe) stands in the first
        row of each pair. ``attrs`` ``trust trust_low trust_high``: standardised slope of recommendation on trust
        beside the mean score (HC3), where trust is known.
    """
    if "recommend" not in ladder:
        raise InputError("ladder: there is no column 'recommend' (0..10, the same on all rows of an account)")
    once = ladder.groupby("account", sort=False).first()
    mean = _wide(ladder).mean(axis=1).reindex(once.index)
    yes = (once.recommend >= recommends).where(once.recommend.notna())
    splits = [("satisfied", "not satisfied", mean >= cut)]
    if "extra" in once:
        splits.append(("something extra", "nothing extra", once.extra.eq(True)))
    if "trust" in once:
        splits.append(("trust of 7 or more", "trust below 7", once.trust >= 7))
    rows = []
    for one, other, mask in splits:
        a, b = yes[mask].dropna().astype(float), yes[~mask].dropna().astype(float)
        gap = (
            newcombe(a.sum(), len(a), b.sum(), len(b), confidence_level)
            if len(a) and len(b)
            else (np.nan,) * 3
        )
        for name, part, values in ((one, a, gap), (other, b, (np.nan,) * 3)):
            low, high = wilson(part.sum(), len(part), confidence_level)
            rows.append((name, part.mean() if len(part) else np.nan, len(part), low, high, *values))
    columns = ["group", "recommend", "n", "low", "high", "difference", "difference_low", "difference_high"]
    table = pd.DataFrame(rows, columns=columns)
    if "trust" in once and once[["recommend", "trust"]].notna().all(axis=1).sum() >= 10:
        both = complete_cases(once.assign(mean=mean), ["recommend", "trust", "mean"])
        z = (both - both.mean()) / both.std(ddof=0)
        result = fit(z.recommend, np.column_stack([np.ones(len(z)), z.trust, z["mean"]]))
        value, lo, hi, _ = result.contrast([0, 1, 0], confidence_level)
        table.attrs.update(trust=value, trust_low=lo, trust_high=hi, trust_n=len(z))
    return table


def _wide(ladder: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("account", "level", "score") if name not in ladder]
    if missing:
        raise InputError(f"ladder: there is no column {missing[0]!r}; needed are account, level and score")
    if ladder.duplicated(["account", "level"]).any():
        twice = ladder[ladder.duplicated(["account", "level"])].iloc[0]
        raise InputError(
            f"ladder: account {twice.account!r} has level {twice.level!r} twice; one row each is needed"
        )
    names = list(dict.fromkeys(ladder["level"]))
    if len(names) < 2:
        raise InputError("ladder: at least two levels are needed")
    wide = ladder.pivot(index="account", columns="level", values="score")[names].rename_axis(columns=None)
    return wide.reindex(list(dict.fromkeys(ladder["account"]))).rename_axis(index="account")
