"""How do roles change over the years, and who meets most failures (``cx.roles``)."""

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.data.visits import hear
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, number
from cxlab.stats.chains import removal_effect, transition_matrix  # noqa: F401 (called by these names, too)
from cxlab.stats.intervals import percentile_interval
from cxlab.stats.resampling import resampled_sums


@question("visits", "person", "role", "timestamp")
def changes(visits: Table) -> Result:
    """How do roles change from year to year (quarters where the visits span less than two years)?

    A person's role in a year is the one of most visits. Shares with intervals that take people as clusters
    (Anderson & Goodman 1957). Columns of the table: ``from to probability low high count n people``.
    """
    rows, level = hear(visits).sample.dropna(subset=["person", "role", "timestamp"]), visits.confidence_level
    period, many = (
        ("year", "Y") if (rows["timestamp"].max() - rows["timestamp"].min()).days > 600 else ("quarter", "Q")
    )
    rows = rows.assign(
        when=rows["timestamp"].dt.to_period(many).astype("int64"), role=rows["role"].map(visits.label)
    )
    main = rows.groupby(["person", "when", "role"]).size().rename("visits").reset_index()
    main = main.sort_values("visits", kind="stable").drop_duplicates(["person", "when"], keep="last")
    moves = transition_matrix(main, timestamp="when", confidence_level=level) if len(main) else main
    kinds = rows.groupby("person")["role"].nunique()
    shown = moves[moves["people"] > 0] if len(main) else moves.assign(people=0)
    shown, _ = suppress(shown, count="people", min_cell=visits.min_cell, within=["from"] if len(main) else [])
    stay = shown[shown["from"] == shown["to"]].sort_values("probability") if len(shown) else shown
    if not len(stay) or main["role"].nunique() < 2:
        raise NotEnough(f"too few people with two roles or two {period}s were seen")
    words = "people seen in two or more roles"
    numbers = {
        "role-changers": Number.share(int((kinds > 1).sum()), len(kinds), "share of persons", words, level)
    }
    for name, (_, row) in zip(("stay-least", "stay-most"), stay.iloc[[0, -1]].iterrows(), strict=True):
        values = (float(row[part]) for part in ("probability", "low", "high"))
        numbers[name] = Number(
            *values, "share of moves", int(row["n"]), f"still {row['from']} a {period} later"
        )
    one, other = numbers["stay-least"], numbers["stay-most"]
    least, most = stay["from"].iloc[0], stay["from"].iloc[-1]
    part, whole = number(one.value, "share"), number(other.value, "share")
    finding = (
        f"a {period} later {other} of those who were {most} still are, and {one} of those who were {least}."
    )
    title = f"A {period} later {whole} are still {most}, {part} still {least}"
    if one.value == 1:
        finding = f"no change was found: everybody had the same role a {period} later."
        title = "No change of role was found"
    elif one.high >= other.low:
        finding = f"no difference between roles was found: a {period} later {one} or more have the same one."
        title = f"No difference between roles was found: {part} or more stay"
    wide = shown.pivot(index="from", columns="to", values="probability")
    order = [role for role in dict.fromkeys(moves["from"]) if role in wide.index]
    wide = wide.reindex(index=order, columns=[role for role in order if role in wide.columns])
    axes = {"x_title": f"role a {period} later", "y_title": "role now", "percent": True}
    caution = f"Only people who came in two {period}s can be followed."
    return Result(finding, numbers, shown, lambda: general.heat(wide, title=title, **axes), [caution], visits)


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
    table = pd.DataFrame(lines, columns=columns).sort_values(
        "visits_a_year", ascending=False, ignore_index=True
    )
    (role, other), gap = table["role"].iloc[[0, -1]], gaps[table["role"][0]]
    limits = map(float, percentile_interval(gap[1:], level))
    label = f"chance of a failure in a year: {role}, less a single visit"
    numbers = {
        "exposure-difference": Number(float(gap[0]), *limits, "probability", int(table["people"][0]), label)
    }
    for name, row in (("failures-a-year", table.iloc[0]), ("failures-a-year-other", table.iloc[-1])):
        values = (float(row[part]) for part in ("failures", "low", "high"))
        numbers[name] = Number(
            *values, "failures", int(row["people"]), f"failures in a year of one {row['role']}"
        )
    most, least = numbers["failures-a-year"], numbers["failures-a-year-other"]
    finding = f"as {role} a person meets {most} failures a year, as {other} {least}."
    title = f"{capital(role)}: {number(most.value)} failures a year; {other}: {number(least.value)}"
    if most.low <= least.high and least.low <= most.high:
        finding = f"no difference was found: {finding}"
        title = f"No difference was found: about {number(most.value)} failures a year for each role"
    rates, often = ([number(v, u) for v in table[name].iloc[[0, -1]]]
                    for name, u in (("failure_rate", "share"), ("visits_a_year", "")))  # fmt: skip
    caution = f"For {role} and {other}, {rates[0]} and {rates[1]} of visits fail; "
    caution += f"visits a year are {often[0]} and {often[1]}."
    axes = {"label": "role", "value": "failures", "x_title": "failures a year"}
    return Result(
        finding, numbers, table, lambda: general.bars(table, title=title, **axes), [caution], visits
    )


def _exposures(people: np.ndarray, visits: Table) -> np.ndarray:
    """Return visits a year, failure rate, failures a year and chance of one; the sample, then resamples."""
    from scipy.special import betaln

    n, x = people[:, 2], people[:, 3]
    inside = np.divide(x * (n - x), n, out=np.zeros(len(n)), where=n > 0)
    columns = np.column_stack([people, inside, n > 0])
    years, came, rated, failed, within, seen = resampled_sums(columns, visits.bootstrap, visits.rng).T
    a_year, rate = came / years, failed / np.maximum(rated, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = 1 - within / (
            (rated - seen) * rate * (1 - rate)
        )  # intraclass correlation, Fleiss & Cuzick (1979)
        alike = np.nan_to_num(alike).clip(1e-6, 0.5)
        a, b = rate * (1 / alike - 1), (1 - rate) * (1 / alike - 1)
        chance = np.where(rate > 0, 1 - np.exp(betaln(a, b + a_year) - betaln(a, b)), 0.0)
    return np.array([a_year, rate, a_year * rate, chance])
