"""Which outlets truly differ, can a ranking be trusted, and whose experience is it (``cx.outlets``)."""

from functools import partial

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.data.visits import hear
from cxlab.figures import general
from cxlab.questions.result import Number, Result, count, number, question
from cxlab.stats import rates
from cxlab.stats.rates import funnel_limits, shrink_rates

FEWEST = 5  # outlets below which nothing is said about how outlets differ


def rated_outlets(visits: Table) -> pd.DataFrame:
    """Return ``outlet organisation n satisfied``, one row an outlet with a rated visit."""
    cells = hear(visits).cells.rename(columns={"rated": "n"}).groupby("outlet", sort=False)
    table = cells[["n", "satisfied"]].sum()
    table.insert(0, "organisation", cells["organisation"].first())
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

    Columns of the table, the most striking first: ``outlet organisation n raw fair low high group``; fair is
    the shrunk rate with its interval, group whether the outlet stands out.
    """
    data, level = rated_outlets(visits), visits.confidence_level
    k, limits = len(data), funnel_limits(data)
    counts = data["satisfied"].to_numpy(float), data["n"].to_numpy(float)
    known = rates.common_rates(*counts)
    found, naive = int(limits["discovery"].sum()), float((limits["naive"] != 0).mean())
    label = "ordinary spread of rates between outlets"
    part = Number(*known.spread(level), "share of rated visits", k, label)
    apart = Number(found, unit="outlets", n=k, label="outlets that truly stand out")
    chance = Number(naive, unit="share of outlets", n=k, label="outlets beyond chance alone")
    numbers = {"outlets-after-false-discovery-control": apart}
    numbers |= {"flagged-by-chance-alone": chance, "outlet-spread": part}
    finding = f"none of {k:,} outlets stands out; they differ by a spread of {part}."
    if found:
        verb = "stands" if found == 1 else "stand"
        finding = f"{found:,} of {k:,} outlets truly {verb} out once chance is allowed for."
    elif rates.alike(data) > 0.05:
        finding = f"no difference was found: {k:,} outlets differ no more than chance allows."
    fair = rates.fair_rates(*counts, known, level)
    words = np.where(limits["discovery"], "stands out", "within the ordinary spread")
    table = data.drop(columns="satisfied").assign(raw=limits["value"], fair=fair.pop("rate"), **fair)
    table = table.assign(group=words).iloc[np.argsort(limits["p"].to_numpy(), kind="stable")]
    bands = [f"{name}{end}" for name in ("chance alone", "with ordinary spread") for end in ("", " ")]
    curve = rates.funnel_curve(limits).set_axis(["n", *bands], axis=1)
    axes = {"x": "n", "y": "raw", "x_title": "rated visits", "y_title": "satisfied visits", "group": "group"}
    axes |= {"label": "outlet", "percent": True, "log_x": True, "bands": curve}
    caution = "Standing out says where to look, not why; a small outlet must be very different to stand out."
    draw = partial(general.scatter, table.iloc[::-1], **axes)  # what stands out is drawn last
    return Result(finding, numbers, table.reset_index(drop=True), draw, [caution], visits)


@question("visits", "outlet", "score")
def league(visits: Table) -> Result:
    """Can a ranking be trusted? The lowest raw rates with luck taken out (Efron & Morris 1975), and ranks
    with intervals (Goldstein & Spiegelhalter 1996).

    Columns of the table, worst fair rank first: ``outlet rate low high rank rank_low rank_high n raw``.
    """
    data, level = rated_outlets(visits), visits.confidence_level
    k, least = len(data), min(20, max(1, len(data) // 5))
    table = shrink_rates(data, confidence_level=level, rng=visits.seed)
    table = table.assign(n=data["n"], raw=data["satisfied"] / data["n"])
    table = table.sort_values("rank", ascending=False, ignore_index=True)
    stay = int(table.nsmallest(least, "raw")["outlet"].isin(table["outlet"].head(least)).sum())
    width, numbers = float((table["rank_high"] - table["rank_low"] + 1).median()), {}
    if (data["n"] >= 4).sum() >= 10:
        error = rates.holdout_error(data, bootstrap=visits.bootstrap, confidence_level=level, rng=visits.seed)
        label = "error of fair rates against raw rates"
        numbers["error-ratio-shrunk"] = Number(*error[:3], "ratio", error[3], label)
    finding = f"{stay} of the {least} outlets with the lowest rates stay among the lowest once luck is out."
    if rates.alike(data) > 0.05:
        finding = f"no ranking is possible: {k:,} outlets differ no more than chance allows."
    worst = table.head(12).assign(kind="fair rate")
    rows = pd.concat([worst, worst[["outlet"]].assign(rate=worst["raw"], kind="raw rate")])
    axes = {"label": "outlet", "value": "rate", "group": "kind", "x_title": "satisfied visits"}
    draw = partial(general.dots, rows, **axes, reference=None, percent=True)
    caution = f"The rank of a typical outlet could be any of {number(width)} out of {k:,}."
    return Result(finding, numbers, table, draw, [caution], visits)


@question("visits", "outlet", "score")
def whose(visits: Table) -> Result:
    """Whose experience is it: the organisation's, the outlet's, the visitor's? Variance components (Searle et
    al. 1992) with generalised intervals, which stay right for few organisations.

    Columns of the table: ``component variance share low high groups``.
    """
    rated = hear(visits).sample.dropna(subset=["score"])
    factors = [name for name in ("organisation", "outlet", "person") if rated[name].nunique() > 1]
    if rated["outlet"].nunique() < FEWEST or rated["score"].nunique() < 2:
        raise NotEnough(f"fewer than {FEWEST} outlets have a score, or all scores are the same")
    draws = {"bootstrap": min(visits.bootstrap, 120), "rng": visits.seed}
    draws["confidence_level"] = visits.confidence_level
    while True:
        places = [name for name in factors if name != "person"]
        try:
            table = rates.variance_components(rated, factors=factors, together=places, **draws)
            break
        except InputError as fault:  # two groupings that are one: the finer one cannot be told apart
            if len(factors) == 1:
                raise NotEnough("no outlet has several scores") from fault
            factors.remove("person" if "person" in factors else "organisation")
    label = "scores explained by the place: outlet and organisation"
    share = Number(*table[["share", "low", "high"]].iloc[-1], "share of variance", len(rated), label)
    parts = table.iloc[:-1].replace({"component": {"residual": "single visit", "person": "visitor"}})
    finding = f"the place explains {share} of the differences between scores, visitor and visit the rest."
    if not share.low > 0:
        finding = f"no difference between places was found: they explain {share} of how scores differ."
    few = rated["organisation"].nunique() if "organisation" in factors else 0
    cautions = [f"There are only {few} organisations, so their own part stays wide open."] * (0 < few < 15)
    axes = {"label": "component", "value": "share", "x_title": "part of the variance", "percent": True}
    draw = partial(general.bars, parts, **axes)
    return Result(finding, {"variance-share-organisation": share}, parts, draw, cautions, visits)
