"""Exercises: right and wrong answers, hints, units, and nothing that gives an answer away."""

import inspect
import json
import pickle
import re
import sys
import tomllib
import traceback
from dataclasses import replace
from functools import cache
from pathlib import Path

import nbformat
import pytest

import cxlab as cx
from cxlab.data.errors import InputError
from cxlab.questions import result
from cxlab.workbook import exercises, workshop
from cxlab.worlds import small, visits

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data" / "exercises"
FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*"))}
ALL = {name: entry for entries in FILES.values() for name, entry in entries.items()}
CAUSES = "causes.adjusted causes.hidden_cause causes.both_orders causes.design"
DRIVERS = "drivers.split drivers.overlap drivers.sorted_otherwise drivers.parity"
PART = lambda frame: frame.iloc[::2]  # noqa: E731
# page -> for each table its kind, the name that the page opens, another name or frame, and the
# questions whose numbers the exercises read
PAGES = {
    "01": [("claims", "", "", "claims.debate claims.standing claims.strength"),
           ("ratings", "simulated-ratings", lambda _: small.make_ratings(rng=2), "claims.same_meaning")],
    "02": [("survey", "ecsi-mobile", "abc-vendor", DRIVERS)],
    "03": [("survey", "ecsi-mobile", "abc-vendor", CAUSES)],
    "04": [("survey", "ecsi-mobile", PART, "expectations.gap"),  # no other survey asks what was expected
           ("survey", "ecsi-mobile", "abc-vendor", "expectations.forgiveness"),
           ("vignette", "simulated-vignette", lambda _: small.make_vignette(rng=2), "expectations.stockout"),
           ("contacts", "simulated-contacts", lambda _: small.make_contacts(rng=2), "contacts.reasons")],
    "05": [("events", "cdnow", "ecom-events", "funnel.who_comes_back"),
           ("events", "simulated-events", lambda _: small.make_events(rng=2), "funnel.segments"),
           ("stages", "simulated-stages", lambda _: small.make_stages(rng=2),
            "yields.hold yields.words_and_deeds")],
    "06": [("initiatives", "simulated-initiatives", lambda _: small.make_initiatives(rng=2),
            "initiatives.pain initiatives.safe_choices initiatives.delivery initiatives.pay_link")],
    "07": [("visits", "simulated-visits", lambda _: visits.make_visits(60_000, months=24, rng=2),
            "outlets.differ roles.exposure ecosystem.rewards")],
    "08": [("survey", "corporate-reputation", PART, "horizons.hostages"),
           ("accounts", "simulated-accounts", lambda _: small.make_accounts(rng=2),
            "horizons.all_must_hold horizons.tied_accounts horizons.unseen")],
    "09": [("verdict", "abc-vendor", "airline", "verdict.outcomes verdict.flips")],
}  # fmt: skip


