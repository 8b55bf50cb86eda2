"""Gold alignments: counts as the collections state them, traps handled, nothing out of bounds."""

import pytest

from optical_lite.alignment import gold
from optical_lite.settings import InputError

# sentences, sure links, possible links, links outside a sentence (counted from the files, once by hand)
COUNTS = {
    "xlmalign-fr": (447, 4038, 13400, 0), "xlmalign-de": (508, 9612, 921, 1), "xlmalign-hi": (90, 1408, 0, 1),
    "xlmalign-ro": (199, 5033, 0, 0), "xlmalign-cs": (2501, 67423, 0, 1),
    "xlwa-bg": (245, 4179, 0, 0), "xlwa-da": (245, 4136, 0, 0), "xlwa-es": (245, 4722, 0, 0),
    "xlwa-et": (245, 3722, 0, 0), "xlwa-hu": (245, 3781, 0, 0), "xlwa-it": (243, 4765, 0, 0),
    "xlwa-nl": (245, 4490, 0, 0), "xlwa-pt": (245, 4577, 0, 0), "xlwa-ru": (210, 2580, 0, 0),
    "xlwa-sl": (245, 4537, 0, 0), "xlwa-dev-it": (103, 1980, 0, 0), "xlwa-dev-ru": (90, 1113, 0, 0),
    "awesome-ja": (582, 13556, 0, 6), "awesome-zh": (450, 11238, 178, 0), "binaryalign-sv": (1164, 23766, 0, 0),
    "silveralign-tr": (100, 2668, 0, 0), "bicici-de": (100, 1232, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_collections(name, mirror):
    found = gold.load(name)
    sure, possible = (sum(len(row[k]) for row in found.rows) for k in (2, 3))
    assert (len(found), sure, possible, found.notes["links outside a sentence"]) == COUNTS[name]
    for source, target, sure, possible in found.rows:
        assert not sure & possible
        assert all(0 <= i < len(source) and 0 <= j < len(target) for i, j in sure | possible)


def test_links_are_the_right_way_round(mirror):
    """Names and numbers are written alike in both languages: where gold links them, they must be equal."""
    names = "xlmalign-de", "xlmalign-ro", "xlmalign-cs", "xlwa-es", "binaryalign-sv", "silveralign-tr", "bicici-de"
    for name in names:
        equal = linked = 0
        for source, target, sure, _ in gold.load(name).rows:
            for i, word in enumerate(source):
                if word in target and len(word) > 3 and source.count(word) == target.count(word) == 1:
                    linked += any(x == i for x, _ in sure)
                    equal += (i, target.index(word)) in sure
        assert linked >= 10
        assert equal / linked > 0.9


def test_the_bundle_of_hindi_has_gaps_in_its_numbers(mirror):
    source, target, sure, _ = gold.load("xlmalign-hi").rows[1]
    assert target == ["providing", "timely", "information"]
    assert all(i < len(source) and j < 3 for i, j in sure)


def test_pocket_halves_share_no_sentence():
    dev, test = gold.load("pocket-dev-mr"), gold.load("pocket-mr")
    assert len(dev) == len(test) == 52
    assert not {tuple(s) for s, _ in dev.pairs} & {tuple(s) for s, _ in test.pairs}
    assert dev.bitext.source == "mr"


def test_names_and_languages():
    assert len(gold.READERS) == len(gold.DEVELOPMENT) + len(gold.REPORTED) == 38
    assert set(gold.DEVELOPMENT) > {"pocket-dev-sw", "xlwa-dev-es", "bicici-de"}
    with pytest.raises(InputError, match="got 'klingon'"):
        gold.load("klingon")
    with pytest.raises(InputError, match="got language 'tlh'"):
        gold.raw("tlh")


def test_a_link_outside_a_sentence_is_dropped_and_counted():
    found = gold._set("x", "xx", [(["a"], ["b"], {(0, 0), (0, 5), (-100, 0)}, {(0, 0)})])
    assert found.rows[0][2:] == ({(0, 0)}, set())
    assert found.notes == {"links outside a sentence": 2}
