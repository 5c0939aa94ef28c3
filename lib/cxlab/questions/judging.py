"""Rules and recorded numbers -> an outcome for every claim, in every survey that can test it, and one
combined outcome.

Outcomes are five: supported, refuted, mixed, undecided, not testable here. A rule decides on intervals.
Numbers from simulated data give no verdict, only a rehearsal of one. The combined outcome counts a survey's
decision only if it survives Benjamini & Hochberg (1995), two-sided, over everything that was tested:
supported when at least one survey supports and none refutes, refuted the other way round, mixed when at least
one does each, else undecided.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.rules import Atom, Comparison, Condition, Rule, RuleSet, load_rules
from cxlab.data.survey import Survey
from cxlab.data.table import Table
from cxlab.questions import drivers, expectations, horizons, liking, outlets, surveys
from cxlab.questions.result import Result
from cxlab.questions.words import count, listed, with_interval
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
    except (OSError, ValueError) as fault:
        raise InputError(f"{path.name} is no results.json: {fault}") from fault
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
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
    undecided when they differ.

    Returns
    -------
    DataFrame
        Index ``claim``; ``outcome reason evidence reads numbers source rehearsal opposite p_value status
        survives``. ``rehearsal`` is what the rules would say of simulated data, ``opposite`` the outcome with
        the words product and experience exchanged, ``p_value`` two-sided; ``status`` of a decision is
        confirmatory only for a registered study; ``survives`` says whether it keeps its false-discovery rate.
    """
    results = load_results(results) if isinstance(results, str | Path) else results
    rows = {}
    for claim in rules.claims():
        own = [rule for rule in rules.rules if rule.claim == claim]
        if not own:
            reason, evidence = rules.untested[claim]
            rows[claim] = {"outcome": UNTESTED, "reason": reason, "evidence": evidence}
            continue
        row = _combine([_apply(rule, rules, results) for rule in own])
        if sided := [rules.mirrored[rule.id] for rule in own if rule.side != "none"]:
            row["opposite"] = _combine([_apply(rule, rules, results) for rule in sided])["outcome"]
        rows[claim] = row | {"reads": " ".join(rule.reads for rule in own)}
    text = ["outcome", "reason", "evidence", "reads", "numbers", "source", "rehearsal", "opposite"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*text, "p_value"]).rename_axis("claim")
    table[text] = table[text].fillna("")
    decided = table["outcome"].isin(OUTCOMES[:2])
    earned = np.where(table["source"].isin(rules.registered), "confirmatory", "exploratory")
    table["status"] = np.where(decided, earned, "")
    table["survives"] = _survives(table["p_value"].to_numpy(float)) & decided
    return table


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

    def of_survey(stem: str, name: str) -> bool:
        return (stem, name) in rules.records and rules.records[stem, name].table == "survey"

    others = {
        stem: {name: entry for name, entry in page.items() if not of_survey(stem, name)}
        for stem, page in report.items()
    }
    tables = [judge(rules, others), *(judge(rules, _merged(others, own)) for own in of_surveys.values())]
    survives = np.split(
        _survives(np.concatenate([table["p_value"].to_numpy(float) for table in tables])), len(tables)
    )
    tables = [table.assign(survives=kept) for table, kept in zip(tables, survives, strict=True)]
    combined = tables[0].copy()
    combined["survives"] &= combined["outcome"].isin(OUTCOMES[:2])
    each = dict(zip(of_surveys, tables[1:], strict=True))
    for title, table in each.items():
        combined[title] = table["outcome"]
    judged = {
        rules.records[stem, name].table for own in of_surveys.values() for stem in own for name in own[stem]
    }
    of_claim: dict[str, set[str]] = {}
    for rule in rules.rules:
        of_claim.setdefault(rule.claim, set()).update(rules.tables(rule))
    for claim in [claim for claim, tables in of_claim.items() if tables & judged]:
        rows = {title: table.loc[claim] for title, table in each.items()}
        tested = {title: row for title, row in rows.items() if row["outcome"] != UNTESTED}
        if not tested:
            columns = ["reason", "rehearsal"]
            combined.loc[claim, columns] = next(iter(rows.values()))[columns].to_numpy()
            continue
        kept = {
            title: row["outcome"]
            for title, row in tested.items()
            if row["outcome"] in OUTCOMES[:2] and row["survives"]
        }
        said = set(kept.values())
        outcome = MIXED if len(said) == 2 else said.pop() if said else UNDECIDED
        first = tested[next(iter(kept or tested))]
        columns = ["evidence", "numbers", "source", "p_value", "opposite"]
        combined.loc[claim, columns] = first[columns].to_numpy()
        columns = ["outcome", "reason", "survives", "status"]
        combined.loc[claim, columns] = [
            outcome, _why(kept, tested), bool(kept), first["status"] if kept else "",
        ]  # fmt: skip
    return combined


def _why(kept: Mapping[str, str], tested: Mapping[str, pd.Series]) -> str:
    if kept:
        parts = [
            f"{word} by {listed([t for t, o in kept.items() if o == word])}"
            for word in dict.fromkeys(kept.values())
        ]
        rest = len(tested) - len(kept)
        return f"{'; '.join(parts)}" + (f"; {rest} undecided" if rest else "")
    lone = [title for title, row in tested.items() if row["outcome"] in OUTCOMES[:2]]
    if lone:
        return f"{listed(lone)} alone decided it, and that does not survive the control for many comparisons"
    each = "each of " if len(tested) > 1 else ""
    return f"undecided in {each}{count(len(tested), 'survey')} that can test it"


