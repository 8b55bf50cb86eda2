"""Runner: the command ``bench``: which benchmarks there are, and the tables that they fill."""

from __future__ import annotations

import json
import time
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from ..formats.lines import read_text
from ..json_files import write_json
from ..provenance import environment
from ..safe_files import write_atomic
from ..settings import device, has_bf16, one_of
from ..study.markup import markdown, replace_block
from . import first_use, gpu, measuring, scale, search, training, transport

# what a run of everything does, in this order
BENCHMARKS = {
    "machine": measuring.machine,
    "startup": first_use.startup,
    "distillation": training.distillation,
    "encoding": training.encoding,
    "transport": transport.transport,
    "maximum_similarity": search.maximum_similarity,
    "lessons": first_use.lessons,
}
# of another page, and long
ONLY_BY_NAME = {"gpu": gpu.gpu, "scale": scale.scale}


def command(
    names: list[str], repetitions: int = 5, out: str | Path | None = None,
    page: str | Path | None = None,
) -> list[dict]:  # fmt: skip
    """Run benchmarks, print each row as it comes, write the list, put their tables into a page."""
    known = BENCHMARKS | ONLY_BY_NAME
    for name in names:
        one_of("bench: got", name, known)
    # sets the threads
    device()
    # a page without a place for a table is refused before the hours of measuring
    text = read_text(page) if page else ""
    for name in (names or BENCHMARKS) if page else ():
        replace_block(text, mark(name), "", str(page))
    print(json.dumps(environment()))
    rows = []
    for name in names or BENCHMARKS:
        start = time.perf_counter()
        for found in known[name](repetitions):
            rows.append({**found, "bench": name})
            shown = {k: number(x) if isinstance(x, float) else x for k, x in found.items()}
            print(", ".join(f"{said} {x}" for said, x in shown.items() if x), flush=True)
            if out:
                # after every row: a long run that is stopped keeps what it measured
                write_json(out, rows)
        print(f"{name}: {time.perf_counter() - start:.0f} s in all", flush=True)
    if page:
        write(rows, Path(page))
    return rows


def number(value: float | None) -> str:
    """Four digits, or nothing.

    >>> number(1234.5), number(0.12345), number(None)
    ('1,234', '0.1235', '')
    """
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def table(rows: list[dict]) -> str:
    """A line for each thing that was measured, a column for each peer.

    In brackets behind a peer's value: how many times faster ours is.
    """
    lines = []
    for name, some in groupby(rows, itemgetter("name")):
        some = list(some)
        first = some[0]
        line, notes = {"what": name, "MiB more": number(first["memory_mib"])}, [first["note"]]
        if first["ours"]:
            line["ours"] = f"{number(first['ours'])} {first['unit']}"
        if first["limit_share"]:
            line["share of the limit"] = f"{first['limit_share']:.0%}"
        for found in some:
            peer, said = found["peer_name"], found["peer_note"]
            if found["peer"]:
                line[peer] = f"{number(found['peer'])} ({found['ratio']:.2f})"
                notes.append(f"{peer}: {said}" if said else "")
            elif peer:
                line[peer] = said
        lines.append(line | {"note": "; ".join(filter(None, notes))})
    peers = dict.fromkeys(found["peer_name"] for found in rows if found["peer_name"])
    header = ["what", "ours", *peers, "share of the limit", "MiB more", "note"]
    header = [each for each in header if any(line.get(each) for line in lines)]
    return markdown(header, [[line.get(each, "") for each in header] for line in lines])


def growth_table(rows: list[dict]) -> str:
    """How each quantity grows: both ends, and the exponent, a least-squares slope of logarithms.

    A size that asked the system for less than 1 MiB (it was given memory left over from before)
    says nothing about growth: the exponent is over the others.
    """

    def ends(values: pd.Series) -> str:
        return f"{number(values.iloc[0])} to {number(values.iloc[-1])}"

    lines = []
    for name, found in pd.DataFrame(rows).groupby("quantity", sort=False):
        exponent, unit = "below 1 MiB", found["unit"].iloc[0]
        seen = found[found["ours"] >= 1] if unit == "MiB" else found
        if len(seen) > 1:
            exponent = f"{np.polyfit(np.log(seen['size']), np.log(seen['ours']), 1)[0]:.2f}"
        lines.append((name, ends(found["size"]), f"{ends(found['ours'])} {unit}", exponent))
    return markdown(("what grows", "sizes", "measured", "exponent"), lines)


def lesson_table(rows: list[dict]) -> str:
    """Wall time of each lesson, a column for each profile, and the sum."""
    seconds = pd.DataFrame(rows).pivot(index="lesson", columns="profile", values="ours") / 1000
    seconds.loc["all"] = seconds.sum()
    lines = [(name, f"{x.smoke:.0f}", f"{x.pocket:.0f}") for name, x in seconds.iterrows()]
    return markdown(("lesson", "smoke, s", "pocket, s"), lines)


# benchmarks that have one table, not one for each kind of machine
OWN = {"lessons": lesson_table, "gpu": table, "scale": growth_table}


def mark(bench: str) -> str:
    """The name of a benchmark's table on a page, of this kind of machine."""
    kind = ("bf16" if has_bf16() else "float32") if device() == "cpu" else device()
    return bench if bench in OWN else f"{bench}-{kind}"


def write(rows: list[dict], path: Path) -> None:
    """Replace the tables of a page for which there are rows."""
    page = read_text(path)
    for bench, some in groupby(rows, itemgetter("bench")):
        page = replace_block(page, mark(bench), OWN.get(bench, table)(list(some)), str(path))
    write_atomic(path, page)
