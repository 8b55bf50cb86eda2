"""Benchmarks of start-up and growth: how long until the first result, and what more data costs."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import subprocess
import sys
import time
from pathlib import Path

import torch

from .. import vocabulary
from ..corpora import Bitext
from ..cost import uniform_marginal
from ..datasets import pocket
from ..encoder import Encoder, teacher
from ..lexicon import ibm1
from ..retrieval import PassageIndex, score
from ..settings import ROOT
from ..transport import solve
from .page import slope
from .registry import Peak, bench, row, take_turns


def _python(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)


@bench
def startup(repetitions: int) -> list[dict]:
    """Import and --help, against importing what they put off."""
    heavy = lambda: _python("-c", "import torch, transformers")  # noqa: E731
    bare = lambda: _python("-c", "pass")  # noqa: E731
    _, start = take_turns(bare, bare, repetitions)
    rows = []
    for name, work in (
        ("import optical_lite", lambda: _python("-c", "import optical_lite")),
        ("optical_lite align --help", lambda: _python("-m", "optical_lite", "align", "--help")),
        ("optical_lite --help", lambda: _python("-m", "optical_lite", "--help")),
    ):
        ours, theirs = take_turns(work, heavy, repetitions)
        note = f"Python alone {1000 * sorted(start)[len(start) // 2]:.0f} ms"
        rows.append(row(name, "ms", ours, theirs, "import torch, transformers", note=note))
    return rows


def give_back() -> None:
    """Return freed memory to the system, where the C library can (glibc)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _cases() -> dict[str, tuple[list[int], object]]:
    """What grows: sizes, and a function from a size to the work to be timed."""
    english, width = teacher(), 384
    draw = torch.Generator().manual_seed(0)

    def vectors(*shape: int) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(*shape, width, generator=draw), dim=-1)

    def plans(pairs: int, n: int):
        cost, mass = 1 - vectors(pairs, n) @ vectors(pairs, n).mT, uniform_marginal(torch.ones(pairs, n))
        return lambda: solve(cost, mass, mass, max_iterations=20, tolerance=0.0)

    def bitext(pairs: int, languages: tuple[str, ...] = ("sw",)) -> list[Bitext]:
        return [Bitext(lang, lang, "en", (pocket.bitext(lang).pairs * 40)[:pairs]) for lang in languages]

    def training(encoder: Encoder, n: int):
        ids = torch.randint(1000, 20_000, (8, n), generator=draw)
        table = encoder.embedding.detach().requires_grad_(True)

        def step() -> None:
            encoder.model.get_input_embeddings().weight = torch.nn.Parameter(table.detach(), requires_grad=True)
            encoder(ids, torch.ones_like(ids, dtype=torch.bool)).sum().backward()

        return step

    def searching(passages: int):
        lengths = torch.full((passages,), 128)
        index = PassageIndex([str(i) for i in range(passages)], vectors(passages * 128).half(), lengths)
        questions = english.encode(list(pocket.collection("sw").translations.values())[:50])
        return lambda: score(index, questions)

    def split(text: Bitext):
        return [(source.split(), target.split()) for source, target in text.pairs]

    def several(languages: int):
        chosen = bitext(512, tuple(("sw", "so", "tl", "mr", "es", "fr", "de")[:languages]))
        return lambda: [vocabulary.extend(english, text, size=2000) for text in chosen]

    return {
        "lexicon, pairs": ([1000, 2000, 4000, 8000], lambda n: lambda: list(ibm1(split(bitext(n)[0]), 4).source)),
        "transport, pairs": ([64, 128, 256, 512], lambda n: plans(n, 32)),
        "transport, tokens a sentence": ([16, 32, 64, 128], lambda n: plans(64, n)),
        "encoder step, tokens a sentence": ([32, 64, 128, 256], lambda n: training(vocabulary_free(english), n)),
        "exact search, passages": ([500, 1000, 2000, 4000], searching),
        "students, languages": ([1, 2, 4, 7], several),
    }


def vocabulary_free(english: Encoder) -> Encoder:
    """A copy whose embedding table may train."""
    import copy

    return Encoder(copy.deepcopy(english.model), english.tokenizer, english.name).requires_grad_(False)


@bench
def growth(repetitions: int) -> list[dict]:
    """Cost against size: one row a size; also a figure. The exponents are in the page's table."""
    rows, series = [], {}
    for name, (sizes, prepare) in _cases().items():
        seconds, memory = [], []
        for size in sizes:
            work = prepare(size)
            give_back()  # memory that an earlier size left behind would hide what this one needs
            with Peak() as peak:
                work()
            times = []
            for _ in range(repetitions):
                start = time.perf_counter()
                work()
                times.append(time.perf_counter() - start)
            seconds.append(sorted(times)[len(times) // 2])
            memory.append(peak.mib)
            common = {"memory_mib": peak.mib, "quantity": name, "size": size}
            rows.append(row(f"growth {name} {size:,}", "ms", times, [], "", **common))
        series[name] = sizes, seconds, memory
    draw(series, ROOT / "figures" / "growth")
    return rows


def draw(series: dict, path: Path) -> None:
    """Time and memory against size, both axes logarithmic; the slope in each title."""
    import matplotlib.pyplot as plt

    from ..views.figures import save_figure

    figure, axes = plt.subplots(2, 3, figsize=(10, 5.5), layout="constrained")
    for ax, (name, (sizes, seconds, memory)) in zip(axes.flat, series.items(), strict=True):
        ax.loglog(sizes, [1000 * s for s in seconds], "o-", color="#0072B2", label="ms")
        ax.loglog(sizes, [max(m, 0.1) for m in memory], "s--", color="#D55E00", label="MiB more")
        ax.set_title(f"{name}: exponent {slope(sizes, seconds):.2f}", fontsize=9)
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.minorticks_off()
    axes.flat[0].legend(fontsize=8)
    save_figure(figure, path.name, path.parent)
    plt.close(figure)
