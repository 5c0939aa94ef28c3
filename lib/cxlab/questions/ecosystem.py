"""A whole ecosystem: who is heard, how roles change, who meets failures, what matters, who can act, what is
rewarded (``cx.ecosystem``, ``cx.roles``).
"""

from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.data.visits import hear
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import count, listed, number
from cxlab.stats.chains import removal_effect, transition_matrix  # noqa: F401 (called by these names, too)
from cxlab.stats.intervals import benjamini_hochberg, newcombe, normal_quantile, percentile_interval, wilson
from cxlab.stats.resampling import resampled_sums
from cxlab.stats.themes import fit_themes

CLEAR = 1.25  # the interval of a place's ratio must lie above this: less is not worth an owner's time


@question("visits", "outlet")
def heard(visits: Table) -> Result:
    """How can one laptop hear all visits? By counts of everything and whole journeys of a sample of people.

    Columns of the table: ``organisations`` that a person's visits of a year touch, ``people share low high``.
    """
    found = hear(visits)
    numbers = {"visits": Number(found.visits, unit="visits", label="visits counted")}
    opening = f"{found.visits:,} visits to {found.cells['outlet'].nunique():,} outlets were counted"
    known = found.sample.dropna(subset=["person", "organisation"])
    if "person" not in visits.frame.columns or known["organisation"].nunique() < 2:
        finding = f"{opening}; which people and partners belong together is not known."
        return Result(finding, numbers, data=visits)
    if known["timestamp"].notna().any():  # years of visits would touch everything
        known = known[known["timestamp"] > known["timestamp"].max() - pd.Timedelta(days=365)]
    touched = known.drop_duplicates(["person", "organisation"]).groupby("person").size()
    n, level = len(touched), visits.confidence_level
    words = "people who visit two or more organisations in a year"
    share = Number.share(int((touched >= 2).sum()), n, "share of persons", words, level)
    numbers["journeys-two-organisations"] = share
    table = touched.clip(upper=6).value_counts().sort_index().rename_axis("organisations")
    table = table.reset_index(name="people")
    low, high = wilson(table["people"], n, level)
    table = table.assign(share=table["people"] / n, low=low, high=high)
    words = ["6 or more" if k == 6 else count(k, "organisation") for k in table["organisations"]]
    table["organisations"] = words
    table, _ = suppress(table, count="people", min_cell=visits.min_cell)
    so = ": no partner sees the whole journey" if share.low > 0.5 else ""
    so = ": most stay with one" if share.high < 0.5 else so
    axes = {"label": "organisations", "value": "share", "x_title": "people, by organisations visited"}
    part = "everybody" if found.share == 1 else f"one in {round(1 / found.share):,} people"
    return Result(
        f"{share} of people visit two or more organisations in a year{so}; {opening}.", numbers, table,
        lambda: general.bars(table, **axes, percent=True),
        [f"Journeys are those of {part}, with all their visits."], visits,
    )  # fmt: skip


@question("visits", "person", "role", "timestamp")
def changes(visits: Table) -> Result:
    """How do roles change from year to year (quarters where the visits span less than two years)?

    A person's role in a year is the one of most visits. Shares with intervals that take people as clusters
    (Anderson & Goodman 1957). Columns of the table: ``from to probability low high count n people``.
    """
    rows, level = hear(visits).sample.dropna(subset=["person", "role", "timestamp"]), visits.confidence_level
    long = (rows["timestamp"].max() - rows["timestamp"].min()).days > 600
    period, when = "year" if long else "quarter", rows["timestamp"].dt.to_period("Y" if long else "Q")
    rows = rows.assign(when=when.astype("int64"), role=rows["role"].map(visits.label))
    main = rows.groupby(["person", "when", "role"]).size().rename("visits").reset_index()
    main = main.sort_values("visits", kind="stable").drop_duplicates(["person", "when"], keep="last")
    main = main.rename(columns={"when": "timestamp"})
    moves = transition_matrix(main, confidence_level=level) if len(main) else main
    kinds = rows.groupby("person")["role"].nunique()
    shown = moves[moves["people"] > 0] if len(main) else moves.assign(people=0)
    shown, _ = suppress(shown, count="people", min_cell=visits.min_cell, within=["from"] if len(main) else [])
    stay = shown[shown["from"] == shown["to"]].sort_values("probability") if len(shown) else shown
    if not len(stay) or main["role"].nunique() < 2:
        raise NotEnough(f"too few people with two roles or two {period}s were seen")
    words, more = "people seen in two or more roles", int((kinds > 1).sum())
    numbers = {"role-changers": Number.share(more, len(kinds), "share of persons", words, level)}
    for name, (_, row) in zip(("stay-least", "stay-most"), stay.iloc[[0, -1]].iterrows(), strict=True):
        values, label = (
            map(float, row[["probability", "low", "high"]]),
            f"still {row['from']} a {period} later",
        )
        numbers[name] = Number(*values, "share of moves", int(row["n"]), label)
    one, other = numbers["stay-least"], numbers["stay-most"]
    least, most = stay["from"].iloc[0], stay["from"].iloc[-1]
    finding = f"a {period} later {other} are still {most} and {one} still {least}."
    if one.value == 1:
        finding = f"no change was found: everybody had the same role a {period} later."
    elif one.high >= other.low:
        finding = f"no difference between roles was found: a {period} later {one} or more have the same one."
    wide = shown.pivot(index="from", columns="to", values="probability")
    order = [role for role in dict.fromkeys(moves["from"]) if role in wide.index]
    wide = wide.reindex(index=order, columns=[role for role in order if role in wide.columns])
    axes = {"x_title": f"role a {period} later", "y_title": "role now", "percent": True}
    caution = f"Only people who came in two {period}s can be followed."
    return Result(finding, numbers, shown, lambda: general.heat(wide, **axes), [caution], visits)


