"""The rules of the verdict: data, read, validated, hashed and mirrored.

A condition compares recorded numbers: ``low(share-product) > 0.5 + sesoi and high(02/slope-product-fair) <
-sesoi``. ``value``, ``low`` and ``high`` are a recorded number and the limits of its interval, ``NN/`` names
another notebook, ``sesoi`` is the smallest effect of interest. It is parsed, never evaluated as code. A
number that is missing makes a comparison unknown; unknown passes through ``and`` and ``or`` as in Kleene's
logic.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cxlab.data.errors import InputError
from cxlab.data.files import data_folder

LEVELS = ("anecdote or league table", "one survey", "sensitivity-robust or between-firm", "randomised")
SIDES = {"product": "experience", "experience": "product", "none": "none"}
_KEYS = {
    "id": str, "claim": str, "notebook": str, "side": str, "sesoi": float, "reads": str,
    "supported_when": str, "refuted_when": str, "evidence": str,
}  # fmt: skip
_OPPOSITE = {"value": "value", "low": "high", "high": "low"}
_ATOM = re.compile(r"\b(value|low|high)\(\s*(?:(\d\d)/)?([a-z][a-z0-9-]*)\s*\)")


class Atom(NamedTuple):
    """A recorded number that a condition reads: which part of it, in which notebook, its name."""

    part: str
    notebook: str
    record: str


class Comparison(NamedTuple):
    """A sum that must be above 0: a constant, so many times sesoi, and atoms with their signs."""

    constant: float
    sesoi: float
    terms: tuple[tuple[float, Atom], ...]

    def gap(self, look: Callable[[Atom], Any], sesoi: float) -> Any:
        """Return how far beyond its threshold the comparison lies; None where a number is missing."""
        total = self.constant + self.sesoi * sesoi
        for sign, atom in self.terms:
            if (value := look(atom)) is None:
                return None
            total = total + sign * value
        return total


@dataclass(frozen=True)
class Condition:
    """A condition: any of its clauses, each of them all of its comparisons."""

    clauses: tuple[tuple[Comparison, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return the condition that a text states; atoms have the notebook that the text gives, or none."""
        quoted = _ATOM.sub(lambda m: f'{m[1]}("{m[2] or ""}", "{m[3]}")', text)
        try:
            tree = ast.parse(quoted, mode="eval").body
        except SyntaxError:
            raise InputError(f"the condition {text!r} cannot be read") from None
        return cls(
            tuple(tuple(_comparison(c, text) for c in _parts(x, ast.And)) for x in _parts(tree, ast.Or))
        )

    def atoms(self) -> list[Atom]:
        """Return every recorded number that it reads."""
        return [atom for clause in self.clauses for part in clause for _, atom in part.terms]

    def holds(self, look: Callable[[Atom], Any], sesoi: float) -> Any:
        """Return True, False or None (unknown); arrays where ``look`` returns arrays."""
        found: Any = False
        for clause in self.clauses:
            part: Any = True
            for comparison in clause:
                gap = comparison.gap(look, sesoi)
                part = _and(part, None if gap is None else gap > 0)
            found = _or(found, part)
        return found

    def change(self, swap: Callable[[float, Atom], tuple[float, Atom]]) -> Condition:
        """Return the condition with other terms."""
        return Condition(
            tuple(
                tuple(part._replace(terms=tuple(swap(*term) for term in part.terms)) for part in clause)
                for clause in self.clauses
            )
        )


def _parts(node: ast.expr, kind: type) -> list[ast.expr]:
    return node.values if isinstance(node, ast.BoolOp) and isinstance(node.op, kind) else [node]


