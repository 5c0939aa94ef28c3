"""Order of levels: published numbers of the R package mokken, identities, coverage."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.data.errors import InputError, NotEnough
from cxlab.stats.agreement import scalability

# Transitive reasoning, 425 pupils on 12 tasks (Verweij, Sijtsma & Koops 1996), as published with the R
# package mokken (Van der Ark 2007, GPL-2 or later): response patterns as hexadecimal numbers, T09L the first
# bit, and how often each occurs where more than once.
ITEMS = ["T09L", "T12P", "T10W", "T11P", "T04W", "T05W", "T02L", "T07L", "T03W", "T01L", "T08W", "T06A"]
PATTERNS = """
1f:2 5f:2 af:2 b7 bb bf c6 df:2 e7 ef ff:8 103 12f 13f 15f 17f:5 1a0 1a7 1af 1bf:4 1ce 1d7 1df:5
1e4 1ef:4 1f3 1f7 1fb 1ff:21 25d 25f:2 26f 27f:3 29c 29f 2bf:3 2df 2ef 2ff:13 33f 35f:4 36f 377
37f:4 39f 3bf:2 3df:4 3e7 3ef:2 3f3 3ff:25 41f:2 43f 44f 45f:2 46f:2 47f:2 4b3 4b7 4bb 4bd 4bf:2
4c7 4df:3 4e3:2 4e7 4ef:4 4f7 4ff:11 514 520 527 55f:2 56f 57f 59f:2 5a2 5af 5b5 5b7:2 5bf:6 5df:3
5e0 5e1:2 5e5:2 5e7:3 5eb 5ee 5ef:2 5f3 5f7:3 5fb 5ff:18 64f 65f 67f 6af 6bf:3 6df 6ef 6fb 6ff:13
71f:2 72f 73f:2 74f 77f:4 7bf:3 7df 7e3 7f7:2 7fd 7ff:11 83f 87f 8ff:2 95f 97f 9bb 9bf:2 9ef:2
9ff:6 a1f a57 a5f:2 a7f adf aff:7 b0a b47 b5f:5 b7f:6 b9f:2 bb7 bbf:2 bdf:2 bf7 bfb bff:23 cbf cdf
cef cff:5 d03 d87 daf dbf:2 ddf:2 dff e3f e5f e7f:4 ebf edf:2 eeb eef eff:5 f7f:2 fb7 fbf fdf fff:16
"""


@pytest.fixture(scope="module")
def transreas():
    rows = []
    for entry in PATTERNS.split():
        pattern, _, count = entry.partition(":")
        rows += [[int(bit) for bit in f"{int(pattern, 16):012b}"]] * int(count or 1)
    return pd.DataFrame(rows, columns=ITEMS)


def test_scalability_of_transreas_as_in_mokken(transreas):
    """R package mokken 3.1.2, coefH on transreas; its standard error of H is .0184."""
    result = scalability(transreas, rng=1)
    assert len(transreas) == result.n == 425
    assert pytest.approx(0.0905139936367867, abs=1e-12) == result.H
    items = result.items.set_index("level")
    assert items.loc["T06A", "Hi"] == pytest.approx(0.395594075346142, abs=1e-12)
    assert items.loc["T12P", "Hi"] == pytest.approx(-0.135164243403339, abs=1e-12)
    assert (result.high - result.low) / (2 * 1.96) == pytest.approx(0.0184, rel=0.12)


def test_h_depends_on_no_unit(transreas):
    passes, scores = (scalability(table, bootstrap=50, rng=1) for table in (transreas, transreas * 10.0 + 3))
    assert (passes.H, passes.low, passes.high) == pytest.approx((scores.H, scores.low, scores.high))


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(max_examples=30)
def test_a_perfect_ladder_has_h_of_one(seed, k):
    rng = np.random.default_rng(seed)
    steps = np.r_[np.arange(k + 1), rng.integers(0, k + 1, 20)]
    x = pd.DataFrame((np.arange(k) < steps[:, None]).astype(int)).add_prefix("level ")
    result = scalability(x, bootstrap=20, rng=1)
    assert pytest.approx((1, 1, 1)) == (result.H, result.low, result.high)
    assert (result.items.Hi.round(9) == 1).all()


@pytest.mark.parametrize("strength", [0.0, 2.0])
def test_the_interval_covers_the_truth(strength):
    def levels(n, rng):
        state = rng.normal(0, strength, (n, 1)) + rng.normal(0, 1, (n, 5))
        return pd.DataFrame(state > [-1, -0.5, 0, 0.5, 1]).astype(int)

    truth = scalability(levels(200_000, np.random.default_rng(0)), bootstrap=0).H
    seeds = range(1, 151)
    results = [scalability(levels(200, np.random.default_rng(k)), bootstrap=300, rng=k) for k in seeds]
    assert 0.90 <= np.mean([one.low <= truth <= one.high for one in results]) <= 0.99


def test_levels_that_cannot_be_scaled_are_refused():
    with pytest.raises(InputError, match="at least two columns"):
        scalability(pd.DataFrame({"a": [1, 0, 1]}))
    with pytest.raises(NotEnough, match="fewer than two levels vary"):
        scalability(pd.DataFrame({"a": [1, 1, 1], "b": [0, 1, 0]}))
    with pytest.raises(NotEnough, match="0 of 2 accounts have every level"):
        scalability(pd.DataFrame({"a": [1, None], "b": [None, 1]}))
    assert scalability(pd.DataFrame({"a": [1, 1, 0, 0, None], "b": [1, 0, 0, 1, 1]}), bootstrap=0).n == 4
