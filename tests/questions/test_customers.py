"""Your customers in numbers: measures, weights and clusters, missing answers, groups, time, words."""

import bench_contacts as bench
import numpy as np
import pandas as pd
import pytest
from common import coverage, title

import cxlab as cx
from cxlab.data.table import Survey
from cxlab.questions.customers import estimate, measures
from cxlab.stats.intervals import wilson


def survey(answers, *, name="likely", **more):
    """A survey of one outcome; further columns by keyword ``columns``."""
    frame = pd.DataFrame({name: answers, **more.pop("columns", {})})
    return Survey(frame=frame, outcome=name, outcomes={name: [name]}, **more)


def draws(n, spread=2.0, mean=7.5, seed=1):
    return np.clip(np.round(np.random.default_rng(seed).normal(mean, spread, n)), 0, 10)


@pytest.mark.parametrize(
    ("answers", "more", "names"),
    [
        ([0, 5, 9, 10, 7], {}, ["nps", "mean"]),
        ([0, 5, 9, 10, 7], {"name": "satisfaction"}, ["top-2-box", "mean"]),
        ([0, 5, 8, 9, 7], {"scale": (0, 10)}, ["nps", "mean"]),  # nobody gave a 10
        ([1, 5, 4, 2], {"scale": (1, 5)}, ["top-2-box", "mean"]),
        ([1, 7, 4, 2], {"name": "effort", "scale": (1, 7)}, ["mean", "top-2-box"]),
        ([1, 5], {"name": "q7", "labels": {"q7": "effort it took"}, "scale": (1, 5)}, ["mean", "top-2-box"]),
        ([0, 1, 1, 0], {}, ["share-yes"]),
        ([1, 2, 3, 2], {}, ["mean"]),
        ([1.5, 4.25, 3.0], {"scale": (1, 5)}, ["mean"]),
    ],
)  # fmt: skip
def test_the_measure_fits_the_scale(answers, more, names):
    assert [measure.name for measure in measures(survey(answers, **more))] == names


def test_net_promoter_score_by_hand():
    # 3 promoters, 2 passives, 5 detractors: 30 % - 50 %
    result = cx.customers.in_numbers(survey([10, 9, 9, 8, 7, 6, 0, 3, 5, 6] * 2 + [np.nan]))
    assert result["nps"].value == pytest.approx(-20)
    assert (result["promoters"].value, result["detractors"].value) == pytest.approx((0.3, 0.5))
    assert (result["respondents-used"].value, result["respondents-used"].n) == (20, 21)
    assert "20 of 21 answered" in result.finding


def test_shares_have_wilsons_interval_and_means_students():
    from scipy import stats

    data = survey(np.random.default_rng(2).integers(1, 6, 80), scale=(1, 5))
    top, mean = measures(data)
    found = estimate(data, top)
    assert (found.low, found.high) == pytest.approx(tuple(map(float, wilson(top.scores.sum(), 80))), rel=0.02)
    limits = stats.t.interval(0.95, 79, mean.scores.mean(), stats.sem(mean.scores))
    assert estimate(data, mean)[1:3] == pytest.approx(limits)
    everybody = estimate(data, top._replace(scores=top.scores * 0))
    assert everybody.value == 0 and everybody.low == 0 and 0 < everybody.high < 0.06


def test_equal_weights_and_clusters_of_one_change_nothing():
    answers = draws(120)
    plain = survey(answers)
    same = survey(answers, columns={"w": 2.0, "who": range(120)}, weights="w", clusters="who")
    for one, other in zip(measures(plain), measures(same), strict=True):
        assert estimate(plain, one)[:3] == pytest.approx(estimate(same, other)[:3])


def test_weighted_and_clustered_intervals_cover_the_truth():
    for what, share in coverage(bench.clustered_measures, 60, bench.SEED).items():
        assert 0.85 <= share <= 1.0, what
    doubled = np.repeat(draws(100), 2)
    naive, fair = survey(doubled), survey(doubled, columns={"who": np.repeat(range(100), 2)}, clusters="who")
    narrow, wide = (estimate(s, measures(s)[0]) for s in (naive, fair))
    assert wide.high - wide.low == pytest.approx(2**0.5 * (narrow.high - narrow.low), rel=0.02)


def test_the_headline_flips():
    said = {9: "more promoters than detractors", 5: "more detractors", 7.7: "no clear difference"}
    for mean, words in said.items():
        result = cx.customers.in_numbers(survey(draws(300, mean=mean)))
        assert words in result.finding and words in title(result)


def test_other_kinds_of_outcome_have_their_own_sentence():
    ask = cx.customers.in_numbers
    assert "Stays: 75 %" in ask(survey([0, 1, 1, 1] * 20, name="stays")).finding
    csat = ask(survey([1, 2, 3, 4, 5] * 20, name="csat", scale=(1, 5))).finding
    assert "40 %" in csat and "two best answers" in csat
    mean = ask(cx.survey("ecsi-mobile"))
    assert "6.70" in mean.finding and "on average" in mean.finding and "mean-satisfaction" in mean.numbers
    bare = Survey(frame=pd.DataFrame({"a": [1]}))
    assert all(ask(one).missing for one in (survey([3, 3, 3]), bare, cx.open_source("", table="survey")))


