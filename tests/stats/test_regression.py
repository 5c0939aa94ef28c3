"""Least squares with HC2, HC3, clusters and fixed effects against statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cxlab.stats.regression import complete_cases, fit, t_quantile


@pytest.fixture
def world():
    random = np.random.default_rng(3)
    x = np.column_stack([np.ones(90), random.normal(size=(90, 2))])
    y = x @ [1.0, 0.5, -0.3] + (1 + np.abs(x[:, 1])) * random.normal(size=90)
    return y, x, np.repeat(np.arange(18), 5)


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_robust_errors_equal_statsmodels(world, kind):
    y, x, _ = world
    expected = sm.OLS(y, x).fit(cov_type=kind, use_t=True)
    found = fit(y, x, covariance=kind)
    np.testing.assert_allclose(found.coefficients, expected.params, atol=1e-12)
    np.testing.assert_allclose(found.covariance, expected.cov_params(), atol=1e-12)
    np.testing.assert_allclose(found.contrast([0, 1, 0])[1:3], expected.conf_int()[1], atol=1e-10)


def test_clustered_errors_equal_statsmodels(world):
    y, x, groups = world
    expected = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = fit(y, x, groups=groups)
    np.testing.assert_allclose(found.covariance, expected.cov_params(), atol=1e-12)
    assert found.dof == 17


def test_absorbed_fixed_effects_equal_dummies(world):
    y, x, groups = world
    dummies = np.column_stack([x[:, 1:], pd.get_dummies(groups).to_numpy(float)])
    full, within = fit(y, dummies), fit(y, x[:, 1:], absorbed=groups)
    np.testing.assert_allclose(within.coefficients, full.coefficients[:2], atol=1e-10)
    np.testing.assert_allclose(within.classical, full.classical[:2, :2], atol=1e-10)
    np.testing.assert_allclose(within.covariance, full.covariance[:2, :2], atol=1e-10)
    assert within.dof == full.dof


def test_fixed_effects_within_clusters_cost_no_degrees_of_freedom(world):
    y, x, groups = world
    columns = (y, *x[:, 1:].T)
    centred = np.column_stack([column - (np.bincount(groups, column) / 5)[groups] for column in columns])
    expected = fit(centred[:, 0], np.column_stack([centred[:, 1:], np.ones(90)]), groups=groups)
    found = fit(y, x[:, 1:], absorbed=groups, groups=groups)
    np.testing.assert_allclose(found.covariance, expected.covariance[:2, :2], atol=1e-12)


def test_refuses_what_no_regression_can_use(world):
    y, x, _ = world
    with pytest.raises(ValueError, match="collinear"):
        fit(y, np.column_stack([x, x[:, 1]]))
    with pytest.raises(ValueError, match="3 rows cannot carry 3 coefficients"):
        fit(y[:3], x[:3])
    with pytest.raises(ValueError, match="single cluster"):
        fit(y, x, groups=np.ones(90))
    table = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["x", "y", "z"], "c": [2, 2, 2]})
    for columns, minimum, message in (
        (["a", "b"], 0, "'b' holds text"),
        (["a", "c"], 0, "'c' has the same value"),
        (["d"], 0, "'d' is not in the data"),
        (["a"], 5, "only 2 rows are complete"),
    ):
        with pytest.raises(ValueError, match=message):
            complete_cases(table, columns, minimum=minimum)
    with pytest.raises(ValueError, match="confidence_level=95"):
        t_quantile(95, 10)
