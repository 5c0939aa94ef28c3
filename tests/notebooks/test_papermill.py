"""Every notebook runs by plain papermill with two sets of parameters, and without any data at all.

``python tests/notebooks/test_papermill.py`` writes the expected numbers anew; read the difference before
committing.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

HERE = Path(__file__).parent
NOTEBOOKS = {path.stem: path for path in sorted((HERE.parents[1] / "notebooks").glob("*.ipynb"))}
SETS = tomllib.loads((HERE / "parameters.toml").read_text())
EXPECTED = HERE / "expected.json"
RESULT = "application/vnd.cxlab.result+json"
CASES = [(stem, name) for stem in NOTEBOOKS for name in SETS.get(stem, {})]
TABLES = {stem: nbformat.read(path, 4).metadata["cxlab"]["tables"] for stem, path in NOTEBOOKS.items()}

pytestmark = pytest.mark.notebook


def run(stem: str, parameters: dict, folder: Path) -> list[dict]:
    """Run a notebook by papermill's own command, with no command of ours, and collect its outputs."""
    out, given = folder / f"{stem}.ipynb", folder / "parameters.yaml"
    given.write_text(yaml.safe_dump(parameters))
    command = [sys.executable, "-m", "papermill", str(NOTEBOOKS[stem]), str(out), "--kernel", "python3"]
    command += ["--no-progress-bar", "--log-level", "ERROR", "-f", str(given)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [output for cell in nbformat.read(out, 4).cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    return [dict(output.data) for output in outputs if "data" in output]


def results_of(outputs: list[dict]) -> list[dict]:
    return [data[RESULT] for data in outputs if RESULT in data]


def numbers_of(results: list[dict]) -> dict[str, dict]:
    """Collect the recorded numbers; a name that stands twice must carry the same value."""
    found: dict[str, dict] = {}
    for number in [number for result in results for number in result["numbers"]]:
        assert found.setdefault(number["name"], number)["value"] == number["value"], number["name"]
    return found


def test_every_notebook_has_two_sets_of_parameters():
    assert {stem: len(SETS.get(stem, {})) for stem in NOTEBOOKS} == dict.fromkeys(NOTEBOOKS, 2)


@pytest.mark.parametrize(("stem", "name"), CASES, ids=["-".join(case) for case in CASES])
def test_runs_and_records_what_it_recorded(stem, name, tmp_path):
    expected = json.loads(EXPECTED.read_text())[stem][name]
    results = results_of(run(stem, SETS[stem][name], tmp_path))
    assert results and all(result["finding"] or result["numbers"] for result in results)
    found = numbers_of(results)
    assert set(found) == set(expected) and all(entry["unit"] for entry in found.values())
    for key, value in expected.items():
        plain = isinstance(value, str | bool) or value is None
        assert found[key]["value"] == (value if plain else pytest.approx(value, rel=1e-4, abs=1e-6)), key


@pytest.mark.parametrize("stem", [stem for stem, tables in TABLES.items() if tables])
def test_a_page_without_its_tables_says_what_it_needs(stem, tmp_path):
    results = results_of(run(stem, dict.fromkeys(TABLES[stem], ""), tmp_path))
    missing = [result for result in results if result["missing"]]
    assert missing and all(result["finding"].startswith("Not answered here") for result in missing)
    assert not any(result["simulated"] for result in results)
    assert not stem.startswith("07") or len(missing) == len(results) == 9


if __name__ == "__main__":
    asked = sys.argv[1:]
    for stem, name in CASES:
        if not asked or stem[:2] in asked:
            with tempfile.TemporaryDirectory() as folder:
                found = numbers_of(results_of(run(stem, SETS[stem][name], Path(folder))))
            values = json.loads(EXPECTED.read_text())
            values.setdefault(stem, {})[name] = {key: entry["value"] for key, entry in found.items()}
            EXPECTED.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
            print(stem, name, len(found))
