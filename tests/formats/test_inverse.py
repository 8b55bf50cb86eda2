"""Reading and writing are inverse: what is written reads back the same or is refused; any bytes are read or refused."""

import contextlib
import gzip
import json
import math
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optical_lite.alignment import linking
from optical_lite.corpora import Collection
from optical_lite.datasets import pocket, reading
from optical_lite.formats import lines, msmarco, own, sgml, topics, trec, xglue, xor_tydi
from optical_lite.formats.collect import check_written
from optical_lite.settings import InputError

WHOLE = st.characters(exclude_categories=("Cs",))
TEXTS = st.text(WHOLE, max_size=40) | st.sampled_from(
    ["", " ", "\n", "<b>maji</b>", "a &amp; b", "</DOC>", "</top>", "description: x", "topic: x", "number: 7",
     "title: t",
     "<!-- x -->", "  two  blanks ", "\tb\r\n", '"quoted"', "\x00", "\x85\u2028", "&#13;", "<num>9", "]]>", "\ufeff"]
)  # fmt: skip
NAMES = st.text(WHOLE, max_size=6) | st.sampled_from(
    ["a b", "<b>", "a&amp;b", '"', "\ufeffx", "7", "07", "C7", "\xa0", "-", "score"]
)
HONEST = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=6)


