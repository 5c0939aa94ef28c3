"""Exact shares: published numbers, identities, and the truth of a simulated survey."""

from __future__ import annotations

import itertools
import warnings
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.evidence.simulators.survey import make_survey, survey_truth
from cxlab.methods import drivers
from cxlab.methods.drivers.subsets import bootstrap_covariances, shapley_r2, subset_r2

pytestmark = pytest.mark.filterwarnings("ignore::cxlab.methods.drivers.DataWarning")


def each(data, outcome):
    return {column: column for column in data.columns if column != outcome}


def plain_r2(data, outcome, columns):
    """By least squares on the data, one subset at a time."""
    y = data[outcome] - data[outcome].mean()
    if not columns:
        return 0.0
    x = (data[list(columns)] - data[list(columns)].mean()).to_numpy()
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float((fit**2).sum() / (y**2).sum())


def plain_shapley(data, outcome, blocks):
    """By averaging over all orders of entry."""
    names = list(blocks)
    total = dict.fromkeys(names, 0.0)
    for order in itertools.permutations(names):
        for place, name in enumerate(order):
            before = [c for block in order[:place] for c in blocks[block]]
            gain = plain_r2(data, outcome, before + blocks[name]) - plain_r2(data, outcome, before)
            total[name] += gain / factorial(len(names))
    return total


def test_lmg_of_swiss_equals_relaimpo_2_2_7(swiss):
    table = drivers.relative_importance(
        swiss, outcome="Fertility", blocks=each(swiss, "Fertility"), bootstrap=0
    )
    expected = [
        0.0570912207680913,
        0.171173028900234,
        0.260134678624385,
        0.105570150373494,
        0.112765922926522,
    ]
    assert table["raw"].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert table.attrs["r2"] == pytest.approx(0.706735001592726, abs=1e-9)


def test_general_dominance_of_attitude_equals_the_published_values(attitude):
    table = drivers.relative_importance(
        attitude, outcome="rating", blocks=each(attitude, "rating"), bootstrap=0
    )
    assert table["raw"].to_numpy() == pytest.approx([0.371, 0.051, 0.156, 0.120, 0.007, 0.028], abs=5e-4)


def test_lmg_of_mtcars_equals_relaimpo_2_2_7(mtcars):
    table = drivers.relative_importance(mtcars, outcome="mpg", blocks=each(mtcars, "mpg"), bootstrap=0)
    expected = [0.247052033235208, 0.24349959479564, 0.210912899544274, 0.0777251114079335]
    assert table["raw"].to_numpy() == pytest.approx(expected, abs=1e-9)


def test_relative_weights_of_mtcars_equal_the_rwa_vignette(mtcars):
    correlation = mtcars[["cyl", "disp", "hp", "gear", "mpg"]].corr().to_numpy()
    expected = [0.2284797, 0.2221469, 0.2321744, 0.0963886]
    assert drivers.relative_weights(correlation) == pytest.approx(expected, abs=1e-6)


def test_hand_case_of_two_correlated_drivers():
    correlation = np.array([[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]])
    raw = shapley_r2(correlation[None], [[0], [1]])[:, 0]
    assert raw[0] == pytest.approx(0.86 / 3, abs=1e-12)  # .286667


def test_grouped_lmg_of_swiss_equals_the_mean_over_orders(swiss):
    blocks = {
        "work": ["Agriculture", "Education"],
        "school": ["Examination"],
        "rest": ["Catholic", "Infant.Mortality"],
    }
    table = drivers.relative_importance(swiss, outcome="Fertility", blocks=blocks, bootstrap=0)
    assert table["raw"].to_dict() == pytest.approx(plain_shapley(swiss, "Fertility", blocks), abs=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=5))
