"""A run folder may come from anyone: it is read as it is or refused in one line, runs nothing and reaches nothing."""

import json
import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import save_file
from test_weights import SIZES, Code, encoder
from transformers import BertConfig, BertModel

from optical_lite import __main__
from optical_lite import encoder as encoders
from optical_lite.cli import inputs
from optical_lite.datasets import reading
from optical_lite.provenance import model_record
from optical_lite.settings import InputError
from optical_lite.training import runs
from optical_lite.views import choices


def make(folder, teacher, **change):
    """A finished run of a small encoder, as training writes it."""
    student = encoder()
    student.save(folder / "student")
    rows = torch.tensor([5, 6])
    weights = {"model.embeddings.word_embeddings.new": student.embedding[rows].detach() + 1}
    for step in (0, 2):
        (folder / "checkpoints").mkdir(exist_ok=True)
        save_file({**weights, "row_ids": rows}, folder / "checkpoints" / f"{step:06d}.safetensors")
    record = {"config": {}, "bitext": {"lang": "sw"}, "student": model_record(student), "teacher": teacher}
    (folder / "config.json").write_text(json.dumps({**record, **change}))
    (folder / "metrics.json").write_text(
        json.dumps(
            {
                "steps": 2,
                "seconds": 1,
                "loss_first": 0.5,
                "loss_last": 0.25,
                "sentences_cut": {"source": 0, "target": 0},
            }
        )
    )
    lines = [{"step": n, "loss": 0.5 / n, "seconds": 0.1 * n} for n in (1, 2)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def run(tmp_path):
    return make(tmp_path / "run", {"name": "evil-org/evil-model", "sha256": "0" * 64})


def refused(call, *arguments):
    with pytest.raises(InputError) as error:
        call(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_whole_run_is_read(run):
    assert runs.read_config(run)["bitext"]["lang"] == "sw"
    assert runs.read_metrics(run)["steps"] == len(runs.read_log(run)) == 2
    assert runs.checkpoint_steps(run) == [0, 2]
    student = runs.load_student(run)
    moved = runs.load_checkpoint(run, 2).embedding - student.embedding
    assert moved.abs().sum(1).nonzero()[:, 0].tolist() == [5, 6]


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff", b"null", b"[" * 5000, None])
@pytest.mark.parametrize(("name", "read"), [("config.json", runs.read_config), ("metrics.json", runs.read_metrics)])
def test_a_damaged_record_names_its_file(run, name, read, content):
    (run / name).unlink()
    if content is None:
        (run / name).mkdir()
    else:
        (run / name).write_bytes(content)
    assert f"{run / name}: got " in refused(read, run)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: got no JSON"),
        ("[]", "line 2: got '[]' as the line, expected a record"),
        ('{"step": 2}', "line 2: got no loss in the line"),
        ('{"step": 2, "loss": "low", "seconds": 1}', "line 2: got 'low' as loss"),
        ('{"step": 2, "loss": NaN, "seconds": 1}', "line 2: got no JSON (NaN is no finite number)"),
        (f'{{"step": 2, "loss": {10**400}, "seconds": 1}}', "line 2: got '1000"),
        ('{"step": 3, "loss": 0.5, "seconds": 1}', "line 2: got step 3, expected 2"),
        ("", "line 2: got no JSON"),
        ("\udcff", "line 2: got no JSON"),
    ],
)
def test_a_damaged_log_names_its_line(run, line, said):
    first = (run / "log.jsonl").read_bytes().splitlines()[0]
    (run / "log.jsonl").write_bytes(first + b"\n" + line.encode(errors="surrogateescape") + b"\n")
    assert said in refused(runs.read_log, run)


def test_a_folder_in_place_of_a_file_is_named(run):
    (run / "log.jsonl").unlink()
    (run / "log.jsonl").mkdir()
    assert "got no file log.jsonl" in refused(runs.read_log, run)


def saved(value):
    return lambda place: save_file(value, place)


NAME, ROWS = "model.embeddings.word_embeddings.new", torch.tensor([5, 6])
DENSE = "model.encoder.layer.0.output.dense.weight"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda place: place.write_bytes(b""), "got no whole safetensors file"),
        (lambda place: place.write_bytes(b"x"), "got no whole safetensors file"),
        (lambda place: place.write_bytes(place.read_bytes()[:-9]), "got no whole safetensors file"),
        (lambda place: place.write_bytes(pickle.dumps(Code(place.with_name("ran")))), "got no whole safetensors file"),
        (lambda place: torch.save(Code(place.with_name("ran")), place), "got no whole safetensors file"),
        (saved({NAME: torch.ones(2, 8, dtype=torch.long), "row_ids": ROWS}), f"got {NAME} of torch.int64"),
        (saved({NAME: torch.ones(2, 8)}), f"got {NAME} of shape (2, 8)"),
        (saved({NAME: torch.ones(2, 8), "row_ids": ROWS.float()}), f"got {NAME} of shape (2, 8)"),
        (saved({NAME: torch.ones(2, 8), "row_ids": ROWS - 9}), f"got {NAME} of shape (2, 8)"),
        (saved({NAME: torch.ones(2, 8), "row_ids": ROWS + 9}), f"got {NAME} of shape (2, 8)"),
        (saved({NAME: torch.ones(3, 8), "row_ids": ROWS}), f"got {NAME} of shape (3, 8)"),
        (saved({NAME: torch.full((2, 8), torch.nan), "row_ids": ROWS}), "expected finite numbers"),
        (saved({DENSE: torch.ones(8, 9), "row_ids": ROWS}), f"got {DENSE} of shape (8, 9)"),
        (saved({"model.other": torch.ones(2), "row_ids": ROWS}), "got model.other of shape (2,)"),
    ],
)
def test_a_damaged_checkpoint_is_named(run, damage, said):
    place = run / "checkpoints" / "000002.safetensors"
    damage(place)
    found = refused(runs.load_checkpoint, run, 2)
    assert said in found
    assert str(place) in found
    assert not place.with_name("ran").exists()
    assert runs.load_checkpoint(run, 0)


