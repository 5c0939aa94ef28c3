import errno
import json
import os

import pytest

from cxlab.evidence.errors import InputError
from cxlab.workbook.report import cache, publish

from .conftest import files_of


def make(folder, text, **files):
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(text)
    for name, content in files.items():
        (folder / name).write_text(content)
    hashes = {path.name: cache.file_hash(path) for path in folder.iterdir() if path.name != "manifest.json"}
    (folder / "manifest.json").write_text(json.dumps({"cxlab": 1, "files": hashes}))
    return folder


def test_a_folder_with_files_of_others_is_refused(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    publish.check_target(out)
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="no report of ours"):
        publish.check_target(out)
    (out / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(InputError, match="no report of ours"):
        publish.check_target(out)


def test_a_file_and_the_current_folder_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="in the way"):
        publish.check_target(tmp_path / "file")
    make(tmp_path / "here", "x")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="folder you are in"):
        publish.check_target(tmp_path / "here")


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_new_report_takes_the_place_of_the_old(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(publish, "exchange", lambda one, other: False)
    out = make(tmp_path / "out", "old", gone="1")
    (out / "notes.txt").write_text("a reader's own")
    with publish.staging(out) as folder:
        make(folder, "new")
        publish.publish(folder, out)
    assert files_of(out).keys() == {"index.html", "manifest.json", "notes.txt"}
    assert (out / "index.html").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_the_kernel_exchanges_two_folders_in_one_step(tmp_path):
    one, two = make(tmp_path / "one", "1"), make(tmp_path / "two", "2")
    if not publish.exchange(one, two):
        pytest.skip("this system has no renameat2")
    assert (one / "index.html").read_text() == "2"


def test_a_run_cut_off_between_its_two_renames_is_mended(tmp_path):
    out = tmp_path / "out"
    make(tmp_path / ".out.previous", "old")
    assert publish.recover(out)
    assert (out / "index.html").read_text() == "old"
    assert not publish.recover(out)


def test_a_failure_while_writing_leaves_the_old_report_and_no_litter(tmp_path):
    out = make(tmp_path / "out", "old")
    before = files_of(out)
    with pytest.raises(OSError), publish.staging(out) as folder:
        (folder / "index.html").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert files_of(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_failed_second_rename_puts_the_old_report_back(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "exchange", lambda one, other: False)
    out = make(tmp_path / "out", "old")
    with pytest.raises(OSError):
        publish.publish(tmp_path / "not-there", out)
    assert (out / "index.html").read_text() == "old"


def test_a_report_that_was_touched_is_not_intact(tmp_path):
    out = make(tmp_path / "out", "old")
    assert publish.is_intact(out)
    (out / "index.html").write_text("other")
    assert not publish.is_intact(out)
    assert not publish.is_intact(tmp_path / "nothing")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("CXLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_damaged_cache_entry_counts_as_missing(kept):
    cache.store("name", "text\nwith lines")
    assert cache.read("name") == "text\nwith lines"
    path = cache.store_folder() / "name"
    path.write_text(path.read_text()[:-1])
    assert cache.read("name") is None and cache.read("never") is None


def test_the_key_follows_the_notebook_its_parameters_and_the_files_they_name(kept):
    notebook, data, mapping = kept / "n.ipynb", kept / "d.csv", kept / "m.yaml"
    notebook.write_text("{}")
    data.write_text("a\n1\n")
    mapping.write_text("table: survey\nfile: {path: d.csv}\n")
    given = {"source": str(mapping)}
    keys = [
        cache.run_key(notebook, {}),
        cache.run_key(notebook, given),
        cache.run_key(notebook, {**given, "seed": 2}),
    ]
    assert cache.run_key(notebook, given) == keys[1]
    data.write_text("a\n2\n")
    keys.append(cache.run_key(notebook, given))
    notebook.write_text("{ }")
    keys.append(cache.run_key(notebook, given))
    assert len(set(keys)) == 5


def test_a_database_is_never_taken_from_the_cache(kept):
    (kept / "n.ipynb").write_text("{}")
    (kept / "m.yaml").write_text("table: survey\nfile: {url: 'duckdb:///x.db', table: t}\n")
    given = {"source": str(kept / "m.yaml")}
    assert cache.run_key(kept / "n.ipynb", given) != cache.run_key(kept / "n.ipynb", given)


def test_the_hash_of_a_big_file_is_remembered_until_it_changes(kept, monkeypatch):
    monkeypatch.setattr(cache, "_BIG", 4)
    path = kept / "big"
    path.write_bytes(b"12345678")
    first = cache.file_hash(path)
    assert cache.file_hash(path) == first
    path.write_bytes(b"1234567x")
    assert cache.file_hash(path) != first


def test_what_a_killed_run_left_is_swept_by_the_next(kept):
    from cxlab.workbook.report import run

    sockets = kept / "cxlab-sockets"
    sockets.mkdir()
    gone, alive = cache.cache_folder() / "run-4194303-a", cache.cache_folder() / f"run-{os.getpid()}-b"
    for folder in (gone, alive):
        folder.mkdir()
        (folder / "sockets").write_text(str(sockets))
    with run.Forge(1, min_cell=5, timeout=1) as forge:
        assert not gone.exists() and not sockets.exists() and alive.exists()
        mine = forge.folder
        assert mine.is_dir()
    assert not mine.exists()
