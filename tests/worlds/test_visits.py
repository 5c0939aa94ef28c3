"""The made-up mall keeps the truth that its arguments name, in memory and streamed to files."""

import numpy as np
import pytest

from cxlab.worlds import visits as v
from cxlab.worlds.visits import make_outlets, make_visits


def test_true_rates_are_beta_and_organisations_share_what_they_are_told_to():
    truth = make_outlets(20_000, worst=0, organisation_share=0, rng=1)
    assert truth["rate"].mean() == pytest.approx(0.8, abs=0.003)
    assert truth["rate"].std() == pytest.approx(np.sqrt(16 * 4 / 20**2 / 21), rel=0.03)
    assert truth.groupby("organisation")["rate"].mean().std() < 0.02
    alike = make_outlets(3000, worst=0, organisation_share=0.99, rng=1)
    assert alike.groupby("organisation")["rate"].std().max() < 0.02
    assert set(alike["organisation"]) == set(v.ORGANISATIONS)
    assert make_outlets(12, rng=1)["planted"].sum() == 3


def test_visits_recover_the_outlets_true_rates_and_the_roles_gap():
    outlets = make_outlets(40, size_spread=0.2, rng=5)
    visits = make_visits(300_000, outlets=outlets, rated=1, person_spread=0, thin_drop=0, rng=5)
    off_peak = visits[~visits["timestamp"].dt.hour.between(17, 19) & (visits["role"] == "visitor")]
    seen = (off_peak["score"] >= 4).groupby(off_peak["outlet"]).agg(["mean", "size"])
    truth = outlets.set_index("outlet")["rate"].reindex(seen.index)
    z = (seen["mean"] - truth) / np.sqrt(truth * (1 - truth) / seen["size"])
    assert abs(z.mean()) < 0.5 and 0.7 < z.std() < 1.35
    by_role = (visits["score"] >= 4).groupby(visits["role"]).mean()
    assert by_role["guest"] > by_role["visitor"] > by_role["resident"]


def test_roles_change_as_told_and_are_the_same_whenever_asked():
    number, first = np.arange(200_000), np.repeat([0, 1, 2, 3], 50_000).astype(np.int8)
    later = v.roles_in(number, first, np.full(number.size, 1))
    moved = np.array([(later[first == role] != role).mean() for role in range(4)])
    assert moved == pytest.approx(v.CHANGE, rel=0.15)
    long = v.roles_in(number, first, np.full(number.size, 10_000))  # everybody has moved three times
    paths = np.linalg.matrix_power(v.JUMPS, 3)
    assert [(long[first == 0] == role).mean() for role in range(4)] == pytest.approx(paths[0], abs=0.01)
    assert (v.roles_in(number[::7], first[::7], np.full(number[::7].size, 10_000)) == long[::7]).all()


def test_the_thin_fault_comes_in_the_second_half_and_comments_fit_the_score():
    visits = make_visits(120_000, outlets=60, months=6, rated=1, commented=1, thin_drop=1.0, rng=2)
    late = visits["timestamp"].dt.month > 3
    happy = visits["score"] >= 4
    assert happy[late].mean() < happy[~late].mean() - 0.02
    signs = visits["comment"].isin(v.PHRASES["signs"])
    assert signs[late & ~happy].mean() > 3 * signs[~late & ~happy].mean()
    assert not visits["comment"][happy].isin(sum(v.PHRASES.values(), [])).any()


def test_people_have_unmistakable_ids_and_another_seed_gives_other_visits():
    first, other = (make_visits(2000, outlets=30, rng=seed) for seed in (4, 5))
    assert first["person"].between(7_000_000_000, 7_999_999_999).all()
    assert first["timestamp"].between("2025-01-01", "2026-01-01").all()
    assert not other["outlet"].equals(first["outlet"])
