"""Trainable: which weights of a student train; the others are kept out of the optimiser's way."""

from __future__ import annotations

import torch
from torch import nn

from ..config import DistillConfig
from ..encoder import Encoder
from ..kernels import shared_rows
from ..kernels.shared_rows import SplitEmbedding
from ..settings import InputError
from ..vocabulary import base_rows


def learning(student: Encoder, config: DistillConfig, seen: set[int]) -> list[int]:
    """The embedding rows that train, of those seen."""
    first = 0 if config.trainable == "all" else base_rows(student)
    if not (rows := sorted(row for row in seen if row >= first)):
        expected = "an extended one; use --trainable all"
        raise InputError("distill", "a student without new rows", expected)
    return rows


def choose(student: Encoder, config: DistillConfig, learning: list[int]) -> dict[str, nn.Parameter]:
    """The weights that train, by name; until :func:`merge` embeddings are split by these rows."""
    student.requires_grad_(config.trainable == "all")
    rows = torch.tensor(learning, device=student.device)
    table = student.model.get_input_embeddings()
    split = isinstance(table, SplitEmbedding)
    table = table.split(rows) if split else SplitEmbedding(table.weight, rows)
    student.model.set_input_embeddings(table)
    return {name: p for name, p in student.named_parameters() if p.requires_grad}


def groups(trained: dict[str, nn.Parameter], config: DistillConfig) -> list[dict]:
    """The weights as an optimiser takes them, embedding rows at their own rate where it is set.

    A row is touched by few sentences of a run, a matrix by all: what moves rows far enough ruins
    the matrices.
    """
    rows = [p for name, p in trained.items() if name.endswith(shared_rows.NEW)]
    others = [p for name, p in trained.items() if not name.endswith(shared_rows.NEW)]
    made = [
        {"params": others, "lr": config.rate},
        {"params": rows, "lr": config.row_rate or config.rate},
    ]
    return [group for group in made if group["params"]]


def merge(student: Encoder) -> None:
    """An ordinary model again; one of a large vocabulary goes on sharing its teacher's table."""
    table = student.model.get_input_embeddings()
    if isinstance(table, SplitEmbedding) and table.num_embeddings < shared_rows.LARGE:
        student.model.set_input_embeddings(table.join(student.pad_id))
