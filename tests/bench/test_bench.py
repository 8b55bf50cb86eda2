import json
import time

import pytest
import torch

from optical_lite import settings
from optical_lite.__main__ import main
from optical_lite.bench import gpu, growth, registry, runner, scale, search
from optical_lite.bench import page as bench_page
from optical_lite.datasets import pocket
from optical_lite.settings import InputError
from optical_lite.study import markup

pytestmark = pytest.mark.float32

KEYS = {"name", "ours", "peer", "peer_name", "unit", "ratio", "limit_share"}


@pytest.fixture
def small(monkeypatch):
    """Pocket in place of the real pool."""
    data = pocket.collection("sw")
    index = search.PassageIndex.cached(search.teacher(), data.passages)
    questions = search.teacher().encode(list(data.translations.values())[:5])
    monkeypatch.setattr(search, "real", lambda: (index, questions))


def test_rows_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(registry, "_measure", lambda: {"float32": 100.0, "matrix": 100.0, "copy": 10.0})
    monkeypatch.setattr(growth, "_python", lambda *words: time.sleep(0.002 if "import torch" in words[-1] else 0.001))
    assert main(["bench", "machine", "startup", "--repetitions", "1", "--json", str(tmp_path / "b.json")]) == 0
    rows = json.loads((tmp_path / "b.json").read_text())
    assert all(row.keys() >= KEYS for row in rows)
    assert rows[-1]["name"] == "optical_lite --help"
    assert rows[-1]["ratio"] > 1
    assert "times" in capsys.readouterr().out


def test_the_limits_of_this_machine_are_measured():
    assert all(value > 0 for value in registry._measure(size=64, megabytes=1, times=2).values())


def test_a_ratio_is_how_many_times_ours_is_faster():
    times = registry.row("x", "ms", [0.1, 0.2, 0.3], [0.4, 0.6, 0.5], "peer")
    assert (times["ours"], times["peer"], times["ratio"]) == (200.0, 500.0, 2.5)
    assert times["ours_spread"] == [100.0, 300.0]
    rates = registry.row("x", "pairs/s", [0.1], [0.5], "peer", work=10)
    assert (rates["ours"], rates["peer"], rates["ratio"]) == (100.0, 20.0, 5.0)
    alone = registry.row("x", "ms", [0.1], [], "absent")
    assert alone["peer"] is alone["ratio"] is None


def test_sides_take_turns_and_the_first_does_not_count():
    calls = []
    ours, theirs = registry.take_turns(lambda: calls.append("a"), lambda: calls.append("b"), 2)
    assert calls == ["a", "b"] * 3
    assert len(ours) == len(theirs) == 2


def test_an_unknown_name_is_refused(capsys):
    assert main(["bench", "nothing"]) == 2
    assert "expected names among" in capsys.readouterr().err


PAGE = "before\n{}after\n".format(
    "".join(f"<!-- table:{name} -->\nold {name}\n<!-- /table:{name} -->\n" for name in (
        "bench-bf16", "bench-float32", "growth", "lessons", "gpu", "scale"))
)  # fmt: skip


