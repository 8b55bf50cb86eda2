"""Ragged: rows of numbers, one longer than the other, in a temporary file; memory holds where each row begins."""

from __future__ import annotations

import itertools
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np


class Ragged(Sequence):
    """Lists of whole numbers below 2^31: a million token rows take 8 MB of memory, where as lists they take a gigabyte.

    >>> rows = Ragged()
    >>> rows.extend([[5, 6], [], [7]])
    >>> len(rows), rows[0], rows[1:], rows.lengths.tolist()
    (3, [5, 6], [[], [7]], [2, 0, 1])

    Parameters
    ----------
    folder : where the file lies, without a name, until the rows are forgotten; by default the system's
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.file, self.ends = tempfile.TemporaryFile(dir=folder), array("q", [0])  # noqa: SIM115
        weakref.finalize(self, self.file.close)

    def extend(self, rows: Iterable[Sequence[int]]) -> None:
        """Put rows at the end."""
        self.file.seek(4 * self.ends[-1])
        for row in rows:
            self.file.write(array("i", row).tobytes())
            self.ends.append(self.ends[-1] + len(row))
        self.file.flush()

    @property
    def lengths(self) -> np.ndarray:
        """Numbers of each row, shape (rows,)."""
        return np.diff(np.frombuffer(self.ends, np.int64))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, place: int | slice) -> list:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        begin, end = self.ends[place], self.ends[range(1, len(self.ends))[place]]
        return self._read(begin, end)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self), 1 << 12):  # a page of rows at a time
            ends = self.ends[start : start + (1 << 12) + 1]
            page = self._read(ends[0], ends[-1])
            yield from (
                page[begin - ends[0] : end - ends[0]] for begin, end in itertools.pairwise(ends)
            )

    def _read(self, begin: int, end: int) -> list[int]:
        self.file.seek(4 * begin)
        return np.frombuffer(self.file.read(4 * (end - begin)), np.int32).tolist()
