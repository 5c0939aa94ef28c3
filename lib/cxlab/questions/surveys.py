"""Does the answer travel? Other surveys, outcomes, segments, ways to sort the items."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.privacy import settled, suppress
from cxlab.data.sources import is_here, open_source, public
from cxlab.data.survey import SIDES, Survey
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.importance import (
    ROWS_AN_ITEM,
    estimate,
    htmt_ratio,
    rows_of,
    shares,
    split_matrices,
)
from cxlab.questions.result import Number, Result, question
from cxlab.questions.words import capital, count, number, spread
from cxlab.stats.resampling import correlations, intervals, pool

SHARE = "share of R2"


def sortings(survey: Survey, *, most: int = 4) -> dict[str, Survey]:
    """Return ways to sort the items of product and experience: as registered, as somebody defines it, item by
    item.

    Definitions by somebody (roles ``product_by_author`` and the like) only where the survey declares them;
    items to move are its ``disputed`` ones, else those that go with the other side at least as much as with
    their own.
    """
    survey = survey.only(*SIDES)
    found, asked = {"as registered": survey}, survey.items
    for role, items in survey.roles.items():
        own = [item for item in asked if item in items]
        rest = [item for item in asked if item not in own]
        if role.startswith("product_by_") and own and rest and set(own) != set(survey.blocks["product"]):
            who = role.removeprefix("product_by_").replace("_", " ")
            name = f"as {'the ' * (who == 'author')}{who} would sort them"
            found[name] = survey.with_(blocks={"product": own, "experience": rest})
    doubtful = [] if survey.categorical else survey.roles.get("disputed") or _doubtful(survey)
    for item in [item for item in doubtful if item in asked][:most]:
        other = "experience" if item in survey.blocks["product"] else "product"
        moved = survey.move(item, to=other)
        if len(moved.blocks) == 2:
            found[f"'{survey.label(item)}' counted as {other}"] = moved
    return found


def _doubtful(survey: Survey) -> list[str]:
    matrix = survey.frame[survey.items].astype(float).corr()
    doubt = {}
    for side, other in (SIDES, SIDES[::-1]):
        for item in survey.blocks[side]:
            own = [mate for mate in survey.blocks[side] if mate != item]
            if own:
                across = matrix.loc[item, survey.blocks[other]].mean()
                doubt[item] = float(across - matrix.loc[item, own].mean())
    return sorted((item for item, value in doubt.items() if value >= 0), key=lambda item: -doubt[item])


def _share(survey: Survey, label: str = "experience's share") -> tuple[Number, float]:
    """Return experience's share of the two sides' R2, and its variance over resamples."""
    ready, share, _ = shares(survey.only(*SIDES))
    draws = share[ready.sides.index("experience")]
    return estimate(draws, survey, SHARE, ready.n, label), float(np.nanvar(draws[1:]))


def sorting_range(survey: Survey) -> tuple[Number, Number]:
    """Return experience's share under the sorting that gives it least, and under that which gives it most."""
    rows, found = {name: _share(way)[0] for name, way in sortings(survey).items()}, []
    for end, pick in (("lowest", min), ("highest", max)):
        name = pick(rows, key=lambda name: rows[name].value)
        found.append(rows[name]._replace(label=f"experience's share at its {end}, items {name}"))
    return found[0], found[1]


@question("survey", *SIDES)
def sorted_otherwise(survey: Survey) -> Result:
    """Does the answer depend on who sorts the items? Experience's share under every sorting.

    Table: ``sorting share low high n``.
    """
    rows = {name: _share(way)[0] for name, way in sortings(survey).items()}
    table = pd.DataFrame([(name, *row[:3], row.n) for name, row in rows.items()],
                         columns=["sorting", "share", "low", "high", "n"])  # fmt: skip
    low, high = sorting_range(survey)
    numbers = {"share-experience-lowest-reading": low, "share-experience-highest-reading": high}
    reach = spread(low.value, high.value, "share")
    if len(rows) == 1:
        finding = "No item of this survey could as well stand on the other side."
    elif low.value < 0.5 < high.value:
        finding = f"Who sorts the items decides which side leads: experience's share runs from {reach}."
    else:
        finding = f"However the items are sorted, the same side leads: experience's share runs from {reach}."
    axes = {"x_title": "experience's share", "label": "sorting", "value": "share", "reference": 0.5}
    draw = lambda: general.dots(table, **axes, percent=True)  # noqa: E731
    return Result(finding, numbers, table, draw if len(rows) > 1 else None, [], survey)


