"""Contact shares corrected for miscoding, failure demand, and themes in what people write."""

import bench_contacts as bench
import numpy as np
import pandas as pd
import pytest
from common import coverage

import cxlab as cx
from cxlab.data.table import Table
from cxlab.questions.contacts import REASONS, corrected_shares, reason_groups
from cxlab.worlds.small import make_contacts


def coded(cells: dict, unchecked: dict) -> pd.DataFrame:
    """Contacts from counts: ``{(coded, true): n}`` of the checked ones, ``{coded: n}`` of the rest."""
    rows = [(c, t) for (c, t), n in cells.items() for _ in range(n)]
    rows += [(c, None) for c, n in unchecked.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["coded_reason", "second_coding"])


def contacts(frame, **settings):
    return Table(frame=frame, kind="contacts", **settings)


TWO = coded({("a", "a"): 45, ("b", "a"): 5, ("a", "b"): 10, ("b", "b"): 40}, {"a": 500, "b": 400})


def test_tenenbein_1970_double_sampling_for_two_reasons():
    table = corrected_shares(TWO)
    assert table["share"]["a"] == pytest.approx(0.555 * 45 / 55 + 0.445 * 5 / 45)
    perfect = corrected_shares(coded({("a", "a"): 60, ("b", "b"): 40}, {"a": 300, "b": 200}))
    naive = perfect[["naive", "naive_low", "naive_high"]]
    np.testing.assert_allclose(perfect[["share", "low", "high"]], naive, atol=1e-9)


def test_shares_sum_to_one_and_groups_are_sums():
    world = make_contacts(3000, texts=False, rng=2)
    groups = reason_groups(world["coded_reason"].unique())
    table = corrected_shares(world, groups=groups)
    single = table[table["kind"] == "reason"]
    assert single["share"].sum() == pytest.approx(1)
    for name, members in groups.items():
        assert table["share"][name] == pytest.approx(single["share"][members].sum())
    assert table["low"].between(0, table["share"]).all() and table["high"].between(table["share"], 1).all()


def test_the_variance_equals_the_bootstrap():
    random = np.random.default_rng(1)
    world = coded({("a", "a"): 180, ("b", "a"): 20, ("a", "b"): 40, ("b", "b"): 160}, {"a": 500, "b": 400})
    row = corrected_shares(world).loc["a"]
    picks = random.integers(0, len(world), (200, len(world)))
    draws = [corrected_shares(world.iloc[pick])["share"]["a"] for pick in picks]
    assert (row.high - row.low) / 3.92 == pytest.approx(np.std(draws), rel=0.15)


def test_the_interval_holds_where_the_naive_one_does_not():
    assert bench.naive_coverage(30) < 0.2
    shares = coverage(bench.corrected, 60, bench.SEED)
    assert len(shares) == 8 and all(0.85 <= share <= 1.0 for share in shares.values()), shares
    assert np.mean(list(shares.values())) == pytest.approx(0.95, abs=0.04)


def test_reasons_without_second_coding_are_taken_as_coded():
    world = coded({("a", "a"): 40, ("b", "b"): 30}, {"a": 50, "b": 40, "rare": 5})
    assert corrected_shares(world)["share"]["rare"] == pytest.approx(5 / 165)
    plain = corrected_shares(TWO.drop(columns="second_coding"), groups={"all": ["a", "b"]})
    assert plain[["share", "low", "high"]].isna().all(axis=None)
    assert plain["naive"].tolist() == pytest.approx([0.555, 0.445, 1])


def test_known_reasons_have_a_side_and_unknown_ones_no_group():
    groups = reason_groups(["no_human_reached", "no_known_contact", "product_missing", "weather"])
    assert groups["experience"] == ["no_human_reached", "no_known_contact"]
    assert groups["failure demand"] == ["no_human_reached", "no_known_contact", "product_missing"]
    assert reason_groups(["weather"]) == {}
    assert {side for side, _, _ in REASONS.values()} == {"product", "experience", "price", "other"}


@pytest.mark.parametrize(
    ("product", "said"), [(0.8, "most contacts"), (0.2, "less than half"), (0.5, "about half")]
)
def test_the_finding_flips_with_the_shares(product, said):
    shares = {"product_broken": product, "service_conduct": 1 - product}
    world = make_contacts(3000, shares=shares, slips={}, checked=0.5, texts=False, rng=1)
    result = cx.contacts.reasons(contacts(world))
    assert said in result.finding.lower()
    one, first = result["contact-share-product"], result["first-contact-share-product"]
    assert one.low < product < one.high and result["contact-share-failure-demand"].value == pytest.approx(1)
    assert first.low < product < first.high and first.n == world["customer"].nunique()


def test_own_reasons_and_uncorrected_ones_are_named_as_such():
    world = make_contacts(600, shares={"product_use": 1, "rain": 2}, checked=0.0, texts=False, rng=1)
    result = cx.contacts.reasons(contacts(world.drop(columns="customer")))
    assert set(result.numbers) == {"contact-share-product-as-coded"} and "not corrected" in result.cautions[0]
    own = world.replace({"product_use": "snow"})
    unknown = cx.contacts.reasons(contacts(own, labels={"rain": "heavy rain"}))
    assert "most frequent reason is 'heavy rain'" in unknown.finding


def test_small_cells_and_empty_tables_are_not_shown():
    world = coded({}, {"product_use": 60, "product_wanted": 40, "bill_error": 3})
    result = cx.contacts.reasons(contacts(world))
    assert result.table.index.tolist() == ["product_use"] and "2 reasons" in result.cautions[-1]
    assert cx.contacts.reasons(contacts(world.assign(coded_reason=None))).missing
    few = cx.contacts.reasons(contacts(coded({}, {"rain": 3, "snow": 2})))
    assert few.missing and "too few" in few.finding


def test_themes_are_named_by_their_words_and_texts_not_shown():
    world = cx.open_source("simulated-contacts", table="contacts")
    made = cx.contacts.themes(world.with_(frame=world.frame.head(400)), themes=4)
    assert "In made-up data" in made.finding and made.table["theme"][0] in made.finding
    assert made["largest-theme"].value == pytest.approx(made.table["share"].max())
    few = cx.contacts.themes(world.with_(frame=world.frame.head(9)))
    assert few.missing and "9 texts" in few.finding
    assert cx.contacts.themes(world.with_(frame=world.frame.drop(columns="text"))).missing
    tiny = cx.contacts.themes(world.with_(frame=world.frame.head(40), min_cell=50))
    assert tiny.missing and "too few texts" in tiny.finding
