"""Fills of missing answers: plain combinations, the numbers that rest on them, and what is said about them."""

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.simulators.survey import make_survey
from cxlab.methods.missing import fill_range, fills

SIDES = ["product", "experience"]


def test_each_part_takes_its_own_lowest_middle_and_highest_answer():
    table = pd.DataFrame({"a": [1.0, None, 5.0, 2.0], "b": [None, 7.0, 8.0, 9.0], "c": [1.0, 2.0, 3.0, None]})
    found = list(fills(table, parts={"x": ["a"], "y": ["b"], "whole": []}, middle=["c"]))
    assert len(found) == 9
    assert {(how["x"], how["y"], how["whole"]) for how, _ in found} == {
        (a, b, "complete") for a in ("lowest", "middle", "highest") for b in ("lowest", "middle", "highest")
    }
    assert {(filled["a"][1], filled["b"][0], filled["c"][3]) for _, filled in found} == {
        (a, b, 2.0) for a in (1.0, 2.0, 5.0) for b in (7.0, 8.0, 9.0)
    }
    assert table.isna().sum().sum() == 3
    assert list(fills(table.dropna(), parts={"x": ["a"]})) == []


def test_the_range_of_a_mean_is_what_the_ends_of_the_scale_give():
    table = pd.DataFrame({"a": [1.0, 2.0, 10.0, None]})
    found = fill_range(
        table, parts={"a": ["a"]}, numbers=lambda t: {"mean": t["a"].mean()}, units={"mean": "points"}
    )
    assert found.loc["mean", ["complete", "low", "high", "filled"]].tolist() == [13 / 3, 3.5, 5.75, 1]
    assert "1 of 4 rows" in found.attrs["sentence"] and "no sign" in found.attrs["sentence"]


def test_a_sign_that_hangs_on_what_was_not_said_is_named():
    table = pd.DataFrame({"a": [-3.0, 1.0, 4.0, None]})
    found = fill_range(
        table, parts={"a": ["a"]}, numbers=lambda t: {"sum": t["a"].sum() - 3}, units={"sum": ""}
    )
    assert "the sign of sum hangs on them" in found.attrs["sentence"]


def test_a_fill_without_a_number_is_counted_not_hidden():
    def picky(table):
        if table["a"].max() > 9 and table["a"].notna().all():
            raise ValueError("a full scale")
        return {"mean": table["a"].mean()}

    table = pd.DataFrame({"a": [1.0, 2.0, 10.0, None]})
    found = fill_range(table, parts={"a": ["a"]}, numbers=picky, units={"mean": ""})
    assert "3 of these could not be computed" in found.attrs["sentence"]
    assert found.loc["mean", "low"] == found.loc["mean", "high"] == pytest.approx(13 / 3)


@pytest.fixture(scope="module")
def survey():
    return make_survey(600, rng=1)


@pytest.fixture(scope="module")
def holed(survey):
    """Unhappy customers skip one item of the product: not missing at random."""
    unhappy = survey["loyalty"] <= survey["loyalty"].quantile(0.12)
    return survey.assign(product_1=survey["product_1"].mask(unhappy))


def effects(survey):
    scores = cx.causes.composites(survey, outcomes=["loyalty"], standardised=True)
    table = cx.causes.adjusted_effects(scores, outcome="loyalty", sides=SIDES)
    return table[table["model"] == table["model"].iloc[-1]].set_index("side")["estimate"]


def test_effects_of_complete_cases_are_the_page_s_and_the_truth_lies_in_the_range(survey, holed):
    found = cx.causes.missing_bounds(holed, outcome="loyalty", sides=SIDES)
    assert list(found.index) == ["effect-product", "effect-experience"]
    assert found["complete"].to_numpy() == pytest.approx(effects(holed).to_numpy(), abs=1e-12)
    assert (found["low"] < found["high"]).all() and (found["filled"] == holed["product_1"].isna().sum()).all()
    whole = effects(survey)
    assert found.loc["effect-product", "low"] <= whole["product"] <= found.loc["effect-product", "high"]
    assert (
        found.loc["effect-experience", "low"] <= whole["experience"] <= found.loc["effect-experience", "high"]
    )


def test_without_gaps_there_is_one_number_and_the_sentence_says_so(survey):
    for found in (
        cx.causes.missing_bounds(survey, outcome="loyalty", sides=SIDES),
        cx.expectations.missing_bounds(survey, felt="loyalty", outcome="loyalty", knot=0.0),
    ):
        assert (found["filled"] == 0).all() and found.attrs["ways"] == 0
        assert found["complete"].to_numpy() == pytest.approx(found["low"].to_numpy(), abs=0)
        assert found["complete"].to_numpy() == pytest.approx(found["high"].to_numpy(), abs=0)
        assert "all 600 respondents are complete cases" in found.attrs["sentence"]


def test_swapping_the_sides_swaps_the_ranges(holed):
    mirror = holed.copy()
    blocks = holed.attrs["blocks"]
    mirror.attrs = {
        **holed.attrs,
        "blocks": {**blocks, "product": blocks["experience"], "experience": blocks["product"]},
    }
    plain = cx.expectations.missing_bounds(holed, felt="loyalty", outcome="loyalty", knot=0.0)
    turned = cx.expectations.missing_bounds(mirror, felt="loyalty", outcome="loyalty", knot=0.0)
    for name, other in (
        ("kink-product", "kink-experience"),
        ("slope-above-product", "slope-above-experience"),
        ("loss-great-product-bad-experience", "loss-great-experience-bad-product"),
    ):
        columns = ["complete", "low", "high"]
        left, right = plain.loc[name, columns], turned.loc[other, columns]
        assert np.asarray(left, float) == pytest.approx(np.asarray(right, float), abs=1e-6)


def test_bends_and_surface_of_complete_cases_are_the_page_s():
    survey = cx.open_source("ecsi-mobile")
    first = survey.attrs["blocks"]["expectation"][0]
    holed = survey.assign(**{first: survey[first].mask(survey[first] <= 4)})
    found = cx.expectations.missing_bounds(holed, felt="satisfaction", outcome="loyalty", knot=0.0)
    scores = cx.expectations.composites(holed, standardised=True)
    bends = cx.expectations.kinked_slopes(scores, outcome="satisfaction", drivers=SIDES, knot=0.0)
    assert found.loc["kink-product", "complete"] == pytest.approx(bends.difference["product"], abs=1e-12)
    gap = cx.expectations.gap_table(holed, holed)
    surface = cx.expectations.response_surface(
        gap, perceived="perceived", expected="expected", outcome="satisfaction"
    )
    row = found.loc["recalled-congruence-slope"]
    assert row["complete"] == pytest.approx(surface.shape.estimate["a1"], abs=1e-12)
    assert row["low"] < row["high"]
