"""Charts of the lifecycle: what they draw is what the table says, and they read aloud."""

from __future__ import annotations

import pytest

import cxlab as cx
from cxlab.evidence.simulators import journeys as worlds


@pytest.fixture(scope="module")
def log():
    return worlds.make_journeys(500, rng=1)


@pytest.fixture(scope="module")
def funnel(log):
    steps = list(cx.funnel.LIFECYCLE)[:4]
    return cx.funnel.ordered_funnel(log, steps=steps, conversion_window="30d", segment="segment")


def described(figure, simulated=False):
    assert figure.layout.meta["description"]
    assert figure.layout.meta["simulated"] is simulated
    assert ("simulated data" in figure.layout.title.text) is simulated
    return figure


def test_steps_draw_the_shares_their_intervals_and_the_rules(funnel):
    table = funnel.at("30d", by_segment=False)
    figure = described(cx.charts.funnel.steps(table, rules=funnel.rules, simulated=True), simulated=True)
    bar = figure.data[0]
    assert list(bar.x) == table.overall_conversion.tolist()
    assert list(bar.error_x.array) == pytest.approx((table.high - table.overall_conversion).tolist())
    note = figure.layout.annotations[0].text.replace("<br>", " ")
    assert note == funnel.rules
    assert len(cx.charts.funnel.steps(funnel.table, rules=funnel.rules).data) == 3


def test_curve_draws_a_line_and_a_band_for_each_segment(funnel):
    figure = described(
        cx.charts.funnel.curve(funnel.curve(["1d", "9d", "30d"]), step="purchase", rules=funnel.rules)
    )
    lines = [trace for trace in figure.data if trace.name]
    assert [line.name for line in lines] == funnel.segments
    assert list(lines[0].x) == [1, 9, 30]
    assert len({line.line.dash for line in lines}) == 3  # told apart without colour


def test_times_and_differences(funnel):
    times = described(cx.charts.funnel.times(funnel.time_to_convert(by_segment=False)))
    assert list(times.data[-1].y) == list(funnel.steps[1:])
    pairs = funnel.differences("purchase")
    figure = described(cx.charts.funnel.differences(pairs, step="purchase"))
    assert sum(len(trace.x) for trace in figure.data) == len(pairs) == 3


def test_risks_paths_repeats_hurdles_and_stages(log):
    steps = list(cx.funnel.LIFECYCLE)
    risks = cx.funnel.stage_risks(log, steps=steps, leave="left")
    figure = described(cx.charts.funnel.risks(risks, step="awareness"))
    assert [trace.name for trace in figure.data if trace.name] == ["next step", "left"]
    paths = cx.funnel.paths_after_drop(log, steps=steps, at="evaluation")
    sankey = described(cx.charts.funnel.paths(paths, at="evaluation")).data[0]
    assert sum(sankey.link.value) == paths.customers.sum()
    repeats = cx.funnel.first_and_repeat(log, event="left", windows=["4w"])
    assert described(cx.charts.funnel.repeats(repeats)).data[0].y == ("4 weeks",)
    hurdle = cx.funnel.hurdle_effect(cx.funnel.purchase_table(log), score="product_score")
    assert (
        list(described(cx.charts.funnel.hurdle(hurdle, score="product score")).data[0].x)
        == hurdle.difference.tolist()
    )
    mapping = cx.funnel.stage_map(log)
    stages = described(cx.charts.funnel.stages(mapping))
    assert sum(bar.x[0] for bar in stages.data if bar.type == "bar") == len(log)


def test_a_funnel_that_nobody_finishes_can_be_drawn(log):
    with pytest.warns(UserWarning):
        empty = cx.funnel.ordered_funnel(log, steps=["awareness", "nothing"], conversion_window="1d")
    described(cx.charts.funnel.steps(empty.table, rules=empty.rules))
    described(cx.charts.funnel.curve(empty.curve(), step="nothing"))
    described(cx.charts.funnel.times(empty.time_to_convert()))
