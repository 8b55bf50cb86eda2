"""Checkpoints: the weights that a run kept on its way; nothing that a file holds is run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from torch import Tensor

from ..encoder import Encoder
from ..settings import InputError, shown


def put(student: Encoder, place: Path, device: str) -> None:
    """Give an encoder the weights of a checkpoint, which must all fit."""
    kept, rows = _checkpoint(place, device)
    named, table = dict(student.named_parameters()), student.embedding
    with torch.no_grad():
        for name, value in kept.items():
            new = name.endswith("word_embeddings.new")
            shape = None
            if new and rows.max() < len(table):
                shape = len(rows), table.shape[1]
            elif not new and name in named:
                shape = tuple(named[name].shape)
            if tuple(value.shape) != shape or not value.isfinite().all():
                raise InputError(
                    f"{place}: got {shown(name)} of shape {tuple(value.shape)}, expected finite "
                    "numbers of a shape that fits the student; copy it again, or train anew"
                )
            if new:
                table[rows] = value.float()
            else:
                named[name].copy_(value.float())


def read_saved(place: Path, device: str) -> dict:
    """What ``torch.save`` wrote, after a look at checksums, which ``torch.load`` does not take."""
    with zipfile.ZipFile(place) as archive:
        # torch stores tensors as they are; what unpacks to more is no checkpoint
        if sum(entry.file_size for entry in archive.infolist()) > place.stat().st_size:
            raise ValueError("packed")
        if archive.testzip():
            raise ValueError("changed")
    return torch.load(place, map_location=device, weights_only=True)


def _checkpoint(place: Path, device: str) -> tuple[dict[str, Tensor], Tensor]:
    """The weights of a checkpoint, and which rows of the embedding table are among them."""
    try:
        state = read_saved(place, device)
        kept, rows = state["weights"], state["rows"]
        whole = rows.dtype == torch.long and rows.ndim == 1 and len(rows) and rows.min() >= 0
        if not whole or not all(isinstance(value, Tensor) for value in kept.values()):
            raise ValueError("other values")
    except Exception as error:  # of zip, of pickle, of torch: any bytes may stand there
        raise InputError(
            f"{place}: got no whole checkpoint ({type(error).__name__}), expected one that training "
            "wrote; copy it again, or train anew"
        ) from None
    return kept, rows
