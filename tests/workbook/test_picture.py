"""Static pictures: marks stand where the values say, labels are read, the bytes are always the same."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxlab.figures import general
from cxlab.questions.result import plotly_json
from cxlab.workbook import executed, picture

TABLE = pd.DataFrame(
    {"name": ["Alpha & <b>", "Beta", "Gamma"], "estimate": [0.1, 0.4, -0.2], "low": [0.0, 0.3, -0.4],
     "high": [0.2, 0.5, 0.1], "x": [1, 2, 3], "other": [0.2, 0.1, 0.3]}
)  # fmt: skip
WIDE = pd.DataFrame([[0.1, np.nan], [0.5, 0.9]], index=["r", "s"], columns=["p", "q"])
STEPS = pd.DataFrame({"step": ["visit", "cart", "buy"], "customers": [100, 40, 10]})
NAMED = {"title": "T", "x_title": "x", "label": "name"}
XY = {"x": "x", "y": "estimate", "title": "T", "x_title": "x", "y_title": "y"}
CHARTS = {
    "dots": lambda: general.dots(TABLE, **{**NAMED, "x_title": "share"}, percent=True, band=(-0.05, 0.05)),
    "bars": lambda: general.bars(TABLE, **NAMED),
    "stacked": lambda: general.bars(TABLE, **NAMED, value=["other", "x"], stacked=True),
    "lines": lambda: general.lines(TABLE, **XY, mark=2, mark_label="here", reference=0),
    "groups": lambda: general.lines(TABLE, **XY, group="name", steps=True),
    "heat": lambda: general.heat(WIDE, title="T", middle=0.5),
    "scatter": lambda: general.scatter(
        TABLE, **XY, label="name", named=True, group="name", cross=(2, 0), corners=["a", "b", "c", "d"]
    ),
    "funnel": lambda: general.funnel(STEPS, title="T"),
}


def drawn(figure, **more):
    content = figure if isinstance(figure, dict) else plotly_json(figure)
    return picture.svg(content, **{"width": 800, "label": 'It "holds".', **more})


def marks(figure, tag):
    return list(ElementTree.fromstring(drawn(figure)).iter(tag))


def words(figure):
    return ["".join(text.itertext()) for text in marks(figure, "text")]


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("width", [800, 360])
def test_every_general_chart_has_a_picture_within_its_frame(name, width):
    text = drawn(CHARTS[name](), width=width)
    assert text == drawn(CHARTS[name](), width=width)
    root = ElementTree.fromstring(text)
    assert [root.get(key) for key in ("aria-label", "role", "width")] == ['It "holds".', "img", str(width)]
    high = float(root.get("height"))
    assert high >= 300 and "nan" not in text and "inf" not in text
    for place in re.findall(r"translate\(([-\d.]+) ([-\d.]+)\)", text):
        assert -1 <= float(place[0]) <= width + 1 and -1 <= float(place[1]) <= high + 1
    house = "0072b2|c4500a|00805e|a8528f|8a6a00|2f86b7|6b6b6b|5d3a9b|808080|fff|111|52606d"
    assert not re.search(rf"#(?!{house})[0-9a-f]{{3,6}}\b", text)


def test_dots_stand_on_one_scale_with_their_whiskers():
    dots = CHARTS["dots"]()
    xs = [float(mark.get("cx")) for mark in marks(dots, "circle")]
    unit = (xs[1] - xs[0]) / 0.3
    assert xs[2] - xs[0] == pytest.approx(-0.3 * unit, abs=0.2)
    whiskers = [re.match(r"M([\d.]+) [\d.]+L([\d.]+) [\d.]+M", p.get("d")) for p in marks(dots, "path")]
    first = next(match for match in whiskers if match)
    assert float(first[2]) - float(first[1]) == pytest.approx(0.2 * unit, abs=0.2)
    assert {"Alpha & <b>", "share", "20 %"} <= set(words(dots))
    dots.update_traces(error_x={"arrayminus": None, "width": None, "color": None, "thickness": None})
    assert len(marks(dots, "path")) == len(whiskers)


def test_bars_begin_at_zero_and_stack():
    rects = marks(CHARTS["bars"](), "rect")
    assert len({round(float(r.get("x"))) for r in rects[:2]}) == 1
    assert float(rects[0].get("y")) < float(rects[1].get("y"))
    rects = marks(CHARTS["stacked"](), "rect")[:6]
    ends = [float(r.get("x")) + float(r.get("width")) for r in rects[:3]]
    assert [float(r.get("x")) for r in rects[3:]] == pytest.approx(ends, abs=0.2)


def test_axes_of_every_kind_have_readable_ticks():
    log = go.Figure(go.Scatter(x=[1, 1000], y=[1e6, 2e6])).update_xaxes(type="log")
    assert {"1", "10", "100", "1,000", "2,000,000"} <= set(words(log))
    days = words(go.Figure(go.Scatter(x=["2024-01-15", "2024-06-15"], y=[0.001, 0.002])))
    assert any(re.fullmatch(r"\d+ \w{3} 2024", word) for word in days) and "0.0012" in days
    assert "3.00" in words(go.Figure(go.Scatter(x=[3, 3], y=[0, 0], mode="markers")))


def test_shapes_annotations_and_gaps_are_drawn():
    figure = go.Figure(go.Scatter(x=[1, 2, None, 3], y=[1, 2, None, 1], mode="lines+markers", opacity=0.5))
    figure.add_annotation(x=2, y=2, text="")
    figure.add_annotation(x=2, y=2, text="peak<br>here")
    figure.add_vrect(x0=1, x1=2, fillcolor="rgba(0,114,178,0.2)", line_width=0)
    text = drawn(figure)
    assert "peak" in text and '<g opacity="0.5">' in text and text.count("<circle") == 3
    assert "var(--c0072b2,#0072b2);fill-opacity:0.2" in text


@pytest.mark.parametrize(
    "trace",
    [go.Pie(values=[1, 2]), go.Scatter(x=[1], y=[1], xaxis="x2"), go.Scatter(y=[1]), go.Histogram(x=[1])],
)
def test_what_is_not_known_is_not_drawn(trace):
    assert drawn(go.Figure(trace)) == drawn(go.Figure()) == ""


def test_packed_arrays_are_read():
    packed = go.Figure(go.Scatter(x=np.arange(3.0), y=np.ones(3))).to_plotly_json()
    assert picture.svg(executed.plain_arrays({"data": packed["data"], "layout": {}}), width=300, label="x")
    grid = executed.plain_arrays({"bdata": "AQIDBA==", "dtype": "i1", "shape": "2, 2"})
    assert grid == [[1, 2], [3, 4]]


NUMBER = st.none() | st.floats(-1e9, 1e9) | st.integers(-5, 5)


@given(
    st.lists(st.tuples(NUMBER, NUMBER, st.text(max_size=30)), max_size=12),
    st.sampled_from(["markers", "lines", "text"]),
)
def test_no_numbers_or_words_break_a_picture(rows, mode):
    xs, ys, words = ([row[i] for row in rows] for i in range(3))
    text = drawn({"data": [{"x": xs, "y": ys, "text": words, "mode": mode, "type": "scatter"}], "layout": {}})
    if "\x00" not in "".join(words) and not re.search(r"[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]", text):
        ElementTree.fromstring(text)


def test_names_of_points_that_lie_close_do_not_cover_each_other():
    close = pd.DataFrame({"x": [0.50, 0.51, 0.9, 0.1], "estimate": [0.50, 0.505, 0.9, 0.1]})
    close["name"] = [f"a long name {letter}" for letter in "abcd"]
    boxes = []
    for text in marks(general.scatter(close, **XY, label="name", named=True), "text"):
        rows = ["".join(row.itertext()) for row in text]
        if "a long name" in " ".join(rows):
            x, y = map(float, re.match(r"translate\((\S+) (\S+)\)", text.get("transform")).groups())
            wide = 7.7 * max(map(len, rows))
            left = x - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor")]
            boxes.append((left, left + wide, y - 8 * len(rows), y + 8 * len(rows)))
    assert len(boxes) == 4
    for i, (a, b, c, d) in enumerate(boxes):
        assert not any(a < f and e < b and c < h and g < d for e, f, g, h in boxes[:i])
