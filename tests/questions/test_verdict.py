"""Other numbers, other verdicts; swapped labels, mirrored verdicts; a liking alone decides nothing."""

import json

import numpy as np
import pytest

import cxlab as cx
from cxlab.data.errors import InputError
from cxlab.data.rules import load_rules
from cxlab.questions import judging, liking, verdict
from cxlab.worlds.survey import make_survey

PAGE = "02-product-or-experience"
NONE = {"product": 0.0, "experience": 0.0}


@pytest.fixture(scope="module")
def rules():
    return load_rules()


def number(value, half=0.05, **more):
    ends = {"low": value - half, "high": value + half}
    return {"value": value, **ends, "unit": "x", "source": "own", "simulated": False, **more}


def sides(product, experience, **more):
    slopes = {"slope-product-fair": product, "slope-experience-fair": experience}
    return {PAGE: {name: number(value, **more) for name, value in slopes.items()}}


def settled(n, rng, **world):
    return make_survey(n, rng=rng, **world).with_(bootstrap=120, seed=rng, simulated=False)


def fair_slope(survey):
    return liking.beyond_liking(survey)["slope-experience-fair"]


def test_changed_data_change_the_verdict(rules):
    for product, experience, p3, c4a in (
        (0.6, 0.0, "supported", "refuted"),
        (0.0, 0.6, "refuted", "supported"),
    ):
        table = judging.judge(rules, sides(product, experience))
        assert (table.loc["P3", "outcome"], table.loc["C4a", "outcome"]) == (p3, c4a)
        assert table.loc["P3", "reads"] and table.loc["P3", "evidence"] == "one survey"
    wide = judging.judge(rules, sides(0.2, 0.2, half=0.5))
    assert wide.loc["P3", "outcome"] == "undecided" and "across the threshold" in wide.loc["P3", "reason"]


@pytest.mark.parametrize("seed", range(5))
def test_swapping_the_labels_mirrors_every_verdict(rules, seed):
    random = np.random.default_rng(seed)
    results, turned = {}, {}
    for stem, name in rules.records:
        entry = number(random.normal(0.1, 0.4), half=abs(random.normal(0, 0.1)))
        results.setdefault(stem, {})[name] = entry
    for (stem, name), record in rules.records.items():
        entry = results[stem][name]
        if record.mirrored == "negate":
            entry = {**entry, "value": -entry["value"], "low": -entry["high"], "high": -entry["low"]}
        turned.setdefault(stem, {})[record.mirror or name] = entry
    first, second = judging.judge(rules, results), judging.judge(rules, turned)
    sided = first.index[first["opposite"] != ""]
    assert len(sided) > 15
    assert (first.loc[sided, "opposite"] == second.loc[sided, "outcome"]).all()
    assert (first.loc[sided, "outcome"] == second.loc[sided, "opposite"]).all()


def test_simulated_numbers_give_no_verdict(rules):
    row = judging.judge(rules, sides(0.6, 0.0, simulated=True)).loc["P3"]
    assert row["outcome"] == "not testable here" and "simulated" in row["reason"]


def test_what_is_missing_is_said(rules):
    empty = judging.judge(rules, {})
    assert (empty["outcome"] == "not testable here").all() and "run make report" in empty.loc["P3", "reason"]
    some = judging.judge(rules, sides(0.6, 0.0))
    assert "table ratings" in some.loc["C13a", "reason"]
    assert "two banks" in some.loc["C2g", "reason"]
    assert len(some) == 150 and set(some["outcome"]) <= set(judging.OUTCOMES)


def test_one_survey_against_another_is_mixed_and_only_survivors_count(rules):
    product, experience = sides(0.6, 0.0, half=0.02), sides(0.0, 0.6, half=0.02)
    both = judging.combine(rules, {}, {"A": product, "B": experience}).loc["P3"]
    assert (both["outcome"], both["A"], both["B"]) == ("mixed", "supported", "refuted")
    alone = judging.combine(rules, {}, {"A": product, "B": sides(0.2, 0.2, half=0.5)})
    assert alone.loc["P3", "outcome"] == "supported" and alone.loc["P3", "survives"]
    weak = {f"S{i}": sides(0.2, 0.2, half=0.5) for i in range(120)} | {"A": sides(0.16, 0.0, half=0.055)}
    faint = judging.combine(rules, {}, weak)
    assert faint.loc["C4a", "outcome"] == "undecided"


def test_a_survey_decides_no_claim_about_another_table(rules):
    report = {"01-claims-and-words": {"alpha-labels": number(0.4)}}
    row = judging.combine(rules, report, {"A": sides(0.6, 0.0)}).loc["C13a"]
    assert row["outcome"] != "not testable here" and row["A"] == "not testable here"


