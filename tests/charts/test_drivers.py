"""The figures draw what the tables say, speak to a screen reader, and never compute."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.charts import drivers as charts
from cxlab.evidence.simulators.survey import make_survey
from cxlab.methods import drivers


@pytest.fixture(scope="module")
def survey():
    return make_survey(
        240,
        points=10,
        slopes={"product": 0.3, "experience": 0.4, "price": 0.2},
        segments={"a": {"product": 0.5, "experience": 0.2}, "b": {"product": 0.1, "experience": 0.6}},
        rng=1,
    )


@pytest.fixture(scope="module")
def figures(survey):
    sides = drivers.main_sides(survey)
    ask = {"outcome": "loyalty", "blocks": sides}
    quick = {**ask, "bootstrap": 30, "rng": 1}
    ways = drivers.split_readings(
        survey, outcomes=["loyalty"], readings={"a": sides, "b": drivers.move(sides, ["product_4"], to="experience")},
        bootstrap=20, rng=1,
    )  # fmt: skip
    return {
        "correlations": charts.correlations(drivers.item_correlations(survey, **ask), outcome="loyalty", simulated=True),
        "importance": charts.importance(drivers.decompose(survey, **quick).table, outcome="loyalty", simulated=True),
        "commonality": charts.commonality(
            drivers.decompose(survey, **quick).table, drivers.commonality(survey, **quick), outcome="loyalty", simulated=True
        ),
        "reliability": charts.reliability(drivers.reliability_grid(survey, **ask), simulated=True),
        "halo": charts.halo(drivers.halo_curve(survey, marker=["price_1"], **ask), simulated=True),
        "htmt": charts.htmt(
            drivers.htmt(survey, blocks={**sides, "price": "price_1"}, bootstrap=30, rng=1), simulated=True
        ),
        "parity": charts.parity(drivers.parity_curve(survey, **quick), at=0.5, simulated=True),
        "segments": charts.segments(
            drivers.segment_shares(survey, segment="segment", **quick), simulated=True
        ),
        "compare": charts.compare(
            drivers.alternative_splits(survey, **quick), of="experience", title="Models", simulated=True
        ),
        "assignments": charts.assignments(ways, chosen="b", of="experience", simulated=True),
        "slopes": charts.slopes(
            drivers.standardised_slopes(survey, **quick), title="Slopes", smallest=0.1, simulated=True
        ),
    }  # fmt: skip


NAMES = list(charts.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_described_titled_and_stamped(figures, name):
    figure = figures[name]
    meta = figure.layout.meta
    assert len(meta["description"].split()) >= 12
    assert "simulated data" in figure.layout.title.text
    assert figure.layout.width is None
    assert len(figure.data) >= 1


def test_bars_are_the_shares_with_their_limits_slope_and_spread(survey, figures):
    table = drivers.decompose(
        survey, outcome="loyalty", blocks=drivers.main_sides(survey), bootstrap=30, rng=1
    ).table
    for trace, (block, row) in zip(figures["importance"].data, table.iterrows(), strict=True):
        assert trace.x[0] == pytest.approx(row["share"])
        assert trace.x[0] + trace.error_x.array[0] == pytest.approx(row["high"])
        assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(row["low"])
        assert block in trace.y[0] and f"spread {row['spread']:.2f}" in trace.y[0]


def test_a_pair_without_a_ratio_is_not_drawn(figures):
    assert len(figures["htmt"].data[0].y) == 1


def test_parity_marks_what_was_observed_and_what_was_asked(survey, figures):
    assert [note.text for note in figures["parity"].layout.annotations] == ["observed"]
    curve = drivers.parity_curve(
        survey, outcome="loyalty", blocks=drivers.main_sides(survey), bootstrap=30, rng=1
    )
    asked = curve[curve["factor"] == 0.5]
    assert list(figures["parity"].data[-1].y) == pytest.approx(asked["share"].tolist())
    assert "At 50% of its spread, product has" in figures["parity"].layout.title.text.replace("<br>", " ")
    assert len(charts.parity(curve).data) == len(figures["parity"].data) - 1


def test_rows_without_an_interval_are_dots():
    table = pd.DataFrame({"share": [0.4, 0.5], "low": [0.3, np.nan], "high": [0.6, np.nan]}, index=["a", "b"])
    dots = charts.compare(table, of="experience", title="Models", simulated=True).data[0]
    assert list(dots.y) == ["a", "b"]
    assert list(dots.error_x.array) == pytest.approx([0.2, 0])


def test_sides_keep_their_colours_and_differ_in_more_than_colour(figures):
    first, second = figures["importance"].data
    assert first.marker.color != second.marker.color
    assert first.marker.pattern.shape != second.marker.pattern.shape
    one, two = figures["correlations"].data
    assert one.marker.symbol != two.marker.symbol
