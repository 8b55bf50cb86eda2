"""An index in a file: the same as in memory, larger than memory, and never half of one."""

import copy
import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from optical_lite import index as module
from optical_lite import retrieval, safe_files
from optical_lite.datasets import pocket
from optical_lite.encoder import Encoder
from optical_lite.index import PassageIndex, content_lengths
from optical_lite.kernels.index_file import writing
from optical_lite.provenance import model_record
from optical_lite.settings import InputError, get


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


@pytest.fixture(scope="module")
def passages():
    return {**dict(list(pocket.passages().items())[:40]), "none": ""}


@pytest.fixture(scope="module")
def built(teacher, passages):
    return PassageIndex.build(teacher, passages)


@pytest.fixture
def path(built, tmp_path):
    return built.save(tmp_path / "index.safetensors")


def same(a, b):
    return a.ids == b.ids and torch.equal(a.vectors, b.vectors) and torch.equal(a.lengths, b.lengths)


def test_a_file_is_the_index_in_memory(teacher, passages, built, tmp_path, path):
    assert same(PassageIndex.build(teacher, passages, path=tmp_path / "new" / "a.safetensors"), built)
    assert same(PassageIndex.load(path), built)
    assert built.lengths.tolist() == sorted(content_lengths(teacher, list(passages.values()))[0])
    assert built.ids[0] == "none"
    one = teacher.encode([passages["none"], passages[built.ids[7]]])
    begin = int(built.lengths[:7].sum())
    expected = one.vectors[1][one.mask[1]]
    torch.testing.assert_close(built.vectors[begin : begin + len(expected)].float(), expected.cpu(), atol=2e-2, rtol=0)


