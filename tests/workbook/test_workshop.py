"""Copies keep what somebody wrote; a room is summed up without names; broken files are skipped by name."""

import hashlib
import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

import cxlab as cx
from cxlab.data.errors import InputError
from cxlab.workbook.workshop import sum_up, unpack, write_copies
from cxlab.worlds.small import make_ratings

ROOT = Path(__file__).parents[2]


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
    other = tmp_path / "room" / "03-cause-or-coin.ipynb"
    other.write_text(other.read_text().replace('"outputs": []', '"outputs":  []', 1))  # run, not changed
    ran = other.read_bytes()
    again = write_copies(tmp_path / "room")
    assert "no exercise notebooks written" in again[0]
    assert again[1].endswith(": 02-product-or-experience (1 cell changed)")
    assert '\\"02.1\\", 0.3' in mine.read_text() and other.read_bytes() == ran
    write_copies(tmp_path / "room", fresh=True)
    assert '\\"02.1\\", 0.3' not in mine.read_text()


LONG = "the share of the other side, which is what is left of a hundred per cent"


def person(folder, name, state, wrong=()):
    entry = {"02.1": {"state": state, "tries": 1 + len(wrong), "hints": 0, "wrong": list(wrong)}}
    (folder / f"progress-{name}.json").write_text(json.dumps({"id": name, "exercises": entry}))


@pytest.mark.parametrize("raters", [5, 12, 30])
def test_a_room_is_summed_up_and_its_labels_open_on_page_01(tmp_path, raters):
    assert "no people handed in" in sum_up(tmp_path)[0]
    with pytest.raises(InputError, match="not a folder"):
        sum_up(tmp_path / "nowhere")
    person(tmp_path, "a", "right")
    person(tmp_path, "b", "open", [LONG, LONG])
    (tmp_path / "progress-broken.json").write_text("{")
    (tmp_path / "late.csv").write_bytes(b"\xff\xfe\x00broken")
    labels = make_ratings(raters=raters, rng=3)
    for name, part in labels[labels["rater"].notna()].groupby("rater"):
        part[["rater", "statement", "label"]].to_csv(tmp_path / f"{name}.csv", index=False)
    said = " ".join(sum_up(tmp_path))
    assert "2 people handed in" in said and f"{raters} raters merged" in said
    assert "progress-broken.json" in said and "late.csv" in said
    page = re.sub(r">\s+<", "><", (tmp_path / "room.html").read_text())
    assert f"<td>02.1</td><td>1</td><td>1</td><td>{LONG} (2)</td>" in page and ">b<" not in page
    assert "stuck at exercise 02.1: 1 of 2" in said
    room = cx.open_source(str(tmp_path / "room-ratings.yaml"), table="ratings", bootstrap=60)
    assert room.to_pandas()["rater"].nunique() == raters
    assert sum_up(tmp_path)  # the merged file is not read as one more person


def test_a_pack_is_unpacked_only_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("CXLAB_CACHE", str(tmp_path / "cache"))
    held = tmp_path / "pack" / "sources" / "a.csv"
    held.parent.mkdir(parents=True)
    with pytest.raises(InputError, match="is no pack"):
        unpack(tmp_path / "pack")
    held.write_bytes(b"1")
    line = f"{hashlib.sha256(b'1').hexdigest()}  sources/a.csv\n"
    (tmp_path / "pack" / "SHA256SUMS").write_text(line)
    assert "every file is whole" in unpack(tmp_path / "pack")[0]
    assert (tmp_path / "cache" / "sources" / "a.csv").read_bytes() == b"1"
    held.write_bytes(b"2")
    with pytest.raises(InputError, match="missing or damaged"):
        unpack(tmp_path / "pack")


def test_every_way_in_starts_from_the_lock_and_a_hub_gives_everybody_a_copy(tmp_path, monkeypatch):
    box = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert box["postCreateCommand"].startswith("make .venv/.ready")  # which installs the lock
    assert "--require-hashes -r lib/requirements.lock" in (ROOT / ".binder" / "postBuild").read_text()
    monkeypatch.setenv("CXLAB_ROOMS", str(tmp_path))
    monkeypatch.setenv("CXLAB_PASSWORD", "room")
    monkeypatch.chdir(ROOT)
    config = MagicMock()
    runpy.run_path(".jupyterhub/jupyterhub_config.py", {"get_config": lambda: config})
    for name in ("seat-1", "seat-2"):
        config.Spawner.pre_spawn_hook(SimpleNamespace(user=SimpleNamespace(name=name)))
        assert len([*(tmp_path / name).glob("0*.ipynb")]) == 10