@question("visits", "person", "role", "score")
def exposure(visits: Table) -> Result:
    """Why does who comes often meet more failures? Visits a year times the failure rate, by role.

    Visits a year are those of a year in which a person came in that role; a failure is a score in the lower
    quarter of the scale, and visits without a score are taken to fail as often. Intervals resample people.
    The chance of at least one failure in a year allows for people who meet them all the time (beta-binomial).
    Columns of the table: ``role people visits_a_year failure_rate failures low high chance``.
    """
    rows, level = hear(visits).sample.dropna(subset=["person", "role"]), visits.confidence_level
    first, rated = rows["timestamp"].min(), rows["failed"].dropna()
    year = 0 if pd.isna(first) else (rows["timestamp"] - first).dt.days // 366
    rows = rows.assign(year=year, role=rows["role"].map(visits.label))
    part = {"visits": ("outlet", "size"), "rated": ("failed", "count"), "failed": ("failed", "sum")}
    yearly = rows.groupby(["role", "person", "year"], dropna=False).agg(**part).reset_index("year")
    yearly["year"] = 1
    people = yearly.groupby(["role", "person"]).sum()
    enough = (people["rated"] > 0).groupby("role").sum()
    lines, gaps = [], {}
    for role in enough.index[enough >= max(10, visits.min_cell)] if rated.sum() else ():
        values = _exposures(people.loc[role].to_numpy(float), visits)
        limits = percentile_interval(values[2, 1:], level)
        lines.append((role, len(people.loc[role]), *values[:3, 0], *limits, values[3, 0]))
        gaps[role] = values[3] - rated.mean()
    if len(lines) < 2:
        raise NotEnough("fewer than two roles have ten people with a score, or no visit failed")
    columns = ["role", "people", "visits_a_year", "failure_rate", "failures", "low", "high", "chance"]
    table = pd.DataFrame(lines, columns=columns)
    table = table.sort_values("visits_a_year", ascending=False, ignore_index=True)
    (role, other), gap = table["role"].iloc[[0, -1]], gaps[table["role"][0]]
    limits = map(float, percentile_interval(gap[1:], level))
    label = f"chance of a failure in a year: {role}, less a single visit"
    more = Number(float(gap[0]), *limits, "probability", int(table["people"][0]), label)
    numbers = {"exposure-difference": more}
    for name, row in (("failures-a-year", table.iloc[0]), ("failures-a-year-other", table.iloc[-1])):
        values, label = (
            map(float, row[["failures", "low", "high"]]),
            f"failures in a year of one {row['role']}",
        )
        numbers[name] = Number(*values, "failures", int(row["people"]), label)
    most, least = numbers["failures-a-year"], numbers["failures-a-year-other"]
    finding = f"as {role} a person meets {most} failures a year, as {other} {least}."
    if most.low <= least.high and least.low <= most.high:
        finding = f"no difference was found: {finding}"
    rates, often = ([number(v, u) for v in table[name].iloc[[0, -1]]]
                    for name, u in (("failure_rate", "share"), ("visits_a_year", "")))  # fmt: skip
    caution = f"For {role} and {other}, {rates[0]} and {rates[1]} of visits fail; "
    caution += f"visits a year are {often[0]} and {often[1]}."
    axes = {"label": "role", "value": "failures", "x_title": "failures a year"}
    return Result(finding, numbers, table, lambda: general.bars(table, **axes), [caution], visits)


