"""Distillation: the one training loop. What it writes is a run folder, see :mod:`.runs`."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import losses
from ..config import DistillConfig
from ..corpora import Bitext
from ..cost import idf_table, weighted_marginal
from ..encoder import Encoder
from ..safe_files import hold
from ..settings import InputError, device, seed_everything, uses_bf16
from ..vocabulary import base_rows
from . import runs, trainable
from .vector_store import VectorStore

AHEAD = 50  # steps whose teacher vectors are made at a time


def length_batches(lengths: list, batch: int, seed: int) -> Iterator[list[int]]:
    """Endless batches of sentence pairs of like length, in random order; the same seed gives the same batches.

    Each epoch is shuffled, cut into stretches of 50 batches, and sorted by length inside a stretch. Lengths are
    numbers or pairs of numbers.
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


def distill(
    student: Encoder,
    teacher: Encoder,
    bitext: Bitext,
    config: DistillConfig,
    out: str | Path,
    *,
    progress: bool = True,
    on_step: Callable[[dict], None] | None = None,
    beside: Callable[[list[int]], Tensor] | None = None,
) -> Path:
    """Train a student on sentence pairs and write a run folder; an interrupted run goes on where it was saved.

    Parameters
    ----------
    student : encoder of the source language; trained in place
    teacher : encoder of the English side; not changed
    bitext : sentence pairs
    config : see :class:`DistillConfig`
    out : run folder. A folder of the same configuration and data is resumed; of another one, refused.
    progress : show a bar with pairs per second and time left
    on_step : called with each line of the log (a live curve in a notebook)
    beside : a further term of the loss, called with the positions of a step's pairs; the run's record does not know it

    Returns
    -------
    Path of the run folder
    """
    from accelerate import Accelerator

    if not len(bitext):
        raise InputError("distill: got a bitext without pairs, expected at least one")
    # its own mixed precision is fixed for the life of a process; ours is a setting of each run
    accelerator = Accelerator(cpu=device() == "cpu", mixed_precision="no")
    wanted = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes != wanted:
        raise InputError(
            f"distill: got {accelerator.num_processes} processes, expected {wanted}; see accelerate's setup"
        )
    out = Path(out)
    with hold(out) if accelerator.is_main_process else contextlib.nullcontext():
        _train(accelerator, student, teacher, bitext, config, out, progress, on_step, beside)
    return out


