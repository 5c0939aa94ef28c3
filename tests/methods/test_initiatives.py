"""Counting, choosing and following initiatives: published instances, brute force, identities, simulators' truths."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.evidence.errors import InputError
from cxlab.evidence.simulators.initiatives import make_initiatives, make_pain
from cxlab.methods import initiatives as m
from cxlab.methods.intervals import rule_of_three

LEVELS = np.array(["account", "unit", "corporate"])
MINIMUM = {"account": 12, "unit": 12, "corporate": 10}


@pytest.fixture(scope="module")
def register():
    return make_initiatives(rng=1)


@pytest.fixture(scope="module")
def pain():
    return make_pain(rng=1)


# ---------------------------------------------------------------------------------------------- choosing


def test_knapsack_p01_of_the_classic_test_set():
    """P01: 10 items, capacity 165 (Burkardt's collection of knapsack test data)."""
    table = pd.DataFrame(
        {
            "id": range(10),
            "impact": [92, 57, 49, 68, 60, 43, 67, 84, 87, 72],
            "cost": [23, 31, 29, 44, 53, 38, 63, 85, 89, 82],
        }
    )
    best = m.select_portfolio(table, budget=165)
    assert best.impact == 309 and best.cost == 165 and best.proven
    assert best.table.selected.astype(int).tolist() == [1, 1, 1, 1, 0, 1, 0, 0, 0, 0]


def test_equal_to_brute_force_on_200_instances_with_minima():
    rng = np.random.default_rng(5)
    solved = refused = 0
    for k in range(200):
        n = int(rng.integers(3, 12))
        level = LEVELS[rng.integers(0, 3, n)]
        impact = [rng.integers(1, 30, n).astype(float), rng.lognormal(2, 1, n), rng.normal(5, 5, n)][k % 3]
        cost = [rng.integers(0, 30, n).astype(float), rng.lognormal(2, 1, n)][k % 2]
        budget = cost.sum() * rng.uniform(0.1, 0.9)
        minimum = {name: int(rng.integers(0, 3)) for name in LEVELS}
        sets = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(bool)
        fits = sets @ cost <= budget
        for name, count in minimum.items():
            fits &= sets[:, level == name].sum(axis=1) >= count
        table = pd.DataFrame({"id": range(n), "impact": impact, "cost": cost, "level": level})
        if not fits.any():
            refused += 1
            with pytest.raises(InputError, match="minimum"):
                m.select_portfolio(table, budget=budget, minimum=minimum)
            continue
        solved += 1
        best = m.select_portfolio(table, budget=budget, minimum=minimum)
        assert best.impact == pytest.approx((sets @ impact)[fits].max(), abs=1e-9)
        assert best.proven and best.cost <= budget + 1e-9
        naive = m.greedy_portfolio(table, budget=budget, minimum=minimum)
        assert naive.cost <= budget + 1e-9 and naive.impact <= best.impact + 1e-9
        for name, count in minimum.items():
            assert (naive.table.selected & (level == name)).sum() >= count
    assert solved > 80 and refused > 40


@pytest.mark.parametrize("kind", ["unrelated", "weakly correlated", "measured", "coarse"])
def test_five_thousand_initiatives_are_proven(kind):
    rng = np.random.default_rng(0)
    n = 5000
    cost = rng.integers(1, 1000, n).astype(float)
    impact = {
        "unrelated": lambda: rng.integers(1, 1000, n).astype(float),
        "weakly correlated": lambda: np.maximum(1, cost + rng.integers(-100, 101, n)),
        "measured": lambda: rng.lognormal(0, 1, n),
        "coarse": lambda: rng.integers(1, 11, n).astype(float),
    }[kind]()
    table = pd.DataFrame(
        {"id": range(n), "impact": impact, "cost": cost, "level": LEVELS[rng.integers(0, 3, n)]}
    )
    best = m.select_portfolio(table, budget=cost.sum() * 0.3, minimum={"account": 500, "corporate": 1250})
    assert best.proven and best.cost <= cost.sum() * 0.3
    assert best.table[best.table.selected].level.value_counts()["corporate"] >= 1250


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_more_money_never_hurts_and_minima_never_help(seed):
    rng = np.random.default_rng(seed)
    table = make_initiatives(25, rng=rng)
    budgets = np.sort(rng.uniform(0, table.cost.sum(), 3))
    impacts = [m.select_portfolio(table, budget=b).impact for b in budgets]
    assert impacts == sorted(impacts)
    rich = table.cost.sum()
    assert m.select_portfolio(table, budget=rich).impact == pytest.approx(table.impact.sum())
    some = {"account": 1} if (table.level == "account").any() else {}
    assert (
        m.select_portfolio(table, budget=rich, minimum=some).impact
        <= m.select_portfolio(table, budget=rich).impact + 1e-9
    )


def test_minima_that_clash_are_named(register):
    with pytest.raises(InputError, match="account 39 .*clash with the budget 200"):
        m.select_portfolio(register, budget=200, minimum={"account": 39, "unit": 1})
    with pytest.raises(InputError, match="99 of level 'corporate'.*has"):
        m.select_portfolio(register, budget=1e6, minimum={"corporate": 99})
    both = {"account": 12, "unit": 12}
    least = sum(register[register.level == name].cost.nsmallest(12).sum() for name in both)
    with pytest.raises(InputError, match="account 12 .* and unit 12|unit 12 .* and account 12"):
        m.select_portfolio(register, budget=least - 1, minimum=both)
    assert m.select_portfolio(register, budget=least, minimum=both).cost == pytest.approx(least)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost": -1.0}, "below 0"),
        ({"impact": np.nan}, "must be a number"),
        ({"id": "I001"}, "occurs twice"),
        ({"id": None}, "no id"),
    ],
)
def test_wrong_rows_are_refused_by_name(register, change, message):
    table = register.copy()
    for column, value in change.items():
        table.loc[5, column] = value
    with pytest.raises(InputError, match=message):
        m.select_portfolio(table, budget=100)


