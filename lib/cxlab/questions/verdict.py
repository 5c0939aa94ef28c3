"""Claim by claim: what do the recorded numbers, and every survey that we have, say of the debate?"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from cxlab.data.claims import Evidence, load_evidence
from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import data_folder
from cxlab.data.rules import RuleSet, load_rules
from cxlab.data.sources import open_source
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions.business import business, named
from cxlab.questions.judging import (
    MIXED,
    OUTCOMES,
    REFUTED,
    SUPPORTED,
    UNDECIDED,
    UNTESTED,
    Results,
    combine,
    judge,
    judge_survey,
    load_results,
    survey_results,
    sweep,
)
from cxlab.questions.result import Number, Result
from cxlab.questions.words import capital, count, number
from cxlab.stats.intervals import wilson

__all__ = [
    "Verdict", "business", "data_needed", "error_rates", "flips", "judge", "judge_survey", "load_results",
    "load_rules", "opened", "outcomes", "survey_by_survey", "tested", "untested",
]  # fmt: skip

SURVEYS = ("ecsi-mobile", "abc-vendor", "corporate-reputation", "airline", "housing")
FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Verdict:
    """Everything that page 09 asks about: the rules, the recorded numbers and what each survey decides."""

    rules: RuleSet
    report: Results
    surveys: dict[str, Results]
    skipped: int
    evidence: Evidence
    data: Table

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a claim or idea: its texts, its outcome, and one column a survey."""
        found = combine(self.rules, self.report, self.surveys)
        claims = self.evidence.claims.set_index("claim_id")
        ideas = self.evidence.ideas.set_index("idea_id")
        texts = claims["paraphrase"].to_dict() | ideas["idea"].to_dict()
        topics = claims["topic"].to_dict() | ideas["article"].to_dict()
        found.insert(0, "text", [texts[claim] for claim in found.index])
        found.insert(1, "topic", [topics[claim] for claim in found.index])
        needed = claims["data_needed"].to_dict()
        found["needed"] = [needed.get(claim, "") for claim in found.index]
        return found


def opened(
    results: str,
    *,
    source: str = "all",
    bootstrap: int = 200,
    seed: int = 1,
    surveys: Sequence[str] = SURVEYS,
) -> Verdict:
    """Read the rules and the recorded numbers, and let every survey judge.

    Parameters
    ----------
    results : str
        Path of ``results.json``; where it is missing, every claim is not testable here.
    source : str
        "all": every bundled survey; the name or mapping file of one survey: that one; empty: none.
    """
    rules, report = load_rules(), load_results(results)
    found, skipped = {}, 0
    wanted = surveys if source == "all" and report else [source] if source not in ("", "all") else []
    for name in wanted:
        try:
            survey = open_source(name, table="survey", bootstrap=bootstrap, seed=seed)
        except (InputError, OutOfReach):
            if source != "all":
                raise
            skipped += 1
            continue
        found[survey.title or survey.name] = survey_results(survey, rules)
    own = next((e for page in report.values() for e in page.values() if e.get("source")), {})
    table = Table(
        frame=pd.DataFrame(),
        kind="verdict",
        name=str(own.get("source", "")) if source != "all" else "all surveys",
    )
    return Verdict(rules, report, found, skipped, load_evidence(), table)


@named
def outcomes(verdict: Verdict) -> Result:
    """What is supported, refuted, mixed, undecided, untestable?

    Counts by topic; every verdict is recorded.
    """
    table = verdict.table
    counts = table["outcome"].value_counts()
    numbers = {
        name.replace(" ", "-"): Number(
            int(counts.get(name, 0)), unit="claims", n=len(table), label=f"{name}, of {len(table)}"
        )
        for name in OUTCOMES
    }
    for claim, row in table.iterrows():
        numbers[str(claim)] = Number(row["outcome"], unit="verdict", label=_short(row["text"]))
    total = int(sum(counts.get(name, 0) for name in OUTCOMES[:3]))
    rest = "most of the others cannot be tested on these data"
    if counts.get(UNTESTED, 0) * 2 < len(table) - total:
        rest = "most of the others stay undecided"
    finding = (
        f"{total or 'None'} of {len(table)} claims and ideas {'is' if total < 2 else 'are'} decided; {rest}."
    )
    title = (
        f"{total} of {len(table)} claims are decided" if total else f"None of {len(table)} claims is decided"
    )
    wide = pd.crosstab(table["topic"], table["outcome"]).reindex(columns=list(OUTCOMES), fill_value=0)
    wide = wide.loc[table["topic"].unique()]
    wide.index = [capital(topic) for topic in wide.index]
    lone = table[table["outcome"].isin(OUTCOMES[:2]) & table["reason"].str.contains(" by ")]
    by_one = lone["reason"].str.extract(r" by ([^;]+)")[0].value_counts()
    alone = len(by_one) and " and " not in by_one.index[0]
    cautions = [
        f"{count(int(by_one.iloc[0]), 'decision')} rest on one survey alone: {by_one.index[0]}."
        if alone
        else "No decision rests on one survey alone.",
        f"Rules of version {verdict.rules.version}, frozen {verdict.rules.frozen}: "
        "they were written down before this report, "
        "but outcomes of earlier versions had been seen.",
    ]
    return Result(
        finding,
        numbers,
        wide.rename_axis("topic"),
        lambda: general.bars(
            wide, title=title, x_title="claims and ideas", value=list(OUTCOMES), stacked=True
        ),
        cautions,
        verdict.data,
    )


