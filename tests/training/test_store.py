import itertools
import os
import resource

import pytest
import torch

from optical_lite.settings import InputError, get
from optical_lite.training import vector_store as module
from optical_lite.training.vector_store import VectorStore


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


NUMBERS = itertools.count()
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


def test_sentences_are_encoded_beside_those_of_their_length(teacher, monkeypatch):
    """Padding would change the last bits with whatever else is missing from a store."""
    texts = teacher.tokenize([f"{'Water ' * n}{i}" for i in range(3) for n in (1, 2, 9)]), []
    plain, seen = teacher.forward, []
    monkeypatch.setattr(teacher, "forward", lambda ids, mask: seen.append(mask.clone()) or plain(ids, mask))
    store = VectorStore(teacher, [*texts[0], [101, 2300 + next(NUMBERS), 102]])
    assert store.fill(range(10)) == 10
    assert all(mask.all() for mask in seen)
    assert len(seen) == len({len(text) for text in store.sentences})


@pytest.fixture
def filled(teacher, sentences):
    """A store of its own, its folder, and what it holds of three sentences."""
    store = VectorStore(teacher, [*sentences, [101, 2300 + next(NUMBERS), 102]])
    return store, store.batch([0, 4, 9])[0].clone()


def again(store):
    return VectorStore(store.teacher, store.sentences)


DAMAGE = {
    "no vectors": lambda store: store.vectors.unlink(),
    "half the vectors": lambda store: os.truncate(store.vectors, store.vectors.stat().st_size // 2),
    "one byte less": lambda store: os.truncate(store.vectors, store.vectors.stat().st_size - 1),
    "zeros of the same size": lambda store: store.vectors.write_bytes(bytes(store.vectors.stat().st_size)),
    "another file of the same size": lambda store: store.vectors.write_bytes(b"x" * store.vectors.stat().st_size),
    "no checks": lambda store: store.checks.unlink(),
    "checks cut": lambda store: os.truncate(store.checks, 7),
    "other checks": lambda store: store.checks.write_bytes(b"x" * store.checks.stat().st_size),
    "a bit": lambda store: flip(store.vectors, 2 * store.teacher.dimension * store.begins[4] + 5),
}


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_lost_or_changed_is_encoded_again(number_type, filled, damage):
    """Never zeros for vectors: a checksum of each sentence is kept apart from them."""
    store, good = filled
    DAMAGE[damage](store)
    fresh = again(store)
    close = 2e-2 if number_type == "bf16" else 2e-3  # products of another batch round otherwise
    torch.testing.assert_close(fresh.batch([0, 4, 9])[0], good, atol=close, rtol=0)
    assert fresh.fill([0, 4, 9]) == 0
    DAMAGE[damage](store)  # under a store that is at work
    torch.testing.assert_close(fresh.batch([0, 4, 9])[0], good, atol=close, rtol=0)


def test_nothing_but_the_damaged_sentence_is_encoded_again(filled):
    store, _ = filled
    DAMAGE["a bit"](store)
    assert again(store).fill([0, 4, 9]) == 1


def test_vectors_without_a_check_do_not_count(filled, monkeypatch):
    """As after a kill between the two files; and of two processes that fill one store, neither undoes the other."""
    store, _ = filled
    other = again(store)
    monkeypatch.setattr(module, "write_atomic", lambda *_: pytest.fail("killed"))
    with pytest.raises(pytest.fail.Exception):
        other.fill([1, 2])
    monkeypatch.undo()
    assert again(store).fill([1, 2]) == 2
    assert store.fill([3]) == 1  # knows nothing of 1 and 2
    assert again(store).fill([0, 1, 2, 3, 4, 9]) == 0


def test_a_full_disk_is_one_line_and_what_was_there_stays(filled):
    store, good = filled
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (store.vectors.stat().st_size, before[1]))
    try:
        with pytest.raises(InputError, match=r"vectors\.f16: got no room"):
            again(store).fill([10, 11, 12])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    torch.testing.assert_close(again(store).batch([0, 4, 9])[0], good, atol=0, rtol=0)
    assert again(store).fill([10, 11, 12]) == 3


def test_a_disk_that_gives_back_other_bytes_is_named(filled, monkeypatch):
    store, _ = filled
    monkeypatch.setattr(VectorStore, "_read", lambda self, rows: [None for _ in rows])
    with pytest.raises(InputError, match="expected the same; check the disk"):
        store.batch([0])


def test_another_text_or_another_teacher_is_another_store(teacher, sentences):
    store = VectorStore(teacher, sentences)
    assert store.folder.is_relative_to(get().cache)
    assert VectorStore(teacher, sentences[1:]).folder != store.folder
    assert VectorStore(teacher, sentences).folder == store.folder


@pytest.mark.parametrize("name", ["vectors.f16", "checks.u4"])
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_pipe_or_link_in_the_store_neither_waits_nor_is_followed(filled, tmp_path, name, kind):
    store, _ = filled
    place = store.folder / name
    place.unlink()
    os.mkfifo(place) if kind == "pipe" else place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{name}: got a link, pipe or device"):
        VectorStore(store.teacher, store.sentences)
    assert not (tmp_path / "elsewhere").exists()


def test_no_sentence_at_all(teacher):
    assert VectorStore(teacher, []).fill([]) == 0
