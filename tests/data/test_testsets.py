"""Collections made of published sets; they need a local copy of them and are skipped without."""

import pytest

from optical_lite.corpora import Bitext, Collection
from optical_lite.datasets import published, testsets
from optical_lite.settings import InputError
from optical_lite.text import bare

TOY = Bitext("toy", "sw", "en", (("maji", "water"), ("moto", "fire")))
real = pytest.mark.usefixtures("mirror")


@real
@pytest.mark.parametrize("lang", ["som", "tgl", "mar", "swh", "hau", "yor", "ibo", "zul"])
def test_belebele_has_300_test_sentences_in_as_many_passages(lang):
    data = testsets.belebele(lang)
    assert (len(data.queries), len(data.passages)) == (300, 488)
    assert len({p for grades in data.qrels.values() for p in grades}) == 300
    for query, grades in data.qrels.items():
        (passage,) = grades
        assert bare(data.translations[query]) in bare(data.passages[passage])


@real
def test_belebele_dev_and_test_share_no_passage():
    test, dev, dev_hard = (testsets.belebele("so", split, hard=h) for split, h in (("test", 0), ("dev", 0), ("dev", 1)))
    assert (len(dev.queries), len(dev_hard.queries)) == (678, 187)
    gold = [{p for grades in data.qrels.values() for p in grades} for data in (test, dev)]
    assert not gold[0] & gold[1]
    assert not {bare(t) for t in test.queries.values()} & {bare(t) for t in dev.queries.values()}
    assert set(dev_hard.queries) < set(dev.queries)


@real
def test_belebele_hard_leaves_one_sentence_out_of_every_passage():
    easy, hard = testsets.belebele("mr"), testsets.belebele("mr", hard=True)
    assert easy.queries == hard.queries
    for query, grades in hard.qrels.items():
        (passage,) = grades
        sentence, text = bare(hard.translations[query]), bare(hard.passages[passage])
        assert text
        assert sentence not in text
    lengths = [(len(bare(easy.passages[p])), len(bare(hard.passages[p]))) for p in easy.passages]
    assert all(0 < left <= whole for whole, left in lengths)
    assert sum(left == whole for whole, left in lengths) == 1  # the one passage of a single sentence
    assert hard.passages == testsets.belebele("sw", "dev", hard=True).passages


@real
@pytest.mark.parametrize(
    ("name", "lang", "queries", "passages"),
    [
        ("ntrex-headlines", "tgl", 123, 123), ("ntrex-headlines", "som", 123, 123), ("indicquest", "mar", 200, 200),
        ("indicquest", "hi", 200, 200), ("belebele-questions", "deu", 900, 488),
        ("xquad-r", "de", 1190, 1180), ("xquad-r", "es", 1190, 1180), ("xquad-r", "hi", 1190, 1180),
        ("tatoeba-mates", "sw", 390, 390),
    ],
)  # fmt: skip
def test_counts(name, lang, queries, passages):
    data = testsets.load(name, lang)
    assert (len(data.queries), len(data.passages), len(data.translations)) == (queries, passages, queries)
    assert all(text.strip() for texts in (data.queries, data.passages, data.translations) for text in texts.values())


@real
def test_headlines_in_their_articles_are_flagged():
    data = testsets.ntrex_headlines("mr")
    flagged = {q for q, marks in data.flags.items() if "headline-in-article" in marks}
    assert {q for q in data.queries if bare(data.translations[q]) in bare(data.passages[q])} == flagged
    assert len(flagged) == 4


@real
def test_the_answer_of_xquad_r_lies_in_its_sentence():
    data = testsets.xquad_r("de")
    asked = {question["id"]: question["answers"][0]["text"] for _, question in testsets._xquad_r("en")}
    held = sum(bare(asked[q]) in bare(data.passages[p]) for q, grades in data.qrels.items() for p in grades)
    assert held >= 0.99 * len(data.queries)


