"""Distil: :func:`optical_lite.distillation.plain` for runs of hours, by one or several processes.

The pairs of a step may be shared out, and a run is the same however many processes or pieces work
at it: what a pair is compared with are English vectors, which are stored and do not train.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .. import distillation, losses, settings
from ..config import DistillConfig
from ..corpora import Bitext, need_pairs
from ..encoder import Encoder
from ..json_files import to_json
from ..kernels.ragged import Ragged
from ..safe_files import hold
from ..settings import InputError, device, launched, precision, seed_everything, uses_bf16
from ..transport import TransportPlan
from . import runs, trainable
from .loop import Session
from .vector_store import VectorStore

if TYPE_CHECKING:
    from accelerate import Accelerator

AHEAD = 50  # steps whose teacher vectors are made at a time


def distill(
    student: Encoder, teacher: Encoder, bitext: Bitext, config: DistillConfig, out: str | Path, *,
    accumulate: int = 1, processes: int | None = None, progress: bool = True,
) -> Path:  # fmt: skip
    """Train a student, in place, on sentence pairs and write a run folder, whose path is returned.

    Parameters
    ----------
    out : see :mod:`.runs`; one of the same configuration and data is resumed, of another refused
    accumulate : pieces that each process cuts its pairs of a step into, for less memory
    processes : how many are expected, by default as many as the launcher says; a launcher may start
        fewer than it was asked for without a word, as ``accelerate launch --cpu`` does
    """
    from accelerate import Accelerator

    need_pairs(bitext, "distill")
    settings.need_whole("accumulate", accumulate, 1, 1024)
    # its own mixed precision is fixed for the life of a process; ours is a setting of each run
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):  # an empty one is unset; not to accelerate
        if not os.environ.get(name, name).strip():
            del os.environ[name]
    wanted, cpu = processes or launched("WORLD_SIZE", 1), device() == "cpu"
    try:
        accelerator = Accelerator(cpu=cpu, mixed_precision="no")
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError(
            f"distill: got {error} from accelerate, expected what torchrun or accelerate launch "
            "sets; unset RANK, WORLD_SIZE, LOCAL_RANK, MASTER_* and ACCELERATE_*"
        ) from error
    if accelerator.num_processes != wanted:
        raise InputError(
            f"distill: got {accelerator.num_processes} processes, expected {wanted}; start them "
            "with torchrun --nproc-per-node, on several machines with --nnodes"
        )
    out, writes = Path(out), accelerator.is_main_process
    how = accelerator, accumulate, progress and writes
    with hold(out) if writes else contextlib.nullcontext():
        _train(student, teacher, bitext, config, out, *how)
    accelerator.wait_for_everyone()  # for what one of them wrote
    return out


def _train(student, teacher, bitext, config, out, accelerator, accumulate, progress) -> None:
    """What :func:`distill` does once it has its processes and the folder."""
    writes = accelerator.is_main_process
    seed_everything(config.seed)
    source, target, cut = distillation.tokens(student, teacher, bitext, config.max_length)
    if not config.special:
        say_blank(student, teacher, source, target, progress)
    for encoder in (student, teacher):
        encoder.put_away()  # from here on there are ids alone
    learning = trainable.learning(student, config, set(itertools.chain.from_iterable(source)))
    asked = {**asdict(config), "keep": list(config.keep)}
    del asked["save_every"]  # it may change from one session to the next
    record = runs.about(asked, bitext, student, teacher)
    _agree(out, **record, precision=precision())
    if writes:
        runs.opened(out / "config.json", record, "a run")
    accelerator.wait_for_everyone()
    trained = trainable.choose(student, config, learning)
    groups = trainable.groups(trained, config)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)
    teacher.eval()
    student.eval()  # no dropout: a random student would not match a fixed teacher token by token
    session = Session(out, trained, optimizer, config, config.save_every, writes)
    first, rows = session.first, student.model.get_input_embeddings().rows
    if first == 0 and writes:
        runs.keep(out, 0, trained, rows)
    _agree(out, steps=first)
    weights = None
    if config.marginals == "idf":
        weights = distillation.idf_weights(student, source, teacher, target)
    # in order of length, where the student's side comes first, for it costs the most
    lengths = (source.lengths << 32) + target.lengths
    batches = distillation.length_batches(lengths, config.batch, config.seed)
    work = list(itertools.islice(batches, config.steps))
    known = VectorStore(teacher, target)
    own = _Part(accelerator, accumulate, student, teacher, source, known, weights, config)

    def gradient(step: int, pairs: list[int]) -> dict:
        # many sentences at once fill their batches better than 32
        if step % AHEAD == 0 or step == first:
            begin = step - step % AHEAD
            soon = sorted(set(itertools.chain(*work[begin : begin + AHEAD])))
            known.fill(own.share(soon))
            accelerator.wait_for_everyone()
        return own.gradient(pairs, list(trained.values()))

    def keep(step: int) -> None:
        if step in config.keep or step == config.steps:
            runs.keep(out, step, trained, rows)

    session.descend(work[first:], gradient, name="distil", progress=progress, keep=keep)
    del session, optimizer  # twice the weights, no longer needed
    trainable.merge(student)
    if writes:  # of a run that had come to its end, too: its student may be damaged
        runs.finish(out, student, cut)


@dataclass
class _Part:
    """What one process does of each step.

    The loss of B pairs is the sum of its pieces' losses, each times its share of the B pairs.
    """

    accelerator: Accelerator
    accumulate: int
    student: Encoder
    teacher: Encoder
    source: Ragged
    known: VectorStore
    weights: tuple[Tensor, Tensor] | None
    config: DistillConfig

    def share(self, rows: list[int]) -> list[int]:
        return rows[self.accelerator.process_index :: self.accelerator.num_processes]

    def gradient(self, pairs: list[int], trained: list[nn.Parameter]) -> dict:
        """Add the gradient of a step's loss, all processes' parts; what the log says of it."""
        own, plan = self.share(pairs), None
        # sums of loss, converged, iterations; largest marginal error
        found = torch.zeros(1, 4, device=self.accelerator.device)
        for piece in filter(None, (own[k :: self.accumulate] for k in range(self.accumulate))):
            inside, share = set(piece), len(piece) / len(pairs)
            loss, plan = self.loss(piece, [i for i in pairs if i not in inside])
            (loss * share).backward()
            means = [loss.detach()]
            if plan is not None:
                means += [plan.converged.float().mean(), plan.iterations.float().mean()]
                found[0, 3] = torch.maximum(found[0, 3], plan.marginal_error.max())
            found[0, : len(means)] += share * torch.stack(means)
        if self.accelerator.num_processes > 1:
            # an epoch's last batch may have fewer pairs than there are processes
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
            flat = self.accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "sum")
            parts = flat.split([p.numel() for p in trained])
            for p, part in zip(trained, parts, strict=True):
                p.grad = part.view_as(p)
        found = self.accelerator.gather(found)  # (processes, 4)
        said = dict(zip(("loss", "converged", "iterations"), found.sum(0).tolist(), strict=False))
        said["marginal_error"] = found[:, 3].max().item()
        return said if plan is not None else {"loss": said["loss"]}

    def loss(self, pairs: list[int], others: list[int]) -> tuple[Tensor, TransportPlan | None]:
        """The loss of some pairs, told apart from the others where a term asks; and the plan."""
        student, config = self.student, self.config
        S_ids, S_mask = student.pad([self.source[i] for i in pairs])
        among = any(name in losses.AMONG for _, name in config.terms())
        H, H_ids, H_mask = self.known.batch([*pairs, *others] if among else pairs)  # (K, m, d)
        with torch.autocast(student.device.type, torch.bfloat16, enabled=uses_bf16()):
            S = student(S_ids, S_mask)  # (B, n, d)
        if not S.isfinite().all():
            raise InputError("distill", "vectors with NaN or infinity", "numbers; lower the rate")
        if not config.special:
            S_mask, H_mask = student.content(S_ids, S_mask), self.teacher.content(H_ids, H_mask)
        masks = S_mask, H_mask
        return distillation.loss(S.float(), H, S_ids, H_ids, masks, self.weights, config)


def _agree(out: Path, **parts: object) -> None:
    """Stop where processes would not do the same: some part of what they have is another."""
    from accelerate.utils import gather_object

    everyone = gather_object([{name: to_json(part) for name, part in parts.items()}])
    if different := [name for name in parts if len({each[name] for each in everyone}) > 1]:
        got = f"processes that differ in {' and '.join(different)}"
        expected = (
            "the same in each; give all of them the same command, files and --precision, and one "
            "folder that all see"
        )
        raise InputError(out, got, expected)


def say_blank(
    student: Encoder, teacher: Encoder, source: Sequence, target: Sequence, aloud: bool
) -> None:
    """Count the pairs with a side that has no known token, from which nothing can be learned."""
    blank = sum(
        student.special.issuperset(mine) or teacher.special.issuperset(theirs)
        for mine, theirs in zip(source, target, strict=True)
    )
    if blank == len(source):
        got = f"{blank:,} pairs, none with a known token on both sides"
        expected = "at least one; check the language and the columns of the bitext"
        raise InputError("distill", got, expected)
    if blank and aloud:
        said = f"{blank:,} of {len(source):,} pairs have a side without a known token"
        print(f"{said} and teach nothing")