@named
def tested(verdict: Verdict) -> Result:
    """Which claims could be tested, and what came out? Every rule's own sentence stands before the claim's.

    Table: ``outcome what was tested the claim why``.
    """
    table = verdict.table[verdict.table["outcome"] != UNTESTED]
    order = {name: place for place, name in enumerate(OUTCOMES)}
    table = table.sort_values("outcome", key=lambda column: column.map(order), kind="stable")
    shown = pd.DataFrame(
        {
            "outcome": table["outcome"].to_list(),
            "what was tested": table["reads"].to_list(),
            "the claim": [f"{text} ({claim})" for claim, text in table["text"].items()],
            "why": table["reason"].to_list(),
        }
    )
    good = table[table["outcome"].isin((SUPPORTED, REFUTED, MIXED))]
    if len(good):
        first = good.iloc[0]
        finding = f"{first['outcome'].capitalize()}: {first['reads']}"
    else:
        finding = "No claim was decided: every interval reaches across its threshold."
    both = table[(table["outcome"] == table["opposite"]) & table["outcome"].isin(OUTCOMES[:2])]
    cautions = []
    if len(both):
        cautions.append(
            f"{count(len(both), 'decision')} would be the same with product and experience exchanged, "
            "so they are no point for "
            "one side."
        )
    return Result(finding, {}, shown, None, cautions, verdict.data, open=True)


@named
def survey_by_survey(verdict: Verdict) -> Result:
    """What does each survey say of each claim that it can test? Table: claim x survey, in words."""
    titles = list(verdict.surveys)
    table = verdict.table
    some = table[table[titles].ne(UNTESTED).any(axis=1)] if titles else table.iloc[:0]
    if some.empty:
        return Result(
            "Not answered here: this needs a survey with product and experience.",
            data=verdict.data,
            missing=True,
        )
    wide = some[titles].replace(UNTESTED, "")
    decided = wide.isin(OUTCOMES[:2]).any(axis=1)
    numbers = {
        "claims-tested-by-surveys": Number(
            len(wide), unit="claims", label="claims that at least one survey can test"
        ),
        "claims-decided-by-a-survey": Number(
            int(decided.sum()), unit="claims", label="claims that at least one survey decides"
        ),
    }
    clash = wide.apply(lambda row: {SUPPORTED, REFUTED} <= set(row), axis=1)
    finding = (
        f"{count(len(titles), 'survey')} can test {count(len(wide), 'claim')}; "
        f"at least one decides {int(decided.sum())} of them, "
        f"and they contradict each other on {count(int(clash.sum()), 'claim')}."
    )
    title = f"{int(decided.sum())} of {len(wide)} claims are decided by at least one survey"
    scores = wide.replace({SUPPORTED: -1, REFUTED: 1, UNDECIDED: 0, MIXED: 0, "": None}).astype(float)
    shown = scores[decided] if decided.any() else scores
    words = wide.loc[shown.index]
    labels = [_short(some.loc[claim, "reads"], 70) for claim in shown.index]
    full = wide.assign(claim=[_short(some.loc[claim, "reads"], 120) for claim in wide.index]).set_index(
        "claim"
    )
    return Result(
        finding,
        numbers,
        full,
        lambda: general.heat(
            shown.set_axis(labels).set_axis([_short(t, 30) for t in titles], axis=1), title=title, middle=0,
            words=words.to_numpy().tolist(),
        ),
        ["A survey of one sitting never rises above 'one survey' as evidence, however it is analysed."],
        verdict.data,
    )  # fmt: skip


@named
def flips(verdict: Verdict) -> Result:
    """What would flip a decision? The outcome when the smallest effect that matters is halved or doubled.

    Table: index claim, one column a multiple of the smallest effect of interest.
    """
    moved = sweep(verdict.rules, verdict.report, verdict.surveys, FACTORS)
    decided = moved[moved[1.0].isin(OUTCOMES[:3])]
    firm = decided[(decided.nunique(axis=1) == 1)]
    numbers = {
        "decisions-that-keep": Number(
            len(firm), unit="claims", n=len(decided), label="decisions that keep throughout"
        )
    }
    finding = (
        f"{len(firm)} of {count(len(decided), 'decision')} stay the same "
        "when the smallest effect that matters is halved or doubled."
        if len(decided)
        else "There is no decision that could flip."
    )
    texts = verdict.table["reads"]
    table = decided.set_axis([_short(texts[claim], 90) for claim in decided.index]).rename_axis(
        "what was tested"
    )
    table.columns = [f"{number(factor)} times" for factor in table.columns]
    return Result(finding, numbers, table, None, [], verdict.data)


