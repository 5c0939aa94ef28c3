"""Titles of the charts on real-data pages turn with the data: sides exchanged, and no effect at all."""

import re

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
