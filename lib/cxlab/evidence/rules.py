"""The rules of the verdict: data in a small comparison language, read, validated, hashed and mirrored; no eval.

    condition  = clause {"or" clause}            clause = comparison {"and" comparison}
    comparison = term ("<" | ">") term           term   = ["-"] atom {("+" | "-") atom}
    atom       = number | "sesoi" | ("value" | "low" | "high") "(" [NN "/"] record ")"

A number that is missing makes a comparison unknown; unknown passes through "and" and "or" as in Kleene's logic.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from .errors import InputError
from .places import data_folder

__all__ = ["LEVELS", "Condition", "Record", "Rule", "RuleSet", "load_rules", "mirror_results", "mirror_rules", "parse"]

LEVELS = (
    "anecdote or league table",
    "one survey",
    "sensitivity-robust or between-firm",
    "randomised",
)
SIDES = {"product": "experience", "experience": "product", "none": "none"}
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|(value|low|high)\(\s*(?:(\d\d)/)?([a-z][a-z0-9-]*)\s*\)|([a-z]+)|([<>+-]))")
_KEYS = {
    "id": str, "claim": str, "notebook": str, "side": str, "sesoi": float, "reads": str,
    "supported_when": str, "refuted_when": str, "evidence": str, "decidable_when": str, "raised": dict,
}  # fmt: skip
_OPTIONAL = {"decidable_when", "raised"}
_OPPOSITE = {"value": "value", "low": "high", "high": "low"}


class Atom(NamedTuple):
    """One signed part of a term: a number, the smallest effect of interest, or a recorded number."""

    sign: int
    kind: str
    number: float = 0.0
    notebook: str = ""
    record: str = ""


class Comparison(NamedTuple):
    """``left < right`` or ``left > right``."""

    left: tuple[Atom, ...]
    operator: str
    right: tuple[Atom, ...]


@dataclass(frozen=True)
class Condition:
    """A parsed condition: any of the clauses, each of them all of its comparisons."""

    clauses: tuple[tuple[Comparison, ...], ...]

    def atoms(self) -> list[Atom]:
        """Return every recorded number that it reads."""
        terms = (term for clause in self.clauses for c in clause for term in (c.left, c.right))
        return [atom for term in terms for atom in term if atom.record]

    def holds(self, look: Callable[[Atom], Any], sesoi: float) -> Any:
        """Return True, False or None (unknown); arrays where ``look`` returns arrays."""
        found = None
        for position, clause in enumerate(self.clauses):
            part = None
            for i, comparison in enumerate(clause):
                one = _compare(comparison, look, sesoi)
                part = one if i == 0 else _and(part, one)
            found = part if position == 0 else _or(found, part)
        return found

    def __str__(self) -> str:
        return " or ".join(
            " and ".join(f"{_text(c.left)} {c.operator} {_text(c.right)}" for c in clause) for clause in self.clauses
        )


@dataclass(frozen=True)
class Record:
    """A declared recorded number: where it stands, and what becomes of it when the two labels are exchanged."""

    notebook: str
    name: str
    table: str
    unit: str
    what: str
    mirror: str
    mirrored: str
    simulator: str


@dataclass(frozen=True)
class Rule:
    """One decision rule of a claim."""

    id: str
    claim: str
    notebook: str
    side: str
    sesoi: float
    reads: str
    supported_when: Condition
    refuted_when: Condition
    evidence: str
    decidable_when: Condition | None = None
    raised_level: str = ""
    raised_supported: Condition | None = None
    raised_refuted: Condition | None = None

    def conditions(self) -> list[Condition]:
        """Return the conditions that decide the outcome."""
        return [self.supported_when, self.refuted_when, *([self.decidable_when] if self.decidable_when else [])]


@dataclass(frozen=True)
class RuleSet:
    """All rules with the date on which they were frozen, and what had been looked at before."""

    rules: tuple[Rule, ...]
    records: Mapping[tuple[str, str], Record]
    untested: Mapping[str, tuple[str, str]]
    frozen: str
    looks: str
    explored: tuple[str, ...]
    sha256: str

    def claims(self) -> list[str]:
        """Return the claims in the order of the rules, then those with a reason instead."""
        return list(dict.fromkeys([rule.claim for rule in self.rules] + list(self.untested)))

    def with_sesoi(self, factor: float) -> RuleSet:
        """Return the rules with every smallest effect of interest multiplied, for both sides alike."""
        return replace(self, rules=tuple(replace(rule, sesoi=rule.sesoi * factor) for rule in self.rules))


def load_rules(folder: str | Path | None = None) -> RuleSet:
    """Read and validate ``rules.toml``, ``records.csv`` and ``coverage.csv``.

    Parameters
    ----------
    folder : path, optional
        The folder that holds them; the workbook's ``data/evidence`` by default.

    Returns
    -------
    RuleSet
        With ``sha256`` computed from the rules themselves.

    Raises
    ------
    InputError
        One sentence with the rule's id for a malformed condition, a rule that states one side only, a number that no
        notebook records, a claim that does not exist, or a hash that differs from the stored one.
    """
    folder = Path(folder) if folder else data_folder() / "evidence"
    try:
        content = tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as fault:
        raise InputError(f"rules.toml cannot be read: {fault}") from fault
    header, raw = content.get("header", {}), content.get("rule", [])
    missing = {"version", "frozen", "looks", "explored", "sha256"} - set(header)
    if missing or not raw:
        raise InputError(f"rules.toml: the header lacks {', '.join(sorted(missing))}" if missing else "rules.toml holds no rule")
    records = _read_records(folder / "records.csv")
    rules = tuple(_rule(entry, records) for entry in raw)
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise InputError(f"rule {rule.id} stands twice in rules.toml: give every rule its own id")
        seen.add(rule.id)
    sha256 = hash_rules(content)
    if header["sha256"] != sha256:
        raise InputError(
            f"rules.toml was changed after it was frozen (its rules hash to {sha256[:12]}, its header says "
            f"{str(header['sha256'])[:12]}): set the new hash and date, and say in CHANGELOG.md what changed and why"
        )
    untested = {
        row["claim"]: (row["reason"], row["evidence"]) for row in _rows(folder / "coverage.csv") if row["reason"]
    }
    return RuleSet(rules, records, untested, str(header["frozen"]), header["looks"], tuple(header["explored"]), sha256)


def hash_rules(content: Mapping[str, Any]) -> str:
    """Return the sha256 of everything in ``rules.toml`` but the hash itself, whatever its layout."""
    header = {key: str(value) for key, value in content["header"].items() if key != "sha256"}
    return hashlib.sha256(json.dumps([header, content["rule"]], sort_keys=True).encode()).hexdigest()


def parse(text: str) -> Condition:
    """Parse a condition.

    Examples
    --------
    >>> str(parse("low(share-product) > 0.5 + sesoi or high(02/slope-product) < -sesoi"))
    'low(share-product) > 0.5 + sesoi or high(02/slope-product) < -sesoi'
    """
    tokens, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if not match:
            raise InputError(f"cannot read {text[position:].strip()[:30]!r} in the condition {text!r}")
        tokens.append(match)
        position = match.end()
    clauses: list[tuple[Comparison, ...]] = []
    clause: list[Comparison] = []
    while True:
        left, operator = _term(tokens, text)
        if operator not in ("<", ">"):
            raise InputError(f"the condition {text!r} needs < or > between two terms")
        right, joint = _term(tokens, text)
        clause.append(Comparison(left, operator, right))
        if joint == "and":
            continue
        clauses.append(tuple(clause))
        clause = []
        if joint is None:
            return Condition(tuple(clauses))
        if joint != "or":
            raise InputError(f"the condition {text!r} goes on after a comparison with {joint!r}; use and, or")


def mirror_rules(rules: RuleSet) -> RuleSet:
    """Return the rules of the opposite claims: the words product and experience exchanged everywhere."""

    def turn(rule: Rule) -> Rule:
        def swap(condition: Condition | None) -> Condition | None:
            return condition and Condition(
                tuple(
                    tuple(
                        Comparison(*(part if isinstance(part, str) else _mirror_term(part, rule, rules.records) for part in c))
                        for c in clause
                    )
                    for clause in condition.clauses
                )
            )

        return replace(
            rule,
            side=SIDES[rule.side],
            supported_when=swap(rule.supported_when),
            refuted_when=swap(rule.refuted_when),
            decidable_when=swap(rule.decidable_when),
            raised_supported=swap(rule.raised_supported),
            raised_refuted=swap(rule.raised_refuted),
        )

    return replace(rules, rules=tuple(turn(rule) for rule in rules.rules))


def mirror_results(results: Mapping[str, Mapping[str, Any]], rules: RuleSet) -> dict[str, dict[str, Any]]:
    """Return what would have been recorded had the two sides carried each other's labels."""
    turned: dict[str, dict[str, Any]] = {}
    for notebook, numbers in results.items():
        turned[notebook] = {}
        for name, entry in numbers.items():
            record = rules.records.get((notebook, name))
            if record is None or not record.mirror:
                turned[notebook][name] = entry
            elif record.mirrored == "negate":
                minus = {key: None if entry.get(key) is None else -entry[key] for key in ("value", "low", "high")}
                turned[notebook][record.mirror] = {**entry, "value": minus["value"], "low": minus["high"], "high": minus["low"]}
            else:
                turned[notebook][record.mirror] = entry
    return turned


