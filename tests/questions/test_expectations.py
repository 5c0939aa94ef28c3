"""Response surfaces, kinks under a full scale, great beside bad, stories drawn by lot."""

import bench_expectations as bench
import numpy as np
import pandas as pd
import pytest
from common import coverage

import cxlab as cx
from cxlab.data.table import Survey, Table
from cxlab.questions.expectations import vignette_contrasts, vignette_form
from cxlab.stats.regression import (
    SHAPES,
    fit,
    kinked_slopes,
    product_experience,
    read_contrasts,
    response_surface,
)
from cxlab.worlds.small import make_vignette

# motcon of the R package RSA 0.10.6 (Schönbrodt & Humberg), explicit and implicit power motive and valence,
# centred as there, 84 people: sums of squares and products of 1, P, E, their squares and product, outcome.
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


def world(n=400, *, kinks=(0.0, 0.0), slopes=(0.4, 0.4), interaction=0.0, top=None, rng=4):
    """A survey of two single-item sides whose slopes below and above the middle are the truth."""
    random = np.random.default_rng(rng)
    p = random.normal(size=n)
    e = 0.5 * p + 0.8 * random.normal(size=n)
    y = interaction * p * e + 0.8 * random.normal(size=n)
    for side, slope, kink in zip((p, e), slopes, kinks, strict=True):
        y = y + slope * side + kink * np.minimum(side, 0)
    frame = pd.DataFrame({"works": p, "helpful": e, "stays": y if top is None else np.minimum(y, top)})
    blocks = {"product": ["works"], "experience": ["helpful"]}
    return Survey(
        frame=frame, blocks=blocks, outcomes={"stays": ["stays"]}, labels={"stays": "staying"}, bootstrap=100
    )


def gap_survey(b, *, roles=False, noise=0.5):
    """A survey that asked what was expected, with a surface of terms ``b``."""
    frame = bench.surface_world(np.random.default_rng(3), 300, b=b, noise=noise)
    frame["expected 2"] = frame["expected"]
    given = {"perceived": ["perceived"], "expected": ["expected"]} if roles else {}
    blocks = {"product": ["perceived"], "experience": [], "expectation": ["expected", "expected 2"]}
    settings = {"roles": given, "scale": (1, 10), "bootstrap": 100}
    return Survey(frame=frame, blocks=blocks, outcomes={"satisfaction": ["satisfaction"]}, **settings)


def test_rsa_0_10_6_motcon_surface():
    k = len(MOTCON_PRODUCTS)
    products = np.zeros((k, k))
    products[np.tril_indices(k)] = [value for row in MOTCON_PRODUCTS for value in row]
    products += np.tril(products, -1).T
    start = np.column_stack([np.ones(84), np.random.default_rng(0).normal(size=(84, k - 1))])
    orthonormal, r = np.linalg.qr(start)
    table = (orthonormal * np.sign(np.diag(r))) @ np.linalg.cholesky(products).T
    fitted = fit(table[:, 6], table[:, :6])
    shape = read_contrasts(fitted._replace(covariance=fitted.classical), SHAPES)
    assert shape["estimate"].tolist() == pytest.approx([0.55533, -0.04783, 0.03958, -0.29364], abs=1e-5)
    assert shape["error"].tolist() == pytest.approx([0.1696107, 0.1390473, 0.1892610, 0.2177049], abs=1e-6)


def test_a_surface_without_noise_is_found_exactly_wherever_it_is_centred():
    b = (6.0, 0.5, -0.4, -0.1, 0.2, 0.05)
    data = bench.surface_world(np.random.default_rng(1), 60, b=b, noise=0)
    found = response_surface(data, **COLUMNS, centre=7.0)
    assert found.fit.coefficients == pytest.approx(b)
    assert found.shape["estimate"].tolist() == pytest.approx([0.1, 0.15, 0.9, -0.25])
    assert (found.fit.r2, found.n) == (pytest.approx(1), 60)
    other = response_surface(data, **COLUMNS, centre=5.0)
    bends = ["a2", "a4"]
    assert found.shape["estimate"][bends].tolist() == pytest.approx(other.shape["estimate"][bends].tolist())


