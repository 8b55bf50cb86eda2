"""Config: what a training run is asked to do. Nothing heavy is imported here, so that ``--help`` is quick."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields

from .settings import SEEDS, InputError

LOSSES = ("transport", "greedy", "match", "sentence", "contrast", "late", "score")
TRAINABLE = ("new", "upper", "low-rank", "all")
SOLVERS = ("stabilized", "log", "exact", "proximal", "unbalanced", "partial")
MARGINALS = ("uniform", "idf")

SETTINGS = {  # of training, as options of ``train``
    "loss": "transport, greedy, match, sentence, contrast, late, score, or a weighted sum",
    "trainable": "new (the added rows), upper, low-rank or all",
    "solver": "stabilized, log, exact, proximal, unbalanced or partial",
    "marginals": "uniform or idf",
    "epsilon": "entropic regularisation",
    "epsilon_start": "where epsilon starts when it falls over the run, 0 for a constant one",
    "steps": "optimiser steps",
    "batch": "sentence pairs a step",
    "max_length": "tokens of a sentence that are read",
    "rate": "peak learning rate",
    "row_rate": "peak learning rate of the embedding rows, 0 for the same",
    "seed": "order of the batches",
    "save_every": "steps between saved states, from which an interrupted run goes on",
}


@dataclass(frozen=True)
class DistillConfig:
    """Everything that decides a run's result, besides the data.

    Attributes
    ----------
    loss : one of :data:`LOSSES` or a weighted sum of them such as ``transport + 0.1 late``, see
        :mod:`optical_lite.losses`
    trainable : besides the rows the vocabulary gained: nothing (``new``), the two uppermost layers (``upper``), a
        low-rank change of every attention matrix (``low-rank``), or every weight (``all``)
    solver : how the plan is found, see :func:`optical_lite.transport.solve`
    marginals : ``uniform`` or ``idf`` (rare tokens weigh more)
    special : whether special tokens such as [CLS] take part in the plan
    epsilon : entropic regularisation of the plan, in units of cosine cost
    epsilon_start : where epsilon starts when it falls geometrically to ``epsilon`` over the run; 0 for a constant one
    reach, mass : for the solvers ``unbalanced`` and ``partial``
    steps, batch : optimiser steps and sentence pairs a step
    rate, warmup : peak learning rate, and the share of steps that it takes to reach it (it then falls linearly to 0)
    row_rate : peak learning rate of the embedding rows where other weights train beside them; 0 for ``rate``
    max_length : tokens a side; longer sentences are cut, and counted in ``metrics.json``
    seed : order of the batches
    save_every : steps between checkpoints to resume from
    keep : steps whose trained weights are kept for looking at later, besides 0 and the last
    """

    loss: str = "transport"
    trainable: str = "new"
    solver: str = "stabilized"
    marginals: str = "uniform"
    special: bool = False
    epsilon: float = 0.05
    epsilon_start: float = 0.0
    reach: float = 0.5
    mass: float = 0.8
    steps: int = 300
    batch: int = 32
    rate: float = 1e-3
    row_rate: float = 0.0
    warmup: float = 0.1
    max_length: int = 64
    seed: int = 0
    save_every: int = 100
    keep: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.terms()
        for name, known in (("trainable", TRAINABLE), ("solver", SOLVERS), ("marginals", MARGINALS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(known)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{field.name}: got {value}, expected a finite number")
        if not 0 <= self.seed <= SEEDS:
            raise InputError(f"seed: got {self.seed}, expected a whole number from 0 to {SEEDS}")
        for name in ("epsilon", "steps", "batch", "rate", "max_length", "save_every"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: got {getattr(self, name)}, expected a number above 0")
        for name, instead in (("row_rate", "the same as rate"), ("epsilon_start", "a constant epsilon")):
            if getattr(self, name) < 0:
                raise InputError(f"{name}: got {getattr(self, name)}, expected a number above 0, or 0 for {instead}")

    def terms(self) -> list[tuple[float, str]]:
        """The parts of the loss with their weights.

        >>> DistillConfig(loss="transport + 0.1 late").terms()
        [(1.0, 'transport'), (0.1, 'late')]
        """
        found = []
        for part in self.loss.split("+"):
            match = re.fullmatch(r"\s*(\d*\.?\d+)?\s*\*?\s*([a-z]+)\s*", part)
            if not match or match[2] not in LOSSES:
                raise InputError(
                    f"loss: got {part.strip()!r}, expected one of {', '.join(LOSSES)}, "
                    "or a sum such as transport + 0.1 late"
                )
            found.append((float(match[1] or 1), match[2]))
        return found
