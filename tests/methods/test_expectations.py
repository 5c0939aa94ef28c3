"""Response surfaces, kinks under a full scale, stories drawn by lot, waves, corners."""

from itertools import combinations

import bench_expectations as bench
import numpy as np
import pandas as pd
import pytest
from common import coverage
from hypothesis import given, settings
from hypothesis import strategies as st

import cxlab as cx
from cxlab.methods.expectations.surface import shape_of
from cxlab.methods.least_squares import fit

# motcon of the R package RSA 0.10.6 (Schönbrodt & Humberg), explicit and implicit power motive and valence, centred as
# there, 84 people: sums of squares and products of 1, P, E, P^2, PE, E^2 and the outcome. Lower triangle.
MOTCON_PRODUCTS = [
    [84.0],
    [0.0, 83.0],
    [0.0, 11.0185917774, 83.0],
    [83.0, 22.1107439426, 8.16551638343, 226.955694846],
    [11.0185917774, 8.16551638343, 9.37934087946, 67.9348581379, 101.138605266],
    [83.0, 9.37934087946, 48.8756965355, 101.138605266, 32.1559925572, 273.686766153],
    [22.5, 26.8579788653, 17.7269160863, 33.9257499731, 16.2114640402, 8.52226342124, 115.25],
]
COLUMNS = {"perceived": "perceived", "expected": "expected", "outcome": "satisfaction"}


@pytest.fixture(scope="module")
def survey():
    random = np.random.default_rng(4)
    product = random.normal(size=500)
    experience = 0.6 * product + 0.8 * random.normal(size=500)
    loyalty = 0.3 * product + 0.4 * experience + random.normal(size=500)
    return pd.DataFrame({"product": product, "experience": experience, "loyalty": loyalty})


def test_rsa_0_10_6_motcon_surface():
    k = len(MOTCON_PRODUCTS)
    products = np.zeros((k, k))
    products[np.tril_indices(k)] = [value for row in MOTCON_PRODUCTS for value in row]
    products += np.tril(products, -1).T
    start = np.column_stack([np.ones(84), np.random.default_rng(0).normal(size=(84, k - 1))])
    orthonormal, r = np.linalg.qr(start)
    table = (orthonormal * np.sign(np.diag(r))) @ np.linalg.cholesky(products).T
    shape = shape_of(fit(table[:, 6], table[:, :6], covariance="classical"))
    assert shape.estimate.tolist() == pytest.approx([0.55533, -0.04783, 0.03958, -0.29364], abs=1e-5)
    assert shape.error.tolist() == pytest.approx([0.1696107, 0.1390473, 0.1892610, 0.2177049], abs=1e-6)


def test_surface_without_noise_is_found_exactly():
    b = (6.0, 0.5, -0.4, -0.1, 0.2, 0.05)
    world = cx.simulators.make_expectations(60, 1, surface=b, customer_sd=0, noise=0, rng=1)
    found = cx.expectations.response_surface(world, **COLUMNS, centre=7.0)
    assert found.terms.estimate.tolist() == pytest.approx(b)
    assert found.shape.estimate.tolist() == pytest.approx([0.1, 0.15, 0.9, -0.25])
    assert found.r2 == pytest.approx(1)


def test_surface_does_not_depend_on_where_it_is_centred():
    world = cx.simulators.make_expectations(80, 1, rng=2)
    one, other = (cx.expectations.response_surface(world, **COLUMNS, centre=c) for c in (5.0, 8.0))
    np.testing.assert_allclose(one.shape.loc[["a2", "a4"]], other.shape.loc[["a2", "a4"]], rtol=1e-6)
    grid, shifted = (cx.expectations.surface_grid(s, points=9).predicted for s in (one, other))
    np.testing.assert_allclose(grid, shifted, rtol=1e-6)
    assert grid.isna().any() and grid.notna().any()


