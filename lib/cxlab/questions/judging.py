"""Rules and recorded numbers -> an outcome for every claim, in every survey that can test it, and one
combined outcome.

Outcomes are five: supported, refuted, mixed, undecided, not testable here. A rule decides on intervals.
Numbers from simulated data give no verdict, only a rehearsal of one. The combined outcome counts a survey's
decision only if it survives Benjamini & Hochberg (1995), two-sided, over everything that was tested:
supported when at least one survey supports and none refutes, refuted the other way round, mixed when at least
one does each, else undecided.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from cxlab.data.errors import InputError
from cxlab.data.rules import Atom, Condition, Rule, RuleSet, load_rules, mirror_rules
from cxlab.data.survey import Survey
from cxlab.questions import causes, drivers, expectations, hostages, liking, metaquality, surveys
from cxlab.questions.readings import readings
from cxlab.questions.result import Result
from cxlab.questions.words import count, listed, with_interval
from cxlab.stats.intervals import benjamini_hochberg

OUTCOMES = ("supported", "refuted", "mixed", "undecided", "not testable here")
SUPPORTED, REFUTED, MIXED, UNDECIDED, UNTESTED = OUTCOMES
FALSE_DISCOVERY = 0.05

# The questions about a survey whose numbers rules read.
SURVEY_QUESTIONS: tuple[Callable[[Survey], Result], ...] = (
    drivers.split, drivers.unique, drivers.overlap, liking.beyond_liking, readings,
    surveys.outcome_by_outcome, surveys.by_segment, causes.both_orders, expectations.gap,
    expectations.kinks, expectations.forgiveness, metaquality.functions, hostages.hostages,
    hostages.advocates,
)  # fmt: skip
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


def load_results(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read ``results.json``.

    A missing file is an empty report. InputError when the file is no such report.
    """
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


def survey_results(survey: Survey, rules: RuleSet) -> dict[str, dict[str, Any]]:
    """Return what the pages would record of a survey and its rules read.

    Notebook -> record -> ``value low high``.
    """
    homes = {name: stem for (stem, name), record in rules.records.items() if record.table == "survey"}
    found: dict[str, dict[str, Any]] = {}
    for ask in SURVEY_QUESTIONS:
        for name, number in ask(survey).numbers.items():
            if name in homes:
                entry = {**number._asdict(), "simulated": survey.simulated, "source": survey.name}
                found.setdefault(homes[name], {}).setdefault(name, entry)
    return found


