"""Claim by claim: what do the recorded numbers, and every survey that we have, say of the debate?"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import data_folder
from cxlab.data.rules import Evidence, RuleSet, load_evidence, load_rules
from cxlab.data.sources import here, open_source, registry
from cxlab.data.table import Table
from cxlab.figures import general
from cxlab.questions import judging
from cxlab.questions.judging import OUTCOMES, judge, judge_survey  # noqa: F401
from cxlab.questions.result import Number, Result, capital, count, listed, number
from cxlab.stats.intervals import wilson

SUPPORTED, REFUTED, MIXED, UNDECIDED, UNTESTED = OUTCOMES
SURVEYS = ("ecsi-mobile", "abc-vendor", "corporate-reputation", "airline", "housing")
FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)
BUSINESS = (  # a claim, some outcomes of it, and what they mean for a business
    ("C4a", (SUPPORTED,),
     "A good product is not enough: how customers are treated adds something of its own."),
    ("C4a", (REFUTED,), "Where the product is right, better treatment adds little. Mend the product first."),
    ("C4a", (MIXED, UNDECIDED, UNTESTED),
     "Nobody has shown yet that treatment adds something beside the product. Try it in a few branches."),
    ("C1b", (SUPPORTED,), "A bad experience costs you customers even where the product is great."),
    ("C1c", (SUPPORTED,), "With an average product, a great experience still lifts what customers say."),
    ("C2e", (REFUTED,), "Product quality is no mere entry ticket: better than expected still pays."),
    ("C2c", (UNDECIDED,), "Which side counts more is not decided, so do not bet a budget on one survey."),
    ("S5-5", (UNDECIDED,),
     "Not decided either: do customers stay because leaving is hard? Ask before you call them loyal."),
    ("S5-5", (SUPPORTED,),
     "Customers who stay may be unable to leave. Ask how hard leaving is before you call them loyal."),
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """Everything that page 09 asks about: the rules, the recorded numbers and what each survey decides."""

    rules: RuleSet
    report: judging.Results
    surveys: dict[str, judging.Results]
    evidence: Evidence
    data: Table

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a claim or idea: its texts, its outcome, and one column a survey."""
        found = judging.combine(self.rules, self.report, self.surveys)
        claims = self.evidence.claims.set_index("claim_id")
        ideas = self.evidence.ideas.set_index("idea_id")
        texts = pd.concat([claims["paraphrase"], ideas["idea"]])
        topics = pd.concat([claims["topic"], ideas["article"]])
        needed = claims["data_needed"].reindex(found.index, fill_value="")
        return found.assign(text=texts, topic=topics, needed=needed)


def opened(
    results: str, *, source: str = "all", leave_out: str = "", bootstrap: int = 200, seed: int = 1
) -> Verdict:
    """Read the rules and the recorded numbers, and let every survey judge.

    ``results`` is the path of ``results.json``; where it is missing, every claim is not testable here.
    ``source`` "all" is every bundled survey and every public one that was fetched, else the name or mapping
    file of one survey, or empty for none. ``leave_out`` names surveys that shall not judge, with commas
    between them.
    """
    rules, report = load_rules(), judging.load_results(results)
    found = {}
    asked = [name for name, entry in registry(public=True).items() if entry["table"] in judging.QUESTIONS]
    known = [*SURVEYS, *(name for name in ("lecture-ratings", *asked) if here(name))]
    left = [name.strip() for name in leave_out.split(",") if name.strip()]
    if unknown := [name for name in left if name not in known]:
        raise InputError(f"leave_out names {unknown[0]!r}; what judges is {', '.join(known)}")
    every = source == "all"
    for name in (known if report else []) if every else [source] if source else []:
        if name in left:
            continue
        try:
            survey = open_source(name, table="" if every else "survey", bootstrap=bootstrap, seed=seed)
        except (InputError, OutOfReach):
            if not every:
                raise
            continue
        found[survey.title or survey.name] = judging.survey_results(survey, rules)
    own = next((e["source"] for page in report.values() for e in page.values() if e.get("source")), "")
    table = Table(frame=pd.DataFrame(), kind="verdict", name="all surveys" if every else own)
    return Verdict(rules, report, found, load_evidence(), table)


