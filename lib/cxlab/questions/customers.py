"""Your customers in numbers: how satisfied they are, who answered, by segment, over time, in their own words.

A measure is a score for each respondent whose mean is reported: 100, 0 or -100 for a net promoter score, 1 or
0 for one of the two best answers (top-2-box, CSAT), the answer itself for a mean (CES). Means are weighted
and their errors clustered where the survey says so.
"""

import re
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from cxlab.data.errors import NotEnough
from cxlab.data.privacy import settled, suppress
from cxlab.data.table import Survey
from cxlab.figures import general
from cxlab.questions.contacts import in_themes
from cxlab.questions.result import Number, Result, capital, count, is_share, number, question
from cxlab.stats.intervals import benjamini_hochberg, normal_quantile, wilson
from cxlab.stats.regression import t_quantile
from cxlab.stats.resampling import pool

_SATISFIED = re.compile(r"satisf|zufried|tevreden|satisfac", re.IGNORECASE)
_EFFORT = re.compile(r"effort|\bces\b|aufwand|esfuerzo", re.IGNORECASE)
_POWER = 0.84  # normal quantile of a power of 80 %
_MOST_LEVELS = 30  # a column with more values is no segment


class Measure(NamedTuple):
    """What is reported of an outcome: its record name, unit, words, and a score for each who answered."""

    name: str
    unit: str
    words: str
    scores: pd.Series
    ends: tuple[float, float] = (0, 1)


def measures(survey: Survey, outcome: str = "") -> list[Measure]:
    """Return the measures of an outcome (the survey's by default), the main one first.

    A whole number from 0 to 10 gives a net promoter score, unless it asks for satisfaction; a whole number on
    a scale of four or more points the share of the two best answers; yes or no the share of yes; all but yes
    or no also the mean, which comes first for an effort score and for an outcome of several items.
    """
    outcome = outcome or survey.outcome
    answers, label = survey.frame[outcome].dropna().astype(float), survey.label(outcome)
    if answers.nunique() < 2:
        raise NotEnough(f"fewer than two different answers to {label!r}")
    whole, low, high = bool((answers % 1 == 0).all()), float(answers.min()), float(answers.max())
    if whole and (low, high) == (0, 1):
        return [Measure("share-yes", "share of respondents", f"'yes' to {label}", answers)]
    own = {survey.ranges.get(item, survey.scale) for item in survey.outcomes.get(outcome, [outcome])}
    scale = own.pop() if len(own) == 1 else survey.scale
    if scale and scale[0] <= low and high <= scale[1]:
        low, high = map(float, scale)
    elif whole and low >= 0 and 7 < high <= 10:
        low, high = 0.0, 10.0
    mean = Measure("mean", f"points, {low:g} to {high:g}", f"mean of {label}", answers, (low, high))
    named = f"{outcome} {label}"
    if whole and (low, high) == (0, 10) and not _SATISFIED.search(named):
        scores = 100.0 * ((answers >= 9).astype(float) - (answers <= 6))
        words = "net promoter score" if label == "nps" else f"net promoter score, {label}"
        return [Measure("nps", "points, -100 to 100", words, scores, (-100, 100)), mean]
    if not whole or high - low < 3:
        return [mean]
    words = f"one of the two best answers on {label}"
    top = Measure("top-2-box", "share of respondents", words, (answers >= high - 1).astype(float))
    return [mean, top] if _EFFORT.search(named) else [top, mean]


def estimate(survey: Survey, measure: Measure) -> Number:
    """Return the mean score with its interval: Wilson for shares, else Student's t."""
    mean, error, groups = _mean(survey, measure.scores)
    level, n = survey.confidence_level, len(measure.scores)
    if is_share(measure.unit):
        size = mean * (1 - mean) / error**2 if 0 < mean < 1 and error > 0 else n
        low, high = map(float, wilson(mean * size, size, level))
    else:
        half = t_quantile(level, groups - 1) * error
        low, high = max(mean - half, measure.ends[0]), min(mean + half, measure.ends[1])
    return Number(mean, low, high, measure.unit, n, measure.words)


