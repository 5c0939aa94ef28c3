"""One bootstrap for every statistic: rows, weights, clusters, gaps; limits; pooling of several estimates."""

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from cxlab.data.errors import NotEnough
from cxlab.stats import resampling
from cxlab.stats.resampling import covariances, pool

VALUES = np.random.default_rng(5).normal(size=(60, 3)) + np.random.default_rng(6).normal(size=(60, 1))
COLUMNS = np.random.default_rng(1).normal(size=(400, 4)) @ (np.eye(4) + 0.5) + [1, 5, 100, 3]


def matrices(values, draws=0, **more):
    return covariances(values, draws=draws, rng=1, **more)


def with_gaps(values, where):
    values = values.copy()
    values[where] = np.nan
    return values


def test_resampled_covariances_are_those_of_resampled_rows():
    weights = np.random.default_rng(6).uniform(0.5, 2, 60)
    observed, *resampled = covariances(VALUES, weights=weights, draws=4, rng=9)
    assert observed == pytest.approx(np.cov(VALUES, rowvar=False, aweights=weights, ddof=0), abs=1e-12)
    picks = np.random.default_rng(9).integers(0, 60, size=(4, 60))
    for found, pick in zip(resampled, picks, strict=True):
        expected = np.cov(VALUES[pick], rowvar=False, aweights=weights[pick], ddof=0)
        assert found == pytest.approx(expected, abs=1e-12)
    sums = resampling.resampled_sums(VALUES, 4, np.random.default_rng(9))
    assert sums[1:] == pytest.approx(np.array([VALUES[pick].sum(axis=0) for pick in picks]))


@pytest.mark.parametrize("gaps", [False, True])
def test_clusters_are_drawn_whole_and_a_cluster_a_row_is_the_plain_sample(gaps):
    values = with_gaps(COLUMNS[:100], (slice(0, 8), 3)) if gaps else COLUMNS[:100]
    plain = matrices(values, 400)
    single = matrices(values, 400, clusters=np.arange(100))
    twins = np.repeat(values, 3, axis=0)  # three equal rows a person hold no more than one
    clustered = matrices(twins, 400, clusters=np.repeat(np.arange(100), 3))
    for other in (single, clustered):
        assert other[0] == pytest.approx(plain[0], abs=1e-5 if gaps else 1e-12)
        assert other[1:, 0, 1].std() == pytest.approx(plain[1:, 0, 1].std(), rel=0.2)


def test_means_of_columns_slopes_and_correlations_are_those_of_the_data():
    found = covariances(VALUES, draws=3, rng=2)
    mean = np.column_stack([VALUES[:, 0], VALUES[:, 1:].mean(axis=1)])
    assert resampling.composites(found, [[0], [1, 2]])[0] == pytest.approx(np.cov(mean.T, ddof=0), abs=1e-12)
    design = VALUES[:, :2] - VALUES[:, :2].mean(axis=0)
    expected = np.linalg.lstsq(design, VALUES[:, 2] - VALUES[:, 2].mean(), rcond=None)[0]
    assert resampling.slopes(found)[:, 0] == pytest.approx(expected)
    both = resampling.composites(found, [[0, 1], [-1]])
    expected = np.cov(VALUES[:, :2].mean(axis=1), VALUES[:, 2], ddof=0)
    assert both[0] == pytest.approx(expected, abs=1e-12)
    assert resampling.correlations(found)[0] == pytest.approx(np.corrcoef(VALUES, rowvar=False))


def test_means_take_the_answers_that_are_there_with_their_weights():
    table = np.array([[1.0, np.nan], [2.0, 4.0], [6.0, 8.0]])
    weights = [1.0, 1.0, 2.0]
    found = resampling.resampled_means(table, draws=50, weights=weights, clusters=["a", "a", "b"], rng=1)
    assert found[:, 0] == pytest.approx([15 / 4, 20 / 3]) and found.shape == (2, 51)
    assert set(np.round(found[0, 1:], 6)) <= {1.5, 3.75, 6.0}  # both persons, or one of them twice


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
    assert matrices(np.column_stack([x, y]))[0] == pytest.approx(np.array(expected), abs=1e-4)


