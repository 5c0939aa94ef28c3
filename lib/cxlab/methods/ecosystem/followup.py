"""What becomes of findings: capacity, closing by layer and direction, time to the owner, effect."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.methods.intervals import newcombe, wilson
from cxlab.methods.outlets._checks import require

__all__ = ["capacity", "closing", "progress", "time_to_owner"]

STATES = ["open", "designed", "in place", "effect shown"]


def capacity(
    findings: pd.DataFrame, *, cycle_days: int = 90, layers: list[str] | None = None
) -> pd.DataFrame:
    """Compare what each layer is given with what it closes.

    Parameters
    ----------
    findings : DataFrame
        ``layer raised closed`` (closed missing while open).
    cycle_days : int
        Length of a cycle, counted from the first day raised.

    Returns
    -------
    DataFrame, one row a layer and cycle, and one with cycle 0 for the whole period
        ``layer cycle raised closed open`` (open at the end of the cycle), ``ratio low high``: closed a finding
        raised, with the interval of a ratio of two counts (conditional on their sum, Wilson); ``growing`` boolean:
        the interval lies below 1, the layer cannot keep up.
    """
    frame = _findings(findings)
    origin = frame["raised"].min()
    last = max(frame["raised"].max(), frame["closed"].max())
    cycles = int((last - origin).days // cycle_days) + 1
    rows = []
    for layer in layers or _layers(frame):
        part = frame[frame["layer"] == layer]
        for cycle in range(cycles + 1):
            begin = origin + pd.Timedelta(days=cycle_days * (cycle - 1)) if cycle else origin
            end = origin + pd.Timedelta(days=cycle_days * cycle) if cycle else last + pd.Timedelta(days=1)
            raised = int(((part["raised"] >= begin) & (part["raised"] < end)).sum())
            closed = int(((part["closed"] >= begin) & (part["closed"] < end)).sum())
            still = int((part["raised"] < end).sum() - (part["closed"] < end).sum())
            rows.append((layer, cycle, raised, closed, still))
    table = pd.DataFrame(rows, columns=["layer", "cycle", "raised", "closed", "open"])
    raised, closed = table["raised"].to_numpy(float), table["closed"].to_numpy(float)
    low, high = wilson(closed, raised + closed)
    with np.errstate(divide="ignore", invalid="ignore"):
        table["ratio"] = np.where(raised > 0, closed / raised, np.nan)
        table["low"], table["high"] = low / (1 - low), high / (1 - high)
    table["growing"] = table["high"] < 1
    return table


def closing(
    findings: pd.DataFrame, *, by: tuple[str, ...] = ("layer",), cycle_days: int = 90
) -> pd.DataFrame:
    """Return how many findings are closed within one cycle, by layer, direction or both.

    Returns
    -------
    DataFrame
        The columns ``by``, ``findings`` (raised early enough for a whole cycle to have passed), ``closed`` within
        the cycle, ``share low high`` (Wilson). ``attrs`` holds ``difference low high n``: the first layer's share
        minus the last one's (outlet minus central office), Newcombe interval, when ``by`` is the layer.
    """
    frame = _findings(findings, *by)
    last = max(frame["raised"].max(), frame["closed"].max())
    ripe = frame[frame["raised"] <= last - pd.Timedelta(days=cycle_days)].copy()
    if ripe.empty:
        raise InputError(f"no finding was raised {cycle_days} days before the last date: shorten cycle_days")
    ripe["in_time"] = (ripe["closed"] - ripe["raised"]).dt.days.le(cycle_days) & ripe["closed"].notna()
    table = ripe.groupby(list(by), observed=True)["in_time"].agg(findings="size", closed="sum").reset_index()
    if "layer" in by:
        order = {layer: place for place, layer in enumerate(_layers(frame))}
        table = table.sort_values(
            "layer", key=lambda column: column.map(order), kind="stable", ignore_index=True
        )
    table["share"] = table["closed"] / table["findings"]
    table["low"], table["high"] = wilson(table["closed"], table["findings"])
    if tuple(by) == ("layer",) and len(table) > 1:
        first, final = table.iloc[0], table.iloc[-1]
        gap = newcombe(first["closed"], first["findings"], final["closed"], final["findings"])
        table.attrs.update(zip(("difference", "low", "high"), (float(value) for value in gap), strict=True))
        table.attrs["n"] = int(first["findings"] + final["findings"])
    return table


def time_to_owner(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the days from hearing of a thing to its being raised with the owner.

    Returns
    -------
    DataFrame
        ``layer findings``, ``days low high``: the median with its order-statistic (binomial) interval at 95 %, and
        ``slowest_tenth``: the 90th percentile.
    """
    from scipy.special import bdtrik

    require(findings, ["heard"], "findings")
    frame = _findings(findings)
    frame["days"] = (frame["raised"] - pd.to_datetime(findings["heard"])).dt.days
    frame = frame.dropna(subset=["days"])
    if (frame["days"] < 0).any():
        raise InputError("heard lies after raised in at least one finding: the two columns may be swapped")
    rows = []
    for layer in _layers(frame):
        days = np.sort(frame.loc[frame["layer"] == layer, "days"].to_numpy(float))
        edge = int(np.ceil(np.nan_to_num(bdtrik(0.025, len(days), 0.5))))
        low, high = days[max(edge - 1, 0)], days[min(len(days) - edge, len(days) - 1)]
        rows.append((layer, len(days), float(np.median(days)), low, high, float(np.quantile(days, 0.9))))
    return pd.DataFrame(rows, columns=["layer", "findings", "days", "low", "high", "slowest_tenth"])