def _weights(survey: Survey, rows: pd.Index) -> pd.Series:
    column = survey.frame[survey.weights].fillna(0) if survey.weights else pd.Series(1.0, survey.frame.index)
    return column[rows].astype(float)


def _mean(survey: Survey, score: pd.Series) -> tuple[float, float, int]:
    """Return the weighted mean, its error (linearised) and the number of clusters, or of respondents."""
    weight = _weights(survey, score.index)
    mean = float(weight @ score / weight.sum())
    away = weight * (score - mean)
    if survey.clusters:
        away = away.groupby(survey.frame.loc[score.index, survey.clusters].astype(str), dropna=False).sum()
    groups = len(away)
    if groups < 2:
        raise NotEnough("all answers come from one respondent or cluster")
    return mean, float(np.sqrt(groups / (groups - 1) * (away**2).sum()) / weight.sum()), groups


@question("survey")
def in_numbers(survey: Survey) -> Result:
    """How satisfied are your customers? Net promoter score, share of the two best answers, or mean.

    Table: ``answer respondents share`` (unweighted), best answer first; an outcome of several items in whole
    points.
    """
    if not survey.outcome:
        raise NotEnough("this survey names no outcome")
    answers, asked = survey.frame[survey.outcome].dropna().astype(float), len(survey.frame)
    own = measures(survey)
    numbers = {measure.name: estimate(survey, measure) for measure in own}
    main, one, n = own[0], numbers[own[0].name], len(answers)
    what = capital(survey.label(survey.outcome))
    words = f"respondents used, of {asked:,} asked"
    numbers["respondents-used"] = Number(n, unit="people", n=asked, label=words)
    finding = f"{what}: {one} gave one of the two best answers"
    if main.name == "nps":
        for name, chosen in (("promoters", answers >= 9), ("detractors", answers <= 6)):
            part = Measure(name, "share of respondents", name, chosen.astype(float))
            numbers[name] = estimate(survey, part)
        more = one.direction("more detractors than promoters", "more promoters than detractors")
        said = "the" if what == "Nps" else f"{what}: the"
        finding = f"{said} net promoter score is {one}, "
        finding += more or "no clear difference between promoters and detractors"
    elif main.name == "mean":
        low, high = (f"{end:g}" for end in main.ends)
        finding = f"{what} is {one} on average, on a scale from {low} to {high}"
    elif main.name == "share-yes":
        finding = f"{what}: {one} answered yes"
    for other in survey.outcomes:
        if other != survey.outcome and survey.frame[other].nunique() > 1:
            measure = measures(survey, other)[0]
            numbers[f"{measure.name}-{other.replace('_', '-')}"] = estimate(survey, measure)
    counts = answers.round().astype(int).value_counts().sort_index(ascending=False)
    table = counts.rename_axis("answer").reset_index(name="respondents").astype({"answer": str})
    table["share"] = table["respondents"] / n
    table, hidden = suppress(table, count="respondents", min_cell=survey.min_cell)
    axes = {"x_title": "share of answers", "label": "answer", "value": "share", "percent": True}
    draw = partial(general.bars, table, **axes)
    cautions = _not_shown(hidden, "answer")
    return Result(f"{finding}; {n:,} of {asked:,} answered.", numbers, table, draw, cautions, survey)


@question("survey")
def answered(survey: Survey) -> Result:
    """Who answered, and what was left out? Missing answers by item, and one answer given to all.

    Table: ``item missing share``, most missing first.
    """
    items = [item for item in dict.fromkeys([*survey.items, *survey.outcome_items]) if item in survey.frame]
    if not items:
        raise NotEnough("this survey names no items")
    frame, n = survey.frame[items], len(survey.frame)
    gaps = frame.isna().sum().sort_values(ascending=False, kind="stable")
    complete, unit, level = frame.dropna(), "share of respondents", survey.confidence_level
    everything = Number.share(len(complete), n, unit, "respondents who answered everything", level)
    numbers, cautions = {"complete-share": everything}, []
    if len(items) >= 5 and len(complete) >= 20 and not survey.categorical:
        alike, words = int((complete.nunique(axis=1) == 1).sum()), "gave one answer to all items"
        same = numbers["same-answer-share"] = Number.share(alike, len(complete), unit, words, level)
        if alike:
            cautions = [f"{number(same.value, 'share')} gave the same answer to all {len(items)} items."]
    finding = f"all {n:,} respondents answered all {len(items)} items."
    if gaps.iloc[0]:
        finding = f"{everything} of {n:,} respondents answered everything; most often left out: "
        finding += f"{survey.label(gaps.index[0])} ({number(gaps.iloc[0] / n, 'share')})."
    table = gaps.rename(survey.label).rename_axis("item").reset_index(name="missing")
    table = table.assign(share=table["missing"] / n)
    shown = table[table["missing"] > 0].head(15)
    draw = partial(general.bars, shown, x_title="missing", label="item", value="share", percent=True)
    return Result(finding, numbers, table, draw if len(shown) > 1 else None, cautions, survey)


