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
from .model_files import digest
from .provenance import identity, sha256
from .safe_files import discard, write_atomic
from .settings import InputError, get, need_whole, one_of, uses_bf16

CHUNK = 1 << 14  # passages tokenized and encoded at a time; their token ids are in memory
SCORERS = ("maxsim", "mean")


@dataclass(frozen=True)
class PassageIndex:
    """Token vectors of all passages, one after the other.

    Attributes
    ----------
    ids : passage ids, in the order of ``lengths``: by the length of their passages, shortest
        first, or, for the scorer ``mean``, sorted
    vectors : Tensor of float16, shape (sum of lengths, d); never write to it: it may map a file
    lengths : Tensor of int, shape (passages,)
    max_length, cut : tokens of a passage that were read, and how many passages were cut there
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
        """One vector a passage, read with the encoder's prefix; their MaxSim is a cosine."""
        ids = sorted(passages)
        texts = [encoder.prefixes[1] + passages[name] for name in ids]
        vectors = encoder.means(texts).half().cpu()
        lengths, cut = torch.ones(len(ids), dtype=torch.long), encoder.read(texts)[1]
        return cls(ids, vectors, lengths, encoder.max_length, cut, "mean")

    @classmethod
    def build(
        cls, encoder: Encoder, passages: Mapping[str, str], progress: bool = False,
        path: str | Path | None = None,
    ) -> PassageIndex:  # fmt: skip
        """Encode passages into memory, or, a chunk at a time, into the file of a path."""
        names, texts = list(passages), list(passages.values())
        count, cut = content_lengths(encoder, texts)
        order = sorted(range(len(names)), key=lambda i: (count[i], names[i]))
        ids = [names[i] for i in order]
        lengths = torch.tensor([count[i] for i in order], dtype=torch.long)
        found = _encoded(encoder, texts, order, lengths.cumsum(0) - lengths, progress)
        if path:
            about = {"max_length": encoder.max_length, "cut": cut}
            with writing(path, ids, lengths, encoder.dimension, about) as put:
                for begin, vectors in found:
                    put(begin, vectors)
            return cls.load(path)
        flat = torch.empty(int(lengths.sum()), encoder.dimension, dtype=torch.float16)
        for begin, vectors in found:
            flat[begin : begin + len(vectors)] = vectors
        return cls(ids, flat, lengths, encoder.max_length, cut)

    @classmethod
    def cached(
        cls, encoder: Encoder, passages: Mapping[str, str], progress: bool = False,
        scorer: str = "maxsim",
    ) -> PassageIndex:  # fmt: skip
        """:meth:`build`, or :meth:`of_means` for the scorer ``mean``; from the cache if there.

        What is there and not as it was written is made again.
        """
        one_of("scorer: got", scorer, SCORERS)
        of = [identity(encoder), encoder.max_length, hash_texts(passages)]
        of += ["bf16"] if uses_bf16() else []  # vectors differ between number types
        of += ["mean", *encoder.prefixes] if scorer == "mean" else []
        key = sha256(json.dumps(of).encode())[:32]
        place = get().cache / "index" / f"{key}.safetensors"
        checksum = place.with_suffix(".sha256")  # written after the index
        own = all(path.is_file() and not path.is_symlink() for path in (place, checksum))
        if not own or checksum.read_bytes() != f"{key} {digest(place)}\n".encode():
            discard(place)
            discard(checksum)
            if scorer == "mean":
                cls.of_means(encoder, passages).save(place)
            else:
                cls.build(encoder, passages, progress, place)
            write_atomic(checksum, f"{key} {digest(place)}\n")
        return cls.load(place)

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
        need_whole("passages", passages)
        end = 0
        for first in range(0, len(self.ids), passages):
            some = slice(first, first + passages)
            begin, end = end, end + int(self.lengths[some].sum())
            rows = self.vectors[begin:end]
            yield PassageIndex(self.ids[some], rows, self.lengths[some], scorer=self.scorer)


def hash_texts(passages: Mapping[str, str]) -> str:
    """sha256 of ids and texts, in whatever order they come."""
    found = hashlib.sha256()
    for pair in sorted(passages.items()):
        found.update(json.dumps(pair).encode() + b"\n")
    return found.hexdigest()


def content_lengths(encoder: Encoder, texts: Sequence[str]) -> tuple[list[int], int]:
    """How many token vectors each passage will have, and how many passages are cut."""
    found, cut = [], 0
    for start in range(0, len(texts), 1024):
        ids, here = encoder.read(texts[start : start + 1024])
        found += encoder.content(*encoder.pad(ids)).sum(1).tolist()
        cut += here
    return found, cut


def _encoded(
    encoder: Encoder, texts: Sequence[str], order: list[int], begins: Tensor, progress: bool
) -> Iterator[tuple[int, Tensor]]:
    """Vectors of each passage, shape (length, d), float16, with the row where they begin."""
    from tqdm import tqdm

    begin = dict(zip(order, begins.tolist(), strict=True))
    how = {"desc": "encode passages", "unit": "passage", "disable": not progress}
    with tqdm(total=len(order), **how) as bar:
        for start in range(0, len(order), CHUNK):
            chunk = sorted(order[start : start + CHUNK])
            for rows, vectors, _, keep in encoder.batches([texts[i] for i in chunk]):
                if not vectors.isfinite().all():
                    got = f"vectors from {encoder.name} that are no finite numbers"
                    raise InputError("index", got, "unit vectors; take a whole model")
                vectors, keep = vectors.half().cpu(), keep.cpu()
                for row, v, k in zip(rows, vectors, keep, strict=True):
                    yield begin[chunk[row]], v[k]
                bar.update(len(rows))
