"""Does the answer travel? Other surveys, outcomes, segments, ways to sort the items."""

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError, NotEnough
from cxlab.data.privacy import settled, suppress
from cxlab.data.sources import here, open_source, registry
from cxlab.data.table import SIDES, Survey, Table
from cxlab.figures import general
from cxlab.questions.importance import ROWS_AN_ITEM, Sample, of_total, rows_of, sample
from cxlab.questions.result import Number, Result, capital, count, number, question, spread
from cxlab.stats.regression import shapley_r2
from cxlab.stats.resampling import intervals, pool

SHARE = "share of R2"
AXES = {"x_title": "experience's share", "value": "share", "reference": 0.5, "percent": True}


def sortings(survey: Survey, *, most: int = 4) -> dict[str, dict[str, list[str]]]:
    """Return ways to sort the items of product and experience into blocks: as registered, as somebody defines
    it, item by item.

    Definitions by somebody (roles ``product_by_author`` and the like) only where the survey declares them;
    items to move are its ``disputed`` ones, else those that go with the other side at least as much as with
    their own.
    """
    survey = survey.only(*SIDES)
    found = {"as registered": survey.blocks}
    for role, items in survey.roles.items():
        own = [item for item in survey.items if item in items]
        rest = [item for item in survey.items if item not in own]
        if role.startswith("product_by_") and own and rest and set(own) != set(survey.blocks["product"]):
            who = role.removeprefix("product_by_").replace("_", " ")
            name = f"as {'the ' * (who == 'author')}{who} would sort them"
            found[name] = {"product": own, "experience": rest}
    doubtful = [] if survey.categorical else survey.roles.get("disputed") or _doubtful(survey)
    for item in [item for item in doubtful if item in survey.items][:most]:
        other = "experience" if item in survey.blocks["product"] else "product"
        blocks = survey.move(item, to=other).blocks
        if len(blocks) == 2:
            found[f"'{survey.label(item)}' counted as {other}"] = blocks
    return found


def _doubtful(survey: Survey) -> list[str]:
    matrix, doubt = survey.frame[survey.items].astype(float).corr(), {}
    for side, other in (SIDES, SIDES[::-1]):
        for item in survey.blocks[side]:
            if own := [mate for mate in survey.blocks[side] if mate != item]:
                across = matrix.loc[item, survey.blocks[other]].mean()
                doubt[item] = float(across - matrix.loc[item, own].mean())
    return sorted((item for item, value in doubt.items() if value >= 0), key=lambda item: -doubt[item])


def by_sorting(ready: Sample) -> dict[str, Number]:
    """Return experience's share under every sorting of the items."""
    asked, found = ready.survey.items, {}
    for name, blocks in sortings(ready.survey).items():
        groups = [[asked.index(item) for item in blocks[side]] for side in SIDES]
        share = of_total(shapley_r2(ready.matrices, groups))[1]
        found[name] = ready.number(share, SHARE, f"items {name}")
    return found


def ends(rows: Mapping[str, Number]) -> dict[str, Number]:
    """Return experience's share under the sorting that gives it least, and under that which gives it most."""
    found = {}
    for end, pick in (("lowest", min), ("highest", max)):
        one = pick(rows.values(), key=lambda row: row.value)
        label = f"experience's share at its {end}, {one.label}"
        found[f"share-experience-{end}-reading"] = one._replace(label=label)
    return found


@question("survey", *SIDES)
def sorted_otherwise(survey: Survey) -> Result:
    """Does the answer depend on who sorts the items? Experience's share under every sorting.

    Table: ``sorting share low high n``.
    """
    rows = by_sorting(sample(survey.only(*SIDES)))
    table = pd.DataFrame([(name, *row[:3], row.n) for name, row in rows.items()],
                         columns=["sorting", "share", "low", "high", "n"])  # fmt: skip
    low, high = table["share"].min(), table["share"].max()
    leads = "However the items are sorted, the same side leads"
    leads = "Who sorts the items decides which side leads" if low < 0.5 < high else leads
    finding = f"{leads}: experience's share runs from {spread(low, high, 'share')}."
    if len(rows) == 1:
        finding = "No item of this survey could as well stand on the other side."
    draw = partial(general.dots, table, **AXES, label="sorting") if len(rows) > 1 else None
    return Result(finding, ends(rows), table, draw, [], survey)


