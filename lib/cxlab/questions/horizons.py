"""Levels of satisfaction: is there an order, must all hold, who is a hostage, what is unseen, what is next?

Accounts have one row an account and level (``account level score``); levels and accounts keep the order of
the file. ``pass_at`` is the part of the range of scores from which a level passes. ``hostages`` and
``advocates`` ask a survey and stand in a module of their own.
"""

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.hostages import CELLS, LEAST, advocates, hostages  # noqa: F401
from cxlab.questions.result import Number, Result, question
from cxlab.questions.shares import direction, dotted, points, shares
from cxlab.questions.words import capital, count, number
from cxlab.stats.intervals import normal_quantile, wilson
from cxlab.stats.resampling import limits
from cxlab.stats.scaling import scalability

FOLDS, REPEATS = 5, 10  # of the cross-validation


@question("accounts", needs="a table of accounts by level")
def order(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """Do the levels come one after another? Loevinger's H (Loevinger 1948; Mokken 1971), accounts resampled.

    An order is claimed when the whole interval of H is .3 or more and no level stays below .3. Where dates
    are known (``first_attained``) the first level is compared with the last. Columns of the table: level,
    passed (share of accounts), low, high, accounts, and H of the level with its limits.
    """
    levels, passes = _levels(accounts, pass_at)
    settings = {"bootstrap": accounts.bootstrap, "confidence_level": accounts.confidence_level}
    scale = scalability(passes, rng=accounts.rng, **settings)
    passed, known = passes.sum(), passes.notna().sum()
    low, high = wilson(passed, known, accounts.confidence_level)
    table = pd.DataFrame({"passed": passed / known, "low": low, "high": high, "accounts": known})
    own = scale.items.set_index("level")[["Hi", "low", "high"]].add_prefix("order_")
    table = table.join(own).rename_axis("level").reset_index()
    h = Number(scale.H, scale.low, scale.high, "H", scale.n, "order of the levels (H; 1 is perfect)")
    numbers = {"scalability": h, "level-one-lead": _lead(passes.dropna(), accounts)}
    numbers |= _first_reached(accounts, levels)
    said, title = "the levels rise together, but no clear order was found", "The levels have no clear order"
    if not h.low > 0:
        said, title = "no order of the levels was found", "No order of the levels was found"
    elif h.low >= 0.3 and (scale.items.Hi >= 0.3).all():
        said, title = "the levels come in order", "The levels come in order"
    together = _together(passes)
    names = {"x_title": "accounts that pass ...", "y_title": "... also pass", "percent": True}
    return Result(
        f"{said}: the measure is {h}, where 1 is perfect.", numbers, table,
        lambda: general.heat(together, title=f"{title}: H is {number(h.value)}", **names),
        ["An order of difficulty does not say that one level leads to the next."], accounts,
    )  # fmt: skip


@question("accounts", "renewed", needs="accounts by level with known renewals")
def all_must_hold(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """Which score predicts renewal best: the lowest level, the average, or each level with its own weight?

    Logistic regressions, ten times fivefold cross-validated; explained is 1 minus squared error over variance
    of accounts left out, limits over accounts. Also how many accounts have a passing average over a failing
    level. Columns of the table: rule, estimate, low, high.
    """
    levels, _ = _levels(accounts, pass_at)
    renewed = _once(accounts, levels, "renewed")
    known = levels.notna().all(axis=1) & renewed.notna()
    x, y = levels[known].to_numpy(float), renewed[known].to_numpy(float)
    if len(y) < LEAST or min(y.sum(), len(y) - y.sum()) < 5:
        have = f"{len(y)} of {len(levels)} accounts have every level and a known renewal"
        raise NotEnough(f"{have}; {LEAST} are needed, five of them renewed and five not")
    designs = {"lowest level": x.min(axis=1)[:, None], "average": x.mean(axis=1)[:, None], "each level": x}
    gains = _held_out(designs, y, accounts.seed)
    half = normal_quantile(accounts.confidence_level) / np.sqrt(len(y))
    table = pd.DataFrame({"rule": list(gains), "estimate": [gain.mean() for gain in gains.values()]})
    width = half * np.array([gain.std(ddof=1) for gain in gains.values()])
    table = table.assign(low=table.estimate - width, high=table.estimate + width)
    better = gains["lowest level"] - gains["average"]
    low, high = better.mean() + np.array([-half, half]) * better.std(ddof=1)
    label = "explained of renewal: lowest level minus average"
    gap = Number(float(better.mean()), float(low), float(high), "cross-validated R2", len(y), label)
    alike = float(np.corrcoef(designs["lowest level"][:, 0], designs["average"][:, 0])[0, 1])
    whole, mark = levels.dropna(), _pass_mark(levels, pass_at)
    veiled = int(((whole.mean(axis=1) >= mark) & (whole < mark).any(axis=1)).sum())
    hides = _share(veiled, len(whole), "average passes while a level fails", accounts)
    numbers = {
        "minimum-minus-mean": gap,
        "minimum-mean-correlation": Number(alike, unit="correlation", n=len(y), label="likeness of the two"),
        "hidden-by-average": hides,
    }
    winner = direction(gap, "the average", "the lowest level")
    said = "no difference was found between lowest level and average in predicting renewal"
    title = "Lowest level or average: no difference found in predicting renewal"
    if winner:
        said = f"{winner} is the better predictor of renewal"
        best = number(table.estimate[:2].max(), "share")
        title = f"{capital(winner)} predicts renewal better: {best} explained"
    said += f". A passing average hides a failing level in {hides}."
    return dotted(
        said, title, numbers, table, accounts,
        "Where the two scores rise together, even many accounts can hardly tell them apart.",
        label="rule", x_title="explained of renewal", reference=0.0,
    )  # fmt: skip


@question("accounts", "dependence", "renewed", needs="accounts with dependence and known renewals")
def tied_accounts(accounts: Table, *, pass_at: float = 0.5, dependent: float = 0.25) -> Result:
    """Do accounts that fail a level still renew when they depend on us (Jones & Sasser 1995)?

    An account is satisfied when its lowest known level passes, and tied when its dependence is in the upper
    part ``dependent`` of all accounts. Columns of the table: group, renewed, accounts, estimate (share
    renewed), low, high; groups in which no account stands are left out.
    """
    levels, _ = _levels(accounts, pass_at)
    data = pd.DataFrame({name: _once(accounts, levels, name) for name in ("dependence", "renewed")})
    data = data.assign(lowest=levels.min(axis=1)).dropna().astype(float)
    satisfied = data.lowest >= _pass_mark(levels, pass_at)
    tied = data.dependence >= data.dependence.quantile(1 - dependent)
    cells = {name: data.renewed[(satisfied == a) & (tied == b)] for (a, b), name in CELLS.items()}
    held, free = cells["not satisfied but tied"], cells["not satisfied and free"]
    if min(len(held), len(free)) < 5:
        have = f"{count(len(held), 'account')} not satisfied but tied and {len(free)} not satisfied and free"
        raise NotEnough(f"{have}; five of each are needed")
    rows = [(name, part.sum(), len(part)) for name, part in cells.items()]
    table = shares(rows, accounts.confidence_level, ("group", "renewed", "accounts"))
    label, unit = "renewal of the dissatisfied: tied minus free", "share of accounts"
    counts = held.sum(), len(held), free.sum(), len(free)
    gap = Number.difference(*counts, unit, label, accounts.confidence_level)
    share = _share(len(held), len(data), "accounts not satisfied but tied", accounts)
    verdict = direction(gap, "less often", "more often")
    said = "no difference in renewal was found between dissatisfied customers who depend on us and others"
    title = "Dissatisfied accounts: no difference found, tied or free"
    if verdict:
        said = f"dissatisfied customers renew {verdict} when they depend on us, by {points(gap)}"
        one, other = (number(part.mean(), "share") for part in (held, free))
        title = f"Dissatisfied accounts renew {verdict} when tied: {one} against {other}"
    return dotted(
        said + ".", title, {"hostage-renewal-drop": gap, "hostage-cell": share}, table, accounts,
        "Nobody was tied by lot, so other differences may lie behind this.",
        x_title="renewed",
    )  # fmt: skip


@question("accounts", needs="a table of accounts by level")
def unseen(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """What can the level hide that is seen least? Bounds of the share that passes every level (Manski 2003).

    If every unseen score fails we get the lower bound, if every one passes the upper; nothing is assumed.
    Columns of the table: reading, passed, accounts, estimate, low, high.
    """
    _, passes = _levels(accounts, pass_at)
    hidden = passes.isna().sum().iloc[::-1].idxmax()  # the last of equals
    known = passes[passes.drop(columns=hidden).notna().all(axis=1)]
    if known.empty:
        raise NotEnough("no account has all the other levels, so nothing can be bounded")
    base, last, n = known.drop(columns=hidden).eq(1).all(axis=1), known[hidden], len(known)
    sure, gap, seen = (int(mask.sum()) for mask in (base & last.eq(1), base & last.isna(), last.notna()))
    rows = [
        ("if all unseen fail", sure, n),
        ("only where seen", sure, seen),
        ("if all unseen pass", sure + gap, n),
    ]
    table = shares(rows, accounts.confidence_level, ("reading", "passed", "accounts"))
    width = _share(gap, n, "accounts that the unseen level leaves open", accounts)
    numbers = {"hidden-width": width}
    for name, hits, label in (
        ("pass-all-least", sure, "pass every level at least"),
        ("pass-all-most", sure + gap, "pass every level at most"),
        ("hidden-level-seen", seen, f"accounts where {hidden} was seen"),
    ):
        numbers[name] = Number(hits / n, unit=width.unit, n=n, label=label)
    if not gap:
        said = f"nothing is hidden: {number(sure / n, 'share')} of accounts pass every level, seen or not."
        return Result(said, numbers, table, data=accounts)
    looked = number(seen / n, "share")
    said = f"the level '{hidden}' was seen in {looked} of accounts, which leaves {width} open."
    title = f"Unseen '{hidden}' leaves {number(gap / n, 'share')} of accounts open"
    return dotted(
        said, title, numbers, table, accounts, "More accounts do not narrow these bounds; only looking does.",
        label="reading", x_title="pass every level",
    )  # fmt: skip


@question("accounts", needs="a table of accounts by level")
def next_steps(accounts: Table, *, pass_at: float = 0.5) -> Result:
    """What to work on next, account by account: the earliest level that fails.

    Columns of the table: account, the score of each level, next (a level, 'look at ...' where the only open
    one is unseen, or 'keep all'); accounts that fail earliest come first, lowest score first.
    """
    levels, passes = _levels(accounts, pass_at)
    names, fails, blind = list(levels.columns), passes.eq(0).to_numpy(), levels.isna().to_numpy()
    first = np.where(fails.any(axis=1), fails.argmax(axis=1), len(names))
    looks = [f"look at {names[row.argmax()]}" if row.any() else "keep all" for row in blind]
    words = [names[k] if k < len(names) else look for k, look in zip(first, looks, strict=True)]
    score = levels.to_numpy()[np.arange(len(levels)), np.minimum(first, len(names) - 1)]
    card = levels.round(1).assign(next=words).iloc[np.lexsort((score, first))].reset_index()
    wanted = [*names, *(f"look at {name}" for name in names), "keep all"]
    plan = card["next"].value_counts().reindex(wanted).dropna().astype(int)
    good, n = int(plan.get("keep all", 0)), len(card)
    passed = Number(good, unit="accounts", n=n, label="accounts that pass every level")
    numbers = {"accounts-that-pass": passed}
    work = plan[plan.index.isin(names)]
    said = f"no level that was seen fails in any of {n} accounts"
    title = "No account fails a level that was seen"
    if len(work):
        top, most = str(work.idxmax()), int(work.max())
        numbers["next-level"] = Number(top, unit="level", n=n, label="where most accounts need work next")
        said = f"the level '{top}' comes next most often, in {most} of {n} accounts"
        title = f"{capital(top)} comes next in {most} of {n} accounts"
    shown = plan.rename_axis("step").reset_index(name="accounts")
    return Result(
        said + ".", numbers, card,
        lambda: general.bars(shown, label="step", value="accounts", title=title, x_title="accounts"),
        data=accounts,
    )  # fmt: skip


def _share(hits: int, n: int, label: str, accounts: Table) -> Number:
    return Number.share(hits, n, "share of accounts", label, accounts.confidence_level)


def _levels(accounts: Table, pass_at: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores and passes (1, 0, missing), one row an account and one column a level."""
    frame = accounts.frame
    names = list(dict.fromkeys(frame["level"]))
    if len(names) < 2 or frame["score"].notna().sum() < 3:
        raise NotEnough("at least two levels and three scores are needed")
    wide = frame.pivot(index="account", columns="level", values="score").astype(float)
    levels = wide.loc[list(dict.fromkeys(frame["account"])), names].rename_axis(columns=None)
    return levels, (levels >= _pass_mark(levels, pass_at)).where(levels.notna()).astype(float)


def _pass_mark(levels: pd.DataFrame, pass_at: float) -> float:
    low, high = np.nanmin(levels.to_numpy()), np.nanmax(levels.to_numpy())
    return float(np.round(low + pass_at * (high - low), 1))


def _once(accounts: Table, levels: pd.DataFrame, column: str) -> pd.Series:
    return accounts.frame.groupby("account", sort=False)[column].first().reindex(levels.index)


def _lead(whole: pd.DataFrame, accounts: Table) -> Number:
    """Return by how much the first level's pass rate exceeds the highest other one."""
    x = whole.to_numpy()
    weights = accounts.rng.multinomial(len(x), np.full(len(x), 1 / len(x)), accounts.bootstrap) / len(x)
    rates = np.vstack([x.mean(axis=0), weights @ x])
    lead = rates[:, 0] - rates[:, 1:].max(axis=1)
    (low,), (high,) = limits(lead[None, 1:], accounts.confidence_level)
    label = "pass rate of the first level minus the next best"
    return Number(float(lead[0]), float(low), float(high), "share of accounts", len(x), label)


def _first_reached(accounts: Table, levels: pd.DataFrame) -> dict[str, Number]:
    """Return how often the first level was reached before the last; the other may still be to come."""
    if "first_attained" not in accounts.frame:
        return {}
    days = accounts.frame.assign(day=pd.to_datetime(accounts.frame["first_attained"]))
    wide = days.pivot(index="account", columns="level", values="day")
    first, last = wide[levels.columns[0]], wide[levels.columns[-1]]
    before = int((first.notna() & (last.isna() | (first < last))).sum())
    n = before + int((last.notna() & (first.isna() | (last < first))).sum())
    label = f"reached {levels.columns[0]} before {levels.columns[-1]}"
    return {"first-before-fifth": _share(before, n, label, accounts)} if n else {}


def _together(passes: pd.DataFrame) -> pd.DataFrame:
    """Return the share that passes the row's level among accounts that pass the column's (both seen)."""
    known, x = passes.notna().astype(float), passes.fillna(0.0)
    return (x.T @ x) / (known.T @ x).replace(0, np.nan)


def _held_out(designs: dict[str, np.ndarray], y: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return what each rule explains of each account that was left out; the mean over accounts is an R2."""
    rng, n = np.random.default_rng(seed), len(y)
    fold = np.array([rng.permutation(np.arange(n) % FOLDS) for _ in range(REPEATS)])
    train = (fold[:, None, :] != np.arange(FOLDS)[None, :, None]).reshape(-1, n)
    means = (train @ y / train.sum(axis=1))[:, None]
    base = np.where(train, 0, (y - means) ** 2).sum(axis=0)
    gains = {}
    for rule, x in designs.items():
        z = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
        error = np.where(train, 0, (y - _logistic(np.column_stack([np.ones(n), z]), y, train)) ** 2)
        gains[rule] = (base - error.sum(axis=0)) / base.mean()
    return gains


def _logistic(design: np.ndarray, y: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return the probabilities of logistic regressions, one fitted on each row of ``train``, all at once."""
    k = design.shape[1]
    beta, ridge = np.zeros((len(train), k)), 1e-4 * np.eye(k)  # a separated fold stays finite
    products = (design[:, :, None] * design[:, None, :]).reshape(len(y), -1)
    for _ in range(25):
        p = 1 / (1 + np.exp(-np.clip(beta @ design.T, -30, 30)))
        hessian = ((train * np.maximum(p * (1 - p), 1e-9)) @ products).reshape(-1, k, k) + ridge
        gradient = (train * (y - p)) @ design - beta @ ridge
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-8:
            break
    return 1 / (1 + np.exp(-np.clip(beta @ design.T, -30, 30)))
