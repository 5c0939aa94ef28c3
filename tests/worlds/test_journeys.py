"""The made-up journeys, stages and initiatives keep the truth that their arguments name."""

import numpy as np
import pytest

from cxlab.worlds.small import STAGES, make_initiatives, make_stages


def test_stages_keep_yields_dependence_owners_words_and_deeds():
    made = make_stages(60_000, gap=0.2, respondents=500, without_owner=2, two_owners=2, rng=3)
    wide = made.passed.dropna().to_numpy(bool).reshape(-1, 6)
    assert np.allclose(wide.mean(axis=0), (0.97, 0.95, 0.93, 0.96, 0.94, 0.92), atol=0.004)
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
