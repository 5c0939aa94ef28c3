"""Rules and recorded numbers -> an outcome for every claim, in every survey that can test it, and one
combined outcome.

Outcomes are five: supported, refuted, mixed, undecided, not testable here. A rule decides on intervals.
Numbers from simulated data give no verdict. The combined outcome counts a survey's
decision only if it survives Benjamini & Hochberg (1995), two-sided, over everything that was tested:
supported when at least one survey supports and none refutes, refuted the other way round, mixed when at least
one does each, else undecided.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.rules import Atom, Comparison, Rule, RuleSet, load_rules
from cxlab.data.table import Survey, Table
from cxlab.questions import drivers, expectations, horizons, liking, outlets, surveys
from cxlab.questions.result import Result, count, listed, with_interval
from cxlab.stats.intervals import benjamini_hochberg

OUTCOMES = ("supported", "refuted", "mixed", "undecided", "not testable here")
SUPPORTED, REFUTED, MIXED, UNDECIDED, UNTESTED = OUTCOMES
FALSE_DISCOVERY = 0.05

# The questions whose numbers rules read, by the kind of table that they are asked about.
QUESTIONS: dict[str, tuple[Callable[[Any], Result], ...]] = {
    "survey": (
        drivers.split, drivers.overlap, liking.beyond_liking, surveys.by_segment, expectations.gap,
        expectations.kinks, expectations.forgiveness, horizons.hostages,
    ),
    "visits": (outlets.whose, outlets.league),
}  # fmt: skip
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


def load_results(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read ``results.json``; a missing file is an empty report, another kind of file is refused."""
    path = Path(path)
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        whole = all(isinstance(entry, dict) for page in content.values() for entry in page.values())
    except (OSError, ValueError, AttributeError):
        whole = False
    if not whole:
        raise InputError(f"{path.name} is no results.json: it must hold one object a notebook")
    return content


def survey_results(survey: Table, rules: RuleSet) -> dict[str, dict[str, Any]]:
    """Return the numbers of a survey that rules read: notebook -> record -> ``value low high``."""
    homes = {name: stem for (stem, name), record in rules.records.items() if record.table == survey.kind}
    found: dict[str, dict[str, Any]] = {}
    for ask in QUESTIONS[survey.kind]:
        for name, number in ask(survey).numbers.items():
            if name in homes:
                entry = {**number._asdict(), "simulated": survey.simulated, "source": survey.name}
                found.setdefault(homes[name], {}).setdefault(name, entry)
    return found


def judge(rules: RuleSet, results: Results | str | Path) -> pd.DataFrame:
    """Apply every rule to the recorded numbers of one report (or the path of its results.json) or survey.

    A claim with several rules is supported or refuted when all rules that could be applied say so, and
    undecided when they differ. Index ``claim``; ``outcome reason evidence reads numbers source``,
    ``opposite`` (the outcome with product and experience exchanged), ``p_value`` (two-sided), ``status`` (of
    a decision: confirmatory only for a registered study) and ``survives`` (the control of false discovery).
    """
    results = load_results(results) if isinstance(results, str | Path) else results
    rows = {}
    for claim in rules.claims():
        own = [rule for rule in rules.rules if rule.claim == claim]
        if not own:
            reason, evidence = rules.untested[claim]
            rows[claim] = {"outcome": UNTESTED, "reason": reason, "evidence": evidence}
            continue
        row = _together([_apply(rule, rules, results) for rule in own])
        if sided := [rule for rule in rules.mirrored.rules if rule.claim == claim and rule.side != "none"]:
            row["opposite"] = _together([_apply(rule, rules, results) for rule in sided])["outcome"]
        rows[claim] = row | {"reads": " ".join(rule.reads for rule in own)}
    text = ["outcome", "reason", "evidence", "reads", "numbers", "source", "opposite"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*text, "p_value"]).rename_axis("claim")
    table[text] = table[text].fillna("")
    decided = table["outcome"].isin(OUTCOMES[:2])
    earned = np.where(table["source"].isin(rules.registered), "confirmatory", "exploratory")
    return _controlled([table.assign(status=np.where(decided, earned, ""))])[0]


