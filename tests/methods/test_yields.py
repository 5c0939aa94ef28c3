"""Yields, owners, words and deeds: published numbers, identities and known worlds."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.evidence.simulators import journeys as worlds


def table(rows, columns=("customer", "stage", "passed")):
    return pd.DataFrame(rows, columns=columns)


def test_process_yield_sixsigma_of_cano():
    made = cx.yields.process_yield([3, 5, 12], [1, 2, 4], 1915)
    assert made.yield_ == pytest.approx(0.9895561, abs=1e-7)
    assert made.first_time_yield == pytest.approx(0.9859008, abs=1e-7)
    assert made.rolled_throughput_yield == pytest.approx(0.9859563, abs=1e-7)
    assert made.dpmo == pytest.approx(10443.86, abs=0.01)


@pytest.mark.parametrize(
    ("defects", "rework", "units"), [([3], [1, 2], 10), ([], [], 10), ([9], [4], 10), ([-1], [0], 5)]
)
def test_process_yield_refuses_impossible_counts(defects, rework, units):
    with pytest.raises(InputError):
        cx.yields.process_yield(defects, rework, units)


def test_rolled_yield_against_the_joint_clean_rate_of_the_simulator():
    data = worlds.make_stage_quality(60_000, rng=1)
    made = cx.yields.rolled_throughput_yield(data, bootstrap=300, rng=1)
    assert made.rolled == pytest.approx(0.7115, abs=0.006)
    assert made.joint == pytest.approx(0.778, abs=0.005)
    assert made.joint_low < made.joint < made.joint_high
    assert made.dependence_low > 1
    assert made.worst == "after purchase" and made.worst_yield == pytest.approx(0.92, abs=0.005)
    assert made.clean_minus_worst == pytest.approx(made.joint - made.worst_yield)


def test_independent_stages_multiply():
    data = worlds.make_stage_quality(60_000, correlation=0.0, rng=2)
    made = cx.yields.rolled_throughput_yield(data, bootstrap=300, rng=1)
    assert made.dependence_low < 1 < made.dependence_high
    stages = cx.yields.stage_yields(data)
    assert stages.rolled.iloc[-1] == pytest.approx(made.rolled)
    assert ((stages.low < stages.first_time_yield) & (stages.first_time_yield < stages.high)).all()


def test_a_stage_met_twice_is_passed_when_both_went_right():
    data = table(
        [(1, "a", True), (1, "a", False), (1, "b", True), (2, "a", True), (2, "b", True), (3, "a", True)]
    )
    made = cx.yields.stage_yields(data)
    assert made.passed.tolist() == [2, 2] and made.customers.tolist() == [3, 2]
    assert cx.yields.rolled_throughput_yield(data, bootstrap=10, rng=1).n == 2


def test_bottleneck_gain_is_the_derivative_of_the_product():
    data = worlds.make_stage_quality(4000, rng=3)
    made = cx.yields.bottleneck_gain(data, cost={stage: 1 + i for i, stage in enumerate(worlds.STAGES)})
    rolled = cx.yields.rolled_throughput_yield(data, bootstrap=2).rolled
    assert np.allclose(made.rolled_gain * made.first_time_yield, rolled)
    assert (made.joint_gain <= 1).all() and made.gain_per_cost.is_monotonic_decreasing
    with pytest.raises(InputError, match="cost lacks"):
        cx.yields.bottleneck_gain(data, cost={"awareness": 1})


def test_upstream_risk_recovers_dependence_and_its_absence():
    spread = cx.yields.upstream_risk(worlds.make_stage_quality(20_000, rng=4))
    assert spread.low > 1.5
    none = cx.yields.upstream_risk(worlds.make_stage_quality(20_000, correlation=0.0, rng=5))
    assert none.low < 1 < none.high
    pairs = cx.yields.failure_spread(worlds.make_stage_quality(20_000, rng=4))
    assert len(pairs) == 15 and pairs.spreads.all()


def test_risk_ratio_by_hand():
    rows = [(i, "a", i >= 20) for i in range(100)] + [
        (i, "b", not (i < 10 or 20 <= i < 28)) for i in range(100)
    ]
    made = cx.yields.upstream_risk(table(rows))
    assert (made.exposed, made.unexposed) == (0.5, 0.1)
    assert made.ratio == pytest.approx(5)
    half = 1.959964 * np.sqrt(1 / 10 - 1 / 20 + 1 / 8 - 1 / 80)
    assert made.low == pytest.approx(5 * np.exp(-half), rel=1e-5)


def test_first_faults_share_out_the_faulty_journeys():
    rows = [(1, "a", False), (1, "b", False), (2, "a", True), (2, "b", False), (3, "a", True), (3, "b", True)]
    made = cx.yields.first_fault(table(rows))
    assert made.first_faults.tolist() == [1, 1] and made.share.sum() == 1
    assert made.upstream.tolist() == [True, False]


def test_handover_risk_recovers_the_simulator():
    risk = cx.yields.handover_risk(worlds.make_stage_quality(20_000, handover=2.0, rng=6))
    assert risk.low > 1.5 and risk.high < 2.2  # an odds ratio of 2 at small risks
    none = cx.yields.handover_risk(worlds.make_stage_quality(20_000, handover=1.0, rng=7))
    assert none.low < 1 < none.high


def test_ownership_finds_stages_without_and_with_several_owners():
    data = worlds.make_responsibility(without_owner=2, two_owners=1, rng=1)
    made = cx.yields.ownership(data, stages=[*worlds.STAGES, "renewal"])
    assert made.verdict.tolist().count("no owner") == 3
    assert made.verdict.tolist().count("several owners") == 1
    assert made[made.led_alone].stage.tolist() == ["awareness"]
    assert (made.set_index("stage").bearing["renewal"], made.verdict.iloc[-1]) == (0, "no owner")
    grid = cx.yields.coverage(data)
    assert grid.shape == (6, 5) and (grid == "accountable").to_numpy().sum() == made.owners.sum()


@pytest.mark.parametrize("n", [4, 7])
def test_frechet_bounds_by_enumerating_every_table(n):
    for both, only_a, only_b in itertools.product(range(n + 1), repeat=3):
        if both + only_a + only_b <= n:
            low, high = cx.yields.frechet_bounds((both + only_a) / n, (both + only_b) / n)
            assert low - 1e-12 <= both / n <= high + 1e-12


def test_say_do_bounds_of_the_articles_figures():
    made = cx.yields.say_do_bounds(0.65, {"a": 0.32, "b": 0.38, "c": 0.27}, n=900)
    assert made.least.round(2).tolist() == [0, 0.03, 0]
    assert made.greatest.round(2).tolist() == [0.32, 0.38, 0.27]
    assert (made.least_sampled <= made.least).all() and (made.greatest_sampled >= made.greatest).all()
    with pytest.raises(InputError, match="0.65"):
        cx.yields.frechet_bounds(65, 0.3)


def test_mcnemar_equals_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    rng = np.random.default_rng(2)
    data = pd.DataFrame({"says_priority": rng.random(80) < 0.7, "does_review": rng.random(80) < 0.5})
    made = cx.yields.say_do_gap(data)
    cross = pd.crosstab(data.says_priority, data.does_review)
    assert made.p_value == pytest.approx(mcnemar(cross.to_numpy(), exact=True).pvalue)
    assert (
        made.gap
        == pytest.approx(made.says - made.does)
        == pytest.approx((made.says_only - made.does_only) / 80)
    )
    assert (made.n, made.respondents) == (80, 80)


def test_say_do_gap_recovers_the_simulator():
    made = cx.yields.say_do_gap(worlds.make_say_do(400, says=0.65, gap=0.25, rng=1))
    assert made.low < 0.25 < made.high and made.respondents == 400


def test_alignment_is_one_for_the_same_order_and_low_for_none():
    rng = np.random.default_rng(1)
    rows = [
        (person, stage, function, float(i) + rng.normal(0, 0.1))
        for person in range(20)
        for i, stage in enumerate("abcd")
        for function in ("x", "y", "z")
    ]
    same = pd.DataFrame(rows, columns=["respondent", "stage", "function", "says_priority"])
    assert cx.yields.alignment(same, bootstrap=50, rng=1).concordance == pytest.approx(1)
    none = cx.yields.alignment(worlds.make_say_do(60, rng=3), bootstrap=100, rng=1)
    assert none.concordance < 0.8 and none.low < none.high


def test_plan_difference_recovers_the_simulator():
    made = cx.yields.plan_difference(worlds.make_plans(600, difference=0.25, rng=1))
    assert made.low < 0.25 < made.high
    assert (made.strategies_complete, made.strategies_incomplete) == (200, 400)
    with pytest.raises(InputError, match="one side"):
        cx.yields.plan_difference(worlds.make_plans(6, rng=1), complete=0.0)


def test_the_form_is_the_table_say_do():
    form = cx.yields.assessment_form(worlds.STAGES, worlds.FUNCTIONS)
    assert set(form.columns) == set(worlds.make_say_do(2, rng=1).columns)
    assert len(form) == 30


@pytest.mark.parametrize(
    "call",
    [
        cx.yields.rolled_throughput_yield,
        cx.yields.stage_yields,
        cx.yields.first_fault,
        cx.yields.upstream_risk,
    ],
)
def test_a_table_without_the_columns_or_rows_is_refused(call):
    with pytest.raises(InputError, match="passed"):
        call(pd.DataFrame({"customer": [1], "stage": ["a"]}))
    with pytest.raises(InputError, match="no complete row"):
        call(table([(1, "a", None)]))
