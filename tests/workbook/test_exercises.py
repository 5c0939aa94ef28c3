"""Exercises: right, wrong and why, hints one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from cxlab.evidence.errors import InputError
from cxlab.workbook import exercises as module


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(module, "display", lambda markdown: texts.append(markdown.data))
    monkeypatch.setattr(module, "_REGISTERED", {})
    return texts


@pytest.mark.parametrize(
    ("expected", "right", "wrong"),
    [
        (0.5, 0.505, 0.6),
        (np.float64(0.5), np.float64(0.5), "half"),
        (3, 3, True),
        (True, True, 1),
        ("spread", " Spread ", "slope"),
        (["a", "b"], {"b", "a"}, ["a"]),
        ({"a"}, ["a"], "a"),
        (1.0, 1, float("nan")),
    ],
)
def test_answers_are_judged(said, expected, right, wrong):
    module.exercise("1", expected=expected, why="because.")
    module.answer("1", right)
    module.answer("1", wrong)
    assert "**right.** because." in said[0]
    assert "**not yet.**" in said[1]


def test_hints_come_one_at_a_time(said):
    module.exercise("1", expected=2, hints=["first", "second"])
    module.answer("1", ...)
    module.answer("1", 5)
    module.answer("1", 5)
    assert "first" in said[0] and "second" not in said[0]
    assert "too high" in said[1] and "second" not in said[1]
    assert "Hint 2: second" in said[2]


def test_an_exercise_that_was_not_run_is_named(said):
    with pytest.raises(InputError, match="'9.9'.*none yet.*run the cells above"):
        module.answer("9.9", 1)