def _controlled(tables: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return tables of outcomes with ``survives``, the false-discovery rate controlled over all of them."""
    p_values = np.concatenate([table["p_value"].to_numpy(float) for table in tables])
    keeps = iter(benjamini_hochberg(p_values, FALSE_DISCOVERY)[0])
    return [
        table.assign(survives=[next(keeps) and said in OUTCOMES[:2] for said in table["outcome"]])
        for table in tables
    ]


def judge_survey(
    survey: Survey, *, bootstrap: int = 200, rng: int | np.random.Generator | None = None
) -> pd.DataFrame:
    """Return what one survey decides, claim by claim, without running a notebook; as ``judge``."""
    rules = load_rules()
    asked = survey.with_(bootstrap=bootstrap, seed=survey.seed if rng is None else rng)
    return judge(rules, survey_results(asked, rules))


def combine(rules: RuleSet, report: Results, of_surveys: Mapping[str, Results]) -> pd.DataFrame:
    """Judge every survey by itself, everything else by the report, and combine.

    ``report`` are the numbers of the pages, of which those about surveys are left to ``of_surveys``: title ->
    what ``survey_results`` returned. As ``judge``, and one column a survey with that survey's own outcome.
    """
    kinds = {key: record.table for key, record in rules.records.items()}
    others = {
        stem: {name: entry for name, entry in page.items() if kinds.get((stem, name)) != "survey"}
        for stem, page in report.items()
    }
    reads: dict[str, set] = {}
    for rule in rules.rules:
        reads.setdefault(rule.claim, set()).update((atom.notebook, atom.record) for atom in rule.atoms())
    tables = [judge(rules, others)]
    for own in of_surveys.values():
        mine = {(stem, name) for stem, page in own.items() for name in page}
        both = {stem: {**others.get(stem, {}), **own.get(stem, {})} for stem in {**others, **own}}
        tables.append(judge(rules, both).loc[[claim for claim, read in reads.items() if read & mine]])
    combined, *tables = _controlled(tables)
    each = dict(zip(of_surveys, tables, strict=True))
    for title, table in each.items():
        combined[title] = table["outcome"].reindex(combined.index, fill_value=UNTESTED)
    for claim in reads:
        rows = {title: table.loc[claim] for title, table in each.items() if claim in table.index}
        tested = {title: row for title, row in rows.items() if row["outcome"] != UNTESTED}
        if not tested:
            first = next(iter(rows.values()), combined.loc[claim])
            combined.loc[claim, "reason"] = first["reason"]
            continue
        kept = {title: row["outcome"] for title, row in tested.items() if row["survives"]}
        said = set(kept.values())
        first = tested[next(iter(kept or tested))]
        new = first[["evidence", "numbers", "source", "p_value", "opposite"]].to_dict() | {
            "outcome": MIXED if len(said) == 2 else said.pop() if said else UNDECIDED,
            "reason": _why(kept, tested), "survives": bool(kept), "status": first["status"] if kept else "",
        }  # fmt: skip
        combined.loc[claim, list(new)] = list(new.values())
    return combined


def _why(kept: Mapping[str, str], tested: Mapping[str, pd.Series]) -> str:
    if kept:
        words = dict.fromkeys(kept.values())
        said = [f"{word} by {listed(title for title in kept if kept[title] == word)}" for word in words]
        rest = len(tested) - len(kept)
        return "; ".join([*said, f"{rest} undecided"] if rest else said)
    lone = [title for title, row in tested.items() if row["outcome"] in OUTCOMES[:2]]
    if lone:
        return f"{listed(lone)} alone decided it, and that does not survive the control for many comparisons"
    return f"undecided in {'each of ' * (len(tested) > 1)}{count(len(tested), 'survey')} that can test it"


def _apply(rule: Rule, rules: RuleSet, results: Results) -> dict[str, Any]:
    """Return outcome, reason, evidence, numbers, source and p-value of one rule."""

    def look(atom: Atom) -> float | None:
        value = results.get(atom.notebook, {}).get(atom.record, {}).get(atom.part)
        known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if known else None

    keys = dict.fromkeys(atom[1:] for atom in rule.atoms())
    entries = {name: results[stem][name] for stem, name in keys if name in results.get(stem, {})}
    found = {
        "outcome": UNTESTED, "reason": "", "evidence": "", "p_value": math.nan,
        "numbers": "; ".join(_words(name, entry) for name, entry in entries.items()),
        "source": ", ".join(dict.fromkeys(e["source"] for e in entries.values() if e.get("source"))),
    }  # fmt: skip
    said = [condition.holds(look, rule.sesoi) for condition in (rule.supported_when, rule.refuted_when)]
    lacking = dict.fromkeys(atom[1:] for atom in rule.atoms() if look(atom) is None)
    if True not in said and lacking:
        needed = [rules.records[key] for key in lacking]
        what = f"needs {listed(record.what for record in needed[:2])} (table {needed[0].table})"
        return found | {"reason": what if results else "needs a report: run make report"}
    if any("simulated" not in entry for entry in entries.values()):
        return found | {"reason": "needs a report that says which numbers are simulated: make it again"}
    if any(entry["simulated"] for entry in entries.values()):
        tables = listed(rules.tables(rule))
        return found | {"reason": f"needs real data (table {tables}): these numbers are simulated"}
    outcome = SUPPORTED if said[0] else REFUTED if said[1] else UNDECIDED
    reason = "the interval reaches across the threshold" if outcome == UNDECIDED else ""
    return found | {
        "outcome": outcome, "reason": reason, "evidence": rule.evidence, "p_value": _p_value(rule, look)
    }  # fmt: skip


def _words(name: str, entry: Mapping[str, Any]) -> str:
    value, low, high = (entry.get(part) for part in ("value", "low", "high"))
    label = entry.get("label") or name.replace("-", " ")
    return f"{label}: {with_interval(value, low, high, entry.get('unit') or '')}"


def _together(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of several rules about a claim."""
    applied = [found for found in findings if found["outcome"] != UNTESTED]
    joined = {
        key: "; ".join(dict.fromkeys(found[key] for found in findings if found[key]))
        for key in ("numbers", "source", "reason")
    }
    if not applied:
        return findings[0] | joined
    if len({found["outcome"] for found in applied}) > 1:
        differ = {"outcome": UNDECIDED, "reason": "its rules differ", "p_value": math.nan}
        return applied[0] | joined | differ
    p_value = max(found["p_value"] for found in applied)
    return applied[0] | joined | {"reason": applied[0]["reason"], "p_value": p_value}


def _p_value(rule: Rule, look: Callable[[Atom], float | None]) -> float:
    """Return the two-sided p-value of a rule: the worst comparison of the best clause of its conditions."""
    clauses = rule.supported_when.clauses + rule.refuted_when.clauses
    best = min(max(_distance(comparison, look, rule.sesoi) for comparison in clause) for clause in clauses)
    return min(1.0, 2 * best)


def _distance(comparison: Comparison, look: Callable[[Atom], float | None], sesoi: float) -> float:
    """Return a one-sided p-value from the distance of an estimate to the threshold in standard errors."""
    estimate = comparison._replace(atom=comparison.atom._replace(part="value"))
    gap, end = estimate.gap(look, sesoi), comparison.gap(look, sesoi)
    if gap is None or end is None:
        return 1.0
    error = abs(gap - end) / NormalDist().inv_cdf(0.975)
    return 1 - NormalDist().cdf(gap / error) if error else float(gap <= 0)
