"""Contact shares corrected for miscoding, and themes in short texts."""

import bench_contacts as bench
import numpy as np
import pandas as pd
import pytest
from common import coverage

import cxlab as cx


def coded(cells: dict, unchecked: dict) -> pd.DataFrame:
    """Contacts from counts: ``{(coded, true): n}`` of the checked ones, ``{coded: n}`` of the rest."""
    rows = [(c, t) for (c, t), n in cells.items() for _ in range(n)]
    rows += [(c, None) for c, n in unchecked.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["coded_reason", "second_coding"])


@pytest.fixture(scope="module")
def two():
    return coded({("a", "a"): 45, ("b", "a"): 5, ("a", "b"): 10, ("b", "b"): 40}, {"a": 500, "b": 400})


def test_rogan_gladen_1978_formula_for_two_reasons(two):
    sensitivity, specificity = 45 / 50, 40 / 50
    coded_a = 555 / 1000
    expected = (coded_a + specificity - 1) / (sensitivity + specificity - 1)
    table = cx.contacts.corrected_shares(two)
    assert table.share["a"] == pytest.approx(expected)
    assert table.naive["a"] == pytest.approx(coded_a)
    assert table.checked.tolist() == [50, 50]


def test_tenenbein_1970_double_sampling_for_two_reasons(two):
    expected = 555 / 1000 * 45 / 55 + 445 / 1000 * 5 / 45
    assert cx.contacts.corrected_shares(two, method="calibrated").share["a"] == pytest.approx(expected)


@pytest.mark.parametrize("method", ["inverted", "calibrated"])
def test_shares_sum_to_one_and_groups_are_sums(method):
    world = cx.simulators.make_contacts(3000, texts=False, rng=2)
    groups = cx.contacts.reason_groups(world.coded_reason.unique())
    table = cx.contacts.corrected_shares(world, groups=groups, method=method)
    reasons = table[table.kind == "reason"]
    assert reasons.share.sum() == pytest.approx(1)
    for name, members in groups.items():
        assert table.share[name] == pytest.approx(reasons.share[members].sum())
        assert table.contacts[name] == reasons.contacts[members].sum()
    assert table.low.between(0, table.share).all() and table.high.between(table.share, 1).all()


@pytest.mark.parametrize("method", ["inverted", "calibrated"])
def test_perfect_coders_leave_the_naive_shares_and_their_intervals(method):
    world = coded({("a", "a"): 60, ("b", "b"): 40}, {"a": 300, "b": 200})
    table = cx.contacts.corrected_shares(world, method=method)
    np.testing.assert_allclose(
        table[["share", "low", "high"]], table[["naive", "naive_low", "naive_high"]], atol=1e-9
    )


@pytest.mark.parametrize("method", ["inverted", "calibrated"])
def test_variance_equals_the_bootstrap(method):
    random = np.random.default_rng(1)
    world = coded({("a", "a"): 180, ("b", "a"): 20, ("a", "b"): 40, ("b", "b"): 160}, {"a": 500, "b": 400})
    table = cx.contacts.corrected_shares(world, method=method)
    draws = [
        cx.contacts.corrected_shares(
            world.iloc[random.integers(0, len(world), len(world))], method=method
        ).share["a"]
        for _ in range(250)
    ]
    assert (table.high["a"] - table.low["a"]) / 3.92 == pytest.approx(np.std(draws), rel=0.12)


def test_the_interval_holds_where_the_naive_one_does_not():
    assert bench.naive_coverage(40) < 0.2
    shares = coverage(bench.corrected, 100, bench.SEED)
    assert len(shares) == 16
    assert all(0.87 <= share <= 1.0 for share in shares.values()), shares
    assert np.mean(list(shares.values())) == pytest.approx(0.95, abs=0.025)


def test_what_cannot_be_inverted_is_still_calibrated(two):
    assert list(cx.contacts.corrections(two)) == ["calibrated", "inverted"]
    loose = coded({("a", "a"): 5, ("b", "a"): 5, ("a", "b"): 5, ("b", "b"): 5}, {"a": 10})
    assert list(cx.contacts.corrections(loose)) == ["calibrated"]


