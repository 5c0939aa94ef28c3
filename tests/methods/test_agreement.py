"""Krippendorff's alpha: the published example, identities, a known truth, and what must be refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.evidence.simulators.ratings import make_ratings
from cxlab.methods.agreement import krippendorff_alpha, label_share, wide

# Krippendorff (2011), Computing Krippendorff's alpha-reliability: 4 observers, 12 units.
NA = np.nan
FOUR_BY_TWELVE = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
        [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
    ]
)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.7434), ("ordinal", 0.8154), ("interval", 0.8491)]
)
def test_krippendorff_2011_four_observers_twelve_units(level, published):
    alpha = krippendorff_alpha(FOUR_BY_TWELVE, level=level, bootstrap=200)
    assert alpha.estimate == pytest.approx(published, abs=5e-4)
    assert alpha.low < alpha.estimate < alpha.high
    assert (alpha.raters, alpha.statements) == (4, 11)
    assert alpha.raw == pytest.approx(0.8)


@given(st.integers(0, 10_000), st.sampled_from(["nominal", "ordinal", "interval"]))
@settings(max_examples=30)
def test_relabelled_raters_change_nothing(seed, level):
    random = np.random.default_rng(seed)
    ratings = random.integers(1, 4, (5, 9)).astype(float)
    ratings[random.random(ratings.shape) < 0.15] = np.nan
    shuffled = ratings[random.permutation(5)][:, random.permutation(9)]
    one, two = (krippendorff_alpha(r, level=level, bootstrap=0).estimate for r in (ratings, shuffled))
    assert one == pytest.approx(two, nan_ok=True)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_perfect_agreement_is_one(level):
    alpha = krippendorff_alpha(np.tile([1, 2, 3, 2, 1], (4, 1)), level=level, bootstrap=50)
    assert alpha.estimate == 1 and alpha.raw == 1


def test_nominal_needs_names_only():
    words = pd.DataFrame(FOUR_BY_TWELVE).map(lambda v: None if np.isnan(v) else f"label {v:.0f}")
    assert krippendorff_alpha(words, bootstrap=0).estimate == pytest.approx(0.7434, abs=5e-4)
    with pytest.raises(ValueError, match="needs numbers"):
        krippendorff_alpha(words, level="interval")


def test_one_label_only_shows_nothing():
    alpha = krippendorff_alpha(np.ones((3, 4)))
    assert np.isnan(alpha.estimate) and alpha.raw == 1


def test_refuses_what_cannot_be_compared():
    with pytest.raises(ValueError, match="two labels"):
        krippendorff_alpha([[1, 2, 3]])
    with pytest.raises(ValueError, match="nominal, ordinal, interval"):
        krippendorff_alpha([[1, 2], [1, 2]], level="ratio")


@pytest.mark.parametrize("truth", [0.2, 0.6])
def test_recovers_the_agreement_of_the_simulator(truth):
    ratings = wide(make_ratings(30, agreement=truth, statements=600, wording=0, rng=11), "s")
    assert krippendorff_alpha(ratings, bootstrap=0).estimate == pytest.approx(truth, abs=0.04)


def test_interval_covers_the_truth_with_thirty_statements():
    hits = 0
    for seed in range(100):
        alpha = krippendorff_alpha(
            wide(make_ratings(10, statements=30, agreement=0.4, wording=0, rng=seed), "s"),
            bootstrap=300,
            rng=seed,
        )
        hits += alpha.low <= 0.4 <= alpha.high
    assert 85 <= hits <= 99


def test_share_of_a_label_and_its_interval():
    ratings = wide(make_ratings(10, wording=0.15, rng=2), "s")
    share = label_share(ratings, labels=["product"])
    assert share.low < share.estimate < share.high
    assert share.n == 360 and share.raters == 10
    total = sum(label_share(ratings, labels=[label]).estimate for label in ("product", "experience", "both"))
    assert total == pytest.approx(1)


def test_raters_who_differ_widen_the_interval():
    same = pd.DataFrame(np.tile(["a", "b"] * 10, (6, 1)))
    apart = pd.DataFrame([["a"] * 20] * 3 + [["b"] * 20] * 3)
    widths = [label_share(table, labels=["a"]) for table in (same, apart)]
    assert widths[0].estimate == widths[1].estimate == 0.5
    assert widths[1].high - widths[1].low > 2 * (widths[0].high - widths[0].low)


def test_unanimous_labels_keep_the_width_of_the_number_of_raters():
    share = label_share(pd.DataFrame([["a"] * 50] * 5), labels=["a"])
    assert share.estimate == 1 and share.low == pytest.approx(0.566, abs=0.002)


def test_unknown_statement_and_empty_form_are_refused():
    with pytest.raises(ValueError, match="not among the columns"):
        label_share(pd.DataFrame([["a"]], columns=["s01"]), labels=["a"], statements=["s02"])
    with pytest.raises(ValueError, match="no label"):
        wide(pd.DataFrame({"rater": ["r"], "statement": ["s01"], "label": [None]}), "s")
