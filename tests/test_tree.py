"""What the repository holds, and what it must never hold."""

import ast
import graphlib
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


def modules():
    package = ROOT / "lib" / "cxlab"
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    assert len(found) > 30
    return found


def imports_of(name, path, known):
    """Give the modules of ours that a module imports, wherever in it the import stands."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (found for found in names if found in known and found != name)


def test_rooms_import_downwards_only():
    order = {"data": 0, "worlds": 1, "stats": 1, "figures": 1, "questions": 2, "workbook": 3}
    known = modules()

    def room(name):
        return name.split(".")[1] if name.count(".") else ""

    wrong = [
        f"{name} -> {found}"
        for name, path in known.items()
        for found in imports_of(name, path, known)
        if room(name) in order
        and room(found) in order
        and room(name) != room(found)
        and order[room(found)] >= order[room(name)]
    ]
    assert wrong == []
    assert {room(name) for name in known} - {"", "__main__"} == set(order)


def test_no_circle_of_imports():
    known = modules()
    edges = {name: set(imports_of(name, path, known)) for name, path in known.items()}
    assert list(graphlib.TopologicalSorter(edges).static_order())  # raises CycleError


def test_the_package_and_its_tests_do_not_grow():
    """A ratchet: lower the bounds when something was made smaller; 15,000 and 8,000 lines are the aim."""
    lengths = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert sum(lengths.values()) <= 16_995
    assert {name: length for name, length in lengths.items() if length > 450} == {}
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "bench" not in path.parts]
    assert sum(len(path.read_text().splitlines()) for path in tests) <= 9_999


def test_citation_and_workflows_are_valid_yaml():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["license"] == "BSD-3-Clause"
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert ".ci/run" in str(workflow["jobs"])


def test_make_help_lists_every_target():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("report", "test", "lab", "workshop", "data", "bench", "lint", "clean", "help"):
        assert re.search(rf"make {target}\s+\S", done.stdout), target
