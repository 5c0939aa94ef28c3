"""Proportional odds: the book's example, another program, a known world."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.simulators.survey import make_survey
from cxlab.evidence.sources import open_source
from cxlab.methods import drivers

TERMS = ["InflMedium", "InflHigh", "Apartment", "Atrium", "Terrace", "ContHigh"]


def test_housing_equals_polr_in_venables_and_ripley(housing):
    fit = drivers.proportional_odds(housing, outcome="satisfaction", drivers=TERMS, weights="count")
    expected = [0.5663937, 1.2888191, -0.5723501, -0.3661866, -1.0910149, 0.3602841]
    assert fit.table["coefficient"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert fit.deviance == pytest.approx(3479.149, abs=1e-3)
    assert fit.thresholds["threshold"].to_numpy() == pytest.approx([-0.4961353, 0.6907083], abs=1e-5)
    se = [0.1046528, 0.1271561, 0.1192380, 0.1551733, 0.1514860, 0.0955358]
    assert fit.table["se"].to_numpy() == pytest.approx(se, abs=1e-5)


def test_housing_through_our_loader_gives_the_same_fit():
    fit = drivers.proportional_odds(open_source("housing"), outcome="satisfaction", drivers=TERMS)
    assert fit.table.loc["InflHigh", "coefficient"] == pytest.approx(1.2888, abs=1e-3)
    assert fit.table.loc["Terrace", "coefficient"] == pytest.approx(-1.0910, abs=1e-3)
    assert fit.table.loc["ContHigh", "coefficient"] == pytest.approx(0.3603, abs=1e-3)
    assert fit.deviance == pytest.approx(3479.149, abs=1e-3)


def test_type_of_dwelling_explains_a_third_of_mcfadden_in_housing():
    home = open_source("housing")
    table = drivers.ordinal_importance(home, outcome="satisfaction", blocks=home.attrs["blocks"])
    assert table["share"].to_numpy() == pytest.approx([0.32, 0.68], abs=0.005)


def test_equals_statsmodels_ordered_model():
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    survey = make_survey(300, points=5, rng=1)
    x = survey[["product_1", "experience_1"]]
    other = OrderedModel(survey["loyalty_1"].astype(int), x, distr="logit").fit(
        method="bfgs", disp=False, gtol=1e-8
    )
    fit = drivers.proportional_odds(survey, outcome="loyalty_1", drivers=list(x.columns))
    assert fit.table["coefficient"].to_numpy() == pytest.approx(other.params.iloc[:2].to_numpy(), abs=1e-4)
    assert fit.loglik == pytest.approx(other.llf, abs=1e-6)
    assert fit.table["se"].to_numpy() == pytest.approx(other.bse.iloc[:2].to_numpy(), rel=1e-3)


def test_recovers_known_log_odds():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, 2))
    latent = x @ [1.0, -0.5] + rng.logistic(size=20_000)
    data = pd.DataFrame(x, columns=["a", "b"]).assign(y=np.digitize(latent, [-1, 0.5, 2]))
    fit = drivers.proportional_odds(data, outcome="y", drivers=["a", "b"])
    assert fit.table["coefficient"].to_numpy() == pytest.approx([1.0, -0.5], abs=0.05)
    assert fit.thresholds["threshold"].to_numpy() == pytest.approx([-1, 0.5, 2], abs=0.06)


def test_shares_sum_to_mcfadden_and_do_not_depend_on_the_scale_of_the_outcome():
    survey = make_survey(300, points=7, rng=1)
    blocks = survey.attrs["blocks"]
    table = drivers.ordinal_importance(survey, outcome="loyalty_1", blocks=blocks, rng=1)
    stretched = survey.assign(loyalty_1=np.exp(survey["loyalty_1"]))
    again = drivers.ordinal_importance(stretched, outcome="loyalty_1", blocks=blocks, rng=1)
    assert table["raw"].sum() == pytest.approx(table.attrs["r2"], abs=1e-10)
    pd.testing.assert_frame_equal(table, again)


def test_weighing_log_likelihoods_agrees_with_refitting_in_large_samples():
    survey = make_survey(2000, points=5, rng=1)
    ask, random = {"outcome": "loyalty_1", "blocks": survey.attrs["blocks"]}, np.random.default_rng(1)
    row = drivers.ordinal_importance(survey, **ask, bootstrap=1000, rng=1).loc["experience"]
    refits = [
        drivers.ordinal_importance(survey.iloc[random.integers(0, 2000, 2000)], **ask, bootstrap=0)["share"]
        for _ in range(100)
    ]
    spread = np.std([share["experience"] for share in refits])
    assert (row["share_high"] - row["share_low"]) / (2 * 1.96) == pytest.approx(spread, rel=0.2)


def test_the_interval_of_the_ordinal_share_covers_the_truth():
    def row(n, rng, bootstrap):
        survey = make_survey(n, points=7, rng=rng)
        blocks = survey.attrs["blocks"]
        return drivers.ordinal_importance(
            survey, outcome="loyalty_1", blocks=blocks, bootstrap=bootstrap, rng=rng
        ).loc["experience"]

    truth = row(100_000, 100, 0)["share"]
    held = [
        found["share_low"] <= truth <= found["share_high"]
        for found in (row(250, rng, 400) for rng in range(100))
    ]
    assert 0.88 <= np.mean(held) <= 0.99


def test_perfect_separation_and_too_many_levels_are_refused():
    data = pd.DataFrame({"x": np.arange(60.0), "y": np.repeat([1, 2, 3], 20)})
    with pytest.raises(ValueError, match="separates"):
        drivers.proportional_odds(data, outcome="y", drivers=["x"])
    rng = np.random.default_rng(1)
    wide = pd.DataFrame({"x": rng.normal(size=200), "y": rng.normal(size=200)})
    with pytest.raises(ValueError, match="different values"):
        drivers.proportional_odds(wide, outcome="y", drivers=["x"])
