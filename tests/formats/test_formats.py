"""Every format: the sample reads as what it says, and each kind of wrong file is named."""

import contextlib
import gzip
import re
import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from types import SimpleNamespace

import pytest

from optical_lite.corpora import Collection
from optical_lite.datasets import pocket, reading
from optical_lite.formats import msmarco, own, trec
from optical_lite.formats.collect import collect
from optical_lite.settings import DATA, InputError

SAMPLES = DATA / "samples"
LATIN = {"encoding": "iso-8859-1"}


@pytest.mark.parametrize(
    ("kind", "lang", "options", "lang_read", "sizes"),
    [
        ("trec", "sw", LATIN, "sw", (8, 6, 12)),
        ("trec", "en", LATIN, "en", (8, 6, 12)),
        ("trec", "de", LATIN | {"fields": "desc"}, "de", (8, 6, 12)),
        ("msmarco", "en", {}, "en", (8, 6, 6)),
        ("beir", "sw", {}, "sw", (8, 6, 6)),
    ],
)
def test_the_samples(kind, lang, options, lang_read, sizes):
    data = reading.read(kind, SAMPLES / kind, lang, **options)
    assert isinstance(data, Collection)
    assert (data.lang, len(data.passages), len(data.queries), sum(map(len, data.qrels.values()))) == (lang_read, *sizes)


def test_trec_documents_and_topics():
    documents = trec.read_documents(SAMPLES / "trec" / "documents", "iso-8859-1")
    assert documents["LA010194-0001"][0].startswith(
        "How malaria spreads Malaria is caused by a tiny parasite that lives in"
    )
    assert documents["GH950101-000001"][0] == (
        "Q&A: How rain forms Rain begins inside clouds, where moisture has gathered on specks of dust as very fine "
        "droplets. So says a report from São Tomé."
    )
    data = reading.read("trec", SAMPLES / "trec", "sw", **LATIN)
    question = "Je, ninaweza kupata malaria kwa kuketi kando ya mtu mgonjwa?"
    assert data.queries["41"] == "Je, ninaweza kupata malaria " + question  # title and description; C041 is 41
    assert data.translations["41"] == "Can I get malaria Can I get malaria by sitting next to a sick person?"
    german, _ = trec.read_topics(SAMPLES / "trec" / "topics.de.txt", "title+desc+narr")["41"]
    assert german.startswith("Kann ich Malaria bekommen Kann ich Malaria bekommen, wenn")
    assert german.endswith("Ein Dokument ist relevant, wenn es die Frage beantwortet.")


def test_a_description_over_lines_and_gzip(tmp_path):
    text = "query_id: C007\ntitle: maji\ndescription: maji\ndescription: safi\n\n\nquery_id: C008\ntitle: moto\n"
    with gzip.open(tmp_path / "topics.txt.gz", "wt") as file:
        file.write(text)
    found = trec.read_topics(tmp_path / "topics.txt.gz")
    assert found == {"C007": ("maji maji safi", None), "C008": ("moto", None)}


def test_msmarco_triples_are_texts_of_the_collection():
    data = reading.read("msmarco", SAMPLES / "msmarco")
    found = [*msmarco.triples(SAMPLES / "msmarco" / "triples.train.small.tsv")]
    assert len(found) == 3
    for query, *passages in found:
        assert query in data.queries.values()
        assert {*passages} <= {*data.passages.values()}


def test_a_folder_that_cannot_be_written_is_not_there(tmp_path):
    data = Collection("toy", "sw", {"a b": "water"}, {"q": "maji"}, {"q": {"a b": 1}})
    with pytest.raises(InputError, match="got name 'a b'"):
        reading.write("trec", data, tmp_path / "out")
    assert not any(tmp_path.iterdir())
    with pytest.raises(InputError, match="got a Task"):
        reading.write("trec", reading.read("wpr", SAMPLES / "xglue" / "xglue.wpr.de.test"), tmp_path / "out")


def test_a_run_reads_back_as_it_was_written(tmp_path):
    run = {"q": [("b", 0.123456789), ("a", 0.123456788), ("c", -1e-9)], "r": [("a", 2.0)]}
    trec.write_run(tmp_path / "x.run", run, "mine")
    assert trec.read_run(tmp_path / "x.run") == run
    assert (tmp_path / "x.run").read_text().startswith("q Q0 b 1 0.123456789 mine\n")