def survey_by_survey(
    surveys: Sequence[str | Survey], *, bootstrap: int = 400, seed: int = 1, confidence_level: float = 0.95
) -> Result:
    """Do surveys agree? Experience's share in each, pooled by random effects, with the range over sortings.

    ``surveys`` are surveys or names of sources ("public": all that were fetched), each counted once; those
    that lack a side, or have too few answers, are left out and counted. Table: ``survey share low high lowest
    highest n outcome``; the last row is the pooled share, whose ``lowest highest`` say where a new survey of
    this kind would lie.
    """
    settings = {"bootstrap": bootstrap, "seed": seed, "confidence_level": confidence_level}
    fetched = [name for name, entry in public().items() if entry["table"] == "survey" and is_here(name)]
    public_too = any(isinstance(each, str) and each == "public" for each in surveys)
    asked = [each for each in surveys if not isinstance(each, str) or each != "public"]
    asked += fetched if public_too else []
    rows, variances, skipped, opened = {}, [], 0, {}
    for each in asked:
        try:
            one = open_source(each, table="survey", **settings) if isinstance(each, str) else each
        except (InputError, OSError):
            skipped += 1
            continue
        if not one.missing:
            opened.setdefault(one.name, one)
    made_up = all(one.simulated for one in opened.values())  # made-up surveys never stand beside real ones
    for one in opened.values():
        try:
            if (one.simulated and not made_up) or any(not one.blocks.get(side) for side in SIDES):
                raise NotEnough("made up, or a side is not asked")
            (found, variance), (low, high) = _share(one), sorting_range(one)
        except NotEnough:
            skipped += 1
            continue
        title = one.title or one.name or "own survey"
        rows[one.name] = (title, *found[:3], low.value, high.value, found.n, one.label(one.outcome))
        variances.append(max(variance, 1e-8))
    columns = ["survey", "share", "low", "high", "lowest", "highest", "n", "outcome"]
    table = pd.DataFrame(list(rows.values()), columns=columns)
    total = len(table)
    data = Table(frame=table, kind="survey", name=", ".join(rows), simulated=made_up and total > 0, seed=seed)
    if not total:
        needs = "Not answered here: this needs a survey with enough answers on product and experience."
        return Result(needs, data=data, missing=True, id="survey_by_survey")
    leads = int((table["share"] > 0.5).sum())
    turned = int(((table["lowest"] < 0.5) & (table["highest"] > 0.5)).sum())
    ahead, many = ("experience", leads) if leads * 2 >= total else ("product", total - leads)
    all_ = count(total, "survey")
    numbers = {
        name: Number(value, unit="surveys", n=total, label=f"of {all_}, {words}")
        for name, value, words in (
            ("surveys-with-experience-ahead", leads, "experience leads in"),
            ("surveys-that-turn", turned, "sorting turns the answer in"),
        )
    }
    n, words = int(table["n"].sum()), ""
    pooled = Number(*table.loc[0, ["share", "low", "high"]], SHARE, n)
    if total > 1:
        found, words = pool(table["share"], variances, confidence_level)[0], "pooled, "
        low, high, new_low, new_high = np.clip(found[1:5], 0, 1)
        pooled = Number(found.estimate, low, high, SHARE, n, "experience's share, all surveys pooled")
        numbers["share-experience-pooled"] = pooled
        numbers["share-experience-predicted"] = Number(found.estimate, new_low, new_high, SHARE, total,
                                                       "where a new survey would probably lie")  # fmt: skip
        table.loc[total] = ["all pooled", *pooled[:3], new_low, new_high, pooled.n, ""]
    finding = f"{ahead} has the larger share in {many} of {all_}; {words}experience has {pooled}."
    if pooled.low <= 0.5 <= pooled.high and many == total >= 5:
        finding = f"{finding[:-1]}, not yet for certain."
    elif pooled.low <= 0.5 <= pooled.high:
        finding = f"no clear leader was found in {all_}: experience has {pooled} of what both sides explain."
    cautions = []
    if turned:
        cautions = [f"In {turned} of {total} the answer turns when disputed items are sorted differently."]
    if skipped:
        left = (
            f"{capital(count(skipped, 'survey'))} left out: a side is missing, answers are few, or made up."
        )
        cautions.append(left)
    return Result(
        finding, numbers, table, lambda: _forest(table), cautions, data,
        id="survey_by_survey",
    )  # fmt: skip