def test_wrong_arguments_are_refused(register):
    for budget in (-1, math.nan, math.inf):
        with pytest.raises(InputError, match="budget"):
            m.select_portfolio(register, budget=budget)
    with pytest.raises(InputError, match="no column 'cost'"):
        m.select_portfolio(register.drop(columns="cost"), budget=1)
    with pytest.raises(InputError, match="empty"):
        m.select_portfolio(register.head(0), budget=1)
    with pytest.raises(InputError, match="whole number"):
        m.select_portfolio(register, budget=1, minimum={"unit": 1.5})
    assert m.select_portfolio(register, budget=0).impact == 0


def test_quadrants_follow_the_articles_rule():
    table = pd.DataFrame({"id": list("abcd"), "impact": [9, 10, 1, 2], "cost": [1, 9, 1, 9]})
    sorted_ = m.quadrants(table, impact_cut=5, effort_cut=5, high_enough=0.9)
    assert sorted_.quadrant.tolist() == ["first", "if impact is high enough", "easy but small", "leave"]
    assert sorted_.order.fillna(0).tolist() == [1, 2, 0, 0]


def test_rules_are_compared_with_the_exact_best(register):
    table = m.compare_rules(register, budget=1500, minimum={"unit": 3}).set_index("rule")
    assert table.loc["exact", "share_of_best"] == 1 and (table.share_of_best <= 1).all()
    assert (table.cost <= 1500).all() and table.loc["exact", "meets_minimum"]


def test_shadow_prices_are_differences_of_optima(register):
    prices = m.shadow_prices(register, budget=1500, minimum=MINIMUM).set_index("level")
    held = m.select_portfolio(register, budget=1500, minimum=MINIMUM).impact
    without = m.select_portfolio(
        register, budget=1500, minimum={k: v for k, v in MINIMUM.items() if k != "corporate"}
    )
    assert prices.loc["corporate", "impact_lost"] == pytest.approx(without.impact - held)
    assert prices.loc["corporate", "impact_lost"] > 0
    assert (prices.loc[prices.selected > prices.minimum, "impact_lost"] == 0).all()


