"""The rules of the verdict: parsed, fair, frozen, mirrored."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from cxlab.evidence.errors import InputError
from cxlab.evidence.rules import hash_rules, load_rules, mirror_rules, parse

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "evidence"


@pytest.fixture(scope="module")
def rules():
    return load_rules()


def test_a_changed_rule_needs_a_line_in_the_changelog(rules):
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert rules.sha256 in log
    assert re.search(rf"{rules.frozen}.*`{rules.sha256}`", log)


def test_rules_say_when_they_were_frozen_and_what_had_been_seen(rules):
    assert rules.frozen == "2026-11-21"
    assert all(name in rules.looks for name in rules.explored) and "exploratory" in rules.looks


def test_both_sides_count_with_the_same_smallest_effect(rules):
    """A number and its mirror are held against the same smallest effect, whichever side a rule speaks for."""
    sizes: dict[frozenset, set] = {}
    for rule in rules.rules:
        if rule.side == "none":
            continue
        for condition in (rule.supported_when, rule.refuted_when):
            for atom in condition.atoms():
                pair = frozenset({atom.record, rules.records[(atom.notebook, atom.record)].mirror})
                sizes.setdefault(pair, set()).add(rule.sesoi)
    assert sizes and all(len(found) == 1 for found in sizes.values()), sizes


def test_both_sides_have_rules(rules):
    sides = [rule.side for rule in rules.rules]
    assert sides.count("product") > 5 and sides.count("experience") > 5


def test_mirroring_twice_gives_the_rules_back(rules):
    assert mirror_rules(mirror_rules(rules)) == rules


def test_mirror_of_a_difference_turns_its_limits(rules):
    turned = {rule.id: rule for rule in mirror_rules(rules).rules}
    assert str(turned["C8c.1"].supported_when) == "-high(02/emotion-share-difference) > sesoi"
    assert turned["P3.1"].side == "experience"
    assert "low(02/slope-experience-corrected) > sesoi" in str(turned["P3.1"].supported_when)


@pytest.mark.parametrize(
    "text",
    [
        "low(a) > 0.5 + sesoi",
        "high(a-b) < -sesoi and low(02/c) > 1 - sesoi or value(d) > 2",
        "-high(x) > sesoi",
    ],
)
def test_conditions_print_as_they_are_written(text):
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "low(a)",
        "low(a) > ",
        "> 1",
        "low(a) > 1 and",
        "low(a) = 1",
        "low(a) > 1 2",
        "mean(a) > 1",
        "low(a) > __import__",
        "1 > low(a) < 2",
        "low() > 1",
    ],
)
def test_malformed_conditions_are_refused(text):
    with pytest.raises(InputError):
        parse(text)


def test_unknown_numbers_pass_through_and_and_or():
    def look(atom):
        return {"a": 1.0, "b": None}[atom.record]

    assert parse("value(a) > 0 or value(b) > 0").holds(look, 1) is True
    assert parse("value(a) > 0 and value(b) > 0").holds(look, 1) is None
    assert parse("value(a) < 0 and value(b) > 0").holds(look, 1) is False
    assert parse("value(a) < 0 or value(b) > 0").holds(look, 1) is None


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "evidence")
    return tmp_path / "evidence"


@pytest.mark.parametrize(
    ("find", "put", "message"),
    [
        ('refuted_when = "high(share-shared) < 0.5 - sesoi"\n', "", "states one side only"),
        ('refuted_when = "high(share-shared) < 0.5 - sesoi"', 'refuted_when = "high(share-shared) < 0.9"', "exclude each other"),
        ('refuted_when = "high(share-shared) < 0.5 - sesoi"', 'refuted_when = "high(share-shared) < 0.5 - sesoi and low(share-shared) > 0.9"', "can never be refuted"),
        ('"low(share-shared) > 0.5 + sesoi"', '"low(share-shard) > 0.5 + sesoi"', "no notebook records 'share-shard'.*share-shared"),
        ('"low(share-shared) > 0.5 + sesoi"', '"share-shared above half"', "cannot read|lacks"),
        ('side = "none"', 'side = "price"', "product, experience or none"),
        ("sesoi = 0.05", "sesoi = -1", "above 0"),
        ('evidence = "one survey"', 'evidence = "I saw it"', "evidence level"),
        ('id = "P2.1"', 'id = "P1.1"', "stands twice"),
        ("sesoi = 0.05", "sesoi = 0.06", "changed after it was frozen"),
        ("[header]", "[heading]", "header lacks"),
        ("[[rule]]", "[[rule]", "cannot be read"),
        ('claim = "P1"', 'claim = "P1"\nextra = 1', "unknown keys: extra"),
        ('side = "product"\nsesoi = 0.1\nreads = "Product counts', 'side = "product"\nsesoi = "much"\nreads = "Product counts', "type float"),
    ],
)  # fmt: skip
def test_a_faulty_rule_is_one_sentence(copy, find, put, message):
    path = copy / "rules.toml"
    text = path.read_text(encoding="utf-8")
    assert find in text
    path.write_text(text.replace(find, put, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message) as fault:
        load_rules(copy)
    assert "\n" not in str(fault.value).split("(at line")[0]


def test_a_side_without_a_mirror_is_refused(copy):
    path = copy / "rules.toml"
    text = path.read_text(encoding="utf-8").replace(
        'claim = "C9b"\nnotebook = "05-lifecycle-and-metaquality"\nside = "none"',
        'claim = "C9b"\nnotebook = "05-lifecycle-and-metaquality"\nside = "product"',
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="has no mirror"):
        load_rules(copy)


def test_the_layout_of_the_file_does_not_change_the_hash(rules):
    import tomllib

    text = (FOLDER / "rules.toml").read_text(encoding="utf-8")
    assert hash_rules(tomllib.loads(text.replace("\n\n", "\n\n# a remark\n"))) == rules.sha256
