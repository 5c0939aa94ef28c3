"""Between and within firms: identities, another computation, and worlds that turn a correlation round."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.simulators.survey import make_firms, make_survey
from cxlab.methods import drivers

SIDES = {"product": "product", "experience": "experience"}


def slope(table, view):
    return table[table["view"] == view].set_index("block")["slope"]


def test_views_equal_least_squares_on_means_and_on_deviations():
    firms = make_firms(20, 5, rng=3)
    table = drivers.between_within(firms, outcome="outcome", blocks=SIDES, firm="firm", bootstrap=0)
    columns = ["product", "experience", "outcome"]
    means = firms.groupby("firm")[columns].mean()
    inside = firms[columns] - firms.groupby("firm")[columns].transform("mean")
    for view, data in (("pooled", firms[columns]), ("between", means), ("within", inside)):
        design = np.column_stack([np.ones(len(data)), data[["product", "experience"]]])
        expected = np.linalg.lstsq(design, data["outcome"], rcond=None)[0][1:]
        assert slope(table, view).to_numpy() == pytest.approx(expected, abs=1e-6)


def test_known_slopes_between_and_within_lie_inside_their_intervals():
    truth = {"between": {"product": 0.5, "experience": 0.2}, "within": {"product": 0.1, "experience": 0.6}}
    firms = make_firms(300, 6, industry_shift=0.0, rng=1, **truth)
    table = drivers.between_within(firms, outcome="outcome", blocks=SIDES, firm="firm", bootstrap=300, rng=1)
    for view, slopes in truth.items():
        rows = table[table["view"] == view].set_index("block")
        for side, value in slopes.items():
            assert rows.loc[side, "slope"] == pytest.approx(value, abs=0.08)
            assert rows.loc[side, "slope_low"] - 0.03 < value < rows.loc[side, "slope_high"] + 0.03


def test_a_product_that_hardly_differs_between_firms_has_a_small_share_and_the_same_slope():
    """Forty firms, equal slopes: parity makes the share small, not the slope."""
    even = {"product": 0.5, "experience": 0.5}
    firms = make_firms(
        40, 4, between=even, product_spread=0.2, experience_spread=0.6, correlation=0.0, industry_shift=0.0,
        wave_spread=0.05, noise=0.1, rng=5,
    )  # fmt: skip
    rows = drivers.between_within(firms, outcome="outcome", blocks=SIDES, firm="firm", bootstrap=200, rng=1)
    product = rows[(rows["view"] == "between") & (rows["block"] == "product")].iloc[0]
    assert product["slope"] == pytest.approx(0.5, abs=0.1)
    assert product["share"] < 0.2


def test_icc_equals_the_share_of_variance_between_firms():
    firms = make_firms(400, 5, product_spread=0.6, wave_spread=0.6, industry_shift=0.0, rng=2)
    icc = drivers.between_within(
        firms, outcome="outcome", blocks=SIDES, firm="firm", bootstrap=100, rng=1
    ).attrs["icc"]
    estimate, low, high = icc["product"]
    assert estimate == pytest.approx(0.5, abs=0.05)
    assert low < 0.5 < high


def test_icc_equals_one_way_analysis_of_variance():
    firms = make_firms(12, 4, rng=2)
    estimate = drivers.between_within(firms, outcome="outcome", blocks=SIDES, firm="firm", bootstrap=0).attrs[
        "icc"
    ]
    groups = firms.groupby("firm")["product"]
    between = 4 * groups.mean().var()
    within = groups.var().mean()
    assert estimate["product"][0] == pytest.approx((between - within) / (between + 3 * within), abs=1e-10)


def test_an_industry_that_lifts_both_turns_the_correlation_round():
    firms = make_firms(200, 3, correlation=-0.6, industry_shift=1.5, rng=1)
    check = drivers.simpson_check(
        firms, first="product", second="experience", group="industry", unit="firm", bootstrap=300, rng=1
    )
    assert check.reversed and check.pooled > 0.5 and check.within == pytest.approx(-0.6, abs=0.12)
    assert (check.units, check.groups) == (200, 4)
    means = firms.groupby(["firm", "industry"], as_index=False)[["product", "experience"]].mean()
    assert check.pooled == pytest.approx(means["product"].corr(means["experience"]), abs=1e-10)
    inside = means[["product", "experience"]] - means.groupby("industry")[
        ["product", "experience"]
    ].transform("mean")
    assert check.within == pytest.approx(inside["product"].corr(inside["experience"]), abs=1e-10)


def test_no_reversal_where_there_is_no_industry():
    firms = make_firms(200, 3, correlation=0.5, industry_shift=0.0, rng=1)
    check = drivers.simpson_check(
        firms, first="product", second="experience", group="industry", unit="firm", bootstrap=100, rng=1
    )
    assert not check.reversed


def test_respondents_of_firms_can_be_compared_too_and_one_row_a_firm_has_no_within():
    survey = make_survey(600, firms=30, rng=1)
    table = drivers.between_within(
        survey, outcome="loyalty", blocks=survey.attrs["blocks"], firm="firm", bootstrap=50, rng=1
    )
    assert table["share"].notna().all()
    alone = drivers.between_within(
        make_firms(30, 1), outcome="outcome", blocks=SIDES, firm="firm", bootstrap=20, rng=1
    )
    assert alone[alone["view"] == "within"]["share"].isna().all()
    assert np.isnan(alone.attrs["icc"]["product"][0])


def test_bad_arguments_are_named():
    firms = make_firms(4, 3)
    with pytest.raises(ValueError, match="too few to compare"):
        drivers.between_within(firms, outcome="outcome", blocks=SIDES, firm="firm")
    with pytest.raises(ValueError, match="no column 'brand'"):
        drivers.between_within(firms, outcome="outcome", blocks=SIDES, firm="brand")
    with pytest.raises(ValueError, match="at least 5"):
        drivers.simpson_check(firms.head(3), first="product", second="experience", group="industry")
    assert isinstance(firms, pd.DataFrame)
