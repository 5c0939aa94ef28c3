"""Krippendorff's alpha: the published example, identities, a known truth, and what must be refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.stats.agreement import krippendorff_alpha, label_share, wide
from cxlab.worlds.small import make_ratings

NA = np.nan
FOUR_BY_TWELVE = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
    [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
]
LEVELS = ["nominal", "ordinal", "interval"]


@pytest.mark.parametrize(("level", "published"), list(zip(LEVELS, [0.7434, 0.8154, 0.8491], strict=True)))
def test_krippendorff_2011_four_observers_twelve_units(level, published):
    alpha = krippendorff_alpha(FOUR_BY_TWELVE, level=level, bootstrap=200)
    assert alpha.estimate == pytest.approx(published, abs=5e-4)
    assert alpha.low < alpha.estimate < alpha.high and alpha.raw == pytest.approx(0.8)
    assert (alpha.raters, alpha.statements) == (4, 11)
    perfect = krippendorff_alpha(np.tile([1, 2, 3, 2, 1], (4, 1)), level=level, bootstrap=50)
    assert perfect.estimate == 1 and perfect.raw == 1


@given(st.integers(0, 10_000), st.sampled_from(LEVELS))
@settings(max_examples=30)
def test_order_of_raters_and_statements_changes_nothing(seed, level):
    random = np.random.default_rng(seed)
    ratings = random.integers(1, 4, (5, 9)).astype(float)
    ratings[random.random(ratings.shape) < 0.15] = np.nan
    shuffled = ratings[random.permutation(5)][:, random.permutation(9)]
    one, two = (krippendorff_alpha(r, level=level, bootstrap=0).estimate for r in (ratings, shuffled))
    assert one == pytest.approx(two, nan_ok=True)


def test_nominal_needs_names_only():
    words = pd.DataFrame(FOUR_BY_TWELVE).map(lambda v: None if np.isnan(v) else f"label {v:.0f}")
    assert krippendorff_alpha(words, bootstrap=0).estimate == pytest.approx(0.7434, abs=5e-4)
    with pytest.raises(ValueError, match="needs numbers"):
        krippendorff_alpha(words, level="interval")


def test_one_label_only_shows_nothing_and_what_cannot_be_compared_is_refused():
    alpha = krippendorff_alpha(np.ones((3, 4)))
    assert np.isnan(alpha.estimate) and alpha.raw == 1
    empty = pd.DataFrame({"rater": ["r"], "statement": ["s01"], "label": [None]})
    for message, call in (
        ("two labels", lambda: krippendorff_alpha([[1, 2, 3]])),
        ("nominal, ordinal, interval", lambda: krippendorff_alpha([[1, 2], [1, 2]], level="ratio")),
        ("no label", lambda: wide(empty, "s")),
        ("no label", lambda: label_share(pd.DataFrame([[None]], columns=["s01"]), ["a"])),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("truth", [0.2, 0.6])
def test_the_agreement_of_the_world_is_recovered(truth):
    ratings = wide(make_ratings(30, agreement=truth, statements=600, wording=0, rng=11), "s")
    assert krippendorff_alpha(ratings, bootstrap=0).estimate == pytest.approx(truth, abs=0.04)


def test_the_interval_covers_the_truth_with_thirty_statements():
    worlds = (wide(make_ratings(10, statements=30, wording=0, rng=seed), "s") for seed in range(60))
    alphas = [krippendorff_alpha(world, bootstrap=300, rng=seed) for seed, world in enumerate(worlds)]
    assert 0.85 <= np.mean([alpha.low <= 0.4 <= alpha.high for alpha in alphas]) <= 0.99


def test_shares_of_labels_sum_to_one_and_widen_where_raters_differ():
    ratings = wide(make_ratings(10, rng=2), "s")
    shares = [label_share(ratings, [label]) for label in ("product", "experience", "both")]
    assert sum(share for share, *_ in shares) == pytest.approx(1)
    assert all(low < share < high and n == 360 for share, low, high, n in shares)
    same = label_share(pd.DataFrame(np.tile(["a", "b"] * 10, (6, 1))), ["a"])
    apart = label_share(pd.DataFrame([["a"] * 20] * 3 + [["b"] * 20] * 3), ["a"])
    assert same[0] == apart[0] == 0.5 and apart[2] - apart[1] > 2 * (same[2] - same[1])
    share, low, _, _ = label_share(pd.DataFrame([["a"] * 50] * 5), ["a"])
    assert share == 1 and low == pytest.approx(0.566, abs=0.002)  # Wilson of 5 of 5
