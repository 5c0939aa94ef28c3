"""One bootstrap for every statistic: rows, weights, clusters, gaps; limits; pooling of several estimates."""

import numpy as np
import pytest
from scipy.stats import chi2
from statsmodels.stats.meta_analysis import combine_effects

from cxlab.data.errors import NotEnough
from cxlab.stats.lmg import bootstrap_covariances
from cxlab.stats.resampling import (
    Covariances,
    bootstrap_em,
    composites,
    correlations,
    limits,
    pool,
    resampled_means,
    slopes,
)


@pytest.fixture
def values():
    random = np.random.default_rng(5)
    return random.normal(size=(60, 3)) + random.normal(size=(60, 1))


def test_bootstrap_covariances_are_those_of_resampled_rows(values):
    weights = np.random.default_rng(6).uniform(0.5, 2, 60)
    observed, resampled = bootstrap_covariances(values, weights, 4, np.random.default_rng(9))
    assert observed == pytest.approx(np.cov(values, rowvar=False, aweights=weights, ddof=0), abs=1e-12)
    picks = np.random.default_rng(9).integers(0, 60, size=(4, 60))
    for draw, pick in enumerate(picks):
        expected = np.cov(values[pick], rowvar=False, aweights=weights[pick], ddof=0)
        assert resampled[draw] == pytest.approx(expected, abs=1e-12)


def test_clusters_are_drawn_whole_and_a_cluster_a_row_is_the_plain_sample(values):
    plain = Covariances(values, draws=400, rng=1)
    single = Covariances(values, draws=400, clusters=np.arange(60), rng=1)
    assert single.matrices[0] == pytest.approx(plain.matrices[0], abs=1e-12)
    spread = plain.matrices[1:, 0, 1].std()
    assert single.matrices[1:, 0, 1].std() == pytest.approx(spread, rel=0.2)
    people = np.repeat(np.arange(20), 3)
    twins = np.repeat(values[:20], 3, axis=0)  # three equal rows a person hold no more than one
    clustered = Covariances(twins, draws=400, clusters=people, rng=1)
    alone = Covariances(values[:20], draws=400, rng=1)
    assert clustered.matrices[1:, 0, 1].std() == pytest.approx(alone.matrices[1:, 0, 1].std(), rel=0.2)


def test_part_and_mean_of_the_last_columns_are_those_of_the_data(values):
    found = Covariances(values, draws=3, rng=2)
    assert found.part([2, 0]).matrices[0] == pytest.approx(np.cov(values[:, [2, 0]].T, ddof=0), abs=1e-12)
    mean = np.column_stack([values[:, 0], values[:, 1:].mean(axis=1)])
    assert found.with_mean_last(2).matrices[0] == pytest.approx(np.cov(mean.T, ddof=0), abs=1e-12)
    design = values[:, :2] - values[:, :2].mean(axis=0)
    expected = np.linalg.lstsq(design, values[:, 2] - values[:, 2].mean(), rcond=None)[0]
    assert slopes(found.matrices)[:, 0] == pytest.approx(expected)


def test_composites_and_correlations(values):
    matrices = np.cov(values, rowvar=False)[None]
    both = composites(matrices, [[0, 1]], standardise=False)
    expected = np.cov(values[:, :2].mean(axis=1), values[:, 2])
    assert both[0] == pytest.approx(expected, abs=1e-12)
    assert correlations(matrices)[0] == pytest.approx(np.corrcoef(values, rowvar=False))


def test_limits_of_nothing_are_nothing():
    low, high = limits(np.array([[1.0, 2.0, 3.0], [np.nan] * 3]), 0.5)
    assert (low[0], high[0]) == (1.5, 2.5) and np.isnan([low[1], high[1]]).all()
    low, high = limits(np.empty((2, 0)))
    assert np.isnan(low).all() and np.isnan(high).all()


def test_means_take_the_answers_that_are_there_with_their_weights():
    table = np.array([[1.0, np.nan], [2.0, 4.0], [6.0, 8.0]])
    weights = [1.0, 1.0, 2.0]
    found = resampled_means(table, draws=50, weights=weights, clusters=["a", "a", "b"], rng=1)
    assert found[:, 0] == pytest.approx([15 / 4, 20 / 3]) and found.shape == (2, 51)
    assert set(np.round(found[0, 1:], 6)) <= {1.5, 3.75, 6.0}  # both persons, or one of them twice


@pytest.fixture
def columns():
    random = np.random.default_rng(1)
    return random.normal(size=(400, 4)) @ (np.eye(4) + 0.5) + [1, 5, 100, 3]


def all_rows(values, weights=None):
    return bootstrap_em(values, 0, np.random.default_rng(0), weights)[0]


def test_complete_data_give_the_plain_covariance(columns):
    assert all_rows(columns) == pytest.approx(np.cov(columns, rowvar=False, ddof=0), abs=1e-9)


