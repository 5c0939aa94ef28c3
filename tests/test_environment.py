"""environment.yml, pyproject.toml, the lock and the constraints agree, and none of them names a registry."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "lib/pyproject.toml").read_text())["project"]
STANDS_ON = {"jupyterlab", "ipywidgets", "pandas", "plotly", "papermill", "nbval"}
LOCK, CONSTRAINTS = ((ROOT / "lib" / name).read_text() for name in ("requirements.lock", "constraints.txt"))


def pinned(text):
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$", text, re.M)
    return sorted((name.lower().replace("_", "-"), Version(number), marker) for name, number, marker in found)


def test_environment_names_what_the_workbook_stands_on_and_the_package_itself():
    *conda, section = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    first, *names, last = section["pip"]
    assert (first, set(names), last) == ("-c lib/constraints.txt", STANDS_ON, "-e ./lib[dev]")
    assert conda == [f"python{PROJECT['requires-python']}", "pip>=24"]


def test_every_requirement_is_met_by_the_constraints_and_by_what_is_installed():
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    assert len(wanted) > 20
    for requirement in map(Requirement, wanted):
        name = requirement.name.lower().replace("_", "-")
        numbers = [number for each, number, _ in pinned(CONSTRAINTS) if each == name]
        assert numbers and all(map(requirement.specifier.contains, numbers)), name
        assert Version(version(name)) in numbers


def test_lock_and_constraints_hold_the_same_versions_and_no_address():
    assert pinned(LOCK) == pinned(CONSTRAINTS)
    assert LOCK.count("--hash=sha256:") > len(pinned(LOCK)) > 100
    assert not re.search("://|index-url|find-links", LOCK + CONSTRAINTS)
