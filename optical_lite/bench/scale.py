"""Benchmark of what more data costs: up to a million passages and sentence pairs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import torch

from ..corpora import Bitext
from ..distillation import tokens
from ..encoder import teacher
from ..formats.own import FilePairs
from ..kernels.index_file import writing
from ..lexicon import ibm1
from ..retrieval import PassageIndex, score
from ..safe_files import write_atomic
from . import material, search
from .measuring import Peak, row

SIZES = 10_000, 100_000, 1_000_000
# of the vocabulary of made-up text; of a sentence
WORDS, LENGTH = 200_000, 14


def entry(quantity: str, size: int, unit: str, value: float) -> dict:
    """A row; how a quantity grows with its sizes is in the page's table."""
    return row(f"{quantity}, {size:,}", unit, value, quantity=quantity, size=size)


def seconds(work: Callable[[], object]) -> float:
    """Processor time: other work on the machine adds little to it."""
    start = time.process_time()
    work()
    return time.process_time() - start


def passages(size: int, repetitions: int) -> Iterator[dict]:
    """An index written to a file and searched from there."""
    ids, lengths, vectors, questions = material.drawn(size)
    rows = int(lengths.sum())

    def write() -> None:
        with writing(path, ids, lengths, material.WIDTH) as put:
            for begin in range(0, rows, len(vectors)):
                put(begin, vectors[: rows - begin])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.safetensors"
        yield entry("passages: index written", size, "s", seconds(write))
        yield entry("passages: index on disk", size, "MB", path.stat().st_size / 1e6)
        index = PassageIndex.load(path)
        few, many = (material.some(questions, slice(count)) for count in (1, 100))
        # the first does not count
        times = [seconds(lambda: score(index, few)) for _ in range(1 + max(3, repetitions))]
        yield entry("passages: one question", size, "ms", 1000 * median(times[1:]))
        taken = seconds(lambda: score(index, many))
        yield entry("passages: 100 questions at once", size, "s", taken)
        rate = search.operations(index, many) / taken / 1e9
        yield entry("passages: operations a second", size, "GFLOP/s", rate)


def made_up(size: int) -> list[tuple[list[str], list[str]]]:
    """Sentence pairs, word for word, in an order of their own on either side.

    A word is drawn the more often the lower its number, as in a text.
    """
    draw = torch.Generator().manual_seed(0)
    drawn = torch.rand(size, LENGTH, generator=draw) * torch.log(torch.tensor(float(WORDS)))
    numbers = drawn.exp().long()
    other = torch.stack([row[torch.randperm(LENGTH, generator=draw)] for row in numbers])
    both = zip(numbers.tolist(), other.tolist(), strict=True)
    return [([f"s{k}" for k in a], [f"t{k}" for k in b]) for a, b in both]


def pairs(size: int) -> Iterator[dict]:
    """What training reads before its first step: words of a lexicon, token ids of a file."""
    text = made_up(size)
    with Peak() as peak:
        taken = seconds(lambda: ibm1(text, 4))
    yield entry("pairs: lexicon", size, "s", taken)
    yield entry("pairs: memory of the lexicon", size, "MiB", peak.mib)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.tsv"
        write_atomic(path, "".join(f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in text))
        text.clear()
        bitext, english, sides = Bitext("made up", "xx", "en", FilePairs(path)), teacher(), []
        with Peak() as peak:
            taken = seconds(lambda: sides.extend(tokens(english, english, bitext, 64)[:2]))
        yield entry("pairs: token ids", size, "s", taken)
        disk = sum(os.fstat(side.file.fileno()).st_size for side in sides) / 1e6
        yield entry("pairs: token ids on disk", size, "MB", disk)
        # 4,096 pairs in work, whatever the size; sixteen bytes a pair are little beside them
        yield entry("pairs: memory of token ids", size, "MiB", peak.mib)


def scale(repetitions: int) -> Iterator[dict]:
    """Passages and pairs, at each size."""
    for size in SIZES:
        yield from passages(size, repetitions)
    for size in SIZES:
        yield from pairs(size)