def test_one_gap_pattern_equals_the_closed_form_of_anderson_1957():
    """The second column is missing for the later rows: its moments come from the regression on the first."""
    random = np.random.default_rng(2)
    x = random.normal(size=300)
    y = 0.7 * x + random.normal(size=300)
    y[180:] = np.nan
    seen = slice(0, 180)
    slope = np.cov(x[seen], y[seen], ddof=0)[0, 1] / x[seen].var()
    residual = (y[seen] - y[seen].mean() - slope * (x[seen] - x[seen].mean())).var()
    expected = [[x.var(), slope * x.var()], [slope * x.var(), residual + slope**2 * x.var()]]
    assert all_rows(np.column_stack([x, y])) == pytest.approx(np.array(expected), abs=1e-4)


def test_gaps_that_depend_on_answers_do_not_mislead_where_complete_rows_do():
    holed = np.random.default_rng(3).normal(size=(20_000, 4)) @ (np.eye(4) + 0.5)
    truth = np.cov(holed, rowvar=False)[1, 2]
    holed[holed[:, 0] > holed[:, 0].mean(), 1] = np.nan
    whole = holed[np.isfinite(holed).all(axis=1)]
    assert all_rows(holed)[1, 2] == pytest.approx(truth, rel=0.05)
    assert np.cov(whole, rowvar=False)[1, 2] < 0.8 * truth


def test_weights_equal_repeated_rows_and_empty_rows_do_not_count(columns):
    holed = columns.copy()
    holed[np.random.default_rng(4).random(holed.shape) < 0.3] = np.nan
    counts = np.arange(len(holed)) % 3
    repeated = np.repeat(holed, counts, axis=0)
    assert all_rows(holed, counts) == pytest.approx(all_rows(repeated), abs=1e-3)
    more = np.vstack([holed, np.full((5, 4), np.nan)])
    assert all_rows(more) == pytest.approx(all_rows(holed), abs=1e-9)


def test_resamples_spread_as_those_of_rows_and_of_whole_clusters(columns):
    holed = columns.copy()
    holed[:30, 3] = np.nan
    found = Covariances(holed, draws=200, rng=1)
    plain = Covariances(columns, draws=200, rng=1)
    assert found.n == 400 and found.matrices.shape == (201, 4, 4)
    assert found.matrices[1:, 0, 1].std() == pytest.approx(plain.matrices[1:, 0, 1].std(), rel=0.25)
    people = np.repeat(np.arange(100), 4)
    clustered = bootstrap_em(
        np.repeat(holed[:100], 4, axis=0), 200, np.random.default_rng(1), clusters=people
    )
    alone = bootstrap_em(holed[:100], 200, np.random.default_rng(1))
    assert clustered[1:, 0, 1].std() == pytest.approx(alone[1:, 0, 1].std(), rel=0.25)


# Colditz et al. 1994, BCG vaccine (metadat::dat.bcg): cases and others, vaccinated and not.
BCG = np.array(
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619],
        [33, 5036, 47, 5761], [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892],
        [29, 7470, 45, 7232], [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ]
)  # fmt: skip


def test_pooling_bcg_equals_metafor_and_statsmodels():
    a, b, c, d = BCG.T
    y, v = np.log(a / (a + b) / (c / (c + d))), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    found, table = pool(y, v)
    assert found.estimate == pytest.approx(-0.714117222073227, abs=1e-9)
    assert found.tau**2 == pytest.approx(0.308760262862376, abs=1e-9)
    # Q-profile limits as published with metafor (Viechtbauer 2007: .1197 to 1.1115)
    assert (found.tau_low**2, found.tau_high**2) == pytest.approx((0.1197, 1.1115), abs=1e-4)
    expected = combine_effects(y, v, method_re="dl", use_t=True)
    assert found.estimate == pytest.approx(expected.mean_effect_re) and chi2.isf(
        found.p, 12
    ) == pytest.approx(152.233, abs=5e-4)
    assert found.low == pytest.approx(expected.conf_int()[3][0])
    inside = table["shrunk"].between(np.minimum(y, found.estimate), np.maximum(y, found.estimate))
    assert inside.all() and (np.argsort(-table["weight"]) == np.argsort(v)).all()


def test_equal_groups_are_pulled_all_the_way_and_one_group_is_refused():
    found, table = pool([0.5, 0.5, 0.5], [0.01, 0.02, 0.03])
    assert found.tau == 0 == found.tau_low and table["shrunk"].tolist() == pytest.approx([0.5] * 3)
    assert found.predicted_low < 0.5 < found.predicted_high
    assert np.isnan(pool([0.1, 0.4], [0.01, 0.01])[0].predicted_low)
    for bad in (([0.5], [0.1]), ([0.5, np.nan], [0.1, 0.1]), ([0.5, 0.4], [0.1, 0.0])):
        with pytest.raises(NotEnough):
            pool(*bad)