def test_frontier_rises_and_leaves_out_what_cannot_be_paid(register):
    table = m.frontier(register, budgets=[1, 1200, 1600, 3200], minimum=MINIMUM)
    assert np.isnan(table.impact[0]) and table.selected[0] == ()
    assert table.impact[1:].is_monotonic_increasing
    assert (table.greedy_impact[1:] <= table.impact[1:] + 1e-9).all()


def test_safe_choices_under_guessed_impacts():
    table = pd.DataFrame(
        {
            "id": ["sure", "coin", "flip", "never"],
            "impact_low": [90.0, 5, 5, 0.1],
            "impact": [100.0, 10, 10, 0.2],
            "impact_high": [110.0, 15, 15, 0.3],
            "cost": [10.0, 10, 10, 10],
        }
    )
    result = m.inclusion_probability(table, budget=20, draws=200, rng=1).set_index("id")
    assert result.loc["sure", "choice"] == "safe" and result.loc["never", "choice"] == "never"
    assert result.loc["coin", "low"] < 0.5 < result.loc["coin", "high"]
    assert result.probability[["coin", "flip"]].sum() == pytest.approx(1)
    certain = table.assign(impact_low=table.impact, impact_high=table.impact)
    same = m.inclusion_probability(certain, budget=20, draws=5, rng=1)
    assert set(same.probability) <= {0.0, 1.0} and same.attrs["regret"] == pytest.approx(0)
    with pytest.raises(InputError, match="must rise"):
        m.inclusion_probability(table.assign(impact_low=200), budget=20, rng=1)


def test_one_kind_only_against_mixed(register):
    table = m.compare_scopes(register, budget=1500, draws=20, rng=1).set_index("scope")
    assert table.loc["mixed", "share"] == 1
    for kind in ("product", "experience"):
        alone = m.select_portfolio(register[register.side == kind], budget=1500).impact
        assert table.loc[f"{kind} only", "impact"] == pytest.approx(alone)
    swapped = register.assign(side=register.side.map({"product": "experience", "experience": "product"}))
    mirror = m.compare_scopes(swapped, budget=1500, draws=20, rng=1).set_index("scope")
    assert mirror.loc["product only", "share"] == pytest.approx(table.loc["experience only", "share"])


def test_losses_of_simpler_rules_are_shares(register):
    table = m.rule_losses(register, budget=1500, minimum=MINIMUM, draws=10, rng=1)
    assert ((table.share >= 0) & (table.share < 1)).all()
    assert (table.low <= table.share).all() and (table.share <= table.high).all()
    assert table.loc["greedy", "share"] < table.loc["impact alone", "share"]


# ---------------------------------------------------------------------------------------------- mismatch


def test_none_of_a_hundred_is_bounded_by_2_95_percent():
    """Hanley & Lippman-Hand 1983; the article's 'more than 100 projects, none in customer service'."""
    assert rule_of_three(100) == pytest.approx(0.0295, abs=5e-5)
    work = pd.DataFrame({"area": ["product"] * 100})
    hurt = pd.DataFrame({"area": ["product", "customer service"], "complaints": [160, 40]})
    table = m.coverage(work, pain=hurt).set_index("area")
    assert table.loc["customer service", "upper"] == pytest.approx(0.0295, abs=5e-5)
    assert table.loc["customer service", "initiative_high"] == pytest.approx(0.0370, abs=5e-5)
    assert table.loc["customer service", "chance_of_none"] == pytest.approx(0.8**100)
    assert table.loc["customer service", "alarm"] and not table.loc["product", "alarm"]


def test_no_alarm_where_none_was_to_be_expected():
    work = pd.DataFrame({"area": ["a"] * 20})
    table = m.coverage(work, pain=pd.DataFrame({"area": ["a", "b"], "contacts": [980, 20]})).set_index("area")
    assert table.loc["b", "chance_of_none"] > 0.5 and not table.loc["b", "alarm"]


