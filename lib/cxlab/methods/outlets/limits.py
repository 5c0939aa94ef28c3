"""Funnel plots: how far from the target may an outlet be by chance, given its size and how outlets differ anyway?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import benjamini_hochberg, normal_quantile

from ._checks import counts, require

__all__ = ["funnel_curve", "funnel_limits"]


def funnel_limits(
    data: pd.DataFrame,
    *,
    kind: str = "rate",
    target: float | None = None,
    levels: Sequence[float] = (0.95, 0.998),
    overdispersion: str = "additive",
    extremes: str = "consistent",
    share: float = 0.1,
    discovery: float = 0.05,
) -> pd.DataFrame:
    """Return each outlet's value against its funnel, before and after allowing for over-dispersion.

    Parameters
    ----------
    data : DataFrame
        ``kind="rate"``: ``outlet n satisfied``; ``kind="ratio"``: ``outlet observed expected``.
    kind : {"rate", "ratio"}
        A proportion of n, or a count over what was expected (case mix).
    target : float, optional
        Centre of the funnel; default the pooled rate, or 1 for ratios.
    levels : two floats
        The inner and the outer limits.
    overdispersion : {"additive", "multiplicative", "none"}
        Add a between-outlet variance, or widen every limit by the same factor.
    extremes, share : {"consistent", "winsorise", "trim"}, float
        What is done with the most extreme ``share`` of z scores at each end before the spread is estimated, so that
        true outliers do not hide themselves: pulled in ("winsorise"), dropped ("trim"), or pulled in and corrected
        for the spread that this takes from a normal distribution ("consistent", the default).
    discovery : float
        False-discovery rate of the last flag.

    Returns
    -------
    DataFrame, rows in the order of the input
        ``outlet n value target z``; ``low high low_outer high_outer`` exact chance limits (inner and outer);
        ``naive`` -1/0/1 beyond the outer ones; ``od_low od_high od_low_outer od_high_outer`` limits with
        over-dispersion; ``flag`` -1/0/1 beyond those outer ones; ``p`` two-sided, after over-dispersion;
        ``discovery`` boolean, Benjamini-Hochberg at ``discovery``. ``n`` is ``expected`` for ratios.
        ``attrs`` holds ``phi`` (mean squared z after ``extremes``), ``tau`` (between-outlet standard deviation),
        ``target`` and the arguments.

    Notes
    -----
    Spiegelhalter (2005), Statistics in Medicine 24:1185. Rates: interpolated exact binomial limits, z on the rate's
    scale with the target's variance. Ratios: exact Poisson limits, z on the log scale (no correction), as in the
    NHS's mortality indicator. Plain winsorising and trimming are the published recipes; both understate an ordinary
    normal spread, so that about ten times too many outlets stay flagged at 99.8 %. ``tau`` squared is the moment estimate of DerSimonian and Laird on the z scores kept;
    as there, without over-dispersion (phi at most its degrees of freedom) it is 0.

    Examples
    --------
    >>> counts = pd.DataFrame({"outlet": list("ABCD"), "n": [50, 50, 80, 400], "satisfied": [40, 41, 62, 240]})
    >>> funnel_limits(counts, target=0.8, overdispersion="none")["flag"].tolist()
    [0, 0, 0, -1]
    """
    require(data, ["outlet"])
    _one_of("kind", kind, ("rate", "ratio"))
    _one_of("overdispersion", overdispersion, ("additive", "multiplicative", "none"))
    _one_of("extremes", extremes, ("consistent", "winsorise", "trim"))
    if not 0 <= share < 0.5:
        raise ValueError(f"share={share} must lie between 0 and 0.5: it is cut at each end")
    inner, outer = sorted(levels)
    if kind == "rate":
        x, n = counts(data)
        target = x.sum() / n.sum() if target is None else target
        if not 0 < target < 1:
            raise InputError(
                f"target={target:g} must lie strictly between 0 and 1: nobody, or everybody, is satisfied"
            )
        value = x / n
    else:
        x, n = _ratio_counts(data)
        target = 1.0 if target is None else target
        if not target > 0:
            raise InputError(f"target={target:g} must be above 0")
        value = x / n
    z = _z(kind, value, n, target)
    variance = _variance(kind, n, target)
    phi, tau2 = _spread(z, 1 / variance, extremes, share)
    settings = {
        "kind": kind,
        "target": float(target),
        "phi": phi,
        "tau": float(np.sqrt(tau2)),
        "levels": (inner, outer),
    }
    settings["overdispersion"] = overdispersion
    limits = _limits(n, settings)
    widened = _wide_z(z, variance, settings)
    p = 2 * _upper_tail(np.abs(widened))
    table = pd.DataFrame(
        {"outlet": data["outlet"].to_numpy(), "n": n, "value": value, "target": target, "z": z}
    )
    for name in ("low", "high", "low_outer", "high_outer"):
        table[name] = limits[name]
    table["naive"] = _side(value, limits["low_outer"], limits["high_outer"])
    for name in ("od_low", "od_high", "od_low_outer", "od_high_outer"):
        table[name] = limits[name]
    if overdispersion == "none":
        table["flag"] = table["naive"]
    else:
        edge = normal_quantile(outer)
        table["flag"] = np.where(np.abs(widened) > edge, np.sign(widened), 0).astype(int)
    table["p"] = p
    table["discovery"] = benjamini_hochberg(p, discovery)[0]
    table.attrs.update(settings)
    return table


def funnel_curve(limits: pd.DataFrame, *, points: int = 80) -> pd.DataFrame:
    """Return the funnel's curves on a grid of sizes from the smallest to the largest outlet, for the chart.

    Returns
    -------
    DataFrame
        ``n low high low_outer high_outer od_low od_high od_low_outer od_high_outer``.
    """
    low, high = float(limits["n"].min()), float(limits["n"].max())
    n = np.geomspace(low, max(high, low * 1.01), points)
    if limits.attrs["kind"] == "rate":
        n = np.unique(np.round(n))
    return pd.DataFrame({"n": n, **_limits(n, limits.attrs)})


def _limits(n: np.ndarray, settings: dict) -> dict[str, np.ndarray]:
    kind, target = settings["kind"], settings["target"]
    variance = _variance(kind, n, target)
    result = {}
    for suffix, level in zip(("", "_outer"), settings["levels"], strict=True):
        tail = (1 - level) / 2
        exact = _exact_binomial if kind == "rate" else _exact_poisson
        result[f"low{suffix}"], result[f"high{suffix}"] = exact(n, target, tail)
        if settings["overdispersion"] == "none":
            result[f"od_low{suffix}"], result[f"od_high{suffix}"] = (
                result[f"low{suffix}"],
                result[f"high{suffix}"],
            )
            continue
        if settings["overdispersion"] == "additive":
            width = np.sqrt(variance + settings["tau"] ** 2)
        else:
            width = np.sqrt(variance * max(1.0, settings["phi"]))
        step = normal_quantile(level) * width
        if kind == "rate":
            low, high = np.clip(target - step, 0, 1), np.clip(target + step, 0, 1)
        else:
            low, high = target * np.exp(-step), target * np.exp(step)
        result[f"od_low{suffix}"], result[f"od_high{suffix}"] = low, high
    return result


def _exact_binomial(n: np.ndarray, target: float, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Spiegelhalter (2005), appendix A.1.1: the binomial quantile, interpolated to the exact probability."""
    from scipy.special import bdtr, bdtrik

    n = np.round(n).astype(np.int64)
    edges = []
    for probability in (tail, 1 - tail):
        r = np.ceil(np.clip(bdtrik(probability, n, target), 0, n) - 1e-9)
        r = np.where((r > 0) & (bdtr(r - 1, n, target) >= probability), r - 1, r)
        below = np.where(r > 0, bdtr(np.maximum(r - 1, 0), n, target), 0.0)
        at = bdtr(r, n, target)
        alpha = (at - probability) / np.maximum(at - below, 1e-300)
        edges.append(np.clip((r - alpha) / n, 0, 1))
    return edges[0], edges[1]


