"""The command search refuses options that its system has no use for."""

import pytest

from optical_lite.cli.main import main

START = "search --collection pocket --lang sw --out a.run --system"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bm25 --index nowhere", "got --index with --system bm25"),
        ("structured --bitext pocket --candidates 5", "got --candidates with --system structured"),
        ("bm25 --bitext pocket", "got --bitext without --system structured"),
        ("bm25 --scorer mean", "got --scorer with --system bm25"),
        ("bm25 --model multilingual", "got --model with --system bm25"),
        ("encoder --bitext pocket", "got --bitext without --system structured"),
        ("encoder --candidates 500", "got --candidates without --index"),
        ("encoder --engine http://host:6333", "got --engine without --index"),
        ("encoder --teacher minilm", "got --teacher with --system encoder"),
        ("runs/mine --model minilm2", "got --model without --system encoder"),
        ("encoder --index x --candidates 5", "got --candidates 5, expected --k 100 at least"),
    ],
)
def test_an_option_that_does_nothing_is_refused(tmp_path, monkeypatch, capsys, line, said):
    monkeypatch.chdir(tmp_path)
    assert main([*START.split(), *line.split()]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
