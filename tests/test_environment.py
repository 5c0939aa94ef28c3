"""environment.yml, pyproject.toml, the lock and the constraints agree, and none of them names a registry."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "lib/pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
STANDS_ON = {"jupyterlab", "ipywidgets", "pandas", "plotly", "papermill", "nbval"}


def pip_section():
    (section,) = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    return section


def pinned(name):
    lines = (ROOT / "lib" / name).read_text().splitlines()
    found = {}
    for line in lines:
        match = re.match(r"([A-Za-z0-9_.-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+))?", line)
        if match:
            marker = (match[3] or "").strip()
            found.setdefault(match[1].lower().replace("_", "-"), []).append((Version(match[2]), marker))
    return found


def test_environment_names_what_the_workbook_stands_on_and_the_package_itself():
    section = pip_section()
    assert section[0] == "-c lib/constraints.txt"
    assert section[-1] == "-e ./lib[dev]"
    assert set(section[1:-1]) == STANDS_ON


def test_conda_specs_are_valid_and_agree_with_requires_python():
    rattler = pytest.importorskip("rattler")
    specs = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    names = {rattler.MatchSpec(spec, strict=True).name.normalized for spec in specs}
    assert names == {"python", "pip"}
    (python,) = [spec for spec in specs if spec.startswith("python")]
    assert python.removeprefix("python") == PROJECT["requires-python"]


def test_every_requirement_is_met_by_the_constraints():
    locked = pinned("constraints.txt")
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    assert len(wanted) > 20
    for text in wanted:
        requirement = Requirement(text)
        versions = locked[requirement.name.lower().replace("_", "-")]
        assert all(requirement.specifier.contains(number) for number, _ in versions), text


def test_lock_and_constraints_hold_the_same_versions():
    assert pinned("requirements.lock") == pinned("constraints.txt")
    lock = (ROOT / "lib/requirements.lock").read_text()
    assert lock.count("--hash=sha256:") > len(pinned("requirements.lock"))


@pytest.mark.parametrize("name", ["requirements.lock", "constraints.txt"])
def test_no_address_stands_in_the_lock(name):
    text = (ROOT / "lib" / name).read_text()
    assert "://" not in text
    assert "index-url" not in text and "find-links" not in text


def test_pandas_is_held_to_one_major():
    (text,) = [text for text in PROJECT["dependencies"] if text.startswith("pandas")]
    assert Requirement(text).specifier.contains("3.1.1")
    assert not Requirement(text).specifier.contains("4.0.0")


def test_the_installed_packages_are_the_locked_ones():
    for name in STANDS_ON:
        assert Version(version(name)) in [number for number, _ in pinned("constraints.txt")[name]]