def test_gaps_that_depend_on_answers_do_not_mislead_where_complete_rows_do():
    full = np.random.default_rng(3).normal(size=(20_000, 4)) @ (np.eye(4) + 0.5)
    truth = np.cov(full, rowvar=False)[1, 2]
    part = with_gaps(full, (full[:, 0] > full[:, 0].mean(), 1))
    whole = part[np.isfinite(part).all(axis=1)]
    assert matrices(part)[0][1, 2] == pytest.approx(truth, rel=0.05)
    assert np.cov(whole, rowvar=False)[1, 2] < 0.8 * truth


def test_weights_equal_repeated_rows_and_empty_rows_do_not_count():
    part = with_gaps(COLUMNS, np.random.default_rng(4).random(COLUMNS.shape) < 0.3)
    counts = np.arange(len(part)) % 3
    repeated = np.repeat(part, counts, axis=0)
    assert matrices(part, weights=counts) == pytest.approx(matrices(repeated), abs=1e-3)
    more = np.vstack([part, np.full((5, 4), np.nan)])
    assert matrices(more) == pytest.approx(matrices(part), abs=1e-9)


def test_resamples_of_rows_with_few_gaps_spread_as_those_without():
    found, plain = matrices(with_gaps(COLUMNS, (slice(0, 30), 3)), 200), matrices(COLUMNS, 200)
    assert found.shape == (201, 4, 4)
    assert found[1:, 0, 1].std() == pytest.approx(plain[1:, 0, 1].std(), rel=0.25)


# Colditz et al. 1994, BCG vaccine (metadat::dat.bcg): cases and others, vaccinated and not.
BCG = """
    4 119 11 128    6 300 29 274      3 228 11 209   62 13536 248 12619  33 5036 47 5761
    180 1361 372 1079  8 2537 10 619  505 87886 499 87892  29 7470 45 7232  17 1699 65 1600
    186 50448 141 27197  5 2493 3 2338  27 16886 29 17825
"""


def test_pooling_bcg_equals_metafor_and_statsmodels():
    a, b, c, d = np.array(BCG.split(), float).reshape(-1, 4).T
    y, v = np.log(a / (a + b) / (c / (c + d))), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    found, table = pool(y, v)
    assert found.estimate == pytest.approx(-0.714117222073227, abs=1e-9)
    assert found.tau**2 == pytest.approx(0.308760262862376, abs=1e-9)
    # Q-profile limits as published with metafor (Viechtbauer 2007: .1197 to 1.1115)
    assert (found.tau_low**2, found.tau_high**2) == pytest.approx((0.1197, 1.1115), abs=1e-4)
    expected = combine_effects(y, v, method_re="dl", use_t=True)
    assert found.estimate == pytest.approx(expected.mean_effect_re)
    assert found.low == pytest.approx(expected.conf_int()[3][0])
    own = (table["shrunk"] - found.estimate) / (y - found.estimate)
    assert own.between(0, 1).all() and (np.argsort(-own) == np.argsort(v)).all()


def test_equal_groups_are_pulled_all_the_way_and_one_group_is_refused():
    found, table = pool([0.5, 0.5, 0.5], [0.01, 0.02, 0.03])
    assert found.tau == 0 == found.tau_low and table["shrunk"].tolist() == pytest.approx([0.5] * 3)
    for bad in (([0.5], [0.1]), ([0.5, np.nan], [0.1, 0.1]), ([0.5, 0.4], [0.1, 0.0])):
        with pytest.raises(NotEnough):
            pool(*bad)


def test_a_step_from_the_sample_is_close_to_a_fit_of_the_resample():
    part = with_gaps(COLUMNS, np.random.default_rng(4).random(COLUMNS.shape) < 0.3)
    part = part[np.isfinite(part).any(axis=1)]
    found = covariances(part, draws=10, rng=3)[1:]
    times = next(resampling._resamples(len(part), None, 10, np.random.default_rng(3))).astype(int)
    fitted = np.array([covariances(part.repeat(each, axis=0), draws=0)[0] for each in times])
    assert np.abs(found - fitted).max() < 0.25 * found.std(axis=0).mean()
    with pytest.raises(NotEnough, match="at most 100 are"):
        covariances(np.tile(part, 26))