def test_a_world_of_gaps_loses_nothing_by_the_gap_and_another_does():
    gaps = cx.simulators.make_expectations(
        300, 1, surface=(7, 0.5, -0.5, 0, 0, 0), customer_sd=0, noise=0.5, rng=3
    )
    level = cx.simulators.make_expectations(
        300, 1, surface=(7, 0.5, 0.0, 0, 0, 0), customer_sd=0, noise=0.5, rng=3
    )
    lost = [
        cx.expectations.compare_gap_models(w, **COLUMNS, bootstrap=100, rng=1).loc["gap alone"]
        for w in (gaps, level)
    ]
    assert lost[0].lost < 0.02 < 0.1 < lost[1].lost_low
    table = cx.expectations.compare_gap_models(level, **COLUMNS, bootstrap=100, rng=1)
    assert table.r2.is_monotonic_increasing or table.r2["gap alone"] <= table.r2["full surface"]
    assert (table.cv_r2 < table.r2).all() and table.lost["full surface"] == 0


def test_findings_mirror_the_shape_and_read_the_lowest_level():
    world = cx.simulators.make_expectations(200, 1, rng=5)
    surface = cx.expectations.response_surface(world, **COLUMNS)
    found = cx.expectations.gap_findings(surface, middle=5.5)
    assert found.estimate["incongruence-slope"] == pytest.approx(-surface.shape.estimate["a3"])
    assert found.low["incongruence-slope"] == pytest.approx(-surface.shape.high["a3"])
    met = cx.expectations.congruence(surface).query("line == 'met'")
    assert found.estimate["congruence-lowest"] == pytest.approx(met.predicted.min() - 5.5)
    assert "congruence-lowest" not in cx.expectations.gap_findings(surface, middle=None).index


def test_gap_table_prefers_the_survey_that_asked():
    survey = pd.DataFrame({"p": [1, 2], "e": [3, 4], "x": [5, 6], "satisfaction": [7, 8]})
    survey.attrs = {
        "blocks": {"product": ["p"], "experience": ["e"], "expectation": ["x"]},
        "name": "s",
        "simulated": False,
    }
    waves = cx.simulators.make_expectations(5, 3, rng=1)
    table = cx.expectations.gap_table(survey, waves)
    assert table.to_numpy().tolist() == [[2, 5, 7], [3, 6, 8]] and table.attrs == {
        "name": "s",
        "simulated": False,
    }
    survey.attrs["blocks"].pop("expectation")
    assert len(cx.expectations.gap_table(survey, waves)) == 5
    assert cx.expectations.gap_table(survey, waves).attrs["simulated"]


def test_repeated_customers_make_clustered_errors():
    world = cx.simulators.make_expectations(60, 1, rng=6)
    twice = pd.concat([world, world], ignore_index=True)
    naive, clustered = (
        cx.expectations.response_surface(twice, **COLUMNS, groups=g) for g in (None, "customer")
    )
    assert clustered.shape.error["a3"] > 1.2 * naive.shape.error["a3"]
    once = cx.expectations.response_surface(world, **COLUMNS, groups="customer")
    assert once.shape.error["a3"] == pytest.approx(
        cx.expectations.response_surface(world, **COLUMNS).shape.error["a3"]
    )


def test_kink_is_the_difference_of_its_slopes_and_mirrors(survey):
    row = cx.expectations.kinked_slopes(
        survey, outcome="loyalty", drivers=["product"], covariates=["experience"], knot=0.3
    ).iloc[0]
    assert row.difference == pytest.approx(row.below - row.above)
    turned = cx.expectations.kinked_slopes(
        -survey, outcome="loyalty", drivers=["product"], covariates=["experience"], knot=-0.3
    ).iloc[0]
    assert (turned.below, turned.above, turned.low) == pytest.approx((row.above, row.below, -row.high))
    assert row.model == "least squares"


