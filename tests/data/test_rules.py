"""The rules of the verdict: parsed, fair, frozen, mirrored."""

import hashlib
import shutil
import tomllib
from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
import pytest

from cxlab.data.errors import InputError
from cxlab.data.rules import Atom, Comparison, Condition, _possible, hash_rules, load_rules
from cxlab.questions.judging import combine, judge

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "evidence"
C9B = 'claim = "C9b"\nnotebook = "05-lifecycle-and-metaquality"\nside = '
P1 = 'refuted_when = "high(share-shared-fair) < 0.5 - sesoi and low(explained) > sesoi"'


@pytest.fixture(scope="module")
def rules():
    return load_rules()


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "evidence")
    return tmp_path / "evidence"


def test_rules_say_when_they_were_frozen_and_what_had_been_seen(rules):
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"{rules.frozen}, version {rules.version}, `{rules.sha256}`" in log
    assert rules.version == 9 and "had been seen" in rules.looks and "exploratory" in rules.looks


def test_both_sides_count_with_the_same_smallest_effect(rules):
    """A number and its mirror are held against the same smallest effect, whichever side a rule speaks for."""
    sizes: dict[frozenset, set] = {}
    for rule in rules.rules:
        for atom in rule.atoms() if rule.side != "none" and len(rule.supported_when.clauses[0]) == 1 else []:
            pair = frozenset({atom.record, rules.records[atom[1:]].mirror})
            sizes.setdefault(pair, set()).add(rule.sesoi)
    assert sizes and all(len(found) == 1 for found in sizes.values()), sizes
    sides = [rule.side for rule in rules.rules]
    assert sides.count("product") > 5 and sides.count("experience") > 5


def test_numbers_and_their_mirrors_name_each_other(rules):
    for (notebook, name), record in rules.records.items():
        back = rules.records.get((notebook, record.mirror))
        assert not record.mirror or (back.mirror, back.mirrored) == (name, record.mirrored), name


def test_mirroring_twice_gives_the_rules_back(rules):
    random, twice = np.random.default_rng(1), rules.mirrored.mirrored.rules
    for rule, back in [*zip(rules.rules, twice, strict=True)] * 50:
        values = {}

        def look(atom, values=values):
            return values.setdefault(atom, random.normal(0, 1))

        for key in ("supported_when", "refuted_when"):
            first, second = (getattr(one, key).holds(look, rule.sesoi) for one in (rule, back))
            assert first is second, rule.id


def test_mirror_of_a_difference_turns_its_limits(rules):
    turned = {rule.id: rule for rule in rules.mirrored.rules}
    high = Atom("high", "02-product-or-experience", "emotion-share-difference-fair")
    assert turned["C8c.1"].supported_when.clauses == ((Comparison(high, -1, 0, -1),),)
    assert turned["P3.1"].side == "experience"
    assert turned["P3.1"].supported_when.clauses[0][0].atom.record == "slope-experience-fair"


def test_every_rule_about_ratings_of_one_sitting_is_guarded_against_a_liking(rules):
    unguarded = {"hostage-loyalty-gap"}  # an interaction: a liking that lifts all ratings alike makes none
    effects = ("slope", "share", "indirect", "kink", "loss", "functions")
    for rule in rules.rules:
        names = {atom.record for atom in rule.atoms() if rules.records[atom[1:]].table == "survey"}
        if any(name.startswith(effects) for name in names) and not names & unguarded:
            assert any(name.endswith("-fair") for name in names), rule.id


@pytest.mark.parametrize(
    "text",
    ["", "low(a)", "low(a) > ", "> 1", "low(a) > 1 and", "low(a) == 1", "low(a) > 1 2", "mean(a) > 1",
     "low(a) > __import__('os')", "1 > low(a) < 2", "low() > 1", "low(a) > [1]", "not low(a) > 1"],
)  # fmt: skip
def test_malformed_conditions_are_refused(text):
    with pytest.raises(InputError):
        Condition.parse(text).holds(lambda atom: 0.0, 1)


def test_unknown_numbers_pass_through_and_and_or():
    def look(atom):
        return {"a": 1.0, "b": None}[atom.record]

    assert Condition.parse("value(a) > 0 or value(b) > 0").holds(look, 1) is True
    assert Condition.parse("value(a) > 0 and value(b) > 0").holds(look, 1) is None
    assert Condition.parse("value(a) < 0 and value(b) > 0").holds(look, 1) is False
    assert Condition.parse("value(a) < 0 or value(b) > 0").holds(look, 1) is None
    assert Condition.parse("value(a) > 0.5 - sesoi + 1").holds(look, 0.6) is True


