"""Bench: ours and its peers side by side in one run.

Absolute times say little about a machine one does not know, so every row is a ratio: ours and the peer take turns,
repetition by repetition, on the same work, and the medians are compared. Beside it stands the share of what the
machine can do at most, measured in the same run.

A row is ``{"name", "ours", "peer", "peer_name", "unit", "ratio", "limit_share"}`` and, for the reader, ``ours_spread``,
``peer_spread`` (lowest and highest repetition), ``memory_mib`` (growth of memory while ours ran) and ``note``.
``ratio`` is how many times ours is faster; a peer that is not installed leaves ``peer`` and ``ratio`` empty and says
so in the note.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from .settings import ROOT, InputError, bf16_is_faster, device, environment, get, write_atomic, write_json
from .tables import markdown, replace_block

TESTS = {}
ONLY_BY_NAME = ("million",)  # too long, or too much disk, for a run of everything
MIB = 1 << 20


def bench(function: Callable) -> Callable:
    """Register a benchmark under its name."""
    TESTS[function.__name__] = function
    return function


def spread(times: list[float]) -> dict:
    """Median, lowest and highest of some repetitions."""
    return {"median": statistics.median(times), "low": min(times), "high": max(times)}


def take_turns(ours: Callable, peer: Callable | None, repetitions: int) -> tuple[list[float], list[float]]:
    """Seconds of both sides, one after the other in each repetition, after one that does not count."""
    times: tuple[list[float], list[float]] = [], []
    for i in range(repetitions + 1):
        for side, work in zip(times, (ours, peer), strict=True):
            if work is None:
                continue
            start = time.perf_counter()
            work()
            if i:
                side.append(time.perf_counter() - start)
    return times


def row(
    name: str, unit: str, ours: list[float], peer: list[float], peer_name: str, *, work: float = 1.0,
    limit_share: float | None = None, **extra,
) -> dict:  # fmt: skip
    """A row from seconds of both sides; with ``work``, rates (work a second) instead of times."""
    rate = unit.endswith("/s")
    value = (lambda s: work / s) if rate else (lambda s: s * 1000)
    mine, theirs = ([value(s) for s in side] for side in (ours, peer))
    a, b = spread(mine), spread(theirs) if theirs else None
    ratio = (a["median"] / b["median"] if rate else b["median"] / a["median"]) if b else None
    return {
        "name": name, "ours": round(a["median"], 4), "peer": b and round(b["median"], 4), "peer_name": peer_name,
        "unit": unit, "ratio": ratio and round(ratio, 2), "limit_share": limit_share and round(limit_share, 3),
        "ours_spread": [round(a["low"], 4), round(a["high"], 4)],
        "peer_spread": b and [round(b["low"], 4), round(b["high"], 4)], **extra,
    }  # fmt: skip


class Peak:
    """Growth of this process's own memory while something ran, in MiB, sampled every 5 ms.

    Pages of mapped files are left out: the system drops them when memory is short.
    """

    def __enter__(self) -> Peak:
        self.start = self.highest = self._now()
        self.running = True
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def _now(self) -> int:
        with open("/proc/self/statm") as file:
            _, resident, shared = map(int, file.read().split()[:3])
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")

    def _watch(self) -> None:
        while self.running:
            self.highest = max(self.highest, self._now())
            time.sleep(0.005)

    def __exit__(self, *error) -> None:
        self.running = False
        self.thread.join()

    @property
    def mib(self) -> float:
        """The growth."""
        return round((self.highest - self.start) / MIB, 1)


BEST: dict[str, float] = {}


def limits() -> dict[str, float]:
    """What this machine can do at most: matrix products in GFLOP/s, copying in GB/s; the best seen in this process.

    It is measured again whenever it is asked for, because a neighbour's load would make a single reading too low.
    """
    for name, value in _measure().items():
        BEST[name] = max(value, BEST.get(name, 0.0))
    return BEST


def _measure() -> dict[str, float]:
    found = {}
    for name, kind in (("float32", torch.float32), ("bf16", torch.bfloat16)):
        if kind == torch.bfloat16 and not bf16_is_faster():
            continue
        best = 1e9
        x, y = (torch.randn(2048, 2048, device=device()).to(kind) for _ in range(2))
        for _ in range(20):
            start = time.perf_counter()
            (x @ y)[0, 0].item()
            best = min(best, time.perf_counter() - start)
        found[name] = 2 * 2048**3 / best / 1e9
    found["matrix"] = max(found.values())
    x = torch.randn(64 * MIB // 4, device=device())
    y, best = torch.empty_like(x), 1e9
    for _ in range(20):
        start = time.perf_counter()
        y.copy_(x)[0].item()
        best = min(best, time.perf_counter() - start)
    found["copy"] = 2 * x.numel() * 4 / best / 1e9
    return found


@bench
def machine(repetitions: int) -> list[dict]:
    """The limits themselves."""
    unit = {"copy": "GB/s"}
    found = {name: value for name, value in limits().items() if name != "matrix"}
    return [
        {"name": f"machine {name}", "ours": round(value, 1), "peer": None, "peer_name": "",
         "unit": unit.get(name, "GFLOP/s"), "ratio": None, "limit_share": 1.0}
        for name, value in found.items()
    ]  # fmt: skip


def peers_python(name: str = "") -> str | None:
    """The interpreter of a peer's environment, if there is one: PLAID pins a torch of its own, the others share one."""
    variable, folder = ("PLAID", ".venv-plaid") if name == "plaid" else ("PEERS", ".venv-bench")
    path = Path(os.environ.get(f"OPTICAL_LITE_{variable}", ROOT / folder / "bin" / "python"))
    return str(path) if path.exists() else None