@pytest.fixture(scope="module", autouse=True)
def place():
    """A folder; waiting for the disk, thousands of times, is no part of what is asked here."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr("os.fsync", lambda opened: None)
        yield Path(folder)


@st.composite
def collections(draw, names=NAMES, texts=TEXTS, questions=TEXTS):
    passages = draw(st.dictionaries(names, texts, min_size=1, max_size=4))
    queries = draw(st.dictionaries(names, questions, min_size=1, max_size=3))
    some = st.dictionaries(st.sampled_from([*passages]), st.integers(-2, 4), max_size=3)
    qrels = {query: draw(some) | {draw(st.sampled_from([*passages])): 1} for query in queries}
    translations = draw(st.dictionaries(st.sampled_from([*queries]), questions, max_size=3))
    flags = draw(st.dictionaries(st.sampled_from([*queries]), st.lists(names, max_size=2), max_size=2))
    return Collection(
        "toy", draw(st.sampled_from(["sw", "en", "zh-Hant"])), passages, queries, qrels, translations, flags
    )


def again(kind: str, data: Collection, place: Path) -> Collection:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        return reading.read(kind, reading.write(kind, data, Path(folder) / data.name), data.lang)


@pytest.mark.parametrize("kind", ["beir", "trec"])
@settings(max_examples=120)
@given(data=collections())
def test_a_collection_reads_back_as_it_was_or_is_refused(kind, data, place):
    try:
        found = again(kind, data, place)
    except InputError:
        return
    if (kind, data.lang) == ("trec", "en"):  # English questions are their own translations and written once
        data = replace(data, translations={})
    assert found == data


@pytest.mark.parametrize("kind", ["beir", "trec"])
@settings(max_examples=80)
@given(data=collections(HONEST, TEXTS, TEXTS.filter(str.strip)))
def test_honest_ids_are_never_refused_whatever_the_texts(kind, data, place):
    data = replace(data, lang="sw", flags={})
    assert again(kind, data, place) == data


@settings(max_examples=400)
@given(text=st.text(WHOLE, max_size=60) | TEXTS)
@example("&" + "#" * 3 + "9" * 5000)
@example("&#" + "9" * 5000 + ";")
def test_marked_up_text_is_the_same_as_plain_text(text):
    assert sgml.plain(sgml.marked_up(text)) == text
    assert sgml.elements(f"<TEXT>\n{sgml.marked_up(text)}\n</TEXT>", ("TEXT",)) == [text]


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\t\r\ufeff"), min_size=1, max_size=12)


@settings(max_examples=80)
@given(rows=st.lists(st.tuples(CELLS.filter(str.strip), CELLS.filter(str.strip)), min_size=1, max_size=5))
def test_pairs_and_texts_read_as_they_stand(rows, place):
    text = "".join(f"{left}\t{right}\n" for left, right in rows)
    (place / "x.tsv").write_bytes(text.encode())
    with gzip.open(place / "x.tsv.gz", "wb") as file:
        file.write(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert own.read_bitext(place / "x.tsv", "sw").pairs == tuple(rows) == tuple(own.pairs(place / "x.tsv.gz"))


@settings(max_examples=100)
@given(rows=st.dictionaries(HONEST, CELLS, min_size=1, max_size=5))
def test_a_table_of_texts_reads_as_it_stands(rows, place):
    (place / "texts.tsv").write_bytes("".join(f"{name}\t{text}\n" for name, text in rows.items()).encode())
    assert msmarco.texts(place / "texts.tsv") == rows


@given(found=st.sets(st.tuples(st.integers(0, 999_999), st.integers(0, 999_999)), max_size=6))
def test_links_read_back(found):
    assert linking.from_pharaoh(linking.to_pharaoh(found)) == (found, set())


NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(WHOLE, max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(WHOLE, max_size=4), inner, max_size=3),
)


@given(value=JSON, ascii_only=st.booleans())
def test_json_reads_back(value, ascii_only):
    assert lines.parse_json(json.dumps(value, ensure_ascii=ascii_only), "toy") == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deep"),
        ('["\\ud83d"]', "half of a surrogate pair"),
        ("[NaN]", "NaN is no finite number"),
        ("[-Infinity]", "no finite number"),
        ("[1e400]", "no finite number"),
        ("[" + "7" * 5_000 + "]", "4300"),
        ('{"id": "p", "id": "r"}', "'id' stands twice"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_none_is_refused(text, said):
    with pytest.raises(InputError, match=said):
        lines.parse_json(text, "toy, line 3")


def test_a_whole_pair_of_surrogates_is_a_character():
    assert lines.parse_json('["\\ud83d\\ude00"]', "toy") == ["😀"]


READERS = {
    "lines": lambda path: [*lines.lines(path)],
    "latin": lambda path: [*lines.lines(path, "iso-8859-1")],
    "utf-16": lambda path: lines.read_text(path, "utf-16"),
    "big5": lambda path: lines.read_text(path, "big5"),
    "pairs": lambda path: [*own.pairs(path)],
    "documents": trec.read_documents,
    "topics": topics.read_topics,
    "qrels": trec.read_qrels,
    "run": trec.read_run,
    "texts": msmarco.texts,
    "triples": lambda path: [*msmarco.triples(path)],
    "questions": xor_tydi.read_questions,
    "answers": xor_tydi.read_predictions,
    "task": lambda path: xglue.read(path, task="wpr"),
    "values": lambda path: xglue.read_predictions(path, "qam"),
}


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(name, content, place):
    refused = []
    for end in ("bytes", "bytes.gz"):
        path = place / f"any.{end}"
        path.write_bytes(content if end == "bytes" else gzip.compress(content, mtime=0))
        try:
            READERS[name](path)
        except InputError as error:
            refused.append(str(error))
    assert all(map(str.isprintable, refused))


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused(name, tmp_path):
    for path in (tmp_path, tmp_path / "none", tmp_path / ("x" * 5_000), Path("a\0b"), tmp_path / "none" / "none"):
        with pytest.raises(InputError) as error:
            READERS[name](path)
        assert len(str(error.value)) < 900
        assert str(error.value).isprintable()


NONE = ["punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf-7", "hex", "rot13", "zip", "undefined", ""]


@pytest.mark.parametrize("encoding", [*NONE, "a\0b", "klingon", "a" * 999, "utf-8\ud800"])
def test_what_is_no_character_set_is_refused(encoding, tmp_path):
    (tmp_path / "x.tsv").write_text("maji\twater\n")
    with pytest.raises(InputError):
        list(lines.lines(tmp_path / "x.tsv", encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf_16", "utf-32", "iso-8859-1", "cp1252", "big5", "shift_jis"])
def test_character_sets_are_read(encoding, tmp_path):
    (tmp_path / "x.tsv").write_bytes("maji\twater\r\nmoto\tfire".encode(encoding))
    assert [*lines.lines(tmp_path / "x.tsv", encoding)] == ["maji\twater", "moto\tfire"]


@pytest.mark.parametrize("unit", [b"\n", b"a", b"maji\twater\n", b"[", b"0-0 "])
def test_a_bomb_is_refused_in_little_memory(unit, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "PACKED", 2**18)
    path = tmp_path / "bomb.tsv.gz"
    path.write_bytes(gzip.compress(unit * (2**22 // len(unit)), mtime=0))
    for read in (own.pairs, READERS["answers"], lines.lines):
        tracemalloc.start()
        with pytest.raises(InputError):
            for _ in read(path):
                pass
        grown = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert grown < 2**23


def test_a_small_packed_file_of_many_objects_is_refused(tmp_path):
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(b"[" + b'{"":0},' * (2**24 // 7) + b"0]", mtime=0))
    assert path.stat().st_size < 2**15
    with pytest.raises(InputError, match="more than 8,388,608 bytes unpacked"):
        xor_tydi.read_predictions(path)


def test_text_that_packs_well_is_read(tmp_path):
    text = "".join(f"{n}\tMaji safi ni muhimu kwa afya ya watu wote.\n" for n in range(20_000))
    with gzip.open(tmp_path / "x.tsv.gz", "wt") as file:
        file.write(text)
    assert len(text) / (tmp_path / "x.tsv.gz").stat().st_size > 8
    assert len(msmarco.texts(tmp_path / "x.tsv.gz")) == 20_000


def test_an_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 1000)
    monkeypatch.setattr(trec, "LONGEST", 1000)
    (tmp_path / "x.tsv").write_text("maji\twater\n" + "x" * 1001 + "\n")
    with pytest.raises(InputError, match="line 2: got more than 1,000 characters"):
        list(lines.lines(tmp_path / "x.tsv"))
    (tmp_path / "x.sgml").write_text("<DOC>" + "x\n" * 600)
    with pytest.raises(InputError, match="without </DOC>"):
        trec.read_documents(tmp_path / "x.sgml")
    monkeypatch.setattr(lines, "LARGEST", 1000)
    with pytest.raises(InputError, match="expected a smaller file"):
        lines.read_text(tmp_path / "x.sgml")


@pytest.mark.parametrize(
    "unit", ["<TEXT>", "<!--", "<TEXT", "<top>", "</TEXT>", "<a ", "&#", "<num>", "</DOC>", "<DOC>"]
)
def test_markup_that_never_ends_is_read_in_proportion(unit, tmp_path):
    """What took time by the square of the length would not come back from these."""
    (tmp_path / "x.sgml").write_text(f"<DOC><DOCNO>d</DOCNO><TEXT>{unit * 200_000}</TEXT></DOC>\n")
    (tmp_path / "lines.sgml").write_text("<DOC><DOCNO>d</DOCNO></DOC>\n" + f"{unit}\n" * 50_000)
    (tmp_path / "topics.txt").write_text(f"<top><num>1<title>{unit * 200_000}</top>")
    for read, name in (
        (trec.read_documents, "x.sgml"),
        (trec.read_documents, "lines.sgml"),
        (topics.read_topics, "topics.txt"),
    ):
        with contextlib.suppress(InputError):
            read(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "**", "sw*", "s?", "[a]", "a\0", "x" * 99, "~"]
)
def test_names_never_become_paths(name, tmp_path):
    data = Collection("toy", name, {"p": "water"}, {"q": "maji"}, {"q": {"p": 1}})
    for call in (
        lambda: reading.write("trec", data, tmp_path / "out" / "deep"),
        lambda: reading.read("trec", tmp_path, name),
        lambda: msmarco.read(tmp_path, split=name),
    ):
        with pytest.raises(InputError):
            call()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["../../evil", "/evil", ".hidden", "wikiclir/sw", "a\nb", "", "मराठी", "x" * 999])
def test_a_collection_of_any_name_is_written_into_its_folder(name, tmp_path):
    data = Collection(name, "sw", {"p": "water"}, {"q": "maji"}, {"q": {"p": 1}})
    for kind in ("trec", "beir"):
        found = reading.read(kind, reading.write(kind, data, tmp_path / kind / "deep"), "sw")
        assert replace(found, name=name) == data
    assert {path.relative_to(tmp_path).parts[1] for path in tmp_path.rglob("*") if path.is_file()} == {"deep"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"passages": {"p": "x\ud800"}}, "half a character"),
        ({"passages": {"p\n": "x"}, "qrels": {"q": {"p\n": 1}}}, "id 'p.*line breaks"),
        ({"qrels": {"q": {"p": 1.5}}}, "got grade '1.5'"),
        ({"translations": {"r": "x"}}, "translation or flag of 'r'"),
        ({"queries": {"q": " "}}, "got no text"),
        ({"translations": {"q": ""}}, "got no text"),
        ({"lang": "en", "translations": {"q": "another"}}, "one English text each"),
        ({"flags": {"q": ["a b"]}}, "without blanks"),
    ],
)
def test_what_cannot_be_held_is_not_written(change, said, tmp_path):
    data = replace(Collection("toy", "sw", {"p": "water"}, {"q": "maji"}, {"q": {"p": 1}}), **change)
    for kind in ("trec", "beir"):
        if kind == "beir" and said in ("one English text each", "without blanks"):  # which it holds
            assert again(kind, data, tmp_path) == data
            continue
        with pytest.raises(InputError, match=said):
            reading.write(kind, data, tmp_path / kind)
        assert not (tmp_path / kind).exists()


def test_a_text_too_long_to_be_read_is_not_written(monkeypatch):
    monkeypatch.setattr("optical_lite.formats.collect.TEXT", 10)
    data = Collection("toy", "sw", {"p": "water, and more"}, {"q": "maji"}, {"q": {"p": 1}})
    with pytest.raises(InputError, match="got 15 characters, expected 10 at most"):
        check_written(data)


def test_pocket_is_written_and_read_in_every_language(tmp_path):
    for lang in ("en", *pocket.LANGUAGES):
        data = pocket.collection(lang)
        for kind in ("trec", "beir"):
            found = reading.read(kind, reading.write(kind, data, tmp_path / lang / kind / "pocket"), lang)
            assert found == (replace(data, translations={}) if (kind, lang) == ("trec", "en") else data)
            assert math.isfinite(sum(map(len, found.passages.values())))
