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
from cxlab.questions.result import Result
from cxlab.workbook import explore as module
from cxlab.workbook.plan import declared_parameters

PATHS = sorted(Path(__file__).parents[2].glob("notebooks/*.ipynb"))
PATHS = {path.stem: str(path) for path in PATHS if "cx.explore(" in path.read_text(encoding="utf-8")}


def draw(slope, side):
    height = slope if side == "product" else 1
    return go.Figure(go.Bar(x=["a", "b"], y=[height, 2.0 / 3.0]), {"title": {"text": side}, "height": 300})


@pytest.fixture
def shown(monkeypatch):
    """What the explorer displays."""
    found = []
    monkeypatch.setattr(module, "display", lambda *things, **_: found.extend(things))
    monkeypatch.setenv("CXLAB_EXPLORE", "baked")
    return found


def baked(shown, draw, **controls):
    module.explore(draw, **controls)
    (bundle,) = shown
    return bundle[module.EXPLORE], bundle["application/vnd.plotly.v1+json"]


def test_states_run_with_the_last_control_fastest_and_what_layouts_share_is_sent_once(shown):
    content, first = baked(shown, draw, slope=[1, 2], side=["product", "service"])
    assert [control["kind"] for control in content["controls"]] == ["slider", "menu"]
    figures = content["figures"]
    assert [figure["data"][0]["y"] for figure in figures] == [[y, 0.666667] for y in (1, 1, 2, 1)]
    assert first["layout"]["title"]["text"] == "product"
    assert content["layout"]["height"] == 300 and all("height" not in figure["layout"] for figure in figures)


def test_numbers_stand_in_order_a_menu_keeps_its_order_and_the_first_listed_is_the_start(shown):
    content, first = baked(shown, draw, slope={"a month": 30, "a day": 1, "a week": 7}, side=["b", "a"])
    days, side = content["controls"]
    assert (days["values"], days["start"]) == (["a day", "a week", "a month"], 2)
    assert (side["values"], side["start"]) == (["b", "a"], 0) and first["layout"]["title"]["text"] == "b"


def test_each_state_has_its_finding_and_one_without_a_picture_keeps_its_place(shown):
    data = Table(frame=None, kind="events", simulated=True)

    def answer(k):
        return Result(f"it is {k}.", draw=(lambda: draw(k, "product")) if k else None, data=data)

    content, _ = baked(shown, answer, k=[1, 0])
    findings = [figure["finding"] for figure in content["figures"]]
    assert findings == ["In made-up data, it is 0.", "In made-up data, it is 1."]
    assert content["figures"][0]["data"] == [] and content["controls"][0]["start"] == 1
    assert content["figures"][1]["layout"]["meta"]["simulated"] is True


def test_a_missing_answer_is_one_sentence_without_controls(shown):
    module.explore(lambda k: Result("Not answered here: this needs x.", missing=True), k=[1, 2])
    assert isinstance(shown[0], Result)


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


def test_live_a_move_gives_the_finding_and_the_picture_of_its_state(monkeypatch, shown):
    monkeypatch.delenv("CXLAB_EXPLORE")
    assert module.is_live() is False
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
    picture = widget.shown["pictures"][0]
    assert picture.startswith("<svg") and 'aria-label="Service 1"' in picture
    widget.at = [1, 0]
    assert len(calls) == 2  # each state is drawn once
    assert len(json.dumps(widget.get_state(["controls", "at", "shown"]))) < 20_000


def test_the_first_value_can_be_set_and_settings_hold_the_parameters_as_they_were_last_run(
    shown, monkeypatch
):
    ran = ["", "%matplotlib inline", 'seed: int = 1\nslope: int = 1\nnames: list = ["a"]  # words', "x = 5"]
    session = type("Session", (), {"user_ns": {"In": [*ran, "# Parameters\nseed = 3\n"]}})()
    monkeypatch.setattr(module, "get_ipython", lambda: session)
    content, _ = baked(shown, lambda slope: draw(slope, "product"), first={"slope": 2}, slope=[1, 2])
    assert content["controls"][0]["start"] == 1
    assert content["settings"] == "names:\n- a\nseed: 3\n"
    assert content["controls"][0]["settings"] == ["slope: 1\n", "slope: 2\n"]


@pytest.mark.parametrize("stem", PATHS)
def test_settings_of_any_position_of_a_page_give_that_answer_first(stem, shown, monkeypatch):
    """Cells that assign run here, with parameters put in by papermill."""

    def explorer(given):
        shown.clear()
        shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
        monkeypatch.setattr(module, "get_ipython", lambda: shell)
        for cell in parameterize_notebook(book, given).cells:
            needed = re.search(r"^\w+\b.* = |^import |cx.explore\(", cell.source, re.M)
            if cell.cell_type == "code" and needed:
                shell.run_cell(cell.source, store_history=True).raise_error()
            if shown:
                return shown[0][module.EXPLORE]

    def figure(content, at):
        return content["figures"][at] | {"layout": 0}

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
    assert figure(again, start) == figure(content, at) and figure(again, start)["finding"]
