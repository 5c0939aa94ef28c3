"""A whole ecosystem: who is heard, what matters most, which layer can act, what is rewarded
(``cx.ecosystem``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.data.visits import hear
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, count, listed, number, stated
from cxlab.stats.intervals import benjamini_hochberg, normal_quantile, percentile_interval, wilson
from cxlab.stats.resampling import resampled_sums
from cxlab.stats.themes import fit_themes

DISCOVERY = 0.05
CLEAR = 1.25  # a place stands out when the interval of its ratio lies above this: less is not worth an owner's time


@question("visits", "outlet")
def heard(visits: Table) -> Result:
    """How can one laptop hear all visits? Counts of everything and the whole journeys of a random sample of
    people.

    Columns of the table: ``organisations`` that a person's visits touch, ``people share low high``.
    """
    found = hear(visits)
    outlets = found.cells["outlet"].nunique()
    numbers = {
        "visits": Number(found.visits, unit="visits", label="visits counted"),
        "rated-visits": Number(found.rated, unit="visits", label="visits with a score"),
    }
    opening = f"{found.visits:,} visits to {outlets:,} outlets were counted"
    known = found.sample.dropna(subset=["person", "organisation"])
    if "person" not in visits.frame.columns or known["organisation"].nunique() < 2:
        finding = f"{opening}; which people and partners belong together is not known."
        return Result(stated(finding, visits.simulated, "visits"), numbers, None, None, [], visits)
    if known["timestamp"].notna().any():  # years of visits would touch everything
        known = known[known["timestamp"] > known["timestamp"].max() - pd.Timedelta(days=365)]
    touched = known.drop_duplicates(["person", "organisation"]).groupby("person").size()
    several, n = int((touched >= 2).sum()), len(touched)
    share = Number.share(several, n, "share of persons", "people who visit two or more organisations in a year",
                         visits.confidence_level)  # fmt: skip
    numbers["journeys-two-organisations"] = share
    table = touched.clip(upper=6).value_counts().sort_index().rename("people").reset_index(name="people")
    table.columns = ["organisations", "people"]
    low, high = wilson(table["people"], n, visits.confidence_level)
    table = table.assign(share=table["people"] / n, low=low, high=high)
    table["organisations"] = [f"{k} or more" if k == 6 else str(k) for k in table["organisations"]]
    table, _ = suppress(table, count="people", min_cell=visits.min_cell)
    so = (
        ": no partner sees the whole journey"
        if share.low > 0.5
        else ": most stay with one"
        if share.high < 0.5
        else ""
    )
    finding = f"{opening}. In a year {share} of people visit two or more organisations{so}."
    title = f"{number(share.value, share.unit)} of people visit two or more organisations"
    draw = lambda: general.bars(  # noqa: E731
        table,
        title=title,
        label="organisations",
        value="share",
        x_title="people, by organisations visited",
        percent=True,
    )
    part = "everybody" if found.share == 1 else f"one in {round(1 / found.share):,} people"
    caution = f"Journeys are those of {part}, with all their visits."
    return Result(stated(finding, visits.simulated, "visits"), numbers, table, draw, [caution], visits)


_said: list[Any] = [None, None]  # the complaints heard last, sorted into themes once


def _complaints(visits: Table) -> pd.DataFrame:
    """Return the unhappy comments of the sample: ``theme person outlet organisation timestamp severity``."""
    found = hear(visits)
    if _said[0] is not found:
        said = found.sample.query("satisfied == 0 and comment.notna()").copy()
        if len(said) < 60:
            raise NotEnough(f"only {count(len(said), 'unhappy comment')}, where 60 are needed")
        model = fit_themes(said["comment"].tolist(), themes=min(14, len(said) // 30), rng=1)
        theme = model.assign(said["comment"].tolist())
        said = said[theme >= 0].assign(theme=[model.names[place] for place in theme[theme >= 0]])
        said["severity"] = (found.high - said["score"]) / (found.high - found.low)
        people = said.groupby("theme")["person"].transform("nunique")
        _said[:] = [found, said[people >= visits.min_cell].drop(columns="comment")]
    return _said[1]


@question("visits", "score", "comment")
def matters(visits: Table) -> Result:
    """What matters most to people? Themes of unhappy comments, weighed by how often they come and how bad the
    visit was. People are resampled; the top fifth is picked anew each time.

    Columns of the table, most harmful first: ``theme people n share severity harm low high top`` (in how many
    resamples the theme is among the top fifth).
    """
    said = _complaints(visits)
    code, names = pd.factorize(said["theme"], sort=True)
    k, who = len(names), pd.factorize(said["person"])[0]
    if k < 3:
        raise NotEnough(f"the comments fall into {count(k, 'theme')} only")
    top, people = max(1, round(k / 5)), int(who.max()) + 1
    sums = np.zeros((people, k))
    np.add.at(sums, (who, code), said["severity"].to_numpy(float))
    harm, *draws = resampled_sums(sums, visits.bootstrap, visits.rng)
    draws = np.array(draws) / np.sum(draws, axis=1, keepdims=True)
    inside = np.argsort(np.argsort(-draws, axis=1, kind="stable"), axis=1) < top
    low, high = percentile_interval(draws, visits.confidence_level)
    n = np.bincount(code, minlength=k)
    table = pd.DataFrame({
        "theme": names, "people": (sums > 0).sum(axis=0), "n": n, "share": n / n.sum(), "severity": harm / n,
        "harm": harm / harm.sum(), "low": low, "high": high, "top": inside.mean(axis=0),
    })  # fmt: skip
    table, _ = suppress(table, count="people", min_cell=visits.min_cell)
    table = table.sort_values("harm", ascending=False, ignore_index=True)
    best = np.argsort(-harm, kind="stable")[:top]
    carried = percentile_interval(
        np.sort(draws, axis=1)[:, ::-1][:, :top].sum(axis=1), visits.confidence_level
    )
    share = Number(float(harm[best].sum() / harm.sum()), *map(float, carried), "share of harm", len(said),
                   f"harm carried by the top fifth of themes ({top} of {k})")  # fmt: skip
    steady = float(inside[:, best].mean(axis=0).min())
    edges = wilson(round(steady * visits.bootstrap), visits.bootstrap, visits.confidence_level)
    numbers = {
        "top-issues-share": share,
        "top-issues-stability": Number(steady, *map(float, edges), "probability", len(said),
                                       "chance that the least steady of them is at the top again"),
    }  # fmt: skip
    are = f"{top} of {k} themes {'carries' if top == 1 else 'carry'}"
    sure = "the list would come out the same again" if steady >= 0.8 else "which ones is not certain"
    finding = f"{are} {share} of the harm in unhappy comments; {sure}."
    title = f"{capital(are)} {number(share.value, share.unit)} of the harm"
    draw = lambda: general.bars(  # noqa: E731
        table, title=title, label="theme", value="harm", x_title="part of the harm", percent=True
    )
    caution = "Themes are named by their heaviest words; those who kept silent are not heard."
    return Result(stated(finding, visits.simulated, "visits"), numbers, table, draw, [caution], visits)


@question("visits", "outlet", "score", "comment")
def who_can_act(visits: Table) -> Result:
    """Which layer can act: an outlet, an organisation, or only the whole?

    An organisation is held against the whole and an outlet against its organisation, each given its rated
    visits (exact Poisson tests, a false-discovery rate of 5 %, and a ratio clearly above 1). What only the
    whole sees: a theme that came more often in the second half, pooled over outlets (Mantel-Haenszel, Sato
    1989), while no outlet alone shows it. Columns of the table: ``theme n outlets`` (how many stand out)
    ``organisations`` (their names) ``change low high`` (complaints a thousand rated visits) ``only_whole``.
    """
    said, rated = _complaints(visits), hear(visits).sample.dropna(subset=["score"])
    rated = rated.assign(organisation=rated["organisation"].fillna("all"))
    said = said.assign(organisation=said["organisation"].fillna("all"))
    homes = rated.groupby("outlet")["organisation"].first()
    by_home, by_outlet = rated.groupby("organisation").size(), rated.groupby("outlet").size()
    heard_at = pd.crosstab(said["theme"], said["outlet"]).reindex(columns=by_outlet.index, fill_value=0)
    at_home = heard_at.T.groupby(homes).sum().T
    usual = np.outer(at_home.sum(axis=1), by_home[at_home.columns] / by_home.sum())
    own = at_home[homes[heard_at.columns]].to_numpy() * (by_outlet / by_home[homes].to_numpy()).to_numpy()
    homes_out = _stands_out(at_home.to_numpy(), usual, visits.min_cell) & (len(by_home) > 1)
    outlets_out = _stands_out(heard_at.to_numpy(), own, visits.min_cell)
    change = _growth(visits, said, rated)
    rows = []
    for place, theme in enumerate(at_home.index):
        names = [visits.label(name) for name in at_home.columns[homes_out[place]]]
        rows.append((theme, int(heard_at.iloc[place].sum()), int(outlets_out[place].sum()), listed(names)))
    table = pd.DataFrame(rows, columns=["theme", "n", "outlets", "organisations"]).join(change, on="theme")
    k, alone = len(table), int(table["only_whole"].sum())
    local, homes_n = int((table["outlets"] > 0).sum()), int(homes_out.any(axis=1).sum())
    numbers = {
        "pooled-only-detections": Number.share(alone, k, "share of issues", "themes that only the whole can see",
                                               visits.confidence_level),
        "themes-at-outlets": Number(local, unit="themes", n=k, label="themes that stand out at single outlets"),
        "themes-at-organisations": Number(homes_n, unit="themes", n=k, label="themes that stand out in an organisation"),
    }  # fmt: skip
    if local + homes_n + alone:
        finding = (f"{local or 'none'} of {k} themes stand out at single outlets and {homes_n or 'none'} in an "
                   f"organisation; {alone or 'none'} grew everywhere, unseen by any single outlet.")  # fmt: skip
    else:
        finding = f"no theme out of {k} was found to stand out anywhere, so only the whole can act."
    cells, _ = suppress(_cells(said), count="people", min_cell=visits.min_cell, within=["theme"])
    ratio = pd.DataFrame(at_home.to_numpy() / np.maximum(usual, 1e-12), at_home.index, at_home.columns)
    shown = cells.pivot(index="theme", columns="organisation", values="people").reindex_like(ratio).notna()
    ratio = ratio.where(shown).rename(columns=visits.label)
    best = np.unravel_index(np.argmax(np.where(homes_out, ratio.fillna(0), 0)), ratio.shape)
    title = f"None of {k} themes stands out in an organisation"
    if homes_out.any():
        title = f"{at_home.index[best[0]]} in {ratio.columns[best[1]]}: {number(float(ratio.iloc[best]))} times the usual"
    draw = None
    if len(by_home) > 1:
        draw = lambda: general.heat(ratio, title=capital(title), y_title="theme", middle=1.0)  # noqa: E731
    caution = "A ratio above 1 says where a theme comes up more often than visits explain; cells of few people stay blank."
    return Result(stated(finding, visits.simulated, "visits"), numbers, table, draw, [caution], visits)


def _cells(said: pd.DataFrame) -> pd.DataFrame:
    return said.groupby(["theme", "organisation"])["person"].nunique().rename("people").reset_index()


def _stands_out(n: np.ndarray, expected: np.ndarray, least: int) -> np.ndarray:
    """Return which counts are clearly above what was expected, after false-discovery control over all of
    them.
    """
    from scipy.special import gammaincinv, pdtrc

    p = np.where(n > 0, pdtrc(np.maximum(n, 1) - 1.0, np.maximum(expected, 1e-12)), 1.0)
    survives = benjamini_hochberg(p.ravel(), DISCOVERY)[0].reshape(p.shape)
    return survives & (n >= least) & (gammaincinv(np.maximum(n, 1e-9), 0.025) > CLEAR * expected)


def _growth(visits: Table, said: pd.DataFrame, rated: pd.DataFrame) -> pd.DataFrame:
    """Return ``change low high only_whole`` of each theme from the first to the second half of the period."""
    from scipy.special import ndtr

    themes = sorted(said["theme"].unique())
    blank = pd.DataFrame({"change": np.nan, "low": np.nan, "high": np.nan, "only_whole": False}, index=themes)
    when = rated["timestamp"].dropna()
    if when.empty or (when.max() - when.min()).days < 14:
        return blank
    middle = when.min() + (when.max() - when.min()) / 2
    halves = (
        rated.groupby(["outlet", rated["timestamp"] >= middle])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=[False, True])
    )
    halves = halves[(halves >= visits.min_cell).all(axis=1)]
    if halves.empty:
        return blank
    n0, n1 = halves.to_numpy(float).T
    weight, total, found, pooled = n0 * n1 / (n0 + n1), n0 + n1, [], []
    for theme in themes:
        own = said[said["theme"] == theme]
        counts = own.groupby(["outlet", own["timestamp"] >= middle]).size().unstack(fill_value=0)
        x0, x1 = counts.reindex(index=halves.index, columns=[False, True], fill_value=0).to_numpy(float).T
        change, rate = x1 / n1 - x0 / n0, (x0 + x1) / total
        error = np.sqrt(rate * (1 - rate) * (1 / n0 + 1 / n1))
        p = 2 * ndtr(-np.abs(np.divide(change, error, out=np.zeros_like(change), where=error > 0)))
        difference = (weight * change).sum() / weight.sum()
        skew = (n1**2 * x0 - n0**2 * x1 + n0 * n1 * (n0 - n1) / 2) / total**2
        variance = (
            difference * skew.sum() + ((x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * total)).sum()
        ) / weight.sum() ** 2
        half = normal_quantile(visits.confidence_level) * np.sqrt(max(variance, 0))
        found.append(
            (
                1000 * difference,
                1000 * (difference - half),
                1000 * (difference + half),
                benjamini_hochberg(p)[0].any(),
            )
        )
        pooled.append(2 * ndtr(-abs(difference) / np.sqrt(variance)) if variance > 0 else 1.0)
    table = pd.DataFrame(found, index=themes, columns=["change", "low", "high", "seen"])
    table["only_whole"] = (
        benjamini_hochberg(pooled, 0.01)[0] & (table["change"] > 0) & ~table.pop("seen").astype(bool)
    )
    return table


@question("visits", needs="visits with a table of what partners reward (kpis) beside them")
def rewards(visits: Table) -> Result:
    """Are partners rewarded for the same thing? The overlap of two partners' weights, on average, and
    Kendall's W of their priorities (Kendall & Babington Smith 1939), with jackknife intervals over partners.

    Index of the table: the organisation; one column a measure, its part of what that organisation rewards.
    """
    kpis = visits.related.get("kpis")
    if kpis is None or not len(kpis):
        raise NotEnough("these visits come without a table of what partners reward (kpis)")
    table = kpis.pivot_table(
        index="organisation", columns="kpi", values="weight", aggfunc="sum", fill_value=0
    )
    table = table[table.sum(axis=1) > 0]
    m, k = table.shape
    if m < 3 or k < 2:
        raise NotEnough(
            f"{count(m, 'organisation')} and {count(k, 'measure')}, where three and two are needed"
        )
    shares = table.div(table.sum(axis=1), axis=0)
    values, ranks = shares.to_numpy(), shares.rank(axis=1).to_numpy()
    overlap = np.minimum(values[:, None], values[None]).sum(axis=2)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    w = float((centred.sum(axis=0) ** 2).sum() / (m * (centred**2).sum())) if centred.any() else 0.0
    half = _jackknife(unit @ unit.T, visits.confidence_level)[1] * (m - 1) / m
    mean, reach = _jackknife(overlap, visits.confidence_level)
    numbers = {
        "kpi-concordance": Number(w, max(0.0, w - half), min(1.0, w + half), "Kendall's W", m, "agreement of partners' priorities, 1 is full"),
        "reward-overlap": Number(mean, max(0.0, mean - reach), min(1.0, mean + reach), "share of weight", m, "what two partners both reward, on average"),
    }  # fmt: skip
    same, agree = numbers["reward-overlap"], numbers["kpi-concordance"]
    if agree.low > 0.5:
        said, title = (
            "their priorities agree",
            f"Partners agree: {number(mean, 'share')} of their rewards overlap",
        )
    elif agree.low <= 1 / m:
        said, title = (
            "their priorities agree no more than chance would bring",
            f"Priorities agree no more than by chance; {number(mean, 'share')} of rewards overlap",
        )
    else:
        said, title = (
            "their priorities agree in part",
            f"Partners agree in part: {number(mean, 'share')} of their rewards overlap",
        )
    finding = f"two partners share {same} of what they reward; {said}."
    own = (unit @ unit.T).sum(axis=1)
    order = shares.index[np.argsort(-own, kind="stable")]
    shown = shares.loc[order, shares.mean().sort_values(ascending=False).index].rename_axis(columns=None)
    draw = lambda: general.heat(shown, title=title, x_title="what is rewarded", percent=True)  # noqa: E731
    caution = "Partners at the foot of the chart agree least with the others."
    return Result(stated(finding, visits.simulated, "visits"), numbers, shown, draw, [caution], visits)


def _jackknife(pairs: np.ndarray, level: float) -> tuple[float, float]:
    """Return the mean over pairs of different partners and half its interval, leaving out one partner at a
    time.
    """
    m = len(pairs)
    total = (pairs.sum() - np.trace(pairs)) / 2
    left = (total - (pairs.sum(axis=1) - np.diag(pairs))) / ((m - 1) * (m - 2) / 2)
    error = np.sqrt((m - 1) / m * ((left - left.mean()) ** 2).sum())
    return float(total / (m * (m - 1) / 2)), float(normal_quantile(level) * error)
