"""Expectation: EM for word translation over a large bitext, see :func:`optical_lite.lexicon.ibm1`.

Every pair of words that ever meet is a cell of a sparse table; memory holds the table and
:data:`CELLS` places of the bitext.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from ..settings import InputError

NULL_SHARE = 0.08  # of an English word's prior, as in fast_align
CELLS = 1 << 20  # word pairs at a time: what EM needs besides its table
# most word pairs of one sentence pair, which takes 70 bytes for each, and of all, 10 to 40
PAIR, ALL = 1 << 23, 1 << 29


@dataclass(frozen=True)
class Side:
    """One side of all sentence pairs: numbers of words, and where each sentence begins."""

    of: np.ndarray  # (words,)
    begins: np.ndarray  # (sentences + 1,)

    @property
    def sizes(self) -> np.ndarray:
        """Words of each sentence, shape (sentences,)."""
        return np.diff(self.begins)


def numbered(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> tuple[dict, dict, Side, Side]:
    """Words of both sides by number, as they first come, and the pairs in numbers of four bytes."""
    sides = [({}, array("i"), array("q", [0])) for _ in range(2)]
    for pair in pairs:
        if all(pair):
            for words, (known, numbers, begins) in zip(pair, sides, strict=True):
                numbers.extend([known.setdefault(word, len(known)) for word in words])
                begins.append(len(numbers))
    return *(known for known, _, _ in sides), *(Side(*map(np.array, side)) for _, *side in sides)


def _parts(begins: np.ndarray) -> Iterator[slice]:
    """Runs of rows with at most CELLS cells, or of one row; ``begins`` says where a row's begin."""
    start = 0
    while start < len(begins) - 1:
        stop = max(start + 1, int(np.searchsorted(begins, begins[start] + CELLS, side="right")) - 1)
        yield slice(start, stop)
        start = stop


def _cells(left: Side, right: Side, firsts: np.ndarray, F: int) -> tuple:
    """Every pair of words that ever meet, as indptr and indices of a matrix of F rows, null first.

    And its cell at each place: for each English word, null and each source word of its sentence.
    """
    n, m = left.sizes, right.sizes
    sources = np.insert(left.of.astype(np.int64) + 1, left.begins[:-1], 0)  # null before each
    begins, found = left.begins[:-1] + np.arange(len(n)), []  # of each sentence among these
    for some in _parts(firsts):
        width = np.repeat(n[some] + 1, m[some])  # of each English word
        first = np.repeat(begins[some], m[some]) - np.cumsum(width) + width
        source = sources[np.arange(width.sum()) + np.repeat(first, width)]
        english = right.of[right.begins[some.start] : right.begins[some.stop]]
        codes = source << 32 | np.repeat(english, width)
        codes, inverse = np.unique(codes, return_inverse=True)
        found.append((codes, inverse.astype(np.int32)))
    pairs = np.concatenate([codes for codes, _ in found])
    pairs.sort()  # in place: np.unique would hold two more copies
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])]
    # ALL of them have numbers of four bytes
    cell = [np.searchsorted(pairs, codes).astype(np.int32)[inverse] for codes, inverse in found]
    del found
    indptr = np.searchsorted(pairs, np.arange(F + 1) << 32)
    return indptr, (pairs & 0xFFFFFFFF).astype(np.int32), np.concatenate(cell)


def expected(left: Side, right: Side, F: int, iterations: int, diagonal: float) -> csr_matrix:
    """EM: how often each pair of words is expected, a row each of null and F source words."""
    n, m = left.sizes, right.sizes
    firsts = np.concatenate([[0], np.cumsum((n + 1) * m)])  # where each pair's places begin
    largest = ((n + 1) * m).max(), PAIR, "one sentence pair"
    for got, most, of in (largest, (firsts[-1], ALL, "all sentence pairs")):
        if got > most:
            mend = f"at most {most:,}; split long texts into sentences, or give fewer"
            raise InputError("lexicon", f"{got:,} pairs of words in {of}", mend)
    indptr, indices, cell = _cells(left, right, firsts, F + 1)
    t, counts = np.ones(len(indices)), np.empty(len(indices))
    for step in range(iterations):
        if step:
            t, counts = counts, t
            for rows in _parts(indptr):
                cells = slice(indptr[rows.start], indptr[rows.stop])
                long = np.diff(indptr[rows.start : rows.stop + 1])
                row = np.repeat(np.arange(len(long)), long)
                t[cells] /= np.bincount(row, t[cells])[row]
        counts[:] = 0
        for some in _parts(firsts):
            here = cell[firsts[some.start] : firsts[some.stop]]
            width = np.repeat(n[some] + 1, m[some])  # of each English word
            weight = t[here]
            if diagonal:
                sizes = zip(n[some], m[some], strict=True)
                weight *= np.concatenate([_prior(*size, diagonal) for size in sizes])
            # the posterior over sources
            weight /= np.repeat(np.add.reduceat(weight, np.cumsum(width) - width), width)
            np.add.at(counts, here, weight)
    return csr_matrix((counts, indices, indptr))  # every word has a cell, the null word's at least


@functools.lru_cache(maxsize=4096)
def _prior(n: int, m: int, diagonal: float) -> np.ndarray:
    """Where the source of each of m English words may stand, shape (m * (n + 1),), null first."""
    gap = np.abs((np.arange(m)[:, None] + 0.5) / m - (np.arange(n)[None] + 0.5) / n)
    near = np.exp(-diagonal * gap)
    near = (1 - NULL_SHARE) * near / near.sum(1, keepdims=True)
    return np.hstack([np.full((m, 1), NULL_SHARE), near]).ravel()


def shares(counts: csr_matrix, least: float) -> csr_matrix:
    """Counts as probabilities, in place: rows sum to 1 but for those below ``least``: dropped."""
    scale, indptr = 1 / np.maximum(np.asarray(counts.sum(1)).ravel(), 1e-300), counts.indptr
    for rows in _parts(indptr):
        cells = slice(indptr[rows.start], indptr[rows.stop])
        counts.data[cells] *= np.repeat(scale[rows], np.diff(indptr[rows.start : rows.stop + 1]))
        counts.data[cells][counts.data[cells] < least] = 0
    counts.eliminate_zeros()
    return counts
