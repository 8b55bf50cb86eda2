import copy
import json
import shutil

import pytest
import torch
from steps import each_step

from optical_lite import distillation, vocabulary
from optical_lite.config import LOSSES, SOLVERS, DistillConfig
from optical_lite.corpora import Bitext
from optical_lite.datasets import pocket
from optical_lite.formats import own
from optical_lite.settings import InputError, uses_bf16
from optical_lite.training import distill, runs


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


CONFIG = {"steps": 6, "batch": 8, "save_every": 2}


def run(teacher, out, *, bitext=None, on_step=None, **change):
    bitext = bitext or pocket.bitext("sw")
    student = vocabulary.extend(teacher, bitext)
    config = DistillConfig(**{**CONFIG, **change})
    with each_step(on_step):
        return distill.distill(student, teacher, bitext, config, out, progress=False), student


@pytest.fixture(scope="module")
def finished(teacher, tmp_path_factory):
    before = teacher.embedding.detach().clone()
    out, student = run(teacher, tmp_path_factory.mktemp("runs") / "whole", keep=(3,))
    torch.testing.assert_close(teacher.embedding, before)  # the teacher is never changed
    return out, student


def test_a_run_folder_holds_what_is_promised(finished):
    out, _ = finished
    files = "config.json", "log.jsonl", "metrics.json", "student/model.safetensors", "student/tokenizer.json"
    for name in files:
        assert (out / name).exists(), name
    config = json.loads((out / "config.json").read_text())
    assert config["config"]["steps"] == 6
    assert len(config["bitext"]["sha256"]) == len(config["teacher"]["sha256"]) == 64
    assert {"versions", "device", "threads", "commit"} <= config["environment"].keys()
    log = runs.read_log(out)
    assert [line["step"] for line in log] == [1, 2, 3, 4, 5, 6]
    assert all(0 < line["loss"] < 2 and line["converged"] >= 0 for line in log)
    assert not list(out.rglob("*.part"))


def test_checkpoints(finished, teacher):
    out, student = finished
    assert runs.checkpoint_steps(out) == [0, 3, 6]
    first = runs.load_checkpoint(out, 0)
    start = vocabulary.extend(teacher, pocket.bitext("sw"))
    torch.testing.assert_close(first.embedding, start.embedding, atol=2e-3, rtol=0)  # kept in half precision
    torch.testing.assert_close(runs.load_checkpoint(out, 6).embedding, student.embedding, atol=2e-3, rtol=0)
    with pytest.raises(InputError, match=r"expected one of \[0, 3, 6\]"):
        runs.load_checkpoint(out, 4)


def test_a_finished_run_is_reused(finished, teacher, tmp_path):
    out, student = finished
    twin = shutil.copytree(out, tmp_path / "copy")
    before = (twin / "metrics.json").read_text()
    _, again = run(teacher, twin, keep=(3,), on_step=lambda line: pytest.fail("trained again"))
    assert (twin / "metrics.json").read_text() == before
    torch.testing.assert_close(again.embedding, student.embedding)