def _merged(first: Results, second: Results) -> dict[str, dict[str, Any]]:
    return {stem: {**first.get(stem, {}), **second.get(stem, {})} for stem in {**first, **second}}


def _apply(rule: Rule, rules: RuleSet, results: Results) -> dict[str, Any]:
    """Return outcome, reason, evidence, numbers, source, rehearsal and p-value of one rule."""

    def look(atom: Atom) -> float | None:
        entry = results.get(atom.notebook, {}).get(atom.record)
        value = entry.get(atom.part) if isinstance(entry, Mapping) else None
        known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if known else None

    keys = dict.fromkeys((atom.notebook, atom.record) for atom in rule.atoms())
    entries = {key: results[key[0]][key[1]] for key in keys if key[1] in results.get(key[0], {})}
    numbers = "; ".join(_words(key[1], entry) for key, entry in entries.items())
    source = ", ".join(dict.fromkeys(e["source"] for e in entries.values() if e.get("source")))
    found = {"numbers": numbers, "source": source, "evidence": "", "rehearsal": "", "p_value": math.nan}
    supported, refuted = (c.holds(look, rule.sesoi) for c in (rule.supported_when, rule.refuted_when))
    if supported is not True and refuted is not True and (supported is None or refuted is None):
        lacking = [atom for atom in rule.atoms() if look(atom) is None]
        return found | {"outcome": UNTESTED, "reason": _lack(lacking, rules, results)}
    outcome = SUPPORTED if supported is True else REFUTED if refuted is True else UNDECIDED
    if any("simulated" not in entry for entry in entries.values()):
        reason = "needs a report that says which numbers are simulated: make it again"
        return found | {"outcome": UNTESTED, "reason": reason}
    if any(entry["simulated"] for entry in entries.values()):
        reason = f"needs real data (table {listed(rules.tables(rule))}): these numbers are simulated"
        return found | {"outcome": UNTESTED, "rehearsal": outcome, "reason": reason}
    reason = "the interval reaches across the threshold" if outcome == UNDECIDED else ""
    one_sided = min(_p_value(c, look, rule.sesoi) for c in (rule.supported_when, rule.refuted_when))
    p_value = min(1.0, 2 * one_sided)
    return found | {"outcome": outcome, "reason": reason, "evidence": rule.evidence, "p_value": p_value}


def _lack(atoms: Iterable[Atom], rules: RuleSet, results: Results) -> str:
    if not results:
        return "needs a report: run make report"
    needed = list(dict.fromkeys(rules.records[(atom.notebook, atom.record)] for atom in atoms))
    return f"needs {listed(dict.fromkeys(record.what for record in needed[:2]))} (table {needed[0].table})"


def _words(name: str, entry: Mapping[str, Any]) -> str:
    value, low, high = (entry.get(part) for part in ("value", "low", "high"))
    label = entry.get("label") or name.replace("-", " ")
    return f"{label}: {with_interval(value, low, high, entry.get('unit') or '')}"


def _combine(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of several rules about a claim."""
    applied = [found for found in findings if found["outcome"] != UNTESTED]
    joined = {
        key: "; ".join(dict.fromkeys(found[key] for found in findings if found[key]))
        for key in ("numbers", "source", "reason")
    }
    if not applied:
        said = {found["rehearsal"] for found in findings if found["rehearsal"]}
        rehearsal = said.pop() if len(said) == 1 else UNDECIDED if said else ""
        return findings[0] | joined | {"rehearsal": rehearsal}
    joined.pop("reason")
    if len({found["outcome"] for found in applied}) > 1:
        differ = {"outcome": UNDECIDED, "reason": "its rules differ", "p_value": math.nan}
        return applied[0] | joined | differ
    return applied[0] | joined | {"p_value": max(found["p_value"] for found in applied)}


def _survives(p_values: np.ndarray) -> np.ndarray:
    known = np.isfinite(p_values).any()
    return benjamini_hochberg(p_values, FALSE_DISCOVERY)[0] if known else np.zeros(len(p_values), bool)


def _p_value(condition: Condition, look: Callable[[Atom], float | None], sesoi: float) -> float:
    """Return the one-sided p-value of a condition: the worst comparison of its best clause."""
    best = 1.0
    for clause in condition.clauses:
        parts = [_distance(comparison, look, sesoi) for comparison in clause]
        best = min(best, max(parts)) if all(part is not None for part in parts) else best
    return best


def _distance(comparison: Comparison, look: Callable[[Atom], float | None], sesoi: float) -> float | None:
    """Return a one-sided p-value from the distance of the estimates to the threshold in standard errors."""
    variance = 0.0
    for atom in [comparison.atom]:
        value, end = look(atom._replace(part="value")), look(atom)
        if value is None or end is None:
            return None
        variance += ((value - end) / NormalDist().inv_cdf(0.975)) ** 2
    gap = comparison.gap(lambda atom: look(atom._replace(part="value")), sesoi)
    return float(gap <= 0) if variance == 0 else 1 - NormalDist().cdf(gap / math.sqrt(variance))


def sweep(
    rules: RuleSet, report: Results, of_surveys: Mapping[str, Results], factors: Iterable[float]
) -> pd.DataFrame:
    """Return the combined outcome by claim, a column a factor of every smallest effect of interest."""
    return pd.DataFrame(
        {factor: combine(rules.with_sesoi(factor), report, of_surveys)["outcome"] for factor in factors}
    )
