"""Figures of raters and labels."""

from __future__ import annotations

import cxlab as cx


def test_every_statement_has_a_bar_as_long_as_its_labels():
    ratings = cx.agreement.wide(cx.simulators.make_ratings(7, statements=12, wording=0, rng=1), "s")
    figure = cx.charts.agreement.labels(ratings, title="t", simulated=True)
    assert sum(sum(trace.x) for trace in figure.data) == ratings.size
    assert len(figure.data[0].y) == 12 and "simulated" in figure.layout.title.text


def test_widths_draw_one_line_for_each_number_of_raters():
    ratings = cx.agreement.wide(cx.simulators.make_ratings(10, statements=40, wording=0, rng=1), "s")
    table = cx.agreement.alpha_widths(ratings, raters=(5, 10), statements=(6, 30), repeats=4)
    figure = cx.charts.agreement.widths(table)
    assert [trace.name for trace in figure.data] == ["5 raters", "10 raters"]
    assert all(trace.y[0] > trace.y[-1] for trace in figure.data)
