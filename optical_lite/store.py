"""Store: the teacher's token vectors of a bitext on disk, so that no sentence is encoded twice.

A teacher does not change, so its vectors of a sentence are the same in every epoch, for every seed and every loss.
They lie in one memory-mapped file of half-precision numbers, at places known from the sentence lengths; the file is
sparse, so only sentences that were used take room. A sentence counts as present once its flag is set, and the flag
is written after the vectors: a run that is killed leaves nothing wrong behind.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from .encoder import Encoder, model_record
from .settings import get, uses_bf16
from .sources import sha256


class VectorStore:
    """Teacher vectors of a list of sentences, encoded when first asked for.

    Parameters
    ----------
    teacher : frozen encoder
    sentences : token ids of each sentence, special tokens included
    """

    def __init__(self, teacher: Encoder, sentences: Sequence[Sequence[int]]) -> None:
        self.teacher, self.sentences = teacher, sentences
        key = [model_record(teacher)["sha256"], uses_bf16(), *map(list, sentences)]
        self.folder = get().cache / "teacher" / sha256(json.dumps(key).encode())[:32]
        self.folder.mkdir(parents=True, exist_ok=True)
        ends = np.cumsum([0, *map(len, sentences)])
        self.places = list(itertools.pairwise(ends.tolist()))
        self.vectors = self._map("vectors.f16", np.float16, (max(1, int(ends[-1])), teacher.dimension))
        self.present = self._map("present.u1", np.uint8, (max(1, len(sentences)),))

    def _map(self, name: str, kind: type, shape: tuple[int, ...]) -> np.memmap:
        path = self.folder / name
        if not path.exists():
            path.touch()
        if path.stat().st_size != np.prod(shape) * np.dtype(kind).itemsize:  # new, or not whole: holes read as 0
            with open(path, "r+b") as file:
                file.truncate(int(np.prod(shape)) * np.dtype(kind).itemsize)
        return np.memmap(path, kind, "r+", shape=shape)

    def fill(self, rows: Iterable[int]) -> int:
        """Encode those of some sentences that are not there yet; how many these were."""
        missing = sorted({row for row in rows if not self.present[row]})
        for positions, vectors, lengths in self.teacher.batches_of_ids([self.sentences[row] for row in missing]):
            for position, found, length in zip(positions, vectors.half().cpu().numpy(), lengths, strict=True):
                begin, end = self.places[missing[position]]
                self.vectors[begin:end] = found[:length]
        if missing:
            self.vectors.flush()  # vectors first, flags second
            self.present[missing] = 1
            self.present.flush()
        return len(missing)

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors, ids and mask of some sentences, padded.

        Returns
        -------
        vectors : Tensor of float32, shape (B, m, d), 0 on padding
        ids, mask : Tensor, shapes (B, m), special tokens included
        """
        self.fill(rows)
        ids, mask = self.teacher.pad([self.sentences[row] for row in rows])
        flat = np.concatenate([self.vectors[slice(*self.places[row])] for row in rows])
        vectors = torch.zeros(*mask.shape, flat.shape[1], device=mask.device)
        vectors[mask] = torch.from_numpy(flat).to(mask.device).float()
        return vectors, ids, mask