def survey_by_survey(
    surveys: Sequence[str | Survey], *, bootstrap: int = 400, seed: int = 1, confidence_level: float = 0.95
) -> Result:
    """Do surveys agree? Experience's share in each, pooled by random effects, with the range over sortings.

    ``surveys`` are surveys or names of sources ("public": all that were fetched), each counted once; those
    that lack a side, or have too few answers, are left out and counted. Table: ``survey share low high lowest
    highest n outcome``; the last row is the pooled share.
    """
    settings = {"bootstrap": bootstrap, "seed": seed, "confidence_level": confidence_level}
    rows, variances, skipped, opened = {}, [], 0, {}
    fetched = [n for n, entry in registry(public=True).items() if entry["table"] == "survey" and here(n)]
    for asked in surveys:
        for each in fetched if asked == "public" else [asked]:
            try:
                one = open_source(each, table="survey", **settings) if isinstance(each, str) else each
            except (InputError, OSError):
                skipped += 1
                continue
            if not one.missing:
                opened.setdefault(one.name, one)
    made_up = all(one.simulated for one in opened.values())  # made-up surveys never stand beside real ones
    usable = [one.only(*SIDES) for one in opened.values() if made_up or not one.simulated]
    for own in [one for one in usable if len(one.blocks) == 2]:
        with contextlib.suppress(NotEnough):
            ready = sample(own)
            range_ = [row.value for row in ends(by_sorting(ready)).values()]
            share = ready.share[1]
            found = ready.number(share, SHARE, "")
            title = own.title or own.name or "own survey"
            rows[own.name] = (title, *found[:3], *range_, found.n, own.label(own.outcome))
            variances.append(max(float(np.nanvar(share[1:])), 1e-8))
    skipped += len(opened) - len(rows)
    columns = ["survey", "share", "low", "high", "lowest", "highest", "n", "outcome"]
    table, total = pd.DataFrame(list(rows.values()), columns=columns), len(rows)
    data = Table(frame=table, kind="survey", name=", ".join(rows), simulated=made_up and total > 0, seed=seed)
    if not total:
        needs = "Not answered here: this needs a survey with enough answers on product and experience."
        return Result(needs, data=data, missing=True, id="survey_by_survey")
    leads = int((table["share"] > 0.5).sum())
    turned = int(((table["lowest"] < 0.5) & (table["highest"] > 0.5)).sum())
    all_, n = count(total, "survey"), int(table["n"].sum())
    label = f"of {all_}, experience leads in", f"of {all_}, sorting turns the answer in"
    numbers = {
        "surveys-with-experience-ahead": Number(leads, unit="surveys", n=total, label=label[0]),
        "surveys-that-turn": Number(turned, unit="surveys", n=total, label=label[1]),
    }
    pooled, words = Number(*table.loc[0, ["share", "low", "high"]], SHARE, n), ""
    if total > 1:
        found, words = pool(table["share"], variances, confidence_level)[0], "pooled, "
        label = "experience's share, all surveys pooled"
        pooled = Number(found.estimate, *np.clip([found.low, found.high], 0, 1), SHARE, n, label)
        numbers["share-experience-pooled"] = pooled
        table.loc[total] = ["all pooled", *pooled[:3], np.nan, np.nan, n, ""]
    ahead, many = ("experience", leads) if leads * 2 >= total else ("product", total - leads)
    finding = f"{ahead} has the larger share in {many} of {all_}; {words}experience has {pooled}."
    if pooled.low <= 0.5 <= pooled.high:
        unclear = f"no clear leader was found in {all_}: experience has {pooled} of what both sides explain."
        finding = f"{finding[:-1]}, not yet for certain." if many == total >= 5 else unclear
    turns = f"In {turned} of {total} the answer turns when disputed items are sorted differently."
    left = f"{capital(count(skipped, 'survey'))} left out: a side is missing, answers are few, or made up."
    cautions = [turns] * bool(turned) + [left] * bool(skipped)
    # each survey twice: with its interval, and with its range over ways to sort the items
    ranges = table.assign(low=table["lowest"], high=table["highest"])[table["lowest"] < table["highest"]]
    kinds = {"items as registered, with interval": table, "range over ways to sort the items": ranges}
    shown = pd.concat(kinds, names=["kind"]).reset_index("kind")
    axes = AXES | {"x_title": "experience's share of what both sides explain"}
    draw = partial(general.dots, shown, **axes, label="survey", group="kind")
    return Result(finding, numbers, table, draw, cautions, data, id="survey_by_survey")


