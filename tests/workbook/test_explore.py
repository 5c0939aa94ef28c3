"""Controls: values in order, every combination baked once, and native controls in a live notebook."""

import json
import re
from pathlib import Path

import plotly.graph_objects as go
import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from traitlets.config import Config

from cxlab.data.errors import InputError
from cxlab.data.table import Table
from cxlab.questions.result import RESULT, Number, Result
from cxlab.workbook import explore as module
from cxlab.workbook.plan import declared_parameters

PATHS = sorted(Path(__file__).parents[2].glob("notebooks/*.ipynb"))
PATHS = {path.stem: str(path) for path in PATHS if "cx.explore(" in path.read_text(encoding="utf-8")}


def draw(slope, side):
    height = slope if side == "product" else 1
    return go.Figure(go.Bar(x=["a", "b"], y=[height, 2.0 / 3.0]), {"title": {"text": side}, "height": 300})


@pytest.fixture
def shown(monkeypatch):
    """What is displayed."""
    import IPython.display

    found = []
    monkeypatch.setattr(IPython.display, "display", lambda *things, **_: found.extend(things))
    monkeypatch.setenv("CXLAB_EXPLORE", "baked")
    return found


def baked(shown, draw, **controls):
    module.explore(draw, **controls)
    return shown[0][module.EXPLORE], shown[0]["application/vnd.plotly.v1+json"]


def test_states_run_with_the_last_control_fastest(shown):
    content, first = baked(shown, draw, slope=[1, 2], side=["product", "service"])
    assert [control["kind"] for control in content["controls"]] == ["slider", "menu"]
    heights = [content["figures"][state]["data"][0]["y"][0] for state in content["states"]]
    assert heights == [1, 1, 2, 1]
    assert first["layout"]["title"]["text"] == "product"


def test_numbers_stand_in_order_a_menu_keeps_its_order_and_the_first_listed_is_the_start(shown):
    content, first = baked(
        shown,
        lambda days, side: draw(days, side),
        days={"a month": 30, "a day": 1, "a week": 7},
        side=["b", "a"],
    )
    days, side = content["controls"]
    assert days["values"] == ["a day", "a week", "a month"] and days["start"] == 2
    assert side["values"] == ["b", "a"] and side["start"] == 0
    assert first["layout"]["title"]["text"] == "b"


def test_what_all_layouts_share_is_sent_once_and_numbers_are_rounded(shown):
    content, _ = baked(shown, draw, slope=[1], side=["product", "service"])
    assert content["layout"]["height"] == 300 and all("height" not in f["layout"] for f in content["figures"])
    assert content["figures"][0]["data"][0]["y"] == [1, 0.666667]


def test_a_result_gives_each_state_its_finding_and_records_no_number(shown):
    def answer(k):
        return Result(f"It is {k}.", {"k": Number(k, unit="points")}, draw=lambda: draw(k, "product"))

    content, _ = baked(shown, answer, k=[2, 1])
    assert [figure["finding"] for figure in content["figures"]] == ["It is 1.", "It is 2."]
    assert RESULT not in shown[0] and len(shown) == 1


def test_a_missing_answer_is_one_sentence_without_controls(shown):
    module.explore(lambda k: Result("Not answered here: this needs x.", missing=True), k=[1, 2])
    assert isinstance(shown[0], Result)


def test_a_state_without_a_picture_keeps_its_place(shown):
    data = Table(frame=None, kind="events", simulated=True)
    content, _ = baked(
        shown, lambda k: Result("No.", draw=(lambda: draw(1, "a")) if k else None, data=data), k=[1, 0]
    )
    assert len(content["figures"]) == 2 and content["figures"][0]["data"] == []
    assert content["figures"][1]["layout"]["meta"]["simulated"] is True


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({}, "0 controls"), *(({"slope": bad}, "a list of different") for bad in ([], [1, 1], "abc", 5)),
        ({"slope": range(201)}, "201 combinations"),
        ({"slope": [1, 2], "first": {"slope": 3}}, "it can be 1, 2"),
    ],
)  # fmt: skip
def test_bad_controls_are_refused(controls, message):
    with pytest.raises(InputError, match=message):
        module.explore(lambda **_: draw(1, "product"), **controls)


