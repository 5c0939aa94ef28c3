"""``cxlab diff``: what changed beyond its interval, which verdicts moved, nothing that a name injects."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlab.workbook.cli import main
from cxlab.workbook.diff import compare

NUMBER = st.floats(-1e6, 1e6) | st.integers(-100, 100)
OLD = {
    "02-product-or-experience": {
        "share": {"value": 0.40, "low": 0.30, "high": 0.50, "unit": "share of R2", "n": 250},
        "respondents": {"value": 250, "low": None, "high": None, "unit": "respondents", "n": 250},
    },
    "09-verdict": {
        "C001": {"value": "supported", "unit": "verdict"},
        "C002": {"value": "undecided", "unit": "verdict"},
    },
}


def changed(name, value, *limits):
    new = copy.deepcopy(OLD)
    record = new["09-verdict" if name.startswith("C") else "02-product-or-experience"][name]
    record.update(zip(("value", "low", "high"), (value, *limits), strict=False))
    return new


def found(name, new, old=OLD):
    return next(change for change in compare(old, new).changes if change.name == name)


@pytest.fixture
def run(tmp_path, capsys):
    def run(new):
        for name, content in (("old", OLD), ("new", new)):
            (tmp_path / name).mkdir(exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / name / "results.json").write_text(text)
        code = main(["diff", str(tmp_path / "old"), str(tmp_path / "new" / "results.json")])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("value", "kind", "apart"),
    [
        ((0.45, 0.35, 0.55), "changed", False), ((0.50, 0.4, 0.6), "changed", False),
        ((0.51, 0.41, 0.6), "beyond", False), ((0.29, 0.2, 0.31), "beyond", False),
        ((0.7, 0.6, 0.8), "beyond", True), ((0.45, None, None), "changed", False),
    ],
)  # fmt: skip
def test_beyond_means_outside_the_old_interval(value, kind, apart):
    change = found("share", changed("share", *value))
    assert (change.kind, "apart" in change.difference) == (kind, apart)
    assert change.difference.startswith(f"{value[0] - 0.4:+.4g}")


def test_without_an_old_interval_the_new_one_decides():
    old = changed("share", 0.4, None, None)
    assert found("share", changed("share", 0.6, 0.5, 0.7), old).kind == "beyond"
    assert found("share", changed("share", 0.45, 0.35, 0.5), old).kind == "changed"


@pytest.mark.parametrize(
    ("new", "code", "words"),
    [
        (OLD, 0, "4 the same"),
        (changed("respondents", 260), 0, "changed  02-product-or-experience respondents: 250 -> 260"),
        (changed("C001", "undecided"), 3, "verdict  09-verdict C001: supported -> undecided"),
        (changed("C001", "refuted"), 3, "1 verdict moved"),
        (OLD | {"03": {"more": {"value": 1.0}}}, 0, "1 new, 0 gone"),
        (OLD | {"09-verdict": {}}, 3, "0 new, 2 gone"),
        ({"a\x1b": {"b\x1b": {"value": "c\x1b", "unit": "d\x1b"}}}, 3, "a? b?: - -> c?"),
    ],
)
def test_verdicts_and_lost_numbers_are_alarms_new_and_uncertain_ones_are_not(run, new, code, words):
    ended, out, _ = run(new)
    assert ended == code and words in out and "\x1b" not in out


@pytest.mark.parametrize("content", ["{", "[]", "", '{"a": 1}', '{"a": {"b": {}}}', "[" * 99_999, "\x00"])
def test_what_is_no_results_file_is_told(run, content):
    code, _, err = run(content)
    assert code == 2 and "is no results.json" in err and err.count("\n") == 1


@given(a=NUMBER, b=NUMBER, width=st.floats(0, 10))
def test_both_directions_agree_that_something_changed(a, b, width):
    old = {"n": {"x": {"value": a, "low": a - width, "high": a + width}}}
    new = {"n": {"x": {"value": b, "low": b - width, "high": b + width}}}
    one, two = found("x", new, old), found("x", old, new)
    assert one.kind == two.kind or abs(abs(a - b) - width) < 1e-6
    assert ("apart" in one.difference) == ("apart" in two.difference)
