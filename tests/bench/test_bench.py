import json
import re
import time
from pathlib import Path

import pytest
from steps import table_of

from optical_lite.__main__ import main
from optical_lite.bench import first_use, gpu, measuring, runner, scale, search
from optical_lite.settings import ROOT, InputError

pytestmark = pytest.mark.float32

KEYS = {"name", "ours", "peer", "peer_name", "unit", "ratio", "limit_share"}


def test_rows_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(measuring, "limits", lambda: {"float32": 100.0, "matrix": 100.0, "copy": 10.0})
    monkeypatch.setattr(first_use, "python", lambda *words: time.sleep(0.002 if "torch" in words[-1] else 0.001))
    assert main(["bench", "machine", "startup", "--repetitions", "1", "--json", str(tmp_path / "b.json")]) == 0
    rows = json.loads((tmp_path / "b.json").read_text())
    assert all(row.keys() >= KEYS for row in rows)
    assert rows[-2]["name"] == "optical_lite --help"
    assert rows[-2]["ratio"] > 1
    assert "peer_name Python alone" in capsys.readouterr().out


def test_the_limits_of_this_machine_are_measured(monkeypatch):
    monkeypatch.setattr(measuring, "WORK", (64, 1))
    monkeypatch.setattr(measuring, "GPU_WORK", (64, 1))
    monkeypatch.setattr(measuring, "BEST", {})
    found = measuring.limits()
    assert all(value > 0 for value in found.values())
    assert all(value >= found[name] for name, value in measuring.limits().items())


def timed(*seconds):
    """A work that says how long it took, the first time for nothing."""
    taken = iter([9.0, *seconds])
    return lambda: next(taken)


def test_a_ratio_is_how_many_times_ours_is_faster(monkeypatch):
    monkeypatch.setattr(measuring, "limits", lambda: {"matrix": 10.0})
    peer = measuring.Peer(timed(0.4, 0.6, 0.5), "said")
    (times,) = measuring.side_by_side("x", "ms", timed(0.1, 0.2, 0.3), {"peer": peer}, 3, note="both")
    assert (times["ours"], times["peer"], times["ratio"]) == (200.0, 500.0, 2.5)
    assert (times["note"], times["peer_note"], times["limit_share"]) == ("both", "said", None)
    peers = {"a": measuring.Peer([0.5]), "b": measuring.Peer(timed(0.5), work=5), "c": measuring.Peer([])}
    rates = measuring.side_by_side("x", "pairs/s", timed(0.1), peers, 1, work=10, operations=5e8)
    assert [(r["ours"], r["peer"], r["ratio"]) for r in rates] == [(100, 20, 5), (100, 10, 10), (100, None, None)]
    assert rates[0]["limit_share"] == 0.5
    assert [r["peer_note"] for r in rates] == ["", "", measuring.MISSING]
    (alone,) = measuring.side_by_side("x", "ms", timed(0.1), {}, 1)
    assert alone["peer"] is alone["ratio"] is None
    assert alone["note"] == ""


def test_sides_take_turns_and_the_first_does_not_count():
    calls = []
    ours, theirs = measuring.take_turns([lambda: calls.append("a"), lambda: calls.append("b")], 2)
    assert calls == ["a", "b"] * 3
    assert len(ours) == len(theirs) == 2


def test_an_unknown_name_is_refused(capsys):
    assert main(["bench", "nothing"]) == 2
    assert "got 'nothing', expected one of machine, " in capsys.readouterr().err


BLOCKS = {"transport-bf16", "transport-float32", "machine-bf16", "machine-float32", "lessons", "gpu", "scale"}
PAGE = "before\n{}after\n".format(
    "".join(f"<!-- table:{name} -->\nold {name}\n<!-- /table:{name} -->\n" for name in sorted(BLOCKS))
)


@pytest.fixture
def written(tmp_path):
    """A function from rows of a benchmark to the block of a page that they fill."""
    page = tmp_path / "page.md"

    def write(bench, rows, block):
        page.write_text(PAGE)
        runner.write([{**row, "bench": bench} for row in rows], page)
        text = page.read_text()
        for other in BLOCKS - {block}:
            assert table_of(text, other) == f"old {other}\n"
        return table_of(text, block)

    return write


@pytest.mark.parametrize("bf16", [True, False])
def test_the_table_of_this_kind_of_machine_is_replaced_and_nothing_else(tmp_path, monkeypatch, written, bf16):
    monkeypatch.setattr(runner, "has_bf16", lambda: bf16)
    ours = {"name": "x", "unit": "ms", "ours": 100.0, "limit_share": 0.5, "memory_mib": 12.5, "note": "5 | 6"}
    rows = [
        measuring.row(**ours, peer=500.0, peer_name="slow", ratio=5.0, peer_note="recall 1"),
        measuring.row(**ours, peer_name="gone", peer_note=measuring.MISSING),
        measuring.row("y", "questions/s", 100.0),
    ]
    found = written("transport", rows, "transport-bf16" if bf16 else "transport-float32")
    assert found.splitlines() == [
        "| what | ours | slow | gone | share of the limit | MiB more | note |",
        "|---|---|---|---|---|---|---|",
        "| x | 100 ms | 500 (5.00) | not installed or failed | 50% | 12.5 | 5 \\| 6; slow: recall 1 |",
        "| y | 100 questions/s |  |  |  |  |  |",
    ]
    page = tmp_path / "no.md"
    page.write_text("no mark")
    with pytest.raises(InputError, match="without"):
        runner.write([{**rows[0], "bench": "transport"}], page)
    assert page.read_text() == "no mark"