def _forest(table: pd.DataFrame):
    """Draw each survey twice: with its interval, and with its range over ways to sort the items."""
    kinds = {
        "items as registered, with interval": ("low", "high"),
        "range over ways to sort the items": ("lowest", "highest"),
    }
    parts = [
        table.assign(low=table[low], high=table[high], kind=kind)[["survey", "share", "low", "high", "kind"]]
        for kind, (low, high) in kinds.items()
    ]
    parts[1] = parts[1][(parts[1]["low"] < parts[1]["high"]) & (parts[1]["survey"] != "all pooled")]
    words = {"x_title": "experience's share of what both sides explain"}
    marks = {"label": "survey", "value": "share", "group": "kind", "reference": 0.5, "percent": True}
    return general.dots(pd.concat(parts), **words, **marks)


@question("survey", *SIDES)
def outcome_by_outcome(survey: Survey) -> Result:
    """Is it one outcome or several? Experience's share of each outcome for the same respondents, and how
    alike the outcomes are.

    Table: index outcome, ``share low high`` and ``difference difference_low difference_high`` from the first.
    """
    names = [survey.outcome, *(name for name in survey.outcomes if name != survey.outcome)]
    base = survey.only(*SIDES)
    rows = rows_of(base, [*base.items, *names])
    k, n = len(base.items), len(rows.values)
    mine = list(base.blocks).index("experience")
    draws = [
        split_matrices(rows.covariances.part([*range(k), k + i]).matrices, base.groups())[0][mine]
        for i in range(len(names))
    ]
    words = [survey.label(name) for name in names]
    numbers = {
        f"share-experience-for-{name}".replace("_", "-"): estimate(
            one, survey, SHARE, n, f"experience's share of {word}"
        )
        for name, word, one in zip(names, words, draws, strict=True)
    } | _alike_outcomes(survey)
    values = np.array(draws)
    table = intervals(values, words, survey.confidence_level).rename(columns={"estimate": "share"})
    gap = intervals(values - values[0], words, survey.confidence_level)
    table[["difference", "difference_low", "difference_high"]] = gap.to_numpy()
    table = table.rename_axis("outcome")
    if len(names) == 1:
        return Result("This survey asks about one outcome only.", numbers, table, None, [], survey)
    differ = [row.Index for row in gap.itertuples() if row.low > 0 or row.high < 0]
    first = number(table["share"].iloc[0], "share")
    finding = f"no difference between outcomes was found: experience has {first} of {words[0]}."
    if differ:
        most = gap.loc[differ, "estimate"].abs().idxmax()
        other = number(table["share"][most], "share")
        finding = f"outcomes differ: experience has {first} of {words[0]} and {other} of {most}."
    axes = {"x_title": "experience's share", "value": "share", "reference": 0.5, "percent": True}
    return Result(finding, numbers, table, lambda: general.dots(table, **axes), [], survey)