@pytest.mark.parametrize("bf16", [True, False])
def test_the_table_of_this_kind_of_machine_is_replaced_and_nothing_else(tmp_path, monkeypatch, bf16):
    monkeypatch.setattr(bench_page, "has_bf16", lambda: bf16)
    mine, other = ("bench-bf16", "bench-float32") if bf16 else ("bench-float32", "bench-bf16")
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    rows = [
        registry.row("x", "ms", [0.1], [0.5], "peer", limit_share=0.5, memory_mib=12.5, note="5 | 6"),
        registry.row("y", "ms", [0.1], [], ""),
    ]
    bench_page.write(rows, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| x | 100 | 500 (peer) | ms | 5.00 | 50% | 12.5 | 5 \\| 6 |" in markup.block(text, mine)
    for name in (other, "growth", "lessons"):
        assert markup.block(text, name) == f"old {name}\n"
    page.write_text("no mark")
    with pytest.raises(InputError, match="without"):
        bench_page.write(rows, page)
    assert page.read_text() == "no mark"


def test_growth_and_lessons_have_tables_of_their_own(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    rows = [
        registry.row(f"growth pairs {n}", "ms", [n**2 / 1e3], [], "", quantity="pairs", size=n, memory_mib=memory)
        for n, memory in ((10, 0.0), (20, 2.0), (40, 8.0))
    ]
    rows += [
        registry.row(f"notebook 00, {profile}", "ms", [seconds], [], "", lesson="00", profile=profile)
        for profile, seconds in (("smoke", 3.0), ("pocket", 60.0))
    ]
    bench_page.write(rows, page)
    text = page.read_text()
    assert "| pairs | 10 to 40 | 100 to 1,600 | 2.00 | 0 to 8 | 2.00 |" in markup.block(text, "growth")
    assert "| 00 | 3 | 60 |\n| all | 3 | 60 |" in markup.block(text, "lessons")
    assert "growth" not in markup.block(text, bench_page.kind())
    rows = [{**r, "memory_mib": 0.5} for r in rows if "size" in r]
    assert "below 1 MiB" in bench_page.growth_table(rows)


def test_a_gpu_fills_its_rows_and_without_one_they_are_empty(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.setattr(gpu, "device", lambda: "cpu")
    rows = list(gpu.gpu(1))
    assert [(r["ours"], r["note"]) for r in rows] == [(None, "no GPU here")] * 3
    monkeypatch.setattr(gpu, "device", lambda: "cuda")
    monkeypatch.setattr(gpu, "limits", lambda: {"matrix": 100.0})
    monkeypatch.setattr(gpu, "CASES", {"a": ("pairs/s", lambda: (600, 3e10, 0.5)), "b": ("pairs/s", pytest.fail)})
    clock = iter([0.0, 1.0, 601.0])
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: next(clock))
    rows = list(gpu.gpu(1))
    assert (rows[0]["ours"], rows[0]["limit_share"]) == (1200, 0.6)
    assert rows[1]["note"] == "left out after 10 minutes"
    bench_page.write(rows, page)
    text = page.read_text()
    assert "| a | 1,200 |  | pairs/s |  | 60% |  |  |" in markup.block(text, "gpu")
    assert markup.block(text, bench_page.kind()) == f"old {bench_page.kind()}\n"


def test_scale_stands_beside_what_arithmetic_says(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    rows = [
        scale._entry("a", 10, 2.0, "MB", 2.5), scale._entry("b", 10, 3.0, "s"),
        scale._entry("c", 10, 5.0, "MiB", grows=0), scale._entry("a", 100, 21.0, "MB", 20.0),
        scale._entry("b", 100, 33.0, "s"), scale._entry("c", 100, 5.5, "MiB", grows=0),
    ]  # fmt: skip
    bench_page.write(rows, page)
    found = markup.block(page.read_text(), "scale")
    assert "| what | 10 | 100 | arithmetic | measured / arithmetic |" in found
    assert "| a | 2 MB | 21 MB | 20 MB | 1.05 |" in found
    assert "| b | 3 s | 33 s | 30 s | 1.10 |" in found
    assert "| c | 5 MiB | 5.5 MiB | 5 MiB | 1.10 |" in found
    assert markup.block(page.read_text(), bench_page.kind()) == f"old {bench_page.kind()}\n"


def test_a_slow_peer_takes_fewer_turns(monkeypatch):
    for slow, expected, called in (((0.005, 1.0), 3, 4), ((0.0, 0.005), 2, 2)):
        calls = []
        monkeypatch.setattr(registry, "SLOW", slow)
        ours, theirs = registry.take_turns(lambda: None, lambda calls=calls: calls.append(time.sleep(0.01)), 5)
        assert (len(ours), len(theirs), len(calls)) == (5, expected, called)
        found = registry.row("x", "ms", ours, theirs, "peer", note="two")
        assert found["note"] == f"two; peer repeated {expected} times, it is slow"


def test_rows_of_an_earlier_run_are_kept_beside_named_ones(tmp_path, capsys):
    out, page = tmp_path / "b.json", tmp_path / "page.md"
    page.write_text(PAGE)
    earlier = [{**registry.row(name, "ms", [1.0], [], ""), "bench": name} for name in ("transport", "machine")]
    out.write_text(json.dumps(earlier))
    runner.command(["machine"], 1, out, page)
    assert json.loads(out.read_text())[0]["bench"] == "transport"
    text = markup.block(page.read_text(), bench_page.kind())
    assert "| transport | 1,000 |" in text
    assert "| machine | 1,000 |" not in text
    assert text.index("machine float32") < text.index("| transport")


def test_calls_of_a_function_are_timed():
    from optical_lite import cost
    from optical_lite.bench import training

    with training.timed(cost, "uniform_marginal") as seconds:
        cost.uniform_marginal(torch.ones(1, 2))
    assert len(seconds) == 1
    cost.uniform_marginal(torch.ones(1, 2))
    assert len(seconds) == 1


def test_an_absent_peer_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("OPTICAL_LITE_PEERS", str(tmp_path / "none"))
    assert registry.ask_peer("encode", {}) is None
    monkeypatch.setenv("OPTICAL_LITE_PLAID", str(tmp_path / "none"))
    assert registry.ask_peer("plaid", {}) is None
    assert "not installed or failed" in search.peer_note(None, [[1]])


def test_a_peers_recall_is_said():
    note = search.peer_note({"top": [[3, 1, 2], [4, 5, 6]]}, [[3, 1, 2], [5, 6, 7]])
    assert note == "the peer has the same first passage for 1 of 2, recall@100 0.8333"


def test_million_is_only_run_by_name_and_cleans_up(small, monkeypatch):
    (found,) = search.million(1, passages=700, questions=3)
    assert found["name"] == "MaxSim from a file, 700 passages, d 128"
    assert found["ours"] > 0
    assert found["memory_mib"] < 64
    assert "3 questions at once, one repetition" in found["note"]
    assert list((settings.get().cache / "bench").iterdir()) == []
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 10_000}))
    with pytest.raises(InputError, match="free on the disk"):
        search.million(1, passages=700)
    assert list((settings.get().cache / "bench").iterdir()) == []
    monkeypatch.setattr(runner, "TESTS", {"a": lambda _: [], "million": pytest.fail})
    assert runner.command([]) == []


def test_rows_of_search_without_peers(small, monkeypatch, tmp_path):
    monkeypatch.setenv("OPTICAL_LITE_PLAID", str(tmp_path / "none"))
    (found,) = search.plaid(1, passages=600)
    assert found["name"] == "MaxSim beside PLAID, 600 passages"
    assert found["peer"] is None
    assert "the peer is not installed or failed" in found["note"]


def test_peak_sees_an_allocation():
    with registry.Peak() as peak:
        block = bytearray(64 << 20)
        block[::4096] = b"x" * len(block[::4096])
    assert peak.mib == pytest.approx(64, abs=8)
