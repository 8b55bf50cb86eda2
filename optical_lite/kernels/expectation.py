"""Expectation: EM for word translation over a large bitext, a part of it at a time.

A sentence pair is a run of numbers, and every pair of words that ever meet is a cell of a sparse
table; memory holds the table and :data:`CELLS` places of the bitext.
:func:`optical_lite.lexicon.ibm1` says what is estimated.
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
    """Words of both sides by number, as they first come, and the pairs in numbers of four bytes."""
    sides = [({}, array("i"), array("q", [0])) for _ in range(2)]
    for pair in pairs:
        if all(pair):
            for words, (known, numbers, begins) in zip(pair, sides, strict=True):
                numbers.extend([known.setdefault(word, len(known)) for word in words])
                begins.append(len(numbers))
    found = (Side(np.array(n, np.int32), np.array(b, np.int64)) for _, n, b in sides)
    return *(known for known, _, _ in sides), *found


def _parts(begins: np.ndarray) -> Iterator[slice]:
    """Runs of rows with at most CELLS cells, or of one row; ``begins`` says where a row's begin."""
    start = 0
    while start < len(begins) - 1:
        stop = max(start + 1, int(np.searchsorted(begins, begins[start] + CELLS, side="right")) - 1)
        yield slice(start, stop)
        start = stop


def _sums(sizes: np.ndarray) -> np.ndarray:
    """Where runs of some sizes begin, and at last where they end."""
    return np.concatenate([[0], np.cumsum(sizes)])


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers of some ranges, one range after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def _cells(left: Side, right: Side, F: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of words that ever meet, as a sparse matrix of F rows, null first.

    Returns
    -------
    indptr, indices : of the matrix
    cell : its cell at each place of the bitext: for each English word, null and each source word of
        its sentence
    """
    n, m = np.diff(left.begins), np.diff(right.begins)
    firsts = _sums((n + 1) * m)  # where the places of each sentence pair begin
    total, null = int(firsts[-1]), np.zeros(len(n), np.int32)
    cell = np.empty(total, np.int32 if total < 2**31 else np.int64)
    sentence = np.concatenate([np.arange(len(n)), np.repeat(np.arange(len(n)), n)]).astype(np.int32)
    place = np.concatenate([null, _ranges(np.ones_like(n), n).astype(np.int32)])
    word = np.concatenate([null, left.of + 1])
    order = np.argsort(word, kind="stable")
    ends = _sums(np.bincount(word, minlength=F))  # tokens of each row in that order
    sizes = _sums(m[sentence[order]])[ends]  # places before each row
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
    return _sums(widths), np.concatenate(indices), cell


def expected(
    left: Side, right: Side, F: int, E: int, iterations: int, diagonal: float
) -> csr_matrix:
    """EM: how often each pair of words is expected, shape (F + 1, E), null first."""
    indptr, indices, cell = _cells(left, right, F + 1)
    n, m = np.diff(left.begins), np.diff(right.begins)
    firsts = _sums((n + 1) * m)
    t, counts = np.ones(len(indices)), np.empty(len(indices))
    for step in range(iterations):
        if step:
            t, counts = counts, t
            for rows in _parts(indptr):
                cells = slice(indptr[rows.start], indptr[rows.stop])
                long = np.diff(indptr[rows.start : rows.stop + 1])
                row = np.repeat(np.arange(len(long)), long)
                t[cells] /= np.bincount(row, t[cells], len(long))[row]
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
    return csr_matrix((counts, indices, indptr), (F + 1, E))


@functools.lru_cache(maxsize=4096)
def _prior(n: int, m: int, diagonal: float) -> np.ndarray:
    """Where the source of each English word may stand, shape (m * (n + 1),), the null word first.

    Each of the m rows sums to 1.
    """
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
