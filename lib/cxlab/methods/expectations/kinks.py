"""Does a side only prevent anger, or does it also win? Two slopes with a kink, and an answer scale that is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..intervals import benjamini_hochberg, generator
from ..least_squares import complete_cases, fit, t_quantile
from .censored import censored_fit

__all__ = ["kink_paths", "kinked_slopes", "kinks_in_a_straight_world", "knot_grid", "penalty_reward"]


def kinked_slopes(
    data: pd.DataFrame,
    *,
    outcome: str,
    drivers: Sequence[str],
    covariates: Sequence[str] = (),
    knot: float | Mapping[str, float] | None = None,
    ceiling: str | float | None = "auto",
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Return the slope of the outcome below and above a knot of each driver, and their difference.

    Parameters
    ----------
    data : DataFrame, one row a respondent
        Complete cases.
    outcome : str
    drivers : list of str
        Each gets its own kink in one joint model.
    covariates : list of str
        Adjusted for with a straight line.
    knot : float or mapping of driver to float, optional
        Where the slope may change; set it before looking at the outcome. The driver's median when left out.
    ceiling : "auto", a number or None
        The top of the outcome's scale. Answers there are then treated as "at least so much" (censored regression).
        ``"auto"`` does so with the observed maximum when more than 5 % of the answers stand there; None never does.
        Unless None, the driver's own highest and lowest answers get a level of their own when more than 5 % stand
        there, so that the slopes rest on the answers in between.
    confidence_level : float

    Returns
    -------
    DataFrame
        Index ``driver``; ``knot below below_low below_high above above_low above_high difference low high p_value
        n_below n_above at_ceiling model``. ``difference`` is below - above: positive means losses weigh more than
        gains (table stakes), negative that gains weigh more (delight). ``model`` is "least squares" (HC3) or
        "censored" (robust sandwich).

    Raises
    ------
    ValueError
        When fewer than 10 rows lie on one side of a knot.

    Notes
    -----
    Kahneman & Tversky (1979); Mittal, Ross & Baldasare (1998); censored regression: Tobin (1958), in the
    parametrisation of Olsen (1978). In linear worlds with a full scale least squares sees kinks that are not there:
    the false-alarm rates are printed by tests/bench/bench_expectations.py.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=600)
    >>> world = pd.DataFrame({"x": x, "y": np.where(x < 0, 0.8, 0.2) * x + rng.normal(size=600)})
    >>> row = kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0).loc["x"]
    >>> bool(row.low > 0), row.model
    (True, 'least squares')
    """
    drivers, covariates = list(drivers), list(covariates)
    table = complete_cases(
        data, [outcome, *drivers, *covariates], minimum=2 * len(drivers) + len(covariates) + 10
    )
    knots = _knots(table, drivers, knot)
    y = table[outcome].to_numpy()
    columns = [np.ones(len(y))]
    for name in drivers:
        away = table[name].to_numpy() - knots[name]
        sides = int((away < 0).sum()), int((away > 0).sum())
        if min(sides) < 10:
            raise ValueError(
                f"knot={knots[name]:g} leaves {sides[0]} rows below and {sides[1]} above it in {name!r}; "
                "both sides need at least 10: choose a knot nearer the middle"
            )
        columns += [np.minimum(away, 0), np.maximum(away, 0)]
    columns += [table[name].to_numpy() for name in covariates]
    if ceiling is not None:
        columns += [end for name in drivers for end in _ends(table[name].to_numpy(), knots[name])]
    x = np.column_stack(columns)
    top, at_top = _top(y, ceiling)
    if top is None:
        result = fit(y, x)
        beta, spread, dof, model = result.coefficients, result.covariance, result.dof, "least squares"
    else:
        beta, spread = censored_fit(y, x, top)
        dof, model = len(y) - x.shape[1] - 1, "censored"
    quantile = t_quantile(confidence_level, dof)
    rows = []
    for i, name in enumerate(drivers):
        row = [knots[name]]
        for weights in ((1, 0), (0, 1), (1, -1)):
            at = np.zeros(x.shape[1])
            at[1 + 2 * i : 3 + 2 * i] = weights
            estimate, error = float(at @ beta), float(np.sqrt(at @ spread @ at))
            row += [estimate, estimate - quantile * error, estimate + quantile * error]
        away = table[name] - knots[name]
        row += [_p_value(estimate / error, dof), int((away < 0).sum()), int((away > 0).sum()), at_top, model]
        rows.append(row)
    names = "knot below below_low below_high above above_low above_high difference low high p_value n_below n_above"
    index = pd.Index(drivers, name="driver")
    return pd.DataFrame(rows, columns=[*names.split(), "at_ceiling", "model"], index=index)


def knot_grid(
    data: pd.DataFrame,
    *,
    outcome: str,
    driver: str,
    covariates: Sequence[str] = (),
    knots: Sequence[float] | None = None,
    ceiling: str | float | None = "auto",
    level: float = 0.05,
) -> pd.DataFrame:
    """Return the kink of one driver at every sensible knot, with Benjamini-Hochberg over all of them.

    A kink that shows at a single knot only is a find of the search, not of the data.

    Returns
    -------
    DataFrame
        ``knot below above difference low high adjusted kink``; ``kink`` is True where the adjusted p-value is at
        most ``level``. Knots that leave fewer than 10 rows on a side are left out.
    """
    values = complete_cases(data, [outcome, driver, *covariates])[driver]
    if knots is None:
        knots = np.unique(np.quantile(values, np.linspace(0.2, 0.8, 7)))
    usable = [float(k) for k in knots if min((values < k).sum(), (values > k).sum()) >= 10]
    if not usable:
        raise ValueError(
            f"no knot of {driver!r} leaves 10 rows on both sides: the answers stand at one value"
        )
    parts = [
        kinked_slopes(data, outcome=outcome, drivers=[driver], covariates=covariates, knot=k, ceiling=ceiling)
        for k in usable
    ]
    found = pd.concat(parts, ignore_index=True)
    found["kink"], found["adjusted"] = benjamini_hochberg(found.p_value, level)
    return found[["knot", "below", "above", "difference", "low", "high", "adjusted", "kink"]]