@real
@pytest.mark.parametrize(
    ("lang", "name", "queries"),
    [("hau", "afriqa-dev", 222), ("ibo", "afriqa-dev", 303), ("yor", "afriqa-dev", 247), ("swa", "belebele", 678)],
)
def test_dev_collections_share_no_question_with_the_test(lang, name, queries):
    dev, test = testsets.dev_collection(lang), published.afriqa(lang)
    assert (dev.name, len(dev.queries)) == (name, queries)
    texts = [{bare(t) for part in (d.queries, d.translations) for t in part.values()} for d in (dev, test)]
    assert not texts[0] & texts[1]


@real
@pytest.mark.parametrize("lang", ["swa", "hau", "ibo", "yor"])
def test_the_plus_recipe_is_free_of_both_collections(lang):
    held = [published.afriqa(lang), testsets.dev_collection(lang)]
    open_pairs = published.training_bitext(lang, recipe="plus")
    bitext = published.training_bitext(lang, held, "plus")
    assert len(bitext) > len(published.training_bitext(lang))
    for collection in held:
        found = testsets.leakage(collection, bitext)
        assert (found["queries"], found["translations"]) == (0, 0)
    before = testsets.leakage(held[0], open_pairs)
    assert before["queries"] + before["translations"] > 0  # the check can fail


def test_leakage_sees_through_case_punctuation_and_passages():
    sentence = "The old lighthouse keeper had never once seen the sea freeze."
    pairs = Bitext("toy", "sw", "en", (("Nani huyu?", "Who is this?"), ("sentensi", sentence)))
    passages = {"a": f"He says: {sentence[:-1]}, and smiles.", "b": "The old lighthouse keeper had never once left."}
    data = Collection("c", "sw", passages, {"q": "nani HUYU"}, {"q": {"a": 1}}, {"q": "who is it"})
    found = testsets.leakage(data, pairs)
    assert (found["queries"], found["translations"], found["passages"]) == (1, 0, 1)


def test_equal_answers_are_one_passage():
    data = testsets.mates(Bitext("toy", "sw", "en", (("jambo", "Hello"), ("habari", "hello"), ("maji", "water"))))
    assert len(data.passages) == 2
    assert data.qrels["1"] == data.qrels["0"]


def test_wrong_names_are_told():
    with pytest.raises(InputError, match=f"expected {', '.join(testsets.NAMES)}; check"):
        testsets.load("squad", "sw")
    with pytest.raises(InputError, match="xquad-r: got split 'dev'"):
        testsets.load("xquad-r", "de", "dev")
    with pytest.raises(InputError, match="belebele: got split 'train'"):
        testsets.belebele("sw", "train")
    with pytest.raises(InputError, match="indicquest: got language 'sw', expected one of mr, hi"):
        testsets.indicquest("sw")
    with pytest.raises(InputError, match="xquad-r: got language 'sw', expected one of de, es, hi"):
        testsets.xquad_r("sw")


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        ("horn", {"horn-news", "afriqa"}), ("horn-news", {"afriqa"}), ("horn-news-hard", {"afriqa"}),
        ("horns", {"horn", "horn-news", "afriqa"}), ("afriqa", {"horn", "horn-news", "afriqa"}),
        ("belebele-hard", {"horn", "horn-news", "afriqa"}),
    ],
)  # fmt: skip
def test_a_part_is_left_out_where_its_name_begins_a_collection_that_is_held_out(monkeypatch, held, kept):
    asked = []
    parts = {name: lambda lang, name=name: asked.append(name) or TOY for name in ("horn", "horn-news", "afriqa")}
    monkeypatch.setattr(published, "PARTS", parts)
    published.training_bitext("sw", [Collection(held, "sw", {}, {}, {})], "+".join(parts))
    assert {*asked} == kept


def test_a_data_set_may_have_a_hyphen(monkeypatch):
    monkeypatch.setattr(published, "read_text", lambda dataset, path: f"{dataset} {path}")
    found = published._aligned("horn-news", "som", ("som",), "{code}.txt", "eng.txt")
    assert found == Bitext("horn-news", "so", "en", (("horn-news som.txt", "horn-news eng.txt"),))
