"""Mutants: small faults put into the code one at a time; a test must notice each.

    pip install mutmut==3.8.1     # into an environment of its own that sees the project's packages
    python tests/trust/mutants.py --json data/expected/mutation.json [--share 0.5] [MODULE ...]

The operators are mutmut's. Its own runner leaves decorated functions alone, and with them ``solve`` and every property;
so this one writes each mutant's source, forks a process that has loaded the libraries already, puts the mutant in the
module's place and runs the module's tests there until the first failure. A mutant that takes several times as long as
the sound code counts as noticed. Prose, which is any text of several words, is left alone, as are annotations and
decorators.
``equivalent.json`` has patterns of mutants that no test can notice, with reasons; such a survivor counts all the same.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REASONS = Path(__file__).with_name("equivalent.json")
SOLVERS = ["test_solve", "test_transport"]
TESTS = {
    "significance": ["test_metrics"],
    "cost": ["test_cost"],
    "transport": SOLVERS,
    "kernels.stabilized": SOLVERS,
    "kernels.logdomain": SOLVERS,
    "kernels.problems": SOLVERS,
    "losses": ["test_losses"],
    "metrics": ["test_metrics"],
    "alignment.linking": ["alignment/test_linking"],
    "lexicon": ["test_lexicon"],
    "kernels.expectation": ["test_lexicon"],
}
SLOW = "memory or stops_on_its_own or float32_is_as_exact or names_of_the_module"  # these tell little about a mutant
SLOWER = 4.0  # times the sound code's time after which a mutant counts as hanging


@dataclass(frozen=True)
class Mutant:
    """One fault: where it stands, what stood there, what stands there now, and the whole mutated source."""

    module: str
    function: str
    line: int
    old: str
    new: str
    source: str

    @property
    def name(self) -> str:
        """What stays the same when lines move."""
        return f"{self.module}.{self.function}: {self.old} -> {self.new}"


def source_file(module: str) -> Path:
    """Where a module of the package lies."""
    return ROOT / "optical_lite" / f"{module.replace('.', '/')}.py"


def mutants(module: str) -> list[Mutant]:
    """Every mutant of a module."""
    import libcst as cst
    from libcst.metadata import MetadataWrapper, PositionProvider
    from mutmut.mutation.mutators import mutation_operators

    tree = MetadataWrapper(cst.parse_module(source_file(module).read_text(encoding="utf-8")))
    lines, found, places = tree.resolve(PositionProvider), [], []
    blank, made = cst.Module([]), []

    class Visitor(cst.CSTVisitor):
        """Collects (node, mutated node, function); ``places`` is where we are: functions, classes, raises."""

        def on_visit(self, node: cst.CSTNode) -> bool:
            if isinstance(node, cst.Annotation | cst.Decorator | cst.ImportFrom | cst.Import):
                return False
            if isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString):
                return False  # a docstring
            if isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Raise):
                places.append(getattr(node, "name", None) and node.name.value)
            text = isinstance(node, cst.BaseString)
            wording = text and (None in places or " " in blank.code_for_node(node))
            for kind, operator in mutation_operators:
                if isinstance(node, kind) and not wording:
                    where = ".".join(filter(None, places)) or "module"
                    found.extend((node, changed, where) for changed in operator(node))
            return not wording

        def on_leave(self, node: cst.CSTNode) -> None:
            if isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Raise):
                places.pop()

    tree.visit(Visitor())
    for node, changed, where in found:
        source = tree.module.deep_replace(node, changed).code
        with contextlib.suppress(SyntaxError):
            compile(source, module, "exec")
            texts = (" ".join(blank.code_for_node(x).split()) for x in (node, changed))
            made.append(Mutant(module, where, lines[node].start.line if node in lines else 0, *texts, source))
    return made


class Finder(importlib.abc.MetaPathFinder):
    """Gives a mutant's source wherever its module is imported."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant, self.name = mutant, f"optical_lite.{mutant.module}"

    def find_spec(self, name: str, path=None, target=None):
        """A spec whose loader compiles the mutant."""
        if name != self.name:
            return None
        file, mutant = str(source_file(self.mutant.module)), self.mutant

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname: str):
                return compile(mutant.source, file, "exec")

        return importlib.util.spec_from_file_location(name, file, loader=Loader(name, file))


def run_tests(module: str) -> int:
    """Run the tests of a module in this process, silently, until the first fails."""
    import pytest

    files = [str(source_file(module)), *(f"tests/{name}.py" for name in TESTS[module])]
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "-k", f"not ({SLOW})", *files]))
    if code == 5:
        raise SystemExit(f"mutants: got no tests for {module}, expected some in {files}")
    return code


def forget() -> None:
    """Drop what was imported of the package and the tests; the libraries stay."""
    for name in [n for n in sys.modules if n.split(".")[0] in ("optical_lite", "conftest") or n.startswith("test_")]:
        del sys.modules[name]


def killed(mutant: Mutant, seconds: float) -> str | None:
    """How a mutant was noticed: ``failed`` or ``hung``; None where it was not."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        code = 1
        try:
            sys.meta_path.insert(0, Finder(mutant))
            code = run_tests(mutant.module)
        finally:
            os._exit(code != 0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "failed" if status else None
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def examine(module: str, share: float, seed: int) -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant of a module (a random share of them), and how it was noticed."""
    everything = mutants(module)
    chosen = random.Random(f"{seed} {module}").sample(everything, max(1, round(share * len(everything))))
    for _ in range(2):  # the first run loads the libraries, the second says how long the tests take
        start = time.monotonic()
        if run_tests(module) != 0:
            raise SystemExit(f"mutants: got failing tests of {module} without a mutant, expected sound code")
        allowed = SLOWER * (time.monotonic() - start) + 5
        forget()
    for mutant in sorted(chosen, key=lambda one: one.line):
        yield mutant, killed(mutant, allowed)


def main() -> None:
    """Examine the modules that are named, by default all, and write what was found after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=list(TESTS), help="modules, by default all")
    parser.add_argument("--json", type=Path, help="where the counts and the survivors are written")
    parser.add_argument("--share", type=float, default=1.0, help="share of each module's mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    args = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    reasons = json.loads(REASONS.read_text(encoding="utf-8"))
    found = json.loads(args.json.read_text(encoding="utf-8")) if args.json and args.json.exists() else {}
    for module in args.modules:
        start, counts, left = time.monotonic(), {"failed": 0, "hung": 0, "survived": 0}, []
        for mutant, how in examine(module, args.share, args.seed):
            counts[how or "survived"] += 1
            if how is None:
                reason = next((why for pattern, why in reasons.items() if re.search(pattern, mutant.name)), "")
                left.append({"line": mutant.line, "mutant": mutant.name, "reason": reason})
                print(f"  {module}.py:{mutant.line} {mutant.name} {left[-1]['reason']}", flush=True)
        number = sum(counts.values())
        found[module] = {
            "mutants": number, "share": args.share, **counts, "killed": round(1 - counts["survived"] / number, 4),
            "seconds": round(time.monotonic() - start), "survivors": left,
        }  # fmt: skip
        print(f"{module}: {number} mutants, {found[module]['killed']:.1%} noticed", flush=True)
        if args.json:
            args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