def _mirror_term(term: tuple[Atom, ...], rule: Rule, records: Mapping[tuple[str, str], Record]) -> tuple[Atom, ...]:
    def turn(atom: Atom) -> Atom:
        record = records[(atom.notebook, atom.record)] if atom.record else None
        if record is None or not record.mirror:
            return atom
        if record.mirrored == "negate":
            return atom._replace(sign=-atom.sign, kind=_OPPOSITE[atom.kind], record=record.mirror)
        return atom._replace(record=record.mirror)

    return tuple(turn(atom) for atom in term)


def _term(tokens: list, text: str) -> tuple[tuple[Atom, ...], str | None]:
    """Take one term off ``tokens``; return it and the token that ended it."""
    atoms: list[Atom] = []
    sign, wanted = 1, True
    while tokens:
        number, how, notebook, record, word, symbol = tokens[0].groups()
        if wanted and symbol == "-" and not atoms and sign == 1:
            sign = -1
        elif wanted and number:
            atoms.append(Atom(sign, "number", float(number)))
            wanted = False
        elif wanted and word == "sesoi":
            atoms.append(Atom(sign, "sesoi"))
            wanted = False
        elif wanted and how:
            atoms.append(Atom(sign, how, 0.0, notebook or "", record))
            wanted = False
        elif not wanted and symbol in ("+", "-"):
            sign, wanted = (1 if symbol == "+" else -1), True
        elif not wanted:
            tokens.pop(0)
            return tuple(atoms), word or symbol or tokens_text(number, how)
        else:
            break
        tokens.pop(0)
    if wanted:
        raise InputError(f"the condition {text!r} lacks a number, sesoi, value(x), low(x) or high(x) somewhere")
    return tuple(atoms), None


