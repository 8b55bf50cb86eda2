"""Benchmarks on a GPU, of at most ten minutes: training, encoding and search; without one, rows without a figure.

``python -m optical_lite bench gpu --page docs/scaling.md`` writes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from .. import vocabulary
from ..config import DistillConfig
from ..encoder import teacher
from ..retrieval import score
from ..settings import computing_in, device, has_bf16
from . import search, training
from .registry import bench, limits, row

MINUTES = 10
BATCH, STEPS = 512, 30


def _distil() -> tuple[float, float, float]:
    """Pairs, operations and seconds of a run of all weights whose teacher vectors are stored."""
    bitext = training.swahili()
    student = vocabulary.extend(teacher(), bitext)
    config = DistillConfig(steps=STEPS, batch=BATCH, trainable="all", rate=1e-4)
    source, _ = training.used(student, bitext, config)
    training.run_once(student, bitext, config)  # fills the store
    return len(source), 3 * training.forward_flops(student, source), training.run_once(student, bitext, config)


def _encode() -> tuple[float, float, float]:
    passages = training.some_passages() * 20
    lengths = [len(ids) for ids in teacher().tokenize(passages)]
    training.encode_all(teacher(), passages[:300])
    start = time.perf_counter()
    training.encode_all(teacher(), passages)
    return len(passages), training.forward_flops(teacher(), lengths), time.perf_counter() - start


def _search() -> tuple[float, float, float]:
    index, questions = search.synthetic()
    some = search.part(questions, 100)
    score(index, search.one(some, 0))
    start = time.perf_counter()
    score(index, some)
    return 100, 2 * int(some.mask.sum()) * index.vectors.numel(), time.perf_counter() - start


CASES: dict[str, tuple[str, Callable]] = {
    f"distil all weights, {BATCH} pairs a step, teacher stored": ("pairs/s", _distil),
    "encode passages": ("passages/s", _encode),
    f"MaxSim, {search.LARGE:,} passages, 100 questions at once": ("questions/s", _search),
}


@bench
def gpu(repetitions: int) -> Iterator[dict]:
    """One row a case, as it is measured; a case is left out once the time is up."""
    start = time.perf_counter()
    for name, (unit, measure) in CASES.items():
        found = row(name, unit, [1.0], [], "") | {"gpu": True, "ours": None, "ours_spread": None}
        if device() != "cuda":
            yield {**found, "note": "no GPU here"}
        elif time.perf_counter() - start > 60 * MINUTES:
            yield {**found, "note": f"left out after {MINUTES} minutes"}
        else:
            with computing_in("bf16" if has_bf16() else "float32"):
                work, flops, seconds = measure()
            share = flops / 1e9 / seconds / limits()["matrix"]
            yield row(name, unit, [seconds], [], "", work=work, limit_share=share, gpu=True)
