"""Outlets: findings and titles follow the data, flipped and alike; few outlets are told as few."""

import numpy as np
import pandas as pd
import pytest
from common import title

import cxlab as cx
from cxlab.data.table import Table
from cxlab.worlds.visits import make_outlets, make_visits


def visits(frame, **settings) -> Table:
    return Table(frame=frame, kind="visits", **({"bootstrap": 60} | settings))


def rated(rates, n=200, seed=1) -> Table:
    """Visits with a score of 1 or 5 to outlets with these rates."""
    rng = np.random.default_rng(seed)
    sizes = np.broadcast_to(n, len(rates))
    outlet = np.repeat([f"O{k:03d}" for k in range(len(rates))], sizes)
    good = rng.random(len(outlet)) < np.repeat(rates, sizes)
    return visits(pd.DataFrame({"outlet": outlet, "score": np.where(good, 5, 1)}))


OUTLETS = make_outlets(150, worst=5, worst_drop=0.6, rng=3)


@pytest.fixture(scope="module")
def mall() -> Table:
    return visits(make_visits(60_000, outlets=OUTLETS, rng=3), simulated=True)


def test_outlets_that_stand_out_are_counted_once(mall):
    found = cx.outlets.differ(mall)
    count = found["outlets-after-false-discovery-control"].value
    assert 1 <= count <= 7 and (found.table["group"] == "stands out").sum() == count
    assert found.finding.startswith(f"In made-up data, {count} of 150 outlets truly stand")
    assert (found.table["group"].head(count) == "stands out").all() and "simulated" in title(found)
    truth = OUTLETS.set_index("outlet")["planted"]
    assert truth[found.table["outlet"].head(count)].mean() >= 0.7


def test_alike_outlets_are_no_difference_and_an_ordinary_spread_is_no_outlier():
    alike = cx.outlets.differ(rated(np.full(40, 0.8), seed=4))
    assert title(alike).startswith("No difference was found: 40 outlets")
    spread = cx.outlets.differ(rated(np.linspace(0.65, 0.9, 40)))
    assert title(spread) == "None of 40 outlets stands out"
    one = cx.outlets.differ(rated([0.2, *np.linspace(0.75, 0.85, 39)]))
    assert one.finding.startswith("1 of 40 outlets truly stands out") and one.table["outlet"][0] == "O000"
    flipped = cx.outlets.differ(rated([0.98, *np.linspace(0.25, 0.35, 39)]))
    assert flipped.finding.startswith("1 of 40") and flipped.table["raw"][0] > 0.9


def test_a_ranking_holds_where_outlets_differ_widely_and_not_where_they_are_alike():
    wide = cx.outlets.league(rated(np.linspace(0.1, 0.9, 40), n=400))
    assert title(wide).startswith("8 of the 8 outlets")
    luck = cx.outlets.league(rated(np.linspace(0.7, 0.85, 40), n=np.r_[np.full(20, 8), np.full(20, 300)]))
    spread, narrow = ((one.table["rank_high"] - one.table["rank_low"]).median() for one in (luck, wide))
    assert narrow < 8 < spread
    alike = cx.outlets.league(rated(np.full(40, 0.8), seed=4))
    assert title(alike).startswith("No ranking is possible: 40 outlets")


def test_the_place_explains_scores_or_does_not(mall):
    found = cx.outlets.whose(mall)
    share = found["variance-share-organisation"]
    assert 0 < share.low < share.value < share.high < 0.3 and "The place explains" in title(found)
    assert found.table["component"].tolist() == ["organisation", "outlet", "visitor", "single visit"]
    shuffled = mall.frame.assign(score=mall.frame["score"].sample(frac=1, random_state=1).to_numpy())
    null = cx.outlets.whose(visits(shuffled))
    assert title(null).startswith("No difference between places was found")
    alone = cx.outlets.whose(rated(np.linspace(0.2, 0.9, 12)))
    assert alone.table["component"].tolist() == ["outlet", "single visit"]
    assert alone["variance-share-organisation"].low > 0.02
    once = mall.frame.assign(person=range(len(mall.frame)))  # a visitor cannot be told from the visit
    assert "visitor" not in cx.outlets.whose(visits(once)).table["component"].tolist()


@pytest.mark.parametrize("ask", ["differ", "league", "whose"])
def test_missing_and_few_data_are_one_sentence(ask):
    question = getattr(cx.outlets, ask)
    for table in (
        visits(None), visits(pd.DataFrame({"outlet": ["a"]})), rated([0.5, 0.6]), rated(np.full(9, 1.0)),
        visits(pd.DataFrame({"outlet": list("abcdefg"), "score": [np.nan] * 7})),
    ):  # fmt: skip
        found = question(table)
        assert found.missing and found.finding.startswith("Not answered here") and found.figure() is None
