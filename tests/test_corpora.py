import gzip
import itertools
import json
import tracemalloc

import pytest

from optical_lite import vocabulary
from optical_lite.corpora import LANGUAGES, THREE_LETTERS, Bitext, Collection, language
from optical_lite.datasets import pocket
from optical_lite.distillation import tokens
from optical_lite.formats import own
from optical_lite.formats.own import read_beir, read_bitext
from optical_lite.settings import InputError
from optical_lite.text import words


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_own_bitext(tmp_path):
    pairs = read_bitext(write(tmp_path / "x.tsv", "\ufeffmaji\twater\r\nmoto\tfire\r\n"), "luo").pairs
    assert pairs == (("maji", "water"), ("moto", "fire"))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("maji\twater\nmoto\n", "line 2: got 1 columns, expected 2"),
        ("maji\twater\tL'eau\n", "line 1: got 3 columns"),
        ("\twater\n", "empty source side"),
        ("maji\t \n", "empty English side"),
        ("(" * 65_537 + "\twater\n", "line 1: got a source side of 65,537 characters, expected at most 65,536"),
        ("", "got no sentence pair"),
        ("caf\xe9\tcoffee\n".encode("latin-1"), "after line 0: got byte 0xe9, expected utf-8.*iconv"),
    ],
)
def test_bad_bitext_is_named(tmp_path, content, text):
    with pytest.raises(InputError, match=text):
        read_bitext(write(tmp_path / "x.tsv", content), "sw")


def test_missing_file_and_odd_language(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_bitext(tmp_path / "none.tsv", "sw")
    with pytest.raises(InputError, match="got 'Swahili!'"):
        read_bitext(write(tmp_path / "x.tsv", "maji\twater\n"), "Swahili!")
    with pytest.raises(InputError, match="expected one of sw, so"):
        language("klingon")


@pytest.mark.parametrize("name", ["x.tsv", "x.tsv.gz"])
def test_a_large_bitext_stays_in_its_file(tmp_path, monkeypatch, name):
    pairs = [(f"maji {i}", f"water {i}") for i in range(50)]
    content = "".join(f"{source}\t{english}\n" for source, english in pairs).encode()
    place = write(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    monkeypatch.setattr(own, "WHOLE", 40)
    found = read_bitext(place, "sw").pairs
    assert isinstance(found, own.FilePairs)
    assert [*found] == pairs
    assert (len(found), found[7], found[-1], [*found[3:40:9]]) == (50, pairs[7], pairs[-1], pairs[3:40:9])
    with pytest.raises(IndexError):
        found.__getitem__(50)
    write(place, content + b"moto\tfire\n")
    with pytest.raises(InputError, match="got a file that changed while it was read"):
        list(found)


def test_memory_does_not_grow_with_a_bitext(tmp_path, monkeypatch, tiny, number_type):
    """Besides where each row begins: 16 bytes a pair."""
    monkeypatch.setattr(own, "WHOLE", 0)
    text, highest = itertools.cycle(pocket.bitext("sw").pairs), []
    for count in (5_000, 15_000):
        place = write(tmp_path / "x.tsv", "".join("\t".join(pair) + "\n" for pair in itertools.islice(text, count)))
        tracemalloc.start()
        source, target, _ = tokens(tiny, tiny, read_bitext(place, "sw"), 64)
        highest.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(source) == len(target) == count
    assert highest[1] - highest[0] < 40 * 10_000


def test_words_of_many_pairs_are_learned_from_some(tiny, number_type, monkeypatch):
    monkeypatch.setattr(vocabulary, "LEARNED", 200)
    bitext = pocket.bitext("sw")
    some = Bitext(bitext.name, "sw", "en", bitext.pairs[::3])
    found, expected = (vocabulary.extend(tiny, pairs) for pairs in (bitext, some))
    assert len(some) == 171
    assert found.tokenizer.to_str() == expected.tokenizer.to_str()
    assert (found.embedding == expected.embedding).all()


def test_clean_counts_what_it_drops():
    pairs = (("Maji", "water"), ("maji", "Water"), ("OK", "ok"), ("", "x"), ("moto", "fire"))
    clean = Bitext("x", "sw", "en", pairs).clean(without=["FIRE"])
    assert clean.pairs == (("Maji", "water"),)
    assert clean.notes["dropped"] == {"empty": 1, "untranslated": 1, "repeated": 1, "held out": 1}


def test_one_string_is_no_list_of_texts():
    bitext = Bitext("x", "sw", "en", (("m", "a"), ("moto", "fire")))
    for call in (bitext.leave_out, lambda texts: bitext.clean(without=texts)):
        with pytest.raises(InputError, match=r"^texts: got one string, expected a list of texts; write \[text\]"):
            call("moto")
        assert call(text for text in ["moto"]).pairs == (("m", "a"),)


@pytest.mark.parametrize("grades", [{"p": float("nan")}, {"p": 1, "r": float("nan")}, {"p": float("inf")}])
def test_a_grade_is_a_number(grades):
    with pytest.raises(InputError, match=r"^x: got a grade that is no number of query 'q', expected finite numbers"):
        Collection("x", "sw", {"p": "maji", "r": "moto"}, {"q": "maji?"}, {"q": grades})


def test_bitexts_of_two_languages_do_not_add_up():
    with pytest.raises(InputError, match="so-en added to sw-en"):
        Bitext("x", "sw", "en", ()) + Bitext("y", "so", "en", ())


def test_words_keep_devanagari_whole():
    assert words("आजारी व्यक्ती.") == ["आजारी", "व्यक्ती", "."]
    assert words("(l'eau) mwana-wa 3.5!") == ["(", "l'eau", ")", "mwana-wa", "3.5", "!"]
    assert words("...") == [".", ".", "."]


def beir(folder, corpus=None, qrels="query-id\tcorpus-id\tscore\nq1\tp1\t1\n"):
    write(folder / "corpus.jsonl", corpus or json.dumps({"_id": "p1", "title": "Water", "text": "is wet"}) + "\n")
    write(
        folder / "queries.jsonl",
        '{"_id": "q1", "text": "maji?", "translation": "water?"}\n{"_id": "q2", "text": "unjudged"}\n',
    )
    write(folder / "qrels" / "test.tsv", qrels)
    return folder


def test_beir_folder(tmp_path):
    data = read_beir(beir(tmp_path / "mine"), "sw")
    assert data == Collection(
        "mine", "sw", {"p1": "Water is wet"}, {"q1": "maji?"}, {"q1": {"p1": 1}}, {"q1": "water?"}
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"corpus": '{"_id": "p1"}\n'}, r"corpus.jsonl, line 1: got no text"),
        ({"corpus": "not json\n"}, "line 1"),
        ({"qrels": "q1\tp1\n"}, "line 1: got 2 columns, expected 3 .query-id"),
        ({"qrels": "q1\tp9\t1\n"}, "'p9'"),
        ({"qrels": "q1\tp1\t0\n"}, "1 queries without a relevant passage"),
    ],
)
def test_bad_beir_folder_is_named(tmp_path, change, text):
    with pytest.raises(InputError, match=text):
        read_beir(beir(tmp_path / "mine", **change))


def test_every_language_has_a_code_of_three_letters():
    """Data sets know it by that; their readers would say that a language without is none of theirs."""
    without = LANGUAGES.keys() - {*THREE_LETTERS.values()}
    assert not without, f"name {', '.join(sorted(without))} in corpora.THREE_LETTERS, too"
    assert not {*THREE_LETTERS.values()} - LANGUAGES.keys()
