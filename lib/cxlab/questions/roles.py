"""How do roles change over the years, and who meets most failures (``cx.roles``)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import suppress
from cxlab.data.table import Table
from cxlab.data.visits import hear
from cxlab.figures import general
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, number, stated
from cxlab.stats.chains import removal_effect, transition_matrix  # noqa: F401 (called by these names, too)
from cxlab.stats.intervals import percentile_interval
from cxlab.stats.resampling import resampled_sums


@question("visits", "person", "role", "timestamp")
def changes(visits: Table) -> Result:
    """How do roles change from year to year (quarters where the visits span less than two years)?

    A person's role in a year is the one of most visits. Shares with intervals that take people as clusters
    (Anderson & Goodman 1957). Columns of the table: ``from to probability low high count n people``.
    """
    rows = hear(visits).sample.dropna(subset=["person", "role", "timestamp"])
    span = (rows["timestamp"].max() - rows["timestamp"].min()).days
    period, many = ("year", "Y") if span > 600 else ("quarter", "Q")
    rows = rows.assign(when=rows["timestamp"].dt.to_period(many).astype("int64"))
    main = rows.groupby(["person", "when", "role"]).size().rename("visits").reset_index()
    main = main.sort_values("visits", kind="stable").drop_duplicates(["person", "when"], keep="last")
    moves = transition_matrix(main, timestamp="when", confidence_level=visits.confidence_level)
    people = main["person"].nunique()
    if moves["count"].sum() < visits.min_cell or moves["from"].nunique() < 2:
        raise NotEnough(f"too few people with two roles or two {period}s were seen")
    kinds = rows.groupby("person")["role"].nunique()
    numbers = {
        "role-changers": Number.share(int((kinds > 1).sum()), len(kinds), "share of persons",
                                      "people seen in two or more roles", visits.confidence_level)
    }  # fmt: skip
    shown, _ = suppress(moves[moves["people"] > 0], count="people", min_cell=visits.min_cell, within=["from"])
    for side in ("from", "to"):
        shown = shown.assign(**{side: [visits.label(role) for role in shown[side]]})
    stay = shown[shown["from"] == shown["to"]].sort_values("probability")
    if not len(stay):
        raise NotEnough("too few people were seen twice in any role")
    least, most = stay.iloc[0], stay.iloc[-1]
    for name, row in (("stay-least", least), ("stay-most", most)):
        label = f"of those in the role {row['from']}, the same a {period} later"
        numbers[name] = Number(
            row["probability"], row["low"], row["high"], "share of moves", int(row["n"]), label
        )
    one, other = numbers["stay-least"], numbers["stay-most"]
    if one.value == 1:
        finding, title = (
            f"no change was found: everybody had the same role a {period} later.",
            "No change of role was found",
        )
    elif one.high >= other.low:
        finding = f"after a {period}, {one} still have the role {least['from']}; no difference between roles was found."
        title = f"No difference between roles was found: {number(one.value, 'share')} or more stay"
    else:
        finding = f"after a {period}, {other} of those in the role {most['from']} still have it, but only {one} in the role {least['from']}."
        title = f"A {period} later {number(other.value, 'share')} are still {most['from']}, {number(one.value, 'share')} still {least['from']}"
    wide = shown.pivot(index="from", columns="to", values="probability")
    order = [visits.label(role) for role in dict.fromkeys(moves["from"]) if visits.label(role) in wide.index]
    wide = wide.reindex(index=order, columns=[name for name in order if name in wide.columns])
    draw = lambda: general.heat(  # noqa: E731
        wide, title=title, x_title=f"role a {period} later", y_title="role now", percent=True
    )
    columns = ["from", "to", "probability", "low", "high", "count", "n", "people"]
    caution = f"Only people who came in two {period}s can be followed; {people:,} were seen in all."
    return Result(
        stated(finding, visits.simulated, "visits"), numbers, shown[columns], draw, [caution], visits
    )


@question("visits", "person", "role", "score")
def exposure(visits: Table) -> Result:
    """Why does who comes often meet more failures? Visits a year times the failure rate, by role.

    Visits a year are those of a year in which a person came in that role; a failure is a score in the lower
    quarter of the scale, and visits without a score are taken to fail as often. Intervals resample people.
    The chance of at least one failure in a year allows for people who meet them all the time (beta-binomial).
    Columns of the table: ``role people visits_a_year failure_rate failures low high chance``.
    """
    found = hear(visits)
    rows = found.sample.dropna(subset=["role"])
    first = rows["timestamp"].min()
    year = 0 if pd.isna(first) else (rows["timestamp"] - first).dt.days // 366
    by_year = rows.assign(year=year).groupby(["person", "role", "year"]).agg(
        visits=("outlet", "size"), rated=("failed", "count"), failed=("failed", "sum")
    ).reset_index()  # fmt: skip
    people = by_year.groupby(["role", "person"]).agg(
        years=("visits", "size"), visits=("visits", "sum"), rated=("rated", "sum"), failed=("failed", "sum")
    )
    rated = rows["failed"].dropna()
    if not len(rated) or rated.sum() == 0:
        raise NotEnough("no visit failed, so nobody is exposed to failures")
    lines, values = [], {}
    for role, part in people.groupby("role"):
        part = part.to_numpy(float)
        if (part[:, 2] > 0).sum() < 10:
            continue
        values[role] = _exposures(part, visits)
        lines.append(
            (
                role,
                len(part),
                *values[role][:3].T[0],
                *percentile_interval(values[role][2, 1:]),
                values[role][3, 0],
            )
        )
    table = pd.DataFrame(
        lines,
        columns=["role", "people", "visits_a_year", "failure_rate", "failures", "low", "high", "chance"],
    )
    table, _ = suppress(table, count="people", min_cell=visits.min_cell)
    table = table.sort_values("visits_a_year", ascending=False, ignore_index=True)
    if len(table) < 2:
        raise NotEnough("fewer than two roles have ten people with a score")
    top, last = table.iloc[0], table.iloc[-1]
    one = rated.mean()
    gap = values[top["role"]][3] - one
    limits = percentile_interval(gap[1:], visits.confidence_level)
    role, other = visits.label(top["role"]), visits.label(last["role"])
    numbers = {
        "exposure-difference": Number(float(gap[0]), *map(float, limits), "probability", int(top["people"]),
                                      f"chance of a failure in a year: {role}, less a single visit"),
        "failures-a-year": Number(top["failures"], top["low"], top["high"], "failures", int(top["people"]),
                                  f"failures that one {role} meets in a year"),
        "failures-a-year-other": Number(last["failures"], last["low"], last["high"], "failures", int(last["people"]),
                                        f"failures that one {other} meets in a year"),
    }  # fmt: skip
    most, least = numbers["failures-a-year"], numbers["failures-a-year-other"]
    worse = number(top["failure_rate"], "share"), number(last["failure_rate"], "share")
    if most.low <= least.high and least.low <= most.high:
        finding = f"no difference was found: the role {role} meets {most} failures a year, the role {other} {least}."
        title = f"No difference was found: about {number(most.value)} failures a year for each role"
    else:
        finding = f"the role {role} meets {most} failures a year, the role {other} {least}."
        title = f"{capital(role)}: {number(most.value)} failures a year; {other}: {number(least.value)}"
    cautions = [
        f"At one visit {worse[0]} fail for the role {role} and {worse[1]} for the role {other}; "
        f"the visits a year are {number(top['visits_a_year'])} and {number(last['visits_a_year'])}."
    ]
    shown = table.assign(role=[visits.label(name) for name in table["role"]])
    draw = lambda: general.bars(shown, title=title, label="role", value="failures", x_title="failures a year")  # noqa: E731
    return Result(stated(finding, visits.simulated, "visits"), numbers, shown, draw, cautions, visits)


def _exposures(part: np.ndarray, visits: Table) -> np.ndarray:
    """Return visits a year, failure rate, failures a year and chance of one.

    The sample first, then resamples.
    """
    from scipy.special import betaln

    n, x = part[:, 2], part[:, 3]
    inside = np.divide(x * (n - x), n, out=np.zeros(len(n)), where=n > 0)
    columns = np.column_stack([part, inside, n > 0])
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
