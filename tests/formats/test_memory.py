"""What a reader takes in takes memory in proportion to it, whatever it holds in many small parts."""

import json
import shutil
import tracemalloc

import pytest

from optical_lite import json_files
from optical_lite.datasets import reading
from optical_lite.formats import collect, sgml, topics, trec, xglue
from optical_lite.kernels import index_file, tensor_file
from optical_lite.settings import ROOT, InputError
from optical_lite.training import runs

OBJECTS = '{"":0},' * 4_000
QUERY = {"_id": "q", "text": "maji?"}
STEP = {"step": 1, "loss": 1.0, "seconds": 1.0}


def times(work, size):
    """How many times the size of an input its reader takes."""
    work()  # what is made once for all is no part of it
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / size
    finally:
        tracemalloc.stop()


def refused(work, *values):
    """A function that refuses its input."""

    def call():
        with pytest.raises(InputError):
            work(*values)

    return call


CASES = {
    "a.run": ("ab " * 100_000, trec.read_run),
    "b.qrels": ("ab\t" * 100_000, lambda path: collect.read_judgements(path, None, None)),
    "c.wpr": ("ab\t" * 100_000, lambda path: xglue.read(path, task="wpr")),
    "d.sgml": ("<DOC>" * 60_000 + "</DOC>\n", trec.read_documents),
    "e.sgml": ("ab\n" * 400_000 + "</DOC>\n", trec.read_documents),
    "f.txt": ("<top>" * 60_000 + "</top>", topics.read_topics),
    "g.txt": ("<top></top>" * 30_000, topics.read_topics),
    "h.txt": ("<top>" + "<con>" * 60_000 + "</top>", topics.read_topics),
    "i.txt": ("<top><num>1</num><title>a</title><flags>" + "ab " * 100_000 + "</flags></top>", topics.read_topics),
    "j.txt": ("query_id: 1\n" + "ab\n" * 400_000, topics.read_topics),
}


@pytest.mark.parametrize("name", CASES)
def test_a_text_of_many_parts_is_refused_before_they_are_kept(tmp_path, name):
    (text, read), path = CASES[name], tmp_path / name
    path.write_text(text)
    assert times(refused(read, path), len(text)) < 15


def test_blanks_merge_without_a_list_of_words():
    text = "ab\n" * 100_000
    assert times(lambda: sgml.plain(text), len(text)) < 5
    assert sgml.plain(" a \t\r\n\f  b   c ") == "a b c"


def many(record, count=40):
    """Lines of JSON, each with a field that nobody reads."""
    for n in range(1, count + 1):
        own = {**record, "step": n} if "step" in record else {**record, "_id": f"q{n}"}
        yield json.dumps(own)[:-1] + f',"x":[{OBJECTS}0]}}\n'


def test_fields_that_nobody_reads_are_not_kept(tmp_path):
    folder = shutil.copytree(ROOT / "data" / "samples" / "beir", tmp_path / "beir")
    asked, log = folder / "queries.jsonl", tmp_path / "log.jsonl"
    asked.write_text(asked.read_text(encoding="utf-8") + "".join(many(QUERY)), encoding="utf-8")
    log.write_text("".join(many(STEP)))
    for work, path in ((lambda: reading.read("beir", folder), asked), (lambda: runs.read_log(tmp_path), log)):
        assert times(work, path.stat().st_size) < 5
    assert runs.read_log(tmp_path)[1] == STEP | {"step": 2}


def test_json_of_many_parts_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(json_files, "MOST", 1_000)
    for part in ('{"":0},', "[],", "0,", '"ab",', '{"a":[{}]},'):
        text = f"[{part * 1_001}0]"
        assert times(refused(json_files.parse_json, text, "x"), len(text)) < 5
    value = ['\\"' + '[{,"' * 2_000, "\\" * 3] * 2
    assert json_files.parse_json(json.dumps(value), "x") == value
    assert json_files.parse_json("[0,0]", "x", 3) == [0, 0]
    with pytest.raises(InputError, match=r"x: got no JSON \(more than 2 parts\)"):
        json_files.parse_json("[[],0]", "x", 2)


@pytest.mark.parametrize("ids", ["[[]]", "[{}]", f"[{OBJECTS}0]"], ids=["list", "record", "records"])
def test_ids_of_an_index_are_a_flat_list(tmp_path, ids):
    place = tmp_path / "index.safetensors"
    tensors = {"lengths": ("I64", [0]), "vectors": ("F16", [0, 4])}
    place.write_bytes(tensor_file.head(tensors, {"ids": ids}))
    with pytest.raises(InputError, match=r"its ids: got no JSON \(more than 1 parts\)"):
        index_file.read(place)