@question("survey")
def by_segment(survey: Survey) -> Result:
    """Do groups of customers differ? Each group's measure, drawn towards the mean by what luck would do.

    Shrinkage by random effects, column by column (``pool``); each against the rest, Benjamini & Hochberg
    (1995) over all groups. Table: ``segment group n raw estimate low high adjusted differs``;
    ``estimate`` is drawn to the mean.
    """
    measure, parts, hidden = measures(survey)[0], [], 0
    for column in survey.segments:
        rows = settled(survey.frame, min_cell=survey.min_cell, within=column).index
        groups = survey.frame.loc[measure.scores.index.intersection(rows), column].dropna()
        if 2 <= groups.nunique() <= _MOST_LEVELS:
            part = _groups(survey, measure, column, groups)
            part, gone = suppress(part, count="n", min_cell=survey.min_cell)
            parts, hidden = [*parts, part], hidden + gone
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if not len(table):
        raise NotEnough("this survey names no groups of customers that are large enough to compare")
    overall, what = estimate(survey, measure), measure.words
    found, table["adjusted"] = benjamini_hochberg(table.pop("p"))
    table["differs"] = found & ((table["low"] > overall.value) | (table["high"] < overall.value))
    apart = table[table["differs"]]
    far = table.loc[(apart if len(apart) else table)["z"].abs().idxmax()]
    differ = Number(len(apart), unit="groups", n=len(table), label="groups that differ")
    farthest = Number(*far[["estimate", "low", "high"]], measure.unit, int(far.n), f"{what}: {far.group}")
    numbers = {"groups-that-differ": differ, "farthest-group": farthest}
    finding = f"no difference was found between {len(table)} groups; none stands apart from {overall} in all."
    if len(apart):
        verb = "stands" if len(apart) == 1 else "stand"
        finding = f"{len(apart)} of {len(table)} groups {verb} apart, most {far.group} with {farthest}, "
        finding += f"against {number(overall.value, measure.unit)} in all."
    shown = table.sort_values("z", ascending=False)
    shown = pd.concat([shown.head(10), shown.iloc[10:].tail(10)])
    axes = {"label": "group", "reference": overall.value, "percent": is_share(measure.unit)}
    draw, cautions = partial(general.dots, shown, x_title=what, **axes), _not_shown(hidden, "group")
    return Result(finding, numbers, table.drop(columns="z"), draw, cautions, survey)


def _not_shown(hidden: int, what: str) -> list[str]:
    return [f"{count(hidden, what)} not shown: too few people."] if hidden else []


