import subprocess
import sys

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import BertConfig, BertModel

from optical_lite import metrics, retrieval, vocabulary
from optical_lite.corpora import Bitext
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.provenance import model_record
from optical_lite.settings import InputError

pytestmark = pytest.mark.float32


def test_old_rows_are_kept_and_new_words_are_whole(teacher, student):
    base = vocabulary.base_rows(student)
    assert base == len(teacher.embedding)
    torch.testing.assert_close(student.embedding[:base], teacher.embedding)
    assert student.tokenizer.encode("daktari").tokens == ["[CLS]", "daktari", "[SEP]"]
    assert len(teacher.tokenizer.encode("daktari").tokens) > 3
    assert student.tokenizer.token_to_id("daktari") >= base


@pytest.mark.parametrize("size", [0, -5, 10**9, 2.5, "20"])
def test_a_vocabulary_gains_so_many_pieces(teacher, size):
    with pytest.raises(InputError, match=r"^size: got .*, expected a whole number from 1 to 1000000"):
        vocabulary.extend(teacher, pocket.bitext("sw"), size=size)


def test_english_words_and_names_are_cut_as_before(teacher, student):
    for text in ("Nairobi", "Kenyatta", "malaria"):
        assert student.tokenizer.encode(text).ids == teacher.tokenizer.encode(text).ids


def test_english_pieces_frequent_in_the_source_get_a_row_of_their_own(student):
    assert student.tokenizer.token_to_id("na") >= vocabulary.base_rows(student)
    assert student.tokenizer.token_to_id("[english na]") < vocabulary.base_rows(student)
    ids = list(student.tokenizer.get_vocab().values())
    assert sorted(ids) == list(range(len(student.embedding)))


def test_a_new_row_lies_near_its_translation(teacher, student):
    rows = torch.nn.functional.normalize(student.embedding.detach(), dim=-1)
    base = vocabulary.base_rows(student)
    new = rows[student.tokenizer.token_to_id("daktari")]
    nearest = int((rows[:base] @ new).argmax())
    assert teacher.tokenizer.id_to_token(nearest) == "doctor"


def test_lexicon_filling_beats_the_others(teacher):
    data = pocket.collection("sw", "dev")
    index = retrieval.PassageIndex.cached(teacher, data.passages)
    value = {}
    for fill in vocabulary.FILLS:
        encoder = vocabulary.extend(teacher, pocket.bitext("sw"), fill=fill, seed=0)
        value[fill] = metrics.summary(retrieval.search(index, encoder, data.queries), data.qrels)["mrr@10"]
    assert value["lexicon"] > value["mean"] + 0.1
    assert value["lexicon"] > value["random"] + 0.1


def test_marathi_keeps_its_vowel_signs(teacher):
    encoder = vocabulary.extend(teacher, pocket.bitext("mr"))
    assert encoder.tokenizer.encode("डॉक्टर").tokens[1:-1] == ["डॉक्टर"]


def test_extension_survives_saving(student, tmp_path):
    student.save(tmp_path)
    again = Encoder.load(tmp_path)
    assert vocabulary.base_rows(again) == vocabulary.base_rows(student)
    text = ["Daktari huweka vidonge na maji"]
    assert again.tokenize(text) == student.tokenize(text)
    torch.testing.assert_close(again.encode(text).vectors, student.encode(text).vectors)


def test_wrong_fill_and_tokenizer_are_named(teacher):
    with pytest.raises(InputError, match="lexicon, mean, random"):
        vocabulary.extend(teacher, pocket.bitext("sw"), fill="magic")
    other = Encoder(teacher.model, Tokenizer(BPE()), "bpe")
    with pytest.raises(InputError, match="got a BPE tokenizer, expected WordPiece or Unigram"):
        vocabulary.extend(other, pocket.bitext("sw"))


