"""Charts of metaquality draw what their tables say."""

from __future__ import annotations

import pytest

import cxlab as cx
from cxlab.evidence.simulators import journeys as worlds


@pytest.fixture(scope="module")
def quality():
    return worlds.make_stage_quality(800, rng=1)


def test_steps_gain_and_spread(quality):
    rolled = cx.yields.rolled_throughput_yield(quality, bootstrap=20, rng=1)
    table = cx.yields.stage_yields(quality)
    limits = {"joint": rolled.joint, "joint_low": rolled.joint_low, "joint_high": rolled.joint_high}
    figure = cx.charts.yields.steps(table, **limits, simulated=True)
    assert list(figure.data[0].x) == table.first_time_yield.tolist()
    assert figure.layout.meta["description"] and "simulated data" in figure.layout.title.text
    gain = cx.yields.bottleneck_gain(quality)
    assert list(cx.charts.yields.gain(gain).data[0].y) == gain.stage.tolist()
    spread = cx.yields.failure_spread(quality)
    assert sum(len(trace.x) for trace in cx.charts.yields.spread(spread).data) == len(spread)


def test_coverage_writes_the_part_into_each_cell():
    grid = cx.yields.coverage(worlds.make_responsibility(rng=1))
    figure = cx.charts.yields.coverage(grid)
    assert len(figure.layout.annotations) == grid.size
    assert {note.text for note in figure.layout.annotations} <= {"A", "R", "C", "I", ""}


def test_bounds_gap_and_functions():
    bounds = cx.yields.say_do_bounds(0.65, {"a": 0.32, "b": 0.38}, n=900)
    assert [list(trace.x) for trace in cx.charts.yields.bounds(bounds).data][1] == [0.0, 0.32]
    gaps = cx.yields.say_do_gaps(worlds.make_say_do(30, rng=1), by="stage")
    figure = cx.charts.yields.gap(gaps)
    assert list(figure.data[-2].x) == gaps.says.tolist()
    data = cx.simulators.make_survey(200, rng=1)
    split = cx.drivers.relative_importance(
        data, outcome=data.attrs["default_outcome"], blocks=data.attrs["blocks"], bootstrap=10, rng=1
    )
    assert cx.charts.yields.functions(split, outcome="loyalty").data[0].error_x.array is not None
