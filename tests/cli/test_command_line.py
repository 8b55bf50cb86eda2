"""The command line as a user meets it: results, exit codes, one-line errors, nothing half-written."""

import json
import subprocess
import sys

import pytest

from optical_lite import __main__
from optical_lite.cli.main import COMMANDS
from optical_lite.datasets import pocket
from optical_lite.settings import DATA
from optical_lite.views import figures as plots

pytestmark = pytest.mark.float32

SYSTEMS = {"zero_shot", "bm25", "lexicon", "extended", "student", "ceiling"}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A person's own data: a TSV in a language of no list, and a BEIR folder."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "pairs.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pocket.bitext("sw").pairs), encoding="utf-8")
    data, beir = pocket.collection("sw"), folder / "beir"
    (beir / "qrels").mkdir(parents=True)

    def lines(name, rows):
        (beir / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")

    lines("corpus.jsonl", ({"_id": i, "text": text} for i, text in data.passages.items()))
    lines("queries.jsonl", ({"_id": i, "text": text} for i, text in data.queries.items()))
    rows = "".join(f"{q}\t{p}\t{g}\n" for q, grades in data.qrels.items() for p, g in grades.items())
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    return folder


@pytest.fixture(scope="module")
def trained(own):
    run = own / "run"
    line = f"train --bitext {own}/pairs.tsv --lang luo --out {run} --steps 3 --batch 8 --quiet"
    assert __main__.main(line.split()) == 0
    return run


def test_demo_writes_the_promised_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plots, "FIGURES", tmp_path / "figures")
    line = f"demo --lang so --out {tmp_path}/run --json {tmp_path}/x.json --quiet"
    assert __main__.main(line.split()) == 0
    found = json.loads((tmp_path / "x.json").read_text())
    assert set(found) == {"collection", "lang", "systems", "queries", "seconds"}
    assert (found["collection"], found["lang"], found["queries"]) == ("pocket", "so", 112)
    assert set(found["systems"]) == SYSTEMS
    assert all(set(v) == {"mrr@10", "r@10", "r@100", "map"} for v in found["systems"].values())
    value = {name: v["mrr@10"] for name, v in found["systems"].items()}
    assert value["zero_shot"] < value["lexicon"] < value["ceiling"]
    assert value["zero_shot"] < value["extended"] < value["ceiling"]
    out = capsys.readouterr().out
    assert "three questions that improved most" in out
    names = {f"demo_so_plan.{kind}" for kind in ("png", "svg")}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names
    assert all(name in out for name in names)


def test_own_bitext_and_beir_folder(own, trained, tmp_path):
    line = f"evaluate --run {trained} --collection {own}/beir --json {tmp_path}/e.json --quiet"
    assert __main__.main(line.split()) == 0
    found = json.loads((tmp_path / "e.json").read_text())
    lengths = {f"{side}_{what}" for side in ("passages", "questions") for what in ("cut", "read_to")}
    assert set(found) == {"metrics", "queries", "run", "collection", *lengths}
    assert found["queries"] == 112
    assert found["metrics"]["mrr@10"] > 0.2


def test_evaluate_agrees_with_the_pocket_reader(own, trained, tmp_path):
    """The same passages and questions through both readers differ only by the passages' titles being told apart."""
    for name, collection in (("a", own / "beir"), ("b", "pocket")):
        line = f"evaluate --run {trained} --collection {collection} --lang sw --json {tmp_path}/{name} --quiet"
        assert __main__.main(line.split()) == 0
    a, b = (json.loads((tmp_path / name).read_text())["metrics"] for name in "ab")
    assert a == pytest.approx(b)


def test_check_is_well_and_names_a_failure(capsys, monkeypatch):
    assert __main__.main(["check"]) == 0
    assert "FAIL" not in capsys.readouterr().out
    monkeypatch.setattr(pocket, "validate", lambda: ["bitext: id 'x' occurs twice"])
    assert __main__.main(["check"]) == 1
    out = capsys.readouterr().out
    assert "FAIL pocket data" in out
    assert "git checkout data" in out


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("train --bitext three --lang sw --out run", "got 3 columns, expected 2"),
        ("train --bitext empty --lang sw --out run", "empty source side"),
        ("train --bitext latin --lang sw --out run", "expected utf-8"),
        ("train --bitext none.tsv --out run", "no such file"),
        ("train --bitext pocket --lang xx --out run", "got language 'xx'"),
        ("train --bitext pocket --lang sw --model no/model --out run", "got 'no/model'"),
        ("train --bitext pocket --lang sw --loss magic --out run", "got 'magic'"),
        ("demo --lang klingon", "got language 'klingon'"),
        ("demo --collection trec", "expected one of pocket, afriqa"),
        ("evaluate --run . --collection pocket", "expected a finished run"),
        ("fetch squad", "expected one of afriqa"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, line, text):
    monkeypatch.chdir(tmp_path)
    for name, content in (("three", b"maji\twater\tx\n"), ("empty", b"\twater\n"), ("latin", b"\xe9\tcoffee\n")):
        (tmp_path / name).write_bytes(content)
    assert __main__.main(line.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert text in error
    assert not (tmp_path / "run").exists()


def test_unknown_collection(trained, capsys):
    assert __main__.main(["evaluate", "--run", str(trained), "--collection", "nowhere"]) == 2
    assert "expected afriqa, belebele" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as end:
        __main__.main([command, "--help"])
    assert end.value.code == 0
    assert f"example: python -m optical_lite {command}" in capsys.readouterr().out


def test_as_a_program():
    found = subprocess.run(
        [sys.executable, "-m", "optical_lite", "fetch", "nothing"], capture_output=True, text=True, cwd=DATA.parent
    )
    assert found.returncode == 2
    assert found.stderr.startswith("error: data set: got 'nothing'")
    assert "Traceback" not in found.stderr
