"""The command align: one pair, a file of pairs, and what is refused."""

import json

import pytest

from optical_lite import __main__, pocket
from optical_lite.linking import read_pharaoh


def run(*arguments):
    return __main__.main(["align", *map(str, arguments)])


def test_a_pair_is_linked_recorded_and_drawn(tmp_path, capsys):
    source, target = pocket.bitext("sw").pairs[0]
    assert run(source, target, "--json", tmp_path / "x.json", "--svg", tmp_path / "x.svg") == 0
    found = json.loads((tmp_path / "x.json").read_text())
    assert [0, 1] in found["links"]  # Daktari, doctor
    assert "Daktari          doctor" in capsys.readouterr().out
    assert "<svg" in (tmp_path / "x.svg").read_text()


def test_a_file_of_pairs_becomes_a_file_of_links(tmp_path):
    pairs = pocket.bitext("sw").pairs[:30]
    (tmp_path / "x.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs), encoding="utf-8")
    assert run("--tsv", tmp_path / "x.tsv", "--pharaoh", tmp_path / "x.links", "--quiet") == 0
    assert len(read_pharaoh(tmp_path / "x.links")) == 30
    assert {path.name for path in tmp_path.iterdir()} == {"x.tsv", "x.links"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["maji"], "expected SOURCE TARGET"),
        (["maji", ""], "empty target side"),
        (["maji", "water", "--rule", "best"], "expected one of"),
        (["maji", "water", "--lang", "xx"], "got language 'xx'"),
        (["maji " * 300, "water"], "expected at most 256"),
        (["--tsv", "none.tsv", "--pharaoh", "x", "--quiet"], "got no such file"),
    ],
)
def test_wrong_input_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_nothing_is_written_where_a_line_is_wrong(tmp_path, capsys):
    (tmp_path / "x.tsv").write_text("maji\twater\nmaji\n")
    assert run("--tsv", tmp_path / "x.tsv", "--pharaoh", tmp_path / "x.links", "--quiet") == 2
    assert "line 2: got 1 columns" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.tsv"]
