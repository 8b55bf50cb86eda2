"""Benchmark of scale: what ten times the passages and ten times the pairs take, beside what arithmetic says.

Passages are those of :class:`.search.Synthetic`. Sentence pairs are made up: a word is drawn the more often the lower
its number, as in a text, and stands for the word of the same number on the other side.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from ..corpora import Bitext
from ..distillation import tokens
from ..encoder import teacher
from ..formats.own import FilePairs
from ..kernels.index_file import writing
from ..lexicon import ibm1
from ..retrieval import PassageIndex, score
from ..safe_files import write_atomic
from .growth import give_back
from .registry import Peak, bench
from .search import WIDTH, Synthetic, one, part

SIZES = 10_000, 100_000
WORDS, LENGTH = 200_000, 14  # of the vocabulary of made-up text; of a sentence


def _entry(quantity: str, size: int, value: float, unit: str, expected: float | None = None, grows: int = 1) -> dict:
    """A row; arithmetic says ``expected``, or that it grows with this power of the size."""
    return {
        "name": f"{quantity}, {size:,}", "ours": value, "peer": None, "peer_name": "", "unit": unit, "ratio": None,
        "limit_share": None, "quantity": quantity, "scale": size, "expected": expected, "grows": grows,
    }  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    """Processor time: other work on the machine adds little to it."""
    start = time.process_time()
    work()
    return time.process_time() - start


def passages(size: int, repetitions: int) -> Iterator[dict]:
    """An index written to a file and searched from there."""
    made = Synthetic(size)
    vectors = int(made.lengths.sum())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.safetensors"

        def write() -> None:
            with writing(path, made.ids, made.lengths, WIDTH) as put:
                for begin, rows in made.parts():
                    put(begin, rows)

        yield _entry("passages: index written", size, _seconds(write), "s")
        # two bytes a dimension
        yield _entry("passages: index on disk", size, path.stat().st_size / 1e6, "MB", vectors * WIDTH * 2 / 1e6)
        index = PassageIndex.load(path)
        score(index, one(made.questions, 0))
        times = sorted(_seconds(lambda i=i: score(index, one(made.questions, i))) for i in range(max(3, repetitions)))
        yield _entry("passages: one question", size, 1000 * times[len(times) // 2], "ms")
        some = part(made.questions, 100)
        flops = 2 * int(some.mask.sum()) * vectors * WIDTH
        seconds = _seconds(lambda: score(index, some))
        yield _entry("passages: 100 questions at once", size, seconds, "s")
        yield _entry("passages: operations a second", size, flops / seconds / 1e9, "GFLOP/s", grows=0)


def made_up(size: int) -> list[tuple[list[str], list[str]]]:
    """Sentence pairs, word for word, in an order of their own on either side."""
    draw = torch.Generator().manual_seed(0)
    numbers = (torch.rand(size, LENGTH, generator=draw) * torch.log(torch.tensor(float(WORDS)))).exp().long()
    other = torch.stack([row[torch.randperm(LENGTH, generator=draw)] for row in numbers])
    return [([f"s{k}" for k in a], [f"t{k}" for k in b]) for a, b in zip(numbers.tolist(), other.tolist(), strict=True)]


def pairs(size: int) -> Iterator[dict]:
    """What training reads before its first step: words of a lexicon, token ids of a file."""
    text = made_up(size)
    give_back()
    with Peak() as peak:
        seconds = _seconds(lambda: ibm1(text, 4))
    yield _entry("pairs: lexicon", size, seconds, "s")
    yield _entry("pairs: memory of the lexicon", size, peak.mib, "MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.tsv"
        write_atomic(path, "".join(f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in text))
        text.clear()
        give_back()
        bitext, english, sides = Bitext("made up", "xx", "en", FilePairs(path)), teacher(), []
        with Peak() as peak:
            seconds = _seconds(lambda: sides.extend(tokens(english, english, bitext, 64)[:2]))
        yield _entry("pairs: token ids", size, seconds, "s")
        ids = sum(int(side.lengths.sum()) for side in sides)  # four bytes each
        disk = sum(os.fstat(side.file.fileno()).st_size for side in sides)
        yield _entry("pairs: token ids on disk", size, disk / 1e6, "MB", ids * 4 / 1e6)
        # 4,096 pairs in work, whatever the size; sixteen bytes a pair, for where its rows end, are little beside them
        yield _entry("pairs: memory of token ids", size, peak.mib, "MiB", grows=0)


@bench
def scale(repetitions: int) -> Iterator[dict]:
    """Both, at each size."""
    for size in SIZES:
        yield from passages(size, repetitions)
    for size in SIZES:
        yield from pairs(size)
