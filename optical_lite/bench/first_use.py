"""Benchmarks of what a newcomer waits for: the demo from nothing, by stage, and every lesson."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..settings import ROOT
from .registry import bench, row

COLD = """
import json, sys
from pathlib import Path
from optical_lite import demo, plots
folder = Path(sys.argv[1])
plots.FIGURES = folder
result = demo.run(out=folder / "run", progress=False)
(folder / "demo.json").write_text(json.dumps(result.record()))
"""


@bench
def demo(repetitions: int) -> list[dict]:
    """The demo in a new process with empty folders, once: a row for each stage that it records, and the whole."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        environment = {**os.environ, "OPTICAL_LITE_CACHE": f"{folder}/cache", "OPTICAL_LITE_PROFILE": "pocket"}
        subprocess.run([sys.executable, "-c", COLD, folder], check=True, capture_output=True, cwd=ROOT, env=environment)
        whole = time.perf_counter() - start
        stages = json.loads((Path(folder) / "demo.json").read_text(encoding="utf-8"))["seconds"]
    stages["start, and printing"] = whole - sum(stages.values())
    rows = [row(f"cold demo, {stage}", "ms", [seconds], [], "") for stage, seconds in stages.items()]
    return [*rows, row("cold demo, all", "ms", [whole], [], "", note="once; empty cache and run folder")]


@bench
def notebooks(repetitions: int) -> list[dict]:
    """Wall time of each lesson in the smoke and the pocket profile (once each: they take minutes)."""
    from nbclient import NotebookClient
    from nbformat import read

    rows = []
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        for profile in ("smoke", "pocket"):
            before = os.environ.get("OPTICAL_LITE_PROFILE")
            os.environ["OPTICAL_LITE_PROFILE"] = profile
            try:
                start = time.perf_counter()
                NotebookClient(read(path, 4), timeout=900, resources={"metadata": {"path": str(path.parent)}}).execute()
                seconds = time.perf_counter() - start
            finally:
                os.environ.pop("OPTICAL_LITE_PROFILE")
                if before:
                    os.environ["OPTICAL_LITE_PROFILE"] = before
            common = {"lesson": path.stem, "profile": profile}
            rows.append(row(f"notebook {path.stem}, {profile}", "ms", [seconds], [], "", **common))
    return rows