def progress(findings: pd.DataFrame) -> pd.DataFrame:
    """Return how far actions have come: designed, in place, effect shown, each a part of the one before.

    Returns
    -------
    DataFrame
        ``step findings share low high`` for raised, designed, in place, effect shown (Wilson); "closed" without a
        shown effect counts as in place. ``attrs``: ``difference low high n`` of designed minus effect shown, a share
        of all findings.
    """
    require(findings, ["state"], "findings")
    known = findings["state"].dropna().astype(str).str.lower().replace("closed", "in place")
    wrong = sorted(set(known) - set(STATES))
    if wrong:
        raise InputError(f"state {wrong[0]!r} is not one of {', '.join(STATES)}, closed: recode it")
    if known.empty:
        raise InputError("state is missing everywhere: how far the actions have come is not known")
    place = known.map({state: number for number, state in enumerate(STATES)}).to_numpy()
    n = len(place)
    reached = np.array([(place >= number).sum() for number in range(4)])
    low, high = wilson(reached, n)
    steps = ["raised", *STATES[1:]]
    table = pd.DataFrame({"step": steps, "findings": reached, "share": reached / n, "low": low, "high": high})
    between = int(reached[1] - reached[3])
    edges = wilson(between, n)
    table.attrs.update(difference=between / n, low=float(edges[0]), high=float(edges[1]), n=n)
    return table


def _findings(findings: pd.DataFrame, *more: str) -> pd.DataFrame:
    require(findings, ["layer", "raised", "closed", *more], "findings")
    if findings.empty:
        raise InputError("findings has no rows")
    frame = findings[list(dict.fromkeys(["layer", *more]))].copy()
    frame["raised"], frame["closed"] = pd.to_datetime(findings["raised"]), pd.to_datetime(findings["closed"])
    if frame["raised"].isna().any():
        raise InputError(
            "raised is missing in at least one finding: every finding needs the day it was raised"
        )
    return frame


def _layers(frame: pd.DataFrame) -> list[str]:
    known = ["outlet", "organisation", "central office"]
    there = list(frame["layer"].dropna().unique())
    return [layer for layer in known if layer in there] + sorted(
        layer for layer in there if layer not in known
    )
