"""Argument maps: textbook frameworks, a published example, and the warning that strength rewards volume."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.methods.claims import (
    argument_strength,
    grounded_extension,
    load_evidence,
    map_layout,
    standing,
    strongest_cases,
)


def links(*rows):
    return pd.DataFrame(rows, columns=["from_claim", "to_claim", "relation"])


@pytest.mark.parametrize(
    ("name", "claims", "attacks", "grounded"),
    [
        ("chain", "abc", [("a", "b"), ("b", "c")], {"a", "c"}),
        ("mutual pair", "ab", [("a", "b"), ("b", "a")], set()),
        ("odd cycle", "abc", [("a", "b"), ("b", "c"), ("c", "a")], set()),
        ("floating", "abcd", [("a", "b"), ("b", "a"), ("a", "c"), ("b", "c"), ("c", "d")], set()),
    ],
)
def test_dung_1995_textbook_frameworks(name, claims, attacks, grounded):
    assert grounded_extension(claims, attacks) == grounded


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] != p[1]), max_size=20))
@settings(max_examples=60)
def test_grounded_extension_is_free_of_conflict_and_defends_itself(attacks):
    pairs = [(str(a), str(b)) for a, b in attacks]
    accepted = grounded_extension([str(i) for i in range(8)], pairs)
    assert not [pair for pair in pairs if set(pair) <= accepted]
    for start, end in pairs:
        if end in accepted:
            assert any(b == start and a in accepted for a, b in pairs)


def test_potyka_2018_quadratic_energy_six_arguments():
    """Example 4.1 of github.com/kcyras/QDT."""
    graph = links(("b", "a", "support"), ("c", "a", "attack"), ("d", "a", "support"),
                  ("e", "b", "attack"), ("e", "c", "support"), ("f", "c", "attack"))  # fmt: skip
    base = {"a": 0.5, "b": 0.2, "c": 0.85, "d": 0.65, "e": 0.4, "f": 1.0}
    strength = argument_strength("abcdef", graph, base=base)["strength"]
    assert strength.tolist() == pytest.approx([0.519, 0.172, 0.625, 0.65, 0.4, 1], abs=5e-4)


def test_a_claim_without_links_keeps_its_base_score():
    assert argument_strength("ab", links(), base=0.3)["strength"].tolist() == pytest.approx([0.3, 0.3])


def test_support_of_own_claims_can_be_left_out():
    claims = pd.DataFrame({"claim_id": ["a", "b", "c"], "speaker": ["x", "x", "y"]})
    graph = links(("b", "a", "support"), ("c", "a", "attack"))
    with_own, without = (
        argument_strength(claims, graph, base=0.5, self_support=s)["strength"]["a"] for s in (True, False)
    )
    assert with_own == pytest.approx(0.5) and without < 0.5
    with pytest.raises(ValueError, match="needs speakers"):
        argument_strength(["a", "b", "c"], graph, self_support=False)


def test_the_authors_main_claim_lives_on_its_own_support():
    evidence = load_evidence()
    own, others = (
        argument_strength(evidence.claims, evidence.links, draws=40, self_support=s)["strength"]["P3"]
        for s in (True, False)
    )
    assert own > 0.5 > 0.2 > others


def test_standing_and_strongest_cases_of_the_thread():
    evidence = load_evidence()
    table = standing(evidence.claims, evidence.links)
    assert list(table.index) == list(evidence.claims["claim_id"])
    assert table.loc["P3", "state"] == "out" and table.loc["P3", "unanswered"] > 0
    assert set(table["state"]) <= {"in", "out", "open"}
    cases = strongest_cases(evidence.claims, evidence.links, draws=20)
    assert cases.loc["P3", "case_against"] and cases.index.tolist() == table.index.tolist()


def test_links_to_unknown_claims_are_refused():
    with pytest.raises(ValueError, match="not among the claims"):
        grounded_extension("ab", [("a", "z")])
    with pytest.raises(ValueError, match="z"):
        argument_strength("ab", links(("a", "z", "attack")), base=0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        argument_strength("ab", links(), base=1.5)


def test_layout_follows_the_thread():
    evidence = load_evidence()
    placed = map_layout(evidence.claims)
    assert placed.loc[placed["location"] == "post", "x"].between(0, 1).all()
    assert placed.loc[placed["location"] == "comment 19", "x"].between(19, 20).all()
    assert not placed.duplicated(["x", "y"]).any()
