"""Recorded numbers: plain, rounded, with unit and interval, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from cxlab.evidence.errors import InputError
from cxlab.workbook import record as module


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(module, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_a_number_is_plain_and_rounded_to_ten_digits(shown):
    module.record(
        "share", np.float64(1 / 3), low=np.float32(0.25), high=0.5, unit="share of R2", n=np.int64(250)
    )
    content = shown[0][module.RECORD]
    assert content["value"] == 0.3333333333
    assert [type(content[key]) for key in ("value", "low", "high", "n")] == [float, float, float, int]
    assert shown[0]["text/plain"] == "share: 0.3333 share of R2 [0.25, 0.5], n = 250"


def test_last_bits_of_a_parallel_sum_do_not_show(shown):
    for value in (0.1 + 0.2, 0.3):
        module.record("sum", value, unit="points")
    assert shown[0][module.RECORD] == shown[1][module.RECORD]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.nan])
def test_what_is_not_a_number_is_missing(shown, value):
    module.record("share", value, unit="share")
    assert shown[0][module.RECORD]["value"] is None


def test_a_verdict_is_a_word(shown):
    module.record("P3", "undecided", unit="verdict")
    assert shown[0][module.RECORD]["value"] == "undecided"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "must not be empty"),
        ({"unit": ""}, "must not be empty"),
        ({"low": 0.1}, "both limits"),
        ({"low": 0.9, "high": 0.1}, "above high"),
    ],
)
def test_a_broken_record_is_refused(shown, change, message):
    with pytest.raises(InputError, match=message):
        module.record(**{"name": "x", "value": 0.5, "unit": "share", **change})
    assert shown == []


def test_a_conclusion_is_a_sentence(shown):
    module.conclude("Product carries more.")
    assert shown[0][module.CONCLUSION] == {"sentence": "Product carries more."}
    with pytest.raises(InputError):
        module.conclude("  ")
