"""Index: the token vectors of all passages, in memory or in a file that is larger than memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .encoder import Encoder
from .kernels.index_file import read, writing
from .provenance import model_record, sha256
from .settings import InputError, get, uses_bf16

CHUNK = 1 << 14  # passages tokenized and encoded at a time; their token ids are in memory
SCORERS = ("maxsim", "mean")


@dataclass(frozen=True)
class PassageIndex:
    """Token vectors of all passages, one after the other.

    Attributes
    ----------
    ids : passage ids, shortest passage first
    vectors : Tensor of float16, shape (sum of lengths, d); not to be written to where it is the map of a file
    lengths : Tensor of int, shape (passages,)
    max_length, cut : tokens of a passage that were read, and how many passages were cut there; 0 where it is not known
    scorer : ``maxsim``, or ``mean`` where each passage has one vector, the mean of its tokens'
    """

    ids: list[str]
    vectors: Tensor
    lengths: Tensor
    max_length: int = 0
    cut: int = 0
    scorer: str = "maxsim"

    @classmethod
    def of_means(cls, encoder: Encoder, passages: Mapping[str, str]) -> PassageIndex:
        """One vector a passage, read with the encoder's prefix for passages; MaxSim of two such is their cosine."""
        ids = sorted(passages)
        texts = [encoder.prefixes[1] + passages[name] for name in ids]
        vectors = encoder.means(texts).half().cpu()
        found = encoder.max_length, encoder.count_cut(texts), "mean"
        return cls(ids, vectors, torch.ones(len(ids), dtype=torch.long), *found)

    @classmethod
    def build(
        cls, encoder: Encoder, passages: Mapping[str, str], progress: bool = False, path: str | Path | None = None
    ) -> PassageIndex:
        """Encode passages with the teacher, into memory or, where a path is given, into a file.

        The file takes two bytes a number; memory then holds the texts and one chunk of token ids and batches at a time.
        """
        names, texts = list(passages), list(passages.values())
        count, cut = content_lengths(encoder, texts)
        order = sorted(range(len(names)), key=lambda i: (count[i], names[i]))
        ids, lengths = [names[i] for i in order], torch.tensor([count[i] for i in order], dtype=torch.long)
        found = _encoded(encoder, texts, order, lengths.cumsum(0) - lengths, progress)
        if path:
            with writing(path, ids, lengths, encoder.dimension, {"max_length": encoder.max_length, "cut": cut}) as put:
                for begin, vectors in found:
                    put(begin, vectors)
            return cls.load(path)
        flat = torch.empty(int(lengths.sum()), encoder.dimension, dtype=torch.float16)
        for begin, vectors in found:
            flat[begin : begin + len(vectors)] = vectors
        return cls(ids, flat, lengths, encoder.max_length, cut)

    @classmethod
    def cached(
        cls, encoder: Encoder, passages: Mapping[str, str], progress: bool = False, scorer: str = "maxsim"
    ) -> PassageIndex:
        """:meth:`build`, or the same index from the cache folder: keyed by the encoder's weights and the passages.

        With ``scorer="mean"`` it is :meth:`of_means`.
        """
        if scorer not in SCORERS:
            raise InputError(f"scorer: got {scorer!r}, expected one of {', '.join(SCORERS)}")
        kind = ["bf16"] if uses_bf16() else []  # vectors differ between number types
        kind += ["mean", *encoder.prefixes] if scorer == "mean" else []
        key = json.dumps([model_record(encoder)["sha256"], encoder.max_length, hash_texts(passages), *kind])
        place = get().cache / "index" / f"{sha256(key.encode())[:32]}.safetensors"
        if place.exists():
            return cls.load(place)
        if scorer == "mean":
            return cls.load(cls.of_means(encoder, passages).save(place))
        return cls.build(encoder, passages, progress, place)

    def save(self, path: str | Path) -> Path:
        """Write the index as one safetensors file."""
        about = {"max_length": self.max_length, "cut": self.cut, "scorer": self.scorer}
        with writing(path, self.ids, self.lengths, self.vectors.shape[1], about) as put:
            put(0, self.vectors)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> PassageIndex:
        """Open what :meth:`save` or :meth:`build` wrote; nothing is read before it is used."""
        return cls(*read(Path(path)))

    def shards(self, passages: int) -> Iterator[PassageIndex]:
        """The index in parts of so many passages; nothing is copied."""
        ends = self.lengths.cumsum(0)
        for first in range(0, len(self.ids), passages):
            ids, lengths = self.ids[first : first + passages], self.lengths[first : first + passages]
            end = int(ends[first + len(ids) - 1])
            yield PassageIndex(ids, self.vectors[end - int(lengths.sum()) : end], lengths)


def hash_texts(passages: Mapping[str, str]) -> str:
    """sha256 of ids and texts, in whatever order they come."""
    found = hashlib.sha256()
    for pair in sorted(passages.items()):
        found.update(json.dumps(pair).encode() + b"\n")
    return found.hexdigest()


def content_lengths(encoder: Encoder, texts: Sequence[str]) -> tuple[list[int], int]:
    """How many token vectors each passage will have, and how many passages are cut; nothing is encoded."""
    found: list[int] = []
    cut = 0
    for start in range(0, len(texts), 1024):
        whole = encoder.whole(texts[start : start + 1024])
        cut += sum(len(ids) > encoder.room for ids in whole)
        ids, mask = encoder.pad([encoder.fit(ids) for ids in whole])
        found += encoder.content(ids, mask).sum(1).tolist()
    return found, cut


def _encoded(
    encoder: Encoder, texts: Sequence[str], order: list[int], begins: Tensor, progress: bool
) -> Iterator[tuple[int, Tensor]]:
    """Vectors of each passage, shape (length, d), float16, with the row where they begin."""
    from tqdm import tqdm

    begin = dict(zip(order, begins.tolist(), strict=True))
    with tqdm(total=len(order), desc="encode passages", unit="passage", disable=not progress) as bar:
        for start in range(0, len(order), CHUNK):
            chunk = sorted(order[start : start + CHUNK])
            for rows, vectors, _, keep in encoder.batches([texts[i] for i in chunk]):
                if not vectors.isfinite().all():
                    raise InputError(
                        f"index: got vectors from {encoder.name} that are no finite numbers, expected unit vectors; "
                        "take a whole model"
                    )
                for row, v, k in zip(rows, vectors, keep, strict=True):
                    yield begin[chunk[row]], v[k].half().cpu()
                bar.update(len(rows))