def test_named_collections_and_what_a_format_lacks(tmp_path):
    assert reading.read("pocket", lang="sw") == reading.read(None, "pocket", "sw") == pocket.collection("sw")
    assert reading.read(None, SAMPLES / "beir", "sw") == reading.read("beir", SAMPLES / "beir", "sw")
    for kind, path, options, text in (
        ("nothing", None, {}, "got 'nothing', expected afriqa"),
        ("pocket", tmp_path, {}, "known by name"),
        ("trec", None, {}, "give --collection"),
        ("beir", SAMPLES / "beir", {"fields": "title"}, "got --fields, which this format does not have"),
        ("xquad-r", None, {"split": "dev"}, "all of it is a test set"),
    ):
        with pytest.raises(InputError, match=text):
            reading.read(kind, path, "de", **options)
    for kind, path in (("pocket", None), (None, "pocket"), ("xquad-r", None)):
        with pytest.raises(InputError, match="got no language, expected a code such as sw; give --lang"):
            reading.read(kind, path)
    with pytest.raises(InputError, match=r"got no file topics.txt\*, expected"):
        reading.read("trec", SAMPLES / "trec", encoding="iso-8859-1")


def test_belebele_and_xquad_r_through_the_door(mirror):
    assert reading.read("xquad-r", lang="de").name == "xquad-r"
    assert reading.read("belebele", lang="mr", split="dev").name == "belebele"


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(SAMPLES, tmp_path / "samples")
    return tmp_path / "samples"


@pytest.mark.parametrize(
    ("kind", "file", "change", "text"),
    [
        ("trec", "qrels.txt", lambda t: t + "41 LA010194-0001 1\n", "line 13: got 3 columns, expected 4"),
        (
            "trec",
            "qrels.txt",
            lambda t: t + t.splitlines()[0] + "\n",
            "line 13: got passage 'LA010194-0001' judged twice for query '41'",
        ),
        ("trec", "qrels.txt", lambda t: t + "41 0 LA010194-0009 1\n", "'LA010194-0009'.*--lenient"),
        ("trec", "qrels.txt", lambda t: t + "77 0 LA010194-0001 1\n", "query '77'.*--lenient"),
        ("trec", "qrels.txt", lambda t: t.replace(" 1\n", " yes\n"), "got grade 'yes'"),
        ("trec", "qrels.txt", lambda t: "", "got no judged question"),
        ("trec", "topics.sw.txt", lambda t: t.replace("C042", "C041"), "topic 2: got topic 'C041' twice"),
        ("trec", "topics.sw.txt", lambda t: t.replace("query_id", "id"), "got no topic"),
        ("trec", "topics.sw.txt", lambda t: t.replace("C041", ""), "topic 1: got no number"),
        ("trec", "topics.en.txt", lambda t: t.replace("<num> C041 </num>", ""), "topic 1: got no number"),
        ("trec", "topics.en.txt", lambda t: t.replace("C04", "C904"), "6 of 6 translations of no question"),
        ("trec", "topics.en.txt", lambda t: t.replace("EN-desc", "DE-title"), "expected one language a file"),
        ("trec", "documents/latimes/la010194.sgml", lambda t: t.replace("</DOC>", "", 1), "got 2 <DOCNO>"),
        ("trec", "documents/latimes/la010194.sgml", lambda t: t + "<DOC>", "got 5 <DOC> and 4 whole"),
        ("trec", "documents/latimes/la010194.sgml", lambda t: "water", "got 0 <DOC>"),
        (
            "trec",
            "documents/latimes/la010194.sgml",
            lambda t: t.replace("<DOCNO>", "<NO>").replace("<DOCID>", "<NO>"),
            "document 1: got no <DOCNO>",
        ),
        ("trec", "documents/latimes/la010194.sgml", lambda t: t + t, "document 5: got id 'LA010194-0001' twice"),
        ("msmarco", "collection.tsv", lambda t: t + "1\ta\tb\n", "line 9: got 3 columns, expected 2"),
        ("msmarco", "collection.tsv", lambda t: t + t, "line 9: got id '7000000' twice"),
        ("msmarco", "collection.tsv", lambda t: t + "\twater\n", "line 9: got no id"),
        ("msmarco", "qrels.dev.tsv", lambda t: t + "1000000\t0\t1\t1\n", "passage '1'"),
        ("msmarco", "qrels.dev.tsv", lambda t: t.replace("\t0\t", "\t"), "line 1: got 3 columns"),
        ("msmarco", "queries.dev.tsv", lambda t: t.replace("\t", " "), "line 1: got 1 columns"),
        ("beir", "queries.jsonl", lambda t: t.replace('"text"', '"query"'), "line 1.*text"),
        ("trec", "qrels.txt", lambda t: t + "\ufeff41 0 LA010194-0001 1\n", r"line 13: got id '\\ufeff41'"),
        ("trec", "qrels.txt", lambda t: t.replace("41 0 LA", "41 0 L\0A", 1), r"line 1: got id 'L\\x00A010194"),
        ("msmarco", "qrels.dev.tsv", lambda t: t + "1\x7f\t0\t1\t1\n", r"line 7: got id '1\\x7f'"),
        ("beir", "qrels/test.tsv", lambda t: t + "\ufeffq\tp\t1\n", r"line 8: got id '\\ufeffq'"),
    ],
)
def test_a_wrong_file_is_named(copy, kind, file, change, text):
    path = copy / kind / file
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(InputError, match=text):
        reading.read(kind, copy / kind, "sw", **(LATIN if kind == "trec" else {}))


