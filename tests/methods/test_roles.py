"""Roles: published numbers, identities, and the truth of simulated lives and paths recovered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.evidence.errors import InputError
from cxlab.evidence.simulators.roles import JUMPS, PATHS, make_paths, make_roles
from cxlab.methods import roles

# Steps of the 10,000 example paths of ChannelAttribution 2.2 (CRAN), counted from its data set PathData:
# rows (start) and the channels, columns the channels, conversion, no conversion.
CHANNELS = """alpha beta delta epsilon eta gamma iota kappa lambda mi theta zeta"""
STEPS = """
    28846 12119 3 435 14213 696 20427 305 3837 8 7391 107 0 0
    102922 1965 3 1138 2341 197 6202 277 2128 0 3484 507 8447 29945
    3414 14031 3 393 10583 108 4873 134 789 0 1899 410 989 3392
    0 7 0 0 0 0 3 2 8 0 0 0 5 17
    1064 278 0 637 486 40 601 63 355 0 322 150 531 1692
    4608 4513 8 1071 8511 75 3122 353 807 0 1602 341 4167 14205
    364 132 0 23 141 186 269 0 106 0 128 17 92 330
    7889 5216 3 1171 4392 282 32974 550 2740 7 4054 1566 3355 11963
    276 123 0 60 238 12 337 470 261 0 190 48 230 716
    2122 590 11 469 567 75 1622 455 7558 0 1048 232 1207 3919
    0 0 0 0 0 0 7 0 0 0 0 0 2 6
    7352 1702 7 648 1618 110 4670 309 982 0 2466 243 653 2072
    699 342 4 174 293 7 1055 43 304 0 248 737 107 345