def ask_peer(name: str, request: dict) -> dict | None:
    """Run one peer in its own environment on a JSON request; None where it is not installed."""
    python = peers_python(name)
    if not python:
        return None
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "request.json", Path(folder) / "answer.json"
        write_json(asked, {"threads": get().threads, **request})
        script = str(Path(__file__).with_name("peers.py"))
        done = subprocess.run([python, script, name, str(asked), str(answered)], capture_output=True, text=True)
        if done.returncode or not answered.exists():
            print(f"peer {name}: {done.stderr.strip().splitlines()[-1:] or 'no answer'}", file=sys.stderr)
            return None
        return json.loads(answered.read_text())


def command(
    names: list[str], repetitions: int = 5, out: str | Path | None = None, page: str | Path | None = None
) -> list[dict]:
    """Run benchmarks, print each row as it comes, write the list, and put the table into a page."""
    from . import bench_growth, bench_pruned, bench_search, bench_training, bench_transport  # noqa: F401  they register themselves

    unknown = sorted(set(names) - set(TESTS))
    if unknown or repetitions < 1:
        raise InputError(
            f"bench: got {', '.join(unknown) or f'{repetitions} repetitions'}, "
            f"expected names among {', '.join(TESTS)} and at least 1 repetition"
        )
    device()  # sets the threads
    print(json.dumps(environment()))
    rows = []
    for name in names or [name for name in TESTS if name not in ONLY_BY_NAME]:
        for found in TESTS[name](repetitions):
            rows.append(found)
            print(line(found), flush=True)
            if out:
                write_json(out, rows)  # after every row: a long run that is stopped keeps what it measured
    if page:
        write_table(rows, Path(page))
    return rows


def line(found: dict) -> str:
    """A row for the reader."""
    number = lambda x: "" if x is None else f"{x:,.4g}"  # noqa: E731
    against = f" | {found['peer_name']} {number(found['peer'])}" if found["peer_name"] else ""
    ratio = f" | {found['ratio']:.2f} times" if found["ratio"] else ""
    share = f" | {found['limit_share']:.0%} of the limit" if found["limit_share"] else ""
    memory = f" | +{found['memory_mib']} MiB" if found.get("memory_mib") is not None else ""
    note = f" | {found['note']}" if found.get("note") else ""
    return f"{found['name']}: {number(found['ours'])} {found['unit']}{against}{ratio}{share}{memory}{note}"


def table(rows: list[dict]) -> str:
    """Rows as a Markdown table, for ``docs/performance.md``."""
    number = lambda x: "" if x is None else f"{x:,.4g}"  # noqa: E731
    lines = []
    for r in rows:
        peer = f"{number(r['peer'])} ({r['peer_name']})" if r["peer_name"] else ""
        share = f"{r['limit_share']:.0%}" if r["limit_share"] else ""
        ratio = f"{r['ratio']:.2f}" if r["ratio"] else ""
        lines.append((r["name"], number(r["ours"]), peer, r["unit"], ratio, share))
    return markdown(("what", "ours", "peer", "unit", "times faster", "share of the limit"), lines) + "\n"


def write_table(rows: list[dict], path: Path) -> None:
    """Replace the part of a page between its ``bench`` marks."""
    write_atomic(path, replace_block(path.read_text(encoding="utf-8"), "bench", table(rows), str(path)))
