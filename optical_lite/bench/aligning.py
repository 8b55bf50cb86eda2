"""Benchmark of aligning files: pairs a second of ``align --tsv``, whole encoders and their first four layers."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from ..alignment.files import student, write_links
from ..alignment.plans import align
from ..encoder import teacher
from .registry import Peak, bench, limits, row, take_turns
from .training import forward_flops, swahili

PAIRS, FEW, LONGEST = 512, 32, 60  # in the file, and one at a time; words a side, so that every pair fits the encoder


@bench
def aligning(repetitions: int) -> list[dict]:
    """A file of pairs into a file of links, against one pair at a time; the limit counts both encoders' products."""
    fits = (pair for pair in swahili().pairs if all(len(side.split()) <= LONGEST for side in pair))
    pairs, rows = list(itertools.islice(fits, PAIRS)), []
    with tempfile.TemporaryDirectory() as folder:
        tsv, links = Path(folder) / "pairs.tsv", Path(folder) / "links.txt"
        tsv.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
        for layers in (6, 4):
            source, english = student("sw").upto(layers), teacher().upto(layers)

            def ours(source=source, english=english) -> None:
                write_links(source, english, tsv, links, progress=False)

            def plain(source=source, english=english) -> None:
                for pair in pairs[:FEW]:
                    align(source, english, *pair)

            with Peak() as peak:
                mine, theirs = take_turns(ours, plain, repetitions)
            theirs = [seconds * len(pairs) / FEW for seconds in theirs]
            sides = zip((source, english), zip(*pairs, strict=True), strict=True)
            flops = sum(forward_flops(e, [len(ids) for ids in e.tokenize(texts)]) for e, texts in sides) / 1e9
            share = flops / sorted(mine)[len(mine) // 2] / limits()["matrix"]
            common = {"work": len(pairs), "limit_share": share, "memory_mib": peak.mib}
            name = "align --tsv" + ("" if layers == 6 else f" --layer {layers}")
            rows.append(row(name, "pairs/s", mine, theirs, "one pair at a time", **common))
    return rows
