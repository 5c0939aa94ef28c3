"""Which outlets truly differ, can a ranking be trusted, and whose experience is it (``cx.outlets``)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.data.visits import hear
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import count, number, stated
from cxlab.stats.rates import (
    alike,
    common_rates,
    funnel_curve,
    funnel_limits,
    holdout_error,
    shrink_rates,
)
from cxlab.stats.variance import variance_components

FEWEST = 5  # outlets below which nothing is said about how outlets differ
DOUBT = 0.05


def rated_outlets(visits: Table) -> pd.DataFrame:
    """Return ``outlet organisation n satisfied``, one row an outlet with a rated visit."""
    cells = hear(visits).cells
    table = cells.groupby("outlet", sort=False).agg(
        organisation=("organisation", "first"), n=("rated", "sum"), satisfied=("satisfied", "sum")
    )
    table = table[table["n"] > 0].reset_index()
    if len(table) < FEWEST:
        raise NotEnough(f"only {count(len(table), 'outlet')} with a score, where {FEWEST} are needed")
    if table["satisfied"].sum() in (0, table["n"].sum()):
        raise NotEnough("every score is the same, so outlets cannot differ")
    return table


@question("visits", "outlet", "score")
def differ(visits: Table) -> Result:
    """Which outlets truly differ? A funnel plot that allows for chance, for the ordinary spread between
    outlets (Spiegelhalter 2005) and for looking at all of them (Benjamini & Hochberg 1995).

    Columns of the table, the most striking first: ``outlet organisation n raw fair low high stands_out``;
    fair is the shrunk rate with its interval.
    """
    data, level = rated_outlets(visits), visits.confidence_level
    k, same = len(data), alike(data)
    limits = funnel_limits(data)
    found, naive = int(limits["discovery"].sum()), float((limits["naive"] != 0).mean())
    spread = common_rates(data["satisfied"].to_numpy(), data["n"].to_numpy()).spread(level)
    numbers = {
        "outlets-after-false-discovery-control": Number(found, unit="outlets", n=k, label="outlets that truly stand out"),
        "flagged-by-chance-alone": Number(naive, unit="share of outlets", n=k, label="outlets beyond limits of chance alone"),
        "outlet-spread": Number(*spread, "share of rated visits", k, "ordinary spread of rates between outlets"),
    }  # fmt: skip
    if found:
        noun = "outlet truly stands" if k == 1 or found == 1 else "outlets truly stand"
        finding = (f"{found:,} of {k:,} {noun} out; limits of chance alone would have flagged "
                   f"{number(naive, 'share')}.")  # fmt: skip
        title = f"{found:,} of {k:,} outlets truly {'stands' if found == 1 else 'stand'} out"
    elif same > DOUBT:
        finding = f"no difference was found: {k:,} outlets differ no more than chance allows."
        title = f"No difference was found between {k:,} outlets"
    else:
        part = numbers["outlet-spread"]
        finding = f"outlets differ by a spread of {part}, but none of {k:,} stands out from that spread."
        title = f"None of {k:,} outlets stands out from the ordinary spread"
    fair = shrink_rates(data, confidence_level=level, draws=1)[["rate", "low", "high"]]
    limits["group"] = np.where(limits["discovery"], "stands out", "within the ordinary spread")
    table = data.assign(raw=limits["value"], fair=fair["rate"], low=fair["low"], high=fair["high"])
    table = table.assign(stands_out=limits["discovery"]).drop(columns="satisfied")
    table = table.iloc[np.argsort(limits["p"].to_numpy(), kind="stable")].reset_index(drop=True)
    curve = funnel_curve(limits)[["n", "low_outer", "high_outer", "od_low_outer", "od_high_outer"]]
    words = {"low_outer": "chance alone", "high_outer": "chance alone ", "od_low_outer": "chance and spread",
             "od_high_outer": "chance and spread "}  # fmt: skip

    def draw():
        axes = {"x": "n", "y": "value", "x_title": "rated visits", "y_title": "satisfied visits"}
        points = limits.sort_values("group", ascending=False, kind="stable")
        return general.scatter(
            points, **axes, title=title, label="outlet", group="group", bands=curve.rename(columns=words),
            percent=True, log_x=True,
        )  # fmt: skip

    caution = (
        "Standing out says where to look, not why; a small outlet stands out only if it is very different."
    )
    return Result(stated(finding, visits.simulated, "visits"), numbers, table, draw, [caution], visits)


@question("visits", "outlet", "score")
def league(visits: Table) -> Result:
    """Can a ranking be trusted? The lowest raw rates with luck taken out (shrinkage, Efron & Morris 1975),
    and ranks with intervals (Goldstein & Spiegelhalter 1996).

    Columns of the table, worst fair rank first: ``outlet n raw rate low high rank rank_low rank_high``.
    """
    data = rated_outlets(visits)
    k, least = len(data), min(20, max(1, len(data) // 5))
    fair = shrink_rates(data, confidence_level=visits.confidence_level, rng=visits.seed)
    fair = fair.assign(n=data["n"], raw=data["satisfied"] / data["n"])
    lowest, worst = fair.nsmallest(least, "raw"), fair.nlargest(least, "rank")
    stay = int(lowest["outlet"].isin(worst["outlet"]).sum())
    width = float((fair["rank_high"] - fair["rank_low"] + 1).median())
    numbers = {
        "lowest-that-stay": Number(stay, unit=f"of the {least} lowest", n=k, label=f"of the {least} lowest raw rates, still lowest without luck"),
        "rank-interval-width": Number(width, unit="ranks", n=k, label="ranks that a typical outlet could have"),
    }  # fmt: skip
    if (data["n"] >= 4).sum() >= 10:
        error = holdout_error(data, bootstrap=visits.bootstrap, confidence_level=visits.confidence_level,
                              rng=visits.seed)  # fmt: skip
        numbers["error-ratio-shrunk"] = Number(
            error.ratio,
            error.low,
            error.high,
            "ratio",
            error.outlets,
            "error of fair rates against raw rates",
        )
    if alike(data) > DOUBT:
        finding = "no ranking is possible: outlets differ no more than chance allows."
        title = f"No difference was found, so {k:,} outlets have no ranking"
    else:
        small = int((lowest["n"] < data["n"].median() / 4).sum())
        why = f" ({small} of them have very few ratings)" if small > least / 4 else ""
        finding = f"with luck taken out, {stay} of the {least} outlets with the lowest rates stay among the lowest{why}."
        title = f"{stay} of the {least} lowest outlets stay lowest once luck is out"
    shown = worst.sort_values("rank", ascending=False).head(12)
    rows = pd.concat(
        [
            shown[["outlet", "rate", "low", "high"]].assign(kind="fair rate"),
            shown[["outlet", "raw"]].rename(columns={"raw": "rate"}).assign(kind="raw rate"),
        ]
    )
    draw = lambda: general.dots(  # noqa: E731
        rows, title=title, label="outlet", value="rate", group="kind", reference=None, percent=True,
        x_title="satisfied visits",
    )  # fmt: skip
    caution = f"The rank of a typical outlet could be any of {number(width)} out of {k:,}."
    table = fair.sort_values("rank", ascending=False, ignore_index=True)
    return Result(stated(finding, visits.simulated, "visits"), numbers, table, draw, [caution], visits)


@question("visits", "outlet", "score")
def whose(visits: Table) -> Result:
    """Whose experience is it: the organisation's, the outlet's, the visitor's? Variance components (Searle et
    al. 1992) with generalised intervals, which stay right for few organisations.

    Columns of the table: ``component share low high variance groups``.
    """
    rated = hear(visits).sample.dropna(subset=["score"])
    factors = [name for name in ("organisation", "outlet", "person") if rated[name].nunique() > 1]
    if rated["outlet"].nunique() < FEWEST or "outlet" not in factors:
        raise NotEnough(f"fewer than {FEWEST} outlets have a score")
    draws = {
        "bootstrap": min(visits.bootstrap, 200),
        "confidence_level": visits.confidence_level,
        "rng": visits.seed,
    }
    while True:
        places = [name for name in factors if name != "person"]
        try:
            table = variance_components(rated, factors=factors, together=places, **draws)
            break
        except InputError as fault:
            if len(factors) == 1:
                raise NotEnough("no outlet has several scores") from fault
            factors.remove("person" if "person" in factors else "organisation")
    total = table.iloc[-1]
    share = Number(float(total["share"]), float(total["share_low"]), float(total["share_high"]), "share of variance",
                   len(rated), "scores explained by the place: outlet and organisation")  # fmt: skip
    words = {
        "residual": "the single visit",
        "person": "the visitor",
        "outlet": "the outlet",
        "organisation": "the organisation",
    }
    parts = table.iloc[: len(factors) + 1].drop(columns=["low", "high"])
    parts = parts.rename(columns={"share_low": "low", "share_high": "high"})
    parts["component"] = parts["component"].map(words)
    numbers = {"variance-share-organisation": share}
    if share.low > 0:
        finding = f"the place explains {share} of the differences between scores; the rest is the visitor and the single visit."
        title = f"Outlet and organisation explain {number(share.value, share.unit)} of the scores"
    else:
        finding = (
            f"no difference between places was found: they explain {share} of the differences between scores."
        )
        title = "No difference was found between outlets or organisations"
    draw = lambda: general.bars(  # noqa: E731
        parts, title=title, label="component", value="share", x_title="part of the variance", percent=True
    )
    few = rated["organisation"].nunique() if "organisation" in factors else 0
    cautions = (
        [f"There are only {few} organisations, so their own part stays wide open."] if 0 < few < 15 else []
    )
    return Result(stated(finding, visits.simulated, "visits"), numbers, parts, draw, cautions, visits)
