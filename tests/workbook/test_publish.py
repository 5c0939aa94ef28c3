"""Publishing: a reader sees the old report or the new one; nothing of theirs is lost; builders take turns."""

import errno
import json
import os

import pytest

from cxlab.data.errors import InputError, OutOfReach
from cxlab.workbook import publish, run

from .conftest import files_of

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def out(tmp_path):
    return make(tmp_path / "out", "old")


def make(folder, text):
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(text)
    files = {"index.html": publish.sha256_of(folder / "index.html")}
    (folder / "manifest.json").write_text(json.dumps({"cxlab": "0", "files": files}))
    return folder


def test_a_folder_with_files_of_somebody_is_refused(tmp_path, out):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "a").write_text("x")
    for theirs in (tmp_path / "theirs", tmp_path / "theirs" / "a"):
        with pytest.raises(InputError):
            publish.check_target(theirs)
    with pytest.raises(InputError), publish.locked(tmp_path / "theirs" / "a" / "out"):
        pass
    publish.check_target(out)
    publish.check_target(tmp_path / "new")
    with publish.locked(tmp_path / "b" / "out"):
        assert (tmp_path / "b" / ".out.lock").exists()


@pytest.mark.parametrize("can", [True, False])
def test_the_new_report_takes_the_place_and_files_of_others_are_kept(tmp_path, monkeypatch, out, can):
    if not can:
        monkeypatch.setattr(publish, "exchange", lambda one, other: False)
    (out / "note.txt").write_text("mine")
    with publish.staging(out) as folder:
        (folder / "index.html").write_text("new")
        publish.publish(folder, out)
    assert (out / "index.html").read_text() == "new" and (out / "note.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_run_cut_off_between_its_two_renames_is_mended(tmp_path):
    make(tmp_path / ".out.previous", "old")
    publish.recover(tmp_path / "out")
    make(tmp_path / ".out.previous", "older")
    publish.recover(tmp_path / "out")
    assert (tmp_path / "out" / "index.html").read_text() == "old"
    assert not (tmp_path / ".out.previous").exists()


def test_a_failure_leaves_the_old_report_and_no_litter(tmp_path, monkeypatch, out):
    before = files_of(out)
    with pytest.raises(OutOfReach, match="disk is full"), publish.staging(out) as folder:
        (folder / "index.html").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert files_of(out) == before and sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    monkeypatch.setattr(publish, "exchange", lambda one, other: False)
    with pytest.raises(OSError):  # the second of two renames
        publish.publish(tmp_path / "not-there", out)
    assert files_of(out) == before


def test_a_report_that_was_touched_is_not_intact(tmp_path, out):
    assert publish.is_intact(out) and not publish.is_intact(tmp_path / "nothing")
    (out / "index.html").write_text("other")
    assert not publish.is_intact(out)
    (out / "manifest.json").write_text("[" * 99999)
    assert publish.manifest_of(out) is None


def test_a_damaged_cache_entry_counts_as_missing_and_the_oldest_go(tmp_path, monkeypatch):
    publish.store("name", "text\nwith lines")
    assert publish.read("name") == "text\nwith lines" and publish.read("never") is None
    path = tmp_path / "cache" / "report" / "name"
    path.write_text(path.read_text()[:-1])
    assert publish.read("name") is None
    monkeypatch.setattr(publish, "_KEPT", 1)
    for age in (publish._IN_USE, -1.0):
        monkeypatch.setattr(publish, "_IN_USE", age)
        publish.prune()
        assert len(list(path.parent.iterdir())) == 1
        publish.store("other", "x")


def test_failures_of_one_cause_are_told_once():
    facts = {"ename": "InputError", "evalue": "no column\nx", "code_cell": 2, "line": "f()"}
    jobs = {"02-a": facts, "03-b": facts, "04-c": {"ename": "E"}}
    failures = [run.failure_of({"job": job, "fault": fault, "executed": ""}) for job, fault in jobs.items()]
    with pytest.raises(Exception, match="the same in 03-b") as told:
        run.raise_failures(failures)
    assert type(told.value).__name__ == "NotebookError" and "04-c: E" in str(told.value)
    assert failures[0].reason == "no column x" and failures[2].reason == "E"
