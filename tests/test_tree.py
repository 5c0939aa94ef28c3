"""What the repository holds, and what it must never hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TOP = {"README.md", "environment.yml", "notebooks", "data", "lib", "tests", "Makefile"}
ALSO = {"LICENSE", "CHANGELOG.md", "CITATION.cff"}


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def texts():
    for path in tracked():
        if path.suffix not in {".png", ".parquet", ".xlsx"} and path != Path(__file__).resolve():
            yield path, path.read_text(encoding="utf-8")


def test_top_level_is_the_agreed_one():
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert names >= TOP
    assert {name for name in names if not name.startswith(".")} <= TOP | ALSO


def test_no_file_names_a_registry_host():
    host = re.compile(
        r"(pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|repo\.anaconda|anaconda\.org)"
    )
    assert [str(path) for path, text in texts() if host.search(text)] == []


def test_no_file_carries_a_path_of_somebodys_machine():
    own = re.compile(r"(^|[\s\"'(=])/(?:home/(?!u\{)|Users/|work/|root/)[a-z]", flags=re.M)
    assert [str(path.relative_to(ROOT)) for path, text in texts() if own.search(text)] == []


def test_rooms_import_one_way():
    order = ["evidence", "methods", "charts", "workbook"]
    package = ROOT / "lib" / "cxlab"
    wrong = []
    for i, room in enumerate(order):
        later = "|".join(order[i + 1 :])
        if room == "charts":
            later += "|methods"  # a chart gets a result; it computes nothing
        if not later:
            continue
        pattern = re.compile(rf"^\s*(?:from|import) (?:cxlab\.(?:{later})\b|\.\.+(?:{later})\b)", flags=re.M)
        files = list((package / room).rglob("*.py"))
        assert files
        wrong += [str(path.relative_to(package)) for path in files if pattern.search(path.read_text())]
    assert wrong == []


def test_citation_and_workflows_are_valid_yaml():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == "BSD-3-Clause"
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert ".ci/run" in str(workflow["jobs"])


def test_make_help_lists_every_target():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("report", "test", "lab", "workshop", "data", "bench", "lint", "clean", "help"):
        assert re.search(rf"make {target}\s+\S", done.stdout), target
