import json

import pytest

from optical_lite import bench, bench_pruned, bench_search, pocket, settings
from optical_lite.__main__ import main
from optical_lite.settings import InputError

KEYS = {"name", "ours", "peer", "peer_name", "unit", "ratio", "limit_share"}


@pytest.fixture
def small(monkeypatch):
    """Pocket in place of the real pool."""
    data = pocket.collection("sw")
    index = bench_search.PassageIndex.cached(bench_search.teacher(), data.passages)
    questions = bench_search.teacher().encode(list(data.translations.values())[:5])
    for module in (bench_search, bench_pruned):
        monkeypatch.setattr(module, "real", lambda: (index, questions))


def test_rows_from_the_command_line(tmp_path, capsys):
    assert main(["bench", "machine", "startup", "--repetitions", "1", "--json", str(tmp_path / "b.json")]) == 0
    rows = json.loads((tmp_path / "b.json").read_text())
    assert all(rows[0].keys() >= KEYS for row in rows)
    assert rows[-1]["name"] == "optical_lite --help"
    assert rows[-1]["ratio"] > 1  # it imports nothing heavy
    assert "times" in capsys.readouterr().out


def test_a_ratio_is_how_many_times_ours_is_faster():
    times = bench.row("x", "ms", [0.1, 0.2, 0.3], [0.4, 0.6, 0.5], "peer")
    assert (times["ours"], times["peer"], times["ratio"]) == (200.0, 500.0, 2.5)
    assert times["ours_spread"] == [100.0, 300.0]
    rates = bench.row("x", "pairs/s", [0.1], [0.5], "peer", work=10)
    assert (rates["ours"], rates["peer"], rates["ratio"]) == (100.0, 20.0, 5.0)
    alone = bench.row("x", "ms", [0.1], [], "absent")
    assert alone["peer"] is alone["ratio"] is None


def test_sides_take_turns_and_the_first_does_not_count():
    calls = []
    ours, theirs = bench.take_turns(lambda: calls.append("a"), lambda: calls.append("b"), 2)
    assert calls == ["a", "b"] * 3
    assert len(ours) == len(theirs) == 2


def test_an_unknown_name_is_refused(capsys):
    assert main(["bench", "nothing"]) == 2
    assert "expected names among" in capsys.readouterr().err


def test_the_table_of_a_page_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table:bench -->\nold\n<!-- /table:bench -->\nafter\n")
    rows = [bench.row("x", "ms", [0.1], [0.5], "peer", limit_share=0.5), bench.row("y", "ms", [0.1], [], "")]
    bench.write_table(rows, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("<!-- /table:bench -->\nafter\n")
    assert "| x | 100 | 500 (peer) | ms | 5.00 | 50% |" in text
    assert "old" not in text
    page.write_text("no mark")
    with pytest.raises(InputError, match="without"):
        bench.write_table(rows, page)
    assert page.read_text() == "no mark"


def test_an_absent_peer_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("OPTICAL_LITE_PEERS", str(tmp_path / "none"))
    assert bench.ask_peer("encode", {}) is None
    monkeypatch.setenv("OPTICAL_LITE_PLAID", str(tmp_path / "none"))
    assert bench.ask_peer("plaid", {}) is None
    assert "not installed or failed" in bench_search.peer_note(None, [[1]])


def test_a_peers_recall_is_said():
    note = bench_search.peer_note({"top": [[3, 1, 2], [4, 5, 6]]}, [[3, 1, 2], [5, 6, 7]])
    assert note == "the peer has the same first passage for 1 of 2, recall@100 0.8333"


def test_million_is_only_run_by_name_and_cleans_up(small, monkeypatch):
    (found,) = bench_search.million(1, passages=700, questions=3)
    assert found["name"] == "MaxSim from a file, 700 passages, d 128"
    assert found["ours"] > 0
    assert found["memory_mib"] < 64
    assert "3 questions at once, one repetition" in found["note"]
    assert list((settings.get().cache / "bench").iterdir()) == []
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 10_000}))
    with pytest.raises(InputError, match="GB free on the disk"):
        bench_search.million(1, passages=700)
    assert list((settings.get().cache / "bench").iterdir()) == []
    monkeypatch.setattr(bench, "TESTS", {"a": lambda _: [], "million": pytest.fail})
    assert bench.command([]) == []


def test_rows_of_search_without_peers(small, monkeypatch, tmp_path):
    for name in ("PEERS", "PLAID"):
        monkeypatch.setenv(f"OPTICAL_LITE_{name}", str(tmp_path / "none"))
    monkeypatch.setattr(bench_pruned, "GRID", ((32, 300),))
    monkeypatch.setattr(bench_pruned, "ROOT", tmp_path)
    monkeypatch.setattr(bench_pruned, "synthetic", lambda passages=600: bench_search.synthetic(passages))
    rows = bench_pruned.pruned_search(1)
    assert len(rows) == 2
    assert rows[1]["name"] == "pruned, 600 passages, 32 probes, 300 candidates"
    assert float(rows[1]["note"].split("recall@100 ")[1].split(";")[0]) > 0.7
    assert (tmp_path / "figures" / "pruned_tradeoff.svg").exists()
    for found in bench_pruned.plaid(1, passages=600, setting=(32, 300)):
        assert found["peer"] is None
        assert "the peer is not installed or failed" in found["note"]


def test_peak_sees_an_allocation():
    with bench.Peak() as peak:
        block = bytearray(64 << 20)
        block[::4096] = b"x" * len(block[::4096])
    assert peak.mib == pytest.approx(64, abs=8)
