"""Loop: what every training does with a gradient, whatever its loss: clip it, take a step, log and save.

:func:`optical_lite.distillation.plain` is the same loop to read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from torch import nn

from ..config import DistillConfig
from ..distillation import slope
from ..settings import InputError
from .runs import Session


def begin(
    out: Path, trained: dict[str, nn.Parameter], optimizer, config: DistillConfig, save_every: int, writes: bool = True
) -> Session:
    """The session of a training whose rate rises and falls, where it was saved or at its first step.

    Parameters
    ----------
    config : any with ``steps``, ``batch``, ``rate`` and ``warmup``
    save_every, writes : as for :class:`.runs.Session`
    """
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: slope(step, config))
    return Session(out, trained, optimizer, schedule, save_every=save_every, steps=config.steps, writes=writes)


def descend(
    session: Session, config: DistillConfig, items: Iterable[Sequence], gradient: Callable[[int, Sequence], dict], *,
    name: str, progress: bool = True, on_step: Callable[[dict], None] | None = None,
    keep: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """Take the steps that a session still has to take.

    Parameters
    ----------
    items : what each of these steps learns from
    gradient : called with a step and its item: adds the gradient of the step's loss to what the weights have, and
        returns what the log says of it, its ``loss`` among that
    name : of the training, for the bar and for an error
    on_step, keep : called after a step, with the line of the log and with how many steps are done, in the process that
        writes
    """
    from tqdm import tqdm

    total, done = config.steps * config.batch, session.first * config.batch
    bar = tqdm(total=total, initial=done, unit="pair", desc=name, disable=not progress, mininterval=1.0)
    with bar, session:
        for step, item in enumerate(items, session.first):
            said = gradient(step, item)
            norm = float(nn.utils.clip_grad_norm_(session.trained.values(), 1.0))
            rates = session.schedule.get_last_lr()  # of this step: one, or the encoder's and the rows'
            session.optimizer.step()
            session.schedule.step()
            session.optimizer.zero_grad(set_to_none=True)
            if not math.isfinite(said["loss"]):
                raise InputError(
                    f"{name}: got loss {said['loss']} at step {step + 1}, expected a finite number; lower the rate"
                )
            line = {"step": step + 1, "loss": said["loss"], **dict(zip(("rate", "row_rate"), rates, strict=False))}
            line |= {"norm": norm, **said, "pairs": len(item), "seconds": session.seconds}
            if session.writes and keep:
                keep(step + 1)
            session.add(line)
            bar.set_postfix(loss=f"{line['loss']:.4f}", refresh=False)
            bar.update(len(item))
            if session.writes and on_step:
                on_step(line)
