"""Runner: the command ``bench``: which benchmarks run, in which order, and where their rows go."""

from __future__ import annotations

import json
import time
from pathlib import Path

from ..json_files import write_json
from ..provenance import environment
from ..settings import InputError, device

# isort: off
# they register themselves, and run in this order
from . import aligning, growth, search, training, transport  # noqa: F401
from . import first_use, gpu, scale  # noqa: F401

# isort: on
from .page import number, write
from .registry import TESTS

ONLY_BY_NAME = ("million", "gpu", "scale")  # too long, too much disk, or another page, for a run of everything


def command(
    names: list[str], repetitions: int = 5, out: str | Path | None = None, page: str | Path | None = None
) -> list[dict]:
    """Run benchmarks, print each row as it comes, write the list, and put the tables into a page.

    With names and a page, the rows of the other benchmarks are those that ``out`` holds from an earlier run.
    """
    unknown = sorted(set(names) - set(TESTS))
    if unknown or repetitions < 1:
        raise InputError(
            f"bench: got {', '.join(unknown) or f'{repetitions} repetitions'}, "
            f"expected names among {', '.join(TESTS)} and at least 1 repetition"
        )
    device()  # sets the threads
    print(json.dumps(environment()))
    rows = []
    if names and page and out and Path(out).exists():
        rows = [r for r in json.loads(Path(out).read_text(encoding="utf-8")) if r.get("bench") not in names]
    for name in names or [name for name in TESTS if name not in ONLY_BY_NAME]:
        start = time.perf_counter()
        for found in TESTS[name](repetitions):
            rows.append({**found, "bench": name})
            print(line(found), flush=True)
            if out:
                write_json(out, rows)  # after every row: a long run that is stopped keeps what it measured
        print(f"{name}: {time.perf_counter() - start:.0f} s in all", flush=True)
    if page:
        write(sorted(rows, key=lambda r: list(TESTS).index(r["bench"])), Path(page))
    return rows


def line(found: dict) -> str:
    """A row for the reader."""
    against = f" | {found['peer_name']} {number(found['peer'])}" if found["peer_name"] else ""
    ratio = f" | {found['ratio']:.2f} times" if found["ratio"] else ""
    share = f" | {found['limit_share']:.0%} of the limit" if found["limit_share"] else ""
    memory = f" | +{found['memory_mib']} MiB" if found.get("memory_mib") is not None else ""
    note = f" | {found['note']}" if found.get("note") else ""
    return f"{found['name']}: {number(found['ours'])} {found['unit']}{against}{ratio}{share}{memory}{note}"
