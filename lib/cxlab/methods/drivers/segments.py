"""Is the answer the same for every kind of customer, outcome, coding of items and level of the product?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product as every
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.drivers.importance import decompose, limits
from cxlab.methods.drivers.inputs import check_level, complete, prepare, tidy_blocks
from cxlab.methods.drivers.subsets import bootstrap_covariances, shapley_r2
from cxlab.methods.intervals import normal_quantile

__all__ = [
    "Shrunk",
    "assignment_range",
    "compare_outcomes",
    "disputed_items",
    "segment_shares",
    "shrink",
]

Blocks = Mapping[str, Iterable[str] | str]


class Shrunk(NamedTuple):
    """Estimates of several groups pulled towards their mean (random effects).

    Attributes
    ----------
    table : DataFrame
        In the order of the input: ``estimate, shrunk, low, high, weight`` (weight of the group's own estimate, 0..1).
    mean, se : float
        The mean over groups and its standard error.
    tau2, tau2_low, tau2_high : float
        Variance between groups (DerSimonian-Laird) and its Q-profile limits.
    Q, p : float
        Cochran's test that all groups share one value.
    """

    table: pd.DataFrame
    mean: float
    se: float
    tau2: float
    tau2_low: float
    tau2_high: float
    Q: float
    p: float


def shrink(
    estimates: Sequence[float], variances: Sequence[float], *, confidence_level: float = 0.95
) -> Shrunk:
    """Pull noisy group estimates towards their mean, the more the noisier they are (empirical Bayes).

    Parameters
    ----------
    estimates, variances : sequences of numbers
        One estimate a group with its sampling variance (above 0); at least two groups.

    Returns
    -------
    Shrunk

    References
    ----------
    DerSimonian & Laird 1986; Efron & Morris 1975; Viechtbauer 2007 for the Q-profile limits.

    Examples
    --------
    >>> round(shrink([0.2, 0.6], [0.01, 0.01]).mean, 3)
    0.4
    """
    from scipy import stats

    y, v = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if y.shape != v.shape or y.ndim != 1 or len(y) < 2:
        raise InputError("estimates and variances must be two lists of equal length with at least two groups")
    if not (np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all()):
        raise InputError(
            "variances must be above 0 and everything finite; leave out groups without an estimate"
        )
    w, df = 1 / v, len(y) - 1

    def heterogeneity(tau2: float) -> float:
        weight = 1 / (v + tau2)
        return float((weight * (y - (weight * y).sum() / weight.sum()) ** 2).sum())

    q = heterogeneity(0.0)
    tau2 = max(0.0, (q - df) / (w.sum() - (w**2).sum() / w.sum()))
    weight = 1 / (v + tau2)
    mean, se = float((weight * y).sum() / weight.sum()), float(np.sqrt(1 / weight.sum()))
    own = tau2 / (tau2 + v)
    spread = np.sqrt(own * v + (1 - own) ** 2 * se**2)
    z = normal_quantile(confidence_level)
    shrunk = mean + own * (y - mean)
    table = pd.DataFrame(
        {
            "estimate": y,
            "shrunk": shrunk,
            "low": shrunk - z * spread,
            "high": shrunk + z * spread,
            "weight": own,
        }
    )
    tail = (1 - confidence_level) / 2
    ends = [_solve(heterogeneity, stats.chi2.ppf(level, df)) for level in (1 - tail, tail)]
    return Shrunk(table, mean, se, float(tau2), ends[0], ends[1], q, float(stats.chi2.sf(q, df)))


def _solve(heterogeneity, target: float) -> float:
    """The tau2 at which the (falling) heterogeneity equals the target; 0 where it is below already."""
    from scipy.optimize import brentq

    if heterogeneity(0.0) <= target:
        return 0.0
    top = 1.0
    while heterogeneity(top) > target:
        top *= 4
    return float(brentq(lambda tau2: heterogeneity(tau2) - target, 0.0, top, xtol=1e-12))


def segment_shares(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Blocks,
    segment: str,
    of: str | None = None,
    smallest: int = 20,
    bootstrap: int = 500,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Compare the share of one block between segments, and pull small segments towards the mean.

    Parameters
    ----------
    data, outcome, blocks, bootstrap, confidence_level, rng
        As in ``relative_importance``.
    segment : str
        The column that tells segments apart.
    of : str, optional
        The block whose share is compared; the last one when left out.
    smallest : int
        Segments with fewer complete cases (or fewer than 5 a column) are left out and named in ``attrs``.

    Returns
    -------
    DataFrame
        Index ``segment``; ``n, share, se, low, high`` (the segment alone), ``shrunk, shrunk_low, shrunk_high``.
        ``attrs``: ``of, mean, mean_low, mean_high, tau, tau_low, tau_high`` (standard deviation of the true share
        between segments), ``Q, p, left_out`` (segment -> complete cases). Fewer than two usable segments: no
        shrinkage, NaN.
    """
    check_level(bootstrap, confidence_level)
    if bootstrap < 2:
        raise InputError(f"bootstrap={bootstrap!r}: segments need standard errors; use at least 200")
    if segment not in data.columns:
        raise InputError(f"segment: the data have no column {segment!r}")
    tidy = tidy_blocks(blocks)
    chosen = of or list(tidy)[-1]
    if chosen not in tidy:
        raise InputError(f"of={of!r} is no block; there are {', '.join(tidy)}")
    columns = [item for items in tidy.values() for item in items]
    needed = max(smallest, 5 * (len(columns) + 1))
    generator = np.random.default_rng(rng)
    rows, left_out = {}, {}
    for name, part in data.groupby(segment, sort=True):
        n = int(part[[*columns, outcome]].notna().all(axis=1).sum())
        label = f"{name:g}" if isinstance(name, float) else str(name)
        try:
            if n < needed:
                raise InputError("too few")
            result = decompose(
                part,
                outcome=outcome,
                blocks=tidy,
                bootstrap=bootstrap,
                confidence_level=confidence_level,
                rng=generator,
            )
        except InputError:
            left_out[label] = n
            continue
        row = result.table.loc[chosen]
        rows[label] = (result.n, row["share"], float(result.draws[chosen].std()), row["low"], row["high"])
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["n", "share", "se", "low", "high"])
    table.index.name = "segment"
    facts = {"of": chosen, "left_out": left_out, "needed": needed}
    if len(table) >= 2:
        pulled = shrink(
            table["share"].to_numpy(), table["se"].to_numpy() ** 2, confidence_level=confidence_level
        )
        z = normal_quantile(confidence_level)
        table[["shrunk", "shrunk_low", "shrunk_high"]] = pulled.table[["shrunk", "low", "high"]].to_numpy()
        facts |= {
            "mean": pulled.mean,
            "mean_low": pulled.mean - z * pulled.se,
            "mean_high": pulled.mean + z * pulled.se,
        }
        facts |= {"tau": pulled.tau2**0.5, "tau_low": pulled.tau2_low**0.5, "tau_high": pulled.tau2_high**0.5}
        facts |= {"Q": pulled.Q, "p": pulled.p}
    else:
        table[["shrunk", "shrunk_low", "shrunk_high"]] = np.nan
        facts |= dict.fromkeys(
            ("mean", "mean_low", "mean_high", "tau", "tau_low", "tau_high", "Q", "p"), float("nan")
        )
    table.attrs = facts
    return table


