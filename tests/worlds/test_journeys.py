"""The made-up journeys, stages and initiatives keep the truth that their arguments name."""

import numpy as np
import pandas as pd
import pytest

from cxlab.data.errors import InputError
from cxlab.worlds.journeys import (
    STAGES,
    make_events,
    make_initiatives,
    make_pain,
    make_stages,
    sample_events,
    sample_initiatives,
    sample_stages,
)


def test_journeys_go_on_by_their_hazards_and_are_seeded():
    made = make_events(20_000, segments={"all": 1.0}, observed=3000.0, leaving=0.05, rng=1)
    reached = made.groupby("event").customer_id.nunique()
    assert reached["exploration"] / reached["awareness"] == pytest.approx(0.10 / 0.15, abs=0.015)
    assert reached["evaluation"] / reached["exploration"] == pytest.approx(0.12 / 0.17, abs=0.015)
    assert made.timestamp.is_monotonic_increasing
    assert make_events(500, observed=100.0, rng=1).timestamp.max() <= pd.Timestamp("2024-04-10")
    pd.testing.assert_frame_equal(make_events(200, rng=7), make_events(200, rng=7))
    assert not make_events(200, rng=7).equals(make_events(200, rng=8))


def test_stages_keep_yields_dependence_owners_words_and_deeds():
    made = make_stages(60_000, says=0.7, gap=0.2, respondents=500, without_owner=2, two_owners=2, rng=3)
    wide = made.passed.dropna().to_numpy(bool).reshape(-1, 6)
    assert np.allclose(wide.mean(axis=0), (0.97, 0.95, 0.93, 0.96, 0.94, 0.92), atol=0.004)
    assert wide.all(axis=1).mean() == pytest.approx(0.778, abs=0.005)
    assert made.says_priority.dropna().astype(bool).mean() == pytest.approx(0.7, abs=0.01)
    assert made.does_review.dropna().astype(bool).mean() == pytest.approx(0.5, abs=0.01)
    counts = made[made.role == "accountable"].groupby("stage").size().reindex(STAGES, fill_value=0)
    assert sorted(counts) == [0, 0, 1, 1, 2, 2]


def test_samples_are_tables_that_say_they_are_made_up():
    for table, kind in ((sample_events(), "events"), (sample_stages(), "stages")):
        assert table.simulated and (table.kind, table.name) == (kind, f"simulated-{kind}")
        assert len(table.frame) > 5000


@pytest.mark.parametrize(
    "wrong", [{"correlation": 1.0}, {"says": 0.2, "gap": 0.3}, {"without_owner": 4, "two_owners": 4}]
)
def test_impossible_worlds_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        make_stages(**wrong)


def test_registers_have_the_stated_shares():
    truth = {"focus_shares": 0.3, "coder_agreement": 0.9, "pay_share": 0.25, "late_share": 0.2}
    table = make_initiatives(4000, **truth, rng=7)
    assert (table.area != "customer service").all()
    seen = 0.9 * 0.3 + 0.1 * 0.7
    assert table.customer_focused.mean() == pytest.approx(seen, abs=0.02)
    assert (table.customer_focused == table.customer_focused_2).mean() == pytest.approx(0.82, abs=0.02)
    assert table.compensation_linked.mean() == pytest.approx(0.25, abs=0.02)
    assert (table.impact_low <= table.impact).all() and (table.impact <= table.impact_high).all()
    late = table[table.due < "2025-08-01"]
    assert (late.done.isna() | (late.done > late.due)).mean() == pytest.approx(0.2, abs=0.03)
    shares = {"account": 0.1, "unit": 0.1, "corporate": 0.9}
    levels = make_initiatives(4000, focus_shares=shares, coder_agreement=1.0)
    assert levels.groupby("level").customer_focused.mean()["corporate"] == pytest.approx(0.9, abs=0.04)


def test_the_same_seed_gives_the_same_register_and_the_sample_has_its_pain():
    pd.testing.assert_frame_equal(make_initiatives(50, rng=3), make_initiatives(50, rng=3))
    assert make_pain(1000, pain_shares={"a": 3, "b": 1}, rng=1).complaints.sum() == 1000
    with pytest.raises(InputError, match="shares"):
        make_pain(pain_shares={"a": -1})
    sample = sample_initiatives()
    assert sample.simulated and len(sample.frame) == 120 and sample.related["pain"].complaints.sum() == 400