def kink_paths(slopes: pd.DataFrame, *, reach: float = 2.0) -> pd.DataFrame:
    """Return the two lines of each driver as points to draw, with the band that their slopes' intervals open.

    Returns
    -------
    DataFrame
        ``driver position change low high``: change of the outcome from its value at the knot (position 0).
    """
    rows = []
    for name, row in slopes.iterrows():
        for position in np.linspace(-reach, reach, 9):
            side = "below" if position < 0 else "above"
            change = sorted(position * row[f"{side}_{end}"] for end in ("low", "high"))
            rows.append((name, position, position * row[side], *change))
    return pd.DataFrame(rows, columns=["driver", "position", "change", "low", "high"])


def penalty_reward(
    data: pd.DataFrame, *, outcome: str, driver: str, confidence_level: float = 0.95
) -> pd.DataFrame:
    """Return the popular penalty and reward dummies of one driver. Here to show how they mislead; do not decide by it.

    The lowest fifth of the driver's answers gets one dummy, the highest fifth another, the rest is the reference.
    Where the driver is skewed or the outcome's scale is full, the two groups differ in how far they stand from the
    middle and in how far they can move, and a straight line looks like a kink.

    Returns
    -------
    DataFrame
        Index ``penalty reward difference``; ``estimate low high``; ``difference`` is penalty - reward (HC3).
    """
    table = complete_cases(data, [outcome, driver], minimum=12)
    low, high = np.quantile(table[driver], [0.2, 0.8])
    worst, best = (table[driver] <= low).to_numpy(float), (table[driver] >= high).to_numpy(float)
    if low == high:
        raise ValueError(
            f"{driver!r} has the same value at its 20th and 80th percentile; it cannot form two groups"
        )
    result = fit(table[outcome], np.column_stack([np.ones(len(table)), worst, best]))
    weights = {"penalty": (0, -1, 0), "reward": (0, 0, 1), "difference": (0, -1, -1)}
    rows = [result.contrast(w, confidence_level)[:3] for w in weights.values()]
    return pd.DataFrame(
        rows, columns=["estimate", "low", "high"], index=pd.Index(list(weights), name="effect")
    )


def kinks_in_a_straight_world(
    *,
    top_shares: Sequence[float] = (0.0, 0.1, 0.2, 0.3),
    n: int = 1500,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return what three methods see where the truth is a straight line and part of the answers is at the top.

    Parameters
    ----------
    top_shares : list of shares
        How many of the answers stand at the top of the scale.
    n : int
        Respondents of each simulated world, slope 0.6, one driver.

    Returns
    -------
    DataFrame
        ``top_share method estimate low high``: loss minus gain, in spreads of the true outcome; the truth is 0.
    """
    random = generator(rng)
    x = random.normal(size=n)
    y = 0.6 * x + 0.8 * random.normal(size=n)
    rows = []
    for share in top_shares:
        world = pd.DataFrame({"x": x, "y": np.minimum(y, np.quantile(y, 1 - share)) if share > 0 else y})
        dummies = penalty_reward(world, outcome="y", driver="x").loc["difference"]
        rows.append((share, "penalty-reward dummies", dummies.estimate, dummies.low, dummies.high))
        for method, ceiling in (
            ("two slopes, scale ignored", None),
            ("two slopes, full scale allowed for", "auto"),
        ):
            row = kinked_slopes(world, outcome="y", drivers=["x"], knot=0.0, ceiling=ceiling).iloc[0]
            rows.append((share, method, row.difference, row.low, row.high))
    return pd.DataFrame(rows, columns=["top_share", "method", "estimate", "low", "high"])


def _knots(table: pd.DataFrame, drivers: list[str], knot) -> dict[str, float]:
    given = knot if isinstance(knot, Mapping) else dict.fromkeys(drivers, knot)
    strange = [name for name in given if name not in drivers]
    if strange:
        raise ValueError(f"knot names {strange[0]!r}, which is not among the drivers {drivers}")
    return {name: float(table[name].median() if given.get(name) is None else given[name]) for name in drivers}


def _ends(x: np.ndarray, knot: float) -> list[np.ndarray]:
    """Indicators of a driver's own lowest and highest answer where it is crowded: "10" may mean far more than 10.

    Left out on a side that would have fewer than two other values to draw its line through.
    """
    found = []
    for end, side in ((x.max(), x[x > knot]), (x.min(), x[x < knot])):
        at_end = x == end
        if at_end.mean() > 0.05 and len(np.unique(side)) >= 3:
            found.append(at_end.astype(float))
    return found


def _top(y: np.ndarray, ceiling: str | float | None) -> tuple[float | None, float]:
    top = float(y.max()) if ceiling in ("auto", None) else float(ceiling)
    share = float((y >= top).mean())
    if ceiling is None or (ceiling == "auto" and share <= 0.05) or share == 0:
        return None, share
    if share > 0.8:
        raise ValueError(
            f"{share:.0%} of the answers stand at the top of the scale: nothing is left to explain"
        )
    # on a scale in steps the top answer begins half a step earlier
    step = float(np.median(np.diff(np.unique(y.round(9)))))
    return top - step / 2, share


def _p_value(t: float, dof: float) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(dof, -abs(t)))
