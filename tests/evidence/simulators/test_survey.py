"""The simulated survey is what its arguments say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.simulators.survey import make_firms, make_survey, survey_truth


def test_covariances_approach_the_stated_truth():
    settings = {
        "slopes": {"product": 0.3, "experience": 0.5},
        "spreads": {"product": 0.5, "experience": 1.2},
        "halo": 0.4,
    }
    survey = make_survey(200_000, rng=1, **settings)
    covariance, groups = survey_truth(**settings)
    items = [*sum(survey.attrs["blocks"].values(), []), "loyalty"]
    assert np.abs(np.cov(survey[items].to_numpy(), rowvar=False) - covariance).max() < 0.03
    assert [len(group) for group in groups] == [4, 3]


def test_same_seed_same_survey_and_another_seed_another():
    pd.testing.assert_frame_equal(make_survey(50, rng=3), make_survey(50, rng=3))
    assert not make_survey(50, rng=3).equals(make_survey(50, rng=4))


def test_attrs_are_those_of_a_source():
    survey = make_survey(60, segments={"a": {"product": 1.0}, "b": {}}, firms=5, rng=1)
    assert survey.attrs["simulated"] is True and survey.attrs["table"] == "survey"
    assert survey.attrs["outcomes"]["loyalty"] == ["loyalty_1", "loyalty_2", "loyalty_3"]
    assert survey["loyalty"].to_numpy() == pytest.approx(
        survey[survey.attrs["outcomes"]["loyalty"]].mean(axis=1).to_numpy()
    )
    assert survey.attrs["default_outcome"] == "loyalty" and survey.attrs["segments"] == ["segment"]
    assert survey["segment"].value_counts().tolist() == [30, 30] and survey["firm"].nunique() == 5


def test_answers_on_a_scale_are_whole_and_gaps_are_as_many_as_asked():
    survey = make_survey(2000, points=7, missing=0.1, rng=1)
    items = sum(survey.attrs["blocks"].values(), [])
    values = survey[items].to_numpy()
    seen = values[~np.isnan(values)]
    assert set(seen) <= set(range(1, 8))
    assert np.isnan(values).mean() == pytest.approx(0.1, abs=0.02)


def test_segments_have_their_own_slopes():
    survey = make_survey(
        20_000,
        segments={"a": {"product": 0.9}, "b": {"experience": 0.9}},
        loading=0.999,
        correlation=0.0,
        rng=1,
    )
    for name, side in (("a", "product_1"), ("b", "experience_1")):
        part = survey[survey["segment"] == name]
        assert np.polyfit(part[side], part["loyalty"], 1)[0] == pytest.approx(0.9, abs=0.03)


def test_firms_differ_as_much_as_stated():
    survey = make_survey(
        40_000, firms=200, firm_spread={"product": 0.1, "experience": 0.6}, loading=0.999, rng=1
    )
    means = survey.groupby("firm")[["product_1", "experience_1"]].mean().var()
    assert means["product_1"] == pytest.approx(0.1, abs=0.04)
    assert means["experience_1"] == pytest.approx(0.6, abs=0.15)


def test_outcomes_can_have_their_own_slopes():
    survey = make_survey(
        20_000,
        outcome_slopes={"advocacy": {"product": 0.8}},
        loading=0.999,
        outcome_loading=0.999,
        correlation=0.0,
        rng=2,
    )
    assert np.polyfit(survey["product_1"], survey["advocacy"], 1)[0] == pytest.approx(0.8, abs=0.02)
    assert np.polyfit(survey["product_1"], survey["loyalty"], 1)[0] == pytest.approx(0.25, abs=0.02)


def test_firms_over_waves_have_the_stated_shape_and_truth():
    firms = make_firms(20, 3, industries=5, rng=1)
    assert list(firms.columns) == ["firm", "industry", "wave", "product", "experience", "outcome"]
    assert firms.groupby("firm").size().eq(3).all() and firms["industry"].nunique() == 5
    assert firms.attrs["table"] == "firms" and firms.attrs["simulated"] is True


def test_impossible_worlds_are_refused():
    with pytest.raises(ValueError, match="correlation"):
        make_survey(10, slopes={"a": 1.0, "b": 1.0, "c": 1.0}, correlation=-0.9)
    with pytest.raises(ValueError, match="slopes is empty"):
        make_survey(10, slopes={})
