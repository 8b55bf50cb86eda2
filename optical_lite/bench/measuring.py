"""Measuring: ours and its peers side by side, beside what the machine can do at most.

Absolute times say little about a machine one does not know, so all take turns on the same work.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
import torch

from ..json_files import write_json
from ..kernels.shared_rows import trim
from ..settings import ROOT, device, get, has_bf16

MIB = 1 << 20
# the interpreters of the peers' environment, and of PLAID's, which pins a torch
PEERS, PLAID = (ROOT / folder / "bin" / "python" for folder in (".venv-bench", ".venv-plaid"))
MISSING = "not installed or failed"
COLUMNS = (
    "name", "ours", "peer", "peer_name", "unit", "ratio", "limit_share", "memory_mib", "note",
    "peer_note",
)  # fmt: skip
# rows of a square matrix and MiB of a copy; on a GPU launch and wait are a few hundredths of these
WORK, GPU_WORK = (2048, 64), (8192, 4096)


def row(name: str, unit: str, ours: float | None, **columns: object) -> dict:
    """A row of the page: :data:`COLUMNS`, of which those not given are empty, and others."""
    return dict.fromkeys(COLUMNS) | {"name": name, "unit": unit, "ours": ours} | columns


class Peer(NamedTuple):
    """What ours is compared with."""

    # its work, or the seconds that it took elsewhere; none where it could not be had
    turn: Callable | list[float]
    note: str = ""
    # how much one turn does, where that is less than a turn of ours
    work: float | None = None


def take_turns(works: list[Callable], repetitions: int) -> list[list[float]]:
    """Seconds of each work, one after the other in each repetition, after one that does not count.

    A work that returns a number has timed itself.
    """
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(repetitions + 1):
        for side, work in zip(seconds, works, strict=True):
            start = time.perf_counter()
            found = work()
            taken = time.perf_counter() - start
            side.append(found if isinstance(found, float) else taken)
    return [side[1:] for side in seconds]


def side_by_side(
    name: str, unit: str, ours: Callable, peers: dict[str, Peer], repetitions: int, *,
    work: float = 1.0, operations: float = 0.0, limit: str = "matrix", note: str = "",
) -> list[dict]:  # fmt: skip
    """Ours against each peer, a row each; a single row where there is none.

    Parameters
    ----------
    unit : ``ms``, or a rate such as ``pairs/s``, for which ``work`` says how much a turn does
    operations : of a turn of ours (bytes moved, where the limit is ``copy``), for the share of
        the limit, one of :func:`limits`
    """
    peers = peers or {"": Peer([])}
    turns = [peer.turn for peer in peers.values() if callable(peer.turn)]
    with Peak() as peak:
        mine, *others = take_turns([ours, *turns], repetitions)

    def value(seconds: float) -> float:
        return round(work / seconds if unit.endswith("/s") else 1000 * seconds, 4)

    taken, found = median(mine), []
    columns = {"note": note, "memory_mib": peak.mib if device() == "cpu" else None}
    if operations:
        columns["limit_share"] = round(operations / 1e9 / taken / limits()[limit], 3)
    for label, peer in peers.items():
        seconds = others.pop(0) if callable(peer.turn) else peer.turn
        said = peer.note or (MISSING if label and not seconds else "")
        line = row(name, unit, value(taken), peer_name=label, peer_note=said, **columns)
        if seconds:
            theirs = median(seconds) * work / (peer.work or work)
            line |= {"peer": value(theirs), "ratio": round(theirs / taken, 2)}
        found.append(line)
    return found


class Peak(threading.Thread):
    """Growth of this process's own memory while something ran, in MiB, sampled every 5 ms.

    Pages of mapped files are left out: the system drops them when memory is short. So is what was
    freed before, which would hide as much growth.
    """

    def __enter__(self) -> Peak:
        gc.collect()
        trim()
        self.before = self.highest = self._now()
        self.done = threading.Event()
        self.start()
        return self

    def _now(self) -> int:
        found = psutil.Process().memory_info()
        return found.rss - found.shared

    def run(self) -> None:
        """Sample until it is over."""
        while not self.done.wait(0.005):
            self.highest = max(self.highest, self._now())

    def __exit__(self, *error) -> None:
        self.done.set()
        self.join()
        # what came and stayed since the last sample
        self.highest = max(self.highest, self._now())
        self.mib = round((self.highest - self.before) / MIB, 1)


BEST: dict[str, float] = {}


def limits() -> dict[str, float]:
    """What this machine can do at most: matrix products in GFLOP/s, copying in GB/s.

    Each call measures again and the best of this process counts, because a neighbour's load makes
    a single reading too low. ``matrix`` is the faster number type's.
    """
    size, megabytes = GPU_WORK if device() == "cuda" else WORK

    def keep(name: str, work: Callable, amount: float) -> None:
        seconds = min(timeit.repeat(work, number=1, repeat=20))
        BEST[name] = max(amount / seconds / 1e9, BEST.get(name, 0.0))

    kinds = {"float32": torch.float32} | ({"bf16": torch.bfloat16} if has_bf16() else {})
    for name, kind in kinds.items():
        x, y = (torch.randn(size, size, device=device()).to(kind) for _ in range(2))
        keep(name, lambda x=x, y=y: (x @ y)[0, 0].item(), 2 * size**3)
    x = torch.randn(megabytes * MIB // 4, device=device())
    y = torch.empty_like(x)
    keep("copy", lambda: y.copy_(x)[0].item(), 2 * x.nbytes)
    return BEST | {"matrix": max(BEST[name] for name in kinds)}


def machine(repetitions: int) -> list[dict]:
    """The limits themselves."""
    return [
        row(f"machine {name}", "GB/s" if name == "copy" else "GFLOP/s", value, limit_share=1.0)
        for name, value in limits().items()
        if name != "matrix"
    ]


def ask_peer(name: str, request: dict) -> dict:
    """Run one peer in its own environment on a JSON request; no ``seconds`` where that fails."""
    python = PLAID if name == "plaid" else PEERS
    if not python.exists():
        return {"seconds": []}
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "request.json", Path(folder) / "answer.json"
        write_json(asked, {"threads": get().threads, **request})
        line = [python, Path(__file__).with_name("peers.py"), name, asked, answered]
        done = subprocess.run(line, capture_output=True, text=True)
        if done.returncode:
            print(f"peer {name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return {"seconds": []}
        return json.loads(answered.read_text())
