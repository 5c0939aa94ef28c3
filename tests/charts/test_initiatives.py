"""Figures of the initiatives: what the tables hold is what is drawn, and every figure can be spoken."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cxlab.charts import initiatives as charts
from cxlab.evidence.simulators.initiatives import make_initiatives, make_pain
from cxlab.methods import initiatives as m


@pytest.fixture(scope="module")
def figures():
    register, pain = make_initiatives(60, rng=1), make_pain(rng=1)
    budget, minimum = 800, {"account": 2, "corporate": 2}
    chosen = m.select_portfolio(register, budget=budget, minimum=minimum)
    far = pd.DataFrame({"name": ["all"], "value": [0.3], "chance": [0.02], "chance_high": [0.04]})
    return {
        "coverage": charts.coverage(m.coverage(register, pain=pain), simulated=True),
        "divergence": charts.divergence(far),
        "outcome": charts.outcome(m.outcome_by_area(register, pain=pain)),
        "quadrants": charts.quadrants(m.quadrants(register, effort="effort")),
        "rules": charts.rules(m.compare_rules(register, budget=budget)),
        "portfolio": charts.portfolio(chosen.table, budget=budget, impact=chosen.impact),
        "frontier": charts.frontier(m.frontier(register, budgets=[400, 800, 1200]), budget=800),
        "shadow": charts.shadow(m.shadow_prices(register, budget=budget, minimum=minimum)),
        "inclusion": charts.inclusion(m.inclusion_probability(register, budget=budget, draws=20, rng=1)),
        "scopes": charts.scopes(m.compare_scopes(register, budget=budget, draws=5, rng=1)),
        "metric": charts.metric(m.count_focused(register)),
        "progress": charts.progress(m.progress(register.head(8))),
        "status": charts.status(m.status_shares(register)),
        "status_over_time": charts.status_over_time(m.status_shares(register, months=6)),
        "ageing": charts.ageing(m.ageing(register)),
        "calibration": charts.calibration(m.calibration(register)),
        "gaming": charts.gaming(m.simulate_gaming(50, runs=20, rng=1)),
    }


def test_every_figure_is_spoken_titled_and_serialisable(figures):
    assert set(figures) | {"scorecard_html"} == set(charts.__all__)
    for name, figure in figures.items():
        assert len(figure.layout.meta["description"]) > 40, name
        assert figure.layout.title.text and figure.layout.width is None, name
        assert len(figure.to_json()) < 60_000, name


def test_simulated_data_are_stamped(figures):
    assert "simulated data" in figures["coverage"].layout.title.text
    assert "simulated data" in figures["gaming"].layout.title.text
    assert "simulated data" not in figures["rules"].layout.title.text


def test_the_area_without_work_is_marked(figures):
    assert any("(none)" in text for text in figures["coverage"].layout.yaxis.ticktext)
    assert {trace.line.width for trace in figures["coverage"].data if trace.mode == "lines"} == {3, 5}


def test_no_line_through_count_and_outcome(figures):
    assert all("lines" not in (trace.mode or "") for trace in figures["outcome"].data)


def test_chosen_and_left_initiatives_are_all_there():
    register = make_initiatives(60, rng=1)
    chosen = m.select_portfolio(register, budget=800)
    figure = charts.portfolio(chosen.table, budget=800, impact=chosen.impact)
    drawn = {name: sum(len(t.x) for t in figure.data if t.name.endswith(name)) for name in ("chosen", "left")}
    assert drawn == {"chosen": chosen.table.selected.sum(), "left": (~chosen.table.selected).sum()}


def test_status_bars_sum_to_one(figures):
    total = np.sum([trace.x for trace in figures["status"].data], axis=0)
    assert total == pytest.approx(1)
    assert {trace.name for trace in figures["status"].data} == {"on schedule", "at risk", "late"}


def test_an_empty_choice_and_nothing_overdue_still_draw():
    register = make_initiatives(20, rng=1)
    sure = register.assign(impact_low=register.impact, impact_high=register.impact)
    figure = charts.inclusion(m.inclusion_probability(sure, budget=300, draws=3, rng=1))
    assert "0 depend" in figure.layout.title.text
    assert charts.ageing(m.ageing(register).iloc[:0]).layout.height > 100


class _Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def test_scorecard_page_escapes_and_holds_every_row():
    register = make_initiatives(rng=1)
    pain = make_pain(rng=1)
    card = m.scorecard(
        register, pain=pain.replace("customer service", "<script>alert(1)</script>"), period="quarter"
    )
    page = _Cells()
    text = charts.scorecard_html(card, simulated=True)
    page.feed(text)
    assert "script" not in page.tags and "<script" not in text
    assert set(card.measure) <= set(page.text) and page.tags.count("table") == 1
    assert any("simulated data" in piece and card.attrs["as_of"] in piece for piece in page.text)
