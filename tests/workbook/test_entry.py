"""The entry form: a table where nobody can click, boxes where somebody can, and a file that is never lost."""

from __future__ import annotations

import pandas as pd
import pytest

import cxlab as cx
from cxlab.evidence.errors import InputError
from cxlab.workbook import entry

STATEMENTS = cx.claims.load_evidence().statements


def test_without_a_reader_it_is_a_table(monkeypatch):
    shown = []
    monkeypatch.setattr(entry, "display", shown.append)
    monkeypatch.setenv("CXLAB_EXPLORE", "baked")
    entry.entry_form(STATEMENTS)
    assert isinstance(shown[0], pd.DataFrame)


def test_live_it_saves_what_was_clicked(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr(entry, "display", shown.append)
    monkeypatch.setenv("CXLAB_EXPLORE", "live")
    path = tmp_path / "ratings.csv"
    entry.entry_form(STATEMENTS, path=path)
    rater, *lines, foot = shown[0].children
    save, note = foot.children
    save.click()
    assert "empty" in note.value and not path.exists()
    rater.value = "a"
    lines[0].children[1].value = "both"
    save.click()
    assert "kept 1 labels" in note.value
    assert cx.claims.read_form(path, STATEMENTS)["label"].tolist() == ["both"]
    save.click()
    assert "before" in note.value


def test_a_second_rater_is_added_below(tmp_path):
    template = cx.claims.survey_template(STATEMENTS)
    for rater in "ab":
        entry.add_labels(template, rater, ["product"] * len(template), tmp_path / "r.csv")
    assert len(pd.read_csv(tmp_path / "r.csv")) == 2 * len(template)
    with pytest.raises(InputError, match="before"):
        entry.add_labels(template, "a", ["both"] * len(template), tmp_path / "r.csv")


def test_the_kit_saves_all_forms(tmp_path):
    kit = cx.claims.survey_kit(STATEMENTS)
    assert sorted(kit.save(tmp_path)) == sorted(path.name for path in tmp_path.iterdir())
    assert kit._repr_html_().count("download=") == 10