def outcomes(verdict: Verdict) -> Result:
    """What is supported, refuted, mixed, undecided, untestable? Counts by topic; verdicts are recorded."""
    table, rules = verdict.table, verdict.rules
    counts, n = table["outcome"].value_counts().reindex(list(OUTCOMES), fill_value=0), len(table)
    numbers = {
        name.replace(" ", "-"): Number(int(counts[name]), unit="claims", n=n, label=f"{name}, of {n}")
        for name in OUTCOMES
    }
    for claim, row in table.iterrows():
        numbers[str(claim)] = Number(row["outcome"], unit="verdict", label=_short(row["text"]))
    total = int(counts[:3].sum())
    rest = "cannot be tested on these data" if counts[UNTESTED] * 2 >= n - total else "stay undecided"
    finding = f"{total or 'None'} of {n} claims and ideas {'is' if total < 2 else 'are'} decided; "
    finding += f"most{' of the others' * bool(total)} {rest}."
    wide = pd.crosstab(table["topic"], table["outcome"])
    wide = wide.reindex(index=table["topic"].unique(), columns=list(OUTCOMES), fill_value=0).rename(capital)
    lone = table.loc[table["outcome"].isin(OUTCOMES[:2]), "reason"].str.extract(r" by ([^;]+)")[0]
    by_one = lone.value_counts()
    caution = "No decision rests on one survey alone."
    if len(by_one) and " and " not in by_one.index[0]:
        many = count(int(by_one.iloc[0]), "decision rests", "decisions rest")
        caution = f"{many} on one survey alone: {by_one.index[0]}."
    frozen = f"Rules of version {rules.version}, frozen {rules.frozen}: they were written down before this "
    frozen += "report, but outcomes of earlier versions had been seen."
    return Result(
        finding, numbers, wide.rename_axis("topic"),
        lambda: general.bars(wide, x_title="claims and ideas", value=list(OUTCOMES), stacked=True),
        [caution, frozen], verdict.data,
    )  # fmt: skip


def tested(verdict: Verdict) -> Result:
    """Which claims could be tested, and what came out? Every rule's own sentence stands before the claim's.

    Table: ``outcome what was tested the claim why``.
    """
    table = verdict.table[verdict.table["outcome"] != UNTESTED]
    table = table.sort_values("outcome", key=lambda column: column.map(OUTCOMES.index), kind="stable")
    shown = pd.DataFrame({
        "outcome": table["outcome"], "what was tested": table["reads"],
        "the claim": table["text"] + " (" + table.index + ")", "why": table["reason"],
    }).reset_index(drop=True)  # fmt: skip
    decided, cautions = table[table["outcome"].isin(OUTCOMES[:2])], []
    finding = "No claim was decided: every interval reaches across its threshold."
    if len(table) and table["outcome"].iloc[0] in OUTCOMES[:3]:
        finding = f"{capital(table['outcome'].iloc[0])}: {table['reads'].iloc[0]}"
    if both := int((decided["outcome"] == decided["opposite"]).sum()):
        cautions.append(f"{count(both, 'decision')} would be the same with product and experience exchanged, "
                        "so they are no point for one side.")  # fmt: skip
    if len(decided):
        earned = int((decided["status"] == "confirmatory").sum())
        cautions.append(f"{earned or 'None'} of {count(len(decided), 'decision')} confirmatory: that takes a "
                        "plan that was registered before the data were opened.")  # fmt: skip
    return Result(finding, {}, shown, None, cautions, verdict.data, open=True)


