"""Runner: the command ``bench``: which benchmarks there are, and the tables that they fill.

A machine with bfloat16 instructions and one without are told apart, each with a table of its own,
so that a run replaces only that of its own kind. Some benchmarks have a table of their own.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from ..json_files import write_json
from ..provenance import environment
from ..safe_files import write_atomic
from ..settings import device, has_bf16, one_of
from ..study.markup import START, markdown, replace_block
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
HEADER = ["what", "ours", "peer", "unit", "times faster", "share of the limit", "MiB more", "note"]


def command(
    names: list[str], repetitions: int = 5, out: str | Path | None = None,
    page: str | Path | None = None,
) -> list[dict]:  # fmt: skip
    """Run benchmarks, print each row as it comes, write the list, and put the tables into a page.

    With names, the other rows of a page's tables stay as they are.
    """
    known = BENCHMARKS | ONLY_BY_NAME
    for name in names:
        one_of("bench: got", name, known)
    if page:
        # one that is not there is refused before the hours of measuring
        Path(page).read_text(encoding="utf-8")
    # sets the threads
    device()
    print(json.dumps(environment()))
    rows = []
    for name in names or BENCHMARKS:
        start = time.perf_counter()
        for found in known[name](repetitions):
            rows.append({**found, "bench": name})
            pairs = zip(HEADER, cells(found), strict=True)
            print(", ".join(f"{said} {cell}" for said, cell in pairs if cell), flush=True)
            if out:
                # after every row: a long run that is stopped keeps what it measured
                write_json(out, rows)
        print(f"{name}: {time.perf_counter() - start:.0f} s in all", flush=True)
    if page:
        write(rows, Path(page), whole=not names)
    return rows


def number(value: float | None) -> str:
    """Four digits, or nothing.

    Examples
    --------
    >>> number(1234.5), number(0.12345), number(None)
    ('1,234', '0.1235', '')
    """
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def cells(found: dict) -> tuple[str, ...]:
    """A row as text, under :data:`HEADER`."""
    peer = f"{number(found['peer'])} ({found['peer_name']})" if found["peer_name"] else ""
    ratio = f"{found['ratio']:.2f}" if found["ratio"] else ""
    share = f"{found['limit_share']:.0%}" if found["limit_share"] else ""
    memory, note = number(found["memory_mib"]), found["note"] or ""
    return (found["name"], number(found["ours"]), peer, found["unit"], ratio, share, memory, note)


def table(rows: list[dict]) -> str:
    """Rows as a Markdown table."""
    return markdown(HEADER, [cells(found) for found in rows])


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


OWN = {"lessons": lesson_table, "gpu": table, "scale": growth_table}


def kind() -> str:
    """The block of this machine's table: ``bench-bf16`` or ``bench-float32``."""
    return "bench-bf16" if has_bf16() else "bench-float32"


def write(rows: list[dict], path: Path, whole: bool = True) -> None:
    """Replace the tables of a page for which there are rows: this machine's, and :data:`OWN`.

    The machine's keeps its rows of other names, unless it is made as a ``whole``.
    """
    page, tables = path.read_text(encoding="utf-8"), {}
    for found in rows:
        name = found["bench"] if found["bench"] in OWN else kind()
        tables.setdefault(name, []).append(found)
    for name, some in tables.items():
        made = OWN.get(name, table)(some)
        if not whole and name not in OWN:
            made = beside(made, page.partition(f"{START}{name} -->\n")[2].partition("<!--")[0])
        page = replace_block(page, name, made, str(path))
    write_atomic(path, page)


def beside(made: str, old: str) -> str:
    r"""A table with the rows of an old one that it has none for, where they stood.

    >>> beside("| what |\n|---|\n| b | 2 |", "| what |\n|---|\n| a | 1 |\n| b | 1 |\n| c | 1 |\n")
    '| what |\n|---|\n| a | 1 |\n| b | 2 |\n| c | 1 |'
    """
    new, lines = made.splitlines()[2:], old.splitlines()[2:]
    taken = {line.split(" | ")[0] for line in new}
    first = next((i for i, line in enumerate(lines) if line.split(" | ")[0] in taken), len(lines))
    after = [line for line in lines[first:] if line.split(" | ")[0] not in taken]
    return "\n".join([*made.splitlines()[:2], *lines[:first], *new, *after])
