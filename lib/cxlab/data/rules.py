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
    """A recorded number that a condition reads.

    Which part of it, in which notebook ("" until placed), its name.
    """

    part: str
    notebook: str
    record: str


class Comparison(NamedTuple):
    """One comparison of a condition: ``left - right`` must be above 0 for it to hold."""

    left: ast.expr
    right: ast.expr

    def gap(self, look: Callable[[Atom], Any], sesoi: float) -> Any:
        """Return how far beyond its threshold the comparison lies; None where a number is missing."""
        left, right = (_number(side, look, sesoi) for side in self)
        return None if left is None or right is None else left - right

    def atoms(self) -> list[Atom]:
        """Return the numbers that it reads."""
        return [_atom(node) for side in self for node in ast.walk(side) if isinstance(node, ast.Call)]


@dataclass(frozen=True)
class Condition:
    """A parsed condition: any of its clauses, each of them all of its comparisons."""

    text: str

    @cached_property
    def clauses(self) -> list[list[Comparison]]:
        """The clauses, in the order of the text."""
        try:
            tree = ast.parse(
                _ATOM.sub(lambda m: f'{m[1]}("{m[2] or ""}", "{m[3]}")', self.text), mode="eval"
            ).body
        except SyntaxError:
            raise InputError(f"the condition {self.text!r} cannot be read") from None
        clauses = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or) else [tree]
        return [[self._comparison(part) for part in self._parts(clause)] for clause in clauses]

    def _parts(self, clause: ast.expr) -> list[ast.expr]:
        return (
            clause.values if isinstance(clause, ast.BoolOp) and isinstance(clause.op, ast.And) else [clause]
        )

    def _comparison(self, node: ast.expr) -> Comparison:
        match node:
            case ast.Compare(left=left, ops=[ast.Gt()], comparators=[right]):
                found = Comparison(left, right)
            case ast.Compare(left=left, ops=[ast.Lt()], comparators=[right]):
                found = Comparison(right, left)
            case _:
                raise InputError(
                    f"the condition {self.text!r} needs < or > between two terms, joined by and, or"
                )
        for side in found:
            _number(side, lambda atom: 0.0, 0.0)  # refuses what is no term
        return found

    def atoms(self) -> list[Atom]:
        """Return every recorded number that it reads."""
        return [atom for clause in self.clauses for comparison in clause for atom in comparison.atoms()]

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

    def rename(self, change: Callable[[Atom], str]) -> Condition:
        """Return the condition with every recorded number written anew."""
        return Condition(_ATOM.sub(lambda m: change(Atom(m[1], m[2] or "", m[3])), self.text))

    def __str__(self) -> str:
        return self.text


def _number(node: ast.expr, look: Callable[[Atom], Any], sesoi: float) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id="sesoi"):
            return sesoi
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand, look, sesoi)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            a, b = _number(left, look, sesoi), _number(right, look, sesoi)
            return None if a is None or b is None else a + b if isinstance(op, ast.Add) else a - b
        case ast.Call(
            func=ast.Name(id="value" | "low" | "high"), args=[ast.Constant(), ast.Constant()], keywords=[]
        ):
            return look(_atom(node))
    raise InputError(
        f"a condition may hold numbers, sesoi, value(x), low(x) and high(x), not {ast.unparse(node)[:40]!r}"
    )


def _atom(node: ast.Call) -> Atom:
    return Atom(node.func.id, *(argument.value for argument in node.args))


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

    def claims(self) -> list[str]:
        """Return the claims in the order of the rules, then those with a reason instead."""
        return list(dict.fromkeys([rule.claim for rule in self.rules] + list(self.untested)))

    def with_sesoi(self, factor: float) -> RuleSet:
        """Return the rules with every smallest effect of interest multiplied, for both sides alike."""
        return replace(self, rules=tuple(replace(rule, sesoi=rule.sesoi * factor) for rule in self.rules))

    def tables(self, rule: Rule) -> list[str]:
        """Return the tables whose numbers a rule reads."""
        return list(dict.fromkeys(self.records[(atom.notebook, atom.record)].table for atom in rule.atoms()))


