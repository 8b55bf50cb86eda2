import gc
import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from optical_lite import distillation, vocabulary
from optical_lite.config import DistillConfig
from optical_lite.corpora import Bitext
from optical_lite.datasets import pocket
from optical_lite.kernels import expectation
from optical_lite.lexicon import NULL, Lexicon, ibm1, word_lexicon
from optical_lite.settings import InputError
from optical_lite.text import terms, unmarked

PAIRS = [
    (["nyumba", "kubwa"], ["big", "house"]),
    (["nyumba"], ["the", "house"]),
    (["mti", "kubwa", "mti"], ["big", "tree", "tree", "big"]),
    (["mti"], ["tree"]),
]


OPTIONS = [{}, {"diagonal": 4.0}, {"symmetric": True}, {"diagonal": 4.0, "symmetric": True}, {"least": 0.0}]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_bitext_in_parts_gives_the_same_table(monkeypatch, options):
    """EM takes a part of the bitext at a time, and each sum is made in the same order: equal to the last bit."""
    pairs = [(terms(source), terms(target)) for source, target in pocket.bitext("so").pairs]
    whole = ibm1(pairs, **options)
    monkeypatch.setattr(expectation, "CELLS", 500)
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
    monkeypatch.setattr(expectation, "CELLS", 1 << 16)
    assert (peak(6_000) - peak(3_000)) / 3_000 < 5_000


@pytest.mark.parametrize(("count", "got", "expected"), [
    (1, "8,389,712 pairs of words in one sentence pair", "at most 8,388,608; split long texts into sentences"),
    (65, "544,954,800 pairs of words in all sentence pairs", "at most 536,870,912; split"),
])  # fmt: skip
def test_texts_too_long_for_a_lexicon_are_refused_at_once(count, got, expected):
    """Two sides of 65,536 brackets meet in four thousand million pairs of words: 300 GB."""
    side = ["("] * (2_896 if count == 1 else 2_895)
    with pytest.raises(InputError, match=f"^lexicon: got {got}, expected {expected}"):
        ibm1([(side, side)] * count)