def _comparison(node: ast.expr, text: str) -> Comparison:
    match node:
        case ast.Compare(left=left, ops=[ast.Gt()], comparators=[right]):
            parts = [*_terms(left, 1.0), *_terms(right, -1.0)]
        case ast.Compare(left=left, ops=[ast.Lt()], comparators=[right]):
            parts = [*_terms(right, 1.0), *_terms(left, -1.0)]
        case _:
            raise InputError(f"the condition {text!r} needs < or > between two terms, joined by and, or")
    plain = [sign * what for sign, what in parts if isinstance(what, float)]
    sesoi = sum(sign for sign, what in parts if what == "sesoi")
    return Comparison(sum(plain), sesoi, tuple(part for part in parts if isinstance(part[1], Atom)))


def _terms(node: ast.expr, sign: float) -> list[tuple[float, Any]]:
    match node:
        case ast.Constant(value=int() | float() as value):
            return [(sign, float(value))]
        case ast.Name(id="sesoi"):
            return [(sign, "sesoi")]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _terms(operand, -sign)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            return _terms(left, sign) + _terms(right, sign if isinstance(op, ast.Add) else -sign)
        case ast.Call(
            func=ast.Name(id="value" | "low" | "high" as part),
            args=[ast.Constant(value=notebook), ast.Constant(value=name)],
            keywords=[],
        ):
            return [(sign, Atom(part, notebook, name))]
    raise InputError(
        f"a condition may hold numbers, sesoi, value(x), low(x) and high(x), not {ast.unparse(node)[:40]!r}"
    )


def _and(a: Any, b: Any) -> Any:
    if a is False or b is False:
        return False
    return None if a is None or b is None else a & b


def _or(a: Any, b: Any) -> Any:
    if a is True or b is True:
        return True
    return None if a is None or b is None else a | b


@dataclass(frozen=True)
class Record:
    """A declared recorded number, and what becomes of it when the two labels are exchanged (same, negate)."""

    notebook: str
    name: str
    table: str
    unit: str
    what: str
    mirror: str
    mirrored: str


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

    def atoms(self) -> list[Atom]:
        """Return the numbers that it reads, each once."""
        return list(dict.fromkeys([*self.supported_when.atoms(), *self.refuted_when.atoms()]))


@dataclass(frozen=True)
class RuleSet:
    """All rules with the date on which they were frozen, and what had been looked at before."""

    rules: tuple[Rule, ...]
    records: Mapping[tuple[str, str], Record]
    untested: Mapping[str, tuple[str, str]]
    version: int
    frozen: str
    looks: str
    registered: Mapping[str, str]
    sha256: str
    stamps: Mapping[str, str]  # of a claim: the start of the sha256 of its own rules

    def claims(self) -> list[str]:
        """Return the claims in the order of the rules, then those with a reason instead."""
        return list(dict.fromkeys([rule.claim for rule in self.rules] + list(self.untested)))

    def with_sesoi(self, factor: float) -> RuleSet:
        """Return the rules with every smallest effect of interest multiplied, for both sides alike."""
        return replace(self, rules=tuple(replace(rule, sesoi=rule.sesoi * factor) for rule in self.rules))

    @cached_property
    def mirrored(self) -> dict[str, Rule]:
        """The rules of the opposite claims, by id."""
        return {rule.id: rule for rule in mirror_rules(self).rules}

    def tables(self, rule: Rule) -> list[str]:
        """Return the tables whose numbers a rule reads."""
        return list(dict.fromkeys(self.records[(atom.notebook, atom.record)].table for atom in rule.atoms()))