def test_numbers_that_meet_a_condition_are_found_as_by_trying_all():
    parts, ends = ("low", "value", "high"), combinations_with_replacement((-0.5, 0.5, 1.5), 3)
    triples = [dict(zip(parts, three, strict=True)) for three in ends]
    found = product([Atom(part, "02", "x") for part in parts], (1, -1), (0, 1))
    single = [Comparison(*one, 0) for one in found]
    for clause in product(single, repeat=2):
        met = any(all(c.gap(lambda atom, t=t: t[atom.part], 1) > 0 for c in clause) for t in triples)
        assert _possible(clause, 1) == met, clause


@pytest.mark.parametrize(
    ("find", "put", "message"),
    [
        (P1 + "\n", "", "needs refuted_when.* states both sides"),
        (P1, 'refuted_when = "high(share-shared-fair) < 0.9"', "must exclude each other"),
        (P1, 'refuted_when = "high(explained) < 0.4 and low(explained) > 0.9"', "can never be refuted"),
        ("low(share-shared-fair) >", "low(share-shard-fair) >", "no notebook records 'share-shard-fair'"),
        (C9B + '"none"', C9B + '"product"', "has no mirror"),
        ('"low(slope-product-fair) > sesoi and', '"product above all and', "cannot be read"),
        ('side = "none"', 'side = "price"', "product, experience, none"),
        ("sesoi = 0.05", "sesoi = -1", "above 0"),
        ('evidence = "one survey"', 'evidence = "I saw it"', "evidence one of"),
        ('id = "P2.1"', 'id = "P1.1"', "stands twice"),
        ("sesoi = 0.05", "sesoi = 0.06", "changed after it was frozen"),
        ("[header]", "[heading]", "header lacks"),
        ("[[rule]]", "[[rule]", "cannot be read"),
        ('claim = "P1"', 'claim = "P1"\nextra = 1', "no key 'extra'"),
        ("sesoi = 0.05", 'sesoi = "much"', "sesoi, a number"),
    ],
)
def test_a_faulty_rule_is_one_sentence(copy, find, put, message):
    text = (copy / "rules.toml").read_text(encoding="utf-8")
    assert find in text
    (copy / "rules.toml").write_text(text.replace(find, put, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message) as fault:
        load_rules(copy)
    assert "\n" not in str(fault.value).split("(at line")[0]


def test_the_layout_of_the_file_does_not_change_the_hash(rules):
    text = (FOLDER / "rules.toml").read_text(encoding="utf-8")
    assert hash_rules(tomllib.loads(text.replace("\n\n", "\n\n# a remark\n"))) == rules.sha256


PLAN = b"One outcome, one rule, 400 answers."


def register(folder, line):
    (folder / "plan.txt").write_bytes(PLAN)
    (folder / "registrations.csv").write_text(f"source,date,file,sha256\n{line}\n")


def test_a_registered_plan_is_checked_and_earns_the_word(copy):
    register(copy, f"own,2026-11-01,plan.txt,{hashlib.sha256(PLAN).hexdigest()}")
    rules = load_rules(copy)
    assert rules.registered == {"own": "2026-11-01"} and rules.sha256 == load_rules().sha256
    number = {"value": 0.6, "low": 0.55, "high": 0.65, "simulated": False, "source": "own"}
    found = {"02-product-or-experience": {"slope-experience-fair": number}}
    for given, status in ((rules, "confirmatory"), (load_rules(), "exploratory")):
        assert judge(given, found).loc["C4a", "status"] == status
        assert combine(given, {}, {"Own": found}).loc["C4a", "status"] == status


@pytest.mark.parametrize(
    ("line", "message"),
    [("own,2026-11-01,plan.txt,00", "changed after"), ("own,2026-11-01,none.txt,00", "is not in"),
     ("own,soon,plan.txt,00", "is not like")],
)  # fmt: skip
def test_a_faulty_registration_is_refused(copy, line, message):
    register(copy, line)
    with pytest.raises(InputError, match=message):
        load_rules(copy)