def tokens_text(number: str | None, how: str | None) -> str:
    """Return what to show for a token that stands where it must not."""
    return number or f"{how}(...)"


def _rule(entry: Mapping[str, Any], records: Mapping[tuple[str, str], Record]) -> Rule:
    name = f"rule {entry.get('id', '?')}"
    lacking = [key for key in _KEYS if key not in _OPTIONAL and entry.get(key) in (None, "")]
    if "refuted_when" in lacking or "supported_when" in lacking:
        raise InputError(f"{name} states one side only: give both supported_when and refuted_when")
    if lacking or set(entry) - set(_KEYS):
        odd = ", ".join(lacking) or ", ".join(sorted(set(entry) - set(_KEYS)))
        raise InputError(f"{name} {'lacks' if lacking else 'has unknown keys'}: {odd}")
    for key, kind in _KEYS.items():
        if key in entry and not isinstance(entry[key], kind if kind is not float else (int, float)):
            raise InputError(f"{name}: {key} must be of type {kind.__name__}")
    raised = entry.get("raised", {})
    if entry["side"] not in SIDES or not 0 < float(entry["sesoi"]) < float("inf"):
        raise InputError(f"{name}: side must be product, experience or none, and sesoi a number above 0")
    for level in [entry["evidence"], *([raised.get("level")] if raised else [])]:
        if level not in LEVELS:
            raise InputError(f"{name}: the evidence level {level!r} is none of: {'; '.join(LEVELS)}")
    texts = {**entry, "raised_supported": raised.get("supported"), "raised_refuted": raised.get("refuted")}
    parsed = {}
    for key in ("supported_when", "refuted_when", "decidable_when", "raised_supported", "raised_refuted"):
        try:
            parsed[key] = _place(parse(texts[key]), entry["notebook"], records) if texts.get(key) else None
        except InputError as fault:
            raise InputError(f"{name}, {key}: {fault}") from None
    rule = Rule(
        **{key: entry[key] for key in ("id", "claim", "notebook", "side", "reads", "evidence")},
        sesoi=float(entry["sesoi"]), raised_level=raised.get("level", ""), **parsed,
    )  # fmt: skip
    _check_fair(rule, name, records)
    return rule


