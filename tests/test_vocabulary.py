import subprocess
import sys

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE

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
