"""Wilson, Newcombe, the rule of three, Benjamini-Hochberg and the percentile interval."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from cxlab.stats.intervals import (
    benjamini_hochberg,
    newcombe,
    normal_quantile,
    percentile_interval,
    rule_of_three,
    wilson,
)

# Newcombe (1998), Statistics in Medicine 17:857, method 3 (also R's prop.test without correction).
ONE = {
    (81, 263): (0.2553, 0.3662),
    (15, 148): (0.0624, 0.1605),
    (0, 20): (0, 0.1611),
    (1, 29): (0.0061, 0.1718),
}
# Newcombe (1998), Statistics in Medicine 17:873, method 10.
TWO = {
    (56, 70, 48, 80): (0.0524, 0.3339),
    (9, 10, 3, 10): (0.1705, 0.8090),
    (6, 7, 2, 7): (0.0582, 0.8062),
    (5, 56, 0, 29): (-0.0381, 0.1926),
}
# Benjamini & Hochberg (1995), the 15 p-values of their example.
BH_1995 = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
           0.6528, 0.7590, 1.0]  # fmt: skip


def test_newcombe_1998_methods_3_and_10():
    x, n = np.array(list(ONE)).T
    np.testing.assert_allclose(np.transpose(wilson(x, n)), list(ONE.values()), atol=6e-5)
    counts = np.array(list(TWO)).T
    difference, low, high = newcombe(*counts)
    np.testing.assert_allclose(difference, counts[0] / counts[1] - counts[2] / counts[3])
    np.testing.assert_allclose(np.transpose([low, high]), list(TWO.values()), atol=6e-5)


def test_benjamini_hochberg_1995_four_rejections():
    reject, adjusted = benjamini_hochberg(BH_1995)
    assert reject.tolist() == [True] * 4 + [False] * 11
    assert adjusted[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625], abs=1e-9)


@given(st.integers(1, 500), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_equals_statsmodels(n, data, level):
    x = data.draw(st.integers(0, n))
    expected = proportion_confint(x, n, 1 - level, method="wilson")
    np.testing.assert_allclose(wilson(x, n, level), expected, atol=1e-12)


def test_newcombe_equals_statsmodels():
    for counts in [(3, 9, 40, 70), (0, 12, 5, 12), (11, 11, 2, 30)]:
        expected = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
        np.testing.assert_allclose(newcombe(*counts)[1:], expected, atol=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.01, 0.5))
def test_benjamini_hochberg_equals_statsmodels_and_keeps_missing_tests_out(p, level):
    reject, adjusted = benjamini_hochberg([*p, np.nan], level)
    np.testing.assert_allclose(adjusted[:-1], multipletests(p, level, method="fdr_bh")[1], atol=1e-12)
    assert np.isnan(adjusted[-1]) and (reject == (adjusted <= level)).all()


def test_edges_and_refusals():
    assert wilson(0, 0) == (0, 1) and wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1
    for bad in [(-1, 5), (6, 5), (float("nan"), 5)]:
        with pytest.raises(ValueError, match="successes must lie between 0 and n"):
            wilson(*bad)
    with pytest.raises(ValueError, match="n1 and n2 must be at least 1"):
        newcombe(0, 0, 1, 2)
    with pytest.raises(ValueError, match="confidence_level=95"):
        wilson(1, 2, 95)


@given(st.integers(1, 5000))
def test_rule_of_three_is_the_exact_binomial_bound(n):
    assert (1 - rule_of_three(n)) ** n == pytest.approx(0.05, rel=1e-6) and rule_of_three(n) <= 3 / n


def test_percentile_interval_leaves_out_missing_draws():
    draws = np.column_stack([np.arange(101.0), np.arange(101.0) * 2])
    low, high = percentile_interval(draws, 0.9)
    assert low == pytest.approx([5, 10]) and high == pytest.approx([95, 190])
    draws[:50, 0], draws[:, 1] = np.nan, np.nan
    low, high = percentile_interval(draws, 0.9)
    assert low[0] > 50 and np.isnan([low[1], high[1]]).all() and np.isnan(percentile_interval([])).all()
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054, abs=1e-12)


def test_importing_it_needs_neither_scipy_nor_pandas_nor_statsmodels():
    code = "import sys, cxlab.stats.intervals; print({'scipy', 'pandas', 'statsmodels'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