@pytest.mark.parametrize(
    ("projects", "complaints", "bits", "nats"),
    [(30, 200, 0.057, 0.039), (100, 400, 0.017, 0.0115), (400, 2000, 0.004, 0.0027)],
)
def test_chance_level_of_the_divergence(projects, complaints, bits, nats):
    """Eight areas, no mismatch: .057 / .017 / .004 are bits; in nats they are ln 2 times that."""
    rng = np.random.default_rng(1)
    shares = np.arange(1, 9) / 36
    draws = [
        m.divergence(
            rng.multinomial(projects, shares), rng.multinomial(complaints, shares), draws=40, rng=rng
        )
        for _ in range(60)
    ]
    assert np.mean([one.chance for one in draws]) == pytest.approx(bits, rel=0.08)
    assert np.mean([one.value for one in draws]) == pytest.approx(bits, rel=0.2)
    in_nats = m.divergence(
        rng.multinomial(projects, shares),
        rng.multinomial(complaints, shares),
        base=math.e,
        draws=400,
        rng=rng,
    )
    assert in_nats.chance == pytest.approx(nats, rel=0.2)


def test_divergence_identities():
    same = m.divergence([10, 20, 30], [20, 40, 60], rng=1)
    assert same.value == pytest.approx(0, abs=1e-12) and same.p_value > 0.9
    assert m.divergence([5, 0], [0, 7], rng=1).value == pytest.approx(1)
    a, b = [12, 5, 9], [30, 40, 2]
    assert m.divergence(a, b, rng=1).value == pytest.approx(m.divergence(b, a, rng=1).value)
    with pytest.raises(InputError, match="counts over the same areas"):
        m.divergence([1, 2], [1, 2, 3])


def test_divergence_is_rarely_significant_without_a_mismatch():
    rng = np.random.default_rng(2)
    shares = np.ones(8) / 8
    small = [
        m.divergence(rng.multinomial(60, shares), rng.multinomial(300, shares), draws=199, rng=rng).p_value
        <= 0.05
        for _ in range(300)
    ]
    assert 0.02 <= np.mean(small) <= 0.09


def test_ratio_interval_covers_and_takes_zeros():
    rng = np.random.default_rng(3)
    x1, x2 = rng.binomial(100, 0.2, 2000), rng.binomial(300, 0.1, 2000)
    _, low, high = m.ratio_interval(x1, 100, x2, 300)
    assert 0.93 <= np.mean((low <= 2) & (high >= 2)) <= 0.98
    ratio, low, high = m.ratio_interval([0, 5], 100, [30, 0], 100)
    assert ratio[0] == low[0] == 0 and high[0] < 0.2
    assert np.isnan(ratio[1]) and np.isinf(high[1])


def test_mismatch_of_the_simulator_is_found(register, pain):
    table = m.coverage(register, pain=pain)
    assert table.loc[table.alarm, "area"].tolist() == ["customer service"]
    assert table.pain_share.sum() == pytest.approx(1) and table.initiative_share.sum() == pytest.approx(1)
    far = m.divergence(table.initiatives, table.pain, rng=1)
    assert far.value > far.chance_high > far.chance and far.p_value < 0.01
    aligned = make_initiatives(effort_shares=dict(zip(pain.area, pain.complaints, strict=True)), rng=3)
    near = m.coverage(aligned, pain=pain)
    assert not near.alarm.any() and m.divergence(near.initiatives, near.pain, rng=1).p_value > 0.05


def test_outcome_by_area_assumes_no_slope(register, pain):
    table = m.outcome_by_area(register, pain=pain)
    assert table.attrs["slope_low"] < table.attrs["slope"] < table.attrs["slope_high"]
    assert table.attrs["slope_high"] - table.attrs["slope_low"] > 0.8
    assert m.outcome_by_area(register, pain=pain[["area", "complaints"]]).empty


# ---------------------------------------------------------------------------------------------- the metric and status


