"""Tensor files: safetensors' layout, written in parts and mapped, for what is larger than memory.

safetensors itself writes what memory holds, and maps so that a write must fit into memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open

from ..json_files import parse_json

TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


def head(tensors: Mapping[str, tuple[str, list[int]]], metadata: Mapping[str, str]) -> bytes:
    """What a file begins with: number type and shape of each tensor, in the numbers' order."""
    header: dict = {"__metadata__": dict(metadata)}
    end = 0
    for name, (kind, shape) in tensors.items():
        begin, end = end, end + TYPES[kind]().itemsize * math.prod(shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def header(path: Path) -> tuple[dict, int]:
    """The header of a whole file, and where its numbers begin; safetensors checks what it says."""
    with safe_open(path, "np"), open(path, "rb") as file:  # "np" maps nothing for writing
        length = int.from_bytes(file.read(8), "little")
        return parse_json(file.read(length), path), 8 + length


def mapped(path: Path, entry: dict, start: int, mode: str) -> np.ndarray:
    """A tensor of a header, read where it is touched: mode "r" is read-only, "c" never writes."""
    shape, kind = tuple(entry["shape"]), TYPES[entry["dtype"]]
    if 0 in shape:
        return np.zeros(shape, kind)
    return np.memmap(path, kind, mode, start + entry["data_offsets"][0], shape)
