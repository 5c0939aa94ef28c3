"""The coded debate and the rules of the verdict: data, read, validated, hashed and mirrored.

A condition compares recorded numbers, joined by ``and`` and ``or``: ``low(share-product) > 0.5 + sesoi and
high(02/slope-product-fair) < -sesoi``. ``value``, ``low`` and ``high`` are a recorded number and the limits
of its interval, ``NN/`` names another notebook, ``sesoi`` is the smallest effect of interest.

``data/evidence/README.md`` describes every file: claims, links, codings, facts and ideas. Texts are
paraphrases with their place.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from cxlab.data.errors import InputError, nearest, refuse_unknown
from cxlab.data.files import data_folder, sha256_of

_COLUMNS = {
    "claims": "claim_id speaker location lines type testable topic theme paraphrase "
    "stance_drivers stance_scope data_needed",
    "links": "from_claim to_claim relation basis",
    "codings": "claim_id scale first second settled reason",
    "link_codings": "from_claim to_claim first second settled reason",
    "facts": "fact_id article location fact value unit check status check_source note",
    "ideas": "idea_id article idea method notebook",
    "coverage": "claim notebook record table reason evidence",
    "records": "notebook record table unit what mirror mirrored",
    "speakers": "speaker product_means experience_means location",
    "statements": "statement form groups claims text second_wording",
    "registrations": "source date file sha256",
}
Evidence = namedtuple("Evidence", _COLUMNS)
Evidence.__doc__ = "Every table of ``data/evidence`` as a DataFrame of texts; stances are numbers."


def load_evidence(folder: str | Path | None = None) -> Evidence:
    """Read the tables of a folder (the workbook's ``data/evidence``).

    What does not hang together is an InputError that names file and line.
    """
    tables = {name: _read(folder, name) for name in _COLUMNS}
    claims, links, coverage = (tables[name] for name in ("claims", "links", "coverage"))
    ids, ends, stances = claims["claim_id"], ["from_claim", "to_claim"], ["stance_drivers", "stance_scope"]
    known, scale, kinds = [*ids, *tables["ideas"]["idea_id"]], ["", *"012", "-1", "-2"], ["attack", "support"]
    checks = [
        ("claims", ids.duplicated(), "claim {claim_id} stands twice"),
        *(
            ("claims", ~claims[name].isin(scale), f"{name} is {{{name}!r}}; allowed are -2..2 or empty")
            for name in stances
        ),
        *(("links", ~links[end].isin(ids), f"there is no claim {{{end}!r}}") for end in ends),
        ("links", links[ends[0]] == links[ends[1]], "{from_claim} links to itself"),
        ("links", links.duplicated(ends), "the link from {from_claim} to {to_claim} stands twice"),
        ("links", ~links["relation"].isin(kinds), "relation is {relation!r}; allowed are attack and support"),
        ("coverage", ~coverage["claim"].isin(known), "there is no claim {claim!r}"),
    ]
    for name, wrong, said in checks:
        if wrong.any():
            at = int(wrong.to_numpy().argmax())
            raise InputError(f"{name}.csv, line {at + 2}: {said.format(**tables[name].iloc[at])}")
    claims[stances] = claims[stances].replace("", None).apply(pd.to_numeric).astype("Float64")
    return Evidence(**tables)


def _read(folder: str | Path | None, name: str) -> pd.DataFrame:
    path = Path(folder or data_folder() / "evidence", f"{name}.csv")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as fault:
        raise InputError(f"{name}.csv cannot be read: {fault}") from fault
    if missing := [column for column in _COLUMNS[name].split() if column not in table]:
        raise InputError(f"{name}.csv lacks the column {', '.join(missing)}")
    return table


def check_evidence(folder: str | Path | None = None) -> list[str]:
    """Check everything, rules included, and return what is right in a few lines.

    Every rule must be about a known claim, every testable claim needs a rule or a reason why not.
    """
    evidence, rules = load_evidence(folder), load_rules(folder)
    claims, ideas = evidence.claims, list(evidence.ideas["idea_id"])
    for rule in rules.rules:
        if rule.claim not in {*claims["claim_id"], *ideas}:
            raise InputError(f"rule {rule.id}: there is no claim {rule.claim!r}")
    testable = [*claims.loc[claims["testable"] != "no", "claim_id"], *ideas]
    if bare := [claim for claim in testable if claim not in rules.claims()]:
        raise InputError(
            f"{', '.join(bare)}: testable, but without a rule and without a reason in coverage.csv"
        )
    return [
        f"{len(claims)} claims, {len(evidence.links)} links, {len(evidence.facts)} checked facts",
        f"{len(rules.rules)} rules about {len({rule.claim for rule in rules.rules})} claims, "
        f"frozen {rules.frozen}, sha256 {rules.sha256}",
        f"{len(rules.untested)} claims with a reason why no number decides them",
    ]


LEVELS = ("anecdote or league table", "one survey", "sensitivity-robust or between-firm", "randomised")
SIDES = {"product": "experience", "experience": "product", "none": "none"}
_PARTS = {"low": "high", "value": "value", "high": "low"}  # in rising order, each with its part of the mirror
_TERM = r"(?:\d+(?:\.\d+)?|sesoi)"
_COMPARISON = re.compile(
    rf"(value|low|high)\((?:(\d\d)/)?([a-z][a-z0-9-]*)\) ([<>]) (-?{_TERM}(?: [+-] {_TERM})*)"
)


class Atom(NamedTuple):
    """A recorded number that a condition reads: which part of it, in which notebook, its name."""

    part: str
    notebook: str
    record: str


class Comparison(NamedTuple):
    """A number that must lie above (``sign`` 1) or below (-1) a constant and so many times sesoi."""

    atom: Atom
    sign: int
    constant: float
    factor: float

    def gap(self, look: Callable[[Atom], float | None], sesoi: float) -> float | None:
        """Return how far beyond its threshold the number lies; None where it is missing."""
        value = look(self.atom)
        return None if value is None else self.sign * (value - self.constant - self.factor * sesoi)


class Condition(NamedTuple):
    """A condition: any of its clauses, each of them all of its comparisons."""

    clauses: tuple[tuple[Comparison, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return the condition that a text states; atoms have the notebook that the text gives, or ``""``."""
        clauses = " ".join(text.split()).split(" or ")
        return cls(tuple(tuple(map(_comparison, clause.split(" and "))) for clause in clauses))

    def holds(self, look: Callable[[Atom], float | None], sesoi: float) -> bool | None:
        """Return True, False or None: unknown, as in Kleene's logic."""
        gaps = [[comparison.gap(look, sesoi) for comparison in clause] for clause in self.clauses]
        least, most = (
            any(all(unknown if gap is None else gap > 0 for gap in clause) for clause in gaps)
            for unknown in (False, True)
        )
        return None if most and not least else least

    def change(self, turn: Callable[[Comparison], Comparison]) -> Condition:
        """Return the condition with other comparisons."""
        return Condition(tuple(tuple(map(turn, clause)) for clause in self.clauses))


def _comparison(text: str) -> Comparison:
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise InputError(f"the condition {text!r} cannot be read; it must be such as low(x) > 0.5 + sesoi")
    part, notebook, record, sign, threshold = match.groups()
    terms = threshold.replace("+ ", "").replace("- ", "-").split()
    times = [-1 if term[0] == "-" else 1 for term in terms if term.endswith("sesoi")]
    constant = sum(float(term) for term in terms if not term.endswith("sesoi"))
    return Comparison(Atom(part, notebook or "", record), 1 if sign == ">" else -1, constant, sum(times))


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
        clauses = self.supported_when.clauses + self.refuted_when.clauses
        return list(dict.fromkeys(comparison.atom for clause in clauses for comparison in clause))


@dataclass(frozen=True)
class RuleSet:
    """All rules with the date on which they were frozen, and what had been looked at before."""

    rules: tuple[Rule, ...]
    records: Mapping[tuple[str, str], Any]  # notebook, name -> its row of records.csv
    untested: Mapping[str, tuple[str, str]]  # claim without a rule -> why, and the evidence level
    version: int
    frozen: str
    looks: str
    registered: Mapping[str, str]  # source -> the date of its plan
    sha256: str
    stamps: Mapping[str, str]  # of a claim: the start of the sha256 of its own rules

    def claims(self) -> list[str]:
        """Return the claims in the order of the rules, then those with a reason instead."""
        return list(dict.fromkeys([rule.claim for rule in self.rules] + list(self.untested)))

    def with_sesoi(self, factor: float) -> RuleSet:
        """Return the rules with every smallest effect of interest multiplied, for both sides alike."""
        return replace(self, rules=tuple(replace(rule, sesoi=rule.sesoi * factor) for rule in self.rules))

    @cached_property
    def mirrored(self) -> RuleSet:
        """The rules of the opposite claims: the words product and experience exchanged everywhere."""

        def turn(comparison: Comparison) -> Comparison:
            atom, sign, constant, factor = comparison
            record = self.records[atom[1:]]
            atom = atom._replace(record=record.mirror or atom.record)
            if record.mirrored != "negate":
                return comparison._replace(atom=atom)
            return Comparison(atom._replace(part=_PARTS[atom.part]), -sign, -constant, -factor)

        def mirror(rule: Rule) -> Rule:
            supported, refuted = rule.supported_when.change(turn), rule.refuted_when.change(turn)
            return replace(rule, side=SIDES[rule.side], supported_when=supported, refuted_when=refuted)

        return replace(self, rules=tuple(map(mirror, self.rules)))

    def tables(self, rule: Rule) -> list[str]:
        """Return the tables whose numbers a rule reads."""
        return list(dict.fromkeys(self.records[atom[1:]].table for atom in rule.atoms()))


def load_rules(folder: str | Path | None = None) -> RuleSet:
    """Read the rules, and what they name, in a folder (``data/evidence``); refuse malformed or unfair ones.

    A rule states both sides in numbers that notebooks record, can be supported and refuted but not at once,
    and all rules have the hash that is stored with them.
    """
    folder = Path(folder or data_folder() / "evidence")
    try:
        content = tomllib.loads((folder / "rules.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as fault:
        raise InputError(f"rules.toml cannot be read: {fault}") from fault
    header = content.get("header", {})
    if missing := {"version", "frozen", "looks", "sha256"} - set(header):
        raise InputError(f"rules.toml: the header lacks {', '.join(sorted(missing))}")
    declared = _read(folder, "records").itertuples(index=False, name="Record")
    records = {(record.notebook, record.record): record for record in declared}
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
    coverage = _read(folder, "coverage").itertuples()
    untested = {row.claim: (row.reason, row.evidence) for row in coverage if row.reason}
    claims = dict.fromkeys(rule.claim for rule in rules)
    stamps = {claim: _sha256([e for e in content["rule"] if e["claim"] == claim])[:12] for claim in claims}
    return RuleSet(rules, records, untested, header["version"], str(header["frozen"]), header["looks"],
                   _registrations(folder), sha256, stamps)  # fmt: skip


def _registrations(folder: Path) -> dict[str, str]:
    """Return the date of every registered study; refuse a plan that is missing or was changed since."""
    found = {}
    for row in _read(folder, "registrations").itertuples():
        where = f"registrations.csv, {row.source}"
        try:
            plan = sha256_of(folder / row.file)
            found[row.source] = date.fromisoformat(row.date).isoformat()
        except OSError:
            raise InputError(f"{where}: the plan {row.file!r} is not in {folder.name}") from None
        except ValueError:
            raise InputError(f"{where}: the date {row.date!r} is not like 2026-11-26") from None
        if plan != row.sha256:
            raise InputError(f"{where}: the plan was changed after it was registered, so nothing is earned")
    return found


def hash_rules(content: Mapping[str, Any]) -> str:
    """Return the sha256 of everything in ``rules.toml`` but the hash itself, whatever its layout."""
    header = {key: str(value) for key, value in content["header"].items() if key != "sha256"}
    return _sha256([header, content["rule"]])


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _rule(entry: Mapping[str, Any], records: Mapping[tuple[str, str], Any]) -> Rule:
    name, known = f"rule {entry.get('id', '?')}", list(Rule.__dataclass_fields__)
    refuse_unknown(entry, known, name)
    for key in known:
        kind, word = ((int, float), "number") if key == "sesoi" else (str, "text")
        if not isinstance(entry.get(key), kind) or not entry[key]:
            raise InputError(f"{name} needs {key}, a {word}; a rule states both sides")
    if entry["side"] not in SIDES or entry["evidence"] not in LEVELS or not 0 < entry["sesoi"] < float("inf"):
        listed = f"side is one of {', '.join(SIDES)}, evidence one of {'; '.join(LEVELS)}"
        raise InputError(f"{name}: {listed}, sesoi a number above 0")
    stems = {"": entry["notebook"], **{stem[:2]: stem for stem, _ in records}}

    def place(comparison: Comparison) -> Comparison:
        atom = comparison.atom
        atom = atom._replace(notebook=stems.get(atom.notebook, atom.notebook))
        if atom[1:] not in records:
            near = nearest(atom.record, [name for _, name in records])
            raise InputError(f"no notebook records {atom.record!r} in {atom.notebook}; {near}".rstrip("; "))
        return comparison._replace(atom=atom)

    parsed = dict(entry)
    for key in ("supported_when", "refuted_when"):
        try:
            parsed[key] = Condition.parse(entry[key]).change(place)
        except InputError as fault:
            raise InputError(f"{name}, {key}: {fault}") from None
    rule = Rule(**parsed)
    _check_fair(rule, name, records)
    return rule


def _check_fair(rule: Rule, name: str, records: Mapping[tuple[str, str], Any]) -> None:
    """Refuse a rule whose two sides can hold at once, can never hold, or that cannot be mirrored."""
    fixed = [atom.record for atom in rule.atoms() if not records[atom[1:]].mirror]
    if rule.side != "none" and fixed:
        raise InputError(f"{name} takes a side but {fixed[0]} has no mirror in records.csv")
    sides = {"supported": rule.supported_when.clauses, "refuted": rule.refuted_when.clauses}
    for side, clauses in sides.items():
        if not any(_possible(clause, rule.sesoi) for clause in clauses):
            raise InputError(f"{name} can never be {side}: no numbers meet that condition")
    if any(_possible(one + other, rule.sesoi) for one in sides["supported"] for other in sides["refuted"]):
        raise InputError(
            f"{name} can be supported and refuted at once; its conditions must exclude each other"
        )


def _possible(clause: tuple[Comparison, ...], sesoi: float) -> bool:
    """Whether numbers with low <= value <= high meet all comparisons at once."""
    order = list(_PARTS)
    bounds = [(c.atom, c.sign, c.constant + c.factor * sesoi) for c in clause]
    return not any(
        low[1:] == high[1:] and order.index(low.part) <= order.index(high.part) and least >= most
        for low, above, least in bounds
        for high, below, most in bounds
        if above > 0 > below
    )
