"""What a training is told about its pairs and its processes is done, or refused in one line."""

import errno
import os
from dataclasses import replace

import pytest
from accelerate.state import AcceleratorState

from optical_lite import __main__, distillation, settings
from optical_lite.datasets import testsets
from optical_lite.training import runs

pytestmark = pytest.mark.float32
PAIRS = "Nani alikuja?\tWho came?\nmaji\twater\nmaji\twater\nsafi\tclean\n"


@pytest.fixture
def line(tmp_path):
    (tmp_path / "own.tsv").write_text(PAIRS)
    line = f"train --bitext {tmp_path}/own.tsv --lang sw --out {tmp_path}/run --steps 1 --batch 2 --size 400 --quiet"
    return [*line.split(), "--json", str(tmp_path / "found.json")]


def test_held_out_questions_leave_ones_own_pairs(line, tmp_path, monkeypatch, capsys):
    class Asked:
        queries, translations = {"1": "nani  alikuja"}, {"1": "CLEAN!"}

    monkeypatch.setattr(testsets, "load", lambda name, lang: Asked)
    assert __main__.main([*line, "--hold-out", "afriqa"]) == 0
    said = capsys.readouterr().out
    assert "2 pairs that are questions of afriqa are left out\n" in said
    assert "run: 2 pairs, 1 steps" in said
    assert runs.read_config(tmp_path / "run")["bitext"]["notes"] == {"dropped": {"held out": 2}}


def nothing(folder):
    """A file in the place of the folder, as /dev/null is."""
    folder.touch()


def read_only(folder, monkeypatch):
    """A folder on a disk that cannot be written, which does not stop the superuser otherwise."""
    folder.mkdir()
    real = os.open

    def refuse(path, flags, *more, **other):
        if str(path).startswith(str(folder)) and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *more, **other)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.parametrize("kind", ["nothing", "read only"])
@pytest.mark.parametrize("part", ["ids", "vectors"])
def test_a_cache_that_cannot_be_written_is_named_with_its_variable(line, tmp_path, monkeypatch, capsys, kind, part):
    cache = tmp_path / "cache"
    monkeypatch.setenv("OPTICAL_LITE_CACHE", str(cache))
    settings.get.cache_clear()
    if part == "vectors":  # what the ids lie in can be written
        monkeypatch.setattr(distillation, "get", lambda: replace(settings.get(), cache=tmp_path))
    nothing(cache) if kind == "nothing" else read_only(cache, monkeypatch)
    try:
        assert __main__.main(line) == 2
    finally:
        settings.get.cache_clear()
    error = capsys.readouterr().err
    assert f"error: {cache}" in error
    assert f"set OPTICAL_LITE_CACHE to another folder than {cache}\n" in error
    assert "tmp" not in error.replace(str(cache), "")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("--recipe plus", "got --recipe without --bitext published"),
        ("--hold-out nothing", "got 'nothing', expected afriqa"),
    ],
)
def test_what_ones_own_pairs_do_not_have_is_refused(line, tmp_path, capsys, more, text):
    assert __main__.main([*line, *more.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert text in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", ["--bitext pocket", "--bitext published", "--bitext {} --hold-out afriqa"])
def test_a_language_that_nobody_named_is_not_named(tmp_path, capsys, more):
    (tmp_path / "own.tsv").write_text(PAIRS)
    assert __main__.main(f"train --out {tmp_path}/run {more.format(tmp_path / 'own.tsv')}".split()) == 2
    assert "got no language, expected a code such as sw; give --lang\n" in capsys.readouterr().err


ODD = [
    {"WORLD_SIZE": "x"}, {"WORLD_SIZE": "0"}, {"WORLD_SIZE": "2", "RANK": "x"}, {"LOCAL_RANK": "x"},
    {"ACCELERATE_USE_CPU": "x"},
]  # fmt: skip


@pytest.fixture
def started(monkeypatch):
    """Start this process as a launcher would; accelerate asks once in the life of a process, unless told to forget."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield lambda said: [monkeypatch.setenv(name, value) for name, value in said.items()]
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.parametrize("odd", ODD)
def test_odd_words_of_a_launcher_are_one_line(line, tmp_path, capsys, started, odd):
    started(odd)
    assert __main__.main(line) == 2
    *_, last = capsys.readouterr().err.strip().split("\n")
    assert last.startswith("error: ")
    assert not (tmp_path / "run").exists()


def test_an_empty_word_of_a_launcher_is_none(line, capsys, started):
    started({"WORLD_SIZE": "", "RANK": " ", "LOCAL_RANK": ""})
    assert __main__.main(line) == 0
    assert "run: 4 pairs, 1 steps" in capsys.readouterr().out


@pytest.mark.parametrize("rank", ["1", "", "x"])
def test_a_rank_mutes_no_other_command(tmp_path, monkeypatch, capsys, rank):
    monkeypatch.setenv("RANK", rank)
    assert __main__.main(["tables", "--list", "--json", str(tmp_path / "found.json")]) == 0
    assert capsys.readouterr().out
    assert (tmp_path / "found.json").exists()