@question("survey", *SIDES)
def outcome_by_outcome(survey: Survey) -> Result:
    """Is it one outcome or several? Experience's share of each outcome for the same respondents.

    Table: index outcome, ``share low high`` and ``difference difference_low difference_high`` from the first.
    """
    base = survey.only(*SIDES)
    names = [survey.outcome, *(name for name in survey.outcomes if name not in (survey.outcome, *base.items))]
    words, k, level = [survey.label(name) for name in names], len(base.items), survey.confidence_level
    rows = rows_of(base, [*base.items, *names])
    columns = [[*range(k), k + i] for i in range(len(names))]
    raws = [shapley_r2(rows.matrices[:, at][:, :, at], base.groups()) for at in columns]
    values = np.array([of_total(raw)[1] for raw in raws])
    numbers = {}
    for name, word, draws in zip(names, words, values, strict=True):
        key = f"share-experience-for-{name}".replace("_", "-")
        numbers[key] = rows.number(draws, SHARE, f"experience's share of {word}")
    table = intervals(values, words, level, "share").rename_axis("outcome")
    gap = intervals(values - values[0], words, level)
    table[["difference", "difference_low", "difference_high"]] = gap.to_numpy()
    if len(names) == 1:
        return Result("This survey asks about one outcome only.", numbers, table, None, [], survey)
    differ = gap[(gap["low"] > 0) | (gap["high"] < 0)]["estimate"].abs()
    first = number(table["share"].iloc[0], "share")
    finding = f"no difference between outcomes was found: experience has {first} of {words[0]}."
    if len(differ):
        other = number(table["share"][differ.idxmax()], "share")
        finding = f"outcomes differ: experience has {first} of {words[0]} and {other} of {differ.idxmax()}."
    return Result(finding, numbers, table, partial(general.dots, table, **AXES), [], survey)


@question("survey", *SIDES, needs="a survey with product, experience and a column that tells customers apart")
def by_segment(survey: Survey) -> Result:
    """Is the answer the same for every kind of customer? Shares by the first segment column, small segments
    pulled to the mean.

    Table: ``segment n share low high shrunk shrunk_low shrunk_high`` of experience.
    """
    column = next(iter(survey.segments), None)
    if column is None:
        raise NotEnough("this needs a column that tells customers apart")
    base = survey.only(*SIDES)
    base = base.with_(frame=settled(base.frame, min_cell=base.min_cell, within=column))
    least = max(ROWS_AN_ITEM * len(base.items), survey.min_cell)
    sizes = base.frame.groupby(column, sort=True).size().rename("n").reset_index()
    allowed, left_out = suppress(sizes, count="n", min_cell=survey.min_cell)
    found, generator = [], survey.rng
    for name in allowed[column]:
        part = base.frame[base.frame[column] == name]
        with contextlib.suppress(NotEnough):
            if part[[*base.items, base.outcome]].notna().all(axis=1).sum() >= least:
                found.append((base.label(name), sample(base.with_(frame=part, seed=generator))))
    left_out += len(allowed) - len(found)
    if len(found) < 2:
        raise NotEnough(f"fewer than two segments have {least} complete answers")
    numbers = {}
    for at, side in enumerate(SIDES):
        rows = [(name, one.n, *one.number(one.share[at], SHARE, "")[:3]) for name, one in found]
        table = pd.DataFrame(rows, columns=["segment", "n", "share", "low", "high"])
        variances = [max(float(np.nanvar(one.share[at, 1:])), 1e-8) for _, one in found]
        effect, pulled = pool(table["share"], variances, base.confidence_level)
        table[["shrunk", "shrunk_low", "shrunk_high"]] = pulled[["shrunk", "low", "high"]].to_numpy()
        lowest = table.loc[table["shrunk"].idxmin(), ["shrunk", "shrunk_low", "shrunk_high"]]
        label = f"{side}'s share in the segment where it is lowest"
        numbers[f"segment-lowest-share-{side}"] = Number(*lowest, SHARE, int(table["n"].min()), label)
    label = "spread of experience's share between segments"
    numbers["segment-spread"] = Number(*effect[3:], SHARE, int(table["n"].sum()), label)
    k = len(table)
    finding = f"no difference between {k} kinds of customers was found beyond what chance would give."
    if effect.tau_low > 0:
        reach = spread(table["shrunk"].min(), table["shrunk"].max(), "share")
        finding = f"kinds of customers differ: experience's share runs from {reach} between {k}."
    caution = [f"{capital(count(left_out, 'segment'))} left out: too few answers."] if left_out else []
    axes = AXES | {"x_title": "experience's share, small segments pulled to the mean", "value": "shrunk"}
    draw = partial(general.dots, table, **axes, low="shrunk_low", high="shrunk_high", label="segment")
    return Result(finding, numbers, table, draw, caution, survey)
