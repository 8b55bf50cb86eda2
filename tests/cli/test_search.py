"""The command search refuses options that its system has no use for."""

import pytest

from optical_lite.cli.main import main

START = "search --collection pocket --lang sw --out a.run --system"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bm25 --index nowhere", "got --index with --system bm25"),
        ("structured --bitext pocket --candidates 5", "got --candidates with --system structured"),
        ("bm25 --bitext pocket", "got --bitext with --system bm25"),
        ("bm25 --scorer mean", "got --scorer with --system bm25"),
        ("bm25 --model multilingual", "got --model with --system bm25"),
        ("encoder --bitext pocket", "got --bitext with --system encoder"),
        ("encoder --candidates 5", "got --candidates without --index"),
    ],
)
def test_an_option_that_does_nothing_is_refused(tmp_path, monkeypatch, capsys, line, said):
    monkeypatch.chdir(tmp_path)
    assert main([*START.split(), *line.split()]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
