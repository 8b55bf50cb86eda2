"""pyproject.toml is the source of truth: environment.yml, the lock file and the README must agree with it."""

import importlib.metadata
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from optical_lite.settings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["notebooks"],
    *PROJECT["optional-dependencies"]["test"],
    *PROJECT["optional-dependencies"]["browser"],
    *PROJECT["optional-dependencies"]["engine"],
]
LOCK = [line for line in (ROOT / "requirements-lock.txt").read_text().splitlines() if line and not line.startswith("#")]


def test_environment_yml_mirrors_pyproject():
    _, listed = (ROOT / "environment.yml").read_text().split("\ndependencies:\n")
    wanted = "".join(f'      - "{each}"\n' for each in [*WANTED, "-e ."])
    assert listed == f"  - python=3.11\n  - pip\n  - pip:\n{wanted}"
    assert "3.11" in Requirement("x" + PROJECT["requires-python"].replace(",", ",")).specifier


def test_the_lock_pins_every_dependency_inside_its_range():
    pins = {canonicalize_name(r.name): r for r in map(Requirement, LOCK)}
    for wanted in map(Requirement, WANTED):
        (pin,) = pins[canonicalize_name(wanted.name)].specifier
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version), wanted


@pytest.mark.locked
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


def test_the_tests_of_a_file_share_a_worker(request, worker_id):
    if worker_id == "master":
        pytest.skip("no workers: run with -n 2 --dist loadgroup")
    assert request.node.nodeid.endswith("@test_setup")


def test_ci_runs_the_readmes_test_command():
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()


def test_the_wheel_holds_every_room_and_the_data_that_commands_need():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = {path.parent for path in (ROOT / "optical_lite").rglob("__init__.py")}
    named = {str(path.relative_to(ROOT)).replace("/", ".") for path in rooms} | {"optical_lite._data"}
    assert set(tool["packages"]) == named
    assert tool["package-dir"]["optical_lite._data"] == "data"
    held = {path for glob in tool["package-data"]["optical_lite._data"] for path in (ROOT / "data").glob(glob)}
    for path in (ROOT / "data").rglob("*"):
        if path.is_file() and "expected" not in path.parts:
            assert path in held or path.parent in held or any(parent in held for parent in path.parents), path
