import pytest

from cxlab.workbook.report import site
from cxlab.workbook.report.numbers import show_interval, show_number
from cxlab.workbook.report.segments import suppressed


def record(name, value, low=None, high=None, unit="share of R2", headline=True):
    return {
        "name": name,
        "value": value,
        "low": low,
        "high": high,
        "unit": unit,
        "n": 10,
        "headline": headline,
    }


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.48213, "share of R2", "48.2 %"),
        (0.99996, "share of R2", "100 %"),
        (1.0, "share of customers", "100 %"),
        (1.2, "share of R2", "120 %"),
        (-0.05, "share of R2", "−5 %"),
        (0.0, "points", "0"),
        (0.012345, "points", "0.0123"),
        (23570, "customers", "23,570"),
        (-1234.5, "points", "−1,230"),
        (1.5e-9, "p", "1.5 × 10^-9".replace("-", "−")),
        (None, "points", "not available"),
        ("supported", "verdict", "supported"),
        (True, "flag", "true"),
    ],
)
def test_numbers_read_as_a_reader_wants_them(value, unit, expected):
    assert show_number(value, unit) == expected


def test_an_interval_is_shown_in_the_unit_of_its_number():
    assert show_interval(record("a", 0.5, 0.41, 0.6)) == "41 % to 60 %"
    assert show_interval(record("a", 0.5)) == ""


def test_the_picture_takes_headlines_of_the_commonest_unit():
    records = [
        record("share-product", 0.2, 0.1, 0.3), record("share-experience", 0.4, 0.3, 0.5),
        record("slope", 2.0, unit="points"), record("aside", 0.9, headline=False),
    ]  # fmt: skip
    picture = site.picture(records)
    assert picture["kind"] == "forest" and [row["name"] for row in picture["rows"]] == [
        "share product",
        "share experience",
    ]
    assert [row["side"] for row in picture["rows"]] == ["product", "experience"]
    for row in picture["rows"]:
        assert 8 <= row["low"] < row["x"] < row["high"] <= 232
    assert "share product 20 % (interval 10 % to 30 %)" in picture["title"]


def test_the_picture_keeps_zero_in_view():
    picture = site.picture(
        [record("a", -1.0, -2.0, 0.5, unit="points"), record("b", 3.0, 2.0, 4.0, unit="points")]
    )
    assert picture["rows"][0]["low"] < picture["zero"] < picture["rows"][1]["low"]


def test_numbers_without_intervals_are_not_drawn_as_if_they_had_some():
    assert site.picture([record("parts", 11, unit="parts")])["kind"] == "numbers"


def test_verdicts_are_counted():
    words = ["supported", "refuted", "supported", "not testable here"]
    picture = site.picture([record(f"c{i}", word, unit="verdict") for i, word in enumerate(words)])
    assert picture["title"] == "Verdicts: 2 supported, 1 refuted, 1 not testable here"
    assert sum(part["width"] for part in picture["parts"]) == pytest.approx(240)


def test_no_headline_no_picture():
    assert site.picture([record("a", 0.4, headline=False)]) is None
    assert site.picture([record("a", None)]) is None


def test_results_hold_value_interval_unit_and_n():
    found = site.results_of({"02-split": {"records": [record("a", 0.5, 0.4, 0.6)]}})
    assert found == {
        "02-split": {"a": {"value": 0.5, "low": 0.4, "high": 0.6, "unit": "share of R2", "n": 10}}
    }


def card(**facts):
    return {"number": "02", "question": "Which?", "href": "02.html", "missing": [], "answer": "", "minutes": 5,
            "sources": [], "simulated": "", "picture": None, **facts}  # fmt: skip


def index(*cards):
    return site.index_html(
        {"root": "", "home": "index.html", "pages": [], "segment": "", "lede": "", "heading": "H", "answer": "",
         "links": [], "cards": cards, "versions": []}
    )  # fmt: skip


def test_the_index_answers_and_names_missing_tables():
    html = index(
        card(answer="It is *both*.", simulated="all", picture=site.picture([record("a", 0.4, 0.3, 0.5)])),
        card(question="Who <b>?", href="", missing=["ladder", "visits"]),
    )
    assert "It is <em>both</em>." in html and 'class="forest"' in html and "simulated data" in html
    assert "Needs this table: ladder, visits." in html and "Who &lt;b&gt;?" in html


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ({"a": 40, "b": 50}, set()),
        ({"a": 4, "b": 50, "c": 60}, {"a", "b"}),
        ({"a": 1, "b": 2, "c": 60, "d": 70}, {"a", "b", "c"}),
        ({"a": 4, "b": 4, "c": 60}, {"a", "b"}),
        ({"a": 3}, {"a"}),
    ],
)
def test_small_segments_are_hidden_also_by_difference(counts, hidden):
    assert suppressed(counts, 5) == hidden
