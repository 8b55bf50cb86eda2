"""An engine answers as our own index does: in a folder, on a server, and over recorded replies."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch

from optical_lite import retrieval
from optical_lite.cli import index_folders
from optical_lite.cli.main import main
from optical_lite.datasets import pocket
from optical_lite.engines import qdrant
from optical_lite.formats import trec
from optical_lite.index import PassageIndex
from optical_lite.settings import InputError

# a server in this process scores all points, whatever it is asked
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")
DATA = pocket.collection("sw")
STORES = {"folder": "qdrant_edge", "server": "qdrant_client"}
NEAR = {"float32": 1e-3, "bf16": 0.15}  # a score is some 20; in bf16 it is our own that is rounded
LANGS = {name: {"lang": "sw" if i % 3 else "so"} for i, name in enumerate(sorted(DATA.passages))}


@pytest.fixture(scope="module")
def encoder(tiny, number_type):
    return tiny


@pytest.fixture(scope="module")
def built(encoder):
    return PassageIndex.build(encoder, {**DATA.passages, "empty": ""})


@pytest.fixture(scope="module", params=STORES)
def store(request, built, tmp_path_factory):
    pytest.importorskip(STORES[request.param])
    width = built.vectors.shape[1]
    place = tmp_path_factory.mktemp("engine") / "shard"
    made = qdrant.Folder(place, width) if request.param == "folder" else qdrant.Server(":memory:", "passages", width)
    assert qdrant.load(built, made, LANGS) == len(DATA.passages)  # the one without tokens is not among them
    if request.param == "folder":
        made.close()
        made = qdrant.Folder(place)
    yield made
    made.close()


@pytest.fixture(scope="module")
def expected(encoder, built):
    return retrieval.search(built, encoder, DATA.queries, 10)


def same(found, expected, number_type):
    near = NEAR[number_type]
    assert found.keys() == expected.keys()
    for query, ranking in expected.items():
        assert [score for _, score in found[query]] == pytest.approx([score for _, score in ranking[:10]], abs=near)
        clear = {name for name, score in ranking if score > ranking[9][1] + 2 * near}
        assert clear <= {name for name, _ in found[query]}


def test_all_passages_are_scored_as_ours_are(encoder, built, store, expected, number_type):
    same(retrieval.search(qdrant.Engine(store, built.ids), encoder, DATA.queries, 10), expected, number_type)


def test_candidates_of_a_first_stage_have_the_scores_of_maxsim(encoder, built, store, expected, number_type):
    many = qdrant.Engine(store, built.ids, candidates=len(built.ids))
    same(retrieval.search(many, encoder, DATA.queries, 10), expected, number_type)
    scores = {q: dict(r) for q, r in retrieval.search(built, encoder, DATA.queries, len(built.ids)).items()}
    few = retrieval.search(qdrant.Engine(store, built.ids, candidates=12), encoder, DATA.queries, 10)
    for query, ranking in few.items():
        assert len(ranking) == 10
        assert dict(ranking) == pytest.approx({name: scores[query][name] for name, _ in ranking}, abs=NEAR[number_type])
    assert few != expected


@pytest.mark.parametrize("candidates", [0, 100])
def test_a_filter_keeps_what_it_says(encoder, built, store, candidates):
    engine = qdrant.Engine(store, built.ids, candidates=candidates, only={"lang": "so"})
    for ranking in retrieval.search(engine, encoder, DATA.queries, 10).values():
        assert len(ranking) == 10
        assert {LANGS[name]["lang"] for name, _ in ranking} == {"so"}


def test_a_question_without_tokens_finds_nothing(encoder, built, store):
    assert retrieval.search(qdrant.Engine(store, built.ids), encoder, {"q": ""}) == {"q": []}


KILLED = """
import os, sys
from optical_lite.engines import qdrant, stores
from optical_lite.formats import trec
from optical_lite.cli.main import main
stores.POINTS, put, calls = 20, qdrant.Folder.put, []
def points(self, some):
    def until():
        for number, point in enumerate(some):
            if number == 100:
                os.kill(os.getpid(), 9)
            yield point
    put(self, until())
