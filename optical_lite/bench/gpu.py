"""Benchmarks on a GPU, of at most ten minutes; without one, rows without a figure.

``python -m optical_lite bench gpu --page docs/scaling.md`` writes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from .. import vocabulary
from ..config import DistillConfig
from ..encoder import DEFAULT, teacher
from ..settings import computing_in, device
from . import material, search, training, transport
from .measuring import row

MINUTES = 10
BATCH, STEPS = 512, 30
ALL = f"all weights, {BATCH} pairs a step, teacher stored"
MULTILINGUAL = f"{ALL}, multilingual encoder"
SIZES, EPSILON = tuple((BATCH, n) for n in (32, 64, 128)), 0.05


def distil(repetitions: int, case: str = ALL, name: str = DEFAULT) -> list[dict]:
    """All weights, from stored vectors of the teacher."""
    bitext, english = material.bitext(), teacher(name)
    student = vocabulary.extend(english, bitext)
    config = DistillConfig(steps=STEPS, batch=BATCH, trainable="all", rate=1e-4)
    return training.distil(case, student, bitext, config, False, {}, repetitions, english)


def encode(repetitions: int) -> list[dict]:
    """Some thousand passages."""
    passages = list(material.collection().passages.values())[:300]
    return training.encode(passages * 20, {}, repetitions)


CASES: dict[str, tuple[str, Callable]] = {
    f"distil {ALL}": ("pairs/s", distil),
    f"distil {MULTILINGUAL}": (
        "pairs/s", partial(distil, case=MULTILINGUAL, name="multilingual")
    ),
    f"transport, {BATCH} problems of at most 32, 64 and 128 tokens, epsilon {EPSILON}": (
        "ms", partial(transport.transport, sizes=SIZES, epsilons=(EPSILON,))
    ),
    "encode passages": ("passages/s", encode),
    f"MaxSim, {material.LARGE:,} passages, d {material.WIDTH}": ("questions/s", search.large),
}  # fmt: skip


def gpu(repetitions: int) -> Iterator[dict]:
    """Each case once, after a turn that does not count, while there is time."""
    start = time.perf_counter()
    for name, (unit, measure) in CASES.items():
        if device() != "cuda":
            yield row(name, unit, None, note="no GPU here")
        elif time.perf_counter() - start > 60 * MINUTES:
            yield row(name, unit, None, note=f"left out after {MINUTES} minutes")
        else:
            with computing_in("auto"):
                yield from measure(1)