def test_another_run_is_refused_and_left_alone(finished, teacher, tmp_path):
    twin = shutil.copytree(finished[0], tmp_path / "copy")
    before = sorted((path, path.stat().st_mtime_ns) for path in twin.rglob("*"))
    with pytest.raises(InputError, match="another config"):
        run(teacher, twin, keep=(3,), rate=1e-4)
    with pytest.raises(InputError, match="another bitext"):
        run(teacher, twin, keep=(3,), bitext=pocket.bitext("so"))
    assert before == sorted((path, path.stat().st_mtime_ns) for path in twin.rglob("*"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not a run and not empty"):
        run(teacher, tmp_path / "home")


@pytest.mark.parametrize("trainable", ["new", "all"])
def test_the_fast_loop_does_what_the_plain_one_does(teacher, tmp_path, trainable):
    change = {"steps": 4, "trainable": trainable, "rate": 1e-3}
    out, fast = run(teacher, tmp_path / "run", **change)
    slow = vocabulary.extend(teacher, pocket.bitext("sw"))
    expected = distillation.plain(slow, teacher, pocket.bitext("sw"), DistillConfig(**{**CONFIG, **change}))
    found = [line["loss"] for line in runs.read_log(out)]
    assert found == pytest.approx(expected, abs=2e-3 if uses_bf16() else 2e-4)
    moved = [(s.embedding - vocabulary.extend(teacher, pocket.bitext("sw")).embedding).flatten() for s in (fast, slow)]
    assert torch.nn.functional.cosine_similarity(*moved, dim=0) > 0.9


def test_pairs_in_a_file_train_the_same_student(finished, teacher, tmp_path, monkeypatch):
    bitext = pocket.bitext("sw")
    place = tmp_path / bitext.name
    place.write_text("".join(f"{source}\t{english}\n" for source, english in bitext.pairs), encoding="utf-8")
    monkeypatch.setattr(own, "WHOLE", 0)
    out, student = run(teacher, tmp_path / "run", bitext=own.read_bitext(place, "sw"), keep=(3,))
    assert torch.equal(student.embedding, finished[1].embedding)
    assert runs.read_config(out)["bitext"]["sha256"] == runs.read_config(finished[0])["bitext"]["sha256"]


def test_training_lowers_the_loss(teacher, tmp_path):
    """Eight pairs, seen again and again, must get cheaper to transport."""
    few = Bitext("few", "sw", "en", pocket.bitext("sw").pairs[:8])
    out, _ = run(teacher, tmp_path / "run", bitext=few, steps=20, rate=5e-3)
    log = runs.read_log(out)
    assert log[-1]["loss"] < 0.9 * log[0]["loss"]


def test_batches_cover_each_epoch_once_and_hold_like_lengths():
    lengths = [i % 17 + 3 for i in range(1000)]
    batches = distillation.length_batches(lengths, 10, seed=1)
    epoch = [next(batches) for _ in range(100)]
    assert sorted(i for batch in epoch for i in batch) == list(range(1000))
    assert sum(max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in epoch) / 100 < 3
    again = distillation.length_batches(lengths, 10, seed=1)
    assert epoch == [next(again) for _ in range(100)]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"steps": 2.5}, "steps: got 2.5, expected a whole number"),
        ({"batch": "8"}, "batch: got '8', expected a whole number"),
        ({"epsilon": "0.1"}, "epsilon: got '0.1', expected a number"),
        ({"rate": None}, "rate: got None, expected a number"),
    ],
)
def test_an_option_of_another_type_is_named_before_a_run_begins(option, text):
    with pytest.raises(InputError, match=f"^{text}"):
        DistillConfig(**option)
    assert DistillConfig(epsilon=1).epsilon == 1


@pytest.mark.parametrize("accumulate", [0, -1, 2.5, "2"])
def test_a_step_has_so_many_pieces(teacher, tmp_path, accumulate):
    config, out = DistillConfig(**CONFIG), tmp_path / "run"
    with pytest.raises(InputError, match=f"^accumulate: got {accumulate!r}, expected a whole number from 1"):
        distill.distill(teacher, teacher, pocket.bitext("sw"), config, out, accumulate=accumulate)
    assert not out.exists()


def test_nothing_to_train_is_named(teacher, tmp_path):
    with pytest.raises(InputError, match="without new rows"):
        distill.distill(copy.deepcopy(teacher), teacher, pocket.bitext("sw"), DistillConfig(**CONFIG), tmp_path / "x")
    with pytest.raises(InputError, match="without pairs"):
        distill.distill(teacher, teacher, Bitext("none", "sw", "en", ()), DistillConfig(**CONFIG), tmp_path / "y")
    with pytest.raises(InputError, match="expected a finished run"):
        runs.load_student(tmp_path)
    with pytest.raises(InputError, match="expected a run folder"):
        runs.read_log(tmp_path)


@pytest.mark.parametrize("solver", SOLVERS)
def test_pairs_without_a_known_token_teach_nothing_and_training_goes_on(teacher, tmp_path, capsys, solver):
    """Ogham is in neither vocabulary: a batch of it has no mass at all, whatever epsilon."""
    some, stone = pocket.bitext("sw").pairs[:3], ("\u1681\u1682", "stone")
    bitext = Bitext("toy", "sw", "en", (*some, stone, ("\u1683", "edge of a stone"), ("maji", "\u1681")))
    student = vocabulary.extend(teacher, Bitext("toy", "sw", "en", some))
    config = DistillConfig(steps=3, batch=2, epsilon=0.001, solver=solver, loss=" + ".join(LOSSES))
    out = distill.distill(student, teacher, bitext, config, tmp_path / "run", progress=True)
    assert "3 of 6 pairs have a side without a known token and teach nothing" in capsys.readouterr().out
    assert [line["step"] for line in runs.read_log(out)] == [1, 2, 3]
    assert all(torch.isfinite(p).all() for p in student.parameters())


def test_a_bitext_without_a_known_token_is_refused(teacher, tmp_path):
    bitext = Bitext("toy", "sw", "en", (("\u1681\u1682", "stone"),) * 3)
    with pytest.raises(InputError, match="3 pairs, none with a known token on both sides"):
        distill.distill(teacher, teacher, bitext, DistillConfig(steps=1), tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "config.json").exists()
