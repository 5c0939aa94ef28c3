"""Verdicts follow the recorded numbers, both sides alike; known worlds get the right one."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.methods.verdict import (
    OUTCOMES,
    core_numbers,
    corrected_slopes,
    flips,
    judge,
    load_results,
    load_rules,
    mirror_results,
    mirror_rules,
    multiverse,
    sentences,
    sweep,
)

PAGE = "02-product-or-experience"
RULES = load_rules()


def number(value, half=0.05):
    return {"value": value, "low": value - half, "high": value + half, "unit": "x"}


def survey(product, experience, htmt=0.7, source="own"):
    return {
        PAGE: {
            "source-survey": {"value": source, "unit": "source"},
            "slope-product-corrected": number(product),
            "slope-experience-corrected": number(experience),
            "htmt-product-experience": number(htmt),
        }
    }


def verdict(results, claim="P3", rules=RULES):
    return judge(rules, results).set_index("claim").loc[claim]


def everything(random):
    """Random numbers for every declared record."""
    results = {}
    for (notebook, name), record in RULES.records.items():
        page = results.setdefault(notebook, {f"source-{record.table}": {"value": "own", "unit": "source"}})
        page[f"source-{record.table}"] = {"value": "own", "unit": "source"}
        low, value, high = np.sort(
            random.choice([-1, -0.2, 0, 0.05, 0.2, 0.5, 0.7, 1, 1.3], 3) + random.normal(0, 0.02, 3)
        )
        page[name] = {"value": value, "low": low, "high": high, "unit": record.unit}
    return results


def test_changed_data_change_the_verdict():
    assert verdict(survey(0.6, 0.0)).outcome == "supported"
    assert verdict(survey(0.0, 0.6)).outcome == "refuted"
    assert verdict(survey(0.6, 0.08)).outcome == "undecided"
    assert verdict(survey(0.6, 0.0, htmt=0.97)).outcome == "undecided"
    assert "told apart" in verdict(survey(0.6, 0.0, htmt=0.97)).reason


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_swapping_the_labels_mirrors_every_verdict(seed):
    results = everything(np.random.default_rng(seed))
    here = judge(RULES, results)
    there = judge(mirror_rules(RULES), mirror_results(results, RULES))
    columns = ["claim", "outcome", "evidence", "status", "opposite"]
    assert here[columns].equals(there[columns])
    assert here["outcome"].isin(OUTCOMES[:3]).sum() > 80


def test_the_same_numbers_for_the_other_side_give_the_mirrored_claim():
    """Product-led data treat 'product alone' as experience-led data treat 'experience alone'."""
    one, two = verdict(survey(0.6, 0.0)), verdict(survey(0.0, 0.6))
    assert one.outcome == "supported" and one.opposite == "refuted"
    assert two.outcome == "refuted" and two.opposite == "supported"


def test_evidence_level_stands_beside_and_never_changes_the_outcome():
    results = survey(0.6, 0.0)
    plain = verdict(results)
    results["03-cause-or-coin"] = {"robustness-value-product": number(0.4), "benchmark-product": number(0.1)}
    robust = verdict(results)
    assert (plain.outcome, plain.evidence) == ("supported", "one survey")
    assert (robust.outcome, robust.evidence) == ("supported", "sensitivity-robust or between-firm")
    results["03-cause-or-coin"]["benchmark-product"] = number(0.6)
    assert verdict(results).evidence == "one survey"


def test_data_seen_before_the_freeze_are_exploratory():
    assert verdict(survey(0.6, 0, source="ecsi-mobile")).status == "exploratory"
    assert verdict(survey(0.6, 0, source="my-survey")).status == "confirmatory"
    unnamed = survey(0.6, 0)
    del unnamed[PAGE]["source-survey"]
    assert verdict(unnamed).status == "exploratory"


def test_simulated_data_give_a_rehearsal_and_no_verdict():
    row = verdict(survey(0.6, 0, source="simulated-survey"))
    assert row.outcome == "not testable here" and row.rehearsal == "supported"
    assert "simulated-survey" in row.reason and "'survey'" in row.reason


def test_what_is_missing_is_said():
    assert "run make report" in verdict({}).reason
    assert "not in this report" in verdict({"01-claims-and-words": {"x": number(1)}}).reason
    results = survey(0.6, 0)
    del results[PAGE]["slope-experience-corrected"]
    assert "do not give slope-experience-corrected" in verdict(results).reason
    results = survey(0.6, 0)
    results[PAGE]["slope-experience-corrected"] = {"value": 0.0, "unit": "x"}
    assert "without an interval" in verdict(results).reason
    no_guard = survey(0.6, 0)
    del no_guard[PAGE]["htmt-product-experience"]
    assert verdict(no_guard).outcome == "undecided"


def test_every_claim_and_idea_has_a_row():
    evidence = cx.claims.load_evidence()
    table = judge(RULES, {})
    assert set(table["claim"]) == set(evidence.claims["claim_id"]) | set(evidence.ideas["idea_id"])
    assert (table["outcome"] == "not testable here").all() and table["reason"].ne("").all()


def test_rules_that_differ_leave_a_claim_undecided():
    results = {PAGE: {"share-shared": number(0.7)}, "03-cause-or-coin": {
        "indirect-product-through-value": number(0.0, 0.01), "indirect-experience-through-value": number(0.3)}}  # fmt: skip
    row = verdict(results, "C2a")
    assert row.outcome == "undecided" and row.reason == "its rules differ"
    del results["03-cause-or-coin"]
    assert verdict(results, "C2a").outcome == "supported"


def test_the_false_discovery_flag_flags_and_nothing_else():
    results = everything(np.random.default_rng(3))
    strict, loose = judge(RULES, results, level=1e-9), judge(RULES, results, level=0.5)
    assert strict["outcome"].equals(loose["outcome"])
    assert strict["survives"].sum() < loose["survives"].sum()


def test_a_larger_smallest_effect_moves_verdicts_and_flips_say_so():
    results = survey(0.6, 0.2, source="own")
    table = sweep(RULES, results, factors=[1, 3])
    assert table.loc["P3"].tolist() == ["refuted", "supported"]
    words = flips(RULES, results)["P3"]
    assert "smallest effect" in words and "undecided" in words
    assert flips(RULES, {})["P3"] == ""


def test_the_ending_is_written_from_the_verdicts():
    table = judge(RULES, survey(0.6, 0.4))
    lines = sentences(table, {"P3": "product alone"})
    assert lines[0].startswith("Of 150 claims and ideas")
    assert any(line.startswith("P3 is refuted (one survey, confirmatory): product alone") for line in lines)
    assert any("no winner" in line for line in lines)
    assert not any("P3 is" in line for line in sentences(judge(RULES, {})))


def test_results_files(tmp_path):
    assert load_results(tmp_path / "none.json") == {}
    (tmp_path / "r.json").write_text(json.dumps(survey(0.6, 0.0)))
    assert verdict(tmp_path / "r.json").outcome == "supported"
    (tmp_path / "r.json").write_text("[1, 2")
    with pytest.raises(InputError, match=r"r\.json is no results\.json"):
        load_results(tmp_path / "r.json")
    (tmp_path / "r.json").write_text("[]")
    with pytest.raises(InputError, match="one object a notebook"):
        load_results(tmp_path / "r.json")


def test_judging_does_not_touch_the_results():
    results = survey(0.6, 0.0)
    before = copy.deepcopy(results)
    judge(RULES, results)
    assert results == before


def test_corrected_slopes_recover_the_simulators_truth():
    data = cx.simulators.make_survey(6000, slopes={"product": 0.25, "experience": 0.45}, rng=21)
    sides = {side: data.attrs["blocks"][side] for side in ("product", "experience")}
    table = corrected_slopes(
        data, outcome_items=data.attrs["outcomes"]["loyalty"], blocks=sides, bootstrap=200
    )
    for side, truth in (("product", 0.25), ("experience", 0.45)):
        assert table.loc[side, "points_low"] < truth < table.loc[side, "points_high"]
    assert table.loc["difference", "points"] == pytest.approx(
        table.loc["product", "points"] - table.loc["experience", "points"]
    )


def test_single_items_need_no_correction():
    """With one item a side the corrected slope is the ordinary least-squares one."""
    random = np.random.default_rng(5)
    x = random.normal(size=(300, 2)) @ [[1, 0.5], [0, 1]]
    y = x @ [0.7, 0.2] + random.normal(size=300)
    import pandas as pd

    data = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    table = corrected_slopes(data, outcome_items=["y"], blocks={"a": ["a"], "b": ["b"]}, bootstrap=20)
    fit = np.linalg.lstsq(np.column_stack([np.ones(300), x]), y, rcond=None)[0]
    assert table.loc[["a", "b"], "points"].tolist() == pytest.approx(fit[1:].tolist())


def test_corrected_slopes_refuse_what_makes_no_sense():
    data = cx.simulators.make_survey(30, rng=1)
    sides = {side: data.attrs["blocks"][side] for side in ("product", "experience")}
    with pytest.raises(ValueError, match="explains itself"):
        corrected_slopes(data, outcome_items=["product_1"], blocks=sides)
    with pytest.raises(ValueError, match="not among the columns"):
        corrected_slopes(data, outcome_items=["nope"], blocks=sides)
    with pytest.raises(ValueError, match="complete respondents"):
        corrected_slopes(data.head(12), outcome_items=["loyalty_1"], blocks=sides)


def test_multiverse_covers_every_reading_and_only_moves_with_the_data():
    data = cx.simulators.make_survey(3000, slopes={"product": 0.6, "experience": 0.0}, rng=4)
    readings = multiverse(
        data, rules=RULES, blocks=data.attrs["blocks"], disputed=["product_4"],
        presets={"the author's": ["product_1", "product_2", "product_3", "product_4", "experience_3"]},
        outcomes=data.attrs["outcomes"], bootstrap=60,
    )  # fmt: skip
    assert len(readings) == 4 * 3 * 2 * 3
    assert set(readings["assignment"]) == {
        "as given",
        "the author's",
        "product_4 experience",
        "product_4 out",
    }
    given = readings.query("assignment == 'as given' and reliability == 'corrected' and halo == 0")
    assert (given["P3"] == "supported").all() and (given["C4a"] == "refuted").all()
    assert {"P1", "P3", "C1h", "C2c", "C4a"} <= set(readings.columns)


WORLDS = {
    "product-led": ({"slopes": {"product": 0.6, "experience": 0.0}}, {"P3": "supported", "C4a": "refuted"}),
    "experience-led": ({"slopes": {"product": 0.0, "experience": 0.6}}, {"P3": "refuted", "C4a": "supported"}),
    "halo only": (
        {"slopes": {"product": 0.0, "experience": 0.0}, "spreads": 0.3, "halo": 1.0},
        {"P3": "undecided", "C4a": "undecided", "C2c": "undecided"},
    ),
    "parity": (
        {"slopes": {"product": 0.45, "experience": 0.45}, "spreads": {"product": 0.5, "experience": 1.0}, "respondents": 12_000},
        {"P3": "refuted", "C4a": "supported", "C2c": "supported"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_known_worlds_get_the_right_verdict(world):
    truth, right = WORLDS[world]
    hits = 0
    for seed in range(5):
        data = cx.simulators.make_survey(**{"respondents": 4000, **truth}, rng=500 + seed)
        data.attrs["name"] = "own"
        outcomes = judge(RULES, core_numbers(data, outcome="loyalty", bootstrap=80, rng=seed)).set_index(
            "claim"
        )["outcome"]
        hits += all(outcomes[claim] == wanted for claim, wanted in right.items())
    assert hits >= 4
