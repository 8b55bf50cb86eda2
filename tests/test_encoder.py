import pytest
import torch
from transformers import AutoModel

from optical_lite import encoder, model_files, tokenizer_files
from optical_lite.encoder import Encoder
from optical_lite.index import PassageIndex
from optical_lite.provenance import model_record
from optical_lite.settings import InputError, uses_bf16


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


TEXTS = ["The doctor keeps the pills in a dark room.", "Water.", "", "Nairobi is a city. " * 60]


def test_vectors_are_unit_length_and_masked(teacher):
    batch = teacher.encode(TEXTS)
    norms = batch.vectors.norm(dim=-1)
    torch.testing.assert_close(norms[batch.mask], torch.ones(int(batch.mask.sum())))
    assert (norms[~batch.mask] == 0).all()
    assert batch.mask[2].sum() == 0  # an empty text has no content tokens
    assert batch.tokens[1][:4] == ["[CLS]", "water", ".", "[SEP]"]


def test_batching_and_padding_do_not_change_vectors(teacher):
    together = teacher.encode(TEXTS)
    for i, text in enumerate(TEXTS):
        alone = teacher.encode([text])
        n = alone.vectors.shape[1]
        loose = 2e-2 if uses_bf16() else 2e-5
        torch.testing.assert_close(together.vectors[i, :n], alone.vectors[0], atol=loose, rtol=0)


def test_an_encoder_of_fewer_layers_is_read_back_as_it_was_saved(teacher, tmp_path):
    part = teacher.upto(2)
    again = Encoder.load(part.save(tmp_path / "part"))
    assert (len(again.model.encoder.layer), len(teacher.model.encoder.layer)) == (2, 6)
    assert torch.equal(again.encode(TEXTS).vectors, part.encode(TEXTS).vectors)
    assert teacher.model.config.num_hidden_layers == 6


@pytest.mark.float32
def test_first_layer_matches_transformers():
    teacher = encoder.teacher()
    model = AutoModel.from_pretrained(model_files.folder("minilm")[0], dtype=torch.float32).eval()
    ids, mask = teacher.pad(teacher.tokenize(TEXTS[:2]))
    with torch.no_grad():
        hidden = model(input_ids=ids.cpu(), attention_mask=mask.long().cpu()).last_hidden_state
    expected = torch.nn.functional.normalize(hidden, dim=-1)
    torch.testing.assert_close(teacher(ids, mask).detach().cpu()[mask.cpu()], expected[mask.cpu()], atol=1e-5, rtol=0)


def test_dropout_is_off_before_and_after_encoding(teacher):
    teacher.encode(TEXTS)
    assert not any(module.training for module in teacher.modules())
    assert not any(module.training for module in encoder.Encoder.load().modules())


@pytest.mark.parametrize("text", ["(" * 4_000_000, " " * 40_000 + "water " * 300, "Ma\u0301ji ya mto. " * 9_000])
def test_of_a_long_text_only_the_beginning_is_cut_into_tokens(teacher, text, monkeypatch):
    """An answer of the tokenizer takes 600 bytes for each of four million brackets."""
    whole = teacher.tokenizer.encode(text[:100_000]).ids
    sizes, encoded = [], encoder.encoded
    monkeypatch.setattr(encoder, "encoded", lambda of, texts: sizes.extend(map(len, texts)) or encoded(of, texts))
    assert teacher.read([text, "water"]) == ([[*whole[:255], whole[-1]], teacher.tokenize(["water"])[0]], 1)
    assert max(sizes) < 100_000


def test_many_texts_are_cut_into_tokens_some_at_a_time(teacher, monkeypatch):
    texts = ["water", "", "fire and water", "x" * 50]
    alone = [teacher.tokenizer.encode(text).ids for text in texts]
    for size in (1, 6, 100):
        monkeypatch.setattr(tokenizer_files, "BATCH", size)
        assert [code.ids for code in tokenizer_files.encoded(teacher.tokenizer, texts)] == alone


def test_long_text_is_cut_at_max_length_and_keeps_its_end_mark(teacher):
    ids = teacher.tokenize([TEXTS[3]])[0]
    assert len(ids) == teacher.max_length == 256
    assert ids[-1] == teacher.tokenizer.token_to_id("[SEP]")


@pytest.mark.parametrize("limit", [2, 5.5, True, "9", 513])
def test_what_is_read_is_a_whole_number_of_tokens(teacher, limit):
    assert teacher.reading_to(3).max_length == 3
    with pytest.raises(InputError, match=f"^max_length: got {limit} tokens, expected a whole number from 3 to 512"):
        teacher.reading_to(limit)


def test_save_and_load_give_the_same_vectors(teacher, tmp_path):
    teacher.save(tmp_path / "m")
    again = encoder.Encoder.load(tmp_path / "m")
    torch.testing.assert_close(again.encode(TEXTS[:2]).vectors, teacher.encode(TEXTS[:2]).vectors)
    assert model_record(again)["sha256"] == model_record(teacher)["sha256"]


@pytest.mark.parametrize("read", ["encode", "means", "tokenize", "read"])
@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("water", r"texts: got one string, expected a list of texts; write \[text\]"),
        (["water", None], "text 2: got NoneType, expected a string"),
        ([b"water"], "text 1: got bytes, expected a string"),
        (["water", "fire \ud800"], r"text 2: got half a character in 'fire \\ud800', expected"),
    ],
)
def test_what_is_no_list_of_texts_is_named(teacher, read, texts, said):
    with pytest.raises(InputError, match=said):
        getattr(teacher, read)(texts)


def test_a_passage_that_is_no_text_is_named(teacher):
    with pytest.raises(InputError, match="text 2: got NoneType, expected a string"):
        PassageIndex.build(teacher, {"a": "water", "b": None}, progress=False)


def test_a_projection_shortens_the_vectors_and_is_saved(teacher, tmp_path):
    projection = torch.nn.Linear(teacher.dimension, 8, bias=False)
    short = Encoder(teacher.model, teacher.tokenizer, "short", projection=projection).requires_grad_(False)
    vectors = short.encode(["clean water"]).vectors
    assert vectors.shape[-1] == short.dimension == 8
    norms = vectors.norm(dim=-1)
    torch.testing.assert_close(norms[norms > 0], torch.ones(2))
    again = Encoder.load(short.save(tmp_path / "short"))
    torch.testing.assert_close(again.encode(["clean water"]).vectors, vectors)
    assert model_record(again)["sha256"] == model_record(short)["sha256"] != model_record(teacher)["sha256"]
