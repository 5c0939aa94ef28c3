"""Yields, owners, words and deeds: published numbers, identities, known worlds and flipped ones."""

import itertools

import numpy as np
import pandas as pd
import pytest
from common import title

import cxlab as cx
from cxlab.data.errors import InputError, NotEnough
from cxlab.data.table import Table
from cxlab.worlds import sample
from cxlab.worlds.small import make_stages


def table(rows, columns=("customer", "stage", "passed")):
    return pd.DataFrame(rows, columns=columns)


def stages(frame, **settings):
    return Table(frame=frame, kind="stages", bootstrap=200, **settings)


def test_rolled_yield_against_the_joint_clean_rate_of_the_simulator():
    made = cx.yields.rolled_throughput_yield(make_stages(60_000, rng=1), bootstrap=300, rng=1)
    assert made.rolled == pytest.approx(0.7115, abs=0.006)
    assert made.joint == pytest.approx(0.778, abs=0.005)
    assert made.joint_low < made.joint < made.joint_high and made.dependence_low > 1
    assert made.worst == "use" and made.worst_yield == pytest.approx(0.92, abs=0.005)
    assert made.clean_minus_worst == pytest.approx(made.joint - made.worst_yield)
    independent = make_stages(20_000, correlation=0.0, rng=2)
    made = cx.yields.rolled_throughput_yield(independent, bootstrap=300, rng=1)
    assert made.dependence_low < 1 < made.dependence_high and made.rolled_low < made.rolled < made.rolled_high


@pytest.mark.parametrize("yields", [(0.9,) * 6, (0.97, 0.95, 0.93, 0.96, 0.94, 0.92)])
def test_the_interval_of_what_the_worst_stage_hides_covers(yields):
    every = cx.yields.rolled_throughput_yield(make_stages(100_000, yields=yields, rng=9), bootstrap=2)
    held = []
    for seed in range(80):
        few = make_stages(300, yields=yields, respondents=2, rng=seed)
        one = cx.yields.rolled_throughput_yield(few, bootstrap=2)
        held.append(one.clean_minus_worst_low <= every.clean_minus_worst <= one.clean_minus_worst_high)
    assert np.mean(held) >= 0.91


def test_a_stage_met_twice_is_passed_when_both_went_right():
    rows = [(1, "a", True), (1, "a", False), (1, "b", True), (2, "a", True), (2, "b", True), (3, "a", True)]
    made = cx.yields.hold(stages(table(rows), min_cell=1)).table.head(2)
    assert made["share"].tolist() == pytest.approx([2 / 3, 1]) and made.customers.tolist() == [3, 2]
    assert cx.yields.rolled_throughput_yield(table(rows), bootstrap=10, rng=1).n == 2


def test_quality_holds_or_not_and_the_words_follow():
    good, bad = (cx.yields.hold(stages(make_stages(800, yields=(y,) * 6, rng=3))) for y in (0.99, 0.7))
    assert title(good).startswith("96 %") and int(title(bad).split()[0]) < 45
    assert "too dark" in bad.cautions[0]
    assert good["joint-clean-rate"].low < good["joint-clean-rate"].value < good["joint-clean-rate"].high

    apart = [(i, s, i % 3 != k) for i in range(90) for k, s in enumerate("abc")]
    assert "too bright" in cx.yields.hold(stages(table(apart))).cautions[0]
    assert cx.yields.hold(sample("stages")).finding.startswith("In made-up data")


def test_a_table_without_the_columns_or_rows_is_refused_or_answered():
    for rows, error, said in (
        (pd.DataFrame({"customer": [1], "stage": ["a"]}), InputError, "passed"),
        (table([(1, "a", None)]), NotEnough, "no row says"),
        (table([(1, "a", True), (2, "b", True)]), NotEnough, "every stage"),
    ):
        with pytest.raises(error, match=said):
            cx.yields.rolled_throughput_yield(rows)
    few = cx.yields.hold(stages(table([(1, "a", True), (1, "b", True)])))
    assert few.missing and "only 1 customer seen" in few.finding
    for ask in (cx.yields.hold, cx.yields.owners, cx.yields.words_and_deeds):
        assert ask(stages(None)).missing and ask(stages(pd.DataFrame({"stage": ["a"]}))).missing


