"""A whole ecosystem: who is heard, how roles change, who meets failures, what matters, who can act, what is
rewarded (``cx.ecosystem``, ``cx.roles``).
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaln, gammaincinv, pdtrc
from scipy.stats import binom

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.data.visits import hear
from cxlab.figures import general
from cxlab.questions.result import Number, Result, count, listed, question
from cxlab.stats.chains import removal_effect, transition_matrix  # noqa: F401 (called by these names, too)
from cxlab.stats.intervals import benjamini_hochberg, normal_quantile, percentile_interval, wilson
from cxlab.stats.resampling import resampled_sums
from cxlab.stats.themes import fit_themes

CLEAR = 1.25  # the interval of a place's ratio must lie above this: less is not worth an owner's time


@question("visits", "outlet")
def heard(visits: Table) -> Result:
    """How can one laptop hear all visits? By counts of all, and whole journeys of some."""
    found = hear(visits)
    numbers = {"visits": Number(found.visits, unit="visits", label="visits counted")}
    opening = f"{found.visits:,} visits to {found.cells['outlet'].nunique():,} outlets were counted"
    known = found.sample.dropna(subset=["person", "organisation"])
    if "person" not in visits.frame.columns or known["organisation"].nunique() < 2:
        finding = f"{opening}; which people and partners belong together is not known."
        return Result(finding, numbers, data=visits)
    if known["timestamp"].notna().any():  # years of visits would touch everything
        known = known[known["timestamp"] > known["timestamp"].max() - pd.Timedelta(days=365)]
    several, level = known.groupby("person")["organisation"].nunique() >= 2, visits.confidence_level
    label = "people who visit two or more organisations in a year"
    share = Number.share(several.sum(), len(several), "share of persons", label, level)
    numbers["journeys-two-organisations"] = share
    far, near = ": no partner sees the whole journey", ": most stay with one"
    so = far if share.low > 0.5 else near if share.high < 0.5 else ""
    part = "everybody" if found.share == 1 else f"one in {round(1 / found.share):,} people"
    finding = f"{share} of people visit two or more organisations in a year{so}; {opening}."
    caution = f"Journeys are those of {part}, with all their visits."
    return Result(finding, numbers, cautions=[caution], data=visits)


@question("visits", "person", "role", "timestamp")
def changes(visits: Table) -> Result:
    """How do roles change from year to year (quarters where the visits span less than two years)?

    A person's role in a year is the one of most visits. Shares with intervals that take people as clusters
    (Anderson & Goodman 1957). Columns of the table: ``from to probability low high count n people``.
    """
    rows, level = hear(visits).sample.dropna(subset=["person", "role", "timestamp"]), visits.confidence_level
    long = (rows["timestamp"].max() - rows["timestamp"].min()).days > 600
    period, when = "year" if long else "quarter", rows["timestamp"].dt.to_period("Y" if long else "Q")
    rows = rows.assign(timestamp=when.astype("int64"), role=rows["role"].map(visits.label))
    main = rows.groupby(["person", "timestamp", "role"]).size().rename("visits").reset_index()
    main = main.sort_values("visits", kind="stable").drop_duplicates(["person", "timestamp"], keep="last")
    lacking = NotEnough(f"too few people with two roles or two {period}s were seen")
    if main["role"].nunique() < 2:
        raise lacking
    moves = transition_matrix(main, confidence_level=level)
    shown = moves[moves["people"] > 0]
    shown, _ = suppress(shown, count="people", min_cell=visits.min_cell, within=["from"])
    stay = shown[shown["from"] == shown["to"]].sort_values("probability")
    if stay.empty:
        raise lacking
    several, label = rows.groupby("person")["role"].nunique() >= 2, "people seen in two or more roles"
    changers = Number.share(several.sum(), len(several), "share of persons", label, level)
    least, most = stay.iloc[0], stay.iloc[-1]
    one, other = (Number(*row[["probability", "low", "high"]], "share of moves") for row in (least, most))
    finding = f"a {period} later {other} are still {most['from']} and {one} still {least['from']}."
    if one.value == 1:
        finding = f"no change was found: everybody had the same role a {period} later."
    elif one.high >= other.low:
        finding = f"no difference between roles was found: a {period} later {one} or more have the same one."
    wide, later = shown.pivot(index="from", columns="to", values="probability"), f"role a {period} later"
    caution = f"Only people who came in two {period}s can be followed."
    draw = partial(general.heat, wide, x_title=later, y_title="role now", percent=True)
    return Result(finding, {"role-changers": changers}, shown, draw, [caution], visits)


@question("visits", "person", "role", "score")
def exposure(visits: Table) -> Result:
    """Why does who comes often meet more failures? Visits a year times the failure rate, by role.

    Visits a year are those of a year in which a person came in that role; a failure is a score in the lower
    quarter of the scale. Intervals resample people. The chance of at least one failure in a year allows for
    people who meet them all the time (beta-binomial).
    Columns of the table: ``role people visits_a_year failure_rate failures low high chance``.
    """
    rows, level = hear(visits).sample.dropna(subset=["person", "role"]), visits.confidence_level
    first, rated = rows["timestamp"].min(), rows["failed"].dropna()
    year = 0 if pd.isna(first) else (rows["timestamp"] - first).dt.days // 366
    rows = rows.assign(year=year, role=rows["role"].map(visits.label))
    part = {"visits": ("outlet", "size"), "rated": ("failed", "count"), "failed": ("failed", "sum")}
    yearly = rows.groupby(["role", "person", "year"], dropna=False).agg(**part).assign(years=1)
    people = yearly.groupby(["role", "person"])[["years", *part]].sum()
    enough = (people["rated"] > 0).groupby("role").sum()
    lines, chances = [], {}
    for role in enough.index[enough >= max(10, visits.min_cell)] if rated.sum() else ():
        own = people.loc[role].to_numpy(float)
        a_year, rate, failures, chances[role] = _exposures(own, visits)
        ends = percentile_interval(failures[1:], level)
        lines.append((role, len(own), a_year[0], rate[0], failures[0], *ends, chances[role][0]))
    if len(lines) < 2:
        raise NotEnough("fewer than two roles have ten people with a score, or no visit failed")
    ends = ["failures", "low", "high"]
    table = pd.DataFrame(lines, columns=["role", "people", "visits_a_year", "failure_rate", *ends, "chance"])
    table = table.sort_values("visits_a_year", ascending=False, ignore_index=True)
    often, seldom = table.iloc[0], table.iloc[-1]
    most, least = (
        Number(*row[ends], "failures", row.people, f"failures a year of one {row.role}")
        for row in (often, seldom)
    )
    gap = chances[often.role] - rated.mean()
    label = f"chance of a failure in a year: {often.role}, less a single visit"
    more = Number(gap[0], *percentile_interval(gap[1:], level), "probability", often.people, label)
    numbers = {"exposure-difference": more, "failures-a-year": most, "failures-a-year-other": least}
    finding = f"as {often.role} a person meets {most} failures a year, as {seldom.role} {least}."
    if most.low <= least.high and least.low <= most.high:
        finding = f"no difference was found: {finding}"
    caution = "Visits without a score are taken to fail as often as those with one."
    draw = partial(general.bars, table, label="role", value="failures", x_title="failures a year")
    return Result(finding, numbers, table, draw, [caution], visits)


def _exposures(people: np.ndarray, visits: Table) -> tuple[np.ndarray, ...]:
    """Return visits a year, failure rate, failures a year and chance of one; the sample, then resamples.

    ``people`` has one row a person: years, visits, rated visits, failures.
    """
    n, x = people[:, 2], people[:, 3]
    inside = np.divide(x * (n - x), n, out=np.zeros(len(n)), where=n > 0)
    columns = np.column_stack([people, inside, n > 0])
    years, came, rated, failed, within, seen = resampled_sums(columns, visits.bootstrap, visits.rng).T
    a_year, rate = came / years, failed / np.maximum(rated, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = 1 - within / ((rated - seen) * rate * (1 - rate))  # Fleiss & Cuzick (1979)
        alike = np.nan_to_num(alike).clip(1e-6, 0.5)
        a, b = rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1)
        chance = np.where(rate > 0, 1 - np.exp(betaln(a, b + a_year) - betaln(a, b)), 0.0)
    return a_year, rate, a_year * rate, chance


_said: list[Any] = [None, 0, None]  # the complaints sorted last: two questions ask about the same ones


def _complaints(visits: Table) -> pd.DataFrame:
    """Return the unhappy comments of the sample with their ``theme`` and ``severity``."""
    found = hear(visits)
    if _said[0] is not found or _said[1] != visits.min_cell:
        said = found.sample.query("satisfied == 0 and comment.notna()").copy()
        if len(said) < 60:
            raise NotEnough(f"only {count(len(said), 'unhappy comment')}, where 60 are needed")
        texts = said.pop("comment").tolist()
        model = fit_themes(texts, themes=min(14, len(said) // 30), rng=1)
        theme = model.assign(texts)
        said = said[theme >= 0].assign(theme=[model.names[place] for place in theme[theme >= 0]])
        said["severity"] = (found.high - said["score"]) / (found.high - found.low)
        people = said.groupby("theme")["person"].transform("nunique")
        said["organisation"] = said["organisation"].fillna("all")
        _said[:] = [found, visits.min_cell, said[people >= visits.min_cell]]
    return _said[2]


@question("visits", "score", "comment")
def matters(visits: Table) -> Result:
    """What matters most to people? Themes of unhappy comments, weighed by how bad the visit was.

    People are resampled, and the top fifth is picked anew each time. Columns of the table, worst first:
    ``theme people n severity harm low high top`` (share of resamples with it in the top fifth).
    """
    said, level = _complaints(visits), visits.confidence_level
    columns = {"people": ("person", "nunique"), "n": ("severity", "size"), "severity": ("severity", "mean")}
    table = said.groupby("theme").agg(**columns)
    k = len(table)
    if k < 3:
        raise NotEnough(f"the comments fall into {count(k, 'theme')} only")
    sums = said.pivot_table("severity", "person", "theme", aggfunc="sum", fill_value=0)
    sums = resampled_sums(sums.loc[said["person"].unique()].to_numpy(float), visits.bootstrap, visits.rng)
    shares, top = sums / sums.sum(axis=1, keepdims=True), max(1, round(k / 5))
    harm, draws = shares[0], shares[1:]
    inside = np.argsort(np.argsort(-draws, axis=1, kind="stable"), axis=1) < top
    low, high = percentile_interval(draws, level)
    table = table.assign(harm=harm, low=low, high=high, top=inside.mean(axis=0)).reset_index()
    table = table.sort_values("harm", ascending=False, kind="stable", ignore_index=True)
    carried = percentile_interval(np.sort(draws, axis=1)[:, -top:].sum(axis=1), level)
    label = f"harm carried by {top} of {k} themes, the top fifth"
    share = Number(table["harm"].head(top).sum(), *carried, "share of harm", len(said), label)
    steady, label = table["top"].head(top).min(), "chance that the least steady of them is at the top again"
    edges = wilson(round(steady * visits.bootstrap), visits.bootstrap, level)
    again = Number(steady, *edges, "probability", len(said), label)
    are = f"{top} of {k} themes {'carries' if top == 1 else 'carry'}"
    sure = "the list would come out the same again" if steady >= 0.8 else "which ones is not certain"
    finding = f"{are} {share} of the harm in unhappy comments; {sure}."
    numbers = {"top-issues-share": share, "top-issues-stability": again}
    caution = "Themes are named by their heaviest words; those who kept silent are not heard."
    draw = partial(general.bars, table, label="theme", value="harm", x_title="part of the harm", percent=True)
    return Result(finding, numbers, table, draw, [caution], visits)


@question("visits", "outlet", "score", "comment")
def who_can_act(visits: Table) -> Result:
    """Which layer can act: an outlet, an organisation, or only the whole?

    An organisation is held against the whole and an outlet against its organisation, each given its rated
    visits (exact Poisson tests, a false-discovery rate of 5 %, a ratio clearly above 1). Only the whole sees
    a theme that came more often in the second half, pooled, while no outlet alone shows it (exact binomial
    tests). Columns of the table: ``theme n outlets`` (how many stand out) ``organisations`` (which)
    ``only_whole``.
    """
    said, rated = _complaints(visits), hear(visits).sample.dropna(subset=["score"])
    homes = rated.groupby("outlet")["organisation"].first().fillna("all")
    by_outlet = rated.groupby("outlet").size()
    by_home = by_outlet.groupby(homes).sum()
    at_outlet = pd.crosstab(said["theme"], said["outlet"]).reindex(columns=by_outlet.index, fill_value=0)
    at_home = at_outlet.T.groupby(homes).sum().T
    usual = np.outer(at_home.sum(axis=1), by_home / by_home.sum())
    own = at_home[homes].to_numpy() * (by_outlet.to_numpy() / by_home[homes].to_numpy())
    clear = _stands_out(at_home.to_numpy(), usual, visits.min_cell) & (len(by_home) > 1)
    table = pd.DataFrame({"theme": at_home.index, "n": at_home.sum(axis=1).to_numpy()})
    table["outlets"] = _stands_out(at_outlet.to_numpy(), own, visits.min_cell).sum(axis=1)
    table["organisations"] = [listed(map(visits.label, by_home.index[row])) for row in clear]
    table["only_whole"] = _grew_unseen(said, rated, table["theme"], visits.min_cell)
    k, alone = len(table), int(table["only_whole"].sum())
    local, at_homes = int((table["outlets"] > 0).sum()), int(clear.any(axis=1).sum())
    unit, label = "share of issues", "themes that only the whole can see"
    share = Number.share(alone, k, unit, label, visits.confidence_level)
    finding = f"{local or 'none'} of {k} themes stand out at single outlets and {at_homes or 'none'} in an "
    finding += f"organisation; {alone or 'none'} grew everywhere, unseen by any single outlet."
    if not local + at_homes + alone:
        finding = f"no theme out of {k} was found to stand out anywhere, so only the whole can act."
    layers = {"an outlet": local, "an organisation": at_homes, "only the whole": alone}
    shown = pd.DataFrame({"layer": layers.keys(), "themes": layers.values()})
    draw = partial(general.bars, shown, label="layer", value="themes", x_title=f"of {k} themes, stand out at")
    caution = "A theme may stand out at several layers; the lowest one is the nearest to act."
    return Result(finding, {"pooled-only-detections": share}, table, draw, [caution], visits)


def _stands_out(n: np.ndarray, expected: np.ndarray, least: int) -> np.ndarray:
    """Return which counts are clearly above what was expected, after false-discovery control over all."""
    p = np.where(n > 0, pdtrc(np.maximum(n, 1) - 1.0, np.maximum(expected, 1e-12)), 1.0)
    survives = benjamini_hochberg(p.ravel())[0].reshape(p.shape)
    return survives & (n >= least) & (gammaincinv(np.maximum(n, 1e-9), 0.025) > CLEAR * expected)


def _grew_unseen(said: pd.DataFrame, rated: pd.DataFrame, themes: pd.Series, least: int) -> np.ndarray:
    """Return which themes came more often in the second half of the period, unseen by any single outlet."""
    when = rated["timestamp"].dropna()
    middle = when.min() + (when.max() - when.min()) / 2

    def halves(rows: pd.DataFrame) -> pd.DataFrame:
        counts = rows.groupby(["outlet", rows["timestamp"] >= middle]).size().unstack(fill_value=0)
        return counts.reindex(columns=[False, True], fill_value=0)

    n = halves(rated)
    n = n[(n >= least).all(axis=1)]
    if n.empty or (when.max() - when.min()).days < 14:
        return np.zeros(len(themes), dtype=bool)
    p, unseen = [], []
    for theme in themes:
        x = halves(said[said["theme"] == theme]).reindex(n.index, fill_value=0)
        alone = binom.sf(x[True] - 1, x.sum(axis=1), n[True] / n.sum(axis=1))
        p.append(binom.sf(x[True].sum() - 1, x.sum().sum(), n[True].sum() / n.sum().sum()))
        unseen.append(not benjamini_hochberg(alone)[0].any())
    return benjamini_hochberg(p, 0.01)[0] & unseen


@question("visits", needs="visits with a table of what partners reward (kpis) beside them")
def rewards(visits: Table) -> Result:
    """Are partners rewarded for the same thing? How much of their weights two partners share, on average, and
    Kendall's W of their priorities (Kendall & Babington Smith 1939); jackknife intervals over partners.

    Index of the table: the organisation; one column a measure, its part of what that organisation rewards.
    """
    kpis = visits.related.get("kpis")
    if kpis is None or not len(kpis):
        raise NotEnough("these visits come without a table of what partners reward (kpis)")
    table = kpis.pivot_table("weight", "organisation", "kpi", aggfunc="sum", fill_value=0)
    table = table[table.sum(axis=1) > 0].rename_axis(columns=None)
    m, k = table.shape
    if m < 3 or k < 2:
        raise NotEnough(f"{count(m, 'partner')} and {count(k, 'measure')}, where three and two are needed")
    table = table.div(table.sum(axis=1), axis=0)
    alike = table.T.corr(method="spearman").fillna(0).to_numpy()
    both = np.minimum(table.to_numpy()[:, None], table.to_numpy()).sum(axis=2)
    ranks, shared = (_jackknife(pairs, visits.confidence_level) for pairs in (alike, both))
    w = np.clip((1 + (m - 1) * ranks) / m, 0, 1)  # W is the mean rank correlation on another scale
    agree = Number(*w, "Kendall's W", m, "agreement of partners' priorities, 1 is full")
    same = Number(*shared.clip(0, 1), "share of weight", m, "what two partners both reward, on average")
    said = "their priorities agree" if agree.low > 0.5 else "their priorities agree in part"
    if agree.low <= 1 / m:  # what chance brings
        said = "no clear agreement of priorities was found"
    order = table.index[np.argsort(-alike.sum(axis=1), kind="stable")]
    shown = table.loc[order, table.mean().sort_values(ascending=False).index]
    finding = f"two partners share {same} of what they reward; {said}."
    caution = "Partners at the foot of the chart agree least with the others."
    draw = partial(general.heat, shown, x_title="what is rewarded", percent=True)
    return Result(finding, {"kpi-concordance": agree, "reward-overlap": same}, shown, draw, [caution], visits)


def _jackknife(pairs: np.ndarray, level: float) -> np.ndarray:
    """Return the mean over pairs of different partners and its limits."""
    m, own = len(pairs), pairs.sum(axis=1) - np.diag(pairs)
    left = (own.sum() / 2 - own) / ((m - 1) * (m - 2) / 2)
    half = normal_quantile(level) * np.sqrt((m - 1) / m * ((left - left.mean()) ** 2).sum())
    return own.sum() / (m * (m - 1)) + np.array([0, -half, half])