@question("survey", *SIDES, needs="a survey with product, experience and a column that tells customers apart")
def by_segment(survey: Survey) -> Result:
    """Is the answer the same for every kind of customer? Shares by the first segment column, small segments
    pulled to the mean.

    Table: ``segment n share low high shrunk shrunk_low shrunk_high`` of experience.
    """
    column = next(iter(survey.segments), None)
    if column is None:
        return Result(
            "Not answered here: this needs a column that tells customers apart.", data=survey, missing=True
        )
    base = survey.only(*SIDES)
    base = base.with_(frame=settled(base.frame, min_cell=base.min_cell, within=column))
    least = max(ROWS_AN_ITEM * len(base.items), survey.min_cell)
    sizes = base.frame.groupby(column, sort=True).size().rename("n").reset_index()
    allowed, left_out = suppress(sizes, count="n", min_cell=survey.min_cell)
    found, generator = {side: [] for side in SIDES}, survey.rng
    for name in allowed[column]:
        part = base.frame[base.frame[column] == name]
        try:
            if part[[*base.items, base.outcome]].notna().all(axis=1).sum() < least:
                raise NotEnough("too few")
            ready, share, _ = shares(base.with_(frame=part, seed=generator))
        except NotEnough:
            left_out += 1
            continue
        for side in SIDES:
            draws = share[ready.sides.index(side)]
            row = estimate(draws, base, SHARE, ready.n, base.label(name))
            found[side].append((row.label, row.n, *row[:3], float(np.nanvar(draws[1:]))))
    columns = ["segment", "n", "share", "low", "high", "variance"]
    numbers = {}
    for side, rows in found.items():
        if len(rows) < 2:
            raise NotEnough(f"fewer than two segments have {least} complete answers")
        table = pd.DataFrame(rows, columns=columns)
        effect, pulled = pool(table["share"], table["variance"].clip(lower=1e-8), base.confidence_level)
        table[["shrunk", "shrunk_low", "shrunk_high"]] = pulled[["shrunk", "low", "high"]].to_numpy()
        lowest = table.sort_values("shrunk").iloc[0]
        numbers[f"segment-lowest-share-{side}"] = Number(
            *lowest[["shrunk", "shrunk_low", "shrunk_high"]], SHARE, int(table["n"].min()),
            f"{side}'s share in the segment where it is lowest",
        )  # fmt: skip
    taus = effect.tau, effect.tau_low, effect.tau_high
    label = "spread of experience's share between segments"
    numbers["segment-spread"] = Number(*taus, SHARE, int(table["n"].sum()), label)
    kinds = f"{len(table)} kinds of customers"
    finding = f"no difference between {kinds} was found beyond what chance would give."
    if effect.tau_low > 0:
        reach = spread(table["shrunk"].min(), table["shrunk"].max(), "share")
        finding = f"kinds of customers differ: experience's share runs from {reach} between {len(table)}."
    caution = [f"{capital(count(left_out, 'segment'))} left out: too few answers."] if left_out else []
    axes = {"x_title": "experience's share, small segments pulled to the mean", "label": "segment"}
    axes |= {"value": "shrunk", "low": "shrunk_low", "high": "shrunk_high", "reference": 0.5, "percent": True}
    return Result(
        finding, numbers, table.drop(columns="variance"), lambda: general.dots(table, **axes), caution,
        survey,
    )  # fmt: skip


def _alike_outcomes(survey: Survey) -> dict[str, Number]:
    apart: dict[str, list[str]] = {}
    for name, items in survey.outcomes.items():
        taken = {item for others in apart.values() for item in others}
        if len(items) > 1 and not taken & set(items) and set(items) <= set(survey.frame):
            apart[name] = list(items)
    if len(apart) < 2:
        return {}
    rows = rows_of(survey, [item for items in apart.values() for item in items])
    r, groups = np.abs(correlations(rows.covariances.matrices)), survey.with_(blocks=apart).groups()
    ratios = [htmt_ratio(r, a, b) for i, a in enumerate(groups) for b in groups[i + 1 :]]
    label = "overlap of the most similar outcomes (1 = one thing)"
    most = max(ratios, key=lambda ratio: ratio[0])
    return {"htmt-outcomes": estimate(most, survey, "ratio", len(rows.values), label)}
