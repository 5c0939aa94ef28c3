"""Commonality, HTMT, reliability, halo and parity: published numbers, closed forms and known worlds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.simulators.survey import make_survey, survey_truth
from cxlab.evidence.sources import open_source
from cxlab.methods import drivers
from cxlab.methods.drivers.subsets import shapley_r2

ECSI = {"product": ["PERQ2", "PERQ4", "PERQ5", "PERQ6"], "experience": ["PERQ3", "PERQ7", "CUSCO"]}


@pytest.fixture(scope="module")
def ecsi():
    return open_source("ecsi-mobile")


def two_drivers(correlation, first, second, n=400):
    """A sample whose correlations are exactly these; columns a, b, y with unit variance."""
    target = np.array([[1, correlation, first], [correlation, 1, second], [first, second, 1]])
    raw = np.random.default_rng(1).normal(size=(n, 3))
    raw = (raw - raw.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False)).T)
    return pd.DataFrame(raw @ np.linalg.cholesky(target).T, columns=["a", "b", "y"])


def lmg_of_two(correlation, first, second):
    """Closed form of the two raw shares (Gromping 2006)."""
    r2 = (first**2 + second**2 - 2 * correlation * first * second) / (1 - correlation**2)
    return (r2 + first**2 - second**2) / 2, (r2 - first**2 + second**2) / 2


def test_lmg_of_two_blocks_is_the_unique_part_and_half_of_the_shared(ecsi):
    shares = drivers.decompose(ecsi, outcome="loyalty", blocks=ECSI, bootstrap=0).table
    parts = drivers.commonality(ecsi, outcome="loyalty", blocks=ECSI, bootstrap=0)
    half = parts.loc["product & experience", "raw"] / 2
    assert shares.loc["product", "raw"] == pytest.approx(parts.loc["product", "raw"] + half, abs=1e-12)
    assert shares.loc["experience", "raw"] == pytest.approx(parts.loc["experience", "raw"] + half, abs=1e-12)
    assert parts["raw"].sum() == pytest.approx(parts.attrs["r2"], abs=1e-12)
    assert parts["share"].sum() == pytest.approx(1, abs=1e-12)
    assert parts["adjusted"].sum() == pytest.approx(parts.attrs["r2_adjusted"], abs=1e-12)


def test_lmg_of_four_blocks_shares_each_part_equally_among_its_blocks(ecsi):
    blocks = {**ECSI, "price": ["PERV1", "PERV2"], "image": ["IMAG1", "IMAG2"]}
    shares = drivers.decompose(ecsi, outcome="loyalty", blocks=blocks, bootstrap=0).table
    parts = drivers.commonality(ecsi, outcome="loyalty", blocks=blocks, bootstrap=0)
    assert len(parts) == 15
    for block in blocks:
        mine = parts[[block in part.split(" & ") for part in parts.index]]
        assert shares.loc[block, "raw"] == pytest.approx((mine["raw"] / mine["blocks"]).sum(), abs=1e-12)


def test_commonality_of_swiss_equals_r2_differences(swiss):
    parts = drivers.commonality(
        swiss, outcome="Fertility", blocks={"e": "Education", "x": "Examination"}, bootstrap=0
    )

    def r2(columns):
        return np.corrcoef(
            swiss["Fertility"], np.column_stack([np.ones(47), swiss[columns]]) @ np.linalg.lstsq(
                np.column_stack([np.ones(47), swiss[columns]]), swiss["Fertility"], rcond=None)[0]
        )[0, 1] ** 2  # fmt: skip

    both, e, x = r2(["Education", "Examination"]), r2(["Education"]), r2(["Examination"])
    assert parts["raw"].to_numpy() == pytest.approx([both - x, both - e, e + x - both], abs=1e-10)


def test_suppression_gives_a_negative_shared_part():
    parts = drivers.commonality(
        two_drivers(0.6, 0.5, 0.0), outcome="y", blocks={"a": "a", "b": "b"}, bootstrap=0
    )
    assert parts.loc["a & b", "raw"] < 0


def test_limits_of_a_useless_block_hold_nothing_and_those_of_a_useful_one_hold_its_part():
    """A plain percentile limit of a part is never below 0; the adjusted one covers 0 as often as it says."""
    truth = {"product": 0.0, "experience": 0.5}
    covariance, groups = survey_truth(slopes=truth, correlation=0.0)
    experience = shapley_r2(covariance[None], groups)[1, 0]
    nothing = something = 0
    for seed in range(100):
        survey = make_survey(200, slopes=truth, correlation=0.0, rng=seed)
        parts = drivers.commonality(
            survey, outcome="loyalty", blocks=survey.attrs["blocks"], bootstrap=300, rng=seed
        )
        nothing += parts.loc["product", "low"] <= 0 <= parts.loc["product", "high"]
        something += parts.loc["experience", "low"] <= experience <= parts.loc["experience", "high"]
    assert nothing >= 88
    assert 88 <= something <= 99


def test_htmt_of_ecsi_equals_an_independent_computation(ecsi):
    items = [*ECSI["product"], *ECSI["experience"]]
    correlation = ecsi[items].corr()
    between = correlation.loc[ECSI["product"], ECSI["experience"]].to_numpy().mean()

    def within(side):
        square = correlation.loc[side, side].to_numpy()
        return (square.sum() - len(side)) / (len(side) * (len(side) - 1))

    expected = between / np.sqrt(within(ECSI["product"]) * within(ECSI["experience"]))
    row = drivers.htmt(ecsi, blocks=ECSI, bootstrap=1000, rng=1).iloc[0]
    assert row["htmt"] == pytest.approx(expected, abs=1e-12)
    assert row["htmt"] == pytest.approx(0.858, abs=5e-4)
    assert (row["low"], row["high"]) == pytest.approx((0.763, 0.954), abs=0.01)


def test_htmt_recovers_the_correlation_between_opinions():
    survey = make_survey(20_000, correlation=0.6, rng=2)
    row = drivers.htmt(survey, blocks=survey.attrs["blocks"], bootstrap=0).iloc[0]
    assert row["htmt"] == pytest.approx(0.6, abs=0.02)


def test_htmt_of_a_single_item_is_not_defined():
    survey = make_survey(100, rng=1)
    table = drivers.htmt(
        survey, blocks={"a": "product_1", "b": ["product_2", "product_3"]}, bootstrap=10, rng=1
    )
    assert table[["htmt", "low", "high"]].isna().all(axis=None)


def test_reliability_grid_equals_the_closed_form_for_two_drivers():
    data = two_drivers(0.5, 0.6, 0.4)
    grid = drivers.reliability_grid(data, outcome="y", blocks={"a": "a", "b": "b"}, levels=[0.8, 1.0])
    for row in grid.itertuples():
        p, q = np.sqrt(row.first_reliability), np.sqrt(row.second_reliability)
        first, second = lmg_of_two(0.5 / (p * q), 0.6 / p, 0.4 / q)
        assert row.share == pytest.approx(second / (first + second), abs=1e-9)
    assert grid.attrs["observed"] == pytest.approx(
        0.4 / 2 * 0 + lmg_of_two(0.5, 0.6, 0.4)[1] / 0.28 * 0.28 / sum(lmg_of_two(0.5, 0.6, 0.4))
    )


def test_unequal_reliability_alone_turns_an_even_split_and_the_grid_turns_it_back():
    survey = make_survey(
        40_000,
        slopes={"product": 0.4, "experience": 0.4},
        items=1,
        loading={"product": 0.6, "experience": 0.9},
        rng=1,
    )
    grid = drivers.reliability_grid(
        survey, outcome="loyalty", blocks=survey.attrs["blocks"], levels=[0.36, 0.6, 0.81, 1.0]
    )
    assert grid.attrs["observed"] > 0.6
    true = grid.query("first_reliability == 0.36 and second_reliability == 0.81")["share"].iloc[0]
    assert true == pytest.approx(0.5, abs=0.02)


def test_impossible_reliabilities_are_marked():
    grid = drivers.reliability_grid(
        two_drivers(0.7, 0.6, 0.6), outcome="y", blocks={"a": "a", "b": "b"}, levels=[0.3, 1]
    )
    assert not grid.loc[0, "possible"] and np.isnan(grid.loc[0, "share"])
    assert grid.loc[3, "possible"]


def test_halo_is_taken_out_as_lindell_and_whitney_do():
    curve = drivers.halo_curve(
        two_drivers(0.5, 0.6, 0.4), outcome="y", blocks={"a": "a", "b": "b"}, levels=[0.0, 0.2]
    )
    for row in curve.itertuples():
        first, second = lmg_of_two(*((r - row.halo) / (1 - row.halo) for r in (0.5, 0.6, 0.4)))
        assert row.share == pytest.approx(second / (first + second), abs=1e-9)


def test_a_marker_that_is_the_halo_gives_back_the_share_without_halo():
    clean = make_survey(40_000, correlation=0.0, halo=0.0, rng=3)
    dirty = make_survey(40_000, correlation=0.0, halo=1.0, rng=3)
    blocks = clean.attrs["blocks"]
    liking = (dirty[blocks["product"]] - clean[blocks["product"]]).mean(
        axis=1
    )  # another stream: not the halo
    assert liking.std() > 0
    curve = drivers.halo_curve(dirty, outcome="loyalty", blocks=blocks)
    truth = drivers.reliability_grid(clean, outcome="loyalty", blocks=blocks, levels=[1.0]).attrs["observed"]
    assert abs(curve["share"].iloc[-1] - truth) < abs(curve["share"].iloc[0] - truth)


def test_parity_curve_passes_through_the_observed_share_and_keeps_the_slopes(ecsi):
    curve = drivers.parity_curve(
        ecsi, outcome="loyalty", blocks=ECSI, factors=(0, 0.5, 1, 2), bootstrap=50, rng=1
    )
    composites = pd.DataFrame({side: ecsi[items].mean(axis=1) for side, items in ECSI.items()}).assign(
        y=ecsi["loyalty"]
    )
    seen = drivers.decompose(
        composites, outcome="y", blocks={"product": "product", "experience": "experience"}, bootstrap=0
    )
    at = curve[curve["observed"]].set_index("block")["share"]
    assert at.to_dict() == pytest.approx(seen.table["share"].to_dict(), abs=1e-12)
    none = curve[curve["factor"] == 0].set_index("block")["share"]
    assert none.to_dict() == pytest.approx({"product": 0, "experience": 1}, abs=1e-12)
    design = np.column_stack([np.ones(len(ecsi)), composites["product"], composites["experience"]])
    slopes = np.linalg.lstsq(design, composites["y"], rcond=None)[0][1:]
    assert list(curve.attrs["slopes"].values()) == pytest.approx(slopes, abs=1e-10)


def test_parity_of_uncorrelated_sides_equals_the_closed_form():
    data = two_drivers(0.0, 0.5, 0.5)
    curve = drivers.parity_curve(
        data, outcome="y", blocks={"a": "a", "b": "b"}, factors=(0.25, 1), bootstrap=0
    )
    for row in curve[curve["block"] == "a"].itertuples():
        variance = (0.5 * row.factor) ** 2
        assert row.share == pytest.approx(variance / (variance + 0.25), abs=1e-12)


def test_parity_curve_predicts_the_world_with_a_smaller_spread():
    """Equal slopes: a share near one half at equal spreads falls when the product differs less."""
    even = {"product": 0.4, "experience": 0.4}
    settings = {"slopes": even, "correlation": 0.0, "loading": 0.99, "rng": 4}
    wide = make_survey(40_000, spreads=1.0, **settings)
    narrow = make_survey(40_000, spreads={"product": 0.3, "experience": 1.0}, **settings)
    blocks = wide.attrs["blocks"]
    curve = drivers.parity_curve(wide, outcome="loyalty", blocks=blocks, factors=(0.3, 1), bootstrap=0)
    seen = drivers.parity_curve(narrow, outcome="loyalty", blocks=blocks, factors=(1,), bootstrap=0)
    predicted = curve[(curve["factor"] == 0.3) & (curve["block"] == "product")]["share"].iloc[0]
    assert predicted == pytest.approx(seen.loc[0, "share"], abs=0.01)
    assert seen.loc[0, "share"] < 0.12 < 0.4 < curve[(curve["factor"] == 1)]["share"].min()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: drivers.parity_curve(d, outcome="y", blocks={"a": "a", "b": "b"}, vary="c"), "vary='c'"),
        (
            lambda d: drivers.parity_curve(d, outcome="y", blocks={"a": "a", "b": "b"}, factors=(-1,)),
            "0 or more",
        ),
        (lambda d: drivers.reliability_grid(d, outcome="y", blocks={"a": "a"}), "two sides"),
        (
            lambda d: drivers.reliability_grid(d, outcome="y", blocks={"a": "a", "b": "b"}, levels=[0, 1]),
            "levels",
        ),
        (lambda d: drivers.halo_curve(d, outcome="y", blocks={"a": "a", "b": "b"}, levels=[0.9]), "smallest"),
        (lambda d: drivers.commonality(d, outcome="y", blocks={str(i): "a" for i in range(2)}), "stands in"),
        (lambda d: drivers.htmt(d, blocks={"a": ["a"], "b": ["nope"]}), "no column 'nope'"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(two_drivers(0.3, 0.5, 0.4))
