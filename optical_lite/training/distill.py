"""Distil: :func:`optical_lite.distillation.plain` for runs of hours: stored teacher vectors, one or several processes.

What it writes is a run folder, see :mod:`.runs`; an interrupted run goes on where it was saved.

Several processes, started by ``torchrun`` or ``accelerate launch``, share the pairs of each step, as the pieces of
``accumulate`` do. The loss of B pairs is the sum of the pieces' losses, each times its share of the B pairs, and its
gradient the sum of theirs: a run is the same however many work at it. One process writes. A loss that compares a pair
with the others of its step takes their English sides from the store of teacher vectors; these do not train, so that no
gradient needs another process's sentences.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import distillation, losses
from ..config import DistillConfig
from ..corpora import Bitext
from ..encoder import Encoder
from ..kernels.ragged import Ragged
from ..safe_files import hold
from ..settings import InputError, device, seed_everything, uses_bf16
from ..transport import TransportPlan
from . import loop, runs, trainable
from .vector_store import VectorStore

AHEAD = 50  # steps whose teacher vectors are made at a time


def distill(
    student: Encoder,
    teacher: Encoder,
    bitext: Bitext,
    config: DistillConfig,
    out: str | Path,
    *,
    accumulate: int = 1,
    processes: int | None = None,
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
    accumulate : pieces that each process cuts its pairs of a step into, one after the other, for less memory
    processes : how many are expected, by default as many as the launcher says; a launcher may start fewer than it was
        asked for without a word, as ``accelerate launch --cpu`` does
    progress : show a bar with pairs per second and time left
    on_step : called with each line of the log (a live curve in a notebook), in the process that writes
    beside : a further term of the loss, a mean over pairs, called with the positions of a piece's pairs; the run's
        record does not know it

    Returns
    -------
    Path of the run folder
    """
    from accelerate import Accelerator

    if not len(bitext):
        raise InputError("distill: got a bitext without pairs, expected at least one")
    # its own mixed precision is fixed for the life of a process; ours is a setting of each run
    accelerator = Accelerator(cpu=device() == "cpu", mixed_precision="no")
    wanted = processes or int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes != wanted:
        raise InputError(
            f"distill: got {accelerator.num_processes} processes, expected {wanted}; start them with torchrun "
            "--nproc-per-node, on several machines with --nnodes"
        )
    out = Path(out)
    writes = accelerator.is_main_process
    with hold(out) if writes else contextlib.nullcontext():
        _train(accelerator, student, teacher, bitext, config, out, accumulate, progress and writes, on_step, beside)
    accelerator.wait_for_everyone()  # for what one of them wrote
    return out


def _train(accelerator, student, teacher, bitext, config, out, accumulate, progress, on_step, beside) -> None:
    """The loop of :func:`distill`, in a folder that no other process writes to."""
    writes = accelerator.is_main_process
    seed_everything(config.seed)
    source, target, cut = _open(accelerator, student, teacher, bitext, config, out, progress)
    trained = trainable.choose(student, config, set(itertools.chain.from_iterable(source)))
    optimizer = torch.optim.AdamW(trainable.groups(trained, config), weight_decay=0.0, fused=True)
    teacher.eval()
    student.eval()  # no dropout: a random student would not match a fixed teacher token by token
    rows = student.model.get_input_embeddings().rows
    session = loop.begin(out, trained, optimizer, config, config.save_every, writes)
    first = session.first
    if first == 0 and writes:
        runs.keep(out, 0, trained, rows)
    _agree(accelerator, out, first, len(source), sum(p.numel() for p in trained.values()))
    weights = distillation.idf_weights(student, source, teacher, target) if config.marginals == "idf" else None
    work = _batches(source, target, config)
    known = VectorStore(teacher, target)
    losses_of = functools.partial(_losses, student, teacher, source, known, weights, config, beside)

    def gradient(step: int, pairs: list[int]) -> dict:
        if step % AHEAD == 0 or step == first:  # many sentences at once fill their batches better than 32
            begin = step - step % AHEAD  # the same sentences together wherever a run goes on: equal to the bit
            known.fill(_share(accelerator, sorted(set(itertools.chain(*work[begin : begin + AHEAD])))))
            accelerator.wait_for_everyone()
        said = _backward(accelerator, losses_of, pairs, step, accumulate)
        _add_gradients(accelerator, list(trained.values()))
        return said

    def keep(step: int) -> None:
        if step in config.keep or step == config.steps:
            runs.keep(out, step, trained, rows)

    loop.descend(session, config, work[first:], gradient, name="distil", progress=progress, on_step=on_step, keep=keep)
    del session, optimizer  # twice the weights, no longer needed
    trainable.merge(student)
    if writes and not (first == config.steps and runs.is_finished(out)):
        runs.finish(out, student, cut)