def _exact_poisson(expected: np.ndarray, target: float, tail: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import chdtri

    centre = expected * target
    low = chdtri(2 * centre, 1 - tail) / 2 / expected
    high = chdtri(2 * (centre + 1), tail) / 2 / expected
    return low, high


def _z(kind: str, value: np.ndarray, n: np.ndarray, target: float) -> np.ndarray:
    if kind == "rate":
        return (value - target) / np.sqrt(_variance(kind, n, target))
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(value, 0.5 / n) / target) * np.sqrt(n * target)


def _variance(kind: str, n: np.ndarray, target: float) -> np.ndarray:
    return target * (1 - target) / n if kind == "rate" else 1 / (n * target)


def _wide_z(z: np.ndarray, variance: np.ndarray, settings: dict) -> np.ndarray:
    if settings["overdispersion"] == "additive":
        return z * np.sqrt(variance / (variance + settings["tau"] ** 2))
    if settings["overdispersion"] == "multiplicative":
        return z / np.sqrt(max(1.0, settings["phi"]))
    return z


def _spread(z: np.ndarray, weight: np.ndarray, extremes: str, share: float) -> tuple[float, float]:
    low, high = np.quantile(z, [share, 1 - share])
    if extremes == "trim":
        keep = (z >= low) & (z <= high)
        z, weight = z[keep], weight[keep]
    else:
        z = z.clip(low, high)
    if len(z) < 2:
        return 1.0, 0.0
    phi = float((z**2).mean())
    if extremes == "consistent":
        phi /= winsorised_variance(share)
    room = weight.sum() - (weight**2).sum() / weight.sum()
    return phi, max(0.0, float((len(z) * phi - (len(z) - 1)) / room))


def winsorised_variance(share: float) -> float:
    """Return the variance that a standard normal keeps when ``share`` is pulled in at each end."""
    if share == 0:
        return 1.0
    edge = normal_quantile(1 - 2 * share)
    density = np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
    return float(1 - 2 * share - 2 * edge * density + 2 * share * edge**2)


def _upper_tail(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(-z)


def _side(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (value > high).astype(int) - (value < low).astype(int)


def _ratio_counts(data: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    require(data, ["observed", "expected"])
    if not len(data):
        raise InputError("data has no rows: nothing to judge")
    observed, expected = (data[name].to_numpy(float) for name in ("observed", "expected"))
    if not ((observed >= 0) & (expected > 0)).all():
        raise InputError(
            "observed must be 0 or more and expected above 0 in every row; drop outlets without visits"
        )
    return observed, expected


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(allowed)}")
