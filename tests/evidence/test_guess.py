"""Guesses about strange files: columns, codes, scales, sides, reversed items, wide shapes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.guess import guess_columns, guess_table, reversed_items, scale_of, suspected_missing
from cxlab.evidence.tables import TABLES


def series(*values):
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (["1", "5", "3", "-99"], ["-99"]), (["1", "5", "3", "99"], ["99"]), (["1", "4", "5", "9"], ["9"]),
        (["1", "3", "5", "8", "9"], ["8", "9"]), (["0", "5", "10", "99", "98"], ["98", "99"]), (["1", "2", "-1"], ["-1"]),
        (["1", "5", "don't know", "Refused"], ["don't know", "Refused"]), (["1", "2", "3", "4", "5"], []),
        (["1", "7", "9", "10"], []), (["-3", "-1", "4"], []), (["20", "35", "99", "64"], []), (["north", "south"], []),
        (["1,5", "2,5", "-99"], ["-99"]), ([1, 2, 3, -99], ["-99"]),
    ],
)  # fmt: skip
def test_suspected_missing_codes(values, codes):
    assert sorted(suspected_missing(series(*values))) == sorted(codes)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (list("12345"), (1, 5)), (list("1234567"), (1, 7)), ([str(i) for i in range(11)], (0, 10)), ([str(i) for i in range(1, 11)], (1, 10)),
        (list("012"), (0, 10)), (["0", "1"], (0, 1)), (["1.5", "2"], None), (["1001", "1002"], None), (["a"], None), (["3", "3"], None),
    ],
)  # fmt: skip
def test_scales(values, scale):
    assert scale_of(series(*values), []) == scale


@pytest.mark.parametrize(
    ("table", "columns", "expected"),
    [
        ("events", {"userId": ["a"], "Event Name": ["x"], "createdAt": ["2026-01-01"]}, {"userId": "customer_id", "Event Name": "event", "createdAt": "timestamp"}),
        ("events", {"kunde": ["a"], "action": ["x"], "stamp": ["2026-01-01 10:00"]}, {"kunde": "customer_id", "action": "event", "stamp": "timestamp"}),
        ("pain", {"Theme": ["a"], "Complaint": ["3"]}, {"Theme": "area", "Complaint": "complaints"}),
        ("kpis", {"company": ["a"], "metric": ["x"], "percent": ["30"]}, {"company": "organisation", "metric": "kpi", "percent": "weight"}),
        ("stage_quality", {"client": ["a"], "phase": ["x"], "ok": ["yes"]}, {"client": "customer", "phase": "stage", "ok": "passed"}),
    ],
)  # fmt: skip
def test_columns_are_found_by_name_alias_and_content(table, columns, expected):
    assert guess_columns(pd.DataFrame(columns), TABLES[table]).columns == expected


def test_a_name_that_does_not_hold_the_kind_is_no_match():
    guess = guess_columns(
        pd.DataFrame({"customer_id": ["a"], "event": ["x"], "timestamp": ["soon"]}), TABLES["events"]
    )
    assert "timestamp" not in guess.columns.values() and [c.name for c in guess.open] == ["timestamp"]


@pytest.fixture
def survey():
    rng = np.random.default_rng(5)
    common = rng.normal(size=300)
    frame = {"Teilnehmer": [f"T{i}" for i in range(300)], "Region": rng.choice(["n", "s"], 300)}
    for name, sign in {
        "Product quality": 1,
        "Product fails": -1,
        "Service": 1,
        "Support": 1,
        "Price fair": 1,
        "Image": 1,
        "Other thing": 1,
        "Recommend": 1,
    }.items():
        frame[name] = (
            np.clip(np.round(4 + sign * 1.4 * common + rng.normal(size=300)), 1, 7).astype(int).astype(str)
        )
    frame["Service"][:9] = "-99"
    frame["Age"] = rng.integers(18, 80, 300).astype(str)
    return pd.DataFrame(frame)


def test_a_survey_is_guessed(survey):
    guess = guess_table(survey, TABLES["survey"])
    assert guess.blocks == {
        "product": ["Product quality", "Product fails"], "experience": ["Service", "Support"], "price": ["Price fair"],
        "brand": ["Image"], "other": ["Other thing"],
    }  # fmt: skip
    assert guess.outcomes == {"loyalty": ["Recommend"]} and guess.range == (1, 7)
    assert guess.reversed == ["Product fails"] and guess.missing == ["-99"]
    assert "Region" in [*guess.segments, *guess.columns]


def test_reversed_items_of_noise_are_not_claimed():
    rng = np.random.default_rng(6)
    noise = pd.DataFrame(rng.integers(1, 6, (500, 8)), columns=list("abcdefgh"))
    assert len(reversed_items(noise, list(noise))) <= 4
    one = rng.normal(size=500)
    items = pd.DataFrame({name: one + rng.normal(size=500) for name in "abcd"})
    assert reversed_items(items, list(items)) == [] and reversed_items(
        items.assign(b=-items["b"]), list(items)
    ) == ["b"]


def test_wide_files_are_seen():
    frame = pd.DataFrame(
        {
            "customer": ["a"],
            "sat_2025": ["1"],
            "sat_2026": ["2"],
            "expected 2025": ["1"],
            "expected 2026": ["2"],
        }
    )
    wide = guess_table(frame, TABLES["expectations"]).wide
    assert wide == {
        "name": "wave",
        "values": {
            "satisfaction": {"2025": "sat_2025", "2026": "sat_2026"},
            "expected": {"2025": "expected 2025", "2026": "expected 2026"},
        },
    }
    frame = pd.DataFrame({"coder": ["a", "b"], "s1": ["p", "e"], "s2": ["p", "p"]})
    assert guess_table(frame, TABLES["ratings"]).wide == {
        "name": "statement",
        "values": {"label": {"s1": "s1", "s2": "s2"}},
    }


def test_what_can_be_read_two_ways_is_guessed_and_marked():
    frame = pd.DataFrame({"area": ["a", "b"], "complaints": ["1.234", "5"]})
    assert guess_table(frame, TABLES["pain"], ";").decimal == ","
    frame = pd.DataFrame({"customer_id": ["a"], "event": ["x"], "timestamp": ["03/04/2026"]})
    assert guess_table(frame, TABLES["events"], ",").day_first is False
