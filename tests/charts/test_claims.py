"""Figures of the thread: everything that was chosen is drawn, with its text, and nothing is computed."""

from __future__ import annotations

import pandas as pd
import pytest

import cxlab as cx


@pytest.fixture(scope="module")
def evidence():
    return cx.claims.load_evidence()


def test_argument_map_shows_the_chosen_claims_and_their_links(evidence):
    placed = cx.claims.map_layout(evidence.claims)
    chosen = cx.claims.choose(evidence.claims, speaker="commenter B", stance="experience")
    figure = cx.charts.claims.argument_map(placed, evidence.links, chosen=chosen, title="B")
    texts = [text for trace in figure.data for text in (trace.text or [])]
    assert all(any(text.startswith(f"<b>{claim}</b>") for text in texts) for claim in chosen)
    assert any("comment 2" in text for text in texts)
    drawn = sum(sum(x is None for x in trace.x) for trace in figure.data if trace.mode == "lines")
    touching = evidence.links["from_claim"].isin(chosen) | evidence.links["to_claim"].isin(chosen)
    assert drawn == touching.sum()
    assert figure.layout.meta["description"]


def test_stance_strength_and_winners(evidence):
    stance = cx.charts.claims.stance(cx.claims.stance_over_thread(evidence.claims), column="scope")
    assert "broad" in stance.layout.title.text
    one, two = (
        cx.claims.argument_strength(evidence.claims, evidence.links, draws=10, self_support=s)
        for s in (True, False)
    )
    scores = cx.claims.compare_strengths(evidence.claims, {"all": one, "others": two}, most=4)
    figure = cx.charts.claims.strength(scores, title="t")
    assert [trace.name for trace in figure.data] == ["all", "others"] and len(figure.data[0].x) == 4
    firms = cx.claims.league_table(top=7, rng=3)
    figure = cx.charts.claims.league_table(firms, title="t")
    assert len(figure.data[1].x) == 7 and "simulated" in figure.layout.title.text


def test_text_table_shows_whole_texts_and_escapes_them():
    long = "a" * 200
    page = cx.charts.claims.text_table(pd.DataFrame({"x": [long, "<script>"]}))._repr_html_()
    assert long in page and "<script>" not in page and "&lt;script&gt;" in page
