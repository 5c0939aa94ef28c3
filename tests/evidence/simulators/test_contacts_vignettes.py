"""Simulated contacts, stories and waves: the arguments are the truth, and a seed fixes the world."""

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.tables.declarations import table_named


@pytest.mark.parametrize(
    ("make", "table"),
    [
        (lambda rng: cx.simulators.make_contacts(120, rng=rng), "contacts"),
        (lambda rng: cx.simulators.make_vignettes(30, stories=2, rng=rng), "vignette"),
        (lambda rng: cx.simulators.make_expectations(15, 3, scale=(1, 10), rng=rng), "expectations"),
    ],
)
def test_seeded_simulated_and_shaped_as_declared(make, table):
    world = make(7)
    pd.testing.assert_frame_equal(world, make(7))
    assert not world.equals(make(8))
    assert world.attrs["simulated"] is True
    declared = [column.name for column in table_named(table).columns]
    assert set(world) <= set(declared)
    assert set(table_named(table).required) <= set(world)


def test_contacts_have_the_shares_and_the_errors_that_were_asked_for():
    shares = {"product_broken": 0.5, "service_waiting": 0.3, "bill_error": 0.2}
    world = cx.simulators.make_contacts(
        20_000,
        shares=shares,
        accuracy=0.9,
        slips={("product_broken", "service_waiting"): 0.2},
        checked=1.0,
        texts=False,
        rng=1,
    )
    true = world.second_coding.value_counts(normalize=True)
    assert true.to_dict() == pytest.approx(shares, abs=0.015)
    errors = pd.crosstab(world.second_coding, world.coded_reason, normalize="index")
    assert errors.loc["product_broken", "product_broken"] == pytest.approx(0.7, abs=0.015)
    assert errors.loc["product_broken", "service_waiting"] == pytest.approx(0.25, abs=0.015)
    assert errors.loc["bill_error", "bill_error"] == pytest.approx(0.9, abs=0.015)


def test_first_contacts_have_shares_of_their_own():
    world = cx.simulators.make_contacts(
        8000,
        shares={"a": 0.1, "b": 0.9},
        first_shares={"a": 0.9, "b": 0.1},
        accuracy=1.0,
        slips={},
        customers=2000,
        texts=False,
        rng=1,
    )
    first = ~world.customer.duplicated()
    assert (world.coded_reason[first] == "a").mean() == pytest.approx(0.9, abs=0.03)
    assert (world.coded_reason[~first] == "a").mean() == pytest.approx(0.1, abs=0.03)


def test_share_coded_twice():
    world = cx.simulators.make_contacts(5000, checked=0.2, texts=False, rng=1)
    assert world.second_coding.notna().mean() == pytest.approx(0.2, abs=0.02)
    assert cx.simulators.make_contacts(50, checked=0.0, texts=False, rng=1).second_coding.isna().all()


def test_stories_have_the_effects_that_were_asked_for():
    world = cx.simulators.make_vignettes(20_000, stock=2.0, courtesy=0.5, interaction=1.0, base=4.0, rng=1)
    means = world.groupby(["stock", "courtesy"]).satisfaction.mean().tolist()
    assert means == pytest.approx([4.0, 4.5, 6.0, 7.5], abs=0.1)
    assert world.groupby(["stock", "courtesy"]).size().tolist() == [5000] * 4


def test_a_person_reads_different_stories():
    world = cx.simulators.make_vignettes(50, stories=3, rng=1)
    assert not world.duplicated(["person", "stock", "courtesy"]).any()
    assert world.groupby("person").size().eq(3).all()


def test_waves_drift_and_keep_their_scale():
    world = cx.simulators.make_expectations(4000, 3, drift=0.5, performance_trend=-0.2, rng=1)
    means = world.groupby("wave")[["expected", "perceived"]].mean().diff().dropna()
    np.testing.assert_allclose(means, [[0.5, -0.2]] * 2, atol=0.06)
    assert world.expected.corr(world.perceived) == pytest.approx(0.4, abs=0.1)
    rated = cx.simulators.make_expectations(100, 2, scale=(1, 10), rng=1)
    values = rated[["expected", "perceived", "satisfaction"]].to_numpy()
    assert ((values >= 1) & (values <= 10) & (values == np.round(values))).all()
