import pytest
import torch
from transformers import ModernBertConfig, ModernBertModel

from optical_lite import vocabulary
from optical_lite.config import LOSSES, SOLVERS, DistillConfig
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.settings import InputError
from optical_lite.training import distill, runs, trainable


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


@pytest.mark.parametrize("which", ["new", "all"])
def test_only_what_should_train_moves_and_the_run_can_be_loaded(teacher, tmp_path, which):
    bitext = pocket.bitext("sw")
    student = vocabulary.extend(teacher, bitext, size=500)
    config = DistillConfig(steps=3, batch=4, trainable=which, rate=1e-2)
    distill.distill(student, teacher, bitext, config, tmp_path / "run", progress=False)
    moved = {
        name
        for (name, mine), theirs in zip(student.named_parameters(), teacher.parameters(), strict=True)
        if not torch.equal(mine[: len(theirs)], theirs)
    }
    layers = {name.split(".")[3] for name in moved if name.startswith("model.encoder.layer")}
    assert layers == (set("012345") if which == "all" else set())
    assert any("word_embeddings" in name for name in moved) == (which == "all")
    base = vocabulary.base_rows(student)
    start = vocabulary.extend(teacher, bitext, size=500)
    assert (student.embedding[base:] - start.embedding[base:]).abs().max() > 1e-4
    text = ["Daktari huweka vidonge"]
    expected = student.encode(text).vectors
    torch.testing.assert_close(runs.load_student(tmp_path / "run").encode(text).vectors, expected)
    last = runs.load_checkpoint(tmp_path / "run", 3).encode(text).vectors
    assert (last * expected).sum(-1)[expected.abs().sum(-1) > 0].min() > 0.999  # kept in half precision
    first = runs.load_checkpoint(tmp_path / "run", 0).encode(text).vectors
    assert (first - expected).abs().max() > 1e-3


@pytest.mark.parametrize(
    "change",
    [
        *({"loss": name} for name in LOSSES), *({"solver": name} for name in SOLVERS), {"marginals": "idf"},
        {"loss": "transport + 0.1 late", "special": True}, {"trainable": "all", "rate": 1e-5},
    ],
    ids=str,
)  # fmt: skip
def test_every_kind_of_loss_trains(teacher, tmp_path, change):
    bitext = pocket.bitext("sw")
    student = vocabulary.extend(teacher, bitext, size=500)
    config = DistillConfig(steps=2, batch=4, **change)
    out = distill.distill(student, teacher, bitext, config, tmp_path / "run", progress=False)
    log = runs.read_log(out)
    assert len(log) == 2
    assert all(line["loss"] > 0 for line in log)
    assert runs.load_checkpoint(out, 2).encode(["maji"]).vectors.isfinite().all()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"loss": "transport + magic"}, "got 'magic'"), ({"loss": "2 ^ late"}, "expected one of transport"),
        ({"loss": "x"}, "got 'x', expected one of transport"), ({"trainable": "half"}, "got 'half'.* new, all"),
        ({"solver": "newton"}, "got 'newton'"), ({"marginals": "x"}, "uniform, idf"), ({"epsilon": 0}, "above 0"),
        ({"steps": -1}, "steps"),
    ],
)  # fmt: skip
def test_bad_settings_are_named(change, text):
    with pytest.raises(InputError, match=text):
        DistillConfig(**change)


def test_embedding_rows_have_a_rate_of_their_own(teacher, tmp_path):
    bitext = pocket.bitext("sw")
    student = vocabulary.extend(teacher, bitext, size=500)
    before = {name: p.clone() for name, p in student.named_parameters()}
    config = DistillConfig(steps=3, batch=4, trainable="all", rate=1e-9, row_rate=1e-2)
    distill.distill(student, teacher, bitext, config, tmp_path / "run", progress=False)
    moved = {name: (p - before[name]).abs().max().item() for name, p in student.named_parameters()}
    rows = next(name for name in moved if "word_embeddings" in name)
    assert moved.pop(rows) > 1e-3
    assert 0 < max(moved.values()) < 1e-6
    with pytest.raises(InputError, match="row_rate: got -1"):
        DistillConfig(row_rate=-1)


def test_the_rows_of_another_family_have_that_rate_too(teacher):
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    tokens = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0)
    model = ModernBertModel(ModernBertConfig(vocab_size=len(teacher.embedding), **sizes, **tokens))
    config = DistillConfig(trainable="all", rate=1e-4, row_rate=1e-3)
    trained = trainable.choose(Encoder(model, teacher.tokenizer, "small"), config, [1, 2])
    (rows,) = trainable.groups(trained, config)[1]["params"]
    assert rows.shape == (2, 8)
