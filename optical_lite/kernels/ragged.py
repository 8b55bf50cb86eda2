"""Ragged: rows of numbers, one longer than the other, in a temporary file."""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..safe_files import refusing


class Ragged(Sequence):
    """Lists of whole numbers below 2^31; memory holds where each begins: 8 MB for a million.

    >>> rows = Ragged()
    >>> rows.extend([[5, 6], [], [7]])
    >>> list(rows), rows.lengths.tolist()
    ([[5, 6], [], [7]], [2, 0, 1])
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder, self.ends = folder or Path(tempfile.gettempdir()), array("q", [0])
        with refusing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
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

    def __getitem__(self, place: int) -> list[int]:
        if not 0 <= place < len(self):
            raise IndexError(place)
        self.file.seek(4 * self.ends[place])
        size = self.ends[place + 1] - self.ends[place]
        return np.frombuffer(self.file.read(4 * size), np.int32).tolist()