def _train(accelerator, student, teacher, bitext, config, out, progress, on_step, beside) -> None:
    """The loop of :func:`distill`, in a folder that no other process writes to."""
    from tqdm import tqdm

    seed_everything(config.seed)
    products = functools.partial(torch.autocast, accelerator.device.type, torch.bfloat16, enabled=uses_bf16())
    source, target, cut = tokens(student, teacher, bitext, config.max_length)
    if not config.special:
        say_blank(student, teacher, source, target, progress)
    for encoder in (student, teacher):
        encoder.put_away()  # from here on there are ids alone
    if accelerator.is_main_process:
        runs.open_run(out, {**asdict(config), "keep": list(config.keep)}, bitext, student, teacher)
    accelerator.wait_for_everyone()

    trained = trainable.choose(student, config, set(itertools.chain.from_iterable(source)))
    optimizer = torch.optim.AdamW(trainable.groups(trained, config), weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: slope(step, config))
    teacher.eval()
    student.eval()  # no dropout: a random student would not match a fixed teacher token by token
    rows = student.model.get_input_embeddings().rows
    session = runs.Session(
        out, trained, optimizer, schedule, save_every=config.save_every, steps=config.steps,
        writes=accelerator.is_main_process,
    )  # fmt: skip
    first = session.first
    if first == 0 and accelerator.is_main_process:
        runs.keep(out, 0, trainable.whole(student, trained), rows)
    model, optimizer = accelerator.prepare(student, optimizer)
    weights = (_idf(student, source), _idf(teacher, target)) if config.marginals == "idf" else None
    lengths = [(len(s), len(t)) for s, t in zip(source, target, strict=True)]  # the student's side costs the most
    batches = length_batches(lengths, config.batch * accelerator.num_processes, config.seed)
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    # an epoch's last batch may have fewer pairs than there are processes
    plan_of_work = [pairs[share] or pairs[:1] for pairs in itertools.islice(batches, config.steps)]
    known = VectorStore(teacher, target)
    bar = tqdm(
        total=config.steps * config.batch, initial=first * config.batch, unit="pair", desc="distil",
        disable=not progress, mininterval=1.0,
    )  # fmt: skip
    with session:
        for step, pairs in enumerate(plan_of_work):
            if step < first:
                continue
            if step % AHEAD == 0 or step == first:  # many sentences at once fill their batches better than 32
                begin = step - step % AHEAD  # the same sentences together wherever a run goes on: equal to the bit
                known.fill(itertools.chain.from_iterable(plan_of_work[begin : begin + AHEAD]))
            S_ids, S_mask = student.pad([source[i] for i in pairs])
            H, H_ids, H_mask = known.batch(pairs)  # (B, m, d)
            with products():
                S = model(S_ids, S_mask)  # (B, n, d)
            masks = (
                (S_mask, H_mask) if config.special else (student.content(S_ids, S_mask), teacher.content(H_ids, H_mask))
            )
            now = replace(config, epsilon=width(step, config))
            loss, plan = _loss(S.float(), H, S_ids, H_ids, masks, weights, now)
            if beside:
                with products():
                    loss = loss + beside(pairs)
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(trained.values(), 1.0)
            rates = schedule.get_last_lr()  # of this step: one, or the encoder's and the rows'
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            line = {"step": step + 1, "loss": loss.item(), "rate": rates[0], "norm": float(norm)}
            line |= {"row_rate": rates[1]} if len(rates) > 1 else {}
            if plan is not None:
                line |= {
                    "converged": plan.converged.float().mean().item(),
                    "iterations": plan.iterations.float().mean().item(),
                    "marginal_error": plan.marginal_error.max().item(),
                }
            line |= {"pairs": len(pairs), "seconds": session.seconds}
            if not math.isfinite(line["loss"]):
                raise InputError(
                    f"distill: got loss {line['loss']} at step {step + 1}, expected a finite number; lower the rate"
                )
            if accelerator.is_main_process:
                if step + 1 in config.keep or step + 1 == config.steps:
                    runs.keep(out, step + 1, trainable.whole(student, trained), rows)
                session.add(line)
                bar.set_postfix(loss=f"{line['loss']:.4f}", refresh=False)
                bar.update(len(pairs))
                if on_step:
                    on_step(line)
    bar.close()
    del session, optimizer, schedule  # twice the weights, no longer needed
    accelerator.free_memory()
    trainable.merge(student)
    if accelerator.is_main_process and not (first == config.steps and runs.is_finished(out)):
        runs.finish(out, student, cut)


def plain(student: Encoder, teacher: Encoder, bitext: Bitext, config: DistillConfig) -> list[float]:
    """:func:`distill` with the transport loss, the readable way: transformers' forward pass, float32, nothing kept.

    Same batches, same steps; the tests compare the losses, the benchmarks the time. Returns the loss of each step.
    """
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
            H = teacher.model(input_ids=H_ids, attention_mask=H_mask.long()).last_hidden_state  # (B, m, d)
        S = student.model(input_ids=S_ids, attention_mask=S_mask.long()).last_hidden_state  # (B, n, d)
        S, H = nn.functional.normalize(S, dim=-1), nn.functional.normalize(H, dim=-1)
        masks = student.content(S_ids, S_mask), teacher.content(H_ids, H_mask)
        loss, _ = losses.transport_loss(S, H, *masks, epsilon=config.epsilon)
        loss.backward()
        if config.trainable == "new":
            weights.grad[: base_rows(student)] = 0
        nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = config.rate * slope(step, config)
        optimizer.step()
        optimizer.zero_grad()
        found.append(loss.item())
    return found


