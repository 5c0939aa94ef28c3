"""Controls: every combination is baked once, and a person's kernel is told from a headless one."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from cxlab.evidence.errors import InputError
from cxlab.workbook import explore as module


def draw(slope, side):
    height = slope if side == "product" else 1
    return go.Figure(go.Bar(x=["a", "b"], y=[height, 2.0 / 3.0]), {"title": {"text": side}, "height": 300})


def choices(**controls):
    return {name: module._choices(name, values) for name, values in controls.items()}


def test_states_run_with_the_last_control_fastest_and_equal_figures_are_kept_once():
    content, first = module.bake(draw, choices(slope=[1, 2], side=["product", "service"]))
    assert [control["kind"] for control in content["controls"]] == ["slider", "select"]
    assert content["states"] == [0, 1, 2, 1]
    assert len(content["figures"]) == 3
    assert first["layout"]["title"]["text"] == "product"


def test_what_all_layouts_share_is_sent_once():
    content, _ = module.bake(draw, choices(slope=[1], side=["product", "service"]))
    assert content["layout"]["height"] == 300
    assert all("height" not in figure["layout"] for figure in content["figures"])
    assert [figure["layout"]["title"]["text"] for figure in content["figures"]] == ["product", "service"]


def test_numbers_are_rounded_so_that_two_builds_are_equal():
    content, _ = module.bake(draw, choices(slope=[1], side=["product"]))
    assert content["figures"][0]["data"][0]["y"] == [1, 0.666667]


def test_a_mapping_gives_labels():
    content, _ = module.bake(lambda days: draw(days, "product"), choices(days={"a day": 1, "a week": 7}))
    assert content["controls"][0]["values"] == ["a day", "a week"]
    assert content["figures"][1]["data"][0]["y"][0] == 7


@pytest.mark.parametrize(
    ("controls", "message"),
    [({}, "at least one control"), ({"slope": []}, "no values"), ({"slope": range(201)}, "201 combinations")],
)
def test_bad_controls_are_refused(controls, message):
    with pytest.raises(InputError, match=message):
        module.explore(lambda **_: draw(1, "product"), **controls)


def test_outside_a_kernel_nothing_is_live(monkeypatch):
    monkeypatch.delenv("CXLAB_EXPLORE", raising=False)
    assert module.is_live() is False
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    assert module.is_live() is True


def test_a_live_control_redraws_the_same_figure(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda *things, **_: shown.extend(things))
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    module.explore(draw, slope=[1, 2], side=["product", "service"])
    slider, menu, figure = shown[0].children
    slider.value = 2
    assert list(figure.data[0].y)[0] == 2
    menu.value = "service"
    assert figure.layout.title.text == "service"
    assert list(figure.data[0].y)[0] == 1


def test_a_live_control_may_change_the_number_of_traces(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda *things, **_: shown.extend(things))
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    module.explore(lambda bars: go.Figure([go.Bar(x=[1], y=[i]) for i in range(bars)]), bars=[1, 3, 2])
    slider, figure = shown[0].children
    slider.value = 3
    assert [trace.y[0] for trace in figure.data] == [0, 1, 2]
    slider.value = 2
    assert len(figure.data) == 2


def test_a_live_redraw_leaves_nothing_of_the_state_before(monkeypatch):
    import IPython.display

    def marked(marks):
        figure = go.Figure(go.Bar(x=[1], y=[1], text=["only here"] if marks == 2 else None))
        for at in range(marks):
            figure.add_vline(at)
        return figure

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda *things, **_: shown.extend(things))
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    module.explore(marked, marks=[2, 0, 1])
    slider, figure = shown[0].children
    slider.value = 0
    assert not figure.layout.shapes
    assert figure.data[0].text is None
    slider.value = 1
    assert len(figure.layout.shapes) == 1


def test_a_state_is_drawn_once_however_often_it_is_shown(monkeypatch):
    import IPython.display

    shown, drawn = [], []
    monkeypatch.setattr(IPython.display, "display", lambda *things, **_: shown.extend(things))
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    module.explore(lambda slope: drawn.append(slope) or draw(slope, "product"), slope=[1, 2])
    assert drawn == [1, 2]  # quick charts ahead of any move
    slider, figure = shown[0].children
    for value in (2, 1, 2):
        slider.value = value
    assert drawn == [1, 2]
    assert list(figure.data[0].y)[0] == 2


def test_slow_charts_are_drawn_when_a_control_gets_there(monkeypatch):
    import IPython.display

    shown, drawn = [], []
    monkeypatch.setattr(IPython.display, "display", lambda *things, **_: shown.extend(things))
    monkeypatch.setattr(module, "AHEAD", 0.0)
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    module.explore(
        lambda slope, side: drawn.append((slope, side)) or draw(slope, side),
        slope=[1, 2],
        side=["product", "service"],
    )
    assert drawn == [(1, "product")]
    slider, menu, figure = shown[0].children
    menu.value = "service"
    slider.value = 2
    assert drawn == [(1, "product"), (1, "service"), (2, "service")]
    assert figure.layout.title.text == "service"
