"""Config: what a training run is asked to do. Nothing heavy is imported, so ``--help`` is quick."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from .settings import SEEDS, InputError, Range

LOSSES = ("transport", "greedy", "match", "sentence", "contrast", "late", "score")
TRAINABLE = ("new", "all")
SOLVERS = ("stabilized", "log", "exact", "proximal", "unbalanced", "partial")
MARGINALS = ("uniform", "idf")

COUNT = Range(1, 10**9, whole=True)
LENGTH = Range(3, 10**9, whole=True)
SEED = Range(0, SEEDS, whole=True)
PIECES = 1_000_000  # a student's vocabulary may gain at most
POSITIVE = Range(0, above=True)
# which types a value may have, by the type of its default; numbers are checked by their Range
KINDS = {bool: bool, str: str, tuple: (tuple, list)}


def option(
    default: object = MISSING, text: str = "", allowed: Range | tuple[str, ...] | None = None
) -> Any:
    """A field of :class:`Checked`, with its help as an option of ``train``, where it is one."""
    return field(default=default, metadata={"help": text, "allowed": allowed})


class Checked:
    """A dataclass whose fields say what they may be; another value is an InputError."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value, allowed = getattr(self, one.name), one.metadata.get("allowed")
            kind = type(one.default)
            if not isinstance(value, KINDS.get(kind, object)):
                raise InputError(one.name, repr(value), f"a {kind.__name__}")
            for each in value if kind is tuple else (value,):
                if allowed and each is not one.default and each not in allowed:
                    known = f"one of {', '.join(allowed)}" if kind is str else allowed
                    raise InputError(one.name, repr(each), known)


@dataclass(frozen=True)
class DistillConfig(Checked):
    """Everything that decides a run's result, besides the data.

    Each field says in its metadata what it is, which is its help as an option of ``train``, and
    what it may be. What is more to say:

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

    loss: str = option("transport", f"{', '.join(LOSSES)}, or a weighted sum")
    trainable: str = option("new", "new (the added rows) or all", TRAINABLE)
    solver: str = option("stabilized", ", ".join(SOLVERS), SOLVERS)
    marginals: str = option("uniform", "uniform or idf", MARGINALS)
    special: bool = option(False, "special tokens such as [CLS] take part in the plan")
    epsilon: float = option(0.05, "entropic regularisation", POSITIVE)
    reach: float = option(0.5, "unbalanced: price of leaving mass behind", POSITIVE)
    mass: float = option(0.8, "partial: share of the mass that must move", Range(0, 1, above=True))
    steps: int = option(300, "optimiser steps", COUNT)
    batch: int = option(32, "sentence pairs a step", COUNT)
    rate: float = option(1e-3, "peak learning rate", POSITIVE)
    row_rate: float = option(0.0, "that of the embedding rows, 0 for the same", Range(0))
    warmup: float = option(0.1, "share of the steps until the rate is at its peak", Range(0, 1))
    max_length: int = option(64, "tokens of a sentence that are read", LENGTH)
    seed: int = option(0, "order of the batches", SEED)
    save_every: int = option(100, "steps between states to go on from", COUNT)
    keep: tuple[int, ...] = option((), "steps whose weights stay, besides 0 and the last", COUNT)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.terms()
        if (value := max(self.keep, default=0)) > self.steps:
            raise InputError("keep", f"step {value}", f"at most steps, {self.steps}")

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
            if (weight := float(match[1] or 1)) not in POSITIVE:
                raise InputError("loss", repr(part.strip()), "a weight above 0; leave the term out")
            found.append((weight, match[2]))
        return found
