"""Readings of the items, other models, other surveys, and the published ECSI model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.simulators.survey import make_survey
from cxlab.evidence.sources import open_source
from cxlab.methods import drivers


@pytest.fixture(scope="module")
def ecsi():
    return open_source("ecsi-mobile")


def test_ecsi_composites_lie_within_03_of_the_published_paths_but_for_satisfaction_to_loyalty(ecsi):
    """Tenenhaus et al. 2005; plspm 0.5.1, centroid scheme."""
    table = drivers.ecsi_paths(ecsi).set_index("path")
    others = table.drop(index="satisfaction to loyalty")
    assert others["difference"].abs().max() < 0.03
    assert table.loc["satisfaction to loyalty", ["ours", "published"]].tolist() == pytest.approx(
        [0.406, 0.483], abs=1e-3
    )
    assert table.loc["quality to satisfaction", "published"] == pytest.approx(0.513, abs=5e-4)
    assert table.loc["image to loyalty", "published"] == pytest.approx(0.195, abs=5e-4)


def test_the_exception_is_the_item_on_price_tolerance(ecsi):
    table = drivers.ecsi_paths(ecsi, loyalty=["CUSL1", "CUSL3"]).set_index("path")
    assert table["difference"].abs().max() < 0.03
    with pytest.raises(ValueError, match="ecsi-mobile"):
        drivers.ecsi_paths(ecsi.drop(columns="IMAG1"))


def test_satisfaction_given_equipment_equals_kenett_and_salini_2011():
    survey = open_source("abc-vendor")
    found = survey.loc[survey["Equipment"] == 4, "Satisfaction"].value_counts(normalize=True).sort_index()
    assert found.to_numpy() == pytest.approx([0.007, 0.056, 0.148, 0.606, 0.183], abs=5e-4)


def test_the_sides_of_a_survey_stand_in_a_fixed_order(ecsi):
    turned = ecsi.copy()
    turned.attrs = {**ecsi.attrs, "blocks": dict(reversed(ecsi.attrs["blocks"].items()))}
    assert list(drivers.main_sides(turned)) == ["product", "experience"]
    turned.attrs["blocks"] = {"product": ["PERQ2"]}
    with pytest.raises(ValueError, match="no items on the side experience"):
        drivers.main_sides(turned)


def test_moving_keeps_every_item_once_and_drops_empty_blocks():
    blocks = {"product": ["a", "b"], "experience": ["c"]}
    assert drivers.move(blocks, ["c"], to="product") == {"product": ["a", "b", "c"]}
    assert drivers.move(blocks, ["a"], to=None) == {"product": ["b"], "experience": ["c"]}
    assert drivers.move(blocks, ["new"], to="trust") == {**blocks, "trust": ["new"]}
    assert drivers.move(blocks, [], to="trust") == blocks


def test_readings_of_ecsi_hold_the_presets_and_each_disputed_item(ecsi):
    found = drivers.readings(ecsi)
    assert list(found)[:3] == ["as registered", "the author's own", "comment 2's"]
    assert len(found) == 5
    every = sorted([*found["as registered"]["product"], *found["as registered"]["experience"]])
    for blocks in found.values():
        assert sorted([*blocks["product"], *blocks["experience"]]) == every
    assert "PERQ3" in found["the author's own"]["product"] and "PERQ4" in found["comment 2's"]["experience"]


def test_readings_without_roles_fall_back_on_the_data():
    survey = make_survey(2000, correlation=0.1, rng=1)
    survey.attrs["roles"] = {}
    assert list(drivers.readings(survey)) == ["as registered"]
    # One item of the product is in truth a rating of the service: the data say so, and both people may have it.
    survey["product_4"] = survey["experience_1"] + 0.1 * survey["product_4"]
    found = drivers.readings(survey)
    assert found["product_4 to experience"]["experience"][-1] == "product_4"
    assert "product_4" in found["comment 2's"]["experience"] and "the author's own" not in found


def test_a_reading_is_split_as_its_blocks_are(ecsi):
    found = drivers.readings(ecsi)
    table = drivers.split_readings(
        ecsi, outcomes=["loyalty", "satisfaction"], readings=found, bootstrap=20, rng=1
    )
    assert len(table) == 2 * len(found)
    row = table[(table["outcome"] == "satisfaction") & (table["reading"] == "the author's own")].iloc[0]
    alone = drivers.decompose(
        ecsi, outcome="satisfaction", blocks=found["the author's own"], bootstrap=0
    ).table
    assert row["share"] == pytest.approx(alone.loc["experience", "share"], abs=1e-12)


def test_categories_of_one_question_are_no_scale_and_ratings_are(ecsi):
    assert drivers.can_average(ecsi, drivers.main_sides(ecsi))
    kind = np.random.default_rng(1).integers(0, 3, 200)
    data = pd.DataFrame({"b": kind == 1, "c": kind == 2, "x": kind * 1.0}).astype(float)
    assert not drivers.can_average(data, {"product": ["b", "c"], "experience": ["x"]})


def test_facets_and_advocacy_are_found_by_role_name_or_label(ecsi):
    survey = make_survey(50, rng=1)
    assert list(drivers.facets(survey)) == ["useful", "usable", "sensuous"]
    assert drivers.advocacy_outcome(survey) == "advocacy"
    assert drivers.advocacy_outcome(ecsi) == "CUSL3"
    survey.attrs = {"outcomes": {"loyalty": ["loyalty_1"]}, "default_outcome": "loyalty"}
    assert drivers.advocacy_outcome(survey) == "loyalty" and drivers.facets(survey) == {}


def test_other_models_agree_where_the_world_is_linear():
    survey = make_survey(3000, points=10, rng=1)
    table = drivers.alternative_splits(
        survey, outcome="loyalty_1", blocks=drivers.main_sides(survey), bootstrap=50, rng=1
    )
    assert list(table.index) == ["blocks", "items", "composites", "first half", "second half", "ordinal"]
    assert np.ptp(table["share"]) < 0.12
    plain = drivers.decompose(
        survey, outcome="loyalty_1", blocks=drivers.main_sides(survey), bootstrap=0
    ).table
    assert table.loc["blocks", "share"] == pytest.approx(plain.loc["experience", "share"], abs=1e-12)


def test_surveys_stand_side_by_side(ecsi):
    both = drivers.compare_surveys([ecsi, make_survey(200, rng=1)], bootstrap=20, rng=1)
    assert list(both.index) == ["ecsi-mobile", "simulated-survey"]
    assert both["share"].between(0, 1).all()


def test_fills_of_missing_answers_need_no_model_and_hold_the_truth():
    survey = make_survey(800, rng=1)
    sides = drivers.main_sides(survey)
    whole = drivers.decompose(survey, outcome="loyalty", blocks=sides, bootstrap=0).table.loc[
        "experience", "share"
    ]
    # Unhappy customers skip the product's first item: not missing at random.
    holes = survey.assign(
        product_1=survey["product_1"].where(survey["loyalty"] > survey["loyalty"].quantile(0.1))
    )
    bounds = drivers.missing_bounds(holes, outcome="loyalty", blocks=sides)
    assert list(bounds["product"]) == ["lowest", "middle", "highest"] and bounds.attrs["filled"] == 80
    assert set(bounds["experience"]) == set(bounds["outcome"]) == {"complete"}
    assert bounds.attrs["low"] <= whole <= bounds.attrs["high"]
    none = drivers.missing_bounds(survey, outcome="loyalty", blocks=sides)
    assert none.attrs["low"] == none.attrs["high"] == pytest.approx(whole, abs=1e-12)


def test_categories_of_one_question_enter_with_their_fitted_part():
    home = open_source("housing")
    sides = drivers.main_sides(home)
    found = drivers.decompose(home, outcome="satisfaction", blocks=sides, bootstrap=0)
    assert "categories" in {caution.rule for caution in found.cautions}
    curve = drivers.parity_curve(home, outcome="satisfaction", blocks=sides, factors=(1,), bootstrap=0)
    assert curve.attrs["slopes"] == pytest.approx({"product": 1, "experience": 1}, abs=1e-9)
    steps = drivers.standardised_slopes(home, outcome="satisfaction", blocks=sides, bootstrap=0)
    assert (steps["slope"] > 0).all()
    assert drivers.can_average(home, {"product": ["Apartment"]})


def test_feelings_leave_the_drivers_and_become_the_outcome():
    survey = make_survey(300, outcomes=("loyalty", "emotion"), rng=1)
    tie = drivers.emotional_tie(survey, bootstrap=0)
    assert tie.table.attrs["outcome"] == "feelings"
    reputation = open_source("corporate-reputation")
    assert "like_1" not in drivers.emotional_tie(reputation, bootstrap=0).table.attrs["blocks"]["experience"]
    survey.attrs["roles"] = {}
    with pytest.raises(ValueError, match="roles: emotion"):
        drivers.emotional_tie(survey)


def test_segments_of_both_sides_mirror_each_other_and_none_is_said():
    survey = make_survey(400, segments={"a": {"product": 0.6}, "b": {"experience": 0.6}}, rng=1)
    tables = drivers.segment_sides(survey, outcome="loyalty", bootstrap=30, rng=1)
    both = tables["product"]["share"] + tables["experience"]["share"]
    assert both.to_numpy() == pytest.approx([1, 1], abs=1e-12)
    survey.attrs["segments"] = []
    assert drivers.segment_sides(survey, outcome="loyalty")["product"].empty


def test_outcomes_that_share_items_are_not_compared_with_each_other(ecsi):
    assert list(drivers.separate_outcomes(ecsi)) == ["loyalty", "satisfaction"]


def test_several_blocks_have_a_joint_share():
    survey = make_survey(200, slopes={"product": 0.3, "experience": 0.3, "price": 0.3}, rng=1)
    result = drivers.decompose(survey, outcome="loyalty", blocks=survey.attrs["blocks"], bootstrap=50, rng=1)
    joint = drivers.joint_share(result, ["product", "price"])
    assert joint.estimate == pytest.approx(1 - result.table.loc["experience", "share"], abs=1e-12)
    assert joint.low == pytest.approx(1 - result.table.loc["experience", "high"], abs=1e-12)
    with pytest.raises(ValueError, match="no block"):
        drivers.joint_share(result, ["image"])