def slope(step: int, config: DistillConfig) -> float:
    """Share of the peak rate at a step: a linear rise, then a linear fall to 0."""
    warm = max(1, round(config.warmup * config.steps))
    return min((step + 1) / warm, max(0.0, (config.steps - step) / max(1, config.steps - warm)))


def width(step: int, config: DistillConfig) -> float:
    """Epsilon at a step: constant, or a geometric fall from ``epsilon_start`` to ``epsilon``.

    >>> config = DistillConfig(epsilon_start=0.16, epsilon=0.01, steps=5)
    >>> [round(width(step, config), 3) for step in range(5)]
    [0.16, 0.08, 0.04, 0.02, 0.01]
    """
    if not config.epsilon_start:
        return config.epsilon
    done = step / max(1, config.steps - 1)
    return config.epsilon_start ** (1 - done) * config.epsilon**done


def tokens(student: Encoder, teacher: Encoder, bitext: Bitext, limit: int) -> tuple[list, list, dict]:
    """Token ids of both sides, cut to the limit; how many sentences were cut. A limit beyond the model's is refused."""
    sides, cut = [], {}
    for name, encoder, texts in zip(
        ("source", "target"), (student, teacher), zip(*bitext.pairs, strict=True), strict=True
    ):
        reader = encoder.reading_to(limit)
        whole = reader.whole(texts)
        cut[name] = sum(len(row) > reader.room for row in whole)
        sides.append([reader.fit(row) for row in whole])
    return sides[0], sides[1], cut


def say_blank(student: Encoder, teacher: Encoder, source: list, target: list, aloud: bool = True) -> int:
    """Count the pairs with a side that has no known token, from which nothing can be learned; refuse nothing else.

    >>> kind = type("Toy", (), {"special": {0, 1}})()
    >>> say_blank(kind, kind, [[0, 5, 1], [0, 1]], [[0, 7, 1], [0, 8, 1]])
    1 of 2 pairs have a side without a known token and teach nothing
    1
    """
    sides = ((student.special, source), (teacher.special, target))
    full = zip(*([not special.issuperset(ids) for ids in side] for special, side in sides), strict=True)
    blank = sum(not all(both) for both in full)
    if blank == len(source):
        raise InputError(
            f"distill: got {blank:,} pairs, none with a known token on both sides, expected at least one; "
            "check the language and the columns of the bitext"
        )
    if blank and aloud:
        print(f"{blank:,} of {len(source):,} pairs have a side without a known token and teach nothing")
    return blank


def _idf(encoder: Encoder, sentences: list[list[int]]) -> Tensor:
    return idf_table(sentences, encoder.rows).to(device())


def _loss(S, H, S_ids, H_ids, masks, weights, config):
    """The weighted sum of the loss's terms, and the plan where there is one."""
    total, plan = 0.0, None
    for weight, name in config.terms():
        if name == "transport":
            value, plan = _transport(S, H, S_ids, H_ids, masks, weights, config)
        elif name in losses.AMONG:
            value = losses.AMONG[name](S, H, *masks, losses.repeated(H_ids))
        else:
            value = losses.PLAIN[name](S, H, *masks)
        total = total + weight * value
    return total, plan


def _transport(S, H, S_ids, H_ids, masks, weights, config):
    relaxation = {"unbalanced": {"reach": config.reach}, "partial": {"mass": config.mass}}.get(config.solver, {})
    marginals = {}
    if config.marginals == "idf":
        marginals = {
            "a": weighted_marginal(weights[0][S_ids], masks[0]),
            "b": weighted_marginal(weights[1][H_ids], masks[1]),
        }
    return losses.transport_loss(S, H, *masks, **marginals, epsilon=config.epsilon, method=config.solver, **relaxation)
