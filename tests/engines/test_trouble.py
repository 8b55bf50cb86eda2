"""What goes wrong with an engine is one line, before hours of work: no server, a spoilt folder, another's points."""

import json
import shutil
from dataclasses import replace

import pytest

from optical_lite.cli import index_folders
from optical_lite.cli.main import main
from optical_lite.datasets import pocket
from optical_lite.engines import qdrant, stores
from optical_lite.index import PassageIndex
from optical_lite.settings import InputError

DATA = pocket.collection("sw")


@pytest.fixture(scope="module")
def encoder(tiny, number_type):
    return tiny


@pytest.fixture(scope="module")
def loaded(encoder, tmp_path_factory):
    """A model, an index in a folder's engine, and one as large of other texts under the same ids."""
    pytest.importorskip("qdrant_edge")
    place = tmp_path_factory.mktemp("loaded")
    encoder.save(place / "tiny")
    model = encoder.load(place / "tiny")
    index_folders.make(place / "index", DATA, model, None, False, engine="folder")
    texts = dict(zip(DATA.passages, reversed(DATA.passages.values()), strict=True))
    index_folders.make(place / "other", replace(DATA, passages=texts), model, None, False, engine="folder")
    return place, model


@pytest.fixture
def copied(loaded, tmp_path):
    return shutil.copytree(loaded[0] / "index", tmp_path / "index")


def recorded(index, **change):
    place = index / "index.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), **change}))


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


URLS = ["http://127.0.0.1:9", "foo://x", "http://127.0.0.1:99999", "http://[::1", "http://", "://"]


@pytest.mark.parametrize("url", URLS)
def test_a_server_that_cannot_be_asked_is_one_line_before_anything_is_encoded(
    loaded, copied, tmp_path, capsys, monkeypatch, url
):
    pytest.importorskip("qdrant_client")
    monkeypatch.setattr(PassageIndex, "build", lambda *_: pytest.fail("encoded"))
    recorded(copied, engine="server", files={})
    where = f"--collection pocket --lang sw --model {loaded[0]}/tiny --quiet --engine {url}"
    for line in ("index {} --out {}/made", f"search --system encoder {{}} --index {copied} --out {{}}/a.run"):
        capsys.readouterr()
        assert main(line.format(where, tmp_path).split()) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert f"{url}: got " in said
        assert "expected a Qdrant server; check its URL" in said
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_a_collection_that_is_there_is_not_written_to(server, tmp_path):
    pytest.importorskip("qdrant_client")
    with pytest.raises(InputError, match="got a collection 'passages' that is there, expected a new one"):
        qdrant.need(server[0], tmp_path, "passages")


def test_the_collection_of_another_index_is_refused(server, loaded, copied):
    pytest.importorskip("qdrant_client")
    recorded(copied, engine="server", files={}, name="passages", points=2)
    with pytest.raises(InputError, match="got the engine of another index, expected its own; index anew"):
        index_folders.open_index(copied, DATA, loaded[1], where=server[0])


def test_an_answer_without_ids_is_one_line(server, replies):
    pytest.importorskip("qdrant_client")
    points = [{"id": 1, "version": 0, "score": 1.0}]
    replies["/collections/passages/points/query"] = {"result": {"points": points}}
    with pytest.raises(InputError, match=r"http://127.0.0.1:\d+: got TypeError: .*, expected a Qdrant server"):
        qdrant.Server(server[0], "passages").best([[1.0]], [1.0], 1, 0, {})


def gone(engine):
    shutil.rmtree(engine)


def empty(engine):
    gone(engine)
    engine.mkdir()


def cut(engine):
    half(max(engine.rglob("*.mmap")))


def turned(engine):
    """Other vectors, as large."""
    place = next(engine.rglob("vector_storage-tokens/vectors/chunk_0.mmap"))
    place.write_bytes(bytes(byte ^ 128 for byte in place.read_bytes()))


def without_json(engine):
    for path in engine.rglob("*.json"):
        path.write_text("{}")


def swapped(engine):
    gone(engine)
    shutil.copytree(engine.parents[1] / "other", engine)


