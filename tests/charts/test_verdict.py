"""Figures and folders of the verdict page; they also draw when there is nothing to draw."""

from __future__ import annotations

import pandas as pd
import pytest

import cxlab as cx

PAGE = "02-product-or-experience"


@pytest.fixture(scope="module")
def world():
    data = cx.simulators.make_survey(800, rng=2)
    data.attrs["name"] = "own"
    data.attrs["roles"] = {"disputed": ["product_4"]}
    rules, evidence = cx.verdict.load_rules(), cx.claims.load_evidence()
    results = cx.verdict.core_numbers(data, outcome="loyalty", bootstrap=60)
    verdicts = cx.verdict.judge(rules, results)
    readings = cx.verdict.read_survey(rules, data, bootstrap=40)
    files = cx.verdict.dossier(rules, results, verdicts, evidence, readings)
    return rules, results, data, verdicts, readings, files


def test_outcome_bars_count_every_claim(world):
    *_, files = world
    figure = cx.charts.verdict.outcomes(cx.verdict.by_group(files, "article"), title="t")
    assert sum(sum(trace.x) for trace in figure.data) == len(files) == 150
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 4


def test_specification_curve_draws_every_reading(world):
    *_, readings, _ = world
    figure = cx.charts.verdict.specification(readings)
    assert len(figure.data[1].x) == len(readings)
    assert {"product", "experience"} <= {trace.name for trace in figure.data}
    shares = cx.charts.verdict.readings(cx.verdict.reading_shares(readings))
    assert sum(trace.x[0] for trace in shares.data) == pytest.approx(1, abs=1e-3)


def test_nothing_to_draw_is_said():
    empty = cx.verdict.read_survey(cx.verdict.load_rules(), None)
    for figure in (
        cx.charts.verdict.specification(empty),
        cx.charts.verdict.readings(cx.verdict.reading_shares(empty)),
    ):
        assert "no survey was opened" in figure.layout.annotations[0].text


def test_board_marks_moved_verdicts_and_the_evidence_bar(world):
    rules, results, data, verdicts, *_ = world
    states = cx.verdict.grid(rules, results, data, factors={"as frozen": 1, "half": 0.5}, bootstrap=40)
    assert states["assignment"].nunique() <= 6 and set(states["smallest_effect"]) == {"as frozen", "half"}
    state = states[(states["smallest_effect"] == "as frozen") & (states["assignment"] == "as given")]
    frozen = verdicts.set_index("claim")["outcome"].to_dict()
    options = {"levels": cx.verdict.LEVELS, "title": "t"}
    figure = cx.charts.verdict.board(state, before=frozen, bar="one survey", **options)
    assert "moved" not in "".join(text for trace in figure.data for text in trace.text)
    other = dict.fromkeys(frozen, "refuted")
    figure = cx.charts.verdict.board(state, before=other, bar="randomised", **options)
    assert "moved" in "".join(text for trace in figure.data for text in trace.text)
    assert all("rgba" in colour for trace in figure.data for colour in trace.marker.color)


def test_folders_hold_rule_cases_and_escape_everything(world):
    *_, files = world
    page = cx.charts.verdict.folders(files)._repr_html_()
    assert page.count("<details") == 150 and "<script" not in page
    for words in (
        "Supported when",
        "Refuted when",
        "Strongest case against",
        "What would flip it",
        "Data that would change it",
    ):
        assert words in page
    evil = files.head(1).assign(text="<script>alert(1)</script>", reason="<b>")
    page = cx.charts.verdict.folders(evil)._repr_html_()
    assert "<script>" not in page and "<b>" not in page
    assert repr(cx.charts.verdict.folders(files)).startswith("P1: ")


def test_unlocks_and_answer(world):
    rules, results, _, verdicts, _, _ = world
    evidence = cx.claims.load_evidence()
    table = cx.verdict.unlocks(verdicts, evidence)
    assert list(cx.charts.verdict.unlocks(table).data[0].x) == table["claims"].tolist()
    assert "settles loyalty is" in cx.verdict.answer(verdicts, results)
    nothing = cx.verdict.judge(rules, {})
    assert "cannot be tested here" in cx.verdict.answer(nothing, {})
    assert isinstance(cx.verdict.voices(evidence.claims), pd.Series)