def _exposures(people: np.ndarray, visits: Table) -> np.ndarray:
    """Return visits a year, failure rate, failures a year and chance of one; the sample, then resamples."""
    from scipy.special import betaln

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
    return np.array([a_year, rate, a_year * rate, chance])


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
    ``theme people n share severity harm low high top`` (share of resamples with it in the top fifth).
    """
    said, level = _complaints(visits), visits.confidence_level
    code, names = pd.factorize(said["theme"], sort=True)
    k, who = len(names), pd.factorize(said["person"])[0]
    if k < 3:
        raise NotEnough(f"the comments fall into {count(k, 'theme')} only")
    top, sums = max(1, round(k / 5)), np.zeros((int(who.max()) + 1, k))
    np.add.at(sums, (who, code), said["severity"].to_numpy(float))
    harm, *draws = resampled_sums(sums, visits.bootstrap, visits.rng)
    draws = np.array(draws) / np.sum(draws, axis=1, keepdims=True)
    inside = np.argsort(np.argsort(-draws, axis=1, kind="stable"), axis=1) < top
    low, high = percentile_interval(draws, level)
    n, people = np.bincount(code, minlength=k), said.groupby("theme")["person"].nunique()[names].to_numpy()
    table = pd.DataFrame({
        "theme": names, "people": people, "n": n, "share": n / n.sum(), "severity": harm / n,
        "harm": harm / harm.sum(), "low": low, "high": high, "top": inside.mean(axis=0),
    })  # fmt: skip
    table = table.sort_values("harm", ascending=False, kind="stable", ignore_index=True)
    best = np.argsort(-harm, kind="stable")[:top]
    carried = percentile_interval(np.sort(draws, axis=1)[:, -top:].sum(axis=1), level)
    value, label = float(harm[best].sum() / harm.sum()), f"harm carried by {top} of {k} themes, the top fifth"
    share = Number(value, *map(float, carried), "share of harm", len(said), label)
    steady = float(inside[:, best].mean(axis=0).min())
    edges = map(float, wilson(round(steady * visits.bootstrap), visits.bootstrap, level))
    label = "chance that the least steady of them is at the top again"
    again = Number(steady, *edges, "probability", len(said), label)
    are = f"{top} of {k} themes {'carries' if top == 1 else 'carry'}"
    sure = "the list would come out the same again" if steady >= 0.8 else "which ones is not certain"
    finding = f"{are} {share} of the harm in unhappy comments; {sure}."
    axes = {"label": "theme", "value": "harm", "x_title": "part of the harm", "percent": True}
    return Result(
        finding, {"top-issues-share": share, "top-issues-stability": again}, table,
        lambda: general.bars(table, **axes),
        ["Themes are named by their heaviest words; those who kept silent are not heard."], visits,
    )  # fmt: skip


@question("visits", "outlet", "score", "comment")
def who_can_act(visits: Table) -> Result:
    """Which layer can act: an outlet, an organisation, or only the whole?

    An organisation is held against the whole and an outlet against its organisation, each given its rated
    visits (exact Poisson tests, a false-discovery rate of 5 %, a ratio clearly above 1). Only the whole sees
    a theme that came more often in the second half, pooled, while no outlet alone shows it (exact binomial
    tests). Columns of the table: ``theme n outlets`` (how many stand out) ``organisations`` (which) ``change
    low high`` (complaints a thousand rated visits) ``only_whole``.
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
    table = table.join(_growth(visits, said, rated), on="theme")
    k, alone = len(table), int(table["only_whole"].sum())
    local, at_homes = int((table["outlets"] > 0).sum()), int(clear.any(axis=1).sum())
    words = "themes that only the whole can see"
    numbers = {
        "pooled-only-detections": Number.share(alone, k, "share of issues", words, visits.confidence_level),
        "themes-at-outlets": Number(local, unit="themes", n=k, label="themes that stand out at an outlet"),
        "themes-at-organisations": Number(at_homes, unit="themes", n=k, label="... in an organisation"),
    }
    finding = f"{local or 'none'} of {k} themes stand out at single outlets and {at_homes or 'none'} in an "
    finding += f"organisation; {alone or 'none'} grew everywhere, unseen by any single outlet."
    if not local + at_homes + alone:
        finding = f"no theme out of {k} was found to stand out anywhere, so only the whole can act."
    cells = said.groupby(["theme", "organisation"])["person"].nunique().rename("people").reset_index()
    cells, _ = suppress(cells, count="people", min_cell=visits.min_cell, within=["theme"])
    shown = cells.pivot(index="theme", columns="organisation", values="people").reindex_like(at_home).notna()
    ratio = (at_home / np.maximum(usual, 1e-12)).where(shown).rename(columns=visits.label)
    if len(by_home) < 2:
        return Result(finding, numbers, table, data=visits)
    return Result(
        finding, numbers, table, lambda: general.heat(ratio, y_title="theme", middle=1.0),
        ["A value above 1 in the chart: more often than visits explain; few people leave a blank."], visits,
    )  # fmt: skip


