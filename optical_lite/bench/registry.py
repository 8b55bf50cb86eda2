"""Bench: ours and its peers side by side in one run.

Absolute times say little about a machine one does not know, so every row is a ratio: ours and the peer take turns,
repetition by repetition, on the same work, and the medians are compared. Beside it stands the share of what the
machine can do at most, measured in the same run.

A row is ``{"name", "ours", "peer", "peer_name", "unit", "ratio", "limit_share"}`` and, for the reader, ``ours_spread``,
``peer_spread`` (lowest and highest repetition), ``memory_mib`` (growth of memory while ours ran), ``note`` and
``bench``, the benchmark it belongs to.
``ratio`` is how many times ours is faster; a peer that is not installed leaves ``peer`` and ``ratio`` empty and says
so in the note.
"""

from __future__ import annotations

import gc
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

from ..json_files import write_json
from ..settings import ROOT, device, get, has_bf16

TESTS = {}
MIB = 1 << 20
SLOW = 2.0, 20.0  # seconds a turn from which a peer takes fewer turns


def bench(function: Callable) -> Callable:
    """Register a benchmark under its name."""
    TESTS[function.__name__] = function
    return function


def spread(times: list[float]) -> dict:
    """Median, lowest and highest of some repetitions."""
    return {"median": statistics.median(times), "low": min(times), "high": max(times)}


def take_turns(ours: Callable, peer: Callable | None, repetitions: int) -> tuple[list[float], list[float]]:
    """Seconds of both sides, one after the other in each repetition, after one that does not count.

    A slow peer takes fewer turns: three where one takes over SLOW[0] seconds; where it takes over SLOW[1], two, and the
    first of them is the one that otherwise does not count.
    """
    times: tuple[list[float], list[float]] = [], []
    most = repetitions + 1  # of the peer
    for i in range(repetitions + 1):
        for side, work in zip(times, (ours, peer), strict=True):
            if work is None or (side is times[1] and i >= most):
                continue
            start = time.perf_counter()
            work()
            side.append(time.perf_counter() - start)
        if not i and peer and times[1][0] > SLOW[0]:
            most = min(most, 2 if times[1][0] > SLOW[1] else 4)
    mine, theirs = times
    return mine[1:], theirs if theirs and theirs[0] > SLOW[1] else theirs[1:]


def row(
    name: str, unit: str, ours: list[float], peer: list[float], peer_name: str, *, work: float = 1.0,
    limit_share: float | None = None, **extra,
) -> dict:  # fmt: skip
    """A row from seconds of both sides; with ``work``, rates (work a second) instead of times."""
    rate = unit.endswith("/s")
    value = (lambda s: work / s) if rate else (lambda s: s * 1000)
    mine, theirs = ([value(s) for s in side] for side in (ours, peer))
    a, b = spread(mine), spread(theirs) if theirs else None
    if 0 < len(theirs) < len(mine):
        few = f"peer repeated {len(theirs)} times, it is slow"
        extra["note"] = "; ".join(filter(None, (extra.get("note"), few)))
    ratio = (a["median"] / b["median"] if rate else b["median"] / a["median"]) if b else None
    return {
        "name": name, "ours": round(a["median"], 4), "peer": b and round(b["median"], 4), "peer_name": peer_name,
        "unit": unit, "ratio": ratio and round(ratio, 2), "limit_share": limit_share and round(limit_share, 3),
        "ours_spread": [round(a["low"], 4), round(a["high"], 4)],
        "peer_spread": b and [round(b["low"], 4), round(b["high"], 4)], **extra,
    }  # fmt: skip


class Peak:
    """Growth of this process's own memory while something ran, in MiB, sampled every 5 ms and at the end.

    Pages of mapped files are left out: the system drops them when memory is short. So is garbage of before, which would
    be collected meanwhile and hide as much growth.
    """

    def __enter__(self) -> Peak:
        gc.collect()
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
        self.highest = max(self.highest, self._now())  # what came and stayed since the last sample

    @property
    def mib(self) -> float:
        """The growth."""
        return round((self.highest - self.start) / MIB, 1)


BEST: dict[str, float] = {}
MEASURED: dict[str, float] = {}
FRESH = 60.0  # seconds before the limits are measured again


def limits() -> dict[str, float]:
    """What this machine can do at most: matrix products in GFLOP/s, copying in GB/s; the best seen in this process.

    It is measured again when it is asked for and the last time is a minute ago, because a neighbour's load would make a
    single reading too low.
    """
    if time.monotonic() - MEASURED.get("at", -FRESH) >= FRESH:
        for name, value in _measure().items():
            BEST[name] = max(value, BEST.get(name, 0.0))
        MEASURED["at"] = time.monotonic()
    return BEST


def _measure(size: int = 2048, megabytes: int = 64, times: int = 20) -> dict[str, float]:
    found = {}
    for name, kind in (("float32", torch.float32), ("bf16", torch.bfloat16)):
        if kind == torch.bfloat16 and not has_bf16():
            continue
        best = 1e9
        x, y = (torch.randn(size, size, device=device()).to(kind) for _ in range(2))
        for _ in range(times):
            start = time.perf_counter()
            (x @ y)[0, 0].item()
            best = min(best, time.perf_counter() - start)
        found[name] = 2 * size**3 / best / 1e9
    found["matrix"] = max(found.values())
    x = torch.randn(megabytes * MIB // 4, device=device())
    y, best = torch.empty_like(x), 1e9
    for _ in range(times):
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