def test_censored_slopes_equal_a_general_optimiser():
    from scipy.optimize import minimize
    from scipy.stats import norm

    random = np.random.default_rng(8)
    x = random.normal(size=300)
    y = np.minimum(np.where(x < 0, 0.8, 0.3) * x + 0.7 * random.normal(size=300), 0.6)
    row = cx.expectations.kinked_slopes(
        pd.DataFrame({"x": x, "y": y}), outcome="y", drivers=["x"], knot=0.0
    ).iloc[0]
    design = np.column_stack([np.ones(300), np.minimum(x, 0), np.maximum(x, 0)])
    cut = 0.6 - np.median(np.diff(np.unique(y.round(9)))) / 2

    def loss(p):
        mean, sd = design @ p[:3], np.exp(p[3])
        return -np.where(y > cut, norm.logsf(cut, mean, sd), norm.logpdf(y, mean, sd)).sum()

    best = minimize(loss, [0, 0.5, 0.5, 0], method="BFGS")
    assert (row.below, row.above) == pytest.approx(tuple(best.x[1:3]), abs=1e-3)
    assert row.model == "censored" and row.at_ceiling == pytest.approx(np.mean(y >= 0.6))


def test_knots_may_differ_by_driver_and_are_the_median_by_default(survey):
    table = cx.expectations.kinked_slopes(
        survey, outcome="loyalty", drivers=["product", "experience"], knot={"product": 0.5}
    )
    assert table.knot.tolist() == pytest.approx([0.5, survey.experience.median()])
    paths = cx.expectations.kink_paths(table, reach=1.0).set_index(["driver", "position"])
    end = paths.loc[("product", -1.0)]
    assert (end.change, end.low, end.high) == pytest.approx(
        (-table.below["product"], -table.below_high["product"], -table.below_low["product"])
    )


def test_knot_grid_corrects_for_looking_often(survey):
    grid = cx.expectations.knot_grid(survey, outcome="loyalty", driver="product", covariates=["experience"])
    assert len(grid) == 7 and grid.knot.is_monotonic_increasing and not grid.kink.any()
    bent = survey.assign(
        loyalty=np.where(survey["product"] < 0, 2.0, 0.0) * survey["product"] + 0.3 * survey.loyalty
    )
    assert cx.expectations.knot_grid(bent, outcome="loyalty", driver="product").kink.all()


@pytest.mark.parametrize(("kind", "level"), [("continuous", 8.5), ("one item", 8.5), ("three items", 9.3)])
def test_kink_test_keeps_its_level_where_dummies_do_not(kind, level):
    shares = bench.false_alarms(kind, level, 60)
    assert 0.08 < shares["at the top"] < 0.4
    assert shares["kink test"] <= 0.12  # .08 in the 400 runs of the bench
    assert shares["penalty-reward dummies"] > shares["kink test"]


def test_a_straight_world_fools_the_dummies_only_when_the_scale_is_full():
    table = cx.expectations.kinks_in_a_straight_world(rng=1).set_index(["top_share", "method"])
    assert table.low[0.0, "penalty-reward dummies"] < 0 < table.low[0.3, "penalty-reward dummies"]
    assert (
        table.low[0.3, "two slopes, full scale allowed for"]
        < 0
        < table.high[0.3, "two slopes, full scale allowed for"]
    )


def test_contrasts_are_sums_of_cell_means_and_welch():
    from scipy.stats import ttest_ind

    world = cx.simulators.make_vignettes(80, rng=2)
    found = cx.expectations.vignette_contrasts(world, rng=1)
    means = found.cells.set_index(["stock", "courtesy"])["mean"]
    first = found.contrasts.iloc[0]
    assert first.estimate == pytest.approx(means[0, 1] - means[1, 0])
    interaction = means[1, 1] - means[1, 0] - means[0, 1] + means[0, 0]
    assert found.contrasts.estimate["interaction"] == pytest.approx(interaction)
    cell = {key: part.satisfaction for key, part in world.groupby(["stock", "courtesy"])}
    welch = ttest_ind(cell[0, 1], cell[1, 0], equal_var=False)
    error = (first.high - first.low) / 2
    assert error == pytest.approx(
        abs(first.estimate / welch.statistic) * 1.9917, rel=1e-3
    )  # t with 76 degrees of freedom


