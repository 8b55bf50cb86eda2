"""Config: what a training run is asked to do. Nothing heavy is imported, so ``--help`` is quick."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from .settings import SEEDS, InputError, one_of

LOSSES = ("transport", "greedy", "match", "sentence", "contrast", "late", "score")
TRAINABLE = ("new", "all")
SOLVERS = ("stabilized", "log", "exact", "proximal", "unbalanced", "partial")
MARGINALS = ("uniform", "idf")


def _option(default: object, text: str) -> Any:
    """A field, with its help as an option of ``train``."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class DistillConfig:
    """Everything that decides a run's result, besides the data.

    Each field says in its metadata what it is; that is its help as an option of ``train``. What is
    more to say:

    Attributes
    ----------
    loss : see :mod:`optical_lite.losses`; a sum is written ``transport + 0.1 late``
    trainable : the rows the vocabulary gained (``new``), or every weight (``all``)
    solver : see :func:`optical_lite.transport.solve`
    marginals : ``uniform`` or ``idf`` (rare tokens weigh more)
    epsilon : in units of cosine cost
    warmup : the learning rate then falls linearly to 0
    row_rate : of the embedding rows where other weights train beside them
    max_length : longer sentences are cut, and counted in ``metrics.json``
    """

    loss: str = _option("transport", f"{', '.join(LOSSES)}, or a weighted sum")
    trainable: str = _option("new", "new (the added rows) or all")
    solver: str = _option("stabilized", ", ".join(SOLVERS))
    marginals: str = _option("uniform", "uniform or idf")
    special: bool = _option(False, "special tokens such as [CLS] take part in the plan")
    epsilon: float = _option(0.05, "entropic regularisation")
    reach: float = _option(0.5, "of the solver unbalanced")
    mass: float = _option(0.8, "of the solver partial")
    steps: int = _option(300, "optimiser steps")
    batch: int = _option(32, "sentence pairs a step")
    rate: float = _option(1e-3, "peak learning rate")
    row_rate: float = _option(0.0, "peak learning rate of the embedding rows, 0 for the same")
    warmup: float = _option(0.1, "share of the steps in which the learning rate rises to its peak")
    max_length: int = _option(64, "tokens of a sentence that are read")
    seed: int = _option(0, "order of the batches")
    save_every: int = _option(100, "steps between states from which an interrupted run goes on")
    keep: tuple[int, ...] = _option((), "steps whose weights are kept, besides 0 and the last")

    def __post_init__(self) -> None:
        self.terms()
        one_of("trainable: got", self.trainable, TRAINABLE)
        one_of("solver: got", self.solver, SOLVERS)
        one_of("marginals: got", self.marginals, MARGINALS)
        for one in fields(self):
            value = getattr(self, one.name)
            if not isinstance(value, {"int": Integral, "float": Real}.get(one.type, object)):
                whole = "a whole number" if one.type == "int" else "a number"
                raise InputError(one.name, repr(value), whole)
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(one.name, value, "a finite number")
        if not 0 <= self.seed <= SEEDS:
            raise InputError("seed", self.seed, f"a whole number from 0 to {SEEDS}")
        for name in ("epsilon", "steps", "batch", "rate", "max_length", "save_every"):
            if not (value := getattr(self, name)) > 0:
                raise InputError(name, value, "a number above 0")
        if (value := max(self.keep, default=0)) > self.steps:
            raise InputError("keep", f"step {value}", f"at most steps, {self.steps}")
        if (value := self.row_rate) < 0:
            raise InputError("row_rate", value, "a number above 0, or 0 for rate's")

    def terms(self) -> list[tuple[float, str]]:
        """The parts of the loss with their weights.

        >>> DistillConfig(loss="transport + 0.1 late").terms()
        [(1.0, 'transport'), (0.1, 'late')]
        """
        found = []
        for part in self.loss.split("+"):
            match = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)?\s*\*?\s*([a-z]\w*)\s*", part)
            if not match or match[2] not in LOSSES:
                expected = f"one of {', '.join(LOSSES)}, or a sum such as transport + 0.1 late"
                raise InputError("loss", f"{part.strip()!r}", expected)
            found.append((float(match[1] or 1), match[2]))
        return found
