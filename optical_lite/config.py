"""Config: what a training run is asked to do. Nothing heavy is imported here, so that ``--help`` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from .settings import InputError

LOSSES = ("transport", "greedy", "sentence")
TRAINABLE = ("new", "all")
MARGINALS = ("uniform", "idf")


@dataclass(frozen=True)
class DistillConfig:
    """Everything that decides a run's result, besides the data.

    Attributes
    ----------
    loss : one of :data:`LOSSES`, see :mod:`optical_lite.losses`
    trainable : ``new`` trains only the rows the vocabulary gained; ``all`` trains every weight
    marginals : ``uniform`` or ``idf`` (rare tokens weigh more)
    epsilon : entropic regularisation of the plan, in units of cosine cost
    steps, batch : optimiser steps and sentence pairs a step
    rate, warmup : peak learning rate, and the share of steps that it takes to reach it (it then falls linearly to 0)
    max_length : tokens a side; longer sentences are cut, and counted in ``metrics.json``
    seed : order of the batches
    save_every : steps between checkpoints to resume from
    keep : steps whose trained weights are kept for looking at later, besides 0 and the last
    """

    loss: str = "transport"
    trainable: str = "new"
    marginals: str = "uniform"
    epsilon: float = 0.05
    steps: int = 300
    batch: int = 32
    rate: float = 1e-3
    warmup: float = 0.1
    max_length: int = 64
    seed: int = 0
    save_every: int = 100
    keep: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise InputError(f"loss: got {self.loss!r}, expected one of {', '.join(LOSSES)}")
        if self.trainable not in TRAINABLE:
            raise InputError(f"trainable: got {self.trainable!r}, expected one of {', '.join(TRAINABLE)}")
        if self.marginals not in MARGINALS:
            raise InputError(f"marginals: got {self.marginals!r}, expected one of {', '.join(MARGINALS)}")
        for name in ("epsilon", "steps", "batch", "rate", "max_length", "save_every"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: got {getattr(self, name)}, expected a number above 0")