def load_rules(folder: str | Path | None = None) -> RuleSet:
    """Read and validate ``rules.toml``, ``records.csv`` and ``coverage.csv`` of a folder (``data/evidence``).

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
    header, raw = content.get("header", {}), content.get("rule", [])
    missing = {"version", "frozen", "looks", "registered", "sha256"} - set(header)
    if missing or not raw:
        lacks = f"the header lacks {', '.join(sorted(missing))}" if missing else "it holds no rule"
        raise InputError(f"rules.toml: {lacks}")
    records = _read_records(folder / "records.csv")
    rules = tuple(_rule(entry, records) for entry in raw)
    names = [rule.id for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"rule {twice} stands twice in rules.toml: give every rule its own id")
    sha256 = hash_rules(content)
    if header["sha256"] != sha256:
        raise InputError(
            f"rules.toml was changed after it was frozen (its rules hash to {sha256[:12]}, its header says "
            f"{str(header['sha256'])[:12]}): set the new hash and date, "
            "and say in CHANGELOG.md what changed and why"
        )
    untested = {
        r["claim"]: (r["reason"], r["evidence"]) for r in _rows(folder / "coverage.csv") if r["reason"]
    }
    return RuleSet(
        rules,
        records,
        untested,
        header["version"],
        str(header["frozen"]),
        header["looks"],
        header["registered"],
        sha256,
    )


def hash_rules(content: Mapping[str, Any]) -> str:
    """Return the sha256 of everything in ``rules.toml`` but the hash itself, whatever its layout."""
    header = {key: str(value) for key, value in content["header"].items() if key != "sha256"}
    return hashlib.sha256(json.dumps([header, content["rule"]], sort_keys=True).encode()).hexdigest()


def mirror_rules(rules: RuleSet) -> RuleSet:
    """Return the rules of the opposite claims: the words product and experience exchanged everywhere."""

    def swap(atom: Atom) -> str:
        record = rules.records[(atom.notebook, atom.record)]
        place = f"{atom.notebook[:2]}/"
        if not record.mirror:
            return f"{atom.part}({place}{atom.record})"
        if record.mirrored == "negate":
            return f"(-{_OPPOSITE[atom.part]}({place}{record.mirror}))"
        return f"{atom.part}({place}{record.mirror})"

    def turn(rule: Rule) -> Rule:
        stems = {stem[:2]: stem for stem, _ in rules.records}

        def place(atom: Atom) -> Atom:
            return atom._replace(notebook=stems[atom.notebook])

        conditions = {
            key: _placed(
                getattr(rule, key).rename(lambda atom: swap(place(atom))), rule.notebook, rules.records
            )
            for key in ("supported_when", "refuted_when")
        }
        return replace(rule, side=SIDES[rule.side], **conditions)

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
            parsed[key] = _placed(Condition(entry[key]), entry["notebook"], records)
        except InputError as fault:
            raise InputError(f"{name}, {key}: {fault}") from None
    texts = {key: entry[key] for key in ("id", "claim", "notebook", "side", "reads", "evidence")}
    rule = Rule(**texts, sesoi=float(entry["sesoi"]), **parsed)
    _check_fair(rule, name, records)
    return rule


def _placed(condition: Condition, notebook: str, records: Mapping[tuple[str, str], Record]) -> Condition:
    """Give every recorded number its notebook; refuse those that no notebook records."""
    stems = {stem[:2]: stem for stem, _ in records}

    def find(atom: Atom) -> str:
        stem = stems.get(atom.notebook, atom.notebook) if atom.notebook else notebook
        if (stem, atom.record) not in records:
            near = get_close_matches(atom.record, [name for _, name in records], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(f"no notebook records {atom.record!r} in {stem}{hint}")
        return f"{atom.part}({stem[:2]}/{atom.record})"

    placed = condition.rename(find)
    if not placed.atoms():
        raise InputError(f"the condition {condition.text!r} reads no recorded number")
    full = Condition(placed.text)
    object.__setattr__(
        full, "clauses", [[_with_stems(c, stems) for c in clause] for clause in placed.clauses]
    )
    return full


def _with_stems(comparison: Comparison, stems: Mapping[str, str]) -> Comparison:
    for side in comparison:
        for node in ast.walk(side):
            if isinstance(node, ast.Call):
                node.args[0] = ast.Constant(stems[node.args[0].value])
    return comparison


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
