"""Run folders that were killed, damaged, shared or read by somebody else."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from steps import each_step

from optical_lite import vocabulary
from optical_lite.config import DistillConfig
from optical_lite.datasets import pocket
from optical_lite.paper import experiment
from optical_lite.provenance import sha256
from optical_lite.settings import InputError
from optical_lite.training import distill, runs
from optical_lite.views import choices

CONFIG = DistillConfig(steps=4, batch=4, save_every=2, keep=(1,))
BITEXT = replace(pocket.bitext("sw"), pairs=pocket.bitext("sw").pairs[:12])


@pytest.fixture(scope="module")
def tiny(number_type):
    return experiment.tiny().requires_grad_(False)


@pytest.fixture(scope="module")
def train(tiny):
    def one(out, config=CONFIG, on_step=None):
        student = vocabulary.extend(tiny, BITEXT)
        with each_step(on_step):
            distill.distill(student, tiny, BITEXT, config, out, progress=False)
        return student

    return one


@pytest.fixture(scope="module")
def finished(train, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return out, train(out)


class Stopped(Exception):
    pass


@pytest.fixture
def half(train, tmp_path):
    """A run that was stopped after its third step; its state is that of the second."""

    def stop(line):
        if line["step"] == 3:
            raise Stopped

    with pytest.raises(Stopped):
        train(tmp_path / "run", on_step=stop)
    return tmp_path / "run"


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def weights(out):
    return (out / "student" / "model.safetensors").read_bytes()


def test_a_stopped_run_goes_on_to_the_same_bits(half, train, finished):
    assert len(runs.read_log(half)) == 3
    assert not (half / "student").exists()  # nothing half-written
    train(half)
    assert weights(half) == weights(finished[0])
    assert [line["loss"] for line in runs.read_log(half)] == [line["loss"] for line in runs.read_log(finished[0])]
    assert names(half) == names(finished[0])


def test_how_often_it_is_saved_may_change(half, train, finished):
    train(half, replace(CONFIG, save_every=1))
    assert weights(half) == weights(finished[0])


def test_a_run_without_its_configuration_is_refused(half, train):
    (half / "config.json").unlink()
    with pytest.raises(InputError, match=r"not a run and not empty \(checkpoints, no config\.json\)"):
        train(half)


def test_a_run_that_was_killed_in_its_first_moment_begins_anew(train, tmp_path, finished):
    for left in (".config.json.0123abcd.part", ".DS_Store"):
        out = tmp_path / left[1:]
        out.mkdir()
        (out / left).write_text("{")
        train(out)
        assert weights(out) == weights(finished[0])
        assert runs.read_json(out / "config.json")["environment"]["versions"]
        assert not list(out.glob("*.part"))


DAMAGE = {
    "resume.pt": (b"", b"x", b"PK\x03\x04" + b"x" * 50, "cut", "other", "a bit"),
    "log.jsonl": (b"", b"{\n", b"\xff\xfe", "cut", "missing", "swapped"),
    "config.json": (b"", b"[]", b"{", b"\xff"),
}


@pytest.mark.parametrize(("name", "how"), [(name, how) for name, all_of in DAMAGE.items() for how in all_of])
def test_a_damaged_file_is_named_and_nothing_is_trained(half, train, name, how):
    place = half / name
    if how == "cut":
        place.write_bytes(place.read_bytes()[: len(place.read_bytes()) // 2])
    elif how == "a bit":
        content = bytearray(place.read_bytes())
        content[len(content) // 2] ^= 1  # in the midst of a tensor
        place.write_bytes(content)
    elif how == "missing":
        place.unlink()
    elif how == "swapped":
        first, second, *rest = place.read_text().splitlines(keepends=True)
        place.write_text("".join([second, first, *rest]))
    elif how == "other":
        torch.save({"step": 2, "weights": {"x": torch.ones(2)}, "optimizer": {}}, place)
    else:
        place.write_bytes(how)
    before = {path: path.read_bytes() for path in half.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as error:
        train(half, on_step=lambda line: pytest.fail("trained"))
    assert "delete" in str(error.value)
    assert "\n" not in str(error.value)
    assert before == {path: path.read_bytes() for path in half.rglob("*") if path.is_file()}


def moments(state, **change):
    for found in state["optimizer"]["state"].values():
        found.update(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(step=1.5),
        lambda state: state.update(step="2"),
        lambda state: state.update(weights=None),
        lambda state: state.update(weights={name: None for name in state["weights"]}),
        lambda state: state.update(optimizer=[]),
        lambda state: state["optimizer"].update(param_groups=7),
        lambda state: state["optimizer"].update(state=[7]),
        lambda state: moments(state, exp_avg="junk"),
        lambda state: moments(state, exp_avg=torch.ones(3)),
        lambda state: [found.pop("exp_avg_sq") for found in state["optimizer"]["state"].values()],
    ],
)
def test_a_state_of_other_values_is_named(half, train, change):
    state = torch.load(half / "resume.pt", weights_only=True)
    change(state)
    torch.save(state, half / "resume.pt")
    with pytest.raises(InputError, match=r"resume\.pt: got .*; delete it to train"):
        train(half, on_step=lambda line: pytest.fail("trained"))


@pytest.mark.parametrize("line", ["{}", "[]", "7", '{"step": 2, "loss": 1, "seconds": "long"}'])
def test_a_log_of_other_values_is_named(half, train, line):
    state = torch.load(half / "resume.pt", weights_only=True)
    first = (half / "log.jsonl").read_bytes().splitlines(keepends=True)[0]
    (half / "log.jsonl").write_bytes(first + line.encode() + b"\n")
    torch.save({**state, "log": sha256(first + line.encode() + b"\n")}, half / "resume.pt")
    with pytest.raises(InputError, match=r"log\.jsonl, line 2: got "):
        train(half, on_step=lambda line: pytest.fail("trained"))


def test_settings_of_a_state_do_not_count(half, train, finished):
    state = torch.load(half / "resume.pt", weights_only=True)
    for group in state["optimizer"]["param_groups"]:
        group.update(lr="junk", betas=(2.0,), weight_decay=9.0)
    torch.save(state, half / "resume.pt")
    train(half)
    assert weights(half) == weights(finished[0])


@pytest.mark.parametrize("value", [[], "x", {"precision": []}])
def test_an_environment_of_other_values_is_named(half, train, value):
    record = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps({**record, "environment": value}))
    with pytest.raises(InputError, match=r"config\.json: got .*; put it back from a copy"):
        train(half)


@pytest.mark.parametrize("name", ["resume.pt", "log.jsonl", "config.json", "metrics.json"])
def test_a_pipe_in_place_of_a_file_does_not_wait(half, train, name):
    (half / name).unlink(missing_ok=True)
    os.mkfifo(half / name)
    with pytest.raises(InputError, match=f"{name}: got a link, pipe or device"):
        train(half)


@pytest.mark.parametrize("name", ["metrics.json", "checkpoints/000001.safetensors", "checkpoints", "student"])
def test_nothing_is_written_or_removed_through_a_link_in_a_run(half, train, tmp_path, name):
    other, place = tmp_path / "other", half / name
    if place.suffix:
        other.write_text("mine")
    else:
        other.mkdir()
        (other / ".x.0123abcd.part").write_text("mine")
    shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(missing_ok=True)
    (half / "resume.pt").unlink()
    place.symlink_to(other)
    with pytest.raises(InputError, match=f"{name}: got a link, pipe or device"):
        train(half)
    assert "mine" in {path.read_text() for path in (other.iterdir() if other.is_dir() else [other])}


def test_without_its_state_a_run_begins_anew(half, train, finished):
    (half / "resume.pt").unlink()
    train(half)
    assert weights(half) == weights(finished[0])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", None])
def test_the_sum_of_a_finished_run_is_made_again(finished, train, tmp_path, content):
    out = shutil.copytree(finished[0], tmp_path / "run")
    before = (out / "metrics.json").read_bytes()
    if content is None:
        (out / "metrics.json").unlink()
    else:
        (out / "metrics.json").write_bytes(content)
    assert not runs.is_finished(out)
    train(out, on_step=lambda line: pytest.fail("trained again"))
    assert (out / "metrics.json").read_bytes() == before
    assert weights(out) == weights(finished[0])


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_damaged_student_of_a_finished_run_is_made_again(finished, train, tmp_path, name):
    out = shutil.copytree(finished[0], tmp_path / "run")
    before = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / "student" / name).write_bytes(b"x")
    train(out, on_step=lambda line: pytest.fail("trained again"))
    assert before == {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_two_trainings_of_one_folder(half, train):
    """The second is refused as long as the first lives, and changes nothing."""
    code = (
        "import sys; from optical_lite.safe_files import hold\nwith hold(sys.argv[1]): print('in', flush=True), input()"
    )
    line = [sys.executable, "-c", code, str(half)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        before = {path: path.read_bytes() for path in half.rglob("*") if path.is_file()}
        with pytest.raises(InputError, match="another process is writing to"):
            train(half)
        assert before == {path: path.read_bytes() for path in half.rglob("*") if path.is_file()}
        other.kill()
    train(half)


def test_one_bad_run_hides_no_other(finished, tmp_path, capsys):
    shutil.copytree(finished[0], tmp_path / "good")
    for name, text in {"cut": "{", "empty": "", "list": "[]", "other": '{"bitext": 3}', "deep": "[" * 9_999}.items():
        shutil.copytree(finished[0], tmp_path / name)
        (tmp_path / name / "config.json").write_text(text)
    (tmp_path / "folder" / "config.json").mkdir(parents=True)
    (tmp_path / "good" / "checkpoints" / "best.safetensors").write_bytes(b"")
    assert [run.name for run in choices.known_runs("sw", tmp_path)] == ["good"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 6
    assert all(line.startswith("left out: ") and "config.json" in line for line in said)
    assert runs.checkpoint_steps(tmp_path / "good") == [0, 1, 4]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_run_that_goes_on(tiny, finished, train, tmp_path, number):
    code = """