def test_outside_a_kernel_nothing_is_live(monkeypatch):
    monkeypatch.delenv("CXLAB_EXPLORE", raising=False)
    assert module.is_live() is False
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    assert module.is_live() is True


def test_live_a_move_gives_the_finding_and_the_picture_of_its_state(monkeypatch, shown):
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    calls = []

    def answer(slope, side):
        calls.append((slope, side))
        return Result(f"{side} {slope}", draw=lambda: draw(slope, side))

    module.explore(answer, slope=[2, 1], side=["product", "service"])
    widget = shown[0]
    assert widget.at == [1, 0] and widget.shown["finding"] == "Product 2"
    widget.at = [0, 1]
    assert (widget.shown["finding"], widget.shown["title"]) == ("Service 1", "service")
    assert (
        widget.shown["pictures"][0].startswith("<svg")
        and 'aria-label="Service 1"' in widget.shown["pictures"][0]
    )
    widget.at = [1, 0]
    assert len(calls) == 2  # each state is drawn once
    assert len(json.dumps(widget.get_state(["controls", "at", "shown"]))) < 20_000


def test_the_first_value_can_be_set_and_settings_hold_the_other_parameters_as_they_were_last_run(
    shown, monkeypatch
):
    ran = ["", "%matplotlib inline", 'seed: int = 1\nslope: int = 1\nnames: list = ["a"]  # words', "x = 5"]
    session = type("Session", (), {"user_ns": {"In": [*ran, "# Parameters\nseed = 3\n"]}})()
    monkeypatch.setattr("IPython.get_ipython", lambda: session)
    module.explore(lambda slope: draw(slope, "product"), first={"slope": 2}, slope=[1, 2])
    content = shown[0][module.EXPLORE]
    assert content["controls"][0]["start"] == 1
    assert content["settings"] == "names:\n- a\nseed: 3\n"
    assert content["controls"][0]["settings"] == ["slope: 1\n", "slope: 2\n"]


@pytest.mark.parametrize("stem", PATHS)
def test_settings_of_any_position_of_a_page_set_all_its_parameters_and_give_that_answer_first(
    stem, shown, monkeypatch
):
    """Cells that assign run here, with parameters put in by papermill."""

    def explorer(given):
        shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
        monkeypatch.setattr("IPython.get_ipython", lambda: shell)
        for cell in parameterize_notebook(book, given).cells:
            explores = "cx.explore(" in cell.source
            if cell.cell_type == "code" and (
                explores or re.search(r"^\w+\b.* = |^import ", cell.source, re.M)
            ):
                shown.clear()
                shell.run_cell(cell.source, store_history=True).raise_error()
            if explores:
                return shown[0][module.EXPLORE]

    def figure(content, at):
        return content["figures"][content["states"][at]]

    book = load_notebook_node(PATHS[stem])
    cell = next(cell for cell in book.cells if "parameters" in cell.metadata.tags)
    declared = {each.name: each.default for each in declared_parameters(cell.source)}
    content = explorer(declared | {"bootstrap": 20})
    (control,) = content["controls"]
    at = (control["start"] + len(control["values"]) // 2) % len(control["values"])
    settings = yaml.safe_load(content["settings"] + control["settings"][at])
    again = explorer(settings)
    start = again["controls"][0]["start"]
    assert set(settings) == set(declared) and at != control["start"]
    assert again["controls"][0]["values"][start] == control["values"][at]
    assert figure(again, start) | {"layout": 0} == figure(content, at) | {"layout": 0}
    assert figure(again, start)["finding"]
