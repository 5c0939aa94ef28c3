"""Rules and recorded numbers -> an outcome for every claim, with the evidence level beside it.

Outcomes are four: supported, refuted, undecided, not testable here. A rule decides on intervals; where its guard does
not hold (two blocks that one survey cannot tell apart) the claim stays undecided. The evidence level never changes an
outcome. Numbers from simulated data give no verdict, only a rehearsal of one.

Bench (tests/bench/bench_verdict.py) shows how often known worlds get the right verdict.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxlab.evidence.errors import InputError
from cxlab.evidence.rules import LEVELS, Atom, Condition, Rule, RuleSet, mirror_rules
from cxlab.methods.intervals import benjamini_hochberg

__all__ = ["OUTCOMES", "flips", "judge", "load_results", "sentences", "sweep"]

OUTCOMES = ("supported", "refuted", "undecided", "not testable here")
_SOURCE = "source-"


class _Finding(NamedTuple):
    outcome: str
    reason: str
    level: str
    sources: tuple[str, ...]
    numbers: str
    p_value: float
    rehearsal: str


def judge(
    rules: RuleSet, results: Mapping[str, Mapping[str, Any]] | str | Path, *, level: float = 0.05
) -> pd.DataFrame:
    """Apply every rule to the recorded numbers.

    Parameters
    ----------
    rules : RuleSet
        From ``load_rules``.
    results : mapping or path
        ``results.json`` of a report: notebook -> record -> ``value low high``. A missing file is an empty report.
    level : float
        False discovery rate of the flag.

    Returns
    -------
    DataFrame
        One row a claim, columns ``claim outcome evidence status reason numbers sources rules opposite rehearsal p_value
        survives``. ``status`` is exploratory (a source that had been looked at before the rules were frozen, or one
        that is not named), confirmatory, or empty; ``opposite`` is the outcome of the same claim with the words product
        and experience exchanged (empty for claims that take no side); ``rehearsal`` what the rules would say of
        simulated data; ``survives`` whether the decision keeps after Benjamini & Hochberg (1995) over all decided
        claims: a flag, no outcome.

    Notes
    -----
    A claim with several rules is supported or refuted when all rules that could be applied say so, and undecided when
    they differ. ``p_value`` is one-sided, from the distance of the estimate to the rule's threshold in standard errors
    of its interval.
    """
    if isinstance(results, str | Path):
        results = load_results(results)
    found = {rule.id: _apply(rule, rules, results) for rule in rules.rules}
    turned = mirror_rules(rules)
    other = {rule.id: _apply(rule, turned, results) for rule in turned.rules if rule.side != "none"}
    rows = []
    for claim in rules.claims():
        own = [rule for rule in rules.rules if rule.claim == claim]
        if not own:
            reason, evidence = rules.untested[claim]
            rows.append(
                {"claim": claim, "outcome": OUTCOMES[3], "evidence": evidence, "status": "", "reason": reason}
            )
            continue
        whole = _combine([found[rule.id] for rule in own])
        opposite = [other[rule.id] for rule in own if rule.id in other]
        rows.append(
            {
                "claim": claim,
                "outcome": whole.outcome,
                "evidence": whole.level,
                "status": _status(whole, rules),
                "reason": whole.reason,
                "numbers": whole.numbers,
                "sources": ", ".join(whole.sources),
                "rules": ", ".join(rule.id for rule in own),
                "opposite": _combine(opposite).outcome if opposite else "",
                "rehearsal": whole.rehearsal,
                "p_value": whole.p_value,
            }
        )
    table = pd.DataFrame(rows)
    text = [c for c in table if c != "p_value"]
    table[text] = table[text].fillna("")
    decided = table["outcome"].isin(OUTCOMES[:2]) & table["p_value"].notna()
    table["survives"] = pd.array([None] * len(table), dtype="boolean")
    if decided.any():
        table.loc[decided, "survives"] = benjamini_hochberg(
            table.loc[decided, "p_value"].to_numpy(float), level
        )[0]
    return table


def load_results(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read ``results.json``; a missing file is an empty report.

    Raises
    ------
    InputError
        When the file is no such report.
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


def sweep(
    rules: RuleSet, results: Mapping[str, Mapping[str, Any]], *, factors: Sequence[float]
) -> pd.DataFrame:
    """Judge with every smallest effect of interest multiplied by each factor.

    Returns
    -------
    DataFrame
        One row a claim that has a rule, one column a factor.
    """
    columns: dict[float, dict[str, str]] = {}
    for factor in factors:
        moved = rules.with_sesoi(factor)
        found: dict[str, list[_Finding]] = {}
        for rule in moved.rules:
            found.setdefault(rule.claim, []).append(_apply(rule, moved, results))
        columns[factor] = {claim: _combine(findings).outcome for claim, findings in found.items()}
    return pd.DataFrame(columns)


def flips(
    rules: RuleSet, results: Mapping[str, Mapping[str, Any]], readings: pd.DataFrame | None = None
) -> pd.Series:
    """Say for each claim which smallest effect, or which reading of the survey, would change its outcome.

    Parameters
    ----------
    rules, results
        As for ``judge``; results as a mapping.
    readings : DataFrame, optional
        From ``multiverse``.

    Returns
    -------
    Series of str
        Index claim; empty for a claim without a verdict.
    """
    factors = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0]
    table = sweep(rules, results, factors=factors)
    sesoi = {rule.claim: rule.sesoi for rule in reversed(rules.rules)}
    words = {}
    for claim, row in table.iterrows():
        if row[1.0] == OUTCOMES[3]:
            words[claim] = ""
            continue
        moved = [f for f in factors if row[f] != row[1.0]]
        near = min(moved, key=lambda f: (abs(math.log(f)), f)) if moved else None
        text = (
            f"a smallest effect of {sesoi[claim] * near:.3g} gives '{row[near]}'"
            if near
            else f"no smallest effect from {sesoi[claim] * 0.25:.3g} to {sesoi[claim] * 3:.3g}"
        )
        if readings is not None and claim in readings:
            share = (readings[claim] != row[1.0]).mean()
            text += f"; {share:.0%} of the readings of the survey differ"
        words[claim] = text
    return pd.Series(words, name="flips", dtype=str)


def sentences(verdicts: pd.DataFrame, texts: Mapping[str, str] | None = None) -> list[str]:
    """Write the ending in plain words, from nothing but the verdicts.

    Parameters
    ----------
    verdicts : DataFrame
        From ``judge``.
    texts : mapping claim -> paraphrase, optional
        Named claims are told with it.

    Returns
    -------
    list of str
        The count of each outcome first, then one sentence for every decided claim, then what could not be tested.
    """
    texts = {} if texts is None else dict(texts)
    counts = verdicts["outcome"].value_counts()
    rest = int(counts.get(OUTCOMES[3], 0))
    told = [f"{int(counts.get(name, 0))} {name}" for name in OUTCOMES[:3]]
    lines = [
        f"Of {len(verdicts)} claims and ideas, {', '.join(told[:-1])} and {told[-1]}; {rest} could not be tested here."
    ]
    for name in OUTCOMES[:3]:
        for row in verdicts[verdicts["outcome"] == name].itertuples():
            text = texts.get(row.claim, "")
            status = f", {row.status}" if row.status else ""
            lines.append(
                f"{row.claim} is {row.outcome} ({row.evidence}{status}){': ' + text if text else ''}"
            )
    sides = verdicts[(verdicts["opposite"] != "") & verdicts["outcome"].isin(OUTCOMES[:3])]
    both = sides[(sides["outcome"] == "supported") & (sides["opposite"] == "supported")]
    if len(both):
        lines.append(
            f"{', '.join(both['claim'])}: as well supported with product and experience exchanged, so no point for one side."
        )
    neither = sides[(sides["outcome"] == "refuted") & (sides["opposite"] == "refuted")]
    if len(neither):
        lines.append(
            f"{', '.join(neither['claim'])}: refuted, and so is the same claim for the other side: no winner."
        )
    return lines


def _apply(rule: Rule, rules: RuleSet, results: Mapping[str, Mapping[str, Any]]) -> _Finding:
    lacking: list[str] = []

    def look(atom: Atom) -> float | None:
        entry = results.get(atom.notebook, {}).get(atom.record)
        number = entry.get(atom.kind) if isinstance(entry, Mapping) else None
        return float(number) if isinstance(number, int | float) and math.isfinite(number) else None

    atoms = list(dict.fromkeys((a.notebook, a.record) for c in rule.conditions() for a in c.atoms()))
    for atom in (a for c in (rule.supported_when, rule.refuted_when) for a in c.atoms()):
        if look(atom) is None:
            lacking.append(_lack(atom, rules, results))
    sources = tuple(dict.fromkeys(s for key in atoms for s in [_source(key, rules, results)] if s))
    numbers = "; ".join(_number(key, rules, results) for key in atoms if results.get(key[0], {}).get(key[1]))
    supported, refuted = (c.holds(look, rule.sesoi) for c in (rule.supported_when, rule.refuted_when))
    guard = True if rule.decidable_when is None else rule.decidable_when.holds(look, rule.sesoi)
    level, p_value, reason = rule.evidence, math.nan, ""
    if supported is not True and refuted is not True and (supported is None or refuted is None):
        return _Finding(OUTCOMES[3], "; ".join(dict.fromkeys(lacking)), "", sources, numbers, math.nan, "")
    if supported is not True and refuted is not True:
        outcome, reason = OUTCOMES[2], "the interval reaches across the threshold"
    elif guard is not True:
        outcome = OUTCOMES[2]
        reason = (
            "the two sides cannot be told apart in these data"
            if guard is False
            else "nothing recorded whether the two sides can be told apart"
        )
    else:
        outcome = OUTCOMES[0] if supported else OUTCOMES[1]
        decisive = rule.supported_when if supported else rule.refuted_when
        raised = rule.raised_supported if supported else rule.raised_refuted
        if raised is not None and raised.holds(look, rule.sesoi) is True:
            level = rule.raised_level
        p_value = _p_value(decisive, look, rule.sesoi)
    simulated = [source for source in sources if source.startswith("simulated")]
    if simulated:
        table = rules.records[atoms[0]].table
        reason = f"the numbers come from {', '.join(simulated)}: a verdict needs your own table '{table}'"
        return _Finding(OUTCOMES[3], reason, "", sources, numbers, math.nan, outcome)
    return _Finding(outcome, reason, level, sources, numbers, p_value, "")


def _lack(atom: Atom, rules: RuleSet, results: Mapping[str, Mapping[str, Any]]) -> str:
    if not results:
        return "no report yet: run make report"
    if not results.get(atom.notebook):
        return f"the page {atom.notebook} is not in this report"
    entry = results[atom.notebook].get(atom.record)
    if entry is None:
        return f"the data opened by {atom.notebook} do not give {atom.record} (table '{rules.records[(atom.notebook, atom.record)].table}')"
    return f"{atom.record} was recorded without {'an interval' if atom.kind != 'value' else 'a value'}"


def _source(key: tuple[str, str], rules: RuleSet, results: Mapping[str, Mapping[str, Any]]) -> str:
    numbers = results.get(key[0], {})
    entry = numbers.get(_SOURCE + rules.records[key].table)
    return str(entry.get("value", "")) if key[1] in numbers and isinstance(entry, Mapping) else ""


def _number(key: tuple[str, str], rules: RuleSet, results: Mapping[str, Mapping[str, Any]]) -> str:
    entry = results[key[0]][key[1]]

    def show(number: Any) -> str:
        return f"{number:.3g}" if isinstance(number, int | float) else "?"

    interval = "" if entry.get("low") is None else f" [{show(entry['low'])}, {show(entry['high'])}]"
    return f"{key[1]} {show(entry.get('value'))}{interval}"


def _combine(findings: Sequence[_Finding]) -> _Finding:
    applied = [f for f in findings if f.outcome != OUTCOMES[3]]
    numbers = "; ".join(dict.fromkeys(f.numbers for f in findings if f.numbers))
    if not applied:
        reasons = "; ".join(dict.fromkeys(f.reason for f in findings if f.reason))
        rehearsed = {f.rehearsal for f in findings if f.rehearsal}
        rehearsal = rehearsed.pop() if len(rehearsed) == 1 else OUTCOMES[2] if rehearsed else ""
        sources = tuple(dict.fromkeys(s for f in findings for s in f.sources))
        return _Finding(OUTCOMES[3], reasons, "", sources, numbers, math.nan, rehearsal)
    outcomes = {f.outcome for f in applied}
    outcome = applied[0].outcome if len(outcomes) == 1 else OUTCOMES[2]
    reason = (
        "; ".join(dict.fromkeys(f.reason for f in applied if f.reason))
        if len(outcomes) == 1
        else "its rules differ"
    )
    levels = [f.level for f in applied if f.outcome == outcome] or [f.level for f in applied]
    p_values = [f.p_value for f in applied]
    sources = tuple(dict.fromkeys(s for f in applied for s in f.sources))
    p_value = max(p_values) if len(outcomes) == 1 else math.nan
    return _Finding(outcome, reason, max(levels, key=LEVELS.index), sources, numbers, p_value, "")


def _status(finding: _Finding, rules: RuleSet) -> str:
    if finding.outcome == OUTCOMES[3]:
        return ""
    known = finding.sources and not set(finding.sources) & set(rules.explored)
    return "confirmatory" if known else "exploratory"


def _p_value(condition: Condition, look: Any, sesoi: float) -> float:
    """One-sided: the worst comparison of the best clause that holds."""
    best = math.inf
    for clause in condition.clauses:
        if Condition((clause,)).holds(look, sesoi) is True:
            best = min(best, max(_distance(comparison, look, sesoi) for comparison in clause))
    return best if math.isfinite(best) else math.nan


def _distance(comparison: Any, look: Any, sesoi: float) -> float:
    gap, variance = 0.0, 0.0
    for term, side in ((comparison.left, 1), (comparison.right, -1)):
        for atom in term:
            if not atom.record:
                gap += side * atom.sign * (sesoi if atom.kind == "sesoi" else atom.number)
                continue
            value, low, high = (look(atom._replace(kind=kind)) for kind in ("value", "low", "high"))
            if value is None:
                return math.nan
            gap += side * atom.sign * value
            variance += 0.0 if low is None or high is None else ((high - low) / (2 * 1.959964)) ** 2
    if variance == 0:
        return math.nan
    return float(1 - NormalDist().cdf(abs(gap) / np.sqrt(variance)))