def test_counting_what_both_coders_call_customer_focused():
    table = pd.DataFrame(
        {
            "id": range(4),
            "customer_focused": [True, True, False, True],
            "customer_focused_2": [True, False, False, True],
            "team": ["a", "b", "", ""],
            "compensation_linked": [True, True, False, False],
        }
    )
    counted = m.count_focused(table).set_index("measure")
    assert counted.loc["customer-focused", ["count", "n"]].tolist() == [2, 4]
    assert counted.loc["said by one coder only", "count"] == 1
    assert counted.loc["with a responsible team", ["count", "n"]].tolist() == [1, 2]
    assert counted.loc["with both", "count"] == 1
    with pytest.raises(InputError, match="code each project"):
        m.count_focused(table[["id"]])
    nobody = m.count_focused(table.assign(customer_focused=False))
    assert nobody.share[0] == 0 and np.isnan(nobody.set_index("measure").loc["with both", "share"])


def test_progress_stands_in_for_shares_below_ten(register):
    assert m.progress(register.head(9)).attrs["few"] and not m.progress(register).attrs["few"]
    table = m.progress(register.head(9))
    assert table.progress.is_monotonic_increasing and table.progress.between(0, 1).all()


HISTORY = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "level": ["account", "account", "unit", "unit"],
        "due": pd.to_datetime(["2026-02-28", "2026-03-31", "2026-02-28", "2026-05-31"]),
        "done": pd.to_datetime(["2026-03-31", None, "2026-02-10", None]),
        "status_history": [
            "2026-01-31 at risk; 2026-02-28 late; 2026-03-31 done",
            "2026-01-31 on schedule; 2026-03-31 at risk; 2026-04-30 late",
            "2026-01-31 on schedule; 2026-02-28 done",
            "2026-04-30 On Schedule",
        ],
    }
)


def test_status_by_hand():
    shares = m.status_shares(HISTORY).set_index(["group", "status"])
    assert shares.loc[("all", "late"), "count"] == 1 and shares.loc[("all", "late"), "n"] == 2
    assert shares.loc[("account", "late"), "share"] == 1 and shares.loc[("unit", "on schedule"), "share"] == 1
    march = m.current_status(HISTORY, as_of="2026-03")
    assert march.status.tolist() == ["done", "at risk", "done", "not started"]
    merged = m.status_shares(HISTORY, by=None, merge=True)
    assert merged.status.tolist() == ["on schedule", "at risk or late"] and merged["count"].tolist() == [1, 1]
    months = m.status_shares(HISTORY, by=None, months=4)
    assert months.month.nunique() == 4 and months.groupby("month")["share"].sum().round(9).eq(1).all()


def test_ageing_by_hand():
    table = m.ageing(HISTORY).set_index("id")
    assert table.loc["b", ["months_in_status", "months_overdue"]].tolist() == [1, 1]
    assert table.loc["d", "months_overdue"] == -1 and set(table.index) == {"b", "d"}


def test_calibration_by_hand():
    table = m.calibration(HISTORY).set_index("said")
    # a was called at risk and ended late; b was not (its warning came in the due month) and is late; c was in time.
    assert table.loc["at risk", ["late", "n"]].tolist() == [1, 1]
    assert table.loc["on schedule", ["late", "n"]].tolist() == [1, 2]
    assert m.calibration(HISTORY).attrs["caught"] == 0.5
    assert m.calibration(HISTORY).attrs["brier"] == pytest.approx((0 + 2 * 0.25) / 3)


def test_calibration_recovers_the_simulators_foresight():
    table = make_initiatives(
        6000, foresight=0.7, false_alarm=0.1, late_share=0.4, pay_silence=0, months=30, rng=4
    )
    found = m.calibration(table).set_index("said")
    right = 0.4 * 0.7 / (0.4 * 0.7 + 0.6 * 0.1)
    # A little above: who finishes early is done before a false alarm could be raised.
    assert right - 0.01 < found.loc["at risk", "share"] < right + 0.05
    assert m.calibration(table).attrs["caught"] == pytest.approx(0.7, abs=0.03)