def test_the_same_bitext_gives_the_same_student_in_another_process(student):
    code = (
        "from optical_lite import encoder, pocket, provenance, vocabulary;"
        "print(provenance.model_record(vocabulary.extend(encoder.teacher(), pocket.bitext('sw')))['sha256'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == model_record(student)["sha256"]


def test_a_tiny_bitext_does_not_break(teacher):
    tiny = Bitext("tiny", "luo", "en", (("pi", "water"), ("mach", "fire")))
    assert len(vocabulary.extend(teacher, tiny).embedding) >= len(teacher.embedding)


PAIRS = (("maji safi ya Nairobi [Q]", "clean water of \u6c34 Nairobi"), ("safi sana moto", "fire"),
         ("ziwa \U0001f600", "lake"))  # fmt: skip
ADDED = Bitext("toy", "sw", "en", PAIRS * 6)


def small(kind, *tokens, spare=3, unknown="[UNK]", prefix="##", pre=True):
    """An encoder whose tokenizer has tokens beside the model's vocabulary, and spare rows after them."""
    letters = [*"abcdefghijklmnopqrstuvwyzN", *"[Q]"]
    if kind == "WordPiece":
        known = ["[PAD]", unknown, "[CLS]", "[SEP]", "water", "fire", *letters, *(prefix + x for x in letters)]
        numbers = {piece: number for number, piece in enumerate(known)}
        model = models.WordPiece(numbers, unk_token=unknown, continuing_subword_prefix=prefix)
    else:
        known = ["[PAD]", unknown, "[CLS]", "[SEP]", "\u2581water", "\u2581fire", "\u2581", *letters]
        model = models.Unigram([(piece, -5.0 - k / 10) for k, piece in enumerate(known)], unk_id=1)
    tokenizer = Tokenizer(model)
    if pre:
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace() if kind == "WordPiece" else pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_tokens([*tokens])
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size() + spare, **sizes), add_pooling_layer=False)
    return Encoder(model, tokenizer, "small").requires_grad_(False)


@pytest.mark.parametrize("spare", [0, 3])
@pytest.mark.parametrize("kind", ["WordPiece", "Unigram"])
def test_tokens_beside_the_vocabulary_keep_their_numbers(tmp_path, kind, spare):
    """A token that is no piece of the model is numbered anew where a file is read, unless it becomes one."""
    first = small(kind, AddedToken("[Q]", special=True), "ya Nairobi", "sana", spare=spare)
    student = vocabulary.extend(first, ADDED)
    again = Encoder.load(student.save(tmp_path / "student"))
    old = first.tokenizer.get_vocab()
    for found in (student.tokenizer.get_vocab(), again.tokenizer.get_vocab()):
        assert {piece: found[piece] for piece in old} == old
        assert sorted(set(found.values())) == sorted(found.values())
        assert max(found.values()) == student.rows - 1 > max(old.values()) + spare
    (read,) = student.tokenize(["safi ya Nairobi [Q]"])
    assert again.tokenize(["safi ya Nairobi [Q]"]) == [read]
    assert {old["ya Nairobi"], old["[Q]"]} < {*read}
    assert max(read) >= first.rows  # safi
    assert torch.equal(again.encode(["ya Nairobi"]).vectors, student.encode(["ya Nairobi"]).vectors)


def test_a_student_that_could_not_be_loaded_is_not_made():
    with pytest.raises(InputError, match=r"vocabulary: got a piece of number .* \(--fill none\)"):
        vocabulary.extend(small("Unigram", "ya Nairobi", spare=-1), ADDED)


@pytest.mark.parametrize("unknown", ["[UNK]", "<unk>", "unknown"])
@pytest.mark.parametrize("kind", ["WordPiece", "Unigram"])
def test_an_unknown_piece_has_any_name(kind, unknown):
    student = vocabulary.extend(small(kind, unknown=unknown), ADDED)
    assert student.embedding.isfinite().all()
    assert student.tokenizer.token_to_id(unknown) == 1


@pytest.mark.parametrize("fill", ["lexicon", "mean"])
def test_a_piece_inside_a_word_has_any_prefix(fill):
    inside = Bitext("toy", "sw", "en", (("ninasafi unesafi atusafi", "water"), ("uzosafi yesafi", "fire")))
    one, other = (vocabulary.extend(small("WordPiece", prefix=x), inside, fill=fill) for x in ("##", "@@"))
    assert other.tokenize(["vazasafi"]) == one.tokenize(["vazasafi"])
    assert max(other.tokenize(["vazasafi"])[0]) >= vocabulary.base_rows(other)
    assert torch.equal(other.embedding[:, 0], one.embedding[:, 0])


@pytest.mark.parametrize("kind", ["WordPiece", "Unigram"])
def test_a_tokenizer_that_does_not_cut_at_blanks_is_named(kind):
    with pytest.raises(InputError, match=f"got a {kind} tokenizer without a pre_tokenizer, expected .*--fill none"):
        vocabulary.extend(small(kind, pre=False), ADDED)
