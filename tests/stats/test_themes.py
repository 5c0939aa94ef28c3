"""Themes in short texts: planted ones are found, and how steady they are."""

import bench_contacts as bench
import numpy as np
import pytest

from cxlab.data.errors import NotEnough
from cxlab.stats.themes import fit_themes, theme_table

TEXTS = ["battery broken again"] * 12 + ["invoice charge wrong"] * 14


def test_planted_themes_are_found():
    assert bench.planted_themes() >= 0.7


def test_every_text_is_sorted_and_steady_themes_come_back():
    table = theme_table(TEXTS, themes=2, resamples=4, rng=1)
    assert table["n"].tolist() == [14, 12] and table["share"].sum() == pytest.approx(1)
    assert (table["stability"] > 0.99).all() and (table["low"] < table["share"]).all()
    assert set(table["theme"][0].split(", ")) == {"charge", "invoice", "wrong"}


def test_new_texts_are_sorted_like_old_ones_and_unknown_words_have_no_theme():
    model = fit_themes(TEXTS, themes=2, rng=1)
    assert model.assign(["wrong invoice", "broken battery", "zzz"]).tolist() == [0, 1, -1]
    assert len(model.names) == 2


def test_themes_that_share_a_naming_word_become_one():
    random = np.random.default_rng(1)
    texts = [f"queue long {random.choice(['till', 'desk'])}" for _ in range(60)] + ["dirty toilet smell"] * 20
    assert len(fit_themes(texts, themes=3, rng=1).names) == 2
    assert len(fit_themes(texts, themes=3, join=False, rng=1).names) == 3


@pytest.mark.parametrize(
    ("texts", "themes", "message"),
    [
        (["x"] * 5, 2, "5 texts"),
        (["the and of"] * 30, 2, "too few words"),
        (["queue"] * 40, 3, "too few words"),
    ],
)
def test_too_little_text_is_told(texts, themes, message):
    with pytest.raises(NotEnough, match=message):
        fit_themes(texts, themes=themes)