def test_growth_and_lessons_have_tables_of_their_own(written):
    rows = [
        scale.entry(name, n, unit, value)
        for n, memory in ((10, 0.0), (20, 2.0), (40, 8.0))
        for name, unit, value in (("pairs", "ms", n**2), ("pairs: memory", "MiB", memory), ("little", "MiB", 0.5))
    ]
    found = written("scale", rows, "scale")
    assert "| pairs | 10 to 40 | 100 to 1,600 ms | 2.00 |" in found
    assert "| pairs: memory | 10 to 40 | 0 to 8 MiB | 2.00 |" in found
    assert "| little | 10 to 40 | 0.5 to 0.5 MiB | below 1 MiB |" in found
    rows = [
        measuring.row(f"lesson {lesson}, {profile}", "ms", seconds * 1000, lesson=lesson, profile=profile)
        for lesson, profile, seconds in (
            ("00", "smoke", 3.0), ("00", "pocket", 60.0), ("01", "smoke", 1.0), ("01", "pocket", 2.0))
    ]  # fmt: skip
    assert "| 00 | 3 | 60 |\n| 01 | 1 | 2 |\n| all | 4 | 62 |" in written("lessons", rows, "lessons")


def test_a_gpu_fills_its_rows_and_without_one_they_are_empty(monkeypatch, written):
    monkeypatch.setattr(gpu, "device", lambda: "cpu")
    rows = list(gpu.gpu(1))
    assert [(r["ours"], r["note"]) for r in rows] == [(None, "no GPU here")] * len(gpu.CASES)
    monkeypatch.setattr(gpu, "device", lambda: "cuda")
    found = [measuring.row("a", "pairs/s", 1200.0, limit_share=0.6)]
    monkeypatch.setattr(gpu, "CASES", {"a": ("pairs/s", lambda _: found), "b": ("pairs/s", pytest.fail)})
    clock = iter([0.0, 1.0, 601.0])
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: next(clock))
    rows = list(gpu.gpu(1))
    assert rows[1]["note"] == "left out after 10 minutes"
    found = written("gpu", rows, "gpu")
    assert "| what | ours | share of the limit | note |" in found
    assert "| a | 1,200 pairs/s | 60% |  |\n| b |  |  | left out after 10 minutes |" in found


def test_what_is_run_by_name_only_is_not_run_else(monkeypatch):
    monkeypatch.setattr(runner, "BENCHMARKS", {"a": lambda _: []})
    monkeypatch.setattr(runner, "ONLY_BY_NAME", {"gpu": pytest.fail})
    assert runner.command([]) == []


@pytest.mark.parametrize(("name", "python"), [("encode", "PEERS"), ("plaid", "PLAID")])
def test_a_peer_that_is_absent_or_fails_has_no_times(monkeypatch, tmp_path, capsys, name, python):
    monkeypatch.setattr(measuring, python, tmp_path / "none")
    assert measuring.ask_peer(name, {}) == {"seconds": []}
    monkeypatch.setattr(measuring, python, Path("/bin/false"))
    assert measuring.ask_peer(name, {}) == {"seconds": []}
    assert f"peer {name}" in capsys.readouterr().err


def test_the_pages_summary_says_what_its_tables_say():
    def cells(text):
        lines = (line for line in text.splitlines() if line.startswith("| ") and "---" not in line)
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    def ratios(kind):
        """Of each thing and peer, how many times faster ours is."""
        for bench in ("distillation", "encoding", "transport", "maximum_similarity"):
            header, *rows = cells(table_of(page, f"{bench}-{kind}"))
            for row in rows:
                for peer, cell in zip(header, row, strict=True):
                    if found := re.fullmatch(r"[\d.,]+ \(([\d.]+)\)", cell):
                        yield row[0], peer, float(found[1])

    page = (ROOT / "docs" / "performance.md").read_text()
    tables = [list(ratios(kind)) for kind in ("bf16", "float32")]
    header, *rows = cells(page.partition("How many times faster")[2].partition("##")[0])
    assert (header[0], len(rows)) == ("what", 9)
    for what, peer, *said in rows:
        for value, table in zip(said, tables, strict=True):
            found = [ratio for name, other, ratio in table if name.startswith(what) and peer in other]
            assert value == "" if not found else abs(float(value) - min(found)) < 0.051, (what, peer)


def test_a_peers_recall_is_said():
    note = search.peer_note({"top": [[3, 1, 2], [4, 5, 6]]}, [[3, 1, 2], [5, 6, 7]])
    assert note == "the same first passage for 1 of 2, recall@100 0.8333"
    assert not search.peer_note({"seconds": []}, [[1]])


def test_peak_sees_an_allocation():
    with measuring.Peak() as peak:
        block = bytearray(64 << 20)
        block[::4096] = b"x" * len(block[::4096])
    assert peak.mib == pytest.approx(64, abs=8)
