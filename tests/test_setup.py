"""pyproject.toml is the source of truth: environment.yml, the lock file and the README must agree with it."""

import importlib.metadata
import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from optical_lite.settings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["notebooks"],
    *PROJECT["optional-dependencies"]["test"],
    *PROJECT["optional-dependencies"]["browser"],
]
LOCK = [line for line in (ROOT / "requirements-lock.txt").read_text().splitlines() if line and not line.startswith("#")]


def test_environment_yml_mirrors_pyproject():
    found = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert found["dependencies"][:2] == ["python=3.11", "pip"]
    assert found["dependencies"][2] == {"pip": [*WANTED, "-e ."]}
    assert "3.11" in Requirement("x" + PROJECT["requires-python"].replace(",", ",")).specifier


def test_the_lock_pins_every_dependency_inside_its_range():
    pins = {canonicalize_name(r.name): r for r in map(Requirement, LOCK)}
    for wanted in map(Requirement, WANTED):
        (pin,) = pins[canonicalize_name(wanted.name)].specifier
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version), wanted


def test_what_is_installed_is_what_is_locked():
    different = []
    for pin in map(Requirement, LOCK):
        found = importlib.metadata.version(pin.name)
        if not pin.specifier.contains(found.split("+")[0]):
            different.append(f"{pin.name}: {found} is installed")
    assert different == []


def test_make_targets_named_in_the_readme_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named
    assert named <= targets


def test_ci_runs_the_readmes_test_command():
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
