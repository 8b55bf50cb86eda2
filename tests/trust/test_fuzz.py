"""The fuzz harness in its short form: some hundred cases find nothing, and each kind of fault is seen."""

import json
import os
import random
import signal

import pytest

from optical_lite.settings import InputError
from trust import fuzz, mutations
from trust.cases import Target, Wrong
from trust.targets import TARGETS

FILES = {"a.jsonl": b'{"id": "x", "grade": 1}\n', "b.tsv": b"1\tmaji\n2\tmoto\n"}


def test_a_seed_makes_the_same_cases_and_another_others():
    def made(seed):
        return [mutations.mutate(FILES, random.Random(f"{seed} {n}")) for n in range(40)]

    assert made(0) == made(0) != made(1)
    assert sum(files != FILES for files, _ in made(0)) > 35


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in ("findings", "pocket", "works", "tables")])
def test_readers_answer_mutated_files_by_a_result_or_one_line(name, tmp_path):
    """Here in this process, a few of each; ``python tests/trust/fuzz.py`` runs thousands in a watched one."""
    faults = []
    for number in range(12):
        found = fuzz.one(TARGETS[name], name, number, 7, tmp_path / str(number))
        if found["kind"] not in fuzz.GOOD:
            faults.append(found)
    assert not faults


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InputError("got x"), "refused"),
        (KeyError("x"), "traceback"),
        (RecursionError(), "traceback"),
        (MemoryError(), "memory"),
        (Wrong("other"), "wrong"),
        (None, "result"),
    ],
)
def test_what_a_case_does_is_told_apart(error, kind, tmp_path):
    def run(case):
        if error:
            raise error

    assert fuzz.one(Target(lambda: FILES, run), "toy", 0, 0, tmp_path / "case")["kind"] == kind


def test_a_case_that_takes_memory_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "GIGABYTE", 2**24)
    if not fuzz.peak():
        pytest.skip("no /proc on this system")
    found = fuzz.one(Target(lambda: FILES, lambda case: len(b"x" * 2**26)), "toy", 0, 0, tmp_path / "case")
    assert (found["kind"], found["grown"] > 2**25) == ("memory", True)


@pytest.mark.parametrize(("end", "kind"), [(signal.SIGSEGV, "crash"), (signal.SIGVTALRM, "hang")])
def test_a_case_that_ends_its_process_is_seen_and_the_next_goes_on(end, kind, tmp_path, monkeypatch):
    script = (
        "import json, os, sys\n"
        "for at in range(int(sys.argv[sys.argv.index('--start') + 1]), 3):\n"
        "    print(json.dumps({'begin': at}), flush=True)\n"
        f"    if at == 1: os.kill(os.getpid(), {int(end)})\n"
        "    nothing = dict.fromkeys(('error', 'place', 'said'), '')\n"
        "    print(json.dumps({'end': at, 'kind': 'result', 'size': 1, 'grown': 0, **nothing}))\n"
    )
    (tmp_path / "worker.py").write_text(script)
    monkeypatch.setattr(fuzz, "HERE", tmp_path / "worker.py")
    found = fuzz.fuzz({"toy": 1.0}, 3)
    assert found["targets"] == {"toy": {"result": 2, kind: 1}}
    assert [fault["case"] for fault in found["faults"]] == [1]
    json.dumps(found, allow_nan=False)
    assert os.environ.get("OPTICAL_LITE_PROFILE") == "smoke"  # of the tests, not of a worker
