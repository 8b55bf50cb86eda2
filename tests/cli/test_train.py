"""What a training is told about its pairs and its processes is done, or refused in one line."""

import pytest

from optical_lite import __main__
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


@pytest.mark.parametrize(
    ("more", "text"),
    [("--recipe plus", "got --recipe plus for"), ("--hold-out nothing", "got 'nothing', expected afriqa")],
)
def test_what_ones_own_pairs_do_not_have_is_refused(line, tmp_path, capsys, more, text):
    assert __main__.main([*line, *more.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert text in error
    assert not (tmp_path / "run").exists()