def test_exact_permutation_on_eight_rows_by_hand():
    table = pd.DataFrame(
        {
            "stock": [0, 0, 1, 1, 0, 0, 1, 1],
            "courtesy": [1, 1, 0, 0, 0, 0, 1, 1],
            "satisfaction": [1, 2, 8, 9, 1, 3, 8, 7],
        }
    )
    both = [1, 2, 8, 9]
    seen = [abs(np.mean(chosen) - (20 - sum(chosen)) / 2) for chosen in combinations(both, 2)]
    expected = np.mean(np.array(seen) >= 7)
    assert (
        cx.expectations.vignette_contrasts(table).p_value == pytest.approx(expected) == pytest.approx(2 / 6)
    )


def test_people_who_answer_twice_are_clustered():
    world = cx.simulators.make_vignettes(40, stories=4, person_sd=3, rng=3)
    found = cx.expectations.vignette_contrasts(world)
    assert (found.n, found.persons) == (160, 40) and np.isnan(found.p_value)
    alone = cx.expectations.vignette_contrasts(world, person=None, rng=1)
    width = [c.contrasts.high.iloc[0] - c.contrasts.low.iloc[0] for c in (found, alone)]
    assert width[0] < 0.7 * width[1]  # comparing people with themselves


@given(persons=st.integers(1, 60), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_form_is_balanced_and_says_what_its_columns_say(persons, seed):
    form = cx.expectations.vignette_form(persons, rng=seed)
    counts = form.groupby(["stock", "courtesy"]).size()
    assert len(form) == persons and (counts.max() - (counts.min() if len(counts) == 4 else 0)) <= 1
    assert (form.story.str.contains("do not have") == (form.stock == 0)).all()
    assert (form.story.str.contains("warmly") == (form.courtesy == 1)).all()
    sheet = cx.expectations.vignette_sheet(form)
    assert sheet.count("Sheet ") == persons and "stock" not in sheet


def test_power_of_stories_grows_with_people_and_effect():
    table = cx.expectations.vignette_power(effects=[0.5, 1.0], per_cell=[20, 40, 80])
    assert table.groupby("effect").power.apply(lambda p: p.is_monotonic_increasing).all()
    assert (table.persons == 4 * table.per_cell).all()
    assert table.power.iloc[-1] == pytest.approx(0.88, abs=0.01)  # n 80, one point of two


def test_drift_is_recovered_and_one_wave_has_none():
    world = cx.simulators.make_expectations(300, 4, drift=0.4, rng=7)
    table = cx.expectations.expectation_drift(world)
    assert table.low["expected"] < 0.4 < table.high["expected"]
    assert table.high["gap at constant performance"] < 0
    assert table.low["perceived"] < 0 < table.high["perceived"]
    once = cx.expectations.expectation_drift(world.assign(customer=range(len(world))))
    assert once.estimate["expected"] == pytest.approx(table.estimate["expected"], abs=0.1)
    single = world[world.wave == 1].drop(columns="wave")
    assert cx.expectations.expectation_drift(single)[["estimate", "low"]].isna().all(axis=None)
    assert cx.expectations.wave_means(single).wave.unique().tolist() == ["1"]


def test_waves_are_ordered_as_numbers():
    world = cx.simulators.make_expectations(20, 12, rng=1).assign(wave=lambda d: d.wave.astype(str))
    assert cx.expectations.wave_means(world).wave.unique().tolist() == [str(i) for i in range(1, 13)]
    early = cx.expectations.expectation_drift(world).estimate["expected"]
    assert early == pytest.approx(
        cx.expectations.expectation_drift(world.assign(wave=world.wave.astype(int))).estimate["expected"]
    )


def test_product_experience_mirrors_when_the_sides_swap(survey):
    pair = cx.expectations.product_experience(
        survey, product="product", experience="experience", outcome="loyalty"
    )
    swap = cx.expectations.product_experience(
        survey, product="experience", experience="product", outcome="loyalty"
    )
    numbers = ["estimate", "low", "high"]
    for one, other in [
        ("interaction", "interaction"),
        ("great product, bad experience", "bad product, great experience"),
        ("average product, great experience", "great product, average experience"),
        ("experience slope in the top product quarter", "product slope in the top experience quarter"),
    ]:
        np.testing.assert_allclose(pair.loc[one, numbers], swap.loc[other, numbers], rtol=1e-9)


def test_corner_means_hide_small_cells(survey):
    table = cx.expectations.corner_means(
        survey.head(60), product="product", experience="experience", outcome="loyalty"
    )
    assert len(table) == 9
    assert (
        table.n.dropna().ge(5).all() and table["mean"].isna().equals(table.n.isna()) and table.n.isna().any()
    )


def test_necessary_condition_finds_an_empty_corner_and_a_full_one():
    random = np.random.default_rng(5)
    x = random.uniform(size=300)
    needed = pd.DataFrame({"x": x, "y": x * random.uniform(size=300)})
    found = cx.expectations.necessary_condition(
        needed, condition="x", outcome="y", success=0.5, permutations=200, rng=1
    )
    assert found.in_corner == 0 and found.share == 0 and 0 < found.high < 0.05
    assert found.effect_size > 0.3 and found.p_value < 0.01
    free = cx.expectations.necessary_condition(
        needed.assign(y=random.uniform(size=300)), condition="x", outcome="y", permutations=200, rng=1
    )
    assert free.p_value > 0.05 and free.low < free.share_elsewhere < 0.5


def test_necessity_effect_size_by_hand():
    # points (0, 0), (1, 2), (2, 2): the empty area above the steps is 1 x 2 of 2 x 2
    table = pd.DataFrame({"x": [0, 0, 0, 1, 1, 1, 2, 2, 2], "y": [0, 0, 0, 2, 2, 2, 2, 2, 2]})
    assert cx.expectations.necessary_condition(
        table, condition="x", outcome="y", permutations=10, rng=1
    ).effect_size == pytest.approx(0.5)


@pytest.mark.parametrize("world", bench.WORLDS, ids=lambda world: world.__name__)
def test_intervals_cover_known_truths(world):
    shares = coverage(world, 100, bench.SEED)
    assert shares
    for what, share in shares.items():
        assert 0.88 <= share <= 0.99, (what, share)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: cx.expectations.response_surface(d, perceived="product", expected="product", outcome="loyalty"), "three columns"),
        (lambda d: cx.expectations.response_surface(d.head(9), perceived="product", expected="experience", outcome="loyalty"), "at least 12"),
        (lambda d: cx.expectations.kinked_slopes(d, outcome="loyalty", drivers=["product"], knot=9), "both sides need at least 10"),
        (lambda d: cx.expectations.kinked_slopes(d, outcome="loyalty", drivers=["product"], knot={"x": 1}), "'x'"),
        (lambda d: cx.expectations.kinked_slopes(d.assign(y=(d.loyalty > -3).astype(float)), outcome="y", drivers=["product"]), "nothing is left to explain"),
        (lambda d: cx.expectations.vignette_contrasts(d.assign(stock=2, courtesy=d.index % 2, satisfaction=d.loyalty)), "same value"),
        (lambda d: cx.expectations.vignette_contrasts(d.assign(stock=d.index % 3, courtesy=d.index % 2, satisfaction=d.loyalty)), "only 0 and 1"),
        (lambda d: cx.expectations.vignette_contrasts(d.assign(stock=d.index % 2, courtesy=d.index % 2, satisfaction=d.loyalty)), "each needs at least 2"),
        (lambda d: cx.expectations.vignette_form(0, rng=1), "persons=0"),
        (lambda d: cx.expectations.penalty_reward(d.assign(product=[0] * 450 + [1] * 50), outcome="loyalty", driver="product"), "20th and 80th"),
        (lambda d: cx.expectations.knot_grid(d.assign(product=[0] * 495 + [1] * 5), outcome="loyalty", driver="product"), "no knot"),
        (lambda d: cx.simulators.make_vignettes(10, stories=5), "stories=5"),
        (lambda d: cx.simulators.make_expectations(10, surface=(1, 2)), "surface holds 2"),
    ],
)  # fmt: skip
def test_bad_input_is_named(survey, call, message):
    with pytest.raises(ValueError, match=message):
        call(survey)