def test_what_satisfies_flips_with_the_world():
    level = cx.expectations.gap(gap_survey((7, 0.5, 0, 0, 0, 0)))
    gaps = cx.expectations.gap(gap_survey((7, 0.5, -0.5, 0, 0, 0)))
    assert level.finding.startswith("What customers got explains")
    assert gaps.finding.startswith("The gap to expectation explains")
    assert gaps["gap-r2-lost"].value < 0.02 < 0.1 < level["gap-r2-lost"].low
    assert gaps.table["r2"]["both, with bends"] == gaps.table["r2"].max()
    assert "No clear difference" in cx.expectations.gap(gap_survey((7, 0, 0, 0, 0, 0))).finding


def test_only_expectations_asked_beforehand_feed_the_rules():
    recalled = cx.expectations.gap(gap_survey((7, 0.5, -0.3, 0, 0, 0)))
    asked = cx.expectations.gap(gap_survey((7, 0.5, -0.3, 0, 0, 0), roles=True))
    assert "incongruence-slope" not in recalled.numbers
    assert "coloured" in recalled.cautions[0] and not asked.cautions
    outgrown = asked["incongruence-slope"]
    assert outgrown.low < -0.8 < outgrown.high
    middle = asked["congruence-lowest"]
    assert middle.low < middle.value < middle.high and 0 < middle.value < 1.5  # 7 at the centre, less 5.5


def test_a_kink_is_the_difference_of_its_slopes_and_mirrors():
    data = world(500).frame
    pair = {"outcome": "stays", "drivers": ["works", "helpful"]}
    row, turned = (kinked_slopes(sign * data, knot=0.3 * sign, **pair).iloc[0] for sign in (1, -1))
    assert row.difference == pytest.approx(row.below - row.above) and row.model == "least squares"
    assert (turned.below, turned.above, turned.low) == pytest.approx((row.above, row.below, -row.high))
    assert kinked_slopes(data, **pair)["knot"].tolist() == pytest.approx(data[pair["drivers"]].median())


def test_censored_slopes_equal_a_general_optimiser():
    from scipy.optimize import minimize
    from scipy.stats import norm

    random = np.random.default_rng(8)
    x = random.normal(size=300)
    y = np.minimum(np.where(x < 0, 0.8, 0.3) * x + 0.7 * random.normal(size=300), 0.6)
    row = kinked_slopes(pd.DataFrame({"x": x, "y": y}), outcome="y", drivers=["x"], knot=0.0).iloc[0]
    design = np.column_stack([np.ones(300), np.minimum(x, 0), np.maximum(x, 0)])
    cut = 0.6 - np.median(np.diff(np.unique(y.round(9)))) / 2

    def loss(p):
        mean, sd = design @ p[:3], np.exp(p[3])
        return -np.where(y > cut, norm.logsf(cut, mean, sd), norm.logpdf(y, mean, sd)).sum()

    best = minimize(loss, [0, 0.5, 0.5, 0], method="BFGS")
    assert (row.below, row.above) == pytest.approx(tuple(best.x[1:3]), abs=1e-3)
    assert row.model == "censored" and row.at_ceiling == pytest.approx(np.mean(y >= 0.6))


def test_findings_on_kinks_flip_and_say_when_there_is_none():
    stake = cx.expectations.kinks(world(800, kinks=(1.0, 0.0)))
    delight = cx.expectations.kinks(world(800, kinks=(0.0, -0.4), slopes=(0.4, 0.8)))
    assert "A bad product costs more than a good one wins" in stake.finding
    assert "A bad experience costs less than a good one wins" in delight.finding
    assert "No sign" in cx.expectations.kinks(world(800)).finding
    full = cx.expectations.kinks(world(800, top=0.8))
    assert "No sign" in full.finding and "top answer" in full.cautions[0]


