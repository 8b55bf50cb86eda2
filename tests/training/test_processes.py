"""Several processes share one training: the same run as by one, whoever is killed and however many go on."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from optical_lite import vocabulary
from optical_lite.config import DistillConfig
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.settings import InputError
from optical_lite.training import distill, runs

# an epoch of 25 pairs ends in a step of one pair, of which one process has none
PAIRS = pocket.bitext("sw").pairs[:25]
SETTINGS = {"batch": 8, "steps": 24, "save_every": 2, "loss": "transport + 0.1 late + 0.1 contrast + 0.1 score"}
# products of another shape are rounded otherwise; a problem that stops a check later is 5 iterations of one in eight
NEAR = {"float32": (1e-4, 1e-3, 0.5), "bf16": (0.02, 0.05, 1.3)}


@pytest.fixture(scope="module")
def folder(tiny, number_type, tmp_path_factory):
    """A folder with an encoder, pairs, and what one process makes of them."""
    place = tmp_path_factory.mktemp("processes")
    tiny.save(place / "tiny")
    (place / "pairs.tsv").write_text("".join(f"{source}\t{english}\n" for source, english in PAIRS))
    train(place, place / "one")
    return place


def train(folder, out, **how):
    teacher = Encoder.load(folder / "tiny").requires_grad_(False)
    bitext = replace(pocket.bitext("sw"), name="pairs.tsv", pairs=PAIRS)
    student = vocabulary.extend(teacher, bitext)
    distill.distill(student, teacher, bitext, DistillConfig(**SETTINGS), out, progress=False, **how)


def start(folder, out, *options, processes=2):
    settings = [word for name, value in SETTINGS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    line += ["-m", "optical_lite", "train", "--bitext", str(folder / "pairs.tsv"), "--lang", "sw", "--quiet"]
    line += ["--model", str(folder / "tiny"), "--out", str(out), *settings, *options]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})


def compare(out, expected, number_type):
    losses, weights, iterations = NEAR[number_type]
    lines, wanted = runs.read_log(out), runs.read_log(expected)
    assert [line["pairs"] for line in lines] == [line["pairs"] for line in wanted]
    assert sorted(line["pairs"] for line in lines[:4]) == [1, 8, 8, 8]
    for name, near in (("loss", losses), ("norm", losses), ("marginal_error", losses), ("iterations", iterations)):
        assert [line[name] for line in lines] == pytest.approx([line[name] for line in wanted], abs=near), name
    pairs = zip(runs.load_student(out).parameters(), runs.load_student(expected).parameters(), strict=True)
    assert max((mine - theirs).abs().max().item() for mine, theirs in pairs) < weights


def test_two_processes_make_the_run_of_one(folder, number_type, tmp_path):
    work = start(folder, tmp_path / "two", "--accumulate", "2", "--processes", "2")
    said, error = work.communicate()
    assert work.returncode == 0, error
    assert said.count("25 pairs") == 1  # one speaks
    compare(tmp_path / "two", folder / "one", number_type)


@pytest.mark.skipif(not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="children are found in /proc")
def test_a_worker_is_killed_and_another_number_goes_on(folder, number_type, tmp_path):
    work = start(folder, tmp_path / "run")
    while not (tmp_path / "run" / "resume.pt").exists():
        assert work.poll() is None, work.communicate()
        time.sleep(0.002)
    *_, last = Path(f"/proc/{work.pid}/task/{work.pid}/children").read_text().split()
    os.kill(int(last), signal.SIGKILL)
    work.communicate()
    assert work.returncode
    assert not runs.is_finished(tmp_path / "run")
    train(folder, tmp_path / "run")
    compare(tmp_path / "run", folder / "one", number_type)


def test_accumulation_changes_nothing(folder, number_type, tmp_path):
    train(folder, tmp_path / "pieces", accumulate=3)
    compare(tmp_path / "pieces", folder / "one", number_type)


def test_another_number_of_processes_than_asked_for_stops(folder, number_type, tmp_path):
    with pytest.raises(InputError, match="got 1 processes, expected 2; start them with torchrun"):
        train(folder, tmp_path / "run", processes=2)
    assert not (tmp_path / "run").exists()


def test_processes_that_see_other_files_stop(tmp_path, monkeypatch):
    monkeypatch.setattr("accelerate.utils.gather_object", lambda own: [*own, {**own[0], "steps": "6"}])
    with pytest.raises(InputError, match="got processes that differ in steps, expected the same in each"):
        distill._agree(tmp_path, bitext={"pairs": 25}, steps=4)


OTHER = """
import sys
from optical_lite.cli.main import main
from optical_lite.settings import launched
sys.exit(main(sys.argv[1 + launched("RANK")].split()))
"""


def test_a_process_that_would_do_something_else_stops_all(tiny, tmp_path):
    tiny.save(tmp_path / "tiny")
    for name, pairs in {"pairs": PAIRS, "turned": PAIRS[::-1]}.items():
        (tmp_path / f"{name}.tsv").write_text("".join(f"{source}\t{english}\n" for source, english in pairs))
    (tmp_path / "other.py").write_text(OTHER)
    line = f"train --lang sw --quiet --out {tmp_path}/run --model {tmp_path}/tiny --bitext {tmp_path}"
    both = f"{line}/pairs.tsv --steps 4", f"{line}/turned.tsv --steps 6"
    work = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*work, str(tmp_path / "other.py"), *both], capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode
    assert "run: got processes that differ in config and bitext" in done.stderr
    assert not (tmp_path / "run" / "config.json").exists()
