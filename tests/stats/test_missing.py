"""Covariances from all rows: complete data change nothing, gaps at random do not mislead."""

import numpy as np
import pytest

from cxlab.stats.resampling import Covariances, bootstrap_em, em_covariance


@pytest.fixture
def values():
    random = np.random.default_rng(1)
    return random.normal(size=(400, 4)) @ (np.eye(4) + 0.5) + [1, 5, 100, 3]


def test_complete_data_give_the_plain_covariance(values):
    assert em_covariance(values) == pytest.approx(np.cov(values, rowvar=False, ddof=0), abs=1e-9)


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
    assert em_covariance(np.column_stack([x, y])) == pytest.approx(np.array(expected), abs=1e-4)


def test_gaps_that_depend_on_answers_do_not_mislead_where_complete_rows_do():
    holed = np.random.default_rng(3).normal(size=(20_000, 4)) @ (np.eye(4) + 0.5)
    truth = np.cov(holed, rowvar=False)[1, 2]
    holed[holed[:, 0] > holed[:, 0].mean(), 1] = np.nan
    whole = holed[np.isfinite(holed).all(axis=1)]
    assert em_covariance(holed)[1, 2] == pytest.approx(truth, rel=0.05)
    assert np.cov(whole, rowvar=False)[1, 2] < 0.8 * truth


def test_weights_equal_repeated_rows_and_empty_rows_do_not_count(values):
    holed = values.copy()
    holed[np.random.default_rng(4).random(holed.shape) < 0.3] = np.nan
    counts = np.arange(len(holed)) % 3
    repeated = np.repeat(holed, counts, axis=0)
    assert em_covariance(holed, counts) == pytest.approx(em_covariance(repeated), abs=1e-3)
    more = np.vstack([holed, np.full((5, 4), np.nan)])
    assert em_covariance(more) == pytest.approx(em_covariance(holed), abs=1e-9)


def test_resamples_spread_as_those_of_rows_and_of_whole_clusters(values):
    holed = values.copy()
    holed[:30, 3] = np.nan
    found = Covariances(holed, draws=200, rng=1)
    plain = Covariances(values, draws=200, rng=1)
    assert found.n == 400 and found.matrices.shape == (201, 4, 4)
    assert found.matrices[1:, 0, 1].std() == pytest.approx(plain.matrices[1:, 0, 1].std(), rel=0.25)
    people = np.repeat(np.arange(100), 4)
    clustered = bootstrap_em(
        np.repeat(holed[:100], 4, axis=0), 200, np.random.default_rng(1), clusters=people
    )
    alone = bootstrap_em(holed[:100], 200, np.random.default_rng(1))
    assert clustered[1:, 0, 1].std() == pytest.approx(alone[1:, 0, 1].std(), rel=0.25)
