"""Expectation: EM for word translation over a large bitext, a part of it at a time.

A sentence pair is a run of numbers, and every pair of words that ever meet is a cell of a sparse table; memory holds
the table and :data:`CELLS` places of the bitext. :func:`optical_lite.lexicon.ibm1` says what is estimated.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

NULL_SHARE = 0.08  # of an English word's prior, as in fast_align
CELLS = 1 << 20  # word pairs at a time: what EM needs besides its table


@dataclass(frozen=True)
class Side:
    """One side of all sentence pairs: numbers of words, and where each sentence begins."""

    of: np.ndarray  # (words,)
    begins: np.ndarray  # (sentences + 1,)


def numbered(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> tuple[dict, dict, Side, Side]:
    """Words of both sides by number, in order of appearance, and the pairs as numbers; four bytes a word."""
    known, numbers, begins = ({}, {}), (array("i"), array("i")), (array("q", [0]), array("q", [0]))
    for pair in pairs:
        if all(pair):
            for side, place, number, begin in zip(pair, known, numbers, begins, strict=True):
                number.extend([place.setdefault(word, len(place)) for word in side])
                begin.append(len(number))
    sides = (Side(np.array(n, np.int32), np.array(b, np.int64)) for n, b in zip(numbers, begins, strict=True))
    return *known, *sides


def _parts(begins: np.ndarray) -> Iterator[slice]:
    """Cut rows into runs of at most CELLS cells, or of one row; ``begins`` is where the cells of each row begin."""
    start = 0
    while start < len(begins) - 1:
        stop = max(start + 1, int(np.searchsorted(begins, begins[start] + CELLS, side="right")) - 1)
        yield slice(start, stop)
        start = stop


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers of some ranges, one range after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def _cells(left: Side, right: Side, F: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of words that ever stand in one sentence pair, as a sparse matrix of F rows, null first.

    Returns
    -------
    indptr, indices : of the matrix
    cell : its cell at each place of the bitext: for each English word, null and each source word of its sentence
    """
    n, m = np.diff(left.begins), np.diff(right.begins)
    firsts = np.concatenate([[0], np.cumsum((n + 1) * m)])  # where the places of each sentence pair begin
    total = int(firsts[-1])
    cell = np.empty(total, np.int32 if total < 2**31 else np.int64)
    sentence = np.concatenate([np.arange(len(n)), np.repeat(np.arange(len(n)), n)]).astype(np.int32)
    place = np.concatenate([np.zeros(len(n), np.int32), _ranges(np.ones_like(n), n).astype(np.int32)])
    word = np.concatenate([np.zeros(len(n), np.int32), left.of + 1])
    order = np.argsort(word, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(word, minlength=F))])  # tokens of each row in that order
    sizes = np.concatenate([[0], np.cumsum(m[sentence[order]])])[ends]  # places before each row
    indices, widths, found = [], np.zeros(F, np.int64), 0
    for rows in _parts(sizes):
        token = order[ends[rows.start] : ends[rows.stop]]
        of, long = sentence[token], m[sentence[token]]
        english = right.of[_ranges(right.begins[of], long)]
        code = np.repeat((word[token] - rows.start).astype(np.int64) << 32, long) | english
        unique, inverse = np.unique(code, return_inverse=True)
        step = np.repeat(n[of] + 1, long) * _ranges(np.zeros_like(long), long)
        cell[np.repeat(firsts[of] + place[token], long) + step] = inverse + found
        widths[rows] = np.bincount(unique >> 32, minlength=rows.stop - rows.start)
        indices.append((unique & 0xFFFFFFFF).astype(np.int32))
        found += len(unique)
    return np.concatenate([[0], np.cumsum(widths)]), np.concatenate(indices), cell


def expected(left: Side, right: Side, F: int, E: int, iterations: int, diagonal: float) -> csr_matrix:
    """EM: how often each pair of words is expected, shape (F + 1, E), null first; a part of the bitext at a time."""
    indptr, indices, cell = _cells(left, right, F + 1)
    n, m = np.diff(left.begins), np.diff(right.begins)
    firsts = np.concatenate([[0], np.cumsum((n + 1) * m)])
    t, counts = np.ones(len(indices)), np.empty(len(indices))
    for step in range(iterations):
        if step:
            t, counts = counts, t
            for rows in _parts(indptr):
                cells, long = slice(indptr[rows.start], indptr[rows.stop]), np.diff(indptr[rows.start : rows.stop + 1])
                row = np.repeat(np.arange(len(long)), long)
                t[cells] /= np.bincount(row, t[cells], len(long))[row]
        counts[:] = 0
        for some in _parts(firsts):
            here = cell[firsts[some.start] : firsts[some.stop]]
            width = np.repeat(n[some] + 1, m[some])  # of each English word
            weight = t[here]
            if diagonal:
                weight *= np.concatenate([_prior(*size, diagonal) for size in zip(n[some], m[some], strict=True)])
            weight /= np.repeat(np.add.reduceat(weight, np.cumsum(width) - width), width)  # posterior over sources
            np.add.at(counts, here, weight)
    return csr_matrix((counts, indices, indptr), (F + 1, E))


@functools.lru_cache(maxsize=4096)
def _prior(n: int, m: int, diagonal: float) -> np.ndarray:
    """Where the source of each English word may stand, shape (m * (n + 1),), the null word first; m rows sum to 1."""
    gap = np.abs((np.arange(m)[:, None] + 0.5) / m - (np.arange(n)[None] + 0.5) / n)
    near = np.exp(-diagonal * gap)
    return np.hstack([np.full((m, 1), NULL_SHARE), (1 - NULL_SHARE) * near / near.sum(1, keepdims=True)]).ravel()


def shares(counts: csr_matrix, least: float) -> csr_matrix:
    """Counts as probabilities, in place: each row sums to 1, and what is then below ``least`` is dropped."""
    scale = 1 / np.maximum(np.asarray(counts.sum(1)).ravel(), 1e-300)
    for rows in _parts(counts.indptr):
        cells = slice(counts.indptr[rows.start], counts.indptr[rows.stop])
        counts.data[cells] *= np.repeat(scale[rows], np.diff(counts.indptr[rows.start : rows.stop + 1]))
        counts.data[cells][counts.data[cells] < least] = 0
    counts.eliminate_zeros()
    return counts