@pytest.mark.parametrize(
    ("kind", "file", "header"),
    [
        ("msmarco", "collection.tsv", "id\ttext"),
        ("msmarco", "queries.dev.tsv", "QID\tquery"),
        ("msmarco", "triples.train.small.tsv", "query\tpositive\tnegative"),
        ("xor", "passages.tsv", "id\ttitle\ttext"),
        ("xor", "passages.tsv", '"id"\t"text"\t"title"'),
        ("xglue", "xglue.qam.fr.test", "question\tpassage"),
    ],
)
def test_names_of_columns_are_no_text(copy, kind, file, header):
    path = copy / kind / file
    rows = [line for line in path.read_text().splitlines() if line != "id\ttext\ttitle"]
    path.write_text("\n".join([header, *rows]) + "\n")
    read = {"triples.train.small.tsv": lambda: [*msmarco.triples(path)]}
    read["xglue.qam.fr.test"] = lambda: reading.read("qam", path)
    with pytest.raises(InputError, match="line 1: got the columns' names"):
        read.get(file, lambda: reading.read(kind, copy / kind))()


@pytest.mark.parametrize(
    ("line", "header"),
    [("source\ttarget", True), ("Swahili\tEnglish", True), ("sw\ten", True), ("es\tit", False), ("text\ttext", False)],
)
def test_a_pair_that_looks_like_a_header_is_one(tmp_path, line, header):
    (tmp_path / "pairs.tsv").write_text(f"{line}\nmaji\twater\n")
    with pytest.raises(InputError, match="line 1: got the columns' names") if header else contextlib.nullcontext():
        assert len(own.read_bitext(tmp_path / "pairs.tsv", "sw")) == 2


@pytest.mark.parametrize(
    ("kind", "file", "old", "new"),
    [
        ("beir", "queries.jsonl", r'"text": "[^"]*"', '"text": " "'),
        ("beir", "queries.jsonl", r'"translation": "[^"]*"', '"translation": ""'),
        ("msmarco", "queries.dev.tsv", r"\t.*", "\t "),
        ("xor", "questions.jsonl", r'"question": "[^"]*"', '"question": ""'),
        ("trec", "topics.en.txt", r"(<EN-title>).*\n<EN-desc>.*", r"\1</EN-title>"),
    ],
)
def test_a_question_without_text_is_refused_by_every_reader(copy, kind, file, old, new):
    path = copy / kind / file
    path.write_text(re.sub(old, new, path.read_text(), count=1))
    with pytest.raises(InputError, match=r"no text|a question or answer ''"):
        reading.read(kind, copy / kind, "en" if kind == "trec" else "xx", **(LATIN if kind == "trec" else {}))


def test_lenient_leaves_out_what_is_not_there(copy):
    qrels = copy / "trec" / "qrels.txt"
    qrels.write_text(qrels.read_text() + "41 0 elsewhere 1\n77 0 LA010194-0001 1\n42 0 elsewhere 1\n")
    (copy / "trec" / "documents" / "herald" / "gh950101.sgml").unlink()
    data = reading.read("trec", copy / "trec", "sw", lenient=True)
    assert set(data.queries) == set(data.qrels) == {"41", "42", "43", "44"}
    assert set(data.passages) == {f"LA010194-000{n}" for n in range(1, 5)}