def test_chunks_change_nothing(teacher, passages, built, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    found = PassageIndex.build(teacher, passages)
    assert found.ids == built.ids
    torch.testing.assert_close(found.vectors, built.vectors, atol=2e-2, rtol=0)


def test_safetensors_reads_it_and_it_reads_safetensors(built, path, tmp_path):
    theirs = load_file(path)
    assert torch.equal(theirs["vectors"], built.vectors)
    assert torch.equal(theirs["lengths"], built.lengths)
    save_file(theirs, tmp_path / "theirs", metadata={"ids": json.dumps(built.ids)})
    assert same(PassageIndex.load(tmp_path / "theirs"), built)
    empty = PassageIndex([], torch.zeros(0, 4).half(), torch.zeros(0, dtype=torch.long))
    assert same(PassageIndex.load(empty.save(tmp_path / "empty")), empty)


def test_search_in_shards_gives_the_same_run(teacher, built, path, monkeypatch):
    questions = dict(list(pocket.collection("sw").translations.items())[:9])
    whole = retrieval.search(built, teacher, questions, k=10)
    assert retrieval.search(PassageIndex.load(path), teacher, questions, k=10) == whole
    monkeypatch.setattr(retrieval, "SHARD", 9 * 6)  # six passages at a time
    parts = retrieval.search(PassageIndex.load(path), teacher, questions, k=10)
    for query, ranking in whole.items():
        assert [p for p, _ in parts[query]] == [p for p, _ in ranking]
        assert [s for _, s in parts[query]] == pytest.approx([s for _, s in ranking], abs=1e-4)
    assert [len(shard.ids) for shard in built.shards(16)] == [16, 16, 9]
    assert torch.equal(torch.cat([shard.vectors for shard in built.shards(16)]), built.vectors)
    for wrong in (0, -3, 2.5):
        with pytest.raises(InputError, match=f"^passages: got {wrong}, expected a whole number from 1"):
            list(built.shards(wrong))


@pytest.mark.parametrize("shard", [1, retrieval.SHARD])
def test_ties_at_the_cut_are_kept_between_shards_too(teacher, monkeypatch, shard):
    same_words = PassageIndex.build(teacher, dict.fromkeys("dbca", "The same words.") | {"e": "Other things entirely!"})
    monkeypatch.setattr(retrieval, "SHARD", shard)
    (ranking,) = retrieval.search(same_words, teacher, {"q": "the same words"}, k=2).values()
    assert [name for name, _ in ranking] == ["a", "b", "c", "d"]
    assert len({score for _, score in ranking}) == 1


def test_interruption_leaves_nothing(teacher, passages, built, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(module, "_encoded", stop)
    with pytest.raises(KeyboardInterrupt):
        PassageIndex.build(teacher, passages, path=tmp_path / "index.safetensors")
    assert list(tmp_path.iterdir()) == []
    old = built.save(tmp_path / "index.safetensors")
    with pytest.raises(KeyboardInterrupt):
        PassageIndex.build(teacher, passages, path=old)
    assert list(tmp_path.iterdir()) == [old]
    assert same(PassageIndex.load(old), built)


def test_a_broken_file_says_what_is_wrong(built, path, tmp_path, monkeypatch):
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    for name, content, text in (
        ("short", whole[:-100], f"got {len(whole) - 100:,} bytes that are no whole index"),
        ("long", whole + b"x", f"got {len(whole) + 1:,} bytes that are no whole index"),
        ("half a header", whole[: header // 2], "no whole index"),
        ("empty", b"", "got 0 bytes that are no whole index"),
        ("text", b"not an index at all, but text of some length", "no whole index"),
        ("other sum", whole[: 8 + header] + b"\x01" + whole[9 + header :], "lengths that do not ascend"),
    ):
        bad = tmp_path / name
        bad.write_bytes(content)
        with pytest.raises(InputError, match=text):
            PassageIndex.load(bad)
    save_file({"vectors": built.vectors}, tmp_path / "foreign")
    with pytest.raises(InputError, match="expected a safetensors file with ids, lengths and vectors"):
        PassageIndex.load(tmp_path / "foreign")
    with pytest.raises(InputError, match="got no such file"):
        PassageIndex.load(tmp_path / "nowhere")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(safe_files.os, "posix_fallocate", full, raising=False)
    with pytest.raises(InputError, match="full: got no room"):
        built.save(tmp_path / "full")
    assert not (tmp_path / "full").exists()


def rewritten(path, change):
    """An index file with another header."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h["vectors"].pop("shape"),
        lambda h: h["vectors"].update(data_offsets=[]),
        lambda h: h["vectors"].update(dtype="F32"),
        lambda h: h["vectors"].update(dtype="BF16"),
        lambda h: h["lengths"].update(dtype="F64"),
        lambda h: h["vectors"].update(shape=[-1, 384]),
        lambda h: h["vectors"].update(shape=[*h["vectors"]["shape"][::-1], 1]),
        lambda h: h["lengths"].update(shape=[41, 1]),
        lambda h: h["__metadata__"].update(ids="["),
        lambda h: h["__metadata__"].update(ids="[" * 5000),
        lambda h: h["__metadata__"].update(ids="7"),
        lambda h: h["__metadata__"].update(ids=json.dumps(list(range(41)))),
        lambda h: h["__metadata__"].update(ids=json.dumps(["same"] * 41)),
        lambda h: h["__metadata__"].update(cut="many"),
        lambda h: h["__metadata__"].pop("ids"),
        lambda h: h.pop("__metadata__"),
        lambda h: h.pop("lengths"),
    ],
)
def test_a_changed_header_is_one_line(path, change):
    rewritten(path, change)
    with pytest.raises(InputError) as error:
        PassageIndex.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_negative_length_is_refused(tmp_path):
    index = PassageIndex(["a", "b"], torch.ones(4, 8).half(), torch.tensor([-1, 5]))
    with pytest.raises(InputError, match="lengths that do not ascend from 0"):
        PassageIndex.load(index.save(tmp_path / "index"))


def test_vectors_that_are_no_numbers_lose_no_line_silently(teacher, built, path):
    questions = {"q": "water"}
    assert len(retrieval.search(PassageIndex.load(path), teacher, questions, 50)["q"]) == 41
    broken = built.vectors.clone()
    broken[5] = torch.nan
    place = PassageIndex(built.ids, broken, built.lengths).save(path)
    with pytest.raises(InputError, match="got scores that are no finite numbers"):
        retrieval.search(PassageIndex.load(place), teacher, questions, 50)


def test_an_encoder_without_finite_vectors_builds_no_index(teacher, passages, tmp_path):
    wrong = copy.deepcopy(teacher)
    wrong.embedding[wrong.tokenizer.token_to_id("water")] = torch.inf
    with pytest.raises(InputError, match=r"vectors from .* that are no finite numbers"):
        PassageIndex.build(wrong, passages, path=tmp_path / "index")
    assert list(tmp_path.iterdir()) == []


def test_an_index_knows_how_much_was_read(teacher, tmp_path):
    texts = {"long": "clean water " * 30, "fits": "water " * 18, "short": "water"}  # 62, 20 and 3 tokens
    for made, cut in ((teacher.reading_to(20), 1), (teacher.reading_to(19), 2), (teacher, 0)):
        index = PassageIndex.build(made, texts, path=tmp_path / str(cut))
        assert (index.max_length, index.cut) == (made.max_length, cut)
        assert max(index.lengths.tolist()) == min(made.max_length, 62) - 2
        assert PassageIndex.cached(made, texts).cut == PassageIndex.cached(made, texts).cut == cut
    assert teacher.max_length == 256


def test_texts_are_told_apart_by_ids_and_words():
    texts = {"a": "x", "b": "y"}
    assert module.hash_texts(texts) == module.hash_texts(dict(reversed(texts.items())))
    others = [{"a": "y", "b": "x"}, {"a": "x"}, {"a": "x", "b": "y "}, {"a": "x", "by": ""}]
    assert len({module.hash_texts(one) for one in [texts, *others]}) == 5


SEARCH = """
import resource, sys, torch
from pathlib import Path
from optical_lite import retrieval
from optical_lite.encoder import TokenBatch
from optical_lite.index import PassageIndex

def status(name):
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) // 1024

q = torch.load(sys.argv[2])
batch = TokenBatch(q, torch.ones(q.shape[:2], dtype=torch.bool), None, [])
small = PassageIndex(["a"], torch.ones(4, q.shape[2]).half(), torch.tensor([4]))
retrieval.score(small, batch)  # what is loaded and measured once
limit = (status("VmData") + 96) << 20  # private memory of this process, maps that can be written to included
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
before = status("RssAnon")
scores = retrieval.score(PassageIndex.load(sys.argv[1]), batch)
torch.save(scores, sys.argv[3])
print(status("RssAnon") - before)
from safetensors.torch import load_file
try:
    load_file(sys.argv[1])
except (RuntimeError, MemoryError, OSError):
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of private memory is Linux's")
def test_an_index_larger_than_memory_is_searched(tmp_path):
    draw = torch.Generator().manual_seed(0)
    lengths = torch.full((6250,), 160)
    queries = torch.nn.functional.normalize(torch.randn(1, 8, 128, generator=draw), dim=-1)
    expected = []
    with writing(tmp_path / "big", [str(i) for i in range(6250)], lengths, 128) as put:
        for start in range(0, 6250, 250):
            vectors = torch.nn.functional.normalize(torch.randn(40_000, 128, generator=draw), dim=-1).half()
            put(160 * start, vectors)
            expected.append((vectors.float() @ queries[0].T).view(250, 160, 8).amax(1).sum(1))
    assert (tmp_path / "big").stat().st_size > 256_000_000
    torch.save(queries, tmp_path / "q")
    line = [sys.executable, "-c", SEARCH, *(str(tmp_path / name) for name in ("big", "q", "scores"))]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    growth, refused = done.stdout.split()
    assert int(growth) < 64  # MiB, of a file of 256 MB
    assert refused == "refused"  # the usual reader does not fit into the same limit
    torch.testing.assert_close(torch.load(tmp_path / "scores")[0], torch.cat(expected), atol=5e-2, rtol=0)


@pytest.mark.parametrize("lengths", [[2**62] * 4, [2**63 - 1, -(2**63), 1], [-(2**63), 2**63 - 1, 1]])
def test_lengths_that_go_round_are_refused(tmp_path, lengths):
    tensors = {"lengths": torch.tensor(lengths), "vectors": torch.zeros(0, 8).half()}
    ids = json.dumps([str(n) for n in range(len(lengths))])
    save_file(tensors, tmp_path / "index.safetensors", {"ids": ids})
    with pytest.raises(InputError, match="lengths that do not ascend from 0, or whose sum is not 0"):
        PassageIndex.load(tmp_path / "index.safetensors")


@pytest.mark.parametrize("change", ["settings", "tokenizer"])
def test_the_cache_tells_encoders_of_the_same_weights_apart(tiny, number_type, tmp_path, change):
    """A tokenizer or a setting that is mended in a model's folder is another encoder."""
    texts = {"a": "water is life", "b": "the river and the road"}
    first = Encoder.load(tiny.save(tmp_path / "tiny"))
    place = tmp_path / "tiny" / ("config.json" if change == "settings" else "tokenizer.json")
    found = json.loads(place.read_text())
    if change == "settings":
        found["layer_norm_eps"] = 0.5
    else:
        rows = found["model"]["vocab"]
        names = {row: name for name, row in rows.items()}
        turned = "water", names[rows["water"] + 1]
        rows[turned[0]], rows[turned[1]] = rows[turned[1]], rows[turned[0]]
    place.write_text(json.dumps(found))
    second = Encoder.load(tmp_path / "tiny")
    assert model_record(first)["sha256"] == model_record(second)["sha256"]
    old, new = (PassageIndex.cached(each, texts) for each in (first, second))
    assert torch.equal(new.vectors, PassageIndex.build(second, texts).vectors)
    assert not torch.equal(old.vectors, new.vectors)


def flip(place):
    content = bytearray(place.read_bytes())
    content[-40] ^= 1
    place.write_bytes(content)


def renamed(place):
    place.write_bytes(place.read_bytes().replace(b'"a', b'"z', 1))


def of_another(place):
    """The cached index of other texts, with what is told of it."""
    for mine in place.parent.glob("*.safetensors"):
        if mine != place:
            place.write_bytes(mine.read_bytes())
            place.with_suffix(".sha256").write_bytes(mine.with_suffix(".sha256").read_bytes())


def a_folder(place):
    place.unlink()
    place.mkdir()


def a_pipe(place):
    place.unlink()
    os.mkfifo(place)


def a_link(place):
    place.unlink()
    place.symlink_to(place.with_name("elsewhere"))


DAMAGE = [flip, renamed, of_another, a_folder, a_pipe, a_link, lambda place: place.write_bytes(b"")]


@pytest.mark.parametrize("scorer", module.SCORERS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_cached_index_that_was_changed_is_made_again(teacher, tmp_path, monkeypatch, damage, scorer):
    monkeypatch.setattr(module, "get", lambda: replace(get(), cache=tmp_path))
    texts = {"a": "water is life", "b": "the river and the road"}
    PassageIndex.cached(teacher, {"c": "a road", "d": "water"}, scorer=scorer)
    others = set(tmp_path.rglob("*.safetensors"))
    before = PassageIndex.cached(teacher, texts, scorer=scorer)
    ids, vectors = before.ids, before.vectors.clone()
    (place,) = set(tmp_path.rglob("*.safetensors")) - others
    damage(place)
    after = PassageIndex.cached(teacher, texts, scorer=scorer)
    assert (after.ids, place.is_file(), place.is_symlink()) == (ids, True, False)
    assert torch.equal(after.vectors, vectors)
    assert not place.with_name("elsewhere").exists()