@cache
def page(notebook, other=False):
    """Return the numbers that a page records, on the data that it comes with or on others."""
    numbers, few = {}, {"bootstrap": 40, "seed": 1}
    for kind, default, another, questions in PAGES[notebook]:
        name = another if other and isinstance(another, str) else default
        if kind == "claims":
            table = cx.claims.thread(**few)
        elif kind == "verdict":
            table = cx.verdict.opened("", source=name, **few)
        else:
            table = cx.open_source(name, table=kind, **few)
        if other and callable(another):
            table = replace(table, frame=another(table.frame))
        for ask in questions.split():
            module, function = ask.split(".")
            numbers |= getattr(getattr(cx, module), function)(table).numbers
    return numbers


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("CXLAB_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture
def shown(monkeypatch):
    """Give the numbers of page 02, as if they had been shown."""
    monkeypatch.setattr(result, "_SHOWN", page("02"))
    return page("02")


def kept():
    return json.loads(exercises.progress_file().read_text())["exercises"]


def said(name, answer):
    return exercises._reply(name, exercises._plain(answer))[0]


@pytest.mark.parametrize("notebook", FILES)
def test_every_exercise_is_whole_and_stands_in_a_section_of_its_page(notebook):
    entries = FILES[notebook]
    assert list(FILES) == [f"{k:02d}" for k in range(1, 10)]
    assert list(entries) == [f"{notebook}.{k}" for k in range(1, 5)]
    assert sorted(entry["kind"] for entry in entries.values()) == ["break", "carry over", "decide", "read"]
    for name, entry in entries.items():
        assert len(entry["hints"]) == 3 and entry["right"].endswith("."), name
        assert len(entry.get("choice", entry.get("wrong"))) >= 3, name
    book = nbformat.read(next((ROOT / "notebooks").glob(f"{notebook}-*.ipynb")), 4)
    late = [cell.source for cell in book.cells if "\n## " in cell.source]
    assert all("## References" in source for source in late)  # a heading starts its cell
    asked = [cell.source for cell in workshop.with_exercises(book, notebook).cells]
    asked = [source for source in asked if source.startswith("cx.check(")]
    assert sorted(asked) == [f'cx.check("{name}", ...)' for name in entries]


@pytest.mark.parametrize("other", [False, True], ids=["default", "other"])
@pytest.mark.parametrize("notebook", PAGES)
def test_the_right_answer_passes_and_three_wrong_ones_are_told_apart(notebook, other, monkeypatch):
    numbers = page(notebook, other)
    monkeypatch.setattr(result, "_SHOWN", numbers)
    for name, entry in FILES[notebook].items():
        if entry["form"] == "choice":
            told = [(choice["says"], said(name, "abcdef"[k])) for k, choice in enumerate(entry["choice"])]
            assert sum("**Right.**" in text for _, text in told) == 1, name
        else:
            assert "**Right.**" in said(name, exercises._value(entry["answer"])), name
            assert "**Right.**" in said(name, exercises._answer_text(entry)), name
            given = [w for w in entry["wrong"] if set(re.findall("'(.+?)'", w["value"])) <= set(numbers)]
            told = [(wrong["says"], said(name, exercises._value(wrong["value"]))) for wrong in given]
        assert len({says for says, text in told if says in text and "Right" not in text}) >= 3, (name, told)


@pytest.mark.parametrize("notebook", PAGES)
def test_one_choice_is_right_whatever_the_data(notebook, monkeypatch):
    for at in (-2.0, -0.5, 0.0, 0.3, 0.667, 1.0, 9.0):
        shapes = [(at, at, at), (at, at - 1, at + 1), (at, at, at + 1), (at, at - 1, at)]
        for word, shape in zip(("supported", "refuted", "mixed", "undecided"), shapes, strict=True):
            numbers = {
                name: number._replace(value=word)
                if number.unit == "verdict"
                else result.Number(*shape, number.unit)
                for name, number in page(notebook).items()
            }
            monkeypatch.setattr(result, "_SHOWN", numbers)
            for name, entry in FILES[notebook].items():
                right = [exercises._value(choice["right_when"]) for choice in entry.get("choice", ())]
                assert right.count(True) == bool(right), (name, shape)


def test_right_answers_are_right_in_any_unit(shown):
    share = shown["share-product"].value
    for answer in (share, round(100 * share), f"{100 * share:.1f} %", f"{share:.3f}".replace(".", ",")):
        exercises.check("02.1", answer)
    assert kept()["02.1"] == {"state": "right", "tries": 4, "hints": 0, "wrong": []}


def test_hints_come_one_at_a_time_and_the_answer_only_after_a_try(shown):
    hints = [said("02.1", "hint") for _ in range(5)]
    entry = ALL["02.1"]
    assert all(hint in text for hint, text in zip(entry["hints"], hints, strict=False))
    assert "Try an answer" in hints[4] and kept()["02.1"]["tries"] == 0
    answer = exercises._answer_text(entry)
    assert answer not in " ".join(hints)
    assert f"The answer is {answer}" in said("02.1", 0.99)
    assert "number is asked for" in said("02.1", "plenty") and "Choose one of" in said("02.2", "z")
    exercises.progress()
    assert kept()["02.1"]["wrong"] == ["too high", "no number"] and set(kept()) == {"02.1", "02.2"}


@pytest.mark.parametrize(("name", "told"), [("02.1", "run the cells of"), ("02.9", "this notebook has 02.1")])
def test_before_the_page_was_run_or_for_an_unknown_name_one_sentence_says_so(monkeypatch, name, told):
    monkeypatch.setattr(result, "_SHOWN", {})
    with pytest.raises(InputError, match=told):
        exercises.check(name, 0.3)


class Thief:
    """An answer that looks into the frames that ask it for its value."""

    seen = ""

    def __float__(self):
        frame = sys._getframe(1)
        while frame:
            Thief.seen += repr(frame.f_locals) if "workbook" in frame.f_code.co_filename else ""
            frame = frame.f_back
        raise ValueError("no number")


def test_no_public_function_copy_widget_or_traceback_gives_an_answer_without_a_try(
    tmp_path, shown, monkeypatch, capsys
):
    from IPython.core.completer import IPCompleter
    from ipywidgets import Widget

    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    public = [f for name, f in inspect.getmembers(exercises, inspect.isfunction) if name[0] != "_"]
    public = [f for f in public if f.__module__ == exercises.__name__]
    loot = "".join(map(inspect.getsource, public)) + repr(vars(exercises).keys())
    for name in FILES["02"]:
        for answer in (..., "hint", "hint", "hint", "hint", "hint"):
            exercises.check(name, answer)
        loot += exercises.question_text(name) + repr(pickle.dumps(exercises.exercises_of("02")))
    exercises.progress()
    loot += IPCompleter(namespace={"cx": cx, "exercises": exercises}).complete("exercises.")[1].__repr__()
    loot += json.dumps(Widget.get_manager_state()) + capsys.readouterr().out + json.dumps(kept())
    workshop.write_copies(tmp_path / "room")
    copies = [path.read_text(encoding="utf-8") for path in (tmp_path / "room").glob("*.ipynb")]
    monkeypatch.setenv("CXLAB_PROGRESS", str(tmp_path / "nowhere" / "progress.json"))
    for name, answer in (("02.1", 0.3), ("02.9", 1), ("02.2", Thief()), ("02.3", "hint")):
        with pytest.raises(InputError) as caught:
            exercises.check(name, answer)
        told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        own = [frame for frame in told.stack if Path(frame.filename).name != Path(__file__).name]
        told.stack = traceback.StackSummary.from_list(own)
        loot += "".join(told.format())
    for name, entry in FILES["02"].items():
        for secret in (entry["right"], entry.get("answer", "right_when"), exercises._answer_text(entry)):
            safe = loot.replace(exercises.question_text(name), "").replace("right_when", "", 1)
            assert secret not in Thief.seen and secret not in safe, (name, secret)
    for name, entry in ALL.items():
        said_later = [one["says"] for one in (*entry.get("choice", ()), *entry.get("wrong", ()))]
        for secret in (*entry["hints"], entry["right"], *said_later):
            assert not [copy for copy in copies if json.dumps(secret, ensure_ascii=False)[1:-1] in copy], name


@pytest.mark.parametrize("text", ["__import__('os')", "open('x')", "value('a').real", "[1]", "value(1)"])
def test_a_malicious_expression_is_refused(text):
    with pytest.raises(InputError):
        exercises._value(text)
