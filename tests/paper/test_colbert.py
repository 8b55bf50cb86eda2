"""ColBERT against plain loops over transformers' own forward pass; a teacher on triples; re-ranking."""

import string
from dataclasses import replace

import pytest
import torch
from steps import each_step
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from optical_lite import retrieval
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.paper import colbert, experiment
from optical_lite.paper.colbert import ColBERT, fit, pair_loss
from optical_lite.paper.configs import CONFIGS
from optical_lite.provenance import model_record
from optical_lite.retrieval import PassageIndex
from optical_lite.settings import InputError, uses_bf16

ASKED = {"q1": "Can I get malaria?", "q2": "Why is clean water important for the children of a school?"}
SMALL = replace(CONFIGS["tiny"].teacher, steps=6, batch=4, passage_length=40)


def fresh(seed=0):
    return ColBERT(experiment.tiny(seed), 32)


@pytest.fixture(scope="module")
def model(number_type):
    return fresh().requires_grad_(False)


@pytest.fixture(scope="module")
def passages():
    return dict(list(pocket.passages().items())[:12])


def by_hand(model, text, role):
    """Vectors and tokens of one text, position by position."""
    length, sign = (32, "[unused0]") if role == "question" else (180, "[unused1]")
    words = model.tokenizer.encode(text, add_special_tokens=False).tokens[: length - 3]
    tokens = ["[CLS]", sign, *words, "[SEP]"]
    seen = len(tokens)
    if role == "question":
        tokens += ["[MASK]"] * (length - seen)
    ids = torch.tensor([[model.tokenizer.token_to_id(token) for token in tokens]])
    mask = torch.tensor([[i < seen for i in range(len(tokens))]])
    hidden = model.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state[0]
    return torch.nn.functional.normalize(hidden @ model.projection.weight.T, dim=-1), tokens


def test_maxsim_with_mask_padding_equals_a_plain_loop(model, passages):
    index = PassageIndex.build(model.reading("passage"), passages)
    found = retrieval.search(index, model, ASKED)
    for query, text in ASKED.items():
        Q, asked = by_hand(model, text, "question")
        assert len(asked) == 32
        assert asked.count("[MASK]") > 5
        for passage, score in found[query]:
            P, tokens = by_hand(model, passages[passage], "passage")
            kept = [row for row, token in zip(P, tokens, strict=True) if token not in string.punctuation]
            assert len(kept) < len(tokens)
            expected = sum(max(float(q @ p) for p in kept) for q in Q)
            assert score == pytest.approx(expected, abs=0.5 if uses_bf16() else 0.02)  # the index is in float16


def test_nobody_attends_to_mask(model):
    question, passage = model, model.reading("passage")
    ids, mask = question.pad(question.tokenize(["clean water"]))
    n = int((ids[0] != question.fill_id).sum())
    torch.testing.assert_close(
        question(ids, mask)[:, :n], question(ids[:, :n], mask[:, :n]), atol=3e-2 if uses_bf16() else 2e-5, rtol=0
    )
    assert question.content(ids, mask).all()
    other = ids.clone()
    other[0, 1] = passage.marker[0]
    assert (question(ids, mask) - question(other, mask)).abs().max() > 1e-3  # the marker matters


def test_lengths_and_markers(model):
    long = "water " * 300
    (question,), (passage,) = model.tokenize([long]), model.reading("passage").tokenize([long])
    assert (len(question), len(passage)) == (32, 180)
    name = model.tokenizer.id_to_token
    assert [name(i) for i in (*question[:2], question[-1])] == ["[CLS]", "[unused0]", "[SEP]"]
    assert [name(i) for i in (*passage[:2], passage[-1])] == ["[CLS]", "[unused1]", "[SEP]"]
    (empty,) = model.tokenize([""])
    assert [name(i) for i in empty[:4]] == ["[CLS]", "[unused0]", "[SEP]", "[MASK]"]


def test_punctuation_is_left_out_of_passages_alone(model):
    text = "Is it safe? Yes, boil or filter it."
    for role, left_out in (("passage", ["?", ",", "."]), ("question", [])):
        batch = model.reading(role).encode([text])
        dropped = [token for token, keep in zip(batch.tokens[0], batch.mask[0], strict=True) if not keep]
        assert dropped == left_out
        assert (batch.vectors[~batch.mask] == 0).all()


