"""Every notebook runs by plain papermill, with two sets of parameters, and records what it recorded before.

``python tests/notebooks/test_papermill.py`` writes the expected numbers anew; read the difference before committing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parent
NOTEBOOKS = {path.stem: path for path in sorted((HERE.parents[1] / "notebooks").glob("*.ipynb"))}
SETS = tomllib.loads((HERE / "parameters.toml").read_text())
EXPECTED = HERE / "expected.json"
RECORD = "application/vnd.cxlab.record+json"
WITH_INTERVALS = {"02", "03", "04"}  # the pages that estimate from a sample throughout
CASES = [(stem, name) for stem in NOTEBOOKS for name in SETS.get(stem, {})]

pytestmark = pytest.mark.notebook


def run(stem: str, name: str, folder: Path) -> dict:
    """Run a notebook by papermill's own command, with no command of ours, and collect what it recorded."""
    out = folder / f"{stem}-{name}.ipynb"
    command = [sys.executable, "-m", "papermill", str(NOTEBOOKS[stem]), str(out), "--kernel", "python3"]
    command += ["--no-progress-bar", "--log-level", "ERROR"]
    for key, value in SETS[stem][name].items():
        command += ["-p", key, str(value)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = nbformat.read(out, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    faults = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert faults == []
    return {
        record["name"]: record
        for output in outputs
        for mime, record in output.get("data", {}).items()
        if mime == RECORD
    }


def test_every_notebook_has_two_sets_of_parameters():
    assert len(NOTEBOOKS) >= 10
    assert {stem: len(SETS.get(stem, {})) for stem in NOTEBOOKS} == dict.fromkeys(NOTEBOOKS, 2)


@pytest.mark.parametrize(("stem", "name"), CASES, ids=["-".join(case) for case in CASES])
def test_runs_and_records_what_it_recorded(stem, name, tmp_path):
    expected = json.loads(EXPECTED.read_text())[stem][name]
    found = run(stem, name, tmp_path)
    assert set(found) == set(expected)
    assert found
    if stem[:2] in WITH_INTERVALS:
        numbers = {key: entry for key, entry in found.items() if isinstance(entry["value"], int | float)}
        assert [key for key, entry in numbers.items() if entry["low"] is None or entry["high"] is None] == []
    for key, value in expected.items():
        if isinstance(value, str) or value is None:
            assert found[key]["value"] == value, key
        else:
            assert found[key]["value"] == pytest.approx(value, rel=1e-4, abs=1e-6), key


if __name__ == "__main__":
    asked = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for stem, name in CASES:
            if not asked or stem[:2] in asked:
                records = run(stem, name, Path(folder))
                numbers = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
                numbers.setdefault(stem, {})[name] = {key: entry["value"] for key, entry in records.items()}
                EXPECTED.write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")
                print(stem, name, len(records))