def test_shares_sum_to_r2_and_every_subset_equals_least_squares(seed, sizes):
    rng = np.random.default_rng(seed)
    p, n = sum(sizes), 40
    x = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    data = pd.DataFrame(x, columns=[f"x{i}" for i in range(p)]).assign(
        y=x.sum(axis=1) + 2 * rng.normal(size=n)
    )
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
    values = rng.normal(size=(200, 19)) + rng.normal(size=(200, 1))
    observed, _ = bootstrap_covariances(values, None, 0, rng)
    groups = [[i] for i in range(18)]  # above 17 the walk splits before it doubles
    split = shapley_r2(observed[None], groups)[:, 0]
    r2 = subset_r2(observed[None], groups)[:, 0]
    sizes = np.array([bin(s).count("1") for s in range(len(r2))])
    for player in (0, 7, 17):
        without = np.array([s for s in range(len(r2)) if not s >> player & 1])
        weight = np.array([factorial(k) * factorial(17 - k) / factorial(18) for k in range(18)])[
            sizes[without]
        ]
        assert split[player] == pytest.approx(
            (weight * (r2[without | 1 << player] - r2[without])).sum(), abs=1e-10
        )
    assert split.sum() == pytest.approx(r2[-1], abs=1e-12)


def test_bootstrap_covariances_are_those_of_resampled_rows():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(50, 3))
    weights = rng.uniform(0.5, 2, 50)
    observed, resampled = bootstrap_covariances(values, weights, 4, np.random.default_rng(9))
    assert observed == pytest.approx(np.cov(values, rowvar=False, aweights=weights, ddof=0), abs=1e-12)
    picks = np.random.default_rng(9).integers(0, 50, size=(4, 50))
    for draw, pick in enumerate(picks):
        expected = np.cov(values[pick], rowvar=False, aweights=weights[pick], ddof=0)
        assert resampled[draw] == pytest.approx(expected, abs=1e-12)


def test_interval_is_the_percentile_interval_of_refits(swiss):
    blocks = {"Education": ["Education"], "Catholic": ["Catholic"]}
    result = drivers.decompose(swiss, outcome="Fertility", blocks=blocks, bootstrap=60, rng=4)
    picks = np.random.default_rng(4).integers(0, len(swiss), size=(60, len(swiss)))
    shares = []
    for pick in picks:
        part = plain_shapley(swiss.iloc[pick], "Fertility", blocks)
        shares.append(part["Education"] / sum(part.values()))
    assert result.draws["Education"].to_numpy() == pytest.approx(shares, abs=1e-9)
    low, high = np.percentile(shares, [2.5, 97.5])
    assert result.table.loc["Education", ["low", "high"]].tolist() == pytest.approx([low, high], abs=1e-9)


def test_slopes_are_those_of_least_squares_on_composites_of_standardised_items():
    survey = make_survey(200, rng=2)
    blocks = survey.attrs["blocks"]
    table = drivers.relative_importance(survey, outcome="loyalty", blocks=blocks, bootstrap=0)
    z = {b: ((survey[c] - survey[c].mean()) / survey[c].std()).mean(axis=1) for b, c in blocks.items()}
    design = np.column_stack([np.ones(200), *z.values()])
    slopes = np.linalg.lstsq(design, survey["loyalty"], rcond=None)[0][1:]
    assert table["slope"].to_numpy() == pytest.approx(slopes, abs=1e-9)
    assert table["spread"].to_numpy() == pytest.approx(
        [survey[c].mean(axis=1).std() for c in blocks.values()]
    )


def test_equal_weights_change_nothing_and_weights_equal_repeated_rows(swiss):
    blocks = each(swiss, "Fertility")
    plain = drivers.decompose(swiss, outcome="Fertility", blocks=blocks, bootstrap=20, rng=1).table
    ones = drivers.decompose(
        swiss, outcome="Fertility", blocks=blocks, weights=np.full(len(swiss), 3.0), bootstrap=20, rng=1
    ).table
    pd.testing.assert_frame_equal(plain, ones, check_exact=False, rtol=1e-9)
    counts = np.arange(len(swiss)) % 3 + 1
    repeated = swiss.loc[swiss.index.repeat(counts)]
    weighted = drivers.decompose(
        swiss.assign(w=counts), outcome="Fertility", blocks=blocks, weights="w", bootstrap=0
    )
    again = drivers.decompose(repeated, outcome="Fertility", blocks=blocks, bootstrap=0)
    assert weighted.table["raw"].to_numpy() == pytest.approx(again.table["raw"].to_numpy(), abs=1e-12)