def compare_outcomes(
    data: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    blocks: Blocks,
    of: str | None = None,
    bootstrap: int = 1000,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split several outcomes on the same respondents, and say how the share of one block differs between them.

    Parameters
    ----------
    data, blocks, bootstrap, confidence_level, rng
        As in ``relative_importance``; complete cases on all outcomes.
    outcomes : sequence of columns
        The first is what the others are compared with.
    of : str, optional
        The block whose share is compared; the last one when left out.

    Returns
    -------
    DataFrame
        Index ``outcome``; ``share, low, high, r2`` and ``difference, difference_low, difference_high`` (this outcome
        minus the first, same resamples; 0 for the first). ``attrs``: ``of, n, dropped``.
    """
    check_level(bootstrap, confidence_level)
    names = list(outcomes)
    if not names:
        raise InputError("outcomes is empty: name at least one column")
    for name in names:
        prepare(data, outcome=name, blocks=blocks)
    tidy = tidy_blocks(blocks)
    chosen = of or list(tidy)[-1]
    if chosen not in tidy:
        raise InputError(f"of={of!r} is no block; there are {', '.join(tidy)}")
    items = [item for columns in tidy.values() for item in columns]
    values = complete(data, [*items, *names], "outcomes")
    observed, resampled = bootstrap_covariances(values, None, bootstrap, np.random.default_rng(rng))
    covariances = np.concatenate([observed[None], resampled])
    ends = np.cumsum([len(columns) for columns in tidy.values()])
    groups = [list(range(end - len(c), end)) for end, c in zip(ends, tidy.values(), strict=True)]
    shares, r2 = [], []
    for place in range(len(names)):
        keep = [*range(len(items)), len(items) + place]
        raw = shapley_r2(covariances[:, keep][:, :, keep], groups)
        r2.append(raw[:, 0].sum())
        shares.append(raw[list(tidy).index(chosen)] / raw.sum(axis=0))
    shares = np.array(shares)
    low, high = limits(shares[:, 1:], confidence_level)
    gap = shares - shares[0]
    gap_low, gap_high = limits(gap[:, 1:], confidence_level)
    table = pd.DataFrame(
        {
            "share": shares[:, 0],
            "low": low,
            "high": high,
            "r2": r2,
            "difference": gap[:, 0],
            "difference_low": gap_low,
            "difference_high": gap_high,
        },
        index=pd.Index(names, name="outcome"),
    )
    table.attrs = {"of": chosen, "n": len(values), "dropped": len(data) - len(values)}
    return table


def disputed_items(data: pd.DataFrame, *, blocks: Blocks, most: int = 4) -> list[str]:
    """Return items that go with the other side as much as with their own: who could say where they belong?

    Parameters
    ----------
    data, blocks
        As in ``relative_importance``; the first two blocks are the sides. A side never loses its last item.
    most : int
        At most so many, the most doubtful first.
    """
    tidy = dict(list(tidy_blocks(blocks).items())[:2])
    items = [item for columns in tidy.values() for item in columns]
    matrix = pd.DataFrame(np.corrcoef(complete(data, items, "blocks"), rowvar=False), items, items)
    doubt = {}
    for side, other in (tuple(tidy.values()), tuple(tidy.values())[::-1]):
        for item in side:
            own = [mate for mate in side if mate != item]
            if own:
                doubt[item] = float(matrix.loc[item, other].mean() - matrix.loc[item, own].mean())
    return sorted((item for item, value in doubt.items() if value >= 0), key=lambda item: -doubt[item])[:most]


def assignment_range(
    data: pd.DataFrame,
    *,
    outcome: str,
    blocks: Blocks,
    disputed: Sequence[str],
    bootstrap: int = 200,
    confidence_level: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """Split once for every way to put the disputed items on one of the two sides.

    Parameters
    ----------
    data, outcome, bootstrap, confidence_level, rng
        As in ``relative_importance``.
    blocks : mapping with two sides
    disputed : sequence of columns
        Items of either side that could stand on the other; at most 8 (256 ways).

    Returns
    -------
    DataFrame
        One column a disputed item (the side it stands on), then ``share, low, high`` of the SECOND side and
        ``registered`` (the assignment that ``blocks`` has). Ways that leave a side empty are left out.
    """
    tidy = tidy_blocks(blocks)
    if len(tidy) != 2:
        raise InputError(f"blocks: this asks about two sides, not {len(tidy)}")
    items = {item for columns in tidy.values() for item in columns}
    unknown = [item for item in disputed if item not in items]
    if unknown or len(disputed) > 8:
        raise InputError(f"disputed must be at most 8 items of the two sides; not among them: {unknown}")
    seed = int(np.random.default_rng(rng).integers(2**31))
    first, second = tidy
    rows = []
    for sides in every(tidy, repeat=len(disputed)):
        place = dict(zip(disputed, sides, strict=True))
        moved = {
            side: [item for s in tidy for item in tidy[s] if place.get(item, s) == side] for side in tidy
        }
        if not all(moved.values()):
            continue
        table = decompose(
            data,
            outcome=outcome,
            blocks=moved,
            bootstrap=bootstrap,
            confidence_level=confidence_level,
            rng=seed,
        ).table
        registered = all(item in tidy[side] for item, side in place.items())
        rows.append((*sides, *table.loc[second, ["share", "low", "high"]], registered))
    return pd.DataFrame(rows, columns=[*disputed, "share", "low", "high", "registered"])