def test_owners_finds_stages_without_and_with_several_owners():
    made = cx.yields.owners(stages(make_stages(50, without_owner=2, two_owners=1, rng=1)))
    assert made.table.owners.tolist().count(0) == 2 and made.table.owners.tolist().count(2) == 1
    assert made["stages-without-owner"].value == 0.5 and made["stages-shared"].value == pytest.approx(5 / 6)
    assert "have no owner" in made.finding and "has several owners" in made.finding
    right = cx.yields.owners(stages(make_stages(50, without_owner=0, two_owners=0, rng=1)))
    assert right.finding == "Each of 6 stages has exactly one owner."
    assert cx.yields.owners(stages(pd.DataFrame({"stage": ["a"], "function": ["x"], "role": [None]}))).missing


def test_functions_of_the_vendor_survey_flip_and_are_silent_without_areas():
    result = cx.yields.functions(cx.survey("abc-vendor", bootstrap=400))
    assert (result.table["estimate"] > 0.1).mean() == 0.5
    assert title(result).startswith("3 of 6 areas move with")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 2))
    for slope, words in ((2.0, "1 of 2 areas move with y"), (0.0, "No area was found")):
        y = slope * x[:, 0] + rng.normal(size=300)
        frame = pd.DataFrame({"sales": x[:, 0], "repair": x[:, 1], "y": y})
        survey = cx.survey(frame, outcome="y", product=["repair"], experience=["sales"])
        assert cx.yields.functions(survey).missing
        asked = survey.with_(roles={"functions": ["sales", "repair"]})
        assert title(cx.yields.functions(asked)).startswith(words)


def test_frechet_bounds_by_enumerating_every_table_and_of_the_articles_figures():
    for both, only_a, only_b in itertools.product(range(6), repeat=3):
        if both + only_a + only_b <= 5:
            low, high = cx.yields.frechet_bounds((both + only_a) / 5, (both + only_b) / 5)
            assert low - 1e-12 <= both / 5 <= high + 1e-12
    with pytest.raises(InputError, match="0.65"):
        cx.yields.frechet_bounds(65, 0.3)
    found = [cx.yields.frechet_bounds(0.65, lacks) for lacks in (0.32, 0.38, 0.27)]
    assert np.round(found, 2).tolist() == [[0, 0.32], [0.03, 0.38], [0, 0.27]]


def test_mcnemar_equals_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    rng = np.random.default_rng(2)
    answers = {"says_priority": rng.random(80) < 0.7, "does_review": rng.random(80) < 0.5}
    data = pd.DataFrame(answers | {"stage": "a"})
    made = cx.yields.words_and_deeds(stages(data))
    cross = pd.crosstab(data.says_priority, data.does_review)
    assert made.table.p_value[0] == pytest.approx(mcnemar(cross.to_numpy(), exact=True).pvalue)
    assert made["say-do-gap"].value == pytest.approx(data.says_priority.mean() - data.does_review.mean())


def test_the_gap_recovers_the_simulator_and_null_worlds_show_none():
    made = cx.yields.words_and_deeds(stages(make_stages(10, respondents=400, gap=0.25, rng=1)))
    assert made["say-do-gap"].low < 0.25 < made["say-do-gap"].high and made["say-do-gap"].n == 400
    assert "a gap of" in title(made) and len(made.table) == 7
    same = cx.yields.words_and_deeds(stages(make_stages(10, respondents=40, gap=0.0, rng=1)))
    assert title(same).startswith("No difference was found")
    assert cx.yields.words_and_deeds(stages(make_stages(10, respondents=40, rng=1).head(70))).missing