def test_a_share_does_not_depend_on_units_or_order(swiss):
    blocks = {"a": ["Education", "Catholic"], "b": "Examination"}
    plain = drivers.decompose(swiss, outcome="Fertility", blocks=blocks, bootstrap=0).table
    scaled = swiss.assign(Education=7 * swiss["Education"] - 3, Fertility=-0.1 * swiss["Fertility"])
    turned = {"b": "Examination", "a": ["Catholic", "Education"]}
    other = drivers.decompose(scaled, outcome="Fertility", blocks=turned, bootstrap=0).table
    assert other.loc["a", "share"] == pytest.approx(plain.loc["a", "share"], abs=1e-12)


def test_the_truth_of_a_simulated_survey_lies_inside_the_interval_88_to_99_times_in_100():
    covariance, groups = survey_truth()
    truth = shapley_r2(covariance[None], groups)[:, 0]
    truth = truth / truth.sum()
    inside = 0
    for seed in range(100):
        survey = make_survey(250, rng=seed)
        blocks = survey.attrs["blocks"]
        table = drivers.decompose(survey, outcome="loyalty", blocks=blocks, bootstrap=400, rng=seed).table
        inside += table.loc["experience", "low"] <= truth[1] <= table.loc["experience", "high"]
    assert 88 <= inside <= 99


def test_difference_has_its_own_interval(swiss):
    blocks = {"work": ["Agriculture", "Education"], "faith": "Catholic"}
    result = drivers.decompose(swiss, outcome="Fertility", blocks=blocks, bootstrap=200, rng=1)
    difference = drivers.share_difference(result, "work", "faith")
    gap = 2 * result.draws["work"] - 1  # two shares sum to 1
    assert (difference.low, difference.high) == pytest.approx(tuple(np.percentile(gap, [2.5, 97.5])))
    assert difference.estimate == pytest.approx(2 * result.table.loc["work", "share"] - 1)
    with pytest.raises(ValueError, match="no block 'price'"):
        drivers.share_difference(result, "work", "price")


def test_same_seed_same_table_and_no_bootstrap_no_interval(swiss):
    blocks = each(swiss, "Fertility")
    one, two = (
        drivers.relative_importance(swiss, outcome="Fertility", blocks=blocks, bootstrap=50, rng=7)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, two)
    none = drivers.relative_importance(swiss, outcome="Fertility", blocks=blocks, bootstrap=0)
    assert none[["low", "high"]].isna().all(axis=None) and none["raw"].notna().all()
    assert list(none.columns) == ["raw", "share", "low", "high", "slope", "spread"]


def test_results_survive_the_usual_handling(swiss):
    table = drivers.relative_importance(
        swiss, outcome="Fertility", blocks=each(swiss, "Fertility"), bootstrap=10, rng=1
    )
    both = pd.concat([table, table.round(2)])
    assert len(both) == 10 and table.attrs == table.copy().attrs


