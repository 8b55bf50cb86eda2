"""Cases: what a target is, what one mutated input is, and the looks that several targets share."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from optical_lite.datasets import pocket


class Wrong(AssertionError):
    """A result that cannot be right."""


@dataclass
class Case:
    """One mutated input: where it lies, chance for what else varies, and what was done to it."""

    folder: Path
    chance: random.Random
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A reader: ``files`` makes its valid input (content by name), ``run`` reads what lies in a folder."""

    files: Callable[[], dict[str, bytes]]
    run: Callable[[Case], object]
    weight: float = 1.0


def tree(place: Path, *names: str) -> dict[str, bytes]:
    """Contents by name of the files of a folder, or of those of some names."""
    found = [place / name for name in names] or sorted(path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in found}


def finite(values) -> None:
    """A look whether numbers are numbers."""
    if not all(math.isfinite(value) for value in values):
        raise Wrong("a number that is no number")


def pairs(count: int) -> dict[str, bytes]:
    text = "".join(f"{source}\t{english}\n" for source, english in pocket.bitext("sw").pairs[:count])
    return {"pairs.tsv": text.encode()}