def test_roles_share_their_weights(model):
    mine, other = dict(model.named_parameters()), dict(model.reading("passage").named_parameters())
    assert {name: p.data_ptr() for name, p in mine.items()} == {name: p.data_ptr() for name, p in other.items()}
    assert model.dimension == 32


@pytest.mark.parametrize(
    ("extra", "expected"),
    [(["[unused1]", "[unused2]"], (5, 6)), (["☔", "☕"], (5, 6)), (["☔"], None), ([], None)],
)
def test_other_tokenizers_have_other_markers(extra, expected):
    known = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *extra, "maji", "."]
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(known)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 0))
    assert colbert.markers(tokenizer) == expected
    made = ColBERT(Encoder(experiment.tiny().model, tokenizer, "x"))
    (ids,) = made.tokenize(["maji ."])
    head = [0, *([5] if expected else []), len(known) - 2, len(known) - 1, 2]
    assert ids == head + [4] * (32 - len(head))
    assert made.punctuation == {len(known) - 1}


def test_a_tokenizer_without_mask_is_refused():
    tokenizer = Tokenizer(models.WordLevel({"maji": 0, "?": 1}, unk_token="?"))
    with pytest.raises(InputError, match="without"):
        ColBERT(Encoder(experiment.tiny().model, tokenizer, "x"))


def test_pair_loss_equals_a_plain_loop():
    torch.manual_seed(0)
    Q, P = torch.randn(3, 4, 8), torch.randn(6, 5, 8)
    q_mask, p_mask = torch.rand(3, 4) < 0.7, torch.rand(6, 5) < 0.7
    q_mask[:, 0] = p_mask[:, 0] = True

    def maxsim(i, k):
        tokens = [P[k, j] for j in range(5) if p_mask[k, j]]
        return sum(max(float(Q[i, a] @ p) for p in tokens) for a in range(4) if q_mask[i, a])

    pairs = torch.tensor([[maxsim(i, i), maxsim(i, 3 + i)] for i in range(3)])
    expected = -pairs.log_softmax(1)[:, 0].mean()
    torch.testing.assert_close(pair_loss(Q, q_mask, P, p_mask), expected)


def test_a_teacher_learns_and_an_interrupted_one_ends_alike(number_type, tmp_path):
    lines = []
    config = replace(SMALL, steps=16)
    with each_step(lines.append):
        whole = fit(fresh(), experiment.TRIPLES, config, tmp_path / "a", progress=False)
    assert sum(line["loss"] for line in lines[-4:]) < 0.9 * sum(line["loss"] for line in lines[:4])

    def stop(line):
        if line["step"] == 11:
            raise KeyboardInterrupt

    options = {"save_every": 5, "progress": False}
    with pytest.raises(KeyboardInterrupt), each_step(stop):
        fit(fresh(), experiment.TRIPLES, config, tmp_path / "b", **options)
    steps = []
    with each_step(steps.append):
        again = fit(fresh(), experiment.TRIPLES, config, tmp_path / "b", **options)
    assert [line["step"] for line in steps] == [11, 12, 13, 14, 15, 16]
    torch.testing.assert_close(again.projection.weight, whole.projection.weight, atol=1e-5, rtol=0)
    assert not any(p.requires_grad for p in again.parameters())
    with each_step(pytest.fail):
        loaded = fit(fresh(), experiment.TRIPLES, config, tmp_path / "b", **options)
    assert model_record(loaded) == model_record(again)
    with pytest.raises(InputError, match="a teacher trained with another config"):
        fit(fresh(), experiment.TRIPLES, replace(SMALL, steps=17), tmp_path / "b", **options)


def test_triples_go_round_and_none_are_refused(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("q\tp\tn\nr\to\tm\n")
    assert [next(colbert.stream(path, skip))[0] for skip in range(4)] == ["q", "r", "q", "r"]
    path.write_text("\n")
    with pytest.raises(InputError, match="no triple"):
        fit(fresh(), path, SMALL, tmp_path / "x")
    path.write_text("q\tp\n")
    with pytest.raises(InputError, match="line 1: got 2 columns, expected 3"):
        fit(fresh(), path, SMALL, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_samples_have_no_shortcut():
    """A passage is right as often as it is wrong, so that only the question tells which it is."""
    rows = [row.split("\t") for row in experiment.TRIPLES.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 80
    assert sorted(row[1] for row in rows) == sorted(row[2] for row in rows)
    test = set(pocket.collection("en").queries.values())
    assert not test & {row[0] for row in rows}