def judge(rules: RuleSet, results: Results | str | Path) -> pd.DataFrame:
    """Apply every rule to the recorded numbers of one report or survey.

    Parameters
    ----------
    rules : RuleSet
    results : mapping or path
        ``results.json``: notebook -> record -> ``value low high``. A missing file is an empty report.

    Returns
    -------
    DataFrame
        Index ``claim``; ``outcome reason evidence reads numbers source rehearsal opposite p_value status
        survives``; a decision is ``confirmatory`` only for a study that the rules register.
        ``rehearsal`` is what the rules would say of simulated data, ``opposite`` the outcome with the words
        product and experience exchanged, ``p_value`` two-sided, ``survives`` whether a decision keeps its
        false-discovery rate.

    Notes
    -----
    A claim with several rules is supported or refuted when all rules that could be applied say so, and
    undecided when they differ.
    """
    results = load_results(results) if isinstance(results, str | Path) else results
    turned = {rule.id: rule for rule in mirror_rules(rules).rules}
    rows = {}
    for claim in rules.claims():
        own = [rule for rule in rules.rules if rule.claim == claim]
        if not own:
            reason, evidence = rules.untested[claim]
            rows[claim] = {"outcome": UNTESTED, "reason": reason, "evidence": evidence}
            continue
        row = _combine([_apply(rule, rules, results) for rule in own])
        sided = [turned[rule.id] for rule in own if rule.side != "none"]
        row["opposite"] = (
            _combine([_apply(rule, rules, results) for rule in sided])["outcome"] if sided else ""
        )
        row["reads"] = " ".join(rule.reads for rule in own)
        rows[claim] = row
    columns = [
        "outcome",
        "reason",
        "evidence",
        "reads",
        "numbers",
        "source",
        "rehearsal",
        "opposite",
        "p_value",
    ]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("claim")
    text = [column for column in columns if column != "p_value"]
    table[text] = table[text].fillna("")
    decided = table["outcome"].isin(OUTCOMES[:2])
    earned = table["source"].isin(rules.registered)
    table["status"] = np.where(decided, np.where(earned, "confirmatory", "exploratory"), "")
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

    Parameters
    ----------
    report : mapping
        Numbers of the pages; those about surveys are left to ``of_surveys``.
    of_surveys : mapping title -> results
        From ``survey_results``.

    Returns
    -------
    DataFrame
        As ``judge``, and one column a survey (its title) with that survey's own outcome.
    """
    others = {
        stem: {
            n: e
            for n, e in page.items()
            if (r := rules.records.get((stem, n))) is None or r.table != "survey"
        }
        for stem, page in report.items()
    }
    everything = {"": judge(rules, others)}
    everything |= {title: judge(rules, _merged(others, results)) for title, results in of_surveys.items()}
    p_values = np.concatenate([table["p_value"].to_numpy(float) for table in everything.values()])
    survives = np.split(_survives(p_values), len(everything))
    combined = everything[""].copy()
    for title in of_surveys:
        combined[title] = everything[title]["outcome"]
    for claim in combined.index:
        place = combined.index.get_loc(claim)
        reads = {
            rules.records[(a.notebook, a.record)].table
            for r in rules.rules
            if r.claim == claim
            for a in r.atoms()
        }
        if "survey" not in reads or not of_surveys:
            combined.loc[claim, "survives"] = (
                bool(survives[0][place]) and combined.loc[claim, "outcome"] in OUTCOMES[:2]
            )
            continue
        each = {title: everything[title].loc[claim] for title in of_surveys}
        tested = {title: row for title, row in each.items() if row["outcome"] != UNTESTED}
        if not tested:
            combined.loc[claim, ["reason", "rehearsal"]] = next(iter(each.values()))[
                ["reason", "rehearsal"]
            ].to_numpy()
            continue
        kept = {
            title: row["outcome"]
            for i, (title, row) in enumerate(each.items(), start=1)
            if row["outcome"] in OUTCOMES[:2] and survives[i][place]
        }
        said = set(kept.values())
        outcome = MIXED if len(said) == 2 else said.pop() if said else UNDECIDED
        first = next((tested[title] for title in kept), next(iter(tested.values())))
        combined.loc[claim, ["evidence", "numbers", "source", "p_value", "opposite"]] = first[
            ["evidence", "numbers", "source", "p_value", "opposite"]
        ].to_numpy()
        combined.loc[claim, ["outcome", "reason", "survives"]] = [outcome, _why(kept, tested), bool(kept)]
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

    keys = list(dict.fromkeys((atom.notebook, atom.record) for atom in rule.atoms()))
    entries = [results[stem][name] for stem, name in keys if name in results.get(stem, {})]
    numbers = "; ".join(_words(key, rules, results) for key in keys if key[1] in results.get(key[0], {}))
    source = ", ".join(
        dict.fromkeys(str(entry.get("source") or "") for entry in entries if entry.get("source"))
    )
    found = {"numbers": numbers, "source": source, "evidence": "", "rehearsal": "", "p_value": math.nan}
    supported, refuted = (c.holds(look, rule.sesoi) for c in (rule.supported_when, rule.refuted_when))
    if supported is not True and refuted is not True and (supported is None or refuted is None):
        lacking = [atom for atom in rule.atoms() if look(atom) is None]
        return found | {"outcome": UNTESTED, "reason": _lack(lacking, rules, results)}
    outcome = SUPPORTED if supported is True else REFUTED if refuted is True else UNDECIDED
    if any("simulated" not in entry for entry in entries):
        reason = "needs a report that says which numbers are simulated: make it again"
        return found | {"outcome": UNTESTED, "reason": reason}
    if any(entry["simulated"] for entry in entries):
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


def _words(key: tuple[str, str], rules: RuleSet, results: Results) -> str:
    entry = results[key[0]][key[1]]
    label = entry.get("label") or key[1].replace("-", " ")
    value, low, high = (entry.get(part) for part in ("value", "low", "high"))
    return f"{label}: {with_interval(value, low, high, entry.get('unit') or '')}"


def _combine(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of several rules about a claim."""
    applied = [found for found in findings if found["outcome"] != UNTESTED]
    joined = {
        key: "; ".join(dict.fromkeys(found[key] for found in findings if found[key]))
        for key in ("numbers", "source")
    }
    if not applied:
        said = {found["rehearsal"] for found in findings if found["rehearsal"]}
        rehearsal = said.pop() if len(said) == 1 else UNDECIDED if said else ""
        reasons = "; ".join(dict.fromkeys(found["reason"] for found in findings))
        return joined | {"outcome": UNTESTED, "reason": reasons, "evidence": "", "rehearsal": rehearsal,
                         "p_value": math.nan}  # fmt: skip
    outcomes = {found["outcome"] for found in applied}
    if len(outcomes) > 1:
        return joined | applied[0] | {"outcome": UNDECIDED, "reason": "its rules differ", "p_value": math.nan}
    worst = max(found["p_value"] for found in applied)
    return applied[0] | joined | {"p_value": worst}


def _survives(p_values: np.ndarray) -> np.ndarray:
    return (
        benjamini_hochberg(p_values, FALSE_DISCOVERY)[0]
        if np.isfinite(p_values).any()
        else np.zeros(len(p_values), bool)
    )


def _p_value(condition: Condition, look: Callable[[Atom], float | None], sesoi: float) -> float:
    """Return the one-sided p-value of a condition: the worst comparison of its best clause."""
    best = 1.0
    for clause in condition.clauses:
        parts = [_distance(comparison, look, sesoi) for comparison in clause]
        best = min(best, max(parts)) if all(part is not None for part in parts) else best
    return best


def _distance(comparison: Any, look: Callable[[Atom], float | None], sesoi: float) -> float | None:
    """Return the one-sided p-value of a comparison, from the distance of the estimates to it in standard
    errors.
    """
    gap = comparison.gap(lambda atom: look(atom._replace(part="value")), sesoi)
    if gap is None:
        return None
    variance = 0.0
    for atom in comparison.atoms():
        value, end = look(atom._replace(part="value")), look(atom)
        if value is None or end is None:
            return None
        variance += ((value - end) / NormalDist().inv_cdf(0.975)) ** 2
    return float(gap <= 0) if variance == 0 else 1 - NormalDist().cdf(gap / math.sqrt(variance))


def sweep(
    rules: RuleSet, report: Results, of_surveys: Mapping[str, Results], factors: Iterable[float]
) -> pd.DataFrame:
    """Combine with every smallest effect of interest multiplied by each factor.

    One row a claim, one column a factor.
    """
    return pd.DataFrame(
        {factor: combine(rules.with_sesoi(factor), report, of_surveys)["outcome"] for factor in factors}
    )
