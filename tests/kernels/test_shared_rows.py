"""A student that shares its teacher's table is the same student: same losses, same files, less memory."""

import copy

import pytest
import torch
from safetensors.torch import load_file

from optical_lite import encoder, vocabulary
from optical_lite.config import DistillConfig
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.kernels import shared_rows
from optical_lite.kernels.shared_rows import SplitEmbedding, mapped
from optical_lite.provenance import model_record
from optical_lite.training import distill, runs

CONFIG = DistillConfig(steps=3, batch=4, trainable="all", rate=1e-4, row_rate=1e-3, marginals="idf")
TEXT = ["Daktari huweka vidonge", "The doctor keeps the pills."]


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


def train(teacher, out, fill):
    bitext = pocket.bitext("sw")
    student = vocabulary.extend(teacher, bitext, size=500, fill=fill)
    start = copy.deepcopy(student)
    distill.distill(student, teacher, bitext, CONFIG, out, progress=False)
    return start, student


@pytest.mark.parametrize("fill", ["lexicon", "none"])
def test_sharing_changes_no_result(teacher, tmp_path, monkeypatch, fill):
    before = teacher.embedding.detach().clone()
    _, plain = train(teacher, tmp_path / "plain", fill)
    monkeypatch.setattr(shared_rows, "LARGE", 1_000)
    start, shared = train(teacher, tmp_path / "shared", fill)
    table = shared.model.get_input_embeddings()
    assert isinstance(table, SplitEmbedding)
    assert table.weight.data_ptr() == teacher.embedding.data_ptr()  # not copied
    assert 0 < len(table.rows) < 0.2 * table.num_embeddings
    assert [line["loss"] for line in runs.read_log(tmp_path / "shared")] == [
        line["loss"] for line in runs.read_log(tmp_path / "plain")
    ]
    mine, theirs = (load_file(tmp_path / name / "student" / "model.safetensors") for name in ("shared", "plain"))
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert torch.equal(teacher.embedding, before)
    assert torch.equal(shared.embedding, plain.embedding)
    assert shared.rows == plain.rows == len(plain.embedding)
    assert model_record(shared)["parameters"] == model_record(plain)["parameters"]
    assert model_record(shared)["sha256"] != model_record(start)["sha256"]
    expected = plain.encode(TEXT).vectors
    assert torch.equal(shared.encode(TEXT).vectors, expected)
    assert torch.equal(runs.load_student(tmp_path / "shared").encode(TEXT).vectors, expected)
    ours, other = (runs.load_checkpoint(tmp_path / name, 3) for name in ("shared", "plain"))
    assert torch.equal(ours.encode(TEXT).vectors, other.encode(TEXT).vectors)
    # of the new rows that never occur, the checkpoint of a sharing student keeps a rounded copy
    torch.testing.assert_close(ours.embedding, other.embedding, atol=1e-3, rtol=0)


def test_rows_are_split_anew_and_joined():
    table = torch.arange(12.0).view(6, 2)
    split = SplitEmbedding(table, torch.tensor([1, 6, 7]), torch.tensor([[-1.0, -1], [20, 21], [30, 31]]))
    ids = torch.tensor([[0, 1], [6, 5]])
    expected = torch.tensor([[[0.0, 1], [-1, -1]], [[20, 21], [10, 11]]])
    assert torch.equal(split(ids), expected)
    again = split.split(torch.tensor([0, 6]))
    assert again.rows.tolist() == [0, 1, 6, 7]
    assert torch.equal(again(ids), expected)
    assert torch.equal(again.join(0)(ids), expected)
    assert torch.equal(
        SplitEmbedding(table, torch.tensor([], dtype=torch.long))(ids.clamp(max=5)), table[ids.clamp(max=5)]
    )
    twin = copy.deepcopy(again)
    assert twin.weight.data_ptr() == table.data_ptr()
    assert twin.new.data_ptr() != again.new.data_ptr()
    again(ids).sum().backward()
    assert again.new.grad.abs().sum(1).gt(0).tolist() == [True, True, True, False]
    assert table[1].tolist() == [2.0, 3.0]


@pytest.mark.float32
def test_a_table_stays_in_its_file(tmp_path, monkeypatch):
    teacher = encoder.teacher()
    monkeypatch.setattr(shared_rows, "LARGE", 1_000)
    left = Encoder.load(teacher.save(tmp_path / "m"))
    assert left._release is not None
    assert model_record(left)["sha256"] == model_record(teacher)["sha256"]
    expected = teacher.encode(TEXT).vectors
    left.put_away()
    assert isinstance(left._tokenizer, bytes)
    assert torch.equal(left.encode(TEXT).vectors, expected)  # the tokenizer and the pages are there again
    left.put_away()
    again = Encoder.load(left.save(tmp_path / "again"))
    assert torch.equal(again.encode(TEXT).vectors, expected)
    with torch.no_grad():  # what was written is kept, and the file is as it was
        left.embedding[7] = 1.0
    left.release()
    assert left.embedding[7].tolist() == [1.0] * 384
    assert torch.equal(Encoder.load(tmp_path / "m").embedding, teacher.embedding)


def test_only_float32_is_left_in_its_file(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2, 3), "b": torch.ones(2, dtype=torch.half)}, tmp_path / "x.safetensors")
    assert mapped(tmp_path / "x.safetensors", "a")[0].tolist() == [[1.0] * 3] * 2
    assert mapped(tmp_path / "x.safetensors", "b") is None
    assert mapped(tmp_path / "x.safetensors", "c") is None
