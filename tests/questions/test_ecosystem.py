"""Roles, themes, layers, rewards: planted truths are found, findings flip with the data, small cells go."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from common import title

import cxlab as cx
from cxlab.data.table import Table
from cxlab.worlds import sample as made_up
from cxlab.worlds.visits import make_kpis, make_visits

PERSON = re.compile(r"(?<![\d.])7\d{9}(?!\d)")
E, R = cx.ecosystem, cx.roles
ALL = [E.heard, R.changes, R.exposure, E.matters, E.who_can_act]


def visits(frame, **settings) -> Table:
    return Table(frame=frame, kind="visits", **({"bootstrap": 60} | settings))


@pytest.fixture(scope="module")
def mall() -> Table:
    return visits(make_visits(120_000, outlets=600, months=36, commented=0.5, rng=5))


def test_journeys_are_counted_by_hand(mall):
    last = mall.frame[mall.frame["timestamp"] > mall.frame["timestamp"].max() - pd.Timedelta(days=365)]
    touched = last.groupby("person")["organisation"].nunique()
    share = cx.ecosystem.heard(mall)["journeys-two-organisations"]
    assert share.value == pytest.approx((touched >= 2).mean()) and share.n == len(touched)
    assert "no partner sees the whole journey" in cx.ecosystem.heard(mall).finding
    one = mall.frame["organisation"].where(mall.frame["person"] % 50 == 0, "one")
    alone = mall.frame.assign(organisation=one, outlet=one + mall.frame["outlet"])
    loyal = cx.ecosystem.heard(visits(alone))
    assert "of people visit two or more organisations in a year: most stay with one" in loyal.finding
    plain = cx.ecosystem.heard(visits(mall.frame[["outlet", "score"]]))
    assert "is not known" in plain.finding and not plain.missing


def paths(chance: float, people=200, years=4) -> Table:
    """Each year a guest becomes a resident with this chance; a resident never changes."""
    rng = np.random.default_rng(1)
    role = np.tile(np.arange(people)[:, None] % 2, (1, years))
    for year in range(1, years):
        role[:, year] = np.maximum(role[:, year - 1], rng.random(people) < chance)
    when = pd.to_datetime([f"{2020 + year}-0{month}-05" for year in range(years) for month in (3, 6)])
    who = {"person": np.repeat(np.arange(people), 2 * years), "timestamp": np.tile(when, people)}
    roles = np.where(np.repeat(role.ravel(), 2) == 1, "resident", "guest")
    return visits(pd.DataFrame(who).assign(role=roles, outlet="a"))


def test_role_changes_are_recovered_and_none_is_said_to_be_none():
    found = cx.roles.changes(paths(0.3))
    move = found.table.query("`from` == 'guest' and to == 'resident'").iloc[0]
    assert move["low"] < 0.3 < move["high"] and "guest" in title(found) and "100 %" in found.finding
    assert f"{100 * (1 - move['probability']):.0f} %" in found.finding
    even = paths(0.0)
    twin = even.frame.assign(person=even.frame["person"] + 1000)
    by_lot = np.random.default_rng(2).random(len(twin) // 2) < 0.5  # the same chance from either role
    roles = np.tile(np.where(by_lot.repeat(2), "a", "b"), 2)
    same = cx.roles.changes(visits(pd.concat([even.frame, twin]).assign(role=roles)))
    assert title(same).startswith("No difference between roles was found")
    assert title(cx.roles.changes(even)).startswith("No change was found")


def test_moves_of_fewer_than_five_people_are_not_shown():
    table = paths(0.0)
    few = table.frame["person"].isin([0, 2]) & (table.frame["timestamp"] > "2022")
    found = cx.roles.changes(visits(table.frame.assign(role=table.frame["role"].mask(few, "resident"))))
    assert (found.table["people"] >= 5).all()
    assert found.table.query("`from` == 'guest' and to == 'resident'").empty


def test_who_comes_often_meets_more_failures_and_equals_do_not(mall):
    found = cx.roles.exposure(mall)
    names = ("failures-a-year", "failures-a-year-other", "exposure-difference")
    most, least, gap = map(found.numbers.get, names)
    assert found.table["role"].iloc[0] == "resident" and most.low > least.high and gap.low > 0.2
    rows = found.table
    assert (rows["visits_a_year"] * rows["failure_rate"]).tolist() == pytest.approx(rows["failures"].tolist())
    assert ((rows["chance"] > 0) & (rows["chance"] < 1)).all()
    by_lot = mall.frame.assign(role=np.where(mall.frame["person"] % 2 == 0, "a", "b"))
    assert title(cx.roles.exposure(visits(by_lot))).startswith("No difference was found")
    roles = mall.frame["role"].map({"resident": "visitor", "visitor": "resident"}).fillna("guest")
    swapped = cx.roles.exposure(visits(mall.frame.assign(role=roles)))
    assert title(swapped).startswith("As visitor")


def test_themes_are_weighed_and_a_clear_leader_is_steady(mall):
    found = cx.ecosystem.matters(mall)
    assert found.table["harm"].sum() == pytest.approx(1) and found.table["top"].sum() == pytest.approx(2)
    assert ((found.table["low"] <= found.table["harm"]) & (found.table["harm"] <= found.table["high"])).all()
    assert found["top-issues-share"].value == pytest.approx(found.table["harm"].head(2).sum())
    leader = mall.frame.copy()
    bad = (leader["score"] <= 3) & leader["comment"].notna() & (np.arange(len(leader)) % 3 > 0)
    leader.loc[bad.fillna(False), "comment"] = "no lift, the lift was broken"
    clear = cx.ecosystem.matters(visits(leader))
    assert clear["top-issues-share"].low > found["top-issues-share"].high
    assert "lift" in clear.table["theme"][0]


def test_issues_go_to_the_layer_where_they_stand_out(mall):
    found = cx.ecosystem.who_can_act(mall).table.set_index("theme")
    parking = next(theme for theme in found.index if "parking" in theme)
    signs = next(theme for theme in found.index if "signs" in theme)
    assert "Mobility" in found.loc[parking, "organisations"]
    assert found.loc[signs, "only_whole"] and found["only_whole"].sum() <= 2
    share = cx.ecosystem.who_can_act(mall)["pooled-only-detections"]
    assert share.value == pytest.approx(found["only_whole"].mean())
    mixed = mall.frame["comment"].sample(frac=1, random_state=1).to_numpy()
    even = mall.frame.assign(comment=mixed)[mall.frame["score"] <= 2]
    even = visits(even.assign(score=np.where(np.arange(len(even)) % 9, 1, 5)))
    null = cx.ecosystem.who_can_act(even).table
    assert (null["organisations"] != "none").sum() + (null["outlets"] > 0).sum() <= 1


def kpis(table: pd.DataFrame) -> Table:
    return visits(pd.DataFrame({"outlet": ["a"]}), related={"kpis": table})


def test_kendalls_w_of_the_textbook_example():
    # Siegel & Castellan (1988), table 9.7: three raters rank six applicants, W = .16
    ranks = {"x": [1, 6, 3, 2, 5, 4], "y": [1, 5, 6, 4, 2, 3], "z": [6, 3, 2, 5, 4, 1]}
    rows = [(name, f"k{place}", weight) for name, row in ranks.items() for place, weight in enumerate(row)]
    found = cx.ecosystem.rewards(kpis(pd.DataFrame(rows, columns=["organisation", "kpi", "weight"])))
    assert found["kpi-concordance"].value == pytest.approx(0.16, abs=0.005)
    assert "no clear agreement" in found.finding


@pytest.mark.parametrize("seed", range(2))
def test_w_is_the_mean_rank_correlation_in_disguise_and_findings_follow(seed):
    def asked(partners, **truth):
        return cx.ecosystem.rewards(kpis(make_kpis(partners, **truth, rng=seed)))

    apart, agree = (asked(9, agreement=how, rewarded=1) for how in (0.0, 0.97))
    mean = agree.table.T.corr(method="spearman").to_numpy()[np.triu_indices(9, 1)].mean()
    assert agree["kpi-concordance"].value == pytest.approx((8 * mean + 1) / 9)
    assert agree["reward-overlap"].value > apart["reward-overlap"].value
    assert "their priorities agree." in agree.finding and "their priorities agree." not in apart.finding
    same = asked(5, agreement=1.0, rewarded=1.0)
    assert same["kpi-concordance"].value == pytest.approx(1) == same["reward-overlap"].value


def test_rewards_need_a_table_of_at_least_three_partners():
    assert "kpis" in cx.ecosystem.rewards(visits(pd.DataFrame({"outlet": ["a"]}))).finding
    assert "2 partners" in cx.ecosystem.rewards(kpis(make_kpis(2))).finding


@pytest.mark.parametrize("ask", ALL)
def test_missing_columns_and_few_data_are_one_sentence(ask, mall):
    lacking = mall.frame.drop(columns=["role", "comment", "outlet"])
    for table in (visits(None), visits(lacking), visits(mall.frame.head(1)[["outlet"]])):
        found = ask(table)
        assert found.finding and (found.missing or ask is cx.ecosystem.heard)
    few = ask(visits(mall.frame.head(40)))
    assert few.missing or ask in (cx.ecosystem.heard, cx.roles.changes)


def test_no_person_and_no_small_cell_is_shown():
    sample = made_up("visits").with_(bootstrap=20)
    for ask in (*ALL, cx.ecosystem.rewards, cx.outlets.differ, cx.outlets.league, cx.outlets.whose):
        found = ask(sample)
        assert found.simulated and "made-up" in found.finding
        drawn = found.figure().to_json() if found.draw else ""
        assert not PERSON.search(json.dumps(found.content(), default=str) + drawn)
        assert all(n.low is None or n.low <= n.value <= n.high for n in found.numbers.values())
        if found.table is not None and "people" in found.table:
            assert (found.table["people"] >= 5).all()
