"""Titles of the charts on real-data pages turn with the data: sides exchanged, and no effect at all."""

import re

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.worlds.survey import make_survey

D, H, X = cx.drivers, cx.causes, cx.expectations
TURNS = [D.split, D.beyond_liking, H.adjusted, H.hidden_cause, H.both_orders, X.kinks, X.forgiveness]
NULLS = [D.split, D.beyond_liking, D.outcome_by_outcome, H.adjusted, H.both_orders, X.forgiveness]


def title(result) -> str:
    return result.figure().layout.title.text.replace("<br>", " ")


def world(product, experience):
    slopes = {"product": product, "experience": experience, "price": 0.0}
    return make_survey(1500, slopes=slopes, bootstrap=100, simulated=False)


@pytest.fixture(scope="module")
def worlds():
    return world(0.1, 0.6), world(0.6, 0.1), world(0.0, 0.0)


@pytest.mark.parametrize("ask", TURNS, ids=lambda ask: ask.__name__)
def test_a_title_turns_when_the_data_turn(ask, worlds):
    one, other = (title(ask(survey)) for survey in worlds[:2])
    assert one != other, one


@pytest.mark.parametrize("ask", NULLS, ids=lambda ask: ask.__name__)
def test_a_title_says_that_nothing_was_found_where_nothing_is(ask, worlds):
    said = title(ask(worlds[2]))
    assert re.search(r"\b([Nn]o|[Nn]one|is open)\b", said), said


def test_the_title_of_the_split_names_the_side_that_leads(worlds):
    experience, product = (title(D.split(survey)) for survey in worlds[:2])
    assert experience.startswith("Experience carries") and product.startswith("Product carries")


# ---------------------------------------------------------------- what customers do, and a study's own page

NOTHING = r"\b([Nn]o|[Nn]one|within chance)\b"


def log(first, second, third=1.0):
    """A log of two segments: the chance to take the second step in each, and the third."""
    random, rows = np.random.default_rng(0), []
    for who in range(800):
        segment = "web" if who % 2 else "shop"
        steps = 1 + (random.random() < (first if segment == "web" else second))
        steps += steps == 2 and random.random() < third
        day = pd.Timestamp("2026-01-01") + pd.Timedelta(days=who % 30)
        rows += [
            (who, ["visit", "cart", "buy"][k], day + pd.Timedelta(hours=k), segment) for k in range(steps)
        ]
    frame = pd.DataFrame(rows, columns=["customer_id", "event", "timestamp", "segment"])
    return cx.events(frame, segment="segment", bootstrap=50)


def asked(better, worse):
    """A survey over time: group 'a' with one mean first, then group 'b' with another."""
    random, n = np.random.default_rng(1), 600
    group = np.repeat(["a", "b"], n // 2)
    mean = np.where(group == "a", better, worse)
    frame = pd.DataFrame({"group": group, "day": pd.date_range("2026-01-01", periods=n, freq="6h")})
    for name, slope in (("equipment", better - 6), ("support", worse - 6)):
        frame[name] = random.integers(1, 6, n)
        mean = mean + slope / 2 * (frame[name] - 3)
    frame["loyalty"] = np.clip(np.round(mean + random.normal(0, 1, n)), 0, 10)
    areas = ["equipment", "support"]
    return cx.survey(
        frame, outcome="loyalty", product=areas[:1], experience=areas[1:], segments=["group"], date="day",
        roles={"functions": areas}, bootstrap=60,
    )  # fmt: skip


STEPS = ["visit", "cart", "buy"]
LOGS = {
    "segments": lambda log: cx.funnel.segments(log, steps=STEPS),
    "drop_off": lambda log: cx.funnel.drop_off(log, steps=STEPS),
    "go_on_or_leave": lambda log: cx.funnel.go_on_or_leave(log, steps=STEPS),
}
SURVEYS = {
    "functions": cx.yields.functions,
    "by_segment": cx.customers.by_segment,
    "over_time": cx.customers.over_time,
    "in_numbers": cx.customers.in_numbers,
    "items": D.items,
}


@pytest.mark.parametrize("name", LOGS)
def test_titles_of_logs_turn_with_the_log(name):
    there, back = title(LOGS[name](log(0.8, 0.4, 0.5))), title(LOGS[name](log(0.3, 0.6, 0.9)))
    assert there != back and re.search(r"\d", there), (there, back)


def test_segments_that_are_alike_are_said_to_be():
    assert re.search(NOTHING, title(LOGS["segments"](log(0.5, 0.5))))


@pytest.mark.parametrize("name", SURVEYS)
def test_titles_of_a_study_s_own_page_turn_with_the_answers(name):
    there, back = title(SURVEYS[name](asked(8, 6))), title(SURVEYS[name](asked(6, 8)))
    assert name == "in_numbers" or there != back, there
    assert re.search(r"\d", there), there


@pytest.mark.parametrize("name", ["functions", "by_segment", "over_time"])
def test_titles_of_a_study_s_own_page_say_that_nothing_was_found(name):
    assert re.search(NOTHING, title(SURVEYS[name](asked(6, 6))))


def test_the_verdict_s_titles_count_what_the_data_can_test(tmp_path):
    (tmp_path / "results.json").write_text("{}")
    given = {"source": "ecsi-mobile", "bootstrap": 30}
    tested = cx.verdict.opened(str(tmp_path / "results.json"), **given)
    bare = cx.verdict.opened(str(tmp_path / "results.json"), leave_out="ecsi-mobile", **given)
    assert re.match(r"1 survey can test \d+ claims", title(cx.verdict.survey_by_survey(tested)))
    assert title(cx.verdict.outcomes(bare)).startswith("None of 150 claims")
    assert re.search(r"\d", title(cx.verdict.data_needed(bare)))
