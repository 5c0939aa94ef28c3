"""Copies keep what somebody wrote; a room is summed up without names; broken files are skipped by name."""

from __future__ import annotations

import json

import pytest

import cxlab as cx
from cxlab.data.errors import InputError
from cxlab.workbook.workshop import sum_up, write_copies
from cxlab.worlds.small import make_ratings


def test_copies_hold_every_exercise_and_are_kept(tmp_path):
    lines = write_copies(tmp_path / "room")
    assert "10 exercise notebooks written" in lines[0]
    mine = tmp_path / "room" / "02-product-or-experience.ipynb"
    notebook = json.loads(mine.read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    places = [i for i, source in enumerate(sources) if source.startswith("cx.check(")]
    assert len(places) == 4 and sources[-1] == "cx.progress()"
    assert places[0] < next(i for i, source in enumerate(sources) if source.startswith("## "))
    mine.write_text(mine.read_text().replace('cx.check(\\"02.1\\", ...)', 'cx.check(\\"02.1\\", 0.3)'))
    again = write_copies(tmp_path / "room")
    assert "02-product-or-experience" in again[1] and '\\"02.1\\", 0.3' in mine.read_text()
    write_copies(tmp_path / "room", fresh=True)
    assert '\\"02.1\\", 0.3' not in mine.read_text()


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "room").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        write_copies(tmp_path / "room")


def person(folder, name, state, wrong=()):
    entry = {"02.1": {"state": state, "tries": 1 + len(wrong), "hints": 0, "wrong": list(wrong)}}
    (folder / f"progress-{name}.json").write_text(json.dumps({"id": name, "exercises": entry}))


@pytest.mark.parametrize("raters", [5, 12, 30])
def test_a_room_is_summed_up_and_its_labels_open_on_page_01(tmp_path, raters):
    person(tmp_path, "a", "right")
    person(tmp_path, "b", "open", ["value('share-experience')", "value('share-experience')"])
    (tmp_path / "progress-broken.json").write_text("{")
    (tmp_path / "late.csv").write_bytes(b"\xff\xfe\x00broken")
    labels = make_ratings(raters=raters, rng=3)
    labels = labels[labels["rater"].notna()]
    for name, part in labels.groupby("rater"):
        part[["rater", "statement", "label"]].to_csv(tmp_path / f"{name}.csv", index=False)
    lines = sum_up(tmp_path)
    said = " ".join(lines)
    assert "2 people handed in" in said and f"{raters} raters merged" in said
    assert "progress-broken.json" in said and "late.csv" in said
    page = (tmp_path / "room.html").read_text()
    assert "02.1" in page and ">b<" not in page
    room = cx.open_source(str(tmp_path / "room-ratings.yaml"), table="ratings", bootstrap=60)
    assert room.to_pandas()["rater"].nunique() == raters
    assert sum_up(tmp_path)  # the merged file is not read as one more person


def test_an_empty_room(tmp_path):
    assert "no people handed in" in sum_up(tmp_path)[0]
    with pytest.raises(InputError, match="not a folder"):
        sum_up(tmp_path / "nowhere")