def test_answers_given_by_few_are_not_shown():
    result = cx.customers.in_numbers(survey([5] * 40 + [4] * 30 + [1] * 2, scale=(1, 5)))
    assert result.table["answer"].tolist() == ["5"] and "2 answers" in result.cautions[0]


def test_missing_answers_are_counted_item_by_item():
    answers = {"a": [1, 2, np.nan, np.nan] * 10, "b": [1, np.nan, 2, 3] * 10, "y": [1, 2, 3, 4] * 10}
    sides, outcomes = {"product": ["a"], "experience": ["b"]}, {"y": ["y"]}
    result = cx.customers.answered(Survey(frame=pd.DataFrame(answers), blocks=sides, outcomes=outcomes))
    assert result["complete-share"].value == 0.25 and result.table["item"][0] == "a"
    assert "most often left out: a (50 %)" in result.finding
    full = cx.customers.answered(cx.survey("ecsi-mobile"))
    assert "answered all" in full.finding and full.figure() is None
    assert full["same-answer-share"].value == pytest.approx(1 / 250)


def grouped(shift, n=900, **more):
    random = np.random.default_rng(5)
    group = random.choice(["north", "south", "west"], n)
    answers = np.clip(np.round(random.normal(7.5, 2, n) + shift * (group == "west")), 0, 10)
    return survey(answers, columns={"region": group, **more.pop("columns", {})}, segments=["region"], **more)


def test_groups_stand_apart_only_where_they_do():
    equal, worse, better = (cx.customers.by_segment(grouped(shift)) for shift in (0.0, -2.0, 2.0))
    for said in (equal.finding, title(equal)):
        assert "No difference was found between 3 groups" in said
    assert "most west" in worse.finding and "most west with −" in title(worse) != title(better)
    assert better["farthest-group"].value > 0 > worse["farthest-group"].value
    drawn, raw = ((equal.table[name] - equal.table["estimate"].mean()).abs() for name in ("estimate", "raw"))
    assert (drawn <= raw + 1e-9).all()
    assert bench.alarms_of_equal_groups(60) <= 0.1


def test_small_groups_are_hidden_and_long_columns_are_no_groups():
    ask, data, rows = cx.customers.by_segment, grouped(0.0), np.arange(900)
    hidden = ask(data.with_(frame=data.frame.assign(region=data.frame["region"].where(rows > 2, "east"))))
    assert "east" not in " ".join(hidden.table["group"]) and "2 groups" in hidden.cautions[0]
    ids = ask(data.with_(frame=data.frame.assign(region=rows)))
    assert ids.missing and "no groups" in ids.finding
    two = data.with_(frame=data.frame.assign(day=rows % 2), segments=["region", "day"])
    assert set(ask(two).table["group"]) >= {"region: west", "day: 1"}
    assert not ask(grouped(0.0, columns={"who": rows // 9}, clusters="who")).missing


def dated(change, n=900, days=300):
    random = np.random.default_rng(6)
    day = np.sort(random.integers(0, days, n))
    answers = np.clip(np.round(random.normal(7, 1.8, n) + change * day / days), 0, 10)
    days = pd.Timestamp("2024-01-05") + pd.to_timedelta(day, unit="D")
    return survey(answers, columns={"day": days}, date="day")


@pytest.mark.parametrize(("change", "said"), [(3.0, "rose"), (-3.0, "fell"), (0.0, "No change")])
def test_the_trend_flips_and_says_what_can_be_seen(change, said):
    result = cx.customers.over_time(dated(change))
    assert said in result.finding and said in title(result) and result["smallest-change"].value > 0
    assert result["change"].direction("fell", "rose") == ("" if said == "No change" else said)


def test_periods_follow_the_number_of_answers():
    ask, plain = cx.customers.over_time, dated(0.0)
    months, weeks = ask(plain).table, ask(dated(0.0, n=3000)).table
    assert len(weeks) > len(months) >= 9
    aware = plain.with_(frame=plain.frame.assign(day=plain.frame["day"].dt.tz_localize("UTC")))
    pd.testing.assert_frame_equal(ask(aware).table, months)
    assert ask(dated(0.0, days=1)).missing and ask(grouped(0.0)).missing


def test_open_answers_are_grouped_and_never_shown():
    data = survey(draws(200), columns={"say": ["the queue was long", "rude staff at the desk"] * 100})
    result = cx.customers.in_words(data.with_(roles={"text": ["say"]}), themes=2)
    assert result["largest-theme"].value == 0.5
    assert cx.customers.in_words(data).missing
