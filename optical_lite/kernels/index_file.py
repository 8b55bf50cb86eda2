"""Index file: vectors and lengths of an index in one file that may be larger than memory.

It has safetensors' layout (eight bytes that say how long the header is, the header as JSON, the
numbers), so that other programs read it. It is written batch by batch under another name, which it
loses when all is there, and opened as a read-only map: the system reads what scoring touches and
forgets it when memory is short.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from ..safe_files import making, room
from ..settings import InputError

TENSORS = ("lengths", "vectors")
KINDS = {"lengths": ("I64", 1), "vectors": ("F16", 2)}  # number type and dimensions


@contextmanager
def writing(
    path: str | Path,
    ids: list[str],
    lengths: Tensor,
    width: int,
    about: Mapping[str, object] | None = None,
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
        "__metadata__": {
            "ids": json.dumps(ids),
            **{key: str(value) for key, value in (about or {}).items()},
        },
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


def read(path: Path) -> tuple[list[str], Tensor, Tensor, int, int, str]:
    """Ids, vectors and lengths of what :func:`writing` wrote, and the header's ``max_length``, ``cut`` and ``scorer``.

    Nothing of the vectors is read before it is used.
    """
    header, start = _header(path)
    about, lengths, vectors = (
        header["__metadata__"],
        *(_map(path, header[name], start) for name in TENSORS),
    )
    try:
        ids, max_length, cut = (
            json.loads(about["ids"]),
            int(about.get("max_length", 0)),
            int(about.get("cut", 0)),
        )
        good = (
            isinstance(ids, list)
            and all(isinstance(name, str) for name in ids)
            and len(set(ids)) == len(ids)
        )
    except (ValueError, RecursionError):
        good = False
    lengths = lengths.clone()  # few, and read all the time
    total = int(lengths.sum())
    if (
        not good
        or not len(ids) == len(lengths)
        or total != len(vectors)
        or (lengths.diff() < 0).any()
    ):
        raise InputError(
            f"{path}: got {len(ids) if good else 'no'} ids, {len(lengths)} lengths with the sum {total} and "
            f"{len(vectors)} vectors, expected as many lengths as ids, ascending, and their sum of vectors; "
            "delete it and index anew"
        )
    if len(lengths) and int(lengths[0]) < 0:
        raise InputError(
            f"{path}: got a passage of {int(lengths[0])} vectors; delete it and index anew"
        )
    return (
        ids,
        vectors,
        lengths,
        max_length,
        cut,
        "mean" if about.get("scorer") == "mean" else "maxsim",
    )


def _header(path: Path) -> tuple[dict, int]:
    """The header of an index file, and where its numbers begin; safetensors checks offsets, sizes and the end."""
    if not path.is_file():
        raise InputError(f"{path}: got no such file, expected an index; check the path")
    try:
        with (
            safe_open(path, "np"),
            open(path, "rb") as file,
        ):  # "np" maps nothing that could be written to
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
