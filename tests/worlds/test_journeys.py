"""The made-up journeys, stages and initiatives keep the truth that their arguments name."""

import numpy as np
import pandas as pd
import pytest

from cxlab.worlds.small import STAGES, make_events, make_initiatives, make_stages


def test_journeys_go_on_by_their_hazards():
    made = make_events(20_000, segments={"all": 1.0}, leaving=0.05, rng=1)
    reached = made.groupby("event").customer_id.nunique()
    assert reached["exploration"] / reached["awareness"] == pytest.approx(0.10 / 0.15, abs=0.015)
    assert reached["evaluation"] / reached["exploration"] == pytest.approx(0.12 / 0.17, abs=0.015)
    assert made.timestamp.is_monotonic_increasing and made.timestamp.max() <= pd.Timestamp("2024-12-31")


def test_stages_keep_yields_dependence_owners_words_and_deeds():
    made = make_stages(60_000, gap=0.2, respondents=500, without_owner=2, two_owners=2, rng=3)
    wide = made.passed.dropna().to_numpy(bool).reshape(-1, 6)
    assert np.allclose(wide.mean(axis=0), (0.97, 0.95, 0.93, 0.96, 0.94, 0.92), atol=0.004)
    assert wide.all(axis=1).mean() == pytest.approx(0.778, abs=0.005)
    assert made.says_priority.dropna().astype(bool).mean() == pytest.approx(0.65, abs=0.01)
    assert made.does_review.dropna().astype(bool).mean() == pytest.approx(0.45, abs=0.01)
    counts = made[made.role == "accountable"].groupby("stage").size().reindex(STAGES, fill_value=0)
    assert sorted(counts) == [0, 0, 1, 1, 2, 2]


def test_registers_have_the_stated_shares():
    table = make_initiatives(4000, focus_shares=0.3, coder_agreement=0.9, late_share=0.2, rng=7)
    assert (table.area != "customer service").all()
    seen = 0.9 * 0.3 + 0.1 * 0.7
    assert table.customer_focused.mean() == pytest.approx(seen, abs=0.02)
    assert (table.customer_focused == table.customer_focused_2).mean() == pytest.approx(0.82, abs=0.02)
    assert table.compensation_linked.mean() == pytest.approx(0.4, abs=0.02)
    assert (table.impact_low <= table.impact).all() and (table.impact <= table.impact_high).all()
    late = table[table.due < "2025-08-01"]
    assert (late.done.isna() | (late.done > late.due)).mean() == pytest.approx(0.2, abs=0.03)
    shares = {"account": 0.1, "unit": 0.1, "corporate": 0.9}
    levels = make_initiatives(4000, focus_shares=shares, coder_agreement=1.0)
    assert levels.groupby("level").customer_focused.mean()["corporate"] == pytest.approx(0.9, abs=0.04)
