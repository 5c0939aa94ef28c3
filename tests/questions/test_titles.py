"""Titles of the charts on real-data pages turn with the data: sides exchanged, and no effect at all."""

import re

import pytest
from common import title

import cxlab as cx
from cxlab.worlds.survey import make_survey

D, H, X = cx.drivers, cx.causes, cx.expectations
TURNS = [D.split, D.beyond_liking, H.adjusted, H.hidden_cause, H.both_orders, X.kinks, X.forgiveness]
NULLS = [D.split, D.beyond_liking, D.outcome_by_outcome, H.adjusted, H.both_orders, X.forgiveness]
PAIRS = [(0.1, 0.6), (0.6, 0.1), (0.0, 0.0)]


@pytest.fixture(scope="module")
def worlds():
    slopes = [{"product": p, "experience": e, "price": 0.0} for p, e in PAIRS]
    return [make_survey(1500, slopes=one, bootstrap=100, simulated=False) for one in slopes]


@pytest.mark.parametrize("ask", TURNS, ids=lambda ask: ask.__name__)
def test_a_title_turns_when_the_data_turn(ask, worlds):
    one, other = (title(ask(survey)) for survey in worlds[:2])
    assert one != other, one


@pytest.mark.parametrize("ask", NULLS, ids=lambda ask: ask.__name__)
def test_a_title_says_that_nothing_was_found_where_nothing_is(ask, worlds):
    said = title(ask(worlds[2]))
    assert re.search(r"\b([Nn]o|[Nn]one|is open)\b", said), said


def test_the_verdict_s_titles_count_what_the_data_can_test(tmp_path):
    (tmp_path / "results.json").write_text("{}")
    given = {"source": "ecsi-mobile", "bootstrap": 30}
    tested = cx.verdict.opened(str(tmp_path / "results.json"), **given)
    bare = cx.verdict.opened(str(tmp_path / "results.json"), leave_out="ecsi-mobile", **given)
    assert re.match(
        r"1 survey decides (none|\d+) of the \d+ claims", title(cx.verdict.survey_by_survey(tested))
    )
    assert title(cx.verdict.outcomes(bare)).startswith("None of 150 claims")
    assert re.search(r"\d", title(cx.verdict.data_needed(bare)))