def _place(condition: Condition, notebook: str, records: Mapping[tuple[str, str], Record]) -> Condition:
    """Give every recorded number its notebook's full name; refuse those that no notebook records."""
    stems = {stem[:2]: stem for stem, _ in records}

    def find(atom: Atom) -> Atom:
        if not atom.record:
            return atom
        stem = stems.get(atom.notebook, atom.notebook) if atom.notebook else notebook
        if (stem, atom.record) not in records:
            near = get_close_matches(atom.record, [name for _, name in records], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"no notebook records {atom.record!r} in {stem}{hint}")
        return atom._replace(notebook=stem)

    if not condition.atoms():
        raise InputError(f"the condition {str(condition)!r} reads no recorded number")
    return Condition(
        tuple(
            tuple(Comparison(tuple(map(find, c.left)), c.operator, tuple(map(find, c.right))) for c in clause)
            for clause in condition.clauses
        )
    )


def _check_fair(rule: Rule, name: str, records: Mapping[tuple[str, str], Record]) -> None:
    """Refuse a rule whose two sides can hold at once, can never hold, or that cannot be mirrored."""
    import numpy as np

    atoms = list(dict.fromkeys((a.notebook, a.record) for c in rule.conditions() for a in c.atoms()))
    if rule.side != "none":
        fixed = [record for key in atoms for record in [records[key]] if not record.mirror]
        if fixed:
            raise InputError(f"{name} takes a side but {fixed[0].name} has no mirror in records.csv")
    random = np.random.default_rng(0)
    levels = np.array([-2, -1, -rule.sesoi, 0, rule.sesoi, 0.5, 1, 2, 20.0])
    middles = np.concatenate([levels, (levels[:-1] + levels[1:]) / 2])

    def interval() -> Any:
        wide = random.choice(levels, (3, 4000))
        narrow = np.tile(random.choice(middles, 4000), (3, 1))
        return np.sort(np.concatenate([wide, narrow], axis=1) + random.normal(0, 0.1 * rule.sesoi, (3, 8000)), axis=0)

    spread = {key: interval()[:, random.permutation(8000)] for key in atoms}
    order = {"low": 0, "value": 1, "high": 2}

    def look(atom: Atom) -> Any:
        return spread[(atom.notebook, atom.record)][order[atom.kind]]

    supported, refuted = (c.holds(look, rule.sesoi) for c in (rule.supported_when, rule.refuted_when))
    if (supported & refuted).any():
        raise InputError(f"{name} can be supported and refuted by the same numbers: make its two conditions exclude each other")
    if not supported.any() or not refuted.any():
        side = "refuted" if supported.any() else "supported"
        raise InputError(f"{name} can never be {side}: no numbers meet that condition")


def _compare(comparison: Comparison, look: Callable[[Atom], Any], sesoi: float) -> Any:
    sides = []
    for term in (comparison.left, comparison.right):
        total: Any = 0.0
        for atom in term:
            part = atom.number if atom.kind == "number" else sesoi if atom.kind == "sesoi" else look(atom)
            if part is None:
                return None
            total = total + atom.sign * part
        sides.append(total)
    return sides[0] < sides[1] if comparison.operator == "<" else sides[0] > sides[1]


def _and(a: Any, b: Any) -> Any:
    if a is False or b is False:
        return False
    return None if a is None or b is None else a & b


def _or(a: Any, b: Any) -> Any:
    if a is True or b is True:
        return True
    return None if a is None or b is None else a | b


def _text(term: tuple[Atom, ...]) -> str:
    words = []
    for i, atom in enumerate(term):
        place = f"{atom.notebook[:2]}/" if atom.notebook else ""
        body = f"{atom.number:g}" if atom.kind == "number" else "sesoi" if atom.kind == "sesoi" else f"{atom.kind}({place}{atom.record})"
        words.append(("-" if atom.sign < 0 else "") + body if i == 0 else ("- " if atom.sign < 0 else "+ ") + body)
    return " ".join(words)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as fault:
        raise InputError(f"{path.name} cannot be read: {fault.strerror}") from fault


def _read_records(path: Path) -> dict[tuple[str, str], Record]:
    rows = _rows(path)
    records = {
        (row["notebook"], row["record"]): Record(
            row["notebook"], row["record"], *(row[key] for key in ("table", "unit", "what", "mirror", "mirrored", "simulator"))
        )
        for row in rows
    }
    for (notebook, name), record in records.items():
        back = records.get((notebook, record.mirror))
        if record.mirror and (back is None or back.mirror != name or back.mirrored != record.mirrored):
            raise InputError(f"records.csv: {name} in {notebook} and its mirror {record.mirror!r} do not name each other")
    return records
