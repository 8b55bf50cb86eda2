"""The house as it is meant to stand: a room imports only from rooms below it, and every file can be read at a sitting.

Each rule is a function of source texts, so that it can be shown a house that breaks it.
"""

import ast
import builtins
import functools
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from importlib import metadata

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import optical_lite
from optical_lite.settings import ROOT

PACKAGE = ROOT / "optical_lite"
GROUND = ("settings", "safe_files", "json_files", "provenance", "quantised", "model_files", "weights",
          "tokenizer_files")  # fmt: skip
ROOMS = (
    "ground", "kernels", "heart", "engines", "formats", "datasets", "training", "alignment", "paper", "views", "study",
    "lessons", "bench", "cli",
)  # fmt: skip
FILE, FUNCTION, HEART = 320, 60, 2_500


def sources() -> dict[str, str]:
    """Source text by dotted name below the package; a room's own name is its ``__init__``."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def room(module: str) -> str:
    """The room of a module: its folder, or, of what lies flat, ground or heart; the doors import from everywhere."""
    if module in ("", "__main__"):
        return "cli"
    if "." in module or module in ROOMS:
        return module.split(".")[0]
    return "ground" if module in GROUND else "heart"


def imports(house: dict[str, str]) -> dict[str, set[str]]:
    """Which modules of the house each module imports, at its head or inside a function."""
    found: dict[str, set[str]] = {}
    packages = {name.rpartition(".")[0] for name in house} | {name for name in house if name in ROOMS} | {""}
    for name, text in house.items():
        here = name if name in packages and name != "" else name.rpartition(".")[0]
        parts = [part for part in here.split(".") if part]
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            base = parts[: len(parts) + 1 - node.level] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                whole = ".".join([*base, alias.name])
                target = whole if whole in house else ".".join(base)
                if target in house and target != name:
                    found.setdefault(name, set()).add(target)
    return found


def upward(house: dict[str, str]) -> list[str]:
    """Imports from a room above."""
    return [
        f"{name} imports {target}"
        for name, targets in imports(house).items()
        for target in sorted(targets)
        if ROOMS.index(room(target)) > ROOMS.index(room(name))
    ]


def circles(house: dict[str, str]) -> list[str]:
    """Modules that import each other, by whatever way round."""
    try:
        list(TopologicalSorter(imports(house)).static_order())
    except CycleError as error:
        return error.args[1]
    return []


def long_files(house: dict[str, str]) -> list[str]:
    """Files of more lines than one reads at a sitting."""
    return [f"{name}: {n} lines" for name, text in house.items() if (n := len(text.splitlines())) > FILE]


def long_functions(house: dict[str, str]) -> list[str]:
    """Functions of more lines than one holds in mind, docstring aside."""
    found = []
    for name, text in house.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                doc = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
                lines = node.end_lineno - node.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)
                if lines > FUNCTION:
                    found.append(f"{name}.{node.name}: {lines} lines")
    return found


def large_heart(house: dict[str, str]) -> list[str]:
    """The method, where it has more lines than one reads in an afternoon."""
    flat = [name for name in house if name and "." not in name and name not in ROOMS and room(name) == "heart"]
    total = sum(len(house[name].splitlines()) for name in flat)
    return [f"heart: {total} lines"] if total > HEART else []


def lost(house: dict[str, str]) -> list[str]:
    """References of docstrings, such as :mod:`.transport`, to what is not there, but for other packages."""
    near, objects = {}, set()
    for name, text in house.items():
        near[name] = {*dir(builtins)}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                near[name].add(node.id)
            elif isinstance(node, (ast.alias, ast.FunctionDef, ast.ClassDef)):
                near[name] |= {node.name, *(f"{node.name}.{getattr(x, 'name', '')}" for x in getattr(node, "body", ()))}
        objects |= {f".{name}.{each}" for each in near[name]}
    found = []
    for name, text in house.items():
        for role, said in re.findall(r":(mod|func|class|data|meth):`~?([\w.]+)`", text):
            of, said = {f".{each}" for each in house} if role == "mod" else objects, said.removeprefix("optical_lite")
            there = any(one.endswith(said) for one in of) if said[0] == "." else said in near[name] or "." in said
            found += [] if there else [f"{name}: {said}"]
    return found


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# what a message asks for, and what is measured beside ours in an environment of its own
BESIDE, PEERS = {"ir-datasets"}, "bench.peers"
distributions = functools.cache(metadata.packages_distributions)


def undeclared(house: dict[str, str]) -> list[str]:
    """Packages that are imported and that pyproject.toml does not name."""
    named = sum(PROJECT["optional-dependencies"].values(), PROJECT["dependencies"])
    known = {canonicalize_name(Requirement(each).name) for each in named} | BESIDE
    found, of = [], distributions()
    for name, text in house.items():
        for node in ast.walk(ast.parse(text)) if name != PEERS else ():
            taken = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                taken = [node.module]
            for top in {each.split(".")[0] for each in taken} - sys.stdlib_module_names:
                if not known & {*map(canonicalize_name, of.get(top, [top]))}:
                    found.append(f"{name} imports {top}")
    return found


def off_the_shelf(shelf: set[str], pages: list[str]) -> set[str]:
    """Names that a page takes from the shelf and that are not there, or that are there and no page takes."""
    return shelf ^ {name for page in pages for name in re.findall(r"\bol\.([A-Za-z_]+)", page)}


GOOD = {"cost": "", "kernels": "", "kernels.packed": "", "training": "", "training.loop": "from ..cost import x"}


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (upward, GOOD | {"cost": "from .training.loop import y"}),
        (upward, GOOD | {"kernels.packed": "def f():\n    from .. import cost"}),
        (circles, GOOD | {"cost": "from . import lexicon", "lexicon": "def f():\n    from .cost import x"}),
        (long_files, GOOD | {"cost": "x = 1\n" * 321}),
        (large_heart, GOOD | {f"cost{number}": "x = 1\n" * 300 for number in range(9)}),
        (long_functions, GOOD | {"cost": "def f():\n    '''Say.'''\n" + "    x = 1\n" * 60}),
        (lost, GOOD | {"cost": "':mod:`.costs`'"}),
        (lost, GOOD | {"cost": "def f():\n    ':func:`g`'"}),
        (lost, GOOD | {"cost": "def f():\n    ':func:`.cost.g`'"}),
        (undeclared, GOOD | {"cost": "def f():\n    from unheard.of import x"}),
    ],
)
def test_a_house_that_breaks_a_rule_is_seen(rule, bad):
    assert not rule(GOOD)
    assert rule(bad)


@pytest.mark.parametrize("rule", [upward, circles, long_files, large_heart, long_functions, lost, undeclared])
def test_the_house_keeps_the_rules(rule):
    assert rule(sources()) == []


def test_every_room_says_what_lies_in_it():
    for name in ROOMS[1:2] + ROOMS[3:]:
        said = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text(encoding="utf-8")))
        assert said, name
        assert len(said.splitlines()) <= 6, name


def test_the_shelf_holds_what_lessons_and_readme_take():
    assert off_the_shelf({"cost", "gold"}, ["ol.cost.idf_table()"]) == {"gold"}
    pages = [(ROOT / "README.md").read_text(encoding="utf-8")]
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        pages += [cell.source for cell in nbformat.read(path, 4).cells]
    for path in sorted((ROOT / "tests" / "lessons" / "answers").glob("*.py")):
        pages.append(path.read_text(encoding="utf-8"))
    assert off_the_shelf(set(optical_lite.SHELF), pages) == set()


@pytest.mark.locked
@pytest.mark.parametrize("way", [["check"], ["format", "--check"]])
def test_ruff_is_content(tmp_path, way):
    pytest.importorskip("ruff", reason="ruff: pip install -e '.[test]'")

    def complaint(*of):
        line = [sys.executable, "-m", "ruff", *way, "--no-cache", *of]
        found = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
        return found.returncode and found.stdout + found.stderr

    (tmp_path / "bad.py").write_text("import os;x=1")
    assert complaint("--config", "pyproject.toml", tmp_path)
    assert not complaint(".")
