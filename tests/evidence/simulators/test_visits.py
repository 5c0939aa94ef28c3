"""Simulated malls, lives and governance: arguments are the truth, seeds repeat, nonsense is refused."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.simulators import governance, roles, visits
from cxlab.evidence.simulators.outlets import ORGANISATIONS, make_outlets

MODULES = [
    "cxlab.evidence.simulators.outlets", "cxlab.evidence.simulators.visits", "cxlab.evidence.simulators.roles",
    "cxlab.methods.outlets.casemix", "cxlab.methods.outlets.components", "cxlab.methods.outlets.limits",
    "cxlab.methods.outlets.monitoring", "cxlab.methods.outlets.privacy", "cxlab.methods.outlets.shrinkage",
    "cxlab.methods.roles.paths", "cxlab.methods.roles.spells", "cxlab.methods.roles.transitions",
    "cxlab.methods.ecosystem.exposure", "cxlab.methods.ecosystem.governance", "cxlab.methods.ecosystem.themes",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_hold(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0


def test_true_rates_are_beta_and_organisations_share_what_they_are_told_to():
    truth = make_outlets(20_000, worst=0, changed=0, organisation_share=0, rng=1)
    assert truth["rate"].mean() == pytest.approx(0.8, abs=0.003)
    assert truth["rate"].std() == pytest.approx(np.sqrt(16 * 4 / 20**2 / 21), rel=0.03)
    assert truth.groupby("organisation")["rate"].mean().std() < 0.02
    alike = make_outlets(3000, worst=0, changed=0, organisation_share=0.99, rng=1)
    assert alike.groupby("organisation")["rate"].std().max() < 0.02
    assert set(truth["organisation"]) == set(ORGANISATIONS)


def test_worst_and_changed_are_different_outlets_and_few():
    truth = make_outlets(400, worst=20, changed=5, rng=2)
    assert (truth["planted"].sum(), truth["changed"].sum()) == (20, 5)
    assert not (truth["planted"] & truth["changed"]).any()
    tiny = make_outlets(12, rng=1)
    assert tiny["planted"].sum() == 3


def test_the_fall_happens_where_and_when_it_was_planted():
    truth = make_outlets(60, changed=6, worst=0, size_spread=0, rng=3)
    seen = visits.make_visits(200_000, outlets=truth, fall=1.8, fall_month=9, thin_drop=0, rng=3).dropna(
        subset=["score"]
    )
    after = seen["timestamp"].dt.month >= 9
    ok = (seen["score"] >= 4).groupby([seen["outlet"], after]).mean().unstack()
    drop = ok[True] - ok[False]
    fell = drop[truth.set_index("outlet")["changed"]]
    assert fell.max() < -0.15
    assert abs(drop.drop(fell.index).mean()) < 0.02


def test_the_same_seed_gives_the_same_visits_and_people_have_unmistakable_ids():
    first, second = (visits.make_visits(2000, outlets=30, rng=4) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert first["person"].between(7_000_000_000, 7_999_999_999).all()
    assert first.attrs["simulated"] is True
    assert first["timestamp"].between("2025-01-01", "2026-01-01").all()
    assert not visits.make_visits(2000, outlets=30, rng=5)["outlet"].equals(first["outlet"])


def test_longer_files_take_no_more_memory(tmp_path):
    import tracemalloc

    peaks = []
    for rows in (1_200_000, 4_800_000):
        tracemalloc.start()
        visits.write_visits(
            tmp_path / str(rows), visits=rows, outlets=50, months=1 if rows < 2_000_000 else 4, rng=1
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_outlets(5), "outlets=5"),
        (lambda: make_outlets(50, organisation_share=2), "organisation_share=2"),
        (lambda: visits.make_visits(0), "visits=0"),
        (lambda: visits.make_visits(10, rated=1.5), "rated=1.5"),
        (lambda: roles.make_roles(10, overlap=-1), "overlap=-1"),
        (lambda: roles.make_roles(10, jumps=roles.JUMPS * 2), "rows that sum to 1"),
        (lambda: roles.make_paths(10, steps=roles.PATHS.iloc[:3]), "rows sum to 1"),
        (lambda: governance.make_kpis(agreement=3), "agreement=3"),
        (lambda: governance.make_rights(gaps=9, overlaps=9), "gaps=9"),
    ],
)
def test_nonsense_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_package_names_them():
    for name in (
        "make_visits",
        "write_visits",
        "make_outlets",
        "make_roles",
        "make_paths",
        "make_kpis",
        "make_findings",
    ):
        assert callable(getattr(cx.simulators, name))
