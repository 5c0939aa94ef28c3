"""A small comparison language for rules; parsed, never evaluated as code.

    condition  = clause {"or" clause}            clause = comparison {"and" comparison}
    comparison = term ("<" | ">") term           term   = ["-"] atom {("+" | "-") atom}
    atom       = number | "sesoi" | ("value" | "low" | "high") "(" [NN "/"] record ")"

A number that is missing makes a comparison unknown; unknown passes through "and" and "or" as in Kleene's logic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import InputError

__all__ = ["Atom", "Comparison", "Condition", "parse"]

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*|\.\d+)|(value|low|high)\(\s*(?:(\d\d)/)?([a-z][a-z0-9-]*)\s*\)|([a-z]+)|([<>+-]))"
)


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
            " and ".join(f"{_text(c.left)} {c.operator} {_text(c.right)}" for c in clause)
            for clause in self.clauses
        )


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
            return tuple(atoms), word or symbol or _token(number, how)
        else:
            break
        tokens.pop(0)
    if wanted:
        raise InputError(
            f"the condition {text!r} lacks a number, sesoi, value(x), low(x) or high(x) somewhere"
        )
    return tuple(atoms), None


def _token(number: str | None, how: str | None) -> str:
    """Return what to show for a token that stands where it must not."""
    return number or f"{how}(...)"


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
        body = (
            f"{atom.number:g}"
            if atom.kind == "number"
            else "sesoi"
            if atom.kind == "sesoi"
            else f"{atom.kind}({place}{atom.record})"
        )
        words.append(
            ("-" if atom.sign < 0 else "") + body if i == 0 else ("- " if atom.sign < 0 else "+ ") + body
        )
    return " ".join(words)
