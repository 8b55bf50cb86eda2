"""Store: the teacher's token vectors of a bitext on disk, so that no sentence is encoded twice.

They lie in one sparse file, in half precision. Beside it stands a checksum of each sentence's
vectors, written after them: what is lost, cut, changed or half-written is encoded again.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from ..encoder import Encoder
from ..provenance import identity
from ..safe_files import hold, one_line, only_files, refusing, write_atomic
from ..settings import InputError, get, uses_bf16


class VectorStore:
    """A frozen teacher's vectors of sentences of token ids, encoded when first asked for."""

    def __init__(self, teacher: Encoder, sentences: Sequence[Sequence[int]]) -> None:
        self.teacher, self.sentences = teacher, sentences
        self.begins = array("q", [0])  # where each sentence's vectors begin, and their end
        key = hashlib.sha256(f"{identity(teacher)} {uses_bf16()}".encode())
        for ids in sentences:
            key.update(array("q", [len(ids), *ids]).tobytes())
            self.begins.append(self.begins[-1] + len(ids))
        self.folder = get().cache / "teacher" / key.hexdigest()[:32]
        self.vectors, self.checks = self.folder / "vectors.f16", self.folder / "checks.u4"
        only_files(self.folder)
        self.known = self._checks()

    def _checks(self) -> np.ndarray:
        """Checksums as they are on disk, shape (sentences,), 0 for what is not there."""
        content = self.checks.read_bytes() if self.checks.exists() else b""
        if len(content) != 4 * len(self.sentences):  # none yet, or cut short
            return np.zeros(len(self.sentences), np.uint32)
        return np.frombuffer(content, np.uint32).copy()

    def _read(self, rows: Iterable[int]) -> Iterator[np.ndarray | None]:
        """Vectors of sentences, shape (length, d); None where they are not as they were written."""
        width = self.teacher.dimension
        with open(self.vectors if self.vectors.exists() else os.devnull, "rb") as file:
            for row in rows:
                begin, end = self.begins[row : row + 2]
                file.seek(2 * begin * width)
                found = file.read(2 * (end - begin) * width)
                whole = self.known[row] and self.known[row] == _sum(found)
                yield np.frombuffer(found, np.float16).reshape(-1, width) if whole else None

    def _length(self, row: int) -> int:
        return self.begins[row + 1] - self.begins[row]

    def fill(self, rows: Iterable[int]) -> int:
        """Encode those of some sentences that are not there yet; how many these were."""
        self.known = self._checks()  # another process may have been at it
        rows = sorted(set(rows))
        missing = [row for row, one in zip(rows, self._read(rows), strict=True) if one is None]
        if not missing:
            return 0
        with hold(self.folder, wait=True), refusing(self.vectors):  # makes it
            file, sums = os.open(self.vectors, os.O_RDWR | os.O_CREAT, 0o666), {}
        # without padding the last bits hardly depend on what is encoded beside a sentence
        missing.sort(key=self._length, reverse=True)
        # written, not mapped: a full disk is an error
        with one_line(self.vectors), open(file, "r+b") as file:
            for _, alike in groupby(missing, self._length):
                some = list(alike)
                texts = [self.sentences[i] for i in some]
                for places, vectors in self.teacher.batches_of_ids(texts):
                    for place, one in zip(places, vectors.half().cpu().numpy(), strict=True):
                        row, content = some[place], one.tobytes()
                        file.seek(2 * self.begins[row] * self.teacher.dimension)
                        file.write(content)
                        sums[row] = _sum(content)
        self.teacher.release()
        with hold(self.folder, wait=True):
            self.known = self._checks()
            self.known[list(sums)] = list(sums.values())
            write_atomic(self.checks, self.known.tobytes())
        return len(missing)

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors (B, m, d), float32, 0 on padding, ids (B, m) and mask (B, m) of sentences."""
        for _ in range(9):  # another process may write the same sentence, in another order of sums
            found = list(self._read(rows))
            if all(one is not None for one in found):
                break
            self.fill(rows)
        else:
            expected = "the same; check the disk"
            raise InputError(self.vectors, "other vectors than were written", expected)
        ids, mask = self.teacher.pad([self.sentences[row] for row in rows])
        flat = np.concatenate(found)
        vectors = torch.zeros(*mask.shape, flat.shape[1], device=mask.device)
        vectors[mask] = torch.from_numpy(flat).to(mask.device).float()
        return vectors, ids, mask


def _sum(content: bytes) -> int:
    """A checksum that is never 0, which stands for nothing."""
    return zlib.crc32(content) or 1