def undecided(verdict: Verdict, most: int = 10) -> pd.DataFrame:
    """Return the undecided claims that most others hang on.

    ``claim text what was tested data that would decide``.
    """
    table = verdict.table[verdict.table["outcome"] == UNDECIDED].copy()
    links = verdict.evidence.links
    table["links"] = [
        int((links["to_claim"] == claim).sum() + (links["from_claim"] == claim).sum())
        for claim in table.index
    ]
    table = table.sort_values("links", ascending=False, kind="stable").head(most)
    decides = [
        "the same customers asked twice, or firms that differ in one side only"
        if not row["needed"]
        else row["needed"]
        for _, row in table.iterrows()
    ]
    columns = {
        "claim": table.index,
        "text": table["text"],
        "what was tested": table["reads"],
        "data that would decide": decides,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


@named
def data_needed(verdict: Verdict) -> Result:
    """Which data would decide most? Claims that cannot be tested, by the table that their rules read.

    Table: ``claim text what was tested data that would decide`` of the ten most linked undecided claims.
    """
    closed = verdict.table.index[verdict.table["outcome"] == UNTESTED]
    rows = verdict.evidence.coverage
    rows = rows[rows["table"].ne("") & rows["claim"].isin(closed)].drop_duplicates(["claim", "table"])
    counts = rows["table"].value_counts()
    table = pd.DataFrame({"table": counts.index, "estimate": counts.to_numpy()})
    numbers = {
        f"claims-needing-{row.table}": Number(
            int(row.estimate), unit="claims", label=f"claims that need a table of {row.table}"
        )
        for row in table.itertuples()
    }
    if table.empty:
        return Result("Every claim with a rule could be tested on these data.", data=verdict.data)
    top = table.iloc[0]
    finding = f"Your own table of {top['table']} would open most: {count(int(top['estimate']), 'claim')}."
    title = f"A table of {top['table']} would open {count(int(top['estimate']), 'claim')}"
    return Result(
        finding,
        numbers,
        undecided(verdict),
        lambda: general.bars(table, title=title, x_title="claims that it would open", label="table"),
        ["The table names the undecided claims that most others hang on, and what would decide each."],
        verdict.data,
        open=True,
    )


@named
def error_rates(verdict: Verdict, path: str | Path | None = None) -> Result:
    """How often are the rules wrong where the truth is known? From the committed table of simulated worlds.

    Table: ``world n claim supported refuted wrong runs``. A table made for other rules is refused.
    """
    path = Path(path) if path else data_folder() / "evidence" / "error_rates.csv"
    if not path.is_file():
        raise InputError(f"{path.name} is missing; run make bench to make it")
    with path.open(encoding="utf-8", newline="") as file:
        stamp = file.readline().strip().removeprefix("# rules ")
        rows = list(csv.DictReader(file))
    if stamp != verdict.rules.sha256:
        raise InputError(f"{path.name} was made for other rules; run make bench to make it anew")
    table = pd.DataFrame(rows).astype(
        {"n": int, "supported": float, "refuted": float, "wrong": float, "runs": int}
    )
    worst = table.sort_values("wrong", kind="stable").iloc[-1]
    low, high = wilson(round(worst["wrong"] * worst["runs"]), worst["runs"])
    numbers = {
        "worst-error-rate": Number(
            worst["wrong"],
            float(low),
            float(high),
            "rate",
            int(worst["runs"]),
            "highest rate of wrong decisions",
        ),
        "worlds-tried": Number(
            int(table.groupby(["world", "n"]).ngroups), unit="worlds", label="made-up worlds and sizes tried"
        ),
    }
    finding = (
        f"In {numbers['worlds-tried'].value} made-up worlds whose truth is known, "
        "no rule decides wrongly more often than in "
        f"{numbers['worst-error-rate']} of runs."
    )
    title = f"In made-up worlds, at most {number(worst['wrong'], 'rate')} of decisions are wrong"
    wide = table.groupby(["world", "n"])["wrong"].max().unstack()
    wide.columns = [f"{column:,} people" for column in wide.columns]
    return Result(
        finding,
        numbers,
        table,
        lambda: general.heat(wide, title=title, percent=True),
        ["Worlds in which a liking colours one side much more than the other are not among them."],
        verdict.data,
    )


@named
def untested(verdict: Verdict) -> Result:
    """Which claims cannot be tested here, and what would each need? Table: ``claim text needs``."""
    table = verdict.table[verdict.table["outcome"] == UNTESTED]
    rows = pd.DataFrame(
        {"claim": table.index, "text": table["text"].to_list(), "needs": table["reason"].to_list()}
    )
    finding = f"{count(len(rows), 'claim')} cannot be tested here; most need data that firms rarely publish."
    return Result(finding, {}, rows, None, [], verdict.data)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"
