"""The simulators of journeys, quality, words and deeds keep the truth that their arguments name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.simulators import journeys as worlds


def test_journeys_go_on_by_their_hazards_and_are_seeded():
    made = worlds.make_journeys(20_000, segments={"all": 1.0}, observed=3000.0, leaving=0.05, rng=1)
    reached = made.groupby("event").customer_id.nunique()
    assert reached["exploration"] / reached["awareness"] == pytest.approx(0.10 / 0.15, abs=0.015)
    assert reached["evaluation"] / reached["exploration"] == pytest.approx(0.12 / 0.17, abs=0.015)
    assert made.timestamp.is_monotonic_increasing and made.attrs["simulated"] is True
    again = worlds.make_journeys(200, rng=7)
    pd.testing.assert_frame_equal(again, worlds.make_journeys(200, rng=7))
    assert not again.equals(worlds.make_journeys(200, rng=8))


def test_nothing_is_seen_after_the_end_of_observation():
    made = worlds.make_journeys(500, observed=100.0, rng=1)
    assert made.timestamp.max() <= pd.Timestamp("2024-01-01") + pd.Timedelta(days=100)


def test_stage_quality_keeps_yields_and_latent_dependence():
    made = worlds.make_stage_quality(60_000, rng=1)
    wide = made.passed.to_numpy().reshape(-1, 6)
    assert np.allclose(wide.mean(axis=0), (0.97, 0.95, 0.93, 0.96, 0.94, 0.92), atol=0.004)
    assert wide.all(axis=1).mean() == pytest.approx(0.778, abs=0.005)


def test_say_do_responsibility_and_plans_keep_their_truth():
    answers = worlds.make_say_do(500, says=0.7, gap=0.2, rng=1)
    assert answers.says_priority.mean() == pytest.approx(0.7, abs=0.01)
    assert answers.does_review.mean() == pytest.approx(0.5, abs=0.01)
    owners = worlds.make_responsibility(without_owner=2, two_owners=2, rng=3)
    counts = owners[owners.role == "accountable"].groupby("stage").size().reindex(worlds.STAGES, fill_value=0)
    assert sorted(counts) == [0, 0, 1, 1, 2, 2]
    plans = worlds.make_plans(30, rng=1)
    assert (plans.groupby("strategy").answered.mean() == 1).sum() == 10


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (worlds.make_journeys, {"hazards": (0.1,)}),
        (worlds.make_stage_quality, {"correlation": 1.0}),
        (worlds.make_say_do, {"says": 0.2, "gap": 0.3}),
        (worlds.make_responsibility, {"without_owner": 4, "two_owners": 4}),
    ],
)
def test_impossible_worlds_are_refused(make, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make(**wrong)
