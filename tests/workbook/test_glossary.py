"""The glossary: a page lists the words it uses, whole words only."""

from __future__ import annotations

from cxlab.workbook.glossary import read_glossary, words_of


def terms(text):
    return [term for term, _ in words_of(text)]


def test_whole_words_in_either_case_and_plural_are_found():
    assert terms("Two Hostages and one robustness value.") == ["hostage", "robustness value"]
    assert "spread" not in terms("The news was widespread; spreadsheets say so.")
    assert terms("nothing of ours") == []


def test_an_alternative_name_in_brackets_counts():
    assert terms("under parity") == ["equal product (parity)"]
    assert terms("an equal product") == ["equal product (parity)"]


def test_every_meaning_is_told_with_its_term():
    assert words_of("a halo") == [("halo", read_glossary()["halo"])]
