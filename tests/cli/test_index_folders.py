"""An index in shards is the whole index, whoever made its shards and whoever was killed."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest

from optical_lite import retrieval
from optical_lite.cli import index_folders
from optical_lite.cli.main import main
from optical_lite.datasets import pocket
from optical_lite.index import PassageIndex
from optical_lite.settings import InputError

DATA = pocket.collection("sw")


@pytest.fixture(scope="module")
def encoder(tiny, number_type):
    return tiny


@pytest.fixture(scope="module")
def three(encoder, tmp_path_factory):
    place = tmp_path_factory.mktemp("shards") / "index"
    for number in (3, 1, 2):
        index_folders.make(place, DATA, encoder, (number, 3), False)
    return place


@pytest.fixture
def copy(three, tmp_path):
    return shutil.copytree(three, tmp_path / "index")


def test_shards_answer_as_the_whole(encoder, three):
    found = index_folders.open_index(three, DATA, encoder)
    assert [len(part.ids) for part in found.parts] == [54, 53, 53]
    whole, run = (
        retrieval.search(index, encoder, DATA.queries, 10)
        for index in (PassageIndex.build(encoder, DATA.passages), found)
    )
    for query, ranking in whole.items():
        assert dict(run[query]) == pytest.approx(dict(ranking), abs=1e-4)
    assert found.cut == 0
    assert found.max_length == encoder.max_length


def test_a_shard_that_is_there_is_left_alone(encoder, copy, capsys, monkeypatch):
    monkeypatch.setattr(PassageIndex, "build", lambda *_: pytest.fail("encoded again"))
    record = index_folders.make(copy, DATA, encoder, (2, 3), False)
    assert capsys.readouterr().out == f"{copy}/shard_2_of_3: there already, 53 passages\n"
    assert record["sha256"] == json.loads((copy / "shard_2_of_3" / "index.json").read_text())["sha256"]
    with pytest.raises(InputError, match="got a shard with another passages_read_to, expected this one"):
        index_folders.make(copy, DATA, encoder.reading_to(9), (2, 3), False)
    vectors = copy / "shard_2_of_3" / "index.safetensors"
    vectors.write_bytes(vectors.read_bytes()[:-2] + b"ab")
    with pytest.raises(InputError, match="got a shard whose vectors have changed"):
        index_folders.make(copy, DATA, encoder, (2, 3), False)
    vectors.unlink()
    os.mkfifo(vectors)
    with pytest.raises(InputError, match=r"index\.safetensors: got something that is no file"):
        index_folders.make(copy, DATA, encoder, (2, 3), False)


def test_shards_that_do_not_fit_together_are_refused(encoder, copy):
    shutil.rmtree(copy / "shard_2_of_3")
    with pytest.raises(InputError, match="got shard_1_of_3, shard_3_of_3, expected all of one number"):
        index_folders.open_index(copy, DATA, encoder)
    index_folders.make(copy, DATA, encoder, (2, 3), False)
    index_folders.make(copy, DATA, encoder, (1, 2), False)
    with pytest.raises(InputError, match="got shard_1_of_2, shard_1_of_3, shard_2_of_3, shard_3_of_3"):
        index_folders.open_index(copy, DATA, encoder)
    shutil.rmtree(copy / "shard_1_of_2")
    place = copy / "shard_3_of_3" / "index.json"
    record = json.loads(place.read_text())
    for change, text in (
        ({"texts": "0"}, "got an index of pocket"),
        ({"encoder": {"name": "x", "sha256": "0"}}, "got an index by x, expected one by"),
        (
            {"precision": "bf16" if record["precision"] == "float32" else "float32"},
            "got an index of shards in .* and .*, expected one number type",
        ),
        ({"precision": "NaN"}, "shard_3_of_3/index.json: got precision 'NaN', expected one of float32, bf16"),
        ({"passages_read_to": 9}, "tokens of a passage"),
    ):
        place.write_text(json.dumps({**record, **change}))
        with pytest.raises(InputError, match=text):
            index_folders.open_index(copy, DATA, encoder)


def test_vectors_of_another_encoder_are_seen(encoder, copy, monkeypatch):
    place = copy / "shard_3_of_3"
    other = PassageIndex.load(place / "index.safetensors")
    other = dataclasses.replace(other, vectors=other.vectors.roll(1, -1))
    index_folders.open_index(copy, DATA, encoder)
    content = (place / "index.safetensors").read_bytes()
    other.save(place / "index.safetensors")
    with pytest.raises(InputError, match=r"shard_3_of_3/index\.safetensors: got other vectors, expected those"):
        index_folders.open_index(copy, DATA, encoder)
    (place / "index.safetensors").write_bytes(content)
    monkeypatch.setattr(index_folders, "MIB", 64)  # a large file
    before = index_folders._sample(place / "index.safetensors")
    other.save(place / "index.safetensors")
    assert index_folders._sample(place / "index.safetensors") != before


KILLED = """
import os, sys
from optical_lite import index
from optical_lite.cli.main import main
encoded = index._encoded
def half(*args):
    for number, found in enumerate(encoded(*args)):
        if number == 3:
            os.kill(os.getpid(), 9)
        yield found
index._encoded = half
main(sys.argv[1:])
"""


def test_a_killed_worker_is_started_again(encoder, tmp_path, capsys):
    encoder.save(tmp_path / "tiny")
    line = f"index --collection pocket --lang sw --model {tmp_path}/tiny --out {tmp_path}/index --quiet --shard".split()
    done = subprocess.run([sys.executable, "-c", KILLED, *line, "1/2"], capture_output=True, env={**os.environ})
    assert done.returncode == -9, done.stderr
    assert [path.name[-5:] for path in (tmp_path / "index").iterdir()] == [".part"]
    for share in ("1/2", "2/2"):
        assert main([*line, share]) == 0
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == ["shard_1_of_2", "shard_2_of_2"]
    search = f"search --collection pocket --lang sw --system encoder --model {tmp_path}/tiny --index {tmp_path}/index"
    assert main([*search.split(), "--quiet", "--out", str(tmp_path / "a.run")]) == 0
    assert main([*line, "3/2"]) == 2
    assert "got '3/2', expected a share such as 3/8" in capsys.readouterr().err


def test_a_shard_of_a_whole_index_is_refused(encoder, tmp_path):
    index_folders.make(tmp_path / "whole", DATA, encoder, None, False)
    with pytest.raises(InputError, match="got a whole index, expected a folder of shards"):
        index_folders.make(tmp_path / "whole", DATA, encoder, (1, 2), False)


def test_a_shard_in_the_place_of_another_is_refused(encoder, copy):
    shutil.rmtree(copy / "shard_2_of_3")
    shutil.copytree(copy / "shard_1_of_3", copy / "shard_2_of_3")
    with pytest.raises(InputError, match="got an index of 107 of the 160 passages of pocket"):
        index_folders.open_index(copy, DATA, encoder)