def _losses(
    student, teacher, source, known, weights, config, beside, pairs: list[int], others: list[int], step: int
) -> tuple[Tensor, TransportPlan | None]:
    """The loss of some pairs of a step, which are told apart from the others where a term asks for it; and the plan."""
    products = functools.partial(torch.autocast, student.device.type, torch.bfloat16, enabled=uses_bf16())
    S_ids, S_mask = student.pad([source[i] for i in pairs])
    among = any(name in losses.AMONG for _, name in config.terms())
    H, H_ids, H_mask = known.batch([*pairs, *others] if among else pairs)  # (K, m, d)
    with products():
        S = student(S_ids, S_mask)  # (B, n, d)
    masks = S_mask, H_mask
    if not config.special:
        masks = student.content(S_ids, S_mask), teacher.content(H_ids, H_mask)
    loss, plan = distillation.loss(S.float(), H, S_ids, H_ids, masks, weights, config, step)
    if beside:
        with products():
            loss = loss + beside(pairs)
    return loss, plan


def _backward(accelerator, losses_of: Callable, pairs: list[int], step: int, accumulate: int) -> dict:
    """Gradients of this process's part of a step's loss; the whole loss, and what is known of its plans."""
    own, plan = _share(accelerator, pairs), None
    found = torch.zeros(1, 4, device=accelerator.device)  # sums of loss, converged, iterations; largest marginal error
    for piece in filter(None, (own[part::accumulate] for part in range(accumulate))):
        inside, share = set(piece), len(piece) / len(pairs)
        loss, plan = losses_of(piece, [i for i in pairs if i not in inside], step)
        (loss * share).backward()
        means = [loss.detach()]
        if plan is not None:
            means += [plan.converged.float().mean(), plan.iterations.float().mean()]
            found[0, 3] = torch.maximum(found[0, 3], plan.marginal_error.max())
        found[0, : len(means)] += share * torch.stack(means)
    found = accelerator.gather(found)  # (processes, 4)
    said = dict(zip(("loss", "converged", "iterations"), found.sum(0).tolist(), strict=False))
    said["marginal_error"] = found[:, 3].max().item()
    return said if plan is not None else {"loss": said["loss"]}


def _add_gradients(accelerator, trained: list[nn.Parameter]) -> None:
    """Give each process the sum of all processes' gradients."""
    if accelerator.num_processes > 1:
        # an epoch's last batch may have fewer pairs than there are processes
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        flat = accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "sum")
        for p, part in zip(trained, flat.split([p.numel() for p in trained]), strict=True):
            p.grad = part.view_as(p)


def _agree(accelerator, out: Path, *numbers: int) -> None:
    """Stop where processes would not do the same: another number of steps done, of pairs or of weights to train."""
    found = accelerator.gather(torch.tensor([numbers], device=accelerator.device))
    if (found != found[0]).any():
        raise InputError(
            f"{out}: got processes with {found.tolist()} steps done, pairs and weights to train, expected the same in "
            "each; give every machine the same files and one folder that all of them see"
        )


def _share(accelerator, rows: list[int]) -> list[int]:
    """The rows of this process."""
    return rows[accelerator.process_index :: accelerator.num_processes]


def _open(accelerator, student, teacher, bitext, config, out, progress) -> tuple[Ragged, Ragged, dict]:
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


def _batches(source: Ragged, target: Ragged, config: DistillConfig) -> list[list[int]]:
    """The pairs of each step; in order of length, where the student's side comes first, for it costs the most."""
    batches = distillation.length_batches((source.lengths << 32) + target.lengths, config.batch, config.seed)
    return list(itertools.islice(batches, config.steps))


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