import os, sys
from dataclasses import replace
from steps import each_step
from optical_lite import distill, pocket, vocabulary
from optical_lite.config import DistillConfig
from optical_lite.paper import experiment
bitext = replace(pocket.bitext("sw"), pairs=pocket.bitext("sw").pairs[:12])
tiny = experiment.tiny().requires_grad_(False)
stop = lambda line: line["step"] == 3 and os.kill(os.getpid(), int(sys.argv[2]))
with each_step(stop):
    distill.distill(vocabulary.extend(tiny, bitext), tiny, bitext,
                    DistillConfig(steps=4, batch=4, save_every=2, keep=(1,)), sys.argv[1], progress=False)
"""
    line = [sys.executable, "-c", code, str(tmp_path / "run"), str(int(number))]
    place = os.pathsep.join([str(Path(__file__).parents[1]), os.environ["PYTHONPATH"]])
    done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": place})
    assert done.returncode not in (0, 2), done.stderr
    train(tmp_path / "run")
    assert weights(tmp_path / "run") == weights(finished[0])
    assert names(tmp_path / "run") == names(finished[0])


def test_a_full_disk_while_the_state_is_saved_is_one_line(half, train, finished):
    import resource

    before, state = resource.getrlimit(resource.RLIMIT_FSIZE), (half / "resume.pt").read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(state) // 2, before[1]))
    try:
        with pytest.raises(InputError, match=r"got no room \(File too large\)"):
            train(half)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (half / "resume.pt").read_bytes() == state
    assert not [name for name in names(half) if "part" in name]
    train(half)
    assert weights(half) == weights(finished[0])


def test_every_field_is_offered():
    from optical_lite.cli.main import parser

    values = {"loss": "late", "solver": "exact", "mass": 0.3, "warmup": 0.2, "save_every": 7, "keep": (2, 4)}
    line = "train --bitext x --out y --loss late --solver exact --mass 0.3 --warmup 0.2"
    line += " --save-every 7 --keep 2 4 --special"
    given = vars(parser().parse_args(line.split()))
    given["keep"] = tuple(given["keep"])
    assert DistillConfig(**{field.name: given[field.name] for field in fields(DistillConfig)}) == DistillConfig(
        special=True, **values
    )
    with pytest.raises(InputError, match="save_every: got 0"):
        DistillConfig(save_every=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "0 transport"}, {"loss": "late + .0 transport"}, {"loss": 5}, {"loss": f"{'9' * 400} late"},
        {"trainable": "old"}, {"trainable": ("new",)}, {"solver": None}, {"marginals": 1},
        {"special": "no"}, {"special": 1}, {"epsilon": 0}, {"epsilon": True}, {"reach": -1.0},
        {"mass": 2.0}, {"mass": 0},
        {"steps": True}, {"steps": 2.5}, {"steps": 0}, {"batch": 2.5}, {"batch": "8"}, {"rate": "x"}, {"rate": 10**400},
        {"rate": float("nan")}, {"row_rate": float("inf")}, {"row_rate": -1}, {"warmup": -1}, {"warmup": 5},
        {"max_length": 1}, {"max_length": 2}, {"seed": 1.5}, {"seed": -1}, {"save_every": 0},
        {"keep": (-1,)}, {"keep": 5}, {"keep": "1"}, {"keep": (1.0,)}, {"keep": (301,)},
    ],
)  # fmt: skip
def test_what_no_training_can_do_is_refused_when_it_is_asked_for(wrong):
    with pytest.raises(InputError, match=f"^{next(iter(wrong))}: got .*expected ") as error:
        DistillConfig(**wrong)
    assert "\n" not in str(error.value)


def test_ends_of_the_ranges_are_taken():
    DistillConfig(mass=1, warmup=0, row_rate=0, seed=2**32 - 1, rate=1, max_length=3, keep=[300], loss="0.1*late")
    assert DistillConfig(warmup=1.0).warmup == 1


def test_a_run_that_was_refused_may_be_begun_otherwise(train, tmp_path, finished):
    out = tmp_path / "run"
    with pytest.raises(InputError, match="lower the rate"):
        train(out, replace(CONFIG, rate=1e30, keep=()))
    train(out)
    assert weights(out) == weights(finished[0])
    assert names(out) == names(finished[0])


@pytest.mark.parametrize("left", ["checkpoints/000001.safetensors", "resume.pt", "student/config.json", "mine.txt"])
def test_a_run_that_has_something_to_lose_is_not_begun_otherwise(half, train, left):
    for path in sorted(half.rglob("*"), reverse=True):
        if path.is_file() and path != half / "config.json":
            path.unlink()
    (half / left).parent.mkdir(exist_ok=True)
    (half / left).write_bytes(b"mine")
    with pytest.raises(InputError, match=r"another config \(rate 0\.001, now 0\.002\)"):
        train(half, replace(CONFIG, rate=2e-3))
    assert (half / left).read_bytes() == b"mine"


def test_what_the_student_cannot_do_is_refused_before_anything_is_written(tiny, tmp_path):
    student = tiny.copy("no new rows")
    with pytest.raises(InputError, match="use --trainable all"):
        distill.distill(student, tiny, BITEXT, CONFIG, tmp_path / "run", progress=False)
    assert names(tmp_path / "run") == []
    distill.distill(student, tiny, BITEXT, replace(CONFIG, trainable="all"), tmp_path / "run", progress=False)
    assert runs.is_finished(tmp_path / "run")


def test_an_unknown_number_type_in_a_record_is_no_advice(half, train):
    record = json.loads((half / "config.json").read_text())
    record["environment"]["precision"] = "float64; rm -r"
    (half / "config.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"got .*'float64; rm -r', expected float32 or bf16") as error:
        train(half)
    assert "give --precision" not in str(error.value)