def test_other_files_among_the_checkpoints_are_no_steps(run):
    for name in ("best", "²²²²²²", "1", "-00001"):
        (run / "checkpoints" / f"{name}.safetensors").touch()
    assert runs.checkpoint_steps(run) == [0, 2]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("config.json", runs.read_config),
        ("metrics.json", runs.read_metrics),
        ("log.jsonl", runs.read_log),
        ("student/tokenizer.json", runs.load_student),
        ("student", runs.load_student),
        ("checkpoints/000002.safetensors", lambda run: runs.load_checkpoint(run, 2)),
    ],
)
def test_a_link_out_of_the_run_is_refused(run, tmp_path, name, read):
    (run / name).rename(tmp_path / "elsewhere")
    (run / name).symlink_to(tmp_path / "elsewhere")
    assert f"got a link out of {run}" in refused(read, run)
    assert "expected a file of its own" in refused(read, run)


def test_a_run_that_is_reached_by_a_link_is_read(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    assert runs.load_student(tmp_path / "link").dimension == 8
    (run / "student" / "inner.json").symlink_to(run / "config.json")
    assert runs.load_student(run).dimension == 8


def test_a_pipe_in_place_of_a_record_does_not_wait(run):
    (run / "config.json").unlink()
    os.mkfifo(run / "config.json")
    assert "something that is no file" in refused(runs.read_config, run)


def test_a_pipe_in_place_of_a_checkpoint_does_not_wait(run):
    place = run / "checkpoints" / "000002.safetensors"
    place.unlink()
    os.mkfifo(place)
    assert f"{place}: got something that is no file" in refused(runs.load_checkpoint, run, 2)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "qrels.txt", "topics.xx.txt"])
