"""Shared rows: an embedding table that stays in its file, of which a student owns some rows.

A multilingual table has 96 million weights, of which a run meets few: the others are neither copied
nor trained nor kept in memory.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import itertools
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from . import tensor_file

CHUNK = 1 << 12  # rows written or hashed at a time
NEW = "embeddings.new"  # how the name of a student's own rows ends, whatever the family
LARGE = 100_000  # rows from which a student shares its teacher's table: 150 MB of float32


def mapped(path: Path, name: str) -> tuple[Tensor, Callable[[], None]] | None:
    """A float32 tensor of a file, read where it is touched, and what gives the memory of that back.

    A write never changes the file; what was written to stays in memory.
    """
    header, start = tensor_file.header(path)
    if header.get(name, {}).get("dtype") != "F32":
        return None
    array = tensor_file.mapped(path, header[name], start, "c")
    tensor = torch.from_numpy(array)
    version = tensor._version

    def release() -> None:
        if tensor._version == version and hasattr(mmap, "MADV_DONTNEED"):
            array._mmap.madvise(mmap.MADV_DONTNEED)

    return tensor, release


class SplitEmbedding(nn.Module):
    """An embedding table of which only some rows train, so that an optimiser sees those alone.

    Rows that never occur would never move, and a dense AdamW over 44,000 rows costs as much as the
    matrix products of a step.

    Parameters
    ----------
    table : shape (V, d), not copied and never written to
    rows : shape (r,), ascending, the rows that train; those from V on are new
    new : shape (r, d), their values, by default the table's
    """

    def __init__(self, table: Tensor, rows: Tensor, new: Tensor | None = None) -> None:
        super().__init__()
        self.num_embeddings = max(len(table), int(rows[-1]) + 1 if len(rows) else 0)
        self.register_buffer("rows", rows)  # (r,)
        self.register_buffer("weight", table.detach())
        self.register_buffer("place", torch.full((self.num_embeddings,), -1, device=rows.device))
        self.place[rows] = torch.arange(len(rows), device=rows.device)
        new = self.weight[rows] if new is None else new.detach()
        self.new = nn.Parameter(new.clone())  # (r, d)

    @property
    def shared(self) -> int:
        """How many of its weights are the table's own."""
        return (self.num_embeddings - len(self.rows)) * self.new.shape[1]

    def __deepcopy__(self, memo: dict) -> SplitEmbedding:
        twin = SplitEmbedding(self.weight, self.rows, self.new)
        memo[id(self)] = twin
        return twin.requires_grad_(self.new.requires_grad)

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of ids: shape (...) -> (..., d)."""
        if not len(self.rows):
            return nn.functional.embedding(ids, self.weight)
        place = self.place[ids]
        mine = place >= 0
        # what is owned is not looked for in the file
        old = nn.functional.embedding(ids.masked_fill(mine, 0), self.weight)
        new = nn.functional.embedding(place.clamp(min=0), self.new)
        return torch.where(mine[..., None], new, old)

    def split(self, rows: Tensor) -> SplitEmbedding:
        """The same table with other rows to train, those that it owns among them."""
        rows = torch.cat([rows, self.rows]).unique()
        with torch.no_grad():
            return SplitEmbedding(self.weight, rows, self(rows))

    @torch.no_grad()
    def chunks(self) -> Iterator[Tensor]:
        """The whole table, some rows at a time."""
        for rows in torch.arange(self.num_embeddings, device=self.rows.device).split(CHUNK):
            yield self(rows)

    def join(self, padding: int) -> nn.Embedding:
        """One ordinary table again."""
        whole = self.weight.new_empty(self.num_embeddings, self.weight.shape[1])
        for place, part in zip(whole.split(CHUNK), self.chunks(), strict=True):
            place.copy_(part)
        return nn.Embedding.from_pretrained(whole, freeze=False, padding_idx=padding)


def trim() -> None:
    """Give freed memory back to the system, which glibc does not do by itself for small pieces."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def leave(model: nn.Module, path: Path) -> Callable[[], None] | None:
    """Leave a model's large table in its file, where it is there as float32; its release."""
    table, name = model.get_input_embeddings(), "embeddings.word_embeddings.weight"
    if table.num_embeddings < LARGE or not (found := mapped(path, name)):
        return None
    tensor, release = found
    table.weight = nn.Parameter(tensor, requires_grad=False)
    for part in model.parameters():  # else they keep a map of the whole file, which was read whole
        part.data = part.data if part is table.weight else part.data.clone()
    return release


def twin(model: nn.Module) -> nn.Module:
    """A copy of a model, which shares a large table."""
    table, memo = model.get_input_embeddings(), {}
    if table.num_embeddings >= LARGE and not isinstance(table, SplitEmbedding):
        none = torch.empty(0, dtype=torch.long, device=table.weight.device)
        memo[id(table)] = SplitEmbedding(table.weight, none)
    found = copy.deepcopy(model, memo)
    found.__dict__.pop("_packed", None)  # weights laid out for the forward pass of the copied one
    return found


def save(model: nn.Module, folder: Path, release: Callable[[], None]) -> None:
    """Write a model's configuration and weights; ``release`` the memory of a table's chunks."""
    split = [pair for pair in model.named_modules() if isinstance(pair[1], SplitEmbedding)]
    if not split:
        model.save_pretrained(folder)
        return
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    ((name, table),) = split
    shapes = {f"{name}.weight": [table.num_embeddings, table.new.shape[1]]}
    state = {k: value for k, value in model.state_dict().items() if not k.startswith(f"{name}.")}
    shapes |= {key: list(value.shape) for key, value in state.items()}
    tensors = {key: ("F32", shape) for key, shape in shapes.items()}
    with open(folder / "model.safetensors", "wb") as file:
        file.write(tensor_file.head(tensors, {"format": "pt"}))
        for part in itertools.chain(table.chunks(), state.values()):
            file.write(part.detach().float().cpu().contiguous().numpy().data)
            release()
