"""Distil: :func:`optical_lite.distillation.plain` for runs of hours: stored teacher vectors, one or several processes.

What it writes is a run folder, see :mod:`.runs`; an interrupted run goes on where it was saved.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from .. import distillation
from ..config import DistillConfig
from ..corpora import Bitext
from ..encoder import Encoder
from ..safe_files import hold
from ..settings import InputError, device, seed_everything, uses_bf16
from ..transport import TransportPlan
from . import runs, trainable
from .vector_store import VectorStore

AHEAD = 50  # steps whose teacher vectors are made at a time


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
    writes = accelerator.is_main_process
    seed_everything(config.seed)
    products = functools.partial(torch.autocast, accelerator.device.type, torch.bfloat16, enabled=uses_bf16())
    source, target, cut = _open(accelerator, student, teacher, bitext, config, out, progress)
    trained = trainable.choose(student, config, set(itertools.chain.from_iterable(source)))
    optimizer = torch.optim.AdamW(trainable.groups(trained, config), weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: distillation.slope(step, config))
    teacher.eval()
    student.eval()  # no dropout: a random student would not match a fixed teacher token by token
    rows = student.model.get_input_embeddings().rows
    session = runs.Session(
        out, trained, optimizer, schedule, save_every=config.save_every, steps=config.steps, writes=writes
    )
    first = session.first
    if first == 0 and writes:
        runs.keep(out, 0, trainable.whole(student, trained), rows)
    model, optimizer = accelerator.prepare(student, optimizer)
    weights = distillation.idf_weights(student, source, teacher, target) if config.marginals == "idf" else None
    work = _batches(accelerator, source, target, config)
    known = VectorStore(teacher, target)
    bar = _bar(config, first, progress)
    with session:
        for step, pairs in itertools.islice(enumerate(work), first, None):
            if step % AHEAD == 0 or step == first:  # many sentences at once fill their batches better than 32
                begin = step - step % AHEAD  # the same sentences together wherever a run goes on: equal to the bit
                known.fill(itertools.chain.from_iterable(work[begin : begin + AHEAD]))
            S_ids, S_mask = student.pad([source[i] for i in pairs])
            H, H_ids, H_mask = known.batch(pairs)  # (B, m, d)
            with products():
                S = model(S_ids, S_mask)  # (B, n, d)
            if config.special:
                masks = S_mask, H_mask
            else:
                masks = student.content(S_ids, S_mask), teacher.content(H_ids, H_mask)
            loss, plan = distillation.loss(S.float(), H, S_ids, H_ids, masks, weights, config, step)
            if beside:
                with products():
                    loss = loss + beside(pairs)
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(trained.values(), 1.0)
            rates = schedule.get_last_lr()  # of this step: one, or the encoder's and the rows'
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            line = _line(step, loss, norm, rates, plan) | {"pairs": len(pairs), "seconds": session.seconds}
            if writes:
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
    if writes and not (first == config.steps and runs.is_finished(out)):
        runs.finish(out, student, cut)


def _open(accelerator, student, teacher, bitext, config, out, progress) -> tuple[list, list, dict]:
    """Token ids of both sides, how many sentences were cut, and a run folder that says what was asked for."""
    found = distillation.tokens(student, teacher, bitext, config.max_length)
    if not config.special:
        say_blank(student, teacher, *found[:2], progress)
    for encoder in (student, teacher):
        encoder.put_away()  # from here on there are ids alone
    if accelerator.is_main_process:
        runs.open_run(out, {**asdict(config), "keep": list(config.keep)}, bitext, student, teacher)
    accelerator.wait_for_everyone()
    return found


def _batches(accelerator, source: list, target: list, config: DistillConfig) -> list[list[int]]:
    """The pairs of each step, of which every process has its share."""
    lengths = [(len(s), len(t)) for s, t in zip(source, target, strict=True)]  # the student's side costs the most
    batches = distillation.length_batches(lengths, config.batch * accelerator.num_processes, config.seed)
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    # an epoch's last batch may have fewer pairs than there are processes
    return [pairs[share] or pairs[:1] for pairs in itertools.islice(batches, config.steps)]


def _bar(config: DistillConfig, first: int, progress: bool):
    from tqdm import tqdm

    total, done = config.steps * config.batch, first * config.batch
    return tqdm(total=total, initial=done, unit="pair", desc="distil", disable=not progress, mininterval=1.0)


def _line(step: int, loss: Tensor, norm: Tensor, rates: list[float], plan: TransportPlan | None) -> dict:
    """What the log says of a step."""
    line = {"step": step + 1, "loss": loss.item(), "rate": rates[0], "norm": float(norm)}
    line |= {"row_rate": rates[1]} if len(rates) > 1 else {}
    if plan is not None:
        line |= {
            "converged": plan.converged.float().mean().item(),
            "iterations": plan.iterations.float().mean().item(),
            "marginal_error": plan.marginal_error.max().item(),
        }
    if not math.isfinite(line["loss"]):
        raise InputError(
            f"distill: got loss {line['loss']} at step {step + 1}, expected a finite number; lower the rate"
        )
    return line


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
