"""Every chart of pages 03 and 04 draws its table, tells a screen reader what it shows, and survives gaps."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import cxlab as cx

causes, expectations, contacts = cx.charts.causes, cx.charts.expectations, cx.charts.contacts


@pytest.fixture(scope="module")
def survey():
    random = np.random.default_rng(4)
    product = random.normal(size=200)
    experience = 0.6 * product + 0.8 * random.normal(size=200)
    loyalty = 0.3 * product + 0.4 * experience + random.normal(size=200)
    return pd.DataFrame({"product": product, "experience": experience, "loyalty": loyalty})


@pytest.fixture(scope="module")
def figures(survey):
    sides = ["product", "experience"]
    found = cx.causes.robustness_value(
        survey, outcome="loyalty", treatment="product", covariates=["experience"]
    )
    bounds = cx.causes.benchmark_bounds(
        survey, outcome="loyalty", treatment="product", covariates=["experience"]
    )
    orders = cx.causes.both_orders(
        survey, first="product", second="experience", outcome="loyalty", bootstrap=20, rng=1
    )
    curve = cx.causes.rho_curve(
        survey, treatment="product", mediator="experience", outcome="loyalty", bootstrap=20, rng=1
    )
    graphs = cx.causes.equivalent_graphs(
        survey, product="product", experience="experience", outcome="loyalty"
    )
    waves = cx.simulators.make_expectations(80, 3, rng=1)
    fitted = cx.expectations.response_surface(
        waves, perceived="perceived", expected="expected", outcome="satisfaction"
    )
    lines = cx.expectations.congruence(fitted)
    models = cx.expectations.compare_gap_models(
        waves, perceived="perceived", expected="expected", outcome="satisfaction", bootstrap=20, rng=1
    )
    bends = cx.expectations.kinked_slopes(survey, outcome="loyalty", drivers=sides)
    straight = pd.DataFrame(
        {"method": ["a", "b"], "estimate": [0.1, 0.2], "low": [0.0, 0.1], "high": [0.2, 0.3]}
    )
    told = cx.expectations.vignette_contrasts(cx.simulators.make_vignettes(40, rng=1), permutations=10, rng=1)
    people = cx.expectations.vignette_power(effects=[0.5, 1.0], per_cell=[10, 50])
    corners = cx.expectations.corner_means(
        survey, product="product", experience="experience", outcome="loyalty"
    )
    calls = cx.simulators.make_contacts(1500, rng=1)
    shares = cx.contacts.corrected_shares(
        calls, groups=cx.contacts.reason_groups(calls.coded_reason.unique())
    )
    themes = cx.contacts.feedback_themes(calls.text.head(200), themes=4, resamples=1, rng=1)
    return {
        "effects": causes.effects(cx.causes.adjusted_effects(survey, outcome="loyalty", sides=sides)),
        "contours": causes.contours(
            cx.causes.sensitivity_grid(found), bounds=bounds, treatment="product", estimate=0.3
        ),
        "orders": causes.orders(orders),
        "rho": causes.rho(curve, rho_zero=0.2, order="product through experience"),
        **{
            f"graph {name}": causes.graphs(graphs, graph=name, outcome="loyalty")
            for name in graphs.graph.unique()
        },
        "sample": causes.power([cx.causes.power_table([20, 200], effect=0.4, design="one")], needed=None),
        "surface": expectations.surface(
            cx.expectations.surface_grid(fitted, points=7), outcome="satisfaction"
        ),
        "met": expectations.congruence(lines, line="met", outcome="satisfaction", middle=5.0),
        "missed": expectations.congruence(lines, line="missed or exceeded", outcome="satisfaction"),
        "models": expectations.models(models),
        "kinks": expectations.kinks(cx.expectations.kink_paths(bends), outcome="loyalty"),
        "false kinks": expectations.false_kinks(straight, share=0.2),
        "stories": expectations.vignettes(told.cells, simulated=True),
        "contrasts": expectations.contrasts(told.contrasts, simulated=True),
        "people": expectations.power(people, effect=1.0),
        "waves": expectations.waves(cx.expectations.wave_means(waves), simulated=True),
        "corners": expectations.corners(corners, outcome="loyalty"),
        "reasons": contacts.shares(shares, simulated=True),
        "groups": contacts.shares(shares, kind="group", simulated=True),
        "confusion": contacts.confusion(cx.contacts.confusion(calls), simulated=True),
        "themes": contacts.themes(themes.table, simulated=True),
    }


def test_every_chart_says_what_it_shows(figures):
    assert len(figures) == 23
    for name, figure in figures.items():
        assert isinstance(figure, go.Figure), name
        assert len(figure.layout.meta["description"].split()) >= 12, name
        assert figure.layout.title.text and figure.data, name
        assert figure.layout.width is None and figure.layout.height >= 200, name


def test_simulated_data_are_stamped_and_only_they(figures):
    stamped = {name for name, figure in figures.items() if "simulated data" in figure.layout.title.text}
    assert stamped == {
        "false kinks", "stories", "contrasts", "waves", "reasons", "groups", "confusion", "themes",
    }  # fmt: skip


def test_dots_draw_the_estimates_and_their_intervals(survey):
    table = cx.causes.adjusted_effects(survey, outcome="loyalty", sides=["product", "experience"])
    figure = causes.effects(table)
    alone = table[table.model == "alone"]
    trace = figure.data[0]
    assert list(trace.x) == alone.estimate.tolist()
    np.testing.assert_allclose(np.array(trace.x) + trace.error_x.array, alone.high)
    np.testing.assert_allclose(np.array(trace.x) - trace.error_x.arrayminus, alone.low)
    assert len({trace.marker.symbol for trace in figure.data}) == len(figure.data)


def test_stories_join_the_means_of_one_shelf(figures):
    lines = figures["stories"].data
    assert [line.name for line in lines] == ["in stock", "out of stock"]
    assert lines[0].y[0] > lines[1].y[0]


def test_groups_too_small_to_show_say_so(survey):
    few = cx.expectations.corner_means(
        survey.head(30), product="product", experience="experience", outcome="loyalty"
    )
    texts = [note.text for note in expectations.corners(few, outcome="loyalty").layout.annotations]
    assert texts.count("too few") == few.n.isna().sum() > 0


def test_what_was_never_coded_twice_draws_the_naive_shares_only():
    calls = cx.simulators.make_contacts(200, texts=False, rng=1).drop(columns="second_coding")
    table = cx.contacts.corrected_shares(calls)
    figure = contacts.shares(table)
    assert np.isfinite(figure.data[0].x).all() and np.isnan(np.array(figure.data[1].x, dtype=float)).all()
    for empty in (
        contacts.shares(table, kind="group"),
        contacts.confusion(cx.contacts.confusion(calls)),
        contacts.themes(cx.contacts.feedback_themes([]).table),
    ):
        assert empty.layout.title.text