"""
# Daily rain at Alofi (markovchain package): moves between 0, 1-5 and 6+ mm.
RAIN = pd.DataFrame(
    [[362, 126, 60], [136, 90, 68], [50, 79, 124]], index=["0", "1-5", "6+"], columns=["0", "1-5", "6+"]
)


def channel_steps() -> pd.DataFrame:
    channels = CHANNELS.split()
    table = np.array([[int(number) for number in line.split()] for line in STEPS.strip().splitlines()])
    frame = pd.DataFrame(table, index=["(start)", *channels], columns=[*channels, "(conversion)", "(none)"])
    frame = frame.rename_axis(index="from", columns="to").stack().rename("count").reset_index()
    return frame[frame["count"] > 0]


def simulated_effect(steps: pd.DataFrame, removed: str, paths: int, rng: np.random.Generator) -> float:
    """Walk the paths: the share of conversions that ran through a touchpoint."""
    table = steps.pivot(index="from", columns="to", values="count").fillna(0)
    channels = [name for name in table.index if name != "(start)"]
    share = table.loc[[*channels, "(start)"], [*channels, "(conversion)", "(none)"]].to_numpy(float)
    cumulative = np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)
    k, stop = len(channels), channels.index(removed)
    at, met, won = np.full(paths, k), np.zeros(paths, bool), np.zeros(paths, bool)
    alive = np.arange(paths)
    while alive.size:
        following = (rng.random(alive.size)[:, None] > cumulative[at[alive]]).sum(axis=1).clip(max=k + 1)
        at[alive] = following
        met[alive] |= following == stop
        won[alive] = following == k
        alive = alive[following < k]
    return float((won & met).sum() / won.sum())


def test_rain_matrix_of_the_markovchain_vignette():
    table = roles.transition_matrix(RAIN).set_index(["from", "to"])
    assert table.loc[("0", "0"), "probability"] == pytest.approx(0.66058, abs=1e-5)
    assert table.loc[("6+", "6+"), "probability"] == pytest.approx(0.49012, abs=1e-5)
    assert table["probability"].groupby("from").sum().tolist() == pytest.approx([1, 1, 1])


def test_removal_effects_of_the_ChannelAttribution_example_by_a_million_simulated_paths():
    steps = channel_steps()
    effects = roles.removal_effect(steps).set_index("touchpoint")["effect"]
    rng = np.random.default_rng(1)
    for channel, package in {"alpha": 0.5587, "iota": 0.3957, "eta": 0.3489}.items():
        assert effects[channel] == pytest.approx(simulated_effect(steps, channel, 1_000_000, rng), abs=0.01)
        assert effects[channel] == pytest.approx(package, abs=0.011)  # the package simulates too


def test_removal_effect_equals_the_chain_with_the_touchpoint_taken_out():
    people = make_paths(3000, rng=3)
    effects = roles.removal_effect(people, bootstrap=0).set_index("touchpoint")
    steps = roles.path_counts(people)
    for name in ("mall", "adviser"):
        gone = steps.copy()
        gone.loc[gone["to"] == name, "to"] = "(none)"
        gone = gone[gone["from"] != name].groupby(["from", "to"], as_index=False)["count"].sum()
        left = roles.removal_effect(gone).attrs["conversion"]
        whole = roles.removal_effect(steps).attrs["conversion"]
        assert effects.loc[name, "effect"] == pytest.approx(1 - left / whole)


def test_removal_intervals_cover_the_truth_of_the_simulator():
    chance = PATHS.rename_axis("from").rename_axis("to", axis=1).stack().rename("count").reset_index()
    truth = roles.removal_effect(chance).set_index("touchpoint")["effect"]
    inside = []
    for seed in range(15):
        found = roles.removal_effect(make_paths(800, rng=seed), bootstrap=150, rng=seed).set_index(
            "touchpoint"
        )
        inside += [found.loc[name, "low"] <= truth[name] <= found.loc[name, "high"] for name in truth.index]
    assert 0.86 <= np.mean(inside) <= 1.0


def test_conversion_rate_is_that_of_the_people():
    people = make_paths(2000, rng=5)
    rate = people.drop_duplicates("person")["converted"].mean()
    assert roles.removal_effect(people, bootstrap=0).attrs["conversion"] == pytest.approx(rate)


def test_jump_chances_are_recovered():
    table = roles.transition_matrix(make_roles(20_000, overlap=0, rng=2), states=list(JUMPS.index))
    truth = JUMPS.iloc[:, :-1].div(JUMPS.iloc[:, :-1].sum(axis=1), axis=0).stack()
    # spells that would begin after the period are not seen, whatever they are
    off = table[table["from"] != table["to"]].set_index(["from", "to"])
    inside = (off["low"] <= truth.reindex(off.index)) & (truth.reindex(off.index) <= off["high"])
    assert inside.mean() >= 0.75
    assert off["probability"].tolist() == pytest.approx(truth.reindex(off.index).tolist(), abs=0.03)


def test_memory_beyond_the_current_role_is_found_only_where_planted():
    p = [roles.order_test(make_roles(1500, rng=seed)).p for seed in range(30)]
    assert np.mean(np.array(p) < 0.05) <= 0.2
    remembers = roles.order_test(make_roles(1500, memory=0.2, rng=1))
    assert remembers.p < 1e-6
    assert remembers.bits > roles.order_test(make_roles(1500, rng=1)).bits


def test_memory_of_short_paths_is_missing_not_zero():
    short = roles.order_test(pd.DataFrame({"person": [1, 2], "role": "a", "timestamp": 1}))
    assert short.moves == 0 and np.isnan(short.p) and np.isnan(short.bits)


def test_sojourn_counts_open_spells_and_the_naive_mean_does_not():
    table = roles.sojourn(make_roles(8000, overlap=0, rng=4)).set_index("role")
    for role, mean in {"visitor": 1.5, "guest": 0.5, "investor": 4.0, "resident": 7.0}.items():
        assert table.loc[role, "years"] == pytest.approx(mean * np.log(2), rel=0.12)
    assert table.loc["resident", "naive"] < 0.6 * 7.0
    assert (table["low"] <= table["years"]).all() and (table["years"] <= table["high"]).all()


def test_overlap_is_none_without_and_some_with_it():
    apart = roles.overlap(make_roles(800, overlap=0, rng=1))
    together = roles.overlap(make_roles(800, overlap=0.5, rng=1))
    assert apart["both"].sum() == 0
    assert together["share"].max() > 0.2
    both = together.set_index(["role", "also"])["both"]
    assert both[("investor", "resident")] == both[("resident", "investor")]


def test_lifetime_and_touched_shares_sum_to_one():
    lives = make_roles(1500, rng=6)
    life = roles.lifetime(lives)
    assert life["share"].sum() == pytest.approx(1)
    assert life["years"].is_monotonic_increasing
    reach = roles.touched(lives)
    assert reach["share"].sum() == pytest.approx(1)
    assert reach["at_least"].iloc[0] == 1
    two = lives.groupby("person")["organisation"].nunique().ge(2).mean()
    assert reach.loc[1, "at_least"] == pytest.approx(two)


def test_a_role_never_left_has_no_probability_but_an_interval():
    table = roles.transition_matrix(pd.DataFrame([[3, 1], [0, 0]], index=["a", "b"], columns=["a", "b"]))
    assert table["probability"].isna().tolist() == [False, False, True, True]
    assert table["low"].between(0, 1).all() and table["high"].between(0, 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: roles.transition_matrix(pd.DataFrame({"person": [1]})), "lacks the column"),
        (lambda: roles.transition_matrix(make_roles(5, rng=1), states=["visitor"]), "not among states"),
        (lambda: roles.removal_effect(make_paths(50, rng=1).assign(converted=False)), "no path ends"),
        (lambda: roles.touched(pd.DataFrame({"person": [None], "organisation": ["a"]})), "no row"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_person_who_converts_and_does_not_is_refused():
    paths = make_paths(20, rng=1)
    paths["converted"] = [True, False] * (len(paths) // 2) + [True] * (len(paths) % 2)
    with pytest.raises(InputError, match="same on all rows"):
        roles.removal_effect(paths)