def load_rules(folder: str | Path | None = None) -> RuleSet:
    """Read and validate the rules, and what they name, in a folder (``data/evidence``).

    Raises
    ------
    InputError
        One sentence with the rule's id for a malformed condition, a rule that states one side only, a number
        that no notebook records, a rule that can be supported and refuted at once, or a hash that differs
        from the stored one.
    """
    folder = Path(folder) if folder else data_folder() / "evidence"
    try:
        content = tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as fault:
        raise InputError(f"rules.toml cannot be read: {fault}") from fault
    header = content.get("header", {})
    if missing := {"version", "frozen", "looks", "sha256"} - set(header):
        raise InputError(f"rules.toml: the header lacks {', '.join(sorted(missing))}")
    records = _read_records(folder / "records.csv")
    rules = tuple(_rule(entry, records) for entry in content["rule"])
    names = [rule.id for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"rule {twice[0]} stands twice in rules.toml: give every rule its own id")
    sha256 = hash_rules(content)
    if header["sha256"] != sha256:
        raise InputError(
            f"rules.toml was changed after it was frozen (its hash is now {sha256[:12]}): "
            "set the new hash and date, and say in CHANGELOG.md what changed and why"
        )
    untested = {
        r["claim"]: (r["reason"], r["evidence"]) for r in _rows(folder / "coverage.csv") if r["reason"]
    }
    claims = {
        claim: [own for own in content["rule"] if own["claim"] == claim]
        for claim in {rule.claim for rule in rules}
    }
    stamps = {claim: _sha256(own)[:12] for claim, own in claims.items()}
    return RuleSet(rules, records, untested, header["version"], str(header["frozen"]), header["looks"],
                   _registrations(folder), sha256, stamps)  # fmt: skip


def _registrations(folder: Path) -> dict[str, str]:
    """Return the date of every registered study; refuse a plan that is missing or was changed since."""
    found = {}
    for row in _rows(folder / "registrations.csv"):
        where = f"registrations.csv, {row['source']}"
        try:
            plan = hashlib.sha256((folder / row["file"]).read_bytes()).hexdigest()
            found[row["source"]] = date.fromisoformat(row["date"]).isoformat()
        except OSError:
            raise InputError(f"{where}: the plan {row['file']!r} is not in {folder.name}") from None
        except ValueError:
            raise InputError(f"{where}: the date {row['date']!r} is not like 2026-11-26") from None
        if plan != row["sha256"]:
            raise InputError(f"{where}: the plan was changed after it was registered, so nothing is earned")
    return found


def hash_rules(content: Mapping[str, Any]) -> str:
    """Return the sha256 of everything in ``rules.toml`` but the hash itself, whatever its layout."""
    header = {key: str(value) for key, value in content["header"].items() if key != "sha256"}
    return _sha256([header, content["rule"]])


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def mirror_rules(rules: RuleSet) -> RuleSet:
    """Return the rules of the opposite claims: the words product and experience exchanged everywhere."""

    def swap(sign: float, atom: Atom) -> tuple[float, Atom]:
        record = rules.records[atom.notebook, atom.record]
        atom = atom._replace(record=record.mirror or atom.record)
        turned = atom._replace(part=_OPPOSITE[atom.part])
        return (-sign, turned) if record.mirrored == "negate" else (sign, atom)

    def turn(rule: Rule) -> Rule:
        supported, refuted = rule.supported_when.change(swap), rule.refuted_when.change(swap)
        return replace(rule, side=SIDES[rule.side], supported_when=supported, refuted_when=refuted)

    return replace(rules, rules=tuple(turn(rule) for rule in rules.rules))


def _rule(entry: Mapping[str, Any], records: Mapping[tuple[str, str], Record]) -> Rule:
    name = f"rule {entry.get('id', '?')}"
    lacking = [key for key in _KEYS if entry.get(key) in (None, "")]
    if "refuted_when" in lacking or "supported_when" in lacking:
        raise InputError(f"{name} states one side only: give both supported_when and refuted_when")
    odd = lacking or sorted(set(entry) - set(_KEYS))
    if odd:
        raise InputError(f"{name} {'lacks' if lacking else 'has unknown keys'}: {', '.join(odd)}")
    for key, kind in _KEYS.items():
        if not isinstance(entry[key], kind if kind is not float else (int, float)):
            raise InputError(f"{name}: {key} must be of type {kind.__name__}")
    if entry["side"] not in SIDES or not 0 < float(entry["sesoi"]) < float("inf"):
        raise InputError(f"{name}: side must be product, experience or none, and sesoi a number above 0")
    if entry["evidence"] not in LEVELS:
        raise InputError(f"{name}: the evidence level {entry['evidence']!r} is none of: {'; '.join(LEVELS)}")
    parsed = {}
    for key in ("supported_when", "refuted_when"):
        try:
            parsed[key] = _placed(entry[key], entry["notebook"], records)
        except InputError as fault:
            raise InputError(f"{name}, {key}: {fault}") from None
    texts = {key: entry[key] for key in ("id", "claim", "notebook", "side", "reads", "evidence")}
    rule = Rule(**texts, sesoi=float(entry["sesoi"]), **parsed)
    _check_fair(rule, name, records)
    return rule


