"""Drawn: random signs and samples of groups for :mod:`optical_lite.significance`, in blocks.

All draws of 2,000 topics at once take 600 MB. A block has the shape (some of the draws, n), and
small integers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

Blocks = Iterable[np.ndarray]
CELLS = 1 << 20  # draws times groups at a time
KEPT = 1 << 25  # draws times groups that are kept for the next comparison


def _signs(n: int, draws: int, random: np.random.Generator) -> np.ndarray:
    """A sign of each of n groups in each draw, shape (draws, n)."""
    return 2 * random.integers(0, 2, size=(draws, n)).astype(np.int8) - 1


def _counts(n: int, draws: int, random: np.random.Generator) -> np.ndarray:
    """How often each of n groups is in each draw of n of them, shape (draws, n)."""
    picks = random.integers(0, n, size=(draws, n))
    picks += n * np.arange(draws)[:, None]
    found = np.bincount(picks.ravel(), minlength=draws * n).reshape(draws, n)
    return found.astype(np.min_scalar_type(found.max()))


def _blocks(kind: Callable, n: int, draws: int, random: np.random.Generator) -> Iterator:
    rows = max(64, CELLS // n // 64 * 64)
    for start in range(0, draws, rows):
        yield kind(n, min(rows, draws - start), random)


def samples(n: int, draws: int, seed: int) -> Blocks:
    """How often each of n groups is in each bootstrap sample."""
    return _blocks(_counts, n, draws, np.random.default_rng(seed))


def _drawn(n: int, draws: int, seed: int) -> tuple[Blocks, Blocks]:
    random = np.random.default_rng(seed)
    return _blocks(_signs, n, draws, random), _blocks(_counts, n, draws, random)


@functools.lru_cache(maxsize=8)  # the study goes back and forth between as many collections
def _kept(n: int, draws: int, seed: int) -> tuple[Blocks, Blocks]:
    return tuple(map(list, _drawn(n, draws, seed)))


def both(n: int, draws: int, seed: int) -> tuple[Blocks, Blocks]:
    """Signs of n groups, then bootstrap samples of them, to be gone through in this order."""
    # many comparisons on one collection follow each other, and drawing takes longer than the rest
    return (_kept if n * draws <= KEPT else _drawn)(n, draws, seed)
