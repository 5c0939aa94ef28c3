"""The rules of the verdict: data, read, validated, hashed and mirrored; their language is in ``rule_language``."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .errors import InputError
from .places import data_folder
from .rule_language import Atom, Comparison, Condition, parse

__all__ = [
    "LEVELS",
    "Condition",
    "Record",
    "Rule",
    "RuleSet",
    "load_rules",
    "mirror_results",
    "mirror_rules",
    "parse",
]

LEVELS = (
    "anecdote or league table",
    "one survey",
    "sensitivity-robust or between-firm",
    "randomised",
)
SIDES = {"product": "experience", "experience": "product", "none": "none"}
_KEYS = {
    "id": str, "claim": str, "notebook": str, "side": str, "sesoi": float, "reads": str,
    "supported_when": str, "refuted_when": str, "evidence": str, "decidable_when": str, "raised": dict,
}  # fmt: skip
_OPTIONAL = {"decidable_when", "raised"}
_OPPOSITE = {"value": "value", "low": "high", "high": "low"}


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
        return [
            self.supported_when,
            self.refuted_when,
            *([self.decidable_when] if self.decidable_when else []),
        ]


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
        raise InputError(
            f"rules.toml: the header lacks {', '.join(sorted(missing))}"
            if missing
            else "rules.toml holds no rule"
        )
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
        row["claim"]: (row["reason"], row["evidence"])
        for row in _rows(folder / "coverage.csv")
        if row["reason"]
    }
    return RuleSet(
        rules, records, untested, str(header["frozen"]), header["looks"], tuple(header["explored"]), sha256
    )


def hash_rules(content: Mapping[str, Any]) -> str:
    """Return the sha256 of everything in ``rules.toml`` but the hash itself, whatever its layout."""
    header = {key: str(value) for key, value in content["header"].items() if key != "sha256"}
    return hashlib.sha256(json.dumps([header, content["rule"]], sort_keys=True).encode()).hexdigest()


def mirror_rules(rules: RuleSet) -> RuleSet:
    """Return the rules of the opposite claims: the words product and experience exchanged everywhere."""

    def turn(rule: Rule) -> Rule:
        def swap(condition: Condition | None) -> Condition | None:
            return condition and Condition(
                tuple(
                    tuple(
                        Comparison(
                            *(
                                part if isinstance(part, str) else _mirror_term(part, rule, rules.records)
                                for part in c
                            )
                        )
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
                minus = {
                    key: None if entry.get(key) is None else -entry[key] for key in ("value", "low", "high")
                }
                turned[notebook][record.mirror] = {
                    **entry,
                    "value": minus["value"],
                    "low": minus["high"],
                    "high": minus["low"],
                }
            else:
                turned[notebook][record.mirror] = entry
    return turned


def _mirror_term(
    term: tuple[Atom, ...], rule: Rule, records: Mapping[tuple[str, str], Record]
) -> tuple[Atom, ...]:
    def turn(atom: Atom) -> Atom:
        record = records[(atom.notebook, atom.record)] if atom.record else None
        if record is None or not record.mirror:
            return atom
        if record.mirrored == "negate":
            return atom._replace(sign=-atom.sign, kind=_OPPOSITE[atom.kind], record=record.mirror)
        return atom._replace(record=record.mirror)

    return tuple(turn(atom) for atom in term)


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
        return np.sort(
            np.concatenate([wide, narrow], axis=1) + random.normal(0, 0.1 * rule.sesoi, (3, 8000)), axis=0
        )

    spread = {key: interval()[:, random.permutation(8000)] for key in atoms}
    order = {"low": 0, "value": 1, "high": 2}

    def look(atom: Atom) -> Any:
        return spread[(atom.notebook, atom.record)][order[atom.kind]]

    supported, refuted = (c.holds(look, rule.sesoi) for c in (rule.supported_when, rule.refuted_when))
    if (supported & refuted).any():
        raise InputError(
            f"{name} can be supported and refuted by the same numbers: make its two conditions exclude each other"
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
    rows = _rows(path)
    records = {
        (row["notebook"], row["record"]): Record(
            row["notebook"],
            row["record"],
            *(row[key] for key in ("table", "unit", "what", "mirror", "mirrored", "simulator")),
        )
        for row in rows
    }
    for (notebook, name), record in records.items():
        back = records.get((notebook, record.mirror))
        if record.mirror and (back is None or back.mirror != name or back.mirrored != record.mirrored):
            raise InputError(
                f"records.csv: {name} in {notebook} and its mirror {record.mirror!r} do not name each other"
            )
    return records