def test_reason_never_seen_by_the_second_coder_counts_as_coded_rightly():
    world = coded({("a", "a"): 40, ("b", "b"): 30}, {"a": 50, "b": 40, "rare": 5})
    table = cx.contacts.corrected_shares(world)
    assert table.share["rare"] == pytest.approx(5 / 165) and table.checked["rare"] == 0


def test_without_a_second_coding_nothing_is_corrected(two):
    table = cx.contacts.corrected_shares(two.drop(columns="second_coding"), groups={"all": ["a", "b"]})
    assert table[["share", "low", "high"]].isna().all(axis=None)
    assert table.naive.tolist() == pytest.approx([0.555, 0.445, 1])
    assert cx.contacts.confusion(two.assign(second_coding=None)).empty
    assert cx.contacts.feedback_themes([], themes=3).table.empty


def test_known_reasons_have_a_side_and_unknown_ones_no_group():
    groups = cx.contacts.reason_groups(["no_human_reached", "no_known_contact", "product_missing", "weather"])
    assert groups["experience"] == ["no_human_reached", "no_known_contact"]
    assert groups["failure demand"] == ["no_human_reached", "no_known_contact", "product_missing"]
    assert cx.contacts.reason_groups(["weather"]) == {}
    assert {side for side, _, _ in cx.contacts.REASONS.values()} == {
        "product",
        "experience",
        "price",
        "other",
    }


def test_confusion_rows_sum_to_one_and_hide_small_ones(two):
    table = cx.contacts.confusion(two)
    assert table.groupby("true").share.sum().tolist() == pytest.approx([1, 1])
    small = coded({("a", "a"): 20, ("b", "b"): 4}, {"a": 10})
    assert cx.contacts.confusion(small).true.unique().tolist() == ["a"]


def test_planted_themes_are_found():
    assert bench.planted_themes() >= 0.7


def test_themes_sort_every_text_and_mask_what_is_personal():
    texts = (
        ["battery broken again, call +49 170 1234567"] * 12
        + ["invoice charge wrong, mail ann@example.org"] * 14
        + ["", None]
    )
    found = cx.contacts.feedback_themes(texts, themes=2, words=3, resamples=3, rng=1)
    assert found.table.n.tolist() == [14, 12] and found.table.share.sum() == pytest.approx(1)
    assert found.assigned.tolist() == [2] * 12 + [1] * 14 + [-1, -1]
    assert found.agreement == pytest.approx(1) and (found.table.stability > 0.99).all()
    assert (found.table.stability_low <= found.table.stability_high).all()
    shown = cx.contacts.theme_examples(texts, found, allowed=True).example.tolist()
    assert "[mail]" in shown[0] and "[number]" in shown[1] and "ann" not in shown[0]
    assert set(cx.contacts.theme_examples(texts, found, allowed=False).example) == {"withheld"}
    assert set(cx.contacts.theme_examples(texts, found, allowed=True, min_cell=13).example) == {
        shown[0],
        "withheld",
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: cx.contacts.corrected_shares(d, method="magic"), "method='magic'"),
        (lambda d: cx.contacts.corrected_shares(d, reason="why"), "'why' is not in the data"),
        (lambda d: cx.contacts.corrected_shares(coded({("a", "a"): 5, ("b", "a"): 5, ("a", "b"): 5, ("b", "b"): 5}, {})), "calibrated"),
        (lambda d: cx.contacts.confusion(d.head(3)), "5 times"),
        (lambda d: cx.contacts.feedback_themes(["x"] * 5, themes=2), "5 texts cannot carry"),
        (lambda d: cx.contacts.feedback_themes(["the and of"] * 30, themes=2), "too few words"),
        (lambda d: cx.simulators.make_contacts(10, accuracy=1.2), "accuracy=1.2"),
        (lambda d: cx.simulators.make_contacts(10, shares={"a": -1, "b": 2}), "positive"),
        (lambda d: cx.simulators.make_contacts(10, slips={("product_broken", "bill_error"): 0.95}), "slips of 'product_broken'"),
    ],
)  # fmt: skip
def test_bad_input_is_named(two, call, message):
    with pytest.raises(ValueError, match=message):
        call(two)