def test_results_files(tmp_path):
    assert judging.load_results(tmp_path / "none.json") == {}
    (tmp_path / "bad.json").write_text("[1]")
    with pytest.raises(InputError, match="no results.json"):
        judging.load_results(tmp_path / "bad.json")


@pytest.mark.parametrize(("halo", "correlation"), [(0.5, 0.6), (1.0, 0.6), (1.0, 0.0)])
def test_in_a_world_of_nothing_but_a_liking_hardly_anything_is_decided(rules, halo, correlation):
    wrong = 0
    for seed in range(25):
        survey = settled(1000, seed, slopes=NONE, halo=halo, correlation=correlation)
        numbers = liking.beyond_liking(survey).numbers
        found = {PAGE: {name: value._asdict() | {"simulated": False} for name, value in numbers.items()}}
        said = judging.judge(rules, found).loc[["P3", "C4a", "C1d", "C2c"], "outcome"]
        wrong += (said == "supported").any()
    assert wrong <= 3  # at most 5 % on average: more than 3 of 25 has a chance below 4 %


def test_a_stronger_effect_is_decided_more_often():
    hits = []
    for slope in (0.15, 0.3, 0.6, 1.2):
        world = {"slopes": {"product": 0.0, "experience": slope}}
        found = [fair_slope(settled(1000, 100 + seed, **world)) for seed in range(8)]
        hits.append(sum(each.low > 0.1 for each in found))
    assert hits == sorted(hits) and hits[-1] == 8


def test_fair_limits_hold_the_estimate_and_ask_more_where_a_liking_is_possible():
    for seed in range(3):
        survey = settled(800, seed, halo=1.0)
        fair, plain = fair_slope(survey), cx.drivers.split(survey)["slope-experience"]
        assert fair.low <= fair.value <= fair.high
        assert fair.low < plain.low


def test_liking_refuses_categories_and_a_few_respondents():
    assert "categories" in liking.beyond_liking(cx.survey("housing", bootstrap=50)).finding
    assert liking.beyond_liking(settled(20, 1)).missing


def test_a_survey_judges_without_a_notebook():
    survey = settled(3000, 3, slopes={"product": 0.0, "experience": 0.6})
    table = cx.verdict.judge_survey(survey, bootstrap=100)
    assert table.index.name == "claim" and {"outcome", "reason", "evidence", "reads"} <= set(table.columns)
    assert table.loc["C4a", "outcome"] == "supported" and table.loc["P3", "outcome"] == "refuted"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "results.json"
    path.write_text(json.dumps({"01-claims-and-words": {"alpha-labels": number(0.4)}}))
    return str(path)


@pytest.fixture(scope="module")
def opened(report):
    return verdict.opened(report, source="ecsi-mobile", bootstrap=60)


def test_page_results_count_every_claim(opened):
    found = verdict.outcomes(opened)
    assert sum(found[name.replace(" ", "-")].value for name in judging.OUTCOMES) == 150
    assert "of 150 claims" in found.figure().layout.title.text
    assert verdict.tested(opened).table["what was tested"].str.len().gt(10).all()
    assert not verdict.survey_by_survey(opened).missing
    assert len(verdict.untested(opened).table) == found["not-testable-here"].value
    assert verdict.data_needed(opened).finding and verdict.flips(opened).finding
    assert 1 <= len(verdict.business(opened).table) <= 5


def test_without_a_report_nothing_is_decided(tmp_path):
    found = verdict.opened(str(tmp_path / "none.json"))
    assert verdict.outcomes(found)["not-testable-here"].value == 150
    assert found.table["reason"].str.contains("run make report").any()


def test_every_source_at_hand_judges_but_those_left_out(report, monkeypatch):
    shown = {name: cx.open_source(name).title for name in ("ecsi-mobile", "abc-vendor", "lecture-ratings")}
    monkeypatch.setattr(verdict, "SURVEYS", ("ecsi-mobile", "abc-vendor"))
    monkeypatch.setattr(verdict, "here", lambda name: name == "lecture-ratings")
    found = verdict.opened(report, leave_out="abc-vendor", bootstrap=60)
    assert list(found.surveys) == [shown["ecsi-mobile"], shown["lecture-ratings"]]
    assert found.table.loc[["S4-1", "S4-4"], "outcome"].tolist() == ["supported", "supported"]
    assert found.table.loc["S4-1", "source"] == "lecture-ratings"
    with pytest.raises(InputError, match="leave_out names 'airlin'.*abc-vendor"):
        verdict.opened(report, leave_out="airlin")


def test_error_rates_of_other_rules_are_refused(opened, tmp_path):
    assert verdict.error_rates(opened)["worlds-tried"].value >= 24
    stale = tmp_path / "rates.csv"
    stale.write_text("world,n,claim,supported,refuted,wrong,runs,rules\nproduct,250,P3,0,0,0,40,00\n")
    with pytest.raises(InputError, match="other rules"):
        verdict.error_rates(opened, stale)