@pytest.mark.parametrize("spoil", [gone, empty, cut, turned, without_json, swapped])
def test_a_spoilt_folder_is_one_line(loaded, copied, tmp_path, spoil):
    shutil.copytree(loaded[0] / "other" / "engine", tmp_path / "other")  # for swapped
    spoil(copied / "engine")
    with pytest.raises(InputError, match=r"index: got another engine/segments/.*, or none, expected what its"):
        index_folders.open_index(copied, DATA, loaded[1])
    recorded(copied, files={})
    told = {swapped: "index: got the engine of another index, expected its own"}
    if spoil not in (cut, turned):  # which Qdrant Edge takes as they are
        with pytest.raises(InputError, match=told.get(spoil, "engine: got Exception: .*, expected an engine that was")):
            index_folders.open_index(copied, DATA, loaded[1])


def test_a_panic_of_the_engine_is_one_line(copied):
    half(next(copied.rglob("vectors/status.dat")))
    with pytest.raises(InputError, match=r"index/engine: got PanicException: .*, expected an engine that was loaded"):
        qdrant.Folder(copied / "engine")


def test_an_index_in_an_engine_has_no_vectors_to_load(loaded, copied, tmp_path):
    with pytest.raises(InputError, match="index: got an index in an engine, expected one that holds vectors"):
        index_folders.make(tmp_path / "made", DATA, loaded[1], None, False, copied, "folder")


def test_a_passage_that_is_not_in_the_collection_is_refused(loaded, copied, tmp_path):
    more = replace(DATA, passages={**DATA.passages, "more": "words"})
    with pytest.raises(InputError, match="index: got an index of pocket"):
        index_folders.open_index(copied, more, loaded[1])
    engine = qdrant.Engine(qdrant.Folder(copied / "engine"), list(DATA.passages)[1:])
    question = loaded[1].encode([next(iter(DATA.passages.values()))])
    with pytest.raises(InputError, match=r"engine: got the passage .*, expected one of the passages; index anew"):
        engine.rank(question, len(DATA.passages))


def part(encoder, passages=3):
    return PassageIndex.build(encoder, dict(list(DATA.passages.items())[:passages]))


@pytest.fixture
def impatient(monkeypatch):
    """No pause between attempts; requests of one passage each."""
    pytest.importorskip("qdrant_client")
    monkeypatch.setattr(stores, "PAUSES", (0, 0))
    monkeypatch.setattr(stores, "NUMBERS", 1)


def test_a_busy_server_is_asked_again(server, replies, encoder, impatient):
    url, asked = server
    points = "/collections/passages/points"
    replies |= {"trouble": [503, 429, 200, 502], "troubled": {points}}
    replies[points] = {"result": {"operation_id": 1, "status": "completed"}, "status": "ok", "time": 0.0}
    replies[f"{points}/count"] = {"result": {"count": 3}, "status": "ok", "time": 0.0}
    assert qdrant.load(part(encoder), qdrant.Server(url, "passages")) == 3
    sent = [[point["id"] for point in body["points"]] for path, _, body in asked if path == points]
    assert sent == [[0], [0], [0], [1], [1], [2]]
    replies |= {"trouble": [503], "troubled": {f"{points}/query"}}
    assert [name for name, _ in qdrant.Server(url, "passages").best([[1.0]], [1.0], 2, 0, {})] == ["b", "a"]


@pytest.mark.parametrize(
    ("trouble", "count", "said"),
    [([503] * 9, 3, "got UnexpectedResponse"), ([413], 3, "got Unexp"), ([], 2, "got 2 passages after 3 were sent")],
)
def test_a_load_that_fails_or_loses_passages_leaves_no_collection(
    server, replies, encoder, impatient, trouble, count, said
):
    url, asked = server
    points = "/collections/passages/points"
    replies |= {
        "trouble": [*trouble],
        "troubled": {points},
        points: {"result": {"operation_id": 1, "status": "completed"}},
    }
    replies[f"{points}/count"] = {"result": {"count": count}, "status": "ok", "time": 0.0}
    with pytest.raises(InputError, match=said):
        qdrant.load(part(encoder), qdrant.Server(url, "passages"))
    assert asked[-1][0] == "/collections/passages"