def test_great_beside_bad_mirrors_when_the_sides_swap():
    data = world().frame.set_axis(["product", "experience", "outcome"], axis=1)
    pair = product_experience(data)
    swap = product_experience(data.rename(columns={"product": "experience", "experience": "product"}))
    for one, other in [
        ("interaction", "interaction"),
        ("great product, bad experience", "bad product, great experience"),
        ("average product, great experience", "great product, average experience"),
        ("experience in the top product quarter", "product in the top experience quarter"),
    ]:
        np.testing.assert_allclose(pair.loc[one], swap.loc[other], rtol=1e-9)


def test_findings_on_forgiveness_flip():
    for slopes, said in {
        (0.4, 0.4): "Neither side makes up for the other",
        (0.6, 0.0): "A great experience does not make up for a bad product",
        (0.0, 0.6): "A great product does not make up for a bad experience",
        (0.0, 0.0): "is open",
    }.items():
        assert said in cx.expectations.forgiveness(world(slopes=slopes)).finding


def test_surveys_that_cannot_answer_say_what_they_lack():
    housing = cx.survey("housing")
    assert "expected" in cx.expectations.gap(housing).finding
    for ask in (cx.expectations.kinks, cx.expectations.forgiveness):
        assert ask(housing).missing and "categories" in ask(housing).finding
    few = world(12)
    assert cx.expectations.kinks(few).missing and cx.expectations.forgiveness(few).missing
    gaps = world().frame.assign(w=1.0).mask(np.arange(400)[:, None] < [[30, 0, 0, 0]])
    cautions = cx.expectations.kinks(world().with_(frame=gaps, weights="w")).cautions
    assert "370 of 400 respondents" in cautions[0] and "weights" in cautions[1]
    assert cx.expectations.stockout(cx.open_source("", table="vignette")).missing


def test_contrasts_are_sums_of_cell_means_and_welch():
    from scipy.stats import ttest_ind

    data = make_vignette(80, rng=2)
    cells, contrasts = vignette_contrasts(data)
    _, out_warm, in_plain, _ = cells["mean"]
    first = contrasts.iloc[0]
    assert first.estimate == pytest.approx(in_plain - out_warm)
    cell = {key: part.satisfaction for key, part in data.groupby(["stock", "courtesy"])}
    welch = ttest_ind(cell[0, 1], cell[1, 0], equal_var=False)
    reach = abs(first.estimate / welch.statistic) * 1.9917  # t with 76 degrees of freedom
    assert (first.high - first.low) / 2 == pytest.approx(reach, rel=1e-3)


@pytest.mark.parametrize(
    ("stock", "courtesy", "said"),
    [(3, 1, "does not make up"), (1, 3, "more than makes up"), (2, 2, "no clear difference")],
)
def test_the_stock_out_finding_flips(stock, courtesy, said):
    frame = make_vignette(400, stock=stock, courtesy=courtesy, rng=4)
    result = cx.expectations.stockout(Table(frame=frame, kind="vignette"))
    assert said in result.finding.lower()
    assert result["stockout-contrast"].value == pytest.approx(stock - courtesy, abs=0.8)


def test_the_form_is_balanced_and_its_stories_say_what_its_columns_say():
    form = vignette_form(30, rng=2)
    assert form.groupby(["stock", "courtesy"]).size().between(7, 8).all()
    assert (form["story"].str.contains("do not have") == (form["stock"] == 0)).all()
    assert (form["story"].str.contains("warmly") == (form["courtesy"] == 1)).all()


@pytest.mark.parametrize("world", bench.WORLDS, ids=lambda world: world.__name__)
def test_intervals_cover_known_truths(world):
    for what, share in coverage(world, 60, bench.SEED).items():
        assert 0.85 <= share <= 1, (what, share)


def stories(stock, felt):
    d = make_vignette(12)
    return vignette_contrasts(d.assign(stock=d.index % stock, courtesy=d.index % 2, satisfaction=felt))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stories(3, range(12)), "only 0 and 1"),
        (lambda: stories(2, range(12)), "at least 2"),
        (lambda: vignette_form(0), "persons=0"),
        (lambda: kinked_slopes(world().frame, outcome="stays", drivers=["works"], knot=9), "sides need 10"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
