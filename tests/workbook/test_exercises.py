"""Exercises: right and wrong answers, hints, units, and nothing that gives an answer away."""

from __future__ import annotations

import inspect
import json
import pickle
import tomllib
from functools import cache
from pathlib import Path

import nbformat
import pytest

import cxlab as cx
from cxlab.data.errors import InputError
from cxlab.questions import causes, drivers, result
from cxlab.workbook import exercises, workshop
from cxlab.worlds.survey import sample_survey

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "exercises"
FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
ALL = [name for entries in FILES.values() for name in entries]
PAGES = {  # page -> kind of table, its name, the questions whose numbers the exercises read
    "01": [("claims", "", "claims.debate claims.standing claims.strength"),
           ("ratings", "simulated-ratings", "claims.same_meaning")],
    "04": [("survey", "ecsi-mobile", "expectations.gap expectations.forgiveness"),
           ("vignette", "simulated-vignette", "expectations.stockout"),
           ("contacts", "simulated-contacts", "contacts.reasons")],
    "05": [("events", "cdnow", "funnel.who_comes_back"), ("events", "simulated-events", "funnel.segments"),
           ("stages", "simulated-stages", "yields.hold yields.words_and_deeds")],
    "06": [("initiatives", "simulated-initiatives",
            "initiatives.pain initiatives.safe_choices initiatives.delivery initiatives.pay_link")],
    "07": [("visits", "simulated-visits", "outlets.differ roles.exposure ecosystem.rewards")],
    "08": [("survey", "corporate-reputation", "horizons.hostages"),
           ("accounts", "simulated-accounts",
            "horizons.all_must_hold horizons.tied_accounts horizons.unseen")],
    "09": [("verdict", "abc-vendor", "verdict.outcomes verdict.flips")],
}  # fmt: skip
OPENED = {"claims": lambda _, **few: cx.claims.thread(**few),
          "verdict": lambda name, **few: cx.verdict.opened("", source=name, **few)}  # fmt: skip