def test_translations_of_no_question_are_counted_and_have_one_normal_form(tmp_path):
    texts, asked, judged = {"p": "water"}, {"q\xe9": "maji?"}, {"q\xe9": {"p": 1}}
    data = collect("toy", "sw", texts, asked, judged, translations={"q\xe9": "water?", "r": "fire?"})
    assert data.translations == {"q\xe9": "water?"}
    assert data.notes == ("1 of 2 translations are of no question and are left out",)
    with pytest.raises(InputError, match=r"toy, translations: got id 'qe\\u0301', which looks the same"):
        collect("toy", "sw", texts, asked, judged, translations={"qe\u0301": "water?", "q\xe9": "water?"})


@pytest.mark.parametrize(
    "row", ["\ufeffq Q0 d 1 1 x", "q Q0 a\0 1 1 x", "q Q0 d\u2060\ufeff 1 1 x", "q\x7f Q0 d 1 1 x"]
)
def test_a_run_has_no_marks_that_cannot_be_seen(tmp_path, row):
    (tmp_path / "x.run").write_text(f"q Q0 e 1 2 x\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2.*: got id .*expected one without"):
        trec.read_run(tmp_path / "x.run")


def test_encodings_and_files_that_are_not_there(copy, tmp_path):
    for call, text in (
        (lambda: reading.read("trec", copy / "trec", "sw"), r"gh950101.sgml.*byte 0xe3.*--encoding iso-8859-1"),
        (lambda: reading.read("trec", copy / "trec", "sw", encoding="klingon"), "got encoding 'klingon'"),
        (lambda: reading.read("trec", copy / "trec", "fr", **LATIN), "got no file topics.fr.txt"),
        (lambda: reading.read("trec", tmp_path / "none", "sw"), "got no such folder"),
        (lambda: reading.read("trec", copy / "trec", "sw", documents=tmp_path / "none"), "no such file"),
        (lambda: reading.read("trec", copy / "trec", "sw", fields="text", **LATIN), "got fields 'text'"),
        (lambda: reading.read("msmarco", copy / "msmarco", split="train"), "got no file queries.train.tsv"),
    ):
        with pytest.raises(InputError, match=text):
            call()
    (copy / "msmarco" / "collection.tsv.gz").write_bytes(b"not gzip")
    with pytest.raises(InputError, match=r"collection.tsv, collection.tsv.gz.*expected one file"):
        reading.read("msmarco", copy / "msmarco")
    (copy / "msmarco" / "collection.tsv").unlink()
    with pytest.raises(InputError, match="gzip cannot unpack"):
        reading.read("msmarco", copy / "msmarco")


def test_a_document_twice_is_named(tmp_path):
    (tmp_path / "x.run").write_text("q Q0 d 1 2 x\nq Q0 d 2 1 x\n")
    with pytest.raises(InputError, match="line 2, topic 'q': got document 'd' twice"):
        trec.read_run(tmp_path / "x.run")


def test_ir_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(InputError, match="pip install ir_datasets"):
        reading.read("ir_datasets", "wikiclir/sw", "en")

    class Document(namedtuple("Document", "doc_id title text")):
        def default_text(self):
            return f"{self.title} {self.text}"

    Query, Judgement = namedtuple("Query", "query_id title first_sent"), namedtuple("J", "query_id doc_id relevance")
    whole = SimpleNamespace(
        has_docs=lambda: True, has_queries=lambda: True, has_qrels=lambda: True,
        docs_iter=lambda: [Document("d", "Maji", "ni uhai.")],
        queries_iter=lambda: [Query("q", "Water", "It is life.")], qrels_iter=lambda: [Judgement("q", "d", 2)],
    )  # fmt: skip
    bare = SimpleNamespace(has_docs=lambda: True, has_queries=lambda: False, has_qrels=lambda: False)
    other = SimpleNamespace(has_docs=lambda: True, docs_iter=lambda: [Document("d", "Water", "is life.")])
    found = {"wikiclir/sw": whole, "bare": bare, "other": other}
    monkeypatch.setitem(sys.modules, "ir_datasets", SimpleNamespace(load=found.__getitem__))
    data = reading.read("ir_datasets", "wikiclir/sw", "en")
    assert reading.read("ir_datasets", "wikiclir/sw", "en", documents="other") == replace(
        data, passages={"d": "Water is life."}
    )
    assert data == Collection("wikiclir/sw", "en", {"d": "Maji ni uhai."}, {"q": "It is life."}, {"q": {"d": 2}})
    with pytest.raises(InputError, match="without queries and qrels"):
        reading.read("ir_datasets", "bare", "en")
    with pytest.raises(InputError, match="expected a name of"):
        reading.read("ir_datasets", "nothing", "en")
