"""``cxlab diff``: what changed beyond its interval, which verdicts moved, nothing that a name injects."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlab.workbook.cli import main
from cxlab.workbook.diff import compare, lines, summary

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


def changed(**values):
    new = copy.deepcopy(OLD)
    for name, value in values.items():
        notebook = "09-verdict" if name.startswith("C") else "02-product-or-experience"
        record = new[notebook][name]
        if isinstance(value, tuple):
            record.update(value=value[0], low=value[1], high=value[2])
        else:
            record["value"] = value
    return new


def kinds(new, old=OLD):
    return {change.name: change.kind for change in compare(old, new).changes}


@pytest.fixture
def run(tmp_path, capsys):
    def run(new, *more):
        for name, content in (("old.json", OLD), ("new.json", new)):
            (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        code = main(["diff", str(tmp_path / "old.json"), str(tmp_path / "new.json"), *more])
        return code, *capsys.readouterr()

    return run


def test_the_same_twice(run):
    code, out, err = run(OLD)
    assert code == 0 and "4 the same" in out and err == ""
    assert set(kinds(OLD).values()) == {"same"}


@pytest.mark.parametrize(
    ("value", "kind", "apart"),
    [
        ((0.45, 0.35, 0.55), "changed", False), ((0.50, 0.4, 0.6), "changed", False),
        ((0.51, 0.41, 0.6), "beyond", False), ((0.29, 0.2, 0.31), "beyond", False),
        ((0.7, 0.6, 0.8), "beyond", True), ((0.45, None, None), "changed", False),
    ],
)  # fmt: skip
def test_beyond_means_outside_the_old_interval(value, kind, apart):
    change = next(change for change in compare(OLD, changed(share=value)).changes if change.name == "share")
    assert (change.kind, change.apart) == (kind, apart) and change.difference == pytest.approx(value[0] - 0.4)


def test_without_an_old_interval_the_new_one_decides():
    old = changed(share=(0.4, None, None))
    assert kinds(changed(share=(0.6, 0.5, 0.7)), old)["share"] == "beyond"
    assert kinds(changed(share=(0.45, 0.35, 0.5)), old)["share"] == "changed"


def test_a_count_without_interval_changes_quietly(run):
    code, out, _ = run(changed(respondents=260))
    assert code == 0 and "changed  02-product-or-experience respondents: 250 -> 260" in out


def test_a_moved_verdict_is_an_alarm(run):
    code, out, _ = run(changed(C001="undecided"))
    assert code == 3 and "1 verdict moved" in out and "C001: supported -> undecided" in out


def test_new_numbers_are_welcome_and_gone_ones_are_not(run):
    new = copy.deepcopy(OLD)
    new["03"] = {"more": {"value": 1.0}}
    assert run(new)[0] == 0
    del new["09-verdict"]["C002"]
    assert run(new)[0] == 3


def test_the_markdown_summary_holds_nothing_that_a_name_could_inject(run, tmp_path):
    new = changed(share=(0.7, 0.6, 0.8), C001="refuted")
    new["<script>alert(1)</script>"] = {
        "<img src=x>|`x`": {"value": "[a](javascript:alert(1))", "unit": "<b>\x1b"}
    }
    code, out, _ = run(new, "--markdown", str(tmp_path / "d.md"))
    assert code == 3 and "\x1b" not in out
    text = (tmp_path / "d.md").read_text()
    assert "0.4 (0.3 to 0.5)" in text and "0.7 (0.6 to 0.8)" in text and "intervals apart" in text
    assert "<script>" not in text and "<img" not in text and "<b>" not in text
    assert "\\[a\\](javascript" in text and text == summary(compare(OLD, new))


def test_a_report_folder_will_do(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(OLD))
    assert main(["diff", str(tmp_path / "a"), str(tmp_path / "b")]) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON (line 1"), ("[]", "does not look like a results.json"), ("", "is not JSON"),
        ('{"a": 1}', "does not look like"), ('{"a": {"b": {}}}', "has no value"), ("[" * 99_999, "not JSON"),
    ],
)  # fmt: skip
def test_what_is_no_results_file_is_told(run, content, message):
    code, _, err = run(content)
    assert code == 2 and message in err and err.count("\n") == 1


def test_a_target_that_cannot_be_written_is_told(run, tmp_path):
    for target in (tmp_path / "none" / "d.md", tmp_path):
        code, _, err = run(OLD, "--markdown", str(target))
        assert code == 2 and "name a file" in err


NUMBER = st.floats(-1e6, 1e6) | st.integers(-100, 100)


@given(a=NUMBER, b=NUMBER, width=st.floats(0, 10))
def test_both_directions_agree_that_something_changed(a, b, width):
    old = {"n": {"x": {"value": a, "low": a - width, "high": a + width}}}
    new = {"n": {"x": {"value": b, "low": b - width, "high": b + width}}}
    one, two = compare(old, new).changes[0], compare(new, old).changes[0]
    assert one.kind == two.kind or abs(abs(a - b) - width) < 1e-6
    assert one.apart == two.apart and lines(compare(old, new))
