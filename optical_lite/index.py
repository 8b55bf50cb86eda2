"""Index: the token vectors of all passages, in memory or in a file that is larger than memory.

A file has safetensors' layout (eight bytes that say how long the header is, the header as JSON, the numbers), so that
other programs read it. It is written batch by batch under another name, which it loses when all is there, and opened
as a read-only map: the system reads what scoring touches and forgets it when memory is short.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from .encoder import Encoder
from .provenance import model_record, sha256
from .safe_files import making, room
from .settings import InputError, get, uses_bf16

CHUNK = 1 << 14  # passages tokenized and encoded at a time; their token ids are in memory
SCORERS = ("maxsim", "mean")
TENSORS = ("lengths", "vectors")
KINDS = {"lengths": ("I64", 1), "vectors": ("F16", 2)}  # number type and dimensions


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
        path = Path(path)
        header, start = _header(path)
        about, lengths, vectors = header["__metadata__"], *(_map(path, header[name], start) for name in TENSORS)
        try:
            ids, max_length, cut = json.loads(about["ids"]), int(about.get("max_length", 0)), int(about.get("cut", 0))
            good = isinstance(ids, list) and all(isinstance(name, str) for name in ids) and len(set(ids)) == len(ids)
        except (ValueError, RecursionError):
            good = False
        lengths = lengths.clone()  # few, and read all the time
        total = int(lengths.sum())
        if not good or not len(ids) == len(lengths) or total != len(vectors) or (lengths.diff() < 0).any():
            raise InputError(
                f"{path}: got {len(ids) if good else 'no'} ids, {len(lengths)} lengths with the sum {total} and "
                f"{len(vectors)} vectors, expected as many lengths as ids, ascending, and their sum of vectors; "
                "delete it and index anew"
            )
        if len(lengths) and int(lengths[0]) < 0:
            raise InputError(f"{path}: got a passage of {int(lengths[0])} vectors; delete it and index anew")
        return cls(ids, vectors, lengths, max_length, cut, "mean" if about.get("scorer") == "mean" else "maxsim")

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


@contextmanager
def writing(
    path: str | Path, ids: list[str], lengths: Tensor, width: int, about: Mapping[str, object] | None = None
) -> Iterator[Callable[[int, Tensor], None]]:
    """Write an index file in any order; it gets its name when the block ends well and is gone when it does not.

    Parameters
    ----------
    about : what else the header says: ``max_length``, ``cut`` and ``scorer``

    Yields
    ------
    put : puts float16 vectors, shape (n, width), where their first row belongs
    """
    path, total = Path(path), int(lengths.sum())
    middle, end = 8 * len(lengths), 8 * len(lengths) + 2 * total * width
    header = {
        "__metadata__": {"ids": json.dumps(ids), **{key: str(value) for key, value in (about or {}).items()}},
        "lengths": {"dtype": "I64", "shape": [len(lengths)], "data_offsets": [0, middle]},
        "vectors": {"dtype": "F16", "shape": [total, width], "data_offsets": [middle, end]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    room(path, end + len(text), f"{len(ids):,} passages")
    with making(path) as part, open(part, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + lengths.long().numpy().tobytes())
        first = file.tell()
        file.truncate(first + 2 * total * width)

        def put(begin: int, vectors: Tensor) -> None:
            file.seek(first + 2 * begin * width)
            file.write(vectors.half().contiguous().numpy().data)

        yield put


def _header(path: Path) -> tuple[dict, int]:
    """The header of an index file, and where its numbers begin; safetensors checks offsets, sizes and the end."""
    if not path.is_file():
        raise InputError(f"{path}: got no such file, expected an index; check the path")
    try:
        with safe_open(path, "np"), open(path, "rb") as file:  # "np" maps nothing that could be written to
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        found = {name: (header[name]["dtype"], len(header[name]["shape"])) for name in TENSORS}
        if found != KINDS or not isinstance(header["__metadata__"]["ids"], str):
            raise ValueError(f"tensors {found}")
    except Exception as error:  # safetensors' own, and what a header lacks
        size, said = path.stat().st_size, " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: got {size:,} bytes that are no whole index ({type(error).__name__}: {said}), expected a "
            "safetensors file with ids, lengths and vectors; copy it again, or delete it and index anew"
        ) from None
    return header, 8 + length


def _map(path: Path, entry: dict, start: int) -> Tensor:
    """A tensor of a file, mapped read-only: a private writable map (safetensors' own) must fit into memory."""
    shape, kind = tuple(entry["shape"]), {"I64": np.int64, "F16": np.float16}[entry["dtype"]]
    if 0 in shape:
        return torch.from_numpy(np.zeros(shape, kind))
    found = np.memmap(path, kind, "r", start + entry["data_offsets"][0], shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(found)
