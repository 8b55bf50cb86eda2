"""Students of an encoder with a unigram tokenizer, as multilingual ones have: a tiny one stands for them."""

import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from optical_lite import vocabulary
from optical_lite.config import DistillConfig
from optical_lite.corpora import Bitext
from optical_lite.encoder import Encoder
from optical_lite.kernels import shared_rows
from optical_lite.training import distill, runs

ENGLISH = ["clean", "water", "is", "the", "fire", "Nairobi"]
PAIRS = (("maji safi", "clean water"), ("maji, Nairobi", "water Nairobi"), ("moto safi", "the fire is clean"),
         ("maji moto", "the water is fire"), ("moto Nairobi", "fire Nairobi"), ("ziwa safi", "clean"))  # fmt: skip
BITEXT = Bitext("toy", "sw", "en", PAIRS * 2)
ROWS = 60


@pytest.fixture
def tiny(number_type):
    """An encoder whose table has more rows than its tokenizer pieces."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(f"\u2581{word}" for word in ENGLISH), "\u2581", ",",
              *"abcdefghijklmnopqrstuvwxyzN", "\u2581ma"]  # fmt: skip
    scores = [0.0] * 4 + [-5.0 - k / 10 for k in range(len(pieces) - 4)]
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=ROWS, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, pad_token_id=1,
    )  # fmt: skip
    return Encoder(BertModel(config, add_pooling_layer=False), tokenizer, "tiny").requires_grad_(False)


def test_whole_words_are_added_after_the_rows_of_the_table(tiny):
    student = vocabulary.extend(tiny, BITEXT, lexicon="symmetric")
    new = [student.tokenizer.id_to_token(k) for k in range(ROWS, student.rows)]
    assert new == ["\u2581maji", "\u2581moto", "\u2581safi", "\u2581ziwa"]  # not Nairobi, which English has as often
    assert vocabulary.base_rows(student) == ROWS
    assert student.encode(["maji, ziwa"]).tokens == [["<s>", "\u2581maji", ",", "\u2581ziwa", "</s>"]]
    for text in ("clean water, the fire", "Nairobi", "zebra"):  # no added word begins any of these
        assert student.tokenize([text]) == tiny.tokenize([text])
    rows = torch.nn.functional.normalize(student.embedding.detach(), dim=-1)
    for word, translation in (("maji", "water"), ("moto", "fire"), ("safi", "clean")):
        nearest = rows[student.tokenizer.token_to_id(f"\u2581{word}")] @ rows[:ROWS].T
        assert tiny.tokenizer.id_to_token(int(nearest.argmax())) == f"\u2581{translation}"


def test_a_word_that_an_added_one_begins_is_cut_otherwise(tiny):
    """English or not, and even where the word had a piece of its own."""
    record = json.loads(tiny.tokenizer.to_str())
    record["model"]["vocab"].append(["\u2581motor", -15.0])  # rarer than "r", at -9
    teacher = tiny.copy("tiny", Tokenizer.from_str(json.dumps(record)))
    student = vocabulary.extend(teacher, BITEXT)
    assert teacher.encode(["motor"]).tokens == [["<s>", "\u2581motor", "</s>"]]
    assert student.encode(["motor"]).tokens == [["<s>", "\u2581moto", "r", "</s>"]]


def test_a_word_is_added_where_it_is_seen_often_enough(tiny, monkeypatch):
    monkeypatch.setattr(vocabulary, "SMALL", 0)  # as if there were many pairs
    student = vocabulary.extend(tiny, BITEXT)
    assert student.tokenizer.token_to_id("\u2581ziwa") is None  # twice
    assert student.tokenizer.token_to_id("\u2581maji") == ROWS
    assert vocabulary.extend(tiny, BITEXT, size=1).rows == ROWS + 1


@pytest.mark.parametrize("fill", ["mean", "random", "none"])
def test_every_filling_works(tiny, fill):
    student = vocabulary.extend(tiny, BITEXT, fill=fill)
    assert student.rows == ROWS + (0 if fill == "none" else 4)
    assert student.encode(["maji safi"]).vectors.isfinite().all()


@pytest.mark.parametrize("large", [10, 1_000])
def test_a_student_trains_is_saved_and_loads(tiny, tmp_path, monkeypatch, large):
    monkeypatch.setattr(shared_rows, "LARGE", large)
    student = vocabulary.extend(tiny, BITEXT)
    config = DistillConfig(steps=2, batch=4, trainable="all")
    distill.distill(student, tiny, BITEXT, config, tmp_path / "run", progress=False)
    again = runs.load_student(tmp_path / "run")
    expected = student.encode(["maji, Nairobi"]).vectors
    torch.testing.assert_close(again.encode(["maji, Nairobi"]).vectors, expected)
    assert again.rows == ROWS + 4
    assert json.loads((tmp_path / "run" / "student" / "config.json").read_text())["base_vocab_size"] == ROWS
