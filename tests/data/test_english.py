"""English pairs for a teacher; they need a local copy of the data and are skipped without."""

import pytest

from optical_lite.datasets import english_questions, published
from optical_lite.text import bare, fold

pytestmark = pytest.mark.float32

real = pytest.mark.usefixtures("mirror")


@real
def test_teacher_pairs_hold_no_test_passage_and_no_test_question():
    pairs = english_questions.teacher_pairs()
    assert len(english_questions.nqg_pairs()) == 11_877
    assert len(english_questions.afriqa_pairs()) == 1_748
    assert len(pairs) == 13_553
    test = [row for _, split, row in published.afriqa_gold() if split == "test"]
    questions = {bare(row["question_translated"]) for row in test if isinstance(row["question_translated"], str)}
    assert not questions & {bare(question) for question, _ in english_questions.afriqa_pairs().pairs}
    seen = "\n".join(fold(passage) for _, passage in english_questions.afriqa_pairs().pairs)
    assert not any(fold(row["context"]) in seen for row in test if len(row["context"].split()) >= 8)


@real
def test_teacher_dev_asks_in_english():
    data = english_questions.teacher_dev()
    assert (len(data.queries), len(data.passages)) == (300, 1920)
    assert data.queries == data.translations
    assert len({p for grades in data.qrels.values() for p in grades}) == 297
    training = {bare(question) for question, _ in english_questions.teacher_pairs().pairs}
    assert sum(bare(text) in training for text in data.queries.values()) == 0


def test_untokenise_joins_quotes_and_brackets():
    assert (
        english_questions.untokenise("`` no , '' she said -lrb- twice -rrb- ; it ca n't be .")
        == '" no, " she said (twice); it can\'t be.'
    )
