"""The simulated register keeps the promises of its arguments."""

import pandas as pd
import pytest

from cxlab.data.errors import InputError
from cxlab.worlds.initiatives import make_initiatives, make_pain, sample_initiatives


def test_arguments_are_the_truth():
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


def test_the_same_seed_gives_the_same_table_and_the_sample_has_its_pain():
    pd.testing.assert_frame_equal(make_initiatives(50, rng=3), make_initiatives(50, rng=3))
    assert make_pain(1000, pain_shares={"a": 3, "b": 1}, rng=1).complaints.sum() == 1000
    with pytest.raises(InputError, match="shares"):
        make_pain(pain_shares={"a": -1})
    sample = sample_initiatives()
    assert sample.simulated and len(sample.frame) == 120 and sample.related["pain"].complaints.sum() == 400