def survey_by_survey(verdict: Verdict) -> Result:
    """What does each survey say of each claim that it can test? Table: claim x survey, in words."""
    titles, table = list(verdict.surveys), verdict.table
    some = table[table[titles].ne(UNTESTED).any(axis=1)]
    if some.empty:
        needs = "Not answered here: this needs a survey with product and experience."
        return Result(needs, data=verdict.data, missing=True)
    wide = some[titles].replace(UNTESTED, "")
    decided = wide.isin(OUTCOMES[:2]).any(axis=1)
    many, n = int(decided.sum()), len(wide)
    label = "claims that at least one survey"
    numbers = {
        "claims-tested-by-surveys": Number(n, unit="claims", label=f"{label} can test"),
        "claims-decided-by-a-survey": Number(many, unit="claims", label=f"{label} decides"),
    }
    clash = int((wide.eq(SUPPORTED).any(axis=1) & wide.eq(REFUTED).any(axis=1)).sum())
    who, they = ("at least one of ", "they") if len(titles) > 1 else ("", "it")
    finding = f"{who}{count(len(titles), 'survey')} decides {many or 'none'} of the {count(n, 'claim')} that "
    finding += f"{they} can test; surveys contradict each other on {count(clash, 'claim')}."
    words = wide[decided] if many else wide
    shown = words.replace({SUPPORTED: -1, REFUTED: 1, UNDECIDED: 0, "": None}).astype(float)
    shown.index = [_short(some.loc[claim, "reads"], 70) for claim in shown.index]
    shown.columns = [_short(title, 30) for title in titles]
    full = wide.set_axis([_short(reads, 120) for reads in some["reads"]]).rename_axis("claim")
    return Result(
        finding, numbers, full, lambda: general.heat(shown, middle=0, words=words.to_numpy().tolist()),
        ["A survey of one sitting never rises above 'one survey' as evidence, however it is analysed."],
        verdict.data,
    )  # fmt: skip


def flips(verdict: Verdict) -> Result:
    """What would flip a decision? The outcome when the smallest effect that matters is halved or doubled.

    Table: index what was tested, one column a multiple of the smallest effect of interest.
    """
    others = [verdict.rules.with_sesoi(factor) for factor in FACTORS]
    moved = [judging.combine(rules, verdict.report, verdict.surveys)["outcome"] for rules in others]
    moved = pd.concat(moved, axis=1, keys=FACTORS)
    decided = moved[moved[1.0].isin(OUTCOMES[:3])]
    firm, label = int((decided.nunique(axis=1) == 1).sum()), "decisions that keep throughout"
    numbers = {"decisions-that-keep": Number(firm, unit="claims", n=len(decided), label=label)}
    finding = "There is no decision that could flip."
    if len(decided):
        finding = f"{firm} of {count(len(decided), 'decision')} stay the same when the smallest effect that "
        finding += "matters is halved or doubled."
    reads = verdict.table["reads"]
    table = decided.set_axis([_short(reads[claim], 90) for claim in decided.index])
    table = table.rename_axis("what was tested")
    table.columns = [f"{number(factor)} times" for factor in table.columns]
    return Result(finding, numbers, table, None, [], verdict.data)


def data_needed(verdict: Verdict) -> Result:
    """Which data would decide most? Claims that cannot be tested, by the table that their rules read.

    Table: ``claim text data that would decide`` of the ten undecided claims with most links.
    """
    closed = verdict.table.index[verdict.table["outcome"] == UNTESTED]
    rows = verdict.evidence.coverage
    rows = rows[rows["table"].ne("") & rows["claim"].isin(closed)].drop_duplicates(["claim", "table"])
    counts = rows["table"].value_counts()
    if counts.empty:
        return Result("Every claim with a rule could be tested on these data.", data=verdict.data)
    bars = pd.DataFrame({"table": counts.index, "estimate": counts.to_numpy()})
    numbers = {
        f"claims-needing-{name}": Number(int(n), unit="claims", label=f"claims that need a table of {name}")
        for name, n in counts.items()
    }
    top, most = counts.index[0], count(int(counts.iloc[0]), "claim")
    links = verdict.evidence.links
    ends = pd.concat([links["to_claim"], links["from_claim"]]).value_counts()
    undecided = verdict.table[verdict.table["outcome"] == UNDECIDED]
    hang = ends.reindex(undecided.index, fill_value=0).sort_values(ascending=False, kind="stable")
    undecided = undecided.loc[hang.index[:10]]
    other = "the same customers asked twice, or firms that differ in one side only"
    columns = {"claim": undecided.index, "text": undecided["text"],
               "data that would decide": undecided["needed"].replace("", other)}  # fmt: skip
    return Result(
        f"Your own table of {top} would open most: {most}.", numbers,
        pd.DataFrame(columns).reset_index(drop=True),
        lambda: general.bars(bars, x_title="claims that it would open", label="table"),
        ["The table names the undecided claims that most others hang on, and what would decide each."],
        verdict.data, open=True,
    )  # fmt: skip