def test_history_that_cannot_be_read_is_named():
    bad = HISTORY.assign(status_history=["2026-01-31 fine"] + [""] * 3)
    with pytest.raises(InputError, match="'a' holds '2026-01-31 fine'"):
        m.status_table(bad)
    with pytest.raises(InputError, match="date '31.01.2026'"):
        m.status_table(HISTORY.assign(status_history=["31.01.2026 late"] + [None] * 3))
    assert m.status_shares(HISTORY.assign(status_history="")).empty


# ---------------------------------------------------------------------------------------------- pay and the scorecard


def test_gaming_leaves_the_truth_behind():
    table = m.simulate_gaming(100, incentive=[0.0, 1.0], runs=200, rng=1).set_index(["incentive", "measure"])
    assert table.loc[(0.0, "on schedule"), "reported"] == table.loc[(0.0, "on schedule"), "true"]
    assert table.loc[(1.0, "on schedule"), "reported"] == 1 and table.loc[(1.0, "on schedule"), "true"] < 0.8
    watched = m.simulate_gaming(100, incentive=[1.0], audit=1.0, runs=50, rng=1)
    assert (watched.reported == watched.true).all()
    with pytest.raises(InputError, match="audit"):
        m.simulate_gaming(audit=2)


def test_pay_gap_finds_silence_and_only_silence():
    silent = m.pay_gap(make_initiatives(4000, pay_silence=0.9, months=30, rng=2)).attrs
    assert silent["low"] > 0.1
    open_ = m.pay_gap(make_initiatives(4000, pay_silence=0.0, months=30, rng=2)).attrs
    assert open_["low"] < 0 < open_["high"]


def test_scorecard_counts_and_changes(register, pain):
    card = m.scorecard(register, pain=pain, period="quarter", minimum={"corporate": 99})
    rows = card.set_index("measure")
    now = m.current_status(register).status
    assert rows.loc["late", "now"] == (now == "late").sum()
    before = m.current_status(register, as_of=card.attrs["before"]).status
    assert rows.loc["late", "change"] == (now == "late").sum() - (before == "late").sum()
    assert rows.loc["level corporate", "note"] == "below the minimum of 99"
    assert "customer service" in rows.loc["areas that hurt and have none", "note"]
    assert rows.loc["late, share", "low"] < rows.loc["late, share", "now"] < rows.loc["late, share", "high"]
    text = m.paste(card)
    assert (
        len({line.count("\t") for line in text.splitlines()}) == 1 and len(text.splitlines()) == len(card) + 1
    )
    few = m.scorecard(register.head(9), pain=pain)
    assert not few.measure.str.startswith(("late, share", "customer-focused, share")).any()
    with pytest.raises(InputError, match="'month' or 'quarter'"):
        m.scorecard(register, period="year")


# ---------------------------------------------------------------------------------------------- simulators


def test_simulated_register_keeps_its_promises():
    table = make_initiatives(
        4000, focus_share=0.3, coder_agreement=0.9, pay_share=0.25, late_share=0.2, rng=7
    )
    assert table.attrs["simulated"] and (table.area != "customer service").all()
    assert table.attrs["truth"]["focus_share"] == pytest.approx(0.3, abs=0.02)
    assert (table.customer_focused == table.customer_focused_2).mean() == pytest.approx(0.82, abs=0.02)
    assert table.compensation_linked.mean() == pytest.approx(0.25, abs=0.02)
    assert (table.impact_low <= table.impact).all() and (table.impact <= table.impact_high).all()
    assert (table.impact_loyalty + table.impact_choice - table.impact).abs().max() < 1e-9
    pd.testing.assert_frame_equal(make_initiatives(50, rng=3), make_initiatives(50, rng=3))
    assert make_pain(1000, pain_shares={"a": 3, "b": 1}, rng=1).complaints.sum() == 1000
    with pytest.raises(ValueError, match="shares"):
        make_pain(pain_shares={"a": -1})


