"""Chains of states: published numbers, brute force, and the truth of simulated paths recovered."""

import numpy as np
import pandas as pd
import pytest

from cxlab.data.errors import InputError
from cxlab.stats.chains import removal, removal_effect, transition_matrix

# Steps of the 10,000 example paths of ChannelAttribution 2.2 (CRAN), counted from its data set PathData:
# rows (start) and the channels alpha beta delta epsilon eta gamma iota kappa lambda mi theta zeta,
# columns the channels, conversion, no conversion.
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
STEPS = np.roll(np.array(STEPS.split(), float).reshape(13, 14), -1, axis=0)  # the start goes last
# Daily rain at Alofi (markovchain package): moves between 0, 1-5 and 6+ mm.
RAIN = np.array([[362, 126, 60], [136, 90, 68], [50, 79, 124]])
PLACES = ["mall", "hotel", "flat"]
CHANCE = np.array(
    [[0, 0.3, 0.3, 0.05, 0.35], [0.3, 0, 0.3, 0.1, 0.3], [0.2, 0.1, 0, 0.4, 0.3], [0.5, 0.3, 0.2, 0, 0]]
)


def make_paths(people: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        at, path = 3, []
        while (at := rng.choice(5, p=CHANCE[at])) < 3:
            path.append(PLACES[at])
        rows += [(person, place, step, at == 3) for step, place in enumerate(path)]
    return pd.DataFrame(rows, columns=["person", "touchpoint", "timestamp", "converted"])


def test_rain_matrix_of_the_markovchain_vignette():
    moves = np.argwhere(RAIN > 0).repeat(RAIN.ravel(), axis=0)
    days = {"person": np.repeat(range(len(moves)), 2), "role": moves.ravel(), "timestamp": moves.size * [0]}
    table = transition_matrix(pd.DataFrame(days)).set_index(["from", "to"])
    assert table.loc[("0", "0"), "probability"] == pytest.approx(0.66058, abs=1e-5)
    assert table.loc[("2", "2"), "probability"] == pytest.approx(0.49012, abs=1e-5)
    assert table["probability"].groupby("from").sum().tolist() == pytest.approx([1, 1, 1])
    assert table.loc["1", "count"][["0", "1", "2"]].tolist() == RAIN[1].tolist()


def test_removal_effects_of_the_ChannelAttribution_example():
    alpha, eta, iota = removal(STEPS)[0][[0, 4, 6]]
    assert (alpha, eta, iota) == pytest.approx((0.5587, 0.3489, 0.3957), abs=0.011)  # the package simulates


def test_removal_effect_equals_the_chain_with_the_touchpoint_taken_out():
    effects, whole = removal(STEPS)
    for place in (0, 11):
        gone = STEPS.copy()
        gone[:, -1] += gone[:, place]
        gone[place] = gone[:, place] = 0
        assert effects[place] == pytest.approx(1 - removal(gone)[1] / whole)


def test_removal_intervals_cover_the_truth():
    truth, held = dict(zip(PLACES, removal(CHANCE)[0], strict=True)), []
    for seed in range(100, 130):
        found = removal_effect(make_paths(300, seed), bootstrap=100, rng=seed).set_index("touchpoint")
        held += [found.loc[name, "low"] <= truth[name] <= found.loc[name, "high"] for name in PLACES]
    assert np.mean(held) >= 0.85 and found["effect"].is_monotonic_decreasing


@pytest.mark.parametrize("likeness", [3, 1e6], ids=["people differ", "people are alike"])
def test_intervals_take_people_as_clusters(likeness):
    held = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        chance = rng.beta(0.2 * likeness, 0.8 * likeness, 100)
        there = np.where(rng.random((100, 8)) < chance[:, None], "guest", "investor")
        roles = np.stack([np.full((100, 8), "visitor"), there], axis=2).reshape(100, 16)
        data = pd.DataFrame({"person": np.repeat(np.arange(100), 16), "timestamp": np.tile(range(16), 100)})
        data["role"] = roles.ravel()
        row = transition_matrix(data).query("`from` == 'visitor' and to == 'guest'").iloc[0]
        held.append(row["low"] <= 0.2 <= row["high"])
    assert row["people"] <= 100 and np.mean(held) >= 0.9


def test_counts_by_hand_and_a_role_never_left_has_an_interval_alone():
    paths = pd.DataFrame({"person": [1, 1, 1, 2, 2, 2], "timestamp": [1, 2, 3] * 2, "role": list("aabaab")})
    table = transition_matrix(paths).set_index(["from", "to"])
    assert table["count"].tolist() == [2, 2, 0, 0] and table["people"].tolist() == [2, 2, 0, 0]
    assert table["probability"].isna().tolist() == [False, False, True, True]
    assert table["low"].between(0, 1).all() and table["high"].between(0, 1).all()


PATHS = make_paths(40, 1)


@pytest.mark.parametrize(
    ("ask", "data", "message"),
    [
        (transition_matrix, pd.DataFrame({"person": [1]}), "no column timestamp"),
        (removal_effect, PATHS.assign(converted=False), "true for some"),
        (removal_effect, PATHS.assign(converted=PATHS.index % 2 == 0), "same on all rows"),
        (removal_effect, PATHS.assign(person=None), "no row is complete"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(ask, data, message):
    with pytest.raises(InputError, match=message):
        ask(data)
