import numpy as np
import pytest
import torch

from optical_lite.settings import get
from optical_lite.store import VectorStore

TEXTS = ["The doctor keeps the pills in a dark room.", "Water.", "Nairobi is a city.", "The rain came late this year."]


@pytest.fixture
def sentences(teacher):
    return teacher.tokenize([f"{text} {i}" for i, text in enumerate(TEXTS * 3)])


def test_vectors_are_the_teachers(teacher, sentences):
    vectors, ids, mask = VectorStore(teacher, sentences).batch([3, 0, 7])
    expected = teacher(*teacher.pad([sentences[i] for i in (3, 0, 7)])).detach()
    assert ids.tolist()[0][: len(sentences[3])] == sentences[3]
    assert mask.sum(1).tolist() == [len(sentences[i]) for i in (3, 0, 7)]
    torch.testing.assert_close(vectors, expected, atol=2e-2, rtol=0)
    assert (vectors[~mask] == 0).all()


def test_nothing_is_encoded_twice(teacher, sentences, monkeypatch):
    changed = [*sentences, [101, 2300, 102]]
    first = VectorStore(teacher, changed)
    assert first.fill([1, 2, 2]) == 2
    again = VectorStore(teacher, changed)
    assert again.fill([1, 2, 5]) == 1
    monkeypatch.setattr(teacher, "forward", lambda *a: pytest.fail("encoded again"))
    torch.testing.assert_close(again.batch([1, 5])[0][0], first.batch([1, 5])[0][0])


def test_an_interrupted_write_is_done_again(teacher, sentences):
    """Vectors without their flag do not count, whatever they hold; a file cut short is made whole."""
    store = VectorStore(teacher, [*sentences, [101, 2301, 102]])
    good = store.batch([0])[0].clone()
    store.vectors[:] = np.float16(9)
    store.present[:] = 0
    torch.testing.assert_close(VectorStore(teacher, store.sentences).batch([0])[0], good)
    with open(store.folder / "present.u1", "r+b") as file:
        file.truncate(0)
    torch.testing.assert_close(VectorStore(teacher, store.sentences).batch([0])[0], good)


def test_another_text_or_another_teacher_is_another_store(teacher, sentences):
    store = VectorStore(teacher, sentences)
    assert store.folder.is_relative_to(get().cache)
    assert VectorStore(teacher, sentences[1:]).folder != store.folder
    assert VectorStore(teacher, sentences).folder == store.folder


def test_no_sentence_at_all(teacher):
    assert VectorStore(teacher, []).fill([]) == 0
