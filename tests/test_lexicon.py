import gc
import tracemalloc

import numpy as np
import pytest

from optical_lite import lexicon as lexicon_module
from optical_lite import pocket
from optical_lite.corpora import Bitext
from optical_lite.lexicon import NULL, ibm1, word_lexicon
from optical_lite.text import terms, unmarked

PAIRS = [
    (["nyumba", "kubwa"], ["big", "house"]),
    (["nyumba"], ["the", "house"]),
    (["mti", "kubwa", "mti"], ["big", "tree", "tree", "big"]),
    (["mti"], ["tree"]),
]


def plain_ibm1(pairs, iterations):
    """IBM Model 1 as the textbook writes it, with dictionaries."""
    t = {}
    for f, e in pairs:
        for x in [NULL, *f]:
            for y in e:
                t[x, y] = 1.0
    for _ in range(iterations):
        counts = dict.fromkeys(t, 0.0)
        for f, e in pairs:
            for y in e:
                whole = sum(t[x, y] for x in [NULL, *f])
                for x in [NULL, *f]:
                    counts[x, y] += t[x, y] / whole
        totals = {}
        for (x, _), c in counts.items():
            totals[x] = totals.get(x, 0.0) + c
        t = {(x, y): c / totals[x] for (x, y), c in counts.items()}
    return t


OPTIONS = [{}, {"diagonal": 4.0}, {"symmetric": True}, {"diagonal": 4.0, "symmetric": True}, {"least": 0.0}]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_bitext_in_parts_gives_the_same_table(monkeypatch, options):
    """EM takes a part of the bitext at a time, and each sum is made in the same order: equal to the last bit."""
    pairs = [(terms(source), terms(target)) for source, target in pocket.bitext("so").pairs]
    whole = ibm1(pairs, **options)
    monkeypatch.setattr(lexicon_module, "CELLS", 500)
    parts = ibm1([([], ["x"]), *pairs, (["y"], [])], **options)
    assert (parts.source, parts.target) == (whole.source, whole.target)
    for one, other in zip(*[(x.table.indptr, x.table.indices, x.table.data) for x in (parts, whole)], strict=True):
        np.testing.assert_array_equal(one, other)


def peak(count):
    """Bytes that a lexicon of so many pairs needs at most, 12 words a side, drawn from 5,000 words."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(5_000)])
    pairs = [[words[rng.integers(0, 5_000, 12)].tolist() for _ in range(2)] for _ in range(count)]
    gc.collect()
    tracemalloc.start()
    try:
        ibm1(iter(pairs), iterations=2)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_little_with_the_bitext(monkeypatch):
    """Below 5 KB a pair, so a million pairs fit into 5 GB; every word pair at once took 16 KB, a million 16 GB."""
    monkeypatch.setattr(lexicon_module, "CELLS", 1 << 16)
    assert (peak(6_000) - peak(3_000)) / 3_000 < 5_000


@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_agrees_with_the_textbook(iterations):
    lexicon = ibm1(PAIRS, iterations, least=0.0)
    expected = plain_ibm1(PAIRS, iterations)
    for (x, y), p in expected.items():
        assert lexicon.table[lexicon.source.index(x), lexicon.target.index(y)] == pytest.approx(p, abs=1e-12)


def test_rows_are_probabilities():
    lexicon = word_lexicon(pocket.bitext("sw"))
    np.testing.assert_allclose(np.asarray(lexicon.table.sum(1)).ravel(), 1, atol=0.02)  # tiny entries were dropped


def test_translations_of_common_words():
    lexicon = word_lexicon(pocket.bitext("sw"))
    assert [lexicon.translations(w, 1)[0][0] for w in ("daktari", "maji", "soko")] == ["doctor", "water", "market"]
    assert lexicon.translations("Nairobi") == []
    assert lexicon.translate("Daktari Kombo") == "doctor Kombo"


def test_no_pairs_give_an_empty_lexicon():
    assert ibm1([]).translations("maji") == []


def test_places_tell_apart_what_counting_cannot():
    from optical_lite.lexicon import NULL, ibm1

    pairs = [(["nyumba", "kubwa"], ["house", "big"])] * 3  # always together: Model 1 has no way to choose
    plain, both = ibm1(pairs), ibm1(pairs, symmetric=True, diagonal=4.0)
    assert plain.translations("kubwa", 1)[0][1] == pytest.approx(0.5)
    assert both.translations("nyumba", 1)[0][0] == "house"
    assert both.translations("kubwa", 1) == [("big", pytest.approx(1, abs=0.05))]
    assert both.source[0] == plain.source[0] == NULL
    assert abs(both.table.sum(1) - 1).max() < 1e-2


def test_words_without_tone_marks_are_found():
    """Yoruba bitext has tone marks, questions often have none."""
    bitext = Bitext("toy", "yo", "en", (("ọmọ ọdún", "year child"), ("ọmọ", "child"), ("ọdún", "year")))
    question = "Omo odun"
    assert word_lexicon(bitext).translate(question) == question
    assert word_lexicon(bitext, marks=False).translate(unmarked(question)) == "child year"
    assert word_lexicon(bitext).coverage([question, "!"]) == 0
    assert word_lexicon(bitext, marks=False).coverage([unmarked(question), "Google?"]) == pytest.approx(2 / 3)
    assert unmarked("पानी") == "पानी"  # vowel signs are no accents