@pytest.mark.parametrize("cells", [1, 50, 1 << 20])
def test_parts_are_as_long_as_they_may_be(cells, monkeypatch):
    monkeypatch.setattr(expectation, "CELLS", cells)
    rows = np.random.default_rng(0).choice([0, 1, cells // 3, cells - 1, cells, cells + 1], 300)
    begins = np.concatenate([[0], np.cumsum(rows)])
    parts = list(expectation._parts(begins))
    assert [row for part in parts for row in range(300)[part]] == list(range(300))
    for part in parts:
        assert rows[part].sum() <= cells or len(rows[part]) == 1
        assert part.stop == 300 or rows[part.start : part.stop + 1].sum() > cells
    assert list(expectation._parts(np.array([0]))) == []


def test_what_expectation_holds_takes_four_bytes_a_place():
    *known, left, right = expectation.numbered(PAIRS)
    sizes = [side.sizes for side in (left, right)]
    _, indices, cell = expectation._cells(left, right, np.append(0, np.cumsum((sizes[0] + 1) * sizes[1])), 5)
    assert [side.tolist() for side in sizes] == [[len(pair[k]) for pair in PAIRS] for k in (0, 1)]
    assert [list(words) for words in known] == [["nyumba", "kubwa", "mti"], ["big", "house", "the", "tree"]]
    assert {x.dtype for x in (left.of, right.of, indices, cell)} == {np.dtype(np.int32)}


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


def test_a_bitext_without_pairs_teaches_nothing():
    empty = Bitext("x", "sw", "en", ())
    for place, learn in (("lexicon", word_lexicon), ("vocabulary", lambda pairs: vocabulary.extend(None, pairs))):
        with pytest.raises(InputError, match=f"^{place}: got a bitext without pairs, expected at least one"):
            learn(empty)
    with pytest.raises(InputError, match="got a bitext without pairs"):
        distillation.plain(None, None, empty, DistillConfig())


def test_places_tell_apart_what_counting_cannot():
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
    assert unmarked("पानी") == "पानी"  # vowel signs are no accents


def textbook(pairs, iterations, diagonal):
    """Expected counts as fast_align's paper writes them, with dictionaries: a prior for each place, 0.08 for null."""
    t = {(x, y): 1.0 for f, e in pairs for x in [NULL, *f] for y in e}
    for _ in range(iterations):
        counts = dict.fromkeys(t, 0.0)
        for f, e in pairs:
            for j, y in enumerate(e):
                near = [np.exp(-diagonal * abs((i + 0.5) / len(f) - (j + 0.5) / len(e))) for i in range(len(f))]
                prior = [0.08, *(0.92 * x / sum(near) for x in near)] if diagonal else [1.0] * (1 + len(f))
                shares = [p * t[x, y] for p, x in zip(prior, [NULL, *f], strict=True)]
                for x, share in zip([NULL, *f], shares, strict=True):
                    counts[x, y] += share / sum(shares)
        t = {(x, y): c / sum(d for (z, _), d in counts.items() if z == x) for (x, y), c in counts.items()}
    return counts


@pytest.mark.parametrize("iterations", [1, 2, 7])
@pytest.mark.parametrize("diagonal", [0.0, 2.0])
@pytest.mark.parametrize("symmetric", [False, True])
def test_options_agree_with_the_textbook(iterations, diagonal, symmetric):
    """Both directions agree by the geometric mean of their expected counts; the null word has one direction only."""
    counts = textbook(PAIRS, iterations, diagonal)
    if symmetric:
        back = textbook([(e, f) for f, e in PAIRS], iterations, diagonal)
        counts = {(x, y): c if x == NULL else (c * back[y, x]) ** 0.5 for (x, y), c in counts.items()}
    found = ibm1(PAIRS, iterations, least=0.0, diagonal=diagonal, symmetric=symmetric)
    for (x, y), c in counts.items():
        expected = c / sum(d for (z, _), d in counts.items() if z == x)
        assert found.table[found.source.index(x), found.target.index(y)] == pytest.approx(expected, abs=1e-12)


def test_by_default_eight_steps_of_model_1_one_way():
    usual, said = ibm1(PAIRS), ibm1(PAIRS, 8, 1e-4, diagonal=0.0, symmetric=False)
    np.testing.assert_array_equal(usual.table.toarray(), said.table.toarray())


@pytest.mark.parametrize(("option", "wrong"), [
    *(("iterations", value) for value in (0, -1, 2.5, "3", True)),
    *(("diagonal", value) for value in (-4.0, np.nan, np.inf, 1000.5, "4")),
    *(("least", value) for value in (-0.5, np.nan, 2.0, None)),
])  # fmt: skip
def test_what_no_lexicon_can_mean_is_named(option, wrong):
    place = "iterations: got" if option == "iterations" else f"ibm1: got {option}"
    with pytest.raises(InputError, match=rf"^{place} {wrong!r}, expected a (whole )?number from"):
        ibm1(PAIRS, **{option: wrong})


@pytest.mark.parametrize("wrong", [0, 1.5])
def test_no_translations_are_not_asked_for(wrong):
    with pytest.raises(InputError, match=rf"^k: got {wrong}, expected a whole number from 1"):
        ibm1(PAIRS).translations("mti", wrong)


def test_of_a_word_with_signs_inside_the_known_terms_are_translated():
    """A word of which nothing is known stays as it is written."""
    assert ibm1(PAIRS).translate("Mti-Kombo, COVID-19 (mti)") == "tree kombo , COVID-19 ( tree )"


def test_the_strongest_prior_has_a_table_of_numbers():
    """Of 99 English words most stand half a sentence from the one source word: exp(-500) before it is shared out."""
    for pair in ((["a"], [f"x{k}" for k in range(99)]), ([f"a{k}" for k in range(99)], ["x"])):
        for symmetric in (False, True):
            table = ibm1([pair], diagonal=1_000, symmetric=symmetric, least=0).table
            assert np.isfinite(table.data).all()
            assert np.asarray(table.sum(1)).ravel()[1:] == pytest.approx(1)


def test_small_probabilities_are_dropped_and_equal_ones_keep_their_order():
    many = [f"e{i}" for i in range(40)]
    found = ibm1([(["neno"], many)])
    assert found.translations("neno", 40) == [(word, pytest.approx(1 / 40)) for word in many]
    assert len(found.translations("neno")) == 3
    assert ibm1([(["neno"], many)], least=0.025 + 1e-9).translations("neno") == []
    assert ibm1([(["neno"], many)], least=0.025 - 1e-9).translations("neno", 50) == found.translations("neno", 50)


def test_rows_are_found_by_word_and_null_is_no_word():
    found = ibm1(PAIRS)
    assert [found.position(word) for word in found.source[1:]] == list(range(1, len(found.source)))
    assert found.position(NULL) is None
    assert found.translations(NULL) == []
    assert found.position("gari") is None
    empty = ibm1([([], ["x"]), (["y"], [])])
    assert (empty.source, empty.target, empty.table.shape) == ([NULL], [], (1, 0))


def test_options_reach_the_lexicon_of_a_bitext():
    bitext = Bitext("toy", "sw", "en", tuple((" ".join(f), " ".join(e)) for f, e in PAIRS))
    found, expected = word_lexicon(bitext, symmetric=True, diagonal=2.0), ibm1(PAIRS, symmetric=True, diagonal=2.0)
    assert found.source == expected.source
    np.testing.assert_array_equal(found.table.toarray(), expected.table.toarray())


def test_translations_of_one_probability_keep_their_order():
    """Up to 16 values any sort of numpy keeps the order of equals."""
    words = [f"e{i}" for i in range(400)]
    row = np.where(np.arange(400) % 3, 1.0, 2.0) / 534
    equal = Lexicon([NULL, "f"], words, csr_matrix([row, row]))
    found = [word for word, _ in equal.translations("f", 400)]
    assert found == words[::3] + [word for i, word in enumerate(words) if i % 3]
