"""Trainable: which weights of a student train, and how the others are kept out of the optimiser's way."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..config import DistillConfig
from ..encoder import Encoder
from ..kernels import shared_rows
from ..kernels.shared_rows import SplitEmbedding
from ..settings import InputError
from ..vocabulary import base_rows

UPPER = 2  # layers that train with trainable="upper"
RANK = 8  # of the changes with trainable="low-rank"


class LowRank(nn.Module):
    """A matrix plus a trainable product of two thin ones, 0 at the start (Hu et al., arXiv 2106.09685)."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(torch.randn(rank, columns, device=weight.device) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        """The changed matrix, shape (rows, columns)."""
        return weight + self.up @ self.down


def choose(student: Encoder, config: DistillConfig, seen: set[int]) -> dict[str, nn.Parameter]:
    """The weights that train, by name; for the length of the run the embedding table is split by rows seen."""
    base = base_rows(student)
    student.requires_grad_(config.trainable == "all")
    layers = student.model.encoder.layer if config.trainable in ("upper", "low-rank") else []
    if config.trainable == "upper":
        layers[-UPPER:].requires_grad_(True)
    for layer in layers if config.trainable == "low-rank" else []:
        own = layer.attention
        for linear in (own.self.query, own.self.key, own.self.value, own.output.dense):
            parametrize.register_parametrization(linear, "weight", LowRank(linear.weight, RANK))
            linear.parametrizations.weight.original.requires_grad_(False)
    if config.trainable != "all":
        seen = {row for row in seen if row >= base}
    if not seen:
        raise InputError("distill: got a student without new rows, expected an extended one; use --trainable all")
    rows = torch.tensor(sorted(seen), device=student.device)
    table = student.model.get_input_embeddings()
    table = table.split(rows) if isinstance(table, SplitEmbedding) else SplitEmbedding(table.weight, rows)
    student.model.set_input_embeddings(table)
    return {name: p for name, p in student.named_parameters() if p.requires_grad}


def groups(trained: dict[str, nn.Parameter], config: DistillConfig) -> list[dict]:
    """The weights as an optimiser takes them: the encoder's at ``rate``, embedding rows at their own where it is set.

    A row is touched by few sentences of a run, a matrix by all of them: the rate that moves rows far enough ruins the
    matrices. One rate for both compares how far the rows got, not what the freedom is worth.
    """
    rows = {name for name in trained if name.endswith("word_embeddings.new")}
    made = [
        {"params": [p for name, p in trained.items() if name not in rows], "lr": config.rate},
        {"params": [trained[name] for name in rows], "lr": config.row_rate or config.rate},
    ]
    return [group for group in made if group["params"]]


def whole(student: Encoder, trained: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """What a checkpoint keeps: the trained weights, low-rank changes added to the matrices that they change."""
    kept = {name: p for name, p in trained.items() if ".parametrizations." not in name}
    for name in trained:
        if name.endswith(".parametrizations.weight.0.up"):
            module = name.removesuffix(".parametrizations.weight.0.up")
            kept[f"{module}.weight"] = student.get_submodule(module).weight
    return kept


def merge(student: Encoder) -> None:
    """Make the student an ordinary model again; one with a large vocabulary goes on sharing its teacher's table."""
    table = student.model.get_input_embeddings()
    if isinstance(table, SplitEmbedding) and table.num_embeddings < shared_rows.LARGE:
        student.model.set_input_embeddings(table.join(student.pad_id))
    for module in student.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
