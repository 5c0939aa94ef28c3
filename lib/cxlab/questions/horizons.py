"""Levels of satisfaction: is there an order, must all hold, who is a hostage, what is unseen, what is next?

Accounts have one row an account and level (``account level score``); levels and accounts keep the order of
the file. ``pass_at`` is the part of the range of scores from which a level passes.
"""

from functools import partial

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Survey, Table
from cxlab.figures import general
from cxlab.questions.result import SHARES, Number, Result, count, number, question, shares, with_interval
from cxlab.stats.agreement import scalability
from cxlab.stats.intervals import normal_quantile, percentile_interval, wilson
from cxlab.stats.regression import fit
from cxlab.stats.resampling import resampled_means

LEAST = 20  # complete answers
SATISFIED, TIED = 2 / 3, 1 / 2  # parts of the scale from which somebody counts as such
CELLS = {  # satisfied, tied
    "satisfied and free": (True, False),
    "satisfied and tied": (True, True),
    "not satisfied but tied": (False, True),
    "not satisfied and free": (False, False),
}


@question("accounts", needs="a table of accounts by level")
def order(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """Do the levels come one after another? Loevinger's H (Loevinger 1948; Mokken 1971), accounts resampled.

    An order is claimed when the whole interval of H is .3 or more and no level stays below .3. Where dates
    are known (``first_attained``) the first level is compared with the last. Columns of the table: level,
    passed (share of accounts), low, high, accounts, and H of the level with its limits.
    """
    levels, passes, _ = _levels(accounts, pass_at)
    level, draws = accounts.confidence_level, accounts.bootstrap
    scale = scalability(passes, bootstrap=draws, confidence_level=level, rng=accounts.rng)
    passed, known = passes.sum(), passes.notna().sum()
    low, high = wilson(passed, known, level)
    table = pd.DataFrame({"passed": passed / known, "low": low, "high": high, "accounts": known})
    own = scale.items.set_index("level")[["Hi", "low", "high"]].add_prefix("order_")
    table = table.join(own).rename_axis("level").reset_index()
    h = Number(scale.H, scale.low, scale.high, "H", scale.n, "order of the levels (H; 1 is perfect)")
    whole = passes.dropna()
    rates = resampled_means(whole.to_numpy(), draws=draws, rng=accounts.rng)
    lead, label = rates[0] - rates[1:].max(axis=0), "pass rate of the first level minus the next best"
    first = Number(lead[0], *percentile_interval(lead[1:], level), "share of accounts", len(whole), label)
    numbers = {"scalability": h, "level-one-lead": first}
    if "first_attained" in accounts.frame:  # the other level may still be to come
        days = accounts.frame.assign(day=pd.to_datetime(accounts.frame["first_attained"]))
        wide = days.pivot(index="account", columns="level", values="day")
        one, last = levels.columns[0], levels.columns[-1]
        before = wide[one].notna() & ~(wide[last] <= wide[one])
        behind = wide[last].notna() & ~(wide[one] <= wide[last])
        if n := int((before | behind).sum()):
            label = f"reached {one} before {last}"
            numbers["first-before-fifth"] = _share(int(before.sum()), n, label, accounts)
    said = "the levels rise together, but no clear order was found"
    if not h.low > 0:
        said = "no order of the levels was found"
    elif h.low >= 0.3 and (scale.items.Hi >= 0.3).all():
        said = "the levels come in order"
    seen, x = passes.notna().astype(float), passes.fillna(0.0)
    # cell: passes the row's level among those who pass the column's
    together = (x.T @ x) / (seen.T @ x).replace(0, np.nan)
    axes = {"x_title": "accounts that pass ...", "y_title": "... also pass", "percent": True}
    caution = "An order of difficulty does not say that one level leads to the next."
    finding = f"{said}: the measure is {h}, where 1 is perfect."
    return Result(finding, numbers, table, partial(general.heat, together, **axes), [caution], accounts)


@question("accounts", "renewed", needs="accounts by level with known renewals")
def all_must_hold(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """Which score predicts renewal best: the lowest level, the average, or each level with its own weight?

    Logistic regressions, five times fivefold cross-validated; explained is 1 minus squared error over the
    variance of accounts left out, limits over accounts. Also how many accounts have a passing average over a
    failing level. Columns of the table: rule, estimate, low, high.
    """
    levels, _, mark = _levels(accounts, pass_at)
    renewed = _once(accounts, levels, "renewed")
    known = levels.notna().all(axis=1) & renewed.notna()
    x, y = levels[known].to_numpy(float), renewed[known].to_numpy(float)
    if len(y) < LEAST or min(y.sum(), len(y) - y.sum()) < 5:
        have = f"{len(y)} of {len(levels)} accounts have every level and a known renewal"
        raise NotEnough(f"{have}; {LEAST} are needed, five of them renewed and five not")
    lowest, average = x.min(axis=1), x.mean(axis=1)
    designs = {"lowest level": lowest[:, None], "average": average[:, None], "each level": x}
    gains = pd.DataFrame({rule: _held_out(design, y, accounts.seed) for rule, design in designs.items()})
    gains["better"] = gains["lowest level"] - gains["average"]
    middle, half = gains.mean(), normal_quantile(accounts.confidence_level) * gains.std() / np.sqrt(len(y))
    table = pd.DataFrame({"estimate": middle, "low": middle - half, "high": middle + half})
    label = "explained of renewal: lowest level minus average"
    gap = Number(*table.loc["better"], "cross-validated R2", len(y), label)
    table = table.drop("better").rename_axis("rule").reset_index()
    alike = float(np.corrcoef(lowest, average)[0, 1])
    alike, whole = Number(alike, unit="correlation", n=len(y), label="likeness of the two"), levels.dropna()
    veiled = int(((whole.mean(axis=1) >= mark) & (whole < mark).any(axis=1)).sum())
    hides = _share(veiled, len(whole), "average passes while a level fails", accounts)
    numbers = {"minimum-minus-mean": gap, "minimum-mean-correlation": alike, "hidden-by-average": hides}
    said = "no difference was found between lowest level and average in predicting renewal"
    if winner := gap.direction("the average", "the lowest level"):
        best = number(table.estimate[:2].max(), "share")
        said = f"{winner} is the better predictor of renewal, {best} explained"
    finding = f"{said}. A passing average hides a failing level in {hides}."
    caution = "Where the two scores rise together, even many accounts can hardly tell them apart."
    draw = partial(general.dots, table, label="rule", x_title="explained of renewal", percent=True)
    return Result(finding, numbers, table, draw, [caution], accounts)


@question("accounts", "dependence", "renewed", needs="accounts with dependence and known renewals")
def tied_accounts(accounts: Table, *, pass_at: float = 0.5, dependent: float = 0.25) -> Result:
    """Do accounts that fail a level still renew when they depend on us (Jones & Sasser 1995)?

    An account is satisfied when its lowest known level passes, and tied when its dependence is in the upper
    part ``dependent`` of all accounts. Columns of the table: group, count (renewed), n, estimate, low, high.
    """
    levels, _, mark = _levels(accounts, pass_at)
    data = pd.DataFrame({name: _once(accounts, levels, name) for name in ("dependence", "renewed")})
    data = data.assign(lowest=levels.min(axis=1)).dropna().astype(float)
    satisfied = data.lowest >= mark
    tied = data.dependence >= data.dependence.quantile(1 - dependent)
    cells = {name: data.renewed[(satisfied == a) & (tied == b)] for name, (a, b) in CELLS.items()}
    held, free = cells["not satisfied but tied"], cells["not satisfied and free"]
    if min(len(held), len(free)) < 5:
        have = f"{count(len(held), 'account')} not satisfied but tied and {len(free)} not satisfied and free"
        raise NotEnough(f"{have}; five of each are needed")
    level, label = accounts.confidence_level, "renewal of the dissatisfied: tied minus free"
    gap, table = Number.difference(held, free, "share of accounts", label, level), shares(cells, level)
    share = _share(len(held), len(data), "accounts not satisfied but tied", accounts)
    said = "no difference in renewal was found between dissatisfied customers who depend on us and others"
    if verdict := gap.direction("less often", "more often"):
        said = f"dissatisfied customers renew {verdict} when they depend on us, by {gap.points()}"
    numbers = {"hostage-renewal-drop": gap, "hostage-cell": share}
    caution = "Nobody was tied by lot, so other differences may lie behind this."
    draw = partial(general.dots, table, x_title="renewed", **SHARES)
    return Result(f"{said}.", numbers, table, draw, [caution], accounts)


@question("accounts", needs="a table of accounts by level")
def unseen(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """What can the level hide that is seen least? Bounds of the share that passes every level (Manski 2003).

    If every unseen score fails we get the lower bound, if every one passes the upper; nothing is assumed.
    Columns of the table: group (the reading), count (passed), n, estimate, low, high.
    """
    _, passes, _ = _levels(accounts, pass_at)
    hidden = passes.isna().sum().iloc[::-1].idxmax()  # the last of equals
    known = passes[passes.drop(columns=hidden).notna().all(axis=1)]
    if known.empty:
        raise NotEnough("no account has all the other levels, so nothing can be bounded")
    base, last, n = known.drop(columns=hidden).eq(1).all(axis=1), known[hidden], len(known)
    sure, most, looked = base & last.eq(1), base & last.ne(0), last.notna()
    readings = {"if all unseen fail": sure, "only where seen": sure[looked], "if all unseen pass": most}
    table = shares(readings, accounts.confidence_level)
    width = _share((most & ~sure).sum(), n, "accounts that the unseen level leaves open", accounts)
    numbers = {"hidden-width": width}
    for name, which, label in (
        ("pass-all-least", sure, "pass every level at least"),
        ("pass-all-most", most, "pass every level at most"),
        ("hidden-level-seen", looked, f"accounts where {hidden} was seen"),
    ):
        numbers[name] = Number(float(which.mean()), unit=width.unit, n=n, label=label)
    said = f"nothing is hidden: {number(sure.mean(), 'share')} of accounts pass every level, seen or not."
    if width.value:
        part = number(looked.mean(), "share")
        said = f"the level '{hidden}' was seen in {part} of accounts, which leaves {width} open."
    caution = "More accounts do not narrow these bounds; only looking does."
    draw = partial(general.dots, table, x_title="pass every level", **SHARES)
    return Result(said, numbers, table, draw, [caution], accounts)


@question("accounts", needs="a table of accounts by level")
def next_steps(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """What to work on next, account by account: the earliest level that fails.

    Columns of the table: account, the score of each level, next (a level, 'look at ...' where the only open
    one is unseen, or 'keep all'); accounts that fail earliest come first, lowest score first.
    """
    levels, passes, _ = _levels(accounts, pass_at)
    names, one = list(levels.columns), np.ones(len(levels))
    steps = np.array([*names, *(f"look at {name}" for name in names), "keep all"], dtype=object)
    at = np.column_stack([passes.eq(0), levels.isna(), one]).argmax(axis=1)  # the first step that applies
    first = np.minimum(at, len(names))
    score = levels.to_numpy()[np.arange(len(levels)), np.minimum(first, len(names) - 1)]
    card = levels.round(1).assign(next=steps[at]).iloc[np.lexsort((score, first))].reset_index()
    plan = card["next"].value_counts().reindex(steps).dropna().astype(int)
    work, said = plan[plan.index.isin(names)], f"no level that was seen fails in any of {len(card)} accounts."
    if len(work):
        said = f"the level '{work.idxmax()}' comes next most often, in {work.max()} of {len(card)} accounts."
    draw = partial(general.bars, plan.to_frame("accounts"), value="accounts", x_title="accounts")
    return Result(said, {}, card, draw, data=accounts)


@question("survey", needs="a survey about satisfaction, one more outcome and how hard leaving is")
def hostages(survey: Survey) -> Result:
    """Does satisfaction matter less for staying where leaving is hard (Dick & Basu 1994)?

    The outcome is fitted on satisfaction, on how hard leaving is (block or role ``switching``) and on their
    product, all standardised, with HC3 limits. Satisfied are those in the upper third of the scale, tied
    those in its upper half. Columns of the table: group, count, n, estimate (share of customers), low, high,
    and the mean of the outcome with its limits.
    """
    data, said, word = _answers(survey)
    level, n = survey.confidence_level, len(data)
    y, s, t = ((data - data.mean()) / data.std(ddof=0)).to_numpy().T
    gap, low, high, _ = fit(y, np.column_stack([np.ones(n), s, t, s * t])).contrast([0, 0, 0, 1], level)
    label = f"change in what {said} does for {word} as leaving gets harder"
    slope = Number(gap, low, high, "standardised slope", n, label)
    numbers = {"hostage-loyalty-gap": slope}
    low, high = survey.scale or (data.min().min(), data.max().max())
    happy = data.satisfaction >= low + SATISFIED * (high - low) - 1e-9
    tied = data.tied >= low + TIED * (high - low) - 1e-9
    cells = {name: (happy == a) & (tied == b) for name, (a, b) in CELLS.items()}
    table, own = shares(cells, level), [data.outcome[cell] for cell in cells.values()]
    middle = np.array([part.mean() for part in own])
    half = normal_quantile(level) * np.array([part.sem() for part in own])
    table = table.assign(outcome=middle, outcome_low=middle - half, outcome_high=middle + half)
    table, hidden = suppress(table, count="count", min_cell=survey.min_cell)
    for name, group, meaning in (
        ("hostage-share", "not satisfied but tied", "not satisfied but find leaving hard"),
        ("satisfied-and-free", "satisfied and free", "satisfied and find leaving easy"),
    ):
        for row in table.loc[table.group == group, ["estimate", "low", "high"]].to_numpy():
            numbers[name] = Number(*row, "share of customers", n, meaning)
    finding = f"No difference was found in what {said} does for {word} where leaving is hard."
    if verdict := slope.direction("less", "more"):
        by = with_interval(abs(gap), *sorted(abs(end) for end in slope[1:3]))
        finding = f"Where leaving is hard, {said} counts {verdict} for {word}, by {by}."
    if "hostage-share" in numbers:
        finding += f" {numbers['hostage-share']} of customers are not satisfied but find leaving hard."
    cautions = ["The survey reaches people who are still customers; those who left are missing."]
    if survey.weights:
        cautions.append("Survey weights are not used here.")
    elif hidden:
        cautions.append(f"{count(hidden, 'small group')} not shown.")
    axes = {"value": "outcome", "low": "outcome_low", "high": "outcome_high", "x_title": f"{word}, mean"}
    draw = partial(general.dots, table, label="group", reference=None, **axes)
    return Result(finding, numbers, table, draw, cautions, survey)


def _answers(survey: Survey) -> tuple[pd.DataFrame, str, str]:
    """Return ``outcome satisfaction tied`` of who answered all; what satisfaction and outcome are called."""
    items = survey.blocks.get("switching") or survey.roles.get("switching")
    if not items:
        raise NotEnough("the survey does not ask how hard leaving would be")
    happy = [name for name in survey.outcomes if "satisf" in f"{name} {survey.label(name)}".lower()]
    others = [name for name in survey.outcomes if name not in happy]
    if not happy or not others:
        raise NotEnough("the survey does not ask both how satisfied customers are and whether they stay")
    outcome = survey.outcome if survey.outcome in others else others[0]
    asked = {"outcome": survey.outcomes[outcome], "satisfaction": survey.outcomes[happy[0]], "tied": items}
    means = {name: survey.frame[own].astype(float).mean(axis=1, skipna=False) for name, own in asked.items()}
    data = pd.DataFrame(means).dropna()
    if len(data) < LEAST:
        have = f"only {len(data)} of {len(survey.frame)} respondents answered all of this"
        raise NotEnough(f"{have}; {LEAST} are needed")
    if (data.nunique() < 2).any():
        raise NotEnough("everybody gave the same answer, so nothing can be compared")
    return data, survey.label(happy[0]), survey.label(outcome)


def _share(hits: int, n: int, label: str, accounts: Table) -> Number:
    return Number.share(hits, n, "share of accounts", label, accounts.confidence_level)


def _levels(accounts: Table, pass_at: float) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Return scores and passes (1, 0, missing), a row an account and a column a level, and the pass mark."""
    frame = accounts.frame
    names = list(dict.fromkeys(frame["level"]))
    if len(names) < 2 or frame["score"].notna().sum() < 3:
        raise NotEnough("at least two levels and three scores are needed")
    wide = frame.pivot(index="account", columns="level", values="score").astype(float)
    levels = wide.loc[list(dict.fromkeys(frame["account"])), names].rename_axis(columns=None)
    low, high = np.nanmin(levels.to_numpy()), np.nanmax(levels.to_numpy())
    mark = float(np.round(low + pass_at * (high - low), 1))
    return levels, (levels >= mark).where(levels.notna()).astype(float), mark


def _once(accounts: Table, levels: pd.DataFrame, column: str) -> pd.Series:
    return accounts.frame.groupby("account", sort=False)[column].first().reindex(levels.index)


def _held_out(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """Return what a rule explains of each account that was left out; the mean over accounts is an R2."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import RepeatedStratifiedKFold

    x = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    error, base = np.zeros((2, len(y)))
    model = LogisticRegression(C=1e4, solver="newton-cholesky")  # a separated fold stays finite
    for train, test in RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=seed).split(x, y):
        error[test] += (y[test] - model.fit(x[train], y[train]).predict_proba(x[test])[:, 1]) ** 2
        base[test] += (y[test] - y[train].mean()) ** 2
    return (base - error) / base.mean()
