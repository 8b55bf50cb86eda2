"""One normal form and one way to cut words: the same text in another form is the same everywhere."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optical_lite import lexical, vocabulary
from optical_lite.alignment import statistical
from optical_lite.corpora import Bitext
from optical_lite.datasets import pocket
from optical_lite.kernels.pieces import one_form
from optical_lite.lexicon import word_lexicon
from optical_lite.text import APOSTROPHES, bare, fold, latin, terms, unmarked, visible, words

JOINERS = "\u200c\u200d\u00ad\u2060\ufeff\u200e"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jami'ar Bayero ta Kano", ["jami'ar", "bayero", "ta", "kano"]),  # Hausa: the apostrophe is a letter
        ("’yan kasuwa, ‘yan’uwa", ["yan", "kasuwa", "yan'uwa"]),  # at an edge it may as well be a quotation mark
        ("Kung'ang'ania ng’ambo", ["kung'ang'ania", "ng'ambo"]),  # Swahili
        ("go'aanka lo'da", ["go'aanka", "lo'da"]),  # Somali
        ("N’ụbọchị n'ihe", ["n", "ụbọchị", "n", "ihe"]),  # Igbo: na has lost its vowel
        ("l'órí w’adi d'Ivoire", ["l", "órí", "w", "adi", "d", "ivoire"]),
        ("iba't ibang pag-asa", ["iba't", "ibang", "pag", "asa"]),  # Tagalog
        (
            "The farmers' wives didn't see Kenya’s x-ray",
            ["the", "farmers", "wives", "didn't", "see", "kenya", "x", "ray"],
        ),
        ("rice—beans–maize/cassava…yam", ["rice", "beans", "maize", "cassava", "yam"]),
        ("आजारी व्यक्ती।पाणी॥", ["आजारी", "व्यक्ती", "पाणी"]),
        ("東京、大阪。「京都」", ["東京", "大阪", "京都"]),
        ("maji\u200bsafi", ["maji", "safi"]),
        ("2,500.75 m, 2019-2021, 10.Next", ["2,500.75", "m", "2019", "2021", "10", "next"]),
        ("C'est 'it' rock'n'roll", ["c", "est", "it", "rock'n'roll"]),
        ("?! … – ' ’", []),
    ],
)
def test_terms_of_many_languages(text, expected):
    assert terms(text) == expected


def test_an_apostrophe_is_one_letter_however_it_is_typed():
    forms = [chr(form) for form in APOSTROPHES]
    assert len(forms) > 10
    for form in forms:
        assert terms(f"ma{form}aikata n{form}ime {form}yan") == ["ma'aikata", "n", "ime", "yan"]
        assert bare(f"ma{form}aikata") == "maaikata"


@given(st.text())
def test_a_text_has_the_same_terms_in_every_form(text):
    found = terms(text)
    for form in ("NFC", "NFD"):
        assert terms(unicodedata.normalize(form, text)) == found
        assert fold(unicodedata.normalize(form, text)) == fold(text)
        assert latin(unicodedata.normalize(form, text)) == latin(text)
        assert fold(unmarked(unicodedata.normalize(form, text))) == fold(unmarked(text))
    assert terms(JOINERS.join(text)) == found
    assert fold(fold(text)) == fold(text)
    assert terms(" ".join(found)) == found  # what is cut is not cut again
    assert all(term and not term.isspace() for term in found)


@given(st.text())
def test_terms_lie_within_words(text):
    """Cutting each word of a text gives its terms; a word without letters and digits gives none."""
    plain = fold(visible(text).translate(APOSTROPHES))
    assert [term for word in words(plain) for term in terms(word)] == terms(text)


# A pair a line, in letters that Unicode can write in two ways: precomposed, or a letter and its mark.
YORUBA = (("ọmọ ọdún", "year child"), ("ọmọ", "child"), ("ọdún", "year"), ("ilé ọmọ", "child house"), ("ilé", "house"))
HINDI = (("क़लम ज़मीन", "pen land"), ("क़लम", "pen"), ("ज़मीन", "land"), ("ऩदी ज़मीन", "river land"), ("ऩदी", "river"))


def changed(pairs, how):
    return Bitext("toy", "xx", "en", tuple((how(source), target) for source, target in pairs))


FORMS = {
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "joiners": lambda text: "\u200d".join(text),
}


@pytest.mark.parametrize("pairs", [YORUBA, HINDI])
@pytest.mark.parametrize("form", FORMS)
def test_lexicon_and_rankings_do_not_see_the_form(pairs, form):
    plain, other = word_lexicon(changed(pairs, str)), word_lexicon(changed(pairs, FORMS[form]))
    assert plain.source == other.source
    assert (plain.table != other.table).nnz == 0
    question = pairs[0][0]
    assert plain.translate(FORMS[form](question)) == plain.translate(question)
    passages = {str(k): source for k, (source, _) in enumerate(pairs)}
    written = {name: FORMS[form](text) for name, text in passages.items()}
    expected = lexical.bm25(passages, {"q": question})
    assert expected["q"]
    assert lexical.bm25(written, {"q": question}) == expected
    assert lexical.bm25(passages, {"q": FORMS[form](question)}) == expected
    english = {str(k): target for k, (_, target) in enumerate(pairs)}
    expected = lexical.structured(english, {"q": question}, plain)
    assert lexical.structured(english, {"q": FORMS[form](question)}, other) == expected


@pytest.mark.parametrize("form", FORMS)
def test_aligners_do_not_see_the_form(form):
    split = [(source.split(), target.split()) for source, target in HINDI]
    written = [([FORMS[form](word) for word in source], target) for source, target in split]
    assert statistical.ibm_model1(split) == statistical.ibm_model1(written)


@pytest.mark.parametrize("lang", ["mr", "sw"])
def test_students_do_not_see_the_form(teacher, lang):
    """Marathi in NFD was cut differently: its normal form keeps vowel signs, and did not compose them."""
    bitext = pocket.bitext(lang)
    sources = [source for source, _ in bitext.pairs] + [source for source, _ in HINDI + YORUBA]
    student = vocabulary.extend(teacher, bitext, fill="mean")
    expected = [code.ids for code in student.tokenizer.encode_batch(sources)]
    for how in FORMS.values():
        assert [code.ids for code in student.tokenizer.encode_batch(list(map(how, sources)))] == expected
    written = Bitext("nfd", lang, "en", tuple((FORMS["NFD"](source), target) for source, target in bitext.pairs))
    again = vocabulary.extend(teacher, written, fill="mean")
    assert again.tokenizer.get_vocab() == student.tokenizer.get_vocab()


def test_a_tokenizer_that_knows_both_forms_stays_as_it_is(teacher):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    before = teacher.tokenizer.to_str()
    assert one_form(teacher.tokenizer).to_str() == before
    plain = one_form(Tokenizer(WordLevel({"é": 0, "?": 1}, unk_token="?")))
    assert plain.encode("e\u0301").ids == plain.encode("é").ids == [0]


def test_one_apostrophe_finds_another():
    """The lexicon kept ma'aikata whole where BM25 cut it."""
    lexicon = word_lexicon(Bitext("toy", "ha", "en", (("ma'aikata", "workers"), ("ra'ayi", "opinion"))))
    passages = {"a": "An opinion.", "b": "The workers’ x-ray"}
    for form in "'’ʼ":
        found = lexical.structured(passages, {"q": f"Ra{form}ayi?", "r": f"ma{form}aikata"}, lexicon)
        assert [name for name, _ in found["q"]] == ["a"]
        assert [name for name, _ in found["r"]] == ["b"]
    assert [name for name, _ in lexical.bm25(passages, {"q": "ray–xyz"})["q"]] == ["b"]


@pytest.mark.parametrize("piece", ["a,", "a's", "'s", "1,"])
def test_a_long_chunk_takes_time_in_proportion(piece):
    start = time.process_time()
    terms(piece * 300_000)
    assert time.process_time() - start < 20
