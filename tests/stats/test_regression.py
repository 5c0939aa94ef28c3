"""Least squares with HC2, HC3 and clusters against statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cxlab.stats.regression import complete_cases, fit

RANDOM = np.random.default_rng(3)
X = np.column_stack([np.ones(90), RANDOM.normal(size=(90, 2))])
Y = X @ [1.0, 0.5, -0.3] + (1 + np.abs(X[:, 1])) * RANDOM.normal(size=90)
GROUPS = np.repeat(np.arange(18), 5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"covariance": "HC2"}, {"cov_type": "HC2"}),
        ({}, {"cov_type": "HC3"}),
        ({"groups": GROUPS}, {"cov_type": "cluster", "cov_kwds": {"groups": GROUPS}}),
    ],
)
def test_robust_errors_equal_statsmodels(ours, theirs):
    expected, found = sm.OLS(Y, X).fit(use_t=True, **theirs), fit(Y, X, **ours)
    np.testing.assert_allclose(found.coefficients, expected.params, atol=1e-12)
    np.testing.assert_allclose(found.covariance, expected.cov_params(), atol=1e-12)
    np.testing.assert_allclose(found.contrast([0, 1, 0])[1:3], expected.conf_int()[1], atol=1e-10)
    np.testing.assert_allclose(found.classical, sm.OLS(Y, X).fit().cov_params(), atol=1e-12)
    assert found.dof == (17 if "groups" in ours else 87) and found.r2 == pytest.approx(expected.rsquared)


def test_refuses_what_no_regression_can_use():
    with pytest.raises(ValueError, match="collinear"):
        fit(Y, np.column_stack([X, X[:, 1]]))
    with pytest.raises(ValueError, match="3 rows cannot carry 3 coefficients"):
        fit(Y[:3], X[:3])
    with pytest.raises(ValueError, match="single cluster"):
        fit(Y, X, groups=np.ones(90))


@pytest.mark.parametrize(
    ("columns", "minimum", "message"),
    [
        (["a", "b"], 0, "'b' holds text"),
        (["a", "c"], 0, "'c' has the same value"),
        (["d"], 0, "'d' is not in the data"),
        (["a"], 5, "only 2 rows have all of a"),
    ],
)
def test_columns_that_cannot_be_used_are_named(columns, minimum, message):
    table = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["x", "y", "z"], "c": [2, 2, 2]})
    with pytest.raises(ValueError, match=message):
        complete_cases(table, columns, minimum=minimum)