qdrant.Folder.put = points
main(sys.argv[1:])
"""


def test_a_killed_load_leaves_nothing_and_is_begun_again(encoder, number_type, tmp_path, capsys):
    pytest.importorskip("qdrant_edge")
    encoder.save(tmp_path / "tiny")
    where = f"--collection pocket --lang sw --model {tmp_path}/tiny --quiet"
    for number in (1, 2):
        assert main(f"index {where} --out {tmp_path}/shards --shard {number}/2".split()) == 0
    line = f"index {where} --index {tmp_path}/shards --engine folder --out {tmp_path}/index".split()
    done = subprocess.run([sys.executable, "-c", KILLED, *line], capture_output=True, env={**os.environ})
    assert done.returncode == -9, done.stderr
    assert not (tmp_path / "index").exists()
    assert main(line) == 0
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == ["engine", "index.json"]
    assert not list(tmp_path.glob(".*.part"))
    search = f"search --system encoder {where} --k 10 --ties all"
    for name in ("shards", "index"):
        assert main(f"{search} --index {tmp_path}/{name} --out {tmp_path}/{name}.run".split()) == 0
    runs = [trec.read_run(tmp_path / f"{name}.run") for name in ("shards", "index")]
    tops = [{query: ranking[0][1] for query, ranking in run.items()} for run in runs]
    assert tops[0] == pytest.approx(tops[1], abs=NEAR[number_type])
    shutil.copytree(tmp_path / "index", tmp_path / "copy")
    shutil.rmtree(tmp_path / "index")
    assert main(f"{search} --index {tmp_path}/copy --out {tmp_path}/copy.run".split()) == 0
    assert trec.read_run(tmp_path / "copy.run") == runs[1]
    (tmp_path / "copy").rename(tmp_path / "index")
    capsys.readouterr()
    assert main(f"{search} --index {tmp_path}/index --engine http://127.0.0.1:9 --out {tmp_path}/a.run".split()) == 2
    assert "got an index in a folder, expected --engine URL for a server" in capsys.readouterr().err
    place = tmp_path / "index" / "index.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "points": 7}))
    with pytest.raises(InputError, match="got 160 passages in its engine, expected 7; load anew"):
        index_folders.open_index(tmp_path / "index", DATA, encoder.load(tmp_path / "tiny"))


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_server_is_asked_by_its_url(server, number_type, monkeypatch):
    pytest.importorskip("qdrant_client")
    from optical_lite.encoder import TokenBatch

    url, asked = server
    monkeypatch.setenv("QDRANT_API_KEY", "secret")
    store = qdrant.Server(url, "passages")
    assert store.count() == 2
    vectors = torch.eye(2)[None]
    batch = TokenBatch(vectors, torch.tensor([[True, True]]), torch.zeros(1, 2, dtype=torch.long), [])
    engine = qdrant.Engine(store, ["a", "b"], candidates=50, only={"lang": "sw"})
    assert engine.rank(batch, 2) == [[("b", 1.75), ("a", 1.5)]]
    path, key, body = asked[-1]
    assert (path, key) == ("/collections/passages/points/query", "secret")
    assert (body["query"]["nearest"], body["using"], body["limit"]) == ([[1.0, 0.0], [0.0, 1.0]], "tokens", 2)
    first = body["prefetch"]
    assert (first["using"], first["limit"]) == ("mean", 50)
    assert first["query"] == pytest.approx([0.5**0.5] * 2)
    only = {"must": [{"key": "lang", "match": {"value": "sw"}}]}
    assert body["filter"] == first["filter"] == only
    store.close()


def test_what_is_missing_or_mistyped_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="got 'file', expected folder, or a Qdrant server's URL"):
        qdrant.store("file", tmp_path, "x")
    monkeypatch.setitem(sys.modules, "qdrant_edge", None)
    with pytest.raises(InputError, match=r"got no qdrant_edge.*pip install 'optical_lite\[engine\]'"):
        qdrant.store("folder", tmp_path, "x", 8)
