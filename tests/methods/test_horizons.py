"""The five horizons: published scale analysis, identities, and simulated accounts whose order and rule are known."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.evidence.errors import InputError
from cxlab.evidence.simulators.ladder import LEVELS, make_ladder
from cxlab.methods import horizons as h

# Transitive reasoning, 425 pupils on 12 tasks (Verweij, Sijtsma & Koops 1996), as published with the R package mokken
# (Van der Ark 2007, GPL-2 or later): response patterns as hexadecimal numbers, T09L the first bit, and how often each
# occurs where more than once.
ITEMS = ["T09L", "T12P", "T10W", "T11P", "T04W", "T05W", "T02L", "T07L", "T03W", "T01L", "T08W", "T06A"]
PATTERNS = """
1f:2 5f:2 af:2 b7 bb bf c6 df:2 e7 ef ff:8 103 12f 13f 15f 17f:5 1a0 1a7 1af 1bf:4 1ce 1d7 1df:5
1e4 1ef:4 1f3 1f7 1fb 1ff:21 25d 25f:2 26f 27f:3 29c 29f 2bf:3 2df 2ef 2ff:13 33f 35f:4 36f 377
37f:4 39f 3bf:2 3df:4 3e7 3ef:2 3f3 3ff:25 41f:2 43f 44f 45f:2 46f:2 47f:2 4b3 4b7 4bb 4bd 4bf:2
4c7 4df:3 4e3:2 4e7 4ef:4 4f7 4ff:11 514 520 527 55f:2 56f 57f 59f:2 5a2 5af 5b5 5b7:2 5bf:6 5df:3
5e0 5e1:2 5e5:2 5e7:3 5eb 5ee 5ef:2 5f3 5f7:3 5fb 5ff:18 64f 65f 67f 6af 6bf:3 6df 6ef 6fb 6ff:13
71f:2 72f 73f:2 74f 77f:4 7bf:3 7df 7e3 7f7:2 7fd 7ff:11 83f 87f 8ff:2 95f 97f 9bb 9bf:2 9ef:2
9ff:6 a1f a57 a5f:2 a7f adf aff:7 b0a b47 b5f:5 b7f:6 b9f:2 bb7 bbf:2 bdf:2 bf7 bfb bff:23 cbf cdf
cef cff:5 d03 d87 daf dbf:2 ddf:2 dff e3f e5f e7f:4 ebf edf:2 eeb eef eff:5 f7f:2 fb7 fbf fdf fff:16
"""


@pytest.fixture(scope="module")
def transreas():
    rows = []
    for entry in PATTERNS.split():
        pattern, _, count = entry.partition(":")
        rows += [[int(bit) for bit in f"{int(pattern, 16):012b}"]] * int(count or 1)
    return pd.DataFrame(rows, columns=ITEMS)


@pytest.fixture(scope="module")
def ladder():
    return make_ladder(rng=1)


def wide(ladder):
    return ladder.pivot(index="account", columns="level", values="score")[list(dict.fromkeys(ladder.level))]


# ---------------------------------------------------------------------------------------------- is there an order?


def test_scalability_of_transreas_as_in_mokken(transreas):
    """R package mokken 3.1.2, coefH and check.errors on transreas."""
    result = h.scalability(transreas, rng=1)
    assert len(transreas) == result.n == 425
    assert pytest.approx(0.0905139936367867, abs=1e-12) == result.H
    items = result.items.set_index("level")
    assert items.loc["T06A", "Hi"] == pytest.approx(0.395594075346142, abs=1e-12)
    assert items.loc["T12P", "Hi"] == pytest.approx(-0.135164243403339, abs=1e-12)
    assert result.pairs.loc["T09L", "T12P"] == pytest.approx(-0.116697029147981, abs=1e-12)
    # Standard error .0184: the percentile interval is about two of them wide on each side.
    assert (result.high - result.low) / (2 * 1.96) == pytest.approx(0.0184, rel=0.12)
    assert h.order_claim(result) != "an order"


def test_guttman_errors_and_monotonicity_of_transreas_as_in_mokken(transreas):
    assert h.guttman_errors(transreas).mean() == pytest.approx(4.26353, abs=5e-6)
    table = h.monotonicity(transreas).set_index("level")
    assert table.loc["T12P", "falls"] == 5 and table.loc["T11P", "falls"] == 3
    assert table.loc["T12P", "largest_fall"] == pytest.approx(0.30, abs=0.005)
    assert table.falls.sum() == 8


def test_scores_and_binary_paths_agree(transreas):
    few = transreas.iloc[:, :5]
    shifted = h.scalability(few * 10 + 3, bootstrap=0)
    assert pytest.approx(h.scalability(few, bootstrap=0).H, abs=1e-12) == shifted.H
    binary = h.scalability(few, bootstrap=800, rng=1)
    scores = h.scalability(few * 10.0, bootstrap=800, rng=2)
    assert (binary.low, binary.high) == pytest.approx((scores.low, scores.high), abs=0.02)


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=30)
def test_a_perfect_ladder_has_h_of_one(seed, k):
    rng = np.random.default_rng(seed)
    steps = np.r_[np.arange(k + 1), rng.integers(0, k + 1, 20)]
    x = pd.DataFrame((np.arange(k) < steps[:, None]).astype(int)).add_prefix("level ")
    result = h.scalability(x, bootstrap=0)
    assert pytest.approx(1) == result.H and (result.items.Hi.round(9) == 1).all()
    assert (h.guttman_errors(x) == 0).all() and h.reproducibility(x).value == 1
    assert h.transposed(x) == pytest.approx(1)


def test_h_t_is_h_of_the_transposed_table(transreas):
    some = transreas[transreas.sum(axis=1).between(1, 11)].head(40)
    flipped = h.scalability(pd.DataFrame(some.to_numpy().T).add_prefix("a"), bootstrap=0).H
    assert h.transposed(some) == pytest.approx(flipped)


def test_no_order_is_claimed_for_independent_levels():
    claims = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = pd.DataFrame((rng.random((150, 5)) < [0.9, 0.8, 0.7, 0.6, 0.5]).astype(int)).add_prefix("level ")
        claims.append(h.order_claim(h.scalability(x, bootstrap=300, rng=seed)))
    assert claims.count("an order") == 0 and claims.count("no order") >= 54


def test_reproducibility_is_high_without_any_order():
    rng = np.random.default_rng(1)
    x = pd.DataFrame((rng.random((400, 5)) < [0.99, 0.95, 0.7, 0.1, 0.03]).astype(int)).add_prefix("level ")
    found = h.reproducibility(x)
    assert found.value > 0.88 and found.chance > 0.88
    assert h.independence(x, draws=100, rng=1).p_value[0] > 0.01


def test_interval_of_h_covers_the_simulators_truth():
    truth = h.scalability(wide(make_ladder(60_000, strength=1.0, hidden_share=0, rng=0)) >= 55, bootstrap=0).H
    hits = 0
    for seed in range(100):
        x = wide(make_ladder(200, strength=1.0, hidden_share=0, rng=1000 + seed)) >= 55
        result = h.scalability(x, bootstrap=300, rng=seed)
        hits += result.low <= truth <= result.high
    assert 88 <= hits <= 99


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(3)
    base = (rng.normal(size=(40, 1)) + rng.normal(size=(40, 4)) > 0).astype(int)
    x = pd.DataFrame(np.repeat(base, 10, axis=0)).add_prefix("level ")
    groups = pd.Series(np.repeat(np.arange(40), 10))
    alone, together = h.scalability(x, rng=1), h.scalability(x, clusters=groups, bootstrap=300, rng=1)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_order_is_recovered_only_when_it_is_there():
    strong = h.scalability(wide(make_ladder(300, strength=2.5, hidden_share=0, rng=2)) >= 55, rng=1)
    none = h.scalability(wide(make_ladder(300, strength=0.0, hidden_share=0, rng=2)) >= 55, rng=1)
    assert h.order_claim(strong) == "an order" and strong.items.level.tolist() == LEVELS
    assert none.low < 0 < none.high and h.order_claim(none) == "no order"


def test_levels_that_cannot_be_scaled_are_refused():
    with pytest.raises(InputError, match="at least two columns"):
        h.scalability(pd.DataFrame({"a": [1, 0, 1]}))
    with pytest.raises(InputError, match="fewer than two levels vary"):
        h.scalability(pd.DataFrame({"a": [1, 1, 1], "b": [0, 1, 0]}))
    with pytest.raises(InputError, match="0 accounts have every level"):
        h.scalability(pd.DataFrame({"a": [1, None], "b": [None, 1]}))
    with pytest.raises(InputError, match="0 or 1 here"):
        h.guttman_errors(pd.DataFrame({"a": [1, 5, 2], "b": [3, 1, 4]}))
    gaps = pd.DataFrame({"a": [1, 1, 0, 0, None], "b": [1, 0, 0, 1, 1]})
    assert h.scalability(gaps, bootstrap=0).dropped == 1


# ---------------------------------------------------------------------------------------------- which comes first


def test_first_attainment_by_hand():
    days = pd.to_datetime(
        [
            "2025-01-01",
            "2025-02-01",
            "2025-03-01",
            None,
            None,
            "2025-01-09",
            None,
            None,
            "2025-04-01",
            "2025-04-01",
        ]
    )
    table = pd.DataFrame(
        {"account": np.repeat(list("abcde"), 2), "level": ["one", "two"] * 5, "first_attained": days}
    )
    row = h.first_attainment(table).iloc[0]
    # a and b reach 'one' first, c skipped it, d reached neither, e reached both on one day.
    assert row[["before", "after", "tied", "n", "skipped"]].tolist() == [2, 1, 1, 3, 1]
    assert row["share"] == pytest.approx(2 / 3) and row["p_value"] == 1.0
    pairs = h.attainment_pairs(table)
    assert pairs["share"].sum() == pytest.approx(1)
    with pytest.raises(InputError, match="two different levels"):
        h.first_attainment(table, first="one", last="one")
    with pytest.raises(InputError, match="twice"):
        h.first_attainment(pd.concat([table, table.head(1)]))


def test_first_attainment_follows_the_simulator():
    ordered = h.first_attainment(make_ladder(200, strength=2, rng=3)).iloc[0]
    mixed = h.first_attainment(
        make_ladder(200, strength=0, difficulty=(60,) * 5, rng=3, hidden_share=0)
    ).iloc[0]
    assert ordered.low > 0.9
    assert mixed.low < 0.5 < mixed.high
    pairs = h.attainment_pairs(make_ladder(200, strength=2, rng=3))
    assert (pairs.adjusted >= pairs.p_value - 1e-12).all() and len(pairs) == 20


# ---------------------------------------------------------------------------------------------- lowest or mean


@pytest.mark.parametrize(("rule", "slope"), [("minimum", 0.18), ("mean", 0.18)])
def test_the_right_scoring_rule_is_chosen(rule, slope):
    right = 0
    for seed in range(60):
        ladder = make_ladder(
            300, strength=1, rule=rule, slope=slope, hidden_share=0, hostage_share=0, rng=seed
        )
        levels = wide(ladder)
        renewed = ladder.groupby("account").renewed.first().reindex(levels.index)
        right += h.scoring_rules(levels, outcome=renewed, repeats=5, rng=seed).attrs["best"] == rule
    assert right / 60 >= 0.94


def test_scoring_rules_agree_with_plain_least_squares():
    rng = np.random.default_rng(1)
    x = pd.DataFrame(rng.normal(50, 10, (200, 3)), columns=list("abc"))
    y = pd.Series(x.min(axis=1) + rng.normal(0, 2, 200))
    table = h.scoring_rules(x, outcome=y, folds=5, repeats=3, rng=1).set_index("rule")
    assert table.loc["minimum", "r2"] == pytest.approx(np.corrcoef(x.min(axis=1), y)[0, 1] ** 2, abs=0.02)
    assert table.loc["minimum", "r2"] > table.loc["mean", "r2"]
    result = h.scoring_rules(x, outcome=y, rng=1).attrs
    assert 0 < result["low"] < result["difference"] < result["high"]
    few = h.scoring_rules(x.head(10), outcome=y.head(10))
    assert few.r2.isna().all() and few.attrs["best"] == ""
    with pytest.raises(InputError, match="same index"):
        h.scoring_rules(x, outcome=y.head(10))


def test_neither_rule_wins_on_noise():
    rng = np.random.default_rng(4)
    x = pd.DataFrame(rng.normal(50, 10, (300, 5))).add_prefix("level ")
    result = h.scoring_rules(x, outcome=pd.Series(rng.random(300) < 0.5), rng=1)
    assert result.attrs["low"] < 0 < result.attrs["high"] and (result.r2 < 0.02).all()


def test_what_an_average_hides(ladder):
    levels = wide(ladder)
    table = h.averaging_hides(levels, cut=50).set_index("what")
    known = levels.dropna()
    hidden = (known.mean(axis=1) >= 50) & (known.min(axis=1) < 50)
    assert table.loc["average passes, a level fails", "count"] == hidden.sum() > 0
    assert (
        table.loc["average passes", "count"]
        == table.loc["all levels pass", "count"] + table.loc["average passes, a level fails", "count"]
    )
    scores = h.score_rules(levels)
    assert (scores["minimum"] <= scores["mean"]).sum() == len(known)
    assert scores.lowest.isin(levels.columns).all()


# ---------------------------------------------------------------------------------------------- hostages


HAND = pd.DataFrame(
    {
        "happy": [9] * 10 + [2] * 10,
        "tied": ([9] * 5 + [1] * 5) * 2,
        "renewed": [1] * 5 + [1] * 4 + [0] + [1] * 4 + [0] + [1] + [0] * 4,
    }
)
CUTS = {"satisfaction": "happy", "dependence": "tied", "outcome": "renewed", "satisfied": 5, "dependent": 5}


def test_hostage_cells_by_hand():
    table = h.hostage_cells(HAND, **CUTS).set_index("cell")
    assert table.n.tolist() == [5, 5, 5, 5] and table["share"].sum() == pytest.approx(1)
    assert table.loc["hostage", "outcome"] == 0.8 and table.loc["free to go", "outcome"] == pytest.approx(0.2)
    drop = h.dependence_drop(HAND, **CUTS)
    assert drop.value == pytest.approx(0.6) and drop.low < 0.6 < drop.high
    with pytest.raises(InputError, match="no column 'nowhere'"):
        h.hostage_cells(HAND, **{**CUTS, "outcome": "nowhere"})
    with pytest.raises(InputError, match="yes or no"):
        h.dependence_drop(HAND.assign(renewed=HAND.renewed * 3), **CUTS)
    empty = h.hostage_cells(HAND, **{**CUTS, "dependent": 99}).set_index("cell")
    assert empty.loc["hostage", "n"] == 0 and math.isnan(empty.loc["hostage", "outcome"])


def test_release_shows_who_was_held():
    ladder = make_ladder(4000, rng=5, hostage_share=0.5, dependence_falls=0.5, hostage_renewal=0.95)
    once = ladder.groupby("account").first().assign(lowest=wide(ladder).min(axis=1))
    table = h.release(
        once,
        satisfaction="lowest",
        before="dependence",
        later="dependence_later",
        outcome="renewed",
        satisfied=50,
        dependent=70,
    ).set_index("satisfied")
    assert table.loc[False, "low"] > 0.3 and table.loc[False, "held"] > 0.93
    assert table.loc[True, "difference"] < table.loc[False, "difference"]


def test_interaction_recovers_a_product_of_two():
    rng = np.random.default_rng(11)
    s, d = rng.normal(size=(2, 3000))
    y = 0.5 * s + 0.2 * d - 0.3 * s * d + rng.normal(size=3000)
    data = pd.DataFrame({"s": s, "d": d, "y": y})
    found = h.hostage_interaction(data, satisfaction="s", dependence="d", outcome="y")
    assert found.low < -0.3 / y.std() < found.high and found.high < 0
    same = h.hostage_interaction(data * 7 + 1, satisfaction="s", dependence="d", outcome="y")
    assert same.value == pytest.approx(found.value)


# ---------------------------------------------------------------------------------------------- the unseen level


def test_hidden_bounds_by_hand_and_against_the_complete_truth():
    passes = pd.DataFrame({"a": [1, 1, 1, 0, None], "b": [1, 0, None, None, 1]})
    bounds = h.hidden_bounds(passes)
    assert (bounds.low, bounds.high, bounds.n, bounds.seen) == (0.25, 0.5, 4, 0.5)
    table = make_ladder(2000, rng=7)
    levels = wide(table)
    bounds = h.hidden_bounds((levels >= 50).where(levels.notna()).astype(float), hidden=LEVELS[-1])
    truth = table.attrs["truth"]["pass_all"]
    assert bounds.low <= truth <= bounds.high and bounds.naive == bounds.high
    assert bounds.outer_low < bounds.low and bounds.high < bounds.outer_high
    assert bounds.width == pytest.approx(bounds.high - bounds.low)
    assert bounds.width_low < bounds.width < bounds.width_high
    with pytest.raises(InputError, match="must be one of"):
        h.hidden_bounds(passes, hidden="z")


def test_hidden_curve_is_frechets_bound():
    curve = h.hidden_curve(0.6)
    assert (curve.low <= curve.high).all() and len(curve) == 21
    assert curve.iloc[0][["low", "high"]].tolist() == [0, 0] and curve.iloc[-1][["low", "high"]].tolist() == [
        0.6,
        0.6,
    ]
    with pytest.raises(InputError, match="between 0 and 1"):
        h.hidden_curve(1.2)


# ---------------------------------------------------------------------------------------------- account by account


def test_health_card_names_the_earliest_failing_level():
    rows = [("a", [80, 40, 30]), ("b", [80, 70, 65]), ("c", [20, 90, 90]), ("d", [70, 70, None])]
    ladder = pd.DataFrame(
        [(account, f"level {k}", score, 80) for account, scores in rows for k, score in enumerate(scores)],
        columns=["account", "level", "score", "dependence"],
    )
    card = h.health_card(ladder, cut=60, dependent=70)
    assert card.account.tolist()[:2] == ["c", "a"]
    by = card.set_index("account")
    assert by.next.to_dict() == {"c": "level 0", "a": "level 1", "b": "keep all", "d": "look at level 2"}
    assert by.hostage.to_dict() == {"c": True, "a": True, "b": False, "d": False}
    assert by.loc["a", "next_score"] == 40 and by.loc["d", "unseen"]


def test_pass_rates_and_the_lead_of_the_first_level(ladder):
    levels = wide(ladder)
    table = h.pass_rates(levels, cut=50, rng=1)
    assert table.level.tolist() == LEVELS and (table.low <= table["share"]).all()
    complete = (levels.dropna() >= 50).mean()
    assert table.attrs["lead"] == pytest.approx(complete.iloc[0] - complete.iloc[1:].max())
    assert table.attrs["lead_low"] <= table.attrs["lead"] <= table.attrs["lead_high"]


def test_level_checks_by_hand():
    ladder = pd.DataFrame(
        {
            "account": np.repeat(["a", "b"], 5),
            "level": LEVELS * 2,
            "score": [80, 40, 70, 70, None, 80, 80, 70, 70, 60],
            "metrics_agreed": [0] * 5 + [3] * 5,
            "not_replaced": 80,
            "dependable": [50] * 5 + [80] * 5,
            "not_held": 80,
            "spread": [0, 0, 0, 20, 0, 0, 0, 0, 5, 0],
        }
    )
    table = h.level_checks(ladder, cut=60).set_index("finding")["count"]
    assert table["no metrics agreed"] == 1 and table["fewer than five metrics agreed"] == 1
    assert table["metrics green, users red"] == 1 and table["cannot count on us"] == 1
    assert (
        table["all three conditions met"] == 1
        and table["the team disagrees"] == 1
        and table["nobody has looked"] == 1
    )
    assert len(h.METRICS) == 5


def test_recommendation_and_trust_beside_the_ladder():
    table = h.advocacy(make_ladder(2000, rng=8), cut=50)
    by = table.set_index("group")
    assert by.loc["satisfied", "difference"] == pytest.approx(
        by.loc["satisfied", "recommend"] - by.loc["not satisfied", "recommend"]
    )
    assert by.loc["something extra", "difference_low"] > 0
    assert table.attrs["trust_low"] > 0
    with pytest.raises(InputError, match="recommend"):
        h.advocacy(make_ladder(10, rng=1).drop(columns="recommend"), cut=50)


# ---------------------------------------------------------------------------------------------- the simulator


def test_simulated_ladder_keeps_its_promises():
    table = make_ladder(3000, hidden_share=0.4, metrics_missing=0.1, hostage_share=0.2, rng=9)
    once = table.groupby("account").first()
    assert table.attrs["simulated"] and len(table) == 15_000
    assert table.score.isna().groupby(table.level).mean()["key individuals"] == pytest.approx(0.4, abs=0.03)
    assert (once.dependence >= 70).mean() == pytest.approx(0.2, abs=0.03)
    assert (once.metrics_agreed == 0).mean() == pytest.approx(0.1, abs=0.03)
    third = wide(table)["technology organisation"]
    assert (once[["not_replaced", "dependable", "not_held"]].min(axis=1) - third).abs().max() < 1e-9
    assert table[table.score < 50].first_attained.isna().all()
    pd.testing.assert_frame_equal(make_ladder(20, rng=3), make_ladder(20, rng=3))
    with pytest.raises(ValueError, match="rule"):
        make_ladder(rule="median")


def test_a_study_without_the_optional_columns_still_gets_a_page():
    table = h.complete(make_ladder(30, rng=1)[["account", "level", "score"]])
    assert set(table.attrs["absent"]) == {
        "dependence",
        "renewed",
        "dependence_later",
        "recommend",
        "trust",
        "first_attained",
    }
    assert h.first_attainment(table).n[0] == 0 and math.isnan(h.first_attainment(table)["share"][0])
    once = table.groupby("account").first().assign(lowest=wide(table).min(axis=1))
    cuts = {
        "satisfaction": "lowest",
        "dependence": "dependence",
        "outcome": "renewed",
        "satisfied": 50,
        "dependent": 70,
    }
    assert h.hostage_cells(once, **cuts).n.sum() == 0 and math.isnan(h.dependence_drop(once, **cuts).value)
    assert h.advocacy(table, cut=50).n.sum() == 0
    assert h.scoring_rules(wide(table), outcome=once.renewed).r2.isna().all()
    assert len(h.level_checks(table, cut=50)) == 2 and len(h.health_card(table, cut=50)) == 30


def test_a_survey_is_read_through_its_own_blocks():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.integers(1, 8, (60, 5)).astype(float), columns=["q1", "s1", "s2", "sat", "rec"])
    table.attrs.update(
        blocks={"product": ["q1"], "switching": ["s1", "s2"]},
        outcomes={"satisfaction": ["sat"], "loyalty": ["rec"]},
        labels={"rec": "would recommend"},
    )
    read = h.from_survey(table)
    assert read.dependence.equals(table[["s1", "s2"]].mean(axis=1)) and read.trust.isna().all()
    gap = h.recommend_gap(read, satisfied=5, recommends=6)
    by_hand = (table.rec[table.sat >= 5] >= 6).mean() - (table.rec[table.sat < 5] >= 6).mean()
    assert gap.value == pytest.approx(by_hand) and gap.low < gap.value < gap.high
    assert math.isnan(h.slope_beside(read, outcome="satisfaction", cause="trust", beside="quality").value)
    slope = h.slope_beside(read, outcome="recommend", cause="satisfaction", beside="quality")
    x = np.column_stack([np.ones(60), read.satisfaction, read.quality])
    raw = np.linalg.lstsq(x, read.recommend, rcond=None)[0][1]
    assert (
        slope.value == pytest.approx(raw * read.satisfaction.std() / read.recommend.std()) and slope.n == 60
    )
    assert math.isnan(h.recommend_gap(read, satisfied=99, recommends=6).value)


def test_small_cells_of_people_vanish_with_the_next_smallest():
    data = pd.DataFrame(
        {"happy": [9] * 40 + [1] * 13, "tied": [9] * 15 + [1] * 25 + [9] * 3 + [1] * 10, "renewed": 1}
    )
    shown = h.hostage_cells(data, **CUTS, min_cell=5)
    assert set(shown.cell) == {"loyal by choice", "content and tied"}
    assert len(h.hostage_cells(data, **CUTS)) == 4
