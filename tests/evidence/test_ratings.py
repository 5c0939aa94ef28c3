"""Simulated raters: the truth that was asked for is the truth that comes out."""

from __future__ import annotations

import pandas as pd
import pytest

from cxlab.evidence.claims import load_evidence
from cxlab.evidence.errors import InputError
from cxlab.evidence.simulators.ratings import FORMS, make_ratings
from cxlab.methods.agreement import alpha_widths, form_numbers, wide


def test_shares_and_wording_come_back():
    table = make_ratings(20, statements=2000, agreement=0.1, wording=0.2, rng=4)
    second = table["statement"].str.endswith("b")
    one, two = (part["label"].value_counts(normalize=True) for part in (table[~second], table[second]))
    assert one["product"] == pytest.approx(0.40, abs=0.02) and one["both"] == pytest.approx(0.25, abs=0.02)
    assert two["experience"] - one["experience"] == pytest.approx(0.2, abs=0.02)


def test_the_same_seed_gives_the_same_table():
    pd.testing.assert_frame_equal(make_ratings(rng=3), make_ratings(rng=3))
    assert not make_ratings(rng=3).equals(make_ratings(rng=4))


def test_every_form_is_there_and_says_that_it_is_simulated():
    table = make_ratings(rng=1)
    assert set(table["statement"].str[0]) == set(FORMS) and table.attrs["simulated"] is True
    assert not table.duplicated(["rater", "statement"]).any()
    assert make_ratings(missing=0.2, rng=1)["label"].isna().mean() == pytest.approx(0.2, abs=0.04)
    statements = set(load_evidence().statements["statement"])
    labelled = table["statement"].str.removesuffix("b")
    assert set(labelled[labelled.str[0].isin(["s", "m"])]) == statements


def test_perfect_agreement_is_possible():
    table = wide(make_ratings(5, agreement=1.0, wording=0, rng=1), "s")
    assert (table.nunique() == 1).all()


@pytest.mark.parametrize(
    "wrong",
    [{"agreement": 1.2}, {"missing": 1}, {"raters": 0}, {"shares": {"s": (0.5, 0.2, 0.1)}}, {"wording": 0.9}],
)
def test_impossible_worlds_are_refused(wrong):
    with pytest.raises(InputError):
        make_ratings(**wrong)


def test_every_declared_number_of_page_01_is_computed():
    evidence = load_evidence()
    numbers = form_numbers(make_ratings(rng=2), statements=evidence.statements, bootstrap=50)
    declared = evidence.records.loc[evidence.records["notebook"] == "01-claims-and-words", "record"]
    assert set(numbers.index) == set(declared)
    assert (numbers["low"] <= numbers["estimate"]).all() and (numbers["estimate"] <= numbers["high"]).all()
    only = form_numbers(
        make_ratings(statements=6, wording=0, rng=2), statements=evidence.statements, bootstrap=50
    )
    assert "alpha-meaning" not in only.index and "wording-difference" not in only.index


def test_the_truth_of_the_wording_lies_in_most_intervals():
    statements = load_evidence().statements
    hits = 0
    for seed in range(40):
        row = form_numbers(make_ratings(statements=36, rng=seed), statements=statements, bootstrap=0).loc[
            "wording-difference"
        ]
        hits += row["low"] <= 0.15 <= row["high"]
    assert hits >= 34


def test_a_pilot_cannot_give_more_raters_than_it_has():
    with pytest.raises(ValueError, match="drawn twice"):
        alpha_widths(wide(make_ratings(4, rng=1), "s"), raters=(10,))
