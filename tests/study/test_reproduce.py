"""The tables command: pages equal their records, a corrupted number fails the check, a deleted run is said."""

import json
import shutil

import pytest

from optical_lite import __main__
from optical_lite.settings import ROOT
from optical_lite.study import check as reproduce
from optical_lite.study import findings, pages, summary

pytestmark = pytest.mark.float32


@pytest.fixture(scope="module")
def made():
    """Every generated file, made once."""
    return pages.generated()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The expected numbers, to spoil; pages are those of the spoilt numbers, so only numbers can be wrong."""
    shutil.copytree(summary.EXPECTED, tmp_path / "expected")
    monkeypatch.setattr(summary, "EXPECTED", tmp_path / "expected")
    monkeypatch.setattr(pages, "stale", list)
    monkeypatch.setattr(reproduce.findings, "problems", list)
    return tmp_path / "expected"


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_pages_equal_their_records(made):
    assert pages.stale(made) == [], "run: make tables"


def test_all_pages_with_marked_numbers_are_written(made):
    assert set(findings.texts()) <= made.keys()


def test_a_page_that_differs_is_noticed_and_mended(made, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "generated", lambda: made)
    for path, text in made.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(reproduce, "ROOT", tmp_path)
    assert pages.stale() == []
    replace(tmp_path / "data/expected/demo.md", "0.501", "0.601")
    replace(tmp_path / "docs/findings.md", "0.411", "0.511")
    assert sorted(pages.stale()) == ["data/expected/demo.md", "docs/findings.md"]
    assert sorted(reproduce.write()) == ["data/expected/demo.md", "docs/findings.md"]
    assert pages.stale() == []


def test_check_runs_a_cheap_row_again_and_passes(copy, capsys):
    assert __main__.main(["tables", "--table", "demo", "--check"]) == 0
    out = capsys.readouterr().out
    assert "ok   pocket_sw/extended mrr@10: got 0." in out
    assert "everything agrees" in out
    assert "pocket_sw/student" not in out  # profile smoke trains four steps only


@pytest.mark.parametrize("wrong", [0.31096, 0.51096], ids=["too high now", "too low now"])
def test_a_corrupted_record_fails_the_check(copy, capsys, monkeypatch, wrong):
    monkeypatch.setitem(reproduce.RERUNS, "demo", fast)
    path = copy / "demo_pocket_sw.json"
    record = json.loads(path.read_text())
    record["result"]["systems"]["extended"]["mrr@10"] = wrong
    path.write_text(json.dumps(record))
    assert __main__.main(["tables", "--table", "demo", "--check"]) == 1
    out = capsys.readouterr().out
    assert f"FAIL pocket_sw/extended mrr@10: got 0.4110, expected {wrong:.4f} ± 0.01" in out
    assert out.count("WRONG") == 1


def fast():
    found = json.loads((ROOT / "data/expected/demo_pocket_sw.json").read_text())["result"]["systems"]
    return {f"pocket_sw/{system}": metrics for system, metrics in found.items()}


def test_a_deleted_run_is_missing(copy, capsys):
    (copy / "demo_pocket_mr.json").unlink()
    assert __main__.main(["tables", "--table", "demo_languages"]) == 0
    out = capsys.readouterr().out
    assert "| student, after transport | Marathi | MRR@10 | none | missing |  | missing |" in out
    assert "| 0.000" not in out.split("Marathi")[-1]
    assert "| missing |" in pages.wide("demo_languages")
    assert __main__.main(["tables", "--table", "demo_languages", "--check"]) == 1
    assert "pocket_mr/student mrr@10: missing" in capsys.readouterr().out


def test_a_rerun_that_gives_nothing_is_missing(copy, capsys, monkeypatch):
    monkeypatch.setitem(reproduce.RERUNS, "demo", lambda: {"pocket_sw/lexicon": {}})
    assert __main__.main(["tables", "--table", "demo", "--check"]) == 1
    assert "got missing, expected 0.3426" in capsys.readouterr().out


def test_a_difference_needs_a_reason(copy, capsys, monkeypatch):
    found = list(summary.cells("demo"))
    bad = found[0].__class__(**{**vars(found[0]), "state": "differs", "reason": ""})
    monkeypatch.setattr(summary, "cells", lambda name: [bad])
    assert any("no reason is given" in line for line in reproduce.check(["demo_languages"]))


def test_list_formats_and_json(capsys, tmp_path):
    assert __main__.main(["tables", "--list"]) == 0
    assert "simalign/aer" in capsys.readouterr().out
    for kind, text in (("md", "| system |"), ("html", "<th>system</th>"), ("latex", r"system & data")):
        assert __main__.main(["tables", "--table", "demo", "--format", kind, "--json", str(tmp_path / "x.json")]) == 0
        assert text in capsys.readouterr().out
    record = json.loads((tmp_path / "x.json").read_text())["demo"][0]
    keys = "key metric paper ours delta state reason command source tolerance"
    assert {*keys.split()} <= record.keys()


def test_published_tables_print_with_source_and_doubt(capsys):
    assert __main__.main(["tables", "--table", "drdecr/xor_r2kt"]) == 0
    out = capsys.readouterr().out
    assert "| DrDecr-large card (ColBERTv2) | 82.80 |" in out
    assert "Source" in out
    assert "Doubt: The language labels of this row look permuted" in out
    assert __main__.main(["tables", "--table", "optical/results"]) == 0
    assert "no number is quoted from memory" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["--table", "x"], "table: got 'x', expected one of"),
        (["--table", "x/y"], "got table 'x/y', expected WORK/TABLE"),
        (["--table", "simalign/aer", "--check"], "a published table, expected one of"),
        (["--table", "demo", "--check", "--langs", "tw"], "got langs for demo, expected them with --table clir"),
    ],
)
def test_wrong_names_are_said_in_one_line(capsys, line, text):
    assert __main__.main(["tables", *line]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_typed_in_numbers_fill_the_table(monkeypatch):
    """What a reader types into data/paper/optical.toml appears beside ours."""
    from optical_lite.study import published_numbers

    works = json.loads(json.dumps(published_numbers.works()))
    works["optical"]["tables"]["results"].update(read_in="original")
    works["optical"]["tables"]["results"]["rows"]["OPTICAL, MAP"][0] = 0.25
    monkeypatch.setattr(published_numbers, "works", lambda folder=None: works)
    assert "| OPTICAL | Swahili | MAP | 0.250 |" in pages.long("optical")
    # what holds no number shares a line
    others = "Somali, Tagalog, Marathi, Spanish, French, German"
    assert f"| OPTICAL | {others} | MAP | empty |" in pages.long("optical")
    assert f"| OPTICAL | Swahili, {others} | P@10 | empty |" in pages.long("optical")
