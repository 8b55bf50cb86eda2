"""Distillation: a student learns to put tokens where a fixed teacher has their translation's.

:func:`plain` is the method: batches of sentence pairs, the vectors of both sides, their loss, a
step down its gradient. :mod:`optical_lite.training.distill` is the same loop for runs of hours.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from . import losses
from .config import DistillConfig
from .corpora import Bitext, need_pairs
from .cost import idf_table, shares
from .encoder import Encoder
from .kernels.ragged import Ragged
from .settings import device, get
from .transport import TransportPlan
from .vocabulary import base_rows


def tokens(
    student: Encoder, teacher: Encoder, bitext: Bitext, limit: int
) -> tuple[Ragged, Ragged, dict]:
    """Token ids of both sides, cut to a limit, and how many sentences of each side were cut."""
    folder, pairs, cut = get().cache, iter(bitext.pairs), {"source": 0, "target": 0}
    readers = student.reading_to(limit), teacher.reading_to(limit)
    sides = Ragged(folder), Ragged(folder)
    while some := list(itertools.islice(pairs, 4096)):
        columns = zip(*some, strict=True)
        for name, reader, side, texts in zip(cut, readers, sides, columns, strict=True):
            ids, here = reader.read(texts)
            side.extend(ids)
            cut[name] += here
    return *sides, cut


def length_batches(lengths: list, batch: int, seed: int) -> Iterator[list[int]]:
    """Endless batches of sentence pairs of like length, in a random order that a seed decides.

    Each epoch is shuffled, cut into stretches of 50 batches, and sorted by length inside a stretch.
    Lengths are numbers or pairs of numbers.
    """
    for epoch in itertools.count():
        draw = random.Random(seed * 1_000_003 + epoch)
        order = list(range(len(lengths)))
        draw.shuffle(order)
        batches = []
        for start in range(0, len(order), batch * 50):
            stretch = sorted(order[start : start + batch * 50], key=lambda i: lengths[i])
            batches += [stretch[i : i + batch] for i in range(0, len(stretch), batch)]
        draw.shuffle(batches)
        yield from batches


def idf_weights(
    student: Encoder, source: Ragged, teacher: Encoder, target: Ragged
) -> tuple[Tensor, Tensor]:
    """Weights of the tokens of both vocabularies by their rareness here, shapes (V,) and (V',)."""
    sides = ((student, source), (teacher, target))
    return tuple(idf_table(sentences, encoder.rows).to(device()) for encoder, sentences in sides)


def loss(
    S: Tensor, H: Tensor, S_ids: Tensor, H_ids: Tensor, masks: tuple[Tensor, Tensor],
    weights: tuple[Tensor, Tensor] | None, config: DistillConfig,
) -> tuple[Tensor, TransportPlan | None]:  # fmt: skip
    """The loss of a step, a weighted sum of terms, and the plan where there is one.

    Parameters
    ----------
    S, H : Tensor, shapes (B, n, d) and (K, m, d), token vectors of student and teacher; of the K
        English sentences the first B are the pairs' own, the others are there to be told apart
    S_ids, H_ids : Tensor of int, shapes (B, n) and (K, m)
    masks : Tensor of bool of the same shapes, the tokens that are compared
    weights : of :func:`idf_weights`, where the marginals follow them
    """
    total, plan, B = 0.0, None, len(S)
    own = H[:B], masks[0], masks[1][:B]
    for weight, name in config.terms():
        if name == "transport":
            how = {name: getattr(config, name) for name in ("epsilon", "reach", "mass")}
            how["method"] = config.solver
            if config.marginals == "idf":
                how["a"] = shares(weights[0][S_ids] * masks[0])
                how["b"] = shares(weights[1][H_ids[:B]] * masks[1][:B])
            value, plan = losses.transport_loss(S, *own, **how)
        elif name in losses.AMONG:
            value = losses.AMONG[name](S, H, *masks, losses.repeated(H_ids)[:B])
        else:
            value = losses.PLAIN[name](S, *own)
        total = total + weight * value
    return total, plan


def schedule(step: int, config: DistillConfig) -> float:
    """Share of the peak rate at a step: a linear rise, then a linear fall to 0."""
    warm = max(1, round(config.warmup * config.steps))
    return min((step + 1) / warm, max(0.0, (config.steps - step) / max(1, config.steps - warm)))


def plain(student: Encoder, teacher: Encoder, bitext: Bitext, config: DistillConfig) -> list[float]:
    """The method with the transport loss to read: transformers' forward pass, nothing kept.

    Of the configuration it follows ``trainable``, ``epsilon``, ``steps``, ``batch``, ``rate``,
    ``warmup``, ``max_length`` and ``seed`` alone. :func:`.training.distill.distill` takes the same
    steps; the tests compare the losses, the benchmarks the time. Returns the loss of each step.
    """
    need_pairs(bitext, "distill")
    source, target, _ = tokens(student, teacher, bitext, config.max_length)
    weights = student.requires_grad_(config.trainable == "all").embedding.requires_grad_(True)
    trained = [p for p in student.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.rate, weight_decay=0.0)
    lengths = [(len(s), len(t)) for s, t in zip(source, target, strict=True)]
    batches, found = length_batches(lengths, config.batch, config.seed), []
    for step, pairs in enumerate(itertools.islice(batches, config.steps)):
        S_ids, S_mask = student.pad([source[i] for i in pairs])
        H_ids, H_mask = teacher.pad([target[i] for i in pairs])
        with torch.no_grad():
            H = teacher.model(H_ids, H_mask.long()).last_hidden_state  # (B, m, d)
        S = student.model(S_ids, S_mask.long()).last_hidden_state  # (B, n, d)
        S, H = nn.functional.normalize(S, dim=-1), nn.functional.normalize(H, dim=-1)
        masks = student.content(S_ids, S_mask), teacher.content(H_ids, H_mask)
        value, _ = losses.transport_loss(S, H, *masks, epsilon=config.epsilon)
        value.backward()
        if config.trainable == "new":
            weights.grad[: base_rows(student)] = 0
        nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = config.rate * schedule(step, config)
        optimizer.step()
        optimizer.zero_grad()
        found.append(value.item())
    return found
