"""Least squares with HC2, HC3 and clusters, the moment bootstrap, power, and composites."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestIndPower

from cxlab.methods.composites import composites
from cxlab.methods.least_squares import (
    bootstrap_moments,
    complete_cases,
    fit,
    leave_one_out_r2,
    solve_moments,
    t_quantile,
)
from cxlab.methods.power import power_table, power_two_groups, size_two_groups


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
    centred = np.column_stack(
        [column - (np.bincount(groups, column) / 5)[groups] for column in (y, *x[:, 1:].T)]
    )
    expected = fit(centred[:, 0], np.column_stack([centred[:, 1:], np.ones(90)]), groups=groups)
    found = fit(y, x[:, 1:], absorbed=groups, groups=groups)
    np.testing.assert_allclose(found.covariance, expected.covariance[:2, :2], atol=1e-12)


def test_leave_one_out_r2_equals_refitting_without_each_row(world):
    y, x, _ = world
    found = leave_one_out_r2(y, fit(y, x))
    errors, baseline = [], []
    for i in range(len(y)):
        keep = np.arange(len(y)) != i
        errors.append(y[i] - x[i] @ np.linalg.lstsq(x[keep], y[keep], rcond=None)[0])
        baseline.append(y[i] - y[keep].mean())
    assert found == pytest.approx(1 - np.sum(np.square(errors)) / np.sum(np.square(baseline)))


def test_refuses_what_no_regression_can_use(world):
    y, x, groups = world
    with pytest.raises(ValueError, match="collinear"):
        fit(y, np.column_stack([x, x[:, 1]]))
    with pytest.raises(ValueError, match="3 rows cannot carry 3 coefficients"):
        fit(y[:3], x[:3])
    with pytest.raises(ValueError, match="single cluster"):
        fit(y, x, groups=np.ones(90))
    table = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["x", "y", "z"], "c": [2, 2, 2]})
    with pytest.raises(ValueError, match="'b' holds text"):
        complete_cases(table, ["a", "b"])
    with pytest.raises(ValueError, match="'c' has the same value"):
        complete_cases(table, ["a", "c"])
    with pytest.raises(ValueError, match="'d' is not in the data"):
        complete_cases(table, ["d"])
    with pytest.raises(ValueError, match="only 2 rows are complete"):
        complete_cases(table, ["a"], minimum=5)
    with pytest.raises(ValueError, match="confidence_level=95"):
        t_quantile(95, 10)


def test_moment_bootstrap_refits_resampled_rows():
    random = np.random.default_rng(1)
    z = np.column_stack([np.ones(40), random.normal(size=(40, 3))])
    beta, left = solve_moments(bootstrap_moments(z, 6, 9), [0, 1, 2], 3)
    drawn = np.random.default_rng(9).integers(0, 40, size=(6, 40))
    for i, rows in enumerate(drawn):
        expected, residual, _, _ = np.linalg.lstsq(z[rows][:, :3], z[rows][:, 3], rcond=None)
        np.testing.assert_allclose(beta[i], expected, atol=1e-10)
        assert left[i] == pytest.approx(residual[0] / 40)
    with pytest.raises(ValueError, match="bootstrap=0"):
        bootstrap_moments(z, 0, 1)


@given(n=st.integers(5, 300), effect=st.floats(0.05, 0.5))
@settings(max_examples=25)
def test_power_equals_statsmodels(n, effect):
    assert power_two_groups(n, effect=effect) == pytest.approx(
        TTestIndPower().power(effect, n, 0.05), abs=2e-6
    )


def test_cohen_1988_table_64_per_group_for_a_medium_effect():
    assert size_two_groups(effect=0.5) == 64
    assert size_two_groups(effect=0.2) == 394


def test_clusters_and_a_measure_beforehand_change_the_size():
    plain = size_two_groups(effect=0.2)
    assert size_two_groups(effect=0.2, before_after=0.5) == pytest.approx(0.75 * plain, rel=0.02)
    clustered = size_two_groups(effect=0.2, cluster_size=20, intraclass=0.1)
    assert clustered == pytest.approx(2.9 * plain, rel=0.05) and clustered % 20 == 0
    assert power_table([10, 20], effect=0.5, design="x").columns.tolist() == ["design", "n", "power"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effect": 0}, "effect=0"),
        ({"effect": 0.5, "power": 1}, "power=1"),
        ({"effect": 0.5, "sd": 0}, "sd=0"),
        ({"effect": 0.5, "cluster_size": 0.5}, "cluster_size=0.5"),
        ({"effect": 0.5, "intraclass": 1}, "intraclass=1"),
        ({"effect": 0.5, "before_after": 1}, "before_after=1"),
    ],
)
def test_impossible_designs_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        size_two_groups(**arguments)


def test_composites_need_every_item_and_standardise():
    survey = pd.DataFrame({"a": [1, 2, 3, None], "b": [3, 4, 8, 1], "loyalty": [5, 6, 9, 7]})
    survey.attrs = {"blocks": {"product": ["a", "b"]}, "outcomes": {"loyalty": ["loyalty"]}}
    assert composites(survey)["product"].tolist() == [2.0, 3.0, 5.5]
    z = composites(survey, standardised=True)
    np.testing.assert_allclose([z.mean(), z.std(ddof=1)], [[0, 0], [1, 1]], atol=1e-12)
    with pytest.raises(ValueError, match="'c' is not in the data"):
        composites(survey, blocks={"x": ["c"]})
    with pytest.raises(ValueError, match="no items of the side 'experience'"):
        composites(survey, needed=["product", "experience"])
    with pytest.raises(ValueError, match="same value for everybody"):
        composites(survey.assign(loyalty=1), standardised=True)