def test_a_register_without_the_optional_columns_still_gets_a_page(pain):
    bare = m.complete(make_initiatives(30, rng=1)[["id", "level", "impact", "cost"]])
    assert "no column area" in bare.attrs["assumed"] and (bare.impact_high == 1.5 * bare.impact).all()
    assert m.count_focused(bare).loc[0, "n"] == 0 and np.isnan(m.coder_agreement(bare).estimate)
    assert m.status_shares(bare).empty and m.ageing(bare).empty and m.calibration(bare).n.sum() == 0
    assert np.isnan(m.pay_gap(bare).attrs["gap"])
    card = m.scorecard(bare, pain=pain)
    assert card.loc[0, "now"] == 30 and card.before.isna().all() and "delivery" not in set(card.section)
    assert m.compare_scopes(bare.assign(side=""), budget=100, draws=2, rng=1).scope.iloc[-1] == "mixed"


def test_two_impacts_are_weighed(register):
    same = m.weigh(register, loyalty=0.5)
    assert same.impact.to_numpy() == pytest.approx(register.impact.to_numpy())
    loyal = m.weigh(register, loyalty=1)
    assert loyal.impact.to_numpy() == pytest.approx(2 * register.impact_loyalty.to_numpy())
    assert (loyal.impact_low <= loyal.impact).all() and (loyal.impact <= loyal.impact_high).all()
    assert m.weigh(register[["id", "impact"]]).equals(register[["id", "impact"]])
    with pytest.raises(InputError, match="loyalty"):
        m.weigh(register, loyalty=2)


def test_minima_are_lowered_until_they_can_be_met(register):
    minimum = m.level_minimum(register, each=1000, budget=1e9)
    assert minimum == register.level.value_counts().reindex(["account", "unit", "corporate"]).to_dict()
    some = m.level_minimum(register, each=10, budget=400)
    assert 0 < some["unit"] < 10 and m.select_portfolio(register, budget=400, minimum=some).cost <= 400
    assert m.level_minimum(register, each=3, budget=0) == {}


def test_two_coders_agree_as_far_as_the_simulator_lets_them():
    perfect = m.coder_agreement(make_initiatives(200, coder_agreement=1.0, rng=1), rng=1)
    assert perfect.estimate == pytest.approx(1) and perfect.agreement == 1
    blind = m.coder_agreement(make_initiatives(400, coder_agreement=0.5, rng=1), rng=1)
    assert blind.low < 0 < blind.high and blind.n == 400


def test_rank_association_is_kendalls_tau_b(register, pain):
    from scipy.stats import kendalltau

    table = m.outcome_by_area(register, pain=pain)
    assert table.attrs["kendall"] == pytest.approx(kendalltau(table.initiatives, table.satisfied).statistic)


def test_no_alarm_is_raised_for_a_register_without_areas(pain):
    bare = m.complete(make_initiatives(30, rng=1)[["id", "level", "impact", "cost"]])
    table = m.coverage(bare, pain=pain)
    assert not table.alarm.any() and table.initiative_share.isna().all() and table.difference.isna().all()
    assert np.isnan(m.divergence(table.initiatives, table.pain).value)
    card = m.scorecard(bare, pain=pain)
    assert card.set_index("measure").loc["areas that hurt and have none", "now"] == 0
    assert not card.measure.str.startswith("customer-focused").any()


def test_the_fallback_finds_the_same_best_sets(monkeypatch):
    from cxlab.methods.initiatives import exact

    rng = np.random.default_rng(8)
    tables = [
        pd.DataFrame(
            {
                "id": range(30),
                "impact": rng.lognormal(2, 1, 30),
                "cost": rng.lognormal(2, 1, 30),
                "level": LEVELS[rng.integers(0, 3, 30)],
            }
        )
        for _ in range(10)
    ]
    ask = {"minimum": {"account": 2, "corporate": 2}}
    ours = [m.select_portfolio(t, budget=0.4 * t.cost.sum(), **ask) for t in tables]
    monkeypatch.setattr(exact, "MOST_SETS", 1)
    others = [m.select_portfolio(t, budget=0.4 * t.cost.sum(), **ask) for t in tables]
    assert [o.impact for o in others] == pytest.approx([o.impact for o in ours])
    assert all(o.proven for o in others)