def error_rates(verdict: Verdict, path: str | Path | None = None) -> Result:
    """How often are the rules wrong where the truth is known? From the committed table of simulated worlds.

    Table: ``world n claim supported refuted wrong runs rules``, where ``rules`` is the hash of the claim's
    rules: a table made for other ones is refused.
    """
    path, rules = Path(path or data_folder() / "evidence" / "error_rates.csv"), verdict.rules
    if not path.is_file():
        raise InputError(f"{path.name} is missing; run make bench to make it")
    table = pd.read_csv(path, dtype={"rules": str})
    if (table["rules"] != table["claim"].map(rules.stamps)).any():
        raise InputError(f"{path.name} was made for other rules; run make bench to make it anew")
    worst = table.sort_values("wrong", kind="stable").iloc[-1]
    runs, wide = int(worst["runs"]), table.groupby(["world", "n"])["wrong"].max()
    limits = map(float, wilson(round(worst["wrong"] * runs), runs))
    rate = Number(worst["wrong"], *limits, "rate", runs, "highest rate of wrong decisions")
    tried = Number(len(wide), unit="worlds", label="made-up worlds and sizes tried")
    finding = f"In {tried.value} made-up worlds whose truth is known, no rule decides wrongly more often "
    finding += f"than in {rate} of {table['runs'].min():,} runs{' or more' * (table['runs'].nunique() > 1)}."
    wide = wide.unstack()
    wide.columns = [f"{column:,} people" for column in wide.columns]
    asked = {rule.claim for rule in rules.rules if rules.tables(rule) == ["survey"]}
    cautions = ["Worlds in which a liking colours one side much more than the other are not among them."]
    if left := sorted(asked - set(table["claim"])):
        cautions.append(f"Not tried, since no made-up survey has their waves or rows: {listed(left)}.")
    numbers = {"worst-error-rate": rate, "worlds-tried": tried}
    return Result(finding, numbers, table, lambda: general.heat(wide, percent=True), cautions, verdict.data)


def untested(verdict: Verdict) -> Result:
    """Which claims cannot be tested here, and what would each need? Table: ``claim text needs``."""
    table = verdict.table[verdict.table["outcome"] == UNTESTED].rename_axis("claim").reset_index()
    rows = table[["claim", "text", "reason"]].rename(columns={"reason": "needs"})
    finding = f"{count(len(rows), 'claim')} cannot be tested here; most need data that firms rarely publish."
    return Result(finding, {}, rows, None, [], verdict.data)


def business(verdict: Verdict) -> Result:
    """What does this mean if you run a business? Sentences that the verdicts allow: ``sentence evidence``."""
    table = verdict.table
    rows = [
        (sentence, table.loc[claim, "reason"])
        for claim, allowed, sentence in BUSINESS
        if table.loc[claim, "outcome"] in allowed
    ]
    closed = int((table["outcome"] == UNTESTED).sum())
    rows.append((f"Most of the debate ({closed} of {len(table)} claims) cannot be tested on published data. "
                 "Your own data can.", ""))  # fmt: skip
    shown = pd.DataFrame(rows[:5], columns=["sentence", "evidence"])
    words = " ".join(shown["sentence"][:2])
    return Result(words, {}, shown, None, [], verdict.data, open=True, id="business")


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + "…"