def test_warns_of_a_ceiling_of_collinearity_and_of_few_cases():
    survey = make_survey(400, rng=1)
    blocks = survey.attrs["blocks"]
    top = survey.assign(loyalty=np.minimum(survey["loyalty"], survey["loyalty"].quantile(0.5)))
    with pytest.warns(drivers.DataWarning, match="stand at the top"):
        drivers.relative_importance(top, outcome="loyalty", blocks=blocks, bootstrap=0)
    twin = survey.assign(
        twin=survey["product_1"] + 0.05 * survey["product_2"] * survey["product_3"].rank() / 400
    )
    with pytest.warns(drivers.DataWarning, match="variance inflation"):
        drivers.relative_importance(
            twin, outcome="loyalty", blocks={"a": "twin", "b": "product_1"}, bootstrap=0
        )
    with pytest.warns(drivers.DataWarning, match="fewer than 10"):
        drivers.relative_importance(survey.head(40), outcome="loyalty", blocks=blocks, bootstrap=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drivers.relative_importance(survey, outcome="loyalty", blocks=blocks, bootstrap=0)


def test_complete_cases_are_counted():
    survey = make_survey(200, missing=0.02, rng=3)
    table = drivers.relative_importance(survey, outcome="loyalty", blocks=survey.attrs["blocks"], bootstrap=0)
    items = [*sum(survey.attrs["blocks"].values(), []), "loyalty"]
    assert table.attrs["n"] == len(survey[items].dropna())
    assert table.attrs["n"] + table.attrs["dropped"] == 200


def good():
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(60, 4)), columns=["a", "b", "c", "y"])
    data.attrs["outcomes"] = {"y": ["y1"]}
    return data.assign(
        y1=data["y"], flat=1.0, text="x", twin=data["a"], far=data["a"].where(data.index > 0, np.inf)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "z"}, "outcome: the data have no column 'z'"),
        ({"blocks": {"p": ["a", "bb"]}}, "no column 'bb'"),
        ({"blocks": {"p": ["a"], "e": ["a", "b"]}}, "stands in 'p' and in 'e'"),
        ({"blocks": {"p": []}}, "is empty"),
        ({"blocks": {}}, "must be a mapping"),
        ({"blocks": ["a", "b"]}, "must be a mapping"),
        ({"blocks": {"p": ["a", "y"]}}, "explain itself"),
        ({"blocks": {"p": ["a", "y1"]}}, "explain itself"),
        ({"blocks": {"p": ["flat"], "e": "b"}}, "never varies"),
        ({"blocks": {"p": ["text"], "e": "b"}}, "not numbers"),
        ({"blocks": {"p": ["a"], "e": "twin"}}, "collinear"),
        ({"blocks": {"p": ["far"], "e": "b"}}, "infinite"),
        ({"bootstrap": -1}, "bootstrap=-1"),
        ({"bootstrap": 2.5}, "bootstrap=2.5"),
        ({"confidence_level": 95}, "confidence_level=95"),
        ({"weights": "none"}, "no column 'none'"),
        ({"weights": [1.0, 2.0]}, "one number a row"),
    ],
)
def test_bad_arguments_are_named_with_the_rule(change, message):
    arguments = {"outcome": "y", "blocks": {"p": ["a"], "e": ["b", "c"]}, "bootstrap": 5, **change}
    with pytest.raises(ValueError, match=message):
        drivers.relative_importance(good(), **arguments)


def test_too_few_rows_and_negative_weights_are_refused():
    data = good()
    with pytest.raises(ValueError, match="only 4 of 4 rows"):
        drivers.relative_importance(data.head(4), outcome="y", blocks={"p": ["a", "b"], "e": "c"})
    with pytest.raises(ValueError, match="0 or more"):
        drivers.relative_importance(data.assign(w=-1.0), outcome="y", blocks={"p": "a"}, weights="w")
    with pytest.raises(ValueError, match="at most 22"):
        wide = pd.DataFrame(
            np.random.default_rng(1).normal(size=(60, 24)), columns=[f"x{i}" for i in range(24)]
        )
        drivers.relative_importance(wide, outcome="x0", blocks={f"x{i}": f"x{i}" for i in range(1, 24)})


def test_limits_of_nothing_are_nothing():
    from cxlab.methods.drivers.importance import limits

    low, high = limits(np.array([[1.0, 2.0, 3.0], [np.nan] * 3]), 0.5)
    assert (low[0], high[0]) == (1.5, 2.5) and np.isnan([low[1], high[1]]).all()
    low, high = limits(np.empty((2, 0)), 0.95)
    assert low.shape == (2,) and np.isnan(low).all() and np.isnan(high).all()