def _placed(text: str, notebook: str, records: Mapping[tuple[str, str], Record]) -> Condition:
    """Return a condition whose recorded numbers have their notebook; refuse those that none records."""
    stems = {stem[:2]: stem for stem, _ in records}

    def place(sign: float, atom: Atom) -> tuple[float, Atom]:
        stem = stems.get(atom.notebook, atom.notebook) or notebook
        if (stem, atom.record) not in records:
            near = get_close_matches(atom.record, [name for _, name in records], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"no notebook records {atom.record!r} in {stem}{hint}")
        return sign, atom._replace(notebook=stem)

    placed = Condition.parse(text).change(place)
    if not placed.atoms():
        raise InputError(f"the condition {text!r} reads no recorded number")
    return placed


def _check_fair(rule: Rule, name: str, records: Mapping[tuple[str, str], Record]) -> None:
    """Refuse a rule whose two sides can hold at once, can never hold, or that cannot be mirrored."""
    import numpy as np

    keys = list(dict.fromkeys((atom.notebook, atom.record) for atom in rule.atoms()))
    fixed = [key for key in keys if not records[key].mirror] if rule.side != "none" else []
    if fixed:
        raise InputError(f"{name} takes a side but {fixed[0][1]} has no mirror in records.csv")
    random = np.random.default_rng(0)
    levels = np.array([-2, -1, -rule.sesoi, 0, rule.sesoi, 0.5, 1, 2, 20.0])
    middles = np.concatenate([levels, (levels[:-1] + levels[1:]) / 2])
    spread = {}
    for key in keys:
        wide, narrow = random.choice(levels, (3, 4000)), np.tile(random.choice(middles, 4000), (3, 1))
        both = np.concatenate([wide, narrow], axis=1) + random.normal(0, 0.1 * rule.sesoi, (3, 8000))
        spread[key] = np.sort(both, axis=0)[:, random.permutation(8000)]
    order = {"low": 0, "value": 1, "high": 2}

    def look(atom: Atom) -> Any:
        return spread[(atom.notebook, atom.record)][order[atom.part]]

    supported, refuted = (c.holds(look, rule.sesoi) for c in (rule.supported_when, rule.refuted_when))
    if (supported & refuted).any():
        raise InputError(
            f"{name} can be supported and refuted by the same numbers: make its conditions exclude each other"
        )
    if not supported.any() or not refuted.any():
        side = "refuted" if supported.any() else "supported"
        raise InputError(f"{name} can never be {side}: no numbers meet that condition")


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as fault:
        raise InputError(f"{path.name} cannot be read: {fault.strerror}") from fault


def _read_records(path: Path) -> dict[tuple[str, str], Record]:
    keys = ("notebook", "record", "table", "unit", "what", "mirror", "mirrored")
    records = {(row["notebook"], row["record"]): Record(*(row[key] for key in keys)) for row in _rows(path)}
    for (notebook, name), record in records.items():
        back = records.get((notebook, record.mirror))
        if record.mirror and (back is None or back.mirror != name or back.mirrored != record.mirrored):
            raise InputError(
                f"records.csv: {name} in {notebook} and its mirror {record.mirror!r} do not name each other"
            )
    return records