def _groups(survey: Survey, measure: Measure, column: str, groups: pd.Series) -> pd.DataFrame:
    """Return the groups of a column with raw and shrunk measures, and how far each is from the rest."""
    score = measure.scores[groups.index]
    weight = _weights(survey, score.index)
    cells = pd.DataFrame({"w": weight, "ws": weight * score, "w2": weight**2, "n": 1})
    by = cells.groupby(groups, observed=True).sum()
    raw = by.ws / by.w
    size = by.w**2 / by.w2
    spread = max(float((weight * (score - groups.map(raw).astype(float)) ** 2).sum() / weight.sum()), 1e-12)
    if survey.clusters:  # how much they widen errors (Kish)
        mean, error, _ = _mean(survey, score)
        plain = float(np.average((score - mean) ** 2, weights=weight)) / size.sum()
        spread *= max(error**2 / plain, 1.0) if plain > 0 else 1.0
    rest = (by.ws.sum() - by.ws) / (by.w.sum() - by.w)
    z = (raw - rest) / np.sqrt(spread * (1 / size + 1 / (size.sum() - size)))
    shrunk = pool(raw, spread / size, survey.confidence_level)[1].set_index(raw.index)
    segment = survey.label(column)
    alone = len(survey.segments) == 1 and not raw.index.astype(str).str.fullmatch(r"[\d.]+").any()
    names = [survey.label(group) if alone else f"{segment}: {survey.label(group)}" for group in raw.index]
    table = pd.DataFrame({"segment": segment, "group": names, "n": by.n, "raw": raw}, index=raw.index)
    table["estimate"] = shrunk["shrunk"]
    table[["low", "high"]] = shrunk[["low", "high"]].clip(*measure.ends)
    return table.assign(z=z, p=2 * ndtr(-z.abs()))


@question("survey", needs="a survey with the day of each answer")
def over_time(survey: Survey) -> Result:
    """How did it move? The measure by period, and the smallest change that this sample can see.

    Periods are the shortest of days, weeks, months and quarters in which half of them hold 30 answers or
    more. Table: ``period estimate low high n``.
    """
    if not survey.date or survey.date not in survey.frame:
        raise NotEnough("this survey has no day of answer")
    measure = measures(survey)[0]
    days = pd.to_datetime(survey.frame.loc[measure.scores.index, survey.date], errors="coerce").dropna()
    if days.dt.tz is not None:
        days = days.dt.tz_localize(None)
    for length in ("D", "W", "M", "Q"):
        periods = days.dt.to_period(length)
        if periods.value_counts().median() >= 30:
            break
    rows, errors = [], []
    for period, part in periods.groupby(periods):
        score = measure.scores[part.index]
        givers = survey.frame.loc[score.index, survey.clusters].nunique() if survey.clusters else len(score)
        if len(score) >= survey.min_cell and givers >= 2:
            one = estimate(survey, measure._replace(scores=score))
            errors.append(_mean(survey, score)[1])
            rows.append((period.start_time.date().isoformat(), one.value, one.low, one.high, one.n))
    if len(rows) < 2:
        raise NotEnough(f"all answers fall into {count(len(rows), 'period')}; two are needed to see a change")
    table = pd.DataFrame(rows, columns=["period", "estimate", "low", "high", "n"])
    points, z = table["estimate"].to_numpy(), normal_quantile(survey.confidence_level)
    change = points[-1] - points[0]
    half, unit, words = z * np.hypot(errors[0], errors[-1]), measure.unit, measure.words
    smallest = (z + _POWER) * np.sqrt(2 * np.mean(np.square(errors)))
    label = "last period minus first"
    moved = Number(change, change - half, change + half, unit, int(table["n"].sum()), label)
    label = "smallest change that two periods can show"
    numbers = {"change": moved, "smallest-change": Number(smallest, unit=unit, label=label)}
    seen = f"changes of {number(smallest, unit)} or more can be seen here."
    finding = f"no change was found in {words}: {moved} from first to last period; {seen}"
    if verb := moved.direction("fell", "rose"):
        size = Number(abs(change), *sorted((abs(moved.low), abs(moved.high))), unit)
        finding = f"{words} {verb} by {size} from first to last period; {seen}"
    axes = {"x": "period", "y": "estimate", "x_title": "period from", "y_title": words}
    draw = partial(general.lines, table, **axes, percent=is_share(unit))
    caution = "A change can also come from others having answered."
    return Result(finding, numbers, table, draw, [caution], survey)


@question("survey", needs="a survey with an open question (the role text)")
def in_words(survey: Survey, *, themes: int = 8) -> Result:
    """What do they say in their own words? Texts sorted into themes; texts of real customers are never shown.

    Table: ``theme n share low high stability``.
    """
    texts = [column for column in survey.roles.get("text", []) if column in survey.frame]
    if not texts:
        raise NotEnough("this survey has no open question")
    return in_themes(survey.frame[texts[0]], survey, themes=themes)
