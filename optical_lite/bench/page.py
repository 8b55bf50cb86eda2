"""Bench page: what the benchmarks found as the generated tables of ``docs/performance.md``.

A machine with bfloat16 instructions and one without are told apart, each with a block of its own, so that a run
replaces only the table of its own kind. Growth and lessons have tables of their own.
"""

from __future__ import annotations

import math
from pathlib import Path

from ..safe_files import write_atomic
from ..settings import has_bf16
from ..study.markup import markdown, replace_block


def number(value: float | None) -> str:
    """Four digits, or nothing.

    Examples
    --------
    >>> number(1234.5), number(0.12345), number(None)
    ('1,234', '0.1235', '')
    """
    return "" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def table(rows: list[dict]) -> str:
    """Rows as a Markdown table, memory and notes included; growth and lessons left out."""
    lines = []
    for r in rows:
        if "size" in r or "profile" in r:
            continue
        peer = f"{number(r['peer'])} ({r['peer_name']})" if r["peer_name"] else ""
        share = f"{r['limit_share']:.0%}" if r["limit_share"] else ""
        ratio = f"{r['ratio']:.2f}" if r["ratio"] else ""
        memory = number(r.get("memory_mib"))
        lines.append((r["name"], number(r["ours"]), peer, r["unit"], ratio, share, memory, r.get("note") or ""))
    header = ("what", "ours", "peer", "unit", "times faster", "share of the limit", "MiB more", "note")
    return markdown(header, lines) + "\n"


def slope(sizes: list[float], values: list[float]) -> float:
    """Exponent of growth: the least-squares slope of log value against log size.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3, 12, 48]), 3)
    2.0
    """
    x, y = [math.log(s) for s in sizes], [math.log(max(v, 1e-9)) for v in values]
    middle = sum(x) / len(x)
    return sum((a - middle) * b for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)


def growth_table(rows: list[dict]) -> str:
    """How time and memory grow with each quantity: both ends, and the log-log slopes.

    A size that asked the system for less than 1 MiB (it was given memory left over from before) says nothing about
    growth: the slope of memory is over the others.
    """
    quantities: dict[str, list[dict]] = {}
    for r in rows:
        if "size" in r:
            quantities.setdefault(r["quantity"], []).append(r)
    lines = []
    for name, found in quantities.items():
        sizes, times = [r["size"] for r in found], [r["ours"] for r in found]
        seen = [(r["size"], r["memory_mib"]) for r in found if r["memory_mib"] >= 1]
        ends = [f"{number(x[0])} to {number(x[-1])}" for x in (sizes, times, [r["memory_mib"] for r in found])]
        memory = f"{slope(*zip(*seen, strict=True)):.2f}" if len(seen) > 1 else "below 1 MiB"
        lines.append((name, ends[0], ends[1], f"{slope(sizes, times):.2f}" if len(sizes) > 1 else "", ends[2], memory))
    header = ("what grows", "sizes", "ms", "exponent of time", "MiB more", "exponent of memory")
    return markdown(header, lines) + "\n"


def lesson_table(rows: list[dict]) -> str:
    """Wall time of each lesson, a column for each profile, and the sum."""
    lessons: dict[str, dict[str, float]] = {}
    for r in rows:
        if "profile" in r:
            lessons.setdefault(r["lesson"], {})[r["profile"]] = r["ours"] / 1000
    profiles = sorted({profile for times in lessons.values() for profile in times}, reverse=True)
    lines = [(name, *(f"{times[p]:.0f}" if p in times else "" for p in profiles)) for name, times in lessons.items()]
    total = [f"{sum(times.get(p, 0.0) for times in lessons.values()):.0f}" for p in profiles]
    return markdown(("lesson", *(f"{p}, s" for p in profiles)), [*lines, ("all", *total)]) + "\n"


def scale_table(rows: list[dict]) -> str:
    """What each quantity takes at both sizes, and what arithmetic says of the larger.

    Arithmetic is a row's ``expected``, or else the smaller size's value times what the size grew by.
    """
    quantities: dict[str, list[dict]] = {}
    for r in rows:
        quantities.setdefault(r["quantity"], []).append(r)
    lines = []
    for name, (small, large) in quantities.items():
        said = large["expected"] or small["ours"] * (large["scale"] / small["scale"]) ** large["grows"]
        lines.append((name, *(f"{number(x)} {large['unit']}" for x in (small["ours"], large["ours"], said)),
                      f"{large['ours'] / said:.2f}"))  # fmt: skip
    header = ("what", f"{small['scale']:,}", f"{large['scale']:,}", "arithmetic", "measured / arithmetic")
    return markdown(header, lines) + "\n"


def kind() -> str:
    """The block of this machine's table: ``bench-bf16`` or ``bench-float32``."""
    return "bench-bf16" if has_bf16() else "bench-float32"


def write(rows: list[dict], path: Path) -> None:
    """Replace the tables of a page for which there are rows: this machine's, and those that have one of their own."""
    page = path.read_text(encoding="utf-8")
    for name, key, text in (
        ("growth", "size", growth_table),
        ("lessons", "profile", lesson_table),
        ("gpu", "gpu", table),
        ("scale", "scale", scale_table),
    ):
        if some := [r for r in rows if key in r]:
            page = replace_block(page, name, text(some), str(path))
        rows = [r for r in rows if key not in r]
    if rows:
        page = replace_block(page, kind(), table(rows), str(path))
    write_atomic(path, page)