def test_a_pipe_in_a_collection_does_not_wait(tmp_path, name):
    (tmp_path / "qrels").mkdir()
    os.mkfifo(tmp_path / name)
    kind = "trec" if name.endswith("txt") else "beir"
    if name.startswith("topics"):
        (tmp_path / "qrels.txt").write_text("q 0 a 1\n")
    assert f"{tmp_path / name}: got something that is no file" in refused(reading.read, kind, tmp_path)


def test_a_student_of_another_width_than_its_teacher_is_refused(run, tmp_path):
    wide = BertModel(BertConfig(**{**SIZES, "hidden_size": 16}), add_pooling_layer=False)
    mine = encoder(wide).save(tmp_path / "wide")
    make(run, model_record(encoders.Encoder.load(mine)))
    said = refused(lambda: inputs.encoders(str(run), teacher=str(mine)))
    assert "got a student of 8 dimensions, expected 16, those of its teacher" in said
    assert inputs.encoders(str(run), both=True)[1].dimension == 8


def test_the_teacher_is_never_taken_from_the_file(run, tmp_path, monkeypatch):
    def ask(*_, local_files_only=False, **__):
        assert local_files_only, "asked the hub"
        raise FileNotFoundError

    monkeypatch.setattr("huggingface_hub.snapshot_download", ask)
    mine = encoder().save(tmp_path / "mine")
    names = (
        "evil-org/evil-model",
        "hub:evil/model",
        str(mine),
        "../mine",
        "\x1b]0;title\x07\n",
        "https://evil.org/x",
    )
    for name in names:
        make(run, {"name": name, "sha256": "0" * 64})
        said = refused(runs.load_teacher, run)
        assert "which the kit does not know or has not fetched, expected --teacher" in said
        assert "\x1b" not in said
        assert "with weights" in refused(runs.load_teacher, run, mine)
    monkeypatch.setattr("optical_lite.model_files.here", lambda name: None)  # known, but never fetched on this machine
    make(run, {"name": "multilingual", "sha256": "0" * 64})
    assert "has not fetched" in refused(runs.load_teacher, run)
    record = model_record(encoders.Encoder.load(mine))
    make(run, record)
    assert "expected --teacher" in refused(runs.load_teacher, run)
    assert model_record(runs.load_teacher(run, mine)) == {**record, "name": str(mine)}
    place = mine / "config.json"
    place.write_text(place.read_text().replace('"layer_norm_eps": 1e-12', '"layer_norm_eps": 0.5'))
    assert "with other settings or another tokenizer" in refused(runs.load_teacher, run, mine)


def test_the_known_teacher_is_compared_with_the_record(run, teacher):
    make(run, {"name": teacher.name, "sha256": "1" * 64})
    assert "expected 111111111111" in refused(runs.load_teacher, run)
    make(run, model_record(teacher))
    assert runs.load_teacher(run) is teacher


def test_a_command_on_a_hostile_run_ends_in_one_line(run, capsys):
    (run / "student" / "evil.py").write_text(f"open({str(run / 'ran')!r}, 'w')")
    place = run / "student" / "config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "auto_map": {"AutoModel": "evil.C"}}))
    line = ["evaluate", "--run", str(run), "--collection", "pocket", "--quiet"]
    assert __main__.main(line) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'evil-org/evil-model'" in said
    assert not (run / "ran").exists()


def test_one_bad_run_hides_no_other(run, tmp_path, capsys):
    good = shutil.copytree(run, tmp_path / "all" / "good")
    for number, content in enumerate((b"{", b"[]", b"{}", b"\xff", b'{"bitext": []}')):
        (shutil.copytree(run, tmp_path / "all" / f"bad{number}") / "config.json").write_bytes(content)
    shutil.copytree(run, tmp_path / "all" / "cut")
    (tmp_path / "all" / "cut" / "metrics.json").unlink()
    assert choices.known_runs("sw", tmp_path / "all") == [good]
    assert capsys.readouterr().err.count("left out: ") == 5
