"""Benchmarks of what a newcomer waits for: imports and --help, every lesson."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from ..settings import ROOT
from .measuring import Peer, row, side_by_side


def python(*arguments: str, **environment: str) -> None:
    """Run a new process to its end."""
    how = {"check": True, "capture_output": True, "cwd": ROOT}
    subprocess.run([sys.executable, *arguments], env={**os.environ, **environment}, **how)


def startup(repetitions: int) -> Iterator[dict]:
    """Import and --help, against importing what they put off, and against Python itself."""
    peers = {
        "import torch, transformers": Peer(lambda: python("-c", "import torch, transformers")),
        "Python alone": Peer(lambda: python("-c", "pass")),
    }
    for name, arguments in {
        "import optical_lite": ("-c", "import optical_lite"),
        "optical_lite align --help": ("-m", "optical_lite", "align", "--help"),
        "optical_lite --help": ("-m", "optical_lite", "--help"),
    }.items():
        ours = functools.partial(python, *arguments)
        yield from side_by_side(name, "ms", ours, peers, repetitions)


def lessons(repetitions: int) -> Iterator[dict]:
    """Wall time of each lesson in the smoke and the pocket profile, once: they take minutes."""
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        for profile in ("smoke", "pocket"):
            start = time.perf_counter()
            line = ("-c", "from nbclient.cli import main; main()", "--timeout=900", str(path))
            python(*line, OPTICAL_LITE_PROFILE=profile)
            taken = 1000 * (time.perf_counter() - start)
            lesson = {"lesson": path.stem, "profile": profile}
            yield row(f"lesson {path.stem}, {profile}", "ms", taken, **lesson)