@cache
def page(notebook):
    """Return the numbers that a page records on the data that it comes with."""
    numbers = {}
    for kind, name, questions in PAGES[notebook]:
        if kind in OPENED:
            table = OPENED[kind](name, bootstrap=40, seed=1)
        else:
            table = cx.open_source(name, table=kind, bootstrap=40, seed=1)
        for ask in questions.split():
            module, function = ask.split(".")
            asked = getattr(getattr(cx, module), function)(table)
            assert not asked.missing, asked.finding
            numbers |= asked.numbers
    return numbers


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("CXLAB_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture
def shown(monkeypatch):
    """Give the numbers of two pages, as if they had been shown."""
    survey = sample_survey().with_(bootstrap=60)
    asks = (drivers.split, drivers.overlap, drivers.sorted_otherwise, drivers.parity, causes.adjusted,
            causes.hidden_cause, causes.both_orders, causes.design)  # fmt: skip
    numbers = {name: value for ask in asks for name, value in ask(survey).numbers.items()}
    monkeypatch.setattr(result, "_SHOWN", numbers)
    return numbers


def say(name, answer, capsys):
    exercises.check(name, answer)
    return capsys.readouterr().out


def test_every_exercise_is_whole():
    assert list(FILES) == [f"{k:02d}" for k in range(1, 10)]
    for name in ALL:
        entry = FILES[name[:2]][name]
        assert entry["kind"] in exercises.KINDS and entry["section"] and entry["question"].strip(), name
        assert len(entry["hints"]) == 3 and entry["right"].endswith("."), name
        if entry["form"] == "choice":
            assert len(entry["choice"]) >= 2 and all(choice["says"] for choice in entry["choice"])
        else:
            assert entry["answer"] and len(entry.get("wrong", ())) >= 2, name
    for notebook, entries in FILES.items():
        assert list(entries) == [f"{notebook}.{k}" for k in range(1, 5)]
        assert sorted(entry["kind"] for entry in entries.values()) == sorted(exercises.KINDS)


@pytest.mark.parametrize("notebook", FILES)
def test_every_exercise_stands_in_a_section_of_its_page(notebook):
    path = next((ROOT / "notebooks").glob(f"{notebook}-*.ipynb"))
    cells = workshop.with_exercises(nbformat.read(path, 4), notebook).cells  # an unknown section is refused
    asked = [cell.source for cell in cells if cell.source.startswith("cx.check(")]
    assert sorted(asked) == [f'cx.check("{name}", ...)' for name in FILES[notebook]]


@pytest.mark.parametrize("notebook", PAGES)
def test_reference_answers_are_right_and_wrong_ones_are_told_apart(notebook, monkeypatch):
    monkeypatch.setattr(result, "_SHOWN", page(notebook))
    for name, entry in FILES[notebook].items():
        if entry["form"] == "choice":
            letters = "abcdefgh"[: len(entry["choice"])]
            said = {letter: exercises._reply(name, entry, letter) for letter in letters}
            assert sum("**Right.**" in text for text in said.values()) == 1, name
            told = zip(entry["choice"], said.values(), strict=True)
            wrong = [choice["says"] in text for choice, text in told if "Right" not in text]
            assert all(wrong) and len(wrong) >= 2, name
        else:
            expected = exercises._value(entry["answer"])
            assert "**Right.**" in exercises._reply(name, entry, expected), name
            given = [(exercises._value(wrong["value"]), wrong["says"]) for wrong in entry["wrong"]]
            told = [says in exercises._reply(name, entry, value) for value, says in given]
            assert sum(told) >= 2, (name, told)
            shown = exercises._answer_text(entry)
            assert "**Right.**" in exercises._reply(name, entry, shown.replace(",", "")), (name, shown)


@pytest.mark.parametrize("notebook", PAGES)
@pytest.mark.parametrize("at", [-2.0, -0.5, 0.0, 0.3, 0.667, 1.0, 9.0])
def test_one_choice_is_right_whatever_the_data(notebook, at, monkeypatch):
    shapes = [(at, at, at), (at, at - 1, at + 1), (at, at, at + 1), (at, at - 1, at)]
    for k, shape in enumerate(shapes):
        words = ("supported", "refuted", "mixed", "undecided")
        numbers = {
            n: v._replace(value=words[k]) if v.unit == "verdict" else result.Number(*shape, v.unit)
            for n, v in page(notebook).items()
        }
        monkeypatch.setattr(result, "_SHOWN", numbers)
        for name, entry in FILES[notebook].items():
            right = [exercises._value(choice["right_when"]) for choice in entry.get("choice", ())]
            assert right.count(True) == bool(right), (name, shape)


def test_right_answers_are_right_in_any_unit(shown, capsys):
    share = shown["share-product"].value
    for answer in (share, round(100 * share), f"{100 * share:.1f} %", f"{share:.3f}".replace(".", ",")):
        exercises.check("02.1", answer)
    kept = json.loads(exercises.progress_file().read_text())["exercises"]["02.1"]
    assert kept["state"] == "right" and kept["tries"] == 4 and kept["wrong"] == []


def test_typical_wrong_answers_say_what_they_show(shown):
    for name in ("02.1", "02.3", "03.1", "03.4"):
        entry = exercises._entry(name)
        for wrong in entry["wrong"]:
            if abs(exercises._value(wrong["value"]) - exercises._value(entry["answer"])) > entry["tolerance"]:
                assert wrong["says"] in exercises._reply(name, entry, exercises._value(wrong["value"]))


def test_one_choice_is_right_on_any_data(shown, monkeypatch):
    for flipped in (False, True):
        numbers = {name: value._replace(value=1 - value.value, low=1 - value.high, high=1 - value.low)
                   if flipped and value.unit.startswith("share") and value.low is not None else value
                   for name, value in shown.items()}  # fmt: skip
        monkeypatch.setattr(result, "_SHOWN", numbers)
        for name in [name for name in ALL if name[:2] in ("02", "03")]:
            entry = exercises._entry(name)
            if entry["form"] == "choice":
                assert sum(bool(exercises._value(choice["right_when"])) for choice in entry["choice"]) == 1, (
                    name
                )


def test_hints_come_one_at_a_time_and_the_answer_last(shown):
    entry = exercises._entry("02.1")
    said = [exercises._reply("02.1", entry, "hint") for _ in range(5)]
    assert [hint in text for hint, text in zip(entry["hints"], said, strict=False)] == [True] * 3
    answer = exercises._answer_text(entry)
    assert not any(answer in text for text in said[:3]) and answer in said[3] and answer in said[4]


@pytest.mark.parametrize("answer", ["", "maybe", None, [], float("nan"), True, "zz"])
def test_odd_answers_are_no_fault(shown, answer):
    for name in ("02.1", "02.2"):
        assert "Not yet" in exercises._reply(name, exercises._entry(name), answer)


def test_a_page_that_was_not_run_says_so(monkeypatch):
    monkeypatch.setattr(result, "_SHOWN", {})
    with pytest.raises(InputError, match="from the top"):
        exercises.check("02.1", 0.3)
    with pytest.raises(InputError, match="no exercise '02.9'"):
        exercises.check("02.9", 1)


def test_a_copy_holds_no_answer_hint_or_explanation(tmp_path, shown):
    workshop.write_copies(tmp_path / "room")
    for path in (tmp_path / "room").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        for name, entry in FILES.get(path.stem[:2], {}).items():
            assert f'cx.check(\\"{name}\\", ...)' in text
            secrets = [
                *entry["hints"],
                entry["right"],
                *(one["says"] for one in (*entry.get("choice", ()), *entry.get("wrong", ()))),
            ]
            assert not [secret for secret in secrets if secret in text or json.dumps(secret)[1:-1] in text], (
                name
            )


def test_public_functions_give_no_answer_without_a_try(shown, capsys):
    public = [getattr(exercises, name) for name in dir(exercises) if not name.startswith("_")]
    text = "".join(inspect.getsource(f) for f in public if inspect.isfunction(f)) + repr(
        vars(exercises).keys()
    )
    text += (
        exercises.question_text("02.1") + exercises.question_text("02.2") + repr(exercises.exercises_of("02"))
    )
    pickle.dumps(exercises.exercises_of("02"))
    entry = exercises._entry("02.1")
    assert exercises._answer_text(entry) not in text
    assert not [hint for hint in entry["hints"] if hint in text]


def test_a_malicious_expression_is_refused():
    for text in ("__import__('os')", "open('x')", "value('a').real", "[1]", "value(1)"):
        with pytest.raises(InputError):
            exercises._value(text)


def test_progress_lists_what_is_open(shown, capsys):
    exercises.check("02.1", shown["share-product"].value)
    exercises.progress()
    assert "Markdown" in capsys.readouterr().out
    kept = json.loads(exercises.progress_file().read_text())
    assert set(kept["exercises"]) == {"02.1"} and kept["id"]
