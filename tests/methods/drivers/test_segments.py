"""Segments, outcomes, codings and levels: published shrinkage, identities, known worlds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.simulators.survey import make_survey
from cxlab.methods import drivers

# Colditz et al. 1994, BCG vaccine: log relative risks and variances (metadat::dat.bcg).
BCG = np.array(
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
        [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232],
        [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
    ]
)  # fmt: skip


def bcg():
    a, b, c, d = BCG.T
    return np.log(a / (a + b) / (c / (c + d))), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_shrinkage_of_bcg_equals_metafor():
    y, v = bcg()
    pulled = drivers.shrink(y, v)
    assert (pulled.mean, pulled.tau2, pulled.Q) == pytest.approx((-0.71412, 0.30876, 152.233), abs=5e-4)
    assert pulled.mean == pytest.approx(-0.714117222073227, abs=1e-9)
    assert pulled.tau2 == pytest.approx(0.308760262862376, abs=1e-9)
    assert pulled.se == pytest.approx(0.178742089535403, abs=1e-9)
    # Q-profile limits as published with metafor (Viechtbauer 2007: .1197 to 1.1115)
    assert (pulled.tau2_low, pulled.tau2_high) == pytest.approx((0.1197, 1.1115), abs=1e-4)


def test_shrunk_estimates_lie_between_their_own_and_the_mean():
    y, v = bcg()
    pulled = drivers.shrink(y, v)
    low, high = np.minimum(y, pulled.mean), np.maximum(y, pulled.mean)
    assert ((pulled.table["shrunk"] >= low) & (pulled.table["shrunk"] <= high)).all()
    assert (np.argsort(-pulled.table["weight"]) == np.argsort(v)).all()


def test_equal_groups_are_pulled_all_the_way():
    pulled = drivers.shrink([0.5, 0.5, 0.5], [0.01, 0.02, 0.03])
    assert pulled.tau2 == pulled.tau2_low == 0
    assert pulled.table["shrunk"].to_numpy() == pytest.approx([0.5] * 3)


@pytest.mark.parametrize("bad", [([1.0], [1.0]), ([1, 2], [0, 1]), ([1, np.nan], [1, 1]), ([1, 2], [1])])
def test_shrink_refuses_what_it_cannot_use(bad):
    with pytest.raises(ValueError, match="variances"):
        drivers.shrink(*bad)


def three_segments(n=1500, rng=1):
    return make_survey(
        n,
        segments={
            "product": {"product": 0.6, "experience": 0.1},
            "both": {"product": 0.35, "experience": 0.35},
            "experience": {"product": 0.1, "experience": 0.6},
        },
        rng=rng,
    )


def test_segments_with_other_slopes_are_told_apart():
    survey = three_segments()
    table = drivers.segment_shares(
        survey, outcome="loyalty", blocks=survey.attrs["blocks"], segment="segment", bootstrap=200, rng=1
    )
    share = table["shrunk"]
    assert share["product"] < 0.35 < share["both"] < 0.65 < share["experience"]
    assert table.attrs["tau_low"] > 0.05 and table.attrs["p"] < 0.001


def test_segments_with_equal_slopes_are_pulled_together():
    survey = make_survey(1200, rng=2).assign(segment=lambda d: d["respondent"] % 6)
    table = drivers.segment_shares(
        survey, outcome="loyalty", blocks=survey.attrs["blocks"], segment="segment", bootstrap=200, rng=1
    )
    assert np.ptp(table["shrunk"]) < np.ptp(table["share"])
    assert table.attrs["tau_low"] == 0


def test_small_segments_are_left_out_and_named():
    survey = three_segments(400).assign(
        segment=lambda d: np.where(d["respondent"] <= 7, "tiny", d["segment"])
    )
    table = drivers.segment_shares(
        survey, outcome="loyalty", blocks=survey.attrs["blocks"], segment="segment", bootstrap=50, rng=1
    )
    assert table.attrs["left_out"] == {"tiny": 7}
    one = drivers.segment_shares(
        survey.assign(segment="all"),
        outcome="loyalty",
        blocks=survey.attrs["blocks"],
        segment="segment",
        bootstrap=50,
    )
    assert len(one) == 1 and one["shrunk"].isna().all() and np.isnan(one.attrs["tau"])


def test_outcomes_with_other_drivers_differ_and_the_same_outcome_does_not():
    survey = make_survey(
        1500,
        outcome_slopes={
            "loyalty": {"product": 0.1, "experience": 0.6},
            "advocacy": {"product": 0.6, "experience": 0.1},
        },
        rng=1,
    )
    table = drivers.compare_outcomes(
        survey, outcomes=["loyalty", "advocacy"], blocks=survey.attrs["blocks"], bootstrap=200, rng=1
    )
    assert table.loc["advocacy", "difference_high"] < -0.2
    assert table.loc["loyalty", ["difference", "difference_low", "difference_high"]].eq(0).all()
    alone = drivers.decompose(survey, outcome="loyalty", blocks=survey.attrs["blocks"], bootstrap=0).table
    assert table.loc["loyalty", "share"] == pytest.approx(alone.loc["experience", "share"], abs=1e-12)


def test_every_assignment_of_disputed_items_is_split():
    survey = make_survey(300, rng=1)
    blocks = survey.attrs["blocks"]
    table = drivers.assignment_range(
        survey, outcome="loyalty", blocks=blocks, disputed=["product_4", "experience_1"], bootstrap=20, rng=1
    )
    assert len(table) == 4 and table["registered"].sum() == 1
    moved = {"product": blocks["product"][:3], "experience": ["product_4", *blocks["experience"]]}
    expected = drivers.decompose(survey, outcome="loyalty", blocks=moved, bootstrap=0).table.loc[
        "experience", "share"
    ]
    row = table[(table["product_4"] == "experience") & (table["experience_1"] == "experience")]
    assert row["share"].iloc[0] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="not among them"):
        drivers.assignment_range(survey, outcome="loyalty", blocks=blocks, disputed=["loyalty"])


def test_an_item_coded_on_the_wrong_side_is_the_disputed_one():
    survey = make_survey(3000, correlation=0.2, rng=1)
    blocks = survey.attrs["blocks"]
    wrong = {"product": [*blocks["product"], "experience_1"], "experience": blocks["experience"][1:]}
    assert drivers.disputed_items(survey, blocks=wrong) == ["experience_1"]
    assert drivers.disputed_items(survey, blocks=blocks) == []


def test_standardised_slopes_equal_least_squares_on_standardised_composites():
    survey = make_survey(200, rng=1)
    blocks = survey.attrs["blocks"]
    table = drivers.standardised_slopes(survey, outcome="loyalty", blocks=blocks, bootstrap=0)
    z = pd.DataFrame(
        {b: ((survey[c] - survey[c].mean()) / survey[c].std()).mean(axis=1) for b, c in blocks.items()}
    )
    z = (z / z.std()).assign(y=survey["loyalty"] / survey["loyalty"].std())
    slopes = np.linalg.lstsq(np.column_stack([np.ones(200), z[list(blocks)]]), z["y"], rcond=None)[0][1:]
    assert table["slope"].to_numpy() == pytest.approx(slopes, abs=1e-10)


def test_item_correlations_equal_pandas():
    survey = make_survey(200, rng=1)
    table = drivers.item_correlations(survey, outcome="loyalty", blocks=survey.attrs["blocks"])
    expected = survey[table["item"]].corrwith(survey["loyalty"])
    assert table["correlation"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)
    assert table["correlation"].is_monotonic_decreasing


def test_slopes_among_customers_alike_recover_the_slope():
    survey = make_survey(20_000, items=1, loading=0.999, outcome_loading=0.999, correlation=0.5, rng=1)
    table = drivers.slopes_by_level(
        survey, outcome="loyalty", of="experience_1", given="product_1", bootstrap=100, rng=1
    )
    assert table.loc["alike", "slope"] == pytest.approx(0.45, abs=0.03)
    assert table.loc["alike", "low"] - 0.02 < 0.45 < table.loc["alike", "high"] + 0.02
    assert table["n"].iloc[:4].sum() == 20_000
    part = survey[survey["product_1"] >= survey["product_1"].quantile(0.75)]
    assert table.loc["4 (highest)", "slope"] == pytest.approx(
        np.polyfit(part["experience_1"], part["loyalty"], 1)[0], abs=1e-3
    )
    standard = drivers.slopes_by_level(
        survey, outcome="loyalty", of="experience_1", given="product_1", standardise=True, bootstrap=0
    )
    ratio = survey["experience_1"].std() / survey["loyalty"].std()
    assert standard["slope"].to_numpy() == pytest.approx(table["slope"].to_numpy() * ratio)