def _stands_out(n: np.ndarray, expected: np.ndarray, least: int) -> np.ndarray:
    """Return which counts are clearly above what was expected, after false-discovery control over all."""
    from scipy.special import gammaincinv, pdtrc

    p = np.where(n > 0, pdtrc(np.maximum(n, 1) - 1.0, np.maximum(expected, 1e-12)), 1.0)
    survives = benjamini_hochberg(p.ravel())[0].reshape(p.shape)
    return survives & (n >= least) & (gammaincinv(np.maximum(n, 1e-9), 0.025) > CLEAR * expected)


def _growth(visits: Table, said: pd.DataFrame, rated: pd.DataFrame) -> pd.DataFrame:
    """Return ``change low high only_whole`` of each theme from the first to the second half of the period."""
    from scipy.stats import binom

    themes, when = sorted(said["theme"].unique()), rated["timestamp"].dropna()
    middle, level, found = when.min() + (when.max() - when.min()) / 2, visits.confidence_level, []

    def halves(rows: pd.DataFrame) -> pd.DataFrame:
        counts = rows.groupby(["outlet", rows["timestamp"] >= middle]).size().unstack(fill_value=0)
        return counts.reindex(columns=[False, True], fill_value=0)

    n = halves(rated)
    n = n[(n >= visits.min_cell).all(axis=1)]
    if n.empty or (when.max() - when.min()).days < 14:
        return pd.DataFrame(np.nan, themes, ["change", "low", "high"]).assign(only_whole=False)
    before, after = n.sum()
    for theme in themes:
        x = halves(said[said["theme"] == theme]).reindex(n.index, fill_value=0)
        alone = binom.sf(x[True] - 1, x.sum(axis=1), n[True] / n.sum(axis=1))
        first, second = x.sum()
        p = binom.sf(second - 1, first + second, after / (before + after))
        change = 1000 * np.array(newcombe(second, after, first, before, level))
        found.append((*change, p, not benjamini_hochberg(alone)[0].any()))
    table = pd.DataFrame(found, index=themes, columns=["change", "low", "high", "p", "only_whole"])
    table["only_whole"] &= benjamini_hochberg(table["p"], 0.01)[0]
    return table.drop(columns="p")


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
    table = table[table.sum(axis=1) > 0]
    m, k = table.shape
    if m < 3 or k < 2:
        raise NotEnough(f"{count(m, 'partner')} and {count(k, 'measure')}, where three and two are needed")
    shares = table.div(table.sum(axis=1), axis=0)
    values, ranks = shares.to_numpy(), shares.rank(axis=1).to_numpy()
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = np.linalg.norm(centred, axis=1, keepdims=True)
    alike = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    alike = alike @ alike.T
    w = float((centred.sum(axis=0) ** 2).sum() / (m * max((centred**2).sum(), 1e-12)))
    half = _jackknife(alike, visits.confidence_level)[1] * (m - 1) / m
    mean, reach = _jackknife(np.minimum(values[:, None], values).sum(axis=2), visits.confidence_level)
    (low, high), (least, most) = np.clip([[w - half, w + half], [mean - reach, mean + reach]], 0, 1).tolist()
    agree = Number(w, low, high, "Kendall's W", m, "agreement of partners' priorities, 1 is full")
    same = Number(mean, least, most, "share of weight", m, "what two partners both reward, on average")
    said = "their priorities agree" if agree.low > 0.5 else "their priorities agree in part"
    if agree.low <= 1 / m:  # what chance brings
        said = "no clear agreement of priorities was found"
    finding = f"two partners share {same} of what they reward; {said}."
    order = shares.index[np.argsort(-alike.sum(axis=1), kind="stable")]
    shown = shares.loc[order, shares.mean().sort_values(ascending=False).index].rename_axis(columns=None)
    return Result(
        finding, {"kpi-concordance": agree, "reward-overlap": same}, shown,
        lambda: general.heat(shown, x_title="what is rewarded", percent=True),
        ["Partners at the foot of the chart agree least with the others."], visits,
    )  # fmt: skip


def _jackknife(pairs: np.ndarray, level: float) -> tuple[float, float]:
    """Return the mean over pairs of different partners, and half its interval."""
    m, own = len(pairs), pairs.sum(axis=1) - np.diag(pairs)
    left = (own.sum() / 2 - own) / ((m - 1) * (m - 2) / 2)
    error = np.sqrt((m - 1) / m * ((left - left.mean()) ** 2).sum())
    return float(own.sum() / (m * (m - 1))), float(normal_quantile(level) * error)
