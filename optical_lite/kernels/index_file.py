"""Index file: vectors and lengths of an index in a :mod:`.tensor_file` larger than memory.

It is opened as a read-only map: the system reads what scoring touches and forgets it when memory is
short.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from ..json_files import parse_json
from ..safe_files import making, reserve
from ..settings import InputError
from . import tensor_file

KINDS = {"lengths": ("I64", 1), "vectors": ("F16", 2)}  # number type and dimensions


@contextmanager
def writing(
    path: str | Path, ids: list[str], lengths: Tensor, width: int,
    about: Mapping[str, object] | None = None,
) -> Iterator[Callable[[int, Tensor], None]]:  # fmt: skip
    """Write an index file in any order; it is whole when the block ends well, else it is gone.

    What is yielded puts vectors, shape (n, width), where their first row belongs. The header may
    say ``max_length``, ``cut`` and ``scorer`` as well.
    """
    total = int(lengths.sum())
    tensors = {"lengths": ("I64", [len(lengths)]), "vectors": ("F16", [total, width])}
    metadata = {"ids": json.dumps(ids)} | {key: str(value) for key, value in (about or {}).items()}
    head = tensor_file.head(tensors, metadata) + lengths.long().numpy().tobytes()
    with making(path) as part, open(part, "wb") as file:
        file.write(head)
        reserve(file, len(head) + 2 * total * width)

        def put(begin: int, vectors: Tensor) -> None:
            file.seek(len(head) + 2 * begin * width)
            file.write(vectors.half().contiguous().numpy().data)

        yield put


def read(path: Path) -> tuple[list[str], Tensor, Tensor, int, int, str]:
    """Ids, vectors, lengths, ``max_length``, ``cut`` and ``scorer`` of an index file."""
    if not path.is_file():
        said = "a folder" if path.is_dir() else "no such file"
        raise InputError(path, said, "a file index.safetensors; check the path")
    try:
        header, start = tensor_file.header(path)
        about = header["__metadata__"]
        kinds = {name: (header[name]["dtype"], len(header[name]["shape"])) for name in KINDS}
        if kinds != KINDS:
            raise ValueError(f"tensors {kinds}")
        lengths, vectors = (_mapped(path, header[name], start) for name in KINDS)
        lengths = lengths.clone()  # read all the time
        ids = parse_json(about["ids"], "its ids", 2 * len(lengths) + 1)
        _check(ids, lengths, vectors)
        limits = int(about.get("max_length", 0)), int(about.get("cut", 0))
    except Exception as error:  # safetensors' own, and what a header lacks
        size, said = path.stat().st_size, " ".join(str(error).split())[:120]
        raise InputError(
            f"{path}: got {size:,} bytes that are no whole index ({type(error).__name__}: {said}), "
            "expected a safetensors file with ids, lengths and vectors; copy it again, or delete "
            "it and index anew"
        ) from None
    return ids, vectors, lengths, *limits, "mean" if about.get("scorer") == "mean" else "maxsim"


def _mapped(path: Path, entry: dict, start: int) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(tensor_file.mapped(path, entry, start, "r"))


def _check(ids: object, lengths: Tensor, vectors: Tensor) -> None:
    """Refuse what does not fit together."""
    names = isinstance(ids, list) and all(isinstance(name, str) for name in ids)
    if not names or len(set(ids)) < len(ids) or len(ids) != len(lengths):
        raise ValueError(f"not one id of its own for each of {len(lengths)} passages")
    # a difference or a sum of 64 bits could begin again below 0
    falls = (lengths[1:] < lengths[:-1]).any() or (lengths[:1] < 0).any()
    if falls or sum(lengths.tolist()) != len(vectors):
        raise ValueError(f"lengths that do not ascend from 0, or whose sum is not {len(vectors)}")
