"""Small made-up tables, their arguments are the truth; and every sample."""

import pandas as pd
import pytest

import cxlab as cx
from cxlab.worlds.small import make_accounts, make_contacts, make_vignette

KINDS = ["survey", "events", "stages", "initiatives", "contacts", "ratings", "vignette", "accounts", "visits"]


@pytest.mark.parametrize("kind", KINDS)
def test_samples_open_by_name_and_are_the_same_each_time(kind):
    first, second = (cx.open_source(f"simulated-{kind}", table=kind) for _ in range(2))
    assert first.simulated and first.kind == kind and first.name == f"simulated-{kind}"
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert set(first.related) == {"initiatives": {"pain"}, "visits": {"kpis"}}.get(kind, set())
    beside = first.related.get("kpis")
    assert beside is None or beside.groupby("organisation")["weight"].sum().between(99.5, 100.5).all()


@pytest.mark.parametrize("rule", ["minimum", "mean"])
def test_accounts_follow_difficulty_and_the_rule_of_renewal(rule):
    table = make_accounts(3000, rule=rule, strength=0.5, hidden_share=0.0, hostage_share=0.0, rng=2)
    means = table.groupby("level", sort=False)["score"].mean()
    assert means.tolist() == pytest.approx([72, 66, 60, 56, 50], abs=1.5)
    scores = table.pivot(index="account", columns="level", values="score")
    renewed = table.drop_duplicates("account").set_index("account")["renewed"].astype(float)
    lowest, average = scores.min(axis=1).corr(renewed), scores.mean(axis=1).corr(renewed)
    assert (lowest > average) == (rule == "minimum")


def test_hidden_levels_have_no_score_and_hostages_stay():
    table = make_accounts(2000, hidden_share=0.4, hostage_share=0.5, slope=0.0, rng=3)
    last = table[table["level"] == "key individuals"]
    assert last["score"].isna().mean() == pytest.approx(0.4, abs=0.03)
    tied = table.drop_duplicates("account").query("dependence >= 70")
    assert tied["renewed"].mean() == pytest.approx(0.7 * 0.92 + 0.3 * 0.5, abs=0.03)


def test_contacts_have_the_shares_slips_and_second_coding_of_the_arguments():
    truth = {"shares": {"product_broken": 0.6, "service_waiting": 0.4}, "accuracy": 1.0, "checked": 0.5}
    slips = {("product_broken", "service_waiting"): 0.3}
    world = make_contacts(20_000, slips=slips, texts=False, rng=1, **truth)
    true = world["second_coding"].dropna()
    assert len(true) / len(world) == pytest.approx(0.5, abs=0.02)
    assert (true == "product_broken").mean() == pytest.approx(0.6, abs=0.02)
    assert (world["coded_reason"] == "product_broken").mean() == pytest.approx(0.6 * 0.7, abs=0.02)


def test_texts_are_sentences_about_the_true_reason():
    world = make_contacts(400, rng=1)
    assert world["text"].str.match(r"[A-Z].*[.?]$").all() and not world["text"].str.contains(r"[{}|]").any()
    broken = world[world["second_coding"] == "product_broken"]["text"]
    assert broken.str.contains("battery|screen|motor").all()
    assert make_contacts(3, shares={"weather": 1}, rng=1)["text"].str.startswith("I have a").all()


def test_stories_are_balanced_and_their_effects_recovered():
    world = make_vignette(4000, stock=3, courtesy=1, interaction=0.5, rng=1)
    means = world.groupby(["stock", "courtesy"])["satisfaction"].mean()
    assert means.tolist() == pytest.approx([3, 4, 6, 7.5], abs=0.2)
    again = make_vignette(10, stories=4, scale=(0, 10), rng=1)
    assert (again.groupby("person").size() == 4).all() and again["satisfaction"].between(0, 10).all()
    assert (again["satisfaction"] % 1 == 0).all()
